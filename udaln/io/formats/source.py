"""What a reader is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from udaln.errors import InputError


@dataclass(frozen=True)
class Source:
    """A file to read, and what the user said of it.

    Attributes:
        path: The file; of a product, the one that describes it.
        named: What the user named: the file, or the folder that it lies in.
        key: The config key or argument that named it; messages begin with it.
        variable: Which of several images in it; none if the user did not say.
        variable_key: As ``key``, of ``variable``.
        quality: Whether the product's quality masks count.
    """

    path: Path
    named: str
    key: str
    variable: str | None = None
    variable_key: str = "variable"
    quality: bool = True

    def wrong(self, what: str, path: Path | None = None) -> InputError:
        """The error that says what is wrong with it, or with another file of the product."""
        return InputError(f"{self.key}: {path or self.path}: {what}")

    def without_variable(self) -> None:
        """Say that there is nothing to choose.

        Raises:
            InputError: If the user chose.
        """
        if self.variable is not None:
            raise InputError(
                f"{self.variable_key}: {self.path} holds one array without a name, got {self.variable!r}; "
                "leave it unset"
            )
