"""Whether a file is what it says, before and after it is read.

Takes: a path, and what was read from it.   Gives: findings, or a `SourceError` or `PlaceError` in one sentence that says what to do.
Never: reads OSM objects itself, or lets half a file pass for a whole one.
"""

from __future__ import annotations

import bz2
import gzip
import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from circle.errors import Findings, PlaceError, SourceError
from circle.sources.extract import Extract

SUFFIXES = (".osm.pbf", ".pbf", ".osm", ".osm.gz", ".osm.bz2", ".xml")
_HEAD = 4_096
_TAIL = 65_536
_BLOCK_MAX = 64 * 1024 * 1024  # the format forbids larger header or data blocks
MISSING_SHARE = 0.5


def inspect(path: Path) -> Findings:
    """Look at a file's name, first bytes, and block structure.

    Raises
    ------
    SourceError
        Missing, a folder, empty, unreadable, not OSM, or something else than its suffix says.
    """
    if not path.exists():
        raise SourceError(f"{path} does not exist. Check the path, or run `circle demo` for a place that is always there.")
    if path.is_dir():
        raise SourceError(f"{path} is a folder. Name the OSM file in it (.osm.pbf, .osm, .osm.gz or .osm.bz2).")
    name = path.name.lower()
    if not name.endswith(SUFFIXES):
        raise SourceError(
            f"{path} has a suffix that circle does not read. It reads {', '.join(SUFFIXES[:1] + SUFFIXES[2:5])}, "
            "a snapshot of `circle fetch` (.gpkg) and a study file (.toml)."
        )
    if not os.access(path, os.R_OK):
        raise SourceError(f"{path} may not be read by you. Ask for read permission, or copy the file.")
    with path.open("rb") as stream:
        head = stream.read(_HEAD)
    if not head:
        raise SourceError(f"{path} is empty. Fetch it again.")
    kind = _kind(path, head)
    wanted = "PBF" if name.endswith(".pbf") else "gzip" if name.endswith(".gz") else "bzip2" if name.endswith(".bz2") else "XML"
    if kind != wanted:
        raise SourceError(
            f"{path} is {_A[kind]}, not {_WHOLE.get(kind, wanted)} as its name says. "
            + _REMEDY.get(kind, f"Rename it to end in {_SUFFIX.get(kind, '?')}.")
        )
    findings = Findings()
    if kind == "PBF":
        _walk_blocks(path)
    else:
        _check_xml(path, wanted)
    return findings


_A = {
    "PBF": "a PBF file",
    "headless": "a piece of a PBF file whose header block is missing",
    "gzip": "a gzip file",
    "bzip2": "a bzip2 file",
    "XML": "OSM XML",
    "HTML": "a web page",
    "LFS": "a Git LFS pointer",
    "change": "an OSM change file",
    "o5m": "an o5m file",
    "zip": "a zip archive",
    "JSON": "JSON",
    "unknown": "something else",
}
_WHOLE = {"headless": "a whole one"}
_SUFFIX = {"PBF": ".osm.pbf", "gzip": ".osm.gz", "bzip2": ".osm.bz2", "XML": ".osm"}
_REMEDY = {
    "HTML": "The download was answered with a page, often a login or an error: open it to see, then fetch the file again.",
    "headless": "Its beginning was lost: fetch the file again and compare its size or checksum.",
    "LFS": "The data were not checked out: run `git lfs pull`.",
    "change": "A change file holds edits, not a place: apply it to an extract first.",
    "o5m": "Convert it with `osmium cat FILE.o5m -o FILE.osm.pbf`.",
    "zip": "Unpack it first.",
    "JSON": "Ask Overpass for [out:xml], or fetch an extract.",
    "unknown": "Fetch the file again, and compare its size or checksum.",
}


def _kind(path: Path, head: bytes) -> str:  # noqa: C901, PLR0911 - a list of signatures, read top to bottom
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if head[4:].startswith(b"\x0a\x09OSMHeader"):
        return "PBF"
    if head[4:].startswith(b"\x0a\x07OSMData"):
        return "headless"
    if head.startswith(b"\x1f\x8b"):
        return "gzip"
    if head.startswith(b"BZh"):
        return "bzip2"
    if head.startswith(b"PK\x03\x04"):
        return "zip"
    if head.startswith(b"\xff\xe0\x04o5m2"):
        return "o5m"
    if text.startswith(b"version https://git-lfs"):
        return "LFS"
    if text.startswith((b"<!doctype html", b"<html")) or b"<html" in text[:1024]:
        return "HTML"
    if b"<osmchange" in text:
        return "change"
    if text.startswith((b"{", b"[")):
        return "JSON"
    if b"<osm" in text or (path.suffix.lower() in {".osm", ".xml"} and text.startswith(b"<?xml")):
        return "XML"
    return "unknown"


def _walk_blocks(path: Path) -> None:
    """Follow the chain of PBF blocks to the end of the file: a file that was cut inside a block is told at once."""
    size = path.stat().st_size
    blocks = 0
    with path.open("rb") as stream:
        while (position := stream.tell()) < size:
            length = _block_length(stream.read(4))
            data = _data_size(stream.read(length)) if length is not None else None
            if length is None or data is None:
                raise SourceError(
                    f"{path} is damaged {position:,} bytes in ({blocks} blocks are whole). Fetch it again and compare its size or checksum."
                )
            stream.seek(data, os.SEEK_CUR)
            if stream.tell() > size:
                missing = stream.tell() - size
                raise SourceError(
                    f"{path} is cut short: at least {missing:,} bytes are missing at its end. Fetch it again and compare its size."
                )
            blocks += 1
    if blocks < 2:
        raise SourceError(f"{path} holds a header and no data. Fetch it again, or check how the extract was made.")


def _block_length(raw: bytes) -> int | None:
    if len(raw) < 4:
        return None
    length = int(struct.unpack(">I", raw)[0])
    return length if 0 < length <= 65_536 else None


def _data_size(header: bytes) -> int | None:
    """Field 3 (`datasize`) of a PBF BlobHeader."""
    position = 0
    while position < len(header):
        tag = header[position]
        position += 1
        value, shift = 0, 0
        while position < len(header):
            byte = header[position]
            position += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
        if tag == 0x18:
            return value if value <= _BLOCK_MAX else None
        if tag & 7 == 2:
            position += value
    return None


def _check_xml(path: Path, packed: str) -> None:
    """The end of an XML file: its closing tag, and no error that Overpass put there instead of data."""
    head, tail = b"", b""
    try:
        for part in _parts(path, packed):
            head = head or part[:_HEAD]
            tail = (tail + part)[-_TAIL:]
    except (OSError, EOFError, zlib.error) as trouble:
        raise SourceError(f"{path} is cut short or damaged: it does not unpack to its end. Fetch it again.") from trouble
    if packed != "XML" and (kind := _kind(Path(path.stem), head)) not in {"XML"}:
        raise SourceError(
            f"{path} is packed {_A[kind].partition(' ')[2] or _A[kind]}, not OSM XML. "
            + _REMEDY.get(kind, "Unpack it and use the file inside.")
        )
    for text in (head, tail):
        low = text.lower()
        start = low.find(b"<remark>")
        if start >= 0 and (b"error" in low[start:] or b"timed out" in low[start:]):
            what = text[start + 8 : start + 200].split(b"<")[0].decode("utf-8", "replace").strip()
            raise SourceError(
                f"{path} is an error answer of Overpass, not a whole place: “{what}”. "
                "Ask again for a smaller area or with a longer timeout."
            )
    if not tail.rstrip().endswith((b"</osm>", b"/>")):
        raise SourceError(f"{path} is cut short: it does not end in </osm>. Fetch it again.")


def _parts(path: Path, packed: str) -> Iterator[bytes]:
    stream: Any
    if packed == "XML":
        with path.open("rb") as stream:  # only its ends matter, and it may be large
            yield stream.read(_HEAD)
            stream.seek(max(_HEAD, path.stat().st_size - _TAIL))
            yield stream.read()
        return
    with gzip.open(path) if packed == "gzip" else bz2.open(path) as stream:
        while part := stream.read(1 << 20):
            yield part


def judge(path: Path, extract: Extract, findings: Findings) -> None:
    """Whether what was read is a place: ways to walk, buildings to start from, and no sign that the file broke off between two blocks.

    Raises
    ------
    PlaceError
        No way, or no building.
    SourceError
        Most ways lack their nodes: the file was cut, or is not in the order nodes, ways, relations.
    """
    if not (len(extract.walks.id) or extract.building_id or extract.points or extract.lines or extract.areas):
        raise PlaceError(f"{path} holds no object that circle knows: no street, building or facility. Check the area that was cut out.")
    lacking = findings.counts().get("sources.missing_node", 0)
    ways = len(np.unique(extract.walks.id)) + len(extract.building_id)
    if lacking > 20 and lacking > MISSING_SHARE * max(1, ways):
        raise SourceError(
            f"{path}: {lacking:,} ways refer to nodes that are not in the file before them. Either it was cut short (fetch it again), "
            "or it is not sorted (run `osmium sort FILE -o SORTED`)."
        )
    if not len(extract.walks.id):
        raise PlaceError(
            f"{path} holds nothing to walk on: no street or path. It may have been cut short, or filtered; use an extract with streets."
        )
    if not extract.building_id and not extract.building_relations:
        raise PlaceError(f"{path} holds no building, so there is nobody to start a walk. Use an extract with buildings.")
    if not extract.relations:
        findings.add("sources.no_relations", "", "the file ends with ways; if it should hold relations, it was cut between two blocks")
