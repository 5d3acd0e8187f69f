"""What to fetch: an area, said in one of four ways.

Takes: a name with what the geocoder answers, a box, a file of polygons, or a point with a distance.
Gives: a polygon in degrees; boxes to ask for.
Never: chooses between two places of one name, or swaps coordinates without a word.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import numpy as np
import pyogrio
import shapely

from circle import rules
from circle.errors import FetchError, PlaceError, SourceError
from circle.projection import Plane
from circle.sources.overpass import Box, Found

FURTHEST_LAT = 85.0


@dataclass(frozen=True, slots=True)
class Area:
    """A polygon in degrees, what it is called, and where it comes from (`relation/4`, a file's name, or the option)."""

    shape: shapely.Geometry
    name: str
    origin: str


def from_box(text: str) -> Area:
    """`west,south,east,north` in degrees.

    >>> from_box("114.8,30.1,114.9,30.2").shape.bounds
    (114.8, 30.1, 114.9, 30.2)

    Raises
    ------
    PlaceError
        It is not four numbers in this order, or they enclose nothing.
    """
    west, south, east, north = _numbers("--bbox", text, 4, "west,south,east,north, such as 114.85,30.18,114.95,30.24")
    if max(abs(south), abs(north)) > FURTHEST_LAT and max(abs(west), abs(east)) <= FURTHEST_LAT:
        raise PlaceError(f"--bbox {text} has the latitude first, it seems. The order is west,south,east,north.")
    _on_earth("--bbox", text, (west, east), (south, north))
    if west >= east or south >= north:
        raise PlaceError(f"--bbox {text} encloses nothing. The order is west,south,east,north, and west is the smaller longitude.")
    return Area(shapely.box(west, south, east, north), f"{west:g},{south:g},{east:g},{north:g}", "--bbox")


def around(text: str) -> Area:
    """`lat,lon,metres`: a circle, of 64 corners.

    >>> [round(side, 3) for side in around("30.2,114.9,1000").shape.bounds]
    [114.89, 30.191, 114.91, 30.209]

    Raises
    ------
    PlaceError
        It is not three numbers in this order, or the circle has no size.
    """
    lat, lon, metres = _numbers("--around", text, 3, "lat,lon,metres, such as 30.205,114.90,1500")
    if abs(lat) > FURTHEST_LAT >= abs(lon):
        raise PlaceError(f"--around {text} has the longitude first, it seems. The order is lat,lon,metres.")
    _on_earth("--around", text, (lon,), (lat,))
    if not metres > 0:
        raise PlaceError(f"--around {text}: the distance must be more than 0 metres.")
    plane = Plane(lon, lat)
    angle = np.linspace(0, 2 * np.pi, 65)
    east, north = plane.backward(metres * np.cos(angle), metres * np.sin(angle))
    return Area(shapely.polygons(np.column_stack([east, north])), f"{lat:g},{lon:g} ±{metres:g} m", "--around")


def _numbers(option: str, text: str, count: int, shape: str) -> list[float]:
    try:
        found = [float(part) for part in text.replace("，", ",").split(",")]
    except ValueError:
        found = []
    if len(found) != count or not all(map(math.isfinite, found)):
        raise PlaceError(f"{option} {text[:60]!r} must be {count} numbers: {shape}.")
    return found


def _on_earth(option: str, text: str, lons: Sequence[float], lats: Sequence[float]) -> None:
    if any(abs(lon) > 180 for lon in lons) or any(abs(lat) > FURTHEST_LAT for lat in lats):
        raise PlaceError(f"{option} {text} is not in degrees: longitudes reach to 180, latitudes here to {FURTHEST_LAT:g}.")


def from_file(text: str) -> Area:
    """All polygons of a file (GeoJSON, GeoPackage, Shapefile), or of one layer of it (`FILE:layer`).

    Raises
    ------
    SourceError
        The file is missing, cannot be read, or does not say its coordinate system.
    PlaceError
        It holds no polygon.
    """
    path, layer = _layer(text)
    if not path.is_file():
        raise SourceError(f"--polygon {path} is no file. Check the path.")
    try:
        table = gpd.read_file(path, layer=layer) if layer else gpd.read_file(path)
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, RuntimeError, ValueError) as trouble:
        what = f"--polygon {path} cannot be read as a map layer ({str(trouble)[:100]})"
        raise SourceError(f"{what}. Give GeoJSON, GeoPackage or Shapefile.") from trouble
    if not isinstance(table, gpd.GeoDataFrame):
        raise PlaceError(f"--polygon {path} is a table without shapes. Give a file with the outline of the area.")
    if table.crs is None:
        raise SourceError(f"--polygon {path} does not say its coordinate system. Save it again with one (WGS 84), or add its .prj file.")
    parts = shapely.get_parts(table.to_crs(4326).geometry.to_numpy())
    areas = [shapely.make_valid(part) for part in parts if part is not None and part.geom_type == "Polygon" and not part.is_empty]
    if not areas:
        raise PlaceError(f"--polygon {path} holds no polygon. Draw the outline of the area as one.")
    shape = shapely.union_all(areas)
    west, south, east, north = shape.bounds
    _on_earth("--polygon", str(path), (west, east), (south, north))
    return Area(shape, path.stem, path.name)


def _layer(text: str) -> tuple[Path, str | None]:
    """A file, or `FILE:layer`; a colon that belongs to the file's name stays with it."""
    if Path(text).exists():
        return Path(text), None
    name, colon, layer = text.rpartition(":")
    return (Path(name), layer) if colon and Path(name).is_file() else (Path(text), None)


def named(name: str, found: Sequence[Found], which: int | None = None) -> Area:
    """The area that a name means, among what the geocoder answers (the most important first).

    Parameters
    ----------
    which
        The number of the one that is meant, from 1, where there are several.

    Raises
    ------
    PlaceError
        There are several, or none of them is an area.
    """
    areas = [(one, shape) for one in found for shape in [_shape(one)] if shape is not None]
    if not areas:
        at = shapely.from_geojson(json.dumps(found[0].shape)).representative_point()
        raise PlaceError(
            f"“{name}” is on the map as a point or line ({found[0].name}), not as an area. Say how far around it: "
            f"--around {at.y:.5f},{at.x:.5f},1500"
        )
    if which is not None:
        if not 1 <= which <= len(areas):
            raise PlaceError(f"--which {which}: there are {len(areas)} areas called “{name}”. {_list(areas)}")
        chosen, shape = areas[which - 1]
        return Area(shape, chosen.name, chosen.id)
    chosen, shape = areas[0]
    near = rules.settings("fetch")["same_name_importance"]
    rivals = [one for one, other in areas[1:] if one.importance > chosen.importance - near and not shapely.intersects(shape, other)]
    if rivals:
        raise PlaceError(f"“{name}” may mean several places. Add the city or province, or choose with --which: {_list(areas)}")
    return Area(shape, chosen.name, chosen.id)


def _list(areas: Sequence[tuple[Found, shapely.Geometry]]) -> str:
    return "; ".join(f"{number} = {one.name}" for number, (one, _) in enumerate(areas[:6], start=1)) + "."


def _shape(one: Found) -> shapely.Geometry | None:
    """Outline of an answer as a valid polygon; None where it is a point or line."""
    try:
        shape = shapely.from_geojson(json.dumps(one.shape))
    except (shapely.errors.GEOSException, ValueError, TypeError) as trouble:
        raise FetchError(f"The geocoder's outline of {one.name} cannot be read. Try again later, or give --bbox.") from trouble
    if shape is None or shape.geom_type not in {"Polygon", "MultiPolygon"} or shape.is_empty:
        return None
    return shapely.make_valid(shape)


def widened(area: Area, buffer_m: float) -> Box:
    """The box to ask for: the area with a rim of `buffer_m` metres, rounded outward to seven digits."""
    west, south, east, north = area.shape.bounds
    if buffer_m > 0:
        plane = Plane.of_box(area.shape.bounds)
        x, y = plane.forward(np.asarray([west, east]), np.asarray([south, north]))
        rim = buffer_m * plane.units_per_metre(y)
        lon, lat = plane.backward(x + rim * [-1, 1], y + rim * [-1, 1])
        west, east, south, north = max(-180.0, lon[0]), min(180.0, lon[1]), lat[0], lat[1]
    west, south = (math.floor(value * 1e7 + 1e-4) / 1e7 for value in (west, south))
    east, north = (math.ceil(value * 1e7 - 1e-4) / 1e7 for value in (east, north))
    return west, south, east, north


def square_kilometres(box: Box) -> float:
    """Area of a box in degrees, in km²."""
    west, south, east, north = box
    plane = Plane.of_box(box)
    x, y = plane.forward(np.asarray([west, east]), np.asarray([south, north]))
    return float((x[1] - x[0]) * (y[1] - y[0])) / 1e6


def tiles(box: Box, most_km2: float) -> list[Box]:
    """The box cut into parts of at most that size, about as wide as high."""
    west, south, east, north = box
    size = square_kilometres(box)
    plane = Plane.of_box(box)
    x, y = plane.forward(np.asarray([west, east]), np.asarray([south, north]))
    width, height = float(x[1] - x[0]), float(y[1] - y[0])
    pieces = max(1, math.ceil(size / most_km2))
    across = max(1, min(pieces, round(math.sqrt(pieces * width / height))))
    up = math.ceil(pieces / across)
    lons = [round(float(v), 7) for v in np.linspace(west, east, across + 1)]
    lats = [round(float(v), 7) for v in np.linspace(south, north, up + 1)]
    return [(lons[i], lats[j], lons[i + 1], lats[j + 1]) for j in range(up) for i in range(across)]
