"""GSA: exact where the bands follow the intensity, otherwise its formula; with several MSI bands and with one."""

import made_up
import numpy as np
import pytest
import scipy.io
import torch
from made_up_methods import fitted, pair, textured
from places import SHARED
from real_scenes import quality_on_muufl

import udaln
from udaln.metrics import ergas, psnr, sam
from udaln.physics.interpolation import interpolate
from udaln.physics.windows import degrade


def test_bands_that_follow_one_pan_band_are_exact():
    pan = textured(40, 1)
    image = pan * torch.tensor([1.0, 0.5, -0.3]) + torch.tensor([0.0, 0.1, 0.8])
    scene = pair(image, pan)
    torch.testing.assert_close(fitted("gsa", scene).fuse(scene).image, image.float(), atol=1e-5, rtol=0)


def test_bands_that_each_follow_an_msi_band_are_exact():
    hr_msi = textured(40, 3)
    image = hr_msi[..., [0, 0, 1, 2, 1]] * torch.tensor([1.0, 0.5, 0.3, 2.0, 0.7]) + 0.1
    scene = pair(image, hr_msi)
    model = fitted("gsa", scene)
    torch.testing.assert_close(model.fuse(scene).image, image.float(), atol=1e-5, rtol=0)
    assert (model.gains != 0).nonzero().tolist() == [[0, 0], [0, 1], [1, 2], [1, 4], [2, 3]]


def test_it_is_the_published_formula():
    """One PAN band; NumPy's least squares and covariance."""
    image = made_up.scene(size=40, materials=8).truth.image.double()
    scene = pair(image, image.mean(-1, keepdim=True) + 0.1 * textured(40, 1))
    y, pan = scene.lr_hsi, scene.hr_msi
    lr_pan = degrade(pan, scene.known.psf, 4)
    predictors = np.c_[y.reshape(-1, 12).numpy(), np.ones(y[..., 0].numel())]
    weights = np.linalg.lstsq(predictors, lr_pan.flatten().numpy(), rcond=1e-6)[0]
    lr_intensity = (predictors @ weights).reshape(10, 10, 1)
    covariance = np.cov(np.c_[lr_intensity.reshape(-1), predictors[:, :-1]].T)
    gains = torch.from_numpy(covariance[0, 1:] / covariance[0, 0])
    expected = interpolate(y, 4) + (pan - interpolate(torch.from_numpy(lr_intensity), 4)) * gains
    torch.testing.assert_close(fitted("gsa", scene).fuse(scene).image, expected.float(), atol=2e-5, rtol=0)


def test_a_constant_msi_band_injects_nothing():
    hr_msi = torch.cat([textured(40, 1), torch.full((40, 40, 1), 0.3).double()], -1)
    scene = pair(hr_msi[..., :1] * torch.tensor([1.0, 0.5]), hr_msi)
    model = fitted("gsa", scene)
    assert not model.gains[1].any()
    torch.testing.assert_close(model.fuse(scene).image, scene.truth.image.float(), atol=1e-5, rtol=0)


def test_on_muufl():
    psnr, sam, ergas = quality_on_muufl("gsa")
    assert psnr > 44.2 and sam < 1.7 and ergas < 0.6


def test_one_pan_band_of_a_real_camera():
    file = SHARED / "pan_x4" / "pan_im4.mat"
    if not file.exists():
        pytest.skip("needs shared/data/pan_x4 beside the repository")
    arrays = scipy.io.loadmat(file)
    pan = arrays["I_PAN_input"][..., None]
    image = udaln.fuse(arrays["I_MS_input"], pan, method="gsa", accelerator="cpu", progress=False).image
    truth, image = torch.from_numpy(arrays["I_MS_GT"]).double(), torch.from_numpy(image).double()
    # another implementation, with the mean as PSF and cubic splines: 32.13 dB, 4.45°, 3.82
    assert psnr(truth, image) > 31.8 and sam(truth, image) < 4.65 and ergas(truth, image, 4) < 4.0
