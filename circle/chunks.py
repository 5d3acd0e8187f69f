"""Both cores for vectorised geometry: Shapely and NumPy let go of the interpreter while they work.

Takes: a function of arrays of equal length.   Gives: its result for the whole, computed in slices side by side.
Never: changes the result: slices are put together in order; never takes prepared geometries: GEOS builds their index when they are
first asked, and crashes when two threads ask at once.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

SMALL = 4_096  # below this a thread costs more than it saves
FEW = 512  # the same for a function that does much for each row
SLICE = 65_536  # bounds the memory of temporaries


def workers() -> int:
    """Threads worth starting on this machine."""
    return max(1, min(8, os.cpu_count() or 1))


def side_by_side(function: Callable[..., NDArray[Any]], *arrays: NDArray[Any]) -> NDArray[Any]:
    """`function(*arrays)`, slice by slice on all cores, joined along the first axis.

    >>> side_by_side(np.add, np.arange(3), np.arange(3)).tolist()
    [0, 2, 4]
    """
    length = len(arrays[0])
    if length <= SMALL:
        return function(*arrays)
    return in_slices(lambda some: (function(*(array[some] for array in arrays)),), length)[0]


def in_slices(function: Callable[[slice], tuple[NDArray[Any], ...]], length: int) -> tuple[NDArray[Any], ...]:
    """`function` of slices of `range(length)` on all cores; what it gives for each, column by column, one after the other.

    >>> in_slices(lambda some: (np.arange(9)[some], np.ones(9)[some]), 9)[0].tolist()
    [0, 1, 2, 3, 4, 5, 6, 7, 8]
    """
    if length <= FEW:
        return function(slice(0, length))
    number = max(workers(), 4 * -(-length // SLICE))
    bounds = np.linspace(0, length, number + 1).astype(np.intp)
    with ThreadPoolExecutor(workers()) as pool:
        parts = list(pool.map(lambda span: function(slice(*span)), pairwise(bounds)))
    return tuple(np.concatenate(column) for column in zip(*parts, strict=True))


def give_back() -> None:
    """Memory that was let go of goes back to the system, where the C library can do that.

    Each thread has a store of its own in glibc, and what one has let go of no other takes: after a stage with many arrays that is a third.
    """
    with suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)
