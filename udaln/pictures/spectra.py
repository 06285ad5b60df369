"""Spectra at a few points of the fused image, with what is known of them."""

from __future__ import annotations

import numpy as np
import torch
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from numpy.typing import NDArray
from torch import Tensor

from udaln.errors import InputError
from udaln.scene import Scene

POINTS = 4  # found where none are named
A_ROW = 4  # panels
ROW_HEIGHT = 2.6  # inches
SAME = 1e-5  # share of the brightest spectrum's energy below which another is a mixture of those before
GAP = 3  # typical steps between bands that break a line: bands were removed there

Points = list[tuple[int, int]]


def purest(image: Tensor, count: int = POINTS) -> Points:
    """The pixels of an image that are most like pure materials.

    The brightest spectrum, then each time the one that is farthest from all mixtures of those before: the automatic
    target generation process, alias successive projections (Ren and Chang, "Automatic spectral target recognition in
    hyperspectral imagery", IEEE TAES 39, 2003; Araújo et al., Chemom. Intell. Lab. Syst. 57, 2001); among the image's
    strongest components (Nascimento and Bioucas-Dias, IEEE TGRS 43, 2005), so a rare fault of one band is no material.

    Args:
        image: H×W×C; pixels with NaN are passed over.
        count: How many, fewer where the image has not so many materials.

    Returns:
        Rows and columns.
    """
    pixels = image.flatten(0, 1).float()
    valid = torch.isfinite(pixels).all(1).nonzero()[:, 0]
    pixels = pixels[valid]
    _, vectors = torch.linalg.eigh((pixels.T @ pixels).double())
    left = (pixels @ vectors[:, -count:].float()).double()  # of each spectrum, what those chosen do not span
    chosen: Points = []
    brightest = 0.0
    for _ in range(left.shape[1]):
        energy, index = left.square().sum(1).max(0)
        brightest = brightest or float(energy)
        if chosen and energy <= SAME * brightest:
            break
        chosen.append(divmod(int(valid[index]), image.shape[1]))
        direction = left[index] / energy.sqrt().clamp(min=1e-30)
        left = left - (left @ direction)[:, None] * direction
    return chosen


def spectra(scene: Scene, fused: Tensor, sigma: Tensor | None = None, points: Points | None = None) -> Figure:
    """Spectra of the fused image at points, beside those of the LR-HSI pixels that cover them.

    Args:
        scene: The scene, on the CPU.
        fused: The fused image, H×W×C, on the CPU.
        sigma: Its uncertainty, the standard deviation of each value, H×W×C; drawn as a band of ±2σ.
        points: HR rows and columns; the ``purest`` of the fused image if none.

    Raises:
        InputError: If a point lies outside the image, or ``sigma`` is of another shape than ``fused``.
    """
    points = checked(fused, sigma, points)
    rows = rows_of(points)
    figure = Figure(figsize=(14, rows * ROW_HEIGHT + 0.6), layout="constrained")
    draw_spectra(figure, scene, fused, sigma, points)
    return figure


def checked(fused: Tensor, sigma: Tensor | None, points: Points | None) -> Points:
    """The points named, or found; see ``spectra``."""
    if sigma is not None and sigma.shape != fused.shape:
        sizes = ["×".join(map(str, part.shape)) for part in (fused, sigma)]
        raise InputError(f"sigma: expected shape {sizes[0]}, got {sizes[1]}")
    rows, columns = fused.shape[:2]
    for row, column in points or []:
        if not (0 <= row < rows and 0 <= column < columns):
            raise InputError(
                f"points: expected rows from 0 to {rows - 1} and columns to {columns - 1}, got {row, column}"
            )
    return points or purest(fused)


def rows_of(points: Points) -> int:
    """How many rows of panels they take."""
    return -(-len(points) // A_ROW)


def draw_spectra(figure: Figure | SubFigure, scene: Scene, fused: Tensor, sigma: Tensor | None, points: Points) -> None:
    """Draw a panel for each point, and one legend for all."""
    shape = rows_of(points), min(len(points), A_ROW)
    panels = figure.subplots(*shape, squeeze=False).flatten()
    for panel in panels[len(points) :]:
        panel.set_axis_off()
    for number, (panel, point) in enumerate(zip(panels, points, strict=False)):
        _draw_spectrum(panel, scene, fused, sigma, point, f"C{number}")
        panel.set_title(f"{number + 1}: row {point[0]}, column {point[1]}", fontsize=10, color=f"C{number}")
    named: dict[str, Artist] = {}
    for panel in panels:
        for line, name in zip(*panel.get_legend_handles_labels(), strict=True):
            named.setdefault(name, line)
    figure.legend(
        list(named.values()), list(named), loc="outside upper center", ncols=len(named), fontsize=9, frameon=False
    )


def _draw_spectrum(
    axis: Axes, scene: Scene, fused: Tensor, sigma: Tensor | None, point: tuple[int, int], colour: str
) -> None:
    fused_spectrum = fused[point].double().numpy()
    if sigma is not None:
        spread = 2 * sigma[point].double().numpy()
        at, low, high = broken(scene, fused_spectrum - spread, fused_spectrum + spread)
        axis.fill_between(at, low, high, color=colour, alpha=0.25, linewidth=0, label="fused ± 2σ")
    at, value = broken(scene, fused_spectrum)
    axis.plot(at, value, color=colour, linewidth=1.4, label="fused")
    row, column = (
        min(max((place - moved) // scene.scale, 0), side - 1)
        for place, moved, side in zip(point, scene.shift, scene.lr_hsi.shape[:2], strict=True)
    )
    if scene.lr_valid is None or scene.lr_valid[row, column]:
        at, value = broken(scene, scene.lr_hsi[row, column].double().numpy())
        axis.plot(at, value, "--", color="0.35", linewidth=1.0, label="LR-HSI pixel that covers it")
    if scene.truth.image is not None:
        at, value = broken(scene, scene.truth.image[point].double().numpy())
        axis.plot(at, value, ":", color="black", linewidth=1.2, label="truth")
    axis.set_xlabel(spectral_label(scene), fontsize=9)
    axis.tick_params(labelsize=8)


def broken(scene: Scene, *values: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
    """The bands' places in order and values of each band, C or C×n, likewise, with NaN where bands were removed."""
    bands = scene.lr_hsi.shape[2]
    if scene.wavelengths is None:
        return np.arange(1, bands + 1, dtype=np.float64), *values
    at = scene.wavelengths.cpu().double().numpy()
    order = np.argsort(at)
    at = at[order]
    steps = np.diff(at)
    after = np.flatnonzero(steps > GAP * np.median(steps)) + 1 if bands > 1 else np.empty(0, dtype=np.intp)
    middle = (at[after - 1] + at[after]) / 2
    return np.insert(at, after, middle), *(np.insert(value[order], after, np.nan, axis=0) for value in values)


def spectral_label(scene: Scene) -> str:
    """What to write under the bands' places."""
    return "band" if scene.wavelengths is None else "wavelength [nm]"
