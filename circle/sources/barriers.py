"""Barriers, gates and compounds: what closes a place, and who is let through.

Takes: the shapes of an extract, roads that nobody walks, buildings.   Gives: the tables `barriers`, `gates` and `compounds`.
Never: decides what a tag means (rules/barriers.toml does), or closes a path: where a way leads through a wall it is open.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from circle import rules
from circle.errors import RuleError
from circle.projection import Plane
from circle.rules.loading import suggest
from circle.sources import faces
from circle.sources.surroundings import CRS, judged

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Shapes = NDArray[np.object_]
GATE_KEYS = ("barrier", "foot", "access", "locked")
PASSAGES = pd.CategoricalDtype(["all", "residents", "nobody"])
GATES = ("gate", "kind", "name", "passage", "decided_by", "compound")
HAIR_DEG = 1e-9  # a tenth of a millimetre: far more than rounding
COMPOUNDS = ("compound", "name", "found", "walled", "share_walled", "gates")


def _empty(columns: tuple[str, ...]) -> gpd.GeoDataFrame:
    table = gpd.GeoDataFrame({name: pd.Series([], dtype="str") for name in columns}, geometry=[], crs=CRS)
    types = {"share_walled": float, "walled": bool, "gates": np.int64}
    return table.astype({name: kind for name, kind in types.items() if name in columns})


def _no_barriers() -> gpd.GeoDataFrame:
    return _empty(("barrier", "kind", "name"))


def _no_gates() -> gpd.GeoDataFrame:
    return _empty(GATES)


def _no_compounds() -> gpd.GeoDataFrame:
    return _empty(COMPOUNDS)


@dataclass(frozen=True, slots=True)
class Enclosure:
    """What closes places: `barriers`, `gates` and `compounds`, as declared in rules/tables."""

    barriers: gpd.GeoDataFrame = field(default_factory=_no_barriers)
    gates: gpd.GeoDataFrame = field(default_factory=_no_gates)
    compounds: gpd.GeoDataFrame = field(default_factory=_no_compounds)


def enclosure(
    around: gpd.GeoDataFrame,
    roads: gpd.GeoDataFrame,
    buildings: gpd.GeoDataFrame,
    closed_buildings: gpd.GeoDataFrame,
    plane: Plane,
    passages: Mapping[str, str] | None = None,
) -> Enclosure:
    """Find barriers, gates and compounds.

    Parameters
    ----------
    around
        Points, lines and areas with `id`, `tags`, `kind` (as `surroundings.shapes`).
    roads
        Roads that no leg crosses: `barrier`, `kind`, `name`, lines.
    buildings
        Every building that somebody starts a walk in: `residential`.
    closed_buildings
        The others that one cannot walk through: `building`, `name`.
    passages
        A planner's word on gates: id (`node/1`) to `all`, `residents` or `nobody`; it overrules the tags.

    Raises
    ------
    RuleError
        `passages` names a gate that is not in the data, or a word that is no passage.
    """
    found = barriers(around, roads, closed_buildings)
    doors = gates(around, passages or {})
    areas = compounds(around, found, buildings, plane)
    doors["compound"] = _standing_on(doors, areas, plane)
    many = doors["compound"].value_counts()
    areas["gates"] = areas["compound"].map(many).fillna(0).astype(np.int64)
    return Enclosure(found, doors, areas)


def barriers(around: gpd.GeoDataFrame, roads: gpd.GeoDataFrame, closed_buildings: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """What no leg crosses: lines, and the outlines of areas; sorted by kind and id."""
    drawn = around[around["kind"] != "point"]
    kind = judged(drawn["tags"], rules.barrier_kind, rules.barrier_keys())
    drawn, kind = drawn[kind.notna()], kind[kind.notna()]
    shape = drawn.geometry.to_numpy().copy()
    areas = shapely.get_dimensions(shape) == 2
    shape[areas] = shapely.boundary(shape[areas])
    parts = [
        pd.DataFrame(
            {"barrier": drawn["id"], "kind": kind, "name": drawn["tags"].map(lambda tags: tags.get("name", "")), "geometry": shape}
        ),
        pd.DataFrame({name: roads[name].to_numpy() for name in ("barrier", "kind", "name")} | {"geometry": roads.geometry.to_numpy()}),
        pd.DataFrame(
            {
                "barrier": closed_buildings["building"].to_numpy(),
                "kind": "building",
                "name": closed_buildings["name"].to_numpy(dtype=object),
                "geometry": shapely.boundary(closed_buildings.geometry.to_numpy()),
            }
        ),
    ]
    table = pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)
    table = table[~shapely.is_empty(table["geometry"].to_numpy())].sort_values(["kind", "barrier"], kind="stable").reset_index(drop=True)
    plain = {"barrier": table["barrier"].astype("str"), "kind": table["kind"].astype("category"), "name": table["name"].astype("str")}
    return gpd.GeoDataFrame(plain, geometry=table["geometry"].to_numpy(), crs=CRS)


def gates(around: gpd.GeoDataFrame, passages: Mapping[str, str]) -> gpd.GeoDataFrame:
    """Gates and who passes them, sorted by id; `compound` is still empty."""
    points = around[around["kind"] == "point"]
    found = judged(points["tags"], rules.gate, GATE_KEYS)
    points, found = points[found.notna()], found[found.notna()]
    table = gpd.GeoDataFrame(
        {
            "gate": points["id"].astype("str"),
            "kind": pd.Series([gate.kind for gate in found], index=points.index, dtype="str"),
            "name": points["tags"].map(lambda tags: tags.get("name", "")).astype("str"),
            "passage": [gate.passage for gate in found],
            "decided_by": pd.Series([gate.decided_by for gate in found], index=points.index, dtype="str"),
            "compound": "",
        },
        geometry=points.geometry,
        crs=CRS,
    )
    table = table.sort_values("gate", kind="stable").reset_index(drop=True)
    table = table.astype({"kind": "category", "passage": PASSAGES, "decided_by": "category"})
    return overruled(table, passages) if passages else table


def overruled(gates: gpd.GeoDataFrame, passages: Mapping[str, str]) -> gpd.GeoDataFrame:
    """The gates, with a planner's word on some of them: id (`node/1`) to `all`, `residents` or `nobody`.

    Raises
    ------
    RuleError
        `passages` names a gate that is not in the table, or a word that is no passage.
    """
    table = gates.astype({"passage": "str", "decided_by": "str"})
    for gate, passage in passages.items():
        if passage not in PASSAGES.categories:
            raise RuleError(f"gates: {gate} = '{passage}': no passage; {suggest(passage, tuple(PASSAGES.categories))}")
        row = table["gate"] == gate
        if not row.any():
            raise RuleError(f"gates: there is no gate {gate} in the data; name one of the ids in gates.parquet, or map the gate first.")
        table.loc[row, ["passage", "decided_by"]] = [passage, "planner"]
    return table.astype({"passage": PASSAGES, "decided_by": "category"})


def compounds(around: gpd.GeoDataFrame, barriers: gpd.GeoDataFrame, buildings: gpd.GeoDataFrame, plane: Plane) -> gpd.GeoDataFrame:
    """Residential areas that are named or walled, and places with homes that walls and houses close where no area is mapped."""
    areas = around[around["kind"] == "area"]
    lives = judged(areas["tags"], rules.area_use, rules.area_use_keys())
    areas = areas[np.asarray([said is True and "landuse" in tags for said, tags in zip(lives, areas["tags"], strict=True)], dtype=bool)]
    encloses = barriers["kind"].isin(rules.enclosing_kinds()).to_numpy()
    walls = plane.project(barriers.geometry.to_numpy()[encloses])
    shapes = plane.project(areas.geometry.to_numpy())
    rule = rules.settings("compounds")
    share = _share_walled(shapes, walls, rule["beside_m"])
    named = areas["tags"].map(lambda tags: bool(tags.get("name"))).to_numpy(dtype=bool)
    kept = named | (share >= rule["walled_share"])
    houses = _Houses(buildings, plane)
    closed, ids = _closed(walls, barriers["barrier"].to_numpy()[encloses], houses)
    free = _homes_outside(closed, shapes[kept], houses) >= rule["homes_least"]
    closed, ids = closed[free], ids[free]
    number = int(kept.sum())
    table = gpd.GeoDataFrame(
        {
            "compound": [*areas["id"].to_numpy()[kept], *ids],
            "name": [*areas["tags"].map(lambda tags: tags.get("name", "")).to_numpy()[kept], *([""] * len(closed))],
            "found": pd.Series(["landuse"] * number + ["walls"] * len(closed), dtype="str"),
            "walled": np.r_[share[kept] >= rule["walled_share"], np.ones(len(closed), dtype=bool)],
            "share_walled": np.r_[share[kept], np.ones(len(closed))],
            "gates": 0,
        },
        geometry=np.concatenate([areas.geometry.to_numpy()[kept], unproject(closed, plane)]),
        crs=CRS,
    )
    table = table.sort_values("compound", kind="stable").reset_index(drop=True)
    return table.astype({"compound": "str", "name": "str", "found": "category", "walled": bool, "gates": np.int64})


def unproject(shapes: Shapes, plane: Plane) -> Shapes:
    """Shapes on the plane, in degrees rounded as OSM rounds."""
    metres = shapely.get_coordinates(shapes)
    lon, lat = plane.backward(metres[:, 0], metres[:, 1])
    return np.asarray(shapely.set_coordinates(shapes.copy(), np.round(np.column_stack([lon, lat]), 7)))


class _Houses:
    """Houses, put on the plane only where they are asked for: most of them stand far from everything that a wall could close.

    `residential`: which of them are homes.
    """

    def __init__(self, buildings: gpd.GeoDataFrame, plane: Plane) -> None:
        self.residential = buildings["residential"].to_numpy(dtype=bool)
        self._tree, self._plane = shapely.STRtree(buildings.geometry.to_numpy()), plane

    def near(self, boxes: NDArray[np.float64]) -> NDArray[np.intp]:
        """Rows, sorted, of all houses that may reach into one of these boxes: west, south, east and north in metres of the plane."""
        west, south = self._plane.backward(boxes[:, 0], boxes[:, 1])
        east, north = self._plane.backward(boxes[:, 2], boxes[:, 3])
        return np.unique(self._tree.query(shapely.box(west - HAIR_DEG, south - HAIR_DEG, east + HAIR_DEG, north + HAIR_DEG))[1])

    def on_plane(self, rows: NDArray[np.intp]) -> Shapes:
        """These houses, on the plane."""
        return self._plane.project(self._tree.geometries[rows])


def _share_walled(areas: Shapes, walls: Shapes, beside_m: float) -> NDArray[np.float64]:
    """Share of each area's boundary along which a wall stands, looked at every five metres."""
    share = np.zeros(len(areas))
    if not len(areas) or not len(walls):
        return share
    near = np.unique(shapely.STRtree(walls).query(areas, predicate="dwithin", distance=beside_m)[0])
    if not len(near):
        return share
    dense = shapely.segmentize(shapely.boundary(areas[near]), 5.0)
    spots, owner = shapely.get_coordinates(dense, return_index=True)
    beside = np.unique(shapely.STRtree(walls).query(shapely.points(spots), predicate="dwithin", distance=beside_m)[0])
    share[near] = np.bincount(owner[beside], minlength=len(near)) / np.bincount(owner, minlength=len(near))
    return share


def _closed(walls: Shapes, ids: Shapes, houses: _Houses) -> tuple[Shapes, Shapes]:
    """Places that walls close: rings of their own, and rings of several walls, houses and narrow openings between them."""
    rule = rules.settings("compounds")
    lines, owner = shapely.get_parts(walls, return_index=True)
    if not len(lines):
        return np.empty(0, dtype=object), np.empty(0, dtype=object)
    ring = shapely.is_closed(lines) & (shapely.get_num_points(lines) > 3)
    corners, of_ring = shapely.get_coordinates(lines[ring], return_index=True)
    alone = shapely.polygons(shapely.linearrings(corners, indices=of_ring)) if ring.any() else lines[ring]
    joined = np.asarray(_polygons(lines[~ring], houses, rule), dtype=object)
    shapes = np.concatenate([alone.reshape(-1), joined.reshape(-1)])
    valid = shapely.is_valid(shapes)
    area = shapely.area(shapes)
    shapes = shapes[valid & (area >= rule["least_m2"]) & (area <= rule["most_m2"])]
    wall, row = (
        shapely.STRtree(shapes).query(lines, predicate="dwithin", distance=0.01) if len(shapes) else (np.empty(0, int), np.empty(0, int))
    )
    first: dict[int, str] = {}
    for line, place in zip(wall.tolist(), row.tolist(), strict=True):
        mine = str(ids[owner[line]])
        first[place] = min(first.get(place, mine), mine, key=_by_number)
    names: list[str] = []
    used: dict[str, int] = {}
    for place in range(len(shapes)):
        name = f"enclosed/{first.get(place, 'walls')}"
        used[name] = used.get(name, 0) + 1
        names.append(name if used[name] == 1 else f"{name}/{used[name]}")
    return shapes, np.asarray([*names, None], dtype=object)[:-1]


def _by_number(id_: str) -> tuple[str, int]:
    kind, _, number = id_.partition("/")
    return kind, int(number)


def _polygons(lines: Shapes, houses: _Houses, rule: Mapping[str, float]) -> list[shapely.Geometry]:
    """Rings of several walls that share corners; ends of walls are joined to a house or to another end that is near."""
    if not len(lines):
        return []
    points, index = shapely.get_coordinates(lines, return_index=True)
    inner = index[1:] == index[:-1]
    pieces = [np.stack([points[:-1][inner], points[1:][inner]], axis=1)]
    loose = _loose(points, np.concatenate([np.flatnonzero(np.r_[True, ~inner]), np.flatnonzero(np.r_[~inner, True])]))
    if len(loose):
        loose_points = shapely.points(loose)
        standing = houses.on_plane(houses.near(np.hstack([loose - rule["house_m"], loose + rule["house_m"]])))
        end, house = shapely.STRtree(standing).query(loose_points, predicate="dwithin", distance=rule["house_m"])
        corners, owner = shapely.get_coordinates(shapely.boundary(standing[np.unique(house)]), return_index=True)
        along = owner[1:] == owner[:-1]
        pieces.append(np.stack([corners[:-1][along], corners[1:][along]], axis=1))
        if len(end):  # to a corner of the house, so that lines meet in points that both have
            pieces.append(_to_corners(loose, end, np.unique(house, return_inverse=True)[1], corners, owner))
        one, other = shapely.STRtree(loose_points).query(loose_points, predicate="dwithin", distance=rule["opening_m"])
        pieces.append(np.stack([loose[one[one < other]], loose[other[one < other]]], axis=1))
    segments = np.concatenate(pieces)
    segments = segments[(segments[:, 0] != segments[:, 1]).any(axis=1)]
    places = faces.polygons(segments, rule["least_m2"])
    if not len(places):
        return []
    middle = shapely.point_on_surface(places)  # a house is no place that is closed
    around = houses.on_plane(houses.near(shapely.bounds(middle)))
    house = np.unique(shapely.STRtree(around).query(middle, predicate="within")[0])
    return list(np.delete(places, house))


def _to_corners(loose: Floats, end: Ints, house: Ints, corners: Floats, owner: Ints) -> Floats:
    """Segments from loose ends to the nearest of all corners, where that is one of the house that the end stands at.

    `end`, `house`: pairs of an end and a house near it; `corners`, `owner`: corners of all those houses, and the house of each.
    """
    asked, which = np.unique(end, return_inverse=True)
    nearest = cKDTree(corners, balanced_tree=False, compact_nodes=False).query(loose[asked])[1][which]
    kept = owner[nearest] == house
    number = np.bincount(owner)
    rest = np.flatnonzero(~kept)  # houses in a row share corners: the same spot may be a corner of this house too
    many = number[house[rest]]
    pair = np.repeat(rest, many)
    corner = np.arange(len(pair)) + np.repeat((np.cumsum(number) - number)[house[rest]] - np.cumsum(many) + many, many)
    kept[pair[(corners[corner] == corners[nearest[pair]]).all(axis=1)]] = True
    return np.stack([loose[end[kept]], corners[nearest[kept]]], axis=1)


def _loose(points: NDArray[np.float64], ends: NDArray[np.intp]) -> NDArray[np.float64]:
    """Ends of lines, rows of `points`, at which no other corner lies, sorted."""
    number, spots = pd.factorize(np.ascontiguousarray(points).view(np.complex128).ravel())
    loose = spots[number[ends][np.bincount(number)[number[ends]] == 1]]
    return np.sort(loose).view(np.float64).reshape(-1, 2)


def _homes_outside(places: Shapes, compounds: Shapes, houses: _Houses) -> NDArray[np.intp]:
    """Homes in each place that lie in no compound yet."""
    homes = houses.near(shapely.bounds(places))
    middle = shapely.point_on_surface(houses.on_plane(homes[houses.residential[homes]]))
    if len(compounds):
        middle = np.delete(middle, np.unique(shapely.STRtree(compounds).query(middle, predicate="within")[0]))
    return np.bincount(shapely.STRtree(places).query(middle, predicate="within")[1], minlength=len(places))


def _standing_on(gates: gpd.GeoDataFrame, compounds: gpd.GeoDataFrame, plane: Plane) -> NDArray[np.object_]:
    """Compound on whose boundary each gate stands: the smallest one; empty where none."""
    out = np.full(len(gates), "", dtype=object)
    if not len(gates) or not len(compounds):
        return out
    shapes = plane.project(compounds.geometry.to_numpy())
    spots = plane.project(gates.geometry.to_numpy())
    gate, compound = shapely.STRtree(shapely.boundary(shapes)).query(
        spots, predicate="dwithin", distance=rules.settings("compounds")["beside_m"]
    )
    order = np.argsort(-shapely.area(shapes)[compound], kind="stable")  # the smallest is written last
    out[gate[order]] = compounds["compound"].to_numpy()[compound[order]]
    return out
