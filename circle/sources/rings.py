"""Areas from the member ways of relations, where that is plain: their lines join into rings, and every line is used once.

Takes: which ways a relation names, and the lines of those ways.   Gives: an area for each relation that is plain; the others by name.
Never: guesses. What crosses, dangles or doubles is left to libosmium, and what lacks a member is no area.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
import osmium
import shapely
from numpy.typing import NDArray

from circle.kernels import rings as kernel

Ints = NDArray[np.int64]
Shapes = NDArray[np.object_]

_DIGITS = 1e7  # of a degree, as OSM counts


def join(relations: Mapping[int, Sequence[int]], lines: Mapping[int, shapely.Geometry]) -> tuple[dict[int, shapely.Geometry], set[int]]:
    """Put areas together, all at once.

    Parameters
    ----------
    relations
        Member ways of each relation.
    lines
        Lines of the member ways that the file holds whole.

    Returns
    -------
    Areas of the relations whose lines bound a valid area, each line once: then there is only one such area (even-odd rule). And the
    relations that have all their members but are not that plain.
    """
    complete = {number: list(dict.fromkeys(ways)) for number, ways in relations.items() if ways and all(way in lines for way in ways)}
    if not complete:
        return {}, set()
    bounds = np.asarray([lines[way] for ways in complete.values() for way in ways], dtype=object)
    group = np.r_[0, np.cumsum([len(ways) for ways in complete.values()])]
    areas = _around(bounds, group)
    left = np.flatnonzero(shapely.is_missing(areas))
    if len(left):
        among = np.repeat(np.isin(np.arange(len(complete)), left), np.diff(group))
        areas[left] = _built(shapely.multilinestrings(bounds[among], indices=np.repeat(np.arange(len(left)), np.diff(group)[left])))
    joined = {number: area for number, area in zip(complete, areas, strict=True) if area is not None}
    return joined, complete.keys() - joined.keys()


def _around(bounds: Shapes, group: Ints) -> Shapes:
    """Areas where one closed line goes plainly round all others of its group, and these are holes; None for the other groups.

    As GEOS would build them: the outline clockwise, the holes against it.
    """
    points, first = shapely.get_coordinates(bounds), np.r_[0, np.cumsum(shapely.get_num_coordinates(bounds))]
    whole = kernel.steps(points)
    simple = shapely.is_closed(bounds) & kernel.simple(whole, first[:-1], first[1:])
    fine = np.flatnonzero(np.logical_and.reduceat(simple, group[:-1]))
    taken = np.repeat(np.isin(np.arange(len(group) - 1), fine), np.diff(group))  # of the lines
    points, length = points[np.repeat(taken, np.diff(first))], np.diff(first)[taken]
    first, count = np.r_[0, np.cumsum(length)], np.diff(group)[fine]
    shell = kernel.shells(kernel.steps(points), first, np.r_[0, np.cumsum(count)])
    out = np.full(len(group) - 1, None, dtype=object)
    if not (shell >= 0).any():
        return out
    outer = np.isin(np.arange(len(length)), shell)
    turned = (kernel.areas(points, first) > 0) != outer
    place = np.arange(len(points))
    backward = np.repeat(turned, length)
    place[backward] = (np.repeat(first[:-1] + first[1:] - 1, length) - place)[backward]
    drawn = shapely.linearrings(points[place], indices=np.repeat(np.arange(len(length)), length))
    owner = np.repeat(np.arange(len(fine)), count)
    order = np.lexsort((~outer, owner))  # the outline first
    order = order[(shell >= 0)[owner[order]]]
    found, place = np.unique(owner[order], return_inverse=True)
    out[fine[found]] = shapely.polygons(drawn[order], indices=place)
    return out


def _built(bounds: Shapes) -> Shapes:
    """Areas that lines bound, each line once; None where they do not, or not plainly."""
    with np.errstate(invalid="ignore"):  # lines that cross without a node; they are not plain
        areas = np.asarray(shapely.build_area(bounds), dtype=object)
    plain = ~shapely.is_empty(areas) & np.isclose(shapely.length(areas), shapely.length(bounds), rtol=1e-12, atol=1e-12)
    plain[plain] = shapely.is_valid(areas[plain]) & shapely.is_simple(bounds[plain])
    areas[~plain] = None
    return areas


def assembled(relations: Mapping[int, Sequence[int]], lines: Mapping[int, shapely.Geometry]) -> Iterator[tuple[int, shapely.Geometry]]:
    """Areas of relations that are not plain, put together by libosmium; those of which it makes none are left out.

    Its assembler takes objects from a file only: they are handed over as text (https://osmcode.org/opl-file-format/), in memory.
    """
    ways = sorted({way for members in relations.values() for way in members})
    points, owner = shapely.get_coordinates([lines[way] for way in ways], return_index=True)
    spots, place = np.unique(np.round(points * _DIGITS).astype(np.int64), axis=0, return_inverse=True)
    nodes = np.split(place.reshape(-1) + 1, np.flatnonzero(np.diff(owner)) + 1)
    text = [f"n{number} x{x / _DIGITS:.7f} y{y / _DIGITS:.7f}" for number, (x, y) in enumerate(spots.tolist(), start=1)]
    text += [f"w{way} N{','.join(f'n{node}' for node in refs.tolist())}" for way, refs in zip(ways, nodes, strict=True)]
    text += [f"r{number} Ttype=multipolygon M{','.join(f'w{way}@' for way in members)}" for number, members in relations.items()]
    data = "\n".join([*text, ""]).encode()
    areas, factory = osmium.area.AreaManager(), osmium.geom.WKBFactory()
    with osmium.io.Reader(osmium.io.FileBuffer(data, "opl"), osmium.osm.RELATION) as reader:
        osmium.apply(reader, areas.first_pass_handler())
    ready: Any = osmium.BufferIterator()
    with osmium.io.Reader(osmium.io.FileBuffer(data, "opl"), osmium.osm.NODE | osmium.osm.WAY) as reader:
        located, second_pass = osmium.NodeLocationsForWays(osmium.index.create_map("flex_mem")), areas.second_pass_to_buffer(ready)
        osmium.apply(reader, located, second_pass)
    for area in ready:
        if not area.from_way():
            with suppress(RuntimeError, ValueError):  # no valid area: it stays among those that could not be put together
                yield area.orig_id(), shapely.from_wkb(factory.create_multipolygon(area))
