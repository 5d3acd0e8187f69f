"""A run's folder: written whole or not at all, and read back.

Takes: the tables and records of a run, a folder.   Gives: the files of a run; the tables again.
Never: leaves half a folder, or touches a folder that is not a run's.
"""

from __future__ import annotations

import csv
import errno
import hashlib
import json
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from circle.errors import OutputError, SourceError

GEO_TABLES = ("buildings", "facilities", "nodes", "edges", "zones", "background", "doors", "barriers", "gates", "compounds")
PLAIN_TABLES = ("links", "findings")
RECORDS = ("summary", "run")
MARK = "run.json"  # a folder that holds it is a run's, and may be replaced by a newer one
PUBLISHED = ("map.html", "report.xlsx", "circle.gpkg")
PLAN = (  # of a plan's folder, which is a run's folder too
    *(f"{name}.{kind}" for name in ("stations", "passages") for kind in ("parquet", "geojson")),
    *(f"{name}.{kind}" for name in ("curve", "zones_change") for kind in ("parquet", "csv")),
    *("plan.json", "scenario.toml"),
)
PAGES = "map"  # pages of the districts of a very large run
_TABLES, _RECORDS = (f"{name}.parquet" for name in (*GEO_TABLES, *PLAIN_TABLES)), (f"{name}.json" for name in RECORDS)
OURS = frozenset([*PLAN, *_TABLES, *_RECORDS, *PUBLISHED, PAGES])
_FULL = frozenset([errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
_FORMULA = re.compile("[\\s\ufeff\u200b-\u200d]*[=+\\-@＝＋－＠]|[\\t\\r\\n]")
SAMPLE = 4_096  # rows that tell whether a column repeats itself
LEAST_BYTES = 1_000_000  # a disk with less room left than this is full


def write_sheet(path: Path, table: pd.DataFrame) -> None:
    """Write a table as CSV for spreadsheets: UTF-8 with its mark, and an apostrophe before a text that they would take for a formula.

    Numbers stay as they are; who wants the texts as they are reads the Parquet file.
    """
    texts = [name for name in table if not pd.api.types.is_numeric_dtype(table[name]) and not pd.api.types.is_bool_dtype(table[name])]
    safe = {str(name): table[name].astype(object).map(lambda text: f"'{text}" if _FORMULA.match(str(text)) else text) for name in texts}
    table.assign(**safe).to_csv(path, index=False, encoding="utf-8-sig", lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)


def prepare(out: Path) -> None:
    """Find out before the work begins whether `out` can be written.

    Raises
    ------
    OutputError
        It is a file, holds something else than a run, or may not be written.
    """
    if out.is_symlink() and not out.exists():
        raise OutputError(f"{out} is a link that leads nowhere. Name another folder with -o.")
    if out.exists() and not out.is_dir():
        raise OutputError(f"{out} is a file, and a run needs a folder. Name another with -o.")
    if out.is_dir() and any(out.iterdir()) and not (out / MARK).is_file():
        raise OutputError(f"{out} holds other files and no run of circle; nothing there was touched. Name a new or empty folder with -o.")
    try:
        with tempfile.TemporaryDirectory(dir=_nearest(out), prefix=f".{out.name}."):
            pass
    except OSError as trouble:
        raise failed(out, trouble) from trouble


def _nearest(out: Path) -> Path:
    """The nearest folder above `out` that is there."""
    return next(parent for parent in out.absolute().parents if parent.exists())


def failed(out: Path, trouble: OSError) -> OutputError:
    """What to say when writing fails; a full disk is not the caller's fault."""
    full = trouble.errno in _FULL
    what = (
        "the disk is full; free some space and run again"
        if full
        else f"{trouble.strerror or trouble}; name a folder that you may write to with -o"
    )
    error = OutputError(f"{out} cannot be written: {what}. What was there before is untouched.")
    if full:
        error.exit_status = 1
    return error


@contextmanager
def whole(out: Path) -> Iterator[Path]:
    """A folder to write a run into; it takes the place of `out` when the block ends well, and vanishes when it does not.

    Raises
    ------
    OutputError
        The folder cannot be written; `out` is as it was.
    """
    prepare(out)
    out = out.resolve()
    missing = [parent for parent in out.parents if not parent.exists()]
    partial = None
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name}.partial-"))
        yield partial
        partial.chmod(0o755)
        _replace(out, partial)
    except SourceError:
        raise
    except Exception as trouble:  # writers wrap a full disk in errors of their own
        if _is_full(out, trouble):
            raise failed(out, OSError(errno.ENOSPC, str(trouble))) from trouble
        if isinstance(trouble, OutputError):
            error = OutputError(str(trouble).replace(str(partial), str(out)))
            error.exit_status = 1  # the folder could be written a moment ago
            raise error from trouble
        if isinstance(trouble, OSError):
            raise failed(out, trouble) from trouble
        raise
    finally:
        if partial is not None:
            shutil.rmtree(partial, ignore_errors=True)
        if not out.exists():
            _remove_empty(missing)


def _is_full(out: Path, trouble: BaseException | None) -> bool:
    """Whether trouble, or what led to it, comes from a disk without room."""
    if shutil.disk_usage(_nearest(out)).free < LEAST_BYTES:
        return True
    while trouble is not None:
        if getattr(trouble, "errno", None) in _FULL or "No space left" in str(trouble):
            return True
        trouble = trouble.__cause__ or trouble.__context__
    return False


def _remove_empty(folders: list[Path]) -> None:
    """Take back the folders that were made for a run that was not finished."""
    for folder in folders:
        try:
            folder.rmdir()
        except OSError:
            return


def _replace(out: Path, partial: Path) -> None:
    """Swap folders; should the second move fail, the first is undone. What others put beside the older run's files comes along."""
    if not out.exists():
        partial.rename(out)
        return
    old = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name}.old-"))
    old.rmdir()
    out.rename(old)
    try:
        partial.rename(out)
    except OSError:
        old.rename(out)
        raise
    for entry in old.iterdir():
        if entry.name not in OURS and not entry.name.startswith(f"{PUBLISHED[-1]}-"):  # SQLite leaves `circle.gpkg-wal` and the like
            entry.rename(out / entry.name)
    shutil.rmtree(old, ignore_errors=True)


def write_tables(folder: Path, tables: Mapping[str, pd.DataFrame]) -> None:
    """Write tables as (Geo)Parquet, two at a time: packing one leaves a core free for the next."""
    heavy_first = sorted(tables.items(), key=lambda item: -len(item[1]))
    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(write_table, folder / f"{name}.parquet", frame) for name, frame in heavy_first]:
            done.result()


def write_table(path: Path, frame: pd.DataFrame) -> None:
    """Write one table as Parquet, as GeoParquet where it has shapes. Only words and numbers that repeat are kept by their codes."""
    bare = [column for column, dtype in frame.dtypes.items() if isinstance(dtype, pd.CategoricalDtype) and not len(dtype.categories)]
    if bare:
        frame = frame.astype(dict.fromkeys(bare, "str"))  # without one category Arrow would not know that it is text
    told = [str(name) for name, dtype in frame.dtypes.items() if dtype != "geometry"]  # nobody looks for the least of all shapes
    coded = True if len(frame) <= SAMPLE else [name for name in told if _repeats(frame[name])]
    packing: dict[str, Any] = {"compression": "zstd", "compression_level": 1, "use_dictionary": coded, "write_statistics": told}
    if isinstance(frame, gpd.GeoDataFrame):
        frame.to_parquet(path, index=False, schema_version="1.1.0", **packing)
    else:
        pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), path, **packing)


def _repeats(column: pd.Series[Any]) -> bool:
    """Whether a column says the same again and again, by its first rows."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        return True
    first = column.iloc[:SAMPLE]
    return first.nunique() < len(first) / 2


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of every table in a folder, by name: whoever verifies a run sees whether one was changed later."""
    paths = {name: folder / f"{name}.parquet" for name in (*GEO_TABLES, *PLAIN_TABLES)}
    return {name: _sha256(path) for name, path in paths.items() if path.is_file()}


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write_record(folder: Path, name: str, record: Mapping[str, Any]) -> None:
    """Write a record as JSON that people can read too. Infinity and NaN are refused: JSON has neither."""
    text = json.dumps(record, ensure_ascii=False, indent=1, allow_nan=False)
    (folder / f"{name}.json").write_text(text + "\n", encoding="utf-8")


def read_table(folder: Path, name: str) -> pd.DataFrame:
    """One table of a saved run.

    Raises
    ------
    SourceError
        The folder holds no such table, or it cannot be read.
    """
    path = folder / f"{name}.parquet"
    _must_be_run(folder)
    reader: Callable[..., pd.DataFrame] = gpd.read_parquet if name in GEO_TABLES else pd.read_parquet
    try:
        return reader(path)
    except (OSError, ValueError, pa.ArrowException) as trouble:
        raise SourceError(f"{path} cannot be read ({str(trouble).splitlines()[0]}). Make the run again with `circle run`.") from trouble


def read_record(folder: Path, name: str) -> dict[str, Any]:
    """`summary.json` or `run.json` of a saved run.

    Raises
    ------
    SourceError
        The folder is not a run's, or the record is damaged.
    """
    _must_be_run(folder)
    path = folder / f"{name}.json"
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as trouble:
        raise SourceError(f"{path} cannot be read ({trouble}). Make the run again with `circle run`.") from trouble
    if not isinstance(record, dict):
        raise SourceError(f"{path} is not a record of circle. Make the run again with `circle run`.")
    return record


def _must_be_run(folder: Path) -> None:
    if not (folder / MARK).is_file():
        raise SourceError(f"{folder} is not a run: it holds no {MARK}. Name the folder that `circle run … -o` wrote.")
