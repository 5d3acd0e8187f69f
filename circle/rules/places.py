"""What buildings, areas, boundaries and doors mean; the numbers of the rules; the words for findings.

Takes: OSM tags.   Gives: uses, zone layers, kinds of background, doors; settings and the texts of findings.
Never: looks at geometry: whether an area lies around a building is the sources' business.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

from circle.errors import RuleError
from circle.rules.loading import RULES, Condition, Label, Reader, condition, has, read_toml, suggest
from circle.rules.walking import walk_keys, walkability


@dataclass(frozen=True, slots=True)
class BuildingUse:
    """What a building is to the people who start there.

    Attributes: `starts_walk` (false: nobody starts a walk there, such as a roof or a garage); `residential` (True: people live there,
    False: they do not, None: the tags do not say, so ask the area around it).
    """

    starts_walk: bool
    residential: bool | None


@dataclass(frozen=True, slots=True)
class FindingText:
    """A finding in words: `severity` (`info` or `warning`), `label`, and what to do about it."""

    severity: str
    label: Label
    remedy: Label


@dataclass(frozen=True, slots=True)
class _Use:
    when: Condition
    name: re.Pattern[str] | None
    says: str


@dataclass(frozen=True, slots=True)
class _Layer:
    when: Condition
    layer: str


@dataclass(frozen=True, slots=True)
class _Places:
    buildings: tuple[_Use, ...]
    areas: tuple[_Use, ...]
    layers: dict[str, Label]
    zones: tuple[_Layer, ...]
    background: tuple[_Layer, ...]
    doors: frozenset[str]
    facility_doors: frozenset[str]
    shut: tuple[Condition, ...]


_BUILDING_SAYS = {
    "home": BuildingUse(starts_walk=True, residential=True),
    "other": BuildingUse(starts_walk=True, residential=False),
    "unsaid": BuildingUse(starts_walk=True, residential=None),
    "nobody": BuildingUse(starts_walk=False, residential=False),
}
_AREA_SAYS = {"home": True, "other": False, "unsaid": None}
KINDS = ("water", "green", "railway", "road", "barrier")


def building_use(tags: Mapping[str, str]) -> BuildingUse:
    """Whether somebody starts a walk in this building, and whether people live there.

    >>> building_use({"building": "apartments"})
    BuildingUse(starts_walk=True, residential=True)
    >>> building_use({"building": "roof"}).starts_walk
    False
    """
    return _BUILDING_SAYS[_first(_places().buildings, tags)]


def building_use_keys() -> tuple[str, ...]:
    """Every OSM key that `building_use` looks at, sorted."""
    return tuple(sorted({"name"}.union(*(use.when.looks_at() for use in _places().buildings))))


def area_use(tags: Mapping[str, str]) -> bool | None:
    """Whether people live in this area: True, False, or None where its tags say nothing about it.

    >>> area_use({"landuse": "residential"}), area_use({"landuse": "industrial"}), area_use({"natural": "tree_row"})
    (True, False, None)
    """
    return _AREA_SAYS[_first(_places().areas, tags)]


def area_use_keys() -> tuple[str, ...]:
    """Every OSM key that `area_use` looks at, sorted."""
    return tuple(sorted(set().union(*(use.when.looks_at() for use in _places().areas))))


def zone_layer(tags: Mapping[str, str]) -> str | None:
    """Layer of zones that this area belongs to, or None.

    >>> zone_layer({"landuse": "residential", "name": "紫薇花园"})
    'compound'
    """
    return next((z.layer for z in _places().zones if z.when.holds(tags)), None)


def zone_layer_keys() -> tuple[str, ...]:
    """Every OSM key that `zone_layer` looks at, sorted."""
    return tuple(sorted(set().union(*(zone.when.looks_at() for zone in _places().zones))))


def zone_layers() -> dict[str, Label]:
    """All layers of zones, the smallest first."""
    return dict(_places().layers)


def background_kind(tags: Mapping[str, str]) -> str | None:
    """Kind of background to draw: water, green, railway, road (one that is not walked), barrier; or None.

    >>> background_kind({"natural": "water"})
    'water'
    """
    kind = next((b.layer for b in _places().background if b.when.holds(tags)), None)
    return None if kind == "road" and walkability(tags).walkable else kind


def background_keys() -> tuple[str, ...]:
    """Every OSM key that `background_kind` looks at, sorted."""
    return tuple(sorted(set(walk_keys()).union(*(layer.when.looks_at() for layer in _places().background))))


def door(tags: Mapping[str, str], *, facility: bool = False) -> bool:
    """Whether this node is a door that one starts from; with `facility`, one that leads visitors in (a shop door too).

    >>> door({"entrance": "main"}), door({"entrance": "emergency"}), door({"entrance": "shop"}, facility=True)
    (True, False, True)
    """
    rules = _places()
    allowed = rules.facility_doors if facility else rules.doors
    return has(tags, "entrance", allowed) and not any(c.holds(tags) for c in rules.shut)


def _first(uses: tuple[_Use, ...], tags: Mapping[str, str]) -> str:
    for use in uses:
        if use.when.holds(tags) and (use.name is None or use.name.search(tags.get("name", ""))):
            return use.says
    return "unsaid"


@lru_cache(maxsize=1)
def _places() -> _Places:
    root = read_toml(RULES / "places.toml")
    layers = {key: root.inner("layer").label(key) for key in root.inner("layer").table}
    doors = root.inner("door")
    made = _Places(
        buildings=tuple(_use(r, _BUILDING_SAYS) for r in root.tables("building")),
        areas=tuple(_use(r, _AREA_SAYS) for r in root.tables("area")),
        layers=layers,
        zones=tuple(_layer(r, "layer", layers) for r in root.tables("zone")),
        background=tuple(_layer(r, "kind", dict.fromkeys(KINDS)) for r in root.tables("background")),
        doors=frozenset(doors.words("open")),
        facility_doors=frozenset(doors.words("open") + doors.words("facility")),
        shut=tuple(Condition({k: v}, {}) for k, v in doors.tags("shut").items()),
    )
    doors.get("shut")
    doors.done()
    root.done()
    return made


def _use(reader: Reader, says: Mapping[str, object]) -> _Use:
    made = _Use(condition(reader), reader.pattern("name"), reader.choice("says", tuple(says)))
    reader.done()
    return made


def _layer(reader: Reader, key: str, allowed: Mapping[str, object]) -> _Layer:
    made = _Layer(condition(reader), reader.choice(key, tuple(allowed)))
    reader.done()
    return made


@lru_cache(maxsize=1)
def _settings() -> Mapping[str, Mapping[str, float]]:
    root = read_toml(RULES / "settings.toml")
    return MappingProxyType({name: MappingProxyType({k: r.number(k) for k in r.table}) for name, r in root.each()})


def settings(section: str, *, optional: bool = False) -> Mapping[str, float]:
    """Numbers of one section of `settings.toml`; the unit is in the name. An `optional` section may be missing, and is then empty.

    >>> settings("linkage")["reach_m"]
    25.0

    Raises
    ------
    RuleError   there is no such section
    """
    known = _settings()
    if section not in known:
        if optional:
            return MappingProxyType({})
        raise RuleError(f"settings.toml: no section '{section}'; {suggest(section, known)}")
    return known[section]


@lru_cache(maxsize=1)
def _findings() -> dict[str, FindingText]:
    root = read_toml(RULES / "findings.toml")
    found = {}
    for stage, group in root.each():
        for what, reader in group.each():
            severity = reader.choice("severity", ("info", "warning"))
            found[f"{stage}.{what}"] = FindingText(severity, reader.label("label"), reader.label("do"))
            reader.done()
    return found


def findings() -> dict[str, FindingText]:
    """Every finding by its code (`stage.what`).

    >>> findings()["sources.missing_node"].severity
    'warning'
    """
    return dict(_findings())
