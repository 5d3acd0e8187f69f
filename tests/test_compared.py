"""`circle compare`: two saved runs, and a folder that says who gained."""

from __future__ import annotations

import json
from pathlib import Path

import openpyxl
import pandas as pd
import pytest
from typer.testing import CliRunner

import circle
from circle.cli import app
from circle.scenario import Scenario, Station

KUANGSHAN = Path(__file__).resolve().parent.parent / "data" / "kuangshan" / "kuangshan.osm.pbf"
FILES = {"compare.html", "compare.json", "compare.parquet", "compare.xlsx", "compare_zones.parquet"}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    place = tmp_path_factory.mktemp("runs")
    before = circle.run(KUANGSHAN).save(place / "before", published=False)
    ziwei = before.zones.loc[before.zones["name"] == "紫薇花园"].geometry.iloc[0].representative_point()
    station = Station("station/1", "=HYPERLINK(驿站)", ziwei.x, ziwei.y, ("service_centre", "clinic"))
    before.with_scenario(Scenario("驿站", stations=(station,))).save(place / "after", published=False)
    return place


def test_the_new_compound_gains_what_it_lacked(folders):
    out = folders / "gain"
    done = CliRunner().invoke(app, ["compare", str(folders / "before"), str(folders / "after"), "-o", str(out)])
    assert done.exit_code == 0, done.output
    assert {each.name for each in out.iterdir()} == FILES
    told = json.loads((out / "compare.json").read_text(encoding="utf-8"))
    assert told["after"]["scenario"] == "驿站"
    centre = next(each for each in told["services"] if each["service"] == "service_centre")
    assert centre["gained"] > 0
    assert centre["lost"] == 0
    assert centre["household_minutes"] < 0
    zones = pd.read_parquet(out / "compare_zones.parquet")
    ziwei = zones[(zones["name"] == "紫薇花园") & (zones["service"] == "service_centre")].iloc[0]
    assert ziwei["gained"] == centre["gained"]
    assert f"+{centre['gained']}" in done.output


def test_the_workbook_lists_those_that_changed(folders):
    book = openpyxl.load_workbook(folders / "gain" / "compare.xlsx")
    sheet = book.worksheets[2]
    changed = pd.read_parquet(folders / "gain" / "compare.parquet")
    changed = changed[changed["residential"] & (changed["change"] != "same")]
    assert sheet.max_row == len(changed) + 1
    assert {cell.value for cell in sheet["A"][1:]} == set(changed["building"])


def test_the_same_runs_give_the_same_bytes_and_the_folder_is_replaced(folders):
    before = {each.name: each.read_bytes() for each in (folders / "gain").iterdir()}
    assert CliRunner().invoke(app, ["compare", str(folders / "before"), str(folders / "after"), "-o", str(folders / "gain")]).exit_code == 0
    assert {each.name: each.read_bytes() for each in (folders / "gain").iterdir()} == before


def test_a_folder_with_other_files_is_not_touched(folders, tmp_path):
    (tmp_path / "mine.txt").write_text("mine", encoding="utf-8")
    from circle import compared
    from circle.errors import OutputError, SourceError

    with pytest.raises(OutputError, match="nothing there was touched"):
        compared.write(folders / "before", folders / "after", tmp_path)
    assert [each.name for each in tmp_path.iterdir()] == ["mine.txt"]
    with pytest.raises(SourceError, match="is not a run"):
        compared.write(tmp_path, folders / "after", tmp_path / "out")
