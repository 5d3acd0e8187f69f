"""Bytes of the published page: numbers and outlines in, small blocks of base64 out.

Takes: NumPy arrays and Shapely geometries.   Gives: sections of bytes, and blocks (`header + sections`, gzip, base64) that the page's
`decode.js` reads back.
Never: reads files, knows a service, or writes HTML.

Coordinates are whole units of Web Mercator, 2**28 to the circumference (15 cm at the equator), counted from the north-west, so that the
page turns them into pixels of any zoom with one multiplication. Whole numbers are written as varints (seven bits a byte, the lowest
first); signed ones are folded first (0, -1, 1, -2 … → 0, 1, 2, 3 …).
"""

from __future__ import annotations

import base64
import json
import struct
import zlib
from collections.abc import Mapping
from typing import Any

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray

WORLD = 1 << 28
MAX_LATITUDE = 85.0511287798066
CELL = 1 << 7  # units

# How zlib looks for what repeats. Numbers hardly do, and are then shorter without; a piece of each section is tried
STRATEGIES = (zlib.Z_DEFAULT_STRATEGY, zlib.Z_FILTERED, zlib.Z_RLE, zlib.Z_HUFFMAN_ONLY)
TRIED = 1 << 16
HEAD, END = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff", b"\x03\x00"  # of a gzip file (RFC 1952) without time or name; of its last block

NO_PATH = 65535
MOST_MINUTES = 65534

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


def fold(values: Ints) -> NDArray[np.uint64]:
    """Turn signed into unsigned; small stays small.

    >>> fold(np.array([0, -1, 1, -2])).tolist()
    [0, 1, 2, 3]
    """
    values = np.asarray(values, dtype=np.int64)
    return ((values << 1) ^ (values >> 63)).astype(np.uint64)


def varints(values: NDArray[Any]) -> bytes:
    """Write whole numbers from 0 up, seven bits a byte, the lowest first; the top bit says that more follow.

    >>> varints(np.array([1, 300])).hex()
    '01ac02'
    """
    numbers = np.ascontiguousarray(values, dtype=np.uint64)
    if not len(numbers):
        return b""
    longest = max(1, -(-int(numbers.max()).bit_length() // 7))
    length = np.ones(len(numbers), dtype=np.int64)
    for k in range(1, longest):
        length += numbers >= np.uint64(1 << (7 * k))
    starts = np.cumsum(length) - length
    out = np.empty(int(starts[-1] + length[-1]), dtype=np.uint8)
    rows = np.arange(len(numbers))
    for k in range(longest):
        rows = rows[length[rows] > k]
        part = (numbers[rows] >> np.uint64(7 * k)) & np.uint64(0x7F)
        more = (length[rows] > k + 1).astype(np.uint64) << np.uint64(7)
        out[starts[rows] + k] = part | more
    return out.tobytes()


def deltas(values: NDArray[Any]) -> bytes:
    """Write the signed steps from each number to the next, the first from 0, as varints."""
    numbers = np.asarray(values, dtype=np.int64)
    before = np.concatenate([np.zeros(1, dtype=np.int64), numbers[:-1]])
    return varints(fold(numbers - before[: len(numbers)]))


def planes(values: NDArray[np.uint16]) -> bytes:
    """Write the folded steps of 16-bit numbers (wrapping), low bytes before high bytes: where neighbours are alike little is left."""
    step = np.diff(values.astype(np.uint16), prepend=np.uint16(0)).astype(np.int16)
    folded = ((step << 1) ^ (step >> 15)).astype(np.uint16)
    return (folded & 0xFF).astype(np.uint8).tobytes() + (folded >> 8).astype(np.uint8).tobytes()


def hundredths(minutes: Floats, limit_min: float, met: NDArray[np.bool_], gap: NDArray[np.bool_]) -> NDArray[np.uint16]:
    """Give minutes in whole hundredths that never contradict the verdict; 65535 where there is no path, at most 65534 (11 h) elsewhere.

    Parameters
    ----------
    minutes
        Walking minutes, 0 or more; `inf` where there is no path.
    limit_min
        The limit in minutes.
    met, gap
        What the file says: within the limit, beyond it (neither where it says something else). A building just beyond the limit is
        shown at least 0.01 min beyond it.

    >>> met = np.array([True, True, False, False])
    >>> hundredths(np.array([3.996, 4.0, 4.001, np.inf]), 4.0, met, ~met).tolist()
    [400, 400, 401, 65535]
    """
    path = np.isfinite(minutes)
    whole = np.rint(np.where(path, minutes, 0.0) * 100)
    edge = np.floor(limit_min * 100 + 1e-9)
    whole = np.where(met, np.minimum(whole, edge), np.where(gap, np.maximum(whole, edge + 1), whole))
    return np.where(path, np.minimum(whole, MOST_MINUTES), NO_PATH).astype(np.uint16)


def mercator(lon: Floats, lat: Floats) -> tuple[Ints, Ints]:
    """Give whole Web Mercator units from the north-west corner of the world; latitudes beyond ±85.05° are drawn at the rim."""
    x = (lon + 180.0) / 360.0 * WORLD
    sine = np.sin(np.radians(np.clip(lat, -MAX_LATITUDE, MAX_LATITUDE)))
    y = (0.5 - np.log((1 + sine) / (1 - sine)) / (4 * np.pi)) * WORLD
    return np.rint(x).astype(np.int64), np.rint(y).astype(np.int64)


def along_curve(x: Ints, y: Ints) -> NDArray[np.intp]:
    """Give an order that keeps neighbours together (Hilbert's curve over cells of about 20 m), stable within a cell."""
    if not len(x):
        return np.zeros(0, dtype=np.intp)
    west, north = int(x.min()), int(y.min())
    cells = max(int(x.max()) - west, int(y.max()) - north) // CELL + 1
    level = min(max(cells.bit_length(), 1), 16)
    side = max(cells, 1 << level) * CELL
    points = gpd.GeoSeries(shapely.points(x, y))
    curve = points.hilbert_distance(total_bounds=(west, north, west + side, north + side), level=level)
    return np.argsort(curve.to_numpy(), kind="stable")


def order(geometries: NDArray[Any]) -> NDArray[np.intp]:
    """Order rows along the curve, by the west and north of each geometry; rows without geometry come last."""
    bounds = shapely.bounds(geometries)
    drawn = np.isfinite(bounds[:, 0])
    x, y = mercator(bounds[drawn, 0], bounds[drawn, 3])
    rows = np.flatnonzero(drawn)
    return np.concatenate([rows[along_curve(x, y)], np.flatnonzero(~drawn)])


def _drawable(geometries: NDArray[Any]) -> NDArray[Any]:
    """Leave areas as they are; points become squares of about 6 m, lines the same around their hull, nothing an empty area."""
    kind = shapely.get_type_id(geometries)
    odd = (kind != 3) & (kind != 6)
    if odd.any():
        geometries = geometries.copy()
        flat = odd & (kind >= 0) & ~shapely.is_empty(geometries)
        geometries[flat] = shapely.buffer(shapely.convex_hull(geometries[flat]), 0.000_03, cap_style="square", quad_segs=1)
        geometries[odd & ~flat] = shapely.Polygon()
    return geometries


def _rings(geometries: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.intp], NDArray[np.bool_]]:
    """Give every ring with the row that it belongs to, and whether it is an outer one.

    A polygon without holes stands for its own ring: taking rings out of polygons one by one is what costs.
    """
    plain = (shapely.get_type_id(geometries) == 3) & (shapely.get_num_interior_rings(geometries) == 0) & ~shapely.is_empty(geometries)
    others = np.flatnonzero(~plain)
    parts, part_row = shapely.get_parts(geometries[others], return_index=True)
    rings, part = shapely.get_rings(parts, return_index=True)
    outer = np.ones(len(part), dtype=bool)
    outer[1:] = part[1:] != part[:-1]
    row = np.concatenate([np.flatnonzero(plain), others[part_row[part]]])
    by_row = np.argsort(row, kind="stable")
    every = np.concatenate([geometries[plain], rings])
    return every[by_row], row[by_row], np.concatenate([np.ones(int(plain.sum()), dtype=bool), outer])[by_row]


def _wind(x: Ints, y: Ints, sizes: Ints, outer: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Give the rows that make outer rings run one way and holes the other: areas that overlap then never cancel out when filled."""
    starts = np.cumsum(sizes) - sizes
    following = np.arange(1, len(x) + 1)
    following[starts + sizes - 1] = starts
    doubled = np.add.reduceat(x * y[following] - x[following] * y, starts)
    turn = np.repeat((doubled < 0) == outer, sizes)
    rows = np.arange(len(x))
    return np.where(turn, np.repeat(2 * starts + sizes - 1, sizes) - rows, rows)


def _paths(x: Ints, y: Ints, sizes: Ints) -> dict[str, bytes]:
    """Write where each path starts, counted from where the one before it started, and after all of them the steps between points.

    The last corner of a four-cornered path is written as what it misses of a parallelogram, which for most buildings is nothing.
    """
    starts = np.cumsum(sizes) - sizes
    quad = starts[sizes == 4]
    inner = np.ones(len(x), dtype=bool)
    inner[starts] = False
    out = {}
    for name, values in (("x", x), ("y", y)):
        step = np.diff(values, prepend=np.int64(0))
        step[quad + 3] += step[quad + 1]
        out[name] = deltas(values[starts]) + varints(fold(step[inner]))
    return out


def areas(geometries: NDArray[Any], origin: tuple[int, int]) -> dict[str, bytes]:
    """Give the sections of areas: rings per area (0 where nothing can be drawn), points per ring (not closed again), points.

    Parameters
    ----------
    geometries
        Shapely geometries in WGS 84, in the order in which the page will hold them.
    origin
        Whole Mercator units that are taken off.
    """
    rings, row, outer = _rings(_drawable(geometries))
    coordinates, ring = shapely.get_coordinates(rings, return_index=True)
    per_row = np.bincount(row, minlength=len(geometries))
    sizes = np.bincount(ring, minlength=len(rings)).astype(np.int64) - 1
    if not len(rings):
        return {"rings": varints(per_row), "points": b"", "x": b"", "y": b""}
    keep = np.append(ring[1:] == ring[:-1], False)  # the closing point repeats the first
    x, y = mercator(coordinates[keep, 0], coordinates[keep, 1])
    x, y = x - origin[0], y - origin[1]
    rows = _wind(x, y, sizes, outer)
    return {"rings": varints(per_row), "points": varints(sizes)} | _paths(x[rows], y[rows], sizes)


def lines(geometries: NDArray[Any], origin: tuple[int, int]) -> dict[str, bytes]:
    """Give the sections of single lines, one path each; see `areas`."""
    coordinates, row = shapely.get_coordinates(geometries, return_index=True)
    sizes = np.bincount(row, minlength=len(geometries)).astype(np.int64)
    x, y = mercator(coordinates[:, 0], coordinates[:, 1])
    sizes, per_row = sizes[sizes > 0], (sizes > 0).astype(np.int64)
    return {"rings": varints(per_row), "points": varints(sizes)} | _paths(x - origin[0], y - origin[1], sizes)


def text(strings: list[str]) -> bytes:
    """Write strings one a line; line ends and NUL inside them become spaces, since they part the strings."""
    whole = "\n".join(strings)
    if "\r" in whole or "\0" in whole or whole.count("\n") >= max(len(strings), 1):
        whole = "\n".join(s.replace("\r", " ").replace("\n", " ").replace("\0", " ") for s in strings)
    return whole.encode("utf-8", "replace")


def _squeezed(data: bytes, level: int) -> bytes:
    """A piece of a deflate stream that holds one section, by the strategy that is best at a piece out of its middle."""

    def deflated(piece: bytes, strategy: int) -> bytes:
        one = zlib.compressobj(level, zlib.DEFLATED, -zlib.MAX_WBITS, 9, strategy)
        return one.compress(piece) + one.flush(zlib.Z_FULL_FLUSH)

    middle = max(0, (len(data) - TRIED) // 2)
    best = min(STRATEGIES, key=lambda strategy: len(deflated(data[middle : middle + TRIED], strategy)))
    return deflated(data, best)


def block(header: Mapping[str, Any], sections: Mapping[str, bytes] | None = None, level: int = 9) -> str:
    """Give one block as base64: length of the header, header (JSON, with the sections' names and lengths), sections; gzip without a time.

    The same input gives the same text. Raises `ValueError` where the header holds NaN or infinity, which JSON cannot say.
    """
    sections = sections or {}
    listed = [[name, len(data)] for name, data in sections.items()]
    head = json.dumps({**header, "sections": listed}, ensure_ascii=True, allow_nan=False).encode()
    pieces = [struct.pack("<I", len(head)) + head, *sections.values()]
    checksum, size = 0, 0
    for piece in pieces:
        checksum, size = zlib.crc32(piece, checksum), size + len(piece)
    packed = b"".join(_squeezed(piece, level) for piece in pieces if piece)
    return base64.b64encode(HEAD + packed + END + struct.pack("<II", checksum, size & 0xFFFFFFFF)).decode("ascii")
