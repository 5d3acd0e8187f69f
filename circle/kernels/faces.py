"""Rings of half-edges: which follows which around the nodes of a drawing, what they enclose, and which ring lies in which.

Takes: half-edges by number (`2 * row` along a segment, `2 * row + 1` against it): the node that each leaves, its place and direction.
Gives: the half-edge that follows each, the rings that they make, their boxes and areas.
Never: says of a place at the very edge of a ring that it is inside or outside: it says that it does not know.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from circle.kernels import compiled

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

INSIDE, OUTSIDE, UNSURE = 1, 0, -1


@compiled
def around(node: Ints, angle: Floats, number: int) -> tuple[Ints, Ints]:
    """Half-edges by the node that they leave and, around it, by their angle; of equal angles the first stays first.

    Returns
    -------
    Where each of the `number` nodes begins, one longer than there are nodes; the half-edges.

    >>> first, order = around(np.asarray([1, 0, 1, 0, 1, 0]), np.asarray([2.0, 0.5, 1.0, 0.5, -1.0, 0.0]), 2)
    >>> first.tolist(), order.tolist()
    ([0, 3, 6], [5, 1, 3, 4, 2, 0])
    """
    first = np.zeros(number + 1, np.intp)
    for at in node:
        first[at + 1] += 1
    for at in range(number):
        first[at + 1] += first[at]
    free = first[:-1].copy()
    order = np.empty(len(node), np.intp)
    for half in range(len(node)):
        at = node[half]
        spot = free[at]
        while spot > first[at] and angle[order[spot - 1]] > angle[half]:
            order[spot] = order[spot - 1]
            spot -= 1
        order[spot] = half
        free[at] += 1
    return first, order


@compiled
def followers(first: Ints, order: Ints, kept: Bools) -> Ints:
    """The half-edge after each, −1 after one that is not kept.

    Who arrives along the other half of a half-edge leaves by its next neighbour around the node, of those that are kept.
    """
    follows = np.full(len(order), -1, np.intp)
    for at in range(len(first) - 1):
        lowest, before = -1, -1
        for spot in range(first[at], first[at + 1]):
            half = order[spot]
            if kept[half]:
                if before >= 0:
                    follows[before ^ 1] = half
                else:
                    lowest = half
                before = half
        if before >= 0:
            follows[before ^ 1] = lowest
    return follows


@compiled
def numbered(follows: Ints) -> tuple[Ints, Ints]:
    """Ring of each half-edge, −1 where none follows, and the lowest half-edge of each ring; rings are in the order of these.

    >>> triangle = np.asarray([0, 1, 1, 2, 2, 0])
    >>> star = around(triangle, np.asarray([0.0, 3.1, 2.0, -1.0, -2.0, 1.0]), 3)
    >>> [each.tolist() for each in numbered(followers(*star, np.ones(6, dtype=np.bool_)))]
    [[0, 1, 0, 1, 0, 1], [0, 1]]
    """
    ring = np.full(len(follows), -1, np.intp)
    begin = np.empty(len(follows), np.intp)
    number = 0
    for start in range(len(follows)):
        if follows[start] >= 0 and ring[start] < 0:
            half = start
            while ring[half] < 0:
                ring[half] = number
                half = follows[half]
            begin[number] = start
            number += 1
    return ring, begin[:number].copy()


@compiled
def take_apart(first: Ints, order: Ints, ring: Ints, follows: Ints) -> None:
    """Change `follows` so that no ring comes to a node twice: there, each visit turns back the other way round the node."""
    for at in range(len(first) - 1):
        for spot in range(first[at], first[at + 1]):
            mine = ring[order[spot]]
            visits = 0
            for other in range(first[at], first[at + 1]):
                if ring[order[other]] == mine:
                    if other < spot:
                        break  # done already
                    visits += 1
            if mine < 0 or visits < 2:
                continue
            arrived, left = -1, -1
            for other in range(first[at + 1] - 1, first[at] - 1, -1):
                half = order[other]
                if ring[half ^ 1] == mine:
                    arrived = half ^ 1
                if ring[half] == mine:
                    if arrived >= 0:
                        follows[arrived] = half
                        arrived = -1
                    if left < 0:
                        left = half
            if arrived >= 0:
                follows[arrived] = left


@compiled
def measured(follows: Ints, begin: Ints, x: Floats, y: Floats) -> tuple[Floats, Floats, Ints]:
    """Box (west, south, east, north), area and number of corners of the rings that begin with these half-edges.

    `x`, `y`: where each half-edge starts. The area is above zero where it lies to the right of the ring.
    """
    box = np.empty((len(begin), 4))
    area = np.zeros(len(begin))
    count = np.zeros(len(begin), np.intp)
    for row in range(len(begin)):
        half = begin[row]
        at_x, at_y = x[half], y[half]
        west, south, east, north = at_x, at_y, at_x, at_y
        twice = 0.0
        while True:
            after = follows[half]
            twice += (x[after] - at_x) * (y[half] - at_y) - (x[half] - at_x) * (y[after] - at_y)
            west, east = min(west, x[half]), max(east, x[half])
            south, north = min(south, y[half]), max(north, y[half])
            count[row] += 1
            half = after
            if half == begin[row]:
                break
        box[row] = (west, south, east, north)
        area[row] = twice / 2
    return box, area, count


@compiled
def walked(follows: Ints, begin: Ints, first: Ints) -> Ints:
    """Half-edges of the rings that begin with these, one ring after the other; `first`: where each starts, one longer than the rings."""
    out = np.empty(first[-1], np.intp)
    for row in range(len(begin)):
        half = begin[row]
        for spot in range(first[row], first[row + 1]):
            out[spot] = half
            half = follows[half]
    return out


@compiled
def inside(points: Floats, first: Ints, inner: Ints, outer: Ints, hair: float) -> Ints:
    """Whether one ring of each pair lies in the other, by its first corner that is no corner of the other: INSIDE, OUTSIDE or UNSURE.

    Parameters
    ----------
    points, first
        Corners of all rings, and where each ring's begin; no ring repeats its first corner.
    inner, outer
        Rings of each pair.
    hair
        A corner this near to a line through two corners of the other ring, as a share of their distance times its own, is not judged.

    >>> corners = np.asarray([[0, 0], [0, 4], [4, 4], [4, 0], [0, 0], [1, 1], [2, 1], [4, 2], [5, 3], [9, 3]], dtype=np.float64)
    >>> inside(corners, np.asarray([0, 4, 7, 10]), np.asarray([1, 2]), np.asarray([0, 0]), 1e-9).tolist()
    [1, -1]
    """
    out = np.zeros(len(inner), np.intp)
    for row in range(len(inner)):
        begin, end = first[outer[row]], first[outer[row] + 1]
        for corner in range(first[inner[row]], first[inner[row] + 1]):
            x, y = points[corner]
            odd, same, unsure = False, False, False
            before = end - 1
            for at in range(begin, end):
                ax, ay = points[before, 0] - x, points[before, 1] - y
                bx, by = points[at, 0] - x, points[at, 1] - y
                before = at
                if bx == 0.0 and by == 0.0:
                    same = True
                    break
                if min(ay, by) > 0.0 or max(ay, by) < 0.0 or max(ax, bx) < 0.0:
                    continue
                turn = ax * by - ay * bx
                if abs(turn) <= hair * (abs(ax) + abs(ay) + abs(bx) + abs(by)):
                    unsure = True
                elif (ay > 0.0) != (by > 0.0) and (turn > 0.0) == (by > ay):
                    odd = not odd
            if same:
                continue
            out[row] = -1 if unsure else int(odd)
            break
    return out
