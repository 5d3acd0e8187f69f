"""The published maps of this folder: the page of the embedded town, and the page that lists what lies here.

    python maps/make.py

Takes: the embedded extract, the pictures and `places.toml` here.   Gives: `kuangshan.html`, `index.html`; the same bytes every time.
Never: publishes a real place.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import circle
from circle.publish import index, page

HERE = Path(__file__).resolve().parent
SOURCE = HERE.parent / "data" / "kuangshan" / "kuangshan.osm.pbf"


def main(folder: Path = HERE) -> list[Path]:
    """Write both pages into a folder."""
    with tempfile.TemporaryDirectory() as place:
        run = Path(place) / "run"
        circle.run(SOURCE).save(run, published=False)
        drawn = page.build(run, folder / "kuangshan.html")
    return [drawn, index.build(folder)]


if __name__ == "__main__":
    for path in main():
        print(f"{path.relative_to(HERE.parent)}: {path.stat().st_size / 1000:.0f} kB")
