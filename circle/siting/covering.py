"""The covering models: most weight within the limit (MCLP), fewest measures that reach all (LSCP); a path for as many as can have one.

Takes: a `Problem` and the means.   Gives: `Solution`, or a plan without a proof where the time was up (`greedy`).
Never: counts metres in a straight line, or calls a greedy plan the best.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from circle.errors import SitingError
from circle.siting.problem import NONE, TOLERANCE_S, Problem
from circle.siting.programs import Means, Solution, built_of, measures_in, no_plan, reach_in, size_of, split
from circle.siting.reduce import dominated, groups
from circle.siting.solve import INFEASIBLE, SLACK, Answer, Program

Bools = NDArray[np.bool_]


def mclp(problem: Problem, means: Means, time_limit_s: float, *, together: bool) -> Solution:
    """Max Σ w·y: the most weight within the limit (Church & ReVelle 1974).

    Raises
    ------
    SitingError   what is required leaves nothing to choose
    """
    found = groups(problem, together=together)
    program = Program()
    places = measures_in(program, problem, means, dominated(problem, found))
    reach_in(program, problem, found, places)
    program.cost[-1] = -found.weight
    answer = program.minimise(time_limit_s)
    built = _or_greedy(problem, answer, places[0], means, together=together)
    objective = value(problem, built, together=together)
    bound = objective if answer.proven else min(-answer.bound, float(found.weight.sum())) + found.base
    return Solution("mclp", built, objective, bound, answer.status, answer.seconds, answer.nodes, found.lost, size_of(program))


def value(problem: Problem, built: Bools, *, together: bool = False) -> float:
    """Weight within the limit under a plan."""
    if not together:
        return problem.reached(built)
    best, _ = problem.seconds_with(built)
    late = best > problem.demands.limit_s + TOLERANCE_S
    building = problem.demands.building
    _, first, index = np.unique(building, return_index=True, return_inverse=True)
    waiting = np.bincount(index, weights=late)
    return float(problem.demands.weight[first][waiting == 0].sum())


def _or_greedy(problem: Problem, answer: Answer, x: slice, means: Means, *, together: bool) -> Bools:
    """The solver's plan, or the greedy one where its time was up before it had a better."""
    if answer.status == INFEASIBLE:
        raise no_plan(means, "what is required leaves nothing to choose")
    if answer.proven and answer.values is not None:
        return built_of(answer.values, x)
    plain = greedy(problem, means, together=together)
    if answer.values is None:
        return plain
    found = built_of(answer.values, x)
    return found if value(problem, found, together=together) >= value(problem, plain, together=together) else plain


def greedy(problem: Problem, means: Means, *, together: bool = False) -> Bools:
    """Add the measure that brings most, again and again: never the proof, but always a plan."""
    m = problem.measures
    built = m.required.copy()
    while True:
        room = ~built & ~m.forbidden
        if means.budget is not None:
            room &= m.cost <= means.budget - m.cost[built].sum()
        if (means.k is not None and built.sum() >= means.k) or not room.any():
            return built
        now = value(problem, built, together=together)
        best, gain = NONE, 0.0
        for each in np.flatnonzero(room).tolist():
            built[each] = True
            brings = value(problem, built, together=together) - now
            built[each] = False
            if brings > gain:
                best, gain = each, brings
        if best == NONE:
            return built
        built[best] = True


def lscp(problem: Problem, means: Means, time_limit_s: float, *, together: bool) -> Solution:
    """Min Σ x (with a budget: min Σ cost·x), Σ u ≥ 1 for every requirement that anything can fulfil (Toregas et al. 1971).

    Raises
    ------
    SitingError   to reach all takes more than the means, or the time was up
    """
    found = groups(problem, together=together)
    program = Program()
    places = measures_in(program, problem, Means(), dominated(problem, found))
    price = problem.measures.cost if means.budget is not None and means.k is None else np.ones(len(problem.measures))
    program.cost[0] = price
    on_x, on_u = split(found.rows, problem)
    program.rows([(places[0], on_x), (places[1], on_u)], low=1.0)
    answer = program.minimise(time_limit_s)
    if answer.values is None:
        raise SitingError("The time was up before any plan was found that reaches everyone. Allow more time with --time-limit.")
    built = built_of(answer.values, places[0])
    objective = float(price[built].sum())
    number, cost = int(built.sum()), float(problem.measures.cost[built].sum())
    least = "proven" if answer.proven else f"at least {answer.bound:.4g}"
    if means.k is not None and number > means.k:
        raise SitingError(f"k binds: to reach all takes {number} measures ({least}) and k is {means.k}. Raise k, or use mclp with this k.")
    if means.budget is not None and cost > means.budget * (1 + SLACK):
        raise SitingError(f"The budget of {means.budget:g} binds: to reach all costs {cost:g} ({least}). Raise it, or use mclp.")
    bound = objective if answer.proven else answer.bound
    return Solution("lscp", built, objective, bound, answer.status, answer.seconds, answer.nodes, found.lost, size_of(program))


def with_path(problem: Problem, means: Means, time_limit_s: float) -> tuple[Problem, float, bool]:
    """First of all a path for as many as can have one.

    Returns
    -------
    The same question without those whom nothing reaches; the least weight that must stay without a path under these means; whether that
    is proven. Whoever leaves so few without a path leaves nobody without one who could have it.
    """
    kept = np.isfinite(problem.demands.current_s)
    kept[problem.demand] = True
    place = np.cumsum(kept) - 1
    part = Problem(problem.measures, problem.demands.take(kept), problem.needs, place[problem.demand], problem.option, problem.seconds)
    if np.isfinite(part.demands.current_s).all():
        return part, 0.0, True
    first = mclp(part.at(np.finfo(float).max), means, time_limit_s, together=False)
    return part, max(0.0, float(part.demands.weight.sum()) - first.objective), first.proven
