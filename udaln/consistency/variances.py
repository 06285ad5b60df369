"""Maximum-likelihood variances of a residual: partial sill and nugget, the nugget split into HR and LR parts."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

NUGGET_SHARES = np.r_[0, np.logspace(-5, 0, 41)]  # candidate shares of the nugget in the variance
HR_FRACTIONS = (0.0, 0.5, 0.9, 0.97, 0.99, 0.999, 0.9999, 1.0)  # candidate fractions of the nugget at HR pixels
NOISE_FREE = 1e-6  # noise below this share of a component's variance is taken as none


class Eigenbasis(NamedTuple):
    """The basis in which the covariances of n LR pixels are diagonal for one HR fraction of the nugget.

    Attributes:
        hr_fraction: Fraction of the nugget at HR pixels.
        lower: Cholesky factor L of the nugget's covariance, n×n.
        axes: Eigenvectors U of L⁻¹KL⁻ᵀ, K the correlated covariance, n×n. UᵀL⁻¹ diagonalises both.
    """

    hr_fraction: float
    lower: Tensor
    axes: Tensor


class Variances(NamedTuple):
    """The most probable variances of each of m components.

    Attributes:
        sill: Partial sill: variance that is correlated between pixels, (m,).
        nugget: Variance without correlation between pixels, HR or LR, (m,).
        hr_fraction: Fraction of the nugget that belongs to HR pixels; the rest belongs to LR pixels, (m,).
        dual_weights: Inverse covariance of the LR pixels times their values, (n, m).
        eigenvalues: Those of that covariance, in the component's eigenbasis, (n, m).
        bases: The eigenbasis of each HR fraction that occurs.
    """

    sill: Tensor
    nugget: Tensor
    hr_fraction: Tensor
    dual_weights: Tensor
    eigenvalues: Tensor
    bases: list[Eigenbasis]


def fit_variances(values: Tensor, correlated: Tensor, hr_nugget: Tensor, noise: Tensor) -> Variances:
    """Estimate the variances of three parts of a residual by maximum likelihood over a grid of shares.

    The covariance of a component at the LR pixels is q·[(1 − a)·K + a·(f·W + (1 − f)·I)], with the correlated
    covariance K, that of independent HR pixels W, the nugget share a and its HR fraction f. For each pair (a, f) the
    most probable q has a closed form.

    Args:
        values: Components at n LR pixels, (n, m).
        correlated: K, n×n.
        hr_nugget: W, n×n. If it is diagonal, as of windows that do not overlap, f is not identifiable: it is 1.
        noise: Variance of each component that is noise, (m,). Without noise f is 1, too.
    """
    n = len(values)
    noise_free = noise <= NOISE_FREE * values.square().mean(0)
    identity = torch.eye(n, dtype=hr_nugget.dtype, device=hr_nugget.device)
    identifiable = (hr_nugget - torch.diag(hr_nugget.diagonal())).abs().max() > 1e-6
    best: list[Tensor] = []
    bases = []
    for hr_fraction in HR_FRACTIONS if identifiable and not noise_free.all() else (1.0,):
        lower = torch.linalg.cholesky(hr_fraction * hr_nugget + (1 - hr_fraction + 1e-12) * identity)
        power, axes = _generalised_eigenvectors(correlated, lower)
        bases.append(Eigenbasis(hr_fraction, lower, axes))
        rotated = axes.T @ torch.linalg.solve_triangular(lower, values, upper=False)
        shares = torch.as_tensor(NUGGET_SHARES, device=values.device)
        spectrum = (1 - shares) * power.clamp(min=1e-9 * power.max())[:, None] + shares  # (n, shares)
        variance = (rotated**2).T @ (1 / spectrum) / n  # q of each component and share, (m, shares)
        # minus twice the log-likelihood, less a constant: a sum, because both covariances are diagonal
        score = n * variance.clamp(min=1e-300).log() + spectrum.log().sum(0) + 2 * lower.diagonal().log().sum()
        if hr_fraction < 1:
            score[noise_free] = torch.inf
        at = score.argmin(1)
        dual_weights = torch.linalg.solve_triangular(lower.T, axes @ (rotated / spectrum[:, at]), upper=True)
        total = variance.gather(1, at[:, None])[:, 0]
        candidate = [
            score.gather(1, at[:, None])[:, 0],
            total * (1 - shares[at]),
            total * shares[at],
            torch.full_like(total, hr_fraction),
            dual_weights / total.clamp(min=1e-300),
            spectrum[:, at] * total.clamp(min=1e-300),
        ]
        better = candidate[0] < best[0] if best else None
        best = (
            candidate if better is None else [torch.where(better, *pair) for pair in zip(candidate, best, strict=True)]
        )
    _, sill, nugget, chosen, dual_weights, eigenvalues = best
    used = [basis for basis in bases if (chosen == basis.hr_fraction).any()]
    return Variances(sill, nugget, chosen, dual_weights, eigenvalues, used)


def _generalised_eigenvectors(correlated: Tensor, lower: Tensor) -> tuple[Tensor, Tensor]:
    """Eigenvalues, (n,), and eigenvectors, n×n, of L⁻¹KL⁻ᵀ."""
    half = torch.linalg.solve_triangular(lower, correlated, upper=False)
    whitened = torch.linalg.solve_triangular(lower, half.T, upper=False)
    power, axes = torch.linalg.eigh((whitened + whitened.T) / 2)
    return power, axes
