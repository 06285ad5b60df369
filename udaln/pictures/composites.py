"""Colour composites of the images of a scene: true colour and, with bands in the near infrared, false colour."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from matplotlib.figure import Figure, SubFigure
from numpy.typing import NDArray
from torch import Tensor

from udaln.physics.interpolation import interpolate
from udaln.physics.observation import degraded, usable_lr_pixels
from udaln.scene import Scene

COLOURS = {
    "true colour": (640.0, 550.0, 465.0),
    "false colour": (850.0, 660.0, 560.0),
}  # wavelengths shown as red, green and blue [nm]
POSITIONS = {
    "true colour": (0.4, 0.25, 0.1),
    "false colour": (0.75, 0.4, 0.25),
}  # the same as fractions of the number of bands, for bands from 400 to 1000 nm
MAX_DISTANCE = 60.0  # between a colour and the band that shows it [nm]
NEAR_INFRARED = 750.0  # false colour needs a band beyond it [nm]
GREY = 0.5  # brightness of pixels without data
WIDTH = 3.4  # of an image [inches]


def colours(scene: Scene) -> list[str]:
    """Names of the colour composites that the bands of a scene allow."""
    infrared = scene.wavelengths is None or float(scene.wavelengths.max()) > NEAR_INFRARED
    return list(COLOURS) if infrared else ["true colour"]


def images(scene: Scene, fused: Tensor | None, colour: str = "true colour") -> dict[str, NDArray[np.float32]]:
    """Make the colour composites of a scene.

    The hyperspectral ones share one contrast stretch, from the 1st to the 99th percentile of the LR-HSI, colour by
    colour; the HR-MSI, whose bands are others, has its own. The LR-HSI is interpolated. Pixels without data are grey.

    Args:
        scene: The scene.
        fused: The fused image, H×W×C; None if there is none.
        colour: Which composite.

    Returns:
        By name, HR-MSI, LR-HSI, fused (if given) and truth (if known), each rh×rw×3 in [0, 1].
    """
    hsi_bands, msi_bands = shown_bands(scene, colour)
    lr_hsi, hr_msi = (
        image[:, :, bands].cpu().double().numpy()
        for image, bands in ((scene.lr_hsi, hsi_bands), (scene.hr_msi, msi_bands))
    )
    lr_valid, hr_valid = (None if valid is None else valid.cpu().numpy() for valid in (scene.lr_valid, scene.hr_valid))
    interpolated = interpolate(torch.from_numpy(lr_hsi), scene.scale, scene.shift).numpy()
    limits = _percentiles(lr_hsi if lr_valid is None else lr_hsi[lr_valid])
    result = {
        "HR-MSI": _stretched(hr_msi, _percentiles(hr_msi if hr_valid is None else hr_msi[hr_valid]), hr_valid),
        "LR-HSI": _stretched(interpolated, limits, replace(scene, hr_valid=None).valid.cpu().numpy()),
    }
    for name, image in (("fused", fused), ("truth", scene.truth.image)):
        if image is not None:
            result[name] = _stretched(image[:, :, hsi_bands].cpu().numpy(), limits)
    return result


def shown_bands(scene: Scene, colour: str = "true colour") -> tuple[list[int], list[int]]:
    """Choose the bands of the LR-HSI and of the HR-MSI that are shown as red, green and blue.

    They are the bands nearest to the colours' wavelengths. If the wavelengths are unknown or too far away, they are
    spread over all bands; if the support does not tell the bands of the HR-MSI apart, those that correlate best with
    the LR-HSI's are taken.

    Returns:
        Numbers of three bands of the LR-HSI, and of the HR-MSI.
    """
    bands = len(scene.support)
    position = torch.arange(bands) if scene.wavelengths is None else scene.wavelengths.cpu()
    hsi = _nearest_bands(scene, colour) or [min(int(fraction * bands), bands - 1) for fraction in POSITIONS[colour]]
    support = scene.support.cpu().double()
    centre = (position[:, None] * support).sum(0) / support.sum(0)
    if len(centre) > 1 and (centre == centre[0]).all():
        return hsi, _correlated_bands(scene, hsi)
    return hsi, [int((centre - position[band]).abs().argmin()) for band in hsi]


def row_height(scene: Scene) -> float:
    """Height of a row of images [inches]."""
    rows, columns = scene.hr_msi.shape[:2]
    return float(np.clip(WIDTH * rows / columns, 1.2, 2 * WIDTH)) + 0.5


def draw_images(
    figure: Figure | SubFigure,
    scene: Scene,
    shown: dict[str, NDArray[np.float32]],
    colour: str,
    points: list[tuple[int, int]] | None = None,
) -> None:
    """Draw a row of images.

    Args:
        figure: Where to draw.
        scene: The scene.
        shown: From `images`.
        colour: Which composite they are.
        points: HR rows and columns, to be marked and numbered in the fused image.
    """
    hsi, msi = shown_bands(scene, colour)
    for axis, (name, picture) in zip(figure.subplots(1, len(shown), squeeze=False)[0], shown.items(), strict=True):
        axis.imshow(picture)
        sizes = "×".join(map(str, (scene.lr_hsi if name == "LR-HSI" else scene.hr_msi).shape))
        titles = {"HR-MSI": f"HR-MSI  {sizes}", "LR-HSI": f"LR-HSI  {sizes}, bicubic"}
        axis.set_title(titles.get(name, name), fontsize=10)
        axis.set_axis_off()
        if name == "fused":
            for number, (row, column) in enumerate(points or []):
                axis.plot(column, row, "o", markersize=11, color=f"C{number}", markeredgecolor="white", clip_on=False)
                axis.text(column, row, str(number + 1), color="white", fontsize=7, ha="center", va="center_baseline")
    if scene.wavelengths is None:
        title = f"bands {', '.join(str(band + 1) for band in hsi)} of the LR-HSI"
    else:
        title = f"{', '.join(f'{float(scene.wavelengths[band]):.0f}' for band in hsi)} nm"
    if _nearest_bands(scene, colour):
        title = f"{colour}: {title}"
    figure.suptitle(f"{title}; bands {', '.join(str(band + 1) for band in msi)} of the HR-MSI", fontsize=10)


def _nearest_bands(scene: Scene, colour: str) -> list[int] | None:
    """The bands of the LR-HSI nearest to a composite's wavelengths; None if unknown or too far away."""
    if scene.wavelengths is None:
        return None
    distance = (scene.wavelengths.cpu().double() - torch.tensor(COLOURS[colour], dtype=torch.float64)[:, None]).abs()
    return distance.argmin(1).tolist() if float(distance.amin(1).max()) <= MAX_DISTANCE else None


def _correlated_bands(scene: Scene, hsi: list[int]) -> list[int]:
    """For each of these bands of the LR-HSI, the band of the HR-MSI that correlates best with it."""
    box = torch.full((scene.scale, scene.scale), scene.scale**-2.0, dtype=torch.float64)
    lr_msi = degraded(scene, scene.hr_msi.double(), box.to(scene.hr_msi.device))
    both = torch.cat([scene.lr_hsi.flatten(0, 1)[:, hsi].double(), lr_msi], 1)[usable_lr_pixels(scene, box.to(lr_msi))]
    correlation = torch.corrcoef(both.T)[: len(hsi), len(hsi) :]
    return [int(band) for band in correlation.nan_to_num(-1.0).argmax(1)]


def _percentiles(values: NDArray[np.floating]) -> NDArray[np.floating]:
    return np.asarray(np.quantile(values.reshape(-1, values.shape[-1]), (0.01, 0.99), axis=0))


def _stretched(
    composite: NDArray[np.floating], limits: NDArray[np.floating], valid: NDArray[np.bool_] | None = None
) -> NDArray[np.float32]:
    """Stretch the contrast to [0, 1]; grey where pixels are invalid or, without a mask, not finite."""
    low, high = limits
    stretched = np.clip((composite - low) / np.maximum(high - low, 1e-12), 0, 1)
    shown = np.isfinite(stretched).all(2) if valid is None else valid
    return np.asarray(np.where(shown[..., None], stretched, GREY), dtype=np.float32)
