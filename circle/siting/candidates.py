"""Candidates: where a station may stand.

Takes: the buildings and paths of a run, with the rules in `rules/siting.toml`; a planner's table comes from `rooms`.
Gives: a table of candidates, tied to the network as any point is; those that cannot be tied, by name.
Never: uses a candidate that nobody can walk to, or drops one without a word.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from circle import linkage, restored
from circle.edges import passable
from circle.linkage import Links
from circle.rules.loading import RULES, read_toml
from circle.siting.ground import Ground

COLUMNS = ("candidate", "name", "source", "building", "cost", "area_m2", "services", "required", "forbidden")
_SEPARATOR = re.compile(r"[\s,;，、；]+")
DIGITS = 7


@dataclass(frozen=True, slots=True)
class Candidates:
    """Candidates that can be walked to: `table` (columns `COLUMNS` and a geometry in WGS 84), their `links`; ids that are `unlinked`."""

    table: gpd.GeoDataFrame
    links: Links
    unlinked: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.table)

    def services(self, row: int) -> tuple[str, ...]:
        """Services that a candidate may offer; empty: all."""
        return split(self.table["services"].iloc[row])


@cache
def rule(section: str) -> dict[str, Any]:
    """A section of `rules/siting.toml`.

    >>> rule("spots")["spacing_m"]
    60
    """
    return dict(read_toml(RULES / "siting.toml").table[section])


def split(text: Any) -> tuple[str, ...]:
    """Words of a list in one cell.

    >>> split("service_centre、clinic")
    ('service_centre', 'clinic')
    """
    return tuple(word for word in _SEPARATOR.split(str(text)) if word and word != "nan")


def tied(ground: Ground, table: gpd.GeoDataFrame) -> Candidates:
    """Tie candidates to the network as facilities are: over all edges within reach, by legs that cross no wall and no other house.

    One in a building (column `building`) is tied from its outline or its doors; an area (a plot) stands at the point of it that lies
    nearest to a path.
    """
    ids = pd.Index(ground.tables["buildings"]["building"].astype(str))
    table = table if "building" in table else table.assign(building="")
    own = np.asarray(ids.get_indexer(table["building"].astype(str)), dtype=np.intp)
    table = _standing(ground, table, own)
    shapes = ground.net.plane.project(table.geometry.to_numpy())
    doors = gpd.GeoDataFrame(ground.tables["doors"])
    shapes, _ = linkage.starts(shapes, ground.net.plane.project(doors.geometry.to_numpy()[doors["visit"].to_numpy(dtype=bool)]))
    links = restored.tied(shapes, ground.net, ground.things, own)
    there = np.zeros(len(table), dtype=bool)
    there[links.row] = True
    place = np.cumsum(there) - 1
    return Candidates(table[there].reset_index(drop=True), replace(links, row=place[links.row]), tuple(table["candidate"][~there]))


def _standing(ground: Ground, table: gpd.GeoDataFrame, own: NDArray[np.intp]) -> gpd.GeoDataFrame:
    """Candidates with a point for every area that is no building of the run."""
    rows = np.flatnonzero((shapely.get_dimensions(table.geometry.to_numpy()) > 0) & (own < 0))
    if not len(rows):
        return table
    shapes = table.geometry.to_numpy().copy()
    links = linkage.link(ground.net.plane.project(shapes[rows]), ground.net, every=True)
    first = links.take(links.rank == 0)
    lon, lat = ground.net.plane.backward(first.start_x, first.start_y)
    shapes[rows[first.row]] = shapely.points(np.round(lon, DIGITS), np.round(lat, DIGITS))
    return gpd.GeoDataFrame(table.set_geometry(gpd.GeoSeries(shapes, index=table.index, crs=table.crs)))


def as_table(shapes: NDArray[np.object_], source: str, columns: dict[str, Any]) -> gpd.GeoDataFrame:
    """Candidates at these places (WGS 84): columns that are not given have their defaults."""
    plain: dict[str, Any] = {
        "candidate": [f"{source}-{row + 1:04d}" for row in range(len(shapes))],
        "name": "",
        "source": source,
        "building": "",
        "cost": float(rule("cost")["station"]),
        "area_m2": np.inf,
        "services": "",
        "required": False,
        "forbidden": False,
    }
    return gpd.GeoDataFrame({**plain, **columns}, geometry=shapes, crs="EPSG:4326", index=range(len(shapes)))


def in_buildings(ground: Ground) -> gpd.GeoDataFrame:
    """Rooms by rule: public and vacant buildings, simple sheds, and ground floors (rules/siting.toml, `rooms`)."""
    rooms, buildings = rule("rooms"), ground.buildings
    use, area = buildings["use"].astype(str), buildings["area_m2"].to_numpy()
    whole = use.isin([*rooms["public"], *rooms["vacant"], *rooms["simple"]]).to_numpy()
    floor = use.isin(rooms["ground_floor"]).to_numpy() & (area >= rooms["ground_floor_m2"])
    chosen = (whole & (area >= rooms["least_m2"])) | floor
    part = buildings[chosen]
    size = np.where(floor[chosen], float(rooms["ground_floor_m2"]), area[chosen])
    ids = part["building"].to_numpy(dtype=object)
    given = {"candidate": ids, "building": ids, "name": part["name"].astype(str).to_numpy(dtype=object), "area_m2": size}
    return as_table(part.geometry.to_numpy(), "room", given)


def along(
    ground: Ground, spacing_m: float | None = None, allowed: shapely.Geometry | None = None, most: int | None = None
) -> gpd.GeoDataFrame:
    """Spots along walkable edges, at least `spacing_m` apart (rules/siting.toml), inside `allowed` (WGS 84) where it is given.

    `most`: widen the spacing until there are no more than so many.
    """
    rules_, net = rule("spots"), ground.net
    spacing = float(spacing_m or rules_["spacing_m"])
    edges = net.edges
    open_ = passable(edges)
    open_ &= edges["midway"].to_numpy() & (edges["length_m"].to_numpy() > 0)
    good = np.flatnonzero(open_ & ~edges["island"].to_numpy() & ~edges["class"].astype(str).isin(rules_["never_on"]).to_numpy())
    length = edges["length_m"].to_numpy()[good]
    many = np.maximum(np.round(length / spacing), 1).astype(np.intp)
    of = np.repeat(np.arange(len(good)), many)
    share = (np.arange(len(of)) - np.repeat(np.cumsum(many) - many, many) + 0.5) / many[of]
    points = shapely.line_interpolate_point(net.lines[good][of], share, normalized=True)
    x, y = shapely.get_x(points), shapely.get_y(points)
    lon, lat = net.plane.backward(x, y)
    kept = np.ones(len(points), dtype=bool)
    if allowed is not None:
        kept &= shapely.contains_xy(allowed, lon, lat)
    background = ground.tables["background"]
    areas = gpd.GeoSeries(background["geometry"][background["kind"].isin(rules_["never_in"])])
    areas = areas[areas.geom_type.isin(["Polygon", "MultiPolygon"])]
    if len(areas):
        hit, _ = shapely.STRtree(areas.to_numpy()).query(shapely.points(lon, lat), predicate="intersects")
        kept[hit] = False
    rows = np.flatnonzero(kept)
    metres = np.column_stack([x, y])[rows] / net.plane.units_per_metre(y[rows])[:, None]
    chosen = _thin(metres, spacing)
    while most is not None and len(chosen) > most:
        spacing *= max(1.02, (len(chosen) / most) ** 0.5)
        chosen = _thin(metres, spacing)
    rows = rows[chosen]
    names = edges["name"].astype(str).to_numpy()[good[of[rows]]]
    return as_table(shapely.points(np.round(lon[rows], DIGITS), np.round(lat[rows], DIGITS)), "spot", {"name": names})


def _thin(metres: NDArray[np.float64], spacing_m: float) -> NDArray[np.intp]:
    """Points so that none is nearer to an earlier one that stays."""
    if not len(metres):
        return np.empty(0, dtype=np.intp)
    tree = cKDTree(metres)
    gone = np.zeros(len(metres), dtype=bool)
    for one in range(len(metres)):  # whoever comes first stays
        if not gone[one]:
            near = np.asarray(tree.query_ball_point(metres[one], spacing_m * (1 - 1e-9)))
            gone[near[near > one]] = True
    return np.flatnonzero(~gone)
