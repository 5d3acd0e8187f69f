"""What stops a walker off the paths, who passes a gate, who is let in: `barriers.toml`.

Takes: OSM tags.   Gives: kinds of barrier, gates with their passage, whether a facility lets in who does not live around it.
Never: looks at geometry, or says which gate belongs to which wall.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from circle.rules.loading import RULES, Condition, Reader, condition, only_condition, read_toml, suggest

PASSAGES = ("all", "residents", "nobody")
NONE = "none"


@dataclass(frozen=True, slots=True)
class Gate:
    """A gate: `kind`, `passage` (all, residents, nobody) and `decided_by` (key of the tag that says so, or `default`)."""

    kind: str
    passage: str
    decided_by: str


@dataclass(frozen=True, slots=True)
class _Barrier:
    when: Condition
    kind: str
    encloses: bool


@dataclass(frozen=True, slots=True)
class _Gate:
    when: Condition
    kind: str
    passage: str
    foot_only: bool


@dataclass(frozen=True, slots=True)
class _Barriers:
    barriers: tuple[_Barrier, ...]
    open_buildings: tuple[Condition, ...]
    gates: tuple[_Gate, ...]
    words: Mapping[str, str]
    locked: Mapping[str, str]
    visited: frozenset[str]


def barrier_kind(tags: Mapping[str, str]) -> str | None:
    """Kind of barrier that no leg crosses, or None.

    >>> barrier_kind({"barrier": "wall"}), barrier_kind({"railway": "rail", "tunnel": "yes"})
    ('wall', None)
    """
    found = next((b for b in _barriers().barriers if b.when.holds(tags)), None)
    return None if found is None or found.kind == NONE else found.kind


def barrier_keys() -> tuple[str, ...]:
    """Every OSM key that `barrier_kind` looks at, sorted."""
    return tuple(sorted(set().union(*(b.when.looks_at() for b in _barriers().barriers))))


def road_barrier_keys() -> frozenset[str]:
    """OSM keys of roads that may be barriers: what the reader of streets must ask for."""
    return frozenset().union(*(b.when.looks_at() for b in _barriers().barriers if "highway" in b.when.tags))


def barrier_kinds() -> tuple[str, ...]:
    """Every kind of barrier, in the order of the rules."""
    return tuple(dict.fromkeys(b.kind for b in _barriers().barriers if b.kind != NONE))


def enclosing_kinds() -> frozenset[str]:
    """Kinds of barrier that may close a compound.

    >>> "wall" in enclosing_kinds(), "river" in enclosing_kinds()
    (True, False)
    """
    return frozenset(b.kind for b in _barriers().barriers if b.encloses)


def open_building(tags: Mapping[str, str]) -> bool:
    """Whether one walks under or through this building, so that it stops no leg.

    >>> open_building({"building": "roof"}), open_building({"building": "garage"})
    (True, False)
    """
    return any(c.holds(tags) for c in _barriers().open_buildings)


def open_building_keys() -> tuple[str, ...]:
    """Every OSM key that `open_building` looks at, sorted."""
    return tuple(sorted(set().union(*(c.looks_at() for c in _barriers().open_buildings))))


def gate(tags: Mapping[str, str]) -> Gate | None:
    """Who passes a gate with these tags: `foot` speaks first, then `locked`, then `access`; None where it is no gate.

    A lock opens to residents where `foot` or `access` name them, and to nobody where nothing else is said.

    >>> gate({"barrier": "gate"})
    Gate(kind='gate', passage='all', decided_by='default')
    >>> gate({"barrier": "lift_gate", "access": "private"})
    Gate(kind='lift_gate', passage='residents', decided_by='access')
    """
    rules = _barriers()
    rule = next((g for g in rules.gates if g.when.holds(tags)), None)
    if rule is None:
        return None
    foot = _said(rules.words, tags.get("foot"))
    if foot:
        return Gate(rule.kind, foot, "foot")
    if rule.foot_only:
        return Gate(rule.kind, rule.passage, "default")
    access = _said(rules.words, tags.get("access"))
    locked = _said(rules.locked, tags.get("locked"))
    if locked == "nobody":
        return Gate(rule.kind, "residents", "access") if access == "residents" else Gate(rule.kind, "nobody", "locked")
    if access:
        return Gate(rule.kind, access, "access")
    return Gate(rule.kind, rule.passage, "default")


def lets_visitors_in(service: str, tags: Mapping[str, str]) -> bool:
    """Whether a facility behind private ways or residents' gates serves those who do not live there.

    >>> lets_visitors_in("clinic", {}), lets_visitors_in("shop", {}), lets_visitors_in("shop", {"access": "customers"})
    (True, False, True)
    """
    rules = _barriers()
    said = _said(rules.words, tags.get("access"))
    return said == "all" if said else service in rules.visited


def _said(words: Mapping[str, str], value: str | None) -> str:
    """What a value means; a list such as `private;destination` means the widest of its values; empty where nothing is known."""
    if value is None:
        return ""
    if value in words:
        return words[value]
    said = {words.get(part.strip(), "") for part in value.split(";")}
    return next((passage for passage in PASSAGES if passage in said), "")


@lru_cache(maxsize=1)
def _barriers() -> _Barriers:
    root = read_toml(RULES / "barriers.toml")
    visitors = root.inner("visitors")
    made = _Barriers(
        barriers=tuple(_barrier(r) for r in root.tables("barrier")),
        open_buildings=tuple(only_condition(r) for r in root.tables("open_building")),
        gates=tuple(_gate(r) for r in root.tables("gate")),
        words=_passages(root.inner("words")),
        locked=_passages(root.inner("locked")),
        visited=frozenset(visitors.words("services")),
    )
    visitors.done()
    root.done()
    return made


def _barrier(reader: Reader) -> _Barrier:
    made = _Barrier(condition(reader), reader.text("kind"), reader.flag("encloses", default=False))
    reader.done()
    return made


def _gate(reader: Reader) -> _Gate:
    heeds = reader.choice("heeds", ("foot", "all"), "all")
    made = _Gate(condition(reader), reader.text("kind"), reader.choice("passage", PASSAGES), heeds == "foot")
    reader.done()
    return made


def _passages(reader: Reader) -> dict[str, str]:
    for key in reader.table:
        if key not in PASSAGES:
            reader.refuse(key, f"no passage; {suggest(key, PASSAGES)}")
    return {value: passage for passage in PASSAGES for value in reader.words(passage, ())}
