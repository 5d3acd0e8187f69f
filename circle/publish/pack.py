"""Bytes of the published page: numbers and outlines in, small blocks of base64 out.

Takes: NumPy arrays and `Shapes`.   Gives: sections of bytes, and blocks (`header + sections`, gzip, base64) that the page's
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
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from circle.publish.shapes import Shapes, spread

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


def fold(values: NDArray[Any]) -> NDArray[Any]:
    """Turn signed into unsigned of the same width; small stays small.

    >>> fold(np.array([0, -1, 1, -2])).tolist()
    [0, 1, 2, 3]
    """
    bits = values.dtype.itemsize * 8
    return ((values << 1) ^ (values >> (bits - 1))).view(f"u{bits // 8}")


def varints(values: NDArray[Any]) -> bytes:
    """Write whole numbers from 0 up, seven bits a byte, the lowest first; the top bit says that more follow.

    >>> varints(np.array([1, 300])).hex()
    '01ac02'
    """
    if not len(values):
        return b""
    top = int(values.max())
    longest = max(1, -(-top.bit_length() // 7))
    if longest == 1:
        return values.astype(np.uint8).tobytes()
    rest: NDArray[Any] = np.ascontiguousarray(values, dtype=np.uint32 if top < 1 << 32 else np.uint64)
    # a row for each number, as wide as the longest; then what is not needed goes
    out = np.empty((len(rest), longest), dtype=np.uint8)
    needed = np.ones((len(rest), longest), dtype=bool)
    for k in range(longest):
        more = rest > 0x7F
        out[:, k] = (rest & 0x7F).astype(np.uint8) | more.view(np.uint8) << 7
        if k + 1 < longest:
            needed[:, k + 1] = more
        rest = rest >> 7
    return out[needed].tobytes()


def deltas(values: NDArray[Any]) -> bytes:
    """Write the signed steps from each number to the next, the first from 0, as varints."""
    numbers = np.asarray(values, dtype=np.int64)
    return varints(fold(np.diff(numbers, prepend=np.int64(0))))


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


@cache
def _turns() -> NDArray[np.uint32]:
    """Hilbert's curve by four bits of x and of y at a time: `turn << 8 | x << 4 | y` → the turn behind it, and eight bits of the curve.

    A turn says whether x and y are mirrored (1) and exchanged (2) from there on.
    """
    x, y = np.meshgrid(np.arange(16), np.arange(16), indexing="ij")
    found = []
    for turn in range(4):
        mirrored, exchanged, along = np.full_like(x, turn & 1), np.full_like(x, turn >> 1), np.zeros_like(x)
        for bit in (3, 2, 1, 0):
            a, b = (x >> bit & 1) ^ mirrored, (y >> bit & 1) ^ mirrored
            a, b = np.where(exchanged, b, a), np.where(exchanged, a, b)
            along = along << 2 | (3 * a ^ b)
            mirrored, exchanged = mirrored ^ (a & (1 - b)), exchanged ^ (1 - b)
        found.append((exchanged << 1 | mirrored) << 8 | along)
    return np.asarray(found, dtype=np.uint32).ravel()


def hilbert(x: NDArray[np.uint32], y: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Give how far along Hilbert's curve cells lie, x and y below 2**16.

    >>> hilbert(np.array([0, 1, 1, 0], dtype=np.uint32), np.array([0, 0, 1, 1], dtype=np.uint32)).tolist()
    [0, 1, 2, 3]
    """
    turns, turn, along = _turns(), np.zeros(len(x), dtype=np.uint32), np.zeros(len(x), dtype=np.uint32)
    for shift in map(np.uint32, (12, 8, 4, 0)):
        found = turns[turn | (x >> shift & 15) << 4 | (y >> shift & 15)]
        turn, along = found & 0x300, along << 8 | found & 0xFF
    return along


def along_curve(x: Ints, y: Ints) -> NDArray[np.intp]:
    """Give an order that keeps neighbours together (Hilbert's curve over cells of about 20 m), stable within a cell."""
    if not len(x):
        return np.zeros(0, dtype=np.intp)
    west, north = int(x.min()), int(y.min())
    cells = max(int(x.max()) - west, int(y.max()) - north) // CELL + 1
    level = min(max(cells.bit_length(), 1), 16)
    scale = ((1 << level) - 1) / (max(cells, 1 << level) * CELL)
    column, row = (((values - first) * scale).astype(np.uint32) << np.uint32(16 - level) for values, first in ((x, west), (y, north)))
    return sorted_by(hilbert(column, row))


def sorted_by(numbers: NDArray[np.uint32]) -> NDArray[np.intp]:
    """Give the order of numbers, stable: sixteen bits at a time, which NumPy sorts by counting."""
    by_low = np.argsort((numbers & 0xFFFF).astype(np.uint16), kind="stable")
    return by_low[np.argsort((numbers >> 16).astype(np.uint16)[by_low], kind="stable")]


def order(shapes: Shapes) -> NDArray[np.intp]:
    """Order rows along the curve, by the west and north of each shape; rows without points come last."""
    west, north = shapes.corner()
    drawn = np.isfinite(west)
    rows = np.flatnonzero(drawn)
    return np.concatenate([rows[along_curve(*mercator(west[rows], north[rows]))], np.flatnonzero(~drawn)])


def _placed(shapes: Shapes, origin: tuple[int, int]) -> tuple[Ints, Ints]:
    x, y = mercator(shapes.lon, shapes.lat)
    return x - origin[0], y - origin[1]


def _wind(x: Ints, y: Ints, rings: Shapes) -> NDArray[np.intp]:
    """Give the rows that leave out closing points and make outer rings run one way and holes the other.

    Areas that overlap then never cancel out when filled.
    """
    cross = np.zeros(len(x), dtype=np.int64)
    cross[:-1] = x[:-1] * y[1:] - x[1:] * y[:-1]
    cross[rings.start + rings.size - 1] = 0  # from ring to ring
    sizes = rings.size - 1
    turn = np.repeat((np.add.reduceat(cross, rings.start) < 0) == rings.outer, sizes)
    rows = spread(rings.start, sizes)
    return np.where(turn, np.repeat(2 * rings.start + sizes - 1, sizes) - rows, rows)


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
        step = np.diff(values.astype(np.int32), prepend=np.int32(0))
        step[quad + 3] += step[quad + 1]
        out[name] = deltas(values[starts]) + varints(fold(step[inner]))
    return out


def areas(shapes: Shapes, origin: tuple[int, int]) -> dict[str, bytes]:
    """Give the sections of areas: rings per area (0 where nothing can be drawn), points per ring (not closed again), points.

    Parameters
    ----------
    shapes
        In the order in which the page will hold them.
    origin
        Whole Mercator units that are taken off.
    """
    rings = shapes.drawable()
    if not len(rings.size):
        return {"rings": varints(rings.paths), "points": b"", "x": b"", "y": b""}
    x, y = _placed(rings, origin)
    rows = _wind(x, y, rings)
    return {"rings": varints(rings.paths), "points": varints(rings.size - 1)} | _paths(x[rows], y[rows], rings.size - 1)


def lines(shapes: Shapes, origin: tuple[int, int]) -> dict[str, bytes]:
    """Give the sections of single lines, one path each; see `areas`."""
    x, y = _placed(shapes, origin)
    return {"rings": varints(shapes.paths), "points": varints(shapes.size)} | _paths(x, y, shapes.size)


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
    tried = {strategy: deflated(data[middle : middle + TRIED], strategy) for strategy in STRATEGIES}
    best = min(STRATEGIES, key=lambda strategy: len(tried[strategy]))
    return tried[best] if len(data) <= TRIED else deflated(data, best)


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
