"""The table of buildings: where people start.

Takes: an `Extract`, the areas around, the plane.   Gives: `buildings` (see rules/tables/buildings.csv), also those where nobody starts.
Never: drops a building silently: what has no outline at all is a finding, what has a broken one is mended and a finding.
"""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from circle import rules
from circle.errors import Findings
from circle.projection import Plane
from circle.sources import geometry
from circle.sources.extract import BuildingTags, Extract

Shapes = NDArray[np.object_]


def outlines(extract: Extract, findings: Findings) -> tuple[NDArray[np.object_], Shapes, list[BuildingTags]]:
    """Id, outline and tags of every building of the extract.

    A way whose ring does not close or crosses itself, or a relation whose rings cannot be assembled, is mended as well as its
    lines allow. A way that is the outer ring of a building relation is that building, and is not counted twice.
    """
    is_way = np.asarray(extract.building_is_way, dtype=bool)
    number = np.asarray(extract.building_id, dtype=np.int64)
    shapes = np.empty(len(number), dtype=object)
    way_rows = np.flatnonzero(is_way)
    shapes[way_rows] = _way_outlines(extract.building_ways.points, extract.building_ways.count, number[way_rows], findings)
    relation_rows = np.flatnonzero(~is_way)
    parts = np.asarray([*extract.building_areas, None], dtype=object)[:-1]
    single = shapely.get_num_geometries(parts) == 1
    shapes[relation_rows] = np.where(single, shapely.get_geometry(parts, 0), parts)
    tags = list(extract.building_tags)

    mended = _broken_relations(extract, set(number[relation_rows].tolist()), findings)
    number = np.append(number, np.asarray([relation for relation, _ in mended], dtype=np.int64))
    is_way = np.append(is_way, np.zeros(len(mended), dtype=bool))
    shapes = np.append(shapes, np.asarray([shape for _, shape in mended] + [None], dtype=object)[:-1])
    tags += [extract.building_relations[relation][0] for relation, _ in mended]

    outer = np.isin(number, np.asarray(extract.building_outers, dtype=np.int64)) & is_way
    ids = np.char.add(np.where(is_way, "way/", "relation/"), number.astype(str)).astype(object)
    findings.extend("sources.same_building", ids[outer], "outer ring of a building relation, counted once as the relation")
    _, first = np.unique((number * 2 + is_way)[::-1], return_index=True)
    last = np.zeros(len(ids), dtype=bool)
    last[len(ids) - 1 - first] = True  # of several versions in one file the last counts
    findings.extend("sources.duplicate_id", ids[~last], "several versions of one building: the last one counts")
    keep = np.flatnonzero(last & ~outer & ~shapely.is_missing(shapes))
    return ids[keep], shapes[keep], [tags[row] for row in keep]


def _way_outlines(coordinates: NDArray[np.float64], counts: NDArray[np.int64], number: NDArray[np.int64], findings: Findings) -> Shapes:
    if not len(counts):
        return np.empty(0, dtype=object)
    ring = geometry.closed(coordinates, counts)
    out = np.empty(len(counts), dtype=object)
    of_line = np.repeat(ring, counts)
    out[ring] = geometry.polygons(coordinates[of_line], counts[ring])
    crossing = np.zeros(len(counts), dtype=bool)
    crossing[ring] = ~geometry.valid(out[ring], coordinates[of_line], counts[ring])
    open_coordinates, open_counts = (
        geometry.close_rings(coordinates[~of_line], counts[~ring]) if (~ring).any() else (coordinates[:0], counts[:0])
    )
    long_enough = open_counts > 3
    open_rows = np.flatnonzero(~ring)
    findings.extend(
        "sources.broken_ring", [f"way/{n}" for n in number[open_rows[long_enough]]], "outline not closed; closed with a straight line"
    )
    findings.extend("sources.broken_ring", [f"way/{n}" for n in number[open_rows[~long_enough]]], "fewer than three corners: no outline")
    out[open_rows[long_enough]] = geometry.polygons(open_coordinates[np.repeat(long_enough, open_counts)], open_counts[long_enough])
    crossing[open_rows[long_enough]] = ~shapely.is_valid(out[open_rows[long_enough]])
    for row in np.flatnonzero(crossing):
        out[row] = geometry.areal(shapely.make_valid(out[row]))
        findings.add(
            "sources.broken_ring", f"way/{number[row]}", "outline crosses itself" + ("; mended" if out[row] is not None else ": no area")
        )
    return out


def _broken_relations(extract: Extract, assembled: set[int], findings: Findings) -> list[tuple[int, shapely.Geometry]]:
    """Outlines, as good as the member ways that are there allow, of building relations that libosmium could not assemble."""
    broken = {relation: ways for relation, (_, ways) in extract.building_relations.items() if relation not in assembled}
    if not broken:
        return []
    known = extract.member_lines
    mended = []
    for relation, ways in broken.items():
        members = shapely.multilinestrings(np.asarray([known[way] for way in ways if way in known], dtype=object))
        shape = geometry.areal(shapely.build_area(members))
        if shape is None:
            shape = geometry.areal(shapely.convex_hull(members))
        absent = sum(way not in known for way in ways)
        code = "sources.incomplete_relation" if absent else "sources.broken_ring"
        what = f"{absent} of {len(ways)} member ways are not in the file" if absent else "the rings do not close or cross each other"
        findings.add(code, f"relation/{relation}", what + ("; mended" if shape is not None else ": no outline"))
        if shape is not None:
            mended.append((relation, shape))
    return mended


def table(ids: NDArray[np.object_], shapes: Shapes, tags: list[BuildingTags], landuse: gpd.GeoDataFrame, plane: Plane) -> gpd.GeoDataFrame:
    """Describe buildings: use, name, storeys, footprint, whether people live there, households.

    `landuse`: areas with a column `residential` (True where people live, False where something else is). Row order is kept; a
    column `starts_walk` says whether anybody starts a walk there, and `centre` is the centre of gravity, a point in degrees.
    """
    use, name, number, storeys, more = (list(column) for column in zip(*tags, strict=True)) if tags else ([], [], [], [], [])
    plain = {value: rules.building_use({"building": value}) for value in set(use)}
    judged = [plain[value] if everything is None else rules.building_use(everything) for value, everything in zip(use, more, strict=True)]
    starts_walk = np.fromiter((verdict.starts_walk for verdict in judged), dtype=bool, count=len(judged))
    lives = np.asarray([verdict.residential for verdict in judged] + [None], dtype=object)[:-1]

    frame = gpd.GeoDataFrame({"building": ids}, geometry=shapes, crs="EPSG:4326")
    frame["name"] = pd.Categorical([title or door or "" for title, door in zip(name, number, strict=True)])
    frame["use"] = pd.Categorical(use)
    frame["levels"] = _number(pd.Series(storeys, dtype=object))
    centres, areas = geometry.measured(shapes, plane)
    scale = plane.units_per_metre_at(shapely.get_y(centres))
    frame["area_m2"] = areas / scale**2
    around = _around(centres, landuse, lives)
    by_use = ~pd.isna(lives)
    by_area = ~by_use & ~pd.isna(around)
    frame["residential"] = np.where(by_use, lives, np.where(by_area, around, assumed_home(frame["area_m2"]))).astype(bool)
    frame["residential_by"] = pd.Categorical(
        np.select([by_use, by_area], ["use", "area"], "assumed"), categories=["use", "area", "assumed"]
    )
    frame["starts_walk"] = starts_walk
    frame["centre"] = centres
    return estimated(frame, _number(pd.Series([None if m is None else m.get("building:flats") for m in more], dtype=object)))


def assumed_home(area_m2: pd.Series | NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether a building of which nothing is known counts as a home: unless it is larger than homes are (rules/settings.toml [homes])."""
    return np.asarray(area_m2, dtype=float) <= rules.settings("homes")["unknown_most_m2"]


def _number(texts: pd.Series) -> pd.Series:
    """Numbers at the head of texts such as `6`, `6;7` or `2.5`; missing where there is none. Mapped values that are absurd are missing."""
    numbers = pd.Series(np.nan, index=texts.index, dtype=float)
    mapped = texts.dropna()
    if len(mapped):
        found = pd.to_numeric(mapped.astype(str).str.extract(r"^\s*(\d{1,4}(?:\.\d{1,2})?)")[0], errors="coerce")
        numbers.loc[found.index] = found
    return numbers


def _around(centres: Shapes, landuse: gpd.GeoDataFrame, lives: NDArray[np.object_]) -> NDArray[np.object_]:
    """What the smallest area around each building says; None where no area says anything. Only asked where the use does not tell."""
    out = np.full(len(centres), None, dtype=object)
    asked = np.flatnonzero(pd.isna(lives))
    if not len(landuse) or not len(asked):
        return out
    areas = landuse.geometry.to_numpy()
    area, point = shapely.STRtree(centres[asked]).query(areas, predicate="contains")
    size = shapely.area(areas)
    order = np.lexsort((size[area], point))
    point, area = point[order], area[order]
    first = np.flatnonzero(np.r_[True, point[1:] != point[:-1]]) if len(point) else point
    out[asked[point[first]]] = landuse["residential"].to_numpy(dtype=object)[area[first]]
    return out


def estimated(frame: gpd.GeoDataFrame, flats: pd.Series) -> gpd.GeoDataFrame:
    """Households: mapped flats, else footprint × storeys × net share / floor area of a dwelling (rules/settings.toml [households])."""
    rule = rules.settings("households")
    guess = np.where(frame["area_m2"] < rule["house_max_m2"], rule["levels_house"], rule["levels_apartments"])
    storeys = frame["levels"].fillna(pd.Series(guess, index=frame.index)).clip(lower=1)
    estimate = np.maximum(1.0, np.round(frame["area_m2"] * storeys * rule["share_lived_in"] / rule["dwelling_m2"]))
    households = np.where(frame["residential"], flats.fillna(estimate), 0.0)
    return frame.assign(
        households=households,
        population=households * rule["persons_per_household"],
        households_by=pd.Categorical(
            np.select([~frame["residential"], flats.notna()], ["none", "flats"], "estimate"),
            categories=["ledger", "flats", "estimate", "none"],
        ),
    )
