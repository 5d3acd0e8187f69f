"""The sketch language: towns drawn in metres, whose minutes a reader can work out on paper.

    town = Town()
    town.street((0, 0), (100, 0))                 # 100 m of residential street; ways that name one point share a node
    town.house(14, 6)                             # a house whose nearest corner is 6 m from that street
    town.offer("shop", 86, -12)                   # a shop 12 m on the other side
    town.measure("shop").seconds                  # {"way/3": 75.0}: 6 + 72 + 12 m at 1.2 m/s

or drawn as text, one letter a point (`drawn`). A town is measured straight from its tables (`measure`, `study`: exact), or written as an
OSM file (`write`: OSM rounds to 1e-7°, about a centimetre). It lies on the equator at 0° unless it is told to lie elsewhere: there a metre
of the plane is a metre on the ground to a hundred-millionth over a kilometre.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from unittest.mock import patch
from xml.sax.saxutils import quoteattr

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from circle import access, linkage, network, result, rules, sight, sources
from circle import study as studies
from circle.errors import Findings
from circle.projection import Plane
from circle.sources.barriers import enclosure

Point = tuple[float, float]
Spot = Point | int  # a point, or the number of a node of its own

OFFERS = {  # the plainest tags of each service of the default standard
    "shop": {"shop": "convenience"},
    "market": {"amenity": "marketplace"},
    "bus_stop": {"highway": "bus_stop"},
    "service_centre": {"amenity": "community_centre", "name": "社区服务中心"},
    "clinic": {"amenity": "clinic"},
}
ZONES = {"compound": {"landuse": "residential"}, "grid": {"boundary": "administrative", "admin_level": "11"}}
BOX = (-3000.0, -3000.0, 3000.0, 3000.0)  # metres; far from every sketch, so that the edge of the data plays no part


def drawn(text: str, metres: float) -> dict[str, Point]:
    """Points of a town drawn with letters: a column is `metres` wide, a row twice as high, as characters are; the last row is y = 0."""
    rows = [row for row in text.splitlines() if row.strip()]
    left = min(len(row) - len(row.lstrip()) for row in rows)
    return {
        letter: ((column - left) * metres, (len(rows) - 1 - number) * 2 * metres)
        for number, row in enumerate(rows)
        for column, letter in enumerate(row)
        if letter.isalnum()
    }


@dataclass
class Measured:
    """One service measured: `seconds`, `facility`, `leg_m`, `runner_up_s` by building, and everything that they came from."""

    net: network.Network
    graph: access.Graph
    buildings: linkage.Links
    facilities: linkage.Links
    walk: access.Access
    ids: list[str]
    offered: list[str]
    findings: Findings
    state: np.ndarray  # what is known of each building's leg (circle.sight)

    @property
    def seconds(self) -> dict[str, float]:
        return dict(zip(self.ids, self.walk.seconds.tolist(), strict=True))

    @property
    def facility(self) -> dict[str, str]:
        return {one: self.offered[row] if row >= 0 else "" for one, row in zip(self.ids, self.walk.facility, strict=True)}

    @property
    def leg_m(self) -> dict[str, float]:
        return {one: float(self.buildings.leg_m[link]) if link >= 0 else np.inf for one, link in zip(self.ids, self.walk.link, strict=True)}

    @property
    def runner_up_s(self) -> dict[str, float]:
        return dict(zip(self.ids, self.walk.runner_up_s.tolist(), strict=True))

    def links(self, building: str) -> pd.DataFrame:
        """The ties of one building."""
        table = linkage.table([("building", self.buildings, self.ids)], self.net)
        return table[table["id"] == building].reset_index(drop=True)


@dataclass
class Town:
    """A town of the sketch language: every call gives the id of what it drew. `first` is the first OSM number that is given out."""

    lon: float = 0.0
    lat: float = 0.0
    first: int = 1
    box: tuple[float, float, float, float] = BOX
    nodes: dict[int, Point] = field(default_factory=dict)
    tags_of_node: dict[int, dict[str, str]] = field(default_factory=dict)
    known: dict[Point, int] = field(default_factory=dict)
    ways: list[tuple[int, list[int], dict[str, str]]] = field(default_factory=list)
    squares: list[tuple[int, list[list[int]], dict[str, str]]] = field(default_factory=list)
    homes: list[tuple[int, list[Point], dict[str, str]]] = field(default_factory=list)
    offers: list[tuple[str, str, shapely.Geometry]] = field(default_factory=list)
    doors: list[tuple[int, Point]] = field(default_factory=list)
    zones: list[tuple[int, str, list[Point], str]] = field(default_factory=list)
    walls: list[tuple[int, list[Spot], dict[str, str]]] = field(default_factory=list)
    passages: dict[str, str] = field(default_factory=dict)  # a planner's word on gates
    used: int = 0

    def _new(self) -> int:
        self.used += 1
        return self.first + self.used - 1

    def node(self, x: float, y: float, **tags: str) -> int:
        """A node of its own, even where another lies at the same spot."""
        number = self._new()
        self.nodes[number] = (x, y)
        self.tags_of_node[number] = tags
        return number

    def _spot(self, spot: Spot) -> int:
        if isinstance(spot, int):
            return spot
        key = (round(float(spot[0]), 6), round(float(spot[1]), 6))
        if key not in self.known:
            self.known[key] = self.node(*key)
        return self.known[key]

    def street(self, *spots: Spot, **tags: str) -> int:
        """A way through these points, `highway=residential` unless it is told otherwise."""
        refs = [self._spot(spot) for spot in spots]
        number = self._new()
        self.ways.append((number, refs, {"highway": "residential", **tags}))
        return number

    def streets(self, at: Mapping[str, Point], *names: str, **tags: str) -> None:
        """Ways through drawn points: `streets(at, "ABC", "BD")`."""
        for name in names:
            self.street(*(at[letter] for letter in name), **tags)

    def square(self, ring: list[Spot], *holes: list[Spot], **tags: str) -> int:
        """A pedestrian square; with holes it is a multipolygon relation."""
        rings = [[self._spot(spot) for spot in one] for one in (ring, *holes)]
        rings = [[*one, one[0]] for one in rings]
        if not holes:
            number = self._new()
            self.ways.append((number, rings[0], {"highway": "pedestrian", "area": "yes", **tags}))
            return number
        number = self._new()
        self.squares.append((number, rings, {"type": "multipolygon", "highway": "pedestrian", **tags}))
        return number

    def house(self, x: float, y: float, size: float = 5.0, **tags: str) -> str:
        """A house that stands on one corner at (x, y): a diamond whose other corners lie farther from y = 0."""
        away = size if y >= 0 else -size
        return self.plot([(x, y), (x + size, y + away), (x, y + 2 * away), (x - size, y + away)], **tags)

    def plot(self, ring: list[Point], **tags: str) -> str:
        """A building of any outline."""
        number = self._new()
        self.homes.append((number, ring, {"building": "apartments", **tags}))
        return f"way/{number}"

    def door(self, x: float, y: float) -> int:
        """An entrance; it belongs to the outline that it lies on."""
        number = self.node(x, y, entrance="yes")
        self.doors.append((number, (x, y)))
        return number

    def offer(self, service: str, *spots: float | Point) -> str:
        """A facility at a point (`offer("shop", 10, 5)`) or in an area (`offer("market", (0, 0), (9, 0), (9, 9))`)."""
        if isinstance(spots[0], int | float):
            number = self.node(float(spots[0]), float(spots[1]), **OFFERS[service])
            self.offers.append((f"node/{number}", service, shapely.Point(self.nodes[number])))
            return f"node/{number}"
        number = self._new()
        self.offers.append((f"way/{number}", service, shapely.Polygon(spots)))
        return f"way/{number}"

    def wall(self, *spots: Spot, **tags: str) -> str:
        """A wall through these points, `barrier=wall` unless told otherwise; it shares nodes with ways that name the same points."""
        refs = [self._spot(spot) for spot in spots]
        number = self._new()
        self.walls.append((number, refs, tags or {"barrier": "wall"}))
        return f"way/{number}"

    def gate(self, x: float, y: float, **tags: str) -> str:
        """A gate on the ways and walls that name this point."""
        number = self._spot((x, y))
        self.tags_of_node[number].update({"barrier": "gate", **tags})
        return f"node/{number}"

    def zone(self, layer: str, ring: list[Point], name: str) -> str:
        """An area to report by."""
        number = self._new()
        self.zones.append((number, layer, ring, name))
        return f"way/{number}"

    # --- from metres to degrees

    def degrees(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Longitude and latitude of points in metres."""
        return Plane(self.lon, self.lat).backward(np.asarray(x, dtype=float), np.asarray(y, dtype=float))

    def _shape(self, shape: shapely.Geometry) -> shapely.Geometry:
        return shapely.transform(shape, lambda metres: np.column_stack(self.degrees(metres[:, 0], metres[:, 1])))

    def place(self) -> sources.Place:
        """The tables that sources would have read from a file without rounding."""
        rows = [(number, refs, rules.walkability(tags), tags) for number, refs, tags in self.ways]
        rows += [(-number, ring, rules.walkability(tags), tags) for number, rings, tags in self.squares for ring in rings]
        rows = [row for row in rows if row[2].walkable]
        refs = np.asarray([ref for _, refs, _, _ in rows for ref in refs], dtype=np.int64)
        metres = np.asarray([self.nodes[ref] for ref in refs.tolist()]).reshape(-1, 2)
        lon, lat = self.degrees(metres[:, 0], metres[:, 1])
        ways = pd.DataFrame(
            {
                "way": np.asarray([number for number, _, _, _ in rows], dtype=np.int64),
                "name": pd.Categorical([tags.get("name", "") for _, _, _, tags in rows]),
                "class": pd.Categorical([passage.way_class for _, _, passage, _ in rows]),
                "access": pd.Categorical([passage.access for _, _, passage, _ in rows], categories=rules.ACCESS),
                "forward": np.asarray([passage.forward for _, _, passage, _ in rows], dtype=bool),
                "backward": np.asarray([passage.backward for _, _, passage, _ in rows], dtype=bool),
                "square": np.asarray([passage.area for _, _, passage, _ in rows], dtype=bool),
                "raised": np.asarray([passage.raised for _, _, passage, _ in rows], dtype=bool),
                "road": pd.Categorical([passage.road for _, _, passage, _ in rows]),
                "stop": pd.Categorical([passage.stop for _, _, passage, _ in rows]),
                "level": pd.Categorical([passage.level for _, _, passage, _ in rows]),
                "count": np.asarray([len(refs) for _, refs, _, _ in rows], dtype=np.intp),
            }
        )
        stops = {number: rules.stop(tags) for number, tags in self.tags_of_node.items()}
        stops = {number: kind for number, kind in stops.items() if kind}
        west, south, east, north = self.box
        corners = self.degrees(np.asarray([west, east]), np.asarray([south, north]))
        buildings = self._buildings()
        return sources.Place(
            ways=ways,
            vertices=pd.DataFrame({"node": refs, "lon": lon, "lat": lat}),
            buildings=buildings,
            facilities=self._facilities(),
            doors=gpd.GeoDataFrame(
                {"id": [f"node/{number}" for number, _ in self.doors], "home": True, "visit": True},
                geometry=self._shapes([shapely.Point(spot) for _, spot in self.doors]),
                crs="EPSG:4326",
            ).astype({"id": str, "home": bool, "visit": bool}),
            zones=gpd.GeoDataFrame(
                {"layer": [z[1] for z in self.zones], "zone": [f"way/{z[0]}" for z in self.zones], "name": [z[3] for z in self.zones]},
                geometry=self._shapes([shapely.Polygon(z[2]) for z in self.zones]),
                crs="EPSG:4326",
            ),
            background=gpd.GeoDataFrame({"kind": pd.Categorical([]), "name": pd.Categorical([])}, geometry=[], crs="EPSG:4326"),
            extent=(float(corners[0][0]), float(corners[1][0]), float(corners[0][1]), float(corners[1][1])),
            extent_from="header",
            data_date=None,
            synthetic=True,
            findings=Findings(),
            stops=pd.DataFrame({"node": np.asarray(list(stops), dtype=np.int64), "kind": pd.Categorical(list(stops.values()))}),
            enclosure=self._enclosure(buildings),
        )

    def _enclosure(self, buildings: gpd.GeoDataFrame) -> sources.Enclosure:
        """Barriers, gates and compounds, by the same code that reads files."""
        gates = [(f"node/{n}", tags, "point", shapely.Point(self.nodes[n])) for n, tags in self.tags_of_node.items() if "barrier" in tags]
        lines = [(f"way/{n}", tags, "line", shapely.LineString([self.nodes[ref] for ref in refs])) for n, refs, tags in self.walls]
        areas = [(f"way/{n}", {**ZONES[layer], "name": name}, "area", shapely.Polygon(ring)) for n, layer, ring, name in self.zones]
        rows = [*gates, *lines, *areas]
        if not rows and not self.passages:
            return sources.Enclosure()
        around = gpd.GeoDataFrame(
            {"id": [row[0] for row in rows], "tags": pd.Series([row[1] for row in rows], dtype=object), "kind": [row[2] for row in rows]},
            geometry=self._shapes([row[3] for row in rows]),
            crs="EPSG:4326",
        )
        nothing = gpd.GeoDataFrame({"barrier": [], "kind": [], "name": [], "building": []}, geometry=[], crs="EPSG:4326")
        return enclosure(around, nothing, buildings, nothing, Plane(self.lon, self.lat), self.passages)

    def _shapes(self, shapes: list[shapely.Geometry]) -> np.ndarray:
        out = np.empty(len(shapes), dtype=object)
        out[:] = [self._shape(shape) for shape in shapes]
        return out

    def _buildings(self) -> gpd.GeoDataFrame:
        tags = [tags for _, _, tags in self.homes]
        lives = [bool(rules.building_use(one).residential) for one in tags]
        shapes = [shapely.Polygon(ring) for _, ring, _ in self.homes]
        flats = np.where(lives, [float(one.get("building:flats", 1)) for one in tags], 0.0)
        frame = gpd.GeoDataFrame(
            {
                "building": [f"way/{number}" for number, _, _ in self.homes],
                "name": pd.Categorical([one.get("name", "") for one in tags]),
                "use": pd.Categorical([one["building"] for one in tags]),
                "levels": np.nan,
                "area_m2": [shape.area for shape in shapes],
                "residential": lives,
                "residential_by": pd.Categorical(["use"] * len(tags), categories=["use", "area", "assumed"]),
                "households": flats,
                "population": flats * 2.5,
                "households_by": pd.Categorical(np.where(lives, "flats", "none"), categories=["ledger", "flats", "estimate", "none"]),
                "compound": "",
            },
            geometry=self._shapes(shapes),
            crs="EPSG:4326",
        )
        for layer in dict.fromkeys(zone[1] for zone in self.zones):
            column = np.full(len(shapes), "", dtype=object)
            for number, own, ring, _ in self.zones:
                if own == layer:
                    column[[shapely.Polygon(ring).contains(shape.centroid) for shape in shapes]] = f"way/{number}"
            frame["compound" if layer == "compound" else f"zone_{layer}"] = column
        zones = ["compound", *(column for column in frame if str(column).startswith("zone_"))]
        return frame.astype(dict.fromkeys(zones, "category")).sort_values("building").reset_index(drop=True)

    def _facilities(self) -> gpd.GeoDataFrame:
        ordered = sorted(self.offers, key=lambda offer: (offer[1], offer[0]))
        frame = {
            "facility": [o[0] for o in ordered],
            "service": [o[1] for o in ordered],
            "name": "",
            "source": "osm",
            "tags": "",
            "merged": "",
            "visitors": np.asarray([rules.lets_visitors_in(o[1], {}) for o in ordered], dtype=bool),
        }
        return gpd.GeoDataFrame(frame, geometry=self._shapes([o[2] for o in ordered]), crs="EPSG:4326")

    # --- measured

    def net(self, walker: str | rules.Walker = "adult") -> network.Network:
        """The network alone."""
        place = self.place()
        return network.build(place.ways, place.vertices, place.plane, _walker(walker), place.findings, place.enclosure, stops=place.stops)

    def measure(self, service: str = "shop", walker: str | rules.Walker = "adult", place: sources.Place | None = None) -> Measured:
        """Every building's walk to one service: network, linkage, access, and nothing else."""
        place = self.place() if place is None else place
        who = _walker(walker)
        net = network.build(place.ways, place.vertices, place.plane, who, place.findings, place.enclosure, stops=place.stops)
        graph = access.Graph.of(net.edges, net.nodes)
        doors = net.plane.project(place.doors.geometry.to_numpy())
        outlines = net.plane.project(place.buildings.geometry.to_numpy())
        starts, _ = linkage.starts(outlines, doors)
        offered = place.facilities[place.facilities["service"] == service]
        goals, _ = linkage.starts(net.plane.project(offered.geometry.to_numpy()), doors)
        mine, theirs = linkage.link(starts, net), linkage.link(goals, net, every=True)
        obstacles = sight.Obstacles(net.plane.project(place.enclosure.barriers.geometry.to_numpy()), outlines)
        nobody = np.full(len(goals), sight.NOBODY)
        seen = sight.look(starts, mine, net, obstacles, np.arange(len(starts)))
        mine, (theirs, _) = seen.links, sight.look(goals, theirs, net, obstacles, nobody, every=True).saved()
        reach = access.search(graph, theirs, len(offered), who.speed_m_per_s, offered["visitors"].to_numpy(dtype=bool))
        walk = access.measure(graph, mine, len(starts), theirs, reach, who.speed_m_per_s, seen)
        mine, state, walk = _kept(mine, seen, walk)
        return Measured(net, graph, mine, theirs, walk, list(place.buildings["building"]), list(offered["facility"]), place.findings, state)

    def study(self, standard: str = "five-minute", walker: str | None = None) -> result.Run:
        """The whole study on the exact tables; only the reading of a file is left out."""
        with patch.object(sources, "read", return_value=self.place()), patch.object(sources, "digest", return_value="0" * 64):
            return studies.run(__file__, standard, walker)

    # --- written

    def write(self, path: Path, *, backwards: bool = False) -> Path:
        """An OSM file; `backwards` writes every object in the opposite order."""
        nodes, ways, relations = dict(self.nodes), [], []
        tags_of = dict(self.tags_of_node)
        for number, refs, tags in self.ways:
            ways.append((number, refs, tags))
        ways += self.walls
        fresh = self.first + self.used

        def ring(points: list[Point]) -> list[int]:
            nonlocal fresh
            refs = list(range(fresh, fresh + len(points)))
            fresh += len(points)
            nodes.update(zip(refs, points, strict=True))
            return [*refs, refs[0]]

        for number, rings, tags in self.squares:
            members = []
            for role, refs in zip(["outer"] + ["inner"] * len(rings), rings, strict=False):
                ways.append((fresh, refs, {}))
                members.append((fresh, role))
                fresh += 1
            relations.append((number, members, tags))
        ways += [(number, ring(points), tags) for number, points, tags in self.homes]
        ways += [(number, ring(points), {**ZONES[layer], "name": name}) for number, layer, points, name in self.zones]
        for identity, service, shape in self.offers:
            kind, _, number = identity.partition("/")
            if kind == "way":
                ways.append((int(number), ring(list(shape.exterior.coords)[:-1]), OFFERS[service]))
        x, y = np.asarray(list(nodes.values())).T
        west, south, east, north = self.box
        corner = self.degrees(np.asarray([west, east]), np.asarray([south, north]))
        lon, lat = self.degrees(x, y)
        parts = [
            [_node(*node, tags_of.get(node[0], {})) for node in sorted(zip(nodes, lon, lat, strict=True))],
            [_way(*way) for way in sorted(ways, key=lambda way: way[0])],
            [_relation(*relation) for relation in relations],
        ]
        lines = [line for part in parts for line in (reversed(part) if backwards else part)]
        bounds = (
            f'<bounds minlon="{corner[0][0]:.7f}" minlat="{corner[1][0]:.7f}" maxlon="{corner[0][1]:.7f}" maxlat="{corner[1][1]:.7f}"/>'
        )
        path.write_text("\n".join(['<osm version="0.6" generator="sketch (synthetic)">', bounds, *lines, "</osm>\n"]), encoding="utf-8")
        return path


def two_homes(path: Path) -> Path:
    """The file of a street of 500 m with a shop at its start and homes at 40 and 400 m."""
    town = Town()
    town.street((0, 0), (500, 0))
    town.offer("shop", 0, -6)
    town.house(40, 6), town.house(400, 6)
    return town.write(path)


def _node(number: int, lon: float, lat: float, tags: Mapping[str, str]) -> str:
    return f'<node id="{number}" version="1" lon="{lon:.7f}" lat="{lat:.7f}">{_tags(tags)}</node>'


def _way(number: int, refs: list[int], tags: Mapping[str, str]) -> str:
    points = "".join(f'<nd ref="{ref}"/>' for ref in refs)
    return f'<way id="{number}" version="1">{points}{_tags(tags)}</way>'


def _relation(number: int, members: list[tuple[int, str]], tags: Mapping[str, str]) -> str:
    parts = "".join(f'<member type="way" ref="{way}" role="{role}"/>' for way, role in members)
    return f'<relation id="{number}" version="1">{parts}{_tags(tags)}</relation>'


def _tags(tags: Mapping[str, str]) -> str:
    return "".join(f"<tag k={quoteattr(key)} v={quoteattr(value)}/>" for key, value in tags.items())


def _kept(links: linkage.Links, seen: sight.Seen, walk: access.Access) -> tuple[linkage.Links, np.ndarray, access.Access]:
    """Links as they are saved, and the walk with its links renumbered to these."""
    keep = seen.state != sight.CROSSING
    place = np.cumsum(keep) - 1
    link = np.where(walk.link >= 0, place[walk.link], walk.link) if len(place) else walk.link
    return seen.saved()[0], seen.state[keep], replace(walk, link=link)


def _walker(walker: str | rules.Walker) -> rules.Walker:
    return rules.walkers()[walker] if isinstance(walker, str) else walker
