"""One town with everything in it: river, walls, gates, the same street, an island, a one-sided sidewalk, a square, stairs, a border."""

from __future__ import annotations

import numpy as np
import pytest
from town import Town

STEPS_M_PER_S = 0.5
EAST = 920.0  # where the data end


def planted() -> tuple[Town, dict[str, tuple[str, float]]]:
    """The town, and by name each house with the seconds that its walk to the nearest shop takes on paper."""
    town = Town(box=(-3000.0, -3000.0, EAST, 3000.0))
    town.street((-500, 0), (0, 0), (200, 0), (400, 0), (560, 0), (650, 0), (900, 0))  # the high street
    town.wall((-430, 24), (1500, 24), waterway="river")
    town.street((400, 0), (400, 60), bridge="yes")
    town.street((400, 60), (0, 60))  # the north bank
    town.street((0, -200), (0, 0), highway="secondary", sidewalk="separate")
    town.street((12, -200), (12, 0), (0, 0), highway="footway", footway="sidewalk")
    town.street((0, -200), (12, -200), highway="footway", footway="crossing")
    town.street((0, -200), (-300, -200))
    town.square([(-500, 0), (-440, 0), (-440, 80), (-500, 80)])
    town.street((-440, 80), (-300, 80))
    town.street((200, 0), (200, -24), highway="steps")
    town.street((200, -24), (300, -24))
    town.street((-200, -60), (-200, 0), (-200, 60), bridge="yes", layer="1")  # overhead: the high street names the point, but not as a node
    town.street((-200, 60), (-260, 60))
    town.street((-1050, 1000), (-950, 1000))
    # a walled yard: its north gate is open, its west gate locked; a street runs behind its south wall
    town.wall((600, -10), (650, -10), (700, -10), (700, -110), (600, -110), (600, -60), (600, -10))
    town.gate(650, -10)
    town.gate(600, -60, locked="yes")
    town.street((650, 0), (650, -10), (650, -60), (650, -105))
    town.street((650, -60), (600, -60), (560, -60))
    town.street((560, 0), (560, -60), (560, -116), (720, -116))
    town.offer("shop", 100, -6)
    town.offer("shop", 664, -122)
    adult = 1.2
    return town, {
        "on the same street": (town.house(160, 6), (6 + 60 + 6) / adult),
        "over the river": (town.house(100, 66), (6 + 300 + 60 + 300 + 6) / adult),
        "on the bank": (town.house(150, 28, size=2), (28 + 250 + 60 + 300 + 6) / adult),  # the high street is as near, across the water
        "on the sidewalk": (town.house(20, -100, size=4), (4 + 104 + 12 + 100 + 6) / adult),
        "across the square": (town.house(-370, 86), (6 + 70 + 100 + 600 + 6) / adult),
        "down the stairs": (town.house(250, -30), (6 + 50 + 100 + 6) / adult + 24 / STEPS_M_PER_S),
        "on the island": (town.house(-1000, 1006), np.inf),
        "by the locked gate": (town.house(610, -66, size=2), (6 + 40 + 60 + 90 + 116 + 104 + 6) / adult),
        "behind the wall": (
            town.house(680, -100, size=2),
            (50 + 60 + 90 + 116 + 104 + 6) / adult,
        ),  # the shop is 20 m away
        "at the border": (town.house(880, 6), (6 + 230 + 90 + 116 + 104 + 6) / adult),
        "before the border": (town.house(800, 6), (6 + 150 + 90 + 116 + 104 + 6) / adult),
    }


def test_minutes_of_the_planted_town():
    town, houses = planted()
    found = town.measure()
    for name, (house, expected) in houses.items():
        assert found.seconds[house] == pytest.approx(expected, abs=1e-5), name


def test_verdicts_of_the_planted_town():
    """A gap is one only where no shop beyond the border can be as near as the limit: 72 m."""
    town, houses = planted()
    table = town.study().buildings.set_index("building")
    told = {name: (table.loc[house, "verdict_shop"], table.loc[house, "reason_shop"]) for name, (house, _) in houses.items()}
    assert told["on the same street"] == ("met", "")
    assert told["at the border"] == ("unmapped", "data_edge")
    assert told["before the border"] == ("gap", "far")
    assert told["on the island"] == ("unreachable", "island")
    assert told["behind the wall"] == ("gap", "barrier")
    assert table.loc[houses["behind the wall"][0], "barrier_shop"] != ""


def test_what_opens_the_town():
    """The locked gate opened, by the planner's word."""
    town, houses = planted()
    house, before = houses["by the locked gate"]
    after = (np.hypot(8, 8) + 40 + 56 + 104 + 6) / 1.2
    (gate,) = [f"node/{number}" for number, tags in town.tags_of_node.items() if "locked" in tags]
    town.passages[gate] = "all"
    assert town.measure().seconds[house] == pytest.approx(after, abs=1e-5)
    assert after < before
