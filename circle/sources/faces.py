"""Closed places of a certain size among very many segments, without making a polygon of every small one.

Takes: segments that meet at their ends.   Gives: the polygons that GEOS's polygonizer makes of them, less those that are too small.
Never: makes other polygons than `shapely.polygonize` would: it finds out which segments matter, and GEOS gets only those. What is too
small is kept as long as it is a hole, or the edge, of something large.

Nearly all that walls and houses close is one small house, and GEOS is slow where there are hundreds of thousands of them. Their areas
are known as soon as it is known which segment follows which: around each node the segments are put in order by their direction, and
whoever comes along one of them leaves by the next. These rings are the cycles of a permutation, and their areas are sums. Of segments
drawn twice GEOS keeps none, and so does this.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

Segments = NDArray[np.float64]
_ROUNDING_M2 = 1.0  # areas are sums of large numbers: more than their rounding, and far less than a place that matters


@dataclass(frozen=True, slots=True)
class _Rings:
    """Half-edges (`2 * row` along a segment, `2 * row + 1` against it): their ring, or -1 where both sides of a segment are one place."""

    node: NDArray[np.intp]  # where each half-edge starts
    ring: NDArray[np.intp]
    area: NDArray[np.float64]  # of each ring: above zero around a place, below zero around a piece of the drawing, from without


def polygons(segments: Segments, least_m2: float) -> NDArray[np.object_]:
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
    large = traced.area >= least_m2 - _ROUNDING_M2
    if not large.any():
        return np.empty(0, dtype=object)
    needed = large | _holes(segments, traced, large)
    of_needed = np.append(needed, False)[traced.ring]  # ring -1 is the last, and none
    kept = np.flatnonzero(of_needed[0::2] | of_needed[1::2])
    found = shapely.get_parts(shapely.polygonize(shapely.linestrings(segments[kept])))
    found = np.asarray(found[shapely.area(found) >= least_m2], dtype=object)
    return found[_begun(found, segments, large[traced.ring] & (traced.ring >= 0))]


def _begun(found: NDArray[np.object_], segments: Segments, half: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which polygons begin with one of these half-edges: the others are what lies between, since not all segments were there."""
    corners, owner = shapely.get_coordinates(found, return_index=True)
    start = np.flatnonzero(np.r_[True, owner[1:] != owner[:-1]]) if len(owner) else owner
    ends = segments.view(np.complex128).reshape(-1)
    steps = pd.MultiIndex.from_arrays([ends[half], ends[np.arange(len(ends))[half] ^ 1]])
    points = corners.view(np.complex128).ravel()
    return np.asarray(pd.MultiIndex.from_arrays([points[start], points[start + 1]]).isin(steps), dtype=bool)


def _traced(segments: Segments) -> _Rings:
    """Rings of all segments but dangling and cut ones."""
    ends = segments.reshape(-1, 2)
    node = pd.factorize(np.ascontiguousarray(ends).view(np.complex128).ravel())[0].astype(np.intp)
    along = segments[:, 1] - segments[:, 0]
    there = np.arctan2(along[:, 1], along[:, 0])
    back = np.arctan2(0.0 - along[:, 1], 0.0 - along[:, 0])  # a zero without a sign: else one direction had two angles
    order = np.lexsort((np.stack([there, back], axis=1).ravel(), node))  # stable: of segments drawn twice the first stays first, as in GEOS
    ring = _cycles(node, order)
    parts = np.repeat(ring[0::2] != ring[1::2], 2)  # the others have the same place on both sides: they end loosely, or join two pieces
    ring = np.full(len(node), -1, dtype=np.intp)
    if parts.any():
        order = order[parts[order]]
        row = np.cumsum(parts) - 1
        ring[parts] = _cycles(node[parts], row[order])
    middle = ends.mean(axis=0)
    (x, y), (to_x, to_y) = (segments[:, 0] - middle).T, (segments[:, 1] - middle).T
    twice = x * to_y - to_x * y
    share = np.stack([-twice, twice], axis=1).ravel() / 2  # the place lies to the right
    return _Rings(node, ring, np.bincount(ring[parts], weights=share[parts]).astype(np.float64))


def _cycles(node: NDArray[np.intp], order: NDArray[np.intp]) -> NDArray[np.intp]:
    """Number of the ring of each half-edge; `order` sorts them by node and, around it, against the clock."""
    first = np.flatnonzero(np.r_[True, node[order][1:] != node[order][:-1]])
    after = np.empty_like(order)
    after[:-1] = order[1:]
    last = np.r_[first[1:], len(order)] - 1
    after[last] = order[first]
    follows = np.empty_like(order)
    follows[order ^ 1] = after  # who arrives along the other half of a half-edge goes on along its neighbour
    number = len(order)
    graph = coo_array((np.ones(number, dtype=np.int8), (np.arange(number), follows)), shape=(number, number))
    return np.asarray(connected_components(graph, directed=False)[1], dtype=np.intp)


def _holes(segments: Segments, traced: _Rings, large: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which rings are the outer edge of a piece that may stand in a large place: none that does is missed, and too many do no harm."""
    half = np.flatnonzero(traced.ring >= 0)
    half = half[np.argsort(traced.ring[half], kind="stable")]
    start = np.flatnonzero(np.r_[True, np.diff(traced.ring[half]) > 0])
    spots = segments.reshape(-1, 2)[half]
    boxes = shapely.box(*np.minimum.reduceat(spots, start).T, *np.maximum.reduceat(spots, start).T)
    touching = np.zeros(len(large), dtype=bool)
    visit = pd.DataFrame({"ring": traced.ring[half], "node": traced.node[half]})
    touching[visit["ring"].to_numpy()[visit.duplicated().to_numpy()]] = True  # GEOS takes such a ring apart: a part may be a hole
    outer = np.flatnonzero((traced.area <= 0) | touching)
    place = np.flatnonzero(large)
    inside = shapely.STRtree(boxes[place]).query(boxes[outer], predicate="covered_by")[0]
    out = np.zeros(len(large), dtype=bool)
    out[outer[inside]] = True
    return out
