"""A whole OSM PBF file as columns: ids, places, references and tags of all objects in NumPy arrays.

Takes: a plain PBF file (zlib or no packing, dense nodes).   Gives: `Columns`; no Python object for any node, way or relation.
Never: decides what a tag means, or decodes a text before somebody asks for it.

Messages are taken apart by protobuf's own reader. The numbers packed in them are declared as bytes here (on the wire they are the same) and
decoded for all objects of a block at once: a tenth of a microsecond an object, where an object each costs ten.
Format: https://wiki.openstreetmap.org/wiki/PBF_Format; the fields below carry its names and numbers.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from google.protobuf import descriptor_pb2, descriptor_pool, message, message_factory
from numpy.typing import NDArray

from circle.sources.tags import Tags, Words, first_of

Ints = NDArray[np.int64]
Progress = Callable[[int], None] | None

KINDS = ("node", "way", "relation")
_TYPES = {"int64": 3, "int32": 5, "bytes": 12, "string": 9}
_MESSAGES = {
    "BlobHeader": ("type=1 string", "datasize=3 int32"),
    "Blob": ("raw=1 bytes", "raw_size=2 int32", "zlib_data=3 bytes"),
    "StringTable": ("s=1 bytes*",),
    "Info": ("timestamp=2 int64",),
    "DenseInfo": ("timestamp=2 bytes",),
    "DenseNodes": ("id=1 bytes", "denseinfo=5 DenseInfo", "lat=8 bytes", "lon=9 bytes", "keys_vals=10 bytes"),
    "Way": ("id=1 int64", "keys=2 bytes", "vals=3 bytes", "info=4 Info", "refs=8 bytes"),
    "Relation": (
        *("id=1 int64", "keys=2 bytes", "vals=3 bytes", "info=4 Info"),
        *("roles_sid=8 bytes", "memids=9 bytes", "types=10 bytes"),
    ),
    "PrimitiveGroup": ("nodes=1 bytes*", "dense=2 DenseNodes", "ways=3 Way*", "relations=4 Relation*"),
    "PrimitiveBlock": (
        *("stringtable=1 StringTable", "primitivegroup=2 PrimitiveGroup*", "granularity=17 int32"),
        *("date_granularity=18 int32", "lat_offset=19 int64", "lon_offset=20 int64"),
    ),
}


class Unusual(Exception):  # noqa: N818 - no error: libosmium writes the file again in the usual way
    """Packed or laid out in a way that this reader leaves to libosmium."""


@dataclass(frozen=True, slots=True)
class Nodes:
    """All nodes: `id`; `x`, `y` in ten-millionths of a degree; `tagged`: rows that have tags; `tags` and `time` of those rows."""

    id: Ints
    x: Ints
    y: Ints
    tagged: Ints
    tags: Tags
    time: Ints


@dataclass(frozen=True, slots=True)
class Ways:
    """All ways: `id`, nodes `ref[first[i]:first[i + 1]]`, `tags`, `time` (seconds since 1970; 0: unknown)."""

    id: Ints
    first: Ints
    ref: Ints
    tags: Tags
    time: Ints


@dataclass(frozen=True, slots=True)
class Relations:
    """All relations: `id`; members `ref`, `kind` (0 node, 1 way, 2 relation), `role` (number of a word), as in `Ways`; `tags`, `time`."""

    id: Ints
    first: Ints
    ref: Ints
    kind: Ints
    role: Ints
    tags: Tags
    time: Ints


@dataclass(frozen=True, slots=True)
class Columns:
    """A file: `words` (all texts), `nodes`, `ways`, `relations`; `sorted_`: nodes stand before ways, and ways before relations."""

    words: Words
    nodes: Nodes
    ways: Ways
    relations: Relations
    sorted_: bool


def read(path: Path, progress: Progress = None) -> Columns:
    """Read a PBF file.

    Raises
    ------
    Unusual
        The file is packed otherwise than with zlib, or its nodes are not dense.
    ValueError
        It is damaged.
    """
    words = Words()
    parts: list[dict[str, _Part]] = []
    seen, order = 0, [0]
    for block, strings in _decoded(path):
        codes = words.codes(strings)
        for part in block.values():
            part.words(codes)
            seen += len(part["id"])
        order += sorted(KINDS.index(kind) for kind in block)
        parts.append(block)
        if progress is not None:
            progress(seen)
    return Columns(words, _nodes(parts, words), _ways(parts, words), _relations(parts, words), order == sorted(order))


class _Part(dict[str, NDArray[Any]]):
    """Columns of one kind of object in one block; `count_…` says how many entries each object has."""

    def words(self, codes: Ints) -> None:
        """Put the file's numbers of words for the block's own."""
        for name in ("key", "value", "role"):
            if name in self:
                column = self[name]
                if len(column) and (int(column.max()) >= len(codes) or int(column.min()) < 0):
                    raise ValueError("a text is missing")
                self[name] = codes[column]


def _decoded(path: Path) -> Iterator[tuple[dict[str, _Part], Sequence[bytes]]]:
    """Blocks in order, unpacked and decoded on all cores, a few ahead of whoever asks."""
    workers = max(1, min(4, os.cpu_count() or 1))
    with path.open("rb") as stream, ThreadPoolExecutor(workers) as pool:
        ahead: deque[Any] = deque()
        for data in _blobs(stream):
            ahead.append(pool.submit(_block, data))
            if len(ahead) > 2 * workers:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()


def _blobs(stream: Any) -> Iterator[bytes]:
    """Packed blocks of data, without the header."""
    types = _types()
    while length := stream.read(4):
        try:
            header = types["BlobHeader"].FromString(stream.read(struct.unpack(">I", length)[0]))
        except (struct.error, message.DecodeError) as trouble:
            raise ValueError("a block has no header") from trouble
        data = stream.read(header.datasize)
        if len(data) < header.datasize:
            raise ValueError("a block is cut short")
        if header.type == "OSMData":
            yield data
        elif header.type != "OSMHeader":
            raise ValueError(f"a block of unknown type {header.type[:20]!r}")


def _block(packed: bytes) -> tuple[dict[str, _Part], Sequence[bytes]]:
    """One block: columns by kind of object, and its texts."""
    block = _unpacked(packed)
    found: dict[str, list[_Part]] = {}
    for group in block.primitivegroup:
        if len(group.nodes):
            raise Unusual
        if group.HasField("dense"):
            found.setdefault("node", []).append(_dense(group.dense, block))
        if len(group.ways):
            found.setdefault("way", []).append(_objects(group.ways, {"ref": "refs"}))
        if len(group.relations):
            members = {"ref": "memids", "kind": "types", "role": "roles_sid"}
            found.setdefault("relation", []).append(_objects(group.relations, members))
    seconds = (block.date_granularity or 1000) / 1000
    columns = {kind: _Part(_chained(parts)) for kind, parts in found.items()}
    for part in columns.values():
        part["time"] = (part["time"] * seconds).astype(np.int64)
    return columns, list(block.stringtable.s)


def _unpacked(packed: bytes) -> Any:
    types = _types()
    try:
        blob = types["Blob"].FromString(packed)
        if not blob.zlib_data and not blob.raw:
            raise Unusual
        raw = zlib.decompress(blob.zlib_data) if blob.zlib_data else blob.raw
        block = types["PrimitiveBlock"].FromString(raw)
    except (zlib.error, message.DecodeError) as trouble:
        raise ValueError(f"a block cannot be decoded: {trouble}") from trouble
    if blob.zlib_data and len(raw) != blob.raw_size:
        raise ValueError("a block unpacks to another size than it says")
    return block


def _chained(parts: Sequence[dict[str, NDArray[Any]]]) -> dict[str, NDArray[Any]]:
    """The same columns of several parts, one after the other."""
    return dict(parts[0]) if len(parts) == 1 else {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _dense(dense: Any, block: Any) -> _Part:
    number = np.cumsum(_signed(_varints(dense.id)))
    scale = block.granularity or 100
    place = []
    for packed, offset in ((dense.lon, block.lon_offset), (dense.lat, block.lat_offset)):
        steps = _signed(_varints(packed))
        if len(steps) != len(number):
            raise ValueError("nodes without a place")
        place.append((np.cumsum(steps) * scale + offset) // 100 if (scale, offset) != (100, 0) else np.cumsum(steps))
    x, y = (np.clip(each, -(2**31), 2**31 - 1).astype(np.int32) for each in place)
    out = _Part(id=number, x=x, y=y)
    tags = _varints(dense.keys_vals)
    ends = np.flatnonzero(tags == 0)
    if len(tags) and len(ends) != len(number):
        raise Unusual  # a text with the number 0: rare, and ambiguous
    length = np.diff(np.r_[-1, ends]) - 1 if len(tags) else np.zeros(len(number), dtype=np.int64)
    if (length % 2).any():
        raise Unusual
    pairs = tags[tags != 0]
    tagged = length > 0
    time = np.zeros(len(number), dtype=np.int64)
    if tagged.any() and dense.denseinfo.timestamp:
        steps = _signed(_varints(dense.denseinfo.timestamp))
        if len(steps) == len(number):
            time = np.cumsum(steps)
    out.update(tagged=tagged, key=pairs[::2], value=pairs[1::2], count_key=length[tagged] // 2, time=time[tagged])
    return out


def _objects(objects: Any, lists: dict[str, str]) -> _Part:
    """Ways or relations of a group; `lists`: columns with several entries an object, and their fields."""
    out = _Part(
        id=np.fromiter([each.id for each in objects], dtype=np.int64, count=len(objects)),
        time=np.fromiter([each.info.timestamp for each in objects], dtype=np.int64, count=len(objects)),
    )
    for name, packed in {"key": "keys", "value": "vals", **lists}.items():
        values, count = _ragged([getattr(each, packed) for each in objects])
        out[name], out[f"count_{name}"] = values, count
    if (out["count_key"] != out["count_value"]).any():
        raise ValueError("keys without values")
    if "kind" in lists and ((out["count_ref"] != out["count_kind"]).any() or (out["count_ref"] != out["count_role"]).any()):
        raise ValueError("members without a kind or a role")
    out["ref"] = _summed(_signed(out["ref"]), out["count_ref"])
    return out


def _ragged(packed: list[bytes]) -> tuple[Ints, Ints]:
    """Numbers of many packed fields, and how many each holds."""
    data = b"".join(packed)
    values = _varints(data)
    length = np.fromiter(map(len, packed), dtype=np.int64, count=len(packed))
    before = np.r_[0, np.cumsum(np.frombuffer(data, dtype=np.uint8) < 0x80)]
    ends = np.cumsum(length)
    if len(data) and (np.frombuffer(data, dtype=np.uint8)[ends[length > 0] - 1] >= 0x80).any():
        raise ValueError("a number is cut short")
    return values, before[ends] - before[ends - length]


def _varints(data: bytes) -> Ints:
    """Numbers of seven bits a byte, the lowest first; the highest bit says that more follow."""
    raw = np.frombuffer(data, dtype=np.uint8)
    last = raw < 0x80
    if last.all():
        return raw.astype(np.int64)
    if not last[-1]:
        raise ValueError("a number is cut short")
    stop = np.flatnonzero(last)
    start = np.r_[0, stop[:-1] + 1]
    more = stop - start
    if int(more.max()) > 9:
        raise ValueError("a number is too long")
    values = (raw[start] & 0x7F).astype(np.int64)
    rows, step = np.flatnonzero(more), 1
    while len(rows):
        values[rows] |= (raw[start[rows] + step] & 0x7F).astype(np.int64) << (7 * step)
        step += 1
        rows = rows[more[rows] >= step]
    return values


def _signed(values: Ints) -> Ints:
    """Zigzag: the lowest bit is the sign."""
    return ((values >> 1) & (2**63 - 1)) ^ -(values & 1)


def _summed(steps: Ints, count: Ints) -> Ints:
    """Running sums within each object."""
    if not len(steps):
        return steps
    total = np.cumsum(steps)
    start = np.cumsum(count) - count
    return np.asarray(total - np.repeat(np.r_[0, total][start], count))


def _gathered(parts: list[dict[str, _Part]], kind: str, names: tuple[str, ...]) -> dict[str, NDArray[Any]]:
    """Columns of one kind of object from all blocks."""
    mine = [part[kind] for part in parts if kind in part]
    return {name: np.concatenate([part.pop(name) for part in mine]) if mine else np.empty(0, dtype=np.int64) for name in names}


def _nodes(parts: list[dict[str, _Part]], words: Words) -> Nodes:
    names = ("id", "x", "y", "tagged", "key", "value", "count_key", "time")
    column = _gathered(parts, "node", names)
    tags = Tags(words, first_of(column["count_key"]), column["key"], column["value"])
    return Nodes(column["id"], column["x"], column["y"], np.flatnonzero(column["tagged"]), tags, column["time"])


def _ways(parts: list[dict[str, _Part]], words: Words) -> Ways:
    column = _gathered(parts, "way", ("id", "time", "key", "value", "count_key", "ref", "count_ref"))
    tags = Tags(words, first_of(column["count_key"]), column["key"], column["value"])
    return Ways(column["id"], first_of(column["count_ref"]), column["ref"], tags, column["time"])


def _relations(parts: list[dict[str, _Part]], words: Words) -> Relations:
    column = _gathered(parts, "relation", ("id", "time", "key", "value", "count_key", "ref", "kind", "role", "count_ref"))
    tags = Tags(words, first_of(column["count_key"]), column["key"], column["value"])
    members = (first_of(column["count_ref"]), column["ref"], column["kind"], column["role"])
    return Relations(column["id"], *members, tags, column["time"])


@lru_cache(maxsize=1)
def _types() -> dict[str, Any]:
    """Message classes made from `_MESSAGES`."""
    file = descriptor_pb2.FileDescriptorProto(name="circle/osm.proto", package="circle", syntax="proto2")
    for name, fields in _MESSAGES.items():
        made = file.message_type.add(name=name)
        for each in fields:
            what, kind = each.split()
            title, number = what.split("=")
            field = made.field.add(name=title, number=int(number), label=3 if kind.endswith("*") else 1)
            kind = kind.removesuffix("*")
            if kind in _TYPES:
                field.type = _TYPES[kind]
            else:
                field.type, field.type_name = 11, f".circle.{kind}"
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return {name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"circle.{name}")) for name in _MESSAGES}
