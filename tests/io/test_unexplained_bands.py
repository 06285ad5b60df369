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


def made_of_bands(z, kind):
    first, last = z[..., 0], z[..., -1]
    middle = z[..., 1].quantile(0.5)
    return {
        "mask": (first > first.quantile(0.9)).to(z),
        "classes": torch.bucketize(
            z[..., 1].contiguous(), z[..., 1].quantile(torch.tensor([0.2, 0.4, 0.6, 0.8]).to(z))
        ),
        "smoothed mask": torch.nn.functional.avg_pool2d((z[..., 1] > middle)[None].float(), 5, 1, 2)[0],
        "index": (last - first) / (last + first).abs().clamp(min=1e-2),
        "negative": -last,
        "difference": first - last,
    }[kind].to(z)


@pytest.mark.parametrize("kind", ["mask", "classes", "smoothed mask", "index", "negative", "difference"])
@pytest.mark.parametrize("noise", [0.0, 0.002])
def test_what_was_calculated_from_the_bands_is_no_mixture_of_spectra(kind, noise):
    y, z = pair(noise)
    assert found(y, torch.cat([z, made_of_bands(z, kind)[..., None]], 2)) == [False] * 3 + [True]


def test_other_units_and_mixtures_are_explained():
    y, z = pair()
    mixtures = [1e4 * z + 500, z.mean(2, keepdim=True), z[..., :1] + 3 * z[..., 2:]]
    assert found(y, torch.cat(mixtures, 2)) == [False] * 5


@pytest.mark.parametrize("noise", [(0.05, 0.0), (0.0, 0.05), (0.05, 0.05)])
def test_noise_is_not_taken_for_something_else(noise):
    images = pair()
    generator = torch.Generator().manual_seed(1)
    y, z = (
        image + level * torch.randn(image.shape, generator=generator)
        for image, level in zip(images, noise, strict=True)
    )
    assert found(y, z) == [False] * 3


def test_a_band_that_is_declared_is_believed_to_be_one_unless_it_hardly_is_predicted():
    y, z = pair()
    declared = torch.tensor([True] * 4)
    images = [torch.cat([z, made_of_bands(z, kind)[..., None]], 2) for kind in ("smoothed mask", "negative")]
    valid = torch.ones(y.shape[:2], dtype=torch.bool), torch.ones(images[0].shape, dtype=torch.bool)
    assert [unexplained_bands(y, image, *valid, declared).tolist()[3] for image in images] == [False, True]


def test_few_values_are_no_sign_where_all_bands_have_few():
    y, z = pair()
    assert found(y, (z / z.amax((0, 1)) * 12).round()) == [False] * 3
    assert found(y, (z / z.amax((0, 1)) * torch.tensor([12.0, 400.0, 4000.0])).round()) == [True, False, False]


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
