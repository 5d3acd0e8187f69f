"""Passages in the network: edges cut where a passage would join them, and the passage as an edge of its own, shut or open.

Takes: the ground and passages.   Gives: the ground with the passages in it, and the places where they begin and end.
Never: changes a walk by cutting: a shut passage leaves every second as it was.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from shapely.ops import substring

from circle import access
from circle.edits import PASSAGE_CLASS
from circle.linkage import AT_NODE_M, Links
from circle.network import Network
from circle.siting.ground import Ground
from circle.units import seconds

Ints = NDArray[np.intp]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Cut:
    """The ground with passages in it.

    Attributes: `ground`, `begin` and `end` (node row of both ends of each passage), `seconds` (through each passage), `_edge`, `_offset`,
    `_row` (where each edge was cut, and the edge that begins there).
    """

    ground: Ground
    begin: Ints
    end: Ints
    seconds: Floats
    _edge: Ints
    _offset: Floats
    _row: Ints

    def moved(self, links: Links) -> Links:
        """Links to the edges as they were, on the edges as they are."""
        edge, offset = links.edge.copy(), links.offset_m.copy()
        for old in np.unique(self._edge):
            rows = np.flatnonzero(links.edge == old)
            if len(rows):
                mine = self._edge == old
                piece = np.searchsorted(self._offset[mine], links.offset_m[rows], side="right")
                edge[rows] = np.r_[old, self._row[mine]][piece]
                offset[rows] = links.offset_m[rows] - np.r_[0.0, self._offset[mine]][piece]
        length = self.ground.net.edges["length_m"].to_numpy()[edge]
        # as in linkage: a hair's breadth from a node is at the node, or nobody could step off the end of a one-way edge
        offset = np.where(offset <= AT_NODE_M, 0.0, np.where(offset >= length - AT_NODE_M, length, offset))
        return replace(links, edge=edge, offset_m=offset)


def cut(ground: Ground, passages: pd.DataFrame, *, opened: bool) -> Cut:
    """Put passages into the network.

    Parameters
    ----------
    passages
        `edge_a`, `offset_a`, `edge_b`, `offset_b`, `length_m`, `name` (as `passages.find` gives them).
    opened
        Whether they may be walked.
    """
    net, count = ground.net, len(passages)
    length = net.edges["length_m"].to_numpy()
    edge = np.r_[passages["edge_a"].to_numpy(dtype=np.intp), passages["edge_b"].to_numpy(dtype=np.intp)]
    offset = np.r_[passages["offset_a"].to_numpy(dtype=float), passages["offset_b"].to_numpy(dtype=float)]
    u, v = net.edges["u_index"].to_numpy(), net.edges["v_index"].to_numpy()
    node = np.where(offset <= 0, u[edge], np.where(offset >= length[edge], v[edge], -1))
    inner = np.flatnonzero(node < 0)
    keys, index = np.unique(np.column_stack([edge[inner].astype(float), offset[inner]]), axis=0, return_inverse=True)
    node[inner] = len(net.nodes) + index.ravel()
    at, where = keys[:, 0].astype(np.intp), keys[:, 1]
    rows = len(net.edges) + np.arange(len(at))
    edges, lines = _pieces(net, at, where)
    pace = ground.speed_m_per_s * float(ground.record["walker"].get("factors", {}).get(PASSAGE_CLASS, 1.0))
    taken = seconds(passages["length_m"].to_numpy(dtype=float), pace)
    ids = np.r_[net.nodes["node"].to_numpy(), int(net.nodes["node"].max()) + 1 + np.arange(len(at))]
    spots = shapely.line_interpolate_point(net.lines[at], where / length[at], normalized=True)
    lon, lat = net.plane.backward(shapely.get_x(spots), shapely.get_y(spots))
    more = pd.DataFrame({"node": ids[len(net.nodes) :], "component": net.edges["component"].to_numpy()[at], "lon": lon, "lat": lat})
    nodes = pd.concat([net.nodes, more], ignore_index=True)
    x, y = net.plane.forward(nodes["lon"].to_numpy()[node], nodes["lat"].to_numpy()[node])
    ties = shapely.linestrings(np.stack([np.column_stack([x[:count], y[:count]]), np.column_stack([x[count:], y[count:]])], axis=1))
    own = _passages(passages, (node[:count], node[count:]), taken if opened else np.full(count, np.inf), edges)
    edges = pd.concat([edges, own], ignore_index=True)
    edges["edge"] = np.arange(len(edges))
    edges["u"], edges["v"] = ids[edges["u_index"]], ids[edges["v_index"]]
    lines = np.concatenate([lines, ties]) if count else lines
    points = shapely.get_coordinates(lines)
    first = np.r_[0, np.cumsum(shapely.get_num_coordinates(lines))].astype(np.intp)
    made = Network(nodes=nodes, edges=edges, x=points[:, 0], y=points[:, 1], first=first, lines=lines, plane=net.plane)
    bare = replace(ground, net=made, graph=access.Graph.of(edges, nodes))
    out = Cut(bare, node[:count], node[count:], taken, at, where, rows)
    return replace(out, ground=replace(bare, mine=out.moved(ground.mine), theirs=out.moved(ground.theirs)))


def _pieces(net: Network, at: Ints, where: Floats) -> tuple[pd.DataFrame, NDArray[np.object_]]:
    """Edges with those cut at `where`: the first piece keeps its row, the others follow after all edges."""
    edges, lines = net.edges.copy(), net.lines.copy()
    length = net.edges["length_m"].to_numpy()
    begin = where
    last = np.r_[at[1:] != at[:-1], True] if len(at) else np.zeros(0, dtype=bool)
    stop = np.where(last, length[at], np.r_[where[1:], 0.0][: len(at)])
    more = net.edges.iloc[at].copy()
    fresh = len(net.nodes) + np.arange(len(at))
    more["u_index"] = fresh
    more["v_index"] = np.where(last, net.edges["v_index"].to_numpy()[at], np.r_[fresh[1:], 0][: len(at)])
    first = np.flatnonzero(np.r_[True, at[1:] != at[:-1]]) if len(at) else np.zeros(0, dtype=np.intp)
    for frame, rows, share in ((edges, at[first], where[first] / length[at[first]]), (more, slice(None), (stop - begin) / length[at])):
        for name in ("length_m", "seconds_forward", "seconds_backward"):
            values = frame[name].to_numpy().copy()
            values[rows] = values[rows] * share
            frame[name] = values
    ends = edges["v_index"].to_numpy().copy()
    ends[at[first]] = fresh[first]
    edges["v_index"] = ends
    parts = [substring(net.lines[a], b / length[a], c / length[a], normalized=True) for a, b, c in zip(at, begin, stop, strict=True)]
    for row in first.tolist():
        lines[at[row]] = substring(net.lines[at[row]], 0.0, where[row] / length[at[row]], normalized=True)
    tail = np.empty(len(parts), dtype=object)
    tail[:] = parts
    return pd.concat([edges, more], ignore_index=True), np.concatenate([lines, tail])


def _passages(passages: pd.DataFrame, ends: tuple[Ints, Ints], taken: Floats, edges: pd.DataFrame) -> pd.DataFrame:
    """The passages as edges: public, walked in both directions."""
    columns: dict[str, Any] = {name: edges[name].iloc[:1].repeat(len(passages)).to_numpy() for name in edges.columns}
    columns |= {
        "way": 0, "access": "public", "class": PASSAGE_CLASS, "name": passages["name"].to_numpy(),
        "length_m": passages["length_m"].to_numpy(),
        "seconds_forward": taken, "seconds_backward": taken, "u_index": ends[0], "v_index": ends[1], "island": False,
        "midway": True, "raised": False,
    }  # fmt: skip
    made = pd.DataFrame(columns, index=range(len(passages)))
    for name in ("access", "class", "name"):
        edges[name] = edges[name].astype(object)
        made[name] = made[name].astype(object)
    return made
