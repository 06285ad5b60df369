"""The three training stages."""

from udaln.stages.degradation import DegradationStage
from udaln.stages.joint import JointStage
from udaln.stages.spectral import SpectralStage
from udaln.stages.stage import Init, Schedule, Stage

STAGES: tuple[type[Stage], ...] = (DegradationStage, SpectralStage, JointStage)

__all__ = ["STAGES", "DegradationStage", "Init", "JointStage", "Schedule", "SpectralStage", "Stage"]
