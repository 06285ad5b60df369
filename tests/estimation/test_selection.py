"""The form of a degradation: chosen by how well it predicts LR pixels that were held out."""

from dataclasses import replace

import made_up
import numpy as np
import pytest
import torch

from udaln.estimation import selection
from udaln.estimation.alignment import aligned
from udaln.estimation.candidate import Form
from udaln.estimation.registration import Registration, register
from udaln.estimation.selection import FormSearch, footprint
from udaln.physics.instruments import Instruments, OutputGrid
from udaln.physics.simulation import gaussian_psf
from udaln.scene import Known

OPEN = Instruments("open", grid=OutputGrid.hr_msi)
NOISE = {"snr_hsi": 35, "snr_msi": 40}
DIFFERING = {"gain": torch.tensor([0.8, 1.1, 1.3]).double(), "offset": torch.tensor([0.03, -0.03, 0.01]).double()}


def form_of(scene, instruments=OPEN):
    return aligned(scene, instruments).form


def form_search(scene):
    return FormSearch(scene, register(scene.lr_hsi, scene.hr_msi, scene.scale, scene.support), Known())


def sharpened_psf(side, scale):
    """A PSF with negative lobes, as resampling by a cubic or a windowed sinc leaves it."""
    distance = (torch.arange(side, dtype=torch.float64) - (side - 1) / 2) / scale
    weights = torch.sinc(distance) * torch.exp(-0.5 * (distance / 1.2) ** 2)
    psf = weights[:, None] * weights
    return psf / psf.sum()


@pytest.mark.parametrize("noise", [{}, NOISE])
def test_the_window_of_an_average_over_the_lr_pixel_is_the_lr_pixel(noise):
    assert form_of(made_up.unlike(scale=3, psf=gaussian_psf(3, 3, 3), **noise)) == Form(3)


@pytest.mark.parametrize("fwhm", [1.5, 2.5])
def test_the_window_contains_a_wide_psf(fwhm):
    """All but 2 % of it along each side, whose gain the noise hides."""
    form = form_of(made_up.unlike((24, 24), scale=3, fwhm=3 * fwhm, **NOISE))
    psf = gaussian_psf(45, 3, 3 * fwhm).sum(0)
    margin = (45 - form.side) // 2
    assert psf[margin : margin + form.side].sum() > 0.98
    assert not (form.signed or form.gain or form.offset)


@pytest.mark.parametrize("noise", [{}, NOISE])
def test_a_psf_is_signed_where_it_has_negative_lobes(noise):
    scene = made_up.unlike((24, 24), scale=3, psf=sharpened_psf(15, 3), **noise)
    found = aligned(scene, OPEN)
    assert found.form.signed and found.estimate.psf.min() < -0.01  # of the true one: -0.0125
    nested = replace(OPEN, wide_psf=False)
    assert not form_of(scene, nested).signed


@pytest.mark.parametrize("noise", [{}, NOISE])
def test_gains_and_offsets_are_those_that_are_there(noise):
    scene = made_up.unlike(scale=3, psf=gaussian_psf(3, 3, 3), **DIFFERING, **noise)
    found = aligned(scene, OPEN)
    assert found.form == Form(3, gain=True, offset=True)
    torch.testing.assert_close(found.estimate.gain, DIFFERING["gain"], rtol=0.05 if noise else 1e-6, atol=0)
    alike = aligned(scene, replace(OPEN, gain=False, offset=False))
    assert not (alike.form.gain or alike.form.offset)
    without = made_up.unlike(scale=3, psf=gaussian_psf(3, 3, 3), **noise)
    assert form_of(without, replace(OPEN, gain=True, offset=True)) == Form(3, gain=True, offset=True)


def test_of_few_lr_pixels_gains_are_estimated_only_if_they_are_certain():
    """Or if they predict better, as many equal gains of 2 would."""
    scene = made_up.scene(scale=4)
    assert form_of(scene) == Form(4)
    assert form_of(scene, replace(OPEN, gain=True, offset=True)) == Form(4, gain=True, offset=True)
    assert form_of(replace(scene, hr_msi=2 * scene.hr_msi)).gain


def test_unrelated_images_are_not_searched():
    one, other = (made_up.unlike(scale=3, seed=seed) for seed in (0, 1))
    search = form_search(replace(one, hr_msi=other.hr_msi))
    tried = []
    search.candidate = lambda form, **more: tried.append(form) or FormSearch.candidate(search, form, **more)
    best = search.search(Form(3), Form(3), [3, 7], 15, signed=True)
    assert best.unrelated and not best.exact and tried == [Form(3)] == [best.form]


def test_an_exact_form_is_not_searched_further():
    search = form_search(made_up.unlike(scale=3, psf=gaussian_psf(3, 3, 3)))
    tried = []
    search.candidate = lambda form, **more: tried.append(form) or FormSearch.candidate(search, form, **more)
    best = search.search(Form(3), Form(3), [3, 7], 15, signed=True)
    assert best.exact and not best.unrelated and tried == [Form(3)]


def test_a_simpler_form_is_taken_unless_it_predicts_worse():
    search = form_search(made_up.unlike(scale=3, psf=gaussian_psf(3, 3, 3), **NOISE))
    free = Form(3, gain=True, offset=True)
    assert search.settled(search.candidate(free), Form(3)).form == Form(3)
    search = form_search(made_up.unlike(scale=3, psf=gaussian_psf(3, 3, 3), **NOISE, **DIFFERING))
    assert search.settled(search.candidate(free), Form(3)).form == free


def test_the_final_estimate_uses_the_border_where_it_agrees():
    scene = made_up.unlike((24, 24), scale=3, fwhm=4.0, **NOISE)
    search = form_search(scene)
    found = search.settled(search.candidate(Form(9)), Form(9))
    assert np.isfinite(found.errors).mean() > 0.95  # beyond it the scene goes on, but smoothly
    dark = scene.lr_hsi.clone()
    dark[0], dark[-1], dark[:, 0], dark[:, -1] = (0.5 * dark[at] for at in (0, -1, (slice(None), 0), (slice(None), -1)))
    search = form_search(replace(scene, lr_hsi=dark))
    used = np.isfinite(search.settled(search.candidate(Form(9)), Form(9)).errors).reshape(24, 24)
    assert used[2:-2, 2:-2].all() and used.sum() < 0.93 * used.size


def scattered(factor, errors):
    """Errors whose mean is changed by a factor, but so unevenly that the difference is chance."""
    return factor * errors * np.where(np.arange(len(errors)) % 2, 0.1, 1.9)


@pytest.mark.parametrize(("factor", "side"), [(0.95, 11), (1.05, 7)])
def test_a_window_that_cuts_off_the_psf_is_widened_unless_that_predicts_worse(factor, side):
    search = form_search(made_up.unlike((24, 24), scale=3, fwhm=4.0, **NOISE))
    found = search.candidate(Form(11))
    assert found.rim < 0.3
    flat = torch.full((7, 7), 1 / 49, dtype=torch.float64)
    noisy = scattered(factor, found.errors)
    narrow = replace(found, form=Form(7), estimate=replace(found.estimate, psf=flat))
    search.candidate = lambda form: {7: narrow, 11: replace(found, form=form, errors=noisy)}[form.side]
    assert search.search(Form(7), Form(7), [7, 11], 11, signed=False).form.side == side


@pytest.mark.parametrize(("factor", "signed"), [(0.95, True), (1.05, False)])
def test_negative_weights_may_need_a_wider_window(factor, signed):
    """They are tried in one if the narrow one is better by chance, and are not if it is worse."""
    search = form_search(made_up.unlike((24, 24), scale=3, fwhm=4.0, **NOISE))
    found = search.candidate(Form(11))
    assert found.rim < 0.06
    flat = torch.full((11, 11), 1 / 121, dtype=torch.float64)
    noisy = scattered(factor, found.errors)
    candidates = {
        Form(11): found,
        Form(11, signed=True): replace(found, errors=noisy, estimate=replace(found.estimate, psf=flat)),
        Form(14, signed=True): replace(found, errors=0.5 * found.errors),
    }
    search.candidate = lambda form: replace(candidates[form], form=form)
    assert search.search(Form(11), Form(11), [11], 14, signed=True).form.signed == signed


def test_errors_are_nan_where_an_lr_pixel_is_not_used():
    scene = made_up.unlike(scale=3, psf=gaussian_psf(3, 3, 3), **NOISE)
    lr_valid = torch.ones(20, 18, dtype=torch.bool)
    lr_valid[4:6, 7:10] = False
    candidate = form_search(replace(scene, lr_valid=lr_valid)).candidate(Form(7))
    used = np.zeros((20, 18), dtype=bool)
    used[1:-1, 1:-1] = True  # the small Gaussian that was registered lies inside the image in all others
    found = np.isfinite(candidate.errors).reshape(20, 18)
    assert not found[4:6, 7:10].any() and found[1:-1, 1:-1].sum() == used.sum() - 6
    assert candidate.errors[found.flatten()].min() >= 0 and len(candidate.lr) == found.sum()


def test_of_many_lr_pixels_forms_are_compared_by_the_same_ones(monkeypatch):
    monkeypatch.setattr(selection, "MAX_LR_PIXELS", 150)
    search = form_search(made_up.unlike(scale=3, psf=gaussian_psf(3, 3, 3), **NOISE))
    narrow, wide = (np.isfinite(search.candidate(Form(side, signed=side > 3)).errors) for side in (3, 9))
    assert narrow.sum() == wide.sum() == 150
    assert (narrow & wide).sum() > 100


def test_the_held_out_error_is_a_share_of_the_variance():
    scene = made_up.unlike(scale=3, psf=gaussian_psf(3, 3, 3), **NOISE)
    scaled = replace(scene, lr_hsi=1000 * scene.lr_hsi)
    one, other = (form_search(pair).candidate(Form(3, gain=True, offset=True)).errors for pair in (scene, scaled))
    np.testing.assert_allclose(other, one, rtol=1e-3)
    assert 1e-4 < one.mean() < 0.1


def test_a_large_window_is_estimated_in_squares_of_hr_pixels():
    scene = made_up.unlike((24, 24), scale=3, fwhm=6.0, **NOISE)
    candidate = form_search(scene).candidate(Form(26), used=torch.ones(24 * 24, dtype=torch.bool))
    psf = candidate.estimate.psf
    assert psf.shape == (26, 26) and float(psf.sum()) == pytest.approx(1)
    assert torch.equal(psf[::2, ::2], psf[1::2, 1::2])  # in squares of 2×2
    row = (psf.sum(1) * torch.arange(26)).sum() - 12.0  # an LR pixel's centre in such a window
    assert abs(row) < 0.3


def test_the_footprint_is_the_registered_gaussian_in_the_window():
    scene = replace(made_up.scene(scale=4), shift=(3, -1))
    psf = footprint(12, scene, Registration((3.4, -1.3), (2.0, 3.0)))
    row, column = torch.arange(12.0)[:, None], torch.arange(12.0)
    assert float((psf * row).sum() / psf.sum()) == pytest.approx(5.5 + 0.4, abs=0.05)
    assert float((psf * column).sum() / psf.sum()) == pytest.approx(5.5 - 0.3, abs=0.15)
