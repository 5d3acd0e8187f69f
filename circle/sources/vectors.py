"""Maps in files: GeoPackage, Shapefile, GeoJSON, (Geo)Parquet and what else GDAL opens; Chinese text read as what it is.

Takes: a file, the name of a layer.   Gives: a `Sheet` with shapes, in the system that the file declares.
Never: believes a shapefile about its encoding, or moves a shape.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import pyogrio
import pyproj
import shapely

from circle.errors import SourceError
from circle.sources.spreadsheets import Sheet, unique

PARQUET = (".parquet", ".geoparquet", ".pq")
_LEVEL_ONE = range(0xB0, 0xD8)  # lead bytes of the 3,755 common characters of GB 2312: text that was decoded wrongly holds few of them
_MOJIBAKE = re.compile("[\u0080-\u009f\ufffd]|锟斤拷|[ÃÂåæçèéä][\u0080-\u00bf]")


def read(path: Path, layer: str | None) -> Sheet:
    """Read a layer of a file.

    Raises
    ------
    SourceError
        The file is damaged or incomplete, has several layers of which none is named, or holds no record.
    """
    if path.suffix.lower() in PARQUET:
        return _parquet(path)
    try:
        layers = [str(name) for name in pyogrio.list_layers(path)[:, 0]]
    except (pyogrio.errors.DataSourceError, OSError) as trouble:
        raise SourceError(f"{path}: cannot be opened ({_first(trouble)}).{_remedy(path)}") from trouble
    if layer is not None and layer not in layers:
        raise SourceError(f"{path}: there is no layer “{layer}”. It has: {', '.join(layers)}.")
    if layer is None and len(layers) != 1:
        raise SourceError(
            f"{path}: it has {len(layers)} layers: {', '.join(layers)}. Say which: {path.name}:{next(iter(layers), 'LAYER')}."
        )
    shape = path.suffix.lower() in {".shp", ".dbf"}
    try:
        frame = _shapefile(path) if shape else pyogrio.read_dataframe(path, layer=layer or layers[0], use_arrow=False)
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, pyogrio.errors.FeatureError, OSError, ValueError) as trouble:
        raise SourceError(f"{path}: cannot be read ({_first(trouble)}).{_remedy(path)}") from trouble
    return sheet(path, path.name if len(layers) == 1 else f"{path.name}:{layer}", frame, cut=shape)


def sheet(path: Path, label: str, frame: pd.DataFrame, *, cut: bool = False) -> Sheet:
    """A `Sheet` of a (Geo)DataFrame.

    Raises
    ------
    SourceError
        It holds no record.
    """
    if not len(frame):
        raise SourceError(f"{path}: {label} holds no record. Check that the right file or layer is named.")
    line = pd.Series(np.arange(1, len(frame) + 1), dtype="int64")
    if not isinstance(frame, gpd.GeoDataFrame):
        return Sheet(path, label, _cells(frame), line, cut=cut)
    shapes = shapely.force_2d(frame.geometry.to_numpy())
    return Sheet(path, label, _cells(frame.drop(columns=frame.geometry.name)), line, geometry=shapes, crs=declared(frame.crs), cut=cut)


def declared(crs: Any) -> str:
    """The system that a file declares, by its EPSG number if it has one, else by its definition; empty where it declares none."""
    if crs is None:
        return ""
    found = pyproj.CRS(crs)
    number = found.to_epsg(min_confidence=70)
    return f"EPSG:{number}" if number else str(found.to_wkt())


def _cells(frame: pd.DataFrame) -> pd.DataFrame:
    names = unique([str(name) for name in frame.columns])
    out = {}
    for name, place in zip(names, range(frame.shape[1]), strict=True):
        column = frame.iloc[:, place]
        cells = column.astype(object)
        out[name] = cells.where(column.notna().to_numpy(), None).reset_index(drop=True)
    return pd.DataFrame(out, index=pd.RangeIndex(len(frame)))


def _first(trouble: BaseException) -> str:
    return str(trouble).strip().splitlines()[0][:200] if str(trouble).strip() else type(trouble).__name__


def _remedy(path: Path) -> str:
    if path.suffix.lower() == ".shp":
        absent = [
            ending for ending in (".shx", ".dbf") if not path.with_suffix(ending).exists() and not path.with_suffix(ending.upper()).exists()
        ]
        if absent:
            names = ", ".join(path.with_suffix(ending).name for ending in absent)
            return f" A shapefile is several files: {names} is missing. Copy all of them."
    return " Check that the copy is whole, or export it again as GeoPackage."


# ---------------------------------------------------------------- shapefiles


def _shapefile(path: Path) -> gpd.GeoDataFrame:
    """A shapefile with its bytes as they are, decoded by what gives the most plausible Chinese: .cpg, UTF-8 or GB18030."""
    before = pyogrio.get_gdal_config_option("SHAPE_ENCODING")
    pyogrio.set_gdal_config_options({"SHAPE_ENCODING": ""})
    try:
        raw = pyogrio.read_dataframe(path, encoding="ISO-8859-1", use_arrow=False)
    finally:
        pyogrio.set_gdal_config_options({"SHAPE_ENCODING": before})
    if not isinstance(raw, gpd.GeoDataFrame):
        raise SourceError(f"{path}: it has no shapes.{_remedy(path)}")
    texts = [column for column in raw.columns if column != raw.geometry.name and _is_text(raw[column])]
    distinct = {value for column in texts for value in pd.unique(raw[column].dropna())} | {str(column) for column in raw.columns}
    encoding = best_encoding([value.encode("latin-1", "replace") for value in distinct], _cpg(path))
    out = raw.copy()
    for column in texts:
        known = {value: _decoded(value, encoding) for value in pd.unique(raw[column].dropna())}
        out[column] = raw[column].map(known, na_action="ignore").astype(object)
    names = {column: _decoded(str(column), encoding) for column in raw.columns if column != raw.geometry.name}
    return out.rename(columns=names)


def _is_text(column: pd.Series) -> bool:
    return pd.api.types.infer_dtype(column, skipna=True) == "string"


def _decoded(value: str, encoding: str) -> str:
    # a field that is cut to its length may end in half a character
    return value.encode("latin-1", "replace").decode(encoding, "ignore" if encoding != "latin-1" else "strict").strip()


def _cpg(path: Path) -> str:
    for ending in (".cpg", ".CPG"):
        if path.with_suffix(ending).exists():
            said = path.with_suffix(ending).read_text(encoding="ascii", errors="ignore").strip().casefold()
            return {"936": "gb18030", "gbk": "gb18030", "gb2312": "gb18030", "cp936": "gb18030", "65001": "utf-8"}.get(said, said)
    return ""


def best_encoding(values: list[bytes], said: str = "") -> str:
    """The encoding that reads these texts best; `said` is what the file says, and wins where it reads them as well as any.

    >>> best_encoding(["铁山区社区卫生服务站".encode("gbk")], "utf-8"), best_encoding(["黄石市".encode()], "gb18030")
    ('gb18030', 'utf-8')
    """
    strange = [value for value in values if not value.isascii()]
    candidates = [name for name in dict.fromkeys((said, "utf-8", "gb18030", "latin-1")) if name and _exists(name)]
    return max(candidates, key=lambda name: _plausible(strange, name))


def _exists(name: str) -> bool:
    try:
        "".encode(name)
    except LookupError:
        return False
    return True


def _plausible(values: list[bytes], encoding: str) -> float:
    """Share of the letters beyond ASCII that are common Chinese or else ordinary, less what is broken."""
    if not values:
        return 1.0
    tally: Counter[str] = Counter()
    for value in values[:2000]:
        text = value.decode(encoding, "replace")
        tally["broken"] += 5 * text.rstrip("\ufffd").count("\ufffd") + 5 * len(_MOJIBAKE.findall(text.replace("\ufffd", "")))
        for letter in text:
            if not letter.isascii() and letter != "\ufffd":
                tally["common" if _common(letter) else "rare"] += 1
    letters = tally["common"] + tally["rare"]
    latin = 0.5 if encoding == "latin-1" else 0.0  # reads anything: it must be clearly better
    return (tally["common"] + 0.3 * tally["rare"] - tally["broken"]) / max(letters, 1) - latin


def _common(letter: str) -> bool:
    if not "\u4e00" <= letter <= "\u9fff":
        return True
    code = letter.encode("gb2312", "ignore")
    return bool(code) and code[0] in _LEVEL_ONE


# ---------------------------------------------------------------- Parquet


def _parquet(path: Path) -> Sheet:
    try:
        try:
            frame: pd.DataFrame = gpd.read_parquet(path)
        except ValueError:  # no geo metadata
            frame = pd.read_parquet(path)
            column = next((name for name in ("geometry", "geom", "wkb_geometry") if name in frame), None)
            if column is not None and frame[column].map(lambda value: isinstance(value, bytes)).any():
                frame = gpd.GeoDataFrame(frame.drop(columns=column), geometry=shapely.from_wkb(frame[column].to_numpy()))
    except (OSError, ValueError, pa.ArrowException, shapely.errors.GEOSException) as trouble:
        raise SourceError(f"{path}: not a readable Parquet file ({_first(trouble)}). Check that the copy is whole.") from trouble
    return sheet(path, path.name, frame)
