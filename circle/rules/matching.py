"""Which service an OSM object offers: tags with alternates, names that promote and demote, both from `services.toml`.

Takes: the tags of one object and whether it is a point, a line or an area.   Gives: the services that it offers.
Never: looks at places, distances or other objects: the same facility mapped twice is the sources' business.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

from circle.errors import RuleError
from circle.rules.loading import ANY, RULES, Condition, Label, Reader, condition, has, only_condition, read_toml, suggest

Geometry = Literal["point", "line", "area"]
GEOMETRIES = ("point", "line", "area")

_HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]")
_KANA_OR_HANGUL = re.compile(r"[\u3041-\u30ff\uac00-\ud7af]")


@dataclass(frozen=True, slots=True)
class Service:
    """A kind of daily need.

    Attributes: `key`, `label`, `meaning` (one sentence), `geometry` (which kinds of object may offer it), `includes` (offered too by
    whatever offers one of these services).
    """

    key: str
    label: Label
    meaning: str
    geometry: tuple[str, ...]
    includes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Rule:
    service: int
    when: Condition
    only: Mapping[str, frozenset[str]]  # where the key is there, one of its values must be among these
    name: re.Pattern[str] | None  # the name must match
    chinese: re.Pattern[str] | None  # a Chinese name must match; another name, or none, may pass


@dataclass(frozen=True, slots=True)
class _Seen:
    """One object: its tags, all its names in one text, and whether it is named in Chinese."""

    tags: Mapping[str, str]
    names: str
    chinese: bool


@dataclass(frozen=True, slots=True)
class _Matcher:
    services: dict[str, Service]
    order: tuple[str, ...]
    anchors: dict[str, dict[str, list[_Rule]]]  # key → value → rules: a miss costs one look-up per tag
    demote: list[re.Pattern[str] | None]
    demote_operator: list[re.Pattern[str] | None]
    closed_to: list[frozenset[str]]  # values of `access` with which the object serves nobody else
    never: dict[str, frozenset[str]]  # key → values with which nothing is offered
    never_name: re.Pattern[str] | None
    never_value: dict[str, re.Pattern[str]]  # key → pattern of a whole value with which nothing is offered
    stop_position: tuple[Condition, ...]
    name_keys: tuple[str, ...]
    includes: dict[int, list[int]] = field(default_factory=dict)


def services() -> dict[str, Service]:
    """All known services by key, in the order of `services.toml`."""
    return dict(_matcher().services)


def service_keys() -> frozenset[str]:
    """Every OSM key that the service rules look at: hand `match_services` at least these."""
    matcher = _matcher()
    rules = [rule for bucket in matcher.anchors.values() for found in bucket.values() for rule in found]
    looked_at = {key for rule in rules for key in (*rule.when.looks_at(), *rule.only)}
    looked_at |= {key for c in matcher.stop_position for key in c.looks_at()}
    return frozenset({*looked_at, *matcher.never, *matcher.never_value, *matcher.name_keys, "access", "operator"})


def service_base_keys() -> frozenset[str]:
    """OSM keys of which a facility has at least one: an object with none of them offers nothing, so a reader may pass it by.

    `building` is among them, since a building may be a facility by its name alone; a building without a name and without another of
    these keys offers nothing either.
    """
    return frozenset(_matcher().anchors)


def service_anchors(services: Collection[str]) -> dict[str, frozenset[str]]:
    """Tags of which a facility of these services has at least one: values by key, where "*" is any value but `no`.

    >>> service_anchors(["toilet"])["amenity"]
    frozenset({'toilets'})
    """
    matcher = _matcher()
    wanted = _wanted(frozenset(services))
    found = {
        key: frozenset(v for v, rules in bucket.items() if any(r.service in wanted for r in rules))
        for key, bucket in matcher.anchors.items()
    }
    return {key: values for key, values in found.items() if values}


def match_services(tags: Mapping[str, str], geometry: Geometry, asked: frozenset[str] | None = None) -> tuple[str, ...]:
    """Return the services that an object with these tags offers, in the order of `services.toml`; empty when none.

    With `asked` only these services are looked for.

    >>> match_services({"amenity": "hospital", "name": "矿山路社区卫生服务中心"}, "area")
    ('clinic', 'health_centre')
    >>> match_services({"amenity": "townhall", "name": "同济大礼堂"}, "area")
    ()
    """
    matcher = _matcher()
    anchors = matcher.anchors
    candidates: list[_Rule] | None = None
    for key, value in tags.items():
        bucket = anchors.get(key)
        if bucket is not None:
            for rules in _hits(bucket, value):
                candidates = [*candidates, *rules] if candidates else rules
    if candidates is None:
        return ()
    if asked is None:
        return _decide(matcher, candidates, tags, geometry)
    wanted = _wanted(asked)
    offered = _decide(matcher, [rule for rule in candidates if rule.service in wanted], tags, geometry)
    return tuple(service for service in offered if service in asked)


@lru_cache(maxsize=8)
def _wanted(services: frozenset[str]) -> frozenset[int]:
    """Numbers of services, and of those that offer them too."""
    matcher = _matcher()
    wanted = {number for number, key in enumerate(matcher.order) if key in services}
    return frozenset(wanted.union(source for source, offers in matcher.includes.items() if wanted & set(offers)))


def stop_position(tags: Mapping[str, str]) -> bool:
    """Whether this is the spot on the carriageway where the bus halts, and so the same stop as a platform beside it.

    >>> stop_position({"public_transport": "stop_position", "bus": "yes"})
    True
    """
    return any(c.holds(tags) for c in _matcher().stop_position)


def chinese(name: str) -> bool:
    """Whether a name is written in Chinese: Han characters, and neither kana nor hangul.

    >>> chinese("党群服务中心"), chinese("Rathaus"), chinese("コミュニティ会館")
    (True, False, False)
    """
    return bool(_HAN.search(name)) and not _KANA_OR_HANGUL.search(name)


def _hits(bucket: dict[str, list[_Rule]], value: str) -> list[list[_Rule]]:
    found = [bucket[value]] if value in bucket else []
    if ";" in value:
        found += [bucket[part] for part in {p.strip() for p in value.split(";")} if part in bucket]
    if ANY in bucket and value != "no":
        found.append(bucket[ANY])
    return found


def _decide(matcher: _Matcher, candidates: list[_Rule], tags: Mapping[str, str], geometry: Geometry) -> tuple[str, ...]:
    text = _names(matcher, tags)
    if not text:
        candidates = [r for r in candidates if r.name is None]
    candidates = [r for r in candidates if geometry in matcher.services[matcher.order[r.service]].geometry and r.when.holds(tags)]
    if not candidates or any(key in matcher.never and has(tags, key, matcher.never[key]) for key in tags):
        return ()
    if any(key in tags and pattern.fullmatch(tags[key]) for key, pattern in matcher.never_value.items()):
        return ()
    seen = _Seen(tags, text, chinese(tags.get("name", "") or text))
    offered: set[int] = set()
    for rule in candidates:
        if rule.service not in offered and _offers(matcher, rule, seen):
            offered.add(rule.service)
    if offered and text and matcher.never_name and matcher.never_name.search(text):  # many names, and few that get so far
        return ()
    for service in tuple(offered):
        offered.update(matcher.includes.get(service, ()))
    return tuple(matcher.order[s] for s in sorted(offered))


def _offers(matcher: _Matcher, rule: _Rule, seen: _Seen) -> bool:
    tags, text = seen.tags, seen.names
    if tags.get("access") in matcher.closed_to[rule.service]:
        return False
    if not all(key not in tags or has(tags, key, allowed) for key, allowed in rule.only.items()):
        return False
    if rule.name is not None and not rule.name.search(text):
        return False
    if rule.chinese is not None and seen.chinese and not rule.chinese.search(text):
        return False
    operator = matcher.demote_operator[rule.service]
    if operator is not None and operator.search(tags.get("operator", "")):
        return False
    demote = matcher.demote[rule.service]
    return demote is None or not text or not demote.search(text)


def _names(matcher: _Matcher, tags: Mapping[str, str]) -> str:
    """All names of an object in one text, full-width forms made plain."""
    found = [tags[key] for key in matcher.name_keys if key in tags]
    text = "\n".join(found)
    return text if text.isascii() else unicodedata.normalize("NFKC", text)


@lru_cache(maxsize=1)
def _matcher() -> _Matcher:
    return _build(read_toml(RULES / "services.toml"))


def _build(root: Reader) -> _Matcher:
    shared = {k: "|".join(root.inner("pattern").words(k)) for k in root.inner("pattern").table}
    never = root.inner("never")
    values = never.inner("value") if "value" in never else None
    matcher = _Matcher(
        services={},
        order=tuple(root.inner("service").table),
        anchors={},
        demote=[],
        demote_operator=[],
        closed_to=[],
        never=never.tags("tags"),
        never_name=never.pattern("name", shared),
        never_value={key: found for key in values.table if (found := values.pattern(key))} if values else {},
        stop_position=tuple(only_condition(r) for r in root.tables("stop_position")),
        name_keys=root.words("name_keys"),
    )
    default_access = root.words("closed_to")
    for number, (key, reader) in enumerate(root.inner("service").each()):
        _add_service(matcher, number, key, reader, shared, default_access)
    never.done()
    root.done()
    return matcher


def _add_service(matcher: _Matcher, number: int, key: str, reader: Reader, shared: Mapping[str, str], access: tuple[str, ...]) -> None:
    geometry = reader.words("geometry", ("point", "area"))
    for kind in geometry:
        if kind not in GEOMETRIES:
            reader.refuse("geometry", suggest(kind, GEOMETRIES))
    includes = reader.words("includes", ())
    matcher.services[key] = Service(key, reader.label("label"), reader.text("meaning"), geometry, includes)
    matcher.demote.append(reader.pattern("demote", shared))
    matcher.demote_operator.append(reader.pattern("demote_operator", shared))
    matcher.closed_to.append(frozenset(reader.words("closed_to", access)))
    for other in includes:
        if other not in matcher.order:
            reader.refuse("includes", suggest(other, matcher.order))
        matcher.includes.setdefault(matcher.order.index(other), []).append(number)
    for rule in reader.tables("any") if "any" in reader else []:
        made = _Rule(number, condition(rule), rule.tags("only"), rule.pattern("name", shared), rule.pattern("chinese", shared))
        rule.done()
        if not made.when.tags:
            rule.refuse("tags", "a rule needs at least one tag to start from")
        anchor, values = next(iter(made.when.tags.items()))
        if ANY in values and made.name is None and len(made.when.tags) == 1:
            rule.refuse("tags", "any value of a key is too wide without a name; add a name rule")
        for value in values:
            matcher.anchors.setdefault(anchor, {}).setdefault(value, []).append(made)
    if "any" not in reader and not includes:
        raise RuleError(f"{reader.file}: {reader.where}: neither `any` nor `includes`; say what offers this service")
    reader.done()
