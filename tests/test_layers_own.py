"""The planner's layers over drawn towns: which building a row means, where its households go, what is joined and what is left out."""

from __future__ import annotations

import csv

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from town import Town

from circle import schema, sources, study
from circle.errors import CircleError, Findings, PlaceError, RuleError, SourceError
from circle.sources import layers, ledger, overture, privacy, vectors

SERVICES = ["shop", "market", "bus_stop", "service_centre", "clinic"]


def town():
    """A street; one compound of four named homes, another of two; two homes outside of both; a shop and a clinic."""
    made = Town(lon=2.0, lat=48.0)  # outside China, where coordinates are what they seem
    made.street((-500, 0), (500, 0))
    made.zone("compound", [(-210, 5), (-10, 5), (-10, 90), (-210, 90)], "紫薇花园小区")
    made.zone("compound", [(10, 5), (110, 5), (110, 90), (10, 90)], "矿工新村")
    for number in range(4):
        made.house(-190 + 50 * number, 10, name=f"{number + 1}号楼")
    made.house(30, 10, name="1")
    made.house(80, 10, name="2")
    made.house(300, 10)
    made.house(360, 10, name="老干部楼")
    made.offer("shop", 0, -10)
    made.offer("clinic", 200, -10)
    return made


def enrich(made, findings=None, **words):
    return layers.enrich(made.place(), layers.Layers(**words), SERVICES)


def table(path, rows, encoding="utf-8"):
    with path.open("w", encoding=encoding, newline="") as file:
        csv.writer(file).writerows(rows)
    return str(path)


def by_name(out):
    frame = out.place.buildings
    names = dict(zip(out.place.zones["zone"], out.place.zones["name"], strict=True))
    return {
        (str(names.get(zone, zone)), str(name)): row
        for row, (zone, name) in enumerate(zip(frame["compound"].astype(object), frame["name"], strict=True))
    }


def test_by_number_within_a_compound_whatever_it_is_called(tmp_path):
    spec = table(
        tmp_path / "台账.csv",
        [["小区", "楼号", "户数", "人口"], ["紫薇花园", "三号楼", 48, 100], ["紫薇花园小区", "4#", 36, ""], ["矿工新村", "1栋", 20, 44]],
    )
    out = enrich(town(), buildings=(spec,))
    frame, at = out.place.buildings, by_name(out)
    rows = [at["紫薇花园小区", "3号楼"], at["紫薇花园小区", "4号楼"], at["矿工新村", "1"]]
    assert frame["households"].iloc[rows].tolist() == [48, 36, 20]
    assert frame["population"].iloc[rows].tolist() == [100, pytest.approx(36 * 2.62), 44]
    assert (frame["households_by"].iloc[rows] == "ledger").all()
    assert (frame["households_by"] == "ledger").sum() == 3
    assert not out.place.findings.counts()


def test_a_row_of_a_whole_compound_is_shared_and_its_sum_is_kept(tmp_path):
    spec = table(tmp_path / "小区.csv", [["小区名称", "总户数", "60岁以上"], ["紫薇花园", 402, 80], ["查无此小区", 7, 1]])
    out = enrich(town(), buildings=(spec,))
    frame = out.place.buildings
    inside = frame["households_by"] == "ledger"
    assert inside.sum() == 4
    assert frame.loc[inside, "households"].sum() == pytest.approx(402)
    assert frame.loc[inside, "elderly"].sum() == pytest.approx(80)
    assert [one.id for one in out.place.findings] == ["小区.csv:3"]


def test_several_rows_of_one_building_add_up(tmp_path):
    spec = table(tmp_path / "单元.csv", [["小区", "楼号", "单元", "户数"], *[["紫薇花园", "2号楼", unit, 12] for unit in (1, 2, 3)]])
    out = enrich(town(), buildings=(spec,))
    assert out.place.buildings["households"].iloc[by_name(out)["紫薇花园小区", "2号楼"]] == 36


def test_by_name_id_and_location(tmp_path):
    made = town()
    ids = made.place().buildings["building"].tolist()
    lon, lat = made.degrees([301.0], [12.0])
    rows = [
        ["id", "名称", "lon", "lat", "户数"],
        ["", "老干部楼", "", "", 9],
        [ids[0].split("/")[1], "", "", "", 11],
        ["", "", lon[0], lat[0], 13],
        ["", "老干楼", "", "", 1],
    ]
    rows[2][0] = f"w{ids[0].split('/')[1]}"
    out = enrich(made, buildings=(table(tmp_path / "a.csv", rows),))
    assert {9, 11, 13} <= set(out.place.buildings["households"])
    assert out.place.findings.counts() == {"tables.unknown_building": 1}


def test_outlines_are_joined_or_added(tmp_path):
    made = town()
    place = made.place()
    own = place.buildings.iloc[[0]].geometry.tolist()
    new = made._shape(shapely.box(420, 10, 440, 25))
    frame = gpd.GeoDataFrame(
        {"户数": [33, 44], "层数": [5, 6], "用途": ["住宅", "住宅"], "姓名": ["王小明"] * 2}, geometry=[*own, new], crs=4326
    )
    frame.to_file(tmp_path / "楼.gpkg")
    out = enrich(made, buildings=(str(tmp_path / "楼.gpkg"),))
    table_ = out.place.buildings.set_index("building")
    assert len(table_) == len(place.buildings) + 1
    assert table_.loc[place.buildings["building"].iloc[0], "households"] == 33
    assert table_.loc["楼/2", ["households", "levels", "residential", "households_by"]].tolist() == [44, 6, True, "ledger"]
    assert out.place.findings.counts() == {"tables.added_building": 1}
    assert list(out.place.buildings["building"]) == sorted(out.place.buildings["building"])


def test_an_outline_of_no_use_is_a_home_by_its_size_or_by_the_ledger(tmp_path):
    made = town()
    shapes = [made._shape(shapely.box(x, 10, x + 60, y)) for x, y in ((420, 50), (520, 60), (620, 60))]  # 2,400 m², and twice 3,000 m²
    gpd.GeoDataFrame({"户数": [None, None, 80]}, geometry=shapes, crs=4326).to_file(tmp_path / "楼.gpkg")
    added = enrich(made, buildings=(str(tmp_path / "楼.gpkg"),)).place.buildings.set_index("building").loc[["楼/1", "楼/2", "楼/3"]]
    assert added[["residential", "residential_by"]].to_numpy().tolist() == [[True, "assumed"], [False, "assumed"], [True, "ledger"]]
    assert added["households"].tolist()[1:] == [0, 80]


def test_facilities_by_word_code_and_column_and_what_is_not_counted(tmp_path):
    made = town()
    lon, lat = made.degrees(np.array([50.0, 80, 110, 140, 170, 199, 260, 99_000]), np.full(8, -12.0))
    kinds = ["便利店", "农贸市场", "购物服务;便民商店/便利店;便利店", "火锅", "便利店", "社区卫生服务站", "诊所", "便利店"]
    names = ["甲便利店", "乙农贸市场", "丙便利店", "丁火锅", "戊便利店", "铁山社区卫生服务站", "牙科诊所", "远便利店"]
    status = ["正常", "", "", "", "在建", "", "", ""]
    rows = [["名称", "类别", "经度", "纬度", "状态"], *zip(names, kinds, lon, lat, status, strict=True)]
    out = enrich(made, facilities=(table(tmp_path / "设施.csv", rows),))
    mine = out.place.facilities[out.place.facilities["source"] != "osm"]
    assert sorted(zip(mine["service"], mine["name"], strict=True)) == [
        ("clinic", "铁山社区卫生服务站"),
        ("market", "乙农贸市场"),
        ("shop", "丙便利店"),
        ("shop", "甲便利店"),
    ]
    clinic = mine[mine["service"] == "clinic"].iloc[0]
    assert clinic["source"] == "osm; 设施.csv"  # the map's clinic has no name and stands a metre or two away
    assert clinic["facility"].startswith("node/")
    assert clinic["merged"] == "设施/7"
    assert out.place.findings.counts() == {
        "sources.merged_facility": 1,
        "tables.not_asked": 1,  # a dentist is no clinic
        "tables.not_open": 1,
        "tables.outside": 1,
        "tables.unknown_category": 1,
    }
    replaced = enrich(made, facilities=(str(tmp_path / "设施.csv"),), facilities_mode=("clinic=replace",))
    assert (replaced.place.facilities.query("service == 'clinic'")["source"] == "设施.csv").all()
    assert (replaced.place.facilities.query("service == 'shop'")["source"] == "osm").any()
    with pytest.raises(RuleError, match="no service “clinik”; did you mean 'clinic'"):
        enrich(made, facilities=(str(tmp_path / "设施.csv"),), facilities_mode=("clinik=replace",))


def test_facilities_without_coordinates_stand_in_the_building_that_they_name(tmp_path):
    spec = table(
        tmp_path / "设施.csv",
        [["名称", "服务", "小区", "楼号"], ["驿站", "clinic、shop", "紫薇花园", "2号楼"], ["无处", "shop", "某小区", "9"]],
    )
    out = enrich(town(), facilities=(spec,))
    mine = out.place.facilities[out.place.facilities["source"] == "设施.csv"]
    assert mine["service"].tolist() == ["clinic", "shop"]
    home = out.place.buildings.geometry.iloc[by_name(out)["紫薇花园小区", "2号楼"]]
    assert all(shape.equals(home) for shape in mine.geometry)
    assert out.place.findings.counts() == {"tables.no_location": 1}


def test_a_list_that_cannot_be_placed_or_told_asks(tmp_path):
    with pytest.raises(SourceError, match=r"none of its rows can be placed.*--column a.csv:名称=lon"):
        enrich(town(), facilities=(table(tmp_path / "a.csv", [["名称", "类别"], ["甲便利店", "便利店"]]),))
    lon, lat = town().degrees([50.0], [-12.0])
    with pytest.raises(SourceError, match=r"--column 甲.csv:名称=type"):
        enrich(town(), facilities=(table(tmp_path / "甲.csv", [["名称", "经度", "纬度"], ["某某", lon[0], lat[0]]]),))
    with pytest.raises(SourceError, match="one coordinate of two"):
        enrich(town(), facilities=(table(tmp_path / "b.csv", [["名称", "经度"], ["某某", lon[0]]]),))


def test_zones_by_polygon_and_by_table(tmp_path):
    made = town()
    grids = gpd.GeoDataFrame(
        {"网格号": ["1", "2"]}, geometry=[made._shape(shapely.box(-250, -50, 0, 200)), made._shape(shapely.box(0, -50, 600, 200))], crs=4326
    )
    grids.to_file(tmp_path / "网格.gpkg")
    spec = table(tmp_path / "社区.csv", [["社区", "小区"], ["矿山路社区", "紫薇花园"], ["铁山社区", "矿工新村"]])
    out = enrich(made, zones=(str(tmp_path / "网格.gpkg"), spec))
    frame = out.place.buildings
    assert frame["zone_grid"].value_counts().to_dict() == {"1": 4, "2": 4}
    assert frame["zone_community"].value_counts().to_dict() == {"矿山路社区": 4, "铁山社区": 2, "": 2}
    assert set(out.place.zones["layer"]) == {"compound", "grid", "community"}


def test_boundary_limits_who_is_counted_and_not_where_they_walk(tmp_path):
    made = town()
    shape = gpd.GeoDataFrame({"id": [1]}, geometry=[made._shape(shapely.box(-250, -50, 0, 200))], crs=4326)
    shape.to_file(tmp_path / "范围.gpkg")
    out = enrich(made, boundary=str(tmp_path / "范围.gpkg"))
    assert len(out.place.buildings) == 4
    assert len(out.place.facilities) == 2
    assert out.place.findings.counts() == {"tables.outside_boundary": 1}
    assert out.boundary is not None


def test_gates_by_id(tmp_path):
    spec = table(
        tmp_path / "门.csv",
        [["编号", "通行", "开放时间"], ["101", "刷卡", "6-22"], ["node/7", "全天开放", ""], ["8", "封闭", ""], ["9", "不知道", ""]],
    )
    findings = Findings()
    found, readings = layers.passages(layers.Layers(gates=(spec,)), findings)
    assert found == {"node/101": "residents", "node/7": "all", "node/8": "nobody"}
    assert findings.counts() == {"tables.odd_value": 1}
    assert len(readings) == 1
    made = town()
    gate = made.node(0, 0, barrier="gate")
    known = table(tmp_path / "gates.csv", [["id", "passage"], [f"node/{gate}", "residents"], ["node/7", "open"]])
    out = enrich(made, gates=(known,))
    assert out.gates == {f"node/{gate}": "residents"}
    assert out.place.findings.counts() == {"tables.no_such_gate": 1}
    assert out.place.enclosure.gates[["passage", "decided_by"]].to_numpy().tolist() == [["residents", "planner"]]


def test_a_gate_that_the_planner_shuts_is_walked_round(tmp_path):
    """100 m along the street, or 300 m round once the gate in it is shut; for residents of nothing it is shut as well."""
    made = Town()
    gate = made.node(50, 0, barrier="gate")
    made.street((-50, 0), (0, 0), gate, (100, 0), (150, 0))
    made.street((0, 0), (0, 100), (100, 100), (100, 0))
    house = made.house(-40, 6, size=2)
    made.offer("shop", 140, 6)
    made.write(tmp_path / "town.osm")
    for word, metres in (("open", 100), ("closed", 300)):
        spec = table(tmp_path / f"{word}.csv", [["id", "passage"], [f"node/{gate}", word]])
        run = study.run(tmp_path / "town.osm", gates=(spec,))
        minutes = run.buildings.set_index("building")["minutes_shop"][house]
        assert minutes * 60 == pytest.approx((6 + 40 + metres + 40 + 6) / 1.2, abs=0.05)  # a file rounds to a centimetre
        assert run.gates["decided_by"].tolist() == ["planner"]


@pytest.mark.parametrize("unit", ["count", "per_ha"])
def test_persons_of_a_grid_go_to_the_homes_in_each_cell(tmp_path, unit):
    made = town()
    cells = [
        made._shape(shapely.box(-250, 0, 0, 100)),
        made._shape(shapely.box(0, 0, 250, 100)),
        made._shape(shapely.box(-500, 100, -250, 200)),
    ]
    value = [100.0, 60.0, 5.0] if unit == "count" else [40.0, 24.0, 2.0]  # each cell has 2.5 ha
    gpd.GeoDataFrame({"population": value}, geometry=cells, crs=4326).to_file(tmp_path / "pop.gpkg")
    out = enrich(made, population=str(tmp_path / "pop.gpkg"), population_unit=unit)
    frame = out.place.buildings
    by = frame[frame["households_by"] == "raster"]
    assert len(by) == 0  # every home of a sketch says its flats, and those are believed first
    bare = made.place()
    bare.buildings["households_by"] = pd.Categorical(["estimate"] * len(bare.buildings), categories=["ledger", "flats", "estimate", "none"])
    bare.buildings["households"], bare.buildings["population"] = 10.0, 26.2
    frame = layers.enrich(bare, layers.Layers(population=str(tmp_path / "pop.gpkg"), population_unit=unit), SERVICES).place.buildings
    assert (frame["households_by"] == "raster").sum() == 6
    assert frame.loc[frame["households_by"] == "raster", "population"].sum() == pytest.approx(160, rel=1e-3)
    assert (frame.loc[frame["households_by"] == "estimate", "population"] == 26.2).all()
    assert bare.findings.counts() == {"tables.people_without_buildings": 1}


def test_a_unit_that_cannot_be_is_refused_and_one_must_be_said(tmp_path):
    made = town()
    cell = made._shape(shapely.box(-250, 0, 0, 100))
    gpd.GeoDataFrame({"population": [9000.0]}, geometry=[cell], crs=4326).to_file(tmp_path / "pop.gpkg")
    with pytest.raises(PlaceError, match=r"read as per_ha it puts 22,5\d\d persons.*--population-unit count"):
        enrich(made, population=str(tmp_path / "pop.gpkg"), population_unit="per_ha")
    with pytest.raises(RuleError, match="--population-unit count"):
        enrich(made, population=str(tmp_path / "pop.gpkg"))


@pytest.mark.parametrize("unit", ["count", "per_ha"])
def test_a_raster_of_persons(tmp_path, unit):
    rasterio = pytest.importorskip("rasterio")
    made = town()
    place = made.place()
    place.buildings["households_by"] = pd.Categorical(
        ["estimate"] * len(place.buildings), categories=["ledger", "flats", "estimate", "none"]
    )
    place.buildings["households"], place.buildings["population"] = 10.0, 26.2
    west, south = (float(v[0]) for v in made.degrees([-250.0], [0.0]))
    values = np.array([[50.0, 30.0, -9999.0]], dtype="float32")
    transform = rasterio.transform.from_origin(west, south + 0.002, 0.003361, 0.002)
    with rasterio.open(
        tmp_path / "p.tif",
        "w",
        driver="GTiff",
        height=1,
        width=3,
        count=1,
        dtype="float32",
        crs="EPSG:4326",
        transform=transform,
        nodata=-9999,
    ) as file:
        file.write(values, 1)
    out = layers.enrich(place, layers.Layers(population=str(tmp_path / "p.tif"), population_unit=unit), SERVICES)
    hectares = 1.0 if unit == "count" else 0.003361 * 111_320 * np.cos(np.radians(48)) * 0.002 * 110_574 / 10_000
    raster = out.place.buildings[out.place.buildings["households_by"] == "raster"]
    assert raster["population"].sum() == pytest.approx(80 * hectares, rel=0.01)


@pytest.mark.parametrize("schema_", ["new", "old"])
def test_overture_places_and_buildings(tmp_path, schema_):
    made = town()
    lon, lat = made.degrees([60.0, 90.0], [-12.0, -12.0])
    frame = gpd.GeoDataFrame(
        {"id": ["a", "b"], "names": [{"primary": "Corner"}, {"primary": "Dr. May"}], "confidence": [0.9, 0.8]},
        geometry=shapely.points(lon, lat),
        crs=4326,
    )
    if schema_ == "new":
        frame["basic_category"] = ["convenience_store", None]
        frame["taxonomy"] = [None, {"primary": "public_health_clinic", "hierarchy": ["health_care"]}]
    else:
        frame["categories"] = [{"primary": "convenience_store", "alternate": []}, {"primary": "public_health_clinic", "alternate": []}]
    frame.to_parquet(tmp_path / "places.parquet")
    out = enrich(made, facilities=(str(tmp_path / "places.parquet"),))
    mine = out.place.facilities[out.place.facilities["source"] == "places.parquet"]
    assert sorted(zip(mine["facility"], mine["service"], mine["name"], strict=True)) == [
        ("places/a", "shop", "Corner"),
        ("places/b", "clinic", "Dr. May"),
    ]
    outline = made._shape(shapely.box(420, 10, 440, 25))
    houses = gpd.GeoDataFrame(
        {
            "id": ["g"],
            "names": [{"primary": "Tower"}],
            "sources": [[{"dataset": "x"}]],
            "subtype": ["residential"],
            "class": ["apartments"],
            "num_floors": [7],
            "height": [None],
        },
        geometry=[outline],
        crs=4326,
    )
    houses.to_parquet(tmp_path / "buildings.parquet")
    flat = overture.flattened(vectors.read(tmp_path / "buildings.parquet", None))
    assert flat.frame.iloc[0].to_dict() == {"id": "g", "name": "Tower", "use": "apartments", "num_floors": 7, "height": None}
    added = enrich(made, buildings=(str(tmp_path / "buildings.parquet"),)).place.buildings.set_index("building").loc["buildings/g"]
    assert added[["levels", "residential", "name"]].tolist() == [7, True, "Tower"]


NUMBERS = st.lists(
    st.tuples(st.sampled_from(["1号楼", "2号楼", "3号楼", "9号楼", ""]), st.sampled_from(["", "12", "-1", "inf", "x", "0"])),
    min_size=1,
    max_size=8,
)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=NUMBERS)
def test_no_ledger_loses_a_building_or_a_row(tmp_path, rows):
    made = town()
    spec = table(tmp_path / "h.csv", [["小区", "楼号", "户数"], *[["紫薇花园", *row] for row in rows]])
    before = made.place().buildings
    try:
        out = enrich(made, buildings=(spec,))
    except CircleError:
        return
    frame = out.place.buildings
    assert frame["building"].tolist() == before["building"].tolist()
    assert np.isfinite(frame[["households", "population"]]).all(axis=None)
    assert (frame["households"] >= 0).all()
    odd = {one.id for one in out.place.findings if one.code == "tables.unknown_building"}
    assert odd == {f"h.csv:{line}" for line, row in enumerate(rows, start=2) if row[0] == "9号楼"}


ODD = st.one_of(
    st.none(),
    st.text(max_size=6),
    st.floats(allow_nan=True, allow_infinity=True),
    st.sampled_from(["48.0001", "2.0005", "48°0′1″", "东经2度", "=A1", "#REF!", "shop", "便利店", "诊所", "inf", "2.0003,48.0", "合计"]),
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.tuples(ODD, ODD, ODD, ODD), min_size=1, max_size=6), excel=st.booleans())
def test_no_list_of_facilities_loses_a_row_without_a_word(tmp_path, rows, excel):
    import openpyxl

    made = town()
    head = ["名称", "类别", "经度", "纬度"]
    texts = [[None if cell is None else "".join(c for c in str(cell) if c.isprintable()) for cell in row] for row in rows]
    if excel:
        book = openpyxl.Workbook()
        for row in [head, *texts]:
            book.active.append([None if cell == "" else cell for cell in row])
        path = tmp_path / "f.xlsx"
        book.save(path)
    else:
        path = tmp_path / "f.csv"
        table(path, [head, *texts])
    before = made.place().facilities
    try:
        out = enrich(made, facilities=(str(path),))
    except CircleError as trouble:
        told = str(trouble)
    else:
        told = ""
        facilities = out.place.facilities
        assert set(before["facility"]) <= set(facilities["facility"])
        assert facilities["facility"].notna().all()
        assert np.isfinite(shapely.bounds(facilities.geometry.to_numpy())).all()
        assert (
            out.understood[0]["rows"] + out.understood[0]["set_aside"]
            >= sum(any(cell and cell.strip() for cell in row) for row in texts) - 1
        )
    assert "\n" not in told


def test_a_run_with_layers_is_as_declared_and_withholds_when_public(tmp_path):
    import circle

    made = town()
    source = made.write(tmp_path / "town.osm")
    spec = table(tmp_path / "台账.csv", [["小区", "楼号", "户数", "60岁以上"], ["紫薇花园", "1号楼", 3, 2], ["紫薇花园", "2号楼", 40, 4]])
    run = circle.run(source, buildings=(spec,), public=True)
    assert schema.check(run.buildings, "buildings", SERVICES, ()) is run.buildings
    ledgered = run.buildings[run.buildings["households_by"].isin(["ledger", "withheld"])].sort_values("name")
    assert np.isnan(ledgered["households"].iloc[0])
    assert ledgered["households"].iloc[-1] in (40.0,) or 40.0 in ledgered["households"].tolist()
    assert np.isnan(ledgered["elderly"]).all()
    again = circle.run(source, buildings=(spec,), public=True)
    assert again.buildings.equals(run.buildings)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0, 30), min_size=1, max_size=9))
def test_nothing_below_five_can_be_told_from_what_is_published(households):
    frame = pd.DataFrame(
        {
            "households": households,
            "population": [2.0 * h for h in households],
            "elderly": np.nan,
            "households_by": pd.Categorical(["ledger"] * len(households)),
        }
    )
    blurred, out = privacy.blurred(frame), privacy.withheld(frame, frame)
    few = (frame["households"] > 0) & (frame["households"] < 5)
    assert out["households"].isna().equals(few)
    assert (blurred["households"][few] == 2.5).all()
    assert blurred["households"][~few].equals(frame["households"][~few])
    other = frame.assign(households=np.where(few, 1.0, frame["households"]), population=np.where(few, 2.0, frame["population"]))
    assert privacy.blurred(other)["households"].equals(blurred["households"])  # no total tells them apart


def test_swapped_columns_and_pairs_name_the_option_that_mends_them(tmp_path):
    made = town()
    lon, lat = made.degrees([50.0, 120.0], [-12.0, -12.0])
    spec = table(tmp_path / "a.csv", [["服务", "经度", "纬度"], *[["shop", y, x] for x, y in zip(lon, lat, strict=True)]])
    with pytest.raises(PlaceError, match=r"columns swapped.*--column a\.csv:经度=lat --column a\.csv:纬度=lon"):
        enrich(made, facilities=(spec,))
    out = enrich(made, facilities=(spec,), column=("a.csv:经度=lat", "a.csv:纬度=lon"))
    assert (out.place.facilities["source"] == "a.csv").sum() == 2
    spec = table(tmp_path / "b.csv", [["服务", "坐标"], *[["shop", f"{y},{x}"] for x, y in zip(lon, lat, strict=True)]])
    with pytest.raises(PlaceError, match=r"--column b\.csv:坐标=latlng"):
        enrich(made, facilities=(spec,))
    assert len(enrich(made, facilities=(spec,), column=("坐标=latlng",)).place.facilities) == 4


def test_number_words():
    assert [ledger.number(text) for text in ("三十二栋", "十楼", "第5幢", "B座", "12-1号楼", "007#")] == ["32", "10", "5", "", "12-1", "7"]


def test_the_helsinki_grid_counts_its_people(test_data):
    place = sources.read(test_data / "osm" / "helsinki_centre_2019.osm.pbf", ["shop"])
    spec = str(test_data / "other" / "helsinki_population_grid_2020.gpkg")
    out = layers.enrich(place, layers.Layers(population=spec, population_unit="count"), ["shop"])
    assert out.understood[0]["persons"] > 5000
    assert (out.place.buildings["households_by"] == "raster").sum() > 200


def test_a_boundary_may_be_wider_than_the_map(tmp_path):
    """A district's outline round an extract of a part of it: none of its corners lies on the map, and everybody counts."""
    made = town()
    for name, box in (("区", (-90_000, -90_000, 90_000, 90_000)), ("别处", (50_000, 50_000, 60_000, 60_000))):
        gpd.GeoDataFrame({"id": [1]}, geometry=[made._shape(shapely.box(*box))], crs=4326).to_file(tmp_path / f"{name}.gpkg")
    assert len(enrich(made, boundary=str(tmp_path / "区.gpkg")).place.buildings) == len(made.homes)
    with pytest.raises(PlaceError, match="none of its 5 points lies in the place"):
        enrich(made, boundary=str(tmp_path / "别处.gpkg"))
