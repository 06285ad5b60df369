"""XML metadata of products."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from udaln.io.formats.source import Source


def parse_xml(source: Source, text: bytes | None = None, path: Path | None = None) -> Element:
    """Root element of an XML file.

    Args:
        source: The file.
        text: Of an XML file of the product that the source does not name itself.
        path: Of that file, for messages.

    Raises:
        InputError: If it is not XML.
    """
    try:
        return ElementTree.parse(source.path).getroot() if text is None else ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise source.error(
            f"expected the XML file of a product, got something else or a part: {error}", path
        ) from error


def read_number(source: Source, parent: Element, name: str) -> float:
    """The number in a child element.

    Raises:
        InputError: If there is no such child, or it holds no number.
    """
    text = parent.findtext(name)
    try:
        return float(text or "")
    except ValueError as error:
        raise source.error(f"{parent.tag}/{name}: expected a number, got {text!r}") from error
