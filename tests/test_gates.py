"""Gates that a scenario opens or closes: what a full run says of a map on which they are open or closed."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from test_rerun_walls import degrees, same
from town import Town

import circle
from circle.errors import PlaceError
from circle.scenario import Scenario, Station

TAGS = {"all": {"access": "yes"}, "residents": {"access": "private"}, "nobody": {"locked": "yes"}}


def estate(passages: tuple[str, str, str], lane: str = "yes") -> tuple[Town, list[str]]:
    """A compound of 200 × 160 m with a wall and three gates (west, east, north), streets around it, homes inside and outside."""
    town = Town()
    for line in ([(-100, -40), (0, -40), (200, -40), (300, -40)], [(-100, 200), (100, 200), (300, 200)]):
        town.street(*line)
    for x in (-100, 300):
        town.street((x, -40), (x, 80), (x, 200))
    town.street((-100, 80), (-10, 80))
    town.street((210, 80), (300, 80))
    town.street((-10, 80), (0, 80), (100, 80), (200, 80), (210, 80), access=lane)
    town.street((100, 80), (100, 160), (100, 200))
    town.street((100, 80), (100, 20), highway="footway")
    town.wall((0, 0), (200, 0), (200, 80), (200, 160), (100, 160), (0, 160), (0, 80), (0, 0))
    town.zone("compound", [(0, 0), (200, 0), (200, 160), (0, 160)], "小区")
    gates = [town.gate(*spot, **TAGS[word]) for spot, word in zip(((0, 80), (200, 80), (100, 160)), passages, strict=True)]
    for x, y in ((8, 70), (40, 87), (150, 70), (192, 90), (107, 150), (93, 172), (-8, 90), (208, 70), (-90, 30), (110, 30), (280, 190)):
        town.house(x, y, 2.5)
    town.offer("clinic", 150, 92)
    town.offer("shop", -60, 86)
    town.offer("bus_stop", 250, 194)
    town.offer("market", 290, -36)
    return town, gates


WORDS = ("all", "residents", "nobody")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Runs of towns as files: OSM rounds, and saved tables hold what it rounded."""
    folder, number = tmp_path_factory.mktemp("gates"), itertools.count()
    return lambda town: circle.run(town.write(folder / f"{next(number)}.osm"))


@settings(max_examples=6, deadline=None, phases=[Phase.generate])
@given(
    was=st.tuples(*[st.sampled_from(WORDS)] * 3),
    now=st.tuples(*[st.sampled_from(("all", "nobody", None))] * 3),
    lane=st.sampled_from(["yes", "private"]),
)
def test_gates_by_a_scenario_are_gates_of_the_map(run, was, now, lane):
    then = tuple(after or before for before, after in zip(was, now, strict=True))
    (town, gates), (changed, _) = estate(was, lane), estate(then, lane)
    said = [(gate, after) for gate, before, after in zip(gates, was, now, strict=True) if after and after != before]
    plan = Scenario(
        opened=tuple(gate for gate, word in said if word == "all"), closed=tuple(gate for gate, word in said if word == "nobody")
    )
    before = run(town)
    after, full = before.with_scenario(plan), run(changed)
    same(after, full)
    assert after.gates["passage"].tolist() == list(then)
    assert after.edges["access"].value_counts().to_dict() == full.edges["access"].value_counts().to_dict()
    ours, theirs = (run.links.groupby(run.links["id"].astype(str))["leg_m"].min().to_dict() for run in (after, full))
    assert ours == pytest.approx(theirs, abs=1e-9)
    for code in ("network.enclosed", "network.island", "linkage.unlinked"):
        assert after.summary["findings"].get(code) == full.summary["findings"].get(code)
    assert after.record["scenario"]["worse"] == 0
    assert after.record["check"]["worst_difference_s"] < 1e-6
    assert (before.gates["passage"].to_numpy() == np.asarray(was)).all()


def test_there_and_back_is_nowhere(run):
    """Closed and opened again, everybody walks as before."""
    town, gates = estate(("all", "nobody", "all"))
    before = run(town)
    closed = before.with_scenario(Scenario(closed=(gates[0], gates[2]), opened=(gates[1],)))
    assert (closed.buildings["minutes_shop"] > before.buildings["minutes_shop"] + 0.5).any()
    again = closed.with_scenario(Scenario(opened=(gates[0], gates[2]), closed=(gates[1],)))
    same(again, before)


@pytest.mark.parametrize("which", [(0,), (1, 2), (0, 1, 2)])
def test_closing_gates_shortens_no_walk_and_leads_nobody_through_the_wall(run, which):
    """With all three shut, who lives inside cannot leave: the lanes there are closed off, and no island that one would step around."""
    town, gates = estate(("all", "residents", "all"))
    before = run(town)
    after = before.with_scenario(Scenario(closed=tuple(gates[one] for one in which)))
    for service in ("shop", "bus_stop", "market", "clinic"):
        assert (after.buildings[f"minutes_{service}"] >= before.buildings[f"minutes_{service}"] - 1e-9).all()
    inside = after.buildings["compound"].astype(str) != ""
    assert inside.sum() == 6
    assert np.isinf(after.buildings.loc[inside, "minutes_shop"]).all() == (len(which) == 3)
    assert not (after.links["flag"] == "crossing").any()


def test_a_gate_and_a_station_in_one_scenario(run):
    town, gates = estate(("nobody", "nobody", "nobody"))
    before = run(town)
    lon, lat = degrees(town, 60, 76)
    plan = Scenario(stations=(Station("s", "", lon, lat, ("shop",)),), opened=(gates[0],))
    after = before.with_scenario(plan)
    full, _ = estate(("all", "nobody", "nobody"))
    same(after, run(full).with_scenario(replace(plan, opened=())))
    assert after.record["scenario"]["worse"] == 0


@pytest.mark.parametrize(("gate", "was", "says"), [(0, "all", "open to everybody already"), (1, "nobody", "shut to everybody already")])
def test_what_a_gate_is_already_is_refused(run, gate, was, says):
    town, gates = estate(("all", "nobody", "residents"))
    plan = Scenario(opened=(gates[gate],)) if was == "all" else Scenario(closed=(gates[gate],))
    with pytest.raises(PlaceError, match=says):
        run(town).with_scenario(plan)


def test_a_gate_where_paths_meet_without_a_wall_is_refused(run):
    town = Town()
    for end in ((100, 0), (-100, 0), (0, 100)):
        town.street((0, 0), end)
    town.house(50, 6)
    town.offer("shop", 90, 6)
    gate = town.gate(0, 0, access="yes")
    with pytest.raises(PlaceError, match="3 paths meet in node/"):
        run(town).with_scenario(Scenario(closed=(gate,)))


def test_gates_of_a_real_place(test_data, tmp_path):
    """Every kind of gate of Borsigwalde at once: a planner's table of gates, and a scenario on the run without it."""
    source = test_data / "osm" / "berlin_borsigwalde_2026.osm.pbf"
    before = circle.run(source)
    on_paths = set(before.nodes["gate"]) - {""}
    table = before.gates[before.gates["gate"].isin(on_paths)]
    opened = table.loc[table["passage"] != "all", "gate"].tolist()[::2][:12]
    closed = table.loc[table["passage"] != "nobody", "gate"].tolist()[1::3][:12]
    closed = [gate for gate in closed if gate not in opened]
    plan = Scenario(opened=tuple(opened), closed=tuple(closed))
    rows = pd.DataFrame({"编号": [*opened, *closed], "通行": ["开放"] * len(opened) + ["关闭"] * len(closed)})
    rows.to_csv(tmp_path / "gates.csv", index=False)
    full = circle.run(source, gates=(str(tmp_path / "gates.csv"),))
    same(before.with_scenario(plan), full, legs=False)
