"""Lightning's Trainer as the stages need it."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
from lightning_fabric.utilities.exceptions import MisconfigurationException
from pytorch_lightning import Callback, Trainer
from pytorch_lightning.callbacks import Checkpoint
from pytorch_lightning.loggers import Logger
from pytorch_lightning.profilers import AdvancedProfiler, SimpleProfiler
from pytorch_lightning.strategies import DDPStrategy

from udaln.errors import InputError
from udaln.methods.training.devices import OneMachine


def quiet_lightning() -> None:
    """Silence Lightning's chatter about devices and the end of each fit, and what it does that torch deprecates."""
    warnings.filterwarnings("ignore", r".*LeafSpec.* is deprecated", FutureWarning)
    warnings.filterwarnings("ignore", "Using ModelCheckpoint with manual optimization")  # it saves what a step leaves
    warnings.filterwarnings("ignore", "Checkpoint directory .* exists and is not empty")  # the stage before filled it
    for name in ("pytorch_lightning", "lightning.pytorch", "lightning_fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)


def make_trainer(
    chain: Callback,
    accelerator: str,
    precision: str,
    *,
    devices: int = 1,
    machine: OneMachine | None = None,
    callbacks: Sequence[Callback] = (),
    logger: Logger | bool,
    options: Mapping[str, Any] | None = None,
    folder: Path | None = None,
) -> Trainer:
    """A Trainer for a chain of stages: it logs every call and leaves checkpoints to the chain.

    Args:
        chain: The stages.
        accelerator: Lightning's.
        precision: Lightning's.
        devices: How many share each step's blocks, a process each.
        machine: Which of these processes this is; the first if not given.
        callbacks: Others than the chain.
        logger: Lightning's.
        options: Other arguments of Lightning's Trainer: ``max_time`` of a stage, ``profiler``, ``deterministic``, …
        folder: Where callbacks and profilers of Lightning write.

    Raises:
        InputError: If there are no such devices here, or they do not know the precision.
    """
    shared = DDPStrategy(timeout=timedelta(days=1))  # the others wait while the first one solves, draws, takes figures
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".*AMP with fp16 is not supported on CPU")  # refused below instead
            warnings.filterwarnings("ignore", "GPU available but not used")  # as was asked for
            trainer = Trainer(
                accelerator=accelerator,
                devices=devices,
                strategy=shared if devices > 1 else "auto",
                plugins=[machine or OneMachine()],
                precision=precision,  # type: ignore[arg-type]  # checked by Lightning
                callbacks=[*callbacks, chain],  # the chain last: its checkpoint then holds what the others noted
                logger=logger,
                log_every_n_steps=1,
                max_epochs=1,  # the chain raises it
                enable_checkpointing=isinstance(chain, Checkpoint),
                enable_progress_bar=False,
                enable_model_summary=False,
                default_root_dir=folder,
                **_arguments(options or {}, folder),
            )
    except (MisconfigurationException, ValueError, RuntimeError) as error:
        said = " ".join(str(error).split())
        asked = f"accelerator={accelerator}, precision={precision}" + (f", devices={devices}" if devices > 1 else "")
        asked += "".join(f", {name}={value}" for name, value in (options or {}).items())
        raise InputError(f"trainer: {asked}: {said}") from error
    if trainer.precision != precision:
        raise InputError(f"trainer.precision: expected 32-true or bf16-mixed on a CPU, got {precision}")
    return trainer


def _arguments(options: Mapping[str, Any], folder: Path | None) -> dict[str, Any]:
    """Options as the Trainer takes them: a profiler writes a file, since Lightning's messages are not shown."""
    arguments = dict(options)
    if arguments.get("profiler") is not None:
        kinds = {"simple": SimpleProfiler, "advanced": AdvancedProfiler}
        arguments["profiler"] = kinds[arguments["profiler"]](dirpath=folder or Path(), filename="profile")
    return arguments


def root_device(accelerator: str, precision: str, devices: int = 1) -> torch.device:
    """The device, or the first of several, that Lightning would train on.

    Raises:
        InputError: If there is none such here, or it does not know the precision.
    """
    return make_trainer(Callback(), accelerator, precision, devices=devices, logger=False).strategy.root_device
