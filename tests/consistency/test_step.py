"""The fused image made consistent with both images."""

import functools
from dataclasses import replace

import made_up
import numpy as np
import pytest
import scipy.io
import torch
from places import SHARED
from scipy.ndimage import gaussian_filter
from torch.nn.functional import interpolate

import udaln
from udaln.consistency import refinement, step
from udaln.consistency.calibration import calibrated
from udaln.consistency.fuser import Fuser
from udaln.consistency.refinement import fit_refinement
from udaln.consistency.step import consistent as make_consistent
from udaln.methods.training.schedule import Init, Schedule
from udaln.methods.udaln.stages import SpectralStage
from udaln.metrics.functional import psnr, sam
from udaln.physics.blocks import blocks_of
from udaln.physics.observation import degraded, usable_lr_pixels
from udaln.physics.simulation import gaussian_psf, simulate
from udaln.physics.windows import degrade
from udaln.scene import Known, Scene

LEVELS = ((None, None), (40, 45), (30, 35), (25, 30))  # [dB]
REAL = {
    "muufl": ("muufl_gulfport", "srf_worldview2.csv"),
    "jasper": ("jasper_ridge", "srf_sentinel2.csv"),
}


def refined(networks, scene, done=None, **options):
    return make_consistent(networks, fit_refinement(networks, scene), scene, progress=done, **options)


def consistent(*given):
    """The image alone."""
    return refined(*given).image


def world(snr=(None, None), size=80, kernel_size=4, psf_width=4.0, seed=0) -> Scene:
    """A pair of a scene of materials in patches, each of its own brightness, too many to tell apart by the MSI."""
    rng = np.random.default_rng(seed)
    cover = np.exp([4 * sum(s * gaussian_filter(rng.normal(size=(size, size)), s) for s in (1.5, 4)) for _ in range(6)])
    cover /= cover.sum(0)
    spectra = 0.2 + gaussian_filter(rng.random((6, 24)), (0, 3)) + 0.1 * rng.random((6, 24))
    centres = np.linspace(3, 20, 4)
    srf = torch.from_numpy(np.exp(-((np.arange(24)[:, None] - centres) ** 2) / 8))
    support = srf > 0.01
    psf = gaussian_psf(kernel_size, 4, psf_width)
    image = torch.from_numpy(np.einsum("khw,kc->hwc", cover, spectra))
    return simulate(image, srf * support, support, psf, 4, snr_hsi=snr[0], snr_msi=snr[1], noise_seed=seed)


def started(scene, network="affine"):
    """Networks with the PSF and the SRF known and SpeUnet as the second stage starts it."""
    known = Known(scene.truth.psf, scene.truth.srf)
    networks = made_up.networks(scene, len(scene.truth.psf), known, network=network)
    blocks = blocks_of(scene, networks.degradation.kernel_size, torch.float64)
    SpectralStage(networks, Schedule(1e-3, 0, 1, init=Init.regression), 1).start(blocks)
    return networks


def quality(scene, image):
    """PSNR [dB] and SAM [°]."""
    return psnr(scene.truth.image, image).item(), sam(scene.truth.image, image).item()


def errors(scene, image):
    """Largest error of each of the two images that the fused one makes, relative to their largest values.

    LR pixels that see beyond the image by more than a little are not compared: what lies there is not known.
    """
    image, psf, srf = image.double(), scene.truth.psf, scene.truth.srf
    low = (degraded(scene, image, psf) - scene.lr_hsi.flatten(0, 1))[usable_lr_pixels(scene, psf)]
    msi = image @ srf - scene.hr_msi
    return (low.abs().max() / scene.lr_hsi.max()).item(), (msi.abs().max() / scene.hr_msi.max()).item()


@functools.cache
def real(name, snr=(None, None)):
    """A pair of a real reference, ×5."""
    folder, table = REAL[name]
    if not (SHARED / folder).exists():
        pytest.skip(f"needs shared/data/{folder} beside the repository")
    reference = torch.from_numpy(scipy.io.loadmat(SHARED / folder / "REF.mat")["REF"].astype(np.float32))
    srf = torch.from_numpy(np.loadtxt(SHARED / folder / table, delimiter=",", skiprows=1)[:, 1:])
    return simulate(reference, srf, srf > 0, gaussian_psf(5, 5, 5.0), 5, snr_hsi=snr[0], snr_msi=snr[1])


@pytest.mark.parametrize("kernel_size", [4, 7])
@pytest.mark.parametrize("network", ["affine", "residual", "paper"])  # the last untrained: it says nothing of use
def test_without_noise_both_images_are_reproduced(network, kernel_size):
    scene = world(size=48, kernel_size=kernel_size)
    networks = started(scene, network)
    image = consistent(networks, scene)
    assert image.dtype == torch.float32 and image.shape == scene.truth.image.shape
    assert max(errors(scene, networks.map(scene.hr_msi))) > 1e-2
    assert max(errors(scene, image)) < 1e-5


@pytest.mark.parametrize(
    ("snr", "gain", "share"),
    [
        *[(snr, 1.5, 0.8) for snr in (*LEVELS, (None, 35))],
        ((30, None), 1.2, 0.82),  # by what may be part of the scene, noise of Y comes in
    ],
)
def test_it_improves_on_the_networks_with_noise_and_without(snr, gain, share):
    scene = world(snr)
    networks = started(scene)
    plain, refined = (quality(scene, image) for image in (networks.map(scene.hr_msi), consistent(networks, scene)))
    assert refined[0] > plain[0] + gain and refined[1] < share * plain[1]


@pytest.mark.parametrize("snr", [(None, None), (30, 35)])
def test_a_map_of_no_use_costs_little(snr):
    scene = world(snr, size=60)
    start, useless = (quality(scene, consistent(started(scene, name), scene)) for name in ("affine", "paper"))
    assert useless[0] > start[0] - 1


def test_a_psf_that_is_not_the_sensors_does_no_harm():
    """The LR-HSI is blurred more than the window of the PSF can hold: its residual must hardly be followed."""
    scene = made_up.scene(48, 20, 4, 4)
    blurred = gaussian_filter(scene.truth.image.double().numpy(), (3.0, 3.0, 0.0))
    wide = replace(scene, lr_hsi=degrade(torch.from_numpy(blurred), scene.truth.psf, 4))
    networks = started(wide)
    before, after = (
        (image - scene.truth.image).square().mean() for image in (networks.map(wide.hr_msi), consistent(networks, wide))
    )
    assert after <= before


def test_an_lr_hsi_with_interpolated_pixels_does_no_harm():
    """Its pixels have PSFs that differ: no image that is blurred by one PSF agrees with all of them."""
    finer = world(size=96, seed=1).truth
    scene = simulate(finer.image, finer.srf, finer.srf > 0, gaussian_psf(8, 8, 8.0), 8, snr_hsi=35, snr_msi=40)
    bands = scene.lr_hsi.permute(2, 0, 1)[None].double()
    lr_hsi = interpolate(bands, scale_factor=2, mode="bilinear")[0].permute(1, 2, 0).numpy()
    plain, refined = (
        quality(scene, torch.from_numpy(udaln.fuse(lr_hsi, scene.hr_msi.double().numpy(), **options).image))
        for options in ({"refine": "none", "progress": False}, {"progress": False})
    )
    assert refined[0] > plain[0] - 0.2 and refined[1] < 1.02 * plain[1]


def test_the_more_noise_the_less_of_both_images_is_believed():
    scenes = [world(snr, size=48) for snr in LEVELS]
    misfits = np.array([errors(scene, consistent(started(scene), scene)) for scene in scenes])
    assert (np.diff(misfits, axis=0) > 0).all()


@pytest.mark.parametrize("snr", [(None, None), (30, 35)])
def test_units_change_nothing(snr):
    scene = world(snr, size=48)
    numbers = Scene(1e4 * scene.lr_hsi, 1e4 * scene.hr_msi, scene.support, known=scene.known, truth=scene.truth)
    assert scene.unit == 1 and numbers.unit > 1000
    image, scaled = (consistent(started(pair), pair) for pair in (scene, numbers))
    torch.testing.assert_close(scaled / 1e4, image, rtol=0, atol=2e-5 * image.max().item())


def test_float32_images_lose_no_more_than_their_digits():
    scene = world(size=48)
    single = Scene(scene.lr_hsi.float(), scene.hr_msi.float(), scene.support, truth=scene.truth)
    networks = started(scene)
    image = consistent(networks, single)
    assert image.dtype == torch.float32
    torch.testing.assert_close(image, consistent(networks, scene), rtol=0, atol=1e-3 * image.max().item())


def test_nothing_is_changed_but_what_is_returned():
    scene = world((30, 35), size=48)
    networks = started(scene)
    before = {name: value.clone() for name, value in networks.state_dict().items()}
    images = scene.lr_hsi.clone(), scene.hr_msi.clone()
    first = consistent(networks, scene)
    assert all(torch.equal(value, before[name]) for name, value in networks.state_dict().items())
    assert torch.equal(scene.lr_hsi, images[0]) and torch.equal(scene.hr_msi, images[1])
    assert not first.requires_grad
    assert torch.equal(consistent(networks, scene), first)


def grains(snr, kernel_size) -> Scene:
    """A pair of a scene of more materials than the MSI tells apart, mixed in each pixel anew: as kriging has errors."""
    rng = np.random.default_rng(0)
    cover = rng.dirichlet(np.ones(8), size=(48, 48)) * rng.uniform(0.7, 1.3, (48, 48, 1))
    srf = torch.from_numpy(rng.uniform(0.2, 1.0, (12, 3)))
    image = torch.from_numpy(cover @ rng.uniform(0.2, 0.8, (8, 12)))
    psf = gaussian_psf(kernel_size, 4, 4.0)
    return simulate(image, srf, srf > 0, psf, 4, snr_hsi=snr[0], snr_msi=snr[1])


@pytest.mark.parametrize("kernel_size", [4, 7])
@pytest.mark.parametrize("snr", [(None, None), (40, 45), (None, 35)])
def test_the_truth_lies_within_two_deviations_as_often_as_these_say(snr, kernel_size):
    scene = grains(snr, kernel_size)
    networks = started(scene)
    found = refined(networks, scene, with_deviation=True)
    assert found.deviation.shape == found.image.shape and (found.deviation >= 0).all()
    within = ((found.image - scene.truth.image).abs() <= 2 * found.deviation).double().mean()
    assert 0.9 < within < 0.99
    alone = refined(networks, scene)
    assert alone.deviation is None and torch.equal(alone.image, found.image)


def test_the_deviation_is_not_too_small_where_errors_reach_further_than_a_pixel():
    scene = made_up.unlike((12, 12), scale=4, snr_hsi=35, snr_msi=40)
    found = refined(started(scene), scene, with_deviation=True)
    error = (found.image - scene.truth.image).abs()
    assert (error <= 2 * found.deviation).double().mean() > 0.9
    assert found.deviation.square().mean() < 36 * error.square().mean()


def test_the_noise_told_is_that_of_the_images():
    scene = world((30, 35))
    clean = world()
    found = fit_refinement(started(scene), scene).noise
    for level, noisy, exact in ((found.lr_hsi, scene.lr_hsi, clean.lr_hsi), (found.hr_msi, scene.hr_msi, clean.hr_msi)):
        true = (noisy - exact).square().mean((0, 1)).sqrt()
        assert level.mean().item() == pytest.approx(true.mean().item(), rel=0.15)


def plain(texture, rich, snr_msi=None):
    """A pair of smooth fields: three, which the MSI tells apart, or more, and texture of single pixels in each band."""
    rng = np.random.default_rng(0)
    fields = np.stack([gaussian_filter(rng.normal(size=(60, 60)), 3) for _ in range(6 if rich else 3)], -1)
    srf = torch.from_numpy(rng.uniform(0.2, 1.0, (12, 3)))
    image = 0.5 + 0.1 * fields / fields.std((0, 1)) @ rng.uniform(-1, 1, (fields.shape[2], 12))
    image *= 1 + texture * rng.normal(size=image.shape)
    return simulate(torch.from_numpy(image), srf, srf > 0, gaussian_psf(4, 4, 4.0), 4, snr_msi=snr_msi)


@pytest.mark.parametrize(
    ("texture", "rich", "snr_msi", "work"),
    [
        (0.0, True, None, False),
        (1e-3, True, None, False),  # the map has far larger errors
        (1e-3, False, None, True),  # faint, but all that is missing
        (0.05, True, None, True),
        (0.0, True, 60, True),
        (0.0, True, 100, False),
    ],
)
def test_only_what_has_noise_or_texture_is_denoised(texture, rich, snr_msi, work, monkeypatch):
    scene = plain(texture, rich, snr_msi)
    networks = started(scene)
    found = fit_refinement(networks, scene)
    assert bool(found.denoiser.mixtures) == work
    if not work:
        assert not found.texture_share.any()
        image = consistent(networks, scene)
        monkeypatch.setattr(refinement, "WORTHWHILE", 0.0)
        assert quality(scene, image)[0] > quality(scene, consistent(networks, scene))[0] - 0.005


@pytest.mark.parametrize("snr", [(None, None), (30, 35)])
def test_what_the_fit_has_calculated_is_not_calculated_again(snr, monkeypatch):
    scene = world(snr, size=48)
    networks = started(scene)
    fitted, _ = calibrated(networks, fit_refinement(networks, scene), scene)
    expected = make_consistent(networks, fitted, scene, with_deviation=True)
    monkeypatch.setattr(step, "predict", None)
    fuser, actual, _ = Fuser.fit(networks, scene, with_deviation=True)
    assert torch.equal(actual.image, expected.image) and torch.equal(actual.deviation, expected.deviation)
    monkeypatch.undo()
    assert torch.equal(fuser.fuse(scene).image, expected.image)


def test_it_tells_how_far_it_is():
    scene = world(size=84)  # of 21×21 LR pixels, which is more than one tile
    told = []
    consistent(started(scene), scene, told.append)
    assert len(told) > 1 and told == sorted(told) and told[-1] == 1


def test_what_is_true_is_not_looked_at():
    scene = world((30, 35), size=48)
    blind = Scene(scene.lr_hsi, scene.hr_msi, scene.support)
    networks = started(scene)
    assert torch.equal(consistent(networks, blind), consistent(networks, scene))


@pytest.mark.parametrize(
    ("name", "snr", "least_psnr", "most_sam"),
    [
        ("muufl", (None, None), 47.9, 1.39),
        ("jasper", (30, 35), 40.0, 3.6),
    ],
)
def test_real_scenes(name, snr, least_psnr, most_sam):
    """The whole default. The regression alone reaches 46.45 dB without noise, and 38.13 dB under this noise."""
    scene = real(name, snr)
    found = udaln.fuse(scene.lr_hsi, scene.hr_msi, support=scene.support, accelerator="cpu", progress=False)
    image = torch.from_numpy(found.image)
    refined, plain = quality(scene, image), quality(scene, found.model.map(scene.hr_msi))
    assert refined[0] > least_psnr and refined[1] < most_sam
    assert refined[0] > plain[0] and refined[1] < plain[1]
