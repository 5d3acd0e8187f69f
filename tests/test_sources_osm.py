"""The reading of files: odd ids, order, deleted objects, holes, and every odd file of the test data."""

from __future__ import annotations

from pathlib import Path

import pytest
import shapely
from osm_files import place, village

from circle import rules, sources
from circle.errors import CircleError, Findings, PlaceError, SourceError
from circle.sources import extract, integrity, osm
from circle.standards import DEFAULT, load

SERVICES = tuple(limit.service for limit in load(DEFAULT).services)
SUFFIXES = (".osm", ".osm.gz", ".osm.bz2", ".osm.pbf")


def read(path: Path) -> extract.Extract:
    integrity.inspect(path)
    return osm.read(path, SERVICES)


def told(findings: Findings) -> set[tuple[str, str]]:
    assert {finding.code for finding in findings} <= set(rules.findings())
    return {(finding.code.removeprefix("sources."), finding.id) for finding in findings}


def alike(place_: sources.Place) -> tuple:
    """What a place holds, without ids."""
    return (
        sorted(place_.ways["count"]),
        sorted(shapely.to_wkt(shapely.normalize(place_.buildings.geometry.to_numpy()), rounding_precision=6)),
        sorted(zip(place_.facilities["service"], place_.facilities["name"], strict=True)),
        place_.extent,
    )


@pytest.fixture(scope="module")
def plain(tmp_path_factory) -> sources.Place:
    return sources.read(village().write(tmp_path_factory.mktemp("plain") / "village.osm.pbf"), SERVICES)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_format_gives_the_same_place(tmp_path, plain, suffix):
    found = sources.read(village().write(tmp_path / f"village{suffix}"), SERVICES)
    assert alike(found) == alike(plain)
    assert len(found.buildings) == 8
    assert len(found.facilities) == 5
    assert told(found.findings) == set()
    assert found.data_date == "2024-05-01T00:00:00Z"


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_drawing_with_negative_ids_is_a_place_like_any_other(tmp_path, plain, suffix):
    found = sources.read(village(first=-1, step=-1).write(tmp_path / f"drawn{suffix}"), SERVICES)
    assert alike(found) == alike(plain)
    assert told(found.findings) == {("drawing", "")}
    ids = [*found.buildings["building"], *found.facilities["facility"], *found.zones["zone"]]
    assert all(int(one.split("/")[1]) < 0 for one in ids)
    assert (found.vertices["node"] < 0).all()
    assert (found.ways["way"] < 0).all()


def test_new_ways_of_a_drawing_join_old_ones(tmp_path):
    """What planners do in JOSM: fetch a place, draw a path from an old node to a new one, save."""
    map_ = village()
    map_.generator = "JOSM"
    street = next(e for e in map_.elements if e.tag == "way")
    old = int(street[1].get("ref"))
    lon, lat = place(0, 300)
    map_.add("node", {}, id=-101, lon=str(lon), lat=str(lat))
    map_.way([old, -101], {"highway": "footway"}, id=-102)
    found = sources.read(map_.write(tmp_path / "edited.osm"), SERVICES)
    assert -102 in set(found.ways["way"])
    assert set(found.vertices["node"].iloc[-2:]) == {old, -101}
    assert told(found.findings) == {("drawing", "")}


def test_what_was_deleted_in_josm_is_gone_before_it_is_uploaded(tmp_path):
    map_ = village()
    map_.generator = "JOSM"
    building = next(e for e in map_.elements if e.tag == "way" and e.find("tag[@k='building']") is not None)
    building.set("action", "delete")
    found = sources.read(map_.write(tmp_path / "edited.osm"), SERVICES)
    assert len(found.buildings) == 7
    assert told(found.findings) == {("deleted_object", f"way/{building.get('id')}")}


@pytest.mark.parametrize("suffix", [".osm", ".osm.pbf"])
def test_ways_before_their_nodes_are_read_and_told(tmp_path, plain, suffix):
    """The usual `out body; >; out skel qt;` of Overpass puts nodes last."""
    found = sources.read(village().write(tmp_path / f"unsorted{suffix}", order="ways first"), SERVICES)
    assert alike(found) == alike(plain)
    assert told(found.findings) == {("unordered", "")}


@pytest.mark.parametrize("suffix", [".osm", ".osm.pbf"])
def test_a_street_that_is_repeated_is_read_once_and_told(tmp_path, suffix):
    map_ = village()
    street = next(e for e in map_.elements if e.tag == "way")
    map_.way([int(nd.get("ref")) for nd in street if nd.tag == "nd"], {"highway": "residential"}, id=int(street.get("id")))
    found = sources.read(map_.write(tmp_path / f"twice{suffix}"), SERVICES)
    assert told(found.findings) == {("duplicate_id", f"way/{street.get('id')}")}
    assert found.ways["way"].is_unique


def test_of_several_versions_of_an_object_the_last_counts(tmp_path):
    map_ = village()
    shop = next(e for e in map_.elements if e.find("tag[@v='convenience']") is not None)
    newer = map_.add("node", {"shop": "convenience", "name": "新店"}, id=int(shop.get("id")), lon=shop.get("lon"), lat=shop.get("lat"))
    newer.set("version", "2")
    found = sources.read(map_.write(tmp_path / "twice.osm"), SERVICES)
    assert found.facilities.set_index("service").loc["shop", "name"] == "新店"
    assert told(found.findings) == {("duplicate_id", f"node/{shop.get('id')}")}


def test_a_building_in_two_versions_is_one_building(tmp_path, plain):
    map_ = village()
    first = next(e for e in map_.elements if e.find("tag[@k='building']") is not None)
    again = map_.add("way", {"building": "school"}, id=int(first.get("id")))
    again[:0] = [each for each in first if each.tag == "nd"]
    found = sources.read(map_.write(tmp_path / "twice.osm"), SERVICES)
    assert found.buildings["building"].is_unique
    assert found.buildings.set_index("building").loc[f"way/{first.get('id')}", "use"] == "school"
    assert told(found.findings) == {("duplicate_id", f"way/{first.get('id')}")}


def test_a_history_file_is_read_as_of_its_end(test_data, tmp_path):
    extract = read(test_data / "malformed" / "libosmium_deleted_nodes.osh.pbf")
    assert told(extract.findings) >= {("history", ""), ("deleted_object", "node/1")}


@pytest.mark.parametrize("kind", ["node", "way", "relation"])
def test_invisible_objects_of_xml_are_left_out_and_told(tmp_path, kind):
    map_ = village()
    one = [e for e in map_.elements if e.tag == kind and e.find("tag") is not None][-1]
    one.set("visible", "false")
    path = map_.write(tmp_path / "invisible.osm")
    found = sources.read(path, SERVICES)
    assert told(found.findings) == {("deleted_object", f"{kind}/{one.get('id')}")}


def test_a_node_that_is_not_there_leaves_a_hole_in_a_street_and_a_corner_out_of_a_building(tmp_path):
    map_ = village()
    street = next(e for e in map_.elements if e.tag == "way")
    building = next(e for e in map_.elements if e.find("tag[@k='building']") is not None)
    for way, number in ((street, 900_001), (building, 900_002)):
        way[2].set("ref", str(number))
    found = sources.read(map_.write(tmp_path / "holes.osm"), SERVICES)
    pieces = found.ways[found.ways["way"] == int(street.get("id"))]
    assert list(pieces["count"]) == [2, 2]
    assert {("missing_node", f"way/{street.get('id')}"), ("missing_node", f"way/{building.get('id')}")} <= told(found.findings)
    assert len(found.buildings) == 8
    assert found.buildings.is_valid.all()


@pytest.mark.parametrize(("lat", "lon"), [("200.0", "3.1"), ("91", "3"), ("30", "181"), ("-90.5", "0")])
def test_an_impossible_place_is_a_finding(tmp_path, lat, lon):
    map_ = village()
    map_.add("node", {"shop": "convenience"}, id=900_001, lat=lat, lon=lon)
    map_.add("node", {}, id=900_002, lat=lat, lon=lon)
    near = map_.node(0, 90)
    map_.way([near, 900_002], {"highway": "footway"}, id=900_003)
    found = sources.read(map_.write(tmp_path / "nowhere.osm"), SERVICES)
    assert {("invalid_location", "node/900001"), ("invalid_location", "way/900003")} <= told(found.findings)
    assert 900_003 not in set(found.ways["way"])


def test_a_relation_without_all_its_members_is_mended_and_told(tmp_path):
    map_ = village()
    inner = map_.line([(300, 0), (340, 0), (340, 30)], {})
    whole = map_.relation([("way", inner, "outer"), ("way", 900_001, "outer")], {"type": "multipolygon", "building": "apartments"})
    lost = map_.relation([("way", 900_002, "outer")], {"type": "multipolygon", "building": "yes"})
    wood = map_.relation([("way", inner, "outer"), ("way", 900_003, "outer")], {"type": "multipolygon", "landuse": "forest"})
    found = sources.read(map_.write(tmp_path / "members.osm"), SERVICES)
    assert told(found.findings) == {
        ("incomplete_relation", f"relation/{whole}"),
        ("incomplete_relation", f"relation/{lost}"),
        ("incomplete_relation", f"relation/{wood}"),
    }
    assert f"relation/{whole}" in set(found.buildings["building"])
    assert f"relation/{lost}" not in set(found.buildings["building"])


def test_a_member_named_twice_is_one_and_told(tmp_path):
    map_ = village()
    ring = map_.box(300, 0, {})
    doubled = map_.relation([("way", ring, "outer"), ("way", ring, "outer")], {"type": "multipolygon", "building": "yes"})
    found = sources.read(map_.write(tmp_path / "members.osm"), SERVICES)
    assert told(found.findings) == {("duplicate_member", f"relation/{doubled}")}
    shape = found.buildings.set_index("building").geometry[f"relation/{doubled}"]
    assert shape.geom_type == "Polygon"
    assert len(shape.interiors) == 0


def test_a_relation_and_its_outer_way_are_one_building_with_a_hole(tmp_path):
    map_ = village()
    outer = map_.box(300, 0, {"building": "yes"}, width=40, depth=40)
    inner = map_.box(310, 10, {}, width=10, depth=10)
    ring = map_.relation([("way", outer, "outer"), ("way", inner, "inner")], {"type": "multipolygon", "building": "apartments"})
    found = sources.read(map_.write(tmp_path / "ring.osm"), SERVICES)
    assert len(found.buildings) == 9
    shape = found.buildings.set_index("building").geometry[f"relation/{ring}"]
    assert len(shape.interiors) == 1
    assert told(found.findings) == {("same_building", f"way/{outer}")}


def test_extent_and_date_come_from_the_data_where_the_header_is_silent(tmp_path):
    map_ = village()
    map_.bounds = None
    for element in map_.elements:
        del element.attrib["timestamp"]
    found = sources.read(map_.write(tmp_path / "bare.osm"), SERVICES)
    assert found.extent_from == "data"
    assert found.data_date is None
    assert told(found.findings) == {("no_header_box", ""), ("no_timestamps", "")}


def test_a_file_that_ends_with_ways_is_told(tmp_path):
    found = sources.read(village(leave_out=frozenset({"relations"})).write(tmp_path / "ways.osm.pbf"), SERVICES)
    assert told(found.findings) == {("no_relations", "")}


def test_ids_of_64_bits_are_kept(test_data):
    found = read(test_data / "malformed" / "osm-testdata" / "misc" / "64bit_ids.osm")
    assert max(found.walks.refs) > 2**32 - 1_000
    assert any(2**32 < ref < 2**33 for ref in found.walks.refs)


def test_long_and_odd_tags_are_text_like_any_other(tmp_path, test_data):
    name = "=cmd|' /C calc'!A0<script>" + "名" * 255
    map_ = village()
    map_.box(300, 0, {"building": "yes", "name": name, "": "x"})
    found = sources.read(map_.write(tmp_path / "odd.osm.pbf"), SERVICES)
    assert name in set(found.buildings["name"])
    with pytest.raises(PlaceError, match="no object that circle knows"):
        sources.read(test_data / "malformed" / "rust_tag_lengths.osm.pbf", SERVICES)


REFUSED_OTHERWISE = {  # listed as invalid, and libosmium reads on: what it skips is no map data, and what is left is no place
    "109-unknown_data_level": (PlaceError, "holds no object"),
}
VALID_BUT_NO_PLACE = (PlaceError, "holds no object that circle knows")


def test_the_public_xml_cases(test_data):
    cases = sorted(path for path in (test_data / "malformed" / "osm-testdata" / "xml" / "data").iterdir() if path.is_dir())
    assert len(cases) == 25
    for case in cases:
        (path,) = case.glob("data.os*")
        stated = (case / "result").read_text().strip() if (case / "result").exists() else "invalid"  # 103: an old version has no result
        kind, words = VALID_BUT_NO_PLACE if stated == "valid" else REFUSED_OTHERWISE.get(case.name, (SourceError, "."))
        if path.suffix == ".osc":
            kind, words = SourceError, "suffix that circle does not read"
        with pytest.raises(kind, match=words) as trouble:
            sources.read(path, SERVICES)
        assert str(path) in str(trouble.value), case.name


NOTHING = "holds no object that circle knows"
OTHERS = {  # every other odd file: a sentence where there is no place in it, else what must be found
    "gh_negative-ids.osm": "holds no building",
    "libosmium_data-n5w1r3.osm.o5m": "suffix that circle does not read",
    "libosmium_data-nonl.opl": "suffix that circle does not read",
    "libosmium_data.osm.bz2": NOTHING,
    "libosmium_data.osm.gz": NOTHING,
    "libosmium_data_pbf_version-1-densenodes.osm.pbf": NOTHING,
    "libosmium_data_pbf_version-1.osm.pbf": NOTHING,
    "libosmium_deleted_nodes.osh.pbf": NOTHING,
    "libosmium_dupl_member.osm": NOTHING,
    "libosmium_missing_members.osm": "holds no building",
    "osm2pgsql_invalid_location.osm": NOTHING,
    "osmiumtool_incomplete-rel-missing-way.osm": NOTHING,
    "osmiumtool_missing-node.osm": "holds no building",
    "otp_brenner-invalid-relation-reference.osm.pbf": {"incomplete_relation", "no_header_box", "no_timestamps"},
    "otp_map_no-header-blob.osm.pbf": "header block is missing",
    "planetiler_monaco_lz4.osm.pbf": {"incomplete_relation"},
    "planetiler_monaco_without-changesets.osm.pbf": {"incomplete_relation"},
    "rust_64bit_ids.osm.pbf": {"no_relations"},
    "rust_tag_lengths.osm.pbf": NOTHING,
    "rust_two_primitive_groups.osm.pbf": "header block is missing",
    "osm-testdata/misc/64bit_ids.osm": {"no_relations"},
    "osm-testdata/misc/multipolygon_testcases.osm": NOTHING,
    "osm-testdata/misc/tag_lengths.osm": NOTHING,
}


def test_the_table_of_odd_files_is_complete(test_data):
    root = test_data / "malformed"
    rest = {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}
    assert {name for name in rest if not name.startswith(("osm-testdata/grid/", "osm-testdata/xml/"))} == set(OTHERS)


@pytest.mark.parametrize("name", OTHERS)
def test_every_odd_file_gives_a_place_or_one_sentence(test_data, name):
    path = test_data / "malformed" / name
    expected = OTHERS[name]
    if isinstance(expected, str):
        with pytest.raises(CircleError, match=expected) as trouble:
            sources.read(path, SERVICES)
        assert str(trouble.value).startswith(str(path))
        assert "\n" not in str(trouble.value)
        assert trouble.value.exit_status == 2
    else:
        found = sources.read(path, SERVICES)
        assert len(found.buildings)
        assert expected <= {code.removeprefix("sources.") for code in found.findings.counts()}
        assert {finding.code for finding in found.findings} <= set(rules.findings())


def test_a_hall_of_which_nothing_is_known_is_no_home(tmp_path):
    """Known homes are hardly ever larger than 2,500 m²; where the land around, or the use, says home, size says nothing."""
    map_ = village()
    small = map_.box(500, 500, {"building": "yes"}, 49, 50)  # 2,450 m²
    hall = map_.box(600, 500, {"building": "yes"}, 52, 50)  # 2,600 m²
    block = map_.box(700, 500, {"building": "apartments"}, 100, 60)
    estate = map_.box(900, 400, {"landuse": "residential"}, 200, 200)
    slab = map_.box(920, 420, {"building": "yes"}, 100, 60)
    found = sources.read(map_.write(tmp_path / "halls.osm"), SERVICES).buildings.set_index("building")
    said = found.loc[[f"way/{one}" for one in (small, hall, block, slab)], ["residential", "residential_by"]]
    assert said.to_numpy().tolist() == [[True, "assumed"], [False, "assumed"], [True, "use"], [True, "area"]]
    assert found.loc[f"way/{hall}", ["households", "households_by"]].tolist() == [0, "none"]
    assert f"way/{estate}" not in found.index
