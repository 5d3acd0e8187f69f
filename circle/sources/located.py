"""A planner's file, opened and put on the map: every shape in WGS 84, and no shift that nobody has spoken of.

Takes: the name of a file, what it is for, the words of `--crs` and `--column`, the ground of the place.   Gives: a `Located` table.
Never: converts a coordinate unless the file or the planner says what it is in, and never drops a row: one without a place is a finding.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from circle.errors import Findings, PlaceError, RuleError, SourceError
from circle.sources import columns, coordinates, crs_guess, overture, spreadsheets, vectors
from circle.sources.coordinates import WGS84, System
from circle.sources.crs_guess import Evidence, Ground, Verdict
from circle.sources.spreadsheets import Sheet

Floats = NDArray[np.float64]
Shapes = NDArray[np.object_]
PLACED = ("lon", "lat", "location", "latlng")
_VERTICES = 2000  # corners of large areas that are looked at


@dataclass(frozen=True, slots=True)
class Words:
    """What is said of all files: `crs` by file name (empty: all), `overrides` of columns, `units` of those that are not in their own."""

    crs: dict[str, System]
    overrides: tuple[columns.Override, ...]
    units: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, crs: Sequence[str], overrides: Sequence[str]) -> Words:
        """From `--crs [FILE=]SYSTEM` and `--column [FILE:]HEADER=COLUMN`.

        Raises
        ------
        RuleError
            A system or column is not known.
        """
        systems: dict[str, System] = {}
        for text in crs:
            file, _, name = text.rpartition("=")
            key = Path(file).name
            if key in systems:
                raise RuleError(f"--crs {text}: the system of {key or 'all files'} is given twice. Leave one.")
            systems[key] = coordinates.system(name)
        return cls(systems, columns.overrides(overrides))

    def system(self, sheet: Sheet) -> System | None:
        """The system of a file, if the planner gave one; what is said of all files is not said of one that declares a grid in metres."""
        if sheet.path.name in self.crs:
            return self.crs[sheet.path.name]
        return None if sheet.crs and (sheet.crs.startswith("EPSG:") is False or System(sheet.crs).projected) else self.crs.get("")


@dataclass(slots=True)
class Located:
    """A table on the map: `reading` (our columns), `shapes` in WGS 84 (None where a row has no place), and `crs`, how they were read."""

    reading: columns.Reading
    shapes: Shapes
    crs: str

    @property
    def frame(self) -> pd.DataFrame:
        """Our columns."""
        return self.reading.frame

    @property
    def label(self) -> str:
        """What messages call the table."""
        return self.reading.sheet.label

    @property
    def placed(self) -> NDArray[np.bool_]:
        """Which rows have a place."""
        return np.asarray(~shapely.is_missing(self.shapes), dtype=bool)

    def rows(self, which: NDArray[np.bool_]) -> list[str]:
        """Rows as findings name them: file and line."""
        return [f"{self.label}:{line}" for line in self.reading.sheet.line.to_numpy()[which]]


def refuse_unplaced(table: Located, otherwise: str) -> None:
    """Refuse a list of which no row has a place; `otherwise` says by what else a row might have had one.

    Raises
    ------
    SourceError
        It has no columns of coordinates, or what stands in them is none.
    """
    if table.placed.any():
        return
    headers = [table.reading.sheet.understood[key] for key in PLACED if key in table.frame]
    if not headers:
        columns.need(table.reading, "lon", f"none of its rows can be placed: no coordinates, {otherwise}")
    said = (str(cell) for header in headers for cell in table.reading.sheet.frame[header] if cell is not None)
    first = "".join(letter if letter.isprintable() else "�" for letter in next(said, ""))[:40]
    what = f"such as “{first}”, is no coordinate" if first else "is nothing at all"
    raise SourceError(
        f"{table.label}: none of its {len(table.frame):,} rows can be placed: what stands in {', '.join(headers)}, {what}, {otherwise}. "
        "Write decimal degrees (116.4890) or degrees, minutes and seconds."
    )


def ids(table: Located, rows: NDArray[np.intp] | None = None) -> list[str]:
    """`FILE/id` of rows (all by default), by the line where the file gives none, gives it twice, or gives it as the line of another."""
    sheet, every = table.reading.sheet, np.arange(len(table.frame))
    rows = every if rows is None else rows
    said = columns.texts(table.frame.iloc[rows], "id").astype(str)
    twice = (said.duplicated(keep=False) | (said == "")).to_numpy()
    taken, out = set(said[~twice]), []
    for text, double, line in zip(said, twice, sheet.line.to_numpy()[rows], strict=True):
        own = str(line) if double else text
        while double and own in taken:
            own = f"row-{own}"
        taken.add(own)
        out.append(f"{sheet.path.stem}/{own}")
    return out


def opened(spec: str, use: str) -> Sheet:
    """Any file of the planner's; `use` is `buildings`, `facilities`, `zones` or `gates`.

    Raises
    ------
    SourceError
        It cannot be read; the message says why and what to do.
    """
    path, layer = spreadsheets.split(spec)
    if path.is_dir():
        raise SourceError(f"{path}: this is a folder. Name a file in it.")
    if path.suffix.lower() in spreadsheets.TABLES:
        return spreadsheets.read(path, layer, use)
    if path.suffix.lower() in {".xls", ".et", ".doc", ".docx", ".pdf", ".dwg"}:
        raise SourceError(f"{path}: {path.suffix} cannot be read. Save tables as .xlsx or .csv, and drawings as GeoPackage or Shapefile.")
    return overture.flattened(vectors.read(path, layer))


def located(spec: str, use: str, wanted: Sequence[str], words: Words, ground: Ground, findings: Findings) -> Located:
    """Open a file, understand its columns, and put its rows on the map.

    Raises
    ------
    SourceError
        The file cannot be read, or a column stands for two things.
    PlaceError
        Its coordinates are in another system than WGS 84, or may be, and nobody said so; or none of them lies in the place.
    """
    sheet = opened(spec, use)
    reading = columns.understand(sheet, [*wanted, *PLACED], words.overrides, findings, words.units)
    said = words.system(sheet)
    try:
        if sheet.geometry is not None:
            shapes, crs = _shapes(sheet, said, ground, findings, areas=use in {"zones", "boundary"})
        else:
            shapes, crs = _points(reading, said, ground)
    except PlaceError as trouble:
        raise PlaceError(f"{sheet.label}: {trouble}") from trouble
    return Located(reading, shapes, crs)


def _points(reading: columns.Reading, said: System | None, ground: Ground) -> tuple[Shapes, str]:
    frame = reading.frame
    out = np.full(len(frame), None, dtype=object)
    if "lon" in frame and "lat" in frame:
        a, b = frame["lon"].to_numpy(dtype=float), frame["lat"].to_numpy(dtype=float)
    elif "location" in frame:
        a, b = coordinates.pair(frame["location"])
    elif "latlng" in frame:
        b, a = coordinates.pair(frame["latlng"])
    elif "lon" in frame or "lat" in frame:
        columns.need(reading, "lat" if "lon" in frame else "lon", "it has one coordinate of two")
        raise AssertionError  # `need` has raised
    else:
        return out, ""
    known = np.isfinite(a) & np.isfinite(b)
    if not known.any():
        return out, ""
    lon, lat, crs = _converted(reading.sheet, (a, b), said, ground)
    known &= np.isfinite(lon) & np.isfinite(lat)
    out[known] = shapely.points(lon[known], lat[known])
    return out, crs


def _converted(sheet: Sheet, pair: tuple[Floats, Floats], said: System | None, ground: Ground) -> tuple[Floats, Floats, str]:
    """Longitude and latitude of two columns, by what the planner says, or as they stand when that fits the map."""
    a, b = pair
    if said is not None:
        if said.projected and coordinates.grid_axes(a, b) == "second":
            a, b = b, a
        lon, lat = said.to_wgs84(a, b)
        _some_inside(ground, lon, lat, said.name)
        return lon, lat, said.name
    verdict = crs_guess.judge(ground, a, b)
    winner = verdict.winner
    if winner is not None and winner.system is WGS84 and not winner.swapped:
        lon, lat = WGS84.to_wgs84(a, b)
        return lon, lat, WGS84.name
    raise PlaceError(_refusal(sheet, verdict, winner))


def _some_inside(ground: Ground, lon: Floats, lat: Floats, name: str) -> None:
    if not ground.inside(lon, lat).any():
        raise PlaceError(
            f"read as {name}, none of its {np.isfinite(lon).sum():,} points lies in the place. "
            "Check that it is the file of this place, or name another system with --crs."
        )


def _refusal(sheet: Sheet, verdict: Verdict, winner: Evidence | None) -> str:
    """Why the run stops, the evidence, and the option that lets it go on."""
    file = sheet.path.name
    if winner is not None:
        how = _option(sheet, winner)
        return (
            f"its coordinates fit the map as {winner.name}, and not as WGS-84 ({verdict.sentences()}). If that is right, add {how}; "
            f"if they are WGS-84 all the same, add --crs {file}=WGS-84."
        )
    rivals = ", ".join(dict.fromkeys(_option(sheet, one) for one in verdict.evidence if one.inside))
    return (
        f"it cannot be told which system its coordinates are in, and a wrong one is hundreds of metres off ({verdict.sentences()}). "
        f"Ask where the table comes from (高德 or 腾讯: GCJ-02; 百度: BD-09; GPS or OSM: WGS-84), and add one of: {rivals}."
    )


def _option(sheet: Sheet, one: Evidence) -> str:
    file = sheet.path.name
    parts = []
    known = sheet.understood
    if one.swapped and not one.system.projected:
        if {"lon", "lat"} <= known.keys():
            parts.append(f"--column {file}:{known['lon']}=lat --column {file}:{known['lat']}=lon")
        elif "location" in known:
            parts.append(f"--column {file}:{known['location']}=latlng")
        else:
            parts.append("x and y in their right order to the file")
    if one.system is not WGS84 or not parts:
        parts.append(f"--crs {file}={one.system.name}")
    return " ".join(parts)


def _shapes(sheet: Sheet, said: System | None, ground: Ground, findings: Findings, *, areas: bool) -> tuple[Shapes, str]:
    raw = np.asarray(sheet.geometry, dtype=object).copy()
    raw[shapely.is_empty(raw) | ~np.isfinite(shapely.bounds(raw)).all(axis=1)] = None
    known = ~shapely.is_missing(raw)
    if not known.any():
        return raw, ""
    spots = _spots(raw[known], areas=areas)
    if said is None and not sheet.crs:
        verdict = crs_guess.judge(ground, spots[:, 0], spots[:, 1])
        if verdict.winner is None or verdict.winner.system is not WGS84 or verdict.winner.swapped:
            raise PlaceError(
                f"it does not say its coordinate system (a .prj file is missing), and {_refusal(sheet, verdict, verdict.winner)}"
            )
        return _valid(raw), WGS84.name
    system = said or System(sheet.crs if sheet.crs not in {"EPSG:4326", "EPSG:4490", "OGC:CRS84"} else "WGS-84")
    swap = system.projected and coordinates.grid_axes(spots[:, 0], spots[:, 1]) == "second"

    def moved(xy: Floats) -> Floats:
        return np.column_stack(system.to_wgs84(xy[:, 1], xy[:, 0]) if swap else system.to_wgs84(xy[:, 0], xy[:, 1]))

    raw[known] = shapely.transform(raw[known], moved)
    spots, shapes = moved(spots), _valid(raw)
    if not (areas and _wider_than_the_place(ground, spots, shapes)):
        _some_inside(ground, spots[:, 0], spots[:, 1], system.name if len(system.name) < 30 else "it declares")
        if said is None:
            _weighed(sheet, system, ground, spots, findings, areas=areas)
    return shapes, system.name


def _wider_than_the_place(ground: Ground, spots: Floats, shapes: Shapes) -> bool:
    """Whether areas hold the place and have no corner in it: there is nothing to tell a shift by, and a shift matters little."""
    if ground.inside(spots[:, 0], spots[:, 1]).any():
        return False
    return bool(shapely.intersects(shapes[~shapely.is_missing(shapes)], shapely.box(*ground.extent)).any())


def _weighed(sheet: Sheet, system: System, ground: Ground, spots: Floats, findings: Findings, *, areas: bool) -> None:
    """Refuse a file that declares a system and fits another; tell where that is open."""
    verdict = crs_guess.judge(ground, spots[:, 0], spots[:, 1])
    best = verdict.winner or verdict.best
    if best.system is not WGS84 or best.swapped:
        if verdict.winner is not None or not areas:
            raise PlaceError(f"it declares {system.name[:30]}, and {_refusal(sheet, verdict, verdict.winner)}")
        findings.add("tables.crs_untested", sheet.label, verdict.sentences())
    elif verdict.winner is None:
        findings.add("tables.crs_untested", sheet.label, verdict.sentences())


def _spots(shapes: Shapes, *, areas: bool) -> Floats:
    """Points by which shapes are tested: a point inside each; of areas that are drawn along streets, their corners."""
    if areas:
        corners = shapely.get_coordinates(shapes)
        return np.asarray(corners[:: max(1, len(corners) // _VERTICES)])
    return np.asarray(shapely.get_coordinates(shapely.point_on_surface(shapely.make_valid(shapes))))


def _valid(shapes: Shapes) -> Shapes:
    out = shapes.copy()
    broken = ~shapely.is_valid(out) & ~shapely.is_missing(out)
    out[broken] = shapely.make_valid(out[broken])
    return out
