"""`circle check`: the doctor.

Takes: a source or a study file.   Gives: what may make the answer wrong, on the terminal and, if asked, in files.
Never: decides what is serious.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.text import Text

from circle.cli.asking import with_options
from circle.cli.running import settled, standard_of
from circle.cli.talk import fail, progress, tell
from circle.cli.targets import refuse_ending, refuse_files
from circle.errors import SourceError
from circle.options import Options, told

if TYPE_CHECKING:
    from circle import doctor

COLOURS = {"error": "bold red", "warning": "yellow", "info": "dim"}
WORDS = {"error": "错误 error", "warning": "警告 warning", "info": "提示 info"}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog="Examples:  circle check place.osm.pbf   ·   circle check study.toml --strict   ·   circle check town.osm -r check.xlsx"
    )(with_options(check, leave_out=frozenset({"out", "no_map"})))


def check(
    source: Annotated[
        Path, typer.Argument(help="OpenStreetMap file, snapshot, or study.toml. OSM 数据文件、快照或研究文件", show_default=False)
    ],
    options: Options,
    said: frozenset[str],
    report: Annotated[
        list[Path] | None,
        typer.Option("--report", "-r", help="Also write the report: .xlsx, or .gpkg with places; may be given twice. 报告文件"),
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit status 1 where there are warnings. 有警告即返回 1")] = False,
) -> None:
    """Look before you run: what in the data may make the answer wrong, and what to do about it. 运行前检查数据。"""
    named = source
    source, options = settled(source, options, said)
    if source.is_dir():
        raise SourceError(
            f"{source} is a folder. Name the OpenStreetMap file or study.toml to look at; what proves a finished run is `circle verify`."
        )
    chosen = standard_of(options)
    files = report or []
    for file in files:
        refuse_ending(file, "--report", {".xlsx": "workbook", ".gpkg": "layer"})
        refuse_files(file, "--report", [named, source, *_files(options)])
    with progress(quiet=options.quiet) as say:
        say("sources", None)
        from circle import doctor, study
        from circle.publish import checkup

        try:
            found = doctor.examine(study.Study.of(source, chosen, options=options), say=say)
        except KeyboardInterrupt:
            fail("stopped; nothing was changed", 130)
        for file in files:
            if file.suffix.lower() == ".xlsx":
                checkup.workbook(file, found.place, found.table(), doctor.ATTRIBUTION)
            else:
                checkup.layer(file, found.places)
    if not options.quiet:
        _show(found)
        for file in files:
            tell(f"report 报告: {file}")
    if found.worst == "error" or (strict and found.worst == "warning"):
        sys.exit(1)


def _files(options: Options) -> list[str | Path]:
    """Whatever the options name that may be a file."""
    given = [getattr(options, name) for name, _, _ in told() if name != "out"]
    return [each for one in given for each in (one if isinstance(one, tuple) else (one,)) if isinstance(each, str | Path)]


def _show(found: doctor.Report) -> None:
    console = Console()
    console.print(f"[bold]{escape(found.place)}[/bold]")
    if not found.troubles:
        tell("Nothing that may make the answer wrong was found. 未发现可能影响结果的问题。", console)
        return
    for one in found.troubles:  # one under the other: columns of two languages fit no terminal
        number = f"{one.count:,}" + (f" / {one.total:,}" if one.total else "")
        console.print(f"\n[{COLOURS[one.severity]}]{WORDS[one.severity]}[/]  {number}  {escape(one.label.zh)}", highlight=False)
        lines = [one.label.en, _short(one.detail), _short(" ".join(one.ids[:4])) + (" …" if len(one.ids) > 4 else "")]
        for line in filter(None, (*lines, f"→ {one.remedy.zh}", f"→ {one.remedy.en}")):
            console.print(Padding(Text(line), (0, 0, 0, 4)))
    console.print()
    for one in found.troubles:
        if one.code == "check.blocked":
            tell(f"A run stops here 运行会停在这里: {one.detail}", console)


def _short(text: str, most: int = 160) -> str:
    line = "".join(letter if letter.isprintable() else " " for letter in text)
    return line if len(line) <= most else line[: most - 1] + "…"
