"""Edits of a saved network: gates that close, passages that are added, and the links that move with them.

Takes: the tables nodes, edges and links of a run, a scenario.   Gives: the same tables, edited.
Never: touches an edge or a link that the edit does not concern: whoever walks elsewhere keeps his seconds to the last bit.

Gates of the table of gates open and close as a run has them (see `gates`). A passage joins two stretches of the network: each of its ends
is tied to the nearest path that one may walk, which is cut there. Any other node of a path that closes lets nobody through; one may still
walk up to it from either side.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from shapely.ops import substring

from circle import gates, network, passages, restored, rules
from circle.edges import end_rows, passable
from circle.errors import Findings, PlaceError
from circle.projection import Plane
from circle.scenario import Passage, Scenario
from circle.units import seconds

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

OFF_MAP = 0  # the way of an edge that no map holds
PASSAGE_CLASS = "footway"
AT_NODE_M = 1e-6


@dataclass(frozen=True, slots=True)
class Tables:
    """The network of a run: tables as saved (rules/tables)."""

    nodes: gpd.GeoDataFrame
    edges: gpd.GeoDataFrame
    links: pd.DataFrame


def edited(tables: Mapping[str, Any], scenario: Scenario, plane: Plane, walker: Mapping[str, Any]) -> tuple[dict[str, Any], Findings]:
    """The tables `nodes`, `edges`, `links` and `gates` after a scenario's gates and passages, and what is odd about the ways now.

    Parameters
    ----------
    tables
        All tables of a run, by name. The input is not changed.
    walker
        As a run records it: `speed_m_per_s` and `factors` by class of way.

    Raises
    ------
    PlaceError
        A gate is not in the data, or a passage begins or ends too far from any path.
    """
    known = set(tables["gates"]["gate"]) if "gates" in tables else set()
    for gate in scenario.opened:
        if gate not in known:
            raise PlaceError(
                f"{gate}: the data hold no gate there, so there is nothing to open. To join two sides of a wall, add a [[passage]]."
            )
    closed = [gate for gate in scenario.closed if gate in known]
    out = {name: tables[name] for name in ("nodes", "edges", "links", "gates") if name in tables}
    findings = Findings()
    if scenario.opened or closed:
        made = gates.turned(tables, scenario.opened, closed, plane, walker)
        out, findings = {"nodes": made.nodes, "edges": made.edges, "links": made.links, "gates": made.gates}, made.findings
    net = Tables(out["nodes"], out["edges"], out["links"])
    for node in scenario.closed:
        if node not in known:
            net = _shut(net, node)
    if scenario.passages:
        net = _with_passages(net, scenario.passages, plane, walker)
    net = _renumbered(net)
    walked = restored.network(net.nodes, net.edges, plane).edges
    network.tell_islands(walked, findings)
    return {**out, "nodes": net.nodes, "edges": net.edges.assign(island=walked["island"].to_numpy()), "links": net.links}, findings


def _shut(tables: Tables, gate: str) -> Tables:
    """Every edge that ends in the gate's node gets an end of its own."""
    node = int(gate.partition("/")[2])
    at = np.flatnonzero((tables.nodes["node"] == node).to_numpy())
    if not gate.startswith("node/") or not len(at):
        raise PlaceError(f"{gate} is no node of the walking network, so it cannot be closed. Take the id of a gate that lies on a path.")
    edges = tables.edges.copy()
    ends = [(column, row) for column in ("u", "v") for row in np.flatnonzero((edges[column] == node).to_numpy()).tolist()]
    fresh = _fresh(tables.nodes, len(ends) - 1)
    columns = {column: edges[column].to_numpy().copy() for column in ("u", "v")}
    for number, (column, row) in zip(fresh, ends[1:], strict=True):
        columns[column][row] = number
    edges["u"], edges["v"] = columns["u"], columns["v"]
    more = tables.nodes.iloc[np.repeat(at, len(fresh))].assign(node=fresh)
    return Tables(_stacked(tables.nodes, more), edges, tables.links)


def _fresh(nodes: gpd.GeoDataFrame, count: int) -> Ints:
    """Numbers that no node of the data has: below zero and below all there are but the sides of gates."""
    ids = nodes["node"].to_numpy()
    return min(int(ids[~passages.is_side(ids)].min(initial=0)), 0) - 1 - np.arange(count)


def _stacked(first: gpd.GeoDataFrame, second: pd.DataFrame) -> gpd.GeoDataFrame:
    whole = pd.concat([first, second], ignore_index=True)
    return gpd.GeoDataFrame(whole, geometry="geometry", crs=first.crs).astype(
        {name: first[name].dtype for name in ("node",) if name in first}
    )


def _with_passages(tables: Tables, passages: Sequence[Passage], plane: Plane, walker: Mapping[str, Any]) -> Tables:
    nodes, edges, links = tables.nodes, tables.edges, tables.links
    ends = [spot for each in passages for spot in (each.begin, each.end)]
    edge, share, leg_m = _nearest(edges, ends, plane, passages)
    length = edges["length_m"].to_numpy()
    offset = share * length[edge]
    cuts = {
        row: np.unique(offset[(edge == row) & (offset > AT_NODE_M) & (offset < length[row] - AT_NODE_M)])
        for row in np.unique(edge).tolist()
    }
    fresh = iter(_fresh(nodes, sum(map(len, cuts.values()))).tolist())
    at: dict[tuple[int, float], int] = {(row, cut): next(fresh) for row, found in cuts.items() for cut in found.tolist()}
    on_edge = {key: edges.geometry.iloc[key[0]].interpolate(key[1] / length[key[0]], normalized=True) for key in at}
    pieces, remap = _pieces(edges, cuts, at)

    def node(k: int) -> tuple[int, shapely.Point]:
        """The node that an end of a passage is tied to, and where it lies."""
        row, cut = int(edge[k]), float(offset[k])
        if (row, cut) in at:
            return at[row, cut], on_edge[row, cut]
        line, last = edges.geometry.iloc[row], cut > length[row] / 2
        point = shapely.get_point(line, -1 if last else 0)
        return int(edges["v" if last else "u"].iloc[row]), point

    speed = float(walker["speed_m_per_s"]) * float(walker.get("factors", {}).get(PASSAGE_CLASS, 1.0))
    built = []
    for number, each in enumerate(passages):
        (u, begin), (v, end) = node(2 * number), node(2 * number + 1)
        metres = float(leg_m[2 * number] + leg_m[2 * number + 1] + _metres(each.begin, each.end, plane))
        taken = seconds(metres, speed)
        built.append(
            {
                "u": u, "v": v, "way": OFF_MAP, "length_m": metres, "seconds_forward": taken, "seconds_backward": taken,
                "access": "public", "mapped": "public",
                "class": PASSAGE_CLASS, "name": each.name, "midway": True, "raised": False, "island": False,
                "geometry": shapely.LineString([begin, each.begin, each.end, end]),
            }
        )  # fmt: skip
    more = gpd.GeoDataFrame({"node": list(at.values()), "component": 0}, geometry=list(on_edge.values()), crs=nodes.crs)
    categories = [name for name in edges if isinstance(edges[name].dtype, pd.CategoricalDtype)]
    kept = edges.astype(dict.fromkeys(categories, object)).drop(index=edges.index[list(remap)])
    whole = pd.concat([kept, *pieces, pd.DataFrame(built)], ignore_index=True)
    order = np.argsort(np.r_[kept["edge"].to_numpy(), *(p["edge"].to_numpy() for p in pieces), len(edges) * 2 + np.arange(len(built))])
    whole = whole.iloc[order].reset_index(drop=True)
    whole = gpd.GeoDataFrame(whole.astype(dict.fromkeys(categories, "category")), geometry="geometry", crs=edges.crs)
    return Tables(_stacked(nodes, more) if at else nodes, whole, _moved(links, remap))


def _nearest(
    edges: gpd.GeoDataFrame, spots: Sequence[tuple[float, float]], plane: Plane, passages: Sequence[Passage]
) -> tuple[Ints, Floats, Floats]:
    """The nearest passable edge of each spot, the share of it at which it is nearest, and the metres to it."""
    most = float(rules.settings("scenario")["passage_reach_m"])
    x, y = plane.forward(*np.asarray(spots, dtype=float).T)
    points = shapely.points(x, y)
    units = plane.units_per_metre(y)
    open_ = passable(edges)
    open_ &= edges["midway"].to_numpy() & ~edges["raised"].to_numpy()
    margin = most * 2 / 100_000
    box = np.asarray(spots)
    bounds = edges.geometry.bounds.to_numpy()
    near = open_ & np.any(
        [
            (bounds[:, 0] <= lon + margin / 0.08)
            & (bounds[:, 2] >= lon - margin / 0.08)
            & (bounds[:, 1] <= lat + margin)
            & (bounds[:, 3] >= lat - margin)
            for lon, lat in box.tolist()
        ],
        axis=0,
    )
    rows = np.flatnonzero(near)
    lines = plane.project(edges.geometry.to_numpy()[rows])
    edge = np.full(len(spots), -1, dtype=np.intp)
    share, metres = np.zeros(len(spots)), np.full(len(spots), np.inf)
    for k, point in enumerate(points):
        if len(rows):
            apart = shapely.distance(lines, point)
            best = int(np.argmin(apart))
            edge[k], metres[k] = rows[best], apart[best] / units[k]
            share[k] = shapely.line_locate_point(lines[best], point, normalized=True)
        if metres[k] > most:
            side, each = ("begins", "ends")[k % 2], passages[k // 2]
            raise PlaceError(
                f"{each.id} ({each.name or 'no name'}) {side} more than {most:g} m from any path ({spots[k][0]:.6f}, {spots[k][1]:.6f}). "
                "A passage joins two paths: draw it from one to the other."
            )
    return edge, np.clip(share, 0.0, 1.0), metres


def _pieces(
    edges: gpd.GeoDataFrame, cuts: dict[int, Floats], at: dict[tuple[int, float], int]
) -> tuple[list[pd.DataFrame], dict[int, tuple[Floats, Ints]]]:
    """Each cut edge in pieces, and for each where the pieces begin and their numbers; the first keeps the number of the whole."""
    made: list[pd.DataFrame] = []
    remap: dict[int, tuple[Floats, Ints]] = {}
    following = len(edges)
    for row, found in cuts.items():
        if not len(found):
            continue
        whole = edges.iloc[row]
        bounds = np.r_[0.0, found, whole["length_m"]]
        numbers = np.r_[row, following + np.arange(len(found))].astype(np.intp)
        following += len(found)
        ends = [whole["u"], *(at[row, cut] for cut in found.tolist()), whole["v"]]
        part = np.diff(bounds)
        share = bounds / whole["length_m"]
        piece = pd.DataFrame([whole.drop("geometry").to_dict()] * len(part)).assign(
            edge=numbers,
            u=ends[:-1],
            v=ends[1:],
            length_m=part,
            seconds_forward=whole["seconds_forward"] * np.diff(share),
            seconds_backward=whole["seconds_backward"] * np.diff(share),
        )
        piece["geometry"] = [substring(whole["geometry"], a, b, normalized=True) for a, b in pairwise(share)]
        made.append(piece)
        remap[row] = bounds, numbers
    return made, remap


def _moved(links: pd.DataFrame, remap: dict[int, tuple[Floats, Ints]]) -> pd.DataFrame:
    """Links of a cut edge, each on the piece that it sits on."""
    edge, offset = links["edge"].to_numpy().copy(), links["offset_m"].to_numpy().copy()
    for row, (bounds, numbers) in remap.items():
        mine = np.flatnonzero(links["edge"].to_numpy() == row)
        piece = np.searchsorted(bounds[1:-1], offset[mine], side="left")
        edge[mine] = numbers[piece]
        offset[mine] = np.minimum(offset[mine] - bounds[piece], np.diff(bounds)[piece])
    return links.assign(edge=edge, offset_m=offset)


def _renumbered(tables: Tables) -> Tables:
    """Edges are numbered by their row, and nodes know their piece of the network anew."""
    edges = tables.edges.assign(edge=np.arange(len(tables.edges)))
    u, v = end_rows(tables.nodes, edges)
    asked = edges[["length_m", "seconds_forward", "seconds_backward"]].assign(u_index=u, v_index=v)
    component = network.components(len(tables.nodes), pd.DataFrame(asked))
    return Tables(tables.nodes.assign(component=component), edges, tables.links)


def _metres(begin: tuple[float, float], end: tuple[float, float], plane: Plane) -> float:
    x, y = plane.forward(np.asarray([begin[0], end[0]]), np.asarray([begin[1], end[1]]))
    units = plane.units_per_metre(y)
    return float(np.hypot(*np.diff([x, y]))[0] / units.mean())
