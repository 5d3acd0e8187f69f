"""Restored: the arrays that a run worked with, out of the tables that it saved.

Takes: the tables of a run, its extent.   Gives: the network on the plane, links, what is known of each leg, what legs must not cross.
Never: reads a map, ties anything, or finds out more than was saved: a leg that no walk took is still unknown, and is tested when one does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from circle import linkage, rules, schema, sight
from circle.edges import end_rows
from circle.linkage import FLAGS, Links
from circle.network import Network, islands
from circle.projection import Plane

Ints = NDArray[np.intp]
Floats = NDArray[np.float64]
Shapes = NDArray[np.object_]


def network(nodes: gpd.GeoDataFrame, edges: gpd.GeoDataFrame, on: Plane, rows: Ints | None = None) -> Network:
    """The saved network as linkage and sight want it: `u_index`, `v_index`, `component`, `island` beside what was saved.

    `rows`: only these edges, in this order, numbered anew; islands are those of the whole network.
    """
    u, v = end_rows(nodes, edges)
    component = nodes["component"].to_numpy()
    plain = pd.DataFrame(edges.drop(columns="geometry"))
    if "midway" not in plain:  # older runs did not say: nobody steps off a ferry or a wait between its ends
        plain["midway"] = ~plain["class"].astype(str).isin([*rules.closed_midway(), "waiting"])
    if "raised" not in plain:
        plain["raised"] = False
    plain = plain.assign(u_index=u, v_index=v, component=component[u])
    plain["island"] = islands(nodes["node"].to_numpy(), component, plain)
    shapes = edges.geometry.to_numpy()
    if rows is not None:
        plain, shapes = plain.iloc[rows].reset_index(drop=True), shapes[rows]
    degrees, owner = shapely.get_coordinates(shapes, return_index=True)
    x, y = on.forward(degrees[:, 0], degrees[:, 1])
    first = np.searchsorted(owner, np.arange(len(shapes) + 1))
    lines = shapely.linestrings(x, y, indices=owner) if len(shapes) else np.empty(0, dtype=object)
    points = nodes.geometry.to_numpy()
    places = pd.DataFrame(nodes.drop(columns="geometry")).assign(lon=shapely.get_x(points), lat=shapely.get_y(points))
    return Network(places, plain, x, y, first, lines, on)


def links(saved: pd.DataFrame, ids: pd.Index[Any], on: Plane) -> tuple[Links, Ints]:
    """Saved links of one kind as arrays, sorted by shape and rank, and the row of `saved` that each is. `ids` number the shapes."""
    named = saved["id"].astype("category").cat
    row = ids.get_indexer(pd.Index(named.categories.astype(object)))[named.codes.to_numpy()]
    order = np.lexsort((saved["rank"].to_numpy(), row))
    x, y = on.forward(saved["start_lon"].to_numpy(), saved["start_lat"].to_numpy())
    flag = saved["flag"].astype(pd.CategoricalDtype(list(FLAGS))).cat.codes.to_numpy().astype(np.int8)
    made = Links(row, saved["edge"].to_numpy(dtype=np.intp), saved["offset_m"].to_numpy(), saved["leg_m"].to_numpy(), x, y, flag)
    return made.take(order), order


def known(saved: pd.DataFrame) -> NDArray[np.int8]:
    """What a run found out about each saved leg (`sight.UNKNOWN` and its like), in the order of the rows."""
    tested = saved["seen"].to_numpy(dtype=bool) if "seen" in saved else np.zeros(len(saved), dtype=bool)
    through = (saved["flag"] == "crossing").to_numpy()
    return np.where(through, sight.ALLOWED, np.where(tested, sight.CLEAR, sight.UNKNOWN)).astype(np.int8)


def obstacles(tables: Mapping[str, Any], on: Plane, outlines: Shapes | None = None) -> sight.Obstacles | None:
    """What no leg may cross: the barriers of a run and all its buildings; None where the run, an old one, saved no barriers.

    `outlines`: the buildings on the plane, where they are at hand.
    """
    if "barriers" not in tables:
        return None
    houses = on.project(tables["buildings"].geometry.to_numpy()) if outlines is None else outlines
    return sight.Obstacles(on.project(tables["barriers"].geometry.to_numpy()), houses)


def tied(shapes: Shapes, net: Network, things: sight.Obstacles | None, own: Ints | None = None) -> Links:
    """Tie facilities or candidates (on the plane) as a run ties facilities: every edge within reach, each leg tested at once.

    Legs that cross something are left out where the shape has a clear one; where it has none, they stay, flagged `crossing`.
    `own`: row of the building that each shape is, or `sight.NOBODY` (the default).
    """
    found = linkage.link(shapes, net, every=True)
    if things is None:
        return found
    mine = np.full(len(shapes), sight.NOBODY, dtype=np.intp) if own is None else own
    return sight.look(shapes, found, net, things, mine, every=True).saved()[0]


def seen(mine: Links, state: NDArray[np.int8], net: Network, things: sight.Obstacles | None, count: int) -> sight.Seen | None:
    """Links of `count` buildings with what is known of their legs, ready to test the others when a walk takes them."""
    return None if things is None else sight.Seen(mine, net, things, np.arange(count), state.copy())


def table_again(saved: pd.DataFrame, order: Ints, looked: sight.Seen) -> pd.DataFrame:
    """Saved links of buildings with what was found out since: those that cross something are gone, ranks are counted anew."""
    keep = looked.state != sight.CROSSING
    rest, state = looked.links.take(keep), looked.state[keep]
    flag = np.where(state == sight.ALLOWED, FLAGS.index("crossing"), rest.flag)
    words = schema.coded(flag, list(FLAGS))
    out = saved.iloc[order[keep]].assign(rank=rest.rank, flag=words, seen=state != sight.UNKNOWN)
    return pd.DataFrame(out.reset_index(drop=True))
