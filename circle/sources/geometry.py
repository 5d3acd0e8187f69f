"""Geometries from arrays of coordinates, all at once.

Takes: coordinates of lines, one after the other, and how many each has.   Gives: Shapely geometries, in WGS 84 degrees.
Never: looks at tags, and never raises for a bad ring: it says which ones are bad.
"""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray

from circle.chunks import side_by_side
from circle.kernels import rings as kernel
from circle.projection import Plane

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


def valid(shapes: Shapes, coordinates: Floats, counts: Ints) -> NDArray[np.bool_]:
    """Which of these polygons, made from these rings, are valid: GEOS is asked only where that is not plain."""
    stop = np.cumsum(counts)
    whole = kernel.steps(coordinates)
    out = side_by_side(lambda first, last: kernel.simple(whole, first, last), stop - counts, stop)
    asked = np.flatnonzero(~out)
    out[asked] = shapely.is_valid(shapes[asked])
    return np.asarray(out)


def measured(shapes: Shapes, plane: Plane) -> tuple[Shapes, Floats]:
    """Of areas in degrees the centres of gravity, as points, and the size in square units of the plane."""
    centres, areas = np.empty(len(shapes), dtype=object), np.empty(len(shapes))
    plain = (shapely.get_num_interior_rings(shapes) == 0) & (shapely.get_type_id(shapes) == shapely.GeometryType.POLYGON)
    rows = np.flatnonzero(plain)
    count = shapely.get_num_coordinates(shapes[rows])
    rows, count = rows[count > 0], count[count > 0]
    degrees, first = shapely.get_coordinates(shapes[rows]), np.r_[0, np.cumsum(count)]
    found = kernel.centres(degrees, first)
    known = ~np.isnan(found[:, 0])  # a polygon without area has a centre too, and GEOS knows where
    centres[rows[known]] = shapely.points(found[known])
    others = np.flatnonzero(shapely.is_missing(centres))
    centres[others] = shapely.centroid(shapes[others])
    on_plane = side_by_side(lambda lon, lat: np.column_stack(plane.forward(lon, lat)), *degrees.T) if len(degrees) else degrees
    areas[rows] = np.abs(kernel.areas(on_plane, first))
    others = np.setdiff1d(np.arange(len(shapes)), rows, assume_unique=True)
    areas[others] = shapely.area(plane.project(shapes[others]))
    return centres, areas


def areal(shape: shapely.Geometry) -> shapely.Geometry | None:
    """The areal part of a geometry that was repaired, or None where nothing areal is left."""
    parts = [part for part in shapely.get_parts(shape) if part.geom_type in {"Polygon", "MultiPolygon"} and part.area > 0]
    if not parts:
        return None
    return parts[0] if len(parts) == 1 else shapely.union_all(parts)
