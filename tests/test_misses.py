"""Near-misses: loose ends that nearly meet another path, with the gap, the way round, and what stands between."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import shapely
from town import Town

from circle import misses, network, rules, sources
from circle.errors import Findings

# Restated: 8 m in the open, 20 m with a wall in it; the walk round is at least 100 m and five times the gap.


def found(town: Town, walls: list[shapely.Geometry] | None = None, buildings: list[shapely.Geometry] | None = None):
    """On the equator the plane is metres."""
    shapes = [None if some is None else np.asarray(some, dtype=object) for some in (walls, buildings)]
    return network.near_misses(town.net(), *shapes)


def horseshoe(gap: float, depth: float = 100.0) -> Town:
    """A street of 100 m with two blind alleys of `depth` from its ends, bent towards each other until `gap` is left between them."""
    town = Town()
    town.street((0, 0), (100, 0))
    town.street((0, 0), (0, depth), (50 - gap / 2, depth))
    town.street((100, 0), (100, depth), (50 + gap / 2, depth))
    return town


def test_two_ends_a_few_metres_apart():
    table = found(horseshoe(6.0))
    assert len(table) == 1  # one row for the pair
    row = table.iloc[0]
    assert row["kind"] == "end"
    assert row["distance_m"] == pytest.approx(6, abs=1e-6)
    assert row["around_m"] == pytest.approx(100 + 2 * 100 + 2 * 47, abs=1e-4)
    assert row["node"] < row["other_node"]
    west, _, east, _ = row.geometry.bounds
    assert (east - west) * 111_320 == pytest.approx(6, rel=1e-3)


@pytest.mark.parametrize(("gap", "depth", "rows"), [(9.0, 100.0, 0), (7.9, 100.0, 1), (6.0, 1.0, 1), (6.0, -48.0, 1)])
def test_how_near(gap, depth, rows):
    assert len(found(horseshoe(gap, depth))) == rows


def test_a_short_way_round_is_no_near_miss():
    town = Town()
    town.street((0, 0), (6, 0), (20, 0))
    town.street((0, 0), (0, 30))
    town.street((6, 0), (6, 30))  # 66 m to walk round, less than 100
    assert len(found(town)) == 0


def test_an_end_before_the_middle_of_another_path():
    town = Town()
    town.street((0, 0), (100, 0), (200, 0), (200, 60), (0, 60))
    stub = town.street((100, 0), (100, 55))
    (row,) = found(town).to_dict("records")
    assert (row["kind"], row["way"], row["other_node"]) == ("path", stub, 0)
    assert row["distance_m"] == pytest.approx(5, abs=1e-6)
    assert row["around_m"] == pytest.approx(55 + 100 + 60 + 100, abs=1e-4)
    assert row["other_offset_m"] == pytest.approx(100 + 60 + 100, abs=1e-4)


def blocked() -> Town:
    """A path that ends 1 m before y = 50, and a street that runs 14 m beyond it."""
    town = Town()
    town.street((0, 0), (100, 0), (200, 0), (200, 64), (0, 64))
    town.street((100, 0), (100, 49))
    return town


def test_a_path_that_ends_at_a_wall_with_a_street_behind():
    wall = shapely.LineString([(60, 50), (140, 50)])
    assert len(found(blocked())) == 0  # 15 m in the open is no near-miss
    (row,) = found(blocked(), [wall]).to_dict("records")
    assert row["kind"] == "wall"
    assert row["distance_m"] == pytest.approx(15, abs=1e-6)
    assert len(found(blocked(), [shapely.LineString([(60, 58), (140, 58)])])) == 0  # the wall is not where the path ends


def test_a_wall_that_the_end_lies_on():
    town = Town()
    town.street((0, 0), (100, 0), (200, 0), (200, 64), (0, 64))
    town.street((100, 0), (100, 50))
    wall = shapely.LineString([(60, 50), (100, 50), (140, 50)])
    assert found(town, [wall])["kind"].tolist() == ["wall"]
    beside = Town()  # what runs on this side of the wall is not behind it
    beside.street((0, 0), (100, 0), (200, 0), (200, 46), (104, 46))
    beside.street((100, 0), (100, 50))
    assert set(found(beside, [wall])["kind"]) == {"end", "path"}


def test_a_path_to_a_door_is_no_near_miss_but_one_on_either_side_of_the_house_is():
    house = shapely.box(90, 50, 110, 60)
    assert len(found(blocked(), None, [house])) == 0
    town = blocked()
    town.ways.clear()
    town.street((0, 0), (100, 0), (200, 0), (200, 64), (100, 64), (0, 64))
    town.street((100, 0), (100, 49))
    town.street((100, 64), (100, 61))
    (row,) = found(town, None, [house]).to_dict("records")
    assert row["kind"] == "building"
    assert row["distance_m"] == pytest.approx(12, abs=1e-6)


def test_a_bridge_overhead_and_a_loose_end_of_the_map_alone():
    town = Town()
    town.street((0, 0), (100, 0), (200, 0))
    town.street((100, 0), (100, 40))
    town.street((0, 44), (200, 44), bridge="yes")
    assert len(found(town)) == 0


def test_each_is_a_finding_with_its_distance():
    town, findings = horseshoe(6.0), Findings()
    network.tell_near_misses(found(town), findings)
    (one,) = findings.items
    assert one.code == "network.near_miss"
    assert one.detail.startswith("6.0 m from the loose end of way/")
    assert one.detail.endswith("394 m to walk round")


def test_the_run_lists_them():
    town = horseshoe(6.0)
    town.house(20, 6)
    town.offer("shop", 60, -6)
    run = town.study()
    assert run.summary["findings"]["network.near_miss"] == 1


def test_nothing_to_find_and_nothing_written_to(test_data: Path):
    place = sources.read(test_data / "osm" / "helsinki_centre_2019.osm.pbf", ["shop"])
    net = network.build(place.ways, place.vertices, place.plane, rules.walker("adult"), Findings(), stops=place.stops)
    nodes, edges = net.nodes.copy(deep=True), net.edges.copy(deep=True)
    houses = net.plane.project(place.buildings.geometry.to_numpy())
    table = network.near_misses(net, buildings=houses)
    assert nodes.equals(net.nodes)
    assert edges.equals(net.edges)
    assert 40 < len(table) < 150
    assert table["node"].is_unique
    assert table["node"].is_monotonic_increasing
    assert (table["distance_m"] <= np.where(table["kind"].isin(["end", "path"]), 8, 20)).all()
    assert (table["around_m"] >= np.maximum(100, 5 * table["distance_m"])).all()
    assert len(found_in(net.nodes.iloc[:0], net)) == 0


def found_in(nodes, net: network.Network):
    from circle import misses

    return misses.find(nodes, net.edges.iloc[:0], net.lines[:0], net.plane)


def test_ends_near_the_street_that_they_leave_need_no_search(test_data: Path, monkeypatch: pytest.MonkeyPatch):
    """What is left out because the way round is plainly short would have been found to be short: the table is that of all searches."""
    place = sources.read(test_data / "osm" / "helsinki_centre_2019.osm.pbf", ["shop"])
    net = network.build(place.ways, place.vertices, place.plane, rules.walker("adult"), Findings())
    searched: list[int] = []
    around = misses._around

    def counted(*given):
        searched.append(len(given[-1][0]))
        return around(*given)

    monkeypatch.setattr(misses, "_around", counted)
    quick = network.near_misses(net)
    monkeypatch.setattr(misses, "_corner", lambda edges, pairs: np.full(len(pairs[0]), np.inf))
    plain = network.near_misses(net)
    assert len(quick)
    assert quick.to_wkb().equals(plain.to_wkb())
    assert searched[0] < searched[1]
