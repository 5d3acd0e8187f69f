"""Crossings: the same pairs as GEOS finds when it is asked for whole lines, without pieces, kernels or threads."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from circle import chunks, crossings
from circle.crossings import Pieces
from circle.kernels.nearest import Streets, streets

PLACE = st.tuples(st.integers(0, 6), st.integers(0, 6))  # a small grid: lines touch, overlap and end on each other all the time
PATHS = st.lists(st.lists(PLACE, min_size=2, max_size=5), min_size=1, max_size=8)
WALLS = st.lists(st.lists(PLACE, min_size=2, max_size=40), min_size=1, max_size=5)
ODD = st.floats(-50, 50, allow_nan=False, width=32)
SPOT = st.tuples(ODD, ODD)


def drawn(lines: list[list[tuple[float, float]]]) -> np.ndarray:
    return np.asarray([shapely.LineString(line) for line in lines], dtype=object)


def in_cells(ends: np.ndarray) -> Streets:
    """Straight pieces (n, 2, 2) as lines of two corners each."""
    return streets(ends.reshape(-1, 2), np.arange(0, 2 * len(ends) + 1, 2))


def asked(paths: np.ndarray, walls: np.ndarray, predicate: str) -> list[tuple[int, int]]:
    """What a tree of whole lines says; it prepares each path."""
    path, wall = shapely.STRtree(walls).query(paths, predicate=predicate)
    return sorted(zip(path.tolist(), wall.tolist(), strict=True))


def pairs(found: tuple[np.ndarray, np.ndarray]) -> list[tuple[int, int]]:
    return list(zip(found[0].tolist(), found[1].tolist(), strict=True))


@settings(deadline=None)
@given(PATHS, WALLS)
def test_pieces_find_what_a_tree_of_whole_lines_finds(paths, walls):
    one, other = drawn(paths), drawn(walls)
    pieces = Pieces(other)
    assert pairs(pieces.touching(one)) == asked(one, other, "intersects")
    assert pairs(pieces.crossing(one)) == asked(one, other, "crosses")


@settings(deadline=None)
@given(PATHS, WALLS, st.integers(0, 3))
def test_only_what_is_asked_about_is_answered(paths, walls, odd):
    one, other = drawn(paths), drawn(walls)
    some = Pieces(other).touching(one, lambda path, wall: (path + wall) % 4 == odd)
    assert pairs(some) == [pair for pair in asked(one, other, "intersects") if sum(pair) % 4 == odd]


@settings(deadline=None)
@given(
    st.lists(st.tuples(PLACE, PLACE), min_size=1, max_size=8),
    st.lists(st.tuples(PLACE, st.integers(1, 3), st.integers(1, 3)), min_size=1, max_size=8),
    WALLS,
)
def test_straight_pieces_meet_houses_and_walls_as_a_tree_says(pieces, houses, walls):
    """Near-misses and passages ask this without a tree that prepares."""
    one = drawn(pieces)
    boxes = [shapely.box(x, y, x + width, y + height) for (x, y), width, height in houses]
    holed = shapely.box(-1, -1, 7, 7).difference(shapely.unary_union(boxes))
    other = np.asarray([*boxes, *([] if holed.is_empty else [holed]), *drawn(walls)], dtype=object)
    piece, shape = (rows.ravel() for rows in np.indices((len(one), len(other))))
    said = crossings.meet(np.asarray(pieces, dtype=float)[piece], other[shape])
    assert pairs((piece[said], shape[said])) == asked(one, other, "intersects")


@settings(deadline=None)
@given(st.lists(st.tuples(SPOT, st.floats(0, 40, width=32)), max_size=12), st.lists(st.tuples(SPOT, SPOT), max_size=12))
def test_near_pieces_are_those_that_geos_says_are_near(spots, pieces):
    points, reach = np.asarray([place for place, _ in spots]).reshape(-1, 2), np.asarray([each for _, each in spots])
    ends = np.asarray(pieces).reshape(-1, 2, 2)
    spot, corner, place = crossings.within(points, in_cells(ends), reach)
    piece = corner // 2
    straight = shapely.linestrings(ends) if len(ends) else np.empty(0, dtype=object)
    away = {(s, p): shapely.distance(shapely.Point(points[s]), straight[p]) for s in range(len(points)) for p in range(len(ends))}
    found = set(pairs((spot, piece)))
    assert {pair for pair, metres in away.items() if metres <= reach[pair[0]] - 1e-9} <= found
    assert found <= {pair for pair, metres in away.items() if metres <= reach[pair[0]] + 1e-9}
    assert np.all(np.diff(spot) >= 0)
    away = np.hypot(*(place - points[spot]).T)
    assert away == pytest.approx(shapely.distance(shapely.points(points[spot]), straight[piece]), abs=1e-9)


def test_at_the_very_limit_the_last_bit_decides():
    """3-4-5: the distance is the reach to the last bit, and a hair less than it."""
    ends = np.asarray([[[3.0, 4.0], [6.0, 8.0]], [[3.0, 4.0], [6.0, 8.0]]])
    spot, corner, _ = crossings.within(np.zeros((2, 2)), in_cells(ends), np.asarray([5.0, np.nextafter(5.0, 0.0)]))
    assert set(pairs((spot, corner))) == {(0, 0), (0, 2)}


def test_many_pairs_are_judged_on_all_cores_alike():
    """More pairs than one thread takes: a comb of paths through a long wall of many corners."""
    x = np.arange(3 * chunks.SMALL) / 2
    paths = shapely.linestrings(
        np.stack([np.column_stack([x, x * 0 - 1]), np.column_stack([x, x * 0 + np.where(x % 3 == 0, 0.5, -0.5)])], axis=1)
    )
    wall = shapely.linestrings(np.column_stack([np.arange(-5, x.max() + 5), np.zeros(int(np.ceil(x.max() + 10)))]))
    path, _ = Pieces(np.asarray([wall])).crossing(paths)
    assert path.tolist() == np.flatnonzero(x % 3 == 0).tolist()


def test_nothing_meets_nothing():
    none = np.empty(0, dtype=object)
    line = drawn([[(0, 0), (1, 1)]])
    for one, other in ((none, line), (line, none), (none, none)):
        assert pairs(Pieces(other).touching(one)) == pairs(Pieces(other).crossing(one)) == []
