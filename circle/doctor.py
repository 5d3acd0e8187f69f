"""The doctor: what may make the answer wrong, before anybody reads the answer.

Takes: a study.   Gives: a `Report`: one line for each kind of trouble, with severity, count, ids, place and what to do.
Never: judges a building, changes a setting, or stays silent where a run would stop: that is the first line of the report.

It runs the study itself, so that it sees exactly what a run sees (coordinates, islands, near misses, doubles, people without buildings),
and adds what a run does not ask: how old the data are, whether they end too near, and whether there are as many facilities as so many
people must have (`rules/doctor.toml`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from circle import extent, rules, sources, study
from circle.clock import Say
from circle.errors import CircleError, Findings, RuleError
from circle.options import Options
from circle.projection import Plane
from circle.publish.wording import percent
from circle.result import Run
from circle.rules.checks import SEVERITIES, doctor
from circle.rules.loading import Label
from circle.sources import layers
from circle.summary import ATTRIBUTION
from circle.units import limit_metres

OWN_DATA = ("buildings", "facilities", "zones", "gates", "boundary", "population", "elevation", "scenario")
__all__ = ["ATTRIBUTION", "Report", "Trouble", "examine", "persons"]

FAR = ("linkage.far", "linkage.unlinked")


@dataclass(frozen=True, slots=True)
class Trouble:
    """One line of the report: `count` objects of `total` (0: not a share), of which some `ids`; `detail` may quote data: untrusted."""

    code: str
    severity: str
    label: Label
    remedy: Label
    count: int
    total: int = 0
    ids: tuple[str, ...] = ()
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """What the doctor found, the worst first; `places` says where: code, id, point. `made` is whether a run goes through."""

    place: str
    troubles: tuple[Trouble, ...]
    places: gpd.GeoDataFrame = field(repr=False)
    date: str | None
    made: bool

    @property
    def worst(self) -> str:
        """`error`, `warning`, `info`, or `fine`."""
        return self.troubles[0].severity if self.troubles else "fine"

    def table(self) -> pd.DataFrame:
        """The report as a table: one row a line."""
        return pd.DataFrame(
            [
                (t.severity, t.code, t.label.zh, t.label.en, t.count, t.total, t.detail, t.remedy.zh, t.remedy.en, " ".join(t.ids))
                for t in self.troubles
            ],
            columns=["severity", "code", "meaning_zh", "meaning_en", "count", "total", "detail", "do_zh", "do_en", "ids"],
        )


def examine(asked: study.Study, *, today: datetime | None = None, say: Say | None = None) -> Report:
    """Look at a study before it is run.

    Parameters
    ----------
    today
        The day that the age of the data is counted to; by default the clock's.

    Raises
    ------
    SourceError, PlaceError, RuleError
        The map itself cannot be read: there is nothing to look at. Trouble with the planner's own layers is in the report instead.

    Examples
    --------
    >>> examine(study.Study.of("place.osm.pbf")).worst     # doctest: +SKIP
    'warning'
    """
    found: list[Trouble] = []
    made = True
    try:
        run = study.perform(asked, say=say)
    except CircleError as trouble:
        bare = _without_own_data(asked)
        if bare is None or isinstance(trouble, RuleError):
            raise
        made = False
        found += [_own("check.blocked", 1, detail=text) for text in _blocked(asked, str(trouble))]
        run = study.perform(bare, say=say)
    found += _of_findings(run)
    found += _services(run)
    found += _edge(run)
    found += _age(run, today or datetime.now(UTC))
    ordered = sorted(found, key=lambda t: (SEVERITIES.index(t.severity), not t.code.startswith("check."), -t.count, t.code, t.detail))
    return Report(asked.source.name, tuple(ordered), _places(run, ordered), run.record["inputs"][0]["data_date"], made)


def _without_own_data(asked: study.Study) -> study.Study | None:
    """The study of the map alone; None where that is what it was."""
    plain = Options()
    given = [
        each.name for each in fields(Options) if each.name in OWN_DATA and getattr(asked.options, each.name) != getattr(plain, each.name)
    ]
    return replace(asked, options=replace(asked.options, **{name: getattr(plain, name) for name in given})) if given else None


def _blocked(asked: study.Study, first: str) -> list[str]:
    """What stops a run, for each of the planner's files that would stop it alone; where none would, the sentence that stopped it."""
    services = [limit.service for limit in asked.standard.services]
    place = sources.read(asked.source, services)
    options = asked.options
    said: list[str] = []
    for name in ("zones", "buildings", "population", "facilities", "gates", "boundary"):
        value = getattr(options, name)
        for spec in value if isinstance(value, tuple) else (value,) if value else ():
            only: dict[str, Any] = {name: (spec,) if isinstance(value, tuple) else spec}
            alone = layers.Layers(
                **only,
                crs=_of_file(options.crs, "=", spec),
                column=_of_file(options.column, ":", spec),
                facilities_mode=options.facilities_mode if name == "facilities" else (),
                population_unit=options.population_unit if name == "population" else None,
            )
            try:
                layers.enrich(replace(place, findings=Findings()), alone, services)
            except CircleError as trouble:
                said.append(str(trouble))
    return list(dict.fromkeys(said)) or [first]


def _of_file(words: tuple[str, ...], mark: str, spec: str) -> tuple[str, ...]:
    """Those of `FILE=word` or `FILE:word` that speak of this file, and those that speak of every file."""
    own = Path(spec).name.rpartition(":")[0] if ":" in Path(spec).name else Path(spec).name
    return tuple(word for word in words if not Path(word.rpartition(mark)[0]).suffix or Path(word.rpartition(mark)[0]).name == own)


def _own(code: str, count: int, total: int = 0, ids: Iterable[str] = (), detail: str = "", severity: str | None = None) -> Trouble:
    text = doctor().checks[code]
    kept = tuple(ids)[: int(doctor().numbers["ids"])]
    return Trouble(code, severity or text.severity, text.label, text.remedy, count, total, kept, detail)


def _of_findings(run: Run) -> list[Trouble]:
    """The findings of the run, one line a code; services that are not there are asked about apart."""
    texts = rules.findings()
    out = []
    numbers = doctor().numbers
    for code, rows in run.findings.groupby("code", observed=True, sort=True):
        if code == "sources.no_facility":
            continue
        text = texts[str(code)]
        ids = [one for one in dict.fromkeys(rows["id"].astype(str)) if one]
        detail = next((one for one in rows["detail"].astype(str) if one), "")
        severity, total = text.severity, 0
        if code in FAR:
            total = len(run.buildings)
            severity = "warning" if len(rows) > numbers["far_warning_share"] * total else "info"
        out.append(Trouble(str(code), severity, text.label, text.remedy, len(rows), total, tuple(ids[: int(numbers["ids"])]), detail))
    return out


def persons(run: Run) -> float:
    """People who live in the place: what ledger or raster say, else households times the usual size."""
    homes = run.buildings[run.buildings["residential"].to_numpy(dtype=bool)]
    households = homes["households"].to_numpy(dtype=float) * rules.settings("households")["persons_per_household"]
    if "population" not in homes:
        return float(np.nansum(households))
    counted = homes["population"].to_numpy(dtype=float)
    return float(np.nansum(np.where(np.isnan(counted), households, counted)))


def _services(run: Run) -> list[Trouble]:
    """Services without facilities, or with fewer than so many people must have."""
    people = persons(run)
    out = []
    if not run.buildings["residential"].any():
        out.append(_own("check.no_homes", 0, len(run.buildings)))
    for limit in run.standard.services:
        mine = run.facilities[run.facilities["service"] == limit.service]
        name = f"{limit.label.zh} {limit.label.en}"
        if not len(mine):
            out.append(_own("check.no_service", 0, detail=name))
            continue
        rule = doctor().people.get(limit.service)
        if rule is not None and people / len(mine) > rule.most:
            each = (
                f"{len(mine) / people * 1000:.2f} per 1,000 people ({people:,.0f}); at least {1000 / rule.most:.2f} expected: {rule.source}"
            )
            out.append(_own("check.few_service", len(mine), ids=mine["facility"].astype(str), detail=f"{name}: {each}"))
    return out


def _edge(run: Run) -> list[Trouble]:
    """Homes nearer to the end of the data than the longest limit reaches."""
    counted = run.buildings["residential"].to_numpy(dtype=bool)
    if not counted.any():
        return []
    west, south, east, north = run.summary["extent"]
    plane = Plane.of_box(run.summary["extent"])
    speed = float(run.record["walker"]["speed_m_per_s"])
    reach = max(limit_metres(limit.limit_min, speed) for limit in run.standard.services)
    streets = plane.forward(*shapely.get_coordinates(run.nodes.geometry.to_numpy()).T) if run.summary["extent_from"] == "data" else None
    homes = plane.project(run.buildings.geometry.to_numpy())
    metres = extent.metres_to_edge(homes, plane, (west, south, east, north), streets)
    near = counted & (metres < reach)
    if not near.any():
        return []
    share = near.sum() / counted.sum()
    severity = "warning" if share > doctor().numbers["edge_warning_share"] else "info"
    detail = f"{percent(share)} of {counted.sum():,} homes lie within {reach:.0f} m of the end of the data"
    ids = run.buildings["building"].to_numpy()[near]
    return [_own("check.near_edge", int(near.sum()), int(counted.sum()), ids.tolist(), detail, severity)]


def _age(run: Run, today: datetime) -> list[Trouble]:
    """How old the data are."""
    said = run.record["inputs"][0]["data_date"]
    if run.summary["synthetic"]:
        return []
    try:
        date = datetime.fromisoformat(str(said).replace("Z", "+00:00"))
    except ValueError:
        return [_own("check.undated", 1)]
    date = date if date.tzinfo else date.replace(tzinfo=UTC)
    days = (today - date).days
    numbers = doctor().numbers
    if days <= numbers["stale_info_days"]:
        return []
    severity = "warning" if days > numbers["stale_warning_days"] else "info"
    return [_own("check.stale", 1, detail=f"data of {date:%Y-%m-%d}: {days:,} days old", severity=severity)]


def _places(run: Run, troubles: Iterable[Trouble]) -> gpd.GeoDataFrame:
    """Where the ids of the report lie: a point for each that the tables know."""
    known: dict[str, shapely.Geometry] = {}
    for table, column in ((run.edges, "way"), (run.nodes, "node"), (run.facilities, "facility"), (run.buildings, "building")):
        names = table[column].astype(str).to_numpy()
        if column in {"way", "node"}:
            names = np.char.add(f"{column}/", names.astype(str))
        known.update(zip(names.tolist(), table.geometry.to_numpy(), strict=True))
    rows = [(t.severity, t.code, one, known[one]) for t in troubles for one in t.ids if one in known]
    shapes = shapely.point_on_surface(np.asarray([row[3] for row in rows], dtype=object)) if rows else np.empty(0, dtype=object)
    columns = {name: [row[number] for row in rows] for number, name in enumerate(("severity", "code", "id"))}
    return gpd.GeoDataFrame(pd.DataFrame(columns, dtype="str"), geometry=shapes, crs="EPSG:4326")
