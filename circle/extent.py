"""Where the data end: how far every building stands from it.

Takes: the extent of the data, as its header says it, or everything that the data hold.   Gives: metres from each building to the edge.
Never: judges; a limit that reaches beyond the edge is the business of `gaps`.

A header's box is taken at its word. Without one the data are taken to end at their convex hull: the smallest shape without dents around
every street and building. An extract that was cut along a border is no box, and of the corners of its box nothing is known.
"""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray

from circle.projection import Plane

Floats = NDArray[np.float64]
Shapes = NDArray[np.object_]


def metres_to_edge(
    starts: Shapes, plane: Plane, extent: tuple[float, float, float, float], streets: tuple[Floats, Floats] | None = None
) -> Floats:
    """Metres from each of `starts` (on the plane) to the edge of the data; 0 for what crosses it.

    Parameters
    ----------
    starts
        Doors or outlines of buildings.
    extent
        West, south, east, north in degrees.
    streets
        Plane coordinates of every point of the network, where no header says how far the data reach; None where one does.

    Examples
    --------
    >>> plane = Plane(0.0, 0.0)
    >>> home = np.asarray([shapely.Point(0, 100)], dtype=object)
    >>> streets = np.asarray([-1000.0, 1000.0, 0.0]), np.asarray([0.0, 0.0, 1000.0])     # a triangle
    >>> metres_to_edge(home, plane, (-0.01, 0.0, 0.01, 0.01), streets).round().tolist()
    [100.0]
    """
    west, south, east, north = shapely.bounds(starts).T
    units = plane.units_per_metre((south + north) / 2)
    (low_x, high_x), (low_y, high_y) = plane.forward(np.asarray(extent[0::2]), np.asarray(extent[1::2]))
    edge = np.minimum.reduce([west - low_x, south - low_y, high_x - east, high_y - north])
    if streets is not None:
        own = shapely.get_coordinates(starts)
        hull = shapely.convex_hull(shapely.multipoints(np.concatenate([np.column_stack(streets), own])))
        edge = np.minimum(edge, shapely.distance(starts, shapely.boundary(hull)))
    return np.asarray(np.maximum(edge, 0.0) / units)
