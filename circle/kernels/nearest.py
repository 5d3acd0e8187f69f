"""Nearest points: for every shape the lines around it, and where shape and line are nearest to each other.

Takes: corners of shapes (points, lines, areas) and of lines, on one plane; how far.   Gives: a row for each shape and line in reach.
Never: looks at all pairs; takes a line inside an area to be as far as the area's rim: there it is 0 metres away.

Of several places that are equally near the first along the shape counts, and then the first along the line, as in GEOS.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from circle.kernels import compiled
from circle.kernels.cells import Cells, around, cells
from circle.kernels.segments import crossing, foot, meet, side

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

Piece = tuple[float, float, float, float]  # where it begins and where it ends: x, y, x, y
Line = tuple[Floats, NDArray[np.int32], int, int]  # corners of all lines, corners at which pieces begin, and which of these are meant

HAIR = 1e-9  # share of a squared distance that rounding cannot reach
PIECE = 64.0  # units of the plane: longer straight pieces are put into cells part by part


class Corners(NamedTuple):
    """Corners of shapes: part k is `xy[part[k]:part[k + 1]]`, shape i has parts `shape[i]` to `shape[i + 1]`; `area`: which are areas."""

    xy: Floats
    part: Ints
    shape: Ints
    area: Bools


class Streets(NamedTuple):
    """Lines in cells: their corners `xy`, the line that each corner is `of`, and the length `along` it up to there; `whole` of each line.

    `corner`: with which corner the straight piece begins that each box of `grid` holds; `begin`: first corner of each line.
    """

    xy: Floats
    of: NDArray[np.int32]
    along: Floats
    whole: Floats
    begin: Ints
    corner: NDArray[np.int32]
    grid: Cells


class Asked(NamedTuple):
    """What is looked for: lines that are `among`, around `rows` of the shapes, where a metre has `units` of the plane, within `reach_m`.

    `keep`: so many lines for each shape, the nearest, and those that are no farther than the last of them; 0: all.
    """

    rows: Ints
    units: Floats
    reach_m: Floats
    keep: int
    among: Bools


class Near(NamedTuple):
    """Pairs, sorted by shape and distance: place in `Asked.rows`, row of the line, metres apart, ends on both, share of the line."""

    shape: Ints
    line: Ints
    apart_m: Floats
    on_shape: Floats
    on_line: Floats
    share: Floats


def streets(xy: Floats, first: Ints) -> Streets:
    """Lines of two or more corners each, line i being `xy[first[i]:first[i + 1]]`.

    >>> one = streets(np.asarray([[0.0, 0.0], [90.0, 0.0], [90.0, 30.0]]), np.asarray([0, 3]))
    >>> one.along.tolist(), one.whole.tolist(), one.corner.tolist()
    ([0.0, 90.0, 120.0], [120.0], [0, 0, 1])
    """
    xy = np.ascontiguousarray(xy, dtype=np.float64)
    count = np.diff(first)
    of = np.repeat(np.arange(len(count), dtype=np.int32), count)
    along, whole = _lengths(xy, np.ascontiguousarray(first, dtype=np.int64))
    begins = np.ones(len(xy), dtype=bool)
    begins[first[1:] - 1] = False
    corner, box = boxes(xy, np.flatnonzero(begins))
    return Streets(xy, of, along, whole, np.ascontiguousarray(first[:-1], dtype=np.int64), corner, cells(box))


def boxes(xy: Floats, corner: Ints) -> tuple[NDArray[np.int32], Floats]:
    """Boxes around straight pieces, each from a corner to the next; a long piece has several: corner of each box, and the boxes (n, 4)."""
    begin, end = xy[corner], xy[corner + 1]
    with np.errstate(invalid="ignore"):
        length = np.hypot(*(end - begin).T)
    many = np.maximum(np.ceil(np.where(np.isfinite(length), length, 0.0) / PIECE), 1.0).astype(np.int64)
    row = np.repeat(np.arange(len(corner)), many)
    step = np.arange(len(row)) - np.repeat(np.cumsum(many) - many, many)
    with np.errstate(invalid="ignore"):  # what lies nowhere stays nowhere
        one = begin[row] + (end - begin)[row] * (step / many[row])[:, None]
        other = begin[row] + (end - begin)[row] * ((step + 1) / many[row])[:, None]
    hair = 1e-9 * (1.0 + np.abs(xy).max(initial=0.0, where=np.isfinite(xy)))  # between two corners places are rounded
    box = np.hstack([np.minimum(one, other) - hair, np.maximum(one, other) + hair])
    return corner[row].astype(np.int32), box


@compiled
def _lengths(xy: Floats, first: Ints) -> tuple[Floats, Floats]:
    along, whole = np.zeros(len(xy)), np.zeros(len(first) - 1)
    for line in range(len(first) - 1):
        total = 0.0
        for corner in range(first[line] + 1, first[line + 1]):
            total += np.hypot(xy[corner, 0] - xy[corner - 1, 0], xy[corner, 1] - xy[corner - 1, 1])
            along[corner] = total
        whole[line] = total
    return along, whole


@compiled
def in_order(values: NDArray[np.int32], count: int) -> None:
    """Sort the first `count` numbers in place (Shell 1959): they are few."""
    gap = count // 2
    while gap > 0:
        for i in range(gap, count):
            value, j = values[i], i
            while j >= gap and values[j - gap] > value:
                values[j] = values[j - gap]
                j -= gap
            values[j] = value
        gap //= 2


@compiled
def within_area(corners: Corners, row: int, x: float, y: float) -> bool:
    """Whether a point lies in an area or on its rim: rays to the east cross the rim an odd number of times."""
    inside = False
    for part in range(corners.shape[row], corners.shape[row + 1]):
        for k in range(corners.part[part], corners.part[part + 1] - 1):
            ax, ay, bx, by = corners.xy[k, 0], corners.xy[k, 1], corners.xy[k + 1, 0], corners.xy[k + 1, 1]
            if (ay > y) == (by > y):
                if ay == y and by == y and min(ax, bx) <= x <= max(ax, bx):
                    return True
                if (ay == y and ax == x) or (by == y and bx == x):
                    return True
                continue
            turn = side(ax, ay, bx, by, x, y)
            if turn == 0:
                return True
            if (turn > 0) == (by > ay):
                inside = not inside
    return inside


@compiled
def longer(numbers: Ints, room: int) -> Ints:
    """The same numbers in an array with room for more; a slice would take ten times as long to compile."""
    out = np.empty(room, dtype=np.int64)
    for k in range(len(numbers)):
        out[k] = numbers[k]
    return out


@compiled
def taller(rows: Floats, room: int) -> Floats:
    """The same rows in an array with room for more."""
    out = np.empty((room, rows.shape[1]))
    for k in range(len(rows)):
        for column in range(rows.shape[1]):
            out[k, column] = rows[k, column]
    return out


@compiled
def _by_distance(rows: Floats, count: int, out: Ints) -> None:
    """Order of the first rows by their first column; of equal ones the first stays first."""
    for k in range(count):
        j = k
        while j > 0 and rows[out[j - 1], 0] > rows[k, 0]:
            out[j] = out[j - 1]
            j -= 1
        out[j] = k


@compiled
def _nearest(corners: Corners, lines: Streets, asked: Asked) -> tuple[Ints, Floats, int]:
    """Pairs (shape, line) and their numbers (metres, two places, share), as `nearest` gives them; and how many."""
    rows, units, reach_m, keep, among = asked
    pair, number = np.empty(64 * max(len(rows), 1), dtype=np.int64), np.empty((32 * max(len(rows), 1), 6))
    total = 0
    found, outline, squares = np.empty(256, dtype=np.int32), np.empty((7, 64)), np.empty(64)
    mine = np.empty((64, 7))
    order = np.empty(64, dtype=np.int64)
    for place in range(len(rows)):
        row, reach = rows[place], reach_m[place] * units[place]
        west, south, east, north = np.inf, np.inf, -np.inf, -np.inf
        for k in range(corners.part[corners.shape[row]], corners.part[corners.shape[row + 1]]):
            west, east = min(west, corners.xy[k, 0]), max(east, corners.xy[k, 0])
            south, north = min(south, corners.xy[k, 1]), max(north, corners.xy[k, 1])
        count, found = around(lines.grid, west - reach, south - reach, east + reach, north + reach, found)
        for k in range(count):
            found[k] = lines.corner[found[k]]
        in_order(found, count)
        pieces, outline = _outline(corners, row, outline)
        squares = squares if pieces <= len(squares) else np.empty(outline.shape[1])
        here = 0
        for k in range(count):
            line = lines.of[found[k]]
            if not among[line] or (k > 0 and lines.of[found[k - 1]] == line):
                continue
            end = k + 1
            while end < count and lines.of[found[end]] == line:
                end += 1
            if here == len(mine):
                mine = taller(mine, 2 * here)
            at = lines.begin[line]
            x, y = lines.xy[at, 0], lines.xy[at, 1]
            around_it = west <= x <= east and south <= y <= north
            if around_it and corners.area[row] and within_area(corners, row, x, y):  # where a line begins inside an area
                mine[here, 0], mine[here, 1], mine[here, 2], mine[here, 3], mine[here, 4] = 0.0, x, y, x, y
            else:
                at = _pair(outline, pieces, (lines.xy, found, k, end), reach * reach * (1.0 + HAIR), squares, mine[here])
            mine[here, 0] /= units[place]
            if mine[here, 0] > reach_m[place]:
                continue
            if lines.whole[line] > 0.0:
                on = np.hypot(mine[here, 3] - lines.xy[at, 0], mine[here, 4] - lines.xy[at, 1])
                mine[here, 5] = min((lines.along[at] + on) / lines.whole[line], 1.0)
            else:
                mine[here, 5] = 0.0
            mine[here, 6] = line
            here += 1
        order = order if here <= len(order) else np.empty(len(mine), dtype=np.int64)
        _by_distance(mine, here, order)
        if 0 < keep < here:
            last = mine[order[keep - 1], 0]
            while here > keep and mine[order[here - 1], 0] > last:
                here -= 1
        if total + here > len(number):
            room = 2 * (total + here)
            pair, number = longer(pair, 2 * room), taller(number, room)
        for k in range(here):
            pair[2 * total], pair[2 * total + 1] = place, int(mine[order[k], 6])
            for column in range(6):
                number[total, column] = mine[order[k], column]
            total += 1
    return pair, number, total


@compiled
def _outline(corners: Corners, row: int, out: Floats) -> tuple[int, Floats]:
    """The straight pieces of a shape, one row each: begin, step to the end, 1 / length² (0 for a point), end. How many, and their array."""
    count = 0
    for part in range(corners.shape[row], corners.shape[row + 1]):
        low, high = corners.part[part], corners.part[part + 1]
        for k in range(low, max(high - 1, low + 1)):
            if count == out.shape[1]:
                out = _wider(out)
            to = min(k + 1, high - 1)
            ax, ay, bx, by = corners.xy[k, 0], corners.xy[k, 1], corners.xy[to, 0], corners.xy[to, 1]
            out[0, count], out[1, count], out[5, count], out[6, count] = ax, ay, bx, by
            ux, uy = bx - ax, by - ay
            square = ux * ux + uy * uy
            out[2, count], out[3, count], out[4, count] = ux, uy, 1.0 / square if square > 0.0 else 0.0
            count += 1
    return count, out


@compiled
def _wider(rows: Floats) -> Floats:
    out = np.empty((rows.shape[0], 2 * rows.shape[1]))
    for row in range(rows.shape[0]):
        for k in range(rows.shape[1]):
            out[row, k] = rows[row, k]
    return out


@compiled
def _squares(outline: Floats, count: int, piece: Piece, out: Floats) -> float:
    """About the squared distance of each piece of an outline from another piece, as if they did not cross; and the least of them."""
    cx, cy, dx, dy = piece
    vx, vy = dx - cx, dy - cy
    square = vx * vx + vy * vy
    inverse = 1.0 / square if square > 0.0 else 0.0
    for k in range(count):
        ax, ay, ux, uy, own = outline[0, k], outline[1, k], outline[2, k], outline[3, k], outline[4, k]
        share = min(max(((cx - ax) * ux + (cy - ay) * uy) * own, 0.0), 1.0)
        x, y = ax + share * ux - cx, ay + share * uy - cy
        near = x * x + y * y
        share = min(max(((dx - ax) * ux + (dy - ay) * uy) * own, 0.0), 1.0)
        x, y = ax + share * ux - dx, ay + share * uy - dy
        near = min(near, x * x + y * y)
        share = min(max(((ax - cx) * vx + (ay - cy) * vy) * inverse, 0.0), 1.0)
        x, y = cx + share * vx - ax, cy + share * vy - ay
        near = min(near, x * x + y * y)
        share = min(max(((ax + ux - cx) * vx + (ay + uy - cy) * vy) * inverse, 0.0), 1.0)
        x, y = cx + share * vx - ax - ux, cy + share * vy - ay - uy
        out[k] = min(near, x * x + y * y)
    least = np.inf
    for k in range(count):
        least = min(least, out[k])
    return least


@compiled
def _ends(one: Piece, other: Piece, least: float, out: Floats) -> float:
    """The nearest places of two pieces, put into `out` where they are nearer than `least`; how near the nearest then are.

    They are a common point, or an end of one piece and its foot on the other.
    """
    if meet(one[0], one[1], one[2], one[3], other[0], other[1], other[2], other[3]):
        out[1], out[2] = crossing(one[0], one[1], one[2], one[3], other[0], other[1], other[2], other[3])
        out[3], out[4] = out[1], out[2]
        return 0.0
    for way in range(4):
        from_other = way < 2
        mine, theirs = (one, other) if from_other else (other, one)
        x, y = (theirs[0], theirs[1]) if way % 2 == 0 else (theirs[2], theirs[3])
        foot_x, foot_y = foot(x, y, mine[0], mine[1], mine[2], mine[3])
        apart = np.hypot(x - foot_x, y - foot_y)
        if apart < least:
            least = apart
            out[1], out[2] = (foot_x, foot_y) if from_other else (x, y)
            out[3], out[4] = (x, y) if from_other else (foot_x, foot_y)
    return least


@compiled
def _crossed(outline: Floats, count: int, piece: Piece) -> int:
    """The first piece of an outline that meets another piece, or −1."""
    cx, cy, dx, dy = piece
    west, east, south, north = min(cx, dx), max(cx, dx), min(cy, dy), max(cy, dy)
    for k in range(count):
        ax, ay, bx, by = outline[0, k], outline[1, k], outline[5, k], outline[6, k]
        if (ax < west and bx < west) or (ax > east and bx > east) or (ay < south and by < south) or (ay > north and by > north):
            continue
        if meet(ax, ay, bx, by, cx, cy, dx, dy):
            return k
    return -1


@compiled
def _pair(outline: Floats, count: int, line: Line, bound: float, squares: Floats, out: Floats) -> int:
    """An outline and some pieces of one line, no farther apart than the root of `bound`: the corner before the nearest place on the line.

    `out`: how far apart they are (infinite where it is farther), the place on the outline, the place on the line.
    """
    xy, found, start, end = line
    least, at, before, crossed = np.inf, np.int64(found[start]), -1, count
    for place in range(start, end):
        j = found[place]
        if j == before:
            continue
        before = j
        piece = (xy[j, 0], xy[j, 1], xy[j + 1, 0], xy[j + 1, 1])
        square = _squares(outline, count, piece, squares)
        long = (piece[2] - piece[0]) ** 2 + (piece[3] - piece[1]) ** 2
        k = _crossed(outline, count, piece) if 4.0 * square * (1.0 - HAIR) <= long else -1  # of what crosses, an end is that near
        if 0 <= k < crossed:
            least, at, crossed = _ends((outline[0, k], outline[1, k], outline[5, k], outline[6, k]), piece, np.inf, out), np.int64(j), k
        if crossed < count or square * (1.0 - HAIR) > bound:
            continue
        for k in range(count):
            if squares[k] * (1.0 - HAIR) <= square:
                near = _ends((outline[0, k], outline[1, k], outline[5, k], outline[6, k]), piece, least, out)
                if near < least:
                    least, at = near, np.int64(j)
        bound = min(bound, least * least)
    out[0] = least
    return int(at)


def nearest(corners: Corners, lines: Streets, asked: Asked) -> Near:
    """Lines around each of some shapes, nearest first."""
    pair, number, total = _nearest(corners, lines, asked)
    who, number = pair[: 2 * total].reshape(-1, 2), number[:total].copy()
    return Near(who[:, 0].copy(), who[:, 1].copy(), number[:, 0], number[:, 1:3], number[:, 3:5], number[:, 5])
