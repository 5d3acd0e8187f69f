"""Coordinate systems of Chinese tables: GCJ-02, BD-09, CGCS2000 on the Gauss-Krüger grid, degrees as text; and back to WGS 84.

Takes: arrays of coordinates, the name of a system, texts.   Gives: longitude and latitude in WGS 84 degrees.
Never: guesses which system a table is in (see `crs_guess`), or moves a point that the system leaves where it is.

GCJ-02 adds a smooth offset of 300 to 700 m to every point of mainland China; BD-09 adds another to that. Both formulas are public
(Krasovsky's ellipsoid, the box of 72.004–137.8347° E, 0.8293–55.8271° N); neither has a closed inverse. The fixed point
x ← x − (f(x) − g) is 4.6 m off after one step, 2.8 cm after two, 0.2 mm after three: five steps are taken here.
CGCS2000 and WGS 84 differ by decimetres and are taken for one.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd
import pyproj
import shapely
from numpy.typing import ArrayLike, NDArray

from circle.errors import RuleError

Floats = NDArray[np.float64]
Pair = tuple[Floats, Floats]

_A_M = 6_378_245.0  # Krasovsky 1940
_EE = 0.00669342162296594323
_BOX = (72.004, 0.8293, 137.8347, 55.8271)
_BAIDU = np.pi * 3000 / 180
_STEPS = 5

# Hong Kong, Macau; Taiwan with Penghu, Kinmen and Matsu: maps there are in WGS 84. Drawn by hand in the water, or along the
# Shenzhen River to some 300 m.
_UNTOUCHED = (
    [(113.83, 22.14), (113.83, 22.38), (113.93, 22.45), (113.985, 22.495), (114.03, 22.503), (114.06, 22.513), (114.09, 22.526),
     (114.113, 22.531), (114.14, 22.541), (114.165, 22.559), (114.185, 22.552), (114.222, 22.544), (114.26, 22.552), (114.33, 22.556),
     (114.51, 22.44), (114.51, 22.14)],
    [(113.5395, 22.2125), (113.5495, 22.2155), (113.557, 22.2145), (113.61, 22.21), (113.61, 22.1), (113.556, 22.1), (113.5495, 22.12),
     (113.537, 22.15), (113.533, 22.165), (113.5275, 22.185), (113.5275, 22.2)],
    [(119.1, 21.6), (122.4, 21.6), (122.4, 25.75), (121.2, 25.75), (120.1, 24.7), (119.1, 23.9)],
    [(118.205, 24.38), (118.205, 24.45), (118.26, 24.475), (118.29, 24.505), (118.4, 24.535), (118.48, 24.5), (118.48, 24.38)],
    [(119.9, 25.92), (119.9, 26.26), (120.0, 26.32), (120.45, 26.42), (120.55, 26.35), (120.1, 25.92)],
)  # fmt: skip


@lru_cache(maxsize=1)
def _untouched() -> shapely.Geometry:
    shape = shapely.union_all([shapely.Polygon(ring) for ring in _UNTOUCHED])
    shapely.prepare(shape)
    return shape


def shifted_here(lon: ArrayLike, lat: ArrayLike) -> NDArray[np.bool_]:
    """Whether GCJ-02 differs from WGS 84 at these points: in its box, and not in Hong Kong, Macau or Taiwan.

    >>> shifted_here([114.9, 114.17, 2.35], [30.21, 22.3, 48.86]).tolist()
    [True, False, False]
    """
    x, y = np.asarray(lon, dtype=float), np.asarray(lat, dtype=float)
    west, south, east, north = _BOX
    inside = (x >= west) & (x <= east) & (y >= south) & (y <= north)
    return np.asarray(inside & ~shapely.contains_xy(_untouched(), x, y), dtype=bool)


def _offset(lon: Floats, lat: Floats) -> Pair:
    """What GCJ-02 adds to a WGS 84 point, in degrees."""
    x, y, pi = lon - 105.0, lat - 35.0, np.pi
    wave = (20 * np.sin(6 * x * pi) + 20 * np.sin(2 * x * pi)) * 2 / 3
    north = -100 + 2 * x + 3 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * np.sqrt(np.abs(x)) + wave
    north += (20 * np.sin(y * pi) + 40 * np.sin(y / 3 * pi)) * 2 / 3 + (160 * np.sin(y / 12 * pi) + 320 * np.sin(y / 30 * pi)) * 2 / 3
    east = 300 + x + 2 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * np.sqrt(np.abs(x)) + wave
    east += (20 * np.sin(x * pi) + 40 * np.sin(x / 3 * pi)) * 2 / 3 + (150 * np.sin(x / 12 * pi) + 300 * np.sin(x / 30 * pi)) * 2 / 3
    latitude = np.radians(lat)
    magic = 1 - _EE * np.sin(latitude) ** 2
    radius_north = _A_M * (1 - _EE) / (magic * np.sqrt(magic))
    return np.degrees(east / (_A_M / np.sqrt(magic) * np.cos(latitude))), np.degrees(north / radius_north)


def _to_gcj(lon: Floats, lat: Floats) -> Pair:
    east, north = _offset(lon, lat)
    return lon + east, lat + north


def _to_bd(lon: Floats, lat: Floats) -> Pair:
    radius = np.hypot(lon, lat) + 0.00002 * np.sin(lat * _BAIDU)
    angle = np.arctan2(lat, lon) + 0.000003 * np.cos(lon * _BAIDU)
    return radius * np.cos(angle) + 0.0065, radius * np.sin(angle) + 0.006


def _back(forward: Callable[[Floats, Floats], Pair], lon: Floats, lat: Floats) -> Pair:
    """Inverse of a smooth small shift by its fixed point."""
    x, y = lon, lat
    for _ in range(_STEPS):
        there_x, there_y = forward(x, y)
        x, y = x - (there_x - lon), y - (there_y - lat)
    return x, y


def _clean(lon: ArrayLike, lat: ArrayLike) -> Pair:
    """Float arrays in which what is no place on Earth is NaN, so that no formula overflows."""
    x, y = np.array(lon, dtype=float), np.array(lat, dtype=float)
    with np.errstate(invalid="ignore"):
        odd = ~((np.abs(x) <= 360) & (np.abs(y) < 90))
    x[odd], y[odd] = np.nan, np.nan
    return x, y


def _where(shifted: NDArray[np.bool_], new: Pair, old: Pair) -> Pair:
    return np.where(shifted, new[0], old[0]), np.where(shifted, new[1], old[1])


def wgs_to_gcj(lon: ArrayLike, lat: ArrayLike) -> Pair:
    """GCJ-02 of WGS 84 points; unchanged outside mainland China.

    >>> lon, lat = wgs_to_gcj(116.42079, 39.90105)      # Beijing railway station
    >>> round(float(lon), 5), round(float(lat), 5)
    (116.42702, 39.90245)
    """
    x, y = _clean(lon, lat)
    return _where(shifted_here(x, y), _to_gcj(x, y), (x, y))


def gcj_to_wgs(lon: ArrayLike, lat: ArrayLike) -> Pair:
    """WGS 84 of GCJ-02 points, exact to less than a millimetre; unchanged where the result would lie outside mainland China.

    In a strip of half a kilometre along the border of Hong Kong a number may mean either side; it is taken for the mainland's.
    """
    x, y = _clean(lon, lat)
    found = _back(_to_gcj, x, y)
    return _where(shifted_here(*found), found, (x, y))


def wgs_to_bd(lon: ArrayLike, lat: ArrayLike) -> Pair:
    """BD-09 of WGS 84 points; unchanged outside mainland China."""
    x, y = _clean(lon, lat)
    return _where(shifted_here(x, y), _to_bd(*_to_gcj(x, y)), (x, y))


def bd_to_wgs(lon: ArrayLike, lat: ArrayLike) -> Pair:
    """WGS 84 of BD-09 points, exact to less than a millimetre; unchanged where the result would lie outside mainland China."""
    x, y = _clean(lon, lat)
    found = _back(_to_gcj, *_back(_to_bd, x, y))
    return _where(shifted_here(*found), found, (x, y))


def gcj_to_bd(lon: ArrayLike, lat: ArrayLike) -> Pair:
    """BD-09 of GCJ-02 points; unchanged outside mainland China."""
    return wgs_to_bd(*gcj_to_wgs(lon, lat))


def bd_to_gcj(lon: ArrayLike, lat: ArrayLike) -> Pair:
    """GCJ-02 of BD-09 points; unchanged outside mainland China."""
    return wgs_to_gcj(*bd_to_wgs(lon, lat))


# ---------------------------------------------------------------- systems by name


@dataclass(frozen=True, slots=True)
class System:
    """A coordinate system by the name that one writes after `--crs`."""

    name: str

    @property
    def projected(self) -> bool:
        """Whether its numbers are metres on a grid."""
        return self.name.startswith("EPSG:") and pyproj.CRS(self.name).is_projected

    def to_wgs84(self, x: ArrayLike, y: ArrayLike) -> Pair:
        """Longitude and latitude of points; `x` is east or longitude. What is no place becomes NaN."""
        if self.name == "WGS-84":
            return _clean(x, y)
        if self.name == "GCJ-02":
            return gcj_to_wgs(x, y)
        if self.name == "BD-09":
            return bd_to_wgs(x, y)
        lon, lat = _transformer(self.name).transform(np.array(x, dtype=float), np.array(y, dtype=float))
        lon, lat = np.asarray(lon, dtype=float), np.asarray(lat, dtype=float)
        odd = ~(np.isfinite(lon) & np.isfinite(lat))
        lon[odd], lat[odd] = np.nan, np.nan
        return lon, lat


WGS84, GCJ02, BD09 = System("WGS-84"), System("GCJ-02"), System("BD-09")
_NAMES = {
    **dict.fromkeys(("wgs84", "wgs", "epsg4326", "4326", "cgcs2000", "epsg4490", "4490", "gps"), WGS84),
    **dict.fromkeys(("gcj02", "gcj", "火星", "火星坐标", "高德", "amap", "gaode", "腾讯", "tencent"), GCJ02),
    **dict.fromkeys(("bd09", "bd09ll", "bd", "百度", "baidu"), BD09),
}


@lru_cache
def _transformer(name: str) -> pyproj.Transformer:
    return pyproj.Transformer.from_crs(name, "EPSG:4326", always_xy=True)


def system(name: str) -> System:
    """The system that a planner names.

    >>> system("gcj02").name, system("高德").name, system("4490").name, system("EPSG:4547").projected
    ('GCJ-02', 'GCJ-02', 'WGS-84', True)

    Raises
    ------
    RuleError
        There is no such system.
    """
    plain = re.sub(r"[\s:_\-（）()]", "", unicodedata.normalize("NFKC", name)).casefold()
    if plain in _NAMES:
        return _NAMES[plain]
    match = re.fullmatch(r"(?:epsg)?(\d{4,6})", plain)
    code = match[1] if match else ""
    try:
        found = pyproj.CRS(f"EPSG:{code}") if code else None
    except pyproj.exceptions.CRSError:
        found = None
    if found is None or not (found.is_projected or found.is_geographic):
        raise RuleError(
            f"--crs {name}: there is no such coordinate system. Write WGS-84, GCJ-02 (高德, 腾讯), BD-09 (百度), CGCS2000, "
            "or EPSG and a number, such as EPSG:4547 (CGCS2000, 3-degree zone at 114° E)."
        )
    return System(f"EPSG:{found.to_epsg() or code}")


LARGEST = 1e15  # of a number in a table


# ---------------------------------------------------------------- the Gauss-Krüger grid

_EAST_M, _NORTH_M = (100_000.0, 900_000.0), (300_000.0, 6_300_000.0)
_FIRST_3, _FIRST_6 = 25, 13  # zone numbers of the first EPSG codes 4513 and 4491


def grid_axes(first: ArrayLike, second: ArrayLike) -> str:
    """Which of two columns is east: `first`, `second`, or empty where the numbers are no Gauss-Krüger coordinates of China.

    Surveyors write x for north and y for east; the sizes of the numbers tell which is which.

    >>> grid_axes([3343000.0], [38523000.0]), grid_axes([523000.0], [3343000.0]), grid_axes([114.9], [30.2])
    ('second', 'first', '')
    """
    a, b = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    known = np.isfinite(a) & np.isfinite(b)
    if not known.any():
        return ""
    one, other = float(np.median(a[known])), float(np.median(b[known]))
    for east, north, word in ((one, other, "first"), (other, one, "second")):
        plain = east % 1_000_000 if east >= _FIRST_6 * 1_000_000 else east
        if _EAST_M[0] <= plain <= _EAST_M[1] and _NORTH_M[0] <= north <= _NORTH_M[1] and (east < north or east >= _FIRST_6 * 1_000_000):
            return word
    return ""


def grid_systems(east: ArrayLike, lon: float) -> list[System]:
    """Gauss-Krüger systems of CGCS2000 that eastings may be in, near a longitude: by their zone number, or else by the place.

    >>> [s.name for s in grid_systems([38523000.0], 114.9)], [s.name for s in grid_systems([523000.0], 114.9)]
    (['EPSG:4526'], ['EPSG:4547', 'EPSG:4546', 'EPSG:4548'])
    """
    zone = int(np.nanmedian(np.asarray(east, dtype=float)) // 1_000_000)
    if _FIRST_3 <= zone <= _FIRST_3 + 20:
        return [System(f"EPSG:{4513 + zone - _FIRST_3}")]
    if _FIRST_6 <= zone <= _FIRST_6 + 10:
        return [System(f"EPSG:{4491 + zone - _FIRST_6}")]
    middle = round(lon / 3)  # central meridians at every third degree, 75° to 135° E
    return [System(f"EPSG:{4534 + number - 25}") for number in (middle, middle - 1, middle + 1) if 25 <= number <= 45]


# ---------------------------------------------------------------- degrees as text

_NUMBER = r"(\d+(?:\.\d+)?)"
_DMS = re.compile(
    r"^\s*(?P<sign>-)?\s*(?P<before>[NSEW]|北纬|南纬|东经|西经)?\s*(?P<d>\d+(?:\.\d+)?)\s*(?:[°º˚度:\s]\s*)?"
    r"(?:(?P<m>\d+(?:\.\d+)?)\s*(?:['’‘′分:\s]\s*)?)?(?:(?P<s>\d+(?:\.\d+)?)\s*(?:[\"”“″秒]|''|′′)?\s*)?(?P<after>[NSEW])?\s*$",
    re.IGNORECASE,
)
_NEGATIVE = {"S", "W", "南纬", "西经"}


def numbers(values: pd.Series) -> Floats:
    """Numbers written as text: full-width digits, thousands separators, spaces. What is no number, or beyond 10¹⁵, is NaN.

    >>> numbers(pd.Series(["１１４.９", "1,234", " 7 ", "暂无", "", "9e307"])).tolist()
    [114.9, 1234.0, 7.0, nan, nan, nan]
    """
    plain = values.astype(object)
    direct = pd.to_numeric(plain, errors="coerce")
    odd = direct.isna() & plain.notna()
    if odd.any():
        cells = plain[odd].astype(str)
        distinct = pd.unique(cells)
        read = {text: _one_number(text) for text in distinct}
        direct = direct.astype(float)
        direct[odd] = cells.map(read)
    out = np.array(direct, dtype=float)
    out[~(np.abs(out) <= LARGEST)] = np.nan  # nobody means it, and sums of such numbers overflow
    return out


def _one_number(text: str) -> float:
    plain = unicodedata.normalize("NFKC", text).strip().replace("−", "-").replace("－", "-")
    if re.fullmatch(r"[+-]?\d{1,3}([, ]\d{3})+(\.\d+)?", plain):
        plain = plain.replace(",", "").replace(" ", "")
    try:
        return float(plain)
    except ValueError:
        return float("nan")


def degrees(values: pd.Series) -> Floats:
    """Decimal degrees of numbers or of texts such as 114°54′12.3″, E114°54.2′, 东经114度54分12秒. What is no angle is NaN.

    >>> degrees(pd.Series(["114°54′12″", "东经114度54分", "30.5N", "114.9", "—"])).round(6).tolist()
    [114.903333, 114.9, 30.5, 114.9, nan]
    """
    found = numbers(values)
    odd = np.flatnonzero(np.isnan(found) & values.notna().to_numpy())
    if len(odd):
        cells = values.astype(object).to_numpy()[odd]
        read = {text: _one_angle(str(text)) for text in pd.unique(cells)}
        found[odd] = [read[text] for text in cells]
    return found


def _one_angle(text: str) -> float:
    match = _DMS.match(unicodedata.normalize("NFKC", text).replace("″", '"').replace("′", "'").replace("''", '"'))
    if match is None or float(match["m"] or 0) >= 60 or float(match["s"] or 0) >= 60:
        return float("nan")
    size = float(match["d"]) + float(match["m"] or 0) / 60 + float(match["s"] or 0) / 3600
    side = (match["before"] or match["after"] or "").upper()
    return -size if match["sign"] or side in _NEGATIVE else size


def pair(values: pd.Series) -> Pair:
    """First and second number of texts such as "114.91,30.21" (AMap's `location`), in the order in which they stand."""
    texts = values.astype("str").where(values.notna(), "").map(lambda text: unicodedata.normalize("NFKC", text))
    parts = texts.str.strip(" ()[]{}").str.split(r"[,;，；\s]+", n=1, expand=True, regex=True).reindex(columns=[0, 1])
    return degrees(parts[0]), degrees(parts[1])
