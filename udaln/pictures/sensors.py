"""Pictures of the estimated degradation: PSF and shift, SRF, gains and offsets."""

from __future__ import annotations

import math
from typing import Literal

import matplotlib
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from torch import Tensor

from udaln.estimation.psf import centre, centre_shift
from udaln.physics.degradation import Degradation
from udaln.pictures.spectra import spectral_label, with_breaks
from udaln.scene import Scene


def draw_psfs(axes: list[Axes], degradation: Degradation, scene: Scene) -> None:
    """Draw the estimated PSF and, on a second axis, the true one if it is known.

    Coordinates are HR pixels from the first HR pixel of the LR pixel in its nominal position, by the sizes of the
    images. That LR pixel is outlined, and the centre of the PSF is marked.
    """
    psfs = [(degradation.psf, scene.shift, "PSF")]
    if scene.truth.psf is not None:
        psfs.append((scene.truth.psf, (0, 0), "true PSF"))
    top = max(float(psf.max()) for psf, _, _ in psfs)
    extents = [_extent(psf, scene.scale, shift) for psf, shift, _ in psfs]
    low, high = min(map(min, extents)), max(map(max, extents))
    for axis, (psf, shift, name), (left, right, bottom, upper) in zip(axes, psfs, extents, strict=False):
        values = psf.cpu().double().numpy()
        axis.imshow(values, vmin=0, vmax=top, extent=(left, right, bottom, upper), interpolation="nearest")
        side = scene.scale
        axis.add_patch(Rectangle((-0.5, -0.5), side, side, fill=False, edgecolor="white", linewidth=2.4))
        axis.add_patch(Rectangle((-0.5, -0.5), side, side, fill=False, edgecolor="black", linewidth=1.0))
        row, column = centre(values)
        axis.plot(left + 0.5 + column, upper + 0.5 + row, "+", color="red", markersize=9, markeredgewidth=1.6)
        window_shift = scene.total_shift if name == "PSF" else shift
        down, across = (round(component, 2) for component in centre_shift(values, scene.scale, window_shift))
        directions = "up" if down < 0 else "down", "left" if across < 0 else "right"
        shift_text = f"{abs(down):.2f} {directions[0]}, {abs(across):.2f} {directions[1]}"
        axis.set_title(f"{name}, sum {psf.sum():.3f}\nshift {shift_text}", fontsize=10)
        axis.set(xlim=(low, high), ylim=(high, low), facecolor="0.85")
        axis.set_xlabel("HR pixels", fontsize=9)
        axis.tick_params(labelsize=8)
        axis.locator_params(nbins=6, integer=True)


def _extent(psf: Tensor, scale: int, shift: tuple[int, int]) -> tuple[float, float, float, float]:
    """Left, right, lower and upper edge of a PSF's window, in the coordinates of `draw_psfs`."""
    upper, left = (component - (len(psf) - scale) // 2 - 0.5 for component in shift)
    return left, left + len(psf), upper + len(psf), upper


def draw_srf(axis: Axes, degradation: Degradation, scene: Scene) -> None:
    """Draw the estimated SRF, the true one and the sensor's table, if known; the legend has gains and offsets."""
    table, truth = scene.known.srf, scene.truth.srf
    if table is not None and truth is not None and torch.allclose(table.cpu().double(), truth.cpu().double()):
        table = None  # the same curve, as in simulations
    curves: list[tuple[Tensor | None, Literal["-", "--", ":"], float, str]] = [
        (degradation.srf, "-", 1.4, "learned"),
        (truth, "--", 0.9, "true"),
        (table, ":", 1.2, "sensor's table"),
    ]
    colours = matplotlib.colormaps["turbo"](np.linspace(0.05, 0.95, scene.hr_msi.shape[2]))
    lines = []
    for srf, style, width, name in curves:
        if srf is not None:
            positions, values = with_breaks(scene, srf.cpu().double().numpy())
            for band, colour in enumerate(colours):
                axis.plot(positions, values[:, band], style, color=colour, linewidth=width)
            lines.append(Line2D([], [], color="black", linestyle=style, linewidth=width, label=name))
    labelled = zip(colours, _band_labels(degradation, scene), strict=True)
    axis.legend(
        handles=lines + [Line2D([], [], color=colour, label=label) for colour, label in labelled],
        title="MSI band" + ("" if degradation.same_units else ": gain, offset"),
        loc="center left",
        bbox_to_anchor=(1.0, 0.5),
        fontsize=8,
        title_fontsize=8,
        frameon=False,
    )
    axis.set_title("SRF", fontsize=10)
    axis.set_xlabel(spectral_label(scene), fontsize=9)
    axis.tick_params(labelsize=8)


def _band_labels(degradation: Degradation, scene: Scene) -> list[str]:
    """Label of each MSI band in the legend, with gain and offset if the images are in different units."""
    gain, offset = degradation.gain.cpu(), degradation.offset.cpu()
    labels = [str(band + 1) for band in range(len(gain))]
    if degradation.same_units:
        return labels
    digits = max(0, 4 - round(math.log10(degradation.msi_unit)))

    def radiometry(gain: Tensor, offset: Tensor) -> list[str]:
        pairs = zip(gain.tolist(), offset.tolist(), strict=True)
        return [f"×{g:.3f} {round(o, digits) + 0.0:+.{digits}f}" for g, o in pairs]

    labels = [f"{label}: {pair}" for label, pair in zip(labels, radiometry(gain, offset), strict=True)]
    if scene.truth.gain is None or scene.truth.offset is None:
        return labels
    true = radiometry(scene.truth.gain, scene.truth.offset)
    return [f"{label}  (true {pair})" for label, pair in zip(labels, true, strict=True)]
