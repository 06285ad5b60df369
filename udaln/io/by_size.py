"""Two images without georeferencing become a pair by their sizes."""

from __future__ import annotations

from udaln.errors import InputError
from udaln.io.image import Image
from udaln.io.pair import Pair
from udaln.io.pair_notes import crs_note, own_pixels
from udaln.io.views import bands_moved_last


def pair_by_size(lr_hsi: Image, hr_msi: Image, prefix: str) -> Pair:
    """The pair that the sizes alone imply; messages begin with ``prefix``.

    A cube without metadata whose sizes fit only with its first axis for the bands is taken for one with bands first.
    """
    others = [(one, other) for one in _orders(lr_hsi) for other in _orders(hr_msi) if one.shape[2] >= other.shape[2]]
    chosen = next((choice for choice in [(lr_hsi, hr_msi), *others] if _factor(*choice)), None)
    if chosen is None:
        (h, w, _), (rows, columns, _) = lr_hsi.shape, hr_msi.shape
        hint = "; are the two images swapped?" if _factor(hr_msi, lr_hsi) else ""
        if (lr_hsi.path, lr_hsi.shape) == (hr_msi.path, hr_msi.shape):
            hint = "; it is the same image twice"
        elif (h, w) == (rows, columns):
            hint = f"; if the LR-HSI was resampled to the HR-MSI's pixels, give it in its own{own_pixels(lr_hsi)}"
        raise InputError(
            f"{prefix}: expected an HR-MSI of r·{h}×r·{w} pixels for a whole scale factor r ≥ 2, got "
            f"{rows}×{columns}{hint}"
        )
    moved = [
        name
        for name, before, after in (("LR-HSI", lr_hsi, chosen[0]), ("HR-MSI", hr_msi, chosen[1]))
        if before is not after
    ]
    lr_hsi, hr_msi = chosen
    scale = _factor(lr_hsi, hr_msi)
    notes = (
        f"CRS: {crs_note(lr_hsi, hr_msi) or 'not used'}; the images are taken to show the same ground",
        f"scale factor: {scale}, by the sizes",
        "crop: none",
        "offset: not known",
        "resampling: none",
        *(f"axes of the {name}: bands×rows×columns, since its sizes fit in no other order" for name in moved),
    )
    return Pair(lr_hsi, hr_msi, scale, notes)


def _orders(image: Image) -> list[Image]:
    """An image as it is and, if its file does not tell which axis the bands are on, with the bands moved last."""
    bands = image.bands
    told = image.grid is not None or any(part is not None for part in (bands.names, bands.wavelengths, bands.good))
    return [image] if told else [image, bands_moved_last(image)]


def _factor(lr_hsi: Image, hr_msi: Image) -> int:
    """The scale factor that the sizes imply; 0 if they do not make a pair."""
    (h, w, _), (rows, columns, _) = lr_hsi.shape, hr_msi.shape
    scale = rows // h
    fits = scale >= 2 and (rows, columns) == (scale * h, scale * w)
    return scale if fits else 0
