"""One building in full: legs that sum to its minutes, and a sentence for every verdict and reason in both languages.
Restated: one minute to a shop at 1.2 m/s is 72 m; steps are climbed at 0.5 m/s."""  # fmt: skip

from __future__ import annotations

import json
import re
from itertools import pairwise
from pathlib import Path
from string import Formatter

import numpy as np
import pytest
from commands import one
from town import Town

import circle
from circle import explain, gaps, linkage, rules
from circle.errors import PlaceError, RuleError
from circle.result import Run

KUANGSHAN = Path(__file__).resolve().parent.parent / "data" / "kuangshan" / "kuangshan.osm.pbf"
MILLISECOND_MIN = 1e-3 / 60


def legs_are_the_minutes(run: Run, buildings: list[str]) -> int:
    """Every walk of these buildings, leg by leg; how many there were."""
    walked = 0
    rows = run.buildings.set_index("building")
    linked = set(run.links.loc[run.links["kind"] == "building", "id"])
    for limit in run.standard.services:
        for building in buildings:
            minutes = rows.at[building, f"minutes_{limit.service}"]
            if building not in linked:
                assert np.isinf(minutes)
                continue
            route = run.route(building, limit.service)
            if np.isinf(minutes):
                assert route.legs == ()
                continue
            assert sum(leg.seconds for leg in route.legs) / 60 == pytest.approx(minutes, abs=MILLISECOND_MIN), (building, limit.service)
            assert route.facility == rows.at[building, f"facility_{limit.service}"]
            told = explain._steps(route.legs, float(run.record["walker"]["speed_m_per_s"]), None)
            assert sum(step.seconds for step in told) == pytest.approx(route.seconds, abs=1e-6)
            walked += 1
    return walked


@pytest.fixture(scope="module")
def kuangshan() -> Run:
    return circle.run(KUANGSHAN)


def test_the_legs_of_every_building_of_kuangshan_sum_to_its_minutes(kuangshan):
    buildings = kuangshan.buildings["building"].tolist()
    assert legs_are_the_minutes(kuangshan, buildings) > 4 * len(buildings)


def test_the_legs_of_a_sample_of_las_palmas_sum_to_its_minutes(test_data):
    run = circle.run(test_data / "osm" / "las_palmas_2023.osm.pbf")
    rows = np.random.default_rng(7).permutation(len(run.buildings))[:12]
    assert legs_are_the_minutes(run, run.buildings["building"].iloc[rows].tolist()) > 50


def planted() -> tuple[Run, dict[str, str]]:
    """A street with a shop; houses on it, across stairs, far away, on an island, nowhere."""
    town = Town()
    town.street((-200, 0), (100, 0), (1000, 0), name="矿一路")
    town.street((100, 0), (100, 60), highway="steps")
    town.street((100, 60), (100, 200), access="private")
    town.street((600, 700), (660, 700))
    town.street((-200, 0), (-200, 90), (0, 90))
    town.offer("shop", 0, -6)
    houses = {
        "near": town.house(40, 6, name="门前楼"),
        "stairs": town.house(106, 90, size=4, **{"addr:housenumber": "3"}),
        "far": town.house(500, 6, name="同名楼"),
        "twin": town.house(560, 6, name="同名楼"),
        "island": town.house(630, 706),
        "nowhere": town.house(0, 1900),
        "round": town.house(-8, 50, size=17),
    }
    return town.study(), houses


@pytest.fixture(scope="module")
def town() -> tuple[Run, dict[str, str]]:
    return planted()


def test_a_walk_is_told_street_by_street_with_what_slows_it(town):
    run, houses = town
    told = run.explain(houses["stairs"], "shop")
    assert repr(told).splitlines() == [*told.lines("zh"), "", *told.lines("en")]
    kinds = [(step.kind, step.name, step.way_class, step.private, round(step.length_m), round(step.seconds, 1)) for step in told.steps]
    assert kinds == [
        ("door", "", "", False, 2, round(2 / 1.2, 1)),
        ("way", "", "residential", True, 34, round(34 / 1.2, 1)),
        ("way", "", "steps", False, 60, 120.0),
        ("way", "矿一路", "residential", False, 100, round(100 / 1.2, 1)),
        ("goal", "", "", False, 6, 5.0),
    ]
    assert told.steps[2].slower_s == pytest.approx(120 - 50, abs=1e-3)
    assert told.minutes * 60 == pytest.approx(sum(step.seconds for step in told.steps), abs=1e-6)
    english, chinese = told.lines("en"), told.lines("zh")
    assert any("stairs, 70.0 s more" in line for line in english)
    assert any("private" in line for line in english)
    assert any("along 矿一路: 100.0 m" in line for line in english)
    assert any("台阶多花 70.0 秒" in line for line in chinese)
    assert len(english) == len(chinese)
    assert not re.search(r"[{}]", "\n".join([*english, *chinese]))


def test_margin_straight_line_and_runner_up_stand_beside_the_walk(town):
    run, houses = town
    told = run.explain(houses["near"], "shop")
    assert told.verdict == "met"
    assert told.reason_sentence("en") == ""
    assert told.margin_min == pytest.approx(1 - 52 / 72, abs=1e-6)  # 6 + 40 + 6 m
    assert told.beside_m == pytest.approx(np.hypot(40 - 5 * 0, 12), abs=3)
    text = "\n".join(told.lines("en"))
    assert "0.72 min on foot, limit 1 min, 0.28 min to spare" in text
    assert "In a straight line to node/" in text
    runner_up = run.route(houses["near"], "shop").runner_up_s
    assert (f"next best link: {runner_up / 60:.2f} min" in text) == np.isfinite(runner_up)


@pytest.mark.parametrize(
    ("house", "reason", "english", "chinese"),
    [
        ("far", "far", "Too far: even in a straight line", "太远"),
        ("round", "detour", "A detour: node/", "绕行"),
        ("island", "island", "An island", "孤岛"),
        ("nowhere", "unlinked", "Unlinked", "无路"),
    ],
)
def test_the_reason_is_a_sentence_in_both_languages(town, house, reason, english, chinese):
    run, houses = town
    told = run.explain(houses[house], "shop")
    assert told.reason == reason
    assert told.reason_sentence("en").startswith(english)
    assert told.reason_sentence("zh").startswith(chinese)
    assert told.lines("en")[2] == told.reason_sentence("en")


def test_every_verdict_reason_and_flag_has_a_sentence_and_both_languages_fill_in_the_same():
    known = rules.sentences()
    assert {f"verdict.{word}" for word in gaps.VERDICTS} <= set(known)
    assert {f"reason.{word}" for word in gaps.REASONS if word} <= set(known)
    assert {f"flag.{word}" for word in linkage.FLAGS if word} <= set(known)

    def filled(text: str) -> set[str]:
        return {name for _, name, _, _ in Formatter().parse(text) if name}

    for key, label in known.items():
        assert filled(label.zh) == filled(label.en), key
        assert re.search(r"[\u4e00-\u9fff]", label.zh), key
        assert not re.search(r"[\u4e00-\u9fff]", label.en), key


def test_no_facility_and_the_edge_of_the_data_are_said_plainly(town):
    run, houses = town
    told = run.explain(houses["near"], "clinic")
    assert (told.verdict, told.reason, told.steps) == ("unmapped", "no_facility", ())
    assert "does not mean that there is none" in told.reason_sentence("en")
    edge = Town(box=(-3000.0, -3000.0, 3000.0, 60.0))
    edge.street((0, 0), (1000, 0))
    edge.offer("shop", 0, -6)
    house = edge.house(488, 6)
    assert edge.study().explain(house, "shop").reason_sentence("en").startswith("Edge of the data")


def test_a_hair_beyond_the_limit_is_not_rounded_away():
    near = Town()
    near.street((0, 0), (1000, 0))
    near.offer("shop", 0, -6)
    house = near.house(60.05, 6)
    assert "1.001 min on foot, limit 1 min, 0.001 min too many" in near.study().explain(house, "shop").verdict_sentence("en")


def test_a_building_may_be_called_by_id_number_or_name(town):
    run, houses = town
    table = run.buildings
    for said in (houses["near"], houses["near"].removeprefix("way/"), "门前楼", " 门前楼 "):
        assert explain.find(table, said) == houses["near"]
    renamed = table.assign(name=table["name"].astype(str).where(table["building"] != houses["far"], "Tower A"))
    assert explain.find(renamed, "tower a") == houses["far"]
    with pytest.raises(PlaceError, match=f"2 buildings are called “同名楼”: {houses['far']} 同名楼; {houses['twin']}"):
        explain.find(table, "同名楼")
    with pytest.raises(PlaceError, match=f"Did you mean {houses['near']} 门前楼"):
        explain.find(table, "门前")
    with pytest.raises(PlaceError, match="There is no building “way/99999”"):
        explain.find(table, "way/99999")
    with pytest.raises(PlaceError):
        explain.find(table, "")


def test_a_mistyped_id_is_answered_with_close_ones(kuangshan):
    right = "way/900100000176"
    with pytest.raises(PlaceError, match=r"Did you mean .*way/9001000001"):
        explain.find(kuangshan.buildings, "way/90010000176")
    assert explain.find(kuangshan.buildings, right) == right


def test_an_unknown_service_is_refused(town):
    run, houses = town
    with pytest.raises(RuleError, match="no service “cinema”"):
        run.explain(houses["near"], "cinema")


def test_a_name_with_braces_or_line_ends_is_only_a_name(town):
    run, houses = town
    names = run.buildings["name"].astype(str).where(run.buildings["building"] != houses["far"], "{minutes}\n[red]x")
    odd = Run(**{**run.tables(), "buildings": run.buildings.assign(name=names)}, summary=run.summary, record=run.record)
    head = odd.explain(houses["far"], "shop").lines("en")[0]
    assert "{minutes} [red]x" in head
    assert "\n" not in head


def test_the_command_tells_it_and_writes_the_route(kuangshan, tmp_path):
    folder = kuangshan.save(tmp_path / "run", published=False).folder
    walk = tmp_path / "walk.geojson"
    told = one("explain", folder, "紫薇花园14栋", "--lang", "en", "--geojson", walk)
    assert told.status == 0, told
    assert told.out.count("min on foot") == 5
    drawn = json.loads(walk.read_text(encoding="utf-8"))
    legs = [f for f in drawn["features"] if f["properties"]["what"] == "leg" and f["properties"]["service"] == "clinic"]
    minutes = kuangshan.buildings.loc[kuangshan.buildings["name"] == "紫薇花园14栋", "minutes_clinic"].iloc[0]
    assert sum(leg["properties"]["seconds"] for leg in legs) / 60 == pytest.approx(minutes, abs=MILLISECOND_MIN)
    for before, after in pairwise(legs):  # one line, from door to facility
        assert after["geometry"]["coordinates"][0] == pytest.approx(before["geometry"]["coordinates"][-1], abs=1e-6)
    for words, status in (
        (("explain", folder, "way/1"), 2),
        (("explain", folder, "way/900100000176", "-s", "cinema"), 2),
        (("explain", folder, "way/900100000176", "-l", "fr"), 2),
        (("explain", tmp_path, "way/1"), 2),
    ):
        refused = one(*words)
        assert refused.status == status, refused
        assert "Traceback" not in refused.err


def test_walks_are_never_written_over_something_else(kuangshan, tmp_path):
    folder = kuangshan.save(tmp_path / "run", published=False).folder
    asked = ("explain", folder, "紫薇花园14栋", "-s", "clinic", "--geojson")
    mine, table, walk = tmp_path / "mine.geojson", tmp_path / "a.csv", tmp_path / "walk.geojson"
    mine.write_text(
        '{"type": "FeatureCollection", "features": [{"type": "Feature", "properties": {}, "geometry": null}]}', encoding="utf-8"
    )
    table.write_text("a,b\n", encoding="utf-8")
    copy = tmp_path / "copy.geojson"  # an input of the run, whatever it is called
    copy.write_bytes(KUANGSHAN.read_bytes())
    for target, says in ((mine, "holds no walks"), (table, "must end in .geojson"), (copy, "is a file that is read")):
        before = target.read_bytes()
        told = one(*asked, target)
        assert (told.status, told.out) == (2, "")
        assert says in told.err
        assert target.read_bytes() == before
    assert [one(*asked, walk).status for _ in range(2)] == [0, 0]
