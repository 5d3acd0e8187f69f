"""Reasons of drawn towns, by arithmetic. Restated: one minute to a shop at 1.2 m/s is 72 m; a passage is at most 30 m wide; passages are
tried every 15 m along a barrier, so what one adds along the street is 15 m at most."""  # fmt: skip

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from town import Town

import circle
from circle import access, gaps, linkage, network, reasons, rules, standards
from circle.result import Run
from circle.verify import REASONS_OF

Line = list[tuple[float, float]]
SPOTS = [-130.5, -70.5, -10.5, 50.5, 110.5]


def asked(town: Town, *barriers: tuple[str, str, str, Line], visitors: bool = True) -> dict[str, tuple[str, str, str]]:
    """Verdict, reason and barrier of every building for shops; barriers are (id, kind, name, line or ring)."""
    place = town.place()
    walker = rules.walkers()["adult"]
    net = network.build(place.ways, place.vertices, place.plane, walker, place.findings)
    graph = access.Graph.of(net.edges, net.nodes)
    outlines = net.plane.project(place.buildings.geometry.to_numpy())
    offered = place.facilities[place.facilities["service"] == "shop"]
    goals = net.plane.project(offered.geometry.to_numpy())
    mine, theirs = linkage.link(outlines, net), linkage.link(goals, net, every=True)
    reach = access.search(graph, theirs, len(offered), 1.2, np.full(len(offered), visitors))
    walk = access.measure(graph, mine, len(outlines), theirs, reach, 1.2)
    linked = np.zeros(len(outlines), dtype=bool)
    linked[mine.row] = True
    setting = gaps.Setting(outlines, np.ones(len(outlines)), np.full(len(outlines), 1e5), linked, linked)
    limit = standards.load("five-minute").limit("shop")
    told = gaps.judge(limit, walk, goals, setting, 1.2)
    shapes = [shapely.Polygon(line) if line[0] == line[-1] else shapely.LineString(line) for *_, line in barriers]
    table = gpd.GeoDataFrame(
        {name: [barrier[column] for barrier in barriers] for column, name in enumerate(("barrier", "kind", "name"))},
        geometry=town._shapes(shapes),
        crs="EPSG:4326",
    )
    openings = reasons.Openings(table, net, outlines)
    blamed = openings.blame(told, reasons.Service("shop", 1.0, theirs, reach), reasons.Homes(outlines, mine), graph, 1.2)
    assert (blamed["verdict_shop"] == told["verdict_shop"]).all()
    columns = (blamed[f"{name}_shop"].astype(str) for name in ("verdict", "reason", "barrier"))
    return dict(zip(place.buildings["building"], zip(*columns, strict=True), strict=True))


def two_streets(apart: float = 20.0) -> tuple[Town, str]:
    """Two parallel streets that meet 200 m to the east; the house on one, the shop on the other: 432 m to walk, 32 m straight."""
    town = Town()
    town.street((-200, 0), (200, 0), (200, apart), (-200, apart))
    town.offer("shop", 0, apart + 6)
    return town, town.house(0, -6)


WALL = ("way/900", "wall", "", [(-190.0, 10.0), (190.0, 10.0)])


def test_a_wall_that_one_gate_would_open_is_to_blame():
    """6 + 20 + 6 m through the wall, and along the street at most 15 m more: within 72 m."""
    town, house = two_streets()
    assert asked(town)[house] == ("gap", "detour", "")
    assert asked(town, WALL)[house] == ("gap", "barrier", "way/900")


@pytest.mark.parametrize(("apart", "reason"), [(29.5, "barrier"), (30.5, "detour")])
def test_a_passage_is_no_wider_than_the_rule(apart, reason):
    town, house = two_streets(apart)
    assert asked(town, WALL)[house][1] == reason


@pytest.mark.parametrize(("along", "reason"), [(32.0, "barrier"), (42.0, "detour")])
def test_the_walk_through_the_passage_must_be_within_the_limit(along, reason):
    """6 + 20 + 6 m and the metres along the street: 64 m or 74 m, wherever the gate is between house and shop."""
    town = Town()
    town.street((-200, 0), (200, 0), (200, 20), (-200, 20))
    town.offer("shop", along, 26)
    house = town.house(0, -6)
    assert asked(town, WALL)[house][1] == reason


def test_a_railway_between_its_fences_gives_the_passage_its_name():
    town, house = two_streets()
    fences = [(f"way/{number}", "fence", "", [(-190.0, y), (190.0, y)]) for number, y in ((901, 6.0), (902, 14.0))]
    plain = ("way/903", "railway", "", [(-190.0, 9.0), (190.0, 9.0)])
    named = ("way/904", "railway", "京九铁路", [(-190.0, 12.0), (190.0, 12.0)])
    assert asked(town, *fences, plain, named)[house] == ("gap", "barrier", "way/904")
    assert asked(town, *fences, plain)[house] == ("gap", "barrier", "way/903")


def test_a_river_is_an_area_and_bars_the_way_with_its_banks():
    town, house = two_streets()
    river = ("relation/7", "water", "磁湖", [(-300.0, 4.0), (190.0, 4.0), (190.0, 16.0), (-300.0, 16.0), (-300.0, 4.0)])
    assert asked(town, river)[house] == ("gap", "barrier", "relation/7")


def test_no_passage_leads_through_a_house_or_a_garage():
    town, house = two_streets()
    town.plot([(-195, 6), (195, 6), (195, 14), (-195, 14)], building="office")
    assert asked(town, WALL)[house][1] == "detour"
    town, house = two_streets()
    garages = ("way/905", "building", "", [(-195.0, 12.0), (195.0, 12.0), (195.0, 14.0), (-195.0, 14.0), (-195.0, 12.0)])
    assert asked(town, WALL, garages)[house][1] == "detour"
    assert asked(town, garages)[house][1] == "detour"


def test_a_barrier_that_stands_elsewhere_is_not_to_blame():
    town, house = two_streets()
    assert asked(town, ("way/900", "wall", "", [(150.0, 10.0), (190.0, 10.0)]))[house] == ("gap", "detour", "")
    assert asked(town, ("way/900", "wall", "", [(-190.0, -40.0), (190.0, -40.0)]))[house] == ("gap", "detour", "")


def test_far_stays_far_and_met_stays_met():
    town, house = two_streets()
    far, near = town.house(-190, -6), town.house(20, 26)
    told = asked(town, WALL)
    assert told[far] == ("gap", "far", "")
    assert told[near] == ("met", "", "")
    assert told[house][1] == "barrier"


def test_a_street_that_crosses_the_wall_is_no_news():
    """The wall stands only where the two streets join through it: nothing else of it could be opened."""
    town, house = two_streets()
    short = ("way/900", "wall", "", [(180.0, 10.0), (260.0, 10.0)])
    assert asked(town, short)[house] == ("gap", "detour", "")


def test_a_closed_compound_is_barred_by_its_wall_and_not_an_island_of_the_map():
    """Streets inside a wall without a gate, 28 m from the shop's street: no path at all, and one gate would do: 6 + 28 + 6 + 15 m."""
    town = Town()
    town.street((-3000, 28), (3000, 28))
    for y in range(0, -600, -50):  # 4 km of streets are no island
        town.street((-150, y), (0, y), (150, y))
    town.street(*((0, y) for y in range(0, -600, -50)))
    town.offer("shop", 0, 34)
    house = town.house(20, -112, size=4)
    near = town.house(5, -6, size=4)
    ring = ("way/900", "wall", "紫薇花园", [(-160.0, -700.0), (160.0, -700.0), (160.0, 14.0), (-160.0, 14.0), (-160.0, -700.0)])
    assert asked(town)[near] == ("unreachable", "island", "")
    assert asked(town, ring)[near] == ("unreachable", "barrier", "way/900")
    assert asked(town, ring)[house] == ("unreachable", "island", "")  # too far inside: a gate would not do


def test_a_passage_does_not_make_a_private_yard_a_through_way():
    """House | wall | yard of others | their gate | shop: who comes from the public street may not walk through the yard."""
    town = Town()
    town.street((-200, 0), (200, 0), (200, 40))
    town.street((200, 40), (20, 40), (-200, 40))
    town.street((0, 20), (20, 20), (20, 40), access="private")
    town.offer("shop", 20, 46)
    house = town.house(10, -6)
    assert asked(town, WALL)[house][1] == "detour"
    town, house = Town(), ""
    town.street((-200, 0), (200, 0), (200, 40))
    town.street((200, 40), (20, 40), (-200, 40))
    town.street((0, 20), (20, 20), (20, 40))
    town.offer("shop", 20, 46)
    house = town.house(10, -6)
    assert asked(town, WALL)[house][1] == "barrier"  # 6 + 20 + 10 + 20 + 6 m over a public yard


def test_a_shop_behind_the_wall_serves_visitors_if_it_lets_them_in():
    def behind() -> tuple[Town, str]:
        town = Town()
        town.street((-200, 0), (200, 0), (200, 20))
        town.street((200, 20), (-200, 20), access="private")
        town.offer("shop", 0, 26)
        return town, town.house(0, -6)

    town, house = behind()
    assert asked(town, WALL)[house][1] == "barrier"
    assert asked(town, WALL, visitors=False)[house][:2] != ("gap", "barrier")


def test_other_buildings_do_not_matter():
    town, house = two_streets()
    alone = asked(town, WALL)[house]
    for x in (-150, -100, 60, 150):
        town.house(x, -6)
    assert asked(town, WALL)[house] == alone


def test_a_place_without_barriers_or_without_shops_answers():
    town, house = two_streets()
    assert asked(town)[house][2] == ""
    empty = Town()
    empty.street((0, 0), (100, 0))
    home = empty.house(50, 6)
    assert asked(empty, WALL)[home] == ("unmapped", "no_facility", "")


# --- whole studies


def rows_of(run: Run) -> dict[str, dict[str, object]]:
    return run.buildings.set_index("building").to_dict("index")


def test_a_study_names_the_wall_and_explains_it():
    town, house = two_streets()
    wall = town.wall((-190, 10), (190, 10), name="矿山围墙", barrier="wall")
    run = town.study()
    row = rows_of(run)[house]
    assert (row["verdict_shop"], row["reason_shop"], row["barrier_shop"]) == ("gap", "barrier", wall)
    assert run.summary["reasons"]["shop"] == {"barrier": 1}
    told = run.explain(house, "shop")
    assert f"through the wall ({wall} 矿山围墙)" in told.reason_sentence("en")
    assert f"在墙（{wall} 矿山围墙）上开一个不宽于 30 米的通道" in told.reason_sentence("zh")


def test_a_closed_gate_is_where_the_wall_would_be_opened():
    """One path leads straight through the wall, at a gate that nobody may pass: the passage has no width at all."""
    town = Town()
    town.street((-300, -25), (0, -25), (300, -25), (300, 45), (0, 45), (-300, 45))
    town.street((0, -25), (0, 10), (0, 45))
    wall = town.wall((-290, 10), (0, 10), (290, 10), barrier="wall")
    town.gate(0, 10, locked="yes", access="no", foot="no")
    town.offer("shop", -6, 30)
    house = town.house(6, -4, size=4)
    row = rows_of(town.study())[house]
    assert (row["verdict_shop"], row["reason_shop"], row["barrier_shop"]) == ("gap", "barrier", wall)


def test_without_the_wall_the_gate_or_the_limit_nothing_is_blamed():
    town, house = two_streets()
    town.wall((-190, 10), (0, 10), (190, 10), barrier="wall")
    town.street((0, 0), (0, 10), (0, 20))  # an open path through it, which joins neither street
    assert rows_of(town.study())[house]["reason_shop"] == "barrier"
    town, house = two_streets()
    town.wall((-190, 10), (190, 10), barrier="kerb")
    assert rows_of(town.study())[house]["reason_shop"] == "detour"


@settings(max_examples=15, deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.sampled_from([-120, -80, -40, 0, 40, 80, 120]), min_size=1, max_size=4, unique=True),
    st.lists(
        st.tuples(st.sampled_from([-130.5, -70.5, -10.5, 50.5, 110.5]), st.sampled_from([-7.0, 27.0])), min_size=1, max_size=5, unique=True
    ),
    st.lists(st.tuples(st.integers(-150, 100), st.integers(20, 90)), max_size=3),
)
def test_reasons_are_in_the_vocabulary_and_follow_the_verdict(shops, houses, walls):
    town = Town(box=(-400.0, -400.0, 300.0, 400.0))
    town.street((-200, 0), (0, 0), (200, 0), (200, 20), (-200, 20))
    town.street((-20, 300), (30, 300))
    homes = [town.house(x, y, size=4) for x, y in houses]
    lost, cut = town.house(0, 310, size=4), town.house(-300, -300)
    for x in shops:
        town.offer("shop", x, 24)
    for x, length in walls:
        town.wall((x, 10), (x + length, 10), barrier="wall")
    run = town.study()
    rows = rows_of(run)
    for building in (*homes, lost, cut):
        for limit in run.standard.services:
            verdict, reason = rows[building][f"verdict_{limit.service}"], rows[building][f"reason_{limit.service}"]
            assert reason in gaps.REASONS
            assert reason in REASONS_OF[verdict]
            assert (reason == "barrier") == (rows[building][f"barrier_{limit.service}"] != "")
    ids = set(run.barriers["barrier"])
    assert {rows[building]["barrier_shop"] for building in homes} <= {*ids, ""}


@pytest.mark.parametrize("name", ["beijing_yizhuang_2021.osm.pbf", "beijing_bupt_campus_2025.osm", "berlin_borsigwalde_2026.osm.pbf"])
def test_every_building_of_a_real_place_that_is_not_met_has_a_reason(test_data, name):
    run = circle.run(test_data / "osm" / name)
    for limit in run.standard.services:
        verdict, reason, barrier = (run.buildings[f"{one}_{limit.service}"].astype(str) for one in ("verdict", "reason", "barrier"))
        assert ((verdict == "met") == (reason == "")).all()
        for word, allowed in REASONS_OF.items():
            assert set(reason[verdict == word]) <= allowed
        assert ((reason == "barrier") == (barrier != "")).all()
        assert set(barrier) <= {*run.barriers["barrier"], ""}
