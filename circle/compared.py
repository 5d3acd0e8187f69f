"""A comparison's folder: two saved runs in, tables, page and workbook out, whole or not at all.

Takes: the folders of two runs, a folder.
Gives: `compare.parquet`, `compare_zones.parquet`, `compare.json`, `compare.html`, `compare.xlsx`.
Never: touches a folder that holds anything else.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pandas as pd

from circle import folder, schema
from circle.clock import Say
from circle.compare import Comparison, Side, compare
from circle.errors import OutputError

MARK = "compare.json"
FILES = ("compare.parquet", "compare_zones.parquet", MARK, "compare.html", "compare.xlsx")


def write(before: str | Path, after: str | Path, out: str | Path, *, say: Say | None = None) -> Comparison:
    """Compare two saved runs and write the answer.

    Raises
    ------
    SourceError
        One of the folders is not that of a finished run.
    RuleError
        The two cannot be compared.
    OutputError
        `out` holds other files, or cannot be written.
    """
    from circle.publish import comparison as published  # noqa: PLC0415 - Folium takes half a second to import

    first, second, target = Path(before), Path(after), Path(out)
    if target.exists() and not (target.is_dir() and {each.name for each in target.iterdir()} <= set(FILES)):
        raise OutputError(f"{target} holds other files; nothing there was touched. Name a new or empty folder with -o.")
    found = compare(_side(first), _side(second))
    schema.check(found.buildings, "compare", found.services)
    schema.check(found.zones, "compare_zones")
    if say is not None:
        say("page", None)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.") as place:
            part = Path(place)
            folder.write_tables(part, {"compare": found.buildings, "compare_zones": found.zones})
            folder.write_record(part, MARK.removesuffix(".json"), found.summary)
            published.write(part, first, second, found.summary, {"compare": pd.DataFrame(found.changed()), "compare_zones": found.zones})
            target.mkdir(exist_ok=True)
            for name in FILES:
                shutil.move(part / name, target / name)
    except OSError as trouble:
        if isinstance(trouble, OutputError):
            raise
        raise folder.failed(target, trouble) from trouble
    return found


def _side(place: Path) -> Side:
    record = folder.read_record(place, "run")
    buildings, zones = (folder.read_table(place, name) for name in ("buildings", "zones"))
    return Side(place.name, record, buildings, zones)
