"""Lines of ways: where their nodes lie, looked up for all ways at once.

Takes: columns of a file.   Gives: `Lines` in degrees; for ways with nodes that are nowhere, what is known of them.
Never: puts a node where none is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from circle.chunks import side_by_side
from circle.kernels import look_up
from circle.sources import pbf

Floats = NDArray[np.float64]
Ints = NDArray[np.signedinteger]
Bools = NDArray[np.bool_]
Corner = tuple[int, float, float]  # node id, longitude, latitude

UNDEFINED = 2**31 - 1  # coordinate of a node that is not in the file, as libosmium writes it
DIGITS = 1e7  # coordinates are whole numbers of ten-millionths of a degree
_EAST, _NORTH = 1_800_000_000, 900_000_000


def valid(x: Ints, y: Ints) -> Bools:
    """Which coordinates lie on Earth."""
    return np.asarray((x >= -_EAST) & (x <= _EAST) & (y >= -_NORTH) & (y <= _NORTH))


@dataclass(slots=True)
class Lines:
    """Lines with ids: `id`, `count` of points, their coordinates `points` (m, 2) and node ids `refs`, one line after the other."""

    id: Ints = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    count: Ints = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    points: Floats = field(default_factory=lambda: np.empty((0, 2)))
    refs: Ints = field(default_factory=lambda: np.empty(0, dtype=np.int64))


@dataclass(slots=True)
class Ways:
    """Some ways of a file: `id`, `time`; nodes of way i from `first[i]` to `first[i + 1]`: `ref`, `x`, `y`, `known` (it lies somewhere).

    `good`: ways of two or more nodes, all of them known.
    """

    id: Ints
    time: Ints
    first: Ints
    ref: Ints
    x: Ints
    y: Ints
    known: Bools
    good: Bools

    @classmethod
    def of(cls, ways: pbf.Ways, rows: Ints, nodes: pbf.Nodes) -> Ways:
        """Ways in the order of `rows`, with the places of their nodes."""
        count = np.diff(ways.first)[rows]
        first = np.r_[0, np.cumsum(count)]
        ref = ways.ref[_spread(ways.first[rows], count)]
        x, y = _places(nodes, ref)
        known = valid(x, y)
        unknown = np.r_[0, np.cumsum(~known)]
        good = (unknown[first[1:]] == unknown[first[:-1]]) & (count > 1)
        return cls(ways.id[rows], ways.time[rows], first, ref, x, y, known, good)

    def corners(self, row: int) -> list[Corner | None]:
        """Nodes of one way; None for one that lies nowhere."""
        span = slice(self.first[row], self.first[row + 1])
        places = zip(self.ref[span].tolist(), (self.x[span] / DIGITS).tolist(), (self.y[span] / DIGITS).tolist(), strict=True)
        return [place if known else None for place, known in zip(places, self.known[span].tolist(), strict=True)]

    def runs(self, row: int) -> list[list[Corner]]:
        """Stretches of consecutive known nodes of one way, two or more long."""
        runs: list[list[Corner]] = [[]]
        for corner in self.corners(row):
            if corner is not None:
                runs[-1].append(corner)
            elif runs[-1]:
                runs.append([])
        return [run for run in runs if len(run) > 1]

    def missing(self, row: int) -> tuple[int, int, bool]:
        """Of one way: its nodes, how many of them lie nowhere, and whether one of these is in the file, at an impossible place."""
        span = slice(self.first[row], self.first[row + 1])
        known = self.known[span]
        return len(known), int((~known).sum()), bool((self.x[span][~known] != UNDEFINED).any())

    def lines(self, rows: Ints, runs: Sequence[tuple[int, list[Corner]]] = ()) -> Lines:
        """Lines of good ways, and of `runs` of others (row, corners); in the order of rows."""
        count = np.diff(self.first)[rows]
        points, refs = look_up.stretches(self.first[rows], count, self.x, self.y, self.ref)
        if not runs:
            return Lines(self.id[rows], count, points, refs)
        more = [corner for _, run in runs for corner in run]
        row = np.r_[rows, np.asarray([row for row, _ in runs], dtype=np.int64)]
        count = np.r_[count, np.asarray([len(run) for _, run in runs], dtype=np.int64)]
        points = np.concatenate([points, np.asarray([spot for _, *spot in more], dtype=np.float64)])
        refs = np.r_[refs, np.asarray([ref for ref, _, _ in more], dtype=np.int64)]
        order = np.argsort(row, kind="stable")
        place = _spread((np.cumsum(count) - count)[order], count[order])
        return Lines(self.id[row[order]], count[order], points[place], refs[place])


def _spread(start: Ints, count: Ints) -> Ints:
    """All places of stretches that begin at `start` and are `count` long."""
    first = np.cumsum(count) - count
    return np.repeat(start - first, count) + np.arange(int(count.sum()))


def _places(nodes: pbf.Nodes, refs: Ints) -> tuple[Ints, Ints]:
    """Coordinates of nodes by id; `UNDEFINED` for those that are not in the file."""
    number, x, y = nodes.id, nodes.x, nodes.y
    if not len(number) or not len(refs):
        nowhere = np.full(len(refs), UNDEFINED, dtype=np.int32)
        return nowhere, nowhere.copy()
    if not (number[1:] > number[:-1]).all():
        order = np.argsort(number, kind="stable")
        number, x, y = number[order], x[order], y[order]

    shelf, width = look_up.shelves(number)
    both = side_by_side(lambda some: look_up.places(number, shelf, width, x, y, some, UNDEFINED), refs)
    return both[:, 0].copy(), both[:, 1].copy()
