"""One case of the battery, fused and compared with the yardsticks: a row of the table; and the table on disk."""

from __future__ import annotations

import csv
import time
from collections.abc import Iterable, Mapping
from dataclasses import astuple
from pathlib import Path
from typing import Any

import torch
from stress_cases import FACTORS, Case
from stress_pairs import simulated
from torch import Tensor
from yardsticks import yardsticks

import udaln
from udaln.errors import InputError
from udaln.files import atomically
from udaln.metrics import ergas, psnr, sam
from udaln.trust.verdict import Level

FIGURES = ("psnr", "sam", "ergas")
YARDSTICKS = ("bicubic", "regression", "residual", "denoised")
TOLERANCE_DB = 0.1  # by which the default may be below the best yardstick
TOLERANCE = 0.01  # the same of SAM and ERGAS, relative
REPORTED = ("hqnr", "held_out_error", "held_out_error_interpolated")  # what a fusion says of itself
COLUMNS = (
    "name",
    *FACTORS,
    *FIGURES,
    *(f"{yardstick}_{figure}" for yardstick in YARDSTICKS for figure in FIGURES),
    "margin",  # PSNR of the default less that of the best yardstick [dB]
    "behind",  # whether any figure is worse than the best yardstick's
    "warned",  # whether the fusion itself shows that something is wrong
    "seconds",  # of the fusion
    "shift_rows",  # found [HR pixels]
    "shift_columns",
    "resampled",  # whether the fused image is on the pixels of the LR-HSI, on which the reference is not
    *REPORTED,
    "verdict",
    "error",
)


def measure(case: Case, data: Path) -> dict[str, Any]:
    """Fuse the pair of a case by the default.

    Args:
        case: The case.
        data: The folder of the scenes.

    Returns:
        The row, as named in `COLUMNS`. An exception of any kind is its ``error``; the columns after it stay empty.
    """
    row: dict[str, Any] = {"name": case.name} | dict(zip(FACTORS, astuple(case), strict=True))
    try:
        pair = simulated(case, data)
        simple = yardsticks(pair.lr_hsi, pair.hr_msi, pair.psf, case.scale, pair.shift, pair.msi_noise)
        best = {name: quality(pair.truth, image, case.scale) for name, image in simple.items()}
        row |= {f"{name}_{key}": value for name, figures in best.items() for key, value in figures.items()}
        start = time.monotonic()
        fusion = udaln.fuse(pair.lr_hsi.numpy(), pair.hr_msi.numpy(), progress=False, **pair.given)
        row["seconds"] = time.monotonic() - start
        own = quality(pair.truth, torch.from_numpy(fusion.image).double(), case.scale)
        row |= own | comparison(own, best.values()) | said(fusion)
    except Exception as error:
        row["error"] = " ".join(f"{type(error).__name__}: {error}".split())
    return row


def quality(truth: Tensor, image: Tensor, scale: int) -> dict[str, float]:
    """PSNR [dB], SAM [°] and ERGAS of an image, H×W×C."""
    values = psnr(truth, image), sam(truth, image), ergas(truth, image, scale)
    return dict(zip(FIGURES, map(float, values), strict=True))


def comparison(own: Mapping[str, float], others: Iterable[Mapping[str, float]]) -> dict[str, Any]:
    """``margin`` and ``behind``; each figure is compared with the yardstick that is best in it."""
    others = list(others)
    margin = own["psnr"] - max(other["psnr"] for other in others)
    worse = [own[key] > (1 + TOLERANCE) * min(other[key] for other in others) for key in ("sam", "ergas")]
    return {"margin": margin, "behind": margin < -TOLERANCE_DB or any(worse)}


def said(fusion: udaln.Fusion) -> dict[str, Any]:
    """What a fusion says of itself: found shift, grid, figures, verdict, and whether that is not "fit to use"."""
    assert fusion.verdict is not None
    figures = {key: fusion.figures[key] for key in REPORTED if key in fusion.figures}
    warned = fusion.verdict.level is not Level.fit
    down, right = fusion.shift
    resampled = fusion.scene.resampling_shift != (0.0, 0.0)
    found = {"shift_rows": down, "shift_columns": right, "resampled": resampled}
    return {"warned": warned, "verdict": str(fusion.verdict)} | found | figures


def read_rows(path: Path) -> list[dict[str, str]]:
    """The complete rows of a table; none if there is no file. A last row that was cut off is left out.

    Raises:
        InputError: If the file has other columns.
    """
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        if tuple(reader.fieldnames or ()) != COLUMNS:
            raise InputError(f"out: {path}: expected the columns of this battery; remove the file to start anew")
        return [row for row in reader if None not in row.values()]


def write_rows(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write a table anew."""
    with atomically(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)


def append_row(path: Path, row: Mapping[str, Any]) -> None:
    """Add a row to the end of a table."""
    with path.open("a", newline="", encoding="utf-8") as file:
        csv.DictWriter(file, COLUMNS).writerow({key: _text(value) for key, value in row.items()})


def _text(value: Any) -> Any:
    return f"{value:.6g}" if isinstance(value, float) else value
