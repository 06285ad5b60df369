"""The correction by the LR-HSI is reduced where held-out LR pixels show that it promises too much."""

from dataclasses import replace

import made_up
import numpy as np
import torch

import udaln
from udaln.consistency.calibration import FEWEST, calibrated
from udaln.physics.interpolation import interpolate


def fused(scene, **options):
    arrays = scene.lr_hsi.numpy(), scene.hr_msi.numpy()
    return udaln.fuse(*arrays, support=scene.support.numpy(), progress=False, **options)


def test_a_right_model_predicts_better_than_neighbours():
    fusion = fused(made_up.scene(96, snr_hsi=40, snr_msi=40))
    refinement = fusion.fuser.refinement
    assert not refinement.interpolated.any()
    assert fusion.held_out is not None and not fusion.held_out.no_help
    assert fusion.held_out.fused <= fusion.held_out.uncorrected < fusion.held_out.interpolated


def test_a_correction_that_is_exaggerated_is_reduced():
    scene = made_up.unlike((30, 30))
    fusion = fused(scene)
    refinement, covariance = fusion.fuser.refinement, fusion.fuser.refinement.covariance
    tripled = replace(refinement, covariance=replace(covariance, spectra=3 * covariance.spectra))
    before, after = (calibrated(fusion.model, part, fusion.scene)[0] for part in (refinement, tripled))
    assert before.correction_weight.mean() > 0.95 and after.correction_weight.mean() < 0.75


def test_a_band_that_the_hr_msi_does_not_help_is_interpolated():
    """Here the last band shows smooth ground of its own."""
    scene = made_up.scene(96, msi_bands=2, snr_hsi=40, snr_msi=40)
    rows, columns = np.mgrid[:24, :24] / 24
    lr_hsi = scene.lr_hsi.clone()
    lr_hsi[..., -1] = torch.from_numpy(0.4 + 0.1 * np.sin(4 * rows + 3 * columns))
    support = scene.support.clone()
    support[-1] = False
    fusion = fused(replace(scene, lr_hsi=lr_hsi, support=support))
    assert fusion.fuser.refinement.interpolated.nonzero().flatten().tolist() == [11]
    assert fusion.figures["bands_interpolated"] == 1
    np.testing.assert_allclose(fusion.image[..., -1:], interpolate(lr_hsi[..., -1:], 4), atol=1e-5)


def test_an_hr_msi_of_other_ground_is_left_out():
    scene = made_up.unlike((20, 20))
    other = made_up.unlike((20, 20), seed=5).hr_msi
    fusion = fused(replace(scene, hr_msi=other), uncertainty=True)
    assert fusion.held_out.no_help and fusion.fuser.refinement.interpolated.all()
    np.testing.assert_allclose(fusion.image, interpolate(scene.lr_hsi, 4), atol=1e-5)
    assert fusion.deviation.shape == fusion.image.shape
    assert str(fusion.verdict).startswith("do not use: ")


def test_noise_of_the_lr_pixels_does_not_speak_against_the_hr_msi():
    """A wide PSF and noise: neighbours predict an LR pixel about as well as the fused image does, and both well."""
    scene = made_up.unlike((24, 24), scale=3, fwhm=9.0, snr_hsi=18, snr_msi=30)
    fusion = fused(scene)
    assert fusion.held_out.fused > 0.9 * fusion.held_out.interpolated and not fusion.held_out.no_help
    truth = scene.truth.image.numpy()
    error, interpolated = ((image - truth).std() for image in (fusion.image, interpolate(scene.lr_hsi, 3).numpy()))
    assert error < 0.85 * interpolated


def test_few_lr_pixels_tell_nothing():
    fusion = fused(made_up.scene(size=12))
    assert 9 < FEWEST and fusion.held_out is None
    assert (fusion.fuser.refinement.correction_weight == 1).all()
