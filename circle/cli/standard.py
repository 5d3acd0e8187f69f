"""`circle standards`: what may be promised, and by whom.

Takes: a name, or none.   Gives: a table on the terminal.
Never: imports the geo stack.
"""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from circle import rules, standards
from circle.units import limit_metres


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("standards", epilog="Examples:  circle standards   ·   circle standards gb50180-5")(show_standards)


def show_standards(
    name: Annotated[str | None, typer.Argument(help="A standard's name or file. 标准名称或文件", show_default=False)] = None,
) -> None:
    """List the standards, or show one with its limits and sources. 列出标准，或查看其中一个。"""
    console = Console()
    if name is None:
        table = Table(box=None, pad_edge=False)
        table.add_column("standard", no_wrap=True)
        for title in ("标准", "title", "services 服务", "walker 步行者"):
            table.add_column(title, overflow="fold")
        for each in standards.names():
            found = standards.load(each)
            table.add_row(each, escape(found.title.zh), escape(found.title.en), str(len(found.services)), found.walker)
        console.print(table)
        console.print("\n`circle standards NAME` shows one. A TOML file of your own works wherever a name does.", markup=False, style="dim")
        return
    chosen = standards.load(name)
    walker = rules.walkers()[chosen.walker]
    console.print(f"[bold]{escape(chosen.title.zh)}  {escape(chosen.title.en)}[/bold]")
    console.print(f"{escape(chosen.description.zh)}\n{escape(chosen.description.en)}")
    console.print(f"walker 步行者: {escape(walker.label.zh)} {escape(walker.label.en)}, {walker.speed_m_per_s} m/s\n")
    cited = list(dict.fromkeys((chosen.source, *(limit.source for limit in chosen.services))))
    table = Table("service", "服务", "min 分钟", "m 米", "confidence", "source", box=None, pad_edge=False)
    for limit in chosen.services:
        metres = limit_metres(limit.limit_min, walker.speed_m_per_s)
        number = str(cited.index(limit.source) + 1)
        table.add_row(limit.service, escape(limit.label.zh), f"{limit.limit_min:.3g}", f"{metres:.0f}", limit.confidence, f"({number})")
    console.print(table)
    for mark, source in enumerate(cited, start=1):
        console.print(f"({mark}) {escape(source)}", style="dim", highlight=False)
