"""Files: written whole or not at all, read or refused in one line."""

import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from udaln.errors import InputError

_TEMPORARY = r"\.{stem}\.[0-9a-f]{{8}}{suffix}"  # the names that `_temporary` gives


@contextmanager
def atomically(path: str | Path) -> Iterator[Path]:
    """Let a file be written under a temporary name and take its own name only once it is complete.

    The temporary file lies in the same folder, since a rename is atomic only within one file system, and has the
    same suffix, since some writers add theirs where it is missing. If the block raises, it is removed and whatever
    was at ``path`` before is untouched.

    Args:
        path: where the finished file shall be; missing folders are made, a file already there is replaced.

    Yields:
        The temporary path to write to: an empty file that exists already.

    Raises:
        InputError: the path is a folder, or nothing can be written there.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with atomically(Path(folder) / "note.txt") as temporary:
        ...         _ = temporary.write_text("whole")
        ...     (Path(folder) / "note.txt").read_text()
        'whole'
    """
    path = Path(path)
    if path.is_dir():
        raise InputError(f"{path}: cannot be written: it is a folder")
    temporary = _temporary(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.touch(exist_ok=False)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}") from error
    try:
        yield temporary
        with temporary.open("r+b") as file:
            os.fsync(file.fileno())  # else a power cut could leave the new name with no content
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def scratch_folder(path: str | Path) -> Iterator[Path]:
    """Make a folder for what is needed while a file is written; it is removed with its content when the block ends.

    Args:
        path: The file. The scratch folder lies beside it, where there is room for the file.

    Yields:
        The scratch folder.
    """
    folder = _temporary(Path(path))
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def remove_unfinished(path: str | Path) -> None:
    """Remove what a process that was killed left of a file that it was writing, and of its scratch folders.

    Args:
        path: The file, or a folder for all files in it. No other process is writing there.
    """
    path = Path(path)
    if path.is_dir():
        folder, pattern = path, _TEMPORARY.format(stem=".+", suffix=r"(\.[^.]*)?")
    else:
        folder, pattern = path.parent, _TEMPORARY.format(stem=re.escape(path.stem), suffix=re.escape(path.suffix))
    for left in folder.glob(".*"):
        if not re.fullmatch(pattern, left.name):
            continue
        if left.is_dir():
            shutil.rmtree(left)
        else:
            left.unlink()


def _temporary(path: Path) -> Path:
    """A new name beside a file, with the same suffix."""
    return path.with_name(f".{path.stem}.{secrets.token_hex(4)}{path.suffix}")


@contextmanager
def reading(path: str | Path, *, key: str) -> Iterator[Path]:
    """Turn whatever goes wrong while a user's file is read into an `InputError` that names it.

    Libraries raise nearly anything about a damaged file (``struct.error``, ``IndexError``, ``zlib.error``, …), so
    every exception counts: keep the block to the reading itself.

    Args:
        path: the file.
        key: the config key or argument that named it; messages begin with it.

    Yields:
        The path of the file, which exists.

    Raises:
        InputError: there is no such file, it is a folder, or the block failed.
    """
    path = Path(path)
    try:
        if path.is_dir():
            raise InputError(f"{key}: {path}: is a folder, expected a file")
        if not path.exists():
            raise InputError(f"{key}: {path}: no such file")
        yield path
    except InputError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"{key}: {path}: cannot be read: {reason}") from error
