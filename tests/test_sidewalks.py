"""Sidewalks drawn apart: the middle of a road is given up where its sidewalk is there and joins, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from test_invariants import QUICK
from town import Town

from circle import network, rules, sources
from circle.errors import Findings

SEPARATE = {"highway": "secondary", "sidewalk": "separate"}
WALK = {"highway": "footway", "footway": "sidewalk"}


def walked(town: Town, way: int, findings: list[str] | None = None) -> bool:
    """Whether any of a way may still be walked; told ways that keep their road go to `findings`."""
    place = town.place()
    net = network.build(place.ways, place.vertices, place.plane, rules.walker("adult"), place.findings)
    if findings is not None:
        findings += [f"{one.id}: {one.detail}" for one in place.findings if one.code == "network.no_sidewalk"]
    edges = net.edges[net.edges["way"] == way]
    assert len(edges)
    return bool(np.isfinite(edges["seconds_forward"]).any())


def road(*, joined: tuple[float, ...] = (0.0, 200.0), beside: float = 8.0, until: float = 200.0, **tags: str) -> tuple[Town, int]:
    """A road of 200 m with a side street at either end, and a sidewalk beside it that is joined to it at some places."""
    town = Town()
    middle = town.street((0, 0), (200, 0), **{**SEPARATE, **tags})
    spots = sorted({0.0, *joined, until})
    town.street(*((x, beside) for x in spots), **WALK)
    for x in joined:
        town.street((x, 0), (x, beside), highway="footway", footway="crossing")
    town.street((0, 0), (0, -50))
    town.street((200, 0), (200, -50))
    return town, middle


def test_a_road_whose_sidewalk_is_there_and_joins_is_not_walked():
    told: list[str] = []
    town, middle = road()
    assert not walked(town, middle, told)
    assert told == []
    house, _ = town.house(50, 14), town.offer("shop", 150, 14)
    assert town.measure().seconds[house] == pytest.approx((6 + 100 + 6) / 1.2, abs=1e-6)


def test_from_the_other_side_one_walks_round_to_the_crossing():
    """From 10 m south of the road: not across it, for the sidewalk is 18 m off, within reach of a door."""
    town, _ = road()
    house, _ = town.house(50, -10), town.offer("shop", 150, 14)
    assert town.measure().seconds[house] == pytest.approx((18 + 100 + 6) / 1.2, abs=1e-6)


def test_without_the_line_the_road_is_walked_and_that_is_a_finding():
    told: list[str] = []
    town, middle = Town(), None
    middle = town.street((0, 0), (200, 0), **SEPARATE)
    town.street((0, 0), (0, -50))
    assert walked(town, middle, told)
    assert told == [f"way/{middle}: of 200 m: 200 m without such a line beside them"]


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ({"until": 90.0, "joined": (0.0,)}, "200 m without such a line"),  # half of it only
        ({"beside": 40.0}, "200 m without such a line"),  # too far off to be its sidewalk
        ({"joined": (0.0,)}, "200 m where it does not join"),  # the side street at 200 would be cut off
        ({"joined": ()}, "200 m where it does not join"),
    ],
)
def test_a_line_that_is_not_there_or_does_not_join(how, says):
    told: list[str] = []
    town, middle = road(**how)
    assert walked(town, middle, told)
    assert len(told) == 1
    assert says in told[0]


def test_a_path_across_is_no_sidewalk():
    told: list[str] = []
    town = Town()
    middle = town.street(*((x, 0) for x in range(0, 201, 20)), **SEPARATE)
    for x in range(20, 200, 20):
        town.street((x, -30), (x, 0), (x, 30), highway="footway")
    assert walked(town, middle, told)
    assert "without such a line" in told[0]


@pytest.mark.parametrize(
    "tags",
    [
        {"sidewalk": "both"},
        {"sidewalk": "", "sidewalk:left": "separate"},  # nothing is said of the right side
        {"sidewalk": "", "sidewalk:left": "separate", "sidewalk:right": "yes"},
    ],
)
def test_a_road_with_a_sidewalk_of_its_own_on_one_side_stays(tags):
    """The trap of a filter that drops the whole road for a tag on one side."""
    town, middle = road(**tags)
    assert walked(town, middle)


@pytest.mark.parametrize(
    "tags",
    [
        {"sidewalk": "", "sidewalk:both": "separate"},
        {"sidewalk": "", "sidewalk:left": "separate", "sidewalk:right": "no"},
        {"foot": "use_sidepath"},
    ],
)
def test_every_way_of_saying_so(tags):
    town, middle = road(**tags)
    assert not walked(town, middle)


def test_one_stretch_is_given_up_and_the_next_is_not():
    """Beside the first 200 m of a road lies a sidewalk, beside the other 200 m none."""
    town, _ = road()
    rest = town.street((200, 0), (400, 0), **SEPARATE)
    told: list[str] = []
    assert walked(town, rest, told)
    assert told == [f"way/{rest}: of 200 m: 200 m without such a line beside them"]


def test_a_shared_cycleway_is_walked_and_is_a_bridge_between_two_sides():
    """Without it the two sides of the river are apart."""
    town = Town()
    town.street((0, 0), (100, 0))
    town.street((100, 0), (160, 0), highway="cycleway", foot="designated", segregated="yes", bridge="yes")
    town.street((160, 0), (300, 0))
    house, _ = town.house(20, 6), town.offer("shop", 280, 6)
    assert town.measure().seconds[house] == pytest.approx((6 + 260 + 6) / 1.2, abs=1e-6)


@given(st.data())
@QUICK
def test_giving_up_roads_never_cuts_anything_off(data):
    """A grid of roads that all say `separate`, with sidewalks and crossings drawn at random: what was joined stays joined."""
    town = Town()
    side, step = 4, 80.0
    for a, b in [((x, y), (x + 1, y)) for y in range(side) for x in range(side - 1)]:
        for p, q in ((a, b), (a[::-1], b[::-1])):
            town.street((p[0] * step, p[1] * step), (q[0] * step, q[1] * step), **SEPARATE)
            if not data.draw(st.integers(0, 3)):
                continue
            along = np.asarray(q) - np.asarray(p)
            away = np.asarray([-along[1], along[0]]) * 7.0
            one, other = np.asarray(p) * step + along * 5 + away, np.asarray(q) * step - along * 5 + away
            town.street(tuple(one), tuple(other), **WALK)
            for end, corner in ((one, p), (other, q)):
                if data.draw(st.booleans()):
                    town.street(tuple(end), (corner[0] * step, corner[1] * step), highway="footway", footway="crossing")
    for x, y in data.draw(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=6, unique=True)):
        town.street((x * step, y * step), (x * step + 30, y * step + 40), highway="service")
    net = town.net()
    never_cut_off(net)


def never_cut_off(net: network.Network) -> int:
    """Every two nodes that something other than a road given up meets are joined as they were. Gives how many edges were given up."""
    edges = net.edges
    u, v = edges["u_index"].to_numpy(), edges["v_index"].to_numpy()
    given_up = (edges["road"] != "").to_numpy() & np.isinf(np.minimum(edges["seconds_forward"], edges["seconds_backward"])).to_numpy()
    size = len(net.nodes)
    with_road = connected_components(coo_array((np.ones(len(u)), (u, v)), shape=(size, size)), directed=False)[1]
    rest = ~given_up
    without = connected_components(coo_array((np.ones(rest.sum()), (u[rest], v[rest])), shape=(size, size)), directed=False)[1]
    met = np.unique(np.r_[u[rest], v[rest]])
    pairs = np.unique(np.column_stack([with_road[met], without[met]]), axis=0)
    assert len(pairs) == len(np.unique(pairs[:, 0])) == len(np.unique(pairs[:, 1]))
    return int(given_up.sum())


def test_berlin(test_data: Path):
    """Where every street says `separate`, most of 35 km of road are given up, and nobody is cut off."""
    place = sources.read(test_data / "osm" / "berlin_borsigwalde_2026.osm.pbf", ["shop"])
    findings = Findings()
    net = network.build(place.ways, place.vertices, place.plane, rules.walker("adult"), findings, stops=place.stops)
    assert never_cut_off(net) > 900
    length = net.edges["length_m"].to_numpy()
    said = (net.edges["road"] != "").to_numpy()
    assert length[said].sum() == pytest.approx(34_700, abs=100)
    assert 0.8 < length[said & np.isinf(net.edges["seconds_forward"].to_numpy())].sum() / length[said].sum() < 0.95
    assert 100 < findings.counts()["network.no_sidewalk"] < 200
