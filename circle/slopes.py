"""Slopes: uphill is slower, gently downhill a little quicker, as Tobler's hiking function has it.

Takes: the lines of edges and the height of the ground at points.   Gives: how many times longer each edge takes, in each direction.
Never: changes what is flat, or asks the ground for the height of a bridge.

Tobler, W. (1993), Three Presentations on Geographical Analysis and Modeling, NCGIA Technical Report 93-1: a hiker walks
6 · exp(−3.5 · |slope + 0.05|) km/h, quickest at 5 % downhill. Here it is divided by its value on the flat, so that a walker's own speed
holds there. Each edge is cut into pieces of equal length, at most `spacing_m` (rules/settings.toml); its seconds are the mean over them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from circle import rules

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Bools = NDArray[np.bool_]
Heights = Callable[[Floats, Floats], Floats]  # longitude and latitude in degrees → metres above the sea, NaN where nobody knows

STEEPNESS = 3.5
QUICKEST = 0.05  # downhill


@dataclass(frozen=True, slots=True)
class Course:
    """Where edges run: points of all ways, and which of them each edge lies between.

    Attributes: `lon`, `lat` of every point; `walked` (metres from the first point of all); `way` (of every point, counted from 0); `begin`
    and `end` (of every edge, its points); `raised` (of every edge: heights of the ground say nothing of it).
    """

    lon: Floats
    lat: Floats
    walked: Floats
    way: Ints
    begin: Ints
    end: Ints
    raised: Bools


def tobler(slope: Floats) -> Floats:
    """Share of the speed on the flat; `slope` is rise over run, positive uphill.

    >>> tobler(np.array([0.0, 0.10, -0.05])).round(3).tolist()
    [1.0, 0.705, 1.191]
    """
    return np.asarray(np.exp(-STEEPNESS * (np.abs(slope + QUICKEST) - QUICKEST)))


def slowness(course: Course, heights: Heights) -> tuple[Floats, Floats, float]:
    """How many times the seconds on the flat each edge takes, along its line and against it.

    Slopes are not believed beyond `steepest` (rules/settings.toml): a raster sees roofs and retaining walls. Where a height is not known
    the piece counts as flat. A bridge or tunnel rises evenly from one end of its way to the other.

    Returns
    -------
    Factors forward and backward, and the share of the length whose heights are not known.
    """
    rule = rules.settings("slopes")
    length = course.walked[course.end] - course.walked[course.begin]
    number = np.maximum(np.ceil(length / rule["spacing_m"] - 1e-9), 1).astype(np.intp)
    stops = number + 1
    first = np.cumsum(stops) - stops
    of = np.repeat(np.arange(len(length)), stops)
    share = (np.arange(len(of)) - first[of]) / number[of]
    way = course.way[course.begin]
    # the last point of one way and the first of the next are equally far along: a metre between ways keeps them apart
    along = course.walked + course.way
    at = course.walked[course.begin][of] + share * length[of]
    lon, lat = (np.interp(at + way[of], along, values) for values in (course.lon, course.lat))
    height = heights(lon, lat)
    if course.raised.any():
        height = np.where(course.raised[of], _even(course, heights, way[of], at), height)
    step = np.where(number > 0, length / number, 0.0)
    piece = np.ones(len(of), dtype=bool)
    piece[first + number] = False
    rows = np.flatnonzero(piece)
    run = step[of[rows]]
    rise = height[rows + 1] - height[rows]
    unknown = np.isnan(rise)
    slope = np.divide(rise, run, out=np.zeros(len(rows)), where=(run > 0) & ~unknown)
    slope = np.clip(slope, -rule["steepest"], rule["steepest"])
    begin = np.cumsum(number) - number
    forward, backward = (np.add.reduceat(1 / tobler(sign * slope), begin) / number for sign in (1.0, -1.0))
    total = float(length.sum())
    return forward, backward, float(run[unknown].sum()) / total if total else 0.0


def _even(course: Course, heights: Heights, way: Ints, at: Floats) -> Floats:
    """Heights on ways that rise evenly between their ends."""
    change = np.flatnonzero(np.diff(course.way))
    head, tail = np.r_[0, change + 1], np.r_[change, len(course.way) - 1]
    low, high = (heights(course.lon[points], course.lat[points]) for points in (head, tail))
    whole = course.walked[tail] - course.walked[head]
    share = np.divide(at - course.walked[head][way], whole[way], out=np.zeros(len(at)), where=whole[way] > 0)
    return np.asarray(low[way] + (high - low)[way] * share)
