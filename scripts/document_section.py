"""The part of a document that a script writes, between two marks; the rest is written by hand."""

from __future__ import annotations


def with_section(document: str, text: str, script: str) -> str:
    """Replace what is between the two marks of a document; without marks it is appended with them.

    Args:
        document: What is there.
        text: What the script writes, which ends with a new line.
        script: Its name, which the marks tell.
    """
    begin, end = (f"<!-- {word}: written by scripts/{script} -->" for word in ("begin", "end"))
    marked = f"{begin}\n{text}{end}"
    before, found, rest = document.partition(begin)
    _, closed, after = rest.partition(end)
    return before + marked + after if found and closed else f"{document}{marked}\n"
