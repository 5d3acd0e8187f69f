"""Sheets as people keep them: encodings, headers, sums, formulas; which column is what, and what stays in the file."""

from __future__ import annotations

import tomllib

import numpy as np
import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from circle.errors import CircleError, Findings, RuleError, SourceError
from circle.rules import columns as words
from circle.rules.loading import RULES
from circle.sources import columns, spreadsheets, vectors
from circle.sources.located import opened

LEDGER = "小区名称,楼号,户数,60岁以上,联系电话\n紫薇花园,3号楼,48,17,13812345678\n紫薇花园,4号楼,36,9,0714-5412345\n合计,,84,26,\n"
WANTED = ("compound", "number", "households", "elderly", "name", "lon", "lat")
FILE = tomllib.loads((RULES / "columns.cases.toml").read_text(encoding="utf-8"))
CASES, UNITS = FILE["case"], FILE["unit"]


@pytest.mark.parametrize(("header", "expected"), [(header, case["is"]) for case in CASES for header in case["headers"]])
def test_headers(header, expected):
    found = words.recognise(header)
    assert ("private" if words.private(header) else found[0] if found else "") == expected


@pytest.mark.parametrize(("header", "case"), [(header, case) for case in UNITS for header in case["headers"]])
def test_units_of_headers(header, case):
    found = words.unit_of(case["column"], header)
    assert words.recognise(header)[0] == case["column"]
    assert ("refused" if found.refused else "unknown" if found.odd else "") == case.get("is", "")
    assert found.factor == pytest.approx(case.get("factor", 1))


@pytest.mark.parametrize(("cell", "meaning"), [(cell, case["is"]) for case in FILE["status"] for cell in case["cells"]])
def test_words_of_status(cell, meaning):
    assert (words.word("status", cell) or "") == meaning


def test_every_column_has_a_case():
    assert {case["is"] for case in CASES} >= {"lon", "lat", "name", "type", "households", "elderly", "levels", "compound", "number", "grid"}


def reading(path, *overrides, wanted=WANTED):
    findings = Findings()
    return columns.understand(opened(str(path), "buildings"), wanted, columns.overrides(overrides), findings), findings


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "gb18030", "utf-16"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_ledger_in_any_encoding(tmp_path, encoding, separator):
    path = tmp_path / "台账.csv"
    path.write_bytes(LEDGER.replace(",", separator).encode(encoding))
    read, findings = reading(path)
    assert read.frame["households"].tolist() == [48.0, 36.0]
    assert read.frame["number"].tolist() == ["3号楼", "4号楼"]
    assert findings.counts() == {"tables.not_a_record": 1}
    assert next(iter(findings)).id == "台账.csv:4"


def test_private_columns_are_named_and_not_read(tmp_path):
    path = tmp_path / "台账.csv"
    path.write_text(LEDGER, encoding="utf-8")
    read, _ = reading(path)
    assert read.private == ["联系电话"]
    assert "13812345678" not in str(read.frame.to_dict()) + str(read.as_dict()) + read.sentence()


def test_a_workbook_with_a_title_a_merged_header_a_sum_and_a_remark(tmp_path):
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append(["黄石市铁山区楼栋台账"])
    sheet.append(["小区", "楼号", "人口情况", None, "户数"])
    sheet.append([None, None, "常住人口", "60岁以上", None])
    for row in (
        ["紫薇花园", "3号楼", "１２０", "1,017", 48],
        [None, "4号楼", 90, "约20", 36],
        ["合 计", None, 210, 37, 84],
        ["注：截至2021年"],
    ):
        sheet.append(row)
    for block in ("A1:E1", "A2:A3", "B2:B3", "C2:D2", "E2:E3", "A4:A5"):
        sheet.merge_cells(block)
    path = tmp_path / "台账.xlsx"
    book.save(path)
    read, findings = reading(path, wanted=(*WANTED, "population"))
    assert read.sheet.understood == {
        "compound": "小区",
        "number": "楼号",
        "households": "户数",
        "elderly": "60岁以上" if "60岁以上" in read.sheet.frame else "",
        "population": "常住人口",
    }
    assert read.frame["compound"].tolist() == ["紫薇花园", "紫薇花园"]
    assert read.frame["population"].tolist() == [120.0, 90.0]
    assert read.frame["elderly"].tolist()[0] == 1017.0
    assert np.isnan(read.frame["elderly"][1])
    assert findings.counts() == {"tables.not_a_record": 2, "tables.odd_value": 1}


@pytest.mark.parametrize("slip", ["-5", "1e9", "十"])
def test_a_count_that_no_place_could_hold_is_a_finding_and_no_number(tmp_path, slip):
    path = tmp_path / "台账.csv"
    path.write_text(f"小区名称,楼号,户数\n紫薇花园,3号楼,48\n紫薇花园,4号楼,{slip}\n", encoding="utf-8")
    read, findings = reading(path)
    assert read.frame["households"][0] == 48.0
    assert np.isnan(read.frame["households"][1])
    assert findings.counts() == {"tables.odd_value": 1}


def test_numbers_in_tens_of_thousands_are_what_they_mean_and_it_is_said(tmp_path):
    path = tmp_path / "小区.csv"
    path.write_text("小区,常住人口（万人）,户数\n富源里,0.3,1150\n贵园东里,0.28,0.03万户\n鹿海园,3000人,1\n", encoding="utf-8")
    read, findings = reading(path, wanted=("compound", "population", "households"))
    assert read.frame["population"].tolist() == [3000.0, 2800.0, 3000.0]  # a cell with a unit of its own means that one
    assert read.frame["households"].tolist() == [1150.0, 300.0, 1.0]
    assert "population ×10,000" in read.sentence()
    assert read.as_dict()["scaled"] == {"population": 10_000}
    assert not len(findings)


@pytest.mark.parametrize(("cells", "means"), [("1,017;2,5", [1.017, 2.5]), ("1,017;2,250", [1017.0, 2250.0])])
def test_a_comma_between_semicolons_is_decimal_where_the_column_shows_it(tmp_path, cells, means):
    path = tmp_path / "a.csv"
    path.write_text("name;households\n" + "".join(f"x;{cell}\n" for cell in cells.split(";")), encoding="utf-8")
    assert reading(path)[0].frame["households"].tolist() == means


def test_a_unit_above_the_table_speaks_of_the_columns_that_say_nothing(tmp_path):
    book = openpyxl.Workbook()
    for row in (["小区人口", None, None], [None, None, "单位：万人"], ["小区", "人口", "户数（户）"], ["富源里", 0.3, 1150]):
        book.active.append(row)
    path = tmp_path / "人口.xlsx"
    book.save(path)
    read, findings = reading(path, wanted=("compound", "population", "households"))
    assert (read.frame["population"].tolist(), read.frame["households"].tolist()) == ([3000.0], [1150.0])
    assert not len(findings)


def test_a_unit_that_is_not_the_columns_is_refused_and_an_unknown_one_is_a_finding(tmp_path):
    path = tmp_path / "小区.csv"
    path.write_text("小区,人口（户）\n富源里,3\n", encoding="utf-8")
    with pytest.raises(SourceError, match="“人口（户）” says “户”, which cannot be turned into population in persons"):
        reading(path, wanted=("population",))
    path.write_text("小区,人口（丁）\n富源里,3\n", encoding="utf-8")
    read, findings = reading(path, wanted=("population",))
    assert read.frame["population"].tolist() == [3.0]
    assert findings.counts() == {"tables.unknown_unit": 1}


@pytest.mark.parametrize(("column", "most"), [("households", 1e6), ("cost", 1e12), ("area", 1e8), ("levels", 300), ("height", 1000)])
def test_each_count_has_a_bound_of_its_own(tmp_path, column, most):
    path = tmp_path / "a.csv"
    header = {"households": "户数", "cost": "造价", "area": "建筑面积", "levels": "层数", "height": "高度"}[column]
    path.write_text(f"名称,{header}\na,{most:.0f}\nb,{most * 2:.0f}\n", encoding="utf-8")
    read, findings = reading(path, wanted=("name", column))
    assert read.frame[column].tolist()[0] == most
    assert np.isnan(read.frame[column][1])
    assert f"from 0 to {most:,.0f}" in next(iter(findings)).detail


def test_the_right_sheet_is_taken_or_asked_for(tmp_path):
    book = openpyxl.Workbook()
    book.active.title = "说明"
    book.active.append(["这是说明", "x"])
    for title in ("楼栋", "现状设施"):
        sheet = book.create_sheet(title)
        sheet.append(["名称", "户数"])
        sheet.append([title, 3])
    path = tmp_path / "资料.xlsx"
    book.save(path)
    assert reading(path)[0].frame["name"].tolist() == ["楼栋"]
    assert reading(f"{path}:现状设施")[0].frame["name"].tolist() == ["现状设施"]
    with pytest.raises(SourceError, match="several sheets: 说明, 楼栋, 现状设施"):
        opened(str(path), "gates")
    with pytest.raises(SourceError, match="no sheet “网格”"):
        opened(f"{path}:网格", "zones")


def test_other_filled_sheets_are_named_with_how_to_read_them(tmp_path):
    book = openpyxl.Workbook()
    book.active.title = "便民设施"
    for title, rows in (("便利店", 3), ("说明", 0), ("药店", 0)):
        book.create_sheet(title)
        for number in range(rows):
            book[title].append([f"便利店{number}", 5])
    book["便利店"].insert_rows(1)
    book["便利店"]["A1"], book["便利店"]["B1"] = "名称", "户数"
    book["说明"].append(["本表由街道填写"])
    book["药店"].append(["名称", "户数"])  # a header and no record
    book["便民设施"].append(["名称", "户数", "经度"])
    book["便民设施"].append(["x", 1, 2])
    path = tmp_path / "网点.xlsx"
    book.save(path)
    read, findings = reading(path)
    assert read.frame["name"].tolist() == ["x"]
    assert "网点.xlsx:便利店 (3 rows)" in read.sentence()
    assert [(one.code, one.id) for one in findings] == [("tables.other_sheet", "网点.xlsx:便利店")]
    _, findings = reading(f"{path}:便利店")
    assert not len(findings)  # who names a sheet means that one


def test_formulas_that_were_never_calculated_are_refused(tmp_path):
    book = openpyxl.Workbook()
    book.active.append(["名称", "户数", "备用"])
    book.active.append(["3号楼", "=12*4", "=1+1"])
    path = tmp_path / "台账.xlsx"
    book.save(path)
    with pytest.raises(SourceError, match=r"户数.*1 formulas without a value.*row 2.*Excel or WPS"):
        reading(path)
    assert reading(path, wanted=("name",))[0].frame["name"].tolist() == ["3号楼"]


def test_two_columns_of_one_name_are_asked_about_unless_they_agree(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("名称,户数,户数\nx,1,2\n", encoding="utf-8")
    with pytest.raises(SourceError, match=r"2 different columns.*--column a.csv:户数=households"):
        reading(path)
    assert reading(path, "户数 (2)=households")[0].frame["households"].tolist() == [2.0]
    path.write_text("名称,户数,户数\nx,1,1\n", encoding="utf-8")
    assert reading(path)[0].frame["households"].tolist() == [1.0]


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("便利蜂（卡尔生活馆店）", "便利蜂（卡尔生活馆店）"),
        ("便利蜂(亦庄店)", "便利蜂(亦庄店)"),
        ("便利蜂（亦庄店）13812345678", "便利蜂（亦庄店）"),
        ("便利蜂（13812345678）", "便利蜂"),
        ("便利蜂（电话：0714-5412345）", "便利蜂"),
        ("便利蜂　１２号店", "便利蜂 12号店"),
    ],
)
def test_names_of_branches_keep_their_brackets(tmp_path, written, stored):
    path = tmp_path / "a.csv"
    path.write_text(f"名称,户数\n{written},1\n", encoding="utf-8")
    assert columns.scrubbed(reading(path)[0].frame["name"]).tolist() == [stored]


def test_what_is_not_understood_is_asked_for_by_name(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("某列,联系电话\nx,1\n", encoding="utf-8")
    read, _ = reading(path)
    with pytest.raises(SourceError) as caught:
        columns.need(read, "lon", "rows must be placed")
    assert "--column a.csv:某列=lon" in str(caught.value)
    assert "联系电话" not in str(caught.value)
    with pytest.raises(SourceError, match="has no column “没有”"):
        reading(path, "a.csv:没有=name")
    with pytest.raises(RuleError, match="HEADER=COLUMN"):
        columns.overrides(["名称"])
    with pytest.raises(RuleError, match="did you mean 'name'"):
        columns.overrides(["名称=nmae"])


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"", "is empty"),
        ("a.csv", b"\n\n", "is empty"),
        ("a.csv", "名称,户数\n".encode(), "no record"),
        ("a.csv", b"PK\x03\x04rest", "Excel file"),
        ("a.csv", bytes(range(256)) * 9, "neither UTF-8 nor GB18030"),
        ("a.csv", ('名称,户数\n"x,1\n' + "y,2\n" * 60).encode(), "line 2 opens a quotation mark"),
        ("a.xlsx", b"not a zip", "damaged"),
        ("a.xlsx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "password"),
        ("a.xls", b"x", "Save tables as .xlsx"),
        ("a.shp", b"x", "missing"),
        ("a.gpkg", b"x", "cannot be opened"),
        ("a.geojson", b"{}", "cannot be opened"),
        ("a.parquet", b"x", "not a readable Parquet"),
    ],
)
def test_a_file_that_is_broken_is_one_sentence(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SourceError, match=message) as caught:
        opened(str(tmp_path / name), "buildings")
    assert "\n" not in str(caught.value)


def test_no_such_file(tmp_path):
    with pytest.raises(SourceError, match="no such file"):
        opened(str(tmp_path / "nothing.csv"), "buildings")
    with pytest.raises(SourceError, match="folder"):
        opened(str(tmp_path), "buildings")


@pytest.mark.parametrize("cpg", [None, "UTF-8", "GBK", "936"])
@pytest.mark.parametrize("encoding", ["utf-8", "gbk"])
def test_a_shapefile_is_read_as_what_it_is_whatever_its_cpg_says(tmp_path, encoding, cpg):
    import geopandas as gpd
    import shapely

    names = ["铁山区社区卫生服务站", "紫薇花园三号楼", "矿山路菜市场"]
    frame = gpd.GeoDataFrame({"名称": names, "户数": [1, 2, 3]}, geometry=shapely.points([114.9] * 3, [30.2] * 3), crs=4326)
    path = tmp_path / "a.shp"
    frame.to_file(path, encoding=encoding)
    path.with_suffix(".cpg").unlink()
    if cpg:
        path.with_suffix(".cpg").write_text(cpg)
    read = vectors.read(path, None)
    assert read.frame["名称"].tolist() == names
    assert read.crs == "EPSG:4326"


CELL = st.one_of(
    st.none(),
    st.text(max_size=8),
    st.integers(-9, 10**12).map(str),
    st.sampled_from(
        ["inf", "-inf", "nan", "1e999", "=1+1", '=HYPERLINK("x")', "１２", "3户", "-", "合计", "2021-01-01", "#REF!", '"', "'", "a\nb"]
    ),
)
HEADERS = st.lists(
    st.sampled_from(["名称", "户数", "60岁以上", "楼号", "小区", "经度", "", "户数", "备用", "联系电话"]), min_size=1, max_size=6
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(headers=HEADERS, data=st.data())
def test_mutated_tables_give_a_clear_error_or_every_row(tmp_path, headers, data):
    import csv

    rows = data.draw(st.lists(st.lists(CELL, min_size=len(headers), max_size=len(headers) + 1), min_size=1, max_size=6))
    path = tmp_path / "m.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([headers, *rows])
    findings = Findings()
    try:
        sheet = spreadsheets.read(path, None, "buildings")
        read = columns.understand(sheet, WANTED, (), findings)
    except CircleError:
        return
    lines = {int(line) for line in sheet.line} | {line for line, _ in sheet.set_aside}
    filled = sum(any(cell and cell.strip() for cell in row) for row in rows)
    assert len(lines) >= filled - 2  # the header may have been found lower down: never more than its two rows
    assert len(read.frame) == len(sheet.line)
    for column in ("households", "elderly"):
        if column in read.frame:
            values = read.frame[column].dropna()
            assert np.isfinite(values).all()
            assert (values >= 0).all()


def test_a_long_table(tmp_path):
    path = tmp_path / "big.csv"
    path.write_text("名称,户数\n" + "".join(f"{i}号楼,{i % 90}\n" for i in range(200_000)), encoding="gbk")
    read, findings = reading(path)
    assert len(read.frame) == 200_000
    assert read.frame["households"].sum() == sum(i % 90 for i in range(200_000))
    assert not len(findings)
