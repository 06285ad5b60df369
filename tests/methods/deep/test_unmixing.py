import pytest
import torch
from torch.distributions import Bernoulli, kl_divergence

from udaln.methods.deep.unmixing import SPARSITY, Endmembers, sparsity, sum_to_one
from udaln.physics.blocks import Blocks


def test_the_sparsity_term_is_a_sum_of_divergences():
    abundances = torch.rand(7, 5, 3, generator=torch.Generator().manual_seed(0)).double()
    mean = abundances.mean((0, 1))
    expected = kl_divergence(Bernoulli(torch.tensor(SPARSITY).double()), Bernoulli(mean)).sum()
    torch.testing.assert_close(sparsity(abundances), expected)
    assert sparsity(torch.full((4, 3), SPARSITY)).abs() < 1e-6


def test_abundances_that_are_all_zero_have_a_finite_gradient():
    abundances = torch.zeros(4, 3, requires_grad=True)
    sparsity(abundances).backward()
    assert abundances.grad.isfinite().all()


def test_the_sum_of_abundances():
    assert sum_to_one(torch.tensor([[0.5, 0.5], [0.5, 0.75], [0.25, 0.25]])).item() == pytest.approx(0.25)


@pytest.mark.parametrize(("largest", "bound"), [(0.8, 1.0), (1.7, 1.7)])
def test_endmembers_stay_between_zero_and_the_largest_value(largest, bound):
    endmembers = Endmembers(2, 3)
    with torch.no_grad():
        endmembers.weight.copy_(torch.tensor([[-1.0, 0.5, 3.0], [0.0, 1.0, 1.5]]))
    endmembers.limit(Blocks(torch.full((1, 3), 0.5), torch.full((1, 4, 2), largest)))
    endmembers.constrain()
    expected = torch.tensor([[0.0, 0.5, bound], [0.0, 1.0, min(bound, 1.5)]])
    torch.testing.assert_close(endmembers.weight.detach(), expected)
