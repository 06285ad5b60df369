"""Bands made of larger pixels are told from sharp ones."""

import pytest
import torch
from torch.nn.functional import interpolate

from udaln.io.coarse_bands import coarse_factors


def scene(side=96, bands=2, seed=0):
    """Textures with detail down to the pixel."""
    generator = torch.Generator().manual_seed(seed)
    image = sum(
        interpolate(
            torch.randn(1, bands, side // size, side // size, generator=generator), (side, side), mode="nearest"
        )
        for size in (16, 8, 4)
    )
    rough = torch.cumsum(torch.randn(1, bands, side, side, generator=generator), 3) / 5
    return (image + rough + torch.randn(1, bands, side, side, generator=generator))[0].permute(1, 2, 0)


def upsampled(image, factor, mode):
    small = interpolate(image.permute(2, 0, 1)[None], scale_factor=1 / factor, mode="area")
    return interpolate(small, image.shape[:2], mode=mode)[0].permute(1, 2, 0)


def factors(image, valid=None):
    return coarse_factors(image, torch.ones_like(image, dtype=torch.bool) if valid is None else valid).tolist()


@pytest.mark.parametrize("factor", [2, 3, 4, 6])
@pytest.mark.parametrize("phase", [0, 1])
def test_repeated_pixels_tell_their_size(factor, phase):
    sharp = scene()
    both = torch.cat([sharp, upsampled(sharp, factor, "nearest")], 2)[phase:, phase:]
    assert factors(both) == [1, 1, factor, factor]
    valid = torch.rand(both.shape, generator=torch.Generator().manual_seed(1)) > 0.3
    for missing in (1e6, torch.nan):
        assert factors(torch.where(valid, both, missing), valid) == [1, 1, factor, factor]


def test_pixels_interpolated_between_ones_twice_as_large_are_seen():
    sharp = scene()
    assert factors(torch.cat([sharp, upsampled(sharp, 2, "bilinear")], 2)) == [1, 1, 2, 2]


def test_small_or_flat_images_say_nothing():
    assert factors(scene()[:6, :6]) == [1, 1]
    assert factors(torch.ones(40, 40, 1)) == [1]
