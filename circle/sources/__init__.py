"""Sources: the only door to OSM, the wire and foreign formats.

Takes: a file.   Gives: a `Place`, the tables that every later stage works on.
Never: knows of networks, minutes or verdicts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from circle import rules
from circle.errors import Findings, PlaceError
from circle.projection import Plane
from circle.schema import zone_column
from circle.sources import buildings as building_table
from circle.sources import facilities as facility_table
from circle.sources import geometry, integrity, osm, snapshot, surroundings
from circle.sources.barriers import Enclosure, enclosure
from circle.sources.extract import BuildingTags, Extract
from circle.sources.lines import Lines

__all__ = ["Enclosure", "Place", "digest", "read"]


@dataclass(frozen=True, slots=True)
class Place:
    """The tables of a study area, as read from its source.

    Attributes
    ----------
    ways
        One row per stretch of walkable way: `way`, `name`, `class`, `access`, `forward`, `backward`, `square`, `raised`, `road`, `stop`,
        `level` (as in `rules.Passage`), `count` (its points).
    vertices
        One row per point of those ways, in order: `node` (OSM id), `lon`, `lat`.
    buildings, facilities, zones, background
        As declared in rules/tables; `buildings` also with the column `starts_walk`.
    doors
        Entrances: `id`, `home`, `visit`, point.
    stops
        Nodes at which one waits: `node`, `kind` (`signals`, `elevator`).
    extent
        West, south, east, north of the data in degrees; `extent_from` is `header` or `data`.
    enclosure
        What closes places: barriers, gates and compounds, as declared in rules/tables.
    """

    ways: pd.DataFrame
    vertices: pd.DataFrame
    buildings: gpd.GeoDataFrame
    facilities: gpd.GeoDataFrame
    doors: gpd.GeoDataFrame
    zones: gpd.GeoDataFrame
    background: gpd.GeoDataFrame
    extent: tuple[float, float, float, float]
    extent_from: str
    data_date: str | None
    synthetic: bool
    findings: Findings
    stops: pd.DataFrame = field(default_factory=lambda: pd.DataFrame({"node": np.empty(0, dtype=np.int64), "kind": []}))
    enclosure: Enclosure = field(default_factory=Enclosure)

    @property
    def plane(self) -> Plane:
        """The plane that this place is measured on."""
        return Plane.of_box(self.extent)


def digest(path: Path) -> str:
    """SHA-256 of a file, as hexadecimal text."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def read(path: Path, services: Collection[str], progress: Callable[[int], None] | None = None) -> Place:
    """Read an OpenStreetMap file into the tables of a place.

    Parameters
    ----------
    path
        `.osm.pbf`, `.osm`, `.osm.gz` or `.osm.bz2`, or a snapshot that `circle fetch` wrote (`.gpkg`).
    services
        Services that facilities are wanted for.
    progress
        Called now and then with the number of objects seen.

    Raises
    ------
    SourceError
        The file is missing, empty, cut, damaged or not what its name says.
    PlaceError
        It holds no buildings or nothing to walk on.
    """
    findings, extract = _extract(path, services, progress)
    integrity.judge(path, extract, findings)
    ids, outlines, tags = building_table.outlines(extract, findings)
    ways, vertices = _ways(extract)
    extent = extract.box or _extent(outlines, extract.walks.points)
    plane = Plane.of_box(extent)
    around = surroundings.shapes(extract, findings)
    barred, shut = _barrier_roads(extract), _closed_roads(extract)
    extract.walks, extract.building_ways = Lines(), Lines()  # what tables were made of is as large as the tables: it goes before more are
    extract.points, extract.lines, extract.areas = [], [], []
    table = building_table.table(ids, outlines, tags, surroundings.landuse(around), plane)
    offering = around[around["offers"].to_numpy(dtype=bool)]
    candidates = [
        facility_table.Candidate(*row) for row in zip(offering["id"], offering["tags"], offering["kind"], offering.geometry, strict=True)
    ]
    candidates += _named_buildings(ids, outlines, tags)
    with ThreadPoolExecutor(1) as beside:  # facilities are told from names, walls from shapes: neither waits for the other
        offered = beside.submit(facility_table.table, candidates, services, plane, findings)
        closed = ~table["starts_walk"].to_numpy(dtype=bool)
        closed[closed] = [
            not rules.open_building(more or {"building": use}) for use, *_, more in (tags[row] for row in np.flatnonzero(closed))
        ]
        closed_buildings = table[closed].drop(columns="centre")
        table = table[table["starts_walk"]].drop(columns="starts_walk").sort_values("building", kind="stable").reset_index(drop=True)
        centres = table.pop("centre").to_numpy(dtype=object)
        zones = surroundings.zones(around)
        walls = enclosure(around, barred, table, closed_buildings, plane)
        facilities = offered.result()
    for layer, zone in surroundings.inside(centres, _with_compounds(zones, walls)).items():
        table[zone_column(layer)] = pd.Categorical(zone)
    if "compound" not in table:
        table["compound"] = pd.Categorical([""] * len(table))
    if not len(table):
        raise PlaceError(
            f"{path} holds no building that anybody could start a walk from. Use an extract with buildings, or add them from a table."
        )
    return Place(
        ways=ways,
        vertices=vertices,
        buildings=table,
        facilities=facilities,
        doors=surroundings.doors(around),
        zones=zones,
        background=surroundings.background(around, shut),
        extent=extent,
        extent_from="header" if extract.box else "data",
        data_date=extract.data_date,
        synthetic=extract.synthetic,
        findings=findings,
        stops=pd.DataFrame({"node": np.asarray(extract.stop_refs, dtype=np.int64), "kind": pd.Categorical(extract.stop_kinds)}),
        enclosure=walls,
    )


def _extract(path: Path, services: Collection[str], progress: Callable[[int], None] | None) -> tuple[Findings, Extract]:
    """The objects of a file, or of a snapshot: one reader for both."""
    if path.suffix.lower() == ".gpkg" and path.is_file():
        with snapshot.as_osm(path) as plain:
            extract = osm.read(plain, services, progress)
        findings = Findings()
    else:
        findings = integrity.inspect(path)
        extract = osm.read(path, services, progress)
    findings.items.extend(extract.findings.items)
    return findings, extract


def _with_compounds(zones: gpd.GeoDataFrame, walls: Enclosure) -> gpd.GeoDataFrame:
    """Zones and every compound, also one without a name."""
    found = walls.compounds
    more = gpd.GeoDataFrame({"layer": "compound", "zone": found["compound"].astype(object)}, geometry=found.geometry, crs="EPSG:4326")
    others = zones.loc[zones["layer"] != "compound", ["layer", "zone", "geometry"]]
    return pd.concat([part for part in (others, more) if len(part)] or [others], ignore_index=True)


def _barrier_roads(extract: Extract) -> gpd.GeoDataFrame:
    """Motorways and the like on the ground, and the halves of dual carriageways, which one walks along: no leg crosses them."""
    walks = extract.walks
    kinds = [rules.barrier_kind(dict(combo)) for combo in extract.combos]
    kind = np.asarray([*kinds, None], dtype=object)[extract.walk_combo]
    shown = np.asarray([k is not None for k in kind], dtype=bool)
    lines = geometry.lines(walks.points[np.repeat(shown, walks.count)], walks.count[shown])
    names = np.asarray(extract.walk_name, dtype=object)[shown]
    ids = [f"way/{way}" for way in walks.id[shown]]
    return gpd.GeoDataFrame({"barrier": ids, "kind": kind[shown], "name": names}, geometry=lines, crs="EPSG:4326")


def _extent(outlines: np.ndarray, coordinates: np.ndarray) -> tuple[float, float, float, float]:
    bounds = shapely.total_bounds(outlines) if len(outlines) else np.full(4, np.nan)
    low = np.fmin(bounds[:2], coordinates.min(axis=0))
    high = np.fmax(bounds[2:], coordinates.max(axis=0))
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])


def _judge(extract: Extract) -> list[rules.Passage]:
    """What each combination of walking tags means; every combination is judged once."""
    return [rules.walkability(dict(combo)) for combo in extract.combos]


def _closed_roads(extract: Extract) -> gpd.GeoDataFrame:
    """Ways that nobody may walk and that the map draws all the same."""
    walks = extract.walks
    kinds = [rules.background_kind(dict(combo)) or "" for combo in extract.combos]
    kind = np.asarray([*kinds, ""], dtype=object)[extract.walk_combo]
    shown = kind != ""
    lines = geometry.lines(walks.points[np.repeat(shown, walks.count)], walks.count[shown])
    names = np.asarray(extract.walk_name, dtype=object)[shown]
    return gpd.GeoDataFrame({"kind": kind[shown], "name": names}, geometry=lines, crs="EPSG:4326")


def _ways(extract: Extract) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Ways and vertices. Ways that nobody may walk are left out here."""
    walks, combo = extract.walks, extract.walk_combo
    passages = _judge(extract)
    walkable = np.asarray([p.walkable for p in passages], dtype=bool)[combo] if len(combo) else np.empty(0, dtype=bool)
    kept = combo[walkable]

    def judged(attribute: str) -> np.ndarray:
        return np.asarray([getattr(p, attribute) for p in passages])[kept] if len(kept) else np.empty(0, dtype=object)

    ways = pd.DataFrame(
        {
            "way": walks.id[walkable],
            "name": pd.Categorical(pd.Series(extract.walk_name, dtype=object)[walkable]),
            "class": pd.Categorical(judged("way_class")),
            "access": pd.Categorical(judged("access"), categories=rules.ACCESS),
            "forward": judged("forward"),
            "backward": judged("backward"),
            "square": judged("area"),
            "raised": judged("raised"),
            "road": pd.Categorical(judged("road")),
            "stop": pd.Categorical(judged("stop")),
            "level": pd.Categorical(judged("level")),
            "count": walks.count[walkable],
        }
    )
    of_vertex = np.repeat(walkable, walks.count)
    lon, lat = walks.points[of_vertex].T
    vertices = pd.DataFrame({"node": walks.refs[of_vertex], "lon": lon.copy(), "lat": lat.copy()})
    rings = [
        (relation, passages[code], ring) for relation, code, rings in extract.square_rings if passages[code].walkable for ring in rings
    ]
    return _with_squares(ways, vertices, rings) if rings else (ways, vertices)


def _with_squares(
    ways: pd.DataFrame, vertices: pd.DataFrame, rings: list[tuple[int, rules.Passage, list[tuple[int, float, float]]]]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Ways and vertices with the rings of squares that are relations: each ring a way, numbered with the relation's number below zero."""
    more = pd.DataFrame(
        {
            "way": [-relation for relation, _, _ in rings],
            "name": "",
            "class": [p.way_class for _, p, _ in rings],
            "access": [p.access for _, p, _ in rings],
            "forward": True,
            "backward": True,
            "square": True,
            "raised": [p.raised for _, p, _ in rings],
            "road": "",
            "stop": "",
            "level": [p.level for _, p, _ in rings],
            "count": [len(ring) for _, _, ring in rings],
        }
    )
    for column in ("name", "class", "road", "stop", "level", "access"):
        known = rules.ACCESS if column == "access" else sorted({*ways[column].cat.categories, *more[column]})
        kind = pd.CategoricalDtype(pd.Index(known, dtype=ways[column].cat.categories.dtype))
        ways[column], more[column] = ways[column].astype(kind), more[column].astype(kind)
    ways = pd.concat([ways, more], ignore_index=True)
    points = pd.DataFrame([point for _, _, ring in rings for point in ring], columns=["node", "lon", "lat"])
    return ways, pd.concat([vertices, points], ignore_index=True)


def _named_buildings(ids: np.ndarray, outlines: np.ndarray, tags: list[BuildingTags]) -> list[facility_table.Candidate]:
    """Buildings with a name or a tag that may make them a facility: in China many a service centre is a bare `building=yes` with a name."""
    return [
        facility_table.Candidate(identity, more, "area", shape)
        for identity, shape, (*_, more) in zip(ids, outlines, tags, strict=True)
        if more is not None
    ]
