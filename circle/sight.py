"""Sight: legs between a door and a path do not cross walls, rails, water, motorways or other people's houses.

Takes: links, barriers and buildings on the plane.   Gives: which legs cross something; links of which every one that is taken is clear.
Never: leaves a shape without a link because it sees no path: then the nearest ones stay as they are, flagged.

Every leg is tested, which takes a microsecond or two. Where something hides the nearest place of a path, others are tried to its left and
right, and what can be seen there is a link too: people walk past the house in front of theirs. Where nothing hides it, an outline that
goes on along the path is tied to it there as well: of a long house beside a slanting road, decimetres would else say from which end its
people leave. A shape that sees none of its links is given others, farther away. Links of a saved run may still be unknown, where an
older version left them so: they are tested when a walk takes them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from circle import corners, linkage, passages, rules
from circle.chunks import in_slices, side_by_side
from circle.kernels import meeting
from circle.linkage import FLAGS, Links
from circle.network import Network

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Bools = NDArray[np.bool_]
Shapes = NDArray[np.object_]

UNKNOWN, CLEAR, CROSSING, ALLOWED = 0, 1, 2, 3  # ALLOWED: it crosses, and there is nothing better
NOBODY = -1
HAIR_M = 0.01  # a leg ends at its path, and a path on a wall can be reached from both sides


class Obstacles:
    """What legs must not cross.

    Parameters
    ----------
    barriers
        Lines on the plane.
    buildings
        Outlines on the plane; a leg names its own by row.
    """

    def __init__(self, barriers: Shapes, buildings: Shapes) -> None:
        self.buildings = buildings
        self._walls = meeting.walls(corners.of(barriers))
        self._houses = meeting.houses(corners.of(buildings), shapely.bounds(buildings))

    def crossed(self, start: Floats, end: Floats, units: Floats, own: Ints) -> Bools:
        """Which straight lines from `start` to `end` (n, 2) cross something; `own`: row of the building that each belongs to, or −1."""
        out = np.zeros(len(start), dtype=bool)
        length = np.hypot(*(end - start).T)
        touch = np.minimum(rules.settings("sight")["touch_m"] * units, length / 2)
        rows = np.flatnonzero(length > 2 * HAIR_M * units)
        if not len(rows):
            return out
        along = (end[rows] - start[rows]) / length[rows, None]
        begin = start[rows] + along * touch[rows, None]
        stop = end[rows] - along * (HAIR_M * units[rows])[:, None]
        mine = own[rows].astype(np.int64)

        def barred(some: slice) -> tuple[Bools, Ints, Ints]:
            legs = (start[rows[some]], begin[some], stop[some])
            certain, leg, house = meeting.barred(legs, mine[some], self._walls, self._houses)
            return certain, leg + some.start, house

        certain, leg, house = in_slices(barred, len(rows))
        out[rows[certain]] = True
        out[rows[leg[~self._same(house, mine[leg])]]] = True
        return out

    def _same(self, one: Ints, other: Ints) -> Bools:
        """Whether two houses are outlines of the same: one lies within the other."""
        a, b = self.buildings[one], self.buildings[other]
        return np.asarray(shapely.contains(a, shapely.point_on_surface(b)) | shapely.contains(b, shapely.point_on_surface(a)))


@dataclass(slots=True)
class Seen:
    """Links, and what is known of each leg (`state`: unknown, clear, crossing, allowed); unknown ones are tested when they are asked for.

    `own` is the row of the building that each shape is, or −1; `tested`: whether any leg was tested here.
    """

    links: Links
    network: Network
    obstacles: Obstacles
    own: Ints
    state: NDArray[np.int8]
    tested: bool = False

    def test(self, rows: Ints) -> None:
        """Test those of these links that are not known yet."""
        rows = rows[self.state[rows] == UNKNOWN]
        if not len(rows):
            return
        links = self.links.take(rows)
        start = np.column_stack([links.start_x, links.start_y])
        units = self.network.plane.units_per_metre(links.start_y)
        crossing = self.obstacles.crossed(start, _ends(links, self.network), units, self.own[links.row])
        self.state[rows] = np.where(crossing, CROSSING, CLEAR)
        self.tested = True

    def whole(self) -> tuple[Links, Bools]:
        """Links as a run saves them, every leg tested: a scenario may have those taken that no walk took."""
        self.test(np.arange(len(self.links)))
        return self.saved()

    def saved(self) -> tuple[Links, Bools]:
        """Links without those that are known to cross something where there is a clear one, and which of them were tested."""
        keep = self.state != CROSSING
        links, state = self.links.take(keep), self.state[keep]
        flag = np.where(state == ALLOWED, FLAGS.index("crossing"), links.flag).astype(np.int8)
        return replace(links, flag=flag), state != UNKNOWN


def _ends(links: Links, network: Network) -> Floats:
    """Where each leg ends; one that ends in a closed gate must be able to go on along its way behind it."""
    length = network.edges["length_m"].to_numpy()[links.edge]
    share = np.divide(links.offset_m, length, out=np.zeros(len(links)), where=length > 0)
    beyond = np.divide(rules.settings("sight")["beyond_m"], length, out=np.full(len(links), 0.5), where=length > 0)
    beyond = np.minimum(beyond, 0.5)
    at_u = (share <= 0) & passages.is_side(network.edges["u"].to_numpy()[links.edge])
    at_v = (share >= 1) & passages.is_side(network.edges["v"].to_numpy()[links.edge])
    share = np.where(at_u, beyond, np.where(at_v, 1 - beyond, share))
    return _places(links.edge, share, network)


def _places(edge: Ints, share: Floats, network: Network) -> Floats:
    """Where on the plane a share of each edge's length lies (n, 2)."""
    lines = network.streets
    return side_by_side(lambda line, at: meeting.places(lines.xy, network.first, lines.along, line, at), edge, share)


def look(shapes: Shapes, links: Links, network: Network, obstacles: Obstacles, own: Ints, *, every: bool = False) -> Seen:
    """Give each shape links past what hides a path and along its fronts, and if it sees none, those within `widen_m` that it does see.

    Parameters
    ----------
    shapes, links
        As given to and by `linkage.link`.
    own
        Row of the building that each shape is, or −1.
    every
        Ties all along a front, not only where it ends: for facilities, which others come to from anywhere along it.
    """
    seen = Seen(links, network, obstacles, own, np.zeros(len(links), dtype=np.int8))
    seen.test(np.arange(len(links)))
    past = linkage.joined([_past(shapes, seen), _along(shapes, seen, every=every)])
    clear = np.full(len(past), CLEAR, dtype=np.int8)
    parts, states = [links, past], [seen.state, clear]
    blind = _blind(seen, len(shapes))
    if len(blind):
        wider = linkage.wider(shapes, blind, network, rules.settings("sight")["widen_m"])
        fresh = Seen(wider, network, obstacles, own, np.zeros(len(wider), dtype=np.int8))
        fresh.test(np.arange(len(wider)))
        helped, lost = np.zeros(len(shapes), dtype=bool), np.zeros(len(shapes), dtype=bool)
        helped[wider.row[fresh.state == CLEAR]] = True
        lost[blind] = True
        lost[past.row] = False
        seen.state[(lost & ~helped)[links.row]] = ALLOWED
        kept, found = ~helped[links.row], helped[wider.row]
        parts, states = [links.take(kept), past, wider.take(found)], [seen.state[kept], clear, fresh.state[found]]
    both, state = linkage.merged(parts, states)
    return replace(seen, links=both, state=state)


def _past(shapes: Shapes, seen: Seen) -> Links:
    """Links past what hides others: to the first clear places found along their edges on either side (settings.toml, `aside`)."""
    rule, network = rules.settings("aside"), seen.network
    margin, farthest = rules.settings("sight")["beyond_m"], rules.settings("linkage")["far_reach_m"]
    old = seen.links.take(seen.state == CROSSING)
    if not len(old):
        return Links.none()
    owner, place = np.unique(old.row, return_inverse=True)
    drawn = corners.of(shapes[owner])
    outlined = (shapely.get_dimensions(shapes[owner]) > 0)[place]  # others leave from their door
    door, length = np.column_stack([old.start_x, old.start_y]), network.edges["length_m"].to_numpy()
    which, edge, begin, way = _onward(old, seen.links, network)
    found, share = [Links.none()], rule["least"]
    while share <= rule["most"] and len(which):
        offset = begin + way * share * (old.leg_m[which] + rule["more_m"])
        on_it = (offset > margin) & (offset < length[edge] - margin)  # nodes have links of their own, or are gates
        which, edge, begin, way, offset = which[on_it], edge[on_it], begin[on_it], way[on_it], offset[on_it]
        end, start, leaves = _places(edge, offset / length[edge], network), door[which], outlined[which]
        start[leaves] = side_by_side(lambda to, shape: meeting.feet(to, drawn, shape), end[leaves], place[which[leaves]])
        units = network.plane.units_per_metre(start[:, 1])
        leg = np.hypot(*(end - start).T) / units
        clear = ~seen.obstacles.crossed(start, end, units, seen.own[old.row[which]]) & (leg <= farthest)
        found.append(_links(old.row[which], edge, offset, (start, leg), network).take(clear))
        which, edge, begin, way = which[~clear], edge[~clear], begin[~clear], way[~clear]
        share *= rule["times"]
    return linkage.joined(found)


def _along(shapes: Shapes, seen: Seen, *, every: bool) -> Links:
    """Links along the fronts of outlines: on either side of a clear leg, as far as the outline goes on beside the path.

    One goes on `step_m` at a time while the nearest place of the outline moves along by half of that at least and recedes by `slant` of it
    at most, and the leg is no longer than the first one or `reach_m`: a house that turns away from the path has no front there. Of each
    front the last place that is seen counts; with `every`, all of them.
    """
    rule, network = rules.settings("front"), seen.network
    step, recedes = rule["step_m"], rule["step_m"] * rule["slant"]
    margin, reach = rules.settings("sight")["beyond_m"], rules.settings("linkage")["reach_m"]
    low_x, low_y, high_x, high_y = shapely.bounds(shapes).T
    units = network.plane.units_per_metre((low_y + high_y) / 2)
    wide = (shapely.get_dimensions(shapes) == 2) & (np.hypot(high_x - low_x, high_y - low_y) >= step * units)
    old = seen.links.take((seen.state == CLEAR) & (seen.links.leg_m > 0) & wide[seen.links.row])
    if not len(old):
        return Links.none()
    owner, place = np.unique(old.row, return_inverse=True)
    drawn, length = corners.of(shapes[owner]), network.edges["length_m"].to_numpy()
    which, edge, begin, way = _onward(old, seen.links, network)
    front, before = np.column_stack([old.start_x, old.start_y])[which], old.leg_m[which]
    found, fronts = [Links.none()], [np.empty(0, dtype=np.intp)]
    on, gone = np.arange(len(which)), step  # fronts that still go on, and how far along them one is
    while len(on):
        offset = begin[on] + way[on] * gone
        on_it = (offset > margin) & (offset < length[edge[on]] - margin)
        on, offset = on[on_it], offset[on_it]
        row, mine = which[on], edge[on]
        end = _places(mine, offset / length[mine], network)
        start = side_by_side(lambda to, shape: meeting.feet(to, drawn, shape), end, place[row])
        units = network.plane.units_per_metre(start[:, 1])
        leg = np.hypot(*(end - start).T) / units
        goes_on = (np.hypot(*(start - front[on]).T) >= step / 2 * units) & (leg <= before[on] + recedes)
        goes_on &= leg <= np.maximum(old.leg_m[row], reach)
        front[on], before[on] = start, leg
        seen_there = goes_on.copy()
        seen_there[goes_on] = ~seen.obstacles.crossed(start[goes_on], end[goes_on], units[goes_on], seen.own[old.row[row[goes_on]]])
        found.append(_links(old.row[row], mine, offset, (start, leg), network).take(seen_there))
        fronts.append(on[seen_there])
        on, gone = on[goes_on], gone + step
    if not every:
        found = _last(found, np.concatenate(fronts))
    return linkage.joined(found)


def _links(row: Ints, edge: Ints, offset: Floats, leg: tuple[Floats, Floats], network: Network) -> Links:
    """Links of shapes to places of edges; `leg`: where each leg starts (n, 2), and its metres."""
    start, metres = leg
    return Links(row, edge, offset, metres, start[:, 0], start[:, 1], linkage.flags(edge, metres, network))


def _last(parts: list[Links], fronts: Ints) -> list[Links]:
    """Of links that were found one after the other along some fronts the last of each front: from it one has least to walk."""
    _, back = np.unique(fronts[::-1], return_index=True)
    rows = len(fronts) - 1 - back
    return [Links(*(np.concatenate([getattr(part, name) for part in parts])[rows] for name in Links.__slots__))]


def _onward(links: Links, known: Links, network: Network) -> tuple[Ints, Ints, Floats, Floats]:
    """Ways on along the ground from where links end: row of the link, edge, offset where one begins, and 1 (away from `u`) or −1.

    `known`: all links of the same shapes. Edges that meet in one nearest node have one link there: from it one goes on along all of them
    that the same people walk. Nobody steps onto a bridge from beside it.
    """
    edges = network.edges
    length, who = edges["length_m"].to_numpy(), pd.Categorical(edges["access"], categories=list(rules.ACCESS)).codes
    u, v, island = edges["u_index"].to_numpy(), edges["v_index"].to_numpy(), edges["island"].to_numpy()
    ground = linkage.usable(network) & ~edges["raised"].to_numpy()
    at_u, at_v = links.offset_m <= 0, links.offset_m >= length[links.edge]
    between, corner = np.flatnonzero(~at_u & ~at_v & ground[links.edge]), np.flatnonzero(at_u | at_v)
    own = links.edge[corner]
    stands = np.where(at_u[corner], u[own], v[own])
    asked = np.zeros(len(network.nodes), dtype=bool)
    asked[stands] = True
    from_u, from_v = np.flatnonzero(ground & asked[u]), np.flatnonzero(ground & asked[v])
    edge = np.r_[from_u, from_v]
    way = np.repeat([1.0, -1.0], [len(from_u), len(from_v)])
    ends = pd.DataFrame({"node": np.r_[u[from_u], v[from_v]], "who": who[edge], "island": island[edge], "edge": edge, "way": way})
    met = pd.DataFrame({"which": corner, "node": stands, "who": who[own], "island": island[own]})
    met = met.merge(ends, on=["node", "who", "island"])
    which, edge, way = (met[name].to_numpy() for name in ("which", "edge", "way"))
    elsewhere = pd.Index(links.row[which] * len(length) + edge).isin(known.row * len(length) + known.edge)
    fresh = (edge == links.edge[which]) | ~elsewhere  # an edge that comes nearer elsewhere has a link there
    which, edge, way = which[fresh], edge[fresh], way[fresh]
    both = np.repeat(between, 2)
    begin = np.r_[links.offset_m[both], np.where(way > 0, 0.0, length[edge])]
    return np.r_[both, which], np.r_[links.edge[both], edge], begin, np.r_[np.tile([-1.0, 1.0], len(between)), way]


def _blind(seen: Seen, count: int) -> Ints:
    """The shapes that have links, and none that is clear; all links were tested."""
    row = seen.links.row
    linked, good = np.zeros(count, dtype=bool), np.zeros(count, dtype=bool)
    linked[row] = True
    good[row[seen.state == CLEAR]] = True
    return np.flatnonzero(linked & ~good)
