#!/usr/bin/env python3
"""Evaluate a fused image on disk against a reference, against its input images, or both.

``evaluate.py fused=FILE reference=FILE scale=N`` or ``evaluate.py fused=FILE lr_hsi=FILE hr_msi=FILE [psf=FILE]``.
"""

from dataclasses import dataclass
from pathlib import Path

import torch
from omegaconf import MISSING
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from torch import Tensor

from udaln import threads
from udaln.errors import InputError, scale_factor
from udaln.experiment.cli import arguments, one_line_errors
from udaln.experiment.results import write_metrics
from udaln.io.cubes import read_cube, read_matrix
from udaln.io.srf_files import read_srf
from udaln.metrics import fusion_metrics, quality_without_reference, zero_spectra
from udaln.physics.simulation import gaussian_psf
from udaln.physics.srf import normalise
from udaln.physics.windows import degrade

FORMATS = {  # how each figure is printed, and the direction in which it is better
    "psnr": ("{:.4f} dB", "↑"),
    "sam": ("{:.4f}°", "↓"),
    "ergas": ("{:.4f}", "↓"),
    "cc": ("{:.6f}", "↑"),
    "uiqi": ("{:.6f}", "↑"),
    "rmse": ("{:.6g}", "↓"),
    "d_lambda": ("{:.6f}", "↓"),
    "d_s": ("{:.6f}", "↓"),
    "hqnr": ("{:.6f}", "↑"),
    "lr_hsi_error": ("{:.6g}", "↓"),
    "hr_msi_error": ("{:.6g}", "↓"),
}


@dataclass
class Arguments:
    """The cubes, the PSF and SRF, the variables in their files, and a JSON file for the figures.

    ``scale`` is required without a pair; with a pair it follows from the sizes.
    """

    fused: str = MISSING
    reference: str | None = None
    lr_hsi: str | None = None
    hr_msi: str | None = None
    psf: str | None = None
    srf: str | None = None
    scale: int | None = None
    fused_variable: str | None = None
    reference_variable: str | None = None
    lr_hsi_variable: str | None = None
    hr_msi_variable: str | None = None
    psf_variable: str | None = None
    srf_variable: str | None = None
    out: str | None = None


@threads.single()
def main() -> None:
    """Print every figure that the files allow and, if it is asked for, write them as JSON."""
    with one_line_errors():
        args = arguments(Arguments)
        paired = args.lr_hsi is not None or args.hr_msi is not None
        if stray := [key for key in ("psf", "srf") if getattr(args, key) is not None and not paired]:
            raise InputError(f"{stray[0]}: expected lr_hsi=… and hr_msi=… too, got neither")
        if args.reference is None and not paired:
            raise InputError("expected reference=…, or lr_hsi=… and hr_msi=…")
        fused = _cube(args, "fused")
        figures, scale, caption = _figures_of_pair(args, fused) if paired else ({}, args.scale, None)
        if scale is None:
            raise InputError("scale: expected a whole number beside a reference alone, got none")
        if args.reference is not None:
            reference = _cube(args, "reference")
            metrics = fusion_metrics(scale)
            metrics.update(reference, fused)
            figures = {name: float(value) for name, value in metrics.compute().items()} | figures
            figures["zero_spectra"] = int(zero_spectra(reference, fused))
        figures["no_data"] = int(fused.isnan().any(2).sum())
        if args.out is not None:
            write_metrics(Path(args.out), figures | {"scale": scale})
        _print(figures, f"{args.fused} ×{scale}", caption)


def _print(figures: dict[str, float], title: str, caption: str | None) -> None:
    """Print a table of the figures, and how much was left out of them."""
    table = Table(title=escape(title), caption=caption)
    for column in ("", "", "better"):
        table.add_column(column, justify="left" if column else "right")
    for name, (template, better) in FORMATS.items():
        if name in figures:
            table.add_row(name, template.format(figures[name]), better)
    console = Console()
    console.print(table)
    if left_out := figures.get("zero_spectra"):
        console.print(f"sam leaves out {left_out} pixels with a zero spectrum")
    if figures["no_data"]:
        console.print(f"pixels of the fused image without data, left out of all figures: {figures['no_data']}")


def _figures_of_pair(args: Arguments, fused: Tensor) -> tuple[dict[str, float], int, str]:
    """The figures that need no reference, the scale factor, and a description of the PSF."""
    lr_hsi, hr_msi = (_cube(args, key) for key in ("lr_hsi", "hr_msi"))
    try:
        scale = scale_factor(lr_hsi, hr_msi)
    except InputError as error:
        raise InputError(f"hr_msi: {args.hr_msi}: {str(error).removeprefix('sizes: ')}") from None
    if args.scale not in (None, scale):
        raise InputError(f"scale: expected {scale}, as the sizes of lr_hsi and hr_msi imply, got {args.scale}")
    if args.psf is None:
        psf = gaussian_psf(scale, scale, scale)
        caption = f"PSF: Gaussian of FWHM {scale} on {scale}×{scale} pixels, as none was given"
    else:
        psf = torch.from_numpy(read_matrix(args.psf, args.psf_variable, key="psf", variable_key="psf_variable"))
        if not 0 < psf.sum() < torch.inf:
            raise InputError(f"psf: {args.psf}: expected a positive sum, got {psf.sum():g}")
        psf, caption = psf / psf.sum(), escape(f"PSF: {args.psf}")
    quality = quality_without_reference(fused, lr_hsi, hr_msi, psf)
    figures = {name: float(value) for name, value in quality.items()}
    figures["lr_hsi_error"] = _mean_error(degrade(fused.double(), psf, scale), lr_hsi)
    if args.srf is not None:
        bands, msi_bands = lr_hsi.shape[2], hr_msi.shape[2]
        srf = read_srf(args.srf, bands, key="srf", variable=args.srf_variable, variable_key="srf_variable")
        if len(srf.names) != msi_bands:
            raise InputError(f"srf: {args.srf}: expected {msi_bands} MSI bands as in hr_msi, got {len(srf.names)}")
        figures["hr_msi_error"] = _mean_error(fused.double() @ torch.from_numpy(normalise(srf).values), hr_msi)
    return figures, scale, caption


def _mean_error(image: Tensor, measured: Tensor) -> float:
    """Mean absolute difference, over values that are not NaN."""
    return float((image - measured).abs().nanmean())


def _cube(args: Arguments, key: str) -> Tensor:
    """Read a cube of finite values; except in the reference, NaN is allowed and means no data."""
    path = getattr(args, key)
    if path is None:
        raise InputError(f"{key}: expected a file, got none: lr_hsi and hr_msi go together")
    cube = torch.from_numpy(read_cube(path, getattr(args, f"{key}_variable"), key=key, variable_key=f"{key}_variable"))
    if bad := int((~cube.isfinite() if key == "reference" else cube.isinf()).sum()):
        raise InputError(f"{key}: {path}: expected finite values, got {bad} NaN or infinite ones")
    return cube


if __name__ == "__main__":
    main()
