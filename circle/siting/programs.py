"""What all models of location share: what may be spent, what a plan and its proof are, and the parts of which programs are put together.

Takes: a `Problem`, `Means`, a `Program` that grows.   Gives: variables and rows of it; `Solution`.
Never: solves.

In every program x is a measure that is built, u an option of two measures that is open (both are built; an option of one measure is x
itself), y a group of demands that is reached.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, eye_array

from circle.errors import SitingError
from circle.siting.problem import NONE, Problem
from circle.siting.reduce import Groups
from circle.siting.solve import SLACK, Program, gap

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Bools = NDArray[np.bool_]


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
