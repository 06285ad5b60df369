"""The windows of HR pixels that LR pixels cover, and the mean over them."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from udaln.errors import InputError
from udaln.physics.windows import degrade, middle, windows


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


@pytest.mark.parametrize("shift", [(0, 0), (2, -1)])
@pytest.mark.parametrize(("kernel_size", "scale"), [(3, 3), (7, 3)])
def test_windows_of_some_lr_pixels_are_some_of_all(kernel_size, scale, shift):
    image = torch.rand(5 * scale, 4 * scale, 2, generator=torch.Generator().manual_seed(0))
    at = torch.arange(20) % 3 == 1
    found = windows(image, kernel_size, scale, shift, at=at)
    assert torch.equal(found, windows(image, kernel_size, scale, shift)[at])
    assert found.transpose(0, 1).is_contiguous()


@pytest.mark.parametrize("shift", [(0, 0), (2, -1)])
@pytest.mark.parametrize(("kernel_size", "scale", "binning"), [(4, 4, 2), (8, 4, 2), (12, 4, 3), (9, 5, 3), (6, 3, 6)])
def test_pixels_of_binned_windows_are_means_of_squares(kernel_size, scale, binning, shift):
    image = torch.rand(5 * scale, 4 * scale, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    count, at = kernel_size // binning, torch.arange(20) % 3 == 1
    whole = windows(image, kernel_size, scale, shift).view(20, count, binning, count, binning, 2)
    expected = whole.mean((2, 4)).flatten(1, 2)
    found = windows(image, kernel_size, scale, shift, binning=binning)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-14)
    assert found.transpose(0, 1).is_contiguous()
    torch.testing.assert_close(windows(image, kernel_size, scale, shift, at=at, binning=binning), found[at])


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
