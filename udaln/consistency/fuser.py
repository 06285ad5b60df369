"""A fitted method and, where it is asked for, the consistency step: the fused image of a pair or of any part of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from udaln.consistency.calibration import HeldOut, calibrated
from udaln.consistency.refinement import Refinement, fit_and_predict, gapless_hr_msi, smoothed
from udaln.consistency.step import consistent, required_part
from udaln.methods.base import Estimate, Model
from udaln.physics.part import Box, Part
from udaln.scene import Scene


@dataclass(frozen=True)
class Fuser:
    """Makes fused images of a pair of sensors.

    Attributes:
        model: Fitted.
        refinement: What the consistency step needs to know of the pair; none to leave the model's image as it is.
    """

    model: Model
    refinement: Refinement | None = None

    @classmethod
    def fit(
        cls,
        model: Model,
        scene: Scene,
        progress: Callable[[float], None] | None = None,
        *,
        with_deviation: bool = False,
    ) -> tuple[Fuser, Estimate, HeldOut | None]:
        """Fit the consistency step to a pair, and fuse this pair; also tell how well held-out LR pixels are predicted.

        Args:
            model: Fitted.
            scene: The pair, on the device of the model.
            progress: As in `fuse`.
            with_deviation: As in `fuse`.
        """
        refinement, prediction = fit_and_predict(model, scene)
        refinement, held_out = calibrated(model, refinement, scene, prediction)
        estimate = consistent(
            model, refinement, scene, progress=progress, prediction=prediction, with_deviation=with_deviation
        )
        return cls(model, refinement), estimate, held_out

    def to(self, device: torch.device) -> Fuser:
        """The same on another device; the model itself is moved."""
        self.model.to(device)
        return self if self.refinement is None else replace(self, refinement=self.refinement.to(device))

    def part(self, scene: Scene, sides: tuple[int, int], wanted: Box) -> Part:
        """What has to be read of a pair for a window of it, so that the window equals that of the whole image.

        Args:
            scene: Of the pair; its scale factor and its shift count.
            sides: Rows and columns of the pair [LR pixels].
            wanted: The window [LR pixels].
        """
        if self.refinement is not None:
            return required_part(self.model, self.refinement, scene, sides, wanted)
        read = Part(sides, wanted, wanted).around(self.model.margin).wanted
        return Part(sides, read, wanted)

    @torch.no_grad()
    def fuse(
        self,
        scene: Scene,
        part: Part | None = None,
        progress: Callable[[float], None] | None = None,
        *,
        with_deviation: bool = False,
    ) -> Estimate:
        """Fuse a pair, or the wanted window of a part of it.

        Args:
            scene: The pair, or what was read of it, on the device of the model.
            part: What was read and what is wanted; all of it if none.
            progress: Is called with the share of the work that is done.
            with_deviation: Tell the standard deviation of the image's error, too, where that is possible.
        """
        if self.refinement is not None:
            return consistent(self.model, self.refinement, scene, part, progress, with_deviation=with_deviation)
        estimate = self.model.fuse(scene)
        if part is None or part.read == part.wanted:
            return estimate
        window = part.inside(part.wanted, scene.scale)
        deviation = None if estimate.deviation is None else estimate.deviation[window]
        return Estimate(estimate.image[window], deviation)

    @torch.no_grad()
    def hr_msi(self, scene: Scene) -> Tensor:
        """What the image is made of: the HR-MSI in the radiometry of the LR-HSI, denoised if the step does so."""
        image = gapless_hr_msi(self.model, scene)
        if self.refinement is None:
            return image
        parts = smoothed(self.refinement.denoiser, image, self.refinement.texture_share)
        return parts.smooth + parts.texture
