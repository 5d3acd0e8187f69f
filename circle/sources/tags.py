"""Tags of many OSM objects in columns: asked for by key, for all objects at once.

Takes: numbers of keys and values, and the texts behind them.   Gives: which objects have a key, what it says, all tags of a few objects.
Never: decides what a tag means, or decodes a text that nobody asks for.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from circle.kernels import words

Bytes = NDArray[np.uint8]
Codes = NDArray[np.int32]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Texts = NDArray[np.object_]
NONE = -1  # no such text


def first_of(count: Ints) -> Ints:
    """Where the entries of each object begin when they stand one after the other; one longer than `count`."""
    return np.asarray(np.r_[0, np.cumsum(count)], dtype=np.int64)


class Words:
    """Texts of a file, each once, named by number in the order in which they were met."""

    def __init__(self) -> None:
        self._known = 0
        self._letters: Bytes = np.empty(1 << 16, dtype=np.uint8)  # all texts, one after the other
        self._first: Ints = np.zeros((1 << 12) + 1, dtype=np.int64)
        self._hashes: NDArray[np.uint64] = np.empty(1 << 12, dtype=np.uint64)
        self._table: Ints = np.full(1 << 13, NONE, dtype=np.int64)
        self._seed = secrets.randbits(62)
        self._texts: dict[int, str] = {}

    def __len__(self) -> int:
        return self._known

    def numbers(self, raw: Bytes, start: Ints, stop: Ints) -> Codes:
        """Numbers of the texts that begin and end at these bytes of `raw`; new ones are added."""
        self._make_room(len(start), int((stop - start).sum()))
        codes, self._known = self._look_up(raw, start, stop, learn=True)
        return codes

    def codes(self, texts: Sequence[bytes]) -> Codes:
        """Numbers of some texts; new ones are added."""
        first = first_of(np.fromiter(map(len, texts), dtype=np.int64, count=len(texts)))
        return self.numbers(np.frombuffer(b"".join(texts), dtype=np.uint8), first[:-1], first[1:])

    def code(self, text: str) -> int:
        """Number of a text, or `NONE` where no object says it."""
        raw = np.frombuffer(text.encode(), dtype=np.uint8)
        codes, _ = self._look_up(raw, np.zeros(1, dtype=np.int64), np.full(1, len(raw), dtype=np.int64), learn=False)
        return int(codes[0])

    def _look_up(self, raw: Bytes, start: Ints, stop: Ints, *, learn: bool) -> tuple[Codes, int]:
        kept = (self._letters, self._first)
        return words.numbered(raw, (start, stop), self._table, self._hashes, kept, self._known, self._seed, learn)

    def text(self, code: int) -> str:
        """The text behind a number.

        Raises
        ------
        UnicodeDecodeError
            It is no text.
        """
        found = self._texts.get(code)
        if found is None:
            span = slice(self._first[code], self._first[code + 1])
            found = self._texts[code] = self._letters[span].tobytes().decode()
        return found

    def spelled(self, codes: Codes) -> Texts:
        """Texts behind many numbers; None for `NONE`."""
        asked = np.zeros(len(self) + 1, dtype=bool)
        asked[codes] = True
        used = np.flatnonzero(asked[:-1])
        out = np.full(len(asked), None, dtype=object)
        out[used] = np.asarray([*map(self.text, used.tolist()), None], dtype=object)[:-1]
        return np.asarray(out[codes])

    def _make_room(self, texts: int, letters: int) -> None:
        """Room for so many more texts and bytes; doubled each time, so that it is seldom needed."""
        used = int(self._first[self._known])
        if used + letters > len(self._letters):
            self._letters = np.r_[self._letters[:used], np.empty(used + letters, dtype=np.uint8)]
        if self._known + texts > len(self._hashes):
            more = self._known + texts
            self._first = np.r_[self._first[: self._known + 1], np.zeros(more, dtype=np.int64)]
            self._hashes = np.r_[self._hashes[: self._known], np.zeros(more, dtype=np.uint64)]
        if 2 * len(self._hashes) > len(self._table):
            self._table = np.full(1 << (2 * len(self._hashes)).bit_length(), NONE, dtype=np.int64)
            words.spread(self._table, self._hashes, self._known)


@dataclass(frozen=True, slots=True)
class Tags:
    """Tags of objects in order: those of object i are `key[first[i]:first[i + 1]]` and the same of `value`, as numbers of `words`."""

    words: Words
    first: Ints
    key: Codes
    value: Codes

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

    def values(self, key: str) -> Codes:
        """Value of a key for each object, as number of a word; `NONE` where it is not said."""
        out = np.full(len(self), NONE, dtype=np.int32)
        rows = np.flatnonzero(self.key == self.words.code(key))[::-1]
        out[np.searchsorted(self.first, rows, side="right") - 1] = self.value[rows]
        return out

    def said(self, key: str) -> list[str]:
        """All different values of a key."""
        return [self.words.text(code) for code in np.unique(self.value[self.key == self.words.code(key)]).tolist()]

    def dictionaries(self) -> list[dict[str, str]]:
        """All tags of every object. Objects with the same tags share one dictionary: it must not be changed."""
        found, which = self.different()
        return [found[each] for each in which]

    def different(self) -> tuple[list[dict[str, str]], list[int]]:
        """Every different set of tags, in the order in which it is first met; and which of them each object has."""
        text = self.words.text
        known: dict[bytes, int] = {}
        found: list[dict[str, str]] = []
        which = []
        pairs = np.column_stack([self.key, self.value])
        raw, width = pairs.tobytes(), pairs.itemsize * 2
        start = 0
        for stop in (self.first * width).tolist()[1:]:
            same = raw[start:stop]
            number = known.setdefault(same, len(found))
            if number == len(found):
                found.append({text(key): text(value) for key, value in pairs[start // width : stop // width].tolist()})
            which.append(number)
            start = stop
        return found, which

    def _among(self, keys: Iterable[str]) -> Bools:
        wanted = np.zeros(len(self.words) + 1, dtype=bool)
        wanted[np.asarray([self.words.code(key) for key in keys], dtype=np.int64)] = True
        wanted[-1] = False  # a key that no object has
        return wanted[self.key]

    def _objects_of(self, hit: Bools) -> Bools:
        before = np.r_[0, np.cumsum(hit)]
        return np.asarray(before[self.first[1:]] > before[self.first[:-1]])
