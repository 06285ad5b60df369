"""The page that shows the result of a fusion."""

from __future__ import annotations

from matplotlib.figure import Figure
from torch import Tensor

from udaln.physics.degradation import Degradation
from udaln.pictures.composites import WIDTH, colours, draw_images, images, row_height
from udaln.pictures.consistency import draw_map, hr_msi_misfit, lr_hsi_misfit
from udaln.pictures.sensors import draw_psfs, draw_srf
from udaln.pictures.spectra import ROW_HEIGHT, Points, checked_points, draw_spectra, panel_rows
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
    """Draw one page: images in colour, error maps, PSF, SRF, and spectra at a few points.

    Args:
        degradation: As it was estimated, on the CPU.
        scene: The scene, on the CPU.
        fused: The fused image, H×W×C, on the CPU; NaN for pixels without data.
        caption: The title.
        complete: The fused image with finite values in gaps, too; ``fused`` if None.
        sigma: The uncertainty of the fused image, the standard deviation of each value, H×W×C, if it was calculated.
        points: HR rows and columns of the spectra; if None, the `purest` pixels of the fused image.

    Raises:
        InputError: If a point lies outside the image, or ``sigma`` is of another shape than ``fused``.
    """
    points = checked_points(fused, sigma, points)
    composites = {colour: images(scene, fused, colour) for colour in colours(scene)}
    columns = len(composites["true colour"])
    heights = [row_height(scene)] * len(composites) + [MAPS_HEIGHT, SRF_HEIGHT, panel_rows(points) * ROW_HEIGHT + 0.5]
    figure = Figure(figsize=(WIDTH * columns, sum(heights) + 0.4), layout="constrained")
    figure.suptitle(caption, fontsize=12)
    grid = figure.add_gridspec(len(heights), 1, height_ratios=heights)
    rows = [figure.add_subfigure(grid[row]) for row in range(len(heights))]
    for row, (colour, pictures) in zip(rows, composites.items(), strict=False):
        draw_images(row, scene, pictures, colour, points)
    maps, srf, spectra = rows[len(composites) :]
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
