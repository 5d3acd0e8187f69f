"""Linkage: how a building, facility or candidate is tied to the edges around it.

Takes: shapes (doors or outlines) and the network, on the plane.   Gives: `Links`: edge, `offset_m`, `leg_m`, several per shape.
Never: ties to a node, takes the middle of a building for its door, or leaves a leg uncounted.

A shape is tied to the nearest point of **each** of several edges within reach, and the search then takes whichever makes the least total:
the nearest path often leads the wrong way. Where something hides that point, `sight` adds others of the edge. Where no edge is within
reach the circle widens; the leg is counted all the same, and flagged.
Edges on an island of the network are taken only where no connected edge lies within `connected_reach_m`. A bridge, tunnel or other floor is
not where the houses beside it stand: they are tied to it only if they stand right beside it and the ground close by offers nothing; a
facility also where it is nearest. Nobody boards a ferry or an elevator between its ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from circle import corners, rules, schema
from circle.chunks import in_slices, side_by_side
from circle.edges import passable
from circle.kernels.nearest import Asked, Corners, Near, nearest
from circle.network import Network
from circle.passages import GATE

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Shapes = NDArray[np.object_]

KINDS = ("building", "facility", "candidate")
FLAGS = ("", "far", "island", "crossing")
AT_NODE_M = 1e-6
_COLUMNS = ("row", "edge", "offset_m", "leg_m", "start_x", "start_y", "flag")
_SORTED_BY = [_COLUMNS.index(name) for name in ("row", "leg_m", "edge")]
STRETCH_M = 5.0


@dataclass(frozen=True, slots=True)
class Links:
    """Ties of many shapes, sorted by shape and leg; arrays of one length.

    Attributes: `row` (of the shape that is tied), `edge` (row of the edges), `offset_m` from `u`, `leg_m`, `start_x`, `start_y` (on the
    plane, where the leg leaves the shape), `flag` (index into `FLAGS`).
    """

    row: Ints
    edge: Ints
    offset_m: Floats
    leg_m: Floats
    start_x: Floats
    start_y: Floats
    flag: NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.row)

    def take(self, rows: Ints | NDArray[np.bool_] | slice) -> Links:
        """Some of the links, in the order of `rows`."""
        place = (self.row[rows], self.edge[rows])
        return Links(*place, self.offset_m[rows], self.leg_m[rows], self.start_x[rows], self.start_y[rows], self.flag[rows])

    @property
    def rank(self) -> Ints:
        """Place of each link among those of its shape: 0 is the shortest leg."""
        return ranks(self.row)

    @classmethod
    def none(cls) -> Links:
        """No links at all."""
        empty = np.empty(0)
        return cls(empty.astype(np.intp), empty.astype(np.intp), empty, empty, empty, empty, empty.astype(np.int8))

    def of_shapes(self, rows: Ints) -> Links:
        """Links of some shapes, which are numbered by their place in `rows` from now on."""
        place = np.full(max(int(self.row.max(initial=-1)), int(rows.max(initial=-1))) + 1, -1, dtype=np.intp)
        place[rows] = np.arange(len(rows))
        kept = self.take(place[self.row] >= 0)
        return replace(kept, row=place[kept.row])


def ranks(group: Ints) -> Ints:
    """Place of each entry within its run of equal values, from 0. Equal values must stand together.

    >>> ranks(np.asarray([4, 4, 4, 7, 2, 2])).tolist()
    [0, 1, 2, 0, 0, 1]
    """
    new = np.flatnonzero(np.r_[True, group[1:] != group[:-1]]) if len(group) else np.empty(0, dtype=np.intp)
    return np.arange(len(group)) - np.repeat(new, np.diff(np.r_[new, len(group)]))


def table(parts: Sequence[tuple[str, Links, Sequence[str] | pd.Series[str]]], network: Network) -> pd.DataFrame:
    """Links of several kinds as a run saves them (rules/tables/links.csv): `parts` are (kind, links, ids of the shapes).

    A facility that offers several services is tied once for each; it is saved once.
    """
    numbers, words = pd.factorize(pd.concat([pd.Series(ids, dtype="str") for _, _, ids in parts], ignore_index=True))
    coded = iter(np.split(numbers, np.cumsum([len(ids) for _, _, ids in parts])[:-1]))
    columns: list[tuple[NDArray[Any], ...]] = []
    for kind, links, ids in parts:
        code = next(coded)
        first = np.zeros(len(ids), dtype=bool)
        first[np.unique(code, return_index=True)[1]] = True
        once = first[links.row]
        of_kind = np.full(int(once.sum()), KINDS.index(kind), dtype=np.int8)
        plain = (links.rank, links.edge, links.offset_m, links.leg_m, links.start_x, links.start_y, links.flag)
        columns.append((of_kind, code[links.row[once]], *(column[once] for column in plain)))
    kinds, codes, rank, edge, offset, leg, x, y, flag = (np.concatenate(column) for column in zip(*columns, strict=True))
    lon, lat = network.plane.backward(x, y)
    return pd.DataFrame(
        {
            "kind": schema.coded(kinds, KINDS),
            "id": schema.coded(codes, words),
            "rank": rank,
            "edge": edge,
            "offset_m": offset,
            "leg_m": leg,
            "start_lon": lon,
            "start_lat": lat,
            "flag": schema.coded(flag, FLAGS),
        }
    )


def starts(outlines: Shapes, doors: Shapes) -> tuple[Shapes, NDArray[np.bool_]]:
    """Where legs leave: the doors on an outline, or else the outline itself.

    Parameters
    ----------
    outlines, doors
        On the plane. A door belongs to an outline that it lies on (within `door_m`, rules/settings.toml).

    Returns
    -------
    One shape per outline (multipoint of its doors, or the outline), and which have doors.
    """
    out = outlines.copy()
    has = np.zeros(len(outlines), dtype=bool)
    if not len(doors) or not len(outlines):
        return out, has
    rule = rules.settings("linkage")
    areal = np.flatnonzero(shapely.get_dimensions(outlines) == 2)
    door, row = shapely.STRtree(outlines[areal]).query(doors, predicate="dwithin", distance=rule["door_m"])
    row = areal[row]
    on_outline = shapely.distance(shapely.boundary(outlines[row]), doors[door]) <= rule["door_m"]
    door, row = door[on_outline], row[on_outline]
    order = np.lexsort((door, row))
    door, row = door[order], row[order]
    owners, index = np.unique(row, return_inverse=True)
    if len(owners):
        out[owners] = shapely.multipoints(doors[door], indices=index)
        has[owners] = True
    return out, has


def link(shapes: Shapes, network: Network, *, every: bool = False) -> Links:
    """Tie shapes to the edges around them.

    Parameters
    ----------
    shapes
        Doors or outlines on the plane, shape (n,).
    every
        Keep all edges within reach, and tie an area to the whole stretch of an edge inside it: for facilities, which are few and may
        be large.
        Otherwise the `keep` nearest.

    Returns
    -------
    Links, sorted by shape and leg. A shape without any edge within `far_reach_m` has none. Each of several doors has links of its own: the
    one farther from the street may be the nearer to where one goes.
    """
    several = (shapely.get_type_id(shapes) == shapely.GeometryType.MULTIPOINT) & (shapely.get_num_geometries(shapes) > 1)
    if not several.any():
        return _link(shapes, network, every=every)
    doors, owner = shapely.get_parts(shapes[several], return_index=True)
    links = _link(np.concatenate([shapes[~several], doors]), network, every=every)
    row = np.concatenate([np.flatnonzero(~several), np.flatnonzero(several)[owner]])[links.row]
    return joined([replace(links, row=row)])


def _link(shapes: Shapes, network: Network, *, every: bool) -> Links:
    """Links of shapes that are one point, line or area each."""
    rule = rules.settings("linkage")
    walked = usable(network)
    island = network.edges["island"].to_numpy()
    raised = network.edges["raised"].to_numpy()
    sets = {
        "ground": walked & ~island & ~raised,
        "above": walked & ~island & raised,
        "island": walked & island,  # on whatever floor
    }
    near = [rule["reach_m"] * 2**step for step in range(12) if rule["reach_m"] * 2**step < rule["connected_reach_m"]] + [
        rule["connected_reach_m"]
    ]
    far = [rule["connected_reach_m"] * 2**step for step in range(1, 12) if rule["connected_reach_m"] * 2**step < rule["far_reach_m"]] + [
        rule["far_reach_m"]
    ]
    drawn = corners.of(shapes)
    waiting = np.arange(len(shapes))
    found: list[Links] = []
    order = [("ground", near[0]), ("above", rule["raised_reach_m"]), *(("ground", reach) for reach in near[1:])]
    order += [("above", near[-1]), *(("island", reach) for reach in near)]
    order += [(name, reach) for reach in far for name in ("ground", "above")]
    for name, reach in order:
        if not len(waiting) or not sets[name].any():
            continue
        around = Around(shapes, drawn, network, sets[name])
        links = _within(around, waiting, reach, every=every)
        if (name, reach) == order[0]:
            links = _twice_as_far(links, around, reach, every=every)
        found.append(links)
        met = np.zeros(len(shapes), dtype=bool)
        met[links.row] = True
        waiting = waiting[~met[waiting]]
    links = joined(found)
    return joined([links, _on_deck(links, Around(shapes, drawn, network, sets["above"]))]) if every else links


@dataclass(frozen=True, slots=True)
class Around:
    """Shapes, their corners, and the edges of a network that they may be tied to (`among`, one entry per edge)."""

    shapes: Shapes
    corners: Corners
    network: Network
    among: NDArray[np.bool_]


def _twice_as_far(links: Links, around: Around, reach_m: float, *, every: bool) -> Links:
    """The links, and for shapes whose nearest edge lies beyond half of `reach_m` those up to twice as far as that.

    Who crosses open ground to one path may as well cross it to another. Without these, a metre more to the nearest path would bring in
    others at twice the distance, and a metre less lose them.
    """
    nearest = np.full(len(around.shapes), np.inf)
    np.minimum.at(nearest, links.row, links.leg_m)
    far = np.isfinite(nearest) & (nearest > reach_m / 2)
    more = _within(around, np.flatnonzero(far), 2 * reach_m, every=every)
    return joined([links.take(~far[links.row]), more.take(more.leg_m <= 2 * nearest[more.row])])


def _on_deck(links: Links, around: Around) -> Links:
    """Ties to bridges and other floors of those facilities that have one of them nearer than the ground: a bus stop on a bridge."""
    count = len(around.shapes)
    more = _within(around, np.arange(count), rules.settings("linkage")["raised_reach_m"], every=True)
    ground, deck = (np.full(count, np.inf) for _ in range(2))
    np.minimum.at(ground, links.row, links.leg_m)
    np.minimum.at(deck, more.row, more.leg_m)
    return more.take((deck < ground)[more.row])


def wider(shapes: Shapes, rows: Ints, network: Network, reach_m: float) -> Links:
    """All links of some shapes to connected edges within `reach_m`, however many: for those that cannot see the nearest ones."""
    among = usable(network) & ~network.edges["island"].to_numpy()
    if not among.any() or not len(rows):
        return Links.none()
    doors, owner = shapely.get_parts(shapes[rows], return_index=True)
    several = shapely.get_type_id(shapes[rows]) == shapely.GeometryType.MULTIPOINT
    parts = np.where(several[owner], doors, shapes[rows][owner])
    once = several[owner] | np.r_[True, owner[1:] != owner[:-1]]
    parts, owner = parts[once], owner[once]
    links = _within(Around(parts, corners.of(parts), network, among), np.arange(len(parts)), reach_m, every=True)
    return joined([replace(links, row=rows[owner[links.row]])])


def merged(parts: list[Links], more: list[NDArray[Any]]) -> tuple[Links, NDArray[Any]]:
    """Links of several shapes put together, sorted by shape and leg, with a column that belongs to them."""
    links, order = _in_order(parts)
    return links, np.concatenate([np.asarray(column) for column in more])[order]


def joined(parts: list[Links]) -> Links:
    """Links put together, sorted by shape, leg and edge."""
    return _in_order(parts)[0] if parts else Links.none()


def _in_order(parts: list[Links]) -> tuple[Links, Ints]:
    """Links put together and sorted, and where each of them stood before."""
    columns = [np.concatenate([getattr(part, name) for part in parts]) for name in _COLUMNS]
    order = _order(*(columns[at] for at in _SORTED_BY))
    return Links(*(column[order] for column in columns)), order


def _order(row: Ints, leg: Floats, edge: Ints) -> Ints:
    """Order by shape, leg and edge. Parts come in that order, mostly of shapes of their own: only where they mix is there more to sort."""
    order = np.argsort(row, kind="stable")  # quick, for it finds what is in order already
    row, leg, edge = row[order], leg[order], edge[order]
    wrong = (row[1:] == row[:-1]) & ((leg[1:] < leg[:-1]) | ((leg[1:] == leg[:-1]) & (edge[1:] < edge[:-1])))
    if wrong.any():
        mixed = np.zeros(int(row[-1]) + 1, dtype=bool)
        mixed[row[1:][wrong]] = True
        rows = np.flatnonzero(mixed[row])
        order[rows] = order[rows[np.lexsort((edge[rows], leg[rows], row[rows]))]]
    return np.asarray(order)


def usable(network: Network) -> NDArray[np.bool_]:
    """Edges that one may be tied to: they can be walked and stepped on, and are no mere gate."""
    return np.asarray(passable(network.edges) & (network.edges["class"] != GATE).to_numpy() & network.edges["midway"].to_numpy())


def _within(around: Around, rows: Ints, reach_m: float, *, every: bool) -> Links:
    """Links of some shapes to edges not farther than `reach_m`."""
    rule, network = rules.settings("linkage"), around.network
    most = 0 if every else int(rule["keep"] * 1.5)  # half again as many as are kept: edges that meet in one nearest node are one link
    near = _nearest(around, rows, reach_m, most)
    box, hit, leg, start = near.shape, near.line, near.apart_m, near.on_shape
    offset = offset_of(near.share, hit, network)
    if every:
        box, hit, leg, start, offset = _stretches(around.shapes, rows, network.lines, (box, hit, leg, start, offset), network)
    node = _node(hit, offset, network)
    # Where a private way leaves a street, a building stands on both, and its people may take either: two ties that count as one of those
    # kept. What all may come to is tied to the street alone there, else it would let strangers through the yard of its neighbours.
    who = pd.Categorical(network.edges["access"], categories=list(rules.ACCESS)).codes[hit]
    order = np.lexsort((hit, who, node, leg, box)) if every else _ties_in_order(box, leg, (node, who, hit))
    again, twin = np.zeros(len(order), dtype=bool), np.zeros(len(order), dtype=bool)
    if len(order):
        same = [column[order][1:] == column[order][:-1] for column in (box, node)]
        again[1:] = np.logical_and.reduce(same) & (node[order][1:] >= 0) & (leg[order][1:] - leg[order][:-1] < 1e-6)
        twin[1:] = again[1:] & (every | (who[order][1:] == who[order][:-1]))
    kept = ~twin
    if not every:
        first = order[~again]
        last = first[ranks(box[first]) == int(rule["keep"]) - 1]
        farthest = np.full(len(rows), np.inf)  # among those that are no farther than the last, chance would choose
        farthest[box[last]] = leg[last]
        kept &= leg[order] <= farthest[box[order]]
    chosen = order[kept]
    box, hit = box[chosen], hit[chosen]
    return Links(rows[box], hit, offset[chosen], leg[chosen], start[chosen, 0], start[chosen, 1], flags(hit, leg[chosen], network))


def flags(edges: Ints, leg_m: Floats, network: Network) -> NDArray[np.int8]:
    """What is to be said of links to these edges with legs of this length: an index into `FLAGS`."""
    far = np.where(leg_m > rules.settings("linkage")["far_m"], FLAGS.index("far"), 0)
    return np.where(network.edges["island"].to_numpy()[edges], FLAGS.index("island"), far).astype(np.int8)


def _nearest(around: Around, rows: Ints, reach_m: float, most: int) -> Near:
    """Edges within reach of some shapes, and the nearest places on both."""
    _, south, _, north = shapely.bounds(around.shapes[rows]).T
    units = around.network.plane.units_per_metre((south + north) / 2)
    reach = np.full(len(rows), float(reach_m))
    lines = around.network.streets

    def slice_of(some: slice) -> tuple[NDArray[Any], ...]:
        near = nearest(around.corners, lines, Asked(rows[some], units[some], reach[some], most, around.among))
        return near._replace(shape=near.shape + some.start)

    return Near(*in_slices(slice_of, len(rows)))


def _ties_in_order(box: Ints, leg: Floats, more: tuple[NDArray[Any], ...]) -> Ints:
    """Order of pairs that are sorted by shape and leg already, with those of equal legs sorted by `more` as well."""
    order = np.arange(len(box))
    equal = np.r_[False, (box[1:] == box[:-1]) & (leg[1:] == leg[:-1])] if len(box) else np.zeros(0, dtype=bool)
    rows = np.flatnonzero(equal | np.r_[equal[1:], False][: len(box)])
    run = np.cumsum(~equal)[rows]
    order[rows] = rows[np.lexsort((*(column[rows] for column in reversed(more)), run))]
    return order


def offsets(edges: Ints, points: Floats, network: Network) -> Floats:
    """Metres from `u` along each edge to the point (plane coordinates, shape (n, 2)) on it; never beyond the edge's length."""
    if not len(edges):
        return np.empty(0)
    share = side_by_side(lambda a, b: shapely.line_locate_point(a, shapely.points(b), normalized=True), network.lines[edges], points)
    return offset_of(share, edges, network)


def offset_of(share: Floats, edges: Ints, network: Network) -> Floats:
    """Metres from `u` at a share of each edge's length."""
    length = network.edges["length_m"].to_numpy()[edges]
    offset = np.clip(share, 0.0, 1.0) * length
    # A hair's breadth from a node is at the node: else one could not step off the end of an edge that is one-way.
    return np.where(offset <= AT_NODE_M, 0.0, np.where(offset >= length - AT_NODE_M, length, offset))


def _node(edges: Ints, offset: Floats, network: Network) -> Ints:
    """The node that a link sits on, or −1 between nodes."""
    length = network.edges["length_m"].to_numpy()[edges]
    u, v = network.edges["u_index"].to_numpy()[edges], network.edges["v_index"].to_numpy()[edges]
    return np.where(offset <= 0, u, np.where(offset >= length, v, -1 - np.arange(len(edges))))


def _stretches(
    shapes: Shapes, rows: Ints, lines: Shapes, links: tuple[Ints, Ints, Floats, Floats, Floats], network: Network
) -> tuple[Ints, Ints, Floats, Floats, Floats]:
    """Where an edge runs through an area, tie the area to that stretch of it: one arrives where the edge enters, and inside one is there.

    Ties lie at both ends and at most `STRETCH_M` apart between them, for those who join the edge inside.
    """
    box, hit, leg, start, offset = links
    through = np.flatnonzero((leg <= 0) & (shapely.get_dimensions(shapes[rows[box]]) == 2))
    if not len(through):
        return links
    inside = shapely.intersection(lines[hit[through]], shapes[rows[box[through]]])
    part, index = shapely.get_parts(inside, return_index=True)
    line = shapely.get_dimensions(part) == 1
    part, index = part[line], through[index[line]]
    units = network.plane.units_per_metre(shapely.get_y(shapely.get_point(part, 0)))
    pieces = np.maximum(np.ceil(shapely.length(part) / units / STRETCH_M), 1).astype(np.intp)
    of_part = np.repeat(np.arange(len(part)), pieces + 1)
    share = (np.arange(len(of_part)) - np.repeat(np.cumsum(pieces + 1) - pieces - 1, pieces + 1)) / pieces[of_part]
    ends = shapely.get_coordinates(shapely.line_interpolate_point(part[of_part], share, normalized=True))
    index = index[of_part]
    more = offsets(hit[index], ends, network)
    kept = np.setdiff1d(np.arange(len(box)), index)  # a bare touch keeps its single point
    index = np.concatenate([kept, index])
    return box[index], hit[index], leg[index], np.concatenate([start[kept], ends]), np.concatenate([offset[kept], more])
