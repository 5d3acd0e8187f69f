"""Legs that cross nothing, gates and enclosed ways: towns drawn in metres, minutes predicted by arithmetic."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from test_invariants import CLOSE_S, QUICK, plans, seconds
from town import Town

from circle import linkage, passages, sight
from circle.errors import RuleError


def two_streets(*wall: tuple[float, float], **tags: str) -> tuple[Town, str]:
    """A house 6 m from a street with the shop on it, and 12 m from another that leads round by 500 m."""
    town = Town()
    town.street((0, 0), (100, 0))
    town.street((0, 0), (0, 200), (100, 200), (100, 20), (0.5, 20))
    house = town.plot([(50, 6), (52, 8), (50, 10), (48, 8)])
    town.offer("shop", 90, -6)
    if wall:
        town.wall(*wall, **tags)
    return town, house


NEAR = (6 + 40 + 6) / 1.2
ROUND = (10 + 50 + 180 + 100 + 200 + 90 + 6) / 1.2


def test_a_leg_does_not_cross_a_wall():
    town, house = two_streets()
    assert town.measure().seconds[house] == pytest.approx(NEAR, abs=1e-5)
    for tags in ({}, {"barrier": "fence"}, {"railway": "rail"}, {"waterway": "river"}, {"barrier": "hedge"}):
        town, house = two_streets((0, 3), (100, 3), **tags)
        measured = town.measure()
        assert measured.seconds[house] == pytest.approx(ROUND, abs=1e-4), tags
        assert set(measured.links(house)["flag"]) == {""}


@pytest.mark.parametrize("tags", [{"barrier": "kerb"}, {"railway": "rail", "tunnel": "yes"}, {"waterway": "river", "tunnel": "culvert"}])
def test_what_stops_nobody(tags):
    town, house = two_streets((0, 3), (100, 3), **tags)
    assert town.measure().seconds[house] == pytest.approx(NEAR, abs=1e-5)


def test_a_leg_does_not_cross_another_house_and_may_leave_its_own():
    town, house = two_streets()
    town.plot([(-10, 2), (110, 2), (110, 4), (-10, 4)])
    assert town.measure().seconds[house] == pytest.approx(ROUND, abs=1e-4)


def test_where_every_leg_crosses_something_they_stay_and_the_verdict_is_fragile():
    town = Town()
    town.street((0, 0), (100, 0))
    house = town.house(50, 6, size=2)
    town.wall((40, 3), (60, 3), (60, 12), (40, 12), (40, 3))
    town.offer("shop", 60, -6)
    measured = town.measure()
    assert measured.seconds[house] == pytest.approx((6 + 10 + 6) / 1.2, abs=1e-5)
    assert set(measured.links(house)["flag"]) == {"crossing"}
    run = town.study()
    row = run.buildings.set_index("building").loc[house]
    assert row["verdict_shop"] == "met"
    assert row["fragile_shop"]
    assert set(run.findings.loc[run.findings["code"] == "linkage.crossing", "id"]) == {house}
    assert run.links["seen"].all()


def test_the_nearest_path_in_sight_is_looked_for_farther_away():
    """The street behind the wall is 12 m away and the lane inside 40 m: the lane it is."""
    town = Town()
    town.street((0, 0), (200, 0))
    town.street((200, 0), (200, 60), (100, 60))
    house = town.house(100, 12, size=4)  # its far corner lies 40 m from the lane
    town.wall((0, 6), (190, 6), (190, 7))
    town.offer("shop", 100, -6)
    assert town.measure().seconds[house] == pytest.approx((40 + 100 + 60 + 100 + 6) / 1.2, abs=1e-4)


def test_a_wall_that_the_house_is_part_of_is_no_wall_to_it():
    town, house = two_streets((0, 6), (50, 6), (100, 6))
    assert town.measure().seconds[house] == pytest.approx(NEAR, abs=1e-5)


def test_a_path_on_the_wall_is_reached_from_both_sides():
    town = Town()
    town.street((0, 0), (50, 0), (100, 0))
    town.wall((0, 0), (50, 0), (100, 0))
    houses = [town.house(50, 6, size=2), town.house(50, -6, size=2)]
    town.offer("shop", 90, 6)
    found = town.measure().seconds
    assert [found[house] for house in houses] == pytest.approx([(6 + 40 + 6) / 1.2] * 2, abs=1e-5)


def test_a_facility_behind_a_wall_is_not_reached_through_it():
    town = Town()
    town.street((0, 0), (100, 0))
    town.street((100, 0), (100, 40), (0, 40))
    house = town.house(50, -6, size=2)
    town.offer("shop", 50, 10)
    town.wall((-10, 5), (99, 5))
    assert town.measure().seconds[house] == pytest.approx((6 + 50 + 40 + 50 + 30) / 1.2, abs=1e-4)


def behind(*front: tuple[float, float]) -> tuple[Town, str]:
    """A house whose nearest place of the street with the shop is 20 m away at x = 50, behind the house in `front` of it."""
    town = Town()
    town.street((0, 0), (100, 0))
    town.street((0, 0), (0, 300), (50, 300), (50, 60))
    house = town.house(50, 20, size=2)
    town.plot(list(front))
    town.offer("shop", 100, -6)
    return town, house


def test_people_walk_past_the_house_in_front_of_theirs():
    """Places are looked at (20 + 10) × 0.2 × 1.6ⁿ m beside: 6, 9.6 and 15.36 m. The house hides what is less than 11.1 m to the right."""
    town, house = behind((30, 9), (55, 9), (55, 11), (30, 11))
    seen_at = 30 * 0.2 * 1.6**2
    leg = np.hypot(20, seen_at)
    measured = town.measure()
    assert measured.seconds[house] == pytest.approx((leg + 50 - seen_at + 6) / 1.2, abs=1e-4)
    assert measured.links(house)["leg_m"].min() == pytest.approx(leg, abs=1e-5)
    assert "linkage.crossing" not in set(town.study().findings["code"])


def test_from_a_door_one_walks_past_as_well_and_from_no_other_place():
    town, house = behind((30, 9), (55, 9), (55, 11), (30, 11))
    town.door(49, 21)
    seen_at = 31 * 0.2 * 1.6**2  # what is less than 12.6 m to the right is hidden from there
    measured = town.measure()
    assert measured.seconds[house] == pytest.approx((np.hypot(21, seen_at) + 51 - seen_at + 6) / 1.2, abs=1e-4)


def test_a_house_too_long_to_be_walked_past_is_not():
    town, house = behind((-60, 9), (160, 9), (160, 11), (-60, 11))
    assert town.measure().seconds[house] == pytest.approx((36 + 240 + 50 + 300 + 100 + 6) / 1.2, abs=1e-4)


@pytest.mark.parametrize("first", [True, False])
def test_past_a_junction_one_looks_along_every_street_that_meets_there(first):
    """The nearest place is a node of three edges, tied once: whichever edge that is, and in whatever order they were drawn."""
    town = Town()
    if first:
        town.street((50, 0), (50, -80))
    town.street((0, 0), (50, 0), (100, 0))
    town.street((0, 0), (0, 300), (50, 300), (50, 60))
    house = town.house(50, 20, size=2)
    town.plot([(30, 9), (55, 9), (55, 11), (30, 11)])
    if not first:
        town.street((50, 0), (50, -80))
    town.offer("shop", 100, -6)
    seen_at = 30 * 0.2 * 1.6**2
    assert town.measure().seconds[house] == pytest.approx((np.hypot(20, seen_at) + 50 - seen_at + 6) / 1.2, abs=1e-4)


def test_who_sees_a_place_aside_still_sees_the_street_in_plain_view():
    """Behind the house a lane, hidden but for a slanting look; before it, farther than the first reach, the street with the shop."""
    town = Town()
    town.street((0, 48), (100, 48))
    town.street((0, 48), (-300, 48), (-300, -20), (0, -20), (100, -20))
    house = town.house(50, 20, size=2)
    town.plot([(30, 35), (55, 35), (55, 37), (30, 37)])
    town.offer("shop", 50, -26)
    assert town.measure().seconds[house] == pytest.approx((40 + 6) / 1.2, abs=1e-4)


def test_nobody_steps_onto_a_bridge_from_beside_it():
    """A house hides the nearest place of a bridge close by; no place aside of it is taken."""
    town = Town()
    town.street((0, 0), (100, 0), bridge="yes", layer="1")
    town.street((100, 0), (300, 0), (300, 60), (0, 60))
    house = town.house(50, 8, size=2)
    town.plot([(45, 3), (51, 3), (51, 5), (45, 5)])
    town.offer("shop", 50, 66)
    measured = town.measure()
    raised = measured.net.edges["raised"].to_numpy()
    assert not raised[measured.links(house)["edge"].to_numpy()].any()


def test_links_past_what_hides_a_path_are_straight_clear_and_end_on_it():
    rng = np.random.default_rng(7)
    more = 0
    for _ in range(6):
        town = Town()
        for x in range(0, 300, 40):
            town.street(*((x, y) for y in range(0, 300, 40)))
            town.street(*((y, x) for y in range(0, 300, 40)))
        for x, y in rng.uniform(0, 280, (25, 2)):
            town.plot([(x, y), (x + 4, y), (x + 4, y + 4), (x, y + 4)])
        for x, y, dx, dy in np.column_stack([rng.uniform(0, 280, (30, 2)), rng.uniform(-40, 40, (30, 2))]):
            town.wall((x, y), (x + dx, y + dy))
        town.offer("shop", *rng.uniform(0, 280, 2))
        measured = town.measure()
        place = town.place()
        outlines = measured.net.plane.project(place.buildings.geometry.to_numpy())
        walls = measured.net.plane.project(place.enclosure.barriers.geometry.to_numpy())
        obstacles = sight.Obstacles(walls, outlines)
        links = linkage.link(outlines, measured.net)
        plain = sight.Seen(links, measured.net, obstacles, np.arange(len(outlines)), np.zeros(len(links), dtype=np.int8))
        plain.test(np.arange(len(links)))
        seen = sight.look(outlines, links, measured.net, obstacles, np.arange(len(outlines)))
        clear = seen.links.take(seen.state == sight.CLEAR)
        start = np.column_stack([clear.start_x, clear.start_y])
        end = shapely.get_coordinates(shapely.line_interpolate_point(measured.net.lines[clear.edge], clear.offset_m))
        assert np.hypot(*(end - start).T) == pytest.approx(clear.leg_m, abs=1e-5)
        assert shapely.distance(outlines[clear.row], shapely.points(start)).max() < 1e-6
        long = clear.leg_m > 1
        assert not any(brute(obstacles, walls, start[long], end[long]))
        before = {(int(row), int(edge)) for row, edge in zip(links.row, links.edge, strict=True)}
        known = plain.state == sight.CLEAR
        kept = {*zip(links.row[known].tolist(), links.edge[known].tolist(), links.offset_m[known].tolist(), strict=True)}
        found = {*zip(clear.row.tolist(), clear.edge.tolist(), clear.offset_m.tolist(), strict=True)}
        assert kept <= found
        more += sum((row, edge) in before for row, edge, _ in found - kept)
    assert more > 50


def brute(obstacles: sight.Obstacles, walls: np.ndarray, start: np.ndarray, end: np.ndarray) -> list[bool]:
    return [
        any(shapely.LineString([a + (b - a) * 0.5 / np.hypot(*(b - a)), b]).crosses(wall) for wall in walls)
        for a, b in zip(start, end, strict=True)
    ]


def test_long_walls_are_cut_and_lose_nothing():
    rng = np.random.default_rng(3)
    walls = np.asarray([shapely.LineString(rng.uniform(0, 100, (40, 2)).cumsum(axis=0) / 8) for _ in range(5)], dtype=object)
    obstacles = sight.Obstacles(walls, np.empty(0, dtype=object))
    start, end = rng.uniform(0, 250, (300, 2)), rng.uniform(0, 250, (300, 2))
    found = obstacles.crossed(start, end, np.ones(300), np.full(300, sight.NOBODY))
    assert found.tolist() == brute(obstacles, walls, start, end)
    assert 10 < found.sum() < 290


# --- gates


def court(**gate: str) -> tuple[Town, str, str]:
    """A house in a walled court, whose lane leads through a gate to the street with the shop; another way leads round by 800 m."""
    town = Town()
    town.street((0, 0), (100, 0), (200, 0))
    town.street((100, 0), (100, 10), (100, 100))
    town.street((100, 100), (100, 300), (400, 300), (400, 0), (200, 0))
    town.wall((50, 10), (100, 10), (150, 10))
    inner = town.house(106, 50, size=2)
    town.offer("shop", 100, -6)
    return town, inner, town.gate(100, 10, **gate)


THROUGH = (4 + 52 + 6) / 1.2
AROUND = (4 + 48 + 200 + 300 + 300 + 200 + 100 + 6) / 1.2


@pytest.mark.parametrize(
    ("tags", "expected"),
    [({}, THROUGH), ({"foot": "yes", "access": "private"}, THROUGH), ({"foot": "no"}, AROUND), ({"locked": "yes"}, AROUND)],
)
def test_a_gate_lets_through_whom_it_lets_through(tags, expected):
    town, inner, _ = court(**tags)
    assert town.measure().seconds[inner] == pytest.approx(expected, abs=1e-4)


def test_a_planner_overrules_a_gate():
    for passage, expected in (("all", THROUGH), ("nobody", AROUND)):
        town, inner, gate = court(foot="no")
        town.passages = {gate: passage}
        assert town.measure().seconds[inner] == pytest.approx(expected, abs=1e-4)
        assert town.place().enclosure.gates.set_index("gate").at[gate, "decided_by"] == "planner"
    town.passages = {"node/1000000": "all"}
    with pytest.raises(RuleError, match="no gate node/1000000"):
        town.place()
    town.passages = {gate: "some"}
    with pytest.raises(RuleError, match="no passage"):
        town.place()


def test_a_residents_gate_lets_out_those_who_live_there_and_nobody_through():
    """A compound with an open gate far away and a residents' gate near the shop: its people leave by theirs, others walk round."""
    town, inner, gate = court(access="private")
    outside = town.house(306, 306, size=2)
    town.zone("compound", [(60, 10), (140, 10), (140, 120), (60, 120)], "花园")
    found = town.measure()
    assert found.seconds[inner] == pytest.approx(THROUGH, abs=1e-4)
    assert found.seconds[outside] == pytest.approx(
        (4 + 96 + 300 + 200 + 100 + 6) / 1.2, abs=3
    )  # not through the compound, which is shorter?
    assert set(found.net.edges["access"]) == {"public", "compound", "private"}
    assert found.net.nodes.loc[found.net.nodes["gate"] == gate, "node"].lt(0).sum() == 2
    run = town.study()
    assert run.record["check"]["worst_difference_s"] < 1e-6
    assert run.route(inner, "shop").seconds == pytest.approx(THROUGH, abs=1e-4)


def test_streets_behind_residents_gates_belong_to_those_who_live_there():
    town = Town()
    town.street((-300, 0), (-50, 0), (50, 0), (300, 0))
    town.street((-50, 0), (-50, 10), (-50, 60), (50, 60), (50, 10), (50, 0))
    town.wall((-80, 10), (-50, 10), (50, 10), (80, 10), (80, 90), (-80, 90), (-80, 10))
    for x in (-50, 50):
        town.gate(x, 10, access="residents")
    inner = town.house(0, 64, size=2)
    west = town.house(-100, 6, size=2)
    town.offer("shop", 100, 6)
    found = town.measure()
    assert found.seconds[inner] == pytest.approx((4 + 50 + 60 + 50 + 6) / 1.2, abs=1e-4)  # 4 up to the lane, east, down, east
    assert found.seconds[west] == pytest.approx((6 + 200 + 6) / 1.2, abs=1e-4)
    assert found.findings.counts()["network.enclosed"] == 1
    private = found.net.edges[found.net.edges["access"] == "private"]
    assert private["length_m"].sum() == pytest.approx(50 + 100 + 50, abs=1e-3)


def test_nobody_links_to_a_closed_gate_from_the_wrong_side():
    """The gate is the nearest point of the lane, for a house outside too: its leg would end in the gate and go on behind it."""
    town, _, _ = court(foot="no")
    house = town.house(100, 4, size=1)
    assert town.measure().seconds[house] == pytest.approx((4 + 6) / 1.2, abs=1e-4)
    links = town.measure().links(house)
    lane = town.measure().net.edges.set_index("edge")["v"]
    assert not any(passages.is_side(lane.loc[links["edge"]].to_numpy()) & (links["offset_m"] > 9).to_numpy())


def test_a_gate_at_a_junction_without_a_wall_stays_open_and_is_a_finding():
    town = Town()
    town.street((0, 0), (100, 0), (200, 0))
    town.street((100, 0), (100, 100))
    town.gate(100, 0, foot="no")
    house = town.house(20, 6, size=2)
    town.offer("shop", 180, 6)
    found = town.measure()
    assert found.seconds[house] == pytest.approx((6 + 160 + 6) / 1.2, abs=1e-4)
    assert found.findings.counts()["network.gate_at_junction"] == 1


def test_a_path_through_a_wall_without_a_gate_is_open_and_a_finding():
    town = Town()
    town.street((0, -50), (0, 50))
    town.street((50, -50), (50, 50), bridge="yes")
    town.wall((-20, 0), (80, 0))
    house = town.house(6, -40, size=2)
    town.offer("shop", 6, 40)
    run = town.study()
    found = run.findings[run.findings["code"] == "network.open_wall"]
    assert found["id"].tolist() == [f"way/{town.ways[0][0]}"]
    assert run.buildings.set_index("building").at[house, "minutes_shop"] * 60 == pytest.approx((4 + 82 + 6) / 1.2, abs=0.1)


def test_compounds_are_found_by_land_use_and_by_walls():
    town = Town()
    town.street((-200, 0), (200, 0))
    ring = [(0, 20), (100, 20), (100, 80), (0, 80)]
    town.wall(*ring, ring[0])
    homes = [town.house(30, 40, size=3), town.house(70, 40, size=3)]
    town.zone("compound", [(-150, 20), (-50, 20), (-50, 80), (-150, 80)], "新村")
    named = town.house(-100, 40, size=3)
    town.gate(50, 20)
    place = town.place()
    table = place.enclosure.compounds.set_index("found")
    assert table.at["walls", "walled"]
    assert table.at["walls", "share_walled"] == 1
    assert not table.at["landuse", "walled"]
    assert table.at["landuse", "name"] == "新村"
    assert homes
    assert named


# --- what must hold in any town


@given(plans(), st.data())
@QUICK
def test_a_wall_more_shortens_no_walk_by_more_than_a_corner_of_those_who_see_a_path_of_theirs(plan, data):
    """Where some link of the first reach stays clear; where none does, one farther away is taken, and that may be better.

    One leaves straight for the path, and where that is hidden past what hides it: that cuts a corner, and saves at most the straight leg.
    """
    before = plan.town()
    cuts = data.draw(st.lists(st.tuples(*[st.floats(-20, 230)] * 4), min_size=1, max_size=4))
    after = plan.town()
    for ax, ay, bx, by in cuts:
        after.wall((ax, ay), (bx, by))
    one, other = seconds(before), seconds(after)
    measured = after.measure()
    first = linkage.link(measured.net.plane.project(after.place().buildings.geometry.to_numpy()), measured.net)
    kept = {(int(row), int(edge)) for row, edge in zip(first.row, first.edge, strict=True)}
    sees = {
        measured.ids[row]
        for row, edge, state in zip(measured.buildings.row, measured.buildings.edge, measured.state, strict=True)
        if state == sight.CLEAR and (int(row), int(edge)) in kept
    }
    rows = [place for place, (number, _, _) in enumerate(after.homes) if f"way/{number}" in sees]
    leg = np.asarray([first.leg_m[first.row == row].max(initial=0.0) for row in rows]) + measured.facilities.leg_m.max(initial=0.0)
    assert (other[rows] >= one[rows] - leg / 1.2 - CLOSE_S).all()
