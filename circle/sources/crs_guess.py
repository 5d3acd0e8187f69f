"""Is a table in the system that it seems to be in? Points of a list stand on buildings and beside streets, and not in water.

Takes: coordinates as they stand in a table, the ground of the place.   Gives: the evidence for each system; an error where it is not clear.
Never: converts anything by itself: a shift of 570 m (Tieshan) is eight minutes' walk, so whoever knows the table must say.

Each hypothesis (WGS 84, GCJ-02, BD-09, columns swapped, a Gauss-Krüger zone) moves the points somewhere. How well points fit by chance
is measured on the same place, by moving them in 36 other directions and distances: a hypothesis stands out when it fits three
standard deviations better than that, and it wins when it also beats the next one by two.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray

from circle.errors import PlaceError
from circle.projection import Plane
from circle.rules import settings
from circle.sources.coordinates import BD09, GCJ02, WGS84, System, grid_axes, grid_systems, shifted_here

Floats = NDArray[np.float64]
Shapes = NDArray[np.object_]


@dataclass(frozen=True, slots=True)
class Ground:
    """What the map knows of a place: outlines, streets and water on its plane (metres), and how far it reaches."""

    plane: Plane
    buildings: shapely.STRtree
    streets: shapely.STRtree
    water: shapely.STRtree
    extent: tuple[float, float, float, float]

    @classmethod
    def of(cls, plane: Plane, extent: tuple[float, float, float, float], shapes: Sequence[Shapes]) -> Ground:
        """From outlines, streets and water in degrees."""

        def tree(degrees: Shapes) -> shapely.STRtree:
            return shapely.STRtree(plane.project(degrees))

        buildings, streets, water = map(tree, shapes)
        return cls(plane, buildings, streets, water, extent)

    def inside(self, lon: Floats, lat: Floats) -> NDArray[np.bool_]:
        """Which points lie where the map has data."""
        west, south, east, north = self.extent
        with np.errstate(invalid="ignore"):
            return np.asarray((lon >= west) & (lon <= east) & (lat >= south) & (lat <= north))

    def fit(self, x: Floats, y: Floats) -> tuple[Floats, Floats, NDArray[np.bool_]]:
        """Metres from points of the plane to the nearest building and to the nearest street, and which of them lie in water."""
        points = shapely.points(x, y)
        return _metres(self.buildings, points), _metres(self.streets, points), _metres(self.water, points) == 0.0


def _metres(tree: shapely.STRtree, points: Shapes) -> Floats:
    out = np.full(len(points), np.inf)
    if len(tree.geometries) and len(points):
        (row, _), metres = tree.query_nearest(points, max_distance=settings("crs")["reach_m"], return_distance=True, all_matches=False)
        out[row] = metres
    return out


@dataclass(frozen=True, slots=True)
class Evidence:
    """How the points of a table lie in the place when they are read in one `system`: shares of those that lie `inside` of it.

    `swapped`: the two columns change places. `score`: 0 to 1. `above`: standard deviations by which it beats points that lie by chance.
    """

    system: System
    swapped: bool
    inside: int
    on_building: float
    beside: float
    water: float
    score: float
    above: float

    @property
    def name(self) -> str:
        """System in words."""
        return f"{self.system.name}, columns swapped" if self.swapped else self.system.name

    def sentence(self, total: int) -> str:
        """The evidence in a few words."""
        if not self.inside:
            return f"{self.name}: none of {total:,} in the place"
        return (
            f"{self.name}: {self.inside:,} of {total:,} in the place, {self.on_building:.0%} on a building, {self.beside:.0%} "
            f"beside one or a street, {self.water:.0%} in water"
        )


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the evidence says: the system that wins clearly, or None; `best` is the one that fits best, `evidence` is all of it."""

    winner: Evidence | None
    best: Evidence
    evidence: tuple[Evidence, ...]
    total: int

    def sentences(self) -> str:
        """All the evidence, the best first."""
        return "; ".join(one.sentence(self.total) for one in self.evidence)


def hypotheses(first: Floats, second: Floats, lon: float) -> list[tuple[System, bool]]:
    """Systems that two columns may be in (`True`: the first is latitude or north), by the size of their numbers."""
    axes = grid_axes(first, second)
    if axes:
        return [(system, axes == "second") for system in grid_systems(first if axes == "first" else second, lon)]
    found = [(WGS84, False)]
    known = np.isfinite(first) & np.isfinite(second)
    for swapped, (x, y) in ((False, (first[known], second[known])), (True, (second[known], first[known]))):
        if swapped:
            found.append((WGS84, True))
        if shifted_here(x, y).any():
            found += [(GCJ02, swapped), (BD09, swapped)]
    return found


def judge(ground: Ground, first: ArrayLike, second: ArrayLike) -> Verdict:
    """Weigh every system that the two columns may be in.

    Raises
    ------
    PlaceError
        In none of them does a single point lie in the place.
    """
    a, b = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    known = np.flatnonzero(np.isfinite(a) & np.isfinite(b))
    a, b = a[known], b[known]
    evidence = [_weigh(ground, (a, b), system, swapped=swapped) for system, swapped in hypotheses(a, b, ground.plane.lon)]
    evidence = [one for one in evidence if not one.swapped or one.inside or one.system.projected]
    evidence.sort(key=lambda one: (-(one.inside > 0), -one.score, one.system is not WGS84))
    best = evidence[0]
    total = len(known)
    if not best.inside:
        tried = ", ".join(dict.fromkeys(one.name for one in evidence))
        raise PlaceError(
            f"none of its {total:,} points lies in the place, in whichever system (tried: {tried}). Is it a table of another town?"
        )
    rule = settings("crs")
    rest = [one for one in evidence[1:] if one.inside]
    plain = [one for one in evidence if one.system is WGS84 and not one.swapped]
    alone = not rest
    clear = alone or (best.above >= rule["stands_out"] and all(best.above - one.above >= rule["margin"] for one in rest))
    few = best.inside < rule["share_inside"] * max([one.inside for one in rest], default=0)
    return Verdict(best if clear and not few else None, best, tuple(dict.fromkeys([*evidence[:4], *plain])), total)


def _weigh(ground: Ground, columns: tuple[Floats, Floats], system: System, *, swapped: bool) -> Evidence:
    rule = settings("crs")
    a, b = columns[::-1] if swapped else columns
    lon, lat = system.to_wgs84(a, b)
    rows = np.flatnonzero(ground.inside(lon, lat))
    inside = len(rows)
    if not inside:
        return Evidence(system, swapped, 0, 0.0, 0.0, 0.0, 0.0, -np.inf)
    rows = rows[:: max(1, inside // int(rule["sample"]))]
    x, y = ground.plane.forward(lon[rows], lat[rows])
    fit = ground.fit(x, y)
    score = _score(*fit)
    bearings = np.arange(12) / 12 * 2 * np.pi
    chance = []
    for metres in (300.0, 700.0, 1100.0):
        for angle in bearings:
            there = x + metres * np.cos(angle), y + metres * np.sin(angle)
            held = ground.inside(*ground.plane.backward(*there))
            if held.any():
                chance.append(_score(*ground.fit(there[0][held], there[1][held])))
    usual = float(np.mean(chance)) if chance else 0.0
    # shares of few points jump: the spread by chance is never taken for less than that of so many throws of a coin
    spread = max(float(np.std(chance)) if chance else 0.0, 0.5 * np.sqrt(max(usual * (1 - usual), 0.05) / len(rows)), 0.02)
    on, beside = fit[0] <= rule["on_building_m"], np.minimum(fit[0], fit[1]) <= rule["beside_m"]
    seen = float(on.mean()), float(beside.mean()), float(fit[2].mean())
    return Evidence(system, swapped, inside, *seen, score, (score - usual) / spread)


def _score(building_m: Floats, street_m: Floats, water: NDArray[np.bool_]) -> float:
    """0 to 1: on a building is best, near a building or beside a street is good, in water and on no building is bad."""
    rule = settings("crs")
    near = np.maximum(0.7 * np.exp(-((building_m / rule["beside_m"]) ** 2)), 0.6 * np.exp(-((street_m / rule["beside_m"]) ** 2)))
    return float(np.where(building_m <= rule["on_building_m"], 1.0, np.where(water, 0.0, near)).mean())
