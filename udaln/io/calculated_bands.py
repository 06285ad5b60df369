"""Bands that were calculated from another band of the same image: its logarithm, square, root or stretched copy."""

from __future__ import annotations

import math
from itertools import combinations

import torch
from torch import Tensor

LOOKED_AT = 250_000  # pixels whose values are compared
LEAST_PIXELS = 1000  # with fewer, one band may increase with another by chance
ROUNDING = 1e-6  # of the range of a band
CURVED = 1e-4  # fraction of a band's variance that a straight line leaves; scaled copies leave less and do no harm


def calculated_bands(image: Tensor, valid: Tensor, unexplained: Tensor) -> Tensor:
    """Bands that are a monotonic, curved function of another one, exactly; of each two, the one explained worse.

    No two bands that were measured are: the noise and the spectra of each differ.

    Args:
        image: H×W×c, finite where it is valid.
        valid: H×W×c bool, the valid values.
        unexplained: c, how badly each band is explained by the other image.

    Returns:
        c bool.
    """
    step = math.ceil(math.sqrt(image.shape[0] * image.shape[1] / LOOKED_AT))
    values, measured = image[::step, ::step].flatten(0, 1).T.double(), valid[::step, ::step].flatten(0, 1).T
    found = torch.zeros(len(values), dtype=torch.bool)
    for a, b in combinations(range(len(values)), 2):
        both = measured[a] & measured[b]
        one, other = values[a, both], values[b, both]
        if len(one) >= LEAST_PIXELS and (_is_function(one, other) or _is_function(other, one)):
            found[a if unexplained[a] > unexplained[b] else b] = True
    return found


def _is_function(values: Tensor, of: Tensor) -> bool:
    """Whether values are a monotonic, curved function of others."""
    few = max(1, len(of) // LEAST_PIXELS)  # some pixels nearly always tell
    return _is_monotonic(values[::few], of[::few]) and _is_monotonic(values, of) and _is_curved(values, of)


def _is_monotonic(values: Tensor, of: Tensor) -> bool:
    """Whether values only rise, or only fall, as others rise, and are the same where those are."""
    order = torch.argsort(of)
    steps, same = values[order].diff(), of[order].diff() == 0
    rounding = ROUNDING * (values.amax() - values.amin())
    if (steps[same].abs() > rounding).any():
        return False
    return bool((steps >= -rounding).all() or (steps <= rounding).all())


def _is_curved(values: Tensor, of: Tensor) -> bool:
    """Whether a straight line leaves something of the variance."""
    correlation = torch.corrcoef(torch.stack([values, of]))[0, 1]
    return bool(1 - correlation.square() > CURVED)
