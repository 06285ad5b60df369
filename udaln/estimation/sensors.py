"""The degradation of a pair, as far as it is unknown, from its blocks."""

from __future__ import annotations

import torch

from udaln.estimation.degradation import estimate_degradation
from udaln.physics.blocks import Blocks
from udaln.physics.degradation import Degradation


@torch.no_grad()
def estimate_sensors(degradation: Degradation, blocks: Blocks, *, gaussian: bool = False) -> None:
    """Estimate in place what is unknown of PSF, SRF, gains and offsets.

    Args:
        degradation: Whose parameters are to be estimated where they require a gradient.
        blocks: The whole scene, in the precision it came in.
        gaussian: Take the PSF for a Gaussian; else it is one with what the data say beyond it.
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
    )
    estimates = (
        (spad.weight, solved.psf.flatten()),
        (sped.weight, solved.srf),
        (sped.gain, solved.gain),
        (sped.offset, solved.offset),
    )
    for parameter, value in estimates:
        if parameter.requires_grad:
            parameter.copy_(value)
