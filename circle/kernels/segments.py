"""Straight pieces: which side, do they meet, how near, and where.

Takes: coordinates of one or two straight pieces.   Gives: one answer; these are called from other kernels, once for each pair.
Never: rounds where a sign hangs on it: what the plain determinant cannot tell is computed again with twice the digits (Dekker 1971; the
bound is Shewchuk's, 1997).
"""

from __future__ import annotations

import numpy as np

from circle.kernels import compiled

SPLIT = 134_217_729.0  # 2^27 + 1: cuts a double into two halves of 26 bits
SURE = 3.3306690738754716e-16  # (3 + 16 ε) ε: share of the two products that their difference must exceed to have the right sign


@compiled
def _product(a: float, b: float) -> tuple[float, float]:
    """A product as the sum of two numbers, exactly."""
    p = a * b
    c = SPLIT * a
    a_high = c - (c - a)
    a_low = a - a_high
    c = SPLIT * b
    b_high = c - (c - b)
    b_low = b - b_high
    return p, ((a_high * b_high - p) + a_high * b_low + a_low * b_high) + a_low * b_low


@compiled
def _difference(a: float, b: float) -> tuple[float, float]:
    """A difference as the sum of two numbers, exactly."""
    d = a - b
    back = d - a
    return d, (a - (d - back)) - (b + back)


@compiled
def side(ax: float, ay: float, bx: float, by: float, px: float, py: float) -> int:
    """On which side of the line from a to b the point p lies: 1 left, −1 right, 0 on it.

    >>> side(0.0, 0.0, 9.0, 0.0, 4.0, 1.0), side(0.0, 0.0, 9.0, 0.0, 4.0, -1.0), side(0.0, 0.0, 0.3, 0.1, 0.9, 0.3)
    (1, -1, -1)
    """
    left, right = (bx - ax) * (py - ay), (by - ay) * (px - ax)
    det = left - right
    if abs(det) > SURE * (abs(left) + abs(right)):
        return 1 if det > 0.0 else -1
    ux, ux_low = _difference(bx, ax)
    uy, uy_low = _difference(by, ay)
    vx, vx_low = _difference(px, ax)
    vy, vy_low = _difference(py, ay)
    one, one_low = _product(ux, vy)
    other, other_low = _product(uy, vx)
    high, low = _difference(one, other)
    low += (one_low - other_low) + ((ux * vy_low + ux_low * vy) - (uy * vx_low + uy_low * vx))
    det = high + low
    if det > 0.0:
        return 1
    return -1 if det < 0.0 else 0


@compiled
def meet(ax: float, ay: float, bx: float, by: float, cx: float, cy: float, dx: float, dy: float) -> bool:
    """Whether a–b and c–d have a point in common, ends included; a piece may be a point.

    >>> meet(0.0, 0.0, 4.0, 4.0, 0.0, 4.0, 4.0, 0.0), meet(0.0, 0.0, 4.0, 0.0, 5.0, 0.0, 9.0, 0.0)
    (True, False)
    """
    if max(ax, bx) < min(cx, dx) or max(cx, dx) < min(ax, bx) or max(ay, by) < min(cy, dy) or max(cy, dy) < min(ay, by):
        return False
    if side(ax, ay, bx, by, cx, cy) * side(ax, ay, bx, by, dx, dy) > 0:
        return False
    return side(cx, cy, dx, dy, ax, ay) * side(cx, cy, dx, dy, bx, by) <= 0


@compiled
def away(px: float, py: float, ax: float, ay: float, bx: float, by: float) -> float:
    """How far the point p is from the piece a–b.

    >>> away(4.0, 3.0, 0.0, 0.0, 9.0, 0.0), away(-3.0, 4.0, 0.0, 0.0, 9.0, 0.0)
    (3.0, 5.0)
    """
    x, y = foot(px, py, ax, ay, bx, by)
    return float(np.hypot(px - x, py - y))


@compiled
def foot(px: float, py: float, ax: float, ay: float, bx: float, by: float) -> tuple[float, float]:
    """The point of the piece a–b that is nearest to p.

    >>> foot(4.0, 3.0, 0.0, 0.0, 9.0, 0.0), foot(-3.0, 4.0, 0.0, 0.0, 9.0, 0.0)
    ((4.0, 0.0), (0.0, 0.0))
    """
    ux, uy = bx - ax, by - ay
    square = ux * ux + uy * uy
    if square <= 0.0:
        return ax, ay
    share = ((px - ax) * ux + (py - ay) * uy) / square
    if share <= 0.0:
        return ax, ay
    if share >= 1.0:
        return bx, by
    return ax + share * ux, ay + share * uy


@compiled
def crossing(ax: float, ay: float, bx: float, by: float, cx: float, cy: float, dx: float, dy: float) -> tuple[float, float]:
    """A point that a–b and c–d have in common; they must `meet`. Where they run along each other, an end of one.

    >>> crossing(0.0, 0.0, 4.0, 4.0, 0.0, 4.0, 4.0, 0.0), crossing(0.0, 0.0, 4.0, 0.0, 3.0, 0.0, 9.0, 0.0)
    ((2.0, 2.0), (3.0, 0.0))
    """
    ux, uy, vx, vy = bx - ax, by - ay, dx - cx, dy - cy
    det = ux * vy - uy * vx
    if det != 0.0 and side(ax, ay, bx, by, cx, cy) != side(ax, ay, bx, by, dx, dy):
        share = min(max(((cx - ax) * vy - (cy - ay) * vx) / det, 0.0), 1.0)
        return ax + share * ux, ay + share * uy
    if away(cx, cy, ax, ay, bx, by) <= away(dx, dy, ax, ay, bx, by):
        if away(cx, cy, ax, ay, bx, by) <= away(ax, ay, cx, cy, dx, dy):
            return cx, cy
        return ax, ay
    if away(dx, dy, ax, ay, bx, by) <= away(ax, ay, cx, cy, dx, dy):
        return dx, dy
    return ax, ay
