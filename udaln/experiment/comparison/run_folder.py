"""The folder of a run, as it lies on disk: settings, figures, and how far the run came."""

from __future__ import annotations

import csv
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from udaln.errors import InputError
from udaln.experiment.run_files import CHECKPOINT, CONFIG, ERROR, LOG, METRICS, STAGES

_GROUPS = {"dataset", "scale", "method"}  # keys of every configuration of a run


class Status(Enum):
    """How far a run came."""

    finished = "finished"
    failed = "failed"
    stopped = "stopped, can be resumed"
    unfinished = "unfinished"


@dataclass(frozen=True)
class RunFolder:
    """A run on disk.

    Attributes:
        path: Its folder.
        status: How far it came.
        reason: Why it failed, on one line; empty if it did not, or nothing is known of it.
        settings: The configuration, flat: values by dotted keys.
        metrics: The content of ``metrics.json``; empty unless the run is finished.
        stages: The rows of ``stages.csv``, with the figures that each stage has.
    """

    path: Path
    status: Status
    reason: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)
    stages: Sequence[Mapping[str, Any]] = ()

    @property
    def finished(self) -> bool:
        """Whether the run has its figures."""
        return self.status is Status.finished


def find_runs(folders: Iterable[Path]) -> list[RunFolder]:
    """Read all runs in folders and below them.

    Args:
        folders: Folders of runs, or folders that contain such folders. A run that is found twice counts once.

    Returns:
        The runs in the order of the folders, and within each folder sorted by path.

    Raises:
        InputError: If a folder does not exist or contains no run.
    """
    runs: dict[Path, RunFolder] = {}
    for folder in folders:
        if not folder.is_dir():
            found = "is a file, expected the folder of a run or one above it" if folder.exists() else "no such folder"
            raise InputError(f"report: {folder}: {found}")
        below = list(_runs_below(folder))
        if not below:
            raise InputError(
                f"report: {folder}: expected runs in it or below it (config.yaml, metrics.json), found none"
            )
        runs |= {run.path.resolve(): run for run in below if run.path.resolve() not in runs}
    return list(runs.values())


def _runs_below(folder: Path) -> Iterator[RunFolder]:
    """The runs in a folder and below it; none is looked for inside a run."""
    for path, folders, files in os.walk(folder):
        folders[:] = sorted((name for name in folders if not name.startswith(".")), key=_by_number)
        if {CONFIG, METRICS, ERROR} & set(files) and (run := read_run(Path(path))) is not None:
            yield run
            folders.clear()


def _by_number(name: str) -> list[tuple[bool, int, str]]:
    """A key by which ``seed=10`` comes after ``seed=9``."""
    return [(part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in re.split(r"(\d+)", name) if part]


def read_run(folder: Path) -> RunFolder | None:
    """Read the folder of a run; None if its files are those of something else."""
    settings, unreadable = _settings(folder / CONFIG)
    if settings is not None and not _GROUPS <= {key.split(".")[0] for key in settings}:
        return None
    if settings is None and not ((folder / METRICS).exists() or (folder / ERROR).exists()):
        return None
    metrics: dict[str, Any] = {}
    if (folder / METRICS).exists():
        try:
            metrics = json.loads((folder / METRICS).read_text(encoding="utf-8"))
            assert isinstance(metrics, dict)
        except (OSError, ValueError, AssertionError):
            return RunFolder(folder, Status.failed, f"{METRICS} cannot be read", settings or {})
        if settings is None:
            return RunFolder(folder, Status.failed, unreadable, metrics=metrics)
        return RunFolder(folder, Status.finished, "", settings, metrics, _stages(folder / STAGES))
    reason = _reason(folder)
    if reason:
        status = Status.failed
    else:
        status = Status.stopped if (folder / CHECKPOINT).exists() else Status.unfinished
    return RunFolder(folder, status, reason, settings or {})


def flat(settings: Any, prefix: str = "") -> dict[str, Any]:
    """Nested settings as values by dotted keys; lists are kept as values."""
    if not isinstance(settings, dict) or not settings:
        return {prefix: settings}
    return {
        key: value
        for name, child in settings.items()
        for key, value in flat(child, f"{prefix}.{name}" if prefix else str(name)).items()
    }


def _settings(path: Path) -> tuple[dict[str, Any] | None, str]:
    """The settings in a file, and why there are none."""
    if not path.exists():
        return None, f"there is no {CONFIG}"
    try:
        settings = OmegaConf.to_container(OmegaConf.load(path))
    except Exception as error:  # the file may be anything
        return None, f"{CONFIG} cannot be read: {' '.join(str(error).split())[:100]}"
    return (flat(settings), "") if isinstance(settings, dict) else (None, f"{CONFIG} has no settings")


def _stages(path: Path) -> list[dict[str, Any]]:
    """The rows of ``stages.csv``; none if it is missing or damaged."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return [{name: _number(value) for name, value in row.items() if value} for row in csv.DictReader(file)]
    except (OSError, ValueError, csv.Error):
        return []


def _number(text: str) -> Any:
    try:
        return float(text)
    except ValueError:
        return text


def _reason(folder: Path) -> str:
    """Why a run failed: from its file, or else from the last line of its log; empty if it did not fail."""
    if (folder / ERROR).exists():
        lines = (folder / ERROR).read_text(encoding="utf-8", errors="replace").splitlines()
        return lines[0] if lines else "unknown reason"
    if not (folder / LOG).exists():
        return ""
    lines = (folder / LOG).read_text(encoding="utf-8", errors="replace").rstrip().splitlines()
    _, told, error = (lines[-1] if lines else "").partition("ERROR stopped: ")
    return "" if not told or error.startswith(("KeyboardInterrupt", "SystemExit")) else error
