"""Where one may walk, which way, and how fast: `walking.toml` and `walkers.toml`.

Takes: the tags of a way.   Gives: a `Passage`; and the walkers with their speeds.
Never: measures, routes, or knows one way from another: the network joins them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from circle.errors import RuleError
from circle.rules.barriers import road_barrier_keys
from circle.rules.loading import CONFIDENCE, RULES, Condition, Label, Reader, condition, only_condition, read_toml, suggest


@dataclass(frozen=True, slots=True)
class Passage:
    """What a way means to a walker.

    Attributes: `walkable`; `way_class` (kind of way, see `walking.toml`; empty for what is no way at all); `access` (`public`;
    `destination`: for those who live or have business there; `private`: for those who live there; neither is a through-way for others);
    `forward` and `backward` (may one walk along the drawn direction, and against it; both false when not walkable); `area` (a square: cross
    it, not only follow its outline); `raised` (on a bridge, in a tunnel or on another floor: its height is not the ground's, and houses
    beside it are not on it); `road` (the class of the road, where `way_class` says only that its sidewalks are lines of their own); `stop`
    (what one waits for on it: `signals`, `elevator`); `level` (the floors that it says it is on, as OSM writes them).
    """

    walkable: bool
    way_class: str
    access: str
    forward: bool
    backward: bool
    area: bool
    raised: bool = False
    road: str = ""
    stop: str = ""
    level: str = ""


@dataclass(frozen=True, slots=True)
class Walker:
    """Who walks.

    Attributes: `name`, `label`, `speed_m_per_s` on plain ways, `factors` (way class → share of that speed; 0 is impassable; classes that
    are not named count 1), `source` and `confidence` of the speed; `waiting_s` (what one waits for → seconds: `signals`, `elevator`, or the
    class of a road that is crossed where nothing stops the cars; what is not named costs nothing), `slope` (how slopes change the speed
    where heights are given: `tobler`, or empty for a walker who says nothing of slopes).
    """

    name: str
    label: Label
    speed_m_per_s: float
    factors: Mapping[str, float]
    source: str
    confidence: str
    waiting_s: Mapping[str, float] = field(default_factory=dict)
    slope: str = ""

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
            "waiting_s": dict(self.waiting_s),
            "slope": self.slope,
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
    raised: tuple[Condition, ...]
    stops: tuple[tuple[str, Condition], ...]  # what one waits for at a node or on a way
    midway: frozenset[str]  # classes of way that nobody steps on or off between its ends
    beside_classes: frozenset[str]  # lines that stand for the sidewalk of a road
    level_key: str  # the key that says on which floors a way is
    level: frozenset[str]  # classes whose speed says all that a slope would


NO_WAY = Passage(walkable=False, way_class="", access="public", forward=False, backward=False, area=False)
ROADS = frozenset({"trunk", "primary", "secondary", "tertiary", "residential", "service", "busway", "cycleway"})
ASIDE = "road_separate"
STREETS = frozenset({"trunk", "primary", "secondary", "tertiary", "residential", "pedestrian", "road_separate"})
ACCESS = ("public", "compound", "destination", "private")  # who walks there; `compound` is found on the ground, not in tags
_FOR_WHOM = {"open": "public", "visitors": "destination", "private": "private"}
STOPS = ("signals", "elevator")
SLOPES = ("tobler",)
LONGEST_WAIT_S = 600.0


def walk_keys() -> tuple[str, ...]:
    """Every OSM key that `walkability` looks at, sorted."""
    rules = _walking()
    conditions = [w.when for w in rules.ways] + [*rules.beside, *rules.aside, *rules.squares, *rules.raised]
    conditions += [c.when for c in rules.courses] + [condition for _, condition in rules.stops]
    return tuple(sorted({"foot", "access", rules.level_key, *road_barrier_keys()}.union(*(c.looks_at() for c in conditions))))


def walk_base_keys() -> tuple[str, ...]:
    """OSM keys of which a walkable way has at least one; a reader may pass by an object with none of them."""
    return _walking().base_keys


def walkability(tags: Mapping[str, str]) -> Passage:
    """Say whether, where and which way one walks along a way with these tags.

    >>> found = walkability({"highway": "residential", "oneway:foot": "yes"})
    >>> found.walkable, found.way_class, found.access, found.forward, found.backward
    (True, 'residential', 'public', True, False)
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
    return Passage(
        walkable=True,
        way_class=way_class,
        access=access,
        forward=forward or area,
        backward=backward or area,
        area=area,
        raised=any(c.holds(tags) for c in rules.raised),
        road=way.way_class if way_class == ASIDE else "",
        stop=stop(tags),
        level=tags.get(rules.level_key, ""),
    )


def stop(tags: Mapping[str, str]) -> str:
    """What one waits for at a node or on a way with these tags: `signals`, `elevator`, or nothing.

    >>> stop({"highway": "crossing", "crossing": "traffic_signals"})
    'signals'
    """
    return next((kind for kind, condition in _walking().stops if condition.holds(tags)), "")


def stop_values() -> dict[str, frozenset[str]]:
    """Tags of which a node that one waits at has one: a reader may pass by a node with none of them."""
    values: dict[str, frozenset[str]] = {}
    for _, when in _walking().stops:
        for key, wanted in when.tags.items():
            values[key] = values.get(key, frozenset()) | wanted
    return values


def closed_midway() -> frozenset[str]:
    """Classes of way that nobody steps on or off between its ends: a ferry, an elevator."""
    return _walking().midway


def beside_classes() -> frozenset[str]:
    """Classes of way that stand for the sidewalk of a road beside them."""
    return _walking().beside_classes


def level_classes() -> frozenset[str]:
    """Classes of way on which a slope changes nothing: their own speed says it all."""
    return _walking().level


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
        beside=tuple(only_condition(r) for r in root.tables("beside")),
        aside=tuple(only_condition(r) for r in root.tables("aside")),
        courses=tuple(_course(r) for r in root.tables("course")),
        squares=tuple(only_condition(r) for r in root.tables("square")),
        raised=tuple(only_condition(r) for r in root.tables("raised")),
        stops=tuple(_stop(r) for r in root.tables("stop")),
        midway=frozenset(root.words("closed_midway")),
        beside_classes=frozenset(root.words("beside_classes")),
        level_key=root.text("level_key"),
        level=frozenset(root.words("level_classes")),
    )
    root.done()
    return made


def _way(reader: Reader) -> _Way:
    made = _Way(condition(reader), reader.text("class"), reader.flag("walkable", default=True), reader.flag("final", default=False))
    reader.done()
    return made


def _stop(reader: Reader) -> tuple[str, Condition]:
    made = (reader.choice("kind", STOPS), condition(reader))
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
    waiting: dict[str, float] = {}
    if "waiting_s" in reader:
        waits = reader.inner("waiting_s")
        known = {*STOPS, *(ROADS - {"cycleway"})}
        for key in waits.table:
            if key not in known:
                waits.refuse(key, f"nothing that one waits for; {suggest(key, known)}")
            waiting[key] = waits.number(key, most=LONGEST_WAIT_S)
    slope = reader.choice("slope", SLOPES) if "slope" in reader else ""
    confidence = reader.choice("confidence", CONFIDENCE)
    made = Walker(name, reader.label("label"), speed, factors, reader.text("source"), confidence, waiting, slope)
    reader.done()
    return made


def walker(named: str | Path) -> Walker:
    """A shipped walker by name, or the one of a planner's own file (`.toml`, written like `walkers.toml`, with one `[walker.NAME]`).

    Raises
    ------
    RuleError
        There is no such walker or file, or the file says something impossible.

    Examples
    --------
    >>> walker("elderly").speed_m_per_s
    0.8
    """
    if isinstance(named, Path) or str(named).lower().endswith(".toml"):
        root = read_toml(Path(named))
        found = [_walker(name, reader) for name, reader in root.inner("walker").each()]
        root.done()
        if len(found) != 1:
            raise RuleError(f"{named}: walker: {len(found)} walkers; keep the one [walker.NAME] that is to walk")
        return found[0]
    if named not in _walkers():
        raise RuleError(f"There is no walker “{named}”. Choose one of: {', '.join(_walkers())}; or a file of your own (my.toml).")
    return _walkers()[named]
