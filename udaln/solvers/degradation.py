"""Stage 1 solved: the PSF and the SRF for which SpeDnet(Y) = SpaDnet(Z).

The equation is linear in both together, so with weights ≥ 0 that sum to 1 it is one convex problem. Noise makes it
harder than it looks: that of Y is on the side of the unknowns (errors in variables: plain least squares shrinks what
it multiplies) and hides all but a few spectral directions. So the noise is estimated from the pair, taken out of the
normal matrix, and what it leaves undetermined is filled by a prior whose strength the data choose.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy.stats import chi2
from torch import Tensor

from udaln.errors import InputError
from udaln.solvers.prior import (
    SIZES,
    SMOOTH,
    evidence,
    gaussian_near,
    pooled_choice,
    precision,
    shape_of_data,
    shape_of_support,
    size_of_deviation,
)
from udaln.solvers.quadratic import Array, Mask, Quadratic, Rows, compress, minimise, schur_complement

RECONSIDERATIONS = 3  # of who is an outlier, once the noise is known
REWEIGHTINGS = 12  # half of them absolute, half of them all or nothing
CHANCE = 0.01  # that a pair free of outliers is reweighted
BLOCK = 1 << 13  # LR pixels at a time, to bound memory
ROUNDING = 1e-11  # of an image, against its values
SETTLED = 1e-2  # a change of a response, against its height
ROUNDS = 3  # of noise level → prior → solution; two or three change anything


@dataclass(frozen=True)
class Degradation:
    """What turns the image wanted into the two that were taken.

    Attributes:
        psf: k×k float64, ≥ 0, sums to 1.
        srf: C×c float64, ≥ 0, columns sum to 1, zero outside the support.
        residual_std: Standard deviation of Y s_j − Z_j p among the trusted LR pixels, in the units of the images, c.
        deviation: How far from its assumed shape the data let each response go, relative to its height, c.
        trusted: How much each LR pixel counted: 1, or 0 where its residual is beyond chance, N.
    """

    psf: Tensor
    srf: Tensor
    residual_std: Tensor
    deviation: Tensor
    trusted: Tensor


@dataclass(frozen=True)
class _Task:
    """What is asked: where S may differ from 0, and which of the two is unknown."""

    support: Mask
    move_psf: bool
    move_srf: bool

    def solve(self, problem: Quadratic, p: Array, s: Array) -> tuple[Array, Array]:
        return minimise(problem, p, s, self.support, move_psf=self.move_psf, move_srf=self.move_srf)


def solve_degradation(
    lr: Tensor, windows: Tensor, support: Tensor, *, psf: Tensor | None = None, srf: Tensor | None = None
) -> Degradation:
    """The PSF and the SRF of a pair; of noise-free float64 images the true ones, to rounding.

    Everything is calculated in float64 on the CPU. Of N only (N, c) residuals are
    held beyond the arguments, the rest goes block by block.

    Args:
        lr: LR-HSI pixels, (N, C), any dtype.
        windows: The K = k² HR-MSI pixels that the PSF of each of them sees, (N, K, c), in the same units.
        support: C×c bool, the hyperspectral bands that each MSI band may cover; all of them if nothing is known.
        psf: k×k, if it is known: then it is kept.
        srf: C×c, if it is known: then it is kept.

    Returns:
        The estimate.

    Raises:
        InputError: If the sizes do not fit each other.
    """
    _check(lr, windows, support, psf, srf)
    task = _Task(support.cpu().numpy().astype(bool), psf is None, srf is None)
    pixels = windows.shape[1]
    p = np.full(pixels, 1 / pixels) if psf is None else psf.detach().cpu().double().flatten().numpy()
    s = task.support / task.support.sum(0) if srf is None else srf.detach().cpu().double().numpy()

    trusted, p, s = _without_outliers(lr, windows, task, p / p.sum(), s / s.sum(0))
    for _ in range(RECONSIDERATIONS):
        p, s, deviation = _with_priors(compress(lr, windows, trusted), task, p, s)
        before, trusted = trusted, _trust(lr, windows, p, s)
        if torch.equal(before, trusted):
            break
    variance = sum((square.T @ weight for square, weight in _squares(lr, windows, p, s, trusted))) / trusted.sum()
    side = round(pixels**0.5)
    return Degradation(
        torch.from_numpy(p).view(side, side),
        torch.from_numpy(s),
        variance.sqrt(),
        torch.from_numpy(deviation),
        trusted,
    )


def _without_outliers(lr: Tensor, windows: Tensor, task: _Task, p: Array, s: Array) -> tuple[Tensor, Array, Array]:
    """Least squares alone, reweighted until no residual is beyond chance: trust in each LR pixel, p and S."""
    trusted = torch.ones(len(lr), dtype=torch.float64)
    start = p, s
    for turn in range(REWEIGHTINGS + 1):
        p, s = task.solve(_bare(compress(lr, windows, trusted), task.support), *start)
        before, trusted = trusted, _trust(lr, windows, p, s, absolute=turn < REWEIGHTINGS // 2)
        if torch.equal(before, trusted):
            break
    return trusted, p, s


def _with_priors(rows: Rows, task: _Task, p: Array, s: Array) -> tuple[Array, Array, Array]:
    """Noise level → prior → solution, until settled: p, S and the size of the deviations."""
    problem, noise = _bare(rows, task.support), _noise_of_bands(rows)
    deviation = np.zeros(s.shape[1])
    for turn in range(ROUNDS):
        problem = _with_noise(problem, rows, p, s, noise, first=turn == 0)
        if task.move_srf:
            problem, deviation = _with_srf_prior(problem, p, task.support)
        if task.move_psf:
            problem = _with_psf_prior(problem, p, s, task)
        before = s
        p, s = task.solve(problem, p, s)
        if np.abs(s - before).max() <= SETTLED * s.max():
            break
    return p, s, deviation


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


def _squares(
    lr: Tensor, windows: Tensor, p: Array, s: Array, weights: Tensor | None = None
) -> Iterator[tuple[Tensor, Tensor]]:
    """Squared residuals (n, c), block by block, and the weights (n) of the block's LR pixels."""
    psf, srf = torch.from_numpy(p), torch.from_numpy(s)
    for start in range(0, len(lr), BLOCK):
        part = slice(start, start + BLOCK)
        error = torch.einsum("nkj,k->nj", windows[part].cpu().double(), psf) - lr[part].cpu().double() @ srf
        yield error**2, torch.ones(len(error)).double() if weights is None else weights[part]


def _trust(lr: Tensor, windows: Tensor, p: Array, s: Array, *, absolute: bool = False) -> Tensor:
    """How much each LR pixel counts, N: 1 wherever its residual is not beyond what chance allows, else 0.

    With ``absolute``, if any is: 1/|residual| instead (least absolute deviations, which outliers cannot draw far).
    """
    squares = torch.cat([square for square, _ in _squares(lr, windows, p, s)])
    power = float(torch.linalg.vector_norm(lr, dtype=torch.float64)) ** 2 / lr.numel() * ROUNDING**2
    squares = (squares / (squares.median(0).values + power)).mean(1)
    middle = squares.median()
    freedom = _degrees_of_freedom(squares.numpy(), s.shape[1])
    limit = middle * float(chi2.isf(CHANCE / len(lr), freedom) / chi2.ppf(0.5, freedom))
    if not (squares > limit).any():
        return torch.ones_like(squares)
    return (middle / squares).sqrt().clamp(max=1.0) if absolute else (squares <= limit).double()


def _degrees_of_freedom(squares: Array, most: int) -> float:
    """Of the χ² whose quartiles are as far apart as those seen: bands share noise, and pixels differ in it."""
    low, high = np.quantile(squares, [0.25, 0.75])
    tried = np.linspace(1, most, 8 * most)
    spread = chi2.ppf(0.75, tried) / chi2.ppf(0.25, tried)
    return float(tried[np.abs(spread - high / max(low, np.finfo(float).tiny)).argmin()])


def _bare(rows: Rows, support: Mask) -> Quadratic:
    """Least squares alone."""
    (bands, msi_bands), pixels = support.shape, rows.z.shape[2]
    return Quadratic(
        rows,
        weight=np.ones(msi_bands),
        srf_mean=np.zeros((bands, msi_bands)),
        srf_precision=np.zeros((msi_bands, bands, bands)),
        psf_mean=np.full(pixels, 1 / pixels),
        psf_precision=np.zeros((pixels, pixels)),
    )


def _noise_of_bands(rows: Rows) -> Array:
    """Variance of the noise of Y by band: what the other bands do not explain (Bioucas-Dias and Nascimento, 2008)."""
    gram = rows.y.T @ rows.y
    bands = len(gram)
    others = min(bands - 1, int(rows.count // 2))
    small = _triangular(rows.y) if len(rows.y) > bands else rows.y
    out = np.empty(bands)
    for b in range(bands):
        first = min(max(b - others // 2, 0), bands - 1 - others)
        near = np.setdiff1d(np.arange(first, first + others + 1), [b])
        last = _triangular(small[:, [*near, b]])[-1, -1]
        out[b] = last**2 / max(rows.count - others, 1)
    return np.maximum(out, gram.diagonal() / rows.count * 1e-16 + np.finfo(float).tiny)


def _triangular(matrix: Array) -> Array:
    return np.asarray(np.linalg.qr(matrix, mode="r"))


def _with_noise(problem: Quadratic, raw: Rows, p: Array, s: Array, noise: Array, *, first: bool) -> Quadratic:
    """Y replaced by the best linear estimate of what it is without noise, and weights for what remains.

    The share of the noise estimate is what the equations' residuals allow: a reference image's own noise is in both
    images, and no noise here. Regressing on the estimate is unbiased (regression calibration: Carroll et al., 2006).
    """
    gram = raw.y.T @ raw.y
    used = (s > 0).sum(0) + len(p) / s.shape[1] if first else 0
    left = np.maximum(raw.count - used, 1)
    power = np.einsum("aj,ab,bj->j", s, gram, s) / raw.count
    least = np.maximum(power * ROUNDING**2, np.finfo(float).tiny)
    variance = (raw.residuals(p, s) ** 2).sum(1) / left
    share = min(1.0, float(np.median(variance / (noise @ s**2))))
    deviation = np.sqrt(noise)
    value, vector = np.linalg.eigh(gram / np.outer(deviation, deviation))
    level = raw.count * share
    lost = level / np.maximum(value, max(level, np.finfo(float).tiny))
    y = raw.y - (raw.y / deviation) @ (vector * lost) @ vector.T * deviation
    rows = replace(raw, y=y)
    variance = np.maximum((rows.residuals(p, s) ** 2).sum(1) / left, least)
    return replace(problem, rows=rows, weight=1 / variance)


def _with_srf_prior(problem: Quadratic, p: Array, support: Mask) -> tuple[Quadratic, Array]:
    """For each band the shape, smoothness and size of deviation that make the data most probable; and the sizes."""
    rows = problem.rows
    gram = rows.y.T @ rows.y
    grams = [w * gram for w in problem.weight]
    crosses = [w * (rows.y.T @ (z @ p)) for w, z in zip(problem.weight, rows.z, strict=True)]
    shapes = [
        (shape_of_support(column), shape_of_data(gram, cross, column))
        for gram, cross, column in zip(grams, crosses, support.T, strict=True)
    ]
    likely = np.array(
        [
            [[evidence(shape, smooth, gram, cross) for smooth in SMOOTH] for shape in pair]
            for pair, gram, cross in zip(shapes, grams, crosses, strict=True)
        ]
    )  # band, shape, smoothness, size
    chosen = [
        (pair[kind], SMOOTH[smooth], float(SIZES[size]))
        for pair, (kind, smooth, size) in zip(shapes, pooled_choice(likely), strict=True)
    ]
    mean = np.stack([shape.mean for shape, _, _ in chosen], 1)
    precisions = np.stack([precision(*choice) for choice in chosen])
    return replace(problem, srf_mean=mean, srf_precision=precisions), np.array([size for _, _, size in chosen])


def _with_psf_prior(problem: Quadratic, p: Array, s: Array, task: _Task) -> Quadratic:
    """A Gaussian, and as much of what the data say beyond it as they say with confidence."""
    free = replace(problem, psf_precision=np.zeros_like(problem.psf_precision))
    estimate, _ = task.solve(free, p, s)
    information = schur_complement(free, task.support & task.move_srf)
    shape = gaussian_near(estimate, information)
    size = size_of_deviation(estimate - shape, information)
    return replace(problem, psf_mean=shape, psf_precision=np.eye(len(p)) / size)
