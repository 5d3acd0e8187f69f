"""Closed places among segments are those that GEOS finds among them, byte for byte, once none of them comes twice."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from circle.sources import faces


def _by_geos(segments: np.ndarray, least_m2: float) -> list[bytes]:
    seen: set[tuple[tuple[float, float], ...]] = set()
    once = []
    for segment in segments.tolist():
        ends = tuple(sorted(map(tuple, segment)))
        once.append(ends not in seen)
        seen.add(ends)
    segments = segments[once]
    found = shapely.get_parts(shapely.polygonize(shapely.linestrings(segments)))
    return [each.wkb for each in found[shapely.area(found) >= least_m2]]


def _ours(segments: np.ndarray, least_m2: float) -> list[bytes]:
    return [each.wkb for each in faces.polygons(segments, least_m2)]


def _ring(*corners: tuple[float, float]) -> np.ndarray:
    closed = np.array([*corners, corners[0]], dtype=float)
    return np.stack([closed[:-1], closed[1:]], axis=1)


def _box(x: float, y: float, wide: float) -> np.ndarray:
    return _ring((x, y), (x + wide, y), (x + wide, y + wide), (x, y + wide))


YARD = _box(0, 0, 100)
DRAWN = {
    "a house in a yard": [YARD, _box(40, 40, 10)],
    "a house that touches the wall from within at a corner": [YARD, _ring((0, 0), (10, 5), (10, 10), (5, 10))],
    "a house that touches the wall from without": [YARD, _box(100, 100, 10)],
    "two yards that share a corner": [YARD, _box(100, 100, 60)],
    "a yard in a yard": [YARD, _box(10, 10, 80), _box(20, 20, 5)],
    "two yards with the wall between them drawn once": [YARD, _box(100, 0, 100)[[0, 1, 2]]],
    "two yards with the wall between them drawn twice": [YARD, _box(100, 0, 100)],
    "a wall drawn three times": [YARD, YARD[:1], YARD[:1, ::-1], _box(20, -40, 40)],
    "houses in a row along the wall": [YARD, *[_box(x, 100, 10) for x in range(0, 100, 10)]],
    "a row of houses that hides in a hole": [YARD, _box(40, 40, 10), _box(50, 50, 10), _box(60, 40, 10)],
    "a wall that leads nowhere, and one that joins two yards": [
        YARD,
        _box(200, 0, 80),
        np.array([[[100.0, 0], [200, 0]], [[0, 0], [-9, -9]]]),
    ],
    "a house on a stick": [YARD, _box(40, 40, 10), np.array([[[0.0, 0], [40, 40]]])],
    "walls that cross without a common point": [YARD, _box(50, 50, 100)],
    "a figure of eight": [_ring((0, 0), (100, 0), (50, 50), (100, 100), (0, 100), (50, 50))],
    "a house that stands against a wall between its corners": [YARD, _ring((50, 0), (60, 10), (50, 20), (40, 10))],
    "a house that stands against a slanting wall": [
        _ring((0, 0), (90, 30), (90, 120), (0, 120)),
        _ring((30, 10), (60, 60), (20, 40)),
        _ring((60, 20), (70, 40), (60, 40)),
    ],
    "a yard whose wall comes back to one corner twice": [
        _ring((0, 0), (100, 0), (100, 100), (50, 60), (60, 90), (40, 90), (50, 60), (0, 100)),
        _box(49, 70, 5),
    ],
    "nothing large": [_box(0, 0, 5), _box(5, 0, 5)],
    "nothing closed": [YARD[:3]],
}


@pytest.mark.parametrize("drawn", DRAWN)
@pytest.mark.parametrize("away", [(0.0, 0.0), (-54321.123, 98765.4321)])
@pytest.mark.parametrize("least", [1.0, 1000.0, 5000.0])
def test_drawn_by_hand(drawn: str, away: tuple[float, float], least: float) -> None:
    segments = np.concatenate(DRAWN[drawn]) + np.array(away)
    assert _ours(segments, least) == _by_geos(segments, least)


def test_the_yard_keeps_its_hole_and_the_house_is_left_out() -> None:
    (yard,) = faces.polygons(np.concatenate(DRAWN["a house in a yard"]), 1000.0)
    assert shapely.area(yard) == 100 * 100 - 10 * 10


def test_a_wall_mapped_with_each_of_two_yards_parts_them() -> None:
    twice = np.concatenate(DRAWN["two yards with the wall between them drawn twice"])
    assert [shapely.area(each) for each in faces.polygons(twice, 1000.0)] == [100 * 100, 100 * 100]


def test_a_hole_can_make_a_place_too_small() -> None:
    segments = np.concatenate([_box(0, 0, 40), _box(1, 1, 30)])
    assert [shapely.area(each) for each in faces.polygons(segments, 650.0)] == [1600 - 900, 900]
    assert [shapely.area(each) for each in faces.polygons(segments, 750.0)] == [900]


def test_no_segments() -> None:
    assert not len(faces.polygons(np.empty((0, 2, 2)), 1000.0))


@st.composite
def _grids(draw: st.DrawFn) -> np.ndarray:
    """Segments and diagonals of an uneven grid, some drawn again, in any order and either way: they meet in ends only."""
    number = draw(st.integers(2, 6))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    x, y = np.cumsum(rng.uniform(1, 30, (2, number + 1)), axis=1) + rng.uniform(-1e5, 1e5, (2, 1))
    at = np.stack(np.meshgrid(x, y), axis=2)
    across = np.stack([at[:, :-1], at[:, 1:]], axis=2).reshape(-1, 2, 2)
    up = np.stack([at[:-1], at[1:]], axis=2).reshape(-1, 2, 2)
    slant = np.stack([at[:-1, :-1], at[1:, 1:]], axis=2).reshape(-1, 2, 2)
    segments = np.concatenate([across, up, slant[rng.random(len(slant)) < 0.3]])
    segments = segments[rng.random(len(segments)) < draw(st.sampled_from([0.4, 0.6, 0.8, 1.0]))]
    again = segments[rng.random(len(segments)) < draw(st.sampled_from([0.0, 0.0, 0.1]))]
    segments = rng.permutation(np.concatenate([segments, again]))
    turned = rng.random(len(segments)) < 0.5
    segments[turned] = segments[turned, ::-1]
    return segments


@settings(max_examples=80, deadline=None)
@given(_grids(), st.sampled_from([5.0, 50.0, 200.0, 1000.0]))
def test_as_geos_on_parts_of_a_grid(segments: np.ndarray, least: float) -> None:
    if len(segments):
        assert _ours(segments, least) == _by_geos(segments, least)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.integers(4, 40), st.sampled_from([20.0, 300.0, 2000.0]))
def test_as_geos_where_lines_cross_and_are_cut_there(seed: int, number: int, least: float) -> None:
    rng = np.random.default_rng(seed)
    lines = shapely.linestrings(rng.uniform(-100, 100, (number, 2, 2)))
    corners, index = shapely.get_coordinates(shapely.get_parts(shapely.union_all(lines)), return_index=True)
    along = index[1:] == index[:-1]
    segments = np.stack([corners[:-1][along], corners[1:][along]], axis=1)
    houses = np.concatenate([_box(x, y, 0.01) for x, y in rng.uniform(-100, 100, (5, 2))])  # small enough to cross nothing, nearly always
    segments = rng.permutation(np.concatenate([segments, houses]))
    assert _ours(segments, least) == _by_geos(segments, least)
