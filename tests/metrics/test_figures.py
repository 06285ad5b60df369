from dataclasses import replace

import made_up
import numpy as np
import pytest
import torch

from udaln.metrics.figures import figures
from udaln.physics.simulation import gaussian_psf
from udaln.scene import Known, Scene, Truth

SIX = ["psnr", "sam", "ergas", "cc", "uiqi", "rmse"]


def test_perfect_networks_have_perfect_figures():
    scene = made_up.scene()
    networks = made_up.networks(scene, known=Known(scene.truth.psf, scene.truth.srf))
    result = figures(networks.degradation, scene, scene.truth.image)
    assert result["psf_error"] == 0 and result["srf_error"] == pytest.approx(0, abs=1e-6)
    assert result["rmse"] == 0 and result["cc"] == pytest.approx(1)
    for name in ("lr_hsi_error", "hr_msi_error", "lr_msi_error"):
        assert result[name] == pytest.approx(0, abs=1e-6), name
    assert min(result["spad_psnr"], result["sped_psnr"]) > 120  # float32


def test_figures_against_formulas():
    scene = made_up.scene()
    networks = made_up.networks(scene)
    fused = networks.map(scene.hr_msi)
    result = figures(networks.degradation, scene, fused)
    x, y, z = (image.double().numpy() for image in (fused, scene.lr_hsi, scene.hr_msi))
    psf, srf = networks.spad.psf.numpy(), networks.sped.srf.detach().double().numpy()
    r = scene.scale

    def blurred(image):
        h, w, bands = image.shape
        return np.einsum("iajbc,ab->ijc", image.reshape(h // r, r, w // r, r, bands), psf)

    expected = {
        "lr_hsi_error": np.abs(blurred(x) - y).mean(),
        "hr_msi_error": np.abs(x @ srf - z).mean(),
        "lr_msi_error": np.abs(y @ srf - blurred(z)).mean(),
        "psf_error": np.abs(psf - scene.truth.psf.numpy()).max(),
        "srf_error": np.linalg.norm(srf - scene.truth.srf.numpy()) / np.linalg.norm(scene.truth.srf.numpy()),
        "rmse": np.sqrt(((x - scene.truth.image.numpy()) ** 2).mean()),
    }
    for name, value in expected.items():
        assert result[name] == pytest.approx(value, rel=1e-4), name
    assert list(result)[:6] == SIX


def test_only_what_can_be_known_is_reported():
    whole = made_up.scene()
    networks = made_up.networks(whole)
    fused = networks.map(whole.hr_msi)

    def names(truth, image):
        return set(figures(networks.degradation, Scene(whole.lr_hsi, whole.hr_msi, whole.support, truth=truth), image))

    always = {"lr_msi_error", "shift_rows", "shift_columns"}
    unknown = always | {"lr_hsi_error", "hr_msi_error"}
    of_psf = {"psf_error", "shift_error"}
    assert names(Truth(), fused) == unknown
    assert names(Truth(), None) == always
    assert names(Truth(psf=whole.truth.psf, srf=whole.truth.srf), fused) == unknown | of_psf | {"srf_error"}
    assert names(Truth(psf=torch.ones(9, 9) / 81), fused) == unknown | of_psf  # of another size
    radiometry = Truth(gain=whole.truth.gain, offset=whole.truth.offset)
    assert names(radiometry, fused) == unknown | {"gain_error", "offset_error"}
    of_instruments = {"srf_error", "gain_error", "offset_error"}
    assert names(replace(whole.truth, image=None), None) == always | of_psf | of_instruments


def embedded(kernel, side, top, left):
    """A PSF in a larger window, its first pixel at a place."""
    whole = torch.zeros(side, side, dtype=torch.float64)
    whole[top : top + len(kernel), left : left + len(kernel)] = kernel
    return whole


@pytest.mark.parametrize("shift", [(0, 0), (3, -2), (-9, 14)])
@pytest.mark.parametrize(("kernel_size", "true_size"), [(4, 4), (9, 4), (4, 9), (7, 8), (11, 9)])
def test_psfs_are_compared_pixel_by_pixel_of_the_ground(kernel_size, true_size, shift):
    """Though their windows differ in size, and one is moved."""
    scale, generator = 4, torch.Generator().manual_seed(0)
    psf, true = (torch.rand(side, side, generator=generator).double() for side in (kernel_size, true_size))
    psf, true = psf / psf.sum(), true / true.sum()
    whole = made_up.scene(scale=scale)
    scene = replace(whole, shift=shift, truth=Truth(psf=true))
    result = figures(made_up.networks(scene, known=Known(psf=psf)).degradation, scene, None)
    first = [20 + moved - (kernel_size - scale) // 2 for moved in shift]
    far = 20 - (true_size - scale) // 2
    expected = (embedded(psf, 60, *first) - embedded(true, 60, far, far)).abs().max()
    assert result["psf_error"] == pytest.approx(expected.item(), rel=1e-12)


def test_a_psf_in_another_window_is_no_error():
    scene = made_up.scene(scale=4, kernel_size=4)
    wide = embedded(scene.truth.psf, 9, 2, 2)
    assert figures(made_up.networks(scene, known=Known(psf=wide)).degradation, scene, None)["psf_error"] == 0
    moved = replace(scene, shift=(-1, 2))
    back = embedded(scene.truth.psf, 11, 4, 1)  # as far back as the window is moved
    result = figures(made_up.networks(moved, known=Known(psf=back)).degradation, moved, None)
    assert result["psf_error"] == 0 and result["shift_error"] == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(("shift", "inside"), [((0, 0), (0.0, 0.0)), ((2, -3), (0.25, -0.5)), ((0, 0), (1.2, 0.7))])
def test_the_shift_is_that_of_window_and_psf_together(shift, inside):
    true = gaussian_psf(11, 4, 4.0, (0.5, -1.0))
    scene = replace(made_up.scene(scale=4), shift=shift, truth=Truth(psf=true))
    networks = made_up.networks(scene, known=Known(psf=gaussian_psf(9, 4, 4.0, inside)))
    result = figures(networks.degradation, scene, None)
    actual = np.add(shift, inside)
    np.testing.assert_allclose([result["shift_rows"], result["shift_columns"]], actual, atol=1e-4)
    assert result["shift_error"] == pytest.approx(np.hypot(*(actual - (0.5, -1.0))), abs=1e-3)


@pytest.mark.parametrize("factors", [(1.0, 1.0), (1e4, 1.0), (1.0, 250.0)])
def test_gains_and_offsets_against_the_true_ones(factors):
    """The errors are of figures in the images' own units."""
    plain = made_up.scene()
    gain, offset = torch.tensor([0.8, 1.0, 1.3]).double(), torch.tensor([0.03, 0.0, -0.02]).double()
    ratio = factors[1] / factors[0]
    truth = replace(plain.truth, gain=gain * ratio, offset=offset * factors[1], image=plain.truth.image * factors[0])
    hr_msi = (plain.hr_msi * gain + offset) * factors[1]
    scene = replace(plain, lr_hsi=plain.lr_hsi * factors[0], hr_msi=hr_msi, truth=truth)
    networks = made_up.networks(scene, known=Known(truth.psf, truth.srf), gain=True, offset=True)
    with torch.no_grad():
        networks.sped.gain.copy_(truth.gain * scene.unit / scene.msi_unit)
        networks.sped.offset.copy_(truth.offset / scene.msi_unit)
    exact = figures(networks.degradation, scene, truth.image)
    assert exact["gain_error"] < 1e-12 and exact["offset_error"] < 1e-12 * scene.msi_unit
    assert max(exact[name] for name in ("hr_msi_error", "lr_msi_error")) < 1e-6 * scene.msi_unit
    assert exact["lr_hsi_error"] < 1e-6 * scene.unit
    assert min(exact["spad_psnr"], exact["sped_psnr"]) > 120
    with torch.no_grad():
        networks.sped.gain *= torch.tensor([1.0, 0.9, 1.05])
        networks.sped.offset += torch.tensor([0.0, -0.01, 0.005]) / scene.msi_unit
    off = figures(networks.degradation, scene, truth.image)
    assert off["gain_error"] == pytest.approx(0.1) and off["offset_error"] == pytest.approx(0.01)


def test_pixels_without_data_have_no_say():
    whole = made_up.scene()
    lr_valid, hr_valid = (torch.ones(image.shape[:2], dtype=torch.bool) for image in (whole.lr_hsi, whole.hr_msi))
    lr_valid[1, 2] = hr_valid[17, 6:9] = False
    scene = replace(whole, lr_valid=lr_valid, hr_valid=hr_valid)
    networks = made_up.networks(scene)
    fused = networks.map(scene.hr_msi)
    fused[~scene.valid] = torch.nan
    expected = figures(networks.degradation, scene, fused)
    assert np.isfinite(list(expected.values())).all()
    lr_hsi, hr_msi = whole.lr_hsi.clone(), whole.hr_msi.clone()
    lr_hsi[~lr_valid] *= 0.5
    hr_msi[~hr_valid] *= 0.5
    spoilt = replace(scene, lr_hsi=lr_hsi, hr_msi=hr_msi)
    assert figures(networks.degradation, spoilt, fused) == pytest.approx(expected, rel=0, abs=0)
    x, y, z = (image.double().numpy() for image in (fused, scene.lr_hsi, scene.hr_msi))
    srf, psf = networks.sped.srf.detach().numpy(), networks.spad.psf.numpy()
    covered = scene.valid.numpy()
    assert expected["hr_msi_error"] == pytest.approx(np.abs(x @ srf - z)[covered].mean(), rel=1e-5)
    blurred = np.einsum("iajbc,ab->ijc", x.reshape(6, 4, 6, 4, -1), psf)
    seen = np.isfinite(blurred).all(2)
    assert seen.sum() == 33
    assert expected["lr_hsi_error"] == pytest.approx(np.abs(blurred - y)[seen].mean(), rel=1e-5)


def test_a_psf_that_training_has_let_off_its_sum_is_judged_all_the_same():
    scene = made_up.scene()
    networks = made_up.networks(scene, known=Known(scene.truth.psf, scene.truth.srf))
    with torch.no_grad():
        networks.spad.weight *= 0.985  # as the published one does
    result = figures(networks.degradation, scene, scene.truth.image)
    assert result["lr_hsi_error"] == pytest.approx(0.015 * scene.lr_hsi.mean().item(), rel=1e-3)


def test_figures_leave_no_gradient():
    scene = made_up.scene()
    networks = made_up.networks(scene)
    figures(networks.degradation, scene, networks.map(scene.hr_msi))
    assert all(parameter.grad is None for parameter in networks.parameters())
