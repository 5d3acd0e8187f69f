"""What lies behind the buildings, as the blocks `background` and `zones` that the page reads.

Takes: a `blocks.Saved`.   Gives: water, green, railways, barriers and ways to draw, names of streets where they are written, zones.
Never: draws more than can be told apart: the lesser ways of a large place are left out, and the page says which.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import shapely
from numpy.typing import NDArray

from circle.publish import pack, reading
from circle.publish.blocks import Saved
from circle.publish.shapes import AREA, AREAS, LINE, LINES, Shapes

# beyond so many edges the lesser ways are left out of the drawing, and beyond so many points lines are drawn with fewer
MOST_EDGES = 150_000
SIMPLIFY_FROM = 30_000
THINNED = 0.000_01  # degrees: a metre is less than a pixel up to zoom 17
MOST_NAMES = 40_000
# a pedestrian way with more edges than this is a square that is crossed in every direction
SQUARE, SQUARE_EDGES = "pedestrian", 30

Ints = NDArray[np.int64]


def _obstacles(folder: Path, places: Shapes) -> tuple[NDArray[np.bool_], Shapes]:
    """Which shapes of the background no leg crosses, and the lines of those obstacles that are not among them; none in a run without."""
    if not (folder / "barriers.parquet").is_file():
        return np.zeros(len(places), dtype=bool), Shapes.of(np.zeros(0, dtype=object))
    lines = reading.shapes(reading.read_table(folder, "barriers.parquet", ["geometry"])).single(LINE, LINES)
    known, drawn = lines.marks(), places.marks()
    missed = np.bincount(places.row[~np.isin(drawn, known)], minlength=len(places))
    solid = (missed == 0) & (places.paths > 0)
    return solid, lines.take(np.flatnonzero(~np.isin(known, drawn[solid[places.row]])))


def _labels(names: list[str], number: Ints, shapes: Shapes, origin: tuple[int, int]) -> tuple[dict[str, bytes], int]:
    """Find where street names are written: the longest piece of each name in every square of about 600 m, its middle, slope and length.

    Without `names` their numbers are written as they are: the page has the list already.
    """
    rows = np.flatnonzero(number >= 0)
    if not len(rows):
        return {}, 0
    if len(rows) > MOST_NAMES:
        # short pieces have no room for their name anyway
        longest = np.argpartition(-shapes.lengths()[rows], MOST_NAMES)[:MOST_NAMES]
        rows = np.sort(rows[longest])
    lines = shapes.lines(rows)
    start, end = (shapely.get_coordinates(shapely.line_interpolate_point(lines, at, normalized=True)) for at in (0.4, 0.6))
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
    table = reading.read_table(saved.folder, "edges.parquet", ["class", "name", "way", "geometry"])
    number, classes = reading.codes(table["class"])
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

    def add(kind: str, form: str, shapes: Shapes, *, solid: bool = False) -> None:
        shapes = shapes.single(AREA, AREAS) if form == "area" else shapes.single(LINE, LINES)
        if not len(shapes):
            return
        shapes = shapes.take(pack.order(shapes))
        key = f"layer{len(layers)}"
        layers.append({"kind": kind, "form": form, "n": len(shapes), "key": key, "solid": solid})
        packed = pack.areas(shapes, saved.origin) if form == "area" else pack.lines(shapes, saved.origin)
        sections.update({f"{key}_{name}": data for name, data in packed.items()})

    behind = reading.read_table(saved.folder, "background.parquet", ["kind", "geometry"])
    number, kinds = reading.codes(behind["kind"])
    places = reading.shapes(behind)
    solid, hidden = _obstacles(saved.folder, places)
    for k, kind in enumerate(kinds):
        for hides in (True, False):
            rows = np.flatnonzero((number == k) & (solid == hides))
            of_area, of_line = rows[places.areal[rows]], rows[~places.areal[rows]]
            areas, lines = places.take(of_area), places.take(of_line).single(LINE, LINES)
            if len(places) >= SIMPLIFY_FROM and not hides:  # a station's leg is tested against the lines as they are
                areas, lines = areas.thinned(THINNED), lines.thinned(THINNED)
            add(kind, "area", areas, solid=hides)
            add(kind, "line", lines, solid=hides)
    add("hidden", "line", hidden, solid=True)

    if ways:
        edges, left_out = _thinned(saved, lesser)
        shapes = reading.shapes(edges)
        shapes = shapes.thinned(THINNED) if len(shapes) >= SIMPLIFY_FROM else shapes
    else:
        edges, left_out = reading.read_table(saved.folder, "edges.parquet", ["name"]), []
        shapes = saved.thinned if len(edges) >= SIMPLIFY_FROM else saved.walked
    if ways:
        number, classes = reading.codes(edges["class"])
        for k, name in enumerate([*classes, ""]):
            add(f"way:{name}", "line", shapes.take(np.flatnonzero(number == (k if name else -1))))
    street, street_names = reading.codes(edges["name"])
    labels, n_labels = _labels(street_names if ways else [], street, shapes, saved.origin)
    return pack.block({"layers": layers, "left_out": left_out, "streets": n_labels}, sections | labels, saved.level)


def zones(saved: Saved) -> str:
    """Pack zones with their counts and outlines; an empty list where the run has none."""
    if not (saved.folder / "zones.parquet").exists():
        return pack.block({"zones": [], "n": 0})
    columns = ["layer", "zone", "name", "service", "buildings", "households", "met", "gap", "unmapped", "geometry"]
    table = reading.read_table(saved.folder, "zones.parquet", columns)
    table = table.filter(pc.equal(pc.cast(table["service"], pa.string()), "all"))
    shapes = reading.geometries(table)
    kind = shapely.get_type_id(shapes)
    shapes[(kind != 3) & (kind != 6)] = None
    words = {c: reading.strings(table[c]).to_pylist() for c in ("layer", "zone", "name")}
    shapes[np.array(words["layer"], dtype=object) == "place"] = None  # the frame around everything says nothing
    numbers = {c: reading.numbers(table[c]).tolist() for c in ("buildings", "met", "gap", "unmapped", "households")}
    every = words | numbers
    listed = [{c: values[k] or (0 if c in numbers else "") for c, values in every.items()} for k in range(len(table))]
    return pack.block({"zones": listed, "n": len(listed)}, pack.areas(Shapes.of(shapes), saved.origin), saved.level)
