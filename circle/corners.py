"""Corners: shapes as arrays of numbers, for kernels.

Takes: points, lines and areas (Shapely) on the plane.   Gives: `Corners`: all places in one array, and where each part and shape begins.
Never: changes a place, or closes what is open.
"""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray

from circle.kernels.nearest import Corners

Shapes = NDArray[np.object_]

_ONE_PART = (shapely.GeometryType.POINT, shapely.GeometryType.LINESTRING, shapely.GeometryType.LINEARRING, shapely.GeometryType.POLYGON)


def of(shapes: Shapes) -> Corners:
    """Corners of shapes. A part is a point, a line, or a ring of an area: the outer one first, then its holes.

    >>> square = shapely.box(0, 0, 9, 9).difference(shapely.box(3, 3, 6, 6))
    >>> found = of(np.asarray([shapely.Point(1, 2), square], dtype=object))
    >>> found.part.tolist(), found.shape.tolist(), found.area.tolist()
    ([0, 1, 6, 11], [0, 1, 3], [False, True])
    """
    plain = np.isin(shapely.get_type_id(shapes), _ONE_PART) & (shapely.get_num_interior_rings(shapes) == 0)
    if plain.all():
        parts, owner = shapes, np.arange(len(shapes))
    else:
        single, of_shape = shapely.get_parts(shapes, return_index=True)
        holed = np.flatnonzero(shapely.get_num_interior_rings(single) > 0)
        rings, of_part = shapely.get_rings(single[holed], return_index=True)
        rest = np.delete(np.arange(len(single)), holed)
        parts = np.concatenate([single[rest], rings])
        place = np.r_[rest, holed[of_part]]
        order = np.argsort(place, kind="stable")
        parts, owner = parts[order], of_shape[place[order]]
    xy, of_part = shapely.get_coordinates(parts, return_index=True)
    part = np.searchsorted(of_part, np.arange(len(parts) + 1)).astype(np.int64)
    shape = np.searchsorted(owner, np.arange(len(shapes) + 1)).astype(np.int64)
    return Corners(np.ascontiguousarray(xy), part, shape, np.asarray(shapely.get_dimensions(shapes) == 2))
