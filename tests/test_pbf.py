"""Columns of a PBF file hold what libosmium reads from it, object by object; what is damaged or packed otherwise is noticed."""

from __future__ import annotations

import struct
import zlib
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import osmium
import pytest
import shapely
from google.protobuf import empty_pb2
from hypothesis import given
from hypothesis import strategies as st
from osm_files import village

from circle import sources
from circle.errors import SourceError
from circle.kernels import wire
from circle.sources import drawings, pbf, rings
from circle.sources.lines import UNDEFINED, Ways
from circle.sources.tags import NONE, Tags, Words

REAL = ("beijing_yizhuang_2021", "berlin_borsigwalde_2026", "helsinki_centre_2019")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def seconds(thing) -> int:
    return int((thing.timestamp - EPOCH).total_seconds())


@pytest.mark.parametrize("name", REAL)
def test_columns_are_what_libosmium_reads(test_data, name):
    path = test_data / "osm" / f"{name}.osm.pbf"
    found = pbf.read(path)
    tagged = dict(
        zip(found.nodes.tagged.tolist(), zip(found.nodes.tags.dictionaries(), found.nodes.time.tolist(), strict=True), strict=True)
    )
    ways = iter(zip(found.ways.tags.dictionaries(), found.ways.time.tolist(), strict=True))
    relations = iter(zip(found.relations.tags.dictionaries(), found.relations.time.tolist(), strict=True))
    seen = [0, 0, 0]
    for thing in osmium.FileProcessor(str(path)):
        if thing.is_node():
            row, seen[0] = seen[0], seen[0] + 1
            assert (found.nodes.id[row], found.nodes.x[row], found.nodes.y[row]) == (thing.id, thing.location.x, thing.location.y)
            if len(thing.tags):
                assert tagged.pop(row) == (dict(thing.tags), seconds(thing))
        elif thing.is_way():
            row, seen[1] = seen[1], seen[1] + 1
            span = slice(found.ways.first[row], found.ways.first[row + 1])
            assert found.ways.id[row] == thing.id
            assert found.ways.ref[span].tolist() == [node.ref for node in thing.nodes]
            assert next(ways) == (dict(thing.tags), seconds(thing))
        else:
            row, seen[2] = seen[2], seen[2] + 1
            span = slice(found.relations.first[row], found.relations.first[row + 1])
            assert found.relations.id[row] == thing.id
            roles = [found.words.text(code) for code in found.relations.role[span].tolist()]
            members = zip(found.relations.ref[span].tolist(), ["nwr"[k] for k in found.relations.kind[span]], roles, strict=True)
            assert list(members) == [(member.ref, member.type, member.role) for member in thing.members]
            assert next(relations) == (dict(thing.tags), seconds(thing))
    assert seen == [len(found.nodes.id), len(found.ways.id), len(found.relations.id)]
    assert not tagged
    assert found.sorted_


@pytest.mark.parametrize("name", REAL)
def test_lines_lie_where_libosmium_puts_them(test_data, name):
    path = test_data / "osm" / f"{name}.osm.pbf"
    columns = pbf.read(path)
    found = Ways.of(columns.ways, np.arange(len(columns.ways.id)), columns.nodes)
    files = osmium.FileProcessor(str(path), osmium.osm.NODE | osmium.osm.WAY).with_locations()
    places = [(node.location.x, node.location.y) for thing in files if thing.is_way() for node in thing.nodes]
    assert list(zip(found.x.tolist(), found.y.tolist(), strict=True)) == places
    assert found.known.tolist() == [x != UNDEFINED for x, _ in places]


def decoded(data: bytes, *, summed: bool) -> list[int]:
    return pbf._numbers(np.frombuffer(data, dtype=np.uint8), np.array([0]), np.array([len(data)]), summed=summed)[0].tolist()


@given(st.lists(st.integers(-(2**62), 2**62)))
def test_packed_numbers_come_back(numbers):
    data = bytearray()
    for number in numbers:
        rest = (number << 1 ^ number >> 63) & (2**64 - 1)
        while rest > 0x7F:
            data.append(rest & 0x7F | 0x80)
            rest >>= 7
        data.append(rest)
    told = np.asarray(decoded(bytes(data), summed=False), dtype=np.int64)
    assert (((told >> 1) & (2**63 - 1)) ^ -(told & 1)).tolist() == numbers
    assert decoded(bytes(data), summed=True) == np.cumsum(np.asarray(numbers, dtype=np.int64)).tolist()
    if data:
        with pytest.raises(ValueError, match="cut short"):
            decoded(bytes([*data[:-1], data[-1] | 0x80]), summed=False)


def test_an_endless_number_is_damage():
    with pytest.raises(ValueError, match="too long"):
        decoded(b"\xff" * 10 + b"\x01", summed=False)


@given(st.binary(max_size=40))
def test_a_message_of_anything_is_read_to_its_end_or_refused(data):
    """protobuf's own reader, which knows no field of an empty message, says the same of it."""
    rows, whole = wire.fields(np.frombuffer(data, dtype=np.uint8), 0, len(data))
    assert all(0 < stop <= len(data) for stop in rows[:, 3].tolist()) or not whole
    if whole:
        assert [int(rows[-1, 3])] == [len(data)] if len(data) else not len(rows)
        empty_pb2.Empty.FromString(data)
    found, all_whole = wire.objects(np.frombuffer(data, dtype=np.uint8), np.array([0]), np.array([len(data)]))
    assert found.shape == (1, 12)
    assert whole or not all_whole


@given(st.lists(st.lists(st.binary(max_size=6), max_size=300), max_size=4))
def test_words_are_numbered_as_a_dictionary_does(parts):
    words, known = Words(), {}
    for texts in parts:
        expected = [known.setdefault(text, len(known)) for text in texts]
        assert words.codes(texts).tolist() == expected
    assert len(words) == len(known)
    assert words.code("nobody says this") == NONE


def test_room_for_words_grows():
    words = Words()
    texts = [f"{number}".encode() + b"x" * (number % 9) for number in range(30_000)]
    first = words.codes(texts[:10])
    assert words.codes(texts).tolist() == list(range(30_000))
    assert words.codes(texts[::-1]).tolist() == list(range(30_000))[::-1]
    assert first.tolist() == list(range(10))
    assert [words.text(code) for code in (0, 29_999)] == ["0", texts[-1].decode()]


def blocks(path: Path) -> list[tuple[bytes, bytes]]:
    """Header and data of every block of a PBF file."""
    out, data, at = [], path.read_bytes(), 0
    while at < len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        header = data[at + 4 : at + 4 + length]
        size = pbf._types()["BlobHeader"].FromString(header).datasize
        out.append((data[at : at + 4 + length], data[at + 4 + length : at + 4 + length + size]))
        at += 4 + length + size
    return out


@pytest.mark.parametrize("at", [3, 40, -2])
def test_a_flipped_byte_is_one_sentence(tmp_path, at):
    path = village().write(tmp_path / "village.osm.pbf")
    parts = blocks(path)
    broken = bytearray(parts[-1][1])
    broken[at] ^= 0x55
    path.write_bytes(b"".join(head + body for head, body in parts[:-1]) + parts[-1][0] + bytes(broken))
    with pytest.raises(SourceError, match="damaged or cut short"):
        sources.read(path, ["shop"])


def unpacked(path: Path) -> None:
    """The same file with blocks that are not packed."""
    types, out = pbf._types(), []
    for head, body in blocks(path):
        raw = zlib.decompress(types["Blob"].FromString(body).zlib_data)
        blob = types["Blob"](raw=raw).SerializeToString()
        header = types["BlobHeader"].FromString(head[4:])
        header.datasize = len(blob)
        told = header.SerializeToString()
        out.append(struct.pack(">I", len(told)) + told + blob)
    path.write_bytes(b"".join(out))


def test_blocks_need_not_be_packed(tmp_path):
    path = village().write(tmp_path / "village.osm.pbf")
    packed = sources.read(path, ["shop"])
    unpacked(path)
    again = sources.read(path, ["shop"])
    assert again.buildings.equals(packed.buildings)
    assert again.vertices.equals(packed.vertices)


def test_what_is_packed_otherwise_is_left_to_libosmium(test_data):
    path = test_data / "malformed" / "planetiler_monaco_lz4.osm.pbf"
    with pytest.raises(pbf.Unusual):
        pbf.read(path)
    assert len(sources.read(path, ["shop"]).buildings)


def test_tags_are_asked_of_all_objects_at_once():
    words = Words()
    texts = [[("highway", "path"), ("name", "河边")], [], [("building", "yes")], [("highway", "steps;path")]]
    pairs = [pair for each in texts for pair in each]
    tags = Tags(
        words,
        np.r_[0, np.cumsum([len(each) for each in texts])],
        words.codes([key.encode() for key, _ in pairs]),
        words.codes([value.encode() for _, value in pairs]),
    )
    assert tags.dictionaries() == [dict(each) for each in texts]
    assert tags.any_of(["building", "name", "nothing"]).tolist() == [True, False, True, False]
    assert tags.any_pair([("highway", ["path"]), ("name", ["nobody"])]).tolist() == [True, False, False, False]
    assert words.spelled(tags.values("highway")).tolist() == ["path", None, None, "steps;path"]
    assert (tags.values("nothing") == NONE).all()
    assert sorted(tags.said("highway")) == ["path", "steps;path"]
    turned = tags.take(np.array([3, 2, 1, 0]))
    assert turned.dictionaries() == tags.dictionaries()[::-1]
    assert turned.only(["name"]).dictionaries() == [{}, {}, {}, {"name": "河边"}]


def test_a_text_that_is_none_is_damage_only_where_it_is_asked_for():
    words = Words()
    words.codes([b"\xff\xfe", b"fine"])
    assert words.text(1) == "fine"
    with pytest.raises(UnicodeDecodeError):
        words.text(0)


def test_areas_that_are_not_plain_are_put_together_by_libosmium():
    """Two squares that touch in a corner, drawn as one figure of eight: not simple, and libosmium makes two areas of it."""
    eight = shapely.LineString([(0, 0), (1, 0), (1, 1), (2, 1), (2, 2), (1, 2), (1, 1), (0, 1), (0, 0)])
    joined, doubtful = rings.join({7: [1], 8: [1, 2]}, {1: eight})
    assert (joined, doubtful) == ({}, {7})
    ((number, area),) = rings.assembled({7: [1]}, {1: eight})
    assert (number, area.area, area.geom_type) == (7, 2.0, "MultiPolygon")


def test_a_file_is_plain_when_it_is_sorted_and_every_object_stands_once(tmp_path):
    assert drawings.is_plain(pbf.read(village().write(tmp_path / "plain.osm.pbf")))
    assert not drawings.is_plain(pbf.read(village().write(tmp_path / "ways.osm.pbf", order="ways first")))
    assert not drawings.is_plain(pbf.read(village(first=-1, step=-1).write(tmp_path / "drawn.osm.pbf")))
