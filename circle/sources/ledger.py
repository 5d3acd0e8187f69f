"""A ledger of buildings joined to the map: households, persons, storeys, compounds and grids, row by row.

Takes: buildings and zones of a place, a located ledger.   Gives: for each row the building that it means; buildings with what it says.
Never: drops a row: one whose building cannot be found is a finding; and never copies a column that is not named here.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from circle import rules
from circle.errors import Findings
from circle.projection import Plane
from circle.rules import columns as words
from circle.sources import columns
from circle.sources.located import Located

WANTED = ("id", "name", "compound", "number", "households", "population", "elderly", "levels", "height", "use", "grid", "community")
SAYS = ("households", "population", "elderly", "levels", "grid", "community")  # what a ledger tells of a building
Ints = NDArray[np.intp]
Shapes = NDArray[np.object_]
NONE, MANY = -1, -2
_TEN = {"一": 1, "二": 2, "三": 3, "四": 4, "五": 5, "六": 6, "七": 7, "八": 8, "九": 9, "两": 2}
_NUMBER = re.compile(r"(?:第)?([a-z]?\d+(?:-\d+)?[a-z]?|[一二三四五六七八九十两]+)(?:号楼|号|#楼|#|栋楼|栋|幢楼|幢|座|楼)*$", re.IGNORECASE)


@lru_cache(maxsize=65536)
def number(text: str) -> str:
    """The number at the end of what a building is called; empty where there is none.

    >>> number("紫薇花园3号楼"), number("十二栋"), number("5#"), number("A3座"), number("Block 7"), number("会所")
    ('3', '12', '5', 'a3', '7', '')
    """
    found = _NUMBER.search(unicodedata.normalize("NFKC", text).strip().casefold())
    if found is None:
        return ""
    said = found[1]
    if said[0] not in "一二三四五六七八九十两":
        return said.lstrip("0") or "0"
    tens, ten, ones = said.partition("十")
    return str(_TEN.get(tens, 1) * 10 + _TEN.get(ones, 0)) if ten else "".join(str(_TEN[letter]) for letter in said)


def plain(name: str) -> str:
    """A name as it is compared: width, case, spaces and signs do not matter, nor the 小区 at the end of a compound's."""
    return words.plain(name).removesuffix("小区")


def building_rows(table: Located, buildings: gpd.GeoDataFrame, zones: gpd.GeoDataFrame, plane: Plane) -> Ints:
    """The building that each row of a table means: its place in `buildings`, `NONE`, or `MANY` where several fit equally.

    By OSM id or the planner's own; else by location (the outline around the point, the nearest within a few metres, or the outline that
    most of a drawn one covers); else by building number within a compound; else by a name that only one building has.
    """
    found = np.full(len(table.frame), NONE, dtype=np.intp)
    for step in (_by_id, _by_place, _by_number, _by_name):
        left = found < 0
        if not left.any():
            break
        got = step(table, buildings, zones, plane)
        found[left & (got != NONE)] = got[left & (got != NONE)]
    return found


def _index(keys: pd.Series) -> dict[str, int]:
    """Row of each key; `MANY` where a key stands twice."""
    out: dict[str, int] = {}
    for row, key in enumerate(keys):
        if key:
            out[key] = MANY if key in out else row
    return out


def _look_up(keys: pd.Series, known: Mapping[str, int]) -> Ints:
    return np.asarray([known.get(key, NONE) if key else NONE for key in keys], dtype=np.intp)


def _by_id(table: Located, buildings: gpd.GeoDataFrame, zones: gpd.GeoDataFrame, plane: Plane) -> Ints:  # noqa: ARG001
    ids = columns.texts(table.frame, "id").map(
        lambda text: re.sub(r"^(w|r)(?:ay|elation)?[/ ]?(?=\d+$)", _kind, str(text).strip().casefold())
    )
    known = _index(buildings["building"].astype(object))
    return _look_up(ids, known)


def _kind(match: re.Match[str]) -> str:
    return "way/" if match[1] == "w" else "relation/"


def _by_place(table: Located, buildings: gpd.GeoDataFrame, zones: gpd.GeoDataFrame, plane: Plane) -> Ints:  # noqa: ARG001
    found = np.full(len(table.frame), NONE, dtype=np.intp)
    placed = np.flatnonzero(table.placed)
    if not len(placed) or not len(buildings):
        return found
    rule = rules.settings("tables")
    outlines, mine = plane.project(buildings.geometry.to_numpy()), plane.project(table.shapes[placed])
    areal = shapely.area(mine) > 0
    tree = shapely.STRtree(outlines)
    points = np.flatnonzero(~areal)
    if len(points):
        (row, building), _ = tree.query_nearest(mine[points], max_distance=rule["on_building_m"], return_distance=True, all_matches=False)
        found[placed[points[row]]] = building
    drawn = np.flatnonzero(areal)
    if len(drawn):
        row, building = tree.query(mine[drawn], predicate="intersects")
        row = drawn[row]
        common = shapely.area(shapely.intersection(mine[row], outlines[building]))
        share = common / np.minimum(shapely.area(mine[row]), shapely.area(outlines[building]))
        good = share >= rule["same_outline_share"]
        order = np.lexsort((-common[good], row[good]))
        row, building = row[good][order], building[good][order]
        first = np.r_[True, row[1:] != row[:-1]] if len(row) else np.empty(0, dtype=bool)
        found[placed[row[first]]] = building[first]
    return found


def _by_number(table: Located, buildings: gpd.GeoDataFrame, zones: gpd.GeoDataFrame, plane: Plane) -> Ints:  # noqa: ARG001
    names = dict(zip(zones["zone"].astype(object), zones["name"].astype(object), strict=True))
    within = buildings["compound"].astype(object).map(lambda zone: plain(str(names.get(zone, zone) or "")))
    theirs = buildings["name"].astype(object).map(lambda name: number(str(name)))
    known = _index(pd.Series([f"{a}|{b}" if a and b else "" for a, b in zip(within, theirs, strict=True)]))
    compound, said = columns.texts(table.frame, "compound"), columns.texts(table.frame, "number")
    named = columns.texts(table.frame, "name")
    said = said.where(said != "", named)
    keys = pd.Series([f"{plain(a)}|{number(b)}" if a and number(b) else "" for a, b in zip(compound, said, strict=True)])
    return _look_up(keys, known)


def _by_name(table: Located, buildings: gpd.GeoDataFrame, zones: gpd.GeoDataFrame, plane: Plane) -> Ints:  # noqa: ARG001
    name, compound, said = (columns.texts(table.frame, column) for column in ("name", "compound", "number"))
    whole = name.where(name != "", compound + said)
    bare = buildings["name"].astype(object).map(lambda text: "" if str(text).isdigit() else plain(str(text)))
    return _look_up(whole.where(said.ne("") | name.ne(""), "").map(plain), _index(bare))


def compound_rows(table: Located, buildings: gpd.GeoDataFrame, zones: gpd.GeoDataFrame, found: Ints) -> dict[int, Ints]:
    """Rows that mean a whole compound (no building number, and the name of a compound): the buildings of each."""
    compound, said, name = (columns.texts(table.frame, column) for column in ("compound", "number", "name"))
    whole = compound.where(compound != "", name)
    wanted = np.flatnonzero((found == NONE) & (said == "").to_numpy() & (whole != "").to_numpy() & ~table.placed)
    if not len(wanted):
        return {}
    names = dict(zip(zones["zone"].astype(object), zones["name"].astype(object), strict=True))
    within = buildings["compound"].astype(object).map(lambda zone: plain(str(names.get(zone, zone) or ""))).to_numpy()
    members = {key: np.flatnonzero(within == key) for key in pd.unique(within) if key}
    return {int(row): members[plain(whole.iloc[row])] for row in wanted if plain(whole.iloc[row]) in members}


def apply(
    buildings: gpd.GeoDataFrame, table: Located, found: Ints, shared: Mapping[int, Ints], findings: Findings
) -> gpd.GeoDataFrame:  # fmt: skip
    """Buildings with what the ledger says of them: several rows of one building add up; what it does not say stays as it was.

    A row of a whole compound gives its households to the homes there that have no row of their own, in proportion to their estimate;
    the sum is the ledger's.
    """
    rows = found >= 0
    findings.extend("tables.ambiguous_building", table.rows(found == MANY), "several buildings fit")
    lost = found == NONE
    lost[list(shared)] = False
    findings.extend("tables.unknown_building", table.rows(lost), "no building of the map")
    of = found[rows]
    frame = table.frame[rows]

    def total(column: str) -> pd.Series:
        values = columns.counts(frame, column).to_numpy()
        return pd.Series(values).groupby(of).sum(min_count=1).reindex(range(len(buildings)))

    households, population, elderly = (np.array(total(column), dtype=float) for column in ("households", "population", "elderly"))
    for row, members in shared.items():
        homes = members[buildings["residential"].to_numpy()[members]]
        homes = homes if len(homes) else members
        rest = homes[~np.isin(homes, of)]  # homes that rows of their own tell of have their share already
        homes = rest if len(rest) else homes
        weight = buildings["households"].to_numpy(dtype=float)[homes]
        weight = weight / weight.sum() if weight.sum() > 0 else np.full(len(homes), 1 / max(len(homes), 1))
        for column, values in (("households", households), ("population", population), ("elderly", elderly)):
            said = float(columns.counts(table.frame, column).iloc[row])
            if np.isfinite(said):
                values[homes] = np.where(np.isnan(values[homes]), 0.0, values[homes]) + said * weight
    levels = pd.Series(columns.counts(frame, "levels").to_numpy()).groupby(of).max().reindex(range(len(buildings))).to_numpy(dtype=float)
    return lived_in(buildings, households, population, elderly, levels)


def lived_in(
    buildings: gpd.GeoDataFrame,
    households: NDArray[np.float64],
    population: NDArray[np.float64],
    elderly: NDArray[np.float64],
    levels: NDArray[np.float64],
) -> gpd.GeoDataFrame:
    """Buildings with the numbers of a ledger (NaN: it does not say)."""
    persons = rules.settings("households")["persons_per_household"]
    out = buildings.copy()
    known = np.isfinite(households) | np.isfinite(population)
    homes = np.where(np.isfinite(households), households, population / persons)
    people = np.where(np.isfinite(population), population, households * persons)
    out["households"] = np.where(known, homes, out["households"])
    out["population"] = np.where(known, people, out["population"])
    out["households_by"] = _said(out["households_by"], known, "ledger")
    out["residential_by"] = _said(out["residential_by"], known, "ledger")
    out["residential"] = np.where(known, homes > 0, out["residential"]).astype(bool)
    out["elderly"] = np.where(np.isfinite(elderly), elderly, out.get("elderly", pd.Series(np.nan, index=out.index)))
    out["levels"] = np.where(np.isfinite(levels) & (levels > 0), levels, out["levels"])
    return out


def _said(column: pd.Series, rows: NDArray[np.bool_], word: str) -> pd.Categorical:
    categories = list(column.cat.categories)
    out = column.astype(object).to_numpy().copy()
    out[rows] = word
    return pd.Categorical(out, categories=[*categories, *([word] if word not in categories else [])])
