"""Instead: whether opening something would do as well as the plan, in a sentence.

Takes: the ground, the question, the plan.   Gives: what stations alone and passages alone would reach, and the sentence about gates.
Never: says that a gate would do without having weighed it by the same model, with the same means.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import geopandas as gpd
import numpy as np
import shapely

from circle.siting import shut
from circle.siting.candidates import Candidates
from circle.siting.demand import Who, ask, only_spots
from circle.siting.ground import Ground
from circle.siting.models import Means, Solution
from circle.siting.problem import Problem
from circle.units import limit_metres

Best = Callable[[Problem, Means, str], Solution]


def alone(problem: Problem, means: Means, best: Best) -> dict[str, float]:
    """The best that stations alone, and passages alone, would do with the same means: weight within the limit."""
    out = {}
    for name, only in (("stations_only", ~problem.measures.passage), ("passages_only", problem.measures.passage)):
        if not (problem.measures.required & ~only).any():
            out[name] = problem.reached(best(problem.only(only), means, "mclp").built)
    return out


def gates(ground: Ground, who: Who, offered: tuple[Candidates, gpd.GeoDataFrame], means: Means, best: Best) -> dict[str, Any]:
    """What opening would do with the same means, without any station: `reached` (weight within the limit), `opened` (ids), `weighed`.

    `beyond_means` says that none of them could be paid for, so that nothing is known of what they would do.
    Where passages are offered, all of them are weighed; else the shut gates near the homes that wait.
    """
    stations, passages = offered
    weighed = "passages" if len(passages) else "gates"
    if not len(passages):
        passages = near(ground, who)
    none = only_spots(stations, np.zeros(len(stations), dtype=bool))
    if not len(passages):
        return {"weighed": weighed, "offered": 0, "reached": None, "opened": []}
    problem = ask(ground, who, none, passages, within=True).problem
    dear = means.k == 0 or (means.budget is not None and bool((problem.measures.cost > means.budget).all()))
    found = best(problem, means, "mclp").built
    reached = problem.reached(found)
    useful = [row for row in np.flatnonzero(found).tolist() if problem.reached(_without(found, row)) < reached]
    return {
        "weighed": weighed,
        "offered": len(passages),
        "beyond_means": dear,
        "reached": reached,
        "opened": passages["passage"].iloc[useful].tolist(),
    }


def _without(built: np.ndarray, row: int) -> np.ndarray:
    out = built.copy()
    out[row] = False
    return out


def near(ground: Ground, who: Who) -> gpd.GeoDataFrame:
    """Shut gates within reach of the homes that wait for one of the services."""
    asked = _waiting(ground, who)
    homes = shapely.get_coordinates(shapely.centroid(ground.buildings.geometry.to_numpy()[asked]))
    places = np.column_stack(ground.net.plane.forward(homes[:, 0], homes[:, 1]))
    reach = max(limit_metres(ground.standard.limit(name).limit_min, ground.speed_m_per_s) for name in who.services)
    return shut.gates(ground, places, reach)


def _waiting(ground: Ground, who: Who) -> np.ndarray:
    table = ground.tables["buildings"]
    late = np.zeros(len(table), dtype=bool)
    for service in who.services:
        late |= (table[f"verdict_{service}"] != "met").to_numpy()
    return np.flatnonzero(late & table["residential"].to_numpy(dtype=bool))


def sentence(found: dict[str, Any], verified: dict[str, Any], passages: gpd.GeoDataFrame) -> dict[str, str]:
    """Whether a gate would do, in Chinese and English.

    >>> plan = {"reached_before": 10.0, "reached": 40.0}
    >>> sentence({"weighed": "gates", "offered": 2, "reached": 16.0, "opened": ["node/7"]}, plan, gpd.GeoDataFrame({"passage": []}))["en"]
    'No shut gate would do: opening node/7 alone brings 6 of the 30 that the plan brings.'
    """
    gain = verified["reached"] - verified["reached_before"]
    what = {"gates": ("shut gate", "已关闭的门"), "passages": ("gate or passage", "开门或打通")}[found["weighed"]]
    if not found["offered"]:
        en, zh = f"No {what[0]} could be opened near those who wait.", f"等待者附近没有可打开的{what[1]}。"
        return {"en": en, "zh": zh}
    instead = found["reached"] - verified["reached_before"]
    names = ", ".join(found["opened"])
    share = (f"{instead:,.0f} of the {gain:,.0f} that the plan brings", f"达标新增 {instead:,.0f}，方案为 {gain:,.0f}")
    if found.get("beyond_means"):
        en, zh = f"The means do not stretch to any {what[0]}, so none was tried.", f"投入上限不足以实施任何{what[1]}，未作比较。"
    elif instead <= 0:
        en, zh = f"No {what[0]} would do: opened alone, none brings anybody within the limit.", f"单靠{what[1]}不行：没有一处能使人达标。"
    elif instead < gain - 1e-6:
        en, zh = f"No {what[0]} would do: opening {names} alone brings {share[0]}.", f"单靠{what[1]}不够：只打开 {names}，{share[1]}。"
    elif len(passages):
        en, zh = (
            f"Opening would do: the plan opens {', '.join(passages['passage'])}.",
            f"打通即可：方案打开 {'、'.join(passages['passage'])}。",
        )
    else:
        en, zh = f"Opening {names} instead would do as well.", f"改为打开 {names} 同样有效。"
    return {"en": en, "zh": zh}
