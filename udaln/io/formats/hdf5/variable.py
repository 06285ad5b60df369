"""Variables of HDF5 and NetCDF files, and their attributes under whatever name a vendor gives them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from udaln.io.formats.stored import PerBand

Attributes = Mapping[str, Any]


@dataclass(frozen=True)
class Variable:
    """An array of an HDF5 or NetCDF file.

    Attributes:
        name: With its groups, ``/group/name``.
        shape: Of all axes.
        dtype: Of its numbers.
        attributes: By the names that the file gives them; None where a value cannot be read.
        dimensions: Names of the axes, those of dimension scales with their groups, empty for axes without; none
            at all where no axis has one.
        read: Reads the part at an index.
        notes: What of it is set aside.
    """

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    attributes: Attributes
    dimensions: tuple[str, ...]
    read: Callable[[tuple[slice, ...]], NDArray[Any]]
    notes: tuple[str, ...] = ()

    @property
    def group(self) -> str:
        """The group that it is in, ``/group``; empty for the root."""
        return self.name.rsplit("/", 1)[0]

    @property
    def plain_name(self) -> str:
        """The last part of its name, as `plain`."""
        return plain(self.name.rsplit("/", 1)[-1])

    @property
    def is_bare_dimension(self) -> bool:
        """Whether it only represents a dimension: the NetCDF-4 library writes such variables, without coordinates."""
        return str(self.attributes.get("NAME", "")).startswith("This is a netCDF dimension but not")

    @property
    def is_numeric(self) -> bool:
        """Whether it holds real numbers."""
        return self.dtype.kind in "iuf"

    def text(self, *names: str) -> str:
        """The value of the first attribute that has one of some names, as text; empty if there is none."""
        found = find(self.attributes, *names)
        return "" if found is None else text_of(found[1])

    def line(self) -> PerBand:
        """All of its numbers, along one axis; NaN for all of a text that is none."""
        values = np.asarray(self.read((slice(None),) * len(self.shape))).ravel()
        if self.is_numeric:
            return values.astype(np.float64)
        numbers = numbers_of(values)
        return np.full(values.shape, np.nan) if numbers is None or numbers.shape != values.shape else numbers


@dataclass(frozen=True)
class Contents:
    """What a file holds.

    Attributes:
        variables: By their names.
        groups: Attributes of the groups by their names; those of the file are at ``/``.
        netcdf: Whether the NetCDF library wrote it.
    """

    variables: Mapping[str, Variable]
    groups: Mapping[str, Attributes] = field(default_factory=dict)
    netcdf: bool = False

    def coordinate(self, variable: Variable, axis: int) -> Variable | None:
        """The coordinates of an axis of a variable: numbers of its length, under the name of its dimension."""
        if len(variable.dimensions) != len(variable.shape):
            return None
        name = variable.dimensions[axis]
        line = self.lookup(variable, name)
        if line is None or line.shape != (variable.shape[axis],) or line.is_bare_dimension or not line.is_numeric:
            return None
        return line

    def around(self, variable: Variable) -> list[tuple[str, Attributes]]:
        """The groups that a variable is in, from the inside out to the file, and their attributes."""
        parts = variable.group.split("/")
        names = ["/".join(parts[:end]) or "/" for end in range(len(parts), 0, -1)]
        return [(name, self.groups[name]) for name in names if name in self.groups]

    def lookup(self, variable: Variable, name: str) -> Variable | None:
        """The variable of a name, which is looked for in the group of a variable and in those around it."""
        if not name:
            return None
        if name.startswith("/"):
            return self.variables.get(name)
        group = variable.group
        while True:
            if (found := self.variables.get(f"{group}/{name}")) is not None:
                return found
            if not group:
                return None
            group = group.rsplit("/", 1)[0]


def plain(name: str) -> str:
    """A name in lower case, without what joins its words: ``Data_Ignore_Value`` is ``dataignorevalue``."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def find(attributes: Attributes, *names: str) -> tuple[str, Any] | None:
    """The first attribute with one of some names, which are `plain`: its name in the file and its value.

    The names of the CF conventions come first: ``scale_factor`` before ``Scale_Factor``.
    """
    for wanted in names:
        matches = [name for name in attributes if plain(name) == wanted]
        if matches:
            name = min(matches, key=lambda match: (match != match.lower(), match))
            return name, attributes[name]
    return None


def text_of(value: Any) -> str:
    """An attribute's value as text of one line."""
    array = np.asarray(value)
    if array.size == 1:
        value = array.ravel()[0]
    if isinstance(value, bytes):
        value = value.decode(errors="replace")
    text = "" if value is None else str(value).encode(errors="replace").decode()  # HDF5's text need not be Unicode
    return " ".join(text.replace("\0", " ").split())


def numbers_of(value: Any) -> PerBand | None:
    """An attribute's value as numbers, also if they are written as text; None if it is none."""
    array = np.asarray(value)
    if array.dtype.kind in "iufb":
        return array.astype(np.float64).ravel()
    parts = [part for item in array.ravel() for part in re.split(r"[\s,;]+", text_of(item).strip("[](){} ")) if part]
    try:
        return np.array([float(part) for part in parts]) if parts else None
    except ValueError:
        return None


def without_single_axes(variable: Variable, spectral: Callable[[str], bool]) -> Variable:
    """A variable of more than three axes without those of length 1, as of one date, if three are then left."""
    surplus = len(variable.shape) - 3
    names = variable.dimensions or ("",) * len(variable.shape)
    single = [axis for axis, size in enumerate(variable.shape) if size == 1 and not spectral(names[axis])]
    if surplus < 1 or len(single) < surplus:
        return variable
    dropped = single[:surplus]
    kept = [axis for axis in range(len(variable.shape)) if axis not in dropped]

    def read(index: tuple[slice, ...]) -> NDArray[Any]:
        whole: list[Any] = [0] * len(variable.shape)
        for axis, part in zip(kept, index, strict=True):
            whole[axis] = part
        return variable.read(tuple(whole))

    return replace(
        variable,
        shape=tuple(variable.shape[axis] for axis in kept),
        dimensions=tuple(variable.dimensions[axis] for axis in kept) if variable.dimensions else (),
        read=read,
    )


def listed(names: Sequence[str], most: int = 5) -> str:
    """Some names as text, not more than a few."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
