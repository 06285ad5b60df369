"""The shift between the two images: estimated and removed."""

from dataclasses import replace

import made_up
import numpy as np
import pytest
import torch

from udaln.estimation import alignment
from udaln.estimation.alignment import aligned
from udaln.physics.instruments import Instruments, OutputGrid
from udaln.scene import Scene

ALIKE, UNLIKE = (Instruments("mine", *[differ] * 4, grid=OutputGrid.hr_msi) for differ in (False, True))


def test_alike_instruments_leave_the_scene_unchanged():
    scene = made_up.unlike(shift=(3.0, 5.0))
    assert aligned(scene, ALIKE) == (scene, 4)
    assert aligned(scene, ALIKE, 7) == (scene, 7)


@pytest.mark.parametrize(
    ("registered", "whole", "margin"),
    [
        ((0.0, 0.0), (0, 0), 0),
        ((0.2, -0.2), (0, 0), 0),  # within the tolerance of the window
        ((0.25, 0.0), (0, 0), 1),
        ((2.0, -2.0), (0, 0), 2),  # half an LR pixel
        ((2.1, -1.9), (2, 0), 2),
        ((0.0, -2.6), (0, -3), 1),
        ((-6.9, 13.1), (-7, 13), 0),
    ],
)
@pytest.mark.parametrize("wide", [False, True])
def test_whole_pixels_move_the_windows_and_the_remaining_shift_widens_them(
    monkeypatch, registered, whole, margin, wide
):
    monkeypatch.setattr(alignment, "register", lambda *_: registered)
    scene = made_up.scene(scale=4)
    shift_only = Instruments("mine", False, False, True, wide, OutputGrid.hr_msi)
    shifted, side = aligned(scene, shift_only)
    assert shifted.shift == whole
    assert side == (9 if wide else 4) + 2 * margin
    assert torch.equal(shifted.lr_hsi, scene.lr_hsi) and shifted.truth is scene.truth
    assert aligned(scene, shift_only, 6)[1] == 6
    assert aligned(scene, replace(shift_only, shift=False)) == (scene, 9 if wide else 4)


def test_only_valid_pixels_determine_the_shift():
    scene = made_up.unlike(shift=(-9.0, 6.0))
    lr_hsi, hr_msi = scene.lr_hsi.clone(), scene.hr_msi.clone()
    lr_valid, hr_valid = (torch.ones(image.shape[:2], dtype=torch.bool) for image in (lr_hsi, hr_msi))
    lr_valid[3:7, 4:9] = hr_valid[50:60, 10:30] = False
    lr_hsi[~lr_valid], hr_msi[~hr_valid] = 3, 7
    masked = Scene(lr_hsi, hr_msi, scene.support, lr_valid=lr_valid, hr_valid=hr_valid)
    shifted, side = aligned(masked, UNLIKE)
    assert shifted.shift == (-9, 6) and side == 9


@pytest.mark.parametrize("shift", [(0.4, -0.3), (1.3, -0.6), (-7.2, 5.3)])
def test_the_hr_msi_can_be_resampled_to_nest_in_the_lr_hsi(shift):
    """A small fraction of a pixel remains of the shift, and the window needs no margin for it."""
    scene = made_up.unlike((24, 22), shift=shift)
    nested, side = aligned(scene, replace(UNLIKE, grid=OutputGrid.lr_hsi))
    whole = tuple(round(part) if abs(part) > 2 else 0 for part in shift)
    assert nested.shift == whole and side == 9
    np.testing.assert_allclose(nested.total_shift, shift, atol=0.05)
    again, _ = aligned(replace(nested, resampling_shift=(0.0, 0.0)), replace(UNLIKE, grid=OutputGrid.lr_hsi))
    np.testing.assert_allclose(again.total_shift, whole, atol=0.1)
    assert nested.hr_msi.dtype == scene.hr_msi.dtype and nested.hr_msi.shape == scene.hr_msi.shape
    assert torch.equal(nested.lr_hsi, scene.lr_hsi) and nested.lr_valid is None


def test_resampling_by_whole_pixels_is_a_translation(monkeypatch):
    monkeypatch.setattr(alignment, "register", lambda *_: (1.0, -2.0))
    monkeypatch.setattr(alignment, "_shift_by_psf", lambda *_: (1.0, -2.0))
    scene = made_up.unlike((12, 12))
    hr_valid = torch.ones(48, 48, dtype=torch.bool)
    hr_valid[20:23, 30] = False
    nested, _ = aligned(replace(scene, hr_valid=hr_valid), replace(UNLIKE, grid=OutputGrid.lr_hsi))
    torch.testing.assert_close(nested.hr_msi[3:-3, 3:-3], scene.hr_msi.roll((-1, 2), (0, 1))[3:-3, 3:-3])
    assert torch.equal(nested.hr_valid[3:-3, 3:-3], hr_valid.roll((-1, 2), (0, 1))[3:-3, 3:-3])
    assert nested.resampling_shift == (1, -2)


def test_auto_resamples_only_images_that_disagree_beyond_their_noise():
    scene = made_up.unlike((30, 28), shift=(0.6, -0.4))
    auto = replace(UNLIKE, grid=OutputGrid.auto)
    kept, side = aligned(scene, auto)
    assert torch.equal(kept.hr_msi, scene.hr_msi) and kept.resampling_shift == (0, 0) and side == 11
    other = made_up.unlike((30, 28), shift=(0.6, -0.4), seed=1).hr_msi  # another scene: clouds, growth, a later day
    changed = replace(scene, hr_msi=scene.hr_msi + 0.1 * (other - other.mean((0, 1))))
    nested, side = aligned(changed, auto)
    assert not torch.equal(nested.hr_msi, changed.hr_msi) and side == 9
    np.testing.assert_allclose(nested.total_shift, (0.6, -0.4), atol=0.1)
