"""The text header of an ENVI raster, as people's programs write it (NV5 Geospatial, ENVI Header Files)."""

from __future__ import annotations

import codecs
import csv
import re
import string
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

MAGIC = "ENVI"
_FIELDS = (  # those that end a value whose closing brace is missing
    *(
        "description",
        "samples",
        "lines",
        "bands",
        "header offset",
        "file type",
        "data type",
        "interleave",
        "byte order",
    ),
    *("sensor type", "x start", "y start", "map info", "projection info", "coordinate system string", "default bands"),
    *("wavelength", "wavelength units", "fwhm", "bbl", "band names", "data ignore value", "reflectance scale factor"),
    *("data gain values", "data offset values", "data reflectance gain values", "data reflectance offset values"),
    *("file compression", "major frame offsets", "minor frame offsets", "geo points", "rpc info", "default stretch"),
    *("z plot range", "z plot titles", "z plot average", "acquisition time", "cloud cover", "sun azimuth", "classes"),
    *("sun elevation", "spectra names", "pixel size", "solar irradiance", "class names", "class lookup", "history"),
)
_KEY_AND_VALUE = re.compile(r"\s*([^\W\d][\w .\-/]*?)\s*=\s*(.*)$", re.DOTALL)
_NUMBER_SEPARATORS = re.compile(r"[\s,;]+")
_DECIMAL_COMMA = re.compile(r"(?<=\d),(?=\d)")
_GBK_MICRO = b"\xa6\xcc"  # μ, of μm
_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


@dataclass(frozen=True)
class Header:
    """The fields of a header.

    Attributes:
        fields: Values as text, without braces, by names in the singular and in lower case: ``band name``.
        notes: What was not as it should be, as text.
    """

    fields: Mapping[str, str]
    notes: tuple[str, ...]

    def text(self, name: str) -> str | None:
        """The value of a field on one line; None if it is missing or empty."""
        value = " ".join(self.fields.get(_singular(name), "").split()).strip(" ,")
        return value or None

    def names(self, name: str, count: int) -> list[str]:
        """The entries of a field of names; commas within parentheses or quotes may belong to a name."""
        value = self.fields.get(_singular(name), "").strip()
        lines = [line.strip(" \t,") for line in value.splitlines()]
        quoted = next(csv.reader([" ".join(value.split())], skipinitialspace=True), [])
        outside = re.split(r",(?![^(\[]*[)\]])", " ".join(value.split()))
        splits = [_entries(split) for split in (value.split(","), quoted, outside, lines)]
        return next((split for split in splits if len(split) == count), splits[0])

    def numbers(self, name: str, count: int) -> list[str]:
        """The entries of a field of numbers, which commas, spaces or semicolons separate."""
        value = self.fields.get(_singular(name), "").strip()
        by_comma = _entries(value.split(","))
        if len(by_comma) == count:
            return by_comma
        splits = [_entries(_NUMBER_SEPARATORS.split(value))]
        if ";" in value:  # as in 408,52; 446,55
            splits.append(_entries(_DECIMAL_COMMA.sub(".", value).split(";")))
        return next((split for split in splits if len(split) == count), by_comma)


def is_header(path: Path) -> bool:
    """Whether a file begins as an ENVI header does, in any encoding."""
    with path.open("rb") as file:
        start = file.read(64)
    encoding = next((encoding for bom, encoding in _BOMS if start.startswith(bom)), "latin-1")
    return start.decode(encoding, errors="ignore").lstrip().upper().startswith(MAGIC)


def read_header(path: Path) -> Header:
    """Read a header in whatever encoding it is."""
    text, notes = _decoded(path.read_bytes())
    lines = re.split(r"\r\n|\r|\n", text.replace("\0", ""))
    lines = [line for line in lines if not line.lstrip().startswith(";")]  # comments
    fields: dict[str, str] = {}
    position = next((index for index, line in enumerate(lines) if line.strip()), 0) + 1
    while position < len(lines):
        line, match = lines[position], _KEY_AND_VALUE.match(lines[position])
        position += 1
        if match is None:
            if line.strip():
                notes.append(f"{line.strip()[:40]!r}: expected name = value; left aside")
            continue
        name, value = _singular(match[1]), match[2].strip()
        if value.startswith("{"):
            value, position, closed = _braced(value, lines, position)
            if not closed:
                notes.append(f"{match[1]}: its closing brace is missing")
        else:
            value = value.split(";")[0].strip()
        if fields.get(name, value) != value:
            notes.append(f"{match[1]}: is there more than once; the last one counts")
        fields[name] = value
    return Header(fields, tuple(dict.fromkeys(notes)))


def _decoded(data: bytes) -> tuple[str, list[str]]:
    """The text, and a note if it is not in UTF-8."""
    encoding = next((encoding for bom, encoding in _BOMS if data.startswith(bom)), "utf-8")
    try:
        return data.decode(encoding), [] if encoding.startswith("utf-8") else ["is not in UTF-8 but in UTF-16"]
    except UnicodeDecodeError:
        pass
    for encoding, name in (("gb18030", "GBK"), ("cp1252", "Windows-1252"), ("latin-1", "Latin-1")):
        if encoding == "gb18030" and not _looks_chinese(data):
            continue
        try:
            return data.decode(encoding), [f"is not in UTF-8; taken for {name}"]
        except UnicodeDecodeError:
            continue
    raise AssertionError("Latin-1 decodes any bytes")


def _looks_chinese(data: bytes) -> bool:
    """Whether bytes beyond ASCII come in pairs, as in GBK. In western text they are single, among letters."""
    runs = re.findall(rb"[A-Za-z]?[\x80-\xff]+[A-Za-z]?", data.replace(_GBK_MICRO, b"u"))
    western = 0
    for run in runs:
        beyond = run.strip(string.ascii_letters.encode())
        western += len(beyond) % 2 == 1 or (len(beyond) < 4 and len(beyond) < len(run))
    return western <= len(runs) / 2


def _braced(value: str, lines: list[str], position: int) -> tuple[str, int, bool]:
    """The text between a brace and the one that closes it.

    Args:
        value: What follows the equals sign on its line.
        lines: Of the header.
        position: Of the next line.

    Returns:
        The text, the position of the line after it, and whether it is closed. If not, the next known field ends it.
    """
    depth = 0
    for end in range(position, len(lines) + 1):
        line = value if end == position else lines[end - 1]
        for column, character in enumerate(line):
            depth += {"{": 1, "}": -1}.get(character, 0)
            if not depth:
                parts = [value, *lines[position : end - 1], line[:column]] if end > position else [line[:column]]
                return "\n".join(parts)[1:], end, True
    known = {_singular(name) for name in _FIELDS}
    for end in range(position, len(lines)):
        match = _KEY_AND_VALUE.match(lines[end])
        if match is not None and _singular(match[1]) in known:
            break
    else:
        end = len(lines)
    return "\n".join([value, *lines[position:end]]).strip("{} \t\n"), end, False


def _singular(name: str) -> str:
    """A field's name in lower case, each word without the s of the plural: both ``Band Name`` and ``band names``."""
    return " ".join(word.rstrip("s") for word in name.lower().replace("_", " ").split())


def _entries(parts: list[str]) -> list[str]:
    """Entries without the spaces around them; empty ones at the end are those of a trailing comma."""
    parts = [" ".join(part.split()) for part in parts]
    while parts and not parts[-1]:
        parts.pop()
    return parts
