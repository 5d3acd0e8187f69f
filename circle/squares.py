"""Pedestrian squares, crossed in straight lines.

Takes: `ways` and `vertices` of which some are outlines of squares.   Gives: the same, with the straight lines across each square added.
Never: leaves the square: a line that touches a hole or cuts a corner is not walked.

People cross a square from any way in to any way out. The shortest such walk is a chain of straight lines between the points where other
ways meet the outline and the corners that stand in the way, so those points are joined wherever they see each other (visibility graph).
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from circle.projection import Plane

MOST_POINTS = 160  # a square with more points keeps the ways in and out only: lines grow with the square of their number
TOLERANCE_M = 0.05


def cross(ways: pd.DataFrame, vertices: pd.DataFrame, plane: Plane) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Add straight lines across every square.

    Rows that were there keep their order; lines across a square come after them, with its id, name, class and access. Rings of one
    relation (same negative `way`) are one square with holes.
    """
    count = ways["count"].to_numpy()
    start = np.cumsum(count) - count
    node, lon, lat = (vertices[name].to_numpy() for name in ("node", "lon", "lat"))
    is_square = ways["square"].to_numpy(dtype=bool) & (node[start] == node[start + count - 1]) & (count > 3)  # noqa: PLR2004
    if not is_square.any():
        return ways, vertices
    ref, inverse, uses = np.unique(node, return_inverse=True, return_counts=True)
    uses = uses - np.bincount(inverse[start[is_square]], minlength=len(ref))  # a ring names its first node twice
    rings: dict[int, list[int]] = {}
    for row in np.flatnonzero(is_square):
        way = int(ways["way"].iat[row])
        rings.setdefault(way if way < 0 else -way - 2**62, []).append(row)
    owner, ends = [], []
    for rows in rings.values():
        points = np.concatenate([np.arange(start[r], start[r] + count[r] - 1) for r in rows])
        x, y = plane.forward(lon[points], lat[points])
        lines = _across(x, y, np.asarray([count[r] - 1 for r in rows]), uses[inverse[points]] > 1)
        owner += [rows[0]] * len(lines)
        ends.append(points[lines])
    pairs = np.concatenate(ends) if owner else np.empty((0, 2), dtype=np.intp)
    more = ways.iloc[owner].assign(count=2, square=False)
    return (
        pd.concat([ways, more], ignore_index=True),
        pd.concat([vertices, vertices.iloc[pairs.ravel()]], ignore_index=True),
    )


def _across(x: NDArray[np.float64], y: NDArray[np.float64], sizes: NDArray[np.intp], gate: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Pairs of points, shape (n, 2), that see each other inside the square and are not neighbours on a ring."""
    last = np.cumsum(sizes)
    rings = [np.column_stack([x[a:b], y[a:b]]) for a, b in zip(last - sizes, last, strict=True)]
    areas = [shapely.polygons(ring) for ring in rings]
    outer = int(np.argmax(shapely.area(areas)))
    square = areas[outer]
    for number, hole in enumerate(areas):
        if number != outer:
            square = shapely.difference(square, hole) if shapely.is_valid(hole) else square
    if not shapely.is_valid(square):
        square = shapely.make_valid(square)
    within = shapely.buffer(square, TOLERANCE_M, quad_segs=2)
    shapely.prepare(within)
    useful = gate | np.concatenate([_corners(ring, hole=number != outer) for number, ring in enumerate(rings)])
    if useful.sum() > MOST_POINTS:
        useful = gate
    chosen = np.flatnonzero(useful)[:MOST_POINTS]
    a, b = (chosen[index] for index in np.triu_indices(len(chosen), 1))
    ring = np.repeat(np.arange(len(sizes)), sizes)
    within_ring = np.arange(len(x)) - np.repeat(last - sizes, sizes)
    apart = np.abs(within_ring[a] - within_ring[b])
    neighbours = (ring[a] == ring[b]) & ((apart == 1) | (apart == sizes[ring[a]] - 1))
    a, b = a[~neighbours], b[~neighbours]
    lines = shapely.linestrings(np.stack([np.column_stack([x[a], y[a]]), np.column_stack([x[b], y[b]])], axis=1))
    seen = shapely.covers(within, lines)
    return np.column_stack([a[seen], b[seen]])


def _corners(ring: NDArray[np.float64], *, hole: bool) -> NDArray[np.bool_]:
    """Points of a ring that stick into the square: a shortest walk can only bend there."""
    before, after = ring - np.roll(ring, 1, axis=0), np.roll(ring, -1, axis=0) - ring
    turn = before[:, 0] * after[:, 1] - before[:, 1] * after[:, 0]
    area = 0.5 * np.sum(ring[:, 0] * np.roll(ring[:, 1], -1) - np.roll(ring[:, 0], -1) * ring[:, 1])
    inward = turn * np.sign(area) < 0
    return ~inward if hole else inward
