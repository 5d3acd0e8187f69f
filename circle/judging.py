"""Judging: minutes and verdicts of every building, service by service.

Takes: a network, links, facilities and where buildings stand (`Case`).   Gives: the columns of each service, and the judged buildings.
Never: reads, builds a network or ties anything to it: whoever has these tables, fresh or saved, gets the same columns from them.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from circle import access, gaps, linkage, reasons, schema, sight, summary
from circle.clock import Clock
from circle.errors import Findings
from circle.extent import metres_to_edge
from circle.projection import Plane
from circle.standards import Limit, Standard
from circle.units import limit_seconds, minutes

Ints = NDArray[np.intp]
Shapes = NDArray[np.object_]
Floats = NDArray[np.float64]
Extent = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Case:
    """What a judgement rests on: `mine` and `theirs` are links of buildings and facilities, `goals` the facilities' doors or outlines.

    `seen` knows which of `mine` cross a wall or a house, and tests them as they are taken; without it their flags say what is known.
    `openings` knows where barriers could be opened; without it no barrier is to blame. `closed`: services that the data have facilities of,
    and a scenario closed them all.
    """

    facilities: pd.DataFrame
    graph: access.Graph
    mine: linkage.Links
    theirs: linkage.Links
    setting: gaps.Setting
    goals: Shapes
    speed_m_per_s: float
    seen: sight.Seen | None = None
    openings: reasons.Openings | None = None
    closed: frozenset[str] = frozenset()


def columns(case: Case, services: Iterable[Limit], findings: Findings, clock: Clock) -> list[pd.DataFrame]:
    """Columns `minutes_S`, `facility_S`, `leg_m_S`, `verdict_S`, `reason_S`, `barrier_S`, `fragile_S` of each service.

    `clock` counts as `reasons` what is still to be waited for when all walks are known.
    """
    made: list[tuple[pd.DataFrame, Future[pd.DataFrame]]] = []
    with ThreadPoolExecutor(1) as beside:  # what bars the way of one service is found while the walks of the next are searched
        for limit in services:
            rows = np.flatnonzero((case.facilities["service"] == limit.service).to_numpy())
            closed = limit.service in case.closed
            if not len(rows) and not closed:
                findings.add("sources.no_facility", "", limit.service)
            with clock.stage("access"):
                offered = case.theirs.of_shapes(rows)
                reach, walk = _walked(limit, rows, offered, case)
            with clock.stage("gaps"):
                walks = _walks(limit.service, walk, case.facilities["facility"].to_numpy()[rows], case.mine)
                told = gaps.judge(limit, walk, case.goals[rows], case.setting, case.speed_m_per_s, closed=closed)
                told = _doubted(limit.service, told, walk, case, offered)
            made.append((walks, beside.submit(_blamed, told, case, reasons.Service(limit.service, limit.limit_min, offered, reach))))
        with clock.stage("reasons"):
            return [columns for walks, told in made for columns in (walks, told.result())]


def _walked(limit: Limit, rows: Ints, offered: linkage.Links, case: Case) -> tuple[access.Reach, access.Access]:
    """The search from some facilities, and the walk of every building to the nearest of them."""
    visitors = case.facilities["visitors"].to_numpy(dtype=bool)[rows]
    reach = access.search(case.graph, offered, len(rows), case.speed_m_per_s, visitors)
    ask_s = limit_seconds(limit.limit_min) + gaps.TOLERANCE_S
    count = len(case.setting.starts)
    return reach, access.measure(case.graph, case.mine, count, offered, reach, case.speed_m_per_s, case.seen, ask_s)


def _blamed(told: pd.DataFrame, case: Case, service: reasons.Service) -> pd.DataFrame:
    """Verdicts with `barrier_S`, and the reason `barrier` where one is to blame."""
    if case.openings is None:
        return told.assign(**{f"barrier_{service.name}": schema.coded(np.zeros(len(told), dtype=np.int8), [""])})
    homes = reasons.Homes(case.setting.starts, case.mine, case.seen)
    return case.openings.blame(told, service, homes, case.graph, case.speed_m_per_s)


def _doubted(service: str, verdicts: pd.DataFrame, walk: access.Access, case: Case, offered: linkage.Links) -> pd.DataFrame:
    """Verdicts that rest on a leg through a wall, of the building or of the facility, are fragile."""
    through = linkage.FLAGS.index("crossing")
    crossing = case.mine.flag == through if case.seen is None else case.seen.state == sight.ALLOWED
    doubtful = (walk.link >= 0) & crossing[walk.link] if len(crossing) else np.zeros(len(walk.link), dtype=bool)
    behind = np.unique(offered.row[offered.flag == through])
    doubtful |= np.isin(walk.facility, behind)
    told = verdicts[f"verdict_{service}"].isin(["met", "gap"]).to_numpy()
    return verdicts.assign(**{f"fragile_{service}": verdicts[f"fragile_{service}"].to_numpy() | (doubtful & told)})


def judged(buildings: gpd.GeoDataFrame, columns: list[pd.DataFrame], standard: Standard) -> gpd.GeoDataFrame:
    """The buildings with their columns and the worst verdict, in the order of the declaration."""
    whole = pd.concat([buildings, *columns], axis=1)
    whole = pd.concat([whole, gaps.worst(whole, standard)], axis=1)
    return gpd.GeoDataFrame(whole[summary.column_order(whole, standard)], geometry="geometry", crs="EPSG:4326")


def setting(extent: Extent, streets: tuple[Floats, Floats] | None, plane: Plane, starts: Shapes, links: linkage.Links) -> gaps.Setting:
    """Where buildings stand: `starts` are doors or outlines on the plane; `extent` and `streets` as in `extent.metres_to_edge`."""
    _, south, _, north = shapely.bounds(starts).T
    units = plane.units_per_metre((south + north) / 2)
    edge = metres_to_edge(starts, plane, extent, streets)
    linked = np.zeros(len(starts), dtype=bool)
    linked[links.row] = True
    island = np.zeros(len(starts), dtype=bool)
    island[links.row[links.flag == linkage.FLAGS.index("island")]] = True
    return gaps.Setting(starts, units, edge, linked, island)


def _walks(service: str, walk: access.Access, ids: NDArray[np.object_], links: linkage.Links) -> pd.DataFrame:
    """`minutes_S`, `facility_S`, `leg_m_S` of every building."""
    leg = np.full(len(walk.seconds), np.inf)
    taken = walk.link >= 0
    leg[taken] = links.leg_m[walk.link[taken]]
    return pd.DataFrame(
        {
            f"minutes_{service}": minutes(walk.seconds),
            f"facility_{service}": schema.coded(np.where(walk.facility >= 0, walk.facility, len(ids)), [*ids, ""]),
            f"leg_m_{service}": leg,
        }
    )
