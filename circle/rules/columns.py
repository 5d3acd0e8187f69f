"""What the headers and a few words of planners' tables mean, by `columns.toml`.

Takes: a header or a cell.   Gives: the column or word of ours that it stands for, or None; whether it is private.
Never: reads a file of data, or lets a private header pass for anything.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from circle.rules.loading import RULES, Label, read_toml

KINDS = ("text", "number", "count", "angle")
_BRACKETS = re.compile(r"\([^()]*\)|\[[^\[\]]*\]|【[^【】]*】|\{[^{}]*\}")
_SIGNS = re.compile(r"[\s_\-./、:：*#\"'“”]+")
_CUT = 3  # a name that a shapefile cut is recognised from this many characters on


@dataclass(frozen=True, slots=True)
class Column:
    """A column that circle understands: `key`, `label`, `kind` (text, number, count, angle), `words` it goes by."""

    key: str
    label: Label
    kind: str
    words: tuple[str, ...]


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
    if text in rules.by_word:
        return rules.by_word[text]
    for pattern, key in rules.patterns:
        if pattern.fullmatch(text):
            return key, len(rules.columns[key].words)
    if cut and len(text) >= _CUT:
        found = {key: rank for word, (key, rank) in sorted(rules.by_word.items(), reverse=True) if word.startswith(text)}
        if len(found) == 1:
            return next(iter(found.items()))
    return None


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

    >>> word("passage", "刷卡"), word("status", "在建"), word("use", "多层住宅"), word("status", "正常")
    ('residents', 'planned', 'apartments', None)
    """
    return _rules().words[section].get(plain(cell))


@lru_cache(maxsize=1)
def _rules() -> _Rules:
    root = read_toml(RULES / "columns.toml")
    columns: dict[str, Column] = {}
    by_word: dict[str, tuple[str, int]] = {}
    patterns: list[tuple[re.Pattern[str], str]] = []
    for key, reader in root.inner("column").each():
        columns[key] = Column(key, reader.label("label"), reader.choice("kind", KINDS), reader.words("words"))
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
    sheets = root.inner("sheets")
    made = _Rules(
        columns, by_word, tuple(patterns),
        private=re.compile("|".join(f"(?:{pattern})" for pattern in root.words("private"))),
        total=re.compile(root.text("total")), note=re.compile(root.text("note")),
        sheets={use: sheets.words(use) for use in sheets.table}, words=words,
    )  # fmt: skip
    sheets.done()
    root.done()
    return made
