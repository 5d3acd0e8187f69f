"""Plans in one call: spots along the paths, the passages near those who wait, and what a budget buys.

Takes: the ground, services, means.   Gives: a `Plan`; a table of the best plan for each budget.
Never: measures or chooses by itself; `make` does.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from circle.errors import PlaceError, RuleError
from circle.siting import candidates, models, passages, rooms
from circle.siting.demand import Who, ask, demands
from circle.siting.ground import Ground
from circle.siting.plan import Plan, make
from circle.units import limit_metres

Offered = tuple[candidates.Candidates, gpd.GeoDataFrame]


class Made(Protocol):
    """A run in memory, as `circle.run` and `circle.open` give it."""

    record: dict[str, Any]
    summary: dict[str, Any]

    def tables(self) -> dict[str, pd.DataFrame]:
        """All tables by name."""


def on(run: Made) -> Ground:
    """The ground of a run in memory; `Ground.open` takes a folder.

    Raises
    ------
    PlaceError   the run withholds numbers below five (`public`)
    """
    if run.record.get("public"):
        raise PlaceError("A public run withholds numbers that a plan would count. Plan with a run without it.")
    return Ground.of(run.tables(), run.record, run.summary)


def passages_near(ground: Ground, who: Who) -> gpd.GeoDataFrame:
    """Passages within reach of the homes that wait for one of the services (see `passages.find`)."""
    asked = demands(ground, who)
    rows = np.unique(asked.building[~asked.met])
    lon_lat = shapely.get_coordinates(shapely.centroid(ground.buildings.geometry.to_numpy()[rows]))
    near = np.column_stack(ground.net.plane.forward(lon_lat[:, 0], lon_lat[:, 1]))
    reach = max(limit_metres(ground.standard.limit(name).limit_min, ground.speed_m_per_s) for name in who.services)
    return passages.find(ground, near, reach)


def _ground(place: Ground | Made) -> Ground:
    return place if isinstance(place, Ground) else on(place)


def offer(
    place: Ground | Made,
    who: Who,
    *,
    file: str | Path | None = None,
    crs: str | Sequence[str] = (),
    column: str | Sequence[str] = (),
    with_passages: bool = False,
) -> Offered:
    """What may be built: the candidates of a planner's table, else spots along the paths; and passages where they are asked for.

    Parameters
    ----------
    place
        A run, or the ground of one (`on`), which saves making it again.
    file, crs, column
        As `circle site --candidates FILE --crs … --column …` takes them.

    Raises
    ------
    RuleError     there is no candidate
    SourceError   the table cannot be read
    PlaceError    its coordinates may be in another system; the message says what to add
    """
    ground = _ground(place)
    table = candidates.along(ground) if file is None else rooms.read(file, ground, crs=crs, column=column)
    if not len(table):
        raise RuleError("There is no candidate. Give a table of rooms and plots.")
    return candidates.tied(ground, table), passages_near(ground, who) if with_passages else passages.none()


def propose(
    place: Ground | Made,
    services: Sequence[str],
    *,
    k: int | None = None,
    budget: float | None = None,
    file: str | Path | None = None,
    with_passages: bool = False,
    model: str = "mclp",
) -> Plan:
    """The best plan for all households: `k` measures at most, or within a `budget`, or both.

    Parameters
    ----------
    place
        A run, or the ground of one (`on`), which saves making it again where several plans are asked for.
    services
        What a station is to offer: services of the run's standard.
    k, budget
        How many stations and passages at most; what they may cost together, in the unit of `rules/siting.toml` (yuan).
    file
        A planner's table of rooms and plots; spots along the paths where it is left out.
    with_passages
        Whether gates, crossings and short links are weighed too.
    model
        One of `MODELS`.

    Raises
    ------
    RuleError     there is no such service or model, or neither k nor a budget
    SitingError   no plan keeps the conditions

    Examples
    --------
    >>> propose(circle.open("out/kuangshan"), ["service_centre", "clinic"], k=1).stations   # doctest: +SKIP
    """
    ground, who = _ground(place), Who(tuple(dict.fromkeys(services)))
    return make(ground, who, models.Means(k, budget), offer(ground, who, file=file, with_passages=with_passages), model=model)


def frontier(place: Ground | Made, services: Sequence[str], budgets: Sequence[float], *, file: str | Path | None = None) -> pd.DataFrame:
    """What each budget buys at best: with stations and passages, with stations alone, with passages alone.

    `place`, `services` and `file` as in `propose`; budgets in the unit of `rules/siting.toml` (yuan).

    Returns
    -------
    One row per budget and `means` (both, stations, passages): `cost`, `stations`, `passages` (how many), `gain` (households × services
    that come within the limit; a plan that `propose` makes is measured again and never gains less), `proven`.

    Raises
    ------
    RuleError   there is no such service, or no candidate
    """
    ground, who = _ground(place), Who(tuple(dict.fromkeys(services)))
    asked = ask(ground, who, *offer(ground, who, file=file, with_passages=True), within=True)
    whole, passage = asked.problem, asked.problem.measures.passage
    parts = {"both": whole, "stations": whole.only(~passage), "passages": whole.only(passage)}
    before = whole.reached(whole.measures.required)
    rows = []
    for budget in budgets:
        for means, problem in parts.items():
            found = models.solve(problem, "mclp", means=models.Means(budget=float(budget)))
            rows.append(
                {
                    "budget": float(budget),
                    "means": means,
                    "cost": float(whole.measures.cost[found.built].sum()),
                    "stations": int((found.built & ~passage).sum()),
                    "passages": int((found.built & passage).sum()),
                    "gain": whole.reached(found.built) - before,
                    "proven": found.proven,
                }
            )
    return pd.DataFrame(rows)
