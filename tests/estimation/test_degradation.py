import made_up
import numpy as np
import pytest
import scipy.io
import torch
from made_up_samples import OFFSET, degraded, differing_sensors, random_scene, shared_scene
from places import SHARED

from udaln.errors import InputError
from udaln.estimation import degradation
from udaln.estimation.degradation import estimate_degradation
from udaln.estimation.psf_prior import nearest_gaussian
from udaln.physics.blocks import blocks_of
from udaln.physics.simulation import gaussian_psf
from udaln.physics.windows import degrade, windows
from udaln.scene import Scene

ROUNDING = 1e-6  # error by rounding, on any machine, of problems as ill-conditioned as those of `differing_sensors`


def supports(srf):
    return {"given": srf > 0, "full": torch.ones_like(srf, dtype=torch.bool)}


def close(value, true, atol):
    torch.testing.assert_close(value, true, rtol=0, atol=atol)


@pytest.mark.parametrize("support", ["given", "full"])
@pytest.mark.parametrize("kernel_size", [4, 7])
def test_without_noise_psf_and_srf_are_the_true_ones(kernel_size, support):
    image, psf, srf, given = random_scene(kernel_size)
    lr, hr_windows = degraded(image, psf, srf, 4)
    estimated = estimate_degradation(lr, hr_windows, given if support == "given" else torch.ones_like(given))
    close(estimated.psf, psf, 1e-10)
    close(estimated.srf, srf, 1e-10)
    assert estimated.residual_std.max() < 1e-10


@pytest.mark.parametrize("support", ["given", "full"])
@pytest.mark.parametrize(("name", "scale"), [("muufl", 5), ("muufl", 10), ("jasper", 5)])
def test_without_noise_real_spectra_yield_the_true_ones(name, scale, support):
    lr, hr_windows, psf, srf = shared_scene(name, scale)
    estimated = estimate_degradation(lr, hr_windows, supports(srf)[support])
    close(estimated.psf, psf, 1e-6)
    close(estimated.srf, srf, 1e-6)


@pytest.mark.parametrize("support", ["given", "full"])
def test_psf_and_srf_of_tiangong1(support):
    folder = SHARED / "tiangong1_x12"
    if not folder.exists():
        pytest.skip("needs shared/data/tiangong1_x12 beside the repository")

    def read(name):
        return torch.from_numpy(
            next(v for k, v in scipy.io.loadmat(folder / name).items() if k[0] != "_").astype(float)
        )

    lr, hr, psf, srf = (read(f"{name}.mat") for name in ("lr_hsi", "hr_msi", "psf_gt", "srf_gt"))
    srf = (srf if len(srf) == 54 else srf.T) / (srf if len(srf) == 54 else srf.T).sum(0)
    estimated = estimate_degradation(lr.flatten(0, 1), windows(hr, 12, 12), supports(srf)[support])
    close(estimated.psf, psf, 1e-8)
    close(estimated.srf, srf, 1e-8)


@pytest.mark.parametrize(("noise", "srf_error", "psf_error"), [((40, 45), 0.10, 0.00075), ((30, 35), 0.165, 0.002)])
def test_noise_causes_limited_errors(noise, srf_error, psf_error):
    """Least squares alone reaches 0.22 and 0.38, 0.0015 and 0.0042."""
    lr, hr_windows, psf, srf = shared_scene("muufl", 5, noise)
    estimated = estimate_degradation(lr, hr_windows, srf > 0)
    assert (estimated.srf - srf).norm() <= srf_error * srf.norm()
    assert (estimated.psf - psf).abs().max() <= psf_error


def test_noise_without_a_band_table_causes_a_limited_error():
    lr, hr_windows, _, srf = shared_scene("muufl", 5, (40, 45))
    estimated = estimate_degradation(lr, hr_windows, torch.ones_like(srf, dtype=torch.bool))
    assert (estimated.srf - srf).norm() <= 0.2 * srf.norm()


def test_known_psf_or_srf_is_kept():
    image, psf, srf, support = random_scene(4)
    lr, hr_windows = degraded(image, psf, srf, 4, (30, 35))
    other_psf, other_srf = gaussian_psf(4, 4, 4), support.double() / support.sum(0)
    by_psf = estimate_degradation(lr, hr_windows, support, psf=other_psf)
    by_srf = estimate_degradation(lr, hr_windows, support, srf=other_srf)
    close(by_psf.psf, other_psf, 1e-15)
    close(by_srf.srf, other_srf, 1e-15)
    assert (by_psf.srf - srf).norm() < 0.5 * srf.norm()
    clean_lr, clean_windows = degraded(image, psf, srf, 4)
    close(estimate_degradation(clean_lr, clean_windows, support, srf=srf).psf, psf, 1e-10)


@pytest.mark.parametrize("support", ["given", "full"])
def test_without_noise_the_differences_of_the_sensors_are_the_true_ones(support):
    lr, hr_windows, psf, srf, given, gain = differing_sensors()
    covered = given if support == "given" else torch.ones_like(given)
    estimated = estimate_degradation(lr, hr_windows, covered, gain=True, offset=True)
    close(estimated.psf, psf, ROUNDING)
    close(estimated.srf, srf, ROUNDING)
    close(estimated.gain, gain, ROUNDING)
    close(estimated.offset, OFFSET, ROUNDING)
    close(estimated.srf.sum(0), torch.ones(3).double(), 1e-12)
    assert estimated.residual_std.max() < 1e-9 and estimated.outlier_weights.all()


def test_gains_and_offsets_of_a_known_srf_are_estimated():
    lr, hr_windows, psf, srf, support, gain = differing_sensors()
    estimated = estimate_degradation(lr, hr_windows, support, srf=3 * srf, gain=True, offset=True)
    close(estimated.srf, srf, 1e-15)
    close(estimated.psf, psf, 1e-9)
    close(estimated.gain, gain, 1e-9)
    close(estimated.offset, OFFSET, 1e-9)
    both = estimate_degradation(lr, hr_windows, support, psf=psf, srf=srf, gain=True, offset=True)
    close(both.psf, psf, 1e-15)
    close(both.gain, gain, 1e-9)
    close(both.offset, OFFSET, 1e-9)


def test_held_out_errors_are_those_of_the_lr_pixels_that_were_used(monkeypatch):
    """An LR pixel that is an outlier no longer, once the estimate is made, had no part in it: it keeps its residual."""

    def weights(lr, *_, absolute=None):
        return torch.ones(len(lr), dtype=torch.float64).index_fill(0, torch.tensor([3]), float(absolute is None))

    monkeypatch.setattr(degradation, "outlier_weights", weights)
    image, psf, srf, support = random_scene(4)
    lr, hr_windows = degraded(image, psf, srf, 4, (30, 35))
    estimated = estimate_degradation(lr, hr_windows, support, tentative=True)
    residuals = lr @ estimated.srf - torch.einsum("nkj,k->nj", hr_windows, estimated.psf.flatten())
    larger = estimated.held_out_errors.norm(dim=1) > 1.001 * residuals.norm(dim=1)
    close(estimated.held_out_errors[3], residuals[3], 1e-12)
    assert estimated.outlier_weights.all() and larger.sum() > 0.9 * len(lr)


def perturbed(values, seed):
    """Values with the rounding errors of other kernels."""
    return values * (1 + 3e-16 * torch.from_numpy(np.random.default_rng(seed).normal(size=tuple(values.shape))))


@pytest.mark.parametrize("known", [None, "srf"])
def test_rounding_decides_nothing(known):
    """Without noise, gains leave the curvature singular but for rounding errors: they must not pass for curvature."""
    lr, hr_windows, psf, srf, support, gain = differing_sensors()
    for seed in range(40):
        pair = perturbed(lr, seed), perturbed(hr_windows, seed + 100)
        given = {"srf": srf} if known else {}
        estimated = estimate_degradation(*pair, support, gain=True, offset=True, **given)
        close(estimated.psf, psf, ROUNDING)
        close(estimated.srf, srf, ROUNDING)
        close(estimated.gain, gain, ROUNDING)
        close(estimated.offset, OFFSET, ROUNDING)


def test_rounding_decides_nothing_of_fewer_materials_than_bands():
    scene = made_up.scene(materials=4)
    blocks = blocks_of(scene, 4, torch.float64)
    for seed in range(12):
        pair = perturbed(blocks.lr, seed), perturbed(blocks.windows, seed + 100)
        for given in {}, {"psf": scene.truth.psf}:
            estimated = estimate_degradation(*pair, scene.support, **given)
            close(estimated.psf, scene.truth.psf, ROUNDING)
            close(estimated.srf, scene.truth.srf, ROUNDING)


@pytest.mark.parametrize("asked", [{"gain": True}, {"offset": True}])
def test_gain_or_offset_can_be_estimated_alone(asked):
    lr, hr_windows, psf, srf, support, gain = differing_sensors()
    hr_windows = (hr_windows - OFFSET) if "gain" in asked else (hr_windows - OFFSET) / gain + OFFSET
    estimated = estimate_degradation(lr, hr_windows, support, **asked)
    close(estimated.psf, psf, ROUNDING)
    close(estimated.srf, srf, ROUNDING)
    close(estimated.gain, gain if "gain" in asked else torch.ones(3).double(), ROUNDING if "gain" in asked else 0)
    close(estimated.offset, 0 * OFFSET if "gain" in asked else OFFSET, 0 if "gain" in asked else ROUNDING)


@pytest.mark.parametrize("noise", [None, (30, 35)])
@pytest.mark.parametrize("known", [False, True])
def test_scaled_hr_msi_bands_change_only_gain_and_offset(noise, known):
    lr, hr_windows, _, srf, support, _ = differing_sensors(noise=noise)
    options = {"srf": srf if known else None, "gain": True, "offset": True}
    one = estimate_degradation(lr, hr_windows, support, **options)
    factor, more = torch.tensor([4.0, 1.25, 0.5], dtype=torch.float64), torch.tensor([0.0, 0.5, -0.25]).double()
    other = estimate_degradation(lr, factor * hr_windows + more, support, **options)
    close(other.psf, one.psf, 1e-6)
    close(other.srf, one.srf, 1e-6)
    torch.testing.assert_close(other.gain, factor * one.gain, rtol=1e-6, atol=0)
    close(other.offset, factor * one.offset + more, 1e-6)


def test_under_noise_unknown_gains_hardly_increase_the_error():
    lr, hr_windows, psf, srf = shared_scene("muufl", 5, (30, 35))
    gain, offset = torch.linspace(0.8, 1.3, 8).double(), torch.linspace(-0.03, 0.03, 8).double()
    estimated = estimate_degradation(lr, hr_windows * gain + offset, srf > 0, gain=True, offset=True)
    ideal = estimate_degradation(lr, hr_windows, srf > 0)
    torch.testing.assert_close(estimated.gain, gain, rtol=0.01, atol=0)
    close(estimated.offset, offset, 0.003)
    assert (estimated.srf - srf).norm() < 1.5 * (ideal.srf - srf).norm()
    assert (estimated.psf - psf).abs().max() < 1.5 * (ideal.psf - psf).abs().max()


def test_under_noise_the_prior_does_not_replace_what_one_band_shows():
    """Begun from the response of least squares, the solution keeps its noise: a gain of 0.97 and a PSF too wide."""
    lr, hr_windows, psf, srf = shared_scene("samson, PAN", 5, (35, 40))
    anywhere = torch.ones_like(srf, dtype=torch.bool)
    estimated = estimate_degradation(lr, hr_windows, anywhere, gain=True, offset=True)
    torch.testing.assert_close(estimated.gain, torch.ones(1).double(), rtol=0.01, atol=0)
    assert (estimated.srf - srf).norm() <= 0.19 * srf.norm()
    assert (estimated.psf - psf).abs().max() <= 0.017 * psf.max()


def closest_gaussian(psf):
    return torch.from_numpy(nearest_gaussian(psf.flatten().numpy(), np.eye(psf.numel()))).view_as(psf)


@pytest.mark.parametrize("noise", [(40, 45), (30, 35)])
@pytest.mark.parametrize("kind", ["gaussian", "rough"])
def test_the_psf_can_be_restricted_to_a_gaussian(kind, noise):
    """It is a Gaussian even if the data contradict it; if they do not, the restriction costs nothing."""
    image, rough, srf, support = random_scene(9)
    psf = gaussian_psf(9, 4, 3.5, (0.6, -1.1)) if kind == "gaussian" else rough
    lr, hr_windows = degraded(image, psf, srf, 4, noise)
    free, gaussian = (
        estimate_degradation(lr, hr_windows, support, gaussian=restricted) for restricted in (False, True)
    )
    close(gaussian.psf, closest_gaussian(gaussian.psf), 0.01 * gaussian.psf.max().item())
    off, off_free = ((estimate.psf - psf).abs().max().item() for estimate in (gaussian, free))
    if kind == "rough":
        assert off > 0.3 * psf.max() and off_free < off
    else:
        assert off < 0.1 * psf.max() and off <= 1.01 * off_free


def test_without_noise_the_restriction_to_a_gaussian_is_exact():
    image, _, srf, support = random_scene(9)
    psf = gaussian_psf(9, 4, 3.5, (0.6, -1.1))
    close(estimate_degradation(*degraded(image, psf, srf, 4), support, gaussian=True).psf, psf, 1e-9)


def test_lr_pixels_that_extend_beyond_the_image_are_left_out():
    """The HR-MSI does not cover all of the windows of LR pixels at the border. The others yield an exact estimate."""
    rng = np.random.default_rng(0)
    image = torch.from_numpy(rng.random((64, 60, 14)))
    _, _, srf, support = random_scene(4)
    psf = gaussian_psf(9, 4, 3.0, (0.6, -1.1))
    lr_hsi, hr_msi = degrade(image, psf, 4)[1:-1, 1:-1], (image @ srf)[4:-4, 4:-4]
    scene = Scene(lr_hsi.contiguous(), hr_msi.contiguous(), support)
    blocks = blocks_of(scene, 9, torch.float64)
    assert len(blocks.lr) == 12 * 11
    estimated = estimate_degradation(blocks.lr, blocks.windows, support)
    close(estimated.psf, psf, 1e-10)
    close(estimated.srf, srf, 1e-10)
    disagreement = torch.einsum("nkj,k->nj", windows(hr_msi, 9, 4), psf.flatten()) - lr_hsi.flatten(0, 1) @ srf
    inside = torch.zeros(14, 13, dtype=torch.bool)
    inside[1:-1, 1:-1] = True
    assert disagreement[inside.flatten()].abs().max() < 1e-14 < 1e-3 < disagreement.abs().amax(1).max()


def test_the_estimate_does_not_depend_on_unit_and_precision():
    image, psf, srf, support = random_scene(4)
    lr, hr_windows = degraded(image, psf, srf, 4, (30, 35))
    one = estimate_degradation(lr, hr_windows, support)
    thousands = estimate_degradation(1e4 * lr, 1e4 * hr_windows, support)
    close(thousands.psf, one.psf, 1e-6)
    close(thousands.srf, one.srf, 1e-6)
    torch.testing.assert_close(thousands.residual_std, 1e4 * one.residual_std, rtol=1e-4, atol=0)
    single = estimate_degradation(lr.float(), hr_windows.float(), support)
    assert single.srf.dtype == torch.float64
    close(single.srf, one.srf, 1e-4)


@pytest.mark.parametrize("case", ["one pixel", "few pixels", "constant", "constant and equal bands", "one band"])
def test_insufficient_data_still_yield_valid_weights(case):
    generator = torch.Generator().manual_seed(0)
    lr, hr_windows = (torch.rand(*shape, generator=generator).double() for shape in ((40, 8), (40, 16, 3)))
    if case == "one pixel":
        lr, hr_windows = lr[:1], hr_windows[:1]
    elif case == "few pixels":
        lr, hr_windows = lr[:4], hr_windows[:4]
    elif case == "constant":
        lr, hr_windows = torch.full_like(lr, 0.3), torch.full_like(hr_windows, 0.3)
    elif case == "constant and equal bands":
        lr[:, 3], lr[:, 5] = 0.5, lr[:, 4]
    else:
        lr, hr_windows = lr[:, :1], hr_windows[:, :, :1]
    support = torch.ones(lr.shape[1], hr_windows.shape[2], dtype=torch.bool)
    support[0, 1:] = False
    estimated = estimate_degradation(lr, hr_windows, support)
    assert estimated.psf.min() >= 0 and estimated.srf.min() >= 0 and not estimated.srf[~support].any()
    torch.testing.assert_close(estimated.psf.sum(), torch.tensor(1.0).double())
    torch.testing.assert_close(estimated.srf.sum(0), torch.ones(hr_windows.shape[2]).double())


def test_sizes_that_do_not_match_are_refused():
    lr, hr_windows, support = torch.rand(9, 6), torch.rand(9, 4, 2), torch.ones(6, 2, dtype=torch.bool)
    with pytest.raises(InputError, match=r"^support: expected shape 6×2, got 5×2$"):
        estimate_degradation(lr, hr_windows, support[:5])
    with pytest.raises(InputError, match=r"^PSF: expected shape 2×2, got 3×3$"):
        estimate_degradation(lr, hr_windows, support, psf=torch.ones(3, 3))
    with pytest.raises(InputError, match="empty column"):
        estimate_degradation(lr, hr_windows, support & torch.tensor([True, False]))
