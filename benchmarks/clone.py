"""Clones of a real extract: a file of any size whose every building, street and tag is a real one.

Takes: an OSM file and a number of clones.   Gives: one sorted PBF with a header box, clones laid out on a grid.
Never: changes tags, drops an object, or lets two clones touch (each lies a whole extent and a margin away from the next).

    python benchmarks/clone.py SOURCE.osm.pbf 16 -o WORK/las_palmas_16.osm.pbf

Ids of clone k are the real ids plus k times a stride that is larger than any id or reference of the source, so references that are
missing in the source stay missing, and the file stays sorted (nodes, ways, relations, each by id).
"""

from __future__ import annotations

import argparse
import math
import time
from dataclasses import dataclass
from pathlib import Path

import osmium
from osmium.osm import RelationMember, mutable

MARGIN_DEG = 0.01
"""Empty strip between two clones, about 1.1 km: farther than any search for a street or a wall looks."""


@dataclass(frozen=True, slots=True)
class Survey:
    """What the source holds: how far it reaches, and the largest id (or reference) of each sort of object."""

    west: float
    south: float
    east: float
    north: float
    node: int
    way: int
    relation: int

    def stride(self, kind: str) -> int:
        """Id distance between two clones for `kind` ("n", "w" or "r"): above every id in use, with two leading digits."""
        largest = {"n": self.node, "w": self.way, "r": self.relation}[kind]
        unit = 10 ** max(0, len(str(largest)) - 2)
        return (largest // unit + 1) * unit


def survey(source: Path) -> Survey:
    """Read `source` once and say how far it reaches and which ids it uses."""
    west = south = math.inf
    east = north = -math.inf
    top = {"n": 1, "w": 1, "r": 1}
    for thing in osmium.FileProcessor(source):
        kind = thing.type_str()
        top[kind] = max(top[kind], thing.id)
        if kind == "n" and thing.location.valid():
            west, east = min(west, thing.lon), max(east, thing.lon)
            south, north = min(south, thing.lat), max(north, thing.lat)
        elif kind == "w":
            top["n"] = max(top["n"], max((node.ref for node in thing.nodes), default=0))
        elif kind == "r":
            for member in thing.members:
                top[member.type] = max(top[member.type], member.ref)
    if not math.isfinite(west):
        raise SystemExit(f"{source}: holds no node with a place, so there is nothing to clone")
    return Survey(west, south, east, north, top["n"], top["w"], top["r"])


def clone(source: Path, copies: int, out: Path) -> Survey:
    """Write `copies` clones of `source` to `out` and return the survey of the source.

    Clone 0 lies where the source lies; the others fill a square grid to its east and (alternately) north.
    """
    if copies < 1:
        raise SystemExit(f"copies is {copies}: give 1 or more")
    found = survey(source)
    columns = math.ceil(math.sqrt(copies))
    step_lon = _rounded_up(found.east - found.west + MARGIN_DEG)
    step_lat = _rounded_up(found.north - found.south + MARGIN_DEG)
    rows = math.ceil(copies / columns)
    if found.north + (rows - 1) * step_lat > 85 or found.east + (columns - 1) * step_lon > 180:
        raise SystemExit(f"{copies} clones of {source.name} reach beyond the edge of the world: take fewer")

    header = osmium.io.Header()
    header.add_box(
        osmium.osm.Box(found.west, found.south, found.east + (columns - 1) * step_lon, found.north + (rows - 1) * step_lat),
    )
    header.set("sorting", "Type_then_ID")
    header.set("generator", "circle benchmarks/clone.py")
    out.parent.mkdir(parents=True, exist_ok=True)
    with osmium.SimpleWriter(str(out), bufsz=8 * 1024 * 1024, header=header, overwrite=True) as writer:
        for k in range(copies):
            _nodes(source, writer, k * found.stride("n"), (k % columns) * step_lon, (k // columns) * step_lat)
        for k in range(copies):
            _ways(source, writer, k * found.stride("w"), k * found.stride("n"))
        for k in range(copies):
            _relations(source, writer, {kind: k * found.stride(kind) for kind in "nwr"})
    return found


def _rounded_up(degrees: float) -> float:
    return math.ceil(round(degrees * 100, 6)) / 100


def _nodes(source: Path, writer: osmium.SimpleWriter, more: int, east: float, north: float) -> None:
    for node in osmium.FileProcessor(source, osmium.osm.NODE):
        location = node.location
        place = (location.lon + east, location.lat + north) if location.valid() else location
        writer.add_node(mutable.Node(node, id=node.id + more, location=place))


def _ways(source: Path, writer: osmium.SimpleWriter, more: int, more_nodes: int) -> None:
    for way in osmium.FileProcessor(source, osmium.osm.WAY):
        writer.add_way(mutable.Way(way, id=way.id + more, nodes=[node.ref + more_nodes for node in way.nodes]))


def _relations(source: Path, writer: osmium.SimpleWriter, more: dict[str, int]) -> None:
    for relation in osmium.FileProcessor(source, osmium.osm.RELATION):
        members = [RelationMember(member.ref + more[member.type], member.type, member.role) for member in relation.members]
        writer.add_relation(mutable.Relation(relation, id=relation.id + more["r"], members=members))


def main() -> None:
    """Read the command line, clone, and say what came of it."""
    parser = argparse.ArgumentParser(description="Clone a real OSM extract, for benchmarks.")
    parser.add_argument("source", type=Path)
    parser.add_argument("copies", type=int)
    parser.add_argument("-o", "--out", type=Path, required=True)
    given = parser.parse_args()
    start = time.perf_counter()
    clone(given.source, given.copies, given.out)
    took = time.perf_counter() - start
    print(f"{given.out}: {given.copies} clones, {given.out.stat().st_size / 1e6:.1f} MB, {took:.1f} s")


if __name__ == "__main__":
    main()
