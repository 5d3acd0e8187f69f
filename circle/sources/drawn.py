"""Outlines of a planner's that the map lacks, as buildings of the place.

Takes: located outlines, the place's buildings.   Gives: rows to add to `buildings`.
Never: adds an outline that the map has already, or a shed that nobody starts a walk from.
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
from circle.rules import columns as words
from circle.sources import buildings as building_table
from circle.sources import columns
from circle.sources.crs_guess import Ground
from circle.sources.located import Located, ids

_STOREY_M = 2.9


def added(table: Located, which: NDArray[np.bool_], ground: Ground, findings: Findings) -> gpd.GeoDataFrame:
    """Buildings from the outlines `which` of a table, with ids `FILE/id`; numbers of people are estimated from floor area."""
    shapes = table.shapes.copy()
    middles = shapely.point_on_surface(shapes)
    areal = which & np.isin(shapely.get_type_id(shapes), (3, 6))
    inside = ground.inside(shapely.get_x(middles), shapely.get_y(middles))
    outside = areal & ~inside
    if outside.any():
        findings.add("tables.outside", table.label, f"{outside.sum()} outlines lie where the map has no data")
    use = columns.texts(table.frame, "use").map(lambda text: words.word("use", text) or "yes").to_numpy(dtype=object)
    uses = {each: rules.building_use({"building": each}) for each in dict.fromkeys(use)}
    meant = [uses[each] for each in use]
    starts = np.asarray([one.starts_walk for one in meant], dtype=bool)
    rows = np.flatnonzero(areal & inside & starts)
    frame = table.frame.iloc[rows].reset_index(drop=True)
    drawn = shapes[rows]
    lives = [meant[row].residential for row in rows]
    out = gpd.GeoDataFrame({"building": ids(table, rows)}, geometry=drawn, crs="EPSG:4326")
    name, door = columns.scrubbed(columns.texts(frame, "name")), columns.texts(frame, "number")
    out["name"] = name.where(name != "", door).to_numpy(dtype=object)
    out["use"] = use[rows]
    levels = columns.counts(frame, "levels")
    height = np.floor(columns.counts(frame, "height") / _STOREY_M + 0.5).clip(lower=1)
    out["levels"] = levels.where(levels > 0, height).to_numpy(dtype=float)
    out["area_m2"] = _area(drawn, ground.plane)
    unsaid = np.asarray([one is None for one in lives], dtype=bool)
    homes = np.asarray([one is True for one in lives], dtype=bool)
    out["residential"] = np.where(unsaid, building_table.assumed_home(out["area_m2"]), homes)
    out["residential_by"] = pd.Categorical(np.where(unsaid, "assumed", "use"), categories=["use", "area", "assumed"])
    return building_table.estimated(out, pd.Series(np.nan, index=out.index)).assign(compound="")


def _area(shapes: NDArray[np.object_], plane: Plane) -> NDArray[np.float64]:
    scale = plane.units_per_metre_at(shapely.get_y(shapely.centroid(shapes)))
    return np.asarray(shapely.area(plane.project(shapes)) / scale**2)
