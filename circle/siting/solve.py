"""The solver: mixed-integer programs on sparse rows, with the proof of how good an answer is.

Takes: variables and rows.   Gives: `Answer`: values, objective, bound, whether it is proven.
Never: knows what a station is, or calls an answer the best without the solver's proof.

HiGHS (Huangfu & Hall 2018, doi:10.1007/s12532-017-0130-5) by way of `scipy.optimize.milp`, asked for a gap of nothing.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import coo_array, csc_array, sparray

Floats = NDArray[np.float64]

OPTIMAL, STOPPED, INFEASIBLE = "optimal", "time limit", "infeasible"
SLACK = 1e-6  # relative: objectives nearer than this to their bound are the same number to the solver


@dataclass(frozen=True, slots=True)
class Answer:
    """What the solver found.

    Attributes: `values` (None: it found no plan), `objective`, `bound` (no plan is better than this), `status` (`optimal`, `time limit`,
    `infeasible`), `seconds`, `nodes` (of the search tree).
    """

    values: Floats | None
    objective: float
    bound: float
    status: str
    seconds: float
    nodes: int

    @property
    def proven(self) -> bool:
        """Whether no plan can be better."""
        return self.status == OPTIMAL

    @property
    def gap(self) -> float:
        """What may still be gained at most, as a share of the bound; 0 when proven."""
        return 0.0 if self.proven else gap(self.objective, self.bound)


def gap(objective: float, bound: float) -> float:
    """Distance of an objective from its bound, as a share of the larger; `inf` where nothing is known.

    >>> gap(90.0, 100.0)
    0.1
    """
    largest = max(abs(objective), abs(bound))
    if not np.isfinite(largest):
        return np.inf
    return abs(bound - objective) / largest if largest else 0.0


@dataclass(slots=True)
class Program:
    """A program under construction: minimise `cost · x` under rows; blocks of variables are slices."""

    cost: list[Floats] = field(default_factory=list)
    lower: list[Floats] = field(default_factory=list)
    upper: list[Floats] = field(default_factory=list)
    whole: list[Floats] = field(default_factory=list)
    blocks: list[tuple[int, int, coo_array]] = field(default_factory=list)
    low: list[Floats] = field(default_factory=list)
    high: list[Floats] = field(default_factory=list)
    size: int = 0
    height: int = 0

    def variables(
        self, count: int, *, cost: float | Floats = 0.0, lower: float | Floats = 0.0, upper: float | Floats = 1.0, whole: bool = False
    ) -> slice:
        """Add variables; `whole` ones are integers. Returns where they stand."""
        place = slice(self.size, self.size + count)
        for kept, value in ((self.cost, cost), (self.lower, lower), (self.upper, upper), (self.whole, float(whole))):
            kept.append(np.broadcast_to(np.asarray(value, dtype=float), count))
        self.size += count
        return place

    def rows(self, parts: list[tuple[slice, sparray]], low: float | Floats = -np.inf, high: float | Floats = np.inf) -> None:
        """Add rows: `low ≤ Σ matrix · variables ≤ high`; all matrices have the same number of rows."""
        height = parts[0][1].shape[0]
        for place, matrix in parts:
            self.blocks.append((self.height, place.start, coo_array(matrix)))
        self.low.append(np.broadcast_to(np.asarray(low, dtype=float), height))
        self.high.append(np.broadcast_to(np.asarray(high, dtype=float), height))
        self.height += height

    def sum_of(self, place: slice, weights: Floats, low: float = -np.inf, high: float = np.inf) -> None:
        """Add one row over one block of variables."""
        self.rows([(place, coo_array(np.asarray(weights, dtype=float)[None, :]))], low, high)

    def minimise(self, time_limit_s: float) -> Answer:
        """Solve it. A time limit that is used up gives the best answer so far, if there is one, and its bound."""
        started = time.perf_counter()
        matrix = self._matrix()
        found = milp(
            np.concatenate(self.cost),
            constraints=LinearConstraint(matrix, np.concatenate(self.low), np.concatenate(self.high)) if self.height else (),
            integrality=np.concatenate(self.whole),
            bounds=Bounds(np.concatenate(self.lower), np.concatenate(self.upper)),
            options={"time_limit": max(time_limit_s, 0.01), "mip_rel_gap": 0.0},
        )
        status = {0: OPTIMAL, 2: INFEASIBLE}.get(found.status, STOPPED)
        objective = float(found.fun) if found.x is not None else np.inf
        bound = found.mip_dual_bound
        bound = objective if status == OPTIMAL else (-np.inf if bound is None else float(bound))
        if status == STOPPED and gap(objective, bound) <= SLACK:
            status = OPTIMAL
        return Answer(found.x, objective, bound, status, time.perf_counter() - started, int(found.mip_node_count or 0))

    def _matrix(self) -> csc_array:
        if not self.blocks:
            return csc_array((0, self.size))
        row = np.concatenate([block.coords[0] + top for top, _, block in self.blocks])
        column = np.concatenate([block.coords[1] + left for _, left, block in self.blocks])
        return csc_array((np.concatenate([block.data for _, _, block in self.blocks]), (row, column)), shape=(self.height, self.size))
