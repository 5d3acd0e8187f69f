"""Tiny OpenStreetMap files for tests: drawn in metres, written as XML or PBF into a temporary folder."""

from __future__ import annotations

import bz2
import gzip
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree as ET

import osmium

LON, LAT = 114.9, 30.2
DEGREE_M = 110_850.0  # of latitude, here
DEGREE_LON_M = 96_290.0


def place(x: float, y: float) -> tuple[float, float]:
    """Longitude and latitude of a point given in metres east and north of the middle of the drawing."""
    return LON + x / DEGREE_LON_M, LAT + y / DEGREE_M


@dataclass
class Drawing:
    """OSM elements in the order in which they will stand in the file; ids count up from `first`, or down from -1."""

    first: int = 1
    step: int = 1
    elements: list[ET.Element] = field(default_factory=list)
    bounds: tuple[float, float, float, float] | None = (-2000.0, -2000.0, 2000.0, 2000.0)
    generator: str = "test"

    def add(self, kind: str, tags: dict[str, str], id: int | None = None, **attributes: str) -> ET.Element:
        """Append an element."""
        number = id if id is not None else self.first + self.step * len(self.elements)
        element = ET.Element(kind, id=str(number), version="1", timestamp="2024-05-01T00:00:00Z", **attributes)
        for key, value in tags.items():
            ET.SubElement(element, "tag", k=key, v=value)
        self.elements.append(element)
        return element

    def node(self, x: float, y: float, tags: dict[str, str] | None = None, **more: str) -> int:
        """A node at metres `x`, `y`; gives its id."""
        lon, lat = place(x, y)
        return int(self.add("node", tags or {}, lon=f"{lon:.7f}", lat=f"{lat:.7f}", **more).get("id"))

    def way(self, nodes: Iterable[int], tags: dict[str, str], id: int | None = None, **more: str) -> int:
        """A way through nodes."""
        element = self.add("way", tags, id, **more)
        element[:0] = [ET.Element("nd", ref=str(ref)) for ref in nodes]
        return int(element.get("id"))

    def line(self, points: Iterable[tuple[float, float]], tags: dict[str, str], **more: str) -> int:
        """A way through new nodes."""
        return self.way([self.node(x, y) for x, y in points], tags, **more)

    def box(self, x: float, y: float, tags: dict[str, str], width: float = 12.0, depth: float = 10.0, **more: str) -> int:
        """A rectangle with its lower left corner at `x`, `y`."""
        ring = [self.node(x + dx, y + dy) for dx, dy in ((0, 0), (width, 0), (width, depth), (0, depth))]
        return self.way([*ring, ring[0]], tags, **more)

    def relation(self, members: Iterable[tuple[str, int, str]], tags: dict[str, str], **more: str) -> int:
        """A relation of (kind, id, role)."""
        element = self.add("relation", tags, **more)
        element[:0] = [ET.Element("member", type=kind, ref=str(ref), role=role) for kind, ref, role in members]
        return int(element.get("id"))

    def text(self, *, order: str = "nodes first") -> str:
        """The file as XML. `order`: `nodes first`, `as drawn`, or `ways first` (as `out body; >; out skel;` of Overpass gives it)."""
        root = ET.Element("osm", version="0.6", generator=self.generator)
        if self.bounds is not None:
            (west, south), (east, north) = place(*self.bounds[:2]), place(*self.bounds[2:])
            ET.SubElement(root, "bounds", minlon=str(west), minlat=str(south), maxlon=str(east), maxlat=str(north))
        kinds = {"nodes first": ["node", "way", "relation"], "ways first": ["relation", "way", "node"], "as drawn": []}[order]
        root.extend(sorted(self.elements, key=lambda element: kinds.index(element.tag)) if kinds else self.elements)
        return ET.tostring(root, encoding="unicode", xml_declaration=True)

    def write(self, path: Path, *, order: str = "nodes first") -> Path:
        """Write the file; its suffix says how: .osm, .osm.gz, .osm.bz2 or .osm.pbf."""
        raw = self.text(order=order).encode()
        if path.name.endswith(".pbf"):
            xml = path.with_name(path.name.removesuffix(".osm.pbf") + ".made.osm")
            xml.write_bytes(raw)
            as_pbf(xml, path)
            xml.unlink()
        else:
            path.write_bytes(gzip.compress(raw) if path.suffix == ".gz" else bz2.compress(raw) if path.suffix == ".bz2" else raw)
        return path


def as_pbf(source: Path, target: Path) -> Path:
    """The same objects as a PBF file, one kind after the other."""
    with osmium.io.Reader(str(source), osmium.osm.NOTHING) as reader:
        header = reader.header()
    with osmium.SimpleWriter(str(target), header=header, overwrite=True) as writer:
        for thing in osmium.FileProcessor(str(source)):
            writer.add(thing)
    return target


def village(*, first: int = 1, step: int = 1, leave_out: frozenset[str] = frozenset()) -> Drawing:
    """A street with side paths, eight homes and the five services of the five-minute circle; `leave_out` names what is not drawn."""
    map_ = Drawing(first, step)
    if "roads" not in leave_out:
        street = [map_.node(x, 0) for x in range(-200, 201, 100)]
        map_.way(street, {"highway": "residential", "name": "矿一路"})
        for node, x in zip(street, range(-200, 201, 100), strict=True):
            map_.way([node, map_.node(x, 60)], {"highway": "footway"})
    if "buildings" not in leave_out:
        for x in range(-190, 200, 100):
            map_.box(x, 12, {"building": "apartments", "building:levels": "6"})
            map_.box(x, -24, {"building": "residential", "name": f"{x + 191} 号楼"})
    services = {
        "shop": {"shop": "convenience", "name": "便民超市"},
        "market": {"amenity": "marketplace", "name": "菜市场"},
        "bus_stop": {"highway": "bus_stop", "name": "矿一路"},
        "service_centre": {"amenity": "community_centre", "name": "矿山社区服务中心"},
        "clinic": {"amenity": "clinic", "name": "矿山社区卫生服务站"},
    }
    for x, (service, tags) in zip(range(-150, 200, 75), services.items(), strict=True):
        if service not in leave_out and "services" not in leave_out:
            map_.node(x, 8, tags)
    if "relations" not in leave_out:
        ring = map_.box(-400, -400, {}, width=800, depth=800)
        map_.relation([("way", ring, "outer")], {"type": "multipolygon", "landuse": "residential", "name": "矿山社区"})
    return map_


def blocks(path: Path) -> Iterator[tuple[int, int, int]]:
    """Blocks of a PBF file: where each begins, where its data begins, where it ends. Independent of the reader under test."""
    data = path.read_bytes()
    at = 0
    while at < len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        header = data[at + 4 : at + 4 + length]
        size, shift, position = 0, 0, header.rindex(b"\x18") + 1  # `datasize` is the last field of the header
        while True:
            size |= (header[position] & 0x7F) << shift
            shift += 7
            position += 1
            if header[position - 1] < 0x80:
                break
        yield at, at + 4 + length, at + 4 + length + size
        at += 4 + length + size
