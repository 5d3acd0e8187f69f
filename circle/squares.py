"""Pedestrian squares, crossed in straight lines.

Takes: `ways` and `vertices` of which some are outlines of squares.   Gives: the same, with the straight lines across each square added.
Never: leaves the square: a line that touches a hole or cuts a corner is not walked.

People cross a square from any way in to any way out. The shortest such walk is a chain of straight lines between the points where other
ways meet the outline and the corners that stand in the way, so those points are joined wherever they see each other (visibility graph).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from circle.chunks import side_by_side
from circle.projection import Plane

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Bools = NDArray[np.bool_]
Shapes = NDArray[np.object_]

MOST_POINTS = 64  # a square with more points keeps the ways in and out only: lines grow with the square of their number
TOLERANCE_M = 0.05


def cross(ways: pd.DataFrame, vertices: pd.DataFrame, plane: Plane) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Add straight lines across every square.

    Rows that were there keep their order; lines across a square come after them, with its id, name, class and access. Rings of one
    relation (same negative `way`) are one square with holes.
    """
    count = ways["count"].to_numpy()
    start = np.cumsum(count) - count
    node, lon, lat = (vertices[name].to_numpy() for name in ("node", "lon", "lat"))
    is_square = ways["square"].to_numpy(dtype=bool) & (node[start] == node[start + count - 1]) & (count > 3)
    if not is_square.any():
        return ways, vertices
    ref, inverse, uses = np.unique(node, return_inverse=True, return_counts=True)
    uses = uses - np.bincount(inverse[start[is_square]], minlength=len(ref))  # a ring names its first node twice
    rows = np.flatnonzero(is_square)
    gate = uses[inverse] > 1
    way = ways["way"].to_numpy()[rows]
    square = np.unique(np.where(way < 0, way, -(2**62) - rows), return_inverse=True)[1]  # rings of one relation are one square
    first = start[rows]
    size = count[rows] - 1
    point = np.repeat(first - np.r_[0, np.cumsum(size)[:-1]], size) + np.arange(size.sum())
    ring = np.repeat(np.arange(len(rows)), size)
    x, y = plane.forward(lon[point], lat[point])
    shapes, outer = _shapes(x, y, ring, square)
    chosen = _chosen(_corners(x, y, ring, size, outer), gate[point], square[ring])
    a, b = _pairs(square[ring], chosen)
    place = np.arange(len(point)) - np.repeat(np.r_[0, np.cumsum(size)[:-1]], size)
    apart = np.abs(place[a] - place[b])
    apart_enough = (ring[a] != ring[b]) | ((apart != 1) & (apart != size[ring[a]] - 1))
    before, after = _neighbours(size)
    taut = _taut((x, y), (a, b), before, after) | gate[point[a]]
    taut &= _taut((x, y), (b, a), before, after) | gate[point[b]]
    a, b = a[apart_enough & taut], b[apart_enough & taut]
    lines = shapely.linestrings(np.stack([np.column_stack([x[a], y[a]]), np.column_stack([x[b], y[b]])], axis=1))
    seen = shapely.covers(shapes[square[ring[a]]], lines)  # on one core: two that ask one prepared shape at once crash GEOS
    ends = np.column_stack([point[a[seen]], point[b[seen]]])
    more = ways.iloc[rows[ring[a[seen]]]].assign(count=2, square=False)
    return (
        pd.concat([ways, more], ignore_index=True),
        pd.concat([vertices, vertices.iloc[ends.ravel()]], ignore_index=True),
    )


def _shapes(x: Floats, y: Floats, ring: Ints, square: Ints) -> tuple[Shapes, Bools]:
    """One shape per square, a little wider so that its own outline lies inside, prepared; and which ring is the outline of its square."""
    areas = shapely.polygons(shapely.linearrings(x, y, indices=ring))
    order = np.lexsort((-shapely.area(areas), square))
    largest = order[np.r_[True, square[order][1:] != square[order][:-1]]]
    outer = np.zeros(len(areas), dtype=bool)
    outer[largest] = True
    shapes = areas[largest]
    holes = np.flatnonzero(~outer)
    holes = holes[side_by_side(shapely.is_valid, areas[holes])]
    turn = pd.Series(square[holes]).groupby(square[holes]).cumcount().to_numpy()
    for step in range(int(turn.max(initial=-1)) + 1):  # one hole of each square at a time
        now = holes[turn == step]
        shapes[square[now]] = side_by_side(shapely.difference, shapes[square[now]], areas[now])
    broken = ~side_by_side(shapely.is_valid, shapes)
    shapes[broken] = shapely.make_valid(shapes[broken])
    wider = side_by_side(lambda some: shapely.buffer(some, TOLERANCE_M, quad_segs=2), shapes)
    shapely.prepare(wider)
    return wider, outer


def _corners(x: Floats, y: Floats, ring: Ints, size: Ints, outer: Bools) -> Bools:
    """Points that stick into their square: a shortest walk can only bend there."""
    before, after = _neighbours(size)
    turn = (x - x[before]) * (y[after] - y) - (y - y[before]) * (x[after] - x)
    area = np.bincount(ring, weights=x * y[after] - x[after] * y, minlength=len(size))
    inward = turn * np.sign(area)[ring] < 0
    return np.where(outer[ring], inward, ~inward)


def _neighbours(size: Ints) -> tuple[Ints, Ints]:
    """The points before and after each point on its ring."""
    last = np.cumsum(size)
    index = np.arange(last[-1])
    before, after = index - 1, index + 1
    before[last - size] = last - 1
    after[last - 1] = last - size
    return before, after


def _taut(xy: tuple[Floats, Floats], line: tuple[Ints, Ints], before: Ints, after: Ints) -> Bools:
    """Whether a string along each line would lie against its first end: both sides of the ring there are on one side of the line.

    A shortest walk bends only around such ends, so other lines to a corner are never on one.
    """
    (x, y), (end, other) = xy, line
    dx, dy = x[end] - x[other], y[end] - y[other]

    def side(neighbour: Ints) -> Floats:
        return np.asarray(dx * (y[neighbour] - y[end]) - dy * (x[neighbour] - x[end]))

    return np.asarray(side(before[end]) * side(after[end]) >= 0)


def _chosen(corner: Bools, gate: Bools, square: Ints) -> Ints:
    """Points between which one crosses: ways in and corners; in a square with very many of them the ways in only, up to `MOST_POINTS`."""
    useful = gate | corner
    useful &= gate | (np.bincount(square, weights=useful)[square] <= MOST_POINTS)
    rows = np.flatnonzero(useful)
    rows = rows[np.argsort(square[rows], kind="stable")]
    owner = square[rows]
    begin = np.flatnonzero(np.r_[True, owner[1:] != owner[:-1]]) if len(rows) else rows
    place = np.arange(len(rows)) - np.repeat(begin, np.diff(np.r_[begin, len(rows)]))
    return rows[place < MOST_POINTS]


def _pairs(square: Ints, chosen: Ints) -> tuple[Ints, Ints]:
    """All pairs of chosen points of one square; `chosen` is sorted by square."""
    number = np.bincount(square[chosen], minlength=int(square.max()) + 1)
    begin = np.cumsum(number) - number
    parts = [np.stack(_triangle(int(n))) + at for n, at in zip(number, begin, strict=True) if n > 1]
    pairs = np.concatenate(parts, axis=1) if parts else np.empty((2, 0), dtype=np.intp)
    return chosen[pairs[0]], chosen[pairs[1]]


@lru_cache(maxsize=MOST_POINTS + 1)
def _triangle(size: int) -> tuple[Ints, Ints]:
    first, second = np.triu_indices(size, 1)
    return first, second
