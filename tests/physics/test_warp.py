"""An image is resampled by a displacement that varies, and moved back."""

import numpy as np
import pytest
import torch
from made_up_warps import displacement

from udaln.physics.warp import Warp, warped

SIDES = 40, 36
FIELD = displacement(SIDES)


def smooth(bands):
    """An image without detail, which splines reproduce."""
    at = torch.from_numpy(np.indices(SIDES).astype(float))
    waves = [
        torch.sin(0.11 * at[0] + 0.07 * at[1] + band) + 0.3 * torch.cos(0.09 * at[1] * (band + 1))
        for band in range(bands)
    ]
    return torch.stack(waves, -1)


def warp_of(hr_msi):
    return Warp(FIELD, hr_msi, None, returns=True)


def test_a_displacement_tells_what_a_pixel_shows():
    at = torch.from_numpy(np.indices(SIDES).astype(float)).movedim(0, -1)
    shown = warped(at, FIELD, order=3)[4:-4, 4:-4]
    torch.testing.assert_close(shown, (at + FIELD.movedim(0, -1))[4:-4, 4:-4], rtol=0, atol=0.02)
    torch.testing.assert_close(warped(at, torch.zeros_like(FIELD), order=3), at)


def test_an_image_is_moved_back_to_where_it_was():
    image = smooth(3)
    there = warped(image, FIELD, order=3)
    back = warped(there, warp_of(image).inverse, order=3)
    assert (there - image).abs().max() > 0.1
    assert (back - image)[4:-4, 4:-4].abs().max() < 2e-3


def test_detail_that_the_hr_msi_shows_is_not_interpolated():
    rng = np.random.default_rng(0)
    hr_msi = torch.from_numpy(rng.normal(size=(*SIDES, 3)))  # noise, of which splines leave little
    here = warped(hr_msi, FIELD, order=3)
    mixing = torch.from_numpy(rng.normal(size=(3, 5)))
    moved = warp_of(hr_msi).back(here @ mixing + 0.4, here, hr_msi)
    torch.testing.assert_close(moved, hr_msi @ mixing + 0.4)
    blurred = warped(here, warp_of(hr_msi).inverse, order=1)
    assert (blurred - hr_msi).square().mean() > 0.2


@pytest.mark.parametrize("shift", [(0.0, 0.0), (1.25, -0.5)])
def test_mean_and_spread(shift):
    field = torch.tensor(shift).double()[:, None, None] + FIELD - FIELD.mean((1, 2), keepdim=True)
    warp = Warp(field, smooth(1), None, returns=False)
    assert warp.mean == pytest.approx(shift, abs=1e-12)
    assert warp.spread == pytest.approx(float((FIELD - FIELD.mean((1, 2), keepdim=True)).square().sum(0).mean() ** 0.5))
