"""GCJ-02, BD-09 and Gauss-Krüger: known pairs, round trips to a millimetre, and the places that stay where they are."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyproj
import pytest

from circle.errors import RuleError
from circle.sources import coordinates as c

METRES = pyproj.Geod(ellps="WGS84")


def metres(lon, lat, lon2, lat2):
    return METRES.inv(lon, lat, lon2, lat2)[2]


@pytest.mark.parametrize(
    ("lon", "lat", "gcj", "bd"),
    [
        # distances in metres from the public formula: Tieshan, Beijing, Shanghai
        (114.90, 30.21, 570, 1161),
        (116.40, 39.90, 555, 1378),
        (121.47, 31.23, 482, 1143),
    ],
)
def test_the_size_of_the_mistake(lon, lat, gcj, bd):
    assert metres(lon, lat, *map(float, c.wgs_to_gcj(lon, lat))) == pytest.approx(gcj, abs=12)
    assert metres(lon, lat, *map(float, c.wgs_to_bd(lon, lat))) == pytest.approx(bd, abs=25)


def test_a_known_pair():
    lon, lat = c.gcj_to_wgs(116.42703, 39.90245)  # Beijing railway station, published to five digits
    assert metres(float(lon), float(lat), 116.42079, 39.90105) < 1.5


@pytest.mark.parametrize(("there", "back"), [(c.wgs_to_gcj, c.gcj_to_wgs), (c.wgs_to_bd, c.bd_to_wgs)])
def test_round_trips_over_the_whole_box_are_exact_to_a_millimetre(there, back):
    rng = np.random.default_rng(20220617)
    lon, lat = rng.uniform(72.1, 137.7, 50_000), rng.uniform(0.9, 55.7, 50_000)
    moved = c.shifted_here(lon, lat)
    x, y = back(*there(lon, lat))
    assert moved.mean() > 0.98
    assert np.max(metres(lon[moved], lat[moved], x[moved], y[moved])) < 1e-3


def test_three_steps_are_needed_and_the_one_step_inverse_of_the_blogs_is_metres_off():
    rng = np.random.default_rng(1)
    lon, lat = rng.uniform(80, 130, 20_000), rng.uniform(20, 50, 20_000)
    x, y = c.wgs_to_gcj(lon, lat)
    again = c.wgs_to_gcj(x, y)
    assert 1 < np.max(metres(lon, lat, 2 * x - again[0], 2 * y - again[1])) < 6


@pytest.mark.parametrize("spot", [(114.17, 22.32), (113.545, 22.19), (121.5, 25.03), (118.32, 24.44), (2.35, 48.86), (-115.1, 36.2)])
def test_hong_kong_macau_taiwan_and_the_rest_of_the_world_stay(spot):
    for convert in (c.wgs_to_gcj, c.gcj_to_wgs, c.wgs_to_bd, c.bd_to_wgs, c.gcj_to_bd, c.bd_to_gcj):
        assert tuple(map(float, convert(*spot))) == spot


@pytest.mark.parametrize("spot", [(114.057, 22.543), (113.576, 22.271), (118.1, 24.48), (119.3, 26.08), (110.3, 20.03)])
def test_their_neighbours_on_the_mainland_do_not(spot):
    assert metres(*spot, *map(float, c.wgs_to_gcj(*spot))) > 200


def test_gcj_and_bd_lead_to_each_other():
    gcj = c.wgs_to_gcj(114.9, 30.21)
    assert np.allclose(c.gcj_to_bd(*gcj), c.wgs_to_bd(114.9, 30.21), atol=1e-9)
    assert np.allclose(c.bd_to_gcj(*c.gcj_to_bd(*gcj)), gcj, atol=1e-9)


def test_what_is_no_place_becomes_missing_and_nothing_warns():
    lon, lat = c.bd_to_wgs([np.nan, np.inf, 1e300, 114.9], [30.0, 30.0, -np.inf, 30.2])
    assert np.isnan(lon).tolist() == [True, True, True, False]
    assert np.isnan(lat).tolist() == [True, True, True, False]


@pytest.mark.parametrize(("code", "prefix"), [("EPSG:4547", 0), ("EPSG:4526", 38_000_000)])
def test_gauss_krueger_with_and_without_the_zone_number(code, prefix):
    lon, lat = c.system(code).to_wgs84([prefix + 586_500.0], [3_343_600.0])
    assert metres(float(lon[0]), float(lat[0]), 114.9, 30.21) < 1000
    assert c.system(code).projected


def test_axes_of_the_grid_are_told_by_their_size():
    assert c.grid_axes([3_343_600.0, np.nan], [586_500.0, 1.0]) == "second"
    assert c.grid_axes([38_586_500.0], [3_343_600.0]) == "first"
    assert c.grid_axes([np.nan], [np.nan]) == ""
    assert c.grid_systems([586_500.0], 114.9)[0].name == "EPSG:4547"


@pytest.mark.parametrize("name", ["mars", "EPSG:1", "EPSG:999999", "", "54009x"])
def test_an_unknown_system_is_refused_with_what_there_is(name):
    with pytest.raises(RuleError, match="GCJ-02"):
        c.system(name)


def test_degrees_as_people_write_them():
    texts = [
        "114°54′12.3″",
        "E114°54'12.3\"",
        "东经114度54分12.3秒",
        "１１４．９０３４１７",
        "114 54 12.3",
        "114:54:12.3",
        "W 114.903417",
        "114°61′",
        "x",
    ]
    found = c.degrees(pd.Series(texts))
    assert np.allclose(found[:6], 114.903417, atol=1e-6)
    assert found[6] == pytest.approx(-114.903417)
    assert np.isnan(found[7:]).all()


def test_location_is_two_numbers_in_one_cell():
    lon, lat = c.pair(pd.Series(["114.9,30.2", "114.9，30.2", "(114.9; 30.2)", "", None, "nowhere"]))
    assert lon[:3].tolist() == [114.9] * 3
    assert lat[:3].tolist() == [30.2] * 3
    assert np.isnan(lon[3:]).all()
