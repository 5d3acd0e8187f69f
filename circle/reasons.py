"""Reasons: whether one passage through a wall, a railway or a river would mend a gap, and which one.

Takes: barriers as lines, the network, buildings that walk a detour.   Gives: for each of them the barrier to open, if one would do.
Never: proposes where to build (that is siting), guesses from a map without walking, or lets one building's reason hang on another's.

A *passage* is a straight line between two points of the network on two sides of a barrier, no wider than the rules allow for its kind,
through no building. Spots along every barrier are tried. A building has the reason `barrier` when

    walk to one side + width of the passage + walk from the other side to a facility  ≤  limit

for some passage. The last part is known from the search of the service; the first comes from one more search, outward from all passages
at once, each beginning with what remains beyond it, and ending at the limit. So the cost is that of a search, not of buildings × barriers.
Private ways are no through-way here either: a passage that begins on one is for those who live there, and who comes from a public way
enters one only to end his walk there.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from circle import access, crossings, rules, schema
from circle.chunks import side_by_side
from circle.crossings import Pieces
from circle.gaps import REASONS
from circle.kernels.nearest import Streets
from circle.linkage import Links, offset_of, ranks
from circle.network import Network
from circle.sight import Seen
from circle.units import limit_metres, limit_seconds

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Bools = NDArray[np.bool_]
Shapes = NDArray[np.object_]

ON_THE_LINE_M = 0.1  # a point this near to a barrier is on neither side of it
ASIDE_M = 0.5  # how far along a barrier one looks for its direction


@dataclass(frozen=True, slots=True)
class Passages:
    """Places where a barrier could be opened, each in both directions; arrays of one length.

    Attributes: `spot` (which spot along a barrier it was found at), `barrier` (row of the barriers), `width_m`; `near` and `far` are ties
    to the network on this side and on the other, row i being passage i.
    """

    spot: Ints
    barrier: Ints
    width_m: Floats
    near: Links
    far: Links

    def __len__(self) -> int:
        return len(self.spot)

    def take(self, rows: Ints) -> Passages:
        """Some of the passages, in the order of `rows`."""
        again = np.arange(len(rows))
        near, far = (replace(links.take(rows), row=again) for links in (self.near, self.far))
        return Passages(self.spot[rows], self.barrier[rows], self.width_m[rows], near, far)


@dataclass(frozen=True, slots=True)
class Spots:
    """Points along the barriers at which a passage is tried, on the plane: place, direction of the barrier, and its row."""

    x: Floats
    y: Floats
    along_x: Floats
    along_y: Floats
    barrier: Ints

    def take(self, rows: Ints) -> Spots:
        """Some of the spots."""
        return Spots(self.x[rows], self.y[rows], self.along_x[rows], self.along_y[rows], self.barrier[rows])


@dataclass(frozen=True, slots=True)
class Homes:
    """Buildings: `starts` (door or outline, on the plane), `links`, and what is known of the legs (`seen`; None: all may be taken)."""

    starts: Shapes
    links: Links
    seen: Seen | None = None

    def take(self, rows: Ints) -> Homes:
        """Some of the buildings, numbered anew."""
        links, known = self.links.of_shapes(rows), self.seen
        if known is None:
            return Homes(self.starts[rows], links)
        state = known.state[np.isin(self.links.row, rows)]
        return Homes(self.starts[rows], links, Seen(links, known.network, known.obstacles, known.own[rows], state))


@dataclass(frozen=True, slots=True)
class Service:
    """What is walked to: `name`, `limit_min`, ties of its facilities, and what its search found."""

    name: str
    limit_min: float
    facilities: Links
    reach: access.Reach


class Openings:
    """All passages of a place, found where they are asked for, and once.

    Parameters
    ----------
    barriers
        `barrier` (id), `kind`, `name`, and lines or areas in WGS 84; an area is barred by its outline. Kinds whose widest passage
        (rules/settings.toml) is 0 cannot be opened, and no passage leads through them.
    network
        The walking network.
    outlines
        Buildings on the plane: no passage leads through one.
    box
        West, south, east, north on the plane: spots are tried in it alone. Without one, everywhere.
    """

    def __init__(self, barriers: gpd.GeoDataFrame, network: Network, outlines: Shapes, box: Floats | None = None) -> None:
        self.network = network
        self.ids = barriers["barrier"].astype(str).to_numpy(dtype=object)
        self.rank, self.widest = _rank_of(barriers), _widest(barriers)
        lines, owner = _lines(barriers, network)
        opens = self.widest[owner] > 0
        self.lines, self.owner = lines[opens], owner[opens]
        self.spots = _spots(self.lines, self.owner, network, box)
        self._tried = np.zeros(len(self.spots.x), dtype=bool)
        self._found: list[Passages] = []
        self._houses: shapely.STRtree | None = None
        self._outlines = np.concatenate([outlines, lines[~opens]])
        self._barriers = Pieces(self.lines)

    def blame(self, told: pd.DataFrame, service: Service, homes: Homes, graph: access.Graph, speed_m_per_s: float) -> pd.DataFrame:
        """Verdicts with the reason `barrier` where it is one, and the column `barrier_S`: the id of what bars the way, or empty.

        Asked are buildings that walk a detour or stand on an island of the network.

        Parameters
        ----------
        told
            From `gaps.judge`, one row per building.

        Contract: only reasons change, and only those of buildings that one passage brings within the limit.
        """
        reason = told[f"reason_{service.name}"].cat.codes.to_numpy().copy()
        asked = np.flatnonzero(np.isin(reason, [REASONS.index("detour"), REASONS.index("island")]))
        good, barrier = self.mend(homes.take(asked), service, graph, speed_m_per_s)
        reason[asked[good]] = REASONS.index("barrier")
        words, number = np.unique(self.ids[barrier].astype(str), return_inverse=True)
        code = np.full(len(told), len(words))
        code[asked[good]] = number
        columns = {
            f"reason_{service.name}": schema.coded(reason, list(REASONS)),
            f"barrier_{service.name}": schema.coded(code, [*words.tolist(), ""]),
        }
        return told.assign(**columns)

    def mend(self, homes: Homes, service: Service, graph: access.Graph, speed_m_per_s: float) -> tuple[Ints, Ints]:
        """Buildings that one passage would bring within the limit, and the row of the barrier that it opens.

        Contract: a wider rule never takes a building away; other buildings do not matter.
        """
        none = np.empty(0, dtype=np.intp)
        if not len(homes.starts) or not len(self.spots.x) or not len(service.facilities):
            return none, none
        passages = self._around(homes.starts, limit_metres(service.limit_min, speed_m_per_s))
        if not len(passages):
            return none, none
        limit_s = limit_seconds(service.limit_min)
        rest = self._beyond(passages, service, graph, speed_m_per_s)
        short = np.flatnonzero(rest <= limit_s)
        if not len(short):
            return none, none
        passages = passages.take(short)
        goals = replace(passages.near, leg_m=rest[short] * speed_m_per_s)  # what remains beyond, as if it were the leg of the goal
        residents = np.zeros(len(passages), dtype=bool)  # who does not live on a private way does not begin a passage there
        reach = access.search(graph, goals, len(passages), speed_m_per_s, residents, limit_s=limit_s)
        walk = access.measure(graph, homes.links, len(homes.starts), goals, reach, speed_m_per_s, homes.seen, 0.0)
        good = np.flatnonzero(walk.seconds <= limit_s)
        return good, passages.barrier[walk.facility[good]]

    def _beyond(self, passages: Passages, service: Service, graph: access.Graph, speed_m_per_s: float) -> Floats:
        """Seconds through each passage and on to a facility."""
        far = replace(passages.far, leg_m=passages.width_m)
        at_home = graph.own[passages.near.edge]
        visiting = replace(graph, start_u=graph.goal_u, start_v=graph.goal_v)
        walks = [access.measure(one, far, len(far), service.facilities, service.reach, speed_m_per_s) for one in (graph, visiting)]
        return np.where(at_home, walks[0].seconds, walks[1].seconds)

    def _around(self, starts: Shapes, reach_m: float) -> Passages:
        """Passages at spots that lie in the same square of the reach's size as a building, or in one beside it.

        Buildings larger than that are rare, and are looked around at each end of their box and at their middle.
        """
        west, south, east, north = shapely.bounds(starts).T
        x, y = np.r_[west, (west + east) / 2, east], np.r_[south, (south + north) / 2, north]
        size = reach_m * float(self.network.plane.units_per_metre(np.asarray([south.min(), north.max()])).max())
        across = 1 << 31

        def cells(x: Floats, y: Floats) -> NDArray[np.int64]:
            return np.floor(x / size).astype(np.int64) * across + np.floor(y / size).astype(np.int64)

        own = np.unique(cells(x, y))
        beside = np.unique((own[:, None] + np.asarray([dx * across + dy for dx in (-1, 0, 1) for dy in (-1, 0, 1)])).ravel())
        wanted = pd.Series(cells(self.spots.x, self.spots.y)).isin(beside).to_numpy()
        fresh = np.flatnonzero(wanted & ~self._tried)
        if len(fresh):
            self._found.append(self._try(fresh))
            self._tried[fresh] = True
        every = _joined(self._found)
        return every.take(np.flatnonzero(wanted[every.spot]))

    def _try(self, rows: Ints) -> Passages:
        """Passages at some of the spots."""
        spots, network = self.spots.take(rows), self.network
        units = network.plane.units_per_metre(spots.y)
        places = np.column_stack([spots.x, spots.y])
        lines, reach = network.streets, self.widest[spots.barrier] * units
        spot, corner, end = crossings.within(places, lines, reach)
        edge, place = lines.of[corner].astype(np.intp), places[spot]
        dx, dy = (end - place).T
        side = (spots.along_x[spot] * dy - spots.along_y[spot] * dx) / units[spot]
        # a path that ends at the barrier, at a closed gate, lies on the side that it comes from
        from_side = [
            ((spots.along_x[spot] * (at - place)[:, 1]) - (spots.along_y[spot] * (at - place)[:, 0])) / units[spot]
            for at in (lines.xy[corner], lines.xy[corner + 1])
        ]
        come = np.where(np.abs(from_side[0]) > np.abs(from_side[1]), *from_side)
        side = np.where(np.abs(side) > ON_THE_LINE_M, side, come)
        away = np.hypot(dx, dy) / units[spot]
        off = np.flatnonzero(np.abs(side) > ON_THE_LINE_M)
        left = side > 0
        at_side = spot * 2 + left
        to_edge = at_side * len(network.lines) + edge
        order = off[np.lexsort((away[off], to_edge[off]))]  # of one edge on one side the nearest point
        order = order[ranks(to_edge[order]) == 0]
        order = order[~self._crossed(edge[order], spots.barrier[spot[order]], place[order], reach[spot[order]])]
        order = order[np.lexsort((edge[order], away[order], at_side[order]))]
        kept = order[ranks(at_side[order]) < int(rules.settings("passage")["keep"])]
        ends = pd.DataFrame({"spot": spot[kept], "at": kept})
        pairs = ends[left[kept]].merge(ends[~left[kept]], on="spot")
        one, other = pairs["at_x"].to_numpy(dtype=np.intp), pairs["at_y"].to_numpy(dtype=np.intp)
        return self._pass(rows, spot, units, (edge, end, _offset_at(lines, corner, end, network)), (one, other))

    def _crossed(self, edge: Ints, barrier: Ints, place: Floats, reach: Floats) -> Bools:
        """Pairs of spot and edge where the edge itself crosses the barrier near the spot: there the barrier is open, or passed above."""
        out = np.zeros(len(edge), dtype=bool)
        which, once = pd.factorize(edge)
        number = len(self.ids)
        asked = pd.unique(which * number + barrier)
        part, hit = self._barriers.crossing(
            self.network.lines[once], lambda shape, line: pd.Series(shape * number + self.owner[line]).isin(asked).to_numpy()
        )
        crossing = pd.DataFrame({"which": part, "barrier": self.owner[hit], "hit": hit})
        both = pd.DataFrame({"which": which, "barrier": barrier, "row": np.arange(len(edge))}).merge(crossing, on=["which", "barrier"])
        row, hit = both["row"].to_numpy(dtype=np.intp), both["hit"].to_numpy(dtype=np.intp)
        if len(row):
            at = side_by_side(shapely.intersection, self.network.lines[edge[row]], self.lines[hit])
            out[row[shapely.distance(shapely.points(place[row]), at) <= reach[row]]] = True
        return out

    def _pass(self, rows: Ints, spot: Ints, units: Floats, ends: tuple[Ints, Floats, Floats], pairs: tuple[Ints, Ints]) -> Passages:
        """The pairs of ends that make a passage: narrow enough, through a barrier, through no building; in both directions."""
        edge, end, offset = ends
        one, other = pairs
        at = spot[one]
        width = np.hypot(*(end[one] - end[other]).T) / units[at]
        narrow = np.flatnonzero(width <= self.widest[self.owner].max(initial=0.0))  # what is wider is wide for every barrier
        one, other, at, width = one[narrow], other[narrow], at[narrow], width[narrow]
        lines = shapely.linestrings(np.stack([end[one], end[other]], axis=1)) if len(one) else np.empty(0, dtype=object)
        barrier = self._named(lines)
        fine = np.flatnonzero((barrier >= 0) & (width <= np.where(barrier >= 0, self.widest[barrier], 0.0)))
        if len(fine):
            if self._houses is None:
                self._houses = shapely.STRtree(self._outlines)
            line, house = self._houses.query(lines[fine])
            touched = crossings.meet(shapely.get_coordinates(lines[fine[line]]).reshape(-1, 2, 2), self._outlines[house])
            line, house = line[touched], house[touched]
            through = side_by_side(shapely.crosses, lines[fine[line]], self._outlines[house])
            fine = np.setdiff1d(fine, fine[line[through]])
        one, other, at, width, barrier = one[fine], other[fine], at[fine], width[fine], barrier[fine]
        here, there = np.r_[one, other], np.r_[other, one]
        order = np.lexsort((there, here, np.r_[at, at]))
        near, far = (_tie(edge[side][order], end[side][order], offset[side][order]) for side in (here, there))
        return Passages(rows[np.r_[at, at]][order], np.r_[barrier, barrier][order], np.r_[width, width][order], near, far)

    def _named(self, lines: Shapes) -> Ints:
        """The barrier that each passage is named after: of those that it crosses, the hardest to open; −1 where it crosses none."""
        out = np.full(len(lines), -1, dtype=np.intp)
        passage, hit = self._barriers.touching(lines)
        owner = self.owner[hit]
        order = np.lexsort((owner, self.rank[owner], passage))
        first = order[ranks(passage[order]) == 0]
        out[passage[first]] = owner[first]
        return out


def _lines(barriers: gpd.GeoDataFrame, network: Network) -> tuple[Shapes, Ints]:
    """Single lines of all barriers on the plane, and the row of the barrier of each; areas give their outlines."""
    shapes = np.asarray(barriers.geometry, dtype=object)
    areal = shapely.get_dimensions(shapes) == 2
    shapes = np.where(areal, shapely.boundary(shapes), shapes)
    parts, owner = shapely.get_parts(shapes, return_index=True)
    drawn = (shapely.get_dimensions(parts) == 1) & ~shapely.is_empty(parts)
    parts, owner = parts[drawn], owner[drawn]
    return network.plane.project(parts), owner


def _rank_of(barriers: gpd.GeoDataFrame) -> Ints:
    """Order in which barriers give a passage its name: by kind as in the rules, then the named ones."""
    kinds = list(rules.settings("passage_width_m"))
    said = pd.Categorical(barriers["kind"].astype(str))
    kind = np.asarray([kinds.index(one) if one in kinds else len(kinds) for one in said.categories], dtype=np.intp)
    unnamed = np.asarray(barriers["name"].astype(str) == "", dtype=np.intp)
    return np.asarray(kind[said.codes] * 2 + unnamed)


def _widest(barriers: gpd.GeoDataFrame) -> Floats:
    """Metres of the widest passage through each barrier, by its kind."""
    widths = rules.settings("passage_width_m")
    kind = pd.Categorical(barriers["kind"].astype(str))
    return np.take([float(widths.get(one, widths["other"])) for one in kind.categories], kind.codes)


def _spots(lines: Shapes, owner: Ints, network: Network, box: Floats | None = None) -> Spots:
    """Points along barriers; of these, where there is a `box` on the plane, only those in it."""
    if not len(lines):
        none = np.empty(0)
        return Spots(none, none, none, none, none.astype(np.intp))
    length = shapely.length(lines)
    units = network.plane.units_per_metre(shapely.get_y(shapely.get_point(lines, 0)))
    pieces = np.maximum(np.ceil(length / units / rules.settings("passage")["every_m"]), 1).astype(np.intp)
    of = np.repeat(np.arange(len(lines)), pieces)
    step = np.arange(len(of)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    at = (step + 0.5) * length[of] / pieces[of]

    points = _Points(lines)
    here = points.at(of, at)
    if box is not None:
        rows = np.flatnonzero(((here >= box[:2]) & (here <= box[2:])).all(axis=1))
        of, at, here = of[rows], at[rows], here[rows]
    aside = ASIDE_M * units[of]
    before, after = points.at(of, np.maximum(at - aside, 0.0)), points.at(of, np.minimum(at + aside, length[of]))
    direction = after - before
    size = np.hypot(*direction.T)
    kept = size > 0  # a loop shorter than a stride has no direction
    direction = direction[kept] / size[kept, None]
    return Spots(here[kept, 0], here[kept, 1], direction[:, 0], direction[:, 1], owner[of][kept])


class _Points:
    """Points along lines. A coast or a railway has thousands of spots; to walk it from its begin for each of them would cost their square.

    What is said of one line does not hang on the others, to the last bit.
    """

    def __init__(self, lines: Shapes) -> None:
        self._place, of = shapely.get_coordinates(lines, return_index=True)
        step = np.r_[0.0, np.hypot(*np.diff(self._place, axis=0).T)]
        self._first = np.searchsorted(of, np.arange(len(lines) + 1))
        step[self._first[:-1]] = 0.0
        self._along = pd.Series(step).groupby(of).cumsum().to_numpy()
        self._whole = np.cumsum(step)  # grows over all lines, so that one search finds the piece of each

    def at(self, line: Ints, distance: Floats) -> Floats:
        """Places at distances (units of the plane) along lines, shape (n, 2)."""
        first, last = self._first[line], self._first[line + 1] - 2
        piece = np.clip(np.searchsorted(self._whole, self._whole[first] + distance, side="right") - 1, first, last)
        piece -= (self._along[piece] > distance) & (piece > first)  # sums over all lines are rounded
        piece += (self._along[piece + 1] <= distance) & (piece < last)
        begin, step = self._along[piece], self._along[piece + 1] - self._along[piece]
        share = np.divide(distance - begin, step, out=np.zeros(len(piece)), where=step > 0)
        return np.asarray(self._place[piece] + np.clip(share, 0.0, 1.0)[:, None] * (self._place[piece + 1] - self._place[piece]))


def _offset_at(lines: Streets, corner: Ints, place: Floats, network: Network) -> Floats:
    """Metres from `u` along each edge to a place on it, behind one of its corners."""
    along = lines.along[corner] + np.hypot(*(place - lines.xy[corner]).T)
    edge = lines.of[corner].astype(np.intp)
    return offset_of(np.divide(along, lines.whole[edge], out=np.zeros(len(edge)), where=lines.whole[edge] > 0), edge, network)


def _tie(edge: Ints, point: Floats, offset: Floats) -> Links:
    """Ties of points that lie on edges."""
    nothing = np.zeros(len(edge))
    return Links(np.arange(len(edge)), edge, offset, nothing, point[:, 0], point[:, 1], np.zeros(len(edge), dtype=np.int8))


def _joined(parts: list[Passages]) -> Passages:
    def links(side: str) -> Links:
        columns = [np.concatenate([getattr(getattr(part, side), name) for part in parts]) for name in Links.__slots__]
        return replace(Links(*columns), row=np.arange(sum(map(len, parts))))

    if not parts:
        none = np.empty(0)
        return Passages(none.astype(np.intp), none.astype(np.intp), none, Links.none(), Links.none())
    spot, barrier, width = (np.concatenate([getattr(part, name) for part in parts]) for name in ("spot", "barrier", "width_m"))
    return Passages(spot, barrier, width, links("near"), links("far"))
