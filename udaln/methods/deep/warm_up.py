"""A schedule whose learning rate rises before it falls."""

from __future__ import annotations

from dataclasses import dataclass

from udaln.errors import InputError
from udaln.methods.training.schedule import Init, Schedule, check_schedule


@dataclass
class WarmUp(Schedule):
    """A learning rate that rises linearly until ``constant_until`` and falls from there on.

    Attributes:
        start: What the rate is multiplied with at the first step; 1 for a rate that does not rise.
        power: Of the fall: 1 for a line, more for a curve that falls faster at first.
    """

    start: float = 1.0
    power: float = 1.0

    def factor(self, done: int) -> float:
        """What the learning rate is multiplied with after ``done`` finished steps."""
        rise = self.start + (1 - self.start) * min(1.0, done / self.constant_until)
        return float(rise * super().factor(done) ** self.power)


def check_warm_up(key: str, schedule: WarmUp, devices: int = 1) -> None:
    """Refuse a schedule that cannot be carried out, as `check_schedule` does; the stage starts from nothing.

    Raises:
        InputError: Names the key.
    """
    check_schedule(key, schedule, [Init.none], devices)
    if schedule.steps < 1:
        raise InputError(f"{key}.steps: expected at least 1, got {schedule.steps}")
    if not 0 < schedule.start <= 1:
        raise InputError(f"{key}.start: expected a number above 0, at most 1, got {schedule.start:g}")
    if not schedule.power > 0:
        raise InputError(f"{key}.power: expected a positive number, got {schedule.power:g}")
