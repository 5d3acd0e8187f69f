"""The stack that one would build today: pyrosm reads the file, pandana links to it and asks for minutes to five services.

Takes: an OSM file.   Gives: seconds per step and a few counts, printed as JSON.
Never: imports circle. It runs in an environment of its own, with the newest pyrosm and pandana (see benchmarks/README.md).

    .venv-bench/bin/python benchmarks/peers.py WORK/las_palmas_16.osm.pbf

What it leaves out is in its favour: it links centroids to nodes, has no legs, walls, doors or verdicts, cuts the search at `CUT_M`, and
writes one table. The steps, the options and the filters are those of the two packages' own manuals.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import pandas as pd
from pyrosm import OSM

CUT_M = 5_000.0
SPEED_M_PER_S = 1.2
SERVICES: dict[str, dict[str, list[str]]] = {
    "shop": {"shop": ["convenience", "kiosk", "general"]},
    "market": {"amenity": ["marketplace"], "shop": ["greengrocer", "farm"]},
    "bus_stop": {"highway": ["bus_stop"]},
    "service_centre": {"amenity": ["community_centre", "townhall"]},
    "clinic": {"amenity": ["clinic", "doctors"]},
}


class Clock:
    """Seconds per step, in the order in which the steps were taken."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._since = time.perf_counter()

    def mark(self, step: str) -> None:
        """Say that everything since the last mark was `step`."""
        now = time.perf_counter()
        self.seconds[step] = now - self._since
        self._since = now


def minutes(source: str, engine: str | None, *, simplify: bool) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Minutes to five services for each building of `source`, and the record of how long each step took."""
    clock = Clock()
    osm = OSM(source, progress=False, **({"engine": engine} if engine else {}))
    nodes, edges = osm.get_network(network_type="walking", nodes=True)
    clock.mark("read network")
    buildings = osm.get_buildings()
    clock.mark("read buildings")
    keys: dict[str, list[str]] = {}
    for wanted in SERVICES.values():
        for key, values in wanted.items():
            keys.setdefault(key, []).extend(values)
    places = osm.get_pois(custom_filter=keys)
    clock.mark("read facilities")

    network = osm.to_graph(nodes, edges, graph_type="pandana", retain_all=True, simplify=simplify, progress=False)
    clock.mark("build network")

    starts = buildings.geometry.centroid
    node_of = network.get_node_ids(starts.x, starts.y)
    spots = places.geometry.representative_point()
    for service, wanted in SERVICES.items():
        offers = pd.concat([places[key].isin(values) for key, values in wanted.items() if key in places], axis=1).any(axis=1)
        if offers.any():
            network.set_pois(service, CUT_M, 1, spots[offers].x, spots[offers].y)
    clock.mark("link")

    table = pd.DataFrame({"building": buildings["id"].to_numpy()})
    for service in SERVICES:
        if service in network.poi_category_names:
            metres = network.nearest_pois(CUT_M, service, num_pois=1)[1]
            table[f"minutes_{service}"] = metres.reindex(node_of.to_numpy()).to_numpy() / SPEED_M_PER_S / 60
    clock.mark("search")

    with tempfile.TemporaryDirectory() as folder:
        table.to_csv(Path(folder) / "minutes.csv", index=False)
    clock.mark("write")
    record = {
        "seconds": clock.seconds,
        "total_s": sum(clock.seconds.values()),
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "buildings": len(buildings),
        "nodes": len(network.nodes_df),
        "edges": len(network.edges_df),
        "facilities": {service: len(network.poi_category_indexes.get(service, [])) for service in SERVICES},
    }
    return table, record


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # both packages warn about their own future; it is not ours to mend
    parser = argparse.ArgumentParser(description="Minutes to five services with pyrosm and pandana.")
    parser.add_argument("source")
    parser.add_argument("--engine", help="pyrosm's way of reading; its default if not given")
    parser.add_argument("--every-node", action="store_true", help="keep every node of every way, and link to the nearest")
    given = parser.parse_args()
    print(json.dumps(minutes(given.source, given.engine, simplify=not given.every_node)[1]))
