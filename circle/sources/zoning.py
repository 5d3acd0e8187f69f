"""Zones of the planner's: polygons of grids, communities and compounds, or a column that says which building belongs to which.

Takes: located layers, the buildings of a place.   Gives: the table of zones, and the buildings with a column for each layer.
Never: lets a building belong to two zones of one layer: the smallest decides.
"""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from circle.errors import Findings, SourceError
from circle.schema import zone_column
from circle.sources import columns, ledger, surroundings
from circle.sources.located import PLACED, Located

WANTED = ("id", "name", "grid", "community", "compound", "number", "zone")
KINDS = ("grid", "community", "compound", "zone")
_WORDS = {"grid": ("网格", "grid"), "community": ("社区", "community"), "compound": ("小区", "compound", "estate")}


def kind(table: Located) -> str:
    """What a layer of polygons shows: by the columns that it has, else by the name of file or layer."""
    for each in KINDS:
        if each in table.frame:
            return each
    label = table.label.casefold()
    return next((each for each, words in _WORDS.items() if any(word in label for word in words)), "zone")


def wider(table: Located) -> list[str]:
    """Layers that a layer of polygons is made of too: a grid says its community, and so its polygons are the communities'."""
    own = kind(table)
    return [] if own == "compound" else [each for each in ("community", "zone") if each in table.frame and each != own]


def _numbered(table: Located, layer: str, zone: pd.Series) -> pd.Series:
    """Zones by their community too, where one number stands in several: 第1网格 of 甲社区 is not that of 乙社区."""
    if layer != "grid" or "community" not in table.frame:
        return zone
    community = columns.scrubbed(columns.texts(table.frame, "community"))
    where = pd.DataFrame({"zone": zone, "community": community})
    where = where[(zone != "") & (community != "")]
    twice = where.drop_duplicates()["zone"].duplicated().any()
    return (community + " " + zone).str.strip().where(zone != "", "") if twice else zone


def polygons(table: Located, findings: Findings) -> gpd.GeoDataFrame:
    """Zones of a layer of polygons, and of the `wider` ones: `layer`, `zone`, `name`, geometry. Parts of one zone are one.

    Raises
    ------
    SourceError
        The layer holds no area.
    """
    layer = kind(table)
    frame = table.frame
    name = columns.scrubbed(columns.texts(frame, "name"))
    name = name.where(name != "", columns.texts(frame, layer))
    zone = columns.texts(frame, "id") if "id" in frame else columns.texts(frame, layer)
    keyed = _numbered(table, layer, zone.where(zone != "", name))
    name = name.where(keyed == zone.where(zone != "", name), _numbered(table, layer, name))
    zone = keyed
    lines = table.reading.sheet.line.astype(str).to_numpy()
    stem = Path(table.label).stem
    zone = pd.Series(np.where(zone == "", np.char.add(f"{stem}/", lines.astype(str)), zone.to_numpy(dtype=object)), dtype=object)
    areal = np.isin(shapely.get_type_id(table.shapes), (3, 6))
    findings.extend("tables.no_location", table.rows(~areal), "no area")
    if not areal.any():
        raise SourceError(
            f"{table.label}: it holds no area. Zones are polygons, or a table that says which 小区 or building belongs to which."
        )
    parts = [pd.DataFrame({"layer": layer, "zone": zone, "name": name, "row": np.arange(len(frame))})]
    for each in wider(table):
        texts = columns.scrubbed(columns.texts(frame, each))
        parts.append(pd.DataFrame({"layer": each, "zone": texts, "name": texts, "row": np.arange(len(frame))})[(texts != "").to_numpy()])
    all_ = pd.concat(parts, ignore_index=True)
    all_ = all_[areal[all_["row"]]]
    made = gpd.GeoDataFrame(all_[["layer", "zone", "name"]], geometry=table.shapes[all_["row"]], crs="EPSG:4326")
    table.reading.leave(set(frame.columns) - {"id", "name", layer, *wider(table), *PLACED})
    return made.dissolve(by=["layer", "zone"], as_index=False, sort=True)[["layer", "zone", "name", "geometry"]]


def is_map(table: Located) -> bool:
    """Whether a table of zones has shapes of its own."""
    return bool(np.isin(shapely.get_type_id(table.shapes), (3, 6)).any())


def assigned(buildings: gpd.GeoDataFrame, zones: gpd.GeoDataFrame, new: gpd.GeoDataFrame) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]:
    """Buildings and zones with layers of polygons added. A layer replaces the map's own of that name; compounds are added to them."""
    layers = set(new["layer"])
    kept = zones[~zones["layer"].isin(layers - {"compound"})]
    both = pd.concat([part for part in (kept, new) if len(part)], ignore_index=True)
    both = gpd.GeoDataFrame(both, geometry="geometry", crs="EPSG:4326").sort_values(["layer", "zone"], kind="stable").reset_index(drop=True)
    out = buildings.copy()
    middles = shapely.centroid(out.geometry.to_numpy())
    for layer, zone in surroundings.inside(middles, both[both["layer"].isin(layers)]).items():
        out[zone_column(layer)] = pd.Categorical(zone)
    return out, both


def said(
    buildings: gpd.GeoDataFrame, zones: gpd.GeoDataFrame, table: Located, rows: tuple[NDArray[np.intp], dict[int, NDArray[np.intp]]]
) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]:
    """Buildings and zones by the columns of a ledger: 网格, 社区, 小区; a zone is drawn around the buildings that it holds."""
    found, shared = rows
    out, new = buildings.copy(), []
    for layer in KINDS:
        if layer not in table.frame:
            continue
        texts = _numbered(table, layer, columns.scrubbed(columns.texts(table.frame, layer))).to_numpy(dtype=object)
        member = np.full(len(out), "", dtype=object)
        for row in np.flatnonzero(found >= 0)[::-1]:
            member[found[row]] = texts[row] or member[found[row]]
        for row, members in shared.items():
            member[members] = np.where(member[members] == "", texts[row], member[members])
        before = out[zone_column(layer)].astype(object).to_numpy() if zone_column(layer) in out else np.full(len(out), "", dtype=object)
        if layer == "compound":  # the map's own outlines stay; a ledger names the rest
            member = np.where(before != "", "", member)
        drawn = member != ""
        if not drawn.any():
            continue
        mine = _by_name(zones, layer)
        known = [mine.get(ledger.plain(str(text)), text) for text in member[drawn]]
        after = before.copy()
        after[drawn] = known
        out[zone_column(layer)] = pd.Categorical(after)
        new += _hulls(layer, out, after, {zone for zone in known if zone not in set(zones.loc[zones["layer"] == layer, "zone"])})
    if not new:
        return out, zones
    more = gpd.GeoDataFrame(new, geometry="geometry", crs="EPSG:4326")
    both = pd.concat([part for part in (zones, more) if len(part)], ignore_index=True)
    return out, gpd.GeoDataFrame(both, geometry="geometry", crs="EPSG:4326").sort_values(["layer", "zone"]).reset_index(drop=True)


def _by_name(zones: gpd.GeoDataFrame, layer: str) -> dict[str, str]:
    """Zone of each name of a layer that is there already."""
    there = zones[zones["layer"] == layer]
    return {ledger.plain(str(name)): str(zone) for zone, name in zip(there["zone"], there["name"], strict=True) if name}


def _hulls(layer: str, buildings: gpd.GeoDataFrame, zone: NDArray[np.object_], wanted: set[str]) -> list[dict[str, object]]:
    shapes = buildings.geometry.to_numpy()
    return [
        {"layer": layer, "zone": each, "name": each, "geometry": shapely.convex_hull(shapely.union_all(shapes[zone == each]))}
        for each in sorted(wanted)
    ]


__all__ = ["KINDS", "WANTED", "assigned", "is_map", "kind", "polygons", "said"]
