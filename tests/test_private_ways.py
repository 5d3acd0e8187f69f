"""Private ways: walked by those who live there and those whom they let in, a through-way for nobody. Minutes predicted by arithmetic."""

from __future__ import annotations

import itertools

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from town import Town

from circle import access, rules
from circle.units import seconds


def block(between: str) -> tuple[Town, str]:
    """A house west, a shop east, 100 m of `between` straight from one to the other, and 300 m of public street around."""
    town = Town()
    town.street((-50, 0), (0, 0))
    town.street((0, 0), (100, 0), access=between)
    town.street((100, 0), (150, 0))
    town.street((0, 0), (0, 100), (100, 100), (100, 0))
    house = town.house(-40, 6, size=2)
    town.offer("shop", 140, 6)
    return town, house


@pytest.mark.parametrize(("between", "metres"), [("yes", 100), ("private", 300), ("residents", 300), ("destination", 300), ("permit", 300)])
def test_nobody_passes_through_from_public_to_public(between, metres):
    town, house = block(between)
    assert town.measure().seconds[house] == pytest.approx((6 + 40 + metres + 40 + 6) / 1.2, abs=1e-5)


def compound(gate_street: str = "yes") -> tuple[Town, dict[str, str]]:
    """A private lane between two public streets, with a house on it; houses on both streets; the way round is long."""
    town = Town()
    town.street((-200, 0), (0, 0), (0, -400), (-400, -400))
    town.street((0, 0), (100, 0), access="private")
    town.street((100, 0), (300, 0), access=gate_street)
    town.street((0, -400), (300, -400), (300, 0))
    return town, {"inner": town.house(50, 6, size=2), "west": town.house(-100, 6, size=2), "east": town.house(200, 6, size=2)}


def test_residents_leave_on_either_side():
    town, houses = compound()
    town.offer("shop", 200, -6)
    found = town.measure().seconds
    assert found[houses["inner"]] == pytest.approx((6 + 50 + 100 + 6) / 1.2, abs=1e-5)
    assert found[houses["west"]] == pytest.approx((6 + 100 + 400 + 300 + 400 + 100 + 6) / 1.2, abs=1e-5)  # round, not through


def test_a_clinic_within_lets_everybody_in_and_a_shop_its_own_residents():
    for service, let_in in (("clinic", True), ("shop", False)):
        town, houses = compound()
        town.offer(service, 52, -40)  # 52 m from the nearest public way: farther than links are looked for once one is found
        found = town.measure(service).seconds
        assert found[houses["inner"]] == pytest.approx((6 + 2 + 40) / 1.2, abs=1e-5)
        west = (6 + 100 + 52 + 40) / 1.2 if let_in else np.inf
        assert found[houses["west"]] == pytest.approx(west, abs=1e-5)


def test_those_with_business_on_a_destination_way_may_go_to_its_end():
    town = Town()
    town.street((-100, 0), (0, 0))
    town.street((0, 0), (200, 0), access="destination")
    house = town.house(-50, 6, size=2)
    town.offer("clinic", 190, 6)
    assert town.measure("clinic").seconds[house] == pytest.approx((6 + 50 + 190 + 6) / 1.2, abs=1e-5)


def test_from_a_private_way_over_public_ones_into_another():
    """Out of one compound, along the street, into the next: at most one private stretch at either end."""
    town = Town()
    town.street((0, 0), (0, 100), access="private")
    town.street((0, 0), (300, 0))
    town.street((300, 0), (300, 100), access="private")
    house = town.house(-6, 90, size=2)
    town.offer("clinic", 306, 90)
    assert town.measure("clinic").seconds[house] == pytest.approx((4 + 92 + 300 + 90 + 6) / 1.2, abs=1e-5)


def test_routes_and_referee_tell_the_same_minutes():
    town, houses = compound()
    town.offer("clinic", 52, -40)
    town.offer("shop", 200, -6)
    run = town.study()
    assert run.record["check"]["worst_difference_s"] < 1e-6
    assert run.record["check"]["sample"] == 3 * 5
    for service in ("clinic", "shop"):
        for house in houses.values():
            told = float(run.buildings.set_index("building").at[house, f"minutes_{service}"])
            assert run.route(house, service).minutes == pytest.approx(told, abs=1e-9), (house, service)
    private = [leg for leg in run.route(houses["west"], "clinic").legs if leg.kind == "way"]
    assert [round(leg.length_m) for leg in private] == [100, 52]


KINDS = ("public", "compound", "destination", "private")


@st.composite
def mazes(draw: st.DrawFn) -> tuple[list[tuple[int, int, int, str]], int, int]:
    """A small network: edges (node, node, metres, access), and two of its edges, for a house and a shop."""
    nodes = draw(st.integers(3, 6))
    pairs = list(itertools.combinations(range(nodes), 2))
    chosen = draw(st.lists(st.sampled_from(pairs), min_size=nodes - 1, max_size=9, unique=True))
    edges = [(a, b, draw(st.integers(1, 50)), draw(st.sampled_from(KINDS))) for a, b in chosen]
    return edges, draw(st.integers(0, len(edges) - 1)), draw(st.integers(0, len(edges) - 1))


@given(mazes(), st.booleans())
@settings(max_examples=60, deadline=None, derandomize=True, database=None)
def test_the_search_finds_the_shortest_walk_of_the_allowed_pattern(maze, visitors):
    """Against every simple path there is: private ways at the start, public ones, private ones at the end."""
    edges, home, shop = maze
    if home == shop:
        return
    table, nodes = _tables(edges)
    graph = access.Graph.of(table, nodes)
    mine, theirs = _link(home), _link(shop)
    reach = access.search(graph, theirs, 1, 1.0, np.asarray([visitors]))
    found = float(access.measure(graph, mine, 1, theirs, reach, 1.0).seconds[0])
    assert found == pytest.approx(_every_walk(edges, home, shop, visitors=visitors), abs=1e-9)
    again = access.shortest_seconds(access.to_networkx(table), _row(table, home), _row(table, shop).assign(visitors=visitors))
    assert again.get("it", np.inf) == pytest.approx(found, abs=1e-9)


def _tables(edges):
    import pandas as pd

    frame = pd.DataFrame(edges, columns=["u", "v", "length_m", "access"]).astype({"length_m": float})
    frame["edge"] = np.arange(len(frame))
    frame["seconds_forward"] = frame["seconds_backward"] = seconds(frame["length_m"].to_numpy(), 1.0)
    return frame, pd.DataFrame({"node": np.unique(frame[["u", "v"]])})


def _link(edge):
    from circle.linkage import Links

    here = np.asarray([0], dtype=np.intp)
    zero = np.zeros(1)
    return Links(here, np.asarray([edge], dtype=np.intp), np.asarray([0.5]), zero, zero, zero, np.zeros(1, dtype=np.int8))


def _row(table, edge):
    return table.iloc[[edge]].assign(id="it", offset_m=0.5, leg_s=0.0)


def _every_walk(edges, home, shop, *, visitors):
    """Least cost over all trails from the middle of one edge to that of another; each edge at most once, in an allowed pattern."""
    graph = nx.MultiGraph()
    for number, (a, b, metres, kind) in enumerate(edges):
        graph.add_edge(a, b, number, metres=float(metres), kind=kind)
    (a0, b0, home_m, home_kind), (a1, b1, shop_m, shop_kind) = edges[home], edges[shop]
    best = np.inf
    for start, first in ((a0, 0.5), (b0, home_m - 0.5)):
        for end, last in ((a1, 0.5), (b1, shop_m - 0.5)):
            trails = [[]] if start == end else list(nx.all_simple_edge_paths(graph, start, end))
            for trail in trails:
                kinds = [home_kind, *(edges[number][3] for _, _, number in trail), shop_kind]
                if _allowed(kinds, visitors=visitors):
                    best = min(best, first + sum(edges[number][2] for _, _, number in trail) + last)
    return best


def _allowed(kinds, *, visitors):
    """Whether some reading of `compound` as private or public gives private*, public*, private*; without visitors only private*."""
    may_be = {"public": ("public",), "compound": ("public", "own")}
    for reading in itertools.product(*(may_be.get(kind, ("own",)) for kind in kinds)):
        runs = [key for key, _ in itertools.groupby(reading)]
        if not visitors and reading[-1] == "own" and len(runs) > 1 and kinds[-1] != "compound":
            continue
        if runs in (["own"], ["public"], ["own", "public"], ["public", "own"], ["own", "public", "own"]):
            return True
    return False


def test_every_service_named_for_visitors_exists():
    from circle.rules import barriers

    assert barriers._barriers().visited <= set(rules.services())
