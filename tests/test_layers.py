"""The GeoPackage is valid, holds every row, and brings a style that draws each row exactly once."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree as ET

import fake_run
import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pytest
import shapely
from pyogrio.errors import DataLayerError

from circle import schema
from circle.errors import OutputError, SourceError
from circle.publish import layers, qml

SERVICES = ("shop", "market", "bus_stop", "service_centre", "clinic")
PALETTE = ("#2b5c8a", "#9ec9e2", "#f2ead0", "#e58a3c", "#8a2c0d")
HOSTILE = ["=1+1", "'; DROP TABLE buildings; --", '"><script>', "<![CDATA[", "[% @x %]", "a\x00b\x0bc", "😀" * 40_000, ""]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fake_run.write(tmp_path_factory.mktemp("layers") / "run", n=400)


@pytest.fixture(scope="module")
def package(run: Path) -> Path:
    return layers.write(run)


@pytest.fixture
def database(package: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(package)
    yield connection
    connection.close()


def all_styles(database: sqlite3.Connection) -> list[tuple[str, str, ET.Element, bool]]:
    rows = database.execute("select f_table_name, styleName, styleQML, useAsDefault from layer_styles order by id").fetchall()
    return [(table, name, ET.fromstring(xml), bool(default)) for table, name, xml, default in rows]


def drawn_rules(style: ET.Element) -> list[ET.Element]:
    return [rule for rule in style.iter("rule") if rule.get("symbol") is not None]


def test_it_is_a_geopackage_with_the_layers_of_the_run(run: Path, package: Path, database: sqlite3.Connection) -> None:
    assert database.execute("pragma integrity_check").fetchone() == ("ok",)
    assert database.execute("pragma application_id").fetchone() == (int.from_bytes(b"GPKG", "big"),)
    found = dict(pyogrio.list_layers(package))
    assert found == {
        "buildings": "MultiPolygon",
        "facilities": "Point",
        "facility_areas": "MultiPolygon",
        "network": "MultiLineString",
        "zones": "MultiPolygon",
        "background_areas": "MultiPolygon",
        "background_lines": "MultiLineString",
        "layer_styles": None,
    }
    for layer, table in (("buildings", "buildings"), ("facilities", "facilities"), ("network", "edges")):
        info = pyogrio.read_info(package, layer=layer)
        assert info["crs"] == "EPSG:4326"
        assert info["features"] == len(gpd.read_parquet(run / f"{table}.parquet"))
    described = dict(database.execute("select table_name, description from gpkg_contents where data_type = 'features'").fetchall())
    assert "NULL" in described["buildings"]
    assert all("Synthetic data · © OpenStreetMap" in description for description in described.values())


def test_rows_are_as_saved_and_no_path_is_null(run: Path, package: Path) -> None:
    saved, found = gpd.read_parquet(run / "buildings.parquet"), gpd.read_file(package, layer="buildings")
    assert list(found["building"]) == list(saved["building"])
    assert list(found.columns) == list(saved.columns)
    assert found.geometry.geom_equals(saved.geometry, align=False).all()
    nowhere = 0
    for service in SERVICES:
        minutes, verdict = saved[f"minutes_{service}"], saved[f"verdict_{service}"].astype(str)
        nowhere += int(np.isinf(minutes).sum())
        np.testing.assert_array_equal(found[f"minutes_{service}"], minutes.replace(np.inf, np.nan))
        assert (found[f"verdict_{service}"] == verdict).all()
        assert (found[f"fragile_{service}"].astype(bool) == saved[f"fragile_{service}"]).all()
        assert (found.loc[found[f"minutes_{service}"].isna(), f"verdict_{service}"] == "unreachable").all()
    assert nowhere > 0


def test_zones_are_one_row_each(run: Path, package: Path) -> None:
    saved, found = gpd.read_parquet(run / "zones.parquet"), gpd.read_file(package, layer="zones").set_index("zone")
    assert sorted(found.index) == sorted(set(saved["zone"]))
    for row in saved.itertuples():
        service = row.service
        assert found.loc[row.zone, f"gap_{service}"] == row.gap
        assert found.loc[row.zone, f"share_households_met_{service}"] == pytest.approx(row.share_households_met)


def test_facilities_are_points_inside_and_keep_their_areas(run: Path, package: Path) -> None:
    saved, found = gpd.read_parquet(run / "facilities.parquet"), gpd.read_file(package, layer="facilities")
    assert saved.geometry.intersects(found.geometry, align=False).all()
    areas = gpd.read_file(package, layer="facility_areas")
    assert list(areas["facility"]) == list(saved.loc[saved.geom_type == "Polygon", "facility"])


def test_styles_stand_where_qgis_looks_for_them(package: Path, database: sqlite3.Connection) -> None:
    assert database.execute("select data_type from gpkg_contents where table_name = 'layer_styles'").fetchone() == ("attributes",)
    columns = {row[1]: row[2] for row in database.execute("pragma table_info(layer_styles)")}
    named = {"f_table_catalog", "f_table_schema", "f_table_name", "f_geometry_column", "styleName", "styleQML", "styleSLD"}
    assert set(columns) == named | {"id", "useAsDefault", "description", "owner", "ui", "update_time"}
    assert (columns["useAsDefault"], columns["update_time"]) == ("BOOLEAN", "DATETIME")
    # QGIS asks for f_table_schema = '', not for NULL
    assert database.execute("select distinct f_table_catalog, f_table_schema from layer_styles").fetchall() == [("", "")]
    geometry = dict(database.execute("select table_name, column_name from gpkg_geometry_columns").fetchall())
    assert dict(database.execute("select distinct f_table_name, f_geometry_column from layer_styles").fetchall()) == geometry
    defaults = [table for table, _, _, default in all_styles(database) if default]
    assert sorted(defaults) == sorted(geometry)
    names = [name for table, name, _, _ in all_styles(database) if table == "buildings"]
    assert names[0] == "短板数 / Number of gaps"
    assert names[1:] == [f"{zh} / {en}"[:30] for _, zh, en, _ in fake_run.SERVICES.values()]


def test_each_row_is_drawn_by_exactly_one_class(database: sqlite3.Connection) -> None:
    """The rules' expressions are SQL too: the database itself counts what each of them draws."""
    for table, name, style, _ in all_styles(database):
        total = database.execute(f'select count(*) from "{table}"').fetchone()[0]
        classes = [r.get("filter") for r in drawn_rules(style) if r.get("filter") != qml.ELSE and "fragile" not in str(r.get("filter"))]
        assert len(classes) > 1
        hits = " + ".join(f"(CASE WHEN {test} THEN 1 ELSE 0 END)" for test in classes)
        once = database.execute(f'select count(*) from "{table}" where {hits} = 1').fetchone()[0]
        assert once == total, (table, name)


def test_the_outline_of_the_fragile_is_drawn_over_their_class(run: Path, database: sqlite3.Connection) -> None:
    saved = gpd.read_parquet(run / "buildings.parquet")
    style = next(style for table, _, style, default in all_styles(database) if table == "buildings" and default)
    (rule,) = (r for r in drawn_rules(style) if "fragile" in str(r.get("filter")))
    drawn = database.execute(f"select count(*) from buildings where {rule.get('filter')}").fetchone()[0]
    assert drawn == int(saved[[f"fragile_{s}" for s in SERVICES]].any(axis=1).sum()) > 0
    assert len(style.findall("renderer-v2/rules/rule")) == 2  # classes with their own ELSE, and beside them the outline


@pytest.mark.parametrize(
    ("table", "column", "layer"),
    [("buildings", "verdict", "buildings"), ("edges", "access", "network"), ("background", "kind", "background_lines")],
)
def test_every_word_of_the_contract_has_a_rule(table: str, column: str, layer: str, database: sqlite3.Connection) -> None:
    words = next(c.words for c in schema.columns(table) if c.name == column)
    assert len(words) >= 2
    style = next(style for name, _, style, default in all_styles(database) if name == layer and default)
    tests = [str(rule.get("filter")) for rule in drawn_rules(style)]
    for word in words:
        assert any(f"\"{column}\" = '{word}'" in test for test in tests), word
    assert qml.ELSE in tests


def test_columns_of_expressions_exist_and_symbols_are_there(package: Path, database: sqlite3.Connection) -> None:
    for table, name, style, _ in all_styles(database):
        fields = set(pyogrio.read_info(package, layer=table)["fields"])
        used = " ".join(str(rule.get("filter", "")) for rule in style.iter("rule")) + str(
            (style.find(".//text-style") or {}).get("fieldName", "")
        )
        assert set(re.findall(r'"([^"]+)"', used)) <= fields, (table, name)
        assert {alias.get("field") for alias in style.iter("alias")} <= fields, (table, name)
        symbols = {symbol.get("name") for symbol in style.findall("renderer-v2/symbols/symbol")}
        assert {rule.get("symbol") for rule in drawn_rules(style)} == symbols


def test_colours_are_those_of_the_map_and_doubt_is_hatched(database: sqlite3.Connection) -> None:
    chosen = {name: style for table, name, style, _ in all_styles(database) if table == "buildings"}
    style = chosen["便利店 / Convenience shop"]
    symbols = {s.get("name"): s for s in style.findall("renderer-v2/symbols/symbol")}
    colours, kinds = [], {}
    for rule in drawn_rules(style):
        symbol = symbols[rule.get("symbol")]
        kinds[str(rule.get("filter"))] = [layer.get("class") for layer in symbol.findall("layer")]
        red, green, blue, _ = next(o.get("value") for o in symbol.iter("Option") if o.get("name") == "color").split(",")
        colours.append(f"#{int(red):02x}{int(green):02x}{int(blue):02x}")
    assert tuple(colours[:5]) == PALETTE
    assert kinds["\"verdict_shop\" = 'unmapped'"] == ["SimpleFill", "LinePatternFill"]
    assert kinds["\"verdict_shop\" = 'unreachable'"] == ["SimpleFill", "LinePatternFill", "LinePatternFill"]


def test_the_same_run_gives_the_same_bytes(run: Path, package: Path, tmp_path: Path) -> None:
    before = pyogrio.get_gdal_config_option("OGR_CURRENT_DATE")
    assert layers.write(run, tmp_path / "again.gpkg").read_bytes() == package.read_bytes()
    assert pyogrio.get_gdal_config_option("OGR_CURRENT_DATE") == before
    with sqlite3.connect(tmp_path / "again.gpkg") as database:
        assert database.execute("select distinct last_change from gpkg_contents").fetchall() == [("2025-06-01T00:00:00.000Z",)]
    database.close()


def hostile_run(folder: Path) -> Path:
    run = fake_run.write(folder, n=120, hostile=False)
    buildings = gpd.read_parquet(run / "buildings.parquet")
    names = (HOSTILE * len(buildings))[: len(buildings)]
    buildings.assign(name=names, compound=names).to_parquet(run / "buildings.parquet")
    zones = gpd.read_parquet(run / "zones.parquet")
    zones.assign(name=(HOSTILE * len(zones))[: len(zones)], layer="co\"m'pound").to_parquet(run / "zones.parquet")
    record: dict[str, Any] = json.loads((run / "run.json").read_text(encoding="utf-8"))
    record["standard"]["services"][0]["label"] = {"zh": '"/><script>', "en": "]]>\x00&amp;"}
    record["attribution"] = 'it\'s "quoted" \ud800 \x00'
    (run / "run.json").write_text(json.dumps(record), encoding="utf-8")
    return run


def test_hostile_text_is_stored_as_it_is_and_never_reaches_an_expression(tmp_path: Path) -> None:
    run = hostile_run(tmp_path / "run")
    package = layers.write(run)
    found = gpd.read_file(package, layer="buildings")
    assert set(found["name"]) == {text.replace("\x00", "").replace("\x0b", "") for text in HOSTILE}
    with sqlite3.connect(package) as database:
        every = all_styles(database)
        for table, _, style, _ in every:
            for rule in drawn_rules(style):
                if rule.get("filter") != qml.ELSE:
                    database.execute(f'select count(*) from "{table}" where {rule.get("filter")}')
    database.close()
    assert any(rule.get("label") == '"/><script> / ]]>&amp;' for _, _, style, _ in every for rule in style.iter("rule"))
    (zone_style,) = (style for table, name, style, _ in every if table == "zones" and name == "co\"m'pound")
    assert "\"layer\" = 'co\"m''pound' AND " in str(drawn_rules(zone_style)[0].get("filter"))


def test_buildings_that_are_points_keep_a_layer(tmp_path: Path) -> None:
    run = fake_run.write(tmp_path / "run", n=60)
    buildings = gpd.read_parquet(run / "buildings.parquet")
    shapes = buildings.geometry.to_numpy().copy()
    shapes[:7] = shapely.centroid(shapes[:7])
    buildings.set_geometry(gpd.GeoSeries(shapes, crs=4326)).to_parquet(run / "buildings.parquet")
    package = layers.write(run)
    areas, points = gpd.read_file(package, layer="buildings"), gpd.read_file(package, layer="building_points")
    assert list(points["building"]) == list(buildings["building"][:7])
    assert len(areas) + len(points) == 60


def test_runs_without_zones_background_or_facilities(tmp_path: Path) -> None:
    run = fake_run.write(tmp_path / "run", n=60, zones=False)
    (run / "background.parquet").unlink()
    gpd.read_parquet(run / "facilities.parquet").iloc[:0].to_parquet(run / "facilities.parquet")
    found = pd.DataFrame(pyogrio.list_layers(layers.write(run)))[0]
    assert list(found) == ["buildings", "facilities", "network", "layer_styles"]


def test_an_older_package_stays_when_a_new_one_fails(tmp_path: Path) -> None:
    run = fake_run.write(tmp_path / "run", n=60)
    before = layers.write(run).read_bytes()
    with pytest.raises(OutputError, match="cannot be written"):
        layers.write(run, tmp_path / "no" / "such" / "circle.gpkg")
    (run / "edges.parquet").unlink()
    with pytest.raises(SourceError, match=r"holds no edges\.parquet"):
        layers.write(run)
    assert (run / "circle.gpkg").read_bytes() == before
    assert not list(run.glob(".*part*"))


def test_a_full_disk_is_not_the_callers_fault(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object, **__: object) -> None:
        raise DataLayerError("sqlite3_exec(INSERT …) failed: no such table: gpkg_contents")

    monkeypatch.setattr(layers.pyogrio, "write_dataframe", fails)
    with pytest.raises(OutputError, match="no such table") as caught:
        layers.write(run, tmp_path / "x.gpkg")
    assert caught.value.exit_status == 2
    monkeypatch.setattr("circle.publish.saved.shutil.disk_usage", lambda _: SimpleNamespace(free=4096))
    with pytest.raises(OutputError, match="the disk is full") as caught:
        layers.write(run, tmp_path / "x.gpkg")
    assert caught.value.exit_status == 1
    assert list(tmp_path.iterdir()) == []
