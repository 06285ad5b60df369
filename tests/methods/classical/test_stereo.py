import pytest
import scipy.linalg
import torch
from made_up_mixtures import box_srf, fitted, mixtures, muufl, quality, wide_psf

from udaln.methods.classical.matrix_equations import sylvester
from udaln.methods.classical.observed import Observed
from udaln.methods.classical.polyadic import balanced, cube_of, decomposition
from udaln.methods.classical.separable import degradation_matrices
from udaln.methods.classical.stereo import Settings, coupled_decomposition, misfit
from udaln.physics.simulation import simulate
from udaln.physics.windows import degrade


def low_rank(rank=4, side=24, bands=20, kernel_size=None, **noise):
    """A sum of outer products of positive columns, rows and spectra."""
    generator = torch.Generator().manual_seed(0)
    factors = [torch.rand(length, rank, generator=generator).double() ** 3 for length in (side, side, bands)]
    srf = box_srf(bands, 4)
    return simulate(cube_of(factors) / rank, srf, srf > 0, wide_psf(4, kernel_size), 4, **noise)


@pytest.mark.parametrize("kernel_size", [4, 9])
def test_a_cube_of_low_rank_is_recovered(kernel_size):
    model, scene = fitted("stereo", low_rank(kernel_size=kernel_size), rank=4, first_iterations=2000)
    error = (model.fuse(scene).image - scene.truth.image).norm() / scene.truth.image.norm()
    assert error < 1e-4


def test_more_turns_fit_better():
    model, scene = fitted("stereo", low_rank(snr_hsi=30, snr_msi=30))
    pair = Observed.of(scene, model.degradation)
    left = [
        misfit(pair, coupled_decomposition(pair, Settings(rank=6, iterations=turns), 0), Settings())
        for turns in (0, 1, 5, 20)
    ]
    assert left == sorted(left, reverse=True) and left[-1] < 0.9 * left[0]


def test_each_turn_solves_its_equation():
    generator = torch.Generator().manual_seed(0)
    roots = [torch.rand(size, generator=generator).double() for size in ((3, 8), (5, 5), (5, 5))]
    left, coupled, plain = (root.T @ root for root in roots)
    constants = torch.rand(8, 5, generator=generator).double()
    inverse = torch.linalg.inv(coupled)
    expected = scipy.linalg.solve_sylvester(left.numpy(), (plain @ inverse).numpy(), (constants @ inverse).numpy())
    solution = sylvester(left, coupled, plain, constants)
    torch.testing.assert_close(left @ solution @ coupled + solution @ plain, constants, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(solution, torch.from_numpy(expected), rtol=1e-4, atol=1e-4)


def test_balanced_factors_make_the_same_cube():
    generator = torch.Generator().manual_seed(0)
    factors = tuple(torch.rand(size, 3, generator=generator).double() for size in (4, 5, 6))
    factors = factors[0] * 100, factors[1], factors[2]
    equal = balanced(factors)
    torch.testing.assert_close(cube_of(equal), cube_of(factors))
    torch.testing.assert_close(equal[0].norm(dim=0), equal[2].norm(dim=0))


def test_a_decomposition_of_full_rank_is_exact():
    generator = torch.Generator().manual_seed(0)
    cube = cube_of([torch.rand(size, 3, generator=generator).double() for size in (8, 9, 5)])
    torch.testing.assert_close(cube_of(decomposition(cube, 3, 1000, generator)), cube, rtol=1e-4, atol=1e-4)


def test_a_gaussian_is_a_product():
    generator = torch.Generator().manual_seed(0)
    image = torch.rand(12, 16, 3, generator=generator).double()
    for size, shift in ((4, (0, 0)), (7, (1, -2))):
        pair = Observed(image[::4, ::4], image, 0.9 * wide_psf(4, size), torch.eye(3).double(), 4, shift)
        p, q = degradation_matrices(pair)
        torch.testing.assert_close(torch.einsum("ih,jw,hwb->ijb", p, q, image), degrade(image, pair.psf, 4, shift))


def test_the_rank_is_what_the_lr_hsi_allows():
    """A hundred terms of a scene of 64 LR pixels would leave the spectra undetermined."""
    reached, interpolated = quality("stereo", mixtures())
    assert reached > interpolated + 5


def test_muufl():
    """As far as a hundred outer products go on 100×100 pixels; bicubic interpolation has 31 dB."""
    reached, interpolated = quality("stereo", muufl(), known=False)
    assert reached > 37 > interpolated + 4
