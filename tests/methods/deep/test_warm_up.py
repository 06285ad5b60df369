import pytest

from udaln.errors import InputError
from udaln.methods.deep.warm_up import WarmUp, check_warm_up
from udaln.methods.training.schedule import Schedule


def test_the_rate_rises_and_falls_linearly():
    schedule = WarmUp(lr=1e-2, steps=2500, constant_until=750, start=0.1)
    assert schedule.factor(0) == pytest.approx(0.1)
    assert schedule.factor(375) == pytest.approx(0.55)
    assert schedule.factor(749) == pytest.approx(1, abs=2e-3)
    assert schedule.factor(749 + 1751 // 2) == pytest.approx(0.5, abs=1e-3)
    assert schedule.factor(2500) == 0
    factors = [schedule.factor(step) for step in range(2501)]
    assert max(factors) <= 1 and factors.index(max(factors)) in (749, 750)


def test_the_power_bends_the_fall():
    line, curve = (WarmUp(steps=100, power=power) for power in (1.0, 1.5))
    assert all(curve.factor(step) == pytest.approx(line.factor(step) ** 1.5) for step in range(0, 101, 10))


def test_without_a_rise_it_is_the_plain_schedule():
    values = {"steps": 100, "constant_until": 40}
    assert [WarmUp(**values).factor(step) for step in range(101)] == [
        Schedule(**values).factor(step) for step in range(101)
    ]


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("lr", 0.0, "a positive number"),
        ("power", 0.0, "a positive number"),
        ("start", 0.0, "a number above 0, at most 1"),
        ("start", 2.0, "a number above 0, at most 1"),
        ("steps", 0, "at least 1"),
        ("constant_until", 11, "at most the 10 steps"),
    ],
)
def test_what_cannot_be_scheduled_is_refused(key, value, expected):
    schedule = WarmUp(**{"steps": 10} | {key: value})
    with pytest.raises(InputError, match=rf"stages\.s\.{key}: expected {expected}.*, got {value:g}"):
        check_warm_up("stages.s", schedule)
