"""Pictures of one thing each, legible at the size of a card of TensorBoard."""

from __future__ import annotations

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor

from udaln.physics.degradation import Degradation
from udaln.pictures.composites import colours, images
from udaln.pictures.consistency import draw_map, hr_msi_misfit, lr_hsi_misfit
from udaln.pictures.sensors import draw_psfs, draw_srf
from udaln.pictures.spectra import Points, checked_points, draw_spectrum, spectral_label, with_breaks
from udaln.scene import Scene

WIDTH = 4.6  # of a card [inches]


def inputs(scene: Scene) -> dict[str, Figure]:
    """Draw the two images of a pair in colour, by the name of the card."""
    return {
        f"{name}, {colour}": _picture(images(scene, None, colour)[name], f"{name}  {_sizes(scene, name)}")
        for name in ("LR-HSI", "HR-MSI")
        for colour in colours(scene)
    }


def sensors(degradation: Degradation, scene: Scene) -> dict[str, Figure]:
    """Draw the estimated PSF and SRF, and the true ones if they are known, by the name of the card."""
    psfs = 1 if scene.truth.psf is None else 2
    psf = Figure(figsize=(WIDTH, 2.6 if psfs == 2 else 3.6), layout="constrained")
    draw_psfs(list(psf.subplots(1, psfs, squeeze=False)[0]), degradation, scene)
    srf = Figure(figsize=(WIDTH, 3.0), layout="constrained")
    draw_srf(srf.subplots(), degradation, scene)
    return {"PSF": psf, "SRF": srf}


def fused_in_colour(scene: Scene, fused: Tensor) -> dict[str, Figure]:
    """Draw the fused image, H×W×C with NaN for pixels without data, in colour."""
    return {colour: _picture(images(scene, fused, colour)["fused"], f"fused, {colour}") for colour in colours(scene)}


def spectra(scene: Scene, fused: Tensor, points: Points | None = None) -> dict[str, Figure]:
    """Draw spectra of the fused image, H×W×C, at HR rows and columns, or else at the `purest` pixels."""
    cards = {}
    for number, point in enumerate(checked_points(fused, None, points)):
        card = Figure(figsize=(WIDTH, 3.2), layout="constrained")
        axis = card.subplots()
        draw_spectrum(axis, scene, fused, None, point, f"C{number}")
        axis.set_title(f"row {point[0]}, column {point[1]}", fontsize=11)
        axis.legend(fontsize=9, frameon=False)
        cards[str(number + 1)] = card
    return cards


def errors(degradation: Degradation, scene: Scene, fused: Tensor, complete: Tensor) -> dict[str, Figure]:
    """Draw the errors of a fused image: against the truth if it is known, else against the pair.

    Args:
        degradation: The current estimate, on the CPU.
        scene: The scene, on the CPU.
        fused: The fused image, H×W×C, on the CPU; NaN for pixels without data.
        complete: The same with finite values in gaps, too.
    """
    truth = scene.truth.image
    if truth is None:
        misfit, msi_misfit = lr_hsi_misfit(degradation, scene, complete), hr_msi_misfit(degradation, scene, fused)
        return {
            "misfit to the LR-HSI": _map(misfit, "misfit to the LR-HSI [% of its mean]", " %"),
            "misfit to the HR-MSI": _map(msi_misfit, "misfit to the HR-MSI [% of its mean]", " %"),
        }
    error = (fused - truth).double().square().mean(2).sqrt()
    relative = 100 * error / truth[torch.isfinite(truth)].double().mean()
    return {
        "spectral angle": _map(_angles(truth, fused), "spectral angle to the truth", "°"),
        "error": _map(np.asarray(relative.numpy()), "rms error of the bands, % of the truth's mean", " %"),
        "PSNR of each band": _psnr_of_bands(scene, truth, fused),
    }


def _picture(picture: NDArray[np.float32], title: str) -> Figure:
    """A picture that fills the card."""
    rows, columns = picture.shape[:2]
    figure = Figure(figsize=(WIDTH, float(np.clip(WIDTH * rows / columns, 1.2, 2 * WIDTH)) + 0.4), layout="constrained")
    axis = figure.subplots()
    axis.imshow(picture)
    axis.set_title(title, fontsize=12)
    axis.set_axis_off()
    return figure


def _map(values: NDArray[np.floating], title: str, unit: str) -> Figure:
    """An error map with its colour bar."""
    rows, columns = values.shape
    height = float(np.clip(0.8 * WIDTH * rows / columns, 1.2, 2 * WIDTH)) + 0.6
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    draw_map(figure.subplots(), values, title, unit)
    return figure


def _psnr_of_bands(scene: Scene, truth: Tensor, fused: Tensor) -> Figure:
    """The PSNR of each band, of its maximum; bands without an error are left out."""
    valid = torch.isfinite(fused).all(2) & torch.isfinite(truth).all(2)
    true, image = (pixels[valid].double() for pixels in (truth, fused))
    ratio = true.amax(0).square() / (true - image).square().mean(0)
    ratio = torch.where(torch.isfinite(ratio) & (ratio > 0), ratio, torch.nan)
    figure = Figure(figsize=(WIDTH, 3.0), layout="constrained")
    axis = figure.subplots()
    axis.plot(*with_breaks(scene, (10 * ratio.log10()).numpy()), linewidth=1.4)
    axis.set_title("PSNR of each band [dB]", fontsize=11)
    axis.set_xlabel(spectral_label(scene), fontsize=10)
    axis.grid(alpha=0.3)
    return figure


def _angles(truth: Tensor, fused: Tensor) -> NDArray[np.float64]:
    """Spectral angle of each pixel [°], H×W; NaN without data, or where a spectrum is zero."""
    a, b = (image.double() / image.double().norm(dim=2, keepdim=True) for image in (truth, fused))
    return np.asarray(torch.rad2deg(2 * torch.atan2((a - b).norm(dim=2), (a + b).norm(dim=2))).numpy())


def _sizes(scene: Scene, name: str) -> str:
    return "×".join(map(str, (scene.lr_hsi if name == "LR-HSI" else scene.hr_msi).shape))
