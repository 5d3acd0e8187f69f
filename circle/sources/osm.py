"""What an OpenStreetMap file holds of what the rules ask for: streets, buildings, points, lines and areas.

Takes: a file that `integrity` has let through, and the keys that the rules ask for.   Gives: `Extract`, arrays and lists.
Never: decides what a tag means (the rules do), or drops an object without a finding.

Objects are never looked at one by one where there are many: `pbf` gives the whole file as columns, and what is asked of nodes and ways is
asked of all at once. Files of other formats, and files that are not in order, are first written as a plain PBF file by libosmium.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Collection
from contextlib import ExitStack
from datetime import UTC, datetime
from itertools import compress
from pathlib import Path

import numpy as np
import osmium
import shapely
from numpy.typing import NDArray

from circle import rules
from circle.errors import Finding, Findings, PlaceError, SourceError
from circle.sources import drawings, geometry, pbf, rings
from circle.sources.extract import BuildingTags, Extract, Shape
from circle.sources.lines import DIGITS, Ways, valid
from circle.sources.tags import NONE, Tags

BACKGROUND_KEYS = ("landuse", "leisure", "natural", "waterway", "railway", "barrier", "boundary", "place", "man_made")
NODE_KEYS = ("entrance", "barrier")
PLAIN_KEYS = (  # a building that says nothing else, and has no name, is described by four of them
    *("building", "addr:housenumber", "addr:street", "building:levels", "addr:city", "addr:postcode", "addr:country"),
    *("source", "type", "roof:shape", "roof:levels", "height"),
)

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Shapes = NDArray[np.object_]


Progress = Callable[[int], None] | None


def read(path: Path, services: Collection[str], progress: Progress = None) -> Extract:
    """Read an OSM file (`.osm.pbf`, `.osm`, `.osm.gz`, `.osm.bz2`).

    Parameters
    ----------
    path
        A file that `integrity.inspect` has let through.
    services
        Services whose facilities are wanted.
    progress
        Called now and then with the number of objects seen.

    Raises
    ------
    SourceError
        The file breaks off, is damaged, or cannot be decoded.
    """
    collecting = gc.isenabled()
    gc.disable()  # many small objects and not one cycle: looking for cycles would take longer than reading
    try:
        return _dated(_read(path, services, progress))
    except (RuntimeError, ValueError, MemoryError) as trouble:
        if isinstance(trouble, SourceError | PlaceError):
            raise
        raise SourceError(
            f"{path} is damaged or cut short ({_first_line(trouble)}). Fetch the file again and compare its size or checksum."
        ) from trouble
    finally:
        if collecting:
            gc.enable()


def _read(path: Path, services: Collection[str], progress: Progress) -> Extract:
    """Read as it stands; a drawing, a file that is not sorted, or one with several versions is made plain first."""
    out = Extract()
    in_order = _header(path, out)
    with ExitStack() as stack:
        columns = None
        if in_order:
            try:
                columns = pbf.read(path if path.name.lower().endswith(".pbf") else _as_pbf(path, out, stack), progress)
            except pbf.Unusual:
                columns = pbf.read(_as_pbf(path, out, stack), progress)
        if columns is None or not drawings.is_plain(columns):
            out.findings.items = [finding for finding in out.findings if not finding.id]  # `plain` tells of deleted objects itself
            mended = Findings()
            columns = pbf.read(stack.enter_context(drawings.plain(path, mended)), progress)
            _Reader(columns, services, out).run()
            drawings.restore(out)
            out.findings.items = [Finding(f.code, drawings.own_names(f.id), drawings.own_names(f.detail)) for f in out.findings]
            out.findings.items = [*mended, *out.findings]
        else:
            _Reader(columns, services, out).run()
    return out


def _as_pbf(path: Path, out: Extract, stack: ExitStack) -> Path:
    return stack.enter_context(drawings.as_pbf(path, out.findings))


def _header(path: Path, out: Extract) -> bool:
    """What the header says; whether the file may be read as it stands."""
    with osmium.io.Reader(str(path), osmium.osm.NOTHING) as reader:
        header = reader.header()
        box = header.box()
        if box.valid():
            low, high = box.bottom_left, box.top_right
            out.box = (low.lon, low.lat, high.lon, high.lat)
        else:
            out.findings.add("sources.no_header_box", "", "extent taken from the data")
        out.synthetic = "synthetic" in header.get("generator")
        out.data_date = header.get("osmosis_replication_timestamp") or header.get("timestamp") or None
        return not (header.has_multiple_object_versions or header.get("generator").startswith("JOSM"))


def _dated(extract: Extract) -> Extract:
    """The date of the data: what the header says, else the newest edit. What was found twice is told once."""
    extract.findings.items = list(dict.fromkeys(extract.findings.items))
    if not extract.newest:
        extract.findings.add("sources.no_timestamps", "", "no object says when it was last edited")
    elif extract.data_date is None:
        extract.data_date = datetime.fromtimestamp(extract.newest, UTC).isoformat().replace("+00:00", "Z")
    return extract


def _first_line(trouble: BaseException) -> str:
    return (str(trouble).strip().splitlines() or [type(trouble).__name__])[0].rstrip(".")


class _Reader:
    """What one file gives; alive during one call of `read`."""

    def __init__(self, columns: pbf.Columns, services: Collection[str], out: Extract) -> None:
        self.words, self.nodes, self.ways, self.relations = columns.words, columns.nodes, columns.ways, columns.relations
        self.out = out
        self.members: set[int] = set()
        self.square_members: set[int] = set()
        self.corners: dict[tuple[float, float], int] = {}
        self.walk_keys = frozenset(rules.walk_keys())
        self.walk_base = frozenset(rules.walk_base_keys()) - {"highway"}
        self.anchors = rules.service_anchors(services)
        self.asked = frozenset({*self.anchors, *BACKGROUND_KEYS})
        self.stop_keys = frozenset(rules.stop_values())
        self.combo_codes: dict[frozenset[tuple[str, str]], int] = {}

    def run(self) -> Extract:
        self._relations()
        self._nodes()
        self._ways()
        self._areas()
        return self.out

    # --- what may make an object a facility

    def _anchored(self, key: str, value: str) -> bool:
        """Whether this tag may make an object a facility of a wanted service."""
        values = self.anchors.get(key, frozenset())
        return value in values or "*" in values or (";" in value and any(part.strip() in values for part in value.split(";")))

    def _offers(self, tags: Tags, keys: Collection[str]) -> Bools:
        """Which objects have a tag of these keys that may make them a facility of a wanted service."""
        return tags.any_pair([(key, [value for value in tags.said(key) if self._anchored(key, value)]) for key in sorted(keys)])

    def _combo(self, tags: dict[str, str]) -> int:
        """Code of the walking tags among these."""
        walking = {key: value for key, value in tags.items() if key in self.walk_keys}
        code = self.combo_codes.setdefault(frozenset(walking.items()), len(self.combo_codes))
        if code == len(self.out.combos):
            self.out.combos.append(walking)
        return code

    # --- nodes

    def _nodes(self) -> None:
        """Points that may be facilities, doors or gates, and nodes at which one waits."""
        nodes, out = self.nodes, self.out
        keys = (set(self.anchors) - {"building"}) | self.stop_keys | set(NODE_KEYS)
        chosen = np.flatnonzero(nodes.tags.any_of(keys))
        tags = nodes.tags.take(chosen)
        waits = np.flatnonzero(tags.any_of(self.stop_keys))
        described = tags.take(waits).only(keys).dictionaries()
        told: dict[int, str] = {}  # nodes that say the same share one dictionary
        for row, found in zip(waits.tolist(), described, strict=True):
            if id(found) not in told:
                told[id(found)] = rules.stop(found)
            if kind := told[id(found)]:
                out.stop_refs.append(int(nodes.id[nodes.tagged[chosen[row]]]))
                out.stop_kinds.append(kind)
        offers = self._offers(tags, set(self.anchors) - {"building"})
        kept = np.flatnonzero(offers | tags.any_of(NODE_KEYS))
        rows = nodes.tagged[chosen[kept]]
        somewhere = valid(nodes.x[rows], nodes.y[rows])
        out.findings.extend("sources.invalid_location", [f"node/{number}" for number in nodes.id[rows[~somewhere]]])
        kept, rows = kept[somewhere], rows[somewhere]
        self._date(nodes.time[chosen[kept]])
        shapes = shapely.points(nodes.x[rows] / DIGITS, nodes.y[rows] / DIGITS)
        columns = zip(nodes.id[rows].tolist(), tags.take(kept).dictionaries(), shapes, offers[kept].tolist(), strict=True)
        out.points = [Shape(f"node/{number}", more, shape, offers=may) for number, more, shape, may in columns]

    def _date(self, times: Ints) -> None:
        self.out.newest = max(self.out.newest, int(times.max(initial=0)))

    # --- ways

    def _ways(self) -> None:
        """Everything that a tag or a relation asks for: members of areas, buildings, streets, and other lines."""
        ways = self.ways
        building, highway = ways.tags.values("building") != NONE, ways.tags.values("highway") != NONE
        base, others = ways.tags.any_of(self.walk_base), ways.tags.any_of(self.asked - {"highway"})
        member = np.isin(ways.id, np.fromiter(self.members, dtype=np.int64, count=len(self.members)))
        street = ~building & highway
        wanted = np.flatnonzero(member | building | highway | base | others)
        member, building, highway, street = (which[wanted] for which in (member, building, highway, street))
        tags = ways.tags.take(wanted)
        walked = highway | base[wanted]
        drawn = ~building & (others[wanted] | self._offers(tags, {"highway"} & self.anchors.keys()))
        way = Ways.of(ways, wanted, self.nodes)
        self._missing(way)
        self._members(way, np.flatnonzero(member & way.good))
        self._buildings(way, np.flatnonzero(building), tags)
        self._walks(way, walked, tags)
        self._lines(way, np.flatnonzero(drawn & way.good), tags)

    def _missing(self, way: Ways) -> None:
        """Ways some of whose nodes are nowhere, or that have fewer than two."""
        for row in np.flatnonzero(~way.good).tolist():
            total, unknown, impossible = way.missing(row)
            if unknown:
                code = "sources.invalid_location" if impossible else "sources.missing_node"
                self.out.findings.add(code, f"way/{way.id[row]}", f"{unknown} of {total} nodes")
            else:
                self.out.findings.add("sources.broken_ring", f"way/{way.id[row]}", f"{total} node" if total == 1 else f"{total} nodes")

    def _members(self, way: Ways, rows: Ints) -> None:
        """Keep the lines of ways that bound an area, and the nodes of those that bound a square."""
        bounds = way.lines(rows)
        self.out.member_lines = dict(zip(bounds.id.tolist(), geometry.lines(bounds.points, bounds.count), strict=True))
        for row in rows.tolist():
            if way.id[row] in self.square_members:
                self.corners.update(((lon, lat), ref) for ref, lon, lat in filter(None, way.corners(row)))

    def _buildings(self, way: Ways, rows: Ints, tags: Tags) -> None:
        """Outlines of building ways as they are drawn; where corners are missing, the others."""
        out = self.out
        known = [(row, [corner for corner in way.corners(row) if corner is not None]) for row in rows[~way.good[rows]].tolist()]
        runs = [(row, corners) for row, corners in known if len({(lon, lat) for _, lon, lat in corners}) >= 3]
        lost = np.setdiff1d(rows[~way.good[rows]], [row for row, _ in runs])
        told = "a building with fewer than three known corners has no outline"
        out.findings.extend("sources.broken_ring", [f"way/{number}" for number in way.id[lost]], told)
        rows = np.setdiff1d(rows, lost)
        out.building_ways = way.lines(rows[way.good[rows]], runs)
        out.building_id = way.id[rows].tolist()
        out.building_is_way = [True] * len(rows)
        out.building_tags = described(tags.take(rows))

    def _walks(self, way: Ways, walked: Bools, tags: Tags) -> None:
        """Streets; one with nodes missing is walked where it is known, never across the hole."""
        out = self.out
        rows = np.flatnonzero(walked)
        self._date(way.time[rows])
        runs = [(row, run) for row in rows[~way.good[rows]].tolist() for run in way.runs(row)]
        good = rows[way.good[rows]]
        out.walks = way.lines(good, runs)
        rows = np.sort(np.r_[good, np.asarray([row for row, _ in runs], dtype=np.int64)])
        walking = tags.take(rows)
        out.walk_name = ["" if name is None else name for name in self.words.spelled(walking.values("name")).tolist()]
        found, which = walking.only(self.walk_keys).different()
        out.walk_combo = np.asarray([*map(self._combo, found)], dtype=np.int64)[which]

    def _lines(self, way: Ways, rows: Ints, tags: Tags) -> None:
        rows = rows[np.argsort(way.id[rows], kind="stable")]  # the same order, however the file is sorted
        drawn = way.lines(rows)
        closed = geometry.ends_meet(drawn.points, drawn.count)
        lines = geometry.lines(drawn.points, drawn.count)
        tags = tags.take(rows)
        offers = self._offers(tags, self.anchors.keys())
        both = zip(way.id[rows].tolist(), tags.dictionaries(), lines, closed.tolist(), offers.tolist(), strict=True)
        self.out.lines = [Shape(f"way/{number}", more, line, ring, may) for number, more, line, ring, may in both]

    # --- relations and areas

    def _relations(self) -> None:
        """Relations that are areas, and which ways they need."""
        out, relations = self.out, self.relations
        deleted = sum(finding.id.startswith("relation/") for finding in out.findings if finding.code == "sources.deleted_object")
        out.relations = len(relations.id) + deleted
        kind = relations.tags.values("type")
        areal = np.isin(kind, [self.words.code("multipolygon"), self.words.code("boundary")]) & (kind != NONE)
        rows = np.flatnonzero(areal & relations.tags.any_of({*self.asked, *self.walk_base, "building", "highway"}))
        self._date(relations.time[rows])
        tags = relations.tags.take(rows)
        building = tags.values("building") != NONE
        square = tags.values("highway") != NONE
        everything, short = tags.dictionaries(), described(tags)
        numbers, members = relations.id[rows].tolist(), relations.kind == 1
        before, ref = np.r_[0, np.cumsum(members)][relations.first], relations.ref[members].tolist()
        outer = (relations.role[members] == self.words.code("outer")).tolist()
        for place, (number, start, stop) in enumerate(zip(numbers, before[rows].tolist(), before[rows + 1].tolist(), strict=True)):
            ways = ref[start:stop]
            if len(set(ways)) < len(ways):
                out.findings.add("sources.duplicate_member", f"relation/{number}", f"{len(ways) - len(set(ways))} of {len(ways)} members")
            self.members.update(ways)
            if building[place]:
                out.building_outers.extend(compress(ways, outer[start:stop]))
                out.building_relations[number] = (short[place], ways)
            else:
                out.area_relations[number] = (everything[place], ways)
            if square[place]:
                self.square_members.update(ways)

    def _areas(self) -> None:
        """Put areas together: here where that is plain, by libosmium where it is not."""
        out = self.out
        named = {number: ways for number, (_, ways) in (*out.building_relations.items(), *out.area_relations.items())}
        joined, doubtful = rings.join(named, out.member_lines)
        for number, area in joined.items():
            self._area(number, area)
        if doubtful:
            for number, area in rings.assembled({number: named[number] for number in sorted(doubtful)}, out.member_lines):
                self._area(number, area)
        assembled = {number for number, is_way in zip(out.building_id, out.building_is_way, strict=True) if not is_way}
        left = [ways for number, (_, ways) in out.building_relations.items() if number not in assembled]
        lacking = {way for ways in (*left, *(ways for _, ways in out.area_relations.values())) for way in ways}
        out.member_lines = {way: line for way, line in out.member_lines.items() if way in lacking}

    def _area(self, number: int, area: shapely.Geometry) -> None:
        out = self.out
        if number in out.building_relations:
            short = out.building_relations[number][0]
            out.building_id.append(number)
            out.building_is_way.append(False)
            out.building_tags.append(short)
            out.building_areas.append(area)
            everything = short[4] or {}
        else:
            everything, _ = out.area_relations.pop(number)
            if not everything.keys().isdisjoint(self.asked):
                may = any(key in self.anchors and self._anchored(key, value) for key, value in everything.items())
                out.areas.append(Shape(f"relation/{number}", everything, area, closed=True, offers=may))
        if "highway" in everything:
            outlines = shapely.get_rings(shapely.get_parts(area))
            corners = [[(self.corners[lon, lat], lon, lat) for lon, lat in shapely.get_coordinates(ring).tolist()] for ring in outlines]
            out.square_rings.append((number, self._combo(everything), corners))


def described(tags: Tags) -> list[BuildingTags]:
    """What buildings say: the four that nearly all rows need, and everything only where there is more than an address."""
    four = [tags.words.spelled(tags.values(key)) for key in ("building", "name", "addr:housenumber", "building:levels")]
    more = np.full(len(tags), None, dtype=object)
    told = np.flatnonzero(tags.only(PLAIN_KEYS).count < tags.count)
    more[told] = np.asarray([*tags.take(told).dictionaries(), None], dtype=object)[:-1]
    return list(zip(*four, more, strict=True))
