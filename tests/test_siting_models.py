"""The models against brute force: every plan of a small question is tried, and none is better than what the solver calls the best."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from circle.errors import RuleError, SitingError
from circle.siting import equity, models, reduce, worth
from circle.siting.models import Means
from circle.siting.problem import Demands, Measures, Problem

QUICK = settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
LIMIT = 300.0
TIMES = [30.0, 90.0, 150.0, 299.0, 300.0, 301.0, 420.0, 800.0, np.inf]


@st.composite
def problems(draw: st.DrawFn, *, pairs: bool = True, finite: bool = False) -> Problem:
    """Up to six measures (the last two may be passages, with stations reached through them) and eight demands of two services."""
    stations, passages = draw(st.integers(2, 4)), draw(st.integers(0, 2)) if pairs else 0
    measures = stations + passages
    needs = [(one, -1) for one in range(measures)]
    needs += [(station, stations + passage) for station in range(stations) for passage in range(passages)]
    buildings = draw(st.integers(1, 4))
    count = buildings * 2
    times = [value for value in TIMES if np.isfinite(value)] if finite else TIMES
    current = np.asarray(draw(st.lists(st.sampled_from(times), min_size=count, max_size=count)))
    walks = np.asarray(draw(st.lists(st.sampled_from(TIMES), min_size=count * len(needs), max_size=count * len(needs))))
    walks = walks.reshape(count, len(needs))
    demand, option = np.nonzero(np.isfinite(walks))
    no = np.zeros(measures, dtype=bool)
    return Problem(
        Measures(
            passage=np.arange(measures) >= stations,
            cost=np.asarray(draw(st.lists(st.sampled_from([1.0, 2.0, 5.0]), min_size=measures, max_size=measures))),
            required=no.copy(),
            forbidden=no.copy(),
            area_m2=np.full(measures, np.inf),
        ),
        Demands(
            weight=np.repeat(np.asarray(draw(st.lists(st.sampled_from([1.0, 2.0, 7.0]), min_size=buildings, max_size=buildings))), 2),
            current_s=current,
            limit_s=np.full(count, LIMIT),
            service=np.tile([0, 1], buildings),
            zone=np.repeat(np.arange(buildings) % 2, 2),
            building=np.repeat(np.arange(buildings), 2),
            area_m2=np.zeros(count),
        ),
        np.asarray(needs),
        demand,
        option,
        walks[demand, option],
    )


def plans(problem: Problem, means: Means) -> list[np.ndarray]:
    """Every plan that keeps the means and the conditions."""
    m = problem.measures
    out = []
    for size in range(len(m) + 1):
        for chosen in combinations(range(len(m)), size):
            built = np.zeros(len(m), dtype=bool)
            built[list(chosen)] = True
            fits = (means.k is None or size <= means.k) and (means.budget is None or m.cost[built].sum() <= means.budget)
            if fits and not (m.required & ~built).any() and not (m.forbidden & built).any():
                out.append(built)
    return out


def by_hand(problem: Problem, built: np.ndarray) -> np.ndarray:
    """Seconds of every demand, one by one."""
    best = problem.demands.current_s.copy()
    for demand, option, seconds in zip(problem.demand, problem.option, problem.seconds, strict=True):
        one, other = problem.needs[option]
        if built[one] and (other < 0 or built[other]):
            best[demand] = min(best[demand], seconds)
    return best


def reached(problem: Problem, built: np.ndarray, *, together: bool = False) -> float:
    in_time = by_hand(problem, built) <= LIMIT
    if together:
        in_time = in_time.reshape(-1, 2).all(axis=1)
        return float(problem.demands.weight[::2][in_time].sum())
    return float(problem.demands.weight[in_time].sum())


@given(problems(), st.integers(0, 3), st.sampled_from([None, 3.0, 6.0]), st.booleans())
@QUICK
def test_mclp_is_the_best_of_all_plans(problem, k, budget, together):
    means = Means(k, budget)
    found = models.solve(problem, "mclp", means=means, together=together)
    best = max(reached(problem, plan, together=together) for plan in plans(problem, means))
    assert found.proven
    assert found.objective == pytest.approx(best)
    assert found.bound == pytest.approx(best)
    assert any((found.built == plan).all() for plan in plans(problem, means))
    assert reached(problem, found.built, together=together) == pytest.approx(best)


@given(problems(), st.data())
@QUICK
def test_required_and_forbidden_are_kept(problem, data):
    count = len(problem.measures)
    required = np.zeros(count, dtype=bool)
    required[data.draw(st.integers(0, count - 1))] = True
    forbidden = np.asarray(data.draw(st.lists(st.booleans(), min_size=count, max_size=count))) & ~required
    problem = replace(problem, measures=replace(problem.measures, required=required, forbidden=forbidden), _cover=[])
    found = models.solve(problem, "mclp", means=Means(2))
    assert found.objective == pytest.approx(max(reached(problem, plan) for plan in plans(problem, Means(2))))
    assert found.built[required].all()
    assert not found.built[forbidden].any()


@given(problems(), st.booleans())
@QUICK
def test_lscp_is_the_smallest_plan_that_reaches_all_who_can_be_reached(problem, together):
    found = models.solve(problem, "lscp", means=Means(), together=together)
    everything = plans(problem, Means())
    most = max(reached(problem, plan, together=together) for plan in everything)
    fewest = min(plan.sum() for plan in everything if reached(problem, plan, together=together) == pytest.approx(most))
    assert found.objective == fewest
    assert reached(problem, found.built, together=together) == pytest.approx(most)
    total = problem.demands.weight.sum() / (2 if together else 1)
    assert found.lost == pytest.approx(total - most)


@given(problems(), st.integers(1, 3))
@QUICK
def test_p_median_is_the_least_sum_of_those_who_have_a_path(problem, k):
    means = Means(k)
    found = models.solve(problem, "p-median", means=means)
    every = [(plan, by_hand(problem, plan)) for plan in plans(problem, means)]
    weight = problem.demands.weight
    least = min(weight[~np.isfinite(seconds)].sum() for _, seconds in every)
    best = min((weight * np.where(np.isfinite(s), s, 0.0)).sum() for _, s in every if weight[~np.isfinite(s)].sum() == pytest.approx(least))
    assert found.proven
    assert found.objective == pytest.approx(best)
    mine = by_hand(problem, found.built)
    assert weight[~np.isfinite(mine)].sum() == pytest.approx(least)
    assert (weight * np.where(np.isfinite(mine), mine, 0.0)).sum() == pytest.approx(best)


@given(problems(), st.integers(1, 3))
@QUICK
def test_p_center_is_the_least_worst_walk(problem, k):
    means = Means(k)
    every = [by_hand(problem, plan) for plan in plans(problem, means)]
    weight = problem.demands.weight
    least = min(weight[~np.isfinite(s)].sum() for s in every)
    fitting = [s[np.isfinite(s)] for s in every if weight[~np.isfinite(s)].sum() == pytest.approx(least)]
    if not any(len(s) for s in fitting):
        with pytest.raises(SitingError, match="reaches any"):
            models.solve(problem, "p-center", means=means)
        return
    found = models.solve(problem, "p-center", means=means)
    assert found.proven
    assert found.objective == pytest.approx(min(s.max() for s in fitting))


@given(problems(), st.integers(0, 3))
@QUICK
def test_worst_zone_first_is_the_best_in_lexicographic_order(problem, k):
    means = Means(k)
    found = equity.worst_first(problem, means=means)

    def shares(built: np.ndarray) -> list[float]:
        in_time = by_hand(problem, built) <= LIMIT
        zone, weight = problem.demands.zone, problem.demands.weight
        return sorted(round(float(weight[(zone == z) & in_time].sum() / weight[zone == z].sum()), 6) for z in np.unique(zone))

    assert found.proven
    assert shares(found.built) == max(shares(plan) for plan in plans(problem, means))


@given(problems(pairs=False), st.integers(1, 3), st.data())
@QUICK
def test_floor_area_bounds_whom_a_station_takes_in(problem, k, data):
    """Against the plain program: for each plan, the best division of households is a flow; here two stations at most hold anyone."""
    from scipy.optimize import linprog

    count = len(problem.measures)
    area = np.asarray(data.draw(st.lists(st.sampled_from([2.0, 5.0, 9.0]), min_size=count, max_size=count)))
    demands = replace(problem.demands, area_m2=np.ones(len(problem.demands)))
    problem = replace(problem, measures=replace(problem.measures, area_m2=area), demands=demands, _cover=[])
    found = models.solve(problem, "mclp", means=Means(k))

    def held(built: np.ndarray) -> float:
        met = demands.current_s <= LIMIT
        walks = [
            (d, o) for d, o, s in zip(problem.demand, problem.option, problem.seconds, strict=True)
            if s <= LIMIT and not met[d] and s < demands.current_s[d] and built[o]
        ]  # fmt: skip
        base = float(demands.weight[met].sum())
        if not walks:
            return base
        rows = [[float(d == row) for d, _ in walks] for row in range(len(demands))]
        rows += [[float(o == column) for _, o in walks] for column in range(count)]
        return base - linprog(-np.ones(len(walks)), A_ub=np.asarray(rows), b_ub=np.r_[demands.weight, area]).fun

    assert found.objective == pytest.approx(max(held(plan) for plan in plans(problem, Means(k))))


@given(problems())
@QUICK
def test_nothing_that_a_reduction_leaves_out_is_needed(problem):
    found = reduce.groups(problem)
    gone = reduce.dominated(problem, found)
    less = problem.only(~gone)
    for k in (1, 2):
        whole = max(reached(problem, plan) for plan in plans(problem, Means(k)))
        assert max(reached(less, plan) for plan in plans(less, Means(k))) == pytest.approx(whole)
    assert found.base + found.lost + found.weight.sum() == pytest.approx(problem.demands.weight.sum())


def line(*places: float, homes: int = 10) -> Problem:
    """Homes every 100 s along a line, stations at `places`."""
    return Problem.of_matrix(np.abs(np.arange(homes)[:, None] * 100.0 - np.asarray(places)[None, :]), np.ones(homes), LIMIT)


def test_a_line_of_homes_by_arithmetic():
    """Ten homes at 0, 100 … 900; a station at 250 reaches six of them (0 … 500), two together reach all, nobody farther than 250."""
    problem = line(0.0, 250.0, 450.0, 650.0)
    one = models.solve(problem, "mclp", means=Means(1))
    assert one.objective == 6.0
    assert models.solve(problem, "lscp", means=Means()).objective == 2
    assert models.solve(problem, "p-center", means=Means(2)).objective == 250.0


def test_what_binds_is_said():
    problem = line(0.0, 250.0, 650.0)
    with pytest.raises(SitingError, match=r"k binds: to reach all takes 2 measures \(proven\) and k is 1"):
        models.solve(problem, "lscp", means=Means(1))
    with pytest.raises(SitingError, match="budget of 1 binds: to reach all costs 2"):
        models.solve(problem, "lscp", means=Means(budget=1.0))
    must = replace(problem.measures, required=np.ones(3, dtype=bool))
    with pytest.raises(SitingError, match="k binds: 3 measures are required and k is 2"):
        models.solve(replace(problem, measures=must, _cover=[]), means=Means(2))
    with pytest.raises(SitingError, match="what is required costs 3 and the budget is 2"):
        models.solve(replace(problem, measures=must, _cover=[]), means=Means(budget=2.0))
    both = replace(must, forbidden=np.ones(3, dtype=bool))
    with pytest.raises(SitingError, match="required and forbidden"):
        models.solve(replace(problem, measures=both, _cover=[]), means=Means(3))


def test_wrong_questions_are_refused():
    with pytest.raises(RuleError, match="Choose one of: mclp, lscp, p-median, p-center"):
        models.solve(line(0.0), "pmedian", means=Means(1))
    with pytest.raises(RuleError, match="give k or a budget"):
        models.solve(line(0.0), "p-center", means=Means())
    with pytest.raises(RuleError, match="needs zones"):
        equity.worst_first(line(0.0), means=Means(1))


def test_a_time_limit_gives_a_plan_and_its_bound():
    rng = np.random.default_rng(7)
    place, home = rng.random((120, 2)), rng.random((2500, 2))
    seconds = np.hypot(*(home[:, None, :] - place[None, :, :]).transpose(2, 0, 1)) * 3000
    problem = Problem.of_matrix(seconds, rng.integers(1, 50, 2500).astype(float), LIMIT)
    found = models.solve(problem, "mclp", means=Means(9), time_limit_s=0.02)
    assert not found.proven
    assert found.status == "time limit"
    assert 0 < found.objective <= found.bound <= problem.demands.weight.sum()
    assert found.built.sum() <= 9
    assert 0 < found.gap < 1
    sure = models.solve(problem, "mclp", means=Means(9))
    assert sure.proven
    assert found.objective <= sure.objective <= found.bound + 1e-6


def worths(problem: Problem, model: str, built: np.ndarray, *, together: bool, zones: bool) -> list[float]:
    """What a plan is worth, the first number first; more is better."""
    seconds = by_hand(problem, built)
    weight = problem.demands.weight
    there = np.isfinite(seconds)
    if model == "p-median":
        return [weight[there].sum(), -(weight[there] * seconds[there]).sum()]
    if model == "p-center":
        return [weight[there].sum(), -seconds[there].max(initial=0.0)]
    inside = seconds <= LIMIT
    if together:
        inside = np.repeat(inside.reshape(-1, 2).all(axis=1), 2)
    if zones:
        zone = problem.demands.zone
        return sorted(weight[inside & (zone == one)].sum() / weight[zone == one].sum() for one in np.unique(zone))
    return [(weight * inside).sum() / (2 if together else 1)]


@QUICK
@given(
    problem=problems(),
    model=st.sampled_from(["mclp", "lscp", "p-median", "p-center"]),
    means=st.sampled_from([Means(1), Means(2), Means(3), Means(2, 6.0), Means(None, 5.0)]),
    together=st.booleans(),
    zones=st.booleans(),
    required=st.integers(-1, 1),
)
def test_no_replacement_that_the_question_allows_beats_a_proven_plan(problem, model, means, together, zones, required):
    m = problem.measures
    must = np.arange(len(m)) == required
    problem = replace(problem, measures=replace(m, required=must))
    zones, together = zones and model == "mclp", together and model in ("mclp", "lscp")
    try:
        found = (
            equity.worst_first(problem, means=means, together=together)
            if zones
            else models.solve(problem, model, means=means, together=together)
        )
    except SitingError:
        return
    asked = worth.Question(problem, means, model, together, zones)
    built = worth.lean(asked, found.built)
    told = worth.measures(asked, built, [str(one) for one in range(len(m))])
    mine = np.asarray(worths(problem, model, built, together=together, zones=zones))
    assert np.allclose(mine, worths(problem, model, found.built, together=together, zones=zones))
    assert (built | ~must).all()
    assert not (told["loss"] < 0).any()
    for one, row in told.iterrows():
        if not row["next_best"]:
            continue
        other = int(row["next_best"])
        swapped = built.copy()
        swapped[[one, other]] = False, True
        assert not must[one]
        assert not built[other]
        assert means.budget is None or m.cost[swapped].sum() <= means.budget
        theirs = np.asarray(worths(problem, model, swapped, together=together, zones=zones))
        apart = mine - theirs
        first = apart[np.flatnonzero(np.abs(apart) > 1e-9)[:1]]
        assert (first > 0).all()
        if zones:
            assert row["loss"] == pytest.approx(100 * first.sum(), abs=1e-3)
        elif model in ("p-median", "p-center"):
            assert row["loss"] == pytest.approx(apart[1]) if apart[0] <= 1e-9 else np.isnan(row["loss"])
        else:
            assert row["loss"] == pytest.approx(apart[0])
