import made_up
import numpy as np
import pytest
import torch

from udaln import pictures
from udaln.scene import Scene


def without_truth(scene):
    return Scene(scene.lr_hsi, scene.hr_msi, scene.support)


def with_wavelengths(scene):
    wavelengths = torch.linspace(400, 900, scene.lr_hsi.shape[2])
    return Scene(scene.lr_hsi, scene.hr_msi, scene.support, wavelengths=wavelengths, truth=scene.truth)


@pytest.mark.parametrize("variant", [without_truth, with_wavelengths, lambda scene: scene])
def test_a_page_can_be_drawn_of_any_scene(tmp_path, variant):
    scene = variant(made_up.scene())
    networks = made_up.networks(scene)
    fused = networks.fuse(scene.hr_msi)
    pictures.overview(networks, scene, fused, "made up").savefig(tmp_path / "page.png")
    pictures.degradation(networks, scene).savefig(tmp_path / "degradation.png")
    assert min(file.stat().st_size for file in tmp_path.iterdir()) > 5_000
    names = ["LR-HSI", "HR-MSI", "fused"] + (["truth"] if scene.truth.image is not None else [])
    assert list(pictures.images(scene, fused)) == names


def test_true_colour_takes_the_bands_at_red_green_and_blue():
    scene = with_wavelengths(made_up.scene(bands=51))
    hsi, msi = pictures.shown_bands(scene)
    assert [scene.wavelengths[band].item() for band in hsi] == [640, 550, 460]
    centres = [scene.wavelengths[scene.support[:, band]].mean() for band in range(3)]
    nearest = [min(range(3), key=lambda band: abs(centres[band] - wanted)) for wanted in pictures.RED_GREEN_BLUE]
    assert msi == nearest


def test_images_of_one_scene_are_stretched_alike():
    scene = made_up.scene()
    shown = pictures.images(scene, scene.truth.image)
    np.testing.assert_array_equal(shown["fused"], shown["truth"])
    assert 0 <= min(picture.min() for picture in shown.values()) and max(p.max() for p in shown.values()) <= 1
    darker = pictures.images(scene, scene.truth.image * 0.5)["fused"]
    assert darker.mean() < shown["truth"].mean()


def test_points_are_of_unlike_materials():
    image = torch.full((8, 8, 2), 0.2)
    image[1, 2], image[5, 6] = torch.tensor([1.0, 1.0]), torch.tensor([0.9, 0.1])
    scene = Scene(torch.rand(4, 4, 3), image, torch.ones(3, 2, dtype=torch.bool))
    assert {(1, 2), (5, 6)} <= set(pictures._points(scene))
