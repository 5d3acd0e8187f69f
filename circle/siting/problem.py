"""The question that siting answers: what may be built, who is to be served, and how many seconds each would walk.

Takes: measures (stations, passages), options (measures that must be built together for a walk to be open), demands, seconds.
Gives: `Problem`, and the seconds of every demand under any plan.
Never: solves, or measures a walk.

A *measure* is something to build. An *option* is a walk that opens when all its measures are built: a station alone, a passage alone
(to what exists), or a station reached through a passage. A *demand* is a building and a service.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Bools = NDArray[np.bool_]

TOLERANCE_S = 1e-6  # as in `gaps`: seconds that should be equal to a limit count as equal
NONE = -1


@dataclass(frozen=True, slots=True)
class Measures:
    """What may be built, one entry each.

    Attributes: `passage` (else a station), `cost`, `required`, `forbidden`, `area_m2` (floor area; `inf`: no bound on whom it can serve).
    """

    passage: Bools
    cost: Floats
    required: Bools
    forbidden: Bools
    area_m2: Floats

    @classmethod
    def plain(cls, count: int) -> Measures:
        """Stations that cost one each, without any rule."""
        no = np.zeros(count, dtype=bool)
        return cls(no, np.ones(count), no, no, np.full(count, np.inf))

    def __len__(self) -> int:
        return len(self.cost)


@dataclass(frozen=True, slots=True)
class Demands:
    """Who is to be served, one entry per building and service.

    Attributes: `weight` (households or another count; positive), `current_s` (seconds to what exists; `inf`: no path), `limit_s`, `service`
    (number), `zone` (number, −1: none), `building` (row of the buildings), `area_m2` (floor area that one unit of weight needs, 0: none).
    """

    weight: Floats
    current_s: Floats
    limit_s: Floats
    service: Ints
    zone: Ints
    building: Ints
    area_m2: Floats

    @classmethod
    def plain(cls, weight: Floats, limit_s: float, current_s: Floats | None = None) -> Demands:
        """One service, no zones, nothing there yet."""
        count = len(weight)
        zero = np.zeros(count, dtype=np.intp)
        now = np.full(count, np.inf) if current_s is None else current_s
        return cls(weight, now, np.full(count, limit_s), zero, zero - 1, np.arange(count), np.zeros(count))

    def __len__(self) -> int:
        return len(self.weight)

    @property
    def met(self) -> Bools:
        """Within the limit already."""
        return self.current_s <= self.limit_s + TOLERANCE_S

    def take(self, rows: Ints | Bools) -> Demands:
        """Some of the demands."""
        return Demands(
            self.weight[rows], self.current_s[rows], self.limit_s[rows], self.service[rows],
            self.zone[rows], self.building[rows], self.area_m2[rows],
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Problem:
    """Measures, options, demands and the seconds between them.

    Attributes: `needs` (option × 2: its measures; −1 where it needs one only), `demand`, `option`, `seconds` (one entry per walk that an
    option opens: only walks shorter than the demand's `current_s` matter).
    """

    measures: Measures
    demands: Demands
    needs: Ints
    demand: Ints
    option: Ints
    seconds: Floats
    _cover: list[csr_array] = field(default_factory=list, repr=False)

    @classmethod
    def of_matrix(cls, seconds: Floats, weight: Floats, limit_s: float, current_s: Floats | None = None) -> Problem:
        """From a full matrix, demand × station; `inf` where there is no path."""
        demand, option = np.nonzero(np.isfinite(seconds))
        stations = seconds.shape[1]
        needs = np.column_stack([np.arange(stations), np.full(stations, NONE)])
        return cls(
            Measures.plain(stations), Demands.plain(weight, limit_s, current_s), needs, demand, option, np.asarray(seconds[demand, option])
        )

    def usable(self, built: Bools) -> Bools:
        """Options that a plan opens."""
        return np.asarray(built[self.needs[:, 0]] & ((self.needs[:, 1] == NONE) | built[self.needs[:, 1]]))

    def seconds_with(self, built: Bools) -> tuple[Floats, Ints]:
        """Seconds of every demand under a plan, and the option that it walks by (−1: to what exists, or none).

        Contract: building more never raises a value.
        """
        best = self.demands.current_s.copy()
        by = np.full(len(best), NONE)
        open_ = self.usable(built)[self.option]
        demand, option, seconds = self.demand[open_], self.option[open_], self.seconds[open_]
        order = np.lexsort((option, seconds, demand))
        first = order[np.r_[True, demand[order][1:] != demand[order][:-1]]] if len(order) else order
        better = seconds[first] < best[demand[first]]
        first = first[better]
        best[demand[first]] = seconds[first]
        by[demand[first]] = option[first]
        return best, by

    def reached(self, built: Bools) -> float:
        """Weight within its limit under a plan, what is met already included."""
        best, _ = self.seconds_with(built)
        return float(self.demands.weight[best <= self.demands.limit_s + TOLERANCE_S].sum())

    def cover(self) -> csr_array:
        """Demand × option: ones where the option's walk is within the demand's limit."""
        if not self._cover:
            within = self.seconds <= self.demands.limit_s[self.demand] + TOLERANCE_S
            shape = (len(self.demands), len(self.needs))
            self._cover.append(csr_array((np.ones(int(within.sum())), (self.demand[within], self.option[within])), shape=shape))
        return self._cover[0]

    def at(self, limit_s: float) -> Problem:
        """The same with one limit for everyone."""
        return replace(self, demands=replace(self.demands, limit_s=np.full(len(self.demands), limit_s)), _cover=[])

    def only(self, measures: Bools) -> Problem:
        """The same with the other measures forbidden."""
        m = self.measures
        return replace(self, measures=replace(m, forbidden=m.forbidden | ~measures), _cover=self._cover)
