"""What planners, AMap and Overture call a kind of place, as OSM tags: `categories.toml`.

Takes: a word, a type code, a name.   Gives: tags, or the services that a place of that kind and name offers.
Never: trusts a code or a word against the name: the tags and the name go through the rules of `services.toml`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

from circle.rules.columns import plain
from circle.rules.loading import RULES, read_toml
from circle.rules.matching import match_services, services

Tags = Mapping[str, str]
_PARTS = re.compile(r"[;|/>,，、；\n]+")
_SHORT = 2  # a word of fewer letters is not looked for inside of others


def said_services(cell: str) -> tuple[str, ...]:
    """Services that a planner names outright, by key or by Chinese or English label; several are separated by `;` or `、`.

    >>> said_services("便利店、clinic"), said_services("nothing")
    (('shop', 'clinic'), ())
    """
    known = _service_words()
    return tuple(dict.fromkeys(known[plain(part)] for part in _PARTS.split(cell) if plain(part) in known))


def category(cell: str) -> Tags | None:
    """Tags of a category word: whole, or part by part from the last, which is the narrowest; else of the longest word inside it.

    >>> dict(category("购物服务;便民商店/便利店;便利店")), dict(category("大型农贸市场")), category("火锅")
    ({'shop': 'convenience'}, {'amenity': 'marketplace'}, None)
    """
    words = _rules()[0]
    if plain(cell) in words:
        return words[plain(cell)]
    parts = [plain(part) for part in _PARTS.split(cell)]
    for part in reversed(parts):
        if part in words:
            return words[part]
    return next((found for part in reversed(parts) if (found := _inside(part)) is not None), None)


@lru_cache(maxsize=4096)
def _inside(text: str) -> Tags | None:
    words = _rules()[0]
    held = [word for word in words if len(word) >= _SHORT and not word.isascii() and word in text]
    return words[max(held, key=lambda word: (text.rindex(word) + len(word), len(word)))] if held else None


def amap(code: str) -> Tags | None:
    """Tags of an AMap type code; of several, separated by `|`, the first that is known.

    >>> dict(amap("060400|060200")), dict(amap("60200")), amap("999999")
    ({'shop': 'supermarket'}, {'shop': 'convenience'}, None)
    """
    codes = _rules()[1]
    for part in _PARTS.split(code):
        text = part.strip().removesuffix(".0").zfill(6)
        if text in codes:
            return codes[text]
        if text[:4] + "00" in codes:
            return codes[text[:4] + "00"]
    return None


def offered(tags: Tags, name: str) -> tuple[str, ...]:
    """Services that a place of this kind and name offers. A name that is part of the category stands in where the place has none."""
    return match_services({**tags, "name": name} if name else tags, "point") or (
        match_services({**tags, "name": f"{name} {tags['name']}"}, "point") if name and "name" in tags else ()
    )


@lru_cache(maxsize=1)
def _service_words() -> Mapping[str, str]:
    known: dict[str, str] = {}
    for key, service in services().items():
        for word in (key, service.label.zh, service.label.en):
            known.setdefault(plain(word), key)
    return MappingProxyType(known)


@lru_cache(maxsize=1)
def _rules() -> tuple[Mapping[str, Tags], Mapping[str, Tags]]:
    root = read_toml(RULES / "categories.toml")
    words: dict[str, Tags] = {}
    codes: dict[str, Tags] = {}
    for reader in root.tables("category"):
        tags = {key: next(iter(values)) for key, values in reader.tags("tags").items()}
        for word in (*reader.words("words"), *reader.words("overture", ())):
            if words.setdefault(plain(word), tags) is not tags:
                reader.refuse("words", f"'{word}' stands for another category too; leave it in one place")
        for code in reader.words("amap", ()):
            if codes.setdefault(code, tags) is not tags:
                reader.refuse("amap", f"'{code}' stands for another category too; leave it in one place")
        reader.done()
    root.done()
    return MappingProxyType(words), MappingProxyType(codes)
