"""Pages in a real browser, for the tests that need one.

Chromium comes from CIRCLE_CHROMIUM or the path; a machine without one skips with one line.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

sync_api = pytest.importorskip("playwright.sync_api", reason="no playwright here: the page is not tried in a browser")

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
CHROMIUM = os.environ.get("CIRCLE_CHROMIUM") or next((path for name in NAMES if (path := shutil.which(name))), None)
needed = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: set CIRCLE_CHROMIUM to try the page in a browser")

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-sync"]


@contextmanager
def chromium() -> Iterator[Any]:
    """A browser, closed afterwards."""
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS, headless=True)
        yield browser
        browser.close()


class Visits:
    """Pages in fresh contexts. `close` checks that none had an error, a report of the policy or a request, or ran what data brought."""

    def __init__(self, browser: Any) -> None:
        self.browser = browser
        self.trouble: list[str] = []
        self.contexts: list[Any] = []

    def open(self, path: Path, hash: str = "", *, ready: str = "html[data-ready]", **options: Any) -> Any:
        """Open a page and wait until it stands, that is, until `ready` is there."""
        context = self.browser.new_context(**{"locale": "zh-CN", "viewport": {"width": 1400, "height": 900}, **options})
        self.contexts.append(context)
        tab = context.new_page()
        tab.on("console", lambda message: self.trouble.append(message.text) if message.type == "error" else None)
        tab.on("pageerror", lambda error: self.trouble.append(str(error)))
        tab.on("request", lambda request: None if request.url.startswith(("file:", "blob:")) else self.trouble.append(request.url))
        tab.goto(f"{path.as_uri()}{hash}")
        tab.wait_for_selector(ready, state="attached", timeout=30_000)
        return tab

    def close(self) -> None:
        """Close all, and see that nothing happened that must not."""
        hits = [tab.evaluate("window.__hit") for context in self.contexts for tab in context.pages]
        for context in self.contexts:
            context.close()
        assert self.trouble == []
        assert not any(hits)
