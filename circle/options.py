"""The options of a run, declared once: what the command line takes, what a study file may say, and what `circle.run` accepts.

Takes: nothing.   Gives: `Options`, and how each of its fields is named and explained (`Told`).
Never: reads a file or knows what an option does. A new option is a new field here, and the stage that heeds it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Annotated, Any, get_args, get_type_hints

DEFAULT_STANDARD = "five-minute"


@dataclass(frozen=True, slots=True)
class Told:
    """How an option is explained, and its names on the command line where they are not simply `--its-name`.

    `in_file`: whether a study file may say it; what concerns only this one call of the program may not stand there.
    `file`: whether its value may name a file (`FILE` or `FILE:layer`); in a study file that is relative to the study file.
    """

    help: str
    names: tuple[str, ...] = ()
    in_file: bool = True
    file: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Everything that a run can be told, with its defaults.

    Several values are a tuple; one value alone will do, and so will a `Path` where a text names a file.

    >>> Options(walker="elderly").standard
    'five-minute'
    >>> Options(buildings=Path("ledger.csv"), crs="GCJ-02").crs
    ('GCJ-02',)
    """

    standard: Annotated[
        str, Told("A shipped standard (see `circle standards`) or your own TOML file. 标准名称或文件", ("-s",), file=True)
    ] = DEFAULT_STANDARD
    walker: Annotated[
        str | None,
        Told(
            "Who walks: adult, adult_waiting, planning, elderly, stroller, wheelchair, or your own TOML file. "
            "Default: the standard's own. 步行者或文件",
            ("-w",),
            file=True,
        ),
    ] = None
    elevation: Annotated[Path | None, Told("Elevation raster (GeoTIFF, metres): slopes slow the walk. Needs rasterio. 高程栅格")] = None
    out: Annotated[
        Path | None,
        Told(
            "Folder to write; an older run there is replaced, anything else is not touched. Default: out/ and the name of SOURCE. 输出",
            ("-o",),
        ),
    ] = None
    buildings: Annotated[
        tuple[str, ...],
        Told("Your ledger or outlines of buildings: households, storeys, grids. FILE or FILE:layer. 楼栋台账或轮廓", file=True),
    ] = ()
    facilities: Annotated[
        tuple[str, ...], Told("Your list of facilities, joined to those of the map. FILE or FILE:layer. 设施台账", file=True)
    ] = ()
    facilities_mode: Annotated[
        tuple[str, ...],
        Told("add your list to the map's facilities (the default) or replace them by it; SERVICE=replace for one service. 设施台账的用法"),
    ] = ()
    zones: Annotated[
        tuple[str, ...], Told("Areas to report by, or a table that says which compound lies in which grid. 网格、社区、小区", file=True)
    ] = ()
    gates: Annotated[tuple[str, ...], Told("Who may pass which gate, by its OSM id. 出入口通行表", file=True)] = ()
    boundary: Annotated[str | None, Told("Outline of the study area: buildings outside are not counted. 研究范围", file=True)] = None
    crs: Annotated[
        tuple[str, ...],
        Told("Coordinate system of your tables: WGS-84, GCJ-02, BD-09 or a code such as EPSG:4547; FILE=SYSTEM for one file. 坐标系"),
    ] = ()
    column: Annotated[tuple[str, ...], Told("What a header means: HEADER=name, or FILE:HEADER=name for one file. 列名对应")] = ()
    population: Annotated[str | None, Told("Raster or grid of persons, for homes that no ledger counts. 人口栅格", file=True)] = None
    population_unit: Annotated[str | None, Told("What its cells hold: count (persons) or per_ha (persons per hectare). 人口单位")] = None
    public: Annotated[
        bool, Told("For publication: counts of households, persons or elderly below five per building are withheld. 公开版")
    ] = False
    no_map: Annotated[bool, Told("Tables and records only: no page, workbook or layers. 只写数据表")] = False
    scenario: Annotated[
        Path | None,
        Told("Stations, closures, gates, passages to try: a TOML or GeoJSON file. SOURCE may then be the folder of a run. 情景文件"),
    ] = None
    quiet: Annotated[bool, Told("Print only warnings and errors. 静默", ("-q",), in_file=False)] = False

    def __post_init__(self) -> None:
        """Bring every value into its declared form: a text is a sequence too, and `"a.csv"` would else be five files."""
        for name, kind, _ in told():
            value = getattr(self, name)
            if kind == tuple[str, ...]:
                made: Any = (str(value),) if isinstance(value, str | Path) else tuple(map(str, value))
            elif value is None or isinstance(value, bool):
                continue
            else:
                made = Path(value) if Path in get_args(kind) else str(value)
            object.__setattr__(self, name, made)


def told() -> Iterator[tuple[str, Any, Told]]:
    """Every option: its name, its type and how it is explained, in the order of `--help`.

    >>> next(how.names for name, kind, how in told() if name == "walker")
    ('-w',)
    """
    yield from _told()


@cache
def _told() -> tuple[tuple[str, Any, Told], ...]:
    hints = get_type_hints(Options, include_extras=True)
    return tuple((each.name, *get_args(hints[each.name])) for each in fields(Options))
