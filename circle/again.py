"""Again: what bars the way, asked again only where a changed facility may give another answer.

Takes: tables of a run, where facilities came, moved or closed.   Gives: the reasons and barriers that `reasons.Openings` would give.
Never: puts on the plane what lies out of reach of those who are asked, or lets that show: the answer is that of the whole place.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from circle import access, gaps, reasons, restored, rules, schema
from circle.projection import Plane
from circle.units import limit_metres, limit_seconds

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Bools = NDArray[np.bool_]
Shapes = NDArray[np.object_]
Box = tuple[float, float, float, float]

HAIR = 1.001  # boxes and reaches are taken a thousandth wider than arithmetic asks


def within(table: gpd.GeoDataFrame, box: Box) -> Bools:
    """Rows whose shapes meet a box in degrees (west, south, east, north)."""
    west, south, east, north = shapely.bounds(table.geometry.to_numpy()).T
    return np.asarray((west <= box[2]) & (east >= box[0]) & (south <= box[3]) & (north >= box[1]))


class Near(reasons.Openings):
    """The openings of a part of a place: passages are tied to edges by the rows that they have in the whole.

    `outlines`: the run's buildings on the plane `on`. Spots are tried in `box` (west, south, east, north, on that plane); what lies within
    three times the width of the widest passage around it is looked at.
    """

    def __init__(self, tables: Mapping[str, Any], outlines: Shapes, on: Plane, box: Floats) -> None:
        widest = max(float(each) for each in rules.settings("passage_width_m").values())
        more = 3 * widest * float(on.units_per_metre(box[1::2]).max()) * np.asarray([-1, -1, 1, 1])
        lon, lat = on.backward(*(box + more).reshape(2, 2).T)
        around = (float(lon[0]), float(lat[0]), float(lon[1]), float(lat[1]))
        self._rows = np.flatnonzero(within(tables["edges"], around))
        network = restored.network(tables["nodes"], tables["edges"], on, self._rows)
        barriers = tables["barriers"]
        super().__init__(barriers[within(barriers, around)], network, outlines[within(tables["buildings"], around)], box)

    def _try(self, rows: Ints) -> reasons.Passages:
        found = super()._try(rows)
        near, far = (replace(tie, edge=self._rows[tie.edge]) for tie in (found.near, found.far))
        return replace(found, near=near, far=far)


class Again(reasons.Openings):
    """Openings that are asked again only for buildings that a changed facility is near enough to.

    What one opened barrier would do for a building hangs on walks within the limit, and no such walk leads farther, in a straight line,
    than the fastest way of the network allows. Beyond that the run's own answer stands.

    Parameters
    ----------
    tables
        Those of the run; its network is that of the case.
    outlines, setting
        Its buildings on the plane `on`, and where they stand.
    moved
        Where facilities stood or stand that came, moved or closed: `service` and shapes in degrees.
    """

    def __init__(self, tables: Mapping[str, Any], outlines: Shapes, setting: gaps.Setting, moved: gpd.GeoDataFrame, on: Plane) -> None:
        self._tables, self._outlines, self._setting, self._plane = tables, outlines, setting, on
        self._moved = {str(service): on.project(part.geometry.to_numpy()) for service, part in moved.groupby("service")}
        edges = tables["edges"]
        least = np.minimum(edges["seconds_forward"].to_numpy(), edges["seconds_backward"].to_numpy())
        walked = np.isfinite(least) & (least > 0)
        self._pace = float((edges["length_m"].to_numpy()[walked] / least[walked]).max(initial=0.0))

    def blame(
        self, told: pd.DataFrame, service: reasons.Service, homes: reasons.Homes, graph: access.Graph, speed_m_per_s: float
    ) -> pd.DataFrame:
        """As `Openings.blame` says of all buildings."""
        reason, barrier = f"reason_{service.name}", f"barrier_{service.name}"
        before = self._tables["buildings"]
        known = barrier in before
        old = before[reason].astype(str).to_numpy()
        now = told[reason].astype(str).to_numpy(dtype=object).copy()
        asked = np.isin(now, ["detour", "island"])
        near = self._near(service, max(self._pace, speed_m_per_s))
        kept = asked & ~near & np.isin(old, ["detour", "island", "barrier"]) if known else np.zeros(len(told), dtype=bool)
        name = np.full(len(told), "", dtype=object)
        was = kept & (old == "barrier")
        if was.any():
            now[was], name[was] = "barrier", before[barrier].astype(str).to_numpy()[was]
        rows = np.flatnonzero(asked & ~kept)
        if len(rows):
            reach_m = limit_seconds(service.limit_min) * max(self._pace, speed_m_per_s)
            box = self._box(rows, min(reach_m, 2 * limit_metres(service.limit_min, speed_m_per_s)))
            part = Near(self._tables, self._outlines, self._plane, box)
            good, opened = part.mend(homes.take(rows), service, graph, speed_m_per_s)
            now[rows[good]], name[rows[good]] = "barrier", part.ids[opened]
        words = sorted(set(name.tolist()) - {""})
        codes = pd.Index([*words, ""]).get_indexer(pd.Index(name))
        said = schema.coded(pd.Index(gaps.REASONS).get_indexer(pd.Index(now)), list(gaps.REASONS))
        return told.assign(**{reason: said, barrier: schema.coded(codes, [*words, ""])})

    def _near(self, service: reasons.Service, fastest_m_per_s: float) -> Bools:
        """Buildings that a changed facility of the service lies within the limit of, as the crow flies at the pace of the fastest way."""
        reach = limit_seconds(service.limit_min) * fastest_m_per_s * self._setting.units * HAIR
        out = np.zeros(len(reach), dtype=bool)
        for shape in self._moved.get(service.name, ()):
            out |= shapely.distance(self._setting.starts, shape) <= reach
        return out

    def _box(self, rows: Ints, reach_m: float) -> Floats:
        """The box on the plane in which every spot lies that some buildings can walk to within `reach_m`."""
        west, south, east, north = shapely.total_bounds(self._setting.starts[rows])
        more = reach_m * float(self._plane.units_per_metre(np.asarray([south, north])).max()) * HAIR
        return np.asarray([west - more, south - more, east + more, north + more])
