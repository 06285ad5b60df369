"""Where a fused image contradicts the pair it came from, or the truth."""

from __future__ import annotations

import matplotlib
import numpy as np
import torch
from matplotlib.axes import Axes
from numpy.typing import NDArray
from torch import Tensor

from udaln.physics.degradation import Degradation
from udaln.physics.observation import degraded, usable_lr_pixels
from udaln.pictures.composites import GREY
from udaln.scene import Scene

AT_ONCE = 16  # bands that are blurred together, to bound memory


def lr_hsi_misfit(degradation: Degradation, scene: Scene, complete: Tensor) -> NDArray[np.float64]:
    """|SpaDnet(X̂) − Y|, mean over bands, relative to the mean of Y [%], h×w; NaN where pixels hold no data.

    Args:
        degradation: On the CPU.
        scene: The pair.
        complete: X̂, rh×rw×C, with values also where the pair holds no data: a PSF reaches beyond its LR pixel.
    """
    psf, lr_hsi = degradation.psf, scene.lr_hsi.flatten(0, 1)
    seen = usable_lr_pixels(scene, psf)
    error = torch.zeros(len(lr_hsi), dtype=torch.float64)
    for image, measured in zip(torch.split(complete, AT_ONCE, 2), torch.split(lr_hsi, AT_ONCE, 1), strict=True):
        error += (degraded(scene, image.double(), psf) - measured).abs().sum(1)
    level = lr_hsi[seen].double().abs().mean()
    error = torch.where(seen, error / lr_hsi.shape[1] / level, torch.nan)
    return np.asarray(100 * error.view(scene.lr_hsi.shape[:2]).numpy())


def hr_msi_misfit(degradation: Degradation, scene: Scene, fused: Tensor) -> NDArray[np.float64]:
    """|SpeDnet(X̂) − Z|, mean over bands, relative to the mean of Z [%], rh×rw; NaN where pixels hold no data."""
    hr_msi, covered = scene.hr_msi.double(), scene.valid
    response = degradation.srf
    seen = torch.stack([row.double() @ response for row in fused])  # row by row, to bound memory
    error = (degradation.unmatched(seen) - hr_msi).abs().mean(2) / hr_msi[covered].abs().mean()
    return np.asarray(100 * torch.where(covered, error, torch.nan).numpy())


def draw_map(axis: Axes, error: NDArray[np.floating], title: str, unit: str) -> None:
    """Draw one, up to its 99th percentile; grey where there are no data."""
    known = error[np.isfinite(error)]
    top, mean = (float(np.quantile(known, 0.99)), float(known.mean())) if known.size else (1.0, np.nan)
    shades = matplotlib.colormaps["magma"].with_extremes(bad=str(GREY))
    drawn = axis.imshow(np.ma.masked_invalid(error), cmap=shades, vmin=0, vmax=max(top, 1e-12))
    axis.set_title(f"{title}\nmean {mean:.2g}{unit}", fontsize=10)
    axis.set_axis_off()
    bar = axis.figure.colorbar(drawn, cax=axis.inset_axes((1.03, 0, 0.05, 1)))
    bar.ax.tick_params(labelsize=8)
