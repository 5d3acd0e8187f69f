"""Models in which each demand is assigned to the option that it walks by: least total minutes, and stations that hold only so many.

Takes: a `Problem` and the means.   Gives: `Solution`.
Never: assigns by anything but walking seconds, or calls a bound a result.
"""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from circle.errors import SitingError
from circle.siting.covering import greedy, with_path
from circle.siting.problem import NONE, Problem
from circle.siting.programs import Means, Solution, built_of, measures_in, no_plan, pick, size_of
from circle.siting.solve import INFEASIBLE, OPTIMAL, SLACK, STOPPED, Answer, Program, gap

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Bools = NDArray[np.bool_]

FIRST_LIST = 8  # options of each demand, nearest first, that the first round looks at


def median(problem: Problem, means: Means, time_limit_s: float) -> Solution:
    """Min Σ w·s.

    Each demand looks at its nearest options only; whatever lies further is as near as the next one would be, which bounds the objective
    from below (Church 2008, BEAMR, doi:10.1007/s10589-008-9201-8). Lists grow where that bound was used, until plan and bound meet.
    """
    deadline = time.perf_counter() + time_limit_s
    part, unreached, sure = with_path(problem, means, time_limit_s)
    demands = part.demands
    useful = np.flatnonzero(part.seconds < demands.current_s[part.demand])
    order = useful[np.lexsort((part.option[useful], part.seconds[useful], part.demand[useful]))]
    demand, option, seconds = part.demand[order], part.option[order], part.seconds[order]
    first = np.searchsorted(demand, np.arange(len(demands)))
    many = np.bincount(demand, minlength=len(demands))
    length = np.minimum(many, FIRST_LIST)
    plan, best, bound, nodes, size, status = None, np.inf, -np.inf, 0, (0, 0), STOPPED
    while True:
        kept = np.arange(len(demand)) - first[demand] < length[demand]
        rest = np.where(length < many, seconds[np.minimum(first + length, max(len(seconds) - 1, 0))] if len(seconds) else np.inf, np.inf)
        answer, places, size = _round(part, (demand[kept], option[kept], seconds[kept]), rest, (means, unreached), deadline)
        nodes += answer.nodes
        if answer.status == INFEASIBLE:
            raise no_plan(means, "not everyone can have a path")
        if np.isfinite(answer.bound):
            bound = max(bound, answer.bound)
        if answer.values is None:
            break
        built = built_of(answer.values, places[0])
        total, late = _total(part, built)
        if total < best:
            plan, best = built, total
        if gap(best, bound) <= SLACK:
            status = OPTIMAL
            break
        if not answer.proven:
            break
        used = (answer.values[places[1]] > SLACK) & (length < many) & (late > rest * (1 + 1e-9))
        length = np.where(used, np.minimum(many, length * 2), length)
        if not used.any():
            break
    if plan is None:
        plan = greedy(problem, means)
        best, _ = _total(part, plan)
    status = status if sure else STOPPED
    lost = float(problem.demands.weight.sum() - demands.weight.sum())
    return Solution("p-median", plan, best, best if status == OPTIMAL else max(bound, 0.0), status, 0.0, nodes, lost, size)


def _total(problem: Problem, built: Bools) -> tuple[float, Floats]:
    """Weight times seconds of those who have a path, and the seconds of each."""
    seconds, _ = problem.seconds_with(built)
    there = np.isfinite(seconds)
    return float((problem.demands.weight[there] * seconds[there]).sum()), seconds


def _round(
    problem: Problem, walks: tuple[Ints, Ints, Floats], rest: Floats, limits: tuple[Means, float], deadline: float
) -> tuple[Answer, tuple[slice, slice], tuple[int, int]]:
    """One program on lists of the nearest options; `rest` is the least that any option beyond a list could take."""
    demand, option, seconds = walks
    demands = problem.demands
    count, weight = len(demands), demands.weight
    program = Program()
    places = measures_in(program, problem, limits[0])
    assigned = program.variables(len(demand), cost=weight[demand] * seconds)
    further = program.variables(count, cost=np.where(np.isfinite(rest), weight * rest, 0.0), upper=np.isfinite(rest).astype(float))
    now = np.isfinite(demands.current_s)
    stay = program.variables(count, cost=np.where(now, weight * demands.current_s, 0.0), upper=now.astype(float))
    without = program.variables(count, upper=(~now).astype(float))
    every = pick(np.arange(count), count)
    program.rows([(assigned, pick(demand, count).T), (further, every), (stay, every), (without, every)], low=1.0, high=1.0)
    program.sum_of(without, weight, high=limits[1] * (1 + SLACK))
    _only_open(program, problem, places, (assigned, option))
    return program.minimise(deadline - time.perf_counter()), (places[0], further), size_of(program)


def _only_open(program: Program, problem: Problem, places: tuple[slice, slice], assigned: tuple[slice, Ints]) -> None:
    """Nobody walks by an option that is not open."""
    place, option = assigned
    paired = problem.needs[:, 1] != NONE
    number = np.cumsum(paired) - 1
    for rows, where, column in (
        (np.flatnonzero(~paired[option]), places[0], problem.needs[option, 0]),
        (np.flatnonzero(paired[option]), places[1], number[option]),
    ):
        if len(rows):
            width = where.stop - where.start
            program.rows([(place, pick(rows, place.stop - place.start)), (where, -pick(column[rows], width))], high=0.0)


def capacitated(problem: Problem, model: str, means: Means, time_limit_s: float) -> Solution:
    """`mclp` or `p-median` where a station serves only as many as its floor area allows: Σ a·w·(area per unit) ≤ area · x.

    The households of one building may go to different stations. Walks to what exists are not bounded: its areas are not known.
    (Current & Storbeck 1988, capacitated covering; Pirkul & Schilling 1991.)
    """
    part, unreached, sure = (problem, 0.0, True) if model == "mclp" else with_path(problem, means, time_limit_s)
    demands = part.demands
    limit = demands.limit_s[part.demand] if model == "mclp" else np.full(len(part.demand), np.inf)
    useful = (part.seconds <= limit) & (part.seconds < demands.current_s[part.demand])
    useful &= (~demands.met)[part.demand] if model == "mclp" else True
    demand, option, seconds = part.demand[useful], part.option[useful], part.seconds[useful]
    count, weight = len(demands), demands.weight
    program = Program()
    places = measures_in(program, part, means)
    price = -weight[demand] if model == "mclp" else weight[demand] * seconds
    assigned = program.variables(len(demand), cost=price)
    if model == "mclp":
        program.rows([(assigned, pick(demand, count).T)], high=1.0)
    else:
        now = np.isfinite(demands.current_s)
        stay = program.variables(count, cost=np.where(now, weight * demands.current_s, 0.0), upper=now.astype(float))
        without = program.variables(count, upper=(~now).astype(float))
        every = pick(np.arange(count), count)
        program.rows([(assigned, pick(demand, count).T), (stay, every), (without, every)], low=1.0, high=1.0)
        program.sum_of(without, weight, high=unreached * (1 + SLACK))
    _only_open(program, part, places, (assigned, option))
    _fits(program, part, places[0], (assigned, demand, option))
    answer = program.minimise(time_limit_s)
    if answer.status == INFEASIBLE:
        raise no_plan(means, "the floor area of the stations binds: not everyone can be taken in")
    if answer.values is None:
        raise SitingError("The time was up before any plan was found. Allow more time with --time-limit.")
    built = built_of(answer.values, places[0])
    base = float(weight[demands.met].sum()) if model == "mclp" else 0.0
    sign = -1.0 if model == "mclp" else 1.0
    reachable = np.zeros(count, dtype=bool)
    reachable[demand] = True
    lost = float(problem.demands.weight.sum() - weight.sum()) if model != "mclp" else float(weight[~reachable & ~demands.met].sum())
    status = answer.status if sure else STOPPED
    objective, bound = base + sign * answer.objective, base + sign * answer.bound
    size = size_of(program)
    return Solution(model, built, objective, objective if status == OPTIMAL else bound, status, 0.0, answer.nodes, lost, size)


def _fits(program: Program, problem: Problem, x: slice, walks: tuple[slice, Ints, Ints]) -> None:
    """What is assigned to a station fits into its floor area, by whichever option one walks to it."""
    assigned, demand, option = walks
    measures = problem.measures
    needs = problem.needs[option]
    second = np.where(needs[:, 1] == NONE, needs[:, 0], needs[:, 1])
    station = np.where(measures.passage[needs[:, 0]], second, needs[:, 0])
    bound = ~measures.passage[station] & np.isfinite(measures.area_m2[station])
    rows, walk = station[bound], np.flatnonzero(bound)
    taken = problem.demands.area_m2[demand[bound]] * problem.demands.weight[demand[bound]]
    shape = (len(measures), assigned.stop - assigned.start)
    area = np.where(np.isfinite(measures.area_m2), measures.area_m2, 0.0)
    hold = csr_array((area, (np.arange(len(measures)), np.arange(len(measures)))), shape=(len(measures), len(measures)))
    program.rows([(assigned, csr_array((taken, (rows, walk)), shape=shape)), (x, -hold)], high=0.0)
