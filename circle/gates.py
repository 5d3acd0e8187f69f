"""Gates of a saved run that open or close: the network, who may walk what lies behind them, and the links of who stands near.

Takes: the tables of a run, gates by id.   Gives: its nodes, edges, links and gates as a run on a map with such gates would have them.
Never: changes its input, ties anew whom no gate concerns, or closes a gate where nothing says which of its paths it closes.

A gate that opens is one node again; a gate that closes stands once for each of its sides (see `passages`). What lies behind may then be
walked by others than before, so who may walk what is found out again for the whole network, from what the ways' own tags say. Buildings
and facilities that stand near an edge that changed are tied anew, as a run ties them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from circle import linkage, network, passages, restored, rules, sight
from circle.edges import end_rows, passable
from circle.errors import Findings, PlaceError
from circle.projection import Plane
from circle.sources import Enclosure

Ints = NDArray[np.intp]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Shapes = NDArray[np.object_]

DECIDED_BY = "scenario"


@dataclass(frozen=True, slots=True)
class Gated:
    """Tables after gates have opened or closed, and what is odd about the ways behind them now."""

    nodes: gpd.GeoDataFrame
    edges: gpd.GeoDataFrame
    links: pd.DataFrame
    gates: gpd.GeoDataFrame
    findings: Findings


def turned(tables: Mapping[str, Any], opened: Sequence[str], closed: Sequence[str], plane: Plane, walker: Mapping[str, Any]) -> Gated:
    """The run's tables with these gates open to everybody, and those closed to everybody.

    Parameters
    ----------
    tables
        Of a run, by name; `gates` must hold every gate that is named.
    walker
        As a run records it.

    Raises
    ------
    PlaceError
        A gate is not in the table, is as it is asked to be already, or lies where paths meet without a wall.
    """
    gates = tables["gates"].copy()
    nodes, edges = tables["nodes"], tables["edges"]
    before = restored.network(nodes, edges, plane)
    state = gates["passage"].astype(object).to_numpy().copy()
    told = gates["decided_by"].astype(object).to_numpy().copy()
    for gate, wanted in [*((one, "all") for one in opened), *((one, "nobody") for one in closed)]:
        row = int(np.flatnonzero((gates["gate"] == gate).to_numpy())[0])
        if state[row] == wanted:
            raise PlaceError(f"{gate} is {'open' if wanted == 'all' else 'shut'} to everybody already. Take it out of the scenario.")
        if wanted == "all":
            nodes, edges = _opened(nodes, edges, gate)
        elif state[row] == "residents":
            edges = edges[~_joints(edges, gate)]
        else:
            nodes, edges = _closed(nodes, edges, gate, tables["barriers"])
        state[row], told[row] = wanted, DECIDED_BY
    words = list(gates["passage"].cat.categories)
    gates["passage"], gates["decided_by"] = pd.Categorical(state, categories=words), pd.Categorical(told)
    place = np.full(len(before.edges), -1, dtype=np.intp)
    place[edges["edge"].to_numpy()] = np.arange(len(edges))
    links = tables["links"].assign(edge=place[tables["links"]["edge"].to_numpy()])
    was = before.edges.iloc[edges["edge"].to_numpy()]
    edges = edges.assign(edge=np.arange(len(edges))).reset_index(drop=True)
    nodes = nodes.reset_index(drop=True)
    u, v = end_rows(nodes, edges)
    plain = pd.DataFrame(edges.drop(columns="geometry")).assign(u_index=u, v_index=v)
    nodes = nodes.assign(component=network.components(len(nodes), plain))
    findings = Findings()
    now = restored.network(nodes, edges, plane)
    walls = Enclosure(tables["barriers"], gates, tables["compounds"])
    if "mapped" in edges:
        edges = edges.assign(access=_whose(now, walls, walker, findings))
    changed = (was[["u", "v", "island"]].to_numpy() != now.edges[["u", "v", "island"]].to_numpy()).any(axis=1)
    links = _tied_anew({**tables, "links": links}, now, np.flatnonzero(changed), plane)
    return Gated(nodes, edges, links, gates, findings)


def _sides_of(nodes: NDArray[np.int64], gate: str) -> Bools:
    """Which nodes are one side of a gate."""
    return np.asarray(passages.is_side(nodes) & (passages.own_node(nodes) == int(gate.partition("/")[2])))


def _joints(edges: gpd.GeoDataFrame, gate: str) -> Bools:
    """Edges without length that let residents through a gate."""
    inner = (edges["class"] == passages.GATE).to_numpy()
    return np.asarray(inner & _sides_of(edges["u"].to_numpy(), gate) & _sides_of(edges["v"].to_numpy(), gate))


def _opened(nodes: gpd.GeoDataFrame, edges: gpd.GeoDataFrame, gate: str) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]:
    """All sides of a gate are one node again."""
    sides = _sides_of(nodes["node"].to_numpy(), gate)
    number = int(gate.partition("/")[2])
    edges = edges[~_joints(edges, gate)]
    ends = {end: np.where(_sides_of(edges[end].to_numpy(), gate), number, edges[end].to_numpy()) for end in ("u", "v")}
    one = nodes[sides].iloc[:1].assign(node=number)
    whole = pd.concat([nodes[~sides], one], ignore_index=True)
    return gpd.GeoDataFrame(whole, geometry="geometry", crs=nodes.crs).astype({"node": nodes["node"].dtype}), edges.assign(**ends)


def _closed(
    nodes: gpd.GeoDataFrame, edges: gpd.GeoDataFrame, gate: str, barriers: gpd.GeoDataFrame
) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]:
    """A gate that stands once for each of its sides."""
    number = int(gate.partition("/")[2])
    arms = [(end, row) for end in ("u", "v") for row in np.flatnonzero((edges[end] == number).to_numpy()).tolist()]
    if len(arms) < 2:
        return nodes, edges
    spot = nodes[nodes["node"] == number]
    toward = [shapely.get_coordinates(edges.geometry.iloc[row])[1 if end == "u" else -2] for end, row in arms]
    here = shapely.get_coordinates(spot.geometry.iloc[0])[0]
    lon, lat = np.stack([np.repeat(here[None, :], len(arms), axis=0), np.asarray(toward)], axis=1).reshape(-1, 2).T
    place = gpd.GeoDataFrame({"gate": [gate]}, geometry=[spot.geometry.iloc[0]], crs=nodes.crs)
    walls = passages.walls_at(place, barriers).get(number, [])
    sides = passages.sides([(2 * arm, 1) for arm in range(len(arms))], (lon, lat), walls)
    if sides is None:
        raise PlaceError(
            f"{len(arms)} paths meet in {gate} without a wall, and nothing says which of them it closes. Close what lies on one of them."
        )
    if len(set(sides)) < 2:
        return nodes, edges
    names = passages.side_names(number, sides)
    ends = {end: edges[end].to_numpy().copy() for end in ("u", "v")}
    for (end, row), side in zip(arms, sides, strict=True):
        ends[end][row] = names[side]
    more = spot.iloc[np.zeros(len(names), dtype=np.intp)].assign(node=list(names.values()))
    whole = pd.concat([nodes[nodes["node"] != number], more], ignore_index=True)
    return gpd.GeoDataFrame(whole, geometry="geometry", crs=nodes.crs).astype({"node": nodes["node"].dtype}), edges.assign(**ends)


def _whose(net: network.Network, walls: Enclosure, walker: Mapping[str, Any], findings: Findings) -> pd.Categorical:
    """Who may walk each edge, from what the ways' own tags say; a road that gave way to its sidewalk still joins what it joined."""
    edges = net.edges.assign(access=net.edges["mapped"].astype(object))
    factor = walker.get("factors", {})
    shut = ~passable(edges)
    walked = edges["class"].map(lambda kind: float(factor.get(kind, 1.0)) > 0).to_numpy(dtype=bool)
    edges.loc[shut & walked, "seconds_forward"] = 1.0
    return passages.whose(edges, len(net.nodes), passages.gated(net.lines, walls, net.plane), findings)


def _tied_anew(tables: Mapping[str, Any], net: network.Network, changed: Ints, plane: Plane) -> pd.DataFrame:
    """Links with those of buildings and facilities near changed edges made anew."""
    buildings, facilities, doors = tables["buildings"], tables["facilities"].drop_duplicates("facility"), tables["doors"]
    outlines = plane.project(buildings.geometry.to_numpy())
    places = plane.project(facilities.geometry.to_numpy())
    links: pd.DataFrame = tables["links"]
    ids = buildings["building"].astype(str).to_numpy()
    offers = facilities["facility"].astype(str).to_numpy()
    rows = _near(outlines, _longest(links, "building", ids), net, changed)
    goals = _near(places, _longest(links, "facility", offers), net, changed)
    if not len(rows) and not len(goals):
        return links
    spots = plane.project(doors.geometry.to_numpy())
    starts, _ = linkage.starts(outlines[rows], spots[doors["home"].to_numpy(dtype=bool)])
    ends, _ = linkage.starts(places[goals], spots[doors["visit"].to_numpy(dtype=bool)])
    things = restored.obstacles(tables, plane, outlines)
    mine, theirs = linkage.link(starts, net), linkage.link(ends, net, every=True)
    tested = np.ones(len(mine), dtype=bool)
    if things is not None:
        mine, tested = sight.look(starts, mine, net, things, rows).whole()
        own = pd.Index(ids).get_indexer(offers[goals]).astype(np.intp)
        theirs = sight.look(ends, theirs, net, things, own, every=True).saved()[0]
    fresh = linkage.table([("building", mine, ids[rows].tolist()), ("facility", theirs, offers[goals].tolist())], net)
    fresh["seen"] = np.r_[tested, np.ones(len(fresh) - len(tested), dtype=bool)]
    kind, name = links["kind"].astype(str), links["id"].astype(str)
    old = ((kind == "building") & name.isin(ids[rows])) | ((kind == "facility") & name.isin(offers[goals]))
    whole = pd.concat([links[~old].astype({"id": str}), fresh.astype({"id": str})], ignore_index=True)
    of_building = (whole["kind"].astype(str) == "building").to_numpy()
    place = np.where(of_building, pd.Index(ids).get_indexer(whole["id"]), len(ids) + pd.Index(offers).get_indexer(whole["id"]))
    whole = pd.DataFrame(whole.iloc[np.lexsort((whole["rank"].to_numpy(), place))].reset_index(drop=True).astype({"id": "category"}))
    for column, words in (("kind", linkage.KINDS), ("flag", linkage.FLAGS)):
        whole[column] = pd.Categorical(whole[column].astype(str), categories=list(words))
    return whole


def _longest(links: pd.DataFrame, kind: str, ids: Shapes) -> Floats:
    """The longest leg of each shape; infinite where it has none."""
    part = links[(links["kind"] == kind).to_numpy()]
    longest = part.groupby(part["id"].astype(str))["leg_m"].max()
    return np.asarray(longest.reindex(ids).fillna(np.inf).to_numpy(), dtype=np.float64)


def _near(shapes: Shapes, longest: Floats, net: network.Network, changed: Ints) -> Ints:
    """Shapes that a changed edge lies near enough to that their links may be others now.

    A circle of reach is doubled until it holds an edge, so none lies beyond twice the longest leg; who sees no path looks `widen_m` around.
    """
    if not len(changed) or not len(shapes):
        return np.empty(0, dtype=np.intp)
    rule = rules.settings("linkage")
    reach = np.clip(2 * longest, max(2 * rule["reach_m"], rules.settings("sight")["widen_m"]), rule["far_reach_m"])
    units = net.plane.units_per_metre(shapely.bounds(shapes)[:, [1, 3]].mean(axis=1))
    found = shapely.STRtree(net.lines[changed]).query(shapes, predicate="dwithin", distance=reach * units)
    return np.asarray(np.unique(found[0]), dtype=np.intp)
