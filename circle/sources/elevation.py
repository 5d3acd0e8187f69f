"""Heights of the ground, from an elevation raster.

Takes: a raster that GDAL reads (GeoTIFF, ASCII grid, …) with metres in its first band.   Gives: heights at points, between its cells.
Never: guesses: where the raster holds nothing the height is NaN. Only this module knows rasterio (the extra `elevation`).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pyproj import Transformer

from circle.errors import SourceError

Floats = NDArray[np.float64]
Bounds = tuple[float, float, float, float]

MARGIN_CELLS = 2
MOST_CELLS = 200_000_000


@dataclass(frozen=True, slots=True)
class Terrain:
    """Part of an elevation raster, in memory.

    `cells`: metres, NaN where unknown; `inverse`: from its coordinates to column and row (a, b, c, d, e, f); `to_raster`: from WGS 84.
    """

    cells: Floats
    inverse: tuple[float, ...]
    to_raster: Transformer

    def heights(self, lon: Floats, lat: Floats) -> Floats:
        """Metres above the sea at points in degrees, bilinear between the centres of cells; NaN outside and beside unknown cells."""
        x, y = self.to_raster.transform(lon, lat)
        a, b, c, d, e, f = self.inverse
        column, row = a * x + b * y + c - 0.5, d * x + e * y + f - 0.5
        rows, columns = self.cells.shape
        known = np.isfinite(column) & np.isfinite(row) & (column >= -0.5) & (row >= -0.5) & (column <= columns - 0.5) & (row <= rows - 0.5)
        column, row = (np.clip(np.where(known, value, 0.0), 0.0, most - 1) for value, most in ((column, columns), (row, rows)))
        left, top = np.floor(column).astype(np.intp), np.floor(row).astype(np.intp)
        right, bottom = np.minimum(left + 1, columns - 1), np.minimum(top + 1, rows - 1)
        across, down = column - left, row - top
        upper = self.cells[top, left] * (1 - across) + self.cells[top, right] * across
        lower = self.cells[bottom, left] * (1 - across) + self.cells[bottom, right] * across
        return np.where(known, upper * (1 - down) + lower * down, np.nan)


def ready(path: Path) -> None:
    """Ask, before anything slow, whether a raster is there and can be opened at all.

    Raises
    ------
    SourceError
        The file is missing, or rasterio is not installed.
    """
    if not path.is_file():
        raise SourceError(f"{path}: no such file. Give an elevation raster, for example a GeoTIFF with metres in its first band.")
    try:
        import rasterio  # noqa: F401, PLC0415 - optional, and a second to import
    except ImportError as missing:
        raise SourceError(
            "An elevation raster is read by rasterio, which is not installed. Install it with: pip install rasterio"
        ) from missing


def read(path: Path, extent: Bounds) -> Terrain:
    """Read the part of a raster that a place needs.

    Parameters
    ----------
    path
        The raster; its first band holds metres, its reference system is in the file.
    extent
        West, south, east, north of the place in degrees.

    Raises
    ------
    SourceError
        rasterio is not installed; the file is missing or no raster, says no reference system, or lies elsewhere.
    """
    ready(path)
    import rasterio  # noqa: PLC0415 - as above
    from rasterio.windows import Window, from_bounds  # noqa: PLC0415

    try:
        with rasterio.open(path) as raster:
            if raster.crs is None:
                raise SourceError(f"{path} says no reference system. Write one into it, for example with gdal_edit.py -a_srs EPSG:4326.")
            to_raster = Transformer.from_crs("EPSG:4326", raster.crs.to_wkt(), always_xy=True)
            box = to_raster.transform_bounds(*extent, densify_pts=21)
            inner = from_bounds(*box, transform=raster.transform)
            low_column, low_row = (max(int(np.floor(low)) - MARGIN_CELLS, 0) for low in (inner.col_off, inner.row_off))
            high_column = min(int(np.ceil(inner.col_off + inner.width)) + MARGIN_CELLS, raster.width)
            high_row = min(int(np.ceil(inner.row_off + inner.height)) + MARGIN_CELLS, raster.height)
            if high_column <= low_column or high_row <= low_row:
                raise SourceError(f"{path} does not cover the place that is studied. Use a raster that does.")
            if (high_column - low_column) * (high_row - low_row) > MOST_CELLS:
                raise SourceError(
                    f"{path} is too fine for this place ({high_column - low_column} × {high_row - low_row} cells). Use a coarser one."
                )
            window = Window(low_column, low_row, high_column - low_column, high_row - low_row)
            band = raster.read(1, window=window, masked=True).astype(np.float64)
            inverse = ~raster.window_transform(window)
    except rasterio.errors.RasterioError as trouble:
        said = str(trouble).rstrip(".")
        raise SourceError(f"{path} cannot be read as a raster ({said}). Give a GeoTIFF, or another raster that GDAL reads.") from trouble
    return Terrain(np.ma.filled(band, np.nan), tuple(inverse)[:6], to_raster)
