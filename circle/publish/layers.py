"""Layers for QGIS, in one GeoPackage that brings its own styles.

Takes: the folder of a run.   Gives: `circle.gpkg`: buildings, facilities, network, zones, background, and `layer_styles`.
Never: computes a verdict. GeoPackage has no infinity that a GIS reads well: "no path" is NULL minutes with the verdict `unreachable`.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import shapely
from pyogrio.errors import DataLayerError, DataSourceError, FeatureError

from circle.publish import styles
from circle.publish.qml import Geometry, Style
from circle.publish.saved import Saved, open_run, output_error, texts, whole_or_not_at_all
from circle.publish.wording import words

_GEOMETRY_COLUMN: Final = "geom"
_MULTI: Final[dict[Geometry, str]] = {"fill": "MultiPolygon", "line": "MultiLineString", "marker": "Point"}
_DIMENSIONS: Final[dict[Geometry, int]] = {"fill": 2, "line": 1, "marker": 0}
_VERSION: Final = {"VERSION": "1.3"}  # the newest that QGIS of 2022 opens without a warning
_STYLE_NAME: Final = 30  # what QGIS's own table leaves for a name


@dataclass(frozen=True, slots=True)
class _Layer:
    name: str
    geometry: Geometry
    rows: gpd.GeoDataFrame
    styles: list[Style]


def write(run_folder: Path, out: Path | None = None) -> Path:
    """Write the layers of a saved run and return their path, `circle.gpkg` in the run folder unless `out` names another.

    The file appears whole or not at all; the same run gives the same bytes. QGIS opens each layer in its first style (buildings: number
    of gaps) and offers the others (buildings: minutes to each service; zones: each kind) under its menu of styles.

    Raises
    ------
    SourceError   `run_folder` holds no finished run, or one of its files cannot be read
    OutputError   the file cannot be written
    """
    run_folder = Path(run_folder)
    run = open_run(run_folder)
    target = Path(out) if out is not None else run_folder / "circle.gpkg"
    stamp = _stamp(run)
    with whole_or_not_at_all(target) as part, _at(stamp):
        written: list[tuple[_Layer, str]] = []
        try:
            for layer in _layers(run):
                about = words()["about"][layer.name]
                description = f"{about['zh']} {about['en']} {run.attribution}".strip()
                _write_layer(part, layer, description)
                written.append((layer, description))
            _write_styles(part, written, stamp)
        except (DataSourceError, DataLayerError, FeatureError) as error:
            raise output_error(target, error) from error
    return target


def _stamp(run: Saved) -> pd.Timestamp:
    """Let the date of the data stand for the date of writing, so that the same run gives the same bytes."""
    date = (run.data_date or "")[:10]
    return pd.Timestamp(date if re.fullmatch(r"\d{4}-\d\d-\d\d", date) else "2000-01-01", tz="UTC")


@contextlib.contextmanager
def _at(stamp: pd.Timestamp) -> Iterator[None]:
    """Let GDAL write this time into the file in place of the clock's."""
    before = pyogrio.get_gdal_config_option("OGR_CURRENT_DATE")
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": f"{stamp:%Y-%m-%dT%H:%M:%S}.000Z"})
    try:
        yield
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": before})


def _layers(run: Saved) -> Iterator[_Layer]:
    """Give the layers one by one, each read when it is wanted. Empty ones are left out, save the four that every run has."""
    rows = run.map("buildings")
    yield _Layer("buildings", "fill", _of(rows, "fill"), styles.buildings(run))
    points = rows[shapely.get_dimensions(rows.geometry.to_numpy()) != _DIMENSIONS["fill"]]
    if len(points):
        at = points.set_geometry(points.geometry.representative_point())
        yield _Layer("building_points", "marker", at, styles.buildings(run, "marker"))
    del rows, points
    rows = run.map("facilities")
    yield _Layer("facilities", "marker", rows.set_geometry(rows.geometry.representative_point()), styles.facilities(run, "marker"))
    outlines = _of(rows, "fill")
    if len(outlines):
        yield _Layer("facility_areas", "fill", outlines, styles.facilities(run, "fill"))
    yield _Layer("network", "line", run.map("edges"), styles.network())
    if run.has("zones"):
        rows = run.zones()
        yield _Layer("zones", "fill", rows, styles.zones(run, sorted(set(rows["layer"]))))
    if run.has("background"):
        rows = run.map("background")
        for name, geometry in _BACKGROUND.items():
            mine = _of(rows, geometry)
            if len(mine):
                yield _Layer(name, geometry, mine, styles.background(geometry))


_BACKGROUND: Final[dict[str, Geometry]] = {"background_areas": "fill", "background_lines": "line", "background_points": "marker"}


def _of(rows: gpd.GeoDataFrame, geometry: Geometry) -> gpd.GeoDataFrame:
    return rows[shapely.get_dimensions(rows.geometry.to_numpy()) == _DIMENSIONS[geometry]]


def _write_layer(path: Path, layer: _Layer, description: str) -> None:
    shapes = _multi(layer.rows.geometry.to_numpy(), layer.geometry)
    rows = gpd.GeoDataFrame(plain(pd.DataFrame(layer.rows.drop(columns=layer.rows.geometry.name))), geometry=shapes, crs=4326)
    pyogrio.write_dataframe(
        rows,
        path,
        layer=layer.name,
        driver="GPKG",
        geometry_type=_MULTI[layer.geometry],
        use_arrow=True,
        dataset_options=_VERSION,
        layer_options={"GEOMETRY_NAME": _GEOMETRY_COLUMN, "IDENTIFIER": layer.name, "DESCRIPTION": description},
    )


def _multi(shapes: np.ndarray[tuple[int], np.dtype[np.object_]], geometry: Geometry) -> np.ndarray[tuple[int], np.dtype[np.object_]]:
    """Make single areas and lines into collections of one: a layer of a GeoPackage holds one type."""
    make = {"fill": (3, shapely.multipolygons), "line": (1, shapely.multilinestrings)}.get(geometry)
    if make is None:
        return shapes
    single, to_multi = make
    found = shapes.copy()
    ones = np.flatnonzero(shapely.get_type_id(shapes) == single)
    found[ones] = to_multi(shapes[ones], indices=np.arange(len(ones)))
    return found


def plain(table: pd.DataFrame) -> pd.DataFrame:
    """Give the columns as a GIS wants them: text cleaned, categories as text, infinity as NULL."""
    columns = {}
    for name, column in table.items():
        if pd.api.types.is_bool_dtype(column.dtype) or pd.api.types.is_integer_dtype(column.dtype):
            columns[name] = column.to_numpy()
        elif pd.api.types.is_float_dtype(column.dtype):
            numbers = column.to_numpy(np.float64)
            columns[name] = np.where(np.isinf(numbers), np.nan, numbers)
        else:
            columns[name] = texts(column)
    return pd.DataFrame(columns)


def _write_styles(path: Path, written: list[tuple[_Layer, str]], stamp: pd.Timestamp) -> None:
    """Write the table from which QGIS takes the styles of the layers beside it."""
    rows = [
        {
            "f_table_catalog": "",
            "f_table_schema": "",
            "f_table_name": layer.name,
            "f_geometry_column": _GEOMETRY_COLUMN,
            "styleName": style.name[:_STYLE_NAME],
            "styleQML": style.xml(),
            "styleSLD": "",
            "useAsDefault": number == 0,
            "description": style.name,
            "owner": "",
            "ui": "",
            "update_time": stamp,
        }
        for layer, _ in written
        for number, style in enumerate(layer.styles)
    ]
    pyogrio.write_dataframe(
        pd.DataFrame(rows), path, layer="layer_styles", driver="GPKG", dataset_options=_VERSION, layer_options={"FID": "id"}
    )
