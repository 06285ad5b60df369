"""Fill that the other image contradicts is found in any band; flat, dark, saturated and displaced ground is not."""

import logging

import made_up_pairs
import numpy as np
import pytest
import torch

import udaln
from udaln.io.pair import Pair
from udaln.io.pair_fill import find_pair_fill, without_pair_fill

SCALE = 3


def spectra(bands=20, seed=0):
    """Ground of 72×60 pixels: fields and texture, with a lake that is dark in the last half of the bands."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:72, :60]
    shares = np.stack([1.2 + np.sin(rows / 7), 1 + np.cos(columns / 5 + rows / 9), rng.random((72, 60))], 2)
    ground = shares @ rng.uniform(0.05, 0.3, (3, bands))
    water = np.where(np.arange(bands) < bands // 2, 0.08, 0.01)
    return np.where(lake()[..., None], water, ground)


def lake():
    rows, columns = np.mgrid[:72, :60]
    return (rows - 20) ** 2 + (columns - 14) ** 2 < 90


def pair(levels=None, seed=0):
    """LR-HSI and HR-MSI of four bands, with little noise; as whole numbers of so many levels."""
    rng = np.random.default_rng(seed)
    truth = spectra(seed=seed)
    lr_hsi = truth.reshape(24, SCALE, 20, SCALE, -1).mean((1, 3)) + rng.normal(0, 1e-3, (24, 20, 20))
    hr_msi = truth.reshape(72, 60, 4, 5).mean(3)
    hr_msi = hr_msi + np.where(lake()[..., None], 0, rng.normal(0, 1e-3, hr_msi.shape))
    if levels:
        hr_msi = np.rint(hr_msi / hr_msi.max() * levels)
    return lr_hsi.astype(np.float32), hr_msi.astype(np.float32)


def turned():
    rows, columns = np.mgrid[:72, :60]
    return rows + 0.5 * columns > 70


def block():
    there = np.zeros((72, 60), bool)
    there[40:52, 20:36] = True
    return there


def found(lr_hsi, hr_msi):
    return find_pair_fill(torch.from_numpy(lr_hsi), torch.from_numpy(hr_msi))


@pytest.mark.parametrize("where", [turned, block])
@pytest.mark.parametrize("number", [0, -9999, 65535, 0.25])
@pytest.mark.parametrize("bands", [[0], [3], [0, 1, 2, 3]])
def test_fill_of_one_band_or_of_all_is_found(bands, number, where):
    lr_hsi, hr_msi = pair()
    hr_msi[..., bands] = np.where(where()[..., None], number, hr_msi[..., bands])
    (fill,) = found(lr_hsi, hr_msi)
    assert fill.certain and np.flatnonzero(~np.isnan(fill.numbers)).tolist() == bands
    np.testing.assert_array_equal(fill.flags(hr_msi), where()[..., None] & np.isin(np.arange(4), bands))


def test_fill_of_two_bands_is_found_in_each():
    lr_hsi, hr_msi = pair()
    hr_msi[block(), :2] = 0
    assert [np.flatnonzero(~np.isnan(fill.numbers)).tolist() for fill in found(lr_hsi, hr_msi)] == [[0], [1]]


@pytest.mark.parametrize("levels", [None, 10_000, 1023, 255, 31, 7])
@pytest.mark.parametrize(
    "change",
    [
        lambda image: image,
        lambda image: np.minimum(image, np.quantile(image, 0.7, (0, 1))),  # saturated
        lambda image: np.minimum(image, np.quantile(image, 0.99)),
        lambda image: np.maximum(image - np.quantile(image, 0.3, (0, 1)), 0),  # clipped below
        lambda image: np.roll(image, (2 * SCALE, SCALE), (0, 1)),  # displaced
        lambda image: image[..., :1],
        lambda image: image[::-1],  # no pair
    ],
)
def test_measurements_are_left_in_peace(change, levels):
    lr_hsi, hr_msi = pair(levels)
    assert not found(lr_hsi, np.ascontiguousarray(change(hr_msi), np.float32))


def test_classes_and_masks_are_no_fill():
    lr_hsi, hr_msi = pair()
    classes = (hr_msi[..., :1] > np.median(hr_msi[..., 0])).astype(np.float32)
    assert not found(lr_hsi, np.concatenate([hr_msi, classes, 255 * turned()[..., None].astype(np.float32)], 2))


def test_a_number_that_other_pixels_have_too_is_said_and_not_masked():
    lr_hsi, hr_msi = pair(31)
    number = np.quantile(hr_msi[~lake(), 0], 0.9).round()
    corners = [(row, column) for row in range(36, 60, 3) for column in range(0, 48, 3)]
    row, column = min(corners, key=lambda at: hr_msi[at[0] : at[0] + 6, at[1] : at[1] + 6, 0].mean())
    hr_msi[row : row + 6, column : column + 6, 0] = number
    (fill,) = (fill for fill in found(lr_hsi, hr_msi) if fill.numbers[0] == number)
    assert not fill.certain and f"fill {number:g} in band 0" in fill.doubt
    images = made_up_pairs.image(lr_hsi), made_up_pairs.image(hr_msi)
    view = without_pair_fill(images[1], Pair(*images, SCALE))
    assert not view.causes and view.notes == (fill.doubt,)


def test_the_view_and_the_arrays_of_python_have_no_data_there(caplog):
    lr_hsi, hr_msi = pair()
    hr_msi[turned()] = 0.25
    images = made_up_pairs.image(lr_hsi), made_up_pairs.image(hr_msi)
    view = without_pair_fill(images[1], Pair(*images, SCALE))
    np.testing.assert_array_equal(view.whole(), np.where(turned()[..., None], np.nan, hr_msi))
    with caplog.at_level(logging.WARNING):
        image = udaln.fuse(lr_hsi, hr_msi, progress=False, accelerator="cpu", method="regression").image
    assert "fill 0.25 in all bands" in caplog.text
    assert np.isnan(image).all(2)[turned()].all() and np.isfinite(image[:30]).all()


def test_a_pair_too_large_is_looked_at_in_plots(monkeypatch):
    lr_hsi, hr_msi = (np.tile(image, (3, 3, 1)) for image in pair())
    hr_msi[100:, 80:, 2] = 0
    images = made_up_pairs.image(lr_hsi), made_up_pairs.image(hr_msi)
    monkeypatch.setattr("udaln.io.pair_fill.SAMPLE", 2000)
    assert np.isnan(without_pair_fill(images[1], Pair(*images, SCALE)).whole()[100:, 80:, 2]).all()


def test_nothing_is_found_where_there_is_nothing():
    lr_hsi, hr_msi = pair()
    assert not found(np.full_like(lr_hsi, np.nan), hr_msi)
    assert not found(lr_hsi, np.full_like(hr_msi, np.nan))
    assert not found(np.ones_like(lr_hsi), np.ones_like(hr_msi))
    assert not found(lr_hsi[:2, :2], hr_msi[:6, :6])
