"""How far the two images of a pair agree."""

from dataclasses import replace

import made_up
import pytest
import torch

from udaln.physics.degradation import Degradation
from udaln.scene import Known
from udaln.trust.agreement import agreement, noise_variances


def agreement_of(degradation, scene):
    return agreement(degradation, scene, noise_variances(degradation, scene))


def true_degradation(scene):
    known = Known(scene.truth.psf, scene.truth.srf)
    return Degradation(scale=scene.scale, kernel_size=scene.scale, support=scene.support, known=known)


@pytest.mark.parametrize("snr", [None, 35, 25])
def test_noise_is_no_disagreement(snr):
    scene = made_up.scene(size=80, snr_hsi=snr, snr_msi=snr)
    found = agreement_of(true_degradation(scene), scene)
    assert found.lr_pixels == 400 and found.rim == 0
    assert found.disagreement.max() < 2e-3 and found.changed < 0.01


def test_a_wrong_psf_and_a_wrong_srf_are_disagreement():
    scene = made_up.scene(size=80, snr_hsi=40, snr_msi=40)
    narrow = torch.zeros(4, 4, dtype=torch.float64)
    narrow[0, 0] = 1.0
    swapped = scene.truth.srf.flip(1)
    for known in (Known(narrow, scene.truth.srf), Known(scene.truth.psf, swapped)):
        wrong = Degradation(scale=4, kernel_size=4, support=torch.ones_like(scene.support), known=known)
        assert agreement_of(wrong, scene).disagreement.max() > 0.1


def test_changed_ground_is_told_apart_from_disagreement():
    scene = made_up.scene(size=80, snr_hsi=40, snr_msi=40)
    hr_msi = scene.hr_msi.clone()
    hr_msi[:20, :40] = hr_msi[:20, :40] * 0.2 + 0.5  # an eighth of the ground
    found = agreement_of(true_degradation(scene), replace(scene, hr_msi=hr_msi))
    assert found.changed == pytest.approx(1 / 8, abs=0.02)
    assert found.disagreement.max() < 0.02


def test_a_psf_beyond_its_window_lies_at_the_rim():
    scene = made_up.scene(size=80)
    psf = torch.full((9, 9), 1 / 81, dtype=torch.float64)
    known = Known(psf, scene.truth.srf)
    wide = Degradation(scale=4, kernel_size=9, support=scene.support, known=known)
    assert agreement_of(wide, scene).rim == pytest.approx(1)
