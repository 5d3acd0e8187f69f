"""Draw the embedded place: takes nothing, gives kuangshan.osm.pbf, the same bytes every time.

A made-up community after a newspaper's report on 矿山路社区: six grids, old compounds behind walls with few gates along 矿一路, 矿二路 and
矿三路, a hill with steps, a railway, and 紫薇花园, new, walled, its gates turned away from the service centre. Nothing in it is a real
place; every tagged object says `source=synthetic`. Run it after a change to the tables beside it:

    python data/kuangshan/make.py [FILE]
"""

from __future__ import annotations

import sys
from pathlib import Path

import compounds
import grids
import quarters
import streets
import transit
from sheet import Sheet

HERE = Path(__file__).resolve().parent


def draw() -> Sheet:
    """Draw the whole town on one sheet."""
    sheet = Sheet()
    streets.draw(sheet)
    compounds.draw(sheet)
    quarters.draw(sheet)
    stops = transit.draw(sheet)
    sheet.join()
    transit.lines(sheet, stops)
    grids.draw(sheet)
    return sheet


def main(target: Path) -> None:
    """Write the file with a header box around all of it."""
    sheet = draw()
    lons, lats = [n[0] for n in sheet.nodes], [n[1] for n in sheet.nodes]
    sheet.write(target, (min(lons), min(lats), max(lons), max(lats)))
    counts = f"{len(sheet.nodes)} nodes, {len(sheet.ways)} ways, {len(sheet.relations)} relations"
    print(f"{target.name}: {counts}, {target.stat().st_size} bytes")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "kuangshan.osm.pbf")
