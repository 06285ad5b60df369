"""Folders of runs as a run leaves them, without running anything."""

import json

import matplotlib.image
import numpy as np
from omegaconf import OmegaConf


def settings(**changed):
    """The configuration of a run; a key with two underscores for a dot."""
    config = OmegaConf.create(
        {
            "dataset": {"name": "muufl", "noise_seed": 0, "snr_hsi": None},
            "scale": {"name": "x5", "factor": 5},
            "method": {"name": "closed_form"},
            "stages": None,
            "refine": "consistent",
            "seed": 0,
        }
    )
    for key, value in changed.items():
        OmegaConf.update(config, key.replace("__", "."), value, force_add=True)
    return config


def write_run(folder, figures=None, *, rows=(), picture=False, **changed):
    """Write a finished run; an unfinished one without figures."""
    folder.mkdir(parents=True)
    OmegaConf.save(settings(**changed), folder / "config.yaml")
    if figures is not None:
        (folder / "metrics.json").write_text(json.dumps(figures))
    if rows:
        names = list(rows[0])
        lines = [",".join(names), *(",".join(str(row[name]) for name in names) for row in rows)]
        (folder / "stages.csv").write_text("\n".join(lines) + "\n")
    if picture:
        matplotlib.image.imsave(folder / "overview.png", np.random.default_rng(0).random((30, 40, 3)))
    return folder
