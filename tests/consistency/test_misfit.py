"""What SpeDnet(Y) and SpaDnet(Z) show of errors beyond noise."""

import torch

from udaln.consistency.misfit import LARGE, local_detail, misfit_covariance, resampling_misfit
from udaln.scene import Scene


def test_misfit_is_the_covariance_that_noise_does_not_explain():
    """None in noise of the expected covariance; where one direction has more, the covariance of that."""
    generator = torch.Generator().manual_seed(1)
    mixing = torch.randn(3, 3, generator=generator, dtype=torch.float64)
    noise = torch.randn(4000, 3, generator=generator, dtype=torch.float64) @ mixing.T
    lr_msi = torch.ones(4000, 3, dtype=torch.float64)
    assert not misfit_covariance(noise, mixing @ mixing.T, lr_msi).any()
    direction = torch.tensor([3.0, -6.0, 9.0], dtype=torch.float64)
    more = torch.randn(4000, 1, generator=generator, dtype=torch.float64) * direction
    misfit = misfit_covariance(noise + more, mixing @ mixing.T, lr_msi)
    torch.testing.assert_close(misfit, torch.outer(direction, direction), rtol=0, atol=6.0)


def resampled(shares, side=24, bands=6, seed=0):
    """A scene, and differences in its MSI bands that are shares of the detail around each LR pixel."""
    generator = torch.Generator().manual_seed(seed)
    lr_hsi = torch.randn(side, side, bands, generator=generator, dtype=torch.float64)
    srf = torch.zeros(bands, 2, dtype=torch.float64)
    srf[0, 0] = srf[3, 1] = 1
    scene = Scene(lr_hsi, torch.zeros(2 * side, 2 * side, 2).double(), srf > 0, partial=True)
    valid = torch.ones(side * side, dtype=torch.bool)
    detail = local_detail(lr_hsi, valid)
    return scene, srf, valid, detail, shares.sqrt()[:, None] * detail @ srf


def found(difference, scene, srf, valid, lr_noise=0.0):
    none, lr_noise = torch.zeros(2).double(), torch.full((6,), lr_noise).double()
    return resampling_misfit(difference, none, difference.square().mean(0), scene, lr_noise, srf, valid)


def test_a_misfit_has_the_covariance_of_the_detail():
    """However much it differs from LR pixel to LR pixel."""
    uneven = torch.rand(576, generator=torch.Generator().manual_seed(2), dtype=torch.float64) ** 4
    for shares in (torch.full((576,), 0.1).double(), uneven):
        scene, srf, valid, detail, difference = resampled(shares)
        power = (detail @ srf).square().mean(0)
        share = (difference.square().mean(0) / power).mean()
        torch.testing.assert_close(
            found(difference, scene, srf, valid),
            (1 + (share / LARGE) ** 2) * share * detail.T @ detail / len(detail),
            rtol=0.1,
            atol=1e-2,
        )


def test_noise_is_no_misfit():
    scene, srf, valid, _, difference = resampled(torch.zeros(576).double())
    noise = torch.randn(difference.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    level = torch.full((2,), 0.01).double()
    for factor, some in ((0.1, False), (0.2, True)):
        beyond = misfit_covariance(factor * noise, level.diag(), torch.ones_like(noise)).diagonal()
        assert bool(resampling_misfit(factor * noise, level, beyond, scene, torch.zeros(6), srf, valid).any()) == some


def test_changed_ground_is_hardly_a_misfit():
    """LR pixels that differ by far more than their detail do not add to the misfit that the others show."""
    scene, srf, valid, _, difference = resampled(torch.full((576,), 0.1).double())
    misfit = found(difference, scene, srf, valid).trace()
    difference[:150] += 5
    changed = found(difference, scene, srf, valid).trace()
    assert 0 < changed < 1.1 * misfit


def test_detail_that_is_noise_shows_no_misfit():
    scene, srf, valid, _, difference = resampled(torch.full((576,), 0.1).double())
    assert found(difference, scene, srf, valid).any()
    assert not found(difference, scene, srf, valid, lr_noise=1.1).any()


def test_detail_is_what_differs_from_the_valid_pixels_around():
    image = torch.arange(12.0).view(3, 4, 1).square()
    valid = torch.tensor([1, 1, 0, 1, 1, 1, 1, 1, 0, 1, 1, 1]).bool()
    detail = local_detail(image, valid)[:, 0]
    around = [[0, 1, 4, 5], [0, 1, 4, 5, 6], [3, 6, 7]]  # of pixels 0, 1 and 3
    expected = [
        float(image.flatten()[i] - image.flatten()[near].mean()) for i, near in zip([0, 1, 3], around, strict=True)
    ]
    torch.testing.assert_close(detail[:3], torch.tensor(expected))
