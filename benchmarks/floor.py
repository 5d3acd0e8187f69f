"""The floor: what libosmium alone needs to read a file and give every way the places of its nodes.

Takes: an OSM file.   Gives: seconds, printed as JSON.
Never: calls Python for an object; all of it is C++, with as many threads as libosmium likes.

    python benchmarks/floor.py WORK/las_palmas_16.osm.pbf

Nothing that starts from an OSM file can be faster than this, so `circle` is measured in multiples of it.
"""

from __future__ import annotations

import argparse
import json
import time

import osmium


def floor_s(source: str) -> float:
    """Seconds to read `source` once with node locations for ways."""
    start = time.perf_counter()
    with osmium.io.Reader(source) as reader:
        locations = osmium.NodeLocationsForWays(osmium.index.create_map("flex_mem"))
        locations.ignore_errors()
        osmium.apply(reader, locations)
    return time.perf_counter() - start


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="libosmium's own time to read a file with node locations.")
    parser.add_argument("source")
    print(json.dumps({"seconds": floor_s(parser.parse_args().source)}))
