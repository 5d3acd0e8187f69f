"""Floors: ways on different levels of a building that share a node are not joined by it, unless an elevator runs there.

Takes: ways with their levels, vertices, and where elevators are.   Gives: the vertices, with such nodes parted floor by floor.
Never: parts a node at which a way says nothing of its level: stairs, ramps and most of the world are left as they are drawn.

A door that is drawn once for two floors (`repeat_on`), or a corridor drawn above another through the same points, would else be a hole in
the floor through which one walks.
"""

from __future__ import annotations

import re
from functools import lru_cache

import numpy as np
import pandas as pd

_RANGE = re.compile(r"(-?\d+(?:\.\d+)?)(?:-(-?\d+(?:\.\d+)?))?")
HIGHEST = 200


@lru_cache(maxsize=4096)
def levels(text: str) -> frozenset[float]:
    """Levels that a tag names; none where it cannot be understood.

    >>> sorted(levels("-1;0-2"))
    [-1.0, 0.0, 1.0, 2.0]
    """
    found: set[float] = set()
    for part in text.split(";"):
        match = _RANGE.fullmatch(part.strip())
        if match is None:
            return frozenset()
        low = float(match[1])
        high = float(match[2]) if match[2] is not None else low
        if not low <= high <= low + HIGHEST:
            return frozenset()
        found |= {low, high, *(float(level) for level in range(int(np.ceil(low)), int(high) + 1))}
    return frozenset(found)


def part(ways: pd.DataFrame, vertices: pd.DataFrame, elevators: np.ndarray) -> tuple[pd.DataFrame, np.ndarray]:
    """Give a node of its own to each group of ways that meet at one node without a level in common.

    Parameters
    ----------
    ways, vertices
        As in `sources.Place`; `ways` with `level` (text, empty where nothing is said) and `stop`. Not written to.
    elevators
        Nodes that join all floors.

    Returns
    -------
    `vertices`, numbers of new nodes below zero; and nodes that are elevators too: doors on several floors of one that is drawn as a way.
    """
    said = (ways["level"] != "").to_numpy()
    none = np.empty(0, dtype=np.int64)
    if not said.any():
        return vertices, none
    shaft = (ways["stop"] == "elevator").to_numpy()
    owner = np.repeat(np.arange(len(ways)), ways["count"].to_numpy())
    node = vertices["node"].to_numpy()
    told = np.unique(node[(said & ~shaft)[owner]])  # few: what is said of all others is never looked at
    met = np.flatnonzero(pd.Series(node).isin(told).to_numpy())
    doubtful = np.setdiff1d(np.setdiff1d(told, node[met[~(said | shaft)[owner[met]]]]), elevators)
    rows = met[np.isin(node[met], doubtful) & ~shaft[owner[met]]]
    text = ways["level"].astype(str).to_numpy()
    at: dict[int, dict[str, list[int]]] = {}
    for row in rows.tolist():
        at.setdefault(int(node[row]), {}).setdefault(text[owner[row]], []).append(row)
    several = {number: groups for number, uses in at.items() if len(uses) > 1 and len(groups := _groups(list(uses))) > 1}
    doors = np.intersect1d(np.asarray(list(several), dtype=np.int64), node[shaft[owner]])
    new = node.copy()
    fresh = min(int(node.min()), 0)
    for number, groups in several.items():
        if number not in doors:
            for group in groups[1:]:
                fresh -= 1
                new[[row for name in group for row in at[number][name]]] = fresh
    return vertices.assign(node=new), doors


def _groups(texts: list[str]) -> list[list[str]]:
    """Texts whose levels have something in common, directly or through others; what cannot be understood joins all."""
    groups: list[tuple[frozenset[float], list[str]]] = []
    for text in texts:
        own, mine = levels(text), [text]
        if not own:
            return [texts]
        for group in [group for group in groups if group[0] & own]:
            groups.remove(group)
            own, mine = own | group[0], [*group[1], *mine]
        groups.append((own, mine))
    return [names for _, names in groups]
