"""How a scene is fused, and the first step: its two images aligned and its degradation estimated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from time import monotonic
from typing import NamedTuple

from torch import Tensor

from udaln.errors import InputError
from udaln.estimation.alignment import aligned
from udaln.estimation.change import changed_lr_pixels
from udaln.estimation.sensors import estimate_sensors, set_sensors
from udaln.methods.base import Method
from udaln.physics.blocks import blocks_of
from udaln.physics.degradation import Degradation
from udaln.physics.instruments import Instruments
from udaln.physics.warp import Warp
from udaln.scene import Known, Scene


@dataclass(frozen=True)
class FusionOptions:
    """How a scene is fused.

    Attributes:
        method: The method.
        refine: Whether the consistency step follows it.
        instruments: The differences between the two sensors that are allowed for; each is decided.
        known_psf: Whether the scene's known PSF is used; otherwise it is estimated.
        known_srf: Whether the scene's known SRF is used; otherwise it is estimated.
        gaussian: Whether the estimated PSF is restricted to a Gaussian.
        kernel_size: Side of the PSF's window [HR pixels]; if None, the data decide.
        uncertainty: Whether the deviation is calculated.
        progress: Whether progress bars are shown on a terminal.
        metrics: Metrics of one's own by their names.
    """

    method: Method
    refine: bool
    instruments: Instruments
    known_psf: bool = False
    known_srf: bool = False
    gaussian: bool = False
    kernel_size: int | None = None
    uncertainty: bool = False
    progress: bool = True
    metrics: Sequence[str] = ()

    def known(self, scene: Scene) -> Known:
        """What is known of a scene's sensors and is to be kept.

        Raises:
            InputError: If it is to be kept and there is none.
        """
        return Known(
            psf=_given("psf", scene.known.psf) if self.known_psf else None,
            srf=_given("srf", scene.known.srf) if self.known_srf else None,
        )


class Aligned(NamedTuple):
    """A pair ready for a method.

    Attributes:
        scene: The pair, aligned.
        degradation: Of the scene; what is unknown of it is estimated if the method needs that.
        seconds: Time taken.
        warp: The displacement that varies over the pair and was taken out; None if there was none.
    """

    scene: Scene
    degradation: Degradation
    seconds: float
    warp: Warp | None = None


def align(scene: Scene, options: FusionOptions) -> Aligned:
    """Align the two images of a pair by the estimated shift, and estimate the degradation if the method needs it.

    Args:
        scene: The pair, on the CPU.
        options: How it is fused.

    Raises:
        InputError: If the known PSF or SRF is to be used and there is none, or the PSF's window is smaller than r.
    """
    start = monotonic()
    known = options.known(scene)
    found = aligned(scene, options.instruments, options.kernel_size, known, gaussian=options.gaussian)
    scene, form = found.scene, found.form
    degradation = Degradation(
        scale=scene.scale,
        kernel_size=form.side,
        support=scene.support,
        unit=scene.unit,
        msi_unit=scene.msi_unit,
        known=known,
        gain=form.gain,
        offset=form.offset,
    )
    if options.method.needs_degradation and degradation.unknown:
        if found.estimate is not None:
            set_sensors(degradation, found.estimate)
        else:
            blocks = blocks_of(scene, form.side, scene.hr_msi.dtype)
            estimate_sensors(degradation, blocks, gaussian=form.gaussian, signed=form.signed)
        change = options.instruments.change
        if change is not False:
            scene = replace(scene, lr_changed=changed_lr_pixels(degradation, scene, expected=change is True))
    return Aligned(scene, degradation, monotonic() - start, found.warp)


def _given(name: str, value: Tensor | None) -> Tensor:
    if value is None:
        raise InputError(f"degradation.{name}: expected one to be given for degradation.{name}=known, got none")
    return value
