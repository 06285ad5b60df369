"""Fused window by window: the same image as whole, with however little memory."""

from dataclasses import replace
from types import SimpleNamespace

import made_up_pairs
import numpy as np
import pytest
import torch
from made_up_fusions import CORNER, EVERYTHING, HR_BLOCKS, LR_BLOCK, NOISE, SMALL, Stopped, fuse, interrupted, made

from udaln.consistency.step import consistent
from udaln.consistency.tiles import edges, tiled_part
from udaln.experiment import stream, stream_windows
from udaln.experiment.stream import map_to_file
from udaln.experiment.stream_windows import windows_of
from udaln.io.bad_bands import fill_bad_bands
from udaln.io.formats import open_image
from udaln.io.image import Bands
from udaln.io.partial_image import PartialImage


def whole(fitted, *, uncertainty=False, fill_bands="all"):
    actual = consistent(fitted.model, fitted.refinement, fitted.scene, with_deviation=uncertainty)
    images = [image.clone() for image in actual if image is not None]
    for image in images:
        image[~fitted.scene.valid] = torch.nan
    return [fill_bad_bands(image, fitted.dropped_bands) if fill_bands == "all" else image for image in images]


@pytest.fixture
def windows(monkeypatch):
    """The windows that are made, as soon as they are."""
    seen = []

    def kept(*arguments):
        seen[:] = windows_of(*arguments)
        return seen

    monkeypatch.setattr(stream, "windows_of", kept)
    return seen


PAIRS = {
    "plain": ({}, {}),
    "noise": ({"snr": NOISE}, {"uncertainty": True}),
    "scale 3": ({"scale": 3, "shift": (2, -1), "sides": SMALL}, {}),
    "wide PSF, gaps": (
        {"wide": True, "snr": NOISE, "shift": (1, -2), "gaps": (LR_BLOCK, HR_BLOCKS[1]), "sides": SMALL},
        {},
    ),
    "shift, gaps, bands left out": (EVERYTHING, {"uncertainty": True}),
    "no noise, a corner empty": ({"gaps": (CORNER, HR_BLOCKS[0]), "bad": True}, {"fill_bands": None}),
}


@pytest.mark.parametrize("name", PAIRS)
def test_windows_leave_no_seams(name, tmp_path, windows):
    options, wanted = PAIRS[name]
    fitted = made(**options)
    actual, expected = fuse(fitted, tmp_path, **wanted), whole(fitted, **wanted)
    assert len(windows) == 4 and len(actual) == len(expected) == 1 + wanted.get("uncertainty", False)
    for image, whole_image in zip(actual, expected, strict=True):
        assert image.dtype == torch.float32 and image.shape == whole_image.shape
        assert torch.equal(image.isnan(), whole_image.isnan())
        assert image.isnan().any() == bool(options.get("gaps"))
        torch.testing.assert_close(
            image, whole_image, rtol=0, atol=5e-6 * whole_image.nan_to_num().max().item(), equal_nan=True
        )
    bands = 8 - 2 * ("fill_bands" in wanted)
    assert actual[0].shape == (*fitted.pair.hr_msi.shape[:2], bands)


@pytest.mark.parametrize(
    "options",
    [
        {"snr": NOISE, "scattered": 0.1, "gaps": (LR_BLOCK,)},  # the LR-HSI, interpolated, stands in for them
        {
            "wide": True,
            "snr": NOISE,
            "sides": (62, 70),
            "gaps": (("lr", (1, 50), (1, 60)),),
        },  # only the border sees a part of the ground
    ],
    ids=["HR pixels missing all over", "data along the border alone"],
)
def test_gaps_of_every_kind_leave_no_seams(options, tmp_path, windows):
    fitted = made(**options)
    (actual,), (expected,) = fuse(fitted, tmp_path), whole(fitted)
    assert len(windows) >= 4 and torch.equal(actual.isnan(), expected.isnan())
    apart = (actual - expected).nan_to_num() / expected.nan_to_num().max()
    assert apart.abs().max() < 5e-6


def test_what_memory_allows_changes_nothing(tmp_path, windows):
    fitted = made(**EVERYTHING)
    expected = whole(fitted)[0]
    counts = {}
    for name, limit in (("all", 1 << 40), ("none", 1)):
        (actual,) = fuse(fitted, tmp_path / name, limit=limit)
        counts[name] = len(windows)
        torch.testing.assert_close(actual, expected, rtol=0, atol=5e-6, equal_nan=True)
    assert counts == {"all": 1, "none": 4}


def test_the_map_alone_is_written_where_nothing_is_refined(tmp_path):
    fitted = made(**EVERYTHING)
    (actual,) = fuse(fitted, tmp_path, refine=False)
    expected = fitted.model.map(fitted.scene.hr_msi)
    expected[~fitted.scene.valid] = torch.nan
    torch.testing.assert_close(
        actual, fill_bad_bands(expected, fitted.dropped_bands), rtol=0, atol=1e-6, equal_nan=True
    )


def test_files_are_on_the_map_with_their_bands_and_nothing_else_is_left(tmp_path):
    fitted = made()
    lies = made_up_pairs.grid(10.0)
    fitted = SimpleNamespace(
        **vars(fitted) | {"pair": replace(fitted.pair, hr_msi=replace(fitted.pair.hr_msi, grid=lies))}
    )
    bands = Bands([f"x{i}" for i in range(8)], np.linspace(400.0, 1000.0, 8), np.full(8, 9.0))
    for suffix in (".img", ".tif"):
        (file,) = fuse(fitted, tmp_path / suffix, suffix=suffix, bands=bands, refine=False)
        with open_image(file, key="x") as image:
            np.testing.assert_array_equal(image.whole(), fuse(fitted, tmp_path / "plain", refine=False)[0])
            np.testing.assert_allclose(image.bands.wavelengths, bands.wavelengths)
            np.testing.assert_allclose(image.bands.fwhm, bands.fwhm)
            assert image.grid.transform == lies.transform and "UTM zone 32N" in image.grid.crs
        extra = {"fused.hdr"} if suffix == ".img" else set()
        assert {path.name for path in file.parent.iterdir()} == {file.name} | extra


# an HR-MSI alone


def mapped(networks, hr_msi, folder, dropped_bands=None, **more):
    file = folder / "map.npy"
    more = {"memory_limit": 1, "fingerprint": None} | more
    map_to_file(networks, made_up_pairs.image(hr_msi), file, Bands(), dropped_bands, **more)
    return np.load(file)


def test_a_map_of_an_hr_msi_alone(tmp_path, windows, monkeypatch):
    fitted = made(bad=True)
    rng = np.random.default_rng(0)
    hr_msi = rng.uniform(0.2, 0.6, (75, 62, 3)).astype(np.float32)
    hr_msi[18:30, 20:40], hr_msi[5, 5, 2] = np.nan, np.nan
    hr_msi[..., 1] = np.nan  # the model does without
    expected = fill_bad_bands(fitted.model.map(torch.from_numpy(hr_msi[..., [0, 2]])), fitted.dropped_bands).numpy()
    interrupted(monkeypatch, PartialImage, "write", 8)
    with pytest.raises(Stopped):
        mapped(fitted.model, hr_msi, tmp_path, fitted.dropped_bands)
    assert len(windows) == 12
    monkeypatch.undo()
    written = interrupted(monkeypatch, PartialImage, "write", None)
    actual = mapped(fitted.model, hr_msi, tmp_path, fitted.dropped_bands)
    assert len(written) == 5
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-6)
    assert np.isnan(actual[20, 30]).all() and np.isnan(actual[5, 5]).all()
    assert np.isfinite(actual).all(2).sum() == 75 * 62 - 12 * 20 - 1


def test_a_map_begun_with_other_windows_begins_anew(tmp_path, monkeypatch):
    fitted = made()
    hr_msi = np.random.default_rng(0).uniform(0.2, 0.6, (75, 62, 3)).astype(np.float32)
    interrupted(monkeypatch, PartialImage, "write", 8)
    with pytest.raises(Stopped):
        mapped(fitted.model, hr_msi, tmp_path)
    monkeypatch.undo()
    actual = mapped(fitted.model, hr_msi, tmp_path, memory_limit=1 << 40)
    np.testing.assert_allclose(actual, fitted.model.map(torch.from_numpy(hr_msi)), rtol=0, atol=1e-6)


# windows


def around(margin, sides):
    return lambda box: tiled_part(sides, box, margin, 1)


@pytest.mark.parametrize("sides", [(8, 8), (20, 20), (21, 9), (45, 42), (400, 23), (7, 901), (163, 217)])
@pytest.mark.parametrize("limit", [1, 2_000, 5_000, 30_000, 1_000_000])
def test_windows_cover_an_image_once_and_keep_within_the_limit(sides, limit):
    part_of = around(4, sides)
    actual = windows_of(sides, part_of, limit, lambda rows, columns: rows * columns)
    covered = np.zeros(sides, int)
    for part in actual:
        covered[part.wanted] += 1
        assert part == part_of(part.wanted)
        for span, side in zip(part.wanted, sides, strict=True):
            assert {span.start, span.stop} <= set(edges(side))
    assert (covered == 1).all()
    assert actual == sorted(actual, key=lambda part: [span.start for span in part.wanted])
    assert (len(actual) == 1) >= (sides[0] * sides[1] <= limit)  # all at once, if it may be
    for part in actual:
        taken = np.prod([span.stop - span.start for span in part.read])
        tiles = [
            sum(edge in range(span.start, span.stop) for edge in edges(side)[:-1])
            for span, side in zip(part.wanted, sides, strict=True)
        ]
        assert taken <= 1.2 * limit or max(tiles) <= stream_windows.SMALLEST


def test_a_larger_limit_makes_no_more_windows():
    sides = (200, 150)
    counts = [
        len(windows_of(sides, around(4, sides), limit, lambda rows, columns: rows * columns))
        for limit in (1, 3_000, 10_000, 30_000, 100_000)
    ]
    assert counts == sorted(counts, reverse=True) and counts[0] == 80 and counts[-1] == 1


def test_the_memory_needed_grows_with_all_there_is():
    least = stream_windows.working_set(1, 1, 2, 10, 3, deviation=False)
    assert least > stream_windows.BASE
    for more in ((2, 1, 2, 10, 3), (1, 2, 2, 10, 3), (1, 1, 3, 10, 3), (1, 1, 2, 11, 3), (1, 1, 2, 10, 4)):
        assert stream_windows.working_set(*more, deviation=False) > least
    assert stream_windows.working_set(1, 1, 2, 10, 3, deviation=True) > least
