import numpy as np
import pytest
import scipy.io
import torch
from places import SHARED

from udaln.errors import InputError
from udaln.estimation.degradation import solve_degradation
from udaln.estimation.psf import gaussian_near
from udaln.physics.simulation import gaussian_psf
from udaln.physics.windows import degrade, windows
from udaln.scene import Scene

SCENES = {"muufl": ("muufl_gulfport", "srf_worldview2.csv"), "jasper": ("jasper_ridge", "srf_sentinel2.csv")}


def degraded(image, psf, srf, scale, noise=None):
    """LR pixels and windows of an image H×W×C, float64, with noise of (Y, Z) [dB] of each band."""
    rng = np.random.default_rng(0)

    def noisy(values, snr):
        level = (values**2).flatten(0, -2).mean(0).sqrt() * 10 ** (-snr / 20)
        return values + torch.from_numpy(rng.normal(size=tuple(values.shape))) * level

    lr = torch.einsum("nkb,k->nb", windows(image, len(psf), scale), psf.flatten())
    hr = image @ srf
    if noise:
        lr, hr = noisy(lr, noise[0]), noisy(hr, noise[1])
    return lr, windows(hr, len(psf), scale)


def made_up(kernel_size, scale=4, sides=(12, 13)):
    """An image of rough spectra, a PSF and an SRF without any shape, and the support."""
    rng = np.random.default_rng(0)
    image = torch.from_numpy(rng.random((sides[0] * scale, sides[1] * scale, 14)))
    psf = torch.from_numpy(rng.random((kernel_size, kernel_size)) ** 2)
    support = torch.zeros(14, 3, dtype=torch.bool)
    support[0:5, 0] = support[4:10, 1] = support[[8, 9, 13], 2] = True
    srf = torch.from_numpy(rng.random((14, 3))) * support
    return image, psf / psf.sum(), srf / srf.sum(0), support


def shared_scene(name, scale=5, noise=None):
    folder, table = SCENES[name]
    if not (SHARED / folder).exists():
        pytest.skip(f"needs shared/data/{folder} beside the repository")
    image = torch.from_numpy(scipy.io.loadmat(SHARED / folder / "REF.mat")["REF"].astype(float))
    srf = torch.from_numpy(np.loadtxt(SHARED / folder / table, delimiter=",", skiprows=1)[:, 1:])
    psf, srf = gaussian_psf(scale, scale, scale), srf / srf.sum(0)
    side = 100 // scale * scale
    return *degraded(image[:side, :side], psf, srf, scale, noise), psf, srf


ROUNDING = 1e-6  # what rounding makes, on one machine or another, of problems as hard as those of `unlike`


def supports(srf):
    return {"given": srf > 0, "full": torch.ones_like(srf, dtype=torch.bool)}


def close(value, true, atol):
    torch.testing.assert_close(value, true, rtol=0, atol=atol)


@pytest.mark.parametrize("support", ["given", "full"])
@pytest.mark.parametrize("kernel_size", [4, 7])
def test_without_noise_psf_and_srf_are_the_true_ones(kernel_size, support):
    image, psf, srf, given = made_up(kernel_size)
    lr, seen = degraded(image, psf, srf, 4)
    found = solve_degradation(lr, seen, given if support == "given" else torch.ones_like(given))
    close(found.psf, psf, 1e-10)
    close(found.srf, srf, 1e-10)
    assert found.residual_std.max() < 1e-10


@pytest.mark.parametrize("support", ["given", "full"])
@pytest.mark.parametrize(("name", "scale"), [("muufl", 5), ("muufl", 10), ("jasper", 5)])
def test_real_spectra_without_noise(name, scale, support):
    lr, seen, psf, srf = shared_scene(name, scale)
    found = solve_degradation(lr, seen, supports(srf)[support])
    close(found.psf, psf, 1e-6)
    close(found.srf, srf, 1e-6)


@pytest.mark.parametrize("support", ["given", "full"])
def test_tiangong1(support):
    folder = SHARED / "tiangong1_x12"
    if not folder.exists():
        pytest.skip("needs shared/data/tiangong1_x12 beside the repository")

    def read(name):
        return torch.from_numpy(
            next(v for k, v in scipy.io.loadmat(folder / name).items() if k[0] != "_").astype(float)
        )

    lr, hr, psf, srf = (read(f"{name}.mat") for name in ("lr_hsi", "hr_msi", "psf_gt", "srf_gt"))
    srf = (srf if len(srf) == 54 else srf.T) / (srf if len(srf) == 54 else srf.T).sum(0)
    found = solve_degradation(lr.flatten(0, 1), windows(hr, 12, 12), supports(srf)[support])
    close(found.psf, psf, 1e-8)
    close(found.srf, srf, 1e-8)


@pytest.mark.parametrize(("noise", "srf_error", "psf_error"), [((40, 45), 0.10, 0.00075), ((30, 35), 0.165, 0.002)])
def test_noise(noise, srf_error, psf_error):
    """Least squares alone reaches 0.22 and 0.38, 0.0015 and 0.0042."""
    lr, seen, psf, srf = shared_scene("muufl", 5, noise)
    found = solve_degradation(lr, seen, srf > 0)
    assert (found.srf - srf).norm() <= srf_error * srf.norm()
    assert (found.psf - psf).abs().max() <= psf_error


def test_noise_and_no_band_table():
    lr, seen, _, srf = shared_scene("muufl", 5, (40, 45))
    found = solve_degradation(lr, seen, torch.ones_like(srf, dtype=torch.bool))
    assert (found.srf - srf).norm() <= 0.2 * srf.norm()


@pytest.mark.parametrize("noise", [None, (40, 45)])
def test_outliers_do_not_count(noise):
    image, psf, srf, support = made_up(4, sides=(20, 20))
    lr, seen = degraded(image, psf, srf, 4, noise)
    without = solve_degradation(lr, seen, support)
    lr[[3, 77, 200, 391]] = torch.rand(4, 14, generator=torch.Generator().manual_seed(0)).double()
    found = solve_degradation(lr, seen, support)
    assert not found.trusted[[3, 77, 200, 391]].any()
    assert (found.psf - psf).abs().max() <= 1.2 * (without.psf - psf).abs().max() + 1e-10
    assert (found.srf - srf).norm() <= 1.2 * (without.srf - srf).norm() + 1e-10


def test_what_is_known_is_kept():
    image, psf, srf, support = made_up(4)
    lr, seen = degraded(image, psf, srf, 4, (30, 35))
    other_psf, other_srf = gaussian_psf(4, 4, 4), support.double() / support.sum(0)
    by_psf = solve_degradation(lr, seen, support, psf=other_psf)
    by_srf = solve_degradation(lr, seen, support, srf=other_srf)
    close(by_psf.psf, other_psf, 1e-15)
    close(by_srf.srf, other_srf, 1e-15)
    assert (by_psf.srf - srf).norm() < 0.5 * srf.norm()
    clean_lr, clean_seen = degraded(image, psf, srf, 4)
    close(solve_degradation(clean_lr, clean_seen, support, srf=srf).psf, psf, 1e-10)


OFFSET = torch.tensor([0.03, -0.02, -0.03], dtype=torch.float64)


def unlike(shift=(0.6, -1.1), noise=None, fwhm=3.5, sides=(14, 13)):
    """Of two instruments: a pair as `made_up`, but with a Gaussian PSF off its place and a gain of each band."""
    image, _, srf, support = made_up(4, sides=sides)
    psf = gaussian_psf(9, 4, fwhm, shift)
    lr, seen = degraded(image, psf, srf, 4, noise)
    gain = torch.from_numpy(np.random.default_rng(5).uniform(0.8, 1.3, 3))
    return lr, seen * gain + OFFSET, psf, srf, support, gain


@pytest.mark.parametrize("support", ["given", "full"])
def test_of_two_instruments_without_noise_all_is_found(support):
    lr, seen, psf, srf, given, gain = unlike()
    covered = given if support == "given" else torch.ones_like(given)
    found = solve_degradation(lr, seen, covered, gain=True, offset=True)
    close(found.psf, psf, ROUNDING)
    close(found.srf, srf, ROUNDING)
    close(found.gain, gain, ROUNDING)
    close(found.offset, OFFSET, ROUNDING)
    close(found.srf.sum(0), torch.ones(3).double(), 1e-12)
    assert found.residual_std.max() < 1e-9 and found.trusted.all()


def test_gains_and_offsets_of_a_known_response_are_found():
    lr, seen, psf, srf, support, gain = unlike()
    found = solve_degradation(lr, seen, support, srf=3 * srf, gain=True, offset=True)
    close(found.srf, srf, 1e-15)
    close(found.psf, psf, 1e-9)
    close(found.gain, gain, 1e-9)
    close(found.offset, OFFSET, 1e-9)
    both = solve_degradation(lr, seen, support, psf=psf, srf=srf, gain=True, offset=True)
    close(both.psf, psf, 1e-15)
    close(both.gain, gain, 1e-9)
    close(both.offset, OFFSET, 1e-9)


@pytest.mark.parametrize("asked", [{"gain": True}, {"offset": True}])
def test_one_can_be_found_without_the_other(asked):
    lr, seen, psf, srf, support, gain = unlike()
    seen = (seen - OFFSET) if "gain" in asked else (seen - OFFSET) / gain + OFFSET
    found = solve_degradation(lr, seen, support, **asked)
    close(found.psf, psf, ROUNDING)
    close(found.srf, srf, ROUNDING)
    close(found.gain, gain if "gain" in asked else torch.ones(3).double(), ROUNDING if "gain" in asked else 0)
    close(found.offset, 0 * OFFSET if "gain" in asked else OFFSET, 0 if "gain" in asked else ROUNDING)


@pytest.mark.parametrize("noise", [None, (30, 35)])
@pytest.mark.parametrize("known", [False, True])
def test_what_one_instrument_is_multiplied_with_changes_its_gain_alone(noise, known):
    lr, seen, _, srf, support, _ = unlike(noise=noise)
    options = {"srf": srf if known else None, "gain": True, "offset": True}
    one = solve_degradation(lr, seen, support, **options)
    factor, more = torch.tensor([4.0, 1.25, 0.5], dtype=torch.float64), torch.tensor([0.0, 0.5, -0.25]).double()
    other = solve_degradation(lr, factor * seen + more, support, **options)
    close(other.psf, one.psf, 1e-6)
    close(other.srf, one.srf, 1e-6)
    torch.testing.assert_close(other.gain, factor * one.gain, rtol=1e-6, atol=0)
    close(other.offset, factor * one.offset + more, 1e-6)


def test_under_noise_gains_cost_little_of_the_response():
    lr, seen, psf, srf = shared_scene("muufl", 5, (30, 35))
    gain, offset = torch.linspace(0.8, 1.3, 8).double(), torch.linspace(-0.03, 0.03, 8).double()
    found = solve_degradation(lr, seen * gain + offset, srf > 0, gain=True, offset=True)
    ideal = solve_degradation(lr, seen, srf > 0)
    torch.testing.assert_close(found.gain, gain, rtol=0.01, atol=0)
    close(found.offset, offset, 0.003)
    assert (found.srf - srf).norm() < 1.5 * (ideal.srf - srf).norm()
    assert (found.psf - psf).abs().max() < 1.5 * (ideal.psf - psf).abs().max()


def nearest_gaussian(psf):
    return torch.from_numpy(gaussian_near(psf.flatten().numpy(), np.eye(psf.numel()))).view_as(psf)


@pytest.mark.parametrize("noise", [(40, 45), (30, 35)])
@pytest.mark.parametrize("kind", ["gaussian", "rough"])
def test_a_psf_can_be_taken_for_a_gaussian(kind, noise):
    """And stays one where the data say otherwise, which costs nothing where they do not."""
    image, rough, srf, support = made_up(9)
    psf = gaussian_psf(9, 4, 3.5, (0.6, -1.1)) if kind == "gaussian" else rough
    lr, seen = degraded(image, psf, srf, 4, noise)
    free, gaussian = (solve_degradation(lr, seen, support, gaussian=taken) for taken in (False, True))
    close(gaussian.psf, nearest_gaussian(gaussian.psf), 0.01 * gaussian.psf.max().item())
    off, off_free = ((found.psf - psf).abs().max().item() for found in (gaussian, free))
    if kind == "rough":
        assert off > 0.3 * psf.max() and off_free < off
    else:
        assert off < 0.1 * psf.max() and off <= 1.01 * off_free


def test_a_gaussian_psf_without_noise_is_found_as_one():
    image, _, srf, support = made_up(9)
    psf = gaussian_psf(9, 4, 3.5, (0.6, -1.1))
    close(solve_degradation(*degraded(image, psf, srf, 4), support, gaussian=True).psf, psf, 1e-9)


def test_what_lies_beyond_the_image_does_not_count():
    """The LR pixels of the border see what the HR-MSI does not show: they are left out, and the rest is exact."""
    rng = np.random.default_rng(0)
    image = torch.from_numpy(rng.random((64, 60, 14)))
    _, _, srf, support = made_up(4)
    psf = gaussian_psf(9, 4, 3.0, (0.6, -1.1))
    lr_hsi, hr_msi = degrade(image, psf, 4)[1:-1, 1:-1], (image @ srf)[4:-4, 4:-4]
    scene = Scene(lr_hsi.contiguous(), hr_msi.contiguous(), support)
    blocks = scene.blocks(9, torch.float64)
    assert len(blocks.lr) == 12 * 11
    found = solve_degradation(blocks.lr, blocks.windows, support)
    close(found.psf, psf, 1e-10)
    close(found.srf, srf, 1e-10)
    disagreement = torch.einsum("nkj,k->nj", windows(hr_msi, 9, 4), psf.flatten()) - lr_hsi.flatten(0, 1) @ srf
    inside = torch.zeros(14, 13, dtype=torch.bool)
    inside[1:-1, 1:-1] = True
    assert disagreement[inside.flatten()].abs().max() < 1e-14 < 1e-3 < disagreement.abs().amax(1).max()


def test_units_and_precision_do_not_matter():
    image, psf, srf, support = made_up(4)
    lr, seen = degraded(image, psf, srf, 4, (30, 35))
    one = solve_degradation(lr, seen, support)
    thousands = solve_degradation(1e4 * lr, 1e4 * seen, support)
    close(thousands.psf, one.psf, 1e-6)
    close(thousands.srf, one.srf, 1e-6)
    torch.testing.assert_close(thousands.residual_std, 1e4 * one.residual_std, rtol=1e-4, atol=0)
    single = solve_degradation(lr.float(), seen.float(), support)
    assert single.srf.dtype == torch.float64
    close(single.srf, one.srf, 1e-4)


@pytest.mark.parametrize("case", ["one pixel", "few pixels", "constant", "constant and equal bands", "one band"])
def test_too_little_to_go_by_still_makes_weights(case):
    generator = torch.Generator().manual_seed(0)
    lr, seen = (torch.rand(*shape, generator=generator).double() for shape in ((40, 8), (40, 16, 3)))
    if case == "one pixel":
        lr, seen = lr[:1], seen[:1]
    elif case == "few pixels":
        lr, seen = lr[:4], seen[:4]
    elif case == "constant":
        lr, seen = torch.full_like(lr, 0.3), torch.full_like(seen, 0.3)
    elif case == "constant and equal bands":
        lr[:, 3], lr[:, 5] = 0.5, lr[:, 4]
    else:
        lr, seen = lr[:, :1], seen[:, :, :1]
    support = torch.ones(lr.shape[1], seen.shape[2], dtype=torch.bool)
    support[0, 1:] = False
    found = solve_degradation(lr, seen, support)
    assert found.psf.min() >= 0 and found.srf.min() >= 0 and not found.srf[~support].any()
    torch.testing.assert_close(found.psf.sum(), torch.tensor(1.0).double())
    torch.testing.assert_close(found.srf.sum(0), torch.ones(seen.shape[2]).double())


def test_sizes_that_do_not_fit_are_refused():
    lr, seen, support = torch.rand(9, 6), torch.rand(9, 4, 2), torch.ones(6, 2, dtype=torch.bool)
    with pytest.raises(InputError, match=r"^support: expected shape 6×2, got 5×2$"):
        solve_degradation(lr, seen, support[:5])
    with pytest.raises(InputError, match=r"^PSF: expected shape 2×2, got 3×3$"):
        solve_degradation(lr, seen, support, psf=torch.ones(3, 3))
    with pytest.raises(InputError, match="empty column"):
        solve_degradation(lr, seen, support & torch.tensor([True, False]))
