"""Siting on drawn towns, whose minutes are known by arithmetic, and on Kuangshan: the plan is what a planner would expect, and it holds."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from commands import one
from town import Town

import circle
from circle import access, scenario, schema, siting
from circle.errors import RuleError
from circle.siting import coverage, cut, demand
from circle.siting.candidates import Candidates
from circle.siting.coverage import Spots

KUANGSHAN = Path(__file__).resolve().parent.parent / "data" / "kuangshan" / "kuangshan.osm.pbf"


def ground_of(town: Town) -> siting.Ground:
    run = town.study()
    return siting.Ground.of(run.tables(), run.record, run.summary)


@pytest.fixture(scope="module")
def kuangshan() -> siting.Ground:
    run = circle.run(KUANGSHAN)
    return siting.Ground.of(run.tables(), run.record, run.summary)


def spot(town: Town, *places: tuple[float, float]) -> gpd.GeoDataFrame:
    lon, lat = town.degrees(*np.asarray(places).T)
    frame = {"candidate": [f"c{n}" for n in range(len(places))], "name": "", "source": "planner", "cost": 1.0, "area_m2": np.inf}
    more = {"services": "", "required": False, "forbidden": False}
    return gpd.GeoDataFrame({**frame, **more}, geometry=shapely.points(lon, lat), crs="EPSG:4326")


def long_street() -> Town:
    """A street of 1,000 m with a house every 100 m, 6 m beside it, and a clinic at its west end: 300 s reach 360 m."""
    town = Town()
    town.street(*((x, 0.0) for x in range(0, 1001, 100)))
    for x in range(50, 1000, 100):
        town.house(x, 6.0)
    town.offer("clinic", 0.0, 0.0)
    return town


def none_of(ground: siting.Ground, spots: gpd.GeoDataFrame) -> tuple[Candidates, gpd.GeoDataFrame]:
    return siting.tied(ground, spots), siting.no_passages()


# --- minutes


def test_coverage_by_arithmetic():
    """From the house at x to a spot at 700: 6 m of leg and |700 − x| m along the street; nobody beyond the limit is in it."""
    town = long_street()
    ground = ground_of(town)
    tied = siting.tied(ground, spot(town, (700.0, 0.0)))
    found = coverage.walks(ground, Spots.of_links(ground.graph, tied.links, 1, 1.2), 300.0)
    houses = ground.tables["buildings"]["building"].tolist()
    order = {f"way/{number}": x for (number, _, _), x in zip(town.homes, range(50, 1000, 100), strict=True)}
    expected = {house: (6 + abs(700 - x)) / 1.2 for house, x in order.items() if 6 + abs(700 - x) <= 360}
    assert {houses[b]: s for b, s in zip(found.building, found.seconds, strict=True)} == pytest.approx(expected, abs=0.02)


@pytest.mark.parametrize("limit_s", [120.0, 300.0, np.inf])
def test_coverage_equals_access_on_kuangshan(kuangshan, limit_s):
    """Private lanes, steps, walls and same edges included: each spot alone, searched and measured as a facility is."""
    tied = siting.tied(kuangshan, pd.concat([siting.along(kuangshan, 90.0), siting.in_buildings(kuangshan).iloc[::9]], ignore_index=True))
    found = coverage.walks(kuangshan, Spots.of_links(kuangshan.graph, tied.links, len(tied), kuangshan.speed_m_per_s), limit_s)
    count = len(kuangshan.tables["buildings"])
    for number in range(0, len(tied), 3):
        links = tied.links.take(tied.links.row == number)
        links = replace(links, row=links.row * 0)
        reach = access.search(kuangshan.graph, links, 1, kuangshan.speed_m_per_s)
        walk = access.measure(kuangshan.graph, kuangshan.mine, count, links, reach, kuangshan.speed_m_per_s)
        mine = found.spot == number
        seconds = np.full(count, np.inf)
        seconds[found.building[mine]] = found.seconds[mine]
        expected = np.where(walk.seconds <= limit_s + 1e-6, walk.seconds, np.inf)
        assert np.allclose(seconds, expected, rtol=0, atol=1e-7)


def test_a_shut_passage_changes_no_minute(kuangshan):
    passages = siting.find_passages(kuangshan)
    assert len(passages) > 3
    shut = cut.cut(kuangshan, passages, opened=False).ground
    count = len(kuangshan.tables["buildings"])
    for limit in kuangshan.standard.services:
        links, rows = shut.offered(limit.service)
        reach = access.search(shut.graph, links, len(rows), shut.speed_m_per_s, demand.let_in(rows))
        seconds = access.measure(shut.graph, shut.mine, count, links, reach, shut.speed_m_per_s).seconds
        assert np.allclose(seconds, kuangshan.current_s(limit.service), rtol=0, atol=1e-4)


# --- plans


def test_the_best_spot_of_a_street():
    """The clinic reaches the houses up to x = 350. Of spots at 400, 700 and 1,000 the middle one reaches all six others (450 … 950)."""
    town = long_street()
    ground = ground_of(town)
    plan = siting.make(
        ground, siting.Who(("clinic",)), siting.Means(1), none_of(ground, spot(town, (400.0, 0.0), (700.0, 0.0), (1000.0, 0.0)))
    )
    assert plan.solution.proven
    assert plan.stations["candidate"].tolist() == ["c1"]
    assert plan.proof["verified"]["reached_before"] == 4
    assert plan.proof["verified"]["reached"] == 10
    assert plan.stations["gain"].tolist() == [6.0]
    assert plan.stations["next_best"].tolist() in (["c0"], ["c2"])
    assert plan.proof["verified"]["referee"]["worst_difference_s"] < 1e-6
    assert plan.curve["reached"].tolist() == [4.0, 10.0]
    place = plan.zones[(plan.zones["layer"] == "place") & (plan.zones["service"] == "clinic")].iloc[0]
    assert (place["met_before"], place["met_after"], place["households_gained"]) == (4, 10, pytest.approx(6.0))


def walled() -> Town:
    """Two streets 30 m apart with a wall between, joined 600 m to the west; homes on the north one, the clinic on the south one."""
    town = Town()
    town.street((0.0, 0.0), (-600.0, 0.0), (-600.0, 30.0), (0.0, 30.0), (100.0, 30.0))
    town.street((0.0, 0.0), (100.0, 0.0))
    for x in (20.0, 50.0, 80.0):
        town.house(x, 36.0)
    town.offer("clinic", 100.0, -5.0)
    return town


def with_wall(town: Town) -> siting.Ground:
    town.wall((-500.0, 15.0), (150.0, 15.0))
    return ground_of(town)


def test_a_gate_in_a_wall_is_found_and_serves():
    """Through a gate the home at x = 80 walks 6 + 20 + 30 + 5 m at least; today more than 1,300 m. One gate serves all three homes."""
    town = walled()
    ground = with_wall(town)
    passages = siting.find_passages(ground)
    assert (passages["kind"] == "wall").all()
    assert passages["length_m"].iloc[0] == pytest.approx(30.0, abs=2.0)
    offered = siting.tied(ground, spot(town, (-300.0, 0.0))), passages
    plan = siting.make(ground, siting.Who(("clinic",)), siting.Means(1), offered)
    assert len(plan.passages) == 1
    assert plan.proof["verified"]["reached"] == 3
    assert plan.proof["instead"] == {"stations_only": 0.0, "passages_only": 3.0}
    assert plan.proof["says"]["en"] == f"Opening would do: the plan opens {plan.passages['passage'].iloc[0]}."
    assert plan.scenario().passages[0].begin != plan.scenario().passages[0].end


@pytest.mark.parametrize("passage", ["nobody", "residents"])
def test_a_shut_gate_is_opened_rather_than_a_new_one_cut(passage):
    """A gate at x = 60 that nobody passes: to open it is a measure of its own, and no new gate is proposed beside it."""
    town = Town()
    town.street((0.0, 0.0), (-600.0, 0.0), (-600.0, 30.0), (0.0, 30.0), (60.0, 30.0), (100.0, 30.0))
    town.street((0.0, 0.0), (60.0, 0.0), (100.0, 0.0))
    for x in (20.0, 50.0, 80.0):
        town.house(x, 36.0)
    town.offer("clinic", 100.0, -5.0)
    town.street((60.0, 0.0), (60.0, 15.0), (60.0, 30.0))
    town.wall((-500.0, 15.0), (60.0, 15.0), (150.0, 15.0))
    gate = town.gate(60.0, 15.0)
    town.passages = {gate: passage}
    ground = ground_of(town)
    offered = siting.tied(ground, spot(town, (-300.0, 0.0))), siting.find_passages(ground)
    found = offered[1].set_index("passage")
    assert found.loc[gate, "kind"] == "gate"
    assert found.loc[gate, "cost"] == 5000
    apart = shapely.distance(found.geometry.to_numpy(), found.geometry[gate])
    assert not ((found["kind"] == "wall").to_numpy() & (apart < 30 / 111_000)).any()
    plan = siting.make(ground, siting.Who(("clinic",)), siting.Means(1, budget=10_000), offered)
    assert plan.passages["passage"].tolist() == [gate]
    assert plan.scenario().opened == (gate,)
    assert plan.proof["verified"]["reached"] == plan.solution.objective == 3
    without = siting.make(ground, siting.Who(("clinic",)), siting.Means(1), (offered[0], siting.no_passages()))
    assert without.proof["gates"]["opened"] == [gate]
    assert without.proof["says"]["en"] == f"Opening {gate} instead would do as well."


def test_a_station_through_a_gate_is_an_option_of_its_own():
    """A candidate on the south street serves nobody alone, and without a clinic no gate does: together they serve all three."""
    town = walled()
    town.offers = []
    town.offer("shop", 100.0, -5.0)
    ground = with_wall(town)
    offered = siting.tied(ground, spot(town, (60.0, 0.0))), siting.find_passages(ground)
    alone = siting.make(ground, siting.Who(("clinic",)), siting.Means(1), offered)
    assert alone.proof["verified"]["reached"] == 0
    both = siting.make(ground, siting.Who(("clinic",)), siting.Means(2), offered)
    assert (len(both.stations), len(both.passages)) == (1, 1)
    assert both.proof["verified"]["reached"] == both.solution.objective == 3
    assert "through one passage" in both.proof["proof_covers"]


def test_ziwei_garden_gets_its_station(kuangshan):
    """One station for service centre and clinic: it lies in 紫薇花园, serves its 844 households twice, and no opened gate would do."""
    offered = siting.tied(kuangshan, siting.along(kuangshan)), siting.find_passages(kuangshan)
    plan = siting.make(kuangshan, siting.Who(("service_centre", "clinic")), siting.Means(1), offered)
    assert plan.solution.proven
    assert plan.proof["verified"]["gain"] == 2 * 844
    zones = plan.zones[(plan.zones["name"] == "紫薇花园") & (plan.zones["service"] == "clinic")].iloc[0]
    assert (zones["share_households_met_before"], zones["share_households_met_after"]) == (0.0, 1.0)
    assert plan.proof["instead"]["passages_only"] < plan.proof["instead"]["stations_only"]
    assert plan.proof["only_by_several_passages"] == 0  # with one measure nobody walks through two passages
    assert plan.proof["bound_of_all_plans"] == plan.solution.bound
    assert plan.proof["says"]["en"].startswith("No gate or passage would do: ")
    assert plan.proof["says"]["zh"].startswith("单靠开门或打通不")
    plain = siting.make(kuangshan, siting.Who(("service_centre", "clinic")), siting.Means(1), (offered[0], siting.no_passages()))
    assert plain.stations["candidate"].tolist() == plan.stations["candidate"].tolist()
    assert plain.proof["says"]["en"].startswith("No shut gate ")
    compound = kuangshan.tables["zones"].set_index("name").loc["紫薇花园", "geometry"]
    outline = compound.iloc[0] if hasattr(compound, "iloc") else compound
    assert plan.stations.geometry.iloc[0].distance(outline) * 111_000 < 60


@pytest.mark.parametrize("model", ["lscp", "p-median", "p-center"])
def test_the_other_models_are_proven_and_hold(kuangshan, model):
    offered = none_of(kuangshan, siting.in_buildings(kuangshan))
    plan = siting.make(kuangshan, siting.Who(("clinic",)), siting.Means(None if model == "lscp" else 2), offered, model=model)
    assert plan.solution.proven
    if model == "lscp":
        assert plan.proof["verified"]["reached"] == plan.proof["verified"]["of"]
    if model == "p-center":
        assert plan.proof["verified"]["worst_minutes"] * 60 == pytest.approx(plan.solution.objective, abs=0.01)
    if model == "p-median":
        assert plan.proof["verified"]["mean_minutes"] * 60 * plan.proof["verified"]["of"] == pytest.approx(
            plan.solution.objective, rel=1e-6
        )


# --- candidates


def test_spots_keep_their_distance_and_stay_where_they_may(kuangshan):
    spots = siting.along(kuangshan, 80.0)
    x, y = kuangshan.net.plane.forward(spots.geometry.x.to_numpy(), spots.geometry.y.to_numpy())
    apart = np.hypot(x[:, None] - x[None, :], y[:, None] - y[None, :]) + np.eye(len(x)) * 1e9
    assert apart.min() >= 79.9
    assert len(siting.along(kuangshan, most=10)) <= 10
    west, south, east, north = kuangshan.summary["extent"]
    half = shapely.box(west, south, (west + east) / 2, north)
    assert 0 < len(siting.along(kuangshan, allowed=half)) < len(siting.along(kuangshan))


def test_a_candidate_far_from_any_path_is_reported_not_used():
    town = long_street()
    ground = ground_of(town)
    tied = siting.tied(ground, spot(town, (700.0, 0.0), (500.0, 2000.0)))
    assert len(tied) == 1
    assert tied.unlinked == ("c1",)


# --- whom it is for


def test_weights_and_their_refusals(kuangshan):
    buildings = kuangshan.tables["buildings"].assign(elderly=lambda b: b["population"] / 2)
    plain = demand.weights(buildings, siting.Who(("clinic",)))
    double = demand.weights(buildings, siting.Who(("clinic",), elderly=2.0))
    lived_in = plain > 0
    assert np.allclose(double[lived_in], plain[lived_in] * 1.5)
    assert (plain[~buildings["residential"]] == 0).all()
    with pytest.raises(RuleError, match="how many elderly"):
        demand.weights(buildings.assign(elderly=np.nan), siting.Who(("clinic",), elderly=2.0))
    with pytest.raises(RuleError, match="No home of the run has a number in “elderly”: give the run a ledger"):
        demand.weights(buildings.assign(elderly=np.nan), siting.Who(("clinic",), weight="elderly"))
    with pytest.raises(RuleError, match="no weight “votes”"):
        demand.weights(buildings, siting.Who(("clinic",), weight="votes"))
    with pytest.raises(RuleError, match="no service “school”"):
        demand.demands(kuangshan, siting.Who(("school",)))
    with pytest.raises(RuleError, match="no zones “ward”"):
        demand.demands(kuangshan, siting.Who(("clinic",), zones="ward"))


def test_floor_area_is_a_bound(kuangshan):
    """A room of 60 m² holds 200 households at 30 m² for 100: one room cannot take in 紫薇花园."""
    who = siting.Who(("clinic",), area_m2={"clinic": 30.0})
    table = siting.in_buildings(kuangshan).assign(area_m2=60.0)
    plan = siting.make(kuangshan, who, siting.Means(1), none_of(kuangshan, table))
    assert plan.solution.objective - plan.proof["verified"]["reached_before"] == pytest.approx(200.0)


def test_what_is_gained_by_buildings_of_unknown_use_is_told():
    town = long_street()
    ground = ground_of(town)
    buildings = ground.tables["buildings"]
    by = buildings["residential_by"].astype(object)
    by.iloc[-2:] = "assumed"  # the two houses farthest from the clinic
    ground.tables["buildings"] = buildings.assign(residential_by=pd.Categorical(by, categories=["use", "area", "assumed"]))
    plan = siting.make(ground, siting.Who(("clinic",)), siting.Means(1), none_of(ground, spot(town, (700.0, 0.0))))
    assert plan.proof["verified"]["gain"] == 6
    assert plan.proof["verified"]["gain_assumed"] == 2


def test_means_that_open_no_gate_say_nothing_of_gates():
    """A wall is opened for 30,000 and more: with 100 no passage was tried, and that is not to say that none would do."""
    town = walled()
    ground = with_wall(town)
    offered = siting.tied(ground, spot(town, (-300.0, 0.0)).assign(cost=1000.0)), siting.find_passages(ground)
    plan = siting.make(ground, siting.Who(("clinic",)), siting.Means(budget=100.0), offered)
    assert len(plan.stations) == len(plan.passages) == 0
    assert plan.proof["says"]["en"] == "The means do not stretch to any gate or passage, so none was tried."


# --- the command


def test_without_a_map_no_map_is_spoken_of(tmp_path):
    place = tmp_path / "run"
    circle.run(KUANGSHAN).save(place, published=False)
    said = one("site", str(place), "-s", "clinic", "-k", "0", "--no-map")
    assert said.status == 0, said.err
    assert "drawing the map" not in said.err
    assert "writing tables" in said.err
    assert not (place / "plan" / "map.html").exists()
    refusal = one("site", str(place), "-s", "clinic", "-k", "1", "--weight", "elderly")
    assert refusal.status == 2
    assert "“elderly”" in refusal.err


def test_the_command_writes_a_plan_that_is_a_run(tmp_path):
    place = tmp_path / "run"
    circle.run(KUANGSHAN).save(place, published=False)
    asked = ("site", str(place), "-s", "service_centre", "-s", "clinic", "-k", "1", "--passages")
    said = one(*asked)
    assert said.status == 0, said.err
    assert "proven optimum" in said.out
    assert "No gate or passage would do: " in " ".join(said.out.split())
    plan = place / "plan"
    proof = json.loads((plan / "plan.json").read_text(encoding="utf-8"))
    assert proof["proven"]
    assert proof["verified"]["gain"] == 1688
    assert (plan / "map.html").stat().st_size > 100_000
    checked = one("verify", plan, "--source", KUANGSHAN.parent)
    assert checked.status == 0, checked.out
    after = circle.open(plan)
    assert (after.facilities["source"] == "scenario").sum() == 2
    homes = after.buildings[after.buildings["residential"]]
    assert after.summary["shares"]["clinic"]["buildings"]["met"] == (homes["verdict_clinic"] == "met").sum()
    assert scenario.load(plan / "scenario.toml").stations[0].services == ("service_centre", "clinic")
    for name in ("stations", "curve", "zones_change", "passages"):
        table = (
            gpd.read_parquet(plan / f"{name}.parquet") if name in ("stations", "passages") else pd.read_parquet(plan / f"{name}.parquet")
        )
        assert len(schema.check(table, f"plan_{name}")) or name == "passages"
        assert set(table.columns) == {column.name for column in schema.columns(f"plan_{name}")}
    first = {path.name: path.read_bytes() for path in plan.iterdir()}
    again = one(*asked, "--quiet")
    assert (again.status, again.out) == (0, "")
    assert {path.name: path.read_bytes() for path in plan.iterdir()} == first


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("-s", "clinic", "-k", "1"), "is not a run"),
        (("-s", "clinic"), "say how much may be built"),
        (("-s", "clinic", "-k", "1", "--model", "pcenter"), "there is no model"),
        (("-s", "clinic", "-k", "1", "--need", "clinic"), "is no service=square metres"),
    ],
)
def test_the_command_refuses_in_a_sentence(tmp_path, arguments, says):
    folder = tmp_path / "run"
    if "--need" in arguments:
        circle.run(KUANGSHAN).save(folder, published=False)
    said = one("site", str(folder), *arguments)
    assert said.status == 2
    assert says in " ".join(said.err.replace("│", " ").split())
