"""Random quadratic problems that several tests share."""

import numpy as np

from udaln.estimation.quadratic import Quadratic
from udaln.estimation.reduced_equations import ReducedEquations


def quadratic(rng, equations, bands, msi_bands, pixels, prior=0.1) -> Quadratic:
    """A convex problem with random equations and priors."""
    half = rng.normal(size=(msi_bands, bands, bands))
    return Quadratic(
        ReducedEquations(
            rng.random((equations, bands)),
            rng.random((msi_bands, equations, pixels)),
            equations,
            y_mean=np.zeros(bands),
            z_mean=np.zeros((msi_bands, pixels)),
        ),
        weight=rng.uniform(0.5, 2, msi_bands),
        srf_mean=rng.normal(size=(bands, msi_bands)),
        srf_precision=prior * half @ half.transpose(0, 2, 1),
        psf_mean=rng.normal(size=pixels),
        psf_precision=prior * np.eye(pixels),
    )
