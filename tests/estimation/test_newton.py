import numpy as np
import pytest
from made_up_problems import quadratic

from udaln.estimation.newton import schur_complement, zero_sum_basis


@pytest.mark.parametrize("free_sums", [False, True])
def test_the_precision_of_the_psf_marginalises_the_srf(free_sums):
    """Minimised over S by hand, the objective rises from its minimum by half the quadratic form."""
    rng = np.random.default_rng(3)
    problem = quadratic(rng, 40, 3, 2, 4)
    everywhere = np.ones((3, 2), dtype=bool)
    information = schur_complement(problem, everywhere, free_sums=free_sums)

    def minimum_over_srf(p):
        s, basis = np.full((3, 2), 1 / 3), np.eye(3) if free_sums else zero_sum_basis(3)
        gram = problem.equations.y.T @ problem.equations.y
        for j in range(2):
            hessian = problem.weight[j] * gram + problem.srf_precision[j]
            by_srf = problem.gradient(p, s)[1][:, j]
            s[:, j] -= basis @ np.linalg.solve(basis.T @ hessian @ basis, basis.T @ by_srf)
        return problem.value(p, s)

    centre, step = np.full(4, 0.25), np.array([1.0, -2.0, 0.5, 0.5])
    rise = (minimum_over_srf(centre + step) + minimum_over_srf(centre - step)) / 2 - minimum_over_srf(centre)
    assert rise == pytest.approx(0.5 * step @ information @ step, rel=1e-9)
