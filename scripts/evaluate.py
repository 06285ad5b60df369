#!/usr/bin/env python3
"""Compare a fused image on disk with its reference: ``evaluate.py reference=FILE fused=FILE scale=N``."""

from dataclasses import dataclass
from pathlib import Path

import torch
from omegaconf import MISSING
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from torch import Tensor

from udaln.cli import arguments, one_line_errors
from udaln.data.cubes import read_cube
from udaln.errors import InputError
from udaln.metrics import fusion_metrics, zero_spectra
from udaln.results import write_metrics

SHOWN = {  # how each figure is printed, and which way is better
    "psnr": ("{:.4f} dB", "↑"),
    "sam": ("{:.4f}°", "↓"),
    "ergas": ("{:.4f}", "↓"),
    "cc": ("{:.6f}", "↑"),
    "uiqi": ("{:.6f}", "↑"),
    "rmse": ("{:.6g}", "↓"),
}


@dataclass
class Arguments:
    """Two cubes, the variables in their ``.mat`` files, the scale factor, and a JSON file for the figures."""

    reference: str = MISSING
    fused: str = MISSING
    scale: int = MISSING
    reference_variable: str | None = None
    fused_variable: str | None = None
    out: str | None = None


def main() -> None:
    """Print the six figures and write them as JSON where that is asked for."""
    with one_line_errors():
        given = arguments(Arguments)
        reference = _cube(given.reference, given.reference_variable, "reference")
        fused = _cube(given.fused, given.fused_variable, "fused")
        metrics = fusion_metrics(given.scale)
        metrics.update(reference, fused)
        figures = {name: float(value) for name, value in metrics.compute().items()}
        left_out = int(zero_spectra(reference, fused))
        if given.out is not None:
            write_metrics(Path(given.out), figures | {"scale": given.scale, "zero_spectra": left_out})

        table = Table(title=escape(f"{given.fused} ×{given.scale}"))
        for column in ("", "", "better"):
            table.add_column(column, justify="left" if column else "right")
        for name, (form, better) in SHOWN.items():
            table.add_row(name, form.format(figures[name]), better)
        console = Console()
        console.print(table)
        if left_out:
            console.print(f"sam leaves out {left_out} pixels with a zero spectrum")


def _cube(path: str, variable: str | None, key: str) -> Tensor:
    cube = torch.from_numpy(read_cube(path, variable, key=key, variable_key=f"{key}_variable"))
    if bad := int((~cube.isfinite()).sum()):
        raise InputError(f"{key}: {path}: expected finite values, got {bad} NaN or infinite ones")
    return cube


if __name__ == "__main__":
    main()
