"""The page of a run over an online map; where that map is drawn in GCJ-02, all of the page is.

Takes: the folder of a run, a `Basemap`.   Gives: `map.html` there.
Never: changes a table of the run. What leaves such a page, its address and its scenarios, is in WGS 84 again.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import shapely

from circle import folder, rules
from circle.errors import RuleError
from circle.publish import page
from circle.publish.basemap import Basemap
from circle.sources.coordinates import shifted_here, wgs_to_gcj


def draw(run_folder: str | Path, under: Basemap) -> Path:
    """Write the page of a saved run with an online map that its reader may turn on, and return where it lies.

    Raises
    ------
    RuleError
        The run is so large that it is published in parts; or the map is in GCJ-02, and the place does not lie in mainland China.
    OutputError, SourceError, SchemaError
        As `page.build`.
    """
    place = Path(run_folder)
    summary = folder.read_record(place, "summary")
    most = int(rules.settings("publish")["page_most"])
    if int(summary["counts"]["buildings"]) > most:
        raise RuleError(f"{place}: a run of more than {most:,} buildings is published in parts, which have no online map. Leave it out.")
    if not under.shifted:
        return page.build(place, basemap=under)
    west, south, east, north = summary["extent"]
    if not shifted_here([west, west, east, east], [south, north, south, north]).all():
        raise RuleError(f"--basemap {under.name} is drawn in GCJ-02, which is for mainland China alone. Choose osm for this place.")
    with tempfile.TemporaryDirectory() as beside:
        shifted = Path(beside)
        for file in sorted(place.glob("*.parquet")):
            pq.write_table(_shifted(pq.read_table(file)), shifted / file.name)
        lon, lat = wgs_to_gcj([west, east], [south, north])
        folder.write_record(shifted, "summary", {**summary, "extent": [float(lon[0]), float(lat[0]), float(lon[1]), float(lat[1])]})
        record: Mapping[str, Any] = folder.read_record(place, "run")
        folder.write_record(shifted, "run", record)
        return page.build(shifted, place / "map.html", basemap=under)


def _shifted(table: pa.Table) -> pa.Table:
    """A table with its shapes in GCJ-02."""
    if "geometry" not in table.column_names:
        return table
    shapes = shapely.from_wkb(table["geometry"].to_numpy())
    degrees = shapely.get_coordinates(shapes)
    moved = shapely.set_coordinates(shapes, np.column_stack(wgs_to_gcj(degrees[:, 0], degrees[:, 1])))
    return table.set_column(table.schema.get_field_index("geometry"), "geometry", pa.array(shapely.to_wkb(moved), pa.binary()))
