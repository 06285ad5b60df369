"""Misfit: what the difference between SpeDnet(Y) and SpaDnet(Z) shows beyond noise, and the errors that it tells of."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from udaln.estimation.noise import Noise, noise_edge
from udaln.physics.observation import degraded
from udaln.physics.windows import degrade
from udaln.scene import Scene

ROUNDING = 1e-7  # rounding error of the images [root mean square of a band]
OUTLYING = 1.5  # standard deviations from which on a difference may be ground that has changed
CHANGED = 2.0  # ratio of the outlying differences' variance to the detail's from which on it is
LARGE = 0.03  # ratio of a misfit's variance to the detail's at which it counts twice
SPREAD = 3.0  # up to four LR pixels share a misfit after a resampling


class Misfit(NamedTuple):
    """Covariances of errors that are neither noise nor part of the image wanted.

    Attributes:
        msi: Of the difference between SpeDnet(Y) and SpaDnet(Z), c×c.
        msi_beside_psf: Of what no other PSF explains of it, c×c.
        psf: Of what a wrong PSF adds to the LR-HSI, C×C.
        resampling: Of what the LR-HSI's pixels show if each has a PSF of its own, C×C.
    """

    msi: Tensor
    msi_beside_psf: Tensor
    psf: Tensor
    resampling: Tensor

    @property
    def of_residual(self) -> Tensor:
        """Covariance of the errors in an LR residual, C×C, as if they were independent from LR pixel to LR pixel."""
        return SPREAD * self.resampling + self.psf


def fit_misfit(
    scene: Scene, hr_msi: Tensor, lr_msi: Tensor, psf: Tensor, srf: Tensor, slope: Tensor, noise: Noise, valid: Tensor
) -> Misfit:
    """Estimate the misfit of a pair.

    Args:
        scene: The pair.
        hr_msi: Z, rh×rw×c, in the radiometry of the LR-HSI.
        lr_msi: SpaDnet(Z) at the N valid LR pixels, N×c.
        psf: k×k.
        srf: S, C×c.
        slope: Regression of the LR-HSI on the LR-MSI, c×C.
        noise: Of the pair.
        valid: Mask of the valid LR pixels, h·w bool.
    """
    difference = scene.lr_hsi.flatten(0, 1)[valid].double() @ srf - lr_msi
    expected = srf.T @ (noise.lr_hsi[:, None] ** 2 * srf) + psf.square().sum() * torch.diag(noise.hr_msi**2)
    by_psf = explained_by_psf(difference, hr_msi.double(), scene, psf, valid)
    beside_psf = misfit_covariance(difference - by_psf, expected, lr_msi)
    # Ground that has changed spoils the regression on other PSFs: it must not make a difference larger.
    least = torch.where(by_psf.sign() == difference.sign(), difference - by_psf, difference)
    return Misfit(
        msi=misfit_covariance(difference, expected, lr_msi),
        msi_beside_psf=beside_psf,
        psf=slope.T @ (by_psf.T @ by_psf / len(by_psf)) @ slope,
        resampling=resampling_misfit(
            least, expected.diagonal(), beside_psf.diagonal(), scene, noise.lr_hsi, srf, valid
        ),
    )


def misfit_covariance(difference: Tensor, noise_covariance: Tensor, lr_msi: Tensor) -> Tensor:
    """Covariance, c×c, of the difference between SpeDnet(Y) and SpaDnet(Z) that noise does not explain.

    Only the principal directions count whose variance, in units of the noise, exceeds what noise has by chance.

    Args:
        difference: SpeDnet(Y) − SpaDnet(Z), N×c.
        noise_covariance: Covariance of the noise in the difference, c×c.
        lr_msi: SpaDnet(Z), N×c.
    """
    floor = (ROUNDING * lr_msi.square().mean(0).sqrt()) ** 2
    root = torch.linalg.cholesky(noise_covariance + torch.diag(floor.clamp(min=torch.finfo(torch.float32).tiny)))
    whitened = torch.linalg.solve_triangular(root, difference.T, upper=False)
    power, axes = torch.linalg.eigh(whitened @ whitened.T / len(difference))
    excess = torch.where(power > noise_edge(len(difference), len(power)), power - 1, 0.0)
    directions = root @ axes
    misfit: Tensor = (directions * excess) @ directions.T
    return misfit


def explained_by_psf(difference: Tensor, hr_msi: Tensor, scene: Scene, psf: Tensor, valid: Tensor) -> Tensor:
    """The part of the difference between SpeDnet(Y) and SpaDnet(Z) that another PSF would explain, N×c.

    Another PSF adds, with the same weights in all bands, differences between the HR-MSI blurred at displaced positions
    and at its own position. The difference is regressed on these; the result is reduced by what such a regression
    explains by chance.

    Args:
        difference: SpeDnet(Y) − SpaDnet(Z) at the N valid LR pixels, N×c.
        hr_msi: rh×rw×c.
        scene: For its scale factor and shift.
        psf: k×k.
        valid: Mask of the valid LR pixels, h·w bool.
    """
    step = scene.scale / 2
    displacements = [(round(i * step), round(j * step)) for i in range(-2, 3) for j in range(-2, 3) if i or j]
    down, right = scene.shift
    displaced = [
        degrade(hr_msi, psf, scene.scale, (down + i, right + j)).flatten(0, 1)[valid] for i, j in displacements
    ]
    centred = degraded(scene, hr_msi, psf)[valid]
    level = difference.square().mean(0).sqrt().clamp(min=torch.finfo(torch.float64).tiny)
    design = torch.stack([((blurred - centred) / level).flatten() for blurred in displaced], 1)
    target = (difference / level).flatten()
    weights = torch.linalg.pinv(design, rtol=1e-10) @ target
    explained: Tensor = (design @ weights).view_as(difference)
    share = float(explained.square().sum() / target.square().sum().clamp(min=torch.finfo(torch.float64).tiny))
    by_chance = len(displacements) / len(difference)
    significant = max(0.0, 1 - by_chance / max(share, 1e-12))
    explained = explained * level * significant**0.5
    return explained


def resampling_misfit(
    unexplained: Tensor, noise: Tensor, beyond_noise: Tensor, scene: Scene, lr_noise: Tensor, srf: Tensor, valid: Tensor
) -> Tensor:
    """Covariance, C×C, of what LR pixels show beside the image that is blurred by the PSF, as after a resampling.

    The LR pixels of a resampled LR-HSI have different PSFs. What a wrong PSF adds to an LR pixel grows with the detail
    around it. So the covariance is that of the detail, in all bands, times the ratio of variances that is seen in the
    MSI bands. A large ratio counts more than it is: then the PSF has no meaning. No PSF changes LR pixels by more than
    their detail: those that differ by more show ground that has changed, and do not count.

    Args:
        unexplained: SpeDnet(Y) − SpaDnet(Z) at the N valid LR pixels, without what another PSF explains, N×c.
        noise: Variance of the noise in it, (c,).
        beyond_noise: Variance of it that noise does not explain, by `misfit_covariance`, (c,).
        scene: For its LR-HSI.
        lr_noise: Standard deviation of the LR-HSI's noise, (C,).
        srf: S, C×c.
        valid: Mask of the valid LR pixels, h·w bool.
    """
    detail = local_detail(scene.lr_hsi.double(), valid)
    power = (detail @ srf).square()
    level = power.mean(0).clamp(min=torch.finfo(torch.float64).tiny)
    excess, power = ((part / level).sum(1) for part in (unexplained.square() - noise, power))
    typical = 1.4826 * unexplained.abs().median(0).values  # standard deviation of normal differences
    outlying = (unexplained.abs() > OUTLYING * typical).any(1)
    if excess[outlying].sum() > CHANGED * power[outlying].sum():
        excess, power = excess[~outlying], power[~outlying]
    share = excess.sum().clamp(min=0) / power.sum().clamp(min=torch.finfo(torch.float64).tiny)
    share = torch.minimum(share, (beyond_noise / level).mean())
    seen = detail.T @ detail / len(detail)
    # Noise minus the mean of the 3×3 pixels around has 8/9 of its variance.
    of_noise = 8 / 9 * lr_noise.square().sum() / seen.trace().clamp(min=torch.finfo(torch.float64).tiny)
    share = share * (1 - of_noise).clamp(min=0)
    covariance: Tensor = (1 + (share / LARGE) ** 2) * share * seen
    return covariance


def local_detail(image: Tensor, valid: Tensor) -> Tensor:
    """Valid pixels of an image, h×w×B, minus the mean of the valid ones among the 3×3 around each, N×B.

    Args:
        image: The image.
        valid: h·w bool, with N that are true.
    """
    weight = valid.view(image.shape[:2]).to(image)[..., None]
    total, number = (avg_pool2d(part.permute(2, 0, 1), 3, 1, 1).permute(1, 2, 0) for part in (image * weight, weight))
    return (image - total / number).flatten(0, 1)[valid]
