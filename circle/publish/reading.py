"""The files of a saved run, read for drawing.

Takes: a run folder.   Gives: its records as dictionaries, its tables as Arrow, and columns of them as arrays of numbers.
Never: reads a column that nobody asked for, or lets a damaged folder pass: each fault is one sentence that names the file.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import shapely
from numpy.typing import NDArray

from circle.errors import SchemaError, SourceError
from circle.publish.shapes import Shapes

REPEATED = ("facility_", "use", "compound", "zone_", "class", "service", "name", "layer")

GIVE = "Give the folder that `circle run … -o` wrote."
AGAIN = "Run `circle run` again with this version."
ANEW = "Run `circle run` again to write it anew."

Ints = NDArray[np.int64]


def record(folder: Path, name: str) -> dict[str, Any]:
    """`run.json` or `summary.json`.

    Raises
    ------
    SourceError   it is not there, or cannot be read
    """
    path = folder / name
    try:
        read = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise unfinished(path) from None
    except (OSError, ValueError) as error:
        raise SourceError(f"{path}: cannot be read ({error}). {ANEW}") from None
    if not isinstance(read, dict):
        raise SourceError(f"{path}: holds no table of keys, so it is not the record of a run. {ANEW}")
    return read


def unfinished(path: Path) -> SourceError:
    """What to say where a file of a run is missing."""
    return SourceError(f"{path.parent}: holds no {path.name}, so it is not a finished run. {GIVE}")


def damaged(path: Path, error: Exception) -> SourceError:
    """What to say of a table that cannot be read."""
    return SourceError(f"{path}: not a readable table ({error}). {ANEW}")


def read_table(folder: Path, name: str, columns: list[str], prefix: str | tuple[str, ...] = ()) -> pa.Table:
    """Read columns of one table; those that begin with `prefix`, or with one of several, as well.

    Raises
    ------
    SourceError   there is no such table, or it cannot be read
    SchemaError   it lacks a column
    """
    path = folder / name
    try:
        there = pq.read_schema(path).names
        missing = [column for column in columns if column not in there]
        if missing:
            raise SchemaError(f"{path}: column {missing[0]!r} is missing; the page needs {', '.join(missing)}. {AGAIN}")
        extra = [column for column in there if column.startswith(prefix) and column not in columns]
        every = [*columns, *extra]
        # texts that repeat are read as numbers into a list, six times faster than one by one
        repeated = [column for column in every if column.startswith(REPEATED)]
        # by its file: `read_table` first imports what reads folders of files
        with pq.ParquetFile(path, read_dictionary=repeated) as file:
            return file.read(columns=every, use_threads=False)
    except FileNotFoundError:
        raise unfinished(path) from None
    except (OSError, pa.ArrowInvalid) as error:
        raise damaged(path, error) from None


def geometries(table: pa.Table) -> NDArray[Any]:
    """Give the column `geometry` as Shapely geometries; `None` stays `None`."""
    return np.asarray(shapely.from_wkb(table["geometry"].to_numpy()), dtype=object)


def shapes(table: pa.Table) -> Shapes:
    """Give the column `geometry` as flat arrays."""
    return Shapes.read(table["geometry"])


def codes(column: pa.ChunkedArray) -> tuple[Ints, list[str]]:
    """Give each row's number in the list of distinct values, -1 where missing or empty; and the list.

    >>> rows, values = codes(pa.chunked_array([["b", "", None, "b"]]))
    >>> rows.tolist(), values
    ([0, -1, -1, 0], ['b'])
    """
    if not pa.types.is_dictionary(column.type):
        column = pc.dictionary_encode(column)
    one = whole(column.unify_dictionaries())
    rows = np.asarray(pc.fill_null(pc.cast(one.indices, pa.int64()), -1))
    values = [str(v) if v is not None else "" for v in one.dictionary.to_pylist()]
    # numbered anew by what occurs: a category that no row has would otherwise go along
    occurs = np.bincount(rows + 1, minlength=len(values) + 1)[1:] > 0
    kept = [k for k in np.flatnonzero(occurs).tolist() if values[k]]
    renumber = np.full(len(values) + 1, -1, dtype=np.int64)
    renumber[kept] = np.arange(len(kept))
    return renumber[rows], [values[k] for k in kept]


def into(column: pa.ChunkedArray, allowed: tuple[str, ...], name: str) -> Ints:
    """Give each row's place in `allowed`; the first where missing.

    Raises
    ------
    SchemaError   the column holds something else
    """
    rows, values = codes(column)
    strange = [v for v in values if v not in allowed]
    if strange:
        raise SchemaError(f"buildings.parquet: column {name!r} holds {strange[0]!r}; allowed are {', '.join(allowed)}.")
    places = np.array([*(allowed.index(v) for v in values), 0], dtype=np.int64)
    return places[rows]


def numbers(column: pa.ChunkedArray, missing: float = 0.0) -> NDArray[np.float64]:
    """Give a column as floats, `missing` where there is none or NaN."""
    given = np.asarray(pc.fill_null(pc.cast(column, pa.float64()), missing).to_numpy(), dtype=np.float64)
    return np.where(np.isnan(given), missing, given)


def flags(column: pa.ChunkedArray) -> Ints:
    """Give a column of truth values as 0 and 1; missing is 0."""
    return np.asarray(pc.fill_null(column, False).to_numpy()).astype(np.int64)  # noqa: FBT003 - pyarrow's own signature


def strings(column: pa.ChunkedArray, rows: NDArray[np.intp] | None = None) -> pa.Array:
    """Give a column as one array of text, or some rows of it."""
    one = whole(pc.cast(column, pa.string()))
    return one if rows is None else pc.take(one, pa.array(rows))


def whole(column: pa.ChunkedArray) -> pa.Array:
    """Give a column in one piece."""
    one = column.combine_chunks()
    if not isinstance(one, pa.ChunkedArray):
        return one
    return one.chunk(0) if one.num_chunks else pa.array([], type=column.type)


def among(column: pa.ChunkedArray, values: pa.Array) -> Ints:
    """Give each row's place in a list of texts, -1 where it is not there. Where texts are a list already, only the list is looked up.

    >>> among(pa.chunked_array([["b", "c", None]]), pa.array(["a", "b"])).tolist()
    [1, -1, -1]
    """
    found: list[Ints] = []
    listed, places = None, np.zeros(0, dtype=np.int64)
    for chunk in column.chunks:
        if not pa.types.is_dictionary(chunk.type):
            found.append(_places(chunk, values))
            continue
        if listed is None or not chunk.dictionary.equals(listed):  # pieces of a column mostly share their list
            listed, places = chunk.dictionary, np.append(_places(chunk.dictionary, values), -1)
        found.append(places[np.asarray(pc.fill_null(pc.cast(chunk.indices, pa.int64()), -1))])
    return np.concatenate([np.zeros(0, dtype=np.int64), *found])


def _places(texts: pa.Array, values: pa.Array) -> Ints:
    return np.asarray(pc.fill_null(pc.index_in(pc.cast(texts, pa.string()), value_set=values, skip_nulls=True), -1)).astype(np.int64)
