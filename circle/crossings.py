"""Crossings: which shapes meet which long lines, and what lies near them.

Takes: lines and shapes on the plane.   Gives: the pairs that have a point in common, that cross, or that are near.
Never: gives another answer than GEOS gives for the whole shapes; what only touches is left to GEOS to tell from what crosses.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import shapely
from numpy.typing import NDArray

from circle import corners
from circle.chunks import in_slices, side_by_side
from circle.kernels import meeting
from circle.kernels.nearest import Streets

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Bools = NDArray[np.bool_]
Shapes = NDArray[np.object_]


class Pieces:
    """Lines, cut into straight pieces that are found by where they lie.

    >>> wall = shapely.linestrings([[0, 0], [4, 4], [8, 0]])
    >>> paths = shapely.linestrings([[[3, 0], [3, 9]], [[4, 4], [4, 9]], [[4, 0], [4, 1]]])
    >>> pieces = Pieces(np.asarray([wall]))
    >>> [pair.tolist() for pair in pieces.touching(paths)], [pair.tolist() for pair in pieces.crossing(paths)]
    ([[0, 1], [0, 0]], [[0], [0]])
    """

    def __init__(self, lines: Shapes) -> None:
        self.lines = lines
        self._walls = meeting.walls(corners.of(lines))

    def touching(self, paths: Shapes, asked: Callable[[Ints, Ints], Bools] | None = None) -> tuple[Ints, Ints]:
        """Rows of paths (lines) and of lines that have a point in common, each pair once, sorted.

        `asked`: of rows of paths and of lines, the pairs that are asked about; without it, all.
        """
        begin, stop, of = straight(paths)

        def pairs(some: slice) -> tuple[Ints, Ints]:
            piece, line = meeting.touching(begin[some], stop[some], self._walls)
            return of[piece + some.start], line

        path, line = in_slices(pairs, len(begin))
        number = max(len(self.lines), 1)
        pair = np.unique(path * number + line)
        path, line = pair // number, pair % number
        if asked is None:
            return path, line
        wanted = asked(path, line)
        return path[wanted], line[wanted]

    def crossing(self, paths: Shapes, asked: Callable[[Ints, Ints], Bools] | None = None) -> tuple[Ints, Ints]:
        """Those that cross, as `shapely.crosses` says of the whole paths and lines: touching is not crossing."""
        path, line = self.touching(paths, asked)
        if not len(path):
            return path, line
        hit = side_by_side(shapely.crosses, paths[path], self.lines[line])
        return path[hit], line[hit]


def straight(paths: Shapes) -> tuple[Floats, Floats, Ints]:
    """Begin and end of every straight piece of some lines, and the row of the line that it is of."""
    xy, row = shapely.get_coordinates(paths, return_index=True)
    first = np.flatnonzero(row[1:] == row[:-1])
    return xy[first], xy[first + 1], row[first]


def meet(ends: Floats, shapes: Shapes) -> Bools:
    """Which straight pieces (both ends: n, 2, 2) and shapes have a point in common, pair by pair; a piece without length is a point.

    >>> meet(np.asarray([[[2.0, 0.0], [2.0, 0.0]]]), np.asarray([shapely.box(0, 0, 9, 9)])).tolist()
    [True]
    """
    if len(ends) != len(shapes):
        raise ValueError(f"{len(ends)} pieces and {len(shapes)} shapes are no pairs")
    begin, stop, drawn = ends[:, 0].copy(), ends[:, 1].copy(), corners.of(shapes)
    return side_by_side(lambda a, b, row: meeting.meets(a, b, drawn, row), begin, stop, np.arange(len(shapes)))


def within(points: Floats, lines: Streets, reach: Floats) -> tuple[Ints, Ints, Floats]:
    """Straight pieces of lines that are no farther from a point than its `reach`, and the nearest place on each; sorted by point.

    Gives rows of points, the corners with which the pieces begin, and places (n, 2).
    """
    if not len(points):
        return np.empty(0, dtype=np.intp), np.empty(0, dtype=np.intp), np.empty((0, 2))

    def near(some: slice) -> tuple[Floats, ...]:
        found, count = meeting.beside(points[some], reach[some], lines)
        return found[:count, 0] + some.start, found[:count, 1], found[:count, 2:]

    point, corner, place = in_slices(near, len(points))
    return point.astype(np.intp), corner.astype(np.intp), place
