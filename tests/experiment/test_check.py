"""The reduced-resolution check."""

from dataclasses import replace

import made_up
import pytest
import torch

from udaln.experiment.check import reduced_resolution
from udaln.experiment.fusion import fuse_scene
from udaln.experiment.preparation import FusionOptions
from udaln.experiment.presets import method_preset
from udaln.methods.base import Training
from udaln.metrics import fusion_metrics
from udaln.physics.instruments import Instruments
from udaln.physics.interpolation import interpolate
from udaln.physics.simulation import gaussian_psf
from udaln.physics.windows import degrade
from udaln.scene import Known, Scene, Truth

ALIKE = Instruments("alike", *[False] * 4)
FIGURES = {"psnr", "sam", "rmse", "ergas", "uiqi", "cc"}


def options(instruments=ALIKE, **more):
    """The default: no step is trained."""
    return FusionOptions(method_preset()[0], refine=True, instruments=instruments, progress=False, **more)


def check(networks, scene, instruments=ALIKE):
    return reduced_resolution(networks.degradation, scene, options(instruments), Training())


def known(scene):
    """Networks that have the scene's true sensors; SpeUnet has no part in the check."""
    return made_up.networks(scene, len(scene.truth.psf), Known(scene.truth.psf, scene.truth.srf))


@pytest.fixture(scope="module")
def scene():
    """Of 22×22 LR pixels, so that it is ×2 one scale below, with some noise."""
    clean = made_up.scene(88, 12, 3, 4)
    generator = torch.Generator().manual_seed(0)
    noisy = (
        part + 1e-3 * torch.randn(part.shape, generator=generator).to(part) for part in (clean.lr_hsi, clean.hr_msi)
    )
    return replace(clean, **dict(zip(("lr_hsi", "hr_msi"), noisy, strict=True)))


@pytest.fixture(scope="module")
def actual(scene):
    return check(known(scene), scene)


def test_the_figures_are_those_of_doing_it_by_hand(scene, actual):
    reference = scene.lr_hsi
    pair = Scene(
        degrade(reference, gaussian_psf(2, 2, 2), 2),
        degrade(scene.hr_msi, scene.truth.psf.float().double(), 4),
        scene.support,
    )
    fused = fuse_scene(pair, options(kernel_size=2), Training()).estimate
    expected = {"check_scale": 2.0}
    for name, image in (("", fused.image), ("interpolated_", interpolate(pair.lr_hsi, 2))):
        metrics = fusion_metrics(2)
        metrics.update(reference.float(), image.float())
        expected |= {f"check_{name}{key}": value.item() for key, value in metrics.compute().items()}
    assert actual.keys() == expected.keys()
    assert {key for key in actual if "interpolated" not in key} == {"check_scale"} | {f"check_{key}" for key in FIGURES}
    for key, value in expected.items():
        assert actual[key] == pytest.approx(value, rel=1e-3), key


def test_fusion_beats_interpolation_where_the_networks_have_the_sensors(actual):
    assert actual["check_psnr"] > actual["check_interpolated_psnr"] + 5
    assert actual["check_sam"] < actual["check_interpolated_sam"]


def test_the_truth_of_the_scene_is_not_looked_at(scene, actual):
    networks = known(scene)
    nonsense = Truth(*(torch.rand_like(part) for part in (scene.truth.image, scene.truth.psf, scene.truth.srf)))
    for truth in (nonsense, Truth()):
        assert check(networks, replace(scene, truth=truth)) == actual


def test_a_wrong_psf_shows(scene, actual):
    corner = torch.zeros(4, 4, dtype=torch.float64)
    corner[0, 0] = 1
    wrong = made_up.networks(scene, 4, Known(corner, scene.truth.srf))
    assert check(wrong, scene)["check_psnr"] < actual["check_psnr"] - 3


def test_networks_and_scene_stay_as_they_are(scene):
    networks, images = known(scene), (scene.lr_hsi.clone(), scene.hr_msi.clone())
    before = {name: value.clone() for name, value in networks.state_dict().items()}
    check(networks, scene)
    assert torch.equal(scene.lr_hsi, images[0]) and torch.equal(scene.hr_msi, images[1])
    assert all(torch.equal(value, before[name]) for name, value in networks.state_dict().items())


@pytest.mark.parametrize(
    ("lr", "scale", "below"),
    [((15, 40), 3, None), ((16, 40), 3, 2), ((24, 24), 3, 3), ((25, 27), 3, 3), ((40, 40), 2, 2), ((7, 7), 4, None)],
)
def test_the_scale_below_is_the_scenes_or_what_leaves_eight_pixels(lr, scale, below):
    scene = made_up.unlike(lr, scale)
    actual = check(known(scene), scene)
    assert actual.get("check_scale") == below
    assert bool(actual) == (below is not None)


@pytest.mark.parametrize("kind", ["lr_valid", "hr_valid"])
def test_what_lies_in_gaps_does_not_count(scene, kind):
    name = {"lr_valid": "lr_hsi", "hr_valid": "hr_msi"}[kind]
    image = getattr(scene, name)
    valid = torch.ones(image.shape[:2], dtype=torch.bool)
    rows = 4 if kind == "hr_valid" else 1
    valid[5 * rows : 9 * rows, 6 * rows : 10 * rows] = False
    peak = image.max()
    generator = torch.Generator().manual_seed(0)
    figures = []
    for _ in range(2):
        filled = torch.where(valid[..., None], image, peak * torch.rand(image.shape, generator=generator))
        gappy = replace(scene, **{name: filled, kind: valid})
        figures.append(check(known(scene), gappy))
    assert figures[0] == pytest.approx(figures[1], rel=0, abs=0, nan_ok=True)  # no window of UIQI may be whole
    assert figures[0]["check_psnr"] > figures[0]["check_interpolated_psnr"] + 3
    unmasked = check(known(scene), replace(scene, **{name: filled}))
    assert unmasked["check_psnr"] < figures[0]["check_psnr"] - 1


def test_a_shift_and_wide_windows_are_those_of_the_scene():
    """The pair one scale below has neither: what the HR-MSI shows at the LR-HSI's pixels has been found."""
    scene = made_up.unlike((24, 24), 3, shift=(3.0, -6.0))
    scene = replace(scene, shift=(3, -6))
    psf = gaussian_psf(5, 3, 0.7 * 3)
    networks = made_up.networks(scene, 5, Known(psf, scene.truth.srf))
    moved = Instruments("mine", False, False, True, True)
    actual = check(networks, scene, moved)
    assert actual["check_psnr"] > check(networks, replace(scene, shift=(0, 0)), moved)["check_psnr"] + 3


@pytest.mark.parametrize("kind", ["lr_valid", "hr_valid"])
@pytest.mark.parametrize("share", [0.35, 0.5, 0.9])
def test_gaps_that_leave_too_little_leave_no_figures(scene, kind, share):
    """Scattered, they leave a good many LR pixels, but hardly any r×r of them whole."""
    image = scene.lr_hsi if kind == "lr_valid" else scene.hr_msi
    there = torch.rand(scene.lr_hsi.shape[:2], generator=torch.Generator().manual_seed(0)) > share
    factor = image.shape[0] // len(there)
    valid = there.repeat_interleave(factor, 0).repeat_interleave(factor, 1)
    actual = check(known(scene), replace(scene, **{kind: valid}))
    assert not actual or actual["check_scale"] == 2
    assert share < 0.9 or not actual
