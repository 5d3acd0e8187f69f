"""A study: the stages in order, the run that they give, its record.

Takes: a source, a standard, a walker.   Gives: a `Run`, in memory and as a folder.
Never: does a stage's work itself.
"""

from __future__ import annotations

import gc
import platform
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from circle import access, folder, gaps, linkage, network, referee, routes, rules, schema, sources
from circle.errors import Findings, PlaceError, RuleError
from circle.standards import DEFAULT, Standard
from circle.standards import load as load_standard
from circle.units import minutes

if TYPE_CHECKING:
    from circle.publish.frame import Page

ATTRIBUTION = "© OpenStreetMap contributors, ODbL 1.0"
VERSIONS = ("circle", "geopandas", "shapely", "numpy", "pandas", "scipy", "osmium", "pyarrow", "networkx")
SEED = 20220617  # the day of the report; the same sample every time

Say = Callable[[str, int | None], None]


@dataclass(frozen=True, slots=True)
class Study:
    """One run's settings: `source` (file), `standard`, `walker`."""

    source: Path
    standard: Standard
    walker: rules.Walker

    @classmethod
    def of(cls, source: str | Path, standard: str | Path | Standard = DEFAULT, walker: str | None = None) -> Study:
        """From names: a shipped standard or a planner's file, and a walker (the standard's own where none is given).

        Raises
        ------
        RuleError
            There is no such standard or walker, or its file says something impossible.
        """
        chosen = standard if isinstance(standard, Standard) else load_standard(standard)
        walkers = rules.walkers()
        name = walker or chosen.walker
        if name not in walkers:
            raise RuleError(f"There is no walker “{name}”. Choose one of: {', '.join(walkers)}.")
        return cls(Path(source), chosen, walkers[name])


@dataclass(slots=True)
class Run:
    """What a study gave: its tables (see rules/tables), `summary` and `record`; `folder` once it is saved."""

    buildings: gpd.GeoDataFrame
    facilities: gpd.GeoDataFrame
    nodes: gpd.GeoDataFrame
    edges: gpd.GeoDataFrame
    links: pd.DataFrame
    zones: gpd.GeoDataFrame
    background: gpd.GeoDataFrame
    findings: pd.DataFrame
    summary: dict[str, Any]
    record: dict[str, Any]
    folder: Path | None = None
    _page: str | None = field(default=None, repr=False)
    _routers: dict[str, routes.Router] = field(default_factory=dict, repr=False)

    @property
    def standard(self) -> Standard:
        """The standard of the run."""
        return Standard.from_dict(self.record["standard"])

    def tables(self) -> dict[str, pd.DataFrame]:
        """All tables by name."""
        return {name: getattr(self, name) for name in (*folder.GEO_TABLES, *folder.PLAIN_TABLES)}

    def save(self, out: str | Path, *, published: bool = True, say: Say | None = None) -> Run:
        """Write the run's folder, whole or not at all; with `published`, also page, workbook and layers.

        Raises
        ------
        OutputError
            The folder cannot be written; what was there is untouched.
        """
        target = Path(out)
        clock = _Clock(self.record["seconds"], say)
        with folder.whole(target) as partial:
            with clock.stage("tables"):
                folder.write_tables(partial, self.tables())
                folder.write_record(partial, "summary", self.summary)
                folder.write_record(partial, "run", self.record)
            if published:
                _publish(partial, clock)
            folder.write_record(partial, "run", self.record)
        self.folder = target
        return self

    def map(self) -> Page:
        """The published page; it shows itself as the last line of a notebook's cell."""
        from circle.publish import page  # noqa: PLC0415 - Folium takes half a second to import, and tables do not need it
        from circle.publish.frame import Page as Shown  # noqa: PLC0415

        if self._page is None:
            if self.folder is not None:
                self._page = page.html(self.folder)
            else:
                with tempfile.TemporaryDirectory() as place:
                    folder.write_tables(Path(place), self.tables())
                    folder.write_record(Path(place), "summary", self.summary)
                    folder.write_record(Path(place), "run", self.record)
                    self._page = page.html(Path(place))
        return Shown(self._page)

    def route(self, building: str, service: str) -> routes.Route:
        """The walk from a building to its nearest facility of a service, leg by leg; its seconds are the minutes of the run.

        Raises
        ------
        RuleError
            The run's standard has no such service.
        PlaceError
            There is no such building in the run, or it is tied to no path.
        """
        services = [limit.service for limit in self.standard.services]
        if service not in services:
            raise RuleError(f"There is no service “{service}” in this run. It has: {', '.join(services)}.")
        if service not in self._routers:
            speed = float(self.record["walker"]["speed_m_per_s"])
            self._routers[service] = routes.Router(self.nodes, self.edges, self.links, self.facilities, service, speed)
        try:
            return self._routers[service].route(building)
        except KeyError as trouble:
            raise PlaceError(f"{trouble.args[0]}. Ids look like way/123; see the column `building`.") from trouble

    def _repr_html_(self) -> str:
        return self.map()._repr_html_()

    def to_networkx(self) -> Any:
        """The walking network as a networkx MultiDiGraph with `seconds` and `length_m` on its arcs."""
        return access.to_networkx(self.edges)


def open_run(path: str | Path) -> Run:
    """Read a saved run.

    Raises
    ------
    SourceError
        The folder is not a run's, or a file in it cannot be read.
    """
    place = Path(path)
    records = {name: folder.read_record(place, name) for name in folder.RECORDS}
    tables: dict[str, Any] = {name: folder.read_table(place, name) for name in (*folder.GEO_TABLES, *folder.PLAIN_TABLES)}
    return Run(**tables, summary=records["summary"], record=records["run"], folder=place)


def run(source: str | Path, standard: str | Path | Standard = DEFAULT, walker: str | None = None, *, say: Say | None = None) -> Run:
    """Read a file, model the walk, and judge every building.

    Parameters
    ----------
    source
        An OpenStreetMap file.
    standard, walker
        Names, or a planner's own standard file.
    say
        Called with a stage's name and, while a file is read, the number of objects seen.

    Raises
    ------
    SourceError, PlaceError, NetworkError, RuleError
        The source or the settings cannot be used; the message says what to do.

    Examples
    --------
    >>> run("data/kuangshan/kuangshan.osm.pbf").summary["counts"]["buildings"] > 100   # doctest: +SKIP
    True
    """
    return perform(Study.of(source, standard, walker), say=say)


def perform(study: Study, *, say: Say | None = None) -> Run:
    """Run a study: sources → network → linkage → access → gaps, then the referee."""
    clock = _Clock({}, say)
    services = [limit.service for limit in study.standard.services]
    speed = study.walker.speed_m_per_s
    with _quick():
        with clock.stage("sources"):
            place = sources.read(study.source, services, progress=(lambda seen: say("sources", seen)) if say else None)
        findings = place.findings
        with clock.stage("network"):
            net = network.build(place.ways, place.vertices, place.plane, study.walker, findings)
            graph = access.Graph.of(net.edges, net.nodes)
        with clock.stage("linkage"):
            outlines = linkage.project(place.buildings.geometry.to_numpy(), net)
            doors = linkage.project(place.doors.geometry.to_numpy(), net)
            starts, _ = linkage.starts(outlines, doors[place.doors["home"].to_numpy(dtype=bool)])
            mine = linkage.link(starts, net)
            goals, _ = linkage.starts(
                linkage.project(place.facilities.geometry.to_numpy(), net), doors[place.doors["visit"].to_numpy(dtype=bool)]
            )
            theirs = linkage.link(goals, net, every=True)
            _link_findings(place, mine, theirs, findings)
        buildings = _judged(study, place, graph, (mine, theirs), (_setting(place, net, starts, mine), goals), clock)
        with clock.stage("gaps"):
            zones = gaps.coverage(buildings, place.zones, shapely.box(*place.extent), study.standard)
        with clock.stage("tables"):
            tied = [("building", mine, buildings["building"].tolist()), ("facility", theirs, place.facilities["facility"].tolist())]
            links = linkage.table(tied, net)
            edges, nodes = net.edge_table(), net.node_table()
        with clock.stage("check"):
            rule = rules.settings("check")
            tables = referee.Tables(buildings, place.facilities, edges, links)
            checked = referee.check(tables, tuple(services), speed, sample=int(rule["sample"]), seed=SEED)
    made = Run(
        buildings=buildings,
        facilities=place.facilities,
        nodes=nodes,
        edges=edges,
        links=links,
        zones=zones,
        background=place.background,
        findings=_finding_table(findings),
        summary=_summary(buildings, place, net, study.standard),
        record=_record(study, place, buildings, net, checked, clock.seconds),
    )
    layers = tuple(layer for layer in dict.fromkeys(place.zones["layer"]) if layer != "compound")
    for name, table in made.tables().items():
        schema.check(table, name, services, layers)
    return made


def _judged(
    study: Study,
    place: sources.Place,
    graph: access.Graph,
    links: tuple[linkage.Links, linkage.Links],
    where: tuple[gaps.Setting, np.ndarray],
    clock: _Clock,
) -> gpd.GeoDataFrame:
    """The buildings with their minutes and verdicts, service by service; `links` and `where` are of buildings and of facilities."""
    mine, theirs = links
    setting, goals = where
    speed = study.walker.speed_m_per_s
    columns: list[pd.DataFrame] = []
    for limit in study.standard.services:
        rows = np.flatnonzero((place.facilities["service"] == limit.service).to_numpy())
        if not len(rows):
            place.findings.add("sources.no_facility", "", limit.service)
        with clock.stage("access"):
            offered = _only(theirs, rows)
            reach = access.search(graph, offered, len(rows), speed)
            walk = access.measure(graph, mine, len(place.buildings), offered, reach, speed)
        with clock.stage("gaps"):
            columns.append(_walks(limit.service, walk, place.facilities["facility"].to_numpy()[rows], mine))
            columns.append(gaps.judge(limit, walk, goals[rows], setting, speed))
    buildings = pd.concat([place.buildings, *columns], axis=1)
    buildings = pd.concat([buildings, gaps.worst(buildings, study.standard)], axis=1)
    return gpd.GeoDataFrame(buildings[_order(buildings, study.standard)], geometry="geometry", crs="EPSG:4326")


@contextmanager
def _quick() -> Iterator[None]:
    """Without the cyclic garbage collector: tables hold millions of objects and no cycles, and looking for some costs more than a stage."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


class _Clock:
    """Seconds per stage, and a word to whoever watches."""

    def __init__(self, seconds: dict[str, float], say: Say | None) -> None:
        self.seconds = seconds
        self.say = say

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        if self.say is not None:
            self.say(name, None)
        start = time.perf_counter()
        yield
        self.seconds[name] = round(self.seconds.get(name, 0.0) + time.perf_counter() - start, 4)


def _only(links: linkage.Links, rows: np.ndarray) -> linkage.Links:
    """Links of some shapes, renumbered to their place among those."""
    place = np.full(int(links.row.max()) + 1 if len(links) else 0, -1, dtype=np.intp)
    rows = rows[rows < len(place)]
    place[rows] = np.arange(len(rows))
    kept = links.take(place[links.row] >= 0)
    return replace(kept, row=place[kept.row])


def _setting(place: sources.Place, net: network.Network, starts: np.ndarray, links: linkage.Links) -> gaps.Setting:
    west, south, east, north = shapely.bounds(starts).T
    (low_x, high_x), (low_y, high_y) = net.plane.forward(np.asarray(place.extent[0::2]), np.asarray(place.extent[1::2]))
    units = net.plane.units_per_metre((south + north) / 2)
    edge = np.minimum.reduce([west - low_x, south - low_y, high_x - east, high_y - north]) / units
    linked = np.zeros(len(starts), dtype=bool)
    linked[links.row] = True
    island = np.zeros(len(starts), dtype=bool)
    island[links.row[links.flag == linkage.FLAGS.index("island")]] = True
    return gaps.Setting(starts, units, np.maximum(edge, 0.0), linked, island)


def _walks(service: str, walk: access.Access, ids: np.ndarray, links: linkage.Links) -> pd.DataFrame:
    """`minutes_S`, `facility_S`, `leg_m_S` of every building."""
    leg = np.full(len(walk.seconds), np.inf)
    taken = walk.link >= 0
    leg[taken] = links.leg_m[walk.link[taken]]
    return pd.DataFrame(
        {
            f"minutes_{service}": minutes(walk.seconds),
            f"facility_{service}": schema.coded(np.where(walk.facility >= 0, walk.facility, len(ids)), [*ids, ""]),
            f"leg_m_{service}": leg,
        }
    )


def _link_findings(place: sources.Place, mine: linkage.Links, theirs: linkage.Links, findings: Findings) -> None:
    ids = place.buildings["building"].to_numpy()
    far = linkage.FLAGS.index("far")
    first = mine.rank == 0
    for code, rows in (
        ("linkage.unlinked", np.setdiff1d(np.arange(len(ids)), mine.row)),
        ("linkage.far", mine.row[first & (mine.flag == far)]),
        ("linkage.island", mine.row[first & (mine.flag == linkage.FLAGS.index("island"))]),
    ):
        findings.extend(code, ids[rows])
    facilities = place.facilities["facility"].to_numpy()
    findings.extend("linkage.unlinked", facilities[np.setdiff1d(np.arange(len(facilities)), theirs.row)], "a facility")


def _finding_table(findings: Findings) -> pd.DataFrame:
    ordered = sorted(findings, key=lambda f: (f.code, f.id, f.detail))  # the same, however many processes read the file
    return pd.DataFrame(
        {
            "code": pd.Categorical([f.code for f in ordered]),
            "stage": pd.Categorical([f.stage for f in ordered]),
            "id": pd.Series([f.id for f in ordered], dtype="str"),
            "detail": pd.Series([f.detail for f in ordered], dtype="str"),
        }
    )


def _publish(place: Path, clock: _Clock) -> None:
    """Page, workbook and layers of the tables in a folder."""
    from circle.publish import layers, page, workbook  # noqa: PLC0415 - a run without them need not wait for Folium

    for name, write in (("page", page.build), ("workbook", workbook.write), ("layers", layers.write)):
        with clock.stage(name):
            write(place)


def _order(buildings: pd.DataFrame, standard: Standard) -> list[str]:
    """Columns of `buildings` in the order of the declaration, those of one service together."""
    layers = [name.removeprefix("zone_") for name in map(str, buildings.columns) if name.startswith("zone_")]
    declared = schema.expand("buildings", [limit.service for limit in standard.services], layers)
    return [*(column.name for column in declared if column.name != "geometry"), "geometry"]


def _summary(buildings: pd.DataFrame, place: sources.Place, net: network.Network, standard: Standard) -> dict[str, Any]:
    offered = place.facilities["service"].value_counts()
    return {
        "counts": {
            "buildings": len(buildings),
            "residential": int(buildings["residential"].sum()),
            "residential_by": {str(k): int(v) for k, v in buildings["residential_by"].value_counts(sort=False).items()},
            "households": float(buildings["households"].sum()),
            "facilities": {limit.service: int(offered.get(limit.service, 0)) for limit in standard.services},
            "nodes": len(net.nodes),
            "edges": len(net.edges),
        },
        "extent": list(place.extent),
        "extent_from": place.extent_from,
        "synthetic": place.synthetic,
        "shares": gaps.shares(buildings, standard),
        **gaps.counts(buildings, standard),
        "findings": place.findings.counts(),
    }


def _record(
    study: Study, place: sources.Place, buildings: pd.DataFrame, net: network.Network, checked: referee.Check, seconds: dict[str, float]
) -> dict[str, Any]:
    return {
        "circle": _version("circle"),
        "standard": study.standard.as_dict(),
        "walker": study.walker.as_dict(),
        "inputs": [
            {
                "file": study.source.name,
                "bytes": study.source.stat().st_size,
                "sha256": sources.digest(study.source),
                "data_date": place.data_date,
                "synthetic": place.synthetic,
            }
        ],
        "settings": {section: dict(rules.settings(section)) for section in ("linkage", "households", "dedupe", "gaps")},
        "versions": {"python": platform.python_version(), **{name: _version(name) for name in VERSIONS}},
        "counts": {"buildings": len(buildings), "facilities": len(place.facilities), "nodes": len(net.nodes), "edges": len(net.edges)},
        "seconds": seconds,
        "check": {"sample": checked.sample, "worst_difference_s": checked.worst_difference_s},
        "attribution": ATTRIBUTION,
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"
