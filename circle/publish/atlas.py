"""The overview of a run that is too large for one page: its districts, how good each is, and links to their pages.

Takes: the folder of a run, its districts with their shares and outlines.   Gives: `map.html`.
Never: computes a share, or makes a link or a name of a file from a text: files are numbered.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import shapely

from circle.publish import blocks, made, pack, page, skeleton
from circle.publish.saved import whole_or_not_at_all
from circle.publish.shapes import Shapes

SCRIPTS = ("decode", "dom", "atlas")
SIMPLIFIED = 0.000_2  # degrees, some twenty metres: an overview shows no more


@dataclass(frozen=True, slots=True)
class District:
    """A part of a run: name, shares as in `summary.json`, outline in WGS 84."""

    name: str
    shares: Mapping[str, Any]
    shape: shapely.Geometry


def file_name(number: int) -> str:
    """Name of the page of a district by its place in the list.

    >>> file_name(0)
    'd1.html'
    """
    return f"d{number + 1}.html"


def html(run_folder: Path, districts: Sequence[District]) -> str:
    """Give the overview of a run as text; the page of the n-th of `districts` is `map/` and `file_name(n)`.

    Raises
    ------
    OutputError, SourceError, SchemaError
        The folder is not that of a finished run.
    """
    saved = blocks.load(Path(run_folder))
    shapes = np.asarray([*(one.shape for one in districts), None], dtype=object)[:-1]
    listed = [{"name": one.name, "shares": {key: _block(said) for key, said in one.shares.items()}} for one in districts]
    packed = {
        "meta": pack.block(page.plain(page.shown(saved, None))),
        "districts": pack.block(
            page.plain({"n": len(listed), "origin": saved.origin, "world": pack.WORLD, "districts": listed}),
            pack.areas(Shapes.of(shapely.simplify(shapes, SIMPLIFIED)), saved.origin),
        ),
    }
    leaflet_script, leaflet_style = page.leaflet_files()
    script, style, body = page.own(SCRIPTS, "atlas.html")
    parts = skeleton.Parts((leaflet_script, script), (leaflet_style, style), body, packed, made.Made.of(saved.run))
    return skeleton.render(parts, page.centre(saved))


def _block(said: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    return {unit: {key: said[unit][key] for key in ("counted", "met", "gap", "unmapped")} for unit in ("buildings", "households")}


def build(run_folder: Path, districts: Sequence[District]) -> Path:
    """Write the overview of a run as its `map.html`, and return where it lies. Raises `OutputError` where it cannot be written."""
    target = Path(run_folder) / "map.html"
    text = html(run_folder, districts)
    with whole_or_not_at_all(target) as part:
        part.write_text(text, encoding="utf-8", newline="\n")
    return target
