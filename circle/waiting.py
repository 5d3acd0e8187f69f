"""Waiting: at lights, at roads where nothing stops the cars, for an elevator; for walkers who say that they wait.

Takes: nodes and edges of a network, where one waits, a walker.   Gives: the same with waits in it.
Never: makes anybody wait who walks along the road, or spreads a wait over the length of a street.

A wait is an edge of its own, without length: the street that ends at the road is tied to a new node at the same spot, and an edge between
the two holds **half** of the wait. Who crosses meets two of them, one on either side, and waits the whole; who turns into the road from a
side street waits half, as every second one has to cross it. Since a wait is an edge like any other, the search, the route, the referee and
the page all count it in the same way; nothing is ever tied to it.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from circle import rules
from circle.edges import joined, passable

Ints = NDArray[np.intp]
Bools = NDArray[np.bool_]

ROADS = ("service", "residential", "busway", "tertiary", "secondary", "primary", "trunk")  # the later, the bigger
CLASS = "waiting"
SIDES_BELOW = -(10**15) // 2  # numbers below are sides of gates (`passages.is_side`)


def insert(nodes: pd.DataFrame, edges: pd.DataFrame, stops: pd.DataFrame, walker: rules.Walker) -> tuple[pd.DataFrame, pd.DataFrame, Ints]:
    """Put waits between streets and the roads that they end at.

    Parameters
    ----------
    nodes, edges
        As in `network.Network`; edges also with `road` and `stop`. Not written to.
    stops
        Nodes at which one waits: `node`, `kind`.
    walker
        His `waiting_s`: seconds for `signals`, `elevator`, and for the class of a road that is crossed without signals.

    Returns
    -------
    Nodes and edges, the new ones last, and for each new edge the row of the node at whose spot it lies. A new node's number is below zero.
    """
    none = np.empty(0, dtype=np.intp)
    if not any(walker.waiting_s.values()):
        return nodes, edges, none
    end, node, wait, shaft, road = _ends(nodes, edges, stops, walker)
    if not len(end):
        return nodes, edges, none
    # the edges of one elevator shaft share a node, so that riding on past a floor costs nothing
    key = np.where(shaft, -1 - node, end)
    _, first, new = np.unique(key, return_index=True, return_inverse=True)
    ids = nodes["node"].to_numpy()
    lowest = min(int(ids[ids > SIDES_BELOW].min(initial=0)), 0)  # not among the sides of closed gates: those numbers say whose they are
    fresh = nodes.iloc[node[first]].assign(node=lowest - 1 - np.arange(len(first)))
    row = len(nodes) + new
    edge, at_v = end // 2, end % 2 == 1
    ends: dict[str, Ints] = {name: edges[name].to_numpy().copy() for name in ("u", "v", "u_index", "v_index")}
    number = fresh["node"].to_numpy()[new]
    for name, index, side in (("u", "u_index", ~at_v), ("v", "v_index", at_v)):
        ends[name][edge[side]], ends[index][edge[side]] = number[side], row[side]
    names = edges["name"].to_numpy()
    half = wait[first] / 2
    more = edges.iloc[edge[first]].assign(
        edge=len(edges) + np.arange(len(first)),
        length_m=0.0,
        seconds_forward=half,
        seconds_backward=half,
        u=fresh["node"].to_numpy(),
        v=nodes["node"].to_numpy()[node[first]],
        u_index=len(nodes) + np.arange(len(first)),
        v_index=node[first],
        name=np.where(road[first] >= 0, names[np.maximum(road[first], 0)], ""),
        raised=False,
        midway=False,
    )
    more["class"] = CLASS
    whole = joined(edges.assign(**ends), more)
    return pd.concat([nodes, fresh], ignore_index=True), whole, node[first]


def _ends(
    nodes: pd.DataFrame, edges: pd.DataFrame, stops: pd.DataFrame, walker: rules.Walker
) -> tuple[Ints, Ints, NDArray[np.float64], Bools, Ints]:
    """Ends of edges at which one waits: end (twice the edge, and one more at `v`), node, seconds, in a shaft, and an edge of the road."""
    u, v = edges["u_index"].to_numpy(), edges["v_index"].to_numpy()
    node = np.column_stack([u, v]).ravel()
    open_ = passable(edges).repeat(2)
    rank = {name: number for number, name in enumerate(ROADS)}
    words = [pd.Categorical(edges[name]) for name in ("class", "road")]
    own, under = (np.asarray([*(rank.get(word, -1) for word in column.categories), -1], dtype=np.intp)[column.codes] for column in words)
    of_road = np.maximum(own, under).repeat(2)
    size = len(nodes)
    top = np.full(size, -1, dtype=np.intp)
    np.maximum.at(top, node, of_road)
    along = (of_road >= 0) & (of_road == top[node])
    arms = np.bincount(node[along], minlength=size)
    road = np.full(size, -1, dtype=np.intp)
    road[node[along]] = np.flatnonzero(along) // 2

    crossing = (edges["class"] == "crossing").to_numpy()
    kinds = {
        kind: np.isin(nodes["node"].to_numpy(), stops.loc[(stops["kind"] == kind).to_numpy(), "node"]) for kind in ("signals", "elevator")
    }
    lit = kinds["signals"].copy()
    said = (crossing & (edges["stop"] == "signals").to_numpy()).repeat(2)
    lit[node[said]] |= top[node[said]] >= 0
    crossed = np.zeros(size, dtype=bool)
    crossed[node[crossing.repeat(2)]] = True
    lit &= (top >= 0) | crossed  # lights where no road may be walked are lights all the same if a crossing meets them
    seconds = walker.waiting_s.get
    wait = np.asarray([*(seconds(name, 0.0) for name in ROADS), 0.0])[top]
    wait[lit] = seconds("signals", 0.0)

    # who walks along the road does not wait; where three or more arms of it meet, nobody can tell which is along
    waits = open_ & (wait[node] > 0) & ~(along & (arms[node] <= 2))
    shaft = ((edges["class"] == "elevator").to_numpy().repeat(2)) & open_
    outside = np.zeros(size, dtype=bool)
    outside[node[~shaft & open_]] = True
    shaft &= outside[node] & (seconds("elevator", 0.0) > 0)
    ride = open_ & kinds["elevator"][node] & (seconds("elevator", 0.0) > 0)
    chosen = np.flatnonzero(waits | shaft | ride)
    cost = np.where((shaft | ride)[chosen], seconds("elevator", 0.0), wait[node[chosen]])
    told = np.where((shaft | ride)[chosen], -1, road[node[chosen]])
    return chosen, node[chosen], cost, shaft[chosen], told
