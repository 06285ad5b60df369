#!/usr/bin/env python3
"""Convert the checkpoint that the paper's authors published: ``import_published.py DIR out=model.ckpt``."""

from dataclasses import dataclass
from pathlib import Path

from omegaconf import MISSING
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from udaln.experiment.cli import arguments, one_line_errors
from udaln.experiment.model_file import save_model
from udaln.experiment.presets import method_preset
from udaln.experiment.published import read_published


@dataclass
class Arguments:
    """The folder of the three ``.pth`` files, the output, and the SRF table if it is not the folder's only ``.xls``."""

    directory: str = MISSING
    out: str = MISSING
    srf: str | None = None


def main() -> None:
    """Write our checkpoint, and print the sums of PSF and SRF."""
    with one_line_errors():
        args = arguments(Arguments, positional="directory")
        model = read_published(Path(args.directory), None if args.srf is None else Path(args.srf))
        method, _ = method_preset("udaln")
        save_model(Path(args.out), method, model)
        degradation = model.degradation
        weight, support = degradation.sped.weight.detach(), degradation.support
        table = Table(title=escape(f"{args.out}: scale factor {degradation.scale}, {len(support)} bands"))
        for column in ("", "bands covered", "sum of the weights"):
            table.add_column(column, justify="right" if column else "left")
        table.add_row("PSF", "", f"{float(degradation.psf.sum()):.4f}")
        for band in range(support.shape[1]):
            bands = support[:, band].nonzero().flatten().tolist()
            table.add_row(f"SRF {band + 1}", f"{bands[0]}–{bands[-1]}", f"{float(weight[:, band].sum()):.4g}")
        Console().print(table)


if __name__ == "__main__":
    main()
