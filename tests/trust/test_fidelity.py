"""How much of what a pair shows an image shows."""

import made_up
import pytest
import torch
from test_agreement import true_degradation

from udaln.physics.interpolation import interpolate
from udaln.trust.agreement import noise_variances
from udaln.trust.fidelity import fidelity


def fidelity_of(degradation, scene, image):
    return fidelity(degradation, scene, image, noise_variances(degradation, scene))


@pytest.mark.parametrize("snr", [None, 30])
def test_the_truth_lacks_nothing(snr):
    scene = made_up.scene(size=80, snr_hsi=snr, snr_msi=snr)
    found = fidelity_of(true_degradation(scene), scene, scene.truth.image)
    assert found.detail < 0.01 and found.spectra < 0.002


def test_the_interpolated_image_lacks_all_detail():
    scene = made_up.scene(size=80, snr_hsi=35, snr_msi=35)
    found = fidelity_of(true_degradation(scene), scene, interpolate(scene.lr_hsi, scene.scale).float())
    assert found.detail == pytest.approx(1, abs=1e-6) and found.spectra < 0.1


def test_detail_that_was_added_twice_is_an_error_as_large_as_detail_that_is_missing():
    scene = made_up.scene(size=80)
    smooth = interpolate(scene.lr_hsi, scene.scale).float()
    found = fidelity_of(true_degradation(scene), scene, 2 * scene.truth.image - smooth)
    assert found.detail == pytest.approx(1, rel=0.05)


def test_a_wrong_level_is_an_error_of_the_spectra():
    scene = made_up.scene(size=80)
    image = scene.truth.image + 0.5 * scene.lr_hsi.flatten(0, 1).std(0)
    assert fidelity_of(true_degradation(scene), scene, image).spectra == pytest.approx(0.25, rel=0.05)


def test_pixels_without_data_do_not_count():
    scene = made_up.scene(size=80)
    hr_valid = torch.ones(scene.hr_msi.shape[:2], dtype=torch.bool)
    hr_valid[:, :20] = False
    image = scene.truth.image.clone()
    image[:, :20] = 7.0
    found = fidelity_of(true_degradation(scene), type(scene)(**vars(scene) | {"hr_valid": hr_valid}), image)
    assert found.detail < 1e-6 and found.spectra < 1e-6
