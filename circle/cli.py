"""The command line: parses, calls `study`, prints.

Takes: words.   Gives: files, a few plain lines, an exit status: 0 done, 1 could not finish, 2 wrong input or usage.
Never: computes, or shows a traceback for what a planner can mend. The geo stack is imported only when a command needs it.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.status import Status
from rich.table import Table

from circle import rules, standards
from circle.errors import CircleError, SourceError
from circle.units import limit_metres

if TYPE_CHECKING:
    from circle.study import Run

STAGES = {
    "sources": "reading the map 读取数据",
    "network": "building the walking network 构建步行网络",
    "linkage": "tying doors to paths 连接出入口",
    "access": "measuring walks 计算步行时间",
    "gaps": "judging gaps 判定短板",
    "tables": "writing tables 写出数据表",
    "check": "checking a sample against networkx 抽样复核",
    "page": "drawing the map 绘制地图",
    "workbook": "writing the workbook 生成工作簿",
    "layers": "writing GIS layers 写出图层",
}

WHOLE_FILE = ("sources.no_relations", "sources.unordered")  # findings that put the whole answer in doubt are said in full

app = typer.Typer(
    name="circle",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Walking minutes from every building to every daily service, and the gaps.\n\n从每栋楼到各项日常服务的真实步行时间与短板。",
    epilog="Examples:  circle demo   ·   circle run place.osm.pbf -o out/place   ·   circle standards five-minute",
)

Standard = Annotated[
    str, typer.Option("--standard", "-s", help="A shipped standard (see `circle standards`) or your own TOML file. 标准名称或文件")
]
Walker = Annotated[
    str | None,
    typer.Option("--walker", "-w", help="Who walks: adult, planning, elderly, stroller, wheelchair. Default: the standard's own. 步行者"),
]
Out = Annotated[
    Path | None,
    typer.Option("--out", "-o", help="Folder to write; an older run there is replaced, anything else is not touched. 输出文件夹"),
]
NoMap = Annotated[bool, typer.Option("--no-map", help="Tables and records only: no page, workbook or layers. 只写数据表")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but trouble. 静默")]


@app.command(epilog="Example:  circle demo -o out/kuangshan")
def demo(out: Out = None, standard: Standard = standards.DEFAULT, walker: Walker = None, quiet: Quiet = False) -> None:
    """Run on the embedded place, Kuangshan (synthetic), and say where the map lies. 运行内置示例（虚构的矿山路社区）。"""
    _run(_embedded(), out or Path("out") / "kuangshan", standard, walker, published=True, quiet=quiet)


@app.command(epilog="Examples:  circle run place.osm.pbf -o out/place   ·   circle run place.osm.pbf -o out/old -w elderly -s gb50180-5")
def run(
    source: Annotated[
        Path, typer.Argument(help="OpenStreetMap file: .osm.pbf, .osm, .osm.gz or .osm.bz2. OSM 数据文件", show_default=False)
    ],
    out: Out = None,
    standard: Standard = standards.DEFAULT,
    walker: Walker = None,
    no_map: NoMap = False,
    quiet: Quiet = False,
) -> None:
    """Read a map, measure every building's walks, write tables, workbook, layers and the map. 运行全部分析。"""
    stem = source.name.partition(".")[0] or "circle"
    _run(source, out or Path("out") / stem, standard, walker, published=not no_map, quiet=quiet)


@app.command("standards", epilog="Examples:  circle standards   ·   circle standards gb50180-5")
def show_standards(
    name: Annotated[str | None, typer.Argument(help="A standard's name or file. 标准名称或文件", show_default=False)] = None,
) -> None:
    """List the standards, or show one with its limits and sources. 列出标准，或查看其中一个。"""
    console = Console()
    if name is None:
        table = Table("standard", "标准", "title", "services", "walker", box=None, pad_edge=False)
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


@app.command("map", epilog="Example:  circle map out/place")
def draw_map(folder: Annotated[Path, typer.Argument(help="Folder of a run. 运行结果文件夹", show_default=False)]) -> None:
    """Draw map, workbook and layers of a saved run again. 重新绘制已保存的结果。"""
    from circle.folder import read_record
    from circle.publish import layers, page, workbook

    read_record(folder, "run")
    with _progress(quiet=False) as say:
        say("page", None)
        drawn = page.build(folder)
        say("workbook", None)
        workbook.write(folder)
        say("layers", None)
        layers.write(folder)
    Console().print(f"map 地图: {drawn}", markup=False, highlight=False, soft_wrap=True)


def _embedded() -> Path:
    """The synthetic place that comes with circle: inside an installed package, or in the source tree."""
    here = Path(__file__).parent
    for path in (here / "data" / "kuangshan.osm.pbf", here.parent / "data" / "kuangshan" / "kuangshan.osm.pbf"):
        if path.is_file():
            return path
    raise SourceError("The embedded place kuangshan.osm.pbf is missing from this installation. Install circle again.")


def _run(source: Path, out: Path, standard: str, walker: str | None, *, published: bool, quiet: bool) -> None:
    chosen = standards.load(standard)  # refused in a blink, before the geo stack is imported
    if walker is not None and walker not in rules.walkers():
        raise typer.BadParameter(f"there is no walker '{walker}'; choose one of {', '.join(rules.walkers())}", param_hint="--walker")
    started = time.perf_counter()
    with _progress(quiet=quiet) as say:
        say("sources", None)
        from circle import folder, study

        folder.prepare(out)
        try:
            made = study.run(source, chosen, walker, say=say)
            made.save(out, published=published, say=say)
        except KeyboardInterrupt:  # Typer would end without a word
            _fail("stopped; nothing was changed", 130)
    if not quiet:
        _report(made, out, published=published, seconds=time.perf_counter() - started)


@contextmanager
def _progress(*, quiet: bool) -> Iterator[Any]:
    """A line that tells what is being done; on a pipe, one plain line a stage."""
    console = Console(stderr=True)
    if quiet:
        yield lambda stage, seen: None  # noqa: ARG005
        return
    if not console.is_terminal:
        told: set[str] = set()

        def plain(stage: str, seen: int | None) -> None:
            if seen is None and stage not in told:
                told.add(stage)
                console.print(f"· {STAGES.get(stage, stage)}", markup=False, highlight=False)

        yield plain
        return
    with Status("", console=console) as status:

        def live(stage: str, seen: int | None) -> None:
            status.update(STAGES.get(stage, stage) + (f" · {seen:,} objects" if seen else ""))

        yield live


def _report(made: Run, out: Path, *, published: bool, seconds: float) -> None:
    """What was found, in a few lines; everything else is in the files."""
    console = Console()
    summary, standard = made.summary, made.standard
    counted = summary["counts"]
    console.print(f"[bold]{escape(standard.title.zh)}  {escape(standard.title.en)}[/bold]")
    table = Table("service 服务", "min", "places", "met 达标", "households", "gap 短板", "unmapped 缺失", box=None, pad_edge=False)
    for key in (*(limit.service for limit in standard.services), "all"):
        block = summary["shares"][key]
        buildings, households = block["buildings"], block["households"]
        label = "all 全部" if key == "all" else f"{key} {escape(standard.limit(key).label.zh)}"
        limit_min = "" if key == "all" else f"{block['limit_min']:.3g}"
        places = "" if key == "all" else f"{counted['facilities'][key]:,}"
        shares = (_percent(buildings["share_met"]), _percent(households["share_met"]))
        table.add_row(label, limit_min, places, *shares, f"{buildings['gap']:,}", f"{buildings['unmapped']:,}")
    console.print(table)
    by = counted["residential_by"]
    _tell(
        f"counted 计入: {counted['residential']:,} of {counted['buildings']:,} buildings, where people live by their use "
        f"or by the land around them, or where neither is known ({by.get('assumed', 0):,}); "
        f"at {made.record['walker']['speed_m_per_s']} m/s",
        console,
    )
    for limit in standard.services:
        if not counted["facilities"][limit.service]:
            _tell(f"No {limit.label.en} ({limit.label.zh}) is mapped here: unmapped 数据缺失 does not mean that none exists.", console)
    for code in WHOLE_FILE:
        if code in summary["findings"]:
            text = rules.findings()[code]
            _tell(f"{text.label.zh}  {text.label.en}. {text.remedy.en}.", console)
    if summary["findings"]:
        told = ", ".join(f"{code} {number:,}" for code, number in list(summary["findings"].items())[:6])
        _tell(f"findings 数据问题: {told} (all in {'report.xlsx' if published else 'findings.parquet'})", console)
    check = made.record["check"]
    _tell(f"checked 复核: {check['sample']} walks again with networkx, worst difference {check['worst_difference_s']:.1e} s", console)
    if published:
        _tell(f"map 地图: {out / 'map.html'}", console)
    _tell(f"folder 结果: {out}  ({seconds:.1f} s)", console)


def _tell(line: str, console: Console) -> None:
    """One line as it is: names and paths are no markup, and are not broken."""
    console.print(line, markup=False, highlight=False, soft_wrap=True)


def _percent(share: float | None) -> str:
    return "—" if share is None else f"{share:.1%}"


def main() -> None:
    """Entry of the `circle` command."""
    try:
        app()
    except CircleError as trouble:
        _fail(str(trouble), trouble.exit_status)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except Exception as trouble:
        if os.environ.get("CIRCLE_DEBUG"):
            raise
        _fail(f"a fault in circle itself: {type(trouble).__name__}: {trouble}. Set CIRCLE_DEBUG=1 to see where, and please report it.", 1)


def _fail(message: str, status: int) -> None:
    Console(stderr=True).print(f"circle: {message}", markup=False, highlight=False, soft_wrap=True)
    sys.exit(status)
