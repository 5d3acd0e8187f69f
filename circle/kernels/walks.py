"""Walks through links: what each link costs, and the least of each building's links.

Takes: arrays of links, edges and what a search found.   Gives: seconds and goal of each link; the row of the least.
Never: tests a leg, or decides which links may be taken.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from circle.kernels import compiled

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]


@compiled
def ends(edge: Ints, share: Floats, seconds: tuple[Floats, Floats], entry: tuple[Ints, Ints], found: tuple[Floats, Ints]) -> Any:
    """Seconds from each link to the nearest facility by the ends of its edge, and which facility; the nearer end, `u` where they are equal.

    `share` of its edge at which each link sits, `seconds` of edges forward and backward, `entry` of the search at `u` and `v` of each edge,
    `found` seconds and facility at each place of the search.

    >>> one = np.asarray([0])
    >>> found = np.asarray([7.0, 5.0]), np.asarray([3, 4])
    >>> ends(one, np.asarray([0.25]), (np.asarray([40.0]), np.asarray([40.0])), (one, one + 1), found)
    (array([17.]), array([3]))
    """
    forward, backward = seconds
    at_u, at_v = entry
    far, who = found
    total, goal = np.empty(len(edge)), np.empty(len(edge), dtype=np.intp)
    for i in range(len(edge)):
        on, part = edge[i], share[i]
        u, v = at_u[on], at_v[on]
        by_u, by_v = far[u], far[v]
        if part > 0:  # no share of an edge costs nothing, even where the edge may not be walked
            by_u += part * backward[on]
        if 1 - part > 0:
            by_v += (1 - part) * forward[on]
        if by_u <= by_v:
            total[i], goal[i] = by_u, who[u]
        else:
            total[i], goal[i] = by_v, who[v]
    return total, goal


@compiled
def along(
    mine: tuple[Ints, Floats], first: Ints, theirs: tuple[Ints, Floats, Floats], edges: tuple[Floats, Floats, Floats], hair_m: float
) -> Any:
    """Seconds along its edge from each of `mine` to the nearest facility on the **same** edge, and which: `inf` and −1 where there is none.

    `mine`: edge and share. `theirs`, sorted by edge: facility, share and leg in seconds; those of an edge begin at `first` of it.
    `edges`: metres, seconds forward and backward. Of facilities equally near the one of the lowest row is taken, and what is no longer
    than `hair_m` is no way at all.

    >>> edges = np.asarray([50.0]), np.asarray([40.0]), np.asarray([np.inf])
    >>> theirs = np.asarray([5, 2, 9]), np.asarray([0.75, 0.75, 0.5]), np.asarray([1.0, 1.0, 20.0])
    >>> along((np.asarray([0]), np.asarray([0.25])), np.asarray([0, 3]), theirs, edges, 1e-6)
    (array([21.]), array([2]))
    """
    edge, share = mine
    who, where, leg = theirs
    length, forward, backward = edges
    best, goal = np.full(len(edge), np.inf), np.full(len(edge), -1, dtype=np.intp)
    for i in range(len(edge)):
        on = edge[i]
        for j in range(first[on], first[on + 1]):
            apart = where[j] - share[i]
            cost = leg[j]
            if abs(apart) * length[on] > hair_m:
                cost = (apart * forward[on] if apart > 0 else -apart * backward[on]) + cost
            if cost < best[i] or (cost == best[i] and cost < np.inf and who[j] < goal[i]):
                best[i], goal[i] = cost, who[j]
    return best, goal


@compiled
def least(total: Floats, begin: Ints, size: Ints, groups: Ints) -> Any:
    """Row of the least of each of `groups`, the first of several: group `g` has `size[g]` rows from `begin[g]`.

    >>> least(np.asarray([3.0, 1.0, 1.0, 9.0]), np.asarray([0, 3]), np.asarray([3, 1]), np.asarray([0, 1])).tolist()
    [1, 3]
    """
    out = np.empty(len(groups), dtype=np.intp)
    for i in range(len(groups)):
        row = begin[groups[i]]
        best = row
        for other in range(row + 1, row + size[groups[i]]):
            if total[other] < total[best]:
                best = other
        out[i] = best
    return out
