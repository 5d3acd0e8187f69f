"""Roads whose sidewalks are lines of their own: nobody walks along the middle of them, where the map holds those lines.

Takes: edges and their lines.   Gives: which stretches of road are doubled by a line beside them, and are not walked.
Never: believes the tag alone: without a line beside it that joins what the road joins, the road stays walkable, and that is a finding.

Each stretch between two junctions is judged by itself. *Beside it* is measured: points along the stretch must have a line for walkers
within reach that runs the same way. *Joined* is walked: whatever else meets the road must still be reached from either end, without the
road and without a long way round. A stretch is given up only if all that hangs on it stays joined to each other, so nothing can be cut
off.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from circle import patches, rules
from circle.chunks import side_by_side
from circle.edges import passable
from circle.errors import Findings
from circle.projection import Plane

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Bools = NDArray[np.bool_]
Shapes = NDArray[np.object_]

HAIR_M = 0.5  # a line's direction is taken over twice this


def doubled(edges: pd.DataFrame, lines: Shapes, plane: Plane, findings: Findings) -> Bools:
    """Which edges are the middle of a road whose sidewalk is there as a line of its own.

    Parameters
    ----------
    edges
        `way`, `class`, `road`, `u_index`, `v_index`, `length_m`, `seconds_forward`, `seconds_backward`. Not written to.
    lines
        Their lines on the plane.

    Returns
    -------
    One flag per edge. Ways that claim a separate sidewalk where there is none, or one that does not join, become findings.
    """
    out = np.zeros(len(edges), dtype=bool)
    both_ways = np.isfinite(edges["seconds_forward"].to_numpy() + edges["seconds_backward"].to_numpy())
    said = np.flatnonzero((edges["road"] != "").to_numpy())
    if not len(said):
        return out
    beside = np.flatnonzero(edges["class"].isin(rules.beside_classes()).to_numpy() & both_ways)
    covered = _covered(lines[said], lines[beside], plane)
    enough = covered >= rules.settings("sidewalks")["covered"]
    chosen = said[enough]
    joined = _joined(edges, lines, plane, chosen, both_ways)
    out[chosen[joined]] = True
    loose = np.zeros(len(edges), dtype=bool)
    loose[chosen[~joined]] = True
    _tell(edges.iloc[said], enough, loose[said], findings)
    return out


def _covered(roads: Shapes, walks: Shapes, plane: Plane) -> Floats:
    """Share of each road along which a line for walkers runs beside it, the same way."""
    rule = rules.settings("sidewalks")
    units = plane.units_per_metre(shapely.get_y(shapely.get_point(roads, 0)))
    length = shapely.length(roads)
    number = np.maximum(np.ceil(length / units / rule["step_m"]), 2).astype(np.intp)
    of = np.repeat(np.arange(len(roads)), number)
    at = (np.arange(len(of)) - np.repeat(np.cumsum(number) - number, number) + 0.5) / number[of] * length[of]
    points = shapely.line_interpolate_point(roads[of], at)
    reach = rule["reach_m"] * units[of]
    x, y = shapely.get_x(points), shapely.get_y(points)
    point, walk = shapely.STRtree(walks).query(shapely.box(x - reach, y - reach, x + reach, y + reach))
    near = side_by_side(shapely.distance, points[point], walks[walk]) <= reach[point]
    point, walk = point[near], walk[near]
    ahead = _direction(roads[of[point]], at[point], units[of[point]])
    along = _direction(walks[walk], shapely.line_locate_point(walks[walk], points[point]), units[of[point]])
    same_way = np.abs(np.einsum("ij,ij->i", ahead, along)) >= np.cos(np.radians(rule["angle_deg"]))
    has = np.zeros(len(of), dtype=bool)
    has[point[same_way]] = True
    return np.asarray(np.bincount(of, weights=has, minlength=len(roads)) / number)


def _direction(lines: Shapes, at: Floats, units: Floats) -> Floats:
    """Which way each line runs at a distance from its start: vectors of length 1."""
    half = HAIR_M * units
    ends = [shapely.get_coordinates(shapely.line_interpolate_point(lines, np.maximum(at + side, 0.0))) for side in (-half, half)]
    vector = ends[1] - ends[0]
    size = np.hypot(vector[:, 0], vector[:, 1])
    return np.asarray(vector / np.where(size > 0, size, 1.0)[:, None])


def _joined(edges: pd.DataFrame, lines: Shapes, plane: Plane, chosen: Ints, both_ways: Bools) -> Bools:
    """Whether everything that hangs on each chosen stretch stays joined without any of them, and without a long way round."""
    rule = rules.settings("sidewalks")
    if not len(chosen):
        return np.zeros(0, dtype=bool)
    u, v = edges["u_index"].to_numpy(), edges["v_index"].to_numpy()
    length = edges["length_m"].to_numpy()
    open_ = passable(edges)
    given_up = np.zeros(len(edges), dtype=bool)
    given_up[chosen] = True
    held = np.zeros(int(max(u.max(), v.max())) + 1, dtype=bool)  # something else meets the road here
    held[np.r_[u[open_ & ~given_up], v[open_ & ~given_up]]] = True

    # stretches that meet where nothing else does are one piece: they go together or stay together
    ends = np.r_[u[chosen], v[chosen]]
    own = np.where(held[ends], len(held) + np.arange(len(ends)), ends)
    _, own = np.unique(own, return_inverse=True)
    many = len(chosen)
    _, label = connected_components(coo_array((np.ones(many), (own[:many], own[many:])), shape=(own.max() + 1,) * 2), directed=False)
    piece = label[own[:many]]
    _, piece = np.unique(piece, return_inverse=True)
    pair = np.unique(np.column_stack([np.r_[piece, piece], ends])[held[ends]], axis=0)
    if not len(pair):
        return np.ones(many, dtype=bool)
    first = np.r_[True, pair[1:, 0] != pair[:-1, 0]]
    patch = np.cumsum(first) - 1
    owner = pair[first, 0]

    bounds = shapely.bounds(lines[chosen])
    box = np.column_stack([ufunc(bounds[:, column], piece) for column, ufunc in enumerate((_least, _least, _most, _most))])[owner]
    margin = rule["around_m"] * plane.units_per_metre((box[:, 1] + box[:, 3]) / 2)
    boxes = shapely.box(box[:, 0] - margin, box[:, 1] - margin, box[:, 2] + margin, box[:, 3] + margin)
    tree = shapely.STRtree(lines)
    start, asked = pair[first, 1], (patch, pair[:, 1])
    with_road = patches.distances((u, v, np.where(open_, length, np.inf)), tree, boxes, start, asked)
    without = patches.distances((u, v, np.where(both_ways & ~given_up, length, np.inf)), tree, boxes, start, asked)
    good = without <= with_road * rule["detour"] + rule["detour_m"]
    broken = np.zeros(int(piece.max()) + 1, dtype=bool)
    broken[pair[~good, 0]] = True
    return np.asarray(~broken[piece])


def _least(values: Floats, group: Ints) -> Floats:
    out = np.full(int(group.max()) + 1, np.inf)
    np.minimum.at(out, group, values)
    return out


def _most(values: Floats, group: Ints) -> Floats:
    return -_least(-values, group)


def _tell(said: pd.DataFrame, enough: Bools, loose: Bools, findings: Findings) -> None:
    """One finding per way that sends walkers to a line that is not there, or that does not join."""
    metres = said["length_m"].to_numpy()
    table = pd.DataFrame({"way": said["way"].to_numpy(), "all": metres, "none": np.where(enough, 0, metres), "loose": metres * loose})
    for way, row in table.groupby("way").sum().iterrows():
        parts = [f"{row['none']:.0f} m without such a line beside them"] if row["none"] else []
        parts += [f"{row['loose']:.0f} m where it does not join what the road joins"] if row["loose"] else []
        if parts:
            findings.add("network.no_sidewalk", f"way/{way}", f"of {row['all']:.0f} m: {'; '.join(parts)}")
