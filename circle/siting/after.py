"""After: the whole run again, as if the plan were built.

Takes: the ground, the stations and passages of a plan.   Gives: the tables of the run afterwards, every minute measured anew.
Never: takes a number over from the model that chose the plan: this is what the choice is checked against.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from circle import access, gaps, linkage
from circle.linkage import Links
from circle.siting.candidates import Candidates
from circle.siting.cut import cut
from circle.siting.demand import let_in
from circle.siting.ground import Ground, only
from circle.units import SECONDS_PER_MINUTE, minutes

Floats = NDArray[np.float64]

PROPOSED = "proposed"
CHANGED_S = 1e-6


def after(ground: Ground, stations: Candidates, passages: gpd.GeoDataFrame, services: tuple[str, ...]) -> dict[str, pd.DataFrame]:
    """All tables of a run with these stations and passages in it.

    Parameters
    ----------
    stations
        What is built; each offers its own services, or all of `services` where it names none.

    Contract: with nothing built, the tables are the run's own; nobody's minutes grow.
    """
    made = cut(ground, passages, opened=True)
    speed, count = ground.speed_m_per_s, len(ground.tables["buildings"])
    facilities = _facilities(ground, stations, services)
    ids = pd.Index(facilities["facility"].drop_duplicates())
    theirs = _joined(made.ground.theirs, made.moved(stations.links), len(ground.goals))
    starts = linkage.project(ground.buildings.geometry.to_numpy(), ground.net)
    setting = _setting(ground, starts)
    places = linkage.project(facilities.geometry.to_numpy(), ground.net)
    buildings = pd.DataFrame(ground.tables["buildings"]).copy()
    for limit in ground.standard.services:
        rows = np.flatnonzero((facilities["service"] == limit.service).to_numpy())
        fresh = (facilities["source"].to_numpy()[rows] == PROPOSED).any()
        if not len(rows) or not (fresh or len(passages)):
            continue
        offered = only(theirs, ids.get_indexer(facilities["facility"].iloc[rows]))
        reach = access.search(made.ground.graph, offered, len(rows), speed, let_in(facilities.iloc[rows]))
        walk = access.measure(made.ground.graph, made.ground.mine, count, offered, reach, speed)
        judged = gaps.judge(limit, walk, places[rows], setting, speed)
        _write(buildings, limit.service, walk, (facilities["facility"].to_numpy()[rows], made.ground.mine, judged))
    worst = gaps.worst(buildings, ground.standard)
    buildings[worst.columns] = worst
    out = dict(ground.tables)
    out["buildings"] = gpd.GeoDataFrame(buildings, geometry="geometry", crs="EPSG:4326")
    out["facilities"] = facilities
    if len(passages):
        out["edges"], out["nodes"] = (
            made.ground.net.edge_table().astype({"access": "category", "class": "category"}),
            made.ground.net.node_table(),
        )
    tied = [("building", made.ground.mine, buildings["building"].tolist()), ("facility", theirs, ids.tolist())]
    out["links"] = linkage.table(tied, made.ground.net)
    zones = gpd.GeoDataFrame(ground.tables["zones"])
    own = zones[zones["layer"].astype(str) != "place"].drop_duplicates(["layer", "zone"])[["layer", "zone", "name", "geometry"]]
    own = own.assign(layer=own["layer"].astype(str))
    out["zones"] = gaps.coverage(out["buildings"], own, shapely.box(*ground.summary["extent"]), ground.standard)
    return out


def _facilities(ground: Ground, stations: Candidates, services: tuple[str, ...]) -> gpd.GeoDataFrame:
    """The facilities of the run, and the stations, once for each service that they offer."""
    old, table = ground.facilities, stations.table
    rows = []
    for row in range(len(stations)):
        for service in [word for word in services if not stations.services(row) or word in stations.services(row)]:
            name = str(table["name"].iloc[row]) or "拟建驿站 proposed station"
            shape = table.geometry.iloc[row]
            rows.append({"facility": f"plan/{table['candidate'].iloc[row]}", "service": service, "name": name, "geometry": shape})
    if not rows:
        return old
    more = gpd.GeoDataFrame(rows, geometry="geometry", crs="EPSG:4326")
    for column in old.columns.difference(list(more.columns)):
        more[column] = True if old[column].dtype == bool else PROPOSED if column == "source" else ""
    plain = old.astype({name: object for name in old.columns if isinstance(old[name].dtype, pd.CategoricalDtype)})
    joined = gpd.GeoDataFrame(pd.concat([plain, more[old.columns]], ignore_index=True), geometry="geometry", crs="EPSG:4326")
    return joined.astype({name: old[name].dtype.name for name in old.columns if isinstance(old[name].dtype, pd.CategoricalDtype)})


def _joined(old: Links, new: Links, first: int) -> Links:
    """Links of the facilities, then those of the stations."""
    return Links(
        *(
            np.concatenate([getattr(old, name), getattr(new, name) + (first if name == "row" else 0)])
            for name in ("row", "edge", "offset_m", "leg_m", "start_x", "start_y", "flag")
        )
    )


def _setting(ground: Ground, starts: NDArray[np.object_]) -> gaps.Setting:
    """Where the buildings stand, from the saved tables."""
    west, south, east, north = shapely.bounds(starts).T
    low_lon, low_lat, high_lon, high_lat = ground.summary["extent"]
    (low_x, high_x), (low_y, high_y) = ground.net.plane.forward(np.asarray([low_lon, high_lon]), np.asarray([low_lat, high_lat]))
    units = ground.net.plane.units_per_metre((south + north) / 2)
    edge = np.minimum.reduce([west - low_x, south - low_y, high_x - east, high_y - north]) / units
    linked = np.zeros(len(starts), dtype=bool)
    linked[ground.mine.row] = True
    island = np.zeros(len(starts), dtype=bool)
    island[ground.mine.row[ground.mine.flag == linkage.FLAGS.index("island")]] = True
    return gaps.Setting(starts, units, np.maximum(edge, 0.0), linked, island)


def _write(buildings: pd.DataFrame, service: str, walk: access.Access, found: tuple[NDArray[np.object_], Links, pd.DataFrame]) -> None:
    """New minutes where they changed; verdicts and reasons of everyone else stay as the run gave them."""
    ids, links, judged = found
    before = buildings[f"minutes_{service}"].to_numpy() * SECONDS_PER_MINUTE
    changed = walk.seconds < before - CHANGED_S
    again = changed | (buildings[f"reason_{service}"].astype(str) == "no_facility").to_numpy()
    leg = np.full(len(before), np.inf)
    taken = walk.link >= 0
    leg[taken] = links.leg_m[walk.link[taken]]
    nearest = np.where(walk.facility >= 0, np.append(ids, "")[walk.facility], "")
    columns: Mapping[str, tuple[Any, NDArray[np.bool_]]] = {
        f"minutes_{service}": (minutes(walk.seconds), changed),
        f"facility_{service}": (nearest, changed),
        f"leg_m_{service}": (leg, changed),
        **{str(name): (judged[name].astype(object if judged[name].dtype != bool else bool).to_numpy(), again) for name in judged.columns},
    }
    if f"barrier_{service}" in buildings:  # whoever walks another way now is not judged by the barrier of the old one
        columns = {**columns, f"barrier_{service}": (np.full(len(before), "", dtype=object), again)}
    for name, (values, rows) in columns.items():
        old = buildings[name]
        plain = old.astype(object).to_numpy().copy() if isinstance(old.dtype, pd.CategoricalDtype) else old.to_numpy().copy()
        plain[rows] = values[rows]
        if name.startswith("verdict_"):
            buildings[name] = pd.Categorical(plain, categories=list(gaps.VERDICTS))
        elif name.startswith("reason_"):
            buildings[name] = pd.Categorical(plain, categories=list(gaps.REASONS))
        elif isinstance(old.dtype, pd.CategoricalDtype):
            buildings[name] = pd.Categorical(plain)
        else:
            buildings[name] = plain


def summary(ground: Ground, tables: Mapping[str, pd.DataFrame]) -> dict[str, Any]:
    """`summary.json` of the run afterwards."""
    said = dict(ground.summary)
    offered = tables["facilities"]["service"].value_counts()
    counts = dict(said["counts"])
    counts["facilities"] = {limit.service: int(offered.get(limit.service, 0)) for limit in ground.standard.services}
    counts |= {"nodes": len(tables["nodes"]), "edges": len(tables["edges"])}
    shares, counted = gaps.shares(tables["buildings"], ground.standard), gaps.counts(tables["buildings"], ground.standard)
    return {**said, "counts": counts, "shares": shares, **counted}
