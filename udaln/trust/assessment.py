"""The verdict on a fused image, from what the pair itself shows."""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor

from udaln.consistency.calibration import HeldOut
from udaln.estimation.alignment import error_of_given
from udaln.estimation.candidate import Form
from udaln.physics.degradation import Degradation
from udaln.physics.instruments import Instruments
from udaln.scene import Known, Scene
from udaln.trust.agreement import agreement, noise_variances
from udaln.trust.fidelity import fidelity
from udaln.trust.verdict import Verdict, judge

SUSPICIOUS = 1e-3  # disagreement, as a share of the variance, from which on what is given is doubted


def assess(
    degradation: Degradation,
    scene: Scene,
    image: Tensor,
    held_out: HeldOut | None,
    instruments: Instruments,
    known: Known,
) -> Verdict:
    """Judge a result by the pair alone.

    Args:
        degradation: As it was estimated, on the CPU.
        scene: The pair, aligned, on the CPU.
        image: The fused image, H×W×C, with a value for every pixel.
        held_out: How well the fused image predicts LR pixels that were held out, if that is known.
        instruments: The differences between the sensors that were allowed for.
        known: What was given of the sensors.
    """
    noise = noise_variances(degradation, scene)
    found = agreement(degradation, scene, noise)
    excluded = False in (instruments.gain, instruments.offset, instruments.shift, instruments.wide_psf)
    told = known.psf is not None or known.srf is not None
    restricted = (excluded or told) and not any(scene.resampling_shift)
    given = None
    if restricted and float(found.disagreement.max()) > SUSPICIOUS:
        sped = degradation.sped
        form = Form(degradation.kernel_size, sped.gain.requires_grad, sped.offset.requires_grad)
        given = error_of_given(replace(scene, shift=(0, 0)), instruments, form, known)
    return judge(found, fidelity(degradation, scene, image, noise), held_out, given)
