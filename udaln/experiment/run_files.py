"""The names of the files by which the folder of a run tells its settings and how far it came."""

CONFIG, CHECKPOINT, METRICS = "config.yaml", "resume.ckpt", "metrics.json"
STAGES, LOG, OVERVIEW = "stages.csv", "udaln.log", "overview.png"
ERROR = "error.txt"  # why a job of a sweep failed; on its first line
