"""A planner's table of rooms and plots where a station may stand, read as all his tables are.

Takes: a file (CSV, Excel, GeoJSON, GeoPackage, GeoParquet), the ground, his words on coordinate systems and columns.
Gives: candidates, and findings: which rows are not used, and why.
Never: guesses a coordinate system (see `sources.located`), or leaves a row out without a word.

Columns, in Chinese or English: a place; and where they are there `编号` (id), `名称` (name), `造价` (cost), `使用面积` (floor area in m²),
`服务` (services, separated by spaces or commas; all that are asked for where empty), `必选` (required), `禁用` (forbidden).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from circle.errors import Findings, SourceError
from circle.rules import categories
from circle.rules.columns import plain
from circle.siting.candidates import as_table, rule, split
from circle.siting.ground import Ground
from circle.sources import columns, crs_guess
from circle.sources.located import Located, Words, located

WANTED = ("id", "name", "cost", "area", "service", "required", "forbidden")
_YES = {"1", "true", "yes", "y", "是", "√", "✓", "必选", "禁用"}


def read(
    path: str | Path,
    ground: Ground,
    *,
    crs: str | Sequence[str] = (),
    column: str | Sequence[str] = (),
    findings: Findings | None = None,
    sentences: list[str] | None = None,
) -> gpd.GeoDataFrame:
    """Read a table of candidates.

    Parameters
    ----------
    crs, column
        As `circle run` takes them: `GCJ-02` or `FILE=GCJ-02`; `HEADER=cost`.
    findings
        Where to say which rows are not used, and which cells are not understood.
    sentences
        Where to say what was read as what.

    Raises
    ------
    SourceError
        The file cannot be read, two rows have one id, or none of its rows can be used.
    PlaceError
        Its coordinates are in another system than WGS 84, or may be, and nobody said so.
    """
    told = Findings() if findings is None else findings
    table = located(
        str(path),
        "facilities",
        WANTED,
        Words.of(*((said,) if isinstance(said, str) else said for said in (crs, column))),
        _known(ground),
        told,
    )
    if sentences is not None:
        sentences.append(table.reading.sentence())
    good = _usable(table, ground, told)
    if not good.any():
        first = f" The first: {told.items[0].detail or told.items[0].code} ({told.items[0].id})." if told.items else ""
        raise SourceError(f"{table.label}: none of its {len(good)} rows can be used as a candidate.{first}")
    frame = table.frame[good]
    usual = float(rule("cost")["station"])
    if "cost" in frame:  # nobody should find his million replaced by less without a word
        without = good & columns.counts(table.frame, "cost").isna().to_numpy()
        told.extend("tables.usual_cost", table.rows(without), f"no cost that can be read: taken as {usual:,.0f}, the usual one")
    given: dict[str, Any] = {
        "name": columns.scrubbed(columns.texts(frame, "name")).to_numpy(dtype=object),
        "cost": columns.counts(frame, "cost").fillna(usual).to_numpy(),
        "area_m2": columns.counts(frame, "area").fillna(np.inf).to_numpy(),
        "services": [" ".join(_services(cell) or ()) for cell in columns.texts(frame, "service")],
        **{name: columns.texts(frame, name).map(lambda cell: plain(str(cell)) in _YES).to_numpy(dtype=bool) for name in WANTED[-2:]},
    }
    ids = columns.texts(frame, "id").astype(str)
    if (ids != "").any():
        twice = ids[(ids != "") & ids.duplicated()]
        if len(twice):
            raise SourceError(f"{table.label}: the candidate “{twice.iloc[0]}” stands there twice. Give each its own id.")
        lines = table.reading.sheet.line[good]
        given["candidate"] = [one or f"row-{line}" for one, line in zip(ids, lines, strict=True)]
    return as_table(table.shapes[good], "planner", given)


def _known(ground: Ground) -> crs_guess.Ground:
    """What the run knows of the place, to see whether coordinates fit it."""
    tables = ground.tables
    water = tables["background"]["geometry"][(tables["background"]["kind"] == "water").to_numpy()].to_numpy()
    extent = tuple(float(each) for each in ground.summary["extent"])
    shapes = (tables["buildings"]["geometry"].to_numpy(), tables["edges"]["geometry"].to_numpy(), np.asarray(water))
    return crs_guess.Ground.of(ground.net.plane, (extent[0], extent[1], extent[2], extent[3]), shapes)


def _usable(table: Located, ground: Ground, findings: Findings) -> NDArray[np.bool_]:
    """Rows that have a place inside the data and offer something that is known; the others are told."""
    placed = table.placed
    findings.extend("tables.no_location", table.rows(~placed), "a candidate without a place")
    spots = shapely.bounds(np.where(placed, table.shapes, shapely.Point(0, 0)))
    west, south, east, north = ground.summary["extent"]
    inside = (spots[:, 0] >= west) & (spots[:, 2] <= east) & (spots[:, 1] >= south) & (spots[:, 3] <= north)
    findings.extend("tables.outside", table.rows(placed & ~inside), "a candidate where the map has no data")
    said = [_services(cell) for cell in columns.texts(table.frame, "service")]
    clear = np.asarray([one is not None for one in said], dtype=bool)
    findings.extend("tables.unknown_category", table.rows(placed & inside & ~clear), "a candidate for a service that is not known")
    return np.asarray(placed & inside & clear, dtype=bool)


def _services(cell: Any) -> tuple[str, ...] | None:
    """Services that a cell names; None where it names one that is not known.

    >>> _services("service_centre、卫生站"), _services(""), _services("铁匠铺")
    (('service_centre', 'clinic'), (), None)
    """
    if cell is None or (isinstance(cell, float) and pd.isna(cell)):
        return ()
    out: list[str] = []
    for word in split(cell):
        tags = categories.category(word)
        found = categories.said_services(word) or (() if tags is None else categories.offered(tags, ""))
        if not found:
            return None
        out += found
    return tuple(dict.fromkeys(out))
