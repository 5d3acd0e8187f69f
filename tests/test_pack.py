"""What is packed comes back: numbers, outlines, minutes that never contradict a verdict, blocks that are the same every time."""

from __future__ import annotations

import base64
import gzip
import json
import struct
from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from circle.publish import pack
from circle.publish.shapes import Shapes

NO_ORIGIN = (0, 0)


def unvarints(data: bytes) -> list[int]:
    """The plainest reader of varints that one can write."""
    out, value, shift = [], 0, 0
    for byte in data:
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            out.append(value)
            value, shift = 0, 0
    return out


def unfold(values: list[int]) -> list[int]:
    return [-(v + 1) // 2 if v % 2 else v // 2 for v in values]


def unplanes(data: bytes) -> list[int]:
    n, value, out = len(data) // 2, 0, []
    for low, high in zip(data[:n], data[n:], strict=True):
        value = (value + unfold([low | high << 8])[0]) % 65536
        out.append(value)
    return out


def rings_of(sections: dict[str, bytes]) -> list[list[list[tuple[int, int]]]]:
    """Areas → rings → points, read back step by step."""
    sizes = unvarints(sections["points"])
    columns = []
    for name in ("x", "y"):
        written = unfold(unvarints(sections[name]))
        start, steps, column = 0, iter(written[len(sizes) :]), []
        for size, moved in zip(sizes, written, strict=False):
            start += moved
            corners = [start]
            for k in range(1, size):
                back = corners[1] - corners[0] if size == 4 and k == 3 else 0
                corners.append(corners[-1] + next(steps) - back)
            column += corners
        columns.append(column)
    points = list(zip(*columns, strict=True))
    rings, at = [], 0
    for size in sizes:
        rings.append(points[at : at + size])
        at += size
    areas, at = [], 0
    for count in unvarints(sections["rings"]):
        areas.append(rings[at : at + count])
        at += count
    return areas


def open_block(block: str) -> tuple[dict[str, Any], dict[str, bytes]]:
    data = gzip.decompress(base64.b64decode(block, validate=True))
    (size,) = struct.unpack("<I", data[:4])
    header, at, sections = json.loads(data[4 : 4 + size]), 4 + size, {}
    for name, length in header["sections"]:
        sections[name] = data[at : at + length]
        at += length
    assert at == len(data)
    return header, sections


@given(st.lists(st.integers(0, 2**62)))
def test_varints_come_back(values: list[int]) -> None:
    assert unvarints(pack.varints(np.array(values, dtype=np.uint64))) == values


@given(st.lists(st.integers(-(2**60), 2**60)))
def test_steps_come_back(values: list[int]) -> None:
    total, out = 0, []
    for step in unfold(unvarints(pack.deltas(np.array(values, dtype=np.int64)))):
        total += step
        out.append(total)
    assert out == values


@given(st.lists(st.integers(0, 65535)))
def test_sixteen_bit_numbers_come_back(values: list[int]) -> None:
    assert unplanes(pack.planes(np.array(values, dtype=np.uint16))) == values


def test_the_corners_of_the_world() -> None:
    # half of 2**28 to the east and south of the corner lies Null Island
    x, y = pack.mercator(np.array([-180.0, 0.0, 180.0]), np.array([85.0511287798066, 0.0, -85.0511287798066]))
    assert x.tolist() == [0, 2**27, 2**28]
    assert y.tolist() == pytest.approx([0, 2**27, 2**28], abs=1)


def test_one_unit_is_13_centimetres_at_huangshi() -> None:
    # 40,075,017 m / 2**28 × cos(30.2°) = 0.129 m; a thousandth of a degree to the east is 2**28 / 360,000 = 745.65 units
    x, _ = pack.mercator(np.array([114.9, 114.901]), np.array([30.2, 30.2]))
    assert x[1] - x[0] in {745, 746}


def test_poles_are_drawn_at_the_rim() -> None:
    _, y = pack.mercator(np.array([0.0, 0.0]), np.array([90.0, -90.0]))
    assert y.tolist() == pytest.approx([0, 2**28], abs=1)


def signed_area(ring: list[tuple[int, int]]) -> float:
    return sum(x * v - u * y for (x, y), (u, v) in zip(ring, [*ring[1:], ring[0]], strict=True)) / 2


def same_ring(ring: list[tuple[int, int]], geometry: Any) -> bool:
    x, y = pack.mercator(*np.array(geometry.coords)[:-1].T)
    return sorted(ring) == sorted(zip(x.tolist(), y.tolist(), strict=True))


def test_outlines_holes_and_parts_come_back() -> None:
    slab = shapely.box(114.9, 30.2, 114.901, 30.2005)
    court = shapely.Polygon(slab.exterior.coords, [shapely.box(114.9003, 30.2001, 114.9006, 30.2003).exterior.coords])
    two = shapely.MultiPolygon([slab, shapely.Polygon([(114.91, 30.2), (114.911, 30.2), (114.9105, 30.201)])])
    areas = rings_of(pack.areas(Shapes.of(np.array([slab, court, two], dtype=object)), NO_ORIGIN))
    assert [len(rings) for rings in areas] == [1, 2, 2]
    assert same_ring(areas[0][0], slab.exterior)
    assert same_ring(areas[1][1], court.interiors[0])
    assert same_ring(areas[2][1], two.geoms[1].exterior)


@pytest.mark.parametrize("clockwise", [True, False])
def test_outer_rings_wind_one_way_and_holes_the_other(clockwise: bool) -> None:
    shell = [(0.0, 0.0), (0.01, 0.0), (0.01, 0.01), (0.0, 0.01)]
    hole = [(0.002, 0.002), (0.004, 0.002), (0.004, 0.004), (0.002, 0.004)]
    geometry = shapely.Polygon(shell[::-1] if clockwise else shell, [hole if clockwise else hole[::-1], hole[:3]])
    plain = shapely.Polygon(shell[::-1] if clockwise else shell)
    outer, first, second = rings_of(pack.areas(Shapes.of(np.array([geometry], dtype=object)), NO_ORIGIN))[0]
    assert signed_area(outer) > 0
    assert signed_area(first) < 0
    assert signed_area(second) < 0
    assert signed_area(rings_of(pack.areas(Shapes.of(np.array([plain], dtype=object)), NO_ORIGIN))[0][0]) > 0


def test_what_is_no_area_keeps_its_row() -> None:
    odd = np.array(
        [None, shapely.Point(114.9, 30.2), shapely.Polygon(), shapely.LineString([(114.9, 30.2), (114.901, 30.2)])], dtype=object
    )
    areas = rings_of(pack.areas(Shapes.of(odd), NO_ORIGIN))
    assert [len(rings) for rings in areas] == [0, 1, 0, 1]
    assert len(areas[1][0]) == 4
    assert rings_of(pack.areas(Shapes.of(np.array([], dtype=object)), NO_ORIGIN)) == []


def test_lines_come_back_and_the_origin_is_taken_off() -> None:
    line = shapely.LineString([(114.9, 30.2), (114.9005, 30.2), (114.901, 30.201)])
    x, y = pack.mercator(*np.array(line.coords).T)
    sections = pack.lines(Shapes.of(np.array([line, line], dtype=object)), (int(x[0]), int(y[0])))
    expected = [(int(u - x[0]), int(v - y[0])) for u, v in zip(x, y, strict=True)]
    assert rings_of(sections) == [[expected], [expected]]


@given(st.integers(0, 2**32 - 1), st.integers(1, 200))
def test_the_order_is_one_of_all_rows(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    points = np.array(shapely.points(rng.uniform(-180, 180, n), rng.uniform(-80, 80, n)), dtype=object)
    points[rng.random(n) < 0.2] = None
    assert sorted(pack.order(Shapes.of(points)).tolist()) == list(range(n))


def test_the_order_keeps_neighbours_together() -> None:
    # two clusters 1 km apart, given in turns: the order must not jump between them more than once
    points = np.array([shapely.Point(114.9 + (k % 2) * 0.01, 30.2 + k * 1e-6) for k in range(40)], dtype=object)
    cluster = pack.order(Shapes.of(points)) % 2
    assert np.count_nonzero(np.diff(cluster)) == 1


@given(st.floats(0, 700), st.sampled_from([1.0, 2.0, 3.0, 4.0, 5.0, 7.5, 15.0]))
def test_packed_minutes_never_contradict_the_verdict(minutes: float, limit: float) -> None:
    met = np.array([minutes <= limit])
    (packed,) = pack.hundredths(np.array([minutes]), limit, met, ~met)
    assert (packed / 100 <= limit) == met[0]
    assert packed / 100 == pytest.approx(min(minutes, 655.34), abs=0.0101)


def test_no_path_and_very_far_are_told_apart() -> None:
    met = np.zeros(3, dtype=bool)
    packed = pack.hundredths(np.array([np.inf, 5000.0, 655.34]), 5.0, met, ~met)
    assert packed.tolist() == [65535, 65534, 65534]


def test_unmapped_minutes_are_left_alone() -> None:
    neither = np.zeros(2, dtype=bool)
    assert pack.hundredths(np.array([0.0, 4.996]), 5.0, neither, neither).tolist() == [0, 500]


def test_a_block_is_the_same_every_time_and_only_base64() -> None:
    sections = {"a": b"\x00" * 1000, "b": "矿一路".encode()}
    first, second = (pack.block({"n": 3, "name": "</script>"}, sections) for _ in range(2))
    assert first == second
    assert set(first) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=")
    header, back = open_block(first)
    assert header["name"] == "</script>"
    assert back == sections


@given(st.binary(max_size=300), st.integers(1, 700), st.sampled_from([1, 6, 9]))
def test_a_block_is_one_gzip_file_whatever_its_sections_hold(some: bytes, times: int, level: int) -> None:
    rng = np.random.default_rng(times)
    sections = {
        "some": some * times,
        "none": b"",
        "noise": rng.bytes(100 * times),
        "runs": np.repeat(rng.integers(0, 9, times), 9).astype(np.uint8).tobytes(),
    }
    assert open_block(pack.block({}, sections, level))[1] == sections


def test_a_block_refuses_what_json_cannot_say() -> None:
    with pytest.raises(ValueError, match="Out of range"):
        pack.block({"share": float("nan")})


def test_texts_are_parted_by_line_ends_alone() -> None:
    assert pack.text(["a\nb", "c\r\0d", "e\u2028f"]).decode().split("\n") == ["a b", "c  d", "e\u2028f"]
    assert pack.text(["\ud800"]).decode() == "?"


@pytest.mark.parametrize("strings", [[], [""], ["紫薇花园", "b"], ["a\nb", "c"], ["\r", "x\0y"], ["one\n"], ["a", "\ud800"]])
def test_texts_are_one_a_line_whatever_is_in_them(strings: list[str]) -> None:
    lines = pack.text(strings).decode().split("\n")
    assert len(lines) == max(len(strings), 1)
    assert not any(end in line for line in lines for end in "\r\n\0")
