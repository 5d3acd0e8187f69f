"""Crossings: which shapes meet which long lines, found at the near pieces of the lines, and on both cores.

Takes: lines on the plane, and shapes.   Gives: the pairs that have a point in common, or that cross.
Never: gives another answer than GEOS gives for the whole lines: what shares no point with any piece of a line does not meet the line.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import shapely
from numpy.typing import NDArray

from circle.chunks import side_by_side

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Bools = NDArray[np.bool_]
Shapes = NDArray[np.object_]

PIECE = 8  # straight pieces of a line in one piece of the tree: long walls and rivers have wide boxes
LINE = int(shapely.GeometryType.LINESTRING)
UNSURE = 1e-6  # units of the plane: far more than rounding, and far less than any two places of a map are apart


class Pieces:
    """Lines cut into pieces of few points, with a tree of them; no line may be prepared.

    A tree is asked for boxes only: asked for a predicate, it would keep the interpreter to itself.

    >>> wall = shapely.linestrings([[0, 0], [4, 4], [8, 0]])
    >>> paths = shapely.linestrings([[[3, 0], [3, 9]], [[4, 4], [4, 9]], [[4, 0], [4, 1]]])
    >>> pieces = Pieces(np.asarray([wall]))
    >>> [pair.tolist() for pair in pieces.touching(paths)], [pair.tolist() for pair in pieces.crossing(paths)]
    ([[0, 1], [0, 0]], [[0], [0]])
    """

    def __init__(self, lines: Shapes) -> None:
        self.lines = lines
        pieces, self.line = cut(lines)
        self._tree = shapely.STRtree(_drawn(pieces))

    def touching(self, shapes: Shapes, asked: Callable[[Ints, Ints], Bools] | None = None) -> tuple[Ints, Ints]:
        """Rows of shapes and of lines that have a point in common, each pair once, sorted.

        `asked`: of rows of shapes and of lines, the pairs that are asked about; without it, all.
        """
        shape, piece = self._tree.query(shapes)
        if asked is not None:
            wanted = asked(shape, self.line[piece])
            shape, piece = shape[wanted], piece[wanted]
        if not len(shape):
            return shape, piece
        hit = meet(shapes[shape], self._tree.geometries[piece])
        number = max(len(self.lines), 1)
        pair = np.unique(shape[hit] * number + self.line[piece[hit]])
        return pair // number, pair % number

    def crossing(self, shapes: Shapes, asked: Callable[[Ints, Ints], Bools] | None = None) -> tuple[Ints, Ints]:
        """Those that cross, as `shapely.crosses` says of the whole shapes and lines: touching is not crossing."""
        shape, line = self.touching(shapes, asked)
        if not len(shape):
            return shape, line
        hit = side_by_side(shapely.crosses, shapes[shape], self.lines[line])
        return shape[hit], line[hit]


def meet(one: Shapes, other: Shapes) -> Bools:
    """Which pairs of shapes, none of them prepared, have a point in common, as GEOS says of prepared ones.

    A line without length is taken as the point that it is: GEOS finds that one meets nothing, unless it is prepared.

    >>> meet(shapely.linestrings([[[2, 0], [2, 0]]]), shapely.linestrings([[[0, 0], [9, 0]]])).tolist()
    [True]
    """
    return side_by_side(shapely.intersects, _drawn(one), _drawn(other))


def _drawn(shapes: Shapes) -> Shapes:
    """Shapes with a point for each line without length."""
    flat = np.flatnonzero((shapely.get_type_id(shapes) == LINE) & (shapely.length(shapes) == 0))
    if not len(flat):
        return shapes
    out = shapes.copy()
    out[flat] = shapely.get_point(shapes[flat], 0)
    return out


def cut(lines: Shapes) -> tuple[Shapes, Ints]:
    """Lines cut into pieces of few points, and the row of the line that each piece is of."""
    parts, row = shapely.get_parts(lines, return_index=True)
    points, index = shapely.get_coordinates(parts, return_index=True)
    if not len(points):
        return np.empty(0, dtype=object), np.empty(0, dtype=np.intp)
    a = np.flatnonzero(index[1:] == index[:-1])  # segments a → a + 1
    first = np.r_[True, index[a][1:] != index[a][:-1]]
    start = np.flatnonzero(first)
    place = np.arange(len(a)) - np.repeat(start, np.diff(np.r_[start, len(a)]))
    opens = first | (place % PIECE == 0)
    piece = np.cumsum(opens) - 1
    corners = np.concatenate([points[a], points[a[np.r_[opens[1:], True]] + 1]])
    number = np.concatenate([piece, piece[np.r_[opens[1:], True]]])
    order = np.argsort(number, kind="stable")
    return np.asarray(shapely.linestrings(corners[order], indices=number[order])), np.asarray(row[index[a[opens]]])


def within(points: Floats, begin: Floats, stop: Floats, reach: Floats) -> tuple[Ints, Ints, Floats]:
    """Rows of points and of straight pieces that are no farther apart than the point's `reach`, and the nearest place on the piece.

    Sorted by point. Near the limit, where rounding might tell, GEOS is asked.
    """
    none = np.empty(0, dtype=np.intp)
    if not len(points) or not len(begin):
        return none, none, np.empty((0, 2))
    straight = shapely.linestrings(np.stack([begin, stop], axis=1))
    x, y = points.T
    point, piece = shapely.STRtree(straight).query(shapely.box(x - reach, y - reach, x + reach, y + reach))
    place = nearest(begin[piece], stop[piece], points[point])
    over = np.hypot(*(place - points[point]).T) - reach[point]
    near = over <= 0
    unsure = np.flatnonzero(np.abs(over) <= UNSURE * (1.0 + reach[point]))
    if len(unsure):
        near[unsure] = shapely.dwithin(shapely.points(points[point[unsure]]), straight[piece[unsure]], reach[point[unsure]])
    return point[near], piece[near], place[near]


def nearest(begin: Floats, stop: Floats, place: Floats) -> Floats:
    """The point of each straight piece that is nearest to each place.

    >>> nearest(np.asarray([[0.0, 0.0]]), np.asarray([[9.0, 0.0]]), np.asarray([[4.0, 2.0]])).tolist()
    [[4.0, 0.0]]
    """
    along = stop - begin
    square = (along**2).sum(axis=1)
    share = np.divide(((place - begin) * along).sum(axis=1), square, out=np.zeros(len(square)), where=square > 0)
    return np.asarray(begin + np.clip(share, 0.0, 1.0)[:, None] * along)
