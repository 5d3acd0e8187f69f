"""Texts numbered in the order in which they are first met: a hash table that never makes a Python object of a text.

Takes: bytes, and where in them each text begins and ends.   Gives: the number of each text; new ones are kept.
Never: decodes a text, or trusts its hash: two texts are the same when their bytes are.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from circle.kernels import compiled

Ints = NDArray[np.int64]
Bytes = NDArray[np.uint8]


@compiled
def _home(table: Any, hashed: Any) -> Any:
    """Where in the table the search for a text begins: the high bits are mixed into the low ones."""
    return np.int64((hashed ^ (hashed >> np.uint64(29))) & np.uint64(len(table) - 1))


@compiled
def spread(table: Ints, hashes: NDArray[np.uint64], known: int) -> None:
    """Put the numbers of all known texts into an empty table (-1 everywhere) of a power of two places."""
    for number in range(known):
        place = _home(table, hashes[number])
        while table[place] >= 0:
            place = (place + 1) & (len(table) - 1)
        table[place] = number


@compiled
def numbered(
    raw: Bytes,
    spans: tuple[Ints, Ints],
    table: Ints,
    hashes: NDArray[np.uint64],
    kept: tuple[Bytes, Ints],
    known: int,
    seed: int,
    learn: bool,  # noqa: FBT001 - a kernel takes no names
) -> tuple[NDArray[np.int32], int]:
    """Numbers of texts; new ones are written behind the known ones, or with `learn` false have the number -1.

    Parameters
    ----------
    raw, spans
        Bytes, and where in them each text begins and ends.
    table
        Number of a text by hash, -1 where none is; a power of two places, more than there are texts.
    hashes, kept
        For each number the hash of its text, and the texts: their bytes, and where the next begins; with room for all that may come.
    known
        How many there are so far.
    seed
        What the hashes begin with: nobody can write a file whose texts all collide.

    Returns
    -------
    The number of each text, and how many there are now.
    """
    start, stop = spans
    letters, first = kept
    out = np.empty(len(start), dtype=np.int32)
    for row in range(len(start)):
        begin, length = start[row], stop[row] - start[row]
        hashed = np.uint64(seed)
        for at in range(begin, begin + length):
            hashed = (hashed ^ np.uint64(raw[at])) * np.uint64(0x100000001B3)
        place = _home(table, hashed)
        while table[place] >= 0:
            number = table[place]
            if hashes[number] == hashed and first[number + 1] - first[number] == length:
                same, other = 0, first[number]
                while same < length and letters[other + same] == raw[begin + same]:
                    same += 1
                if same == length:
                    break
            place = (place + 1) & (len(table) - 1)
        if learn and table[place] < 0:
            table[place] = known
            hashes[known] = hashed
            first[known + 1] = first[known] + length
            letters[first[known] : first[known + 1]] = raw[begin : begin + length]
            known += 1
        out[row] = table[place]
    return out, known
