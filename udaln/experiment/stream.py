"""Fusion of a pair larger than memory, from files to files: windows are read, fused and written at the same time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from udaln.consistency.fuser import Fuser
from udaln.experiment.stream_windows import BASE, windows_of, working_set
from udaln.files import remove_unfinished
from udaln.io.bad_bands import fill_bad_bands
from udaln.io.grid import Grid
from udaln.io.image import Bands, Image
from udaln.io.pair import Pair
from udaln.io.partial_image import PartialImage
from udaln.io.write import ADOPTABLE, adopt_envi, write_image
from udaln.methods.base import SpectralMap
from udaln.monitor.progress import progress_bar
from udaln.physics.part import Part
from udaln.scene import DroppedBands, Scene

T = TypeVar("T")


def stream(
    windows: Sequence[Part],
    read: Callable[[Part], T],
    work: Callable[[T, Part], Sequence[Tensor] | None],
    outputs: Sequence[PartialImage],
    scale: int = 1,
) -> None:
    """Process all windows that are not finished; meanwhile the next is read and the one before is written.

    Args:
        windows: In the order in which they are written.
        read: Reads the input of a window.
        work: Makes the window of each output, h×w×B on the CPU; None if the window holds no data.
        outputs: What is written.
        scale: Pixels of the outputs per pixel of the windows.
    """
    first = min(output.finished for output in outputs)
    with progress_bar("fuse") as progress, ThreadPoolExecutor(1) as reader, ThreadPoolExecutor(1) as writer:
        writing: Future[None] | None = None
        reading = [reader.submit(read, part) for part in windows[first : first + 1]]
        for number in range(first, len(windows)):
            progress(number / len(windows))
            data = reading.pop().result()
            if number + 1 < len(windows):
                reading.append(reader.submit(read, windows[number + 1]))
            images = work(data, windows[number])
            del data
            if writing is not None:
                writing.result()
            writing = writer.submit(_write, outputs, windows[number], scale, number, images)
            del images
        if writing is not None:
            writing.result()
        progress(1.0)


def _write(
    outputs: Sequence[PartialImage], part: Part, scale: int, number: int, images: Sequence[Tensor] | None
) -> None:
    """Write a window to each of the outputs that do not have it yet; NaN for a window without data."""
    rows, columns = (slice(span.start * scale, span.stop * scale) for span in part.wanted)
    for index, output in enumerate(outputs):
        if output.finished > number:
            continue
        if images is None:
            window = np.full((rows.stop - rows.start, columns.stop - columns.start, output.shape[2]), np.nan, "f4")
        else:
            window = images[index].numpy()
        output.write((rows, columns), window)


def fuse_to_files(
    fuser: Fuser,
    pair: Pair,
    template: Scene,
    files: Sequence[Path],
    bands: Bands,
    device: torch.device,
    filled_bands: DroppedBands | None,
    *,
    memory_limit: int,
    fingerprint: object = None,
    preview: Callable[[PartialImage], None] | None = None,
) -> None:
    """Fuse a pair window by window. A call that was interrupted continues where it stopped when it is repeated.

    Args:
        fuser: Of the pair; its model is on the CPU afterwards.
        pair: What is read.
        template: A scene of the same pair.
        files: For the image and, if it is wanted, for its uncertainty.
        bands: Metadata of the image's bands.
        device: Where to calculate.
        filled_bands: Bands that are not in use in the scene and are filled in in the image; None for no filling.
        memory_limit: Memory that the process may take, approximately [bytes].
        fingerprint: What else determines the result, in plain types. A partial image of another fingerprint is not
            continued.
        preview: Called with the whole image before it is written to its file.
    """
    count, msi_count = fuser.model.degradation.support.shape

    def bytes_needed(rows: int, columns: int) -> int:
        solver = rows * columns * pair.scale**2 * fuser.model.pixel_bytes
        return solver + working_set(rows, columns, pair.scale, count, msi_count, deviation=len(files) > 1)

    def work(scene: Scene | None, part: Part) -> list[Tensor] | None:
        if scene is None:
            return None
        window = part.inside(part.wanted, scene.scale)
        if not scene.valid[window].any():
            return None
        estimate = on_device.fuse(scene.to(device), part, with_deviation=len(files) > 1)
        images = [scene.masked(image.cpu(), *window) for image in estimate if image is not None]
        return [fill_bad_bands(image, filled_bands) for image in images]

    windows = windows_of(pair.sides, lambda box: fuser.part(template, pair.sides, box), memory_limit, bytes_needed)
    shape = (*pair.hr_msi.shape[:2], count if filled_bands is None else len(filled_bands.kept))
    outputs = [_partial_image(file, shape, windows, fingerprint) for file in files]
    on_device = fuser.to(device)
    stream(windows, lambda part: pair.scene(part, template), work, outputs, pair.scale)
    fuser.model.cpu()
    if preview is not None:
        preview(outputs[0])
    _finish(outputs, files, bands, pair.grid)


def map_to_file(
    model: SpectralMap,
    hr_msi: Image,
    file: Path,
    bands: Bands,
    dropped_bands: DroppedBands | None,
    *,
    memory_limit: int,
    fingerprint: object,
) -> None:
    """Map an HR-MSI alone to spectra, window by window; as `fuse_to_files`.

    Args:
        model: Fitted, on the CPU.
        hr_msi: With all bands of the HR-MSI that the model was fitted to.
        file: For the image.
        bands: Metadata of the image's bands.
        dropped_bands: Bands that were not in use when the model was fitted; they are filled in. None if all were.
        memory_limit: Memory that the process may take, approximately [bytes].
        fingerprint: What else determines the result, in plain types.
    """
    used = slice(None) if dropped_bands is None else dropped_bands.msi_kept
    count, msi_count = model.degradation.support.shape
    sides = hr_msi.shape[:2]

    def bytes_needed(rows: int, columns: int) -> int:
        return BASE + rows * columns * (12 * count + 16 * msi_count)

    def work(pixels: Tensor, part: Part) -> list[Tensor]:
        return [fill_bad_bands(model.map(pixels[..., used]), dropped_bands)]

    windows = windows_of(sides, lambda box: Part(sides, box, box), memory_limit, bytes_needed)
    shape = (*sides, count if dropped_bands is None else len(dropped_bands.kept))
    output = _partial_image(file, shape, windows, fingerprint)
    stream(windows, lambda part: torch.from_numpy(hr_msi.read(*part.read)), work, [output])
    _finish([output], [file], bands, hr_msi.grid)


def _partial_image(
    file: Path, shape: tuple[int, int, int], windows: Sequence[Part], fingerprint: object
) -> PartialImage:
    """The raw file, beside an image's own, that the windows are written to."""
    starts = [[span.start for span in part.wanted] for part in windows]
    return PartialImage(file.with_name(f"{file.name}.part"), shape, [starts, fingerprint])


def _finish(outputs: Sequence[PartialImage], files: Sequence[Path], bands: Bands, grid: Grid | None) -> None:
    """Write the image files; an ENVI file is the partial image with a header. No partial image is removed before."""
    for output, file in zip(outputs, files, strict=True):
        if file.suffix.lower() in ADOPTABLE:
            adopt_envi(output.path, file, output.shape, bands, grid)
        else:
            with progress_bar(f"write {file.name}") as progress:
                write_image(file, output.pixels(), bands, grid, progress=progress)
    for output, file in zip(outputs, files, strict=True):
        output.remove()
        remove_unfinished(file)
