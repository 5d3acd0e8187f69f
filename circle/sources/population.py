"""Persons from a raster or a grid, given to the homes that stand in each cell.

Takes: buildings, a GeoTIFF or a layer of cells, its unit.   Gives: buildings with persons and households where no ledger says them.
Never: believes a unit that would make a village a city: a result that cannot be is refused with the numbers that show it.

The persons of a cell, less those that a ledger has counted in it, go to its other homes in proportion to their floor area (their
estimated households). Homes in a cell without persons keep their estimate. rasterio is needed for rasters only.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from circle import rules
from circle.errors import Findings, PlaceError, RuleError, SourceError
from circle.projection import Plane
from circle.sources import columns, spreadsheets
from circle.sources.crs_guess import Ground
from circle.sources.located import Words, located

UNITS = ("count", "per_ha")
RASTERS = (".tif", ".tiff", ".vrt", ".img")
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Cells:
    """Persons by cell: `cell` of each building (-1: none), `value` and `hectares` of each cell."""

    cell: NDArray[np.intp]
    value: Floats
    hectares: Floats
    label: str


def spread(
    buildings: gpd.GeoDataFrame, spec: str, unit: str | None, words: Words, ground: Ground, findings: Findings
) -> tuple[gpd.GeoDataFrame, dict[str, object]]:
    """Buildings with `population`, `households` and `households_by` = `raster`, and what was found, for run.json.

    Raises
    ------
    RuleError
        The unit is missing or not known.
    PlaceError
        The file does not reach the place, or the unit cannot be right.
    SourceError
        The file cannot be read.
    """
    if unit not in UNITS:
        raise RuleError(
            f"--population {spec}: say what a cell holds: --population-unit count (persons in the cell, as WorldPop) or "
            "--population-unit per_ha (persons per hectare, as ASPECT)."
        )
    middles = shapely.get_coordinates(shapely.centroid(buildings.geometry.to_numpy()))
    path, _ = spreadsheets.split(spec)
    if path.suffix.lower() in RASTERS:
        cells = _raster(path, middles, ground)
    else:
        asked = replace(words, units={"population": "density"}) if unit == "per_ha" else words
        cells = _grid(spec, middles, asked, ground, findings)
    persons = cells.value * (cells.hectares if unit == "per_ha" else 1.0)
    _plausible(buildings, cells, persons, unit)
    return _given(buildings, cells, persons, findings)


def _given(buildings: gpd.GeoDataFrame, cells: Cells, persons: Floats, findings: Findings) -> tuple[gpd.GeoDataFrame, dict[str, object]]:
    lived = buildings["residential"].to_numpy(dtype=bool)
    known = buildings["households_by"].isin(["ledger", "flats"]).to_numpy()
    held = cells.cell >= 0
    counted = np.bincount(cells.cell[held & known], buildings["population"].to_numpy()[held & known], minlength=len(persons))
    left = np.maximum(persons - counted, 0.0)
    open_ = held & lived & ~known
    weight = np.where(open_, np.maximum(buildings["households"].to_numpy(dtype=float), 1.0), 0.0)
    total = np.bincount(cells.cell[held], weight[held], minlength=len(persons))
    takes = open_ & (left[cells.cell] > 0)
    per = rules.settings("households")["persons_per_household"]
    people = np.where(takes, left[cells.cell] * weight / np.where(total[cells.cell] > 0, total[cells.cell], 1.0), buildings["population"])
    by = buildings["households_by"]
    categories = [*by.cat.categories, *([] if "raster" in by.cat.categories else ["raster"])]
    said = by.astype(object).to_numpy().copy()
    said[takes] = "raster"
    out = buildings.assign(
        population=people,
        households=np.where(takes, people / per, buildings["households"]),
        households_by=pd.Categorical(said, categories=categories),
    )
    empty = (total == 0) & (left >= 1)
    if empty.any():
        findings.add("tables.people_without_buildings", cells.label, f"{left[empty].sum():,.0f} persons in {empty.sum():,} cells")
    return out, {"persons": round(float(persons.sum()), 1), "cells": len(persons), "buildings": int(takes.sum())}


def _plausible(buildings: gpd.GeoDataFrame, cells: Cells, persons: Floats, unit: str) -> None:
    """Refuse a unit whose result cannot be, by the floor area of the homes there and by density."""
    rule = rules.settings("population")
    held = (cells.cell >= 0) & buildings["residential"].to_numpy(dtype=bool)
    used = np.unique(cells.cell[held])
    estimate = float(buildings["population"].to_numpy()[held].sum())
    said = float(persons[used].sum())
    density = float(np.max(persons / cells.hectares)) if len(persons) else 0.0
    if not len(used) or not estimate:
        return
    other = "count" if unit == "per_ha" else "per_ha"
    swapped = float((cells.value[used] * (cells.hectares[used] if other == "per_ha" else 1.0)).sum())
    ratio = said / estimate
    if density > rule["most_per_ha"] or ratio > rule["most_ratio"] or ratio < 1 / rule["most_ratio"]:
        raise PlaceError(
            f"{cells.label}: read as {unit} it puts {said:,.0f} persons into homes whose floor area suggests {estimate:,.0f} (as {other}: "
            f"{swapped:,.0f}); the densest cell has {density:,.0f} persons per hectare. Check the file and --population-unit {other}."
        )


def _raster(path: Path, middles: Floats, ground: Ground) -> Cells:
    try:
        import rasterio  # noqa: PLC0415 - an extra, for rasters only
        import rasterio.warp  # noqa: PLC0415
        import rasterio.windows  # noqa: PLC0415
    except ImportError as trouble:
        raise SourceError(f"{path}: rasters need rasterio. Install it (pip install rasterio), or give a grid as GeoPackage.") from trouble
    try:
        with rasterio.open(path) as file:
            if file.crs is None:
                raise PlaceError(f"{path}: the raster does not say its coordinate system. Export it again with one.")
            bounds = rasterio.warp.transform_bounds("EPSG:4326", file.crs, *ground.extent)
            window = rasterio.windows.from_bounds(*bounds, transform=file.transform)
            left, top = math.floor(window.col_off), math.floor(window.row_off)
            right, bottom = math.ceil(window.col_off + window.width), math.ceil(window.row_off + window.height)
            window = rasterio.windows.Window(left, top, right - left, bottom - top)
            whole = rasterio.windows.Window(0, 0, file.width, file.height)
            if not rasterio.windows.intersect([window, whole]):
                raise PlaceError(f"{path}: the raster does not reach the place. Choose the sheet or country that holds it.")
            window = window.intersection(whole)
            values = file.read(1, window=window, masked=True).filled(np.nan).astype(float)
            transform = file.window_transform(window)
            x, y = rasterio.warp.transform("EPSG:4326", file.crs, middles[:, 0], middles[:, 1])
            geographic = bool(file.crs.is_geographic)
    except rasterio.errors.RasterioError as trouble:
        raise SourceError(
            f"{path}: cannot be read as a raster ({str(trouble).splitlines()[0]}). Check that the copy is whole."
        ) from trouble
    column, row = (np.floor(part).astype(np.intp) for part in ~transform * (np.asarray(x), np.asarray(y)))
    height, width = values.shape
    held = (row >= 0) & (row < height) & (column >= 0) & (column < width)
    values = np.where(np.isfinite(values) & (values > 0), values, 0.0)
    hectares = abs(transform.a * transform.e) / 10_000
    areas = np.full(values.shape, hectares)
    if geographic:
        lat = np.radians(transform.f + transform.e * (np.arange(height) + 0.5))
        areas = np.repeat((abs(transform.a * transform.e) * 111_320.0 * 110_574.0 * np.cos(lat) / 10_000)[:, None], width, axis=1)
    return Cells(np.where(held, row * width + column, -1), values.ravel(), areas.ravel(), path.name)


def _grid(spec: str, middles: Floats, words: Words, ground: Ground, findings: Findings) -> Cells:
    table = located(spec, "zones", ("population",), words, ground, findings)
    values = columns.need(table.reading, "population", "a grid of persons").fillna(0.0).to_numpy(dtype=float)
    areal = np.isin(shapely.get_type_id(table.shapes), (3, 6))
    if not areal.any():
        raise SourceError(f"{table.label}: it holds no cells. A grid of persons is a layer of polygons, or give a raster (.tif).")
    shapes, values = table.shapes[areal], values[areal]
    hectares = _hectares(shapes, ground.plane)
    point, cell = shapely.STRtree(shapes).query(shapely.points(middles), predicate="intersects")
    of = np.full(len(middles), -1, dtype=np.intp)
    of[point[::-1]] = cell[::-1]
    return Cells(of, values, hectares, table.label)


def _hectares(shapes: NDArray[np.object_], plane: Plane) -> Floats:
    scale = plane.units_per_metre_at(shapely.get_y(shapely.centroid(shapes)))
    return np.maximum(np.asarray(shapely.area(plane.project(shapes)) / scale**2) / 10_000, 1e-6)
