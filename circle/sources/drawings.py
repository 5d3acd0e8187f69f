"""Files as editors and Overpass leave them, made into one that can be read in order.

Takes: a drawing with negative ids (JOSM), ways before their nodes (Overpass), several versions of an object (history, careless merging).
Gives: the same objects in a plain file: positive ids, sorted, the last version of each; and the way back from those ids.
Never: touches the file itself, or drops an object without a finding.

libosmium keeps no locations for negative ids and puts areas together only from sorted ways. Such files are small, so they are written once
more, into a temporary folder, instead of slowing down the reading of all others.
"""

from __future__ import annotations

import bz2
import gzip
import re
import tempfile
from array import array
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from xml.parsers import expat  # libosmium has read the file by then, and refuses entity declarations

import numpy as np
import osmium

from circle.errors import Findings, SourceError
from circle.sources import pbf
from circle.sources.extract import Extract

NEW = 2**42  # object -7 of a drawing is NEW + 7 in the plain file; ids of OpenStreetMap are some hundred times smaller
_ORDER = "nwr"
_KINDS = {"n": "node", "w": "way", "r": "relation"}
_NUMBER = re.compile(r"\b(node|way|relation)/(\d{13,})\b")


@contextmanager
def plain(path: Path, findings: Findings) -> Iterator[Path]:
    """The plain version of a file, for as long as the block lasts. What was left out or set right is a finding.

    Raises
    ------
    SourceError
        The file cannot be decoded, or there is no room for its plain version.
    """
    with tempfile.TemporaryDirectory(prefix="circle-") as place:
        loose, sorted_ = Path(place) / "loose.osm.pbf", Path(place) / "sorted.osm.pbf"
        try:
            header = _header(path, findings)
            _rewrite(path, loose, header, findings)
            everything = osmium.MergeInputReader()
            everything.add_file(str(loose))
            with osmium.io.Reader(str(loose), osmium.osm.NOTHING) as loosely, closing(osmium.io.Writer(str(sorted_), header)) as writer:
                everything.apply_to_reader(loosely, writer)
        except OSError as trouble:
            remedy = f"{place} has no room to sort it in ({trouble}). Run `osmium sort FILE -o SORTED`."
            raise SourceError(f"{path} is not sorted, and {remedy}") from trouble
        yield sorted_


@contextmanager
def as_pbf(path: Path, findings: Findings) -> Iterator[Path]:
    """The same objects in the same order as a PBF file packed in the usual way, for as long as the block lasts; deleted ones are findings.

    Raises
    ------
    SourceError
        There is no room for it.
    RuntimeError
        The file cannot be decoded.
    """
    with tempfile.TemporaryDirectory(prefix="circle-") as place:
        target = Path(place) / "same.osm.pbf"
        try:
            with osmium.SimpleWriter(str(target), overwrite=True) as writer:
                for thing in _things(path):
                    if thing.deleted:
                        findings.add("sources.deleted_object", f"{_KINDS[thing.type_str()]}/{thing.id}")
                    else:
                        writer.add(thing)
        except OSError as trouble:
            raise SourceError(f"{path} has to be unpacked, and {place} has no room for it ({trouble}). Free some space.") from trouble
        yield target


def is_plain(columns: pbf.Columns) -> bool:
    """Whether a file is in order, every object stands once, and no id is negative: else `plain` has to mend it first."""
    kinds = (columns.nodes, columns.ways, columns.relations)
    numbers = [*(each.id for each in kinds), columns.ways.ref, columns.relations.ref]
    if not columns.sorted_ or any(int(each.min(initial=0)) < 0 for each in numbers):
        return False
    return all((each.id[1:] > each.id[:-1]).all() or len(np.unique(each.id)) == len(each.id) for each in kinds)


def _header(path: Path, findings: Findings) -> Any:
    with osmium.io.Reader(str(path), osmium.osm.NOTHING) as reader:
        header = reader.header()
    if header.has_multiple_object_versions:
        findings.add("sources.history", "", "of every object only its last version is read")
        header.has_multiple_object_versions = False
    return header


def _rewrite(path: Path, target: Path, header: Any, findings: Findings) -> None:
    """Write the last version of every object that is not deleted, with positive ids."""
    struck = _struck_out(path)
    last = _survey(path, findings)
    with osmium.SimpleWriter(str(target), header=header, overwrite=True) as writer:
        for position, thing in enumerate(_things(path)):
            key = (thing.type_str(), thing.id)
            if last[key][1] != position:
                continue
            if thing.deleted or key in struck:
                findings.add("sources.deleted_object", f"{_KINDS[key[0]]}/{key[1]}")
            else:
                _add(writer, thing)


def _things(path: Path) -> Iterator[Any]:
    return iter(osmium.FileProcessor(str(path)))


def _survey(path: Path, findings: Findings) -> dict[tuple[str, int], tuple[int, int]]:
    """Version and position in the file of the last version of every object; what is odd about ids and order is a finding."""
    history = any(finding.code == "sources.history" for finding in findings)
    last: dict[tuple[str, int], tuple[int, int]] = {}
    before, unordered = "n", ""
    repeated: list[str] = []
    lowest = highest = 0
    for position, thing in enumerate(_things(path)):
        kind, number = key = (thing.type_str(), thing.id)
        lowest, highest = min(lowest, number), max(highest, number)
        if _ORDER.index(kind) < _ORDER.index(before):
            unordered = unordered or f"{_KINDS[kind]}/{number} stands after a {_KINDS[before]}"
        before = kind
        if key in last and not history:
            repeated.append(f"{_KINDS[kind]}/{number}")
        if key not in last or thing.version >= last[key][0]:
            last[key] = (thing.version, position)
    if lowest < 0 and highest >= NEW:
        raise SourceError(f"{path} mixes negative ids with ids above {NEW:,}. Renumber it first: `osmium renumber FILE -o RENUMBERED`.")
    if lowest < 0:
        findings.add("sources.drawing", "", "negative ids: objects that were drawn and never uploaded")
    if unordered:
        findings.add("sources.unordered", "", unordered)
    findings.extend("sources.duplicate_id", dict.fromkeys(repeated), "several versions of one object: the last one counts")
    return last


def _add(writer: Any, thing: Any) -> None:
    if thing.is_node():
        writer.add_node(thing.replace(id=_positive(thing.id)))
    elif thing.is_way():
        writer.add_way(thing.replace(id=_positive(thing.id), nodes=[_positive(node.ref) for node in thing.nodes]))
    else:
        writer.add_relation(thing.replace(id=_positive(thing.id), members=[(m.type, _positive(m.ref), m.role) for m in thing.members]))


def _positive(number: int) -> int:
    return number if number >= 0 else NEW - number


def _struck_out(path: Path) -> set[tuple[str, int]]:
    """Objects that JOSM marks as deleted and keeps in the file until they are uploaded; libosmium does not know the mark."""
    found: set[tuple[str, int]] = set()
    if path.name.lower().endswith(".pbf"):
        return found

    def start(name: str, attributes: dict[str, str]) -> None:
        if attributes.get("action") == "delete" and name in _KINDS.values():
            found.add((name[0], int(attributes["id"])))

    parser = expat.ParserCreate()
    parser.StartElementHandler = start
    suffix = path.suffix.lower()
    unpack: Any = {".gz": gzip.open, ".bz2": bz2.open}.get(suffix, partial(Path.open, mode="rb"))
    with unpack(path) as stream:
        parser.ParseFile(stream)
    return found


def restore(extract: Extract) -> None:
    """Give the objects of a drawing their own ids again."""
    for lines in (extract.walks, extract.building_ways):
        lines.id, lines.refs = (np.where(numbers > NEW, NEW - numbers, numbers) for numbers in (lines.id, lines.refs))
    extract.stop_refs = array("q", [_own(ref) for ref in extract.stop_refs])
    extract.building_id[:] = map(_own, extract.building_id)
    extract.building_outers[:] = map(_own, extract.building_outers)
    extract.building_relations = {_own(n): (tags, [_own(way) for way in ways]) for n, (tags, ways) in extract.building_relations.items()}
    extract.member_lines = {_own(way): line for way, line in extract.member_lines.items()}
    extract.area_relations = {_own(n): (tags, [_own(way) for way in ways]) for n, (tags, ways) in extract.area_relations.items()}
    extract.square_rings[:] = [
        (_own(number), combo, [[(_own(ref), lon, lat) for ref, lon, lat in ring] for ring in rings])
        for number, combo, rings in extract.square_rings
    ]
    for shape in (*extract.points, *extract.lines, *extract.areas):
        shape.id = own_names(shape.id)


def _own(number: int) -> int:
    return NEW - number if number > NEW else number


def own_names(text: str) -> str:
    """Text that names objects by the ids of the plain file, with their own ids.

    >>> own_names(f"way/{NEW + 7}")
    'way/-7'
    """
    return _NUMBER.sub(lambda match: f"{match[1]}/{_own(int(match[2]))}", text)
