"""Plots of a pair: they lie where the data are, see nothing of each other, and tell the shift of the whole."""

import itertools
from dataclasses import replace

import made_up_pairs
import numpy as np
import pytest
import torch

from udaln.errors import InputError
from udaln.io import sample as sampling
from udaln.io.pair import Pair, select_bands_and_fill_gaps
from udaln.io.sample import PLOT, find_shift, plots, sample
from udaln.physics.observation import usable_lr_pixels
from udaln.physics.windows import windows
from udaln.scene import DroppedBands, Scene


def flat(boxes):
    return list(itertools.chain.from_iterable(boxes))


def pair(lr_hsi, hr_msi, scale):
    return Pair(made_up_pairs.image(lr_hsi), made_up_pairs.image(hr_msi), scale)


def held(given, box):
    """The share of LR pixels with data in both images."""
    lr_hsi, hr_msi = (torch.isfinite(image).any(2) for image in given.read(box))
    blocks = hr_msi.unfold(0, given.scale, given.scale).unfold(1, given.scale, given.scale)
    return float((lr_hsi & blocks.flatten(2).all(2)).double().mean())


@pytest.mark.parametrize("sides", [(200, 150), (62, 65), (40, 100), (25, 300), (300, 17)])
@pytest.mark.parametrize("pixels", [400, 1000, 3000])
def test_plots_are_as_many_as_asked_for_and_lie_all_over(sides, pixels):
    given = made_up_pairs.numbered(sides, 2)
    boxes = plots(given, pixels, seed=0)
    used = sum((rows.stop - rows.start - 2) * (columns.stop - columns.start - 2) for rows, columns in flat(boxes))
    there = np.prod(sides)
    assert min(0.6 * pixels, 0.5 * there) < used < 1.4 * pixels
    for box in flat(boxes):
        assert all(0 <= part.start and part.stop <= side for part, side in zip(box, sides, strict=True))
        assert [part.stop - part.start for part in box] == [PLOT, PLOT]
    covered = np.zeros(sides)
    for box in flat(boxes):
        covered[box] += 1
    assert (covered > 1).sum() < 0.25 * covered.sum()  # what is looked at twice
    for axis, side in enumerate(sides):  # none lies far from the next
        middles = sorted({(box[axis].start + box[axis].stop) / 2 for box in flat(boxes)})
        steps = np.diff([-middles[0], *middles, 2 * side - middles[-1]])
        assert steps.max() < max(2.3 * side / min(len(boxes), len(boxes[0])), 2 * PLOT)


@pytest.mark.parametrize("sides", [(9, 500), (500, 9), (3, 700), (16, 40)])
def test_a_pair_narrower_than_a_plot_is_looked_at_in_one_line_of_plots(sides):
    given = made_up_pairs.numbered(sides, 2)
    boxes = flat(plots(given, 1000, seed=0))
    narrow = int(np.argmin(sides))
    assert {(box[narrow].start, box[narrow].stop) for box in boxes} == {(0, min(sides))}
    assert {box[1 - narrow].stop - box[1 - narrow].start for box in boxes} == {PLOT}
    starts = [box[1 - narrow].start for box in boxes]
    assert len(set(starts)) == len(starts) and min(np.diff(sorted(starts)), default=PLOT) >= PLOT / 2
    lr_hsi, hr_msi = sample(given, plots(given, 1000, seed=0))
    assert (2 * lr_hsi.shape[0], 2 * lr_hsi.shape[1]) == hr_msi.shape[:2]
    assert torch.isfinite(lr_hsi).any()


def test_the_seed_decides():
    lr_hsi, hr_msi = np.ones((120, 130, 2), np.float32), np.ones((240, 260, 1), np.float32)
    lr_hsi[np.random.default_rng(3).random((120, 130)) < 0.5] = np.nan  # no place is good enough
    given = pair(lr_hsi, hr_msi, 2)
    first, again, other = (plots(given, 3000, seed) for seed in (5, 5, 6))
    assert first == again != other


@pytest.mark.parametrize("gaps", ["lr_hsi", "hr_msi", "both"])
@pytest.mark.parametrize("seed", range(3))
def test_plots_avoid_what_holds_no_data(gaps, seed):
    rng = np.random.default_rng(seed)
    lr_hsi, hr_msi = np.ones((150, 140, 2), np.float32), np.ones((300, 280, 1), np.float32)
    for top, left in rng.integers(0, 130, (12, 2)):
        if gaps != "hr_msi":
            lr_hsi[top : top + 22, left : left + 22] = np.nan
        if gaps != "lr_hsi":
            hr_msi[2 * left : 2 * left + 44, 2 * top : 2 * top + 44] = np.nan
    given = pair(lr_hsi, hr_msi, 2)
    blind = plots(pair(np.ones_like(lr_hsi), np.ones_like(hr_msi), 2), 3000, seed)  # the middles of the cells
    found = [held(given, box) for box in flat(plots(given, 3000, seed))]
    there = [held(given, box) for box in flat(blind)]
    assert all(a >= b for a, b in zip(found, there, strict=True)) and np.mean(found) > np.mean(there) + 0.05
    for box, share, middle in zip(flat(plots(given, 3000, seed)), there, flat(blind), strict=True):
        assert share < sampling.SUFFICIENT or box == middle


def test_a_band_without_data_does_not_count_as_a_gap():
    lr_hsi, hr_msi = np.ones((60, 60, 3), np.float32), np.ones((120, 120, 2), np.float32)
    whole = plots(pair(lr_hsi, hr_msi, 2), 1000, 0)
    lr_hsi[..., 1], hr_msi[..., 0] = np.nan, np.nan
    assert plots(pair(lr_hsi, hr_msi, 2), 1000, 0) == whole


@pytest.mark.parametrize("scale", [2, 3, 4, 5, 6])
def test_plots_lie_side_by_side_in_frames_without_data(scale):
    given = made_up_pairs.numbered((70, 60), scale)
    boxes = plots(given, 1000, seed=1)
    lr_hsi, hr_msi = sample(given, boxes)
    assert lr_hsi.shape[:2] == (len(boxes) * PLOT, len(boxes[0]) * PLOT)
    assert hr_msi.shape[:2] == tuple(scale * side for side in lr_hsi.shape[:2])
    frame = max(1, (scale - 1) // 2)
    for (i, line), (j, _) in itertools.product(enumerate(boxes), enumerate(boxes[0])):
        for image, whole, size, width in zip(
            (lr_hsi, hr_msi), given.read(line[j]), (PLOT, PLOT * scale), (1, frame), strict=True
        ):
            plot = image[i * size : (i + 1) * size, j * size : (j + 1) * size]
            inner = slice(width, -width), slice(width, -width)
            assert torch.equal(plot[inner], whole[inner])
            assert int(torch.isfinite(plot).all(2).sum()) == (size - 2 * width) ** 2
    assert torch.isfinite(made_up_pairs.tensors(given)[0]).all()  # nothing happened to the pair itself


@pytest.mark.parametrize("scale", [2, 3, 4, 5, 6])
@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize("missing", [0.03, 0.5])  # as the stages see and as the refinement does
def test_no_lr_pixel_that_is_used_sees_another_plot(scale, wide, missing):
    given = made_up_pairs.numbered((64, 64), scale)
    boxes = plots(given, 1700, seed=0)
    assert len(boxes) == len(boxes[0]) == 3
    y, z = select_bands_and_fill_gaps(*sample(given, boxes), None)
    lr_hsi, lr_valid, hr_msi, hr_valid = y.image, y.valid, z.image, z.valid
    scene = Scene(lr_hsi, hr_msi, torch.ones(2, 2).bool(), lr_valid=lr_valid, hr_valid=hr_valid)
    size = 2 * scale + 1 if wide else scale
    seen = usable_lr_pixels(scene, torch.ones(size, size), missing)
    number = torch.arange(9.0).view(3, 3).repeat_interleave(PLOT, 0).repeat_interleave(PLOT, 1)
    under = number.repeat_interleave(scale, 0).repeat_interleave(scale, 1)
    under[~hr_valid] = torch.nan
    values = windows(under[..., None], size, scale, beyond=torch.nan)[seen, :, 0]
    own = number.flatten()[seen, None]
    assert (torch.isnan(values) | (values == own)).all() and (values == own).any(1).all()
    used = seen.view(3, PLOT, 3, PLOT).sum((1, 3))
    assert (used >= (PLOT - 4) ** 2).all() and (used <= (PLOT - 2) ** 2).all()
    if not wide:
        assert (used == (PLOT - 2) ** 2).all()


SHIFTS = [(0.0, 0.0), (3.0, -2.0), (-5.0, 1.0), (6.6, 4.3)]


def shifted(shift, sides=(44, 40)):
    lr_hsi, hr_msi, scene = made_up_pairs.images(sides, 2, shift=shift)
    return lr_hsi, hr_msi, scene.support


@pytest.mark.parametrize("shift", SHIFTS)
def test_the_shift_that_is_found_is_taken_out(shift):
    lr_hsi, hr_msi, support = shifted(shift)
    given = pair(lr_hsi, hr_msi, 2)
    found = find_shift(given, support, seed=0)
    assert found == pytest.approx(shift, abs=0.4)
    moved = given.shifted(*map(round, found))
    assert np.abs(find_shift(moved, support, seed=0)).max() <= 0.7


def test_the_shift_is_found_in_a_part_that_both_images_show(monkeypatch):
    monkeypatch.setattr(sampling, "REGISTRATION_SIDE", 30)
    lr_hsi, hr_msi, support = shifted((3.0, -2.0), (80, 75))
    hr_msi[40:130, 40:] = np.nan  # the middle and more
    given = pair(lr_hsi, hr_msi, 2)
    assert find_shift(given, support, seed=1) == pytest.approx((3, -2), abs=0.4)


@pytest.mark.parametrize("value", [np.nan, 0.0])
def test_bands_without_a_signal_do_not_hide_the_shift(value):
    lr_hsi, hr_msi, support = shifted((3.0, -2.0))
    lr_hsi[..., 5], hr_msi[..., 1] = value, value
    support = support.clone()
    support[:, 2] = torch.arange(12) == 5  # nothing of what a third band covers is left
    given = pair(lr_hsi, hr_msi, 2)
    assert find_shift(given, support, seed=0) == pytest.approx((3, -2), abs=0.4)


def test_bands_that_a_model_does_without_are_not_looked_at():
    lr_hsi, hr_msi, support = shifted((3.0, -2.0))
    expected = find_shift(pair(lr_hsi, hr_msi, 2), support, seed=0)
    dead, msi_dead = torch.arange(14) == 3, torch.arange(4) == 0
    noise = torch.arange(14) == 9
    rng = np.random.default_rng(0)
    more = np.empty((*lr_hsi.shape[:2], 14), np.float32)
    more[..., ~(dead | noise).numpy()] = lr_hsi
    more[..., 3], more[..., 9] = np.nan, rng.normal(size=lr_hsi.shape[:2])
    wider = np.concatenate([rng.normal(size=(*hr_msi.shape[:2], 1)).astype(np.float32), hr_msi], 2)
    dropped_bands = DroppedBands(dead, noise, msi_dead)
    assert find_shift(pair(more, wider, 2), support, 0, dropped_bands) == pytest.approx(expected)


@pytest.mark.parametrize("empty", ["lr_hsi", "hr_msi"])
def test_a_pair_without_data_is_refused(empty):
    lr_hsi, hr_msi, support = shifted((0.0, 0.0), (20, 20))
    (lr_hsi if empty == "lr_hsi" else hr_msi)[:] = np.nan
    with pytest.raises(InputError) as caught:
        find_shift(pair(lr_hsi, hr_msi, 2), support, seed=0)
    assert str(caught.value) == "LR-HSI: expected data on the ground of the HR-MSI, got almost none"


def test_precision_of_the_files_is_kept():
    given = made_up_pairs.numbered((40, 40), 2)
    double = replace(given, lr_hsi=made_up_pairs.image(np.ones((40, 40, 2))))
    lr_hsi, hr_msi = sample(double, plots(double, 400, 0))
    assert lr_hsi.dtype == torch.float64 and hr_msi.dtype == torch.float32
