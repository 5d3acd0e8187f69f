"""The walking network inside the page: what lets it draw a walk, and try a station, without asking anyone.

Takes: the saved tables `nodes`, `edges`, `links`.   Gives: one block: nodes, edges with their seconds and lines, links of buildings and
facilities, all as whole numbers.
Never: searches, or changes a second: what is rounded here is rounded once, and `RULE` says how.

Edges lie class by class and way by way, so that most start where the one before them ended; nodes are numbered as they first occur, so that
most ends are simply the next one. An edge's seconds are written as what they differ from its drawn length at the pace of its class.
Links lie edge by edge, as a search that arrives over an edge needs them.
"""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import shapely
from numpy.typing import NDArray

from circle.publish import blocks, pack, reading
from circle.publish.shapes import Shapes

RULE = (
    "Seconds of edges are whole multiples of unit_s, legs and offsets of unit_m, points of the world's units; a leg costs leg / speed. "
    "A walk is the sum of whole multiples of unit_s. Minutes are the nearest hundredth, never on the other side of the limit than the walk."
)
# seconds and metres that whole numbers count, by how many links there are: finer where that costs little. Half a metre is 0.4 s for an
# adult, so that even then minutes hold to a hundredth but for a rounding
UNITS = ((20_000, 0.001, 0.01), (200_000, 0.01, 0.1), (np.inf, 0.02, 0.5))
# beyond so many edges the points between nodes are thinned by a metre
SIMPLIFY_FROM = 150_000

# flags of an edge: not walked that way; on an island; walked by residents; walked by all; on a bridge or another floor; not entered midway
CLOSED_FORWARD, CLOSED_BACKWARD, ISLAND, OWN, OPEN, RAISED, ENDS_ONLY = 1, 2, 4, 8, 16, 32, 64
PUBLIC, SHARED = "public", "compound"
# a residents' gate is a way without length between its two sides; sides have numbers of their own, far below those of any node of the map
GATE, SIDE_BASE, SIDES = "gate", 10**15, 100
HAIR_M = 0.01  # a leg ends at its path, and a path on a wall can be reached from both sides
CROSSING = "crossing"  # flag of a link that leads through something, where nothing better is
VISITORS = "visitors"  # runs that tell residents from visitors say so of each facility; others let everybody walk everywhere
SEMI_MAJOR_M, FLATTENING = 6_378_137.0, 1 / 298.257223563

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


def available(saved: blocks.Saved) -> bool:
    """Whether the run saved what the network in the page is made of; without edges there is nothing to walk on."""
    return all((saved.folder / f"{name}.parquet").is_file() for name in ("nodes", "edges", "links"))


@cache
def _settings() -> dict[str, dict[str, float]]:
    # read as data: publishing does not import the rules, so that a saved run can be drawn without them
    return tomllib.loads((resources.files("circle") / "rules" / "settings.toml").read_text(encoding="utf-8"))


def metres_per_unit(latitude: float) -> tuple[float, float]:
    """Metres of one unit of the page eastward and northward at a latitude, on the ellipsoid.

    >>> [round(metre, 4) for metre in metres_per_unit(0.0)]
    [0.1493, 0.1483]
    """
    e2 = FLATTENING * (2 - FLATTENING)
    sine = np.sin(np.radians(latitude))
    across = SEMI_MAJOR_M / np.sqrt(1 - e2 * sine**2)
    along = SEMI_MAJOR_M * (1 - e2) / (1 - e2 * sine**2) ** 1.5
    turn = 2 * np.pi / pack.WORLD * np.cos(np.radians(latitude))
    return float(across * turn), float(along * turn)


def whole(values: Floats) -> Ints:
    """Round halves up, as the page does."""
    return np.floor(values + 0.5).astype(np.int64)


def _scale(y: Ints, origin_y: int) -> list[list[float]]:
    """Metres per unit as two lines over the page's y: `[[at y = 0, per unit], …]` for x and for y."""
    low, high = (0, int(y.max())) if len(y) and y.max() > 0 else (0, 1)
    sine = [np.tanh(np.pi * (1 - 2 * (origin_y + at) / pack.WORLD)) for at in (low, high)]
    top, bottom = (metres_per_unit(float(np.degrees(np.arcsin(s)))) for s in sine)
    return [[a, (b - a) / (high - low)] for a, b in zip(top, bottom, strict=True)]


def _ordered(edges: pa.Table, shapes: Shapes) -> tuple[NDArray[np.intp], list[str], Ints]:
    """Rows of the edges in the order of the page, the classes, and how many edges each has."""
    number, classes = reading.codes(edges["class"])
    number, classes = np.where(number < 0, len(classes), number), [*classes, ""]
    curve = pack.along_curve(*pack.mercator(shapes.lon[shapes.start], shapes.lat[shapes.start]))
    way, ways = _numbered(edges["way"])
    # ways by where they first touch the curve: of several that are written to one place the last stays
    first = np.empty(len(ways), dtype=np.int64)
    first[way[curve[::-1]]] = np.arange(len(curve))[::-1]
    order = pack.sorted_by((number * len(curve) + first[way]).astype(np.uint32))
    return order, classes, np.bincount(number, minlength=len(classes))


def _numbered(values: pa.ChunkedArray | pa.Array) -> tuple[Ints, Ints]:
    """Number whole numbers as they first occur: the number of each, and what is numbered."""
    found = pc.dictionary_encode(values if isinstance(values, pa.Array) else reading.whole(values))
    return found.indices.to_numpy().astype(np.int64), found.dictionary.to_numpy().astype(np.int64)


def _ends(u: Ints, v: Ints) -> dict[str, bytes]:
    """Write where edges start (0: where the one before ended; else counted back from the next new node) and end (counted back)."""
    both = np.column_stack([u, v]).ravel()
    following = np.concatenate([[0], np.maximum.accumulate(both)[:-1] + 1])
    before = np.concatenate([[0], v[:-1]])
    start = np.where(u == before, 0, 1 + following[::2] - u)
    return {"u": pack.varints(start), "v": pack.varints(following[1::2] - v)}


def graph(saved: blocks.Saved) -> str:
    """Pack the network of a run, with the links of its buildings (in the order of the page) and facilities (in that of their file)."""
    wanted = ["edge", "u", "v", "way", "class", "name", "access", "length_m", "seconds_forward", "seconds_backward"]
    edges = reading.read_table(saved.folder, "edges.parquet", wanted, ("midway", "raised", "island"))
    order, classes, per_class = _ordered(edges, saved.walked)
    edges = edges.take(pa.array(order))
    shapes = (saved.thinned if len(edges) >= SIMPLIFY_FROM else saved.walked).take(order)
    new = np.empty(int(edges["edge"].to_numpy().max(initial=-1)) + 1, dtype=np.int64)
    new[edges["edge"].to_numpy()] = np.arange(len(edges))
    links = reading.read_table(saved.folder, "links.parquet", ["kind", "id", "edge", "offset_m", "leg_m"], "flag")
    unit_s, unit_m = next((s, m) for most, s, m in UNITS if len(links) <= most)

    ends, ids = _numbered(pa.array(np.column_stack([edges["u"].to_numpy(), edges["v"].to_numpy()]).ravel()))
    u, v = ends[::2], ends[1::2]
    lines, millimetres, scale = _lines(shapes, u, v, len(ids), saved.origin)
    times, pace = _times(edges, millimetres, per_class, unit_s, float(saved.run["walker"]["speed_m_per_s"]))
    street, streets = reading.codes(edges["name"])
    tenths = np.maximum(millimetres // round(unit_m * 1000), 1)
    sections = _ends(u, v) | lines | times
    sections["flags"] = _flags(edges, layered=VISITORS in saved.facilities.column_names).astype(np.uint8).tobytes()
    sections |= {"name": pack.varints(street + 1), "names": pack.text(streets)}
    # what an edge measures is known by the page as drawn: a link says which share of that lies behind it
    at = np.divide(links["offset_m"].to_numpy(), _lengths(edges)[new[links["edge"].to_numpy()]])
    sections |= _links(saved, links, new, np.nan_to_num(at, nan=0.0, posinf=0.0), tenths, unit_m)
    sections |= _gates(saved, ids, edges, (u, v))
    sections["side"] = pack.deltas(np.flatnonzero(_is_side(ids)))
    # what is drawn as a square is a point to the program, and hides nothing
    sections["pointlike"] = pack.deltas(np.flatnonzero(~saved.outlines.areal[saved.order]))
    rule, sight, aside = (_settings()[section] for section in ("linkage", "sight", "aside"))
    header = {
        "nodes": len(ids),
        "edges": len(edges),
        "classes": [[name, int(count)] for name, count in zip(classes, per_class.tolist(), strict=True)],
        "pace": pace,
        "scale": scale,
        "unit_s": unit_s,
        "unit_m": unit_m,
        "speed": float(saved.run["walker"]["speed_m_per_s"]),
        "rule": RULE,
        "reach": [rule["reach_m"], rule["connected_reach_m"], rule["far_reach_m"], rule["raised_reach_m"]],
        "sight": [sight["touch_m"], sight["widen_m"], sight["beyond_m"], HAIR_M],
        "aside": [aside["more_m"], aside["least"], aside["times"], aside["most"]],
        "rim": _rim(saved),
    }
    return pack.block(header, sections, saved.level)


def _rim(saved: blocks.Saved) -> list[list[int]]:
    """Corners of where the data end, one after the other: the header's box, or without one the hull around all streets and buildings.

    A district knows the box of the whole place, but of its streets only its own: by their hull it rather calls too many too near the edge.
    """
    if saved.summary.get("extent_from") == "data":
        lon, lat = (np.concatenate([getattr(saved.walked, name), getattr(saved.outlines, name)]) for name in ("lon", "lat"))
        corners = shapely.get_coordinates(shapely.convex_hull(shapely.linestrings(np.column_stack([lon, lat]))))
    else:
        west, south, east, north = saved.summary.get("data_extent") or saved.summary.get("extent") or (-180.0, -85.0, 180.0, 85.0)
        corners = np.asarray([(west, north), (east, north), (east, south), (west, south)])
    x, y = pack.mercator(corners[:, 0], corners[:, 1])
    return [[int(east), int(down)] for east, down in zip(x - saved.origin[0], y - saved.origin[1], strict=True)]


def _lines(shapes: Shapes, u: Ints, v: Ints, nodes: int, origin: tuple[int, int]) -> tuple[dict[str, bytes], Ints, list[list[float]]]:
    """Sections of the nodes' places and of the points between them; millimetres of each edge as drawn; metres per unit.

    Everything here is whole numbers and single roundings, so that the page comes to the very same millimetres.
    """
    x, y = pack.mercator(shapes.lon, shapes.lat)
    x, y = x - origin[0], y - origin[1]
    points, start = shapes.size, shapes.start
    end = start + points - 1
    place_x, place_y = np.zeros(nodes, dtype=np.int64), np.zeros(nodes, dtype=np.int64)
    place_x[v], place_y[v] = x[end], y[end]
    place_x[u], place_y[u] = x[start], y[start]
    # twice the same node has one place, whatever the lines say
    x[end], y[end] = place_x[v], place_y[v]
    scale = _scale(place_y, origin[1])
    dx, dy = np.diff(x, append=0), np.diff(y, append=0)
    metre_x, metre_y = (at_0 + per_unit * y for at_0, per_unit in scale)
    piece = whole(np.sqrt((dx * metre_x) * (dx * metre_x) + (dy * metre_y) * (dy * metre_y)) * 1000)
    piece[end] = 0
    millimetres = np.add.reduceat(piece, start) if len(start) else np.zeros(0, dtype=np.int64)
    between = np.ones(len(x), dtype=bool)
    between[start] = between[end] = False
    step_x, step_y = (np.asarray(np.diff(values, prepend=np.int64(0))[between], dtype=np.int64) for values in (x, y))
    return (
        {
            "node_x": pack.deltas(place_x),
            "node_y": pack.deltas(place_y),
            "points": pack.varints(points - 2),
            "dx": pack.varints(pack.fold(step_x)),
            "dy": pack.varints(pack.fold(step_y)),
        },
        millimetres,
        scale,
    )


def _lengths(edges: pa.Table) -> Floats:
    return np.asarray(edges["length_m"].to_numpy(), dtype=np.float64)


def _flags(edges: pa.Table, *, layered: bool) -> Ints:
    """Who walks an edge, and which way; without layers everybody walks everywhere."""
    forward, backward = (np.isfinite(edges[f"seconds_{way}"].to_numpy()) for way in ("forward", "backward"))
    number, words = reading.codes(edges["access"])
    own = np.array([layered and word not in ("", PUBLIC) for word in [*words, ""]])[number]
    gate = np.asarray(pc.fill_null(pc.equal(pc.cast(edges["class"], pa.string()), GATE), False))  # noqa: FBT003 - pyarrow's own signature
    raised = _said(edges, "raised") * RAISED + (gate | (("midway" in edges.column_names) & ~_said(edges, "midway"))) * ENDS_ONLY
    island = _said(edges, "island") * ISLAND
    open_ = ~own | np.array([word == SHARED for word in [*words, ""]])[number]
    return np.asarray(~forward * CLOSED_FORWARD + ~backward * CLOSED_BACKWARD + own * OWN + open_ * OPEN + raised + island, dtype=np.int64)


def _said(edges: pa.Table, name: str) -> NDArray[np.bool_]:
    """A column of yes and no; no where a run has no such column."""
    if name not in edges.column_names:
        return np.zeros(len(edges), dtype=bool)
    return np.asarray(edges[name].to_numpy(zero_copy_only=False), dtype=bool)


def _is_side(ids: Ints) -> NDArray[np.bool_]:
    """Which nodes are one side of a gate that is not open to all."""
    return np.asarray(ids <= -SIDE_BASE // 2)


def _gates(saved: blocks.Saved, ids: Ints, edges: pa.Table, ends: tuple[Ints, Ints]) -> dict[str, bytes]:
    """Gates that somebody passes: a node of each in the page, and the number of the OSM node. None where the run knows no gates.

    One that all pass is a node of the network; one for residents has sides, of which the first is named.
    """
    if not (saved.folder / "gates.parquet").is_file():
        return {"gate_node": b"", "gate_id": b""}
    inner = np.asarray(pc.fill_null(pc.equal(pc.cast(edges["class"], pa.string()), GATE), False))  # noqa: FBT003 - pyarrow's own signature
    passed = np.unique(np.concatenate([ends[0][inner], ends[1][inner]])) if inner.any() else np.zeros(0, dtype=np.int64)
    ids = ids.copy()
    first = passed[np.unique((-SIDE_BASE - ids[passed]) // SIDES, return_index=True)[1]]
    ids[first] = (-SIDE_BASE - ids[first]) // SIDES
    said = pc.cast(reading.read_table(saved.folder, "gates.parquet", ["gate"])["gate"], pa.string()).to_pylist()
    numbers = np.array(sorted({int(gate[5:]) for gate in said if gate.startswith("node/") and gate[5:].isdigit()}), dtype=np.int64)
    order = np.argsort(ids, kind="stable")
    at = np.minimum(np.searchsorted(ids, numbers, sorter=order), len(ids) - 1) if len(ids) else np.zeros(0, dtype=np.int64)
    there = ids[order[at]] == numbers if len(ids) else np.zeros(len(numbers), dtype=bool)
    return {"gate_node": pack.varints(order[at][there]), "gate_id": pack.deltas(numbers[there])}


def _visitors(saved: blocks.Saved) -> bytes:
    """For each row of the facilities: whether those who do not live around it may come in."""
    rows = len(saved.facilities)
    if VISITORS not in saved.facilities.column_names:
        return b"\x01" * rows
    let_in = np.asarray(saved.facilities[VISITORS].to_numpy(zero_copy_only=False), dtype=np.uint8)
    return let_in.tobytes()


def _times(edges: pa.Table, millimetres: Ints, per_class: Ints, unit_s: float, speed: float) -> tuple[dict[str, bytes], list[float]]:
    """Sections of seconds: what forward differs from the drawn length at the class's pace, and backward from forward; those paces."""
    forward, backward = (np.asarray(edges[f"seconds_{way}"].to_numpy(), dtype=np.float64) for way in ("forward", "backward"))
    known = np.where(np.isfinite(forward), forward, backward)
    of_class = np.repeat(np.arange(len(per_class)), per_class)
    length = _lengths(edges)
    pace = []
    for k in range(len(per_class)):
        rows = (of_class == k) & np.isfinite(known) & (length > 0)
        pace.append(float(np.median(known[rows] / length[rows])) if rows.any() else 1 / speed)
    per_millimetre = [p / 1000 / unit_s for p in pace]
    drawn = whole(millimetres * np.asarray(per_millimetre)[of_class])
    known = np.where(np.isfinite(known), known, 0.0)
    one = whole(known / unit_s)
    other = whole(np.where(np.isfinite(forward) & np.isfinite(backward), backward, known) / unit_s)
    return {"time": pack.varints(pack.fold(one - drawn)), "back": pack.varints(pack.fold(other - one))}, per_millimetre


def _links(saved: blocks.Saved, links: pa.Table, new: Ints, at: Floats, tenths: Ints, unit_m: float) -> dict[str, bytes]:
    """Sections of links. `tenths`: how many units of length each edge has, of which a link says how many lie behind it."""
    edge = new[links["edge"].to_numpy()]
    behind = np.where(at <= 0, 0, np.where(at >= 1, tenths[edge], np.clip(whole(at * tenths[edge]), 0, tenths[edge])))
    leg = whole(links["leg_m"].to_numpy() / unit_m)
    through = np.zeros(len(links), dtype=bool)
    if "flag" in links.column_names:
        through = np.asarray(pc.fill_null(pc.equal(pc.cast(links["flag"], pa.string()), CROSSING), False))  # noqa: FBT003 - pyarrow's own signature

    kind, kinds = reading.codes(links["kind"])
    ids = links["id"]

    def rows_of(name: str, owners: pa.Array, rank: Ints) -> tuple[NDArray[np.intp], Ints]:
        mine = np.flatnonzero(kind == kinds.index(name)) if name in kinds else np.zeros(0, dtype=np.intp)
        owner = reading.among(ids, owners)[mine]
        return mine[owner >= 0], rank[owner[owner >= 0]]

    rank = np.empty(len(saved.order), dtype=np.int64)
    rank[saved.order] = np.arange(len(saved.order))
    rows, owner = rows_of("building", reading.strings(saved.buildings["building"]), rank)
    along = pack.sorted_by(owner.astype(np.uint32))
    along = along[pack.sorted_by(edge[rows[along]].astype(np.uint32))]  # by edge, and of one edge by building
    rows, owner = rows[along], owner[along]
    sections = {
        "links": pack.varints(np.bincount(edge[rows], minlength=len(tenths))),
        "link_of": pack.deltas(owner),
        "link_leg": pack.varints(leg[rows]),
        "link_at": pack.varints(behind[rows]),
        "link_doubt": pack.deltas(np.flatnonzero(through[rows])),
    }
    # a facility that offers several services has a row for each, and its links serve them all
    offered = reading.strings(saved.facilities["facility"])
    distinct = offered.unique()
    number = np.asarray(pc.index_in(offered, value_set=distinct)).astype(np.int64)
    rows, owner = rows_of("facility", distinct, np.arange(len(distinct)))
    by_owner = np.lexsort((edge[rows], owner))
    rows, owner = rows[by_owner], owner[by_owner]
    return sections | {
        "goal_place": pack.varints(number),
        "goals": pack.varints(np.bincount(owner, minlength=len(distinct))),
        "goal_edge": pack.deltas(edge[rows]),
        "goal_leg": pack.varints(leg[rows]),
        "goal_at": pack.varints(behind[rows]),
        "goal_doubt": pack.deltas(np.flatnonzero(through[rows])),
        "visitors": _visitors(saved),
    }
