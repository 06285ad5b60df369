"""A field of displacements is told from errors of its plots, and from a shift that is the same everywhere."""

import numpy as np
import pytest
import torch
from made_up_warps import displaced_pair, displacement

from udaln.estimation.alignment import aligned
from udaln.estimation.displacement_field import FEWEST_PLOTS, Plots, fit_field
from udaln.physics.instruments import Instruments, OutputGrid

SIDE = 100
PLACES = np.stack(np.meshgrid(*[np.arange(5.0, SIDE, 10)] * 2, indexing="ij"), -1).reshape(-1, 2)
ERROR = 0.1


def plots(field, seed=0, error=ERROR):
    """Plots of a field, n×2, with errors of which the size is known."""
    found = field + error * np.random.default_rng(seed).normal(size=field.shape)
    return Plots(PLACES[: len(field)], found, np.tile(np.eye(2) / error**2, (len(field), 1, 1)))


def root_mean_square(values):
    return float(np.sqrt((values**2).sum(-1).mean()))


def affine(seed=0):
    rng = np.random.default_rng(seed)
    return (PLACES - SIDE / 2) / SIDE @ rng.uniform(-2, 2, (2, 2)) + rng.uniform(-1, 1, 2)


def wavy(seed=0):
    rng = np.random.default_rng(seed)
    return np.sin(PLACES @ rng.uniform(-0.06, 0.06, (2, 2)) + rng.uniform(0, 6, 2))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("true", "share"), [(affine, 0.3), (wavy, 0.6), (lambda seed: affine(seed) + wavy(seed), 0.6)])
def test_a_field_is_found_better_than_any_plot(true, share, seed):
    field = fit_field(plots(true(seed), seed), SIDE)
    assert root_mean_square(field.at(PLACES) - true(seed)) < share * 2**0.5 * ERROR


def test_a_step_between_two_strips_is_followed():
    strips = np.where(PLACES[:, :1] < SIDE / 2, 0.8, -0.4) * np.array([[1.0, 0.5]])
    field = fit_field(plots(strips, error=0.02), SIDE)
    assert root_mean_square(field.at(PLACES) - strips) < 0.25 * root_mean_square(strips - strips.mean(0))


@pytest.mark.parametrize("seed", range(20))
def test_errors_and_a_constant_are_no_field(seed):
    constant = np.random.default_rng(seed).uniform(-1, 1, 2)
    assert fit_field(plots(np.broadcast_to(constant, PLACES.shape), seed), SIDE) is None


def test_errors_that_are_larger_than_told_are_no_field():
    told = plots(np.zeros_like(PLACES), error=0.3)
    assert fit_field(told._replace(information=100 * told.information), SIDE) is None


def test_what_hardly_matters_is_no_field():
    assert fit_field(plots(0.02 * affine(), error=1e-4), SIDE) is None
    assert fit_field(plots(affine(), error=1e-4), SIDE) is not None


def test_few_plots_show_none():
    few = plots(affine()[: FEWEST_PLOTS - 1], error=1e-3)
    assert fit_field(few, SIDE) is None


AUTO = Instruments("auto")


@pytest.mark.parametrize("noise", [{}, {"snr_hsi": 35, "snr_msi": 40}], ids=["clean", "noisy"])
@pytest.mark.parametrize(("slope", "smooth"), [(1.5, 0.0), (1.0, 1.0)], ids=["affine", "smooth"])
def test_a_displacement_that_varies_is_found_and_taken_out(slope, smooth, noise):
    lr, scale = (30, 28), 4
    field = displacement([side * scale for side in lr], slope, smooth)
    pair, displaced = displaced_pair(field, lr, scale, **noise)
    assert aligned(pair, AUTO).warp is None
    found = aligned(displaced, AUTO)
    error = (found.warp.displacement - field)[:, 8:-8, 8:-8]
    assert (error - error.mean((1, 2), keepdim=True)).square().mean().sqrt() < 0.15
    assert found.warp.hr_msi is displaced.hr_msi and found.warp.returns
    assert not torch.equal(found.scene.hr_msi, displaced.hr_msi)
    truth = found.scene.total_shift
    assert truth == pytest.approx(found.warp.mean)


def test_it_is_found_in_its_place_beside_a_shift_by_whole_pixels():
    shift = (12, -11)
    field = displacement((120, 112), 0.0, 1.5) + torch.tensor(shift).double()[:, None, None]
    found = aligned(displaced_pair(field)[1], AUTO)
    assert found.scene.shift == shift
    seen = found.warp.displacement.roll((-shift[0], -shift[1]), (1, 2))  # by the LR pixels, whose windows are moved
    error = (seen - field)[:, 16:-16, 16:-16]
    assert (error - error.mean((1, 2), keepdim=True)).square().mean().sqrt() < 0.09


def test_it_is_not_looked_for_where_it_is_excluded():
    field = displacement((120, 112), 1.5, 0.0)
    displaced = displaced_pair(field)[1]
    for excluding in (Instruments("mine", warp=False), Instruments("mine", shift=False)):
        assert aligned(displaced, excluding).warp is None
    stays = aligned(displaced, Instruments("mine", grid=OutputGrid.lr_hsi)).warp
    assert not stays.returns
