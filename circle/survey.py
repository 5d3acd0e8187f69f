"""What lies in a folder: a study file from the files that a planner has put together.

Takes: a folder.   Gives: `Survey`: the source, a guess for each file, what could not be told; and a `study.toml` from it.
Never: reads more of a table than its headers, decides on a coordinate system, or writes over a study file that is there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from circle import folder as folders
from circle import standards, study_file
from circle.errors import CircleError, OutputError, SourceError
from circle.options import Options, told
from circle.rules.loading import RULES, Reader, read_toml
from circle.sources import glimpse, snapshot

OSM = (".osm.pbf", ".osm", ".osm.gz", ".osm.bz2", ".pbf")
TABLES = (".csv", ".xlsx", ".parquet", ".geoparquet")
VECTORS = (".gpkg", ".shp", ".geojson")
RASTERS = (".tif", ".tiff")
MOST_FILES = 500
ABSENT = "place.gpkg"


@dataclass(frozen=True, slots=True)
class Lying:
    """One file, or one layer of it: how an option names it, the headers of its columns, what its shapes are (`polygon`, `point`, …)."""

    path: Path
    spec: str
    kind: str
    columns: tuple[str, ...] = ()
    shape: str = ""


@dataclass(slots=True)
class Survey:
    """What was understood: `source`, the files of each option, `notes` above a key, and files that `circle` can make nothing of."""

    folder: Path
    source: Path | None = None
    standard: Path | None = None
    found: dict[str, list[str]] = field(default_factory=dict)
    notes: dict[str, list[str]] = field(default_factory=dict)
    unclear: list[str] = field(default_factory=list)

    def note(self, key: str, zh: str, en: str) -> None:
        """Put a remark above a key."""
        self.notes.setdefault(key, []).append(f"{en}  {zh}")


def look(place: str | Path) -> Survey:
    """Look at the files of a folder and of the folders in it.

    Raises
    ------
    SourceError
        There is no such folder, or it holds too many files to be a study's.
    """
    folder = Path(place)
    if not folder.is_dir():
        raise SourceError(f"{folder} is no folder. Name the one where your data lie.")
    survey = Survey(folder)
    files = sorted(_files(folder))
    if len(files) > MOST_FILES:
        raise SourceError(f"{folder} holds more than {MOST_FILES} files. Put the data of one study into a folder of their own.")
    lying = [one for file in files for one in _described(file, folder)]
    _choose_source(survey, [one for one in lying if one.kind in {"osm", "snapshot"}])
    for one in lying:
        if one.kind == "standard" and survey.standard is None:
            survey.standard = one.path
        elif one.kind not in {"osm", "snapshot"}:
            _place(survey, one)
    return survey


def _files(folder: Path) -> Iterator[Path]:
    """Files of the folder, and of folders in it that are no run's."""
    for entry in folder.iterdir():
        if entry.name.startswith((".", "~$")):
            continue
        if entry.is_file():
            yield entry
        elif entry.is_dir() and not (entry / folders.MARK).exists():
            yield from (each for each in entry.iterdir() if each.is_file() and not each.name.startswith((".", "~$")))


def _described(path: Path, folder: Path) -> list[Lying]:
    """What a file is; nothing for one that no option could take."""
    name = path.name.lower()
    spec = path.relative_to(folder).as_posix()
    if name.endswith(OSM):
        return [Lying(path, spec, "osm")]
    if name.endswith(RASTERS):
        return [Lying(path, spec, "raster")]
    if name.endswith(VECTORS):
        if snapshot.is_snapshot(path):
            return [Lying(path, spec, "snapshot")]
        layers = glimpse.layers(path)
        return [Lying(path, f"{spec}:{one.name}" if len(layers) > 1 else spec, "layer", one.columns, one.shape) for one in layers]
    if name.endswith(TABLES):
        return [Lying(path, spec, "table", glimpse.headers(path))]
    standard = name.endswith(".toml") and name != study_file.NAME and _is_standard(path)
    return [Lying(path, spec, "standard")] if standard else []


def _is_standard(path: Path) -> bool:
    try:
        standards.load(str(path))
    except CircleError:
        return False
    return True


# --- what a file is for


@dataclass(frozen=True, slots=True)
class _Guess:
    option: str
    name: re.Pattern[str] | None
    columns: re.Pattern[str] | None
    shape: str
    once: bool

    def fits(self, one: Lying) -> bool:
        if self.shape and one.shape != self.shape:
            return False
        stem = one.path.name.partition(".")[0] + one.spec.partition(":")[2]
        if self.name is not None:
            return bool(self.name.search(stem))
        return self.columns is not None and any(self.columns.search(column) for column in one.columns)


@lru_cache(maxsize=1)
def _rules() -> tuple[tuple[_Guess, ...], tuple[_Guess, ...], tuple[tuple[re.Pattern[str], str], ...]]:
    root = read_toml(RULES / "init.toml")
    systems = []
    for reader in root.tables("system"):
        pattern = reader.pattern("name")
        systems.append((pattern or re.compile("$^"), reader.text("says")))
        reader.done()
    found = tuple(map(_guess, root.tables("guess"))), tuple(map(_guess, root.tables("raster"))), tuple(systems)
    root.done()
    return found


def _guess(reader: Reader) -> _Guess:
    made = _Guess(
        reader.text("option"),
        reader.pattern("name"),
        reader.pattern("columns"),
        reader.text("shape", ""),
        reader.flag("once", default=False),
    )
    reader.done()
    return made


def _place(survey: Survey, one: Lying) -> None:
    """Find the option that a file is for; without one it is listed as unclear."""
    guesses, rasters, systems = _rules()
    known = {name: kind for name, kind, how in told() if how.in_file}
    fitting = [guess.option for guess in (rasters if one.kind == "raster" else guesses) if guess.fits(one) and guess.option in known]
    if not fitting:
        survey.unclear.append(one.spec)
        return
    option = fitting[0]
    several = known[option] == tuple[str, ...]
    mine = survey.found.setdefault(option, [])
    if mine and not several:
        survey.note(option, f"也可能是 {one.spec}", f"or is it {one.spec}?")
        return
    mine.append(one.spec)
    for pattern, system in systems:
        if "crs" in known and pattern.search(one.path.name):
            survey.note(
                "crs", f"{one.spec} 的坐标可能是 {system}", f'{one.spec} may be in {system}; say it: crs = ["{one.path.name}={system}"]'
            )


def _choose_source(survey: Survey, sources: list[Lying]) -> None:
    """The newest snapshot, else the largest file."""
    if not sources:
        survey.note("source", "此处没有地图数据", f"no map here yet: circle fetch 'PLACE, CITY' -o {ABSENT}")
        return
    best = max(sources, key=lambda one: (one.kind == "snapshot", one.path.stat().st_size, one.spec))
    survey.source = best.path
    for other in sources:
        if other is not best:
            survey.note("source", f"也可用 {other.spec}", f"or {other.spec}")


# --- written


def write(place: str | Path, *, force: bool = False) -> tuple[Path, Survey]:
    """Write the study file of a folder, and give it with what was understood.

    Raises
    ------
    SourceError
        There is no such folder.
    OutputError
        A study file is there already and `force` was not given, or it cannot be written.
    """
    survey = look(place)
    target = survey.folder / study_file.NAME
    if target.exists() and not force:
        raise OutputError(f"{target} is there already; nothing was touched. Say --force to write it anew.")
    text = text_of(survey)
    part = target.with_name(f".{target.name}.part")
    try:
        part.write_text(text, encoding="utf-8")
        part.replace(target)
    except OSError as trouble:
        raise folders.failed(target, trouble) from trouble
    finally:
        part.unlink(missing_ok=True)
    return target, survey


def text_of(survey: Survey) -> str:
    """The study file that a survey leads to."""
    folder = survey.folder
    values: dict[str, Any] = {}
    for name, kind, _ in told():
        files = survey.found.get(name)
        if files:
            values[name] = tuple(str(folder / each) for each in files) if kind == tuple[str, ...] else _one(kind, folder / files[0])
    if survey.standard is not None:
        values["standard"] = str(survey.standard)
    options = replace(Options(), **values)
    notes = {key: "\n".join(lines) for key, lines in survey.notes.items()}
    text = study_file.text(survey.source or folder / ABSENT, options, folder, notes=notes)
    if survey.unclear:
        lines = "".join(f"#   {_plain(each)}\n" for each in survey.unclear)
        text += f"\n# Not understood; give each its place above, or leave it out. 未能识别的文件：\n{lines}"
    return text


def _one(kind: Any, path: Path) -> Any:
    return path if "Path" in str(kind) else str(path)


def _plain(name: str) -> str:
    """A file's name on one line of a comment."""
    return "".join(letter if letter.isprintable() else "�" for letter in name)
