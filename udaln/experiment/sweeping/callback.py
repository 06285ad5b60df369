"""Where Hydra tells that a sweep begins, and the name of a job's folder, ``${udaln.swept:}``."""

from __future__ import annotations

from typing import Any, ClassVar

from hydra.core.hydra_config import HydraConfig
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf, open_dict, read_write

from udaln.experiment.sweeping.names import job_name
from udaln.experiment.sweeping.sweep import RESOLVER, Sweep, SweepInfo, one_by_one, plan
from udaln.monitor.console import sweeps


class SweepCallback(Callback):
    """Makes what jobs must know of their sweep a part of their configuration.

    Attributes:
        sweep: The sweep that this process has started; None before it has begun.
    """

    sweep: ClassVar[Sweep | None] = None

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        """Plan the sweep and announce it. Without a launcher its first job does so, when all could be composed."""
        sweep = plan(config)
        with read_write(config), open_dict(config):
            config.hydra.overrides.hydra.append(sweep.info.override())
        SweepCallback.sweep = sweep
        if not one_by_one(config.hydra):
            sweeps.say(sweep.info.beginning(sweep.folder))


def register_resolver() -> None:
    """Let ``hydra.sweep.subdir`` be named by what is swept."""
    OmegaConf.register_new_resolver(RESOLVER, _name_of_this_job, replace=True)


def _name_of_this_job() -> str:
    hydra = HydraConfig.get()
    return job_name(list(hydra.overrides.task), SweepInfo.of_job(hydra).keys)


register_resolver()
