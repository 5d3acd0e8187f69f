"""What the headers and a few words of planners' tables mean, by `columns.toml`.

Takes: a header or a cell.   Gives: the column or word of ours that it stands for, or None; whether it is private.
Never: reads a file of data, or lets a private header pass for anything.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from circle.rules.loading import RULES, Label, Reader, read_toml

KINDS = ("text", "number", "count", "angle")
_BRACKETS = re.compile(r"\([^()]*\)|\[[^\[\]]*\]|【[^【】]*】|\{[^{}]*\}")
_SIGNS = re.compile(r"[\s_\-./、:：*#\"'“”]+")
_BEHIND = re.compile(r"(.+)[/_:·|\-]([^/_:·|\-]+)")  # 造价/万元
_PIECES = re.compile(r"[,;、:]")
_TIMES = re.compile(r"(\d+)[x×*]?(\D.*)")
_CUT = 3  # a name that a shapefile cut is recognised from this many characters on


@dataclass(frozen=True, slots=True)
class Column:
    """A column that circle understands: `key`, `label`, `kind` (text, number, count, angle), `words` it goes by.

    A count has a `unit`, the name of one of columns.toml, and a number beyond which a cell is a slip of the pen (`most`).
    """

    key: str
    label: Label
    kind: str
    words: tuple[str, ...]
    unit: str = ""
    most: float = math.inf


@dataclass(frozen=True, slots=True)
class Unit:
    """What a header says about its numbers: `factor` to the column's own unit; `odd` is what it says that is not understood.

    `refused`: its numbers cannot be the column's, so nobody should read on.
    """

    factor: float = 1.0
    odd: str = ""
    refused: bool = False


@dataclass(frozen=True, slots=True)
class _Rules:
    columns: dict[str, Column]
    by_word: dict[str, tuple[str, int]]
    patterns: tuple[tuple[re.Pattern[str], str], ...]
    private: re.Pattern[str]
    total: re.Pattern[str]
    note: re.Pattern[str]
    sheets: Mapping[str, tuple[str, ...]]
    words: Mapping[str, Mapping[str, str]]
    status_stems: tuple[tuple[str, str], ...]
    units: Mapping[str, Mapping[str, float]]
    unit_labels: Mapping[str, Label]
    multiples: Mapping[str, float]
    remarks: re.Pattern[str]
    rates: re.Pattern[str]
    table_unit: re.Pattern[str]


@lru_cache(maxsize=65536)
def plain(header: str) -> str:
    """A header as it is compared.

    >>> plain("户 数（户）"), plain("ｘ坐标"), plain("sub_category")
    ('户数', 'x坐标', 'subcategory')
    """
    text = _BRACKETS.sub("", unicodedata.normalize("NFKC", header)) or unicodedata.normalize("NFKC", header)
    return _SIGNS.sub("", text).casefold()


def columns() -> dict[str, Column]:
    """Every column that circle understands, by its key."""
    return dict(_rules().columns)


def recognise(header: str, *, cut: bool = False) -> tuple[str, int] | None:
    """Key of the column that a header stands for and how good the word is (0 is best), or None; with `cut`, also names cut to ten bytes.

    >>> recognise("小区名称"), recognise("联系电话"), recognise("备用")
    (('compound', 1), None, None)
    """
    return _recognise(header, cut)


@lru_cache(maxsize=4096)
def _recognise(header: str, cut: bool) -> tuple[str, int] | None:  # noqa: FBT001 - a key of the cache
    if private(header):
        return None
    rules, text = _rules(), plain(header)
    if (known := _whole(text)) is not None:
        return known
    behind = _BEHIND.fullmatch(unicodedata.normalize("NFKC", header).strip())
    if (
        behind is not None
        and (known := _whole(plain(behind[1]))) is not None
        and _factor(rules.columns[known[0]].unit, behind[2]) is not None
    ):
        return known
    if cut and len(text) >= _CUT:
        found = {key: rank for word, (key, rank) in sorted(rules.by_word.items(), reverse=True) if word.startswith(text)}
        if len(found) == 1:
            return next(iter(found.items()))
    return None


def _whole(text: str) -> tuple[str, int] | None:
    rules = _rules()
    if text in rules.by_word:
        return rules.by_word[text]
    return next(((key, len(rules.columns[key].words)) for pattern, key in rules.patterns if pattern.fullmatch(text)), None)


def unit_label(key: str, unit: str = "") -> Label | None:
    """The unit that the numbers of a column are in, its own or `unit`; None where it has none."""
    return _rules().unit_labels.get(unit or _rules().columns[key].unit)


def measured(key: str, text: str) -> float | None:
    """How many of a column's own unit a unit is, or None where it is none of this column's.

    >>> measured("population", "万人"), measured("area", "公顷"), measured("cost", "万"), measured("households", "人")
    (10000.0, 10000.0, 10000.0, None)
    """
    return _factor(_rules().columns[key].unit, text)


@lru_cache(maxsize=4096)
def unit_of(key: str, header: str, above: str = "", unit: str = "") -> Unit:
    """What a header, or else the line `above` the table, says about the numbers of a column; `unit`: one that is asked instead of its own.

    >>> unit_of("population", "常住人口（万人）").factor, unit_of("cost", "造价/万元").factor, unit_of("cost", "造价（元/㎡）").refused
    (10000.0, 10000.0, True)
    >>> unit_of("population", "人口（人/公顷）").refused, unit_of("population", "人口（人/平方公里）", unit="density").factor
    (True, 0.01)
    """
    rules, text = _rules(), unicodedata.normalize("NFKC", header)
    unit = unit or rules.columns[key].unit
    if not unit:
        return Unit()
    said = [_small(piece) for inner in _BRACKETS.findall(text) for piece in _PIECES.split(inner[1:-1])]
    behind = _BEHIND.fullmatch(_BRACKETS.sub("", text).strip())
    if behind is not None and _factor(unit, behind[2]) is not None:
        said.append(_small(behind[2]))
    known = {piece: factor for piece in said if (factor := _factor(unit, piece)) is not None}
    odd = [piece for piece in said if piece and piece not in known and not rules.remarks.fullmatch(piece)]
    for piece in odd:
        if _multiple(piece) or rules.rates.search(piece) or any(_factor(other, piece) is not None for other in rules.units):
            return Unit(odd=piece, refused=True)
    if len(set(known.values())) > 1:
        return Unit(odd=", ".join(known), refused=True)
    if known:
        return Unit(next(iter(known.values())))
    return Unit(odd=odd[0]) if odd else _above(unit, above)


def _above(unit: str, line: str) -> Unit:
    rules = _rules()
    spoken = rules.table_unit.fullmatch(unicodedata.normalize("NFKC", line).strip())
    pieces = [] if spoken is None else [_small(piece) for piece in _PIECES.split(next(filter(None, spoken.groups())))]
    found = {factor for piece in pieces if (factor := _factor(unit, piece)) is not None}
    if len(found) == 1:
        return Unit(found.pop())
    doubtful = [piece for piece in pieces if _multiple(piece) and not any(_factor(other, piece) for other in rules.units)]
    return Unit(odd=", ".join(pieces), refused=True) if found else Unit(odd=", ".join(doubtful))


def _multiple(piece: str) -> bool:
    return any(piece.startswith(word) for word in _rules().multiples if not word.isascii())


def says_unit(cell: str) -> bool:
    """Whether a cell above a table says which unit its numbers are in.

    >>> says_unit("单位：万人"), says_unit("填报单位：荣华街道")
    (True, False)
    """
    return bool(_rules().table_unit.fullmatch(unicodedata.normalize("NFKC", cell).strip()))


def _small(text: str) -> str:
    return "".join(unicodedata.normalize("NFKC", text).split()).casefold().removeprefix("单位")


@lru_cache(maxsize=4096)
def _factor(unit: str, text: str) -> float | None:
    rules, text = _rules(), _small(text)
    known = rules.units.get(unit)
    if known is None or not text:
        return None
    if text in known:
        return known[text]
    if text in rules.multiples:
        return rules.multiples[text]
    times = _TIMES.fullmatch(text)  # 1000人
    if times is not None:
        return float(times[1]) * known[times[2]] if times[2] in known and float(times[1]) > 0 else None
    return next(
        (
            value * known[text[len(word) :]]
            for word, value in rules.multiples.items()
            if text.startswith(word) and text[len(word) :] in known
        ),
        None,
    )


def private(header: str) -> bool:
    """Whether a header announces personal data: names, phones, papers, health.

    >>> private("联系电话"), private("户主姓名"), private("残疾人数"), private("名称")
    (True, True, True, False)
    """
    return bool(_rules().private.fullmatch(plain(header)))


def record(cells: Sequence[str]) -> bool:
    """Whether a row is a record, and not a sum or a remark below the table. `cells` are the texts of its filled cells.

    >>> record(["3号楼", "48"]), record(["合 计", "480"]), record(["注：数据截至2021年"])
    (True, False, False)
    """
    if not cells:
        return True
    first = unicodedata.normalize("NFKC", cells[0]).strip()
    return not (_rules().total.search(first.casefold()) or (len(cells) == 1 and _rules().note.search(first.casefold())))


def sheet_words(use: str) -> tuple[str, ...]:
    """Words in the names of the sheets that are looked at first for `buildings`, `facilities`, `zones` or `gates`."""
    return _rules().sheets.get(use, ())


def word(section: str, cell: str) -> str | None:
    """What a cell of the column `passage`, `status` or `use` means, or None where it says nothing that is known.

    >>> word("passage", "刷卡"), word("status", "已停业"), word("use", "多层住宅"), word("status", "待核")
    ('residents', 'gone', 'apartments', None)
    """
    rules, text = _rules(), plain(cell)
    known = rules.words[section].get(text)
    if known is not None or section != "status":
        return known
    return next((meaning for stem, meaning in rules.status_stems if stem in text), None)


@lru_cache(maxsize=1)
def _rules() -> _Rules:
    root = read_toml(RULES / "columns.toml")
    units, labels = _units(root)
    multiples = root.inner("multiples")
    columns: dict[str, Column] = {}
    by_word: dict[str, tuple[str, int]] = {}
    patterns: list[tuple[re.Pattern[str], str]] = []
    for key, reader in root.inner("column").each():
        kind = reader.choice("kind", KINDS)
        limits = (reader.choice("unit", units), reader.number("most", above=True)) if kind == "count" else ()
        columns[key] = Column(key, reader.label("label"), kind, reader.words("words"), *limits)
        for rank, each in enumerate(columns[key].words):
            if plain(each) in by_word and by_word[plain(each)][0] != key:
                reader.refuse("words", f"'{each}' stands for '{by_word[plain(each)][0]}' too; leave it in one place")
            by_word.setdefault(plain(each), (key, rank))
        patterns += [(re.compile(pattern), key) for pattern in reader.words("patterns", ())]
        reader.done()
    words: dict[str, dict[str, str]] = {}
    for section in ("passage", "status", "use"):
        inner = root.inner(section)
        words[section] = {plain(each): meaning for meaning in inner.table for each in inner.words(meaning)}
        inner.done()
    stems = root.inner("status_stems")
    sheets = root.inner("sheets")
    made = _Rules(
        columns, by_word, tuple(patterns),
        private=re.compile("|".join(f"(?:{pattern})" for pattern in root.words("private"))),
        total=re.compile(root.text("total")), note=re.compile(root.text("note")),
        sheets={use: sheets.words(use) for use in sheets.table}, words=words,
        status_stems=tuple((plain(stem), meaning) for meaning in stems.table for stem in stems.words(meaning)),
        units=units, unit_labels=labels, multiples={each: multiples.number(each, above=True) for each in multiples.table},
        remarks=re.compile("|".join(f"(?:{pattern})" for pattern in root.words("remarks"))),
        rates=re.compile(root.text("rates")), table_unit=re.compile(root.text("table_unit"), re.IGNORECASE),
    )  # fmt: skip
    sheets.done()
    root.done()
    return made


def _units(root: Reader) -> tuple[dict[str, dict[str, float]], dict[str, Label]]:
    units, labels = {}, {}
    for key, reader in root.inner("unit").each():
        inner = reader.inner("words")
        units[key] = {_small(word): inner.number(word, above=True) for word in inner.table}
        labels[key] = reader.label("label")
        reader.done()
    return units, labels
