"""The schema of ``conf/trainer``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from omegaconf import MISSING


@dataclass
class TrainerConfig:
    """Settings of Lightning's Trainer.

    Attributes:
        accelerator: ``auto``, ``cpu`` or ``gpu``.
        devices: Number of devices of one machine that share the blocks of each step, with a process each.
        precision: ``32-true``, ``bf16-mixed`` or ``16-mixed``.
        checkpoint_seconds: Shortest time between two checkpoints of a stage [s].
        max_time: Longest time of a stage, as Lightning takes it: ``DD:HH:MM:SS``.
        profiler: ``simple`` or ``advanced``; what it measures is in ``fit-profile.txt`` in the folder of the run.
        deterministic: Whether PyTorch uses deterministic algorithms only: ``true``, ``false`` or ``warn``.
        benchmark: Whether cuDNN looks for the fastest algorithms.
        detect_anomaly: Whether PyTorch looks for NaN in every backward pass.
    """

    accelerator: str = MISSING
    devices: int = 1
    precision: str = MISSING
    checkpoint_seconds: float = MISSING
    max_time: str | None = None
    profiler: str | None = None
    deterministic: Any = None
    benchmark: bool | None = None
    detect_anomaly: bool = False

    @property
    def options(self) -> dict[str, Any]:
        """What is set of Lightning's further arguments."""
        names = ("max_time", "profiler", "deterministic", "benchmark", "detect_anomaly")
        return {name: getattr(self, name) for name in names if getattr(self, name) not in (None, False)}
