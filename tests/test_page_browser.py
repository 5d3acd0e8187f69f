"""The page in a real browser: what is drawn, said, and reached by keyboard; nothing runs that came with the data, nothing leaves the page.

Uses Chromium from CIRCLE_CHROMIUM or the path; a machine without one skips with one line.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import fake_run
import geopandas as gpd
import numpy as np
import pandas as pd
import pytest

from circle.publish import page as circle_page
from circle.publish.frame import Page

sync_api = pytest.importorskip("playwright.sync_api", reason="no playwright here: the page is not tried in a browser")
axe_api = pytest.importorskip("axe_playwright_python.sync_playwright", reason="no axe here: the page is not tried in a browser")

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
CHROMIUM = os.environ.get("CIRCLE_CHROMIUM") or next((path for name in NAMES if (path := shutil.which(name))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: set CIRCLE_CHROMIUM to try the page in a browser")

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-sync"]
SERVICES = {
    "shop": ("便利店", 1),
    "market": ("菜市场", 2),
    "bus_stop": ("公交站", 3),
    "service_centre": ("社区服务中心", 4),
    "clinic": ("社区卫生服务站", 5),
}
VERDICTS = {"met": "达标", "gap": "超时", "unreachable": "不可达", "unmapped": "无法判断"}
# the colours of the design, restated: up to half the limit, the limit, 1.5, 2.5 limits, beyond
COLOURS = [(0x2B, 0x5C, 0x8A), (0x9E, 0xC9, 0xE2), (0xF2, 0xEA, 0xD0), (0xE5, 0x8A, 0x3C), (0x8A, 0x2C, 0x0D)]

# colours of the pixels of a sheet of tiles around the middle of the map, and whether the tiles are to be seen
PIXELS = """([sheet, half]) => {
  const box = document.querySelector('.folium-map').getBoundingClientRect();
  const x = box.left + box.width / 2, y = box.top + box.height / 2;
  for (const canvas of document.querySelectorAll(`.sheet-${sheet} canvas`)) {
    const tile = canvas.getBoundingClientRect();
    if (x < tile.left || y < tile.top || x >= tile.right || y >= tile.bottom) continue;
    const style = getComputedStyle(canvas), ratio = canvas.width / tile.width;
    const at = [Math.round((x - tile.left) * ratio) - half, Math.round((y - tile.top) * ratio) - half];
    const data = canvas.getContext('2d').getImageData(...at, 2 * half + 1, 2 * half + 1).data;
    const colours = {};
    for (let k = 0; k < data.length; k += 4) colours[[...data.slice(k, k + 4)]] = (colours[[...data.slice(k, k + 4)]] || 0) + 1;
    return { colours, visible: style.visibility === 'visible' && Number(style.opacity) === 1 };
  }
  return null;
}"""

# colours of the printed picture
PRINTED = """() => {
  const canvas = document.getElementById('print-map'), seen = new Set();
  const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
  for (let k = 0; k < data.length; k += 4) seen.add(`${data[k]},${data[k + 1]},${data[k + 2]}`);
  return [...seen];
}"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = fake_run.write(tmp_path_factory.mktemp("browser") / "run", 300)
    circle_page.build(folder)
    return folder


@pytest.fixture(scope="module")
def table(run: Path) -> gpd.GeoDataFrame:
    return gpd.read_parquet(run / "buildings.parquet")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS, headless=True)
        yield opened
        opened.close()


@pytest.fixture
def visit(browser: Any, run: Path) -> Iterator[Callable[..., Any]]:
    """Open the page in a fresh context; afterwards no error, no report of the policy and no request may have occurred."""
    trouble: list[str] = []
    contexts = []

    def open_page(hash: str = "", path: Path | None = None, **options: Any) -> Any:
        context = browser.new_context(**{"locale": "zh-CN", "viewport": {"width": 1400, "height": 900}, **options})
        contexts.append(context)
        tab = context.new_page()
        tab.on("console", lambda message: trouble.append(message.text) if message.type == "error" else None)
        tab.on("pageerror", lambda error: trouble.append(str(error)))
        tab.on("request", lambda request: None if request.url.startswith(("file:", "blob:")) else trouble.append(request.url))
        tab.goto(f"{(path or run / 'map.html').as_uri()}{hash}")
        tab.wait_for_selector("html[data-ready]", state="attached", timeout=20_000)
        return tab

    yield open_page
    hits = [tab.evaluate("window.__hit") for context in contexts for tab in context.pages]
    for context in contexts:
        context.close()
    assert trouble == []
    assert not any(hits)


def address(row: pd.Series, theme: str = "gaps", zoom: int = 20, lang: str = "zh", card: bool = False) -> str:
    at = row.geometry.representative_point()
    return f"#{zoom}/{at.y:.6f}/{at.x:.6f}/{theme}/{quote(row['building'], safe='') if card else '-'}/{lang}"


def expected_class(minutes: float, limit: float, verdict: str) -> int:
    if verdict == "met":
        return 0 if minutes <= limit / 2 else 1
    return 2 if minutes <= 1.5 * limit else 3 if minutes <= 2.5 * limit else 4


def alone(table: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Counted buildings that no other overlaps and that have no court: the middle has their own colour."""
    pairs = table.sindex.query(table.geometry, predicate="intersects")
    overlaps = np.bincount(pairs[0]) > 1
    return table[table["residential"] & ~overlaps & (table.geometry.type == "Polygon") & (table.geometry.count_interior_rings() == 0)]


def middle(tab: Any, sheet: str = "buildings", half: int = 2) -> dict[str, int]:
    found = tab.evaluate(PIXELS, [sheet, half])
    assert found
    assert found["visible"], "the tile is drawn but cannot be seen"
    return found["colours"]


def test_every_class_has_its_colour(visit: Callable[..., Any], table: gpd.GeoDataFrame) -> None:
    tab, seen = visit(), set()
    rows = alone(table)
    for service, (_, limit) in SERVICES.items():
        judged = rows[rows[f"verdict_{service}"].isin(["met", "gap"])]
        classes = [expected_class(m, limit, v) for m, v in zip(judged[f"minutes_{service}"], judged[f"verdict_{service}"], strict=True)]
        for k in set(classes) - seen:
            row = judged.iloc[classes.index(k)]
            tab.goto(tab.url.split("#")[0] + address(row, service))
            tab.wait_for_timeout(250)
            red, green, blue = COLOURS[k]
            assert middle(tab) == {f"{red},{green},{blue},255": 25}, (service, row["building"])
            seen.add(k)
    assert seen == {0, 1, 2, 3, 4}


def test_unmapped_is_hatched_and_unreachable_is_black(visit: Callable[..., Any], table: gpd.GeoDataFrame) -> None:
    tab = visit()
    rows = alone(table)
    palette = {f"{r},{g},{b},255" for r, g, b in COLOURS}
    for verdict, ground in (("unmapped", "255,255,255,255"), ("unreachable", "23,25,28,255")):
        service = next(s for s in SERVICES if (rows[f"verdict_{s}"] == verdict).any())
        row = rows[rows[f"verdict_{service}"] == verdict].iloc[0]
        tab.goto(tab.url.split("#")[0] + address(row, service))
        tab.wait_for_timeout(250)
        colours = middle(tab, half=8)
        assert ground in colours
        assert len(colours) > 1
        assert not palette & set(colours)


def test_seen_from_afar_the_worst_class_wins(visit: Callable[..., Any], run: Path, table: gpd.GeoDataFrame) -> None:
    at = table.union_all().centroid
    tab = visit(f"#9/{at.y:.5f}/{at.x:.5f}/gaps/-/zh")
    # the whole town is a few pixels wide: somewhere in it lies a building with three gaps or more, or without a path
    worst = (table["gaps"][table["residential"]] >= 3).any()
    assert worst
    colours = middle(tab, half=3)
    assert {"138,44,13,255", "23,25,28,255"} & set(colours)
    assert "43,92,138,255" not in middle(tab, half=0)


def test_water_and_green_are_drawn(visit: Callable[..., Any], run: Path) -> None:
    background = gpd.read_parquet(run / "background.parquet").set_index("kind").geometry
    tab = visit()
    for kind, colour in (("water", "198,215,224,255"), ("green", "214,226,207,255")):
        at = background[kind].centroid
        tab.goto(f"{tab.url.split('#')[0]}#20/{at.y:.6f}/{at.x:.6f}/gaps/-/zh")
        tab.wait_for_timeout(250)
        assert colour in middle(tab, "ground", 40)


def card_rows(tab: Any) -> dict[str, tuple[str, str, str]]:
    rows = tab.eval_on_selector_all("#card .services tbody tr:not(.notes)", "rows => rows.map(r => [...r.cells].map(c => c.textContent))")
    notes = tab.eval_on_selector_all("#card .services tbody tr.notes", "rows => rows.map(r => r.textContent)")
    return {name: (minutes, mark.split(" ")[1], note) for (name, minutes, _, mark), note in zip(rows, notes, strict=True)}


def test_the_card_says_what_the_table_says(visit: Callable[..., Any], run: Path, table: gpd.GeoDataFrame) -> None:
    facilities = gpd.read_parquet(run / "facilities.parquet").drop_duplicates("facility").set_index("facility")["name"]
    reasons = {key: text["zh"] for key, text in circle_page.texts()["reason"].items()}
    picked = pd.concat([table[table["verdict"] == v].head(2) for v in VERDICTS] + [table.tail(2)]).drop_duplicates("building")
    tab = visit()
    for _, row in picked.iterrows():
        tab.goto(tab.url.split("#")[0] + address(row, card=True))
        cards = card_rows(tab)
        assert tab.locator("#card-title").inner_text().strip()
        for service, (label, _) in SERVICES.items():
            minutes, verdict, note = cards[label]
            true = row[f"minutes_{service}"]
            assert verdict == VERDICTS[row[f"verdict_{service}"]]
            assert minutes == "–" if np.isinf(true) else float(minutes.split(" ")[0]) == pytest.approx(true, abs=0.0551)
            assert reasons.get(row[f"reason_{service}"], "") in note
            name = facilities.get(row[f"facility_{service}"], "")
            assert name.replace("\n", " ") in note.replace("\n", " ")


def test_minutes_are_never_rounded_into_the_other_verdict(visit: Callable[..., Any], tmp_path: Path) -> None:
    folder = fake_run.write(tmp_path / "run", 60)
    table = gpd.read_parquet(folder / "buildings.parquet")
    wanted = {4.004: "4.01", 4.04: "4.04", 4.06: "4.1", 3.96: "4.0", 4.0: "4.0", 0.04: "0.0"}
    rows = table.index[: len(wanted)]
    table.loc[rows, "minutes_service_centre"] = list(wanted)
    table.loc[rows, "verdict_service_centre"] = ["met" if m <= 4 else "gap" for m in wanted]
    table.to_parquet(folder / "buildings.parquet")
    tab = visit(path=circle_page.build(folder))
    for row, text in zip(rows, wanted.values(), strict=True):
        tab.goto(tab.url.split("#")[0] + address(table.loc[row], card=True))
        assert card_rows(tab)["社区服务中心"][0] == f"{text} 分钟"


def test_zones_go_by_their_names_worst_first(visit: Callable[..., Any], tmp_path: Path) -> None:
    folder = fake_run.write(tmp_path / "run", 300)
    zones = gpd.read_parquet(folder / "zones.parquet")
    more = zones.assign(zone="way/8", name="空小区", buildings=0, met=0, gap=0, unmapped=0)
    named = zones.assign(name="新名" + zones["zone"])
    pd.concat([named, more]).to_parquet(folder / "zones.parquet")
    tab = visit(path=circle_page.build(folder))
    shares = tab.eval_on_selector_all("#zones td:nth-child(2)", "cells => cells.map(c => parseFloat(c.textContent))")
    assert len(shares) == zones["zone"].nunique()  # a zone without homes has no share
    assert shares == sorted(shares)
    table = gpd.read_parquet(folder / "buildings.parquet")
    row = table[table["compound"] != ""].iloc[0]
    tab.goto(tab.url.split("#")[0] + address(row, card=True))
    assert "新名" + row["compound"] in tab.locator("#card .facts").inner_text()


def test_hostile_names_are_only_text(visit: Callable[..., Any], table: gpd.GeoDataFrame) -> None:
    tab = visit()
    for row in range(len(fake_run.HOSTILE)):
        name = table["name"].iloc[row]
        tab.goto(tab.url.split("#")[0] + address(table.iloc[row], card=True))
        assert tab.evaluate("document.getElementById('card-title').textContent") == name.replace("\n", " ")
    own = table[table["building"].str.startswith("3号楼")].iloc[0]
    tab.goto(tab.url.split("#")[0] + address(own, card=True))
    assert own["building"] in tab.locator("#card").inner_text()
    assert tab.locator("#card a").count() == 0  # no link is built from an id that is none of OSM's
    assert tab.locator("#panel script, #card script, #card img, #panel img").count() == 0


def test_the_policy_stops_what_a_bug_might_let_in(browser: Any, run: Path) -> None:
    tab = browser.new_page()
    tab.goto((run / "map.html").as_uri())
    tab.wait_for_selector("html[data-ready]", state="attached")
    tab.evaluate("document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=window.__hit=1><svg onload=window.__hit=1>')")
    tab.wait_for_timeout(200)
    assert tab.evaluate("window.__hit") is None
    tab.close()


def test_headline_shares_and_legend_are_the_files(visit: Callable[..., Any], run: Path, table: gpd.GeoDataFrame) -> None:
    shares = json.loads((run / "summary.json").read_text(encoding="utf-8"))["shares"]
    tab = visit()
    block = shares["all"]["buildings"]
    text = tab.locator("#headline").inner_text()
    assert f"{block['counted']} 栋住宅中，{block['met']} 栋" in text
    assert tab.locator(".kpi strong").inner_text() == f"{round(100 * block['share_met'])} %"
    lived = table[table["residential"]]
    counts = tab.eval_on_selector_all("#legend .legend-count", "nodes => nodes.map(n => Number(n.textContent))")
    gaps = lived["gaps"]
    assert counts[:3] == [((gaps == 0) & (lived["verdict"] != "unmapped")).sum(), (gaps == 1).sum(), (gaps == 2).sum()]
    tab.check("#theme-clinic", force=True)
    counts = tab.eval_on_selector_all("#legend .legend-count", "nodes => nodes.map(n => Number(n.textContent))")
    assert sum(counts[:2]) == (lived["verdict_clinic"] == "met").sum()
    assert sum(counts[2:5]) == (lived["verdict_clinic"] == "gap").sum()
    shown = tab.eval_on_selector_all(".theme-share", "nodes => nodes.map(n => parseFloat(n.textContent))")
    assert shown == pytest.approx([100 * shares[s]["buildings"]["share_met"] for s in SERVICES], abs=0.51)
    tab.get_by_role("button", name="户", exact=True).click()
    shown = tab.eval_on_selector_all(".theme-share", "nodes => nodes.map(n => parseFloat(n.textContent))")
    assert shown == pytest.approx([100 * shares[s]["households"]["share_met"] for s in SERVICES], abs=0.51)


def test_the_list_is_in_order_and_opens_cards_by_keyboard(visit: Callable[..., Any], table: gpd.GeoDataFrame) -> None:
    lived = table[table["residential"] & (table["gaps"] > 0)]
    tab = visit()
    tab.wait_for_timeout(300)
    assert tab.locator("#list-title").inner_text().endswith(str(len(lived)))
    assert tab.locator("#list li").count() == min(len(lived), 200)
    signs = tab.eval_on_selector_all("#list li", "rows => rows.map(row => row.querySelectorAll('svg').length)")
    assert signs == sorted(lived["gaps"], reverse=True)[:200]
    first = tab.locator("#list li button").first
    first.focus()
    tab.keyboard.press("Enter")
    assert tab.evaluate("document.activeElement.id") == "card-title"
    assert tab.locator("#card").is_visible()
    tab.keyboard.press("Escape")
    assert tab.locator("#card").is_hidden()
    assert tab.evaluate("document.activeElement.closest('#list') !== null")


def test_everything_is_reached_by_keyboard(visit: Callable[..., Any]) -> None:
    tab = visit()
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.className") == "skip"
    reached = set()
    for _ in range(40):
        tab.keyboard.press("Tab")
        reached.add(tab.evaluate("document.activeElement.id || document.activeElement.closest('[id]')?.id"))
    assert {"copy", "paper", "language", "themes", "theme-gaps", "everything", "search-words", "list"} <= reached
    tab.focus("#theme-gaps")
    for _ in range(2):
        tab.keyboard.press("ArrowDown")
    assert tab.locator("#theme-shop").is_checked()
    assert "便利店" in tab.locator("#legend-title").inner_text()


def test_the_building_in_the_middle_opens_by_keyboard(visit: Callable[..., Any], table: gpd.GeoDataFrame) -> None:
    row = alone(table).iloc[7]
    tab = visit(address(row))
    tab.focus(".folium-map")
    tab.keyboard.press("Enter")
    assert tab.evaluate("location.hash").split("/")[4] == quote(row["building"], safe="")
    assert tab.evaluate("document.activeElement.id") == "card-title"


def test_a_click_opens_the_building_under_it(visit: Callable[..., Any], table: gpd.GeoDataFrame) -> None:
    row = alone(table).iloc[9]
    tab = visit(address(row))
    box = tab.locator(".folium-map").bounding_box()
    tab.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    tab.wait_for_selector("#card:not([hidden])")
    assert tab.evaluate("location.hash").split("/")[4] == quote(row["building"], safe="")


def test_search_finds_names_numbers_and_parts_of_chinese_words(visit: Callable[..., Any], table: gpd.GeoDataFrame) -> None:
    tab = visit()
    named = table[table["name"].str.startswith("矿一路")].iloc[0]
    for words in (named["name"], named["building"], named["building"].split("/")[1]):
        tab.fill("#search-words", words)
        tab.wait_for_timeout(250)
        tab.locator("#search-results button").first.click()
        assert tab.locator("#card-title").inner_text() == named["name"]
    tab.fill("#search-words", "一路")
    tab.wait_for_timeout(250)
    assert tab.locator("#search-results li").count() == min(20, table["name"].str.contains("一路").sum())
    tab.fill("#search-words", "no such thing")
    tab.wait_for_timeout(250)
    assert tab.locator("#search-note").inner_text() == "没有找到"


def test_the_address_comes_back_and_rubbish_is_ignored(visit: Callable[..., Any], table: gpd.GeoDataFrame) -> None:
    row = table.iloc[40]
    tab = visit(address(row, "market", 18, "en", card=True))
    tab.wait_for_timeout(200)
    kept = tab.evaluate("location.hash")
    assert kept.startswith("#18/")
    assert kept.endswith(f"/market/{quote(row['building'], safe='')}/en")
    again = visit(kept)
    assert again.evaluate("location.hash") == kept
    assert again.locator("#theme-market").is_checked()
    assert visit("#%E0%A4%A").locator("#theme-gaps").is_checked()
    for rubbish in ("#99/x/y/z/way%2F1/fr", "#1e9/0/0/__proto__/-/zh", "#//////"):
        again.goto(again.url.split("#")[0] + rubbish)
        again.wait_for_selector("#theme-gaps:checked", state="attached")


def test_both_languages_are_whole(visit: Callable[..., Any]) -> None:
    tab = visit()
    assert tab.evaluate("document.documentElement.lang") == "zh-CN"
    tab.click("#language")
    assert tab.evaluate("document.documentElement.lang") == "en"
    text = tab.evaluate("document.getElementById('panel').innerText + document.getElementById('legend').innerText")
    assert "reach all five services within the limits" in text
    assert not re.search(r"\{\w+\}|\b(page|share|theme|class|list|method|zone)\.\w+", text)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return circle_page.build(fake_run.write(tmp_path_factory.mktemp("small") / "run", 40))


def axe(tab: Any) -> list[str]:
    return [f"{v['id']}: {[n['target'] for n in v['nodes']][:3]}" for v in axe_api.Axe().run(tab).response["violations"]]


@pytest.mark.parametrize(
    "options", [{}, {"color_scheme": "dark"}, {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}]
)
def test_axe_finds_nothing(visit: Callable[..., Any], small: Path, options: dict[str, Any]) -> None:
    tab = visit(path=small, **options)
    if not options:
        assert axe(tab) == []
    tab.evaluate("document.getElementById('method-details').open = true")
    tab.locator("#list li button").first.click()
    tab.wait_for_selector("#card:not([hidden])")
    assert axe(tab) == []


def test_on_a_phone_nothing_is_wider_than_the_screen(visit: Callable[..., Any]) -> None:
    tab = visit(viewport={"width": 390, "height": 844}, is_mobile=True, has_touch=True, device_scale_factor=2)
    assert tab.evaluate("document.documentElement.scrollWidth") <= 390
    small = tab.eval_on_selector_all(
        "button, a.leaflet-control-zoom-in",
        "all => all.filter(b => b.offsetHeight && b.offsetHeight < 30).map(b => b.outerHTML.slice(0, 80))",
    )
    assert small == []


def test_the_download_holds_every_gap_and_no_formula(visit: Callable[..., Any], table: gpd.GeoDataFrame) -> None:
    tab = visit()
    with tab.expect_download() as download:
        tab.get_by_role("button", name="下载全部（CSV）").click()
    text = Path(download.value.path()).read_text(encoding="utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text)))
    gaps = table[table["residential"] & (table["gaps"] > 0)].set_index("building")
    assert {row["building"] for row in rows} == set(gaps.index)
    for row in rows:
        true = gaps.loc[row["building"]]
        assert int(row["gaps"]) == true["gaps"]
        assert row["verdict_clinic"] == true["verdict_clinic"]
        assert not re.match(r"\s*[=+@-]", row["name"])
        assert row["name"].removeprefix("'") == true["name"].replace("\n", " ")
        if np.isfinite(true["minutes_shop"]):
            assert float(row["minutes_shop"]) == pytest.approx(true["minutes_shop"], abs=0.011)


def test_print_has_a_picture_and_words(visit: Callable[..., Any]) -> None:
    tab = visit()
    pdf = tab.pdf(prefer_css_page_size=True)
    assert pdf.startswith(b"%PDF")
    assert len(pdf) > 60_000
    tab.emulate_media(media="print")
    assert tab.locator("#print-map").is_visible()
    assert tab.locator("#panel").is_hidden()
    colours = tab.evaluate(PRINTED)
    assert {"138,44,13", "229,138,60", "43,92,138"} <= set(colours)
    assert "五分钟便民服务圈" in tab.locator("#print").inner_text()


def test_it_opens_inside_a_notebooks_frame(visit: Callable[..., Any], run: Path, tmp_path: Path) -> None:
    outer = tmp_path / "notebook.html"
    frame = Page((run / "map.html").read_text(encoding="utf-8"))._repr_html_()
    outer.write_text(f"<!DOCTYPE html><html data-ready><body>{frame}</body></html>", encoding="utf-8")
    tab = visit(path=outer)
    inside = tab.frames[1]
    inside.wait_for_selector("html[data-ready]", state="attached", timeout=20_000)
    inside.check("#theme-furthest", force=True)
    assert inside.locator("#theme-furthest").is_checked()
