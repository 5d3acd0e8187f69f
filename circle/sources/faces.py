"""Closed places of a certain size among very many segments, without making a polygon of every small one.

Takes: segments that meet at their ends.   Gives: the polygons that GEOS's polygonizer makes of them, less those that are too small.
Never: makes other polygons than `shapely.polygonize` would of segments that each come once, or begins one at another corner.

Nearly all that walls and houses close is one small house, and GEOS is slow where there are hundreds of thousands of them. Their areas
are known as soon as it is known which segment follows which: around each node the segments are put in order by their direction, and
whoever comes along one of them leaves by the next. These rings are the cycles of a permutation, and their areas are sums. Only the large
ones, and what may be a hole in them, are then drawn. A segment that comes twice counts once: the wall between two compounds is often mapped
with each of them. (GEOS would keep neither, and make one place of the two.)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from circle.kernels import faces as rings

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Segments = NDArray[np.float64]
Shapes = NDArray[np.object_]
_ROUNDING_M2 = 1.0  # areas are sums of large numbers: more than their rounding, and far less than a place that matters
_HAIR_M = 1e-6  # a corner this near to another ring's side is judged by GEOS


@dataclass(frozen=True, slots=True)
class _Rings:
    """Rings of half-edges (`2 * row` along a segment, `2 * row + 1` against it), in the order of their lowest ones.

    Attributes: `spots` (where each half-edge starts), `follows` (the half-edge after each), `begin` (the lowest of each ring), `box` (west,
    south, east, north), `area` (above zero around a place, below zero around a piece of the drawing, from without), `count` (corners).
    """

    spots: Floats
    follows: Ints
    begin: Ints
    box: Floats
    area: Floats
    count: Ints


def polygons(segments: Segments, least_m2: float) -> Shapes:
    """Places of `least_m2` or more, their holes taken off, that segments close: those of `shapely.polygonize`, in its order.

    Parameters
    ----------
    segments
        Metres, shape (number, 2 ends, 2 axes); none without length. They meet only in ends that are exactly equal.
    least_m2
        Area in square metres, above zero.

    Examples
    --------
    >>> corners = np.array([[0, 0], [0, 40], [40, 40], [40, 0], [0, 0]], dtype=float)
    >>> large = np.stack([corners[:-1], corners[1:]], axis=1)
    >>> polygons(np.concatenate([large, large / 10 + 100]), least_m2=1000)
    array([<POLYGON ((0 0, 0 40, 40 40, 40 0, 0 0))>], dtype=object)
    """
    if not len(segments):
        return np.empty(0, dtype=object)
    traced = _traced(segments)
    large = np.flatnonzero(traced.area >= least_m2 - _ROUNDING_M2)
    if not len(large):
        return np.empty(0, dtype=object)
    hole, shell = _nested(traced.box, large, traced.area)
    drawn, row = np.unique(np.r_[large, hole, shell], return_inverse=True)
    first = np.r_[0, np.cumsum(traced.count[drawn])]
    points = traced.spots[rings.walked(traced.follows, traced.begin[drawn], first)]
    lines = shapely.linearrings(points, indices=np.repeat(np.arange(len(drawn)), traced.count[drawn]))
    valid = shapely.is_valid(lines)  # GEOS passes over rings that cross themselves
    large = row[: len(large)]
    hole, shell = row[len(large) : len(large) + len(hole)], row[len(large) + len(hole) :]
    good = valid[hole] & valid[shell]
    hole, shell = _smallest(hole[good], shell[good], (points, first), lines, traced.box[drawn])
    of_large = np.isin(shell, large)
    hole, shell = hole[of_large], shell[of_large]
    owner = np.r_[large[valid[large]], shell]
    ring = np.r_[large[valid[large]], hole]
    order = np.lexsort((ring, np.arange(len(ring)) >= len(ring) - len(hole), owner))  # each place before its holes, holes in their order
    found = shapely.polygons(lines[ring[order]], indices=np.unique(owner[order], return_inverse=True)[1])
    return np.asarray(found[shapely.area(found) >= least_m2], dtype=object)


def _traced(segments: Segments) -> _Rings:
    """Rings of all segments, each taken once, but dangling and cut ones; none comes to a node twice."""
    node = pd.factorize(np.ascontiguousarray(segments).view(np.complex128).ravel())[0].astype(np.intp)
    ends = np.sort(node.reshape(-1, 2), axis=1)
    once = ~pd.Series(ends[:, 0] * (node.max() + 1) + ends[:, 1]).duplicated().to_numpy()
    segments, node = segments[once], node.reshape(-1, 2)[once].ravel()
    spots = np.ascontiguousarray(segments.reshape(-1, 2))
    along = segments[:, 1] - segments[:, 0]
    there = np.arctan2(along[:, 1], along[:, 0])
    back = np.arctan2(0.0 - along[:, 1], 0.0 - along[:, 0])  # a zero without a sign: else one direction had two angles
    star = rings.around(node, np.stack([there, back], axis=1).ravel(), int(node.max()) + 1)
    ring, _ = rings.numbered(rings.followers(*star, np.ones(len(node), dtype=bool)))
    parts = np.repeat(ring[0::2] != ring[1::2], 2)  # the others have the same place on both sides: they end loosely, or join two pieces
    follows = rings.followers(*star, parts)
    ring, _ = rings.numbered(follows)
    rings.take_apart(*star, ring, follows)
    _, begin = rings.numbered(follows)
    return _Rings(spots, follows, begin, *rings.measured(follows, begin, *np.ascontiguousarray(spots.T)))


def _nested(box: Floats, large: Ints, area: Floats) -> tuple[Ints, Ints]:
    """Rings that may be a hole in a large place, and the places, small ones too, whose boxes hold theirs: pairs."""
    outer = np.flatnonzero(area < 0)
    outer = outer[np.unique(_held(box[outer], box[large])[0])]
    place = np.flatnonzero(area > 0)
    inner, shell = _held(box[outer], box[place])
    return outer[inner], place[shell]


def _held(inner: Floats, outer: Floats) -> tuple[Ints, Ints]:
    """Pairs of boxes of which one holds the other, and is not the same."""
    held, holder = shapely.STRtree(shapely.box(*outer.T)).query(shapely.box(*inner.T))
    one, other = inner[held], outer[holder]
    within = (other[:, :2] <= one[:, :2]).all(axis=1) & (one[:, 2:] <= other[:, 2:]).all(axis=1) & (one != other).any(axis=1)
    return held[within], holder[within]


def _smallest(hole: Ints, shell: Ints, corners: tuple[Floats, Ints], lines: Shapes, box: Floats) -> tuple[Ints, Ints]:
    """Of the pairs whose second ring does hold the first, for each hole that with the smallest box."""
    state = rings.inside(*corners, hole, shell, _HAIR_M)
    for pair in np.flatnonzero(state == rings.UNSURE).tolist():
        points, place = shapely.get_coordinates(lines[hole[pair]]), shapely.Polygon(lines[shell[pair]])
        sure = shapely.contains_xy(place, points).astype(int) - ~shapely.intersects_xy(place, points)
        state[pair] = sure[np.flatnonzero(sure)[0]] if sure.any() else rings.OUTSIDE
    hole, shell = hole[state == rings.INSIDE], shell[state == rings.INSIDE]
    size = (box[:, 2:] - box[:, :2]).prod(axis=1)
    order = np.lexsort((size[shell], hole))
    hole, shell = hole[order], shell[order]
    first = np.flatnonzero(np.r_[True, hole[1:] != hole[:-1]]) if len(hole) else hole
    return hole[first], shell[first]
