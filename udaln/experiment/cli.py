"""The command line: ``key=value`` arguments, and error messages of one line."""

from __future__ import annotations

import difflib
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import TextIOWrapper
from typing import TypeVar

from hydra._internal.utils import get_args_parser
from hydra.core.utils import env_override
from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from udaln.errors import InputError

FULL_ERROR = "HYDRA_FULL_ERROR"
TRACEBACKS = bool(os.environ.get(FULL_ERROR))  # read at import, since one_line_errors sets the variable for Hydra

RENAMED = {  # settings of earlier versions, and those that replace them
    "network": "method.network",
    "stages.psf": "degradation.psf",
    "stages.srf": "degradation.srf",
    "stages=fast": "method=closed_form",
}

T = TypeVar("T")

_FOLDER_ERRORS = (FileExistsError, FileNotFoundError, NotADirectoryError, PermissionError)  # Hydra makes the folder
_USER_ERRORS = (InputError, HydraException, OmegaConfBaseException, *_FOLDER_ERRORS)
_NOT_A_NAME = re.compile(r"(null|true|false|[-+.\d][-+.\de]*)$|[\[{]", re.IGNORECASE)
_EXPECTED = (  # OmegaConf's message about a value of the wrong type, and the value that it expected
    (r"could not be converted to Integer", "a whole number"),
    (r"could not be converted to Float", "a number"),
    (r"is not a valid bool", "true or false"),
    (r"^Cannot convert .* to string", "a word"),
    (r"is not a ListConfig", "a list in brackets"),
    (r"is not a subclass of", "keys of its own"),
    (r"^Incompatible value 'None'|is not Optional", "a value"),
    (r"expected one of \[(.*)\]", r"one of \1"),
)


@contextmanager
def one_line_errors(known_keys: Callable[[], Iterable[str]] = tuple) -> Iterator[None]:
    """Print a user error as one line and exit with status 2. Other errors keep their traceback.

    With ``HYDRA_FULL_ERROR=1`` in the environment user errors keep it, too. A character that the terminal does not know
    is printed as a question mark from now on.

    Args:
        known_keys: Returns candidates for the correction of a misspelt key. It is called only if there is an error.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        with env_override({FULL_ERROR: "1"}):  # else Hydra prints errors its own way and exits
            yield
    except _USER_ERRORS as error:
        if TRACEBACKS:
            raise
        print(f"udaln: {describe(error, known_keys())}", file=sys.stderr)
        sys.exit(2)


def check_arguments(words: Sequence[str], choices: Mapping[str, Sequence[str]]) -> None:
    """Check for errors that Hydra would answer with its usage or a traceback.

    Args:
        words: The command line.
        choices: The names in each configuration group.

    Raises:
        InputError: If a setting was renamed, an option is unknown or out of place, or a choice is not a name.
    """
    for word in words:
        key, _, choice = word.partition("=")
        settings = [key.lstrip("+~"), *(f"{key}={name}" for name in choice.split(","))]
        if renamed := [setting for setting in settings if setting in RENAMED]:
            raise InputError(f"{renamed[0]}: is now {RENAMED[renamed[0]]}")
    _, unknown = get_args_parser().parse_known_args(words)
    for word in unknown:
        if word.startswith("-"):
            raise InputError(
                f"{word}: there is no such option; udaln --help tells the settings, --hydra-help the options"
            )
        raise InputError(f"{word}: expected options such as -m before or after all settings, not among them")
    for word in words:
        group, _, choice = word.partition("=")
        if group in choices and any(map(_NOT_A_NAME.match, choice.split(","))):
            hint = "; ~sensor leaves it out" if word == "sensor=null" else ""
            raise InputError(f"{group}: expected one of {', '.join(choices[group])}, got {choice}{hint}")


def arguments(schema: type[T], positional: str | None = None) -> T:
    """The ``key=value`` arguments of a script, checked against a dataclass.

    Args:
        schema: The keys, with types and default values. Values are not parsed, so that file names are not changed.
        positional: The key of the one argument that may be given without ``=``.

    Raises:
        InputError: If one is unknown, missing, or of the wrong type.
    """
    config = OmegaConf.structured(schema)
    keys = [str(key) for key in config]
    plain = [word for word in sys.argv[1:] if "=" not in word]
    if plain and (positional is None or len(plain) > 1 or plain[0].startswith("-")):
        raise InputError(f"expected {', '.join(f'{key}=…' for key in keys)}, got {plain[-1]!r}")
    values = dict((word if "=" in word else f"{positional}={word}").split("=", 1) for word in sys.argv[1:])
    try:
        config = OmegaConf.merge(config, values)
        if missing := sorted(OmegaConf.missing_keys(config)):
            raise InputError(f"expected {', '.join(f'{key}=…' for key in missing)}")
        result: T = OmegaConf.to_object(config)  # type: ignore[assignment]
    except OmegaConfBaseException as error:
        raise InputError(describe(error, keys)) from error
    return result


def describe(error: Exception, known_keys: Iterable[str] = ()) -> str:
    """The message of an error on one line, which begins with the key or file at fault if there is one.

    Args:
        error: The error.
        known_keys: Candidates for the correction of a misspelt key.
    """
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [""]
    if isinstance(error, InputError):
        return " ".join(lines)
    if isinstance(error, OverrideParseException):
        return f"{error.override}: expected key=value, values with special characters in quotes: 'key=\"a (1).mat\"'"
    if isinstance(error, MissingConfigException) and error.missing_cfg_file and error.options:
        group, _, choice = error.missing_cfg_file.rpartition("/")
        return f"{group}: expected one of {', '.join(error.options)}, got {choice!r}"
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: cannot be made or opened: {error.strerror}"
    if isinstance(error, OmegaConfBaseException) and error.full_key:
        return _describe_key_error(error.full_key, error, lines[0], known_keys)
    return _describe_override_error(lines, known_keys)


def _describe_key_error(key: str, error: OmegaConfBaseException, message: str, known_keys: Iterable[str]) -> str:
    """OmegaConf's message about a key or its value."""
    if re.match(r"Key '.*' (?:not in|is not in)", message):
        return _describe_unknown_key(key, known_keys)
    if match := re.match(r"Interpolation key '(.*)' not found", message):
        return f"{match[1]}: expected a value for {key}, got none"
    for pattern, expected in _EXPECTED:
        if match := re.search(pattern, message):
            got = "null" if error.value is None else repr(error.value)
            return f"{key}: expected {match.expand(expected)}, got {got}"
    return f"{key}: {message}"


def _describe_override_error(lines: Sequence[str], known_keys: Iterable[str]) -> str:
    """Hydra's message about a ``key=value``."""
    if match := re.match(r"Could not append to config. An item is already at '(.*)'", lines[0]):
        return f"{match[1]}: is there already; without the plus sign it is changed"
    if match := re.match(r"Could not (?:override|append|delete)[^']*'([^']+)'", lines[0]):
        return _describe_unknown_key(match[1], known_keys)
    if match := re.match(r"Multiple values for (.*?)\. ", lines[0]):
        return f"{match[1]}: expected one choice, got several; without the plus sign it is changed"
    if match := re.match(r"Ambiguous value for argument '(.*)'", lines[0]):
        return f"{match[1]}: expected one value, got several: with -m each is a run of its own, in […] they are a list"
    return ", ".join(dict.fromkeys(lines))


def _describe_unknown_key(key: str, known_keys: Iterable[str]) -> str:
    """Name the key that was probably meant, or those beside it."""
    known = list(known_keys)
    parent, dot, _ = key.rpartition(".")
    siblings = [name.removeprefix(parent + dot) for name in known if name.rpartition(".")[0] == parent]
    if key in known:
        return f"{key}: there is no such key with this choice of {key.split('.')[0]}"
    if close := difflib.get_close_matches(key, known, n=1):
        return f"{key}: there is no such key; did you mean {close[0]}?"
    return f"{key}: there is no such key" + (f"; expected one of {', '.join(siblings)}" if siblings else "")
