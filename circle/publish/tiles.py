"""Tiles for those who host a map of their own: one PMTiles file for the buildings, one for the facilities, one for the zones.

Takes: the folder of a run.   Gives: `buildings.pmtiles`, `facilities.pmtiles`, `zones.pmtiles` in a folder.
Never: computes a verdict, or leaves a building out of a tile because there are many. "No path" is a missing number with the verdict
`unreachable`, as in the layers for QGIS.

Any web map that reads vector tiles shows them (MapLibre, OpenLayers, QGIS), from any host that serves files; the layer in each file is
called as the file is. GDAL writes them, which comes with pyogrio.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Final

import geopandas as gpd
import pandas as pd
import pyarrow as pa
import pyogrio
from pyogrio.errors import DataLayerError, DataSourceError, FeatureError

from circle.errors import OutputError
from circle.publish.layers import plain
from circle.publish.saved import Saved, open_run, output_error, whole_or_not_at_all

DRIVER: Final = "PMTiles"
ZOOMS: Final = {"buildings": (12, 15), "facilities": (11, 15), "zones": (9, 14)}
_WHOLE: Final = {"MAX_SIZE": 50_000_000, "MAX_FEATURES": 5_000_000}  # GDAL's own limits leave features out of full tiles without a word
_KEPT: Final = ("building", "name", "use", "levels", "residential", "households", "compound", "verdict", "gaps")


def write(run_folder: Path, out: Path) -> list[Path]:
    """Write the tiles of a saved run into a folder and return their paths; each file appears whole or not at all.

    Raises
    ------
    SourceError   `run_folder` holds no finished run, or one of its files cannot be read
    OutputError   the files cannot be written, or GDAL cannot write PMTiles here
    """
    if "w" not in pyogrio.list_drivers().get(DRIVER, ""):
        raise OutputError(f"GDAL {pyogrio.__gdal_version_string__} cannot write {DRIVER} here. Install pyogrio 0.10 or newer with pip.")
    run, target = open_run(Path(run_folder)), Path(out)
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise output_error(target, error) from error
    return [_write(run, target / f"{name}.pmtiles", name, rows) for name, rows in _layers(run).items() if len(rows)]


def _layers(run: Saved) -> dict[str, gpd.GeoDataFrame]:
    buildings = run.map("buildings")
    told = [f"{kind}_{service}" for service in run.services for kind in ("minutes", "verdict", "reason", "fragile")]
    buildings = buildings[[name for name in (*_KEPT, *told) if name in buildings] + ["geometry"]]
    facilities = run.map("facilities")
    facilities = facilities.set_geometry(facilities.geometry.representative_point())[["facility", "service", "name", "geometry"]]
    zones = run.zones() if run.has("zones") else facilities.iloc[:0]
    return {"buildings": buildings, "facilities": facilities, "zones": zones}


def _write(run: Saved, path: Path, name: str, rows: gpd.GeoDataFrame) -> Path:
    words = pa.Table.from_pandas(pd.DataFrame(rows.drop(columns="geometry")), preserve_index=False)
    table = gpd.GeoDataFrame(plain(words).to_pandas(), geometry=rows.geometry.to_numpy(), crs=4326)
    low, high = ZOOMS[name]
    said = {"NAME": f"{run.place} {name}", "DESCRIPTION": f"{run.standard.title.en}. {run.attribution}"}
    options = {**said, **_WHOLE, "MINZOOM": low, "MAXZOOM": high, "TYPE": "overlay"}
    with whole_or_not_at_all(path) as part, tempfile.TemporaryDirectory() as place:
        try:
            drawn = Path(place) / path.name  # GDAL puts files of its own beside the one that it writes
            pyogrio.write_dataframe(table, drawn, layer=name, driver=DRIVER, geometry_type="Unknown", dataset_options=options)
            part.write_bytes(drawn.read_bytes())
        except (DataSourceError, DataLayerError, FeatureError) as error:
            raise output_error(path, error) from error
    return path
