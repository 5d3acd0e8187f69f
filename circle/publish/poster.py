"""The poster: one sheet to hang up, with map, legend, shares and the worst gaps, as a vector PDF.

Takes: the folder of a run, a paper size, a font with Chinese characters.   Gives: a PDF; the same run gives the same bytes.
Never: computes a minute or a share, or reads a name as markup: a dollar sign is a dollar sign.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from circle.errors import OutputError
from circle.publish import sketch
from circle.publish.saved import Saved, open_run, whole_or_not_at_all
from circle.publish.sheets import PALETTE
from circle.publish.wording import both, clean, head, note, percent, word

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PAPERS_MM = {"A3": (420.0, 297.0), "A4": (297.0, 210.0)}
LISTED = 18


def build(run_folder: Path, out: Path, *, paper: str = "A3", portrait: bool = False, font: Path | None = None) -> Path:
    """Draw the poster of a saved run and say where it lies.

    Parameters
    ----------
    paper
        `A3` or `A4`, landscape unless `portrait`.
    font
        A font file with Chinese characters; where none is given, one of the system's is taken.

    Raises
    ------
    OutputError
        matplotlib is not installed, no font with Chinese characters is found, or the file cannot be written; says what to do.
    SourceError
        The folder is not that of a finished run.
    """
    try:
        import matplotlib as mpl  # noqa: PLC0415 - only a poster needs it
        from matplotlib.figure import Figure  # noqa: PLC0415
    except ImportError as error:
        raise OutputError("The poster is drawn by matplotlib, which is not installed. Install it with: pip install matplotlib") from error
    if paper not in PAPERS_MM:
        raise OutputError(f"There is no paper “{paper}” to draw on. Choose one of: {', '.join(PAPERS_MM)}.")
    run = open_run(Path(run_folder))
    family = _family(font)
    size = PAPERS_MM[paper][:: -1 if portrait else 1]
    target = Path(out)
    with (
        mpl.rc_context({"font.family": [family, "DejaVu Sans"], "pdf.fonttype": 42, "text.parse_math": False, "axes.unicode_minus": False}),
        warnings.catch_warnings(),
    ):
        # a sign that no font has is drawn as an empty box; nobody can do anything about it
        warnings.filterwarnings("ignore", message="Glyph .* missing", category=UserWarning)
        figure = Figure(figsize=(size[0] / 25.4, size[1] / 25.4))
        _draw(figure, run, scale=size[0] / 420 if not portrait else size[1] / 420, portrait=portrait)
        with whole_or_not_at_all(target) as part:
            figure.savefig(part, format="pdf", metadata={"CreationDate": None, "Producer": None, "Creator": "circle", "Title": run.place})
    return target


def _family(font: Path | None) -> str:
    """A family with Chinese characters: of the file that was given, or the first that the system has."""
    from matplotlib import font_manager  # noqa: PLC0415

    if font is not None:
        try:
            font_manager.fontManager.addfont(str(font))
            return str(font_manager.FontProperties(fname=str(font)).get_name())
        except (OSError, RuntimeError) as error:
            raise OutputError(f"{font} cannot be used as a font ({error}). Give a .ttf, .otf or .ttc file with --font.") from error
    found = sketch.chinese_font()
    if found is None:
        raise OutputError(
            "No font with Chinese characters is on this machine. "
            "Install one (Debian: apt-get install fonts-wqy-microhei), or name a file with --font."
        )
    return found


def _draw(figure: Figure, run: Saved, *, scale: float, portrait: bool) -> None:
    boxes = (
        {"map": (0.03, 0.40, 0.94, 0.50), "side": (0.03, 0.05, 0.45, 0.33), "more": (0.53, 0.05, 0.44, 0.33)}
        if portrait
        else {"map": (0.02, 0.06, 0.64, 0.83), "side": (0.68, 0.06, 0.30, 0.83)}
    )
    figure.text(0.02, 0.965, f"{run.place} · {run.standard.title.zh}", fontsize=26 * scale, va="top", color=PALETTE[0])
    figure.text(0.02, 0.918, run.standard.title.en, fontsize=13 * scale, va="top", color="#555555")
    _map(figure.add_axes(boxes["map"]), run, scale)
    stretch = 0.83 * 297 / (0.33 * 420) if portrait else 1.0  # a line is as high on a low box
    first = _Column(figure, boxes["side"], scale, stretch)
    _side(first, _Column(figure, boxes["more"], scale, stretch) if portrait else first, run)
    figure.text(0.02, 0.02, run.attribution, fontsize=8 * scale, color="#333333")
    figure.text(0.98, 0.02, "审图号：____________________", fontsize=9 * scale, ha="right", color="#333333")


def _map(axes: Axes, run: Saved, scale: float) -> None:
    buildings = run.map("buildings")
    classes = np.where(buildings["residential"].to_numpy(), sketch.by_gaps(buildings), len(sketch.COLOURS) + 1)
    scene = sketch.Scene(run.map("background"), run.map("edges"), buildings, classes)
    sketch.draw(axes, scene, run.map("facilities").geometry.representative_point(), scale, "N 北")


class _Column:
    """A column of lines, from the top down; lengths are shares of the landscape sheet's column."""

    def __init__(self, figure: Figure, box: tuple[float, float, float, float], scale: float, stretch: float) -> None:
        self.axes = figure.add_axes(box)
        self.axes.set_axis_off()
        self.axes.set(xlim=(0, 1), ylim=(0, 1))
        self.scale, self.stretch, self.y = scale, stretch, 1.0

    def line(self, text: str, size: float = 9.0, *, gap: float = 0.021, x: float = 0.0, color: str = "black") -> None:
        """Write a line, and go down to the next one."""
        self.axes.text(x, self.y, text, fontsize=size * self.scale, va="top", color=color)
        self.down(gap)

    def right(self, x: float, text: str, size: float = 9.0, color: str = "black") -> None:
        """Write beside the line that comes, up to `x`."""
        self.axes.text(x, self.y, text, fontsize=size * self.scale, va="top", ha="right", color=color)

    def down(self, gap: float) -> None:
        """Leave room."""
        self.y -= gap * self.stretch

    def part(self, title: str) -> None:
        """Write the title of a part."""
        self.down(0.012)
        self.line(title, 12, gap=0.032, color=PALETTE[0])

    def swatch(self, colour: str, text: str) -> None:
        """Write a line of the legend."""
        from matplotlib.patches import Rectangle  # noqa: PLC0415

        hatch = sketch.HATCH if colour == sketch.UNKNOWN else None
        corner = (0.0, self.y - 0.016 * self.stretch)
        self.axes.add_patch(
            Rectangle(corner, 0.05, 0.017 * self.stretch, facecolor=colour, edgecolor="#444444", linewidth=0.5, hatch=hatch)
        )
        self.line(text, x=0.07, gap=0.024)

    def dot(self, colour: str, text: str) -> None:
        """Write a line of the legend with a dot, as facilities are drawn."""
        self.axes.plot([0.025], [self.y - 0.0075 * self.stretch], "o", color=colour, markersize=5 * self.scale, clip_on=False)
        self.line(text, x=0.07, gap=0.024)


def _side(first: _Column, second: _Column, run: Saved) -> None:
    """Legend and shares in the first column, worst gaps and data in the second, which may be the same."""
    first.part("超出限时的服务项数 / Services beyond their limit")
    for colour, text in zip(sketch.COLOURS, sketch.MISSED, strict=True):
        first.swatch(colour, text)
    first.swatch(sketch.UNKNOWN, word("verdict", "unmapped"))
    first.swatch(sketch.UNCOUNTED, "无人居住，不计入 / nobody lives here, not counted")
    first.dot(sketch.SPOT, "设施 / facility")
    first.part("达标率（有人居住的建筑） / Shares, homes only")
    shares = run.summary["shares"]
    for key, label in {**run.labels, "all": head("all")}.items():
        block = shares[key]
        limit = f" ≤ {block['limit_min']:.3g} min" if key != "all" else ""
        for x, unit in ((0.82, "buildings"), (1.0, "households")):
            first.right(x, percent(block[unit]["share_met"]))
        first.line(f"{label}{limit}")
    first.right(0.82, "栋 buildings", 7.5, "#555555")
    first.right(1.0, "户 households", 7.5, "#555555")
    first.down(0.02)
    second.part("有短板的住宅（户数） / Homes with gaps, by households")
    # with a long standard one column holds fewer of them
    worst = _worst(run.table("buildings"), LISTED if second is not first else LISTED - max(len(run.labels) - 5, 0))
    for name, missed, households in worst:
        second.right(1.0, f"{missed} 项短板 gaps · {households:,.0f} 户", 8.5)
        second.line(name, 8.5, gap=0.019)
    if not worst:
        second.line("—")
    second.part(head("data_date"))
    walker = run.record["walker"]
    spoken = {"zh": clean(walker["label"]["zh"]), "en": clean(walker["label"]["en"]), "speed": walker["speed_m_per_s"]}
    second.line((run.data_date or "")[:10] or head("unknown"))
    second.line(note("walker", **spoken), 8)
    second.line(f"{both(run.standard.title)}", 8)
    second.line(_short(clean(run.standard.source), 70), 7, color="#555555")
    second.line(f"circle {clean(str(run.record['circle']))}", 7, color="#555555")


def _worst(buildings: pd.DataFrame, most: int) -> list[tuple[str, int, float]]:
    """Homes with gaps, most households first."""
    lived = buildings[buildings["residential"] & (buildings["gaps"] > 0)]
    lived = lived.sort_values(["households", "gaps", "building"], ascending=[False, False, True]).head(most)
    names = [_short(clean(str(name or "")) or clean(str(one)), 28) for name, one in zip(lived["name"], lived["building"], strict=True)]
    return list(zip(names, lived["gaps"].astype(int).tolist(), lived["households"].astype(float).tolist(), strict=True))


def _short(text: str, most: int) -> str:
    text = " ".join(text.split())
    return text if len(text) <= most else text[: most - 1] + "…"
