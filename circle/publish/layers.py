"""Layers for QGIS, in one GeoPackage that brings its own styles.

Takes: the folder of a run.   Gives: `circle.gpkg`: buildings, facilities, network, zones, background, and `layer_styles`.
Never: computes a verdict. GeoPackage has no infinity that a GIS reads well: "no path" is NULL minutes with the verdict `unreachable`.
"""

from __future__ import annotations

import contextlib
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyogrio
import shapely
from numpy.typing import NDArray
from pyogrio.errors import DataLayerError, DataSourceError, FeatureError

from circle.publish import reading, styles
from circle.publish.qml import Geometry, Style
from circle.publish.saved import Saved, open_run, output_error, whole_or_not_at_all
from circle.publish.shapes import AREA, AREAS, LINE, LINES, NOTHING, POINT, POINTS, kinds
from circle.publish.wording import clean, words

_GEOMETRY_COLUMN: Final = "geom"
_MULTI: Final[dict[Geometry, str]] = {"fill": "MultiPolygon", "line": "MultiLineString", "marker": "Point"}
_KINDS: Final[dict[Geometry, tuple[int, int]]] = {"fill": (AREA, AREAS), "line": (LINE, LINES), "marker": (POINT, POINTS)}
# a collection of one, before the bytes of that one: byte order, kind, number
_ONE: Final[dict[Geometry, bytes]] = {"fill": struct.pack("<BII", 1, 6, 1), "line": struct.pack("<BII", 1, 5, 1)}
_VERSION: Final = {"VERSION": "1.3"}  # the newest that QGIS of 2022 opens without a warning
_STYLE_NAME: Final = 30  # what QGIS's own table leaves for a name


@dataclass(frozen=True, slots=True)
class _Layer:
    name: str
    geometry: Geometry
    rows: pa.Table
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
    rows = _whole(run, "buildings")
    yield _Layer("buildings", "fill", _of(rows, "fill"), styles.buildings(run))
    points = rows.filter(pa.array(~_is(rows, "fill")))
    if len(points):
        yield _Layer("building_points", "marker", _at_points(points), styles.buildings(run, "marker"))
    del rows, points
    rows = _whole(run, "facilities")
    yield _Layer("facilities", "marker", _at_points(rows), styles.facilities(run, "marker"))
    outlines = _of(rows, "fill")
    if len(outlines):
        yield _Layer("facility_areas", "fill", outlines, styles.facilities(run, "fill"))
    yield _Layer("network", "line", _whole(run, "edges"), styles.network())
    if run.has("zones"):
        zones = run.zones()
        rows = pa.Table.from_pandas(pd.DataFrame(zones.drop(columns="geometry")), preserve_index=False)
        yield _Layer("zones", "fill", _with(rows, zones.geometry.to_numpy()), styles.zones(run, sorted(set(zones["layer"]))))
    if run.has("background"):
        rows = _whole(run, "background")
        for name, geometry in _BACKGROUND.items():
            mine = _of(rows, geometry)
            if len(mine):
                yield _Layer(name, geometry, mine, styles.background(geometry))


_BACKGROUND: Final[dict[str, Geometry]] = {"background_areas": "fill", "background_lines": "line", "background_points": "marker"}


def _whole(run: Saved, name: str) -> pa.Table:
    """Read a table; geometries other than plain lines and areas in two dimensions are written anew."""
    rows = run.arrow(name, run.columns(name))
    strange = (kinds(rows["geometry"]) == NOTHING) & np.asarray(pc.is_valid(rows["geometry"]))
    return _with(rows, shapely.force_2d(reading.geometries(rows))) if strange.any() else rows


def _with(rows: pa.Table, shapes: NDArray[Any]) -> pa.Table:
    """Give rows with other geometries."""
    geometry = pa.chunked_array([pa.array(shapely.to_wkb(shapes, byte_order=1), type=pa.binary())])
    names = [name for name in rows.column_names if name != "geometry"]
    return rows.select(names).append_column("geometry", geometry)


def _at_points(rows: pa.Table) -> pa.Table:
    """Put each row to a point within its geometry."""
    return _with(rows, shapely.point_on_surface(reading.geometries(rows)))


def _is(rows: pa.Table, geometry: Geometry) -> NDArray[np.bool_]:
    return np.isin(kinds(rows["geometry"]), _KINDS[geometry])


def _of(rows: pa.Table, geometry: Geometry) -> pa.Table:
    return rows.filter(pa.array(_is(rows, geometry)))


def _write_layer(path: Path, layer: _Layer, description: str) -> None:
    rows = plain(layer.rows.drop_columns("geometry"))
    pyogrio.write_arrow(
        rows.append_column("geometry", _multi(layer.rows["geometry"], layer.geometry)),
        path,
        layer=layer.name,
        driver="GPKG",
        geometry_name="geometry",
        geometry_type=_MULTI[layer.geometry],
        crs="EPSG:4326",
        dataset_options=_VERSION,
        layer_options={"GEOMETRY_NAME": _GEOMETRY_COLUMN, "IDENTIFIER": layer.name, "DESCRIPTION": description},
    )


def _multi(column: pa.ChunkedArray, geometry: Geometry) -> pa.ChunkedArray:
    """Make single areas and lines into collections of one: a layer of a GeoPackage holds one type."""
    if geometry not in _ONE:
        return column
    single = kinds(column) == _KINDS[geometry][0]
    column = pc.cast(column, pa.binary())
    return pc.if_else(pa.array(single), pc.binary_join_element_wise(pa.scalar(_ONE[geometry]), column, pa.scalar(b"")), column)


def plain(table: pa.Table) -> pa.Table:
    """Give the columns as a GIS wants them: text cleaned, categories as text, infinity as NULL."""
    columns = {}
    for name, column in zip(table.column_names, table.columns, strict=True):
        if pa.types.is_boolean(column.type) or pa.types.is_integer(column.type):
            columns[name] = column
        elif pa.types.is_floating(column.type):
            numbers = pc.cast(column, pa.float64())
            columns[name] = pc.if_else(pc.is_finite(numbers), numbers, pa.scalar(None, pa.float64()))
        else:
            columns[name] = _cleaned(column)
    return pa.table(columns)


def _cleaned(column: pa.ChunkedArray) -> pa.Array:
    """Give texts cleaned, a missing one as an empty one; each distinct text is cleaned once, and none where all can be printed."""
    listed = pc.dictionary_encode(reading.whole(column.unify_dictionaries() if pa.types.is_dictionary(column.type) else column))
    values = pc.cast(listed.dictionary, pa.string())
    if not pc.all(pc.utf8_is_printable(values)).as_py():
        values = pa.array([None if value is None else clean(value) for value in values.to_pylist()], type=pa.string())
    return pc.fill_null(values.take(listed.indices), "")


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
