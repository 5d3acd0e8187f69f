"""Reading rules: TOML in, checked values out, and one clear sentence when a file says something impossible.

Takes: a TOML file, shipped with `circle` or written by a planner.   Gives: plain values that were checked one by one.
Never: guesses what a wrong key was meant to be; it suggests, and refuses.
"""

from __future__ import annotations

import difflib
import math
import re
import tomllib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from circle.errors import RuleError

RULES = Path(__file__).parent

ANY = "*"
CONFIDENCE = ("verified", "unverified", "computed")


@dataclass(frozen=True, slots=True)
class Label:
    """A name in Chinese and in English.

    >>> str(Label("便利店", "Convenience shop"))
    '便利店 Convenience shop'
    """

    zh: str
    en: str

    def __str__(self) -> str:
        return f"{self.zh} {self.en}"

    def as_dict(self) -> dict[str, str]:
        """Plain JSON: `{"zh": …, "en": …}`."""
        return {"zh": self.zh, "en": self.en}


def suggest(word: str, known: Collection[str]) -> str:
    """Close of a refusal: the nearest known word if there is one, and all that is allowed.

    >>> suggest("shpo", ["shop", "market"])
    "did you mean 'shop'? Allowed: market, shop"
    """
    near = difflib.get_close_matches(word, known, n=1)
    allowed = f"Allowed: {', '.join(sorted(known))}"
    return f"did you mean '{near[0]}'? {allowed}" if near else allowed


def read_toml(path: Path) -> Reader:
    """Read a TOML file whole.

    Raises
    ------
    RuleError   the file is missing, a folder, not UTF-8, or not TOML; the message names the line
    """
    try:
        raw = path.read_bytes()
    except FileNotFoundError as error:
        raise RuleError(f"{path}: no such file; check the path") from error
    except IsADirectoryError as error:
        raise RuleError(f"{path}: this is a folder; name the TOML file in it") from error
    except (OSError, ValueError) as error:  # ValueError: a path that no system allows
        raise _refusal(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error}); check path and permissions") from error
    try:
        # utf-8-sig: editors on Windows put a mark in front that TOML does not know
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise RuleError(f"{path}: line {line} is not UTF-8 (GB18030 or UTF-16, perhaps); open it in an editor and save as UTF-8") from error
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _refusal(f"{path}: not valid TOML: {error}; correct that line") from error
    except RecursionError as error:
        raise _refusal(f"{path}: not valid TOML: lists inside lists without end; make it flat") from error
    return Reader(table, path.name if path.is_relative_to(RULES.parent) else str(path))


class Reader:
    """A table of a TOML file that knows where it stands, hands out checked values, and refuses what it was never asked for."""

    __slots__ = ("_asked", "file", "table", "where")

    def __init__(self, table: Mapping[str, Any], file: str, where: str = "") -> None:
        self.table, self.file, self.where = table, file, where
        self._asked: set[str] = set()

    def __contains__(self, key: str) -> bool:
        self._asked.add(key)  # whoever asks for a key knows it
        return key in self.table

    def _path(self, key: str) -> str:
        return f"{self.where}.{key}" if self.where else key

    def refuse(self, key: str, why: str) -> NoReturn:
        """Raise the RuleError that names file, key, value, and what to do."""
        value = f" = {_short(self.table[key])}" if key in self.table else ""
        raise _refusal(f"{self.file}: {self._path(key)}{value}: {why}")

    def get(self, key: str, default: Any = None) -> Any:
        """Value of a key, unchecked."""
        self._asked.add(key)
        return self.table.get(key, default)

    def need(self, key: str, what: str) -> Any:
        """Value of a key that must be there; `what` says what belongs in it."""
        if key not in self.table:
            near = difflib.get_close_matches(key, [k for k in self.table if k not in self._asked], n=1)
            hint = f" (it has '{near[0]}')" if near else ""
            raise _refusal(f"{self.file}: {self._path(key)}: missing{hint}; add it: {what}")
        return self.get(key)

    def text(self, key: str, default: str | None = None) -> str:
        """Value that must be a string; not empty unless a default allows it."""
        value = self.need(key, "a text in quotes") if default is None else self.get(key, default)
        if not isinstance(value, str):
            self.refuse(key, "must be a text in quotes")
        if default is None and not value.strip():
            self.refuse(key, "must not be empty; write a text")
        return value

    def choice(self, key: str, allowed: Collection[str], default: str | None = None) -> str:
        """Value that must be one of a few words."""
        value = self.text(key, default)
        if value not in allowed:
            self.refuse(key, f"not known; {suggest(value, allowed)}")
        return value

    def flag(self, key: str, *, default: bool) -> bool:
        """Value that must be true or false."""
        value = self.get(key, default)
        if not isinstance(value, bool):
            self.refuse(key, "must be true or false")
        return value

    def number(self, key: str, *, least: float = 0.0, above: bool = False, most: float = math.inf) -> float:
        """Value that must be a finite number from `least` (or above it) to `most`."""
        value = self.need(key, "a number")
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.refuse(key, "must be a number, without quotes")
        bound = f"above {least:g}" if above else f"at least {least:g}"
        if not math.isfinite(value) or value < least or (above and value == least):
            self.refuse(key, f"must be a finite number, {bound}")
        if value > most:
            self.refuse(key, f"must be at most {most:g}")
        return float(value)

    def label(self, key: str) -> Label:
        """Value that must be `{ zh = "…", en = "…" }`."""
        inner = self.inner(key, '{ zh = "…", en = "…" }')
        made = Label(inner.text("zh"), inner.text("en"))
        inner.done()
        return made

    def words(self, key: str, default: Iterable[str] | None = None) -> tuple[str, ...]:
        """Value that must be a string or a list of strings."""
        value = self.need(key, "a text or a list of texts") if default is None else self.get(key, list(default))
        if isinstance(value, str):
            return (value,)
        if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
            self.refuse(key, "must be a text or a list of texts")
        return tuple(value)

    def inner(self, key: str, what: str = "a table") -> Reader:
        """Table inside this one; must be there."""
        value = self.need(key, what)
        if not isinstance(value, dict):
            self.refuse(key, f"must be a table: {what}")
        return Reader(value, self.file, self._path(key))

    def tables(self, key: str, what: str = "a list of tables") -> list[Reader]:
        """List of tables inside this one; must be there and not be empty."""
        value = self.need(key, what)
        if not isinstance(value, list) or not value or not all(isinstance(v, dict) for v in value):
            self.refuse(key, f"must be {what}")
        return [Reader(v, self.file, f"{self._path(key)}[{n}]") for n, v in enumerate(value, 1)]

    def each(self) -> list[tuple[str, Reader]]:
        """Every inner table with its key; each value must be a table."""
        return [(key, self.inner(key)) for key in self.table]

    def tags(self, key: str) -> dict[str, frozenset[str]]:
        """Inner table of OSM tags: key to one value, a list of values, or "*" for any value; empty when absent."""
        if key not in self:
            return {}
        inner = self.inner(key)
        return {k: frozenset(inner.words(k)) for k in inner.table}

    def pattern(self, key: str, shared: Mapping[str, str] | None = None) -> re.Pattern[str] | None:
        """Regular expression from a text or a list of alternatives; `@word` stands for a shared one; None when absent."""
        if key not in self:
            return None
        parts = []
        for part in self.words(key):
            if part.startswith("@"):
                known = shared or {}
                if part[1:] not in known:
                    self.refuse(key, f"no pattern of that name; {suggest(part[1:], known)}")
                parts.append(known[part[1:]])
            else:
                parts.append(part)
        try:
            return re.compile("|".join(parts), re.IGNORECASE)
        except re.error as error:
            self.refuse(key, f"not a regular expression: {error}")

    def done(self) -> None:
        """Refuse the keys that nobody asked for: a typing error must not be silent."""
        for key in self.table:
            if key not in self._asked:
                self.refuse(key, f"unknown key; {suggest(key, self._asked)}")


def _refusal(message: str) -> RuleError:
    """Error on one line: what a file says is quoted, never obeyed by the terminal."""
    return RuleError("".join(c if c.isprintable() else "�" for c in message))


def _short(value: Any) -> str:
    text = f"'{value}'" if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else str(value)
    return text if len(text) <= 60 else text[:57] + "…"


@dataclass(frozen=True, slots=True)
class Condition:
    """Tags that must be there (`tags`) and tags that must not (`unless`); values may be lists in OSM, split at `;`."""

    tags: Mapping[str, frozenset[str]]
    unless: Mapping[str, frozenset[str]]

    def holds(self, tags: Mapping[str, str]) -> bool:
        """Whether these tags meet the condition."""
        # plain loops: this runs for every rule of every object, and most objects lack the key
        for key, wanted in self.tags.items():
            if key not in tags or not has(tags, key, wanted):
                return False
        for key, unwanted in self.unless.items():  # noqa: SIM110 - as above
            if key in tags and has(tags, key, unwanted):
                return False
        return True

    def looks_at(self) -> set[str]:
        """OSM keys that the condition looks at."""
        return {*self.tags, *self.unless}


def condition(reader: Reader, tags: str = "tags", unless: str = "unless") -> Condition:
    """Condition from two inner tables of a rule."""
    return Condition(reader.tags(tags), reader.tags(unless))


def only_condition(reader: Reader) -> Condition:
    """Condition of a rule that is nothing but a condition; any other key in it is refused."""
    made = condition(reader)
    reader.done()
    return made


def has(tags: Mapping[str, str], key: str, wanted: frozenset[str]) -> bool:
    """Whether the key carries one of the values; "*" is any value but `no`.

    >>> has({"shop": "kiosk;convenience"}, "shop", frozenset({"convenience"}))
    True
    """
    value = tags.get(key)
    if value is None:
        return False
    if value in wanted:
        return True
    if ANY in wanted and value != "no":
        return True
    return ";" in value and any(part.strip() in wanted for part in value.split(";"))
