"""The table of facilities: where walks end, each counted once.

Takes: tagged points, lines and areas, the rules.   Gives: `facilities` (see rules/tables/facilities.csv).
Never: takes two kerbs of a bus line for one stop, or two mapped objects of one shop for two.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Literal

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from circle import rules
from circle.errors import Findings
from circle.projection import Plane

COLUMNS = ["facility", "service", "name", "source", "tags", "merged", "visitors"]
_SIZE = {"point": 0, "line": 1, "area": 2}


@dataclass(frozen=True, slots=True)
class Candidate:
    """A tagged object that may be a facility: `kind` is point, line or area."""

    id: str
    tags: dict[str, str]
    kind: Literal["point", "line", "area"]
    shape: shapely.Geometry


def table(candidates: Iterable[Candidate], services: Collection[str], plane: Plane, findings: Findings) -> gpd.GeoDataFrame:
    """Facilities that offer one of `services`, by the service rules, one row per facility and service, sorted by service and id.

    The same facility mapped twice (a node in an area, a node beside its twin, a bus stop's stopping point beside its platform) is
    one row; the others are named in its column `merged`, and each is a finding (`sources.merged_facility`).
    """
    wanted = frozenset(services)
    offers = ((service, each) for each in candidates for service in rules.match_services(each.tags, each.kind, wanted))
    rows = [(service, each, rules.stop_position(each.tags)) for service, each in offers]
    asked = rules.service_keys() - {"name"}
    frame = pd.DataFrame(
        {
            "facility": [c.id for _, c, _ in rows],
            "service": [service for service, _, _ in rows],
            "name": [_name(c.tags) for _, c, _ in rows],
            "source": "osm",
            "tags": ["; ".join(f"{key}={value}" for key, value in c.tags.items() if key in asked) for _, c, _ in rows],
            "visitors": np.asarray([rules.lets_visitors_in(service, c.tags) for service, c, _ in rows], dtype=bool),
            "kind": [_SIZE[c.kind] for _, c, _ in rows],
            "stopping_point": [stop for _, _, stop in rows],
        }
    )
    shapes = np.asarray([c.shape for _, c, _ in rows] + [None], dtype=object)[:-1]
    found = gpd.GeoDataFrame(frame, geometry=shapes, crs="EPSG:4326")
    kept = [once(group, plane, findings) for _, group in found.groupby("service", sort=True)]
    if not kept:
        return gpd.GeoDataFrame(found.assign(merged="")[COLUMNS].astype("str").astype({"visitors": bool}), geometry=shapes, crs="EPSG:4326")
    out = pd.concat(kept).sort_values(["service", "facility"], kind="stable").reset_index(drop=True)
    return gpd.GeoDataFrame(out[COLUMNS], geometry=out.geometry.to_numpy(), crs="EPSG:4326")


def _name(tags: dict[str, str]) -> str:
    return tags.get("name") or tags.get("brand") or ""


def _plain(name: str) -> str:
    """A name as it is compared: width, case and spaces do not matter."""
    return "".join(unicodedata.normalize("NFKC", name).casefold().split())


def once(group: gpd.GeoDataFrame, plane: Plane, findings: Findings) -> gpd.GeoDataFrame:
    """One row per facility of one service: of what is mapped twice the largest object stays, before stopping points, with the least id.

    It takes the name of another where it has none, and names the others in `merged`.
    """
    service = str(group["service"].iloc[0])
    a, b = _twins(group, service, plane)
    _, label = connected_components(coo_array((np.ones(len(a)), (a, b)), shape=(len(group), len(group))), directed=False)
    ids = group["facility"].to_numpy()
    order = np.lexsort((ids.astype(str), -group["kind"].to_numpy(), group["stopping_point"].to_numpy(), label))
    first = order[np.r_[True, label[order][1:] != label[order][:-1]]]
    best: NDArray[np.intp] = np.empty(label.max() + 1, dtype=np.intp)
    best[label[first]] = first
    names = group["name"].to_numpy(dtype=object).copy()
    merged = np.full(len(group), "", dtype=object)
    for row in order:
        keeper = best[label[row]]
        if row == keeper or ids[row] == ids[keeper]:
            continue
        merged[keeper] = f"{merged[keeper]} {ids[row]}".strip()
        names[keeper] = names[keeper] or names[row]
        findings.add("sources.merged_facility", str(ids[row]), f"the same {service} as {ids[keeper]}")
    return group.assign(merged=merged, name=names).iloc[np.sort(first)]


def _twins(group: gpd.GeoDataFrame, service: str, plane: Plane) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Pairs of rows that are one facility, by name, kind and distance (rules/settings.toml, `dedupe`)."""
    rule = {**rules.settings("dedupe"), **rules.settings(f"dedupe_{service}", optional=True)}
    shapes = plane.project(group.geometry.to_numpy())
    scale = float(plane.units_per_metre_at(shapely.get_y(shapely.centroid(group.geometry.to_numpy()))).mean())
    name = group["name"].map(_plain).to_numpy(dtype=object)
    size = group["kind"].to_numpy()
    stopping = group["stopping_point"].to_numpy()
    a, b = shapely.STRtree(shapes).query(shapes, predicate="dwithin", distance=max(rule.values()) * scale)
    a, b = a[a < b], b[a < b]
    metres = shapely.distance(shapes[a], shapes[b]) / scale
    same_name = (name[a] == name[b]) & (name[a] != "")
    one_unnamed = (name[a] == "") | (name[b] == "")
    stops = stopping[a] != stopping[b]
    both_points = (size[a] == _SIZE["point"]) & (size[b] == _SIZE["point"])
    twin = np.where(
        stops,
        (same_name & (metres <= rule["stop_position_m"])) | (one_unnamed & (metres <= rule["unnamed_stop_m"])),
        np.where(
            both_points,
            (same_name & (metres <= rule["same_name_m"])) | (metres <= rule["same_spot_m"]),
            (same_name & (metres <= rule["same_place_m"])) | (one_unnamed & (metres <= rule["inside_m"])),
        ),
    )
    a, b, stops, metres = a[twin], b[twin], stops[twin], metres[twin]
    # A stopping point belongs to its nearest platform only: it must not tie the two kerbs into one stop.
    point = np.where(stopping[a], a, b)
    order = np.lexsort((metres, point))
    nearest = np.zeros(len(a), dtype=bool)
    if len(order):
        ordered = point[order]
        nearest[order[np.r_[True, ordered[1:] != ordered[:-1]]]] = True
    use = ~stops | nearest
    return a[use], b[use]
