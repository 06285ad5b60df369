"""The end of a sweep: the table of its runs, and which of them failed."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from udaln.errors import InputError
from udaln.experiment.comparison.command import REPORT, write_table
from udaln.experiment.comparison.run_folder import RunFolder, Status, find_runs, read_run
from udaln.experiment.comparison.table import make_table
from udaln.experiment.comparison.terminal import print_table
from udaln.experiment.run_files import ERROR
from udaln.experiment.sweeping.callback import SweepCallback
from udaln.experiment.sweeping.sweep import Sweep
from udaln.monitor.console import results, sweeps

_LAUNCHERS = ("joblib", "submitit", "concurrent")  # whose errors tell of a worker that died
REPORTS = (REPORT, "report.md", "report.csv", "report.tex")


@contextmanager
def told_at_the_end() -> Iterator[None]:
    """If the block runs a sweep, print its table when it ends, and exit with status 2 if a run is not finished.

    A launcher whose worker died ends the block with an error; the runs that are finished are told all the same.
    """
    SweepCallback.sweep = None
    try:
        yield
    except KeyboardInterrupt:
        if SweepCallback.sweep is None:
            raise
        end(SweepCallback.sweep)
        sys.exit(130)
    except Exception as error:
        if SweepCallback.sweep is None or type(error).__module__.partition(".")[0] not in _LAUNCHERS:
            raise
        end(SweepCallback.sweep)
        reason = str(error).strip().splitlines() or [""]
        raise InputError(
            f"hydra/launcher: a job ended without a result: {type(error).__name__}: {reason[0]}"
        ) from error
    if SweepCallback.sweep is not None and not end(SweepCallback.sweep):
        sys.exit(2)


def end(sweep: Sweep) -> bool:
    """Print and write the table, and name each run that is not finished.

    Args:
        sweep: The sweep, which has ended or was stopped.

    Returns:
        Whether all runs are finished.
    """
    try:
        runs = find_runs([sweep.folder])
    except InputError:
        runs = []
    if runs:
        _write(sweep, runs)
    problems, not_started = _problems(sweep, runs)
    for line in problems:
        sweeps.say(line)
    if not problems and not not_started:
        return True
    count = sweep.info.jobs or len(runs)
    waiting = f", {not_started} of which were not started" if not_started else ""
    sweeps.say(
        f"udaln: {len(problems) + not_started} of {count} runs of the sweep are not finished{waiting}; go on with: "
        f"udaln resume={sweep.folder}"
    )
    return False


def _write(sweep: Sweep, runs: Sequence[RunFolder]) -> None:
    table = make_table(runs)
    print_table(table)
    try:
        for name in REPORTS:
            write_table(sweep.folder / name, runs, table, title=sweep.folder.name)
        results.say(f"report: {sweep.folder / REPORT}")
    except InputError as error:  # the runs are worth more than the table
        sweeps.say(f"udaln: {error}")


def _problems(sweep: Sweep, runs: Sequence[RunFolder]) -> tuple[list[str], int]:
    """A line for each job that is not finished, or that was refused, and how many were not started."""
    if not sweep.jobs:  # the sweeper chose them as it went
        return [f"{run.path.name}: {_told(run)}" for run in runs if not run.finished], 0
    lines, not_started = [], 0
    for number, folder in enumerate(sweep.folders):
        run = read_run(folder) if folder.exists() else None
        if run is None:
            not_started += 1
        elif (folder / ERROR).exists():  # also beside a finished run of other settings
            reason = (folder / ERROR).read_text(encoding="utf-8").partition("\n")[0]
            lines.append(f"{_place(sweep, number)}: failed: {reason} ({folder})")
        elif not run.finished:
            lines.append(f"{_place(sweep, number)}: {_told(run)} ({folder})")
    return lines, not_started


def _place(sweep: Sweep, number: int) -> str:
    return f"[{number + 1}/{len(sweep.jobs)}] {sweep.told(number)}"


def _told(run: RunFolder) -> str:
    return f"failed: {run.reason}" if run.status is Status.failed else run.status.value
