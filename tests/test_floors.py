"""Floors: a node that two floors share is no hole in the floor."""

from __future__ import annotations

import numpy as np
import pytest
from town import Town

from circle import floors


def upstairs(**door: str) -> tuple[Town, str]:
    """A corridor on the ground floor and one on the first that share a door; stairs 100 m on join them."""
    town = Town()
    shared = town.node(0, 0, **door)
    town.street((-100, 0), shared, (100, 0), highway="corridor", level="0")
    town.street(shared, (0, 100), (100, 100), highway="corridor", level="1")
    town.street((100, 0), (100, 100), highway="steps", level="0;1")
    town.offer("shop", 10, 60)  # 10 m beside the upper corridor, 60 from the lower
    return town, town.house(-50, 6)


def test_a_door_drawn_for_two_floors_joins_neither_to_the_other():
    town, house = upstairs(door="yes", level="0", repeat_on="1")
    around = (6 + 50 + 100) / 1.2 + 100 / 0.5 + (100 + 40 + 10) / 1.2
    assert town.measure().seconds[house] == pytest.approx(around, abs=1e-6)
    assert len(set(town.net().nodes["component"])) == 1


def test_an_elevator_does_join_them():
    town, house = upstairs(highway="elevator", level="0;1")
    assert town.measure().seconds[house] == pytest.approx((6 + 50 + 60 + 10) / 1.2 + 30, abs=1e-6)


def test_so_does_the_door_of_an_elevator_drawn_as_a_room():
    town, house = upstairs()
    (number,) = [node for node, spot in town.nodes.items() if spot == (0, 0)]
    town.street(number, (-2, -2), (2, -2), number, highway="elevator", level="0;1")
    assert town.measure().seconds[house] == pytest.approx((6 + 50 + 60 + 10) / 1.2 + 30, abs=1e-6)


def test_where_a_way_says_nothing_of_its_floor_all_is_joined_as_it_is_drawn():
    town = Town()
    town.street((-100, 0), (0, 0), highway="corridor", level="0")
    town.street((0, 0), (0, 100), highway="corridor", level="1")
    town.street((0, 0), (100, 0))
    assert set(town.net().nodes["component"]) == {0}
    assert (town.net().nodes["node"] > 0).all()


def test_three_floors_at_one_node():
    town = Town()
    for number, level in enumerate(("0", "1", "1;2", "3")):
        town.street((0, 0), (100 * np.cos(number), 100 * np.sin(number)), highway="corridor", level=level)
    net = town.net()
    assert sorted(set(net.nodes["component"])) == [0, 1, 2]
    assert (net.nodes["node"] < 0).sum() == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("0", {0}),
        ("-1;0", {-1, 0}),
        ("0-2", {0, 1, 2}),
        ("0;0.5", {0, 0.5}),
        ("-2--1", {-2, -1}),
        ("EG", set()),
        ("", set()),
        ("2-0", set()),
        ("0-1e9", set()),
        ("0-99999", set()),
    ],
)
def test_levels(text, said):
    assert floors.levels(text) == said
