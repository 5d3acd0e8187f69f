"""The command line: parses, calls `study`, prints. One module for each group of commands.

Takes: words.   Gives: files, a few plain lines, an exit status: 0 done, 1 could not finish, 2 wrong input or usage.
Never: computes, or shows a traceback for what a planner can mend. The geo stack is imported only when a command needs it.
"""

from __future__ import annotations

import os
import sys
from io import TextIOWrapper
from typing import Any

import typer
from typer.core import TyperGroup

from circle.cli import checking, comparing, drawing, explaining, fetching, running, siting, standard, starting, verifying
from circle.cli.talk import STAGES, fail
from circle.errors import CircleError

__all__ = ["STAGES", "app", "main"]


class Commands(TyperGroup):
    """The commands; whoever stops one is told so, whichever it is."""

    def invoke(self, ctx: Any) -> Any:
        """Run a command; Ctrl-C ends it in one line, with the status that shells know."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            fail("stopped; what was there before is untouched 已中止", 130)


app = typer.Typer(
    name="circle",
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Walking minutes from every building to every daily service, and the gaps.\n\n从每栋楼到各项日常服务的真实步行时间与短板。",
    epilog="Examples:  circle demo   ·   circle run place.osm.pbf -o out/place   ·   circle standards five-minute",
)

for module in (
    running,
    starting,
    fetching,
    checking,
    standard,
    explaining,
    verifying,
    drawing,
    siting,
    comparing,
):
    module.register(app)


def main() -> None:
    """Entry of the `circle` command."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a terminal that knows no Chinese shows ? for it, and the run goes on
            stream.reconfigure(errors="replace")
    try:
        app()
    except CircleError as trouble:
        fail(str(trouble), trouble.exit_status)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except Exception as trouble:
        if os.environ.get("CIRCLE_DEBUG"):
            raise
        fail(f"a fault in circle itself: {type(trouble).__name__}: {trouble}. Set CIRCLE_DEBUG=1 to see where, and please report it.", 1)
