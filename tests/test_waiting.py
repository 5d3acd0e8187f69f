"""Waiting: half on either side of the road, for the walker who waits; the search, the route and the referee agree."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from town import Town

import circle
from circle import rules

# Restated: adult_waiting walks 1.2 m/s as the adult, and waits 25 s at lights, 15 s at a primary, 10 s at a secondary road.
WAITING = rules.walker("adult_waiting")


def across(road: str = "primary", **node: str) -> tuple[Town, str]:
    """A house 52 m south of a road, a shop 50 m north of it, on one side street that crosses."""
    town = Town()
    middle = town.node(0, 0, **node)
    town.street((-200, 0), middle, (200, 0), highway=road)
    town.street((0, -100), middle, (0, 100))
    house = town.house(-6, -50, size=2)
    town.offer("shop", 6, 50)
    return town, house


WALK = 4 + 102 + 6  # the house's corner is 4 m from the street


@pytest.mark.parametrize(
    ("road", "node", "wait"),
    [
        ("primary", {}, 15),
        ("secondary", {}, 10),
        ("residential", {}, 0),
        ("primary", {"highway": "traffic_signals"}, 25),
        ("primary", {"highway": "crossing", "crossing": "traffic_signals"}, 25),
        ("primary", {"highway": "crossing", "crossing:signals": "yes"}, 25),
        ("tertiary", {"highway": "crossing", "crossing": "zebra"}, 5),
    ],
)
def test_who_crosses_waits_the_whole(road, node, wait):
    town, house = across(road, **node)
    assert town.measure().seconds[house] == pytest.approx(WALK / 1.2, abs=1e-6)  # the adult does not wait
    assert town.measure(walker=WAITING).seconds[house] == pytest.approx(WALK / 1.2 + wait, abs=1e-6)


def test_who_turns_into_the_road_waits_half_and_who_walks_along_it_does_not_wait():
    town, house = across()
    along = town.house(-100, 6, size=2)
    town.offer("market", 100, 6)
    measured = town.measure("market", walker=WAITING)
    assert measured.seconds[house] == pytest.approx((4 + 52 + 100 + 6) / 1.2 + 7.5, abs=1e-6)
    assert measured.seconds[along] == pytest.approx((6 + 200 + 6) / 1.2, abs=1e-6)


def test_a_wait_is_not_spread_over_the_street():
    """House and shop on one side street, on one side: nobody waits, however near the road."""
    town, _ = across()
    house = town.house(-6, 10, size=2)
    assert town.measure(walker=WAITING).seconds[house] == pytest.approx((4 + 38 + 6) / 1.2, abs=1e-6)


def test_a_crossing_drawn_as_a_line_between_two_sidewalks():
    """Lights said of the crossing's line alone; the road's middle is given up for its sidewalks, and is crossed all the same."""
    town = Town()
    town.street((-100, 0), (0, 0), (100, 0), highway="primary", sidewalk="separate")
    for y in (-16, 16):
        town.street((-100, y), (0, y), (100, y), highway="footway", footway="sidewalk")
    town.street((0, -16), (0, 0), (0, 16), highway="footway", footway="crossing", crossing="traffic_signals")
    house, _ = town.house(-50, -22), town.offer("shop", 50, 22)
    assert town.measure(walker=WAITING).seconds[house] == pytest.approx((6 + 50 + 32 + 50 + 6) / 1.2 + 25, abs=1e-6)


def test_where_equal_roads_meet_everybody_waits():
    town = Town()
    lit = town.node(0, 0, highway="traffic_signals")
    town.street((-100, 0), lit, (100, 0), highway="primary")
    town.street((0, -100), lit, (0, 100), highway="primary")
    house, _ = town.house(-50, 6), town.offer("shop", 50, 6)
    assert town.measure(walker=WAITING).seconds[house] == pytest.approx((6 + 100 + 6) / 1.2 + 25, abs=1e-6)


def test_the_stop_line_of_cars_holds_nobody_up():
    town = Town()
    town.street((-100, 0), town.node(0, 0, highway="traffic_signals"), (100, 0), highway="primary")
    house, _ = town.house(-50, 6), town.offer("shop", 50, 6)
    assert town.measure(walker=WAITING).seconds[house] == pytest.approx((6 + 100 + 6) / 1.2, abs=1e-6)


@pytest.mark.parametrize("walker", ["adult", "elderly", "wheelchair"])
def test_an_elevator_as_a_node_costs_a_ride(walker):
    town = Town()
    lift = town.node(0, 0, highway="elevator")
    town.street((-100, 0), lift, highway="footway")
    town.street(lift, (100, 0), highway="corridor", level="1")
    house, _ = town.house(-50, 6), town.offer("shop", 50, 6)
    assert town.measure(walker=walker).seconds[house] == pytest.approx(112 / rules.walker(walker).speed_m_per_s + 30, abs=1e-6)


def test_an_elevator_as_a_way_costs_one_ride_past_any_number_of_floors():
    """A shaft drawn as a line of 6 m with a floor in its middle: 30 s to get in and up, and 6 m at 0.3 m/s."""
    town = Town()
    town.street((-100, 0), (0, 0), highway="footway")
    town.street((0, 0), (3, 0), (6, 0), highway="elevator")
    town.street((3, 0), (3, 60), highway="corridor", level="1")
    town.street((6, 0), (100, 0), highway="corridor", level="2")
    house, _ = town.house(-50, 6), town.offer("shop", 56, 2)
    assert town.measure().seconds[house] == pytest.approx((6 + 50 + 50 + 2) / 1.2 + 30 + 6 / 0.3, abs=1e-6)


def test_waits_are_edges_without_length_at_nodes_of_their_own():
    town, _ = across()
    net = town.net(WAITING)
    waits = net.edges[net.edges["class"] == "waiting"]
    assert waits["seconds_forward"].tolist() == waits["seconds_backward"].tolist() == [7.5, 7.5]
    assert waits["length_m"].tolist() == [0.0, 0.0]
    assert (net.nodes["node"] < 0).sum() == 2
    assert net.nodes["node"].is_unique
    assert not waits["midway"].any()  # nothing is ever tied to one
    assert len(net.first) == len(net.edges) + 1
    assert net.first[-1] == len(net.x)


def test_route_referee_and_page_count_the_same_waits(tmp_path: Path):
    town, house = across()
    run = town.study(walker="adult_waiting")
    assert run.record["check"]["worst_difference_s"] < 1e-6
    assert run.record["check"]["sample"] > 0
    assert run.record["walker"]["waiting_s"]["primary"] == 15
    route = run.route(house, "shop")
    assert route.seconds == pytest.approx(WALK / 1.2 + 15, abs=1e-6)
    assert [leg.seconds for leg in route.legs if leg.way_class == "waiting"] == [7.5, 7.5]
    run.save(tmp_path / "out")
    assert (tmp_path / "out" / "map.html").stat().st_size > 10_000
    again = circle.open(tmp_path / "out").route(house, "shop")
    assert again.seconds == pytest.approx(route.seconds, abs=1e-9)


def test_a_walker_of_ones_own(tmp_path: Path):
    own = tmp_path / "mine.toml"
    own.write_text(
        '[walker.me]\nlabel = { zh = "我", en = "Me" }\nspeed_m_per_s = 1.0\nsource = "measured"\n'
        'confidence = "unverified"\nwaiting_s = { primary = 40 }\n',
        encoding="utf-8",
    )
    town, house = across()
    assert town.measure(walker=rules.walker(own)).seconds[house] == pytest.approx(WALK + 40, abs=1e-6)
    run = town.study(walker=str(own))
    assert run.record["walker"]["name"] == "me"
    own.write_text(own.read_text(encoding="utf-8") + own.read_text(encoding="utf-8").replace("walker.me", "walker.you"), encoding="utf-8")
    with pytest.raises(circle.errors.RuleError, match="keep the one"):
        rules.walker(own)
    with pytest.raises(circle.errors.RuleError, match="no such file"):
        rules.walker(tmp_path / "nobody.toml")
    with pytest.raises(circle.errors.RuleError, match="no walker “nobody”"):
        rules.walker("nobody")


def test_a_longer_wait_never_shortens_a_walk():
    town, house = across()
    slow = replace(WAITING, waiting_s={name: 2 * wait for name, wait in WAITING.waiting_s.items()})
    free, some, more = (town.measure(walker=one).seconds[house] for one in (rules.walker("adult"), WAITING, slow))
    assert free <= some <= more
    assert np.isfinite(more)
