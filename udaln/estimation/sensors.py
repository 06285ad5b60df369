"""The degradation of a pair, as far as it is unknown, from its blocks."""

from __future__ import annotations

import torch

from udaln.estimation.degradation import DegradationEstimate, estimate_degradation
from udaln.physics.blocks import Blocks
from udaln.physics.degradation import Degradation


def estimate_sensors(degradation: Degradation, blocks: Blocks, *, gaussian: bool = False, signed: bool = False) -> None:
    """Estimate in place what is unknown of PSF, SRF, gains and offsets.

    Args:
        degradation: Whose parameters are to be estimated where they require a gradient.
        blocks: The scene, in the precision it came in.
        gaussian: Restrict the PSF to a Gaussian; otherwise it deviates from one as far as the data require.
        signed: Allow negative weights of the PSF.
    """
    spad, sped = degradation.spad, degradation.sped
    psf, srf = (None if part.weight.requires_grad else value for part, value in ((spad, spad.psf), (sped, sped.srf)))
    solved = estimate_degradation(
        blocks.lr,
        blocks.windows,
        degradation.support,
        psf=psf,
        srf=srf,
        gain=sped.gain.requires_grad,
        offset=sped.offset.requires_grad,
        gaussian=gaussian,
        signed=signed,
    )
    set_sensors(degradation, solved)


@torch.no_grad()
def set_sensors(degradation: Degradation, estimate: DegradationEstimate) -> None:
    """Set in place what is unknown of PSF, SRF, gains and offsets.

    Args:
        degradation: Whose parameters are set where they require a gradient.
        estimate: In network units.
    """
    spad, sped = degradation.spad, degradation.sped
    estimates = (
        (spad.weight, estimate.psf.flatten()),
        (sped.weight, estimate.srf),
        (sped.gain, estimate.gain),
        (sped.offset, estimate.offset),
    )
    for parameter, value in estimates:
        if parameter.requires_grad:
            parameter.copy_(value)
