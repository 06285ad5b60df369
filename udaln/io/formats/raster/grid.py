"""Georeferencing of rasters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from udaln.io.formats.source import Source
from udaln.io.grid import Grid

FITTING = 0.1  # ground control points that are no farther off an affine grid belong to it [pixels]


def grid_of_raster(source: Source, path: Path, file: Any) -> tuple[Grid | None, list[str]]:
    """The grid of a raster, None if it has none, and notes on georeferencing that is not used.

    Ground control points are used if they lie on an affine grid. Rational polynomials (RPCs), which need a terrain
    model, are not.

    Raises:
        InputError: If its CRS is not understood.
    """
    crs = _wkt(source, path, file.crs)
    if crs or not file.transform.is_identity:
        return Grid(crs, tuple(file.transform)[:6]), []
    points, points_crs = file.gcps
    notes = []
    if len(points) >= 4:
        found, off = _through(points)
        if off <= FITTING:
            return Grid(_wkt(source, path, points_crs), found), []
        notes.append(
            f"its {len(points)} ground control points are not used: they are up to {off:.3g} pixels off a regular "
            "grid; gdalwarp brings the image onto one"
        )
    elif points:
        notes.append(f"its {len(points)} ground control points are not used: expected at least 4")
    if file.rpcs is not None:
        notes.append("its rational polynomials (RPCs) are not used; gdalwarp -rpc brings the image onto a map grid")
    return None, notes


def _wkt(source: Source, path: Path, crs: Any) -> str:
    """A CRS as WKT; empty for none, and for local coordinates, without a position on the Earth."""
    from rasterio.errors import CRSError

    try:
        text = str(crs.to_wkt()) if crs else ""
    except CRSError as error:
        raise source.error(f"unknown CRS: {' '.join(str(error).split())}", path) from error
    return "" if text.startswith(("LOCAL_CS", "ENGCRS")) else text


def _through(points: Any) -> tuple[tuple[float, float, float, float, float, float], float]:
    """The affine transform through ground control points, and how far the farthest is off [pixels]."""
    pixels = np.array([[point.col, point.row, 1.0] for point in points])
    places = np.array([[point.x, point.y] for point in points])
    origin = places.mean(0)  # map coordinates are large beside the extent of an image
    found, _, rank, _ = np.linalg.lstsq(pixels, places - origin, rcond=None)
    if rank < 3:
        return (1, 0, 0, 0, 1, 0), np.inf
    off = np.linalg.norm(pixels @ found - (places - origin), axis=1).max()
    found[2] += origin
    (a, d), (b, e), (c, f) = found.tolist()
    off /= np.sqrt(abs(a * e - b * d)) or np.inf
    return (a, b, c, d, e, f), float(off)
