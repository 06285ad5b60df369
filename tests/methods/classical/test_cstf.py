import torch
from made_up_mixtures import box_srf, fitted, mixtures, muufl, quality, wide_psf

from udaln.methods.classical.cstf import Settings, coupled_factorisation, objective
from udaln.methods.classical.observed import Observed
from udaln.methods.classical.sparse_core import View, sparse_core
from udaln.methods.classical.tucker import Dictionaries, multiplied, unfolded
from udaln.physics.simulation import simulate


def random(*shape, seed=0):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed)).double()


def low_rank(ranks=(5, 5, 3), side=24, bands=20, **noise):
    """A cube of low multilinear rank: five columns, five rows, three spectra."""
    dictionaries = Dictionaries(
        *(random(length, rank) for length, rank in zip((side, side, bands), ranks, strict=True))
    )
    srf = box_srf(bands, 4)
    return simulate(dictionaries.cube(random(*ranks)) / 20, srf, srf > 0, wide_psf(4), 4, **noise)


def test_a_cube_of_low_rank_is_recovered():
    model, scene = fitted("cstf", low_rank(), atoms=5, spectra=3, sparsity=0.0, core_iterations=200)
    error = (model.fuse(scene).image - scene.truth.image).norm() / scene.truth.image.norm()
    assert error < 1e-4


def test_more_turns_lower_the_objective():
    model, scene = fitted("cstf", low_rank(snr_hsi=30, snr_msi=30))
    pair, least = Observed.of(scene, model.degradation), torch.inf
    for turns in (1, 2, 5, 15):
        settings = Settings(iterations=turns, core_iterations=100, sparsity=1e-3)
        left = objective(pair, *coupled_factorisation(pair, model.spectra, settings), settings)
        assert left < least
        least = left


def test_the_core_is_the_minimum():
    """No random step lowers what it minimises."""
    dictionaries = [Dictionaries(random(6, 4, seed=i), random(5, 3, seed=i), random(7, 2, seed=i)) for i in (1, 2)]
    views = [View(random(6, 5, 7, seed=i), part) for i, part in enumerate(dictionaries)]
    weights = {"sparsity": 0.5, "proximity": 0.1}
    previous = random(4, 3, 2)

    def value(core):
        distance = weights["proximity"] * (core - previous).square().sum()
        return sum(view.misfit(core) for view in views) + weights["sparsity"] * core.abs().sum() + distance

    core = sparse_core(views, previous, penalty=1.0, iterations=5000, **weights)
    assert (core == 0).any() and (core != 0).any()
    for seed in range(50):
        step = random(4, 3, 2, seed=seed) - 0.5
        for towards in (step, step * core.abs()):
            assert value(core + 1e-3 * towards) > value(core) - 1e-9


def test_products_along_sides():
    cube, matrix = random(3, 4, 5), random(2, 4)
    torch.testing.assert_close(multiplied(cube, matrix, 1), torch.einsum("nj,ijk->ink", matrix, cube))
    dictionaries, core = Dictionaries(random(6, 3), random(7, 4), random(8, 5)), cube
    for side in range(3):
        unfolding = dictionaries[side] @ dictionaries.unfolded_without(core, side)
        torch.testing.assert_close(unfolding, unfolded(dictionaries.cube(core), side))
    other = random(6, 7, 8)
    torch.testing.assert_close((dictionaries.cube(core) * other).sum(), (core * dictionaries.adjoint(other)).sum())


def test_few_spectra():
    reached, interpolated = quality("cstf", mixtures(), spectra=3)
    assert reached > 40 > 30 > interpolated


def test_muufl():
    reached, interpolated = quality("cstf", muufl(), known=False)
    assert reached > 44 > interpolated + 10
