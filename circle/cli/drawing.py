"""`circle map`: a saved run, drawn again.

Takes: a run's folder.   Gives: its page, workbook and layers anew.
Never: computes a minute.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from circle.cli.talk import progress, tell


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("map", epilog="Example:  circle map out/place")(draw_map)


def draw_map(folder: Annotated[Path, typer.Argument(help="Folder of a run. 运行结果文件夹", show_default=False)]) -> None:
    """Draw map, workbook and layers of a saved run again. 重新绘制已保存的结果。"""
    from circle.folder import read_record
    from circle.publish import layers, page, workbook

    read_record(folder, "run")
    with progress() as say:
        say("page", None)
        drawn = page.build(folder)
        say("workbook", None)
        workbook.write(folder)
        say("layers", None)
        layers.write(folder)
    tell(f"map 地图: {drawn}")
