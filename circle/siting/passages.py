"""Passages: where a wall, a railway or a river keeps two near stretches of the network apart.

Takes: the ground.   Gives: shut gates, and places for a gate, a crossing or a short link that would shorten a walk; metres, a cost.
Never: leads through a building, or proposes what a walk of ordinary length does already.

Points along all edges are compared with their neighbours: where the straight line is short, crosses something that separates (or starts
at a dead end), crosses no building, and the walk is long, there is a passage to be opened.
"""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from circle import rules
from circle.chunks import side_by_side
from circle.siting import shut
from circle.siting.candidates import rule
from circle.siting.coverage import between_points
from circle.siting.ground import Ground
from circle.units import seconds

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Bools = NDArray[np.bool_]

KINDS = ("wall", "railway", "water", "link")
_OF = {"railway": "railway", "motorway": "railway", "cliff": "railway", "river": "water", "water": "water"}  # any other barrier is a wall
HARDEST_LAST = ("wall", "water", "railway")
FAR_M = 1500.0  # a longer walk is not measured out: it is long
OFF_END_M = 0.5
WAIT_M = 150.0  # homes so near to a passage are those that it may serve first
NAMES = {"wall": "新门 new gate", "railway": "过街通道 crossing", "water": "便桥 footbridge", "link": "连接路 short link"}
COLUMNS = ["passage", "name", "kind", "length_m", "walk_m", "cost", "required", "forbidden", "edge_a", "offset_a", "edge_b", "offset_b"]


def find(ground: Ground, near: Floats | None = None, reach_m: float = np.inf) -> gpd.GeoDataFrame:
    """Find passages: shut gates that could be opened, then places where a gate, a crossing or a short link could be made.

    Parameters
    ----------
    near, reach_m
        Plane coordinates of homes that wait for a service, shape (n, 2): only passages within `reach_m` metres of one are given.

    Returns
    -------
    One row per passage, of either sort the one that saves most first: `passage` (of a gate its id), `name`, `kind` (gate, wall, railway,
    water, link), `length_m` (straight), `walk_m` (today; `inf`: over 1500 m, or no path; unknown for gates), `cost`, ends on the network,
    and a line in WGS 84 drawn from end to end.
    """
    doors, new = shut.gates(ground, near, reach_m), _new(ground, near, reach_m)
    if not len(doors):
        return new
    new = _beside_gates(ground, new, doors)
    whole = pd.concat([doors, new], ignore_index=True) if len(new) else doors
    return gpd.GeoDataFrame(whole, geometry="geometry", crs="EPSG:4326")


def _new(ground: Ground, near: Floats | None, reach_m: float) -> gpd.GeoDataFrame:
    """Places where two near stretches of the network are kept apart."""
    rules_ = rule("passages")
    edge, offset, x, y, dead = _points(ground, float(rules_["step_m"]))
    units = ground.net.plane.units_per_metre(y)
    metres = np.column_stack([x, y]) / units[:, None]
    if near is not None and len(metres):
        reach = reach_m if np.isfinite(reach_m) else 1e9
        homes = near / ground.net.plane.units_per_metre(near[:, 1])[:, None] if len(near) else np.empty((0, 2))
        close = (
            np.isfinite(cKDTree(homes).query(metres, distance_upper_bound=reach)[0]) if len(homes) else np.zeros(len(metres), dtype=bool)
        )
        edge, offset, x, y, dead, metres, units = (column[close] for column in (edge, offset, x, y, dead, metres, units))
    if not len(metres):
        return _table(ground, np.empty((0, 2), dtype=np.intp), (edge, offset, x, y), np.empty(0), np.empty(0), np.empty(0, dtype=np.intp))
    pairs = cKDTree(metres).query_pairs(float(rules_["near_m"]), output_type="ndarray").astype(np.intp)
    pairs = pairs[_beside(ground, edge[pairs], offset[pairs]) >= rules_["walk_m"]]
    straight = np.hypot(*(metres[pairs[:, 0]] - metres[pairs[:, 1]]).T)
    pairs, straight = pairs[straight > 0.5], straight[straight > 0.5]
    pairs, straight, kind = _apart(ground, pairs, straight, (x, y, dead))
    pairs, straight, kind = _nearest_of_edges(pairs, straight, kind, edge)
    walk = between_points(ground, (edge, offset), pairs, seconds(FAR_M, ground.speed_m_per_s)) * ground.speed_m_per_s
    walk = np.minimum(walk, _beside(ground, edge[pairs], offset[pairs]))
    long_ = (walk >= rules_["walk_m"]) & (walk >= rules_["ratio"] * straight)
    pairs, straight, kind, walk = pairs[long_], straight[long_], kind[long_], walk[long_]
    saved = np.where(np.isfinite(walk), walk, FAR_M) - straight
    if near is not None:  # what many who wait may use, and saves them much
        middle = (metres[pairs[:, 0]] + metres[pairs[:, 1]]) / 2
        waiting = cKDTree(near / ground.net.plane.units_per_metre(near[:, 1])[:, None])
        saved = saved * (waiting.query_ball_point(middle, WAIT_M, return_length=True) if len(middle) else 1.0)
    chosen = _best(pairs, saved, metres, float(rules_["apart_m"]))[: int(rules_["most"])]
    pairs, straight, walk, kind = pairs[chosen], straight[chosen], walk[chosen], kind[chosen]
    return _table(ground, pairs, _squared(ground, pairs, (edge, offset, x, y), straight), straight, walk, kind)


def _beside(ground: Ground, edge: Ints, offset: Floats) -> Floats:
    """Metres from one point to another along one edge, or over the node that their edges share; `inf` where they share none."""
    edges = ground.net.edges
    length = edges["length_m"].to_numpy()[edge]
    (a, b), whole, before = edge.T, length, offset
    ends = ((edges["u_index"].to_numpy()[edge], before), (edges["v_index"].to_numpy()[edge], whole - before))
    out: Floats = np.where(a == b, np.abs(offset[:, 0] - offset[:, 1]), np.inf)
    for node, metres in ends:
        for other, more in ends:
            over = metres[:, 0] + more[:, 1]
            out = np.minimum(out, np.where(node[:, 0] == other[:, 1], over, np.inf))
    return out


def _points(ground: Ground, step_m: float) -> tuple[Ints, Floats, Floats, Floats, Bools]:
    """Points along all edges that are walked, both ends included: edge, metres from its start, place, whether it is a dead end."""
    net = ground.net
    forward, backward = net.edges["seconds_forward"].to_numpy(), net.edges["seconds_backward"].to_numpy()
    connected = ~net.edges["island"].to_numpy() & (net.edges["length_m"].to_numpy() > 0) & net.edges["midway"].to_numpy()
    connected &= ~net.edges["raised"].to_numpy(dtype=bool)
    good = np.flatnonzero(np.isfinite(forward) & np.isfinite(backward) & connected)
    length = net.edges["length_m"].to_numpy()[good]
    pieces = np.maximum(np.ceil(length / step_m), 1).astype(np.intp)
    of = np.repeat(np.arange(len(good)), pieces + 1)
    number = np.arange(len(of)) - np.repeat(np.cumsum(pieces + 1) - pieces - 1, pieces + 1)
    share = number / pieces[of]
    edge = good[of]
    points = side_by_side(lambda line, at: shapely.line_interpolate_point(line, at, normalized=True), net.lines[edge], share)
    u, v = net.edges["u_index"].to_numpy(), net.edges["v_index"].to_numpy()
    degree = np.bincount(np.r_[u, v], minlength=len(net.nodes))
    dead = ((number == 0) & (degree[u[edge]] == 1)) | ((number == pieces[of]) & (degree[v[edge]] == 1))
    offset = np.where(number == pieces[of], length[of], share * length[of])
    # a shut gate is two dead ends at one spot: off it, one sees on which side an end lies
    offset = np.where(dead & (length[of] > 2 * OFF_END_M), np.clip(offset, OFF_END_M, length[of] - OFF_END_M), offset)
    points = shapely.line_interpolate_point(net.lines[edge], offset / length[of], normalized=True)
    return edge, offset, shapely.get_x(points), shapely.get_y(points), dead


def _apart(ground: Ground, pairs: Ints, straight: Floats, points: tuple[Floats, Floats, Bools]) -> tuple[Ints, Floats, Ints]:
    """Pairs that something separates, or that begin at a dead end; none that a building lies between."""
    x, y, dead = points
    lines = shapely.linestrings(
        np.stack([np.column_stack([x[pairs[:, 0]], y[pairs[:, 0]]]), np.column_stack([x[pairs[:, 1]], y[pairs[:, 1]]])], 1)
    )
    kind = np.full(len(pairs), len(KINDS))
    dear = np.full(len(pairs), -1)  # what is hardest to open names the passage
    barriers, firm = _barriers(ground)
    if len(barriers) and len(lines):
        line, barrier = shapely.STRtree(barriers["geometry"].to_numpy()).query(lines, predicate="intersects")
        np.maximum.at(dear, line, barriers["rank"].to_numpy()[barrier])
        kind = np.where(dear >= 0, np.asarray([KINDS.index(word) for word in HARDEST_LAST])[dear], kind)
    loose = (kind == len(KINDS)) & (dead[pairs[:, 0]] | dead[pairs[:, 1]])
    kind[loose] = KINDS.index("link")
    kept = np.flatnonzero(kind < len(KINDS))
    blocked = np.zeros(len(kept), dtype=bool)
    if len(kept):
        houses = np.concatenate([ground.net.plane.project(ground.buildings.geometry.to_numpy()), firm])
        hit, _ = shapely.STRtree(houses).query(lines[kept], predicate="intersects")
        blocked[hit] = True
    kept = kept[~blocked]
    return pairs[kept], straight[kept], kind[kept]


def _barriers(ground: Ground) -> tuple[pd.DataFrame, NDArray[np.object_]]:
    """Barriers on the plane that could be opened, with how hard that is (place in `HARDEST_LAST`); and those that cannot be."""
    table = ground.tables.get("barriers")
    if table is None or not len(table):
        return pd.DataFrame({"geometry": [], "rank": []}), np.empty(0, dtype=object)
    shapes = ground.net.plane.project(table["geometry"].to_numpy())
    kinds = table["kind"].astype(str)
    widths = rules.settings("passage_width_m")
    opens = np.asarray([widths.get(kind, widths["other"]) > 0 for kind in kinds], dtype=bool)
    rank = np.asarray([HARDEST_LAST.index(_OF.get(kind, "wall")) for kind in kinds], dtype=np.intp)
    return pd.DataFrame({"geometry": shapes[opens], "rank": rank[opens]}), shapes[~opens]


def _beside_gates(ground: Ground, found: gpd.GeoDataFrame, gates: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Passages without those new gates in a wall that a shut gate stands beside: to open that one is less."""
    if not len(found) or not len(gates):
        return found
    middle = shapely.centroid(ground.net.plane.project(found.geometry.to_numpy()))
    doors = ground.net.plane.project(shapely.get_point(gates.geometry.to_numpy(), 1))
    units = ground.net.plane.units_per_metre(shapely.get_y(middle))
    near = np.unique(shapely.STRtree(doors).query(middle, predicate="dwithin", distance=float(rule("passages")["apart_m"]) * units)[0])
    gone = np.zeros(len(found), dtype=bool)
    gone[near] = True
    return found[~(gone & (found["kind"] == "wall").to_numpy())].reset_index(drop=True)


def _nearest_of_edges(pairs: Ints, straight: Floats, kind: Ints, edge: Ints) -> tuple[Ints, Floats, Ints]:
    """Of all pairs between two edges, the shortest."""
    a, b = edge[pairs[:, 0]], edge[pairs[:, 1]]
    order = np.lexsort((pairs[:, 1], pairs[:, 0], straight, np.maximum(a, b), np.minimum(a, b)))
    low, high = np.minimum(a, b)[order], np.maximum(a, b)[order]
    first = order[np.r_[True, (low[1:] != low[:-1]) | (high[1:] != high[:-1])]] if len(order) else order
    return pairs[first], straight[first], kind[first]


def _best(pairs: Ints, saved: Floats, metres: Floats, apart_m: float) -> Ints:
    """The passages that save most, none of whose both ends lie beside those of a better one."""
    middle = (metres[pairs[:, 0]] + metres[pairs[:, 1]]) / 2 if len(pairs) else np.empty((0, 2))
    order = np.lexsort((np.arange(len(pairs)), -np.round(saved, 3)))
    gone = np.zeros(len(pairs), dtype=bool)
    tree = cKDTree(middle) if len(pairs) else None
    out = []
    for one in order.tolist():
        if not gone[one] and tree is not None:
            out.append(one)
            gone[tree.query_ball_point(middle[one], apart_m)] = True
    return np.asarray(out, dtype=np.intp)


def _squared(
    ground: Ground, pairs: Ints, points: tuple[Ints, Floats, Floats, Floats], straight: Floats
) -> tuple[Ints, Floats, Floats, Floats]:
    """The points with the second end of each pair moved to the nearest point of its edge, where that is nearer; `straight` is kept up."""
    edge = points[0]
    offset, x, y = points[1].copy(), points[2].copy(), points[3].copy()
    net = ground.net
    for number, (one, other) in enumerate(pairs.tolist()):
        line = net.lines[edge[other]]
        length = float(net.edges["length_m"].iloc[edge[other]])
        share = float(shapely.line_locate_point(line, shapely.Point(x[one], y[one]), normalized=True))
        share = min(max(share, OFF_END_M / length), 1 - OFF_END_M / length) if length > 2 * OFF_END_M else share
        spot = shapely.line_interpolate_point(line, share, normalized=True)
        metres = float(np.hypot(spot.x - x[one], spot.y - y[one]) / net.plane.units_per_metre(np.asarray([y[one]]))[0])
        moved = abs(share * length - offset[other])
        once = (pairs == other).sum() == 1 and edge[one] != edge[other]
        if once and metres < straight[number] and moved <= float(rule("passages")["step_m"]):
            offset[other], x[other], y[other] = share * length, spot.x, spot.y
            straight[number] = metres
    return edge, offset, x, y


def _table(
    ground: Ground, pairs: Ints, points: tuple[Ints, Floats, Floats, Floats], straight: Floats, walk: Floats, kind: Ints
) -> gpd.GeoDataFrame:
    edge, offset, x, y = points
    cost = rule("cost")
    words = [KINDS[number] for number in kind.tolist()]
    lon, lat = ground.net.plane.backward(x, y)
    ends = [np.column_stack([lon[pairs[:, side]], lat[pairs[:, side]]]) for side in (0, 1)]
    lines = shapely.linestrings(np.stack(ends, axis=1)) if len(pairs) else np.empty(0, dtype=object)
    table = pd.DataFrame(
        {
            "passage": [f"passage-{row + 1:03d}" for row in range(len(pairs))],
            "name": [NAMES[word] for word in words],
            "kind": words,
            "length_m": straight,
            "walk_m": walk,
            "cost": [float(cost[word]) for word in words] + straight * float(cost["per_metre"]),
            "required": False,
            "forbidden": False,
            "edge_a": edge[pairs[:, 0]],
            "offset_a": offset[pairs[:, 0]],
            "edge_b": edge[pairs[:, 1]],
            "offset_b": offset[pairs[:, 1]],
        },
        columns=COLUMNS,
    )
    return gpd.GeoDataFrame(table, geometry=lines, crs="EPSG:4326")


def none() -> gpd.GeoDataFrame:
    """No passages at all, as a table."""
    empty = {name: pd.Series(dtype=float if name in ("length_m", "walk_m", "cost", "offset_a", "offset_b") else object) for name in COLUMNS}
    table = pd.DataFrame(empty).astype({"required": bool, "forbidden": bool, "edge_a": int, "edge_b": int})
    return gpd.GeoDataFrame(table, geometry=np.empty(0, dtype=object), crs="EPSG:4326")
