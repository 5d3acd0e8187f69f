"""Rings of coordinates: whether they are plainly simple, how rings lie in each other, their area and centre.

Takes: rings one after the other, in degrees or on a plane.   Gives: per ring, what Shapely would say, at a fraction of its price.
Never: decides a close case. What touches, nearly touches, is large or is long is answered with no, and left to GEOS.

Places on the map are whole ten-millionths of a degree, so that turns are counted in whole numbers, without rounding. What is apart by as
much as one of them, over at most `REACH` of them, is apart in floating point too.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from circle.kernels import compiled

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

REACH = 1 << 18  # steps of a ten-millionth of a degree: 2.9 km
LONGEST = 200  # points of a ring: each stretch is compared with each other
_DIGITS = 1e7


def steps(points: Floats) -> Ints:
    """Points in whole ten-millionths of a degree."""
    return np.rint(points * _DIGITS).astype(np.int64)


@compiled
def _apart(ring: Any, i: Any, j: Any) -> Any:
    """Whether the stretches that begin at points i and j have no point in common."""
    ax, ay, bx, by = ring[i, 0], ring[i, 1], ring[i + 1, 0], ring[i + 1, 1]
    cx, cy, dx, dy = ring[j, 0], ring[j, 1], ring[j + 1, 0], ring[j + 1, 1]
    if (ax < cx and ax < dx and bx < cx and bx < dx) or (ax > cx and ax > dx and bx > cx and bx > dx):
        return True
    if (ay < cy and ay < dy and by < cy and by < dy) or (ay > cy and ay > dy and by > cy and by > dy):
        return True
    one = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
    other = (bx - ax) * (dy - ay) - (by - ay) * (dx - ax)
    if (one > 0 and other > 0) or (one < 0 and other < 0):
        return True
    one = (dx - cx) * (ay - cy) - (dy - cy) * (ax - cx)
    other = (dx - cx) * (by - cy) - (dy - cy) * (bx - cx)
    return (one > 0 and other > 0) or (one < 0 and other < 0)


@compiled
def simple(ring: Ints, start: Ints, stop: Ints) -> Bools:
    """Which closed rings (whole steps, from point `start` to before `stop`) are plainly valid outlines; of the others nothing is said.

    >>> square = np.array([[0, 0], [9, 0], [9, 9], [0, 9], [0, 0]])
    >>> bow = square[[0, 2, 1, 3, 0]]
    >>> simple(np.concatenate([square, bow]), np.array([0, 5]), np.array([5, 10])).tolist()
    [True, False]
    """
    out = np.zeros(len(start), dtype=np.bool_)
    for row in range(len(out)):
        begin, last = start[row], stop[row] - 1
        plain = 3 <= last - begin <= LONGEST
        i = begin
        while plain and i < last:
            k = i + 1 if i + 1 < last else begin  # the next stretch
            ax, ay = ring[i + 1, 0] - ring[i, 0], ring[i + 1, 1] - ring[i, 1]
            bx, by = ring[k + 1, 0] - ring[k, 0], ring[k + 1, 1] - ring[k, 1]
            plain = ax * by != ay * bx or ax * bx + ay * by > 0  # it neither turns back nor stands still
            plain = plain and abs(ring[i, 0] - ring[begin, 0]) < REACH and abs(ring[i, 1] - ring[begin, 1]) < REACH
            for j in range(i + 2, last if i > begin else last - 1):
                plain = plain and _apart(ring, i, j)
            i += 1
        out[row] = plain
    return out


@compiled
def shells(ring: Ints, first: Ints, group: Ints) -> Ints:
    """Which ring of each group is the outline in which all others are holes; -1 where that is not plain.

    Parameters
    ----------
    ring, first
        Rings in whole steps, each of them `simple`.
    group
        Where the rings of each group begin; one longer than there are groups.

    >>> square = np.array([[0, 0], [9, 0], [9, 9], [0, 9], [0, 0]])
    >>> inner = square // 3 + 2
    >>> shells(np.concatenate([inner, square, square, square + 5]), np.array([0, 5, 10, 15, 20]), np.array([0, 2, 4])).tolist()
    [1, -1]
    """
    out = np.full(len(group) - 1, -1, dtype=np.int64)
    for row in range(len(out)):
        shell, plain = np.int64(-1), first[group[row + 1]] - first[group[row]] <= 2 * LONGEST
        for each in range(group[row], group[row + 1]):
            x, y = ring[first[each], 0], ring[first[each], 1]
            plain = plain and abs(x - ring[first[group[row]], 0]) < REACH and abs(y - ring[first[group[row]], 1]) < REACH
            around = 0  # how many others go round it
            for other in range(group[row], group[row + 1]):
                inside = False
                for j in range(first[other], first[other + 1] - 1 if other != each else 0):
                    ax, ay, bx, by = ring[j, 0], ring[j, 1], ring[j + 1, 0], ring[j + 1, 1]
                    if (ay > y) != (by > y) and ((bx - ax) * (y - ay) > (by - ay) * (x - ax)) == (by > ay):
                        inside = not inside
                    for i in range(first[each], first[each + 1] - 1 if other < each else 0):
                        plain = plain and _apart(ring, i, j)
                around += inside
            if around == 0 and shell < 0:
                shell = np.int64(each)
            elif around != 1:
                plain = False
        if plain:
            out[row] = shell
    return out


@compiled
def areas(points: Floats, first: Ints) -> Floats:
    """Area of each closed ring, its sign the direction in which it goes (clockwise above zero), summed in the order in which GEOS does.

    >>> areas(np.array([[0.0, 0.0], [2.0, 0.0], [2.0, 3.0], [0.0, 0.0]]), np.array([0, 4])).tolist()
    [-3.0]
    """
    out = np.empty(len(first) - 1)
    for row in range(len(out)):
        start, total = points[first[row], 0], 0.0
        for at in range(first[row] + 1, first[row + 1] - 1):
            total += (points[at, 0] - start) * (points[at - 1, 1] - points[at + 1, 1])
        out[row] = total / 2.0
    return out


@compiled
def centres(points: Floats, first: Ints) -> Floats:
    """Centre of gravity of each closed ring, as GEOS finds it; nan where it has no area.

    >>> centres(np.array([[0.0, 0.0], [3.0, 0.0], [3.0, 3.0], [0.0, 0.0]]), np.array([0, 4])).tolist()
    [[2.0, 1.0]]
    """
    out = np.empty((len(first) - 1, 2))
    for row in range(len(out)):
        x, y = points[first[row], 0], points[first[row], 1]
        twice, east, north = 0.0, 0.0, 0.0
        for at in range(first[row], first[row + 1] - 1):
            ax, ay, bx, by = points[at, 0], points[at, 1], points[at + 1, 0], points[at + 1, 1]
            part = (ax - x) * (by - y) - (bx - x) * (ay - y)
            east += part * (x + ax + bx)
            north += part * (y + ay + by)
            twice += part
        out[row, 0] = east / 3.0 / twice if twice else np.nan
        out[row, 1] = north / 3.0 / twice if twice else np.nan
    return out
