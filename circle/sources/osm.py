"""One pass over an OpenStreetMap file: the only place that sees OSM objects.

Takes: a file that `integrity` has let through, and the keys that the rules ask for.   Gives: `Extract`, plain arrays and lists.
Never: decides what a tag means (the rules do), or drops an object without a finding.

Asking for one tag costs a tenth of a microsecond and listing all tags of an object ten, so most buildings and streets, which carry
nothing but an address or a name, are never listed. Coordinates are left to libosmium's WKB writer, areas with holes to its assembler.
"""

from __future__ import annotations

import gc
from array import array
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import osmium
import shapely

from circle import rules
from circle.errors import Finding, Findings, PlaceError, SourceError
from circle.sources import drawings, rings
from circle.sources import tags as tag_reader
from circle.sources.tags import BuildingTags

EPOCH = 1970  # the year that an object without a timestamp carries
UNDEFINED = 2_147_483_647  # libosmium's coordinate of a node that it has not seen
BACKGROUND_KEYS = ("landuse", "leisure", "natural", "waterway", "railway", "barrier", "boundary", "place", "man_made")
NODE_KEYS = ("entrance", "barrier")


@dataclass(slots=True)
class Shape:
    """One object other than a building or street: its id, tags, geometry as WKB, and whether a tag of it may make it a facility."""

    id: str
    tags: dict[str, str]
    wkb: str
    closed: bool = False
    offers: bool = False


@dataclass(slots=True)
class Extract:
    """What one pass over a file brought.

    `walk_*`: one entry per street: id, code of its tag combination (`combos`), name, WKB line; node ids one street after the other.
    `stop_*`: nodes at which one waits (signals, elevators) and for what.
    `building_*`: one entry per building: OSM number, way or relation, `(use, name, house number, storeys, all tags or None)`, WKB; tags
    are None where the first four and an address are all there is.
    `building_relations`: tags and member ways of every building relation; `member_lines`: the lines of those that libosmium could not
    assemble, so that they can still be given an outline. `area_relations`: other areas that could not be put together.
    """

    combos: dict[tuple[tuple[str, str], ...], int] = field(default_factory=dict)
    walk_id: list[int] = field(default_factory=list)
    walk_combo: list[int] = field(default_factory=list)
    walk_name: list[str | None] = field(default_factory=list)
    walk_wkb: list[str] = field(default_factory=list)
    walk_refs: array[int] = field(default_factory=lambda: array("q"))
    building_id: list[int] = field(default_factory=list)
    building_is_way: list[bool] = field(default_factory=list)
    building_tags: list[BuildingTags] = field(default_factory=list)
    building_wkb: list[str] = field(default_factory=list)
    building_outers: list[int] = field(default_factory=list)
    building_relations: dict[int, tuple[BuildingTags, list[int]]] = field(default_factory=dict)
    member_lines: dict[int, str] = field(default_factory=dict)
    area_relations: dict[int, tuple[dict[str, str], list[int]]] = field(default_factory=dict)
    stop_refs: array[int] = field(default_factory=lambda: array("q"))
    stop_kinds: list[str] = field(default_factory=list)
    square_rings: list[tuple[int, int, list[list[tuple[int, float, float]]]]] = field(default_factory=list)
    points: list[Shape] = field(default_factory=list)
    lines: list[Shape] = field(default_factory=list)
    areas: list[Shape] = field(default_factory=list)
    box: tuple[float, float, float, float] | None = None
    data_date: str | None = None
    newest: datetime = datetime(1970, 1, 1, tzinfo=UTC)
    relations: int = 0
    synthetic: bool = False
    findings: Findings = field(default_factory=Findings)

    def combo(self, values: tuple[tuple[str, str], ...]) -> int:
        """Code of a combination of walking tags."""
        return self.combos.setdefault(values, len(self.combos))


Progress = Callable[[int], None] | None
Reading = Callable[[Path, Collection[str], Progress], "Extract"]


def read(path: Path, services: Collection[str], progress: Progress = None, reading: Reading | None = None) -> Extract:
    """Read an OSM file (`.osm.pbf`, `.osm`, `.osm.gz`, `.osm.bz2`): relations, then nodes and ways, then the members of areas.

    Parameters
    ----------
    path
        A file that `integrity.inspect` has let through.
    services
        Services whose facilities are wanted.
    progress
        Called now and then with the number of objects seen.
    reading
        Another way to read a file that is sorted and plain (see `aside`).

    Raises
    ------
    SourceError
        The file breaks off, is damaged, or cannot be decoded.
    """
    collecting = gc.isenabled()
    gc.disable()  # millions of small objects and not one cycle: looking for cycles would take longer than reading
    try:
        return _read(path, services, progress, reading or part)
    except (RuntimeError, ValueError, MemoryError) as trouble:
        if isinstance(trouble, SourceError | PlaceError):
            raise
        raise SourceError(
            f"{path} is damaged or cut short ({_first_line(trouble)}). Fetch the file again and compare its size or checksum."
        ) from trouble
    finally:
        if collecting:
            gc.enable()


def _read(path: Path, services: Collection[str], progress: Progress, reading: Reading) -> Extract:
    """Read as it stands; a drawing, a file that is not sorted, or one with several versions is made plain first."""
    try:
        return _dated(reading(path, services, progress))
    except drawings.NotPlain:
        findings = Findings()
        with drawings.plain(path, findings) as straight:
            extract = _dated(_Reader(straight, services, progress, again=True).run())
        drawings.restore(extract)
        findings.items.extend(Finding(f.code, drawings.own_names(f.id), drawings.own_names(f.detail)) for f in extract.findings)
        extract.findings = findings
        return extract


def part(path: Path, services: Collection[str], progress: Progress = None, which: str = "all") -> Extract:
    """One reading: `all`, only the `streets` (the `walk_*` fields), or the `others` (everything but those)."""
    return _Reader(path, services, progress, part=which).run()


def _dated(extract: Extract) -> Extract:
    """The date of the data: what the header says, else the newest edit. What two passes found is told once."""
    extract.findings.items = list(dict.fromkeys(extract.findings.items))
    if extract.newest.year == EPOCH:
        extract.findings.add("sources.no_timestamps", "", "no object says when it was last edited")
    elif extract.data_date is None:
        extract.data_date = extract.newest.isoformat().replace("+00:00", "Z")
    return extract


def _first_line(trouble: BaseException) -> str:
    return (str(trouble).strip().splitlines() or [type(trouble).__name__])[0].rstrip(".")


class _Reader:
    """The three passes and what they carry; alive during one call of `read`."""

    def __init__(
        self, path: Path, services: Collection[str], progress: Callable[[int], None] | None, *, again: bool = False, part: str = "all"
    ) -> None:
        self.path = path
        self.streets, self.others = part in {"all", "streets"}, part in {"all", "others"}
        self.again = again  # the file was made plain already
        self.mixed = not path.name.lower().endswith(".pbf")  # XML may hold deleted objects without being a history file
        self.absent: list[int] = []
        self.in_parts: set[int] = set()
        self.progress = progress
        self.out = Extract()
        self.wkb = osmium.geom.WKBFactory()
        self.locations = osmium.index.create_map("flex_mem")
        self.areas = osmium.area.AreaManager()
        self.members: set[int] = set()
        self.square_members: set[int] = set()
        self.corners: dict[tuple[float, float], int] = {}
        walk_keys = rules.walk_keys()
        self.walk_keys = frozenset(walk_keys)
        self.street_keys = (*tag_reader.STREET_KEYS, *(key for key in walk_keys if key not in tag_reader.STREET_KEYS))
        self.walk_base = frozenset(rules.walk_base_keys()) - {"highway"}
        self.anchors = rules.service_anchors(services)
        asked = {*self.anchors, *BACKGROUND_KEYS}
        self.asked = frozenset(asked)
        self.other_keys = tuple(sorted(asked - {"highway"}))
        self.stop_keys = tuple(rules.stop_values())
        self.point_keys = tuple(dict.fromkeys((*self.stop_keys, *NODE_KEYS, *sorted(set(self.anchors) - {"building"}))))
        self.shape_keys = sorted({*asked, *self.walk_base, "building", "highway"})

    def run(self) -> Extract:
        out = self.out
        self._header()
        if self.others:
            self._relations()
        self._nodes_and_ways()
        if not self.again and (drawings.repeated(out, self.in_parts) or drawings.come_later(self.path, out, self.absent)):
            raise drawings.NotPlain
        if self.others:
            self._areas()
        out.lines.sort(key=lambda shape: int(shape.id.partition("/")[2]))  # the same order, however many processes read
        return out

    def _header(self) -> None:
        with osmium.io.Reader(str(self.path), osmium.osm.NOTHING) as reader:
            header = reader.header()
            box = header.box()
            if box.valid():
                low, high = box.bottom_left, box.top_right
                self.out.box = (low.lon, low.lat, high.lon, high.lat)
            else:
                self.out.findings.add("sources.no_header_box", "", "extent taken from the data")
            self.out.synthetic = "synthetic" in header.get("generator")
            stamp = header.get("osmosis_replication_timestamp") or header.get("timestamp")
            self.out.data_date = stamp or None
            if header.has_multiple_object_versions or (not self.again and header.get("generator").startswith("JOSM")):
                raise drawings.NotPlain

    def _relations(self) -> None:
        """First pass: relations that are areas, and which ways they need."""
        keep = osmium.filter.KeyFilter(*self.shape_keys)
        first_pass = self.areas.first_pass_handler()  # held by name: the iterator does not keep its handlers alive
        with osmium.io.Reader(str(self.path), osmium.osm.RELATION) as reader:
            for relation in _objects(reader, keep, first_pass):
                self._relation(relation)

    def _nodes_and_ways(self) -> None:
        """Second pass: everything that has a tag we ask for."""
        located = osmium.NodeLocationsForWays(self.locations)
        located.ignore_errors()
        handlers: list[Any] = [located]
        if not self.streets:  # buildings and areas, and untagged ways that bound them
            handlers.append(osmium.filter.EntityFilter(osmium.osm.WAY))
        else:
            handlers.append(_for(osmium.osm.NODE, osmium.filter.KeyFilter(*self.point_keys)))
        if not self.others:
            handlers.append(_for(osmium.osm.WAY, osmium.filter.KeyFilter("highway", *self.walk_base)))
        seen, way, mixed = 0, osmium.osm.Way, self.mixed
        with osmium.io.Reader(str(self.path), osmium.osm.NODE | osmium.osm.WAY) as reader:
            for thing in _objects(reader, *handlers):
                seen += 1
                if mixed and thing.deleted:
                    self.out.findings.add("sources.deleted_object", f"{'way' if type(thing) is way else 'node'}/{thing.id}")
                elif type(thing) is way:
                    self._way(thing)
                else:
                    self._node(thing)
                if self.progress is not None and not seen % 50_000:
                    self.progress(seen)

    def _areas(self) -> None:
        """Put areas together: here where that is plain, by libosmium in a third pass where it is not."""
        out = self.out
        named = {number: ways for number, (_, ways) in (*out.building_relations.items(), *out.area_relations.items())}
        joined, doubtful = rings.join(named, out.member_lines)
        for number, wkb in joined.items():
            self._area(number, wkb)
        if doubtful:
            self._doubtful_areas(doubtful, {way for number in doubtful for way in named[number]})
        assembled = {number for number, is_way in zip(out.building_id, out.building_is_way, strict=True) if not is_way}
        left = [ways for number, (_, ways) in out.building_relations.items() if number not in assembled]
        lacking = {way for ways in (*left, *(ways for _, ways in out.area_relations.values())) for way in ways}
        out.member_lines = {way: line for way, line in out.member_lines.items() if way in lacking}

    def _doubtful_areas(self, relations: set[int], ways: set[int]) -> None:
        """Third pass, without nodes, for relations that are not plain."""
        located = osmium.NodeLocationsForWays(self.locations)
        located.ignore_errors()
        members = _for(osmium.osm.WAY, osmium.filter.IdFilter(ways))
        ready: Any = osmium.BufferIterator()
        second_pass = self.areas.second_pass_to_buffer(ready)
        with osmium.io.Reader(str(self.path), osmium.osm.WAY) as reader:
            try:
                osmium.apply(reader, located, members, second_pass)
            except RuntimeError as trouble:
                if self.again or "out of order" not in str(trouble):
                    raise
                raise drawings.NotPlain from trouble
        for area in ready:
            if not area.from_way() and area.orig_id() in relations:
                with suppress(RuntimeError, ValueError):  # no valid area: it stays among those that could not be put together
                    self._area(area.orig_id(), self.wkb.create_multipolygon(area))

    def _date(self, thing: Any) -> None:
        stamp = thing.timestamp
        self.out.newest = max(self.out.newest, stamp)

    def _node(self, node: Any) -> None:
        found, _ = tag_reader.asked(node.tags, self.point_keys)
        if self.streets and not found.keys().isdisjoint(self.stop_keys) and (kind := rules.stop(found)):
            self.out.stop_refs.append(node.id)
            self.out.stop_kinds.append(kind)
        offers = self._offers(found)
        if not offers and found.keys().isdisjoint(NODE_KEYS):
            return
        if not node.location.valid():
            self.out.findings.add("sources.invalid_location", f"node/{node.id}")
            return
        self._date(node)
        self.out.points.append(Shape(f"node/{node.id}", dict(node.tags), self.wkb.create_point(node), offers=offers))

    def _anchored(self, key: str, value: str) -> bool:
        """Whether this tag may make an object a facility of a wanted service."""
        values = self.anchors.get(key, frozenset())
        return value in values or "*" in values or (";" in value and any(part.strip() in values for part in value.split(";")))

    def _offers(self, tags: dict[str, str]) -> bool:
        """Whether a tag of these may make an object a facility of a wanted service."""
        anchors = self.anchors
        return any(key in anchors and self._anchored(key, value) for key, value in tags.items())

    def _way(self, way: Any) -> None:
        tags = way.tags
        get = tag_reader.getter(tags)
        if self.others and way.id in self.members:
            self._member(way)
        if get("building", None) is not None:
            described = tag_reader.building_tags(tags)
            everything = described[4]
            if self.others:
                self._building_way(way, described)
            if self.streets and everything is not None and not everything.keys().isdisjoint(self.walk_base | {"highway"}):
                self._walk(way, everything, self._line(way))
            return
        highway = get("highway", None)
        if highway is not None:
            if self.streets:
                self._street(way, tags, highway)
        elif len(tags):
            self._other_way(way, dict(tags))

    def _other_way(self, way: Any, tags: dict[str, str]) -> None:
        """A way that is neither building nor highway: a platform, a pier, a fence, a park."""
        street = self.streets and not tags.keys().isdisjoint(self.walk_base)
        shown = self.others and not tags.keys().isdisjoint(self.asked)
        if not street and not shown:
            return
        line = self._line(way)
        if street:
            self._walk(way, tags, line)
        if shown and line is not None:
            self.out.lines.append(Shape(f"way/{way.id}", tags, line, way.ends_have_same_location(), self._offers(tags)))

    def _member(self, way: Any) -> None:
        """Keep the line of a way that bounds an area, and the nodes of one that bounds a square."""
        try:
            self.out.member_lines[way.id] = self.wkb.create_linestring(way, osmium.geom.use_nodes.ALL)
        except (osmium.InvalidLocationError, RuntimeError, ValueError):
            self._missing(way)
            return
        if way.id in self.square_members:
            self.corners.update(((node.lon, node.lat), node.ref) for node in way.nodes)

    def _street(self, way: Any, tags: Any, highway: str) -> None:
        get = tag_reader.getter(tags)
        found, complete = tag_reader.asked(tags, self.street_keys)
        line = self._line(way)
        self._walk(way, found, line)
        if line is None or (complete and found.keys().isdisjoint(self.other_keys) and not self._anchored("highway", highway)):
            return
        if self._anchored("highway", highway) or any(get(key, None) is not None for key in self.other_keys):
            everything = dict(tags)
            shape = Shape(f"way/{way.id}", everything, line, way.ends_have_same_location(), self._offers(everything))
            self.out.lines.append(shape)

    def _walk(self, way: Any, tags: dict[str, str], line: str | None) -> None:
        out = self.out
        walk_keys = self.walk_keys
        combo = out.combo(tuple([item for item in tags.items() if item[0] in walk_keys]))
        name = tags.get("name")
        if out.data_date is None or out.newest.year == EPOCH:
            self._date(way)
        runs = [(line, [node.ref for node in way.nodes])] if line is not None else []
        if line is None:  # a way with nodes missing is walked where it is known, never across the hole
            runs = [(_line_wkb(run), [ref for ref, _, _ in run]) for run in self._runs(way)]
            self.in_parts.add(way.id)
        for wkb, refs in runs:
            out.walk_id.append(way.id)
            out.walk_combo.append(combo)
            out.walk_name.append(name)
            out.walk_wkb.append(wkb)
            out.walk_refs.extend(refs)

    def _building_way(self, way: Any, described: BuildingTags) -> None:
        out = self.out
        try:
            line = self.wkb.create_linestring(way, osmium.geom.use_nodes.ALL)
        except (osmium.InvalidLocationError, RuntimeError, ValueError):
            known = [(node.ref, node.lon, node.lat) for node in way.nodes if node.location.valid()]
            self._missing(way)
            if len({(lon, lat) for _, lon, lat in known}) < 3:
                out.findings.add("sources.broken_ring", f"way/{way.id}", "a building with fewer than three known corners has no outline")
                return
            line = _line_wkb(known)
        out.building_id.append(way.id)
        out.building_is_way.append(True)
        out.building_tags.append(described)
        out.building_wkb.append(line)

    def _line(self, way: Any) -> str | None:
        try:
            return str(self.wkb.create_linestring(way, osmium.geom.use_nodes.ALL))
        except (osmium.InvalidLocationError, RuntimeError, ValueError):
            self._missing(way)
            return None

    def _missing(self, way: Any) -> None:
        unknown = [node.ref for node in way.nodes if not node.location.valid()]
        if not self.again and unknown and min(unknown) < 0:
            raise drawings.NotPlain
        if len(self.absent) < 1_000:
            self.absent += unknown
        total = len(way.nodes)
        known = total - len(unknown)
        if total > known:
            invalid = sum(not node.location.valid() and node.location.x != UNDEFINED for node in way.nodes)
            code = "sources.invalid_location" if invalid else "sources.missing_node"
            self.out.findings.add(code, f"way/{way.id}", f"{total - known} of {total} nodes")
        else:
            self.out.findings.add("sources.broken_ring", f"way/{way.id}", f"{total} node" if total == 1 else f"{total} nodes")

    def _runs(self, way: Any) -> list[list[tuple[int, float, float]]]:
        """Stretches of consecutive known nodes, two or more long."""
        runs: list[list[tuple[int, float, float]]] = [[]]
        for node in way.nodes:
            if node.location.valid():
                runs[-1].append((node.ref, node.lon, node.lat))
            elif runs[-1]:
                runs.append([])
        return [run for run in runs if len(run) > 1]

    def _relation(self, relation: Any) -> None:
        out = self.out
        out.relations += 1
        if relation.deleted:
            out.findings.add("sources.deleted_object", f"relation/{relation.id}")
            return
        get = relation.tags.get
        if get("type") not in {"multipolygon", "boundary"}:
            return
        ways = [(member.ref, member.role) for member in relation.members if member.type == "w"]
        if not self.again and (relation.id < 0 or any(ref < 0 for ref, _ in ways)):
            raise drawings.NotPlain
        if len(dict(ways)) < len(ways):
            out.findings.add("sources.duplicate_member", f"relation/{relation.id}", f"{len(ways) - len(dict(ways))} of {len(ways)} members")
        self.members.update(ref for ref, _ in ways)
        self._date(relation)
        if get("building") is not None:
            out.building_outers.extend(ref for ref, role in ways if role == "outer")
            out.building_relations[relation.id] = (tag_reader.building_tags(relation.tags), [ref for ref, _ in ways])
        else:
            out.area_relations[relation.id] = (dict(relation.tags), [ref for ref, _ in ways])
        if get("highway") is not None:
            self.square_members.update(ref for ref, _ in ways)

    def _area(self, number: int, wkb: str) -> None:
        out = self.out
        if number in out.building_relations:
            described = out.building_relations[number][0]
            out.building_id.append(number)
            out.building_is_way.append(False)
            out.building_tags.append(described)
            out.building_wkb.append(wkb)
            everything = described[4] or {}
        else:
            everything, _ = out.area_relations.pop(number)
            if not everything.keys().isdisjoint(self.asked):
                out.areas.append(Shape(f"relation/{number}", everything, wkb, closed=True, offers=self._offers(everything)))
        if "highway" in everything:
            combo = out.combo(tuple([item for item in everything.items() if item[0] in self.walk_keys]))
            outlines = shapely.get_rings(shapely.get_parts(shapely.from_wkb(wkb)))
            corners = [[(self.corners[lon, lat], lon, lat) for lon, lat in shapely.get_coordinates(ring).tolist()] for ring in outlines]
            out.square_rings.append((number, combo, corners))


def _objects(reader: Any, *handlers: Any) -> Iterator[Any]:
    """Objects of a file that the handlers let pass. They live until the next one is asked for."""
    return iter(osmium.OsmFileIterator(reader, *handlers))


def _for(kind: Any, chosen: Any) -> Any:
    """A filter that looks at one kind of object and lets the others pass."""
    chosen.enable_for(kind)
    return chosen


def _line_wkb(run: list[tuple[int, float, float]]) -> str:
    """Hex WKB of a line through known nodes, as libosmium writes it."""
    return str(shapely.to_wkb(shapely.linestrings([(lon, lat) for _, lon, lat in run]), hex=True))
