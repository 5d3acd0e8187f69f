"""Lines and areas of a saved table as flat arrays, read straight from its bytes.

Takes: a column of WKB, or Shapely geometries.   Gives: `Shapes`: the points of all paths in a row, and to which shape each path belongs.
Never: makes an object for every row where nobody needs one: a city has half a million buildings and as many stretches of way.

A path is a line, or a ring of an area: closed, its last point the first again. Paths lie in the order of their shapes, the outer ring of
an area before its holes. What is neither a line nor an area of the plain kind goes through Shapely, row by row.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import shapely
from numpy.typing import NDArray

NOTHING, POINT, LINE, AREA, POINTS, LINES, AREAS = -1, 0, 1, 3, 4, 5, 6  # kinds, as GEOS numbers them
_PLAIN_LINE, _PLAIN_AREA = 2, 3  # as WKB numbers them
_POINT_BYTES = 16
_LEAST_OF_RING = 4  # points: a triangle, its first corner again at the end

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


def spread(starts: Ints, counts: Ints) -> Ints:
    """Give `start, start + 1 …` of each run, one run after the other.

    >>> spread(np.array([7, 2]), np.array([2, 3])).tolist()
    [7, 8, 2, 3, 4]
    """
    return np.repeat(starts - (np.cumsum(counts) - counts), counts) + np.arange(int(counts.sum()))


@dataclass(frozen=True)
class Shapes:
    """Shapes in WGS 84: `kind` of each; points `lon`, `lat`; of each path its number of points, its shape's row, whether it is `outer`."""

    kind: NDArray[np.int8]
    lon: Floats
    lat: Floats
    size: Ints
    row: Ints
    outer: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.kind)

    @cached_property
    def start(self) -> Ints:
        """Where each path begins among the points."""
        return np.cumsum(self.size) - self.size

    @cached_property
    def paths(self) -> Ints:
        """How many paths each shape has."""
        return np.bincount(self.row, minlength=len(self))

    @cached_property
    def areal(self) -> NDArray[np.bool_]:
        """Which shapes are areas."""
        return np.asarray((self.kind == AREA) | (self.kind == AREAS))

    @classmethod
    def of(cls, geometries: NDArray[Any]) -> Shapes:
        """Take Shapely geometries apart; rows that are `None` or empty have no path. A collection becomes one path of all its points."""
        geometries = np.asarray(geometries, dtype=object)
        kind = np.asarray(shapely.get_type_id(geometries), dtype=np.int8)
        areal = np.flatnonzero((kind == AREA) | (kind == AREAS))
        parts, part_row = shapely.get_parts(geometries[areal], return_index=True)
        rings, part = shapely.get_rings(parts, return_index=True)
        outer = np.ones(len(part), dtype=bool)
        outer[1:] = part[1:] != part[:-1]
        several = np.flatnonzero(kind == LINES)
        lines, line_row = shapely.get_parts(geometries[several], return_index=True)
        rest = np.flatnonzero((kind >= 0) & (kind != AREA) & (kind != AREAS) & (kind != LINES))
        every = np.concatenate([rings, lines, geometries[rest]])
        row = np.concatenate([areal[part_row[part]], several[line_row], rest])
        outer = np.concatenate([outer, np.ones(len(lines) + len(rest), dtype=bool)])
        by_row = np.argsort(row, kind="stable")
        points, of_path = shapely.get_coordinates(every[by_row], return_index=True)
        size = np.bincount(of_path, minlength=len(every)).astype(np.int64)
        there = size > 0
        return cls(kind, points[:, 0].copy(), points[:, 1].copy(), size[there], row[by_row][there].astype(np.int64), outer[by_row][there])

    @classmethod
    def read(cls, column: pa.ChunkedArray) -> Shapes:
        """Read a column of WKB."""
        return _joined([_read(chunk) for chunk in column.chunks])

    def take(self, rows: NDArray[np.intp]) -> Shapes:
        """Give some shapes, in the order of `rows`."""
        first = np.cumsum(self.paths) - self.paths
        return self._with(spread(first[rows], self.paths[rows]), self.kind[rows], np.repeat(np.arange(len(rows)), self.paths[rows]))

    def single(self, kind: int, several: int) -> Shapes:
        """Give the shapes of one kind, and then the parts of those that hold `several` of it, each a shape of its own."""
        of = self.kind[self.row]
        picked = np.concatenate([np.flatnonzero(of == kind), np.flatnonzero(of == several)])
        row = np.cumsum(self.outer[picked]) - 1
        return self._with(picked, np.full(int(row[-1]) + 1 if len(row) else 0, kind, dtype=np.int8), row)

    def _with(self, paths: Ints, kind: NDArray[np.int8], row: Ints) -> Shapes:
        size = self.size[paths]
        points = spread(self.start[paths], size)
        return Shapes(kind, self.lon[points], self.lat[points], size, row, self.outer[paths])

    def corner(self) -> tuple[Floats, Floats]:
        """Give west and north of each shape; NaN where there is nothing."""
        west, north = np.full(len(self), np.nan), np.full(len(self), np.nan)
        if len(self.size):
            first = np.flatnonzero(np.diff(self.row, prepend=-1))
            rows, starts = self.row[first], self.start[first]
            west[rows], north[rows] = np.minimum.reduceat(self.lon, starts), np.maximum.reduceat(self.lat, starts)
        return west, north

    def lengths(self) -> Floats:
        """Give the length of each path in degrees, summed from its start as GEOS sums it."""
        east, north = np.diff(self.lon, append=0.0), np.diff(self.lat, append=0.0)
        piece = np.sqrt(east * east + north * north)
        piece[self.start + self.size - 1] = 0.0
        summed = np.bincount(np.repeat(np.arange(len(self.size)), self.size), weights=piece, minlength=len(self.size))
        return summed.astype(np.float64, copy=False)

    def lines(self, rows: NDArray[np.intp]) -> NDArray[Any]:
        """Give some shapes, of a single path each, as Shapely lines."""
        some = self.take(rows)
        points = np.column_stack([some.lon, some.lat])
        return np.asarray(shapely.linestrings(points, indices=np.repeat(np.arange(len(rows)), some.size)), dtype=object)

    def drawable(self) -> Shapes:
        """Leave areas as they are; points become squares of about 6 m, lines the same around their hull; nothing stays nothing."""
        odd = np.flatnonzero(~self.areal & (self.paths > 0))
        if not len(odd):
            return self
        some = self.take(odd)
        points = np.column_stack([some.lon, some.lat])
        hulls = shapely.convex_hull(shapely.multipoints(points, indices=np.repeat(some.row, some.size)))
        squares = Shapes.of(shapely.buffer(hulls, 0.000_03, cap_style="square", quad_segs=1))
        rest = self.take(np.flatnonzero(self.areal))
        both = _joined([rest, squares])
        place = np.full(len(self), len(both), dtype=np.int64)
        place[np.concatenate([np.flatnonzero(self.areal), odd])] = np.arange(len(both))
        return _joined([both, Shapes.of(np.array([None], dtype=object))]).take(place)

    def thinned(self, tolerance: float) -> Shapes:
        """Leave out points that lie within `tolerance` degrees of what is left: Douglas and Peucker, as GEOS does it with lines.

        All stretches of one depth are looked at together. A path keeps both its ends; an area's ring of which no area is left goes.
        """
        keep = np.ones(len(self.lon), dtype=bool)
        a, b = self.start, self.start + self.size - 1
        while True:
            long = b - a > 1
            a, b = a[long], b[long]
            if not len(a):
                break
            counts = b - a - 1
            inner = spread(a + 1, counts)
            of = np.repeat(np.arange(len(a)), counts)
            far = self._far(inner, a[of], b[of])
            first = np.cumsum(counts) - counts
            farthest = np.maximum.reduceat(far, first)
            near = farthest <= tolerance
            keep[inner[near[of]]] = False
            # the first of the farthest points parts a stretch that is not straight enough
            top = np.flatnonzero((far == farthest[of]) & ~near[of])
            top = top[np.diff(of[top], prepend=-1) > 0]
            middle = inner[top]
            a, b = np.concatenate([a[~near], middle]), np.concatenate([middle, b[~near]])
        size = np.add.reduceat(keep, self.start, dtype=np.int64) if len(self.size) else self.size
        flat = self.areal[self.row] & (size < _LEAST_OF_RING)
        keep &= ~np.repeat(flat, self.size)
        return Shapes(self.kind, self.lon[keep], self.lat[keep], size[~flat], self.row[~flat], self.outer[~flat])

    def _far(self, points: Ints, a: Ints, b: Ints) -> Floats:
        """How far points lie from the straight lines from `a` to `b`; in the very steps of GEOS, so that no tie falls otherwise."""
        ax, ay, px, py = self.lon[a], self.lat[a], self.lon[points], self.lat[points]
        dx, dy = self.lon[b] - ax, self.lat[b] - ay
        squared = dx * dx + dy * dy
        with np.errstate(invalid="ignore", divide="ignore"):
            along = ((px - ax) * dx + (py - ay) * dy) / squared
            beside = np.abs(((ay - py) * dx - (ax - px) * dy) / squared) * np.sqrt(squared)
        beyond = ~(along < 1.0) & (squared > 0)
        ends = np.flatnonzero(beyond | ~(along > 0.0))
        end_x = np.where(beyond[ends], self.lon[b[ends]], ax[ends])
        end_y = np.where(beyond[ends], self.lat[b[ends]], ay[ends])
        beside[ends] = np.sqrt((px[ends] - end_x) ** 2 + (py[ends] - end_y) ** 2)
        return np.asarray(beside)

    def marks(self) -> NDArray[np.uint64]:
        """Give a number for each path that says over which stretches it runs, whichever way and from wherever it starts.

        Two paths of different stretches have the same number by an accident of one in 2**64.
        """
        place = _mixed(_mixed((self.lon + 0.0).view(np.uint64)) ^ (self.lat + 0.0).view(np.uint64))
        stretch = np.zeros(len(place), dtype=np.uint64)
        stretch[:-1] = _mixed(place[:-1] + place[1:])
        stretch[self.start + self.size - 1] = 0
        return np.add.reduceat(stretch, self.start) if len(self.size) else stretch


def _mixed(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Scatter whole numbers over all of 64 bits (the last steps of SplitMix64)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(values ^ (values >> np.uint64(31)))


def _joined(parts: list[Shapes]) -> Shapes:
    """Put shapes after one another."""
    if len(parts) == 1:
        return parts[0]
    if not parts:
        return Shapes.of(np.zeros(0, dtype=object))
    before = np.cumsum([0, *(len(part) for part in parts)])
    return Shapes(
        np.concatenate([part.kind for part in parts]),
        np.concatenate([part.lon for part in parts]),
        np.concatenate([part.lat for part in parts]),
        np.concatenate([part.size for part in parts]),
        np.concatenate([part.row + first for part, first in zip(parts, before, strict=False)]),
        np.concatenate([part.outer for part in parts]),
    )


def _read(chunk: pa.Array) -> Shapes:
    """Read one array of WKB: lines, and areas of one ring, by their bytes; whatever else, or in the other byte order, by Shapely."""
    offsets, data = _bytes(chunk)
    begin, end = offsets[:-1], offsets[1:]
    length = end - begin
    kind, rings, many = (np.zeros(len(chunk), dtype=np.int64) for _ in range(3))
    head = np.flatnonzero(length >= 9)
    little = head[data[begin[head]] == 1]
    kind[little], rings[little] = _at(data, begin[little] + 1, "<u4"), _at(data, begin[little] + 5, "<u4")
    line = kind == _PLAIN_LINE
    many[line] = rings[line]
    area = np.flatnonzero((kind == _PLAIN_AREA) & (rings == 1) & (length >= 13))
    many[area] = _at(data, begin[area] + 9, "<u4")
    header = np.where(line, 9, 13)
    plain = (many > 0) & (length == header + many * _POINT_BYTES)
    rows = np.flatnonzero(plain)
    size = many[rows]
    # a longitude and its latitude are the two halves of one complex number
    first = begin[rows] + header[rows]
    points = _at(data, np.repeat(first - _POINT_BYTES * (np.cumsum(size) - size), size) + _POINT_BYTES * np.arange(int(size.sum())), "<c16")
    kinds = np.where(line[rows], LINE, AREA).astype(np.int8)
    read = Shapes(kinds, points.real.copy(), points.imag.copy(), size, np.arange(len(rows)), np.ones(len(rows), dtype=bool))
    if plain.all():
        return read
    others = np.flatnonzero(~plain)
    rest = Shapes.of(shapely.from_wkb(chunk.take(pa.array(others)).to_numpy(zero_copy_only=False)))
    back = np.empty(len(chunk), dtype=np.int64)
    back[np.concatenate([rows, others])] = np.arange(len(chunk))
    return _joined([read, rest]).take(back)


def kinds(column: pa.ChunkedArray) -> NDArray[np.int8]:
    """Give the kind of each row of a column of WKB by its first bytes; `NOTHING` where there is none or it is not the plain kind."""
    found = [np.zeros(0, dtype=np.int8)]
    for chunk in column.chunks:
        offsets, data = _bytes(chunk)
        kind = np.full(len(chunk), NOTHING, dtype=np.int8)
        some = np.flatnonzero(np.diff(offsets) >= 5)
        some = some[data[offsets[some]] == 1]
        known = np.array([NOTHING, POINT, LINE, AREA, POINTS, LINES, AREAS, NOTHING], dtype=np.int8)
        kind[some] = known[np.minimum(_at(data, offsets[some] + 1, "<u4"), 7)]
        found.append(kind)
    return np.concatenate(found)


def _bytes(chunk: pa.Array) -> tuple[Ints, NDArray[np.uint8]]:
    """Where each row of an array of binaries begins, and where the last one ends; and the bytes."""
    wide = pa.types.is_large_binary(chunk.type) or pa.types.is_large_string(chunk.type)
    _, offsets, data = chunk.buffers()
    if offsets is None or data is None:
        return np.zeros(len(chunk) + 1, dtype=np.int64), np.zeros(0, dtype=np.uint8)
    at = np.frombuffer(offsets, dtype=np.int64 if wide else np.int32)[chunk.offset : chunk.offset + len(chunk) + 1]
    return at.astype(np.int64), np.frombuffer(data, dtype=np.uint8)


def _at(data: NDArray[np.uint8], places: Ints, kind: str) -> NDArray[Any]:
    """Read numbers of one kind that begin at any bytes."""
    form = np.dtype(kind)
    if not len(places):
        return np.zeros(0, dtype=form)
    every = np.ndarray((len(data) - form.itemsize + 1,), dtype=form, buffer=data, strides=(1,))
    return np.asarray(every[places])
