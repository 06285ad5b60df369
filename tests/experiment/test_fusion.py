"""From a scene to its fused image."""

from dataclasses import replace

import made_up
import pytest
import torch
from made_up_warps import displaced_pair, displacement

from udaln.errors import InputError
from udaln.experiment.fusion import fuse_fitted, fuse_scene, with_figures
from udaln.experiment.preparation import FusionOptions, align
from udaln.experiment.presets import method_preset
from udaln.methods.base import Training
from udaln.methods.closed_form import ClosedForm, Settings
from udaln.methods.training.schedule import Init
from udaln.physics.instruments import Instruments, OutputGrid
from udaln.scene import Scene

ALIKE, UNLIKE = (Instruments("mine", *[differ] * 4, grid=OutputGrid.hr_msi) for differ in (False, True))
CPU = torch.device("cpu")
HOLES = {"lr_hsi": (slice(2, 4), slice(1, 2)), "hr_msi": (slice(0, 3), slice(9, 14))}


def options(instruments=ALIKE, refine=False, **more):
    return FusionOptions(ClosedForm(Settings()), refine=refine, instruments=instruments, progress=False, **more)


@pytest.mark.parametrize("init", Init)
def test_instruments_are_told_apart_where_stage_1_is_solved(init):
    method, _ = method_preset(stages="sampled")
    method.stages.degradation.init = init
    assert method.tells_instruments_apart == (init is not Init.none)
    method.stages.degradation = None
    assert not method.tells_instruments_apart


def test_the_default_tells_instruments_apart_and_the_papers_presets_do_not():
    assert method_preset()[0].tells_instruments_apart
    for name in ("paper", "no_joint", "joint_only"):
        assert not method_preset(stages=name)[0].tells_instruments_apart


def unknown(scene, chosen):
    degradation = align(scene, chosen).degradation
    return {name.removesuffix(".weight") for name, p in degradation.named_parameters() if p.requires_grad}


def test_what_is_estimated_is_what_may_differ():
    scene, unlike = made_up.scene(), replace(UNLIKE, shift=False)
    assert unknown(scene, options()) == {"spad", "sped"}
    assert unknown(scene, options(unlike)) == {"spad", "sped", "sped.gain", "sped.offset"}
    gain_alone = Instruments("mine", True, False, False, False)
    assert unknown(scene, options(gain_alone)) == {"spad", "sped", "sped.gain"}
    assert unknown(scene, options(unlike, known_psf=True, known_srf=True)) == {"sped.gain", "sped.offset"}


def test_the_window_is_as_asked_for_unless_the_psf_is_known():
    scene = made_up.scene(scale=4)
    sizes = [
        align(scene, options(**more)).degradation.kernel_size
        for more in ({}, {"kernel_size": 9}, {"kernel_size": 9, "known_psf": True})
    ]
    assert sizes == [4, 9, 4]
    with pytest.raises(
        InputError, match=r"^degradation.psf: expected one to be given for degradation.psf=known, got none$"
    ):
        align(Scene(scene.lr_hsi, scene.hr_msi, scene.support), options(known_psf=True))


def test_units_are_those_of_each_image():
    scene = made_up.scene()
    numbers = replace(scene, lr_hsi=1e4 * scene.lr_hsi)
    degradation = align(numbers, options()).degradation
    assert degradation.unit == numbers.lr_hsi.max() and degradation.msi_unit == 1


@pytest.fixture(scope="module")
def holed():
    """A pair with pixels without data in both images; what lies there makes no sense."""
    scene = made_up.unlike((12, 14))
    images, masks = {}, {}
    for name, hole in HOLES.items():
        images[name] = getattr(scene, name).clone()
        images[name][hole] = 1.5
        masks[name] = torch.ones(images[name].shape[:2], dtype=torch.bool)
        masks[name][hole] = False
    return replace(scene, **images, lr_valid=masks["lr_hsi"], hr_valid=masks["hr_msi"])


@pytest.mark.parametrize("refine", [False, True])
@pytest.mark.parametrize("moved", [(0, 0), (2, -1)])
def test_the_image_holds_data_where_both_images_do(holed, refine, moved):
    scene = replace(holed, shift=moved)
    image = fuse_fitted(scene, made_up.networks(scene, 7), options(refine=refine), CPU).estimate.image
    assert image.dtype == torch.float32 and image.device == CPU
    assert torch.equal(image.isfinite().all(2), scene.valid)
    assert torch.equal(image.isnan().any(2), ~scene.valid)
    without = torch.ones(48, 56, dtype=torch.bool)
    without[0:3, 9:14] = without[8 + moved[0] : 16 + moved[0], 4 + moved[1] : 8 + moved[1]] = False
    assert torch.equal(scene.valid, without)


def test_a_scene_is_fused_with_its_shift():
    """Two unlike instruments, from the pair to the image; of the sensors all is found but what lies off the window."""
    truth = {"gain": torch.tensor([0.8, 1.1, 1.3]).double(), "offset": torch.tensor([0.03, -0.03, 0.01]).double()}
    scene = made_up.unlike(shift=(-7.2, 5.5), **truth)
    blind = Scene(scene.lr_hsi, scene.hr_msi, scene.support)
    fusion = fuse_scene(blind, options(UNLIKE), Training(accelerator="cpu"))
    assert fusion.scene.shift == (-7, 6) and fusion.psf.shape == (11, 11)
    degradation = fusion.model.degradation
    torch.testing.assert_close(degradation.gain, truth["gain"], rtol=1e-4, atol=0)
    torch.testing.assert_close(degradation.offset, truth["offset"], rtol=0, atol=1e-4)
    torch.testing.assert_close(degradation.srf, scene.truth.srf, rtol=0, atol=1e-5)
    degraded = degradation.unmatched(fusion.estimate.image.double() @ degradation.srf)
    torch.testing.assert_close(degraded, scene.hr_msi, rtol=0, atol=1e-4)


@pytest.mark.parametrize("refine", [False, True])
def test_an_image_of_displaced_images_lies_where_the_hr_msi_does(refine):
    field = displacement((120, 112), 1.5, 1.0)
    pair, displaced = displaced_pair(field)
    hr_valid, lr_valid = torch.ones(120, 112, dtype=torch.bool), torch.ones(30, 28, dtype=torch.bool)
    hr_valid[30:33, 50:60] = lr_valid[20, 10] = False
    displaced = replace(displaced, hr_valid=hr_valid, lr_valid=lr_valid)

    def error(scene, **given):
        how = options(Instruments("mine", **given), refine=refine, uncertainty=True)
        fusion = with_figures(fuse_scene(scene, how, Training(accelerator="cpu")), how)
        image, truth = fusion.estimate.image, pair.truth.image
        return fusion, float((image - truth)[8:-8, 8:-8].square().nanmean().sqrt())

    found, left = error(displaced)
    _, ignored = error(displaced, warp=False)
    _, best = error(pair)
    assert best < 0.01 * ignored and left < 0.4 * ignored
    assert found.scene.hr_msi is displaced.hr_msi and found.scene.resampling_shift == (0, 0)
    assert found.shift == pytest.approx(field.mean((1, 2)).tolist(), abs=0.1)
    here = torch.from_numpy(found.displacement).mean((1, 2)).tolist()
    assert found.displacement.shape == (2, 30, 28) and found.shift == pytest.approx(here, abs=0.01)
    assert found.figures["displacement_spread"] == found.warp.spread > 0.5
    missing = found.estimate.image.isnan().any(2)
    assert missing[30:33, 50:60].all() and 0.5 * 16 < missing.sum() - 30 < 2 * 16
    if refine:
        assert torch.equal(found.estimate.deviation.isnan().any(2), missing)
