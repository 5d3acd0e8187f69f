"""Near-misses: paths that end just short of another one, in the open or with a wall or building between.

Takes: a network's nodes, edges and lines, and what may stand between.   Gives: one row for each loose end, with the gap and the way round.
Never: joins anything: a planner decides whether the map is wrong or the wall is real.

A loose end is a node at which one edge ends, and that one passable. It is listed with the nearest other path if the gap is small and the
walk round is long. With nothing between, that is mostly a mistake of the map. With a wall right at the loose end, or a house between two
loose ends, it is a gate or passage that is not mapped, or one that could be opened: a candidate for a new link. (A path that ends at a
house mostly leads to its door.)
"""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from circle import crossings, patches, rules
from circle.chunks import side_by_side
from circle.edges import passable
from circle.projection import Plane

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Bools = NDArray[np.bool_]
Shapes = NDArray[np.object_]

KINDS = ("end", "path", "wall", "building")
BACK_M = 1.0  # a loose end may lie on the wall: what stands between is asked from a little way back along its own path
SAME_M = 0.01


def find(
    nodes: pd.DataFrame, edges: pd.DataFrame, lines: Shapes, plane: Plane, walls: Shapes | None = None, buildings: Shapes | None = None
) -> gpd.GeoDataFrame:
    """Loose ends that nearly meet another path.

    Parameters
    ----------
    nodes, edges, lines, plane
        Of a `network.Network`. Not written to.
    walls, buildings
        What may stand between, on the plane.

    Returns
    -------
    One row per loose end, nearest other path only: `kind` (`end`: another loose end; `path`: the middle of a path; `wall`, `building`: one
    of these stands between, right at the loose end), `node`, `way`, `edge` of the loose end, `other_node` (0 in the middle of an edge),
    `other_way`, `other_edge`, `other_offset_m` (from `u`), `distance_m` (the gap), `around_m` (the walk from one side to the other; `inf`
    where it is longer than is looked for), `geometry` (the gap, WGS 84). Sorted by node. Of two loose ends that miss each other, one row.
    """
    rule = rules.settings("near_misses")
    loose, mine = _loose(nodes, edges)
    x, y = plane.forward(nodes["lon"].to_numpy()[loose], nodes["lat"].to_numpy()[loose])
    points = shapely.points(x, y)
    units = plane.units_per_metre(y)
    open_ = np.flatnonzero(passable(edges))
    reach = rule["across_m"] * units
    tree = shapely.STRtree(lines[open_])
    end, hit = tree.query(shapely.box(x - reach, y - reach, x + reach, y + reach))
    hit = open_[hit]
    other = hit != mine[end]
    raised = edges["raised"].to_numpy()
    other &= raised[hit] == raised[mine[end]]  # a bridge overhead is not near
    end, hit = end[other], hit[other]
    gaps = side_by_side(shapely.shortest_line, points[end], lines[hit])
    gap = shapely.length(gaps) / units[end]
    near = gap <= rule["across_m"]
    end, hit, gaps, gap = end[near], hit[near], gaps[near], gap[near]
    tips = np.isin(_node_at(edges, lines, hit, gaps), loose)
    asked = (gap > 0) & ((gap <= rule["open_m"]) | tips | (walls is not None))
    end, hit, gaps, gap, tips = end[asked], hit[asked], gaps[asked], gap[asked], tips[asked]
    from_u = edges["u_index"].to_numpy()[mine[end]] == loose[end]
    between = _between(points[end], _sight(lines[mine[end]], gaps, units[end], from_u), units[end], walls, buildings)
    stands = (between == 0) | ((between > 0) & tips)
    kept = stands | ((between == -1) & (gap <= rule["open_m"]))
    end, hit, gaps, gap, between = end[kept], hit[kept], gaps[kept], gap[kept], between[kept]
    there = shapely.line_locate_point(lines[hit], shapely.points(shapely.get_coordinates(gaps)[1::2]), normalized=True)
    least = np.maximum(rule["around_m"], rule["around_times"] * gap)
    around = np.zeros(len(end))
    asked = np.flatnonzero(_corner(edges, (loose[end], mine[end], hit, there)) + SAME_M >= least)
    around[asked] = _around(nodes, edges, plane, (open_, tree), (loose[end[asked]], hit[asked], there[asked]))
    far = np.flatnonzero(around >= least)
    far = far[np.lexsort((hit[far], gap[far], end[far]))]
    far = far[np.r_[True, end[far][1:] != end[far][:-1]]] if len(far) else far
    end, hit = end[far], hit[far]
    return _table(nodes, edges, lines, plane, (loose[end], mine[end], hit, gaps[far], gap[far], between[far], around[far]))


def _node_at(edges: pd.DataFrame, lines: Shapes, hit: Ints, gaps: Shapes) -> Ints:
    """The node at which each gap meets the other edge, or −1 in the middle of it."""
    share = shapely.line_locate_point(lines[hit], shapely.points(shapely.get_coordinates(gaps)[1::2]), normalized=True)
    u, v, length = (edges[name].to_numpy()[hit] for name in ("u_index", "v_index", "length_m"))
    return np.where(share * length <= SAME_M, u, np.where((1 - share) * length <= SAME_M, v, -1))


def _loose(nodes: pd.DataFrame, edges: pd.DataFrame) -> tuple[Ints, Ints]:
    """Nodes at which one edge ends, a passable one, and that edge. A road given up for its sidewalk, or steps, still end there."""
    ends = np.r_[edges["u_index"].to_numpy(), edges["v_index"].to_numpy()]
    edge = np.zeros(len(nodes), dtype=np.intp)
    edge[ends] = np.r_[np.arange(len(edges)), np.arange(len(edges))]
    loose = np.flatnonzero((np.bincount(ends, minlength=len(nodes)) == 1) & passable(edges)[edge])
    return loose, edge[loose]


def _sight(own: Shapes, gaps: Shapes, units: Floats, from_u: Bools) -> Shapes:
    """Straight lines from a little before each loose end, on its own path, to the far side of the gap."""
    back = np.minimum(BACK_M * units, shapely.length(own) / 2)
    begin = shapely.line_interpolate_point(own, np.where(from_u, back, shapely.length(own) - back))
    ends = np.stack([shapely.get_coordinates(begin), shapely.get_coordinates(gaps)[1::2]], axis=1)
    return np.asarray(shapely.linestrings(ends)) if len(ends) else gaps


def _between(points: Shapes, gaps: Shapes, units: Floats, walls: Shapes | None, buildings: Shapes | None) -> Ints:
    """What stands in each gap and at its loose end: 0 a wall, 1 a building, −1 nothing, −2 something that is not at the loose end."""
    out = np.full(len(gaps), -1, dtype=np.intp)
    at, ends = rules.settings("near_misses")["at_m"] * units, shapely.get_coordinates(gaps).reshape(-1, 2, 2)
    for number, shapes in ((1, buildings), (0, walls)):
        if shapes is None or not len(shapes) or not len(gaps):
            continue
        shape, gap = shapely.STRtree(gaps).query(shapes)  # gaps are few, houses are many
        meet = crossings.meet(ends[gap], shapes[shape])
        gap, shape = gap[meet], shape[meet]
        near = shapely.distance(points[gap], shapes[shape]) <= at[gap]
        crossed = np.zeros(len(gaps), dtype=bool)
        crossed[gap] = True
        out[crossed & (out == -1)] = -2
        out[gap[near]] = number
    return out


def _corner(edges: pd.DataFrame, pairs: tuple[Ints, Ints, Ints, Floats]) -> Floats:
    """Metres from each loose end back along its own edge and on, where the other edge begins there, to a place on it; else `inf`.

    No walk round is longer: most ends that are near the street which they leave need no search.
    """
    node, mine, hit, share = pairs
    u, v, length = (edges[name].to_numpy() for name in ("u_index", "v_index", "length_m"))
    back = np.where(u[mine] == node, v[mine], u[mine])
    along = share * length[hit]
    on = np.minimum(np.where(u[hit] == back, along, np.inf), np.where(v[hit] == back, length[hit] - along, np.inf))
    on[length[mine] >= 2 * rules.settings("near_misses")["look_m"]] = np.inf  # nobody looks so far
    return np.asarray(length[mine] + on)


def _around(
    nodes: pd.DataFrame, edges: pd.DataFrame, plane: Plane, ways: tuple[Ints, shapely.STRtree], pairs: tuple[Ints, Ints, Floats]
) -> Floats:
    """Metres to walk from each loose end to a place on another edge (a share of its line); `inf` beyond what is looked for.

    `ways`: the edges that can be walked, and the tree of their lines.
    """
    node, hit, share = pairs
    if not len(node):
        return np.empty(0)
    rule = rules.settings("near_misses")
    u, v, length = (edges[name].to_numpy() for name in ("u_index", "v_index", "length_m"))
    open_, tree = ways
    starts, patch = np.unique(node, return_inverse=True)
    x, y = plane.forward(nodes["lon"].to_numpy()[starts], nodes["lat"].to_numpy()[starts])
    margin = rule["look_m"] * plane.units_per_metre(y)
    boxes = shapely.box(x - margin, y - margin, x + margin, y + margin)
    asked = (np.r_[patch, patch], np.r_[u[hit], v[hit]])
    found = patches.distances((u[open_], v[open_], length[open_]), tree, boxes, starts, asked, limit=2 * rule["look_m"])
    half = len(node)
    return np.asarray(np.minimum(found[:half] + share * length[hit], found[half:] + (1 - share) * length[hit]))


def _table(
    nodes: pd.DataFrame, edges: pd.DataFrame, lines: Shapes, plane: Plane, found: tuple[Ints, Ints, Ints, Shapes, Floats, Ints, Floats]
) -> gpd.GeoDataFrame:
    node, mine, hit, gaps, gap, between, around = found
    share = shapely.line_locate_point(lines[hit], shapely.points(shapely.get_coordinates(gaps)[1::2]), normalized=True)
    length = edges["length_m"].to_numpy()[hit]
    at = _node_at(edges, lines, hit, gaps)
    loose = np.isin(at, _loose(nodes, edges)[0])
    ids = nodes["node"].to_numpy()
    way = edges["way"].to_numpy()
    lon, lat = plane.backward(*shapely.get_coordinates(gaps).T)
    kind = np.where(between == 1, 3, np.where(between == 0, 2, np.where(loose, 0, 1)))
    table = gpd.GeoDataFrame(
        {
            "kind": np.asarray(KINDS, dtype=object)[kind],
            "node": ids[node],
            "way": way[mine],
            "edge": mine,
            "other_node": np.where(at >= 0, ids[at], 0),
            "other_way": way[hit],
            "other_edge": hit,
            "other_offset_m": share * length,
            "distance_m": gap,
            "around_m": around,
        },
        geometry=shapely.linestrings(np.column_stack([lon, lat]).reshape(-1, 2, 2)),
        crs="EPSG:4326",
    )
    pairs = pd.MultiIndex.from_arrays([table["node"], table["other_node"]])
    back = pd.MultiIndex.from_arrays([table["other_node"], table["node"]])
    twice = pairs.isin(back) & (table["node"] > table["other_node"]).to_numpy()
    return table[~twice].sort_values(["node", "other_edge"], kind="stable").reset_index(drop=True)
