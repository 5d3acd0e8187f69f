"""A saved run, as the workbook and the map layers read it.

Takes: the folder of a run.   Gives: its tables, its record and its standard.
Never: computes a minute or a verdict; a run is drawn as it was saved.
"""

from __future__ import annotations

import contextlib
import errno
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from circle import schema
from circle.errors import OutputError, SourceError
from circle.publish import reading
from circle.publish.wording import both, clean, head
from circle.standards import Standard

Texts = NDArray[np.object_]

SUFFIX = re.compile(r"(\.osm)?\.(pbf|osm|gz|bz2|xml|gpkg)$", re.IGNORECASE)
_FULL_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Saved:
    """A run folder, its two JSON files and its standard."""

    folder: Path
    record: dict[str, Any]
    summary: dict[str, Any]
    standard: Standard

    @property
    def services(self) -> list[str]:
        """Services of the standard, in its order."""
        return [limit.service for limit in self.standard.services]

    @property
    def place(self) -> str:
        """Name of the place, or else of the map that it was read from, without its suffix."""
        file = next((str(item.get("file", "")) for item in self.record.get("inputs", [])), "")
        return clean(str(self.record.get("place") or SUFFIX.sub("", file)))

    @property
    def labels(self) -> dict[str, str]:
        """Chinese and English name of each service."""
        return {limit.service: both(limit.label) for limit in self.standard.services}

    @property
    def data_date(self) -> str | None:
        """The oldest date of the inputs (`2025-06-01`), or None where none gives one: a result is as old as its oldest part."""
        return min((str(item["data_date"]) for item in self.record.get("inputs", []) if item.get("data_date")), default=None)

    @property
    def attribution(self) -> str:
        """Whose data these are, and under which licence; invented data are called so wherever this stands."""
        said = clean(str(self.record.get("attribution", "")))
        return f"{head('synthetic')} · {said}" if self.synthetic else said

    @property
    def synthetic(self) -> bool:
        """Whether any input says that it is invented."""
        return any(bool(item.get("synthetic")) for item in self.record.get("inputs", []))

    def has(self, name: str) -> bool:
        """Whether the run saved this table; older runs saved fewer."""
        return (self.folder / f"{name}.parquet").is_file()

    def columns(self, name: str) -> list[str]:
        """Columns of a saved table, geometry included.

        Raises
        ------
        SourceError   the table is missing or is no Parquet file
        """
        path = self._path(name)
        try:
            return list(pq.read_schema(path).names)
        except (OSError, ValueError) as error:
            raise reading.damaged(path, error) from error

    def table(self, name: str, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """Read a saved table without its geometry, whole or the named columns of it that exist.

        Raises
        ------
        SourceError   the table is missing or is no Parquet file
        """
        kept = [c for c in self.columns(name) if c != "geometry" and (columns is None or c in columns)]
        path = self._path(name)
        try:
            return pd.read_parquet(path, columns=kept)
        except (OSError, ValueError) as error:
            raise reading.damaged(path, error) from error

    def arrow(self, name: str, columns: Sequence[str]) -> pa.Table:
        """Read the named columns of a saved table that exist, as Arrow.

        Raises
        ------
        SourceError   the table is missing or is no Parquet file
        """
        there = self.columns(name)
        return reading.read_table(self.folder, f"{name}.parquet", [column for column in columns if column in there])

    def map(self, name: str) -> gpd.GeoDataFrame:
        """Read a saved table with its geometry in WGS 84.

        Raises
        ------
        SourceError   the table is missing or holds no geometry
        """
        path = self._path(name)
        try:
            return gpd.read_parquet(path)
        except (OSError, ValueError) as error:
            raise reading.damaged(path, error) from error

    def zone_layers(self) -> list[str]:
        """Zone layers that have a column in the buildings, in the order of the columns."""
        return schema.zone_layers(self.columns("buildings"))

    def zones(self) -> gpd.GeoDataFrame:
        """One row per zone: its counts over all services, and `met`, `gap`, `unmapped` and both shares for each service (`gap_shop`, …)."""
        long = self.map("zones")
        keys = ["layer", "zone"]
        # as plain text: a category that no zone uses must not become a zone
        long[keys] = long[keys].astype("str")
        heads = long.drop_duplicates(keys)[[*keys, "name", "buildings", "households", "geometry"]].set_index(keys)
        values = ["met", "gap", "unmapped", "share_buildings_met", "share_households_met"]
        long["service"] = long["service"].astype("str")
        wide = long.pivot_table(index=keys, columns="service", values=values, dropna=False, aggfunc="first")
        wide = wide.reindex(heads.index)
        for service in ("all", *self.services):
            for value in values:
                key = (value, service)
                heads[f"{value}_{service}"] = wide[key] if key in wide.columns else np.nan
        return gpd.GeoDataFrame(heads.reset_index(), geometry="geometry", crs=long.crs)

    def _path(self, name: str) -> Path:
        path = self.folder / f"{name}.parquet"
        if not path.is_file():
            raise reading.unfinished(path)
        return path


def open_run(folder: Path) -> Saved:
    """Open the folder that a run wrote.

    Raises
    ------
    SourceError   there is no finished run in the folder, or one of its files cannot be read; says which
    RuleError     the standard in its record is impossible
    """
    if not folder.is_dir():
        raise SourceError(f"{folder}: no such folder; name the folder that `circle run` wrote")
    record, summary = reading.record(folder, "run.json"), reading.record(folder, "summary.json")
    if not isinstance(record.get("standard"), dict):
        raise SourceError(f"{folder / 'run.json'}: names no standard, so it is not the record of a run; run `circle run` again")
    return Saved(folder, record, summary, Standard.from_dict(record["standard"]))


def texts(column: pd.Series[Any]) -> Texts:
    """Give cleaned strings of a column; missing values become empty. Each distinct value is cleaned once."""
    codes, values = pd.factorize(column)
    cleaned = np.array([*(clean(str(v)) for v in values), ""], dtype=object)
    return cleaned[codes]


@contextlib.contextmanager
def whole_or_not_at_all(out: Path) -> Iterator[Path]:
    """Give a path beside `out` to write to; it takes the name of `out` when all is written, and is removed when not.

    Raises
    ------
    OutputError   the folder is missing or not writable, or the disk is full (then `exit_status` is 1)
    """
    part = out.with_name(f".{out.stem}.part{out.suffix}")
    try:
        part.unlink(missing_ok=True)
        yield part
        part.replace(out)
    except OSError as error:
        if isinstance(error, (SourceError, OutputError)):
            raise
        raise output_error(out, error) from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


def output_error(out: Path, error: Exception) -> OutputError:
    """Name a failed write in one sentence. `exit_status` is 1 when the disk is full, whichever library met it first."""
    full = getattr(error, "errno", None) == errno.ENOSPC
    with contextlib.suppress(OSError):  # the folder may be what is missing
        # GDAL reports a full disk as whatever failed next; what was written is still there when this is asked
        full = full or shutil.disk_usage(out.parent).free < _FULL_BYTES
    reason = "the disk is full" if full else str(error).partition("\n")[0][:200]
    failed = OutputError(f"{out}: cannot be written ({reason}); free the disk, or name a folder that you may write to")
    if full:
        failed.exit_status = 1
    return failed
