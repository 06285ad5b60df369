"""NumPy's own files."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from udaln.files import atomically
from udaln.io.image import Pixels
from udaln.io.writers.parts import Progress, lines_per_part, parts


def write_npy(path: Path, pixels: Pixels, progress: Progress) -> None:
    """Write one array, H×W×C, float32."""
    with atomically(path) as temporary, temporary.open("wb") as file:
        about = {"descr": "<f4", "fortran_order": False, "shape": tuple(pixels.shape)}
        np.lib.format.write_array_header_1_0(file, about)
        for _, _, block in parts(pixels, lines_per_part(pixels), pixels.shape[1], progress):
            file.write(block.data)
