"""Two images of the same ground become a pair: their overlap, in pixels that nest."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from udaln.errors import InputError
from udaln.io.by_size import pair_by_size
from udaln.io.grid import Coordinates, Grid, pixel_transform, same_crs
from udaln.io.image import Image, grid_of
from udaln.io.pair import Pair
from udaln.io.pair_notes import crs_note, crs_remedy, extent, own_pixels
from udaln.io.resampling import resampled
from udaln.io.views import cropped

DRIFT = 0.05  # tolerance on nesting over the whole overlap, and on lying within the HR-MSI [HR pixels]
SAME = 1.2  # LR pixels that are not larger than so many HR pixels are no pixels of their own
SMALLEST = 8  # shortest side of the overlap [LR pixels]


def overlap(
    lr_hsi: Image,
    hr_msi: Image,
    *,
    resample: bool = False,
    keys: tuple[str, str] = ("dataset.lr_hsi", "dataset.hr_msi"),
    scale: int | None = None,
) -> Pair:
    """Crop two images to their overlap. No pixel is read.

    If both images are georeferenced, the overlap is the largest rectangle of whole LR pixels within the HR-MSI. Its
    corner need not coincide with a corner of HR pixels: the remaining offset, up to half an HR pixel, is only noted,
    and no value is changed. An image that has a geotransform but no CRS is taken to have that of the other one.
    Without georeferencing the scale factor follows from the sizes, and nothing is cropped.

    Args:
        lr_hsi: Any number of rows and columns.
        hr_msi: Likewise.
        resample: Whether an LR-HSI whose pixels do not nest (another CRS, rotated, no integer scale factor) is
            resampled onto the HR-MSI's grid, see `resampled`. Pixels that nest are never resampled.
        keys: The config keys or arguments that name the files. Messages begin with them.
        scale: The scale factor expected; None if any will do.

    Raises:
        InputError: If the images do not make a pair, or do so only with ``resample``.
    """
    if lr_hsi.grid is None or hr_msi.grid is None:
        pair = pair_by_size(lr_hsi, hr_msi, f"{keys[1]}: {hr_msi.path}")
    else:
        remedy = f"{'.'.join([*keys[0].split('.')[:-1], 'resample'])}=true brings it onto that grid"
        try:
            pair = _by_georeferencing(lr_hsi, hr_msi, None if resample else remedy)
        except InputError as error:
            if not (lr_hsi.grid.crs or hr_msi.grid.crs):
                pair = pair_by_size(lr_hsi, hr_msi, f"{keys[1]}: {hr_msi.path}")
            else:
                raise InputError(f"{keys[0]}: {lr_hsi.path}: {error}{crs_remedy(lr_hsi, hr_msi)}") from error
    if scale not in (None, pair.scale):
        raise InputError(f"scale.factor: expected {pair.scale}, as the pixels of the pair imply, got {scale}")
    return pair


def _with_crs(image: Image, other: Image) -> Image:
    """The image; if it has a geotransform without a CRS, with the CRS of the other."""
    grid = grid_of(image)
    return image if grid.crs else replace(image, grid=replace(grid, crs=grid_of(other).crs))


def _by_georeferencing(lr_hsi: Image, hr_msi: Image, remedy: str | None) -> Pair:
    """The pair that the georeferencing implies; the LR-HSI is resampled if it has to be and ``remedy`` is None.

    Args:
        lr_hsi: With a grid.
        hr_msi: With a grid.
        remedy: End of the message that refuses to resample.
    """
    unnamed = crs_note(lr_hsi, hr_msi)
    lr_hsi, hr_msi = _with_crs(lr_hsi, hr_msi), _with_crs(hr_msi, lr_hsi)
    lr_grid, hr_grid = grid_of(lr_hsi), grid_of(hr_msi)
    lr_extent, hr_extent = extent(lr_hsi), f"those of {hr_msi.path} ({extent(hr_msi)})"
    common_crs = same_crs(lr_grid, hr_grid)
    first, last = _common_corners(lr_hsi, hr_msi)
    if not (first < last).all():
        raise InputError(f"expected pixels on the same ground as {hr_extent}, got {lr_extent}")
    if remedy and not common_crs:
        raise InputError(f"expected the CRS of {hr_msi.path}, {hr_grid.crs_name}, got {lr_grid.crs_name}; {remedy}")
    sides = _lr_pixel_sides(lr_hsi, hr_msi)
    ratio = math.sqrt(abs(np.linalg.det(sides)))
    if ratio < 0.999:
        raise InputError(f"expected larger pixels than {hr_extent}, got {lr_extent}; are the two images swapped?")
    if ratio < SAME and (lr_hsi.path, lr_hsi.shape) == (hr_msi.path, hr_msi.shape):
        raise InputError("expected two images, got the same twice")
    if ratio < SAME:
        raise InputError(
            f"expected larger pixels than {hr_extent}, got {lr_extent}: it was resampled to the other image's pixels; "
            f"give it in its own pixels{own_pixels(lr_hsi)}"
        )
    scale = max(2, round(ratio))
    misfit = _misfit(sides, scale, (last - first) / scale) if common_crs else "another CRS"
    if misfit and remedy:
        raise InputError(f"expected each pixel to cover r×r of {hr_extent}, r ≥ 2, got {lr_extent}: {misfit}; {remedy}")
    if misfit:
        lr_hsi = _resampled_to_nest(lr_hsi, hr_grid, first, last, scale)
    lr_first, size, corner = _whole_lr_pixels(lr_hsi, hr_msi, (first + last) / 2, scale)
    h, w = size.astype(int)
    if min(h, w) < SMALLEST:
        raise InputError(
            f"expected at least {SMALLEST}×{SMALLEST} pixels within {hr_extent}, got {h}×{w} of the {lr_extent}"
        )
    hr_first = np.floor(corner + 0.5)
    down, right = ((corner - hr_first).round(8) + 0.0).tolist()  # + 0.0 makes -0.0 positive
    lr_hsi, lr_crop = _crop(lr_hsi, lr_first, size)
    hr_msi, hr_crop = _crop(hr_msi, hr_first, size * scale)
    notes = (
        f"CRS: {'; '.join(filter(None, (hr_grid.crs_name, unnamed)))}"
        + (", its coordinates are taken to be those of the other image" if unnamed else "")
        + ("" if common_crs else f"; of the LR-HSI as given: {lr_grid.crs_name}"),
        f"scale factor: {scale}, by the pixels' sizes, {lr_grid.pixel_size} and {hr_grid.pixel_size}",
        f"crop: LR-HSI {lr_crop}; HR-MSI {hr_crop}",
        f"offset: the LR-HSI lies {down:.2f} HR pixels below and {right:.2f} to the right of whole HR pixels",
        f"resampling: {f'the LR-HSI, onto the HR-MSI, by bicubic convolution; it had {misfit}' if misfit else 'none'}",
    )
    return Pair(lr_hsi, hr_msi, scale, notes)


def _lr_pixel_sides(lr_hsi: Image, hr_msi: Image) -> Coordinates:
    """Sides of an LR pixel as vectors on the HR-MSI, 2×2 [HR pixels].

    Rows are down and right on the HR-MSI; columns are one step along the LR-HSI's rows and one along its columns.
    """
    height, width, _ = hr_msi.shape
    ends = np.array([[0, height], [height / 2, height / 2]]), np.array([[width / 2, width / 2], [0, width]])
    rows, columns = pixel_transform(grid_of(hr_msi), grid_of(lr_hsi))(*ends)
    inverse = np.stack([np.diff(rows)[:, 0], np.diff(columns)[:, 0]]) / [height, width]
    return np.linalg.inv(inverse).astype(np.float64)


def _common_corners(lr_hsi: Image, hr_msi: Image) -> tuple[Coordinates, Coordinates]:
    """Upper left and lower right corner of the area that both images show [HR pixels]."""
    height, width, _ = lr_hsi.shape
    fractions = np.linspace(0, 1, 21)  # straight lines are curves in another CRS
    to_hr = pixel_transform(grid_of(lr_hsi), grid_of(hr_msi))
    points = np.stack(to_hr(*np.meshgrid(height * fractions, width * fractions))).reshape(2, -1)
    return points.min(1).clip(0), np.minimum(points.max(1), hr_msi.shape[:2])


def _misfit(sides: Coordinates, scale: int, count: Coordinates) -> str:
    """Why LR pixels do not nest in HR pixels, as text; empty if they do.

    Args:
        sides: From `_lr_pixel_sides`.
        scale: Scale factor r.
        count: LR pixels along the rows and the columns of the overlap.
    """
    drift = (np.abs(sides - scale * np.eye(2)) @ count).max()
    if drift <= DRIFT:
        return ""
    text = f"pixels {' by '.join(f'{size:.6g}' for size in np.hypot(*sides))} times as large"
    if np.linalg.det(sides) < 0:
        text += ", mirrored"
    elif angle := round(abs(math.degrees(math.atan2(sides[1, 0], sides[0, 0]))), 4):
        text += f", turned by {angle:g}°"
    return text + f", off by {drift:.3g} HR pixels over the overlap"


def _resampled_to_nest(lr_hsi: Image, hr_grid: Grid, first: Coordinates, last: Coordinates, scale: int) -> Image:
    """The LR-HSI resampled to pixels that nest in those of the HR-MSI, from corner to corner [HR pixels]."""
    top, left = np.ceil(first - 1e-6).tolist()  # the tolerance absorbs rounding errors
    rows, columns = np.floor((last - (top, left)) / scale + 1e-6).astype(int).tolist()
    return resampled(lr_hsi, hr_grid.window(top, left, scale), (rows, columns))


def _whole_lr_pixels(
    lr_hsi: Image, hr_msi: Image, middle: Coordinates, scale: int
) -> tuple[Coordinates, Coordinates, Coordinates]:
    """The whole LR pixels within the HR-MSI.

    Coordinates are exact in the ``middle`` of the overlap [HR pixels], so that drift is split between its two ends.

    Returns:
        The first LR pixel, the number of rows and columns, and the upper left corner [HR pixels].
    """
    anchor = np.floor(pixel_transform(grid_of(hr_msi), grid_of(lr_hsi))(*middle))
    position = np.asarray(pixel_transform(grid_of(lr_hsi), grid_of(hr_msi))(*anchor))
    first = np.maximum(0, anchor + np.ceil((-position - DRIFT) / scale))
    last = np.minimum(lr_hsi.shape[:2], anchor + np.floor((hr_msi.shape[:2] - position + DRIFT) / scale))
    return first, last - first, position + scale * (first - anchor)


def _crop(image: Image, first: Coordinates, size: Coordinates) -> tuple[Image, str]:
    """A window of an image, and its rows and columns as text."""
    height, width, _ = image.shape
    (top, left), (bottom, right) = first.astype(int).tolist(), (first + size).astype(int).tolist()
    text = f"rows {top} to {bottom} of {height} and columns {left} to {right} of {width}"
    return cropped(image, slice(top, bottom), slice(left, right)), text
