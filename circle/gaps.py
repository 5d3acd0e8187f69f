"""Gaps: whether a promise is kept, and why not.

Takes: seconds per building and service, the standard, the walker, shapes and the extent of the data.   Gives: verdict, reason, fragility;
shares by zone and for the place.
Never: measures a walk, rounds before it compares, or says "none exists" where only the data are silent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from circle import rules, schema
from circle.access import Access
from circle.chunks import side_by_side
from circle.standards import Limit, Standard
from circle.units import limit_metres, limit_seconds

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Shapes = NDArray[np.object_]

VERDICTS = ("met", "gap", "unreachable", "unmapped")
WORST_FIRST = ("unreachable", "gap", "unmapped", "met")
REASONS = ("", "far", "detour", "barrier", "island", "unlinked", "no_facility", "data_edge")
TOLERANCE_S = 1e-6  # sums of floating point seconds that should be equal to a limit count as equal


@dataclass(frozen=True, slots=True)
class Setting:
    """Where buildings stand, one entry per building.

    Attributes: `starts` (door or outline, on the plane), `units` (plane units per metre there),
    `edge_m` (metres to the edge of the data), `linked` (tied to the network), `on_island` (tied to an island of it only).
    """

    starts: Shapes
    units: Floats
    edge_m: Floats
    linked: Bools
    on_island: Bools


def judge(
    limit: Limit, access: Access, facilities: Shapes, setting: Setting, speed_m_per_s: float, *, closed: bool = False
) -> pd.DataFrame:
    """Verdict, reason and fragility of every building for one service.

    `met`: seconds within the limit. `unmapped`: no facility in the data (`no_facility`), or the edge of the data is nearer than the limit
    reaches, so that a nearer one may lie outside (`data_edge`). `unreachable`: facilities, but no path to any (`unlinked`, `island`); or
    `closed`: the data hold some, and a scenario closed the last (`no_facility`).
    `gap`: a longer path; `far` when even the straight line from door or outline is too long, else `detour`.

    A verdict is fragile when it flips with a speed 10 % higher or lower, or when the runner-up link is taken.

    Contract: row order is kept; a lower speed never turns anything into `met`.
    """
    limit_s = limit_seconds(limit.limit_min)
    reach_m = limit_metres(limit.limit_min, speed_m_per_s)
    seconds = access.seconds
    verdict = np.zeros(len(seconds), dtype=np.int8)
    reason = np.zeros(len(seconds), dtype=np.int8)
    late = seconds > limit_s + TOLERANCE_S
    if not len(facilities) and not closed:
        verdict[:] = VERDICTS.index("unmapped")
        reason[:] = REASONS.index("no_facility")
        return _columns(limit.service, verdict, reason, np.zeros(len(seconds), dtype=bool))
    edge = late & (setting.edge_m < reach_m)
    lost = late & ~edge & ~np.isfinite(seconds)
    gap = late & ~edge & np.isfinite(seconds)
    verdict[edge], verdict[lost], verdict[gap] = (VERDICTS.index(word) for word in ("unmapped", "unreachable", "gap"))
    reason[edge] = REASONS.index("data_edge")
    reason[lost] = np.where(setting.linked[lost], REASONS.index("island"), REASONS.index("unlinked"))
    if closed:  # it is known that none is left: not to be judged would look better than the gap that it is
        reason[lost] = REASONS.index("no_facility")
    near = straight_within(setting, np.flatnonzero(gap), facilities, reach_m)
    reason[gap] = REASONS.index("far")
    reason[near] = REASONS.index("detour")

    change = rules.settings("gaps")["speed_change"]
    by_speed = np.where(late, seconds / (1 + change) <= limit_s + TOLERANCE_S, seconds / (1 - change) > limit_s + TOLERANCE_S)
    by_link = ~late & np.isfinite(access.runner_up_s) & (access.runner_up_s > limit_s + TOLERANCE_S)
    fragile = (by_speed | by_link) & (verdict <= VERDICTS.index("gap"))
    return _columns(limit.service, verdict, reason, fragile)


def straight_within(setting: Setting, rows: NDArray[np.intp], facilities: Shapes, reach_m: float) -> NDArray[np.intp]:
    """Those of `rows` whose straight line to some facility is at most `reach_m` long."""
    if not len(rows):
        return rows
    west, south, east, north = shapely.bounds(facilities).T  # facilities are few: theirs are the boxes, as wide as anywhere in the place
    reach = reach_m * setting.units[rows].max()
    around = shapely.box(west - reach, south - reach, east + reach, north + reach)
    row, facility = shapely.STRtree(around).query(setting.starts[rows])
    metres = side_by_side(shapely.distance, setting.starts[rows[row]], facilities[facility]) / setting.units[rows[row]]
    return np.asarray(np.unique(rows[row[metres <= reach_m]]))


def _columns(service: str, verdict: NDArray[np.int8], reason: NDArray[np.int8], fragile: Bools) -> pd.DataFrame:
    return pd.DataFrame(
        {
            f"verdict_{service}": schema.coded(verdict, list(VERDICTS)),
            f"reason_{service}": schema.coded(reason, list(REASONS)),
            f"fragile_{service}": fragile,
        }
    )


def worst(buildings: pd.DataFrame, standard: Standard) -> pd.DataFrame:
    """Columns `verdict` (the worst of all services: unreachable, gap, unmapped, met) and `gaps` (how many are gap or unreachable)."""
    codes = np.stack([buildings[f"verdict_{limit.service}"].cat.codes.to_numpy() for limit in standard.services])
    rank = np.asarray([WORST_FIRST.index(word) for word in VERDICTS])
    word = np.asarray([VERDICTS.index(word) for word in WORST_FIRST])[rank[codes].min(axis=0)]
    gaps = ((codes == VERDICTS.index("gap")) | (codes == VERDICTS.index("unreachable"))).sum(axis=0)
    return pd.DataFrame({"verdict": schema.coded(word, list(VERDICTS)), "gaps": gaps}, index=buildings.index)


def shares(buildings: pd.DataFrame, standard: Standard) -> dict[str, Any]:
    """Shares of the buildings where people live, and of their households, that keep the promise; `all` means every service.

    Also the shares that cannot be judged (`share_unmapped`) and that a little would flip (`share_fragile`; for `all`: any of the verdicts).
    The same block for the place (summary.json) and, by `coverage`, for each zone.
    """
    return _shares(_Judged.of(buildings, standard), standard)


@dataclass(frozen=True, slots=True)
class _Judged:
    """What shares are made of, of the buildings that count: `verdict` of each service and `fragile`, the worst and any of them last."""

    households: Floats
    verdict: list[NDArray[np.int8]]
    fragile: list[Bools]

    @classmethod
    def of(cls, buildings: pd.DataFrame, standard: Standard) -> _Judged:
        counted = buildings["residential"].to_numpy()
        names = [limit.service for limit in standard.services]
        fragile = [buildings[f"fragile_{name}"].to_numpy(dtype=bool)[counted] for name in names]
        verdict = [buildings[column].cat.codes.to_numpy()[counted] for column in (*(f"verdict_{name}" for name in names), "verdict")]
        return cls(buildings["households"].to_numpy()[counted], verdict, [*fragile, np.logical_or.reduce(fragile)])

    def take(self, rows: NDArray[np.intp]) -> _Judged:
        return _Judged(self.households[rows], [each[rows] for each in self.verdict], [each[rows] for each in self.fragile])


def _shares(judged: _Judged, standard: Standard) -> dict[str, Any]:
    blocks = [_share(*each, judged.households) for each in zip(judged.verdict, judged.fragile, strict=True)]
    by_service = zip(standard.services, blocks[:-1], strict=True)
    return {"all": blocks[-1], **{limit.service: {"limit_min": limit.limit_min, **block} for limit, block in by_service}}


def _share(verdict: NDArray[np.int8], fragile: Bools, households: Floats) -> dict[str, dict[str, float | int | None]]:
    """One block of shares, by buildings and by households."""

    def block(weights: Floats | None) -> dict[str, float | int | None]:
        sums = np.bincount(verdict, weights=weights, minlength=len(VERDICTS))
        total = sums.sum()
        unsure = fragile.sum() if weights is None else weights[fragile].sum()
        tell = int if weights is None else float
        return {
            "counted": tell(total),
            "met": tell(sums[0]),
            "gap": tell(sums[1] + sums[2]),
            "unmapped": tell(sums[3]),
            "share_met": float(sums[0] / total) if sums[:3].any() else None,  # nothing known: no share, not a share of nothing
            "share_unmapped": float(sums[3] / total) if total else None,
            "fragile": tell(unsure),
            "share_fragile": float(unsure / total) if total else None,
        }

    return {"buildings": block(None), "households": block(households)}


def coverage(buildings: gpd.GeoDataFrame, zones: gpd.GeoDataFrame, place: shapely.Geometry, standard: Standard) -> gpd.GeoDataFrame:
    """Shares by zone and service (see rules/tables/zones.csv): the whole place first, then every layer of zones."""
    rows: list[dict[str, Any]] = []
    shapes: list[shapely.Geometry] = []

    def add(layer: str, zone: str, name: str, inside: _Judged, shape: shapely.Geometry) -> None:
        for service, block in _shares(inside, standard).items():
            b, h = block["buildings"], block["households"]
            rows.append(
                {
                    "layer": layer, "zone": zone, "name": name, "service": service, "buildings": b["counted"], "households": h["counted"],
                    "met": b["met"], "gap": b["gap"], "unmapped": b["unmapped"],
                    "share_buildings_met": b["share_met"], "share_households_met": h["share_met"],
                }
            )  # fmt: skip
            shapes.append(shape)

    whole = _Judged.of(buildings, standard)
    add("place", "place", "", whole, place)
    for layer, group in zones.groupby("layer", sort=True):
        held, nobody = _members(buildings, schema.zone_column(str(layer))), np.empty(0, dtype=np.intp)
        for zone, name, shape in zip(group["zone"], group["name"], group.geometry, strict=True):
            add(str(layer), zone, name, whole.take(held.get(zone, nobody)), shape)
    table = gpd.GeoDataFrame(rows, geometry=np.asarray([*shapes, None], dtype=object)[:-1], crs="EPSG:4326")
    for column in ("layer", "service"):
        table[column] = table[column].astype("category")
    return table.astype({"share_buildings_met": float, "share_households_met": float, "households": float})


def _members(buildings: pd.DataFrame, column: str) -> dict[str, NDArray[np.intp]]:
    """Rows, among the buildings that count, of those in each zone of a layer."""
    counted = buildings[column][buildings["residential"].to_numpy()].astype("category")
    codes, words = counted.cat.codes.to_numpy(), counted.cat.categories
    order = np.argsort(codes, kind="stable")
    ends = np.cumsum(np.bincount(codes + 1, minlength=len(words) + 1))
    return dict(zip(words.tolist(), np.split(order, ends)[1:-1], strict=True))


def counts(buildings: pd.DataFrame, standard: Standard) -> dict[str, Mapping[str, Any]]:
    """Verdicts, reasons and fragile verdicts of **all** buildings, by service."""

    def tally(column: str, words: tuple[str, ...]) -> dict[str, int]:
        found = np.bincount(buildings[column].cat.codes.to_numpy(), minlength=len(words))
        return {word: int(number) for word, number in zip(words, found, strict=True) if word and (number or words is VERDICTS)}

    names = [limit.service for limit in standard.services]
    return {
        "verdicts": {name: tally(f"verdict_{name}", VERDICTS) for name in names},
        "reasons": {name: tally(f"reason_{name}", REASONS) for name in names},
        "fragile": {name: int(buildings[f"fragile_{name}"].sum()) for name in names},
    }
