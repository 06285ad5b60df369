import made_up
import pytest
import torch
from made_up_deep import quality, trained
from made_up_mixtures import mixtures

from udaln.methods.deep.miae import blocks_of_both, both_images
from udaln.physics.degradation import Degradation
from udaln.physics.windows import degrade


def degradation_of(scene):
    units = {"unit": scene.unit, "msi_unit": scene.msi_unit}
    return Degradation(scale=scene.scale, kernel_size=4, support=scene.support, known=scene.known, **units)


def test_mixtures_of_few_spectra():
    """A few hundred steps on random blocks come near an image that the mixing model makes up exactly."""
    reached, interpolated = quality("miae", mixtures(), 200, blocks=8)
    assert reached > 34 > 20 > interpolated


def test_the_image_agrees_with_both_images():
    scene = mixtures()
    model, _ = trained("miae", scene, 200, blocks=8)
    image = model.fuse(scene).image.double()
    assert (image @ scene.known.srf - scene.hr_msi).norm() < 0.03 * scene.hr_msi.norm()
    assert (degrade(image, scene.known.psf, scene.scale) - scene.lr_hsi).norm() < 0.03 * scene.lr_hsi.norm()


def test_the_network_sees_the_hr_msi_first():
    scene = made_up.scene(size=16, bands=8, scale=4)
    both = both_images(scene, degradation_of(scene))
    assert both.shape == (16, 16, 3 + 8)
    torch.testing.assert_close(both[..., :3], scene.hr_msi.float() / scene.msi_unit)
    means = both[..., 3:].mean((0, 1)) * scene.unit
    torch.testing.assert_close(means, scene.lr_hsi.float().mean((0, 1)), rtol=0.02, atol=0)


@pytest.mark.parametrize("shift", [(0, 0), (-1, 2)])
def test_blocks_without_data_are_left_out(shift):
    scene = made_up.masked_scene(shift)
    blocks = blocks_of_both(scene, degradation_of(scene))
    assert len(blocks.lr) == len(blocks.windows) < 30
    assert blocks.windows.shape[1:] == (16, 2 + 4)
