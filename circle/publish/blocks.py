"""The tables of a saved run as the blocks that the page reads.

Takes: a run folder.   Gives: `Saved` (its tables and records, only the columns that the page shows), and from it the base64 blocks
`meta`, `buildings`, `details`, `facilities`, `background`.
Never: computes a verdict or a share anew, writes HTML, or lets a text leave otherwise than packed.

Buildings, and facilities of each service, are packed along a curve that keeps neighbours together: what they say is then much like what
the one before them said. A building names its nearest facility by its row.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import shapely
from numpy.typing import NDArray

from circle.errors import OutputError, SchemaError, SourceError
from circle.publish import pack

VERDICTS = ("met", "gap", "unreachable", "unmapped")
RESIDENTIAL_BY = ("use", "area", "assumed", "ledger")
HOUSEHOLDS_BY = ("none", "estimate", "ledger", "flats", "raster", "withheld")
WITHHELD_AS = 2.5  # households that a building counts for whose number, below five, is not published
KINDS = ("way", "relation", "node", "own")
OSM_ID = r"^(?P<kind>way|relation|node)/(?P<number>[1-9][0-9]{0,14})$"

# gzip -9 buys 1 % over -6 and costs five times its time: small pages get it, large ones do not
BEST_UP_TO = 50_000
# beyond so many edges the lesser ways are left out of the drawing, and beyond so many points lines are drawn with fewer
MOST_EDGES = 150_000
SIMPLIFY_FROM = 30_000
MOST_NAMES = 40_000
# a pedestrian way with more edges than this is a square that is crossed in every direction
SQUARE, SQUARE_EDGES = "pedestrian", 30

REPEATED = ("facility_", "use", "compound", "zone_", "class", "service", "name", "layer")

GIVE = "Give the folder that `circle run … -o` wrote."
AGAIN = "Run `circle run` again with this version."

Ints = NDArray[np.int64]


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
    def outlines(self) -> NDArray[Any]:
        """Buildings' geometries, in the order of the file."""
        return geometries(self.buildings)

    @cached_property
    def order(self) -> NDArray[np.intp]:
        """Rows of the file in the order of the page."""
        return pack.order(self.outlines)

    @cached_property
    def origin(self) -> tuple[int, int]:
        """North-west corner of the buildings in whole Mercator units: what all coordinates are counted from."""
        bounds = shapely.bounds(self.outlines)
        bounds = bounds[np.isfinite(bounds[:, 0])]
        if not len(bounds):
            return 0, 0
        x, y = pack.mercator(bounds[:, 0].min(keepdims=True), bounds[:, 3].max(keepdims=True))
        return int(x[0]), int(y[0])

    @cached_property
    def walked(self) -> NDArray[Any]:
        """Lines of all edges, in the order of the file: read once, for the network and for the names of streets."""
        return geometries(read_table(self.folder, "edges.parquet", ["geometry"]))

    @cached_property
    def thinned(self) -> NDArray[Any]:
        """The same with fewer points: a metre is less than a pixel up to zoom 17, and saves a large page a third of its ways' bytes."""
        return np.asarray(shapely.simplify(self.walked, 0.000_01, preserve_topology=False), dtype=object)

    @property
    def counted_by(self) -> dict[str, int]:
        """How many of the counted buildings are counted for which reason: use, area, assumed."""
        lived = _flags(self.buildings["residential"]) == 1
        by = _into(self.buildings["residential_by"], RESIDENTIAL_BY, "residential_by")
        return {name: int((lived & (by == k)).sum()) for k, name in enumerate(RESIDENTIAL_BY)}

    @property
    def level(self) -> int:
        """How hard gzip works."""
        return 9 if len(self.buildings) <= BEST_UP_TO else 6


def _record(folder: Path, name: str) -> dict[str, Any]:
    path = folder / name
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SourceError(f"{path}: not there, so {folder} is not the folder of a finished run. {GIVE}") from None
    except (OSError, ValueError) as error:
        raise SourceError(f"{path}: cannot be read ({error}). Run `circle run` again to write it anew.") from None
    if not isinstance(record, dict):
        raise SourceError(f"{path}: holds {type(record).__name__}, not a record. Run `circle run` again to write it anew.")
    return record


def read_table(folder: Path, name: str, columns: list[str], prefix: str | tuple[str, ...] = ()) -> pa.Table:
    """Read columns of one table; those that begin with `prefix`, or with one of several, as well.

    Raises
    ------
    SourceError   there is no such table, or it cannot be read
    SchemaError   it lacks a column
    """
    path = folder / name
    try:
        there = pq.read_schema(path).names
    except FileNotFoundError:
        raise SourceError(f"{path}: not there, so {folder} is not the folder of a finished run. {GIVE}") from None
    except (OSError, pa.ArrowInvalid) as error:
        raise SourceError(f"{path}: not a Parquet file ({error}). Run `circle run` again to write it anew.") from None
    missing = [column for column in columns if column not in there]
    if missing:
        raise SchemaError(f"{path}: column {missing[0]!r} is missing; the page needs {', '.join(missing)}. {AGAIN}")
    extra = [column for column in there if column.startswith(prefix) and column not in columns]
    every = [*columns, *extra]
    # texts that repeat are read as numbers into a list, six times faster than one by one
    repeated = [column for column in every if column.startswith(REPEATED)]
    return pq.read_table(path, columns=every, use_threads=False, read_dictionary=repeated)


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
        raise OutputError(f"{folder}: no such folder. {GIVE}")
    run = _record(folder, "run.json")
    summary = _record(folder, "summary.json")
    try:
        services = tuple(str(limit["service"]) for limit in run["standard"]["services"])
    except (KeyError, TypeError):
        raise SchemaError(f"{folder / 'run.json'}: key 'standard' lacks its services. {AGAIN}") from None
    per_service = [f"{column}_{s}" for s in services for column in ("minutes", "facility", "verdict", "reason", "fragile", "leg_m")]
    fixed = ["building", "name", "use", "levels", "residential", "residential_by", "households", "households_by", "compound", "geometry"]
    buildings = read_table(folder, "buildings.parquet", [*fixed, *per_service], ("zone_", "barrier_"))
    facilities = read_table(folder, "facilities.parquet", ["facility", "service", "name", "geometry"], "visitors")
    return Saved(folder, run, summary, services, buildings, _together(facilities))


def _together(facilities: pa.Table) -> pa.Table:
    """Put the facilities of each service along the curve."""
    along = np.empty(len(facilities), dtype=np.int64)
    along[pack.order(geometries(facilities))] = np.arange(len(facilities))
    service, _ = codes(facilities["service"])
    return facilities.take(pa.array(np.lexsort((along, service))))


def geometries(table: pa.Table) -> NDArray[Any]:
    """Give the column `geometry` as Shapely geometries; `None` stays `None`."""
    return np.asarray(shapely.from_wkb(table["geometry"].to_numpy()), dtype=object)


def codes(column: pa.ChunkedArray) -> tuple[Ints, list[str]]:
    """Give each row's number in the list of distinct values, -1 where missing or empty; and the list.

    >>> rows, values = codes(pa.chunked_array([["b", "", None, "b"]]))
    >>> rows.tolist(), values
    ([0, -1, -1, 0], ['b'])
    """
    if not pa.types.is_dictionary(column.type):
        column = pc.dictionary_encode(column)
    whole = column.unify_dictionaries().combine_chunks()
    if isinstance(whole, pa.ChunkedArray):
        whole = whole.chunk(0) if whole.num_chunks else pa.array([], type=pa.dictionary(pa.int32(), pa.string()))
    rows = np.asarray(pc.fill_null(pc.cast(whole.indices, pa.int64()), -1))
    values = [str(v) if v is not None else "" for v in whole.dictionary.to_pylist()]
    # numbered anew by what occurs: a category that no row has would otherwise go along
    occurs = np.bincount(rows + 1, minlength=len(values) + 1)[1:] > 0
    kept = [k for k in np.flatnonzero(occurs).tolist() if values[k]]
    renumber = np.full(len(values) + 1, -1, dtype=np.int64)
    renumber[kept] = np.arange(len(kept))
    return renumber[rows], [values[k] for k in kept]


def _into(column: pa.ChunkedArray, allowed: tuple[str, ...], name: str) -> Ints:
    """Give each row's place in `allowed`; the first where missing."""
    rows, values = codes(column)
    strange = [v for v in values if v not in allowed]
    if strange:
        raise SchemaError(f"buildings.parquet: column {name!r} holds {strange[0]!r}; allowed are {', '.join(allowed)}.")
    places = np.array([*(allowed.index(v) for v in values), 0], dtype=np.int64)
    return places[rows]


def _numbers(column: pa.ChunkedArray, missing: float = 0.0) -> NDArray[np.float64]:
    numbers = np.asarray(pc.fill_null(pc.cast(column, pa.float64()), missing).to_numpy(), dtype=np.float64)
    return np.where(np.isnan(numbers), missing, numbers)


def _flags(column: pa.ChunkedArray) -> Ints:
    return np.asarray(pc.fill_null(column, False).to_numpy()).astype(np.int64)  # noqa: FBT003 - pyarrow's own signature


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


def _text_column(column: pa.ChunkedArray, rows: NDArray[np.intp] | None = None) -> pa.Array:
    whole = pc.cast(column, pa.string()).combine_chunks()
    if isinstance(whole, pa.ChunkedArray):
        whole = whole.chunk(0) if whole.num_chunks else pa.array([], type=pa.string())
    return whole if rows is None else pc.take(whole, pa.array(rows))


def buildings(saved: Saved) -> str:
    """Pack what is drawn and counted: outlines, minutes, verdict, reason and fragility of each service, who lives there."""
    table, rows = saved.buildings, saved.order
    sections = pack.areas(saved.outlines[rows], saved.origin)
    lived = _flags(table["residential"])
    by = _into(table["residential_by"], RESIDENTIAL_BY, "residential_by")
    counted = _into(table["households_by"], HOUSEHOLDS_BY, "households_by")
    sections["flags"] = (lived | by << 1 | counted << 3)[rows].astype(np.uint8).tobytes()
    homes = np.where(counted == HOUSEHOLDS_BY.index("withheld"), WITHHELD_AS, _numbers(table["households"]))
    sections["households"] = pack.varints(np.rint(np.clip(homes, 0, 1e9) * 10).astype(np.int64)[rows])
    reasons: dict[str, list[str]] = {}
    for limit in saved.run["standard"]["services"]:
        s = limit["service"]
        verdict = _into(table[f"verdict_{s}"], VERDICTS, f"verdict_{s}")
        reason, reasons[s] = codes(table[f"reason_{s}"])
        state = verdict | _flags(table[f"fragile_{s}"]) << 2 | (reason + 1) << 3
        minutes = pack.hundredths(_numbers(table[f"minutes_{s}"], np.inf), float(limit["limit_min"]), verdict == 0, verdict == 1)
        sections[f"minutes_{s}"] = pack.planes(minutes[rows])
        sections[f"state_{s}"] = state[rows].astype(np.uint8).tobytes()
    header = {"n": len(table), "origin": saved.origin, "world": pack.WORLD, "reasons": reasons, "verdicts": VERDICTS}
    return pack.block(header, sections, saved.level)


def details(saved: Saved, *, legs: bool = True) -> str:
    """Pack what only card, list and search show: ids, names, use, storeys, compound, zones, nearest facilities; `legs` where asked for.

    A page that holds the network knows each leg from there.
    """
    table, rows = saved.buildings, saved.order
    sections = _ids(_text_column(table["building"], rows)) | _sparse(_text_column(table["name"], rows))
    lists: dict[str, list[str]] = {}
    groups = ["use", "compound", *(c for c in table.column_names if c.startswith("zone_"))]
    for column in groups:
        number, lists[column] = codes(table[column])
        sections[column] = pack.varints((number + 1)[rows])
    sections["levels"] = pack.varints(np.rint(np.clip(_numbers(table["levels"]), 0, 1000) * 2).astype(np.int64)[rows])
    for column in (c for c in table.column_names if c.startswith("barrier_")):
        number, barriers = codes(table[column])
        lists[column] = _barrier_names(saved.folder, barriers)
        sections[column] = pack.varints((number + 1)[rows])
    offered, services = codes(saved.facilities["service"])
    ids = np.asarray(_text_column(saved.facilities["facility"]).to_pylist(), dtype=object)
    before = np.zeros(len(table), dtype=np.int64)
    for s in saved.services:
        number, names = codes(table[f"facility_{s}"])
        at = {ids[row]: row for row in np.flatnonzero(offered == (services.index(s) if s in services else -2))[::-1]}
        lost = [name for name in names if name not in at]
        if lost:
            raise SchemaError(f"buildings.parquet: column 'facility_{s}' names {lost[0]!r}, which facilities.parquet lacks. {AGAIN}")
        row_of = np.array([*(at[name] for name in names), -1], dtype=np.int64)
        sections[f"facility_{s}"] = pack.deltas(row_of[number][rows])
        if legs:
            leg = np.rint(np.clip(_numbers(table[f"leg_m_{s}"], np.inf), 0, 6553.5) * 10).astype(np.int64)
            sections[f"leg_{s}"] = pack.varints(pack.fold((leg - before)[rows]))
            before = leg
    return pack.block({"n": len(table), "lists": lists}, sections, saved.level)


def before(saved: Saved, other: Saved | None) -> str:
    """Pack what another run said of the same buildings, in the order of the page: verdicts (4: not there) and minutes; or nothing."""
    if other is None:
        return pack.block({"n": 0})
    ids = _text_column(other.buildings["building"])
    row = pc.index_in(_text_column(saved.buildings["building"], saved.order), value_set=ids)
    there = np.asarray(pc.is_valid(row))
    rows = np.asarray(pc.fill_null(row, 0)).astype(np.int64)
    sections: dict[str, bytes] = {}
    for limit in other.run["standard"]["services"]:
        s = limit["service"]
        if s not in saved.services or not len(ids):
            continue
        verdict = _into(other.buildings[f"verdict_{s}"], VERDICTS, f"verdict_{s}")
        minutes = _numbers(other.buildings[f"minutes_{s}"], np.inf)
        packed = pack.hundredths(minutes, float(limit["limit_min"]), verdict == 0, verdict == 1)
        sections[f"state_{s}"] = np.where(there, verdict[rows], len(VERDICTS)).astype(np.uint8).tobytes()
        sections[f"minutes_{s}"] = pack.planes(np.where(there, packed[rows], 0).astype(np.uint16))
    return pack.block({"n": len(saved.buildings)}, sections, saved.level)


def _obstacles(folder: Path, places: NDArray[Any]) -> tuple[NDArray[np.bool_], NDArray[Any]]:
    """Which shapes of the background no leg crosses, and the lines of those obstacles that are not among them; none in a run without."""
    if not (folder / "barriers.parquet").is_file():
        return np.zeros(len(places), dtype=bool), np.zeros(0, dtype=object)
    lines = shapely.get_parts(geometries(read_table(folder, "barriers.parquet", ["geometry"])))
    known = shapely.to_wkb(shapely.normalize(lines)).tolist()
    parts, owner = shapely.get_parts(np.where(shapely.get_dimensions(places) == 2, shapely.boundary(places), places), return_index=True)
    drawn, wanted = shapely.to_wkb(shapely.normalize(parts)), set(known)
    among = np.fromiter((shape in wanted for shape in drawn.tolist()), dtype=bool, count=len(drawn))
    missed = np.bincount(owner[~among], minlength=len(places))
    solid = (missed == 0) & (np.bincount(owner, minlength=len(places)) > 0)
    there = set(drawn[solid[owner]].tolist())
    return solid, lines[np.fromiter((shape not in there for shape in known), dtype=bool, count=len(known))]


def _barrier_names(folder: Path, barriers: list[str]) -> list[str]:
    """Names of some barriers with their ids; ids alone where the run has no table of barriers."""
    if not barriers or not (folder / "barriers.parquet").is_file():
        return barriers
    table = read_table(folder, "barriers.parquet", ["barrier", "name"])
    names = dict(zip(table["barrier"].to_pylist(), table["name"].to_pylist(), strict=True))
    return [f"{names[one]} ({one})" if names.get(one) else one for one in barriers]


def facilities(saved: Saved) -> str:
    """Pack facilities in the order of the file: service, point, id, name."""
    table = saved.facilities
    offered, services = codes(table["service"])
    places = geometries(table)
    places = np.where(shapely.get_type_id(places) == 0, places, shapely.point_on_surface(places))
    coordinates = shapely.get_coordinates(places) if len(places) else np.zeros((0, 2))
    if len(coordinates) != len(table):
        raise SchemaError("facilities.parquet: column 'geometry' is empty for a facility; every facility needs a place.")
    x, y = pack.mercator(coordinates[:, 0], coordinates[:, 1])
    number = {s: k for k, s in enumerate(saved.services)}
    service = np.array([*(number.get(s, 255) for s in services), 255], dtype=np.int64)[offered]
    sections = {"service": service.astype(np.uint8).tobytes(), "x": pack.deltas(x - saved.origin[0]), "y": pack.deltas(y - saved.origin[1])}
    sections |= _ids(_text_column(table["facility"])) | _sparse(_text_column(table["name"]))
    return pack.block({"n": len(table)}, sections, saved.level)


def _labels(names: list[str], number: Ints, shapes: NDArray[Any], origin: tuple[int, int]) -> tuple[dict[str, bytes], int]:
    """Find where street names are written: the longest piece of each name in every square of about 600 m, its middle, slope and length.

    Without `names` their numbers are written as they are: the page has the list already.
    """
    rows = np.flatnonzero(number >= 0)
    if not len(rows):
        return {}, 0
    if len(rows) > MOST_NAMES:
        # short pieces have no room for their name anyway
        longest = np.argpartition(-shapely.length(shapes[rows]), MOST_NAMES)[:MOST_NAMES]
        rows = np.sort(rows[longest])
    start, end = (shapely.get_coordinates(shapely.line_interpolate_point(shapes[rows], at, normalized=True)) for at in (0.4, 0.6))
    (ax, ay), (bx, by) = pack.mercator(start[:, 0], start[:, 1]), pack.mercator(end[:, 0], end[:, 1])
    length = np.hypot(bx - ax, by - ay)
    x, y = (ax + bx) // 2 - origin[0], (ay + by) // 2 - origin[1]
    by_length = np.lexsort((rows, -length))
    column, row = (x - x.min()) >> 12, (y - y.min()) >> 12
    key = (number[rows] * (int(row.max()) + 1) + row) * (int(column.max()) + 1) + column
    _, first = np.unique(key[by_length], return_index=True)
    keep = by_length[np.sort(first)]
    slope = np.rint(np.degrees(np.arctan2((by - ay)[keep], (bx - ax)[keep]))).astype(np.int64)
    used, text = np.unique(number[rows][keep], return_inverse=True)
    if not names:  # the page has them already
        used, text = used[:0], number[rows][keep]
    return {
        "street_name": pack.text([names[k] for k in used.tolist()]),
        "street_text": pack.varints(text),
        "street_x": pack.deltas(x[keep]),
        "street_y": pack.deltas(y[keep]),
        "street_slope": pack.varints(pack.fold(slope)),
        "street_length": pack.varints(np.rint(length[keep] * 5).astype(np.int64)),
    }, len(keep)


def _thinned(saved: Saved, lesser: tuple[str, ...]) -> tuple[pa.Table, list[str]]:
    """Read the edges to draw, and name the classes that were left out because there are more than can be drawn well.

    First go the lines of sight across squares: a way of one class with very many edges is not a street.
    """
    table = read_table(saved.folder, "edges.parquet", ["class", "name", "way", "geometry"])
    number, classes = codes(table["class"])
    if len(table) <= MOST_EDGES:
        return table, []
    left_out: list[str] = []
    keep = np.ones(len(table), dtype=bool)
    if SQUARE in classes:
        _, way, edges_of = np.unique(table["way"].to_numpy(), return_inverse=True, return_counts=True)
        keep = (number != classes.index(SQUARE)) | (edges_of[way] <= SQUARE_EDGES)
        left_out += [] if keep.all() else ["square"]
    for name in lesser:
        if keep.sum() <= MOST_EDGES:
            break
        if name in classes:
            left_out.append(name)
            keep &= number != classes.index(name)
    return table.filter(pa.array(keep)), left_out


def background(saved: Saved, lesser: tuple[str, ...] = (), *, ways: bool = True) -> str:
    """Pack water, green, railways, barriers, roads and the walking network behind the buildings; street names; zones' outlines.

    Parameters
    ----------
    lesser
        Classes of ways in the order in which they are left out when there are more than `MOST_EDGES` edges.
    ways
        Whether the lines of the ways are packed here: not where the page holds the network.
    """
    layers: list[dict[str, Any]] = []
    sections: dict[str, bytes] = {}

    def add(kind: str, form: str, shapes: NDArray[Any], *, solid: bool = False) -> None:
        single, several = (3, 6) if form == "area" else (1, 5)
        kind_of = shapely.get_type_id(shapes)
        shapes = np.concatenate([shapes[kind_of == single], shapely.get_parts(shapes[kind_of == several])])
        shapes = shapes[~shapely.is_empty(shapes)]
        if not len(shapes):
            return
        shapes = shapes[pack.order(shapes)]
        key = f"layer{len(layers)}"
        layers.append({"kind": kind, "form": form, "n": len(shapes), "key": key, "solid": solid})
        packed = pack.areas(shapes, saved.origin) if form == "area" else pack.lines(shapes, saved.origin)
        sections.update({f"{key}_{name}": data for name, data in packed.items()})

    behind = read_table(saved.folder, "background.parquet", ["kind", "geometry"])
    number, kinds = codes(behind["kind"])
    places = geometries(behind)
    tolerance = 0.0 if len(places) < SIMPLIFY_FROM else 0.000_01
    solid, hidden = _obstacles(saved.folder, places)
    for k, kind in enumerate(kinds):
        for hides in (True, False):  # a station's leg is tested against the lines as they are
            shapes = places[(number == k) & (solid == hides)]
            shapes = shapely.simplify(shapes, tolerance, preserve_topology=False) if tolerance and not hides else shapes
            add(kind, "area", shapes, solid=hides)
            add(kind, "line", shapes, solid=hides)
    add("hidden", "line", hidden, solid=True)

    if ways:
        edges, left_out = _thinned(saved, lesser)
        shapes = geometries(edges)
        shapes = shapely.simplify(shapes, 0.000_01, preserve_topology=False) if len(shapes) >= SIMPLIFY_FROM else shapes
    else:
        edges, left_out = read_table(saved.folder, "edges.parquet", ["name"]), []
        shapes = saved.thinned if len(edges) >= SIMPLIFY_FROM else saved.walked
    if ways:
        number, classes = codes(edges["class"])
        for k, name in enumerate([*classes, ""]):
            add(f"way:{name}", "line", shapes[number == (k if name else -1)])
    street, street_names = codes(edges["name"])
    labels, n_labels = _labels(street_names if ways else [], street, shapes, saved.origin)
    return pack.block({"layers": layers, "left_out": left_out, "streets": n_labels}, sections | labels, saved.level)


def zones(saved: Saved) -> str:
    """Pack zones with their counts and outlines; an empty list where the run has none."""
    if not (saved.folder / "zones.parquet").exists():
        return pack.block({"zones": [], "n": 0})
    columns = ["layer", "zone", "name", "service", "buildings", "households", "met", "gap", "unmapped", "geometry"]
    table = read_table(saved.folder, "zones.parquet", columns)
    table = table.filter(pc.equal(pc.cast(table["service"], pa.string()), "all"))
    shapes = geometries(table)
    kind = shapely.get_type_id(shapes)
    shapes[(kind != 3) & (kind != 6)] = None
    words = {c: _text_column(table[c]).to_pylist() for c in ("layer", "zone", "name")}
    shapes[np.array(words["layer"], dtype=object) == "place"] = None  # the frame around everything says nothing
    numbers = {c: _numbers(table[c]).tolist() for c in ("buildings", "met", "gap", "unmapped", "households")}
    every = words | numbers
    listed = [{c: values[k] or (0 if c in numbers else "") for c, values in every.items()} for k in range(len(table))]
    return pack.block({"zones": listed, "n": len(listed)}, pack.areas(shapes, saved.origin), saved.level)
