"""Live OpenStreetMap as a snapshot: a snapshot and the file that it was served from give the same run; areas; nothing half-written."""

from __future__ import annotations

import json
import shutil
import sqlite3
from pathlib import Path

import geopandas as gpd
import osmium
import pandas as pd
import pytest
import shapely
from commands import one, refused
from hypothesis import given, settings
from hypothesis import strategies as st
from town import Town, two_homes
from wire import Wire

import circle
from circle import fetch, standards
from circle.errors import FetchError, OutputError, PlaceError, SourceError
from circle.sources import areas, snapshot
from circle.sources.overpass import Found

ROOT = Path(__file__).resolve().parent.parent
KUANGSHAN = ROOT / "data" / "kuangshan" / "kuangshan.osm.pbf"


@pytest.fixture
def town(tmp_path):
    return two_homes(tmp_path / "town.osm")


@pytest.fixture
def snap(town, tmp_path):
    with Wire(town) as wire:
        return fetch.fetch(areas.around("0,0,1000"), tmp_path / "town.gpkg", wire.client(tmp_path / "cache"), buffer_m=0).path


def box_of(source: Path) -> str:
    with osmium.io.Reader(str(source), osmium.osm.NOTHING) as reader:
        box = reader.header().box()
    return f"{box.bottom_left.lon},{box.bottom_left.lat},{box.top_right.lon},{box.top_right.lat}"


def same_run(source: Path, tmp_path: Path) -> None:
    with Wire(source) as wire:
        made = fetch.fetch(areas.from_box(box_of(source)), tmp_path / "place.gpkg", wire.client(tmp_path), buffer_m=0)
    assert (made.nodes, made.ways) == tuple(sum(one["type"] == kind for one in wire.all) for kind in ("node", "way"))
    file, live = circle.run(source), circle.run(made.path)
    assert len(file.buildings) > 100
    for name, table in file.tables().items():
        pd.testing.assert_frame_equal(live.tables()[name], table, obj=name)
    assert live.summary == file.summary | {"synthetic": True}
    assert live.record["inputs"][0]["data_date"] == wire.date
    assert live.record["inputs"][0]["file"] == "place.gpkg"


def test_a_snapshot_gives_the_run_of_its_file_kuangshan(tmp_path):
    same_run(KUANGSHAN, tmp_path)


def test_a_snapshot_gives_the_run_of_its_file_beijing(test_data, tmp_path):
    same_run(test_data / "osm" / "beijing_bupt_campus_2025.osm", tmp_path)


def test_a_place_asked_for_in_parts_is_the_same_place(tmp_path):
    """Objects on the seams come twice and count once; ways that cross a seam are whole."""
    area = areas.from_box(box_of(KUANGSHAN))
    with Wire(KUANGSHAN) as wire:
        client = wire.client(tmp_path / "a")
        whole = fetch.fetch(area, tmp_path / "whole.gpkg", client, buffer_m=0)
        assert len(wire.queries) == 1
        wire.moods[:] = ["memory"]
        parts = fetch.fetch(area, tmp_path / "parts.gpkg", wire.client(tmp_path / "b"), buffer_m=0)
        assert len(wire.queries) == 6
    for layer in ("osm_nodes", "osm_ways", "osm_relations"):
        left, right = (gpd.read_file(made.path, layer=layer) for made in (whole, parts))
        pd.testing.assert_frame_equal(pd.DataFrame(left), pd.DataFrame(right))


def test_a_snapshot_knows_where_it_comes_from_and_holds_no_mapper(snap):
    known = snapshot.header(snap)
    assert known["data_date"] == "2026-11-01T00:00:00Z"
    assert known["endpoint"].startswith("http://127.0.0.1:")
    assert known["licence"].startswith("© OpenStreetMap contributors")
    assert shapely.area(snapshot.area(snap)) > 0
    assert b"a mapper" not in snap.read_bytes()


def test_the_rim_reaches_beyond_the_longest_limit():
    for name in standards.names():
        standard = standards.load(name)
        rim = fetch.buffer_metres(standard)
        longest = max(limit.limit_min for limit in standard.services) * 60 * 1.2
        assert rim > 1.1 * longest
        west, south, east, north = areas.widened(areas.from_box("114.8,30.1,114.9,30.2"), rim)
        km = (areas.square_kilometres((west, south, east, north))) ** 0.5
        assert (west, south) < (114.8, 30.1)
        assert (east, north) > (114.9, 30.2)
        inner = areas.square_kilometres((114.8, 30.1, 114.9, 30.2)) ** 0.5
        assert km - inner == pytest.approx(2 * rim / 1000, rel=0.02)


@settings(deadline=None, max_examples=40)
@given(st.floats(-179, 178), st.floats(-80, 79), st.floats(0.001, 0.8), st.floats(0.001, 0.8), st.floats(20, 400))
def test_parts_cover_a_box_and_none_is_too_large(west, south, width, height, most):
    box = tuple(round(side, 7) for side in (west, south, west + width, south + height))
    parts = areas.tiles(box, most)
    union = shapely.union_all([shapely.box(*part) for part in parts])
    assert union.bounds == pytest.approx(box, abs=1e-9)
    assert union.area == pytest.approx(shapely.box(*box).area, rel=1e-6)
    # a part of a tall box that lies nearer to a pole is smaller than one that does not
    assert max(map(areas.square_kilometres, parts)) <= 1.2 * most


@pytest.mark.parametrize(
    ("how", "text", "words"),
    [
        (areas.from_box, "1,2,3", "4 numbers"),
        (areas.from_box, "a,b,c,d", "4 numbers"),
        (areas.from_box, "nan,0,1,1", "4 numbers"),
        (areas.from_box, "30.1,114.8,30.2,114.9", "latitude first"),
        (areas.from_box, "3,2,1,4", "encloses nothing"),
        (areas.from_box, "1,2,1,4", "encloses nothing"),
        (areas.from_box, "500,2,600,4", "not in degrees"),
        (areas.around, "30.2,114.9", "3 numbers"),
        (areas.around, "114.9,30.2,500", "longitude first"),
        (areas.around, "30.2,114.9,0", "more than 0"),
        (areas.around, "30.2,114.9,-5", "more than 0"),
    ],
)
def test_areas_that_are_none_are_refused(how, text, words):
    with pytest.raises(PlaceError, match=words):
        how(text)


def test_a_file_of_polygons(tmp_path):
    outline = gpd.GeoDataFrame({"name": ["a", "b"]}, geometry=[shapely.box(114, 30, 114.1, 30.1), shapely.Point(0, 0)], crs=4326)
    outline.to_file(tmp_path / "area.geojson")
    assert areas.from_file(str(tmp_path / "area.geojson")).shape.bounds == (114, 30, 114.1, 30.1)
    outline.iloc[:1].to_crs(4547).to_file(tmp_path / "area.gpkg", layer="边界")
    assert areas.from_file(f"{tmp_path / 'area.gpkg'}:边界").shape.bounds == pytest.approx((114, 30, 114.1, 30.1), abs=1e-6)
    outline.iloc[1:].to_file(tmp_path / "points.geojson")
    with pytest.warns(UserWarning, match="crs"):
        outline.iloc[:1].set_crs(None, allow_override=True).to_file(tmp_path / "nowhere.shp")
    (tmp_path / "broken.geojson").write_text("{")
    for name, kind in (("points.geojson", PlaceError), ("nowhere.shp", SourceError), ("broken.geojson", SourceError), ("no", SourceError)):
        with pytest.raises(kind, match=name):
            areas.from_file(str(tmp_path / name))


def place(name: str, west: float, importance: float = 0.4, kind: str = "relation") -> Found:
    return Found(name, f"{kind}/1", json.loads(shapely.to_geojson(shapely.box(west, 30, west + 0.1, 30.1))), importance)


def test_a_name_that_means_several_places_is_asked_about():
    two = [place("鼓楼区, 南京市", 118), place("鼓楼区, 福州市", 119, 0.38)]
    with pytest.raises(PlaceError, match="1 = 鼓楼区, 南京市; 2 = 鼓楼区, 福州市") as trouble:
        areas.named("鼓楼区", two)
    assert "--which" in str(trouble.value)
    assert areas.named("鼓楼区", two, 2).shape.bounds[0] == 119
    with pytest.raises(PlaceError, match="there are 2 areas"):
        areas.named("鼓楼区", two, 3)
    assert areas.named("Berlin", [place("Berlin", 13, 0.85), place("Berlin, New Hampshire", -71, 0.5)]).name == "Berlin"
    assert areas.named("x", [place("the town", 13), place("its district", 13.05)]).name == "the town"  # one within the other: no doubt


def test_a_name_that_means_a_point_says_how_to_go_on():
    point = Found("矿山路", "node/1", {"type": "Point", "coordinates": [114.9, 30.2]}, 0.1)
    with pytest.raises(PlaceError, match=r"--around 30\.20000,114\.90000"):
        areas.named("矿山路", [point])
    with pytest.raises(FetchError, match="outline"):
        areas.named("x", [Found("x", "relation/1", {"type": "Polygon", "coordinates": "here"}, 0.1)])


def test_a_place_is_fetched_by_its_name(town, tmp_path):
    row = {"display_name": "Sketch", "osm_type": "relation", "osm_id": 5, "importance": 0.4}
    row["geojson"] = json.loads(shapely.to_geojson(shapely.box(-0.002, -0.002, 0.006, 0.002)))
    with Wire(town, places={"Sketch": [row]}) as wire:
        status = one(
            "fetch",
            "Sketch",
            "-o",
            tmp_path / "s.gpkg",
            "--endpoint",
            f"{wire.host}/api",
            "--geocoder",
            wire.host,
            "--user-agent",
            "tests",
            "--fresh",
        )
        assert status.status == 0, status
        assert "Sketch" in status.out
        assert "540 m" in status.out  # 5 minutes at 1.2 m/s, and half as much again
        assert "looking up the place" in status.err
        assert {each["User-Agent"] for each in wire.asked} == {"tests"}
    ran = one("run", tmp_path / "s.gpkg", "-o", tmp_path / "out", "--no-map", "-q")
    assert (ran.status, ran.out) == (0, "")


@pytest.mark.parametrize("arguments", [(), ("a", "--bbox", "0,0,1,1"), ("--bbox", "0,0,60,60"), ("--bbox", "0,0,1,1", "--buffer", "-3")])
def test_wrong_usage_asks_nobody(tmp_path, arguments):
    with Wire() as wire:
        ended = one("fetch", *arguments, "-o", tmp_path / "x.gpkg", "--endpoint", f"{wire.host}/api", "--geocoder", wire.host)
        assert wire.asked == []
    assert ended.status == 2
    assert ended.complaint
    assert "Traceback" not in ended.err
    assert list(tmp_path.iterdir()) == []


def test_a_failed_fetch_leaves_the_old_file_alone(town, snap, tmp_path):
    before, names = snap.read_bytes(), sorted(tmp_path.iterdir())
    with Wire(town, moods=["login"]) as wire, pytest.raises(FetchError):
        fetch.fetch(areas.around("0,0,900"), snap, wire.client(None), buffer_m=0)
    with Wire(town, moods=[{"elements": [], "osm3s": {}}]) as wire, pytest.raises(PlaceError, match="no street or building"):
        fetch.fetch(areas.around("0,0,900"), snap, wire.client(None), buffer_m=0)
    assert snap.read_bytes() == before
    assert sorted(tmp_path.iterdir()) == names


def test_other_files_are_not_written_over(town, tmp_path):
    other = tmp_path / "mine.gpkg"
    gpd.GeoDataFrame(geometry=[shapely.Point(0, 0)], crs=4326).to_file(other)
    before = other.read_bytes()
    for out in (other, tmp_path, tmp_path / "x.osm", tmp_path / "no" / "x.gpkg"):
        with pytest.raises(OutputError):
            fetch.prepare(out)
    assert other.read_bytes() == before


def damaged(snap: Path, sql: str) -> Path:
    copy = snap.with_name("damaged.gpkg")
    shutil.copy(snap, copy)
    with sqlite3.connect(copy) as database:
        database.execute(sql)
    database.close()
    return copy


@pytest.mark.parametrize(
    "sql",
    [
        "delete from osm_ways where id = (select max(id) from osm_ways)",
        "delete from osm_header where key = 'west'",
        "update osm_header set value = 'east' where key = 'west'",
        "update osm_header set value = 'circle snapshot 9' where key = 'format'",
        "update osm_ways set nodes = '[1, '",
        "update osm_ways set nodes = '[\"a\"]'",
        "update osm_ways set tags = '[]'",
        "alter table osm_ways drop column tags",
        "drop table osm_relations",
    ],
)
def test_a_damaged_snapshot_is_refused_in_a_sentence(snap, sql):
    copy = damaged(snap, sql)
    refused(one("run", copy, "-o", snap.with_name("out"), "--no-map", "-q"), copy)


def test_files_that_are_no_snapshots_are_told_apart(snap, tmp_path):
    cut, empty, other, text = (tmp_path / f"{name}.gpkg" for name in ("cut", "empty", "other", "text"))
    cut.write_bytes(snap.read_bytes()[:9_000])
    empty.touch()
    text.write_text("hello")
    gpd.GeoDataFrame(geometry=[shapely.Point(0, 0)], crs=4326).to_file(other)
    for file, words in ((cut, ""), (empty, "empty"), (other, "--buildings"), (text, "no GeoPackage")):
        ended = one("run", file, "-o", tmp_path / "out", "--no-map", "-q")
        refused(ended, file)
        assert words in ended.complaint


def test_people_in_the_rim_are_read_and_not_counted(tmp_path):
    """Asked for 100 m around the western house: the eastern one, in the rim, has no row, and the shop there counts."""
    town = Town()
    town.street((0, 0), (500, 0))
    town.offer("shop", 320, -6)
    west, east = town.house(0, 6), town.house(330, 6)
    source = town.write(tmp_path / "town.osm")
    with Wire(source) as wire:
        made = fetch.fetch(areas.around("0,0,100"), tmp_path / "town.gpkg", wire.client(None))
    run = circle.run(made.path)
    assert list(run.buildings["building"]) == [west]
    assert run.buildings["minutes_shop"].iloc[0] == pytest.approx((6 + 320 + 6) / 1.2 / 60, abs=0.01)
    assert run.summary["findings"]["tables.outside_boundary"] == 1
    assert circle.run(source).buildings["building"].isin([west, east]).all()
    whole = gpd.GeoDataFrame(geometry=[shapely.box(-0.005, -0.005, 0.005, 0.005)], crs=4326)
    whole.to_file(tmp_path / "whole.geojson")
    assert len(circle.run(made.path, boundary=str(tmp_path / "whole.geojson")).buildings) == 2  # what is said goes first
