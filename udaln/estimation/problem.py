"""Stage 1 as a quadratic programme: what is unknown, the noise taken out of it, and the priors on its unknowns."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from torch import Tensor

from udaln.estimation.normal_equations import Array, Rows, compress
from udaln.estimation.outliers import ROUNDING
from udaln.estimation.prior import (
    SIZES,
    SMOOTH,
    evidence,
    pooled_choice,
    precision,
    shape_of_data,
    shape_of_support,
)
from udaln.estimation.psf import gaussian_near, size_of_deviation
from udaln.estimation.quadratic import Mask, Quadratic, minimise, schur_complement

NO_DEVIATION = 1e-4  # of a PSF's height: what a Gaussian may be off


@dataclass(frozen=True)
class Task:
    """What is asked.

    Attributes:
        support: Where S may differ from 0, C×c.
        shape: The responses but for their gains, C×c, where they are known.
        move_psf: Whether the PSF is unknown.
        gain: Whether gains are.
        offset: Whether offsets are.
        gaussian: Whether the PSF is taken for a Gaussian.
    """

    support: Mask
    shape: Array | None
    move_psf: bool
    gain: bool
    offset: bool
    gaussian: bool

    @property
    def move_srf(self) -> bool:
        """Whether anything of the responses is unknown."""
        return self.shape is None or self.gain

    @property
    def gains_alone(self) -> bool:
        """Whether of the responses the gains are all that is unknown."""
        return self.shape is not None and self.gain

    def solve(self, problem: Quadratic, p: Array, s: Array) -> tuple[Array, Array]:
        """The p, K, and S, C×c, that minimise a problem, from a start."""
        moved = {"move_psf": self.move_psf, "move_srf": self.move_srf, "free_sums": self.gain}
        if not self.gains_alone:
            return minimise(problem, p, s, self.support, **moved)
        assert self.shape is not None
        bands = np.eye(s.shape[1], dtype=bool)
        p, gains = minimise(self._of_gains(problem), p, np.diag(s.sum(0)), bands, **moved)
        return p, self.shape * gains.diagonal()

    def information(self, problem: Quadratic) -> Array:
        """What is known of the PSF whatever S is, K×K."""
        if not self.gains_alone:
            return schur_complement(problem, self.support & self.move_srf, free_sums=self.gain)
        return schur_complement(self._of_gains(problem), np.eye(len(problem.weight), dtype=bool), free_sums=True)

    def _of_gains(self, problem: Quadratic) -> Quadratic:
        """The same of the LR-HSI seen through each known response: a gain each is what S then is, a diagonal."""
        assert self.shape is not None
        count = len(problem.weight)
        nothing = np.zeros((count, count))
        return replace(
            problem,
            rows=replace(problem.rows, y=problem.rows.y @ self.shape),
            srf_mean=nothing,
            srf_precision=np.stack([nothing] * count),
        )

    def compress(self, lr: Tensor, windows: Tensor, trusted: Tensor) -> Rows:
        """The equations of LR pixels (N, C) and their windows (N, K, c), as far as they are trusted (N)."""
        return compress(lr, windows, trusted, centred=self.offset)


def bare(rows: Rows, task: Task) -> Quadratic:
    """Least squares alone; where gains are free, of bands in units of their own."""
    (bands, msi_bands), pixels = task.support.shape, rows.z.shape[2]
    power = (rows.z**2).mean((1, 2)) if task.gain else np.ones(msi_bands)
    return Quadratic(
        rows,
        weight=power.mean() / np.maximum(power, np.finfo(float).tiny),
        srf_mean=np.zeros((bands, msi_bands)),
        srf_precision=np.zeros((msi_bands, bands, bands)),
        psf_mean=np.full(pixels, 1 / pixels),
        psf_precision=np.zeros((pixels, pixels)),
    )


def noise_of_bands(rows: Rows) -> Array:
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


def with_noise(problem: Quadratic, raw: Rows, p: Array, s: Array, noise: Array, *, first: bool) -> Quadratic:
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


def with_srf_prior(problem: Quadratic, p: Array, s: Array, task: Task) -> Quadratic:
    """For each band the shape, smoothness and size of deviation that make the data most probable."""
    rows = problem.rows
    gram = rows.y.T @ rows.y
    gains = s.sum(0) if task.gain else np.ones(s.shape[1])  # the responses, less their gains, are what shapes describe
    free = task.gain
    grams = [w * g**2 * gram for w, g in zip(problem.weight, gains, strict=True)]
    crosses = [w * g * (rows.y.T @ (z @ p)) for w, g, z in zip(problem.weight, gains, rows.z, strict=True)]
    shapes = [
        (shape_of_support(column), shape_of_data(gram, cross, column, free_gain=free))
        for gram, cross, column in zip(grams, crosses, task.support.T, strict=True)
    ]
    likely = np.array(
        [
            [[evidence(shape, smooth, gram, cross, free_gain=free) for smooth in SMOOTH] for shape in pair]
            for pair, gram, cross in zip(shapes, grams, crosses, strict=True)
        ]
    )  # band, shape, smoothness, size
    chosen = [
        (pair[kind], SMOOTH[smooth], float(SIZES[size]))
        for pair, (kind, smooth, size) in zip(shapes, pooled_choice(likely), strict=True)
    ]
    mean = np.stack([shape.mean * (not free) for shape, _, _ in chosen], 1)
    precisions = [precision(*choice, free_gain=free) / g**2 for choice, g in zip(chosen, gains, strict=True)]
    return replace(problem, srf_mean=mean, srf_precision=np.stack(precisions))


def with_psf_prior(problem: Quadratic, p: Array, s: Array, task: Task) -> Quadratic:
    """A Gaussian, and as much of what the data say beyond it as they say with confidence."""
    free = replace(problem, psf_precision=np.zeros_like(problem.psf_precision))
    estimate, _ = task.solve(free, p, s)
    information = task.information(free)
    shape = gaussian_near(estimate, information)
    size = size_of_deviation(estimate - shape, information)
    if task.gaussian:
        size = min(size, (NO_DEVIATION * shape.max()) ** 2)
    return replace(problem, psf_mean=shape, psf_precision=np.eye(len(p)) / size)
