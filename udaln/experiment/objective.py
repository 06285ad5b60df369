"""What a run returns to an optimizer that searches for good settings."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from typing import Any

from udaln.errors import InputError


def objective(metrics: Mapping[str, Any], key: str | None) -> Any:
    """The figure that ``optimize`` names.

    Args:
        metrics: The content of ``metrics.json``.
        key: One of its keys; None for all of it.

    Returns:
        The figure as a float, or the metrics themselves.

    Raises:
        InputError: If there is no such figure, or it is not a number.
    """
    if key is None:
        return dict(metrics)
    numbers = [name for name, value in metrics.items() if _is_number(value)]
    if key not in metrics:
        close = difflib.get_close_matches(key, numbers, n=1)
        hint = f"; did you mean {close[0]}?" if close else f"; this run has {', '.join(numbers)}"
        raise InputError(f"optimize: expected a figure of metrics.json, got {key}, which this run does not have{hint}")
    if metrics[key] is None:
        return math.nan
    if not _is_number(metrics[key]):
        raise InputError(f"optimize: expected a figure that is a number, got {key}, which is {metrics[key]!r}")
    return float(metrics[key])


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
