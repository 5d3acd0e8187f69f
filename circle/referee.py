"""The referee: a sample of minutes, worked out again with plain networkx.

Takes: the tables of a run, as saved.   Gives: the worst difference in seconds between what the run says and what networkx finds.
Never: uses the engine's arrays, or its search.

For each building of the sample the network around it is cut out, generously: a shortest walk of t seconds cannot leave a circle of
t × speed metres. Within that, networkx (Dijkstra on a graph with the links of the building and of the facilities as edges) must find the
same seconds, and nothing shorter.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from circle.access import shortest_seconds, to_networkx
from circle.units import SECONDS_PER_MINUTE, seconds

Ints = NDArray[np.intp]
Places = tuple[NDArray[np.float64], NDArray[np.float64]]  # bounds of the edges; centres of the buildings

LARGEST_CUT = 4_000  # edges; a walk whose piece of network is larger is left to `circle verify`
CLUSTERS = 4  # at most; a smaller sample has fewer, of `TOGETHER` buildings or more
TOGETHER = 6
MARGIN_M = 300.0  # legs, and what a degree is worth, lie within


@dataclass(frozen=True, slots=True)
class Check:
    """What the referee found: `sample` walks (building × service) compared, `worst_difference_s` among them."""

    sample: int
    worst_difference_s: float


@dataclass(frozen=True, slots=True)
class Tables:
    """The saved tables that a check needs."""

    buildings: gpd.GeoDataFrame
    facilities: gpd.GeoDataFrame
    edges: gpd.GeoDataFrame
    links: pd.DataFrame


def check(
    tables: Tables, services: tuple[str, ...], speed_m_per_s: float, *, sample: int, seed: int, among: NDArray[np.bool_] | None = None
) -> Check:
    """Work out again `sample` buildings, drawn at random (`among`: only of these), for every service.

    Walks whose piece of network would exceed `LARGEST_CUT` edges are not compared, and not counted.
    """
    free = np.ones(len(tables.buildings), dtype=bool) if among is None else among
    if not free.any() or not sample:
        return Check(0, 0.0)
    box = tables.buildings.geometry.bounds.to_numpy()
    places = tables.edges.geometry.bounds.to_numpy(), (box[:, :2] + box[:, 2:]) / 2
    compared, worst = 0, 0.0
    for rows in _drawn(places, free, sample, np.random.default_rng(seed)):
        for service in services:
            done, difference = _cluster(tables, service, rows, speed_m_per_s, places)
            compared += done
            worst = max(worst, difference)
    return Check(compared, float(worst))


def _drawn(places: Places, free: NDArray[np.bool_], sample: int, draw: np.random.Generator) -> Iterator[Ints]:
    """Rows of `free` buildings, drawn at random; where the network is large in a few clusters, so that one piece of it serves several."""
    bounds, centre = places
    if len(bounds) <= LARGEST_CUT:
        rows = np.flatnonzero(free)
        yield draw.choice(rows, min(sample, len(rows)), replace=False)
        return
    clusters = min(CLUSTERS, -(-sample // TOGETHER))
    each = -(-sample // clusters)
    for _ in range(clusters):
        if not free.any():
            return
        heart = centre[draw.choice(np.flatnonzero(free))]
        distance = np.where(free, np.abs(centre - heart).sum(axis=1), np.inf)
        rows = np.argpartition(distance, min(each, len(centre)) - 1)[:each]
        rows = rows[free[rows]]
        free = free.copy()
        free[rows] = False
        yield rows


def _cluster(tables: Tables, service: str, rows: Ints, speed_m_per_s: float, places: Places) -> tuple[int, float]:
    """Compare some buildings for one service: how many walks, and the worst difference in seconds."""
    bounds, centre = places
    buildings = tables.buildings.iloc[rows]
    told = buildings[f"minutes_{service}"].to_numpy() * SECONDS_PER_MINUTE
    reach_m = np.max(told, where=np.isfinite(told), initial=0.0) * speed_m_per_s + MARGIN_M
    dx, dy = reach_m / (111_320 * max(np.cos(np.radians(centre[rows, 1].mean())), 0.01)), reach_m / 110_540
    (west, south), (east, north) = centre[rows].min(axis=0) - np.asarray([dx, dy]), centre[rows].max(axis=0) + np.asarray([dx, dy])
    inside = (bounds[:, 0] <= east) & (bounds[:, 2] >= west) & (bounds[:, 1] <= north) & (bounds[:, 3] >= south)
    if inside.sum() > LARGEST_CUT:
        return 0, 0.0
    columns = ["edge", "u", "v", "length_m", "seconds_forward", "seconds_backward", "access"]
    cut = np.flatnonzero(inside)
    edges = pd.DataFrame({name: tables.edges[name].take(cut).to_numpy() for name in columns})
    links = tables.links[inside[tables.links["edge"].to_numpy()]]
    mine = links[(links["kind"] == "building") & links["id"].isin(buildings["building"])]
    offered = tables.facilities.loc[tables.facilities["service"] == service]
    theirs = links[(links["kind"] == "facility") & links["id"].isin(offered["facility"])]
    own = theirs["id"].astype("category").cat.remove_unused_categories()  # a city has a category for each of its buildings
    theirs = theirs.assign(visitors=own.map(dict(zip(offered["facility"], offered["visitors"], strict=True))).astype(bool))
    tied = [part.assign(leg_s=seconds(part["leg_m"].to_numpy(), speed_m_per_s)).merge(edges, on="edge") for part in (mine, theirs)]
    found = shortest_seconds(to_networkx(edges), *tied)
    again = np.asarray([found.get(building, np.inf) for building in buildings["building"]])
    differ = np.abs(np.where(again == told, 0.0, again - np.where(np.isfinite(told), told, 0.0)))
    differ[np.isinf(told) & np.isfinite(again)] = np.inf
    return len(rows), float(differ.max(initial=0.0))
