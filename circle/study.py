"""A study: the stages in order.

Takes: a source, a standard, a walker, options.   Gives: a `Run`.
Never: does a stage's work itself.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from threading import Thread
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from circle import access, gaps, judging, kernels, linkage, network, reasons, referee, rules, schema, sight, sources, study_file, summary
from circle.chunks import give_back
from circle.clock import Clock, Say
from circle.errors import Findings, RuleError, SourceError
from circle.kernels.cells import around
from circle.options import Options
from circle.result import Run, open_run
from circle.rules.loading import suggest
from circle.scenario import load as load_scenario
from circle.sources import elevation, layers, privacy, snapshot
from circle.standards import DEFAULT, Standard
from circle.standards import load as load_standard

Tied = tuple[np.ndarray, linkage.Links]  # shapes on the plane, and their links
_OF_THE_COMMAND = ("out", "no_map", "quiet")  # what `circle run` writes and prints; a run in Python does neither
SEED = 20220617  # the day of the report; the same sample every time


@dataclass(frozen=True, slots=True)
class Study:
    """One run's settings: `source` (file), `standard`, `walker`, and all `options` as they were said."""

    source: Path
    standard: Standard
    walker: rules.Walker
    options: Options = field(default_factory=Options)

    @classmethod
    def of(
        cls, source: str | Path, standard: str | Path | Standard | None = None, walker: str | None = None, *, options: Options | None = None
    ) -> Study:
        """From names: a shipped standard or a planner's file, and a walker (the standard's own where none is given).

        `standard` and `walker` go before those of `options`.

        Raises
        ------
        RuleError
            There is no such standard or walker, or its file says something impossible.
        SourceError
            An option speaks of a table, and none is given.
        """
        said = options or Options()
        layers.refuse_idle(_layers(said))
        standard = said.standard if standard is None else standard
        chosen = standard if isinstance(standard, Standard) else load_standard(standard)
        name = walker or said.walker or chosen.walker
        return cls(Path(source), chosen, rules.walker(name), replace(said, standard=chosen.name, walker=name))


def run(
    source: str | Path,
    standard: str | Path | Standard | None = None,
    walker: str | Path | None = None,
    *,
    say: Say | None = None,
    **options: Any,
) -> Run:
    """Read a map, measure the walk from every building to every service, and judge it.

    Nothing is written: `Run.save` does that.

    Parameters
    ----------
    source
        An OpenStreetMap file, a snapshot that `circle fetch` wrote, or a `study.toml`; with `scenario=`, also the folder of a saved run.
    standard, walker
        Names, or a planner's own files. By default those of the study file, else `five-minute` and the walker that the standard names.
    say
        Called with a stage's name and, while a file is read, the number of objects seen.
    options
        Any other option of `circle run` by its name: `buildings`, `facilities`, `facilities_mode`, `zones`, `gates`, `boundary`, `crs`,
        `column`, `population`, `population_unit`, `elevation`, `public`, `scenario` (see `circle.options.Options`). They go before what a
        study file says.

    Raises
    ------
    SourceError, PlaceError, NetworkError, RuleError
        The source or the settings cannot be used; the message says what to do.

    Examples
    --------
    >>> run("data/kuangshan/kuangshan.osm.pbf").summary["counts"]["buildings"] > 100   # doctest: +SKIP
    True
    >>> run("place.osm.pbf", walker="elderly", zones="grids.csv", crs="GCJ-02")   # doctest: +SKIP
    """
    for name in options:
        if name in _OF_THE_COMMAND:
            raise RuleError(f"circle.run takes no {name}: it writes and prints nothing. Save the run with run.save(FOLDER, published=…).")
        if name not in Options.__slots__:
            raise RuleError(
                f"circle.run has no option “{name}”; {suggest(name, [each for each in Options.__slots__ if each not in _OF_THE_COMMAND])}."
            )
    chosen = Options(**options)
    place = Path(source)
    if study_file.is_study(place):
        file = study_file.read(place)
        place, chosen = file.source, study_file.over(file.options, chosen, options)
    return perform(Study.of(place, standard, None if walker is None else str(walker), options=chosen), say=say)


def perform(study: Study, *, say: Say | None = None) -> Run:
    """Run a study: sources → network → linkage → access → gaps, then the referee; a scenario changes what comes out.

    Where the source is the folder of a saved run, only the scenario's part of it is computed.
    """
    scenario = None if study.options.scenario is None else load_scenario(study.options.scenario)  # refused before the work begins
    if scenario is not None and scenario.empty:
        raise RuleError(
            f"{study.options.scenario}: the scenario changes nothing. Say what does: [[station]], [[open]], [[passage]] and so on."
        )
    if study.options.elevation is not None:
        elevation.ready(Path(study.options.elevation))
    made = _saved(study) if study.source.is_dir() else _whole(study, say)
    if scenario is None:
        return made
    with _quick():
        return made.with_scenario(scenario, say=say)


def _saved(study: Study) -> Run:
    """The saved run that a scenario is to change."""
    if not (study.source / "run.json").is_file():
        raise SourceError(
            f"{study.source} is a folder, and none that a run wrote: it holds no run.json. Name the OSM file in it, "
            "or with --scenario the folder that `circle run … -o` wrote."
        )
    made = open_run(study.source)
    if study.options.scenario is None:
        raise RuleError(f"{study.source} is a run already. Say with --scenario what to change in it, or name an OpenStreetMap file.")
    said = (
        (study.standard.name, DEFAULT, made.standard.name),
        (study.walker.name, study.standard.walker, str(made.record["walker"]["name"])),
    )
    for asked, default, saved in said:
        if asked not in (default, saved):
            raise RuleError(f"{study.source} was run with {saved}, not {asked}. Leave --standard and --walker out, or run the source anew.")
    return made


def _whole(study: Study, say: Say | None) -> Run:
    """The stages in order."""
    clock = Clock({}, say)
    if say is not None and not kernels.kept(around):
        say("compiling", None)
    services = [limit.service for limit in study.standard.services]
    with _quick(), ThreadPoolExecutor(1) as beside:  # what nobody waits for yet is done on the other core
        with clock.stage("sources"):
            Thread(target=access.import_networkx, daemon=True).start()
            place, own = _read(study, services, say)
            give_back()
        with clock.stage("network"):
            drawn = beside.submit(_on_plane, place)
            net = _network(study, place)
            ground = drawn.result()
        buildings, links = _walked(study, (place, net, *ground), clock, beside)
        del ground, drawn
        give_back()
        told = beside.submit(lambda: (net.edge_table(), net.node_table()))
        with clock.stage("gaps"):
            zones = gaps.coverage(buildings, place.zones, own.boundary or shapely.box(*place.extent), study.standard)
        with clock.stage("tables"):
            edges, nodes = told.result()
        with clock.stage("check"):
            rule = rules.settings("check")
            tables = referee.Tables(buildings, place.facilities, edges, links)
            checked = referee.check(tables, tuple(services), study.walker.speed_m_per_s, sample=int(rule["sample"]), seed=SEED)
    counts = {"buildings": len(buildings), "facilities": len(place.facilities), "nodes": len(nodes), "edges": len(edges)}
    record = summary.record(study.source, study.standard, study.walker, place, counts, checked)
    if study.options.elevation is not None:
        record["inputs"].append(summary.file_row(study.options.elevation))
    made = Run(
        buildings=privacy.withheld(own.place.buildings, buildings) if study.options.public else buildings,
        facilities=place.facilities,
        nodes=nodes,
        edges=edges,
        links=links,
        zones=zones,
        background=place.background,
        doors=place.doors,
        barriers=place.enclosure.barriers,
        gates=place.enclosure.gates,
        compounds=place.enclosure.compounds,
        findings=summary.finding_table(place.findings),
        summary=summary.summary(buildings, place, net, study.standard),
        record={**_with_layers(record, own, study.options), "options": _said(study.options), "seconds": clock.seconds},
    )
    zone_layers = tuple(layer for layer in dict.fromkeys(place.zones["layer"]) if layer != "compound")
    for name, table in made.tables().items():
        schema.check(table, name, services, zone_layers)
    return made


Ground = tuple[sources.Place, network.Network, np.ndarray, sight.Obstacles]  # the last two: buildings on the plane, what bars the way


def _on_plane(place: sources.Place) -> tuple[np.ndarray, sight.Obstacles]:
    """Buildings on the plane, and what no leg crosses."""
    outlines = place.plane.project(place.buildings.geometry.to_numpy())
    return outlines, sight.Obstacles(place.plane.project(place.enclosure.barriers.geometry.to_numpy()), outlines)


def _walked(study: Study, ground: Ground, clock: Clock, beside: Executor) -> tuple[gpd.GeoDataFrame, pd.DataFrame]:
    """The buildings with their minutes and verdicts, and the links that walks begin and end with; what this takes is let go of after it."""
    place, net, outlines, obstacles = ground
    with clock.stage("linkage"):
        graph = access.Graph.of(net.edges, net.nodes)
        missed = beside.submit(_near_misses, place, net, outlines)
        homes, offers = _tied(place, net, outlines)
        network.tell_near_misses(missed.result(), place.findings)
    with clock.stage("sight"):
        barred = beside.submit(reasons.Openings, place.enclosure.barriers, net, outlines)
        seen, theirs = _looked(place, net, obstacles, homes, offers)
        starts, mine, goals = homes[0], seen.links, offers[0]
        _link_findings(place, seen, theirs, place.findings)
        openings = barred.result()
    setting = judging.setting(place.extent, (net.x, net.y) if place.extent_from == "data" else None, net.plane, starts, mine)
    case = judging.Case(place.facilities, graph, mine, theirs, setting, goals, study.walker.speed_m_per_s, seen, openings)
    columns = judging.columns(case, study.standard.services, place.findings, clock)
    del case, barred, openings, graph  # as large as the tables that come now
    give_back()
    with clock.stage("tables"):
        return judging.judged(place.buildings, columns, study.standard), _link_table(place, net, seen, theirs)


def _read(study: Study, services: list[str], say: Say | None) -> tuple[sources.Place, layers.Enriched]:
    """The place to compute with, and what the planner's own layers made of it; for a public run the first is blurred, the second is not."""
    place = sources.read(study.source, services, progress=(lambda seen: say("sources", seen)) if say else None)
    own = layers.enrich(place, _asked(study), services)
    if study.options.public:
        return replace(own.place, buildings=privacy.blurred(own.place.buildings)), own
    return own.place, own


def _network(study: Study, place: sources.Place) -> network.Network:
    """The network of a place as this study's walker finds it: with his waits, and with slopes where an elevation raster is given."""
    heights = None
    if study.options.elevation is not None:
        heights = elevation.read(Path(study.options.elevation), place.extent).heights
    return network.build(
        place.ways, place.vertices, place.plane, study.walker, place.findings, place.enclosure, stops=place.stops, heights=heights
    )


def _layers(options: Options) -> layers.Layers:
    return layers.Layers(**{each.name: getattr(options, each.name) for each in fields(layers.Layers)})


def _asked(study: Study) -> layers.Layers:
    """The planner's layers; where he says no boundary, a fetched place has the one that was asked for, without the rim around it."""
    said = _layers(study.options)
    asked = snapshot.asked_for(study.source)
    if said.boundary is not None or asked is None:
        return said
    return replace(said, boundary=asked, crs=(*said.crs, f"{study.source.name}=WGS-84"))


def _with_layers(record: dict[str, Any], own: layers.Enriched, options: Options) -> dict[str, Any]:
    """The record with the planner's own files and what was understood of them."""
    inputs = [{**summary.file_row(path), "data_date": None, "synthetic": False} for path in _layers(options).files()]
    out = {**record, "inputs": [*record["inputs"], *inputs], "layers": own.understood, "understood": own.sentences}
    if options.public:
        out["public"] = {"least": privacy.LEAST, "counted_as": privacy.COUNTED_AS}
        out["attribution"] = f"{record['attribution']} · {privacy.NOTE}"
    return out


def _said(options: Options) -> dict[str, Any]:
    """Options as a run records them: what was said, without where the answer goes."""
    told = {name: value for name, value in asdict(options).items() if name not in ("out", "quiet")}
    return {name: str(value) if isinstance(value, Path) else value for name, value in told.items()}


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


def _near_misses(place: sources.Place, net: network.Network, outlines: np.ndarray) -> pd.DataFrame:
    """Loose ends that nearly meet another path, and whether a wall or a building stands between."""
    fences = place.enclosure.barriers["kind"].isin(rules.enclosing_kinds()).to_numpy()
    walls = net.plane.project(place.enclosure.barriers.geometry.to_numpy()[fences])
    return pd.DataFrame(network.near_misses(net, walls=walls, buildings=outlines))


def _tied(place: sources.Place, net: network.Network, outlines: np.ndarray) -> tuple[Tied, Tied]:
    """Where walks start and end, on the plane, each with its links: buildings, and facilities."""
    doors = net.plane.project(place.doors.geometry.to_numpy())
    starts, _ = linkage.starts(outlines, doors[place.doors["home"].to_numpy(dtype=bool)])
    offered = net.plane.project(place.facilities.geometry.to_numpy())
    goals, _ = linkage.starts(offered, doors[place.doors["visit"].to_numpy(dtype=bool)])
    return (starts, linkage.link(starts, net)), (goals, linkage.link(goals, net, every=True))


def _link_table(place: sources.Place, net: network.Network, seen: sight.Seen, theirs: linkage.Links) -> pd.DataFrame:
    """Links as a run saves them; those of facilities were all tested before."""
    mine, tested = seen.whole()
    links = linkage.table([("building", mine, place.buildings["building"]), ("facility", theirs, place.facilities["facility"])], net)
    return links.assign(seen=np.r_[tested, np.ones(len(links) - len(tested), dtype=bool)])


def _looked(
    place: sources.Place, net: network.Network, obstacles: sight.Obstacles, homes: Tied, offers: Tied
) -> tuple[sight.Seen, linkage.Links]:
    """Links of buildings, and of facilities, as one sees them from their doors: `homes` and `offers` are shapes and their links."""
    seen = sight.look(*homes, net, obstacles, np.arange(len(place.buildings)))
    return seen, sight.look(*offers, net, obstacles, _rows_of(place), every=True).saved()[0]


def _rows_of(place: sources.Place) -> np.ndarray:
    """Row of the building that each facility is, or −1."""
    houses = pd.Index(place.buildings["building"])
    return np.asarray(houses.get_indexer(pd.Index(place.facilities["facility"].astype(houses.dtype))), dtype=np.intp)


def _link_findings(place: sources.Place, seen: sight.Seen, theirs: linkage.Links, findings: Findings) -> None:
    mine = seen.links
    ids = place.buildings["building"].to_numpy()
    far = linkage.FLAGS.index("far")
    taken = np.flatnonzero(seen.state != sight.CROSSING)
    first = np.zeros(len(mine), dtype=bool)
    first[taken[linkage.ranks(mine.row[taken]) == 0]] = True  # the nearest that may be taken
    for code, rows in (
        ("linkage.unlinked", _untied(len(ids), mine)),
        ("linkage.crossing", mine.row[first & (seen.state == sight.ALLOWED)]),
        ("linkage.far", mine.row[first & (mine.flag == far)]),
        ("linkage.island", mine.row[first & (mine.flag == linkage.FLAGS.index("island"))]),
    ):
        findings.extend(code, ids[rows])
    facilities = place.facilities["facility"].to_numpy()
    findings.extend("linkage.unlinked", facilities[_untied(len(facilities), theirs)], "a facility")


def _untied(count: int, links: linkage.Links) -> np.ndarray:
    """Rows of the shapes that have no link."""
    tied = np.zeros(count, dtype=bool)
    tied[links.row] = True
    return np.flatnonzero(~tied)
