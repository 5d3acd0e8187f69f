"""Access: minutes that a reader can work out with a pencil. An adult walks 1.2 m/s, an older person 0.8 m/s (restated)."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from town import Town, drawn

from circle import access

SLOW = {"adult": 1.2, "planning": 1.0, "elderly": 0.8}


@pytest.mark.parametrize("walker", SLOW)
def test_on_the_same_street_one_walks_along_it(walker):
    """6 m to the street, 72 m along it, 12 m to the shop; not to the end of a street of a kilometre and back."""
    town = Town()
    town.street((0, 0), (1000, 0))
    house, _ = town.house(500, 6), town.offer("shop", 572, -12)
    assert town.measure(walker=walker).seconds[house] == pytest.approx(90 / SLOW[walker], abs=1e-6)


@pytest.mark.parametrize("turn", [1, -1])
def test_on_a_one_way_street_the_shop_behind_is_around_the_block(turn):
    """Forward 50 m; back it is the rest of the block: 100 m × 4 − 50 m."""
    town = Town()
    block = [(0, 0), (100, 0), (100, 100), (0, 100), (0, 0)][::turn]
    town.street(*block, **{"oneway:foot": "yes"})
    house, shop = town.house(25, -6), town.offer("shop", 75, -6)
    along = 50 if turn == 1 else 350
    assert town.measure().seconds[house] == pytest.approx((6 + along + 6) / 1.2, abs=1e-6)
    assert town.measure().facility[house] == shop


@pytest.mark.parametrize("walker", SLOW)
def test_the_leg_is_walked_at_the_walkers_own_speed(walker):
    """No street between: the leg alone, at both ends. 20 m + 20 m."""
    town = Town()
    town.street((-100, 0), (100, 0))
    house, _ = town.house(0, 20), town.offer("shop", 0, -20)
    measured = town.measure(walker=walker)
    assert measured.leg_m[house] == pytest.approx(20, abs=1e-6)
    assert measured.seconds[house] == pytest.approx(40 / SLOW[walker], abs=1e-6)


def test_a_facility_at_the_door_is_the_leg_alone_and_zero_is_zero():
    town = Town()
    town.street((0, 0), (300, 0))
    near, at = town.house(50, 8), town.plot([(200, 0), (205, 10), (195, 10)])
    town.offer("shop", 50, 0)
    town.offer("shop", 200, 0)
    measured = town.measure()
    assert measured.seconds[near] == pytest.approx(8 / 1.2, abs=1e-6)
    assert measured.seconds[at] == pytest.approx(0, abs=1e-9)
    assert measured.facility[at] != ""


@pytest.mark.parametrize("hair", [0.0, 1e-8, -1e-8])
def test_straight_across_a_one_way_path_is_across_and_not_around_the_block(hair):
    town = Town()
    town.street((0, 0), (100, 0), (100, 100), (0, 100), (0, 0), **{"oneway:foot": "yes"})
    house, _ = town.house(50, -6), town.offer("shop", 50 + hair, 6)
    assert town.measure().seconds[house] == pytest.approx(12 / 1.2, abs=1e-6)


def test_along_drawn_streets():
    at = drawn(
        """
        A-----B-----C
              |     |
              D-----E
        """,
        metres=10,
    )
    town = Town()
    town.streets(at, "ABC", "BDEC")
    house, _ = town.house(at["A"][0] + 5, at["A"][1] + 6), town.offer("shop", at["E"][0] - 25, at["E"][1] - 12)
    # 6 m; A–B 60 − 5; B–D two rows of 20 m = 40; D to 25 m before E: 35; 12 m
    assert town.measure().seconds[house] == pytest.approx((6 + 55 + 40 + 35 + 12) / 1.2, abs=1e-6)


def test_a_facility_exactly_at_a_junction():
    town = Town()
    town.street((0, 0), (100, 0), (200, 0))
    town.street((100, 0), (100, 100))
    houses = [town.house(40, 6), town.house(160, 6), town.house(106, 60, size=4)]
    town.offer("shop", 100, 0)
    seconds = town.measure().seconds
    assert seconds[houses[0]] == pytest.approx(66 / 1.2, abs=1e-6)
    assert seconds[houses[1]] == pytest.approx(66 / 1.2, abs=1e-6)
    assert seconds[houses[2]] == pytest.approx((2 + 64) / 1.2, abs=1e-6)  # its west corner is at (102, 64)


def test_of_two_facilities_the_nearer_and_of_a_tie_one():
    town = Town()
    town.street((0, 0), (400, 0))
    left, right = town.offer("shop", 100, 6), town.offer("shop", 300, 6)
    houses = {x: town.house(x, -6) for x in (140, 200, 260)}
    measured = town.measure()
    assert measured.seconds[houses[140]] == pytest.approx((6 + 40 + 6) / 1.2, abs=1e-6)
    assert measured.facility[houses[140]] == left
    assert measured.facility[houses[260]] == right
    assert measured.seconds[houses[200]] == pytest.approx(112 / 1.2, abs=1e-6)
    assert measured.facility[houses[200]] in {left, right}
    assert town.measure().facility == measured.facility  # the same one every time


def test_the_nearest_by_foot_is_not_the_nearest_by_air():
    town = Town()
    town.street((0, 0), (300, 0))
    town.street((0, 0), (0, 300), (100, 300), (100, 60))
    house = town.house(100, 6)
    town.offer("shop", 105, 80)  # 64 m away as the crow flies, behind the houses
    right = town.offer("shop", 250, 6)
    assert town.measure().facility[house] == right


def test_no_path_is_infinite_and_never_missing():
    town = Town()
    town.street((0, 0), (2500, 0))
    town.street((0, 900), (2400, 900))
    cut_off, fine = town.house(1000, 906), town.house(1000, 6)
    town.offer("shop", 1100, 6)
    measured = town.measure()
    assert measured.seconds[cut_off] == np.inf
    assert measured.facility[cut_off] == ""
    assert measured.runner_up_s[cut_off] == np.inf
    assert np.isfinite(measured.seconds[fine])
    assert not np.isnan(measured.walk.seconds).any()


def test_without_facilities_everything_is_infinite():
    town = Town()
    town.street((0, 0), (300, 0))
    town.house(100, 6)
    measured = town.measure("clinic")
    assert measured.walk.seconds.tolist() == [np.inf]
    assert measured.walk.facility.tolist() == [-1]


def test_distances_are_not_cut_at_any_limit():
    """Ten kilometres are ten kilometres: 8,333 s and a third, though the limit is 60 s."""
    town = Town(box=(-20_000.0, -20_000.0, 20_000.0, 20_000.0))
    town.street((-5000, 0), (5000, 0))
    house, _ = town.house(-5000, 6), town.offer("shop", 5000, 6)
    assert town.measure().seconds[house] == pytest.approx(10_012 / 1.2, abs=1e-3)


def test_under_a_bridge_one_does_not_change_levels():
    """The bridge passes over the street 20 m from the house; one gets onto it 200 m farther on."""
    town = Town()
    town.street((-300, 0), (200, 0))
    town.street((0, -60), (0, 60), bridge="yes", layer="1")
    town.street((0, 60), (200, 60), (200, 0))
    house, _ = town.house(-60, 6), town.offer("shop", 6, -50)
    # along 260 m to (200, 0), 60 m up, 200 m back, 110 m down the bridge
    assert town.measure().seconds[house] == pytest.approx((6 + 260 + 60 + 200 + 110 + 6) / 1.2, abs=1e-6)


def test_stairs_take_their_time_and_stop_wheels():
    """60 m of steps: 120 s at 0.5 m/s; a wheelchair goes around by 600 m of street at 0.8 m/s."""
    town = Town()
    town.street((-200, 0), (0, 0))
    town.street((0, 0), (60, 0), highway="steps")
    town.street((60, 0), (200, 0))
    town.street((0, 0), (0, 270), (60, 270), (60, 0))
    house, _ = town.house(-100, 6), town.offer("shop", 150, 6)
    assert town.measure().seconds[house] == pytest.approx((6 + 100 + 90 + 6) / 1.2 + 60 / 0.5, abs=1e-6)
    assert town.measure(walker="wheelchair").seconds[house] == pytest.approx((6 + 100 + 600 + 90 + 6) / 0.8, abs=1e-6)


def test_walks_begin_on_private_ways():
    town = Town()
    town.street((0, 0), (100, 0), (300, 0))
    town.street((100, 0), (100, 200), access="private")
    house, _ = town.house(106, 100, size=4), town.offer("shop", 200, 6)
    assert town.measure().seconds[house] == pytest.approx((2 + 104 + 100 + 6) / 1.2, abs=1e-6)


@pytest.mark.parametrize("ends", [((0, 0), (60, 0)), ((60, 0), (0, 0))])
def test_parallel_ways_the_shorter_counts(ends):
    town = Town()
    town.street((-100, 0), (0, 0))
    town.street((0, 0), (30, -40), (60, 0))  # 100 m
    town.street(*ends)  # 60 m
    town.street((60, 0), (160, 0))
    house, _ = town.house(-50, 6), town.offer("shop", 110, 6)
    assert town.measure().seconds[house] == pytest.approx((6 + 50 + 60 + 50 + 6) / 1.2, abs=1e-6)


@pytest.mark.parametrize(("x", "metres"), [(60, 60), (140, 60)])
def test_around_a_loop_the_shorter_way(x, metres):
    """A ring road of 400 m with its only node at (0, 0); the shop stands there."""
    town = Town()
    town.street((0, 0), (200, 0), (200, 100), (0, 100), (0, 0))
    house, shop = town.house(x, -6), town.offer("shop", 0, 0)
    measured = town.measure()
    around = {60: 60, 140: 140}[x]
    assert measured.seconds[house] == pytest.approx((6 + min(around, 600 - around)) / 1.2, abs=1e-6)
    far = town.house(100, 106)  # at 400 m of the ring's 600 m: 200 m back
    assert town.measure().seconds[far] == pytest.approx((6 + 200) / 1.2, abs=1e-6)
    assert measured.facility[house] == shop


def test_the_runner_up_is_the_next_best_link():
    town = Town()
    town.street((0, 0), (300, 0))
    town.street((0, 0), (0, 20), (300, 20))
    house, _ = town.house(100, 8, size=1), town.offer("shop", 200, -12)
    measured = town.measure()
    assert measured.seconds[house] == pytest.approx((8 + 100 + 12) / 1.2, abs=1e-6)
    assert measured.runner_up_s[house] == pytest.approx((10 + 100 + 20 + 200 + 12) / 1.2, abs=1e-6)


def test_a_building_is_no_shortcut_between_two_streets():
    """It is tied to both, and nobody else walks through it."""
    town = Town()
    town.street((0, 0), (0, 500), (20, 500), (20, 0))
    town.plot([(5, 100), (15, 100), (15, 110), (5, 110)])
    other, _ = town.house(-6, 60, size=4), town.offer("shop", 26, 300)
    # the other house's east corner is (−2, 64): 2 m; 436 m up, 20 m across, 200 m down; 6 m
    assert town.measure().seconds[other] == pytest.approx((2 + 436 + 20 + 200 + 6) / 1.2, abs=1e-6)


def test_the_network_as_networkx():
    town = Town()
    town.street((0, 0), (72, 0), **{"oneway:foot": "yes"})
    town.street((72, 0), (72, 48))
    graph = access.to_networkx(town.net().edge_table())
    a, b, c = (town.known[point] for point in ((0.0, 0.0), (72.0, 0.0), (72.0, 48.0)))
    assert nx.shortest_path_length(graph, a, c, weight="seconds") == pytest.approx(100, abs=1e-6)  # 60 + 40 s
    assert not nx.has_path(graph, c, a)
    assert nx.has_path(graph, c, b)
    assert {data["edge"] for _, _, data in graph.edges(data=True)} == {0, 1}


def test_the_search_answers_for_every_node_and_names_the_way():
    town = Town()
    town.street((0, 0), (60, 0), (120, 0))
    town.street((60, 0), (60, 60))
    town.offer("shop", 120, 0)
    town.house(0, 6)
    m = town.measure()
    reach = access.search(m.graph, m.facilities, 1, 1.2)
    by_node = dict(zip(m.net.nodes["node"], reach.seconds, strict=True))
    at = {point: by_node[number] for point, number in town.known.items()}
    assert at == pytest.approx({(0, 0): 100, (60, 0): 50, (120, 0): 0, (60, 60): 100}, abs=1e-6)
    step = {m.net.nodes["node"].iloc[row]: to for row, to in enumerate(reach.next)}
    assert m.net.nodes["node"].iloc[step[town.known[(0.0, 0.0)]]] == town.known[(60.0, 0.0)]
    assert step[town.known[(120.0, 0.0)]] == -1  # from here one leaves the network for the shop


def test_inputs_are_not_written_to():
    town = Town()
    town.street((0, 0), (100, 0), (100, 80))
    town.street((100, 0), (180, 0))
    town.house(20, 6), town.house(90, 6), town.offer("shop", 150, 6)
    m = town.measure()
    before = [m.buildings.leg_m.copy(), m.facilities.leg_m.copy(), m.graph.arcs.data.copy()]
    reach = access.search(m.graph, m.facilities, 1, 1.2)
    again = access.measure(m.graph, m.buildings, 2, m.facilities, reach, 1.2)
    assert again.seconds.tolist() == m.walk.seconds.tolist()
    for array, old in zip([m.buildings.leg_m, m.facilities.leg_m, m.graph.arcs.data], before, strict=True):
        assert array.tolist() == old.tolist()


def test_the_referee_s_search_finds_the_same():
    """`shortest_seconds` on the saved tables: the same street, one way, and a building without a path."""
    edges = pd.DataFrame({"edge": [0], "u": [1], "v": [2], "length_m": [120.0], "seconds_forward": [100.0], "seconds_backward": [np.inf]})
    tie = edges.assign(leg_s=5.0)
    houses = pd.concat([tie.assign(id="before", offset_m=12.0), tie.assign(id="behind", offset_m=96.0)])
    shop = tie.assign(id="shop", offset_m=60.0)
    found = access.shortest_seconds(access.to_networkx(edges), houses, shop)
    assert found == pytest.approx({"before": 5 + 40 + 5})  # 48 m of a street that takes 100 s for 120 m; nobody gets back to it from behind


def test_who_may_walk_a_driveway_says_nothing_of_the_street_that_it_leaves():
    town = Town()
    town.street((0, 0), (0, -60), access="private")  # drawn first; the shop's nearest point is the corner of both
    town.street((-100, 0), (0, 0), (100, 0))
    home = town.house(-50, 4)
    town.offer("shop", 0, 6)
    assert town.measure("shop").seconds[home] == pytest.approx((4 + 50 + 6) / 1.2, abs=0.01)
