"""Striped lines of a pair are left out of the image that has them, and said."""

import logging

import made_up_pairs
import numpy as np
import pytest
import torch
from made_up_stripes import ground, observed, stripe
from real_scenes import muufl

import udaln
from udaln.io import striped_lines
from udaln.io.pair import Pair
from udaln.io.striped_lines import find_striped_lines, without_striped_lines

SIDE, SCALE = 24, 3


def images(move=0):
    """An LR-HSI and an HR-MSI; the LR-HSI lies some LR pixels down on it."""
    scene = ground(SIDE * SCALE)
    fine, hr_msi = observed(scene)
    lr_hsi = torch.roll(fine, -move * SCALE, 0).reshape(SIDE, SCALE, SIDE, SCALE, -1).mean((1, 3))
    return lr_hsi, hr_msi, torch.ones(16, 4, dtype=torch.bool)


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("move", [0, 3])
def test_a_stripe_of_the_lr_hsi_is_found(axis, move):
    lr_hsi, hr_msi, support = images(move)
    stripe(lr_hsi, axis, [11], 1.3)
    found = find_striped_lines(lr_hsi, hr_msi, support)
    assert np.flatnonzero((found.lr_hsi.rows, found.lr_hsi.columns)[axis].any(1)).tolist() == [11]
    assert not found.hr_msi


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("line", [30, 31, 32])
def test_a_stripe_of_the_hr_msi_is_one_line_of_its_pixels(line, axis):
    lr_hsi, hr_msi, support = images()
    stripe(hr_msi, axis, [line], 1.4)
    found = find_striped_lines(lr_hsi, hr_msi, support)
    assert np.flatnonzero((found.hr_msi.rows, found.hr_msi.columns)[axis].any(1)).tolist() == [line]
    assert not found.lr_hsi


@pytest.mark.parametrize("looked_at", [striped_lines.LOOKED_AT, SIDE * 16 * 16])
def test_striped_lines_of_a_pair_have_no_data(monkeypatch, looked_at):
    monkeypatch.setattr(striped_lines, "LOOKED_AT", looked_at)
    lr_hsi, hr_msi, support = images()
    stripe(lr_hsi, 1, [11], 1.3)
    pair = Pair(made_up_pairs.image(lr_hsi), made_up_pairs.image(hr_msi), SCALE)
    found = without_striped_lines(pair, support)
    missing = np.isnan(found.lr_hsi.whole())
    assert missing[:, 11].all() and missing.sum() == SIDE * 16
    assert found.hr_msi is pair.hr_msi
    (cause,) = found.lr_hsi.causes
    assert cause.what == "stripes that the HR-MSI does not show: column 11 (counted from 0) in 16 bands"


def test_a_real_scene_without_stripes_has_none():
    scene = muufl()
    assert not any(find_striped_lines(scene.lr_hsi, scene.hr_msi, scene.support))


def test_a_stripe_costs_the_ground_under_it_alone(caplog):
    lr_hsi, hr_msi, _ = images()
    clean = udaln.fuse(lr_hsi, hr_msi, progress=False, accelerator="cpu").image
    stripe(lr_hsi, 1, [11], 1.3)
    with caplog.at_level(logging.WARNING, "udaln"):
        image = udaln.fuse(lr_hsi, hr_msi, progress=False, accelerator="cpu").image
    assert "LR-HSI: left out: stripes that the HR-MSI does not show: column 11" in caplog.text
    assert np.isnan(image[:, 33:36]).all() and np.isfinite(np.delete(image, np.s_[33:36], 1)).all()
    change = np.delete(image - clean, np.s_[33:36], 1)
    assert np.sqrt((change**2).mean()) < 0.003  # the noise
