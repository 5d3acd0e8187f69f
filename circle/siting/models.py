"""The models of location by their names: what is asked, as a program, and the best plan with its proof.

Takes: a `Problem` and what may be spent.   Gives: `Solution`: what to build, the objective, its bound, whether it is proven.
Never: counts metres in a straight line, or says "best" without a proof.

======== ==================================================================================== ============================================
mclp     most weight within the limit, with k measures or a budget                            Church & ReVelle 1974, maximal covering
lscp     fewest measures (or least cost) so that all who can be reached are within the limit  Toregas et al. 1971, set covering
p-median least total seconds, Σ w·s                                                           Hakimi 1964; ReVelle & Swain 1970
p-center least worst seconds, max s                                                           Hakimi 1964; Minieka 1970, by set covering
======== ==================================================================================== ============================================

with x (measure built), u (option open: all its measures are built), y (group reached), s (seconds by what exists, or by an open option).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, eye_array

from circle.errors import RuleError, SitingError
from circle.siting import assign
from circle.siting.covering import lscp, mclp, with_path
from circle.siting.problem import Problem
from circle.siting.programs import Means, Solution, built_of, measures_in, no_plan, size_of, split
from circle.siting.reduce import dominated, groups
from circle.siting.solve import INFEASIBLE, OPTIMAL, SLACK, STOPPED, Answer, Program

Bools = NDArray[np.bool_]

__all__ = ["MODELS", "Means", "Solution", "solve"]

MODELS = {
    "mclp": "Maximal Covering Location Problem (Church & ReVelle 1974, doi:10.1007/BF01942293): max Σ w·y, y ≤ Σ u over who reaches it",
    "lscp": "Location Set Covering Problem (Toregas, Swain, ReVelle & Bergman 1971, doi:10.1287/opre.19.6.1363): min Σ x, Σ u ≥ 1",
    "p-median": "p-median (Hakimi 1964, doi:10.1287/opre.12.3.450; ReVelle & Swain 1970): min Σ w·s, each by the option it walks by",
    "p-center": "p-center (Hakimi 1964; Minieka 1970, doi:10.1137/1012016): min max s, by set covering at each number of seconds",
}


def solve(problem: Problem, model: str = "mclp", *, means: Means, together: bool = False, time_limit_s: float = 300.0) -> Solution:
    """Find the best plan.

    Parameters
    ----------
    model
        One of `MODELS`.
    means
        k, a budget, or both. LSCP may do without.
    together
        For mclp and lscp: a building counts only when all its services are in time.

    Raises
    ------
    RuleError
        There is no such model, or it needs k or a budget.
    SitingError
        No plan keeps all conditions; the message says which one binds.

    Examples
    --------
    Two of three stations; the first two reach four of five households' worth of demand:

    >>> seconds = np.array([[60.0, np.inf, np.inf], [np.inf, 60.0, np.inf], [np.inf, np.inf, 60.0]])
    >>> found = solve(Problem.of_matrix(seconds, np.array([3.0, 1.0, 1.0]), 300.0), means=Means(k=2))
    >>> found.objective, found.proven
    (4.0, True)
    """
    if model not in MODELS:
        raise RuleError(f"There is no model “{model}”. Choose one of: {', '.join(MODELS)}.")
    if model != "lscp" and means.k is None and means.budget is None:
        raise RuleError(f"{model} needs to know how much may be built: give k or a budget.")
    means.check(problem)
    started = time.perf_counter()
    solver: dict[str, Callable[[], Solution]] = {
        "mclp": lambda: mclp(problem, means, time_limit_s, together=together),
        "lscp": lambda: lscp(problem, means, time_limit_s, together=together),
        "p-median": lambda: assign.median(problem, means, time_limit_s),
        "p-center": lambda: _p_center(problem, means, time_limit_s),
    }
    if (problem.demands.area_m2 > 0).any() and np.isfinite(problem.measures.area_m2).any():
        if model not in ("mclp", "p-median") or together:
            raise RuleError(f"Floor area per household can be bound in mclp (each service by itself) and in p-median, not in {model}.")
        found = assign.capacitated(problem, model, means, time_limit_s)
    else:
        found = solver[model]()
    return replace(found, seconds=time.perf_counter() - started)


def _p_center(problem: Problem, means: Means, time_limit_s: float) -> Solution:
    """Least t such that some plan brings all within t: bisection over the seconds that occur, a covering program at each."""
    deadline = time.perf_counter() + time_limit_s
    part, unreached, sure = with_path(problem, means, time_limit_s)
    steps = np.unique(np.r_[part.demands.current_s[np.isfinite(part.demands.current_s)], part.seconds])
    if not len(steps):
        raise SitingError("No candidate reaches any building, and nothing that exists does. Give candidates near to where people live.")
    plan, nodes, size = None, 0, (0, 0)
    low, high = -1, len(steps) - 1  # steps[low] is impossible; steps[high] is possible once there is a plan
    status = OPTIMAL if sure else STOPPED
    while plan is None or high - low > 1:
        middle = high if plan is None else (low + high) // 2
        answer, built, size = _within(part.at(float(steps[middle])), means, unreached, deadline - time.perf_counter())
        nodes += answer.nodes
        if answer.status == INFEASIBLE:
            if plan is None:
                raise no_plan(means, "not everyone can have a path")
            low = middle
        elif built is not None:
            plan, high = built, min(middle, int(np.searchsorted(steps, _worst(part, built))))
        elif plan is None:
            raise SitingError("The time was up before any plan was found. Allow more time with --time-limit.")
        else:
            status = STOPPED
            break
    worst = _worst(part, plan)
    lost = float(problem.demands.weight.sum() - part.demands.weight.sum())
    return Solution("p-center", plan, worst, worst if status == OPTIMAL else float(steps[low + 1]), status, 0.0, nodes, lost, size)


def _worst(problem: Problem, built: Bools) -> float:
    """The longest walk of those who have a path."""
    best, _ = problem.seconds_with(built)
    return float(best[np.isfinite(best)].max())


def _within(problem: Problem, means: Means, unreached: float, time_s: float) -> tuple[Answer, Bools | None, tuple[int, int]]:
    """A plan that brings everyone within the limit, but for a weight of `unreached` that stays without any path."""
    endless = ~np.isfinite(problem.demands.current_s)
    program = Program()
    if not unreached:
        found = groups(problem)
        if found.lost:
            return Answer(None, np.inf, np.inf, INFEASIBLE, 0.0, 0), None, (0, 0)
        places = measures_in(program, problem, means, dominated(problem, found))
        on_x, on_u = split(found.rows, problem)
        program.rows([(places[0], on_x), (places[1], on_u)], low=1.0)
    else:
        late = np.flatnonzero(~problem.demands.met)
        places = measures_in(program, problem, means)
        on_x, on_u = split(csr_array(problem.cover()[late]), problem)
        without = program.variables(len(late), upper=endless[late].astype(float), whole=True)
        program.rows([(places[0], on_x), (places[1], on_u), (without, eye_array(len(late)))], low=1.0)
        program.sum_of(without, problem.demands.weight[late], high=unreached * (1 + SLACK))
    answer = program.minimise(time_s)
    return answer, None if answer.values is None else built_of(answer.values, places[0]), size_of(program)
