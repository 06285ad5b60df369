"""Spectra of the fused image at a few points, beside those of the LR-HSI and of the truth."""

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

POINTS = 4  # chosen automatically
PANELS_PER_ROW = 4
ROW_HEIGHT = 2.6  # [inches]
MIN_ENERGY = 1e-5  # residual energy, relative to the brightest spectrum, below which a spectrum is a mixture of others
GAP = 3  # distance of neighbouring bands that breaks the line, in median distances: bands were removed there

Points = list[tuple[int, int]]


def purest(image: Tensor, count: int = POINTS) -> Points:
    """Find the purest pixels of an image by the successive projection algorithm.

    The first is the brightest spectrum; each further one has the largest residual after projection onto the span of
    those before. This is the automatic target generation process (Ren and Chang, "Automatic spectral target recognition
    in hyperspectral imagery", IEEE TAES 39, 2003; Araújo et al., Chemom. Intell. Lab. Syst. 57, 2001). It runs on the
    leading principal components (Nascimento and Bioucas-Dias, IEEE TGRS 43, 2005), so that an outlier in a single band
    is not taken for a material.

    Args:
        image: H×W×C; pixels with NaN are skipped.
        count: Number of pixels; fewer are returned if the image has fewer materials.

    Returns:
        Rows and columns.
    """
    pixels = image.flatten(0, 1).float()
    valid = torch.isfinite(pixels).all(1).nonzero()[:, 0]
    pixels = pixels[valid]
    _, vectors = torch.linalg.eigh((pixels.T @ pixels).double())
    residual = (pixels @ vectors[:, -count:].float()).double()  # outside the span of the spectra chosen so far
    chosen: Points = []
    brightest = 0.0
    for _ in range(residual.shape[1]):
        energy, index = residual.square().sum(1).max(0)
        brightest = brightest or float(energy)
        if chosen and energy <= MIN_ENERGY * brightest:
            break
        chosen.append(divmod(int(valid[index]), image.shape[1]))
        direction = residual[index] / energy.sqrt().clamp(min=1e-30)
        residual = residual - (residual @ direction)[:, None] * direction
    return chosen


def checked_points(fused: Tensor, sigma: Tensor | None, points: Points | None) -> Points:
    """The points whose spectra are drawn.

    Args:
        fused: The fused image, H×W×C.
        sigma: Its uncertainty, the standard deviation of each value, H×W×C, if there is one.
        points: HR rows and columns; if None, the `purest` pixels of the fused image.

    Raises:
        InputError: If a point lies outside the image, or ``sigma`` is of another shape than ``fused``.
    """
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


def panel_rows(points: Points) -> int:
    """Number of rows of panels for so many points."""
    return -(-len(points) // PANELS_PER_ROW)


def draw_spectra(figure: Figure | SubFigure, scene: Scene, fused: Tensor, sigma: Tensor | None, points: Points) -> None:
    """Draw a panel for each point, and one legend for all; arguments as of `checked_points`, all of them given."""
    shape = panel_rows(points), min(len(points), PANELS_PER_ROW)
    panels = figure.subplots(*shape, squeeze=False).flatten()
    for panel in panels[len(points) :]:
        panel.set_axis_off()
    for number, (panel, point) in enumerate(zip(panels, points, strict=False)):
        draw_spectrum(panel, scene, fused, sigma, point, f"C{number}")
        panel.set_title(f"{number + 1}: row {point[0]}, column {point[1]}", fontsize=10, color=f"C{number}")
    legend: dict[str, Artist] = {}
    for panel in panels:
        for line, name in zip(*panel.get_legend_handles_labels(), strict=True):
            legend.setdefault(name, line)
    figure.legend(
        list(legend.values()), list(legend), loc="outside upper center", ncols=len(legend), fontsize=9, frameon=False
    )


def draw_spectrum(
    axis: Axes, scene: Scene, fused: Tensor, sigma: Tensor | None, point: tuple[int, int], colour: str
) -> None:
    """Draw the fused spectrum of a point, with ±2σ, beside that of the LR-HSI pixel that covers it and the true one."""
    fused_spectrum = fused[point].double().numpy()
    if sigma is not None:
        spread = 2 * sigma[point].double().numpy()
        positions, low, high = with_breaks(scene, fused_spectrum - spread, fused_spectrum + spread)
        axis.fill_between(positions, low, high, color=colour, alpha=0.25, linewidth=0, label="fused ± 2σ")
    positions, value = with_breaks(scene, fused_spectrum)
    axis.plot(positions, value, color=colour, linewidth=1.4, label="fused")
    row, column = (
        min(max((position - component) // scene.scale, 0), side - 1)
        for position, component, side in zip(point, scene.shift, scene.lr_hsi.shape[:2], strict=True)
    )
    if scene.lr_valid is None or scene.lr_valid[row, column]:
        positions, value = with_breaks(scene, scene.lr_hsi[row, column].double().numpy())
        axis.plot(positions, value, "--", color="0.35", linewidth=1.0, label="LR-HSI pixel that covers it")
    if scene.truth.image is not None:
        positions, value = with_breaks(scene, scene.truth.image[point].double().numpy())
        axis.plot(positions, value, ":", color="black", linewidth=1.2, label="truth")
    axis.set_xlabel(spectral_label(scene), fontsize=9)
    axis.tick_params(labelsize=8)


def with_breaks(scene: Scene, *values: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
    """Sort values by wavelength, and insert NaN in gaps between the bands, which interrupt a line.

    Args:
        scene: With C bands.
        values: Each C or C×n.

    Returns:
        Positions of the bands, wavelengths [nm] or numbers from 1; then the values.
    """
    bands = scene.lr_hsi.shape[2]
    if scene.wavelengths is None:
        return np.arange(1, bands + 1, dtype=np.float64), *values
    wavelengths = scene.wavelengths.cpu().double().numpy()
    order = np.argsort(wavelengths)
    wavelengths = wavelengths[order]
    steps = np.diff(wavelengths)
    after = np.flatnonzero(steps > GAP * np.median(steps)) + 1 if bands > 1 else np.empty(0, dtype=np.intp)
    middle = (wavelengths[after - 1] + wavelengths[after]) / 2
    return np.insert(wavelengths, after, middle), *(np.insert(value[order], after, np.nan, axis=0) for value in values)


def spectral_label(scene: Scene) -> str:
    """Label of the axis of band positions."""
    return "band" if scene.wavelengths is None else "wavelength [nm]"
