"""Parts that can be added from outside of the package: a name in a registry, found by the configuration."""

from udaln.parts.metric import METRICS, Metric, own_figures
from udaln.parts.registry import Registry

__all__ = ["METRICS", "Metric", "Registry", "own_figures"]
