"""The XML files that describe products."""

from __future__ import annotations

from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from udaln.io.formats.source import Source


def parsed(source: Source) -> Element:
    """The root of the file.

    Raises:
        InputError: If it is no XML.
    """
    try:
        return ElementTree.parse(source.path).getroot()
    except ElementTree.ParseError as error:
        raise source.wrong(f"expected the XML file of a product, got something else or a part: {error}") from error


def number(source: Source, parent: Element, name: str) -> float:
    """The number in an element.

    Raises:
        InputError: If there is no such element in the parent, or no number in it.
    """
    text = parent.findtext(name)
    try:
        return float(text or "")
    except ValueError as error:
        raise source.wrong(f"{parent.tag}/{name}: expected a number, got {text!r}") from error
