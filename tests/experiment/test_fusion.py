"""From a scene to its networks and stages, and to the image wanted."""

from dataclasses import replace

import made_up
import pytest
import torch

from udaln.errors import InputError
from udaln.experiment.config import instruments_preset, method_preset
from udaln.experiment.fusion import build_networks, differing, fuse_scene, fused_image
from udaln.experiment.schema import Refine, Source
from udaln.methods.udaln import Init
from udaln.physics.instruments import Instruments, OutputGrid
from udaln.scene import Scene

ALIKE, UNLIKE = (Instruments("mine", *[differ] * 4, grid=OutputGrid.hr_msi) for differ in (False, True))
CPU = torch.device("cpu")
HOLES = {"lr_hsi": (slice(2, 4), slice(1, 2)), "hr_msi": (slice(0, 3), slice(9, 14))}


@pytest.mark.parametrize("pair", [False, True])
@pytest.mark.parametrize("init", Init)
def test_instruments_differ_in_real_pairs_where_stage_1_is_solved(pair, init):
    method = method_preset("fast")
    method.stages.degradation.init = init
    auto = instruments_preset("auto")
    assert differing(auto, method, pair=pair) == auto.resolved(pair and init is not Init.none)
    for told in (ALIKE, UNLIKE):
        assert differing(told, method, pair=pair) == told
    method.stages.degradation = None
    assert differing(auto, method, pair=pair) == auto.resolved(False)


def test_the_papers_presets_take_the_instruments_for_alike():
    for name in ("paper", "no_joint", "joint_only"):
        found = differing(instruments_preset("auto"), method_preset(name), pair=True)
        assert found == instruments_preset("auto").resolved(False)


def learned(networks):
    return {name.removesuffix(".weight") for name, _ in networks.learned() if not name.startswith("speu")}


def test_what_is_learned_is_what_may_differ():
    scene, method = made_up.scene(), method_preset("fast")
    assert learned(build_networks(scene, method, ALIKE)) == {"spad", "sped"}
    assert learned(build_networks(scene, method, UNLIKE)) == {"spad", "sped", "sped.gain", "sped.offset"}
    gain_alone = build_networks(scene, method, Instruments("mine", True, False, False, False))
    assert learned(gain_alone) == {"spad", "sped", "sped.gain"}
    method.stages.psf = method.stages.srf = Source.known
    assert learned(build_networks(scene, method, UNLIKE)) == {"sped.gain", "sped.offset"}


def test_the_window_is_as_told_unless_the_psf_is_known():
    scene, method = made_up.scene(scale=4), method_preset("fast")
    assert build_networks(scene, method, ALIKE).kernel_size == 4
    assert build_networks(scene, method, ALIKE, 9).kernel_size == 9
    method.stages.psf = Source.known
    assert build_networks(scene, method, ALIKE, 9).kernel_size == 4
    with pytest.raises(InputError, match=r"^stages.psf: expected one to be given for stages.psf=known, got none$"):
        build_networks(Scene(scene.lr_hsi, scene.hr_msi, scene.support), method, ALIKE)


def test_units_are_those_of_each_image():
    scene = made_up.scene()
    numbers = replace(scene, lr_hsi=1e4 * scene.lr_hsi)
    networks = build_networks(numbers, method_preset("fast"), UNLIKE)
    assert networks.unit == numbers.lr_hsi.max() and networks.msi_unit == 1


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


@pytest.mark.parametrize("refine", Refine)
@pytest.mark.parametrize("moved", [(0, 0), (2, -1)])
def test_the_image_holds_data_where_both_images_do(holed, refine, moved):
    scene = replace(holed, shift=moved)
    image = fused_image(made_up.networks(scene, 7), scene, refine, CPU, progress=False).image
    assert image.dtype == torch.float32 and image.device == CPU
    assert torch.equal(image.isfinite().all(2), scene.covered)
    assert torch.equal(image.isnan().any(2), ~scene.covered)
    without = torch.ones(48, 56, dtype=torch.bool)
    without[0:3, 9:14] = without[8 + moved[0] : 16 + moved[0], 4 + moved[1] : 8 + moved[1]] = False
    assert torch.equal(scene.covered, without)


def test_a_scene_is_fused_with_its_shift():
    """Two unlike instruments, from the pair to the image; of the sensors all is found but what lies off the window."""
    truth = {"gain": torch.tensor([0.8, 1.1, 1.3]).double(), "offset": torch.tensor([0.03, -0.03, 0.01]).double()}
    scene = made_up.unlike(shift=(-7.2, 5.5), **truth)
    blind = Scene(scene.lr_hsi, scene.hr_msi, scene.support)
    options = {"accelerator": "cpu", "progress": False}
    method = replace(method_preset("fast"), refine=Refine.none)
    networks, shifted, fused = fuse_scene(blind, method, UNLIKE, **options)
    assert shifted.shift == (-7, 6) and networks.kernel_size == 11
    torch.testing.assert_close(networks.gain, truth["gain"], rtol=1e-4, atol=0)
    torch.testing.assert_close(networks.offset, truth["offset"], rtol=0, atol=1e-4)
    torch.testing.assert_close(networks.sped.srf.detach(), scene.truth.srf, rtol=0, atol=1e-5)
    degraded = networks.unmatched(fused.image.double() @ networks.sped.srf.detach())
    torch.testing.assert_close(degraded, scene.hr_msi, rtol=0, atol=1e-4)
