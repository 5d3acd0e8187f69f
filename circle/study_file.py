"""The study file: what a run is told, in one TOML file that a planner keeps with his data.

Takes: a `study.toml`, or a source and `Options`.   Gives: the other one.
Never: knows what an option does, or lets a wrong key pass: the file has exactly the options of the command line (`circle/options.py`).

A path in the file is relative to the file, so that the folder can be moved as a whole. On the command line, what is said goes before what
the file says.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args

from circle.errors import RuleError
from circle.options import Options, Told, told
from circle.rules.loading import Reader, read_toml

SUFFIX = ".toml"
NAME = "study.toml"
SOURCE = "source"
SOURCE_HELP = "OpenStreetMap file, or a snapshot of `circle fetch`. OSM 数据文件或快照"
HEADER = (
    "# A study of circle: `circle run {name}`. Paths are relative to this file. What is said on the command line goes before this file.\n"
    "# 研究文件：用 `circle run {name}` 运行。路径相对于本文件；命令行中的选项优先于本文件。\n"
)


@dataclass(frozen=True, slots=True)
class StudyFile:
    """A study file as read: the source, and all options (those not said have their defaults)."""

    source: Path
    options: Options


def is_study(path: Path) -> bool:
    """Whether a name on the command line is that of a study file.

    >>> is_study(Path("study.toml")), is_study(Path("place.osm.pbf"))
    (True, False)
    """
    return path.suffix.lower() == SUFFIX


def read(path: str | Path) -> StudyFile:
    """Read a study file.

    Raises
    ------
    RuleError
        The file is missing or no TOML, lacks a source, or has a key or value that no option has; the message names file, key and value.
    """
    path = Path(path)
    reader = read_toml(path)
    folder = path.parent
    source = folder / reader.text(SOURCE)
    said = {}
    for name, kind, how in told():
        if how.in_file and name in reader:
            said[name] = _value(reader, name, kind, how, folder)
        elif name in reader.table:
            reader.get(name)
            reader.refuse(name, f"belongs to one call of the program; say --{name.replace('_', '-')} on the command line")
    reader.done()
    return StudyFile(source, replace(Options(), **said))


def over(file: Options, spoken: Options, said: Collection[str]) -> Options:
    """The options of a file under those that were said on the command line (`said`: their names)."""
    return replace(file, **{name: getattr(spoken, name) for name in said})


def text(source: str | Path, options: Options, folder: Path, *, name: str = NAME, notes: Mapping[str, str] | None = None) -> str:
    """A study file with these settings, commented in both languages; options with their default stand there as comments.

    Parameters
    ----------
    folder
        Where the file will lie: paths are written relative to it where they lie in it.
    notes
        A remark above the key of that name.
    """
    remarks = notes or {}
    blocks = [HEADER.format(name=name), _entry(SOURCE, SOURCE_HELP, _toml(_relative(folder, str(source))), remarks, set_=True)]
    for option, kind, how in told():
        if not how.in_file:
            continue
        value = getattr(options, option)
        set_ = value != getattr(Options(), option)
        shown = _shown(value, how, folder) if value is not None else _example(kind)
        blocks.append(_entry(option, how.help, shown, remarks, set_=set_))
    return "\n".join(blocks)


def _entry(key: str, help_: str, shown: str, notes: Mapping[str, str], *, set_: bool) -> str:
    note = "".join(f"# {line}\n" for line in notes.get(key, "").splitlines())
    return f"# {help_}\n{note}{'' if set_ else '# '}{key} = {shown}\n"


def _shown(value: Any, how: Told, folder: Path) -> str:
    if isinstance(value, tuple):
        return "[" + ", ".join(_toml(_relative(folder, each) if how.file and _is_path(each) else each) for each in value) + "]"
    if isinstance(value, Path) or (how.file and isinstance(value, str) and _is_path(value)):
        return _toml(_relative(folder, str(value)))
    return _toml(value)


def _example(kind: Any) -> str:
    kinds = get_args(kind) or (kind,)
    return "0" if int in kinds or float in kinds else '""'


def _toml(value: Any) -> str:
    """One value as TOML writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    quoted = json.dumps(str(value), ensure_ascii=False)  # TOML's basic strings are JSON's, but for one letter
    return quoted.replace("\x7f", "\\u007f")


def _relative(folder: Path, written: str) -> str:
    """A path as the file writes it: relative to its folder where it lies in it."""
    try:
        return Path(written).resolve().relative_to(folder.resolve()).as_posix()
    except (OSError, ValueError):
        return str(Path(os.path.abspath(written)))  # noqa: PTH100 - links stay as they were written


def _below(folder: Path, written: str, *, file: bool) -> str:
    """A path of the file, seen from where the program runs."""
    return str(folder / written) if file and _is_path(written) else written


def _is_path(written: str) -> bool:
    """Whether a text names a file and not one of our own: a suffix, a folder, or something that is there.

    >>> [_is_path(text) for text in ("five-minute", "own.toml", "data/ledger", "ledger.xlsx:楼栋")]
    [False, True, True, True]
    """
    return bool(re.search(r"[\\/]|\.\w{2,8}(:[^:\\/]*)?$", written))


def _value(reader: Reader, name: str, kind: Any, how: Told, folder: Path) -> Any:
    """The value of one key, checked against the kind of the option."""
    kinds = [each for each in get_args(kind) if each is not type(None)] if type(None) in get_args(kind) else [kind]
    (wanted,) = kinds
    if wanted is bool:
        return reader.flag(name, default=False)
    if wanted is Path:
        return folder / reader.text(name) if _one_line(reader, name) else None
    if wanted is str:
        return _below(folder, reader.text(name), file=how.file) if _one_line(reader, name) else None
    if wanted in {int, float}:
        return _number(reader, name, wanted)
    if wanted == tuple[str, ...]:
        words = reader.words(name)
        if not all(word.strip() and word.isprintable() for word in words):
            reader.refuse(name, "must be a list of texts, none of them empty")
        return tuple(_below(folder, word, file=how.file) for word in words)
    raise RuleError(f"options.py: {name}: a study file cannot say a {kind}")  # a new kind of option, forgotten here


def _one_line(reader: Reader, name: str) -> bool:
    if not reader.text(name).isprintable():
        reader.refuse(name, "must be a text on one line")
    return True


def _number(reader: Reader, name: str, wanted: type) -> int | float:
    value = reader.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        reader.refuse(name, "must be a number, without quotes")
    if wanted is int and value != int(value):
        reader.refuse(name, "must be a whole number")
    return wanted(value)  # type: ignore[no-any-return]
