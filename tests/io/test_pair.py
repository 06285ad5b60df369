"""Parts of a pair on disk are those of the whole; a shift is taken out by cropping."""

from dataclasses import replace

import made_up_pairs
import numpy as np
import pytest
import torch

from udaln.io.assembly import assemble_scene
from udaln.io.overlap import overlap
from udaln.io.pair import Pair, select_bands_and_fill_gaps
from udaln.physics.part import Part
from udaln.scene import Known


def test_a_box_is_the_same_ground_of_both():
    pair = made_up_pairs.numbered((30, 26), 3)
    lr_hsi, hr_msi = pair.read((slice(4, 9), slice(20, 26)))
    assert lr_hsi.shape == (5, 6, 2) and hr_msi.shape == (15, 18, 2)
    assert lr_hsi[0, 0].tolist() == [4, 20] and lr_hsi[-1, -1].tolist() == [8, 25]
    assert hr_msi[0, 0].tolist() == [12, 60] and hr_msi[-1, -1].tolist() == [26, 77]


def test_it_is_that_of_an_overlap():
    places = made_up_pairs.numbered((12, 10), 2)
    lr_hsi, hr_msi = replace(places.lr_hsi, grid=made_up_pairs.grid(20.0)), places.hr_msi
    corner = made_up_pairs.X + 40, made_up_pairs.Y - 20
    hr_msi = replace(hr_msi, grid=made_up_pairs.grid(10.0, corner))
    pair = overlap(lr_hsi, hr_msi)
    assert pair.sides == (11, 8) and pair.scale == 2 and pair.grid == hr_msi.grid
    first = [image[0, 0].tolist() for image in made_up_pairs.tensors(pair)]
    assert first == [[1, 2], [0, 0]]
    assert any(note.startswith("crop: ") for note in pair.notes)


@pytest.mark.parametrize("scale", [2, 3, 5])
@pytest.mark.parametrize("shift", [(0, 0), (1, 0), (-1, 2), (7, -13), (-20, -4), (30, 30)])
def test_a_moved_pair_shows_each_lr_pixel_on_its_ground(shift, scale):
    """LR pixel (i, j) of the file lies on the HR pixels from (r·i + down, r·j + right) on: so it does afterwards."""
    lr_grid, hr_grid = made_up_pairs.grid(10.0 * scale), made_up_pairs.grid(10.0)
    given = made_up_pairs.numbered((30, 26), scale)
    given = replace(given, lr_hsi=replace(given.lr_hsi, grid=lr_grid), hr_msi=replace(given.hr_msi, grid=hr_grid))
    pair = given.shifted(*shift)
    lr_hsi, hr_msi = made_up_pairs.tensors(pair)
    blocks = hr_msi.unfold(0, scale, scale).unfold(1, scale, scale)  # h×w×2×r×r
    assert blocks.shape[:2] == lr_hsi.shape[:2] == pair.sides
    within = torch.stack(torch.meshgrid(torch.arange(scale), torch.arange(scale), indexing="ij"))
    expected = (lr_hsi * scale + torch.tensor(shift))[..., None, None] + within
    torch.testing.assert_close(blocks, expected, rtol=0, atol=0)
    # no LR pixel is lost that lies on the HR-MSI whole
    kept = [
        sum(0 <= i * scale + by and (i + 1) * scale + by <= side * scale for i in range(side))
        for side, by in zip((30, 26), shift, strict=True)
    ]
    assert list(pair.sides) == kept
    # and what is on the map is where it was
    for image, grid in ((pair.lr_hsi, lr_grid), (pair.hr_msi, hr_grid)):
        first = image.read(slice(0, 1), slice(0, 1))[0, 0].tolist()
        assert image.grid.xy(0.0, 0.0) == pytest.approx(grid.xy(*first))
    assert pair.grid == pair.hr_msi.grid


def test_a_pair_that_is_not_moved_is_read_as_it_is():
    pair = made_up_pairs.numbered()
    moved = pair.shifted(0, 0)
    assert moved.lr_hsi is pair.lr_hsi and moved.hr_msi is pair.hr_msi


def given(dtype=np.float32):
    """A pair with gaps and with bands that are not used, and the scene of it."""
    lr_hsi, hr_msi, truth = made_up_pairs.images((24, 22), 2)
    lr_hsi, hr_msi = lr_hsi.astype(dtype), hr_msi.astype(dtype)
    lr_hsi[..., 4], hr_msi[..., 1] = np.nan, 0.25
    lr_hsi[10:14, 3:9] = np.nan
    lr_hsi[4, 5, 7], hr_msi[30, 11, 2] = np.inf, np.nan
    pair = Pair(made_up_pairs.image(lr_hsi), made_up_pairs.image(hr_msi), 2)
    values = made_up_pairs.tensors(pair)
    scene = assemble_scene(
        *values,
        truth.support,
        lr_valid=torch.isfinite(values[0]),
        hr_valid=torch.isfinite(values[1]),
        known=Known(truth.truth.psf),
    )
    return pair, replace(scene, shift=(1, -1))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_part_has_the_pixels_and_the_bands_of_the_whole(dtype):
    pair, whole = given(dtype)
    box = slice(1, 17), slice(2, 20)
    part = pair.scene(Part(pair.sides, box, box), whole)
    hr_box = slice(2, 34), slice(4, 40)
    assert part.scale == 2 and part.shift == (1, -1) and part.dropped_bands is whole.dropped_bands and part.partial
    assert part.lr_hsi.dtype == part.hr_msi.dtype == (torch.float32 if dtype == np.float32 else torch.float64)
    assert part.lr_hsi.shape[2] == 11 and part.hr_msi.shape[2] == 2
    assert torch.equal(part.lr_gaps, whole.lr_gaps[box]) and part.lr_gaps.any()
    assert torch.equal(part.lr_hsi[~part.lr_gaps], whole.lr_hsi[box][~part.lr_gaps])
    assert torch.equal(part.hr_valid, whole.hr_valid[hr_box])
    assert torch.equal(part.hr_msi, whole.hr_msi[hr_box])
    assert part.truth.psf is None and part.truth.image is None
    assert part.known.psf is whole.known.psf and part.support is whole.support


def test_a_part_without_gaps_has_no_masks():
    pair, whole = given()
    box = slice(15, 24), slice(12, 22)
    part = pair.scene(Part(pair.sides, box, box), whole)
    assert part.lr_valid is None and part.hr_valid is None


@pytest.mark.parametrize("image", ["lr_hsi", "hr_msi"])
def test_a_part_without_data_is_none(image):
    lr_hsi, hr_msi, like = made_up_pairs.images((20, 20), 2)
    (lr_hsi if image == "lr_hsi" else hr_msi)[:20] = np.nan
    pair = Pair(made_up_pairs.image(lr_hsi), made_up_pairs.image(hr_msi), 2)
    for rows, there in ((slice(0, 10), False), (slice(0, 20), image == "hr_msi"), (slice(12, 20), image == "hr_msi")):
        box = rows, slice(0, 20)
        found = pair.scene(Part(pair.sides, box, box), like)
        assert (found is not None) == there
        assert found is None or torch.isfinite(found.hr_msi).all()


def test_gaps_take_the_nearest_pixel_of_those_that_hold_data():
    lr_hsi, hr_msi = torch.rand(4, 5, 4), torch.rand(8, 10, 2)
    lr_hsi[1, 1, 1:], lr_hsi[2, 3, 0], hr_msi[0, 0, 0] = torch.nan, torch.nan, -torch.inf
    y, z = select_bands_and_fill_gaps(lr_hsi, hr_msi, None)
    assert (~y.valid).nonzero().tolist() == [[1, 1]] and (~z.valid).nonzero().tolist() == [[0, 0]]
    assert y.gaps.nonzero().tolist() == [[2, 3, 0]] and z.gaps is None
    measured = y.valid[..., None] & ~y.gaps
    assert torch.equal(y.image[measured], lr_hsi[measured]) and torch.equal(z.image[z.valid], hr_msi[z.valid])
    assert any(torch.equal(z.image[0, 0], hr_msi[at]) for at in ((0, 1), (1, 0)))
