"""The planner's lists of facilities and grids of persons over a drawn town: what counts, what does not, and that both are said."""

from __future__ import annotations

import csv
from dataclasses import replace

import geopandas as gpd
import pandas as pd
import pytest
import shapely
from town import Town

from circle.errors import SourceError
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
    assert sorted(out.place.facilities["name"]) == sorted(["正常便利店", "待核便利店", "-便利店"])
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


@pytest.fixture(scope="module")
def grids(town):
    """Two communities along the street, each with grids 1 and 2 of four homes in all; grid 2 of the second is far away from every home."""
    boxes = [(-200, 0, -100, 50), (-100, 0, 0, 50), (0, 0, 250, 50), (600, 0, 700, 50)]
    frame = {"社区": ["甲社区", "甲社区", "乙社区", "乙社区"], "网格": ["第1网格", "第2网格"] * 2, "小区": ["a"] * 4}
    return gpd.GeoDataFrame(frame, geometry=[town._shape(shapely.box(*box)) for box in boxes], crs=4326)


def test_one_number_in_two_communities_is_two_grids_and_the_communities_are_a_layer(town, grids, tmp_path):
    grids.to_file(tmp_path / "网格.geojson")
    out = layers.enrich(town.place(), layers.Layers(zones=(str(tmp_path / "网格.geojson"),)), SERVICES)
    zones = out.place.zones
    assert sorted(zones.loc[zones["layer"] == "grid", "zone"]) == ["乙社区 第1网格", "乙社区 第2网格", "甲社区 第1网格", "甲社区 第2网格"]
    assert sorted(zones.loc[zones["layer"] == "community", "name"]) == ["乙社区", "甲社区"]
    homes = out.place.buildings
    assert homes["zone_grid"].value_counts().to_dict() == {"甲社区 第1网格": 2, "甲社区 第2网格": 2, "乙社区 第1网格": 4}
    assert homes["zone_community"].value_counts().to_dict() == {"甲社区": 4, "乙社区": 4}
    assert out.understood[0]["columns"] == {"grid": "网格", "community": "社区"}
    assert "not used: 小区" in out.sentences[0]  # of what is listed as understood something is made


def test_grids_of_one_community_keep_their_numbers(town, grids, tmp_path):
    grids.iloc[:2].to_file(tmp_path / "网格.geojson")
    zones = layers.enrich(town.place(), layers.Layers(zones=(str(tmp_path / "网格.geojson"),)), SERVICES).place.zones
    assert sorted(zones.loc[zones["layer"] == "grid", "zone"]) == ["第1网格", "第2网格"]


def test_a_ledger_with_one_number_in_two_communities_is_two_grids_too(town, tmp_path):
    path = tmp_path / "台账.csv"
    path.write_text("名称,社区,网格,户数\n1号楼,甲,1,5\n2号楼,乙,1,5\n", encoding="utf-8")
    # each name stands once in the town
    out = layers.enrich(town.place(), layers.Layers(buildings=(str(path),)), SERVICES)
    assert set(out.place.buildings["zone_grid"]) - {""} == {"甲 1", "乙 1"}


def test_rows_whose_service_nobody_asks_for_are_told_and_used_ones_are_counted(town, tmp_path):
    kinds = ["便利店", "餐饮", "药店", "便利店", "火锅飞船"]
    rows = [(f"{kind}{place}", kind, *at) for place, (kind, at) in enumerate(zip(kinds, spots(town, 5), strict=True))]
    out = listed(town, tmp_path / "网点.csv", [("名称", "类别", "经度", "纬度"), *rows, ("空", "便利店", "", "")])
    assert sorted(out.place.facilities["name"]) == ["便利店0", "便利店3"]
    assert out.sentences[0].startswith("网点.csv: 2 of 6 rows used; ")
    assert out.understood[0]["used"] == 2
    told = out.place.findings.counts()
    assert told.get("tables.not_asked", 0) + told.get("tables.unknown_category", 0) == 3
    assert ("tables.not_asked", "网点.csv:4", "药店") in [(one.code, one.id, one.detail) for one in out.place.findings]
    assert told["tables.no_location"] == 1


@pytest.mark.parametrize("separator", [";", "\t"])
def test_decimal_commas_between_semicolons(town, tmp_path, separator):
    rows = [("tienda", "shop", *(f"{value:.6f}".replace(".", ",") for value in at)) for at in spots(town, 3)]
    out = listed(town, tmp_path / "centros.csv", [("name", "type", "lon", "lat"), *rows], separator)
    assert len(out.place.facilities) == 3
    assert "3 of 3 rows used" in out.sentences[0]


def test_a_list_of_which_no_row_has_a_place_is_refused(town, tmp_path):
    rows = [("甲", "便利店", "东一路", "西二路"), ("乙", "便利店", "东一路", "")]
    with pytest.raises(SourceError, match=r"none of its 2 rows can be placed: what stands in 经度, 纬度, such as “东一路”"):
        listed(town, tmp_path / "网点.csv", [("名称", "类别", "经度", "纬度"), *rows])


@pytest.mark.parametrize(
    "text",
    [
        "小区,楼号,单元,房号,家庭人数\n某小区,3号楼,1单元,101,3\n",  # a row for each household
        "名称,户数\n1号楼,\n",  # a column that nobody filled in
        "设施名称,设施类别,经度,纬度\n便利店,便利店,2.0,48.0\n",
    ],
)
def test_a_ledger_that_says_nothing_of_its_buildings_is_refused(town, tmp_path, text):
    path = tmp_path / "住户台账.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SourceError, match=r"住户台账.csv: it names buildings and says nothing of them: none of 户数 .*--facilities"):
        layers.enrich(town.place(), layers.Layers(buildings=(str(path),)), SERVICES)


@pytest.mark.parametrize(("header", "value"), [("人口（人/公顷）", 40.0), ("人口（人/平方公里）", 4000.0), ("人口", 40.0)])
def test_a_grid_of_densities_may_say_so_in_its_header(town, tmp_path, header, value):
    """One cell of 4 ha around all homes: 160 persons, whatever area the header counts them by."""
    cell = town._shape(shapely.box(-200, 0, 200, 100))
    gpd.GeoDataFrame({header: [value]}, geometry=[cell], crs=4326).to_file(tmp_path / "grid.gpkg")
    asked = layers.Layers(population=str(tmp_path / "grid.gpkg"), population_unit="per_ha")
    place = town.place()
    place.buildings["households_by"] = pd.Categorical(
        ["estimate"] * len(place.buildings), categories=["ledger", "flats", "estimate", "none"]
    )
    place.buildings["population"] = 20.0
    told = layers.enrich(place, asked, SERVICES)
    assert told.place.buildings["population"].sum() == pytest.approx(160, rel=1e-3)
    if header != "人口":
        with pytest.raises(SourceError, match="cannot be turned into"):
            layers.enrich(town.place(), replace(asked, population_unit="count"), SERVICES)
