"""The files of a real pair, open, with the values masked that are not to be used."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from udaln.errors import InputError
from udaln.experiment.dataset_schema import PairDataset
from udaln.experiment.schema import ScaleConfig
from udaln.io.cubes import read_matrix
from udaln.io.formats import open_image
from udaln.io.image import Image
from udaln.io.overlap import overlap
from udaln.io.pair import Pair
from udaln.io.views import masked

TITLES = {"lr_hsi": "LR-HSI", "hr_msi": "HR-MSI"}
RULES = ("mask", "nodata", "saturation")  # what makes values invalid
STRIP = 64  # rows that are in memory at a time


@dataclass(frozen=True)
class ImageFile:
    """One image of a pair, and what in it is invalid.

    Attributes:
        name: ``lr_hsi`` or ``hr_msi``.
        image: As its file has it.
        mask: Image of one band, non-zero where a pixel is invalid.
        nodata: The value that means no data.
        saturation: Values from this one on are invalid.
    """

    name: str
    image: Image
    mask: Image | None
    nodata: float | None
    saturation: float | None

    def masked(self, rules: Sequence[str]) -> Image:
        """The image with NaN where one of these rules makes a value invalid."""
        return masked(self.image, **{rule: getattr(self, rule) for rule in rules})


@dataclass(frozen=True)
class PairFiles:
    """The two files of a pair, open.

    Attributes:
        lr_hsi: The LR-HSI.
        hr_msi: The HR-MSI.
        resample: Whether an LR-HSI whose pixels do not nest in those of the HR-MSI is resampled.
        scale: The scale factor that the configuration asks for; None if any will do.
    """

    lr_hsi: ImageFile
    hr_msi: ImageFile
    resample: bool
    scale: int | None

    @cached_property
    def pair(self) -> Pair:
        """The overlap of the two images, with NaN for invalid values.

        Raises:
            InputError: If they do not make a pair.
        """
        return self._masked_pair(RULES)

    def why_empty(self, name: str) -> str:
        """Message for an image of which no value is left to train on: the rule that removes the last values.

        Args:
            name: ``lr_hsi`` or ``hr_msi``.
        """
        file: ImageFile = getattr(self, name)
        key = f"dataset.{name}: {file.image.path}"
        if not self._has_values(name, ()):
            return f"{key}: expected finite values, got NaN or infinite ones only"
        for count, rule in enumerate(RULES, 1):
            if self._has_values(name, RULES[:count]):
                continue
            if rule == "mask":
                assert file.mask is not None
                return f"dataset.{name}_mask: {file.mask.path}: expected it to leave some pixels with data, got none"
            return f"dataset.{rule}: expected it to leave some values of the {TITLES[name]}, got none"
        return f"{key}: expected values in the plots that are trained on, got none"

    def _masked_pair(self, rules: Sequence[str]) -> Pair:
        lr_hsi, hr_msi = self.lr_hsi.masked(rules), self.hr_msi.masked(rules)
        return overlap(lr_hsi, hr_msi, resample=self.resample, scale=self.scale)

    def _has_values(self, name: str, rules: Sequence[str]) -> bool:
        """Whether an image has any finite value within the overlap if only these rules are applied."""
        image: Image = getattr(self._masked_pair(rules), name)
        rows, columns, _ = image.shape
        strips = (image.read(slice(top, min(rows, top + STRIP)), slice(0, columns)) for top in range(0, rows, STRIP))
        return any(bool(np.isfinite(strip.astype(np.float32)).any()) for strip in strips)


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
        limits = dict(zip(TITLES, _saturation_limits(dataset.saturation), strict=True))
        lr_hsi, hr_msi = (stack.enter_context(_open_file(dataset, name, limits[name])) for name in TITLES)
        files = PairFiles(lr_hsi, hr_msi, dataset.resample, scale.factor)
        factor = files.pair.scale
        if (scale.kernel_size or factor) < factor:
            raise InputError(f"scale.kernel_size: expected at least the scale factor {factor}, got {scale.kernel_size}")
        yield files


@contextmanager
def _open_file(dataset: PairDataset, name: str, saturation: float | None) -> Iterator[ImageFile]:
    key, mask_path = f"dataset.{name}", getattr(dataset, f"{name}_mask")
    with ExitStack() as stack:
        variable = getattr(dataset, f"{name}_variable")
        image = stack.enter_context(
            open_image(getattr(dataset, name), variable, key=key, variable_key=f"{key}_variable")
        )
        mask = None if mask_path is None else stack.enter_context(_open_mask(mask_path, f"{key}_mask", image))
        yield ImageFile(name, image, mask, dataset.nodata, saturation)


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


def _saturation_limits(saturation: Any) -> tuple[float | None, float | None]:
    """The values from which on the LR-HSI and the HR-MSI are saturated."""
    first, *others = saturation if isinstance(saturation, list) else [saturation, saturation]
    if len(others) != 1 or not all(isinstance(limit, int | float | None) for limit in (first, *others)):
        raise InputError(f"dataset.saturation: expected a number, [LR-HSI, HR-MSI] or null, got {saturation!r}")
    return first, others[0]
