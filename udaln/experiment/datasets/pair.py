"""From a dataset's configuration to the real pair it describes, and to the scene that is trained on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from udaln.errors import InputError
from udaln.experiment.dataset_schema import BadBands, PairDataset
from udaln.experiment.datasets.sensors import covered, matrix, read_psf, responses, wavelengths_of
from udaln.experiment.datasets.simulated import called
from udaln.experiment.schema import Config, Memory, Source
from udaln.io.assembly import assemble_scene
from udaln.io.cubes import read_matrix
from udaln.io.formats import open_image
from udaln.io.image import Image
from udaln.io.overlap import overlap
from udaln.io.pair import Pair
from udaln.io.sample import find_shift, plots, sample
from udaln.io.srf_files import read_srf
from udaln.io.views import masked
from udaln.scene import Known, Scene, Truth

NAMES = {"lr_hsi": "LR-HSI", "hr_msi": "HR-MSI"}
STRIP = 64  # rows
UNUSABLE = ("mask", "nodata", "saturation")  # what a configuration says that leaves values without use


@contextmanager
def open_pair(config: Config, *, without: tuple[str, ...] = ()) -> Iterator[Pair]:
    """The pair that a configuration asks for, to be read as long as the block lasts.

    Args:
        config: Of a ``PairDataset``.
        without: Which of ``UNUSABLE`` is left aside.

    Raises:
        InputError: If a file cannot be used or the two do not fit.
    """
    dataset: PairDataset = config.dataset
    with ExitStack() as stack:
        limits = dict(zip(NAMES, _saturation(dataset.saturation), strict=True))
        images = []
        for name in NAMES:
            image = stack.enter_context(_open(dataset, name))
            file = None if "mask" in without else getattr(dataset, f"{name}_mask")
            mask = None if file is None else stack.enter_context(_open_mask(file, name, image))
            nodata = None if "nodata" in without else dataset.nodata
            saturation = None if "saturation" in without else limits[name]
            images.append(masked(image, mask=mask, nodata=nodata, saturation=saturation))
        found = overlap(images[0], images[1], resample=dataset.resample, scale=config.scale.factor)
        if (config.scale.kernel_size or found.scale) < found.scale:
            raise InputError(
                f"scale.kernel_size: expected at least the scale factor {found.scale}, got {config.scale.kernel_size}"
            )
        yield found


def pair_scene(config: Config, pair: Pair, *, shift: bool = False) -> tuple[Scene, Pair]:
    """What is trained on: a pair whole or, where it has more pixels than ``memory.sample``, plots of it.

    Args:
        config: The configuration.
        pair: Open.
        shift: Of a pair that is too large: look for a shift and take it out, by whole HR pixels.

    Returns:
        The scene, and the pair as the shift found puts it together.
    """
    dataset: PairDataset = config.dataset
    bands, msi_bands = pair.lr_hsi.shape[2], pair.hr_msi.shape[2]
    keys = {
        "LR-HSI": f"dataset.lr_hsi: {dataset.lr_hsi}",
        "HR-MSI": f"dataset.hr_msi: {dataset.hr_msi}",
        "true SRF": f"dataset.true_srf: {dataset.true_srf}",
        "bad_bands": "dataset.bad_bands",
    }
    with called(keys):
        if msi_bands > bands:
            raise InputError(f"HR-MSI: expected no more bands than the LR-HSI's {bands}, got {msi_bands}")
        wavelengths = wavelengths_of(dataset.wavelengths, bands)
        if wavelengths is None:
            wavelengths = pair.lr_hsi.bands.wavelengths
        srf = responses(config, bands, wavelengths, dataset.srf, pair.hr_msi.bands)
        if srf is not None and len(srf.names) != msi_bands:
            key = "sensor" if dataset.srf is None else f"dataset.srf: {dataset.srf}"
            raise InputError(f"{key}: expected {msi_bands} MSI bands as in dataset.hr_msi, got {len(srf.names)}")
        true_srf = None if dataset.true_srf is None else read_srf(dataset.true_srf, bands, key="dataset.true_srf")
        if wavelengths is None and srf is not None:
            wavelengths = srf.wavelengths
        support = covered(config, (bands, msi_bands), wavelengths, srf, dataset.srf)
        if shift and sampled(pair, config.memory):
            down, right = (round(part) for part in find_shift(pair, support, config.seed))
            if down or right:
                said = f"shift: {down:+d} rows and {right:+d} columns [HR pixels] by what the images show, taken out"
                pair = replace(pair.shifted(down, right), notes=(*pair.notes, said))
        lr_hsi, hr_msi = values_of(pair, config.memory, config.seed)
        for name, image in (("lr_hsi", lr_hsi), ("hr_msi", hr_msi)):
            if not torch.isfinite(image.float()).any():  # the networks calculate in float32
                raise InputError(_why_empty(config, name))
        lr_holds, hr_holds = (torch.isfinite(image.float()) for image in (lr_hsi, hr_msi))
        keep = dataset.bad_bands is BadBands.keep
        if pair.lr_hsi.bands.good is not None and not keep:
            lr_holds &= torch.from_numpy(pair.lr_hsi.bands.good)
        scene = assemble_scene(
            lr_hsi,
            hr_msi,
            support,
            lr_valid=lr_holds,
            hr_valid=hr_holds,
            keep=keep,
            wavelengths=None if wavelengths is None else torch.from_numpy(wavelengths),
            known=Known(read_psf(dataset.psf, pair.scale, "dataset.psf"), matrix(srf)),
            truth=Truth(psf=read_psf(dataset.true_psf, pair.scale, "dataset.true_psf"), srf=matrix(true_srf)),
        )
    for name in ("psf", "srf"):
        if getattr(config.degradation, name) is Source.known and getattr(scene.known, name) is None:
            raise InputError(f"dataset.{name}: expected a file for degradation.{name}=known, got none")
    return scene, pair


def sampled(pair: Pair, memory: Memory) -> bool:
    """Whether a pair is trained on plots of it and fused window by window."""
    return pair.sides[0] * pair.sides[1] > memory.sample


def values_of(pair: Pair, memory: Memory, seed: int) -> tuple[Tensor, Tensor]:
    """LR-HSI and HR-MSI: whole or, of a large pair, in plots."""
    if sampled(pair, memory):
        return sample(pair, plots(pair, memory.sample, seed))
    return pair.read((slice(0, pair.sides[0]), slice(0, pair.sides[1])))


def _open(dataset: PairDataset, name: str) -> Any:
    variable = getattr(dataset, f"{name}_variable")
    key = f"dataset.{name}"
    return open_image(getattr(dataset, name), variable, key=key, variable_key=f"{key}_variable")


@contextmanager
def _open_mask(path: str, name: str, image: Image) -> Iterator[Image]:
    key = f"dataset.{name}_mask"
    with ExitStack() as stack:
        if Path(path).suffix.lower() in (".mat", ".npy"):
            values = read_matrix(path, key=key).astype(np.float32)[..., None]
            mask = Image(path, "mask", values.shape, values.dtype, lambda rows, cols: values[rows, cols])
        else:
            mask = stack.enter_context(open_image(path, key=key))
        if mask.shape != (*image.shape[:2], 1):
            expected, got = ("×".join(map(str, shape)) for shape in (image.shape[:2], mask.shape))
            raise InputError(f"{key}: {path}: expected {expected}, got {got.removesuffix('×1')}")
        yield mask


def _why_empty(config: Config, name: str) -> str:
    """What leaves an image without a value."""
    what = f"dataset.{name}: {getattr(config.dataset, name)}"
    for count in range(len(UNUSABLE) + 1):
        with open_pair(config, without=UNUSABLE[count:]) as pair:
            image = pair.lr_hsi if name == "lr_hsi" else pair.hr_msi
            if _holds_something(image):
                continue
        if not count:
            return f"{what}: expected finite values, got NaN or infinite ones only"
        key = f"dataset.{UNUSABLE[count - 1]}"
        if key == "dataset.mask":
            mask = getattr(config.dataset, f"{name}_mask")
            return f"dataset.{name}_mask: {mask}: expected it to leave some pixels with data, got none"
        return f"{key}: expected it to leave some values of the {NAMES[name]}, got none"
    return f"{what}: expected values in the plots that are trained on, got none"


def _holds_something(image: Image) -> bool:
    """Whether any value is a measurement; a few rows are in memory at a time."""
    rows, columns, _ = image.shape
    strips = (image.read(slice(top, min(rows, top + STRIP)), slice(0, columns)) for top in range(0, rows, STRIP))
    return any(bool(np.isfinite(strip.astype(np.float32)).any()) for strip in strips)


def _saturation(given: Any) -> tuple[float | None, float | None]:
    """The values from which on the LR-HSI and the HR-MSI are saturated."""
    first, *others = given if isinstance(given, list) else [given, given]
    if len(others) != 1 or not all(isinstance(limit, int | float | None) for limit in (first, *others)):
        raise InputError(f"dataset.saturation: expected a number, [LR-HSI, HR-MSI] or null, got {given!r}")
    return first, others[0]
