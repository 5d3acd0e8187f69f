"""A whole OSM PBF file as columns: ids, places, references and tags of all objects in NumPy arrays.

Takes: a plain PBF file (zlib or no packing, dense nodes).   Gives: `Columns`; no Python object for any node, way or relation.
Never: decides what a tag means, or decodes a text before somebody asks for it.

protobuf's own reader opens the envelopes. What is in them is taken apart by kernels (`kernels/wire.py`), for all objects of a block at
once: a tenth of a microsecond an object, where an object each costs ten.
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

from circle.kernels import wire
from circle.sources.tags import Codes, Tags, Words, first_of

Bytes = NDArray[np.uint8]
Ints = NDArray[np.int64]
Shorts = NDArray[np.int32]
Texts = tuple[Bytes, Ints, Ints]  # bytes, and where in them each text begins and ends
Progress = Callable[[int], None] | None

KINDS = ("node", "way", "relation")
_TYPES = {"int32": 5, "bytes": 12, "string": 9}
_ENVELOPES = {
    "BlobHeader": ("type=1 string", "datasize=3 int32"),
    "Blob": ("raw=1 bytes", "raw_size=2 int32", "zlib_data=3 bytes"),
}
# fields of the messages within
_STRINGS, _GROUP, _GRANULARITY, _DATE_GRANULARITY, _LAT_OFFSET, _LON_OFFSET = 1, 2, 17, 18, 19, 20  # PrimitiveBlock
_TEXT = 1  # StringTable
_NODE, _DENSE, _WAY, _RELATION = 1, 2, 3, 4  # PrimitiveGroup
_DENSE_ID, _DENSE_INFO, _LAT, _LON, _KEYS_VALS = 1, 5, 8, 9, 10  # DenseNodes
_TIMESTAMP = 2  # DenseInfo
_KEYS, _VALS = 2, 4  # columns of `wire.objects`: where keys and values begin
_LISTS = {_WAY: {"ref": 6}, _RELATION: {"role": 6, "ref": 8, "kind": 10}}  # and what else a way or relation lists


_LARGEST = 32 * 1024 * 1024  # bytes of a block: the format forbids more


class Unusual(Exception):  # noqa: N818 - no error: libosmium writes the file again in the usual way
    """Packed or laid out in a way that this reader leaves to libosmium."""


@dataclass(frozen=True, slots=True)
class Nodes:
    """All nodes: `id`; `x`, `y` in ten-millionths of a degree; `tagged`: rows that have tags; `tags` and `time` of those rows."""

    id: Ints
    x: Shorts
    y: Shorts
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
    for block, texts in _decoded(path):
        codes = words.numbers(*texts)
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

    def words(self, codes: Codes) -> None:
        """Put the file's numbers of words for the block's own."""
        for name in ("key", "value", "role"):
            if name in self:
                column = self[name]
                if len(column) and (int(column.max()) >= len(codes) or int(column.min()) < 0):
                    raise ValueError("a text is missing")
                self[name] = codes[column]


def _decoded(path: Path) -> Iterator[tuple[dict[str, _Part], Texts]]:
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


def _block(packed: bytes) -> tuple[dict[str, _Part], Texts]:
    """One block: columns by kind of object, and its texts."""
    raw = _unpacked(packed)
    block = _Message.of(raw, 0, len(raw))
    found: dict[str, list[_Part]] = {}
    for start, stop in block.spans(_GROUP).tolist():
        group = _Message.of(raw, start, stop)
        if len(group.spans(_NODE)):
            raise Unusual
        for begin, end in group.spans(_DENSE).tolist():
            found.setdefault("node", []).append(_dense(_Message.of(raw, begin, end), block))
        for kind in (_WAY, _RELATION):
            if len(spans := group.spans(kind)):
                found.setdefault(KINDS[kind - _DENSE], []).append(_objects(raw, spans, _LISTS[kind]))
    seconds = (block.number(_DATE_GRANULARITY) or 1000) / 1000
    columns = {kind: _Part(_chained(parts)) for kind, parts in found.items()}
    for part in columns.values():
        part["time"] = (part["time"] * seconds).astype(np.int64)
    texts = [_Message.of(raw, start, stop).spans(_TEXT) for start, stop in block.spans(_STRINGS).tolist()]
    spans = np.concatenate([*texts, np.empty((0, 2), dtype=np.int64)])
    return columns, (raw, spans[:, 0].copy(), spans[:, 1].copy())


def _unpacked(packed: bytes) -> Bytes:
    try:
        blob = _types()["Blob"].FromString(packed)
        if not blob.zlib_data and not blob.raw:
            raise Unusual
        raw = zlib.decompress(blob.zlib_data, bufsize=max(1, min(blob.raw_size, _LARGEST))) if blob.zlib_data else blob.raw
    except (zlib.error, message.DecodeError) as trouble:
        raise ValueError(f"a block cannot be decoded: {trouble}") from trouble
    if blob.zlib_data and len(raw) != blob.raw_size:
        raise ValueError("a block unpacks to another size than it says")
    return np.frombuffer(raw, dtype=np.uint8)


@dataclass(frozen=True, slots=True)
class _Message:
    """One message within a block: a row for each of its fields, as `wire.fields` gives them."""

    raw: Bytes
    rows: Ints

    @classmethod
    def of(cls, raw: Bytes, start: int, stop: int) -> _Message:
        """The message that begins and ends at these bytes."""
        rows, whole = wire.fields(raw, start, stop)
        if not whole:
            raise ValueError("a block cannot be decoded")
        return cls(raw, rows)

    def spans(self, field: int) -> Ints:
        """Where each field of a number begins and ends."""
        return self.rows[(self.rows[:, 0] == field) & (self.rows[:, 1] == wire.SPAN), 2:]

    def number(self, field: int) -> int:
        """Value of a field that is a number; 0 where it is not there."""
        found = self.rows[(self.rows[:, 0] == field) & (self.rows[:, 1] == wire.VARINT), 2]
        return int(found[-1]) if len(found) else 0

    def numbers(self, field: int, *, summed: bool) -> Ints:
        """Numbers that are packed in a field."""
        start, stop = self.spans(field)[-1:].T.copy()
        return _numbers(self.raw, start, stop, summed=summed)[0]


def _numbers(raw: Bytes, start: Ints, stop: Ints, *, summed: bool) -> tuple[Ints, Ints]:
    """Packed numbers of many fields, and how many each holds."""
    values, count, wrong = wire.numbers(raw, start, stop, summed)
    if wrong:
        raise ValueError("a number is cut short" if wrong == wire.CUT else "a number is too long")
    return values, count


def _chained(parts: Sequence[dict[str, NDArray[Any]]]) -> dict[str, NDArray[Any]]:
    """The same columns of several parts, one after the other."""
    return dict(parts[0]) if len(parts) == 1 else {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _dense(dense: _Message, block: _Message) -> _Part:
    number = dense.numbers(_DENSE_ID, summed=True)
    scale = block.number(_GRANULARITY) or 100
    place = []
    for field, offset in ((_LON, block.number(_LON_OFFSET)), (_LAT, block.number(_LAT_OFFSET))):
        steps = dense.numbers(field, summed=True)
        if len(steps) != len(number):
            raise ValueError("nodes without a place")
        place.append((steps * scale + offset) // 100 if (scale, offset) != (100, 0) else steps)
    x, y = (np.clip(each, -(2**31), 2**31 - 1).astype(np.int32) for each in place)
    out = _Part(id=number, x=x, y=y)
    tags = dense.numbers(_KEYS_VALS, summed=False)
    ends = np.flatnonzero(tags == 0)
    if len(tags) and len(ends) != len(number):
        raise Unusual  # a text with the number 0: rare, and ambiguous
    length = np.diff(np.r_[-1, ends]) - 1 if len(tags) else np.zeros(len(number), dtype=np.int64)
    if (length % 2).any():
        raise Unusual
    pairs = tags[tags != 0]
    tagged = length > 0
    time = np.zeros(len(number), dtype=np.int64)
    if tagged.any():
        for start, stop in dense.spans(_DENSE_INFO).tolist():
            times = _Message.of(dense.raw, start, stop).numbers(_TIMESTAMP, summed=True)
            time = times if len(times) == len(number) else time
    out.update(tagged=tagged, key=pairs[::2], value=pairs[1::2], count_key=length[tagged] // 2, time=time[tagged])
    return out


def _objects(raw: Bytes, spans: Ints, lists: dict[str, int]) -> _Part:
    """Ways or relations of a group; `lists`: columns with several entries an object, and where `wire.objects` says where they begin."""
    found, whole = wire.objects(raw, spans[:, 0].copy(), spans[:, 1].copy())
    if not whole:
        raise ValueError("a block cannot be decoded")
    out = _Part(id=found[:, 0].copy(), time=found[:, 1].copy())
    for name, column in {"key": _KEYS, "value": _VALS, **lists}.items():
        start, stop = found[:, column].copy(), found[:, column + 1].copy()
        out[name], out[f"count_{name}"] = _numbers(raw, start, stop, summed=name == "ref")
    if (out["count_key"] != out["count_value"]).any():
        raise ValueError("keys without values")
    if "kind" in lists and ((out["count_ref"] != out["count_kind"]).any() or (out["count_ref"] != out["count_role"]).any()):
        raise ValueError("members without a kind or a role")
    return out


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
    """Message classes made from `_ENVELOPES`."""
    file = descriptor_pb2.FileDescriptorProto(name="circle/osm.proto", package="circle", syntax="proto2")
    for name, fields in _ENVELOPES.items():
        made = file.message_type.add(name=name)
        for each in fields:
            what, kind = each.split()
            title, number = what.split("=")
            made.field.add(name=title, number=int(number), label=1, type=_TYPES[kind])
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return {name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"circle.{name}")) for name in _ENVELOPES}
