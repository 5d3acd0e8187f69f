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
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, eye_array

from circle.errors import RuleError, SitingError
from circle.siting.problem import NONE, TOLERANCE_S, Problem
from circle.siting.reduce import Groups, dominated, groups
from circle.siting.solve import INFEASIBLE, OPTIMAL, SLACK, STOPPED, Answer, Program, gap

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Bools = NDArray[np.bool_]

MODELS = {
    "mclp": "Maximal Covering Location Problem (Church & ReVelle 1974, doi:10.1007/BF01942293): max Σ w·y, y ≤ Σ u over who reaches it",
    "lscp": "Location Set Covering Problem (Toregas, Swain, ReVelle & Bergman 1971, doi:10.1287/opre.19.6.1363): min Σ x, Σ u ≥ 1",
    "p-median": "p-median (Hakimi 1964, doi:10.1287/opre.12.3.450; ReVelle & Swain 1970): min Σ w·s, each by the option it walks by",
    "p-center": "p-center (Hakimi 1964; Minieka 1970, doi:10.1137/1012016): min max s, by set covering at each number of seconds",
}


@dataclass(frozen=True, slots=True)
class Means:
    """What may be spent: `k` measures at most, `budget` in the unit of the costs at most; None: no bound."""

    k: int | None = None
    budget: float | None = None

    def check(self, problem: Problem) -> None:
        """Refuse what cannot be kept before anything is solved.

        Raises
        ------
        SitingError   what must be built breaks the means, or a measure is both required and forbidden
        """
        m = problem.measures
        if (m.required & m.forbidden).any():
            raise SitingError(f"{int((m.required & m.forbidden).sum())} measures are required and forbidden. Take one away.")
        number, cost = int(m.required.sum()), float(m.cost[m.required].sum())
        if self.k is not None and number > self.k:
            raise SitingError(f"k binds: {number} measures are required and k is {self.k}. Allow k = {number}, or require fewer.")
        if self.budget is not None and cost > self.budget * (1 + SLACK):
            raise SitingError(f"The budget binds: what is required costs {cost:g} and the budget is {self.budget:g}. Raise it to {cost:g}.")


@dataclass(frozen=True, slots=True)
class Solution:
    """A plan and its proof.

    Attributes: `model`, `built` (measure: yes or no), `objective` and `bound` (no plan is better than this) in the model's own unit
    (weight, measures or cost, weight · seconds, seconds), `status` (`optimal`, `time limit`), `seconds` taken to solve, `nodes`
    (of search trees), `lost` (weight that no plan can reach), `size` (rows and columns left after reduction).
    """

    model: str
    built: Bools
    objective: float
    bound: float
    status: str
    seconds: float
    nodes: int
    lost: float
    size: tuple[int, int]

    @property
    def proven(self) -> bool:
        """Whether no plan can be better."""
        return self.status == "optimal"

    @property
    def gap(self) -> float:
        """What another plan may have better at most, as a share; 0 when proven."""
        return 0.0 if self.proven else gap(self.objective, self.bound)


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
        "mclp": lambda: _mclp(problem, means, time_limit_s, together=together),
        "lscp": lambda: _lscp(problem, means, time_limit_s, together=together),
        "p-median": lambda: _p_median(problem, means, time_limit_s),
        "p-center": lambda: _p_center(problem, means, time_limit_s),
    }
    if (problem.demands.area_m2 > 0).any() and np.isfinite(problem.measures.area_m2).any():
        if model not in ("mclp", "p-median") or together:
            raise RuleError(f"Floor area per household can be bound in mclp (each service by itself) and in p-median, not in {model}.")
        from circle.siting.assign import capacitated  # noqa: PLC0415 - it builds on this module

        found = capacitated(problem, model, means, time_limit_s)
    else:
        found = solver[model]()
    return replace(found, seconds=time.perf_counter() - started)


# --- the parts that all programs share


def measures_in(program: Program, problem: Problem, means: Means, left_out: Bools | None = None) -> tuple[slice, slice]:
    """Add x (built) and u (options of two measures; an option of one measure is x itself), and the means. Returns both slices."""
    m = problem.measures
    shut = m.forbidden if left_out is None else m.forbidden | (left_out & ~m.required)
    x = program.variables(len(m), lower=m.required.astype(float), upper=(~shut).astype(float), whole=True)
    if means.k is not None:
        program.sum_of(x, np.ones(len(m)), high=float(means.k))
    if means.budget is not None:
        program.sum_of(x, m.cost, high=means.budget)
    pairs = problem.needs[problem.needs[:, 1] != NONE]
    u = program.variables(len(pairs))
    if len(pairs):
        for side in (0, 1):  # a walk through a passage to a station needs both
            program.rows([(u, eye_array(len(pairs))), (x, -pick(pairs[:, side], len(m)))], high=0.0)
    return x, u


def pick(columns: Ints, width: int) -> csr_array:
    """Matrix whose row i takes column `columns[i]`."""
    return csr_array((np.ones(len(columns)), (np.arange(len(columns)), columns)), shape=(len(columns), width))


def split(rows: csr_array, problem: Problem) -> tuple[csr_array, csr_array]:
    """The same requirement × option rows as two matrices: over the measures (options of one), and over the options of two."""
    paired = problem.needs[:, 1] != NONE
    single = np.flatnonzero(~paired)
    to_x = csr_array((np.ones(len(single)), (single, problem.needs[single, 0])), shape=(len(paired), len(problem.measures)))
    return csr_array(rows @ to_x), csr_array(rows)[:, np.flatnonzero(paired)]


def reach_in(program: Program, problem: Problem, found: Groups, places: tuple[slice, slice]) -> slice:
    """Add y (group reached, 0 to 1) with y ≤ Σ u for each of its requirements. Returns where y stands."""
    y = program.variables(len(found))
    on_x, on_u = split(found.rows, problem)
    program.rows([(y, pick(found.of, len(found))), (places[0], -on_x), (places[1], -on_u)], high=0.0)
    return y


def built_of(values: Floats, place: slice) -> Bools:
    """What a solver's values say is built."""
    return np.asarray(values[place] > 0.5)


def size_of(program: Program) -> tuple[int, int]:
    """Rows and columns."""
    return program.height, program.size


def no_plan(means: Means, what: str) -> SitingError:
    """The error of conditions that cannot be kept together."""
    said = [f"k = {means.k}"] * (means.k is not None) + [f"a budget of {means.budget:g}"] * (means.budget is not None)
    return SitingError(f"No plan keeps {' and '.join(said) or 'the conditions'}: {what}.")


# --- coverage


def _mclp(problem: Problem, means: Means, time_limit_s: float, *, together: bool) -> Solution:
    """Max Σ w·y."""
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


def _lscp(problem: Problem, means: Means, time_limit_s: float, *, together: bool) -> Solution:
    """Min Σ x (with a budget: min Σ cost·x), Σ u ≥ 1 for every requirement that anything can fulfil."""
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


# --- minutes


def _p_median(problem: Problem, means: Means, time_limit_s: float) -> Solution:
    from circle.siting.assign import median  # noqa: PLC0415 - it builds on this module

    return median(problem, means, time_limit_s)


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
    first = _mclp(part.at(np.finfo(float).max), means, time_limit_s, together=False)
    return part, max(0.0, float(part.demands.weight.sum()) - first.objective), first.proven


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
