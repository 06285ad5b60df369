"""PSNR of the whole cube and SSIM."""

import math

import pytest
import torch
from torchmetrics.functional.image import peak_signal_noise_ratio, structural_similarity_index_measure

from udaln.errors import InputError
from udaln.metrics import psnr, psnr_cube, ssim


@pytest.fixture
def cubes():
    generator = torch.Generator().manual_seed(0)
    reference = torch.rand(30, 25, 6, generator=generator, dtype=torch.float64) * torch.arange(1, 7)
    return reference, reference + 0.05 * torch.randn(30, 25, 6, generator=generator, dtype=torch.float64)


def test_they_are_those_of_torchmetrics(cubes):
    reference, fused = cubes
    peak = float(reference.max())
    assert float(psnr_cube(reference, fused)) == pytest.approx(float(peak_signal_noise_ratio(fused, reference, peak)))
    by_library = structural_similarity_index_measure(
        fused.permute(2, 0, 1)[None], reference.permute(2, 0, 1)[None], data_range=peak
    )
    assert float(ssim(reference, fused)) == pytest.approx(float(by_library), rel=1e-9)


def test_one_band_has_one_ratio(cubes):
    reference, fused = (cube[..., :1] for cube in cubes)
    assert float(psnr_cube(reference, fused)) == pytest.approx(float(psnr(reference, fused)))


def test_the_units_do_not_matter(cubes):
    reference, fused = cubes
    for measure in (psnr_cube, ssim):
        assert float(measure(1e4 * reference, 1e4 * fused)) == pytest.approx(float(measure(reference, fused)), rel=1e-6)


def test_equal_images(cubes):
    reference, _ = cubes
    assert float(psnr_cube(reference, reference)) == math.inf
    assert float(ssim(reference, reference)) == pytest.approx(1)


def test_pixels_without_data_do_not_count(cubes):
    reference, fused = cubes
    spoiled, unknown = fused.clone(), fused.clone()
    spoiled[:6], unknown[:6] = 1e6, torch.nan
    assert float(psnr_cube(reference, unknown)) == pytest.approx(float(psnr_cube(reference[6:], fused[6:])))
    assert float(ssim(reference, unknown)) == pytest.approx(float(ssim(reference, fused)), abs=5e-3)
    assert float(ssim(reference, spoiled)) < 0.9
    nothing = torch.full_like(fused, torch.nan)
    assert math.isnan(psnr_cube(reference, nothing)) and math.isnan(ssim(reference, nothing))


def test_an_image_smaller_than_the_window_has_no_similarity(cubes):
    reference, fused = cubes
    assert math.isnan(ssim(reference[:10], fused[:10])) and not math.isnan(ssim(reference[:11], fused[:11]))


def test_cubes_that_do_not_fit_are_refused(cubes):
    reference, fused = cubes
    for measure in (psnr_cube, ssim):
        with pytest.raises(InputError):
            measure(reference, fused[..., :3])
