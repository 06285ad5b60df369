"""Tiles cover an image and are blended; a part is read with all that it depends on, and no more."""

import numpy as np
import pytest
import torch
from scipy.ndimage import maximum_filter1d

from udaln.consistency import tiles
from udaln.consistency.tiles import tiled_part
from udaln.physics.part import Part


def test_the_weights_of_tiles_add_up_to_one_everywhere():
    several = 0
    for rows in range(1, 70):
        for columns in (rows, 5, 47):
            total, count = torch.zeros(rows, columns), 0
            for extent, blend in tiles.overlapping_tiles(Part.whole(rows, columns)):
                assert blend.shape == total[extent].shape and (blend >= 0).all()
                total[extent] += blend
                count += 1
            several += count > 1
            torch.testing.assert_close(total, torch.ones(rows, columns))
    assert several > 100


def test_every_tile_is_small_however_large_the_scene():
    most = tiles.SINGLE_TILE_SIDE
    for side in (most, most + 1, 36, 100, 1001):
        assert max(extent.stop - extent.start for extent, _ in tiles.extents(side)) <= most + tiles.TILE_SIDE // 2


@pytest.mark.parametrize("side", [1, 7, 20, 21, 25, 36, 99, 1001])
def test_tiles_begin_one_after_another_and_end_with_the_side(side):
    edges = tiles.edges(side)
    lengths = np.diff(edges)
    assert edges[0] == 0 and edges[-1] == side
    assert len(lengths) == 1 if side <= tiles.SINGLE_TILE_SIDE else np.abs(lengths - tiles.TILE_SIDE).max() <= 3
    for (extent, _), first, last in zip(tiles.extents(side), edges[:-1], edges[1:], strict=True):
        assert (extent.start, extent.stop) == (max(0, first - tiles.HALO), min(side, last + tiles.HALO))


def depends(side, wanted, margin, input_margin):
    """The pixels along a side that the wanted ones depend on, through a filter, tiles, and another filter.

    By brute force: each pixel is changed in turn, and the pixels that change with it are tracked.
    """
    changed = np.eye(side, dtype=bool)  # a column for each pixel that is changed
    filtered = maximum_filter1d(changed, 2 * input_margin + 1, axis=0, mode="constant")
    tiled = np.zeros_like(changed)
    for extent, weight in tiles.extents(side):
        tiled[extent] |= (weight.numpy() > 0)[:, None] & filtered[extent].any(0)
    result = maximum_filter1d(tiled, 2 * margin + 1, axis=0, mode="constant")
    return result[wanted].any(0).nonzero()[0]


@pytest.mark.parametrize(("margin", "input_margin"), [(0, 0), (1, 0), (3, 2), (5, 1)])
@pytest.mark.parametrize("side", [9, 20, 23, 45, 88])
def test_a_part_reads_what_it_depends_on_and_no_more(side, margin, input_margin):
    rng = np.random.default_rng(side)
    drawn = [sorted(rng.choice(side + 1, 2, replace=False).tolist()) for _ in range(20)]
    for first, last in [*drawn, (0, side), (0, 1), (side - 1, side)]:
        part = tiled_part((side, 30), (slice(first, last), slice(10, 20)), margin, input_margin)
        needed = depends(side, slice(first, last), margin, input_margin)
        assert (part.read[0].start, part.read[0].stop) == (needed[0], needed[-1] + 1)
        needed = depends(30, slice(10, 20), margin, input_margin)
        assert (part.read[1].start, part.read[1].stop) == (needed[0], needed[-1] + 1)
        turned = tiled_part((30, side), (slice(10, 20), slice(first, last)), margin, input_margin)
        assert turned.read == part.read[::-1]


def test_the_tiles_of_a_part_are_those_of_the_image_that_contribute_to_it():
    whole = list(tiles.overlapping_tiles(Part.whole(45, 62)))
    wanted = slice(12, 19), slice(30, 41)
    part = Part((45, 62), wanted, wanted)
    ours = list(tiles.overlapping_tiles(part))
    assert 1 < len(ours) < len(whole)
    total = torch.zeros(45, 62)
    for extent, blend in ours:
        total[extent] += blend
        (same,) = (other for box, other in whole if box == extent)
        assert torch.equal(same, blend)
    torch.testing.assert_close(total[wanted], torch.ones(7, 11))


def test_boxes_lie_inside_what_is_read():
    part = Part((50, 40), (slice(10, 30), slice(0, 25)), (slice(14, 20), slice(5, 9)))
    image = np.arange(50 * 3 * 40 * 3).reshape(150, 120)
    read, wanted = image[30:90, 0:75], image[42:60, 15:27]
    np.testing.assert_array_equal(read[part.inside(part.wanted, 3)], wanted)
    assert part.inside(part.read) == (slice(0, 20), slice(0, 25))
    assert part.around(4).wanted == (slice(10, 24), slice(1, 13))
    assert part.around(17).wanted == (slice(0, 37), slice(0, 26))
    assert part.around(100).wanted == (slice(0, 50), slice(0, 40))
