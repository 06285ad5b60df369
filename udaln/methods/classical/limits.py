"""Settings of a method that are out of range are refused."""

from __future__ import annotations

from typing import Any

from udaln.errors import InputError


def check_least(settings: Any, **least: float) -> None:
    """Check settings against the least number that each may be.

    Raises:
        InputError: If one is less, or no number.
    """
    for key, limit in least.items():
        if not (value := getattr(settings, key)) >= limit:
            raise InputError(f"method.{key}: expected at least {limit}, got {value}")


def check_positive(settings: Any, *keys: str) -> None:
    """Check settings that must be positive.

    Raises:
        InputError: If one is not.
    """
    for key in keys:
        if not (value := getattr(settings, key)) > 0:
            raise InputError(f"method.{key}: expected a positive number, got {value}")
