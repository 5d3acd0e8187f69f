"""The drawing plane: takes metres on a straight drawing, gives longitude and latitude on a bent town.

The tables draw streets on a plain grid (x east, y north, metres), which is easy to read and to change. A town is never that straight, so
the drawing is bent by a conformal map (angles stay, so buildings stay square with their streets) and turned before it is laid on the
globe. Lengths change by at most 8 % within the community. Never draws anything itself.
"""

from __future__ import annotations

import cmath
import math

LON, LAT = 114.9000, 30.2100
"""Where the middle of the drawing lies: the town of the newspaper report. The streets drawn here are not there."""

METRES_PER_DEGREE_LON, METRES_PER_DEGREE_LAT = 96_282.8, 110_855.9
"""On the WGS 84 ellipsoid at latitude 30.21."""

TURN = cmath.exp(1j * math.radians(-9.0))
BEND, TWIST = 1.1e-4j, complex(0.4e-7, 1.3e-7)


def bend(x: float, y: float) -> tuple[float, float]:
    """Metres on the straight drawing -> metres east and north of the middle of the town."""
    z = complex(x, y)
    w = (z + BEND * z**2 + TWIST * z**3) * TURN
    return w.real, w.imag


def straighten(east: float, north: float) -> tuple[float, float]:
    """Undo `bend`, by Newton's method."""
    w = complex(east, north) / TURN
    z = w
    for _ in range(20):
        z -= (z + BEND * z**2 + TWIST * z**3 - w) / (1 + 2 * BEND * z + 3 * TWIST * z**2)
    return z.real, z.imag


def heading(x: float, y: float) -> complex:
    """Direction, as a unit complex number, in which the drawing's x axis runs at this spot of the town."""
    z = complex(x, y)
    slope = (1 + 2 * BEND * z + 3 * TWIST * z**2) * TURN
    return slope / abs(slope)


def globe(east: float, north: float) -> tuple[float, float]:
    """Metres east and north of the middle -> longitude and latitude in WGS 84, to the 1e-7 degree (1 cm) of OpenStreetMap."""
    return round(LON + east / METRES_PER_DEGREE_LON, 7), round(LAT + north / METRES_PER_DEGREE_LAT, 7)
