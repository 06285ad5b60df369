"""Held-out errors: those of refits without each LR pixel."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from udaln.estimation.quadratic import Quadratic
from udaln.estimation.unknowns import Unknowns

COUNT, BANDS, MSI_BANDS, PIXELS = 60, 5, 2, 9
SUPPORT = np.ones((BANDS, MSI_BANDS), dtype=bool)
RESPONSES = np.array([[0.2, 0.1], [0.3, 0.1], [0.2, 0.2], [0.2, 0.3], [0.1, 0.3]])


def noisy_pair(rng, gain, offset):
    """LR pixels and windows of a smooth PSF and positive responses, with noise in the HR-MSI."""
    lr = rng.random((COUNT, BANDS))
    windows = rng.random((COUNT, PIXELS, MSI_BANDS))
    psf = np.full(PIXELS, 1 / PIXELS)
    missing = lr @ RESPONSES * gain + offset - np.einsum("nkj,k->nj", windows, psf)
    noisy = missing + rng.normal(scale=0.01, size=missing.shape)
    return torch.from_numpy(lr), torch.from_numpy(windows + noisy[:, None] * psf[:, None] / (psf @ psf))


def ridge(equations):
    """A problem with fixed weights and priors."""
    return Quadratic(
        equations,
        weight=np.array([1e4, 0.5e4]),
        srf_mean=np.zeros_like(RESPONSES),
        srf_precision=np.stack([3 * np.eye(BANDS)] * MSI_BANDS),
        psf_mean=np.full(PIXELS, 1 / PIXELS),
        psf_precision=20 * np.eye(PIXELS),
    )


@pytest.mark.parametrize("known", [{}, {"srf": True}, {"psf": True}])
@pytest.mark.parametrize(("gain", "offset"), [(False, False), (True, True), (False, True)])
@pytest.mark.parametrize("signed", [False, True])
def test_errors_are_those_of_a_refit_without_each_lr_pixel(gain, offset, signed, known):
    lr, windows = noisy_pair(np.random.default_rng(0), gain * np.array([0.8, 1.3]) + (not gain), offset * 0.1)
    unknowns = Unknowns(
        SUPPORT, RESPONSES if "srf" in known else None, "psf" not in known, gain, offset, gaussian=False, signed=signed
    )
    start = np.full(PIXELS, 1 / PIXELS), RESPONSES
    weights = torch.ones(COUNT, dtype=torch.float64)
    weights[[4, 40]] = 0  # outliers
    equations = unknowns.reduce(lr, windows, weights)
    psf, srf = unknowns.solve(ridge(equations), *start)
    assert np.abs(psf).min() > 0 and srf.min() > 0  # no refit then has other weights at 0
    errors = unknowns.held_out_errors(ridge(equations), lr, windows, weights, equations, psf, srf)
    for i in range(COUNT):
        others = unknowns.reduce(lr, windows, weights.index_fill(0, torch.tensor([i]), 0.0))
        psf, srf = unknowns.solve(ridge(others), *start)
        expected = lr[i].numpy() @ srf - windows[i].numpy().T @ psf + others.offset(psf, srf)
        np.testing.assert_allclose(errors[i], expected, atol=1e-10)


def test_excluded_lr_pixels_keep_their_residual_and_the_others_have_larger_errors():
    lr, windows = noisy_pair(np.random.default_rng(1), np.ones(MSI_BANDS), 0.0)
    unknowns = Unknowns(SUPPORT, None, True, gain=False, offset=False, gaussian=False)
    weights = torch.ones(COUNT, dtype=torch.float64)
    weights[7] = 0
    equations = unknowns.reduce(lr, windows, weights)
    psf, srf = unknowns.solve(ridge(equations), np.full(PIXELS, 1 / PIXELS), RESPONSES)
    errors = unknowns.held_out_errors(ridge(equations), lr, windows, weights, equations, psf, srf)
    residuals = lr.numpy() @ srf - np.einsum("nkj,k->nj", windows.numpy(), psf)
    np.testing.assert_allclose(errors[7], residuals[7], atol=1e-14)
    scale = ridge(equations).weight ** 0.5
    sizes = [np.linalg.norm(values * scale, axis=1) for values in (errors, residuals)]
    assert (np.delete(sizes[0] - sizes[1], 7) > 0).all()


def test_an_lr_pixel_that_alone_determines_a_parameter_is_not_predicted():
    lr, windows = noisy_pair(np.random.default_rng(2), np.ones(MSI_BANDS), 0.0)
    lr[:, 0] = 0
    lr[5, 0] = 1.0
    unknowns = Unknowns(SUPPORT, None, True, gain=True, offset=False, gaussian=False)
    weights = torch.ones(COUNT, dtype=torch.float64)
    equations = unknowns.reduce(lr, windows, weights)
    problem = replace(ridge(equations), srf_precision=np.zeros((MSI_BANDS, BANDS, BANDS)))
    psf, srf = unknowns.solve(problem, np.full(PIXELS, 1 / PIXELS), RESPONSES)
    finite = np.isfinite(unknowns.held_out_errors(problem, lr, windows, weights, equations, psf, srf))
    assert not finite[5].any() and np.delete(finite, 5, 0).all()
