"""The workbook says what the saved tables say, and holds text as text."""

from __future__ import annotations

import datetime as dt
import json
import re
import zipfile
from pathlib import Path
from typing import Any

import fake_run
import geopandas as gpd
import numpy as np
import openpyxl
import pandas as pd
import pytest

from circle.errors import OutputError, SourceError
from circle.publish import gaplist, sheets, workbook
from circle.publish.sheets import Book, NumberColumn, Sheet, TextColumn

SERVICES = {"shop": 1, "market": 2, "bus_stop": 3, "service_centre": 4, "clinic": 5}
SHEETS = ["汇总 Summary", "短板清单 Gaps", "分区 Zones", "设施 Facilities", "数据问题 Findings", "列说明 Columns"]
NO_PATH = "无路径 / no path"
HOSTILE = {
    "=1+1": "=1+1",
    "{=1+1}": "{=1+1}",
    "@SUM(A1)": "@SUM(A1)",
    "-2": "-2",
    "'-2": "'-2",
    "+1": "+1",
    "007": "007",
    "http://example.org/x": "http://example.org/x",
    "internal:A1": "internal:A1",
    "<r><t>&broken</r>": "<r><t>&broken</r>",
    "_x0041_": "_x0041_",
    " led by a blank": " led by a blank",
    "a\x00b\x0bc\ufffe": "abc",
    "line\r\nbreak": "line\nbreak",
    "😀" * 20_000: "😀" * 16_383 + "…",
}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fake_run.write(tmp_path_factory.mktemp("workbook") / "run", n=400)


@pytest.fixture(scope="module")
def book(run: Path) -> Any:
    return openpyxl.load_workbook(workbook.write(run))


def rows_of(book: Any, title: str, head: int = 3) -> pd.DataFrame:
    """A sheet's table; heads are named by their English line."""
    heads, *rows = book[title].iter_rows(min_row=head, values_only=True)
    return pd.DataFrame(rows, columns=[str(h).split("\n")[-1] for h in heads]).dropna(how="all")


def change(run: Path, table: str, /, **columns: Any) -> None:
    gpd.read_parquet(run / f"{table}.parquet").assign(**columns).to_parquet(run / f"{table}.parquet")


def expected_gaps(run: Path) -> pd.DataFrame:
    """The gap list made a second time, building by building."""
    buildings = gpd.read_parquet(run / "buildings.parquet")
    rows = []
    for building in buildings[buildings["residential"]].to_dict("records"):
        for service, limit in SERVICES.items():
            if building[f"verdict_{service}"] in ("gap", "unreachable"):
                minutes = building[f"minutes_{service}"]
                rows.append((building["building"], service, minutes, minutes - limit, building["households"]))
    return pd.DataFrame(rows, columns=["building", "service", "minutes", "over", "households"])


def test_sheets_and_their_order(book: Any) -> None:
    assert book.sheetnames == SHEETS


def test_gap_list_is_every_gap_once_worst_first(run: Path, book: Any) -> None:
    gaps, expected = rows_of(book, "短板清单 Gaps"), expected_gaps(run)
    label = {fake_run.SERVICES[s][2]: s for s in SERVICES}
    found = set(zip(gaps["Building"], gaps["Service"].str.split(" / ").str[1].map(label), strict=True))
    assert len(gaps) == len(expected) > 100
    assert found == set(zip(expected["building"], expected["service"], strict=True))

    over = gaps["Over by (min)"].map(lambda v: np.inf if v == NO_PATH else v).astype(float)
    assert over.is_monotonic_decreasing
    assert np.isinf(over).sum() == np.isinf(expected["minutes"]).sum() > 0
    np.testing.assert_array_equal(np.sort(over), np.sort(expected["over"]))
    assert (gaps["Walk (min)"] == NO_PATH).equals(gaps["Over by (min)"] == NO_PATH)


def test_gap_list_leaves_out_what_the_data_cannot_answer_and_says_so(run: Path, book: Any) -> None:
    buildings = gpd.read_parquet(run / "buildings.parquet")
    lived = buildings[buildings["residential"]]
    unmapped = sum(int((lived[f"verdict_{s}"] == "unmapped").sum()) for s in SERVICES)
    assert unmapped > 0
    assert f"For {unmapped} more the data cannot answer" in book["短板清单 Gaps"]["A2"].value


def test_a_gap_reads_in_words(run: Path, book: Any) -> None:
    gaps = rows_of(book, "短板清单 Gaps")
    assert set(gaps["Why"]) >= {"距离太远 / too far away", "所连道路与路网不通 / its paths are cut off from the network"}
    assert set(gaps["Fragile"].dropna()) == {"是 / yes"}
    first = gaps[gaps["Walk (min)"] != NO_PATH].iloc[0]
    building = gpd.read_parquet(run / "buildings.parquet").set_index("building").loc[first["Building"]]
    service = next(s for s in SERVICES if fake_run.SERVICES[s][2] in first["Service"])
    assert first["Walk (min)"] == building[f"minutes_{service}"]
    assert first["Limit (min)"] == SERVICES[service]
    assert first["Households"] == building["households"]
    assert str(building[f"facility_{service}"]) in first["Nearest facility"]
    assert ("" if pd.isna(first["compound"]) else first["compound"]) == building["compound"]


def test_gap_list_is_cut_where_a_sheet_ends_and_says_how_much(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gaplist, "MAX_ROWS", 13)
    book = openpyxl.load_workbook(workbook.write(run, tmp_path / "short.xlsx"))
    assert len(rows_of(book, "短板清单 Gaps")) == 10
    assert f"{len(expected_gaps(run)) - 10:,} lesser gaps are left out" in book["短板清单 Gaps"]["A2"].value


def test_zone_columns_stand_beside_the_compound(tmp_path: Path) -> None:
    run = fake_run.write(tmp_path / "run", n=60, hostile=False)
    change(run, "buildings", zone_grid="第一网格")
    gaps = rows_of(openpyxl.load_workbook(workbook.write(run)), "短板清单 Gaps")
    assert list(gaps.columns[2:4]) == ["compound", "grid"]
    assert set(gaps["grid"]) == {"第一网格"}


def test_summary_gives_both_shares_and_says_what_is_counted(run: Path, book: Any) -> None:
    summary = json.loads((run / "summary.json").read_text(encoding="utf-8"))
    sheet = book["汇总 Summary"]
    rows = [tuple(row) for row in sheet.iter_rows(values_only=True)]
    about = {str(row[0]).split(" / ")[-1]: row[1] for row in rows[2:12]}
    assert about["Data date"] == "2025-06-01"
    assert about["Standard"] == "五分钟便民服务圈 / Five-minute service circles (five-minute)"
    assert about["Source of the standard"] == "Hubei Daily, 2022-06-17"
    assert "1.2 m/s" in about["Walker"]
    counts = summary["counts"]
    assert f"{counts['residential']} buildings where people live, of {counts['buildings']}" in about["What is counted"]
    assert about["Data and licence"] == "虚构数据 / Synthetic data · © OpenStreetMap contributors, ODbL 1.0"
    assert rows[0][0].endswith(" · 虚构数据 / Synthetic data")

    def row(name: str) -> tuple[Any, ...]:
        return next(r for r in rows if str(r[0]).endswith(name) and isinstance(r[3], int))

    for key, name in {"all": "All services", **{s: fake_run.SERVICES[s][2] for s in SERVICES}}.items():
        shares = summary["shares"][key]
        order = ("counted", "met", "gap", "unmapped", "share_met")
        expected = [shares[unit][measure] for unit in ("buildings", "households") for measure in order]
        assert list(row(name)[3:13]) == pytest.approx(expected)
    verdicts = [r for r in rows if str(r[0]).endswith("Clinic")][1]
    assert list(verdicts[1:5]) == [summary["verdicts"]["clinic"][v] for v in ("met", "gap", "unreachable", "unmapped")]
    assert verdicts[5] == summary["fragile"]["clinic"]


def test_zones_come_lowest_share_first(run: Path, book: Any) -> None:
    zones = rows_of(book, "分区 Zones")
    saved = gpd.read_parquet(run / "zones.parquet")
    assert len(zones) == saved["zone"].nunique() > 0
    assert zones["All services: share met"].is_monotonic_increasing
    one = saved[(saved["zone"] == zones["Zone"].iloc[0]) & (saved["service"] == "market")].iloc[0]
    assert zones["Market: gaps"].iloc[0] == one["gap"]
    assert zones["Market: share met by households"].iloc[0] == pytest.approx(one["share_households_met"])


def test_facilities_findings_and_columns_are_complete(run: Path, book: Any) -> None:
    facilities, saved = rows_of(book, "设施 Facilities"), gpd.read_parquet(run / "facilities.parquet")
    assert sorted(facilities["Facility"]) == sorted(saved["facility"])
    lived = gpd.read_parquet(run / "buildings.parquet").query("residential")
    assert facilities["Residential buildings it is nearest to"].sum() == sum(int((lived[f"facility_{s}"] != "").sum()) for s in SERVICES)

    findings = rows_of(book, "数据问题 Findings").set_index("Code")
    assert findings["Count"].to_dict() == {"sources.missing_node": 3, "linkage.island": 2}
    assert findings.loc["sources.missing_node", ["Severity", "Meaning", "What to do"]].notna().all()

    told = rows_of(book, "列说明 Columns")
    for table in ("buildings", "facilities", "zones", "edges", "background"):
        assert set(gpd.read_parquet(run / f"{table}.parquet").columns) - {"geometry"} <= set(
            told.loc[told["File"] == f"{table}.parquet", "Column"]
        )


def test_findings_list_ids_and_the_rest_as_a_number(tmp_path: Path) -> None:
    run = fake_run.write(tmp_path / "run", n=60)
    ids = [f"way/{i}" for i in range(25)]
    pd.DataFrame({"code": "linkage.island", "stage": "linkage", "id": ids, "detail": "=1+1"}).to_parquet(run / "findings.parquet")
    summary = json.loads((run / "summary.json").read_text(encoding="utf-8"))
    summary["findings"] = {"linkage.island": 25, "later.unheard_of": 1}
    (run / "summary.json").write_text(json.dumps(summary), encoding="utf-8")
    findings = rows_of(openpyxl.load_workbook(workbook.write(run)), "数据问题 Findings").set_index("Code")
    assert findings.loc["linkage.island", "Objects"] == " ".join(ids[:20]) + " … (+5)"
    assert findings.loc["later.unheard_of", "Count"] == 1


def test_every_sheet_prints_on_a4_and_keeps_its_heads(book: Any) -> None:
    for sheet in book:
        assert (sheet.page_setup.paperSize, sheet.page_setup.orientation) == (9, "landscape")
        assert "Synthetic data · © OpenStreetMap" in sheet.oddFooter.left.text
        if sheet.title != "汇总 Summary":
            assert sheet.freeze_panes
            assert sheet.auto_filter.ref
            assert sheet.print_title_rows == "$3:$3"


def test_the_same_run_gives_the_same_bytes(run: Path, tmp_path: Path) -> None:
    first, second = workbook.write(run, tmp_path / "a.xlsx"), workbook.write(run, tmp_path / "b.xlsx")
    assert first.read_bytes() == second.read_bytes()
    assert openpyxl.load_workbook(first).properties.created == dt.datetime(2025, 6, 1)  # the date of the data


def test_hostile_text_stays_text_everywhere(tmp_path: Path) -> None:
    run = fake_run.write(tmp_path / "run", n=120, hostile=False)
    size = len(gpd.read_parquet(run / "buildings.parquet"))
    cycle = [list(HOSTILE)[i % len(HOSTILE)] for i in range(size)]
    change(run, "buildings", name=cycle, compound=cycle[::-1], residential=True)
    facilities = gpd.read_parquet(run / "facilities.parquet")
    few = (list(HOSTILE) * len(facilities))[: len(facilities)]
    change(run, "facilities", name=few, tags=few, merged=few, source=few)
    zones = gpd.read_parquet(run / "zones.parquet")
    if len(zones):
        change(run, "zones", name=(list(HOSTILE) * len(zones))[: len(zones)])
    record = json.loads((run / "run.json").read_text(encoding="utf-8"))
    record["attribution"] = "=1+1 &C &D \ud800"
    record["inputs"][0]["synthetic"] = False
    record["inputs"][0]["file"] = "=cmd|' /C calc'!A0.osm\x07"
    record["standard"]["title"] = {"zh": "=1+1", "en": "<r>&</r>"}
    (run / "run.json").write_text(json.dumps(record), encoding="utf-8")

    path = workbook.write(run)
    with zipfile.ZipFile(path) as parts:
        for name in parts.namelist():
            if "worksheets/sheet" in name:
                xml = parts.read(name).decode("utf-8")
                assert "<f>" not in xml
                assert "<f " not in xml
                assert "<hyperlink" not in xml
    book = openpyxl.load_workbook(path)
    assert all(cell.data_type != "f" for sheet in book for row in sheet.iter_rows() for cell in row)
    assert set(rows_of(book, "短板清单 Gaps")["Name"].map(shown)) == set(HOSTILE.values())
    assert set(rows_of(book, "设施 Facilities")["Tags"].map(shown)) <= set(HOSTILE.values())
    assert "Synthetic" not in book["汇总 Summary"]["A1"].value
    assert book["汇总 Summary"]["B4"].value == "=cmd|' /C calc'!A0.osm"
    assert "&&C" in zipfile.ZipFile(path).read("xl/worksheets/sheet1.xml").decode().replace("&amp;", "&")


def shown(text: str) -> str:
    """A text as Excel shows it: `_x005F_` is its own escape of `_`; a look-alike of rich text ends in a blank."""
    return re.sub("_x005F_", "_", text).replace("</r> ", "</r>")


@pytest.mark.parametrize("rows", [0, 1, 2, 3, 5, 8])
def test_long_tables_of_any_length(rows: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheets, "_PIECE", 2)
    numbers = np.array([1.5, np.inf, np.nan, 1e-7, 12345678.9, 0.1, -1.0, 3.0])[:rows]
    book = Book("t", "f", dt.datetime(2000, 1, 1))
    other = Sheet(book, "summary", [10])
    other.text(0, 0, "beside")
    sheet = Sheet(book, "gaps", [10, 10])
    sheet.text(0, 0, "head")
    sheet.long_table(1, [TextColumn(np.arange(8)[:rows] % 3, ["", "=1", "<&>"]), NumberColumn(numbers, "minutes", "no path")], rows)
    book.save(tmp_path / "long.xlsx")
    read = openpyxl.load_workbook(tmp_path / "long.xlsx")
    found = [tuple(row) for row in read["短板清单 Gaps"].iter_rows(min_row=2, values_only=True)]
    texts = [None, "=1", "<&>"]
    expected = [(texts[i % 3], "no path" if np.isinf(n) else None if np.isnan(n) else n) for i, n in enumerate(numbers)]
    assert [row for row in found if row != (None, None)] == [row for row in expected if row != (None, None)]
    assert {cell.number_format for row in read["短板清单 Gaps"].iter_rows(min_row=2, min_col=2) for cell in row} <= {"0.0", "General"}
    assert read["汇总 Summary"]["A1"].value == "beside"


def test_a_run_without_zones_or_findings_still_has_its_sheets(tmp_path: Path) -> None:
    run = fake_run.write(tmp_path / "run", n=60, zones=False)
    book = openpyxl.load_workbook(workbook.write(run))
    assert book.sheetnames == SHEETS
    assert rows_of(book, "分区 Zones").empty


@pytest.mark.parametrize("name", ["run.json", "summary.json", "buildings.parquet", "facilities.parquet"])
def test_an_unfinished_run_is_named(name: str, tmp_path: Path) -> None:
    run = fake_run.write(tmp_path / "run", n=60)
    (run / name).unlink()
    with pytest.raises(SourceError, match=f"holds no {name}, so it is not a finished run"):
        workbook.write(run)
    assert not (run / "report.xlsx").exists()


def test_damaged_files_are_named(tmp_path: Path) -> None:
    run = fake_run.write(tmp_path / "run", n=60)
    (run / "buildings.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(SourceError, match=r"buildings\.parquet: not a readable table"):
        workbook.write(run)
    (run / "run.json").write_text("{", encoding="utf-8")
    with pytest.raises(SourceError, match=r"run\.json: cannot be read"):
        workbook.write(run)
    with pytest.raises(SourceError, match="no such folder"):
        workbook.write(tmp_path / "nowhere")


def test_an_older_workbook_stays_when_a_new_one_fails(tmp_path: Path) -> None:
    run = fake_run.write(tmp_path / "run", n=60)
    before = workbook.write(run).read_bytes()
    with pytest.raises(OutputError, match="cannot be written"):
        workbook.write(run, tmp_path / "no" / "such" / "report.xlsx")
    (run / "facilities.parquet").unlink()
    with pytest.raises(SourceError):
        workbook.write(run)
    assert (run / "report.xlsx").read_bytes() == before
    assert not list(run.glob(".*part*"))
