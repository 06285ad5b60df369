"""A share of the schedules of all stages."""

from dataclasses import dataclass, field, replace

import pytest

from udaln.errors import InputError
from udaln.methods.training.schedule import Init, Schedule, Schedules


@dataclass
class Two(Schedules):
    """Stages of a method that is not udaln's."""

    first: Schedule | None = None
    second: Schedule = field(default_factory=lambda: Schedule(1e-3, 300, 200, blocks=7, patience=5))
    weigh: bool = True


@pytest.mark.parametrize(("share", "steps", "constant_until"), [(0.01, 3, 2), (0.5, 150, 100), (1e-9, 1, 1)])
def test_steps_and_the_constant_part_are_shortened_together(share, steps, constant_until):
    short = Two("mine", share).shortened()
    assert short == Two("mine", 1.0, None, Schedule(1e-3, steps, constant_until, blocks=7, patience=5), True)
    assert short.shortened() == short  # not twice


@pytest.mark.parametrize("steps", [1, 2, 7, 1001])
def test_the_rate_still_falls_towards_zero_and_never_below(steps):
    for constant_until in sorted({1, steps // 2 or 1, steps}):
        for share in (0.001, 0.07, 0.5, 0.93, 1):
            short = Schedule(1e-3, steps, constant_until).shortened(share)
            assert 1 <= short.constant_until <= short.steps
            factors = [short.factor(done) for done in range(short.steps)]
            assert factors == sorted(factors, reverse=True) and factors[-1] > 0 == short.factor(short.steps)


def test_a_stage_without_steps_stays_as_it_is():
    solved = Schedule(1e-4, 0, 1, init=Init.convex)
    assert Two(share=0.1, first=solved).shortened().first == solved


@pytest.mark.parametrize("share", [0.0, -0.5, 1.001, float("inf"), float("nan")])
def test_what_is_no_share_is_refused(share):
    with pytest.raises(InputError, match=r"^stages\.share: expected more than 0 and at most 1, got "):
        replace(Two(), share=share).shortened()
