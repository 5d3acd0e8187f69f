"""Targets: files that a command is told to write, looked at before anything is computed.

Takes: a path, the endings of what is written, the files that are read.   Gives: nothing, or one sentence.
Never: lets what the user gave be lost under what the program writes; its own former output it may replace.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from circle.errors import OutputError


def refuse_ending(target: Path, option: str, endings: Mapping[str, str]) -> None:
    """Refuse a file whose ending says that it is something else than what will be written.

    >>> refuse_ending(Path("plan.PDF"), "--out", {".pdf": "sheet"})

    Raises
    ------
    OutputError   names the endings that will do
    """
    if target.suffix.lower() not in endings:
        told = " or ".join(f"{ending} ({what})" for ending, what in endings.items())
        raise OutputError(f"{option} {target} must end in {told}.")


def refuse_files(target: Path, option: str, read: Iterable[str | Path]) -> None:
    """Refuse one of the files that are read; `FILE:layer` names the file.

    Raises
    ------
    OutputError   the file is read, and would be lost
    """
    for each in map(str, read):
        for one in (Path(each), Path(each.rpartition(":")[0])):
            if one.is_file() and target.is_file() and target.samefile(one):
                raise _lost(target, option)


def refuse_inputs(target: Path, option: str, run: Path) -> None:
    """Refuse a file that a saved run was made from: of the same content, wherever it lies.

    Raises
    ------
    OutputError   the file is one of them, and would be lost
    """
    if not target.is_file():
        return
    from circle import sources
    from circle.folder import read_record

    record = read_record(run, "run")
    try:
        if sources.digest(target) in {given.get("sha256") for given in record.get("inputs", [])}:
            raise _lost(target, option)
    except PermissionError as trouble:
        raise OutputError(f"{option} {target} cannot be read, so nothing is written over it. Name another file.") from trouble


def refuse_other_walks(target: Path, option: str) -> None:
    """Refuse a GeoJSON file that holds anything but walks that were written before.

    Raises
    ------
    OutputError   the file holds something else, and would be lost
    """
    if not target.is_file() or not target.stat().st_size:
        return
    try:
        held: Any = json.loads(target.read_text(encoding="utf-8"))
        walks = all({"what", "service"} <= set(each["properties"]) for each in held["features"])
    except (OSError, ValueError, KeyError, TypeError):
        walks = False
    if not walks:
        raise OutputError(f"{option} {target} is there and holds no walks of `circle explain`; it would be lost. Name another file.")


def _lost(target: Path, option: str) -> OutputError:
    return OutputError(f"{option} {target} is a file that is read, and would be lost. Name another file.")
