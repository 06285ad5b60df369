"""HySure (Simões, Bioucas-Dias, Almeida and Chanussot, IEEE TGRS 53(6), 2015).

The image is X = U·Eᵀ, with few endmembers in the columns of E and coefficients U. These minimise

    ½ ‖Y − (U through the PSF) · Eᵀ‖² + λₘ/2 ‖Z − U · Eᵀ · SRF‖² + λ Σ_n √(Σ_p (Dₕ U)²_np + (Dᵥ U)²_np).

The last term is the vector total variation: edges lie in the same place in all coefficients. It is solved by SALSA, an
alternating direction method of multipliers, with U through the PSF, U, Dₕ U and Dᵥ U as split variables.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from udaln.methods.base import Method, Model, StageRecord, Training
from udaln.methods.classical.blur import Blur
from udaln.methods.classical.limits import check_least, check_positive
from udaln.methods.classical.observed import Observed
from udaln.methods.classical.progress import Progress, steps, unseen
from udaln.methods.classical.solver import Solver
from udaln.methods.classical.vca import largest_simplex
from udaln.physics.degradation import Degradation
from udaln.scene import Scene

PADDING = 2  # LR pixels in which the image is mirrored on each side: the transforms join opposite sides


@dataclass
class Settings:
    """The published settings.

    Attributes:
        endmembers: Dimension of the subspace; never more than the LR-HSI has bands.
        tries: Runs of vertex component analysis, of which the largest simplex is taken.
        msi_weight: λₘ, how much the HR-MSI counts.
        smoothness: λ, weight of the total variation.
        penalty: μ, of the splitting.
        iterations: Of the solver.
    """

    name: str = "hysure"
    endmembers: int = 10
    tries: int = 20
    msi_weight: float = 1.0
    smoothness: float = 5e-4
    penalty: float = 0.05
    iterations: int = 200


class VectorTotalVariation(Solver):
    """The endmembers; the coefficients are solved for each scene.

    Its image depends on all of a scene, though little on what is far.

    Args:
        degradation: Of the pair.
        settings: Of the method.

    Attributes:
        endmembers: E, C×p float64.
    """

    local: ClassVar[bool] = False
    endmembers: Tensor

    def __init__(self, degradation: Degradation, settings: Settings) -> None:
        super().__init__(degradation)
        self.settings = settings
        bands = degradation.support.shape[0]
        count = min(settings.endmembers, bands)
        self.register_buffer("endmembers", torch.ones(bands, count, dtype=torch.float64))

    @property
    def margin(self) -> int:
        """LR pixels beyond which little changes."""
        return 4

    def solve(self, pair: Observed, progress: Progress) -> Tensor:
        """Coefficients by SALSA."""
        coefficients = smooth_coefficients(pair.mirrored(PADDING), self.endmembers, self.settings, progress)
        rows, columns = (slice(PADDING * pair.scale, PADDING * pair.scale + side) for side in pair.hr_msi.shape[:2])
        return coefficients[:, rows, columns].permute(1, 2, 0) @ self.endmembers.T


class HySure(Method):
    """Convex: coefficients of few endmembers, whose edges lie in the same places."""

    name: ClassVar[str] = "hysure"
    Settings = Settings

    def check(self, devices: int = 1) -> None:
        """Refuse numbers that are too small."""
        check_least(self.settings, endmembers=1, tries=1, iterations=1, msi_weight=0, smoothness=0)
        check_positive(self.settings, "penalty")

    def model(self, degradation: Degradation) -> VectorTotalVariation:
        """Endmembers that are not known yet."""
        return VectorTotalVariation(degradation, self.settings)

    @torch.no_grad()
    def fit(self, model: Model, scene: Scene, training: Training) -> Sequence[StageRecord]:
        """Find the endmembers."""
        assert isinstance(model, VectorTotalVariation)
        spectra = Observed.of(scene, model.degradation).lr_hsi.flatten(0, 1)
        generator = torch.Generator().manual_seed(training.seed)
        count = model.endmembers.shape[1]
        model.endmembers.copy_(largest_simplex(spectra, count, generator, self.settings.tries))
        return []


def smooth_coefficients(pair: Observed, endmembers: Tensor, settings: Settings, progress: Progress = unseen) -> Tensor:
    """The coefficients U, p×H×W, of a pair.

    Args:
        pair: Of which the image goes on at the opposite side.
        endmembers: E, C×p.
        settings: Of the method.
        progress: Is called with the share of the work that is done.
    """
    blur, mu, r = Blur.of(pair), settings.penalty, pair.scale
    seen = pair.srf.T @ endmembers
    identity = torch.eye(endmembers.shape[1]).to(endmembers)
    by_y = torch.linalg.inv(endmembers.T @ endmembers + mu * identity)
    by_z = torch.linalg.inv(settings.msi_weight * seen.T @ seen + mu * identity)
    from_y = torch.einsum("qp,bp,hwb->qhw", by_y, endmembers, pair.lr_hsi)
    from_z = settings.msi_weight * torch.einsum("qp,bp,hwb->qhw", by_z, seen, pair.hr_msi)
    inverse = 1 / (blur.transfer.abs().square() + 1 + _difference_power(blur.sides).to(endmembers))

    blurred, plain, down, across = (pair.hr_msi.new_zeros(len(identity), *blur.sides) for _ in range(4))
    duals = [torch.zeros_like(blurred) for _ in range(4)]
    coefficients = plain
    for _ in steps(settings.iterations, progress):
        targets = [split + dual for split, dual in zip((blurred, plain, down, across), duals, strict=True)]
        direct = targets[1] + _differences_adjoint(targets[2], targets[3])
        spectrum = inverse * (blur.transfer.conj() * blur.spectrum(targets[0]) + blur.spectrum(direct))
        coefficients = blur.image(spectrum)
        seen_by_splits = [blur.image(blur.transfer * spectrum), coefficients, *_differences(coefficients)]

        wanted = [image - dual for image, dual in zip(seen_by_splits, duals, strict=True)]
        blurred = wanted[0].clone()
        blurred[:, ::r, ::r] = from_y + mu * torch.einsum("qp,phw->qhw", by_y, wanted[0][:, ::r, ::r])
        plain = from_z + mu * torch.einsum("qp,phw->qhw", by_z, wanted[1])
        down, across = _shrunk(wanted[2], wanted[3], settings.smoothness / mu)
        for dual, split, image in zip(duals, (blurred, plain, down, across), seen_by_splits, strict=True):
            dual += split - image
    return coefficients


def objective(pair: Observed, endmembers: Tensor, coefficients: Tensor, settings: Settings) -> Tensor:
    """What the coefficients minimise."""
    image = torch.einsum("bp,phw->hwb", endmembers, coefficients)
    blurred = Blur.of(pair).degraded(coefficients)
    misfit = (pair.lr_hsi - torch.einsum("bp,phw->hwb", endmembers, blurred)).square().sum()
    msi_misfit = (pair.hr_msi - image @ pair.srf).square().sum()
    variation = torch.cat(_differences(coefficients)).square().sum(0).sqrt().sum()
    return misfit / 2 + settings.msi_weight * msi_misfit / 2 + settings.smoothness * variation


def _differences(image: Tensor) -> tuple[Tensor, Tensor]:
    """From each pixel to the one below and to the one at its right."""
    return image.roll(-1, -2) - image, image.roll(-1, -1) - image


def _differences_adjoint(down: Tensor, across: Tensor) -> Tensor:
    return down.roll(1, -2) - down + across.roll(1, -1) - across


def _difference_power(sides: tuple[int, int]) -> Tensor:
    """Power of the transfer functions of both differences, as `torch.fft.rfft2` orders it."""
    rows, columns = torch.fft.fftfreq(sides[0]).double(), torch.fft.rfftfreq(sides[1]).double()
    return 4 * torch.sin(torch.pi * rows)[:, None] ** 2 + 4 * torch.sin(torch.pi * columns) ** 2


def _shrunk(down: Tensor, across: Tensor, threshold: float) -> tuple[Tensor, Tensor]:
    """Shorten, by a threshold, the vector of all differences at each pixel."""
    length = (down.square() + across.square()).sum(0).sqrt()
    factor = (1 - threshold / length.clamp(min=1e-300)).clamp(min=0)
    return factor * down, factor * across
