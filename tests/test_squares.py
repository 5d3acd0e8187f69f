"""Squares: crossed in straight lines that stay inside."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from town import Town

from circle import squares

# A square of 60 × 80 m between two streets: its diagonal is 100 m, the way around 140 m. An adult walks 1.2 m/s.
RING = [(0, 0), (60, 0), (60, 80), (0, 80)]


def shop_beyond(town: Town) -> tuple[str, str]:
    """A street to one corner, a street from the opposite one; house and shop stand far from the square, 6 m from their streets."""
    town.street((-100, 0), (0, 0))
    town.street((60, 80), (160, 80))
    return town.house(-50, -6), town.offer("shop", 110, 86)


def walked_m(town: Town, house: str) -> float:
    return town.measure().seconds[house] * 1.2


def test_a_square_is_crossed_by_its_diagonal():
    town = Town()
    house, _ = shop_beyond(town)
    town.square(RING)
    assert walked_m(town, house) == pytest.approx(6 + 50 + 100 + 50 + 6, abs=1e-4)


def test_an_outline_that_is_no_area_is_walked_around():
    town = Town()
    house, _ = shop_beyond(town)
    town.street(*RING, RING[0], highway="pedestrian")
    assert walked_m(town, house) == pytest.approx(6 + 50 + 140 + 50 + 6, abs=1e-4)


def test_a_square_is_entered_wherever_a_way_meets_its_outline():
    """Ways in the middle of two sides: straight across, 50 m = √(30² + 40²)."""
    town = Town()
    town.street((-100, 40), (0, 40))
    town.street((30, 80), (30, 200))
    house, _ = town.house(-60, 46), town.offer("shop", 36, 150)
    town.square([(0, 0), (60, 0), (60, 80), (30, 80), (0, 80), (0, 40)])
    assert walked_m(town, house) == pytest.approx(6 + 60 + 50 + 70 + 6, abs=1e-4)


def test_nobody_walks_through_a_hole():
    """A hole across the diagonal: around its corner, 2 × √(20² + 50²) where the hole's corners are the only bends."""
    town = Town()
    house, _ = shop_beyond(town)
    town.square(RING, [(20, 30), (40, 30), (40, 50), (20, 50)])
    # by the corner (40, 30) [or (20, 50)]: √(40² + 30²) = 50, then √(20² + 50²) = 53.8516
    assert walked_m(town, house) == pytest.approx(6 + 50 + 50 + 53.851648 + 50 + 6, abs=1e-3)


def test_a_concave_square_is_crossed_around_its_inner_corner():
    """An L: from one arm's end to the other's, bending at the inner corner."""
    town = Town()
    ring = [(0, 0), (90, 0), (90, 30), (30, 30), (30, 70), (0, 70)]
    town.street((90, 30), (190, 30))
    town.street((30, 70), (30, 200))
    house, _ = town.house(140, 36), town.offer("shop", 36, 150)
    town.square(ring)
    assert walked_m(town, house) == pytest.approx(6 + 50 + 60 + 40 + 80 + 6, abs=1e-4)  # (90,30) → (30,30) → (30,70): along the edges here
    town.street((90, 0), (190, 0))
    below = town.house(140, -6)  # √(60² + 30²) = 67.082 m from the lower end of the arm to the inner corner
    assert walked_m(town, below) == pytest.approx(6 + 50 + 67.082039 + 40 + 80 + 6, abs=1e-4)


def test_squares_that_share_an_edge_are_crossed_one_after_the_other():
    town = Town()
    town.street((-100, 0), (0, 0))
    town.street((80, 60), (180, 60))
    house, _ = town.house(-50, -6), town.offer("shop", 130, 66)
    town.square([(0, 0), (40, 0), (40, 30), (40, 60), (0, 60)])
    town.square([(40, 0), (80, 0), (80, 60), (40, 60), (40, 30)])
    assert walked_m(town, house) == pytest.approx(
        6 + 50 + 100 + 50 + 6, abs=1e-3
    )  # (0,0) → (40,30) → (80,60) is one straight line of 100 m


def test_a_square_without_ways_in_keeps_its_outline():
    town = Town()
    town.street((0, 300), (72, 300))
    town.square(RING)
    net = town.net()
    assert net.edges["length_m"].sum() == pytest.approx(72 + 280, abs=1e-3)


def test_lines_across_carry_the_square_s_own_id_and_access():
    town = Town()
    shop_beyond(town)
    square = town.square(RING, access="private", name="Square")
    across = town.net().edges
    across = across[across["length_m"].sub(100).abs() < 1e-3]
    across = across[across["way"] == square]
    assert len(across) == 1
    assert across["access"].tolist() == ["private"]
    assert across["name"].tolist() == ["Square"]
    assert across["class"].tolist() == ["pedestrian"]


def test_a_square_that_is_not_closed_is_a_way():
    town = Town()
    house, _ = shop_beyond(town)
    town.street(*RING, highway="pedestrian", area="yes")
    assert walked_m(town, house) == pytest.approx(6 + 50 + 140 + 50 + 6, abs=1e-4)


def test_a_square_that_crosses_itself_does_no_harm():
    town = Town()
    house, _ = shop_beyond(town)
    town.square([(0, 0), (60, 80), (60, 0), (0, 80)])
    assert 212 - 1e-3 <= walked_m(town, house) <= 6 + 50 + 140 + 50 + 6 + 1e-3


def test_more_holes_never_shorten_the_walk():
    walks = []
    for holes in (
        [],
        [[(20, 30), (40, 30), (40, 50), (20, 50)]],
        [[(20, 30), (40, 30), (40, 50), (20, 50)], [(42, 5), (58, 5), (58, 29), (42, 29)]],
    ):
        town = Town()
        house, _ = shop_beyond(town)
        town.square(RING, *holes)
        walks.append(walked_m(town, house))
    assert walks == sorted(walks)
    assert walks[0] < walks[1]


def test_each_square_loses_its_own_holes_all_of_them():
    """Three holes in one square, two of them overlapping, and one in another: as if they were cut out one by one."""
    rings = [[(0, 0), (60, 0), (60, 80), (0, 80)], [(100, 0), (160, 0), (160, 80), (100, 80)]]
    rings += [[(x, y), (x + 9, y), (x + 9, y + 9), (x, y + 9)] for x, y in ((5, 5), (110, 30), (40, 60), (44, 64))]
    square = np.asarray([0, 1, 0, 1, 0, 0])
    x, y = np.asarray(rings, dtype=float).reshape(-1, 2).T
    shapes, outer = squares._shapes(x, y, np.repeat(np.arange(6), 4), square)
    assert outer.tolist() == [True, True, False, False, False, False]
    for number in (0, 1):
        left = shapely.Polygon(rings[number])
        for row in np.flatnonzero((square == number) & ~outer):
            left = shapely.difference(left, shapely.Polygon(rings[row]))
        assert shapely.to_wkb(shapes[number]) == shapely.to_wkb(shapely.buffer(left, squares.TOLERANCE_M, quad_segs=2))
