from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy.optimize import brentq
from scipy.spatial.distance import cdist
from scipy.stats import multivariate_normal

from udaln.consistency import covariance, kriging, tile_kriging, tiles, variances
from udaln.consistency.covariance import fit_covariance_model
from udaln.physics.part import Part
from udaln.physics.simulation import gaussian_psf
from udaln.physics.windows import degrade


def kriged(residual, hr_msi, psf, noise, valid=None, shift=(0, 0), **options):
    """Prediction of a residual h×w×C from its valid LR pixels, by a model that is fitted to the same."""
    valid = torch.ones(residual.shape[:2], dtype=torch.bool) if valid is None else valid
    model = fit_covariance_model(residual[valid], noise, None, hr_msi)
    prediction = kriging.krige(
        model, residual[valid], valid.flatten(), hr_msi, psf, shift, Part.whole(*residual.shape[:2]), **options
    )
    spectra = model.spectra.float()
    return SimpleNamespace(
        image=prediction.mean @ spectra,
        variance=None if prediction.variance is None else prediction.variance @ spectra**2,
        discarded_variance=model.discarded_variance,
    )


def krige(*arguments, **options):
    """The posterior mean alone."""
    return kriged(*arguments, **options).image


def image(rows, columns, bands=3, seed=0):
    """An HR-MSI of mixed materials, none of them dark, in float64."""
    rng = np.random.default_rng(seed)
    share = rng.dirichlet(np.ones(5), size=(rows, columns))
    return torch.from_numpy(share @ rng.uniform(0.2, 1.0, (5, bands)) * rng.uniform(0.5, 1.5, (rows, columns, 1)))


def smooth(rows, columns, bands=1, seed=0):
    """A sum of waves, none shorter than a dozen pixels."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:rows, :columns] / 12
    phases = rng.uniform(0, 2 * np.pi, (6, bands)), rng.uniform(-2, 2, (6, bands)), rng.uniform(-2, 2, (6, bands))
    waves = np.cos(phases[0] + phases[1] * y[..., None, None] + phases[2] * x[..., None, None]).sum(2)
    return torch.from_numpy(waves)


def none(bands):
    return torch.zeros(bands, dtype=torch.float64)


def matrix(psf, rows, columns, scale):
    """P, the blur as a matrix: (LR pixels, HR pixels)."""
    units = torch.eye(rows * columns, dtype=torch.float64).view(rows, columns, -1)
    return degrade(units, psf, scale).flatten(0, 1).numpy()


def covariances(hr_msi, p, scale):
    """Covariances of HR pixels, relative to the sill and to the nugget: the correlated part, and the nugget."""
    rows, columns, c = hr_msi.shape
    pixels = hr_msi.flatten(0, 1).numpy()
    relative = pixels / np.sqrt((pixels**2).mean(0))
    brightness = np.linalg.norm(relative, axis=1)
    shape = relative / brightness[:, None]
    precision = np.linalg.inv(np.cov(shape.T, bias=True))
    apart = cdist(shape, shape, "mahalanobis", VI=precision) / covariance.SHAPE_RANGE
    place = np.argwhere(np.ones((rows, columns))) / scale / tile_kriging.SPATIAL_RANGE
    correlated = np.outer(brightness, brightness) * np.exp(-np.hypot(apart, cdist(place, place)))
    near = np.exp(-cdist(place, place))
    correlated, near = (part / np.diag(p @ part @ p.T).mean() for part in (correlated, near))
    correlated += tile_kriging.NEARBY_VARIANCE * near
    standard = (pixels - pixels.mean(0)) / pixels.std(0, ddof=1)
    correlated += tile_kriging.TREND_VARIANCE / (c + 1) * (1 + standard @ standard.T)
    nugget = np.diag(brightness**2 + (p @ brightness**2).mean())
    return correlated, nugget / np.diag(p @ nugget @ p.T).mean()


def by_textbook(residual, hr_msi, psf, scale, noise):
    """The posterior mean and variance with full covariance matrices, one component at a time."""
    rows, columns, c = hr_msi.shape
    data = residual.flatten(0, 1).numpy()
    noise = noise.numpy()
    p = matrix(psf, rows, columns, scale)
    correlated, nugget = covariances(hr_msi, p, scale)

    def lr_covariance(share, hr_fraction):
        """Of LR pixels; their own nugget is noise."""
        hr = (1 - share) * correlated + share * hr_fraction * nugget
        return p @ hr @ p.T + share * (1 - hr_fraction) * np.eye(len(p))

    def most_probable(values, hr_fractions):
        """The best variance for each pair of shares has a closed form; the pair is found by trial."""

        def logpdf(shares):
            k = lr_covariance(*shares)
            variance = values @ np.linalg.solve(k, values) / len(values)
            return multivariate_normal.logpdf(values, cov=variance * k, allow_singular=False), variance

        tried = {(share, part): logpdf((share, part)) for share in variances.NUGGET_SHARES for part in hr_fractions}
        best = max(tried, key=lambda shares: tried[shares][0])
        return *best, tried[best][1]

    unit = np.sqrt(noise**2 + covariance.NOISE_FLOOR**2 * (data**2).mean(0))
    _, sizes, axes = np.linalg.svd(data / unit, full_matrices=False)
    mean, variances_ = np.zeros((2, len(correlated), data.shape[1]))
    ratio = data.shape[1] / (len(data) - c - 1)
    for size, axis in zip(sizes, axes, strict=True):
        total, floor = size**2 / len(data), np.square(axis * noise / unit).sum()
        noise_variance = 0.0
        if floor:
            if total <= floor * (1 + ratio**0.5) ** 2:
                continue
            true = brentq(lambda x: x * (1 + ratio / (x - 1)) - total / floor, 1 + ratio**0.5, 2 * total / floor)  # noqa: B023
            noise_variance = total - (true - 1) * floor
        elif total < 1e-12 * sizes[0] ** 2 / len(data):
            continue
        values = data / unit @ axis
        identifiable = noise_variance > variances.NOISE_FREE * total and len(psf) > scale
        share, hr_fraction, variance = most_probable(values, variances.HR_FRACTIONS if identifiable else [1.0])
        # noise beyond the nugget of the LR pixels is part of the nugget of the HR pixels
        signal = max(0.0, share * hr_fraction - max(0.0, noise_variance / variance - share * (1 - hr_fraction)))
        prior = (1 - share) * correlated + signal * nugget
        gain = prior @ p.T @ np.linalg.inv(lr_covariance(share, hr_fraction))
        mean += np.outer(gain @ values, axis * unit)
        variances_ += np.outer(variance * np.diag(prior - gain @ p @ prior), (axis * unit) ** 2)
    return tuple(torch.from_numpy(part).view(rows, columns, -1) for part in (mean, variances_))


def close(found, expected, relative=1e-3):
    assert found.dtype == torch.float32 and found.shape == expected.shape
    assert (found - expected).abs().max() <= relative * expected.abs().max()


@pytest.mark.parametrize(
    "kernel_size", [3, 4, 6]
)  # windows without overlap, and such that overlap and exceed the image
@pytest.mark.parametrize("level", [0.0, 0.3])
@pytest.mark.parametrize("kind", ["smooth", "rough", "both"])
def test_mean_and_variance_are_those_of_the_textbook(kernel_size, level, kind):
    rows, columns, scale = 15, 18, 3
    psf = gaussian_psf(kernel_size, scale, 2.5)
    rough = torch.randn(rows, columns, 4, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    fields = {"smooth": smooth(rows, columns, 4), "rough": rough, "both": smooth(rows, columns, 4) + rough}
    wanted = fields[kind] * torch.tensor([1.0, 2.0, 0.5, 3.0])
    noise = level * torch.tensor([1.0, 0.5, 0.7, 2.0], dtype=torch.float64)
    residual = degrade(wanted, psf, scale)
    residual += noise * torch.randn(residual.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    hr_msi = image(rows, columns)
    mean, variance = by_textbook(residual, hr_msi, psf, scale, noise)
    assert mean.abs().max() > 0.1 and variance.max() > 0.01
    found = kriged(residual, hr_msi, psf, noise, with_variance=True)
    close(found.image, mean)
    close(found.variance, variance)
    assert kriged(residual, hr_msi, psf, noise).variance is None


@pytest.mark.parametrize("sides", [(5, 5), (7, 4), (22, 9)])  # the last in several tiles
@pytest.mark.parametrize("kernel_size", [3, 5])
def test_without_noise_the_result_blurs_to_the_residual(sides, kernel_size):
    rows, columns = (3 * side for side in sides)
    residual = smooth(*sides, 6) + torch.rand(*sides, 6, generator=torch.Generator().manual_seed(0))
    residual *= torch.logspace(-3, 3, 6)  # however the sizes of the bands differ
    psf = gaussian_psf(kernel_size, 3, 3.0)
    result = krige(residual, image(rows, columns), psf, none(6))
    error = (degrade(result.double(), psf, 3) - residual).abs().amax((0, 1)) / residual.abs().amax((0, 1))
    tolerance = 1e-2 if max(sides) > 20 and kernel_size > 3 else 1e-4  # a window may extend over two tiles
    assert (error < tolerance).all()


def test_the_result_is_zero_in_every_direction_in_which_the_residual_is():
    generator = torch.Generator().manual_seed(0)
    spectra = torch.randn(2, 5, generator=generator, dtype=torch.float64)
    spectra[:, 3] = 0
    residual = torch.randn(6, 7, 2, generator=generator, dtype=torch.float64) @ spectra
    result = krige(residual, image(18, 21), gaussian_psf(3, 3, 3.0), none(5)).double()
    assert result.abs().max() > 0.1
    assert not result[..., 3].any()
    outside = torch.linalg.svd(spectra)[2][2:]
    assert (result @ outside.T).abs().max() < 1e-5 * result.abs().max()


def test_no_residual_no_result():
    for level in (0.0, 0.1):
        result = krige(torch.zeros(4, 5, 6), image(8, 10), gaussian_psf(2, 2, 2.0), torch.full((6,), level).double())
        assert result.shape == (8, 10, 6) and not result.any()


def test_noise_of_the_given_level_is_not_followed():
    level = torch.linspace(0.5, 2, 20, dtype=torch.float64)
    psf, hr_msi = gaussian_psf(2, 2, 2.0), image(24, 24)
    followed = []
    for seed in range(8):
        generator = torch.Generator().manual_seed(seed)
        residual = level * torch.randn(12, 12, 20, generator=generator, dtype=torch.float64)
        followed.append(krige(residual, hr_msi, psf, level).square().mean().sqrt() / residual.square().mean().sqrt())
        # under less noise it would be: the given level decides, not the appearance of the residual
        assert krige(residual, hr_msi, psf, level / 10).square().mean() > 0.3 * residual.square().mean()
    assert sorted(followed)[5] == 0 and max(followed) < 0.1


def test_a_component_far_above_the_noise_survives_it():
    psf, hr_msi = gaussian_psf(4, 4, 4.0), image(48, 48)
    spectrum = torch.randn(20, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    wanted = smooth(48, 48) * spectrum
    clean = degrade(wanted, psf, 4)
    noise = torch.full((20,), 0.7, dtype=torch.float64)
    noisy = clean + noise * torch.randn(clean.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    result = krige(noisy, hr_msi, psf, noise)
    error = (degrade(result.double(), psf, 4) - clean).square().mean()
    assert error < 0.06 * (noisy - clean).square().mean()  # one direction of 20, and smoothed there
    assert (result - wanted).square().mean() < 1.5 * (krige(clean, hr_msi, psf, none(20)) - wanted).square().mean()


@pytest.mark.parametrize("sides", [(2, 2), (3, 4), (2, 9)])
@pytest.mark.parametrize("level", [0.0, 0.01])
def test_more_bands_than_lr_pixels(sides, level):
    residual = smooth(*sides, 40) + torch.rand(*sides, 40, generator=torch.Generator().manual_seed(0))
    psf = gaussian_psf(3, 2, 2.0)
    result = krige(residual, image(2 * sides[0], 2 * sides[1]), psf, torch.full((40,), level).double())
    error = (degrade(result.double(), psf, 2) - residual).abs().max() / residual.abs().max()
    assert error < (0.2 if level else 1e-4)


@pytest.mark.parametrize("sides", [(21, 21), (26, 26), (33, 7)])
def test_tiles_make_no_seams(sides, monkeypatch):
    psf = gaussian_psf(2, 2, 2.0)
    rows, columns = (2 * side for side in sides)
    hr_msi = 10 + smooth(rows, columns, 3, seed=1)
    residual = degrade(smooth(rows, columns, 2), psf, 2)
    monkeypatch.setattr(
        variances, "NUGGET_SHARES", np.zeros(1)
    )  # else the most probable share may differ between tiles
    tiled = krige(residual, hr_msi, psf, none(2))
    monkeypatch.setattr(tiles, "SINGLE_TILE_SIDE", 100)
    whole = krige(residual, hr_msi, psf, none(2))
    assert not torch.equal(tiled, whole)  # there are tiles
    size = whole.square().mean().sqrt()
    apart = tiled - whole
    assert apart.square().mean().sqrt() < 0.005 * size and apart.abs().max() < 0.06 * size
    for axis in (0, 1):  # nor is any row or column of pixels, as where two tiles meet, much rougher
        steps = apart.diff(dim=axis).square().mean(2).transpose(0, axis).mean(1).sqrt()
        assert steps.max() < 0.03 * size


def test_progress_is_reported_after_each_tile():
    reported = []
    residual = torch.rand(22, 22, 2, generator=torch.Generator().manual_seed(0)).double()
    krige(residual, image(44, 44), gaussian_psf(2, 2, 2.0), none(2), progress=reported.append)
    assert len(reported) > 1 and reported == sorted(reported) and reported[0] > 0 and reported[-1] == 1


@pytest.mark.parametrize("level", [0.0, 0.2])
def test_units_scale_the_result_and_those_of_the_msi_do_not_count(level):
    psf, hr_msi = gaussian_psf(5, 3, 3.0), image(18, 15)
    noise = torch.full((4,), level).double()
    residual = smooth(6, 5, 4) + torch.randn(6, 5, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    result = krige(residual, hr_msi, psf, noise)
    assert result.abs().max() > 0.1
    for factor in (1e-4, 1e4):
        close(krige(factor * residual, hr_msi, psf, factor * noise), factor * result)
        close(krige(residual, factor * hr_msi, psf, noise), result)
    bands = torch.tensor([1e-3, 1.0, 1e3], dtype=torch.float64)
    close(krige(residual, bands * hr_msi, psf, noise), result)


def test_flipped_scenes_give_flipped_results():
    psf, hr_msi = gaussian_psf(5, 3, 3.0), image(18, 15)
    residual = smooth(6, 5, 4) + torch.rand(6, 5, 4, generator=torch.Generator().manual_seed(0))
    result = krige(residual, hr_msi, psf, none(4))
    for axes in ([0], [1]):
        close(krige(residual.flip(axes), hr_msi.flip(axes), psf.flip(axes), none(4)).flip(axes), result)
    close(krige(*(part.transpose(0, 1) for part in (residual, hr_msi)), psf.T, none(4)).transpose(0, 1), result)


@pytest.mark.parametrize("part", ["flat", "one band flat", "dark pixels", "one band"])
def test_msi_with_little_or_no_information(part):
    hr_msi = image(12, 12, 1 if part == "one band" else 3)
    if part == "flat":
        hr_msi[:] = 0.4
    elif part == "one band flat":
        hr_msi[..., 1] = 0.4
    elif part == "dark pixels":
        hr_msi[2:6, 3:9] = 0
    psf = gaussian_psf(3, 3, 3.0)
    residual = smooth(4, 4, 5)
    result = krige(residual, hr_msi, psf, none(5))
    assert torch.isfinite(result).all()
    assert (degrade(result.double(), psf, 3) - residual).abs().max() < 1e-3 * residual.abs().max()


def test_covariances_in_blocks_are_the_same(monkeypatch):
    psf, hr_msi, residual = gaussian_psf(4, 3, 3.0), image(18, 15), smooth(6, 5, 4)
    whole = krige(residual, hr_msi, psf, none(4))
    monkeypatch.setattr(tile_kriging, "PIXELS_AT_ONCE", 2000)
    close(krige(residual, hr_msi, psf, none(4)), whole)


@pytest.mark.parametrize("level", [0.0, 0.3])
@pytest.mark.parametrize("kernel_size", [3, 5])
@pytest.mark.parametrize("share", [0.05, 0.5])
def test_the_truth_lies_within_two_standard_deviations_as_often_as_the_variance_says(share, kernel_size, level):
    """Residuals drawn from the covariance of the model; kriging estimates the variances of its parts."""
    rows, columns, scale, bands = 30, 30, 3, 4
    psf, hr_msi = gaussian_psf(kernel_size, scale, 2.5), image(rows, columns)
    correlated, nugget = covariances(hr_msi, matrix(psf, rows, columns, scale), scale)
    root = torch.from_numpy(np.linalg.cholesky((1 - share) * correlated + share * nugget))
    generator = torch.Generator().manual_seed(2)
    truth = (root @ torch.randn(rows * columns, bands, generator=generator).double()).view(rows, columns, bands)
    residual = degrade(truth, psf, scale)
    residual += level * torch.randn(residual.shape, generator=generator).double()
    found = kriged(residual, hr_msi, psf, torch.full((bands,), level).double(), with_variance=True)
    assert (found.variance >= 0).all()
    within = ((truth - found.image).abs() <= 2 * found.variance.sqrt()).double().mean()
    assert 0.88 < within < 0.99


@pytest.mark.parametrize("kernel_size", [3, 5])
def test_the_variance_is_larger_where_data_are_missing(kernel_size, monkeypatch):
    monkeypatch.setattr(variances, "NUGGET_SHARES", np.array([0.05]))  # else the remaining data may have another share
    psf, hr_msi = gaussian_psf(kernel_size, 3, 3.0), image(24, 24)
    residual = smooth(8, 8) + 0.1 * torch.randn(8, 8, 1, generator=torch.Generator().manual_seed(0)).double()
    valid = torch.ones(8, 8, dtype=torch.bool)
    valid[3:5, 3:5] = False
    gap = torch.zeros(24, 24, dtype=torch.bool)
    gap[10:14, 10:14] = True  # in no window of the valid LR pixels
    corners = torch.zeros(24, 24, dtype=torch.bool)
    corners[::23, ::23] = True
    whole, part, gaps = (
        kriged(residual, hr_msi, psf, none(1), with_variance=True, **options).variance[..., 0]
        for options in ({}, {"valid": valid}, {"gaps": gap})
    )
    for less in (part, gaps):
        ratio = less / whole  # the sill is estimated anew: what counts is how the ratio differs between places
        assert ratio[gap].min() > 1.03 * ratio[corners].max()


def test_the_variance_outside_the_components_is_reported():
    """In each band it is the mean square of the residual, less that of the components."""
    psf, hr_msi = gaussian_psf(2, 2, 2.0), image(24, 24)
    spectrum = torch.linspace(-1, 1, 6, dtype=torch.float64)
    noise = torch.linspace(0.1, 0.3, 6, dtype=torch.float64)
    rough = noise * torch.randn(12, 12, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    alone = kriged(rough, hr_msi, psf, 1.5 * noise)
    assert not alone.image.any()
    torch.testing.assert_close(alone.discarded_variance, rough.square().mean((0, 1)))
    found = kriged(rough + 5 * smooth(12, 12) * spectrum, hr_msi, psf, noise)
    assert (found.discarded_variance < 1.3 * noise**2).all() and (found.discarded_variance > 0.5 * noise**2).all()
    assert (kriged(smooth(12, 12, 6), hr_msi, psf, none(6)).discarded_variance < 1e-9).all()
