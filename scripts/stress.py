#!/usr/bin/env python3
"""Show where the default holds and where it does not: ``stress.py data=FOLDER``, one to two hours on two cores.

Simulated pairs of many blurs, sensors, scale factors and noise levels are fused by `udaln.fuse` with its default
settings, and compared with simple fusions that know the true PSF. ``stress_cases.py`` states the design,
docs/robustness.md the results. Rows are appended to a table as they are measured; a second start continues it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from document_section import with_section
from stress_cases import SCENES, Case, battery
from stress_pairs import reference
from stress_report import draw, section
from stress_rows import append_row, measure, read_rows, write_rows

from udaln import threads
from udaln.errors import InputError
from udaln.experiment.cli import arguments, one_line_errors
from udaln.experiment.results import write_picture, write_text
from udaln.monitor.progress import progress_bar


@dataclass
class Arguments:
    """Which cases are fused, for how long, and where the results go.

    ``data`` holds a folder for each scene, with ``REF.mat`` and ``srf_pan.csv``; without it the built-in scene is used
    alone. ``only`` selects the cases whose name contains it, such as ``samson`` or ``25/30``. ``limit=0`` fuses nothing
    and writes the report of the table that is there.
    """

    data: str | None = None
    only: str = ""
    limit: int | None = None  # of the cases that are fused now
    hours: float = 2.0  # after which no case is started
    processes: int = 2
    out: str = "outputs/stress.csv"
    report: str = "docs/robustness.md"  # its picture is beside it, under the same name


def main() -> None:
    """Fuse the cases that the table does not have yet, and write the report."""
    with one_line_errors():
        args = arguments(Arguments)
        scenes = SCENES if args.data else ("synthetic",)
        data, table = Path(args.data or ""), Path(args.out)
        cases = [case for case in battery(scenes) if args.only in case.name]
        if not cases:
            raise InputError(f"only: expected a part of the name of a case, such as {battery(scenes)[0].name!r}")
        write_rows(table, read_rows(table))
        known = {row["name"] for row in read_rows(table)}
        run([case for case in cases if case.name not in known][: args.limit], data, table, args)
        report = Path(args.report)
        rows = read_rows(table)
        write_picture(report.with_suffix(".png"), draw(rows))
        before = report.read_text(encoding="utf-8") if report.exists() else ""
        text = section(rows, len(battery(SCENES)), report.with_suffix(".png").name)
        write_text(report, with_section(before, text, Path(__file__).name))
        print(f"{len(rows)} rows in {table}, {sum(bool(row['error']) for row in rows)} of them errors; see {report}")


def run(cases: Sequence[Case], data: Path, table: Path, args: Arguments) -> None:
    """Fuse cases in several processes and append their rows to the table."""
    for scene in {case.scene for case in cases}:
        reference(scene, data)  # a missing file is one error now, instead of one in each row
    if not cases:
        return
    with progress_bar("battery") as progress:
        for done, row in enumerate(measured(cases, data, args.processes, 3600 * args.hours), start=1):
            append_row(table, row)
            progress(done / len(cases))


def measured(cases: Sequence[Case], data: Path, processes: int, seconds: float) -> Iterator[dict[str, Any]]:
    """The rows of cases, in the order in which they are ready.

    Args:
        cases: The cases.
        data: The folder of the scenes.
        processes: How many work at a time, each with its share of the threads.
        seconds: After which no further case is started.
    """
    waiting, running = iter(cases), set[Future[dict[str, Any]]]()
    end = time.monotonic() + seconds
    with threads.divided(processes), ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        while True:
            while len(running) < processes and time.monotonic() < end and (case := next(waiting, None)) is not None:
                running.add(pool.submit(measure, case, data))
            if not running:
                return
            ready, running = wait(running, return_when=FIRST_COMPLETED)
            yield from (future.result() for future in ready)


if __name__ == "__main__":
    main()
