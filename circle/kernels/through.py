"""Through: which lines lead through walls.

Takes: corners of lines, and walls in cells.   Gives: pairs of a line and a wall that may cross.
Never: leaves out a pair that crosses: only lines that end at a corner of a wall, and have no other point in common with it, are left out.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from circle.kernels import compiled
from circle.kernels.cells import around
from circle.kernels.meeting import Walls
from circle.kernels.nearest import longer
from circle.kernels.segments import meet, side

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@compiled
def _on_along(ax: float, ay: float, bx: float, by: float, cx: float, cy: float, dx: float, dy: float) -> bool:
    """Whether a–b and c–d, of which a is an end of both, have more than that end in common."""
    if ax == cx and ay == cy:
        cx, cy = dx, dy
    return side(ax, ay, bx, by, cx, cy) == 0 and (bx - ax) * (cx - ax) + (by - ay) * (cy - ay) > 0.0


@compiled
def through(xy: Floats, first: Ints, things: Walls) -> tuple[Ints, int]:
    """Rows of lines and of walls that meet elsewhere than where the line ends at a wall's corner, in turns, a pair perhaps twice.

    `xy`, `first`: corners of all lines, and where each line's begin, one longer than the lines. The second answer: how many numbers.
    """
    out = np.empty(64, dtype=np.int64)
    total = 0
    found = np.empty(64, dtype=np.int32)
    for row in range(len(first) - 1):
        begin, last = first[row], first[row + 1] - 1
        closed = xy[begin, 0] == xy[last, 0] and xy[begin, 1] == xy[last, 1]
        for at in range(begin, last):
            ax, ay, bx, by = xy[at, 0], xy[at, 1], xy[at + 1, 0], xy[at + 1, 1]
            count, found = around(things.grid, min(ax, bx), min(ay, by), max(ax, bx), max(ay, by), found)
            for k in range(count):
                j = things.corner[found[k]]
                cx, cy, dx, dy = things.xy[j, 0], things.xy[j, 1], things.xy[j + 1, 0], things.xy[j + 1, 1]
                if not meet(ax, ay, bx, by, cx, cy, dx, dy):
                    continue
                starts = at == begin and not closed and ((ax == cx and ay == cy) or (ax == dx and ay == dy))
                ends = at == last - 1 and not closed and ((bx == cx and by == cy) or (bx == dx and by == dy))
                if starts and not _on_along(ax, ay, bx, by, cx, cy, dx, dy):
                    continue
                if ends and not starts and not _on_along(bx, by, ax, ay, cx, cy, dx, dy):
                    continue
                if total + 2 > len(out):
                    out = longer(out, 2 * len(out))
                out[total], out[total + 1] = row, things.of[j]
                total += 2
    return out, total
