"""A run: what a study gave, in memory and as a folder.

Takes: tables, a summary and a record, made or saved.   Gives: `Run`: tables, page, routes, networkx graph; the folder.
Never: computes a minute or judges one.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import pandas as pd

from circle import access, folder, overview, rerun, routes
from circle import explain as explaining
from circle.clock import Clock, Say
from circle.compare import Comparison, Side, compare
from circle.errors import PlaceError, RuleError
from circle.publish.wording import percent
from circle.scenario import Scenario
from circle.scenario import load as load_scenario
from circle.standards import Standard

if TYPE_CHECKING:
    from circle.publish.frame import Page


@dataclass(slots=True, repr=False)
class Run:
    """What a study gave: its tables, `summary` and `record`; `folder` once it is saved.

    Every column of every table is explained in rules/tables, and on the last sheet of the workbook.

    Attributes
    ----------
    buildings
        One row per building: minutes, verdict, reason, nearest facility of each service (`minutes_shop`, `verdict_shop`, …).
    facilities
        Where walks end, one row per facility and service.
    nodes, edges, links
        The network, with seconds in each direction, and how buildings and facilities are tied to it.
    zones
        Shares by zone and service, the whole place first (`layer` is `place`).
    background, doors, barriers, gates, compounds
        What else the map holds and the answer rests on.
    findings
        What is wrong or doubtful in the data: code, stage, OSM id, detail.
    summary, record
        As in `summary.json` (shares and counts) and `run.json` (all that is needed to repeat the run).
    """

    buildings: gpd.GeoDataFrame
    facilities: gpd.GeoDataFrame
    nodes: gpd.GeoDataFrame
    edges: gpd.GeoDataFrame
    links: pd.DataFrame
    zones: gpd.GeoDataFrame
    background: gpd.GeoDataFrame
    doors: gpd.GeoDataFrame
    barriers: gpd.GeoDataFrame
    gates: gpd.GeoDataFrame
    compounds: gpd.GeoDataFrame
    findings: pd.DataFrame
    summary: dict[str, Any]
    record: dict[str, Any]
    folder: Path | None = None
    _page: str | None = field(default=None, repr=False)
    _routers: dict[str, routes.Router] = field(default_factory=dict, repr=False)

    def __repr__(self) -> str:
        """One line: tables of a city would fill the screen."""
        files = ", ".join(str(given.get("file", "")) for given in self.record.get("inputs", []))
        share = self.summary["shares"]["all"]["buildings"]["share_met"]
        told = "nothing to judge by" if share is None else f"all services in time for {percent(share)} of the homes"
        asked = f"standard {self.record['standard']['name']}, walker {self.record['walker']['name']}"
        return f"<Run of {files}: {len(self.buildings):,} buildings, {asked}; {told}>"

    @property
    def standard(self) -> Standard:
        """The standard of the run."""
        return Standard.from_dict(self.record["standard"])

    def tables(self) -> dict[str, pd.DataFrame]:
        """All tables by name."""
        return {name: getattr(self, name) for name in (*folder.GEO_TABLES, *folder.PLAIN_TABLES)}

    def shares(self) -> pd.DataFrame:
        """Shares in time by service, by buildings and by households, `all` last (see `overview.shares`)."""
        return overview.shares(self.summary, self.standard)

    def gaps(self, service: str | None = None) -> pd.DataFrame:
        """Homes that miss a service, or `service` alone, the longest excess first (see `overview.gaps`).

        Raises
        ------
        RuleError
            The run's standard has no such service.
        """
        return overview.gaps(self.tables(), self.standard, service)

    def zone_shares(self, layer: str = "compound", service: str = "all") -> pd.DataFrame:
        """Zones of a layer, the worst first (see `overview.zones`).

        Raises
        ------
        RuleError
            There is no such layer or service.
        """
        return overview.zones(self.zones, layer, service)

    def save(self, out: str | Path, *, published: bool = True, say: Say | None = None) -> Run:
        """Write the run's folder, whole or not at all; with `published`, also page, workbook and layers.

        Raises
        ------
        OutputError
            The folder cannot be written; what was there is untouched.
        """
        target = Path(out)
        clock = Clock(self.record["seconds"], say)
        with folder.whole(target) as partial:
            with clock.stage("tables"):
                folder.write_tables(partial, self.tables())
                self.record["tables"] = folder.digests(partial)
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

    def explain(self, building: str, service: str) -> explaining.Explanation:
        """Why a building has the verdict that it has for a service: the walk, the straight line beside it, the reason.

        `building` is an id, or a name or house number that only one building bears. `Explanation.lines` tells it in Chinese or English,
        `Explanation.geojson` draws it.

        Raises
        ------
        RuleError
            The run's standard has no such service.
        PlaceError
            No building is called so, or several are: they are listed.
        """
        found = explaining.find(self.buildings, building)
        linked = ((self.links["kind"] == "building") & (self.links["id"] == found)).any()
        known = service in [limit.service for limit in self.standard.services]
        route = self.route(found, service) if linked or not known else None  # an unknown service is refused there
        return explaining.explain(self.tables(), found, self.standard.limit(service), self.record["walker"], route)

    def with_scenario(self, scenario: str | Path | Scenario, *, say: Say | None = None) -> Run:
        """The run after a scenario: stations, closures, gates, passages. Only what can change is computed again; this run stays as it is.

        Parameters
        ----------
        scenario
            A scenario file (see `circle.scenario`), or a `Scenario`.

        Raises
        ------
        RuleError
            The file says something impossible.
        PlaceError
            It names a facility or gate that this run does not have, or a passage that leads nowhere.

        Examples
        --------
        >>> run.with_scenario("station.toml").summary["shares"]["clinic"]   # doctest: +SKIP
        """
        chosen = scenario if isinstance(scenario, Scenario) else load_scenario(scenario)
        after = rerun.apply(rerun.State(self.tables(), self.summary, self.record), chosen, say)
        return Run(**after.tables, summary=dict(after.summary), record=dict(after.record))

    def compare(self, other: Run, names: tuple[str, str] = ("before", "after")) -> Comparison:
        """What changed between this run and another: who gained, who lost, by building and by zone.

        Raises
        ------
        RuleError
            The two have no building or no service in common, or other limits.
        """
        sides = [Side(name, each.record, each.buildings, each.zones) for name, each in zip(names, (self, other), strict=True)]
        return compare(*sides)

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


def _publish(place: Path, clock: Clock) -> None:
    """Page, workbook and layers of the tables in a folder."""
    from circle import districts  # noqa: PLC0415 - a run without them need not wait for Folium
    from circle.publish import layers, workbook  # noqa: PLC0415

    for name, write in (("page", districts.publish), ("workbook", workbook.write), ("layers", layers.write)):
        with clock.stage(name):
            write(place)
