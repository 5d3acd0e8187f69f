"""Columns declared once: the declarations are sound, and a frame that breaks one is refused with table, column and row."""

from __future__ import annotations

import csv
import time

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from circle import schema
from circle.errors import SchemaError

SERVICES = ("shop", "market", "bus_stop", "service_centre", "clinic")


def sample(column: schema.Column, rows: int) -> object:
    """A lawful column of a declared kind."""
    low, high = column.bounds
    if column.type == "string":
        return pd.array([f"way/{n}" if column.unique else "矿一路" for n in range(rows)], dtype="str")
    if column.type == "category":
        return pd.Categorical([column.words[0] if column.words else "x"] * rows)
    if column.type == "float":
        return np.full(rows, low or (high if high is not None and np.isfinite(high) else 0.0))
    if column.type == "int":
        return np.arange(rows) if column.unique else np.zeros(rows, dtype=np.int64)
    return np.zeros(rows, dtype=bool) if column.type == "bool" else gpd.array.from_shapely(shapely.points(np.zeros((rows, 2))), crs=4326)


def lawful(table: str, rows: int = 4, layers: tuple[str, ...] = ("grid",)) -> pd.DataFrame:
    return pd.DataFrame({c.name: sample(c, rows) for c in schema.expand(table, SERVICES, layers)})


@pytest.mark.parametrize("table", schema.tables())
def test_declarations_are_sound(table):
    found = schema.columns(table)
    names = [c.name for c in found]
    assert len(names) == len(set(names))
    for column in found:
        assert column.meaning
        assert column.unit
        assert column.stage in ("sources", "network", "linkage", "access", "gaps", "siting", "compare", "errors"), column.name
    with (schema.TABLES / f"{table}.csv").open(encoding="utf-8", newline="") as file:
        assert len(list(csv.reader(file))) == len(found) + 1


@pytest.mark.parametrize("table", schema.tables())
def test_a_lawful_frame_passes_and_is_returned_itself(table):
    frame = lawful(table)
    before = frame.copy(deep=True)
    assert schema.check(frame, table, SERVICES, ("grid",)) is frame
    pd.testing.assert_frame_equal(frame, before)
    frame["more"] = 1
    assert schema.check(frame, table, SERVICES, ("grid",)) is frame


@pytest.mark.parametrize("table", schema.tables())
def test_an_empty_frame_passes(table):
    schema.check(lawful(table, rows=0), table, SERVICES, ("grid",))


def test_expand_puts_services_and_layers_into_names():
    names = [c.name for c in schema.expand("buildings", ["shop", "clinic"], ["grid", "community"])]
    assert "minutes_shop" in names
    assert "minutes_clinic" in names
    assert "zone_grid" in names
    assert "zone_community" in names
    assert not any("{" in name for name in names)
    assert [n for n in names if n.startswith("minutes_")] == ["minutes_shop", "minutes_clinic"]
    assert not [c.name for c in schema.expand("buildings") if c.name.startswith(("minutes_", "zone_"))]


def test_bounds_and_words():
    by_name = {c.name: c for c in schema.columns("buildings")}
    assert by_name["minutes_{service}"].bounds == (0.0, float("inf"))
    assert by_name["area_m2"].bounds == (0.0, None)
    assert by_name["verdict"].words == ("met", "gap", "unreachable", "unmapped")
    assert by_name["reason_{service}"].words[0] == ""
    assert by_name["building"].unique
    assert by_name["levels"].may_be_missing
    assert not by_name["minutes_{service}"].may_be_missing
    assert {c.name: c.bounds for c in schema.columns("links")}["start_lon"] == (-180.0, 180.0)


def broken(table: str, **columns: object) -> str:
    frame = lawful(table)
    for name, values in columns.items():
        assert name in frame.columns
        frame[name] = values
    with pytest.raises(SchemaError) as caught:
        schema.check(frame, table, SERVICES, ("grid",))
    message = str(caught.value)
    assert message.startswith(f"table {table}: column {next(iter(columns))}: ")
    assert "\n" not in message
    return message


@pytest.mark.parametrize(
    ("table", "columns", "says"),
    [
        ("buildings", {"minutes_shop": [1.0, np.nan, 2.0, np.nan]}, "must not be missing (NaN); 2 rows do not, the first is 1: nan"),
        ("buildings", {"minutes_shop": [1.0, 1.0, -0.5, 1.0]}, "must be at least 0; 1 rows do not, the first is 2: -0.5"),
        ("buildings", {"minutes_shop": 1}, "must be floating-point numbers, and is int64"),
        ("buildings", {"minutes_shop": "1"}, "must be floating-point numbers"),
        ("buildings", {"area_m2": [1.0, np.inf, 1.0, 1.0]}, "must be finite"),
        ("buildings", {"levels": [1.0, -np.inf, 1.0, 1.0]}, "must be finite"),
        ("buildings", {"building": "way/1"}, "must be unique; 3 rows do not, the first is 1: way/1"),
        ("buildings", {"building": ["way/1", None, "way/2", "way/3"]}, "must not be missing"),
        ("buildings", {"building": [1, 2, 3, 4]}, "must be text, and is int64"),
        (
            "buildings",
            {"verdict": pd.Categorical(["met", "maybe", "gap", "met"])},
            "must be one of 'met', 'gap', 'unreachable', 'unmapped'; 1 rows",
        ),
        ("buildings", {"verdict": pd.Categorical(["met", None, "gap", "met"])}, "must be one of 'met'"),
        ("buildings", {"reason_clinic": "because"}, "must be one of '', 'far'"),
        ("buildings", {"residential": [0, 1, 1, 0]}, "must be true or false, and is int64"),
        ("buildings", {"gaps": [0.0, 1.0, 1.0, 0.0]}, "must be whole numbers, and is float64"),
        ("buildings", {"gaps": [0, -1, 1, 0]}, "must be at least 0"),
        ("edges", {"edge": [0, 1, 1, 2]}, "must be unique"),
        ("edges", {"length_m": [1.0, np.nan, 1.0, 1.0]}, "must not be missing (NaN)"),
        ("edges", {"geometry": "LINESTRING (0 0, 1 1)"}, "must be geometries"),
        ("links", {"start_lat": [0.0, 91.0, 0.0, 0.0]}, "must be at most 90"),
        ("zones", {"share_buildings_met": [0.0, 1.01, 0.0, 0.0]}, "must be at most 1"),
    ],
)
def test_what_breaks_a_declaration_is_named(table, columns, says):
    assert says in broken(table, **columns)


@pytest.mark.parametrize(
    ("table", "columns"),
    [
        ("buildings", {"minutes_shop": [0.0, 1.5, np.inf, 2.0]}),
        ("buildings", {"levels": [1.0, np.nan, 6.0, 2.5]}),
        ("buildings", {"reason_shop": pd.Categorical(["", "far", "detour", "island"])}),
        ("buildings", {"name": ["矿一路", None, "", "x"]}),
        ("buildings", {"facility_shop": pd.Categorical(["node/1", "", None, "way/2"])}),
        ("edges", {"seconds_forward": [np.inf, 0.0, 1.0, 2.0]}),
        ("zones", {"share_households_met": [np.nan, 0.0, 0.5, 1.0]}),
    ],
)
def test_what_is_lawful_passes(table, columns):
    schema.check(lawful(table).assign(**columns), table, SERVICES, ("grid",))


def test_a_missing_column_is_named():
    with pytest.raises(SchemaError, match="table buildings: no column minutes_clinic; the stage that writes it"):
        schema.check(lawful("buildings").drop(columns="minutes_clinic"), "buildings", SERVICES, ("grid",))


def test_geometry_in_another_system_is_refused():
    frame = gpd.GeoDataFrame(lawful("nodes"), geometry="geometry")
    schema.check(frame, "nodes")
    with pytest.raises(SchemaError, match="table nodes: column geometry: must be in WGS 84"):
        schema.check(frame.to_crs(3857), "nodes")
    with pytest.raises(SchemaError, match="must be in WGS 84"):
        schema.check(frame.set_crs(None, allow_override=True), "nodes")


def test_rows_are_named_by_the_index_of_the_frame():
    frame = lawful("nodes").set_index(pd.Index(["a", "b", "c", "d"]))
    frame["component"] = [0, 0, -1, 0]
    with pytest.raises(SchemaError, match="the first is c: -1"):
        schema.check(frame, "nodes")


def test_an_unknown_table_is_refused():
    with pytest.raises(SchemaError, match="no table 'building' is declared; did you mean 'buildings'"):
        schema.columns("building")


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("x,colour,n/a,,What,sources", "x: type 'colour'"),
        ("x,float,m,many,What,sources", "x: range 'many' is neither"),
        ("x,float,m,..,What,sources", None),
    ],
)
def test_a_wrong_declaration_is_refused(tmp_path, monkeypatch, row, says):
    (tmp_path / "odd.csv").write_text(f"column,type,unit,range,meaning,stage\n{row}\n", encoding="utf-8")
    monkeypatch.setattr(schema, "TABLES", tmp_path)
    schema.columns.cache_clear()
    if says is None:
        assert schema.columns("odd")[0].bounds == (None, None)
        return
    with pytest.raises(SchemaError, match=r"odd.csv: ") as caught:
        schema.columns("odd")
    assert says in str(caught.value)


def test_a_declaration_without_a_needed_heading_is_refused(tmp_path, monkeypatch):
    (tmp_path / "odd.csv").write_text("column,type\nx,float\n", encoding="utf-8")
    monkeypatch.setattr(schema, "TABLES", tmp_path)
    schema.columns.cache_clear()
    with pytest.raises(SchemaError, match=r"odd.csv: no column 'unit'"):
        schema.columns("odd")


def test_the_check_grows_with_the_rows_and_no_faster():
    def best(rows: int) -> float:
        frame = lawful("buildings", rows)
        schema.check(frame, "buildings", SERVICES, ("grid",))
        times = []
        for _ in range(3):
            start = time.perf_counter()
            schema.check(frame, "buildings", SERVICES, ("grid",))
            times.append(time.perf_counter() - start)
        return min(times)

    small, large = best(2_000), best(40_000)
    assert large < 20 * 3 * small
