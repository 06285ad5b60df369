"""The measures without a reference: against formulas written out in numpy, and what they must not depend on."""

import math

import numpy as np
import pytest
import torch
from scipy.ndimage import zoom

from udaln.errors import InputError
from udaln.metrics import d_lambda, d_s, hqnr, quality_without_reference, uiqi
from udaln.physics.simulation import gaussian_psf, simulate
from udaln.physics.windows import degrade

SCALE = 4
PSF = gaussian_psf(SCALE, SCALE, SCALE)
NO_SHIFT = (0, 0)


def scene(rows=52, columns=64, bands=6, msi_bands=3, shift=NO_SHIFT):
    """An image with texture of all sizes, its LR-HSI and its HR-MSI, without noise."""
    generator = np.random.default_rng(3)
    maps = sum(zoom(generator.normal(size=(-(-rows // s), -(-columns // s), 3)), (s, s, 1), order=1)[:rows, :columns]
               for s in (1, 2, 4, 13))  # fmt: skip
    image = torch.from_numpy(5 + 0.3 * maps @ generator.uniform(0, 1, (3, bands)))
    srf = torch.eye(msi_bands).double().repeat_interleave(bands // msi_bands, 0)
    support = torch.ones_like(srf, dtype=torch.bool)
    pair = simulate(image, srf, support, PSF, SCALE)
    return image, degrade(image, PSF, SCALE, shift), pair.hr_msi


def q_written_out(x, y, window):
    """Mean over all positions of one band, of the pixels that are no NaN, half of them at least; none is flat."""
    values = []
    for i in range(x.shape[0] - window[0] + 1):
        for j in range(x.shape[1] - window[1] + 1):
            a, b = (image[i : i + window[0], j : j + window[1]].ravel() for image in (x, y))
            held = ~(np.isnan(a) | np.isnan(b))
            if held.mean() < 0.5:
                continue
            a, b = a[held], b[held]
            (var_a, cov), (_, var_b) = np.cov(a, b)
            values.append(4 * cov * a.mean() * b.mean() / ((var_a + var_b) * (a.mean() ** 2 + b.mean() ** 2)))
    return np.mean(values)


def d_lambda_written_out(fused, lr_hsi):
    h, w, bands = lr_hsi.shape
    blocks = fused.numpy().reshape(h, SCALE, w, SCALE, bands)
    seen = np.einsum("iajbc,ab->ijc", blocks, PSF.numpy())
    return 1 - np.mean([q_written_out(lr_hsi[..., i].numpy(), seen[..., i], (8, 8)) for i in range(bands)])


def d_s_written_out(fused, lr_hsi, hr_msi, lr_msi):
    x, y, z, lr_z = (image.numpy() for image in (fused, lr_hsi, hr_msi, lr_msi))
    differences = []
    for i in range(y.shape[2]):
        used = ~np.isnan(y).any(2) & ~np.isnan(lr_z).any(2)
        band = y[used, i]
        j = np.argmax([np.corrcoef(band, lr_z[used, j])[0, 1] for j in range(z.shape[2])])
        gain = band.std() / lr_z[used, j].std()
        offset = band.mean() - gain * lr_z[used, j].mean()
        high = q_written_out(x[..., i], gain * z[..., j] + offset, (32, 32))
        low = q_written_out(y[..., i], gain * lr_z[..., j] + offset, (8, 8))
        differences.append(abs(high - low))
    return np.mean(differences)


def noisy(image, noise=0.1):
    return image + noise * torch.randn(image.shape, generator=torch.Generator().manual_seed(5), dtype=image.dtype)


def bicubic(lr_hsi):
    bands = [zoom(band, SCALE, order=3, mode="nearest", grid_mode=True) for band in lr_hsi.permute(2, 0, 1).numpy()]
    return torch.from_numpy(np.stack(bands, -1))


@pytest.fixture(params=["whole", "with holes"])
def images(request):
    """An image to judge and the pair, whole or with a pixel without data in each of the three."""
    image, lr_hsi, hr_msi = scene(44, 40)
    fused = noisy(image)
    fused[..., 0] = hr_msi[..., 0]  # agrees more than at low resolution, the other bands less
    if request.param == "with holes":
        fused[0, 1], hr_msi[43, 39], lr_hsi[0, 8] = math.nan, math.nan, math.nan
        lr_hsi[:5, :4] = math.nan  # more than half of some windows
    return fused, lr_hsi, hr_msi


def test_formulas(images, monkeypatch):
    monkeypatch.setattr("udaln.metrics.quality_map._VALUES_AT_ONCE", 4 * 44 * 40)  # 6 bands as 4 and 2
    fused, lr_hsi, hr_msi = images
    lr_msi = degrade(hr_msi, PSF, SCALE)
    spectral, spatial = d_lambda(fused, lr_hsi, PSF), d_s(fused, lr_hsi, hr_msi, lr_msi)
    assert spectral.item() == pytest.approx(d_lambda_written_out(fused, lr_hsi), rel=1e-10)
    assert spatial.item() == pytest.approx(d_s_written_out(fused, lr_hsi, hr_msi, lr_msi), rel=1e-10)
    figures = quality_without_reference(fused, lr_hsi, hr_msi, PSF)
    assert list(figures) == ["d_lambda", "d_s", "hqnr"]
    assert all(value.shape == () and value.dtype == torch.float64 for value in figures.values())
    assert figures["d_lambda"] == spectral and figures["d_s"] == spatial
    assert figures["hqnr"].item() == pytest.approx((1 - spectral.item()) * (1 - spatial.item()), rel=1e-12)
    assert figures["hqnr"] == hqnr(spectral, spatial)


@pytest.mark.parametrize("scale, window", [(2, 16), (3, 11), (5, 8), (9, 8)])
def test_windows_cover_the_same_ground_at_both_resolutions(scale, window):
    psf = gaussian_psf(scale, scale, scale)
    image, _, _ = scene(scale * 20, scale * 18, bands=1, msi_bands=1)
    fused, lr_hsi = noisy(image), degrade(image, psf, scale)
    expected = 1 - uiqi(lr_hsi, degrade(fused, psf, scale), window)
    assert d_lambda(fused, lr_hsi, psf).item() == pytest.approx(expected.item(), rel=1e-10)
    spatial = d_s(fused, lr_hsi, image, lr_hsi)  # one band each, in the same units
    assert spatial.item() == pytest.approx(1 - uiqi(fused, image, scale * window).item(), rel=1e-10)


@pytest.mark.parametrize("shift", [NO_SHIFT, (1, -2)])
def test_the_true_image_has_no_spectral_distortion_where_the_psf_and_the_shift_are_true(shift):
    image, lr_hsi, hr_msi = scene(shift=shift)
    assert d_lambda(image, lr_hsi, PSF, shift).item() == pytest.approx(0, abs=1e-12)
    figures = quality_without_reference(image, lr_hsi, hr_msi, PSF, shift)
    assert figures["d_lambda"].item() < 1e-12
    assert figures["d_s"] == d_s(image, lr_hsi, hr_msi, degrade(hr_msi, PSF, SCALE, shift))
    assert d_lambda(image, lr_hsi, PSF, (shift[0] + 1, shift[1])) > 1e-3
    assert d_lambda(image, lr_hsi, gaussian_psf(SCALE, SCALE, 1.0), shift) > 1e-3


def test_spatial_distortion_tells_blur_and_noise():
    image, lr_hsi, hr_msi = scene()
    truth, blurred, spoilt = (
        quality_without_reference(fused, lr_hsi, hr_msi, PSF) for fused in (image, bicubic(lr_hsi), noisy(image))
    )
    assert blurred["d_s"] > 5 * truth["d_s"]
    assert spoilt["d_s"] > 2 * truth["d_s"]
    assert truth["hqnr"] > max(blurred["hqnr"], spoilt["hqnr"])


def test_an_image_that_is_the_msi_has_no_spatial_distortion():
    image, _, _ = scene(bands=3)
    msi, lr_msi = image, degrade(image, PSF, SCALE)
    assert d_s(msi, lr_msi, msi, lr_msi).item() == pytest.approx(0, abs=1e-12)


def test_units_of_the_msi_bands_do_not_matter():
    image, lr_hsi, hr_msi = scene()
    fused = noisy(image)
    expected = quality_without_reference(fused, lr_hsi, hr_msi, PSF)
    gain, offset = torch.tensor([1e4, 0.5, 3.0]).double(), torch.tensor([-20.0, 7.0, 0.0]).double()
    figures = quality_without_reference(fused, lr_hsi, hr_msi * gain + offset, PSF)
    assert figures["d_s"].item() == pytest.approx(expected["d_s"].item(), rel=1e-8)
    wrong = quality_without_reference(fused * torch.linspace(1, 1.5, 6).double(), lr_hsi, hr_msi, PSF)
    assert wrong["d_s"] > expected["d_s"] and wrong["d_lambda"] > expected["d_lambda"]


def test_a_common_factor_and_the_order_of_the_bands_do_not_matter():
    image, lr_hsi, hr_msi = scene()
    fused = noisy(image)
    expected = quality_without_reference(fused, lr_hsi, hr_msi, PSF)
    order, msi_order = [3, 0, 5, 1, 4, 2], [2, 0, 1]
    for figures in (
        quality_without_reference(3.7 * fused, 3.7 * lr_hsi, 3.7 * hr_msi, PSF),
        quality_without_reference(fused[..., order], lr_hsi[..., order], hr_msi[..., msi_order], PSF),
    ):
        assert {k: v.item() for k, v in figures.items()} == pytest.approx({k: v.item() for k, v in expected.items()})


@pytest.mark.parametrize("spoilt", [0, 1, 2])
def test_what_has_no_data_at_all_has_no_figure(spoilt):
    images = scene(32, 32)
    images[spoilt][...] = math.nan
    figures = quality_without_reference(*images, PSF)
    assert figures["d_s"].isnan() and figures["hqnr"].isnan() and figures["d_lambda"].isnan() == (spoilt != 2)


def test_images_smaller_than_a_window_have_one_position():
    image, lr_hsi, hr_msi = scene(20, 24)
    fused = noisy(image)
    lr_msi = degrade(hr_msi, PSF, SCALE)
    x, y, z, lr_z = (cube[..., :1].numpy()[..., 0] for cube in (fused, lr_hsi, hr_msi, lr_msi))
    gain = y.std() / lr_z.std()
    offset = y.mean() - gain * lr_z.mean()
    expected = q_written_out(x, gain * z + offset, (20, 24)) - q_written_out(y, gain * lr_z + offset, (5, 6))
    assert d_s(*(cube[..., :1] for cube in (fused, lr_hsi, hr_msi, lr_msi))).item() == pytest.approx(abs(expected))


def test_a_constant_msi_band_judges_nothing():
    image, lr_hsi, hr_msi = scene(32, 32)
    others = quality_without_reference(image, lr_hsi, hr_msi[..., [0, 2]], PSF)
    hr_msi[..., 1] = 0.3 + 1e-12 * image[..., 3]  # what is left of it is rounding error, however correlated
    assert quality_without_reference(image, lr_hsi, hr_msi, PSF)["d_s"].item() == pytest.approx(others["d_s"].item())
    assert quality_without_reference(image, lr_hsi, hr_msi[..., 1:2], PSF)["d_s"].isnan()


def test_a_constant_hsi_band_is_judged():
    image, lr_hsi, hr_msi = scene(32, 32)
    flat = torch.full_like(image, 0.3), torch.full_like(lr_hsi, 0.3)
    assert quality_without_reference(*flat, hr_msi, PSF)["hqnr"].item() == pytest.approx(1, abs=1e-6)


def test_any_floating_dtype_is_computed_in_float64():
    image, lr_hsi, hr_msi = (cube.float() for cube in scene(32, 32))
    expected = quality_without_reference(image.double(), lr_hsi.double(), hr_msi.double(), PSF)
    assert quality_without_reference(image, lr_hsi, hr_msi, PSF) == expected


FUSED, LR_HSI, HR_MSI = torch.ones(32, 24, 3), torch.ones(8, 6, 3), torch.ones(32, 24, 2)


@pytest.mark.parametrize(
    "images, message",
    [
        ((FUSED[:30], LR_HSI, HR_MSI), "fused: expected r·8×r·6×3 .* as lr_hsi has 8×6×3, got 30×24×3"),
        ((FUSED[..., :2], LR_HSI, HR_MSI), "fused: expected r·8×r·6×3 .*, got 32×24×2"),
        ((FUSED, FUSED, HR_MSI), "fused: expected .* for a whole scale factor r ≥ 2"),
        ((FUSED, LR_HSI, HR_MSI[:, 1:]), "hr_msi: expected 32×24 pixels as in fused, got 32×23×2"),
        ((FUSED, LR_HSI.int(), HR_MSI), r"lr_hsi: expected floating-point values, got torch\.int32"),
        ((FUSED, LR_HSI, HR_MSI[..., 0]), "hr_msi: expected an H×W×C cube"),
    ],
)
def test_what_does_not_fit_is_refused(images, message):
    with pytest.raises(InputError, match=message):
        quality_without_reference(*images, PSF)


def test_a_psf_or_an_lr_msi_that_does_not_fit_is_refused():
    with pytest.raises(InputError, match="psf: expected k×k values with k ≥ 4, the scale factor, got 4×5"):
        d_lambda(FUSED, LR_HSI, torch.ones(4, 5))
    with pytest.raises(InputError, match="psf: expected k×k values with k ≥ 4, the scale factor, got 3×3"):
        d_lambda(FUSED, LR_HSI, torch.ones(3, 3))
    with pytest.raises(InputError, match="lr_msi: expected shape 8×6×2, got 8×6×3"):
        d_s(FUSED, LR_HSI, HR_MSI, LR_HSI)
