"""Pictures of a scene, its fused image and the degradation that was learned."""

from __future__ import annotations

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor

from udaln.networks import FusionNetworks
from udaln.scene import Scene

RED_GREEN_BLUE = (640.0, 550.0, 465.0)  # nm
POINTS = 3  # spectra shown


def images(scene: Scene, fused: Tensor | None) -> dict[str, NDArray[np.float32]]:
    """True-colour composites by name: LR-HSI, HR-MSI, fused (if given) and truth (if known), each H×W×3 in [0, 1].

    The hyperspectral ones are stretched alike, from the 1st to the 99th percentile of the LR-HSI, colour by colour; the
    HR-MSI, whose bands are others, by its own percentiles.
    """
    hsi_bands, msi_bands = shown_bands(scene)
    lr_hsi, hr_msi = scene.lr_hsi[:, :, hsi_bands], scene.hr_msi[:, :, msi_bands]
    result = {"LR-HSI": _stretched(lr_hsi, like=lr_hsi), "HR-MSI": _stretched(hr_msi, like=hr_msi)}
    for name, image in (("fused", fused), ("truth", scene.truth.image)):
        if image is not None:
            result[name] = _stretched(image[:, :, hsi_bands], like=lr_hsi)
    return result


def shown_bands(scene: Scene) -> tuple[list[int], list[int]]:
    """The bands of the LR-HSI and of the HR-MSI nearest to red, green and blue; without wavelengths, spread evenly."""
    bands = len(scene.support)
    if scene.wavelengths is not None:
        position, wanted = scene.wavelengths.double(), torch.tensor(RED_GREEN_BLUE, dtype=torch.float64)
    else:
        position, wanted = torch.arange(bands).double(), bands * torch.tensor([0.75, 0.5, 0.25]).double()
    covered = scene.support.double()
    centre = (position[:, None] * covered).sum(0) / covered.sum(0)
    hsi, msi = ([int((at - w).abs().argmin()) for w in wanted] for at in (position, centre))
    return hsi, msi


def _stretched(composite: Tensor, like: Tensor) -> NDArray[np.float32]:
    low, high = np.quantile(like.cpu().numpy(), (0.01, 0.99), axis=(0, 1))
    stretched = (composite.cpu().numpy() - low) / np.maximum(high - low, 1e-12)
    return np.asarray(np.clip(stretched, 0, 1), dtype=np.float32)


def degradation(networks: FusionNetworks, scene: Scene) -> Figure:
    """The PSF and the SRF learned, beside the true ones where they are known."""
    figure = Figure(figsize=(11, 3.2), layout="constrained")
    axes = figure.subplots(1, 3, width_ratios=[1, 1, 2.6])
    _psfs(axes[0], axes[1], networks, scene)
    _srf(axes[2], networks, scene)
    return figure


def overview(networks: FusionNetworks, scene: Scene, fused: Tensor, caption: str) -> Figure:
    """One page: the images in true colour, the error or its stand-in, the PSF, the SRF, and spectra at a few points."""
    figure = Figure(figsize=(14, 6.2), layout="constrained")
    figure.suptitle(caption, fontsize=11)
    grid = figure.add_gridspec(2, 1, height_ratios=[1.1, 1])
    top, bottom = (figure.add_subfigure(grid[row]) for row in range(2))
    composites = images(scene, fused)
    row = top.subplots(1, len(composites) + 1)
    points = _points(scene)
    for axis, (name, picture) in zip(row, composites.items(), strict=False):
        axis.imshow(picture, interpolation="nearest")
        axis.set_title(f"{name}  {picture.shape[0]}×{picture.shape[1]}", fontsize=10)
        if name == "fused":
            for number, (y, x) in enumerate(points):
                axis.plot(x, y, "o", markersize=7, markerfacecolor=f"C{number}", markeredgecolor="white")
        axis.set_axis_off()
    _error_map(row[-1], figure, networks, scene, fused)
    axes = bottom.subplots(1, 4, width_ratios=[1, 1, 2.2, 2.2])
    _psfs(axes[0], axes[1], networks, scene)
    _srf(axes[2], networks, scene)
    _spectra(axes[3], scene, fused, points)
    return figure


def _error_map(axis: Axes, figure: Figure, networks: FusionNetworks, scene: Scene, fused: Tensor) -> None:
    if scene.truth.image is not None:
        error, title = (fused - scene.truth.image).square().mean(2).sqrt(), "RMSE against the truth"
    else:
        error = (fused.double() @ networks.sped.srf.detach() - scene.hr_msi).abs().mean(2)
        title = "|SpeDnet(fused) − HR-MSI|"
    drawn = axis.imshow(error.numpy(), cmap="magma", vmin=0, vmax=float(np.quantile(error.numpy(), 0.99)))
    axis.set_title(title, fontsize=10)
    axis.set_axis_off()
    figure.colorbar(drawn, ax=axis, shrink=0.6)


def _psfs(learned: Axes, true: Axes, networks: FusionNetworks, scene: Scene) -> None:
    psf = networks.spad.psf.cpu()
    top = float(psf.max())
    learned.imshow(psf.numpy(), vmin=0, vmax=top)
    learned.set_title(f"PSF (sum {psf.sum():.3f})", fontsize=10)
    if scene.truth.psf is not None:
        true.imshow(scene.truth.psf.cpu().numpy(), vmin=0, vmax=top)
        true.set_title("true PSF", fontsize=10)
    for axis in (learned, true):
        axis.set_axis_off()


def _srf(axis: Axes, networks: FusionNetworks, scene: Scene) -> None:
    at, label = _spectral_axis(scene)
    srf = networks.sped.srf.detach().cpu().numpy()
    for band in range(srf.shape[1]):
        axis.plot(at, srf[:, band], color=f"C{band}", linewidth=1.2)
        if scene.truth.srf is not None:
            axis.plot(at, scene.truth.srf[:, band].cpu().numpy(), "--", color=f"C{band}", linewidth=0.8)
    axis.set_title("SRF" + (" (dashed: true)" if scene.truth.srf is not None else ""), fontsize=10)
    axis.set_xlabel(label)


def _spectra(axis: Axes, scene: Scene, fused: Tensor, points: list[tuple[int, int]]) -> None:
    at, label = _spectral_axis(scene)
    r = scene.scale
    for number, (y, x) in enumerate(points):
        axis.plot(at, fused[y, x].numpy(), color=f"C{number}", linewidth=1.4)
        if scene.truth.image is not None:
            axis.plot(at, scene.truth.image[y, x].numpy(), "--", color="black", linewidth=0.8)
        axis.plot(at, scene.lr_hsi[y // r, x // r].numpy(), ":", color=f"C{number}", linewidth=1.0)
    truth = ", dashed: truth" if scene.truth.image is not None else ""
    axis.set_title(f"spectra at the points (dotted: LR-HSI{truth})", fontsize=10)
    axis.set_xlabel(label)


def _spectral_axis(scene: Scene) -> tuple[NDArray[np.float64], str]:
    if scene.wavelengths is None:
        return np.arange(scene.support.shape[0], dtype=np.float64), "band"
    return scene.wavelengths.cpu().double().numpy(), "wavelength [nm]"


def _points(scene: Scene) -> list[tuple[int, int]]:
    """Pixels of unlike materials: the brightest in the HR-MSI, then each time the one least like those before."""
    pixels = scene.hr_msi.flatten(0, 1)
    distance = torch.linalg.vector_norm(pixels, dim=1)
    chosen: list[int] = []
    for _ in range(POINTS):
        chosen.append(int(distance.argmax()))
        apart = torch.linalg.vector_norm(pixels - pixels[chosen[-1]], dim=1)
        distance = apart if len(chosen) == 1 else torch.minimum(distance, apart)
    return [(index // scene.hr_msi.shape[1], index % scene.hr_msi.shape[1]) for index in chosen]
