"""Sharpened bands beside sharp ones: the same whatever window is read, and no more read than is needed."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from udaln.errors import InputError
from udaln.io import sharpened as module
from udaln.io.grid import Grid
from udaln.io.image import Bands, Cause, Image
from udaln.io.sharpened import sharpened

ORDER = [0, 2, 3, 1, 4]


def in_memory(values, names, size=10.0, seen=None):
    def read(rows, cols):
        if seen is not None:
            seen.append((rows, cols))
        return values[rows, cols]

    missing = Cause("gap", lambda rows, cols: np.isnan(values[rows, cols]))
    bands = Bands(names, np.arange(1.0, len(names) + 1) * 100, np.full(len(names), 5.0))
    grid = Grid("", (size, 0, 1000, 0, -size, 2000))
    return Image("x", "test", values.shape, values.dtype, read, bands, grid, causes=(missing,), notes=(f"{size}",))


def pair(side=(90, 76), seed=0, varying=0.0):
    """Two sharp bands, three that follow from them within their pixels, more or less; a gap in each image."""
    rng = np.random.default_rng(seed)
    sharp = gaussian_filter(rng.uniform(size=(2 * side[0], 2 * side[1], 2)), (1, 1, 0)).astype(np.float32)
    change = 1 + varying * np.sin(np.arange(2 * side[1]) / 10)
    fine = sharp @ rng.uniform(0, 1, (2, 3)).astype(np.float32) * change[:, None].astype(np.float32)
    coarse = fine.reshape(side[0], 2, side[1], 2, 3).mean((1, 3))
    sharp[40:43, 50:56] = np.nan
    coarse[10, 20, 1] = np.nan
    return sharp, coarse, fine


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr(module, "BLOCK", 32)


@pytest.mark.parametrize("varying", [0, 0.3])
def test_every_window_shows_the_same(small_blocks, varying):
    sharp, coarse, fine = pair(varying=varying)
    image = sharpened(in_memory(sharp, "ab"), in_memory(coarse, "cde", 20.0), ORDER)
    whole = image.whole()
    assert whole.shape == image.shape == (180, 152, 5)
    assert whole.dtype == np.float32
    rng = np.random.default_rng(1)
    for _ in range(12):
        (top, bottom), (left, right) = (np.sort(rng.choice(side + 1, 2, replace=False)) for side in whole.shape[:2])
        part = image.read(slice(int(top), int(bottom)), slice(int(left), int(right)))
        np.testing.assert_allclose(part, whole[top:bottom, left:right], rtol=1e-5)
    bands = whole[..., [1, 2, 4]]
    filled = np.isfinite(bands)
    assert np.abs(bands - fine)[filled].max() < (0.4 if varying else 0.1) * np.ptp(fine)
    assert np.abs(bands - fine)[filled].mean() < 0.02 * np.ptp(fine)


def test_gaps_are_those_of_both_images():
    sharp, coarse, _ = pair()
    image = sharpened(in_memory(sharp, "ab"), in_memory(coarse, "cde", 20.0), ORDER)
    gap = np.isnan(sharp).any(2)
    expected = np.concatenate([np.isnan(sharp), np.isnan(coarse).repeat(2, 0).repeat(2, 1) | gap[..., None]], 2)
    np.testing.assert_array_equal(np.isnan(image.whole()), expected[..., ORDER])
    own = np.concatenate([np.isnan(sharp), np.isnan(coarse).repeat(2, 0).repeat(2, 1)], 2)[..., ORDER]
    (cause,) = image.causes
    np.testing.assert_array_equal(cause.flags(slice(3, 171), slice(0, 151)), own[3:171, :151])


def test_metadata_are_those_of_both_images():
    sharp, coarse, _ = pair()
    image = sharpened(in_memory(sharp, "ab"), in_memory(coarse, "cde", 20.0), ORDER)
    assert image.bands.names == ["a", "c", "d", "b", "e"]
    assert image.bands.wavelengths.tolist() == [100, 100, 200, 200, 300]
    assert image.notes == ("10.0", "20.0")
    assert image.grid.transform[0] == 10


def test_little_is_read_for_a_small_window(small_blocks):
    sharp, coarse, _ = pair((320, 320))
    seen = []
    image = sharpened(in_memory(sharp, "ab", seen=seen), in_memory(coarse, "cde", 20.0), ORDER)
    assert not seen
    image.read(slice(300, 310), slice(300, 310))
    rows = [rows for rows, _ in seen]
    assert min(span.start for span in rows) > 150
    assert max(span.stop for span in rows) < 450
    count = len(seen)
    image.read(slice(305, 310), slice(300, 310))
    assert max(rows.stop - rows.start for rows, _ in seen[count:]) < 70, "a block is estimated once"


@pytest.mark.parametrize(
    ("shape", "size", "message"),
    [((45, 37, 3), 20.0, "whose pixels nest, got 180×152 and 45×37"), ((90, 76, 3), 25.0, "that begin at one place")],
)
def test_images_of_other_ground_are_refused(shape, size, message):
    sharp, _, _ = pair()
    with pytest.raises(InputError, match=message):
        sharpened(in_memory(sharp, "ab"), in_memory(np.zeros(shape, np.float32), "cde", size), ORDER)
