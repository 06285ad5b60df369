import made_up
import numpy as np
import pytest
import torch

from udaln.figures import figures
from udaln.scene import Known, Scene, Truth

SIX = ["psnr", "sam", "ergas", "cc", "uiqi", "rmse"]


def test_perfect_networks_have_perfect_figures():
    scene = made_up.scene()
    networks = made_up.networks(scene, known=Known(scene.truth.psf, scene.truth.srf))
    result = figures(networks, scene, scene.truth.image)
    assert result["psf_error"] == 0 and result["srf_error"] == pytest.approx(0, abs=1e-6)
    assert result["rmse"] == 0 and result["cc"] == pytest.approx(1)
    for name in ("lr_hsi_error", "hr_msi_error", "lr_msi_error"):
        assert result[name] == pytest.approx(0, abs=1e-6), name
    assert min(result["spad_psnr"], result["sped_psnr"]) > 120  # float32


def test_figures_against_formulas():
    scene = made_up.scene()
    networks = made_up.networks(scene)
    fused = networks.fuse(scene.hr_msi)
    result = figures(networks, scene, fused)
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
    fused = networks.fuse(whole.hr_msi)

    def names(truth, image):
        return set(figures(networks, Scene(whole.lr_hsi, whole.hr_msi, whole.support, truth=truth), image))

    unknown = {"lr_hsi_error", "hr_msi_error", "lr_msi_error"}
    assert names(Truth(), fused) == unknown
    assert names(Truth(), None) == {"lr_msi_error"}
    assert names(Truth(psf=whole.truth.psf, srf=whole.truth.srf), fused) == unknown | {"psf_error", "srf_error"}
    assert names(Truth(psf=torch.ones(9, 9)), fused) == unknown  # of another size: not comparable


def test_figures_leave_no_gradient():
    scene = made_up.scene()
    networks = made_up.networks(scene)
    figures(networks, scene, networks.fuse(scene.hr_msi))
    assert all(parameter.grad is None for parameter in networks.parameters())
