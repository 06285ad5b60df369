"""A scene in blocks."""

from dataclasses import replace

import made_up
import pytest
import torch

from udaln.errors import InputError
from udaln.physics.blocks import blocks_of
from udaln.physics.observation import MAX_INVALID
from udaln.physics.windows import windows
from udaln.scene import Scene


def test_blocks_are_the_scene_in_network_units():
    scene = Scene(*(1000 * image for image in made_up.random_pair()[:2]), made_up.random_pair()[2])
    blocks = blocks_of(scene, 2)
    assert scene.unit == pytest.approx(max(scene.lr_hsi.max(), scene.hr_msi.max()))
    assert blocks.lr.shape == (12, 6) and blocks.windows.shape == (12, 4, 2)
    assert max(blocks.lr.max(), blocks.windows.max()) == pytest.approx(1)
    torch.testing.assert_close(blocks.lr[5] * scene.unit, scene.lr_hsi[1, 1])
    torch.testing.assert_close(blocks.windows[5].view(2, 2, 2) * scene.unit, scene.hr_msi[2:4, 2:4])


@pytest.mark.parametrize("kernel_size", [4, 5, 7])
@pytest.mark.parametrize("shift", [(0, 0), (2, 1), (-4, 0)])
def test_blocks_without_data_are_left_out_with_those_that_leave_the_image(kernel_size, shift):
    scene = made_up.masked_scene(shift)
    blocks = blocks_of(scene, kernel_size)
    seen = windows(scene.hr_msi, kernel_size, 4, shift)
    holds = windows(scene.hr_valid[..., None].float(), kernel_size, 4, shift)[..., 0].mean(1) > 1 - MAX_INVALID
    valid = holds & scene.lr_valid.flatten()
    assert not valid.all()
    inside = windows(torch.zeros(24, 20, 1), kernel_size, 4, shift, beyond=1.0).mean((1, 2)) < MAX_INVALID
    left = valid & inside if 2 * (valid & inside).sum() >= valid.sum() else valid
    torch.testing.assert_close(blocks.lr, scene.lr_hsi.flatten(0, 1)[left])
    torch.testing.assert_close(blocks.windows, seen[left])
    assert blocks.windows.transpose(0, 1).is_contiguous()


def test_of_a_small_image_the_border_stays():
    for side, left in ((3, 9), (6, 36), (7, 25), (8, 36)):  # 1, 16, 25 and 36 windows stay inside
        lr, hr, covered = torch.ones(side, side, 4), torch.ones(4 * side, 4 * side, 2), torch.ones(4, 2).bool()
        assert len(blocks_of(Scene(lr, hr, covered), 9).lr) == left


def test_a_mask_of_nothing_leaves_all_blocks():
    scene = made_up.masked_scene()
    everywhere = {name: torch.ones_like(getattr(scene, name)) for name in ("lr_valid", "hr_valid")}
    for blocks in (
        blocks_of(replace(scene, **everywhere), 4),
        blocks_of(replace(scene, lr_valid=None, hr_valid=None), 4),
    ):
        assert torch.equal(blocks.lr, scene.lr_hsi.flatten(0, 1))
        assert torch.equal(blocks.windows, windows(scene.hr_msi, 4, 4))


def test_masks_that_leave_no_block_are_refused():
    scene = made_up.masked_scene()
    holes = torch.ones_like(scene.hr_valid)
    holes[::4, 1::4] = False
    with pytest.raises(InputError, match=r"^masks: expected LR-HSI pixels with all of their HR-MSI pixels valid, got"):
        blocks_of(replace(scene, hr_valid=holes), 4)


def test_the_lr_pixels_to_use_can_be_given():
    """Whatever the masks say: whoever gives them has taken these into account."""
    scene = made_up.masked_scene()
    used = torch.arange(30) % 4 == 0
    blocks = blocks_of(scene, 8, used=used, binning=2)
    assert torch.equal(blocks.lr, (scene.lr_hsi / scene.unit).flatten(0, 1)[used])
    torch.testing.assert_close(blocks.windows, windows(scene.hr_msi / scene.msi_unit, 8, 4, binning=2)[used])
    assert blocks.windows.transpose(0, 1).is_contiguous()
    with pytest.raises(InputError, match=r"^masks: expected LR-HSI pixels"):
        blocks_of(scene, 8, used=torch.zeros(30, dtype=torch.bool))


def test_drawn_blocks_are_some_of_the_blocks():
    blocks = blocks_of(made_up.scene(), 7)
    index = torch.tensor([3, 0, 35, 3])
    drawn = blocks.by_block().sample(index)
    assert torch.equal(drawn.lr, blocks.lr[index]) and torch.equal(drawn.windows, blocks.windows[index])
    assert drawn.windows.transpose(0, 1).is_contiguous()  # as `windows` lays them out
