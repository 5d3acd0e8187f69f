"""Numbers looked up in a long sorted list: in one step or two, where halving the list takes twenty.

Takes: sorted numbers, and the numbers that are sought.   Gives: what belongs to each.
Never: changes or sorts anything.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from circle.kernels import compiled

Ints = NDArray[np.int64]
Shorts = NDArray[np.int32]


def shelves(number: Ints) -> tuple[Ints, int]:
    """Where in a sorted list each stretch of equal high bits begins, about as many stretches as numbers; and how many low bits are left."""
    low = int(number[0])
    width = max(0, (int(number[-1]) - low).bit_length() - len(number).bit_length())
    count = np.bincount((number - low) >> width)
    return np.r_[0, np.cumsum(count)], width


@compiled
def places(number: Ints, shelf: Ints, width: int, x: Shorts, y: Shorts, sought: Ints, nowhere: int) -> Shorts:
    """`x` and `y` of the sought numbers, one row each; `nowhere` twice for a number that is not there.

    `number` is sorted, and `shelf` and `width` are what `shelves` says of it.

    >>> ids, x, y = np.array([7, 8, 1_000]), np.array([1, 2, 3], dtype=np.int32), np.array([4, 5, 6], dtype=np.int32)
    >>> places(ids, *shelves(ids), x, y, np.array([1_000, 9, 7]), -1).tolist()
    [[3, 6], [-1, -1], [1, 4]]
    """
    out = np.empty((len(sought), 2), dtype=np.int32)
    row = np.int64(-1)
    for place in range(len(sought)):
        wanted = sought[place]
        row += 1  # the nodes of a way are often numbered one after the other
        if row >= len(number) or number[row] != wanted:
            high = (wanted - number[0]) >> width
            row = np.int64(-1)
            if 0 <= high < len(shelf) - 1:
                low, end = shelf[high], shelf[high + 1]
                while low < end:
                    middle = (low + end) >> 1
                    if number[middle] < wanted:
                        low = middle + 1
                    else:
                        end = middle
                if low < len(number) and number[low] == wanted:
                    row = low
        if row >= 0:
            out[place, 0], out[place, 1] = x[row], y[row]
        else:
            out[place, 0] = out[place, 1] = nowhere
    return out


@compiled
def stretches(start: Ints, count: Ints, x: Shorts, y: Shorts, ref: Ints) -> tuple[NDArray[np.float64], Ints]:
    """Degrees and numbers of the points from each `start` on, one stretch after the other; `x` and `y` are in ten-millionths.

    >>> stretches(np.array([2, 0]), np.array([1, 2]), *np.array([[10, 20, 30], [1, 2, 3]], dtype=np.int32), np.array([7, 8, 9]))[1].tolist()
    [9, 7, 8]
    """
    total = count.sum()
    points, refs = np.empty((total, 2)), np.empty(total, dtype=np.int64)
    place = 0
    for row in range(len(start)):
        for at in range(start[row], start[row] + count[row]):
            points[place, 0], points[place, 1], refs[place] = x[at] / 1e7, y[at] / 1e7, ref[at]
            place += 1
    return points, refs
