"""Charts of runs and plans for notebooks and reports: shares, minutes, maps, the curve of a plan, what a budget buys.

    charts.shares(run.shares())                       # shows itself as the last line of a cell
    charts.place(run, "clinic").save("clinic.png")

Takes: a run, a plan, a table of plans.   Gives: `Chart`, which shows itself as the last line of a notebook's cell, and can be saved.
Never: computes a minute or a share, or reads a name as markup. Without a font with Chinese characters the charts speak English alone.

Every chart needs matplotlib (`pip install 'circle[notebooks]'`) and raises an `OutputError` that says so where it is missing.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import cache, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, Protocol

import geopandas as gpd
import numpy as np
import pandas as pd

from circle.errors import OutputError, RuleError
from circle.publish import sketch
from circle.publish.saved import whole_or_not_at_all
from circle.publish.sheets import PALETTE
from circle.publish.wording import clean
from circle.standards import Label, Standard

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DPI = 160
IN_TIME, LATE, SOFT = PALETTE[0], PALETTE[3], "#6b7580"
MOST_ZONES = 20
BINS = 30
SMALL = 1000  # buildings

Said = ParamSpec("Said")


class Drawn(Protocol):
    """What a chart needs of a run."""

    @property
    def buildings(self) -> gpd.GeoDataFrame: ...  # noqa: D102
    @property
    def facilities(self) -> gpd.GeoDataFrame: ...  # noqa: D102
    @property
    def edges(self) -> gpd.GeoDataFrame: ...  # noqa: D102
    @property
    def background(self) -> gpd.GeoDataFrame: ...  # noqa: D102
    @property
    def standard(self) -> Standard: ...  # noqa: D102


class Planned(Protocol):
    """What a chart needs of a plan."""

    @property
    def stations(self) -> gpd.GeoDataFrame: ...  # noqa: D102
    @property
    def passages(self) -> gpd.GeoDataFrame: ...  # noqa: D102
    @property
    def curve(self) -> pd.DataFrame: ...  # noqa: D102


class Chart:
    """A drawing, `figure`, that shows itself in a notebook."""

    def __init__(self, figure: Figure) -> None:
        self.figure = figure

    def _repr_png_(self) -> tuple[bytes, dict[str, int]]:
        out = io.BytesIO()
        with _style():
            self.figure.savefig(out, format="png", dpi=DPI, metadata={"Software": None})
        width, height = self.figure.get_size_inches() * self.figure.dpi
        return out.getvalue(), {"width": round(width), "height": round(height)}

    def save(self, path: str | Path) -> Path:
        """Write the chart; the ending (png, pdf, svg) says how.

        Raises
        ------
        OutputError   the file cannot be written
        """
        target = Path(path)
        with whole_or_not_at_all(target) as part, _style():
            try:
                self.figure.savefig(part, dpi=DPI)
            except ValueError as error:
                raise OutputError(f"{target}: cannot be drawn ({error}). Name a file that ends in .png, .pdf or .svg.") from error
        return target


@cache
def _font() -> str | None:
    return sketch.chinese_font()


def _style() -> AbstractContextManager[None]:
    """Fonts, and no formulas in names."""
    try:
        import matplotlib as mpl  # noqa: PLC0415 - only who draws needs it
    except ImportError as error:
        raise OutputError(
            "Charts are drawn by matplotlib, which is not installed. Install it with: pip install 'circle[notebooks]'"
        ) from error
    families = [name for name in (_font(), "DejaVu Sans") if name]
    rules: Any = {
        "font.family": families,
        "text.parse_math": False,
        "axes.unicode_minus": False,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "font.size": 9.5,
        "svg.hashsalt": "circle",
    }
    context: AbstractContextManager[None] = mpl.rc_context(rules)
    return context


def _styled(draw: Callable[Said, Chart]) -> Callable[Said, Chart]:
    """A drawing function whose texts are all born in our style."""

    @wraps(draw)
    def inside(*args: Said.args, **named: Said.kwargs) -> Chart:
        with _style():
            return draw(*args, **named)

    return inside


@_styled
def shares(table: pd.DataFrame) -> Chart:
    """Bars of the shares in time, by buildings and by households, from `run.shares()`."""
    figure, (axes,) = _sheet(7.6, 0.62 * len(table) + 1.2)
    y = np.arange(len(table))[::-1]
    for shift, column, colour, zh, en in (
        (0.19, "share_buildings", PALETTE[1], "按栋", "of buildings"),
        (-0.19, "share_households", IN_TIME, "按户", "of households"),
    ):
        values = 100 * table[column].to_numpy(float)
        axes.barh(y + shift, np.nan_to_num(values), 0.36, color=colour, label=_both(zh, en))
        for at, value in zip(y + shift, values, strict=True):
            axes.text(np.nan_to_num(value) + 1, at, "—" if np.isnan(value) else f"{value:.1f} %", va="center", fontsize=8.5)
    limits = [f" ≤ {value:.3g} min" if value == value else "" for value in table["limit_min"]]  # noqa: PLR0124 - NaN: all services
    axes.set_yticks(y, [_both(str(zh), str(en)) + limit for zh, en, limit in zip(table["zh"], table["en"], limits, strict=True)])
    axes.set(xlim=(0, 112), xticks=range(0, 101, 25), xlabel=_both("达标率，%", "in time, %"))
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, frameon=False)
    return Chart(figure)


@_styled
def zones(table: pd.DataFrame) -> Chart:
    """Bars of the share of households in time by zone, the worst on top, from `run.zone_shares()`; the twenty worst at most."""
    shown = table.head(MOST_ZONES)
    figure, (axes,) = _sheet(7.6, 0.34 * len(shown) + 1.0)
    y, values = np.arange(len(shown))[::-1], 100 * shown["share_households_met"].to_numpy(float)
    axes.barh(y, 100, 0.72, color="#f0ebe4")
    axes.barh(y, np.nan_to_num(values), 0.72, color=IN_TIME)
    for at, value, households in zip(y, values, shown["households"], strict=True):
        share = "—" if np.isnan(value) else f"{value:.0f} %"
        axes.text(101, at, f"{share}  ({households:,.0f})", va="center", fontsize=8.5)
    names = [_said(str(name or "")) or _said(str(zone)) for name, zone in zip(shown["name"], shown["zone"], strict=True)]
    axes.set_yticks(y, names)
    label = _both("全部服务都达标的户数占比，%（户数）", "households with every service in time, % (how many households)")
    axes.set(xlim=(0, 125), xticks=range(0, 101, 25), xlabel=label)
    return Chart(figure)


@_styled
def minutes(run: Drawn) -> Chart:
    """For each service, how many households walk how long; the limit as a line."""
    limits = run.standard.services
    figure, plots = _sheet(9.2, 1.25 * len(limits) + 0.5, rows=len(limits))
    homes = run.buildings[run.buildings["residential"]]
    weight = homes["households"].to_numpy(float)
    for axes, limit in zip(plots, limits, strict=True):
        walk = homes[f"minutes_{limit.service}"].to_numpy(float)
        there = np.isfinite(walk)
        far = limit.limit_min * np.clip(np.quantile(walk[there], 0.98) / limit.limit_min if there.any() else 0.0, 3, 8)
        step = limit.limit_min / max(1, round(limit.limit_min * BINS / far))  # the limit lies between two bars
        edges = np.arange(0, far + step, step)
        heights, _ = np.histogram(np.minimum(walk[there], edges[-1] - step / 2), bins=edges, weights=weight[there])
        axes.bar(edges[:-1], heights, step * 0.92, align="edge", color=np.where(edges[:-1] < limit.limit_min - 1e-9, IN_TIME, LATE))
        axes.axvline(limit.limit_min, color="#111111", linewidth=1.2)
        told = [_both(limit.label.zh, limit.label.en), f"≤ {limit.limit_min:.3g} min"]
        lost = weight[~there].sum()
        told += [f"{_both('无路可达', 'no way')}: {lost:,.0f}"] if lost else []
        axes.set_title("   ".join(told), loc="left", fontsize=9, pad=3)
        axes.set(xlim=(0, edges[-1]), yticks=[])
        axes.spines["left"].set_visible(False)
    plots[-1].set_xlabel(
        _both("步行分钟；柱高为户数，最右一柱含更远者", "minutes on foot; height: households, the last bar holds all beyond")
    )
    return Chart(figure)


@_styled
def place(run: Drawn, service: str | None = None) -> Chart:
    """The place with its homes by services missed; with `service`, by that verdict alone, and its facilities.

    Raises
    ------
    RuleError   the run's standard has no such service
    """
    figure, (axes,) = _sheet(8.4, 8.4 / _wide(run) + 0.5)
    _draw(axes, run, service)
    _legend(figure, service)
    return Chart(figure)


@_styled
def before_after(before: Drawn, after: Drawn, plan: Planned, service: str | None = None) -> Chart:
    """The place twice: as it is, and with the plan's stations (stars) and passages (diamonds); `service` as in `place`.

    Raises
    ------
    RuleError   the run's standard has no such service
    """
    figure, (left, right) = _sheet(12.0, 6.0 / _wide(before) + 0.8, columns=2)
    _draw(left, before, service)
    _draw(right, after, service)
    points = plan.stations.geometry.representative_point() if len(plan.stations) else None
    if points is not None:
        style: dict[str, Any] = {"markersize": 17, "markeredgecolor": "#111111", "markerfacecolor": "#ffd23f", "linestyle": "none"}
        right.plot(points.x, points.y, "*", zorder=8, label=_both("新站", "new station"), **style)
    for number, line in enumerate(plan.passages.geometry):
        x, y = line.xy  # a gate is too short to be seen as a line
        shown: dict[str, Any] = {"color": "#c2185b", "linewidth": 3, "marker": "D", "markersize": 7, "zorder": 7}
        right.plot(x, y, label=None if number else _both("新通道", "new passage"), **shown)
    left.set_title(_both("现状", "before"), fontsize=11)
    right.set_title(_both("方案", "after"), fontsize=11)
    if points is not None or len(plan.passages):
        right.legend(loc="lower right", fontsize=9)
    _legend(figure, service)
    return Chart(figure)


@_styled
def curve(plan: Planned) -> Chart:
    """The k-curve: what share is reached with one measure, two, three, …; each point is the best that so many can do."""
    rows = plan.curve
    figure, (axes,) = _sheet(7.2, 3.5)
    axes.plot(rows["k"], 100 * rows["share"], "-o", color=IN_TIME, linewidth=2)
    open_ = rows[~rows["proven"].astype(bool)]
    axes.plot(open_["k"], 100 * open_["share"], "o", color="white", markeredgecolor=IN_TIME, label=_both("未证明", "not proven"))
    for k, share in zip(rows["k"], 100 * rows["share"].to_numpy(float), strict=True):
        axes.annotate(f"{share:.1f} %", (k, share), (5, -14), textcoords="offset points", fontsize=9)
    low = 100 * float(rows["share"].min())
    axes.set(
        xticks=rows["k"], ylim=(low - 5, 108), xlabel=_both("措施数量 k", "number of measures k"), ylabel=_both("达标，%", "in time, %")
    )
    axes.margins(x=0.09)
    axes.grid(axis="y", color="#e6e6e6")
    if len(open_):
        axes.legend(frameon=False)
    return Chart(figure)


@_styled
def frontier(table: pd.DataFrame) -> Chart:
    """What each budget buys, from `siting.frontier`: stations and passages together, stations alone, passages alone."""
    figure, (axes,) = _sheet(7.6, 4.2)
    styles = {
        "both": ("-", "o", IN_TIME, "站点与通道", "stations and passages"),
        "stations": ("--", "s", LATE, "只建站", "stations alone"),
        "passages": (":", "^", PALETTE[4], "只开门", "passages alone"),
    }
    for means, (line, mark, colour, zh, en) in styles.items():
        rows = table[table["means"] == means].sort_values("budget")
        label = _both(zh, en)
        style: dict[str, Any] = {"linestyle": line, "marker": mark, "color": colour, "linewidth": 2, "drawstyle": "steps-post"}
        axes.plot(rows["budget"] / 1000, rows["gain"], label=label, **style)
    axes.set(xlabel=_both("预算，千元", "budget, thousand yuan"), ylabel=_both("新达标（户·项）", "gained (households × services)"))
    axes.grid(color="#ececec")
    axes.legend(frameon=False)
    return Chart(figure)


def _sheet(width: float, height: float, rows: int = 1, columns: int = 1) -> tuple[Figure, list[Axes]]:
    """A figure (inches) and its axes, in one row or one column."""
    from matplotlib.figure import Figure as New  # noqa: PLC0415 - only who draws needs it

    figure = New(figsize=(width, height), layout="constrained")
    made = figure.subplots(rows, columns, squeeze=False)
    return figure, list(made.ravel())


def _both(zh: str, en: str) -> str:
    """Chinese and English, or English alone where no font has Chinese characters."""
    label = Label(clean(zh), clean(en))
    return f"{label.zh} {label.en}" if _font() and label.zh != label.en else label.en


def _said(name: str) -> str:
    """A name from data, without what no font here can draw."""
    return clean(name) if _font() else "".join(letter for letter in clean(name) if ord(letter) < 0x2000)


def _draw(axes: Axes, run: Drawn, service: str | None) -> None:
    buildings, spots = run.buildings, run.facilities
    classes = sketch.by_gaps(buildings)
    if service is not None:
        known = [limit.service for limit in run.standard.services]
        if service not in known:
            raise RuleError(f"There is no service “{service}” in this run. It has: {', '.join(known)}.")
        verdict = buildings[f"verdict_{service}"].astype(str)
        classes = np.select([(verdict == "met").to_numpy(), (verdict == "unmapped").to_numpy()], [0, len(sketch.COLOURS)], 2)
        spots = spots[spots["service"].astype(str) == service]
    classes = np.where(buildings["residential"].to_numpy(), classes, len(sketch.COLOURS) + 1)
    for side in axes.spines.values():
        side.set(visible=True, color="#b9c0c7", linewidth=0.6)
    sketch.draw(axes, sketch.Scene(run.background, run.edges, buildings, classes, _box(run)), spots.geometry.representative_point(), 0.75)


def _box(run: Drawn) -> tuple[float, float, float, float]:
    """Where 99 of 100 buildings lie, as on the page: one farm far out would shrink the town. Small places are shown whole."""
    bounds = run.buildings.geometry.bounds.to_numpy()
    least, most = (0.0, 1.0) if len(bounds) < SMALL else (0.005, 0.995)
    west, south = np.quantile(bounds[:, :2], least, axis=0)
    east, north = np.quantile(bounds[:, 2:], most, axis=0)
    return float(west), float(south), float(east), float(north)


def _wide(run: Drawn) -> float:
    """How many times wider than high the buildings lie; never a strip."""
    west, south, east, north = _box(run)
    ratio = (east - west) * np.cos(np.radians((south + north) / 2)) / max(north - south, 1e-9)
    return float(np.clip(ratio, 0.9, 2.5))


def _legend(figure: Figure, service: str | None) -> None:
    from matplotlib.patches import Patch  # noqa: PLC0415

    said = {
        0: _both("全部达标", "all in time"),
        1: _both("缺 1 项", "1 missed"),
        2: _both("缺 2–3 项", "2–3 missed"),
        3: _both("缺 4 项以上", "4 or more missed"),
    }
    if service is not None:
        said = {0: _both("达标", "in time"), 2: _both("未达标", "not in time")}
    handles = [Patch(facecolor=sketch.COLOURS[row], edgecolor="#444444", label=label) for row, label in said.items()]
    handles.append(Patch(facecolor=sketch.UNKNOWN, edgecolor="#777777", hatch=sketch.HATCH, label=_both("数据缺失", "unmapped")))
    handles.append(Patch(facecolor=sketch.UNCOUNTED, label=_both("无人居住", "nobody lives here")))
    figure.legend(handles=handles, loc="outside lower center", ncols=3 if len(handles) > 4 else 4, frameon=False, fontsize=8.5)
