"""`circle run` and `circle demo`: the whole job, and what it found in a few lines.

Takes: a file and options.   Gives: a run's folder, a short report.
Never: computes.
"""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from circle import examples, rules, standards, study_file
from circle.cli.asking import with_options
from circle.cli.talk import fail, progress, tell
from circle.options import Options
from circle.publish.wording import percent

if TYPE_CHECKING:
    from circle.result import Run

WHOLE_FILE = ("sources.no_relations", "sources.unordered")  # findings that put the whole answer in doubt are said in full


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(epilog="Example:  circle demo -o out/kuangshan")(with_options(demo, leave_out=frozenset({"no_map"})))
    app.command(
        epilog="Examples:  circle run place.osm.pbf -o out/place   ·   circle run place.osm.pbf -o out/old -w elderly -s gb50180-5"
        "   ·   circle run study.toml"
    )(with_options(run))


def demo(options: Options) -> None:
    """Run on the embedded place, Kuangshan (synthetic), and say where the map lies. 运行内置示例（虚构的矿山路社区）。"""
    _run(examples.kuangshan(), replace(options, out=options.out or Path("out") / "kuangshan"))


def run(
    source: Annotated[
        Path,
        typer.Argument(
            help="OpenStreetMap file (.osm.pbf, .osm, .osm.gz, .osm.bz2), a snapshot of `circle fetch`, a study.toml, "
            "or, with --scenario, the folder of a run. "
            "OSM 数据文件、快照、研究文件或已有结果",
            show_default=False,
        ),
    ],
    options: Options,
    said: frozenset[str],
) -> None:
    """Read a map, measure every building's walks, write tables, workbook, layers and the map. 运行全部分析。"""
    source, options = settled(source, options, said)
    stem = source.name.partition(".")[0] or "circle"
    if options.scenario is not None:  # beside the run that it changes, not in its place
        stem = f"{stem}-{options.scenario.stem}"
    _run(source, replace(options, out=options.out or Path("out") / stem))


def settled(source: Path, options: Options, said: frozenset[str]) -> tuple[Path, Options]:
    """Source and options of a study file under what was said; those of anything else as they are."""
    if not study_file.is_study(source):
        return source, options
    file = study_file.read(source)
    return file.source, study_file.over(file.options, options, said)


def standard_of(options: Options) -> standards.Standard:
    """The standard that is asked for; a wrong one, or a wrong walker, is refused in a blink, before the geo stack is imported."""
    chosen, walker = standards.load(options.standard), options.walker
    if walker is not None and not walker.lower().endswith(".toml") and walker not in rules.walkers():
        raise typer.BadParameter(f"there is no walker '{walker}'; choose one of {', '.join(rules.walkers())}", param_hint="--walker")
    return chosen


def _run(source: Path, options: Options) -> None:
    chosen, out = standard_of(options), options.out
    assert out is not None  # noqa: S101 - both callers name it
    started = time.perf_counter()
    published = not options.no_map
    with progress(quiet=options.quiet) as say:
        say("sources", None)
        from circle import folder, study

        if source.is_dir() and out.exists() and source.samefile(out):
            fail(f"{out} is the run that the scenario starts from, and would be lost. Name another folder with -o.", 2)
        folder.prepare(out)
        try:
            made = study.perform(study.Study.of(source, chosen, options=options), say=say)
            made.save(out, published=published, say=say)
        except KeyboardInterrupt:  # Typer would end without a word
            fail("stopped; nothing was changed", 130)
    if not options.quiet:
        _report(made, out, published=published, seconds=time.perf_counter() - started)
    worse = made.record.get("scenario", {}).get("worse", 0)
    if worse:
        fail(
            f"a fault in circle itself: the scenario only adds, and {worse} buildings are worse off (findings: scenario.worse). Report it.",
            1,
        )


def _report(made: Run, out: Path, *, published: bool, seconds: float) -> None:
    """What was found, in a few lines; everything else is in the files."""
    console = Console()
    summary, standard = made.summary, made.standard
    counted = summary["counts"]
    console.print(f"[bold]{escape(standard.title.zh)}  {escape(standard.title.en)}[/bold]")
    table = Table(box=None, pad_edge=False)
    table.add_column("service\n服务", no_wrap=True)
    for title in ("min\n分钟", "places\n设施", "met\n达标", "households\n户数达标", "missed\n未达标", "unmapped\n数据缺失"):
        table.add_column(title, justify="right")
    for key in (*(limit.service for limit in standard.services), "all"):
        block = summary["shares"][key]
        buildings, households = block["buildings"], block["households"]
        label = "all 全部" if key == "all" else f"{key} {escape(standard.limit(key).label.zh)}"
        limit_min = "" if key == "all" else f"{block['limit_min']:.3g}"
        places = "" if key == "all" else f"{counted['facilities'][key]:,}"
        shares = (percent(buildings["share_met"]), percent(households["share_met"]))
        table.add_row(label, limit_min, places, *shares, f"{buildings['gap']:,}", f"{buildings['unmapped']:,}")
    console.print(table)
    assumed = made.buildings["residential"] & (made.buildings["residential_by"] == "assumed")
    share = percent(made.buildings["households"][assumed].sum() / max(made.buildings["households"].sum(), 1))
    tell(
        f"counted 计入: {counted['residential']:,} of {counted['buildings']:,} buildings, where people live by their use "
        f"or by the land around them, or where neither is known ({assumed.sum():,}, with {share} of the households); "
        f"at {made.record['walker']['speed_m_per_s']} m/s",
        console,
    )
    _doubts(made, console, published=published)
    for line in made.record.get("understood", []):
        tell(f"read 读取: {line}", console)
    check = made.record["check"]
    tell(f"checked 复核: {check['sample']} walks again with networkx, worst difference {check['worst_difference_s']:.1e} s", console)
    if published:
        tell(f"map 地图: {out / 'map.html'}", console)
    tell(f"folder 结果: {out}  ({seconds:.1f} s)", console)


def _doubts(made: Run, console: Console, *, published: bool) -> None:
    """What the data cannot answer, and what is wrong with them, in words."""
    summary, places = made.summary, made.summary["counts"]["facilities"]
    for limit in made.standard.services:
        cut = summary["shares"][limit.service]["buildings"]["unmapped"]
        if not places[limit.service]:
            tell(f"No {limit.label.en} ({limit.label.zh}) is mapped here: unmapped 数据缺失 does not mean that none exists.", console)
        elif cut:
            tell(
                f"{limit.service} {limit.label.zh}: unmapped 数据缺失 for {cut:,} buildings, because the data end nearer than the limit "
                "reaches; take a larger extract 数据范围不够，请换更大的范围.",
                console,
            )
    labels = rules.findings()
    for code in WHOLE_FILE:
        if code in summary["findings"]:
            tell(f"{labels[code].label.zh}  {labels[code].label.en}. {labels[code].remedy.en}.", console)
    if summary["findings"]:
        tell(f"findings 数据问题: the most frequent; all in {'report.xlsx' if published else 'findings.parquet'}", console)
        for code, number in list(summary["findings"].items())[:4]:
            tell(f"  {number:>6,}  {labels[code].label.zh}  {labels[code].label.en}  ({code})", console)
