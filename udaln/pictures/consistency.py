"""Error maps: how far a fused image is inconsistent with the pair that it was made from."""

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

CHUNK = 16  # bands that are degraded together, to bound memory


def lr_hsi_misfit(degradation: Degradation, scene: Scene, complete: Tensor) -> NDArray[np.float64]:
    """|SpaDnet(X̂) − Y|, mean over bands, relative to the mean of Y.

    Args:
        degradation: On the CPU.
        scene: The pair.
        complete: X̂, rh×rw×C, with finite values in gaps, too: the PSF of an LR pixel reaches into them.

    Returns:
        h×w [%]; NaN for pixels without data.
    """
    psf, lr_hsi = degradation.psf, scene.lr_hsi.flatten(0, 1)
    usable = usable_lr_pixels(scene, psf)
    error = torch.zeros(len(lr_hsi), dtype=torch.float64)
    for image, measured in zip(torch.split(complete, CHUNK, 2), torch.split(lr_hsi, CHUNK, 1), strict=True):
        error += (degraded(scene, image.double(), psf) - measured).abs().sum(1)
    level = lr_hsi[usable].double().abs().mean()
    error = torch.where(usable, error / lr_hsi.shape[1] / level, torch.nan)
    return np.asarray(100 * error.view(scene.lr_hsi.shape[:2]).numpy())


def hr_msi_misfit(degradation: Degradation, scene: Scene, fused: Tensor) -> NDArray[np.float64]:
    """|SpeDnet(X̂) − Z|, mean over bands, relative to the mean of Z.

    Args:
        degradation: On the CPU.
        scene: The pair.
        fused: X̂, rh×rw×C.

    Returns:
        rh×rw [%]; NaN for pixels without data.
    """
    hr_msi, valid = scene.hr_msi.double(), scene.valid
    response = degradation.srf
    hr_msi_fused = torch.stack([row.double() @ response for row in fused])  # row by row, to bound memory
    error = (degradation.unmatched(hr_msi_fused) - hr_msi).abs().mean(2) / hr_msi[valid].abs().mean()
    return np.asarray(100 * torch.where(valid, error, torch.nan).numpy())


def draw_map(axis: Axes, error: NDArray[np.floating], title: str, unit: str) -> None:
    """Draw an error map, in colours up to its 99th percentile; pixels without data are grey."""
    finite = error[np.isfinite(error)]
    top, mean = (float(np.quantile(finite, 0.99)), float(finite.mean())) if finite.size else (1.0, np.nan)
    colours = matplotlib.colormaps["magma"].with_extremes(bad=str(GREY))
    mapped = axis.imshow(np.ma.masked_invalid(error), cmap=colours, vmin=0, vmax=max(top, 1e-12))
    axis.set_title(f"{title}\nmean {mean:.2g}{unit}", fontsize=10)
    axis.set_axis_off()
    bar = axis.figure.colorbar(mapped, cax=axis.inset_axes((1.03, 0, 0.05, 1)))
    bar.ax.tick_params(labelsize=8)
