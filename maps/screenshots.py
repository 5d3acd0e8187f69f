"""Pictures of published pages for the README, as a browser shows them.

    python maps/screenshots.py NAME=RUN_FOLDER [NAME=RUN_FOLDER …]

Takes: folders of saved runs with their `map.html`.   Gives: `maps/NAME.jpg`, each below 200 kB.
Never: changes a run. Chromium comes from CIRCLE_CHROMIUM or the path.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

HERE = Path(__file__).resolve().parent
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-sync"]
MOST_BYTES = 200_000


def main(words: list[str]) -> None:
    """Take a picture of each page."""
    chromium = os.environ.get("CIRCLE_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None or not words:
        sys.exit("no Chromium: set CIRCLE_CHROMIUM" if words else __doc__)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        for word in words:
            name, _, run = word.partition("=")
            tab = browser.new_page(viewport={"width": 1280, "height": 800}, locale="zh-CN")
            tab.goto((Path(run).resolve() / "map.html").as_uri())
            tab.wait_for_selector("html[data-ready]", state="attached", timeout=60_000)
            tab.wait_for_timeout(400)
            target = HERE / f"{name}.jpg"
            for quality in (85, 70, 55, 40):
                tab.screenshot(path=target, type="jpeg", quality=quality)
                if target.stat().st_size < MOST_BYTES:
                    break
            print(f"{target.relative_to(HERE.parent)}: {target.stat().st_size / 1000:.0f} kB")
            tab.close()
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1:])
