"""The list of traps is kept (traps.toml): each has tests that exist. And those traps that no other file has a place for."""

from __future__ import annotations

import ast
import re
import tomllib
from dataclasses import fields
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import shapely
from test_layers_own import by_name, enrich, table
from test_layers_own import town as town_of_a_ledger
from test_siting import ground_of, long_street, none_of, spot
from town import Town

from circle import siting
from circle.options import Options
from circle.siting import coverage, demand
from circle.siting.coverage import Spots
from circle.sources.layers import Layers

HERE = Path(__file__).resolve().parent
TRAPS = tomllib.loads((HERE / "traps.toml").read_text(encoding="utf-8"))


def test_every_trap_has_tests_and_they_exist():
    assert list(TRAPS) == [f"T{number}" for number in range(1, 36)]
    known = {
        f"{path.name}::{each.name}"
        for path in HERE.glob("test_*.py")
        for each in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(each, ast.FunctionDef)
    }
    assert {one for trap in TRAPS.values() for one in trap["tests"]} - known == set()
    assert all(trap["tests"] and trap["trap"].endswith(".") for trap in TRAPS.values())


def test_across_the_water_is_not_next_door():
    """T1: two capes, 60 m of water between their ends. And a shop on an islet, 600 m from any path, serves nobody and is told."""
    town = Town()
    town.street((0, 0), (0, 300), (60, 300), (60, 0))
    town.wall((30, -500), (30, 290), natural="coastline")
    house = town.house(-6, 10, size=2)
    near = town.offer("shop", 66, 10)
    islet = town.offer("shop", 30, -600)
    measured = town.measure()
    assert measured.facility[house] == near
    # the house's nearest corner lies at (−4, 12)
    assert measured.seconds[house] == pytest.approx((4 + 288 + 60 + 290 + 6) / 1.2, abs=1e-4)
    run = town.study()
    lost = run.findings[run.findings["code"] == "linkage.unlinked"]
    assert lost["id"].tolist() == [islet]
    assert islet not in set(run.links["id"])


def test_zero_minutes_are_met_in_every_table(tmp_path):
    """T12: a house on the very spot where the shop is. Zero is a number in tables, layers and shares."""
    import geopandas as gpd

    town = Town()
    town.street((0, 0), (300, 0))
    house = town.plot([(200, 0), (205, 10), (195, 10)])
    town.offer("shop", 200, 0)
    run = town.study().save(tmp_path / "run")
    row = run.buildings.set_index("building").loc[house]
    assert (row["minutes_shop"], row["verdict_shop"], row["reason_shop"]) == (0.0, "met", "")
    drawn = gpd.read_file(tmp_path / "run" / "circle.gpkg", layer="buildings").set_index("building").loc[house]
    assert drawn["minutes_shop"] == 0.0
    assert run.summary["shares"]["shop"]["buildings"] | {"met": 1, "gap": 0, "unmapped": 0} == run.summary["shares"]["shop"]["buildings"]
    assert run.route(house, "shop").minutes == 0.0


def test_every_option_is_heeded():
    """T25: each option is read by some module beside the one that declares it: as `….options.NAME`, or as a layer of the planner's."""
    code = "\n".join(path.read_text(encoding="utf-8") for path in (HERE.parent / "circle").rglob("*.py") if path.name != "options.py")
    layers = {each.name for each in fields(Layers)}
    named = {each.name for each in fields(Options)}
    assert layers <= named
    unread = {name for name in named - layers if not re.search(rf"\b(options|said|asked|spoken)\.{name}\b", code)}
    assert unread == set()
    assert {name for name in layers if not re.search(rf"\blayers\.{name}\b", code)} == set()


def test_the_far_bank_is_not_reached_by_being_near():
    """T26: the shop is 48 m away across a river, and by the bridge 1,972 m; the house beside the shop has it in time."""
    town = Town()
    town.street((0, 0), (1000, 0), (1000, 60), (0, 60))
    town.wall((-500, 30), (990, 30), waterway="river")
    here, there = town.house(100, 6, size=2), town.house(110, 66, size=2)
    town.offer("shop", 100, 54)
    run = town.study().buildings.set_index("building")
    assert run.loc[here, "minutes_shop"] == pytest.approx((6 + 900 + 60 + 900 + 6) / 72, abs=1e-4)
    assert (run.loc[here, "verdict_shop"], run.loc[there, "verdict_shop"]) == ("gap", "met")


def test_a_building_in_two_parts_starts_from_the_nearer():
    """T27: the larger part lies 80 m from the street, the smaller one 10 m."""
    town = Town()
    town.street((0, 0), (300, 0))
    house = town.plot([(100, 80), (160, 80), (160, 140), (100, 140)])
    town.offer("shop", 220, 6)
    place = town.place()
    parts = [place.buildings.geometry.iloc[0], town._shape(shapely.box(100, 10, 120, 20))]
    whole = place.buildings.set_geometry(np.asarray([shapely.MultiPolygon(parts)], dtype=object), crs="EPSG:4326")
    measured = town.measure(place=type(place)(**{name: getattr(place, name) for name in place.__slots__} | {"buildings": whole}))
    assert measured.leg_m[house] == pytest.approx(10, abs=1e-6)
    assert (10 + 100 + 6) / 1.2 - 1e-6 <= measured.seconds[house] <= (10 + 120 + 6) / 1.2 + 1e-6  # from some point of its southern side


def test_who_reaches_nothing_is_counted_in_every_share():
    """T28: one of three homes has the shop in time, one walks too far, one has no path: a third, of the place and of its zone."""
    town = Town()
    town.street((0, 0), (400, 0))
    town.offer("shop", 0, -6)
    near, far, lost = (town.house(*at, size=2) for at in ((50, 6), (300, 6), (200, 900)))
    town.zone("grid", [(-100, -100), (500, -100), (500, 1000), (-100, 1000)], "whole")
    run = town.study()
    verdicts = run.buildings.set_index("building")["verdict_shop"].astype(str)
    assert verdicts[[near, far, lost]].tolist() == ["met", "gap", "unreachable"]
    assert run.summary["shares"]["shop"]["buildings"]["share_met"] == pytest.approx(1 / 3)
    zones = run.zone_shares("grid", "shop")
    assert zones[["buildings", "met"]].to_numpy().tolist() == [[3, 1]]
    assert zones["share_households_met"].tolist() == pytest.approx([1 / 3])


def test_a_candidate_is_walked_to_and_not_from():
    """T31: a block of 600 m that one walks one way. From the house to the spot 50 m ahead are 50 m, to the spot 50 m behind 550 m."""
    town = Town()
    town.street((0, 0), (200, 0), (200, 100), (0, 100), (0, 0), **{"oneway:foot": "yes"})
    town.house(100, -6, size=2)
    town.offer("clinic", 100, 94)
    ground = ground_of(town)
    tied = siting.tied(ground, spot(town, (150.0, -6.0), (50.0, -6.0)))
    found = coverage.walks(ground, Spots.of_links(ground.graph, tied.links, 2, 1.2), np.inf)
    assert dict(zip(found.spot.tolist(), found.seconds.tolist(), strict=True)) == pytest.approx(
        {0: (6 + 50 + 6) / 1.2, 1: (6 + 550 + 6) / 1.2}, abs=0.02
    )


def test_an_empty_cell_of_a_ledger_is_not_nobody(tmp_path):
    """T32: what a ledger leaves empty stays as it was estimated; a 0 that somebody wrote is nobody."""
    before = town_of_a_ledger().place().buildings
    spec = table(tmp_path / "台账.csv", [["小区", "楼号", "户数", "人口"], ["紫薇花园", "3号楼", "", ""], ["紫薇花园", "4号楼", 0, 0]])
    out = enrich(town_of_a_ledger(), buildings=(spec,))
    frame, at = out.place.buildings, by_name(out)
    empty, nobody = (at["紫薇花园小区", name] for name in ("3号楼", "4号楼"))
    columns = ["households", "population", "residential", "households_by"]
    assert frame.loc[empty, columns].tolist() == before.loc[empty, columns].tolist()
    assert frame.loc[empty, "households"] > 0
    assert frame.loc[nobody, ["households", "residential", "households_by"]].tolist() == [0, False, "ledger"]


def test_a_weight_that_is_missing_is_told():
    """T32: a column that says nothing of two homes counts them as 0, and the plan says of how many."""
    ground = ground_of(long_street())
    ground.tables["buildings"]["patients"] = np.r_[np.full(8, 3.0), np.nan, np.nan]
    plan = siting.make(
        ground, siting.Who(("clinic",), weight="patients"), siting.Means(1), none_of(ground, spot(long_street(), (700.0, 0.0)))
    )
    assert plan.proof["weight_missing"] == 2
    assert plan.proof["verified"]["of"] == 24
    table = pd.DataFrame({"residential": [True, True, False], "households": 9.0, "elderly": [np.nan, 1.0, np.nan]})
    assert [demand.missing(table, siting.Who(("clinic",), elderly=each)) for each in (1.0, 2.0)] == [0, 1]
    assert demand.missing(table, siting.Who(("clinic",), weight="buildings")) == 0
