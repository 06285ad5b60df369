"""LR pixels at the border: used where the HR-MSI agrees with them."""

from dataclasses import replace

import made_up
import torch

from udaln.physics.border import Tolerance, agreeing_lr_pixels, inner_lr_pixels, tolerance_of
from udaln.physics.degradation import Degradation
from udaln.scene import Known


def with_degradation():
    """A noisy pair, made with repeated border pixels, and the degradation that made it."""
    scene = made_up.scene(size=80, kernel_size=12, snr_hsi=40, snr_msi=40)
    known = Known(scene.truth.psf, scene.truth.srf)
    return scene, Degradation(scale=4, kernel_size=12, support=scene.support, known=known)


def test_the_tolerance_is_three_robust_standard_deviations():
    normal = torch.randn(100_000, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    difference = 0.2 + normal * torch.tensor([1, 3])
    difference[:5000] = 1e3
    tolerance = Tolerance.of(difference, difference)
    torch.testing.assert_close(tolerance.limit, torch.tensor([3.0, 9.0], dtype=torch.float64), rtol=0.1, atol=0)
    within = tolerance.contains(difference)
    assert not within[:5000].any() and within[5000:].double().mean() > 0.99
    exact = Tolerance.of(torch.zeros(20, 1), torch.ones(20, 1))
    assert exact.contains(torch.tensor([[1e-7], [1e-5]])).tolist() == [True, False]


def test_the_border_is_used_where_it_agrees():
    scene, degradation = with_degradation()
    inner = inner_lr_pixels(scene, degradation.psf)
    assert inner.view(20, 20)[2:-2, 2:-2].all() and not inner.view(20, 20)[0].any()
    tolerance = tolerance_of(degradation, scene)
    assert agreeing_lr_pixels(degradation, scene, tolerance).double().mean() > 0.95
    dark = scene.lr_hsi.clone()
    dark[0] = 0.7 * dark[0]
    used = agreeing_lr_pixels(degradation, replace(scene, lr_hsi=dark), tolerance).view(20, 20)
    assert not used[0].any() and used[1:].double().mean() > 0.95


def test_masks_hold_at_the_border_too():
    scene, degradation = with_degradation()
    valid = torch.ones(20, 20, dtype=torch.bool)
    valid[0, 3] = valid[7, 7] = False
    used = agreeing_lr_pixels(degradation, replace(scene, lr_valid=valid), tolerance_of(degradation, scene)).view(
        20, 20
    )
    assert not used[0, 3] and not used[7, 7]


def test_too_few_inside_do_not_decide():
    scene = made_up.scene(size=20, kernel_size=12)
    assert inner_lr_pixels(scene, scene.truth.psf).all()
