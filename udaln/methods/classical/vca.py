"""Vertex component analysis: pure pixels as endmembers (Nascimento and Bioucas-Dias, IEEE TGRS 43(4), 2005)."""

from __future__ import annotations

import torch
from torch import Tensor


def vertex_component_analysis(spectra: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Choose the spectra that span the largest simplex, one after the other.

    The spectra are reduced to ``count`` dimensions and projected onto a plane, as in the paper for little noise.
    Then the one is chosen that lies farthest along a random direction orthogonal to all chosen before.

    Args:
        spectra: N×C float64.
        count: Endmembers wanted, at most C.
        generator: Draws the directions; on the CPU.

    Returns:
        The endmembers, C×count. Some spectra are repeated if their rank is smaller than ``count``.
    """
    directions = torch.linalg.eigh(spectra.T @ spectra)[1].flip(1)[:, :count]
    reduced = spectra @ directions
    along_mean = reduced @ reduced.mean(0)
    plane = reduced / torch.where(along_mean.abs() > 1e-12, along_mean, 1.0)[:, None]
    chosen: list[int] = []
    spanned = torch.zeros(count, 0).to(spectra)
    for _ in range(count):
        direction = torch.randn(count, dtype=torch.float64, generator=generator).to(spectra)
        direction = direction - spanned @ (spanned.T @ direction)
        chosen.append(int((plane @ direction).abs().argmax()))
        spanned = torch.linalg.qr(plane[chosen].T)[0]
    return spectra[chosen].T.contiguous()


def largest_simplex(spectra: Tensor, count: int, generator: torch.Generator, tries: int) -> Tensor:
    """The endmembers of largest volume of several random tries of `vertex_component_analysis`, C×count."""
    best, largest = None, -torch.inf
    for _ in range(tries):
        endmembers = vertex_component_analysis(spectra, count, generator)
        volume = torch.linalg.svdvals(endmembers).log().sum().item()
        if best is None or volume > largest:
            best, largest = endmembers, volume
    assert best is not None
    return best
