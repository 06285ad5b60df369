"""Displacement of the LR-HSI against the HR-MSI that varies over the pair, as that of two registered products does."""

from __future__ import annotations

from itertools import product
from typing import NamedTuple

import numpy as np
import torch
from scipy.stats import wilcoxon
from torch import Tensor

from udaln.estimation.arrays import Array
from udaln.estimation.candidate import Candidate
from udaln.estimation.degradation import DegradationEstimate
from udaln.estimation.nesting import without_displacement
from udaln.estimation.registration import Registration
from udaln.estimation.selection import FormSearch
from udaln.physics.interpolation import interpolate
from udaln.physics.observation import degraded, gradients, usable_lr_pixels
from udaln.scene import Known, Scene

PASSES = 4  # of displacement and degradation in turn
PLOTS = 100  # about as many plots are compared
SMALLEST_PLOT, LARGEST_PLOT = 5, 16  # side of a plot [LR pixels]
FEWEST_PLOTS = 9
FULL = 0.5  # share of the LR pixels of a plot that must be usable
VAGUE = 100.0  # prior variance of the coefficients of an affine field [square HR pixels]
RANGES = (0.1, 0.2, 0.4)  # of the smooth part of a field [longer side of the pair]
STEPS = (0.0, 0.1, 0.3, 1.0)  # standard deviation of the smooth part [HR pixels]
NUGGETS = (0.0, 0.03, 0.1, 0.3)  # that of errors of plots beyond what their residuals tell [HR pixels]
EXACT = 1e-3  # error of a plot's displacement, at least [HR pixels]
ROUNDING = 1e-6  # of an image, relative to its root mean square; errors are not taken for smaller ones
OUTLYING = 3.0  # size of a residual, in medians of its band, from which on it counts less than half
SIGNIFICANT = 3.0  # by how many standard errors a field must predict the plots that are left out better
LEVEL = 0.01  # of the signed-rank test of the same
SMALLEST = 0.05  # root mean square of a field that matters [HR pixels]


def varying_displacement(best: Candidate, place: Registration, known: Known) -> Tensor | None:
    """The displacement of the LR-HSI against the HR-MSI where it varies over the pair; None if it does not.

    The degradation that is estimated from displaced images is blurred by that. So displacement and degradation are
    estimated in turn.

    Args:
        best: The degradation if it does not vary.
        place: Where the LR-HSI lies.
        known: What is known of the sensors and kept.

    Returns:
        Beyond the shift of the windows, down and to the right, 2×H×W float64 [HR pixels].
    """
    scene, found, field, displacement = best.scene, best, None, None
    sides = scene.lr_hsi.shape[:2]
    centres = np.indices(sides, float).reshape(2, -1).T
    for _ in range(PASSES):
        plots = plots_of(found.scene, found.estimate)
        if field is not None:
            plots = plots._replace(found=plots.found + field.at(plots.places))
        field = fit_field(plots, max(sides))
        if field is None:
            break
        at_lr = torch.from_numpy(field.at(centres)).view(*sides, 2)
        displacement = interpolate(at_lr, scene.scale, scene.shift).movedim(-1, 0)
        found = FormSearch(without_displacement(scene, displacement), place, known).candidate(found.form)
    return displacement


class Plots(NamedTuple):
    """Displacements of n plots.

    Attributes:
        places: Centres of the plots, down and to the right [LR pixels], n×2.
        found: Displacements, down and to the right [HR pixels], n×2.
        information: Inverse covariances of their errors, n×2×2.
    """

    places: Array
    found: Array
    information: Array


def plots_of(scene: Scene, estimate: DegradationEstimate) -> Plots:
    """The displacement that explains most of what the two images of a pair differ by, plot by plot.

    A displacement adds the gradient of the degraded HR-MSI to it. It is estimated by robust least squares.

    Args:
        scene: The pair.
        estimate: Its degradation, in network units.
    """
    psf, hr_msi = estimate.psf, scene.hr_msi.double() / scene.msi_unit
    seen = scene.lr_hsi.flatten(0, 1).double() / scene.unit @ (estimate.srf * estimate.gain) + estimate.offset
    errors = (seen - degraded(scene, hr_msi, psf)).numpy()
    rows, columns = scene.lr_hsi.shape[:2]
    side = int(np.clip(round((rows * columns / PLOTS) ** 0.5), SMALLEST_PLOT, LARGEST_PLOT))
    slopes = -gradients(scene, hr_msi, psf).numpy()
    usable = usable_lr_pixels(scene, psf).numpy().reshape(rows, columns)
    rounding = ROUNDING * hr_msi.square().mean((0, 1)).sqrt().numpy()
    level = np.maximum(np.median(np.abs(errors[usable.ravel()]), 0), rounding)
    weight = 1 / (1 + (errors / (OUTLYING * level)) ** 2) / level**2
    places: list[list[float]] = []
    found: list[Array] = []
    information: list[Array] = []
    down, right = (np.array_split(np.arange(length), max(1, round(length / side))) for length in (rows, columns))
    for block in product(down, right):
        within = np.zeros_like(usable)
        within[np.ix_(*block)] = usable[np.ix_(*block)]
        if within.sum() < FULL * len(block[0]) * len(block[1]):
            continue
        g, e, w = slopes[:, within.ravel()], errors[within.ravel()], weight[within.ravel()]
        moments, products = np.einsum("anc,nc,nc->a", g, e, w), np.einsum("anc,bnc,nc->ab", g, g, w)
        if np.linalg.cond(products) > 1e6:
            continue
        step = np.linalg.solve(products, moments)
        left = e - np.einsum("anc,a->nc", g, step)
        variance = max(ROUNDING, (w * left**2).sum() / (len(e) - 2))  # as if the bands' errors were the same
        places.append([along.mean() for along in block])
        found.append(step)
        information.append(np.linalg.inv(variance * np.linalg.inv(products) + EXACT**2 * np.eye(2)))
    return Plots(
        np.array(places).reshape(-1, 2), np.array(found).reshape(-1, 2), np.array(information).reshape(-1, 2, 2)
    )


class Prior(NamedTuple):
    """What a field may be like, the same down and to the right.

    Attributes:
        length: Longer side of the pair [LR pixels].
        affine: Whether it may have an affine part; otherwise it is constant beyond its smooth part.
        reach: Range of the smooth part [LR pixels].
        step: Standard deviation of the smooth part [HR pixels].
        nugget: That of errors of the plots beyond those that their residuals tell [HR pixels].
    """

    length: float
    affine: bool = True
    reach: float = 1.0
    step: float = 0.0
    nugget: float = 0.0

    def covariance(self, one: Array, other: Array) -> Array:
        """Covariance of the displacements at places n×2 and m×2, n×m."""
        apart = ((one[:, None] - other) ** 2).sum(2)
        slope = one @ other.T / self.length**2 if self.affine else 0.0
        return np.asarray(VAGUE * (1 + slope) + self.step**2 * np.exp(-apart / (2 * self.reach**2)))


class Field(NamedTuple):
    """A field of displacements: the mean of a Gaussian process given those of plots, an affine part and a smooth one.

    Attributes:
        places: Centres of the plots [LR pixels], n×2.
        weights: Of the covariances with the displacements of the plots, n×2.
        prior: The process.
    """

    places: Array
    weights: Array
    prior: Prior

    def at(self, places: Array) -> Array:
        """The displacements at places n×2 [LR pixels], n×2 [HR pixels]."""
        return np.asarray(self.prior.covariance(places, self.places) @ self.weights)


def fit_field(plots: Plots, length: int) -> Field | None:
    """The most probable field; None if it does not predict the plots that are left out better than a constant does.

    Args:
        plots: Displacements of plots.
        length: Longer side of the pair [LR pixels].
    """
    if len(plots.found) < FEWEST_PLOTS:
        return None
    priors = [
        Prior(length, reach=reach * length, step=step, nugget=nugget)
        for reach, step, nugget in product(RANGES, STEPS, NUGGETS)
        if step or reach == RANGES[0]
    ]
    prior = max(priors, key=lambda prior: _evidence(plots, prior))
    constants = [Prior(length, affine=False, nugget=nugget) for nugget in NUGGETS]
    constant = max(constants, key=lambda prior: _evidence(plots, prior))
    gained = _misfit(plots, constant) - _misfit(plots, prior)
    error = gained.std(ddof=1) / len(gained) ** 0.5
    if gained.mean() <= SIGNIFICANT * error or wilcoxon(gained, alternative="greater").pvalue > LEVEL:
        return None
    weights = np.asarray(np.linalg.solve(_total(plots, prior), plots.found.ravel()), float)
    field = Field(plots.places, weights.reshape(-1, 2), prior)
    varying = field.at(plots.places)
    varying = varying - varying.mean(0)
    return field if np.sqrt((varying**2).sum(1).mean()) > SMALLEST else None


def _total(plots: Plots, prior: Prior) -> Array:
    """Covariance of the displacements of plots, 2n×2n."""
    n = len(plots.found)
    total = np.einsum("ij,ab->iajb", prior.covariance(plots.places, plots.places), np.eye(2))
    errors = np.linalg.inv(plots.information) + prior.nugget**2 * np.eye(2)
    total[np.arange(n), :, np.arange(n)] += errors
    return np.asarray(total.reshape(2 * n, 2 * n), float)


def _evidence(plots: Plots, prior: Prior) -> float:
    """Logarithm of the probability of the displacements of plots, but for a constant."""
    lower = np.linalg.cholesky(_total(plots, prior))
    whitened = np.linalg.solve(lower, plots.found.ravel())
    return float(-0.5 * (whitened @ whitened) - np.log(lower.diagonal()).sum())


def _misfit(plots: Plots, prior: Prior) -> Array:
    """Misfit of each plot to what the others predict, in units of its error, (n,)."""
    n = len(plots.found)
    inverse = np.linalg.inv(_total(plots, prior))
    blocks = inverse.reshape(n, 2, n, 2)[np.arange(n), :, np.arange(n)]
    left = np.linalg.solve(blocks, (inverse @ plots.found.ravel()).reshape(n, 2, 1))[..., 0]
    return np.asarray(np.einsum("na,nab,nb->n", left, plots.information, left))
