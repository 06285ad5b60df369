"""The images of a scene in colour: true colour and, where the bands reach, false colour."""

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
}  # shown as red, green, blue [nm]
SPREAD = {
    "true colour": (0.4, 0.25, 0.1),
    "false colour": (0.75, 0.4, 0.25),
}  # share of the bands: as from 400 to 1000 nm
REACH = 60.0  # nm from a colour to the band that shows it
NEAR_INFRARED = 750.0  # nm: without a band beyond it there is no false colour
GREY = 0.5  # of pixels without data
WIDTH = 3.4  # inches that an image is wide


def colours(scene: Scene) -> list[str]:
    """The names of the colour composites that a scene allows."""
    infrared = scene.wavelengths is None or float(scene.wavelengths.max()) > NEAR_INFRARED
    return list(COLOURS) if infrared else ["true colour"]


def images(scene: Scene, fused: Tensor | None, colour: str = "true colour") -> dict[str, NDArray[np.float32]]:
    """Colour composites by name: HR-MSI, LR-HSI, fused (if given) and truth (if known), each rh×rw×3 in [0, 1].

    The LR-HSI is interpolated. The hyperspectral ones are stretched alike, from the 1st to the 99th percentile of the
    LR-HSI, colour by colour; the HR-MSI, whose bands are others, by its own percentiles. Pixels without data are grey.
    """
    hsi_bands, msi_bands = shown_bands(scene, colour)
    lr_hsi, hr_msi = (
        image[:, :, bands].cpu().double().numpy()
        for image, bands in ((scene.lr_hsi, hsi_bands), (scene.hr_msi, msi_bands))
    )
    lr_valid, hr_valid = (None if valid is None else valid.cpu().numpy() for valid in (scene.lr_valid, scene.hr_valid))
    down, right = scene.shift
    on_hr_pixels = interpolate(torch.from_numpy(lr_hsi), scene.scale, (down, right)).numpy()
    like = _percentiles(lr_hsi if lr_valid is None else lr_hsi[lr_valid])
    result = {
        "HR-MSI": _stretched(hr_msi, _percentiles(hr_msi if hr_valid is None else hr_msi[hr_valid]), hr_valid),
        "LR-HSI": _stretched(on_hr_pixels, like, replace(scene, hr_valid=None).valid.cpu().numpy()),
    }
    for name, image in (("fused", fused), ("truth", scene.truth.image)):
        if image is not None:
            result[name] = _stretched(image[:, :, hsi_bands].cpu().numpy(), like)
    return result


def shown_bands(scene: Scene, colour: str = "true colour") -> tuple[list[int], list[int]]:
    """The bands of the LR-HSI and of the HR-MSI that are shown as red, green and blue.

    Those nearest to the colours' wavelengths; spread over all bands where wavelengths are unknown or do not reach. Of
    an HR-MSI whose bands' places are unknown, those that correlate best with the LR-HSI's.
    """
    bands = len(scene.support)
    position = torch.arange(bands) if scene.wavelengths is None else scene.wavelengths.cpu()
    hsi = _near(scene, colour) or [min(int(share * bands), bands - 1) for share in SPREAD[colour]]
    covered = scene.support.cpu().double()
    centre = (position[:, None] * covered).sum(0) / covered.sum(0)
    if len(centre) > 1 and (centre == centre[0]).all():
        return hsi, _correlated(scene, hsi)
    return hsi, [int((centre - position[band]).abs().argmin()) for band in hsi]


def composites(scene: Scene, fused: Tensor | None, colour: str = "true colour") -> Figure:
    """The ``images`` side by side."""
    shown = images(scene, fused, colour)
    figure = Figure(figsize=(WIDTH * len(shown), row_height(scene)), layout="constrained")
    draw_images(figure, scene, shown, colour)
    return figure


def row_height(scene: Scene) -> float:
    """Inches that a row of images is high."""
    rows, columns = scene.hr_msi.shape[:2]
    return float(np.clip(WIDTH * rows / columns, 1.2, 2 * WIDTH)) + 0.5


def draw_images(
    figure: Figure | SubFigure,
    scene: Scene,
    shown: dict[str, NDArray[np.float32]],
    colour: str,
    points: list[tuple[int, int]] | None = None,
) -> None:
    """Draw what ``images`` gives in a row, the points marked and numbered in the fused one."""
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
    if _near(scene, colour):
        title = f"{colour}: {title}"
    figure.suptitle(f"{title}; bands {', '.join(str(band + 1) for band in msi)} of the HR-MSI", fontsize=10)


def _near(scene: Scene, colour: str) -> list[int] | None:
    """The bands of the LR-HSI nearest to a colour's wavelengths, if they are known and reach."""
    if scene.wavelengths is None:
        return None
    apart = (scene.wavelengths.cpu().double() - torch.tensor(COLOURS[colour], dtype=torch.float64)[:, None]).abs()
    return apart.argmin(1).tolist() if float(apart.amin(1).max()) <= REACH else None


def _correlated(scene: Scene, hsi: list[int]) -> list[int]:
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
    low, high = limits
    stretched = np.clip((composite - low) / np.maximum(high - low, 1e-12), 0, 1)
    shown = np.isfinite(stretched).all(2) if valid is None else valid
    return np.asarray(np.where(shown[..., None], stretched, GREY), dtype=np.float32)
