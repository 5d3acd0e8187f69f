"""A glimpse of a file: its layers and the headers of its columns, without reading it.

Takes: a table or a vector file.   Gives: headers, layers with their kind of shape; nothing where the file cannot be looked into.
Never: reads a row of data for its content, or raises: the name of a file says something too.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from pathlib import Path
from warnings import catch_warnings, simplefilter
from zipfile import BadZipFile

import pyarrow.parquet as pq
import pyogrio

HEADER_ROWS = 5  # a title may stand above the headers
_UNREADABLE = (OSError, ValueError, KeyError, RuntimeError, ImportError, BadZipFile, SyntaxError, csv.Error)


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer: its name, its columns, and `polygon`, `line`, `point` or an empty text."""

    name: str
    columns: tuple[str, ...] = ()
    shape: str = ""


def layers(path: Path) -> list[Layer]:
    """The layers of a vector file; one without a name where it cannot be opened."""
    try:
        with catch_warnings():
            simplefilter("ignore")
            return [_layer(path, str(name)) for name, _ in pyogrio.list_layers(path)] or [Layer("")]
    except _UNREADABLE:
        return [Layer("")]


def _layer(path: Path, name: str) -> Layer:
    info = pyogrio.read_info(path, layer=name, encoding="UTF-8" if path.suffix.lower() == ".shp" else None)
    kind = str(info["geometry_type"] or "").lower()
    shape = next((word for word in ("polygon", "line", "point") if word in kind), "")
    return Layer(name, tuple(map(str, info["fields"])), shape)


def headers(path: Path) -> tuple[str, ...]:
    """Words of the first rows of a table (`.csv`, `.xlsx`, `.parquet`); none where it cannot be opened."""
    try:
        return {".parquet": _parquet, ".geoparquet": _parquet, ".xlsx": _workbook}.get(path.suffix.lower(), _csv)(path)
    except _UNREADABLE:
        return ()


def _parquet(path: Path) -> tuple[str, ...]:
    return tuple(pq.read_schema(path).names)


def _workbook(path: Path) -> tuple[str, ...]:
    import openpyxl  # noqa: PLC0415 - a tenth of a second, and only for such tables

    with catch_warnings():
        simplefilter("ignore")
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
        try:
            rows = [row for sheet in book for row in sheet.iter_rows(max_row=HEADER_ROWS, values_only=True)]
        finally:
            book.close()
    return tuple(cell for row in rows for cell in row if isinstance(cell, str))


def _csv(path: Path) -> tuple[str, ...]:
    with path.open("rb") as stream:
        raw = stream.read(8_192)
    text = raw.decode("utf-8-sig", errors="replace")
    if re.search("\ufffd", text[:-4]):  # the last character may be cut
        text = raw.decode("gb18030", errors="ignore")
    return tuple(cell for row in list(csv.reader(text.splitlines()))[:HEADER_ROWS] for cell in row)
