"""The scene of a dataset of one's own kind."""

from __future__ import annotations

from typing import Any

from udaln.errors import InputError
from udaln.experiment.dataset_schema import OwnDataset
from udaln.experiment.schema import Config, Support
from udaln.scene import Scene


def own_scene(config: Config) -> Scene:
    """Let a dataset of one's own make its scene.

    Args:
        config: The configuration, with an ``OwnDataset``.

    Raises:
        InputError: If the scene has another scale factor than the configuration asks for, or the configuration has
            settings that are for other kinds of datasets.
    """
    dataset: OwnDataset = config.dataset
    unused: dict[str, Any] = {
        "sensor": config.sensor and config.sensor.name,
        "scale.fwhm": config.scale.fwhm,
        "support": None if config.support is Support.auto else config.support.name,
    }
    for key, value in unused.items():
        if value is not None:
            raise InputError(f"{key}: expected none for dataset={dataset.kind}, which makes its own scene, got {value}")
    scene = dataset.scene(config.scale.factor)
    if config.scale.factor not in (None, scene.scale):
        raise InputError(
            f"scale.factor: expected {scene.scale}, that of the scene of dataset={dataset.kind}, "
            f"got {config.scale.factor}; try scale=auto"
        )
    return scene
