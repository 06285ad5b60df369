"""The file that a reader opens, and the user's options for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from udaln.errors import InputError


@dataclass(frozen=True)
class Source:
    """A file to read, and the user's options for it.

    Attributes:
        path: The file; of a product, its metadata file.
        user_path: The path as the user wrote it: the file, or the folder of the product.
        key: The config key or argument that named it. Messages begin with it.
        variable: Which of several images in the file; None if the user did not choose.
        variable_key: The config key or argument of ``variable``.
        quality: Whether the quality masks of a product are applied.
        nodata: Further numbers, as they are stored, that mean no data.
        saturation: Stored numbers from this one on are saturated, and no measurements; None for no such limit.
    """

    path: Path
    user_path: str
    key: str
    variable: str | None = None
    variable_key: str = "variable"
    quality: bool = True
    nodata: Sequence[float] = ()
    saturation: float | None = None

    def sibling(self, name: str) -> str:
        """The config key or argument of that name beside ``key``."""
        return ".".join([*self.key.split(".")[:-1], name])

    def error(self, message: str, path: Path | None = None) -> InputError:
        """The error to raise about the file, or about another file of the product."""
        return InputError(f"{self.key}: {path or self.path}: {message}")

    def refuse_variable(self) -> None:
        """Check that the user chose no variable, for formats that hold one image.

        Raises:
            InputError: If the user did.
        """
        if self.variable is not None:
            raise InputError(
                f"{self.variable_key}: {self.path} holds one array without a name, got {self.variable!r}; "
                "leave it unset"
            )
