"""Kernels of rings say what Shapely says, to the last bit where they measure, and nothing where a case is close."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from circle.kernels import look_up
from circle.kernels import rings as kernel
from circle.projection import Plane
from circle.sources import geometry, rings

corners = st.lists(st.tuples(st.integers(-40, 40), st.integers(-40, 40)), min_size=3, max_size=9)


def ring(points: list[tuple[int, int]]) -> np.ndarray:
    """A closed ring near Las Palmas: steps of a ten-millionth of a degree, divided as OSM's are."""
    whole = np.asarray([*points, points[0]], dtype=np.int64) + np.array([-154_300_000, 281_200_000])
    return whole / 1e7


@given(corners)
def test_what_is_plainly_simple_is_valid(points):
    one = ring(points)
    plain = kernel.simple(kernel.steps(one), np.array([0]), np.array([len(one)]))[0]
    polygon = shapely.Polygon(one)
    assert polygon.is_valid or not plain
    assert geometry.valid(np.asarray([polygon], dtype=object), one, np.array([len(one)])).tolist() == [polygon.is_valid]


@given(corners)
def test_area_and_centre_are_those_of_shapely(points):
    one, first = ring(points), np.array([0, len(points) + 1])
    polygon = shapely.Polygon(one)
    assert abs(kernel.areas(one, first)[0]) == polygon.area
    ((centre,), _) = geometry.measured(np.asarray([polygon], dtype=object), Plane(-15.4, 28.1))
    assert (centre.x, centre.y) == (polygon.centroid.x, polygon.centroid.y)


def test_areas_of_all_shapes_are_those_on_the_plane():
    square = shapely.box(-15.43, 28.12, -15.42, 28.13)
    holed = shapely.Polygon(square.exterior.coords, [shapely.box(-15.427, 28.123, -15.425, 28.125).exterior.coords])
    shapes = np.asarray(
        [square, holed, shapely.MultiPolygon([square]), shapely.Polygon(), shapely.LineString([(0, 0), (1, 1)])], dtype=object
    )
    plane = Plane(-15.4, 28.1)
    centres, areas = geometry.measured(shapes, plane)
    assert areas.tolist() == shapely.area(plane.project(shapes)).tolist()
    assert shapely.to_wkb(centres).tolist() == shapely.to_wkb(shapely.centroid(shapes)).tolist()


@pytest.mark.parametrize(
    "others",
    [
        [],
        [[(1, 1), (3, 1), (3, 3), (1, 3)]],
        [[(1, 1), (3, 1), (3, 3), (1, 3)], [(5, 5), (5, 8), (8, 8)]],
        [[(1, 1), (8, 1), (8, 8), (1, 8)], [(3, 3), (5, 3), (5, 5)]],  # an island in a hole
        [[(0, 0), (3, 1), (3, 3)]],  # touches
        [[(12, 0), (15, 0), (15, 3)]],  # beside
        [[(5, 5), (15, 5), (15, 8)]],  # crosses
    ],
)
def test_holes_are_cut_as_geos_cuts_them(others):
    lines = [shapely.LineString(ring(each)) for each in ([(0, 0), (10, 0), (10, 10), (0, 10)], *others)]
    for order in (lines, lines[::-1], [line.reverse() for line in lines]):
        known = dict(enumerate(order))
        joined, doubtful = rings.join({7: list(known)}, known)
        built = rings._built(shapely.multilinestrings([order]))[0]
        if built is None:
            assert (joined, doubtful) == ({}, {7})
        else:
            assert joined[7].wkb == built.wkb


@given(st.lists(st.integers(-(2**40), 2**40), min_size=1, unique=True), st.lists(st.integers(-(2**40), 2**40)))
def test_numbers_are_found_where_they_stand(numbers, others):
    ids = np.sort(np.asarray(numbers, dtype=np.int64))
    x = np.arange(len(ids), dtype=np.int32)
    sought = np.asarray([*numbers, *others, *(number + 1 for number in numbers)], dtype=np.int64)
    found = look_up.places(ids, *look_up.shelves(ids), x, -x, sought, 2**31 - 1)
    where = {number: row for row, number in enumerate(ids.tolist())}
    expected = [(where[each], -where[each]) if each in where else (2**31 - 1,) * 2 for each in sought.tolist()]
    assert found.tolist() == [list(each) for each in expected]
