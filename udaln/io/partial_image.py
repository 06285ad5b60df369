"""An image on disk while it is made, window by window: a stopped run goes on where it was."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from udaln.consistency.tiles import Box
from udaln.files import atomically

DTYPE = np.dtype("<f4")


class Canvas:
    """Rows×columns×bands of float32, one pixel's bands after another's, and how many windows of it are done.

    Windows are written in an order of the user's; `finished` counts those that were, also by an earlier process, as
    long as that one made the same image.

    Args:
        path: Where the pixels are kept; how far it is stands beside it.
        shape: Rows, columns, bands.
        made_of: What the image is made of, in plain types: other pixels begin anew.
    """

    def __init__(self, path: Path, shape: tuple[int, int, int], made_of: Any) -> None:
        self.path, self.shape = path, shape
        self._progress = path.with_suffix(".progress")
        self._said = json.loads(json.dumps({"shape": shape, "made_of": made_of}))
        self.finished = self._found()
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as file:
            file.truncate(self._bytes)  # a sparse file: it takes disk as it fills

    @property
    def _bytes(self) -> int:
        return int(np.prod(self.shape)) * DTYPE.itemsize

    def _found(self) -> int:
        """The windows that an earlier process finished."""
        try:
            progress = json.loads(self._progress.read_text(encoding="utf-8"))
            if progress.pop("said") == self._said and self.path.stat().st_size == self._bytes:
                return int(progress["finished"])
        except (OSError, ValueError, LookupError, TypeError, AttributeError):  # there is none, or it is damaged
            pass
        self._progress.unlink(missing_ok=True)  # first: it must not speak for the new file
        self.path.unlink(missing_ok=True)
        return 0

    def write(self, box: Box, window: NDArray[np.float32]) -> None:
        """Write the next window, h×w×B; once this returns, it outlasts the process."""
        rows, columns = box
        _, across, bands = self.shape
        pixel = bands * DTYPE.itemsize
        lines = np.ascontiguousarray(window, DTYPE)
        with self.path.open("r+b", buffering=0) as file:
            for row, line in enumerate(lines, rows.start):
                file.seek((row * across + columns.start) * pixel)
                file.write(line.data)
            os.fsync(file.fileno())
        self.finished += 1
        with atomically(self._progress) as partial:
            partial.write_text(json.dumps({"said": self._said, "finished": self.finished}), encoding="utf-8")

    def pixels(self) -> np.memmap[Any, np.dtype[np.float32]]:
        """What is there, H×W×B, read from disk as it is looked at."""
        return np.memmap(self.path, DTYPE, "r", shape=self.shape)

    def thinned(self, step: int, bands: Sequence[int]) -> NDArray[np.float32]:
        """Every ``step``-th pixel of some bands; a line is in memory at a time, and none of the file is mapped."""
        rows, across, count = self.shape
        lines = []
        with self.path.open("rb") as file:
            for row in range(0, rows, step):
                file.seek(row * across * count * DTYPE.itemsize)
                line = np.fromfile(file, DTYPE, across * count).reshape(across, count)
                lines.append(line[::step][:, list(bands)])
        return np.stack(lines)

    def remove(self) -> None:
        """Leave nothing."""
        self.path.unlink(missing_ok=True)
        self._progress.unlink(missing_ok=True)
