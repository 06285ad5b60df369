import torch
from made_up_mixtures import fitted, mixtures, muufl, quality

from udaln.methods.classical.blur import Blur
from udaln.methods.classical.hysure import Settings, objective, smooth_coefficients
from udaln.methods.classical.observed import Observed
from udaln.physics.windows import degrade
from udaln.scene import Scene


def test_the_solution_is_the_minimum():
    """No step in a random direction, nor along the solution, lowers the objective; fewer iterations leave more."""
    scene = mixtures(side=16, snr_hsi=30, snr_msi=35)
    model, scene = fitted("hysure", scene, endmembers=3)
    pair, endmembers = Observed.of(scene, model.degradation), model.endmembers
    settings = Settings(smoothness=1e-2, iterations=20)
    few = objective(pair, endmembers, smooth_coefficients(pair, endmembers, settings), settings)
    settings.iterations = 3000
    solved = smooth_coefficients(pair, endmembers, settings)
    least = objective(pair, endmembers, solved, settings)
    assert least < few
    generator = torch.Generator().manual_seed(0)
    for _ in range(50):
        step = torch.randn(solved.shape, generator=generator, dtype=torch.float64)
        for towards in (step, solved, step.sign() * solved):
            for size in (1e-3, -1e-3):
                changed = objective(pair, endmembers, solved + size * towards, settings)
                assert changed > least - 1e-7 * least


def test_few_endmembers_without_noise_are_recovered():
    """Three endmembers of 24 bands, which four MSI bands tell apart at each pixel."""
    reached, interpolated = quality("hysure", mixtures(), endmembers=3, smoothness=1e-6, iterations=1000)
    assert reached > 55 > 30 > interpolated


def test_a_window_is_nearly_that_of_the_whole():
    model, scene = fitted("hysure", mixtures(side=64), endmembers=3)
    window = Scene(scene.lr_hsi[:10], scene.hr_msi[:40], scene.support)
    whole = model.fuse(scene).image[:24]
    error = (whole - scene.truth.image[:24]).norm()
    assert 0 < (model.fuse(window).image[:24] - whole).norm() < 0.1 * error


def test_a_wide_psf():
    reached, interpolated = quality("hysure", mixtures(kernel_size=8), endmembers=3)
    assert reached > interpolated + 10


def test_the_blur_is_that_of_the_sensors():
    """Away from the border, for an even and an odd kernel and a shift; and the adjoint is the adjoint."""
    generator = torch.Generator().manual_seed(0)
    for size, scale, shift in ((4, 4, (0, 0)), (7, 4, (1, -2)), (9, 3, (0, 0))):
        side = 12 * scale
        image = torch.rand(side, side, 2, generator=generator).double()
        psf = torch.rand(size, size, generator=generator).double()
        pair = Observed(image[:12, :12], image, psf, torch.eye(2).double(), scale, shift)
        blur = Blur.of(pair)
        blurred = blur.degraded(image.permute(2, 0, 1))
        expected = degrade(image, psf, scale, shift).permute(2, 0, 1)
        torch.testing.assert_close(blurred[:, 3:-3, 3:-3], expected[:, 3:-3, 3:-3])
        samples = torch.rand(blurred.shape, generator=generator).double()
        torch.testing.assert_close((blurred * samples).sum(), (image.permute(2, 0, 1) * blur.adjoint(samples)).sum())


def test_muufl():
    reached, interpolated = quality("hysure", muufl(), known=False)
    assert reached > 43 > interpolated + 8
