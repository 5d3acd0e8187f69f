"""Where the data end, with a header that says so and without one; what a limit that reaches beyond it may not be called."""

from __future__ import annotations

from dataclasses import replace
from unittest.mock import patch

import numpy as np
import pytest
import shapely
from town import Town

from circle import extent, sources, study
from circle.projection import Plane

PLANE = Plane(0.0, 0.0)


def boxed(*corners: float) -> tuple[float, float, float, float]:
    """A box in metres, as degrees."""
    lon, lat = PLANE.backward(np.asarray(corners[0::2]), np.asarray(corners[1::2]))
    return float(lon[0]), float(lat[0]), float(lon[1]), float(lat[1])


def points(*spots: tuple[float, float]) -> np.ndarray:
    return np.asarray([shapely.Point(spot) for spot in spots], dtype=object)


def test_a_header_is_taken_at_its_word():
    found = extent.metres_to_edge(points((0, 0), (900, 0), (0, -990), (2000, 0)), PLANE, boxed(-1000, -1000, 1000, 1000))
    assert found == pytest.approx([1000, 100, 10, 0], abs=1e-3)


def test_without_one_the_data_end_at_their_hull():
    """Streets fill a triangle: half of its box lies beyond a border."""
    streets = np.asarray([-1000.0, 1000.0, -1000.0]), np.asarray([-1000.0, -1000.0, 1000.0])
    box = boxed(-1000, -1000, 1000, 1000)
    homes = points((-900, -900), (-50, -50), (-500, -500))
    assert extent.metres_to_edge(homes, PLANE, box, streets) == pytest.approx([100, 100 / np.sqrt(2), 500], abs=1e-3)
    assert extent.metres_to_edge(homes, PLANE, box) == pytest.approx([100, 950, 500], abs=1e-3)


def test_a_building_at_the_rim_has_no_margin():
    streets = np.asarray([0.0, 1000.0, 0.0]), np.asarray([0.0, 0.0, 1000.0])
    assert extent.metres_to_edge(points((900, 900)), PLANE, boxed(0, 0, 1000, 1000), streets).tolist() == [0]


@pytest.mark.parametrize(("said", "reason"), [("header", "far"), ("data", "data_edge")])
def test_a_limit_that_reaches_beyond_a_border_makes_no_gap(said, reason):
    """The house stands 40 m from the border of a triangle of streets and a kilometre from its box; the shop is 700 m away."""
    town = Town()
    town.street((-1000, -1000), (1000, -1000), (-1000, 1000), (-1000, -1000))
    town.street((-1000, -1000), (-30, -30))
    house = town.house(-40, -36, size=4)
    town.offer("shop", -500, -506)
    place = replace(town.place(), extent_from=said)
    with patch.object(sources, "read", return_value=place), patch.object(sources, "digest", return_value="0" * 64):
        row = study.run(__file__).buildings.set_index("building").loc[house]
    assert (row["verdict_shop"], row["reason_shop"]) == ("gap" if said == "header" else "unmapped", reason)
