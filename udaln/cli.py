"""The command line: ``key=value`` arguments, and one line for a user's mistake."""

from __future__ import annotations

import difflib
import os
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from hydra.errors import HydraException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from udaln.errors import InputError

DEBUG = "HYDRA_FULL_ERROR"

T = TypeVar("T")


@contextmanager
def one_line_errors(known_keys: Iterable[str] = ()) -> Iterator[None]:
    """Print a user's mistake as one line and exit with status 2; anything else keeps its traceback.

    With ``HYDRA_FULL_ERROR=1`` in the environment a mistake keeps its traceback too.

    Args:
        known_keys: What a misspelt key is compared with.
    """
    debug = bool(os.environ.get(DEBUG))
    os.environ[DEBUG] = "1"  # else Hydra prints errors its own way and exits
    try:
        yield
    except (InputError, HydraException, OmegaConfBaseException) as error:
        if debug:
            raise
        print(f"udaln: {describe(error, known_keys)}", file=sys.stderr)
        sys.exit(2)
    finally:
        if not debug:
            del os.environ[DEBUG]


def arguments(schema: type[T], positional: str | None = None) -> T:
    """The ``key=value`` arguments of a script, checked against a dataclass.

    Args:
        schema: What may and what must be given. Values are taken as they stand, so that file names stay what they are.
        positional: The key that one argument without ``=`` belongs to.

    Raises:
        InputError: If one is unknown, missing, or of the wrong type.
    """
    config = OmegaConf.structured(schema)
    keys = [str(key) for key in config]
    plain = [word for word in sys.argv[1:] if "=" not in word]
    if plain and (positional is None or len(plain) > 1 or plain[0].startswith("-")):
        raise InputError(f"expected {', '.join(f'{key}=…' for key in keys)}, got {plain[-1]!r}")
    given = dict(word.split("=", 1) if "=" in word else (positional, word) for word in sys.argv[1:])
    try:
        config = OmegaConf.merge(config, given)
        if missing := sorted(OmegaConf.missing_keys(config)):
            raise InputError(f"expected {', '.join(f'{key}=…' for key in missing)}")
        result: T = OmegaConf.to_object(config)  # type: ignore[assignment]
    except OmegaConfBaseException as error:
        raise InputError(describe(error, keys)) from error
    return result


def describe(error: Exception, known_keys: Iterable[str] = ()) -> str:
    """What an error says, on one line that begins with the key at fault where there is one."""
    said = [line.strip() for line in str(error).splitlines() if line.strip()]
    if isinstance(error, InputError) or not said:
        return " ".join(said)
    if match := re.match(r"Could not (?:override|append|delete)[^']*'([^']+)'", said[0]):
        return _unknown(match[1], known_keys)
    if re.match(r"Key '.*' (?:not in|is not in)", said[0]):
        return _unknown(getattr(error, "full_key", None) or said[0], known_keys)
    key = getattr(error, "full_key", None)
    if isinstance(error, OmegaConfBaseException):
        return f"{key}: {said[0]}" if key else said[0]
    return re.sub(r":, ", ": ", ", ".join(dict.fromkeys(said)))


def _unknown(key: str, known_keys: Iterable[str]) -> str:
    close = difflib.get_close_matches(key, list(known_keys), n=1)
    return f"{key}: there is no such key" + (f"; did you mean {close[0]}?" if close else "")
