"""Real scenes beside the repository, degraded by Wald's protocol; a test that asks for one is skipped without it."""

from functools import cache

import numpy as np
import pytest
import scipy.io
import torch
from places import SHARED

import udaln
from udaln.metrics import ergas, psnr, sam
from udaln.physics.simulation import gaussian_psf, simulate


@cache
def muufl():
    """MUUFL Gulfport ×5 with the bands of WorldView-2, without noise."""
    folder = SHARED / "muufl_gulfport"
    if not folder.exists():
        pytest.skip("needs shared/data/muufl_gulfport beside the repository")
    reference = torch.from_numpy(scipy.io.loadmat(folder / "REF.mat")["REF"].astype(np.float32))
    srf = torch.from_numpy(np.loadtxt(folder / "srf_worldview2.csv", delimiter=",", skiprows=1)[:, 1:])
    return simulate(reference, srf, srf > 0, gaussian_psf(5, 5, 5), 5)


def quality_on_muufl(method, **settings):
    """PSNR [dB], SAM [°] and ERGAS of a method with the estimated PSF."""
    scene = muufl()
    options = {"instruments": "alike", "accelerator": "cpu", "progress": False}
    fusion = udaln.fuse(
        scene.lr_hsi, scene.hr_msi, support=scene.support, method=method, settings=settings, refine="none", **options
    )
    truth, image = scene.truth.image, torch.from_numpy(fusion.image)
    return float(psnr(truth, image)), float(sam(truth, image)), float(ergas(truth, image, 5))
