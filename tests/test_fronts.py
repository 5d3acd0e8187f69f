"""Where people leave a house without a door on the map: anywhere along its front, by whichever path is about as near as the nearest."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from town import Town

import circle

STEP = 10.0  # restated from the rules: an outline is tied every so many metres of its front


def slab(shift: float) -> tuple[Town, list[tuple[float, float]], str]:
    """A house 60 m long beside a street, of which one end is a little nearer to it than the other."""
    town = Town()
    town.street((-400, 0), (400, 0))
    ring = [(0.0, 5.0 + shift), (60.0, 5.0 - shift), (60.0, 15.0), (0.0, 15.0)]
    return town, ring, town.plot(ring)


@pytest.mark.parametrize("shift", [0.1, 0.0, -0.1])
@pytest.mark.parametrize(("x", "end"), [(300.0, 60.0), (-240.0, 0.0)])
def test_a_long_house_is_left_at_whichever_end_is_the_nearer(shift, x, end):
    """Decimetres do not decide from which end one walks."""
    town, ring, house = slab(shift)
    town.offer("shop", x, -6)
    leg = shapely.distance(shapely.Point(end, 0.0), shapely.Polygon(ring))
    assert town.measure().seconds[house] == pytest.approx((leg + abs(x - end) + 6) / 1.2, abs=0.01)


def test_a_front_ends_where_the_house_ends():
    """No leg cuts a corner: beyond the house the nearest place on it stays its corner."""
    town, _, house = slab(0.1)
    town.offer("shop", 300, -6)
    links = town.measure().links(house)
    assert links["offset_m"].min() > 400 - STEP / 2
    assert links["offset_m"].max() < 460 + STEP / 2
    assert links["leg_m"].max() < 6


def test_a_front_goes_on_past_a_junction():
    """The nearest place is the junction of three edges, tied once; the house stands along two of them."""
    town = Town()
    town.street((-400, 0), (30, 0), (400, 0))
    town.street((30, 0), (30, -50))
    house = town.plot([(0, 7), (30, 5), (60, 7), (60, 15), (0, 15)])
    town.offer("shop", 300, -6)
    best = min(
        shapely.distance(shapely.Point(x, 0), shapely.Polygon([(0, 7), (30, 5), (60, 7), (60, 15), (0, 15)])) - x for x in (30, 40, 50, 60)
    )
    assert town.measure().seconds[house] == pytest.approx((best + 300 + 6) / 1.2, abs=0.01)


def test_a_door_is_the_only_place_to_leave_by():
    town, _, house = slab(0.1)
    town.door(0, 15)
    town.offer("shop", 300, -6)
    assert town.measure().seconds[house] == pytest.approx((15 + 300 + 6) / 1.2, abs=1e-4)


def test_a_wall_before_a_part_of_the_front_hides_that_part_alone():
    town, ring, house = slab(0.1)
    town.wall((35, 3), (75, 3))
    town.offer("shop", 300, -6)
    best = min(shapely.distance(shapely.Point(x, 0), shapely.Polygon(ring)) - x for x in (10, 20, 30))
    metres = town.measure().seconds[house] * 1.2
    assert best + 306 - 5 < metres < best + 306 + 5


@pytest.mark.parametrize("x", np.arange(23.0, 98.0, 12.5))
def test_one_arrives_anywhere_along_the_front_of_a_facility(x):
    """A market with a front of 100 m: who lives opposite walks straight over, but for half a step."""
    town = Town()
    town.street((-50, 0), (300, 0))
    house = town.house(x, -6, size=1)
    town.offer("market", (0, 10), (100, 12), (100, 60), (0, 60))
    metres = town.measure("market").seconds[house] * 1.2
    assert 16 <= metres <= 6 + STEP / 2 + 12 + 0.1


@pytest.mark.parametrize(("far", "tied"), [(12.0, 1), (13.0, 1), (20.0, 2), (24.9, 2), (25.1, 2)])
def test_a_second_street_counts_up_to_twice_as_far_as_the_first(far, tied):
    """Streets on both sides, the other one 39 m from the house: half a metre of the nearer one decides nothing."""
    town = Town()
    town.street((0, 0), (300, 0))
    town.street((0, 0), (0, -100), (-80, -100), (-80, far + 41), (300, far + 41))
    house = town.plot([(150, far), (151, far + 1), (150, far + 2), (149, far + 1)])
    town.offer("shop", 150, far + 47)
    measured = town.measure()
    assert len(measured.links(house)) == tied
    if tied == 2:
        assert measured.seconds[house] == pytest.approx((39 + 6) / 1.2, abs=1e-4)


@pytest.mark.parametrize(("tags", "metres"), [({"oneway": "yes"}, 10 + 150 + 10 + 150 + 5), ({}, 10 + 10 + 5)])
def test_no_leg_leads_over_one_half_of_a_big_road_to_the_other(tmp_path, tags, metres):
    """Two carriageways 10 m apart, joined 150 m on; the shop stands on the far side."""
    town = Town()
    town.street((-300, 0), (0, 0), (150, 0), (300, 0), highway="primary", **tags)
    town.street((300, 10), (150, 10), (0, 10), (-300, 10), highway="primary", **tags)
    town.street((150, 0), (150, 10), highway="footway")
    house = town.house(0, -10, size=2)
    town.offer("shop", 0, 15)
    run = circle.run(town.write(tmp_path / "town.osm"))
    minutes = run.buildings.set_index("building").loc[house, "minutes_shop"]
    assert minutes * 60 == pytest.approx(metres / 1.2, abs=0.1)
