"""Degrees: from the plane back to latitudes.

Takes: isometric latitudes.   Gives: latitudes in degrees, exact to rounding.
Never: knows of a plane (`projection` does), or stops before the digits are there.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from circle.kernels import compiled

Floats = NDArray[np.float64]


@compiled
def latitudes(isometric: Floats, eccentricity: float) -> Floats:
    """Latitudes in degrees: the fixed point of EPSG guidance note 7-2, by two steps of Newton's method.

    The first guess is wrong by less than 0.003, and a step leaves less than a hundredth of the square of that.

    >>> latitudes(np.asarray([0.0, 1.0]), 0.08181919084262149).round(7).tolist()
    [0.0, 49.7946546]
    """
    out = np.empty(len(isometric))
    square = eccentricity * eccentricity
    for row in range(len(isometric)):
        sine = math.tanh(isometric[row])
        for _ in range(2):
            z = square * sine * sine  # below 0.0067: the series of the inverse hyperbolic tangent ends soon
            inverse = eccentricity * sine * (1 + z * (1 / 3 + z * (1 / 5 + z * (1 / 7 + z * (1 / 9 + z / 11)))))
            better = math.tanh(isometric[row] + eccentricity * inverse)
            slope = square * (1 - better * better) / (1 - z)
            sine = better + (better - sine) * (slope / (1 - slope))
        out[row] = math.degrees(math.asin(sine))
    return out
