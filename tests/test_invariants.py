"""What must hold in any town: a path or a shop more never lengthens a walk, a slower walker never shortens one, and what only renames,
reorders or moves a town changes nothing.

Towns are drawn on a grid of 70 m, with odd distances beside it, so that nothing lies 25 m from anything to the millimetre: there the
reach of a link ends, and a hair decides. Buildings stand within 12 m of a street of the town as it was before a change, so that their
links are found within that first reach and are fewer than the 24 that a building keeps. Outside these bounds linkage is not monotonic,
by design; `test_what_linkage_gives_up` shows where.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st
from town import Town

from circle import rules

GRID = 70.0
CLOSE_S = 1e-3  # a new junction cuts an edge in two; shares of its length are equal to a tenth of a millimetre
QUICK = settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)

Segment = tuple[tuple[int, int], tuple[int, int]]


@dataclass(frozen=True)
class Plan:
    """A town of segments of a grid, in grid steps; houses and shops by segment, share along it and metres beside it."""

    segments: tuple[tuple[Segment, str], ...]
    houses: tuple[tuple[int, float, float], ...]
    shops: tuple[tuple[int, float, float], ...]

    def town(self, *, more: tuple[tuple[Segment, str], ...] = (), shops: tuple[tuple[int, float, float], ...] = (), **where: float) -> Town:
        """Streets first, then houses, then shops; `more` paths and shops come last."""
        town = Town(**where)
        for segment, kind in self.segments:
            _draw(town, segment, kind)
        for number, share, beside in self.houses:
            town.plot(_kite(self.segments[number][0], share, beside))
        for number, share, beside in (*self.shops, *shops):
            town.offer("shop", *_beside(self.segments[number][0], share, beside))
        for segment, kind in more:
            _draw(town, segment, kind)
        return town


def _draw(town: Town, segment: Segment, kind: str) -> None:
    tags = {"one-way": {"oneway:foot": "yes"}, "steps": {"highway": "steps"}}.get(kind, {})
    town.street(*((x * GRID, y * GRID) for x, y in segment), **tags)


def _beside(segment: Segment, share: float, beside: float) -> tuple[float, float]:
    (ax, ay), (bx, by) = segment
    along_x, along_y = bx - ax, by - ay
    length = (along_x**2 + along_y**2) ** 0.5
    return (ax + share * along_x) * GRID - beside * along_y / length, (ay + share * along_y) * GRID + beside * along_x / length


def _kite(segment: Segment, share: float, beside: float) -> list[tuple[float, float]]:
    """A small house with one corner nearest to its street."""
    back = beside + (4.0 if beside > 0 else -4.0)
    return [_beside(segment, share, beside), _beside(segment, share + 0.02, back), _beside(segment, share - 0.02, back)]


def _segments(side: int) -> list[Segment]:
    flat = [((x, y), (x + 1, y)) for y in range(side) for x in range(side - 1)]
    return flat + [((y, x), (y, x + 1)) for ((x, y), _) in flat]


def _connected(segments: list[Segment]) -> list[Segment]:
    """The largest piece, so that a new path cannot make an island of what was none."""
    pieces: list[tuple[set[tuple[int, int]], list[Segment]]] = []
    for segment in segments:
        touched = [piece for piece in pieces if piece[0] & set(segment)]
        pieces = [piece for piece in pieces if piece not in touched]
        pieces.append((set(segment).union(*(p[0] for p in touched)), [segment, *(s for p in touched for s in p[1])]))
    return sorted(max(pieces, key=lambda piece: len(piece[1]))[1])


@st.composite
def plans(draw: st.DrawFn, kinds: tuple[str, ...] = ("street", "street", "street", "one-way", "steps")) -> Plan:
    every = _segments(4)
    kept = _connected(draw(st.lists(st.sampled_from(every), min_size=6, max_size=20, unique=True)))
    numbers = st.integers(0, len(kept) - 1)
    spots = st.tuples(numbers, st.integers(1, 19).map(lambda part: part / 20), st.sampled_from([-11.7, -6.9, -1.1, 1.3, 4.2, 8.9]))
    return Plan(
        tuple((segment, draw(st.sampled_from(kinds))) for segment in kept),
        tuple(draw(st.lists(spots, min_size=3, max_size=10))),
        tuple(draw(st.lists(spots, min_size=1, max_size=3))),
    )


def seconds(town: Town, walker: str | rules.Walker = "adult") -> np.ndarray:
    """Seconds of all houses, in the order in which they were drawn."""
    found = town.measure(walker=walker).seconds
    return np.asarray([found[f"way/{number}"] for number, _, _ in town.homes])


def not_longer(after: np.ndarray, before: np.ndarray) -> bool:
    return bool((after <= before + CLOSE_S).all())


def same(one: np.ndarray, other: np.ndarray, tolerance: float = 1e-6) -> bool:
    return bool(np.isclose(one, other, rtol=0, atol=tolerance).all())  # infinity is close to infinity alone


@given(plans(), st.data())
@QUICK
def test_a_path_more_never_lengthens_a_walk(plan, data):
    junctions = sorted({point for segment, _ in plan.segments for point in segment})
    ends = data.draw(st.lists(st.sampled_from(junctions), min_size=2, max_size=2, unique=True))
    kind = data.draw(st.sampled_from(["street", "steps", "one-way"]))
    assert not_longer(seconds(plan.town(more=((tuple(ends), kind),))), seconds(plan.town()))


@given(plans(), st.data())
@QUICK
def test_a_path_less_never_shortens_a_walk(plan, data):
    """Taking away a path that nobody lives on, and that leaves the town in one piece."""
    used = {number for number, _, _ in (*plan.houses, *plan.shops)}
    spare = [row for row in range(len(plan.segments)) if row not in used and _one_piece(plan, row)]
    assume(spare)
    gone = data.draw(st.sampled_from(spare))
    left = tuple(item for row, item in enumerate(plan.segments) if row != gone)

    def moved(spots: tuple[tuple[int, float, float], ...]) -> tuple[tuple[int, float, float], ...]:
        return tuple((number - (number > gone), share, beside) for number, share, beside in spots)

    assert not_longer(seconds(plan.town()), seconds(Plan(left, moved(plan.houses), moved(plan.shops)).town()))


def _one_piece(plan: Plan, without: int) -> bool:
    left = [segment for row, (segment, _) in enumerate(plan.segments) if row != without]
    return len(_connected(left)) == len(left)


@given(plans(), st.data())
@QUICK
def test_a_shop_more_never_lengthens_a_walk(plan, data):
    spot = (data.draw(st.integers(0, len(plan.segments) - 1)), data.draw(st.integers(0, 20)) / 20, 5.0)
    assert not_longer(seconds(plan.town(shops=(spot,))), seconds(plan.town()))


@given(plans())
@QUICK
def test_a_slower_walker_never_shortens_a_walk(plan):
    town = plan.town()
    adult, planning, elderly = (seconds(town, walker) for walker in ("adult", "planning", "elderly"))
    assert not_longer(adult, planning)
    assert not_longer(planning, elderly)
    if not any(kind == "steps" for _, kind in plan.segments):
        assert same(seconds(town, "wheelchair"), elderly)  # both 0.8 m/s, where nothing is to climb


@given(plans(), st.integers(1000, 2**40), st.randoms(use_true_random=False))
@QUICK
def test_renumbering_and_reordering_change_nothing(plan, first, shuffle):
    town = plan.town()
    other = copy.deepcopy(plan.town(first=first))
    place = other.place()
    order = np.arange(len(place.ways))
    shuffle.shuffle(order)
    count = place.ways["count"].to_numpy()
    start = np.cumsum(count) - count
    vertices = place.vertices.iloc[np.concatenate([np.arange(start[w], start[w] + count[w]) for w in order])].reset_index(drop=True)
    rows = list(range(len(place.facilities)))
    shuffle.shuffle(rows)
    place = type(place)(
        **{name: getattr(place, name) for name in place.__slots__}
        | {
            "ways": place.ways.iloc[order].reset_index(drop=True),
            "vertices": vertices,
            "facilities": place.facilities.iloc[rows].reset_index(drop=True),
        }
    )
    found = other.measure(place=place).seconds
    assert same(seconds(town), np.asarray([found[f"way/{number}"] for number, _, _ in other.homes]))


@given(plans(kinds=("street", "steps")))
@QUICK
def test_turning_the_ways_around_changes_nothing_where_none_is_one_way(plan):
    turned = Plan(
        tuple(((b, a), kind) for (a, b), kind in plan.segments),
        tuple((n, 1 - share, -beside) for n, share, beside in plan.houses),
        tuple((n, 1 - share, -beside) for n, share, beside in plan.shops),
    )
    assert same(seconds(plan.town()), seconds(turned.town()))


@given(plans(), st.floats(-179, 179))
@QUICK
def test_moving_a_town_east_or_west_changes_nothing(plan, lon):
    assert same(seconds(plan.town()), seconds(plan.town(lon=lon)))


@given(plans(), st.floats(-70, 70))
@QUICK
def test_moving_a_town_north_or_south_changes_next_to_nothing(plan, lat):
    """Laid out on the plane of its latitude, whose scale drifts by up to 1 in 10,000 within 210 m (at 70°)."""
    here, there = seconds(plan.town()), seconds(plan.town(lat=lat))
    assert (np.isinf(here) == np.isinf(there)).all()
    known = np.isfinite(here)
    assert there[known] == pytest.approx(here[known], rel=2e-4)


@given(plans(kinds=("street", "steps")))
@QUICK
def test_there_and_back_take_the_same(plan):
    """Shops where houses stand, houses where shops stand. Points, so that both ends of a walk are alike."""
    one, two = Town(), Town()
    for town in (one, two):
        for segment, kind in plan.segments:
            _draw(town, segment, kind)
    a, b = (_beside(plan.segments[n][0], share, beside) for n, share, beside in (plan.houses[0], plan.shops[0]))
    for town, home, shop in ((one, a, b), (two, b, a)):
        town.plot([(home[0], home[1]), (home[0] + 1e-6, home[1]), (home[0], home[1] + 1e-6)])
        town.offer("shop", *shop)
    assert same(seconds(one), seconds(two), 1e-5)


@given(plans())
@QUICK
def test_a_shop_at_the_door_is_the_leg_alone(plan):
    bare = plan.town().measure()
    first = np.flatnonzero(bare.buildings.rank == 0)
    town = plan.town()
    for row in first:
        point = bare.net.lines[bare.buildings.edge[row]].interpolate(bare.buildings.offset_m[row])  # on the equator a plane unit is a metre
        town.offer("shop", point.x, point.y)
    measured = town.measure()
    assert measured.ids == bare.ids
    assert not_longer(measured.walk.seconds, bare.buildings.leg_m[first] / 1.2)


@given(plans())
@QUICK
def test_nothing_changes_when_nothing_changes(plan):
    assert seconds(plan.town()).tolist() == seconds(plan.town()).tolist()


def test_what_linkage_gives_up():
    """Where linkage is not monotonic, by design: it looks 25 m around first and farther only when it finds nothing; it keeps 24 links; and
    what is not joined to the longest piece may become an island. A new path can therefore take the place of a better link."""
    town = Town()
    town.street((0, 0), (300, 0))
    house = town.house(100, 40, size=2)
    town.offer("shop", 110, 6)
    before = town.measure().seconds[house]
    assert before == pytest.approx((40 + 10 + 6) / 1.2, abs=1e-6)
    town.street((0, 0), (0, 60), (150, 60))  # 16 m behind the house: within the first reach, so that the street at 40 m is not looked for
    after = town.measure().seconds[house]
    assert after == pytest.approx((16 + 100 + 60 + 110 + 6) / 1.2, abs=1e-6)
    assert after > before

    crowded = Town()
    for number in range(24):  # a comb of blind alleys, each nearer to the house than the street
        crowded.street((-100, 0), (-100, 20 - number / 2), (100, 20 - number / 2))
    crowded.street((-100, 0), (100, 0))
    house = crowded.house(0, 24, size=1)
    crowded.offer("shop", 50, 0)
    assert 0 not in crowded.measure().links(house)["leg_m"].round(3).tolist()
    assert 24 not in crowded.measure().links(house)["leg_m"].round(3).tolist()  # the twenty-fifth
