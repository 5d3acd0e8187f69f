"""A planner's list of facilities, joined to the map's own: which service each row offers, and which rows the map has already.

Takes: a located list, the services that are asked for, the map's facilities.   Gives: the table of facilities, sources kept.
Never: counts a facility twice that stands in both, or once what stands on two kerbs; and never drops a row without saying why.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from difflib import SequenceMatcher

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from circle import rules
from circle.errors import Findings, RuleError
from circle.projection import Plane
from circle.rules import categories
from circle.rules import columns as words
from circle.rules.loading import suggest
from circle.sources import columns, ledger
from circle.sources import facilities as facility_table
from circle.sources.crs_guess import Ground
from circle.sources.located import Located, ids

WANTED = ("id", "name", "service", "type", "typecode", "status", "compound", "number", "address", "capacity")
MODES = ("add", "replace")
_ALIKE = 0.75
_CONTAINED = 3  # letters that a name needs to be looked for inside of another


def modes(texts: Collection[str], services: Collection[str]) -> dict[str, str]:
    """`add` or `replace` for each service, from `--facilities-mode MODE` or `SERVICE=MODE`.

    >>> modes(["clinic=replace"], ["shop", "clinic"])
    {'shop': 'add', 'clinic': 'replace'}

    Raises
    ------
    RuleError
        There is no such mode or service.
    """
    out = dict.fromkeys(services, "add")
    for text in texts:
        service, equals, mode = text.rpartition("=")
        if mode not in MODES:
            raise RuleError(f"--facilities-mode {text}: write add or replace, or SERVICE=add; {suggest(mode, MODES)}.")
        if equals and service not in out:
            raise RuleError(f"--facilities-mode {text}: the standard asks for no service “{service}”; {suggest(service, list(out))}.")
        out.update(dict.fromkeys([service] if equals else list(out), mode))
    return out


def rows(table: Located, services: Collection[str], ground: Ground, findings: Findings) -> gpd.GeoDataFrame:
    """Facilities of a list: as rules/tables/facilities.csv says, one row per facility and service, each once.

    Raises
    ------
    SourceError
        Nothing in the list says what kind of facility its rows are.
    """
    frame = table.frame
    name = columns.scrubbed(columns.texts(frame, "name"))
    kinds = _kinds(table, name)
    unknown = np.asarray([found is None for found in kinds], dtype=bool)
    if unknown.all() and not {"service", "type", "typecode"} & set(frame.columns):
        columns.need(table.reading, "type", "neither the names of its rows nor that of the file say what they are")
    said = columns.scrubbed(columns.texts(frame, "type") + columns.texts(frame, "service"))
    for row in np.flatnonzero(unknown):
        findings.add(
            "tables.unknown_category",
            table.rows(np.arange(len(frame)) == row)[0] if len(frame) < 5000 else table.label,
            said.iloc[row][:40],
        )
    shut = _shut(table, unknown, findings)
    placed = table.placed
    findings.extend("tables.no_location", table.rows(~placed & ~unknown & ~shut), "a facility")
    middles = shapely.point_on_surface(table.shapes)
    inside = ground.inside(shapely.get_x(middles), shapely.get_y(middles))
    away = placed & ~inside & ~unknown & ~shut
    if away.any():
        findings.add("tables.outside", table.label, f"{away.sum()} facilities lie where the map has no data")
    used = np.flatnonzero(placed & inside & ~shut & ~unknown)
    own = ids(table)
    made = [(row, service) for row in used for service in kinds[row] or () if service in services]
    where = np.asarray([row for row, _ in made], dtype=np.intp)
    table.reading.used = len(np.unique(where))
    other = np.zeros(len(frame), dtype=bool)
    other[np.setdiff1d(used, where)] = True
    for row, line in zip(np.flatnonzero(other), table.rows(other), strict=True):
        findings.add("tables.not_asked", line, said.iloc[row][:40] or name.iloc[row][:40])
    tags = columns.texts(frame, "type").where(columns.texts(frame, "type") != "", columns.texts(frame, "typecode"))
    out = gpd.GeoDataFrame(
        {
            "facility": [own[row] for row in where],
            "service": [service for _, service in made],
            "name": name.to_numpy(dtype=object)[where],
            "source": table.label,
            "tags": [f"type={text}" if text else "" for text in columns.scrubbed(tags).to_numpy(dtype=object)[where]],
            "kind": np.where(shapely.get_dimensions(table.shapes[where]) == 2, 2, 0),
            "stopping_point": False,
            "visitors": np.asarray([rules.lets_visitors_in(service, {}) for _, service in made], dtype=bool),
        },
        geometry=table.shapes[where],
        crs="EPSG:4326",
    )
    if not len(out):
        return out.assign(merged="")[[*facility_table.COLUMNS, "geometry"]]
    kept = [facility_table.once(group, ground.plane, findings) for _, group in out.groupby("service", sort=True)]
    return gpd.GeoDataFrame(pd.concat(kept), geometry="geometry", crs="EPSG:4326")[[*facility_table.COLUMNS, "geometry"]]


def _shut(table: Located, unknown: NDArray[np.bool_], findings: Findings) -> NDArray[np.bool_]:
    """Rows that do not count yet, or any more, by their status; one that is not known counts as open, and is told."""
    said = columns.scrubbed(columns.texts(table.frame, "status"))
    means = {text: words.word("status", text) for text in pd.unique(said) if text}
    status = said.map(lambda text: means.get(text, "open"))
    shut = status.isin(["planned", "gone"]).to_numpy(dtype=bool)
    findings.extend("tables.not_open", table.rows(shut & ~unknown))
    for text, meaning in means.items():
        if meaning is None and columns.says(text):
            rows = (said == text).to_numpy(dtype=bool) & ~unknown
            findings.extend("tables.unknown_status", table.rows(rows), f"{text[:40]}: counted as open")
    return shut


def _kinds(table: Located, name: pd.Series) -> list[tuple[str, ...] | None]:
    """Services of each row, by column, category word, type code or name; None where nothing says what it is."""
    frame = table.frame
    service, kind, code = (columns.texts(frame, column) for column in ("service", "type", "typecode"))
    whole = (
        None if {"service", "type", "typecode"} & set(frame.columns) else categories.category(table.label.rpartition(".")[0] or table.label)
    )
    known: dict[tuple[str, str, str, str], tuple[str, ...] | None] = {}
    out = []
    for key in zip(service, kind, code, name, strict=True):
        if key not in known:
            known[key] = _kind(*key, whole)
        out.append(known[key])
    return out


def _kind(service: str, kind: str, code: str, name: str, whole: categories.Tags | None) -> tuple[str, ...] | None:
    if service and (said := categories.said_services(service)):
        return said
    if kind and (said := categories.said_services(kind)):
        tags = categories.category(kind)
        return (
            said
            if tags is None
            else tuple(dict.fromkeys([*said, *categories.offered(tags, name)]))
            if name == ""
            else _or(tags, name, said)
        )
    for tags in (categories.category(kind or service) if kind or service else None, categories.amap(code) if code else None, whole):
        if tags is not None:
            return categories.offered(tags, name)
    tags = categories.category(name) if name and not (kind or service or code) else None
    return None if tags is None else categories.offered(tags, name)


def _or(tags: categories.Tags, name: str, said: tuple[str, ...]) -> tuple[str, ...]:
    """What the rules make of word and name; what was said outright where they have nothing to say against it."""
    found = categories.offered(tags, name)
    return found if found else said


def apart(mine: gpd.GeoDataFrame, theirs: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Facilities of a list with ids that none has yet: two lists may be called alike."""
    taken = set(theirs["facility"].astype(str))
    new: dict[str, str] = {}
    for one in dict.fromkeys(mine["facility"]):
        other, number = one, 2
        while other in taken:
            other, number = f"{one} ({number})", number + 1
        new[one] = other
    return mine.assign(facility=[new[one] for one in mine["facility"]])


def at_buildings(table: Located, buildings: gpd.GeoDataFrame, zones: gpd.GeoDataFrame, plane: Plane) -> None:
    """Place the rows that have no coordinates at the building that they name, where exactly one fits."""
    bare = ~table.placed
    if not bare.any():
        return
    found = ledger.building_rows(table, buildings, zones, plane)
    rows_ = np.flatnonzero(bare & (found >= 0))
    table.shapes[rows_] = buildings.geometry.to_numpy()[found[rows_]]


def joined(
    mine: gpd.GeoDataFrame, theirs: gpd.GeoDataFrame, mode: Mapping[str, str], plane: Plane, findings: Findings
) -> gpd.GeoDataFrame:  # fmt: skip
    """The map's facilities and the planner's, each once.

    A facility of the planner's is the map's when both are near and called alike, the nearest first and each one once: then the map's stays
    (it may have doors and an outline), with both sources. With mode `replace` the map's facilities of a service make way.
    """
    out: list[gpd.GeoDataFrame] = []
    for service in sorted({*mine["service"], *theirs["service"]}):
        map_, list_ = theirs[theirs["service"] == service], mine[mine["service"] == service]
        if len(list_) and mode.get(service) == "replace":
            mapped = map_["source"].str.startswith("osm").to_numpy()  # another list of the planner's stays
            findings.extend("tables.replaced_facility", map_["facility"][mapped], service)
            map_ = map_[~mapped]
        out.append(_joined(service, list_.reset_index(drop=True), map_.reset_index(drop=True), plane, findings))
    if not out:
        return theirs
    both = pd.concat([part for part in out if len(part)] or out, ignore_index=True).sort_values(["service", "facility"], kind="stable")
    return gpd.GeoDataFrame(both.reset_index(drop=True), geometry="geometry", crs="EPSG:4326")


def _joined(service: str, mine: gpd.GeoDataFrame, theirs: gpd.GeoDataFrame, plane: Plane, findings: Findings) -> gpd.GeoDataFrame:
    if not len(mine) or not len(theirs):
        return theirs if len(theirs) else mine
    rule = {**rules.settings("tables"), **rules.settings(f"tables_{service}", optional=True)}
    a, b = plane.project(mine.geometry.to_numpy()), plane.project(theirs.geometry.to_numpy())
    left, right = shapely.STRtree(b).query(a, predicate="dwithin", distance=rule["same_facility_m"])
    metres = shapely.distance(a[left], b[right])
    free_left, free_right = set(range(len(mine))), set(range(len(theirs)))
    out = theirs.copy()
    for place in np.lexsort((right, left, metres)):
        one, other = int(left[place]), int(right[place])
        if one not in free_left or other not in free_right:
            continue
        mine_name, their_name = str(mine["name"].iloc[one]), str(theirs["name"].iloc[other])
        if not (alike(mine_name, their_name) or ("" in (mine_name, their_name) and metres[place] <= rule["same_unnamed_m"])):
            continue
        free_left.discard(one)
        free_right.discard(other)
        row = out.index[other]
        out.loc[row, "name"] = their_name or mine_name
        out.loc[row, "source"] = f"{theirs['source'].iloc[other]}; {mine['source'].iloc[one]}"
        out.loc[row, "merged"] = f"{theirs['merged'].iloc[other]} {mine['facility'].iloc[one]}".strip()
        findings.add("sources.merged_facility", str(mine["facility"].iloc[one]), f"the same {service} as {theirs['facility'].iloc[other]}")
    return gpd.GeoDataFrame(pd.concat([out, mine.iloc[sorted(free_left)]], ignore_index=True), geometry="geometry", crs="EPSG:4326")


def alike(one: str, other: str) -> bool:
    """Whether two names are likely one facility's: the same, one inside the other, or mostly the same letters.

    >>> alike("矿山路社区卫生服务站", "社区卫生服务站"), alike("全家", "罗森"), alike("华联超市(亦庄店)", "华联超市亦庄店")
    (True, False, True)
    """
    a, b = words.plain(one.replace("(", "").replace(")", "").replace("（", "").replace("）", "")), words.plain(other)
    if not a or not b:
        return False
    short, long = sorted((a, b), key=len)
    return a == b or (len(short) >= _CONTAINED and short in long) or SequenceMatcher(None, a, b).ratio() >= _ALIKE
