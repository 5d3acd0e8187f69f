"""Rerun: a run, changed by a scenario. Only what can change is computed again; nothing is read, and no building is tied anew.

Takes: the tables, summary and record of a run, a `Scenario`.   Gives: the same of the changed run, with `record["scenario"]`.
Never: changes its input, or shortens a computation in a way that could show: each service that the scenario touches is searched and
judged again as a whole, by the very code that a run uses, so that the answer is that of a full run on changed data, bit by bit.

A station or a moved or closed facility touches the services that it offers; a gate or a passage touches all.

Legs are seen as a run sees them. A new or moved facility is a point that is nobody's building: **all** its links are tested at once, from
the point to where each meets its edge, against all barriers and all outlines of buildings but one that the point lies in; those that
cross are left out where it has a clear one, else all stay, flagged. Links of buildings are tested **when a walk takes them**, each against
the barriers and all outlines but its own; what the run tested before is not tested again, and what it left out stays left out.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from pandas.api.types import union_categoricals

from circle import access, again, edits, gaps, judging, linkage, reasons, referee, restored, rules, schema, sight, summary
from circle.clock import Clock, Say
from circle.errors import Findings, PlaceError
from circle.projection import Plane
from circle.scenario import Scenario, without_services
from circle.standards import Limit, Standard

SOURCE = "scenario"
WORSE_MIN = 1e-9  # minutes; sums of the same seconds in another order differ by less
SEED = 20220617
WORDS = {"id": object, "kind": object, "flag": object}
CHECKED = 5  # the run itself was checked: of a change, networkx walks a fifth of the sample again

Ints = NDArray[np.intp]
Bools = NDArray[np.bool_]
Shapes = NDArray[np.object_]


@dataclass(frozen=True, slots=True)
class State:
    """A run as tables by name, its `summary` and its `record`."""

    tables: Mapping[str, Any]
    summary: Mapping[str, Any]
    record: Mapping[str, Any]


def apply(state: State, scenario: Scenario, say: Say | None = None) -> State:
    """The run after a scenario.

    Returns
    -------
    State whose tables, summary and record are those of a run on data that were changed so. `record["scenario"]` holds the scenario, and
    under `worse` how many buildings walk farther though nothing was taken away: more than none is a fault of ours, and a finding.

    Raises
    ------
    PlaceError
        The scenario names a facility or gate that the run does not have, or a passage that leads nowhere.
    """
    if state.record.get("public"):
        raise PlaceError("A run with --public withholds numbers that a scenario would count. Apply the scenario to a run without it.")
    clock = Clock({}, say)
    standard = Standard.from_dict(state.record["standard"])
    asked = [limit.service for limit in standard.services]
    fitting, idle = without_services(scenario, asked)
    after = _stand(state, fitting, standard, clock)
    findings = Findings(list(after.odd.items))
    findings.extend("scenario.idle", idle)
    tied = set(after.links.loc[(after.links["kind"] == "facility"), "id"].unique())
    alone = [one for one in after.fresh if one not in tied]
    if alone:
        farthest = rules.settings("linkage")["far_reach_m"]
        raise PlaceError(f"{alone[0]} stands more than {farthest:g} m from any path that could lead there: look at its lon and lat.")
    buildings, links = state.tables["buildings"], after.links
    if after.services:
        buildings, links = _walked(state, after, fitting, standard, (findings, clock))
    worse = _worse(state.tables["buildings"], buildings, asked) if scenario.only_adds else []
    if scenario.opened:
        worse = sorted(set(worse) - _otherwise(state.tables, after.net, links, asked))
    findings.extend("scenario.worse", worse)
    with clock.stage("gaps"):
        zones = _zones(state.tables["zones"], buildings, standard)
    with clock.stage("check"):
        checked = _checked(referee.Tables(buildings, after.facilities, after.net.edges, links), after.services, state)
    tables = {
        **after.told, "buildings": buildings, "facilities": after.facilities, "nodes": after.net.nodes, "edges": after.net.edges,
        "links": links, "zones": zones, "findings": _findings(state, findings, after),
    }  # fmt: skip
    names = [limit.service for limit in after.services]
    record = {
        **copy.deepcopy(dict(state.record)),
        "scenario": {**scenario.as_dict(), "recomputed": names, "worse": len(worse)},
        "counts": {name: len(tables[name]) for name in ("buildings", "facilities", "nodes", "edges")},
        "check": {"sample": checked.sample, "worst_difference_s": checked.worst_difference_s},
        "seconds": clock.seconds,
    }
    _declared(tables, state.tables, asked)
    return State(tables, _summary(state.summary, tables, standard), record)


@dataclass(frozen=True, slots=True)
class _After:
    """What stands after the edits, before anybody walks.

    Attributes: `told` (tables as they are now), `net` and `facilities` of them, `links` with what is tied anew; `services` whose walks
    may be others; ids of facilities that are `gone`, and of those that are `fresh`; `odd`, what was found while the ways were changed,
    and `stale`, the codes of findings that it takes the place of.
    """

    plane: Plane
    told: Mapping[str, Any]
    net: edits.Tables
    facilities: gpd.GeoDataFrame
    links: pd.DataFrame
    services: list[Limit]
    touched: set[str]
    gone: set[str]
    fresh: list[str]
    odd: Findings
    stale: set[str]


def _stand(state: State, scenario: Scenario, standard: Standard, clock: Clock) -> _After:
    """Change facilities and ways, and tie what is new."""
    plane = Plane.of_box(state.summary["extent"])
    facilities, touched, gone, fresh = _facilities(state.tables["facilities"], scenario, _outlines(state.tables["buildings"], scenario))
    with clock.stage("network"):
        told, odd = dict(state.tables), Findings()
        if scenario.changes_network:
            changed, odd = edits.edited(state.tables, scenario, plane, state.record["walker"])
            told, touched = {**told, **changed}, {limit.service for limit in standard.services}
        net = edits.Tables(told["nodes"], told["edges"], told["links"])
    with clock.stage("linkage"):
        inside = {station.id: station.building for station in scenario.stations if station.building}
        links = _links(net, facilities, (gone, fresh), (plane, inside), state.tables)
    services = [limit for limit in standard.services if limit.service in touched]
    stale = {"network.island"} if scenario.changes_network else set()
    stale |= {"network.enclosed"} if told.get("gates") is not state.tables.get("gates") else set()
    return _After(plane, told, net, facilities, links, services, touched, gone, fresh, odd, stale)


def _walked(
    state: State, after: _After, scenario: Scenario, standard: Standard, telling: tuple[Findings, Clock]
) -> tuple[gpd.GeoDataFrame, pd.DataFrame]:
    """Buildings as they are judged now, and links with what was seen of legs on the way."""
    findings, clock = telling
    with clock.stage("linkage"):
        moved = _moved(state.tables["facilities"], after.facilities, scenario, {*after.gone, *after.fresh})
        case, order = _case(state, after.net, after.links, after.facilities, after.plane, moved)
        case = replace(case, closed=_closed(state.tables, after.facilities, after.services))
    columns = judging.columns(case, after.services, findings, clock)
    links = _looked(after.links, case, order)
    made = {str(name) for part in columns for name in part}
    base = state.tables["buildings"].drop(columns=["verdict", "gaps", *made])
    return judging.judged(base, columns, standard), links


def _closed(before: Mapping[str, Any], facilities: gpd.GeoDataFrame, services: list[Limit]) -> frozenset[str]:
    """Services without any facility now that the data have some of: of which nobody was told before that none is mapped."""
    left = set(facilities["service"].astype(str))
    buildings = before["buildings"]
    unknown = {
        limit.service
        for limit in services
        if ((buildings[f"verdict_{limit.service}"] == "unmapped") & (buildings[f"reason_{limit.service}"] == "no_facility")).any()
    }
    return frozenset({limit.service for limit in services} - left - unknown)


def _zones(before: gpd.GeoDataFrame, buildings: gpd.GeoDataFrame, standard: Standard) -> gpd.GeoDataFrame:
    """The zones of the run, counted anew."""
    named = before[before["layer"] != "place"].drop_duplicates(["layer", "zone"]).astype({"layer": str}).reset_index(drop=True)
    place = before.loc[before["layer"] == "place"].geometry.iloc[0]
    return gaps.coverage(buildings, named[["layer", "zone", "name", "geometry"]], place, standard)


def _checked(tables: referee.Tables, services: list[Limit], state: State) -> referee.Check:
    """A part of the sample that a run checks, among those whose walk changed: the others were checked with the run itself."""
    names = tuple(limit.service for limit in services)
    sample = -(-int(rules.settings("check")["sample"]) // CHECKED)
    changed = _changed(state.tables["buildings"], tables.buildings, names)
    among = changed if changed.any() else None
    return referee.check(tables, names, float(state.record["walker"]["speed_m_per_s"]), sample=sample, seed=SEED, among=among)


def _changed(before: pd.DataFrame, after: pd.DataFrame, services: tuple[str, ...]) -> Bools:
    """Buildings whose minutes to some of the services are others than before."""
    out = np.zeros(len(after), dtype=bool)
    for service in services:
        out |= before[f"minutes_{service}"].to_numpy() != after[f"minutes_{service}"].to_numpy()
    return out


def _declared(tables: Mapping[str, Any], before: Mapping[str, Any], services: list[str]) -> None:
    """Tables that are not those of the run are held to their declared columns."""
    layers = schema.zone_layers(tables["buildings"].columns)
    for name in ("buildings", "facilities", "nodes", "edges", "links", "gates", "zones", "findings"):
        if name in tables and tables[name] is not before[name]:
            schema.check(tables[name], name, services, layers)


def _outlines(buildings: gpd.GeoDataFrame, scenario: Scenario) -> dict[str, shapely.Geometry]:
    """Outlines of the buildings that new stations are rooms of."""
    named = [station.building for station in scenario.stations if station.building]
    rows = buildings[buildings["building"].isin(named)]
    found = dict(zip(rows["building"].astype(str), rows.geometry, strict=True))
    for station in scenario.stations:
        if station.building and station.building not in found:
            raise PlaceError(
                f"{station.id} is to be a room of {station.building}, and the run has no such building. Leave it out, or name another."
            )
    return found


def _facilities(
    before: gpd.GeoDataFrame, scenario: Scenario, outlines: Mapping[str, shapely.Geometry]
) -> tuple[gpd.GeoDataFrame, set[str], set[str], list[str]]:
    """Facilities after the edits; services that they touch; ids whose links go, and ids that are to be tied."""
    known = before["facility"].astype(str)
    offered = before["service"].astype(str)
    for named in (*(move.facility for move in scenario.moves), *(closing.facility for closing in scenario.closings)):
        if not (known == named).any():
            raise PlaceError(f"The run has no facility {named} to change. See the column `facility` of its table of facilities.")
    for station in scenario.stations:
        if (known == station.id).any():
            raise PlaceError(f"The run has a facility {station.id} already. Give the station another id.")
    kept = np.ones(len(before), dtype=bool)
    touched: set[str] = set()
    for closing in scenario.closings:
        rows = (known == closing.facility) & (offered.isin(closing.services) if closing.services else True)
        if not rows.any():
            offers = ", ".join(sorted(offered[known == closing.facility]))
            raise PlaceError(f"{closing.facility} does not offer {', '.join(closing.services)}, so that cannot close. It offers: {offers}.")
        kept &= ~rows.to_numpy()
        touched |= set(offered[rows])
    after = before[kept].copy()
    shapes = after.geometry.to_numpy().copy()
    for move in scenario.moves:
        rows = (after["facility"].astype(str) == move.facility).to_numpy()
        shapes[rows] = shapely.Point(move.lon, move.lat)
        touched |= set(after["service"].astype(str)[rows])
    pairs = [(station, service) for station in scenario.stations for service in station.services]
    touched |= {service for _, service in pairs}
    new: dict[str, Any] = {
        "facility": [station.id for station, _ in pairs],
        "service": [service for _, service in pairs],
        "name": [station.name for station, _ in pairs],
        "source": SOURCE,
        "visitors": [rules.lets_visitors_in(service, {}) for _, service in pairs],
    }
    for column in after.columns:  # what else a run knows of a facility: of a new one, nothing
        if column not in new and column != "geometry":
            new[str(column)] = ""
    points = [outlines.get(station.building, shapely.Point(station.lon, station.lat)) for station, _ in pairs]
    plain = pd.DataFrame(after.drop(columns="geometry")).astype({"service": str})
    whole = pd.concat([plain, pd.DataFrame(new)], ignore_index=True) if pairs else plain.reset_index(drop=True)
    geometry = np.asarray([*shapes, *points, None], dtype=object)[:-1]
    table = gpd.GeoDataFrame(whole, geometry=geometry, crs=before.crs)[list(before.columns)]
    table = table.sort_values(["service", "facility"], kind="stable").reset_index(drop=True)
    moved = [move.facility for move in scenario.moves]
    gone = (set(known) - set(table["facility"])) | set(moved)
    return table, touched, gone, [*moved, *dict.fromkeys(station.id for station, _ in pairs)]


def _links(
    net: edits.Tables,
    facilities: gpd.GeoDataFrame,
    changed: tuple[set[str], list[str]],
    where: tuple[Plane, Mapping[str, str]],
    tables: Mapping[str, Any],
) -> pd.DataFrame:
    """Saved links without those of facilities that went, and with those that came, in the order in which a run saves them."""
    links = net.links
    gone, fresh = changed
    if not gone and not fresh:
        return links
    is_facility = (links["kind"] == "facility").to_numpy()
    mine, theirs = links[~is_facility], links[is_facility]
    theirs = theirs[~theirs["id"].isin(gone)]
    if fresh:
        shapes = facilities.drop_duplicates("facility").set_index("facility").geometry.loc[fresh].to_numpy()
        theirs = pd.concat([theirs.astype(WORDS), _tied(net, shapes, fresh, where, tables).astype(WORDS)], ignore_index=True)
    place = pd.Index(facilities["facility"].drop_duplicates()).get_indexer(theirs["id"].astype(str))
    theirs = theirs.iloc[np.argsort(place, kind="stable")]
    return _stacked(mine, theirs)


def _stacked(mine: pd.DataFrame, theirs: pd.DataFrame) -> pd.DataFrame:
    """Links one below the other, with words as a run has them; a city has many links and few words, so no word is looked at twice."""
    words: dict[str, tuple[str, ...] | None] = {"id": None, "kind": linkage.KINDS, "flag": linkage.FLAGS}
    parts = [part.drop(columns=list(words)).reset_index(drop=True) for part in (mine, theirs)]
    whole = pd.concat(parts, ignore_index=True)
    for column, known in words.items():
        both = [pd.Categorical(part[column]) for part in (mine, theirs)]
        both = [pd.Categorical.from_codes(each.codes, categories=each.categories.astype(str)) for each in both]
        one = union_categoricals(both).remove_unused_categories()
        whole[column] = one.set_categories(one.categories.sort_values() if known is None else list(known))
    return whole[list(mine.columns)]


def _tied(
    net: edits.Tables, shapes: Shapes, ids: list[str], where: tuple[Plane, Mapping[str, str]], tables: Mapping[str, Any]
) -> pd.DataFrame:
    """Links of new facilities, on as much of the network as they can reach; legs are tested, all of them, as a run tests facilities'.

    `where`: the plane, and the building that some of them are a room of.
    """
    plane, inside = where
    reach = rules.settings("linkage")["far_reach_m"] * 1.5
    west, south, east, north = shapely.total_bounds(shapes)
    up = reach / 110_000
    across = reach / (111_320 * max(np.cos(np.radians(max(abs(south), abs(north)))), 0.01))
    around = (west - across, south - up, east + across, north + up)
    rows = np.flatnonzero(again.within(net.edges, around))
    near = restored.network(net.nodes, net.edges, plane, rows)
    things = {name: tables[name][again.within(tables[name], around)] for name in ("barriers", "buildings") if name in tables}
    own = pd.Index(things["buildings"]["building"].astype(str)).get_indexer([inside.get(one, "") for one in ids])
    doors = tables["doors"]
    goals, _ = linkage.starts(plane.project(shapes), plane.project(doors.geometry.to_numpy()[doors["visit"].to_numpy(dtype=bool)]))
    found = restored.tied(goals, near, restored.obstacles(things, plane), own.astype(np.intp))
    table = linkage.table([("facility", replace(found, edge=rows[found.edge]), ids)], near)
    return table.astype({"id": str}).assign(seen=True)


def _case(
    state: State, net: edits.Tables, links: pd.DataFrame, facilities: gpd.GeoDataFrame, plane: Plane, moved: gpd.GeoDataFrame | None
) -> tuple[judging.Case, Ints]:
    """What a judgement rests on, out of saved tables, and the row of the buildings' links that each of `mine` is.

    `moved`: where facilities changed, if nothing else did: barriers are then asked about again only where the answer may be another.
    """
    buildings, doors = state.tables["buildings"], state.tables["doors"]
    outlines = plane.project(buildings.geometry.to_numpy())
    spots = plane.project(doors.geometry.to_numpy())
    starts, _ = linkage.starts(outlines, spots[doors["home"].to_numpy(dtype=bool)])
    goals, _ = linkage.starts(plane.project(facilities.geometry.to_numpy()), spots[doors["visit"].to_numpy(dtype=bool)])
    tied = links[(links["kind"] == "building").to_numpy()]
    mine, order = restored.links(tied, pd.Index(buildings["building"].astype(str)), plane)
    ids = pd.Index(facilities["facility"].drop_duplicates().astype(str))
    once, _ = restored.links(links[(links["kind"] == "facility").to_numpy()], ids, plane)
    place = ids.get_indexer(facilities["facility"].astype(str))
    low, high = np.searchsorted(once.row, place, side="left"), np.searchsorted(once.row, place, side="right")
    many = high - low
    take = np.repeat(low - np.r_[0, np.cumsum(many)[:-1]], many) + np.arange(int(many.sum())) if len(many) else np.empty(0, dtype=np.intp)
    theirs = replace(once.take(take), row=np.repeat(np.arange(len(place)), many))
    streets = None
    if state.summary["extent_from"] == "data":
        x, y = plane.forward(*shapely.get_coordinates(state.tables["edges"].geometry.to_numpy()).T)
        streets = x, y
    west, south, east, north = state.summary["extent"]
    where = judging.setting((west, south, east, north), streets, plane, starts, mine)
    told = restored.known(tied)[order]
    untold = bool((told == sight.UNKNOWN).any())
    barred = "barriers" in state.tables
    # where a run knows all its legs none is tested again, and nothing but a change of the ways asks of all barriers anew
    whole = restored.network(net.nodes, net.edges, plane, None if untold or moved is None else np.empty(0, dtype=np.intp))
    things = (
        restored.obstacles(state.tables, plane, outlines) if untold else sight.Obstacles(outlines[:0], outlines[:0]) if barred else None
    )
    seen = restored.seen(mine, told, whole, things, len(buildings))
    openings = None
    if barred:
        openings = (
            reasons.Openings(state.tables["barriers"], whole, outlines)
            if moved is None
            else again.Again(state.tables, outlines, where, moved, plane)
        )
    speed = float(state.record["walker"]["speed_m_per_s"])
    graph = access.Graph.of(net.edges, net.nodes)
    return judging.Case(facilities, graph, mine, theirs, where, goals, speed, seen, openings), order


def _moved(before: gpd.GeoDataFrame, after: gpd.GeoDataFrame, scenario: Scenario, changed: set[str]) -> gpd.GeoDataFrame | None:
    """Where facilities stood or stand that came, moved or closed: `service` and shapes; None where the ways themselves change."""
    if scenario.changes_network:
        return None
    ids = {*changed, *(each.facility for each in scenario.closings)}
    parts = [table[table["facility"].astype(str).isin(ids)][["service", "geometry"]].astype({"service": str}) for table in (before, after)]
    return gpd.GeoDataFrame(pd.concat(parts, ignore_index=True), geometry="geometry", crs=before.crs)


def _looked(links: pd.DataFrame, case: judging.Case, order: Ints) -> pd.DataFrame:
    """Links with what was found out of the buildings' legs while their walks were searched."""
    if case.seen is None or (not case.seen.tested and "seen" in links):
        return links
    mine = (links["kind"] == "building").to_numpy()
    looked = restored.table_again(links[mine], order, case.seen)
    return _stacked(looked, links[~mine]).astype({"rank": links["rank"].dtype})


def _worse(before: pd.DataFrame, after: pd.DataFrame, services: list[str]) -> list[str]:
    """Buildings whose walk became longer, or whose verdict fell from met."""
    longer = np.zeros(len(before), dtype=bool)
    for service in services:
        was, now = before[f"minutes_{service}"].to_numpy(), after[f"minutes_{service}"].to_numpy()
        longer |= now > was + WORSE_MIN
        longer |= ((before[f"verdict_{service}"] == "met") & (after[f"verdict_{service}"] != "met")).to_numpy()
    return [str(one) for one in before["building"].to_numpy()[longer]]


def _otherwise(tables: Mapping[str, Any], net: edits.Tables, after: pd.DataFrame, services: list[str]) -> set[str]:
    """Buildings whose walk an opened gate may lengthen and be right, because the walk before was led where nobody walks now.

    Where every gate was shut, a leg led through the wall, and it no longer does. And where ways that were the residents' own are
    everybody's now, a private way that they went on to, or came by, is a through-way, which it may not be.
    """
    buildings, before = tables["buildings"], tables["links"]
    odd = set(before.loc[before["flag"].isin(["crossing", "island"]), "id"].astype(str))
    whose = [
        frozenset(zip(links["id"].astype(str), edges["access"].astype(str).to_numpy()[links["edge"].to_numpy()], strict=True))
        for links, edges in ((before, tables["edges"]), (after, net.edges))
    ]
    odd |= {one for one, _ in whose[0] ^ whose[1]}
    rows = buildings["building"].astype(str).isin(odd).to_numpy()
    for service in services:
        rows = rows | buildings[f"facility_{service}"].astype(str).isin(odd).to_numpy()
    return set(buildings["building"].astype(str)[rows])


def _findings(state: State, more: Findings, after: _After) -> pd.DataFrame:
    """Findings after the edits: what was said of services and facilities that changed, and of ways that did, is said anew."""
    before = state.tables["findings"]
    code, detail, identity = (before[name].astype(str) for name in ("code", "detail", "id"))
    stale = (code == "sources.no_facility") & detail.isin(after.touched)
    stale |= (code == "linkage.unlinked") & identity.isin(after.gone)
    stale |= code.isin(after.stale)
    kept = Findings()
    for row in before[~stale].itertuples(index=False):
        kept.add(str(row.code), str(row.id), str(row.detail))
    kept.items.extend(more.items)
    return summary.finding_table(kept)


def _summary(before: Mapping[str, Any], tables: Mapping[str, Any], standard: Standard) -> dict[str, Any]:
    """The summary of the run, with what a scenario can change counted anew."""
    offered = tables["facilities"]["service"].value_counts()
    counts = {
        **before["counts"],
        "facilities": {limit.service: int(offered.get(limit.service, 0)) for limit in standard.services},
        "nodes": len(tables["nodes"]),
        "edges": len(tables["edges"]),
    }
    said = Counter(str(code) for code in tables["findings"]["code"])
    return {
        **copy.deepcopy(dict(before)),
        "counts": counts,
        "shares": gaps.shares(tables["buildings"], standard),
        **gaps.counts(tables["buildings"], standard),
        "findings": dict(sorted(said.items(), key=lambda item: (-item[1], item[0]))),
    }
