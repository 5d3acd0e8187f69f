"""How large the published page is, what it costs to build, how soon a browser has drawn it, and how soon it answers a station.

    python benchmarks/page.py RUN_FOLDER [RUN_FOLDER …]
    python benchmarks/page.py --drawn 300 22600 200000 500000

Takes: folders of saved runs, or numbers of buildings of drawn towns (`tests/fake_run.py`).   Gives: a table, one row a page.
Never: touches the runs; pages are written to a temporary folder. Chromium comes from CIRCLE_CHROMIUM or the path; without one only
size and time to build are told. Stock Folium draws the same buildings beside ours.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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

    return Path(fake_run.write(folder / f"drawn-{n}", n, network=True))


def built(run: Path, page: Path) -> float:
    """CPU seconds to build the page in a process of its own, imports not counted; the best of three."""
    command = [sys.executable, "-c", BUILD, str(run), str(page)]
    return min(float(subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout) for _ in range(ROUNDS))


ANSWER = """async () => {
  const frame = () => new Promise(done => requestAnimationFrame(done));
  const box = document.querySelector('.folium-map').getBoundingClientRect(), times = [];
  document.querySelector('#plan summary').click();
  [...document.querySelectorAll('#plan .chip input')].forEach(tick => tick.checked || tick.click());
  for (let k = 0; k < 7; k++) {
    document.querySelector('[data-key="station"]').click();
    const at = { bubbles: true, clientX: box.left + box.width * (0.5 + 0.03 * k), clientY: box.top + box.height * 0.5, detail: 1 };
    const target = document.querySelector('.folium-map');
    await frame();
    const started = performance.now();
    for (const kind of ['mousedown', 'mouseup', 'click']) target.dispatchEvent(new MouseEvent(kind, at));
    times.push(performance.now() - started);
    await frame(); await frame();
    document.querySelector('[data-key="clear"]')?.click();
    await frame(); await frame();
  }
  return [times[0], times.slice(1).sort((a, b) => a - b)[3]];
}"""


def resident(browser: Any) -> float:
    """MB that the largest renderer holds of its own; without the program, which all renderers share, and what is drawn on the screen."""
    pids = [
        each["id"]
        for each in browser.new_browser_cdp_session().send("SystemInfo.getProcessInfo")["processInfo"]
        if each["type"] == "renderer"
    ]
    sizes = [0.0]
    for pid in pids:
        with contextlib.suppress(OSError):
            found = re.search(r"RssAnon:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
            sizes.append(int(found[1]) / 1000 if found else 0.0)
    return max(sizes)


@dataclass
class Seen:
    """What a browser showed.

    Seconds until a page is drawn, and until another theme is painted; ms from click to repaint of a station, the first one and the median
    of six more; MB of the renderer's own.
    """

    ready: float
    theme: float
    first_ms: float
    click_ms: float
    mb: float


def opened(playwright: Any, chromium: str, page: Path) -> Seen:
    """One of our pages in a browser of its own; medians of three."""
    rounds = []
    for _ in range(ROUNDS):
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        tab = browser.new_page(viewport={"width": 1400, "height": 900})
        tab.goto(page.as_uri())
        tab.wait_for_selector("html[data-ready]", state="attached", timeout=60_000)
        ready = float(tab.evaluate("document.documentElement.dataset.ready")) / 1000
        started = time.perf_counter()
        tab.check("#theme-furthest", force=True)
        tab.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        theme = time.perf_counter() - started
        memory = resident(browser)
        tab.wait_for_timeout(2000)  # a reader looks before they click; the searches are made meanwhile
        first, click = tab.evaluate(ANSWER) if tab.locator("#plan").is_visible() else (float("nan"), float("nan"))
        rounds.append((ready, theme, first, click, max(memory, resident(browser))))
        browser.close()
    return Seen(*(statistics.median(column) for column in zip(*rounds, strict=True)))


def stock(playwright: Any, chromium: str, run: Path, page: Path) -> tuple[float, float, float]:
    """The same buildings as plain `folium.GeoJson` on canvas: MB, seconds until drawn, MB of the renderer. No service but one, no card."""
    import folium  # noqa: PLC0415 - only where it is measured
    import geopandas as gpd  # noqa: PLC0415
    from playwright.sync_api import TimeoutError  # noqa: A004, PLC0415
    from xstatic.pkg import leaflet  # noqa: PLC0415

    # No text: Folium compiles what it is given as a template, and names of the drawn towns are made to break one.
    table = gpd.read_parquet(run / "buildings.parquet").filter(regex="^(minutes_.*|geometry)$")
    west, south, east, north = table.total_bounds
    chart = folium.Map(location=[(south + north) / 2, (west + east) / 2], zoom_start=13, prefer_canvas=True, tiles=None)
    first = next(name for name in table.columns if name.startswith("minutes_"))
    folium.GeoJson(
        table.replace(float("inf"), None).to_json(),
        style_function=lambda feature: {"color": "#8a2c0d" if (feature["properties"][first] or 99) > 5 else "#2b5c8a", "weight": 1},
        tooltip=folium.GeoJsonTooltip([first]),
    ).add_to(chart)
    chart.fit_bounds([[south, west], [north, east]])
    chart.save(page)
    browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
    tab = browser.new_page(viewport={"width": 1400, "height": 900})

    def answer(route: Any) -> None:
        name = route.request.url.rsplit("/", 1)[-1]
        kept = Path(leaflet.BASE_DIR) / name
        if route.request.url.startswith("file:"):
            route.continue_()
        elif name in ("leaflet.js", "leaflet.css"):
            route.fulfill(path=kept)
        else:  # what it needs besides Leaflet is not drawn with
            route.fulfill(body="", content_type="text/css" if name.endswith(".css") else "text/javascript")

    tab.route("**/*", answer)
    out = (page.stat().st_size / 1e6, float("inf"), float("nan"))
    with contextlib.suppress(TimeoutError):  # then it is not drawn within three minutes
        tab.goto(page.as_uri(), wait_until="load", timeout=180_000)
        tab.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        out = (out[0], tab.evaluate("performance.now()") / 1000, resident(browser))
    browser.close()
    return out


def main(words: list[str]) -> None:
    """Print the table."""
    if not words:
        sys.exit(__doc__)
    chromium = os.environ.get("CIRCLE_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        runs = [drawn(int(n), folder) for n in words[1:]] if words[0] == "--drawn" else [Path(word).resolve() for word in words]
        head = f"{'MB':>7} {'build s':>8} {'ready s':>8} {'theme s':>8} {'first ms':>9} {'click ms':>9} {'own MB':>7}"
        print(f"{'run':20} {head} | {'folium MB':>9} {'drawn s':>8} {'own MB':>7}")
        for k, run in enumerate(runs):
            page = folder / f"{k}.html"
            seconds = built(run, page)
            line = f"{run.name[:20]:20} {page.stat().st_size / 1e6:7.2f} {seconds:8.2f}"
            if chromium is not None:
                from playwright.sync_api import sync_playwright  # noqa: PLC0415 - needed only where there is a browser

                with sync_playwright() as playwright:
                    seen = opened(playwright, chromium, page)
                    line += f" {seen.ready:8.2f} {seen.theme:8.2f} {seen.first_ms:9.0f} {seen.click_ms:9.0f} {seen.mb:7.0f}"
                    beside = stock(playwright, chromium, run, folder / f"{k}-folium.html")
                    line += f" | {beside[0]:9.1f} {beside[1]:8.1f} {beside[2]:7.0f}"
            print(line, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
