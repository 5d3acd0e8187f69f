"""Kernels: the few inner loops that whole arrays cannot say, compiled to machine code. The only door to Numba.

Takes: plain arrays of numbers.   Gives: plain arrays of numbers, without the interpreter's lock: `chunks.side_by_side` uses all cores.
Never: knows of tables, tags, shapes or rules; never trades exactness for speed (no fast-math: sums are added as they are written).

A kernel is compiled when it is first called and kept beside its module, or where that cannot be written to, in the user's own cache: the
first run after an installation takes up to a minute longer.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import numba

P = ParamSpec("P")
R = TypeVar("R")


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """A function of arrays and numbers as machine code: strict about floating point, without the interpreter's lock, kept on disk.

    >>> @compiled
    ... def total(numbers):
    ...     out = 0.0
    ...     for number in numbers:
    ...         out += number
    ...     return out
    >>> import numpy as np
    >>> total(np.asarray([1.0, 2.0]))
    3.0
    """
    try:
        made: Callable[P, R] = numba.njit(nogil=True, cache=True, error_model="numpy")(function)
    except RuntimeError:  # nowhere to keep it: a read-only installation without a home, or a function that is in no file
        made = numba.njit(nogil=True, error_model="numpy")(function)
    return made


def kept(kernel: Callable[..., Any]) -> bool:
    """Whether machine code of a kernel lies there from an earlier run, newer than its source: if not, its first call takes its time."""
    stats, source = getattr(kernel, "stats", None), inspect.unwrap(kernel).__code__
    if stats is None or stats.cache_path is None:
        return True  # nothing is ever kept here, and every run takes as long
    found = Path(stats.cache_path).glob(f"*.{kernel.__name__}-{source.co_firstlineno}.*.nbi")
    return any(index.stat().st_mtime >= Path(source.co_filename).stat().st_mtime for index in found)
