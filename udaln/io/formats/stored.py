"""From numbers as files store them to physical values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from udaln.io.formats.source import Source
from udaln.io.grid import Grid
from udaln.io.image import Bands, Cause, Image, Packing, Pixels

Window = Callable[[slice, slice], NDArray[Any]]
PerBand = NDArray[np.float64]
Test = Callable[[NDArray[Any]], NDArray[np.bool_]]

NEARLY = 1e-5  # relative difference of two floating-point numbers that are the same but for rounding
HUGE = 1e19  # no measurement is larger; a file that rounds such a no-data value means all numbers of that size
_LISTED = 4  # no-data values that are named


@dataclass(frozen=True)
class Stored:
    """Stored numbers of an image; a physical value is scale · number + offset.

    Attributes:
        shape: Rows, columns, bands.
        dtype: Of the stored numbers.
        read: Reads the stored numbers in a window of rows and columns, h×w×B.
        scale: One per band, or one for all.
        offset: Likewise.
        nodata: Numbers that mean no data: each is one per band, with NaN where there is none, or one for all.
        valid_range: The smallest and the largest number that is a measurement.
        masks: Where there are no data either.
    """

    shape: tuple[int, int, int]
    dtype: np.dtype[Any]
    read: Window
    scale: PerBand | float = 1.0
    offset: PerBand | float = 0.0
    nodata: Sequence[PerBand | float] = ()
    valid_range: tuple[float, float] | None = None
    masks: Sequence[Cause] = ()

    @property
    def float_dtype(self) -> np.dtype[np.floating[Any]]:
        """The floating-point type that holds the numbers: float32 or float64."""
        return np.promote_types(self.dtype, np.float32)

    def select(self, bands: NDArray[np.intp]) -> Stored:
        """Some of the bands, in the order of their numbers."""

        def selected(window: Callable[[slice, slice], NDArray[Any]]) -> Window:
            def read(rows: slice, cols: slice) -> NDArray[Any]:
                part = window(rows, cols)
                return part if part.shape[2] == 1 else part[..., bands]

            return read

        scale, offset, *nodata = (
            np.broadcast_to(np.asarray(number, np.float64), self.shape[2:])[bands]
            for number in (self.scale, self.offset, *self.nodata)
        )
        return replace(
            self,
            shape=(*self.shape[:2], len(bands)),
            read=lambda rows, cols: self.read(rows, cols)[..., bands],
            scale=scale,
            offset=offset,
            nodata=nodata,
            masks=[replace(mask, flags=selected(mask.flags)) for mask in self.masks],
        )

    def image(
        self,
        source: Source,
        kind: str,
        *,
        bands: Bands | None = None,
        grid: Grid | None = None,
        unit: str | None = None,
        notes: Sequence[str] = (),
    ) -> Image:
        """The image of these numbers. What the user calls no data is none, either; arguments as of `Image`."""
        tests = self._tests(source)

        def flagged(test: Test) -> Callable[[slice, slice], NDArray[np.bool_]]:
            return lambda rows, cols: test(self.read(rows, cols))

        def read(rows: slice, cols: slice) -> Pixels:
            numbers = self.read(rows, cols)
            values = self._values(numbers)
            for _, _, test in tests:
                values[test(numbers)] = np.nan
            for mask in self.masks:
                np.copyto(values, np.nan, where=mask.flags(rows, cols))
            return values

        causes = [Cause(what, flagged(test), key) for what, key, test in tests]
        own = sum(not cause.key for cause in causes)
        return Image(
            source.user_path,
            kind,
            self.shape,
            self.float_dtype,
            read,
            bands or Bands(),
            grid,
            unit,
            self.common_nodata,
            (*causes[:own], *self.masks, *causes[own:]),
            tuple(notes),
            Packing(self.scale, self.offset),
        )

    @property
    def common_nodata(self) -> float | None:
        """The first number that means no data in every band; None if there is none."""
        for number in self.nodata:
            values = np.unique(np.atleast_1d(number))
            if len(values) == 1 and not np.isnan(values[0]):
                return float(values[0])
        return None

    def _values(self, numbers: NDArray[Any]) -> Pixels:
        """Physical values, contiguous."""
        values = np.array(numbers, dtype=self.float_dtype, order="C")
        if np.any(np.not_equal(self.scale, 1)):
            values *= self.scale
        if np.any(self.offset):
            values += self.offset
        return values

    def _tests(self, source: Source) -> list[tuple[str, str, Test]]:
        """What makes a stored number no measurement: the reason, the key that asks for it, and the test."""
        tests: list[tuple[str, str, Test]] = []
        for number in self.nodata:
            tests.append((f"no-data value {_text(number)} of the file", "", equals(number)))
        if self.valid_range is not None:
            lowest, highest = self.valid_range
            text = f"outside of the file's valid range {lowest:g} to {highest:g}"
            tests.append((text, "", lambda numbers: (numbers < lowest) | (numbers > highest)))
        for value in source.nodata:
            key = source.sibling("nodata")
            tests.append((f"{key}={value:g}", key, equals(value)))
        if (limit := source.saturation) is not None:
            key = source.sibling("saturation")
            tests.append((f"{key}={limit:g}", key, lambda numbers: numbers >= limit))
        return tests


def joined(parts: Sequence[Stored]) -> Stored:
    """The bands of several images of the same size as one. Each keeps its scale, offset and no-data values."""
    widths = [part.shape[2] for part in parts]

    def per_band(numbers: Sequence[PerBand | float]) -> PerBand:
        return np.concatenate([np.broadcast_to(n, (width,)) for n, width in zip(numbers, widths, strict=True)])

    def mask(index: int, cause: Cause) -> Cause:
        def flags(rows: slice, cols: slice) -> NDArray[np.bool_]:
            own = cause.flags(rows, cols)
            whole = np.zeros((*own.shape[:2], sum(widths)), bool)
            whole[..., sum(widths[:index]) : sum(widths[: index + 1])] = own
            return whole

        return replace(cause, flags=flags)

    count = max(len(part.nodata) for part in parts)
    nodata = [[*part.nodata, *[np.nan] * (count - len(part.nodata))] for part in parts]
    return Stored(
        (*parts[0].shape[:2], sum(widths)),
        np.result_type(*(part.dtype for part in parts)),
        lambda rows, cols: np.concatenate([part.read(rows, cols) for part in parts], 2),
        per_band([part.scale for part in parts]),
        per_band([part.offset for part in parts]),
        [per_band(values) for values in zip(*nodata, strict=True)],
        masks=[mask(index, cause) for index, part in enumerate(parts) for cause in part.masks],
    )


def equals(nodata: PerBand | float) -> Test:
    """A test whether stored numbers are a no-data value; floating-point numbers but for rounding."""

    def test(numbers: NDArray[Any]) -> NDArray[np.bool_]:
        value = np.asarray(nodata, np.float64)
        if numbers.dtype.kind != "f":
            return np.asarray(numbers == value)
        with np.errstate(invalid="ignore", over="ignore"):
            near = (np.abs(numbers - value) <= NEARLY * np.abs(value)) & np.isfinite(value)
            huge = (np.abs(value) >= HUGE) & (np.abs(numbers) >= HUGE) & (np.sign(numbers) == np.sign(value))
        return np.asarray(near | huge | (numbers == value))

    return test


def _text(nodata: PerBand | float) -> str:
    """No-data values of the bands, as text."""
    values = np.unique(np.atleast_1d(nodata))
    texts = [f"{value:g}" for value in values if not np.isnan(value)]
    return ", ".join(texts) if len(texts) <= _LISTED else f"{texts[0]} to {texts[-1]}, one for each band,"
