"""The referee: a sample of minutes, worked out again with plain networkx.

Takes: the tables of a run, as saved.   Gives: the worst difference in seconds between what the run says and what networkx finds.
Never: uses the engine's arrays, or its search.

For each building of the sample the network around it is cut out, generously: a shortest walk of t seconds cannot leave a circle of t × speed
metres. Within that, networkx (Dijkstra on a graph with the building's links and the facilities' links as edges) must find the same seconds,
and nothing shorter.
"""

from __future__ import annotations

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from circle.access import shortest_seconds, to_networkx
from circle.units import minutes, seconds

LARGEST_CUT = 60_000  # edges; a walk that needs more is left to `circle verify`


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


def check(tables: Tables, services: tuple[str, ...], speed_m_per_s: float, *, sample: int, seed: int) -> Check:
    """Work out again `sample` buildings, drawn at random, for every service.

    The sample is drawn in a few clusters, so that one piece of network serves several buildings. Walks whose piece would exceed
    `LARGEST_CUT` edges are not compared, and not counted.
    """
    if not len(tables.buildings) or not sample:
        return Check(0, 0.0)
    draw = np.random.default_rng(seed)
    bounds = tables.edges.geometry.bounds.to_numpy()
    centre = shapely.get_coordinates(shapely.centroid(tables.buildings.geometry.to_numpy()))
    chosen: list[int] = []
    compared, worst = 0, 0.0
    each = max(1, sample // 4)
    while len(chosen) < min(sample, len(centre)):
        heart = centre[draw.integers(len(centre))]
        near = np.argsort(((centre - heart) ** 2).sum(axis=1), kind="stable")
        cluster = [row for row in near[: each + len(chosen)] if row not in set(chosen)][:each]
        chosen += cluster
        done, difference = _cluster(tables, services, np.asarray(cluster), speed_m_per_s, (bounds, centre))
        compared += done
        worst = max(worst, difference)
    return Check(compared, float(worst))


def _cluster(
    tables: Tables, services: tuple[str, ...], rows: np.ndarray, speed_m_per_s: float, places: tuple[np.ndarray, np.ndarray]
) -> tuple[int, float]:
    bounds, centre = places
    buildings = tables.buildings.iloc[rows]
    known = buildings[[f"minutes_{service}" for service in services]].to_numpy()
    finite = known[np.isfinite(known)]
    reach_m = (finite.max() if len(finite) else 0.0) * 60 * speed_m_per_s + 1_000.0
    lat = np.radians(centre[rows, 1].mean())
    dx, dy = reach_m / (111_320 * max(np.cos(lat), 0.01)), reach_m / 110_540
    (west, south), (east, north) = centre[rows].min(axis=0) - (dx, dy), centre[rows].max(axis=0) + (dx, dy)
    inside = (bounds[:, 0] <= east) & (bounds[:, 2] >= west) & (bounds[:, 1] <= north) & (bounds[:, 3] >= south)
    if inside.sum() > LARGEST_CUT:
        return 0, 0.0
    edges = pd.DataFrame(tables.edges.drop(columns="geometry"))[inside]
    graph = to_networkx(edges)
    links = tables.links[tables.links["edge"].isin(edges["edge"])].join(
        edges.set_index("edge")[["u", "v", "length_m", "seconds_forward", "seconds_backward"]], on="edge"
    )
    links = links.assign(leg_s=seconds(links["leg_m"].to_numpy(), speed_m_per_s))
    mine = links[(links["kind"] == "building") & links["id"].isin(buildings["building"])]
    compared, worst = 0, 0.0
    for number, service in enumerate(services):
        ids = tables.facilities.loc[tables.facilities["service"] == service, "facility"]
        theirs = links[(links["kind"] == "facility") & links["id"].isin(ids)]
        found = shortest_seconds(graph, mine, theirs)
        for building, told in zip(buildings["building"], known[:, number], strict=True):
            again = minutes(found.get(building, np.inf))
            compared += 1
            if np.isfinite(told) or (np.isfinite(again) and again < told):
                worst = max(worst, abs(again - told) * 60 if np.isfinite(again) and np.isfinite(told) else np.inf)
    return compared, worst
