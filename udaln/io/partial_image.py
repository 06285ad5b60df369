"""An image file that is written window by window, and that a later process completes if the first one is stopped."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from udaln.files import atomically, remove_unfinished
from udaln.physics.part import Box

DTYPE = np.dtype("<f4")


class PartialImage:
    """A raw file of H×W×B float32, band-interleaved by pixel, and a count of the windows written to it.

    The caller writes windows in a fixed order. ``finished`` counts those that are written, also by an earlier process,
    provided that its shape and fingerprint were the same.

    Args:
        path: The raw file; the progress file is beside it.
        shape: Rows, columns, bands.
        fingerprint: What the content depends on, in plain types. If it differs from that of the file on disk, the
            image starts anew.
    """

    def __init__(self, path: Path, shape: tuple[int, int, int], fingerprint: Any) -> None:
        self.path, self.shape = path, shape
        self._progress = path.with_suffix(".progress")
        self._fingerprint = json.loads(json.dumps({"shape": shape, "content": fingerprint}))
        self.finished = self._read_progress()
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as file:
            file.truncate(self._bytes)  # a sparse file: it takes disk space as it is filled

    @property
    def _bytes(self) -> int:
        return int(np.prod(self.shape)) * DTYPE.itemsize

    def _read_progress(self) -> int:
        """Number of windows that an earlier process finished."""
        try:
            progress = json.loads(self._progress.read_text(encoding="utf-8"))
            if progress.pop("fingerprint") == self._fingerprint and self.path.stat().st_size == self._bytes:
                return int(progress["finished"])
        except (OSError, ValueError, LookupError, TypeError, AttributeError):  # it is missing or damaged
            pass
        self._progress.unlink(missing_ok=True)  # first: it must not be taken for that of the new file
        self.path.unlink(missing_ok=True)
        return 0

    def write(self, box: Box, window: NDArray[np.float32]) -> None:
        """Write the next window, h×w×B. It is safely on disk once this returns."""
        rows, columns = box
        _, width, bands = self.shape
        pixel_bytes = bands * DTYPE.itemsize
        lines = np.ascontiguousarray(window, DTYPE)
        with self.path.open("r+b", buffering=0) as file:
            for row, line in enumerate(lines, rows.start):
                file.seek((row * width + columns.start) * pixel_bytes)
                file.write(line.data)
            os.fsync(file.fileno())
        self.finished += 1
        with atomically(self._progress) as temporary:
            temporary.write_text(
                json.dumps({"fingerprint": self._fingerprint, "finished": self.finished}), encoding="utf-8"
            )

    def pixels(self) -> np.memmap[Any, np.dtype[np.float32]]:
        """The image, H×W×B, mapped from disk."""
        return np.memmap(self.path, DTYPE, "r", shape=self.shape)

    def subsampled(self, step: int, bands: Sequence[int]) -> NDArray[np.float32]:
        """Every ``step``-th row and column of some bands.

        One line at a time is read into memory. The file is not mapped, since its pages would count as memory in use.
        """
        rows, width, count = self.shape
        lines = []
        with self.path.open("rb") as file:
            for row in range(0, rows, step):
                file.seek(row * width * count * DTYPE.itemsize)
                line = np.fromfile(file, DTYPE, width * count).reshape(width, count)
                lines.append(line[::step][:, list(bands)])
        return np.stack(lines)

    def remove(self) -> None:
        """Remove the file and its progress."""
        self.path.unlink(missing_ok=True)
        self._progress.unlink(missing_ok=True)
        remove_unfinished(self._progress)
