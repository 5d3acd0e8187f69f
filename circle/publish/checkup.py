"""The doctor's report as a workbook and as a layer for QGIS.

Takes: the report's table and places.   Gives: an .xlsx file, a .gpkg file; each whole or not at all.
Never: writes text from data as a formula, or decides what is serious.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pyogrio
from pyogrio.errors import DataLayerError, DataSourceError, FeatureError
from xlsxwriter.exceptions import XlsxWriterException

from circle.publish.saved import output_error, texts, whole_or_not_at_all
from circle.publish.sheets import Book, Sheet
from circle.publish.wording import clean, head, word

_KEYS = ("severity", "meaning", "what_to_do", "count", "total", "detail", "ids", "code")


def workbook(out: Path, place: str, report: pd.DataFrame, attribution: str) -> Path:
    """Write the report as a workbook of one sheet.

    Raises
    ------
    OutputError   the file cannot be written
    """
    with whole_or_not_at_all(out) as part:
        book = Book(f"{place} check", attribution, dt.datetime(2000, 1, 1))
        sheet = Sheet(book, "check", [16, 44, 50, 10, 10, 50, 60, 26])
        sheet.text(0, 0, f"{word('sheet', 'check')} · {clean(place)}", "title")
        sheet.head(2, [head(key) for key in _KEYS])
        for row, one in enumerate(report.itertuples(index=False), 3):
            meaning, remedy = f"{one.meaning_zh} / {one.meaning_en}", f"{one.do_zh} / {one.do_en}"
            values: list[str | float | None] = [
                word("severity", str(one.severity)),
                clean(meaning),
                clean(remedy),
                int(str(one.count)),
                int(str(one.total)) or None,
                clean(str(one.detail)),
                clean(str(one.ids)),
                clean(str(one.code)),
            ]
            sheet.row(row, values, ["text", "wrap", "wrap", "count", "count", "wrap", "wrap", "text"])
        sheet.frame(2, len(report), len(_KEYS), keep_columns=1)
        try:
            book.save(part)
        except XlsxWriterException as error:
            raise output_error(out, error) from error
    return out


def layer(out: Path, places: gpd.GeoDataFrame) -> Path:
    """Write the places of the report as the layer `check`.

    Raises
    ------
    OutputError   the file cannot be written
    """
    rows = gpd.GeoDataFrame(
        {name: texts(places[name]) for name in ("severity", "code", "id")}, geometry=places.geometry.to_numpy(), crs=4326
    )
    with whole_or_not_at_all(out) as part:
        try:
            pyogrio.write_dataframe(rows, part, layer="check", driver="GPKG", geometry_type="Point", use_arrow=True)
        except (DataSourceError, DataLayerError, FeatureError) as error:
            raise output_error(out, error) from error
    return out
