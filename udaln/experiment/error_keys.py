"""Error messages that begin with the config key or argument that the user wrote."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

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
