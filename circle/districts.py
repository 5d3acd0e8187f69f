"""Districts: a run that is too large for one page, published as an overview and a page for each part.

Takes: the folder of a run.   Gives: `map.html`; above `page_most` buildings (rules/settings.toml) also the pages in `map/` that it
links to.
Never: measures a walk again. A district's page holds its buildings' own minutes; what is tried on it knows the paths up to `margin_m`
around.

Districts are the zones of the layer with the fewest zones that hold nearly all buildings, none more than a page can; else the place is
halved again and again.
Files are numbered: no name from data becomes a name of a file.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import shapely
from numpy.typing import NDArray

from circle import folder, gaps, rules, schema
from circle.publish import atlas, page
from circle.standards import Standard

Ints = NDArray[np.intp]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

METRES_PER_DEGREE = 111_320.0
AROUND = ("edges", "barriers", "background", "gates", "zones")  # cut by where they lie
Tables = dict[str, pa.Table]


@dataclass(frozen=True, slots=True)
class District:
    """Part of a run: its `name` (empty: what lies in no zone), the rows of its buildings, its outline in WGS 84."""

    name: str
    rows: Ints
    shape: shapely.Geometry


def publish(run_folder: str | Path, *, most: int | None = None, say: Callable[[str, int | None], None] | None = None) -> Path:
    """Write the page of a saved run, or an overview and the pages of its districts, and return where the first lies.

    Parameters
    ----------
    most
        Buildings in one page; `page_most` of rules/settings.toml by default. Districts then hold at most as many, or `district_most`.

    Raises
    ------
    OutputError
        A file cannot be written.
    SourceError, SchemaError
        The folder is not that of a finished run.
    """
    place = Path(run_folder)
    rule = rules.settings("publish")
    least = int(rule["page_most"]) if most is None else most
    file = place / "buildings.parquet"
    if not file.is_file() or pq.read_metadata(file).num_rows <= least:
        shutil.rmtree(place / folder.PAGES, ignore_errors=True)
        return page.build(place)
    tables = {name: pq.read_table(place / f"{name}.parquet") for name in _there(place)}
    boxes = {name: _bounds(tables[name]) for name in ("facilities", *AROUND) if name in tables}
    parts = split(tables, min(least, int(rule["district_most"])), float(rule["zoned_share"]))
    summary, record = folder.read_record(place, "summary"), folder.read_record(place, "run")
    standard = Standard.from_dict(record["standard"])
    told = []
    try:
        with tempfile.TemporaryDirectory(dir=place, prefix=f".{folder.PAGES}.") as beside:
            pages = Path(beside) / folder.PAGES
            pages.mkdir()
            for number, part in enumerate(parts):
                cut = Path(beside) / "run"
                found = _cut((tables, boxes), part, (summary, record), standard, cut)
                page.build(cut, pages / atlas.file_name(number))
                shutil.rmtree(cut)
                told.append(atlas.District(part.name, found["shares"], part.shape))
                if say:
                    say("page", number + 1)
            shutil.rmtree(place / folder.PAGES, ignore_errors=True)
            pages.rename(place / folder.PAGES)
    except OSError as trouble:
        raise folder.failed(place / folder.PAGES, trouble) from trouble
    return atlas.build(place, told)


def _there(place: Path) -> Iterator[str]:
    return (name for name in ("buildings", "facilities", "nodes", "links", *AROUND) if (place / f"{name}.parquet").is_file())


def split(tables: Mapping[str, pa.Table], most: int, zoned_share: float) -> list[District]:
    """Parts of a run of at most `most` buildings each, in the order of their names; see this module's first lines."""
    buildings = tables["buildings"]
    return _by_zones(buildings, tables.get("zones"), most, zoned_share) or _by_halves(_bounds(buildings), most)


def _by_zones(buildings: pa.Table, zones: pa.Table | None, most: int, zoned_share: float) -> list[District]:
    if zones is None:
        return []
    listed = zones.select(["layer", "zone", "name", "geometry"]).to_pandas().astype({"layer": str}).drop_duplicates(["layer", "zone"])
    best: list[District] = []
    for layer, group in listed[listed["layer"] != "place"].groupby("layer", sort=True):
        column = schema.zone_column(str(layer))
        if column not in buildings.column_names:
            continue
        mine = pd.Series(pc.cast(buildings[column], pa.string()).to_pylist(), dtype=object).fillna("").to_numpy()
        rows = {str(zone): held.to_numpy() for zone, held in pd.Series(np.arange(len(mine))).groupby(mine, sort=True)}
        outside = rows.pop("", np.empty(0, dtype=np.intp))
        known = group.set_index("zone")
        parts = [
            District(str(known.loc[zone, "name"] or zone), held, shapely.from_wkb(known.loc[zone, "geometry"]))
            for zone, held in rows.items()
            if zone in known.index
        ]
        largest = max([len(part.rows) for part in parts] + [len(outside)], default=0)
        if len(parts) < 2 or largest > most or len(outside) > (1 - zoned_share) * len(mine) or (best and len(parts) >= len(best)):
            continue
        best = sorted(parts, key=lambda part: part.name)
        if len(outside):
            best.append(District("", outside, _hull(_bounds(buildings)[outside])))
    return best


def _by_halves(bounds: Floats, most: int) -> list[District]:
    """The place, its longer side halved where half of the buildings lie, and so on until none holds more than `most`."""
    middle = np.nan_to_num(np.column_stack([(bounds[:, 0] + bounds[:, 2]) / 2, (bounds[:, 1] + bounds[:, 3]) / 2]))
    wide = max(float(np.cos(np.radians(np.abs(middle[:, 1]).max(initial=0.0)))), 0.01)
    waiting, done = [np.arange(len(middle))], []
    while waiting:
        rows = waiting.pop()
        if len(rows) <= max(most, 1):
            done.append(rows)
            continue
        spread = np.ptp(middle[rows], axis=0) * (wide, 1.0)
        along = rows[np.argsort(middle[rows, int(spread[1] > spread[0])], kind="stable")]
        half = len(along) // 2
        waiting += [np.sort(along[:half]), np.sort(along[half:])]
    done.sort(key=lambda rows: (-float(middle[rows, 1].mean()), float(middle[rows, 0].mean())))
    return [District(f"{number + 1}/{len(done)}", rows, _hull(bounds[rows])) for number, rows in enumerate(done)]


def _bounds(table: pa.Table) -> Floats:
    return np.asarray(shapely.bounds(shapely.from_wkb(table["geometry"].to_numpy())))


def _hull(bounds: Floats) -> shapely.Geometry:
    bounds = bounds[np.isfinite(bounds[:, 0])]
    return shapely.box(*bounds[:, :2].min(axis=0), *bounds[:, 2:].max(axis=0)) if len(bounds) else shapely.Polygon()


def _cut(
    whole: tuple[Tables, Mapping[str, Floats]],
    part: District,
    said: tuple[Mapping[str, Any], Mapping[str, Any]],
    standard: Standard,
    target: Path,
) -> dict[str, Any]:
    """Write a district as the folder of a run, with what its page needs, and give its summary.

    `whole`: the tables of the run, and where the things in them lie; `said`: its summary and its record.
    """
    (tables, boxes), (summary, record) = whole, said
    target.mkdir()
    margin = float(rules.settings("publish")["margin_m"])
    mine = tables["buildings"].take(pa.array(part.rows))
    box = _hull(_bounds(mine)).bounds
    middle = np.cos(np.radians((box[1] + box[3]) / 2)) if len(box) == 4 else 1.0
    up, across = margin / METRES_PER_DEGREE, margin / METRES_PER_DEGREE / max(float(middle), 0.01)
    around = (box[0] - across, box[1] - up, box[2] + across, box[3] + up)
    out = {name: tables[name].filter(pa.array(_meets(boxes[name], around))) for name in AROUND if name in tables}
    named = pa.chunked_array([pc.cast(mine[f"facility_{limit.service}"], pa.string()).combine_chunks() for limit in standard.services])
    facilities = tables["facilities"]
    used = np.asarray(pc.is_in(pc.cast(facilities["facility"], pa.string()), value_set=named.unique()))
    facilities = facilities.filter(pa.array(used | _meets(boxes["facilities"], around)))
    edges = out["edges"]
    old = edges["edge"].to_numpy()
    number = np.full(int(tables["edges"]["edge"].to_numpy().max(initial=-1)) + 1, -1, dtype=np.int64)
    number[old] = np.arange(len(old))
    out["edges"] = _with(edges, "edge", number[old])
    ids = np.unique(np.concatenate([edges["u"].to_numpy(), edges["v"].to_numpy()]))
    out["nodes"] = tables["nodes"].filter(pa.array(np.isin(tables["nodes"]["node"].to_numpy(), ids)))
    links = tables["links"]
    known = pa.concat_arrays([pc.cast(column, pa.string()).combine_chunks() for column in (mine["building"], facilities["facility"])])
    place = number[links["edge"].to_numpy()]
    kept = np.asarray(pc.is_in(pc.cast(links["id"], pa.string()), value_set=known)) & (place >= 0)
    out["links"] = _with(links.filter(pa.array(kept)), "edge", place[kept])
    for name, table in {**out, "buildings": mine, "facilities": facilities}.items():
        pq.write_table(table, target / f"{name}.parquet")
    told = _summary(summary, mine, facilities, standard, box)
    folder.write_record(target, "summary", told)
    files = [str(each.get("file", "")).partition(".")[0].replace("_", " ") for each in record.get("inputs", [])]
    place_name = " · ".join(filter(None, [str(record.get("place") or ", ".join(files)), part.name]))
    folder.write_record(target, "run", {**record, "place": place_name, "district": {"name": part.name, "margin_m": margin}})
    return told


def _meets(bounds: Floats, box: tuple[float, float, float, float]) -> Bools:
    west, south, east, north = bounds.T
    return np.asarray((west <= box[2]) & (east >= box[0]) & (south <= box[3]) & (north >= box[1]))


def _with(table: pa.Table, column: str, values: NDArray[np.int64]) -> pa.Table:
    return table.set_column(table.schema.get_field_index(column), column, pa.array(values))


def _summary(
    whole: Mapping[str, Any], buildings: pa.Table, facilities: pa.Table, standard: Standard, box: tuple[float, float, float, float]
) -> dict[str, Any]:
    """The summary of a district, counted as that of a run is."""
    table = buildings.drop_columns(["geometry"]).to_pandas()
    for column in (name for name in table if name == "verdict" or str(name).startswith("verdict_")):
        table[column] = table[column].astype(pd.CategoricalDtype(list(gaps.VERDICTS)))
    for column in (name for name in table if str(name).startswith("reason_")):
        table[column] = table[column].astype(pd.CategoricalDtype(list(gaps.REASONS)))
    offered = pd.Series(pc.cast(facilities["service"], pa.string()).to_pylist(), dtype=object).value_counts()
    counts = {
        "buildings": len(table),
        "residential": int(table["residential"].sum()),
        "households": float(table["households"].sum()),
        "facilities": {limit.service: int(offered.get(limit.service, 0)) for limit in standard.services},
    }
    shares = {"shares": gaps.shares(table, standard), **gaps.counts(table, standard)}
    # where its buildings end the data do not
    extents = {"extent": list(box), "data_extent": whole["extent"]}
    return {**whole, "counts": {**whole["counts"], **counts}, **shares, **extents, "findings": {}}
