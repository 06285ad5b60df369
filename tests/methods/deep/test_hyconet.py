import pytest
import torch
from made_up_deep import quality
from made_up_mixtures import mixtures

from udaln.methods.deep.hyconet import Encoder


def test_abundances_sum_to_one():
    abundances = Encoder(6, 5)(torch.rand(3, 4, 6))
    assert abundances.shape == (3, 4, 5) and abundances.min() > 0
    torch.testing.assert_close(abundances.sum(-1), torch.ones(3, 4))


@pytest.mark.parametrize("known", [True, False])
def test_mixtures_of_few_spectra(known):
    """A few hundred steps on random blocks come near an image that the mixing model makes up exactly."""
    reached, interpolated = quality("hyconet", mixtures(), 200, known=known, blocks=8)
    assert reached > 30 > 20 > interpolated
