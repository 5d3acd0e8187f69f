"""The network: ways joined at shared nodes and nowhere else, lengths on the ellipsoid, seconds by walker and direction."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import shapely
from pyproj import Geod
from town import Town, drawn

from circle import network, rules
from circle.errors import Findings, NetworkError
from circle.projection import Plane

# Restated: an adult walks 1.2 m/s, and 0.5 m/s on steps; an older person 0.8 m/s.


def by_way(net: network.Network, way: int) -> pd.DataFrame:
    return net.edges[net.edges["way"] == way]


def test_a_street_is_one_edge_with_the_seconds_of_its_length():
    town = Town()
    street = town.street((0, 0), (30, 0), (30, 42))
    edge = by_way(town.net(), street)
    assert len(edge) == 1  # a bend is no junction
    assert edge["length_m"].iloc[0] == pytest.approx(72, abs=1e-6)
    assert edge["seconds_forward"].iloc[0] == pytest.approx(60, abs=1e-6)  # 72 m at 1.2 m/s
    assert edge["seconds_backward"].iloc[0] == pytest.approx(60, abs=1e-6)


def test_ways_are_cut_where_they_share_a_node():
    at = drawn("A----B----C\n     |\n     D", metres=12)
    town = Town()
    town.streets(at, "ABC", "BD")
    net = town.net()
    assert len(net.edges) == 3
    assert len(net.nodes) == 4
    assert net.edges["length_m"].tolist() == pytest.approx([60, 60, 48], abs=1e-6)
    assert set(net.nodes["component"]) == {0}


def test_a_bridge_does_not_touch_the_street_below():
    town = Town()
    town.street((-50, 0), (50, 0))
    town.street((0, -50), (0, 50), bridge="yes", layer="1")
    net = town.net()
    assert len(net.edges) == 2
    assert sorted(set(net.nodes["component"])) == [0, 1]


def test_two_nodes_at_one_spot_are_a_finding_and_not_a_junction():
    town = Town()
    through = town.node(0, 0)  # in the middle of its way
    town.street((-50, 0), through, (50, 0))
    end = town.node(0, 0)
    town.street(end, (0, 50))
    place = town.place()
    net = network.build(place.ways, place.vertices, place.plane, rules.walkers()["adult"], place.findings)
    (twin,) = [f for f in place.findings if f.code == "network.duplicate_node"]
    assert twin.id == f"node/{end}"
    assert f"node/{through}" in twin.detail
    assert sorted(set(net.nodes["component"])) == [0, 1]


def test_two_ends_at_one_spot_are_a_finding():
    town = Town()
    town.street((-50, 0), (0, 0))
    other = town.node(0, 0)
    town.street(other, (50, 0))
    place = town.place()
    net = network.build(place.ways, place.vertices, place.plane, rules.walkers()["adult"], place.findings)
    assert [f.id for f in place.findings if f.code == "network.duplicate_node"] == [f"node/{other}"]
    assert len(set(net.nodes["component"])) == 2


@pytest.mark.parametrize(
    ("tags", "forward", "backward"),
    [
        ({"oneway": "yes"}, 60, 60),  # cars only
        ({"oneway:foot": "yes"}, 60, np.inf),
        ({"oneway:foot": "-1"}, np.inf, 60),
        ({"highway": "footway", "oneway": "yes"}, 60, np.inf),
        ({"highway": "steps"}, 144, 144),  # 72 m at 0.5 m/s
        ({"highway": "steps", "conveying": "forward"}, 144, np.inf),
    ],
)
def test_direction_and_class_of_a_way(tags, forward, backward):
    town = Town()
    street = town.street((0, 0), (72, 0), **tags)
    edge = by_way(town.net(), street).iloc[0]
    assert edge["seconds_forward"] == pytest.approx(forward, abs=1e-6)
    assert edge["seconds_backward"] == pytest.approx(backward, abs=1e-6)


@pytest.mark.parametrize(
    ("walker", "street_s", "steps_s"),
    [
        ("adult", 40, 96),  # 48 m at 1.2; 48 m at 0.5
        ("planning", 48, 48 / 0.42),
        ("elderly", 60, 48 / 0.33),  # 48 m at 0.8; 48 m at 0.33
        ("wheelchair", 60, np.inf),
        ("stroller", 60, np.inf),
    ],
)
def test_walkers(walker, street_s, steps_s):
    town = Town()
    street = town.street((0, 0), (48, 0))
    steps = town.street((48, 0), (96, 0), highway="steps")
    net = town.net(walker)
    assert by_way(net, street)["seconds_forward"].iloc[0] == pytest.approx(street_s, rel=1e-9)
    edge = by_way(net, steps).iloc[0]  # steps stay in the table for those who cannot climb them
    assert edge["seconds_forward"] == pytest.approx(steps_s, rel=1e-9)
    assert edge["seconds_backward"] == pytest.approx(steps_s, rel=1e-9)
    assert edge["length_m"] == pytest.approx(48, abs=1e-6)


def test_steps_part_the_network_of_those_who_cannot_climb():
    town = Town()
    town.street((0, 0), (48, 0))
    town.street((48, 0), (60, 0), highway="steps")
    town.street((60, 0), (90, 0))
    assert set(town.net("adult").nodes["component"]) == {0}
    wheels = town.net("wheelchair")
    assert sorted(wheels.nodes["component"]) == [0, 0, 1, 1]


@pytest.mark.parametrize("tags", [{"access": "private"}, {"foot": "private"}, {"foot": "residents"}])
def test_private_ways_are_kept_and_marked(tags):
    town = Town()
    town.street((0, 0), (72, 0))
    private = town.street((72, 0), (144, 0), **tags)
    edge = by_way(town.net(), private)
    assert edge["access"].tolist() == ["private"]
    assert edge["seconds_forward"].iloc[0] == pytest.approx(60, abs=1e-6)


def test_ways_closed_to_feet_are_left_out():
    town = Town()
    town.street((0, 0), (72, 0))
    for tags in ({"highway": "motorway"}, {"foot": "no"}, {"highway": "construction"}):
        town.street((72, 0), (144, 0), **tags)
    assert len(town.net().edges) == 1


def test_parallel_ways_are_two_edges():
    town = Town()
    town.street((0, 0), (60, 0))
    town.street((0, 0), (30, 40), (60, 0))  # 50 + 50 m
    net = town.net()
    assert net.edges["length_m"].tolist() == pytest.approx([60, 100], abs=1e-6)
    assert len(net.nodes) == 2


def test_a_loop_is_an_edge_from_a_node_to_itself():
    town = Town()
    loop = town.street((0, 0), (30, 0), (30, 30), (0, 30), (0, 0))
    edge = by_way(town.net(), loop)
    assert len(edge) == 1
    assert edge["u"].iloc[0] == edge["v"].iloc[0]
    assert edge["length_m"].iloc[0] == pytest.approx(120, abs=1e-6)


def test_a_loop_with_a_stem_is_cut_at_the_stem():
    town = Town()
    loop = town.street((0, 0), (30, 0), (30, 30), (0, 30), (0, 0))
    town.street((30, 30), (80, 30))
    net = town.net()
    assert by_way(net, loop)["length_m"].tolist() == pytest.approx([60, 60], abs=1e-6)
    assert len(net.edges) == 3


def test_a_way_that_crosses_itself_at_a_node_joins_itself():
    town = Town()
    eight = town.street((0, 0), (50, 0), (50, 50), (25, 0), (25, -30))  # passes beside (25, 0), which is no node of its first stretch
    assert len(by_way(town.net(), eight)) == 1
    knot = town.street((0, 200), (25, 200), (50, 200), (50, 250), (25, 200), (25, 170))
    assert len(by_way(town.net(), knot)) == 3


def test_the_same_node_twice_running_is_an_edge_of_no_length_and_does_no_harm():
    town = Town()
    a = town.node(50, 0)
    town.street((0, 0), a, a, (100, 0))
    house, _ = town.house(10, 6), town.offer("shop", 94, 6)
    measured = town.measure()
    assert sorted(measured.net.edges["length_m"]) == pytest.approx([0, 50, 50], abs=1e-6)
    assert measured.seconds[house] == pytest.approx(80, abs=1e-6)  # 6 + 84 + 6 m


def test_two_nodes_at_one_spot_along_a_way_cost_nothing():
    town = Town()
    a, b = town.node(50, 0), town.node(50, 0)
    town.street((0, 0), a)
    town.street(a, b)
    town.street(b, (100, 0))
    house, _ = town.house(10, 6), town.offer("shop", 94, 6)
    assert town.measure().seconds[house] == pytest.approx(80, abs=1e-6)  # 6 + 84 + 6 m


def test_a_way_of_one_node_is_no_edge():
    town = Town()
    town.street((0, 0), (72, 0))
    town.street((36, 50))
    assert len(town.net().edges) == 1


def test_nothing_to_walk_on_is_refused():
    town = Town()
    town.street((0, 0), (72, 0), highway="motorway")
    with pytest.raises(NetworkError, match="no walkable way"):
        town.net()


def test_a_short_piece_is_an_island_and_the_longest_never():
    town = Town()
    town.street((0, 0), (90, 0))
    alone = town.street((0, 50), (60, 50))
    net = town.net()
    assert not net.edges["island"].iloc[0]  # the longest, however short
    assert by_way(net, alone)["island"].tolist() == [True]  # less than 2000 m
    town.street((0, 300), (2500, 300))
    net = town.net()
    assert net.edges["island"].tolist() == [True, True, False]
    assert net.edges["component"].tolist() == [1, 2, 0]


@pytest.mark.parametrize(("lon", "lat"), [(0.0, 0.0), (114.9, 30.2), (-15.4, 28.1), (24.9, 60.2), (7.4, -43.7), (179.99, 10.0)])
def test_lengths_are_those_on_the_ellipsoid(lon, lat):
    town = Town(lon=lon, lat=lat)
    town.street((-900, -700), (-200, 40), (350, 500), (800, 900))
    place, net = town.place(), town.net()
    ground = Geod(ellps="WGS84").line_length(place.vertices["lon"], place.vertices["lat"])
    assert net.edges["length_m"].iloc[0] == pytest.approx(ground, rel=1e-6)  # a millimetre a kilometre


def test_the_saved_lines_are_drawn_from_u_to_v():
    town = Town(lon=114.9, lat=30.2)
    town.street((0, 0), (50, 20), (90, 0))
    town.street((90, 0), (90, 60))
    net = town.net()
    edges, nodes = net.edge_table(), net.node_table().set_index("node").geometry
    first = shapely.get_point(edges.geometry.to_numpy(), 0)
    last = shapely.get_point(edges.geometry.to_numpy(), -1)
    assert shapely.distance(first, nodes.loc[edges["u"]].to_numpy()).max() < 1e-7
    assert shapely.distance(last, nodes.loc[edges["v"]].to_numpy()).max() < 1e-7


def test_inputs_are_not_written_to():
    town = Town()
    town.street((0, 0), (50, 0), (50, 50))
    town.square([(0, 60), (40, 60), (40, 90), (0, 90)])
    place = town.place()
    ways, vertices = place.ways.copy(deep=True), place.vertices.copy(deep=True)
    network.build(place.ways, place.vertices, Plane(0, 0), rules.walkers()["adult"], Findings())
    pd.testing.assert_frame_equal(ways, place.ways)
    pd.testing.assert_frame_equal(vertices, place.vertices)


def test_a_piece_that_is_not_joined_is_a_finding():
    """A street of 3 km and, beside it, a path of 40 + 30 m that touches nothing."""
    town = Town()
    town.street((0, 0), (3000, 0))
    town.street((100, 50), (140, 50), (140, 80))
    town.house(120, 20)
    town.offer("shop", 10, 6)
    place = town.place()
    network.build(place.ways, place.vertices, place.plane, rules.walkers()["adult"], place.findings)
    (found,) = [f for f in place.findings if f.code == "network.island"]
    assert found.detail == "70 m of paths that are not joined to the rest"
