"""Passages: gates cut into the ways, and public ways that belong to a compound.

Takes: ways and vertices, edges, gates, barriers, compounds.   Gives: ways that end at closed gates; who may walk each edge.
Never: closes a way without a gate: where a path leads through a wall it is open, and a finding.

A gate that is closed to all stands once for each side, so that no walk passes. One for residents stands once for each side too, with a
private way without length between: it lets out those who live behind it, and in those who go to them.
"""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from circle import rules
from circle.crossings import Pieces
from circle.edges import joined, osm_id, passable
from circle.errors import Findings
from circle.projection import Plane
from circle.sources import Enclosure

Ints = NDArray[np.intp]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

GATE = "gate"  # class of the way without length within a residents' gate
COPIES = 10**15  # below −COPIES: one side of a closed gate; far from every OSM id, and exact in a double
SIDES = 100


def is_side(nodes: NDArray[np.int64]) -> Bools:
    """Which nodes are one side of a closed gate."""
    return np.asarray(nodes <= -COPIES // 2)


def own_node(nodes: NDArray[np.int64]) -> NDArray[np.int64]:
    """OSM node of each node: a side of a gate is the gate's.

    >>> own_node(np.asarray([7, -(10**15) - 701])).tolist()
    [7, 7]
    """
    return np.where(is_side(nodes), np.round((-COPIES - nodes) / SIDES).astype(np.int64), nodes)


def side_names(gate: int, found: list[int]) -> dict[int, int]:
    """Numbers of the nodes that the sides of a gate become."""
    return {side: -COPIES - gate * SIDES - place - 1 for place, side in enumerate(sorted(set(found)))}


def gate_nodes(gates: gpd.GeoDataFrame) -> NDArray[np.int64]:
    """OSM node of each gate."""
    return np.asarray([int(str(gate).partition("/")[2]) for gate in gates["gate"]], dtype=np.int64)


def gate_names(nodes: NDArray[np.int64], gates: gpd.GeoDataFrame) -> pd.Series:
    """Id of the gate that each node is, or is a side of; empty where it is none."""
    own = own_node(nodes)
    names = np.full(len(own), "", dtype=object)
    rows = np.flatnonzero(pd.Series(own).isin(gate_nodes(gates)).to_numpy())
    names[rows] = [f"node/{node}" for node in own[rows].tolist()]
    return pd.Series(names, dtype="str")


def split(
    ways: pd.DataFrame, vertices: pd.DataFrame, gates: gpd.GeoDataFrame, barriers: gpd.GeoDataFrame, findings: Findings
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Ways and vertices in which each gate that is not open to all stands once for each of its sides.

    Sides are told apart by the walls that meet in the gate; a gate without a wall has two where one way runs through it. Where three ways
    or more meet without a wall nothing says which of them it closes: it stays open, and is a finding (`network.gate_at_junction`).
    """
    shut = gates[gates["passage"] != "all"]
    number = gate_nodes(shut)
    node = vertices["node"].to_numpy()
    rows = np.flatnonzero(pd.Series(node).isin(number).to_numpy())
    if not len(rows):
        return ways, vertices
    count = ways["count"].to_numpy()
    of_way = np.repeat(np.arange(len(ways)), count)
    lon, lat = vertices["lon"].to_numpy(), vertices["lat"].to_numpy()
    walls = walls_at(shut, barriers)
    renamed, opened = (
        node.copy(),
        np.zeros(len(node), dtype=np.int64),
    )  # opened: number that the second half of a vertex gets, where it is cut
    joints: list[tuple[int, list[int], str]] = []
    for gate, passage, name in zip(number.tolist(), shut["passage"], shut["name"], strict=True):
        mine = rows[node[rows] == gate]
        arms = [(row, way) for row in mine for way in (-1, 1) if 0 <= row + way < len(node) and of_way[row + way] == of_way[row]]
        if len(arms) < 2:
            continue
        found = sides(arms, (lon, lat), walls.get(int(gate), []))
        if found is None:
            findings.add("network.gate_at_junction", f"node/{gate}", f"{len(arms)} ways meet in a gate that is closed to some")
            continue
        if len(set(found)) < 2:
            continue
        names = side_names(int(gate), found)
        before = {row: names[side] for (row, way), side in zip(arms, found, strict=True) if way < 0}
        after = {row: names[side] for (row, way), side in zip(arms, found, strict=True) if way > 0}
        for row in mine:
            renamed[row] = before.get(row, after.get(row, gate))
            if row in before and row in after and before[row] != after[row]:
                opened[row] = after[row]
        if passage == "residents":
            joints.append((int(of_way[mine[0]]), list(names.values()), str(name)))
    return _cut(ways, vertices.assign(node=renamed), of_way, opened, joints)


def walls_at(gates: gpd.GeoDataFrame, barriers: gpd.GeoDataFrame) -> dict[int, list[tuple[float, float]]]:
    """Directions (degrees east and north) in which walls leave each gate that is a corner of theirs."""
    walls = barriers.geometry.to_numpy()[barriers["kind"].isin(rules.enclosing_kinds()).to_numpy()]
    spots = gates.geometry.to_numpy()
    out: dict[int, list[tuple[float, float]]] = {}
    parts = shapely.get_parts(walls)
    if not len(parts):
        return out
    gate, part = shapely.STRtree(parts).query(spots, predicate="dwithin", distance=1e-7)
    for g, p in zip(gate.tolist(), part.tolist(), strict=True):
        here, line = shapely.get_coordinates(spots[g])[0], shapely.get_coordinates(parts[p])
        for row in np.flatnonzero(np.abs(line - here).max(axis=1) < 2e-7):
            closed = bool((line[0] == line[-1]).all())
            near = [(row + step) % (len(line) - 1) if closed else row + step for step in (-1, 1)]
            arms = [tuple(line[k] - here) for k in near if 0 <= k < len(line)]
            out.setdefault(int(str(gates["gate"].iloc[g]).partition("/")[2]), []).extend((float(x), float(y)) for x, y in arms)
    return out


def sides(arms: list[tuple[int, int]], degrees: tuple[Floats, Floats], walls: list[tuple[float, float]]) -> list[int] | None:
    """Side of the gate that each arm of a way lies on; None where nobody can say."""
    lon, lat = degrees
    scale = float(np.cos(np.radians(lat[arms[0][0]])))
    bearings = np.unique(np.round([np.arctan2(y, x * scale) for x, y in walls], 9))
    if len(bearings) >= 2:
        mine = [np.arctan2(lat[row + way] - lat[row], (lon[row + way] - lon[row]) * scale) for row, way in arms]
        return [int(np.searchsorted(bearings, bearing) % len(bearings)) for bearing in mine]
    return list(range(2)) if len(arms) == 2 else None


def _cut(
    ways: pd.DataFrame, vertices: pd.DataFrame, of_way: Ints, opened: NDArray[np.int64], joints: list[tuple[int, list[int], str]]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Cut ways where `opened` says, and put the private ways of residents' gates at the end."""
    twice = np.flatnonzero(opened)
    order = np.sort(np.r_[np.arange(len(vertices)), twice], kind="stable")
    second = np.r_[False, order[1:] == order[:-1]]
    points = vertices.iloc[order].reset_index(drop=True)
    node = points["node"].to_numpy().copy()
    node[second] = opened[order[second]]
    owner = of_way[order]
    begins = np.r_[True, owner[1:] != owner[:-1]] | second
    pieces = ways.iloc[owner[begins]].assign(count=np.diff(np.r_[np.flatnonzero(begins), len(order)]))
    points = points.assign(node=node)
    if not joints:
        return pieces.reset_index(drop=True), points
    where = {int(node[row]): int(row) for row in np.flatnonzero(is_side(node))}
    links = [(way, sides[0], other, name) for way, sides, name in joints for other in sides[1:]]
    rows = [row for _, one, other, _ in links for row in (where[one], where[other])]
    inner = ways.iloc[[way for way, *_ in links]].assign(count=2, forward=True, backward=True, square=False)
    inner = inner.assign(access=pd.Categorical(["private"] * len(links), categories=rules.ACCESS))
    inner = inner.assign(**{name: "" for name in ("road", "stop") if name in inner})
    inner = inner.assign(**{"class": GATE, "name": [name for *_, name in links]})
    return joined(pieces, inner), pd.concat([points, points.iloc[rows]], ignore_index=True)


def whose(edges: pd.DataFrame, nodes: int, gated: Bools, findings: Findings) -> pd.Categorical:
    """Who may walk each edge, once it is known what lies behind what.

    A piece of public ways that only private ways or residents' gates lead to belongs to those who live there, whatever its tags say
    (`network.enclosed`); where ways for visitors lead to it, it is for visitors. In a compound (`gated`) whose residents have gates of
    their own, public ways are theirs too.
    """
    said = pd.Categorical(edges["access"], categories=list(rules.ACCESS)).codes.copy()  # words by their numbers: there are very many edges
    number = {name: row for row, name in enumerate(rules.ACCESS)}
    u, v = edges["u_index"].to_numpy(), edges["v_index"].to_numpy()
    open_ = passable(edges)
    public = said == number["public"]
    if public.all():
        return _said(said)

    def pieces(rows: Bools) -> Ints:
        arcs = (np.ones(rows.sum()), (u[rows], v[rows]))
        return np.asarray(connected_components(coo_array(arcs, shape=(nodes, nodes)), directed=False)[1])

    alone, with_visitors, whole = pieces(open_ & public), pieces(open_ & (public | (said == number["destination"]))), pieces(open_)
    street = edges["class"].isin(rules.STREETS).to_numpy()
    weight = edges["length_m"].to_numpy() * np.where(street, 1.0, 0.1)
    rows = np.flatnonzero(public)
    table = pd.DataFrame({"piece": alone[u[rows]], "whole": whole[u[rows]], "open": with_visitors[u[rows]], "weight": weight[rows]})
    table["metres"], table["way"] = edges["length_m"].to_numpy()[rows], edges["way"].to_numpy()[rows]
    size = table.groupby("piece").agg(weight=("weight", "sum"), whole=("whole", "first"), open=("open", "first"), metres=("metres", "sum"))
    size["way"] = table.groupby("piece")["way"].min()
    largest = size.sort_values(["weight", "way"], ascending=[False, True], kind="stable").drop_duplicates("whole")
    main = dict(zip(largest["whole"].tolist(), largest["open"].tolist(), strict=True))
    outside = set(largest.index)
    inner = size[~size.index.isin(outside)]
    becomes = {
        piece: "destination" if reached == main[whole_] else "private"
        for piece, reached, whole_ in zip(inner.index.tolist(), inner["open"].tolist(), inner["whole"].tolist(), strict=True)
    }
    word = np.full(len(size), number["public"], dtype=said.dtype)
    word[size.index.get_indexer(inner.index)] = [number[becomes[piece]] for piece in inner.index.tolist()]
    said[rows] = word[size.index.get_indexer(pd.Index(table["piece"]))]
    for way, metres in inner.groupby("way")["metres"].sum().items():
        told = f"{metres:.0f} m of public ways that only private ways or residents' gates lead to"
        findings.add("network.enclosed", osm_id(int(str(way))), told)
    said[(said == number["public"]) & gated] = number["compound"]
    return _said(said)


def _said(codes: NDArray[np.int8]) -> pd.Categorical:
    words = np.asarray([*rules.ACCESS, None], dtype=object)
    return pd.Categorical(words[codes], categories=list(rules.ACCESS))


def through_walls(
    lines: NDArray[np.object_], ways: NDArray[np.int64], barriers: gpd.GeoDataFrame, walls: NDArray[np.object_]
) -> pd.DataFrame:
    """Ways on the ground that lead through a wall: `way`, `barrier`, each pair once.

    Parameters
    ----------
    lines, ways
        Edges on the plane, and the way of each.
    barriers, walls
        Rows of `barriers` that enclose, and their lines on the plane.
    """
    parts, owner = shapely.get_parts(walls, return_index=True)
    line, part = Pieces(parts).crossing(lines)
    return pd.DataFrame({"way": ways[line], "barrier": barriers["barrier"].to_numpy()[owner[part]]}).drop_duplicates()


def settled(
    edges: pd.DataFrame, nodes: int, lines: NDArray[np.object_], walls: Enclosure, plane: Plane, findings: Findings
) -> pd.Categorical:
    """Who may walk each edge, with what is odd about walls told."""
    tell_open_walls(lines, edges, walls, plane, findings)
    return whose(edges, nodes, gated(lines, walls, plane), findings)


def gated(lines: NDArray[np.object_], walls: Enclosure, plane: Plane) -> Bools:
    """Edges in a compound whose residents have a gate of their own."""
    gates = walls.gates
    theirs = set(gates.loc[gates["passage"] == "residents", "compound"]) - {""}
    out = np.zeros(len(lines), dtype=bool)
    if theirs:
        shapes = plane.project(walls.compounds.geometry.to_numpy()[walls.compounds["compound"].isin(theirs).to_numpy()])
        near = np.unique(shapely.STRtree(shapes).query(lines)[0])
        middle = shapely.line_interpolate_point(lines[near], 0.5, normalized=True)
        out[near[shapely.STRtree(middle).query(shapes, predicate="contains")[1]]] = True
    return out


def tell_open_walls(lines: NDArray[np.object_], edges: pd.DataFrame, walls: Enclosure, plane: Plane, findings: Findings) -> None:
    """A path on the ground that leads through a wall where no gate is mapped is open, and a finding, once for each way and wall."""
    rows = np.flatnonzero(~edges["raised"].to_numpy(dtype=bool))
    closing = walls.barriers[walls.barriers["kind"].isin(rules.enclosing_kinds()).to_numpy()]
    found = through_walls(lines[rows], edges["way"].to_numpy()[rows], closing, plane.project(closing.geometry.to_numpy()))
    for way, barrier in zip(found["way"].tolist(), found["barrier"].tolist(), strict=True):
        owner = osm_id(way)
        if owner != barrier:
            findings.add("network.open_wall", owner, f"leads through {barrier}")
