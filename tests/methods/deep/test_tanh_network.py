import numpy as np
import pytest
import torch

from udaln.methods.deep.tanh_network import TanhNetwork, fitted


def samples(count=60):
    random = np.random.default_rng(0)
    x = random.uniform(-2, 3, (count, 2))
    return x, np.stack([np.sin(x[:, 0]), x[:, 0] * x[:, 1], 3 - x[:, 1]], 1)


def trained(x, y, iterations=2000, goal=0.0, seed=0):
    network = TanhNetwork(x.shape[1], 10, y.shape[1])
    network.set(fitted(x, y, 10, iterations, goal, np.random.default_rng(seed)))
    return network(torch.from_numpy(x)).numpy()


def relative(y, wanted):
    """Mean square error where the values wanted range from −1 to 1."""
    return np.mean(np.square(2 * (y - wanted) / np.ptp(wanted, axis=0)))


def test_a_smooth_function_is_learned():
    x, y = samples()
    assert relative(trained(x, y), y) < 1e-4
    assert relative(trained(x, y, iterations=3), y) > 1e-3


@pytest.mark.parametrize("goal", [1e-3, 1e-2])
def test_training_ends_at_the_goal(goal):
    x, y = samples()
    assert goal / 10 < relative(trained(x, y, goal=goal), y) <= goal


def test_units_do_not_matter():
    x, y = samples()
    np.testing.assert_allclose(trained(8 * x, 4 * y, 50), 4 * trained(x, y, 50), rtol=1e-9)


def test_a_constant_stays_one():
    x, y = samples()
    x, y = np.c_[x, np.full(len(x), 0.3)], np.c_[y, np.full(len(y), -0.2)]
    mapped = trained(x, y)
    assert np.isfinite(mapped).all()
    np.testing.assert_allclose(mapped[:, 3], -0.2, atol=5e-3)
