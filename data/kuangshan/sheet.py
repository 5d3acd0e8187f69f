"""The drawing sheet: takes lines, buildings and points in metres of the drawing, gives OpenStreetMap objects in a file.

What is drawn on the ground meets: wherever two streets, or a street and a wall or a railway, cross or touch, they get one shared node, as
a careful mapper would set it. What is drawn `over` (a footbridge) touches the ground only with its ends. A street may cross a wall only
where a gate was marked; anything else is an error, so the town cannot leak by accident.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations, pairwise
from pathlib import Path

import osmium
import plane

Point = tuple[float, float]
Tags = Mapping[str, str]

FIRST_NODE, FIRST_WAY, FIRST_RELATION = 900_000_000_001, 900_100_000_001, 900_200_000_001
"""Far above every real id, and below 2^40."""

STAMP = "2025-06-17T00:00:00Z"
GENERATOR = "synthetic town, not a real place (data/kuangshan/make.py)"
LONGEST_SEGMENT = 45.0
"""Metres between two nodes of a line, so that long lines follow the bend of the town."""


@dataclass
class Line:
    """A way on the ground, as drawn: corner points on the drawing, and how it meets others (walk, wall, rail, over)."""

    kind: str
    points: list[Point]
    tags: dict[str, str]


@dataclass
class Sheet:
    """Everything drawn so far. Draw with the methods, then `write`."""

    lines: list[Line] = field(default_factory=list)
    marks: dict[Point, dict[str, str]] = field(default_factory=dict)
    nodes: list[tuple[float, float, dict[str, str]]] = field(default_factory=list)
    ways: list[tuple[list[int], dict[str, str]]] = field(default_factory=list)
    relations: list[tuple[list[tuple[str, int, str]], dict[str, str]]] = field(default_factory=list)
    _ground: dict[Point, int] = field(default_factory=dict)
    _shared: dict[tuple[str, float, float], int] = field(default_factory=dict)

    # -- points -------------------------------------------------------------------------------------------------------------------
    def _node(self, east: float, north: float, tags: Tags | None = None) -> int:
        self.nodes.append((*plane.globe(east, north), dict(tags or {})))
        return len(self.nodes) - 1

    def poi(self, x: float, y: float, tags: Tags) -> int:
        """Set a thing mapped as a point; returns its node."""
        return self._node(*plane.bend(x, y), tags)

    def mark(self, x: float, y: float, tags: Tags) -> None:
        """Keep tags for the spot where lines of the ground pass: a gate, a crossing, a stop position."""
        self.marks.setdefault(_key(x, y), {}).update(tags)

    def ground_node(self, x: float, y: float) -> int:
        """Give the node at a spot of the ground, known after `join`."""
        return self._ground[_key(x, y)]

    # -- lines and areas ------------------------------------------------------------------------------------------------------------
    def line(self, kind: str, points: Iterable[Point], tags: Tags) -> None:
        """Draw a way on the ground (walk, wall, rail) or `over` it."""
        self.lines.append(Line(kind, list(points), dict(tags)))

    def free(self, points: Sequence[Point], tags: Tags, *, shared: str = "") -> int:
        """Draw a line that meets nothing on the ground, or only its own sort where `shared` names one; returns its way."""
        refs = []
        for x, y in _dense(points):
            key = (shared or f"alone {len(self.ways)}", *_key(x, y))
            if key not in self._shared:
                self._shared[key] = self._node(*plane.bend(x, y))
            refs.append(self._shared[key])
        self.ways.append((refs, dict(tags)))
        return len(self.ways) - 1

    def area(self, points: Sequence[Point], tags: Tags) -> int:
        """Draw a closed area that meets nothing; returns its way."""
        return self.free([*points, points[0]], tags)

    def building(self, x: float, y: float, size: Point, tags: Tags, doors: Sequence[tuple[str, float, str]] = ()) -> list[Point]:
        """Draw a rectangle of `size` metres, square with the streets around it.

        `doors`: side (N, S, E, W), metres from the middle of that side, and value of the entrance tag. Returns where the doors are on the
        drawing, so that paths can end there.
        """
        half_x, half_y = size[0] / 2, size[1] / 2
        sides = {
            "S": ((-half_x, -half_y), (1, 0)),
            "E": ((half_x, -half_y), (0, 1)),
            "N": ((half_x, half_y), (-1, 0)),
            "W": ((-half_x, half_y), (0, -1)),
        }
        ring, at = [], []
        for side, (corner, step) in sides.items():
            ring.append(self._rigid(x, y, corner))
            mine = [(offset * (step[0] + step[1]), kind) for s, offset, kind in doors if s == side]
            for offset, kind in sorted(mine):
                middle = half_x if step[0] else half_y
                spot = (corner[0] + step[0] * (middle + offset), corner[1] + step[1] * (middle + offset))
                ring.append(self._rigid(x, y, spot, {"entrance": kind}))
                east, north = self._place(x, y, spot)
                door = plane.straighten(east, north)
                self._ground[_key(*door)] = ring[-1]
                at.append(door)
        self.ways.append(([*ring, ring[0]], dict(tags)))
        return at

    def ring_building(self, x: float, y: float, outer: Point, inner: Point, tags: Tags) -> int:
        """Draw a building around a courtyard as a multipolygon, with a door in the south; returns its relation."""
        members = []
        for role, size in (("outer", outer), ("inner", inner)):
            corners = [(-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)]
            ring = [self._rigid(x, y, (size[0] * a, size[1] * b)) for a, b in corners]
            if role == "outer":
                ring.insert(1, self._rigid(x, y, (0, -size[1] / 2), {"entrance": "main"}))
            self.ways.append(([*ring, ring[0]], {}))
            members.append(("w", len(self.ways) - 1, role))
        return self.relation(members, {"type": "multipolygon", **tags})

    def relation(self, members: list[tuple[str, int, str]], tags: Tags) -> int:
        """Add a relation; members are (n, w or r, number on this sheet, role)."""
        self.relations.append((members, dict(tags)))
        return len(self.relations) - 1

    def _place(self, x: float, y: float, offset: Point) -> Point:
        east, north = plane.bend(x, y)
        turned = plane.heading(x, y) * complex(*offset)
        return east + turned.real, north + turned.imag

    def _rigid(self, x: float, y: float, offset: Point, tags: Tags | None = None) -> int:
        return self._node(*self._place(x, y, offset), tags)

    # -- joining and writing ----------------------------------------------------------------------------------------------------------
    def join(self) -> None:
        """Give every meeting of lines on the ground its shared node, and turn the lines into ways. Call once, after all lines are drawn."""
        stops: list[dict[int, list[Point]]] = [{} for _ in self.lines]
        segments = [
            (number, place, a, b)
            for number, line in enumerate(self.lines)
            if line.kind != "over"
            for place, (a, b) in enumerate(pairwise(line.points))
        ]
        for (n, i, a, b), (m, j, c, d) in combinations(segments, 2):
            spot = _meeting(a, b, c, d)
            if spot is None:
                continue
            if n != m:
                self._check(self.lines[n], self.lines[m], spot)
            stops[n].setdefault(i, []).append(spot)
            stops[m].setdefault(j, []).append(spot)
        for spot in self.marks:
            on = [(n, i) for n, i, a, b in segments if _distance_to(spot, a, b) < 0.02]
            if not on:
                raise ValueError(f"the mark at {spot} lies on no line")
            for n, i in on:
                stops[n].setdefault(i, []).append(spot)
        for line, cuts in zip(self.lines, stops, strict=True):
            self.ways.append((self._refs(line, cuts), line.tags))

    def _refs(self, line: Line, cuts: Mapping[int, list[Point]]) -> list[int]:
        refs: list[int] = []
        for i, (a, b) in enumerate(pairwise(line.points)):
            along = sorted({_key(*p) for p in [a, b, *cuts.get(i, [])]}, key=lambda p, a=a: math.dist(p, a))
            for x, y in _dense(along):
                ref = self._ground_ref(x, y)
                if not refs or refs[-1] != ref:
                    refs.append(ref)
        return refs

    def _ground_ref(self, x: float, y: float) -> int:
        key = _key(x, y)
        if key not in self._ground:
            self._ground[key] = self._node(*plane.bend(x, y), self.marks.get(key))
        return self._ground[key]

    def _check(self, one: Line, other: Line, spot: Point) -> None:
        kinds = {one.kind, other.kind}
        tags = self.marks.get(_key(*spot), {})
        wanted = {frozenset({"walk", "wall"}): "barrier", frozenset({"walk", "rail"}): "railway"}.get(frozenset(kinds))
        allowed = kinds in ({"walk"}, {"rail"}) or (wanted is not None and wanted in tags)
        if not allowed:
            raise ValueError(f"{one.tags} and {other.tags} meet at {spot} without a {wanted or 'reason'}")

    def write(self, path: Path, box: tuple[float, float, float, float]) -> None:
        """Write the sheet as an OpenStreetMap file, sorted, with header box (west, south, east, north on the globe) and timestamps."""
        header = osmium.io.Header()
        header.set("generator", GENERATOR)
        header.set("osmosis_replication_timestamp", STAMP)
        header.add_box(osmium.osm.Box(*box))
        file = osmium.io.File(str(path), "pbf,add_metadata=version+timestamp")
        mutable = osmium.osm.mutable
        first = {"n": FIRST_NODE, "w": FIRST_WAY, "r": FIRST_RELATION}
        with osmium.SimpleWriter(file, header=header, overwrite=True) as writer:
            for n, (lon, lat, tags) in enumerate(self.nodes):
                writer.add_node(mutable.Node(id=FIRST_NODE + n, location=(lon, lat), tags=_labelled(tags), version=1, timestamp=STAMP))
            for w, (refs, tags) in enumerate(self.ways):
                nodes = [FIRST_NODE + ref for ref in refs]
                writer.add_way(mutable.Way(id=FIRST_WAY + w, nodes=nodes, tags=_labelled(tags), version=1, timestamp=STAMP))
            for r, (members, tags) in enumerate(self.relations):
                named = [(kind, first[kind] + number, role) for kind, number, role in members]
                writer.add_relation(
                    mutable.Relation(id=FIRST_RELATION + r, members=named, tags=_labelled(tags), version=1, timestamp=STAMP)
                )


def _labelled(tags: Tags) -> dict[str, str]:
    """Whatever carries a tag says that it is made up."""
    return {**tags, "source": "synthetic"} if tags else {}


def _key(x: float, y: float) -> Point:
    return round(x, 2) + 0.0, round(y, 2) + 0.0


def _dense(points: Sequence[Point]) -> list[Point]:
    dense = [points[0]]
    for a, b in pairwise(points):
        pieces = max(1, math.ceil(math.dist(a, b) / LONGEST_SEGMENT))
        dense += [(a[0] + (b[0] - a[0]) * k / pieces, a[1] + (b[1] - a[1]) * k / pieces) for k in range(1, pieces)]
        dense.append(b)
    return dense


def _distance_to(p: Point, a: Point, b: Point) -> float:
    length = math.dist(a, b)
    along = ((p[0] - a[0]) * (b[0] - a[0]) + (p[1] - a[1]) * (b[1] - a[1])) / length
    along = min(max(along, 0.0), length)
    return math.dist(p, (a[0] + (b[0] - a[0]) * along / length, a[1] + (b[1] - a[1]) * along / length))


def _meeting(a: Point, b: Point, c: Point, d: Point) -> Point | None:
    """Where two segments meet, ends included within 2 cm; parallel ones meet where they share an end."""
    for p, q, r in ((a, c, d), (b, c, d), (c, a, b), (d, a, b)):
        if _distance_to(p, q, r) < 0.02:
            return p
    cross = (b[0] - a[0]) * (d[1] - c[1]) - (b[1] - a[1]) * (d[0] - c[0])
    if abs(cross) < 1e-9:
        return None
    t = ((c[0] - a[0]) * (d[1] - c[1]) - (c[1] - a[1]) * (d[0] - c[0])) / cross
    u = ((c[0] - a[0]) * (b[1] - a[1]) - (c[1] - a[1]) * (b[0] - a[0])) / cross
    if 0 < t < 1 and 0 < u < 1:
        return a[0] + t * (b[0] - a[0]), a[1] + t * (b[1] - a[1])
    return None
