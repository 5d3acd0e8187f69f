"""Worth: what a plan is worth by the very question that was solved, what each of its measures brings, and what could take its place.

Takes: the question and a plan.   Gives: the plan without what brings nothing; gain, next best and loss of each measure.
Never: weighs a plan that the question does not allow, or one measure by another objective than the plan was chosen by.

A replacement keeps the means, what is required and what is forbidden, and in p-median and p-center leaves nobody more without a path.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from circle.errors import SitingError
from circle.siting import models
from circle.siting.problem import NONE, TOLERANCE_S, Problem
from circle.siting.programs import Means
from circle.siting.solve import SLACK

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Bools = NDArray[np.bool_]

COLUMNS = ("gain", "served", "next_best", "loss")


@dataclass(frozen=True, slots=True)
class Question:
    """What was asked: `problem`, `means`, `model`, whether services count `together`, whether the `worst_zone` comes first."""

    problem: Problem
    means: Means
    model: str
    together: bool = False
    worst_zone: bool = False
    time_limit_s: float = 300.0

    @property
    def unit(self) -> str:
        """What `loss` counts."""
        if self.worst_zone:
            return "percent points of the share within the limit, of the worst-off zone that fares otherwise"
        if self.model in ("p-median", "p-center"):
            return {"p-median": "weight · seconds", "p-center": "seconds of the longest walk"}[self.model]
        return "weight of buildings with all services within the limit" if self.together else "weight within the limit"

    @property
    def bounded(self) -> bool:
        """Whether floor area bounds whom a station takes in: then seconds alone do not say what a plan is worth."""
        return bool((self.problem.demands.area_m2 > 0).any() and np.isfinite(self.problem.measures.area_m2).any())


def lean(asked: Question, built: Bools) -> Bools:
    """The plan without what brings nothing by the question that was solved, the dearest first; what is required stays.

    Where floor area binds in p-median, nothing is left out: what a part of a plan is worth there would be a question of its own.
    """
    m = asked.problem.measures
    kept, whole = built.copy(), value(asked, built)
    if whole is None:
        return kept
    loose = np.flatnonzero(built & ~m.required)
    for one in loose[np.lexsort((-loose, -m.cost[loose]))].tolist():  # of equals the last goes: a search lists the better ones first
        kept[one] = False
        without = value(asked, kept)
        if without is None or _order(whole, without) > 0:
            kept[one] = True
    return kept


def value(asked: Question, built: Bools) -> Floats | None:
    """What a plan is worth: numbers of which the first counts most, more is better; None where nothing is known."""
    if not asked.bounded:
        return worth(asked, asked.problem.seconds_with(built)[0])
    m = asked.problem.measures
    fixed = replace(asked.problem, measures=replace(m, required=built, forbidden=~built))
    return _held(asked, fixed, Means(k=int(built.sum())))[0]


def worth(asked: Question, seconds: Floats) -> Floats:
    """What seconds of every demand are worth, where floor area binds nobody."""
    d = asked.problem.demands
    if asked.model in ("p-median", "p-center"):
        there = np.isfinite(seconds)
        total = float((d.weight[there] * seconds[there]).sum())
        worst = [-float(seconds[there].max(initial=0.0))] if asked.model == "p-center" else []
        return np.asarray([float(d.weight[there].sum()), *worst, -total])
    weight, zone, inside = d.weight, d.zone, seconds <= d.limit_s + TOLERANCE_S
    if asked.together:
        _, first, index = np.unique(d.building, return_index=True, return_inverse=True)
        inside = np.bincount(index, weights=~inside) == 0
        weight, zone = weight[first], zone[first]
    reached = float(weight[inside].sum())
    if not asked.worst_zone:
        return np.asarray([reached])
    zoned = zone >= 0
    total_of = np.bincount(zone[zoned], weights=weight[zoned])
    held = np.bincount(zone[zoned], weights=weight[zoned] * inside[zoned])
    return np.asarray(np.r_[np.sort(held[total_of > 0] / total_of[total_of > 0]), reached])


def measures(asked: Question, built: Bools, names: list[str]) -> pd.DataFrame:
    """For each measure of the plan: weight that walks by it, what is lost without it, the next best in its place and what that loses.

    Contract: where the plan is proven, `loss` is what the objective itself loses; it is missing where nothing may take its place and
    without it somebody would have no path.
    """
    problem = asked.problem
    d = problem.demands
    best, by = problem.seconds_with(built)
    in_time = best <= d.limit_s + TOLERANCE_S
    whole, plan = float(d.weight[in_time].sum()), value(asked, built)
    rows = {}
    for one in np.flatnonzero(built).tolist():
        uses = (by >= 0) & (problem.needs[np.maximum(by, 0)] == one).any(axis=1) & in_time & ~d.met
        rest = built.copy()
        rest[one] = False
        other, then = _instead(asked, rest, one)
        then = value(asked, rest) if then is None else then
        rows[one] = {
            "gain": whole - problem.reached(rest),
            "served": float(d.weight[uses].sum()),
            "next_best": names[other] if other != NONE else "",
            "loss": np.nan if plan is None or then is None else _loss(asked, plan, then),
        }
    told = pd.DataFrame.from_dict(rows, orient="index", columns=list(COLUMNS))
    return told.astype({"gain": float, "served": float, "loss": float})


def _instead(asked: Question, rest: Bools, one: int) -> tuple[int, Floats | None]:
    """The measure that does best in the place of another, and what the plan is worth then; −1 where none does anything."""
    m = asked.problem.measures
    free = ~rest & ~m.forbidden
    free[one] = False
    if asked.means.budget is not None:
        free &= m.cost[rest].sum() + m.cost <= asked.means.budget * (1 + SLACK)
    if m.required[one] or not free.any():
        return NONE, None
    if asked.bounded:
        part = replace(asked.problem, measures=replace(m, required=rest, forbidden=~rest & ~free))
        found, built = _held(asked, part, Means(int(rest.sum()) + 1, asked.means.budget))
        added = np.empty(0, dtype=np.intp) if built is None else np.flatnonzero(built & ~rest)
        return (int(added[0]), found) if len(added) else (NONE, None)
    seconds, _ = asked.problem.seconds_with(rest)
    best, least = NONE, worth(asked, seconds)
    for other, changed in _one_more(asked.problem, rest, free, seconds):
        then = worth(asked, changed)
        if _order(then, least) > 0:
            best, least = other, then
    return best, None if best == NONE else least


def _one_more(problem: Problem, built: Bools, free: Bools, seconds: Floats) -> Iterator[tuple[int, Floats]]:
    """Seconds of every demand with each further measure, of those that shorten a walk."""
    first, second = problem.needs[:, 0], problem.needs[:, 1]
    has_first, has_second = built[first], (second == NONE) | built[second]
    missing = np.where(~has_first & has_second, first, np.where(has_first & ~has_second, second, NONE))[problem.option]
    rows = np.flatnonzero((missing >= 0) & free[missing] & (problem.seconds < seconds[problem.demand]))
    rows = rows[np.lexsort((-problem.seconds[rows], missing[rows]))]  # of two walks of a demand the shorter is written last
    for part in np.split(rows, np.flatnonzero(np.diff(missing[rows])) + 1) if len(rows) else []:
        changed = seconds.copy()
        changed[problem.demand[part]] = problem.seconds[part]
        yield int(missing[part[0]]), changed


def _held(asked: Question, part: Problem, means: Means) -> tuple[Floats | None, Bools | None]:
    """What a part of the question is worth where floor area binds; in p-median nothing is known of it (see `lean`)."""
    if asked.model != "mclp":
        return None, None
    try:
        found = models.solve(part, "mclp", means=means, time_limit_s=asked.time_limit_s)
    except SitingError:
        return None, None
    return np.asarray([found.objective]), found.built


def _order(one: Floats, other: Floats) -> int:
    """1 where the first is better, −1 where it is worse; sums that should be equal count as equal."""
    apart = one - other
    counts = np.flatnonzero(np.abs(apart) > SLACK * np.maximum(np.maximum(np.abs(one), np.abs(other)), SLACK))
    return int(np.sign(apart[counts[0]])) if len(counts) else 0


def _loss(asked: Question, plan: Floats, then: Floats) -> float:
    """How much less the plan is worth with the replacement, in `Question.unit`; missing where somebody would have no path."""
    apart = plan - then
    if asked.worst_zone:
        levels = np.flatnonzero(np.abs(apart[:-1]) > SLACK)
        return max(0.0, 100.0 * float(apart[levels[0]])) if len(levels) else 0.0
    if asked.model in ("p-median", "p-center") and not asked.bounded:
        return np.nan if apart[0] > SLACK * plan[0] else max(0.0, float(apart[1]))
    return max(0.0, float(apart[0]))  # sums in another order differ by their rounding
