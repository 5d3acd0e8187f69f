"""What every test may lean on: where the real extracts lie, and the machine's own introduction."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

# The same examples everywhere, so that a change is judged by what it changed; HYPOTHESIS_PROFILE=default draws new ones.
settings.register_profile("same", derandomize=True, database=None, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))

ROOT = Path(__file__).resolve().parent.parent


def _test_data() -> Path | None:
    named = os.environ.get("CIRCLE_TEST_DATA")
    folder = Path(named) if named else ROOT.parent / "shared" / "data"
    return folder if folder.is_dir() else None


@pytest.fixture(scope="session")
def test_data() -> Path:
    """Folder of real extracts, broken files and other programs' answers."""
    folder = _test_data()
    if folder is None:
        pytest.skip("real extracts not at hand: set CIRCLE_TEST_DATA to the folder that holds them")
    return folder


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """A browser, closed after the tests of a file."""
    import browser

    with browser.chromium() as opened:
        yield opened


@pytest.fixture
def visits(chromium: Any) -> Iterator[Any]:
    """Pages in that browser (`browser.Visits`); after the test nothing may have gone wrong in any of them."""
    import browser

    seen = browser.Visits(chromium)
    yield seen
    seen.close()


def pytest_report_header() -> str:
    """Print the versions that results hang on."""
    import geopandas
    import shapely
    from osmium import version as osmium

    shapes = f"geopandas {geopandas.__version__}, shapely {shapely.__version__} (GEOS {shapely.geos_version_string})"
    return f"circle: {shapes}, osmium {osmium.pyosmium_release}"
