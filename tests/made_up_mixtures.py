"""Scenes that a few smooth spectra make up exactly, and real ones, for the classical methods."""

import numpy as np
import pytest
import scipy.io
import torch
from places import SHARED
from scipy.ndimage import gaussian_filter

from udaln.experiment.fusion import fit
from udaln.experiment.preparation import FusionOptions, align
from udaln.experiment.presets import instruments_preset, method_preset
from udaln.methods.base import Training
from udaln.metrics.functional import psnr
from udaln.physics.interpolation import interpolate
from udaln.physics.simulation import gaussian_psf, simulate


def mixtures(side=32, bands=24, msi_bands=4, materials=3, scale=4, kernel_size=None, seed=0, **noise):
    """Smooth abundances that sum to one, of smooth spectra; each material has some LR pixels of its own."""
    rng = np.random.default_rng(seed)
    fields = np.stack([gaussian_filter(rng.normal(size=(side, side)), 2.0, mode="wrap") for _ in range(materials)], -1)
    abundances = np.exp(4 * fields / fields.std())
    abundances /= abundances.sum(-1, keepdims=True)
    for material in range(materials):  # pure ones in a corner
        abundances[:scale, material * scale : (material + 1) * scale] = np.eye(materials)[material]
    at = np.linspace(0, 1, bands)
    spectra = 0.4 + 0.3 * np.sin(rng.uniform(2, 7, (materials, 1)) * at + rng.uniform(0, 6, (materials, 1)))
    image = torch.from_numpy(abundances @ spectra)
    return simulate(
        image, box_srf(bands, msi_bands), box_srf(bands, msi_bands) > 0, wide_psf(scale, kernel_size), scale, **noise
    )


def box_srf(bands, msi_bands):
    srf = torch.zeros(bands, msi_bands, dtype=torch.float64)
    for j, part in enumerate(torch.arange(bands).tensor_split(msi_bands)):
        srf[part, j] = 1 / len(part)
    return srf


def wide_psf(scale, kernel_size=None):
    return gaussian_psf(kernel_size or scale, scale, scale)


def muufl(scale=5, **noise):
    """MUUFL Gulfport through WorldView-2's responses; the test is skipped where it is not there."""
    folder = SHARED / "muufl_gulfport"
    if not folder.is_dir():
        pytest.skip("needs shared/data/muufl_gulfport beside the repository")
    reference = torch.from_numpy(scipy.io.loadmat(folder / "REF.mat")["REF"])
    srf = torch.from_numpy(np.loadtxt(folder / "srf_worldview2.csv", delimiter=",", skiprows=1)[:, 1:])
    return simulate(reference, srf, srf > 0, gaussian_psf(scale, scale, scale), scale, **noise)


def fitted(name, scene, known=True, **settings):
    """A fitted model of a method, with known PSF and SRF or estimated ones; and the aligned scene."""
    method, _ = method_preset(name, None, settings)
    alike = instruments_preset("alike")
    options = FusionOptions(method, False, alike, known_psf=known, known_srf=known, progress=False)
    pair = align(scene, options)
    return fit(pair, options, Training()), pair.scene


def quality(name, scene, known=True, **settings):
    """PSNR of a method's image [dB], and that of the bicubic interpolation of the LR-HSI."""
    model, scene = fitted(name, scene, known, **settings)
    interpolated = interpolate(scene.lr_hsi, scene.scale)
    return tuple(psnr(scene.truth.image, image.float()).item() for image in (model.fuse(scene).image, interpolated))
