"""`circle`: true walking minutes from every building to every daily service, the gaps, and why they are gaps.

    run = circle.run("place.osm.pbf", standard="five-minute")
    run.buildings, run.facilities, run.summary, run.map()
    circle.open("OUT")                       # a saved run

    from circle import siting                # where a station mends most
    from circle.publish import charts        # drawings for notebooks and reports

Takes: calls from notebooks and programs.   Gives: the public names, each imported when it is first asked for.
Never: imports the geo stack by itself, so that `circle --help` answers at once.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from circle.result import Run
    from circle.result import open_run as open
    from circle.study import Study, run

__all__ = ["Run", "Study", "open", "run"]

_FROM = {
    "run": ("circle.study", "run"),
    "open": ("circle.result", "open_run"),
    "Run": ("circle.result", "Run"),
    "Study": ("circle.study", "Study"),
}


def __getattr__(name: str) -> Any:
    if name not in _FROM:
        raise AttributeError(f"module 'circle' has no attribute '{name}'; it has {', '.join(__all__)}")
    module, attribute = _FROM[name]
    return getattr(import_module(module), attribute)


def __dir__() -> list[str]:
    return [*__all__]
