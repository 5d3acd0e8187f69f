"""A plan holds: its scenario, run, gives the plan's minutes; its model's seconds are those of the run afterwards, walls included."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from commands import Command, commands
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_rerun_walls import blocks, lines, walled
from town import Town

import circle
from circle import siting

KUANGSHAN = Path(__file__).resolve().parent.parent / "data" / "kuangshan" / "kuangshan.osm.pbf"


def ground_of(run: circle.Run) -> siting.Ground:
    return siting.Ground.of(run.tables(), run.record, run.summary)


def points(town: Town, *places: tuple[float, float]) -> gpd.GeoDataFrame:
    lon, lat = town.degrees(*np.asarray(places, dtype=float).T)
    frame = {"candidate": [f"c{n}" for n in range(len(places))], "name": "", "source": "planner", "cost": 1.0, "area_m2": np.inf}
    more = {"services": "", "required": False, "forbidden": False}
    return gpd.GeoDataFrame({**frame, **more}, geometry=shapely.points(lon, lat), crs="EPSG:4326")


def test_a_candidate_behind_a_wall_is_not_tied_across_it():
    """13 m from the street across the wall, 5 m from the lane: it is tied to the lane alone, and the home walks round by the gap."""
    town = walled()
    home = town.house(10, 6)
    ground = ground_of(town.study())
    tied = siting.tied(ground, points(town, (10, -13)))
    assert len(tied.links) == 1
    assert ground.net.lines[tied.links.edge[0]].length == pytest.approx(500, abs=0.1)
    assert shapely.get_y(shapely.get_point(ground.net.lines[tied.links.edge[0]], 0)) < 0
    plan = siting.make(ground, siting.Who(("clinic",)), siting.Means(1), (tied, siting.no_passages()), model="p-median")
    minutes = plan.tables["buildings"].set_index("building")["minutes_clinic"][home]
    assert minutes == pytest.approx((6 + 490 + 18 + 490 + 5) / 1.2 / 60, abs=1e-3)
    assert plan.solution.objective == pytest.approx(minutes * 60)


def test_a_plot_stands_where_it_is_nearest_to_a_path():
    town = walled()
    town.house(10, 6)
    ground = ground_of(town.study())
    plot = points(town, (100, 3)).set_geometry([town._shape(shapely.box(90, 3, 120, 30))], crs="EPSG:4326")
    tied = siting.tied(ground, plot)
    assert tied.table.geometry.iloc[0].geom_type == "Point"
    assert tied.links.leg_m.min() == pytest.approx(3, abs=0.02)


spots = st.lists(st.tuples(st.integers(3, 397), st.integers(3, 297)), min_size=2, max_size=5, unique=True)


@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(walls=st.lists(lines, min_size=1, max_size=5), places=spots, model=st.sampled_from(["mclp", "p-median"]))
def test_what_the_model_says_is_what_the_run_afterwards_says(walls, places, model):
    town = blocks(walls, [])
    ground = ground_of(town.study())
    candidates = siting.tied(ground, points(town, *((x + 0.5, y + 0.5) for x, y in places)))
    plan = siting.make(ground, siting.Who(("clinic", "shop")), siting.Means(2), (candidates, siting.no_passages()), model=model)
    demands = plan.asked.problem.demands
    said, _ = plan.asked.problem.seconds_with(plan.solution.built)
    after = plan.tables["buildings"]
    found = np.stack([after[f"minutes_{service}"].to_numpy() * 60 for service in ("clinic", "shop")])[demands.service, demands.building]
    asked = ~demands.met & ((said <= demands.limit_s) | (model == "p-median"))
    assert np.allclose(found[asked], said[asked], rtol=0, atol=1e-6)
    late = ~demands.met & (said > demands.limit_s)
    assert (found[late] > demands.limit_s[late]).all()
    assert plan.proof["verified"]["worse"] == 0


def run_again(run: circle.Run, plan: siting.Plan, folder: Path) -> circle.Run:
    """The scenario of a plan, read back and run, gives the plan's minutes and verdicts to the last bit."""
    again = run.with_scenario(plan.scenario().save(folder / "again.toml"))
    planned = plan.tables["buildings"]
    for limit in run.standard.services:
        for what in ("minutes", "verdict", "reason", "barrier", "fragile"):
            column = f"{what}_{limit.service}"
            pd.testing.assert_series_equal(planned[column], again.buildings[column], check_exact=True, check_categorical=False)
    return again


@pytest.fixture(scope="module")
def kuangshan() -> circle.Run:
    return circle.run(KUANGSHAN)


def test_the_scenario_of_a_plan_in_rooms_gives_the_plans_minutes(kuangshan, tmp_path):
    """A station in a house is reached by the outline or the doors of that house."""
    ground = ground_of(kuangshan)
    offered = siting.tied(ground, siting.in_buildings(ground)), siting.no_passages()
    plan = siting.make(ground, siting.Who(("service_centre", "clinic")), siting.Means(2), offered)
    assert (plan.stations["building"] == plan.stations["candidate"]).all()
    again = run_again(kuangshan, plan, tmp_path)
    rooms = again.facilities[again.facilities["source"] == "scenario"]
    assert set(rooms.geometry.geom_type) == {"Polygon"}


def test_the_scenario_that_the_command_writes_gives_the_plans_minutes(kuangshan, tmp_path):
    folder = kuangshan.save(tmp_path / "run", published=False).folder
    again = str(tmp_path / "again")
    for done in commands(
        Command(("site", str(folder), "-s", "service_centre", "-s", "clinic", "-k", "2", "--passages", "--no-map", "--quiet")),
        Command(("run", str(folder), "--scenario", str(folder / "plan" / "scenario.toml"), "-o", again, "--no-map", "-q")),
        Command(("compare", str(folder / "plan"), again, "-o", str(tmp_path / "compared"))),
        Command(("compare", str(folder), again, "-o", str(tmp_path / "gained"))),
    ):
        assert done.status == 0, done.err
    table = pd.read_parquet(tmp_path / "compared" / "compare.parquet")
    assert (table["change"] == "same").all()
    planned, found = (circle.open(place).buildings for place in (folder / "plan", again))
    assert (planned["minutes_clinic"] == found["minutes_clinic"]).all()
    assert (planned["minutes_service_centre"] == found["minutes_service_centre"]).all()
    assert "gained" in set(pd.read_parquet(tmp_path / "gained" / "compare.parquet")["change"].astype(str))


def test_the_scenario_of_a_plan_gives_the_plans_minutes_on_a_campus(test_data, tmp_path):
    run = circle.run(test_data / "osm" / "beijing_bupt_campus_2025.osm")
    ground = ground_of(run)
    offered = siting.tied(ground, siting.along(ground, most=200)), siting.no_passages()
    plan = siting.make(ground, siting.Who(("clinic", "shop"), weight="buildings"), siting.Means(3), offered)
    assert plan.solution.proven
    assert len(plan.stations)
    run_again(run, plan, tmp_path)


# --- what each measure is worth


def two_zones() -> tuple[Town, siting.Ground]:
    """A street of 1,000 m with a house every 100 m; a clinic at its west end reaches the four houses up to x = 350.

    The zone w has the houses up to 450, of which the last waits; the zone e the five others, which all wait.
    """
    town = Town()
    town.street(*((x, 0.0) for x in range(0, 1001, 100)))
    for x in range(50, 1000, 100):
        town.house(x, 6.0)
    town.offer("clinic", 0.0, 0.0)
    for name, west, east in (("w", -20, 500), ("e", 500, 1020)):
        town.zone("compound", [(west, -50), (east, -50), (east, 50), (west, 50)], name)
    return town, ground_of(town.study())


@pytest.mark.parametrize(
    ("means", "zones", "together", "next_best", "loss", "unit"),
    [
        (siting.Means(1), "", False, "dear", 0.0, "weight within the limit"),
        (siting.Means(budget=2.0), "", False, "east", 1.0, "weight within the limit"),
        (siting.Means(1, 2.0), "", True, "east", 1.0, "weight of buildings with all services"),
        (siting.Means(1, 2.0), "compound", False, "east", 20.0, "percent points"),
    ],
)
def test_a_replacement_keeps_to_the_question(means, zones, together, next_best, loss, unit):
    """`best` (700 m) serves all six who wait; `dear` (690 m) too, but costs 9; `east` (900 m) serves five, without the house at 450 m.

    The worst zone: with `best` both are whole; with `east` the zone w keeps four of five, 20 points less.
    """
    town, ground = two_zones()
    table = points(town, (700, 0), (690, 0), (900, 0)).assign(candidate=["best", "dear", "east"], cost=[2.0, 9.0, 1.0])
    offered = siting.tied(ground, table), siting.no_passages()
    plan = siting.make(ground, siting.Who(("clinic",), zones=zones), means, offered, together=together)
    assert plan.stations[["candidate", "next_best"]].to_numpy().tolist() == [["best", next_best]]
    assert plan.stations["loss"].tolist() == pytest.approx([loss])
    assert plan.proof["loss_unit"].startswith(unit)


def test_what_is_required_has_no_replacement():
    """`poor` (900 m, five of six) must be built, and k is 1: `best` is not weighed against it."""
    town, ground = two_zones()
    table = points(town, (700, 0), (900, 0)).assign(candidate=["best", "poor"], required=[False, True])
    plan = siting.make(ground, siting.Who(("clinic",)), siting.Means(1), (siting.tied(ground, table), siting.no_passages()))
    assert plan.stations[["candidate", "next_best", "gain", "loss"]].to_numpy().tolist() == [["poor", "", 5.0, 5.0]]
    assert plan.curve["cost"].tolist() == [1.0]


def test_what_brings_nothing_is_not_built_unless_it_is_required():
    """One spot serves all six who wait: of three allowed one is built and paid for, and a required one that brings nothing stays."""
    town, ground = two_zones()
    table = points(town, (700, 0), (690, 0), (50, 0)).assign(required=[False, False, True])
    plan = siting.make(ground, siting.Who(("clinic",)), siting.Means(3), (siting.tied(ground, table), siting.no_passages()))
    assert plan.stations["gain"].tolist() == [6.0, 0.0]
    assert plan.stations["candidate"].tolist() == ["c0", "c2"]
    assert (plan.proof["cost"], plan.proof["measures"]) == (2.0, 2)
    assert plan.curve["cost"].tolist() == [1.0, 2.0, 2.0]


@pytest.mark.parametrize("means", [siting.Means(0), siting.Means(budget=0.0), siting.Means(budget=0.5)])
@pytest.mark.parametrize("model", ["mclp", "p-median", "p-center"])
def test_a_plan_of_nothing_is_a_plan(tmp_path, means, model):
    town, ground = two_zones()
    offered = siting.tied(ground, points(town, (700, 0))), siting.no_passages()
    plan = siting.make(ground, siting.Who(("clinic",)), means, offered, model=model)
    assert (len(plan.stations), plan.solution.proven, plan.curve["k"].tolist()) == (0, True, [0])
    plan.save(tmp_path / "plan")
    again = circle.open(tmp_path / "plan")
    assert (again.buildings["minutes_clinic"].to_numpy() == ground.tables["buildings"]["minutes_clinic"].to_numpy()).all()
