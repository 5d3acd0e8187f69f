"""A plane to measure on: conformal, in metres at its own latitude, good anywhere on Earth below 85°.

Takes: longitude and latitude (WGS 84 degrees).   Gives: x and y, and how many plane units a metre has at a latitude.
Never: guesses a national grid, or measures in degrees.

The plane is the ellipsoidal Mercator projection (EPSG:9804) scaled to true size at the latitude of the place. Being conformal, the
nearest point on a line is the same on the plane as on the ground, and one factor per point turns plane lengths into metres. Over the
few hundred metres of a leg that factor is constant to a millimetre, however far north or south the place reaches.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from circle.kernels.degrees import latitudes

Floats = NDArray[np.float64]
Shapes = NDArray[np.object_]

SEMI_MAJOR_M = 6_378_137.0
FLATTENING = 1 / 298.257223563
_E2 = FLATTENING * (2 - FLATTENING)
_E = ECCENTRICITY = float(np.sqrt(_E2))


def _parallel_radius(lat_rad: Floats) -> Floats:
    return np.asarray(SEMI_MAJOR_M * np.cos(lat_rad) / np.sqrt(1 - _E2 * np.sin(lat_rad) ** 2))


@dataclass(frozen=True, slots=True)
class Plane:
    """Mercator plane of a place, true to size at (`lon`, `lat`).

    >>> plane = Plane(114.9, 30.2)
    >>> x, y = plane.forward(np.array([114.9, 114.901]), np.array([30.2, 30.2]))
    >>> round(float(x[1] - x[0]), 2)          # metres of a thousandth of a degree of longitude at 30.2° north
    96.29
    """

    lon: float
    lat: float

    @classmethod
    def of_box(cls, box: Sequence[float]) -> Plane:
        """The plane of a place that reaches from west, south to east, north (degrees): true to size in its middle."""
        west, south, east, north = box
        return cls((west + east) / 2, (south + north) / 2)

    @property
    def _radius(self) -> float:
        return float(_parallel_radius(np.asarray(np.radians(self.lat))))

    def forward(self, lon: Floats, lat: Floats) -> tuple[Floats, Floats]:
        """Plane coordinates of points given in degrees. Arrays of one shape in, arrays of that shape out."""
        sin = np.sin(np.radians(lat))
        isometric = np.arctanh(sin) - _E * np.arctanh(_E * sin)
        sin0 = np.sin(np.radians(self.lat))
        isometric0 = float(np.arctanh(sin0) - _E * np.arctanh(_E * sin0))
        return np.radians(np.asarray(lon) - self.lon) * self._radius, (isometric - isometric0) * self._radius

    def backward(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """Degrees of points given on the plane; exact to a tenth of a millimetre (fixed point iteration, EPSG guidance note 7-2)."""
        lon, isometric = self.isometric(x, y)
        sin = np.tanh(isometric)
        for _ in range(5):
            sin = np.tanh(isometric + _E * np.arctanh(_E * sin))
        return lon, np.degrees(np.arcsin(sin))

    def isometric(self, x: Floats | float, y: Floats) -> tuple[Floats, Floats]:
        """Longitude in degrees, and isometric latitude, of points given on the plane (`kernels.degrees` goes on from there)."""
        sin0 = np.sin(np.radians(self.lat))
        isometric = np.asarray(y) / self._radius + float(np.arctanh(sin0) - _E * np.arctanh(_E * sin0))
        return np.asarray(x) / self._radius / np.pi * 180.0 + self.lon, isometric

    def project(self, shapes: Shapes) -> Shapes:
        """Shapes in degrees, put on the plane. The input is not changed.

        >>> on_plane = Plane(0.0, 0.0).project(np.asarray([shapely.Point(0.001, 0.0)], dtype=object))
        >>> round(on_plane[0].x, 2)
        111.32
        """
        degrees = shapely.get_coordinates(shapes)
        return np.asarray(shapely.set_coordinates(shapes.copy(), np.column_stack(self.forward(degrees[:, 0], degrees[:, 1]))))

    def units_per_metre(self, y: Floats) -> Floats:
        """Plane units that one metre on the ground has at plane ordinate `y`: 1 at the place's own latitude."""
        y = np.asarray(y, dtype=np.float64)
        lat = latitudes(self.isometric(0.0, y.ravel())[1], _E).reshape(y.shape)
        return np.asarray(self._radius / _parallel_radius(np.radians(lat)))

    def units_per_metre_at(self, lat: Floats) -> Floats:
        """The same, for latitudes in degrees."""
        return np.asarray(self._radius / _parallel_radius(np.radians(lat)))
