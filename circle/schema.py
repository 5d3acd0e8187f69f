"""The columns of every table, declared once in `rules/tables/*.csv`, and the check that is built from them.

Takes: the name of a table, the services and zone layers of a run, a frame.   Gives: the declared columns; the frame, if it is as declared.
Never: changes a frame, or looks at rows one by one.

A row of a declaration names column, type, unit, range, meaning and stage. `{service}` and `{layer}` in a name stand for each service of the
standard and each layer of zones. Ranges:

- `unique`: every value once, none missing
- `a|b|c`: one of these words (`|a|b`: or empty)
- `0..`, `0..1`, `-180..180`: a finite number in this range; `0..inf`: infinity too ("no path"). Not a number is allowed only where the
  meaning says *missing*: NaN compares false with every limit, and would pass for served.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from circle.errors import SchemaError
from circle.rules.loading import suggest

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    Series = pd.Series[Any]

TABLES = Path(__file__).parent / "rules" / "tables"
INF = float("inf")
_ZONE = "zone_"
TYPES = ("string", "category", "float", "int", "bool", "geometry")
_NUMBERS = re.compile(r"^(?P<low>-?[\d.]*\d)?\.\.(?P<high>-?[\d.]*\d|inf)?$")
_TEMPLATE = re.compile(r"\{(service|layer)\}")

Frame = TypeVar("Frame", bound="pd.DataFrame")


@dataclass(frozen=True, slots=True)
class Column:
    """One declared column: `name`, `type`, `unit`, `range`, `meaning`, `stage` that makes it."""

    name: str
    type: str
    unit: str
    range: str
    meaning: str
    stage: str

    @property
    def words(self) -> tuple[str, ...]:
        """Words that may stand in the column; empty when any may."""
        return tuple(self.range.split("|")) if "|" in self.range else ()

    @property
    def bounds(self) -> tuple[float | None, float | None]:
        """Least and greatest number; `inf` where infinity is a value, None where the range is open."""
        match = _NUMBERS.match(self.range)
        if match is None:
            return None, None
        low, high = match["low"], match["high"]
        return (None if low is None else float(low)), (None if high is None else float(high))

    @property
    def unique(self) -> bool:
        """Whether every value stands once."""
        return self.range == "unique"

    @property
    def may_be_missing(self) -> bool:
        """Whether a number may be NaN: only where the meaning says so."""
        return "missing" in self.meaning


def tables() -> tuple[str, ...]:
    """Names of all declared tables.

    >>> "buildings" in tables()
    True
    """
    return tuple(sorted(path.stem for path in TABLES.glob("*.csv")))


@lru_cache
def columns(table: str) -> tuple[Column, ...]:
    """Return the declared columns of a table, with `{service}` and `{layer}` still in the names.

    >>> [column.name for column in columns("nodes")]
    ['node', 'component', 'gate', 'geometry']

    Raises
    ------
    SchemaError   there is no such table, or its declaration is wrong
    """
    if table not in tables():
        raise SchemaError(f"no table '{table}' is declared; {suggest(table, tables())}")
    path = TABLES / f"{table}.csv"
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    found = []
    for row in rows:
        try:
            column = Column(row["column"], row["type"], row["unit"], row["range"], row["meaning"], row["stage"])
        except KeyError as error:
            raise SchemaError(f"{path.name}: no column {error}; it needs column,type,unit,range,meaning,stage") from error
        if column.type not in TYPES:
            raise SchemaError(f"{path.name}: {column.name}: type '{column.type}': {suggest(column.type, TYPES)}")
        if column.range and not (column.unique or column.words or _NUMBERS.match(column.range)):
            raise SchemaError(f"{path.name}: {column.name}: range '{column.range}' is neither unique, words (a|b) nor numbers (0..1)")
        found.append(column)
    return tuple(found)


def expand(table: str, services: Iterable[str] = (), layers: Iterable[str] = ()) -> tuple[Column, ...]:
    """Return the columns of a table of one run: a template column becomes one column for each service or layer.

    >>> [column.name for column in expand("buildings", ["shop"], ["grid"]) if "_" in column.name][-3:]
    ['barrier_shop', 'fragile_shop', 'leg_m_shop']
    """
    values = {"service": tuple(services), "layer": tuple(layers)}
    found: list[Column] = []
    for column in columns(table):
        template = _TEMPLATE.search(column.name)
        if template is None:
            found.append(column)
        else:
            found += [replace(column, name=column.name.replace(template[0], value)) for value in values[template[1]]]
    return tuple(found)


def zone_column(layer: str) -> str:
    """Return the column of `buildings` that holds the zone of a layer.

    >>> zone_column("compound"), zone_column("grid")
    ('compound', 'zone_grid')
    """
    return "compound" if layer == "compound" else f"{_ZONE}{layer}"


def zone_layers(columns: Iterable[object]) -> list[str]:
    """Return the layers of zones that some columns of `buildings` are of; `compound` has a column of its own name and is not among them.

    >>> zone_layers(["building", "compound", "zone_grid"])
    ['grid']
    """
    return [str(column).removeprefix(_ZONE) for column in columns if str(column).startswith(_ZONE)]


def coded(codes: NDArray[Any], words: Sequence[str] | pd.Index[str]) -> pd.Categorical:
    """Make a column of words from their numbers in `words`: as small and as fast as numbers, and it reads as words."""
    import pandas as pd  # noqa: PLC0415 - `circle --help` answers without it

    known: Any = words if isinstance(words, pd.Index) else list(words)
    made: pd.Categorical = pd.Categorical.from_codes(codes, categories=known)
    return made


def check(frame: Frame, table: str, services: Iterable[str] = (), layers: Iterable[str] = ()) -> Frame:
    """Return the frame itself when it holds every declared column with the declared type and range; more columns may be there.

    Raises
    ------
    SchemaError   a column is missing, or holds another type or range; the message names table, column, and an example
    """
    services, layers = tuple(services), tuple(layers)
    declared = expand(table, services, layers)
    missing = [column.name for column in declared if column.name not in frame.columns]
    if missing:
        raise SchemaError(f"table {table}: no column {', '.join(missing)}; the stage that writes it must add it")
    if frame.columns.is_unique and all(_passes(frame[column.name], column) for column in declared):
        return frame
    import pandera.errors  # noqa: PLC0415 - a second to import, and only what is wrong needs its report

    try:
        _schema(table, services, layers).validate(frame)
    except pandera.errors.SchemaError as error:
        raise SchemaError(_sentence(table, error)) from error
    return frame


def _passes(series: Series, column: Column) -> bool:
    """Whether a column is as declared, by the very tests that pandera would report on."""
    return all(bool(held) if isinstance(held := test(series), bool) else bool(held.all()) for _, test in _tests(column))


@lru_cache
def _schema(table: str, services: tuple[str, ...], layers: tuple[str, ...]) -> Any:
    """Build the pandera schema of a table from its declaration."""
    import pandera.pandas as pa  # noqa: PLC0415 - as above

    declared = {
        column.name: pa.Column(
            dtype=None,
            nullable=True,  # our own checks speak about missing values, in our own words
            checks=[pa.Check(test, name=says, error=says, ignore_na=False) for says, test in _tests(column)],
        )
        for column in expand(table, services, layers)
    }
    return pa.DataFrameSchema(declared, strict=False, unique_column_names=True)


Test = tuple[str, "Callable[[Series], Any]"]


def _tests(column: Column) -> list[Test]:
    """List the checks of one column, each with the sentence that is said when it fails; the type is the first."""
    tests: list[Test] = [(f"must be {_A_TYPE[column.type]}", _TYPE_TEST[column.type])]
    if column.unique:
        tests.append(("must not be missing", lambda s: ~s.isna()))
        tests.append(("must be unique", lambda s: ~s.duplicated()))
    if column.words:
        tests.append((f"must be one of {', '.join(repr(w) for w in column.words)}", lambda s: s.isin(column.words)))
    if column.type == "float":
        tests += _number_tests(column)
    elif column.type == "int":
        low, high = column.bounds
        tests += [(f"must be at least {low:g}", lambda s: s >= low)] if low is not None else []
        tests += [(f"must be at most {high:g}", lambda s: s <= high)] if high is not None else []
    if column.type == "geometry":
        tests.append(("must be in WGS 84 (EPSG:4326)", _is_wgs84))
    return tests


def _number_tests(column: Column) -> list[Test]:
    low, high = column.bounds
    tests: list[Test] = []
    if not column.may_be_missing:
        tests.append(("must not be missing (NaN)", lambda s: ~s.isna()))
    if high != INF:
        tests.append(("must be finite", lambda s: abs(s) != INF))
    # written so that NaN passes: where it may not stand, the first test has caught it
    if low is not None:
        tests.append((f"must be at least {low:g}", lambda s: ~(s < low)))
    if high is not None and high != INF:
        tests.append((f"must be at most {high:g}", lambda s: ~(s > high)))
    return tests


def _is_text(series: Series) -> bool:
    import pandas as pd  # noqa: PLC0415 - `columns` and `expand` do without

    dtype: Any = series.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return _is_text(dtype.categories.to_series())
    return pd.api.types.infer_dtype(series, skipna=True) in {"string", "empty"}


def _is_wgs84(series: Series) -> bool:
    system = getattr(series.array, "crs", None)
    return system is not None and bool(system.equals("EPSG:4326"))


def _is_kind(kinds: str) -> Callable[[Series], bool]:
    return lambda series: getattr(series.dtype, "kind", "O") in kinds


_A_TYPE = {
    "string": "text",
    "category": "text",
    "float": "floating-point numbers",
    "int": "whole numbers",
    "bool": "true or false",
    "geometry": "geometries",
}
_TYPE_TEST: dict[str, Callable[[Series], bool]] = {
    "string": _is_text,
    "category": _is_text,
    "float": _is_kind("f"),
    "int": _is_kind("iu"),
    "bool": _is_kind("b"),
    "geometry": lambda series: str(series.dtype) == "geometry",
}


def _sentence(table: str, error: Any) -> str:
    """Say which table and column, what must hold, and one value that breaks it."""
    column = error.schema.name if error.schema is not None else None
    if column is None:
        return f"table {table}: {str(error).splitlines()[0]}"
    says = getattr(error.check, "error", None) or str(error).splitlines()[0]
    if says.removeprefix("must be ") in _A_TYPE.values():
        return f"table {table}: column {column}: {says}, and is {error.data[column].dtype}"
    cases: Any = getattr(error, "failure_cases", None)
    if "index" not in getattr(cases, "columns", ()) or cases["index"].isna().all():
        return f"table {table}: column {column}: {says}"
    first = cases.iloc[0]
    row = int(first["index"]) if isinstance(first["index"], float) else first["index"]
    return f"table {table}: column {column}: {says}; {len(cases)} rows do not, the first is {row}: {first['failure_case']}"
