import torch
from made_up_mixtures import mixtures
from short_fits import shortly_fitted

from udaln.methods.deep.spectramorph import endmembers_of
from udaln.metrics.functional import psnr
from udaln.physics.interpolation import interpolate


def test_the_endmembers_explain_the_lr_hsi():
    spectra = mixtures().lr_hsi.flatten(0, 1)
    endmembers = endmembers_of(spectra, 3, 300, torch.Generator().manual_seed(0))
    assert endmembers.shape == (3, 24) and (endmembers >= 0).all()
    solved = torch.linalg.lstsq(endmembers.T, spectra.T).solution
    assert (endmembers.T @ solved - spectra.T).norm() < 2e-3 * spectra.norm()


def test_the_image_is_a_mixture_of_the_endmembers():
    scene = mixtures()
    model = shortly_fitted("spectramorph", scene, steps=400, endmembers=3, updates=300, hidden=256)
    image = model.fuse(scene).image
    assert torch.linalg.matrix_rank(image.flatten(0, 1).double(), rtol=1e-5) == 3
    interpolated = psnr(scene.truth.image, interpolate(scene.lr_hsi, scene.scale).float())
    assert psnr(scene.truth.image, image) > 33 > interpolated
