"""Short walks asked for by the thousand: each within a small patch of the network around it, all in one search.

Takes: edges, a box and a start for each patch.   Gives: distances from each patch's start to nodes in it.
Never: looks beyond a patch: a walk that leaves its box counts as none.

The edges inside each box are copied under numbers of their own, so that the patches lie side by side in one graph and touch nowhere. One
search from all starts at once then answers them all: a thousand questions cost what one search through a thousand small graphs costs.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Shapes = NDArray[np.object_]


def distances(
    edges: tuple[Ints, Ints, Floats], tree: shapely.STRtree, boxes: Shapes, start: Ints, asked: tuple[Ints, Ints], limit: float = np.inf
) -> Floats:
    """How far it is, within each patch, from its start to the nodes that are asked for.

    Parameters
    ----------
    edges
        Both end nodes and the cost of every edge, walked either way; an infinite cost is no edge.
    tree
        Of the lines of those edges, in their order.
    boxes, start
        One box and one start node for each patch; a patch holds the edges whose bounding box meets its box.
    asked
        Patch and node of each question.
    limit
        Where the search ends; what is farther is infinite.

    Returns
    -------
    One cost for each question; `inf` where the patch holds no such walk.
    """
    u, v, cost = edges
    patch, edge = tree.query(boxes)
    passable = np.isfinite(cost[edge])
    patch, edge = patch[passable], edge[passable]
    size = int(max(u.max(initial=0), v.max(initial=0), start.max(initial=0), asked[1].max(initial=0))) + 1
    number = np.arange(len(start))
    named = np.r_[patch * size + u[edge], patch * size + v[edge], number * size + start, asked[0] * size + asked[1]]
    place, known = pd.factorize(named)  # by a table of them: to sort them all would take longer than the search
    many = len(edge)
    source, target = np.r_[place[:many], place[many : 2 * many]], np.r_[place[many : 2 * many], place[:many]]
    order = np.argsort(source, kind="stable")
    pointer = np.r_[0, np.cumsum(np.bincount(source, minlength=len(known)))].astype(np.int32)
    arcs = csr_array((np.r_[cost[edge], cost[edge]][order], target[order].astype(np.int32), pointer), shape=(len(known), len(known)))
    starts = place[2 * many : 2 * many + len(start)]
    if not len(starts):
        return np.full(len(asked[0]), np.inf)
    found = np.asarray(dijkstra(arcs, indices=starts, min_only=True, limit=limit))
    return found[place[2 * many + len(start) :]]
