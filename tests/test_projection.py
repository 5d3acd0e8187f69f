"""The plane: against PROJ, there and back, and true to size against geodesics."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyproj import CRS, Geod, Transformer

from circle.kernels.degrees import latitudes
from circle.projection import ECCENTRICITY, Plane

WGS84 = Geod(ellps="WGS84")
PLACES = [(0.0, 0.0), (114.9, 30.2), (-15.43, 28.12), (24.94, 60.17), (-112.4, 33.6), (7.42, 43.73), (151.2, -33.9), (15.6, 78.2)]


@pytest.mark.parametrize(("lon", "lat"), PLACES)
def test_it_is_the_ellipsoidal_mercator_of_proj(lon, lat):
    plane = Plane(lon, lat)
    proj = Transformer.from_crs("EPSG:4326", CRS.from_proj4(f"+proj=merc +lon_0={lon} +lat_ts={lat} +ellps=WGS84"), always_xy=True)
    east, north = np.asarray([lon - 0.1, lon, lon + 0.07]), np.asarray([lat - 0.08, lat, lat + 0.1])
    x, y = plane.forward(east, north)
    there_x, there_y = proj.transform(east, north)
    origin_x, origin_y = proj.transform(lon, lat)
    assert x == pytest.approx(np.asarray(there_x) - origin_x, abs=1e-6)
    assert y == pytest.approx(np.asarray(there_y) - origin_y, abs=1e-6)


@given(
    lon=st.floats(-179, 179), lat=st.floats(-80, 80), east=st.floats(-0.5, 0.5), north=st.floats(-0.5, 0.5)
)  # fmt: skip
def test_there_and_back(lon, lat, east, north):
    plane = Plane(lon, lat)
    given_lon, given_lat = np.asarray([lon + east]), np.asarray([lat + north])
    back_lon, back_lat = plane.backward(*plane.forward(given_lon, given_lat))
    assert back_lon == pytest.approx(given_lon, abs=1e-9)  # a tenth of a millimetre
    assert back_lat == pytest.approx(given_lat, abs=1e-9)


@pytest.mark.parametrize(("lon", "lat"), PLACES)
@pytest.mark.parametrize("off", [0.0, 0.3, -0.3])
def test_one_factor_turns_plane_lengths_into_metres(lon, lat, off):
    """A leg of 72 m in any direction, also a third of a degree off the middle: right to a millimetre."""
    plane = Plane(lon, lat)
    for azimuth in range(0, 360, 30):
        end_lon, end_lat, _ = WGS84.fwd(lon + off, lat + off, azimuth, 72.0)
        x, y = plane.forward(np.asarray([lon + off, end_lon]), np.asarray([lat + off, end_lat]))
        units = plane.units_per_metre_at(np.asarray([(lat + off + end_lat) / 2]))[0]
        assert np.hypot(*np.diff([x, y]))[0] / units == pytest.approx(72.0, abs=1e-3)


def test_units_by_ordinate_and_by_latitude_agree():
    plane = Plane(114.9, 30.2)
    lat = np.asarray([29.9, 30.2, 30.5])
    _, y = plane.forward(np.full(3, 114.9), lat)
    assert plane.units_per_metre(y) == pytest.approx(plane.units_per_metre_at(lat), rel=1e-12)
    assert plane.units_per_metre_at(np.asarray([30.2]))[0] == pytest.approx(1.0, rel=1e-12)


def test_a_thousandth_of_a_degree_on_the_equator():
    x, y = Plane(0, 0).forward(np.asarray([0.001]), np.asarray([0.001]))
    assert x[0] == pytest.approx(111.3195, abs=1e-4)  # 6,378,137 m × π / 180,000
    assert y[0] == pytest.approx(110.5743, abs=1e-4)  # 6,378,137 m × (1 − e²) × π / 180,000


def test_what_is_written_is_what_was_read_and_what_the_plane_says():
    rng = np.random.default_rng(7)
    for middle in (0.0, 28.0, -45.0, 84.0):
        plane = Plane(-15.0, middle)
        lon, lat = np.round(rng.uniform(-16, -14, 5_000), 7), np.round(np.clip(rng.uniform(middle - 1, middle + 1, 5_000), -85, 85), 7)
        x, y = plane.forward(lon, lat)
        lon_again, isometric = plane.isometric(x, y)
        again = latitudes(isometric, ECCENTRICITY)
        assert (np.round(lon_again, 7) == lon).all()
        assert (np.round(again, 7) == lat).all()
        assert np.abs(again - plane.backward(x, y)[1]).max() < 1e-12
