"""The embedded place: made by its script to the byte, drawn as a careful mapper would, and it tells its story.

The minutes are reckoned here once more with plain networkx and nothing of circle: straight legs from doors to the nearest edges that no
wall or house hides, then the shortest way. So the town proves itself, and later the engine.
"""

from __future__ import annotations

import math
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field
from itertools import combinations, pairwise
from pathlib import Path

import networkx as nx
import osmium
import pytest
from shapely import STRtree
from shapely.geometry import LineString, Point, Polygon
from shapely.geometry.base import BaseGeometry
from shapely.ops import nearest_points, polygonize, unary_union

ROOT = Path(__file__).resolve().parent.parent
SCRIPT, FILE = ROOT / "data" / "kuangshan" / "make.py", ROOT / "data" / "kuangshan" / "kuangshan.osm.pbf"
METRES_PER_SECOND = 1.2
LIMITS_MIN = {"shop": 1, "market": 2, "bus_stop": 3, "service_centre": 4, "clinic": 5}
HOMES = {"apartments", "residential", "house", "dormitory"}
DRY = {"wall", "fence", "retaining_wall"}


@dataclass
class Town:
    """The file, read plainly: metres east and north, tags, node lists."""

    header: osmium.io.Header
    at: dict[int, tuple[float, float]] = field(default_factory=dict)
    points: dict[int, dict[str, str]] = field(default_factory=dict)
    ways: dict[int, tuple[list[int], dict[str, str]]] = field(default_factory=dict)
    relations: dict[int, tuple[list[tuple[str, int, str]], dict[str, str]]] = field(default_factory=dict)
    order: list[tuple[str, int]] = field(default_factory=list)
    stamps: set[str] = field(default_factory=set)

    def line(self, way: int) -> LineString:
        return LineString([self.at[n] for n in self.ways[way][0]])

    def ring(self, way: int) -> Polygon:
        return Polygon([self.at[n] for n in self.ways[way][0]])

    def where(self, key: str, *values: str) -> list[int]:
        return [w for w, (_, tags) in self.ways.items() if key in tags and (not values or tags[key] in values)]

    def multipolygon(self, relation: int) -> BaseGeometry:
        members, _ = self.relations[relation]
        outer = unary_union(list(polygonize([self.line(w) for kind, w, role in members if role == "outer"])))
        inner = unary_union(list(polygonize([self.line(w) for kind, w, role in members if role == "inner"])))
        return outer.difference(inner)

    def buildings(self) -> dict[str, tuple[BaseGeometry, dict[str, str]]]:
        found: dict[str, tuple[BaseGeometry, dict[str, str]]] = {}
        found |= {f"way/{w}": (self.ring(w), self.ways[w][1]) for w in self.where("building")}
        found |= {f"relation/{r}": (self.multipolygon(r), tags) for r, (_, tags) in self.relations.items() if "building" in tags}
        return found

    def doors(self, building: str) -> list[Point]:
        kind, number = building.split("/")
        rings = [int(number)] if kind == "way" else [w for _, w, _ in self.relations[int(number)][0]]
        return [Point(self.at[n]) for w in rings for n in dict.fromkeys(self.ways[w][0]) if "entrance" in self.points.get(n, {})]

    def homes(self) -> dict[str, tuple[BaseGeometry, dict[str, str]]]:
        areas = unary_union([self.ring(w) for w in self.where("landuse", "residential")])
        return {
            b: (shape, tags)
            for b, (shape, tags) in self.buildings().items()
            if tags["building"] in HOMES or (tags["building"] == "yes" and "amenity" not in tags and areas.contains(shape))
        }


def read(path: Path) -> Town:
    town = Town(osmium.io.Reader(str(path)).header())
    east, north = 96_282.8, 110_855.9  # metres per degree at 30.21 N
    for o in osmium.FileProcessor(str(path)):
        tags = dict(o.tags)
        town.stamps.add(f"{o.version} {o.timestamp:%Y-%m-%d}")
        if o.is_node():
            town.order.append(("n", o.id))
            town.at[o.id] = ((o.lon - 114.9) * east, (o.lat - 30.21) * north)
            if tags:
                town.points[o.id] = tags
        elif o.is_way():
            town.order.append(("w", o.id))
            town.ways[o.id] = ([n.ref for n in o.nodes], tags)
        elif o.is_relation():
            town.order.append(("x", o.id))
            town.relations[o.id] = ([(m.type, m.ref, m.role) for m in o.members], tags)
    return town


@pytest.fixture(scope="module")
def town() -> Town:
    return read(FILE)


# -- minutes, reckoned plainly ---------------------------------------------------------------------------------------------------------


def services(tags: dict[str, str]) -> set[str]:
    """What these tags offer, restated here for this town alone."""
    name, found = tags.get("name", ""), set()
    fresh = "生鲜" in name
    if (tags.get("shop") in {"convenience", "kiosk"} and "kiosk" not in tags) or (tags.get("shop") == "supermarket" and not fresh):
        found.add("shop")
    if tags.get("amenity") == "marketplace" or tags.get("shop") == "greengrocer" or fresh:
        found.add("market")
    if tags.get("highway") == "bus_stop":
        found.add("bus_stop")
    if tags.get("amenity") == "community_centre":
        found.add("service_centre")
    if tags.get("amenity") in {"clinic", "hospital"}:
        found.add("clinic")
    return found


class Walk:
    """The walking graph, cut wherever a leg of a home or a facility ends."""

    def __init__(self, town: Town) -> None:
        self.town = town
        self.edges: list[tuple[object, object, LineString]] = []
        for way in town.where("highway"):
            for a, b in pairwise(town.ways[way][0]):
                ends = tuple((n, way, a, b) if town.points.get(n, {}).get("access") == "no" else n for n in (a, b))
                self.edges.append((*ends, LineString([town.at[a], town.at[b]])))
        self.lines = STRtree([e[2] for e in self.edges])
        self.walls = STRtree([town.line(w) for w in town.where("barrier", *DRY)])
        self.shapes = {b: shape for b, (shape, tags) in town.buildings().items() if tags["building"] != "roof"}
        self.houses, self.house_ids = STRtree(list(self.shapes.values())), list(self.shapes)
        self.cuts: dict[int, dict[float, tuple[str, int, float]]] = {}

    def hidden(self, leg: LineString, own: str | None) -> bool:
        if leg.length < 0.1:
            return False
        inner = LineString([leg.interpolate(0.03), leg.interpolate(leg.length - 0.03)])
        if len(self.walls.query(leg, predicate="intersects")):  # the whole leg: one that ends in a locked gate goes nowhere
            return True
        return any(self.house_ids[h] != own for h in self.houses.query(inner, predicate="intersects"))

    def legs(self, shape: BaseGeometry, own: str | None, keep: int = 6) -> list[tuple[int, float, float]]:
        """Edge, metres along it, and metres of the leg, of the nearest edges in sight; one that is hidden where none is in sight."""
        near = sorted((self.edges[e][2].distance(shape), e) for e in self.lines.query(shape.buffer(60)))
        found = []
        for length, e in near[:24]:
            start, end = nearest_points(shape, self.edges[e][2])
            if not self.hidden(LineString([start, end]), own):
                found.append((e, self.edges[e][2].project(end), length))
        return found[:keep]

    def graph(self, ends: dict[str, list[tuple[int, float, float]]]) -> nx.Graph:
        graph, cuts = nx.Graph(), {e: {0.0: u, line.length: v} for e, (u, v, line) in enumerate(self.edges)}
        for end, legs in ends.items():
            for e, along, length in legs:
                node = cuts[e].setdefault(along, (e, along))
                known = graph.get_edge_data(end, node, {"m": math.inf})["m"]
                graph.add_edge(end, node, m=min(length, known))
        for spots in cuts.values():
            for (p, a), (q, b) in pairwise(sorted(spots.items(), key=lambda item: item[0])):
                known = graph.get_edge_data(a, b, {"m": math.inf})["m"]
                graph.add_edge(a, b, m=min(q - p, known))
        return graph


@pytest.fixture(scope="module")
def minutes(town: Town) -> dict[str, dict[str, float]]:
    """Home -> service -> walking minutes."""
    walk = Walk(town)
    ends: dict[str, list[tuple[int, float, float]]] = {}
    offers: dict[str, list[str]] = {s: [] for s in LIMITS_MIN}
    for b, (shape, _) in town.homes().items():
        ends[f"home {b}"] = [leg for door in town.doors(b) or [shape] for leg in walk.legs(door, b)]
    for n, tags in town.points.items():
        spot = Point(town.at[n])
        around = [walk.house_ids[h] for h in walk.houses.query(spot, predicate="intersects")]
        for service in services(tags):
            ends[f"node/{n}"] = walk.legs(spot, around[0] if around else None, 2)
            offers[service].append(f"node/{n}")
    for w, (_, tags) in town.ways.items():
        for service in services(tags):
            own = f"way/{w}"
            ends[own] = [leg for door in town.doors(own) or [town.ring(w)] for leg in walk.legs(door, own, 3)]
            offers[service].append(own)
    # whoever passes through a home or a facility would take a leg as a short cut: ends are leaves for all but their own search
    graph = walk.graph(ends)
    answer: dict[str, dict[str, float]] = {b: {} for b in town.homes()}
    ground = graph.subgraph([n for n in graph if n not in ends])
    for service, facilities in offers.items():
        search = nx.Graph(ground)
        for f in facilities:
            for node, leg in graph[f].items():
                known = search.get_edge_data("source", node, {"m": math.inf})["m"]
                search.add_edge("source", node, m=min(leg["m"], known))
        reach = nx.single_source_dijkstra_path_length(search, "source", weight="m")
        for b, found in answer.items():
            home = graph.adj.get(f"home {b}", {})
            metres = min((reach.get(node, math.inf) + leg["m"] for node, leg in home.items()), default=math.inf)
            found[service] = metres / METRES_PER_SECOND / 60
    return answer


def share(minutes: dict[str, dict[str, float]], service: str) -> float:
    return sum(m[service] <= LIMITS_MIN[service] for m in minutes.values()) / len(minutes)


# -- the file --------------------------------------------------------------------------------------------------------------------------


def test_the_script_draws_the_committed_bytes(tmp_path: Path) -> None:
    target = tmp_path / "again.osm.pbf"
    subprocess.run([sys.executable, str(SCRIPT), str(target)], check=True, capture_output=True, cwd=tmp_path)
    assert target.read_bytes() == FILE.read_bytes(), "data/kuangshan/*.py changed: run data/kuangshan/make.py and commit the file with it"


def test_small_sorted_stamped_and_boxed(town: Town) -> None:
    assert FILE.stat().st_size < 60_000
    assert town.order == sorted(town.order), "nodes, ways, relations, each by id"
    assert {number for _, number in town.order if not 900_000_000_000 < number < 2**40} == set()
    assert town.stamps == {"1 2025-06-17"}
    assert "synthetic" in town.header.get("generator")
    box = town.header.box()
    assert (box.bottom_left.lon, box.bottom_left.lat) == pytest.approx((114.893, 30.204), abs=0.003)
    assert (box.top_right.lon, box.top_right.lat) == pytest.approx((114.908, 30.217), abs=0.003)
    for way, (refs, _) in town.ways.items():
        assert set(refs) <= town.at.keys(), way


def test_box_reaches_far_beyond_the_last_home(town: Town) -> None:
    """No home is so near the edge of the data that a nearer facility may lie outside."""
    box = town.header.box()
    west, south = (box.bottom_left.lon - 114.9) * 96_282.8, (box.bottom_left.lat - 30.21) * 110_855.9
    east, north = (box.top_right.lon - 114.9) * 96_282.8, (box.top_right.lat - 30.21) * 110_855.9
    for building, (shape, _) in town.homes().items():
        x0, y0, x1, y1 = shape.bounds
        assert min(x0 - west, y0 - south, east - x1, north - y1) > 360, building


def test_everything_says_that_it_is_synthetic(town: Town) -> None:
    tagged = [*town.points.values(), *(t for _, t in town.ways.values() if t), *(t for _, t in town.relations.values())]
    assert {tags.get("source") for tags in tagged} == {"synthetic"}
    for relation, (_, tags) in town.relations.items():
        if tags.get("boundary"):
            assert "not a real place" in tags["note"], relation


# -- drawn as a careful mapper would ---------------------------------------------------------------------------------------------------


def test_no_building_overlaps_another_a_street_or_a_wall(town: Town) -> None:
    buildings = town.buildings()
    shapes, ids = [shape for shape, _ in buildings.values()], list(buildings)
    assert all(shape.is_valid and shape.area > 10 for shape in shapes)
    tree = STRtree(shapes)
    over = [(ids[a], ids[b]) for a, b in zip(*tree.query(shapes, predicate="intersects"), strict=True) if a < b]
    assert over == []
    half = {"secondary": 7.0, "tertiary": 4.5, "residential": 3.5, "unclassified": 3.0, "service": 1.7, "footway": 0, "steps": 0, "path": 0}
    for way, (_, tags) in town.ways.items():
        if tags.get("highway") in half and tags.get("layer") != "2":
            band = town.line(way).buffer(half[tags["highway"]], cap_style="flat") if half[tags["highway"]] else town.line(way)
            for b in tree.query(band, predicate="intersects"):
                inside = band.intersection(shapes[b])
                assert max(inside.area, inside.length / 10) < 0.01, f"{tags} runs into {ids[b]}"
        if tags.get("barrier") or tags.get("railway") or tags.get("waterway"):
            assert len(tree.query(town.line(way), predicate="intersects")) == 0, f"{tags} runs through a building"


def test_ways_meet_walls_in_gates_and_nowhere_else(town: Town) -> None:
    walls = {w: town.line(w) for w in town.where("barrier", *DRY)}
    gates = Counter()
    for way in town.where("highway"):
        line = town.line(way)
        for w, wall in walls.items():
            if town.ways[way][1].get("layer") == "2" or not line.intersects(wall):
                continue
            shared = set(town.ways[way][0]) & set(town.ways[w][0])
            assert shared, f"way/{way} crosses wall way/{w} without a shared node"
            assert line.intersection(wall).difference(unary_union([Point(town.at[n]).buffer(0.01) for n in shared])).is_empty
            for n in shared:
                gates[town.points[n]["barrier"]] += 1
                assert town.points[n]["barrier"] in {"gate", "lift_gate", "entrance"}
    drawn = Counter(tags["barrier"] for tags in town.points.values() if "barrier" in tags)
    assert gates == drawn, "a gate stands on a wall and on a way"
    assert drawn["gate"] >= 12
    locked = [tags for tags in town.points.values() if tags.get("locked") == "yes"]
    assert [tags["access"] for tags in locked] == ["no"]


def test_streets_share_nodes_wherever_they_cross(town: Town) -> None:
    ground = [w for w in town.where("highway") if town.ways[w][1].get("layer") != "2"] + town.where("railway")
    for a, b in combinations(ground, 2):
        one, other = town.line(a), town.line(b)
        if one.crosses(other) or one.touches(other):
            assert set(town.ways[a][0]) & set(town.ways[b][0]), f"way/{a} and way/{b}"


def test_the_footbridge_touches_neither_the_street_nor_the_railway_below(town: Town) -> None:
    (bridge,) = [w for w in town.where("bridge") if town.ways[w][1].get("highway") == "footway"]
    below = [w for w in [*town.where("highway"), *town.where("railway")] if w != bridge and town.line(w).crosses(town.line(bridge))]
    assert {"secondary"} <= {town.ways[w][1].get("highway") for w in below}
    assert "rail" in {town.ways[w][1].get("railway") for w in below}
    for w in below:
        assert not set(town.ways[w][0]) & set(town.ways[bridge][0])
    for end in (town.ways[bridge][0][0], town.ways[bridge][0][-1]):
        assert "steps" in {tags.get("highway") for refs, tags in town.ways.values() if end in refs}


def test_six_grids_tile_the_community(town: Town) -> None:
    grids = {t["name"]: town.multipolygon(r) for r, (_, t) in town.relations.items() if t.get("admin_level") == "11"}
    (community,) = [town.multipolygon(r) for r, (_, t) in town.relations.items() if t.get("admin_level") == "10"]
    assert set(grids) == {f"第{n}网格" for n in "一二三四五六"}
    assert unary_union(list(grids.values())).symmetric_difference(community).area < 1
    assert sum(g.area for g in grids.values()) == pytest.approx(community.area)
    for building, (shape, _) in town.homes().items():
        assert sum(g.contains(shape) for g in grids.values()) == 1, building


def test_every_stop_is_a_platform_with_a_stop_position_on_the_road(town: Town) -> None:
    platforms = {n: t for n, t in town.points.items() if t.get("highway") == "bus_stop"}
    halts = {n: t for n, t in town.points.items() if t.get("public_transport") == "stop_position"}
    assert len(platforms) == len(halts) == 14
    on_roads = {n for w in town.where("highway") for n in town.ways[w][0]}
    assert halts.keys() <= on_roads
    assert not platforms.keys() & on_roads
    for n, tags in platforms.items():
        near = [h for h, t in halts.items() if t["name"] == tags["name"] and 6 <= math.dist(town.at[h], town.at[n]) <= 9]
        assert len(near) == 1, tags
    assert set(Counter(t["name"] for t in platforms.values()).values()) == {2}, "both kerbs"


def test_what_stands_in_town(town: Town) -> None:
    buildings = town.buildings()
    uses = Counter(tags["building"] for _, tags in buildings.values())
    assert 270 <= len(buildings) <= 320
    assert {"apartments", "yes", "school", "retail", "shed", "garage", "roof"} <= uses.keys()
    assert [len(shape.interiors) for b, (shape, _) in buildings.items() if b.startswith("relation")] == [1]
    assert sum(bool(town.doors(b)) for b in buildings) > 90
    named = [t for t in [*town.points.values(), *(t for _, t in town.ways.values())] if "name" in t and "public_transport" not in t]
    names = Counter(t["name"] for t in named)
    once = ["矿山路社区党群服务中心", "爱心食堂", "居家养老服务中心", "儿童智趣空间站", "红色议事亭", "菜鸟驿站", "九龙洞公园"]
    assert {name: names[name] for name in once} == dict.fromkeys(once, 1)
    assert names["矿山路社区卫生服务站"] == 2, "mapped as an area and as a point"
    (market,) = [town.ring(w) for w in town.where("amenity", "marketplace")]
    assert market.area > 1000


# -- the story -------------------------------------------------------------------------------------------------------------------------


def test_the_promise_is_kept_for_most(minutes: dict[str, dict[str, float]]) -> None:
    assert all(math.isfinite(m) for home in minutes.values() for m in home.values())
    for service in LIMITS_MIN:
        assert 0.68 < share(minutes, service) < 0.92, service


def test_the_new_compound_has_shops_and_buses_and_is_far_from_its_service_centre(town: Town, minutes: dict[str, dict[str, float]]) -> None:
    towers = [b for b, (_, tags) in town.homes().items() if tags.get("name", "").startswith("紫薇花园")]
    assert len(towers) == 15
    for b in towers:
        assert 18 <= int(town.homes()[b][1]["building:levels"]) <= 26
        assert minutes[b]["shop"] <= 1
        assert minutes[b]["bus_stop"] <= 3
        assert minutes[b]["service_centre"] > 6, "not a near miss"
    worst_elsewhere = max(m["service_centre"] for b, m in minutes.items() if b not in towers)
    assert worst_elsewhere < min(minutes[b]["service_centre"] for b in towers)


def test_a_locked_gate_keeps_its_compound_from_the_bus_stop_behind_it(town: Town, minutes: dict[str, dict[str, float]]) -> None:
    behind = [b for b, (_, tags) in town.homes().items() if tags.get("name", "").startswith("矿一小区")]
    (gate,) = [n for n, tags in town.points.items() if tags.get("locked") == "yes"]
    stops = [n for n, tags in town.points.items() if tags.get("highway") == "bus_stop"]
    assert min(math.dist(town.at[gate], town.at[s]) for s in stops) < 30
    assert all(minutes[b]["bus_stop"] > 3 for b in behind)
