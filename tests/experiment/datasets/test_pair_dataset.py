"""From two rasters, their masks and what they say of themselves to the scene that is trained on."""

from contextlib import contextmanager
from dataclasses import replace

import made_up_pairs
import numpy as np
import pytest
import torch
from made_up_pairs import write_raster

from udaln.errors import InputError
from udaln.experiment.datasets.pair import is_sampled, pair_scene
from udaln.experiment.datasets.pair_files import open_pair
from udaln.io.bad_bands import describe_dropped_bands
from udaln.io.sample import plots, sample
from udaln.physics.srf import normalise, srf_from_edges, support

envi = pytest.importorskip("spectral.io.envi", reason="the extra io is not installed")

NM = np.linspace(430.0, 900.0, 12)
PAIR = ("dataset=pair", "dataset.lr_hsi=lr.tif", "dataset.hr_msi=hr.tif")


@pytest.fixture
def in_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def arrays(in_folder):
    """A pair of 20×18 LR pixels, 12 and 4 bands, ×2, on disk and as arrays."""
    lr_hsi, hr_msi, _ = made_up_pairs.images((20, 18), 2, msi_bands=4)
    write_raster("lr.tif", lr_hsi, 20.0, wavelengths=NM, names=[f"band at {nm:.0f}" for nm in NM])
    write_raster("hr.tif", hr_msi, 10.0)
    return lr_hsi, hr_msi


def loaded(configure, *words):
    config = configure(*PAIR, *words)
    with open_pair(config.dataset, config.scale) as files:
        return pair_scene(config, files)[0]


@contextmanager
def pair_on_disk(configure, *words):
    config = configure(*PAIR, *words)
    with open_pair(config.dataset, config.scale) as files:
        yield files.pair


def refused(configure, *words):
    with pytest.raises(InputError) as caught:
        loaded(configure, *words)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_files_tell_wavelengths_unless_the_configuration_does(configure, arrays):
    scene = loaded(configure)
    np.testing.assert_allclose(scene.wavelengths, NM, atol=1e-3)
    assert scene.support.all() and scene.known.srf is None  # of the HR-MSI's bands nothing is known
    np.testing.assert_array_equal(scene.lr_hsi, arrays[0])
    np.testing.assert_array_equal(scene.hr_msi, arrays[1])
    given = loaded(configure, "dataset.wavelengths=[400,950]")
    np.testing.assert_allclose(given.wavelengths, np.linspace(400, 950, 12))
    with pair_on_disk(configure) as pair:
        assert pair.lr_hsi.bands.names[0] == "band at 430" and pair.notes


@pytest.mark.parametrize(
    "names",
    [
        ["B2", "B3", "B4", "B8"],
        ["B02", "B03", "B04", "B08"],
        ["b2", "b03", " B4", "B8 "],
        ["B8A", "B05", "B3", "B02"],  # in the image's order, not the sensor's
        ["B08A", "B5", "B7", "B4"],
    ],
)
def test_names_tell_which_of_a_sensors_bands_an_image_has(configure, arrays, names):
    write_raster("hr.tif", arrays[1], 10.0, names=names)
    config = configure(*PAIR, "sensor=sentinel2")
    scene = loaded(configure, "sensor=sentinel2")
    plain = [name.strip().upper().replace("B0", "B") for name in names]
    srf = srf_from_edges({name: config.sensor.bands[name] for name in plain}, NM)
    np.testing.assert_array_equal(scene.support, support(srf))
    np.testing.assert_allclose(scene.known.srf, normalise(srf).values, atol=1e-5)


@pytest.mark.parametrize("names", [None, list("abcd"), ["B2", "B3", "B4", "B99"]])
def test_names_that_do_not_tell_leave_all_bands_of_a_sensor(configure, arrays, names):
    write_raster("hr.tif", arrays[1], 10.0, names=names)
    message = refused(configure, "sensor=sentinel2", "dataset.wavelengths=[430,2300]")
    assert message == "sensor: expected 4 MSI bands as in dataset.hr_msi, got 10"
    srf = srf_from_edges(configure("sensor=ikonos").sensor.bands, NM)
    np.testing.assert_array_equal(loaded(configure, "sensor=ikonos").support, support(srf))


CENTRES, WIDTHS = [490.0, 560.0, 665.0, 842.0], [66.0, 36.0, 31.0, 106.0]


def test_the_hr_msis_own_bands_tell_what_they_cover(configure, arrays):
    write_raster("hr.tif", arrays[1], 10.0, wavelengths=CENTRES, fwhm=WIDTHS)
    edges = {str(j): (c - w / 2, c + w / 2) for j, (c, w) in enumerate(zip(CENTRES, WIDTHS, strict=True))}
    srf = srf_from_edges(edges, NM)
    scene = loaded(configure)
    np.testing.assert_array_equal(scene.support, support(srf))
    np.testing.assert_allclose(scene.known.srf, normalise(srf).values, atol=1e-4)
    assert scene.truth.srf is None
    full = loaded(configure, "support=full")
    assert full.support.all() and full.known.srf is None
    by_sensor = loaded(configure, "sensor=ikonos")  # what is said goes before what the file says
    np.testing.assert_array_equal(
        by_sensor.support, support(srf_from_edges(configure("sensor=ikonos").sensor.bands, NM))
    )


def test_centres_without_widths_tell_nothing(configure, arrays):
    write_raster("hr.tif", arrays[1], 10.0, wavelengths=CENTRES)
    assert loaded(configure).support.all()


def test_without_wavelengths_of_the_lr_hsi_neither_do_they(configure, arrays):
    write_raster("lr.tif", arrays[0], 20.0)
    write_raster("hr.tif", arrays[1], 10.0, wavelengths=CENTRES, fwhm=WIDTHS)
    scene = loaded(configure)
    assert scene.support.all() and scene.wavelengths is None


def test_bands_that_cover_none_of_the_lr_hsis_are_left_out_and_named(configure, arrays):
    write_raster("hr.tif", arrays[1], 10.0, wavelengths=[490, 560, 665, 1610], fwhm=WIDTHS, names=list("abcd"))
    scene = loaded(configure)
    assert scene.dropped_bands.msi_unexplained.tolist() == [False, False, False, True]
    assert scene.hr_msi.shape[2] == 3 and scene.support.any(0).all()
    assert (
        "HR-MSI band 3 (counted from 0): the LR-HSI does not explain"
        in describe_dropped_bands(scene.dropped_bands, filled=True)[0]
    )
    write_raster("hr.tif", arrays[1], 10.0, wavelengths=[1490, 1560, 1665, 1710], fwhm=WIDTHS, names=list("abcd"))
    message = refused(configure)
    assert "support=full" in message and "dataset.hr_msi" in message and "a: edges" in message


def test_bands_that_the_file_flags_are_left_out(configure, arrays):
    good = np.ones(12, int)
    good[[0, 5, 6]] = 0
    lies = made_up_pairs.grid(20.0).transform
    metadata = {
        "bbl": good.tolist(),
        "wavelength": NM.tolist(),
        "wavelength units": "Nanometers",
        "map info": ["UTM", 1, 1, lies[2], lies[5], 20.0, 20.0, 32, "North", "WGS-84"],
    }
    envi.save_image("lr.hdr", arrays[0], metadata=metadata, ext=".img")
    words = ["dataset.lr_hsi=lr.img"]
    scene = loaded(configure, *words)
    np.testing.assert_array_equal(scene.dropped_bands.kept, good == 1)
    line = describe_dropped_bands(scene.dropped_bands, filled=False)[0]
    assert line.endswith("flagged as bad by the file; left out")
    np.testing.assert_array_equal(scene.lr_hsi, arrays[0][..., good == 1])
    np.testing.assert_allclose(scene.wavelengths, NM[good == 1], atol=1e-3)
    assert scene.lr_valid is None
    kept = loaded(configure, *words, "dataset.bad_bands=keep")
    assert kept.lr_hsi.shape[2] == 12 and kept.dropped_bands is None


def mask(path, shape, *places, size=10.0, value=1, **profile):
    array = np.zeros((*shape, 1), np.uint8)
    for place in places:
        array[place] = value
    return write_raster(path, array, size, **profile)


@pytest.mark.parametrize("profile", [{}, {"nodata": 0}, {"nodata": 255}])
def test_masks_may_be_rasters(configure, arrays, profile):
    mask("clouds.tif", (20, 18), (3, slice(4, 7)), size=20.0, value=255, **profile)
    mask("glint.tif", (40, 36), (10, 11), (0, 0), value=2, **profile)
    scene = loaded(configure, "dataset.lr_hsi_mask=clouds.tif", "dataset.hr_msi_mask=glint.tif")
    assert (~scene.lr_valid).nonzero().tolist() == [[3, 4], [3, 5], [3, 6]]
    assert (~scene.hr_valid).nonzero().tolist() == [[0, 0], [10, 11]]
    np.testing.assert_array_equal(scene.lr_hsi[scene.lr_valid], arrays[0][scene.lr_valid])


def test_a_mask_is_that_of_the_whole_file_however_it_is_cropped(configure, arrays):
    corner = made_up_pairs.X + 40, made_up_pairs.Y - 60  # two LR pixels to the right and three below
    write_raster("hr.tif", arrays[1], 10.0, corner=corner)
    mask("clouds.tif", (20, 18), (5, 9), (0, 0), size=20.0)
    scene = loaded(configure, "dataset.lr_hsi_mask=clouds.tif")
    assert scene.lr_hsi.shape[:2] == (17, 16)
    assert (~scene.lr_valid).nonzero().tolist() == [[2, 7]]


def test_masks_of_another_size_are_refused(configure, arrays):
    mask("small.tif", (20, 17), size=20.0)
    expected = "dataset.lr_hsi_mask: small.tif: expected 20×18, got 20×17"
    assert refused(configure, "dataset.lr_hsi_mask=small.tif") == expected
    expected = "dataset.hr_msi_mask: lr.tif: expected 40×36, got 20×18×12"
    assert refused(configure, "dataset.hr_msi_mask=lr.tif") == expected
    mask("full.tif", (40, 36), (slice(None), slice(None)))
    message = refused(configure, "dataset.hr_msi_mask=full.tif")
    assert message == "dataset.hr_msi_mask: full.tif: expected it to leave some values of the HR-MSI, got none"


def test_whole_numbers_and_their_no_data(configure, arrays):
    """Reflectance as whole numbers, with a scale and a value for no data."""
    import rasterio

    stored = np.rint(arrays[1] * 10000).astype(np.uint16)
    stored[4, 5] = 0
    write_raster("hr.tif", stored, 10.0, nodata=0)
    with rasterio.open("hr.tif", "r+") as file:
        file.scales = [1e-4] * 4
    scene = loaded(configure)
    assert (~scene.hr_valid).nonzero().tolist() == [[4, 5]]
    assert scene.hr_msi.dtype == torch.float32
    np.testing.assert_allclose(scene.hr_msi[scene.hr_valid], arrays[1][scene.hr_valid], atol=5.1e-5)


@pytest.mark.parametrize("turned", ["another size", "another CRS"])
def test_pixels_that_do_not_nest_are_resampled_if_that_is_asked_for(configure, arrays, turned):
    if turned == "another size":
        write_raster("lr.tif", arrays[0], 19.0, wavelengths=NM)
    else:
        write_raster("lr.tif", arrays[0], 20.0, corner=(130000.0, 5010000.0), epsg=32633, wavelengths=NM)
    message = refused(configure)
    words = ["dataset.resample=true"]
    if turned == "another CRS":  # and other ground, which no resampling brings together
        assert message.startswith("dataset.lr_hsi: lr.tif: expected pixels on the same ground as ")
        assert refused(configure, *words) == message
        return
    assert message.startswith("dataset.lr_hsi: lr.tif: expected ")
    assert message.endswith("dataset.resample=true brings it onto that grid")
    with pair_on_disk(configure, *words) as pair:
        assert pair.scale == 2 and pair.sides == (19, 17)
        assert any(note.startswith("resampling: the LR-HSI") for note in pair.notes)
    scene = loaded(configure, *words)
    assert scene.lr_hsi.shape == (19, 17, 12) and scene.scale == 2
    assert float(scene.lr_hsi.min()) > 0


# pairs too large to be trained on whole

LARGE = ("memory.sample=400",)


def large(configure, shift=(0, 0), *words, sides=(45, 42)):
    lr_hsi, hr_msi, _ = made_up_pairs.images(sides, 2, shift=shift, seed=1)
    write_raster("lr.tif", lr_hsi, 20.0, wavelengths=NM)
    write_raster("hr.tif", hr_msi, 10.0)
    return configure(*PAIR, *LARGE, *words)


@pytest.mark.parametrize("shift", [(0, 0), (4, -3)])
def test_of_a_large_pair_plots_are_trained_on_and_the_shift_is_taken_out(configure, in_folder, shift):
    config = large(configure, shift)
    with open_pair(config.dataset, config.scale) as files:
        assert is_sampled(files.pair, config.memory)
        scene, moved = pair_scene(config, files, shift=True)
        expected = files.pair.shifted(*shift)
        assert moved.sides == expected.sides and moved.grid == expected.grid
        assert any(note.startswith("shift: +4 rows and -3 columns") for note in moved.notes) == any(shift)
        np.testing.assert_array_equal(moved.hr_msi.whole(), expected.hr_msi.whole())
        lr_hsi, hr_msi = sample(moved, plots(moved, 400, config.seed))
        valid = torch.isfinite(lr_hsi).all(2)
        assert torch.equal(scene.lr_valid, valid) and torch.equal(scene.lr_hsi[valid], lr_hsi[valid])
        assert scene.hr_msi.shape == hr_msi.shape and scene.scale == 2
        unmoved = pair_scene(config, files)[1]
        assert unmoved is files.pair


def test_a_small_pair_is_trained_on_whole_and_not_moved(configure, in_folder):
    config = large(configure, (4, -3), "memory.sample=2000")
    with open_pair(config.dataset, config.scale) as files:
        assert not is_sampled(files.pair, config.memory)
        scene, same = pair_scene(config, files, shift=True)
        assert same is files.pair and scene.lr_hsi.shape == (45, 42, 12) and scene.lr_valid is None


def test_a_band_without_data_in_a_large_pair_is_left_out(configure, in_folder):
    config = large(configure, (4, -3), "dataset.nodata=-9")
    lr_hsi, _, _ = made_up_pairs.images((45, 42), 2, shift=(4, -3), seed=1)
    lr_hsi[..., 7] = -9
    write_raster("lr.tif", lr_hsi, 20.0, wavelengths=NM)
    with open_pair(config.dataset, config.scale) as files:
        scene, moved = pair_scene(config, files, shift=True)
    assert scene.dropped_bands.kept.logical_not().nonzero().tolist() == [[7]]
    assert moved.sides == (43, 40)


@pytest.mark.parametrize("image", ["lr_hsi", "hr_msi"])
@pytest.mark.parametrize("rows", [3, 0])
def test_plots_without_data_are_one_line(configure, in_folder, image, rows):
    config = large(configure)
    lr_hsi, hr_msi, _ = made_up_pairs.images((45, 42), 2, seed=1)
    array, size = {"lr_hsi": (lr_hsi, 20.0), "hr_msi": (hr_msi, 10.0)}[image]
    array[rows:] = np.nan
    write_raster(f"{image[:2]}.tif", array, size)
    with open_pair(config.dataset, config.scale) as files, pytest.raises(InputError) as caught:
        pair_scene(config, files, shift=True)
    expected = {
        3: f"dataset.{image}: {image[:2]}.tif: expected values in the plots that are trained on, got none",
        0: "dataset.lr_hsi: lr.tif: expected data on the ground of the HR-MSI, got almost none",
    }
    assert str(caught.value) == expected[rows]


def test_a_pair_without_any_data_is_told_why(configure, arrays):
    array = np.full_like(arrays[0], np.nan)
    write_raster("lr.tif", array, 20.0)
    expected = "dataset.lr_hsi: lr.tif: expected finite values in the overlap, got NaN or infinite ones only"
    assert refused(configure) == expected
    array[19, 17, 3] = 4.0
    write_raster("lr.tif", array, 20.0)
    limit = "dataset.saturation: expected it to leave some values of the LR-HSI, got none"
    assert refused(configure, "dataset.saturation=[4,null]") == limit


def test_a_pair_narrower_than_a_plot(configure, in_folder):
    config = large(configure, sides=(10, 60))
    with open_pair(config.dataset, config.scale) as files:
        scene, _ = pair_scene(config, files, shift=True)
        assert is_sampled(files.pair, config.memory)
    assert scene.lr_hsi.shape[0] == 10 and scene.lr_hsi.shape[1] in (32, 48)
    assert int(scene.lr_valid.sum()) == 8 * scene.lr_hsi.shape[1] // 16 * 14


def test_bands_of_the_pair_stay_with_it_when_it_is_masked(configure, arrays):
    mask("clouds.tif", (20, 18), (0, 0), size=20.0)
    with pair_on_disk(configure, "dataset.lr_hsi_mask=clouds.tif") as pair:
        assert pair.lr_hsi.bands.names[3] == f"band at {NM[3]:.0f}"
        assert replace(pair.lr_hsi.grid, crs="") == replace(made_up_pairs.grid(20.0), crs="")
