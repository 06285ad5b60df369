"""The measures against formulas written out in numpy, against torchmetrics where it agrees, and their laws."""

import math
from itertools import product

import numpy as np
import pytest
import torch
from torchmetrics.functional import mean_squared_error, pearson_corrcoef
from torchmetrics.functional.image import (
    error_relative_global_dimensionless_synthesis,
    peak_signal_noise_ratio,
    spectral_angle_mapper,
)

from udaln.errors import InputError
from udaln.metrics import cc, ergas, psnr, rmse, sam, uiqi, zero_spectra

SCALE = 3


def ergas_3(reference, fused):
    return ergas(reference, fused, scale=SCALE)


def uiqi_5(reference, fused):
    return uiqi(reference, fused, window=5)


MEASURES = [psnr, sam, ergas_3, cc, uiqi_5, rmse]
PERFECT = {psnr: math.inf, sam: 0, ergas_3: 0, cc: 1, uiqi_5: 1, rmse: 0}


def noisy_pair(noise=0.05, shape=(13, 9, 6)):
    generator = torch.Generator().manual_seed(5)
    reference = 0.1 + torch.rand(shape, generator=generator, dtype=torch.float64)
    return reference, reference + noise * torch.randn(shape, generator=generator, dtype=torch.float64)


def bands(reference, fused):
    return [(reference[:, :, band].numpy(), fused[:, :, band].numpy()) for band in range(reference.shape[2])]


def psnr_written_out(reference, fused):
    return np.mean([20 * np.log10(x.max() / np.sqrt(np.mean((x - y) ** 2))) for x, y in bands(reference, fused)])


def sam_written_out(reference, fused):
    pixels = torch.stack([reference, fused]).flatten(1, 2).transpose(0, 1).numpy()
    return np.mean([math.degrees(math.acos(a @ b / math.sqrt((a @ a) * (b @ b)))) for a, b in pixels])


def ergas_written_out(reference, fused):
    relative = [np.mean((x - y) ** 2) / np.mean(x) ** 2 for x, y in bands(reference, fused)]
    return 100 / SCALE * math.sqrt(sum(relative) / len(relative))


def cc_written_out(reference, fused):
    return np.mean([np.corrcoef(x.ravel(), y.ravel())[0, 1] for x, y in bands(reference, fused)])


def uiqi_written_out(reference, fused, window=5):
    rows, columns = min(window, reference.shape[0]), min(window, reference.shape[1])
    values = []
    for x_band, y_band in bands(reference, fused):
        for i in range(x_band.shape[0] - rows + 1):
            for j in range(x_band.shape[1] - columns + 1):
                x, y = (band[i : i + rows, j : j + columns].ravel() for band in (x_band, y_band))
                (var_x, cov), (_, var_y) = np.cov(x, y)
                values.append(4 * cov * x.mean() * y.mean() / ((var_x + var_y) * (x.mean() ** 2 + y.mean() ** 2)))
    return np.mean(values)


def rmse_written_out(reference, fused):
    return np.linalg.norm((reference - fused).numpy().ravel()) / math.sqrt(reference.numel())


WRITTEN_OUT = {
    psnr: psnr_written_out,
    sam: sam_written_out,
    ergas_3: ergas_written_out,
    cc: cc_written_out,
    uiqi_5: uiqi_written_out,
    rmse: rmse_written_out,
}


@pytest.mark.parametrize("measure", MEASURES)
def test_formula(measure):
    pair = noisy_pair()
    value = measure(*pair)
    assert value.shape == () and value.dtype == torch.float64
    assert value.item() == pytest.approx(WRITTEN_OUT[measure](*pair), rel=1e-12)


@pytest.mark.parametrize("window", [2, 7, 8, 11, 32])
def test_uiqi_windows_of_any_size_shrink_to_the_image(window):
    pair = noisy_pair()
    assert uiqi(*pair, window=window).item() == pytest.approx(uiqi_written_out(*pair, window=window), rel=1e-12)


def test_uiqi_in_blocks_of_bands(monkeypatch):
    monkeypatch.setattr("udaln.metrics.quality_map._VALUES_AT_ONCE", 4 * 13 * 9)  # 6 bands as 4 and 2
    pair = noisy_pair()
    assert uiqi_5(*pair).item() == pytest.approx(uiqi_written_out(*pair), rel=1e-12)


def test_uiqi_of_small_variations_on_a_large_offset():
    pair = [1000 + cube for cube in noisy_pair()]
    assert uiqi_5(*pair).item() == pytest.approx(uiqi_written_out(*pair), rel=1e-8)


def batch(cube):
    return cube.permute(2, 0, 1)[None]


def test_torchmetrics_agrees():
    reference, fused = noisy_pair()
    peaks = [
        peak_signal_noise_ratio(fused[..., band], reference[..., band], data_range=reference[..., band].max().item())
        for band in range(reference.shape[2])
    ]
    expected = {
        psnr: torch.stack(peaks).mean(),
        sam: torch.rad2deg(spectral_angle_mapper(batch(fused), batch(reference))),
        ergas_3: error_relative_global_dimensionless_synthesis(batch(fused), batch(reference), ratio=SCALE),
        cc: pearson_corrcoef(fused.flatten(0, 1), reference.flatten(0, 1)).mean(),
        rmse: mean_squared_error(fused.flatten(), reference.flatten()).sqrt(),
    }
    for measure, value in expected.items():
        assert measure(reference, fused).item() == pytest.approx(value.item(), rel=1e-5), measure


@pytest.mark.parametrize("measure", MEASURES)
def test_a_restored_reference_is_perfect(measure):
    reference, _ = noisy_pair()
    assert measure(reference, reference.clone()).item() == pytest.approx(PERFECT[measure], abs=1e-12)


@pytest.mark.parametrize("measure", MEASURES)
def test_a_common_factor_changes_the_unit_of_rmse_and_nothing_else(measure):
    reference, fused = noisy_pair()
    factor = 3.7 if measure is rmse else 1
    assert measure(3.7 * reference, 3.7 * fused).item() == pytest.approx(factor * measure(reference, fused).item())


@pytest.mark.parametrize("measure", MEASURES)
def test_the_order_of_the_bands_does_not_matter(measure):
    reference, fused = noisy_pair()
    order = [3, 0, 5, 1, 4, 2]
    assert measure(reference[..., order], fused[..., order]).item() == pytest.approx(measure(reference, fused).item())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
@pytest.mark.parametrize("measure", MEASURES)
def test_any_floating_dtype_is_computed_in_float64(measure, dtype):
    reference, fused = (cube.to(dtype) for cube in noisy_pair())
    assert measure(reference, fused) == measure(reference.double(), fused.double())


@pytest.mark.parametrize("measure", MEASURES)
def test_a_nan_of_the_reference_is_not_hidden(measure):
    reference, fused = noisy_pair()
    reference[2, 3, 4] = math.nan
    assert measure(reference, fused).isnan()
    fused[9, 3] = math.nan
    assert measure(reference, fused).isnan()


@pytest.mark.parametrize("measure", MEASURES)
def test_where_no_pixel_holds_data_there_is_no_figure(measure):
    reference, fused = noisy_pair()
    fused[..., 2] = math.nan
    assert measure(reference, fused).isnan()


@pytest.mark.parametrize("measure", [psnr, sam, ergas_3, cc, rmse])
def test_pixels_without_data_are_left_out_as_if_cropped(measure):
    reference, fused = noisy_pair()
    reference[:3], reference[:, 7:] = 2, 3  # would be peaks, and large errors
    fused[:2, :, 4], fused[2], fused[:, 7:, 0] = math.nan, math.nan, math.nan
    expected = measure(reference[3:, :7].clone(), fused[3:, :7].clone())
    assert measure(reference, fused).item() == pytest.approx(expected.item(), rel=1e-12)


@pytest.mark.parametrize("measure", [psnr, sam, ergas_3, cc, rmse])
def test_scattered_pixels_without_data(measure):
    reference, fused = noisy_pair()
    held = torch.rand(reference.shape[:2], generator=torch.Generator().manual_seed(1)) > 0.3
    expected = measure(reference[held][None], fused[held][None])
    fused[..., 1][~held] = math.nan
    assert measure(reference, fused).item() == pytest.approx(expected.item(), rel=1e-12)


def test_uiqi_counts_the_pixels_of_a_window_that_hold_data():
    """By cutting each window out; those with data in less than half of their pixels do not count."""
    reference, fused = noisy_pair()
    held = torch.rand(reference.shape[:2], generator=torch.Generator().manual_seed(1)) > 0.5
    expected = []
    for row, column in product(range(13 - 4), range(9 - 4)):
        window = slice(row, row + 5), slice(column, column + 5)
        x, y = (cube[window][held[window]][None] for cube in (reference, fused))
        if x.shape[1] >= 12.5:
            expected.append(uiqi(x, y, window=25).item())
    assert 0 < len(expected) < 9 * 5
    fused[..., 3][~held] = math.nan
    assert uiqi_5(reference, fused).item() == pytest.approx(np.mean(expected), rel=1e-10)


def test_zero_spectra_without_data_are_not_counted():
    reference, fused = noisy_pair()
    reference[0] = 0
    fused[:, 0] = math.nan
    assert zero_spectra(reference, fused) == 8


@pytest.mark.parametrize("measure", MEASURES)
def test_gradients_are_finite_where_pixels_and_windows_are_zero(measure):
    reference, fused = noisy_pair()
    reference[:6, :6], fused[:5, :6] = 0, 0
    (gradient,) = torch.autograd.grad(measure(reference, fused.requires_grad_()), fused)
    assert gradient.isfinite().all() and gradient.any()


def test_sam_leaves_out_zero_spectra_and_they_are_counted():
    reference, fused = noisy_pair()
    expected = sam(reference[1:], fused[1:])
    reference[0, :4], fused[0, 3:] = 0, 0  # one pixel is zero in both
    assert zero_spectra(reference, fused) == 9
    assert sam(reference, fused).item() == pytest.approx(expected.item(), rel=1e-12)
    assert sam(reference, torch.zeros_like(fused)).isnan()


@pytest.mark.parametrize("degrees", [1e-8, 1.0, 90.0, 180.0])
def test_sam_is_exact_for_small_and_for_large_angles(degrees):
    angle = math.radians(degrees)
    reference = torch.tensor([[[1, 0]]], dtype=torch.float64)
    fused = torch.tensor([[[math.cos(angle), math.sin(angle)]]], dtype=torch.float64)
    assert sam(reference, 2 * fused).item() == pytest.approx(degrees, rel=1e-12)


def test_psnr_and_ergas_at_a_dark_band():
    reference, fused = noisy_pair()
    reference[..., 2] = 0
    assert psnr(reference, fused) == -math.inf
    assert ergas_3(reference, fused) == math.inf
    fused[..., 2] = 0
    assert psnr(reference, fused) == math.inf
    assert ergas_3(reference, fused).isnan()


@pytest.mark.parametrize("image", [0, 1])
def test_cc_leaves_out_constant_bands(image):
    pair = noisy_pair()
    expected = cc(*(cube[..., 1:] for cube in pair))
    pair[image][..., 0] = 0.3  # their mean in float64 is not exactly 0.3
    assert cc(*pair).item() == pytest.approx(expected.item(), rel=1e-12)
    pair[image][...] = 0.3
    assert cc(*pair).isnan()


@pytest.mark.parametrize("reference, fused, expected", [(0.1, 0.1, 1), (0.1, 0.3, 0.6), (0.0, 0.3, 0), (0.0, 0.0, 1)])
@pytest.mark.parametrize("window", [7, 8])
def test_uiqi_of_flat_images_compares_their_means(reference, fused, expected, window):
    reference, fused = torch.full((12, 9, 2), reference), torch.full((12, 9, 2), fused)
    assert uiqi(reference, fused, window).item() == pytest.approx(expected, abs=1e-6)


def test_uiqi_of_one_flat_image_is_zero():
    reference, _ = noisy_pair()
    assert uiqi_5(reference, torch.full_like(reference, 0.1)).item() == pytest.approx(0, abs=1e-12)


CUBE = torch.ones(4, 5, 3)


@pytest.mark.parametrize("measure", [*MEASURES, zero_spectra])
@pytest.mark.parametrize(
    "reference, fused, message",
    [
        (CUBE, CUBE[1:], r"fused: expected the reference's shape \(4, 5, 3\), got \(3, 5, 3\)"),
        (CUBE[None], CUBE[None], r"reference: expected an H×W×C cube .*, got shape \(1, 4, 5, 3\)"),
        (CUBE, CUBE[0], r"fused: expected an H×W×C cube .*, got shape \(5, 3\)"),
        (CUBE[:0], CUBE[:0], r"reference: expected an H×W×C cube that is not empty, got shape \(0, 5, 3\)"),
        (CUBE, CUBE.int(), r"fused: expected floating-point values, got torch\.int32"),
        (CUBE.numpy(), CUBE, r"reference: expected a torch tensor, got ndarray"),
    ],
)
def test_what_cannot_be_compared_is_refused(measure, reference, fused, message):
    with pytest.raises(InputError, match=message):
        measure(reference, fused)


def test_impossible_settings_are_refused():
    with pytest.raises(InputError, match="scale: expected a positive scale factor, got 0"):
        ergas(CUBE, CUBE, scale=0)
    with pytest.raises(InputError, match="window: expected at least 2 pixels, got 1"):
        uiqi(CUBE, CUBE, window=1)
