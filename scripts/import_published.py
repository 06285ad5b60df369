#!/usr/bin/env python3
"""Turn the checkpoint that the paper's authors published into ours: ``import_published.py DIR out=model.ckpt``."""

from dataclasses import dataclass
from pathlib import Path

from omegaconf import MISSING
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from udaln.experiment.cli import arguments, one_line_errors
from udaln.experiment.published import read_published
from udaln.experiment.results import save_networks


@dataclass
class Arguments:
    """The folder of the three ``.pth`` files, where to, and the SRF table if it is not the only ``.xls`` there."""

    directory: str = MISSING
    out: str = MISSING
    srf: str | None = None


def main() -> None:
    """Write our checkpoint and print what the PSF and the SRF sum to."""
    with one_line_errors():
        given = arguments(Arguments, positional="directory")
        networks = read_published(Path(given.directory), None if given.srf is None else Path(given.srf))
        save_networks(Path(given.out), networks)
        weight, support = networks.sped.weight.detach(), networks.sped.support
        table = Table(title=escape(f"{given.out}: scale factor {networks.scale}, {len(support)} bands"))
        for column in ("", "bands covered", "sum of the weights"):
            table.add_column(column, justify="right" if column else "left")
        table.add_row("PSF", "", f"{float(networks.spad.psf.sum()):.4f}")
        for band in range(support.shape[1]):
            covered = support[:, band].nonzero().flatten().tolist()
            table.add_row(f"SRF {band + 1}", f"{covered[0]}–{covered[-1]}", f"{float(weight[:, band].sum()):.4g}")
        Console().print(table)


if __name__ == "__main__":
    main()
