"""`circle compare`: who wins and who loses between two runs.

Takes: the folders of two runs.   Gives: a folder with tables, page and workbook; a few lines.
Never: computes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from circle.cli.talk import progress, tell


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example:  circle compare out/today out/with-station -o out/gain")(compare)


def compare(
    before: Annotated[Path, typer.Argument(help="Folder of the first run. 原先的结果文件夹", show_default=False)],
    after: Annotated[Path, typer.Argument(help="Folder of the second run. 之后的结果文件夹", show_default=False)],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder to write. 输出文件夹")] = Path("out") / "compare",
) -> None:
    """Compare two runs: who gains and who loses, by household and by zone. 比较两次结果：谁受益，谁受损。"""
    with progress() as say:
        say("tables", None)
        from circle import compared

        found = compared.write(before, after, out, say=say)
    console = Console()
    table = Table(box=None, pad_edge=False)
    table.add_column("service 服务", no_wrap=True)
    for title in ("met before 原先", "met after 现在", "gained 新达标", "lost 不再达标", "households 户"):
        table.add_column(title, overflow="fold", justify="right")
    for each in [{"service": "all 全部", **found.summary["all"]}, *found.summary["services"]]:
        gain = each["households_gained"] - each["households_lost"]
        numbers = (f"{each['met_before']:,}", f"{each['met_after']:,}", f"+{each['gained']:,}", f"−{each['lost']:,}", f"{gain:+,.0f}")
        table.add_row(escape(each["service"]), *numbers)
    console.print(table)
    for note in found.summary["notes"]:
        tell(f"note 注意: {NOTES[note['code']]}", console)
    tell(f"folder 结果: {out}", console)


NOTES = {
    "buildings": "the runs do not hold the same buildings; those in common are compared 只比较共有的建筑",
    "services": "the runs do not judge the same services; those in common are compared 只比较共有的服务",
    "walker": "the walkers of the runs differ in speed 步行速度不同",
    "data": "the runs were made from different data 原始数据不同",
}
