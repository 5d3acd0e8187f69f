"""Routes: the walk behind a minute, leg by leg.

Takes: the tables of a run, a building, a service.   Gives: a `Route` whose seconds are the minutes that the run shows.
Never: finds another walk than the one that was measured, or rounds.
"""

from __future__ import annotations

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from shapely.ops import substring

from circle import access
from circle.linkage import FLAGS, Links
from circle.units import minutes, seconds


@dataclass(frozen=True, slots=True)
class Leg:
    """A piece of a walk.

    Attributes: `kind` (`door`: from the building to the network; `way`: along an edge; `goal`: from the network to the facility), `way`
    (OSM id, 0 off the network), `name` and `way_class` of the street (empty off the network), `length_m`, `seconds`, `line` (WGS 84, as one
    walks; a straight line off the network), `access` (`public` or `private`; empty off the network), `node` (where the leg ends, −1 where
    that is between nodes).
    """

    kind: str
    way: int
    name: str
    way_class: str
    length_m: float
    seconds: float
    line: shapely.LineString
    access: str = ""
    node: int = -1


@dataclass(frozen=True, slots=True, repr=False)
class Route:
    """The walk from a building to the nearest facility of a service; without legs where there is no path.

    `flag` says what is doubtful about the link at the door (links.csv), `runner_up_s` how long the walk takes by the next best link (`inf`:
    there is none).
    """

    building: str
    service: str
    facility: str
    legs: tuple[Leg, ...]
    flag: str = ""
    runner_up_s: float = np.inf

    def __repr__(self) -> str:
        walk = f"{self.minutes:.2f} min, {self.length_m:.0f} m, {len(self.legs)} legs" if self.legs else "no path"
        return f"<Route from {self.building} to {self.facility or 'any ' + self.service}: {walk}>"

    @property
    def seconds(self) -> float:
        """Sum of the legs; `inf` where there is no path."""
        return sum(leg.seconds for leg in self.legs) if self.legs else np.inf

    @property
    def minutes(self) -> float:
        """The minutes of the run."""
        return minutes(self.seconds)

    @property
    def length_m(self) -> float:
        """Metres walked; `inf` where there is no path."""
        return sum(leg.length_m for leg in self.legs) if self.legs else np.inf

    def table(self) -> gpd.GeoDataFrame:
        """One row per leg, ready to be drawn."""
        columns = ("kind", "way", "name", "way_class", "length_m", "seconds")
        rows = {column: [getattr(leg, column) for leg in self.legs] for column in columns}
        return gpd.GeoDataFrame(rows, geometry=[leg.line for leg in self.legs], crs="EPSG:4326")


class Router:
    """Routes of one service on the tables of a run; the search is made once and serves every building.

    Parameters
    ----------
    nodes, edges, links, facilities
        Tables of a run, fresh or saved.
    service
        Service that is walked to.
    speed_m_per_s
        Speed of the walker off the network.
    """

    def __init__(
        self,
        nodes: gpd.GeoDataFrame,
        edges: gpd.GeoDataFrame,
        links: pd.DataFrame,
        facilities: gpd.GeoDataFrame,
        service: str,
        speed_m_per_s: float,
    ) -> None:
        self.nodes, self.edges, self.links = nodes, edges, links
        self.service, self.speed = service, speed_m_per_s
        offered = facilities[facilities["service"] == service]
        self.ids: list[str] = offered["facility"].tolist()
        self.shapes: NDArray[np.object_] = offered.geometry.to_numpy()
        self.graph = access.Graph.of(edges, nodes)
        rows = links[(links["kind"] == "facility") & links["id"].isin(self.ids)]
        self.goals, self.goal_table = _links(rows, {name: row for row, name in enumerate(self.ids)}), rows
        self.visitors = offered["visitors"].to_numpy(dtype=bool)
        self.reach = access.search(self.graph, self.goals, len(self.ids), speed_m_per_s, self.visitors)

    def route(self, building: str) -> Route:
        """The walk of one building, exactly as it was measured.

        Raises
        ------
        KeyError
            The run has no links of such a building: it is not in the run, or is tied to no path.
        """
        rows = self.links[(self.links["kind"] == "building") & (self.links["id"] == building)].sort_values("rank")
        if "seen" in rows:  # a leg that was never tested may lead through a wall: the walk does not take it, and nor does the runner-up
            rows = rows[rows["seen"].to_numpy(dtype=bool)]
        if not len(rows):
            raise KeyError(f"{building} is not in this run, or is tied to no path")
        mine = _links(rows, {building: 0})
        walk = access.measure(self.graph, mine, 1, self.goals, self.reach, self.speed)
        if walk.facility[0] < 0:
            return Route(building, self.service, "", ())
        taken = int(walk.link[0])
        start = _only(mine, taken)
        legs = [self._straight("door", start, (rows["start_lon"].iloc[taken], rows["start_lat"].iloc[taken]), arriving=False)]
        legs += self._on_network(start, int(walk.facility[0]))
        flag, runner_up = str(rows["flag"].iloc[taken]), float(walk.runner_up_s[0])
        return Route(building, self.service, self.ids[walk.facility[0]], tuple(legs), flag, runner_up)

    def _on_network(self, start: Links, facility: int) -> list[Leg]:
        """From a building's link to the facility: along one edge, or over nodes."""
        direct, _ = access.same_edge(self.graph, start, self.goals, self.speed)
        to_u, to_v = (float(cost[0]) for cost in self.graph.towards(start))
        edge, share = int(start.edge[0]), float(self.graph.share(start)[0])
        u, v = int(self.graph.start_u[edge]), int(self.graph.start_v[edge])
        by_u, by_v = to_u + self.reach.seconds[u], to_v + self.reach.seconds[v]
        if direct[0] < min(by_u, by_v):
            goal = self._goal_on(edge, share, facility)
            end = float(self.graph.share(_only(self.goals, goal))[0])
            return [self._along(edge, share, end), self._arrival(goal)]
        node, end = (u, 0.0) if by_u <= by_v else (v, 1.0)
        legs = [self._along(edge, share, end)]
        while (following := int(self.reach.next[node])) >= 0:
            if self.graph.base[node] != self.graph.base[following]:  # else one only leaves private ways, or enters them
                edge, forward = self._between(node, following)
                legs.append(self._along(edge, 0.0, 1.0) if forward else self._along(edge, 1.0, 0.0))
            node = following
        goal, begin = self._goal_from(node, facility)
        legs.append(self._along(int(self.goals.edge[goal]), begin, float(self.graph.share(_only(self.goals, goal))[0])))
        return [*legs, self._arrival(goal)]

    def _goal_on(self, edge: int, share: float, facility: int) -> int:
        """The facility's link on this edge that is nearest from `share`."""
        rows = np.flatnonzero((self.goals.edge == edge) & (self.goals.row == facility))
        apart = self.graph.share(self.goals)[rows] - share
        along = np.where(apart >= 0, apart * self.graph.forward_s[edge], -apart * self.graph.backward_s[edge])
        return int(rows[np.argmin(np.where(apart == 0, 0.0, along) + seconds(self.goals.leg_m[rows], self.speed))])

    def _goal_from(self, node: int, facility: int) -> tuple[int, float]:
        """The facility's link that is nearest from a place at an end of its edge, and the end of the edge that one enters by."""
        rows = np.flatnonzero(self.goals.row == facility)
        links = self.goals.take(rows)
        leg = seconds(links.leg_m, self.speed)
        from_u, from_v = self.graph.arriving(links)
        u, v = self.graph.arrivals(links, self.visitors)
        by_u = np.where(u == node, leg + from_u, np.inf)
        by_v = np.where(v == node, leg + from_v, np.inf)
        best = int(np.argmin(np.minimum(by_u, by_v)))
        return int(rows[best]), 0.0 if by_u[best] <= by_v[best] else 1.0

    def _between(self, node: int, following: int) -> tuple[int, bool]:
        """The quickest edge from one place to the next, and whether it is walked as it is drawn."""
        graph = self.graph
        here, there = graph.base[node], graph.base[following]
        layer = graph.open if node < len(self.nodes) else graph.own
        forward = np.where(layer & (graph.u == here) & (graph.v == there), graph.forward_s, np.inf)
        backward = np.where(layer & (graph.v == here) & (graph.u == there), graph.backward_s, np.inf)
        edge = int(np.argmin(np.minimum(forward, backward)))
        return edge, bool(forward[edge] <= backward[edge])

    def _along(self, edge: int, begin: float, end: float) -> Leg:
        row = self.edges.iloc[edge]
        whole = row["seconds_forward"] if end > begin else row["seconds_backward"]
        part = abs(end - begin)
        line = substring(row.geometry, begin, end, normalized=True)
        taken = float(part * whole) if part else 0.0
        place = (int(row["way"]), str(row["name"]), str(row["class"]), part * float(row["length_m"]), taken, _line(line))
        node = int(row["v"]) if end == 1.0 else int(row["u"]) if end == 0.0 else -1
        return Leg("way", *place, str(row["access"]), node)

    def _straight(self, kind: str, link: Links, outside: tuple[float, float], *, arriving: bool) -> Leg:
        on_edge = self.edges.geometry.iloc[int(link.edge[0])].interpolate(float(self.graph.share(link)[0]), normalized=True)
        ends = [outside, (on_edge.x, on_edge.y)]
        metres = float(link.leg_m[0])
        return Leg(kind, 0, "", "", metres, seconds(metres, self.speed), shapely.LineString(ends[::-1] if arriving else ends))

    def _arrival(self, goal: int) -> Leg:
        row = self.goal_table.iloc[goal]
        return self._straight("goal", _only(self.goals, goal), (row["start_lon"], row["start_lat"]), arriving=True)


def _only(links: Links, row: int) -> Links:
    return links.take(slice(row, row + 1))


def _links(rows: pd.DataFrame, place: dict[str, int]) -> Links:
    """Saved links as arrays; `place` numbers the shapes that they tie. Where a leg starts is kept in degrees, in the table."""
    nowhere = np.full(len(rows), np.nan)
    flag = np.asarray([FLAGS.index(word) for word in rows["flag"]], dtype=np.int8)
    number = np.asarray([place[name] for name in rows["id"]], dtype=np.intp)
    edge = rows["edge"].to_numpy(dtype=np.intp)
    return Links(number, edge, rows["offset_m"].to_numpy(), rows["leg_m"].to_numpy(), nowhere, nowhere, flag)


def _line(shape: shapely.Geometry) -> shapely.LineString:
    """A stretch without length is a point to Shapely; drawn, it is a line that stays where it is."""
    return shape if isinstance(shape, shapely.LineString) else shapely.LineString([shape, shape])
