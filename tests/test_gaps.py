"""Verdicts and reasons of whole studies of drawn towns. Restated: one minute to a shop at 1.2 m/s is 72 m; two to a market 144 m;
three to a bus stop 216 m; four to a service centre 288 m; five to a clinic 360 m."""  # fmt: skip

from __future__ import annotations

import numpy as np
import pytest
from town import OFFERS, Town

from circle import gaps, result, study
from circle.standards import Limit


def by_id(run: result.Run) -> dict[str, dict[str, object]]:
    return run.buildings.set_index("building").to_dict("index")


def row_of_houses(*metres: float, **box: tuple[float, float, float, float]) -> tuple[Town, dict[float, str]]:
    """A street with a shop at its start, 6 m off; houses so that the whole walk is `metres` long."""
    town = Town(**box)
    town.street((0, 0), (1000, 0))
    town.offer("shop", 0, -6)
    return town, {m: town.house(m - 12, 6) for m in metres}


def test_a_limit_that_is_exactly_met_is_met_and_a_centimetre_more_is_not():
    town, house = row_of_houses(71.99, 72.0, 72.01)
    run = by_id(town.study())
    assert [run[house[m]]["verdict_shop"] for m in (71.99, 72.0, 72.01)] == ["met", "met", "gap"]
    assert run[house[72.0]]["minutes_shop"] == pytest.approx(1.0, abs=1e-9)
    assert run[house[72.0]]["reason_shop"] == ""


def test_minutes_are_not_rounded_before_they_are_judged():
    """60.4 s would be a minute if rounded (72.48 m)."""
    town, house = row_of_houses(72.48)
    assert by_id(town.study())[house[72.48]]["verdict_shop"] == "gap"


def test_a_verdict_is_fragile_within_a_tenth_of_the_speed():
    """Met at 64 m also at 0.9 × 1.2 m/s (64.8 m a minute); not so at 66. Late at 79 m would be met at 1.1 × 1.2 (79.2 m); not so at 80."""
    town, house = row_of_houses(64, 66, 79, 80)
    run = by_id(town.study())
    assert {m: (run[h]["verdict_shop"], run[h]["fragile_shop"]) for m, h in house.items()} == {
        64: ("met", False),
        66: ("met", True),
        79: ("gap", True),
        80: ("gap", False),
    }


def test_a_verdict_is_fragile_when_the_runner_up_link_is_too_long():
    """15 m by the street in front; by the street behind, the only other link, 300 m and more."""
    town = Town()
    town.street((0, 0), (300, 0))
    town.street((0, 0), (0, 30), (300, 30))
    doubtful, sure = town.house(100, 12, size=1), town.house(100, -12, size=1)
    town.offer("shop", 103, -12)
    run = by_id(town.study())
    assert run[doubtful]["verdict_shop"] == run[sure]["verdict_shop"] == "met"
    assert run[doubtful]["fragile_shop"]
    assert not run[sure]["fragile_shop"]


def test_far_is_what_even_a_straight_line_cannot_mend():
    """Both walk far more than 72 m. One has the shop 40 m away behind a river without a bridge; the other 90 m away."""
    town = Town()
    town.street((-200, 0), (200, 0), (200, 80), (-200, 80))
    town.offer("shop", 0, 74)
    detour, far = town.house(0, 6, size=12), town.house(-80, 6)
    run = by_id(town.study())
    # from its top at (0, 30) it is 44 m to the shop; walked 6 + 200 + 80 + 200 + 6 m
    assert run[detour]["minutes_shop"] == pytest.approx(492 / 72, abs=1e-4)
    assert (run[detour]["verdict_shop"], run[detour]["reason_shop"]) == ("gap", "detour")
    assert (run[far]["verdict_shop"], run[far]["reason_shop"]) == ("gap", "far")  # from (−75, 11) or (−80, 16): √(80² + 58²) m


def test_the_straight_line_starts_at_the_door():
    """The outline is 60 m from the shop, its door 90 m: even the straight line from the door is too long."""
    town = Town()
    town.street((-200, 0), (200, 0), (200, 200), (0, 200))
    house = town.plot([(0, 10), (20, 10), (20, 40), (0, 40)])
    town.offer("shop", 10, 100)
    assert by_id(town.study())[house]["reason_shop"] == "detour"
    town.door(10, 10)
    assert by_id(town.study())[house]["reason_shop"] == "far"


def test_no_facility_in_the_data_is_unmapped_and_not_absent():
    town, house = row_of_houses(50)
    run = town.study()
    row = by_id(run)[house[50]]
    assert row["verdict_shop"] == "met"
    for service in ("market", "bus_stop", "service_centre", "clinic"):
        assert (row[f"verdict_{service}"], row[f"reason_{service}"]) == ("unmapped", "no_facility")
        assert not row[f"fragile_{service}"]
        assert row[f"minutes_{service}"] == np.inf
    assert row["verdict"] == "unmapped"
    assert row["gaps"] == 0
    assert run.summary["findings"]["sources.no_facility"] == 4
    none = {"counted": 1, "met": 0, "gap": 0, "unmapped": 1, "share_met": None, "share_unmapped": 1.0, "fragile": 0, "share_fragile": 0.0}
    assert run.summary["shares"]["clinic"]["buildings"] == none


@pytest.mark.parametrize(("margin", "verdict"), [(60, "unmapped"), (80, "gap")])
def test_near_the_edge_of_the_data_a_gap_is_unmapped(margin, verdict):
    """The shop is 500 m away; the data end 60 m north of the house (a nearer shop may lie there) or 80 m (not within a minute)."""
    town = Town(box=(-3000.0, -3000.0, 3000.0, 16.0 + margin))
    town.street((0, 0), (1000, 0))
    town.offer("shop", 0, -6)
    late, near = town.house(488, 6), town.house(30, 6)  # their tops lie at y = 16
    run = by_id(town.study())
    assert run[late]["verdict_shop"] == verdict
    assert run[late]["reason_shop"] == ("data_edge" if verdict == "unmapped" else "far")
    assert run[near]["verdict_shop"] == "met"  # what is near is near, whatever lies outside


def test_no_path_is_unreachable_with_its_cause():
    town, house = row_of_houses(50)
    town.street((400, 700), (480, 700))
    island, nowhere = town.house(440, 706), town.house(0, 1500)
    run = town.study()
    rows = by_id(run)
    assert (rows[island]["verdict_shop"], rows[island]["reason_shop"]) == ("unreachable", "island")
    assert (rows[nowhere]["verdict_shop"], rows[nowhere]["reason_shop"]) == ("unreachable", "unlinked")
    assert rows[island]["minutes_shop"] == rows[nowhere]["minutes_shop"] == np.inf
    assert rows[nowhere]["leg_m_shop"] == np.inf
    assert rows[nowhere]["verdict"] == "unreachable"
    assert rows[house[50]]["verdict"] == "unmapped"
    assert run.summary["findings"]["linkage.island"] == 1
    assert run.summary["findings"]["linkage.unlinked"] == 1


def test_the_worst_verdict_and_the_number_of_gaps():
    """All five at one spot, 6 m off the street: the walks are equal, the limits are not."""
    town = Town()
    town.street((0, 0), (1000, 0))
    for service in OFFERS:
        town.offer(service, 0, -6)
    house = {m: town.house(m - 12, 6) for m in (60, 100, 200, 250, 300, 400)}
    rows = by_id(town.study())
    assert {m: (rows[h]["verdict"], rows[h]["gaps"]) for m, h in house.items()} == {
        60: ("met", 0),
        100: ("gap", 1),
        200: ("gap", 2),
        250: ("gap", 3),
        300: ("gap", 4),
        400: ("gap", 5),
    }


def test_shares_count_homes_by_building_and_by_household():
    """Two homes of 30 and 10 households, one of them in time; an office, in time, is not counted but keeps its row."""
    town = Town()
    town.street((0, 0), (1000, 0))
    town.offer("shop", 0, -6)
    near, far = town.house(40, 6, **{"building:flats": "30"}), town.house(400, 6, **{"building:flats": "10"})
    office = town.house(20, 6, building="office")
    run = town.study()
    shares = run.summary["shares"]["shop"]
    assert shares["limit_min"] == 1
    known = {"unmapped": 0, "share_unmapped": 0.0, "fragile": 0, "share_fragile": 0.0}
    assert shares["buildings"] == {"counted": 2, "met": 1, "gap": 1, "share_met": 0.5, **known}
    assert shares["households"] == {"counted": 40.0, "met": 30.0, "gap": 10.0, "share_met": 0.75, **known}
    assert run.summary["verdicts"]["shop"] == {"met": 2, "gap": 1, "unreachable": 0, "unmapped": 0}  # of all buildings
    assert run.summary["reasons"]["shop"] == {"far": 1}
    assert set(by_id(run)) == {near, far, office}
    all_ = run.summary["shares"]["all"]["buildings"]
    assert (all_["met"], all_["gap"], all_["unmapped"]) == (0, 1, 1)


def test_shares_by_zone():
    town = Town()
    town.street((0, 0), (1000, 0))
    town.offer("shop", 0, -6)
    for x in (20, 40, 200):
        town.house(x, 6, **{"building:flats": "10"})
    town.house(400, 6, **{"building:flats": "30"})
    west = town.zone("grid", [(-50, -50), (300, -50), (300, 50), (-50, 50)], "West")
    east = town.zone("grid", [(300, -50), (700, -50), (700, 50), (300, 50)], "East")
    empty = town.zone("compound", [(2000, -50), (2100, -50), (2100, 50), (2000, 50)], "Empty")
    zones = town.study().zones
    shop = zones[zones["service"] == "shop"].set_index("zone")
    assert shop.loc[["place", west, east, empty], "buildings"].tolist() == [4, 3, 1, 0]
    assert shop.loc[["place", west, east, empty], "met"].tolist() == [2, 2, 0, 0]
    assert shop.loc[["place", west, east, empty], "gap"].tolist() == [2, 1, 1, 0]
    assert shop.loc[["place", west, east], "share_buildings_met"].tolist() == pytest.approx([2 / 4, 2 / 3, 0])
    assert shop.loc[["place", west, east], "share_households_met"].tolist() == pytest.approx([20 / 60, 20 / 30, 0])
    assert np.isnan(shop.loc[empty, "share_buildings_met"])
    assert set(zones["service"]) == {"all", *OFFERS}


def test_a_slower_walker_never_meets_more():
    town, _ = row_of_houses(20, 44, 52, 64, 66, 72, 79, 80, 100, 150, 300, 350)
    met = []
    for walker in ("adult", "planning", "elderly"):
        table = town.study(walker=walker).buildings
        met.append(set(table.loc[table["verdict_shop"] == "met", "building"]))
    assert met[0] > met[1] > met[2]


def test_judging_does_not_write_to_its_inputs():
    town, _ = row_of_houses(20, 72, 79, 300)
    walk = town.measure().walk
    before = walk.seconds.copy()
    place = town.place()
    nothing = np.empty(0, dtype=object)
    setting = gaps.Setting(
        np.asarray(place.buildings.geometry), np.ones(4), np.full(4, 1e4), np.ones(4, dtype=bool), np.zeros(4, dtype=bool)
    )
    shop = study.Study.of("x", "five-minute").standard.limit("shop")
    assert isinstance(shop, Limit)
    told = gaps.judge(shop, walk, np.asarray(place.facilities.geometry), setting, 1.2)
    assert told["verdict_shop"].tolist() == ["met", "met", "gap", "gap"]
    assert walk.seconds.tolist() == before.tolist()
    none = gaps.judge(shop, walk, nothing, setting, 1.2)
    assert set(none["verdict_shop"]) == {"unmapped"}


def test_shares_of_what_cannot_be_judged_and_of_close_calls():
    """Homes 64, 66, 79 and 80 m from the shop: the middle two flip with a tenth of the speed. Nobody knows about clinics."""
    town, _ = row_of_houses(64, 66, 79, 80)
    shares = town.study().summary["shares"]
    for unit in ("buildings", "households"):
        assert (shares["shop"][unit]["fragile"], shares["shop"][unit]["share_fragile"], shares["shop"][unit]["share_unmapped"]) == (
            2,
            0.5,
            0,
        )
        assert (shares["clinic"][unit]["share_fragile"], shares["clinic"][unit]["share_unmapped"]) == (0, 1)
        assert shares["all"][unit]["fragile"] == 2
