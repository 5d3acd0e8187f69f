"""Traps of the field, drawn: what goes silently wrong elsewhere with speeds, edges, islands, squares and gaps."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from test_invariants import QUICK, not_longer, plans, same, seconds
from town import Town

from circle import linkage, network, rules, sources
from circle.errors import Findings

WAITING = rules.walker("adult_waiting")


def test_legs_and_ways_are_walked_at_one_speed():
    """T5: elsewhere the leg to the path has a speed of its own. Twice the speed is half of the whole, leg and all."""
    town = Town()
    town.street((0, 0), (400, 0))
    house, _ = town.house(20, 18), town.offer("shop", 380, -22)
    adult = rules.walker("adult")
    for speed in (0.6, 1.2, 2.4):
        who = replace(adult, speed_m_per_s=speed)
        assert town.measure(walker=who).seconds[house] == pytest.approx((18 + 360 + 22) / speed, abs=1e-6)


def test_the_same_street():
    """T6: not to the end of the edge and back."""
    town = Town()
    town.street((0, 0), (5000, 0))
    house, _ = town.house(2400, 6), town.offer("shop", 2436, 6)
    assert town.measure().seconds[house] == pytest.approx((6 + 36 + 6) / 1.2, abs=1e-5)


def test_an_island_of_paths_at_the_door_does_not_catch_the_house():
    """T7: a path in a graveyard, joined to nothing, 2 m from the house; the street is 40 m away."""
    town = Town()
    town.street((0, 0), (3000, 0))
    town.street((50, 45), (150, 45), highway="footway")
    house, _ = town.house(100, 40), town.offer("shop", 200, 6)
    assert town.measure().seconds[house] == pytest.approx((40 + 100 + 6) / 1.2, abs=1e-6)


def test_a_link_does_not_depend_on_who_else_is_asked():
    """T8: the same house alone, and among a hundred."""
    alone, among = Town(), Town()
    for town in (alone, among):
        town.street((0, 0), (500, 0))
        town.street((0, 30), (500, 30))
    house = alone.house(100, 12)
    assert among.house(100, 12) == house
    for number in range(99):
        among.house(104 + 4 * number, 12, size=1)
    for town in (alone, among):
        town.offer("shop", 480, 6)
    one, many = alone.measure(), among.measure()
    assert one.seconds[house] == many.seconds[house]
    assert one.links(house)["leg_m"].tolist() == many.links(house)["leg_m"].tolist()


def test_a_motorway_at_the_door_is_not_what_one_walks_on():
    """T9: nearest is a motorway, then its slip road; the footway behind the house is what one takes."""
    town = Town()
    town.street((0, 0), (500, 0), highway="motorway")
    town.street((0, 4), (500, 4), highway="motorway_link")
    town.street((0, 40), (500, 40), highway="footway")
    house, _ = town.house(100, 8, size=4), town.offer("shop", 300, 46)
    assert town.measure().seconds[house] == pytest.approx((24 + 200 + 6) / 1.2, abs=1e-6)


def test_the_two_sides_of_a_road_are_joined_where_a_crossing_is():
    """T13: filters that drop crossings and cycleways isolate the sides of a road."""
    town = Town()
    for y, tags in ((-20, {"highway": "footway", "footway": "sidewalk"}), (20, {"highway": "cycleway", "foot": "designated"})):
        town.street((0, y), (150, y), (300, y), **tags)
    town.street((150, -20), (150, 20), highway="cycleway", footway="crossing")
    house, _ = town.house(100, -26), town.offer("shop", 200, 26)
    assert town.measure().seconds[house] == pytest.approx((6 + 50 + 40 + 50 + 6) / 1.2, abs=1e-6)


def test_a_private_way_inside_a_compound_is_walked_from_the_house():
    """T15: without it the house would step through the wall to the street behind."""
    town = Town()
    town.street((0, 0), (100, 0), (200, 0))
    town.street((100, 0), (100, 70), highway="service", access="private")
    house, _ = town.house(106, 60, size=4), town.offer("shop", 200, 6)
    assert town.measure().seconds[house] == pytest.approx((2 + 64 + 100 + 6) / 1.2, abs=1e-6)


def test_a_square_is_crossed_and_its_pond_is_not():
    """T16: straight from corner to corner, 50 m; with a pond in the middle, round its corner."""
    plain, pond = Town(), Town()
    ring = [(0, 0), (40, 0), (40, 30), (0, 30)]
    plain.square(list(ring))
    pond.square(list(ring), [(15, 10), (25, 10), (25, 20), (15, 20)])
    for town in (plain, pond):
        town.street((-100, 0), (0, 0))
        town.street((40, 30), (140, 30))
        town.offer("shop", 90, 36)
        town.house(-50, -6)
    straight, round_it = (next(iter(town.measure().seconds.values())) for town in (plain, pond))
    assert straight == pytest.approx((6 + 50 + 50 + 50 + 6) / 1.2, abs=1e-5)
    corner = np.hypot(25, 10) + np.hypot(15, 20)
    assert round_it == pytest.approx((6 + 50 + corner + 50 + 6) / 1.2, abs=1e-5)


@pytest.mark.parametrize(("road", "wait"), [("residential", 0), ("tertiary", 5), ("secondary", 10), ("primary", 15), ("trunk", 20)])
def test_crossing_without_lights_by_the_class_of_the_road(road, wait):
    """T17: neither forbidden nor free; for a walker who waits."""
    town = Town()
    town.street((-100, 0), (0, 0), (100, 0), highway=road)
    town.street((0, -60), (0, 0), (0, 60), highway="footway")
    house, _ = town.house(-6, -40, size=2), town.offer("shop", 6, 40)
    assert town.measure(walker=WAITING).seconds[house] == pytest.approx((4 + 82 + 6) / 1.2 + wait, abs=1e-6)


def test_a_missing_link_beside_a_railway_bridge_is_found():
    """T18: the path under the bridge ends 4 m before the street that it leads to; round by the level crossing are 356 m."""
    town = Town()
    town.street((0, 0), (80, 0), (80, 100), (0, 100))
    path = town.street((0, 0), (0, 96), highway="footway")
    (row,) = network.near_misses(town.net()).to_dict("records")
    assert path in (row["way"], row["other_way"])
    assert row["distance_m"] == pytest.approx(4, abs=1e-6)
    assert row["around_m"] == pytest.approx(96 + 80 + 100 + 80, abs=1e-3)


# --- invariants


@given(plans(), st.data())
@QUICK
def test_a_shop_less_never_shortens_a_walk(plan, data):
    fewer = replace(plan, shops=plan.shops[: data.draw(st.integers(0, len(plan.shops)))])
    assert not_longer(seconds(plan.town()), seconds(fewer.town()))


@given(plans(kinds=("street", "steps")))
@QUICK
def test_who_waits_is_never_quicker_and_who_waits_for_nothing_is_not_slower(plan):
    town = plan.town()
    for row, (number, refs, tags) in enumerate(town.ways):
        if tags["highway"] == "residential":
            town.ways[row] = (number, refs, {**tags, "highway": "primary" if row % 3 == 0 else "residential"})
    free, waiting = seconds(town), seconds(town, WAITING)
    assert not_longer(free, waiting)
    assert same(free, seconds(town, replace(WAITING, waiting_s={})))


@given(plans(), st.floats(-100, 3000))
@QUICK
def test_a_plain_at_any_height_is_flat(plan, height):
    place = plan.town().place()
    flat, high = (
        network.build(place.ways, place.vertices, place.plane, rules.walker("adult"), Findings(), heights=heights)
        for heights in (None, lambda lon, lat: np.full(len(lon), height))
    )
    for name in ("seconds_forward", "seconds_backward"):
        assert np.allclose(flat.edges[name], high.edges[name], rtol=1e-12)


@given(plans(kinds=("street",)))
@QUICK
def test_there_on_a_hill_is_back_on_the_hill_turned_upside_down(plan):
    place = plan.town().place()
    up, down = (
        network.build(place.ways, place.vertices, place.plane, rules.walker("adult"), Findings(), heights=heights)
        for heights in (lambda lon, lat: 9e3 * lon + 4e3 * lat, lambda lon, lat: -9e3 * lon - 4e3 * lat)
    )
    assert np.allclose(up.edges["seconds_forward"], down.edges["seconds_backward"], rtol=1e-9)


# --- real places


@pytest.mark.parametrize("name", ["beijing_yizhuang_2021.osm.pbf", "helsinki_centre_2019.osm.pbf", "berlin_borsigwalde_2026.osm.pbf"])
def test_no_house_is_tied_to_an_island_while_a_connected_path_is_in_reach(test_data: Path, name: str):
    """T7 on real places, by the plain distance to every edge: within 100 m a joined path on the ground goes before any island."""
    place = sources.read(test_data / "osm" / name, ["shop"])
    net = network.build(place.ways, place.vertices, place.plane, rules.walker("adult"), Findings(), stops=place.stops)
    doors = net.plane.project(place.doors.geometry.to_numpy())
    starts, _ = linkage.starts(net.plane.project(place.buildings.geometry.to_numpy()), doors[place.doors["home"].to_numpy(dtype=bool)])
    single = shapely.get_num_geometries(starts) == 1
    links = linkage.link(starts[single], net)
    edges = net.edges
    tied = np.unique(links.row[edges["island"].to_numpy()[links.edge]])
    passable = np.isfinite(np.minimum(edges["seconds_forward"], edges["seconds_backward"])).to_numpy() & edges["midway"].to_numpy()
    joined = net.lines[passable & ~edges["island"].to_numpy() & ~edges["raised"].to_numpy()]
    if not len(tied):
        return
    shapes = starts[single][tied]
    near = joined[shapely.STRtree(joined).query_nearest(shapes, all_matches=False)[1]]
    units = net.plane.units_per_metre(shapely.bounds(shapes)[:, 1])
    assert (shapely.distance(shapes, near) / units > 99.5).all()
