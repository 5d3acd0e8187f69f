"""A run in small tables that one can read: shares by service, shares by zone, and the gaps, worst first.

Takes: the summary, the standard and the tables of a run.   Gives: tables.
Never: judges; the verdicts, shares and minutes are the run's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from circle.errors import RuleError
from circle.standards import Standard

GAPS = ("gap", "unreachable")


def shares(summary: Mapping[str, Any], standard: Standard) -> pd.DataFrame:
    """One row per service, `all` last: labels, limit, facilities, homes and households in time, and their shares (0 to 1)."""
    rows = []
    for key in (*(limit.service for limit in standard.services), "all"):
        block = summary["shares"][key]
        label = {"zh": "全部", "en": "all of them"} if key == "all" else standard.limit(key).label.as_dict()
        rows.append(
            {
                "service": key,
                **label,
                "limit_min": np.nan if key == "all" else standard.limit(key).limit_min,
                "facilities": pd.NA if key == "all" else summary["counts"]["facilities"][key],
                "buildings_met": block["buildings"]["met"],
                "households_met": block["households"]["met"],
                "share_buildings": _number(block["buildings"]["share_met"]),
                "share_households": _number(block["households"]["share_met"]),
            }
        )
    return pd.DataFrame(rows).astype({"facilities": "Int64"}).set_index("service")


def _number(share: float | None) -> float:
    return np.nan if share is None else float(share)


def gaps(tables: Mapping[str, pd.DataFrame], standard: Standard, service: str | None = None) -> pd.DataFrame:
    """Every gap of a building where people live, the longest excess (`over_min`) first, with its reason and households.

    Where there is no path at all, minutes and excess are infinite, and stand first.

    Raises
    ------
    RuleError
        The standard has no such service.
    """
    known = [limit.service for limit in standard.services]
    if service is not None and service not in known:
        raise RuleError(f"There is no service “{service}” in this run. It has: {', '.join(known)}.")
    buildings = tables["buildings"]
    homes = buildings[buildings["residential"]]
    names = _names(tables["zones"], "compound")
    parts = []
    for limit in standard.services:
        if service in (None, limit.service):
            missed = homes[homes[f"verdict_{limit.service}"].isin(GAPS)]
            parts.append(
                pd.DataFrame(
                    {
                        "building": missed["building"],
                        "name": missed["name"],
                        "compound": missed["compound"].astype(object).map(names).fillna(""),
                        "service": limit.service,
                        "minutes": missed[f"minutes_{limit.service}"],
                        "limit_min": limit.limit_min,
                        "over_min": missed[f"minutes_{limit.service}"] - limit.limit_min,
                        "reason": missed[f"reason_{limit.service}"].astype(object),
                        "households": missed["households"],
                    }
                )
            )
    listed = pd.concat(parts)
    order = np.lexsort((listed["building"].astype(str), -listed["households"].to_numpy(float), -listed["over_min"].to_numpy(float)))
    return listed.iloc[order].reset_index(drop=True)


def zones(table: pd.DataFrame, layer: str = "compound", service: str = "all") -> pd.DataFrame:
    """The zones of a layer in which people live, worst first: homes, households, those met, and the share of households (0 to 1).

    Raises
    ------
    RuleError
        There is no such layer or service.
    """
    for column, asked in (("layer", layer), ("service", service)):
        has = list(dict.fromkeys(table[column].astype(str)))
        if asked not in has:
            raise RuleError(f"There is no {column} “{asked}” in this run. It has: {', '.join(has)}.")
    rows = table[(table["layer"].astype(str) == layer) & (table["service"].astype(str) == service) & (table["buildings"] > 0)]
    rows = rows[["zone", "name", "buildings", "households", "met", "share_buildings_met", "share_households_met"]]
    order = np.lexsort((rows["zone"].astype(str), -rows["households"].to_numpy(float), rows["share_households_met"].to_numpy(float)))
    return pd.DataFrame(rows).iloc[order].reset_index(drop=True)


def _names(table: pd.DataFrame, layer: str) -> dict[str, str]:
    rows = table[table["layer"].astype(str) == layer].drop_duplicates("zone")
    return dict(zip(rows["zone"].astype(str), rows["name"].astype(object).fillna(""), strict=True))
