"""When one hypothesis of a degradation predicts better than another."""

from dataclasses import replace

import made_up
import numpy as np
import pytest
import torch

from udaln.estimation.candidate import Form, predicts_better
from udaln.estimation.registration import register
from udaln.estimation.selection import FormSearch
from udaln.physics.simulation import gaussian_psf
from udaln.scene import Known


@pytest.fixture(scope="module")
def candidate():
    scene = made_up.unlike(scale=3, psf=gaussian_psf(3, 3, 3), snr_hsi=35, snr_msi=40)
    place = register(scene.lr_hsi, scene.hr_msi, scene.scale, scene.support)
    return FormSearch(scene, place, Known()).candidate(Form(3))


def test_a_form_that_has_fewer_outliers_predicts_better_though_most_errors_are_larger(candidate):
    rng = np.random.default_rng(0)
    errors = rng.uniform(1, 2, 400)
    large = errors.copy()
    large[:40] = 100
    few = np.zeros(400, dtype=bool)
    many = np.arange(400) < 40
    wrong = replace(candidate, errors=large, outliers=many)
    assert replace(candidate, errors=1.5 * errors, outliers=few).predicts_better(wrong)
    assert not replace(candidate, errors=1.5 * errors, outliers=many).predicts_better(replace(wrong, outliers=few))
    unused = np.where(many, np.nan, 1.5 * errors)
    assert not replace(candidate, errors=unused, outliers=few).predicts_better(wrong)
    large[40:56] = 100  # a few more, so that the mean is better, though not most of the errors
    better_mean = replace(candidate, errors=unused, outliers=few)
    assert not better_mean.predicts_better(replace(wrong, errors=large))  # outliers that it does not use do not count


def test_a_difference_must_be_beyond_chance():
    rng = np.random.default_rng(0)
    errors = torch.from_numpy(rng.chisquare(3, 200))
    assert predicts_better(0.9 * errors, errors) and not predicts_better(errors, 0.9 * errors)
    assert not predicts_better(errors, errors) and not predicts_better(errors, errors + 1e-16)
    assert not predicts_better(torch.from_numpy(rng.permutation(errors)), errors)
    assert predicts_better(0.5 * errors[:12], errors[:12]) and not predicts_better(0.5 * errors[:7], errors[:7])


def test_a_few_lr_pixels_do_not_decide_alone():
    rng = np.random.default_rng(0)
    errors, others = (torch.from_numpy(1 + 0.01 * rng.normal(size=200)) for _ in range(2))
    others[:8] += 1.0
    assert (others - errors).mean() > 2 * (others - errors).std() / 200**0.5
    assert not predicts_better(errors, others)


def test_lr_pixels_that_both_forms_call_outliers_do_not_count(candidate):
    errors = candidate.errors.copy()
    errors[:5] = np.nan, 1e3, 1e3, 1e3, np.nan
    outliers = np.isin(np.arange(len(errors)), (1, 2, 3))
    worse = replace(candidate, errors=1.2 * candidate.errors, outliers=outliers)
    assert replace(candidate, errors=errors, outliers=outliers).predicts_better(worse)
    assert not replace(candidate, errors=errors).predicts_better(worse)


def test_without_lr_pixels_in_common_nothing_predicts_better(candidate):
    one, other = (
        replace(candidate, errors=np.where(np.arange(len(candidate.errors)) % 2 == i, 1.0, np.nan)) for i in (0, 1)
    )
    assert not one.predicts_better(other) and not one.mean_error(other) < other.mean_error(one)
