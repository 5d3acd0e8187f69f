"""A place drawn by matplotlib: ground, paths, buildings by colour, facilities, scale bar and north. The poster and the charts share it.

Takes: tables of a run, axes.   Gives: a drawing on them.
Never: computes a minute, or reads a name as markup.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray

from circle.publish.sheets import PALETTE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FAMILIES = (
    "Noto Sans CJK SC", "Source Han Sans SC", "Source Han Sans CN", "WenQuanYi Micro Hei", "WenQuanYi Zen Hei", "Noto Sans CJK JP",
    "Noto Sans SC", "Microsoft YaHei", "SimHei", "SimSun", "PingFang SC", "Hiragino Sans GB", "STHeiti", "Arial Unicode MS",
    "Droid Sans Fallback",
)  # fmt: skip
GROUND = {"water": "#cfe3f0", "green": "#e1edd5", "park": "#e1edd5", "railway": "#8f8f8f", "barrier": "#8a7a66"}
LINES = ("railway", "barrier")  # kinds of the ground that are thin, however they are drawn
SPOT = "#111111"  # a facility
COLOURS = (PALETTE[1], PALETTE[2], PALETTE[3], PALETTE[4])  # none, one, two or three, more services missed
MISSED = ("0", "1", "2–3", "4+")
UNKNOWN = "#ffffff"
UNCOUNTED = "#d5d8da"  # where nobody lives
HATCH = "////"
MANY = 5000  # buildings
MARGIN = 0.06  # around the buildings, as a share of their width
METRES_PER_DEGREE = 111_320.0


@dataclass(frozen=True, slots=True)
class Scene:
    """What is drawn: tables `background`, `edges`, `buildings`, and the class of each building.

    A class is a row of COLOURS; after the last come `unknown` and `not counted`. `shown` is the box that the map is to show (west, south,
    east, north; degrees), all buildings where none is given.
    """

    background: gpd.GeoDataFrame
    edges: gpd.GeoDataFrame
    buildings: gpd.GeoDataFrame
    classes: NDArray[np.int64]
    shown: tuple[float, float, float, float] | None = None


def chinese_font() -> str | None:
    """The first family with Chinese characters that the system has."""
    from matplotlib import font_manager  # noqa: PLC0415 - only who draws needs it

    known = {entry.name for entry in font_manager.fontManager.ttflist}
    return next((name for name in FAMILIES if name in known), None)


def outlines(shapes: gpd.GeoSeries) -> gpd.GeoSeries:
    """Areas as the lines around them; lines as they are."""
    return shapes.where(shapely.get_dimensions(shapes.to_numpy()) < 2, shapes.boundary)


def by_gaps(buildings: gpd.GeoDataFrame) -> NDArray[np.int64]:
    """Class of each building by how many services it misses."""
    missed = buildings["gaps"].to_numpy()
    row = np.digitize(missed, [1, 2, 4])
    return np.where((missed == 0) & (buildings["verdict"].astype(str) == "unmapped").to_numpy(), len(COLOURS), row)


def draw(axes: Axes, scene: Scene, spots: gpd.GeoSeries, scale: float = 1.0, up: str = "N") -> None:
    """Draw a place: `spots` are the facilities, `scale` is 1 for two thirds of an A3 sheet, `up` stands below the arrow to the north."""
    buildings = scene.buildings
    west, south, east, north = scene.shown or shapely.total_bounds(buildings.geometry.to_numpy())
    middle = float((south + north) / 2)
    for kind, colour in GROUND.items():
        part = scene.background[scene.background["kind"].astype(str) == kind]
        if kind in LINES:  # a wall around a compound is an area in the data; its inside is no wall
            part = part.set_geometry(outlines(part.geometry))
        if len(part):
            part.plot(ax=axes, color=colour, linewidth=0.6 * scale, zorder=1, aspect=None)
    scene.edges.plot(ax=axes, color="#c9c9c9", linewidth=0.5 * scale, zorder=2, aspect=None)
    outline = (0.2 if len(buildings) < MANY else 0.04) * scale  # in a city the outlines would hide the colours
    for row, colour in enumerate(COLOURS):
        part = buildings[scene.classes == row]
        if len(part):
            part.plot(ax=axes, color=colour, edgecolor="#444444", linewidth=outline, zorder=3, aspect=None)
    part = buildings[scene.classes == len(COLOURS)]
    if len(part):
        part.plot(ax=axes, color=UNKNOWN, edgecolor="#777777", hatch=HATCH, linewidth=outline, zorder=3, aspect=None)
    part = buildings[scene.classes == len(COLOURS) + 1]
    if len(part):
        part.plot(ax=axes, color=UNCOUNTED, linewidth=0, zorder=3, aspect=None)
    style: dict[str, Any] = {"markersize": 3.2 * scale, "markeredgecolor": "white", "markeredgewidth": 0.5 * scale}
    axes.plot(spots.x, spots.y, "o", color=SPOT, zorder=4, **style)
    axes.set_aspect(1 / np.cos(np.radians(middle)))
    axes.set(xticks=[], yticks=[], xlabel="", ylabel="")
    wide, high = (east - west) * MARGIN, (north - south) * MARGIN
    box = west - wide, south - high, east + wide, north + high
    axes.set(xlim=(box[0], box[2]), ylim=(box[1], box[3]))
    _scale_bar(axes, box, middle, scale)
    axes.text(*_arrow(axes, box, scale), up, fontsize=10 * scale, ha="center", zorder=6)


def _scale_bar(axes: Axes, box: tuple[float, float, float, float], latitude: float, scale: float) -> None:
    west, south, east, north = box
    per_degree = METRES_PER_DEGREE * np.cos(np.radians(latitude))
    wide = (east - west) * per_degree
    metres = max((step for step in (50, 100, 200, 500, 1000, 2000, 5000, 10_000) if step <= wide / 4), default=50)
    x, y = west + (east - west) * 0.03, south + (north - south) * 0.03
    axes.plot([x, x + metres / per_degree], [y, y], color="black", linewidth=3 * scale, solid_capstyle="butt", zorder=6)
    axes.text(x, y + (north - south) * 0.012, f"{metres:,} m", fontsize=10 * scale, zorder=6)


def _arrow(axes: Axes, box: tuple[float, float, float, float], scale: float) -> tuple[float, float]:
    """Draw the arrow that shows north; gives the spot below it."""
    west, south, east, north = box
    x, y = west + (east - west) * 0.97, north - (north - south) * 0.03
    shaft = {"arrowstyle": "-|>", "color": "black", "linewidth": 1.5 * scale}
    axes.annotate("", (x, y), (x, y - (north - south) * 0.07), arrowprops=shaft, zorder=6)
    return x, y - (north - south) * 0.10
