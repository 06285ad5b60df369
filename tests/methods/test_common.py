"""What holds for every method: shapes, gaps, units, what is saved, what is known."""

from copy import deepcopy
from dataclasses import replace
from functools import cache

import made_up
import numpy as np
import pytest
import scipy.io
import torch
import toy_regression

import udaln
from udaln.experiment import command
from udaln.experiment.model_file import load_model, save_model
from udaln.experiment.plugins import import_plugins
from udaln.experiment.presets import method_preset
from udaln.experiment.run import run as run_config
from udaln.io.image import Bands
from udaln.methods.base import SpectralMap
from udaln.methods.registry import method_class, names, register
from udaln.methods.training.schedule import Schedule
from udaln.scene import Scene

QUICK = {
    "sdp": {"hidden": 16, "diffusion_steps": 20, "batch": 32, "turns": 1},
    "spectramorph": {"updates": 20, "hidden": 64},
    "zsl": {"channels": 8, "patch": 8, "batch": 4},
}


def chosen(name):
    """A method by its name, those that train in few steps, and large ones small."""
    method, _ = method_preset(name, None, QUICK.get(name))
    for stage in vars(method.stages).values() if method.stages else []:
        if hasattr(stage, "steps"):
            stage.steps, stage.constant_until = 10, 5
    return method


def fuse(name, scene, refine="none", **options):
    quiet = {"accelerator": "cpu", "progress": False, "instruments": "alike"}
    return udaln.fuse(
        scene.lr_hsi, scene.hr_msi, support=scene.support, method=chosen(name), refine=refine, **quiet | options
    )


EVERY = pytest.mark.parametrize("name", names())
# One of each kind, for what takes long: regression, solver, trained on blocks, trained on whole images, own draws.
KINDS = ["closed_form", "cnmf", "udaln", "cucanet", "zsl"]
REFINED = pytest.mark.parametrize(
    ("name", "refine"), [(name, "none") for name in names()] + [(name, "consistent") for name in KINDS]
)


@pytest.fixture(scope="module")
def scene():
    return made_up.scene(size=40, bands=10, scale=4)


@pytest.fixture(scope="module")
def fused(scene):
    """The scene fused by a method, once for all tests of this file, which change nothing of it."""
    return cache(lambda name, refine="none": fuse(name, scene, refine))


def test_every_method_is_tested():
    assert {"closed_form", "gsa", "hyconet", "udaln", toy_regression.Toy.name} <= set(names())


@REFINED
def test_shapes_types_and_the_same_bits_again(name, refine, scene, fused):
    fusion = fuse(name, scene, refine, uncertainty=True)
    assert fusion.image.shape == (40, 40, 10) and fusion.image.dtype == np.float32
    assert (fusion.deviation is not None) == (refine == "consistent")
    assert fusion.psf.shape == (4, 4) and fusion.srf.shape == (10, 3)
    np.testing.assert_allclose(fusion.srf.sum(0), 1, rtol=1e-6)
    assert np.isfinite(fusion.image).all()
    np.testing.assert_array_equal(fused(name, refine).image, fusion.image)


@REFINED
def test_no_data_stays_no_data(name, refine, scene):
    lr_hsi, hr_msi = scene.lr_hsi.clone(), scene.hr_msi.clone()
    lr_hsi[2, 3] = hr_msi[20:22, 30:33] = torch.nan
    image = fuse(name, replace(scene, lr_hsi=lr_hsi, hr_msi=hr_msi, partial=True), refine).image
    gaps = np.zeros((40, 40), bool)
    gaps[8:12, 12:16] = gaps[20:22, 30:33] = True
    np.testing.assert_array_equal(np.isnan(image).all(2), gaps)
    np.testing.assert_array_equal(np.isnan(image).any(2), gaps)


@EVERY
def test_units_scale_through(name, scene):
    """By a power of two, which changes no digit, as long as both images are digital numbers."""
    images = [
        fuse(name, replace(scene, lr_hsi=factor * scene.lr_hsi, hr_msi=factor * scene.hr_msi)).image
        for factor in (2.0**10, 2.0**13)
    ]
    np.testing.assert_array_equal(images[1], 8 * images[0])


@EVERY
def test_a_model_is_the_same_once_it_is_read(name, scene, fused, tmp_path):
    model = fused(name).model
    save_model(tmp_path / "model.ckpt", chosen(name), model, bands=Bands(wavelengths=np.arange(10.0)))
    read = load_model(tmp_path / "model.ckpt")
    assert type(read.model) is type(model)
    np.testing.assert_array_equal(read.bands.wavelengths, np.arange(10.0))
    for key, value in model.state_dict().items():
        assert torch.equal(read.model.state_dict()[key], value)
    other = Scene(scene.lr_hsi[:5], scene.hr_msi[:20], scene.support)
    assert torch.equal(read.model.fuse(other).image, model.fuse(other).image)


@EVERY
def test_what_is_known_is_kept(name, scene):
    fusion = fuse(name, scene, psf=scene.truth.psf, srf=scene.truth.srf)
    np.testing.assert_array_equal(fusion.psf, scene.truth.psf)
    np.testing.assert_allclose(fusion.srf, scene.truth.srf, rtol=1e-6)


@EVERY
@pytest.mark.parametrize("kernel_size", [8])  # a PSF beyond the LR pixel
def test_a_window_is_that_of_the_whole(name, kernel_size):
    """As far as the method says that its image depends on what lies around; else it is as near to the truth."""
    scene = made_up.scene(size=80, bands=10, scale=4)
    model = fuse(name, scene, kernel_size=kernel_size).model
    whole = model.fuse(scene).image
    rows = slice(max(0, 9 - model.margin), 12 + model.margin)
    assert rows.stop - rows.start < 20  # the test needs a margin that leaves something out
    window = Scene(scene.lr_hsi[rows], scene.hr_msi[4 * rows.start : 4 * rows.stop], scene.support)
    inner = model.fuse(window).image[4 * (9 - rows.start) : 4 * (12 - rows.start)]
    if not model.local:
        errors = [(image - scene.truth.image[36:48]).norm() for image in (inner, whole[36:48])]
        assert errors[0] < 1.5 * errors[1]
        return
    torch.testing.assert_close(inner, whole[36:48], rtol=1e-5, atol=1e-6)
    if isinstance(model, SpectralMap):
        torch.testing.assert_close(model.map(scene.hr_msi[36:48]), whole[36:48], rtol=1e-5, atol=1e-6)


@EVERY
def test_the_truth_is_not_looked_at(name, scene, fused):
    """A fit of a scene that has none ends with the same bits."""
    blind = Scene(scene.lr_hsi, scene.hr_msi, scene.support)
    np.testing.assert_array_equal(fuse(name, blind).image, fused(name).image)


@pytest.mark.parametrize("name", ["cnmf", "cucanet", "zsl"])  # other kinds: test_resume.py, test_toy.py
def test_a_run_that_was_stopped_ends_with_the_same_bits(name, tmp_path, configure):
    """Stopped before it has written its metrics, with or without a checkpoint."""
    stages = vars(method_preset(name)[0].stages or object).items()
    trained = [stage for stage, schedule in stages if isinstance(schedule, Schedule)]
    quick = [f"stages.{stage}.{setting}" for stage in trained for setting in ("steps=20", "constant_until=10")]
    quick += [f"method.{key}={value}" for key, value in QUICK.get(name, {}).items()]
    import_plugins(["toy_regression"])
    config = configure(
        f"method={name}", "dataset.size=40", "dataset.bands=16", "trainer=cpu", "monitor.pictures=null", *quick
    )
    run_config(config, tmp_path)
    before = scipy.io.loadmat(tmp_path / "fused.mat")["Out"]
    (tmp_path / command.METRICS).unlink()
    (tmp_path / "fused.mat").unlink()
    command.resume(tmp_path)
    np.testing.assert_array_equal(scipy.io.loadmat(tmp_path / "fused.mat")["Out"], before)


@EVERY
def test_a_model_moves_with_its_degradation(name, fused):
    model = chosen(name).model(deepcopy(fused(name).model.degradation)).to("meta")
    assert {part.device.type for part in (*model.parameters(), *model.buffers())} == {"meta"}
    assert model.degradation.psf.device.type == "meta"


def test_another_method_of_a_name_is_refused():
    class Other(toy_regression.Toy):
        pass

    with pytest.raises(ValueError, match="there is another one of that name"):
        register(Other)
    assert method_class("toy") is toy_regression.Toy

    class Nameless(toy_regression.Toy):
        name, Settings = "nameless", type(chosen("udaln").stages.joint)

    with pytest.raises(ValueError, match="expected Settings that begin with name"):
        register(Nameless)
