"""Linkage: nearest points on edges, several of them, doors before outlines, islands last."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from town import Town

# Restated from the rules: 25 m of reach, doubled up to 100 m for connected edges and 500 m at all; legs longer than 50 m are flagged;
# a building keeps 24 links.


def test_a_link_is_the_nearest_point_on_the_edge_and_not_a_node():
    town = Town()
    town.street((0, 0), (500, 0))
    house, _ = town.house(123, 9), town.offer("shop", 400, 5)
    link = town.measure().links(house).iloc[0]
    assert link["offset_m"] == pytest.approx(123, abs=1e-6)
    assert link["leg_m"] == pytest.approx(9, abs=1e-6)
    assert link["flag"] == ""


def test_offsets_run_along_a_bent_edge():
    town = Town()
    town.street((0, 0), (100, 0), (100, 200))
    house, _ = town.house(109, 80, size=4), town.offer("shop", 10, 5)  # the diamond's west corner is at (105, 84)
    link = town.measure().links(house).iloc[0]
    assert link["offset_m"] == pytest.approx(184, abs=1e-6)
    assert link["leg_m"] == pytest.approx(5, abs=1e-6)


def test_several_candidates_beat_the_nearest():
    """The nearest path (5 m) leads around 400 m; the street behind (15 m) leads straight to the shop."""
    town = Town()
    town.street((0, 0), (0, -100), (200, -100), (200, 20))  # 100 + 200 + 120 m
    town.street((-60, 20), (200, 20), (260, 20))
    house = town.plot([(0, 5), (5, 6), (2, 5.5)])
    town.offer("shop", 100, 26)
    measured = town.measure()
    assert measured.links(house)["leg_m"].tolist() == pytest.approx([5, 14], abs=1e-6)
    # by the street behind: from the corner (5, 6): 14 m, along 95 m, 6 m
    assert measured.seconds[house] == pytest.approx((14 + 95 + 6) / 1.2, abs=1e-6)
    assert measured.runner_up_s[house] == pytest.approx((5 + 420 + 100 + 6) / 1.2, abs=1e-6)


def test_doors_come_before_the_outline():
    """The outline is 5 m from the street; the door is at the back, 25 m from it."""
    town = Town()
    town.street((0, 0), (300, 0))
    ring = [(50, 5), (70, 5), (70, 25), (50, 25)]
    house = town.plot(ring)
    town.door(60, 25)
    town.offer("shop", 160, 5)
    measured = town.measure()
    assert measured.leg_m[house] == pytest.approx(25, abs=1e-6)
    assert measured.seconds[house] == pytest.approx((25 + 100 + 5) / 1.2, abs=1e-6)


def test_a_door_of_another_building_is_no_door_of_this():
    town = Town()
    town.street((0, 0), (300, 0))
    house = town.plot([(50, 5), (70, 5), (60, 25)])
    town.plot([(80, 12), (90, 12), (85, 25)])
    town.door(85, 25)
    town.door(60, 15)  # inside the first, not on its outline
    town.offer("shop", 160, 5)
    assert town.measure().leg_m[house] == pytest.approx(5, abs=1e-6)


def test_each_of_two_doors_is_tied():
    """Both doors face one street; the one that is a metre farther from it is 60 m nearer to the shop."""
    town = Town()
    town.street((0, 0), (300, 0))
    house = town.plot([(50, 4), (50, 20), (110, 20), (110, 5)])
    town.door(50, 4)
    town.door(110, 5)
    town.offer("shop", 160, 6)
    measured = town.measure()
    assert sorted(measured.links(house)["offset_m"]) == pytest.approx([50, 110], abs=1e-6)
    assert measured.seconds[house] == pytest.approx((5 + 50 + 6) / 1.2, abs=1e-6)


def test_a_facility_with_doors_is_entered_by_them():
    town = Town()
    town.street((0, 0), (300, 0))
    house = town.house(50, 5)
    town.offer("market", (200, 3), (260, 3), (260, 40), (200, 40))
    assert town.measure("market").seconds[house] == pytest.approx((5 + 150 + 3) / 1.2, abs=1e-6)  # by its outline
    town.door(260, 3)
    assert town.measure("market").seconds[house] == pytest.approx((5 + 210 + 3) / 1.2, abs=1e-6)


@pytest.mark.parametrize(("x", "metres"), [(50, 5 + 150), (350, 5 + 90), (230, 5)])
def test_an_area_that_a_street_runs_through_is_reached_where_the_street_enters_it(x, metres):
    """A market from x = 200 to 260, across the street; from either side one arrives at its edge, and inside one is there."""
    town = Town()
    town.street((0, 0), (500, 0))
    house = town.house(x, 5)
    town.offer("market", (200, -20), (260, -20), (260, 4), (200, 4))
    assert town.measure("market").seconds[house] == pytest.approx(metres / 1.2, abs=1e-6)


def test_inside_an_area_one_is_there_wherever_one_stands():
    """Along a stretch inside an area no point is farther than 2.5 m from a tie."""
    town = Town()
    town.street((0, 0), (500, 0))
    houses = [town.house(x, 25 + x / 100, size=1) for x in range(201, 260, 7)]
    town.offer("market", (200, -20), (260, -20), (260, 4), (200, 4))
    measured = town.measure("market")
    for house in houses:
        assert 0 <= measured.seconds[house] * 1.2 - measured.leg_m[house] <= 2.5 + 1e-6


def test_an_area_around_the_end_of_a_street():
    town = Town()
    town.street((0, 0), (300, 0))
    house = town.house(50, 5)
    town.offer("market", (200, -60), (400, -60), (400, 60), (200, 60))
    assert town.measure("market").seconds[house] == pytest.approx(155 / 1.2, abs=1e-6)


def test_an_island_is_not_taken_while_a_connected_edge_is_within_reach():
    """A graveyard path 5 m away leads nowhere; the street is 80 m away: within 100 m it is preferred."""
    town = Town()
    town.street((0, 0), (400, 0))
    town.street((80, 85), (120, 85))
    house, _ = town.house(100, 80, size=2), town.offer("shop", 300, 6)
    measured = town.measure()
    links = measured.links(house)
    assert links["leg_m"].tolist() == pytest.approx([80], abs=1e-6)
    assert links["flag"].tolist() == ["far"]  # a leg of more than 50 m
    assert measured.seconds[house] == pytest.approx((80 + 200 + 6) / 1.2, abs=1e-6)


def test_an_island_is_taken_and_flagged_where_nothing_else_is_near():
    town = Town()
    town.street((0, 0), (400, 0))
    town.street((80, 190), (120, 190))
    house, _ = town.house(100, 180, size=2), town.offer("shop", 300, 6)
    measured = town.measure()
    assert measured.links(house)["flag"].tolist() == ["island"]
    assert measured.seconds[house] == np.inf


def test_far_away_edges_are_tied_to_and_flagged_up_to_half_a_kilometre():
    town = Town()
    town.street((0, 0), (400, 0))
    town.offer("shop", 300, 6)
    houses = {metres: town.house(100 + 40 * place, metres) for place, metres in enumerate((49, 51, 499, 501))}  # none behind another
    measured = town.measure()
    assert {m: measured.links(h)["flag"].tolist() for m, h in houses.items()} == {49: [""], 51: ["far"], 499: ["far"], 501: []}
    assert measured.seconds[houses[499]] == pytest.approx((499 + 120 + 6) / 1.2, abs=1e-4)
    assert measured.seconds[houses[501]] == np.inf
    assert measured.leg_m[houses[501]] == np.inf
    assert len(measured.walk.seconds) == 4  # no row is lost


def test_links_at_one_node_are_one_link():
    """A house off the end of a cross: all four arms end nearest to it in the same node."""
    town = Town()
    for x, y in ((-50, -50), (0, -60), (50, -50)):
        town.street((0, 0), (x, y))
    house, _ = town.house(0, 6), town.offer("shop", 0, -50)
    assert town.measure().links(house)["leg_m"].tolist() == pytest.approx([6], abs=1e-6)


def test_at_most_24_links_the_nearest():
    town = Town()
    for number in range(30):
        town.street((-40, -0.5 * number), (300, -0.5 * number))
    town.street(*((300, -0.5 * number) for number in range(30)))
    house, _ = town.house(20, 5), town.offer("shop", 250, 5)
    assert town.measure().links(house)["leg_m"].tolist() == pytest.approx([5 + 0.5 * number for number in range(24)], abs=1e-6)


def test_a_facility_keeps_every_edge_within_reach():
    town = Town()
    for number in range(8):
        town.street((-40, -2 * number), (300, -2 * number))
    town.street(*((300, -2 * number) for number in range(8)))
    town.house(20, 5)
    town.offer("shop", 250, 5)
    legs = town.measure().facilities.leg_m
    assert legs.tolist() == pytest.approx([5, 7, 9, 11, 13, 15, 17, 19], abs=1e-6)


def test_a_link_at_the_end_of_a_one_way_edge_may_step_off_it():
    """The house stands straight across from a junction, give or take a nanometre; one of the one-way edges leads away from the shop."""
    for hair in (0.0, 1e-9, -1e-9):
        town = Town()
        town.street((0, 0), (-100, 0), **{"oneway:foot": "yes"})
        town.street((0, 0), (100, 0), **{"oneway:foot": "yes"})
        house = town.plot([(hair, 6), (3, 30), (-3, 30)])
        town.offer("shop", 80, 6)
        assert town.measure().seconds[house] == pytest.approx((6 + 80 + 6) / 1.2, abs=1e-6)


def test_impassable_edges_are_not_tied_to():
    town = Town()
    town.street((0, 0), (300, 0))
    town.street((0, 10), (0, 0), highway="steps")
    town.street((0, 10), (300, 10), highway="steps")
    house, _ = town.house(100, 14), town.offer("shop", 200, -6)
    assert town.measure(walker="adult").leg_m[house] == pytest.approx(14, abs=1e-6)
    assert town.measure(walker="adult").links(house)["leg_m"].tolist() == pytest.approx([4, 14], abs=1e-6)
    assert town.measure(walker="wheelchair").links(house)["leg_m"].tolist() == pytest.approx([14], abs=1e-6)


def test_a_building_in_the_way_of_a_path_has_no_leg():
    town = Town()
    town.street((0, 0), (300, 0), tunnel="building_passage")
    house = town.plot([(100, -10), (120, -10), (120, 10), (100, 10)])
    town.offer("shop", 200, 0)
    measured = town.measure()
    assert measured.leg_m[house] == 0
    assert measured.seconds[house] + 1e-6 >= 80 / 1.2  # somewhere under the house: from 80 to 100 m
    assert measured.seconds[house] <= 100 / 1.2 + 1e-6


def test_the_saved_table_says_where_legs_start_and_ranks_them():
    town = Town()
    town.street((0, 0), (300, 0))
    town.street((0, 0), (0, 20), (300, 20))
    house, _ = town.house(100, 8, size=1), town.offer("shop", 200, 0)
    links = town.measure().links(house)
    assert links["rank"].tolist() == [0, 1]
    assert links["kind"].tolist() == ["building"] * 2
    assert links["leg_m"].tolist() == pytest.approx([8, 10], abs=1e-6)
    lon, lat = town.degrees(np.asarray([100, 100]), np.asarray([8, 10]))
    assert links["start_lon"].to_numpy() == pytest.approx(lon, abs=1e-9)
    assert links["start_lat"].to_numpy() == pytest.approx(lat, abs=1e-9)


def test_legs_are_metres_on_the_ground_far_from_the_middle_of_the_place():
    """Where the plane is 1.8 times the ground (30° from its middle) a leg of 20 m is 20 m."""
    town = Town(lon=24.9, lat=60.2)
    town.street((0, 0), (300, 0))
    house = town.house(100, 20)
    town.offer("shop", 200, 0)
    place = town.place()
    west, _, east, _ = place.extent
    low = type(place)(**{name: getattr(place, name) for name in place.__slots__} | {"extent": (west, 0.0, east, 60.4)})
    assert low.plane.lat == pytest.approx(30.2, abs=1e-9)
    measured = town.measure(place=low)
    assert measured.net.plane.units_per_metre_at(np.asarray([60.2]))[0] > 1.7
    assert measured.leg_m[house] == pytest.approx(20, abs=1e-3)
    assert measured.seconds[house] == pytest.approx(120 / 1.2, abs=1e-3)


def test_shapes_are_not_written_to():
    town = Town()
    town.street((0, 0), (300, 0))
    town.house(100, 20)
    place = town.place()
    before = shapely.to_wkb(place.buildings.geometry.to_numpy()).tolist()
    town.offer("shop", 200, 0)
    town.measure(place=place)
    assert shapely.to_wkb(place.buildings.geometry.to_numpy()).tolist() == before
