"""Reading with both cores: the streets of a large file in a process of their own, beside everything else.

Takes: a large OSM file.   Gives: the same `Extract` as one reading.
Never: changes what is read. Small files, and files that need mending, are read in one go.

Reading is bound to one core by the interpreter, and half of a large file's reading is its streets. The second process is the same
interpreter running this module; it hands its part over in a temporary file, so it needs no guard in the script that calls `circle`.
"""

from __future__ import annotations

import gc
import os
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Collection
from pathlib import Path

from circle.sources import drawings, osm

LARGE = 8_000_000  # bytes of PBF from which a second process saves more than its start costs
STREETS = ("combos", "walk_id", "walk_combo", "walk_name", "walk_wkb", "walk_refs", "stop_refs", "stop_kinds")


def worthwhile(path: Path) -> bool:
    """Whether to read this file with two processes."""
    return path.name.lower().endswith(".pbf") and path.stat().st_size >= LARGE and (os.cpu_count() or 1) > 1 and bool(sys.executable)


def both(path: Path, services: Collection[str], progress: osm.Progress) -> osm.Extract:
    """Read a file in two processes.

    Raises
    ------
    RuntimeError
        The file is damaged (as `osm.part`).
    """
    with tempfile.TemporaryDirectory(prefix="circle-") as place:
        target = Path(place) / "streets"
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)}
        command = [sys.executable, "-m", "circle.sources.aside", str(path), str(target), *sorted(services)]
        silent = subprocess.DEVNULL
        with subprocess.Popen(command, env=environment, stdin=silent, stdout=silent, stderr=silent) as aside:  # noqa: S603 - ourselves
            try:
                extract = osm.part(path, services, progress, "others")
            except BaseException:
                aside.kill()
                raise
        if aside.returncode:  # out of memory, or a trouble that reading in one go will name
            return osm.part(path, services, progress)
        streets = pickle.loads(target.read_bytes())  # noqa: S301 - written by ourselves a moment ago
    if streets is None:
        raise drawings.NotPlain
    for name in STREETS:
        mine = getattr(extract, name)
        if name == "combos" and mine:  # squares that are relations were judged here: their codes come after those of the streets
            moved = {code: streets.combo(combo) for combo, code in mine.items()}
            extract.square_rings = [(relation, moved[code], rings) for relation, code, rings in extract.square_rings]
        setattr(extract, name, getattr(streets, name))
    extract.points = streets.points
    extract.lines = sorted([*extract.lines, *streets.lines], key=lambda shape: int(shape.id.partition("/")[2]))
    extract.newest = max(extract.newest, streets.newest)
    extract.findings.items = list(dict.fromkeys([*extract.findings.items, *streets.findings.items]))
    return extract


def _main(path: str, target: str, *services: str) -> None:
    gc.disable()
    try:
        streets: osm.Extract | None = osm.part(Path(path), services, None, "streets")
        if streets is not None:
            streets.findings.items = [f for f in streets.findings.items if f.id]  # what concerns the file is found by the other process
    except drawings.NotPlain:
        streets = None
    Path(target).write_bytes(pickle.dumps(streets, protocol=pickle.HIGHEST_PROTOCOL))


if __name__ == "__main__":
    _main(*sys.argv[1:])
