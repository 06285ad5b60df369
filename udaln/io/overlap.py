"""From two images of the same ground to a pair that fits: what both show, in pixels that nest."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from udaln.errors import InputError
from udaln.io.grid import Grid, Places, onto, same_crs
from udaln.io.image import Image, Pixels

DRIFT = 0.05  # HR pixels by which pixels that nest may run off over the whole overlap, or stick out of the HR-MSI
LEAST = 8  # LR pixels a side


@dataclass(frozen=True)
class Overlap:
    """A pair that fits.

    Attributes:
        lr_hsi: h×w×C.
        hr_msi: rh×rw×c.
        scale: Scale factor r, HR pixels per LR pixel along each side.
        offset: How far down and to the right of its place by the sizes the LR-HSI lies, by the georeferencing
            [HR pixels]: parts of a pixel, from -0.5 to 0.5; zeros where it is not known.
        notes: What was found and done, in words.
    """

    lr_hsi: Image
    hr_msi: Image
    scale: int
    offset: tuple[float, float] = (0.0, 0.0)
    notes: list[str] = field(default_factory=list)

    @property
    def grid(self) -> Grid | None:
        """Where the fused image lies: that of the HR-MSI."""
        return self.hr_msi.grid


def overlap(
    lr_hsi: Image,
    hr_msi: Image,
    *,
    resample: bool = False,
    keys: tuple[str, str] = ("dataset.lr_hsi", "dataset.hr_msi"),
    scale: int | None = None,
) -> Overlap:
    """Crop two images to what both show.

    Where both are georeferenced, the largest rectangle of whole LR pixels that lies within the HR-MSI is kept. Its
    corner need not lie on a corner of HR pixels: the rest is told as ``offset``, and no value is changed. Else the
    sizes alone tell the scale factor, and nothing is cropped. No pixel is read.

    Args:
        lr_hsi: Any number of rows and columns.
        hr_msi: Likewise.
        resample: Whether an LR-HSI whose pixels do not nest (another CRS, turned, no whole scale factor) is brought
            onto the HR-MSI's grid, see `resampled`; pixels that nest are never resampled.
        keys: The config keys or arguments that name the files; messages begin with them.
        scale: The scale factor expected.

    Raises:
        InputError: If the images do not make a pair, or do so only with ``resample``.
    """
    if lr_hsi.grid is None or hr_msi.grid is None or not (lr_hsi.grid.crs and hr_msi.grid.crs):
        found = _by_size(lr_hsi, hr_msi, f"{keys[1]}: {hr_msi.path}")
    else:
        remedy = f"{'.'.join([*keys[0].split('.')[:-1], 'resample'])}=true brings it onto that grid"
        try:
            found = _by_ground(lr_hsi, hr_msi, None if resample else remedy)
        except InputError as error:
            raise InputError(f"{keys[0]}: {lr_hsi.path}: {error}") from error
    if scale not in (None, found.scale):
        raise InputError(f"scale.factor: expected {found.scale}, as the pixels of the pair imply, got {scale}")
    return found


def cropped(image: Image, rows: slice, cols: slice) -> Image:
    """A view of a window of an image; the image itself if that is all of it.

    Args:
        image: H×W×B.
        rows: Of the window; ends that are not given are the image's.
        cols: Likewise.

    Raises:
        InputError: If there is no such window in the image.
    """
    (top, bottom, down), (left, right, across) = rows.indices(image.shape[0]), cols.indices(image.shape[1])
    if (down, across) != (1, 1) or bottom <= top or right <= left:
        height, width, _ = image.shape
        raise InputError(f"{image.path}: expected a window of its {height}×{width} pixels, got {rows}, {cols}")
    if (top, left, bottom, right) == (0, 0, *image.shape[:2]):
        return image

    def read(rows: slice, cols: slice) -> Pixels:
        return image.read(slice(rows.start + top, rows.stop + top), slice(cols.start + left, cols.stop + left))

    return replace(
        image,
        shape=(bottom - top, right - left, image.shape[2]),
        read=read,
        grid=image.grid and image.grid.window(top, left),
    )


def resampled(image: Image, grid: Grid, shape: tuple[int, int]) -> Image:
    """A view of an image on another grid, made window by window by bicubic convolution (Keys, 1981, a = −1/2).

    Bilinear interpolation blurs the more the farther a place is from the pixels' centres, so that the PSF would vary
    over the image; cubic convolution does so much less, and reproduces ramps as well. Coordinates are exact, not
    approximated within a window as GDAL's warper does by default: a pixel's value does not depend on the window.
    A pixel has no data (NaN) where its centre lies outside the image or one of the pixels that it is made of has none;
    beyond the outermost centres the border is repeated.

    Args:
        image: H×W×B, georeferenced.
        grid: The other grid.
        shape: Rows and columns there.

    Returns:
        ``shape``×B, in the dtype of the image. Its ``read`` reads no more of the image than the window needs.

    Raises:
        InputError: If the image has no CRS, or one of the two is not understood.
    """
    place, (height, width, bands) = onto(grid, _grid(image)), image.shape

    def read(rows: slice, cols: slice) -> Pixels:
        i, j = np.mgrid[rows.start : rows.stop, cols.start : cols.stop] + 0.5
        down, right = place(i, j)
        within = (0 <= down) & (down <= height) & (0 <= right) & (right <= width)
        window = np.full((*i.shape, bands), np.nan, image.dtype)
        if within.any():
            window[within] = _interpolated(image, down[within], right[within])
        return window

    return replace(image, shape=(*shape, bands), read=read, grid=grid)


def _interpolated(image: Image, down: Places, right: Places) -> Pixels:
    """The values, N×B, at N points [pixels from the image's upper left corner]."""
    (rows, row_weights), (columns, column_weights) = _taps(down, image.shape[0]), _taps(right, image.shape[1])
    top, left = int(rows.min()), int(columns.min())
    part = image.read(slice(top, int(rows.max()) + 1), slice(left, int(columns.max()) + 1))
    values = np.zeros((len(down), image.shape[2]), image.dtype)
    for row, by_row in zip(rows - top, row_weights, strict=True):
        for column, by_column in zip(columns - left, column_weights, strict=True):
            weight = (by_row * by_column).astype(image.dtype)
            used = np.abs(weight) > 1e-6  # what is not used may have no data
            values[used] += weight[used, None] * part[row[used], column[used]]
    return values


def _taps(place: Places, side: int) -> tuple[NDArray[np.int64], Places]:
    """The four pixels about each of N points along an axis, 4×N, and their weights: Keys' eq. 15."""
    taps = np.floor(place - 0.5) + np.arange(-1, 3)[:, None]
    distance = np.abs(place - 0.5 - taps)
    near = 1 - distance**2 * (2.5 - 1.5 * distance)
    far = 2 - distance * (4 - distance * (2.5 - 0.5 * distance))
    return taps.clip(0, side - 1).astype(np.int64), np.where(distance < 1, near, far)


def _by_size(lr_hsi: Image, hr_msi: Image, what: str) -> Overlap:
    (h, w, _), (rows, columns, _) = lr_hsi.shape, hr_msi.shape
    scale = rows // h
    if scale < 2 or (rows, columns) != (scale * h, scale * w):
        raise InputError(
            f"{what}: expected an HR-MSI of r·{h}×r·{w} pixels for a whole scale factor r ≥ 2, got {rows}×{columns}"
        )
    without = [name for name, image in (("LR-HSI", lr_hsi), ("HR-MSI", hr_msi)) if not (image.grid and image.grid.crs)]
    notes = [
        f"CRS: none of the {' and of the '.join(without)}; the images are taken to show the same ground",
        f"scale factor: {scale}, by the sizes",
        "crop: none",
        "offset: not known",
        "resampling: none",
    ]
    return Overlap(lr_hsi, hr_msi, scale, notes=notes)


def _by_ground(lr_hsi: Image, hr_msi: Image, remedy: str | None) -> Overlap:
    """By the georeferencing; resampled, where it must be, if there is no remedy left to name."""
    lr_grid, hr_grid = _grid(lr_hsi), _grid(hr_msi)
    lies, there = _extent(lr_hsi), f"those of {hr_msi.path} ({_extent(hr_msi)})"
    common = same_crs(lr_grid, hr_grid)
    if remedy and not common:
        raise InputError(f"expected the CRS of {hr_msi.path}, {hr_grid.name}, got {lr_grid.name}; {remedy}")
    steps = _steps(lr_hsi, hr_msi)
    ratio = math.sqrt(abs(np.linalg.det(steps)))
    if ratio < 0.999:
        raise InputError(f"expected larger pixels than {there}, got {lies}; are the two images swapped?")
    first, last = _shared(lr_hsi, hr_msi)
    if not (first < last).all():
        raise InputError(f"expected pixels on the same ground as {there}, got {lies}")
    scale = max(2, round(ratio))
    misfit = _misfit(steps, scale, (last - first) / scale) if common else "another CRS"
    if misfit and remedy:
        raise InputError(f"expected each pixel to cover r×r of {there}, r ≥ 2, got {lies}: {misfit}; {remedy}")
    if misfit:
        lr_hsi = _nesting(lr_hsi, hr_grid, first, last, scale)
    lr_first, sides, corner = _within(lr_hsi, hr_msi, (first + last) / 2, scale)
    h, w = sides.astype(int)
    if min(h, w) < LEAST:
        raise InputError(f"expected at least {LEAST}×{LEAST} pixels within {there}, got {h}×{w} of the {lies}")
    hr_first = np.floor(corner + 0.5)
    down, right = ((corner - hr_first).round(8) + 0.0).tolist()  # no -0.0
    lr_hsi, lr_crop = _cropped(lr_hsi, lr_first, sides)
    hr_msi, hr_crop = _cropped(hr_msi, hr_first, sides * scale)
    notes = [
        f"CRS: {hr_grid.name}" + ("" if common else f"; of the LR-HSI as given: {lr_grid.name}"),
        f"scale factor: {scale}, by the pixels' sizes, {lr_grid.size} and {hr_grid.size}",
        f"crop: LR-HSI {lr_crop}; HR-MSI {hr_crop}",
        f"offset: the LR-HSI lies {down:.2f} HR pixels below and {right:.2f} to the right of whole HR pixels",
        f"resampling: {f'the LR-HSI, onto the HR-MSI, by bicubic convolution; it had {misfit}' if misfit else 'none'}",
    ]
    return Overlap(lr_hsi, hr_msi, scale, (down, right), notes)


def _nesting(lr_hsi: Image, grid: Grid, first: Places, last: Places, scale: int) -> Image:
    """The LR-HSI in pixels that nest in those of a grid, from the first to the last of them that it lies on."""
    top, left = np.ceil(first - 1e-6).tolist()  # not one further for a rounding error
    rows, columns = np.floor((last - (top, left)) / scale + 1e-6).astype(int).tolist()
    return resampled(lr_hsi, grid.window(top, left, scale), (rows, columns))


def _within(lr_hsi: Image, hr_msi: Image, middle: Places, scale: int) -> tuple[Places, Places, Places]:
    """The whole LR pixels that lie within the HR-MSI: the first, how many, and the corner of it [HR pixels].

    Places are exact in the ``middle`` [HR pixels] of what is shared: drift is shared out between its two ends.
    """
    anchor = np.floor(onto(_grid(hr_msi), _grid(lr_hsi))(*middle))
    place = np.asarray(onto(_grid(lr_hsi), _grid(hr_msi))(*anchor))
    first = np.maximum(0, anchor + np.ceil((-place - DRIFT) / scale))
    last = np.minimum(lr_hsi.shape[:2], anchor + np.floor((hr_msi.shape[:2] - place + DRIFT) / scale))
    return first, last - first, place + scale * (first - anchor)


def _cropped(image: Image, first: Places, sides: Places) -> tuple[Image, str]:
    """A window of an image, and which one it is, in words."""
    height, width, _ = image.shape
    (top, left), (bottom, right) = first.astype(int).tolist(), (first + sides).astype(int).tolist()
    words = f"rows {top} to {bottom} of {height} and columns {left} to {right} of {width}"
    return cropped(image, slice(top, bottom), slice(left, right)), words


def _steps(lr_hsi: Image, hr_msi: Image) -> Places:
    """How far one pixel of the LR-HSI leads on the HR-MSI, 2×2 [HR pixels]: down and right, for a row and a column."""
    height, width, _ = hr_msi.shape
    sides = np.array([[0, height], [height / 2, height / 2]]), np.array([[width / 2, width / 2], [0, width]])
    rows, columns = onto(_grid(hr_msi), _grid(lr_hsi))(*sides)
    back = np.stack([np.diff(rows)[:, 0], np.diff(columns)[:, 0]]) / [height, width]
    return np.linalg.inv(back).astype(np.float64)


def _shared(lr_hsi: Image, hr_msi: Image) -> tuple[Places, Places]:
    """The upper left and the lower right corner of what both show [HR pixels]."""
    height, width, _ = lr_hsi.shape
    part = np.linspace(0, 1, 21)  # straight lines are curves in another CRS
    places = np.stack(onto(_grid(lr_hsi), _grid(hr_msi))(*np.meshgrid(height * part, width * part))).reshape(2, -1)
    return places.min(1).clip(0), np.minimum(places.max(1), hr_msi.shape[:2])


def _misfit(steps: Places, scale: int, sides: Places) -> str:
    """Why LR pixels, ``sides`` of them, do not nest in HR pixels, in words; empty if they do."""
    drift = (np.abs(steps - scale * np.eye(2)) @ sides).max()
    if drift <= DRIFT:
        return ""
    words = f"pixels {' by '.join(f'{size:.6g}' for size in np.hypot(*steps))} times as large"
    if np.linalg.det(steps) < 0:
        words += ", mirrored"
    elif turned := round(abs(math.degrees(math.atan2(steps[1, 0], steps[0, 0]))), 4):
        words += f", turned by {turned:g}°"
    return words + f", off by {drift:.3g} HR pixels over the overlap"


def _extent(image: Image) -> str:
    height, width, _ = image.shape
    corners = [_grid(image).at(float(row), float(column)) for row in (0, height) for column in (0, width)]
    x, y = (f"{min(part):.10g} to {max(part):.10g}" for part in zip(*corners, strict=True))
    return f"pixels of {_grid(image).size} at x {x}, y {y}, {_grid(image).name}"


def _grid(image: Image) -> Grid:
    if image.grid is None:
        raise InputError(f"{image.path}: expected georeferencing, got none")
    a, b, _, d, e, _ = image.grid.transform
    if a * e == b * d:
        raise InputError(f"{image.path}: expected pixels with an area, got the transform {image.grid.transform}")
    return image.grid
