import torch
from made_up_mixtures import fitted, mixtures, muufl, quality

from udaln.methods.classical.nmf import updated_abundances, updated_endmembers
from udaln.physics.windows import degrade


def test_updates_do_not_increase_the_error():
    generator = torch.Generator().manual_seed(0)
    v, w, h = (torch.rand(shape, generator=generator).double() for shape in ((8, 50), (8, 4), (4, 50)))
    errors = []
    for _ in range(50):
        h = updated_abundances(v, w, h)
        errors.append((v - w @ h).norm())
        w = updated_endmembers(v, w, h)
        errors.append((v - w @ h).norm())
    errors = torch.stack(errors)
    assert (errors.diff() <= 1e-12).all()
    assert errors[-1] < 0.7 * errors[0]
    assert min(w.min(), h.min()) >= 0


def test_pure_pixels_of_few_materials_are_recovered():
    """Three materials, each with pure LR pixels, and four MSI bands: endmembers and abundances are unique."""
    scene = mixtures()
    model, _ = fitted("cnmf", scene, endmembers=3)
    pure = scene.lr_hsi[0, :3]
    distance = (model.endmembers.T[:, None] - pure).norm(dim=-1) / pure.norm(dim=-1)
    assert distance.amin(0).max() < 0.03
    reached, interpolated = quality("cnmf", scene, endmembers=3)
    assert reached > 40 > 30 > interpolated


def test_the_image_agrees_with_both_images():
    scene = mixtures()
    model, scene = fitted("cnmf", scene, endmembers=3)
    image = model.fuse(scene).image.double()
    assert (image >= 0).all()
    assert (image @ scene.known.srf - scene.hr_msi).norm() < 0.01 * scene.hr_msi.norm()
    assert (degrade(image, scene.known.psf, scene.scale) - scene.lr_hsi).norm() < 0.01 * scene.lr_hsi.norm()


def test_muufl():
    reached, interpolated = quality("cnmf", muufl(), known=False)
    assert reached > 42.5 > interpolated + 8
