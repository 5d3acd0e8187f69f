"""Words of the workbook and the map layers, in Chinese and English, and text that every file can hold.

Takes: keys (`verdict`, `met`) and text from data.   Gives: words, and cleaned text.
Never: translates names from the data.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

from circle.standards import Label

Words = dict[str, dict[str, dict[str, str]]]

# What XML 1.0 cannot hold, halves of surrogate pairs, and marks that are no characters: one of them makes a file unreadable.
_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


@cache
def words() -> Words:
    """Return all words: group, then key, then `zh` and `en`."""
    return tomllib.loads((resources.files("circle.publish") / "assets" / "tables.toml").read_text(encoding="utf-8"))


@cache
def _finding_words() -> Mapping[str, Any]:
    # read as data: publishing does not import the rules, so that a saved run can be drawn without them
    return tomllib.loads((resources.files("circle") / "rules" / "findings.toml").read_text(encoding="utf-8"))


def finding(code: str) -> tuple[str, str, str]:
    """Give severity, meaning and remedy of a finding in words; empty for a code of another version.

    >>> finding("sources.missing_node")[0]
    '警告 / warning'
    """
    stage, _, what = code.partition(".")
    said = _finding_words().get(stage, {}).get(what)
    if not said:
        return "", "", ""
    return word("severity", said["severity"]), f"{said['label']['zh']} / {said['label']['en']}", f"{said['do']['zh']} / {said['do']['en']}"


def word(group: str, key: str) -> str:
    """Give the Chinese and English word for a key. A key that has no word stands for itself.

    >>> word("verdict", "met")
    '达标 / met'
    """
    entry = words()[group].get(key)
    return f"{entry['zh']} / {entry['en']}" if entry else clean(key)


def head(key: str) -> str:
    """Give the words of a heading.

    >>> head("households")
    '户数 / Households'
    """
    return word("head", key)


def note(key: str, **values: object) -> str:
    """Give a sentence in both languages with its values filled in."""
    entry = words()["note"][key]
    return f"{entry['zh'].format(**values)}  {entry['en'].format(**values)}"


def both(label: Label) -> str:
    """Give Chinese and English of a label, once where they are the same."""
    zh, en = clean(label.zh), clean(label.en)
    return zh if zh == en else f"{zh} / {en}"


def percent(share: float | None) -> str:
    """A share (0 to 1) for a reader; a dash where there is none. It never says 100 % while one is missing, nor 0 % while one is there.

    >>> percent(0.5), percent(0.00004), percent(0.99996), percent(None)
    ('50.0%', '0.1%', '99.9%', '—')
    """
    if share is None:
        return "—"
    shown = round(share, 3)
    if 0 < share < 1:
        shown = min(max(shown, 0.001), 0.999)
    return f"{shown:.1%}"


def clean(text: str) -> str:
    r"""Give text that any XML file and any database can hold: control characters and broken pairs removed, all else as it is.

    >>> clean("a\x00b\r\n=1+1")
    'ab\n=1+1'
    """
    if text.isprintable():
        return text
    return _ILLEGAL.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
