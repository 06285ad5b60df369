"""The shift between the two images: estimated and removed."""

from dataclasses import replace

import made_up
import numpy as np
import pytest
import torch

from udaln.estimation import alignment, nesting
from udaln.estimation.alignment import aligned
from udaln.estimation.candidate import Form
from udaln.estimation.registration import Registration
from udaln.physics.instruments import Instruments, OutputGrid
from udaln.physics.simulation import gaussian_psf
from udaln.scene import Known, Scene

ALIKE, UNLIKE = (Instruments("mine", *[differ] * 4, grid=OutputGrid.hr_msi) for differ in (False, True))


def test_alike_instruments_leave_the_scene_unchanged():
    scene = made_up.unlike(shift=(3.0, 5.0))
    for side in (None, 7):
        found = aligned(scene, ALIKE, side)
        assert found.scene is scene and found.form == Form(side or 4) and found.estimate is None


@pytest.mark.parametrize(
    ("shift", "whole", "margin"),
    [
        ((0.0, 0.0), (0, 0), 0),
        ((0.2, -0.2), (0, 0), 0),  # within the tolerance of the window
        ((0.3, 0.0), (0, 0), 1),
        ((2.1, -1.9), (2, -2), 0),
        ((0.0, -2.6), (0, -3), 1),
        ((-6.9, 13.1), (-7, 13), 0),
    ],
)
@pytest.mark.parametrize("wide", [False, True])
def test_whole_pixels_move_the_windows_and_the_remaining_shift_widens_them(monkeypatch, shift, whole, margin, wide):
    monkeypatch.setattr(alignment, "register", lambda *_: Registration(shift, (1.0, 1.0)))
    scene = made_up.unlike(shift=shift, fwhm=2.5)
    shift_only = Instruments("mine", False, False, True, wide, OutputGrid.hr_msi)
    found = aligned(scene, shift_only)
    assert found.scene.shift == whole
    assert found.form == Form((9 if wide else 4) + 2 * margin)
    assert found.estimate.psf.shape == (found.form.side,) * 2
    assert torch.equal(found.scene.lr_hsi, scene.lr_hsi) and found.scene.truth is scene.truth
    assert aligned(scene, shift_only, 6).form.side == 6
    kept = aligned(scene, replace(shift_only, shift=False))
    assert kept.scene.shift == (0, 0) and kept.form.side == (9 if wide else 4)


def test_a_shift_that_predicts_the_images_no_better_is_none(monkeypatch):
    monkeypatch.setattr(alignment, "register", lambda *_: Registration((9.0, -6.0), (1.0, 1.0)))
    assert aligned(made_up.unlike(snr_hsi=35, snr_msi=40), UNLIKE).scene.shift == (0, 0)


def test_unrelated_images_have_no_shift():
    one, other = (made_up.unlike(seed=seed) for seed in (0, 1))
    assert aligned(replace(one, hr_msi=other.hr_msi), Instruments("auto")).scene.total_shift == (0, 0)


def test_what_is_known_is_kept():
    scene = made_up.unlike(shift=(0.4, -0.3), snr_hsi=35, snr_msi=40)
    by_srf = aligned(scene, UNLIKE, known=Known(srf=scene.truth.srf)).estimate
    torch.testing.assert_close(by_srf.srf, scene.truth.srf)
    psf = gaussian_psf(11, 4, 2.8, (0.4, -0.3))
    by_psf = aligned(scene, UNLIKE, known=Known(psf=psf))
    assert by_psf.form.side == 11
    torch.testing.assert_close(by_psf.estimate.psf, psf)


def test_only_valid_pixels_determine_the_shift():
    scene = made_up.unlike(shift=(-9.0, 6.0))
    lr_hsi, hr_msi = scene.lr_hsi.clone(), scene.hr_msi.clone()
    lr_valid, hr_valid = (torch.ones(image.shape[:2], dtype=torch.bool) for image in (lr_hsi, hr_msi))
    lr_valid[3:7, 4:9] = hr_valid[50:60, 10:30] = False
    lr_hsi[~lr_valid], hr_msi[~hr_valid] = 3, 7
    masked = Scene(lr_hsi, hr_msi, scene.support, lr_valid=lr_valid, hr_valid=hr_valid)
    found = aligned(masked, UNLIKE)
    assert found.scene.shift == (-9, 6) and found.form.side == 9
    changed = replace(masked, lr_hsi=lr_hsi.clone(), hr_msi=hr_msi.clone())
    changed.lr_hsi[~lr_valid], changed.hr_msi[~hr_valid] = 2, 1
    torch.testing.assert_close(aligned(changed, UNLIKE).estimate.psf, found.estimate.psf)


@pytest.mark.parametrize("shift", [(0.4, -0.3), (1.3, -0.6), (-7.2, 5.3)])
def test_the_hr_msi_can_be_resampled_to_nest_in_the_lr_hsi(shift):
    """A small fraction of a pixel remains of the shift."""
    scene = made_up.unlike((24, 22), shift=shift)
    found = aligned(scene, replace(UNLIKE, grid=OutputGrid.lr_hsi))
    nested = found.scene
    whole = tuple(round(part) if abs(part) > 2 else 0 for part in shift)
    assert nested.shift == whole
    np.testing.assert_allclose(nested.total_shift, shift, atol=0.05)
    again = aligned(replace(nested, resampling_shift=(0.0, 0.0)), replace(UNLIKE, grid=OutputGrid.lr_hsi)).scene
    np.testing.assert_allclose(again.total_shift, whole, atol=0.1)
    assert nested.hr_msi.dtype == scene.hr_msi.dtype and nested.hr_msi.shape == scene.hr_msi.shape
    assert torch.equal(nested.lr_hsi, scene.lr_hsi) and nested.lr_valid is None


def test_resampling_by_whole_pixels_is_a_translation(monkeypatch):
    found = iter([(1.0, -2.0), (0.0, 0.0), (0.0, 0.0)])
    for module in (alignment, nesting):
        monkeypatch.setattr(module, "register", lambda *_: Registration(next(found), (1.0, 1.0)))
    scene = made_up.unlike((12, 12), shift=(1.0, -2.0))
    hr_valid = torch.ones(48, 48, dtype=torch.bool)
    hr_valid[20:23, 30] = False
    nested = aligned(replace(scene, hr_valid=hr_valid), replace(UNLIKE, grid=OutputGrid.lr_hsi)).scene
    torch.testing.assert_close(nested.hr_msi[3:-3, 3:-3], scene.hr_msi.roll((-1, 2), (0, 1))[3:-3, 3:-3])
    assert torch.equal(nested.hr_valid[3:-3, 3:-3], hr_valid.roll((-1, 2), (0, 1))[3:-3, 3:-3])
    assert nested.resampling_shift == (1, -2)


def test_auto_resamples_only_images_that_disagree_beyond_their_noise():
    scene = made_up.unlike((30, 28), shift=(0.6, -0.4))
    auto = replace(UNLIKE, grid=OutputGrid.auto)
    found = aligned(scene, auto)
    kept = found.scene
    assert torch.equal(kept.hr_msi, scene.hr_msi) and kept.resampling_shift == (0, 0) and found.form.side == 11
    other = made_up.unlike((30, 28), shift=(0.6, -0.4), seed=1).hr_msi  # another scene: clouds, growth, a later day
    changed = replace(scene, hr_msi=scene.hr_msi + 0.1 * (other - other.mean((0, 1))))
    nested = aligned(changed, auto).scene
    assert not torch.equal(nested.hr_msi, changed.hr_msi)
    np.testing.assert_allclose(nested.total_shift, (0.6, -0.4), atol=0.1)


def test_a_window_or_a_psf_that_is_given_is_kept_however_large():
    scene = made_up.unlike()
    known = torch.zeros(26, 26, dtype=torch.float64)
    known[11:15, 11:15] = scene.truth.psf.sum() / 16
    assert aligned(scene, UNLIKE, 25).estimate.psf.shape == (25, 25)
    torch.testing.assert_close(aligned(scene, UNLIKE, known=Known(psf=known)).estimate.psf, known)
