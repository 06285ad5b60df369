"""EMIT: the lookup table is applied window by window, flags of the mask file and of the bands are kept."""

import h5py
import numpy as np
import pytest
from made_up_hdf5 import emit, emit_mask

from udaln.io.formats import emit as reader
from udaln.io.formats import open_image

WAVELENGTHS = np.linspace(400, 2400, 12)
PLACE = {"geotransform": (9.5, 5e-4, 0, 45.0, 0, -5e-4), "crs": 'GEOGCS["WGS 84"]'}
NAME = "EMIT_L2A_RFL_001_20220903T163129_2224611_012.nc"
MASK = "EMIT_L2A_MASK_001_20220903T163129_2224611_012.nc"


@pytest.fixture
def scene():
    """An image of the sensor, and a table that turns it by 40°, with nothing outside of it: column, row, from 1 on."""
    cube = np.random.default_rng(0).random((50, 40, 12)).astype(np.float32)
    i, j = np.mgrid[:70, :64] - np.array([35.0, 32.0])[:, None, None]
    angle = np.deg2rad(40)
    rows, cols = (
        np.rint(np.cos(angle) * i - np.sin(angle) * j + 25),
        np.rint(np.sin(angle) * i + np.cos(angle) * j + 20),
    )
    inside = (rows >= 0) & (rows < 50) & (cols >= 0) & (cols < 40)
    glt = np.where(inside[..., None], np.stack([cols + 1, rows + 1], -1), 0).astype(int)
    expected = np.full((70, 64, 12), np.nan, np.float32)
    expected[inside] = cube[rows[inside].astype(int), cols[inside].astype(int)]
    return cube, glt, expected


def test_the_image_is_on_the_map_grid_of_its_table(tmp_path, whole, scene):
    cube, glt, expected = scene
    good = np.arange(12) != 7
    image, got = whole(emit(tmp_path / NAME, cube, WAVELENGTHS, glt, good=good, **PLACE))
    np.testing.assert_array_equal(got, expected)
    assert (image.kind, image.unit, image.nodata) == ("EMIT L2A", "reflectance", -9999)
    assert image.grid.transform == (5e-4, 0, 9.5, 0, -5e-4, 45.0)
    assert image.grid.crs == PLACE["crs"]
    np.testing.assert_allclose(image.bands.wavelengths, WAVELENGTHS, rtol=1e-6)
    assert image.bands.good.tolist() == good.tolist()
    assert any("resampled" in note for note in image.notes)
    assert any("no EMIT_L2A_MASK" in note for note in image.notes)


def test_windows_agree_with_the_whole_and_read_little(tmp_path, scene, monkeypatch):
    cube, glt, expected = scene
    monkeypatch.setattr(reader, "_TILES", (8, 8))
    path, sizes = emit(tmp_path / NAME, cube, WAVELENGTHS, glt, **PLACE), []
    original = reader.window_of

    def watched(variable, order):
        read = original(variable, order)

        def counting(rows, cols):
            sizes.append((rows.stop - rows.start) * (cols.stop - cols.start))
            return read(rows, cols)

        return counting

    monkeypatch.setattr(reader, "window_of", watched)
    with open_image(path, key="dataset.lr_hsi") as image:
        sizes.clear()
        for rows in (slice(0, 9), slice(30, 70)):
            for cols in (slice(5, 6), slice(0, 64)):
                np.testing.assert_array_equal(image.read(rows, cols), expected[rows, cols])
    assert 0 < max(sizes) <= 13 * 13  # the sensor's pixels around 8×8 pixels that are turned


def test_negative_entries_are_taken_as_the_nearest(tmp_path, whole, scene):
    cube, glt, expected = scene
    glt[::3] *= -1
    np.testing.assert_array_equal(whole(emit(tmp_path / NAME, cube, WAVELENGTHS, glt, **PLACE))[1], expected)


def test_fill_and_the_rim_are_named_apart(tmp_path, scene):
    cube, glt, expected = scene
    cube[20:25, 15:20] = np.nan
    with open_image(emit(tmp_path / NAME, cube, WAVELENGTHS, glt, **PLACE), key="dataset.lr_hsi") as image:
        causes = {cause.what: cause.flags(slice(0, 70), slice(0, 64)) for cause in image.causes}
        missing = np.isnan(image.whole())
    np.testing.assert_array_equal(causes[reader.OUTSIDE][..., 0], np.isnan(expected).all(-1))
    fill = causes["no-data value -9999 of the file"] & ~causes[reader.OUTSIDE]
    assert fill.any()
    np.testing.assert_array_equal(missing, fill | causes[reader.OUTSIDE])


def test_the_mask_file_beside_it_is_applied_on_the_same_grid(tmp_path, whole, scene):
    cube, glt, expected = scene
    path = emit(tmp_path / NAME, cube, WAVELENGTHS, glt, **PLACE)
    clouds, water, interpolated = np.zeros((50, 40)), np.zeros((50, 40)), np.zeros((50, 40, 12), bool)
    clouds[10:14], water[:, :9], interpolated[30, :, 4] = 1, 1, True
    emit_mask(tmp_path / MASK, {"Dilated Cloud Flag": clouds, "Water flag": water, "AOD550": water}, interpolated)
    image, got = whole(path)
    rows = glt[..., 1] - 1
    expected[(rows >= 10) & (rows < 14)] = np.nan
    expected[rows == 30, 4] = np.nan
    np.testing.assert_array_equal(got, expected)
    assert not any("MASK" in note for note in image.notes)
    assert np.isnan(whole(path, quality=False)[1]).sum() < np.isnan(got).sum()


def test_a_mask_of_another_scene_or_size_is_not_applied(tmp_path, whole, scene):
    cube, glt, expected = scene
    path = emit(tmp_path / NAME, cube, WAVELENGTHS, glt, **PLACE)
    emit_mask(tmp_path / MASK.replace("_012", "_013"), {"Cloud flag": np.ones((50, 40))})
    assert any("no EMIT_L2A_MASK" in note for note in whole(path)[0].notes)
    emit_mask(tmp_path / MASK, {"Cloud flag": np.ones((49, 40))})
    image, got = whole(path)
    np.testing.assert_array_equal(got, expected)
    assert any(note.startswith(f"{MASK} is left aside: expected flags") for note in image.notes)


def test_what_does_not_fit_is_refused(tmp_path, refused, scene):
    cube, glt, _ = scene
    path = emit(tmp_path / NAME, cube[:40], WAVELENGTHS, glt, **PLACE)
    assert "/location/glt_y: expected entries up to 40, as the image is large, got 50" in refused(path)
    path = emit(tmp_path / NAME, cube, WAVELENGTHS, 0 * glt, **PLACE)
    assert "expected pixels of the image, got none" in refused(path)
    path = emit(tmp_path / NAME, cube, WAVELENGTHS, glt, **PLACE)
    with h5py.File(path, "r+") as file:
        del file.attrs["geotransform"]
    assert "geotransform: expected 6 numbers" in refused(path)


def test_a_damaged_file_is_refused(tmp_path, cut_short, scene):
    cut_short(emit(tmp_path / NAME, *(scene[0], WAVELENGTHS, scene[1]), **PLACE), lengths=12)


def test_another_variable_is_read_as_it_is(tmp_path, whole, scene):
    path = emit(tmp_path / NAME, scene[0], WAVELENGTHS, scene[1], **PLACE)
    with h5py.File(path, "r+") as file:
        file["reflectance_uncertainty"] = scene[0]
    image, got = whole(path, "reflectance_uncertainty")
    np.testing.assert_array_equal(got, scene[0])
    assert any("/location/lat, /location/lon" in note and "gdalwarp" in note for note in image.notes)
    np.testing.assert_array_equal(whole(path, "/reflectance")[1], scene[2])


def test_an_image_that_was_put_on_a_map_grid_before_is_a_resampled_one(tmp_path, whole):
    with h5py.File(tmp_path / "ortho.nc", "w") as file:
        file["reflectance"] = np.ones((4, 5, 3))
        file.attrs["title"] = "EMIT L2A Estimated Surface Reflectance 60 m V001"
    assert any("resampled" in note for note in whole(tmp_path / "ortho.nc")[0].notes)
