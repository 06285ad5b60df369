"""A landscape of any size, generated strip by strip."""

import numpy as np
import pytest

from udaln.errors import InputError
from udaln.physics import landscape
from udaln.physics.landscape import OVERLAP, Landscape

BANDS = 8
STEP = 64
SEAM = STEP - OVERLAP  # from this row on, two rows of scenes overlap


@pytest.fixture(autouse=True, scope="module")
def small():
    """Scenes smaller than they are, for speed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(landscape, "STEP", STEP)
        patch.setattr(landscape, "SIDE", STEP + OVERLAP)
        yield


@pytest.fixture(scope="module")
def whole(small):
    """Rows on both sides of where rows of scenes meet, slightly wider than a scene."""
    return Landscape(90, BANDS).rows(SEAM - 30, SEAM + OVERLAP + 30)


def test_values_are_reflectances(whole):
    assert whole.dtype == np.float32
    assert whole.shape == (OVERLAP + 60, 90, BANDS)
    assert 0 < whole.min() < 0.05 < 0.4 < whole.max() < 1


@pytest.mark.parametrize("step", [1, 7, 40])
def test_a_row_does_not_depend_on_its_strip(whole, step):
    drawn = Landscape(90, BANDS)
    top = SEAM - 30
    strips = [drawn.rows(top + i, top + min(i + step, len(whole))) for i in range(0, len(whole), step)]
    np.testing.assert_array_equal(np.concatenate(strips), whole)


def test_rows_come_in_any_order(whole):
    drawn = Landscape(90, BANDS)
    last, first = drawn.rows(SEAM + OVERLAP, SEAM + OVERLAP + 30), drawn.rows(SEAM - 30, SEAM + 5)
    np.testing.assert_array_equal(last, whole[-30:])
    np.testing.assert_array_equal(first, whole[:35])


def test_a_pixel_does_not_depend_on_the_width(whole):
    np.testing.assert_array_equal(Landscape(33, BANDS).rows(SEAM - 30, SEAM + 10), whole[:40, :33])


def test_a_pixel_depends_on_the_seed(whole):
    other = Landscape(33, BANDS, seed=8).rows(SEAM - 30, SEAM + 10)
    assert abs(np.corrcoef(other.ravel(), whole[:40, :33].ravel())[0, 1]) < 0.9
    assert not (other == whole[:40, :33]).all(2).any()


@pytest.mark.parametrize("axis", [0, 1])
def test_no_seam_stands_out(whole, axis):
    jumps = np.abs(np.diff(whole, axis=axis)).mean((1 - axis, 2))
    assert jumps.max() < 2.5 * np.median(jumps)


def test_contrast_is_the_same_where_scenes_meet(whole):
    """Two unrelated scenes faded over the whole overlap would lose a third of it."""
    texture = np.abs(np.diff(whole, axis=1)).mean((1, 2))
    met = texture[30 : 30 + OVERLAP].mean()
    assert met == pytest.approx(np.concatenate([texture[:30], texture[-30:]]).mean(), rel=0.2)


def test_wavelengths():
    assert Landscape(3, 9).wavelengths.tolist() == np.linspace(400, 1000, 9).tolist()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"columns": 0}, "columns: expected at least 1, got 0"),
        ({"bands": 7}, "bands: expected at least 8, got 7"),
        ({"seed": -1}, "seed: expected at least 0, got -1"),
    ],
)
def test_what_is_too_small_is_refused(given, message):
    with pytest.raises(InputError) as caught:
        Landscape(**{"columns": 5} | given)
    assert str(caught.value) == message
