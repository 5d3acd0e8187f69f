"""Sight: legs between a door and a path do not cross walls, rails, water, motorways or other people's houses.

Takes: links, barriers and buildings on the plane.   Gives: which legs cross something; links of which every one that is taken is clear.
Never: leaves a shape without a link because it sees no path: then the nearest ones stay as they are, flagged.

Every leg is tested, which takes a microsecond or two. A shape that sees none of its links is given others, farther away. Links of a saved
run may still be unknown, where an older version left them so: they are tested when a walk takes them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import shapely
from numpy.typing import NDArray

from circle import corners, crossings, linkage, passages, rules
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
        self.boxes = shapely.bounds(buildings)
        self._walls = meeting.walls(corners.of(barriers))
        self._houses = meeting.houses(corners.of(buildings), self.boxes)

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
        hit = np.zeros(len(rows), dtype=bool)
        hit[crossings.touching(begin, stop, self._walls)[0]] = True
        out[rows[hit]] = True
        rows, begin, stop = rows[~hit], begin[~hit], stop[~hit]
        leg, house = self._entered(begin, stop, own[rows])
        foreign = ~self._same(house, own[rows[leg]], start[rows[leg]])
        out[rows[leg[foreign]]] = True
        return out

    def _entered(self, begin: Floats, stop: Floats, own: Ints) -> tuple[Ints, Ints]:
        """Rows of legs and of houses that are not their own and that they touch."""

        def pairs(some: slice) -> tuple[Ints, Ints]:
            leg, house = meeting.entered(begin[some], stop[some], own[some], self._houses)
            return leg + some.start, house

        leg, house = in_slices(pairs, len(begin))
        return leg, house

    def _same(self, house: Ints, own: Ints, start: Floats) -> Bools:
        """Whether a house is another outline of the leg's own: one lies within the other; or, for a point, it stands in that house."""
        same = np.zeros(len(house), dtype=bool)
        mine = np.flatnonzero(own >= 0)
        if len(mine):
            a, b = self.boxes[house[mine]], self.boxes[own[mine]]
            low, high = a[:, :2] <= b[:, :2], a[:, 2:] >= b[:, 2:]
            mine = mine[(low & high).all(axis=1) | ~(low | high).any(axis=1)]
            a, b = self.buildings[house[mine]], self.buildings[own[mine]]
            same[mine] = shapely.contains(a, shapely.point_on_surface(b)) | shapely.contains(b, shapely.point_on_surface(a))
        loose = np.flatnonzero(own < 0)
        same[loose] = shapely.intersects(self.buildings[house[loose]], shapely.points(start[loose]))
        return same


@dataclass(slots=True)
class Seen:
    """Links, and what is known of each leg (`state`: unknown, clear, crossing, allowed); unknown ones are tested when they are asked for.

    `own` is the row of the building that each shape is, or −1; `tested` counts the legs that were tested here.
    """

    links: Links
    network: Network
    obstacles: Obstacles
    own: Ints
    state: NDArray[np.int8]
    tested: int = 0

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
        self.tested += len(rows)

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
    lines = network.streets
    return side_by_side(lambda line, at: meeting.places(lines.xy, network.first, lines.along, line, at), links.edge, share)


def look(shapes: Shapes, links: Links, network: Network, obstacles: Obstacles, own: Ints) -> Seen:
    """Give each shape a link that crosses nothing, where there is one within `widen_m` (rules/settings.toml).

    Parameters
    ----------
    shapes, links
        As given to and by `linkage.link`.
    own
        Row of the building that each shape is, or −1.
    """
    seen = Seen(links, network, obstacles, own, np.zeros(len(links), dtype=np.int8))
    blind = _blind(seen, len(shapes))
    if len(blind):
        wider = linkage.wider(shapes, blind, network, rules.settings("sight")["widen_m"])
        fresh = Seen(wider, network, obstacles, own, np.zeros(len(wider), dtype=np.int8))
        lost = np.zeros(len(shapes), dtype=bool)
        lost[blind] = True
        lost[wider.row] = False
        lost[_blind(fresh, len(shapes))] = True
        helped = np.zeros(len(shapes), dtype=bool)
        helped[blind] = ~lost[blind]
        seen.state[lost[links.row]] = ALLOWED
        kept, found = ~helped[links.row], helped[wider.row]
        both, state = linkage.merged([links.take(kept), wider.take(found)], [seen.state[kept], fresh.state[found]])
        seen = Seen(both, network, obstacles, own, state)
    return seen


def _blind(seen: Seen, count: int) -> Ints:
    """Test every link; gives the shapes that have links, and none that is clear."""
    row = seen.links.row
    seen.test(np.arange(len(row)))
    linked, good = np.zeros(count, dtype=bool), np.zeros(count, dtype=bool)
    linked[row] = True
    good[row[seen.state == CLEAR]] = True
    return np.flatnonzero(linked & ~good)
