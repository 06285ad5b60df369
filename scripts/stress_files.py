#!/usr/bin/env python3
"""Fuse the same pair from files of all kinds: ``stress_files.py [count=200] [processes=2] [report=docs/files.md]``.

Each case draws, for both images, a format, a type of numbers, a fill, a mask, an order of the numbers and a text
encoding. Its fused image must be that of the same numbers passed as arrays, with the pixels without data missing; or
the file is refused in one line.
"""

from __future__ import annotations

import logging
import os
import tempfile
from concurrent.futures import ProcessPoolExecutor
from contextlib import redirect_stderr
from dataclasses import asdict, dataclass, fields
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from hydra import compose, initialize_config_module
from numpy.typing import NDArray
from stress_file_kinds import KINDS, FileKind
from stress_file_writers import Place, write

import udaln
from udaln import threads
from udaln.experiment.cli import arguments, one_line_errors
from udaln.experiment.config import typed
from udaln.experiment.run import run
from udaln.files import atomically
from udaln.metrics.functional import psnr
from udaln.monitor.progress import progress_bar
from udaln.physics.simulation import gaussian_psf, simulate
from udaln.physics.srf import srf_from_edges
from udaln.physics.synthetic import synthetic_reference

SIDE, BANDS, SCALE = 72, 24, 3
EDGES = {"b": (440, 510), "g": (500, 590), "r": (590, 690), "n": (760, 900)}
TOLERANCE = 0.3  # [dB]
BEGIN, END = "<!-- begin: written by scripts/stress_files.py -->", "<!-- end: written by scripts/stress_files.py -->"


@dataclass
class Arguments:
    """How many cases are drawn, in how many processes, from which seed on, and where the results go."""

    count: int = 200
    processes: int = 2
    seed: int = 0
    report: str = "docs/files.md"


@dataclass(frozen=True)
class Outcome:
    """What became of a case: ``right``, ``refused`` or ``wrong``, and why."""

    case: str
    result: str
    detail: str


def main() -> None:
    """Fuse the cases and write the section of the report."""
    with one_line_errors():
        args = arguments(Arguments)
        rng = np.random.default_rng(args.seed)
        cases = [tuple(draw(rng, lr_hsi) for lr_hsi in (True, False)) for _ in range(args.count)]
        outcomes = []
        with (
            threads.divided(args.processes),
            ProcessPoolExecutor(args.processes, mp_context=get_context("spawn")) as pool,
            progress_bar("files") as progress,
        ):
            for outcome in pool.map(measure, range(args.count), cases):
                outcomes.append(outcome)
                progress(len(outcomes) / args.count)
        report = Path(args.report)
        text = report.read_text(encoding="utf-8") if report.exists() else f"# Files\n\n{BEGIN}\n{END}\n"
        head, _, rest = text.partition(BEGIN)
        with atomically(report) as temporary:
            temporary.write_text(head + section(outcomes, cases) + rest.partition(END)[2], encoding="utf-8")
        for outcome in outcomes:
            if outcome.result == "wrong":
                print(outcome.case, outcome.detail, sep=": ")
        print(", ".join(f"{sum(o.result == name for o in outcomes)} {name}" for name in ("right", "refused", "wrong")))


def draw(rng: np.random.Generator, lr_hsi: bool) -> FileKind:
    """A kind of file that exists, at random."""
    return KINDS[lr_hsi][int(rng.integers(len(KINDS[lr_hsi])))]


@cache
def images() -> tuple[NDArray[np.float64], NDArray[np.float64], torch.Tensor]:
    """LR-HSI, HR-MSI and truth, in reflectance."""
    cube, wavelengths = synthetic_reference(SIDE, BANDS)
    srf = torch.from_numpy(srf_from_edges(EDGES, wavelengths).values)
    scene = simulate(
        torch.from_numpy(cube), srf, srf > 0, gaussian_psf(SCALE, SCALE, SCALE), SCALE, snr_hsi=40, snr_msi=45
    )
    assert scene.truth.image is not None
    return scene.lr_hsi.double().numpy(), scene.hr_msi.double().numpy(), scene.truth.image.double()


def outside(sides: tuple[int, int], pixels: int) -> NDArray[np.bool_]:
    """The pixels of no data: a corner of whole LR pixels.

    Args:
        sides: Rows and columns.
        pixels: Pixels of this image per LR pixel, along each side.
    """
    rows, columns = (np.arange(side) // pixels for side in sides)
    return np.add.outer(rows, columns) < 7


def measure(number: int, kinds: tuple[FileKind, FileKind]) -> Outcome:
    """Fuse a case from files and from arrays, and compare."""
    logging.disable(logging.WARNING)
    case = " + ".join(map(str, kinds))
    lr_hsi, hr_msi, truth = images()
    with tempfile.TemporaryDirectory() as folder:
        words, arrays, nodata = ["dataset=pair", "output=npy", "trust.check=false", "monitor.pictures=null"], [], []
        for name, image, kind, pixels in zip(("lr_hsi", "hr_msi"), (lr_hsi, hr_msi), kinds, (1, SCALE), strict=True):
            hole = outside(image.shape[:2], pixels) & kind.has_hole
            stem = Path(folder) / f"{name} {number}"
            path, numbers, named = write(stem, image, hole, kind, Place(30 / pixels))
            words.append(f"dataset.{name}='{path}'")
            words += [f"dataset.{name}_mask='{stem}_mask.npy'"] if kind.mask == "file" else []
            nodata += [] if named is None else [f"{name}:{named:g}"]
            arrays.append(numbers)
        words += [f"dataset.nodata={{{','.join(nodata)}}}"] if nodata else []
        expected = udaln.fuse(arrays[0], arrays[1], progress=False).image
        try:
            with initialize_config_module("udaln.conf", version_base="1.3"):
                config = typed(compose("config", words))
            with open(os.devnull, "w", encoding="utf-8") as nowhere, redirect_stderr(nowhere):
                run(config, Path(folder) / "run")
        except udaln.InputError as error:
            return Outcome(case, "refused", str(error).replace(folder, ""))
        except Exception as error:
            return Outcome(case, "wrong", f"{type(error).__name__}: {error}")
        found = np.load(Path(folder) / "run" / "fused.npy")
    return _compared(case, found, expected, truth)


def _compared(case: str, found: NDArray[Any], expected: NDArray[Any], truth: torch.Tensor) -> Outcome:
    if found.shape != expected.shape:
        return Outcome(case, "wrong", f"shape {found.shape}, expected {expected.shape}")
    missing = np.isnan(found).any(2), np.isnan(expected).any(2)
    if (different := float((missing[0] != missing[1]).mean())) > 0:
        return Outcome(case, "wrong", f"{100 * different:.3g} % of the pixels are missing or not, other than expected")
    values = []
    for image in (found, expected):
        both = torch.from_numpy(image[~missing[0]]).double()[:, None], truth[~missing[0]][:, None]
        factor = (both[0] * both[1]).sum() / both[0].square().sum()  # numbers without a scale are in their own unit
        values.append(float(psnr(both[1], both[0] * factor)))
    detail = f"{values[0]:.2f} dB, expected {values[1]:.2f}"
    return Outcome(case, "right" if abs(values[0] - values[1]) <= TOLERANCE else "wrong", detail)


def section(outcomes: list[Outcome], cases: list[tuple[FileKind, ...]]) -> str:
    """The results as Markdown: counts by level of each factor."""
    lines = [
        BEGIN,
        f"{len(outcomes)} pairs: "
        + ", ".join(f"{sum(o.result == name for o in outcomes)} {name}" for name in ("right", "refused", "wrong"))
        + ".",
        "",
        "| factor | level | files | refused | wrong |",
        "| --- | --- | --- | --- | --- |",
    ]
    for field in fields(FileKind):
        levels = sorted({str(asdict(kind)[field.name]) for pair in cases for kind in pair})
        for level in levels:
            chosen = [
                outcome.result
                for outcome, pair in zip(outcomes, cases, strict=True)
                for kind in pair
                if str(asdict(kind)[field.name]) == level
            ]
            lines.append(
                f"| {field.name} | {level} | {len(chosen)} | {chosen.count('refused')} | {chosen.count('wrong')} |"
            )
    refused = sorted({outcome.detail for outcome in outcomes if outcome.result != "right"})
    lines += ["", *(f"* {detail}" for detail in refused), END]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
