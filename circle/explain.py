"""Explain: one building and one service, in full: the walk, what stands beside it, and why the verdict is what it is.

Takes: the tables of a run, a building, a service.   Gives: an `Explanation`: numbers, sentences in Chinese or English, GeoJSON.
Never: finds another walk than the run's, or computes a minute of its own: the legs are those of `routes`, their sum is the run's minutes.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from circle import rules
from circle.errors import PlaceError
from circle.projection import Plane
from circle.routes import Leg, Route
from circle.standards import Limit
from circle.units import limit_metres, minutes, seconds

MOST_LISTED = 8
SLOWER_S = 0.05  # less is rounding


@dataclass(frozen=True, slots=True)
class Step:
    """Legs on one street, one after the other, as a person would tell them.

    Attributes: `kind` (`door`, `way`, `goal`), `name`, `way_class`, `private`, `length_m`, `seconds`, `slower_s` (more than the same metres
    at the walker's plain speed), `gates` (names of the gates at its end).
    """

    kind: str
    name: str
    way_class: str
    private: bool
    length_m: float
    seconds: float
    slower_s: float
    gates: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, repr=False)
class Explanation:
    """Why one building has the verdict that it has for one service.

    Attributes
    ----------
    building, name, facility, facility_name
        Ids, and names as mapped (empty where none; untrusted text).
    limit, walker, speed_m_per_s
        The limit of the standard, who walks, and how fast.
    verdict, reason, barrier, fragile
        As in the run's table; `barrier` is (kind, id and name) where the reason is one.
    minutes
        Of the run; `inf` where there is no path.
    route, steps
        The walk, leg by leg, and told street by street; empty where there is no path.
    nearest, straight_m
        The facility that is nearest in a straight line, and how far it is (`inf`: the data hold none).
    beside_m
        Straight line to the facility that is walked to (`inf` where there is no path).
    """

    building: str
    name: str
    limit: Limit
    walker: rules.Label
    speed_m_per_s: float
    verdict: str
    reason: str
    barrier: tuple[str, str]
    fragile: bool
    minutes: float
    facility: str
    facility_name: str
    route: Route | None
    steps: tuple[Step, ...]
    nearest: str
    straight_m: float
    beside_m: float
    shapes: tuple[shapely.Geometry, shapely.Geometry | None]

    def __repr__(self) -> str:
        """All of it in both languages, so that the last line of a notebook's cell reads as `circle explain` does."""
        return "\n".join([*self.lines("zh"), "", *self.lines("en")])

    @property
    def margin_min(self) -> float:
        """Minutes to spare; negative beyond the limit."""
        return self.limit.limit_min - self.minutes

    def verdict_sentence(self, lang: str = "zh") -> str:
        """The verdict in one sentence, with limit and margin."""
        digits = 2  # more where rounding would hide on which side of the limit it lies
        while digits < 6 and round(self.margin_min, digits) == 0 and self.margin_min:
            digits += 1
        margin = f"{abs(self.margin_min):.{digits}f}"
        told = {"minutes": f"{self.minutes:.{digits}f}", "limit": f"{self.limit.limit_min:g}", "margin": margin}
        return rules.sentence(f"verdict.{self.verdict}", lang, **told)

    def reason_sentence(self, lang: str = "zh") -> str:
        """The reason in one sentence; empty when the limit is kept."""
        if not self.reason:
            return ""
        kind, barrier = self.barrier
        closed = (self.verdict, self.reason) == ("unreachable", "no_facility")
        return rules.sentence(
            "closed.no_facility" if closed else f"reason.{self.reason}",
            lang,
            service=getattr(self.limit.label, lang),
            nearest=self.nearest,
            straight=f"{self.straight_m:.0f}",
            reach=f"{limit_metres(self.limit.limit_min, self.speed_m_per_s):.0f}",
            kind=rules.word("barrier", kind, lang),
            barrier=barrier,
            width=f"{_width(kind):g}",
        )

    def lines(self, lang: str = "zh") -> list[str]:
        """Everything, line by line."""
        service = f"{getattr(self.limit.label, lang)} ({self.limit.service})"
        building = f"{self.building} {self.name}".strip()
        walker = getattr(self.walker, lang)
        out = [rules.sentence("note.head", lang, building=building, service=service, walker=walker, speed=f"{self.speed_m_per_s:g}")]
        out.append(self.verdict_sentence(lang))
        out += [self.reason_sentence(lang)] if self.reason else []
        out += [rules.sentence("verdict.fragile", lang)] if self.fragile else []
        if self.route is None or not self.steps:
            return out
        out += [f"  {number}. {self._step(step, lang)}" for number, step in enumerate(self.steps, start=1)]
        total = {"metres": f"{self.route.length_m:.1f}", "seconds": f"{self.route.seconds:.1f}", "minutes": f"{self.minutes:.2f}"}
        out.append(rules.sentence("leg.total", lang, **total))
        taken = seconds(self.beside_m, self.speed_m_per_s)
        out.append(rules.sentence("note.straight", lang, facility=self._goal(), metres=f"{self.beside_m:.1f}", seconds=f"{taken:.1f}"))
        if self.beside_m > 0:
            out[-1] += rules.sentence("note.ratio", lang, ratio=f"{self.route.length_m / self.beside_m:.2f}")
        other = self.route.runner_up_s
        spare = rules.sentence("note.runner_up", lang, minutes=f"{minutes(other):.2f}")
        out.append(spare if np.isfinite(other) else rules.sentence("note.alone", lang))
        if self.route.flag:
            out.append(rules.sentence("note.flag", lang, flag=rules.word("flag", self.route.flag, lang)))
        return out

    def _goal(self) -> str:
        return f"{self.facility} {self.facility_name}".strip()

    def _step(self, step: Step, lang: str) -> str:
        if step.kind == "door":
            what = rules.sentence("leg.door", lang)
        elif step.kind == "goal":
            what = rules.sentence("leg.goal", lang, facility=self._goal())
        else:
            unnamed = rules.sentence("leg.unnamed", lang, way_class=rules.word("class", step.way_class, lang))
            what = rules.sentence("leg.way", lang, name=step.name or unnamed)
        notes = [rules.sentence("leg.measures", lang, metres=f"{step.length_m:.1f}", seconds=f"{step.seconds:.1f}")]
        if step.slower_s > SLOWER_S:
            classes = rules.sentences()
            key = "class" if f"class.{step.way_class}" in classes and step.way_class in SLOW_BY_NATURE else "cause"
            cause = rules.word(key, step.way_class, lang)
            notes.append(rules.sentence("leg.slow", lang, cause=cause, seconds=f"{step.slower_s:.1f}"))
        notes += [rules.sentence("leg.private", lang)] if step.private else []
        notes += [rules.sentence("leg.gate", lang, gate=gate) for gate in step.gates]
        colon, comma = ("：", "；") if lang == "zh" else (": ", "; ")
        return what + colon + comma.join(notes)

    def geojson(self) -> dict[str, Any]:
        """The route as a GeoJSON FeatureCollection (WGS 84): each leg, the straight line beside it, building and facility."""
        features = []
        for number, leg in enumerate(self.route.legs if self.route else (), start=1):
            told = {"what": "leg", "number": number, "kind": leg.kind, "way": leg.way, "name": leg.name, "class": leg.way_class}
            features.append(_feature(leg.line, {**told, "length_m": leg.length_m, "seconds": leg.seconds, "access": leg.access}))
        home, goal = self.shapes
        features.append(_feature(home, {"what": "building", "building": self.building, "name": self.name, "verdict": self.verdict}))
        if goal is not None:
            features.append(_feature(shapely.shortest_line(home, goal), {"what": "straight", "length_m": self.beside_m}))
            features.append(_feature(goal, {"what": "facility", "facility": self.facility, "name": self.facility_name}))
        return {"type": "FeatureCollection", "features": features}


SLOW_BY_NATURE = ("steps", "escalator", "elevator", "ferry", "path", "track")


def explain(tables: dict[str, pd.DataFrame], building: str, limit: Limit, walker: dict[str, Any], route: Route | None) -> Explanation:
    """Explain one building of a run.

    Parameters
    ----------
    tables
        `buildings`, `facilities`, `links`, and where the run has them `barriers` and `gates`.
    building
        Its id.
    limit, walker
        Of the run's standard; of its record.
    route
        From `routes.Router`; None where the building is tied to no path.
    """
    service = limit.service
    buildings, facilities = gpd.GeoDataFrame(tables["buildings"]), gpd.GeoDataFrame(tables["facilities"])
    row = buildings[buildings["building"] == building].iloc[0]
    speed = float(walker["speed_m_per_s"])
    offered = facilities[facilities["service"] == service]
    reason = str(row[f"reason_{service}"])
    home = row.geometry
    metres = _straight(home, offered)
    reach_m = limit_metres(limit.limit_min, speed)
    if reason == "far" and metres.min(initial=np.inf) <= reach_m:  # its doors lie on the other side, and one starts from those
        home = _doors(tables["links"], building)
        metres = _straight(home, offered)
    best = int(np.argmin(metres)) if len(metres) else -1
    facility = route.facility if route else ""
    walked = np.flatnonzero((offered["facility"] == facility).to_numpy())
    goal = offered.iloc[walked[0]] if len(walked) else None
    return Explanation(
        building=building,
        name=_text(row["name"]),
        limit=limit,
        walker=rules.Label(**walker["label"]),
        speed_m_per_s=speed,
        verdict=str(row[f"verdict_{service}"]),
        reason=reason,
        barrier=_barrier(tables, str(row.get(f"barrier_{service}", "") or "")),
        fragile=bool(row[f"fragile_{service}"]),
        minutes=float(row[f"minutes_{service}"]),
        facility=facility,
        facility_name="" if goal is None else _text(goal["name"]),
        route=route,
        steps=_steps(route.legs, speed, tables.get("gates")) if route else (),
        nearest=f"{offered['facility'].iloc[best]} {_text(offered['name'].iloc[best])}".strip() if best >= 0 else "",
        straight_m=float(metres[best]) if best >= 0 else np.inf,
        beside_m=float(metres[walked[0]]) if len(walked) else np.inf,
        shapes=(row.geometry, None if goal is None else goal.geometry),
    )


def _straight(home: shapely.Geometry, offered: gpd.GeoDataFrame) -> np.ndarray:
    """Metres from a building to each facility in a straight line, on a plane that is true where the building stands."""
    if not len(offered):
        return np.empty(0)
    centre = shapely.centroid(home)
    plane = Plane(centre.x, centre.y)

    def flat(shapes: Any) -> Any:
        return shapely.transform(shapes, lambda lonlat: np.column_stack(plane.forward(lonlat[:, 0], lonlat[:, 1])))

    return np.asarray(shapely.distance(flat(home), flat(offered.geometry.to_numpy())))


def _doors(links: pd.DataFrame, building: str) -> shapely.Geometry:
    """Where the legs of a building start."""
    own = links[(links["kind"] == "building") & (links["id"] == building)]
    return shapely.MultiPoint(own[["start_lon", "start_lat"]].drop_duplicates().to_numpy())


def _steps(legs: tuple[Leg, ...], speed_m_per_s: float, gates: pd.DataFrame | None) -> tuple[Step, ...]:
    names = {} if gates is None or not len(gates) else dict(zip(gates["gate"], gates["name"].astype(str), strict=True))
    out = []
    for key, group in groupby(legs, key=lambda leg: (leg.kind, leg.name, leg.way_class, leg.access == "private")):
        same = list(group)
        length, taken = sum(leg.length_m for leg in same), sum(leg.seconds for leg in same)
        if key[0] == "way" and not length and not taken:
            continue
        passed = [f"node/{leg.node}" for leg in same if f"node/{leg.node}" in names]
        through = tuple(f"{gate} {names[gate]}".strip() for gate in passed)
        out.append(Step(*key, length, taken, max(taken - seconds(length, speed_m_per_s), 0.0), through))
    return tuple(out)


def _barrier(tables: dict[str, pd.DataFrame], barrier: str) -> tuple[str, str]:
    """Kind of a barrier, and its id with its name."""
    known = tables.get("barriers")
    if not barrier or known is None:
        return "", barrier
    rows = known[known["barrier"] == barrier]
    if not len(rows):
        return "", barrier
    return str(rows["kind"].iloc[0]), f"{barrier} {_text(rows['name'].iloc[0])}".strip()


def _width(kind: str) -> float:
    widths = rules.settings("passage_width_m")
    return widths.get(kind, widths["other"])


def _text(value: Any) -> str:
    """A name on one line; empty where it is missing."""
    return "" if pd.isna(value) else "".join(c if c.isprintable() else " " for c in str(value)).strip()


def _feature(shape: shapely.Geometry, properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "Feature", "properties": properties, "geometry": shapely.geometry.mapping(shape)}


def find(buildings: pd.DataFrame, said: str) -> str:
    """Id of the building that is meant: by its id, the number in it, or its name or house number where only one bears it.

    Raises
    ------
    PlaceError
        None is called so (close ones are named), or several are (they are listed).
    """
    ids = buildings["building"].astype(str)
    said = said.strip()
    if (ids == said).any():
        return said
    by_number = ids[ids.str.endswith(f"/{said}")] if said else ids.iloc[:0]
    names = buildings["name"].astype(str)
    for rows in (by_number, ids[names == said], ids[names.str.casefold() == said.casefold()]):
        if said and len(rows) == 1:
            return str(rows.iloc[0])
        if said and len(rows) > 1:
            listed = "; ".join(_told(buildings.loc[row]) for row in rows.index[:MOST_LISTED])
            more = f" and {len(rows) - MOST_LISTED} more" if len(rows) > MOST_LISTED else ""
            raise PlaceError(f"{len(rows)} buildings are called “{said}”: {listed}{more}. Say which by its id.")
    close = _close(ids, names, said)
    hint = f"Did you mean {'; '.join(_told(buildings.loc[row]) for row in close)}? " if close else ""
    raise PlaceError(f"There is no building “{said}” in this run. {hint}Ids look like way/123; see the column `building`.")


def _told(row: pd.Series[Any]) -> str:
    """A building in a list: id, name, and the compound that it stands in."""
    parts = [str(row["building"]), _text(row["name"]), f"({row['compound']})" if _text(row.get("compound")) else ""]
    return " ".join(part for part in parts if part)


def _close(ids: pd.Series[Any], names: pd.Series[Any], said: str) -> list[Any]:
    """Rows of buildings whose id or name is close to what was said."""
    digits = "".join(c for c in said if c.isdigit())
    rows: list[Any] = []
    if len(said) >= 2:
        rows += list(names.index[names.str.contains(said, case=False, regex=False)][:MOST_LISTED])
    if len(digits) >= 3:  # a digit mistyped leaves the others: first those that begin or end alike, for there may be half a million
        alike = ids[ids.str.contains(f"/{digits[:3]}", regex=False) | ids.str.endswith(digits[-3:])]
        full = said if "/" in said else f"way/{said}"
        near = difflib.get_close_matches(full, alike.tolist()[:20_000], n=3, cutoff=0.75)
        rows += [ids.index[ids == one][0] for one in near]
    return list(dict.fromkeys(rows))[:MOST_LISTED]
