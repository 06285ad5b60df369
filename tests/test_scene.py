"""The pair to fuse."""

from dataclasses import replace

import made_up
import pytest
import torch

from udaln.errors import InputError
from udaln.physics.blocks import blocks_of
from udaln.scene import Known, Scene, Truth


@pytest.mark.parametrize(("factor", "unit"), [(1.0, 1.0), (0.2, 1.0), (1e4, 1e4), (1e-3, 1e-3)])
def test_reflectance_is_left_alone_and_digital_numbers_are_scaled(factor, unit):
    lr, hr, covered = made_up.random_pair()
    top = max(lr.max(), hr.max())
    assert Scene(lr / top * factor, hr / top * factor, covered).unit == pytest.approx(unit)


@pytest.mark.parametrize(
    ("factors", "units"),
    [((1, 0.2), (1, 1)), ((1e4, 2e3), (1e4, 1e4)), ((1e4, 1), (1e4, 1)), ((1, 250), (1, 250)), ((1e-3, 1), (1e-3, 1))],
)
def test_images_of_the_same_kind_share_a_unit(factors, units):
    lr, hr, covered = made_up.random_pair()
    scene = Scene(factors[0] * lr / lr.max(), factors[1] * hr / hr.max(), covered)
    assert (scene.unit, scene.msi_unit) == pytest.approx(units)
    blocks = blocks_of(scene, 2)
    torch.testing.assert_close(blocks.lr.max().item(), factors[0] / units[0])
    torch.testing.assert_close(blocks.windows.max().item(), factors[1] / units[1])


@pytest.mark.parametrize("shift", [(0, 0), (3, -2), (-9, 6)])
def test_pixels_are_covered_where_both_images_hold_data(shift):
    scene = made_up.masked_scene(shift)
    rows, columns = (torch.arange(side) - moved for side, moved in zip((24, 20), shift, strict=True))
    under = ((rows // 4).clamp(0, 5) == 1)[:, None] & ((columns // 4).clamp(0, 4) == 3)
    assert torch.equal(scene.valid, scene.hr_valid & ~under)
    assert under.sum() == (0 if shift[0] == -9 else 16)  # there it lies beyond the image
    assert replace(scene, lr_valid=None, hr_valid=None).valid.all()
    assert torch.equal(replace(scene, lr_valid=None).valid, scene.hr_valid)


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
        Scene(*made_up.random_pair(), **{name: values.bool() for name, values in mask.items()})


def test_moving_a_scene_keeps_all_of_it():
    scene = made_up.scene()
    moved = scene.to(torch.device("cpu"))
    assert moved is not scene and moved.wavelengths is None
    for part in (scene, scene.truth, scene.known):
        for name, tensor in vars(part).items():
            counterpart = {Scene: moved, Truth: moved.truth, Known: moved.known}[type(part)]
            assert not isinstance(tensor, torch.Tensor) or torch.equal(getattr(counterpart, name), tensor)


def broken(**changes):
    lr, hr, covered = made_up.random_pair()
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
