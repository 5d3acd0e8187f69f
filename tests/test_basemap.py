"""Online maps under the page: none unless asked for, none asked until it is turned on, and in GCJ-02 where theirs are."""

from __future__ import annotations

import base64
import gzip
import json
import re
import struct
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import browser
import geopandas as gpd
import numpy as np
import pytest
from town import Town
from typer.testing import CliRunner

import circle
from circle import backdrop
from circle.cli import app
from circle.errors import RuleError
from circle.publish import pack, page
from circle.publish.basemap import basemap, known
from circle.sources.coordinates import gcj_to_wgs, wgs_to_gcj

KUANGSHAN = Path(__file__).resolve().parent.parent / "data" / "kuangshan" / "kuangshan.osm.pbf"
PIXEL = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("basemap") / "run"
    circle.run(KUANGSHAN).save(place, published=False)
    return place


def drawn(run: Path, name: str, key: str = "") -> Path:
    """A page with an online map, beside the run."""
    made = backdrop.draw(run, basemap(name, key))
    target = run.parent / f"{name}.html"
    made.rename(target)
    return target


def policy(text: str) -> str:
    found = re.search(r'Content-Security-Policy" content="([^"]*)"', text)
    assert found
    return found[1]


def block(text: str, name: str) -> dict[str, Any]:
    found = re.search(rf'id="block-{name}">([^<]*)<', text)
    assert found
    raw = gzip.decompress(base64.b64decode(found[1]))
    return dict(json.loads(raw[4 : 4 + struct.unpack("<I", raw[:4])[0]]))


def test_a_page_knows_no_host_unless_it_is_asked_to(run: Path) -> None:
    plain = page.html(run)
    assert "img-src data: blob:;" in policy(plain)
    assert "http" not in policy(plain)
    assert not [one for one in known().values() if one["host"].removeprefix("https://") in plain]
    for name, said in known().items():
        text = drawn(run, name, "abc123" if said["key"] else "").read_text(encoding="utf-8")
        assert re.findall(r"https?://[^ ;]+", policy(text)) == [said["host"]]
        assert policy(text).startswith("default-src 'none'; ")
        assert "unsafe" not in policy(text)
        assert all(layer.startswith(said["host"] + "/") for layer in said["layers"])
    assert "tk=abc123" in block(drawn(run, "tianditu", "abc123").read_text(encoding="utf-8"), "meta")["basemap"]["layers"][0]


@pytest.mark.parametrize(
    ("name", "key", "word"),
    [
        ("mapbox", "", "no such online map"),
        ("tianditu", "", "key of your own"),
        ("osm", "abc", "takes no key"),
        ("tianditu", "a&b=<x>", "letters and digits"),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence(run: Path, name: str, key: str, word: str) -> None:
    with pytest.raises(RuleError, match=word):
        basemap(name, key)
    done = CliRunner().invoke(app, ["map", str(run), "--basemap", name, *(["--basemap-key", key] if key else [])])
    assert done.exit_code != 0


def test_gcj_02_is_for_mainland_china_alone(tmp_path: Path) -> None:
    town = Town(lon=2.0, lat=48.0)
    town.street((0, 0), (100, 0))
    town.house(50, 8)
    run = circle.run(town.write(tmp_path / "town.osm")).save(tmp_path / "run", published=False).folder
    assert run is not None
    with pytest.raises(RuleError, match="mainland China alone"):
        backdrop.draw(run, basemap("amap"))
    assert backdrop.draw(run, basemap("osm")).is_file()


def test_every_shape_of_a_page_on_amap_is_in_gcj_02(run: Path) -> None:
    before = {file.name: file.read_bytes() for file in run.glob("*.parquet")}
    shifted, plain = drawn(run, "amap").read_text(encoding="utf-8"), page.html(run)
    assert {file.name: file.read_bytes() for file in run.glob("*.parquet")} == before
    west, _, _, north = gpd.read_parquet(run / "buildings.parquet").total_bounds
    for text, (x, y) in ((plain, (np.array([west]), np.array([north]))), (shifted, wgs_to_gcj([west], [north]))):
        there = block(text, "buildings")["origin"]
        assert np.abs(np.asarray(there) - np.concatenate(pack.mercator(x, y))).max() <= 4  # half a metre: the offset is no pure shift
    # counted from a corner that moved, all the rest is where it was but for the bending of the offset
    for name in ("buildings", "graph", "background", "facilities", "zones"):
        assert block(text, name)


@pytest.fixture(scope="module")
def tabs(run: Path) -> Iterator[Any]:
    """Opens a page in a browser that answers for every host, and tells whom it asked."""
    with browser.chromium() as chromium:

        def open_page(file: Path, hash: str = "") -> tuple[Any, list[str], list[str]]:
            context = chromium.new_context(locale="zh-CN", viewport={"width": 1200, "height": 800})
            asked: list[str] = []
            trouble: list[str] = []

            def answer(route: Any) -> None:
                asked.append(route.request.url)
                route.fulfill(body=PIXEL, content_type="image/png")

            context.route(re.compile("^https?:"), answer)
            tab = context.new_page()
            tab.on("console", lambda message: trouble.append(message.text) if message.type == "error" else None)
            tab.on("pageerror", lambda error: trouble.append(str(error)))
            tab.goto(file.as_uri() + hash)
            tab.wait_for_selector("html[data-ready]", state="attached")
            return tab, asked, trouble

        yield open_page


@browser.needed
@pytest.mark.parametrize("name", ["osm", "tianditu", "amap"])
def test_nothing_is_asked_until_the_reader_turns_it_on(run: Path, tabs: Any, name: str) -> None:
    tab, asked, trouble = tabs(drawn(run, name, "abc123" if known()[name]["key"] else ""))
    assert asked == []
    button = tab.locator("#basemap")
    assert button.get_attribute("aria-pressed") == "false"
    button.focus()
    tab.keyboard.press("Enter")
    tab.locator("img.leaflet-tile-loaded").nth(3).wait_for(state="attached")
    assert {re.sub(r"(https://[^/]+).*", r"\1", url) for url in asked} == {known()[name]["host"]}
    assert known()[name]["credit"] in tab.locator(".credit").inner_text()
    tab.locator("#basemap").click()
    assert tab.locator("img.leaflet-tile").count() == 0
    assert trouble == []


@browser.needed
def test_addresses_and_scenarios_leave_a_shifted_page_in_wgs_84(run: Path, tabs: Any) -> None:
    edits = "s30.2098,114.8995,17,;p30.2092,114.9009,30.2092,114.9024"
    page.build(run, run.parent / "plain.html")
    minutes = {}
    for name, file in (("plain", run.parent / "plain.html"), ("amap", drawn(run, "amap"))):
        tab, asked, trouble = tabs(file, "#17/30.20930/114.90110/gaps/-/zh")
        centre = tab.evaluate("map_main.getCenter()")
        true = wgs_to_gcj([114.9011], [30.2093]) if name == "amap" else ([114.9011], [30.2093])
        assert centre["lng"] == pytest.approx(float(true[0][0]), abs=2e-5)
        assert centre["lat"] == pytest.approx(float(true[1][0]), abs=2e-5)
        back = gcj_to_wgs([centre["lng"]], [centre["lat"]]) if name == "amap" else ([centre["lng"]], [centre["lat"]])
        tab.locator(".folium-map").focus()
        tab.keyboard.press("s")
        placed = tomllib.loads(tab.evaluate("circle.scenario()"))["station"][0]
        assert placed["lon"] == pytest.approx(float(back[0][0]), abs=2e-6)
        assert placed["lat"] == pytest.approx(float(back[1][0]), abs=2e-6)
        mark = tab.locator(".station").bounding_box()
        box = tab.locator(".folium-map").bounding_box()
        assert mark["x"] + mark["width"] / 2 == pytest.approx(box["x"] + box["width"] / 2, abs=2)
        tab.evaluate("() => circle.clear()")
        tab.evaluate("text => circle.edit(text)", edits)
        minutes[name] = {key: np.array(tab.evaluate("key => circle.minutes(key)", key)) for key in ("shop", "service_centre", "clinic")}
        order = np.argsort(tab.evaluate("() => circle.ids()"))
        minutes[name] = {key: values[order] for key, values in minutes[name].items()}
        tab.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        assert "/114.9011" in tab.evaluate("location.hash")
        assert asked == []
        assert trouble == []
    for key, values in minutes["plain"].items():
        assert np.abs(values - minutes["amap"][key]).max() <= 3
    assert "GCJ-02" in tab.evaluate("document.getElementById('method').textContent")
