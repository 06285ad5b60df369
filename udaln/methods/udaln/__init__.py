"""The three training stages."""

from udaln.methods.training.stage import Init, Schedule, Stage
from udaln.methods.udaln.degradation import DegradationStage
from udaln.methods.udaln.joint import JointStage
from udaln.methods.udaln.spectral import SpectralStage

STAGES: tuple[type[Stage], ...] = (DegradationStage, SpectralStage, JointStage)

__all__ = ["STAGES", "DegradationStage", "Init", "JointStage", "Schedule", "SpectralStage", "Stage"]
