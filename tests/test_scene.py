from dataclasses import replace

import made_up
import numpy as np
import pytest
import torch
from torch.nn import functional as F

from udaln.errors import InputError
from udaln.physics.blocks import blocks_of
from udaln.physics.observation import MAX_INVALID, degraded, usable_lr_pixels
from udaln.physics.simulation import gaussian_psf
from udaln.physics.windows import degrade, middle, windows
from udaln.scene import Known, Scene, Truth


def pair(lr=(3, 4, 6), hr=(6, 8, 2), covered=None):
    generator = torch.Generator().manual_seed(0)
    covered = torch.ones(lr[2], hr[2], dtype=torch.bool) if covered is None else covered
    return torch.rand(lr, generator=generator) + 0.1, torch.rand(hr, generator=generator) + 0.1, covered


@pytest.mark.parametrize(("kernel_size", "scale"), [(2, 2), (5, 5), (3, 2), (5, 2), (7, 3), (4, 3), (8, 3)])
def test_windows_are_what_a_strided_convolution_sees(kernel_size, scale):
    image = torch.rand(6 * scale, 4 * scale, 3, dtype=torch.float64)
    kernel = torch.rand(kernel_size, kernel_size, dtype=torch.float64)
    before = (kernel_size - scale) // 2
    after = kernel_size - scale - before
    padded = F.pad(image.permute(2, 0, 1)[:, None], (before, after, before, after), mode="replicate")
    expected = F.conv2d(padded, kernel[None, None], stride=scale)[:, 0].permute(1, 2, 0).reshape(-1, 3)
    actual = torch.einsum("nkb,k->nb", windows(image, kernel_size, scale), kernel.flatten())
    torch.testing.assert_close(actual, expected)


def test_windows_without_overlap_hold_every_pixel_once():
    image = torch.arange(6 * 4 * 2.0).view(6, 4, 2)
    assert sorted(windows(image, 2, 2).flatten().tolist()) == image.flatten().tolist()


def test_windows_refuse_a_kernel_that_leaves_pixels_out():
    with pytest.raises(InputError, match="at least the scale factor 3, got 2"):
        windows(torch.rand(6, 6, 1), 2, 3)


@pytest.mark.parametrize("shift", [(0, 0), (1, 0), (-2, 3), (7, -11), (40, 2)])
@pytest.mark.parametrize(("kernel_size", "scale"), [(3, 3), (4, 3), (7, 3), (5, 2)])
def test_windows_are_moved_by_the_shift(kernel_size, scale, shift):
    """Pixel by pixel: what lies beyond the image is its border, or whatever is said to be there."""
    image = torch.rand(5 * scale, 4 * scale, 2, generator=torch.Generator().manual_seed(0))
    found = windows(image, kernel_size, scale, shift).view(5, 4, kernel_size, kernel_size, 2)
    beyond = windows(image, kernel_size, scale, shift, beyond=-1.0).view(5, 4, kernel_size, kernel_size, 2)
    for i, j, a, b in np.ndindex(5, 4, kernel_size, kernel_size):
        row, column = (
            at * scale - (kernel_size - scale) // 2 + step + moved
            for at, step, moved in zip((i, j), (a, b), shift, strict=True)
        )
        clamped = image[min(max(row, 0), 5 * scale - 1), min(max(column, 0), 4 * scale - 1)]
        assert torch.equal(found[i, j, a, b], clamped)
        within = 0 <= row < 5 * scale and 0 <= column < 4 * scale
        assert torch.equal(beyond[i, j, a, b], clamped if within else torch.full((2,), -1.0))


def test_windows_leave_the_image_as_it_was():
    image = torch.rand(6, 6, 2)
    before = image.clone()
    windows(image, 5, 3, (2, -1), beyond=9.0)
    assert torch.equal(image, before)


def test_windows_lie_pixel_by_pixel_in_memory():
    for shift in ((0, 0), (2, -1)):
        assert windows(torch.rand(6, 9, 2), 4, 3, shift).transpose(0, 1).is_contiguous()


@pytest.mark.parametrize("shift", [(1, 0), (0, -2), (3, 4), (-7, 6)])
@pytest.mark.parametrize("kernel_size", [4, 7, 9])
def test_a_shift_degrades_as_a_rolled_image(shift, kernel_size):
    image = torch.rand(40, 48, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    psf = torch.rand(kernel_size, kernel_size, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    found = degrade(image, psf, 4, shift)
    rolled = degrade(image.roll([-part for part in shift], (0, 1)), psf, 4)
    assert found.shape == rolled.shape == (10, 12, 3)
    torch.testing.assert_close(found[3:-3, 3:-3], rolled[3:-3, 3:-3])
    assert not torch.allclose(found, degrade(image, psf, 4))


@pytest.mark.parametrize(("kernel_size", "scale"), [(4, 4), (5, 4), (9, 4), (5, 5), (12, 5), (11, 5)])
def test_the_middle_is_where_the_lr_pixel_lies_in_its_window(kernel_size, scale):
    """Of the pixels' own row numbers, those of the LR pixel have their mean there."""
    rows = torch.arange(6.0 * scale)[:, None, None].expand(-1, 3 * scale, -1)
    first_of_window = windows(rows, kernel_size, scale).view(6, 3, kernel_size, kernel_size)[3, 1, 0, 0]
    assert first_of_window + middle(kernel_size, scale) == rows[3 * scale : 4 * scale, 0, 0].mean()


def test_blocks_are_the_scene_in_network_units():
    scene = Scene(*(1000 * image for image in pair()[:2]), pair()[2])
    blocks = blocks_of(scene, 2)
    assert scene.unit == pytest.approx(max(scene.lr_hsi.max(), scene.hr_msi.max()))
    assert blocks.lr.shape == (12, 6) and blocks.windows.shape == (12, 4, 2)
    assert max(blocks.lr.max(), blocks.windows.max()) == pytest.approx(1)
    torch.testing.assert_close(blocks.lr[5] * scene.unit, scene.lr_hsi[1, 1])
    torch.testing.assert_close(blocks.windows[5].view(2, 2, 2) * scene.unit, scene.hr_msi[2:4, 2:4])


@pytest.mark.parametrize(("factor", "unit"), [(1.0, 1.0), (0.2, 1.0), (1e4, 1e4), (1e-3, 1e-3)])
def test_reflectance_is_left_alone_and_digital_numbers_are_scaled(factor, unit):
    lr, hr, covered = pair()
    top = max(lr.max(), hr.max())
    assert Scene(lr / top * factor, hr / top * factor, covered).unit == pytest.approx(unit)


@pytest.mark.parametrize(
    ("factors", "units"),
    [((1, 0.2), (1, 1)), ((1e4, 2e3), (1e4, 1e4)), ((1e4, 1), (1e4, 1)), ((1, 250), (1, 250)), ((1e-3, 1), (1e-3, 1))],
)
def test_images_of_the_same_kind_share_a_unit(factors, units):
    lr, hr, covered = pair()
    scene = Scene(factors[0] * lr / lr.max(), factors[1] * hr / hr.max(), covered)
    assert (scene.unit, scene.msi_unit) == pytest.approx(units)
    blocks = blocks_of(scene, 2)
    torch.testing.assert_close(blocks.lr.max().item(), factors[0] / units[0])
    torch.testing.assert_close(blocks.windows.max().item(), factors[1] / units[1])


def masked(shift=(0, 0)):
    """6×5 LR pixels of 4×4, of which one has no data, and some HR pixels beside."""
    generator = torch.Generator().manual_seed(0)
    lr, hr = torch.rand(6, 5, 4, generator=generator), torch.rand(24, 20, 2, generator=generator)
    lr_valid, hr_valid = torch.ones(6, 5, dtype=torch.bool), torch.ones(24, 20, dtype=torch.bool)
    lr_valid[1, 3] = hr_valid[17, 6:11] = False
    covered = torch.ones(4, 2, dtype=torch.bool)
    return Scene(lr, hr, covered, lr_valid=lr_valid, hr_valid=hr_valid, shift=shift)


@pytest.mark.parametrize("kernel_size", [4, 5, 7])
@pytest.mark.parametrize("shift", [(0, 0), (2, 1), (-4, 0)])
def test_blocks_without_data_are_left_out_with_those_that_leave_the_image(kernel_size, shift):
    scene = masked(shift)
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
    scene = masked()
    everywhere = {name: torch.ones_like(getattr(scene, name)) for name in ("lr_valid", "hr_valid")}
    for blocks in (
        blocks_of(replace(scene, **everywhere), 4),
        blocks_of(replace(scene, lr_valid=None, hr_valid=None), 4),
    ):
        assert torch.equal(blocks.lr, scene.lr_hsi.flatten(0, 1))
        assert torch.equal(blocks.windows, windows(scene.hr_msi, 4, 4))


def test_masks_that_leave_no_block_are_refused():
    scene = masked()
    holes = torch.ones_like(scene.hr_valid)
    holes[::4, 1::4] = False
    with pytest.raises(InputError, match=r"^masks: expected LR-HSI pixels with all of their HR-MSI pixels valid, got"):
        blocks_of(replace(scene, hr_valid=holes), 4)


def test_a_block_is_valid_by_the_part_of_its_psf_that_lies_on_data():
    scene = masked()
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
    assert usable_lr_pixels(scene, gaussian_psf(9, 4, 2.0)).all()  # which sees next to nothing of it
    assert usable_lr_pixels(scene, torch.ones(4, 4)).all()
    moved = torch.ones(9, 8, dtype=torch.bool)
    moved[-2:] = moved[:, 0] = False
    assert torch.equal(usable_lr_pixels(replace(scene, shift=(5, -4)), torch.ones(4, 4)), moved.flatten())


@pytest.mark.parametrize("shift", [(0, 0), (3, -2), (-9, 6)])
def test_pixels_are_covered_where_both_images_hold_data(shift):
    scene = masked(shift)
    rows, columns = (torch.arange(side) - moved for side, moved in zip((24, 20), shift, strict=True))
    under = ((rows // 4).clamp(0, 5) == 1)[:, None] & ((columns // 4).clamp(0, 4) == 3)
    assert torch.equal(scene.valid, scene.hr_valid & ~under)
    assert under.sum() == (0 if shift[0] == -9 else 16)  # there it lies beyond the image
    assert replace(scene, lr_valid=None, hr_valid=None).valid.all()
    assert torch.equal(replace(scene, lr_valid=None).valid, scene.hr_valid)


def test_a_scene_degrades_with_its_shift():
    scene, psf = masked((3, -2)), gaussian_psf(7, 4, 4.0)
    torch.testing.assert_close(degraded(scene, scene.hr_msi, psf), degrade(scene.hr_msi, psf, 4, (3, -2)).flatten(0, 1))


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        ({"lr_valid": torch.ones(3, 5)}, "LR-HSI mask: expected shape 3×4, got 3×5"),
        ({"hr_valid": torch.ones(3, 4)}, "HR-MSI mask: expected shape 6×8, got 3×4"),
        ({"lr_valid": torch.zeros(3, 4)}, "LR-HSI mask: expected some valid pixels, got none"),
        ({"hr_valid": torch.zeros(6, 8)}, "HR-MSI mask: expected some valid pixels, got none"),
    ],
)
def test_masks_that_do_not_fit_are_refused(mask, message):
    with pytest.raises(InputError, match=f"^{message}$"):
        Scene(*pair(), **{name: values.bool() for name, values in mask.items()})


def test_drawn_blocks_are_some_of_the_blocks():
    blocks = blocks_of(made_up.scene(), 7)
    index = torch.tensor([3, 0, 35, 3])
    drawn = blocks.by_block().sample(index)
    assert torch.equal(drawn.lr, blocks.lr[index]) and torch.equal(drawn.windows, blocks.windows[index])
    assert drawn.windows.transpose(0, 1).is_contiguous()  # as `windows` lays them out


def test_moving_a_scene_keeps_all_of_it():
    scene = made_up.scene()
    moved = scene.to(torch.device("cpu"))
    assert moved is not scene and moved.wavelengths is None
    for part in (scene, scene.truth, scene.known):
        for name, tensor in vars(part).items():
            counterpart = {Scene: moved, Truth: moved.truth, Known: moved.known}[type(part)]
            assert not isinstance(tensor, torch.Tensor) or torch.equal(getattr(counterpart, name), tensor)


def broken(**changes):
    lr, hr, covered = pair()
    given = {"lr": lr, "hr": hr, "covered": covered} | changes
    return given["lr"], given["hr"], given["covered"]


NAN = torch.where(torch.arange(6) == 2, torch.nan, 1.0).expand(3, 4, 6)
DEAD = torch.where(torch.arange(6) == 2, 0.0, 1.0).expand(3, 4, 6)
UNCOVERED = torch.tensor([[True, False]]).expand(6, 2)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (broken(lr=torch.rand(3, 4)), r"LR-HSI: expected a cube .* got shape \(3, 4\)"),
        (broken(lr=NAN), "LR-HSI: expected finite values, got 12 NaN"),
        (broken(lr=DEAD), "LR-HSI: .* only zeros in band 2"),
        (broken(hr=torch.rand(7, 8, 2)), "sizes: .* got 7×8"),
        (broken(hr=torch.rand(6, 12, 2)), "sizes: .* got 6×12"),
        (broken(hr=torch.rand(3, 4, 2)), "sizes: .* r ≥ 2, got 3×4"),
        (broken(hr=torch.rand(6, 8, 7)), "no more bands than the LR-HSI's 6, got 7"),
        (broken(covered=torch.ones(5, 2, dtype=torch.bool)), "support: expected shape 6×2, got 5×2"),
        (broken(covered=UNCOVERED), "MSI band 1 covers none of the 6"),
    ],
)
def test_what_is_no_pair_is_refused(given, message):
    with pytest.raises(InputError, match=message):
        Scene(*given)
