"""MATLAB files, ``.mat``, of versions 4, 5 and 7.3."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from typing import Any

import h5py
import scipy.io
from numpy.typing import NDArray

from udaln.io.formats.arrays import NOTHING, Array, choose_array, image_from_array
from udaln.io.formats.matlab import mat5
from udaln.io.formats.matlab.mat73 import NUMBERS, arrays_of
from udaln.io.formats.reader import Reader, files_only
from udaln.io.formats.source import Source
from udaln.io.image import Image


@contextmanager
def open_mat(source: Source) -> Iterator[Image]:
    """Open a variable of rows×columns×bands, or a part of one: ``s.cube`` of a struct, ``c{2}`` of a cell array.

    Version 7.3 stores the axes in reverse order. From version 5 the whole variable is read at once.

    Raises:
        InputError: If the file holds no such variable, or several and none is named.
    """
    with arrays(source) as variables:
        if source.variable is not None:
            source = replace(source, variable=_canonical(source.variable, variables))
        yield image_from_array(source, "MATLAB", choose_array(source, variables, 3)[1])


@contextmanager
def arrays(source: Source) -> Iterator[dict[str, Array]]:
    """The arrays of a file by name, those within structs and cells by their path, while it is open.

    Raises:
        InputError: If the file is damaged, or numbers of version 7.3 have another type than their MATLAB_class.
    """
    path = source.path
    if h5py.is_hdf5(path):
        with h5py.File(path, "r") as file:
            yield arrays_of(source, file)
    elif mat5.is_version_5(path):
        try:
            found = list(mat5.elements(path))
        except mat5.DamagedError as error:
            raise source.error(f"cannot be read: {error}") from error
        yield {element.path: _mat5(source, element) for element in found}
    else:
        with _scipy_says(source):
            listed = scipy.io.whosmat(path, appendmat=False)
        yield {name: _mat5(source, mat5.Element((name,), name, shape, kind)) for name, shape, kind in listed}


@contextmanager
def _scipy_says(source: Source) -> Iterator[None]:
    """Refuse a file of which SciPy only warns that its numbers are not right."""
    with warnings.catch_warnings():
        for message in ("We do not support byte ordering", "Unreadable variable"):
            warnings.filterwarnings("error", message)
        try:
            yield
        except Warning as warning:
            raise source.error(f"cannot be read: {' '.join(str(warning).split())}") from warning


def _mat5(source: Source, element: mat5.Element) -> Array:
    @cache  # a part of a variable cannot be read
    def load() -> NDArray[Any]:
        part: NDArray[Any] = _load(source, str(element.steps[0]))
        for step in element.steps[1:]:
            part = part[step] if isinstance(step, str) else part.reshape(-1, order="F")[step]
        return part

    kind, shape = element.type, element.shape
    numeric = kind in NUMBERS or (kind == "logical" and len(shape) == 2)
    if not numeric:
        return Array(shape, kind, False, *NOTHING, nested=len(element.steps) > 1)
    return Array(shape, kind, True, lambda: load().dtype, lambda r, c: load()[r, c], nested=len(element.steps) > 1)


def _load(source: Source, name: str) -> Any:
    with _scipy_says(source):
        return scipy.io.loadmat(source.path, variable_names=[name], appendmat=False)[name]


def _canonical(name: str, variables: dict[str, Array]) -> str:
    """A path as the listing has it: indices count through all axes, and there is none to what is alone."""
    if name in variables:
        return name
    name = re.sub(r"\s|^/", "", name).replace("/", ".")
    name = re.sub(r"([({])1,(\d+)([)}])|([({])(\d+),1([)}])", r"\1\4\2\5\3\6", name)
    return name if name in variables else name.replace("(1)", "")


READER = Reader("MATLAB", files_only(lambda source: source.path.suffix.lower() == ".mat"), open_mat)
