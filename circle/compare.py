"""Compare: who wins and who loses between two runs, building by building and zone by zone.

Takes: tables and records of two runs.   Gives: `Comparison`: the tables compare and compare_zones (rules/tables), a summary, and notes on
what was left out.
Never: measures a walk or judges a minute anew; it sets side by side what the two runs say.

A building has **gained** a service when only the second run keeps the promise, and **lost** it when only the first does. Counts are of the
buildings where people live, and of their households, as in the shares of a run.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from circle import schema
from circle.errors import RuleError
from circle.standards import Standard

Bools = NDArray[np.bool_]

CHANGES = ("same", "gained", "lost")
VERDICTS = ("met", "gap", "unreachable", "unmapped")
GAPS = ("gap", "unreachable")
EPSILON_MIN = 1e-9  # two runs may add the same seconds in another order


@dataclass(frozen=True, slots=True)
class Side:
    """One of two runs: `name` (what to call it), its `record` (run.json), buildings and zones."""

    name: str
    record: Mapping[str, Any]
    buildings: gpd.GeoDataFrame
    zones: gpd.GeoDataFrame


@dataclass(frozen=True, slots=True, repr=False)
class Comparison:
    """What two runs say of the same buildings: tables `buildings` (compare) and `zones` (compare_zones), `summary` as plain JSON."""

    buildings: gpd.GeoDataFrame
    zones: pd.DataFrame
    summary: dict[str, Any]

    def __repr__(self) -> str:
        names, every = (self.summary[side]["name"] for side in ("before", "after")), self.summary["all"]
        return f"<Comparison of {' and '.join(names)}: {every['gained']} homes gained all services, {every['lost']} lost them>"

    @property
    def services(self) -> tuple[str, ...]:
        """The services that both runs were asked for."""
        return tuple(each["service"] for each in self.summary["services"])

    def changed(self) -> gpd.GeoDataFrame:
        """Buildings where people live and a verdict changed, most households first."""
        moved = self.buildings[self.buildings["residential"] & (self.buildings["change"] != "same")]
        return moved.sort_values(["households", "building"], ascending=[False, True])


def compare(before: Side, after: Side) -> Comparison:
    """Set two runs side by side.

    Where they differ in services or buildings, what both have is compared and `summary["notes"]` says what was left out.

    Raises
    ------
    RuleError
        Nothing can be compared: no service or no building in common, or limits that differ, so that a verdict means another thing.
    """
    limits, notes = _common_limits(before, after)
    a, b = before.buildings, after.buildings
    place = pd.Index(a["building"]).get_indexer(pd.Index(b["building"]))
    kept = place >= 0
    if not kept.any():
        raise RuleError(f"{before.name} and {after.name} have no building in common; compare two runs of one place.")
    left_out = (len(a) - int(kept.sum()), int((~kept).sum()))
    notes += [{"code": "buildings", "before": left_out[0], "after": left_out[1]}] if any(left_out) else []
    speeds = tuple(float(side.record.get("walker", {}).get("speed_m_per_s", 0.0)) for side in (before, after))
    notes += [{"code": "walker", "before": speeds[0], "after": speeds[1]}] if speeds[0] != speeds[1] else []
    digests = tuple([given.get("sha256") for given in side.record.get("inputs", [])] for side in (before, after))
    notes += [{"code": "data"}] if digests[0] != digests[1] else []

    a, b = a.iloc[place[kept]].reset_index(drop=True), b[kept].reset_index(drop=True)
    table = _table(a, b, tuple(limits))
    zones = _zones(table, after.zones, tuple(limits))
    whole = {str(row["service"]): _plain(row) for row in zones[zones["layer"] == "place"].to_dict("records")}
    counted = table["residential"].to_numpy()
    weight = table["households"].to_numpy()
    services = []
    for service, limit in limits.items():
        apart = _apart(table, service)
        saved = np.where(counted & np.isfinite(apart), apart, 0.0)
        services.append(
            {
                "service": service,
                "label": limit["label"],
                "limit_min": limit["limit_min"],
                **whole[service],
                "quicker": int((counted & (apart < -EPSILON_MIN)).sum()),
                "slower": int((counted & (apart > EPSILON_MIN)).sum()),
                "household_minutes": float((saved * weight).sum()),
            }
        )
    summary = {
        "before": _about(before),
        "after": _about(after),
        "notes": notes,
        "counted": {"buildings": int(counted.sum()), "households": float(weight[counted].sum())},
        "all": whole["all"],
        "services": services,
    }
    return Comparison(table, zones, summary)


def _common_limits(before: Side, after: Side) -> tuple[dict[str, dict[str, Any]], list[dict[str, Any]]]:
    """Limits that both runs judged by, in the order of the first, and notes on services that only one has."""
    first, second = (Standard.from_dict(side.record["standard"]) for side in (before, after))
    theirs = {limit.service: limit for limit in second.services}
    mine = {limit.service: limit for limit in first.services}
    common = [limit for limit in first.services if limit.service in theirs]
    if not common:
        raise RuleError(
            f"{before.name} ({first.name}) and {after.name} ({second.name}) judge no service in common; run both with one standard."
        )
    for limit in common:
        other = theirs[limit.service]
        if other.limit_min != limit.limit_min:
            raise RuleError(
                f"{before.name} asks for {limit.service} within {limit.limit_min:g} min ({first.name}), {after.name} within "
                f"{other.limit_min:g} min ({second.name}): “met” means two things. Run both with one standard."
            )
    only = [[s for s in one if s not in other] for one, other in ((mine, theirs), (theirs, mine))]
    notes = [{"code": "services", "before": only[0], "after": only[1]}] if any(only) else []
    return {limit.service: {"limit_min": limit.limit_min, "label": limit.label.as_dict()} for limit in common}, notes


def _table(a: gpd.GeoDataFrame, b: gpd.GeoDataFrame, services: tuple[str, ...]) -> gpd.GeoDataFrame:
    layers = [schema.zone_column(layer) for layer in schema.zone_layers(b.columns)]
    columns: dict[str, Any] = {name: b[name].to_numpy() for name in ("building", "name", "residential", "households")}
    columns |= {name: b[name].array for name in ("compound", *layers)}
    met = {s: tuple((side[f"verdict_{s}"] == "met").to_numpy() for side in (a, b)) for s in services}
    short = [sum(side[f"verdict_{s}"].isin(GAPS).to_numpy().astype(np.int64) for s in services) for side in (a, b)]
    columns["gaps_before"], columns["gaps_after"] = short
    gained = np.any([now & ~was for was, now in met.values()], axis=0)
    lost = np.any([was & ~now for was, now in met.values()], axis=0)
    columns["change"] = schema.coded(gained + 2 * lost, ("same", "gained", "lost", "mixed"))
    for service in services:
        columns[f"minutes_before_{service}"] = a[f"minutes_{service}"].to_numpy()
        columns[f"minutes_after_{service}"] = b[f"minutes_{service}"].to_numpy()
        columns[f"verdict_before_{service}"] = pd.Categorical(a[f"verdict_{service}"].astype(str), categories=VERDICTS)
        columns[f"verdict_after_{service}"] = pd.Categorical(b[f"verdict_{service}"].astype(str), categories=VERDICTS)
        was, now = met[service]
        columns[f"change_{service}"] = schema.coded((now & ~was) + 2 * (was & ~now), CHANGES)
    return gpd.GeoDataFrame(columns, geometry=b.geometry.to_numpy(), crs="EPSG:4326")


def _apart(table: pd.DataFrame, service: str) -> NDArray[np.float64]:
    """Minutes more (or, negative, fewer) than before; 0 where there is no path in either run."""
    was, now = table[f"minutes_before_{service}"].to_numpy(), table[f"minutes_after_{service}"].to_numpy()
    return np.where(was == now, 0.0, now - np.where(was == now, 0.0, was))


def _zones(table: pd.DataFrame, zones: gpd.GeoDataFrame, services: tuple[str, ...]) -> pd.DataFrame:
    """Gains and losses of the whole place and of every zone, in the order of the run's zones."""
    counted = table[table["residential"]]
    tests: dict[str, tuple[Bools, Bools]] = {
        service: tuple((counted[f"verdict_{side}_{service}"] == "met").to_numpy() for side in ("before", "after"))  # type: ignore[misc]
        for service in services
    }
    every = tuple(np.all([one[side] for one in tests.values()], axis=0) for side in (0, 1))
    tests = {"all": (every[0], every[1]), **tests}
    weight = counted["households"].to_numpy()
    known = zones.drop_duplicates(["layer", "zone"])[["layer", "zone", "name"]].astype("str")
    rows: list[dict[str, Any]] = []
    members: dict[str, dict[Hashable, Any]] = {"place": {"place": np.arange(len(counted))}}
    for layer in dict.fromkeys(known["layer"]):
        column = schema.zone_column(layer)
        if column in counted:
            members[layer] = counted.groupby(column, observed=True).indices
    for layer, zone, name in known.itertuples(index=False):
        inside = members.get(layer, {}).get(zone, np.empty(0, dtype=np.intp))
        for service, (was, now) in tests.items():
            b, a, w = was[inside], now[inside], weight[inside]
            rows.append(
                {
                    "layer": layer, "zone": zone, "name": name, "service": service, "buildings": len(inside), "households": float(w.sum()),
                    "met_before": int(b.sum()), "met_after": int(a.sum()), "gained": int((a & ~b).sum()), "lost": int((b & ~a).sum()),
                    "households_met_before": float(w[b].sum()), "households_met_after": float(w[a].sum()),
                    "households_gained": float(w[a & ~b].sum()), "households_lost": float(w[b & ~a].sum()),
                }
            )  # fmt: skip
    return pd.DataFrame(rows).astype({"layer": "category", "service": "category"})


def _plain(row: Mapping[Hashable, Any]) -> dict[str, float]:
    """Numbers of a row of the whole place, as JSON has them."""
    return {str(key): value for key, value in row.items() if key not in ("layer", "zone", "name", "service")}


def _about(side: Side) -> dict[str, Any]:
    record = side.record
    scenario = record.get("scenario") or {}
    return {
        "name": side.name,
        "circle": record.get("circle", ""),
        "standard": record["standard"]["name"],
        "walker": record.get("walker", {}).get("name", ""),
        "inputs": [{key: given.get(key) for key in ("file", "sha256", "data_date", "synthetic")} for given in record.get("inputs", [])],
        "scenario": scenario.get("name", ""),
        "attribution": record.get("attribution", ""),
    }
