"""`circle verify`: a saved run, worked out again.

Takes: a run's folder, perhaps its source.   Gives: one line for each check, the worst difference; exit status 1 where a check failed.
Never: computes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from circle import rules
from circle.cli.talk import tell

MARKS = {True: "✓", False: "✗", None: "–"}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "verify", epilog="Examples:  circle verify out/place   ·   circle verify out/place --source place.osm.pbf --sample 1000 --seed 7"
    )(verify)


def verify(
    folder: Annotated[Path, typer.Argument(help="Folder of a run. 运行结果文件夹", show_default=False)],
    source: Annotated[
        Path | None,
        typer.Option(
            "--source", help="The file that the run was made from, or its folder. Default: looked for in and beside the run. 数据来源文件"
        ),
    ] = None,
    sample: Annotated[
        int, typer.Option("--sample", "-n", min=0, help="Number of buildings whose walks are computed again. 抽样建筑数")
    ] = 200,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of the random sample. 抽样种子")] = 1,
    lang: Annotated[str, typer.Option("--lang", "-l", help="Language: zh, en, or both. 语言")] = "both",
) -> None:
    """Check a run that somebody hands you: inputs, tables, a sample of walks with networkx, verdicts, summary. 独立复核一次运行的结果。"""
    if lang not in (*rules.LANGUAGES, "both"):
        raise typer.BadParameter(f"there is no language '{lang}'; choose zh, en or both", param_hint="--lang")
    from circle.verify import verify as check

    report = check(folder, source, sample=sample, seed=seed)
    for one in report.checks:
        key = f"verify.{one.name}_failed" if one.ok is False and f"verify.{one.name}_failed" in rules.sentences() else f"verify.{one.name}"
        values = {name: f"{value:.1e}" if isinstance(value, float) else value for name, value in one.told.items()}
        said = [rules.sentence(key, each, **values) for each in (rules.LANGUAGES if lang == "both" else (lang,))]
        tell(f"{MARKS[one.ok]} {'  '.join(said)}")
    if not report.ok:
        raise typer.Exit(1)
