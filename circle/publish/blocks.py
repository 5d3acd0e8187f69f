"""The tables of a saved run as the blocks that the page reads.

Takes: a run folder.   Gives: `Saved` (its tables and records, only the columns that the page shows), and from it the base64 blocks
`meta`, `buildings`, `details`, `facilities`, `before`; what lies behind them is packed by `background.py`.
Never: computes a verdict or a share anew, writes HTML, or lets a text leave otherwise than packed.

Buildings, and facilities of each service, are packed along a curve that keeps neighbours together: what they say is then much like what
the one before them said. A building names its nearest facility by its row.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import shapely
from numpy.typing import NDArray

from circle.errors import OutputError, SchemaError
from circle.publish import pack, reading
from circle.publish.shapes import AREA, AREAS, LINE, POINT, Shapes

VERDICTS = ("met", "gap", "unreachable", "unmapped")
RESIDENTIAL_BY = ("use", "area", "assumed", "ledger")
HOUSEHOLDS_BY = ("none", "estimate", "ledger", "flats", "raster", "withheld")
WITHHELD_AS = 2.5  # households that a building counts for whose number, below five, is not published
KINDS = ("way", "relation", "node", "own")
PLANNED = "scenario"  # where a facility comes from that does not stand yet
OSM_ID = r"^(?P<kind>way|relation|node)/(?P<number>[1-9][0-9]{0,14})$"

# gzip -9 buys 1.5 % over -4 and costs many times its time: small pages get it, large ones do not
BEST_UP_TO = 50_000


@dataclass(frozen=True)
class Saved:
    """What the page takes from a run folder: tables as Arrow, records as plain dictionaries."""

    folder: Path
    run: dict[str, Any]
    summary: dict[str, Any]
    services: tuple[str, ...]
    buildings: pa.Table
    facilities: pa.Table

    @cached_property
    def outlines(self) -> Shapes:
        """Buildings' geometries, in the order of the file."""
        return reading.shapes(self.buildings)

    @cached_property
    def order(self) -> NDArray[np.intp]:
        """Rows of the file in the order of the page."""
        return pack.order(self.outlines)

    @cached_property
    def origin(self) -> tuple[int, int]:
        """North-west corner of the buildings in whole Mercator units: what all coordinates are counted from."""
        if not len(self.outlines.lon):
            return 0, 0
        x, y = pack.mercator(self.outlines.lon.min(keepdims=True), self.outlines.lat.max(keepdims=True))
        return int(x[0]), int(y[0])

    @cached_property
    def walked(self) -> Shapes:
        """Lines of all edges, in the order of the file: read once, for the network and for the names of streets."""
        return reading.shapes(reading.read_table(self.folder, "edges.parquet", ["geometry"]))

    @cached_property
    def thinned(self) -> Shapes:
        """The same with fewer points: a metre is less than a pixel up to zoom 17, and saves a large page a third of its ways' bytes."""
        return self.walked.thinned(0.000_01)

    @property
    def counted_by(self) -> dict[str, int]:
        """How many of the counted buildings are counted for which reason: use, area, assumed."""
        lived = reading.flags(self.buildings["residential"]) == 1
        by = reading.into(self.buildings["residential_by"], RESIDENTIAL_BY, "residential_by")
        return {name: int((lived & (by == k)).sum()) for k, name in enumerate(RESIDENTIAL_BY)}

    @property
    def level(self) -> int:
        """How hard gzip works."""
        return 9 if len(self.buildings) <= BEST_UP_TO else 4


def load(folder: Path) -> Saved:
    """Read what the page shows from a run folder.

    Raises
    ------
    OutputError
        `folder` is no directory.
    SourceError
        A file of the run is missing or cannot be read.
    SchemaError
        A table lacks a column.
    """
    if not folder.is_dir():
        raise OutputError(f"{folder}: no such folder. {reading.GIVE}")
    run = reading.record(folder, "run.json")
    summary = reading.record(folder, "summary.json")
    try:
        services = tuple(str(limit["service"]) for limit in run["standard"]["services"])
    except (KeyError, TypeError):
        raise SchemaError(f"{folder / 'run.json'}: key 'standard' lacks its services. {reading.AGAIN}") from None
    per_service = [f"{column}_{s}" for s in services for column in ("minutes", "facility", "verdict", "reason", "fragile", "leg_m")]
    fixed = ["building", "name", "use", "levels", "residential", "residential_by", "households", "households_by", "compound", "geometry"]
    buildings = reading.read_table(folder, "buildings.parquet", [*fixed, *per_service], ("zone_", "barrier_"))
    facilities = reading.read_table(folder, "facilities.parquet", ["facility", "service", "name", "geometry"], ("visitors", "source"))
    return Saved(folder, run, summary, services, buildings, _together(facilities))


def _together(facilities: pa.Table) -> pa.Table:
    """Put the facilities of each service along the curve."""
    along = np.empty(len(facilities), dtype=np.int64)
    along[pack.order(reading.shapes(facilities))] = np.arange(len(facilities))
    service, _ = reading.codes(facilities["service"])
    return facilities.take(pa.array(np.lexsort((along, service))))


def _ids(column: pa.Array) -> dict[str, bytes]:
    """Give the sections of ids: kind (way, relation, node, own), steps of the numbers, and the planner's own ids as text."""
    found = pc.extract_regex(column, OSM_ID)
    kind_names = pc.struct_field(found, 0)
    kind = np.asarray(pc.fill_null(pc.index_in(kind_names, value_set=pa.array(KINDS)), 3)).astype(np.int64)
    number = np.asarray(pc.fill_null(pc.cast(pc.struct_field(found, 1), pa.int64()), 0))
    own = pc.filter(column, pa.array(kind == 3)).to_pylist()
    numbers = pack.deltas(number[kind != 3])
    return {"id_kind": kind.astype(np.uint8).tobytes(), "id_number": numbers, "id_own": pack.text([str(v or "") for v in own])}


def _sparse(strings: pa.Array) -> dict[str, bytes]:
    """Give the sections of names: which rows have one, and the names."""
    strings = pc.fill_null(strings, "")
    named = np.flatnonzero(np.asarray(pc.not_equal(strings, "")))
    return {"name_at": pack.deltas(named), "name": pack.text(pc.take(strings, pa.array(named)).to_pylist())}


def buildings(saved: Saved) -> str:
    """Pack what is drawn and counted: outlines, minutes, verdict, reason and fragility of each service, who lives there."""
    table, rows = saved.buildings, saved.order
    sections = pack.areas(saved.outlines.take(rows), saved.origin)
    lived = reading.flags(table["residential"])
    by = reading.into(table["residential_by"], RESIDENTIAL_BY, "residential_by")
    counted = reading.into(table["households_by"], HOUSEHOLDS_BY, "households_by")
    sections["flags"] = (lived | by << 1 | counted << 3)[rows].astype(np.uint8).tobytes()
    homes = np.where(counted == HOUSEHOLDS_BY.index("withheld"), WITHHELD_AS, reading.numbers(table["households"]))
    sections["households"] = pack.varints(np.rint(np.clip(homes, 0, 1e9) * 10).astype(np.int64)[rows])
    reasons: dict[str, list[str]] = {}
    for limit in saved.run["standard"]["services"]:
        s = limit["service"]
        verdict = reading.into(table[f"verdict_{s}"], VERDICTS, f"verdict_{s}")
        reason, reasons[s] = reading.codes(table[f"reason_{s}"])
        state = verdict | reading.flags(table[f"fragile_{s}"]) << 2 | (reason + 1) << 3
        minutes = pack.hundredths(reading.numbers(table[f"minutes_{s}"], np.inf), float(limit["limit_min"]), verdict == 0, verdict == 1)
        sections[f"minutes_{s}"] = pack.planes(minutes[rows])
        sections[f"state_{s}"] = state[rows].astype(np.uint8).tobytes()
    header = {"n": len(table), "origin": saved.origin, "world": pack.WORLD, "reasons": reasons, "verdicts": VERDICTS}
    return pack.block(header, sections, saved.level)


def details(saved: Saved, *, legs: bool = True) -> str:
    """Pack what only card, list and search show: ids, names, use, storeys, compound, zones, nearest facilities; `legs` where asked for.

    A page that holds the network knows each leg from there.
    """
    table, rows = saved.buildings, saved.order
    sections = _ids(reading.strings(table["building"], rows)) | _sparse(reading.strings(table["name"], rows))
    lists: dict[str, list[str]] = {}
    groups = ["use", "compound", *(c for c in table.column_names if c.startswith("zone_"))]
    for column in groups:
        number, lists[column] = reading.codes(table[column])
        sections[column] = pack.varints((number + 1)[rows])
    sections["levels"] = pack.varints(np.rint(np.clip(reading.numbers(table["levels"]), 0, 1000) * 2).astype(np.int64)[rows])
    called = _barrier_names(saved.folder)
    for column in (c for c in table.column_names if c.startswith("barrier_")):
        number, barriers = reading.codes(table[column])
        lists[column] = [f"{called[one]} ({one})" if one in called else one for one in barriers]
        sections[column] = pack.varints((number + 1)[rows])
    offered, services = reading.codes(saved.facilities["service"])
    ids = np.asarray(reading.strings(saved.facilities["facility"]).to_pylist(), dtype=object)
    before = np.zeros(len(table), dtype=np.int64)
    for s in saved.services:
        number, names = reading.codes(table[f"facility_{s}"])
        at = {ids[row]: row for row in np.flatnonzero(offered == (services.index(s) if s in services else -2))[::-1]}
        lost = [name for name in names if name not in at]
        if lost:
            raise SchemaError(
                f"buildings.parquet: column 'facility_{s}' names {lost[0]!r}, which facilities.parquet lacks. {reading.AGAIN}"
            )
        row_of = np.array([*(at[name] for name in names), -1], dtype=np.int64)
        sections[f"facility_{s}"] = pack.deltas(row_of[number][rows])
        if legs:
            leg = np.rint(np.clip(reading.numbers(table[f"leg_m_{s}"], np.inf), 0, 6553.5) * 10).astype(np.int64)
            sections[f"leg_{s}"] = pack.varints(pack.fold((leg - before)[rows]))
            before = leg
    return pack.block({"n": len(table), "lists": lists}, sections, saved.level)


def before(saved: Saved, other: Saved | None) -> str:
    """Pack what another run said of the same buildings, in the order of the page: verdicts (4: not there) and minutes; or nothing."""
    if other is None:
        return pack.block({"n": 0})
    ids = reading.strings(other.buildings["building"])
    row = pc.index_in(reading.strings(saved.buildings["building"], saved.order), value_set=ids)
    there = np.asarray(pc.is_valid(row))
    rows = np.asarray(pc.fill_null(row, 0)).astype(np.int64)
    sections: dict[str, bytes] = {}
    for limit in other.run["standard"]["services"]:
        s = limit["service"]
        if s not in saved.services or not len(ids):
            continue
        verdict = reading.into(other.buildings[f"verdict_{s}"], VERDICTS, f"verdict_{s}")
        minutes = reading.numbers(other.buildings[f"minutes_{s}"], np.inf)
        packed = pack.hundredths(minutes, float(limit["limit_min"]), verdict == 0, verdict == 1)
        sections[f"state_{s}"] = np.where(there, verdict[rows], len(VERDICTS)).astype(np.uint8).tobytes()
        sections[f"minutes_{s}"] = pack.planes(np.where(there, packed[rows], 0).astype(np.uint16))
    return pack.block({"n": len(saved.buildings)}, sections, saved.level)


def _barrier_names(folder: Path) -> dict[str, str]:
    """Names of the barriers that have one; none where the run has no table of barriers."""
    if not (folder / "barriers.parquet").is_file():
        return {}
    table = reading.read_table(folder, "barriers.parquet", ["barrier", "name"])
    names = reading.strings(table["name"])
    named = pc.fill_null(pc.not_equal(names, ""), False)  # noqa: FBT003 - pyarrow's own signature
    ids = reading.strings(table["barrier"]).filter(named)
    return dict(zip(ids.to_pylist(), names.filter(named).to_pylist(), strict=True))


def facilities(saved: Saved) -> str:
    """Pack facilities in the order of the file: service, point, outline of what is no point, id, name."""
    table = saved.facilities
    offered, services = reading.codes(table["service"])
    shapes = reading.geometries(table)
    places = np.where(shapely.get_type_id(shapes) == POINT, shapes, shapely.point_on_surface(shapes))
    coordinates = shapely.get_coordinates(places) if len(places) else np.zeros((0, 2))
    if len(coordinates) != len(table):
        raise SchemaError("facilities.parquet: column 'geometry' is empty for a facility; every facility needs a place.")
    x, y = pack.mercator(coordinates[:, 0], coordinates[:, 1])
    number = {s: k for k, s in enumerate(saved.services)}
    service = np.array([*(number.get(s, 255) for s in services), 255], dtype=np.int64)[offered]
    sections = {"service": service.astype(np.uint8).tobytes(), "x": pack.deltas(x - saved.origin[0]), "y": pack.deltas(y - saved.origin[1])}
    sections["planned"] = pack.deltas(_planned(table))
    sections |= {f"area_{name}": data for name, data in pack.areas(_outlined(shapes), saved.origin).items()}
    sections |= _ids(reading.strings(table["facility"])) | _sparse(reading.strings(table["name"]))
    return pack.block({"n": len(table)}, sections, saved.level)


def _planned(table: pa.Table) -> NDArray[np.intp]:
    """Rows of facilities that only a scenario offers."""
    if "source" not in table.column_names:
        return np.zeros(0, dtype=np.intp)
    return np.flatnonzero(np.asarray(pc.equal(reading.strings(table["source"]), PLANNED)))


def _outlined(places: NDArray[Any]) -> Shapes:
    """Outlines to measure a straight line to: areas as they are; a line as an area without width, there and back; of the rest none."""
    kind = shapely.get_type_id(places)
    places = places.copy()
    places[(kind != AREA) & (kind != AREAS) & (kind != LINE)] = None
    for row in np.flatnonzero(kind == LINE):
        there = shapely.get_coordinates(places[row])
        places[row] = shapely.Polygon(np.concatenate([there, there[::-1]]))
    return Shapes.of(places)
