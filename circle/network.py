"""The network: nodes and edges that one can walk, with seconds in each direction.

Takes: `ways` and `vertices` of a place, a walker.   Gives: `Network`: nodes and edges (see rules/tables/nodes.csv, edges.csv).
Never: joins two ways that do not share an OSM node, so a bridge does not touch the street below; never drops a private way, or a road for
the sake of a sidewalk that is not there.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from circle import floors, misses, passages, rules, sidewalks, slopes, squares, waiting
from circle.chunks import side_by_side
from circle.edges import osm_id, passable
from circle.errors import Findings, NetworkError
from circle.kernels.degrees import latitudes
from circle.kernels.nearest import Streets
from circle.kernels.nearest import streets as in_cells
from circle.projection import ECCENTRICITY, Plane
from circle.sources import Enclosure
from circle.units import seconds

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Shapes = NDArray[np.object_]


@dataclass(frozen=True)
class Network:
    """A walking network.

    Attributes
    ----------
    nodes
        `node` (OSM id), `component`, `gate`, `lon`, `lat`; a node's row number is its index.
    edges
        Columns of rules/tables/edges.csv without the geometry, and `u_index`, `v_index` (rows of `nodes`), `component`, `island`,
        `raised` (on a bridge, in a tunnel, on another floor), `midway` (may be stepped on between its ends), `road` and `stop` (see
        `rules.Passage`).
    x, y
        Plane coordinates of the points of all edges, one edge after the other.
    first
        Where each edge's points begin in `x` and `y`; one longer than `edges`.
    lines
        Line of every edge on the plane.
    """

    nodes: pd.DataFrame
    edges: pd.DataFrame
    x: Floats
    y: Floats
    first: Ints
    lines: NDArray[np.object_]
    plane: Plane

    @cached_property
    def streets(self) -> Streets:
        """All edges as kernels look for them; put into cells when they are first asked for."""
        return in_cells(np.column_stack([self.x, self.y]), self.first)

    def node_table(self) -> gpd.GeoDataFrame:
        """`nodes` as a run saves it."""
        points = gpd.points_from_xy(self.nodes["lon"], self.nodes["lat"], crs="EPSG:4326")
        return gpd.GeoDataFrame(self.nodes[["node", "component", "gate"]], geometry=points)

    def edge_table(self) -> gpd.GeoDataFrame:
        """`edges` as a run saves it, lines in WGS 84."""
        lon, isometric = self.plane.isometric(self.x, self.y)
        lat = side_by_side(lambda some: latitudes(some, ECCENTRICITY), isometric)
        lines = shapely.linestrings(np.round(lon, 7), np.round(lat, 7), indices=np.repeat(np.arange(len(self.edges)), np.diff(self.first)))
        columns = [
            "edge",
            "u",
            "v",
            "way",
            "length_m",
            "seconds_forward",
            "seconds_backward",
            "access",
            "class",
            "name",
            "midway",
            "raised",
            "island",
            "mapped",
        ]
        return gpd.GeoDataFrame(self.edges[columns], geometry=lines, crs="EPSG:4326")


def near_misses(net: Network, walls: Shapes | None = None, buildings: Shapes | None = None) -> gpd.GeoDataFrame:
    """Loose ends of paths that nearly meet another path: mistakes of the map, or gates that could be opened (columns: see `misses.find`).

    `walls` and `buildings` are shapes on the plane that may stand between.
    """
    return misses.find(net.nodes, net.edges, net.lines, net.plane, walls, buildings)


def tell_near_misses(table: pd.DataFrame, findings: Findings) -> None:
    """Each near-miss as a finding, named after its loose end."""
    said = {"end": "the loose end of", "path": "", "wall": "a wall between it and", "building": "a building between it and"}
    for kind, node, way, gap, around in zip(
        *(table[name] for name in ("kind", "node", "other_way", "distance_m", "around_m")), strict=True
    ):
        walk = "no short walk round" if np.isinf(around) else f"{around:.0f} m to walk round"
        owner = osm_id(way)
        findings.add("network.near_miss", f"node/{node}", " ".join(f"{gap:.1f} m from {said[kind]} {owner}, {walk}".split()))


def build(
    ways: pd.DataFrame,
    vertices: pd.DataFrame,
    plane: Plane,
    walker: rules.Walker,
    findings: Findings,
    enclosure: Enclosure | None = None,
    *,
    stops: pd.DataFrame | None = None,
    heights: slopes.Heights | None = None,
) -> Network:
    """Cut ways into edges where they share nodes and at gates, and give every edge its seconds and those who may walk it.

    Parameters
    ----------
    ways, vertices
        As in `sources.Place`.
    walker
        Speed in metres per second and a factor per class of way (0: impassable; such an edge is kept, with infinite seconds); what he waits
        for and how slopes slow him.
    enclosure
        Barriers, gates and compounds; none where it is left out.
    stops
        Nodes at which one waits: `node`, `kind`, as in `sources.Place`.
    heights
        Metres above the sea at points in degrees; without them everything is flat.

    Returns
    -------
    Network with `length_m` on the ellipsoid. Component 0 is the longest; an edge is on an `island` when its component is shorter than
    `island_max_m` (rules/settings.toml) and is not the longest.

    Raises
    ------
    NetworkError
        There is not one walkable way.
    """
    if not len(ways):
        raise NetworkError("There is nothing to walk on: the data hold no walkable way. Use an extract with streets and paths.")
    walls = enclosure or Enclosure()
    stops = pd.DataFrame({"node": np.empty(0, dtype=np.int64), "kind": []}) if stops is None else stops
    ways, vertices = squares.cross(ways, vertices, plane)
    vertices, doors = floors.part(ways, vertices, stops["node"].to_numpy()[(stops["kind"] == "elevator").to_numpy()])
    stops = pd.concat([stops.astype({"kind": object}), pd.DataFrame({"node": doors, "kind": "elevator"})], ignore_index=True)
    ways, vertices = passages.split(ways, vertices, walls.gates, walls.barriers, findings)
    x, y = plane.forward(vertices["lon"].to_numpy(), vertices["lat"].to_numpy())
    count = ways["count"].to_numpy()
    last = np.cumsum(count) - 1
    ref, node = np.unique(vertices["node"].to_numpy(), return_inverse=True)
    begin, end = _cuts(node, last, count, pd.Series(ref).isin(passages.gate_nodes(walls.gates)).to_numpy())
    units = plane.units_per_metre_at(vertices["lat"].to_numpy())
    step = np.hypot(np.diff(x), np.diff(y)) / ((units[1:] + units[:-1]) / 2)
    step[last[:-1]] = 0.0  # nobody walks from the end of one way to the start of the next, and the sum stays small enough to be exact
    walked = np.r_[0.0, np.cumsum(step)]
    points = end - begin + 1
    first = np.r_[0, np.cumsum(points)]
    take = np.repeat(begin - first[:-1], points) + np.arange(first[-1])
    length = walked[end] - walked[begin]
    of_way = np.repeat(np.arange(len(ways)), count)[begin]

    used, index = np.unique(np.r_[node[begin], node[end]], return_inverse=True)
    where = np.zeros(len(ref), dtype=np.intp)
    where[node] = np.arange(len(node))
    lon, lat = vertices["lon"].to_numpy()[where], vertices["lat"].to_numpy()[where]
    nodes = pd.DataFrame({"node": ref[used], "lon": lon[used], "lat": lat[used], "gate": passages.gate_names(ref[used], walls.gates)})
    edges = _edges(ways, of_way, length, walker)
    edges = edges.assign(u=ref[node[begin]], v=ref[node[end]], u_index=index[: len(begin)], v_index=index[len(begin) :])
    if heights is not None:
        way = np.repeat(np.arange(len(ways)), count)
        degrees = (vertices["lon"].to_numpy(), vertices["lat"].to_numpy())
        _slow(edges, slopes.Course(*degrees, walked, way, begin, end, edges["raised"].to_numpy()), heights, walker, findings)
    _twins(ref, lon, lat, findings)
    x, y = x[take], y[take]
    lines = shapely.linestrings(x, y, indices=np.repeat(np.arange(len(edges)), points))
    edges["access"] = passages.settled(edges, len(nodes), lines, walls, plane, findings)
    net = _joined(Network(nodes=nodes, edges=edges, x=x, y=y, first=first, lines=lines, plane=plane), stops, walker, findings)
    tell_islands(net.edges, findings)
    return net


def _cuts(node: Ints, last: Ints, count: Ints, gate: NDArray[np.bool_]) -> tuple[Ints, Ints]:
    """The first and the last vertex of every edge: ways are cut at nodes that they share, with others or with themselves, and at gates.

    `node`: number of each vertex's node; `last`, `count`: last vertex and number of vertices of each way; `gate`: which nodes are gates.
    """
    ends = np.zeros(len(node), dtype=bool)
    ends[last] = True
    ends[last - count + 1] = True
    shared = np.bincount(node, minlength=len(gate)) > 1
    cut = ends | (shared | gate)[node]
    opens, closes = cut.copy(), cut.copy()
    opens[last] = False
    closes[last - count + 1] = False
    return np.flatnonzero(opens), np.flatnonzero(closes)


def _joined(net: Network, stops: pd.DataFrame, walker: rules.Walker, findings: Findings) -> Network:
    """With the roads given up whose sidewalks are lines of their own, with waits, and with what is joined to what."""
    nodes, edges, x, y, first, lines = net.nodes, net.edges, net.x, net.y, net.first, net.lines
    given_up = sidewalks.doubled(edges, lines, net.plane, findings)
    edges = edges.assign(**{name: edges[name].mask(given_up, np.inf) for name in ("seconds_forward", "seconds_backward")})
    nodes, edges, spot = waiting.insert(nodes, edges, stops, walker)
    if len(spot):
        at_x, at_y = net.plane.forward(nodes["lon"].to_numpy()[spot], nodes["lat"].to_numpy()[spot])
        x, y = np.r_[x, at_x.repeat(2)], np.r_[y, at_y.repeat(2)]
        first = np.r_[first, first[-1] + 2 * np.arange(1, len(spot) + 1)]
        lines = np.r_[lines, shapely.linestrings(np.stack([np.column_stack([at_x, at_y])] * 2, axis=1))]
    component = components(len(nodes), edges)
    edges = edges.assign(component=component[edges["u_index"].to_numpy()])
    nodes, edges = nodes.assign(component=component), edges.assign(island=islands(nodes["node"].to_numpy(), component, edges))
    return Network(nodes=nodes, edges=edges, x=x, y=y, first=first, lines=lines, plane=net.plane)


def _edges(ways: pd.DataFrame, of_way: Ints, length: Floats, walker: rules.Walker) -> pd.DataFrame:
    classes = ways["class"].cat
    pace = np.asarray([walker.speed(str(name)) for name in classes.categories])[classes.codes][of_way]
    speed = np.where(pace > 0, pace, np.nan)
    taken = np.nan_to_num(seconds(length, speed), nan=np.inf)
    columns = {name: ways[name].array.take(of_way) for name in ("way", "access", "class", "name", "road", "stop", "raised")}
    stepped_on = ~np.isin(np.asarray(classes.categories, dtype=object), list(rules.closed_midway()))
    return pd.DataFrame(
        {
            "edge": np.arange(len(of_way)),
            **columns,
            "mapped": columns["access"],
            "midway": stepped_on[classes.codes][of_way] if len(stepped_on) else np.ones(len(of_way), dtype=bool),
            "length_m": length,
            "seconds_forward": np.where(ways["forward"].to_numpy(dtype=bool)[of_way], taken, np.inf),
            "seconds_backward": np.where(ways["backward"].to_numpy(dtype=bool)[of_way], taken, np.inf),
        }
    )


def _slow(edges: pd.DataFrame, course: slopes.Course, heights: slopes.Heights, walker: rules.Walker, findings: Findings) -> None:
    """Put slopes into the seconds of edges that are walked at the walker's own speed."""
    if not walker.slope:
        raise NetworkError(
            f"Walker “{walker.name}” says nothing of slopes, so the heights would change nothing. "
            'Add slope = "tobler" to this walker, or leave the elevation raster out.'
        )
    forward, backward, unknown = slopes.slowness(course, heights)
    level = edges["class"].isin(rules.level_classes()).to_numpy()
    edges["seconds_forward"] = edges["seconds_forward"].to_numpy() * np.where(level, 1.0, forward)
    edges["seconds_backward"] = edges["seconds_backward"].to_numpy() * np.where(level, 1.0, backward)
    if unknown:
        findings.add("network.no_height", "", f"{unknown:.1%} of the length of all ways counts as flat")


def components(nodes: int, edges: pd.DataFrame) -> Ints:
    """Component of every node, numbered by length of network: the longest is 0."""
    u, v = edges["u_index"].to_numpy(), edges["v_index"].to_numpy()
    open_ = passable(edges)
    number, label = connected_components(coo_array((np.ones(open_.sum()), (u[open_], v[open_])), shape=(nodes, nodes)), directed=False)
    rank = np.empty(number, dtype=np.intp)
    rank[np.argsort(-_metres(label, edges, number), kind="stable")] = np.arange(number)
    return np.asarray(rank[label])


def islands(node: NDArray[np.int64], component: Ints, edges: pd.DataFrame) -> NDArray[np.bool_]:
    """Which edges lie on an island: a piece that is not joined to the rest, shorter than `island_max_m`; most are mapping errors.

    What only a shut gate parts from the rest is none: it is closed off on purpose, and who lives there goes nowhere by another way.
    What nobody walks is none either.

    Parameters
    ----------
    node, component
        Number and component of every node.
    edges
        `u_index`, `length_m` and seconds.
    """
    sides = np.flatnonzero(passages.is_side(node))
    gate, which = np.unique(passages.own_node(node[sides]), return_inverse=True)
    count = int(component.max(initial=-1)) + 1
    pairs = (component[sides], count + which)
    shape = (count + len(gate), count + len(gate))
    number, whole = connected_components(coo_array((np.ones(len(sides)), pairs), shape=shape), directed=False)
    piece = whole[component]
    metres = _metres(piece, edges, number)
    small = metres < rules.settings("linkage")["island_max_m"]
    small[np.argmax(metres)] = False
    return np.asarray(small[piece[edges["u_index"].to_numpy()]] & passable(edges))


def _metres(label: Ints, edges: pd.DataFrame, count: int) -> Floats:
    """Metres of walkable network of each label of the nodes."""
    walked = np.where(passable(edges), edges["length_m"].to_numpy(), 0.0)
    return np.asarray(np.bincount(label[edges["u_index"].to_numpy()], weights=walked, minlength=count), dtype=np.float64)


def tell_islands(edges: pd.DataFrame, findings: Findings) -> None:
    """Every piece that is not joined to the rest is a finding, named after one of its ways; most are mapping errors."""
    apart = edges.loc[edges["island"].to_numpy(dtype=bool), ["component", "way", "length_m"]]
    if not len(apart):
        return
    pieces = apart.groupby("component").agg(way=("way", "min"), metres=("length_m", "sum"))
    of_way = pieces.groupby("way")["metres"].agg(["sum", "size"])  # a way with nodes missing may leave several pieces
    for way, metres, many in zip(of_way.index.tolist(), of_way["sum"].tolist(), of_way["size"].tolist(), strict=True):
        told = f"{metres:.0f} m of paths that are not joined to the rest"
        owner = osm_id(way)
        findings.add("network.island", owner, told if many == 1 else f"{told}, in {many} pieces")


def _twins(ref: Ints, lon: Floats, lat: Floats, findings: Findings) -> None:
    """Two nodes at one spot are not joined: often a mapping error, sometimes a bridge; either way the planner should know."""
    spot = np.round(lon * 1e7).astype(np.int64) * 3_600_000_001 + np.round(lat * 1e7).astype(np.int64)
    ordered = np.sort(spot)
    several = ordered[1:][ordered[1:] == ordered[:-1]]
    if not len(several):
        return
    rows = np.flatnonzero(pd.Series(spot).isin(several).to_numpy() & ~passages.is_side(ref))
    rows = rows[np.argsort(spot[rows], kind="stable")]
    for one, other in pairwise(rows.tolist()):
        if spot[one] == spot[other]:
            findings.add("network.duplicate_node", f"node/{ref[other]}", f"at the same spot as node/{ref[one]}, not joined to it")
