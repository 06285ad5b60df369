#!/usr/bin/env python3
"""Compare all methods: ``reproduce.py data=FOLDER``, at most three hours on two cores.

Every method is run on simulated pairs: scenes × scale factors × noise and blur, blind, and those that need PSF and SRF
also with the true ones. ``reproduce_plan.py`` states the sweeps. The tables and pictures are written to
docs/results.md. A second start goes on where the first one ended.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from document_section import with_section
from reproduce_pictures import draw_figures, draw_times
from reproduce_plan import Case, Sweep, done, plan, scenes
from reproduce_report import section

from udaln.errors import InputError
from udaln.experiment.cli import arguments, one_line_errors
from udaln.experiment.comparison.run_folder import RunFolder, find_runs
from udaln.experiment.results import write_picture, write_text


@dataclass
class Arguments:
    """What is run, for how long, and where the results go.

    ``data`` holds a folder for each scene, with ``REF.mat`` and ``srf_*.csv``; without it the built-in scene is used
    alone. ``only`` selects the sweeps whose folder contains it, such as ``samson`` or ``quick/``. ``hours=0`` runs
    nothing and writes the report of the runs that are there.
    """

    data: str | None = None
    only: str = ""
    hours: float = 3.0  # after which no sweep is started
    processes: int = 2  # that run side by side; more than one needs the extra sweep
    out: str = "outputs/reproduce"
    report: str = "docs/results.md"  # its pictures are beside it


def main() -> None:
    """Run what is missing, sweep by sweep, and write the report."""
    with one_line_errors():
        args = arguments(Arguments)
        sweeps = plan(scenes(Path(args.data) if args.data else None))
        chosen = [sweep for sweep in sweeps if args.only in sweep.folder]
        if not chosen:
            raise InputError(f"only: expected a part of the folder of a sweep, such as {sweeps[0].folder!r}")
        out = Path(args.out)
        try:
            if args.hours > 0:
                run(chosen, out, args.processes, 3600 * args.hours)
        finally:
            write([case for sweep in sweeps for case in sweep.cases], runs_in(out), Path(args.report))


def run(sweeps: Sequence[Sweep], out: Path, processes: int, seconds: float) -> None:
    """Run the sweeps that have unfinished cases, by the command ``udaln``.

    Args:
        sweeps: The sweeps.
        out: The folder of the results.
        processes: How many runs of a sweep go side by side.
        seconds: After which no further sweep is started.
    """
    end = time.monotonic() + seconds
    launcher = ["hydra/launcher=joblib", f"hydra.launcher.n_jobs={processes}"] if processes > 1 else []
    for number, sweep in enumerate(sweeps, start=1):
        folder = out / sweep.folder
        if len(done(sweep.cases, runs_in(folder))) == len(sweep.cases):
            continue
        if time.monotonic() >= end:
            print("the time is over; the same command goes on", file=sys.stderr)
            return
        print(f"sweep {number} of {len(sweeps)}: {sweep.folder}", file=sys.stderr, flush=True)
        words = [*sweep.words, *launcher, f"hydra.sweep.dir={folder}"]
        ended = subprocess.run([sys.executable, "-m", "udaln", "-m", *words], stdout=subprocess.DEVNULL, check=False)
        if ended.returncode < 0 or ended.returncode == 130:  # stopped; any other status tells of failed runs
            raise KeyboardInterrupt


def runs_in(folder: Path) -> list[RunFolder]:
    """The runs in a folder; none if there are none."""
    try:
        return find_runs([folder])
    except InputError:
        return []


def write(cases: Sequence[Case], runs: Sequence[RunFolder], report: Path) -> None:
    """Write the report of the runs that are finished."""
    finished = done(cases, runs)
    drawings = {"figures": draw_figures, "times": draw_times} if finished else {}
    pictures = {report.with_name(f"{report.stem}_{name}.png"): draw for name, draw in drawings.items()}
    for path, draw in pictures.items():
        write_picture(path, draw(finished))
    before = report.read_text(encoding="utf-8") if report.exists() else "# Results\n\n"
    text = section(cases, finished, [path.name for path in pictures])
    write_text(report, with_section(before, text, Path(__file__).name))
    print(f"{len(finished)} of {len(cases)} runs are finished; see {report}")


if __name__ == "__main__":
    main()
