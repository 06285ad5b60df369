"""How much of a residual is shared by pixels near and alike, belongs to single pixels, or is noise: by likelihood."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

WHITE = np.r_[0, np.logspace(-5, 0, 41)]  # shares of the variance that may belong to single pixels
OF_SCENE = (0.0, 0.5, 0.9, 0.97, 0.99, 0.999, 0.9999, 1.0)  # shares of what is white that may be of HR pixels
EXACT = 1e-6  # share of a component's variance below which there is no noise


class Basis(NamedTuple):
    """What makes covariances of n LR pixels diagonal: axesᵀ lower⁻¹, for one share of HR pixels in what is white."""

    of_scene: float
    lower: Tensor
    axes: Tensor


class Variances(NamedTuple):
    """Of each of m components, what makes it most probable.

    Attributes:
        shared: Variance that pixels near each other and alike share, (m,).
        own: Variance that belongs to single pixels, HR or LR, (m,).
        of_scene: The share of it that belongs to HR pixels, (m,).
        solved: Inverse of the covariance of the LR pixels times their values, (n, m).
        spectrum: Eigenvalues of that covariance in the component's basis, (n, m).
        bases: Those that any component has.
    """

    shared: Tensor
    own: Tensor
    of_scene: Tensor
    solved: Tensor
    spectrum: Tensor
    bases: list[Basis]


def most_probable(values: Tensor, among: Tensor, white: Tensor, noise: Tensor) -> Variances:
    """Variances of three parts, shared, of single HR pixels and of single LR pixels, by maximum likelihood.

    Args:
        values: (n, m).
        among: Covariance of the first part, n×n.
        white: That of the second, n×n; that of the third is the identity. Where the two are the same, as of windows
            side by side, all of it counts as the second.
        noise: Variance of each component that is not of the scene, (m,); where it is nil, there is no third part.
    """
    n = len(values)
    exact = noise <= EXACT * values.square().mean(0)
    identity = torch.eye(n, dtype=white.dtype, device=white.device)
    apart = (white - identity).abs().max() > 1e-6
    best: list[Tensor] = []
    bases = []
    for of_scene in OF_SCENE if apart and not exact.all() else (1.0,):
        lower = torch.linalg.cholesky(of_scene * white + (1 - of_scene + 1e-12) * identity)
        half = torch.linalg.solve_triangular(lower, among, upper=False)
        both = torch.linalg.solve_triangular(lower, half.T, upper=False)
        power, axes = torch.linalg.eigh((both + both.T) / 2)  # both covariances diagonal: the likelihood is a sum
        bases.append(Basis(of_scene, lower, axes))
        rotated = axes.T @ torch.linalg.solve_triangular(lower, values, upper=False)
        shares = torch.as_tensor(WHITE, device=values.device)
        spectrum = (1 - shares) * power.clamp(min=1e-9 * power.max())[:, None] + shares  # (n, shares)
        variance = (rotated**2).T @ (1 / spectrum) / n  # (m, shares)
        score = n * variance.clamp(min=1e-300).log() + spectrum.log().sum(0) + 2 * lower.diagonal().log().sum()
        if of_scene < 1:
            score[exact] = torch.inf
        at = score.argmin(1)
        solved = torch.linalg.solve_triangular(lower.T, axes @ (rotated / spectrum[:, at]), upper=True)
        total = variance.gather(1, at[:, None])[:, 0]
        here = [
            score.gather(1, at[:, None])[:, 0],
            total * (1 - shares[at]),
            total * shares[at],
            torch.full_like(total, of_scene),
            solved / total.clamp(min=1e-300),
            spectrum[:, at] * total.clamp(min=1e-300),
        ]
        better = here[0] < best[0] if best else None
        best = here if better is None else [torch.where(better, a, b) for a, b in zip(here, best, strict=True)]
    _, shared, own, chosen, solved, spectrum = best
    return Variances(shared, own, chosen, solved, spectrum, [b for b in bases if (chosen == b.of_scene).any()])
