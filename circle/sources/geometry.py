"""Geometries from arrays of coordinates, all at once.

Takes: coordinates of lines, one after the other, and how many each has.   Gives: Shapely geometries, in WGS 84 degrees.
Never: looks at tags, and never raises for a bad ring: it says which ones are bad.
"""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray

_TRIANGLE = 4  # points of the smallest closed ring

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Shapes = NDArray[np.object_]


def ends_meet(coordinates: Floats, counts: Ints) -> NDArray[np.bool_]:
    """Which lines end where they begin."""
    ends = np.cumsum(counts) - 1
    return np.asarray((coordinates[ends] == coordinates[ends - counts + 1]).all(axis=1))


def closed(coordinates: Floats, counts: Ints) -> NDArray[np.bool_]:
    """Which lines end where they begin and have the four points that a ring needs."""
    return np.asarray((counts >= _TRIANGLE) & ends_meet(coordinates, counts))


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
    if not len(counts):
        return np.empty(0, dtype=object)
    return np.asarray(shapely.linestrings(coordinates, indices=np.repeat(np.arange(len(counts)), counts)))


def areal(shape: shapely.Geometry) -> shapely.Geometry | None:
    """The areal part of a geometry that was repaired, or None where nothing areal is left."""
    parts = [part for part in shapely.get_parts(shape) if part.geom_type in {"Polygon", "MultiPolygon"} and part.area > 0]
    if not parts:
        return None
    return parts[0] if len(parts) == 1 else shapely.union_all(parts)
