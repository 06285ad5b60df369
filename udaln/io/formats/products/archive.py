"""Archives that hold no product which can be read in them: refused with what to do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from udaln.io.formats.products.tree import TAR, is_archive, tree_of
from udaln.io.formats.reader import Reader
from udaln.io.formats.source import Source
from udaln.io.image import Image

_IMAGES = re.compile(r".*\.(he5|h5|hdf5?|nc|tiff?|jp2|img|hdr|mat|npy|vrt|xml|zip|tar|tgz|gz)", re.IGNORECASE)
SHOWN = 3  # files that the message names


def _find(source: Source) -> Path | None:
    path = source.path
    return path if path.is_file() and path.name.lower().endswith((".zip", *TAR)) else None


@contextmanager
def _open(source: Source) -> Iterator[Image]:
    if not is_archive(source.path):
        raise source.error("cannot be read: it is no archive, or a part of one; download or copy it again")
    names = [PurePosixPath(name).name for name in tree_of(source.path).names]
    files = sorted(name for name in names if _IMAGES.fullmatch(name))
    more = f" and {len(files) - SHOWN} more" if len(files) > SHOWN else ""
    holds = f"{', '.join(files[:SHOWN])}{more}" if files else "no image"
    raise source.error(f"is an archive that holds {holds}; unpack it and name the image or the folder of the product")
    yield  # a generator


READER = Reader("archive", _find, _open)
