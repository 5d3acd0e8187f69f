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
from numpy.typing import NDArray

from circle import access, folder, restored, sight
from circle.errors import PlaceError
from circle.linkage import Links
from circle.network import Network
from circle.projection import Plane
from circle.standards import Standard
from circle.units import SECONDS_PER_MINUTE

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]


@dataclass(frozen=True, slots=True, repr=False)
class Ground:
    """What a plan is made on.

    Attributes: `tables` of the run, its `record` and `summary`, its `standard`, `speed_m_per_s`; `net` (the network on the plane), `graph`
    (what searches run on), `mine` (links of the buildings, by row), `theirs` (links of the facilities, by row of the distinct ids `goals`),
    `known` (what is known of the leg of each of `mine`, see `sight`), `things` (what no leg crosses; None: the run did not say).
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
    known: NDArray[np.int8]
    things: sight.Obstacles | None

    def __repr__(self) -> str:
        return f"<Ground: {len(self.tables['buildings']):,} buildings, {len(self.goals):,} facilities, standard {self.standard.name}>"

    @classmethod
    def of(cls, tables: Mapping[str, pd.DataFrame], record: Mapping[str, Any], summary: Mapping[str, Any]) -> Ground:
        """From the tables of a run, by name, and its two records."""
        plane = Plane.of_box(summary["extent"])
        net = restored.network(gpd.GeoDataFrame(tables["nodes"]), gpd.GeoDataFrame(tables["edges"]), plane)
        goals = pd.Index(tables["facilities"]["facility"].drop_duplicates())
        links = tables["links"]
        if "visitors" not in tables["facilities"]:  # older runs did not say: everyone is let in
            tables = {**tables, "facilities": tables["facilities"].assign(visitors=True)}
        homes = links[links["kind"] == "building"]
        mine, order = restored.links(homes, pd.Index(tables["buildings"]["building"]), plane)
        return cls(
            tables=tables,
            record=record,
            summary=summary,
            standard=Standard.from_dict(record["standard"]),
            speed_m_per_s=float(record["walker"]["speed_m_per_s"]),
            net=net,
            graph=access.Graph.of(net.edges, net.nodes),
            mine=mine,
            theirs=restored.links(links[links["kind"] == "facility"], goals, plane)[0],
            goals=goals,
            known=restored.known(homes)[order],
            things=restored.obstacles(tables, plane),
        )

    def looked(self, rows: Ints) -> Ground:
        """The same, with every leg of these buildings tested, and without those legs that cross a wall or a house (see `sight`).

        A run tests all; one that an older version wrote, only what its walks take, and a plan may draw a walk over any link.
        """
        seen = restored.seen(self.mine, self.known, self.net, self.things, len(self.tables["buildings"]))
        if seen is None:
            return self
        asked = np.zeros(len(self.tables["buildings"]), dtype=bool)
        asked[rows] = True
        seen.test(np.flatnonzero(asked[self.mine.row]))
        keep = seen.state != sight.CROSSING
        return replace(self, mine=self.mine.take(keep), known=seen.state[keep])

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
        return self.theirs.of_shapes(self.goals.get_indexer(rows["facility"])), rows
