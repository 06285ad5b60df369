"""The files of a real pair, open, with the values masked that are not to be used."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from udaln.errors import InputError
from udaln.experiment.dataset_schema import BadBands, PairDataset
from udaln.experiment.schema import ScaleConfig
from udaln.io.coarse_stack import with_sharpened_bands
from udaln.io.cubes import read_matrix
from udaln.io.formats import open_image
from udaln.io.image import Cause, Image
from udaln.io.missing import has_values, largest_share, shares
from udaln.io.overlap import overlap
from udaln.io.pair import Pair
from udaln.io.pair_fill import without_pair_fill
from udaln.io.views import masked

SATURATION = "dataset.saturation"
MANY = 0.1  # fraction of a band of the HR-MSI without which the image is less accurate than with clipped values
ALL = 0.99  # fraction that is a mistake
TITLES = {"lr_hsi": "LR-HSI", "hr_msi": "HR-MSI"}


@dataclass(frozen=True)
class PairFiles:
    """The two files of a pair, open; what is no measurement is NaN.

    Attributes:
        lr_hsi: The LR-HSI.
        hr_msi: The HR-MSI.
        resample: Whether an LR-HSI whose pixels do not nest in those of the HR-MSI is resampled.
        scale: The scale factor that the configuration asks for; None if any will do.
    """

    lr_hsi: Image
    hr_msi: Image
    resample: bool
    scale: int | None

    @cached_property
    def pair(self) -> Pair:
        """The overlap of the two images.

        Raises:
            InputError: If they do not make a pair.
        """
        return overlap(self.lr_hsi, self.hr_msi, resample=self.resample, scale=self.scale)

    def why_empty(self, name: str) -> str:
        """Message for an image of which no value is left to train on: the cause that removes the last values.

        Args:
            name: ``lr_hsi`` or ``hr_msi``.
        """
        image: Image = getattr(self.pair, name)
        key = f"dataset.{name}: {image.path}"
        if has_values(image):
            return f"{key}: expected values in the plots that are trained on, got none"
        removed, _ = shares(image)
        if not removed:
            return f"{key}: expected finite values in the overlap, got NaN or infinite ones only"
        cause, _ = removed[-1]
        if not cause.key:
            return f"{key}: expected values with data in the overlap, got none: {cause.what}"
        return f"{cause.key}: expected it to leave some values of the {TITLES[name]}, got none"


@contextmanager
def open_pair(dataset: PairDataset, scale: ScaleConfig) -> Iterator[PairFiles]:
    """Open the files of a pair; they can be read as long as the block lasts.

    Args:
        dataset: The files, and what in them is invalid.
        scale: The scale factor and the side of the PSF's window, where they are fixed.

    Raises:
        InputError: If a file cannot be used, the two do not make a pair, or the PSF's window is smaller than an LR
            pixel.
    """
    with ExitStack() as stack:
        lr_hsi, hr_msi = (stack.enter_context(_open_file(dataset, name)) for name in TITLES)
        files = PairFiles(lr_hsi, hr_msi, dataset.resample, scale.factor)
        factor = files.pair.scale
        if (scale.kernel_size or factor) < factor:
            raise InputError(f"scale.kernel_size: expected at least the scale factor {factor}, got {scale.kernel_size}")
        hr_msi = without_pair_fill(hr_msi, files.pair)
        if dataset.bad_bands is not BadBands.keep:
            hr_msi = with_sharpened_bands(hr_msi, factor)
        files = files if hr_msi is files.hr_msi else replace(files, hr_msi=hr_msi)
        yield files


@contextmanager
def _open_file(dataset: PairDataset, name: str) -> Iterator[Image]:
    key, mask_path = f"dataset.{name}", getattr(dataset, f"{name}_mask")
    with ExitStack() as stack:
        image = stack.enter_context(_open_image(dataset, name, _limit(dataset, name)))
        share = largest_share(image, SATURATION) if name == "hr_msi" else 0.0
        if MANY < share < ALL:
            image = stack.enter_context(_open_image(dataset, name, None))
            note = (
                f"{SATURATION}: {100 * share:.2g} % of a band's values are saturated; they are used as they are, since "
                "without so many of them the image would be less accurate"
            )
            image = replace(image, notes=(*image.notes, note))
        if mask_path is not None:
            image = masked(image, _mask(stack.enter_context(_open_mask(mask_path, f"{key}_mask", image)), key))
        yield image


def _limit(dataset: PairDataset, name: str) -> float | None:
    """The number from which on values of an image are saturated; None if they never are."""
    limits = _numbers("saturation", dataset.saturation, name, ordered=True)
    return limits[0] if limits else None


def _open_image(dataset: PairDataset, name: str, saturation: float | None) -> AbstractContextManager[Image]:
    key = f"dataset.{name}"
    return open_image(
        getattr(dataset, name),
        getattr(dataset, f"{name}_variable"),
        key=key,
        variable_key=f"{key}_variable",
        nodata=_numbers("nodata", dataset.nodata, name),
        saturation=saturation,
        find_fill=True,
    )


def _mask(mask: Image, key: str) -> Cause:
    """The mask of an image as a cause.

    Pixels that the mask has no data for are invalid, too, unless 0 is the mask's own no-data value.
    """

    def flags(rows: slice, cols: slice) -> NDArray[np.bool_]:
        values = mask.read(rows, cols)
        return np.where(np.isnan(values), mask.nodata != 0, values != 0)

    key = f"{key}_mask: {mask.path}"
    return Cause(key, flags, key)


@contextmanager
def _open_mask(path: str, key: str, image: Image) -> Iterator[Image]:
    """Open the mask of an image: a matrix or a raster of one band."""
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


def _numbers(key: str, setting: Any, name: str, *, ordered: bool = False) -> list[float]:
    """The numbers of a setting that are meant for an image.

    Args:
        key: ``nodata`` or ``saturation``.
        setting: A number, a list of numbers, one of either under the name of each image, or None.
        name: ``lr_hsi`` or ``hr_msi``.
        ordered: Whether a list has one number for each image instead.
    """
    value = setting
    if isinstance(value, dict) and set(value) <= set(TITLES):
        value = value.get(name)
    elif ordered and isinstance(value, list):
        value = value[list(TITLES).index(name)] if len(value) == len(TITLES) else value
    numbers = value if isinstance(value, list) else [] if value is None else [value]
    if not all(isinstance(number, int | float) for number in numbers) or (ordered and len(numbers) > 1):
        several = "[LR-HSI, HR-MSI]" if ordered else "a list of numbers"
        raise InputError(
            f"dataset.{key}: expected a number, {several}, {{lr_hsi: …, hr_msi: …}} or null, got {setting!r}"
        )
    return [float(number) for number in numbers]
