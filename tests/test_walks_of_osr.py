"""Five foot routes of MOTIS osr on its own extracts: the same ways, and where our seconds differ from theirs, why.

osr's cost is not time alone: it counts penalties that its answer does not name, and walks steps at the pace of a street; its metres include
the straight pieces at both ends. We walk 1.2 m/s, on steps and escalators 0.5 m/s, and so do the sums below, both ends included:

    place       osr   ours
    island       42     36   its 44 m are 36.7 s at 1.2 m/s: osr adds 5 s that are not time
    sidewalk    425    131   its 161 m are 134 s: osr adds 291 s, for a road whose sidewalk is drawn apart on one side. That road has a
                             sidewalk of its own on the other, so we walk it at no extra cost; the middle of the next, which has not, we
                             give up like osr
    corridor     78     84   its 94 m are 78 s: osr takes two flights of steps (7.6 m) at the pace of a street; we take 9 s more
    platforms   356    389   its 421 m are 351 s: escalator and steps take us longer, and we go round a landing by the bridge (28 m)
                             where osr takes two more flights of stairs
    ferry       231    152   the same ways on land; osr starts where the ferry's line passes nearest, 103 m out at sea, and walks there
"""

from __future__ import annotations

import csv
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from circle import access, linkage, network, rules, sources
from circle.errors import Findings
from circle.projection import Plane
from circle.sources import osm


class Walk:
    """The quickest walk between two links: `ways` (each once while one stays on it), `seconds` on the network, metres, and the legs."""

    def __init__(self, net: network.Network, start: linkage.Links, goal: linkage.Links) -> None:
        graph = access.Graph.of(net.edges, net.nodes)
        reach = access.search(graph, goal, 1, 1.2)
        edge = int(start.edge[0])
        to_u, to_v = (float(cost[0]) for cost in graph.towards(start))
        by_u, by_v = to_u + reach.seconds[graph.u[edge]], to_v + reach.seconds[graph.v[edge]]
        node = int(graph.u[edge] if by_u <= by_v else graph.v[edge])
        self.legs_m = float(start.leg_m[0] + goal.leg_m[0])
        self.seconds = float(min(by_u, by_v)) - float(goal.leg_m[0]) / 1.2
        taken = [edge]
        forward, backward = net.edges["seconds_forward"].to_numpy(), net.edges["seconds_backward"].to_numpy()
        while (following := int(reach.next[node])) >= 0:
            cost = np.where((graph.u == node) & (graph.v == following), forward, np.inf)
            cost = np.minimum(cost, np.where((graph.v == node) & (graph.u == following), backward, np.inf))
            taken.append(int(np.argmin(cost)))
            node = following
        at, whole = float(goal.offset_m[0]), float(net.edges["length_m"].iloc[int(goal.edge[0])])
        if 0 < at < whole and taken[-1] != int(goal.edge[0]):
            taken.append(int(goal.edge[0]))
        ways = net.edges["way"].to_numpy()[taken].tolist()
        self.ways = [way for place, way in enumerate(ways) if not place or way != ways[place - 1]]
        self.classes = net.edges["class"].astype(str).to_numpy()[taken].tolist()


def row(test_data: Path, name: str) -> dict[str, str]:
    with (test_data / "peers" / "osr" / "osr_foot_expected.csv").open(encoding="utf-8") as stream:
        return next(row for row in csv.DictReader(stream) if row["test"] == name)


def read(test_data: Path, asked: dict[str, str]) -> network.Network:
    """The network alone: these extracts hold no buildings worth the name."""
    extract = osm.read(test_data / "peers" / "osr" / asked["file"], ["shop"])
    ways, vertices = sources._ways(extract)
    stops = pd.DataFrame({"node": np.asarray(extract.stop_refs, dtype=np.int64), "kind": extract.stop_kinds})
    plane = Plane(float(asked["from_lon"]), float(asked["from_lat"]))
    return network.build(ways, vertices, plane, rules.walker("adult"), Findings(), stops=stops)


def walk(net: network.Network, asked: dict[str, str], first: int, last: int) -> Walk:
    """From the nearest link on osr's first way to the nearest on its last: where to step on is not what is compared here."""
    points = gpd.points_from_xy(
        [float(asked[f"{end}_lon"]) for end in ("from", "to")], [float(asked[f"{end}_lat"]) for end in ("from", "to")]
    )
    shapes = net.plane.project(np.asarray(points, dtype=object))
    ends = []
    for shape, way in zip(shapes, (first, last), strict=True):
        links = linkage.link(np.asarray([shape], dtype=object), net)
        own = np.flatnonzero(net.edges["way"].to_numpy()[links.edge] == way)
        ends.append(links.take(own[:1] if len(own) else np.arange(1)))
    return Walk(net, *ends)


CASES = [  # name, our seconds with both ends, ways of ours where they differ from osr's: (theirs, ours)
    ("foot_island", 36.0, ()),
    ("foot_sidewalk_separate", 131.3, ()),
    ("foot_corridor", 84.0, (((881103496,), (881103496, 206107554)),)),  # on to the platform that its last way ends at, by 0.5 m
    ("foot_stop_area", 389.2, (((1429030767, 1429030769, 1429030768), (1429030770,)),)),
]


@pytest.mark.parametrize(("name", "seconds", "other"), CASES, ids=[case[0] for case in CASES])
def test_the_same_ways(test_data, name, seconds, other):
    asked = row(test_data, name)
    every = [int(way) for way in asked["way_ids"].split("|")]
    theirs = [way for place, way in enumerate(every) if not place or way != every[place - 1]]
    ours = walk(read(test_data, asked), asked, theirs[0], theirs[-1])
    text = ",".join(map(str, theirs))
    for of_theirs, of_ours in other:
        old = ",".join(map(str, of_theirs))
        assert old in text
        text = text.replace(old, ",".join(map(str, of_ours)))
    assert ",".join(map(str, ours.ways)) == text
    assert ours.seconds + ours.legs_m / 1.2 == pytest.approx(seconds, abs=0.1)


def test_nobody_boards_a_ferry_at_sea(test_data):
    """A point on the quay of Ajaccio: 8 m from a ferry's line, 104 m from the landing. From the landing on, osr's way is ours."""
    asked = row(test_data, "foot_ferry")
    net = read(test_data, asked)
    ferry = net.edges[net.edges["class"] == "ferry"]
    assert ferry["way"].tolist() == [1295821726]  # of six ferries the one that says foot=yes
    point = net.plane.project(np.asarray(gpd.points_from_xy([float(asked["from_lon"])], [float(asked["from_lat"])]), dtype=object))
    assert float(shapely.distance(point[0], net.lines[ferry["edge"].iloc[0]])) < 10
    assert not np.isin(linkage.link(point, net).edge, ferry["edge"]).any()
    landing = {**asked, "from_lon": "8.7411237", "from_lat": "41.9219324"}
    ours = walk(net, landing, 829756320, 829756321)
    assert ours.ways == [829756320, 829756321]
    assert ours.seconds * 1.2 + ours.legs_m == pytest.approx(LANDING_M, abs=1)


LANDING_M = 182.9
