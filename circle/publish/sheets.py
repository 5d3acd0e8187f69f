"""The paper of the workbook: a book with formats, sheets that hold text as text, and long tables written fast.

Takes: cleaned text and numbers, cell by cell or as whole columns.   Gives: an .xlsx file, the same bytes for the same content.
Never: lets text become a formula, a link or a number, and never chooses what is written.
"""

from __future__ import annotations

import datetime as dt
import io
import math
import re
import unicodedata
import zipfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import xlsxwriter
from numpy.typing import NDArray
from xlsxwriter.utility import xl_col_to_name

from circle.publish.wording import word

PALETTE: Final = ("#2b5c8a", "#9ec9e2", "#f2ead0", "#e58a3c", "#8a2c0d")
"""From well within the limit to far over it; the limit lies between the second and the third."""

MAX_ROWS: Final = 1_048_576
MAX_TEXT: Final = 32_767
"""What one cell holds, in UTF-16 units."""

_A4: Final = 9
_LINE: Final = 15.0
"""Height of a line of text, in points."""
_MOST_LINES: Final = 20
_PIECE: Final = 20_000
"""Rows of a long table that are rendered at once: memory stays flat, and joining costs nothing."""

_LEVEL: Final = 3
"""How hard the file is deflated."""
_SHARED: Final = "xl/sharedStrings.xml"

_FORMATS: Final[dict[str, dict[str, Any]]] = {
    "title": {"bold": True, "font_size": 16, "font_color": PALETTE[0]},
    "part": {"bold": True, "font_size": 12, "font_color": PALETTE[0], "bottom": 1, "bottom_color": PALETTE[0]},
    "note": {"italic": True, "font_color": "#555555"},
    "key": {"bold": True, "valign": "top"},
    "head": {
        "bold": True,
        "font_color": "#ffffff",
        "bg_color": PALETTE[0],
        "text_wrap": True,
        "valign": "vcenter",
        "border": 1,
        "border_color": "#ffffff",
    },
    "text": {"valign": "top", "align": "left", "indent": 1},
    "wrap": {"valign": "top", "align": "left", "text_wrap": True, "indent": 1},
    "count": {"num_format": "#,##0", "valign": "top"},
    "minutes": {"num_format": "0.0", "valign": "top"},
    # a gap of a second is a gap: it must not read as 0.0
    "over": {"num_format": '[<0.05]"<0.1";0.0', "valign": "top"},
    "households": {"num_format": "#,##0.0", "valign": "top"},
    "share": {"num_format": "0.0%", "valign": "top"},
    "degrees": {"num_format": "0.000000", "valign": "top"},
    "any": {"num_format": "General", "valign": "top"},
}


@dataclass(frozen=True, slots=True)
class TextColumn:
    """A column of few or many distinct texts: `values[codes[row]]`."""

    codes: NDArray[np.int64]
    values: Sequence[str]
    format: str = "text"

    def __getitem__(self, row: int) -> str:
        return self.values[int(self.codes[row])]


@dataclass(frozen=True, slots=True)
class NumberColumn:
    """A column of numbers; `inf` is shown as the words `infinite`, missing numbers stay empty."""

    values: NDArray[np.float64]
    format: str
    infinite: str = ""

    def __getitem__(self, row: int) -> str | float:
        value = float(self.values[row])
        return self.infinite if math.isinf(value) else value


Column = TextColumn | NumberColumn


class Sheet:
    """One sheet of a `Book`. Rows and columns count from 0."""

    def __init__(self, book: Book, key: str, widths: Sequence[float], title: str | None = None) -> None:
        """`title`: what stands on the tab, where it is not the word for `key`."""
        self._book = book
        self._sheet = book.file.add_worksheet((title or word("sheet", key)).replace(" / ", " "))
        self._widths = widths
        for column, width in enumerate(widths):
            self._sheet.set_column(column, column, width)
        self._sheet.hide_gridlines(2)
        self._sheet.set_landscape()
        self._sheet.set_paper(_A4)
        self._sheet.set_margins(left=0.5, right=0.5, top=0.6, bottom=0.7)
        self._sheet.fit_to_pages(1, 0)
        self._sheet.set_footer(f"&L{book.footer}&R&P / &N")

    def text(self, row: int, column: int, text: str, format: str = "text") -> None:
        """Write text as text, whatever it looks like."""
        if text:
            self._sheet.write_string(row, column, _literal(fit(text)), self._book.formats[format])
        else:
            self._sheet.write_blank(row, column, None, self._book.formats[format])

    def number(self, row: int, column: int, number: float | None, format: str = "count") -> None:
        """Write a number; a missing or infinite one leaves the cell empty."""
        if number is None or not math.isfinite(number):
            self._sheet.write_blank(row, column, None, self._book.formats[format])
        else:
            self._sheet.write_number(row, column, number, self._book.formats[format])

    def put(self, row: int, column: int, value: str | float | None, format: str) -> None:
        """Write a text or a number, by its type."""
        if isinstance(value, str):
            self.text(row, column, value, format)
        else:
            self.number(row, column, value, format)

    def row(self, row: int, values: Sequence[str | float | None], formats: Sequence[str]) -> None:
        """Write a row from its first column on, as high as its wrapped texts need."""
        lines = 1
        for column, (value, shape) in enumerate(zip(values, formats, strict=True)):
            self.put(row, column, value, shape)
            if shape == "wrap" and isinstance(value, str):
                lines = max(lines, math.ceil(_width(value) / (self._widths[column] - 2)))
        if lines > 1:  # not every program grows a row by itself
            self._sheet.set_row(row, _LINE * min(lines, _MOST_LINES))

    def head(self, row: int, titles: Sequence[str]) -> None:
        """Write a row of column heads, two lines high: Chinese above English."""
        self._sheet.set_row(row, 72)
        for column, title in enumerate(titles):
            self._sheet.write_string(row, column, _literal(fit(title.replace(" / ", "\n", 1))), self._book.formats["head"])

    def frame(self, head_row: int, rows: int, columns: int, keep_columns: int = 0) -> None:
        """Freeze the heads (and the first columns), repeat the heads in print, and let the reader filter `rows` rows."""
        self._sheet.freeze_panes(head_row + 1, keep_columns)
        self._sheet.repeat_rows(head_row)
        self._sheet.autofilter(head_row, 0, head_row + rows, columns - 1)

    def shade_shares(self, first_row: int, rows: int, column: int) -> None:
        """Colour shares in five steps: the lower, the redder."""
        for low, high, step in ((0.8, 1.01, 0), (0.6, 0.8, 1), (0.4, 0.6, 2), (0.2, 0.4, 3), (0.0, 0.2, 4)):
            cell = f"${xl_col_to_name(column)}{first_row + 1}"
            self._shade(first_row, rows, column, f"AND(ISNUMBER({cell}),{cell}>={low},{cell}<{high})", step)

    def shade_excess(self, first_row: int, rows: int, over: int, limit: int) -> None:
        """Colour excess minutes against the limit: up to half of it, up to all of it, more, or no path at all."""
        # to a spreadsheet, text is above any number: "no path" takes the last colour
        over_cell, limit_cell = f"${xl_col_to_name(over)}{first_row + 1}", f"${xl_col_to_name(limit)}{first_row + 1}"
        for test, step in ((f"{over_cell}>{limit_cell}", 4), (f"{over_cell}>{limit_cell}/2", 3), (f"{over_cell}>=0", 2)):
            self._shade(first_row, rows, over, f'AND({over_cell}<>"",{test})', step)

    def _shade(self, first_row: int, rows: int, column: int, test: str, step: int) -> None:
        if rows:
            rule = {"type": "formula", "criteria": f"={test}", "format": self._book.shades[step], "stop_if_true": True}
            self._sheet.conditional_format(first_row, column, first_row + rows - 1, column, rule)

    def long_table(self, first_row: int, columns: Sequence[Column], rows: int) -> None:
        """Write whole columns of `rows` rows, once in a sheet and below all else.

        The first row is written here, cell by cell; those after it are rendered by `Book.save` in the same shape, because writing a
        million rows one cell at a time takes over a minute.
        """
        for number, column in enumerate(columns if rows else ()):
            self.put(first_row, number, column[0], column.format)
        if rows > 1:
            self._book.long[self._sheet.get_name()] = (first_row, columns, rows)


class Book:
    """An .xlsx file in the making. The same content gives the same bytes."""

    def __init__(self, title: str, footer: str, created: dt.datetime) -> None:
        self._buffer = io.BytesIO()
        self.file = xlsxwriter.Workbook(
            self._buffer,
            # texts are written with write_string only; these say the same a second time
            {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False},
        )
        self.file.set_properties({"title": fit(title)[:200], "comments": footer, "created": created})
        self.footer = footer.replace("&", "&&")[:200]  # & starts a code in a footer, and 255 characters are all it holds
        self.formats = {name: self.file.add_format(options) for name, options in _FORMATS.items()}
        self.shades = [
            self.file.add_format({"bg_color": colour, "font_color": "#ffffff" if step in (0, 4) else "#000000"})
            for step, colour in enumerate(PALETTE)
        ]
        self.long: dict[str, tuple[int, Sequence[Column], int]] = {}

    def save(self, path: Path) -> None:
        """Write the file to `path`."""
        parts = {f"xl/worksheets/sheet{number}.xml": sheet.get_name() for number, sheet in enumerate(self.file.worksheets(), 1)}
        self.file.close()
        with zipfile.ZipFile(self._buffer) as source, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=_LEVEL) as target:
            texts = _Texts(source.read(_SHARED) if _SHARED in source.namelist() else b"")
            for item in sorted(source.infolist(), key=lambda item: item.filename == _SHARED):  # when all texts are known
                info = zipfile.ZipInfo(item.filename, (1980, 1, 1, 0, 0, 0))
                info.compress_type = zipfile.ZIP_DEFLATED
                content = texts.xml() if item.filename == _SHARED else source.read(item)
                long = self.long.get(parts.get(item.filename, ""))
                with target.open(info, "w", force_zip64=long is not None) as file:
                    for piece in _spliced(content, texts, *long) if long else (content,):
                        file.write(piece)


class _Texts:
    """The texts that cells name by their number: what the library has listed, and behind it those of long tables."""

    def __init__(self, listed: bytes) -> None:
        self._listed = listed
        found = re.search(rb'uniqueCount="(\d+)"', listed)
        self._many = int(found[1]) if found else 0
        self._more: list[pa.Array] = []

    def bodies(self, values: Sequence[str], style: str) -> pa.Array:
        """Give a cell, from its style on, for each text: the number under which it is listed, nothing for no text."""
        texts = pa.array([fit(value) for value in values], type=pa.string())
        for plain, written in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
            texts = pc.replace_substring(texts, plain, written)
        # _x0041_ means A to Excel: written so, it stays the seven characters that it is
        texts = pc.replace_substring_regex(texts, "(_x[0-9a-fA-F]{4}_)", r"_x005F\1")
        self._more.append(pc.binary_join_element_wise('<si><t xml:space="preserve">', texts, "</t></si>", ""))
        numbers = pc.cast(pa.array(np.arange(self._many, self._many + len(texts))), pa.string())
        self._many += len(texts)
        told = pc.binary_join_element_wise(f's="{style}" t="s"><v>', numbers, "</v></c>", "")
        return pc.if_else(pc.equal(texts, ""), f's="{style}"/>', told)

    def xml(self) -> bytes:
        """Give the list as a part of the file. How often its texts are used is left out: nobody needs to know."""
        head, _, rest = self._listed.partition(b"<si>")
        head = re.sub(rb' count="\d+" uniqueCount="\d+"', f' uniqueCount="{self._many}"'.encode(), head)
        body, end, tail = rest.rpartition(b"</sst>")
        return b"".join([head, b"<si>", body, *map(_bytes, self._more), end, tail])


def fit(text: str) -> str:
    """Text no longer than a cell holds; what is cut ends in an ellipsis.

    >>> len(fit("x" * 40_000))
    32767
    """
    if len(text) * 2 <= MAX_TEXT or len(text.encode("utf-16-le")) // 2 <= MAX_TEXT:
        return text
    return text.encode("utf-16-le")[: 2 * (MAX_TEXT - 1)].decode("utf-16-le", "ignore") + "…"


def _width(text: str) -> int:
    """Width of a text in Latin letters: a Chinese character takes two."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


def _literal(text: str) -> str:
    """Keep the library from taking text for its own mark-up of rich text: it writes `<r>…</r>` into the file unescaped."""
    return text + " " if text.startswith("<r>") and text.endswith("</r>") else text


def _spliced(content: bytes, texts: _Texts, first_row: int, columns: Sequence[Column], rows: int) -> Iterator[bytes]:
    """Give the XML of a sheet, with the rows after the first data row put in.

    Each piece is rendered while the one before it is deflated.
    """
    first = content.rindex(f'<row r="{first_row + 1}"'.encode())
    end = content.index(b"</sheetData>", first)
    styles = re.findall(rb'<c r="[A-Z]+\d+" s="(\d+)"', content[first:end])
    if len(styles) != len(columns):
        raise AssertionError(f"{len(columns)} columns, {len(styles)} cells in the first row")  # a changed library, caught by the tests
    renderers = [_renderer(column, style.decode(), texts) for column, style in zip(columns, styles, strict=True)]
    names = [xl_col_to_name(number) for number in range(len(columns))]

    def rendered(start: int) -> bytes:
        piece = slice(start, min(start + _PIECE, rows))
        numbers = pc.cast(pa.array(np.arange(first_row + 1 + piece.start, first_row + 1 + piece.stop)), pa.string())
        # the format lets a cell go without its place, but not every office program has read that far
        cells = [part for name, render in zip(names, renderers, strict=True) for part in (f'<c r="{name}', numbers, '" ', render(piece))]
        return _bytes(pc.binary_join_element_wise('<row r="', numbers, '">', *cells, "</row>", ""))

    reach = f'\\g<1>{first_row + rows}"'.encode()
    yield re.sub(rb'(<dimension ref="[A-Z]+\d+:[A-Z]+)\d+"', reach, content[:end], count=1)
    with ThreadPoolExecutor(1) as beside:
        starts = range(1, rows, _PIECE)
        waiting = [beside.submit(rendered, start) for start in starts[:1]]
        for start in starts:
            done = waiting.pop().result()
            waiting = [beside.submit(rendered, following) for following in (start + _PIECE,) if following in starts]
            yield done
    yield content[end:]


def _bytes(texts: pa.Array) -> bytes:
    """Give texts one after the other."""
    _, offsets, data = texts.buffers()
    at = np.frombuffer(offsets, dtype=np.int32)[texts.offset : texts.offset + len(texts) + 1]
    return bytes(memoryview(data)[at[0] : at[-1]]) if data is not None and len(texts) else b""


def _renderer(column: Column, style: str, texts: _Texts) -> Callable[[slice], pa.Array]:
    """Return what gives the XML of a column's cells, from the style on, for a slice of rows."""
    if isinstance(column, TextColumn):
        bodies, codes = texts.bodies(column.values, style), column.codes
        return lambda piece: bodies.take(pa.array(codes[piece]))
    words, values = texts.bodies([column.infinite, ""], style), column.values

    def render(piece: slice) -> pa.Array:
        numbers = values[piece]
        told = pc.binary_join_element_wise(f's="{style}"><v>', pc.cast(pa.array(numbers), pa.string()), "</v></c>", "")
        return pc.if_else(pa.array(np.isfinite(numbers)), told, words.take(pa.array(np.where(np.isinf(numbers), 0, 1))))

    return render
