import numpy as np
import pytest
import torch

from udaln.physics.interpolation import KERNEL_RADIUS, displaced, interpolate, keys_weight, mean_of_neighbours


def noise(rows=7, columns=9, bands=3):
    return torch.randn(rows, columns, bands, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def inside(image, scale, lr_pixels=3):
    """The part of an image that does not depend on the repeated border."""
    return image[lr_pixels * scale : -lr_pixels * scale, lr_pixels * scale : -lr_pixels * scale]


@pytest.mark.parametrize("scale", [2, 3, 5])
@pytest.mark.parametrize("shift", [(0.0, 0.0), (1.5, -0.4)])
def test_a_ramp_is_reproduced(scale, shift):
    """An LR pixel has its centre in the middle of r×r HR pixels, moved by the shift."""
    slope = torch.tensor([[2.0, -1.0], [0.5, 3.0]], dtype=torch.float64)  # [per HR pixel] down and to the right
    lr_places, hr_places = (
        torch.cartesian_prod(torch.arange(9.0 * r), torch.arange(8.0 * r)).double() for r in (1, scale)
    )
    low = (scale * lr_places + (scale - 1) / 2 + torch.tensor(shift, dtype=torch.float64)) @ slope
    result = interpolate(low.view(9, 8, 2), scale, shift)
    expected = (hr_places @ slope).view(9 * scale, 8 * scale, 2)
    torch.testing.assert_close(inside(result, scale), inside(expected, scale), rtol=0, atol=1e-9)


@pytest.mark.parametrize("shift", [(0.0, 0.0), (2.0, -0.7), (30.0, -30.0)])
def test_a_constant_stays_up_to_the_border(shift):
    low = torch.full((4, 6, 2), 0.3, dtype=torch.float64)
    torch.testing.assert_close(interpolate(low, 3, shift), torch.full((12, 18, 2), 0.3, dtype=torch.float64))


@pytest.mark.parametrize("offset", [(1, 0), (0, -2), (3, 1)])
def test_a_shift_moves_the_image_down_and_to_the_right(offset):
    low = noise(9, 9)
    shifted = interpolate(low, 3, offset)
    rolled = interpolate(low, 3).roll(offset, (0, 1))
    torch.testing.assert_close(inside(shifted, 3), inside(rolled, 3))
    assert not torch.allclose(inside(shifted, 3), inside(interpolate(low, 3), 3))


def test_centres_keep_their_values():
    low = noise()
    torch.testing.assert_close(interpolate(low, 3)[1::3, 1::3], low)


def test_bands_do_not_mix_and_sums_stay_sums():
    low = noise()
    result = interpolate(low, 4)
    for band in range(3):
        assert torch.equal(interpolate(low[..., band : band + 1], 4)[..., 0], result[..., band])
    torch.testing.assert_close(interpolate(low + 2 * low.flip(2), 4), result + 2 * result.flip(2))


@pytest.mark.parametrize("axes", [[0], [1], [0, 1]])
def test_a_flipped_image_gives_a_flipped_result(axes):
    low = noise()
    torch.testing.assert_close(interpolate(low.flip(axes), 4), interpolate(low, 4).flip(axes))
    torch.testing.assert_close(interpolate(low.transpose(0, 1), 4), interpolate(low, 4).transpose(0, 1))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_shape_and_dtype(dtype):
    result = interpolate(noise(2, 3).to(dtype), 5, (0.5, 0.0))
    assert result.shape == (10, 15, 3) and result.dtype == dtype


def test_the_weights_are_the_same_for_numpy_and_torch():
    distance = np.r_[np.linspace(0, KERNEL_RADIUS, 1001), np.nextafter(1, [0, 2])]
    weights, in_torch = keys_weight(distance), keys_weight(torch.from_numpy(distance))
    assert isinstance(weights, np.ndarray) and isinstance(in_torch, torch.Tensor)
    assert weights.dtype == np.float64 and in_torch.dtype == torch.float64
    np.testing.assert_array_equal(weights, in_torch.numpy())
    assert keys_weight(torch.from_numpy(distance).float()).dtype == torch.float32
    written_out = np.where(  # Keys' eq. 15
        distance < 1,
        1.5 * distance**3 - 2.5 * distance**2 + 1,
        -0.5 * distance**3 + 2.5 * distance**2 - 4 * distance + 2,
    )
    np.testing.assert_allclose(weights, written_out, rtol=0, atol=1e-14)


def test_the_weights_of_a_point_sum_to_one_and_reproduce_a_parabola():
    position = np.linspace(0, 1, 101)
    pixels = np.arange(-1, 3)[:, None]
    weights = keys_weight(np.abs(position - pixels))
    for power in (0, 1, 2):
        np.testing.assert_allclose((weights * pixels.astype(float) ** power).sum(0), position**power, atol=1e-14)


def test_each_band_moves_by_its_own_displacement():
    image = noise()
    down_right = torch.tensor([[0.0, 2.0, -1.0], [0.0, -1.0, 0.0]], dtype=torch.float64)
    result = displaced(image, down_right)
    assert torch.equal(result[..., 0], image[..., 0])
    torch.testing.assert_close(result[2:, :-1, 1], image[:-2, 1:, 1])
    torch.testing.assert_close(result[:-1, :, 2], image[1:, :, 2])
    assert displaced(image, torch.zeros(2, 3)) is image


def test_a_fraction_moves_a_ramp():
    rows, columns = torch.meshgrid(torch.arange(9.0), torch.arange(8.0), indexing="ij")
    ramp = (2 * rows - 3 * columns)[..., None].double()
    result = displaced(ramp, torch.tensor([[0.3], [-0.8]], dtype=torch.float64))
    torch.testing.assert_close(inside(result, 1), inside(ramp - 2 * 0.3 - 3 * 0.8, 1))


def test_neighbours_are_the_valid_ones_of_four():
    image = torch.arange(12, dtype=torch.float64).view(3, 4, 1)
    valid = torch.ones(3, 4, dtype=torch.bool)
    valid[1, 2] = False
    mean = mean_of_neighbours(image, valid)[..., 0]
    assert mean[1, 1] == (1 + 4 + 9) / 3 and mean[0, 0] == (1 + 4) / 2 and mean[1, 2] == (2 + 5 + 7 + 10) / 4
    assert mean_of_neighbours(image[:1, :1], valid[:1, :1]).isnan().all()
