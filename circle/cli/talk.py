"""How the command line talks: progress, plain lines, and the last sentence of a failure.

Takes: stages and lines.   Gives: words on the terminal.
Never: breaks a path in two, reads markup in a name, or writes progress where answers go.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn

from rich.console import Console
from rich.status import Status

STAGES = {
    "compiling": "the first run compiles its inner loops, once: up to a minute 首次运行需编译，约一分钟",
    "sources": "reading the map 读取数据",
    "network": "building the walking network 构建步行网络",
    "linkage": "tying doors to paths 连接出入口",
    "sight": "checking what stands between door and path 检查门前有无阻隔",
    "access": "measuring walks 计算步行时间",
    "gaps": "judging gaps 判定短板",
    "reasons": "finding what bars the way 查找阻隔",
    "tables": "writing tables 写出数据表",
    "check": "checking a sample against networkx 抽样复核",
    "page": "drawing the map 绘制地图",
    "workbook": "writing the workbook 生成工作簿",
    "layers": "writing GIS layers 写出图层",
}

Say = Callable[[str, int | None], None]


@contextmanager
def progress(*, quiet: bool = False) -> Iterator[Say]:
    """A line that tells what is being done; on a pipe, one plain line a stage. Call it with a stage and, perhaps, objects seen."""
    console = Console(stderr=True)
    if quiet:
        yield lambda stage, seen: None  # noqa: ARG005
        return
    if not console.is_terminal:
        known: set[str] = set()

        def plain(stage: str, seen: int | None) -> None:
            if seen is None and stage not in known:
                known.add(stage)
                console.print(f"· {STAGES.get(stage, stage)}", markup=False, highlight=False)

        yield plain
        return
    with Status("", console=console) as status:

        def live(stage: str, seen: int | None) -> None:
            if stage == "compiling":  # to be read while the stages go on
                tell(f"· {STAGES[stage]}", console)
                return
            status.update(STAGES.get(stage, stage) + (f" · {seen:,} objects" if seen else ""))

        yield live


def tell(line: str, console: Console | None = None) -> None:
    """One line as it is: names and paths are no markup, and are not broken."""
    (console or Console()).print(line, markup=False, highlight=False, soft_wrap=True)


def fail(message: str, status: int) -> NoReturn:
    """Say what is wrong and leave."""
    tell(f"circle: {message}", Console(stderr=True))
    sys.exit(status)
