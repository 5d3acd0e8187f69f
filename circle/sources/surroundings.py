"""What lies around: landuse, zones, doors, and the background of the map.

Takes: the shapes of an `Extract`.   Gives: tables of landuse, zones, doors and background, in WGS 84.
Never: judges walking or services.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from circle import rules
from circle.errors import Findings
from circle.sources import geometry
from circle.sources.extract import Extract, Shape

CRS = "EPSG:4326"


def shapes(extract: Extract, findings: Findings) -> gpd.GeoDataFrame:
    """Points, lines and areas of an extract as one table: `id`, `tags`, `kind` (point, line, area), geometry.

    A closed line is an area. One that crosses itself is mended and a finding; where no area is left it stays a line, which is a finding
    where only an area makes sense.
    """
    both = [*extract.lines, *extract.areas]
    raw = np.asarray([*(s.shape for s in (*extract.points, *both)), None], dtype=object)[:-1]
    kinds = np.asarray(["point"] * len(extract.points) + ["line"] * len(extract.lines) + ["area"] * len(extract.areas), dtype=object)
    rings = np.asarray([row for row, s in enumerate(extract.lines, start=len(extract.points)) if s.closed and _areal(s)], dtype=np.intp)
    rings = rings[shapely.get_num_points(raw[rings]) > 3]
    points, ring = shapely.get_coordinates(raw[rings], return_index=True)
    polygons = shapely.polygons(shapely.linearrings(points, indices=ring)) if len(rings) else raw[rings]
    for row in np.flatnonzero(~geometry.valid(polygons, points, np.bincount(ring, minlength=len(rings)))):
        polygons[row] = geometry.areal(shapely.make_valid(polygons[row]))
        if polygons[row] is not None:
            crossing = extract.lines[rings[row] - len(extract.points)].id
            findings.add("sources.broken_ring", crossing, "a closed way that crosses itself; mended")
    drawn = ~shapely.is_missing(polygons)
    raw[rings[drawn]] = polygons[drawn]
    kinds[rings[drawn]] = "area"
    open_ = [s.id for s, kind in zip(extract.lines, kinds[len(extract.points) :], strict=False) if kind == "line" and "landuse" in s.tags]
    findings.extend("sources.broken_ring", open_, "an outline of landuse that encloses nothing; taken as a line")
    for number, (_, ways) in sorted(extract.area_relations.items()):
        absent = sum(way not in extract.member_lines for way in ways)
        if absent:
            what = f"{absent} of {len(ways)} member ways are not whole in the file: no area"
            findings.add("sources.incomplete_relation", f"relation/{number}", what)
        else:
            findings.add("sources.broken_ring", f"relation/{number}", "an area whose rings do not close or cross each other")
    everything = [*extract.points, *both]
    return gpd.GeoDataFrame(
        {
            "id": [s.id for s in everything],
            "tags": pd.Series([s.tags for s in everything], dtype=object),
            "kind": kinds,
            "offers": np.asarray([s.offers for s in everything], dtype=bool),
        },
        geometry=raw,
        crs=CRS,
    )


def _areal(shape: Shape) -> bool:
    """Whether a closed way means an area: most do; a fence, wall or railway loop does not."""
    return not (shape.tags.keys() & {"barrier", "railway", "aeroway"}) or bool(
        shape.tags.keys() & {"landuse", "leisure", "natural", "amenity", "shop"}
    )


def judged(tags: pd.Series, rule: Callable[[dict[str, str]], Any], keys: tuple[str, ...]) -> pd.Series:
    """What a rule says of each object's tags; objects that are alike in the keys that it looks at are judged once."""
    known: dict[tuple[str | None, ...], Any] = {}
    same: dict[int, Any] = {}  # objects with all tags the same share one dictionary (`Tags.dictionaries`)
    out = []
    for each in tags:
        number = id(each)
        if number not in same:
            alike = tuple(map(each.get, keys))
            if alike not in known:
                known[alike] = rule(each)
            same[number] = known[alike]
        out.append(same[number])
    return pd.Series(out, index=tags.index, dtype=object)


def landuse(shapes: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Areas that tell whether people live in them: column `residential` (True or False)."""
    areas = shapes[shapes["kind"] == "area"]
    says = judged(areas["tags"], rules.area_use, rules.area_use_keys())
    known = says.notna()
    return gpd.GeoDataFrame({"id": areas["id"][known], "residential": says[known].astype(bool)}, geometry=areas.geometry[known], crs=CRS)


def zones(shapes: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Areas to report by: `layer`, `zone` (OSM id), `name`, geometry; sorted by layer and zone."""
    areas = shapes[shapes["kind"] == "area"]
    layer = judged(areas["tags"], rules.zone_layer, rules.zone_layer_keys())
    known = layer.notna()
    found = areas[known]
    table = gpd.GeoDataFrame(
        {"layer": layer[known], "zone": found["id"], "name": found["tags"].map(lambda tags: tags.get("name", ""))},
        geometry=found.geometry,
        crs=CRS,
    )
    return table.sort_values(["layer", "zone"]).reset_index(drop=True)


def background(shapes: gpd.GeoDataFrame, roads: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """What the map draws behind the buildings: `kind`, `name`, geometry (see rules/tables/background.csv).

    `roads`: ways that nobody may walk, in the same columns; the others are drawn from the network.
    """
    drawn = shapes[shapes["kind"] != "point"]
    kind = judged(drawn["tags"], rules.background_kind, rules.background_keys())
    known = kind.notna()
    found = drawn[known]
    names = found["tags"].map(lambda tags: tags.get("name", ""))
    table = gpd.GeoDataFrame({"kind": kind[known].astype(object), "name": names.astype(object)}, geometry=found.geometry, crs=CRS)
    table = pd.concat([part for part in (table, roads) if len(part)] or [table], ignore_index=True)
    return table.assign(kind=table["kind"].astype("category"), name=table["name"].astype("category"))


def doors(shapes: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Nodes that people go in and out by: `id`, `home` (one starts a walk there), `visit` (visitors are let in there), geometry."""
    points = shapes[shapes["kind"] == "point"]
    points = points[np.fromiter(("entrance" in tags for tags in points["tags"]), dtype=bool, count=len(points))]
    home = points["tags"].map(rules.door).to_numpy(dtype=bool)
    visit = points["tags"].map(lambda tags: rules.door(tags, facility=True)).to_numpy(dtype=bool)
    keep = home | visit
    return gpd.GeoDataFrame(
        {"id": points["id"][keep].astype("str"), "home": home[keep], "visit": visit[keep]}, geometry=points.geometry[keep], crs=CRS
    ).reset_index(drop=True)


def inside(points: NDArray[np.object_], zones: gpd.GeoDataFrame) -> dict[str, NDArray[np.object_]]:
    """For each zone layer, the zone that each point lies in (the smallest one), or an empty string."""
    out: dict[str, NDArray[np.object_]] = {}
    tree = shapely.STRtree(points)
    for layer, group in zones.groupby("layer", sort=True):
        zone, point = tree.query(group.geometry.to_numpy(), predicate="contains")
        order = np.lexsort((shapely.area(group.geometry.to_numpy())[zone], point))
        point, zone = point[order], zone[order]
        first = np.flatnonzero(np.r_[True, point[1:] != point[:-1]]) if len(point) else point
        column = np.full(len(points), "", dtype=object)
        column[point[first]] = group["zone"].to_numpy()[zone[first]]
        out[str(layer)] = column
    return out
