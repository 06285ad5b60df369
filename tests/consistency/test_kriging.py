from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy.optimize import brentq
from scipy.spatial.distance import cdist
from scipy.stats import multivariate_normal

from udaln.consistency import covariance as field
from udaln.consistency import kriging, tiles, variances
from udaln.consistency.covariance import fit_field
from udaln.consistency.tiles import Part
from udaln.physics.simulation import gaussian_psf
from udaln.physics.windows import degrade


def kriged(residual, hr_msi, psf, noise, seen=None, shift=(0, 0), **options):
    """Of a residual on the grid of the LR-HSI, h×w×C, of which only the part that is seen is given."""
    seen = torch.ones(residual.shape[:2], dtype=torch.bool) if seen is None else seen
    fitted = fit_field(residual[seen], noise, None, hr_msi)
    found = kriging.krige(
        fitted, residual[seen], seen.flatten(), hr_msi, psf, shift, Part.whole(*residual.shape[:2]), **options
    )
    spectra = fitted.spectra.float()
    return SimpleNamespace(
        image=found.mean @ spectra,
        variance=None if found.variance is None else found.variance @ spectra**2,
        unused=fitted.unused,
    )


def krige(*given, **options):
    """The posterior mean alone."""
    return kriged(*given, **options).image


def image(rows, columns, bands=3, seed=0):
    """An HR-MSI of some materials, none of them dark, in float64."""
    rng = np.random.default_rng(seed)
    share = rng.dirichlet(np.ones(5), size=(rows, columns))
    return torch.from_numpy(share @ rng.uniform(0.2, 1.0, (5, bands)) * rng.uniform(0.5, 1.5, (rows, columns, 1)))


def smooth(rows, columns, bands=1, seed=0):
    """A field of some waves, none shorter than a dozen pixels."""
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
    """Of HR pixels, the two parts of a residual: what they share, and what belongs to each alone."""
    rows, columns, c = hr_msi.shape
    pixels = hr_msi.flatten(0, 1).numpy()
    relative = pixels / np.sqrt((pixels**2).mean(0))
    brightness = np.linalg.norm(relative, axis=1)
    shape = relative / brightness[:, None]
    precision = np.linalg.inv(np.cov(shape.T, bias=True))
    apart = cdist(shape, shape, "mahalanobis", VI=precision) / field.SHAPE_RANGE
    place = np.argwhere(np.ones((rows, columns))) / scale / kriging.SPACE_RANGE
    alike = np.outer(brightness, brightness) * np.exp(-np.hypot(apart, cdist(place, place)))
    alike /= np.diag(p @ alike @ p.T).mean()
    standard = (pixels - pixels.mean(0)) / pixels.std(0, ddof=1)
    alike += kriging.TREND / (c + 1) * (1 + standard @ standard.T)
    return alike, np.eye(len(pixels)) / np.diag(p @ p.T).mean()


def by_textbook(residual, hr_msi, psf, scale, noise):
    """The posterior mean and variance with whole covariance matrices, a component at a time."""
    rows, columns, c = hr_msi.shape
    seen = residual.flatten(0, 1).numpy()
    noise = noise.numpy()
    p = matrix(psf, rows, columns, scale)
    alike, own = covariances(hr_msi, p, scale)

    def seen_covariance(share, of_scene):
        """Of LR pixels; what is theirs alone is noise."""
        hr = (1 - share) * alike + share * of_scene * own
        return p @ hr @ p.T + share * (1 - of_scene) * np.eye(len(p))

    def most_probable(values, shares_of_scene):
        """The best variance for each pair of shares is known; the pair by trial."""

        def logpdf(shares):
            k = seen_covariance(*shares)
            variance = values @ np.linalg.solve(k, values) / len(values)
            return multivariate_normal.logpdf(values, cov=variance * k, allow_singular=False), variance

        tried = {(share, part): logpdf((share, part)) for share in variances.WHITE for part in shares_of_scene}
        best = max(tried, key=lambda shares: tried[shares][0])
        return *best, tried[best][1]

    unit = np.sqrt(noise**2 + field.EXACT**2 * (seen**2).mean(0))
    _, sizes, axes = np.linalg.svd(seen / unit, full_matrices=False)
    mean, variances_ = np.zeros((2, len(alike), seen.shape[1]))
    ratio = seen.shape[1] / (len(seen) - c - 1)
    for size, axis in zip(sizes, axes, strict=True):
        total, floor = size**2 / len(seen), np.square(axis * noise / unit).sum()
        unseen = 0.0
        if floor:
            if total <= floor * (1 + ratio**0.5) ** 2:
                continue
            true = brentq(lambda x: x * (1 + ratio / (x - 1)) - total / floor, 1 + ratio**0.5, 2 * total / floor)  # noqa: B023
            unseen = total - (true - 1) * floor
        elif total < 1e-12 * sizes[0] ** 2 / len(seen):
            continue
        values = seen / unit @ axis
        told_apart = unseen > variances.EXACT * total and len(psf) > scale
        share, of_scene, variance = most_probable(values, variances.OF_SCENE if told_apart else [1.0])
        # Of the noise, what is not the LR pixels' own already takes its part of what seems to be HR pixels' own.
        of_pixels = max(0.0, share * of_scene - max(0.0, unseen / variance - share * (1 - of_scene)))
        prior = (1 - share) * alike + of_pixels * own
        gain = prior @ p.T @ np.linalg.inv(seen_covariance(share, of_scene))
        mean += np.outer(gain @ values, axis * unit)
        variances_ += np.outer(variance * np.diag(prior - gain @ p @ prior), (axis * unit) ** 2)
    return tuple(torch.from_numpy(part).view(rows, columns, -1) for part in (mean, variances_))


def close(found, expected, relative=1e-3):
    assert found.dtype == torch.float32 and found.shape == expected.shape
    assert (found - expected).abs().max() <= relative * expected.abs().max()


@pytest.mark.parametrize("kernel_size", [3, 4, 6])  # windows side by side, and such that overlap and leave the image
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
    tolerance = 1e-2 if max(sides) > 20 and kernel_size > 3 else 1e-4  # a window may lie in two tiles
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


def test_of_noise_as_strong_as_told_nothing_is_believed():
    level = torch.linspace(0.5, 2, 20, dtype=torch.float64)
    psf, hr_msi = gaussian_psf(2, 2, 2.0), image(24, 24)
    believed = []
    for seed in range(8):
        generator = torch.Generator().manual_seed(seed)
        residual = level * torch.randn(12, 12, 20, generator=generator, dtype=torch.float64)
        believed.append(krige(residual, hr_msi, psf, level).square().mean().sqrt() / residual.square().mean().sqrt())
        # Noise-free it would all be: the levels told, not the looks of the residual, decide.
        assert krige(residual, hr_msi, psf, level / 10).square().mean() > 0.3 * residual.square().mean()
    assert sorted(believed)[5] == 0 and max(believed) < 0.1


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
    assert (result - wanted).square().mean() < 1.3 * (krige(clean, hr_msi, psf, none(20)) - wanted).square().mean()


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
    monkeypatch.setattr(variances, "WHITE", np.zeros(1))  # else tiles may differ in what they find most probable
    tiled = krige(residual, hr_msi, psf, none(2))
    monkeypatch.setattr(tiles, "WHOLE", 100)
    whole = krige(residual, hr_msi, psf, none(2))
    assert not torch.equal(tiled, whole)  # there are tiles
    size = whole.square().mean().sqrt()
    apart = tiled - whole
    assert apart.square().mean().sqrt() < 0.005 * size and apart.abs().max() < 0.06 * size
    for axis in (0, 1):  # nor is any row or column of pixels, as where two tiles meet, much rougher
        steps = apart.diff(dim=axis).square().mean(2).transpose(0, axis).mean(1).sqrt()
        assert steps.max() < 0.03 * size


def test_tiles_tell_how_far_they_are():
    told = []
    residual = torch.rand(22, 22, 2, generator=torch.Generator().manual_seed(0)).double()
    krige(residual, image(44, 44), gaussian_psf(2, 2, 2.0), none(2), done=told.append)
    assert len(told) > 1 and told == sorted(told) and told[0] > 0 and told[-1] == 1


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
def test_msi_that_tells_little_or_nothing(part):
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


def test_covariances_in_parts_are_the_same(monkeypatch):
    psf, hr_msi, residual = gaussian_psf(4, 3, 3.0), image(18, 15), smooth(6, 5, 4)
    whole = krige(residual, hr_msi, psf, none(4))
    monkeypatch.setattr(kriging, "AT_ONCE", 2000)
    close(krige(residual, hr_msi, psf, none(4)), whole)


@pytest.mark.parametrize("level", [0.0, 0.3])
@pytest.mark.parametrize("kernel_size", [3, 5])
@pytest.mark.parametrize("share", [0.05, 0.5])
def test_the_truth_lies_within_two_standard_deviations_as_often_as_the_variance_says(share, kernel_size, level):
    """Residuals drawn from the covariance that kriging goes by; their parts and their noise are to be found."""
    rows, columns, scale, bands = 30, 30, 3, 4
    psf, hr_msi = gaussian_psf(kernel_size, scale, 2.5), image(rows, columns)
    alike, own = covariances(hr_msi, matrix(psf, rows, columns, scale), scale)
    root = torch.from_numpy(np.linalg.cholesky((1 - share) * alike + share * own))
    generator = torch.Generator().manual_seed(2)
    truth = (root @ torch.randn(rows * columns, bands, generator=generator).double()).view(rows, columns, bands)
    residual = degrade(truth, psf, scale)
    residual += level * torch.randn(residual.shape, generator=generator).double()
    found = kriged(residual, hr_msi, psf, torch.full((bands,), level).double(), with_variance=True)
    assert (found.variance >= 0).all()
    within = ((truth - found.image).abs() <= 2 * found.variance.sqrt()).double().mean()
    assert 0.9 < within < 0.99


@pytest.mark.parametrize("kernel_size", [3, 5])
def test_the_variance_is_larger_where_less_is_seen(kernel_size, monkeypatch):
    monkeypatch.setattr(variances, "WHITE", np.array([0.05]))  # else what is left tells another share
    psf, hr_msi = gaussian_psf(kernel_size, 3, 3.0), image(24, 24)
    residual = smooth(8, 8) + 0.1 * torch.randn(8, 8, 1, generator=torch.Generator().manual_seed(0)).double()
    seen = torch.ones(8, 8, dtype=torch.bool)
    seen[3:5, 3:5] = False
    gap = torch.zeros(24, 24, dtype=torch.bool)
    gap[10:14, 10:14] = True  # in no window of those left
    corners = torch.zeros(24, 24, dtype=torch.bool)
    corners[::23, ::23] = True
    whole, part, gaps = (
        kriged(residual, hr_msi, psf, none(1), with_variance=True, **options).variance[..., 0]
        for options in ({}, {"seen": seen}, {"gaps": gap})
    )
    for less in (part, gaps):
        ratio = less / whole  # the scale of the variance is found anew: what counts is how this differs
        assert ratio[gap].min() > 1.03 * ratio[corners].max()


def test_what_stands_out_of_the_noise_in_no_component_is_told():
    """Each band has the power that was seen, less that of the components that are kriged."""
    psf, hr_msi = gaussian_psf(2, 2, 2.0), image(24, 24)
    spectrum = torch.linspace(-1, 1, 6, dtype=torch.float64)
    noise = torch.linspace(0.1, 0.3, 6, dtype=torch.float64)
    rough = noise * torch.randn(12, 12, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    alone = kriged(rough, hr_msi, psf, 1.5 * noise)
    assert not alone.image.any()
    torch.testing.assert_close(alone.unused, rough.square().mean((0, 1)))
    found = kriged(rough + 5 * smooth(12, 12) * spectrum, hr_msi, psf, noise)
    assert (found.unused < 1.3 * noise**2).all() and (found.unused > 0.5 * noise**2).all()
    assert (kriged(smooth(12, 12, 6), hr_msi, psf, none(6)).unused < 1e-9).all()
