"""Text from the map and from planners' tables does nothing but stand there: in whatever is published, and on the builder's machine."""

from __future__ import annotations

import ast
import csv
import io
import re
import shutil
import sqlite3
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import browser
import geopandas as gpd
import numpy as np
import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely
from town import Town
from typer.testing import CliRunner

from circle import districts
from circle.cli import app
from circle.publish import index, layers, page, poster, workbook

PUBLISH = Path(page.__file__).parent
PROGRAM = "{{ cycler.__init__.__globals__.os.system(cycler.__init__.__globals__.os.environ.CIRCLE_HIT) }}"
HOSTILE = [
    PROGRAM,
    "{% for x in y %}{#1 Building",
    "{{7*7}}${7*7}<%= 7*7 %>",
    "<script>window.__hit=1</script>",
    "</script><script>window.__hit=1</script>",
    "--></style></title><img src=x onerror=window.__hit=1>",
    "<svg/onload=window.__hit=1>",
    '"onmouseover=window.__hit=1 x="\'',
    "`${window.__hit=1}`\\`",
    "javascript:window.__hit=1",
    "data:text/html,<script>parent.__hit=1</script>",
    '=HYPERLINK("http://127.0.0.1/","x")',
    "+1+1",
    "-1+1",
    "@SUM(1+1)",
    "＝1+1",
    "  =1+1",
    "\t=cmd|' /C calc'!A0",
    "a\u2028b\u2029c",
    "\u202edlrow\u202c",
    "'; DROP TABLE buildings; --",
    "$\\frac{1}{0}$ %s %(x)s {0}",
    "../../../etc/passwd",
    "[red]x[/red]",
    "x" * 5000,
]
# an OSM file is XML, and XML cannot hold these; tables of a run can
CONTROLS = ["a\x00b", "\x1b[31mred", "a\x0b=1", "\ufffe\uffff", "\r=1+1", "\x85\x7f"]
LEADS = ("=", "+", "-", "@", "＝", "＋", "－", "＠")
WORDY = ("name", "operator", "addr:street", "addr:housenumber", "name:en", "description", "opening_hours", "ref", "website")


def osm(folder: Path) -> Path:
    """A town in which everything is called something hostile."""
    town = Town(lon=2.0, lat=48.0)
    for x in range(0, 601, 100):
        town.street(*((x, y) for y in range(0, 301, 100)))
    for y in range(0, 301, 100):
        town.street(*((x, y) for x in range(0, 601, 100)))
    for k in range(2 * len(HOSTILE)):
        town.house(20 + 23 * (k % 25), 8 + 100 * (k // 25))
    for k, service in enumerate(("shop", "market", "bus_stop", "service_centre", "clinic")):
        town.offer(service, 60 + 100 * k, 205)
    town.zone("compound", [(0, 0), (300, 0), (300, 200), (0, 200)], "x")
    town.wall((310, 150), (390, 150))
    tree = ET.parse(town.write(folder / "town.osm"))
    for k, thing in enumerate(tree.getroot().iter()):
        if thing.find("tag") is None:
            continue
        for n, key in enumerate(WORDY):
            for old in thing.findall(f"tag[@k='{key}']"):
                thing.remove(old)
            ET.SubElement(thing, "tag", k=key, v=HOSTILE[(k + n) % len(HOSTILE)][:250])
        ET.SubElement(thing, "tag", k=HOSTILE[k % len(HOSTILE)][:250], v="yes")
    tree.write(folder / "town.osm", encoding="utf-8")
    return folder / "town.osm"


@pytest.fixture(scope="module")
def hit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The file that a program in a name would make."""
    made = tmp_path_factory.mktemp("hit") / "hit"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CIRCLE_HIT", f"touch {made}")
        yield made


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory, hit: Path) -> Path:
    """Everything that can be published: a run, a plan of it, their comparison, a poster, a check, a list of maps."""
    folder = tmp_path_factory.mktemp("hostile")
    town, count = Town(lon=2.0, lat=48.0), len(HOSTILE)
    zones = gpd.GeoDataFrame({"grid": HOSTILE, "name": HOSTILE[::-1]}, geometry=[square(town, 23 * k) for k in range(count)], crs=4326)
    zones.to_file(folder / "grids.geojson")
    spots = [square(town, 10 + 23 * k, 212, 4).centroid for k in range(count)]
    offers = pd.DataFrame({"id": HOSTILE, "name": HOSTILE[::-1], "lon": [p.x for p in spots], "lat": [p.y for p in spots]})
    offers.assign(service="shop").to_csv(folder / "shops.csv", index=False)
    offers.assign(id=[f"{text}{k}" for k, text in enumerate(HOSTILE)]).to_csv(folder / "rooms.csv", index=False)
    (folder / "check").mkdir()
    own = ["--zones", folder / "grids.geojson", "--facilities", folder / "shops.csv", "--crs", "WGS-84"]
    for words in (
        ["run", osm(folder), "-o", folder / "run", *own],
        ["site", folder / "run", "-s", "clinic", "-k", 3, "--candidates", folder / "rooms.csv", "-o", folder / "plan"],
        ["compare", folder / "run", folder / "plan", "-o", folder / "compare"],
        ["poster", folder / "run", "-o", folder / "plan.pdf"],
        ["check", folder / "town.osm", "--report", folder / "check" / "check.xlsx", *own],
    ):
        done = CliRunner().invoke(app, [str(word) for word in words])
        assert done.exit_code in {0, 1 if words[0] == "check" else 0}, (words[0], done.output, done.exception)
    index.build(folder / "run")
    return folder


def square(town: Town, x: float, y: float = 0, side: float = 23) -> shapely.Polygon:
    lon, lat = town.degrees(np.asarray([x, x + side]), np.asarray([y, y + (330 if side == 23 else side)]))
    return shapely.box(lon[0], lat[0], lon[1], lat[1])


def test_no_program_in_a_name_runs_on_the_builder(out: Path, hit: Path) -> None:
    assert not hit.exists()
    pages = [out / "run" / "map.html", out / "run" / "index.html", out / "plan" / "map.html", out / "compare" / "compare.html"]
    assert all(file.is_file() for file in (*pages, out / "plan.pdf"))
    for file in pages:
        rest = re.sub(r"<script[^>]*>.*?</script>", "", file.read_text(encoding="utf-8"), flags=re.DOTALL)
        assert not [word for word in ("cycler", "__hit", "HYPERLINK", "7*7", "DROP TABLE") if word in rest]


def test_a_formula_is_text_in_every_workbook_and_sheet_file(out: Path) -> None:
    books = sorted(out.rglob("*.xlsx"))
    assert {book.name for book in books} >= {"report.xlsx", "compare.xlsx"}
    for file in books:
        book = openpyxl.load_workbook(file)
        for sheet in book:
            cells = [cell for row in sheet.iter_rows() for cell in row if cell.value is not None]
            assert not [cell.coordinate for cell in cells if cell.data_type == "f"], (file, sheet.title)
            links = [cell.hyperlink.target or cell.hyperlink.location for cell in cells if cell.hyperlink]
            assert all(re.match(r"https://www\.openstreetmap\.org/|'|#", str(link)) for link in links)
    files = [file for file in out.rglob("*.csv") if file.parent != out]
    assert files
    for file in files:
        for row in csv.reader(io.StringIO(file.read_text(encoding="utf-8-sig"), newline="")):
            assert all(harmless(value) for value in row), (file.name, row)


def harmless(value: str) -> bool:
    """A number, or a text that no spreadsheet takes for a formula."""
    try:
        float(value)
    except ValueError:
        return not value.lstrip(" \ufeff\u200b").startswith((*LEADS, "\t", "\r", "\n"))
    return True


def test_layers_hold_the_text_as_it_is_and_styles_none_of_it(out: Path) -> None:
    file = out / "run" / "circle.gpkg"
    names = set(gpd.read_file(file, layer="buildings")["name"].dropna())
    assert {text for text in HOSTILE if len(text) < 250} - names <= {"\t=cmd|' /C calc'!A0", "  =1+1"}  # XML folds blanks
    with sqlite3.connect(file) as base:
        styles = [row[0] for row in base.execute("SELECT styleQML FROM layer_styles")]
    assert styles
    for style in styles:
        ET.fromstring(style)
        assert not [word for word in ("cycler", "__hit", "HYPERLINK", "7*7", "DROP TABLE", "calc") if word in style]


@browser.needed
def test_nothing_runs_in_an_overview_or_the_page_of_a_district(out: Path, tmp_path: Path, hit: Path) -> None:
    shutil.copytree(out / "run", tmp_path / "run")
    districts.publish(tmp_path / "run", most=12)
    assert not hit.exists()
    with browser.chromium() as chromium:
        visits = browser.Visits(chromium)
        tab = visits.open(tmp_path / "run" / "map.html")
        names = tab.locator("#districts tbody a").all_inner_texts()
        assert {name.strip() for name in names} & {text.strip() for text in HOSTILE}
        links = tab.locator("#districts tbody a").evaluate_all("links => links.map((one) => one.getAttribute('href'))")
        assert all(re.fullmatch(r"map/d[0-9]+\.html", link) for link in links)
        assert tab.locator("#panel script, #panel img, .folium-map script, .folium-map img").count() == 0
        use_everything(visits.open(tmp_path / "run" / links[0]))
        visits.close()


@browser.needed
def test_nothing_runs_in_a_browser_and_everything_is_shown_as_it_is(out: Path) -> None:
    said: list[str] = []
    with browser.chromium() as chromium:
        visits = browser.Visits(chromium)
        for file in (out / "run" / "map.html", out / "plan" / "map.html", out / "compare" / "compare.html"):
            tab = visits.open(file)
            tab.on("dialog", lambda dialog: said.append(dialog.message))
            table = pd.read_parquet(out / "run" / "buildings.parquet", columns=["building", "name"]).drop_duplicates("name")
            for row in table[table["name"] != ""].itertuples() if file.parent == out / "run" else ():
                id_ = quote(row.building, safe="")
                tab.goto(f"{tab.url.split('#')[0]}#17/48.001/2.004/gaps/{id_}/en")
                tab.wait_for_function("id => !document.getElementById('card').hidden && location.hash.includes(id)", arg=id_)
                shown = tab.evaluate("document.getElementById('card-title').textContent")
                assert shown == row.name.replace("\n", " ")
            use_everything(tab)
        listed = visits.open(out / "run" / "index.html", ready="main")
        assert listed.locator("main").count() == 1
        visits.close()
    assert said == []


def use_everything(tab: Any) -> None:
    """Every control of the page that data can reach."""
    everything = ("script", "img", "svg[onload]", "iframe", "object", "embed", "[onload]", "[onerror]", "[onmouseover]", "[srcdoc]")
    tab.evaluate("() => document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    for word in ("script", "{{", "="):
        tab.locator("#search-words").fill(word)
        tab.wait_for_timeout(150)
    tab.evaluate("() => circle.addStation(48.001, 2.004, ['shop', 'clinic'])")
    tab.evaluate(
        "text => circle.edit(text)", f"s48.001,2.004,3,{quote(HOSTILE[4], safe='')};s48.001,2.003,1,{quote(PROGRAM[:50], safe='')}"
    )
    for _ in range(2):
        tab.locator("#language").click()
        tab.evaluate("() => window.dispatchEvent(new Event('beforeprint'))")
    inside = tab.locator("#panel, #card, #paper-sheet, .folium-map")
    assert [what for what in everything if inside.locator(what).count()] == []
    links = tab.evaluate("() => [...document.querySelectorAll('a')].map((one) => one.getAttribute('href'))")
    assert all(re.match(r"https://(www\.openstreetmap\.org|opendatacommons\.org)/|#|\.\./map\.html$", link) for link in links), links
    with tab.expect_download() as loading:
        tab.locator("#list button", has_text=re.compile("CSV")).first.click()
    for row in csv.reader(io.StringIO(Path(loading.value.path()).read_text(encoding="utf-8-sig"), newline="")):
        assert all(harmless(value) for value in row), row


def test_signs_that_no_map_can_hold_do_no_harm_either(out: Path, tmp_path: Path) -> None:
    shutil.copytree(out / "run", tmp_path / "run")
    signs = {"buildings": ["name", "compound"], "facilities": ["name"], "edges": ["name"], "zones": ["name"]}
    for table, columns in signs.items():
        file = tmp_path / "run" / f"{table}.parquet"
        whole = pq.read_table(file)
        for column in columns:
            said = pa.array([CONTROLS[k % len(CONTROLS)] for k in range(len(whole))])
            whole = whole.set_column(whole.schema.get_field_index(column), column, said)
        pq.write_table(whole, file)
    page.build(tmp_path / "run")
    book = openpyxl.load_workbook(workbook.write(tmp_path / "run"))
    assert not [cell.value for sheet in book for row in sheet.iter_rows() for cell in row if cell.data_type == "f"]
    layers.write(tmp_path / "run")
    poster.build(tmp_path / "run", tmp_path / "plan.pdf")
    if browser.CHROMIUM:
        with browser.chromium() as chromium:
            visits = browser.Visits(chromium)
            use_everything(visits.open(tmp_path / "run" / "map.html"))
            visits.close()


# --- rules that hold for the code itself

CONSTANT = {"location", "zoom_start", "tiles", "zoom_control", "fade_animation", "attribution_control", "zoom_snap", "max_zoom", "min_zoom"}


def test_nothing_but_constants_goes_through_folium() -> None:
    """Folium compiles what it emits as a template: only the skeleton may touch it, and only with numbers, constants and base64."""
    for file in sorted(PUBLISH.rglob("*.py")):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        imported = {name.name.split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
        imported |= {(node.module or "").split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        if file.name != "skeleton.py":
            assert not imported & {"folium", "branca", "jinja2"}, file.name
            continue
        used = {ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        assert {name for name in used if name.startswith(("folium.", "branca."))} <= {
            "folium.Map", "branca.element", "branca.element.Element", "branca.element.Figure",
        }  # fmt: skip
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            name = ast.unparse(call.func)
            if name == "Template":  # a template is a text of ours, written where it stands
                assert all(isinstance(given, ast.Constant) for given in call.args)
            if name == "CircleMap":
                assert not call.args
                assert {each.arg for each in call.keywords} <= CONSTANT
                for each in call.keywords:
                    plain = isinstance(each.value, ast.Constant) or ast.unparse(each.value) == "[float(c) for c in centre]"
                    assert plain, ast.unparse(each.value)
            assert not name.startswith(("branca.", "folium.")), f"{name}: derive a class that emits text as it is"


def test_our_scripts_make_no_markup_from_text() -> None:
    banned = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|srcdoc|bindPopup|bindTooltip"
    banned += r"|createContextualFragment|DOMParser"
    scripts = sorted(PUBLISH.rglob("*.js"))
    assert len(scripts) > 15
    for file in scripts:
        text = file.read_text(encoding="utf-8")
        assert not re.findall(banned, text), file.name
        # text to a timer is a program; an icon takes markup, and gets an element
        assert not re.findall(r"set(?:Timeout|Interval)\(\s*[\"'`]", text), file.name
        assert all(given.strip() == "face" for given in re.findall(r"\bhtml:\s*([^,}]+)", text)), file.name
        assert not re.findall(r"setAttribute\(\s*[\"'`](?:on|style|srcdoc)", text), file.name
