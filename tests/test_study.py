"""The whole program on drawn towns: an OSM file in, every table out. OSM rounds to 1e-7°: legs and streets are right to 2 cm."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from town import OFFERS, Town

import circle
from circle import access, linkage, referee, result, study
from circle.errors import RuleError, SourceError
from circle.options import Options

CM = 0.02 / 1.2  # seconds of two centimetres at 1.2 m/s
SERVICES = ["shop", "market", "bus_stop", "service_centre", "clinic"]


def planted(**where: float) -> tuple[Town, dict[str, tuple[str, float]]]:
    """A town with a street, a bridge, stairs, a square, a one-way path, doors, an island; and metres at 1.2 m/s to the shop."""
    town = Town(**where)
    town.street((-400, 0), (-200, 0), (0, 0), (200, 0), (400, 0), name="矿一路")
    town.street((-200, -150), (-200, 0), (-200, 150), bridge="yes", layer="1", name="Does join: it shares a node")
    town.street((-100, -150), (-100, 150), bridge="yes", layer="1", name="Does not")
    town.square([(400, 0), (460, 0), (460, 80), (400, 80)])
    town.street((460, 80), (600, 80))
    town.street((200, 0), (200, 60), highway="steps")
    town.street((0, 0), (0, 90), access="private")
    town.street((-400, 0), (-400, 90), **{"oneway:foot": "yes"})
    town.street((700, 400), (760, 400))
    town.offer("shop", 50, -6)
    town.offer("market", (380, -40), (390, -40), (390, -4), (380, -4))
    town.offer("bus_stop", 0, 0)
    houses = {
        "same street": (town.house(122, 6), 6 + 72 + 6),
        "at the bus stop": (town.house(0, -8, size=3), 8 + 50 + 6),
        "on the bridge": (town.house(-194, 100, size=4), 2 + 104 + 250 + 6),
        "across the square": (town.house(530, 86), 6 + 70 + 100 + 350 + 6),
        "up the stairs": (town.house(206, 56, size=4), 2 + 60 * 1.2 / 0.5 + 150 + 6),
        "private": (town.house(6, 60, size=4), 2 + 64 + 50 + 6),
        "one way out": (town.house(-406, 60, size=4), np.inf),
        "island": (town.house(730, 406), np.inf),
        "nowhere": (town.house(-1500, 1500), np.inf),
    }
    door = town.plot([(260, 5), (280, 5), (280, 25), (260, 25)])
    town.door(280, 15)
    return town, {**houses, "door": (door, 15 + 230 + 6)}


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> tuple[result.Run, dict[str, tuple[str, float]], Path]:
    town, houses = planted(lon=114.9, lat=30.2)
    source = town.write(tmp_path_factory.mktemp("planted") / "planted.osm")
    return circle.run(source), houses, source


# The house on the one-way path meets it 64 m up its 90 m; one may only walk on, to a dead end: there is no path.
def test_the_planted_town(written):
    run, houses, _ = written
    found = run.buildings.set_index("building")["minutes_shop"] * 60
    for name, (house, metres) in houses.items():
        # 1 in 20,000: what the scale of the plane drifts over 800 m of latitude here
        assert found[house] == pytest.approx(metres / 1.2, abs=3 * CM, rel=5e-5), name


def test_the_planted_town_on_exact_tables():
    town, houses = planted()
    found = town.study().buildings.set_index("building")["minutes_shop"] * 60
    for name, (house, metres) in houses.items():
        assert found[house] == pytest.approx(metres / 1.2, abs=1e-4), name


def test_verdicts_of_the_planted_town(written):
    run, houses, _ = written
    rows = run.buildings.set_index("building")
    told = {name: (rows.loc[house, "verdict_shop"], rows.loc[house, "reason_shop"]) for name, (house, _) in houses.items()}
    assert told["at the bus stop"] == ("met", "")
    assert told["same street"] == ("gap", "detour")  # 84 m walked; from its corner 64 m straight
    assert told["on the bridge"] == ("gap", "far")
    assert told["island"] == ("unreachable", "island")
    assert told["nowhere"] == ("unreachable", "unlinked")
    assert set(rows["verdict_clinic"]) == {"unmapped"}
    assert set(rows["reason_clinic"]) == {"no_facility"}


def test_every_building_keeps_its_row_and_no_minute_is_missing(written):
    run, houses, _ = written
    assert sorted(run.buildings["building"]) == sorted(house for house, _ in houses.values())
    assert run.buildings["building"].is_monotonic_increasing
    for service in SERVICES:
        assert run.buildings[f"minutes_{service}"].notna().all()
        assert ((run.buildings[f"facility_{service}"] == "") == np.isinf(run.buildings[f"minutes_{service}"])).all()


def test_the_referee_ran_and_agreed(written):
    run, houses, _ = written
    check = run.record["check"]
    assert check["sample"] == len(houses) * len(SERVICES)
    assert check["worst_difference_s"] < 1e-6


def test_minutes_follow_from_the_saved_tables_alone(written, tmp_path):
    """Links, edges and a textbook search give the minutes of every building and service again."""
    saved = circle.open(written[0].save(tmp_path / "run", published=False).folder)
    edges = pd.DataFrame(saved.edges[["edge", "u", "v", "length_m", "seconds_forward", "seconds_backward"]])
    links = saved.links.merge(edges, on="edge").assign(leg_s=lambda table: table["leg_m"] / 1.2)
    for service in SERVICES:
        offered = saved.facilities.loc[saved.facilities["service"] == service, "facility"]
        tied = links[(links["kind"] == "facility") & links["id"].isin(offered)]
        found = access.shortest_seconds(access.to_networkx(edges), links[links["kind"] == "building"], tied)
        again = saved.buildings["building"].map(found).fillna(np.inf).to_numpy() / 60
        assert saved.buildings[f"minutes_{service}"].to_numpy() == pytest.approx(again, abs=1e-9)


def test_numbers_and_where_the_town_lies_change_no_minute(written, tmp_path):
    run, houses, _ = written
    before = run.buildings.set_index("building")["minutes_shop"] * 60
    town, other = planted(lon=-70.6, lat=30.2, first=5_000_000_000)
    after = circle.run(town.write(tmp_path / "other.osm")).buildings.set_index("building")["minutes_shop"] * 60
    for name, (house, _) in houses.items():
        assert after[other[name][0]] == pytest.approx(before[house], abs=3 * CM), name


def test_the_order_of_objects_in_the_file_changes_no_minute(written, tmp_path):
    run, _, _ = written
    town, _ = planted(lon=114.9, lat=30.2)
    turned = circle.run(town.write(tmp_path / "turned.osm", backwards=True))
    for service in SERVICES:
        column = f"minutes_{service}"
        assert turned.buildings[column].to_numpy() == pytest.approx(run.buildings[column].to_numpy(), abs=1e-7)
    assert turned.buildings["building"].tolist() == run.buildings["building"].tolist()


def test_an_object_that_offers_two_services_serves_both(tmp_path):
    """A shop that is a market hall too is saved once as a link, and reached for both."""
    town = Town()
    town.street((0, 0), (300, 0))
    house = town.house(50, 6)
    town.offers.append((f"node/{town.node(150, -6, shop='convenience', amenity='marketplace')}", "shop", None))
    run = circle.run(town.write(tmp_path / "two.osm"))
    row = run.buildings.set_index("building").loc[house]
    assert row["minutes_shop"] == row["minutes_market"] == pytest.approx(112 / 72, abs=0.001)
    assert run.links[run.links["kind"] == "facility"]["id"].tolist() == [row["facility_shop"]]
    assert run.record["check"]["worst_difference_s"] < 1e-6


def test_a_file_without_any_facility_still_answers(tmp_path):
    town = Town()
    town.street((0, 0), (300, 0))
    town.house(50, 6)
    town.zone("compound", [(0, -50), (300, -50), (300, 50), (0, 50)], "矿山路小区")
    run = circle.run(town.write(tmp_path / "plain.osm"))
    assert set(run.buildings["verdict"]) == {"unmapped"}
    assert run.summary["shares"]["all"]["buildings"]["share_met"] is None
    run.save(tmp_path / "run", published=False)
    assert len(circle.open(tmp_path / "run").facilities) == 0


def test_another_standard_and_walker():
    town = Town()
    town.street((0, 0), (2000, 0))
    house = town.house(500, 6)
    for service in OFFERS:
        town.offer(service, 0, -6)
    run = town.study("gb50180-10", "elderly")
    services = [limit.service for limit in run.standard.services]
    assert f"minutes_{services[0]}" in run.buildings
    assert run.record["walker"]["name"] == "elderly"
    assert run.record["standard"]["name"] == "gb50180-10"
    slow = town.study(walker="elderly").buildings.set_index("building").loc[house]
    assert slow["minutes_shop"] == pytest.approx(512 / 0.8 / 60, abs=1e-6)


@pytest.mark.parametrize(
    ("standard", "walker", "words"), [("five-minute", "cyclist", "no walker “cyclist”"), ("six-minute", None, "six-minute")]
)
def test_unknown_names_are_refused_with_what_there_is(standard, walker, words):
    with pytest.raises(RuleError, match=words):
        study.Study.of("town.osm", standard, walker)


def test_a_single_value_or_a_path_will_do_and_what_is_no_option_is_refused(tmp_path):
    one = Options(buildings=tmp_path / "a.csv", crs="GCJ-02", zones=[tmp_path / "b.csv", "c.csv:网格"], elevation="dem.tif")
    assert (one.buildings, one.crs) == ((str(tmp_path / "a.csv"),), ("GCJ-02",))
    assert one.zones == (str(tmp_path / "b.csv"), "c.csv:网格")
    assert one.elevation == Path("dem.tif")
    for name, words in (("buildngs", "did you mean 'buildings'"), ("out", "takes no out.*run.save")):
        with pytest.raises(RuleError, match=words):
            circle.run("town.osm", **{name: "x"})


def test_a_study_file_is_run_in_python_too(tmp_path):
    """What is said in Python goes before what the file says."""
    town = Town()
    town.street((0, 0), (300, 0))
    town.house(50, 6)
    town.offer("shop", 122, -6)
    town.write(tmp_path / "town.osm")
    (tmp_path / "study.toml").write_text('source = "town.osm"\nwalker = "elderly"\nstandard = "gb50180-5"\n', encoding="utf-8")
    run = circle.run(tmp_path / "study.toml")
    assert (run.record["walker"]["name"], run.record["standard"]["name"]) == ("elderly", "gb50180-5")
    other = circle.run(str(tmp_path / "study.toml"), "five-minute", walker="adult")
    assert (other.record["walker"]["name"], other.record["standard"]["name"]) == ("adult", "five-minute")
    assert repr(other) == "<Run of town.osm: 1 buildings, standard five-minute, walker adult; all services in time for 0.0% of the homes>"


def test_a_folder_that_is_no_run_is_refused(tmp_path):
    with pytest.raises(SourceError):
        circle.open(tmp_path)


def test_the_referee_counts_what_it_compared_and_nothing_else():
    town = Town()
    town.street((0, 0), (300, 0))
    for x in range(20, 280, 20):
        town.house(x, 6)
    town.offer("shop", 150, -6)
    run = town.study()
    tables = referee.Tables(run.buildings, run.facilities, run.edges, run.links)
    assert referee.check(tables, ("shop",), 1.2, sample=0, seed=1).sample == 0
    assert referee.check(tables, ("shop",), 1.2, sample=1000, seed=1).sample == 13
    part = referee.check(tables, ("shop",), 1.2, sample=4, seed=1)
    assert 1 <= part.sample <= 4
    assert part.worst_difference_s < 1e-6
    lost = tables.buildings.assign(minutes_shop=np.inf)  # the run says: no path; networkx finds one
    assert (
        referee.check(referee.Tables(lost, run.facilities, run.edges, run.links), ("shop",), 1.2, sample=1000, seed=1).worst_difference_s
        > 0
    )


def test_one_service_of_links_is_renumbered_and_nothing_else():
    town = Town()
    town.street((0, 0), (300, 0))
    town.house(50, 6)
    for x in (100, 200, 250):
        town.offer("shop", x, 5)
    links = town.measure().facilities
    part = links.of_shapes(np.asarray([0, 2]))
    assert isinstance(part, linkage.Links)
    assert part.row.tolist() == [0, 1]
    assert part.offset_m.tolist() == [links.offset_m[0], links.offset_m[2]]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ({"crs": ("own.csv=GCJ-02",)}, "--crs own.csv=GCJ-02 is about a file of yours"),
        ({"column": ("户数=households",)}, "--column 户数=households is about a file of yours"),
        ({"facilities_mode": ("clinic=replace",)}, "Name it with --facilities"),
        ({"population_unit": "count"}, "Name it with --population"),
    ],
)
def test_words_about_files_that_nobody_named_are_refused(tmp_path, words, says):
    with pytest.raises(SourceError, match=says):  # before the map is looked at
        study.run(tmp_path / "a.osm", **words)
