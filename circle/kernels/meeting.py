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
from circle.kernels.nearest import Corners, boxes, longer, within_area
from circle.kernels.segments import meet

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
def struck(begin: Floats, stop: Floats, things: Walls) -> Bools:
    """Which pieces from `begin` to `stop` (n, 2) meet a wall."""
    out = np.zeros(len(begin), dtype=np.bool_)
    found = np.empty(64, dtype=np.int32)
    for row in range(len(begin)):
        ax, ay, bx, by = begin[row, 0], begin[row, 1], stop[row, 0], stop[row, 1]
        count, found = around(things.grid, min(ax, bx), min(ay, by), max(ax, bx), max(ay, by), found)
        for k in range(count):
            j = things.corner[found[k]]
            if meet(ax, ay, bx, by, things.xy[j, 0], things.xy[j, 1], things.xy[j + 1, 0], things.xy[j + 1, 1]):
                out[row] = True
                break
    return out


@compiled
def entered(begin: Floats, stop: Floats, own: Ints, things: Houses) -> tuple[Ints, int]:
    """Rows of pieces and of houses, one after the other, that have a point in common; not the pieces' own houses. How many numbers."""
    out = np.empty(64, dtype=np.int64)
    total = 0
    found = np.empty(64, dtype=np.int32)
    corners = things.corners
    for row in range(len(begin)):
        ax, ay, bx, by = begin[row, 0], begin[row, 1], stop[row, 0], stop[row, 1]
        count, found = around(things.grid, min(ax, bx), min(ay, by), max(ax, bx), max(ay, by), found)
        for k in range(count):
            house = found[k]
            if house == own[row]:
                continue
            hit = within_area(corners, house, ax, ay)
            for part in range(corners.shape[house], corners.shape[house + 1]):
                for j in range(corners.part[part], corners.part[part + 1] - 1):
                    if not hit:
                        hit = meet(ax, ay, bx, by, corners.xy[j, 0], corners.xy[j, 1], corners.xy[j + 1, 0], corners.xy[j + 1, 1])
            if hit:
                if total + 2 > len(out):
                    out = longer(out, 2 * len(out))
                out[total], out[total + 1] = row, house
                total += 2
    return out, total


@compiled
def touching(begin: Floats, stop: Floats, things: Walls) -> tuple[Ints, int]:
    """Rows of pieces and of the walls' shapes that have a point in common, in turns, a pair perhaps twice. And how many numbers."""
    out = np.empty(64, dtype=np.int64)
    total = 0
    found = np.empty(64, dtype=np.int32)
    for row in range(len(begin)):
        ax, ay, bx, by = begin[row, 0], begin[row, 1], stop[row, 0], stop[row, 1]
        count, found = around(things.grid, min(ax, bx), min(ay, by), max(ax, bx), max(ay, by), found)
        for k in range(count):
            j = things.corner[found[k]]
            if meet(ax, ay, bx, by, things.xy[j, 0], things.xy[j, 1], things.xy[j + 1, 0], things.xy[j + 1, 1]):
                if total + 2 > len(out):
                    out = longer(out, 2 * len(out))
                out[total], out[total + 1] = row, things.of[j]
                total += 2
    return out, total


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
