"""Scenarios where walls stand: legs of stations and of those who walk to them are tested as a full run tests them."""

from __future__ import annotations

from unittest.mock import patch

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from town import OFFERS, Town

import circle
from circle import rerun
from circle.scenario import Closing, Scenario, Station

SERVICES = tuple(OFFERS)


def blocks(walls: list[tuple[int, int, int, int]], offers: list[tuple[str, float, float]]) -> Town:
    """A town of 400 × 300 m with homes along and between its streets, walls where they are said, one facility of each service."""
    town = Town()
    for x in range(0, 401, 100):
        town.street(*((x, y) for y in range(0, 301, 100)))
    for y in range(0, 301, 100):
        town.street(*((x, y) for x in range(0, 401, 100)))
    for x in range(22, 400, 37):
        for y in (9, 41, 117, 163, 209, 262):
            if x % 100 < 88:
                town.house(x, y, 4.0)
    town.offer("shop", 30, -5)
    town.offer("market", 390, 295)
    town.offer("bus_stop", 200, 103)
    town.offer("service_centre", 395, 5)
    town.offer("clinic", 5, 290)
    for one in walls:
        town.wall(one[:2], one[2:])
    for offer in offers:
        town.offer(*offer)
    return town


def degrees(town: Town, x: float, y: float) -> tuple[float, float]:
    """As OSM rounds."""
    lon, lat = town.degrees(np.asarray([x]), np.asarray([y]))
    return float(f"{lon[0]:.7f}"), float(f"{lat[0]:.7f}")


def same(one: circle.Run, other: circle.Run, *, legs: bool = True) -> None:
    """Minutes, verdicts, reasons, barriers, fragility of every building are equal to the last bit; with `legs` so is what each walk takes.

    Where two links take the very same seconds either is right.
    """
    a, b = (run.buildings.set_index("building") for run in (one, other))
    for service in SERVICES:
        for what in ("minutes", "verdict", "reason", "barrier", "fragile", *(["leg_m"] if legs else [])):
            column = f"{what}_{service}"
            pd.testing.assert_series_equal(
                *(each[column].astype(str if what in ("verdict", "reason", "barrier") else each[column].dtype) for each in (a, b)),
                check_exact=True,
            )
    keys = ("shares", "verdicts", "reasons", "fragile")
    assert {key: one.summary[key] for key in keys} == {key: other.summary[key] for key in keys}


spots = st.tuples(st.sampled_from(SERVICES), st.integers(3, 397).map(lambda x: x + 0.5), st.integers(3, 297).map(lambda y: y + 0.5))
lines = st.tuples(st.integers(0, 400), st.integers(0, 300), st.integers(0, 400), st.integers(0, 300)).filter(lambda w: w[:2] != w[2:])


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(walls=st.lists(lines, min_size=1, max_size=6), offer=spots)
def test_a_station_among_walls_is_a_facility_that_was_there_all_along(tmp_path_factory, walls, offer):
    folder = tmp_path_factory.mktemp("walls")
    plain, with_it = blocks(walls, []), blocks(walls, [offer])
    before, full = (circle.run(town.write(folder / f"{name}.osm")) for name, town in (("before", plain), ("full", with_it)))
    service, x, y = offer
    station = Station("station/1", "", *degrees(plain, x, y), (service,))
    after = before.with_scenario(Scenario(stations=(station,)))
    same(after, full)
    assert after.record["scenario"]["worse"] == 0
    assert after.record["check"]["worst_difference_s"] < 1e-6
    closed = after.with_scenario(Scenario(closings=(Closing("station/1"),)))
    same(closed, before)
    new = full.facilities.loc[~full.facilities["facility"].isin(before.facilities["facility"]), "facility"].iloc[0]
    theirs, ours = (run.links[run.links["id"] == name] for run, name in ((full, new), (after, "station/1")))
    assert len(ours) == len(theirs) > 0
    assert (ours["flag"].astype(str).to_numpy() == theirs["flag"].astype(str).to_numpy()).all()
    assert ours["offset_m"].to_numpy() == pytest.approx(theirs["offset_m"].to_numpy(), abs=1e-9)


def test_what_bars_the_way_is_asked_near_the_change_as_it_would_be_everywhere(test_data):
    run = circle.run(test_data / "osm" / "berlin_borsigwalde_2026.osm.pbf")
    barred = run.buildings.geometry[(run.buildings["reason_bus_stop"] == "barrier").to_numpy()]
    spot = (barred if len(barred) else run.buildings.geometry).iloc[0].representative_point()
    shut = run.facilities.loc[run.facilities["service"] == "bus_stop", "facility"].iloc[0]
    plan = Scenario(stations=(Station("s", "", spot.x, spot.y, ("shop", "bus_stop")),), closings=(Closing(shut),))
    near = run.with_scenario(plan)
    with patch.object(rerun, "_moved", return_value=None):
        everywhere = run.with_scenario(plan)
    same(near, everywhere)
    for reason in ("reason_shop", "barrier_bus_stop"):
        assert (near.buildings[reason].astype(str) != run.buildings[reason].astype(str)).any()


def walled() -> Town:
    """A street, a wall 10 m south of it, a lane behind the wall 18 m from the street that leads round after 400 m."""
    town = Town()
    town.street((0, 0), (100, 0), (500, 0))
    town.street((0, -18), (500, -18))
    town.street((500, 0), (500, -18))
    town.wall((-50, -10), (450, -10))
    town.offer("shop", 490, -5)  # beyond the limit, so that no second link is asked for
    return town


def test_a_station_behind_a_wall_is_not_tied_across_it(tmp_path):
    town = walled()
    home = town.house(10, 6)
    run = circle.run(town.write(tmp_path / "wall.osm"))
    # 13 m from the street across the wall, 5 m from the lane
    after = run.with_scenario(Scenario(stations=(Station("s", "", *degrees(town, 10, -13), ("clinic",)),)))
    # 6 + 490 + 18 + 490 + 5 m at 1.2 m/s
    assert after.buildings.set_index("building")["minutes_clinic"][home] == pytest.approx((6 + 490 + 18 + 490 + 5) / 1.2 / 60, abs=1e-3)
    assert len(set(after.links.loc[after.links["id"] == "s", "edge"])) == 1


def test_a_leg_that_a_run_did_not_test_is_tested_when_a_station_draws_a_walk(tmp_path):
    """An older run saved untested legs that no walk took: here the home's second link, across the wall to the lane."""
    town = walled()
    home = town.house(10, 6)
    run = circle.run(town.write(tmp_path / "wall.osm"))
    (mine,) = np.flatnonzero((run.links["id"] == home).to_numpy())
    lane = int(run.edges.index[run.edges.geometry.bounds["maxy"] < 0][0])
    second = run.links.iloc[[mine]].assign(rank=1, edge=lane, leg_m=24.0, seen=False)
    links = pd.concat([run.links.iloc[: mine + 1], second, run.links.iloc[mine + 1 :]], ignore_index=True)
    run.links = links.astype({name: run.links[name].dtype for name in run.links})
    after = run.with_scenario(Scenario(stations=(Station("s", "", *degrees(town, 10, -20), ("clinic",)),)))
    assert after.buildings.set_index("building")["minutes_clinic"][home] == pytest.approx((6 + 490 + 18 + 490 + 2) / 1.2 / 60, abs=1e-3)
    assert after.links.loc[after.links["id"] == home, "rank"].tolist() == [0]
    assert after.links["seen"].all()
