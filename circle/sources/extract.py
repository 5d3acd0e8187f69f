"""What was read from a file: the arrays and lists that `osm` fills and the tables of a place are made from.

Takes: nothing.   Gives: `Extract`, and the `Shape` of one object in it.
Never: reads a file, or knows what a tag means.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field

import numpy as np
import shapely
from numpy.typing import NDArray

from circle.errors import Findings
from circle.sources.lines import Lines

BuildingTags = tuple[str, str | None, str | None, str | None, dict[str, str] | None]
Ints = NDArray[np.int64]


@dataclass(slots=True)
class Shape:
    """One object other than a building or street: its id, tags, geometry, and whether a tag of it may make it a facility."""

    id: str
    tags: dict[str, str]
    shape: shapely.Geometry
    closed: bool = False
    offers: bool = False


def _none() -> Ints:
    return np.empty(0, dtype=np.int64)


@dataclass(slots=True)
class Extract:
    """What was read from a file.

    `walks`: stretches of street; for each the code of its tag combination (`walk_combo`, place in `combos`) and its name.
    `stop_*`: nodes at which one waits (signals, elevators) and for what.
    `building_*`: OSM number, way or relation, `(use, name, house number, storeys, all tags or None)`, of ways and then of relations; tags
    are None where the first four and an address are all there is. `building_ways`: lines of the ways; `building_areas`: areas of the
    relations.
    `building_relations`: tags and member ways of every building relation; `member_lines`: the lines of those that could not be
    assembled, so that they can still be given an outline. `area_relations`: other areas that could not be put together.
    """

    combos: list[dict[str, str]] = field(default_factory=list)
    walks: Lines = field(default_factory=Lines)
    walk_combo: Ints = field(default_factory=_none)
    walk_name: list[str] = field(default_factory=list)
    building_ways: Lines = field(default_factory=Lines)
    building_id: list[int] = field(default_factory=list)
    building_is_way: list[bool] = field(default_factory=list)
    building_tags: list[BuildingTags] = field(default_factory=list)
    building_areas: list[shapely.Geometry] = field(default_factory=list)
    building_outers: list[int] = field(default_factory=list)
    building_relations: dict[int, tuple[BuildingTags, list[int]]] = field(default_factory=dict)
    member_lines: dict[int, shapely.Geometry] = field(default_factory=dict)
    area_relations: dict[int, tuple[dict[str, str], list[int]]] = field(default_factory=dict)
    stop_refs: array[int] = field(default_factory=lambda: array("q"))
    stop_kinds: list[str] = field(default_factory=list)
    square_rings: list[tuple[int, int, list[list[tuple[int, float, float]]]]] = field(default_factory=list)
    points: list[Shape] = field(default_factory=list)
    lines: list[Shape] = field(default_factory=list)
    areas: list[Shape] = field(default_factory=list)
    box: tuple[float, float, float, float] | None = None
    data_date: str | None = None
    newest: int = 0
    relations: int = 0
    synthetic: bool = False
    findings: Findings = field(default_factory=Findings)
