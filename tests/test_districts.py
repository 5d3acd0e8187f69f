"""A run that is too large for one page: an overview and a page for each district, which say what the whole page would say."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import browser
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from test_pack import open_block

import circle
from circle import districts
from circle.publish import page

KUANGSHAN = Path(__file__).resolve().parent.parent / "data" / "kuangshan" / "kuangshan.osm.pbf"
MOST = 60
SHOWN = "key => Object.fromEntries(circle.ids().map((id, i) => [id, [circle.minutes(key)[i], circle.verdicts(key)[i]]]))"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose page is in parts."""
    place = tmp_path_factory.mktemp("districts") / "run"
    circle.run(KUANGSHAN).save(place, published=False)
    districts.publish(place, most=MOST)
    return place


def parts(run: Path, most: int = MOST) -> list[districts.District]:
    tables = {name: pq.read_table(run / f"{name}.parquet") for name in ("buildings", "zones")}
    return districts.split(tables, most, 0.8)


def test_every_building_lies_in_one_district(run: Path) -> None:
    for most in (20, 60, 150):
        found = parts(run, most)
        rows = np.sort(np.concatenate([part.rows for part in found]))
        assert rows.tolist() == list(range(pq.read_metadata(run / "buildings.parquet").num_rows))
        assert max(len(part.rows) for part in found) <= most
        assert len({part.name for part in found}) == len(found)


def test_zones_make_the_districts_where_they_hold_nearly_all(run: Path) -> None:
    tables = {name: pq.read_table(run / f"{name}.parquet") for name in ("buildings", "zones")}
    by_zone = districts.split(tables, 219, 0.0)
    names = set(pd.read_parquet(run / "zones.parquet", columns=["name"])["name"])
    assert {part.name for part in by_zone} - {""} <= names
    assert len(by_zone) > 1
    without = districts.split({"buildings": tables["buildings"]}, 60, 0.0)
    assert [part.name for part in without] == [f"{k + 1}/{len(without)}" for k in range(len(without))]
    assert min(len(part.rows) for part in without) >= 27  # halves of halves of 219


def test_below_the_limit_there_is_one_page_and_no_folder(run: Path, tmp_path: Path) -> None:
    shutil.copytree(run, tmp_path / "run")
    assert (tmp_path / "run" / "map").is_dir()
    districts.publish(tmp_path / "run")
    assert not (tmp_path / "run" / "map").exists()
    assert (tmp_path / "run" / "map.html").read_text(encoding="utf-8") == page.html(run)


def test_files_are_numbered_and_a_second_run_takes_their_place(run: Path, tmp_path: Path) -> None:
    names = sorted(file.name for file in (run / "map").iterdir())
    assert names == sorted(f"d{k + 1}.html" for k in range(len(parts(run))))
    assert not [file for file in run.iterdir() if file.name.startswith(".")]
    shutil.copytree(run, tmp_path / "run")
    before = {file.name: file.read_bytes() for file in (tmp_path / "run" / "map").iterdir()}
    districts.publish(tmp_path / "run", most=MOST)
    assert {file.name: file.read_bytes() for file in (tmp_path / "run" / "map").iterdir()} == before
    circle.open(tmp_path / "run").save(tmp_path / "run")  # a run of one page leaves no page of a district behind
    assert not (tmp_path / "run" / "map").exists()


def test_a_district_knows_where_the_data_of_the_whole_place_end(run: Path, tmp_path: Path) -> None:
    def corners(file: Path) -> list[list[int]]:
        text = file.read_text(encoding="utf-8")
        found = {name: re.search(rf'id="block-{name}">([^<]*)<', text) for name in ("graph", "buildings")}
        rim, origin = (open_block(found[name][1])[0][key] for name, key in (("graph", "rim"), ("buildings", "origin")))
        return [[x + origin[0], y + origin[1]] for x, y in rim]

    page.build(run, tmp_path / "whole.html")
    rims = [corners(file) for file in [tmp_path / "whole.html", *(run / "map").iterdir()]]
    assert rims[1:] == [rims[0]] * (len(rims) - 1)
    west, _, east, _ = json.loads((run / "summary.json").read_text(encoding="utf-8"))["extent"]
    x = [(degrees + 180) / 360 * 2**28 for degrees in (west, east)]
    assert sorted({corner[0] for corner in rims[0]}) == pytest.approx(x, abs=0.51)


@pytest.fixture(scope="module")
def seen(run: Path) -> Any:
    """What the pages of the districts and the whole page say, before and after a station and a closed gate."""
    said: dict[str, Any] = {"parts": {}, "links": []}
    gate = pd.read_parquet(run / "gates.parquet", columns=["gate", "passage"]).set_index("gate")["passage"]
    edits = f"s30.2098,114.8995,17,;g{gate.index[gate == 'residents'][0][5:]}"
    whole = run.parent / "whole.html"
    page.build(run, whole)
    with browser.chromium() as chromium:
        visits = browser.Visits(chromium)

        def ask(tab: Any) -> dict[str, Any]:
            before = {key: tab.evaluate(SHOWN, key) for key in ("shop", "clinic", "market")}
            tab.evaluate("text => circle.edit(text)", edits)
            return {"before": before, "after": {key: tab.evaluate(SHOWN, key) for key in before}}

        said["whole"] = ask(visits.open(whole))
        tab = visits.open(run / "map.html", viewport={"width": 390, "height": 844})
        said["wide"] = tab.evaluate("document.documentElement.scrollWidth")
        said["links"] = tab.locator("#districts tbody a").evaluate_all("links => links.map((one) => one.getAttribute('href'))")
        said["counted"] = tab.locator("#districts tbody td:last-child").all_inner_texts()
        said["worst"] = tab.locator("#districts tbody td:nth-child(2)").all_inner_texts()
        said["areas"] = tab.locator("path.district").count()
        said["axe"] = violations(tab)
        tab.locator("#theme-clinic").check(force=True)
        said["clinic"] = tab.locator("#districts tbody td:nth-child(2)").all_inner_texts()
        tab.locator("#language").click()
        said["title"] = tab.locator("#districts-title").inner_text()
        for link in said["links"]:
            tab = visits.open(run / link)
            said["back"] = tab.locator("#subtitle a").get_attribute("href")
            said["parts"][link] = ask(tab)
        visits.close()
    return said


def violations(tab: Any) -> list[str]:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    return [found["id"] for found in axe.run(tab).response["violations"]]


@browser.needed
def test_the_overview_lists_and_draws_every_district(run: Path, seen: dict[str, Any]) -> None:
    count = len(parts(run))
    assert sorted(seen["links"]) == sorted(f"map/d{k + 1}.html" for k in range(count))
    assert seen["areas"] == count
    summary = json.loads((run / "summary.json").read_text(encoding="utf-8"))
    assert sum(int(text.replace(",", "")) for text in seen["counted"]) == summary["shares"]["all"]["buildings"]["counted"]
    shares = [float(text.rstrip(" %")) for text in seen["worst"] if text != "–"]
    assert shares == sorted(shares)
    assert seen["clinic"] != seen["worst"]
    assert seen["title"] == f"Districts ({count})"
    assert seen["axe"] == []
    assert seen["wide"] <= 390


@browser.needed
def test_the_pages_of_the_districts_say_what_the_whole_page_says(seen: dict[str, Any]) -> None:
    assert seen["back"] == "../map.html"
    for when in ("before", "after"):
        for key, true in seen["whole"][when].items():
            together = {id_: said for one in seen["parts"].values() for id_, said in one[when][key].items()}
            assert together.keys() == true.keys()
            apart = [id_ for id_ in true if together[id_][1] != true[id_][1] or abs(together[id_][0] - true[id_][0]) > 2]
            assert not apart, (when, key)
    assert seen["whole"]["before"] != seen["whole"]["after"]
