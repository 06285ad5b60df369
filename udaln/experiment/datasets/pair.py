"""From a real pair, open, to the scene that is trained on."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from udaln.errors import InputError
from udaln.experiment.dataset_schema import BadBands, PairDataset
from udaln.experiment.datasets.pair_files import PairFiles
from udaln.experiment.datasets.sensors import (
    Wavelengths,
    normalised_response,
    read_psf,
    responses,
    support_matrix,
    wavelengths_of,
)
from udaln.experiment.error_keys import errors_name_key
from udaln.experiment.schema import Config, DegradationConfig, Memory, Source
from udaln.io.assembly import assemble_scene
from udaln.io.pair import Pair
from udaln.io.sample import find_shift, plots, sample
from udaln.io.srf_files import read_srf
from udaln.io.striped_lines import without_striped_lines
from udaln.physics.srf import SRF
from udaln.scene import Known, Scene, Truth


def pair_scene(config: Config, files: PairFiles, *, shift: bool = False) -> tuple[Scene, Pair]:
    """The scene that is trained on: the pair whole or, where it has more pixels than ``memory.sample``, plots of it.

    Args:
        config: The configuration, with a ``PairDataset``.
        files: Open.
        shift: Whether the shift of a pair that is trained on in plots is estimated and removed, by whole HR pixels.

    Returns:
        The scene, and the pair without the shift.

    Raises:
        InputError: If a file cannot be used, an image has no values, or images and sensors do not fit together.
    """
    dataset: PairDataset = config.dataset
    keys = {
        "LR-HSI": f"dataset.lr_hsi: {dataset.lr_hsi}",
        "HR-MSI": f"dataset.hr_msi: {dataset.hr_msi}",
        "true SRF": f"dataset.true_srf: {dataset.true_srf}",
        "bad_bands": "dataset.bad_bands",
    }
    pair = files.pair
    with errors_name_key(keys):
        sensors = _sensors(config, pair)
        if dataset.bad_bands is not BadBands.keep:
            pair = without_striped_lines(pair, sensors.support)
        if shift and is_sampled(pair, config.memory):
            pair = _without_shift(pair, sensors.support, config.seed)
        lr_hsi, hr_msi = training_images(pair, config.memory, config.seed)
        for name, image in (("lr_hsi", lr_hsi), ("hr_msi", hr_msi)):
            if not torch.isfinite(image.float()).any():  # the networks calculate in float32
                raise InputError(files.why_empty(name))
        scene = _assemble(dataset, pair, (lr_hsi, hr_msi), sensors)
    _check_given(config.degradation, scene)
    return scene, pair


def is_sampled(pair: Pair, memory: Memory) -> bool:
    """Whether a pair is trained on in plots and fused window by window."""
    return pair.sides[0] * pair.sides[1] > memory.sample


def training_images(pair: Pair, memory: Memory, seed: int) -> tuple[Tensor, Tensor]:
    """LR-HSI and HR-MSI to train on: whole or, of a large pair, a mosaic of plots."""
    if is_sampled(pair, memory):
        return sample(pair, plots(pair, memory.sample, seed))
    return pair.read((slice(0, pair.sides[0]), slice(0, pair.sides[1])))


@dataclass(frozen=True)
class _Sensors:
    """What configuration and files say of the sensors.

    Attributes:
        wavelengths: Of the LR-HSI's bands [nm], if known.
        srf: The SRF, if known.
        true_srf: For reporting only, if known.
        support: C×c bool, the hyperspectral bands that each MSI band may cover.
    """

    wavelengths: Wavelengths
    srf: SRF | None
    true_srf: SRF | None
    support: Tensor


def _sensors(config: Config, pair: Pair) -> _Sensors:
    dataset: PairDataset = config.dataset
    bands, msi_bands = pair.lr_hsi.shape[2], pair.hr_msi.shape[2]
    if msi_bands > bands:
        raise InputError(f"HR-MSI: expected no more bands than the LR-HSI's {bands}, got {msi_bands}")
    wavelengths = wavelengths_of(dataset.wavelengths, bands)
    if wavelengths is None:
        wavelengths = pair.lr_hsi.bands.wavelengths
    srf = responses(config.sensor, config.support, bands, wavelengths, dataset.srf, pair.hr_msi.bands)
    if srf is not None and len(srf.names) != msi_bands:
        key = "sensor" if dataset.srf is None else f"dataset.srf: {dataset.srf}"
        raise InputError(f"{key}: expected {msi_bands} MSI bands as in dataset.hr_msi, got {len(srf.names)}")
    true_srf = None if dataset.true_srf is None else read_srf(dataset.true_srf, bands, key="dataset.true_srf")
    if wavelengths is None and srf is not None:
        wavelengths = srf.wavelengths
    support = support_matrix(config.sensor, config.support, (bands, msi_bands), wavelengths, srf, dataset.srf)
    return _Sensors(wavelengths, srf, true_srf, support)


def _without_shift(pair: Pair, support: Tensor, seed: int) -> Pair:
    """The pair with the estimated shift between its images removed, by whole HR pixels."""
    down, right = (round(component) for component in find_shift(pair, support, seed))
    if not down and not right:
        return pair
    note = f"shift: {down:+d} rows and {right:+d} columns [HR pixels] by what the images show, taken out"
    return replace(pair.shifted(down, right), notes=(*pair.notes, note))


def _assemble(dataset: PairDataset, pair: Pair, images: tuple[Tensor, Tensor], sensors: _Sensors) -> Scene:
    lr_valid, hr_valid = (torch.isfinite(image.float()) for image in images)
    good = pair.lr_hsi.bands.good
    psf, true_psf = (
        read_psf(getattr(dataset, name), pair.scale, key=f"dataset.{name}") for name in ("psf", "true_psf")
    )
    return assemble_scene(
        *images,
        sensors.support,
        lr_valid=lr_valid,
        hr_valid=hr_valid,
        keep=dataset.bad_bands is BadBands.keep,
        flagged=None if good is None else torch.from_numpy(~good),
        wavelengths=None if sensors.wavelengths is None else torch.from_numpy(sensors.wavelengths),
        known=Known(psf, normalised_response(sensors.srf)),
        truth=Truth(psf=true_psf, srf=normalised_response(sensors.true_srf)),
    )


def _check_given(degradation: DegradationConfig, scene: Scene) -> None:
    """Check that the scene has what is not to be estimated."""
    for name in ("psf", "srf"):
        source = getattr(degradation, name)
        if source is Source.known and getattr(scene.known, name) is None:
            raise InputError(f"dataset.{name}: expected a file for degradation.{name}=known, got none")
        if source is Source.true and getattr(scene.truth, name) is None:
            raise InputError(
                f"dataset.true_{name}: expected a file for degradation.{name}=true, as a pair of files has no truth of "
                f"its own, got none; degradation.{name}=estimated needs none"
            )
