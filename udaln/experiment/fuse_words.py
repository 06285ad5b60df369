"""``udaln fuse LR HR``: two file names as they are, and further settings, become Hydra's words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from hydra.core.override_parser.types import Quote, QuotedString

from udaln.errors import InputError

_SWEEP = ("-m", "--multirun")
_LONGEST = 60  # of the name that a run gets from its file


def hydra_words(words: Sequence[str]) -> list[str]:
    r"""The words after ``fuse`` as Hydra has them.

    Args:
        words: The two files, then settings and options.

    Raises:
        InputError: If there are no two files, several runs are asked for, or a name cannot be passed on.

    Example:
        >>> hydra_words(["a (1), b=2.tif", "c#'.tif", "seed=3"])[1:3]
        ["dataset.lr_hsi='a (1), b=2.tif'", "dataset.hr_msi='c#\\'.tif'"]
    """
    if any(word in _SWEEP for word in words):
        raise InputError("fuse: makes one run, expected no -m; for several: udaln -m dataset=pair dataset.lr_hsi=…")
    if len(words) < 2 or any(word.startswith("-") for word in words[:2]):
        got = " ".join(words) or "nothing"
        raise InputError(
            "fuse: expected two files and then settings: udaln fuse LR HR [key=value …], "
            f"got {got}{dash_remedy(words[:2])}"
        )
    result, settings = ["dataset=pair"], words[2:]
    for key, word in zip(("dataset.lr_hsi", "dataset.hr_msi"), words, strict=False):
        file, variable = file_and_variable(word)
        _check_name(key, file)
        result.append(f"{key}={_quoted(file)}")
        if variable is not None:
            result.append(f"{key}_variable={_quoted(variable)}")
    if wrong := [word for word in settings if "=" not in word and not word.startswith(("-", "~"))]:
        raise InputError(f"{wrong[0]}: expected key=value after the two files")
    name = re.sub(r"[^\w.-]+", "_", Path(file_and_variable(words[0])[0]).stem)[:_LONGEST].strip("._")
    return [*result, f"dataset.name={_quoted(name or 'pair')}", *settings]


def dash_remedy(words: Sequence[str]) -> str:
    """How a file is named that looks like an option, as text; empty if none of some words is one."""
    dashed = next((word for word in words if word.startswith("-") and Path(word).exists()), None)
    return f"; a file whose name begins with - is given as ./{dashed}" if dashed else ""


def file_and_variable(word: str) -> tuple[str, str | None]:
    """The file that a word names, and the variable in it if the word is ``FILE:VARIABLE``.

    Raises:
        InputError: If the word is empty.
    """
    if not word:
        raise InputError("expected the name of a file, got an empty one")
    name, colon, variable = word.rpartition(":")
    while colon and not Path(word).exists():
        if name and Path(name).exists():
            return name, variable or None
        name, colon, rest = name.rpartition(":")
        variable = f"{rest}:{variable}"
    return word, None


def _check_name(key: str, name: str) -> None:
    remedy = "rename the file, or name it through a link"
    if "${" in name or name == "???":
        raise InputError(f"{key}: {name}: {'${' if '${' in name else '???'} stands for other settings; {remedy}")
    try:
        name.encode()
    except UnicodeEncodeError as error:
        shown = name.encode(errors="backslashreplace").decode()
        raise InputError(f"{key}: {shown}: expected a name in UTF-8; {remedy}") from error


def _quoted(text: str) -> str:
    """A text as Hydra reads it unchanged."""
    return str(QuotedString(text, Quote.single).with_quotes())
