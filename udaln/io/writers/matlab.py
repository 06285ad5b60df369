"""MATLAB files: version 5, which everything reads, for variables below 2 GiB; otherwise version 7.3, which is HDF5.

Source of version 5: MathWorks, MAT-File Format, R2023b.
"""

from __future__ import annotations

import struct
from pathlib import Path

import h5py
import numpy as np

from udaln.files import atomically
from udaln.io.image import Pixels
from udaln.io.writers.parts import Progress, lines_per_part, parts, write_planes

VARIABLE = "Out"  # as the published code calls it
MAT5_BYTES = 2**31
_INT32, _UINT32, _SINGLE, _MATRIX, _INT8 = 5, 6, 7, 14, 1  # types of data elements
_SINGLE_CLASS = 7  # code of the array class


def write_matlab(path: Path, pixels: Pixels, progress: Progress) -> None:
    """Write the one variable ``Out``, H×W×C, single precision."""
    with atomically(path) as temporary:
        if 4 * pixels.size < MAT5_BYTES:
            _write_mat5(temporary, pixels, progress)
        else:
            _write_mat73(temporary, pixels, progress)


def _write_mat5(path: Path, pixels: Pixels, progress: Progress) -> None:
    size = 4 * pixels.size
    padding = -size % 8
    name = VARIABLE.encode()
    inside = (
        struct.pack("<IIII", _UINT32, 8, _SINGLE_CLASS, 0)
        + struct.pack("<IIiiii", _INT32, 12, *pixels.shape, 0)
        + struct.pack("<HH4s", _INT8, len(name), name)  # at most 4 bytes
        + struct.pack("<II", _SINGLE, size)
    )
    with path.open("wb") as file:
        file.write(_header("MATLAB 5.0 MAT-file, written by udaln", 0x0100))
        file.write(struct.pack("<II", _MATRIX, len(inside) + size + padding) + inside)
        end = file.tell() + size
        write_planes(file, pixels, progress, axis=1)  # MATLAB runs through the first axis fastest
        file.seek(end)
        file.write(bytes(padding))


def _write_mat73(path: Path, pixels: Pixels, progress: Progress) -> None:
    """HDF5 after a header of 512 bytes; the axes are reversed."""
    with h5py.File(path, "w", userblock_size=512) as file:
        dataset = file.create_dataset(VARIABLE, pixels.shape[::-1], "<f4", track_times=False)
        dataset.attrs["MATLAB_class"] = np.bytes_("single")
        for _, cols, block in parts(pixels, pixels.shape[0], lines_per_part(pixels, axis=1), progress):
            dataset[:, cols] = np.ascontiguousarray(block.transpose(2, 1, 0))
    with path.open("r+b") as raw:
        raw.write(_header("MATLAB 7.3 MAT-file, written by udaln HDF5 schema 1.00 .", 0x0200))


def _header(text: str, version: int) -> bytes:
    """Text, offset of subsystem data (none), version, byte order; no date, so that equal images give equal files."""
    return text.encode().ljust(116) + bytes(8) + struct.pack("<H2s", version, b"IM")
