"""Snapshots: a fetched place in one GeoPackage, and the way back to a stream of OpenStreetMap objects.

Takes: `Elements` and what is known about them.   Gives: a `.gpkg` with the raw objects; from it a file that `osm.py` reads like any other.
Never: turns objects into buildings or streets itself: one reader decides what they are, so a snapshot and a file give the same tables.

Layers: `osm_header` (key, value), `osm_area` (what was asked for), `osm_nodes` (points), `osm_ways`, `osm_relations`. Tags, references and
members are JSON text, times are text as OpenStreetMap writes them, coordinates are doubles that hold its seven digits exactly.
"""

from __future__ import annotations

import json
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import osmium
import pandas as pd
import pyogrio
import shapely

from circle.errors import SourceError
from circle.sources.elements import Elements

FORMAT = "circle snapshot 1"
LAYERS = ("osm_header", "osm_area", "osm_nodes", "osm_ways", "osm_relations")
NEEDED = ("format", "west", "south", "east", "north", "nodes", "ways", "relations")
AGAIN = "Fetch the place again with `circle fetch`."
_COLUMNS = {
    "osm_nodes": ["id", "version", "time", "tags"],
    "osm_ways": ["id", "version", "time", "nodes", "tags"],
    "osm_relations": ["id", "version", "time", "members", "tags"],
}


def write(path: Path, elements: Elements, area: shapely.Geometry, header: Mapping[str, Any]) -> None:
    """Write a snapshot. `area` is what was asked for, in degrees; `header` holds the extent (`west` …) and where the data come from.

    The caller sees to it that the file appears whole or not at all.
    """
    counts = {"nodes": len(elements.nodes), "ways": len(elements.ways), "relations": len(elements.relations)}
    known = {"format": FORMAT, **header, **counts}
    rows = pd.DataFrame({"key": list(known), "value": ["" if value is None else str(value) for value in known.values()]})
    _write(path, rows, "osm_header")
    _write(path, gpd.GeoDataFrame({"name": [str(header.get("name", ""))]}, geometry=[_multi(area)], crs=4326), "osm_area")
    numbers, columns = _columns(elements.nodes, 5)
    points = shapely.points(np.asarray(columns[2], dtype=float), np.asarray(columns[3], dtype=float))
    table = pd.DataFrame({"id": numbers, "version": columns[0], "time": columns[1], "tags": columns[4]})
    _write(path, gpd.GeoDataFrame(table, geometry=points, crs=4326), "osm_nodes")
    for layer, rows_of, what in (("osm_ways", elements.ways, "nodes"), ("osm_relations", elements.relations, "members")):
        numbers, columns = _columns(rows_of, 4)
        _write(path, pd.DataFrame({"id": numbers, "version": columns[0], "time": columns[1], what: columns[2], "tags": columns[3]}), layer)


def _columns(rows: Mapping[int, tuple[Any, ...]], width: int) -> tuple[list[int], list[list[Any]]]:
    """Ids in order, and the fields of their rows one list each."""
    numbers = sorted(rows)
    return numbers, [[rows[number][field] for number in numbers] for field in range(width)]


def _multi(area: shapely.Geometry) -> shapely.Geometry:
    return shapely.multipolygons([part for part in shapely.get_parts(area) if part.geom_type == "Polygon"])


def _write(path: Path, table: pd.DataFrame, layer: str) -> None:
    kind = {"osm_area": "MultiPolygon", "osm_nodes": "Point"}.get(layer)
    texts = {name: table[name].astype("str") for name in ("time", "tags", "nodes", "members", "value", "key") if name in table}
    whole = {name: table[name].astype(np.int64) for name in ("id", "version") if name in table}
    options: dict[str, Any] = {"geometry_type": kind} if kind else {}
    pyogrio.write_dataframe(table.assign(**texts, **whole), path, layer=layer, driver="GPKG", use_arrow=True, **options)


def is_snapshot(path: Path) -> bool:
    """Whether a file is a GeoPackage with the layers of a snapshot."""
    if path.suffix.lower() != ".gpkg" or not path.is_file():
        return False
    try:
        return "osm_header" in _layers(path)
    except RuntimeError:
        return False


def _layers(path: Path) -> set[str]:
    """Names of the layers; what GDAL grumbles about a damaged file is said by us, in one sentence."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {str(name) for name, _ in pyogrio.list_layers(path)}


def header(path: Path) -> dict[str, str]:
    """What a snapshot says about itself.

    Raises
    ------
    SourceError
        It is no snapshot, of another format, or lacks what it must say.
    """
    if path.is_file() and path.stat().st_size == 0:
        raise SourceError(f"{path} is empty. {AGAIN}")
    try:
        layers = _layers(path)
    except RuntimeError as trouble:  # GDAL's own errors
        raise SourceError(f"{path} is no GeoPackage that can be opened; it may have been cut short. {AGAIN}") from trouble
    if "osm_header" not in layers:
        raise SourceError(
            f"{path} is a GeoPackage, but not one that `circle fetch` wrote. Give an OSM extract (.osm.pbf) as the source, "
            "and this file as a layer of your own, for example --buildings FILE:layer."
        )
    absent = [name for name in LAYERS if name not in layers]
    if absent:
        raise SourceError(f"{path} lacks the layer {absent[0]}: it is half a snapshot. {AGAIN}")
    rows = _read(path, "osm_header", ["key", "value"])
    known = dict(zip(rows["key"].astype(str), rows["value"].astype(str), strict=True))
    if known.get("format") != FORMAT:
        other = known.get("format", "none")[:40]
        raise SourceError(f"{path} is a snapshot of another format ({other!r}); this circle reads {FORMAT!r}. {AGAIN}")
    missing = [key for key in NEEDED if key not in known]
    if missing:
        raise SourceError(f"{path} does not say its {missing[0]}: it is half a snapshot. {AGAIN}")
    return known


def _read(path: Path, layer: str, columns: list[str]) -> pd.DataFrame:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found: pd.DataFrame = pyogrio.read_dataframe(path, layer=layer, use_arrow=True)
    except (RuntimeError, ValueError) as trouble:  # GDAL's own errors are the former
        raise SourceError(f"{path}: its layer {layer} cannot be read; it is damaged or cut short. {AGAIN}") from trouble
    absent = [name for name in columns if name not in found.columns]
    if absent:
        raise SourceError(f"{path}: its layer {layer} lacks the column {absent[0]}. {AGAIN}")
    return found


def area(path: Path) -> shapely.Geometry:
    """What was asked for, in degrees: smaller than the extent by the buffer around it."""
    shapes = _read(path, "osm_area", ["name"]).geometry.to_numpy()
    return shapely.union_all(shapes)


def asked_for(path: Path) -> str | None:
    """What a fetch was asked for, as a boundary (`FILE:layer`): people in the rim around it are not the ones asked about.

    None for a file that is no snapshot, and for one that was fetched without a rim.
    """
    if not is_snapshot(path):
        return None
    known = header(path)
    return f"{path}:osm_area" if float(known.get("buffer_m") or 0) > 0 else None


@contextmanager
def as_osm(path: Path) -> Iterator[Path]:
    """The objects of a snapshot as a sorted `.osm.pbf`, for as long as the block lasts.

    Raises
    ------
    SourceError
        The file is no whole snapshot, or there is no room to unpack it.
    """
    known = header(path)
    tables = {layer: _read(path, layer, columns) for layer, columns in _COLUMNS.items()}
    for layer, table in tables.items():
        told = known[layer.removeprefix("osm_")]
        if str(len(table)) != told:
            raise SourceError(f"{path} holds {len(table):,} rows in {layer} and says {told[:12]}: it was cut short or changed. {AGAIN}")
    with tempfile.TemporaryDirectory(prefix="circle-") as place:
        target = Path(place) / "snapshot.osm.pbf"
        try:
            with osmium.SimpleWriter(str(target), header=_osm_header(path, known), overwrite=True) as writer:
                _nodes(writer, tables["osm_nodes"])
                _ways(writer, tables["osm_ways"])
                _relations(writer, tables["osm_relations"])
        except OSError as trouble:
            raise SourceError(f"{path}: there is no room in {place} to unpack it ({trouble}). Free some space.") from trouble
        except (ValueError, TypeError, RuntimeError) as trouble:
            raise SourceError(f"{path} is damaged: an object in it is none of OpenStreetMap ({str(trouble)[:80]}). {AGAIN}") from trouble
        yield target


def _osm_header(path: Path, known: Mapping[str, str]) -> Any:
    made = osmium.io.Header()
    try:
        west, south, east, north = (float(known[side]) for side in ("west", "south", "east", "north"))
        made.add_box(osmium.osm.Box(west, south, east, north))
    except (ValueError, RuntimeError) as trouble:
        raise SourceError(f"{path} does not say its extent in degrees. {AGAIN}") from trouble
    made.set("generator", known.get("generator") or "circle fetch")
    if known.get("data_date"):
        made.set("timestamp", known["data_date"])
        made.set("osmosis_replication_timestamp", known["data_date"])
    return made


def _attributes(table: pd.DataFrame) -> Iterator[dict[str, Any]]:
    for number, version, stamp, tags in zip(table["id"], table["version"], table["time"], table["tags"], strict=True):
        one: dict[str, Any] = {"id": int(number), "version": int(version), "tags": json.loads(tags)}
        if stamp:
            one["timestamp"] = stamp
        yield one


def _sorted(table: pd.DataFrame) -> pd.DataFrame:
    return table.sort_values("id", kind="stable")


def _nodes(writer: Any, table: pd.DataFrame) -> None:
    table = _sorted(table)
    places = shapely.get_coordinates(table.geometry.to_numpy())
    for one, place in zip(_attributes(table), places.tolist(), strict=True):
        writer.add_node(osmium.osm.mutable.Node(location=tuple(place), **one))


def _ways(writer: Any, table: pd.DataFrame) -> None:
    table = _sorted(table)
    for one, refs in zip(_attributes(table), table["nodes"], strict=True):
        writer.add_way(osmium.osm.mutable.Way(nodes=json.loads(refs), **one))


def _relations(writer: Any, table: pd.DataFrame) -> None:
    table = _sorted(table)
    for one, members in zip(_attributes(table), table["members"], strict=True):
        writer.add_relation(osmium.osm.mutable.Relation(members=[tuple(member) for member in json.loads(members)], **one))
