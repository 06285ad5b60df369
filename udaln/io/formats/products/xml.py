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


def read_number(source: Source, parent: Element, name: str, default: float | None = None) -> float:
    """The number in a child element.

    Args:
        source: The file, for messages.
        parent: The element.
        name: Of the child, or a path to it.
        default: What stands for a number that is missing.

    Raises:
        InputError: If there is no such child, or it holds no number, and nothing stands for it.
    """
    text = parent.findtext(name)
    try:
        return float(text or "")
    except ValueError as error:
        if default is not None:
            return default
        raise source.error(f"{parent.tag}/{name}: expected a number, got {text!r}") from error
