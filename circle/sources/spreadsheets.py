"""Sheets as people keep them: CSV and Excel files, with the header found, sums and remarks set aside, and every line accounted for.

Takes: a `.csv`, `.tsv`, `.txt` or `.xlsx` file, the name of a sheet.   Gives: a `Sheet`: a frame of cells that knows its file and lines.
Never: changes a value, executes a formula, or loses a line without saying so.
"""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from circle.errors import SourceError
from circle.rules import columns as words

TABLES = (".csv", ".tsv", ".txt", ".xlsx", ".xlsm")
_HEAD_ROWS = 15  # the header stands in one of the first rows
_LARGEST_CELL = 1_000_000  # characters
_SWALLOWED = 20  # lines in one cell: a quote that was never closed
_MERGES_BYTES = 8_000_000  # up to here a workbook is read whole, with its merged cells; beyond, row by row


class _Uncalculated:
    """Stands in a cell whose formula was never calculated."""

    def __str__(self) -> str:
        return ""


UNCALCULATED = _Uncalculated()


@dataclass(slots=True)
class Sheet:
    """A table of one of the planner's files.

    Attributes
    ----------
    label
        File, and layer or sheet where it has several: what messages call it.
    frame
        One row per record; cells are texts, numbers or None; the index counts from 0. Headers are as in the file; doubles end in ` (2)`.
    line
        Line or row of the file that each record stands in.
    geometry
        Shapes in `crs` where the file has them, else None.
    crs
        System that the file itself declares: `EPSG:4547`, or empty.
    cut
        Headers may have been cut to ten bytes (shapefiles).
    set_aside
        Lines that are no records, with the reason: `sum`, `remark`, `header`.
    unit
        What stands above the header about the unit of its numbers: `单位：万人`; empty where nothing does.
    commas
        Its cells stand between semicolons or tabs: a comma in a number may be the decimal one.
    others
        Sheets of the same workbook that hold records as well and were not asked for, with the number of their rows.
    understood
        Filled by the reader: our column → header of the file.
    """

    path: Path
    label: str
    frame: pd.DataFrame
    line: pd.Series
    geometry: Any = None
    crs: str = ""
    cut: bool = False
    set_aside: list[tuple[int, str]] = field(default_factory=list)
    unit: str = ""
    commas: bool = False
    others: dict[str, int] = field(default_factory=dict)
    understood: dict[str, str] = field(default_factory=dict)


def split(spec: str | Path) -> tuple[Path, str | None]:
    """File and layer of `FILE` or `FILE:layer`.

    Raises
    ------
    SourceError
        There is no such file.
    """
    path = Path(spec)
    if path.exists():
        return path, None
    head, colon, layer = str(spec).rpartition(":")
    if colon and head and Path(head).exists():
        return Path(head), layer
    raise SourceError(
        f"{spec}: no such file. Check the name and the folder; a layer or sheet is named after a colon, as in book.xlsx:楼栋."
    )


def read(path: Path, layer: str | None, use: str) -> Sheet:
    """Read a CSV or Excel file; `use` (`buildings`, `facilities`, `zones`, `gates`) helps to choose among sheets.

    Raises
    ------
    SourceError
        The file is empty, damaged, protected, in no encoding that is known, or has several sheets of which none stands out.
    """
    try:
        if path.stat().st_size == 0:
            raise SourceError(f"{path}: the file is empty. Save the table again.")
        if path.suffix.lower() in (".xlsx", ".xlsm"):
            return _workbook(path, layer, use)
        rows, separator = _csv_rows(path)
        sheet = _table(path, path.name, rows)
        sheet.commas = separator in ";\t"
        return sheet
    except OSError as trouble:
        if isinstance(trouble, SourceError):
            raise
        raise SourceError(f"{path}: cannot be read ({trouble.strerror or trouble}). Check the file and its permissions.") from trouble


# ---------------------------------------------------------------- CSV


def decode(path: Path) -> str:
    """Text of a file: by its byte order mark, else UTF-8, else GB18030 (which holds GBK and GB2312).

    Raises
    ------
    SourceError
        It is text in none of these.
    """
    raw = path.read_bytes()
    for mark, encoding in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if raw.startswith(mark):
            encodings: tuple[str, ...] = (encoding,)
            break
    else:
        encodings = ("utf-8", "gb18030")
    if raw.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise SourceError(f"{path}: this is an Excel file with another ending. Name it .xlsx, or save it as CSV.")
    for encoding in encodings:
        try:
            text = raw.decode(encoding)
        except UnicodeDecodeError:
            continue
        if text.count("\0") <= len(text) // 1000:
            return text.replace("\0", "")
    raise SourceError(f"{path}: neither UTF-8 nor GB18030 (GBK) text. Open it in Excel or WPS and save it as “CSV UTF-8”.")


def _csv_rows(path: Path) -> tuple[list[tuple[int, list[Any]]], str]:
    """Rows with their lines, and what separates the cells."""
    text = decode(path)
    first = [line for line in text[:20_000].splitlines() if line.strip()][:5]
    if not first:
        raise SourceError(f"{path}: the file is empty. Save the table again.")
    separators = Counter({mark: min(line.count(mark) for line in first) * 1000 + first[0].count(mark) for mark in ",;\t|，"})
    separator = max(",;\t|，", key=lambda mark: separators[mark])
    csv.field_size_limit(_LARGEST_CELL)
    rows: list[tuple[int, list[Any]]] = []
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    last = 0
    try:
        for row in reader:
            if reader.line_num - last > _SWALLOWED and any(cell.count("\n") > _SWALLOWED for cell in row):
                raise SourceError(
                    f"{path}: line {last + 1} opens a quotation mark that is not closed. Mend that line, or save the table again."
                )
            rows.append((last + 1, [cell.strip() or None for cell in row]))
            last = reader.line_num
    except csv.Error as trouble:
        raise SourceError(f"{path}: line {last + 1} cannot be read ({trouble}). Mend that line, or save the table again.") from trouble
    return rows, separator


# ---------------------------------------------------------------- Excel


def _workbook(path: Path, layer: str | None, use: str) -> Sheet:
    import openpyxl  # noqa: PLC0415 - a third of a second, and most runs read no workbook

    light = path.stat().st_size > _MERGES_BYTES
    try:
        book = openpyxl.load_workbook(path, read_only=light, data_only=True, keep_links=False)
    except Exception as trouble:  # openpyxl raises what its XML and ZIP readers raise
        raw = path.read_bytes()[:8]
        why = (
            "it may be protected by a password, or be an old .xls"
            if raw.startswith(b"\xd0\xcf\x11\xe0")
            else "it is damaged or no Excel file"
        )
        raise SourceError(
            f"{path}: cannot be opened ({why}). Open it in Excel or WPS and save it as .xlsx without a password."
        ) from trouble
    try:
        names = [sheet.title for sheet in book.worksheets]
        if layer is not None and layer not in names:
            raise SourceError(f"{path}: there is no sheet “{layer}”. It has: {', '.join(names)}.")
        chosen = [layer] if layer is not None else names
        uncalculated = _formulas(path)
        found = {name: _sheet_rows(book[name], uncalculated.get(name, frozenset())) for name in chosen}
    finally:
        book.close()
    filled = {name: rows for name, rows in found.items() if rows}
    if not filled:
        raise SourceError(f"{path}: the workbook holds no table. Save it again with the values in it.")
    name = _best_sheet(path, filled, use)
    sheet = _table(path, path.name if len(names) == 1 else f"{path.name}:{name}", filled[name])
    sheet.others = {other: _records(rows) for other, rows in filled.items() if other != name and _records(rows)}
    return sheet


def _sheet_rows(sheet: Any, uncalculated: frozenset[str]) -> list[tuple[int, list[Any]]]:
    import openpyxl  # noqa: PLC0415 - a third of a second, and most runs read no workbook

    rows: list[tuple[int, list[Any]]] = []
    for number, cells in enumerate(sheet.iter_rows(values_only=True), start=1):
        row = [_value(cell) for cell in cells]
        while row and row[-1] is None:
            row.pop()
        rows.append((number, row))
    grid = dict(rows)
    merged = getattr(sheet, "merged_cells", None)  # a sheet that is read row by row does not know them
    for block in merged.ranges if merged else ():
        _spread(grid, block.bounds)
    for place in uncalculated:
        column, number = openpyxl.utils.cell.coordinate_from_string(place)
        if number in grid:
            _put(grid[number], openpyxl.utils.column_index_from_string(column), UNCALCULATED)
    return rows if any(row for _, row in rows) else []


def _spread(grid: dict[int, list[Any]], bounds: tuple[int, int, int, int]) -> None:
    """A merged text stands for all the cells that it spans; a merged number is their sum, and stays where it is."""
    left, top, right, bottom = bounds
    source = grid.get(top, [])
    value = source[left - 1] if left <= len(source) else None
    if isinstance(value, str):
        for number in range(top, min(bottom, max(grid)) + 1):
            for column in range(left, right + 1):
                _put(grid[number], column, value)


def _put(row: list[Any], column: int, value: Any) -> None:
    row.extend([None] * (column - len(row)))
    if row[column - 1] is None:
        row[column - 1] = value


def _value(cell: Any) -> Any:
    if cell is None or isinstance(cell, bool):
        return None if cell is None else str(cell).lower()
    if isinstance(cell, int | float):
        return cell
    text = str(cell).strip()
    return text or None


def _formulas(path: Path) -> dict[str, frozenset[str]]:
    """Cells, by sheet, that hold a formula without a value: files written by a program hold such, until Excel has opened them."""
    import openpyxl  # noqa: PLC0415 - a third of a second, and most runs read no workbook

    with zipfile.ZipFile(path) as archive:
        sheets = [name for name in archive.namelist() if name.startswith("xl/worksheets/sheet")]
        if not any(re.search(rb"<f[ >/]", archive.read(name)) for name in sheets):
            return {}
    book = openpyxl.load_workbook(path, read_only=True, data_only=False)
    values = openpyxl.load_workbook(path, read_only=True, data_only=True)
    try:
        found: dict[str, frozenset[str]] = {}
        for sheet in book.worksheets:
            pairs = zip(sheet.iter_rows(), values[sheet.title].iter_rows(values_only=True), strict=False)
            cells = ((cell, value) for row, known in pairs for cell, value in zip(row, known, strict=False))
            found[sheet.title] = frozenset(cell.coordinate for cell, value in cells if value is None and cell.data_type == "f")
    finally:
        book.close()
        values.close()
    return found


def _best_sheet(path: Path, sheets: dict[str, list[tuple[int, list[Any]]]], use: str) -> str:
    if len(sheets) == 1:
        return next(iter(sheets))
    named = [name for name in sheets if any(word in name.casefold() for word in words.sheet_words(use))]
    best = {name: _header(rows)[2] for name, rows in sheets.items()}
    among = named if len(named) == 1 else [name for name, score in best.items() if score == max(best.values()) and score > 0]
    if len(among) == 1:
        return among[0]
    raise SourceError(f"{path}: it has several sheets: {', '.join(sheets)}. Say which: {path.name}:{next(iter(sheets))}.")


def _records(rows: list[tuple[int, list[Any]]]) -> int:
    """How many rows stand below a header of which a word is known; none where there is no such header: a sheet of remarks is no table."""
    place, height, score = _header(rows)
    below = ([str(cell) for cell in row if cell is not None] for _, row in rows[place + height :])
    return sum(bool(texts) and words.record(texts) for texts in below) if score else 0


# ---------------------------------------------------------------- rows to a frame


def _known(cell: Any) -> bool:
    return isinstance(cell, str) and (words.recognise(cell) is not None or words.private(cell))


def _header(rows: Sequence[tuple[int, list[Any]]]) -> tuple[int, int, int]:
    """Where the header begins, how many rows it takes (one, or two where cells are merged), and how many of its cells are known."""
    filled = [number for number, (_, row) in enumerate(rows) if any(cell is not None for cell in row)][:_HEAD_ROWS]
    best, score = (filled[0] if filled else 0, 1), 0
    for place in filled:
        single = sum(map(_known, rows[place][1]))
        if single > score:
            best, score = (place, 1), single
        below = place + 1
        if below < len(rows) and single and _may_be_second(rows[place][1], rows[below][1]):
            double = sum(map(_known, _joined(rows[place][1], rows[below][1])))
            if double > score:
                best, score = (place, 2), double
    if not score:
        width = Counter(sum(cell is not None for cell in rows[number][1]) for number in filled).most_common(1)
        wide = width[0][0] if width else 0
        best = (next((number for number in filled if sum(cell is not None for cell in rows[number][1]) >= wide), best[0]), 1)
    return best[0], best[1], score


def _may_be_second(upper: list[Any], lower: list[Any]) -> bool:
    """Whether a row may be the lower half of a header: the upper has a span, and the lower holds no number."""
    spans = any(cell is None or cell == before for before, cell in zip([None, *upper], [*upper, None], strict=True) if before is not None)
    return spans and not any(isinstance(cell, int | float) for cell in lower) and not any(str(cell).isdigit() for cell in lower if cell)


def _joined(upper: list[Any], lower: list[Any]) -> list[str | None]:
    width = max(len(upper), len(lower))
    above: Any = None
    out: list[str | None] = []
    for place in range(width):
        over = upper[place] if place < len(upper) else None
        under = lower[place] if place < len(lower) else None
        above = over if over is not None else above
        if under is None or under == over:
            out.append(None if over is None else str(over))
        elif above is None or _known(under):
            out.append(str(under))
        else:
            out.append(f"{above}{under}")
    return out


def _table(path: Path, label: str, rows: list[tuple[int, list[Any]]]) -> Sheet:
    if not any(cell is not None for _, row in rows for cell in row):
        raise SourceError(f"{path}: the file holds no table. Save it again with the values in it.")
    place, height, _ = _header(rows)
    head = rows[place][1] if height == 1 else _joined(rows[place][1], rows[place + 1][1])
    unit = next((cell for _, row in rows[:place] for cell in row if isinstance(cell, str) and words.says_unit(cell)), "")
    body = [(number, row) for number, row in rows[place + height :] if any(cell is not None for cell in row)]
    width = max([len(head), *(len(row) for _, row in body)])
    headers = unique([*(None if cell is None else str(cell) for cell in head), *[None] * (width - len(head))])
    aside: list[tuple[int, str]] = []
    kept: list[tuple[int, list[Any]]] = []
    for number, row in body:
        texts = [str(cell) for cell in row if cell is not None and cell is not UNCALCULATED]
        if [None if cell is None else str(cell) for cell in row] == [None if cell is None else str(cell) for cell in head]:
            aside.append((number, "header"))
        elif not words.record(texts):
            aside.append((number, "remark" if len(texts) == 1 else "sum"))
        else:
            kept.append((number, row))
    if not kept:
        raise SourceError(f"{path}: {label} has a header and no record below it. Check that the right sheet is named.")
    cells = np.empty((len(kept), width), dtype=object)
    for index, (_, row) in enumerate(kept):
        cells[index, : len(row)] = row
    frame = pd.DataFrame({header: pd.Series(cells[:, column], dtype=object) for column, header in enumerate(headers)})
    return Sheet(path, label, frame, pd.Series([number for number, _ in kept], dtype="int64"), set_aside=aside, unit=unit)


def unique(headers: Sequence[str | None]) -> list[str]:
    """Headers of which each stands once: nameless ones become `column 3`, doubles end in ` (2)`.

    >>> unique(["a", None, "a"])
    ['a', 'column 2', 'a (2)']
    """
    out: list[str] = []
    seen: Counter[str] = Counter()
    for number, header in enumerate(headers, start=1):
        name = " ".join((header or "").split()) or f"column {number}"
        seen[name] += 1
        out.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
        while out.count(out[-1]) > 1:
            seen[name] += 1
            out[-1] = f"{name} ({seen[name]})"
    return out
