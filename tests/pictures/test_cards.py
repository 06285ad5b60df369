from dataclasses import replace

import made_up
import numpy as np
import pytest
import torch

from udaln.metrics import psnr, sam
from udaln.pictures import cards
from udaln.scene import Truth


@pytest.fixture
def scene():
    scene = made_up.scene()
    hr_valid = torch.ones(24, 24, dtype=torch.bool)
    hr_valid[2:5, 3:9] = False
    return replace(scene, hr_valid=hr_valid)


def masked(scene, image):
    return torch.where(scene.valid[..., None], image, torch.nan)


def wrong(scene):
    """The truth with an error that differs from pixel to pixel and from band to band."""
    generator = torch.Generator().manual_seed(0)
    return scene.truth.image * (1 + 0.1 * torch.rand(scene.truth.image.shape, generator=generator))


def test_the_maps_and_the_curve_agree_with_the_figures(scene):
    complete = wrong(scene)
    fused, degradation = masked(scene, complete), made_up.networks(scene).degradation
    drawn = cards.errors(degradation, scene, fused, complete)
    angle = drawn["spectral angle"].axes[0].images[0].get_array()
    np.testing.assert_array_equal(np.ma.getmaskarray(angle), ~scene.valid.numpy())
    assert angle.mean() == pytest.approx(float(sam(scene.truth.image, fused)), rel=1e-5)
    curve = drawn["PSNR of each band"].axes[0].get_lines()[0].get_ydata()
    assert np.nanmean(curve) == pytest.approx(float(psnr(scene.truth.image, fused)), rel=1e-5)
    error = drawn["error"].axes[0].images[0].get_array()
    assert 0 < error.mean() < 10


def test_without_a_truth_the_errors_are_those_against_the_pair(scene):
    scene = replace(scene, truth=Truth())
    networks = made_up.networks(scene)
    complete = networks.map(scene.hr_msi)
    drawn = cards.errors(networks.degradation, scene, masked(scene, complete), complete)
    assert set(drawn) == {"misfit to the LR-HSI", "misfit to the HR-MSI"}


def test_a_perfect_image_can_be_drawn(scene, tmp_path):
    truth = scene.truth.image
    drawn = cards.errors(made_up.networks(scene).degradation, scene, truth, truth)
    for name, figure in drawn.items():
        figure.savefig(tmp_path / f"{name}.png")
    assert len(list(tmp_path.iterdir())) == 3


def test_each_spectrum_has_a_card(scene):
    drawn = cards.spectra(scene, masked(scene, wrong(scene)), [(3, 4), (20, 11)])
    assert [figure.axes[0].get_title() for figure in drawn.values()] == ["row 3, column 4", "row 20, column 11"]
