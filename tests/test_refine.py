"""The fused image made consistent with both images."""

from pathlib import Path

import made_up
import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from udaln.data.simulate import degrade, gaussian_psf, simulate
from udaln.metrics.functional import psnr, sam
from udaln.refine import consistent
from udaln.scene import Known, Scene
from udaln.stages import DegradationStage, Init, Schedule, SpectralStage

SHARED = Path(__file__).parents[2] / "shared" / "data"
REAL = {
    "muufl": ("muufl_gulfport", "srf_worldview2.csv"),
    "jasper": ("jasper_ridge", "srf_sentinel2.csv"),
}


def world(snr=(None, None), size=80, kernel_size=4, psf_width=4.0, seed=0) -> Scene:
    """A pair of a scene of materials in patches, each of its own brightness, too many to tell apart by the MSI."""
    rng = np.random.default_rng(seed)
    cover = np.exp([4 * sum(s * gaussian_filter(rng.normal(size=(size, size)), s) for s in (1.5, 4)) for _ in range(6)])
    cover /= cover.sum(0)
    spectra = 0.2 + gaussian_filter(rng.random((6, 24)), (0, 3)) + 0.1 * rng.random((6, 24))
    centres = np.linspace(3, 20, 4)
    srf = torch.from_numpy(np.exp(-((np.arange(24)[:, None] - centres) ** 2) / 8))
    support = srf > 0.01
    psf = gaussian_psf(kernel_size, 4, psf_width)
    image = torch.from_numpy(np.einsum("khw,kc->hwc", cover, spectra))
    return simulate(image, srf * support, support, psf, 4, snr_hsi=snr[0], snr_msi=snr[1], noise_seed=seed)


def started(scene, network="affine", *, blind=False):
    """Networks as the first two stages start them: the PSF and SRF known or solved, SpeUnet the regression."""
    known = None if blind else Known(scene.truth.psf, scene.truth.srf)
    networks = made_up.networks(scene, len(scene.truth.psf), known, network=network)
    blocks = scene.blocks(networks.kernel_size, torch.float64)
    if blind:
        DegradationStage(networks, Schedule(1e-3, 0, 1, init=Init.convex), 1).start(blocks)
    SpectralStage(networks, Schedule(1e-3, 0, 1, init=Init.regression), 1).start(blocks)
    return networks


def quality(scene, image):
    """PSNR [dB] and SAM [°]."""
    return psnr(image, scene.truth.image).item(), sam(image, scene.truth.image).item()


def errors(scene, image):
    """Largest error of each of the two images that the fused one makes, relative to their largest values."""
    image, psf, srf = image.double(), scene.truth.psf, scene.truth.srf
    low, msi = degrade(image, psf, scene.scale) - scene.lr_hsi, image @ srf - scene.hr_msi
    return (low.abs().max() / scene.lr_hsi.max()).item(), (msi.abs().max() / scene.hr_msi.max()).item()


@pytest.mark.parametrize("network", ["affine", "residual", "paper"])  # the last untrained: it says nothing of use
def test_without_noise_both_images_are_reproduced(network):
    scene = world()
    networks = started(scene, network)
    image = consistent(networks, scene)
    assert image.dtype == torch.float32 and image.shape == scene.truth.image.shape
    assert max(errors(scene, networks.fuse(scene.hr_msi))) > 1e-2
    assert max(errors(scene, image)) < 1e-5
