"""Flat shapes say what Shapely says: read from bytes, taken apart, thinned, measured, laid along the curve."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import numpy as np
import pyarrow as pa
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from circle.publish import pack
from circle.publish.shapes import AREA, AREAS, LINE, LINES, NOTHING, Shapes, kinds

FIELDS = ("kind", "lon", "lat", "size", "row", "outer")
SLAB = shapely.box(114.9, 30.2, 114.901, 30.2005)
COURT = shapely.Polygon(SLAB.exterior.coords, [shapely.box(114.9003, 30.2001, 114.9006, 30.2003).exterior.coords])
BEND = shapely.LineString([(114.9, 30.2), (114.9005, 30.2), (114.901, 30.201)])
EVERY = [
    None,
    SLAB,
    COURT,
    BEND,
    shapely.MultiPolygon([COURT, shapely.box(114.91, 30.2, 114.911, 30.201)]),
    shapely.MultiLineString([BEND, [(114.9, 30.3), (114.9, 30.4)]]),
    shapely.Point(114.9, 30.2),
    shapely.MultiPoint([(114.9, 30.2), (114.8, 30.1)]),
    shapely.GeometryCollection([SLAB, BEND]),
    shapely.Polygon(),
    shapely.LineString(),
    shapely.MultiPolygon(),
    shapely.LineString([(114.9, 30.2, 5.0), (114.901, 30.2, 6.0)]),
]


def same(one: Shapes, other: Shapes) -> bool:
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in FIELDS)


def array(shapes: list[Any]) -> Any:
    out = np.empty(len(shapes), dtype=object)
    out[:] = shapes
    return out


@pytest.mark.parametrize("form", [pa.binary(), pa.large_binary()])
@pytest.mark.parametrize("order", [0, 1])
def test_bytes_are_read_as_shapely_reads_them(form: pa.DataType, order: int) -> None:
    shapes = array(EVERY * 3)
    column = pa.array(shapely.to_wkb(shapes, byte_order=order), type=form)
    whole = Shapes.of(shapes)
    assert same(Shapes.read(pa.chunked_array([column])), whole)
    assert same(Shapes.read(pa.chunked_array([column.slice(0, 5), column.slice(5, 20), column.slice(25)])), whole)  # pieces of one buffer
    assert len(Shapes.read(pa.chunked_array([], type=form))) == 0


def test_kinds_are_those_of_plain_shapes() -> None:
    found = kinds(pa.chunked_array([pa.array(shapely.to_wkb(array(EVERY), byte_order=1), type=pa.binary())]))
    told = shapely.get_type_id(array(EVERY))
    strange = [0, 8, 12]  # nothing, a collection, three dimensions
    assert (found[strange] == NOTHING).all()
    assert np.array_equal(np.delete(found, strange), np.delete(told, strange))


@given(st.lists(st.integers(0, len(EVERY) - 1)))
def test_some_shapes_and_single_shapes(rows: list[int]) -> None:
    shapes, whole = array(EVERY), Shapes.of(array(EVERY))
    taken = whole.take(np.array(rows, dtype=np.int64))
    assert same(taken, Shapes.of(shapes[rows]))
    for single, several in ((LINE, LINES), (AREA, AREAS)):
        kind = shapely.get_type_id(shapes[rows])
        parts = np.concatenate([shapes[rows][kind == single], shapely.get_parts(shapes[rows][kind == several])])
        assert same(taken.single(single, several), Shapes.of(parts[~shapely.is_empty(parts)]))


@given(st.lists(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), min_size=2, max_size=30), max_size=6), st.integers(0, 12))
def test_lines_are_thinned_and_measured_as_geos_does(lines: list[list[tuple[int, int]]], tolerance: int) -> None:
    # whole steps of a grid: many points lie exactly at the tolerance, on the line, or twice in one place
    shapes = array([shapely.LineString(np.array(line) * 1e-6 + [114.9, 30.2]) for line in lines])
    flat = Shapes.of(shapes)
    assert same(flat.thinned(tolerance * 1e-6), Shapes.of(shapely.simplify(shapes, tolerance * 1e-6, preserve_topology=False)))
    assert np.array_equal(flat.lengths(), shapely.length(shapes))


@given(st.lists(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), min_size=3, max_size=20), max_size=6), st.integers(0, 12))
def test_rings_are_thinned_like_lines_and_go_where_no_area_is_left(rings: list[list[tuple[int, int]]], tolerance: int) -> None:
    outlines = [shapely.LinearRing(np.array(ring) * 1e-6 + [114.9, 30.2]) for ring in rings]
    as_lines = shapely.simplify(array([shapely.LineString(ring.coords) for ring in outlines]), tolerance * 1e-6, preserve_topology=False)
    thinned = Shapes.of(array([shapely.Polygon(ring) for ring in outlines])).thinned(tolerance * 1e-6)
    left = [line for line in as_lines if len(line.coords) >= 4]
    assert len(thinned) == len(rings)  # no row is lost, only what it would draw
    assert np.array_equal(np.column_stack([thinned.lon, thinned.lat]), shapely.get_coordinates(array(left)))
    assert thinned.size.tolist() == [len(line.coords) for line in left]


def test_the_same_stretches_have_the_same_mark() -> None:
    ring = SLAB.exterior
    turned = shapely.LineString([*ring.coords[2:-1], *ring.coords[:3]])
    other = shapely.LineString([*BEND.coords[:2], (114.901, 30.2010001)])
    marks = Shapes.of(array([SLAB, ring, turned, turned.reverse(), BEND, BEND.reverse(), other])).marks()
    assert len(set(marks[:4].tolist())) == 1
    assert marks[4] == marks[5]
    assert len(set(marks.tolist())) == 3


@given(st.integers(0, 2**32 - 1), st.integers(1, 300), st.sampled_from([1, 1 << 8, 1 << 15, 1 << 24]))
def test_the_curve_is_the_one_that_geopandas_draws(seed: int, n: int, wide: int) -> None:
    x, y = np.random.default_rng(seed).integers(0, wide, (2, n))
    cells = max(int(np.ptp(x)), int(np.ptp(y))) // pack.CELL + 1
    level = min(max(cells.bit_length(), 1), 16)
    side = max(cells, 1 << level) * pack.CELL
    box = (int(x.min()), int(y.min()), int(x.min()) + side, int(y.min()) + side)
    along = gpd.GeoSeries(shapely.points(x, y)).hilbert_distance(total_bounds=box, level=level).to_numpy()
    assert np.array_equal(pack.along_curve(x, y), np.argsort(along, kind="stable"))
