"""Raw OpenStreetMap objects in memory: what Overpass answers and what a snapshot holds.

Takes: answers of Overpass, checked object by object.   Gives: `Elements`, nodes, ways and relations with tags and references.
Never: decides what a tag means, keeps the name of a mapper, or guesses at an object that is not whole.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from typing import Any

from circle.errors import FetchError

KINDS = {"node": "n", "way": "w", "relation": "r"}
MAX_ID = 2**62


@dataclass(slots=True)
class Elements:
    """Objects by OSM number; tags, references and members as JSON text.

    `nodes`: version, time, longitude, latitude, tags. `ways`: version, time, node references, tags. `relations`: version, time,
    members `[kind, reference, role]`, tags. `dates`: the state of the database, one per answer.
    """

    nodes: dict[int, tuple[int, str, float, float, str]] = field(default_factory=dict)
    ways: dict[int, tuple[int, str, str, str]] = field(default_factory=dict)
    relations: dict[int, tuple[int, str, str, str]] = field(default_factory=dict)
    dates: list[str] = field(default_factory=list)
    generators: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, answer: dict[str, Any], host: str) -> Elements:
        """The objects of one answer of Overpass.

        Raises
        ------
        FetchError
            An object is not one of OpenStreetMap: no kind, no id, no coordinate.
        """
        out = cls()
        for number, one in enumerate(answer["elements"]):
            try:
                out._take(one)
            except (KeyError, TypeError, ValueError) as trouble:
                raise FetchError(
                    f"{host}: object {number + 1} of its answer is none of OpenStreetMap ({type(trouble).__name__}: {trouble}). "
                    "Check --endpoint, or try again later."
                ) from trouble
        date = answer.get("osm3s", {}).get("timestamp_osm_base")
        if isinstance(date, str) and date[:4].isdigit():
            out.dates.append(date[:32])
        if isinstance(answer.get("generator"), str):
            out.generators.add(answer["generator"][:80])
        return out

    def _take(self, one: dict[str, Any]) -> None:
        kind, number = one["type"], one["id"]
        if type(number) is not int or not 0 < number < MAX_ID:
            raise ValueError(f"its id is {str(number)[:20]!r}")
        version = one.get("version", 0)
        head = (version if type(version) is int else 0, str(one.get("timestamp") or "")[:32])
        tags = one.get("tags") or {}
        if not isinstance(tags, dict) or not all(isinstance(value, str) for value in tags.values()):
            raise TypeError("its tags are no texts")
        written = _json(tags)
        if kind == "node":
            lon, lat = float(one["lon"]), float(one["lat"])
            if not (math.isfinite(lon) and math.isfinite(lat) and abs(lon) <= 180 and abs(lat) <= 90):
                raise ValueError("its place is not on Earth")
            _newest(self.nodes, number, (*head, lon, lat, written))
        elif kind == "way":
            refs = one["nodes"]
            if not isinstance(refs, list) or not all(type(ref) is int for ref in refs):
                raise TypeError("its nodes are no numbers")
            _newest(self.ways, number, (*head, _json(refs), written))
        elif kind == "relation":
            members = [[KINDS[m["type"]], int(m["ref"]), str(m.get("role") or "")] for m in one.get("members") or []]
            _newest(self.relations, number, (*head, _json(members), written))
        else:
            raise ValueError(f"its type is {str(kind)[:20]!r}")

    def add(self, other: Elements) -> None:
        """Take in what another answer brought: of an object that both hold, the newer version."""
        for mine, theirs in ((self.nodes, other.nodes), (self.ways, other.ways), (self.relations, other.relations)):
            for number, row in theirs.items():
                _newest(mine, number, row)
        self.dates += other.dates
        self.generators |= other.generators

    def lacking(self) -> tuple[int, int]:
        """How many ways lack some of their nodes, and how many ways there are."""
        known = self.nodes.keys()
        return sum(not known >= set(json.loads(refs)) for _, _, refs, _ in self.ways.values()), len(self.ways)

    @property
    def date(self) -> str | None:
        """State of the data: that of the oldest answer, so that nothing is called newer than it is."""
        return min(self.dates, default=None)

    def __len__(self) -> int:
        return len(self.nodes) + len(self.ways) + len(self.relations)


def _newest(table: dict[int, Any], number: int, row: tuple[Any, ...]) -> None:
    if number not in table or row[0] >= table[number][0]:
        table[number] = row


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
