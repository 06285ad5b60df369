"""One page that shows what came of a pair."""

from __future__ import annotations

from matplotlib.figure import Figure
from torch import Tensor

from udaln.physics.degradation import Degradation
from udaln.pictures.composites import WIDTH, colours, draw_images, images, row_height
from udaln.pictures.consistency import draw_map, hr_msi_misfit, lr_hsi_misfit
from udaln.pictures.sensors import draw_psfs, draw_srf
from udaln.pictures.spectra import ROW_HEIGHT, Points, checked, draw_spectra, rows_of
from udaln.scene import Scene

MAPS_HEIGHT, SRF_HEIGHT = 3.4, 2.8  # inches


def overview(
    degradation: Degradation,
    scene: Scene,
    fused: Tensor,
    caption: str,
    complete: Tensor | None = None,
    sigma: Tensor | None = None,
    points: Points | None = None,
) -> Figure:
    """One page: the images in colour, where they contradict each other, the PSF, the SRF, and spectra at a few points.

    Args:
        degradation: As it was estimated, on the CPU.
        scene: The scene, on the CPU.
        fused: The fused image, H×W×C, on the CPU; NaN where there are no data.
        caption: The title.
        complete: The fused image with values where there are no data, too; ``fused`` if none.
        sigma: The uncertainty of the fused image, the standard deviation of each value, H×W×C, if known.
        points: HR rows and columns of the spectra; the purest pixels of the fused image if none.

    Raises:
        InputError: If a point lies outside the image, or ``sigma`` is of another shape than ``fused``.
    """
    points = checked(fused, sigma, points)
    shown = {colour: images(scene, fused, colour) for colour in colours(scene)}
    wide = len(shown["true colour"])
    heights = [row_height(scene)] * len(shown) + [MAPS_HEIGHT, SRF_HEIGHT, rows_of(points) * ROW_HEIGHT + 0.5]
    figure = Figure(figsize=(WIDTH * wide, sum(heights) + 0.4), layout="constrained")
    figure.suptitle(caption, fontsize=12)
    grid = figure.add_gridspec(len(heights), 1, height_ratios=heights)
    rows = [figure.add_subfigure(grid[row]) for row in range(len(heights))]
    for row, (colour, pictures) in zip(rows, shown.items(), strict=False):
        draw_images(row, scene, pictures, colour, points)
    maps, srf, spectra = rows[len(shown) :]
    errors = [
        (lr_hsi_misfit(degradation, scene, fused if complete is None else complete), "|SpaDnet(fused) − LR-HSI|", " %"),
        (hr_msi_misfit(degradation, scene, fused), "|SpeDnet(fused) − HR-MSI|", " %"),
    ]
    if scene.truth.image is not None:
        rmse = (fused - scene.truth.image).square().mean(2).sqrt().numpy()
        errors.append((rmse, "RMSE against the truth", ""))
    psfs = 1 + (scene.truth.psf is not None)
    axes = maps.subplots(1, len(errors) + psfs, squeeze=False)[0]
    for axis, (error, title, unit) in zip(axes, errors, strict=False):
        draw_map(axis, error, title, unit)
    draw_psfs(list(axes[len(errors) :]), degradation, scene)
    draw_srf(srf.subplots(), degradation, scene)
    draw_spectra(spectra, scene, fused, sigma, points)
    return figure
