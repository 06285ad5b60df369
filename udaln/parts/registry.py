"""Parts of one kind by name: those of the package, those that a module registers, those of installed packages."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Generic, TypeVar

from udaln.errors import InputError

T = TypeVar("T")
P = TypeVar("P")


class Registry(Generic[T]):
    """Parts of one kind by name.

    A part becomes known in one of two ways: a module that the user imports registers it, or an installed package names
    it as an entry point of the group ``udaln.<kind>``. An entry point is imported when its name is asked for.

    Args:
        kind: Plural noun, such as ``networks``.
        key: The key of the configuration that names a part, for messages.
    """

    def __init__(self, kind: str, key: str) -> None:
        self.kind, self.key = kind, key
        self._parts: dict[str, T] = {}

    def register(self, name: str) -> Callable[[P], P]:
        """Decorator: make a class or a function known by a name.

        Raises:
            ValueError: If another part has that name.
        """

        def register(part: P) -> P:
            self.add(name, part)  # type: ignore[arg-type]  # a class or function that has the type of the registry
            return part

        return register

    def add(self, name: str, part: T) -> None:
        """Make a part known by a name; the same one again, from a module that is imported anew, replaces it.

        Raises:
            ValueError: If another part has that name.
        """
        other = self._parts.get(name)
        if other is not None and _origin(other) != _origin(part):
            raise ValueError(f"{self.kind}: {name}: there is another one of that name: {other}")
        self._parts[name] = part

    def names(self) -> list[str]:
        """The names of all parts; nothing is imported."""
        return sorted({*self._parts, *(entry.name for entry in self._entries())})

    def get(self, name: str, *, key: str | None = None) -> T:
        """A part by its name.

        Args:
            name: The name.
            key: What names it, for the message; ``key`` of the registry if not given.

        Raises:
            InputError: If there is none, or the installed package that provides it cannot be imported.
        """
        if name not in self._parts:
            found = [entry for entry in self._entries() if entry.name == name]
            if not found:
                raise InputError(
                    f"{key or self.key}: expected one of {', '.join(self.names())}, got {name!r}; "
                    "a module of your own is named by plugins=[…]"
                )
            self.add(name, _load(found, key or self.key))
        return self._parts[name]

    def items(self) -> Iterator[tuple[str, T]]:
        """All parts by name, the last registered first; those of installed packages are imported."""
        for name in self.names():
            self.get(name)
        return iter(reversed(list(self._parts.items())))

    def __contains__(self, name: object) -> bool:
        """Whether there is a part of that name; nothing is imported."""
        return name in self.names()

    def _entries(self) -> list[EntryPoint]:
        return [entry for entry in installed() if entry.group == f"udaln.{self.kind}"]


def _load(found: list[EntryPoint], key: str) -> Any:
    """The part that an entry point names."""
    if len({entry.value for entry in found}) > 1:
        packages = ", ".join(sorted(entry.value for entry in found))
        raise InputError(f"{key}: {found[0].name}: expected one installed package with this name, got {packages}")
    try:
        return found[0].load()
    except Exception as error:  # a package may raise anything
        why = " ".join(str(error).split())
        raise InputError(f"{key}: {found[0].name}: cannot be imported from {found[0].value}: {why}") from error


def _origin(part: object) -> object:
    """Where a part is defined: the same for a class that is defined again as its module is imported anew."""
    name = getattr(part, "__qualname__", None)
    return part if name is None else (part.__module__, name)


@cache
def installed() -> tuple[EntryPoint, ...]:
    """Every entry point of udaln's groups; looked up once, since that reads the metadata of all packages."""
    found = entry_points()
    return tuple(
        entry for group in sorted(found.groups) if group.startswith("udaln.") for entry in found.select(group=group)
    )
