"""Fetch: live OpenStreetMap as a snapshot that can be run like a file.

Takes: an area, a standard, whom to ask.   Gives: one GeoPackage with the raw objects, the extent, the date.
Never: leaves half a file, or writes over a file that is no snapshot.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from circle import folder, rules
from circle.errors import OutputError, PlaceError
from circle.sources import areas, overpass, snapshot
from circle.sources.elements import Elements
from circle.standards import DEFAULT, Standard
from circle.standards import load as load_standard
from circle.units import limit_metres

Say = Callable[[str, str], None]


@dataclass(frozen=True, slots=True)
class Fetched:
    """A snapshot that was written: `path`, the area's full `name`, its `box` (west, south, east, north), `buffer_m`, `date` of the data."""

    path: Path
    name: str
    box: overpass.Box
    buffer_m: float
    date: str | None
    nodes: int
    ways: int
    relations: int


def buffer_metres(standard: Standard) -> float:
    """Metres beyond an area that the map has to reach: the longest limit of a standard for the fastest walker, times a factor.

    The factor (`settings.toml`, section fetch) leaves a rim for detours and for verdicts that flip when somebody is quicker.
    """
    rule = rules.settings("fetch")
    quickest = max(walker.speed_m_per_s for walker in rules.walkers().values())
    longest = max(limit.limit_min for limit in standard.services)
    return max(rule["buffer_least_m"], rule["buffer_factor"] * limit_metres(longest, quickest))


def area_of(
    client: overpass.Client, place: str | None, bbox: str | None, polygon: str | None, around: str | None, which: int | None = None
) -> areas.Area:
    """The area that is meant; exactly one of the four must be given.

    Raises
    ------
    PlaceError, SourceError, FetchError
        None or several are given, or the one that is cannot be used.
    """
    given = [option for option, value in (("PLACE", place), ("--bbox", bbox), ("--polygon", polygon), ("--around", around)) if value]
    if len(given) != 1:
        what = " and ".join(given) if given else "nothing"
        raise PlaceError(f"Say what to fetch in one way: PLACE, --bbox, --polygon or --around. Given: {what}.")
    if bbox:
        return areas.from_box(bbox)
    if polygon:
        return areas.from_file(polygon)
    if around:
        return areas.around(around)
    name = place or ""
    return areas.named(name, client.places(name), which)


def fetch(
    area: areas.Area, out: str | Path, client: overpass.Client, *, standard: str | Path | Standard = DEFAULT, buffer_m: float | None = None
) -> Fetched:
    """Ask Overpass for every object in an area and its rim, and write them as a snapshot.

    Parameters
    ----------
    area
        What is asked for; see `area_of`.
    buffer_m
        Metres around it; by default what the standard needs (`buffer_metres`).

    Raises
    ------
    PlaceError
        The area is too large to ask a public server for, or nothing is mapped there.
    FetchError, SourceError
        The server cannot be reached, breaks off, or refuses.
    OutputError
        The file cannot be written, or is something else than a snapshot. What was there before is untouched.
    """
    target = prepare(Path(out))
    rule = rules.settings("fetch")
    chosen = standard if isinstance(standard, Standard) else load_standard(standard)
    rim = buffer_metres(chosen) if buffer_m is None else buffer_m
    if not 0 <= rim <= 50_000:
        raise PlaceError(f"--buffer {rim:g} must be from 0 to 50000 metres.")
    box = areas.widened(area, rim)
    size = areas.square_kilometres(box)
    if size > rule["most_km2"]:
        raise PlaceError(
            f"{area.name} with {rim:.0f} m around it is {size:,.0f} km², too much to ask a public server for "
            f"(at most {rule['most_km2']:,.0f}). Use an extract (.osm.pbf), or fetch a part."
        )
    parts = areas.tiles(box, rule["tile_km2"])
    whole = Elements()
    for number, part in enumerate(parts, start=1):
        client.say("ask", f"{number}/{len(parts)} · {areas.square_kilometres(part):.1f} km²")
        whole.add(client.elements(part))
    if not whole.ways:
        raise PlaceError(f"OpenStreetMap holds no street or building in {area.name}. Check the coordinates: {_corners(box)}.")
    west, south, east, north = box
    header = {
        "name": area.name,
        "origin": area.origin,
        "west": west,
        "south": south,
        "east": east,
        "north": north,
        "buffer_m": f"{rim:g}",
        "data_date": whole.date,
        "fetched": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "endpoint": client.wire.endpoint,
        "generator": "; ".join(sorted(whole.generators)),
        "requests": len(parts),
        "circle": version("circle"),
        "osmnx": version("osmnx"),
        "licence": "© OpenStreetMap contributors, ODbL 1.0",
    }
    client.say("store", target.name)
    _write(target, whole, area, header)
    return Fetched(target, area.name, box, rim, whole.date, len(whole.nodes), len(whole.ways), len(whole.relations))


def _corners(box: overpass.Box) -> str:
    return "west {:.4f}, south {:.4f}, east {:.4f}, north {:.4f}".format(*box)


def prepare(out: Path) -> Path:
    """Find out before anything is asked for whether the file can be written.

    Raises
    ------
    OutputError
        The name does not end in .gpkg, the folder is missing, or something else than a snapshot is there.
    """
    if out.suffix.lower() != ".gpkg":
        raise OutputError(f"{out} must end in .gpkg: a snapshot is a GeoPackage. Name it so with -o.")
    if out.is_dir():
        raise OutputError(f"{out} is a folder. Name a file in it with -o.")
    if out.exists() and not snapshot.is_snapshot(out):
        raise OutputError(f"{out} is there already and no snapshot of circle; nothing was touched. Name another file with -o.")
    if not out.absolute().parent.is_dir():
        raise OutputError(f"{out.parent} is no folder. Make it first, or name another with -o.")
    part = _part(out)
    try:
        part.touch()
        part.unlink()
    except OSError as trouble:
        raise folder.failed(out, trouble) from trouble
    return out


def _part(out: Path) -> Path:
    return out.with_name(f".{out.stem}.part.gpkg")


def _write(target: Path, whole: Elements, area: areas.Area, header: dict[str, object]) -> None:
    part = _part(target)
    try:
        part.unlink(missing_ok=True)
        snapshot.write(part, whole, area.shape, header)
        part.replace(target)
    except OSError as trouble:
        raise folder.failed(target, trouble) from trouble
    except RuntimeError as trouble:  # GDAL's own errors
        raise folder.failed(target, OSError(str(trouble)[:120])) from trouble
    finally:
        for left in (part, part.with_name(part.name + "-journal"), part.with_name(part.name + "-wal")):
            left.unlink(missing_ok=True)
