import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from udaln.consistency import denoising as module
from udaln.consistency.denoising import fit_denoiser
from udaln.errors import InputError

LEVEL = torch.tensor([0.02, 0.05, 0.03, 0.04], dtype=torch.float64)


def denoise(image, noise_std):
    """An image denoised by what is fitted to it."""
    return fit_denoiser(image, noise_std)(image)


def clean(rows=48, columns=60):
    """Homogeneous areas with sharp borders, each with a spectrum of its own, under smooth shading, in four bands."""
    rng = np.random.default_rng(0)
    fields = np.argmax([gaussian_filter(rng.normal(size=(rows, columns)), 4) for _ in range(6)], axis=0)
    shade = 1 + 2 * gaussian_filter(rng.normal(size=(rows, columns)), 3)
    return torch.from_numpy((0.2 + rng.random((6, 4)))[fields] * shade[..., None])


def noisy(level=LEVEL, seed=0):
    image = clean()
    return image + level * torch.randn(image.shape, generator=torch.Generator().manual_seed(seed), dtype=image.dtype)


def error(image, level=LEVEL):
    """Mean square error of each band, in units of its noise variance."""
    return ((image - clean()) / level).square().mean((0, 1))


def test_without_noise_the_image_itself_comes_back():
    image = noisy()
    for sigma in (torch.zeros(4), 1e-6 * torch.ones(4)):
        result = denoise(image, sigma)
        assert result.image is image
        assert (result.variance == sigma.to(image) ** 2).all()


def test_most_of_the_noise_goes():
    image = noisy()
    # The best linear map of a pixel's bands knows the clean image and is beaten by far.
    flat, target = (i.flatten(0, 1) - i.mean((0, 1)) for i in (image, clean()))
    pixelwise = (flat @ torch.linalg.lstsq(flat, target).solution + clean().mean((0, 1))).view_as(image)
    assert (error(image) > 0.9).all()
    assert (error(denoise(image, LEVEL).image) < 0.5).all()
    assert (error(denoise(image, LEVEL).image) < 0.6 * error(pixelwise)).all()


def test_the_error_that_remains_is_known():
    result = denoise(noisy(), LEVEL)
    predicted = result.variance.mean((0, 1)) / LEVEL**2
    assert ((predicted / error(result.image)).log().abs() < 0.35).all()
    # Also where in the image it is: borders keep more of their noise.
    squared = ((result.image - clean()) / LEVEL).square().mean(2)
    doubtful = result.variance.div(LEVEL**2).mean(2)
    doubtful = doubtful > doubtful.quantile(0.8)
    assert squared[doubtful].mean() > 1.5 * squared[~doubtful].mean()


def test_weak_noise_does_no_harm():
    level = LEVEL / 100
    assert (error(denoise(noisy(level), level).image, level) < 1.01).all()


def test_a_quiet_band_stays_and_helps_the_others():
    level = LEVEL * torch.tensor([1, 1, 0, 1])
    image = noisy(level)
    result = denoise(image, level)
    assert (result.image[..., 2] == image[..., 2]).all() and (result.variance[..., 2] == 0).all()
    alone = denoise(image[..., [0, 1, 3]], LEVEL[[0, 1, 3]]).image
    with_it = ((result.image - clean()) / LEVEL)[..., [0, 1, 3]].square().mean()
    assert with_it < 0.8 * ((alone - clean()[..., [0, 1, 3]]) / LEVEL[[0, 1, 3]]).square().mean()


def test_units_precision_and_repetition_change_nothing():
    image = noisy()
    result = denoise(image, LEVEL)
    scaled = denoise(4096 * image, 4096 * LEVEL)
    torch.testing.assert_close(scaled.image, 4096 * result.image)
    torch.testing.assert_close(scaled.variance, 4096**2 * result.variance)
    assert torch.equal(denoise(image, LEVEL).image, result.image)
    single = denoise(image.float(), LEVEL).image
    assert single.dtype == torch.float32
    assert ((single - result.image) / LEVEL).square().mean() < 1e-2


def test_strips_make_no_seams(monkeypatch):
    whole = denoise(noisy(), LEVEL)
    monkeypatch.setattr(module, "PATCHES_AT_ONCE", 7 * 60)
    for part, expected in zip(denoise(noisy(), LEVEL), whole, strict=True):
        torch.testing.assert_close(part, expected)


@pytest.mark.parametrize("side", [1, 2, 3])
def test_patches_put_back_are_the_image(side):
    image = torch.rand(7, 9, 3, dtype=torch.float64)
    torch.testing.assert_close(module._aggregate(module._patches(image, side), image, side), image)


def test_one_class_is_a_wiener_filter():
    generator = torch.Generator().manual_seed(0)
    factor = torch.randn(6, 6, generator=generator, dtype=torch.float64)[:, :3]
    x = torch.randn(5000, 3, generator=generator, dtype=torch.float64) @ factor.T + 2
    x = x + torch.randn(x.shape, generator=generator, dtype=torch.float64)
    gaussian = module._fit_gaussian(x, torch.ones(5000, dtype=torch.float64))
    assert gaussian.basis.shape[1] == 3
    estimate, kept = module._posterior(x, [gaussian])
    signal = factor @ factor.T
    gain = torch.linalg.solve(signal + torch.eye(6), signal)
    torch.testing.assert_close(estimate, 2 + (x - 2) @ gain.T, atol=0.3, rtol=0)
    torch.testing.assert_close(kept[0], gain.diagonal(), atol=0.05, rtol=0)


def test_the_mixture_is_likelier_than_the_start(monkeypatch):
    generator = torch.Generator().manual_seed(0)
    centres = 8 * torch.eye(3, 6, dtype=torch.float64)
    label = torch.randint(3, (3000,), generator=generator)
    x = centres[label] + torch.randn(3000, 6, generator=generator, dtype=torch.float64)
    monkeypatch.setattr(module, "CLASSES", 3)
    mixture = module._fit_mixture(x)
    means = torch.stack([gaussian.mean for gaussian in mixture])
    assert torch.cdist(centres, means).amin(1).max() < 0.2
    assert torch.cdist(means, centres).amin(1).max() < 0.2


@pytest.mark.parametrize(
    "sigma", [torch.ones(3), torch.tensor([1.0, 1, -1, 1]), torch.tensor([1.0, float("nan"), 1, 1])]
)
def test_levels_that_fit_no_image_are_refused(sigma):
    with pytest.raises(InputError, match="one finite level ≥ 0 for each of 4 bands"):
        denoise(noisy(), sigma)


@pytest.mark.parametrize("size", [(2, 2), (3, 3), (4, 9), (12, 3)])
def test_small_images(size):
    generator = torch.Generator().manual_seed(0)
    result = denoise(1 + 0.1 * torch.randn(*size, 3, generator=generator), torch.full((3,), 0.1))
    assert result.image.shape == result.variance.shape == (*size, 3)
    assert torch.isfinite(result.image).all() and (result.variance <= 0.0101).all()


def test_an_image_of_nothing_but_noise_becomes_flat():
    level = torch.tensor([0.1, 0.2, 0.3], dtype=torch.float64)
    image = 1 + level * torch.randn(60, 60, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert (((denoise(image, level).image - 1) / level).square().mean((0, 1)) < 0.03).all()
