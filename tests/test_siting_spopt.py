"""Another program's answer to the same question: spopt (with CBC) on the same matrix finds plans that are as good, and none better."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from circle.siting.models import Means, solve
from circle.siting.problem import Problem

LIMIT = 300.0


@pytest.fixture(scope="module")
def locate():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its own imports warn
        return pytest.importorskip("spopt.locate", reason="spopt is not installed: pip install circle[bench]", exc_type=ImportError)


def question(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    homes, places = rng.random((150, 2)) * 1500, rng.random((25, 2)) * 1500
    return np.abs(homes[:, None, :] - places[None, :, :]).sum(axis=2) / 1.2, rng.integers(1, 60, 150).astype(float)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.filterwarnings("ignore")
def test_spopt_agrees(locate, seed):
    import pulp

    seconds, weight = question(seed)
    mine = Problem.of_matrix(seconds, weight, LIMIT)

    def theirs(model) -> float:
        return float(pulp.value(model.solve(pulp.PULP_CBC_CMD(msg=False)).problem.objective))

    covering = solve(mine, "mclp", means=Means(4))
    assert covering.objective == pytest.approx(theirs(locate.MCLP.from_cost_matrix(seconds, weight, LIMIT, p_facilities=4)))
    median = solve(mine, "p-median", means=Means(4))
    assert median.objective == pytest.approx(theirs(locate.PMedian.from_cost_matrix(seconds, weight, p_facilities=4)), rel=1e-6)
    center = solve(mine, "p-center", means=Means(4))
    assert center.objective == pytest.approx(theirs(locate.PCenter.from_cost_matrix(seconds, p_facilities=4)), rel=1e-6)
    wide = float(seconds.min(axis=1).max())
    everyone = solve(Problem.of_matrix(seconds, weight, wide), "lscp", means=Means())
    assert everyone.objective == pytest.approx(theirs(locate.LSCP.from_cost_matrix(seconds, wide)))
    assert all(found.proven for found in (covering, median, center, everyone))
