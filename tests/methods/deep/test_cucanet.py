import made_up
import pytest
import torch
from made_up_deep import quality, stage_of, trained
from made_up_mixtures import mixtures

from udaln.errors import InputError
from udaln.experiment.presets import method_preset


def test_training_brings_the_image_nearer_to_the_truth():
    """A short training of a method that needs thousands of steps."""
    (reached, _), (before, _) = (quality("cucanet", mixtures(side=16), steps, known=False) for steps in (60, 1))
    assert reached > before + 4


def test_the_model_keeps_the_spectral_map_of_its_scene():
    model, _ = trained("cucanet", made_up.scene(size=16, bands=8, scale=4), 3)
    assert model.spectral_map.sum().item() == pytest.approx(1, rel=1e-5)
    assert model.spectral_map.std() > 0
    other = made_up.scene(size=24, bands=8, scale=4, seed=1)
    before = model.spectral_map.clone()
    model.fuse(other)
    assert torch.equal(model.spectral_map, before)


def test_the_losses_do_not_depend_on_invalid_pixels():
    scene = made_up.masked_scene()
    stage, blocks = stage_of("cucanet", scene)
    lr_abundances, cut = stage._abundances()
    assert len(lr_abundances) == len(cut) == len(blocks.lr) < 30


def test_a_step_needs_the_whole_image_on_one_device():
    method, _ = method_preset("cucanet")
    method.check()
    with pytest.raises(InputError, match=r"^trainer.devices: expected 1 for method=cucanet, got 2$"):
        method.check(2)
    method.stages.unmixing.blocks = 64
    with pytest.raises(InputError, match=r"^stages.unmixing.blocks: expected null for method=cucanet, .* got 64$"):
        method.check()
