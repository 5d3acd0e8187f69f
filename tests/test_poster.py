"""The poster: one page, Chinese text in it, the same bytes for the same run, and clear words where it cannot be drawn."""

from __future__ import annotations

import contextlib
import itertools
import shutil
import subprocess
from pathlib import Path
from unittest.mock import patch

import geopandas as gpd
import numpy as np
import pytest
import shapely
from typer.testing import CliRunner

import circle
from circle.cli import app
from circle.errors import OutputError
from circle.publish import poster, sketch

matplotlib = pytest.importorskip("matplotlib")
from matplotlib.collections import LineCollection, PatchCollection  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402

KUANGSHAN = Path(__file__).resolve().parent.parent / "data" / "kuangshan" / "kuangshan.osm.pbf"


def has_font() -> bool:
    from matplotlib import font_manager

    return bool({entry.name for entry in font_manager.fontManager.ttflist} & set(sketch.FAMILIES))


chinese = pytest.mark.skipif(not has_font(), reason="no font with Chinese characters on this machine")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return circle.run(KUANGSHAN).save(tmp_path_factory.mktemp("run") / "run", published=False).folder


@chinese
def test_the_sheet_is_one_page_with_its_words(folder, tmp_path):
    done = CliRunner().invoke(app, ["poster", str(folder), "-o", str(tmp_path / "plan.pdf")])
    assert done.exit_code == 0, done.output
    assert (tmp_path / "plan.pdf").read_bytes().startswith(b"%PDF")
    if shutil.which("pdftotext") is None:
        pytest.skip("pdftotext is not installed")
    told = subprocess.run(["pdftotext", "-layout", str(tmp_path / "plan.pdf"), "-"], capture_output=True, text=True, check=True).stdout
    for words in ("便利店", "审图号", "OpenStreetMap", "北", "%"):
        assert words in told


@chinese
def test_the_same_run_gives_the_same_bytes_on_every_paper(folder, tmp_path):
    for paper, portrait in (("A3", False), ("A4", True)):
        first, second = (
            poster.build(folder, tmp_path / f"{name}.pdf", paper=paper, portrait=portrait).read_bytes() for name in ("one", "two")
        )
        assert first == second


@chinese
def test_a_hostile_name_is_drawn_as_it_is(folder, tmp_path):
    found = circle.open(folder)
    found.buildings["name"] = r"$\frac{1}{0}$ <script> {{ 7*7 }}"
    hostile = found.save(tmp_path / "hostile", published=False).folder
    assert poster.build(hostile, tmp_path / "plan.pdf").stat().st_size > 10_000


def test_what_cannot_be_drawn_is_said(folder, tmp_path):
    with patch.object(sketch, "FAMILIES", ("No Such Font",)), pytest.raises(OutputError, match=r"No font with Chinese .* --font"):
        poster.build(folder, tmp_path / "plan.pdf")
    (tmp_path / "broken.ttf").write_bytes(b"no font")
    with pytest.raises(OutputError, match="cannot be used as a font"):
        poster.build(folder, tmp_path / "plan.pdf", font=tmp_path / "broken.ttf")
    with pytest.raises(OutputError, match="Choose one of: A3, A4"):
        poster.build(folder, tmp_path / "plan.pdf", paper="A0")


@chinese
@pytest.mark.parametrize(("paper", "portrait"), [("A3", False), ("A4", True)])
@pytest.mark.parametrize("standard", ["five-minute", "complete-community"])
def test_no_line_is_written_over_another_or_below_the_sheet(folder, tmp_path, paper, portrait, standard):
    """Lines that begin at one spot across the sheet stand at least their own height apart, with few services and with many."""
    if standard != "five-minute":
        folder = circle.run(KUANGSHAN, standard=standard).save(tmp_path / "run", published=False).folder
    drawn = []

    def keep(figure, *_, **__):
        figure.canvas.draw()
        drawn.append(figure)

    with patch("matplotlib.figure.Figure.savefig", keep), contextlib.suppress(OSError, OutputError):
        poster.build(folder, tmp_path / "plan.pdf", paper=paper, portrait=portrait)
    (figure,) = drawn
    boxes = [text.get_window_extent() for axes in figure.axes[1:] for text in axes.texts]
    for one, other in itertools.combinations(boxes, 2):
        shared_x, shared_y = (min(one.xmax, other.xmax) - max(one.xmin, other.xmin), min(one.ymax, other.ymax) - max(one.ymin, other.ymin))
        assert shared_x <= 0 or shared_y <= 0.2 * min(one.height, other.height)
    assert min(box.ymin for box in boxes) > 0.03 * figure.bbox.height
    assert figure.texts[0].get_text().startswith("kuangshan · ")


@chinese
def test_where_nobody_lives_the_map_is_grey(folder, tmp_path):
    seen = []
    real = sketch.draw
    with patch.object(sketch, "draw", lambda axes, scene, *rest: (seen.append(scene), real(axes, scene, *rest))):
        poster.build(folder, tmp_path / "plan.pdf")
    lived = seen[0].buildings["residential"].to_numpy()
    assert (seen[0].classes[~lived] == len(sketch.COLOURS) + 1).all()
    assert (seen[0].classes[lived] <= len(sketch.COLOURS)).all()


def test_a_wall_around_a_compound_is_a_line_and_not_an_area():
    """A wall 100 m square: what is drawn of it is 400 m of line, and the yard stays as it is. Water is an area still."""
    yard = shapely.box(116.0, 39.0, 116.001, 39.001)
    background = gpd.GeoDataFrame({"kind": ["barrier", "water"]}, geometry=[yard, yard], crs="EPSG:4326")
    house = gpd.GeoDataFrame(geometry=[shapely.box(116.0004, 39.0004, 116.0006, 39.0006)], crs="EPSG:4326")
    way = gpd.GeoDataFrame(geometry=[shapely.LineString([(116.0, 38.9995), (116.001, 38.9995)])], crs="EPSG:4326")
    axes = Figure().add_subplot()
    sketch.draw(axes, sketch.Scene(background, way, house, np.zeros(1, dtype=np.int64)), house.representative_point())
    brown, blue = (matplotlib.colors.to_rgba(sketch.GROUND[kind]) for kind in ("barrier", "water"))

    def colours(kind: type, face: str) -> set[tuple[float, ...]]:
        return {tuple(one) for each in axes.collections if isinstance(each, kind) for one in getattr(each, face)()}

    assert brown not in colours(PatchCollection, "get_facecolor")
    assert brown in colours(LineCollection, "get_edgecolor")
    assert blue in colours(PatchCollection, "get_facecolor")


@chinese
def test_the_legend_says_what_the_dots_are(folder, tmp_path):
    words = []
    real = poster._Column.dot
    with patch.object(poster._Column, "dot", lambda self, colour, text: (words.append((colour, text)), real(self, colour, text))):
        poster.build(folder, tmp_path / "plan.pdf")
    assert words == [(sketch.SPOT, "设施 / facility")]


def test_a_sheet_is_never_written_over_a_table_or_an_input(folder, tmp_path):
    table, source = tmp_path / "a.csv", tmp_path / "a.pdf"
    table.write_text("a,b\n", encoding="utf-8")
    source.write_bytes(KUANGSHAN.read_bytes())
    for target in (table, source):
        before = target.read_bytes()
        told = CliRunner().invoke(app, ["poster", str(folder), "-o", str(target)])
        assert isinstance(told.exception, OutputError)
        assert str(target) in str(told.exception)
        assert target.read_bytes() == before
