"""A sweep: its jobs, and what a job must know of the whole of it, with any launcher."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Quote, QuotedString
from omegaconf import DictConfig, OmegaConf

from udaln.experiment.run_files import ERROR, METRICS
from udaln.experiment.sweeping.names import job_name, swept_values, told

VARIABLE = "UDALN_SWEEP"
OVERRIDE = f"+hydra.job.env_set.{VARIABLE}="  # by which a launcher brings it to a job
RESOLVER = "udaln.swept"


@dataclass(frozen=True)
class SweepInfo:
    """What every job knows of its sweep.

    Attributes:
        keys: That are swept.
        jobs: How many there are; 0 if the sweeper decides as it goes.
        before: How many were finished when the sweep began.
        started: When it began [s since the epoch].
        repeats: The numbers of jobs with the overrides and the folder of an earlier one, from 0 on.
    """

    keys: tuple[str, ...] = ()
    jobs: int = 0
    before: int = 0
    started: float = 0.0
    repeats: tuple[int, ...] = ()

    def beginning(self, folder: Path) -> str:
        """What will run, and how it goes on if it is stopped.

        Args:
            folder: Of the sweep.
        """
        runs = f"{self.jobs} runs" if self.jobs else "runs"
        known = f", {self.before} of them finished before" if self.before else ""
        return f"sweep: {runs} in {folder}{known}; if it is stopped, go on with: udaln resume={folder}"

    def override(self) -> str:
        """This, as an override of Hydra's configuration."""
        text = json.dumps([list(self.keys), self.jobs, self.before, self.started, list(self.repeats)])
        return OVERRIDE + str(QuotedString(text, Quote.single).with_quotes())

    @staticmethod
    def of_job(hydra: Any) -> SweepInfo:
        """What a job knows of its sweep.

        Args:
            hydra: The ``hydra`` node of the job's configuration.
        """
        text = OmegaConf.select(hydra, f"job.env_set.{VARIABLE}")
        if text is None:
            return SweepInfo()
        keys, jobs, before, started, repeats = json.loads(text)
        return SweepInfo(tuple(keys), jobs, before, started, tuple(repeats))


@dataclass(frozen=True)
class Sweep:
    """A sweep, as the process knows it that started it.

    Attributes:
        folder: Of the sweep.
        info: What its jobs know.
        jobs: The overrides of each; empty if the sweeper decides as it goes.
        folders: Of the jobs.
    """

    folder: Path
    info: SweepInfo
    jobs: Sequence[Sequence[str]] = ()
    folders: Sequence[Path] = field(default_factory=tuple)

    def told(self, job: int) -> str:
        """How messages name a job: by its swept values."""
        return told(swept_values(self.jobs[job], self.info.keys)) or self.folders[job].name


def plan(config: DictConfig) -> Sweep:
    """Find out which jobs a sweep will have.

    Args:
        config: Hydra's composed configuration, with its ``hydra`` node.
    """
    arguments = [f"{key}={value}" for key, value in (OmegaConf.select(config, "hydra.sweeper.params") or {}).items()]
    arguments += list(config.hydra.overrides.task)
    parser = OverridesParser.create(config_loader=GlobalHydra.instance().config_loader())
    overrides = parser.parse_overrides(arguments)
    keys = tuple(dict.fromkeys(str(each.key_or_group) for each in overrides if each.is_sweep_override()))
    folder = Path(str(config.hydra.sweep.dir)).absolute()
    if str(config.hydra.sweeper._target_) != f"{BasicSweeper.__module__}.{BasicSweeper.__name__}":
        return Sweep(folder, SweepInfo(keys, started=time.time()))
    (jobs,) = BasicSweeper.split_arguments(overrides, None)
    folders = [folder / _subfolder(config, job, number, keys) for number, job in enumerate(jobs)]
    before = sum((path / METRICS).exists() for path in folders)
    places = list(zip(folders, jobs, strict=True))
    repeats = tuple(number for number, place in enumerate(places) if place in places[:number])
    return Sweep(folder, SweepInfo(keys, len(jobs), before, time.time(), repeats), jobs, folders)


def one_by_one(hydra: Any) -> bool:
    """Whether jobs run in this process, one after the other: without a launcher.

    Args:
        hydra: The ``hydra`` node of a configuration.
    """
    return "basic_launcher" in str(hydra.launcher._target_)


def ended_since(folder: Path, moment: float) -> int:
    """How many runs in a folder have finished or failed since a moment [s since the epoch]."""
    ended = set()
    for name in (METRICS, ERROR):
        for file in folder.glob(f"*/{name}"):
            try:
                if file.stat().st_mtime >= moment:
                    ended.add(file.parent)
            except OSError:  # a job that starts again has just removed it
                continue
    return len(ended)


def _subfolder(config: DictConfig, job: Sequence[str], number: int, keys: Sequence[str]) -> str:
    """The folder of a job, in that of the sweep; the configuration is composed only if it names its own."""
    node = config.hydra.sweep._get_node("subdir")
    template = "" if node is None else str(node._value())
    if template == f"${{{RESOLVER}:}}":
        return job_name(job, keys)
    composed = GlobalHydra.instance().config_loader().load_sweep_config(config, list(job))
    OmegaConf.set_readonly(composed, False)
    OmegaConf.set_struct(composed, False)
    composed.hydra.job.num = number
    composed.hydra.job.id = str(number)
    return str(composed.hydra.sweep.subdir)
