"""The files of a product: in a folder, or in an archive, which is read without being unpacked."""

from __future__ import annotations

import re
import tarfile
import zipfile
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath

from udaln.files import reading
from udaln.io.formats.raster.reader import Raster, open_with_gdal
from udaln.io.formats.source import Source

TAR = (".tar", ".tar.gz", ".tgz")


@dataclass(frozen=True)
class Tree:
    """The files of a product.

    Attributes:
        path: The folder or the archive.
        names: All files in it, relative to it, with slashes.
        system: GDAL's prefix of files in such an archive; empty for a folder.
    """

    path: Path
    names: tuple[str, ...]
    system: str = ""

    def find(self, pattern: str, folder: str = "") -> list[str]:
        """The files in a folder of it whose names, from that folder on, match a regular expression in any case."""
        start = f"{folder}/" if folder else ""
        return [
            name
            for name in self.names
            if name.startswith(start) and re.fullmatch(pattern, name.removeprefix(start), re.IGNORECASE)
        ]

    def read(self, source: Source, name: str) -> bytes:
        """The content of a file."""
        with reading(self.path / name if not self.system else self.path, key=source.key):
            if not self.system:
                return (self.path / name).read_bytes()
            if self.system == "/vsizip":
                with zipfile.ZipFile(self.path) as archive:
                    return archive.read(name)
            with tarfile.open(self.path) as tar:
                member = next(part for part in tar.getmembers() if _plain(part.name) == name)
                file = tar.extractfile(member)
                return file.read() if file else b""

    def open(self, source: Source, name: str) -> AbstractContextManager[Raster]:
        """Open a raster, as `open_with_gdal` does."""
        if not self.system:
            return open_with_gdal(source, self.path / name)
        return open_with_gdal(source, self.path, f"{self.system}/{{{self.path.absolute()}}}/{name}")

    def place(self, name: str) -> Path:
        """The path of a file, for messages."""
        return self.path / name


def is_archive(path: Path) -> bool:
    """Whether a file is an archive that can be read, by its name and its content."""
    if not path.is_file():
        return False
    if path.suffix.lower() == ".zip":
        return zipfile.is_zipfile(path)
    return path.name.lower().endswith(TAR) and tarfile.is_tarfile(path)


def tree_of(path: Path, *, deep: bool = True) -> Tree:
    """The files in a folder or an archive; those in folders within a folder only if ``deep``."""
    if path.is_dir():
        files = (file for file in path.glob("**/*" if deep else "*") if file.is_file())
        return Tree(path, tuple(sorted(file.relative_to(path).as_posix() for file in files)))
    system = "/vsizip" if path.suffix.lower() == ".zip" else "/vsitar"
    status = path.stat()
    return Tree(path, _names(path, status.st_mtime_ns, status.st_size), system)


@lru_cache(maxsize=4)  # every reader asks, and a compressed tar must be unpacked to be listed
def _names(path: Path, changed: int, size: int) -> tuple[str, ...]:
    """The files in an archive, as long as it is not changed."""
    if path.suffix.lower() == ".zip":
        with zipfile.ZipFile(path) as archive:
            return tuple(info.filename for info in archive.infolist() if not info.is_dir())
    with tarfile.open(path) as tar:
        return tuple(_plain(part.name) for part in tar.getmembers() if part.isfile())


def _plain(name: str) -> str:
    """A name in an archive as GDAL has it: without ./ at its beginning."""
    return name.removeprefix("./")


def folder_of(name: str) -> str:
    """The folder of a file of a tree; empty for the tree's own."""
    parent = PurePosixPath(name).parent.as_posix()
    return "" if parent == "." else parent
