"""Meeting: which straight pieces cross walls, or stand in houses.

Takes: straight pieces (begin, end), and what may be in their way, in cells.   Gives: for each piece whether it meets something, or what.
Never: rounds where touching is in doubt: two pieces meet when they have one point in common, ends included.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from circle.kernels import compiled
from circle.kernels.cells import Cells, around, cells
from circle.kernels.nearest import Corners, Piece, Streets, boxes, in_order, longer, taller, within_area
from circle.kernels.segments import foot, meet

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


class Walls(NamedTuple):
    """Lines in cells: corners `xy`, the row of the shape that each is `of`; `corner`: where the piece begins that each box holds."""

    xy: Floats
    of: Ints
    corner: NDArray[np.int32]
    grid: Cells


class Houses(NamedTuple):
    """Areas in cells, one box each."""

    corners: Corners
    grid: Cells


def walls(corners: Corners) -> Walls:
    """The straight pieces of all lines and outlines, to be asked for one by one."""
    part = np.repeat(np.arange(len(corners.part) - 1), np.diff(corners.part))
    begin = np.flatnonzero(part[1:] == part[:-1])
    of = np.repeat(np.arange(len(corners.shape) - 1), np.diff(corners.part[corners.shape]))
    corner, box = boxes(corners.xy, begin)
    return Walls(corners.xy, of.astype(np.int64), corner, cells(box))


def houses(corners: Corners, box: Floats) -> Houses:
    """Areas and the box (n, 4) around each."""
    return Houses(corners, cells(box))


@compiled
def _meets(piece: Piece, corners: Corners, shape: int) -> bool:
    """Whether a straight piece and a shape have a point in common."""
    ax, ay, bx, by = piece
    if corners.area[shape] and within_area(corners, shape, ax, ay):
        return True
    for part in range(corners.shape[shape], corners.shape[shape + 1]):
        low, high = corners.part[part], corners.part[part + 1]
        for j in range(low, max(high - 1, low + 1)):
            k = min(j + 1, high - 1)
            if meet(ax, ay, bx, by, corners.xy[j, 0], corners.xy[j, 1], corners.xy[k, 0], corners.xy[k, 1]):
                return True
    return False


@compiled
def meets(begin: Floats, stop: Floats, corners: Corners, shape: Ints) -> Bools:
    """Which pieces from `begin` to `stop` (n, 2) have a point in common with the shape of the same place in `shape`: a row of `corners`."""
    out = np.zeros(len(begin), dtype=np.bool_)
    for row in range(len(begin)):
        out[row] = _meets((begin[row, 0], begin[row, 1], stop[row, 0], stop[row, 1]), corners, shape[row])
    return out


@compiled
def _beside(piece: Piece, box: Floats) -> bool:
    """Whether a box (west, south, east, north) lies on one side of the line through a piece, and does not touch it."""
    ax, ay, bx, by = piece
    ux, uy = bx - ax, by - ay
    a, b = ux * (box[1] - ay) - uy * (box[0] - ax), ux * (box[1] - ay) - uy * (box[2] - ax)
    c, d = ux * (box[3] - ay) - uy * (box[0] - ax), ux * (box[3] - ay) - uy * (box[2] - ax)
    hair = 1e-6 * (abs(ux) + abs(uy))  # far above what rounding can do to these products
    return bool(min(a, b, c, d) > hair or max(a, b, c, d) < -hair)


@compiled
def _nested(one: Floats, other: Floats) -> bool:
    """Whether one of two boxes holds the other."""
    within = one[0] >= other[0] and one[1] >= other[1] and one[2] <= other[2] and one[3] <= other[3]
    return bool(within or (one[0] <= other[0] and one[1] <= other[1] and one[2] >= other[2] and one[3] >= other[3]))


@compiled
def _barred(legs: tuple[Floats, Floats, Floats], own: Ints, lines: Walls, things: Houses) -> tuple[Bools, Ints, int]:
    start, begin, stop = legs
    barred = np.zeros(len(begin), dtype=np.bool_)
    out = np.empty(64, dtype=np.int64)
    total = 0
    found = np.empty(64, dtype=np.int32)
    for row in range(len(begin)):
        ax, ay, bx, by = begin[row, 0], begin[row, 1], stop[row, 0], stop[row, 1]
        count, found = around(lines.grid, min(ax, bx), min(ay, by), max(ax, bx), max(ay, by), found)
        for k in range(count):
            j = lines.corner[found[k]]
            if meet(ax, ay, bx, by, lines.xy[j, 0], lines.xy[j, 1], lines.xy[j + 1, 0], lines.xy[j + 1, 1]):
                barred[row] = True
                break
        if barred[row]:
            continue
        count, found = around(things.grid, min(ax, bx), min(ay, by), max(ax, bx), max(ay, by), found)
        mine = own[row]
        for k in range(count):
            house = int(found[k])
            box = things.grid.box[house]
            if house == mine or _beside((ax, ay, bx, by), box) or not _meets((ax, ay, bx, by), things.corners, house):
                continue
            if mine < 0 and within_area(things.corners, house, start[row, 0], start[row, 1]):
                continue
            if mine < 0 or not _nested(box, things.grid.box[mine]):
                barred[row] = True
                break
            out = longer(out, 2 * total) if total == len(out) else out
            out[total], out[total + 1] = row, house
            total += 2
    return barred, out, total


def barred(legs: tuple[Floats, Floats, Floats], own: Ints, lines: Walls, things: Houses) -> tuple[Bools, Ints, Ints]:
    """Which legs meet a wall or a house.

    Parameters
    ----------
    legs
        Where each starts (n, 2), and the piece of it that is asked about: where that begins and stops.
    own
        Row of the house that each leg belongs to, which is not in its way; −1: none, and the house in which it starts is not.

    Returns
    -------
    Which certainly do; rows of other legs and of houses that they meet whose box holds, or is held by, that of their own house.
    """
    certain, found, count = _barred(legs, own, lines, things)
    row, house = _pairs((found, count))
    open_ = ~certain[row]
    return certain, row[open_], house[open_]


@compiled
def _touching(begin: Floats, stop: Floats, things: Walls) -> tuple[Ints, int]:
    out = np.empty(64, dtype=np.int64)
    total = 0
    found = np.empty(64, dtype=np.int32)
    for row in range(len(begin)):
        ax, ay, bx, by = begin[row, 0], begin[row, 1], stop[row, 0], stop[row, 1]
        count, found = around(things.grid, min(ax, bx), min(ay, by), max(ax, bx), max(ay, by), found)
        for k in range(count):
            j = things.corner[found[k]]
            if meet(ax, ay, bx, by, things.xy[j, 0], things.xy[j, 1], things.xy[j + 1, 0], things.xy[j + 1, 1]):
                out = longer(out, 2 * total) if total == len(out) else out
                out[total], out[total + 1] = row, things.of[j]
                total += 2
    return out, total


def touching(begin: Floats, stop: Floats, things: Walls) -> tuple[Ints, Ints]:
    """Rows of pieces from `begin` to `stop` (n, 2) and of the walls' shapes that have a point in common, a pair perhaps more than once."""
    return _pairs(_touching(begin, stop, things))


def _pairs(found: tuple[Ints, int]) -> tuple[Ints, Ints]:
    """Rows that a kernel wrote in turns, and how many numbers it wrote."""
    rows, count = found
    return rows[:count:2], rows[1:count:2]


@compiled
def places(xy: Floats, first: Ints, along: Floats, line: Ints, share: Floats) -> Floats:
    """Where on some lines a share of their length lies (n, 2): corners, where lines begin, lengths up to each corner, as in `Streets`."""
    out = np.empty((len(line), 2))
    for row in range(len(line)):
        low, high = first[line[row]], first[line[row] + 1] - 1
        wanted = share[row] * along[high]
        begin, end = low, high
        while end - begin > 1:  # the last corner that is not beyond
            middle = (begin + end) // 2
            if along[middle] <= wanted:
                begin = middle
            else:
                end = middle
        step = along[end] - along[begin]
        part = min(max((wanted - along[begin]) / step, 0.0), 1.0) if step > 0.0 else 0.0
        out[row, 0] = xy[begin, 0] + part * (xy[end, 0] - xy[begin, 0])
        out[row, 1] = xy[begin, 1] + part * (xy[end, 1] - xy[begin, 1])
    return out


@compiled
def feet(points: Floats, corners: Corners, shape: Ints) -> Floats:
    """The place on a shape's outline that is nearest to each point (n, 2), of several the first; `shape`: rows of `corners`."""
    out = np.empty((len(points), 2))
    for row in range(len(points)):
        x, y, least = points[row, 0], points[row, 1], np.inf
        out[row, 0], out[row, 1] = np.nan, np.nan
        for part in range(corners.shape[shape[row]], corners.shape[shape[row] + 1]):
            low, high = corners.part[part], corners.part[part + 1]
            for j in range(low, max(high - 1, low + 1)):
                k = min(j + 1, high - 1)
                near_x, near_y = foot(x, y, corners.xy[j, 0], corners.xy[j, 1], corners.xy[k, 0], corners.xy[k, 1])
                apart = (near_x - x) ** 2 + (near_y - y) ** 2
                if apart < least:
                    least = apart
                    out[row, 0], out[row, 1] = near_x, near_y
    return out


@compiled
def beside(points: Floats, reach: Floats, lines: Streets) -> tuple[Floats, int]:
    """Straight pieces of lines no farther than `reach` from each point, sorted by point; and how many.

    Rows: point, corner with which the piece begins, and the place (x, y) on the piece that is nearest to the point.
    """
    out = np.empty((64, 4))
    total = 0
    found = np.empty(64, dtype=np.int32)
    for row in range(len(points)):
        x, y, far = points[row, 0], points[row, 1], reach[row]
        count, found = around(lines.grid, x - far, y - far, x + far, y + far, found)
        for k in range(count):
            found[k] = lines.corner[found[k]]
        in_order(found, count)
        for k in range(count):
            j = found[k]
            if k > 0 and j == found[k - 1]:
                continue
            near_x, near_y = foot(x, y, lines.xy[j, 0], lines.xy[j, 1], lines.xy[j + 1, 0], lines.xy[j + 1, 1])
            if np.hypot(near_x - x, near_y - y) > far:
                continue
            if total == len(out):
                out = taller(out, 2 * len(out))
            out[total, 0], out[total, 1], out[total, 2], out[total, 3] = row, j, near_x, near_y
            total += 1
    return out, total
