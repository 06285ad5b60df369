"""What a reader of files is."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from udaln.io.formats.source import Source
from udaln.io.image import Image


@dataclass(frozen=True)
class Reader:
    """A reader of one file format or product.

    Attributes:
        name: Of the format or product, for messages.
        find: The file to open, if the reader is for this source: the file itself or, of a product whose folder is
            named, its metadata file. None if the source is of another kind.
        open: Opens the source, whose path is the file found.
    """

    name: str
    find: Callable[[Source], Path | None]
    open: Callable[[Source], AbstractContextManager[Image]]


def files_only(matches: Callable[[Source], bool]) -> Callable[[Source], Path | None]:
    """``find`` of a reader that opens a single file, if it ``matches``."""
    return lambda source: source.path if source.path.is_file() and matches(source) else None
