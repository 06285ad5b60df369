"""Images whose bands are variables of their own, as GDAL writes NetCDF."""

import h5py
import numpy as np
import pytest

CUBE = np.random.default_rng(0).integers(1, 9999, (5, 4, 11)).astype(np.int16)


def save(path, name="Band{}", numbers=range(1, 12), **attributes):
    with h5py.File(path, "w") as file:
        for band, number in enumerate(numbers):
            file[name.format(number)] = CUBE[..., band]
            file[name.format(number)].attrs.update(attributes)
    return path


def test_bands_are_in_the_order_of_their_numbers(tmp_path, whole):
    image, got = whole(save(tmp_path / "x.nc", scale_factor=1e-4, _FillValue=CUBE[0, 0, 0]))
    np.testing.assert_allclose(got, np.where(CUBE == CUBE[0, 0, 0], np.nan, CUBE * 1e-4), rtol=1e-6)
    assert image.bands.names is None
    assert image.notes == ("/Band1 to Band11: the 11 variables are taken as bands of one image",)


def test_wavelengths_and_names_are_those_of_the_bands(tmp_path, whole):
    numbers = [443 + 40 * band for band in range(11)]
    path = save(tmp_path / "x.nc", "rhos_{}", numbers)
    with h5py.File(path, "r+") as file:
        file["latitude"] = file["flags"] = np.zeros((5, 4))
        for number in numbers:
            file[f"rhos_{number}"].attrs["wavelength"] = float(number)
    image, got = whole(path)
    np.testing.assert_array_equal(got, CUBE)
    assert image.bands.wavelengths.tolist() == numbers
    assert list(image.bands.names) == [f"rhos_{number}" for number in numbers]
    assert any("/flags: not used" in note for note in image.notes)


def test_variables_of_several_images_or_meanings_are_not_joined(tmp_path, refused):
    path = save(tmp_path / "x.nc")
    with h5py.File(path, "r+") as file:
        file["Band2"].attrs["scale_factor"] = 0.1
    assert "found 0: the file holds /Band1" in refused(path)
    path = save(tmp_path / "x.nc")
    with h5py.File(path, "r+") as file:
        file["other1"], file["other2"] = np.zeros((2, 5, 4))
    assert "found 0: the file holds /Band1" in refused(path)


def test_scales_and_offsets_may_differ(tmp_path, whole):
    path = save(tmp_path / "x.nc", scale_factor=1e-4, add_offset=0.0)
    with h5py.File(path, "r+") as file:
        file["Band2"].attrs["scale_factor"], file["Band11"].attrs["add_offset"] = 2e-4, -0.1
    scale, offset = np.full(11, 1e-4), np.zeros(11)
    scale[1], offset[10] = 2e-4, -0.1
    np.testing.assert_allclose(whole(path)[1], CUBE * scale + offset, rtol=1e-5)


@pytest.mark.parametrize("form", ["NC", "NC4"])
@pytest.mark.parametrize(("crs", "size"), [("EPSG:32632", 30.0), ("EPSG:4326", 0.001)])
def test_gdal_writes_the_same_image(tmp_path, whole, form, crs, size):
    rasterio = pytest.importorskip("rasterio", reason="the extra io is not installed")
    transform = rasterio.Affine(size, 0, 9, 0, -size, 45)
    profile = {"width": 4, "height": 5, "count": 11, "dtype": "int16", "nodata": int(CUBE[0, 0, 0])}
    with rasterio.open(tmp_path / "x.tif", "w", crs=crs, transform=transform, **profile) as file:
        file.write(np.moveaxis(CUBE, -1, 0))
        file.scales = [1e-4] * 11
        if "netCDF" not in rasterio.Env().drivers():
            pytest.skip("GDAL without NetCDF")
    import rasterio.shutil

    rasterio.shutil.copy(tmp_path / "x.tif", tmp_path / "x.nc", driver="netCDF", FORMAT=form)
    (image, got), (expected, numbers) = whole(tmp_path / "x.nc"), whole(tmp_path / "x.tif")
    assert rasterio.CRS.from_wkt(image.grid.crs) == rasterio.CRS.from_wkt(expected.grid.crs)
    for row, column in ((0.5, 0.5), (4.5, 1.5)):  # GDAL turns images over
        place = expected.grid.pixel(*image.grid.xy(row, column))
        np.testing.assert_allclose(place, (5 - row, column), atol=1e-6)
    np.testing.assert_allclose(got[::-1], numbers, rtol=1e-6)


def test_what_of_the_same_size_is_no_band_is_said(tmp_path, whole):
    path = save(tmp_path / "x.nc", "B{}", [2, 3, 8, "8A", 11])
    with h5py.File(path, "r+") as file:
        file["sun_angle"] = np.zeros((5, 4))
    image, got = whole(path)
    np.testing.assert_array_equal(got, CUBE[..., :5])
    assert list(image.bands.names) == ["B2", "B3", "B8", "B8A", "B11"]
    assert "/sun_angle: not used; bands are joined if their names differ in the number alone" in image.notes
