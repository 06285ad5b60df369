"""Methods fitted to scenes that are made for them, with the PSF known."""

from dataclasses import replace

import torch
from scipy.ndimage import gaussian_filter

from udaln.experiment.presets import method_preset
from udaln.methods.base import Training
from udaln.physics.degradation import Degradation
from udaln.physics.simulation import gaussian_psf
from udaln.physics.windows import degrade
from udaln.scene import Known, Scene, Truth


def textured(side=40, bands=3, seed=0):
    """Smooth random fields, independent from band to band, between about 0.2 and 0.8; side×side×bands float64."""
    noise = torch.randn(side, side, bands, generator=torch.Generator().manual_seed(seed)).double().numpy()
    fields = torch.from_numpy(gaussian_filter(noise, (1.5, 1.5, 0)))
    return 0.5 + 0.1 * (fields - fields.mean((0, 1))) / fields.std((0, 1))


def pair(image, hr_msi, scale=4, psf=None):
    """The pair of an image and of an HR-MSI that need not be a part of it."""
    psf = gaussian_psf(scale, scale, scale) if psf is None else psf
    support = torch.ones(image.shape[2], hr_msi.shape[2], dtype=torch.bool)
    return Scene(degrade(image, psf, scale), hr_msi, support, known=Known(psf=psf), truth=Truth(image=image, psf=psf))


def fitted(name, scene, **settings):
    """A model with the scene's known PSF. The SRF stays where it begins, since none of the simple methods needs it."""
    method, _ = method_preset(name, settings=settings)
    known = replace(scene.known, srf=None)
    model = method.model(
        Degradation(scale=scene.scale, kernel_size=len(known.psf), support=scene.support, unit=scene.unit, known=known)
    )
    method.fit(model, scene, Training())
    return model
