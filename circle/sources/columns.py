"""The columns of a planner's sheet, understood: which header is what, what is private, what is asked for by name.

Takes: a `Sheet`, the columns that are wanted, the planner's own words (`--column 名称=name`).   Gives: a frame with our columns alone.
Never: hands on a column that was not asked for: names, phones and health stay in the file.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from circle.errors import Findings, RuleError, SourceError
from circle.rules import columns as words
from circle.rules.loading import suggest
from circle.sources import coordinates
from circle.sources.spreadsheets import UNCALCULATED, Sheet

_DOUBLE = re.compile(r" \(\d+\)$")
_UNIT = re.compile(r"([\d,.]*\d)\s*([^\d\s,.].*)")  # 48户, 1.2万人
_PERSONAL = re.compile(r"(?<!\d)(?:1[3-9]\d{9}|\d{17}[\dXx]|0\d{2,3}[-－ ]?\d{7,8})(?!\d)")
_WIDE = re.compile("([（）])")
_EMPTY = re.compile(
    r"[(（][\s,，、:：-]*(?:(?:电话|手机|联系方式|tel|phone)[\s.:：]*)?[)）]", re.IGNORECASE
)  # a bracket that held a number alone
_COMMA = re.compile(r"\s*[+-]?\d+,\d+\s*")
_SHOWN = 12


@dataclass(frozen=True, slots=True)
class Override:
    """`FILE:名称=name`: a header of a file (or of any, where `file` is empty) stands for a column of ours."""

    header: str
    column: str
    file: str = ""

    @classmethod
    def parse(cls, text: str) -> Override:
        """From the words of `--column`.

        >>> Override.parse("台账.xlsx:楼名=name")
        Override(header='楼名', column='name', file='台账.xlsx')

        Raises
        ------
        RuleError
            It is not HEADER=COLUMN, or there is no such column.
        """
        left, equals, column = text.rpartition("=")
        file, colon, header = left.rpartition(":")
        if colon and not Path(file).suffix:  # a colon inside a header
            file, header = "", left
        if not equals or not header.strip() or column not in words.columns():
            known = suggest(column, list(words.columns())) if equals else "for example 名称=name"
            raise RuleError(f"--column {text}: write HEADER=COLUMN, or FILE:HEADER=COLUMN; {known}.")
        return cls(header.strip(), column, Path(file).name if file else "")


@dataclass(slots=True)
class Reading:
    """What was made of a sheet: `frame` with our columns (numbers where they are numbers), and the words that say so.

    `used` is how many rows the place took something from; None where nobody counted.
    """

    sheet: Sheet
    frame: pd.DataFrame
    private: list[str] = field(default_factory=list)
    unused: list[str] = field(default_factory=list)
    scaled: dict[str, float] = field(default_factory=dict)
    used: int | None = None

    def as_dict(self) -> dict[str, object]:
        """What was understood, for run.json; headers only, never a cell."""
        return {
            "columns": dict(self.sheet.understood), "private": self.private, "unused": self.unused,
            "rows": len(self.frame), "set_aside": len(self.sheet.set_aside), **({} if self.used is None else {"used": self.used}),
            **({"scaled": dict(self.scaled)} if self.scaled else {}),
        }  # fmt: skip

    def sentence(self) -> str:
        """The same in one line, for the terminal."""
        known = (
            ", ".join(f"{header}={column}{self._times(column)}" for column, header in self.sheet.understood.items())
            or "no column by its header"
        )
        rows = f"{len(self.frame):,} rows" if self.used is None else f"{self.used:,} of {len(self.frame):,} rows used"
        parts = [f"{self.sheet.label}: {rows}; {known}"]
        parts += [f"private, not read: {', '.join(self.private)}"] if self.private else []
        parts += [f"not used: {', '.join(self.unused[:_SHOWN])}{' …' if len(self.unused) > _SHOWN else ''}"] if self.unused else []
        parts += [f"{len(self.sheet.set_aside)} lines are sums or remarks"] if self.sheet.set_aside else []
        names = ", ".join(f"{self.sheet.path.name}:{other} ({count:,} rows)" for other, count in self.sheet.others.items())
        parts += [f"other sheets, not read unless named: {names}"] if names else []
        return "; ".join(parts)

    def leave(self, keys: Iterable[str]) -> None:
        """Say of columns that were read, and then used for nothing, that they are not used."""
        gone = [self.sheet.understood.pop(key) for key in sorted(keys) if key in self.sheet.understood]
        self.unused += [header for header in gone if header not in self.unused]

    def _times(self, column: str) -> str:
        return f" ×{self.scaled[column]:,.10g}" if column in self.scaled else ""


def understand(
    sheet: Sheet, wanted: Sequence[str], overrides: Iterable[Override], findings: Findings, units: Mapping[str, str] | None = None
) -> Reading:
    """Read the wanted columns of a sheet. `units`: of columns that are asked in another unit than their own.

    Headers are matched by `rules/columns.toml`, unless `overrides` say otherwise. Cells that do not fit their column become missing, and
    a finding each (`tables.odd_value`); so do sums and remarks (`tables.not_a_record`).

    Raises
    ------
    SourceError
        Two different columns have one header, or a wanted column holds formulas that were never calculated.
    """
    chosen = _choose(sheet, wanted, list(overrides))
    frame = pd.DataFrame(index=sheet.frame.index)
    factors = {key: _unit(sheet, key, header, findings, (units or {}).get(key, "")) for key, header in chosen.items()}
    for key, header in chosen.items():
        frame[key] = _read(sheet, key, header, factors[key], findings)
    sheet.understood = chosen
    for line, why in sheet.set_aside:
        findings.add("tables.not_a_record", f"{sheet.label}:{line}", why)
    for other, count in sheet.others.items():
        findings.add(
            "tables.other_sheet", f"{sheet.path.name}:{other}", f"{count:,} rows; to read them name it too: {sheet.path.name}:{other}"
        )
    rest = [header for header in sheet.frame.columns if header not in chosen.values() and not _nameless(sheet, header)]
    private = [header for header in rest if words.private(_DOUBLE.sub("", header))]
    scaled = {key: factor for key, factor in factors.items() if factor != 1}
    return Reading(sheet, frame, private, [header for header in rest if header not in private], scaled)


def need(reading: Reading, column: str, why: str) -> pd.Series:
    """A column without which the table is of no use.

    Raises
    ------
    SourceError
        The sheet has none; the message lists its headers and gives the option to say which.
    """
    if column in reading.frame:
        return reading.frame[column]
    known = words.columns()[column]
    headers = [header for header in reading.sheet.frame.columns if header not in reading.private]
    label, name = reading.sheet.label, reading.sheet.path.name
    raise SourceError(
        f"{label}: {why}, and no column says the {known.label.en} ({known.label.zh}). It has: {_quoted(headers)}. "
        f"Say which one it is: --column {name}:{headers[0] if headers else 'HEADER'}={column}."
    )


def _quoted(headers: Sequence[str]) -> str:
    shown = ", ".join(headers[:_SHOWN])
    return "".join(letter if letter.isprintable() else "�" for letter in shown) + (" …" if len(headers) > _SHOWN else "")


def _nameless(sheet: Sheet, header: str) -> bool:
    return bool(re.fullmatch(r"column \d+", header)) and bool(sheet.frame[header].isna().all())


def _choose(sheet: Sheet, wanted: Sequence[str], overrides: list[Override]) -> dict[str, str]:
    """Header of each wanted column that the sheet has."""
    chosen: dict[str, str] = {}
    said: set[str] = set()
    for override in overrides:
        if override.file and override.file != sheet.path.name:
            continue
        exact = [header for header in sheet.frame.columns if header == override.header]
        alike = [header for header in sheet.frame.columns if words.plain(header) == words.plain(override.header)]
        match = next(iter([*exact, *alike]), None)
        if match is None:
            if override.file:
                raise SourceError(
                    f"--column {override.file}:{override.header}={override.column}: {sheet.label} has no column "
                    f"“{override.header}”. It has: {_quoted(list(sheet.frame.columns))}."
                )
            continue
        said.add(match)
        if override.column in wanted:
            chosen[override.column] = match
    ranked: dict[str, list[tuple[int, int, str]]] = {}
    for place, header in enumerate(map(str, sheet.frame.columns)):
        found = words.recognise(_DOUBLE.sub("", header), cut=sheet.cut)
        if found and found[0] in wanted and found[0] not in chosen and header not in said:
            ranked.setdefault(found[0], []).append((found[1], place, header))
    for key in wanted:
        if key in ranked:
            best = sorted(ranked[key])
            chosen[key] = _one(sheet, key, [header for rank, _, header in best if rank == best[0][0]])
    return {key: chosen[key] for key in wanted if key in chosen}


def _one(sheet: Sheet, key: str, headers: list[str]) -> str:
    """One of several equally good headers: the only one that is filled, or any where they agree."""
    filled = [header for header in headers if sheet.frame[header].notna().any()] or headers[:1]
    first = sheet.frame[filled[0]]
    if all(sheet.frame[header].equals(first) for header in filled[1:]):
        return filled[0]
    names = ", ".join(f"“{header}”" for header in filled)
    raise SourceError(
        f"{sheet.label}: {len(filled)} different columns may be the {words.columns()[key].label.en}: {names}. "
        f"Rename one in the file, or say which: --column {sheet.path.name}:{filled[0]}={key}."
    )


def _unit(sheet: Sheet, key: str, header: str, findings: Findings, unit: str) -> float:
    """What the numbers under a header are multiplied by; `unit`: the one that is asked, where it is not the column's own."""
    found, own = words.unit_of(key, _DOUBLE.sub("", header), sheet.unit, unit), words.unit_label(key, unit)
    if not found.odd or own is None:
        return found.factor
    column = words.columns()[key].label
    if found.refused:
        raise SourceError(
            f"{sheet.label}: “{header}” says “{found.odd}”, which cannot be turned into {column.en} in {own.en} ({own.zh}). "
            f"Give the column in {own.en}, or in 千, 万 or 亿 of them, and say so in its header: {words.plain(header)}（万{own.zh}）."
        )
    findings.add("tables.unknown_unit", sheet.label, f"{header}: read as {own.en}")
    return found.factor


def _read(sheet: Sheet, key: str, header: str, factor: float, findings: Findings) -> pd.Series:
    cells = sheet.frame[header]
    uncalculated = cells.map(lambda cell: cell is UNCALCULATED).to_numpy(dtype=bool)
    if uncalculated.any():
        raise SourceError(
            f"{sheet.label}: column “{header}” holds {uncalculated.sum():,} formulas without a value (first in row "
            f"{sheet.line.to_numpy()[uncalculated][0]}). Open the file in Excel or WPS and save it, so that they are calculated."
        )
    column = words.columns()[key]
    kind = column.kind
    if kind == "text":
        texts = cells.map(_text, na_action="ignore").astype(object)
        return texts.where(texts.notna() & (texts != ""), None)
    if sheet.commas:
        cells = _dotted(cells, always=kind == "angle")
    values = coordinates.degrees(cells) if kind == "angle" else coordinates.numbers(_bare(cells, key, factor))
    if factor != 1:
        values = np.round(values * factor, 6)  # 0.28 of 万 is 2800, not 2800.0000000000005
    with np.errstate(invalid="ignore"):
        odd = ~np.isfinite(values) | (((values < 0) | (values > column.most)) & (kind == "count"))
    said = odd & cells.map(says, na_action="ignore").eq(True).to_numpy()  # noqa: FBT003
    values[odd] = np.nan
    findings.extend("tables.odd_value", [f"{sheet.label}:{line}" for line in sheet.line[said]], f"{header}: not a {_a(column)}")
    return pd.Series(values, index=cells.index)


def _a(column: words.Column) -> str:
    if column.kind == "count":
        return f"number from 0 to {column.most:,.0f}, which is the most that one row is believed"
    return "coordinate" if column.kind == "angle" else "number"


def says(cell: object) -> bool:
    """Whether a cell says anything: a dash or 无 stands for an empty one."""
    return str(cell).strip() not in {"", "-", "—", "－", "/", "无", "暂无", "不详", "nan", "None", "null", "NA", "N/A"}


def _dotted(cells: pd.Series, *, always: bool) -> pd.Series:
    """Cells with a dot for the decimal comma: 28,1234. In counts 1,017 is a thousand, unless another cell of the column shows otherwise."""
    texts = cells.map(lambda cell: cell if isinstance(cell, str) and _COMMA.fullmatch(cell) else None)
    found = texts.notna()
    if not found.any() or not (always or (texts[found].str.rpartition(",")[2].str.len() != 3).any()):
        return cells
    return cells.where(~found, texts.str.replace(",", ".", regex=False))


def _bare(cells: pd.Series, key: str, factor: float) -> pd.Series:
    """Cells without the unit behind the number: 48户, 6层; with a unit of its own (1.2万人) a cell is the number that it means.

    The column is multiplied by `factor` afterwards, which is no matter of such a cell's.
    """
    strange = pd.to_numeric(cells, errors="coerce").isna() & cells.notna()
    if not strange.any():
        return cells
    texts = cells[strange].astype(str)
    known = {text: _one_bare(unicodedata.normalize("NFKC", text).strip(), key, factor) for text in pd.unique(texts)}
    out = cells.astype(object).copy()
    out[strange] = texts.map(known)
    return out


def _one_bare(text: str, key: str, factor: float) -> object:
    found = _UNIT.fullmatch(text)
    own = None if found is None else words.measured(key, found[2])
    if found is None or own is None:
        return text
    return float(coordinates.numbers(pd.Series([found[1]]))[0]) * own / factor


def _text(cell: object) -> str:
    """A cell as text; 3.0 is 3; phone and identity numbers inside a text are taken out."""
    if isinstance(cell, float):
        return "" if cell != cell else f"{cell:.15g}"  # noqa: PLR0124 - NaN
    text = " ".join(_normal(str(cell)).split()) if not str(cell).isascii() else " ".join(str(cell).split())
    return "".join(letter for letter in text if letter.isprintable())


def _normal(text: str) -> str:
    """Digits and letters of one width; brackets stay as they were written: they are shown, and whatever compares names makes them one."""
    return "".join(part if part in "（）" else unicodedata.normalize("NFKC", part) for part in _WIDE.split(text))


def scrubbed(texts: pd.Series) -> pd.Series:
    """Names with phone and identity numbers taken out of them.

    >>> scrubbed(pd.Series(["李家诊所 13812345678", "便利蜂（生活馆店）", "门房（电话 13812345678）"])).tolist()
    ['李家诊所', '便利蜂（生活馆店）', '门房']
    """
    return texts.map(lambda text: _scrubbed(text) if isinstance(text, str) else text)


def _scrubbed(text: str) -> str:
    out, taken = _PERSONAL.subn("", text)
    return _EMPTY.sub("", out).strip(" ,，、:：-").rstrip("(（ ") if taken else text


def texts(frame: pd.DataFrame, column: str) -> pd.Series:
    """A text column, empty strings where it is missing altogether or in a row."""
    if column not in frame:
        return pd.Series("", index=frame.index, dtype=object)
    return frame[column].where(frame[column].notna(), "").astype(object)


def counts(frame: pd.DataFrame, column: str) -> pd.Series:
    """A number column, NaN where it is missing altogether or in a row."""
    return frame[column].astype(float) if column in frame else pd.Series(np.nan, index=frame.index)


def overrides(texts: Iterable[str]) -> tuple[Override, ...]:
    """Every `--column` of a run."""
    return tuple(Override.parse(text) for text in texts)


__all__ = ["Override", "Reading", "counts", "need", "overrides", "says", "scrubbed", "texts", "understand"]
