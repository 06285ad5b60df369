"""Stage 1 solved: the PSF and the SRF for which SpeDnet(Y) = SpaDnet(Z).

The equation is linear in both together, so with weights ≥ 0 that sum to 1 it is one convex problem. Noise makes it
harder than it looks: that of Y is on the side of the unknowns (errors in variables: plain least squares shrinks what
it multiplies) and hides all but a few spectral directions. So the noise is estimated from the pair, taken out of the
normal matrix, and what it leaves undetermined is filled by a prior whose strength the data choose.

Two instruments differ by a gain and an offset per MSI band besides. The gain is the sum of a response that is then
free; the offset drops out of equations that are centred. Both leave the problem convex.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from udaln.errors import InputError
from udaln.estimation.normal_equations import Array, Rows
from udaln.estimation.outliers import squared_residuals, trust
from udaln.estimation.problem import Task, bare, noise_of_bands, with_noise, with_psf_prior, with_srf_prior

RECONSIDERATIONS = 3  # of who is an outlier, once the noise is known
REWEIGHTINGS = 12  # half of them absolute, half of them all or nothing
SETTLED = 1e-2  # a change of a response, against its height
NOTHING = 1e-3  # share of an MSI band's power that is no sign of a gain
ROUNDS = 3  # of noise level → prior → solution; two or three change anything


@dataclass(frozen=True)
class Degradation:
    """What turns the image wanted into the two that were taken.

    Attributes:
        psf: k×k float64, ≥ 0, sums to 1.
        srf: C×c float64, ≥ 0, columns sum to 1, zero outside the support.
        gain: What each MSI band is multiplied with beside the LR-HSI, c; 1 where it is not asked for.
        offset: What is then added to it, in units of the HR-MSI, c; 0 where it is not asked for.
        residual_std: Standard deviation of Y s_j − Z_j p among the trusted LR pixels, in the units of the HR-MSI, c.
        trusted: How much each LR pixel counted: 1, or 0 where its residual is beyond chance, N.
    """

    psf: Tensor
    srf: Tensor
    gain: Tensor
    offset: Tensor
    residual_std: Tensor
    trusted: Tensor


def solve_degradation(
    lr: Tensor,
    windows: Tensor,
    support: Tensor,
    *,
    psf: Tensor | None = None,
    srf: Tensor | None = None,
    gain: bool = False,
    offset: bool = False,
    gaussian: bool = False,
) -> Degradation:
    """The PSF and the SRF of a pair; of noise-free float64 images the true ones, to rounding.

    Everything is calculated in float64 on the CPU. Of N only (N, c) residuals are
    held beyond the arguments, the rest goes block by block.

    Args:
        lr: LR-HSI pixels, (N, C), any dtype.
        windows: The K = k² HR-MSI pixels that the PSF of each of them sees, (N, K, c), in the same units but for gains.
        support: C×c bool, the hyperspectral bands that each MSI band may cover; all of them if nothing is known.
        psf: k×k, if it is known: then it is kept.
        srf: C×c, if it is known: then it is kept.
        gain: Find a gain of each MSI band; 1 of all where one does not rise with what it covers.
        offset: Find an offset of each MSI band.
        gaussian: Take the PSF for a Gaussian; else it is one with what the data say beyond it.

    Returns:
        The estimate.

    Raises:
        InputError: If the sizes do not fit each other.
    """
    _check(lr, windows, support, psf, srf)
    covered = support.cpu().numpy().astype(bool)
    shape = None if srf is None else srf.detach().cpu().double().numpy()
    shape = None if shape is None else shape / shape.sum(0)
    task = Task(covered if shape is None else shape > 0, shape, psf is None, gain, offset, gaussian)
    pixels = windows.shape[1]
    p = np.full(pixels, 1 / pixels) if psf is None else psf.detach().cpu().double().flatten().numpy()
    s = task.support / task.support.sum(0) if shape is None else shape

    trusted, p, s = _without_outliers(lr, windows, task, p / p.sum(), s)
    if gain and not _rising(task.compress(lr, windows, trusted), p, s).all():
        return solve_degradation(lr, windows, support, psf=psf, srf=srf, gain=False, offset=offset, gaussian=gaussian)
    for _ in range(RECONSIDERATIONS):
        rows = task.compress(lr, windows, trusted)
        p, s = _with_priors(rows, task, p, s)
        before, trusted = trusted, trust(lr, windows, rows, p, s)
        if torch.equal(before, trusted):
            break
    if gain and s.sum(0).min() < NOTHING * s.sum(0).max():  # the images have nothing in common
        return solve_degradation(lr, windows, support, psf=psf, srf=srf, gain=False, offset=offset, gaussian=gaussian)
    squares = squared_residuals(lr, windows, rows, p, s, trusted)
    variance = sum((square.T @ weight for square, weight in squares)) / trusted.sum()
    side = round(pixels**0.5)
    sums = s.sum(0)
    return Degradation(
        psf=torch.from_numpy(p).view(side, side),
        srf=torch.from_numpy(s / sums if shape is None else shape),
        gain=torch.from_numpy(sums if gain else np.ones_like(sums)),
        offset=torch.from_numpy(rows.offset(p, s)),
        residual_std=variance.sqrt(),
        trusted=trusted,
    )


def _rising(rows: Rows, p: Array, s: Array) -> NDArray[np.bool_]:
    """Whether each MSI band, c, rises with the bands that it covers by more than nothing."""
    explained, power = ((rows.y @ s) ** 2).sum(0), ((rows.z @ p) ** 2).sum(1)
    return np.asarray((s.sum(0) > 0) & (explained > NOTHING * power))


def _without_outliers(lr: Tensor, windows: Tensor, task: Task, p: Array, s: Array) -> tuple[Tensor, Array, Array]:
    """Least squares alone, reweighted until no residual is beyond chance: trust in each LR pixel, p and S."""
    trusted = torch.ones(len(lr), dtype=torch.float64)
    start = p, s
    for turn in range(REWEIGHTINGS + 1):
        rows = task.compress(lr, windows, trusted)
        p, s = task.solve(bare(rows, task), *start)
        before, trusted = trusted, trust(lr, windows, rows, p, s, absolute=turn < REWEIGHTINGS // 2)
        if torch.equal(before, trusted):
            break
    return trusted, p, s


def _with_priors(rows: Rows, task: Task, p: Array, s: Array) -> tuple[Array, Array]:
    """Noise level → prior → solution, until settled: p and S."""
    problem, noise = bare(rows, task), noise_of_bands(rows)
    for turn in range(ROUNDS):
        problem = with_noise(problem, rows, p, s, noise, first=turn == 0)
        if task.shape is None:
            problem = with_srf_prior(problem, p, s, task)
        if task.move_psf:
            problem = with_psf_prior(problem, p, s, task)
        before = s
        p, s = task.solve(problem, p, s)
        if not (s.sum(0) > 0).all():  # too few LR pixels: the prior has taken a band for unrelated
            return p, before
        if np.abs(s - before).max() <= SETTLED * s.max():
            break
    return p, s


def _check(lr: Tensor, windows: Tensor, support: Tensor, psf: Tensor | None, srf: Tensor | None) -> None:
    pixels, msi_bands = windows.shape[1:]
    side = round(pixels**0.5)
    shapes = {
        "windows": (tuple(windows.shape), (len(lr), side**2, msi_bands)),
        "support": (tuple(support.shape), (lr.shape[1], msi_bands)),
        "PSF": ((side, side) if psf is None else tuple(psf.shape), (side, side)),
        "SRF": (tuple(support.shape) if srf is None else tuple(srf.shape), tuple(support.shape)),
    }
    for name, (shape, expected) in shapes.items():
        if shape != expected:
            raise InputError(f"{name}: expected shape {'×'.join(map(str, expected))}, got {'×'.join(map(str, shape))}")
    if not support.any(0).all():
        raise InputError("support: expected each MSI band to cover a hyperspectral band, got an empty column")
