"""How large the published page is, what it costs to build, and how soon a browser has drawn it.

    python benchmarks/page.py RUN_FOLDER [RUN_FOLDER …]
    python benchmarks/page.py --drawn 300 22600 200000 500000

Takes: folders of saved runs, or numbers of buildings of drawn towns (`tests/fake_run.py`).   Gives: a table, one row a page.
Never: touches the runs; pages are written to a temporary folder. Chromium comes from CIRCLE_CHROMIUM or the path; without one the last
three columns stay empty.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-sync"]
BUILD = """
import sys, time
from pathlib import Path
from circle.publish import page
started = time.process_time()
page.build(*map(Path, sys.argv[1:]))
print(time.process_time() - started)
"""
ROUNDS = 3


def drawn(n: int, folder: Path) -> Path:
    """Write a drawn town of `n` buildings."""
    sys.path.insert(0, str(ROOT / "tests"))
    import fake_run  # noqa: PLC0415 - lies in tests, and is needed for drawn towns alone

    return Path(fake_run.write(folder / f"drawn-{n}", n))


def built(run: Path, page: Path) -> float:
    """CPU seconds to build the page in a process of its own, imports not counted; the best of three."""
    command = [sys.executable, "-c", BUILD, str(run), str(page)]
    return min(float(subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout) for _ in range(ROUNDS))


def opened(pages: list[Path]) -> list[tuple[float, float, float]]:
    """For each page: seconds until it is drawn, seconds until another theme is painted, and MB on the heap; medians."""
    chromium = os.environ.get("CIRCLE_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        return []
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - needed only where there is a browser

    out = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        for page in pages:
            rounds = []
            for _ in range(ROUNDS):
                tab = browser.new_page(viewport={"width": 1400, "height": 900})
                tab.goto(page.as_uri())
                tab.wait_for_selector("html[data-ready]", state="attached", timeout=60_000)
                ready = float(tab.evaluate("document.documentElement.dataset.ready")) / 1000
                started = time.perf_counter()
                tab.check("#theme-furthest", force=True)
                tab.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
                repaint = time.perf_counter() - started
                rounds.append((ready, repaint, tab.evaluate("performance.memory.usedJSHeapSize") / 1e6))
                tab.close()
            out.append(tuple(statistics.median(column) for column in zip(*rounds, strict=True)))
        browser.close()
    return out


def main(words: list[str]) -> None:
    """Print the table."""
    if not words:
        sys.exit(__doc__)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        runs = [drawn(int(n), folder) for n in words[1:]] if words[0] == "--drawn" else [Path(word).resolve() for word in words]
        pages = [folder / f"{k}.html" for k in range(len(runs))]
        seconds = [built(run, page) for run, page in zip(runs, pages, strict=True)]
        browsers = opened(pages) or [None] * len(pages)
        print(f"{'run':24} {'MB':>7} {'build CPU s':>12} {'ready s':>8} {'theme s':>8} {'heap MB':>8}")
        for run, page, second, seen in zip(runs, pages, seconds, browsers, strict=True):
            more = "" if seen is None else f"{seen[0]:8.2f} {seen[1]:8.2f} {seen[2]:8.0f}"
            print(f"{run.name[:24]:24} {page.stat().st_size / 1e6:7.2f} {second:12.2f} {more}")


if __name__ == "__main__":
    main(sys.argv[1:])
