"""Other programs' answers: GraphHopper's foot distances in Monaco, and brute force with networkx on a graph that is cut at every link."""

from __future__ import annotations

import csv
from itertools import pairwise
from pathlib import Path

import geopandas as gpd
import networkx as nx
import numpy as np
import pytest
import shapely
from hypothesis import assume, given, settings
from test_invariants import QUICK, Plan, plans

from circle import access, linkage, network, referee, rules, sources
from circle.errors import Findings

# The shortest way of the four pairs, from edge to edge, worked out apart from both programs (metres).
REACH_M = 25  # restated: edges this near are linked, where there are any
EXACT_M = [1565.9, 3437.6, 2084.3, 1425.2]
PLAIN = rules.Walker(
    "plain", rules.walkers()["adult"].label, 1.0, {}, "a metre a second on every way, so that seconds are metres", "computed"
)


@pytest.fixture(scope="module")
def monaco(test_data: Path) -> sources.Place:
    return sources.read(test_data / "osm" / "monaco_2012.osm.gz", ["shop"])


@pytest.fixture(scope="module")
def pairs(test_data: Path) -> list[dict[str, float]]:
    with (test_data / "peers" / "graphhopper_foot_expected.csv").open(encoding="utf-8") as stream:
        return [{key: float(value) for key, value in row.items() if key not in {"file", "note"}} for row in csv.DictReader(stream)]


def _net(place: sources.Place, *, squares: bool) -> network.Network:
    ways = place.ways if squares else place.ways.assign(square=False)
    return network.build(ways, place.vertices, place.plane, PLAIN, Findings())


def _metres(net: network.Network, pair: dict[str, float]) -> tuple[float, float]:
    """From edge to edge by the nearest link at either end, without legs; and from door to door by the best of the links."""
    graph = access.Graph.of(net.edges, net.nodes)
    ends = gpd.points_from_xy([pair["from_lon"], pair["to_lon"]], [pair["from_lat"], pair["to_lat"]])
    shapes = net.plane.project(np.asarray(ends, dtype=object))
    start, goal = linkage.link(shapes[:1], net), linkage.link(shapes[1:], net)
    here, there = _first(start), _first(goal)
    plain = access.measure(graph, here, 1, there, access.search(graph, there, 1, 1.0), 1.0).seconds[0]
    best = access.measure(graph, start, 1, goal, access.search(graph, goal, 1, 1.0), 1.0).seconds[0]
    assert best <= plain + 1e-6
    return float(plain - here.leg_m[0] - there.leg_m[0]), float(best)


def test_the_four_distances_of_monaco(monaco, pairs):
    """Points linked like any building. GraphHopper leaves the legs out and walks around squares; so does this comparison."""
    net = _net(monaco, squares=False)
    found = [_metres(net, pair)[0] for pair in pairs]
    assert found == pytest.approx([pair["expected_distance_m"] for pair in pairs], rel=0.005)
    assert found == pytest.approx(EXACT_M, rel=0.005)


def test_monaco_with_its_squares_crossed(monaco, pairs):
    """The first pair begins on the Place du Palais, and is 1,521 m when that is crossed; the others meet no square."""
    net = _net(monaco, squares=True)
    found = [_metres(net, pair)[0] for pair in pairs]
    assert found[1:] == pytest.approx(EXACT_M[1:], rel=0.005)
    assert EXACT_M[0] - 60 < found[0] < EXACT_M[0] - 30


def test_door_to_door_counts_the_legs(monaco, pairs):
    net = _net(monaco, squares=False)
    for pair, exact in zip(pairs, EXACT_M, strict=True):
        assert exact * 0.995 < _metres(net, pair)[1] < exact * 1.005 + 25


def _first(links: linkage.Links) -> linkage.Links:
    return linkage.Links(*(getattr(links, name)[:1] for name in linkage.Links.__slots__))


def test_lengths_of_monaco_are_those_on_the_ellipsoid(monaco):
    from pyproj import Geod

    place, net = monaco, _net(monaco, squares=True)
    count = place.ways["count"].to_numpy()
    plain = ~place.ways["square"].to_numpy()
    first = np.cumsum(count) - count
    vertices = place.vertices[["lon", "lat"]].to_numpy()
    ground = Geod(ellps="WGS84")
    length = net.edges.groupby("way")["length_m"].sum()
    for row in np.flatnonzero(plain)[:: max(1, plain.sum() // 200)]:
        line = vertices[first[row] : first[row] + count[row]]
        if (place.ways["way"] == place.ways["way"].iloc[row]).sum() == 1:
            assert length[place.ways["way"].iloc[row]] == pytest.approx(ground.line_length(line[:, 0], line[:, 1]), rel=1e-6, abs=1e-6)


def brute_force(plan: Plan) -> dict[str, float]:
    """Seconds of every house by other means: points on segments by hand, streets cut at every link, networkx from every house."""
    town = plan.town()
    graph = nx.MultiDiGraph()
    graph.add_node("goal")
    houses = {f"way/{number}": np.asarray(ring, dtype=float) for number, ring, _ in town.homes}
    shops = {identity: shapely.get_coordinates(shape) for identity, _, shape in town.offers}
    for row, ((_, kind), (_, (u, v), _)) in enumerate(zip(plan.segments, town.ways, strict=True)):
        a, b = np.asarray(town.nodes[u]), np.asarray(town.nodes[v])
        stops: list[tuple[float, object]] = [(0.0, u), (1.0, v)]
        for identity, corners in (houses | shops).items():
            leg, share = _foot(corners, a, b)
            if leg <= REACH_M:
                stops.append((share, (identity, row)))
                graph.add_edge(*((identity, (identity, row)) if identity in houses else ((identity, row), "goal")), seconds=leg / 1.2)
        stops.sort(key=lambda stop: stop[0])
        for (low, one), (high, other) in pairwise(stops):
            taken = (high - low) * float(np.linalg.norm(b - a)) / (0.5 if kind == "steps" else 1.2)
            graph.add_edge(one, other, seconds=taken)
            if kind != "one-way" or taken < 1e-9:
                graph.add_edge(other, one, seconds=taken)
    found = nx.single_source_dijkstra_path_length(graph.reverse(copy=False), "goal", weight="seconds")
    return {house: found.get(house, np.inf) for house in houses}


def _in_sight(plan: Plan) -> bool:
    """Whether no leg within the first reach crosses another house: what sight then changes has tests of its own."""
    town = plan.town()
    houses = {f"way/{number}": shapely.Polygon(ring) for number, ring, _ in town.homes}
    ends = houses | {identity: shape for identity, _, shape in town.offers}
    for _, (u, v), _ in town.ways:
        a, b = np.asarray(town.nodes[u]), np.asarray(town.nodes[v])
        for identity, shape in ends.items():
            leg, share = _foot(shapely.get_coordinates(shape), a, b)
            line = shapely.shortest_line(shape, shapely.Point(a + share * (b - a)))
            others = [house for other, house in houses.items() if other != identity]
            if leg <= REACH_M and shapely.dwithin(others, line, 0.5).any():
                return False
    return True


def _foot(corners: np.ndarray, a: np.ndarray, b: np.ndarray) -> tuple[float, float]:
    """Metres between an outline and a segment that do not cross, and the share of the segment there: from a corner, or from an end."""
    shares = np.clip((corners - a) @ (b - a) / ((b - a) @ (b - a)), 0, 1)
    found = list(zip(np.linalg.norm(a + shares[:, None] * (b - a) - corners, axis=1).tolist(), shares.tolist(), strict=True))
    for end, share in ((a, 0.0), (b, 1.0)):
        for p, q in zip(corners, np.roll(corners, -1, axis=0), strict=True):
            part = np.clip((end - p) @ (q - p) / max((q - p) @ (q - p), 1e-12), 0, 1)
            found.append((float(np.linalg.norm(p + part * (q - p) - end)), share))
    return min(found)


@given(plans())
@QUICK
def test_brute_force_on_a_split_graph(plan):
    assume(_in_sight(plan))
    expected = brute_force(plan)
    measured = plan.town().measure()
    most = np.bincount(measured.buildings.row).max()
    if most < 6:  # beyond six a building keeps the nearest only
        assert measured.seconds == pytest.approx(expected, abs=1e-5)
    else:
        assert all(measured.seconds[house] >= seconds - 1e-5 for house, seconds in expected.items())


@given(plans())
@settings(QUICK, max_examples=6)
def test_the_referee_agrees(plan):
    """From the tables as they are saved; in a wrong minute it finds the fault."""
    run = plan.town().study()
    tables = referee.Tables(run.buildings, run.facilities, run.edges, run.links)
    checked = referee.check(tables, ("shop",), 1.2, sample=50, seed=1)
    assert checked.sample == len(plan.houses)
    assert checked.worst_difference_s < 1e-6
    wrong = run.buildings.assign(
        minutes_shop=run.buildings["minutes_shop"].to_numpy() + np.where(np.arange(len(run.buildings)) == 0, 0.01, 0.0)
    )
    found = referee.check(referee.Tables(wrong, run.facilities, run.edges, run.links), ("shop",), 1.2, sample=50, seed=1)
    if np.isfinite(run.buildings["minutes_shop"].iloc[0]):
        assert found.worst_difference_s == pytest.approx(0.6, abs=1e-6)  # 0.01 minutes
