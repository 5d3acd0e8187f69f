"""Standards as data: named sets of services with limits, their walker and their sources.

Takes: the name of a shipped standard, or the path of a planner's own TOML file.   Gives: a `Standard`.
Never: guesses. A wrong key or value is refused with file, key, value and what is allowed.

A standard file::

    title = { zh = "我们的五分钟圈", en = "Our five minutes" }
    description = { zh = "…", en = "…" }
    source = "Resolution of 12 May"
    walker = "adult"                     # one of rules/walkers.toml

    [[service]]
    service = "shop"                     # one of rules/services.toml
    limit_min = 1                        # or radius_m = 300: minutes at the walker's speed
    source = "the same resolution"
    confidence = "verified"              # or unverified, computed
    # description, label, circle = { zh = "…", en = "…" } and note are optional
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from circle import rules
from circle.errors import RuleError
from circle.options import DEFAULT_STANDARD
from circle.rules import Label, Walker
from circle.rules.loading import CONFIDENCE, Reader, read_toml, suggest

__all__ = ["CONFIDENCE", "DEFAULT", "Label", "Limit", "Standard", "load", "names"]

FOLDER = Path(__file__).parent
DEFAULT = DEFAULT_STANDARD
LONGEST_MIN = 240.0


@dataclass(frozen=True, slots=True)
class Limit:
    """What a standard promises for one service: at most `limit_min` minutes on foot, door to door.

    Attributes: `service`, `limit_min` (minutes, above 0), `label`, `circle` (circle or line that it belongs to, or None), `source`,
    `confidence` (`verified`, `unverified` or `computed`), `note`.
    """

    service: str
    limit_min: float
    label: Label
    circle: Label | None
    source: str
    confidence: str
    note: str

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return {
            "service": self.service,
            "limit_min": self.limit_min,
            "label": self.label.as_dict(),
            "circle": self.circle.as_dict() if self.circle else None,
            "source": self.source,
            "confidence": self.confidence,
            "note": self.note,
        }


@dataclass(frozen=True, slots=True)
class Standard:
    """A named set of services with limits, and the walker for whom they are promised.

    Attributes: `name`, `title`, `description`, `source`, `walker` (name of a walker in `rules.walkers()`), `services` (the limits, in the
    order of the file).
    """

    name: str
    title: Label
    description: Label
    source: str
    walker: str
    services: tuple[Limit, ...]

    def limit(self, service: str) -> Limit:
        """Return the limit of a service.

        Raises
        ------
        RuleError   the standard says nothing about this service
        """
        for limit in self.services:
            if limit.service == service:
                return limit
        raise RuleError(f"standard '{self.name}' has no service '{service}'; {suggest(service, [s.service for s in self.services])}")

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON, as in `run.json`; `from_dict` reads it back.

        >>> Standard.from_dict(load("five-minute").as_dict()) == load("five-minute")
        True
        """
        return {
            "name": self.name,
            "title": self.title.as_dict(),
            "description": self.description.as_dict(),
            "source": self.source,
            "walker": self.walker,
            "services": [limit.as_dict() for limit in self.services],
        }

    @classmethod
    def from_dict(cls, saved: Mapping[str, Any]) -> Standard:
        """Read back what `as_dict` gave. A service that is no longer known stays: a saved run can always be redrawn.

        Raises
        ------
        RuleError   a key is missing, unknown, or holds something impossible
        """
        return _standard(Reader(saved, "saved standard"), None, known=None)


def names() -> list[str]:
    """Names of the shipped standards, `five-minute` first, the others by name and number.

    >>> names()[0]
    'five-minute'
    """
    found = sorted((path.stem for path in FOLDER.glob("*.toml")), key=lambda n: [(len(p) if p.isdigit() else 0, p) for p in n.split("-")])
    return [DEFAULT, *(name for name in found if name != DEFAULT)]


def load(name_or_path: str | Path) -> Standard:
    """Read a standard: one that is shipped, by its name, or a planner's own, by the path of its file.

    >>> [f"{limit.service} {limit.limit_min:g}" for limit in load("five-minute").services]
    ['shop 1', 'market 2', 'bus_stop 3', 'service_centre 4', 'clinic 5']

    Raises
    ------
    RuleError   no such standard or file, or the file says something impossible; the message names file, key, value and what is allowed
    """
    if isinstance(name_or_path, str) and name_or_path in names():
        return _shipped(name_or_path)
    if _looks_like_name(str(name_or_path)):
        near = difflib.get_close_matches(str(name_or_path), names(), n=1)
        hint = f"did you mean '{near[0]}'? " if near else ""
        raise RuleError(f"no standard '{name_or_path}'; {hint}Shipped: {', '.join(names())}; or name a .toml file")
    return _read(Path(name_or_path))


@lru_cache
def _shipped(name: str) -> Standard:
    return _read(FOLDER / f"{name}.toml")


def _looks_like_name(text: str) -> bool:
    if text.lower().endswith(".toml") or "/" in text or "\\" in text:
        return False
    try:
        return not Path(text).is_file()
    except (OSError, ValueError):  # too long, or with characters that no system allows
        return True


def _read(path: Path) -> Standard:
    return _standard(read_toml(path), path.stem, known=frozenset(rules.services()))


def _standard(reader: Reader, name: str | None, known: frozenset[str] | None) -> Standard:
    walker = reader.choice("walker", tuple(rules.walkers())) if known else reader.text("walker")
    speed = rules.walkers().get(walker)
    services: list[Limit] = []
    for each in reader.tables("service" if known else "services", "a list of tables, each opened with [[service]]"):
        limit = _limit(each, speed, known)
        if limit.service in {s.service for s in services}:
            each.refuse("service", "named twice; keep one of the two")
        services.append(limit)
    title = reader.label("title")
    made = Standard(
        name=reader.text("name", name) if name else reader.text("name"),
        title=title,
        description=reader.label("description") if "description" in reader else title,
        source=reader.text("source"),
        walker=walker,
        services=tuple(services),
    )
    reader.done()
    return made


def _limit(reader: Reader, walker: Walker | None, known: frozenset[str] | None) -> Limit:
    service = reader.choice("service", known) if known else reader.text("service")
    made = Limit(
        service=service,
        limit_min=_minutes(reader, walker),
        label=reader.label("label") if "label" in reader or not known else rules.services()[service].label,
        circle=reader.label("circle") if "circle" in reader and reader.table["circle"] is not None else None,
        source=reader.text("source"),
        confidence=reader.choice("confidence", CONFIDENCE),
        note=reader.text("note", ""),
    )
    reader.done()
    return made


def _minutes(reader: Reader, walker: Walker | None) -> float:
    if "radius_m" not in reader:
        return reader.number("limit_min", above=True, most=LONGEST_MIN)
    if "limit_min" in reader:
        reader.refuse("radius_m", "limit_min is there too; keep one of the two")
    metres = reader.number("radius_m", above=True, most=20_000)
    if walker is None:
        reader.refuse("radius_m", "needs a known walker; give limit_min instead")
    minutes = metres / walker.speed_m_per_s / 60.0
    if not math.isfinite(minutes) or minutes > LONGEST_MIN:
        reader.refuse("radius_m", f"is more than {LONGEST_MIN:g} minutes at {walker.speed_m_per_s:g} m/s; give a smaller one")
    return minutes
