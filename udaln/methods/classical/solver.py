"""A model that solves an optimisation problem for every scene that it fuses."""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor

from udaln.methods.base import Estimate, Model
from udaln.methods.classical.observed import Observed
from udaln.methods.classical.progress import Progress, unseen
from udaln.physics.degradation import Degradation
from udaln.scene import Scene

SOLVER_VALUES = 400  # that a solver holds for each HR pixel, at most about


class Solver(Model):
    """A model whose image is the solution of an optimisation problem.

    A run asks for the image of the same scene several times. The last one is kept, and given again as long as neither
    the scene nor the model has changed.
    """

    def __init__(self, degradation: Degradation) -> None:
        super().__init__(degradation)
        self._asked: list[tuple[Tensor, int]] = []
        self._answer: Tensor | None = None

    @property
    def pixel_bytes(self) -> int:
        """Memory for each HR pixel: the image in twice the precision, twice, and what the solver holds."""
        return 8 * (2 * self.degradation.support.shape[0] + SOLVER_VALUES)

    @abstractmethod
    def solve(self, pair: Observed, progress: Progress) -> Tensor:
        """The image of a pair, H×W×C float64, in network units."""

    @torch.no_grad()
    def fuse(self, scene: Scene, progress: Progress = unseen) -> Estimate:
        """Solve the problem of a scene.

        Args:
            scene: The pair, or a window of it.
            progress: Is called with the share of the work that is done.
        """
        inputs = scene.lr_hsi, scene.hr_msi, *self.parameters(), *self.buffers()
        same = len(inputs) == len(self._asked) and all(
            tensor is known and tensor._version == version
            for tensor, (known, version) in zip(inputs, self._asked, strict=True)
        )
        if self._answer is None or not same:
            solved = self.solve(Observed.of(scene, self.degradation), progress)
            self._answer = (solved * self.degradation.unit.to(solved)).float()
            self._asked = [(tensor, tensor._version) for tensor in inputs]
        return Estimate(self._answer.clone())
