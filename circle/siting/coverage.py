"""Coverage: the seconds from buildings to each spot where something may be built, by searches that stop at a limit.

Takes: the ground, spots tied to the network (or places in it), a limit in seconds.   Gives: `Walks`: building, spot, seconds.
Never: fills a full matrix, cuts a walk short, or measures otherwise than `access` does: door to door, legs and same edges included,
against the direction of walking, private ways for those who live there.

Buildings are places that the search may end in and never pass through, so that one search per spot gives all of its buildings at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from circle import access
from circle.linkage import Links
from circle.siting.ground import Ground
from circle.siting.problem import TOLERANCE_S
from circle.units import seconds

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

CELLS = 4_000_000  # of the search's own dense rows at once: 32 MB


@dataclass(frozen=True, slots=True)
class Spots:
    """Where searches begin: `count` spots, each with arcs to places of the graph (`spot`, `place`, `seconds`), and the links they have."""

    count: int
    spot: Ints
    place: Ints
    seconds: Floats
    links: Links | None = None

    @classmethod
    def of_links(cls, graph: access.Graph, links: Links, count: int, speed_m_per_s: float) -> Spots:
        """Spots that are tied to edges, as facilities are: one walks to either end of the edge, along it, and the leg."""
        leg = seconds(links.leg_m, speed_m_per_s)
        from_u, from_v = graph.arriving(links)
        u, v = graph.arrivals(links, None)
        return cls(count, np.r_[links.row, links.row], np.r_[u, v], np.r_[leg + from_u, leg + from_v], links)


@dataclass(frozen=True, slots=True)
class Walks:
    """Walks from buildings to spots, one entry each: `building` and `spot` (rows), `seconds`."""

    building: Ints
    spot: Ints
    seconds: Floats

    def __len__(self) -> int:
        return len(self.seconds)


@dataclass(frozen=True, slots=True)
class Homes:
    """The buildings as places of the search: `place`, `building`, `seconds` from the door to it; one entry for each pair, the least."""

    count: int
    place: Ints
    building: Ints
    seconds: Floats

    @classmethod
    def of(cls, ground: Ground, rows: Ints | None = None) -> Homes:
        """All buildings of a run, or only these."""
        graph, links = ground.graph, ground.mine
        if rows is not None:
            asked = np.zeros(len(ground.tables["buildings"]), dtype=bool)
            asked[rows] = True
            links = links.take(asked[links.row])
        leg = seconds(links.leg_m, ground.speed_m_per_s)
        to_u, to_v = graph.towards(links)
        place = np.r_[graph.start_u[links.edge], graph.start_v[links.edge]]
        building, cost = np.r_[links.row, links.row], np.r_[leg + to_u, leg + to_v]
        finite = np.isfinite(cost)
        place, building, cost = place[finite], building[finite], cost[finite]
        count = len(ground.tables["buildings"])
        order = np.lexsort((cost, place * count + building))
        place, building, cost = place[order], building[order], cost[order]
        first = np.r_[True, (place[1:] != place[:-1]) | (building[1:] != building[:-1])] if len(place) else np.zeros(0, dtype=bool)
        return cls(count, place[first], building[first], cost[first])


def walks(ground: Ground, spots: Spots, limit_s: float, homes: Homes | None = None) -> Walks:
    """Seconds from every building to every spot, where they are at most `limit_s` (`inf`: wherever there is a path).

    Contract: what is given equals `access.search` and `access.measure` for the spot alone.
    """
    homes = Homes.of(ground) if homes is None else homes
    ends = Ends(homes.place, homes.building, homes.seconds, homes.count)
    spot, building, cost = _search(ground.graph, spots, ends, limit_s)
    if spots.links is not None:
        one, other, direct = same_edges(ground, spots.links, limit_s)
        spot, building, cost = np.r_[spot, one], np.r_[building, other], np.r_[cost, direct]
        order = np.lexsort((cost, building, spot))
        spot, building, cost = spot[order], building[order], cost[order]
        first = np.r_[True, (spot[1:] != spot[:-1]) | (building[1:] != building[:-1])] if len(spot) else np.zeros(0, dtype=bool)
        spot, building, cost = spot[first], building[first], cost[first]
    return Walks(building, spot, cost)


@dataclass(frozen=True, slots=True)
class Ends:
    """Where searches end without passing through: arcs from `place` to `end`, `seconds`; `count` ends."""

    place: Ints
    end: Ints
    seconds: Floats
    count: int


def _search(graph: access.Graph, spots: Spots, ends: Ends, limit_s: float) -> tuple[Ints, Ints, Floats]:
    """Spot, end and seconds, at most `limit_s`: one bounded search per spot (Dijkstra 1959, SciPy's)."""
    inner, size = graph.nodes, graph.nodes + ends.count
    finite = np.isfinite(spots.seconds) & (spots.seconds <= limit_s + TOLERANCE_S)
    order = np.argsort(ends.place, kind="stable")
    base = graph.arcs
    # The graph's own rows with the ends appended to each: no sort of millions of arcs.
    many = np.bincount(ends.place, minlength=inner)
    pointer = np.r_[0, np.cumsum(np.diff(base.indptr) + many)]
    data, column = np.empty(pointer[-1]), np.empty(pointer[-1], dtype=np.int32)
    before = np.r_[0, np.cumsum(many)]
    old = np.arange(base.nnz) + np.repeat(before[:-1], np.diff(base.indptr))
    new = np.arange(len(order)) + np.repeat(base.indptr[1:].astype(np.intp), many)
    data[old], column[old] = base.data, base.indices
    data[new], column[new] = ends.seconds[order], ends.end[order] + inner
    found: list[tuple[Ints, Ints, Floats]] = []
    step = max(1, min(CELLS // max(size, 1), spots.count))
    by_spot = np.argsort(spots.spot[finite], kind="stable")
    spot, place, cost = spots.spot[finite][by_spot], spots.place[finite][by_spot], spots.seconds[finite][by_spot]
    for low in range(0, spots.count, step):
        high = min(low + step, spots.count)
        mine = slice(*np.searchsorted(spot, [low, high]))
        rows = np.bincount(spot[mine] - low, minlength=high - low)
        whole = np.r_[pointer, np.full(ends.count, pointer[-1]), pointer[-1] + np.cumsum(rows)].astype(np.int32)
        height = size + high - low
        arcs = csr_array((np.r_[data, cost[mine]], np.r_[column, place[mine].astype(np.int32)], whole), shape=(height, height))
        limit = limit_s + TOLERANCE_S if np.isfinite(limit_s) else np.inf
        distance = dijkstra(arcs, indices=np.arange(size, height), limit=limit)[:, inner:size]
        row, end = np.nonzero(np.isfinite(distance))
        found.append((row + low, end, distance[row, end]))
    if not found:
        none = np.empty(0, dtype=np.intp)
        return none, none, np.empty(0)
    return tuple(np.concatenate(part) for part in zip(*found, strict=True))  # type: ignore[return-value]


def between(ground: Ground, spots: Spots, places: Ints, limit_s: float) -> tuple[Ints, Ints, Floats]:
    """Seconds from places of the graph to spots: spot, number of the place, seconds; at most `limit_s`."""
    ends = Ends(places, np.arange(len(places)), np.zeros(len(places)), len(places))
    return _search(ground.graph, spots, ends, limit_s)


def same_edges(ground: Ground, spots: Links, limit_s: float) -> tuple[Ints, Ints, Floats]:
    """Spots and buildings that are tied to the same edge, and the seconds along it, legs included."""
    graph, homes = ground.graph, ground.mine
    order = np.argsort(homes.edge, kind="stable")
    edge = homes.edge[order]
    low = np.searchsorted(edge, spots.edge, side="left")
    many = np.searchsorted(edge, spots.edge, side="right") - low
    mine = np.repeat(np.arange(len(spots)), many)
    theirs = order[np.repeat(low - np.r_[0, np.cumsum(many)[:-1]], many) + np.arange(len(mine))] if len(mine) else mine
    share = graph.share(spots)[mine] - graph.share(homes)[theirs]
    on = spots.edge[mine]
    share[np.abs(share) * graph.length_m[on] <= access.SAME_SPOT_M] = 0.0
    along = np.zeros(len(share))
    np.multiply(share, graph.forward_s[on], out=along, where=share > 0)
    np.multiply(-share, graph.backward_s[on], out=along, where=share < 0)
    cost = along + seconds(spots.leg_m[mine] + homes.leg_m[theirs], ground.speed_m_per_s)
    kept = cost <= (limit_s + TOLERANCE_S if np.isfinite(limit_s) else np.finfo(float).max)
    return spots.row[mine[kept]], homes.row[theirs[kept]], cost[kept]


def between_points(ground: Ground, points: tuple[Ints, Floats], pairs: Ints, limit_s: float) -> Floats:
    """Seconds from one point on an edge to another, on different edges; `inf` beyond the limit. `points`: edge, metres from its start."""
    edge, offset = points
    graph = ground.graph
    used, index = np.unique(pairs, return_inverse=True)
    pairs = index.reshape(-1, 2)
    zero = np.zeros(len(used))
    links = Links(np.arange(len(used)), edge[used], offset[used], zero, zero, zero, np.zeros(len(used), dtype=np.int8))
    to_u, to_v = graph.towards(links)
    ends = Ends(
        np.r_[graph.start_u[links.edge], graph.start_v[links.edge]], np.r_[links.row, links.row], np.r_[to_u, to_v], len(used)
    )  # fmt: skip
    begins = np.unique(pairs[:, 0])
    number = np.full(len(used), -1)
    number[begins] = np.arange(len(begins))
    kept = links.take(np.flatnonzero(number[links.row] >= 0))
    spots = Spots.of_links(graph, Links(number[kept.row], kept.edge, kept.offset_m, kept.leg_m, zero, zero, kept.flag), len(begins), 1.0)
    found: Floats = np.full(len(pairs), np.inf)
    spot, end, cost = _search(graph, spots, ends, limit_s)
    keys, wanted = spot * len(used) + end, number[pairs[:, 0]] * len(used) + pairs[:, 1]
    order = np.argsort(keys, kind="stable")
    place = np.searchsorted(keys[order], wanted)
    inside = place < len(keys)
    hit = np.flatnonzero(inside)[keys[order[place[inside]]] == wanted[inside]]
    found[hit] = cost[order[place[hit]]]
    return found
