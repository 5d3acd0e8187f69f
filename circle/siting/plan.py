"""A plan: what to build, the proof that no choice does better, and what it changes for whom.

Takes: the ground, whom it is for, the means, candidates, passages.   Gives: `Plan`, with its files.
Never: shows a gain that was not measured again on the whole network.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from circle import folder, rerun, scenario, schema
from circle.errors import SitingError
from circle.siting import equity, instead, models, shut, worth
from circle.siting.candidates import Candidates, split
from circle.siting.demand import Asked, Who, ask, missing, only_spots
from circle.siting.ground import Ground
from circle.siting.models import MODELS, Means, Solution
from circle.siting.problem import TOLERANCE_S, Problem
from circle.units import SECONDS_PER_MINUTE

Bools = NDArray[np.bool_]
Say = Callable[[str], None]

UNNAMED = "拟建驿站 proposed station"
UNITS = {
    "mclp": "weight within the limit",
    "lscp": "measures, or cost where only a budget is given",
    "p-median": "weight · seconds",
    "p-center": "seconds",
}
STATION_COLUMNS = (
    "candidate",
    "name",
    "source",
    "building",
    "cost",
    "area_m2",
    "services",
    "gain",
    "served",
    "next_best",
    "loss",
    "geometry",
)
PASSAGE_COLUMNS = ("passage", "name", "kind", "length_m", "walk_m", "cost", "gain", "served", "next_best", "loss", "geometry")


@dataclass(frozen=True, slots=True, repr=False)
class Plan:
    """A plan and what it changes.

    Attributes: `ground`, `who`, `means`, `asked` (the question), `solution` (the answer and its proof), `stations` and `passages` (what to
    build), `curve` (for each number of measures), `zones` (before and after), `proof` (`plan.json`), `after` (the run afterwards).
    """

    ground: Ground
    who: Who
    means: Means
    asked: Asked
    solution: Solution
    stations: gpd.GeoDataFrame
    passages: gpd.GeoDataFrame
    curve: pd.DataFrame
    zones: pd.DataFrame
    proof: dict[str, Any]
    after: rerun.State

    def __repr__(self) -> str:
        found, state = self.proof["verified"], "proven" if self.solution.proven else "not proven"
        built = f"{len(self.stations)} stations, {len(self.passages)} passages for {', '.join(self.who.services)}"
        return f"<Plan: {built}; {found['reached_before']:,.0f} → {found['reached']:,.0f} {self.proof['weight']} × services; {state}>"

    @property
    def tables(self) -> dict[str, Any]:
        """The tables of the run afterwards."""
        return dict(self.after.tables)

    def scenario(self) -> scenario.Scenario:
        """The plan as a scenario that `circle run --scenario` reads."""
        return as_scenario(self.stations, self.passages, self.who.services)

    def _called(self) -> str:
        """What the page of the plan is called, so that nobody takes it for the place as it is."""
        files = [str(each.get("file", "")).partition(".")[0] for each in self.ground.record.get("inputs", [])]
        found, counted = self.proof["verified"], f"{self.proof['weight']} × services"
        built = [f"{len(table)} {word}" for table, word in ((self.stations, "驿站 stations"), (self.passages, "打通 opened")) if len(table)]
        what = f"方案 plan: {', '.join(built)}; {found['reached_before']:,.0f} → {found['reached']:,.0f} {counted}"
        return f"{self.ground.record.get('place') or ', '.join(files)} · {what}"

    def save(self, out: str | Path, draw: Callable[[Path], Any] | None = None) -> Path:
        """Write the plan's folder, whole or not at all: a run as it would be, and the plan's own files; `draw` adds the page.

        Raises
        ------
        OutputError   the folder cannot be written
        """
        files = {"stations": self.stations, "passages": self.passages, "curve": self.curve, "zones_change": self.zones}
        for name, frame in files.items():
            schema.check(frame, f"plan_{name}")
        with folder.whole(Path(out)) as partial:
            folder.write_tables(partial, self.tables)
            folder.write_record(partial, "summary", dict(self.after.summary))
            took = self.ground.record.get("seconds", {})  # a plan of the same run is the same file
            own = {"seconds": took, "place": self._called(), "plan": self.proof, "tables": folder.digests(partial)}
            folder.write_record(partial, "run", {**self.after.record, **own})
            for name, table in (("stations", self.stations), ("passages", self.passages)):
                folder.write_tables(partial, {name: table})
                (partial / f"{name}.geojson").write_text(table.to_json(drop_id=True, ensure_ascii=False) + "\n", encoding="utf-8")
            for name, plain in (("curve", self.curve), ("zones_change", self.zones)):
                folder.write_tables(partial, {name: plain})
                folder.write_sheet(partial / f"{name}.csv", plain)
            folder.write_record(partial, "plan", self.proof)
            self.scenario().save(partial / "scenario.toml")
            if draw is not None:
                draw(partial)
        return Path(out)


def as_scenario(stations: gpd.GeoDataFrame, passages: gpd.GeoDataFrame, services: tuple[str, ...]) -> scenario.Scenario:
    """What is built, as `circle run --scenario` reads it: run so, everyone's minutes are the plan's.

    A station offers its own services, or all of `services` where it names none; one in a building of the run names that building.
    """
    points = stations.geometry.representative_point() if len(stations) else stations.geometry
    columns = (stations[name] for name in ("candidate", "name", "services", "building"))
    built = []
    for point, candidate, name, offers, building in zip(points, *columns, strict=True):
        offered = tuple(word for word in services if not split(offers) or word in split(offers))
        if offered:
            built.append(scenario.Station(f"plan/{candidate}", str(name) or UNNAMED, point.x, point.y, offered, str(building)))
    gates = passages["kind"] == shut.KIND if len(passages) else np.zeros(0, dtype=bool)
    new = passages[~gates]
    made = [
        scenario.Passage(str(one), str(name), line.coords[0], line.coords[-1])
        for one, name, line in zip(new["passage"], new["name"], new.geometry, strict=True)
    ]
    opened = tuple(passages["passage"][gates].astype(str))
    return scenario.Scenario("plan", stations=tuple(built), passages=tuple(made), opened=opened)


def make(
    ground: Ground,
    who: Who,
    means: Means,
    offered: tuple[Candidates, gpd.GeoDataFrame],
    *,
    model: str = "mclp",
    together: bool = False,
    time_limit_s: float = 300.0,
) -> Plan:
    """Measure, choose, measure again.

    Parameters
    ----------
    offered
        Candidates and passages (`passages.find`; none: an empty table).
    together
        A building counts only when all the services are in time.

    Raises
    ------
    RuleError     the model, a service, a weight or a zone layer does not exist
    SitingError   no plan keeps the conditions, or the plan does not hold when it is measured again
    """
    asked = ask(ground, who, *offered, within=model in ("mclp", "lscp"))
    problem = asked.problem

    def best(part: Problem, some: Means, which: str = model) -> Solution:
        worst_zone = bool(who.zones) and which == "mclp"
        if worst_zone:
            found = equity.worst_first(part, means=some, together=together, time_limit_s=time_limit_s)
        else:
            found = models.solve(part, which, means=some, together=together, time_limit_s=time_limit_s)
        # "at most k" leaves a solver free to build what nobody needs; a planner would pay for it
        return replace(found, built=worth.lean(worth.Question(part, some, which, together, worst_zone, time_limit_s), found.built))

    solution = best(problem, means)
    built = solution.built
    stations = only_spots(offered[0], built[: len(offered[0])])
    passages = offered[1][built[len(offered[0]) :]].reset_index(drop=True)
    built_so = as_scenario(gpd.GeoDataFrame(stations.table), passages, who.services)
    state = rerun.apply(rerun.State(ground.tables, ground.summary, ground.record), built_so)
    tables = dict(state.tables)
    verified = {
        **_verify(asked, solution, tables, who.services, opened=bool(built_so.opened)),
        "worse": state.record["scenario"]["worse"],
        "referee": state.record["check"],
    }
    curve = _curve(problem, means, int(built.sum()), best)
    question = worth.Question(problem, means, model, together, bool(who.zones) and model == "mclp", time_limit_s)
    told = worth.measures(question, built, [*asked.stations.table["candidate"], *asked.passages["passage"]])
    chosen = np.flatnonzero(built)
    station_rows = chosen[chosen < len(offered[0])]
    table = offered[0].table.iloc[station_rows].reset_index(drop=True)
    table = table.assign(
        services=pd.Series(  # of a plan of nothing too, text
            [" ".join(s for s in who.services if not w or s in w) for w in (offered[0].services(row) for row in station_rows)], dtype=str
        ),
        area_m2=table["area_m2"].where(np.isfinite(table["area_m2"])),
        **{name: told.loc[station_rows, name].to_numpy() for name in told.columns},
    )
    opened = passages.assign(
        walk_m=passages["walk_m"].where(np.isfinite(passages["walk_m"])),
        **{name: told.loc[chosen[chosen >= len(offered[0])], name].to_numpy() for name in told.columns},
    )
    proof = _proof(asked, (who, means, model, together), solution, verified)
    proof["loss_unit"] = question.unit
    proof["weight_missing"] = missing(ground.tables["buildings"], who)
    if model == "mclp":
        if len(offered[1]):
            proof["instead"] = instead.alone(problem, means, best)
        proof["gates"] = instead.gates(ground, who, offered, means, best)
        proof["says"] = instead.sentence(proof["gates"], verified, passages)
    return Plan(
        ground, who, means, asked, solution, gpd.GeoDataFrame(table[list(STATION_COLUMNS)]),
        gpd.GeoDataFrame(opened[list(PASSAGE_COLUMNS)]),
        curve, _zones(ground, tables, who.services), proof, state,
    )  # fmt: skip


def _verify(
    asked: Asked, solution: Solution, tables: dict[str, pd.DataFrame], services: tuple[str, ...], *, opened: bool
) -> dict[str, Any]:
    """What the whole network says of the plan, beside what the model said."""
    d = asked.problem.demands
    found = np.stack([tables["buildings"][f"minutes_{service}"].to_numpy() * SECONDS_PER_MINUTE for service in services])
    seconds = found[d.service, d.building]
    said, _ = asked.problem.seconds_with(solution.built)
    worse = int((seconds > said + 1e-3).sum())
    if worse and not opened:  # who may walk the ways behind a gate that opens is found out only when it is measured
        raise SitingError(f"The plan was measured again and {worse} walks are longer than the model had them. Please report this run.")
    in_time = seconds <= d.limit_s + TOLERANCE_S
    gained = in_time & ~d.met
    fragile = np.stack([tables["buildings"][f"fragile_{service}"].to_numpy(dtype=bool) for service in services])[d.service, d.building]
    assumed = (tables["buildings"]["residential_by"] == "assumed").to_numpy()[d.building]
    there = np.isfinite(seconds)
    return {
        "reached_before": float(d.weight[d.met].sum()),
        "reached_by_model": float(d.weight[said <= d.limit_s + TOLERANCE_S].sum()),
        "reached": float(d.weight[in_time].sum()),
        "gain": float(d.weight[gained].sum()),
        "longer_than_the_model": worse,
        "gain_fragile": float(d.weight[gained & fragile].sum()),
        "gain_assumed": float(d.weight[gained & assumed].sum()),
        "of": float(d.weight.sum()),
        "mean_minutes": float((d.weight * np.where(there, seconds, 0)).sum() / max(d.weight[there].sum(), 1e-9) / SECONDS_PER_MINUTE),
        "worst_minutes": float(seconds[there].max(initial=0.0) / SECONDS_PER_MINUTE),
        "without_path": float(d.weight[~there].sum()),
    }


def _curve(problem: Problem, means: Means, most: int, best: Callable[..., Solution]) -> pd.DataFrame:
    """Weight within the limit for 0, 1, … measures, each proven by itself."""
    total = float(problem.demands.weight.sum())
    nothing = problem.measures.required.copy()
    cost = float(problem.measures.cost[nothing].sum())
    rows = [{"k": int(nothing.sum()), "reached": problem.reached(nothing), "bound": problem.reached(nothing), "proven": True, "cost": cost}]
    for k in range(int(nothing.sum()) + 1, min(means.k or most, len(problem.measures)) + 1):
        found = best(problem, Means(k, means.budget), "mclp")
        cost = float(problem.measures.cost[found.built].sum())
        reached = problem.reached(found.built)
        rows.append({"k": k, "reached": reached, "bound": max(found.bound, reached), "proven": found.proven, "cost": cost})
    frame = pd.DataFrame(rows)
    return frame.assign(share=frame["reached"] / max(total, 1e-9), gain=frame["reached"].diff().fillna(0.0))


def _proof(asked: Asked, order: tuple[Who, Means, str, bool], solution: Solution, verified: dict[str, Any]) -> dict[str, Any]:
    who, means, model, together = order
    problem = asked.problem
    beyond = _beyond(asked, means)
    covers = (
        "every plan of the candidates offered"
        if not len(asked.passages)
        else (
            "every plan of the candidates and passages offered, each walk by a station, by a passage, or by a station through one passage"
        )
    )
    return {
        "model": model, "formula": MODELS[model], "worst_zone_first": who.zones, "together": together,
        "services": list(who.services), "weight": who.weight, "elderly": who.elderly, "k": means.k, "budget": means.budget,
        "candidates": len(asked.stations), "unlinked": list(asked.stations.unlinked), "passages": len(asked.passages),
        "status": solution.status, "proven": solution.proven, "objective": solution.objective, "bound": solution.bound,
        "gap": solution.gap if np.isfinite(solution.gap) else None, "unit": UNITS[model], "lost": solution.lost,
        "proof_covers": covers, "only_by_several_passages": beyond,
        "bound_of_all_plans": min(solution.bound + beyond, float(problem.demands.weight.sum())) if model == "mclp" else None,
        "cost": float(problem.measures.cost[solution.built].sum()), "measures": int(solution.built.sum()),
        "verified": verified, "size": list(solution.size), "nodes": solution.nodes,
    }  # fmt: skip


def _beyond(asked: Asked, means: Means) -> float:
    """Weight that only walks through two new passages or more could bring within the limit, where the means allow two.

    No option stands for such walks: `bound_of_all_plans` adds all of them to the bound, as if one plan served everyone who has one. It is
    a bound on every plan, and a loose one where many wait behind two walls.
    """
    problem = asked.problem
    cost = np.sort(problem.measures.cost[problem.measures.passage & ~problem.measures.forbidden])
    two = len(cost) >= 2 and (means.k is None or means.k >= 2) and (means.budget is None or cost[:2].sum() <= means.budget)
    return float(problem.demands.weight[asked.only_by_several].sum()) if two else 0.0


def _zones(ground: Ground, tables: dict[str, pd.DataFrame], services: tuple[str, ...]) -> pd.DataFrame:
    """Shares of every zone before and after."""
    keys = ["layer", "zone", "service"]
    values = ["met", "gap", "unmapped", "share_buildings_met", "share_households_met"]
    before = pd.DataFrame(ground.tables["zones"]).astype(dict.fromkeys(keys, str))
    now = pd.DataFrame(tables["zones"]).astype(dict.fromkeys(keys, str))[[*keys, *values]]
    both = before[[*keys, "name", "buildings", "households", *values]].merge(now, on=keys, suffixes=("_before", "_after"))
    both = both[both["service"].isin([*services, "all"])]
    gained = both["share_households_met_after"].fillna(0) - both["share_households_met_before"].fillna(0)
    both["households_gained"] = gained * both["households"]
    return both.reset_index(drop=True)
