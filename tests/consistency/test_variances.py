import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal

from udaln.consistency.variances import EXACT, OF_SCENE, WHITE, most_probable

IDENTITY = torch.eye(60, dtype=torch.float64)


def covariances(n=60):
    """Of n LR pixels in a row: what neighbours share, and what windows that overlap make of single HR pixels."""
    apart = (torch.arange(n)[:, None] - torch.arange(n)).abs().double()
    white = (apart == 0).double() + 0.4 * (apart == 1) + 0.1 * (apart == 2)
    return torch.exp(-apart / 10), white


def drawn(shared, of_hr, of_lr, m=6, seed=0):
    """m components of the three variances."""
    among, white = covariances()
    root = torch.linalg.cholesky(shared * among + of_hr * white + of_lr * IDENTITY)
    return root @ torch.randn(60, m, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def covariance(found, j, white):
    """Of the LR pixels, in component j."""
    among, _ = covariances()
    alone = found.of_scene[j] * white + (1 - found.of_scene[j]) * IDENTITY
    return found.shared[j] * among + found.own[j] * alone


@pytest.mark.parametrize("parts", [(1.0, 0.2, 0.5), (1.0, 0.5, 0.0), (0.0, 1.0, 1.0), (1.0, 0.0, 0.0)])
def test_nothing_tried_is_more_probable(parts):
    values, (among, white) = drawn(*parts, m=3), covariances()
    noise = 0.1 * values.square().mean(0)
    found = most_probable(values, among, white, noise)

    def likelihood(k, seen):
        return multivariate_normal.logpdf(seen.numpy(), cov=k.numpy(), allow_singular=True)

    for j, seen in enumerate(values.T):
        best = likelihood(covariance(found, j, white), seen)
        for share in WHITE[::4]:
            for of_scene in OF_SCENE:
                k = (1 - share) * among + share * (of_scene * white + (1 - of_scene) * IDENTITY)
                k = k + 1e-9 * IDENTITY
                variance = seen @ torch.linalg.solve(k, seen) / len(seen)
                assert likelihood(variance * k, seen) <= best + 1e-3


@pytest.mark.parametrize("exact", [False, True])
def test_what_is_returned_belongs_together(exact):
    values, (among, white) = drawn(1.0, 0.3, 0.3), covariances()
    noise = torch.zeros(6).double() if exact else 0.3 * torch.ones(6).double()
    found = most_probable(values, among, white, noise)
    bases = {basis.of_scene: basis for basis in found.bases}
    assert set(bases) == set(found.of_scene.tolist()) <= set(OF_SCENE)
    for j in range(6):
        k = covariance(found, j, white)
        torch.testing.assert_close(k @ found.solved[:, j], values[:, j], rtol=0, atol=1e-6)
        torch.testing.assert_close(values[:, j] @ found.solved[:, j], torch.tensor(60.0).double())  # the best variance
        basis = bases[found.of_scene[j].item()]
        root = basis.lower @ basis.axes
        torch.testing.assert_close((root * found.spectrum[:, j]) @ root.T, k, rtol=0, atol=1e-6)


@pytest.mark.parametrize("parts", [(1.0, 0.3, 0.6), (1.0, 0.8, 0.0), (0.0, 0.2, 1.0)])
def test_the_parts_are_found(parts):
    """Within what so few LR pixels tell, on average over many components."""
    values = drawn(*parts, m=300)
    found = most_probable(values, *covariances(), torch.full((300,), 0.1).double())
    means = [
        part.mean().item() for part in (found.shared, found.own * found.of_scene, found.own * (1 - found.of_scene))
    ]
    np.testing.assert_allclose(means, parts, atol=0.2)


def test_where_there_is_no_noise_nothing_belongs_to_lr_pixels():
    values = drawn(0.5, 0.1, 1.0, m=60)
    power = values.square().mean(0)
    noise = power * torch.tensor([0, 0.5 * EXACT, EXACT / 1.01, 1.01 * EXACT, 0.1, 0.5]).repeat(10)
    of_scene = most_probable(values, *covariances(), noise).of_scene.view(10, 6)
    assert (of_scene[:, :3] == 1).all() and (of_scene[:, 3:].mean(0) < 0.5).all()


def test_windows_side_by_side_cannot_tell_hr_pixels_from_noise():
    among, _ = covariances()
    found = most_probable(drawn(0.5, 0.0, 1.0), among, IDENTITY, torch.ones(6).double())
    assert (found.of_scene == 1).all() and len(found.bases) == 1


@pytest.mark.parametrize("factor", [1e-6, 1e6])
def test_units_scale_variances_and_change_no_share(factor):
    values, noise = drawn(1.0, 0.3, 0.3), torch.full((6,), 0.1).double()
    found, scaled = (most_probable(f * values, *covariances(), f**2 * noise) for f in (1.0, factor))
    assert torch.equal(found.of_scene, scaled.of_scene)
    for part in ("shared", "own", "spectrum"):
        torch.testing.assert_close(getattr(scaled, part), factor**2 * getattr(found, part), rtol=1e-6, atol=0)
    torch.testing.assert_close(scaled.solved * factor, found.solved, rtol=1e-5, atol=1e-9)
