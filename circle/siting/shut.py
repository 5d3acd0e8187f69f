"""Shut gates: the gates of a run that are not open to everybody, as passages that could be opened.

Takes: the ground, homes that wait.   Gives: rows of the table of passages, of the kind `gate`, whose ids are those of the gates.
Never: proposes a gate that no path leads to from two sides.
"""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from circle import passages
from circle.siting.candidates import rule
from circle.siting.ground import Ground

Floats = NDArray[np.float64]

KIND = "gate"
NAME = "开门 open the gate"
BESIDE_M = 0.5  # the line that stands for a gate begins and ends so far from it


def gates(ground: Ground, near: Floats | None = None, reach_m: float = np.inf) -> gpd.GeoDataFrame:
    """Gates that could be opened, the one that most homes wait near first.

    Parameters
    ----------
    near, reach_m
        Plane coordinates of homes that wait, shape (n, 2): only gates within `reach_m` metres of one are given.

    Returns
    -------
    Columns as `passages.find` gives them; `passage` is the gate's id, `length_m` is 0, `walk_m` is unknown (NaN): who may not pass walks
    as he does today.
    """
    rows = []
    table = ground.tables.get("gates")
    if table is None:
        return gpd.GeoDataFrame({"passage": []}, geometry=[], crs="EPSG:4326")
    shut = table[table["passage"] != "all"]
    ids = ground.net.nodes["node"].to_numpy()
    sides = np.flatnonzero(passages.is_side(ids))
    own = passages.own_node(ids[sides])
    for gate, name in zip(shut["gate"].astype(str), shut["name"].astype(str), strict=True):
        mine = sides[own == int(gate.partition("/")[2])]
        ends = [end for end in (_end(ground, int(node)) for node in mine) if end is not None]
        for one, other in [(ends[0], end) for end in ends[1:]][:1]:
            rows.append((gate, name, one, other))
    order = np.arange(len(rows))
    if near is not None and rows:
        spots = np.asarray([one[3] for _, _, one, _ in rows])
        units = ground.net.plane.units_per_metre(spots[:, 1])
        homes = cKDTree(near / ground.net.plane.units_per_metre(near[:, 1])[:, None]) if len(near) else None
        many = (
            np.zeros(len(rows)) if homes is None else homes.query_ball_point(spots / units[:, None], min(reach_m, 1e9), return_length=True)
        )
        order = np.lexsort((order, -many))
        order = order[many[order] > 0]
    rows = [rows[place] for place in order[: int(rule("passages")["most"])].tolist()]
    plain = {
        "passage": [gate for gate, *_ in rows],
        "name": [f"{NAME} {name}".strip() for _, name, *_ in rows],
        "kind": KIND,
        "length_m": 0.0,
        "walk_m": np.nan,
        "cost": float(rule("cost")[KIND]),
        "required": False,
        "forbidden": False,
        "edge_a": [one[0] for *_, one, _ in rows],
        "offset_a": [one[1] for *_, one, _ in rows],
        "edge_b": [other[0] for *_, other in rows],
        "offset_b": [other[1] for *_, other in rows],
    }
    lines = [_line(ground, one, other) for *_, one, other in rows]
    return gpd.GeoDataFrame(pd.DataFrame(plain, index=range(len(rows))), geometry=lines, crs="EPSG:4326")


End = tuple[int, float, shapely.Point, tuple[float, float]]


def _end(ground: Ground, node: int) -> End | None:
    """An edge that ends at a side of a gate, where on it the gate lies, a point just off the gate, and the gate's place."""
    edges = ground.net.edges
    u, v = edges["u_index"].to_numpy(), edges["v_index"].to_numpy()
    good = (edges["class"] != passages.GATE).to_numpy() & (edges["length_m"].to_numpy() > 0)
    found = np.flatnonzero(((u == node) | (v == node)) & good)
    if not len(found):
        return None
    edge = int(found[0])
    length = float(edges["length_m"].iloc[edge])
    first = bool(u[edge] == node)
    share = min(BESIDE_M / length, 0.5)
    line = ground.net.lines[edge]
    at = shapely.get_coordinates(shapely.get_point(line, 0 if first else -1))[0]
    off = shapely.line_interpolate_point(line, share if first else 1 - share, normalized=True)
    return edge, 0.0 if first else length, off, (float(at[0]), float(at[1]))


def _line(ground: Ground, one: End, other: End) -> shapely.LineString:
    """From one side through the gate to the other, in WGS 84."""
    x, y = np.asarray([(one[2].x, one[2].y), one[3], (other[2].x, other[2].y)]).T
    return shapely.LineString(np.column_stack(ground.net.plane.backward(x, y)))
