import scipy.linalg
import torch
from made_up_mixtures import fitted, mixtures, muufl, quality

from udaln.methods.classical.blur import Blur
from udaln.methods.classical.fuse import interpolation_covariance, noise_variances, posterior_mode
from udaln.methods.classical.observed import Observed
from udaln.methods.classical.subspace import principal_directions
from udaln.physics.interpolation import interpolate
from udaln.scene import Scene


def by_brute_force(pair, basis, covariance, noise):
    """The same Sylvester equation with its large matrix, by the solver of SciPy."""
    blur, side = Blur.of(pair), pair.hr_msi.shape[0]
    pixels = torch.eye(side**2, dtype=torch.float64).view(-1, side, side)
    sampling = blur.degraded(pixels).flatten(1)  # N×n
    seen, precision = pair.srf.T @ basis, torch.linalg.inv(covariance)
    mean = interpolate(pair.lr_hsi @ basis, pair.scale).flatten(0, 1).T
    y, z = pair.lr_hsi.flatten(0, 1).T, pair.hr_msi.flatten(0, 1).T
    by_y, by_z = basis.T @ basis / noise[0], seen.T @ seen / noise[1] + precision
    constants = basis.T @ y @ sampling.T / noise[0] + seen.T @ z / noise[1] + precision @ mean
    inverse = torch.linalg.inv(by_y)
    solved = scipy.linalg.solve_sylvester(
        (inverse @ by_z).numpy(), (sampling @ sampling.T).numpy(), inverse @ constants
    )
    return torch.from_numpy(solved).view(-1, side, side)


def test_the_closed_form_solves_the_equation():
    for kernel_size in (4, 7):
        scene = mixtures(side=16, kernel_size=kernel_size, snr_hsi=30, snr_msi=35)
        model, scene = fitted("fuse", scene, dimensions=4)
        pair = Observed.of(scene, model.degradation)
        arguments = pair, model.basis, model.covariance, model.noise
        torch.testing.assert_close(posterior_mode(*arguments), by_brute_force(*arguments), rtol=1e-6, atol=1e-6)


def test_a_window_is_exact_where_the_psf_is_no_wider_than_the_lr_pixel():
    model, scene = fitted("fuse", mixtures(side=48), dimensions=3)
    window = Scene(scene.lr_hsi[:8], scene.hr_msi[:32], scene.support)
    torch.testing.assert_close(model.fuse(window).image[:16], model.fuse(scene).image[:16])


def test_the_noise_is_estimated():
    pair_of = {}
    for ratio in (30, 40):
        model, scene = fitted("fuse", mixtures(snr_hsi=ratio, snr_msi=ratio), dimensions=3)
        pair_of[ratio] = Observed.of(scene, model.degradation), model
        power = torch.stack([scene.lr_hsi.square().mean(), scene.hr_msi.square().mean()])
        assert (10 * torch.log10(power / model.noise) - ratio).abs().max() < 3
    pair, model = pair_of[30]
    assert (noise_variances(pair, model.basis[:, :1]) > model.noise).all()


def test_four_lr_pixels():
    generator = torch.Generator().manual_seed(0)
    lr_hsi, hr_msi = torch.rand(2, 2, 6, generator=generator), torch.rand(4, 4, 2, generator=generator)
    model, scene = fitted("fuse", Scene(lr_hsi, hr_msi, torch.ones(6, 2, dtype=torch.bool)), known=False)
    assert model.fuse(scene).image.isfinite().all()


def test_a_given_noise_is_used():
    model, scene = fitted("fuse", mixtures(), dimensions=3, snr_hsi=20.0, snr_msi=30.0)
    assert torch.isclose(model.noise[1], scene.hr_msi.square().mean() / 1000)
    assert torch.isclose(model.noise[0], scene.lr_hsi.square().mean() / 100)


def test_the_prior_is_the_error_of_interpolation():
    scene = mixtures()
    model, scene = fitted("fuse", scene)
    pair, basis = Observed.of(scene, model.degradation), principal_directions(scene.lr_hsi.flatten(0, 1), 3)
    constant = Observed(torch.ones_like(pair.lr_hsi), pair.hr_msi, pair.psf, pair.srf, pair.scale)
    assert interpolation_covariance(constant, basis).norm() < 1e-9
    assert torch.linalg.eigvalsh(interpolation_covariance(pair, basis)).min() > 0


def test_few_dimensions_without_noise_are_recovered():
    reached, interpolated = quality("fuse", mixtures(), dimensions=3)
    assert reached > 80 > 30 > interpolated


def test_muufl():
    reached, interpolated = quality("fuse", muufl(), known=False)
    assert reached > 45.5 > interpolated + 8
