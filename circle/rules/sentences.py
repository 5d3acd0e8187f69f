"""Sentences that explain and verify, as data: `sentences.toml`, in Chinese and English.

Takes: a key, a language, what to fill in.   Gives: the sentence.
Never: reads what is filled in as a template: names from a map may hold braces.
"""

from __future__ import annotations

from functools import lru_cache

from circle.rules.loading import RULES, Label, read_toml

LANGUAGES = ("zh", "en")


@lru_cache(maxsize=1)
def sentences() -> dict[str, Label]:
    """Every sentence by its key (`reason.far`), with its {braces}."""
    return {f"{name}.{key}": group.label(key) for name, group in read_toml(RULES / "sentences.toml").each() for key in group.table}


def sentence(key: str, lang: str, **values: object) -> str:
    """One sentence in one language, filled in.

    >>> sentence("leg.way", "en", name="{Main} Street")
    'along {Main} Street'
    """
    return str(getattr(sentences()[key], lang)).format(**values)


def word(group: str, name: str, lang: str) -> str:
    """A word of a group (`class`, `barrier`, `flag`), or the group's word for any other where it has one, or the name itself.

    >>> word("barrier", "wall", "en"), word("barrier", "moat", "en"), word("flag", "odd", "en")
    ('wall', 'barrier', 'odd')
    """
    known = sentences()
    label = known.get(f"{group}.{name}") or known.get(f"{group}.other")
    return str(getattr(label, lang)) if label else name
