"""A run after a scenario: what a full run on changed data would say, bit by bit, and only what can change is computed."""

from __future__ import annotations

import json
from pathlib import Path
from unittest.mock import patch

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from town import OFFERS, Town
from typer.testing import CliRunner

import circle
from circle import access, linkage, rerun, sources
from circle.cli import app
from circle.errors import PlaceError, RuleError
from circle.scenario import Closing, Move, Passage, Scenario, Station
from circle.verify import verify


def grid(**more: tuple[float, float]) -> Town:
    """A town of 600 × 400 m, blocks of 100 m, homes along its streets, one facility of each service; `more` are offers beside them."""
    town = Town()
    for x in range(0, 601, 100):
        town.street(*((x, y) for y in range(0, 401, 100)))
    for y in range(0, 401, 100):
        town.street(*((x, y) for x in range(0, 601, 100)))
    for x in range(20, 600, 50):
        for y in (8, 108, 208, 308):
            town.house(x, y)
    town.offer("shop", 30, -5)
    town.offer("market", 560, 390)
    town.offer("bus_stop", 300, 203)
    town.offer("service_centre", (40, 240), (70, 240), (70, 260), (40, 260))
    town.offer("clinic", 595, 10)
    town.zone("compound", [(0, 0), (300, 0), (300, 400), (0, 400)], "西区")
    for service, spot in more.items():
        town.offer(service, *spot)
    return town


def degrees(town: Town, x: float, y: float) -> tuple[float, float]:
    """As OSM rounds."""
    lon, lat = town.degrees(np.asarray([x]), np.asarray([y]))
    return float(f"{lon[0]:.7f}"), float(f"{lat[0]:.7f}")


def same(one: circle.Run, other: circle.Run, ids: dict[str, str] | None = None) -> None:
    """Two runs say the same, to the last bit; `ids` are facilities that are called otherwise in the second."""
    for name in ("buildings", "zones", "facilities"):
        a, b = (pd.DataFrame(getattr(each, name)) for each in (one, other))
        geometry = [gpd.GeoSeries(each.pop("geometry")).to_wkb().tolist() for each in (a, b)]
        if name == "facilities":
            a, b = (each.assign(facility=each["facility"].replace(ids or {})).drop(columns=["source", "tags"]) for each in (a, b))
            a, b = (each.sort_values(["service", "facility"]).reset_index(drop=True) for each in (a, b))
        else:
            assert geometry[0] == geometry[1]
        facilities = [column for column in a if str(column).startswith("facility_")]
        a = a.astype(dict.fromkeys(facilities, str)).replace({column: ids or {} for column in facilities})
        pd.testing.assert_frame_equal(
            a, b.astype(dict.fromkeys(facilities, str)), check_exact=True, check_categorical=False, check_dtype=False
        )
    keys = ("counts", "shares", "verdicts", "reasons", "fragile", "findings")
    assert {key: one.summary[key] for key in keys} == {key: other.summary[key] for key in keys}


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    folder = tmp_path_factory.mktemp("grid")
    return circle.run(grid().write(folder / "grid.osm"))


def test_an_empty_scenario_changes_nothing(base):
    after = base.with_scenario(Scenario())
    same(after, base)
    assert after.record["scenario"]["recomputed"] == []


@pytest.mark.parametrize(("service", "x", "y"), [("shop", 310, 190), ("clinic", 20, 396), ("market", 100, 100)])
def test_a_station_is_a_facility_that_was_there_all_along(base, tmp_path, service, x, y):
    drawn = grid(**{service: (x, y)})
    full = circle.run(drawn.write(tmp_path / "more.osm"))
    lon, lat = degrees(drawn, x, y)
    after = base.with_scenario(Scenario(stations=(Station("station/1", "", lon, lat, (service,)),)))
    new = next(identity for identity, _, _ in drawn.offers if identity not in set(base.facilities["facility"]))
    same(after, full, {"station/1": new})
    assert after.record["scenario"]["recomputed"] == [service]
    assert after.record["scenario"]["worse"] == 0
    assert (after.buildings[f"minutes_{service}"] < base.buildings[f"minutes_{service}"]).any()


def test_a_facility_that_closes_was_never_there(base, tmp_path):
    town = grid(shop=(310, 190))
    whole = circle.run(town.write(tmp_path / "two.osm"))
    second = next(identity for identity, service, _ in reversed(town.offers) if service == "shop")
    same(whole.with_scenario(Scenario(closings=(Closing(second),))), base)


def test_nobody_looks_better_when_the_last_facility_of_a_service_closes(base, tmp_path):
    """The data hold a shop, and the scenario closes it: that none is mapped would be false, and would hide the gap that it makes.

    Whoever was beyond the limit is so still, and where data end too near for a minute's walk (72 m) nobody knows, as before.
    """
    shop = base.facilities.loc[base.facilities["service"] == "shop", "facility"].iloc[0]
    after = base.with_scenario(Scenario(closings=(Closing(shop),)))
    late = (base.buildings["verdict_shop"] == "gap").to_numpy()
    told = after.buildings[late]
    assert len(told)
    assert set(zip(told["verdict_shop"], told["reason_shop"], strict=True)) == {("unreachable", "no_facility")}
    assert set(after.buildings["reason_shop"][~late]) <= {"no_facility", "data_edge"}
    assert (after.buildings["gaps"] >= base.buildings["gaps"]).all()
    assert "sources.no_facility" not in after.summary["findings"]
    assert after.explain(told["building"].iloc[0], "shop").reason_sentence("en").startswith("Closed: ")
    assert verify(after.save(tmp_path / "closed", published=False).folder).ok
    further = after.with_scenario(Scenario(passages=(Passage("p", "", degrees(Town(), 150, 0), degrees(Town(), 150, 100)),)))
    assert (further.buildings["verdict_shop"] == after.buildings["verdict_shop"]).all()
    again = after.with_scenario(Scenario(stations=(Station("s", "", *degrees(Town(), 30, -5), ("shop",)),)))
    assert (again.buildings["minutes_shop"] == base.buildings["minutes_shop"]).all()


def test_a_facility_that_moves_is_measured_where_it_is(base, tmp_path):
    shop = base.facilities.loc[base.facilities["service"] == "shop", "facility"].iloc[0]
    lon, lat = degrees(Town(), 310, 190)
    moved = base.with_scenario(Scenario(moves=(Move(shop, lon, lat),)))
    fresh = base.with_scenario(Scenario(closings=(Closing(shop),), stations=(Station("s", "", lon, lat, ("shop",)),)))
    assert (moved.buildings["minutes_shop"] == fresh.buildings["minutes_shop"]).all()
    assert (moved.buildings["facility_shop"] == shop).all()


def test_a_saved_run_gives_the_same_as_one_in_memory(base, tmp_path):
    plan = Scenario(stations=(Station("s", "驿站", *degrees(Town(), 310, 190), ("shop", "clinic")),))
    saved = circle.open(base.save(tmp_path / "run", published=False).folder)
    same(saved.with_scenario(plan), base.with_scenario(plan))


def test_only_what_can_change_is_computed(base):
    plan = Scenario(stations=(Station("s", "", *degrees(Town(), 310, 190), ("shop",)),))
    with (
        patch.object(sources, "read", side_effect=AssertionError("nothing is read")),
        patch.object(linkage, "link", wraps=linkage.link) as tie,
        patch.object(access, "search", wraps=access.search) as search,
    ):
        base.with_scenario(plan)
    assert [len(call.args[0]) for call in tie.call_args_list] == [1]
    assert search.call_count == 1


def street() -> Town:
    """Two streets 100 m apart that meet only at x = 0; homes on the northern one, a shop on the southern one at x = 500."""
    town = Town()
    town.street(*((x, 0) for x in range(0, 501, 100)))
    town.street(*((x, 100) for x in range(0, 501, 100)))
    town.street((0, 0), (0, 100))
    for x in range(50, 500, 100):
        town.house(x, 106)
    town.offer("shop", 500, -6)
    return town


def between(town: Town, x: float) -> tuple[tuple[float, float], tuple[float, float]]:
    return degrees(town, x, 0), degrees(town, x, 100)


def test_a_passage_is_walked_by_those_whom_it_serves(tmp_path):
    town = street()
    before = circle.run(town.write(tmp_path / "street.osm"))
    after = before.with_scenario(Scenario(passages=(Passage("p", "东门", *between(town, 430)),)))
    # the home at 450: its nearest corner to the passage lies at x = 450, 6 m from the street: 6 + 20 + 100 + 70 + 6 = 202 m at 1.2 m/s;
    # before: 6 + 450 + 100 + 500 + 6
    ids = [identity for identity, _ in sorted(((f"way/{n}", ring) for n, ring, _ in town.homes), key=lambda one: one[1][0])]
    minutes = [run.buildings.set_index("building")["minutes_shop"][ids[-1]] for run in (before, after)]
    assert minutes == pytest.approx([1062 / 1.2 / 60, 202 / 1.2 / 60], abs=1e-3)
    assert (after.buildings["minutes_shop"] <= before.buildings["minutes_shop"] + 1e-9).all()
    assert after.record["check"]["worst_difference_s"] < 1e-6  # networkx finds the same walk
    assert after.route(ids[-1], "shop").minutes == pytest.approx(minutes[1], abs=1e-9)
    assert len(after.edges) == len(before.edges) + 3
    assert after.edges["name"].iloc[-1] == "东门"


def test_a_passage_equals_a_mapped_path(tmp_path):
    plain, mapped = street(), Town()
    across = (0, 100, 200, 300, 400, 430, 500)  # the path itself, at 430, shares nodes with both streets
    for line in ([(x, 0) for x in across], [(x, 100) for x in across], [(0, 0), (0, 100)], [(430, 0), (430, 100)]):
        mapped.street(*line)
    for x in range(50, 500, 100):
        mapped.house(x, 106)
    mapped.offer("shop", 500, -6)
    full = circle.run(mapped.write(tmp_path / "mapped.osm"))
    after = circle.run(plain.write(tmp_path / "plain.osm")).with_scenario(Scenario(passages=(Passage("p", "", *between(plain, 430)),)))
    ours, theirs = (np.sort(run.buildings["minutes_shop"])[::-1] for run in (after, full))
    assert ours[:-1] == pytest.approx(theirs[:-1], abs=1e-4)  # OSM rounds to a centimetre
    assert theirs[-1] < ours[-1] < theirs[-1] + 0.2  # who lives beside a mapped path steps onto it at once, not at its end


def test_a_gate_that_closes_lets_nobody_through(tmp_path):
    town = street()
    town.street((300, 0), (300, -50))
    gate = town.known[300.0, 0.0]
    before = circle.run(town.write(tmp_path / "street.osm"))
    after = before.with_scenario(Scenario(closed=(f"node/{gate}",)))
    assert np.isinf(after.buildings["minutes_shop"]).all()
    assert (after.buildings["verdict_shop"] == "unreachable").all()
    assert len(after.nodes) == len(before.nodes) + 2
    assert after.nodes["component"].nunique() == 3
    reopened = after.with_scenario(Scenario(passages=(Passage("p", "", degrees(town, 299, 0), degrees(town, 301, 0)),)))
    assert np.isfinite(reopened.buildings["minutes_shop"]).all()


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    spots=st.lists(st.tuples(st.integers(0, 600), st.integers(0, 400), st.sampled_from(sorted(OFFERS))), max_size=3),
    passages=st.lists(st.tuples(st.integers(0, 600), st.integers(0, 400), st.integers(0, 600), st.integers(0, 400)), max_size=2),
)
def test_adding_never_makes_anybody_worse(base, spots, passages):
    town = Town()
    stations = tuple(Station(f"s{n}", "", *degrees(town, x, y), (service,)) for n, (x, y, service) in enumerate(spots))
    links = tuple(
        Passage(f"p{n}", "", degrees(town, a, b), degrees(town, c, d)) for n, (a, b, c, d) in enumerate(passages) if (a, b) != (c, d)
    )
    after = base.with_scenario(Scenario(stations=stations, passages=links))
    assert after.record["scenario"]["worse"] == 0
    for service in OFFERS:
        assert (after.buildings[f"minutes_{service}"] <= base.buildings[f"minutes_{service}"] + 1e-9).all()


def test_an_addition_that_hurts_is_reported_as_our_own_fault(base):
    original = rerun._worse
    with patch.object(rerun, "_worse", side_effect=lambda *given: [*original(*given), "way/1"]):
        after = base.with_scenario(Scenario(stations=(Station("s", "", *degrees(Town(), 310, 190), ("shop",)),)))
    assert after.record["scenario"]["worse"] == 1
    assert after.summary["findings"]["scenario.worse"] == 1


def test_the_watch_for_worse_sees_longer_walks_and_lost_verdicts(base):
    one = base.buildings["building"].iloc[0]
    longer = base.buildings.copy()
    longer.loc[0, "minutes_shop"] += 0.01
    assert rerun._worse(base.buildings, longer, ["shop"]) == [one]
    assert rerun._worse(base.buildings, base.buildings, ["shop"]) == []


@pytest.mark.parametrize(
    ("plan", "says"),
    [
        (Scenario(closings=(Closing("node/99999"),)), "no facility node/99999"),
        (Scenario(moves=(Move("way/99999", 0.0, 0.0),)), "no facility way/99999"),
        (Scenario(closed=("node/99999",)), "node/99999 is no node"),
        (Scenario(opened=("node/99999",)), "nothing to open"),
        (Scenario(passages=(Passage("p", "gap", (0.02, 0.02), (0.0, 0.0)),)), r"p \(gap\) begins more than 50 m from any path"),
        (Scenario(passages=(Passage("p", "", (0.0, 0.0), (0.02, 0.02)),)), "ends more than 50 m"),
        (Scenario(stations=(Station("s", "", 110.0, 30.0, ("shop",)),)), "s stands more than 500 m from any path"),
    ],
)
def test_what_the_run_does_not_have_is_refused(base, plan, says):
    with pytest.raises(PlaceError, match=says):
        base.with_scenario(plan)


def test_a_closing_of_what_is_not_offered_is_refused(base):
    shop = base.facilities.loc[base.facilities["service"] == "shop", "facility"].iloc[0]
    with pytest.raises(PlaceError, match="It offers: shop"):
        base.with_scenario(Scenario(closings=(Closing(shop, ("clinic",)),)))
    with pytest.raises(PlaceError, match="another id"):
        base.with_scenario(Scenario(stations=(Station(shop, "", 0.0, 0.0, ("shop",)),)))


def test_a_station_that_offers_nothing_asked_for_is_told(base):
    after = base.with_scenario(Scenario(stations=(Station("s", "", 0.0, 0.0, ("library",)),)))
    same_but = {**after.summary["findings"]}
    assert same_but.pop("scenario.idle") == 1
    assert same_but == base.summary["findings"]
    assert after.record["scenario"]["recomputed"] == []


def test_the_scenario_option_does_the_same_from_file_and_from_folder(base, tmp_path):
    path = Scenario("驿站", stations=(Station("s", "", *degrees(Town(), 310, 190), ("shop",)),)).save(tmp_path / "plan.toml")
    source = grid().write(tmp_path / "grid.osm")
    from_file = circle.run(source, scenario=path)
    folder = base.save(tmp_path / "run", published=False).folder
    from_folder = circle.run(folder, scenario=path)
    same(from_file, from_folder)
    assert from_folder.save(tmp_path / "after", published=False).record["scenario"]["name"] == "驿站"
    assert json.loads((tmp_path / "after" / "run.json").read_text(encoding="utf-8"))["scenario"]["recomputed"] == ["shop"]
    same(circle.open(tmp_path / "after"), from_folder)
    with pytest.raises(RuleError, match="--scenario"):
        circle.run(folder)
    nothing = tmp_path / "nothing.toml"
    nothing.write_text("", encoding="utf-8")
    with pytest.raises(RuleError, match="the scenario changes nothing"):
        circle.run(folder, scenario=nothing)
    with pytest.raises(RuleError, match="was run with five-minute"):
        circle.run(folder, "gb50180-5", scenario=path)


def test_the_command_line_changes_a_saved_run_and_says_when_the_program_is_at_fault(base, tmp_path):
    path = Scenario("驿站", stations=(Station("s", "", *degrees(Town(), 310, 190), ("shop",)),)).save(tmp_path / "plan.toml")
    folder = base.save(tmp_path / "run", published=False).folder
    said = ["run", str(folder), "--scenario", str(path), "-o", str(tmp_path / "after"), "--no-map"]
    done = CliRunner().invoke(app, said)
    assert done.exit_code == 0, done.output
    assert circle.open(tmp_path / "after").record["scenario"]["worse"] == 0
    over = CliRunner().invoke(app, [*said[:4], "-o", str(folder)])
    assert over.exit_code == 2
    assert "is the run that the scenario starts from" in " ".join(over.output.split())
    assert "scenario" not in circle.open(folder).record
    with patch.object(rerun, "_worse", return_value=["way/1"]):
        failed = CliRunner().invoke(app, said)
    assert failed.exit_code == 1
    assert "a fault in circle itself" in failed.output


def test_a_gate_that_is_shut_to_all_cannot_be_shut_again_and_one_for_residents_can():
    base = circle.run(Path(__file__).resolve().parent.parent / "data" / "kuangshan" / "kuangshan.osm.pbf")
    passage = base.tables()["gates"].set_index("gate")["passage"]
    with pytest.raises(PlaceError, match="shut to everybody already"):
        base.with_scenario(Scenario(closed=(passage.index[passage == "nobody"][0],)))
    longer = 0
    for gate in passage.index[passage == "residents"]:
        after = base.with_scenario(Scenario(closed=(gate,)))
        # where nobody comes in any more, the map is doubted: a leg that leads through the wall is taken, and flagged
        through = after.links.loc[after.links["flag"] == "crossing", "id"].astype(str)
        true = ~after.buildings["building"].isin(through)
        apart = [(after.buildings[f"minutes_{service}"] - base.buildings[f"minutes_{service}"])[true] for service in ("shop", "clinic")]
        assert all((each.fillna(0) > -1e-9).all() for each in apart)
        longer += any((each > 0.1).any() for each in apart)
    assert longer


def test_a_station_behind_a_wall_is_tied_to_what_it_sees(tmp_path):
    town = grid()
    town.wall((310, 10), (390, 10))
    before = circle.run(town.write(tmp_path / "a.osm"))
    after = before.with_scenario(Scenario(stations=(Station("station/1", "", *degrees(town, 345, 22), ("shop",)),)))
    town.offer("shop", 345, 22)
    fresh = circle.run(town.write(tmp_path / "b.osm"))
    assert (after.buildings["minutes_shop"] == fresh.buildings["minutes_shop"]).all()
    mine = after.links[after.links["id"] == "station/1"]
    assert mine["leg_m"].min() == pytest.approx(45, abs=0.2)
