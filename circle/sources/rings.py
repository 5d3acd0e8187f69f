"""Areas from the member ways of relations, where that is plain: their lines join into rings, and every line is used once.

Takes: which ways a relation names, and the lines of those ways.   Gives: an area for each relation that is plain; the others by name.
Never: guesses. What crosses, dangles or doubles is left to libosmium, and what lacks a member is no area.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import shapely

from circle.sources import geometry


def join(relations: Mapping[int, Sequence[int]], lines: Mapping[int, str]) -> tuple[dict[int, str], set[int]]:
    """Put areas together, all at once.

    Parameters
    ----------
    relations
        Member ways of each relation.
    lines
        WKB of the member ways that the file holds whole.

    Returns
    -------
    WKB of the relations whose lines bound a valid area, each line once: then there is only one such area (even-odd rule). And the
    relations that have all their members but are not that plain.
    """
    complete = {number: list(dict.fromkeys(ways)) for number, ways in relations.items() if ways and all(way in lines for way in ways)}
    if not complete:
        return {}, set()
    owner = np.repeat(np.arange(len(complete)), [len(ways) for ways in complete.values()])
    coordinates, counts = geometry.line_coordinates([lines[way] for ways in complete.values() for way in ways])
    bounds = shapely.multilinestrings(geometry.lines(coordinates, counts), indices=owner)
    with np.errstate(invalid="ignore"):  # lines that cross without a node; they are not plain
        areas = shapely.build_area(bounds)
    plain = ~shapely.is_empty(areas) & np.isclose(shapely.length(areas), shapely.length(bounds), rtol=1e-12, atol=1e-12)
    plain[plain] = shapely.is_valid(areas[plain]) & shapely.is_simple(bounds[plain])
    wkb = shapely.to_wkb(areas, hex=True)
    joined = {number: str(text) for number, text, fine in zip(complete, wkb, plain, strict=True) if fine}
    return joined, complete.keys() - joined.keys()
