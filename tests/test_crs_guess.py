"""Which system a table is in: the right one is found or doubted, never another; and a run stops unless it was said."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from town import Town

from circle.errors import PlaceError
from circle.sources import coordinates as c
from circle.sources import crs_guess as g
from circle.sources.layers import ground_of


@pytest.fixture(scope="module")
def town():
    """Streets every 230 m and 300 m, and houses here and there, so that a shift of half a kilometre lands elsewhere."""
    rng = np.random.default_rng(7)
    made = Town(lon=114.9, lat=30.21)
    for x in np.cumsum(rng.uniform(150, 330, 18)) - 2000:
        made.street((float(x), -2000.0), (float(x), 2000.0))
    for y in np.cumsum(rng.uniform(150, 330, 18)) - 2000:
        made.street((-2000.0, float(y)), (2000.0, float(y)))
    for x, y in rng.uniform(-1900, 1900, (260, 2)):
        made.house(float(x), float(y), size=12.0)
    return made


@pytest.fixture(scope="module")
def ground(town):
    return ground_of(town.place())


def homes(town, number, seed):
    shapes = town.place().buildings.geometry.to_numpy()
    rng = np.random.default_rng(seed)
    middles = shapely.get_coordinates(shapely.centroid(shapes))[rng.choice(len(shapes), number, replace=False)]
    return (middles + rng.normal(0, 3 / 111_000, middles.shape)).T


SYSTEMS = {"WGS-84": lambda x, y: (x, y), "GCJ-02": c.wgs_to_gcj, "BD-09": c.wgs_to_bd}


@pytest.mark.parametrize("name", SYSTEMS)
@pytest.mark.parametrize("number", [10, 40, 200])
def test_enough_points_tell_their_system(town, ground, name, number):
    found = g.judge(ground, *SYSTEMS[name](*homes(town, number, number)))
    assert found.winner is not None
    assert found.winner.system.name == name
    assert not found.winner.swapped


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("name", SYSTEMS)
def test_few_points_may_be_doubted_and_are_never_taken_for_another(town, ground, name, seed):
    found = g.judge(ground, *SYSTEMS[name](*homes(town, 3, seed)))
    assert found.winner is None or found.winner.system.name == name


def test_points_by_chance_are_doubted(town, ground):
    rng = np.random.default_rng(3)
    lon, lat = town.degrees(*rng.uniform(-1200, 1200, (2, 60)))
    assert g.judge(ground, lon, lat).winner is None


def test_swapped_columns(town, ground):
    lon, lat = homes(town, 40, 1)
    found = g.judge(ground, lat, lon)
    assert found.winner is not None
    assert (found.winner.system.name, found.winner.swapped) == ("WGS-84", True)


@pytest.mark.parametrize(("code", "prefix"), [("EPSG:4547", ""), ("EPSG:4526", "38")])
def test_survey_coordinates_north_first(town, ground, code, prefix):
    import pyproj

    lon, lat = homes(town, 40, 2)
    east, north = pyproj.Transformer.from_crs(4326, code, always_xy=True).transform(lon, lat)
    assert str(int(east[0])).startswith(prefix)
    found = g.judge(ground, north, east)
    assert found.winner is not None
    assert (found.winner.system.name, found.winner.swapped) == (code, True)


def test_another_town_is_said_to_be_one(ground):
    with pytest.raises(PlaceError, match=r"none of its 2 points .* another town"):
        g.judge(ground, [116.4, 116.5], [39.9, 39.8])


def test_outside_china_there_is_nothing_to_mistake(ground):
    away = Town(lon=2.35, lat=48.85)
    away.street((0, 0), (100, 0))
    away.house(10, 5)
    lon, lat = away.degrees([500.0], [500.0])
    assert g.judge(ground_of(away.place()), lon, lat).winner is not None
