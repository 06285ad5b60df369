"""XML metadata of products."""

from __future__ import annotations

from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from udaln.io.formats.source import Source


def parse_xml(source: Source) -> Element:
    """Root element of the file.

    Raises:
        InputError: If it is not XML.
    """
    try:
        return ElementTree.parse(source.path).getroot()
    except ElementTree.ParseError as error:
        raise source.error(f"expected the XML file of a product, got something else or a part: {error}") from error


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
