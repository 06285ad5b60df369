"""The files of a finished run: images, model, degradation, stages and pictures."""

from __future__ import annotations

import logging
from dataclasses import replace
from math import ceil
from time import monotonic
from typing import Any

from udaln import pictures
from udaln.experiment import results
from udaln.experiment.fusion import Fusion
from udaln.experiment.job import Job
from udaln.experiment.model_file import save_model
from udaln.experiment.output import fused_bands
from udaln.experiment.stream import fuse_to_files
from udaln.io.partial_image import PartialImage
from udaln.io.write import write_image

QUICKLOOK = 1200  # longer side of the quicklook, at most [pixels]


def write_products(job: Job, fusion: Fusion, rows: list[dict[str, Any]]) -> None:
    """Write degradation, model, table of stages and, if pictures are wanted, the overview and the displacement.

    Args:
        job: What was done.
        fusion: The result.
        rows: Figures of each stage.
    """
    config, folder, scene = job.config, job.folder, job.scene
    degradation = fusion.model.degradation
    refinement = fusion.fuser.refinement
    noise = None if refinement is None else refinement.noise
    displacement, file = fusion.displacement, folder / "degradation.npz"
    maps = {"displacement": displacement, "changed": fusion.changed}
    results.write_degradation(file, degradation, scene.total_shift, noise, **maps)
    bands = fused_bands(job.pair, scene, filled=True)
    save_model(folder / "model.ckpt", job.options.method, fusion.model, scene.dropped_bands, bands)
    results.write_stages(folder / "stages.csv", rows)
    if config.monitor.pictures is None:
        return
    if displacement is not None:
        results.write_picture(folder / "displacement.png", pictures.displacement_map(displacement))
    page = pictures.overview(
        degradation,
        fusion.scene,
        fusion.estimate.image,
        f"{config.dataset.name} ×{scene.scale}: {fusion.verdict}",
        fusion.complete,
        sigma=fusion.estimate.deviation,
        points=[(row, column) for row, column in config.monitor.points or []],
    )
    results.write_picture(folder / "overview.png", page)


def write_images(job: Job, fusion: Fusion) -> dict[str, float]:
    """Write the fused image and its uncertainty, if it is wanted.

    Returns:
        ``stream_seconds``, if the pair was fused window by window; else nothing.
    """
    filled = job.filled_bands
    files = [job.image_file, job.image_file.with_stem("uncertainty")][: 1 + job.options.uncertainty]
    bands = fused_bands(job.pair, job.scene, filled=filled is not None)
    if job.streamed:
        assert job.pair is not None
        if not fusion.model.local:
            message = (
                "method=%s: each window is solved by itself, the image may have seams; memory.limit makes them fewer"
            )
            logging.getLogger("udaln").warning(message, job.config.method.name)
        start = monotonic()
        fuse_to_files(
            fusion.fuser,
            job.pair,
            job.scene,
            files,
            bands,
            job.device,
            filled,
            memory_limit=job.config.memory.bytes,
            preview=_Quicklook(job),
        )
        return {"stream_seconds": round(monotonic() - start, 3)}
    pair = job.pair
    grid = None if pair is None or pair.grid is None else pair.grid.window(*fusion.scene.resampling_shift)
    fusion = replace(fusion, bad_bands=filled)
    for file, image in zip(files, (fusion.image, fusion.deviation), strict=False):
        if image is not None:
            write_image(file, image, bands, grid)
    return {}


class _Quicklook:
    """Writes ``quicklook.png``, a subsampled view of an image that was fused window by window."""

    def __init__(self, job: Job) -> None:
        self.file = job.folder / "quicklook.png"
        self.bands = pictures.shown_bands(job.scene)[0]
        if job.filled_bands is not None:
            self.bands = job.filled_bands.kept.nonzero().flatten()[self.bands].tolist()

    def __call__(self, image: PartialImage) -> None:
        step = ceil(max(image.shape[:2]) / QUICKLOOK)
        results.write_pixels(self.file, pictures.quicklook(image.subsampled(step, self.bands)))
