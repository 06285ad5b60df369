import made_up
import pytest
import torch
from torch.nn import functional as F

from udaln.errors import InputError
from udaln.scene import Known, Scene, Truth, windows


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


def test_blocks_are_the_scene_in_network_units():
    scene = Scene(*(1000 * image for image in pair()[:2]), pair()[2])
    blocks = scene.blocks(2)
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


def test_drawn_blocks_are_some_of_the_blocks():
    blocks = made_up.scene().blocks(7)
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
