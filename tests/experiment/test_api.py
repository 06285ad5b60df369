"""``udaln.fuse``: the whole method on arrays."""

import made_up
import numpy as np
import pytest
import torch
from made_up_stacks import textured, upsampled

import udaln
from udaln.experiment.presets import method_preset
from udaln.physics.instruments import Instruments


def few_steps(steps=30):
    """The paper's method cut to a number of steps a stage."""
    method, _ = method_preset(stages="paper")
    for stage in (method.stages.degradation, method.stages.spectral, method.stages.joint):
        stage.steps, stage.constant_until = steps, steps // 2
    return method


def fuse(lr_hsi, hr_msi, scale=None, **options):
    """On the CPU, in silence, and by the paper's method in few steps unless told otherwise."""
    if not {"method", "stages"} & set(options):
        options = {"method": few_steps(), "refine": "none"} | options
    return udaln.fuse(lr_hsi, hr_msi, scale, **{"accelerator": "cpu", "progress": False} | options)


@pytest.fixture(scope="module")
def scene():
    return made_up.scene()


@pytest.fixture(scope="module")
def pair(scene):
    """Its largest value is 1, so that it is reflectance-like and digital numbers come from it by a factor alone."""
    peak = max(scene.lr_hsi.max(), scene.hr_msi.max())
    return (scene.lr_hsi / peak).numpy(), (scene.hr_msi / peak).numpy()


@pytest.fixture(scope="module")
def fusion(pair):
    return fuse(*pair)


def test_the_image_and_the_degradation_have_their_shapes(pair, fusion):
    lr_hsi, hr_msi = pair
    (rows, columns, msi_bands), bands = hr_msi.shape, lr_hsi.shape[2]
    scale = rows // lr_hsi.shape[0]
    shapes = {"image": (rows, columns, bands), "psf": (scale, scale), "srf": (bands, msi_bands)}
    for name, shape in shapes.items():
        array = getattr(fusion, name)
        assert isinstance(array, np.ndarray)
        assert array.dtype == (np.float32 if name == "image" else np.float64)
        assert array.shape == shape
        assert np.isfinite(array).all()
    np.testing.assert_allclose(fusion.srf.sum(0), 1, atol=1e-5)


def test_the_seed_decides_every_bit(pair, fusion):
    again, other = fuse(*pair, scale=4, seed=2), fuse(*pair, seed=3)
    for name in ("image", "psf", "srf"):
        np.testing.assert_array_equal(getattr(again, name), getattr(fusion, name))
    assert not np.array_equal(other.image, fusion.image)


def test_a_few_hundred_steps_come_nearer_to_the_truth_than_the_lr_hsi_is(scene):
    fusion = fuse(scene.lr_hsi, scene.hr_msi, support=scene.support, method=few_steps(300), refine="none")
    truth = scene.truth.image.numpy()
    enlarged = np.kron(scene.lr_hsi, np.ones((scene.scale, scene.scale, 1)))
    assert np.abs(fusion.image - truth).mean() < 0.75 * np.abs(enlarged - truth).mean()


def solved(network):
    """UDALN's networks as their closed forms leave them: no step is trained."""
    method, _ = method_preset(stages="sampled", settings={"network": network})
    for stage in (method.stages.degradation, method.stages.spectral, method.stages.joint):
        stage.steps, stage.constant_until = 0, 1
    return method


@pytest.mark.parametrize("method", ("closed_form", "affine", "residual"))
@pytest.mark.parametrize("refine", ("none", "consistent"))
def test_of_one_image_psf_srf_and_an_image_that_fits_both_are_found(scene, method, refine):
    chosen = {"method": method if method == "closed_form" else solved(method), "refine": refine, "instruments": "alike"}
    rich = made_up.scene(materials=12)  # as many as bands: of fewer the problem is ill-conditioned
    fusion = fuse(rich.lr_hsi, rich.hr_msi, support=rich.support, **chosen)
    np.testing.assert_allclose(fusion.psf, rich.truth.psf, atol=1e-9)
    np.testing.assert_allclose(fusion.srf, rich.truth.srf, atol=1e-7)
    np.testing.assert_allclose(fusion.image @ fusion.srf, rich.hr_msi, atol=1e-5)
    assert (fusion.gain == 1).all() and (fusion.offset == 0).all()
    np.testing.assert_allclose(fusion.shift, 0, atol=1e-6)
    fusion = fuse(scene.lr_hsi, scene.hr_msi, support=scene.support, **chosen)
    rmse = np.sqrt(np.square(fusion.image - scene.truth.image.numpy()).mean())
    assert rmse < (2e-3 if refine == "consistent" else 2e-2)


DIFFERING = {"gain": torch.tensor([0.8, 1.1, 1.3]).double(), "offset": torch.tensor([0.03, -0.03, 0.01]).double()}


@pytest.fixture(scope="module")
def unlike():
    return made_up.unlike((16, 18), shift=(5.3, -2.6), fwhm=2.5, **DIFFERING)


def test_the_default_finds_what_two_instruments_differ_in(unlike):
    fusion = fuse(unlike.lr_hsi, unlike.hr_msi, support=unlike.support, method="closed_form")
    np.testing.assert_allclose(fusion.shift, (5.3, -2.6), atol=0.01)
    np.testing.assert_allclose(fusion.gain, DIFFERING["gain"], rtol=1e-4)
    np.testing.assert_allclose(fusion.offset, DIFFERING["offset"], atol=1e-4)
    np.testing.assert_allclose(fusion.srf, unlike.truth.srf, atol=1e-4)
    assert fusion.psf.shape == (9 + 2, 9 + 2)  # rows are shifted by 5 and 0.3 HR pixels
    assert fusion.psf.sum() == pytest.approx(1)
    alike = fuse(unlike.lr_hsi, unlike.hr_msi, support=unlike.support, method="closed_form", instruments="alike")
    truth = unlike.truth.image.numpy()
    assert np.square(fusion.image - truth).mean() < 0.5 * np.square(alike.image - truth).mean()


def test_what_may_differ_can_be_told(unlike):
    shift_alone = Instruments("mine", gain=False, offset=False, shift=True, wide_psf=False)
    fusion = fuse(
        unlike.lr_hsi, unlike.hr_msi, method="closed_form", refine="none", instruments=shift_alone, kernel_size=6
    )
    assert fusion.psf.shape == (6, 6) and (fusion.gain == 1).all() and (fusion.offset == 0).all()
    assert abs(fusion.shift[0] - 5.3) < 1


def test_the_papers_method_takes_the_instruments_for_alike(fusion):
    assert fusion.psf.shape == (4, 4) and (fusion.gain == 1).all() and (fusion.offset == 0).all()


def test_pixels_that_are_no_measurements_have_no_say(unlike):
    """Whether they are told by NaN or by a mask, and whatever lies there."""
    y, z = unlike.lr_hsi.numpy().copy(), unlike.hr_msi.numpy().copy()
    y_valid, z_valid = np.ones(y.shape[:2], bool), np.ones(z.shape[:2], bool)
    y_valid[3, 4], z_valid[40:43, 30:33] = False, False
    images = []
    for value in (np.nan, 77.0):
        y[3, 4], z[40:43, 30:33] = value, value
        masks = {"lr_valid": y_valid, "hr_valid": z_valid} if value == 77 else {}
        images.append(fuse(y, z, support=unlike.support, method="closed_form", refine="none", **masks).image)
    gaps = ~z_valid
    gaps[3 * 4 + 5 : 4 * 4 + 5, 4 * 4 - 3 : 5 * 4 - 3] = True  # where the LR pixel lies
    np.testing.assert_array_equal(np.isnan(images[0]).any(2), gaps)
    np.testing.assert_array_equal(np.isnan(images[0]).all(2), gaps)
    np.testing.assert_array_equal(images[0], images[1])
    whole = fuse(unlike.lr_hsi, unlike.hr_msi, support=unlike.support, method="closed_form", refine="none").image
    assert np.square(images[0] - whole)[~gaps].mean() < 1e-2**2  # it has seen a few pixels less


def test_digital_numbers_give_the_same_in_their_units(pair, fusion):
    # a factor of a power of two changes no digit
    shifted = fuse(*(2.0**13 * image for image in pair))
    np.testing.assert_array_equal(shifted.image, 2.0**13 * fusion.image)
    for name in ("psf", "srf"):
        np.testing.assert_array_equal(getattr(shifted, name), getattr(fusion, name))
    # another factor rounds the input, and training may carry that on
    scaled = fuse(*(1e4 * image for image in pair))
    np.testing.assert_allclose(scaled.image / 1e4, fusion.image, atol=1e-3)


def test_the_response_stays_within_a_known_support(scene):
    srf = scene.truth.srf.numpy()
    fusion = fuse(scene.lr_hsi, scene.hr_msi, support=srf)
    assert (srf == 0).any()
    np.testing.assert_array_equal(fusion.srf != 0, srf != 0)


def test_what_is_known_is_kept(scene):
    psf, srf = scene.truth.psf.numpy(), scene.truth.srf.numpy()
    fusion = fuse(scene.lr_hsi, scene.hr_msi, psf=psf, srf=srf)
    np.testing.assert_array_equal(fusion.psf, psf)
    np.testing.assert_allclose(fusion.srf, srf, rtol=1e-6)
    learned = fuse(scene.lr_hsi, scene.hr_msi, psf=psf, support=srf)
    np.testing.assert_array_equal(learned.psf, psf)
    assert not np.allclose(learned.srf, srf, rtol=1e-3)


def test_the_networks_map_another_image_of_the_same_sensors(pair, fusion):
    window = torch.from_numpy(pair[1][4:9, 2:5])
    np.testing.assert_allclose(fusion.model.map(window), fusion.image[4:9, 2:5], rtol=1e-5)


def test_nested_lists_and_doubles_will_do(pair, fusion):
    lr_hsi, hr_msi = pair
    again = fuse(lr_hsi.tolist(), hr_msi.astype(np.float64))
    np.testing.assert_array_equal(again.image, fusion.image)


@pytest.mark.parametrize(("fate", "bands"), [("fill", 12), ("leave_out", 11)])
def test_what_became_of_a_band_without_a_signal_is_said_and_counted(pair, caplog, fate, bands):
    dead = pair[0].copy()
    dead[..., 5] = 0.3
    fusion = fuse(dead, pair[1], bad_bands=fate, method="closed_form")
    assert fusion.image.shape[2] == bands
    assert (fusion.figures["bands_filled"], fusion.figures["bands_left_out"]) == (bands - 11, 12 - bands)
    assert [record.getMessage().partition(":")[0] for record in caplog.records] == ["LR-HSI band 5 (counted from 0)"]


def nowhere(image):
    return np.zeros(image.shape[:2])


def every_other(image):
    return np.indices(image.shape[:2]).sum(0) % 2


def test_masks_and_numbers_for_no_data_are_the_same_as_nan(unlike):
    y, z = unlike.lr_hsi.numpy().astype(">f8"), unlike.hr_msi.numpy().copy()
    y[3, 4], z[40:43, 30:33] = -9999, -1
    gaps = [np.where(image < -0.5, np.nan, image) for image in (y, z)]
    masked = [np.ma.masked_less(image, -0.5) for image in (y, z)]
    options = {"support": unlike.support, "method": "closed_form", "refine": "none"}
    images = [
        fuse(*gaps, **options).image,
        fuse(*masked, **options).image,
        fuse(y, z, nodata=[-9999, -1], **options).image,
    ]
    assert np.isnan(images[0]).any() and not np.isnan(images[0]).all()
    np.testing.assert_array_equal(images[1], images[0])
    np.testing.assert_array_equal(images[2], images[0])


FAULTS = {
    r"^lr_hsi: expected rows×columns×bands, got 12×6×6, .* np.moveaxis\(lr_hsi, 0, -1\)$": lambda y, z: fuse(
        np.moveaxis(y, 2, 0), z
    ),
    r"^hr_msi: expected real numbers, got complex numbers": lambda y, z: fuse(y, z + 1j),
    r"^lr_hsi: expected an array, got None$": lambda y, z: fuse(None, z),
    r"^hr_msi: expected an array, got str; ": lambda y, z: fuse(y, "hr.tif"),
    r"^hr_valid: expected true or false for each pixel, got text": lambda y, z: fuse(y, z, hr_valid=[["a"]]),
    r"^nodata: expected a number or several, got 'fill'$": lambda y, z: fuse(y, z, nodata="fill"),
    r"^nodata: expected it to leave some values of lr_hsi, got none$": lambda y, z: fuse(0 * y, z, nodata=0),
    r"^srf: expected an array of numbers, got a list": lambda y, z: fuse(y, z, srf=[[1, 2], [3]]),
    r"^psf: expected a matrix, got 1 axes$": lambda y, z: fuse(y, z, psf=[1.0]),
    r"^scale: expected 4, as the sizes of the pair imply, got 3$": lambda y, z: fuse(y, z, scale=3),
    r"^sizes: expected an HR-MSI of r·6×r·6 .*, got 23×24$": lambda y, z: fuse(y, z[:-1]),
    r"^sizes: expected an HR-MSI of r·24×r·24 .*, got 6×6; are the two images swapped.$": lambda y, z: fuse(z, y),
    r"^LR-HSI: expected a cube .*, got shape \(6, 6\)$": lambda y, z: fuse(y[..., 0], z),
    r"^HR-MSI: expected a cube .*, got shape \(1,\)$": lambda y, z: fuse(y, 1.0),
    r"^LR-HSI: expected finite values, got NaN or infinite ones only$": lambda y, z: fuse(np.nan * y, z),
    r"^HR-MSI: expected finite values, got NaN or infinite ones only$": lambda y, z: fuse(y, np.nan * z),
    r"^LR-HSI mask: expected 6×6, got 24×24$": lambda y, z: fuse(y, z, lr_valid=z[..., 0]),
    r"^HR-MSI mask: expected 24×24, got 24×24×3$": lambda y, z: fuse(y, z, hr_valid=z),
    r"^LR-HSI mask: expected it to leave some pixels with data, got none$": lambda y, z: fuse(
        y, z, lr_valid=0 * y[..., 0]
    ),
    r"^masks: expected LR-HSI pixels with all of their ": lambda y, z: fuse(y, z, hr_valid=every_other(z)),
    r"^LR-HSI: expected a signal in some band, got none in 12 bands$": lambda y, z: fuse(0 * y, z),
    r"^LR-HSI: expected a signal in every band, .* band 0, 1, ": lambda y, z: fuse(0 * y, z, bad_bands="keep"),
    r"^HR-MSI: expected no more bands than the LR-HSI's 2, got 3$": lambda y, z: fuse(y[..., :2], z),
    r"^PSF: expected shape 3×3, got 3×4$": lambda y, z: fuse(y, z, psf=np.ones((3, 4))),
    r"^PSF kernel size: expected at least the scale factor 4, got 3$": lambda y, z: fuse(y, z, psf=np.ones((3, 3)) / 9),
    r"^support: expected shape 12×3, got 12×2$": lambda y, z: fuse(y, z, srf=np.ones((12, 2))),
    r"^support: expected shape 12×3, got 3×12$": lambda y, z: fuse(y, z, support=np.ones((3, 12))),
    r"^SRF: MSI band 0, 1, 2 covers none of the 12 ": lambda y, z: fuse(y, z, support=np.zeros((12, 3))),
    r"^stages: expected one of .*paper.*, got 'pepar'$": lambda y, z: fuse(y, z, stages="pepar"),
    r"^method: expected one of .*closed_form, .*udaln, .*got 'x'; ": lambda y, z: fuse(y, z, method="x"),
    r"^method.network: expected one of affine, paper, residual, got 'linear'; ": lambda y, z: fuse(
        y, z, stages="paper", settings={"network": "linear"}
    ),
    r"^method.netwrk: there is no such key": lambda y, z: fuse(y, z, stages="paper", settings={"netwrk": "paper"}),
    r"^stages: expected stages of method=closed_form, got paper, of method=udaln$": lambda y, z: fuse(
        y, z, method="closed_form", stages="paper"
    ),
    r"^refine: expected one of none, consistent, got 'more'$": lambda y, z: fuse(y, z, refine="more"),
    r"^instruments: expected one of alike, auto, unlike, got 'x'$": lambda y, z: fuse(y, z, instruments="x"),
    r"^PSF kernel size: expected at least the scale factor 4, got 2$": lambda y, z: fuse(y, z, kernel_size=2),
    r"^trainer: .*precision=64": lambda y, z: fuse(y, z, precision="64bit"),
    r"^trainer: accelerator=abacus": lambda y, z: fuse(y, z, accelerator="abacus"),
}


@pytest.mark.parametrize("message", FAULTS)
def test_what_cannot_be_fused_is_refused_in_one_line(message, pair):
    with pytest.raises(udaln.InputError, match=message) as caught:
        FAULTS[message](*pair)
    assert "\n" not in str(caught.value)


def test_upsampled_bands_are_sharpened_unless_all_bands_are_kept_as_they_are(caplog):
    sharp = textured(side=96, bands=5)
    spectra = np.random.default_rng(1).uniform(0.2, 1, (5, 12))
    lr_hsi = (sharp @ spectra).reshape(24, 4, 24, 4, 12).mean((1, 3))
    mixed = sharp.copy()
    mixed[..., 3:] = upsampled(sharp[..., 3:], 2, "bicubic")
    options = {"method": "closed_form", "refine": "none", "instruments": "alike"}
    got, kept = (fuse(lr_hsi, mixed, bad_bands=bad_bands, **options).image for bad_bands in ("fill", "keep"))
    error, before = (np.square(image - sharp @ spectra).mean() for image in (got, kept))
    assert error < 0.3 * before
    (line,) = [line for line in caplog.messages if "upsampled" in line]
    assert line.startswith("HR-MSI: bands 3–4") and "2 times as large; sharpened" in line
