"""EnMAP: reflectance at its place; cloud, shadow and defects hold no data."""

import copy
import shutil
import zipfile
from xml.etree import ElementTree

import numpy as np
import pytest

rasterio = pytest.importorskip("rasterio", reason="the extra io is not installed")

from made_up_products import STEP, Place, enmap, write_raster  # noqa: E402
from places import SHARED  # noqa: E402

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
    assert (image.unit, image.nodata, image.notes) == ("reflectance", -32768, ())
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
    used = [f"{word} (quality layer)" for word in words]
    layers = {name: rng.integers(0, 4, CUBE.shape[: 3 if name == "PIXELMASK" else 2]) // 3 * 2 for name in names}
    for count in range(1, len(names) + 1):
        chosen = {name: layers[name] for name in names[:count]}
        path = enmap(
            tmp_path / str(count), CUBE, WAVELENGTHS, layers=chosen | {"QUALITY_SNOW": np.ones(CUBE.shape[:2])}
        )
        image, got = whole(path)
        expected = np.any([np.broadcast_to(np.atleast_3d(layer), CUBE.shape) for layer in chosen.values()], 0)
        np.testing.assert_array_equal(np.isnan(got), expected[..., ORDER])
        assert [cause.what for cause in image.causes[1:]] == used[:count]
        assert image.notes == ("QL_QUALITY_SNOW: not used",)
    image, got = whole(path, quality=False)
    assert (np.isnan(got).sum(), len(image.causes)) == (0, 1)


def test_background_of_the_classes_holds_no_data(tmp_path, whole):
    classes = np.arange(35).reshape(7, 5) % 4  # 1 is land, 2 is water
    got = whole(enmap(tmp_path / "x", CUBE, WAVELENGTHS, layers={"QUALITY_CLASSES": classes}))[1]
    np.testing.assert_array_equal(np.isnan(got), np.broadcast_to((classes == 3)[..., None], got.shape))


@pytest.mark.parametrize("share", [0, 0.1, 0.3])
def test_the_pixel_mask_is_understood_either_way(tmp_path, whole, share):
    bad = np.random.default_rng(2).uniform(size=CUBE.shape) < share
    bad[..., 4] = True  # a band without anything good
    for number, mask in enumerate((bad, ~bad)):
        image, got = whole(enmap(tmp_path / str(number), CUBE, WAVELENGTHS, layers={"PIXELMASK": mask}))
        np.testing.assert_array_equal(np.isnan(got), bad[..., ORDER])
        assert [note.split(":")[0] for note in image.notes] == ["QL_PIXELMASK"] * number


def test_the_pixel_mask_is_judged_by_what_has_data(tmp_path, whole):
    cube, bad = np.where(np.arange(5)[:, None] < 3, np.nan, CUBE), np.zeros(CUBE.shape, bool)
    bad[:, :3] = True
    got = whole(enmap(tmp_path / "x", cube, WAVELENGTHS, layers={"PIXELMASK": bad}))[1]
    np.testing.assert_array_equal(np.isnan(got), bad[..., ORDER])


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
    message = refused(enmap(tmp_path / "x", CUBE, WAVELENGTHS, level="L1C"))
    assert message.endswith("expected EnMAP L2A, got L1C; order the scene as L2A, reflectance on a map grid")


def test_missing_parts_are_refused(folder, refused):
    part(folder, "SPECTRAL_IMAGE").unlink()
    assert "-SPECTRAL_IMAGE.TIF beside it, got no such file" in refused(folder)


@pytest.mark.parametrize(
    ("told", "taken", "message"),
    [
        ('<bandID number="5">', '<other number="5">', "cannot be read|expected the XML"),
        ("<GainOfBand>0.0001</GainOfBand>", "", "bandID/GainOfBand: expected a number, got None"),
        ("bandCharacterisation", "characterisation", "expected bandCharacterisation/bandID for each band, got none"),
    ],
)
def test_metadata_that_do_not_fit_are_refused(folder, refused, told, taken, message):
    path = part(folder, "METADATA")
    path.write_text(path.read_text().replace(told, taken))
    assert any(text in refused(folder) for text in message.split("|"))


def test_a_width_that_is_no_number_is_set_aside(folder, whole):
    path = part(folder, "METADATA")
    path.write_text(path.read_text().replace("<FWHMOfBand>8.5", "<FWHMOfBand>wide", 1))
    image, got = whole(folder)
    np.testing.assert_allclose(got, CUBE[..., ORDER], atol=0.51 * STEP)
    assert image.bands.fwhm is None
    assert image.notes == ("FWHMOfBand: no numbers for some bands, set aside",)


def test_the_image_and_archives_stand_for_the_product(tmp_path, folder, whole, refused):
    expected, values = whole(folder)
    archives = [
        shutil.make_archive(tmp_path / "EnMAP (1)", kind, tmp_path, "scene") for kind in ("zip", "tar", "gztar")
    ]
    for path in (part(folder, "SPECTRAL_IMAGE"), *archives):
        image, got = whole(path)
        np.testing.assert_array_equal(got, values)
        assert (image.kind, image.grid, image.bands.names) == ("EnMAP L2A", expected.grid, expected.bands.names)
    part(folder, "METADATA").unlink()
    assert "expected the -METADATA.XML of EnMAP L2A in it, got none; name ENMAP01" in refused(folder)
    assert whole(part(folder, "SPECTRAL_IMAGE"))[0].kind == "GTiff"


def test_a_genuine_product_with_all_its_layers(tmp_path, whole):
    """A piece over water, with the metadata of another genuine product made to fit its bands."""
    pieces, metadata = SHARED / "enmap_l2a_water", SHARED / "product_headers" / "enmap_L2A_gtif_qualification.zip"
    if not pieces.exists() or not metadata.exists():
        pytest.skip("no genuine product here")
    with zipfile.ZipFile(metadata) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith("METADATA.XML"))
        root = ElementTree.fromstring(archive.read(name))
    bands = root.find(".//bandCharacterisation")
    genuine = [float(band.findtext("wavelengthCenterOfBand")) for band in bands]
    while len(bands) < 224:
        bands.append(copy.deepcopy(bands[-1]))
    root.find(".//backgroundValue").text = "-32768"
    for file in pieces.iterdir():
        shutil.copyfile(file, tmp_path / file.name)
    stem = next(tmp_path.glob("*-SPECTRAL_IMAGE.TIF")).name.removesuffix("-SPECTRAL_IMAGE.TIF")
    (tmp_path / f"{stem}-METADATA.XML").write_bytes(ElementTree.tostring(root))
    image, got = whole(tmp_path)
    assert (image.shape, image.unit) == ((128, 128, 224), "reflectance")
    np.testing.assert_allclose(image.bands.wavelengths[:218], np.sort(genuine))
    order = [int(name.removeprefix("band ")) - 1 for name in image.bands.names]
    with rasterio.open(tmp_path / f"{stem}-SPECTRAL_IMAGE.TIF") as file:
        numbers = np.moveaxis(file.read(), 0, -1)[..., order]
    path = tmp_path / f"{stem}-QL_PIXELMASK.TIF"
    with rasterio.open(path) as file:
        mask, profile = file.read(), file.profile
    bad = np.moveaxis(mask, 0, -1)[..., order] == 1
    np.testing.assert_array_equal(np.isnan(got), bad | (numbers == -32768))
    np.testing.assert_allclose(got[~np.isnan(got)], 1e-4 * numbers[~np.isnan(got)], rtol=1e-5, atol=1e-7)
    assert 0.1 < np.isnan(got).mean() < 0.3
    assert image.notes == ("QL_QUALITY_SNOW, QL_QUALITY_TESTFLAGS: not used",)
    assert [cause.what for cause in image.causes] == [
        "no-data value -32768 of the file",
        *(f"{what} (quality layer)" for what in ("cloud", "cloud shadow", "cirrus", "haze", "background")),
        "defective pixels (quality layer)",
    ]
    with rasterio.open(path, "w", **profile) as file:
        file.write(1 - mask)
    np.testing.assert_array_equal(whole(tmp_path)[1], got)


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
