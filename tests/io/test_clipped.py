"""Values that were clipped are told, with the number as the file stores it."""

import made_up_pairs
import numpy as np
import pytest

from udaln.io import missing
from udaln.io.clipped import describe_clipped
from udaln.io.image import Packing


def numbers(seed=0):
    return np.random.default_rng(seed).normal(3000, 500, (60, 50, 5)).round()


@pytest.mark.parametrize("packing", [Packing(), Packing(1e-4, -0.1), Packing(np.array([1, 2, 3, 4, 5]) * 1e-4, 0.0)])
@pytest.mark.parametrize("share", [0.02, 0.3])
def test_a_pile_of_largest_numbers_is_told(packing, share):
    stored = numbers()
    limit = np.quantile(stored[..., 2], 1 - share)
    stored[..., 2] = np.minimum(stored[..., 2], limit)
    stored[:20, :20] = np.nan
    image = made_up_pairs.image((stored * packing.scale + packing.offset).astype(np.float64), packing=packing)
    (line,) = describe_clipped(image)
    assert line.startswith("band 2 (counted from 0): ") and f"dataset.saturation={limit:g} leaves" in line
    known = stored[..., 2][np.isfinite(stored[..., 2])]
    assert f"up to {100 * np.mean(known == limit):.2g} % of" in line


def test_several_bands_are_one_line_and_strips_are_one_image(monkeypatch):
    stored = np.minimum(numbers(), 3500)
    image = made_up_pairs.image(stored)
    (line,) = describe_clipped(image)
    assert line.startswith("bands 0–4 (counted from 0): ") and "3500" in line
    monkeypatch.setattr(missing, "IN_MEMORY", 2000)
    assert describe_clipped(image) == [line]


@pytest.mark.parametrize(
    "spoilt",
    [
        lambda stored: stored,
        lambda stored: np.maximum(stored, 3000),  # clipped below
        lambda stored: np.where(np.arange(5) == 1, stored > 3000, stored),  # a mask
        lambda stored: np.where(np.arange(5) == 1, 7.0, stored),
        lambda stored: np.where(np.arange(5) == 1, np.nan, stored),
        lambda stored: np.full_like(stored, np.nan),
        lambda stored: np.where(np.arange(60)[:, None, None] < 1, stored, np.nan),  # few pixels
        lambda stored: np.clip(stored / 20, 0, 255).round(),
    ],
)
def test_what_is_not_clipped_is_not_called_so(spoilt):
    assert describe_clipped(made_up_pairs.image(spoilt(numbers()))) == []
