"""Where one may walk, which way, and how fast: `walking.toml` and `walkers.toml`.

Takes: the tags of a way.   Gives: a `Passage`; and the walkers with their speeds.
Never: measures, routes, or knows one way from another: the network joins them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from circle.rules.loading import CONFIDENCE, RULES, Condition, Label, Reader, condition, read_toml, suggest


@dataclass(frozen=True, slots=True)
class Passage:
    """What a way means to a walker.

    Attributes: `walkable`; `way_class` (kind of way, see `walking.toml`; empty for what is no way at all); `access` (`public`;
    `destination`: for those who live or have business there; `private`: for those who live there; neither is a through-way for others);
    `forward` and `backward` (may one walk along the drawn direction, and against it; both false when not walkable); `area` (a square: cross
    it, not only follow its outline).
    """

    walkable: bool
    way_class: str
    access: str
    forward: bool
    backward: bool
    area: bool


@dataclass(frozen=True, slots=True)
class Walker:
    """Who walks.

    Attributes: `name`, `label`, `speed_m_per_s` on plain ways, `factors` (way class → share of that speed; 0 is impassable; classes that
    are not named count 1), `source` and `confidence` of the speed.
    """

    name: str
    label: Label
    speed_m_per_s: float
    factors: Mapping[str, float]
    source: str
    confidence: str

    def speed(self, way_class: str) -> float:
        """Metres per second on a class of way; 0 where this walker cannot pass."""
        return self.speed_m_per_s * self.factors.get(way_class, 1.0)

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON for the run record."""
        return {
            "name": self.name,
            "label": self.label.as_dict(),
            "speed_m_per_s": self.speed_m_per_s,
            "factors": dict(self.factors),
            "source": self.source,
            "confidence": self.confidence,
        }


@dataclass(frozen=True, slots=True)
class _Way:
    when: Condition
    way_class: str
    walkable: bool
    final: bool


@dataclass(frozen=True, slots=True)
class _Course:
    when: Condition
    forward: bool
    backward: bool


@dataclass(frozen=True, slots=True)
class _Walking:
    base_keys: tuple[str, ...]
    ways: tuple[_Way, ...]
    foot: Mapping[str, str]  # value of `foot` → open, visitors, private, closed, aside, unsaid
    access: Mapping[str, str]
    beside: tuple[Condition, ...]  # a sidewalk says that one may walk, whatever `access` says
    aside: tuple[Condition, ...]  # the sidewalk is drawn as a line of its own
    courses: tuple[_Course, ...]
    squares: tuple[Condition, ...]


NO_WAY = Passage(walkable=False, way_class="", access="public", forward=False, backward=False, area=False)
ROADS = frozenset({"trunk", "primary", "secondary", "tertiary", "residential", "service", "busway", "cycleway"})
ASIDE = "road_separate"
ACCESS = ("public", "compound", "destination", "private")  # who walks there; `compound` is found on the ground, not in tags
_FOR_WHOM = {"open": "public", "visitors": "destination", "private": "private"}


def walk_keys() -> tuple[str, ...]:
    """Every OSM key that `walkability` looks at, sorted."""
    rules = _walking()
    conditions = [w.when for w in rules.ways] + [*rules.beside, *rules.aside, *rules.squares] + [c.when for c in rules.courses]
    return tuple(sorted({"foot", "access"}.union(*(c.looks_at() for c in conditions))))


def walk_base_keys() -> tuple[str, ...]:
    """OSM keys of which a walkable way has at least one; a reader may pass by an object with none of them."""
    return _walking().base_keys


def walkability(tags: Mapping[str, str]) -> Passage:
    """Say whether, where and which way one walks along a way with these tags.

    >>> walkability({"highway": "residential"})
    Passage(walkable=True, way_class='residential', access='public', forward=True, backward=True, area=False)
    >>> walkability({"highway": "motorway"}).walkable
    False
    """
    rules = _walking()
    way = next((w for w in rules.ways if w.when.holds(tags)), None)
    if way is None:
        return NO_WAY
    walkable, access, aside = _permission(rules, way, tags)
    if not walkable:
        return Passage(walkable=False, way_class=way.way_class, access=access, forward=False, backward=False, area=False)
    way_class = way.way_class
    if way_class in ROADS and (aside or any(c.holds(tags) for c in rules.aside)):
        way_class = ASIDE
    course = next((c for c in rules.courses if c.when.holds(tags)), None)
    forward, backward = (course.forward, course.backward) if course else (True, True)
    area = any(c.holds(tags) for c in rules.squares)
    return Passage(walkable=True, way_class=way_class, access=access, forward=forward or area, backward=backward or area, area=area)


def _permission(rules: _Walking, way: _Way, tags: Mapping[str, str]) -> tuple[bool, str, bool]:
    """Whether one may walk, for whom, and whether beside the road rather than on it: `foot` speaks before `access`."""
    if way.final:
        return way.walkable, "public", False
    foot = _word(rules.foot, tags.get("foot"))
    if foot == "closed":
        return False, "public", False
    if foot == "aside":
        return way.walkable, "public", True
    if foot in _FOR_WHOM:
        return True, _FOR_WHOM[foot], False
    access = _word(rules.access, tags.get("access"))
    if access == "closed":
        return any(c.holds(tags) for c in rules.beside), "public", False
    return way.walkable, _FOR_WHOM.get(access, "public"), False


def _word(words: Mapping[str, str], value: str | None) -> str:
    if value is None:
        return "unsaid"
    if value in words:
        return words[value]
    # a list such as `private;destination` means the widest of its values
    said = {words.get(part.strip(), "unsaid") for part in value.split(";")}
    return next((w for w in ("open", "aside", "visitors", "private", "closed") if w in said), "unsaid")


@lru_cache(maxsize=1)
def _walking() -> _Walking:
    root = read_toml(RULES / "walking.toml")
    made = _Walking(
        base_keys=root.words("base_keys"),
        ways=tuple(_way(r) for r in root.tables("way")),
        foot=_words(root.inner("foot")),
        access=_words(root.inner("access")),
        beside=tuple(_plain(r) for r in root.tables("beside")),
        aside=tuple(_plain(r) for r in root.tables("aside")),
        courses=tuple(_course(r) for r in root.tables("course")),
        squares=tuple(_plain(r) for r in root.tables("square")),
    )
    root.done()
    return made


def _plain(reader: Reader) -> Condition:
    made = condition(reader)
    reader.done()
    return made


def _way(reader: Reader) -> _Way:
    made = _Way(condition(reader), reader.text("class"), reader.flag("walkable", default=True), reader.flag("final", default=False))
    reader.done()
    return made


def _course(reader: Reader) -> _Course:
    made = _Course(condition(reader), reader.flag("forward", default=True), reader.flag("backward", default=True))
    reader.done()
    return made


def _words(reader: Reader) -> dict[str, str]:
    words = {
        value: meaning for meaning in ("open", "visitors", "private", "closed", "aside", "unsaid") for value in reader.words(meaning, ())
    }
    reader.done()
    return words


@lru_cache(maxsize=1)
def way_classes() -> frozenset[str]:
    """Every class that a walkable way may have."""
    return frozenset({w.way_class for w in _walking().ways} | {ASIDE})


@lru_cache(maxsize=1)
def _walkers() -> dict[str, Walker]:
    root = read_toml(RULES / "walkers.toml")
    found = {name: _walker(name, reader) for name, reader in root.inner("walker").each()}
    root.done()
    return found


def walkers() -> dict[str, Walker]:
    """All walkers by name.

    >>> walkers()["adult"].speed_m_per_s
    1.2
    """
    return dict(_walkers())


def _walker(name: str, reader: Reader) -> Walker:
    speed = reader.number("speed_m_per_s", above=True, most=3.0)
    factors: dict[str, float] = {}
    if "speeds_m_per_s" in reader:
        slower = reader.inner("speeds_m_per_s")
        for key in slower.table:
            if key not in way_classes():
                slower.refuse(key, f"no class of way; {suggest(key, way_classes())}")
            factors[key] = slower.number(key, most=speed) / speed
    confidence = reader.choice("confidence", CONFIDENCE)
    made = Walker(name, reader.label("label"), speed, factors, reader.text("source"), confidence)
    reader.done()
    return made
