"""Bands that are no mixture of hyperspectral bands are told from those that are."""

import made_up_pairs
import numpy as np
import pytest
import torch

from udaln.io.unexplained_bands import unexplained_bands

SIDES, SCALE = (24, 20), 3


def pair(noise=0.0, seed=0):
    lr_hsi, hr_msi, _ = made_up_pairs.images(SIDES, SCALE, bands=20, seed=seed)
    generator = torch.Generator().manual_seed(seed)
    y, z = torch.from_numpy(lr_hsi), torch.from_numpy(hr_msi)
    return tuple(image + noise * torch.randn(image.shape, generator=generator) for image in (y, z))


def found(y, z, lr_valid=None, hr_valid=None):
    lr_valid = torch.ones(y.shape[:2], dtype=torch.bool) if lr_valid is None else lr_valid
    hr_valid = torch.ones(z.shape, dtype=torch.bool) if hr_valid is None else hr_valid
    return unexplained_bands(y, z, lr_valid, hr_valid).tolist()


def flags(shape, kind):
    rows, columns = torch.meshgrid(*(torch.arange(float(side)) for side in shape), indexing="ij")
    generator = torch.Generator().manual_seed(9)
    return {
        "quality": 1024.0 * (torch.rand(shape, generator=generator) > 0.7),
        "heights": 300 + 40 * torch.sin(rows / 15) + columns,
        "detector": (columns // 11) % 4,
        "noise": torch.randn(shape, generator=generator),
    }[kind]


@pytest.mark.parametrize("kind", ["quality", "heights", "detector", "noise"])
@pytest.mark.parametrize("noise", [0.0, 0.01])
def test_what_is_no_measurement_of_the_spectra_is_found(kind, noise):
    y, z = pair(noise)
    assert found(y, z) == [False] * 3
    assert found(y, torch.cat([z, flags(z.shape[:2], kind)[..., None]], 2)) == [False] * 3 + [True]


@pytest.mark.parametrize("step", [(0, 0), (6, -9)])
def test_a_displacement_is_allowed_for(step):
    y, z = pair()
    moved = torch.roll(z, step, (0, 1))
    extra = torch.cat([moved, flags(z.shape[:2], "detector")[..., None]], 2)
    assert found(y, extra) == [False] * 3 + [True]


def test_other_units_and_combinations_are_explained():
    y, z = pair()
    assert found(y, torch.cat([1e4 * z + 500, -z[..., :1], (z[..., :1] - z[..., 1:2])], 2)) == [False] * 5


def test_what_is_not_valid_does_not_count():
    y, z = pair()
    lr_valid, hr_valid = torch.ones(SIDES, dtype=torch.bool), torch.ones(z.shape, dtype=torch.bool)
    lr_valid[:4], hr_valid[50:, :, 1] = False, False
    spoilt = torch.where(hr_valid, z, 1e6)
    assert found(torch.where(lr_valid[..., None], y, -1e6), spoilt, lr_valid, hr_valid) == [False] * 3


def test_where_nothing_can_be_said_no_band_is_named():
    y, z = pair()
    assert found(y[:4, :5], z[:12, :15]) == [False] * 3
    assert found(y, z[..., :1]) == [False]
    other = torch.from_numpy(np.random.default_rng(3).random(z.shape)).float()
    assert found(y, other) == [False] * 3  # no band is explained: the pair is no pair, whatever its bands are
