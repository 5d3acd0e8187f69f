"""Overture Maps: buildings and places as GeoParquet, with the categories of before and after September 2026.

Takes: a `Sheet` read from a GeoParquet file.   Gives: the same sheet, with the columns of an Overture file flattened to plain ones.
Never: touches a sheet that is not Overture's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from circle.sources.spreadsheets import Sheet

_NESTED = ("names", "categories", "taxonomy", "sources", "bbox")


def flattened(sheet: Sheet) -> Sheet:
    """Give an Overture table plain columns: `name`, `category`, `status`, `use`, `num_floors`, `height`; others come back as they are.

    The kind of a place is `basic_category`, else `taxonomy.primary`, else the older `categories.primary`. A building's use is its
    `class`, else its `subtype`.
    """
    frame = sheet.frame
    if "id" not in frame or not ({"names", "sources"} & set(frame.columns)) or not _nested(frame):
        return sheet
    out = pd.DataFrame({"id": frame["id"]}, index=frame.index, dtype=object)
    if "names" in frame:
        out["name"] = frame["names"].map(lambda value: _inner(value, "primary"))
    category = pd.Series(None, index=frame.index, dtype=object)
    for column, key in (("basic_category", ""), ("taxonomy", "primary"), ("categories", "primary")):
        if column in frame:
            found = frame[column].map(lambda value, key=key: _inner(value, key))
            category = category.where(category.notna(), found)
    if category.notna().any():
        out["category"] = category
    if "operating_status" in frame:
        out["status"] = frame["operating_status"]
    if {"class", "subtype"} & set(frame.columns) and "basic_category" not in frame:
        blank = pd.Series(None, index=frame.index, dtype=object)
        out["use"] = frame.get("class", blank).where(frame.get("class", blank).notna(), frame.get("subtype", blank))
    for column in ("num_floors", "height"):
        if column in frame:
            out[column] = frame[column]
    out = out.astype(object).where(out.notna(), None)
    return Sheet(sheet.path, sheet.label, out, sheet.line, sheet.geometry, sheet.crs or "EPSG:4326", set_aside=sheet.set_aside)


def _nested(frame: pd.DataFrame) -> bool:
    """Whether one of the columns that Overture nests holds nested values."""
    for column in _NESTED:
        if column in frame:
            first = frame[column].dropna().head(1)
            if len(first) and not isinstance(first.iloc[0], str | int | float):
                return True
    return False


def _inner(value: Any, key: str) -> str | None:
    """Text of a value, or of one key of a nested one."""
    if isinstance(value, Mapping):
        value = value.get(key)
    return str(value) if isinstance(value, str) and value else None
