"""The landscape of any size, and the pair seen of it strip by strip."""

import numpy as np
import pytest
import torch

from udaln.errors import InputError
from udaln.physics import landscape
from udaln.physics.landscape import SHARED, STRIP, Landscape, noise, observed
from udaln.physics.simulation import gaussian_psf, simulate

BANDS = 8
STEP = 64
SEAM = STEP - SHARED  # from this row on, two belts of scenes overlap


@pytest.fixture(autouse=True, scope="module")
def small():
    """Scenes smaller than they are, for speed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(landscape, "STEP", STEP)
        patch.setattr(landscape, "SIDE", STEP + SHARED)
        yield


@pytest.fixture(scope="module")
def whole(small):
    """Rows on both sides of where belts of scenes meet, as wide as a scene and a bit."""
    return Landscape(90, BANDS).rows(SEAM - 30, SEAM + SHARED + 30)


def test_values_are_reflectances(whole):
    assert whole.dtype == np.float32
    assert whole.shape == (SHARED + 60, 90, BANDS)
    assert 0 < whole.min() < 0.05 < 0.4 < whole.max() < 1


@pytest.mark.parametrize("step", [1, 7, 40])
def test_a_row_does_not_depend_on_its_strip(whole, step):
    drawn = Landscape(90, BANDS)
    top = SEAM - 30
    strips = [drawn.rows(top + i, top + min(i + step, len(whole))) for i in range(0, len(whole), step)]
    np.testing.assert_array_equal(np.concatenate(strips), whole)


def test_rows_come_in_any_order(whole):
    drawn = Landscape(90, BANDS)
    last, first = drawn.rows(SEAM + SHARED, SEAM + SHARED + 30), drawn.rows(SEAM - 30, SEAM + 5)
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
    met = texture[30 : 30 + SHARED].mean()
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


@pytest.mark.parametrize(
    ("scale", "kernel_size", "shift"),
    [(5, 5, (0, 0)), (3, 9, (0.5, -1)), (3, 8, (1, 0)), (4, 17, (0, 0))],
)
def test_the_pair_is_that_of_the_whole_image(scale, kernel_size, shift):
    rng = np.random.default_rng(0)
    height = scale * (2 * STRIP // scale + 3)  # three strips or more, the last of another height
    image = rng.uniform(0.1, 1, (height, 4 * scale, 6)).astype(np.float32)
    psf = gaussian_psf(kernel_size, scale, 1.5 * scale, shift)
    srf = rng.uniform(0, 1, (6, 3))
    expected = simulate(torch.from_numpy(image), torch.from_numpy(srf), torch.ones(6, 3, dtype=torch.bool), psf, scale)
    asked = []

    def rows(first, last):
        asked.extend(range(first, last))
        return image[first:last]

    strips = [np.concatenate(part) for part in zip(*observed(rows, height, psf, srf, scale), strict=True)]
    assert asked == list(range(height))  # each once, in order
    np.testing.assert_array_equal(strips[0], image)
    for strip, exact in zip(strips[1:], (expected.lr_hsi, expected.hr_msi), strict=True):
        assert strip.dtype == np.float32
        np.testing.assert_allclose(strip, exact, rtol=1e-7, atol=0)


def test_noise_is_white_and_of_its_row_alone():
    rows = np.stack([noise(3, image, row, (400, 5)) for image in (0, 1) for row in (0, 1, 2)])
    assert rows.dtype == np.float32
    assert rows.mean() == pytest.approx(0, abs=0.03)
    assert rows.std() == pytest.approx(1, abs=0.03)
    correlation = np.corrcoef(rows.reshape(6, -1))
    assert np.abs(correlation - np.eye(6)).max() < 0.1
    np.testing.assert_array_equal(noise(3, 1, 2, (400, 5)), rows[5])
    assert not (noise(4, 1, 2, (400, 5)) == rows[5]).any()
