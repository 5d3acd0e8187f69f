"""The planner's lists of facilities over a drawn town: which rows count, which do not, and that both are said."""

from __future__ import annotations

import csv

import pytest
from town import Town

from circle.sources import layers

SERVICES = ["shop", "market", "bus_stop", "service_centre", "clinic"]


@pytest.fixture(scope="module")
def town():
    made = Town(lon=2.0, lat=48.0)  # outside China, where coordinates are what they seem
    made.street((-500, 0), (500, 0))
    for number in range(8):
        made.house(-190 + 50 * number, 10, name=f"{number + 1}号楼")
    return made


def spots(town, count):
    """Longitudes and latitudes of places along the street, far enough from each other not to be one."""
    lon, lat = town.degrees([-480.0 + 70 * number for number in range(count)], [-12.0] * count)
    return list(zip(lon, lat, strict=True))


def listed(town, path, rows, separator=","):
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, delimiter=separator).writerows(rows)
    return layers.enrich(town.place(), layers.Layers(facilities=(str(path),)), SERVICES)


def test_what_is_planned_or_closed_is_not_counted_and_an_unknown_status_is_told(town, tmp_path):
    status = ["规划中", "在建中", "已停业", "歇业", "已撤销", "已拆", "装修中", "正常", "待核", "-"]
    rows = [(f"{word}便利店", "便利店", word, *at) for word, at in zip(status, spots(town, 10), strict=True)]
    out = listed(town, tmp_path / "list.csv", [("名称", "类别", "状态", "经度", "纬度"), *rows])
    assert sorted(out.place.facilities["name"]) == sorted(["正常便利店", "待核便利店", "便利店"])
    assert out.place.findings.counts() == {"tables.not_open": 7, "tables.unknown_status": 1}
    assert [(one.id, one.detail) for one in out.place.findings if one.code == "tables.unknown_status"] == [
        ("list.csv:10", "待核: counted as open")
    ]


def test_a_line_that_is_another_rows_id_and_a_second_list_of_the_same_name(town, tmp_path):
    """Lines 2 and 5 have no id, and another row's id is 2; a list of the same name has the same ids."""
    ids = ["", "7", "8", "", "2", "row-2"]
    rows = [(one, f"第{place}便利店", "便利店", *at) for place, (one, at) in enumerate(zip(ids, spots(town, 6), strict=True))]
    (tmp_path / "b").mkdir()
    for folder, some in ((tmp_path, rows), (tmp_path / "b", [("2", "乙便利店", "便利店", *spots(town, 9)[8])])):
        with (folder / "list.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([("编号", "名称", "类别", "经度", "纬度"), *some])
    both = layers.Layers(facilities=(str(tmp_path / "list.csv"), str(tmp_path / "b" / "list.csv")))
    found = layers.enrich(town.place(), both, SERVICES).place.facilities
    assert dict(zip(found["name"], found["facility"], strict=True)) == {
        "第0便利店": "list/row-row-2", "第1便利店": "list/7", "第2便利店": "list/8", "第3便利店": "list/5", "第4便利店": "list/2",
        "第5便利店": "list/row-2", "乙便利店": "list/2 (2)",
    }  # fmt: skip
