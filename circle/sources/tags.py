"""Tags of many OSM objects in columns: asked for by key, for all objects at once.

Takes: numbers of keys and values, and the texts behind them.   Gives: which objects have a key, what it says, all tags of a few objects.
Never: decides what a tag means, or decodes a text that nobody asks for.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Texts = NDArray[np.object_]
NONE = -1  # no such text


def first_of(count: Ints) -> Ints:
    """Where the entries of each object begin when they stand one after the other; one longer than `count`."""
    return np.asarray(np.r_[0, np.cumsum(count)], dtype=np.int64)


@dataclass(slots=True)
class Words:
    """Texts of a file, each once, named by number."""

    number: dict[bytes, int] = field(default_factory=dict)
    texts: dict[int, str] = field(default_factory=dict)
    raw: list[bytes] = field(default_factory=list)

    def codes(self, texts: Sequence[bytes]) -> Ints:
        """Numbers of some texts; new ones are added."""
        number = self.number
        for text in texts:
            if text not in number:
                number[text] = len(number)
        return np.fromiter(map(number.__getitem__, texts), dtype=np.int64, count=len(texts))

    def code(self, text: str) -> int:
        """Number of a text, or `NONE` where no object says it."""
        return self.number.get(text.encode(), NONE)

    def text(self, code: int) -> str:
        """The text behind a number.

        Raises
        ------
        UnicodeDecodeError
            It is no text.
        """
        found = self.texts.get(code)
        if found is None:
            if len(self.raw) < len(self.number):
                self.raw = list(self.number)
            found = self.texts[code] = self.raw[code].decode()
        return found

    def spelled(self, codes: Ints) -> Texts:
        """Texts behind many numbers; None for `NONE`."""
        used, place = np.unique(codes, return_inverse=True)
        texts = [self.text(code) if code >= 0 else None for code in used.tolist()]
        return np.asarray([*texts, None], dtype=object)[:-1][place.reshape(-1)]


@dataclass(frozen=True, slots=True)
class Tags:
    """Tags of objects in order: those of object i are `key[first[i]:first[i + 1]]` and the same of `value`, as numbers of `words`."""

    words: Words
    first: Ints
    key: Ints
    value: Ints

    def __len__(self) -> int:
        return len(self.first) - 1

    @property
    def count(self) -> Ints:
        """How many tags each object has."""
        return np.diff(self.first)

    def take(self, rows: Ints) -> Tags:
        """Tags of some objects, in the order of `rows`."""
        count = self.count[rows]
        first = first_of(count)
        place = np.repeat(self.first[rows] - first[:-1], count) + np.arange(first[-1])
        return Tags(self.words, first, self.key[place], self.value[place])

    def only(self, keys: Iterable[str]) -> Tags:
        """The same objects with their tags of some keys alone."""
        kept = self._among(keys)
        before = np.r_[0, np.cumsum(kept)]
        return Tags(self.words, before[self.first], self.key[kept], self.value[kept])

    def any_of(self, keys: Iterable[str]) -> Bools:
        """Which objects have a tag of one of these keys."""
        return self._objects_of(self._among(keys))

    def any_pair(self, pairs: Iterable[tuple[str, Collection[str] | None]]) -> Bools:
        """Which objects have a key with one of these values (None: with any value)."""
        hit = np.zeros(len(self.key), dtype=bool)
        for key, values in pairs:
            rows = np.flatnonzero(self.key == self.words.code(key))
            if values is not None and len(rows):
                rows = rows[np.isin(self.value[rows], [self.words.code(value) for value in values if self.words.code(value) >= 0])]
            hit[rows] = True
        return self._objects_of(hit)

    def values(self, key: str) -> Ints:
        """Value of a key for each object, as number of a word; `NONE` where it is not said."""
        out = np.full(len(self), NONE, dtype=np.int64)
        rows = np.flatnonzero(self.key == self.words.code(key))[::-1]
        out[np.searchsorted(self.first, rows, side="right") - 1] = self.value[rows]
        return out

    def said(self, key: str) -> list[str]:
        """All different values of a key."""
        return [self.words.text(code) for code in np.unique(self.value[self.key == self.words.code(key)]).tolist()]

    def dictionaries(self) -> list[dict[str, str]]:
        """All tags of every object. Objects with the same tags share one dictionary: it must not be changed."""
        text = self.words.text
        known: dict[bytes, dict[str, str]] = {}
        out = []
        pairs = np.column_stack([self.key, self.value])
        raw, width = pairs.tobytes(), pairs.itemsize * 2
        bounds = (self.first * width).tolist()
        start = 0
        for stop in bounds[1:]:
            same = raw[start:stop]
            found = known.get(same)
            if found is None:
                found = known[same] = {text(key): text(value) for key, value in pairs[start // width : stop // width].tolist()}
            out.append(found)
            start = stop
        return out

    def _among(self, keys: Iterable[str]) -> Bools:
        wanted = np.zeros(len(self.words.number) + 1, dtype=bool)
        wanted[np.asarray([self.words.code(key) for key in keys], dtype=np.int64)] = True
        wanted[-1] = False  # a key that no object has
        return wanted[self.key]

    def _objects_of(self, hit: Bools) -> Bools:
        before = np.r_[0, np.cumsum(hit)]
        return np.asarray(before[self.first[1:]] > before[self.first[:-1]])
