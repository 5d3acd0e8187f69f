"""The poster: one page, Chinese text in it, the same bytes for the same run, and clear words where it cannot be drawn."""

from __future__ import annotations

import contextlib
import itertools
import shutil
import subprocess
from pathlib import Path
from unittest.mock import patch

import pytest
from typer.testing import CliRunner

import circle
from circle.cli import app
from circle.errors import OutputError
from circle.publish import poster, sketch

pytest.importorskip("matplotlib")
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
