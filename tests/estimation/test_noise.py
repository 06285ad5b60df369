import csv

import numpy as np
import pytest
import scipy.io
import torch
from places import SHARED
from scipy.ndimage import gaussian_filter

from udaln.errors import InputError
from udaln.estimation import noise as noise_module
from udaln.estimation.noise import homogeneous_patches, unique_variances
from udaln.physics.simulation import gaussian_psf, simulate
from udaln.physics.windows import degrade

PSF = gaussian_psf(4, 4, 4.0)


def estimate_noise(lr_hsi, hr_msi, psf, srf, scale=4):
    """Noise of a whole pair of images, h×w×C and rh×rw×c."""
    lr_msi = degrade(hr_msi.double(), psf, scale).flatten(0, 1)
    return noise_module.estimate_noise(lr_hsi.flatten(0, 1).double(), lr_msi, hr_msi, psf, srf)


def ideal_scene(size=96, bands=24, msi_bands=5, materials=4, finest=1.5, seed=0):
    """A noise-free textured scene of some materials, and the SRF of an MSI sensor."""
    rng = np.random.default_rng(seed)
    widths = (finest, 3, 8)
    cover = [sum(s * gaussian_filter(rng.normal(size=(size, size)), s) for s in widths) for _ in range(materials)]
    cover = np.exp(3 * np.stack(cover))
    cover /= cover.sum(0)
    spectra = 0.2 + gaussian_filter(rng.random((materials, bands)), (0, 3)) + 0.1 * rng.random((materials, bands))
    position, centres = np.arange(bands), np.linspace(2, bands - 3, msi_bands)
    srf = np.exp(-((position[:, None] - centres) ** 2) / 18)
    image = torch.from_numpy(np.einsum("khw,kc->hwc", cover, spectra))
    return image, torch.from_numpy(srf / srf.sum(0))


def pair(noise_y=0.0, noise_z=0.0, **sizes):
    """The pair of that scene, with noise that differs from band to band, and its levels."""
    image, srf = ideal_scene(**sizes)
    y, z = degrade(image, PSF, 4), image @ srf
    generator = torch.Generator().manual_seed(1)
    levels_y = noise_y * torch.linspace(1, 2, y.shape[2], dtype=torch.float64)
    levels_z = noise_z * torch.linspace(2, 1, z.shape[2], dtype=torch.float64)
    y = y + levels_y * torch.randn(y.shape, generator=generator, dtype=torch.float64)
    z = z + levels_z * torch.randn(z.shape, generator=generator, dtype=torch.float64)
    return y.float(), z.float(), srf, levels_y, levels_z


def largest_ratio(estimated, expected):
    return (estimated / expected).log().abs().max().exp().item()


def test_a_pair_without_noise_yields_none_however_rough_the_scene():
    y, z, srf, *_ = pair(materials=8, finest=0.7)
    bound = unique_variances(homogeneous_patches(z)).max().sqrt()
    assert bound > 1e-3 * z.std()  # the image alone does not separate texture from noise
    noise = estimate_noise(y, z, PSF, srf)
    assert noise.lr_hsi.max() < 1e-5 * y.std() and noise.hr_msi.max() < 1e-5 * z.std()


@pytest.mark.parametrize("level", [0.003, 0.01])
def test_noise_of_both_images_is_estimated_band_by_band(level):
    y, z, srf, levels_y, levels_z = pair(level, level)
    noise = estimate_noise(y, z, PSF, srf)
    assert largest_ratio(noise.lr_hsi, levels_y) < 1.2
    assert largest_ratio(noise.hr_msi, levels_z) < 1.12


def test_noise_of_one_image_is_not_attributed_to_the_other():
    y, z, srf, levels_y, _ = pair(noise_y=0.01)
    noise = estimate_noise(y, z, PSF, srf)
    assert largest_ratio(noise.lr_hsi, levels_y) < 1.2 and noise.hr_msi.max() < 0.3 * levels_y.min()
    y, z, srf, _, levels_z = pair(noise_z=0.01)
    noise = estimate_noise(y, z, PSF, srf)
    assert largest_ratio(noise.hr_msi, levels_z) < 1.12 and noise.lr_hsi.max() < 0.1 * levels_z.min()


def test_more_bands_than_lr_pixels():
    y, z, srf, levels_y, levels_z = pair(0.01, 0.01, size=32, bands=90)
    assert y.shape[2] > y.shape[0] * y.shape[1]
    noise = estimate_noise(y, z, PSF, srf)
    middle = (noise.lr_hsi / levels_y).median().item()
    assert 0.75 < middle < 1.15
    assert largest_ratio(noise.hr_msi, levels_z) < 1.3


def test_wrong_sensors_do_not_increase_the_noise():
    y, z, srf, levels_y, levels_z = pair(0.005, 0.005)
    noise = estimate_noise(y, 1.3 * z, PSF, srf.roll(2, 0))
    assert largest_ratio(noise.lr_hsi, levels_y) < 1.25
    assert largest_ratio(noise.hr_msi, 1.3 * levels_z) < 1.25


def test_levels_scale_with_the_unit_of_the_pair():
    y, z, srf, *_ = pair(0.01, 0.01)
    once, scaled = estimate_noise(y, z, PSF, srf), estimate_noise(4096 * y, 4096 * z, PSF, srf)
    for one, other in zip(once, scaled, strict=True):
        torch.testing.assert_close(4096 * one, other, rtol=1e-4, atol=0)


def test_a_common_factor_is_not_part_of_the_unique_variances():
    generator = torch.Generator().manual_seed(0)
    level = torch.tensor([0.1, 0.2, 0.4, 0.3, 0.1, 0.2])
    own = level[:, None] * torch.randn(4000, 6, 3, generator=generator)
    shared = torch.randn(4000, 1, 1, generator=generator) * torch.tensor([1.0, 2, -1, 3, 2, 1])[:, None]
    assert largest_ratio(unique_variances(own), level.double() ** 2) < 1.1
    assert largest_ratio(unique_variances(own + shared), level.double() ** 2) < 1.15


def test_patches_are_chosen_by_their_surroundings():
    generator = torch.Generator().manual_seed(0)
    image = torch.randn(60, 60, 2, generator=generator, dtype=torch.float64)
    assert homogeneous_patches(image).var() == pytest.approx(1, rel=0.1)  # far below 1 if the patches themselves decide
    image[:, 30:] *= 5
    assert homogeneous_patches(image).var() == pytest.approx(1, rel=0.15)


def test_the_smallest_pair_yields_finite_levels():
    y, z, srf, *_ = pair(0.01, 0.01, size=8)
    for levels in estimate_noise(y[:2, :2], z[:8, :8], PSF, srf):
        assert torch.isfinite(levels).all() and (levels >= 0).all()


def test_an_srf_of_other_bands_is_refused():
    y, z, srf, *_ = pair()
    with pytest.raises(InputError, match="SRF of C×c, got 576×24, 576×5, 96×96×5, 23×5"):
        estimate_noise(y, z, PSF, srf[1:])


@pytest.mark.parametrize("snr", [(None, None), (30, 35), (25, 30)])
def test_noise_of_a_real_scene(snr):
    folder = SHARED / "jasper_ridge"
    if not folder.exists():
        pytest.skip("needs shared/data/jasper_ridge beside the repository")
    reference = torch.from_numpy(scipy.io.loadmat(folder / "REF.mat")["REF"].astype(np.float32))
    with open(folder / "srf_sentinel2.csv", newline="") as file:
        srf = torch.tensor([[float(v) for v in row[1:]] for row in list(csv.reader(file))[1:]])
    scene = simulate(reference, srf, srf > 0, gaussian_psf(5, 5, 5.0), 5, snr_hsi=snr[0], snr_msi=snr[1])
    noise = estimate_noise(scene.lr_hsi, scene.hr_msi, scene.truth.psf, scene.truth.srf, 5)
    for estimated, image, level in zip(noise[:2], (scene.lr_hsi, scene.hr_msi), snr, strict=True):
        power = image.double().square().mean((0, 1)).sqrt()
        if level is None:
            assert (estimated < 1e-3 * power).all()
        else:
            relative = estimated / (power * 10 ** (-level / 20))
            assert 0.95 < relative.median() < 1.08 and relative.min() > 0.8
            assert relative.quantile(0.95) < 1.2  # a few bands of the reference are noise themselves
