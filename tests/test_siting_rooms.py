"""A planner's table of rooms and plots: read as all his tables are; bad rows are told and not used."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from commands import one

import circle
from circle import siting
from circle.errors import CircleError, Findings
from circle.sources import coordinates

KUANGSHAN = Path(__file__).resolve().parent.parent / "data" / "kuangshan" / "kuangshan.osm.pbf"


@pytest.fixture(scope="module")
def run():
    return circle.run(KUANGSHAN)


@pytest.fixture(scope="module")
def ground(run):
    return siting.on(run)


def homes(ground: siting.Ground, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Places beside houses."""
    spots = ground.buildings.geometry.representative_point()
    return spots.x.to_numpy()[:count], spots.y.to_numpy()[:count]


@pytest.mark.parametrize("kind", ["csv", "xlsx", "geojson"])
def test_chinese_headers_in_any_format(ground, tmp_path, kind):
    lon, lat = homes(ground, 3)
    columns = {
        "备选点编号": ["A", "B", "C"],
        "名称": ["车棚", "门房 13812345678", "空地"],
        "经度": lon,
        "纬度": lat,
        "造价（元）": [50000, 80000, None],
        "使用面积（㎡）": [40, 60, None],
        "服务": ["卫生站、service_centre", "", "clinic"],
        "必选": ["是", "", "否"],
        "禁用": ["", "是", ""],
    }
    frame = pd.DataFrame(columns)
    path = tmp_path / f"备选.{kind}"
    if kind == "csv":
        path.write_bytes(frame.to_csv(index=False).encode("gb18030"))
    elif kind == "xlsx":
        frame.to_excel(path, index=False)
    else:
        import geopandas as gpd

        plain = frame.drop(columns=["经度", "纬度"])
        gpd.GeoDataFrame(plain, geometry=gpd.points_from_xy(lon, lat), crs="EPSG:4326").to_file(path, driver="GeoJSON")
    table = siting.read(path, ground)
    assert table["candidate"].tolist() == ["A", "B", "C"]
    assert table["name"].tolist() == ["车棚", "门房", "空地"]
    assert table["cost"].tolist() == [50000, 80000, 200000]
    assert table["area_m2"].tolist() == [40, 60, np.inf]
    assert table["services"].tolist() == ["clinic service_centre", "", "clinic"]
    assert table["required"].tolist() == [True, False, False]
    assert table["forbidden"].tolist() == [False, True, False]
    assert np.allclose(table.geometry.x, lon, atol=1e-6)
    assert len(siting.tied(ground, table)) == 3


def test_coordinates_of_chinese_maps_are_moved_when_they_are_named(ground, tmp_path):
    lon, lat = homes(ground, 60)
    away = coordinates.wgs_to_gcj(lon, lat)
    path = tmp_path / "rooms.csv"
    pd.DataFrame({"经度": away[0], "纬度": away[1]}).to_csv(path, index=False)
    table = siting.read(path, ground, crs="GCJ-02")
    assert np.abs(table.geometry.x.to_numpy() - lon).max() * 111_000 < 1


def test_bad_rows_are_findings_with_reasons(ground, tmp_path):
    (a, b), (c, d) = (each.tolist() for each in homes(ground, 2))
    path = tmp_path / "rooms.csv"
    rows = [f"good,{a},{c},,1", "far,114.9,31.9,,1", "nowhere,,,,1", f"smith,{b},{d},铁匠铺,1", f"dear,{b},{d},,dear"]
    path.write_text("\n".join(["id,lon,lat,services,cost", *rows]), encoding="utf-8")
    findings = Findings()
    table = siting.read(path, ground, findings=findings)
    assert table["candidate"].tolist() == ["good", "dear"]
    said = {(one.code, one.id) for one in findings.items}
    assert said == {
        ("tables.outside", "rooms.csv:3"), ("tables.no_location", "rooms.csv:4"), ("tables.unknown_category", "rooms.csv:5"),
        ("tables.odd_value", "rooms.csv:6"), ("tables.usual_cost", "rooms.csv:6"),
    }  # fmt: skip


def test_costs_in_millions_and_in_tens_of_thousands_are_kept_and_a_missing_one_is_said(ground, tmp_path):
    lon, lat = homes(ground, 3)
    for header, cost, said in (("造价", [1_200_000, 30_000_000, None], ""), ("造价（万元）", [120, 3000, None], "cost ×10,000")):
        path = tmp_path / "备选.csv"
        pd.DataFrame({"经度": lon, "纬度": lat, header: cost, "使用面积（公顷）": [0.01, 200, 1]}).to_csv(path, index=False)
        findings, sentences = Findings(), []
        table = siting.read(path, ground, findings=findings, sentences=sentences)
        assert table["cost"].tolist() == [1_200_000, 30_000_000, 200_000]
        assert table["area_m2"].tolist() == [100, 2_000_000, 10_000]
        assert said in sentences[0]
        assert [(one.code, one.id) for one in findings] == [("tables.usual_cost", "备选.csv:4")]
        assert "200,000" in findings.items[0].detail


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("name,lon,lat\na,114.9,31.9\n", "rooms.csv"),
        ("name,what\na,1\n", "rooms.csv"),
        ("id,lon,lat\na,{x},{y}\na,{x},{y}\n", "stands there twice"),
        ("id,lon,lat,services\na,{x},{y},铁匠铺\n", "none of its 1 rows can be used"),
    ],
)
def test_tables_of_no_use_are_refused_in_a_sentence(ground, tmp_path, text, says):
    lon, lat = homes(ground, 1)
    path = tmp_path / "rooms.csv"
    path.write_text(text.format(x=lon[0], y=lat[0]), encoding="utf-8")
    with pytest.raises(CircleError, match=says):
        siting.read(path, ground)


def test_the_command_tells_the_rows_that_it_does_not_use(run, tmp_path):
    folder = run.save(tmp_path / "run", published=False).folder
    lon, lat = homes(siting.on(run), 2)
    rows = [f"good,{lon[0]},{lat[0]},5", f"also,{lon[1]},{lat[1]},", "far,114.9,31.9,1"]
    (tmp_path / "rooms.csv").write_text("\n".join(["id,lon,lat,造价（万元）", *rows]), encoding="utf-8")
    said = one("site", str(folder), "-s", "clinic", "-k", "1", "--candidates", str(tmp_path / "rooms.csv"), "--no-map")
    assert said.status == 0, said.err
    words = " ".join(said.err.split())
    assert "rooms.csv:4: a candidate where the map has no data" in words
    assert "rooms.csv:3: no cost that can be read: taken as 200,000" in words
    assert "造价（万元）=cost ×10,000" in words
