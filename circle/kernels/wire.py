"""Messages of protobuf taken apart: where their fields lie, and the numbers that are packed in them.

Takes: bytes, and where in them messages or packed numbers begin and end.   Gives: arrays of places and of numbers.
Never: knows what a field means, or reads past the end of a message: what breaks off is told as such.

https://protobuf.dev/programming-guides/encoding/: a field is a number (3 bits: how it is written; the rest: which field) and its content;
numbers have seven bits a byte, the lowest first, and the highest bit says that more follow.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from circle.kernels import compiled

Ints = NDArray[np.int64]
Bytes = NDArray[np.uint8]

GOOD, CUT, LONG = 0, 1, 2  # what is wrong with packed numbers: nothing; one is cut short; one is too long
VARINT, SPAN = 0, 2  # how a field is written


@compiled
def _number(raw: Any, at: Any, stop: Any) -> Any:
    """The number that begins at `at`, and what follows it; -1 where it breaks off."""
    value = np.int64(0)
    for step in range(10):
        if at + step >= stop:
            break
        byte = np.int64(raw[at + step])
        value |= (byte & 0x7F) << (7 * step)
        if byte < 0x80:
            return value, at + step + 1
    return value, -1


@compiled
def _field(raw: Any, at: Any, stop: Any) -> Any:
    """The field at `at`: its number, how it is written, its value or first byte, and what follows it; -1 where it breaks off."""
    key, at = _number(raw, at, stop)
    kind = key & 7
    if at < 0 or key < 8:
        return np.int64(0), np.int64(0), np.int64(0), -1
    if kind == 0:
        value, at = _number(raw, at, stop)
        return key >> 3, kind, value, at
    size = np.int64(8 if kind == 1 else 4 if kind == 5 else stop)  # others than these and spans: nobody writes them any more
    if kind == 2:
        size, at = _number(raw, at, stop)
    if at < 0 or size < 0 or size > stop - at:
        return np.int64(0), np.int64(0), np.int64(0), -1
    return key >> 3, kind, np.int64(at), at + size


@compiled
def fields(raw: Bytes, start: int, stop: int) -> tuple[Ints, bool]:
    """All fields of one message.

    Returns
    -------
    One row per field: its number, how it is written (`VARINT`, `SPAN` or another), its value or first byte, the byte after it; and whether
    the message is whole.

    >>> fields(np.frombuffer(bytes([0x08, 0x96, 0x01, 0x12, 0x02, 0x68, 0x69]), dtype=np.uint8), 0, 7)[0].tolist()
    [[1, 0, 150, 3], [2, 2, 5, 7]]
    """
    count, at = 0, start
    while 0 <= at < stop:
        at = _field(raw, at, stop)[3]
        count += 1
    out = np.empty((count, 4), dtype=np.int64)
    at = start
    for row in range(count):
        number, kind, value, at = _field(raw, at, stop)
        out[row, 0], out[row, 1], out[row, 2], out[row, 3] = number, kind, value, at
    return out, at == stop


@compiled
def objects(raw: Bytes, start: Ints, stop: Ints) -> tuple[Ints, bool]:
    """Many messages like OSM's ways and relations: field 1 a number, 4 a message whose field 2 is one, 2, 3, 8, 9 and 10 packed.

    Returns
    -------
    One row per message: its number, the number within (0 where there is none), and where each of the five packed fields begins and ends;
    and whether all are whole.
    """
    out = np.zeros((len(start), 12), dtype=np.int64)
    whole = True
    for row in range(len(start)):
        at = start[row]
        while 0 <= at < stop[row]:
            number, kind, value, at = _field(raw, at, stop[row])
            if kind == 0:
                if number == 1:
                    out[row, 0] = value
            elif kind == 2 and number == 4:
                while 0 <= value < at:
                    inner, how, when, value = _field(raw, value, at)
                    if inner == 2 and how == 0:
                        out[row, 1] = when
                whole &= value == at
            elif kind == 2:
                column = 2 * number - 2 if number == 2 or number == 3 else 2 * number - 10 if 8 <= number <= 10 else 0  # noqa: PLR1714
                if column:
                    out[row, column] = value
                    out[row, column + 1] = at
        whole &= at == stop[row]
    return out, whole


@compiled
def numbers(raw: Bytes, start: Ints, stop: Ints, summed: bool) -> tuple[Ints, Ints, int]:  # noqa: FBT001 - a kernel takes no names
    """Packed numbers of many fields, one field after the other.

    `summed`: each number is the step from the one before in its field, its lowest bit the sign (zigzag), and what they add up to is wanted.

    Returns
    -------
    The numbers, how many each field holds, and whether something is wrong: `GOOD`, `CUT` or `LONG`.

    >>> data = np.frombuffer(bytes([0x96, 0x01, 0x03, 0x02, 0x04]), dtype=np.uint8)
    >>> numbers(data, np.array([0, 3]), np.array([3, 5]), False)[0].tolist(), numbers(data, np.array([2]), np.array([5]), True)[0].tolist()
    ([150, 3, 2, 4], [-2, -1, 1])
    """
    count = np.zeros(len(start), dtype=np.int64)
    for row in range(len(start)):
        for at in range(start[row], stop[row]):
            count[row] += raw[at] < 0x80
    out = np.empty(count.sum(), dtype=np.int64)
    place, wrong = 0, 0
    for row in range(len(start)):
        at, end, total = start[row], stop[row], np.int64(0)
        if end > at and raw[end - 1] >= 0x80:
            return out, count, 1
        while at < end:
            value = np.int64(raw[at])
            at += 1
            if value >= 0x80:
                value &= 0x7F
                shift = 7
                while raw[at] >= 0x80:
                    value |= (np.int64(raw[at]) & 0x7F) << (shift & 63)
                    at += 1
                    shift += 7
                if shift > 63:
                    wrong = 2
                value |= np.int64(raw[at]) << (shift & 63)
                at += 1
            if summed:
                total += ((value >> 1) & np.int64(0x7FFFFFFFFFFFFFFF)) ^ -(value & 1)
                value = total
            out[place] = value
            place += 1
    return out, count, wrong
