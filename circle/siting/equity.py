"""The worst zone first: a plan under which the worst-off zone is as well off as can be, then the next, and so on.

Takes: a `Problem` whose demands know their zones, and the means.   Gives: `Solution`.
Never: trades the share of a worse zone for that of a better one.

Lexicographic max-min of the zones' shares within the limit, by maximising first the worst share, then the sum of the two worst, and so on
(Ogryczak & Śliwiński 2006, doi:10.1007/11751588_85). Among plans that are equal in all that, the one that reaches most.
"""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, eye_array

from circle.errors import RuleError
from circle.siting.covering import greedy, value
from circle.siting.problem import Problem
from circle.siting.programs import Means, Solution, built_of, measures_in, no_plan, reach_in, size_of
from circle.siting.reduce import groups
from circle.siting.solve import INFEASIBLE, OPTIMAL, STOPPED, Program

Floats = NDArray[np.float64]

KEEP = 1e-7  # by how much a level may give way to the next: the solver's own precision


def worst_first(problem: Problem, *, means: Means, together: bool = False, time_limit_s: float = 300.0) -> Solution:
    """Find the plan that is best for the worst zone, then for the next.

    Returns
    -------
    Solution whose `objective` is the weight within the limit; `bound` equals it when every level is proven.

    Raises
    ------
    RuleError    no demand has a zone
    SitingError  no plan keeps the means
    """
    means.check(problem)
    started = time.perf_counter()
    deadline = started + time_limit_s
    zone = problem.demands.zone
    if not (zone >= 0).any():
        raise RuleError("“Worst zone first” needs zones, and the run has none. Give a layer of zones, or leave it out.")
    found = groups(problem, together=together)
    totals, served = _shares(problem, together=together)
    moving = np.unique(found.zone[found.zone >= 0])  # a zone that nothing can change changes nothing in the order either
    status, nodes, built, size = OPTIMAL, 0, None, (0, 0)
    levels: list[float] = []
    for level in range(1, len(moving) + 2):
        program = Program()
        places = measures_in(program, problem, means)
        y = reach_in(program, problem, found, places)
        last = level == len(moving) + 1
        program.cost[-1] = -found.weight if last else np.zeros(len(found))
        _levels(program, y, (found.weight, found.zone), (moving, totals, served), (levels, not last))
        answer = program.minimise(deadline - time.perf_counter())
        nodes, size = nodes + answer.nodes, size_of(program)
        if answer.status == INFEASIBLE and not levels:
            raise no_plan(means, "what is required leaves nothing to choose")
        if answer.values is not None:
            built = built_of(answer.values, places[0])
        if not answer.proven or answer.values is None:
            status = STOPPED
            break
        levels.append(-answer.objective)
    built = greedy(problem, means, together=together) if built is None else built
    objective = value(problem, built, together=together)
    bound = objective if status == OPTIMAL else float(problem.demands.weight.sum())
    return Solution("mclp, worst zone first", built, objective, bound, status, time.perf_counter() - started, nodes, found.lost, size)


def _shares(problem: Problem, *, together: bool) -> tuple[Floats, Floats]:
    """Weight of every zone, and the part of it that is within the limit already."""
    demands = problem.demands
    rows = np.flatnonzero(demands.zone >= 0)
    met = demands.met
    if together:
        buildings, first, index = np.unique(demands.building[rows], return_index=True, return_inverse=True)
        all_met = np.bincount(index, weights=~met[rows], minlength=len(buildings)) == 0
        rows, inside = rows[first], all_met
    else:
        inside = met[rows]
    totals: Floats = np.bincount(demands.zone[rows], weights=demands.weight[rows]).astype(float)
    served: Floats = np.bincount(demands.zone[rows], weights=demands.weight[rows] * inside, minlength=len(totals)).astype(float)
    return totals, served


def _levels(
    program: Program,
    y: slice,
    found: tuple[Floats, NDArray[np.intp]],
    zones: tuple[NDArray[np.intp], Floats, Floats],
    said: tuple[list[float], bool],
) -> None:
    """Sums of the worst shares: those of the levels before are kept, the next one is maximised."""
    weight, zone = found
    moving, totals, served = zones
    levels, onward = said
    number = np.full(int(totals.shape[0]), -1)
    number[moving] = np.arange(len(moving))
    inside = np.flatnonzero(zone >= 0)
    gains = weight[inside] / totals[zone[inside]]
    share = csr_array((gains, (number[zone[inside]], inside)), shape=(len(moving), y.stop - y.start))
    base = served[moving] / totals[moving]
    for level in range(1, len(levels) + 1 + onward):
        aim = level > len(levels)
        r = program.variables(1, cost=-float(level) if aim else 0.0, lower=-1.0, upper=1.0)
        below = program.variables(len(moving), cost=1.0 if aim else 0.0, upper=2.0)
        ones = csr_array(np.ones((len(moving), 1)))
        program.rows([(below, eye_array(len(moving))), (r, -ones), (y, share)], low=-base)
        if not aim:
            program.rows(
                [(r, csr_array([[float(level)]])), (below, -csr_array(np.ones((1, len(moving)))))], low=levels[level - 1] - KEEP
            )  # fmt: skip
