"""Arrays and geometries from the WKB that libosmium writes.

Takes: lists of hexadecimal WKB.   Gives: coordinate arrays and Shapely geometries, in WGS 84 degrees.
Never: looks at tags, and never raises for a bad ring: it says which ones are bad.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import shapely
from numpy.typing import NDArray

_HEADER = 9  # byte order, type and number of points of a WKB line
_POINT = 16
_TRIANGLE = 4  # points of the smallest closed ring

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Shapes = NDArray[np.object_]


def line_coordinates(lines: Sequence[str]) -> tuple[Floats, Ints]:
    """Coordinates of WKB lines, all at once.

    Returns
    -------
    ndarray shape (m, 2), longitude and latitude of all points in order; ndarray shape (n,), points of each line.

    >>> coordinates, counts = line_coordinates([shapely.to_wkb(shapely.LineString([(1, 2), (3, 4)]), hex=True)])
    >>> coordinates.tolist(), counts.tolist()
    ([[1.0, 2.0], [3.0, 4.0]], [2])
    """
    if not lines:
        return np.empty((0, 2)), np.empty(0, dtype=np.int64)
    lengths = np.fromiter(map(len, lines), dtype=np.int64, count=len(lines)) // 2
    data = np.frombuffer(bytes.fromhex("".join(lines)), dtype=np.uint8)
    starts = np.cumsum(lengths) - lengths
    keep = np.ones(len(data), dtype=bool)
    keep[(starts[:, None] + np.arange(_HEADER)).ravel()] = False
    return data[keep].view("<f8").reshape(-1, 2).astype(np.float64), (lengths - _HEADER) // _POINT


def shapes(wkb: Sequence[str]) -> Shapes:
    """Any geometries; as bytes they are read twice as fast as from hexadecimal text."""
    return np.asarray(shapely.from_wkb(np.asarray([*map(bytes.fromhex, wkb), None], dtype=object)[:-1]))


def closed(coordinates: Floats, counts: Ints) -> NDArray[np.bool_]:
    """Which lines end where they begin and have the four points that a ring needs."""
    ends = np.cumsum(counts) - 1
    return np.asarray((counts >= _TRIANGLE) & (coordinates[ends] == coordinates[ends - counts + 1]).all(axis=1))


def close_rings(coordinates: Floats, counts: Ints) -> tuple[Floats, Ints]:
    """Repeat the first point of every line at its end."""
    ends = np.cumsum(counts)
    return np.insert(coordinates, ends, coordinates[ends - counts], axis=0), counts + 1


def polygons(coordinates: Floats, counts: Ints) -> Shapes:
    """Polygons without holes from closed rings; they may be invalid."""
    indices = np.repeat(np.arange(len(counts)), counts)
    return np.asarray(shapely.polygons(shapely.linearrings(coordinates, indices=indices)))


def lines(coordinates: Floats, counts: Ints) -> Shapes:
    """Lines from points in order."""
    return np.asarray(shapely.linestrings(coordinates, indices=np.repeat(np.arange(len(counts)), counts)))


def areal(shape: shapely.Geometry) -> shapely.Geometry | None:
    """The areal part of a geometry that was repaired, or None where nothing areal is left."""
    parts = [part for part in shapely.get_parts(shape) if part.geom_type in {"Polygon", "MultiPolygon"} and part.area > 0]
    if not parts:
        return None
    return parts[0] if len(parts) == 1 else shapely.union_all(parts)
