"""A band calculated from another one is told from bands that were measured, however alike."""

import made_up_pairs
import pytest
import torch

from udaln.io.calculated_bands import calculated_bands
from udaln.io.unexplained_bands import unexplained_bands

CURVES = {
    "logarithm": lambda band: (band + 0.01).log(),
    "decibel": lambda band: (-10 * (band + 0.01).log10()).round(decimals=1),
    "square": lambda band: band.square(),
    "root": lambda band: band.clamp(min=0).sqrt(),
    "clipped stretch": lambda band: ((band - band.mean()) / band.std()).clamp(-1, 1),
    "gamma of 8 bits": lambda band: (255 * (band / band.max()).clamp(0, 1) ** 0.45).round(),
    "percentile": lambda band: band.flatten().argsort().argsort().view(band.shape).float(),
}


def pair():
    lr_hsi, hr_msi, _ = made_up_pairs.images((24, 20), 3, bands=20, seed=0)
    return torch.from_numpy(lr_hsi), torch.from_numpy(hr_msi)


def found(image, unexplained=None, valid=None):
    valid = torch.ones(image.shape, dtype=torch.bool) if valid is None else valid
    unexplained = torch.arange(float(image.shape[2])) if unexplained is None else unexplained
    return calculated_bands(image, valid, unexplained).tolist()


@pytest.mark.parametrize("curve", CURVES)
def test_a_curve_of_another_band_is_found_whatever_its_place(curve):
    y, z = pair()
    band = CURVES[curve](z[..., 1])[..., None]
    assert found(torch.cat([z, band], 2)) == [False] * 3 + [True]
    for image, expected in (
        (torch.cat([z, band], 2), [False] * 3 + [True]),
        (torch.cat([band, z], 2), [True] + [False] * 3),
    ):
        valid = torch.ones(y.shape[:2], dtype=torch.bool), torch.ones(image.shape, dtype=torch.bool)
        assert unexplained_bands(y, image, *valid).tolist() == expected


def test_of_each_two_the_one_that_is_explained_worse_is_named():
    _, z = pair()
    image = torch.cat([z, CURVES["logarithm"](z[..., :1])], 2)
    assert found(image, torch.tensor([0.2, 0.1, 0.1, 0.1])) == [True, False, False, False]


def test_scaled_copies_and_bands_that_are_nearly_alike_are_left():
    _, z = pair()
    near = z[..., :1].square() + 1e-4 * torch.randn(z[..., :1].shape, generator=torch.Generator().manual_seed(0))
    assert found(torch.cat([z, 1e4 * z + 500, near], 2)) == [False] * 7
    assert found((200 * torch.cat([z, 2 * z], 2)).round()) == [False] * 6


def test_only_valid_values_count_and_few_are_not_enough():
    _, z = pair()
    image = torch.cat([z, CURVES["square"](z[..., :1])], 2)
    valid = torch.ones(image.shape, dtype=torch.bool)
    valid[:20, :, 3] = False
    assert found(torch.where(valid, image, -1.0), valid=valid) == [False] * 3 + [True]
    assert found(image[:30, :30]) == [False] * 4
