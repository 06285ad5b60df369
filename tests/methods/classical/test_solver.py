import pytest
import torch
from made_up_mixtures import fitted, mixtures

from udaln.scene import Scene


@pytest.fixture
def solved(monkeypatch):
    """A fitted model, its scene, and a list that grows with each solution."""
    model, scene = fitted("fuse", mixtures(), dimensions=3)
    calls, solve = [], model.solve
    monkeypatch.setattr(model, "solve", lambda *arguments: calls.append(1) or solve(*arguments))
    return model, scene, calls


def test_the_image_of_the_same_scene_is_kept(solved):
    """The fit has made it already."""
    model, scene, calls = solved
    first = model.fuse(scene).image
    assert torch.equal(model.fuse(scene.to(torch.device("cpu"))).image, first)
    assert not calls


def test_a_kept_image_cannot_be_changed(solved):
    model, scene, _ = solved
    first = model.fuse(scene).image
    expected = first.clone()
    first.zero_()
    assert torch.equal(model.fuse(scene).image, expected)


def test_another_scene_or_another_state_is_solved_anew(solved):
    model, scene, calls = solved
    first = model.fuse(scene).image
    other = Scene(2 * scene.lr_hsi, 2 * scene.hr_msi, scene.support)
    assert not torch.equal(model.fuse(other).image, first)
    assert torch.equal(model.fuse(scene).image, first)
    model.noise.mul_(100)
    assert not torch.equal(model.fuse(scene).image, first)
    scene.hr_msi.mul_(1.1)
    assert not torch.equal(model.fuse(scene).image, first)
    assert len(calls) == 4


@pytest.mark.parametrize("name", ["cnmf", "hysure", "stereo", "cstf"])
def test_progress_is_told(name):
    model, scene = fitted(name, mixtures(side=16))
    shares = []
    model.fuse(Scene(scene.lr_hsi.clone(), scene.hr_msi, scene.support), shares.append)
    assert len(shares) > 5 and shares == sorted(shares) and shares[-1] == 1
