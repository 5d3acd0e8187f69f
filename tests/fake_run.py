"""A saved run that no pipeline made: the files and columns of `rules/tables`, filled with a drawn town.

Takes: a folder, a number of buildings and a seed.   Gives: the run folder that the publishing tests read.
Never: imports the stages. Minutes are drawn from straight distances, so every class, verdict and reason occurs; what the tests assert is
that the page shows what the files say.
"""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
import shapely.affinity
from scipy.spatial import cKDTree

WEST, SOUTH = 114.90, 30.20
M_PER_DEG_LAT = 110_900.0
M_PER_DEG_LON = 111_320.0 * np.cos(np.radians(SOUTH))

SERVICES = {
    "shop": (1, "便利店", "Convenience shop", "饮食圈"),
    "market": (2, "菜市场", "Market", "饮食圈"),
    "bus_stop": (3, "公交站", "Bus stop", "公交线"),
    "service_centre": (4, "社区服务中心", "Service centre", "服务圈"),
    "clinic": (5, "社区卫生服务站", "Clinic", "生活圈"),
}

REASONS = ["", "far", "detour", "barrier", "island", "unlinked", "no_facility", "data_edge"]

Places = tuple[np.ndarray, np.ndarray, list[str]]

HOSTILE = [
    "\"quoted\" 'single' & <b>bold</b>",
    "</script><script>window.__hit=1</script>",
    "<img src=x onerror=window.__hit=2>",
    "`tick` \\` ${window.__hit=3}",
    '=HYPERLINK("http://example.org","click")',
    "{{ 7*7 }}{% for x in y %}{#1 Building",
    "line\u2028separator\u2029 and\nnewline\ttab",
    "\u202eright to left",
    "@SUM(1+1)",
]


def _standard() -> dict[str, Any]:
    return {
        "name": "five-minute",
        "title": {"zh": "五分钟便民服务圈", "en": "Five-minute service circles"},
        "description": {"zh": "一分钟到便利店，五分钟到卫生服务站。", "en": "One minute to a shop, five to a clinic."},
        "source": "Hubei Daily, 2022-06-17",
        "walker": "adult",
        "services": [
            {
                "service": key,
                "limit_min": limit,
                "label": {"zh": zh, "en": en},
                "circle": {"zh": circle, "en": circle},
                "source": "Hubei Daily, 2022-06-17",
                "confidence": "verified",
                "note": "",
            }
            for key, (limit, zh, en, circle) in SERVICES.items()
        ],
    }


def _lonlat(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return WEST + x / M_PER_DEG_LON, SOUTH + y / M_PER_DEG_LAT


def _polygons(rng: np.random.Generator, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Slabs of 5 to 40 m, some L-shaped, some with a court, one of two parts."""
    n = len(x)
    w, h = rng.uniform(8, 40, n), rng.uniform(7, 14, n)
    turn = rng.normal(0, 0.12, n) + rng.choice([0, np.pi / 2], n, p=[0.8, 0.2])
    # the sixth point makes the L: for a slab it lies on the rectangle's side
    bite = np.where(rng.random(n) < 0.3, rng.uniform(0.3, 0.7, n), 0.0)
    px = np.stack([-w, w, w, w * bite, w * bite, -w], axis=1) / 2
    py = np.stack([-h, -h, h * (1 - bite), h * (1 - bite), h, h], axis=1) / 2
    cos, sin = np.cos(turn)[:, None], np.sin(turn)[:, None]
    gx, gy = x[:, None] + px * cos - py * sin, y[:, None] + px * sin + py * cos
    lon, lat = _lonlat(gx, gy)
    slab = bite == 0
    rings = np.stack([lon, lat], axis=2)
    shapes = np.empty(n, dtype=object)
    shapes[~slab] = shapely.polygons(rings[~slab])
    shapes[slab] = shapely.polygons(rings[slab][:, [0, 1, 2, 5]])
    return shapes


def _nearest(x: np.ndarray, y: np.ndarray, fx: np.ndarray, fy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    metres, index = cKDTree(np.c_[fx, fy]).query(np.c_[x, y])
    return metres, index


def _service_columns(rng: np.random.Generator, xy: np.ndarray, service: str, places: Places) -> dict[str, Any]:
    """The columns of one service for buildings at `xy` (metres)."""
    n, limit = len(xy), SERVICES[service][0]
    fx, fy, names = places
    metres, index = _nearest(xy[:, 0], xy[:, 1], fx, fy)
    minutes = np.maximum(metres * rng.uniform(1.0, 1.6, n) - 15, 0) / 72.0
    verdict = np.where(minutes <= limit, "met", "gap").astype(object)
    reason = np.where(minutes <= limit, "", rng.choice(["far", "detour", "barrier"], n)).astype(object)
    island = (rng.random(n) < 0.004) & (np.arange(n) % 3 == 0)
    verdict[island], reason[island] = "unreachable", "island"
    minutes[island] = np.inf
    facility = np.array(names, dtype=object)[index]
    facility[island] = ""
    if service == "clinic":  # the western rim: a nearer one may lie outside
        rim = xy[:, 0] < xy[:, 0].max() * 0.04
        verdict[rim], reason[rim] = "unmapped", "data_edge"
    return {
        f"minutes_{service}": minutes,
        f"facility_{service}": facility,
        f"verdict_{service}": pd.Categorical(verdict, categories=["met", "gap", "unreachable", "unmapped"]),
        f"reason_{service}": pd.Categorical(reason, categories=REASONS),
        f"barrier_{service}": "",
        f"fragile_{service}": np.abs(minutes - limit) < 0.1 * limit,
        f"leg_m_{service}": rng.gamma(2, 4, n).round(2),
    }


def _facilities(rng: np.random.Generator, side: float, n: int) -> tuple[gpd.GeoDataFrame, dict[str, Places]]:
    every = {"shop": 14, "market": 50, "bus_stop": 40, "service_centre": 110, "clinic": 120}
    frames, places, number = [], {}, 900_000
    for service, share in every.items():
        k = max(2, n // share)
        x, y = rng.uniform(0, side, k), rng.uniform(0, side, k)
        ids = [f"node/{number + i}" for i in range(k)]
        number += k
        lon, lat = _lonlat(x, y)
        names = [HOSTILE[i] if i < len(HOSTILE) else (f"{SERVICES[service][1]} {i}" if i % 2 else "") for i in range(k)]
        frames.append(
            gpd.GeoDataFrame(
                {
                    "facility": ids,
                    "service": service,
                    "name": names,
                    "source": "osm",
                    "tags": "shop=convenience",
                    "merged": "",
                    "visitors": True,
                },
                geometry=shapely.points(lon, lat),
                crs=4326,
            )
        )
        places[service] = (x, y, ids)
    table = pd.concat(frames, ignore_index=True)
    table["service"] = table["service"].astype("category")
    # one facility is an area, as a market hall would be
    table.loc[len(table) - 1, "geometry"] = table.geometry.iloc[-1].buffer(0.0002, cap_style="square")
    return table, places


def _streets(side: float, step: float) -> gpd.GeoDataFrame:
    lines = np.arange(0, side + step, step)
    starts, ends, classes, names = [], [], [], []
    for k, at in enumerate(lines):
        for j, (a, b) in enumerate(pairwise(lines)):
            for across in (False, True):
                starts.append((a, at) if not across else (at, a))
                ends.append((b, at) if not across else (at, b))
                classes.append("residential" if k % 4 == 0 else "steps" if (k, j) == (1, 1) else "footway")
                names.append(f"矿{'一二三四五六七八九十'[k // 4 % 10]}路" if k % 4 == 0 else "")
    a, b = np.array(starts), np.array(ends)
    lon, lat = _lonlat(np.c_[a[:, 0], (a[:, 0] + b[:, 0]) / 2, b[:, 0]], np.c_[a[:, 1], (a[:, 1] + b[:, 1]) / 2 + 1, b[:, 1]])
    n = len(a)
    return gpd.GeoDataFrame(
        {
            "edge": np.arange(n),
            "u": np.arange(n),
            "v": np.arange(n) + 1,
            "way": np.arange(n) // 4 + 1000,
            "length_m": step,
            "seconds_forward": step / 1.2,
            "seconds_backward": step / 1.2,
            "access": pd.Categorical(["public"] * n),
            "class": pd.Categorical(classes),
            "name": names,
        },
        geometry=shapely.linestrings(np.stack([lon, lat], axis=2)),
        crs=4326,
    )


def _background(side: float) -> gpd.GeoDataFrame:
    def area(x0: float, y0: float, x1: float, y1: float) -> shapely.Geometry:
        lon, lat = _lonlat(np.array([x0, x1]), np.array([y0, y1]))
        return shapely.box(lon[0], lat[0], lon[1], lat[1])

    def line(*points: tuple[float, float]) -> shapely.Geometry:
        lon, lat = _lonlat(np.array([p[0] for p in points]), np.array([p[1] for p in points]))
        return shapely.linestrings(np.c_[lon, lat])

    rows = [
        ("water", HOSTILE[0], area(side * 0.02, side * 0.02, side * 0.3, side * 0.08)),
        ("green", "公园", area(side * 0.6, side * 0.6, side * 0.75, side * 0.72)),
        ("railway", "", line((0, side * 0.45), (side * 0.5, side * 0.47), (side, side * 0.4))),
        ("road", "G50", line((0, side * 0.9), (side, side * 0.95))),
        ("barrier", "", line((side * 0.2, side * 0.2), (side * 0.4, side * 0.2), (side * 0.4, side * 0.4), (side * 0.2, side * 0.4))),
    ]
    return gpd.GeoDataFrame(
        {"kind": pd.Categorical([r[0] for r in rows]), "name": [r[1] for r in rows]}, geometry=[r[2] for r in rows], crs=4326
    )


def _shares(table: pd.DataFrame, service: str | None) -> dict[str, dict[str, float | int | None]]:
    lived = table[table["residential"]]
    verdict = lived["verdict" if service is None else f"verdict_{service}"]
    blocks = {}
    for key, weight in (("buildings", np.ones(len(lived), dtype=int)), ("households", lived["households"].to_numpy())):
        total = weight.sum()
        met, unmapped = weight[verdict == "met"].sum(), weight[verdict == "unmapped"].sum()
        blocks[key] = {
            "counted": total.item(),
            "met": met.item(),
            "gap": (total - met - unmapped).item(),
            "unmapped": unmapped.item(),
            "share_met": float(met / total) if total else None,
        }
    return blocks


def _summary(table: gpd.GeoDataFrame, facilities: pd.DataFrame) -> dict[str, Any]:
    by = table["residential_by"].value_counts()
    shares: dict[str, Any] = {"all": _shares(table, None)}
    for service, (limit, *_) in SERVICES.items():
        shares[service] = {"limit_min": limit, **_shares(table, service)}
    return {
        "counts": {
            "buildings": len(table),
            "residential": int(table["residential"].sum()),
            "residential_by": {key: int(by.get(key, 0)) for key in ("use", "area", "assumed")},
            "facilities": {s: int((facilities["service"] == s).sum()) for s in SERVICES},
            "nodes": 1000,
            "edges": 1500,
        },
        "extent": [float(v) for v in table.total_bounds],
        "shares": shares,
        "verdicts": {s: {k: int(v) for k, v in table[f"verdict_{s}"].value_counts().items()} for s in SERVICES},
        "reasons": {s: {k: int(v) for k, v in table[f"reason_{s}"].value_counts().items() if k} for s in SERVICES},
        "fragile": {s: int(table[f"fragile_{s}"].sum()) for s in SERVICES},
        "findings": {"sources.missing_node": 3, "linkage.island": 2},
    }


def _zones(table: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    rows = []
    for name, group in table[table["compound"] != ""].groupby("compound"):
        outline = shapely.convex_hull(shapely.union_all(group.geometry.to_numpy()))
        for service in ("all", *SERVICES):
            share = _shares(group, None if service == "all" else service)
            b, h = share["buildings"], share["households"]
            rows.append(
                {
                    "layer": "compound",
                    "zone": str(name),
                    "name": str(name),
                    "service": service,
                    "buildings": b["counted"],
                    "households": h["counted"],
                    "met": b["met"],
                    "gap": b["gap"],
                    "unmapped": b["unmapped"],
                    "share_buildings_met": b["share_met"],
                    "share_households_met": h["share_met"],
                    "geometry": outline,
                }
            )
    return gpd.GeoDataFrame(rows, geometry="geometry", crs=4326)


def make(n: int, seed: int = 7, hostile: bool = True) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame, gpd.GeoDataFrame, gpd.GeoDataFrame]:
    """Buildings, facilities, edges and background of a drawn town of `n` buildings, about 1,500 to the square kilometre."""
    rng = np.random.default_rng(seed)
    side = float(np.sqrt(n / 1500) * 1000)
    per_row = int(np.ceil(np.sqrt(n)))
    step = side / per_row
    k = np.arange(n)
    x = (k % per_row + 0.5) * step + rng.normal(0, step * 0.08, n)
    y = (k // per_row + 0.5) * step + rng.normal(0, step * 0.08, n)
    shapes = _polygons(rng, x, y)
    facilities, places = _facilities(rng, side, n)
    names = np.where(rng.random(n) < 0.3, np.char.add(np.char.add("矿一路", (k % 190 + 1).astype(str)), "号"), "").astype(object)
    ids = np.char.add("way/", (400_000_000 + np.sort(rng.integers(0, 20 * n, n)) + k).astype(str)).astype(object)
    if hostile:
        names[: len(HOSTILE)] = HOSTILE
        ids[-2:] = ["relation/77", '3号楼 <i>"own"</i>']
        court = shapely.get_exterior_ring(shapes[5])
        shapes[5] = shapely.polygons(court, holes=[shapely.get_exterior_ring(shapely.buffer(shapely.centroid(shapes[5]), 0.00001))])
        shapes[6] = shapely.multipolygons([shapes[6], shapely.affinity.translate(shapes[6], 0.0005, 0.0002)])
    lived = rng.random(n) < 0.85
    use = np.where(lived, rng.choice(["apartments", "residential", "yes"], n), rng.choice(["retail", "school", "industrial"], n))
    block = (x // 400).astype(int) * 100 + (y // 400).astype(int)
    data: dict[str, Any] = {
        "building": ids,
        "name": names,
        "use": pd.Categorical(use),
        "levels": np.where(rng.random(n) < 0.5, rng.integers(1, 30, n), np.nan),
        "area_m2": 300.0,
        "residential": lived,
        "residential_by": pd.Categorical(np.where(use == "yes", "assumed", "use"), categories=["use", "area", "assumed"]),
        "households": np.where(lived, rng.gamma(2, 10, n).round(1), 0.0),
        "population": np.where(lived, 30.0, 0.0),
        "households_by": pd.Categorical(np.where(lived, "estimate", "none"), categories=["ledger", "estimate", "none"]),
        "compound": np.where(block % 3 == 0, np.char.add("紫薇花园", block.astype(str)), ""),
    }
    for service in SERVICES:
        data |= _service_columns(rng, np.c_[x, y], service, places[service])
    verdicts = np.stack([np.asarray(data[f"verdict_{s}"], dtype=object) for s in SERVICES], axis=1)
    worst = np.full(n, "met", dtype=object)
    for verdict in ("unmapped", "gap", "unreachable"):
        worst[(verdicts == verdict).any(axis=1)] = verdict
    data["verdict"] = pd.Categorical(worst, categories=["met", "gap", "unreachable", "unmapped"])
    data["gaps"] = np.isin(verdicts, ["gap", "unreachable"]).sum(axis=1)
    buildings = gpd.GeoDataFrame(data, geometry=shapes, crs=4326)
    return buildings, facilities, _streets(side, max(60.0, step * 1.0)), _background(side)


def _network(edges: gpd.GeoDataFrame, buildings: gpd.GeoDataFrame, facilities: gpd.GeoDataFrame) -> dict[str, pd.DataFrame]:
    """Edges that share nodes, those nodes, and links to the nearest edge on each side: what a page with a network holds."""
    ends = shapely.get_coordinates(edges.geometry.to_numpy()).reshape(len(edges), 3, 2)[:, [0, 2]]
    spots, index = np.unique(np.round(ends.reshape(-1, 2), 7), axis=0, return_inverse=True)
    edges = edges.assign(u=index[::2] + 1, v=index[1::2] + 1)
    nodes = gpd.GeoDataFrame({"node": np.arange(len(spots)) + 1, "component": 0}, geometry=shapely.points(spots), crs=4326)
    step = float(edges["length_m"].iloc[0])
    middle = shapely.get_coordinates(shapely.line_interpolate_point(edges.geometry.to_numpy(), 0.5, normalized=True))
    metres = [M_PER_DEG_LON, M_PER_DEG_LAT]
    tree = cKDTree(middle * metres)
    parts = []
    for kind, ids, shapes in (
        ("building", buildings["building"], buildings.geometry),
        ("facility", facilities["facility"], facilities.geometry),
    ):
        at = shapely.get_coordinates(shapely.centroid(shapes.to_numpy()))
        _, near = tree.query(at * metres, k=4)
        line = edges.geometry.to_numpy()[near.ravel()]
        point = shapely.points(np.repeat(at, 4, axis=0))
        on = shapely.line_locate_point(line, point, normalized=True)
        leg = np.hypot(
            *((shapely.get_coordinates(shapely.line_interpolate_point(line, on, normalized=True)) - np.repeat(at, 4, axis=0)) * metres).T
        )
        parts.append(
            pd.DataFrame(
                {
                    "kind": kind,
                    "id": np.repeat(ids.to_numpy(), 4),
                    "edge": edges["edge"].to_numpy()[near.ravel()],
                    "offset_m": on * step,
                    "leg_m": leg,
                }
            )
        )
    return {"edges": edges, "nodes": nodes, "links": pd.concat(parts, ignore_index=True)}


def write(folder: Path, n: int = 300, seed: int = 7, hostile: bool = True, zones: bool = True, network: bool = False) -> Path:
    """Write a run folder of `n` buildings and return it; with `network` also what the page needs to try a station."""
    folder.mkdir(parents=True, exist_ok=True)
    buildings, facilities, edges, background = make(n, seed, hostile)
    buildings.to_parquet(folder / "buildings.parquet")
    facilities.to_parquet(folder / "facilities.parquet")
    edges.to_parquet(folder / "edges.parquet")
    background.to_parquet(folder / "background.parquet")
    if network:
        for name, table in _network(edges, buildings, facilities).items():
            table.to_parquet(folder / f"{name}.parquet")
    if zones:
        _zones(buildings).to_parquet(folder / "zones.parquet")
    summary = _summary(buildings, facilities)
    (folder / "summary.json").write_text(json.dumps(summary, ensure_ascii=False), encoding="utf-8")
    run = {
        "circle": "0.1.0",
        "standard": _standard(),
        "walker": {"name": "adult", "label": {"zh": "成年人", "en": "Adult"}, "speed_m_per_s": 1.2},
        "inputs": [{"file": "drawn <town>.osm.pbf", "bytes": 12345, "sha256": "ab" * 32, "data_date": "2025-06-01", "synthetic": True}],
        "versions": {"python": "3.11"},
        "counts": summary["counts"],
        "seconds": {"sources": 1.5},
        "check": {"sample": 100, "worst_difference_s": 1e-9},
        "attribution": "© OpenStreetMap contributors, ODbL 1.0",
    }
    (folder / "run.json").write_text(json.dumps(run, ensure_ascii=False), encoding="utf-8")
    return folder
