"""The job of a run: its scene and how it is fused, made from the configuration."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import torch

from udaln.experiment.config import method_of
from udaln.experiment.dataset_schema import BadBands, OwnDataset, PairDataset
from udaln.experiment.datasets.own import own_scene
from udaln.experiment.datasets.pair import is_sampled, pair_scene
from udaln.experiment.datasets.pair_files import PairFiles
from udaln.experiment.datasets.simulated import simulated_scene
from udaln.experiment.output import output_format
from udaln.experiment.preparation import Aligned, FusionOptions, align
from udaln.experiment.schema import Config, DegradationConfig, PsfShape, Refine, Source
from udaln.io.pair import Pair
from udaln.io.write import check_output
from udaln.methods.training.trainer import root_device
from udaln.physics.instruments import on_grid
from udaln.scene import DroppedBands, Scene


@dataclass(frozen=True)
class Job:
    """A scene and how it is fused.

    Attributes:
        config: The configuration.
        folder: The folder of the run.
        pair: The images on disk; None if the pair is simulated.
        streamed: Whether the pair is fused window by window.
        aligned: The scene that the method is fitted to, aligned, and its degradation.
        options: How the scene is fused.
        device: Where it is fused.
        check: Whether the reduced-resolution check is done.
        image_file: The file of the fused image.
    """

    config: Config
    folder: Path
    pair: Pair | None
    streamed: bool
    aligned: Aligned
    options: FusionOptions
    device: torch.device
    check: bool
    image_file: Path

    @property
    def scene(self) -> Scene:
        """The scene that the method is fitted to, aligned."""
        return self.aligned.scene

    @property
    def filled_bands(self) -> DroppedBands | None:
        """The bands that are not in use in the scene and are filled in in the fused image; None if there are none."""
        dataset = self.config.dataset
        filled = isinstance(dataset, PairDataset) and dataset.bad_bands is BadBands.fill
        return self.scene.dropped_bands if filled else None


def prepare(config: Config, folder: Path, files: PairFiles | None) -> Job:
    """Make the scene and decide how it is fused. Nothing is written.

    Args:
        config: The configuration.
        folder: The folder of the run.
        files: The files of a real pair, open; None if the pair is simulated.

    Raises:
        InputError: If the configuration asks for what cannot be done.
    """
    method = method_of(config)
    own = isinstance(config.dataset, OwnDataset)
    real = config.dataset.real if own else files is not None
    streamed = files is not None and is_sampled(files.pair, config.memory)
    instruments = config.instruments
    if not (real and method.tells_instruments_apart):
        instruments = instruments.without_open()
    pair: Pair | None = None
    if own:
        scene = own_scene(config)
    elif files is None:
        scene = simulated_scene(config)
    else:
        scene, pair = pair_scene(config, files, shift=instruments.shift is not False)
        instruments = on_grid(instruments, georeferenced=pair.grid is not None, streamed=streamed)
    scene = _with_truth_known(scene, config.degradation)
    image_file = folder / f"fused.{output_format(config.output, pair)}"
    check_output(image_file, key="output", georeferenced=pair is not None and pair.grid is not None)
    trust = config.trust.resolved(real=real, streamed=streamed)
    options = FusionOptions(
        method,
        refine=config.refine is Refine.consistent,
        instruments=instruments,
        known_psf=config.degradation.psf is not Source.estimated,
        known_srf=config.degradation.srf is not Source.estimated,
        gaussian=config.degradation.shape is PsfShape.gaussian,
        kernel_size=config.scale.kernel_size,
        uncertainty=bool(trust.uncertainty),
        metrics=config.metrics,
    )
    aligned = align(scene, options)
    trainer = config.trainer
    device = root_device(trainer.accelerator, trainer.precision, trainer.devices if config.stages else 1)
    return Job(config, folder, pair, streamed, aligned, options, device, bool(trust.check), image_file)


def _with_truth_known(scene: Scene, degradation: DegradationConfig) -> Scene:
    """The scene, with that PSF and that SRF known of which the truth is to be used."""
    true = {name: getattr(scene.truth, name) for name in ("psf", "srf") if getattr(degradation, name) is Source.true}
    return replace(scene, known=replace(scene.known, **true)) if true else scene
