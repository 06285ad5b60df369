"""Names of the runs of a sweep: what was swept, short, and safe for file systems, shells and Hydra."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence

LONGEST = 60  # of a name [characters], so that it has less than the 255 bytes that file systems allow
_LONGEST_VALUE = 30
_UNSAFE = re.compile(r"[^\w.+-]+")


def swept_values(overrides: Sequence[str], keys: Sequence[str]) -> dict[str, str]:
    """The values that a job has of the keys that are swept.

    Args:
        overrides: Of the job: ``key=value``.
        keys: That are swept, without a plus sign. If there are none, all overrides count.

    Returns:
        Values by the shortest end of their keys that is unique.
    """
    pairs = [override.partition("=")[::2] for override in overrides]
    values = {key.lstrip("+~"): value for key, value in pairs}
    chosen = {key: value for key, value in values.items() if key in keys} if keys else values
    return dict(zip(_short(list(chosen)), chosen.values(), strict=True))


def job_name(overrides: Sequence[str], keys: Sequence[str]) -> str:
    """The name of a job and of its folder.

    A value that has other characters than letters, digits and ``_ . + -``, or that is long, is changed; a hash of the
    original is appended then, so that names differ if values do.

    Args:
        overrides: Of the job: ``key=value``.
        keys: That are swept.

    Example:
        >>> job_name(["dataset=pair", "method=udaln", "stages.joint.lr=0.001", "seed=1"], ["stages.joint.lr", "seed"])
        'lr-0.001__seed-1'
    """
    values = swept_values(overrides, keys)
    parts, changed = [], False
    for key, value in values.items():
        plain = value.strip("'\"")
        safe = _UNSAFE.sub("_", plain)[-_LONGEST_VALUE:]
        changed |= safe != plain or "__" in safe
        parts.append(f"{_UNSAFE.sub('_', key)}-{safe}")
    name = "__".join(parts) or "run"
    if changed or len(name) > LONGEST:
        digest = hashlib.sha256(repr(sorted(values.items())).encode()).hexdigest()[:8]
        name = f"{name[:LONGEST]}__{digest}"
    return name.lstrip(".-")


def told(values: Mapping[str, str]) -> str:
    """Swept values as a message names them."""
    return " ".join(f"{key}={value}" for key, value in values.items())


def _short(keys: Sequence[str]) -> list[str]:
    ends = [re.split(r"[./@]", key.removesuffix(".name"))[-1] for key in keys]
    return [end if ends.count(end) == 1 else key for key, end in zip(keys, ends, strict=True)]
