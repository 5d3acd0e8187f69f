"""Metres, seconds and minutes: the only place that turns one into another.

Takes: metres and a speed, or seconds.   Gives: seconds, or minutes.
Never: rounds. Seconds are compared as they are; minutes are for people and for files.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, overload

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

SECONDS_PER_MINUTE = 60.0


@overload
def seconds(length_m: float, speed_m_per_s: float) -> float: ...
@overload
def seconds(length_m: Floats, speed_m_per_s: float | Floats) -> Floats: ...
def seconds(length_m: float | Floats, speed_m_per_s: float | Floats) -> float | Floats:
    """Seconds to walk `length_m` metres.

    >>> seconds(72.0, 1.2)
    60.0
    """
    return length_m / speed_m_per_s


@overload
def minutes(seconds: float) -> float: ...
@overload
def minutes(seconds: Floats) -> Floats: ...
def minutes(seconds: float | Floats) -> float | Floats:
    """Minutes from seconds; `inf` (no path) stays `inf`.

    >>> minutes(90.0)
    1.5
    """
    return seconds / SECONDS_PER_MINUTE


def limit_seconds(limit_min: float) -> float:
    """Seconds of a limit that a standard gives in minutes.

    >>> limit_seconds(5)
    300.0
    """
    return limit_min * SECONDS_PER_MINUTE


def limit_metres(limit_min: float, speed_m_per_s: float) -> float:
    """Metres that a walker covers within a limit: the longest straight line that can be met.

    >>> limit_metres(1, 1.2)
    72.0
    """
    return limit_seconds(limit_min) * speed_m_per_s
