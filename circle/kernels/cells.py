"""Cells: a grid over a place, in which boxes are found that touch another box.

Takes: boxes (west, south, east, north on a plane).   Gives: `Cells`, and for kernels the walk through it.
Never: says that two things meet: boxes that touch are only asked about.

A box lies in every cell that it touches. Whoever looks around a box of his own meets the same box in several cells, and counts it in one:
the cell in which the part that both have in common begins.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from circle.kernels import compiled

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LEAST_SIZE = 32.0  # units of the plane; streets, walls and houses are cut into pieces of about this size
PER_BOX = 8  # cells for each box, at most: a wide empty land gets larger cells


class Cells(NamedTuple):
    """Boxes in cells: those of cell (i, j) are `member[first[j * across + i]:first[j * across + i + 1]]`, rows of `box` (n, 4)."""

    west: float
    south: float
    size: float
    across: int
    down: int
    first: Ints
    member: NDArray[np.int32]
    box: Floats


def cells(box: Floats) -> Cells:
    """Put boxes (n, 4) into cells.

    >>> around = cells(np.asarray([[0.0, 0.0, 10.0, 10.0], [500.0, 0.0, 510.0, 5.0]]))
    >>> around.member.tolist()
    [0, 1]
    """
    box = np.ascontiguousarray(box, dtype=np.float64)
    if not len(box):
        return Cells(0.0, 0.0, LEAST_SIZE, 1, 1, np.zeros(2, dtype=np.int64), np.empty(0, dtype=np.int32), box.reshape(0, 4))
    somewhere = box[np.isfinite(box).all(axis=1)]  # what lies nowhere, or at a pole, is in no cell
    west, south = somewhere[:, :2].min(axis=0, initial=0.0 if not len(somewhere) else np.inf)
    width, height = np.maximum(somewhere[:, 2:].max(axis=0, initial=-np.inf) - (west, south), 1e-9)
    size = max(LEAST_SIZE, float(np.sqrt(width * height / (PER_BOX * len(box) + 64))), float(max(width, height)) / 65_536)
    across, down = int(width / size) + 1, int(height / size) + 1
    first, member = _filled(box, float(west), float(south), size, across, down)
    return Cells(float(west), float(south), size, across, down, first, member, box)


@compiled
def span(low: float, high: float, start: float, size: float, number: int) -> tuple[int, int]:
    """First and last cell along one axis that an interval touches, within the grid; the last is before the first where none is."""
    begin, end = np.floor((low - start) / size), np.floor((high - start) / size)
    if not (begin < number and end >= 0.0):  # so written that it holds for what is no number, too
        return 1, 0
    return int(max(begin, 0.0)), int(min(end, float(number - 1)))


@compiled
def _filled(box: Floats, west: float, south: float, size: float, across: int, down: int) -> tuple[Ints, NDArray[np.int32]]:
    first = np.zeros(across * down + 1, dtype=np.int64)
    for row in range(len(box)):
        i0, i1 = span(box[row, 0], box[row, 2], west, size, across)
        j0, j1 = span(box[row, 1], box[row, 3], south, size, down)
        for j in range(j0, j1 + 1):
            for i in range(i0, i1 + 1):
                first[j * across + i + 1] += 1
    for cell in range(across * down):
        first[cell + 1] += first[cell]
    place = np.empty(across * down, dtype=np.int64)
    for cell in range(across * down):
        place[cell] = first[cell]
    member = np.empty(first[-1], dtype=np.int32)
    for row in range(len(box)):
        i0, i1 = span(box[row, 0], box[row, 2], west, size, across)
        j0, j1 = span(box[row, 1], box[row, 3], south, size, down)
        for j in range(j0, j1 + 1):
            for i in range(i0, i1 + 1):
                member[place[j * across + i]] = row
                place[j * across + i] += 1
    return first, member


@compiled
def around(grid: Cells, west: float, south: float, east: float, north: float, out: NDArray[np.int32]) -> tuple[int, NDArray[np.int32]]:
    """Rows of the boxes that touch a box: how many, and the array that holds them (`out`, or a longer one)."""
    count = 0
    i0, i1 = span(west, east, grid.west, grid.size, grid.across)
    j0, j1 = span(south, north, grid.south, grid.size, grid.down)
    for j in range(j0, j1 + 1):
        for i in range(i0, i1 + 1):
            cell = j * grid.across + i
            for place in range(grid.first[cell], grid.first[cell + 1]):
                row = grid.member[place]
                x, y = grid.box[row, 0], grid.box[row, 1]
                if x > east or y > north or grid.box[row, 2] < west or grid.box[row, 3] < south:
                    continue
                begins_i, _ = span(max(x, west), max(x, west), grid.west, grid.size, grid.across)
                begins_j, _ = span(max(y, south), max(y, south), grid.south, grid.size, grid.down)
                if begins_i != i or begins_j != j:
                    continue
                if count == len(out):
                    longer = np.empty(2 * len(out) + 16, dtype=np.int32)
                    for k in range(count):  # a slice would take ten times as long to compile
                        longer[k] = out[k]
                    out = longer
                out[count] = row
                count += 1
    return count, out
