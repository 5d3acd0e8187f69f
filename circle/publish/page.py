"""The published map: one HTML file that opens anywhere, without internet, from 300 buildings to 500,000.

Takes: the folder of a saved run.   Gives: `map.html` beside its tables, or its text.
Never: computes minutes or shares, asks the network, or hands a text from data to Folium: whatever comes from a table or a record
travels as base64 and becomes text in the browser by `textContent`.

The page holds Leaflet's own files (from the package XStatic-Leaflet), the scripts and styles in `assets/`, the wording in `texts.toml`, and
blocks (`blocks.py`, `background.py`, `graph.py`). Nothing in it depends on when or where it was built: the same run gives the same bytes.
"""

from __future__ import annotations

import math
import os
import tomllib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from xstatic.pkg import leaflet

from circle.errors import OutputError
from circle.publish import background, blocks, graph, pack
from circle.publish.basemap import Basemap
from circle.publish.made import Made

HERE = Path(__file__).parent
ASSETS = HERE / "assets"
SCRIPTS = (
    *("decode", "model", "shares", "graph", "ties", "whatif", "route", "straight", "symbols", "paint", "layers", "basemap", "dom"),
    *("panel", "list", "card", "print", "edits", "plan", "main"),
)

# ways in the order in which they leave the drawing of a very large place: what orients least goes first
LESSER_WAYS = ("crossing", "corridor", "platform", "elevator", "sidewalk", "track", "path", "footway", "steps", "cycleway", "service")


@cache
def leaflet_files() -> tuple[str, str]:
    """Read Leaflet's script and style as its package ships them."""
    from circle.publish import skeleton  # noqa: PLC0415 - Folium takes half a second to import, which can be beside other work

    folder = Path(leaflet.BASE_DIR)
    script = (folder / "leaflet.js").read_text(encoding="utf-8")
    style = (folder / "leaflet.css").read_text(encoding="utf-8")
    return skeleton.inline_script(script), skeleton.inline_style(style)


@cache
def own(scripts: tuple[str, ...] = SCRIPTS, markup: str = "body.html") -> tuple[str, str, str]:
    """Read our script (one closure out of several files), style and markup."""
    from circle.publish import skeleton  # noqa: PLC0415

    script = _spare("\n".join((ASSETS / f"{name}.js").read_text(encoding="utf-8") for name in scripts))
    style = _spare((ASSETS / "page.css").read_text(encoding="utf-8"))
    body = (ASSETS / markup).read_text(encoding="utf-8")
    return skeleton.inline_script(f'(() => {{\n"use strict";\n{script}\n}})();\n'), skeleton.inline_style(style), body


def _spare(text: str) -> str:
    """Leave out indentation, and lines that are empty or a comment: no text of ours runs over several lines."""
    lines = (line.strip() for line in text.splitlines())
    return "\n".join(line for line in lines if line and not line.startswith("//"))


@cache
def texts() -> dict[str, dict[str, dict[str, str]]]:
    """Read every word that the page says by itself: section → key → language → text."""
    with (HERE / "texts.toml").open("rb") as file:
        return tomllib.load(file)


def shown(saved: blocks.Saved, other: blocks.Saved | None, under: Basemap | None = None) -> dict[str, Any]:
    """Pick what the page shows of the records. Timings stay behind: they would change its bytes from run to run."""
    run, summary = saved.run, saved.summary
    inputs = [{key: given.get(key) for key in ("file", "bytes", "sha256", "data_date", "synthetic")} for given in run.get("inputs", [])]
    return {
        "texts": texts(),
        "circle": run.get("circle", ""),
        "standard": run["standard"],
        "walker": run.get("walker", {}),
        "inputs": inputs,
        "place": run.get("place") or summary.get("place") or "",
        "counted_by": saved.counted_by,
        "synthetic": bool(run.get("synthetic") or summary.get("synthetic") or any(given["synthetic"] for given in inputs)),
        "check": run.get("check", {}),
        "attribution": run.get("attribution", "© OpenStreetMap contributors, ODbL 1.0"),
        "summary": {key: summary.get(key, {}) for key in ("counts", "shares", "verdicts", "reasons", "fragile", "findings")},
        "extent": summary.get("extent"),
        "district": run.get("district"),
        "basemap": None if under is None else under.as_dict(),
        "scenario": _measures(run.get("scenario")),
        "before": None if other is None else {"name": _named(other), "shares": other.summary.get("shares", {}).get("all", {})},
    }


def _measures(scenario: Any) -> dict[str, Any] | None:
    """What a scenario changed, of what the run's record holds of it; None where the run is of things as they are."""
    if not isinstance(scenario, dict):
        return None
    kept = {"stations": ("name", "services"), "moves": ("facility",), "closings": ("facility", "services"), "passages": ("name",)}
    measures = {kind: [{key: one.get(key) for key in keys} for one in scenario.get(kind) or ()] for kind, keys in kept.items()}
    return {"name": scenario.get("name") or "", **measures, **{kind: scenario.get(kind) or [] for kind in ("opened", "closed")}}


def _named(other: blocks.Saved) -> str:
    """What to call the run before: its scenario, or else the date of its data, or its folder."""
    scenario = other.run.get("scenario")
    dates = [str(given["data_date"])[:10] for given in other.run.get("inputs", []) if given.get("data_date")]
    return str(scenario.get("name") or "") if isinstance(scenario, dict) else min(dates, default=other.folder.name)


def plain(value: Any) -> Any:
    """Give the same without NaN and infinity, which JSON cannot say: they become null."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def centre(saved: blocks.Saved) -> tuple[float, float]:
    """Give latitude and longitude of the middle of a run's data."""
    extent = saved.summary.get("extent")
    if not extent:
        return 0.0, 0.0
    west, south, east, north = (float(v) for v in extent)
    return round((south + north) / 2, 6), round((west + east) / 2, 6)


def html(run_folder: Path, before: Path | None = None, basemap: Basemap | None = None) -> str:
    """Give the page of a saved run as text; with `before`, the folder of another run of the same place, it shows who gained and who lost.

    `basemap`: an online map that its reader may turn on; the run's shapes must be in its system.

    Raises
    ------
    OutputError, SourceError, SchemaError
        The folder is not that of a finished run, or a table lacks a column; the message says which.
    """
    with ThreadPoolExecutor(1) as beside:
        waiting = beside.submit(lambda: (leaflet_files(), own()))
        saved = blocks.load(Path(run_folder))
        other = None if before is None else blocks.load(Path(before))
        packed = {"meta": pack.block(plain(shown(saved, other, basemap))), **_blocks(saved, other)}
        (leaflet_script, leaflet_style), (script, style, body) = waiting.result()
    from circle.publish import skeleton  # noqa: PLC0415

    scripts, styles = (leaflet_script, script), (leaflet_style, style)
    parts = skeleton.Parts(scripts=scripts, styles=styles, body=body, blocks=packed, made=Made.of(saved.run))
    parts = parts if basemap is None else replace(parts, hosts=(basemap.host,))
    return skeleton.render(parts, centre(saved))


def _blocks(saved: blocks.Saved, other: blocks.Saved | None) -> dict[str, str]:
    """Pack what the page draws, two blocks at a time: deflating, geometry and large arrays let go of the interpreter."""
    walkable = graph.available(saved)
    with ThreadPoolExecutor(2) as beside:
        # asked for by several, found once
        lines = beside.submit(lambda: saved.thinned if len(saved.walked) >= background.SIMPLIFY_FROM else saved.walked)
        _ = saved.origin, saved.order
        lines.result()
        # what takes longest goes first
        jobs: dict[str, Callable[[], str]] = {
            "graph": lambda: graph.graph(saved) if walkable else pack.block({}),
            "buildings": lambda: blocks.buildings(saved),
            "background": lambda: background.background(saved, LESSER_WAYS, ways=not walkable),
            "details": lambda: blocks.details(saved, legs=not walkable),
            "zones": lambda: background.zones(saved),
            "facilities": lambda: blocks.facilities(saved),
            "before": lambda: blocks.before(saved, other),
        }
        waiting = {name: beside.submit(job) for name, job in jobs.items()}
        order = ("buildings", "details", "facilities", "background", "zones", "before", "graph")
        return {name: waiting[name].result() for name in order}


def build(run_folder: Path, out: Path | None = None, before: Path | None = None, basemap: Basemap | None = None) -> Path:
    """Write the page of a saved run and return where it lies.

    Parameters
    ----------
    run_folder
        Folder that a run wrote.
    out
        The file to write, `map.html` in the run's folder by default. It appears whole or not at all.

    before
        Folder of another run of the same place, to show gained, lost, same.
    basemap
        See `html`.

    Raises
    ------
    OutputError
        The file cannot be written.
    SourceError, SchemaError
        The folder is not that of a finished run.
    """
    target = Path(out) if out is not None else Path(run_folder) / "map.html"
    page = html(run_folder, before, basemap)
    beside = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        beside.write_text(page, encoding="utf-8", newline="\n")
        beside.replace(target)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise OutputError(f"{target}: the map cannot be written ({error.strerror or error}). Give another place or make room.") from error
    return target
