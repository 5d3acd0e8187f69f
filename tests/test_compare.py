"""Two runs side by side: who gained, who lost, counted on a street that one can count on paper."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from town import Town

from circle import schema
from circle.compare import Side, compare
from circle.errors import RuleError
from circle.standards import Standard

ONE = {"building": "apartments", "building:flats": "10"}


def street(*shops: float, homes: int = 10) -> Town:
    """A street of 1,000 m, every 100 m a home of ten flats 6 m from it, shops at these metres; a compound holds the first five homes."""
    town = Town()
    town.street(*((x, 0) for x in range(0, 1001, 50)))
    for x in range(homes):
        town.house(x * 100, 6, **ONE)
    town.zone("compound", [(-50, -20), (450, -20), (450, 40), (-50, 40)], "西区")
    for x in shops:
        town.offer("shop", x, -2)
    return town


def side(town: Town, name: str, standard: str | Path = "five-minute") -> Side:
    run = town.study(standard)
    return Side(name, run.record, run.buildings, run.zones)


def test_homes_gained_and_lost_are_counted_by_building_household_and_zone():
    # a shop in time is at most 72 m away; the one at 0 serves the home at 0, its successor at 900 the home at 900
    found = compare(side(street(0), "before"), side(street(900), "after"))
    shop = found.summary["services"][0]
    assert (shop["service"], shop["gained"], shop["lost"], shop["met_before"], shop["met_after"]) == ("shop", 1, 1, 1, 1)
    assert (shop["households_gained"], shop["households_lost"], shop["buildings"]) == (10.0, 10.0, 10)
    zones = found.zones[found.zones["service"] == "shop"].set_index("zone")
    compound = zones[zones["layer"] == "compound"].iloc[0]
    assert (compound["name"], compound["buildings"], compound["gained"], compound["lost"]) == ("西区", 5, 0, 1)
    table = found.buildings.set_index("building")
    assert table["change_shop"].value_counts().to_dict() == {"same": 8, "gained": 1, "lost": 1}
    assert list(found.changed()["change"]) == ["lost", "gained"]  # equally many households: by id
    # homes 0…4 walk farther, 5…9 less: the two halves mirror each other
    assert (shop["quicker"], shop["slower"]) == (5, 5)
    assert shop["household_minutes"] == pytest.approx(0.0, abs=1e-6)


def test_the_tables_are_as_declared():
    found = compare(side(street(0), "a"), side(street(0, 500), "b"))
    schema.check(found.buildings, "compare", found.services)
    schema.check(found.zones, "compare_zones")


def test_a_run_and_itself_differ_in_nothing():
    one = side(street(0, 500), "a")
    found = compare(one, one)
    assert (found.buildings["change"] == "same").all()
    assert found.summary["notes"] == []
    assert all(each["household_minutes"] == 0.0 and each["quicker"] == each["slower"] == 0 for each in found.summary["services"])
    assert found.changed().empty


def test_no_path_before_and_after_is_no_change():
    one = side(street(0), "a")
    lost = one.buildings.assign(minutes_shop=np.inf, verdict_shop="unreachable")
    nowhere = replace(one, buildings=lost)
    assert compare(nowhere, nowhere).summary["services"][0]["slower"] == 0
    cut = compare(one, nowhere).summary["services"][0]
    assert (cut["slower"], cut["lost"], cut["household_minutes"]) == (10, 1, 0.0)  # minutes to nowhere cannot be added up


def test_only_what_both_have_is_compared_and_the_rest_is_told():
    found = compare(side(street(0), "a"), side(street(0, homes=8), "b"))
    assert len(found.buildings) == 8
    assert {"code": "buildings", "before": 2, "after": 0} in found.summary["notes"]


def with_limits(one: Side, **limits: float) -> Side:
    """The same run as if judged by these services and limits alone."""
    standard = Standard.from_dict(one.record["standard"])
    kept = tuple(replace(each, limit_min=limits[each.service]) for each in standard.services if each.service in limits)
    return replace(one, record={**one.record, "standard": replace(standard, services=kept).as_dict()})


def test_runs_with_other_services_compare_those_in_common():
    one = side(street(0), "a")
    found = compare(one, with_limits(one, shop=1.0))
    assert found.services == ("shop",)
    assert found.summary["notes"] == [{"code": "services", "before": ["market", "bus_stop", "service_centre", "clinic"], "after": []}]


def test_what_cannot_be_compared_is_refused_in_a_sentence():
    one = side(street(0), "a")
    with pytest.raises(RuleError, match=r"a asks for shop within 1 min .* b within 2 min .* means two things"):
        compare(one, replace(with_limits(one, shop=2.0), name="b"))
    with pytest.raises(RuleError, match="no service in common"):
        compare(with_limits(one, shop=1.0), with_limits(one, clinic=5.0))
    elsewhere = replace(one, name="b", buildings=one.buildings.assign(building=[f"x{n}" for n in range(len(one.buildings))]))
    with pytest.raises(RuleError, match="no building in common"):
        compare(one, elsewhere)


def test_another_walker_and_other_data_are_told():
    one = side(street(0), "a")
    slow = {**one.record, "walker": {**one.record["walker"], "speed_m_per_s": 0.8}, "inputs": [{"sha256": "1"}]}
    notes = compare(one, replace(one, record=slow)).summary["notes"]
    assert [note["code"] for note in notes] == ["walker", "data"]
