"""EnMAP: reflectance at its place; cloud, shadow and defects hold no data."""

import numpy as np
import pytest

rasterio = pytest.importorskip("rasterio", reason="the extra io is not installed")

from made_up_products import STEP, Place, enmap, write_raster  # noqa: E402

WAVELENGTHS = [423.0, 550.0, 940.0, 935.0, 2445.0]  # the detectors overlap
ORDER = [0, 1, 3, 2, 4]
CUBE = np.random.default_rng(0).uniform(-0.02, 1.1, (7, 5, 5))


@pytest.fixture
def folder(tmp_path):
    return enmap(tmp_path / "scene", CUBE, WAVELENGTHS, Place(32634, 431234.5, 5100000.0))


def part(folder, end):
    return next(path for path in folder.iterdir() if path.stem.endswith(end))


def test_all_bands_come_in_order_of_wavelength_and_at_their_place(folder, whole):
    image, got = whole(folder)
    np.testing.assert_allclose(got, CUBE[..., ORDER], atol=0.51 * STEP)
    np.testing.assert_allclose(image.bands.wavelengths, np.sort(WAVELENGTHS))
    np.testing.assert_allclose(image.bands.fwhm, 8.5)
    assert image.bands.names == [f"band {band + 1}" for band in ORDER]
    assert (image.unit, image.nodata, len(image.causes)) == ("reflectance", -32768, 1)
    assert image.grid.transform == (30, 0, 431234.5, 0, -30, 5100000)
    assert rasterio.CRS.from_wkt(image.grid.crs).to_epsg() == 32634


def test_bands_without_a_wavelength_are_left_out(tmp_path, whole):
    image, got = whole(enmap(tmp_path / "scene", CUBE, [423.0, 0, 940.0, 935.0, 0]))
    np.testing.assert_allclose(got, CUBE[..., [0, 3, 2]], atol=0.51 * STEP)
    assert image.bands.names == ["band 1", "band 4", "band 3"]


def test_each_quality_layer_that_is_there_counts(tmp_path, whole):
    rng = np.random.default_rng(1)
    names = ["QUALITY_CLOUD", "QUALITY_CLOUDSHADOW", "QUALITY_CIRRUS", "QUALITY_HAZE", "PIXELMASK"]
    words = ["cloud", "cloud shadow", "cirrus", "haze", "defective pixels"]
    layers = {name: rng.integers(0, 4, CUBE.shape[: 3 if name == "PIXELMASK" else 2]) // 3 * 2 for name in names}
    for count in range(1, len(names) + 1):
        chosen = {name: layers[name] for name in names[:count]}
        path = enmap(
            tmp_path / str(count), CUBE, WAVELENGTHS, layers=chosen | {"QUALITY_SNOW": np.ones(CUBE.shape[:2])}
        )
        image, got = whole(path)
        expected = np.any([np.broadcast_to(np.atleast_3d(layer), CUBE.shape) for layer in chosen.values()], 0)
        np.testing.assert_array_equal(np.isnan(got), expected[..., ORDER])
        assert [cause.what for cause in image.causes[1:]] == [f"{word} (quality layer)" for word in words[:count]]
    image, got = whole(path, quality=False)
    assert (np.isnan(got).sum(), len(image.causes)) == (0, 1)


def test_background_holds_no_data(tmp_path, whole):
    cube = np.where(np.arange(5)[:, None] == 2, np.nan, CUBE)
    np.testing.assert_array_equal(
        np.isnan(whole(enmap(tmp_path / "x", cube, WAVELENGTHS))[1]), np.isnan(cube[..., ORDER])
    )


def test_cloud_optimised_copies_are_known(folder, whole):
    image = part(folder, "SPECTRAL_IMAGE")
    image.rename(image.with_stem(image.stem + "_COG"))
    assert whole(folder)[0].shape == CUBE.shape


def test_other_levels_are_refused(tmp_path, refused):
    assert refused(enmap(tmp_path / "x", CUBE, WAVELENGTHS, level="L1C")).endswith("expected EnMAP L2A, got L1C")


def test_missing_parts_are_refused(folder, refused):
    part(folder, "SPECTRAL_IMAGE").unlink()
    assert "-SPECTRAL_IMAGE.TIF beside it, got no such file" in refused(folder)


@pytest.mark.parametrize(
    ("told", "taken", "message"),
    [
        ('<bandID number="5">', '<other number="5">', "cannot be read|expected the XML"),
        ("<GainOfBand>0.0001</GainOfBand>", "", "bandID/GainOfBand: expected a number, got None"),
        ("<FWHMOfBand>8.5", "<FWHMOfBand>wide", "bandID/FWHMOfBand: expected a number, got 'wide'"),
        ("bandCharacterisation", "characterisation", "expected bandCharacterisation/bandID for each band, got none"),
    ],
)
def test_metadata_that_do_not_fit_are_refused(folder, refused, told, taken, message):
    path = part(folder, "METADATA")
    path.write_text(path.read_text().replace(told, taken))
    assert any(text in refused(folder) for text in message.split("|"))


def test_metadata_of_other_bands_are_refused(folder, refused, tmp_path):
    other = enmap(tmp_path / "other", CUBE[..., :4], WAVELENGTHS[:4])
    part(other, "METADATA").replace(part(folder, "METADATA"))
    assert refused(folder).endswith("SPECTRAL_IMAGE.TIF: expected 4 bands, as its metadata says, got 5")


@pytest.mark.parametrize(
    ("name", "shape"), [("QUALITY_CLOUD", (7, 4)), ("QUALITY_HAZE", (7, 5, 2)), ("PIXELMASK", (7, 5))]
)
def test_quality_layers_of_another_size_are_refused(folder, refused, name, shape):
    path = part(folder, "SPECTRAL_IMAGE")
    write_raster(path.with_name(path.name.replace("SPECTRAL_IMAGE", f"QL_{name}")), np.zeros(shape, np.uint8), Place())
    assert (
        f"QL_{name}.TIF: expected 7×5×{5 if name == 'PIXELMASK' else 1} values, to fit the spectral image"
        in refused(folder)
    )


@pytest.mark.parametrize("end", ["SPECTRAL_IMAGE", "QL_QUALITY_CLOUD", "METADATA"])
def test_a_file_is_cut_short(tmp_path, cut_short, end):
    folder = enmap(tmp_path / "x", CUBE, WAVELENGTHS, layers={"QUALITY_CLOUD": np.eye(7, 5)})
    cut_short(part(folder, end), folder)
