"""What LR pixels record, and which of them can be used."""

from dataclasses import replace

import made_up
import torch

from udaln.physics.observation import degraded, usable_lr_pixels
from udaln.physics.simulation import gaussian_psf
from udaln.physics.windows import degrade
from udaln.scene import Scene


def test_a_block_is_valid_by_the_part_of_its_psf_that_lies_on_data():
    scene = made_up.masked_scene()
    everywhere = replace(scene, lr_valid=None, hr_valid=None)
    flat, centred = torch.ones(7, 7), gaussian_psf(7, 4, 1.0)  # the latter sees next to nothing of its window's rim
    assert usable_lr_pixels(everywhere, flat).all() and usable_lr_pixels(everywhere, flat).shape == (30,)
    without = torch.ones(6, 5, dtype=torch.bool)
    without[1, 3] = without[4, 1] = without[4, 2] = False  # rows 16 to 19, columns 4 to 11
    assert torch.equal(usable_lr_pixels(scene, centred), without.flatten())
    assert torch.equal(usable_lr_pixels(scene, torch.ones(4, 4)), without.flatten())
    without[3, 1:3] = False  # rows 11 to 17
    assert torch.equal(usable_lr_pixels(scene, flat), without.flatten())  # the border stays: less than half lie inside
    assert torch.equal(usable_lr_pixels(scene, 20 * flat), usable_lr_pixels(scene, flat))
    moved = usable_lr_pixels(replace(scene, shift=(-4, 0)), torch.ones(4, 4)).view(6, 5)
    assert not moved[5, 1] and not moved[5, 2] and moved[4].all() and not moved[1, 3]


def test_what_sees_beyond_the_image_is_left_out():
    lr, hr = torch.ones(9, 8, 4), torch.ones(36, 32, 2)
    scene = Scene(lr, hr, torch.ones(4, 2).bool())
    inside = torch.zeros(9, 8, dtype=torch.bool)
    inside[1:-1, 1:-1] = True
    assert torch.equal(usable_lr_pixels(scene, torch.ones(9, 9)), inside.flatten())
    assert usable_lr_pixels(scene, gaussian_psf(9, 4, 1.5)).all()  # which sees next to nothing of it
    assert usable_lr_pixels(scene, torch.ones(4, 4)).all()
    moved = torch.ones(9, 8, dtype=torch.bool)
    moved[-2:] = moved[:, 0] = False
    assert torch.equal(usable_lr_pixels(replace(scene, shift=(5, -4)), torch.ones(4, 4)), moved.flatten())


def test_a_scene_degrades_with_its_shift():
    scene, psf = made_up.masked_scene((3, -2)), gaussian_psf(7, 4, 4.0)
    torch.testing.assert_close(degraded(scene, scene.hr_msi, psf), degrade(scene.hr_msi, psf, 4, (3, -2)).flatten(0, 1))
