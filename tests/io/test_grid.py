"""Points are carried from one image to another, whatever their coordinate reference systems."""

import numpy as np
import pytest

pytest.importorskip("rasterio", reason="the extra io is not installed")

from made_up_grids import UTM33, beside, grid

from udaln.io.grid import pixel_transform


def test_places_are_carried_from_one_crs_to_the_other_and_back():
    there, back = pixel_transform(grid(10.0), beside(UTM33, 30.0)), pixel_transform(beside(UTM33, 30.0), grid(10.0))
    rows, columns = np.random.default_rng(0).uniform(0, 100, (2, 7))
    np.testing.assert_allclose(back(*there(rows, columns)), (rows, columns), atol=1e-5)
