"""Lines that lead through walls are those that GEOS says cross them, wherever they touch, share corners or run along each other."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import shapely

from circle.crossings import Pieces
from circle.edges import joined


def _by_geos(lines: np.ndarray, walls: np.ndarray) -> list[tuple[int, int]]:
    return [(row, other) for row, line in enumerate(lines) for other, wall in enumerate(walls) if shapely.crosses(line, wall)]


def _ours(lines: np.ndarray, walls: np.ndarray) -> list[tuple[int, int]]:
    line, wall = Pieces(walls).crossing(lines)
    return list(zip(line.tolist(), wall.tolist(), strict=True))


@pytest.mark.parametrize("seed", range(12))
def test_as_geos_where_many_corners_are_shared(seed: int) -> None:
    rng = np.random.default_rng(seed)
    lines, walls = (
        np.asarray([shapely.LineString(rng.integers(0, 7, (size, 2)) * 20.0) for size in rng.integers(2, 5, 60)], dtype=object)
        for _ in range(2)
    )
    assert _ours(lines, walls) == _by_geos(lines, walls)


def test_a_path_that_ends_at_a_corner_of_a_wall_does_not_cross_it_and_one_that_goes_on_does() -> None:
    wall = shapely.linestrings([[[0, 0], [10, 0], [20, 0]]])
    paths = [[[10, 9], [10, 0]], [[10, 9], [10, 0], [10, -9]], [[10, 0], [10, 9], [5, -9]], [[10, 0], [15, 0]], [[10, 0], [10, 0]]]
    assert _ours(np.asarray([shapely.LineString(path) for path in paths], dtype=object), wall) == [(1, 0), (2, 0)]


def test_no_lines_and_no_walls() -> None:
    some, none = shapely.linestrings([[[0, 0], [1, 1]]]), np.empty(0, dtype=object)
    assert _ours(none, some) == _ours(some, none) == []


def test_tables_are_joined_as_if_every_word_were_spelled_out() -> None:
    table = pd.DataFrame({"class": pd.Categorical(["b", "a", "b"], categories=["z", "a", "b"]), "length_m": [1.0, 2.0, 3.0]})
    more = pd.DataFrame({"length_m": [0.0], "class": ["aa"]})
    expected = pd.concat([table.astype({"class": object}), more], ignore_index=True).astype({"class": "category"})
    pd.testing.assert_frame_equal(joined(table, more), expected)
