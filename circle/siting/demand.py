"""Who waits for what: the demands of a plan, and the options that stations and passages open to them.

Takes: the ground, services, candidates, passages.   Gives: a `Problem`, and how far its proof reaches.
Never: adds up effects that do not add up: a station through a passage is an option of its own, measured as such.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from circle import access, schema
from circle.errors import RuleError
from circle.linkage import Links
from circle.siting.candidates import Candidates
from circle.siting.coverage import Homes, Spots, Walks, between, walks
from circle.siting.cut import Cut, cut
from circle.siting.ground import Ground
from circle.siting.problem import NONE, TOLERANCE_S, Demands, Measures, Problem
from circle.units import limit_seconds

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Bools = NDArray[np.bool_]

WEIGHTS = ("households", "population", "buildings")


@dataclass(frozen=True, slots=True)
class Who:
    """Whom a plan is for.

    Attributes: `services`, `weight` (households, population, buildings, or a column of the buildings), `elderly` (a person of the column
    `elderly` counts so many times; 1: as anyone), `zones` (layer whose worst zone comes first; empty: none), `area_m2` (floor area that a
    service needs for 100 of the weight, by service).
    """

    services: tuple[str, ...]
    weight: str = "households"
    elderly: float = 1.0
    zones: str = ""
    area_m2: Mapping[str, float] | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """The question as a `Problem`, and what it was made of.

    Attributes: `problem`, `stations` (candidates), `passages` (table), `only_by_several` (demands that some station or facility reaches in
    time only through several new passages, which no option stands for), `speed_m_per_s`.
    """

    problem: Problem
    stations: Candidates
    passages: gpd.GeoDataFrame
    only_by_several: Ints
    speed_m_per_s: float


def weights(buildings: pd.DataFrame, who: Who) -> Floats:
    """How much each building counts; 0 where nobody lives.

    Raises
    ------
    RuleError   there is no such column, or no column `elderly`
    """
    counted = buildings["residential"].to_numpy(dtype=bool)
    if who.weight == "buildings":
        base = np.ones(len(buildings))
    elif who.weight in buildings and pd.api.types.is_numeric_dtype(buildings[who.weight]):
        base = np.nan_to_num(buildings[who.weight].to_numpy(dtype=float))
        if not (base[counted] > 0).any():  # a run has such columns whether or not anybody counted
            raise RuleError(f"No home of the run has a number in “{who.weight}”: give the run a ledger that counts it, or another weight.")
    else:
        raise RuleError(f"There is no weight “{who.weight}”. Choose one of {', '.join(WEIGHTS)}, or a column of numbers of the buildings.")
    if who.elderly != 1.0:
        if "elderly" not in buildings or buildings["elderly"].isna().all():
            raise RuleError("The run does not know how many elderly people live where: give a ledger with a column of them, or no weight.")
        persons = np.maximum(buildings["population"].to_numpy(dtype=float), 1e-9)
        share = np.clip(np.nan_to_num(buildings["elderly"].to_numpy(dtype=float)) / persons, 0.0, 1.0)
        base = base * (1 + (who.elderly - 1) * share)
    return np.where(counted, np.maximum(base, 0.0), 0.0)


def missing(buildings: pd.DataFrame, who: Who) -> int:
    """Homes whose weight nobody knows, or whose elderly, where these count more. A plan says of how many it took 0 for the number."""
    asked = [name for name in (who.weight, "elderly" if who.elderly != 1.0 else who.weight) if name in buildings]
    unknown = buildings[asked].isna().any(axis=1).to_numpy(dtype=bool)
    return int((buildings["residential"].to_numpy(dtype=bool) & unknown).sum())


def demands(ground: Ground, who: Who) -> Demands:
    """One demand for each building that counts and each service.

    Raises
    ------
    RuleError   a service is not in the run's standard, a zone layer is not in the run, or nobody is counted
    """
    known = [limit.service for limit in ground.standard.services]
    wrong = [service for service in who.services if service not in known]
    if wrong or not who.services:
        raise RuleError(f"There is no service “{''.join(wrong[:1])}” in this run's standard. It has: {', '.join(known)}.")
    buildings = ground.tables["buildings"]
    weight = weights(buildings, who)
    rows = np.flatnonzero(weight > 0)
    if not len(rows):
        raise RuleError("Nobody lives in any building of the run, so that nobody waits for a service: there is nothing to site.")
    zone = np.full(len(buildings), NONE)
    if who.zones:
        column = schema.zone_column(who.zones)
        if column not in buildings:
            raise RuleError(f"The run has no zones “{who.zones}”. Name a layer of zones that it has, or leave it out.")
        text = buildings[column].astype(str)
        codes, _ = pd.factorize(text.where(text != ""), sort=True)
        zone = codes.astype(np.intp)
    count = len(who.services)
    need = [(who.area_m2 or {}).get(service, 0.0) / 100 for service in who.services]
    return Demands(
        weight=np.tile(weight[rows], count),
        current_s=np.concatenate([ground.current_s(service)[rows] for service in who.services]),
        limit_s=np.repeat([limit_seconds(ground.standard.limit(service).limit_min) for service in who.services], len(rows)),
        service=np.repeat(np.arange(count), len(rows)),
        zone=np.tile(zone[rows], count),
        building=np.tile(rows, count),
        area_m2=np.repeat(need, len(rows)),
    )


def ask(ground: Ground, who: Who, stations: Candidates, passages: gpd.GeoDataFrame, *, within: bool) -> Asked:
    """Measure everything that a plan may open.

    Parameters
    ----------
    within
        Only walks within the limits of those who wait matter (coverage models); else every walk that is shorter than today's.
    """
    wanted = demands(ground, who)
    limit = float(wanted.limit_s.max()) if within else float(wanted.current_s.max(initial=0.0))
    rows = np.unique(wanted.building[~wanted.met] if within else wanted.building)
    ground = ground.looked(rows)
    shut = cut(ground, passages, opened=False)
    homes = Homes.of(shut.ground, rows)
    spots = Spots.of_links(shut.ground.graph, shut.moved(stations.links), len(stations), ground.speed_m_per_s)
    maker = _Maker(wanted, len(ground.tables["buildings"]), len(stations), who.services, within)
    alone = walks(shut.ground, spots, limit, homes)
    maker.add(alone, alone.spot, _offers(stations, who.services))
    maker.options(np.column_stack([np.arange(len(stations)), np.full(len(stations), NONE)]))
    several = np.empty(0, dtype=np.intp)
    if len(passages):
        _passages_alone(shut, maker, (len(stations), limit, who.services), homes)
        _through(shut, spots, maker, (alone, limit, _offers(stations, who.services)), homes)
        if len(passages) > 1 and within:
            several = _several(ground, (stations, passages), maker, limit)
    return Asked(maker.problem(_measures(stations, passages)), stations, passages, several, ground.speed_m_per_s)


def _offers(stations: Candidates, services: Sequence[str]) -> Bools:
    """Which of the services each candidate may offer."""
    said = [stations.services(row) for row in range(len(stations))]
    return np.asarray([[not words or service in words for service in services] for words in said], dtype=bool).reshape(-1, len(services))


def _measures(stations: Candidates, passages: gpd.GeoDataFrame) -> Measures:
    count = len(stations)
    table = stations.table

    def both(name: str) -> NDArray[np.generic]:
        return np.concatenate([table[name].to_numpy(), passages[name].to_numpy()]) if len(passages) else table[name].to_numpy()

    area = np.r_[table["area_m2"].to_numpy(dtype=float), np.full(len(passages), np.inf)]
    passage = np.arange(count + len(passages)) >= count
    return Measures(passage, both("cost").astype(float), both("required").astype(bool), both("forbidden").astype(bool), area)


class _Maker:
    """Gathers options and their walks, demand by demand."""

    def __init__(self, wanted: Demands, buildings: int, stations: int, services: Sequence[str], within: bool) -> None:  # noqa: FBT001
        self.wanted, self.within, self.stations, self.services = wanted, within, stations, services
        self.met = wanted.met
        self.row = np.full((len(services), buildings), NONE)
        self.row[wanted.service, wanted.building] = np.arange(len(wanted))
        self.needs: list[Ints] = []
        self.parts: list[tuple[Ints, Ints, Floats]] = []
        self.size = 0

    def useful(self, found: Walks, option: Ints, offers: Bools) -> tuple[Ints, Ints, Floats]:
        """Walks of options that offer a service, as demands: those that are shorter than today's, and in time where only that matters."""
        parts = []
        for number in range(len(self.services)):
            demand = self.row[number, found.building]
            kept = (demand >= 0) & offers[found.spot, number]
            demand, mine, cost = demand[kept], option[kept], found.seconds[kept]
            good = cost < self.wanted.current_s[demand]
            if self.within:
                good &= (cost <= self.wanted.limit_s[demand] + TOLERANCE_S) & ~self.met[demand]
            parts.append((demand[good], mine[good], cost[good]))
        demands_, options, costs = (np.concatenate(each) for each in zip(*parts, strict=True))
        return demands_, options, costs

    def add(self, found: Walks, option: Ints, offers: Bools) -> None:
        """Add walks; `option` counts from the next block of options."""
        demand, mine, cost = self.useful(found, option, offers)
        self.parts.append((demand, mine + self.size, cost))

    def options(self, needs: Ints) -> None:
        """Add the block of options that the walks before belong to."""
        self.needs.append(needs)
        self.size += len(needs)

    def joined(self) -> tuple[Ints, Ints, Floats]:
        """All walks so far."""
        demand, option, cost = (np.concatenate(each) for each in zip(*self.parts, strict=True))
        return demand, option, cost

    def problem(self, measures: Measures) -> Problem:
        """The question."""
        return Problem(measures, self.wanted, np.concatenate(self.needs), *self.joined())


def _passages_alone(shut: Cut, maker: _Maker, given: tuple[int, float, Sequence[str]], homes: Homes) -> None:
    """Each passage by itself, on the way to what exists: a search from both its ends, with what remains behind the other end."""
    stations, limit, services = given
    count, ground = len(shut.begin), shut.ground
    passage = np.r_[np.arange(count), np.arange(count)]
    place, other = np.r_[shut.begin, shut.end], np.r_[shut.end, shut.begin]
    for number, service in enumerate(services):
        links, rows = ground.offered(service)
        beyond = search_from(ground, links, rows)[other] + shut.seconds[passage]
        found = walks(ground, Spots(count, passage, place, beyond), limit, homes)
        only = np.zeros((count, len(services)), dtype=bool)
        only[:, number] = True
        maker.add(found, found.spot, only)
    maker.options(np.column_stack([np.arange(stations, stations + count), np.full(count, NONE)]))


def let_in(rows: pd.DataFrame) -> Bools | None:
    """Which facilities let visitors in; None where the run does not say: all do."""
    return rows["visitors"].to_numpy(dtype=bool) if "visitors" in rows else None


def search_from(ground: Ground, links: Links, rows: pd.DataFrame) -> Floats:
    """Seconds from every place to the nearest of some facilities."""
    return access.search(ground.graph, links, len(rows), ground.speed_m_per_s, let_in(rows)).seconds


def _through(shut: Cut, spots: Spots, maker: _Maker, given: tuple[Walks, float, Bools], homes: Homes) -> None:
    """Each station through each passage, where that is shorter than without."""
    alone, limit, offers = given
    count, ground = len(shut.begin), shut.ground
    place = np.r_[shut.begin, shut.end]
    spot, end, cost = between(ground, spots, place, limit)
    behind: Floats = np.full((spots.count, 2 * count), np.inf)
    behind[spot, end] = cost
    through = np.concatenate([behind[:, count:], behind[:, :count]], axis=1) + np.r_[shut.seconds, shut.seconds]
    station, side = np.nonzero((through < behind) & (through <= limit + TOLERANCE_S))
    keys, pair = np.unique(station * count + side % count, return_inverse=True)
    pairs = np.column_stack([keys // count, keys % count + spots.count])
    found = walks(ground, Spots(len(keys), pair, place[side], through[station, side]), limit, homes)
    # what the station reaches as soon without the passage is no walk through it
    buildings = homes.count
    known = alone.spot * buildings + alone.building
    order = np.argsort(known)
    mine = pairs[found.spot, 0] * buildings + found.building
    at = np.minimum(np.searchsorted(known[order], mine), max(len(known) - 1, 0))
    before = np.where(known[order][at] == mine, alone.seconds[order][at], np.inf) if len(known) else np.full(len(mine), np.inf)
    kept = found.seconds < before - TOLERANCE_S
    found = Walks(found.building[kept], found.spot[kept], found.seconds[kept])
    used, number = np.unique(found.spot, return_inverse=True)
    maker.add(Walks(found.building, pairs[found.spot, 0], found.seconds), number, offers)
    maker.options(pairs[used])


def _several(ground: Ground, given: tuple[Candidates, gpd.GeoDataFrame], maker: _Maker, limit: float) -> Ints:
    """Demands that something reaches in time when all passages are open, and that no option of a single passage stands for."""
    stations, passages = given
    wide = cut(ground, passages, opened=True)
    demand, option, _ = maker.joined()
    needs = np.concatenate(maker.needs)
    target = np.where(needs[option, 0] < len(stations), needs[option, 0], len(stations))  # the station, or what exists
    known = np.unique(target * len(maker.wanted) + demand)
    spots = Spots.of_links(wide.ground.graph, wide.moved(stations.links), len(stations), ground.speed_m_per_s)
    found = walks(wide.ground, spots, limit, Homes.of(wide.ground, np.unique(maker.wanted.building[~maker.met])))
    reached, station, _ = maker.useful(found, found.spot, _offers(stations, maker.services))
    keys = [station * len(maker.wanted) + reached]
    for number, service in enumerate(maker.services):
        links, rows = wide.ground.offered(service)
        reach = access.search(wide.ground.graph, links, len(rows), ground.speed_m_per_s, let_in(rows))
        walk = access.measure(wide.ground.graph, wide.ground.mine, maker.row.shape[1], links, reach, ground.speed_m_per_s)
        mine = maker.row[number]
        rows_ = np.flatnonzero(mine >= 0)
        in_time = walk.seconds[rows_] <= maker.wanted.limit_s[mine[rows_]] + TOLERANCE_S
        better = mine[rows_][in_time & ~maker.wanted.met[mine[rows_]]]
        keys.append(len(stations) * len(maker.wanted) + better)
    extra = np.setdiff1d(np.concatenate(keys), known)
    return np.unique(extra % len(maker.wanted)).astype(np.intp)


def only_spots(stations: Candidates, rows: Bools) -> Candidates:
    """Some of the candidates."""
    place = np.cumsum(rows) - 1
    links = stations.links.take(rows[stations.links.row])
    return Candidates(stations.table[rows].reset_index(drop=True), replace(links, row=place[links.row]), stations.unlinked)
