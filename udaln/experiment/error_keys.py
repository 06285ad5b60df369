"""Error messages that begin with the config key or argument that the user wrote."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import numpy as np
import torch

from udaln.errors import InputError


@contextmanager
def errors_name_key(keys: Mapping[str, str]) -> Iterator[None]:
    """Replace the name that an error message begins with by the key of the configuration.

    Args:
        keys: The replacement by name, as in ``{"LR-HSI": "dataset.lr_hsi: FILE"}``. Other names stay as they are.

    Raises:
        InputError: What the block raised, with the message changed.

    Example:
        >>> with errors_name_key({"size": "dataset.size"}):
        ...     raise InputError("size: expected at least 8, got 3")
        Traceback (most recent call last):
        udaln.errors.InputError: dataset.size: expected at least 8, got 3
    """
    try:
        yield
    except InputError as error:
        name, colon, rest = str(error).partition(": ")
        raise InputError(f"{keys.get(name, name)}{colon}{rest}") from error


@contextmanager
def solver_errors() -> Iterator[None]:
    """Turn what a solver of linear algebra raises into an error of the pair.

    Bands that no pair has are left out before; what still makes a system unsolvable lies in the numbers.

    Raises:
        InputError: If the block raised such an error.
    """
    try:
        yield
    except (np.linalg.LinAlgError, torch.linalg.LinAlgError) as error:  # type: ignore[attr-defined]
        raise InputError(
            "pair: expected images of one scene in ordinary numbers, got a pair that cannot be solved for; udaln "
            f"inspect shows ranges, fill and bad bands of the files ({' '.join(str(error).split())[:120]})"
        ) from error
