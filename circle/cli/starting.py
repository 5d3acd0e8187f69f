"""`circle init`: a study file from what lies in a folder.

Takes: a folder.   Gives: `study.toml`, and what was understood.
Never: computes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from circle.cli.talk import tell


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Examples:  circle init   ·   circle init tieshan/   ·   then: circle check study.toml, circle run study.toml")(init)


def init(
    folder: Annotated[Path, typer.Argument(help="Folder with your data. 数据所在文件夹")] = Path(),
    force: Annotated[bool, typer.Option("--force", help="Write over a study.toml that is there. 覆盖已有的研究文件")] = False,
) -> None:
    """Write a commented study.toml from the files in a folder: map, ledgers, lists, zones, rasters. 根据文件夹内容生成研究文件。"""
    from circle import survey

    target, found = survey.write(folder, force=force)
    tell(f"source 数据: {found.source or 'none yet; see the file 尚无'}")
    if found.standard is not None:
        tell(f"standard 标准: {found.standard}")
    for option, files in found.found.items():
        tell(f"{option}: {', '.join(files)}")
    for option, lines in found.notes.items():
        for line in lines:
            tell(f"? {option}: {line}")
    if found.unclear:
        tell(f"not understood 未能识别: {', '.join(found.unclear)}")
    tell(f"study 研究文件: {target}   →   read it, then  circle run {target}")
