import made_up
import numpy as np
import pytest
import torch

from udaln.errors import InputError
from udaln.estimation.registration import Registration, register
from udaln.physics.simulation import SIGMA_PER_FWHM, gaussian_psf


def registration(scene, **changes):
    arguments = {"lr_hsi": scene.lr_hsi, "hr_msi": scene.hr_msi, "lr_valid": None, "hr_valid": None} | changes
    return register(
        arguments["lr_hsi"],
        arguments["hr_msi"],
        scene.scale,
        scene.support,
        arguments["lr_valid"],
        arguments["hr_valid"],
    )


def registered(scene, **changes):
    return registration(scene, **changes).shift


@pytest.mark.parametrize("scale", [3, 4, 5])
@pytest.mark.parametrize("shift", [(0, 0), (0.5, -0.5), (1.3, -0.6), (2.4, 3.7), (-7.2, 5.5), (11, -9)])
def test_a_shift_is_estimated_to_a_fraction_of_a_pixel(scale, shift):
    """Whatever gains and offsets the instruments have."""
    differing = {"gain": torch.tensor([0.8, 1.1, 1.3]), "offset": torch.tensor([0.03, -0.03, 0.01])}
    scene = made_up.unlike(scale=scale, shift=shift, **differing)
    np.testing.assert_allclose(registered(scene), shift, atol=0.1)


def test_noise_changes_the_shift_little():
    scene = made_up.unlike((30, 30), shift=(5.3, -2.6), snr_hsi=30, snr_msi=30)
    np.testing.assert_allclose(registered(scene), (5.3, -2.6), atol=0.1)


def test_units_and_gains_change_nothing():
    scene = made_up.unlike(shift=(5.3, -2.6))
    other = 4096 * scene.lr_hsi + 5, scene.hr_msi * torch.tensor([0.5, 2, 64]) + 0.1
    np.testing.assert_allclose(registered(scene, lr_hsi=other[0], hr_msi=other[1]), registered(scene), atol=1e-9)


def test_transposed_images_have_the_transposed_shift():
    scene = made_up.unlike(shift=(5.3, -2.6))
    lr_hsi, hr_msi = (image.transpose(0, 1).contiguous() for image in (scene.lr_hsi, scene.hr_msi))
    np.testing.assert_allclose(registered(scene, lr_hsi=lr_hsi, hr_msi=hr_msi), registered(scene)[::-1], atol=1e-9)


def test_invalid_pixels_have_no_influence():
    scene = made_up.unlike(shift=(5.3, -2.6))
    masks = {
        name: torch.ones(image.shape[:2], dtype=torch.bool)
        for name, image in (("lr_valid", scene.lr_hsi), ("hr_valid", scene.hr_msi))
    }
    masks["lr_valid"][3:7, 4:9] = masks["hr_valid"][50:60, 10:30] = False
    expected = registration(scene, **masks)
    np.testing.assert_allclose(expected.shift, (5.3, -2.6), atol=0.1)
    np.testing.assert_allclose(expected.std, sampled_std(2.8), rtol=0.06)
    lr_hsi, hr_msi = scene.lr_hsi.clone(), scene.hr_msi.clone()
    lr_hsi[~masks["lr_valid"]], hr_msi[~masks["hr_valid"]] = 3, 7
    assert registration(scene, lr_hsi=lr_hsi, hr_msi=hr_msi, **masks) == expected
    assert registration(scene, lr_hsi=lr_hsi, hr_msi=hr_msi) != expected


def test_images_without_information_have_no_shift():
    scene = made_up.unlike(shift=(5.3, -2.6))
    flat = torch.full_like(scene.lr_hsi, 0.3), torch.full_like(scene.hr_msi, 0.7)
    assert registered(scene, lr_hsi=flat[0]) == registered(scene, hr_msi=flat[1]) == (0, 0)
    assert registered(scene, lr_hsi=flat[0], hr_msi=flat[1]) == (0, 0)
    few = made_up.unlike((4, 4), shift=(3, 3))
    assert registered(few) == (0, 0)
    holes = torch.ones(scene.hr_msi.shape[:2], dtype=torch.bool)
    holes[::2, ::2] = False  # in every LR pixel
    assert registered(scene, hr_valid=holes) == (0, 0)


def test_sizes_that_do_not_fit_are_refused():
    scene = made_up.unlike()
    with pytest.raises(InputError, match="expected an HR-MSI of 4 times"):
        registered(scene, hr_msi=scene.hr_msi[1:])


def sampled_std(fwhm):
    """Standard deviation of the Gaussian whose means over HR pixels are about those that sampling at them gives."""
    return ((fwhm * SIGMA_PER_FWHM) ** 2 - 1 / 12) ** 0.5


@pytest.mark.parametrize("fwhm", [0.6, 1.0, 1.5, 2.0])
@pytest.mark.parametrize("shift", [(0, 0), (1.3, -0.6), (-7.2, 5.5)])
def test_the_width_of_the_psf_is_estimated_with_the_shift(shift, fwhm):
    """Also of a PSF twice as wide as an LR pixel, whose blur must not pass for a shift."""
    found = registration(made_up.unlike((30, 30), shift=shift, fwhm=4 * fwhm))
    np.testing.assert_allclose(found.shift, shift, atol=0.1)
    np.testing.assert_allclose(found.std, sampled_std(4 * fwhm), rtol=0.06)


def test_the_two_widths_of_a_psf_differ():
    down, across = gaussian_psf(20, 4, 7.0, (0.4, -0.3)), gaussian_psf(20, 4, 3.0, (0.4, -0.3))
    psf = down.sum(1)[:, None] * across.sum(0)
    found = registration(made_up.unlike((30, 30), psf=psf))
    np.testing.assert_allclose(found.shift, (0.4, -0.3), atol=0.1)
    np.testing.assert_allclose(found.std, (sampled_std(7.0), sampled_std(3.0)), rtol=0.06)


@pytest.mark.parametrize("scale", [3, 5])
def test_noise_changes_the_width_little(scale):
    scene = made_up.unlike((30, 30), scale=scale, shift=(1.3, -0.6), fwhm=1.5 * scale, snr_hsi=30, snr_msi=35)
    found = registration(scene)
    np.testing.assert_allclose(found.shift, (1.3, -0.6), atol=0.15)
    np.testing.assert_allclose(found.std, sampled_std(1.5 * scale), rtol=0.08)


def test_images_without_information_have_the_width_of_an_lr_pixel():
    few = registration(made_up.unlike((4, 4), shift=(3, 3)))
    assert few == Registration((0.0, 0.0), (1.6, 1.6))
