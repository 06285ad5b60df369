"""Metrics of one's own: computed beside those of the package, and shown with them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any, ClassVar

from udaln.parts.registry import Registry


class Metric(ABC):
    """A figure of a fused image.

    Attributes:
        title: Of its column in a table; its name if not given.
        unit: Of the values.
        decimals: Digits after the point in a table.
        better: 1 if higher is better, −1 if lower is, 0 if neither.
    """

    title: ClassVar[str] = ""
    unit: ClassVar[str] = ""
    decimals: ClassVar[int] = 4
    better: ClassVar[int] = 0

    @abstractmethod
    def measure(self, scene: Any, fused: Any) -> Any:
        """The figure.

        Args:
            scene: The pair, a `udaln.scene.Scene`. ``scene.truth.image`` is None where there is no truth.
            fused: The fused image, H×W×C, in the units of the LR-HSI, on the device of the scene. Only its pixels in
                ``scene.valid`` count.

        Returns:
            A number, or a tensor of one; None where the scene does not allow it.
        """


METRICS: Registry[type[Metric]] = Registry("metrics", "metrics")


def own_figures(names: Iterable[str], scene: Any, fused: Any) -> dict[str, float]:
    """The figures of metrics by their names; those that a scene does not allow are left out."""
    values = {name: METRICS.get(name)().measure(scene, fused) for name in names}
    return {name: float(value) for name, value in values.items() if value is not None}
