"""How fast a plan is found: coverage and solution beside the run's own linkage and search, and beside spopt on the same matrix.

Takes: an extract, or the folder of a run.   Gives: seconds, ratios and peak memory as Markdown.
Never: gives spopt another matrix, or counts its reading.

    python benchmarks/siting.py --source las_palmas_2023.osm.pbf --work /tmp/bench
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from circle import siting
from circle.siting.demand import ask
from circle.siting.models import solve

BARS = {"plan": 3.0, "spopt": 20.0, "peak_mib": 2048.0}
"""What must hold: coverage and solution at most 3 × linkage and search, spopt at least 20 × slower, 2 GiB."""


def main() -> None:
    """Read the command line, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--source", type=Path, required=True, help="extract to run, or a run's folder")
    parser.add_argument("--work", type=Path, required=True, help="folder for the run")
    parser.add_argument("--service", default="service_centre")
    parser.add_argument("--candidates", type=int, default=1000)
    parser.add_argument("-k", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--no-spopt", action="store_true")
    given = parser.parse_args()
    folder = given.work / "siting_run"
    command = [sys.executable, "-m", "circle", "run", str(given.source), "-o", str(folder), "--no-map", "--quiet"]
    base, plan, found = [], [], None
    for _ in range(given.rounds):  # in turns, so that a slow minute hits both
        subprocess.run(command, check=True)
        stages = json.loads((folder / "run.json").read_text(encoding="utf-8"))["seconds"]
        base.append(stages["linkage"] + stages["access"])
        found = _plan(siting.Ground.open(folder), given)
        plan.append(found["coverage_s"] + found["solve_s"])
    assert found is not None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    ratio = float(np.median(plan) / np.median(base))
    print(f"\n{given.source.name}: {found['buildings']:,} buildings, {found['candidates']:,} candidates, k = {given.k}, {given.service}\n")
    print("| | seconds |\n|---|---:|")
    print(f"| the run's linkage and search | {np.median(base):.2f} |")
    print(f"| coverage | {found['coverage_s']:.2f} |\n| solution | {found['solve_s']:.2f} |")
    rows = [("plan / linkage and search", ratio, "at most", BARS["plan"]), ("peak MiB", peak, "at most", BARS["peak_mib"])]
    if not given.no_spopt:
        theirs = _spopt(found["matrix"], given.k)
        print(f"| spopt: build | {theirs['build_s']:.2f} |\n| spopt: solve | {theirs['solve_s']:.2f} |")
        print(f"\nobjective: circle {found['objective']:,.0f}, spopt {theirs['objective']:,.0f}")
        rows.append(("spopt / solution", (theirs["build_s"] + theirs["solve_s"]) / found["solve_s"], "at least", BARS["spopt"]))
    print(f"\n{'proven optimum' if found['proven'] else 'NOT proven'}\n\n| bar | measured | asked | holds |\n|---|---:|---:|---|")
    for name, value, sense, asked in rows:
        holds = value <= asked if sense == "at most" else value >= asked
        print(f"| {name} | {value:.2f} | {sense} {asked:g} | {'yes' if holds else 'NO'} |")


def _plan(ground: siting.Ground, given: argparse.Namespace) -> dict[str, Any]:
    """Coverage and solution for every building, each counting one."""
    ground.tables["buildings"]["residential"] = True
    offered = siting.tied(ground, siting.along(ground, 60.0, most=given.candidates))
    start = time.perf_counter()
    asked = ask(ground, siting.Who((given.service,), weight="buildings"), offered, siting.no_passages(), within=True)
    covered = time.perf_counter()
    found = solve(asked.problem, "mclp", means=siting.Means(given.k))
    done = time.perf_counter()
    late = ~asked.problem.demands.met
    matrix = np.full((int(late.sum()), len(offered)), 1e9)
    place = np.cumsum(late) - 1
    kept = late[asked.problem.demand]
    matrix[place[asked.problem.demand[kept]], asked.problem.option[kept]] = asked.problem.seconds[kept]
    return {
        "buildings": len(ground.tables["buildings"]), "candidates": len(offered), "coverage_s": covered - start, "solve_s": done - covered,
        "objective": found.objective - float((~late).sum()), "proven": found.proven,
        "matrix": (matrix, float(asked.problem.demands.limit_s[0])),
    }  # fmt: skip


def _spopt(given: tuple[np.ndarray, float], k: int) -> dict[str, float]:
    """The same question, put to spopt and CBC as its manual has it."""
    import pulp  # noqa: PLC0415 - left out with --no-spopt
    from spopt.locate import MCLP  # noqa: PLC0415

    matrix, limit = given
    start = time.perf_counter()
    model = MCLP.from_cost_matrix(matrix, np.ones(len(matrix)), limit + 1e-6, p_facilities=k)
    built = time.perf_counter()
    model.solve(pulp.PULP_CBC_CMD(msg=False))
    return {"build_s": built - start, "solve_s": time.perf_counter() - built, "objective": float(pulp.value(model.problem.objective))}


if __name__ == "__main__":
    main()
