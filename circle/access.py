"""Access: minutes from every building to the nearest facility of a service, door to door.

Takes: a network and links.   Gives: seconds, nearest facility and the link that was taken, for every building; the route on demand.
Never: searches once per building, cuts distances at a limit, or judges a minute.

One search per service runs outward from all its facilities at once, against the direction of walking (Dijkstra 1959; here SciPy's, with a
heap). A building then takes the least of: its leg, the way along its edge to either end, and the end's distance; or, where a facility
is tied to the same edge, the way along that edge.

A private way is no through-way: a walk runs on private ways around its origin, then on public ones, then on private ones around its
destination. The search therefore runs in three layers: private ways of the destination, public ways, private ways of the origin, and may
change from one to the next at any node, never back. Only nodes of private ways are copied, so this costs little, and it is exact. A public
way of a compound whose residents have gates of their own (`access` is `compound`) lies in all three.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from circle.edges import end_rows
from circle.kernels import walks
from circle.linkage import Links
from circle.sight import CROSSING, Seen
from circle.units import seconds

if TYPE_CHECKING:
    import networkx as nx

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

NONE = -1
SAME_SPOT_M = 1e-6  # a hair's breadth behind is not behind: else a door across a one-way path from another could not be reached
_TIED = ["id", "edge", "offset_m", "leg_s", "u", "v", "length_m", "seconds_forward", "seconds_backward"]
PUBLIC, SHARED = "public", "compound"  # walked by all; walked by all, and by those who live there on their way to gates of their own


@dataclass(frozen=True, slots=True)
class Graph:
    """The network as arrays: arcs **against** the direction of walking, since searches run outward from facilities.

    Attributes
    ----------
    nodes
        How many places a search knows: the nodes, then their copies in the layers of destination and origin.
    base
        Row of the node that each place is.
    u, v, length_m, forward_s, backward_s
        One entry per edge.
    own
        Edges that lie in the layers of origin and destination (private, or of a compound); `open`: edges in the public layer.
    start_u, start_v
        Places where a walk that begins on an edge enters the search: in the layer of the origin, where the edge lies in it.
    goal_u, goal_v
        Places where a search for a facility begins that lets visitors in: in the layer of the destination, where the edge lies in it.
    arcs
        Sparse matrix, seconds.
    """

    nodes: int
    base: Ints
    u: Ints
    v: Ints
    length_m: Floats
    forward_s: Floats
    backward_s: Floats
    own: NDArray[np.bool_]
    open: NDArray[np.bool_]
    start_u: Ints
    start_v: Ints
    goal_u: Ints
    goal_v: Ints
    arcs: csr_array

    @classmethod
    def of(cls, edges: pd.DataFrame, nodes: pd.DataFrame) -> Graph:
        """From the tables of a network, fresh or saved (columns of rules/tables/edges.csv and nodes.csv)."""
        u, v = end_rows(nodes, edges)
        forward, backward = edges["seconds_forward"].to_numpy(), edges["seconds_backward"].to_numpy()
        said = edges["access"].to_numpy(dtype=object) if "access" in edges else np.full(len(u), PUBLIC, dtype=object)
        own, open_ = said != PUBLIC, (said == PUBLIC) | (said == SHARED)
        count = len(nodes)
        copied = np.unique(np.r_[u[own], v[own]])
        goal, start = np.arange(count), np.arange(count)
        goal[copied] = count + np.arange(len(copied))
        start[copied] = count + len(copied) + np.arange(len(copied))
        size = count + 2 * len(copied)
        source, target, cost = np.r_[v, u], np.r_[u, v], np.r_[forward, backward]
        open_twice, own_twice = np.r_[open_, open_], np.r_[own, own]
        o, p = source[own_twice], target[own_twice]
        none = np.zeros(len(copied))
        source = np.r_[source[open_twice], goal[o], start[o], goal[copied], copied]
        target = np.r_[target[open_twice], goal[p], start[p], copied, start[copied]]
        cost = np.r_[cost[open_twice], cost[own_twice], cost[own_twice], none, none]
        passable = np.isfinite(cost)
        source, target, cost = source[passable], target[passable], cost[passable]
        by_source = np.argsort(source, kind="stable")
        pointer = np.r_[0, np.cumsum(np.bincount(source, minlength=size))]
        arcs = csr_array((cost[by_source], target[by_source].astype(np.int32), pointer.astype(np.int32)), shape=(size, size))
        return cls(
            nodes=size,
            base=np.r_[np.arange(count), copied, copied],
            u=u,
            v=v,
            length_m=edges["length_m"].to_numpy(),
            forward_s=forward,
            backward_s=backward,
            own=own,
            open=open_,
            start_u=np.where(own, start[u], u),
            start_v=np.where(own, start[v], v),
            goal_u=np.where(own, goal[u], u),
            goal_v=np.where(own, goal[v], v),
            arcs=arcs,
        )

    def arrivals(self, links: Links, visitors: NDArray[np.bool_] | None) -> tuple[Ints, Ints]:
        """Places where the search for a facility begins, at either end of the edge of each of its links.

        `visitors`: which facilities let in those who do not live around them (None: all do). One that does not, and lies on a private way,
        is reached by its own residents alone; on a way that is open to all nobody is kept out.
        """
        if visitors is None:
            return self.goal_u[links.edge], self.goal_v[links.edge]
        let_in = visitors[links.row] | self.open[links.edge]
        u = np.where(let_in, self.goal_u[links.edge], self.start_u[links.edge])
        v = np.where(let_in, self.goal_v[links.edge], self.start_v[links.edge])
        return u, v

    def share(self, links: Links) -> Floats:
        """Where on its edge each link sits: 0 at `u`, 1 at `v`."""
        length = self.length_m[links.edge]
        return np.divide(links.offset_m, length, out=np.zeros(len(links)), where=length > 0)

    def towards(self, links: Links) -> tuple[Floats, Floats]:
        """Seconds from each link to `u` and to `v` of its edge, as one walks away from it."""
        share = self.share(links)
        return _part(share, self.backward_s[links.edge]), _part(1 - share, self.forward_s[links.edge])

    def arriving(self, links: Links) -> tuple[Floats, Floats]:
        """Seconds from `u` and from `v` of its edge to each link, as one walks towards it."""
        share = self.share(links)
        return _part(share, self.forward_s[links.edge]), _part(1 - share, self.backward_s[links.edge])


def _part(share: Floats, whole: Floats) -> Floats:
    """A share of an edge's seconds; no share of an edge costs nothing even where the edge may not be walked."""
    out = np.zeros(len(share))
    np.multiply(share, whole, out=out, where=share > 0)
    return out


@dataclass(frozen=True, slots=True)
class Reach:
    """What one search found.

    One entry per place of the graph. `seconds`: to the nearest facility (`inf`: none); `facility`: row of that facility (−1: none);
    `next`: the place to walk to from here, or −1 where the walk leaves the network for the facility.
    """

    seconds: Floats
    facility: Ints
    next: Ints


def search(
    graph: Graph,
    facilities: Links,
    count: int,
    speed_m_per_s: float,
    visitors: NDArray[np.bool_] | None = None,
    *,
    limit_s: float = np.inf,
) -> Reach:
    """Seconds from every place to the nearest of `count` facilities, through their links; `visitors` as in `Graph.arrivals`.

    Places farther than `limit_s` are not searched: there it is `inf`.

    Contract: adding a facility or an edge never raises a value; the order of rows does not matter to the seconds.
    """
    leg = seconds(facilities.leg_m, speed_m_per_s)
    from_u, from_v = graph.arriving(facilities)
    source = np.r_[facilities.row, facilities.row]
    target = np.concatenate(graph.arrivals(facilities, visitors))
    cost = np.r_[leg + from_u, leg + from_v]
    passable = np.isfinite(cost)
    source, target, cost = source[passable], target[passable], cost[passable]
    order = np.argsort(source, kind="stable")
    base = graph.arcs
    pointer = np.r_[base.indptr, base.indptr[-1] + np.cumsum(np.bincount(source, minlength=count))].astype(np.int32)
    size = graph.nodes + count
    whole = csr_array((np.r_[base.data, cost[order]], np.r_[base.indices, target[order].astype(np.int32)], pointer), shape=(size, size))
    if not count:
        return Reach(np.full(graph.nodes, np.inf), np.full(graph.nodes, NONE), np.full(graph.nodes, NONE))
    found, before, origin = dijkstra(whole, indices=np.arange(graph.nodes, size), min_only=True, return_predecessors=True, limit=limit_s)
    nearest = np.where(origin[: graph.nodes] >= graph.nodes, origin[: graph.nodes] - graph.nodes, NONE)
    step = np.where((before[: graph.nodes] >= 0) & (before[: graph.nodes] < graph.nodes), before[: graph.nodes], NONE)
    return Reach(found[: graph.nodes], nearest.astype(np.intp), step.astype(np.intp))


@dataclass(frozen=True, slots=True)
class Access:
    """The walk of every building to its nearest facility of one service, one entry per building.

    `seconds` (`inf`: no path, never NaN), `facility` (row, −1: none), `link` (row of the building's links that was taken, −1: none),
    `runner_up_s` (seconds when the building's next best link is taken; `inf` where it has no other).
    """

    seconds: Floats
    facility: Ints
    link: Ints
    runner_up_s: Floats


def measure(
    graph: Graph,
    buildings: Links,
    count: int,
    facilities: Links,
    reach: Reach,
    speed_m_per_s: float,
    seen: Seen | None = None,
    runner_up_to_s: float = np.inf,
) -> Access:
    """Seconds from each of `count` buildings, through the best of its links.

    With `seen` (of these links), only through links whose leg crosses nothing; a leg is tested when a building would take it. The runner-up
    is tested where a building needs at most `runner_up_to_s` seconds: beyond that nobody asks.

    Contract: does not change its inputs (but `seen` learns); adding a link, a facility or an edge never raises a value.
    """
    share = graph.share(buildings)
    begins = (graph.start_u, graph.start_v)
    total, goal = walks.ends(buildings.edge, share, (graph.forward_s, graph.backward_s), begins, (reach.seconds, reach.facility))
    direct, at = same_edge(graph, buildings, facilities, speed_m_per_s)
    nearer = np.flatnonzero(direct < total)
    goal[nearer], total[nearer] = at[nearer], direct[nearer]
    total += seconds(buildings.leg_m, speed_m_per_s)

    out = Access(np.full(count, np.inf), np.full(count, NONE), np.full(count, NONE), np.full(count, np.inf))
    if not len(buildings):
        return out
    begin = np.flatnonzero(np.r_[True, buildings.row[1:] != buildings.row[:-1]])
    owner = buildings.row[begin]
    size = np.diff(np.r_[begin, len(total)])
    taken = _taken(total, begin, size, np.arange(len(begin)), seen)
    least = total[taken]
    out.seconds[owner] = least
    out.link[owner] = taken
    out.facility[owner] = np.where(np.isfinite(least), goal[taken], NONE)
    total[taken] = np.inf
    asked = np.flatnonzero(least <= runner_up_to_s)
    out.runner_up_s[owner] = np.minimum.reduceat(total, begin)
    out.runner_up_s[owner[asked]] = total[_taken(total, begin, size, asked, seen)]
    return out


def _taken(total: Floats, begin: Ints, size: Ints, groups: Ints, seen: Seen | None) -> Ints:
    """The least link of each of `groups` that may be taken. `total` of links that turn out to cross something becomes infinite."""
    out = np.empty(len(begin), dtype=np.intp)
    todo = groups
    if seen is not None:
        total[seen.state == CROSSING] = np.inf
    while len(todo):
        out[todo] = taken = walks.least(total, begin, size, todo)
        if seen is None:
            break
        finite = np.isfinite(total[taken])
        todo, tried = todo[finite], taken[finite]
        seen.test(tried)
        crossing = seen.state[tried] == CROSSING
        total[tried[crossing]] = np.inf
        todo = todo[crossing]
    return out[groups]


def same_edge(graph: Graph, buildings: Links, facilities: Links, speed_m_per_s: float) -> tuple[Floats, Ints]:
    """Seconds along the edge to the nearest facility tied to the **same** edge, and which; `inf` and −1 where there is none.

    The building's own leg is not in it, the facility's is.
    """
    order = np.argsort(facilities.edge, kind="stable")
    first = np.r_[0, np.cumsum(np.bincount(facilities.edge, minlength=len(graph.length_m)))]
    theirs = facilities.row[order], graph.share(facilities)[order], seconds(facilities.leg_m[order], speed_m_per_s)
    edges = graph.length_m, graph.forward_s, graph.backward_s
    found: tuple[Floats, Ints] = walks.along((buildings.edge, graph.share(buildings)), first, theirs, edges, SAME_SPOT_M)
    return found


def import_networkx() -> None:
    """Import what the referee needs, so that a run can have it done beside its reading of the file."""
    import networkx  # noqa: F401, ICN001, PLC0415 - a third of a second, and a search needs none


def to_networkx(edges: pd.DataFrame) -> nx.MultiDiGraph:
    """The saved edges as a networkx graph: nodes are OSM ids, arcs carry `edge`, `length_m`, `seconds` and `access`.

    >>> street = pd.DataFrame({"edge": [0], "u": [1], "v": [2], "length_m": [72.0], "seconds_forward": [60.0]})
    >>> street["seconds_backward"] = np.inf
    >>> [(u, v, data["seconds"]) for u, v, data in to_networkx(street).edges(data=True)]
    [(1, 2, 60.0)]
    """
    import networkx as nx  # noqa: PLC0415 - as above

    graph = nx.MultiDiGraph()
    graph.add_nodes_from(np.unique(edges[["u", "v"]].to_numpy()).tolist())
    columns = ["edge", "u", "v", "length_m", "seconds_forward", "seconds_backward"]
    said = edges["access"].tolist() if "access" in edges else [PUBLIC] * len(edges)
    for edge, u, v, length, forward, backward, access in zip(*(edges[name].tolist() for name in columns), said, strict=True):
        if np.isfinite(forward):
            graph.add_edge(u, v, edge=edge, length_m=length, seconds=forward, access=access)
        if np.isfinite(backward):
            graph.add_edge(v, u, edge=edge, length_m=length, seconds=backward, access=access)
    return graph


def shortest_seconds(graph: nx.MultiDiGraph, buildings: pd.DataFrame, facilities: pd.DataFrame) -> dict[str, float]:
    """Seconds from each building to the nearest facility, by plain networkx: the referee's answer.

    Parameters
    ----------
    graph
        From `to_networkx`; it is not changed.
    buildings, facilities
        Rows of `links` with `id`, `edge`, `offset_m`, `leg_s` and the edge's `u`, `v`, `length_m`, `seconds_forward`, `seconds_backward`;
        also its `access` (public where there is no such column), and for facilities `visitors` (all where there is no such column).

    Returns
    -------
    Seconds by building id; a building without a path is missing.
    """
    import networkx as nx  # noqa: PLC0415 - as above

    goal = "goal"
    mine, theirs = _records(buildings), _records(facilities)
    walks = _layered(graph, {link[end] for link in (*mine, *theirs) if link["access"] != PUBLIC for end in ("u", "v")})
    walks.add_node(goal)
    tied: dict[int, list[tuple[float, float]]] = {}
    for link in theirs:
        share, forward, backward = _on_edge(link)
        tied.setdefault(link["edge"], []).append((share, link["leg_s"]))
        layer = _layer(link, "destination" if link["visitors"] or link["access"] == SHARED else "origin")
        _tie(walks, (layer, link["u"]), goal, link["leg_s"] + (share * forward if share else 0.0))
        _tie(walks, (layer, link["v"]), goal, link["leg_s"] + ((1 - share) * backward if share < 1 else 0.0))
    for link in mine:
        share, forward, backward = _on_edge(link)
        start, layer = ("building", link["id"]), _layer(link, "origin")
        _tie(walks, start, (layer, link["u"]), link["leg_s"] + (share * backward if share else 0.0))
        _tie(walks, start, (layer, link["v"]), link["leg_s"] + ((1 - share) * forward if share < 1 else 0.0))
        for other, leg in tied.get(link["edge"], []):
            apart = abs(other - share)
            apart = apart if apart * link["length_m"] > SAME_SPOT_M else 0.0
            _tie(walks, start, goal, link["leg_s"] + leg + (apart * (forward if other > share else backward) if apart else 0.0))
    found = nx.single_source_dijkstra_path_length(walks.reverse(copy=False), goal, weight="seconds")
    return {node[1]: float(length) for node, length in found.items() if node[0] == "building"}


def _layered(graph: nx.MultiDiGraph, private: set[int]) -> nx.MultiDiGraph:
    """Three graphs, one above the other: private ways of the origin, public ways, private ways of the destination; one may only go on.

    Only nodes of ways that are not open to all (`private`: those that somebody is tied to) lie in more than one of them.
    """
    import networkx as nx  # noqa: PLC0415 - as above

    walks = nx.MultiDiGraph()
    arcs = [(u, v, data["edge"], data["seconds"], data.get("access", PUBLIC)) for u, v, data in graph.edges(data=True)]
    for node in private.union(*((u, v) for u, v, *_, said in arcs if said != PUBLIC)):
        walks.add_edge(("origin", node), (PUBLIC, node), seconds=0.0)
        walks.add_edge((PUBLIC, node), ("destination", node), seconds=0.0)
    for u, v, edge, taken, said in arcs:
        layers = [PUBLIC] if said in (PUBLIC, SHARED) else []
        layers += ["origin", "destination"] if said != PUBLIC else []
        for layer in layers:
            walks.add_edge((layer, u), (layer, v), (edge, taken), seconds=taken)  # named, for networkx is slow at finding names
    return walks


def _records(links: pd.DataFrame) -> list[dict[Hashable, Any]]:
    more = [name for name in ("access", "visitors") if name in links]
    return [{"access": PUBLIC, "visitors": True, **record} for record in links[[*_TIED, *more]].to_dict("records")]


def _layer(link: dict[Hashable, Any], private: str) -> str:
    return PUBLIC if link["access"] == PUBLIC else private


def _on_edge(link: dict[Hashable, Any]) -> tuple[float, float, float]:
    """Share of its edge at which a link sits, and the edge's seconds in both directions."""
    share = link["offset_m"] / link["length_m"] if link["length_m"] else 0.0
    return share, link["seconds_forward"], link["seconds_backward"]


def _tie(graph: nx.MultiDiGraph, start: Hashable, end: Hashable, cost: float) -> None:
    if np.isfinite(cost):
        graph.add_edge(start, end, seconds=cost)
