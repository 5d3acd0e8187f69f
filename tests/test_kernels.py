"""Kernels: the answers of GEOS, of exact fractions and of looking at every pair, on shapes that touch, overlap and lie in a line."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from circle import corners
from circle.kernels import meeting, segments
from circle.kernels.cells import around, cells
from circle.kernels.nearest import Asked, Corners, nearest, streets

ODD = st.floats(-1e5, 1e5, allow_nan=False)
PLACE = st.tuples(st.integers(0, 6), st.integers(0, 6))  # a small grid: much lies in a line or on each other
HOUSE = st.tuples(PLACE, st.integers(1, 3), st.integers(1, 3))


def lines_of(paths: list[list[tuple[float, float]]]) -> np.ndarray:
    return np.asarray([shapely.LineString(path) for path in paths], dtype=object)


def in_cells(lines: np.ndarray):
    return streets(shapely.get_coordinates(lines), np.r_[0, np.cumsum(shapely.get_num_coordinates(lines))])


@settings(deadline=None)
@given(ODD, ODD, ODD, ODD, ODD, ODD)
def test_a_side_is_that_of_exact_arithmetic(ax, ay, bx, by, px, py):
    one, other = Fraction(bx) - Fraction(ax), Fraction(by) - Fraction(ay)
    exact = one * (Fraction(py) - Fraction(ay)) - other * (Fraction(px) - Fraction(ax))
    if exact == 0 or abs(exact) > Fraction(1, 10**20):  # far below what numbers of this size can differ by
        assert segments.side(ax, ay, bx, by, px, py) == (exact > 0) - (exact < 0)


@pytest.mark.parametrize("share", [1 / 3, 0.1, 0.7, 2.0])
def test_a_hair_beside_a_slanting_line_is_beside_it(share):
    """The plain determinant of these is 0 or has the wrong sign."""
    a, b = (0.1, 0.3), (0.1 + 1e5, 0.3 + 3e5 / 7)
    x, y = 0.1 + share * 1e5, 0.3 + share * 3e5 / 7
    wide, tall = Fraction(b[0]) - Fraction(a[0]), Fraction(b[1]) - Fraction(a[1])
    for beside in (float(np.nextafter(y, -np.inf)), y, float(np.nextafter(y, np.inf))):
        exact = wide * (Fraction(beside) - Fraction(a[1])) - tall * (Fraction(x) - Fraction(a[0]))
        assert segments.side(*a, *b, x, beside) == (exact > 0) - (exact < 0)


@settings(deadline=None)
@given(st.lists(st.tuples(ODD, ODD, st.floats(0, 500), st.floats(0, 500)), max_size=20), st.tuples(ODD, ODD))
def test_every_box_lies_in_the_cells_that_it_touches(boxes, spot):
    """Asked around each box and around a spot, the grid gives each box that touches, once."""
    box = np.asarray([(x, y, x + wide, y + high) for x, y, wide, high in boxes]).reshape(-1, 4)
    grid = cells(box)
    assert grid.first[-1] == len(grid.member)
    for one in box:
        count, found = around(grid, *one.tolist(), np.empty(1, dtype=np.int32))
        touching = (box[:, :2] <= one[2:]).all(axis=1) & (box[:, 2:] >= one[:2]).all(axis=1)
        assert sorted(found[:count].tolist()) == np.flatnonzero(touching).tolist()


def test_what_lies_nowhere_is_in_no_cell_and_is_met_by_nothing():
    """A node at a pole lies at infinity on the plane; places that are no numbers must not be looked up in memory."""
    odd = np.asarray([[np.nan] * 4, [np.inf] * 4, [-np.inf, 0.0, np.inf, 5.0], [1.0, 1.0, 2.0, 2.0]])
    for box in (odd, odd[:2]):
        grid = cells(box)
        assert set(grid.member.tolist()) <= {2, 3}
    places = np.asarray([[0.0, 0.0], [9.0, 9.0], [np.inf, 0.0], [np.nan, 3.0]])
    walls = Corners(places, np.asarray([0, 2, 4]), np.asarray([0, 1, 2]), np.zeros(2, dtype=bool))
    ends = np.asarray([[[0.0, 9.0], [9.0, 0.0]], [[np.nan, np.nan], [1.0, 1.0]], [[-np.inf, 4.0], [np.inf, 4.0]]])
    piece, wall = meeting.touching(ends[:, 0].copy(), ends[:, 1].copy(), meeting.walls(walls))
    met = set(zip(piece.tolist(), wall.tolist(), strict=True))
    assert (0, 0) in met
    assert not {pair for pair in met if pair[0] == 1 or pair[1] == 1}


@settings(deadline=None)
@given(st.lists(HOUSE, min_size=1, max_size=6), st.lists(st.lists(PLACE, min_size=2, max_size=5), min_size=1, max_size=8))
def test_the_nearest_lines_are_those_of_looking_at_every_pair(houses, paths):
    """Houses, one with a court, doors of them, and a path: distances, places and shares as GEOS gives them."""
    boxes = [shapely.box(x, y, x + wide, y + high) for (x, y), wide, high in houses]
    holed = shapely.box(20, 0, 29, 9).difference(shapely.box(22, 2, 27, 7))
    shapes = np.asarray([*boxes, holed, shapely.Point(3, 3), shapely.LineString([(0, 0), (9, 1)])], dtype=object)
    lines = lines_of([*paths, [(23, 3), (25, 4)], [(24, 4), (40, 4)]])
    lines = lines[shapely.length(lines) > 0]
    number, among = len(shapes), np.arange(len(lines)) % 5 != 4
    reach = np.where(np.arange(number) % 2 == 0, 4.0, 9.0)
    near = nearest(corners.of(shapes), in_cells(lines), Asked(np.arange(number), np.full(number, 2.0), reach, 0, among))
    away = shapely.distance(shapes[:, None], lines[None, :]) / 2.0
    assert sorted(zip(near.shape.tolist(), near.line.tolist(), strict=True)) == [
        (i, j) for i, j in zip(*np.nonzero(away <= reach[:, None]), strict=True) if among[j]
    ]
    assert near.apart_m == pytest.approx(away[near.shape, near.line], abs=1e-12)
    assert shapely.distance(shapely.points(near.on_shape), shapes[near.shape]) == pytest.approx(0, abs=1e-9)
    assert shapely.distance(shapely.points(near.on_line), lines[near.line]) == pytest.approx(0, abs=1e-9)
    spot = shapely.line_interpolate_point(lines[near.line], near.share, normalized=True)
    assert shapely.distance(spot, shapely.points(near.on_line)) == pytest.approx(0, abs=1e-9)
    assert (np.diff(near.shape) >= 0).all()
    assert (np.diff(near.apart_m)[np.diff(near.shape) == 0] >= 0).all()
    some = nearest(corners.of(shapes), in_cells(lines), Asked(np.arange(number), np.full(number, 2.0), reach, 2, among))
    ties = [near.apart_m[near.shape == row] for row in range(number)]
    first = np.concatenate([each[each <= each[1]] if len(each) > 1 else each for each in ties])
    assert some.apart_m.tolist() == first.tolist()


@settings(deadline=None)
@given(
    st.lists(st.tuples(PLACE, PLACE), min_size=1, max_size=8),
    st.lists(HOUSE, min_size=1, max_size=6),
    st.lists(st.lists(PLACE, min_size=2, max_size=9), min_size=1, max_size=4),
)
def test_pieces_strike_walls_and_enter_houses_as_geos_says(pieces, houses, walls):
    ends = np.asarray(pieces, dtype=float)
    begin, stop = ends[:, 0].copy(), ends[:, 1].copy()
    drawn, lines = shapely.linestrings(ends), lines_of(walls)
    shapely.prepare(drawn)  # GEOS finds that a line without length meets nothing, unless it is prepared
    hit = shapely.intersects(drawn[:, None], lines[None, :])
    piece, wall = meeting.touching(begin, stop, meeting.walls(corners.of(lines)))
    assert set(zip(piece.tolist(), wall.tolist(), strict=True)) == set(zip(*np.nonzero(hit), strict=True))
    areas = np.asarray([shapely.box(x, y, x + wide, y + high) for (x, y), wide, high in houses], dtype=object)
    inside = shapely.intersects(drawn[:, None], areas[None, :])
    things = meeting.walls(corners.of(lines)), meeting.houses(corners.of(areas), shapely.bounds(areas))
    of_nobody = np.full(len(ends), -1)
    foreign = inside & ~shapely.intersects(shapely.points(begin)[:, None], areas[None, :])
    barred, row, _ = meeting.barred((begin, begin, stop), of_nobody, *things)
    assert barred.tolist() == (hit.any(axis=1) | foreign.any(axis=1)).tolist()
    assert not len(row)
    own = np.arange(len(ends)) % len(areas)
    box = shapely.box(*shapely.bounds(areas).T)
    nested = shapely.covers(box[own][:, None], box[None, :]) | shapely.covers(box[None, :], box[own][:, None])
    inside[np.arange(len(ends)), own] = False
    barred, row, house = meeting.barred((begin, begin, stop), own, *things)
    certain = hit.any(axis=1) | (inside & ~nested).any(axis=1)
    assert barred.tolist() == certain.tolist()
    assert sorted(zip(row.tolist(), house.tolist(), strict=True)) == list(zip(*np.nonzero(inside & ~certain[:, None]), strict=True))


@settings(deadline=None)
@given(st.lists(HOUSE, min_size=1, max_size=4), st.lists(st.tuples(ODD, ODD), min_size=1, max_size=5))
def test_the_foot_of_a_point_on_an_outline_is_as_near_as_geos_says(houses, points):
    areas = np.asarray([shapely.box(x, y, x + wide, y + high) for (x, y), wide, high in houses], dtype=object)
    shape = np.arange(len(points)) % len(areas)
    spots = shapely.points(np.asarray(points))
    foot = shapely.points(meeting.feet(np.asarray(points), corners.of(areas), shape))
    rim = shapely.boundary(areas[shape])
    assert shapely.distance(foot, rim) == pytest.approx(0, abs=1e-9)
    assert shapely.distance(foot, spots) == pytest.approx(shapely.distance(rim, spots), abs=1e-9)


def test_a_share_of_a_line_is_where_geos_puts_it():
    rng = np.random.default_rng(4)
    lines = np.asarray([shapely.LineString(rng.uniform(0, 90, (rng.integers(2, 7), 2))) for _ in range(40)], dtype=object)
    first = np.r_[0, np.cumsum(shapely.get_num_coordinates(lines))]
    street, row, share = in_cells(lines), rng.integers(0, 40, 300), np.r_[0.0, 1.0, rng.uniform(0, 1, 298)]
    place = meeting.places(street.xy, first, street.along, row, share)
    geos = shapely.get_coordinates(shapely.line_interpolate_point(lines[row], share, normalized=True))
    assert place == pytest.approx(geos, abs=1e-9)
