"""Scenario files: read as they are meant, refused in one sentence where they say something impossible."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circle import scenario
from circle.errors import RuleError
from circle.scenario import Closing, Move, Passage, Scenario, Station

WHOLE = """
name = "all of it"
geojson = "drawn.geojson"

[[station]]
name = "驿站"
lon = 114.9012
lat = 30.2051
services = ["service_centre", "clinic"]

[[move]]
facility = "node/1203"
lon = 114.9021
lat = 30.2060

[[close]]
facility = "way/88"
services = "shop"

[[close]]
gate = "node/77"

[[open]]
gate = "node/78"

[[passage]]
name = "东门"
from = [114.9001, 30.2044]
to = [114.9003, 30.2044]
"""
DRAWN = {
    "type": "FeatureCollection",
    "features": [
        {
            "type": "Feature",
            "properties": {"fid": 1, "kind": "station", "services": "shop, market", "name": None, "id": "drawn"},
            "geometry": {"type": "Point", "coordinates": [114.91, 30.21, 0.0]},
        },
        {
            "type": "Feature",
            "properties": {"kind": "passage"},
            "geometry": {"type": "LineString", "coordinates": [[1, 2], [3, 4], [5, 6]]},
        },
        {"type": "Feature", "properties": {"kind": "open", "gate": "node/9"}, "geometry": None},
    ],
}


def write(folder, text, name="plan.toml"):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_every_kind_of_edit_is_read(tmp_path):
    write(tmp_path, json.dumps(DRAWN), "drawn.geojson")
    read = scenario.load(write(tmp_path, WHOLE))
    assert read == Scenario(
        name="all of it",
        stations=(
            Station("station/1", "驿站", 114.9012, 30.2051, ("service_centre", "clinic")),
            Station("drawn", "", 114.91, 30.21, ("shop", "market")),
        ),
        moves=(Move("node/1203", 114.9021, 30.206),),
        closings=(Closing("way/88", ("shop",)),),
        opened=("node/78", "node/9"),
        closed=("node/77",),
        passages=(Passage("passage/1", "东门", (114.9001, 30.2044), (114.9003, 30.2044)), Passage("passage/2", "", (1.0, 2.0), (5.0, 6.0))),
    )
    assert not read.only_adds
    assert read.changes_network


def test_geojson_alone_is_a_scenario(tmp_path):
    read = scenario.load(write(tmp_path, json.dumps(DRAWN), "drawn.geojson"))
    assert (read.name, len(read.stations), len(read.passages), read.only_adds) == ("drawn", 1, 1, True)


def test_what_is_written_is_read_back(tmp_path):
    write(tmp_path, json.dumps(DRAWN), "drawn.geojson")
    first = scenario.load(write(tmp_path, WHOLE))
    assert scenario.load(first.save(tmp_path / "again.toml")) == first
    assert scenario.from_dict(json.loads(json.dumps(first.as_dict()))) == first


@given(name=st.text(st.characters(exclude_categories=["Cs"])), lon=st.floats(-180, 180), lat=st.floats(-85, 85))
def test_any_name_and_place_survives_the_file(tmp_path_factory, name, lon, lat):
    first = Scenario(name or "x", stations=(Station("s", name, lon, lat, ("clinic",)),))
    assert scenario.load(first.save(tmp_path_factory.mktemp("any") / "any.toml")) == first


def test_an_empty_scenario_changes_nothing(tmp_path):
    read = scenario.load(write(tmp_path, ""))
    assert read.empty
    assert read.only_adds
    assert read.name == "plan"


STATION = '[[station]]\nlon = 1.0\nlat = 2.0\nservices = ["shop"]\n'


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (STATION.replace("shop", "shpo"), ["station[1].services", "'shpo' is not known", "did you mean 'shop'"]),
        (STATION.replace('["shop"]', "[]"), ["station[1].services", "at least one service"]),
        (STATION.replace("1.0", '"1"'), ["station[1].lon", "must be a number"]),
        (STATION.replace("2.0", "nan"), ["station[1].lat", "finite"]),
        (STATION.replace("2.0", "95"), ["station[1].lat = 95", "at most 85"]),
        (STATION.replace("lat", "latitude"), ["station[1].lat: missing", "a number"]),
        (STATION + "colour = 'red'\n", ["station[1].colour", "unknown key"]),
        ("[[stations]]\nlon = 1.0\n", ["stations", "unknown key", "did you mean 'station'"]),
        (STATION + 'id = "a"\n' + STATION + 'id = "a"\n', ["station[2].id = 'a'", "named twice"]),
        ('[[close]]\nservices = ["shop"]\n', ["close[1].facility: missing", "gate"]),
        ('[[close]]\nfacility = "node/1"\ngate = "node/2"\n', ["close[1].gate", "facility is there too"]),
        ('[[close]]\nfacility = "node/1"\n[[move]]\nfacility = "node/1"\nlon = 1\nlat = 1\n', ["node/1", "named twice"]),
        ('[[open]]\ngate = "the east one"\n', ["open[1].gate", "node/123"]),
        ('[[open]]\ngate = "node/1"\n[[close]]\ngate = "node/1"\n', ["gate = 'node/1'", "named twice"]),
        ("[[passage]]\nfrom = [1.0, 2.0]\nto = [1.0, 2.0]\n", ["passage[1].to", "the other side"]),
        ("[[passage]]\nfrom = [1.0, 2.0]\nto = [1.0]\n", ["passage[1].to", "[longitude, latitude]"]),
        ("[[passage]]\nfrom = [1.0, 2.0]\nto = [200.0, 2.0]\n", ["passage[1].to.lon = 200.0", "at most 180"]),
        ('geojson = "nowhere.geojson"\n', ["nowhere.geojson", "no such file"]),
        ("station = 3\n", ["station = 3", "[[station]]"]),
    ],
)
def test_an_impossible_scenario_is_refused_with_file_key_and_value(tmp_path, text, says):
    path = write(tmp_path, text)
    with pytest.raises(RuleError) as refused:
        scenario.load(path)
    for part in says:
        assert part in str(refused.value)
    assert str(tmp_path) in str(refused.value)


def feature(kind, geometry, **keys):
    return {"type": "FeatureCollection", "features": [{"type": "Feature", "properties": {"kind": kind, **keys}, "geometry": geometry}]}


POINT = {"type": "Point", "coordinates": [1.0, 2.0]}


@pytest.mark.parametrize(
    ("whole", "says"),
    [
        (feature("shop", POINT), "features[1].kind = 'shop'"),
        (feature("station", None, services="shop"), "a station is a point"),
        (feature("passage", POINT), "a passage is a line"),
        (feature("station", {"type": "Point", "coordinates": ["a", 2]}, services="shop"), "features[1].lon = 'a'"),
        (feature("passage", {"type": "LineString", "coordinates": [1, 2]}), "[longitude, latitude]"),
        ({**feature("station", POINT, services="shop"), "crs": {"properties": {"name": "EPSG:3857"}}}, "EPSG:4326"),
        ([1, 2], "FeatureCollection"),
        ({"features": [7]}, "features[1]: is not a GeoJSON feature"),
        ({"features": [{"properties": [1]}]}, "features[1]: is not a GeoJSON feature"),
    ],
)
def test_geojson_that_is_no_scenario_is_refused(tmp_path, whole, says):
    with pytest.raises(RuleError) as refused:
        scenario.load(write(tmp_path, json.dumps(whole), "drawn.geojson"))
    assert says in str(refused.value)


def test_a_broken_geojson_file_is_refused(tmp_path):
    with pytest.raises(RuleError, match="not GeoJSON"):
        scenario.load(write(tmp_path, "{", "broken.json"))


def test_services_that_a_standard_does_not_ask_for_are_told():
    plan = Scenario(stations=(Station("a", "", 0, 0, ("shop", "clinic")), Station("b", "", 0, 0, ("library",))))
    kept, idle = scenario.without_services(plan, {"clinic"})
    assert [each.services for each in kept.stations] == [("clinic",)]
    assert idle == ("b",)
