"""The doctor's texts and numbers: `doctor.toml`, read and checked.

Takes: `doctor.toml`.   Gives: texts of the checks, thresholds, and how many people one facility serves at most.
Never: looks at a place.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

from circle.rules.loading import CONFIDENCE, RULES, Label, read_toml

SEVERITIES = ("error", "warning", "info")


@dataclass(frozen=True, slots=True)
class CheckText:
    """Severity, meaning and remedy of one check."""

    severity: str
    label: Label
    remedy: Label


@dataclass(frozen=True, slots=True)
class People:
    """The most people whom one facility of a service serves, and who says so."""

    most: float
    source: str
    confidence: str


@dataclass(frozen=True, slots=True)
class Doctor:
    """Everything in `doctor.toml`."""

    numbers: Mapping[str, float]
    checks: Mapping[str, CheckText]
    people: Mapping[str, People]


@lru_cache(maxsize=1)
def doctor() -> Doctor:
    """What `circle check` looks for.

    >>> doctor().people["shop"].most
    3000.0
    """
    root = read_toml(RULES / "doctor.toml")
    inner = root.inner("number")
    numbers = {key: inner.number(key) for key in inner.table}
    checks, people = {}, {}
    for code, reader in root.inner("check").each():
        checks[f"check.{code}"] = CheckText(reader.choice("severity", SEVERITIES), reader.label("label"), reader.label("do"))
        reader.done()
    for service, reader in root.inner("people").each():
        people[service] = People(reader.number("most", above=True), reader.text("source"), reader.choice("confidence", CONFIDENCE))
        reader.done()
    root.done()
    return Doctor(MappingProxyType(numbers), MappingProxyType(checks), MappingProxyType(people))
