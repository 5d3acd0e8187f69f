"""A saved run, made ready to be searched again: its network on the plane, its links, its minutes.

Takes: the tables and records of a run.   Gives: `Ground`.
Never: reads a map again, or changes what the run found.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from circle import access, folder, rules
from circle.errors import PlaceError
from circle.linkage import FLAGS, Links
from circle.network import Network
from circle.projection import Plane
from circle.standards import Standard
from circle.units import SECONDS_PER_MINUTE

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Ground:
    """What a plan is made on.

    Attributes: `tables` of the run, its `record` and `summary`, its `standard`, `speed_m_per_s`; `net` (the network on the plane), `graph`
    (what searches run on), `mine` (links of the buildings, by row), `theirs` (links of the facilities, by row of the distinct ids `goals`).
    """

    tables: Mapping[str, pd.DataFrame]
    record: Mapping[str, Any]
    summary: Mapping[str, Any]
    standard: Standard
    speed_m_per_s: float
    net: Network
    graph: access.Graph
    mine: Links
    theirs: Links
    goals: pd.Index[Any]

    @classmethod
    def of(cls, tables: Mapping[str, pd.DataFrame], record: Mapping[str, Any], summary: Mapping[str, Any]) -> Ground:
        """From the tables of a run, by name, and its two records."""
        west, south, east, north = summary["extent"]
        plane = Plane((west + east) / 2, (south + north) / 2)
        net = _network(tables["nodes"], tables["edges"], plane)
        goals = pd.Index(tables["facilities"]["facility"].drop_duplicates())
        links = tables["links"]
        if "visitors" not in tables["facilities"]:  # runs of before did not say: everyone is let in
            tables = {**tables, "facilities": tables["facilities"].assign(visitors=True)}
        return cls(
            tables=tables,
            record=record,
            summary=summary,
            standard=Standard.from_dict(record["standard"]),
            speed_m_per_s=float(record["walker"]["speed_m_per_s"]),
            net=net,
            graph=access.Graph.of(net.edges, net.nodes),
            mine=_links(links[links["kind"] == "building"], pd.Index(tables["buildings"]["building"]), plane),
            theirs=_links(links[links["kind"] == "facility"], goals, plane),
            goals=goals,
        )

    @classmethod
    def open(cls, place: str | Path) -> Ground:
        """From the folder of a run.

        Raises
        ------
        SourceError   the folder is not a run's, or a file in it cannot be read
        PlaceError    the run withholds numbers below five (`--public`)
        """
        at = Path(place)
        if folder.read_record(at, "run").get("public"):
            raise PlaceError(f"{at}: a run with --public withholds numbers that a plan would count. Plan with a run without it.")
        tables = {name: folder.read_table(at, name) for name in (*folder.GEO_TABLES, *folder.PLAIN_TABLES)}
        return cls.of(tables, folder.read_record(at, "run"), folder.read_record(at, "summary"))

    @property
    def buildings(self) -> gpd.GeoDataFrame:
        """The buildings of the run, with what it found."""
        return gpd.GeoDataFrame(self.tables["buildings"])

    @property
    def facilities(self) -> gpd.GeoDataFrame:
        """The facilities of the run."""
        return gpd.GeoDataFrame(self.tables["facilities"])

    def current_s(self, service: str) -> Floats:
        """Seconds of every building to what exists."""
        return np.asarray(self.tables["buildings"][f"minutes_{service}"].to_numpy() * SECONDS_PER_MINUTE)

    def offered(self, service: str) -> tuple[Links, pd.DataFrame]:
        """Links of the facilities that offer a service, numbered by their row among these, and these."""
        rows = self.facilities[self.facilities["service"] == service].reset_index(drop=True)
        return only(self.theirs, self.goals.get_indexer(rows["facility"])), rows


def only(links: Links, rows: Ints) -> Links:
    """Links of some shapes, numbered by their place in `rows`."""
    place = np.full(max(int(links.row.max()) + 1 if len(links) else 0, int(rows.max()) + 1 if len(rows) else 0), -1, dtype=np.intp)
    place[rows] = np.arange(len(rows))
    kept = links.take(place[links.row] >= 0)
    return replace(kept, row=place[kept.row])


def _network(nodes: pd.DataFrame, edges: pd.DataFrame, plane: Plane) -> Network:
    """The saved network with its lines on the plane."""
    shapes = edges["geometry"].to_numpy()
    degrees = shapely.get_coordinates(shapes)
    x, y = plane.forward(degrees[:, 0], degrees[:, 1])
    first = np.r_[0, np.cumsum(shapely.get_num_coordinates(shapes))].astype(np.intp)
    points = nodes["geometry"].to_numpy()
    plain = pd.DataFrame(nodes.drop(columns="geometry")).assign(lon=shapely.get_x(points), lat=shapely.get_y(points))
    index = pd.Index(plain["node"])
    ways = pd.DataFrame(edges.drop(columns="geometry"))
    u, v = index.get_indexer(ways["u"]), index.get_indexer(ways["v"])
    component = plain["component"].to_numpy()[u]
    open_ = np.isfinite(np.minimum(ways["seconds_forward"].to_numpy(), ways["seconds_backward"].to_numpy()))
    metres = np.bincount(component, weights=np.where(open_, ways["length_m"].to_numpy(), 0.0))
    island = (metres < rules.settings("linkage")["island_max_m"]) & (np.arange(len(metres)) > 0)
    ways = ways.assign(u_index=u, v_index=v, component=component, island=island[component])
    # as in `network`: nobody steps off a ferry or a wait between its ends
    ways["midway"] = ~ways["class"].astype(str).isin([*rules.closed_midway(), "waiting"])
    if "raised" not in ways:  # a saved run does not say which edges are bridges or tunnels: a candidate's leg may meet any
        ways["raised"] = False
    lines = shapely.linestrings(x, y, indices=np.repeat(np.arange(len(ways)), np.diff(first)))
    return Network(nodes=plain, edges=ways, x=x, y=y, first=first, lines=lines, plane=plane)


def _links(rows: pd.DataFrame, ids: pd.Index[Any], plane: Plane) -> Links:
    """Saved links as arrays, sorted by shape and rank."""
    row = ids.get_indexer(pd.Index(rows["id"].astype(object)))
    order = np.lexsort((rows["rank"].to_numpy(), row))
    x, y = plane.forward(rows["start_lon"].to_numpy(), rows["start_lat"].to_numpy())
    flags = rows["flag"].astype("str").map({word: number for number, word in enumerate(FLAGS)}).fillna(0).to_numpy(dtype=np.int8)
    columns = (row, rows["edge"].to_numpy(dtype=np.intp), rows["offset_m"].to_numpy(), rows["leg_m"].to_numpy(), x, y, flags)
    return Links(*(np.asarray(column)[order] for column in columns))
