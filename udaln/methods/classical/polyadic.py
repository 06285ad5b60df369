"""The canonical polyadic decomposition: a cube as a sum of outer products of columns, rows and spectra.

The factors A, H×F, B, W×F, and C, K×F, stand for the cube [[A, B, C]] = Σ_f a_f ∘ b_f ∘ c_f, H×W×K.
"""

from __future__ import annotations

import torch
from torch import Tensor

from udaln.methods.classical.matrix_equations import solved

Factors = tuple[Tensor, Tensor, Tensor]

TINY = 1e-300  # norm of a column that is zero


def cube_of(factors: Factors) -> Tensor:
    """The cube [[A, B, C]]."""
    a, b, c = factors
    return torch.einsum("hf,wkf->hwk", a, b[:, None] * c)


def gram(first: Tensor, second: Tensor) -> Tensor:
    """The matrix of the normal equations, F×F, for the third factor."""
    return (first.T @ first) * (second.T @ second)


def projected(cube: Tensor, factors: Factors, mode: int) -> Tensor:
    """The right side of the normal equations for factor ``mode``, which itself is not looked at."""
    a, b, c = factors
    if mode == 0:
        return (torch.einsum("hwk,wf->hkf", cube, b) * c).sum(1)
    by_column = torch.einsum("hwk,hf->wkf", cube, a)
    return (by_column * c).sum(1) if mode == 1 else (by_column * b[:, None]).sum(0)


def balanced(factors: Factors) -> Factors:
    """The same cube by factors whose columns are of equal norm."""
    norms = torch.stack([factor.norm(dim=0).clamp(min=TINY) for factor in factors])
    a, b, c = (factor * (norms.log().mean(0).exp() / norm) for factor, norm in zip(factors, norms, strict=True))
    return a, b, c


def decomposition(cube: Tensor, rank: int, iterations: int, generator: torch.Generator) -> Factors:
    """Decompose a cube by alternating least squares from random factors.

    Args:
        cube: H×W×K.
        rank: F.
        iterations: In each, all factors are solved for by turns.
        generator: Of the first factors; on the CPU.
    """
    a, b, c = (torch.randn(side, rank, generator=generator, dtype=torch.float64).to(cube) for side in cube.shape)
    for _ in range(iterations):
        a = solved(gram(b, c), projected(cube, (a, b, c), 0))
        b = solved(gram(a, c), projected(cube, (a, b, c), 1))
        c = solved(gram(a, b), projected(cube, (a, b, c), 2))
        a, b, c = balanced((a, b, c))
    return a, b, c
