"""What may be published of households: nothing that points to fewer than five of them.

Takes: buildings.   Gives: buildings to count with, and buildings to publish.
Never: lets a total betray what a cell withholds: totals are made from the same blurred numbers.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import pandas as pd

from circle import rules

LEAST = 5
COUNTED_AS = 2.5  # the middle of one to four
NOTE = "每栋少于5户（人）的户数、人口和老年人数不公布；counts of households, persons and elderly below five per building are withheld"
Frame = TypeVar("Frame", bound=pd.DataFrame)


def blurred(buildings: Frame) -> Frame:
    """Buildings in which every number from above none to below five is the middle one, 2.5: shares and totals are made from these.

    Were they made from the true numbers, a zone's total less its published buildings would tell the one that is withheld.
    """
    per = rules.settings("households")["persons_per_household"]
    few, persons = _few(buildings["households"]), _few(buildings["population"])
    return buildings.assign(
        households=np.where(few, COUNTED_AS, buildings["households"]),
        population=np.where(few | persons, COUNTED_AS * per, buildings["population"]),
    )


def withheld(before: pd.DataFrame, buildings: Frame) -> Frame:
    """Buildings as they are published: what is below five in `before` is missing, and `households_by` says `withheld`."""
    few = _few(before["households"])
    persons = few | _few(before["population"])
    by = buildings["households_by"]
    said = by.astype(object).to_numpy().copy()
    said[few] = "withheld"
    return buildings.assign(
        households=np.where(few, np.nan, buildings["households"]),
        population=np.where(persons, np.nan, buildings["population"]),
        elderly=np.where(_few(buildings["elderly"]) | persons, np.nan, buildings["elderly"]),
        households_by=pd.Categorical(said, categories=[*by.cat.categories, "withheld"]),
    )


def _few(numbers: pd.Series) -> np.ndarray:
    values = numbers.to_numpy(dtype=float)
    with np.errstate(invalid="ignore"):
        return np.asarray((values > 0) & (values < LEAST))
