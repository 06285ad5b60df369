"""What of the arguments of Lightning's Trainer can be set, and why the others cannot."""

from __future__ import annotations

_STEPS = "stages.STAGE.steps= says how long a stage trains"
_NO_VALIDATION = "there is no validation data: training is unsupervised"

REFUSED = {
    "accumulate_grad_batches": "a step sees all of its blocks at once; stages.STAGE.blocks= says how many",
    "barebones": "it switches off checkpoints and figures; logger=none and a larger monitor.every= save their time",
    "callbacks": "they are named by +callbacks.NAME=…",
    "check_val_every_n_epoch": _NO_VALIDATION,
    "default_root_dir": "files are written to hydra.run.dir=",
    "enable_autolog_hparams": "the settings of a run are always logged",
    "enable_checkpointing": "resuming needs checkpoints; +callbacks.ModelCheckpoint={…} writes others",
    "enable_model_summary": "parameters in metrics.json counts the numbers of a model",
    "enable_progress_bar": "udaln shows its own progress bars, on a terminal only",
    "fast_dev_run": "experiment=debug runs every part of the program in seconds",
    "gradient_clip_algorithm": "gradients are clipped by their norm, +stages.STAGE.gradient_clip_val=",
    "gradient_clip_val": "a stage takes its steps itself, so it clips itself: +stages.STAGE.gradient_clip_val=",
    "inference_mode": _NO_VALIDATION,
    "limit_predict_batches": _NO_VALIDATION,
    "limit_test_batches": _NO_VALIDATION,
    "limit_train_batches": _STEPS,
    "limit_val_batches": _NO_VALIDATION,
    "log_every_n_steps": "monitor.every= says after how many steps figures and losses are logged",
    "logger": "it is named by logger=",
    "max_epochs": _STEPS,
    "max_steps": _STEPS,
    "min_epochs": _STEPS,
    "min_steps": _STEPS,
    "model_registry": "logger=mlflow with logger_settings= says where a run is recorded",
    "num_nodes": "the processes of a run are on one machine; trainer.devices= says how many",
    "num_sanity_val_steps": _NO_VALIDATION,
    "overfit_batches": "a stage sees one scene, all of it unless stages.STAGE.blocks= is set",
    "plugins": "modules of your own are named by plugins= without trainer",
    "reload_dataloaders_every_n_epochs": "the data are one scene, which does not change",
    "strategy": "trainer.devices= shares the blocks of a step among processes",
    "sync_batchnorm": "no network here normalises batches",
    "use_distributed_sampler": "stages share the blocks of a step themselves",
    "val_check_interval": _NO_VALIDATION,
}
PROFILERS = ("simple", "advanced")
