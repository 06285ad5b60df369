import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist

from udaln.errors import InputError
from udaln.io.gaps import fill_gaps, valid_values


def image(rows=7, columns=9, bands=3):
    return torch.rand(rows, columns, bands, generator=torch.Generator().manual_seed(0)) + 0.1


def test_an_image_without_gaps_stays_itself():
    whole = image()
    everywhere = torch.ones(7, 9, dtype=torch.bool)
    for filled in (fill_gaps(whole), fill_gaps(whole, everywhere), fill_gaps(whole, everywhere[..., None])):
        assert filled.image is whole and filled.valid is None and filled.gaps is None


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
def test_a_pixel_without_a_finite_value_in_half_of_the_bands_holds_no_data(value):
    spoilt = image()
    spoilt[2, 3, 1:] = spoilt[6, 8] = value
    filled, valid, gaps = fill_gaps(spoilt)
    expected = torch.ones(7, 9, dtype=torch.bool)
    expected[2, 3] = expected[6, 8] = False
    assert gaps is None
    assert torch.equal(valid, expected)
    assert filled.isfinite().all() and torch.equal(filled[expected], spoilt[expected])
    assert spoilt[2, 3, 1].isnan() or spoilt[2, 3, 1].isinf()  # what was given stays as it was


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_nearest_pixel_stands_for_one_without_data(dtype):
    whole = image(12, 10).to(dtype)
    valid = torch.rand(12, 10, generator=torch.Generator().manual_seed(1)) > 0.6
    spoilt = torch.where(valid[..., None], whole, torch.nan)
    filled, found, _ = fill_gaps(spoilt)
    assert filled.dtype == dtype and torch.equal(found, valid)
    places = np.argwhere(np.ones((12, 10)))
    apart = cdist(places, places[valid.flatten()])
    least = apart.min(1)
    pixels = whole.flatten(0, 1)[valid.flatten()]
    for pixel, distances, nearest in zip(filled.flatten(0, 1), apart, least, strict=True):
        assert any(torch.equal(pixel, pixels[i]) for i in np.flatnonzero(distances == nearest))


def test_a_mask_and_gaps_go_together():
    spoilt = image()
    spoilt[0, 0, :2] = torch.nan
    mask = torch.ones(7, 9, dtype=torch.bool)
    mask[6, 8] = False
    filled, valid, _ = fill_gaps(spoilt, mask)
    assert not valid[0, 0] and not valid[6, 8] and valid.sum() == 61
    assert torch.equal(filled[6, 8], filled[5, 8]) or torch.equal(filled[6, 8], filled[6, 7])
    assert mask[0, 0]  # which is the caller's


def test_where_nothing_holds_data_nothing_can_be_filled():
    nothing = torch.full((3, 3, 2), torch.nan)
    filled, valid, gaps = fill_gaps(nothing)
    assert filled is nothing and not valid.any() and gaps is None


def test_values_missing_in_some_bands_are_told_from_those_measured_and_come_near_what_they_were():
    generator = torch.Generator().manual_seed(2)
    whole = torch.rand(20, 30, 3, generator=generator) @ torch.rand(3, 40, generator=generator)
    noisy = whole + 0.002 * torch.randn(whole.shape, generator=generator)
    missing = torch.rand(whole.shape, generator=generator) < 0.05  # hardly a pixel is complete
    filled, valid, gaps = fill_gaps(torch.where(missing, torch.nan, noisy))
    assert valid is None and torch.equal(gaps, missing)
    assert torch.equal(filled[~missing], noisy[~missing])
    assert (filled - whole)[missing].square().mean().sqrt() < 0.005  # the values' standard deviation is 0.2
    assert torch.equal(fill_gaps(noisy, ~missing).gaps, missing)


def test_a_pixel_that_lacks_what_its_other_bands_do_not_tell_holds_no_data():
    generator = torch.Generator().manual_seed(3)
    free = torch.rand(20, 30, 3, generator=generator)
    whole = torch.cat([free, free[..., :2].mean(2, keepdim=True)], 2)  # the third band follows from none
    spoilt = whole.clone()
    spoilt[2, 3, 3], spoilt[4, 5, 0], spoilt[6, 7, 2] = torch.nan, torch.nan, torch.nan
    filled, valid, gaps = fill_gaps(spoilt, predictable=True)
    assert (~valid).nonzero().tolist() == [[6, 7]]
    assert gaps.nonzero().tolist() == [[2, 3, 3], [4, 5, 0]]
    assert (filled - whole)[gaps].abs().max() < 0.05
    assert fill_gaps(spoilt).valid is None
    assert (~fill_gaps(spoilt[:5, :6], predictable=True).valid).nonzero().tolist() == [[2, 3], [4, 5]]  # too few


def test_a_band_without_any_data_costs_no_other():
    spoilt = image(bands=6)
    spoilt[..., 2] = torch.nan
    filled, valid, gaps = fill_gaps(spoilt)
    assert valid is None and gaps[..., 2].all() and gaps.sum() == 63 and filled.isfinite().all()


def test_measurements_are_finite_and_allowed():
    whole = image()
    whole[0, 0, 0] = torch.nan
    valid = torch.ones(7, 9, dtype=torch.bool)
    valid[4] = False
    expected = torch.ones(7, 9, 3, dtype=torch.bool)
    expected[0, 0, 0] = False
    assert torch.equal(valid_values(whole, "LR-HSI"), expected)
    expected[4] = False
    assert torch.equal(valid_values(whole, "LR-HSI", valid=valid), expected)
    assert valid[:4].all()


def test_what_the_networks_could_not_hold_is_no_measurement():
    whole = image().double()
    whole[1, 2, 0] = 1e39  # beyond float32
    assert not valid_values(whole, "LR-HSI")[1, 2, 0] and valid_values(whole, "LR-HSI").sum() == 7 * 9 * 3 - 1


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"image": torch.rand(3, 4)},
            r"HR-MSI: expected a cube .*, got shape \(3, 4\); a single band is passed as image\[\.\.\., None\]",
        ),
        ({"image": torch.rand(3, 4), "name": "LR-HSI"}, r"LR-HSI: expected a cube .*, got shape \(3, 4\)"),
        ({"image": torch.full((3, 4, 2), torch.nan)}, "HR-MSI: expected finite values, got NaN or infinite ones only"),
        ({"valid": torch.ones(4, 3).bool()}, "HR-MSI mask: expected 3×4, got 4×3"),
        ({"valid": torch.tensor(True)}, "HR-MSI mask: expected 3×4, got a single number"),
        ({"valid": torch.zeros(3, 4).bool()}, "HR-MSI mask: expected it to leave some pixels with data, got none"),
    ],
)
def test_what_leaves_nothing_is_named(given, message):
    with pytest.raises(InputError, match=f"^{message}$"):
        valid_values(**{"image": torch.ones(3, 4, 2), "name": "HR-MSI"} | given)


def test_a_gap_of_a_whole_detector_follows_from_the_other_image():
    rng = np.random.default_rng(0)
    abundances = rng.random((24, 24, 6))
    image = torch.from_numpy(abundances @ rng.random((6, 30)))
    beside = image[..., :4] + 0.001 * torch.from_numpy(rng.standard_normal((24, 24, 4)))
    gappy = image.clone()
    gappy[:, :6, :10] = torch.nan
    filled = fill_gaps(gappy, beside=beside)
    assert filled.gaps.sum() == 24 * 6 * 10
    assert (filled.image - image)[filled.gaps].abs().max() < 0.01 * image.std()
