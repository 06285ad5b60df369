"""A pair larger than memory fused from files to files: windows are read, worked on and written at the same time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import compress
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from udaln.consistency.fuser import Fuser
from udaln.experiment.schema import Format
from udaln.experiment.stream_windows import BASE, windows_of, working_set
from udaln.io.bad_bands import fill_bad_bands
from udaln.io.grid import Grid
from udaln.io.image import Bands, Image
from udaln.io.pair import Pair
from udaln.io.partial_image import PartialImage
from udaln.io.write import ADOPTABLE, adopt_envi, write_image
from udaln.methods.base import SpectralMap
from udaln.monitor.progress import share_done
from udaln.physics.part import Part
from udaln.scene import DroppedBands, Scene

T = TypeVar("T")


def stream(
    windows: Sequence[Part],
    read: Callable[[Part], T],
    work: Callable[[T, Part], Sequence[Tensor] | None],
    canvases: Sequence[PartialImage],
    scale: int = 1,
) -> None:
    """Do all windows that are not done: while one is worked on, the next is read and the one before written.

    Args:
        windows: In the order in which they are written.
        read: What a window takes.
        work: Makes of it the window of each canvas, h×w×B on the CPU; none if there are no data.
        canvases: What is written.
        scale: Pixels of the canvases per pixel of the windows.
    """
    first = min(canvas.finished for canvas in canvases)
    with share_done("fuse") as done, ThreadPoolExecutor(1) as reader, ThreadPoolExecutor(1) as writer:
        behind: Future[None] | None = None
        ahead = [reader.submit(read, part) for part in windows[first : first + 1]]
        for number in range(first, len(windows)):
            done(number / len(windows))
            given = ahead.pop().result()
            if number + 1 < len(windows):
                ahead.append(reader.submit(read, windows[number + 1]))
            images = work(given, windows[number])
            del given
            if behind is not None:
                behind.result()
            behind = writer.submit(_write, canvases, windows[number], scale, number, images)
            del images
        if behind is not None:
            behind.result()
        done(1.0)


def _write(
    canvases: Sequence[PartialImage], part: Part, scale: int, number: int, images: Sequence[Tensor] | None
) -> None:
    """A window, to each of the canvases that do not have it yet."""
    rows, columns = (slice(span.start * scale, span.stop * scale) for span in part.wanted)
    for index, canvas in enumerate(canvases):
        if canvas.finished > number:
            continue
        if images is None:
            window = np.full((rows.stop - rows.start, columns.stop - columns.start, canvas.shape[2]), np.nan, "f4")
        else:
            window = images[index].numpy()
        canvas.write((rows, columns), window)


def fuse_to_files(
    fuser: Fuser,
    pair: Pair,
    like: Scene,
    files: Sequence[Path],
    bands: Bands,
    device: torch.device,
    put_back: DroppedBands | None,
    *,
    limit: int,
    fingerprint: object = None,
    look: Callable[[PartialImage], None] | None = None,
) -> None:
    """Fuse a pair window by window; stopped, and called again with the same, it goes on where it was.

    Args:
        fuser: Of the pair; its model is on the CPU afterwards.
        pair: What is read.
        like: A scene of the same pair.
        files: For the image and, if that is wanted, for its uncertainty.
        bands: Of the image.
        device: Where to calculate.
        put_back: Bands that the scene is made without, to be filled in.
        limit: About how many bytes the process may take.
        fingerprint: What else decides the result, in plain types.
        look: Shown the image once it is whole.
    """
    count, msi_count = fuser.model.degradation.support.shape

    def needed(rows: int, columns: int) -> int:
        return working_set(rows, columns, pair.scale, count, msi_count, deviation=len(files) > 1)

    def work(scene: Scene | None, part: Part) -> list[Tensor] | None:
        if scene is None:
            return None
        covered = scene.valid[part.inside(part.wanted, scene.scale)]
        if not covered.any():
            return None
        estimate = on_device.fuse(scene.to(device), part, with_deviation=len(files) > 1)
        images = [image.cpu() for image in estimate if image is not None]
        for image in images:
            image[~covered] = torch.nan
        return [fill_bad_bands(image, put_back) for image in images]

    windows = windows_of(pair.sides, lambda box: fuser.part(like, pair.sides, box), limit, needed)
    shape = (*pair.hr_msi.shape[:2], count if put_back is None else len(put_back.kept))
    canvases = [_canvas(file, shape, windows, fingerprint) for file in files]
    on_device = fuser.to(device)
    stream(windows, lambda part: pair.scene(part, like), work, canvases, pair.scale)
    fuser.model.cpu()
    if look is not None:
        look(canvases[0])
    _finish(canvases, files, bands, pair.grid)


def map_to_file(
    model: SpectralMap,
    hr_msi: Image,
    file: Path,
    bands: Bands,
    dropped_bands: DroppedBands | None,
    *,
    limit: int,
    fingerprint: object,
) -> None:
    """Map an HR-MSI alone to spectra, window by window; as `fuse_to_files`.

    Args:
        model: Fitted, on the CPU.
        hr_msi: What is read, with all bands of the HR-MSI that the model was fitted with.
        file: For the image.
        bands: Of the image.
        dropped_bands: Bands that the model was fitted without; they are filled in.
        limit: About how many bytes the process may take.
        fingerprint: What else decides the result, in plain types.
    """
    used = slice(None) if dropped_bands is None else ~dropped_bands.msi_dead
    count, msi_count = model.degradation.support.shape
    sides = hr_msi.shape[:2]

    def needed(rows: int, columns: int) -> int:
        return BASE + rows * columns * (12 * count + 16 * msi_count)

    def work(pixels: Tensor, part: Part) -> list[Tensor]:
        return [fill_bad_bands(model.map(pixels[..., used]), dropped_bands)]

    windows = windows_of(sides, lambda box: Part(sides, box, box), limit, needed)
    shape = (*sides, count if dropped_bands is None else len(dropped_bands.kept))
    canvas = _canvas(file, shape, windows, fingerprint)
    stream(windows, lambda part: torch.from_numpy(hr_msi.read(*part.read)), work, [canvas])
    _finish([canvas], [file], bands, hr_msi.grid)


def _canvas(file: Path, shape: tuple[int, int, int], windows: Sequence[Part], fingerprint: object) -> PartialImage:
    """What becomes a file, beside it."""
    wanted = [[span.start for span in part.wanted] for part in windows]
    return PartialImage(file.with_name(f"{file.name}.part"), shape, [wanted, fingerprint])


def _finish(canvases: Sequence[PartialImage], files: Sequence[Path], bands: Bands, grid: Grid | None) -> None:
    """The files that are wanted; an ENVI file is the canvas with a header. All canvases stay until all are written."""
    for canvas, file in zip(canvases, files, strict=True):
        if file.suffix.lower() in ADOPTABLE:
            adopt_envi(canvas.path, file, canvas.shape, bands, grid)
        else:
            with share_done(f"write {file.name}") as done:
                write_image(file, canvas.pixels(), bands, grid, progress=done)
    for canvas in canvases:
        canvas.remove()


def fused_bands(pair: Pair | None, scene: Scene, *, filled: bool) -> Bands:
    """What is known of the bands of a fused image.

    Args:
        pair: That it is of; none if it is simulated.
        scene: Of the same pair.
        filled: Whether it has the bands again that the scene is made without.
    """
    kept = None if filled or scene.dropped_bands is None else scene.dropped_bands.kept.numpy()
    wavelengths = scene.wavelengths
    if filled and scene.dropped_bands is not None:
        wavelengths = scene.dropped_bands.wavelengths
    found = Bands() if pair is None else pair.lr_hsi.bands
    names = found.names if found.names is None or kept is None else list(compress(found.names, kept))
    fwhm = found.fwhm if found.fwhm is None or kept is None else found.fwhm[kept]
    return Bands(names, None if wavelengths is None else wavelengths.numpy(), fwhm)


def output_format(wanted: Format, pair: Pair | None) -> str:
    """The suffix of a fused image's file."""
    if wanted is not Format.auto:
        return wanted.name
    return "tif" if pair is not None and pair.grid is not None and pair.grid.crs else "mat"
