"""The planner's own layers, brought into a place: buildings, facilities, zones, gates, boundary, persons.

Takes: a `Place` as the map gives it, the planner's words (`Layers`).   Gives: the place enriched, and what was understood.
Never: reads a column that was not asked for, or lets a coordinate pass that may be hundreds of metres off.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from circle import schema
from circle.errors import Findings, PlaceError, SourceError
from circle.rules import columns as words
from circle.sources import columns, drawn, ledger, offers, population, spreadsheets, zoning
from circle.sources.barriers import overruled
from circle.sources.crs_guess import Ground
from circle.sources.located import Located, Words, located, opened, refuse_unplaced

if TYPE_CHECKING:
    from circle.sources import Place


@dataclass(frozen=True, slots=True)
class Layers:
    """Files of the planner's (each FILE or FILE:layer), and what he says about them, as on the command line."""

    buildings: tuple[str, ...] = ()
    facilities: tuple[str, ...] = ()
    zones: tuple[str, ...] = ()
    gates: tuple[str, ...] = ()
    boundary: str | None = None
    crs: tuple[str, ...] = ()
    column: tuple[str, ...] = ()
    facilities_mode: tuple[str, ...] = ()
    population: str | None = None
    population_unit: str | None = None

    def files(self) -> list[Path]:
        """Every file, once, in the order of the options."""
        specs = [*self.buildings, *self.facilities, *self.zones, *self.gates, *filter(None, [self.boundary, self.population])]
        return list(dict.fromkeys(spreadsheets.split(spec)[0] for spec in specs))


@dataclass(slots=True)
class Enriched:
    """A place with the planner's layers in it; `gates` by id, `boundary`, and for each file what was made of it."""

    place: Place
    gates: dict[str, str] = field(default_factory=dict)
    boundary: shapely.Geometry | None = None
    understood: list[dict[str, Any]] = field(default_factory=list)
    sentences: list[str] = field(default_factory=list)

    def told(self, use: str, table: Located) -> None:
        """Keep what was understood of a table."""
        self.understood.append({"file": table.label, "use": use, "crs": table.crs, **table.reading.as_dict()})
        self.sentences.append(f"{table.reading.sentence()}{f'; read as {table.crs[:40]}' if table.crs else ''}")


def enrich(place: Place, layers: Layers, services: Collection[str]) -> Enriched:
    """Bring the planner's layers into a place, in this order: zones, buildings, persons, facilities, gates, boundary.

    Raises
    ------
    SourceError, PlaceError, RuleError
        A file cannot be read, is not understood, or may be in another coordinate system; the message says what to add.
    """
    if "elderly" not in place.buildings:
        place = replace(place, buildings=place.buildings.assign(elderly=np.nan))
    out = Enriched(place)
    mode = offers.modes(layers.facilities_mode, services)
    said = Words.of(layers.crs, layers.column)
    if not layers.files():
        return out
    ground = ground_of(place)
    _unknown_files(layers)
    for spec in layers.zones:
        _zones(out, spec, said, ground)
    for spec in layers.buildings:
        _buildings(out, spec, said, ground)
    if layers.population is not None:
        table, about = population.spread(out.place.buildings, layers.population, layers.population_unit, said, ground, place.findings)
        out.place = replace(out.place, buildings=table)
        out.understood.append({"file": layers.population, "use": "population", **about})
        out.sentences.append(
            f"{layers.population}: {about['persons']:,} persons in {about['cells']:,} cells, given to {about['buildings']:,} buildings"
        )
    for spec in layers.facilities:
        _facilities(out, spec, mode, services, (said, ground))
    out.gates, readings = passages(layers, place.findings)
    if out.gates:
        known = set(place.enclosure.gates["gate"])
        place.findings.extend("tables.no_such_gate", [gate for gate in out.gates if gate not in known])
        out.gates = {gate: passage for gate, passage in out.gates.items() if gate in known}
        enclosure = out.place.enclosure
        out.place = replace(out.place, enclosure=replace(enclosure, gates=overruled(enclosure.gates, out.gates)))
    for reading in readings:
        out.understood.append({"file": reading.sheet.label, "use": "gates", "crs": "", **reading.as_dict()})
        out.sentences.append(reading.sentence())
    if layers.boundary is not None:
        _boundary(out, layers.boundary, said, ground)
    return out


def ground_of(place: Place) -> Ground:
    """What the map knows of a place, to test coordinates against."""
    vertices, counts = place.vertices[["lon", "lat"]].to_numpy(), place.ways["count"].to_numpy()
    streets = shapely.linestrings(vertices, indices=np.repeat(np.arange(len(counts)), counts)) if len(counts) else np.empty(0, dtype=object)
    water = place.background.geometry[(place.background["kind"] == "water").to_numpy()].to_numpy()
    return Ground.of(place.plane, place.extent, (place.buildings.geometry.to_numpy(), np.asarray(streets), np.asarray(water)))


def refuse_idle(layers: Layers) -> None:
    """Refuse words about tables where no option names one that they could be about: they would be passed over in silence.

    Raises
    ------
    SourceError
        There are such words; the message says which, and what is missing.
    """
    idle = [("--facilities-mode", text, "--facilities") for text in layers.facilities_mode if not layers.facilities]
    if layers.population_unit is not None and layers.population is None:
        idle.append(("--population-unit", layers.population_unit, "--population"))
    if not layers.files():
        idle += [("--crs", text, "--buildings, --facilities or --zones") for text in layers.crs]
        idle += [("--column", text, "--buildings, --facilities or --zones") for text in layers.column]
    for option, text, needed in idle:
        raise SourceError(f"{option} {text} is about a file of yours, and none is given. Name it with {needed}, or leave {option} out.")


def _unknown_files(layers: Layers) -> None:
    """Refuse words about a file that no option names: a typing error must not be silent."""
    known = {path.name for path in layers.files()}
    for option, texts in (("--crs", layers.crs), ("--column", layers.column)):
        for text in texts:
            file = Path(text.rpartition("=")[0] if option == "--crs" else text.rpartition("=")[0].rpartition(":")[0]).name
            if file and Path(file).suffix and file not in known:
                raise SourceError(f"{option} {text}: no option names a file {file}. The files are: {', '.join(sorted(known))}.")


def _zones(out: Enriched, spec: str, said: Words, ground: Ground) -> None:
    place = out.place
    table = located(spec, "zones", zoning.WANTED, said, ground, place.findings)
    if zoning.is_map(table):
        new = zoning.polygons(table, place.findings)
        buildings, zones = zoning.assigned(place.buildings, place.zones, new)
        table.reading.used = int(np.isin(shapely.get_type_id(table.shapes), (3, 6)).sum())
    else:
        if not set(zoning.KINDS) & set(table.frame.columns):
            columns.need(table.reading, "grid", "zones are polygons, or a table that says which 小区 or building belongs to which 网格")
        found = ledger.building_rows(table, place.buildings, place.zones, ground.plane)
        shared = ledger.compound_rows(table, place.buildings, place.zones, found)
        lost = (found == ledger.NONE) & ~np.isin(np.arange(len(found)), list(shared))
        place.findings.extend("tables.unknown_building", table.rows(lost), "no building or compound of the map")
        table.reading.used = _met(found, shared)
        buildings, zones = zoning.said(place.buildings, place.zones, table, (found, shared))
    out.place = replace(place, buildings=buildings, zones=zones)
    out.told("zones", table)


def _buildings(out: Enriched, spec: str, said: Words, ground: Ground) -> None:
    place = out.place
    table = located(spec, "buildings", ledger.WANTED, said, ground, place.findings)
    frame = table.frame
    if not table.placed.any() and not {"id", "compound", "name"} & set(frame.columns):
        columns.need(table.reading, "compound", "it has neither coordinates nor ids")
    _refuse_silent(table)
    buildings = place.buildings
    found = ledger.building_rows(table, buildings, place.zones, ground.plane)
    new = drawn.added(table, found == ledger.NONE, ground, place.findings)
    if len(new):
        place.findings.extend("tables.added_building", new["building"])
        found, buildings = _with(table, found, buildings, new)
    shared = ledger.compound_rows(table, buildings, place.zones, found)
    table.reading.used = _met(found, shared)
    buildings = ledger.apply(buildings, table, found, shared, place.findings)
    buildings, zones = zoning.said(buildings, place.zones, table, (found, shared))
    order = buildings.sort_values("building", kind="stable").reset_index(drop=True)
    out.place = replace(place, buildings=gpd.GeoDataFrame(order, geometry="geometry", crs="EPSG:4326"), zones=zones)
    out.told("buildings", table)


def _refuse_silent(table: Located) -> None:
    """Refuse a ledger that names buildings and says nothing of them.

    Raises
    ------
    SourceError
        It holds no number, no zone and no outline; the message says what a ledger is for.
    """
    frame = table.frame
    says = [*ledger.SAYS, *(["compound"] if table.placed.any() or "id" in frame else [])]  # else a compound only finds the building
    if zoning.is_map(table) or any(frame[column].notna().any() for column in says if column in frame):
        return
    wanted = ", ".join(f"{words.columns()[key].label.zh} ({words.columns()[key].label.en})" for key in ledger.SAYS)
    raise SourceError(
        f"{table.label}: it names buildings and says nothing of them: none of {wanted} is filled in. "
        f"Add one, or say which column it is: --column {table.reading.sheet.path.name}:HEADER=households; where each row is a household "
        "or a person, count them for each building first. A list of facilities belongs behind --facilities."
    )


def _met(found: ledger.Ints, shared: dict[int, ledger.Ints]) -> int:
    """How many rows of a ledger mean a building, or the buildings of a compound."""
    return int((found >= 0).sum()) + len(shared)


def _with(
    table: Located, found: ledger.Ints, buildings: gpd.GeoDataFrame, new: gpd.GeoDataFrame
) -> tuple[ledger.Ints, gpd.GeoDataFrame]:  # fmt: skip
    """Buildings with new ones below, and the rows of the table that they came from."""
    zones = map(schema.zone_column, schema.zone_layers(buildings.columns))
    new = new.assign(elderly=np.nan, **dict.fromkeys(zones, ""))
    coded = [column for column in buildings if isinstance(buildings[column].dtype, pd.CategoricalDtype)]
    plain = buildings.astype(dict.fromkeys(coded, object))
    both = pd.concat([plain, new.astype({c: object for c in coded if c in new})], ignore_index=True)[list(buildings.columns)]
    for column in coded:
        known = list(buildings[column].cat.categories)
        both[column] = pd.Categorical(both[column], categories=[*known, *sorted(set(both[column]) - set(known))])
    out = found.copy()
    places = {geometry.wkb: len(buildings) + row for row, geometry in enumerate(new.geometry)}
    for row in np.flatnonzero(found == ledger.NONE):
        if table.shapes[row] is not None and table.shapes[row].wkb in places:
            out[row] = places[table.shapes[row].wkb]
    return out, gpd.GeoDataFrame(both, geometry="geometry", crs="EPSG:4326")


def _facilities(out: Enriched, spec: str, mode: dict[str, str], services: Collection[str], where: tuple[Words, Ground]) -> None:
    place, (said, ground) = out.place, where
    table = located(spec, "facilities", offers.WANTED, said, ground, place.findings)
    offers.at_buildings(table, place.buildings, place.zones, ground.plane)
    refuse_unplaced(table, "and no building that it names")
    mine = offers.apart(offers.rows(table, services, ground, place.findings), place.facilities)
    out.place = replace(place, facilities=offers.joined(mine, place.facilities, mode, ground.plane, place.findings))
    out.told("facilities", table)
    out.understood[-1]["offered"] = {str(k): int(v) for k, v in mine["service"].value_counts().sort_index().items()}


def passages(layers: Layers, findings: Findings) -> tuple[dict[str, str], list[columns.Reading]]:
    """Who may pass each gate that a table names by its id (`node/123`): `all`, `residents` or `nobody`; and what was understood."""
    said, readings = Words.of((), layers.column), []
    out: dict[str, str] = {}
    for spec in layers.gates:
        reading = columns.understand(opened(spec, "gates"), ("id", "name", "passage", "hours"), said.overrides, findings)
        ids = columns.need(reading, "id", "gates are named by their OSM id (node/123)")
        meant = [
            words.word("passage", str(text)) if text else None for text in columns.need(reading, "passage", "it must say who may pass")
        ]
        lines = reading.sheet.line.tolist()
        unclear = [f"{reading.sheet.label}:{line}" for line, word, one in zip(lines, meant, ids, strict=True) if word is None or not one]
        findings.extend("tables.odd_value", unclear, "says neither open, residents nor closed, or names no gate")
        named = [f"node/{text}" if str(text).isdigit() else str(text) for text in ids]
        out |= {one: word for one, word in zip(named, meant, strict=True) if word is not None and one != "None"}
        readings.append(reading)
    return out, readings


def _boundary(out: Enriched, spec: str, said: Words, ground: Ground) -> None:
    place = out.place
    table = located(spec, "boundary", ("id", "name"), said, ground, place.findings)
    areal = np.isin(shapely.get_type_id(table.shapes), (3, 6))
    if not areal.any():
        raise SourceError(f"{table.label}: a boundary is a polygon, and it holds none. Draw the outline as an area.")
    shape = shapely.union_all(table.shapes[areal])
    shapely.prepare(shape)
    inside = shapely.contains(shape, shapely.centroid(place.buildings.geometry.to_numpy()))
    if not inside.any():
        raise PlaceError(f"{table.label}: no building of the map lies inside this boundary. Check that it belongs to this place.")
    if not inside.all():
        place.findings.add("tables.outside_boundary", table.label, f"{(~inside).sum():,} of {len(inside):,} buildings are not counted")
    kept = place.buildings[inside].reset_index(drop=True)
    out.place = replace(place, buildings=kept)
    out.boundary = shape
    out.told("boundary", table)
