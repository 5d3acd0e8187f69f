"""Smaller questions with the same answer: demands that look alike are one, stations that another outdoes are none.

Takes: a `Problem`.   Gives: `Groups` to be reached, and the measures that need not be considered.
Never: loses the optimum: the best plan of what is left is a best plan of the whole (tests hold it to brute force).

Coverage models see of a demand only *which* options reach it in time. Demands with one and the same set of options are one group with the
sum of their weights (Current & Storbeck 1987 call such rows equal). A station whose reach lies within another's that costs no more is
dominated (Toregas & ReVelle 1973): whatever it serves, the other serves too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from circle.siting.problem import NONE, Problem

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Groups:
    """Whom the measures can bring within the limit.

    Attributes: `weight` and `zone` of every group; `rows` (requirement × option: who can fulfil it), `of` (the group of each requirement:
    a group is reached when all its requirements are), `base` (weight within the limit already), `lost` (weight that nothing can reach).
    """

    weight: Floats
    zone: Ints
    rows: csr_array
    of: Ints
    base: float
    lost: float

    def __len__(self) -> int:
        return len(self.weight)


def groups(problem: Problem, *, together: bool = False) -> Groups:
    """Group the demands by the options that reach them.

    Parameters
    ----------
    together
        A building counts only when **all** its services are within their limits; else each service counts by itself.
    """
    demands, met = problem.demands, problem.demands.met
    open_ = ~problem.measures.forbidden[problem.needs[:, 0]]
    second = problem.needs[:, 1]
    open_ &= (second == NONE) | ~problem.measures.forbidden[second]
    cover = csr_array(problem.cover() * open_[None, :].astype(float))
    cover.eliminate_zeros()
    cover.sort_indices()
    owner = demands.building if together else np.arange(len(demands))
    bounds, columns = cover.indptr.tolist(), cover.indices.astype(np.int32)
    kinds: dict[tuple[int, tuple[bytes, ...]], int] = {}
    weight: list[float] = []
    base = lost = 0.0
    order = np.argsort(owner, kind="stable")
    for mine in np.split(order, np.flatnonzero(np.diff(owner[order])) + 1) if len(order) else []:
        amount = float(demands.weight[mine[0]])
        open_rows = [columns[bounds[row] : bounds[row + 1]].tobytes() for row in mine.tolist() if not met[row]]
        if not open_rows:
            base += amount
        elif not all(open_rows):
            lost += amount
        else:
            key = (int(demands.zone[mine[0]]), tuple(sorted(set(open_rows))))
            at = kinds.setdefault(key, len(weight))
            if at == len(weight):
                weight.append(0.0)
            weight[at] += amount
    of = [number for (_, sets), number in kinds.items() for _ in sets]
    sets = [np.frombuffer(each, dtype=np.int32) for _, keys in kinds for each in keys]
    lengths = np.asarray([len(each) for each in sets], dtype=np.intp)
    indices = np.concatenate(sets) if sets else np.empty(0, dtype=np.int32)
    rows = csr_array((np.ones(len(indices)), indices, np.r_[0, np.cumsum(lengths)]), shape=(len(sets), len(problem.needs)))
    return Groups(
        np.asarray(weight), np.asarray([zone for zone, _ in kinds], dtype=np.intp), rows, np.asarray(of, dtype=np.intp), base, lost
    )  # fmt: skip


def dominated(problem: Problem, found: Groups) -> Bools:
    """Measures that a best plan can do without: what they reach, another that costs no more reaches too, or they reach nobody.

    Only measures that stand alone are judged; a station that opens walks through a passage keeps its place.
    """
    measures = problem.measures
    pairs = problem.needs[:, 1] != NONE
    alone = np.ones(len(measures), dtype=bool)
    alone[problem.needs[pairs].ravel()] = False
    single = np.flatnonzero(~pairs)
    incidence = csr_array(
        (np.ones(len(single)), (single, problem.needs[single, 0])), shape=(len(problem.needs), len(measures))
    )  # fmt: skip
    reach = csr_array(found.rows @ incidence)
    reach.data[:] = 1.0
    size = np.asarray(reach.sum(axis=0)).ravel()
    out = alone & (size == 0) & ~measures.required
    common = csr_array(reach.T @ reach).tocoo()
    one, other, shared = common.coords[0], common.coords[1], common.data
    within = (shared == size[one]) & (one != other) & (measures.cost[other] <= measures.cost[one]) & ~measures.forbidden[other]
    within &= alone[one] & ~measures.required[one]
    # Of twins the first stays, unless a later one costs less or must be built anyway.
    twin = (size[one] == size[other]) & (measures.cost[one] == measures.cost[other]) & ~measures.required[other] & alone[other]
    within &= ~twin | (other < one)
    out[one[within]] = True
    return np.asarray(out & ~measures.required)
