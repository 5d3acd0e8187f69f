"""A saved run checked by its referee: what is right passes, what was changed by a hair is found, what cannot be checked is said."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from commands import one
from town import Town

import circle
from circle import examples, folder, verify
from circle.errors import SourceError

KUANGSHAN = Path(__file__).resolve().parent.parent / "data" / "kuangshan" / "kuangshan.osm.pbf"


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    return circle.run(KUANGSHAN).save(tmp_path_factory.mktemp("verify") / "run", published=False).folder


@pytest.fixture
def copy(run, tmp_path) -> Path:
    return Path(shutil.copytree(run, tmp_path / "copy"))


def failed(report: verify.Report) -> set[str]:
    return {check.name for check in report.checks if check.ok is False}


def change(place: Path, table: str, column: str, row: int, value: object, *, forget: bool = True) -> None:
    """Write one other value into a saved table; `forget` also takes the digests out of the record, as a forger would."""
    path = place / f"{table}.parquet"
    frame = gpd.read_parquet(path) if table in folder.GEO_TABLES else pd.read_parquet(path)
    frame[column] = frame[column].astype(object) if isinstance(value, str) else frame[column]
    frame.loc[row, column] = value
    frame.to_parquet(path, index=False)
    if forget:
        record = json.loads((place / "run.json").read_text(encoding="utf-8"))
        record.pop("tables", None)
        (place / "run.json").write_text(json.dumps(record), encoding="utf-8")


def test_a_run_as_it_was_written_passes_and_its_source_is_known(run):
    report = verify.verify(run, KUANGSHAN)
    assert report.ok
    assert [check.name for check in report.checks] == ["input", "tables", "schema", "lengths", "legs", "walks", "verdicts", "summary"]
    assert all(check.ok for check in report.checks)
    assert report.walks == 5 * min(verify.SAMPLE, len(gpd.read_parquet(run / "buildings.parquet")))
    assert report.worst_s < 1e-6


def test_the_referee_shares_no_code_with_the_engine():
    text = Path(verify.__file__).read_text(encoding="utf-8")
    for module in ("access", "linkage", "network", "routes", "referee", "units"):
        assert f"circle.{module}" not in text
        assert not re.search(rf"^from circle import .*\b{module}\b", text, re.MULTILINE)
    assert "scipy" not in text


@pytest.mark.parametrize("by", [1e-4, -1e-4, np.inf])
def test_a_changed_minute_is_found(copy, by):
    buildings = gpd.read_parquet(copy / "buildings.parquet")
    row = int(np.flatnonzero(np.isfinite(buildings["minutes_market"]))[3])
    change(copy, "buildings", "minutes_market", row, buildings["minutes_market"].iloc[row] + by)
    report = verify.verify(copy, sample=10_000)
    assert "walks" in failed(report)
    assert report.worst_s == pytest.approx(abs(by) * 60)


def test_a_changed_edge_is_found_by_walking(copy):
    edges = gpd.read_parquet(copy / "edges.parquet")
    saved = circle.open(copy)
    tower = saved.buildings.loc[saved.buildings["name"] == "紫薇花园14栋", "building"].iloc[0]
    legs = saved.route(tower, "clinic").legs
    row = int(next(row for row, metres in edges["length_m"].items() if any(abs(metres - leg.length_m) < 1e-9 for leg in legs if leg.way)))
    for direction in ("forward", "backward"):
        change(copy, "edges", f"seconds_{direction}", row, edges[f"seconds_{direction}"].iloc[row] * 1.001 + 0.01)
    assert "walks" in failed(verify.verify(copy, sample=10_000))


def test_any_changed_table_is_found_by_its_digest(copy):
    """An edge that no walk takes may be changed without changing a minute; the digest knows."""
    change(copy, "edges", "seconds_forward", 0, 12_345.0, forget=False)
    report = verify.verify(copy, sample=0)
    assert failed(report) >= {"tables"}
    assert next(check for check in report.checks if check.name == "tables").told["names"] == "edges"


@pytest.mark.parametrize(
    ("table", "column", "value", "check"),
    [
        ("edges", "length_m", 0.01, "lengths"),
        ("links", "leg_m", 3_000.0, "legs"),
        ("buildings", "verdict_market", "unmapped", "verdicts"),
        ("buildings", "reason_market", "far", "verdicts"),
        ("buildings", "gaps", 7, "verdicts"),
        ("buildings", "verdict", "sometimes", "schema"),
        ("buildings", "households", 1e6, "summary"),
        ("links", "edge", 10_000_000, "schema"),
    ],
)
def test_what_does_not_fit_together_is_found(copy, table, column, value, check):
    rows = pd.read_parquet(copy / f"{table}.parquet", columns=None)
    met = np.flatnonzero((rows["verdict_market"] == "met") & rows["residential"]) if table == "buildings" else np.asarray([1])
    row = int(rows["length_m"].argmax()) if column == "length_m" else int(met[0])
    change(copy, table, column, row, value)
    assert check in failed(verify.verify(copy, sample=10_000))


def test_a_changed_summary_is_found(copy):
    summary = json.loads((copy / "summary.json").read_text(encoding="utf-8"))
    summary["shares"]["shop"]["buildings"]["met"] += 1
    (copy / "summary.json").write_text(json.dumps(summary), encoding="utf-8")
    report = verify.verify(copy, sample=5)
    assert failed(report) == {"summary"}
    assert report.checks[-1].told["who"] == "shares.shop.buildings.met"


def test_what_the_demo_ran_on_comes_along(copy):
    assert verify.verify(copy, sample=5).checks[0] == verify.Check("input", ok=True, told={"file": str(examples.kuangshan())})


def test_what_cannot_be_checked_is_said_and_is_no_failure(copy, tmp_path):
    record = json.loads((copy / "run.json").read_text(encoding="utf-8"))
    record["inputs"][0]["file"] = "elsewhere.osm.pbf"
    (copy / "run.json").write_text(json.dumps(record), encoding="utf-8")
    report = verify.verify(copy, sample=5)
    assert report.ok
    assert report.checks[0] == verify.Check("input_absent", None, {"file": "elsewhere.osm.pbf"})
    record["inputs"][0]["file"] = "kuangshan.osm.pbf"
    (copy / "run.json").write_text(json.dumps(record), encoding="utf-8")
    shutil.copy(KUANGSHAN, tmp_path / "kuangshan.osm.pbf")  # beside the run's folder
    assert verify.verify(copy, sample=5).checks[0].name == "input"
    (tmp_path / "kuangshan.osm.pbf").write_bytes(b"another")  # a file of that name that lies around
    assert verify.verify(copy, sample=5).checks[0].ok is None
    assert failed(verify.verify(copy, tmp_path / "kuangshan.osm.pbf", sample=5)) == {"input_other"}  # one that was named
    assert verify.verify(copy, KUANGSHAN.parent, sample=5).checks[0].name == "input"
    with pytest.raises(SourceError, match="no such file"):
        verify.verify(copy, tmp_path / "nowhere.osm")
    with pytest.raises(SourceError):
        verify.verify(tmp_path)


def test_a_large_network_is_cut_out_around_each_walk(copy, monkeypatch):
    whole = verify.verify(copy, sample=12, seed=3)
    monkeypatch.setattr(verify, "WHOLE_EDGES", 10)
    cut = verify.verify(copy, sample=12, seed=3)
    assert cut.ok
    assert cut.walks == whole.walks
    buildings = gpd.read_parquet(copy / "buildings.parquet")
    row = int(np.random.default_rng(3).permutation(len(buildings))[0])
    assert np.isfinite(buildings["minutes_shop"].iloc[row])
    change(copy, "buildings", "minutes_shop", row, np.inf)  # the run says that there is no path
    assert "walks" in failed(verify.verify(copy, sample=3, seed=3))


def test_stairs_islands_one_way_paths_and_neighbours_on_one_edge_are_walked_alike(tmp_path):
    town = Town()
    town.street((-200, 0), (300, 0))
    town.street((100, 0), (100, 60), (200, 60), highway="steps")
    town.street((-200, 0), (-200, 90), **{"oneway:foot": "yes"})
    town.street((0, 0), (0, 90), access="private")
    town.street((600, 700), (660, 700))
    for x in (-150, -20, 20, 22, 250):
        town.house(x, 6)
    town.house(180, 66), town.house(-206, 50, size=4), town.house(6, 60, size=4), town.house(630, 706), town.house(0, 1900)
    town.offer("shop", 21, -6), town.offer("shop", 150, 66), town.offer("market", (610, 690), (640, 690), (640, 710))
    town.offer("bus_stop", -200, 0)
    out = town.study().save(tmp_path / "run", published=False).folder
    report = verify.verify(out)
    assert failed(report) == set()
    assert report.walks == 50
    assert report.worst_s < 1e-6


@pytest.mark.parametrize("name", ["beijing_bupt_campus_2025.osm", "monaco_2012.osm.gz", "berlin_borsigwalde_2026.osm.pbf"])
def test_real_places_pass(test_data, tmp_path, name):
    source = test_data / "osm" / name
    out = circle.run(source).save(tmp_path / "run", published=False).folder
    report = verify.verify(out, source, sample=60)
    assert failed(report) == set(), report
    assert report.checks[0].name == "input"
    assert report.worst_s < 1e-6


def test_the_command_prints_the_worst_difference_and_ends_with_1_where_something_is_wrong(run, copy):
    told = one("verify", run, "--source", KUANGSHAN, "--sample", "20")
    assert told.status == 0, told
    assert "worst difference" in told.out
    assert "最大相差" in told.out
    assert told.out.count("✓") == 8
    change(copy, "buildings", "minutes_shop", 0, 99.0)
    wrong = one("verify", copy, "--sample", "500", "--lang", "en")
    assert wrong.status == 1
    assert "✗" in wrong.out
    assert "Traceback" not in wrong.err
    assert one("verify", copy.parent / "nothing").status == 2
    assert one("verify", run, "--source", copy / "nothing.osm").status == 2
