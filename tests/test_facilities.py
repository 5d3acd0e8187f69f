"""Facilities: what counts as one, what counts as two, and what two real places hold when counted by hand."""

from __future__ import annotations

from pathlib import Path

import pytest
from osm_files import Drawing, village

from circle import sources
from circle.standards import DEFAULT, load

SERVICES = tuple(limit.service for limit in load(DEFAULT).services)
BUS = {"highway": "bus_stop"}
STOP = {"public_transport": "stop_position", "bus": "yes"}
PLATFORM = {"public_transport": "platform", "bus": "yes"}
SHOP = {"shop": "convenience", "name": "便民超市"}


@pytest.fixture
def town() -> Drawing:
    """Streets and homes without any service."""
    return village(leave_out=frozenset({"services", "relations"}))


def facilities(town: Drawing, tmp_path: Path, services: tuple[str, ...] = SERVICES):
    """Facilities of a drawing, and what was merged: id → id that stands for it."""
    place = sources.read(town.write(tmp_path / "town.osm"), services)
    merged = {f.id: f.detail.rsplit(" ", 1)[1] for f in place.findings if f.code == "sources.merged_facility"}
    told = {one for row in place.facilities["merged"] for one in row.split()}
    assert told == set(merged)
    assert place.facilities.set_index(["service", "facility"]).index.is_unique
    return place.facilities, merged


def names(table) -> list[tuple[str, str]]:
    return sorted(zip(table["service"], table["name"], strict=True))


# --- one facility, mapped more than once -------------------------------------------------------------------------------------


@pytest.mark.parametrize("node_tags", [SHOP, {"shop": "convenience"}])
def test_a_node_in_the_area_of_the_same_shop_is_the_same_shop(town, tmp_path, node_tags):
    area = town.box(300, 0, {**SHOP, "building": "retail"}, width=20, depth=20)
    node = town.node(310, 10, node_tags)
    found, merged = facilities(town, tmp_path)
    assert list(found["facility"]) == [f"way/{area}"]
    assert merged == {f"node/{node}": f"way/{area}"}


def test_an_unnamed_area_takes_the_name_of_the_node_in_it(town, tmp_path):
    area = town.box(300, 0, {"amenity": "marketplace"}, width=40, depth=40)
    town.node(320, 20, {"amenity": "marketplace", "name": "矿山菜市场"})
    found, _ = facilities(town, tmp_path)
    assert list(found["facility"]) == [f"way/{area}"]
    assert names(found) == [("market", "矿山菜市场")]


def test_two_nodes_of_one_name_at_one_door_are_one(town, tmp_path):
    first, second = town.node(300, 0, SHOP), town.node(308, 0, {**SHOP, "name": "便民 超市"})
    found, merged = facilities(town, tmp_path)
    assert len(found) == 1
    assert set(merged) | set(found["facility"]) == {f"node/{first}", f"node/{second}"}


def test_two_shops_under_one_roof_are_two(town, tmp_path):
    town.node(300, 0, SHOP)
    town.node(303, 0, {**SHOP, "name": "罗森"})
    assert names(facilities(town, tmp_path)[0]) == [("shop", "便民超市"), ("shop", "罗森")]


def test_two_unnamed_shops_side_by_side_are_two_and_on_one_spot_one(town, tmp_path):
    for x in (300, 306, 306.5):
        town.node(x, 0, {"shop": "convenience"})
    assert len(facilities(town, tmp_path)[0]) == 2


def test_branches_of_one_chain_down_the_street_are_two(town, tmp_path):
    town.node(300, 0, SHOP)
    town.node(360, 0, SHOP)
    assert len(facilities(town, tmp_path)[0]) == 2


def test_several_entrances_of_a_facility_do_not_multiply_it(town, tmp_path):
    corners = [town.node(x, y, {"entrance": "yes"}) for x, y in ((300, 0), (340, 0), (340, 30), (300, 30))]
    area = town.way([*corners, corners[0]], {"amenity": "community_centre", "name": "矿山社区服务中心", "building": "civic"})
    found, merged = facilities(town, tmp_path)
    assert list(found["facility"]) == [f"way/{area}"]
    assert merged == {}


def test_a_relation_and_its_outer_way_are_one_facility(town, tmp_path):
    tags = {"amenity": "clinic", "name": "矿山社区卫生服务站"}
    outer, inner = town.box(300, 0, tags, width=40, depth=40), town.box(310, 10, {}, width=10, depth=10)
    relation = town.relation([("way", outer, "outer"), ("way", inner, "inner")], {"type": "multipolygon", **tags})
    found, _ = facilities(town, tmp_path)
    assert len(found) == 1
    assert found["facility"][0] in {f"way/{outer}", f"relation/{relation}"}


def test_one_object_may_offer_two_services(town, tmp_path):
    town.box(300, 0, {"building": "civic", "amenity": "community_centre", "name": "矿山社区服务中心", "shop": "convenience"})
    found, merged = facilities(town, tmp_path)
    assert sorted(found["service"]) == ["service_centre", "shop"]
    assert merged == {}


# --- bus stops ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("platform", [PLATFORM, BUS, {**BUS, **PLATFORM}])
@pytest.mark.parametrize("named", [({"name": "矿一路"}, {"name": "矿一路"}), ({"name": "矿一路"}, {}), ({}, {"name": "矿一路"}), ({}, {})])
def test_the_stopping_point_beside_its_platform_is_one_stop(town, tmp_path, platform, named):
    pole = town.node(300, 6, {**platform, **named[0]})
    halt = town.node(300, 0, {**STOP, **named[1]})
    found, merged = facilities(town, tmp_path)
    assert list(found["facility"]) == [f"node/{pole}"], "people wait at the platform"
    assert merged == {f"node/{halt}": f"node/{pole}"}
    assert list(found["name"]) == ["矿一路" if any(named) else ""]


def test_a_stopping_point_alone_is_a_stop(town, tmp_path):
    halt = town.node(300, 0, {**STOP, "name": "矿一路"})
    assert list(facilities(town, tmp_path)[0]["facility"]) == [f"node/{halt}"]


@pytest.mark.parametrize("across_m", [9, 14, 22])
@pytest.mark.parametrize("halts", [0, 1, 2])
def test_both_kerbs_are_two_stops(town, tmp_path, across_m, halts):
    for side in (-1, 1):
        town.node(300, side * across_m / 2, {**BUS, "name": "矿一路"})
    for side in (-1, 1)[:halts]:
        town.node(302, side * across_m / 2 - side * 3, {**STOP, "name": "矿一路"})
    found, merged = facilities(town, tmp_path)
    assert len(found) == 2
    assert len(merged) == halts


def test_platforms_drawn_as_lines_on_both_kerbs_are_two_stops(town, tmp_path):
    """Eight metres and more apart, as on the narrow streets of Berlin."""
    for y in (-4.5, 4.5):
        town.line([(300, y), (318, y)], {**PLATFORM, "highway": "platform", "name": "矿一路"})
    town.node(309, 0, {**STOP, "name": "矿一路"})
    assert len(facilities(town, tmp_path)[0]) == 2


def test_a_pole_on_its_platform_is_one_stop(town, tmp_path):
    line = town.line([(300, 5), (318, 5)], {**PLATFORM, "name": "矿一路"})
    town.node(309, 6, {**BUS, "name": "矿一路"})
    assert list(facilities(town, tmp_path)[0]["facility"]) == [f"way/{line}"]


def test_bays_of_a_bus_station_are_many_stops(town, tmp_path):
    for bay in range(5):
        town.node(300 + 6 * bay, 0, {**BUS, "name": f"客运站 {bay + 1} 号位"})
    assert len(facilities(town, tmp_path)[0]) == 5


# --- names that promote and demote -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tags", "service"),
    [
        ({"shop": "supermarket", "name": "全家"}, "shop"),
        ({"shop": "supermarket", "name": "石科院小卖部"}, "shop"),
        ({"shop": "supermarket", "name": "沃尔玛"}, None),
        ({"building": "yes", "name": "社区服务中心"}, "service_centre"),
        ({"building": "yes", "name": "党群服务中心"}, "service_centre"),
        ({"building": "yes", "name": "12号楼"}, None),
        ({"building": "yes", "name": "矿山农贸市场"}, "market"),
        ({"building": "public", "amenity": "community_centre", "name": "同济大礼堂"}, None),
        ({"amenity": "community_centre", "name": "菜鸟驿站"}, None),
        ({"shop": "outpost", "name": "菜鸟驿站"}, None),
        ({"amenity": "hospital", "name": "矿山社区卫生服务中心"}, "clinic"),
        ({"amenity": "hospital", "name": "同仁医院"}, None),
        ({"shop": "convenience", "name": "罗森", "access": "private"}, None),
        ({"shop": "convenience", "name": "便民超市", "disused": "yes"}, None),
    ],
)
@pytest.mark.parametrize("drawn", ["node", "area"])
def test_names_and_tags_decide_what_a_place_offers(town, tmp_path, tags, service, drawn):
    if drawn == "node":
        if "building" in tags:
            pytest.skip("no building is a node")
        town.node(300, 0, tags)
    else:
        town.box(300, 0, tags)
    found, _ = facilities(town, tmp_path)
    assert list(found["service"]) == ([service] if service else [])


def test_a_named_building_relation_is_a_facility_with_its_shape(town, tmp_path):
    outer, inner = town.box(300, 0, {}, width=40, depth=40), town.box(310, 10, {}, width=10, depth=10)
    tags = {"type": "multipolygon", "building": "yes", "name": "社区服务中心"}
    relation = town.relation([("way", outer, "outer"), ("way", inner, "inner")], tags)
    found, _ = facilities(town, tmp_path)
    assert list(found["facility"]) == [f"relation/{relation}"]
    assert len(found.geometry[0].interiors) == 1


def test_only_the_services_that_are_asked_for_are_looked_up(town, tmp_path):
    town.node(300, 0, SHOP)
    town.node(330, 0, {"amenity": "clinic", "name": "矿山社区卫生服务站"})
    found, _ = facilities(town, tmp_path, ("clinic",))
    assert list(found["service"]) == ["clinic"]


def test_a_place_without_any_facility_has_an_empty_table(town, tmp_path):
    found, merged = facilities(town, tmp_path)
    assert list(found.columns[:4]) == ["facility", "service", "name", "source"]
    assert len(found) == 0
    assert merged == {}


# --- two real places, counted by hand ----------------------------------------------------------------------------------------


def test_yizhuang_by_hand(test_data):
    """What is there: 11 supermarkets (none a small shop by its name), 1 convenience store, 2 markets, a bare 党群活动中心, an unnamed
    community centre, 5 large hospitals. Of 207 mapped stops 94 stopping points and twins belong to another.
    """
    place = sources.read(test_data / "osm" / "beijing_yizhuang_2021.osm.pbf", SERVICES)
    found = place.facilities
    others = found[found["service"] != "bus_stop"]
    assert sorted(zip(others["service"], others["facility"], others["name"], strict=True)) == [
        ("market", "node/2426743579", "宏德利远市场"),
        ("market", "way/237964767", "鹿海园早市"),
        ("service_centre", "way/238433432", "党群活动中心"),
        ("service_centre", "way/240517972", ""),
        ("shop", "node/2451262677", "快客"),
    ]
    stops = found[found["service"] == "bus_stop"].set_index("facility")
    assert len(stops) == 113
    assert sum(len(one.split()) for one in stops["merged"]) == 94
    # the two kerbs of 泰河园二里: an unnamed platform each; both stopping points lie nearer to the same one
    assert {"node/2491261826", "node/2491261827"} <= set(stops.index)
    assert stops.loc["node/2491261827", "merged"].split() == ["node/2467243235", "node/2491261825"]


def test_bupt_by_hand(test_data):
    """Two supermarkets (南区超市, 物美) are no small shops; the marketplace 中国移动 sells phones; the hospital is 社区卫生服务中心 too."""
    place = sources.read(test_data / "osm" / "beijing_bupt_campus_2025.osm", SERVICES)
    found = place.facilities
    assert sorted(zip(found["service"], found["facility"], strict=True)) == [
        ("bus_stop", "node/10930764297"),
        ("bus_stop", "node/9699353706"),
        ("bus_stop", "node/9699368112"),
        ("bus_stop", "node/9699368113"),
        ("clinic", "way/344373140"),
        ("shop", "node/7426396546"),
    ]
    assert found.set_index("facility")["merged"]["node/9699368112"] == "node/1816255887"
    assert found.set_index("facility")["merged"]["node/9699368113"] == "node/1816255894"


def test_berlin_keeps_both_kerbs(test_data):
    """Platforms there are lines with names: ten pairs of one name lie 8 to 25 m apart, across the street."""
    found = sources.read(test_data / "osm" / "berlin_borsigwalde_2026.osm.pbf", ("bus_stop",)).facilities
    metric = found.to_crs(25833)
    metric = metric[metric["name"] != ""]
    pairs = [
        (name, round(float(a.distance(b))))
        for name, group in metric.groupby("name")
        for i, a in enumerate(group.geometry)
        for b in group.geometry[i + 1 :]
        if a.distance(b) < 25
    ]
    assert len(pairs) >= 8
    assert min(distance for _, distance in pairs) >= 8
