"""`circle site`: where a station, or an opened gate, mends most.

Takes: a run's folder, services, means.   Gives: `plan/` in that folder, and what it says in a few lines.
Never: chooses; `circle.siting` does.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from circle.cli.talk import progress, tell
from circle.errors import Findings, RuleError
from circle.publish.wording import percent
from circle.rules import findings

if TYPE_CHECKING:
    from circle.siting import Candidates, Ground, Plan

WEIGHT = "weight within the limit"
MODEL_NAMES = ("mclp", "lscp", "p-median", "p-center")


def register(app: typer.Typer) -> None:
    """Add the command."""
    example = (
        "Examples:  circle site out/place -s service_centre -s clinic -k 2   ·   circle site out/place -s clinic --passages --budget 500000"
    )
    app.command("site", epilog=example)(site)


def site(  # noqa: PLR0913, PLR0917 - Typer reads the options from the signature
    folder: Annotated[Path, typer.Argument(help="Folder of a run. 运行结果文件夹", show_default=False)],
    service: Annotated[
        list[str],
        typer.Option("--service", "-s", help="Service that a station is to offer; repeat it for several. 服务", show_default=False),
    ],
    k: Annotated[int | None, typer.Option("-k", min=0, help="How many stations and passages at most. 数量上限", show_default=False)] = None,
    budget: Annotated[float | None, typer.Option(min=0, help="What they may cost at most. 预算上限", show_default=False)] = None,
    model: Annotated[str, typer.Option(help=f"{', '.join(MODEL_NAMES)}. 选址模型")] = "mclp",
    candidates: Annotated[
        Path | None, typer.Option(help="Your table of rooms and plots. Default: spots along the paths. 备选点", show_default=False)
    ] = None,
    crs: Annotated[
        list[str] | None, typer.Option(help="Coordinate system of your table: WGS-84, GCJ-02, BD-09, EPSG:4547. 坐标系", show_default=False)
    ] = None,
    column: Annotated[
        list[str] | None, typer.Option(help="What a header of your table means: HEADER=cost. 列名对应", show_default=False)
    ] = None,
    rooms: Annotated[
        bool,
        typer.Option(
            "--rooms", help="Candidates are existing buildings: public, vacant and simple ones, and ground floors. 以现有房屋为备选"
        ),
    ] = False,
    spacing: Annotated[float | None, typer.Option(min=1, help="Metres between spots along paths. 间距", show_default=False)] = None,
    most: Annotated[int, typer.Option(min=1, help="Widen the spacing until there are no more spots than this. 备选点上限")] = 1000,
    allowed: Annotated[Path | None, typer.Option(help="Areas that spots must lie in. 允许范围", show_default=False)] = None,
    passages: Annotated[
        bool, typer.Option("--passages", help="Also consider opening gates, crossings and short links. 同时考虑开门、过街与连通")
    ] = False,
    weight: Annotated[str, typer.Option(help="households, population, buildings, or a column of numbers. 权重")] = "households",
    elderly: Annotated[
        float, typer.Option(min=0, help="Weight of an elderly person, where others count 1; needs a ledger that counts them. 老年人权重")
    ] = 1.0,
    worst_zone: Annotated[
        str,
        typer.Option(
            help="Layer of zones (grid, compound, …): the plan first does the most for its worst zone. 最差网格优先", show_default=False
        ),
    ] = "",
    together: Annotated[
        bool, typer.Option("--together", help="A home counts only when all the services are in time. 全部服务达标才计入")
    ] = False,
    need: Annotated[
        list[str] | None,
        typer.Option(help="Floor area in m² that a service needs for 100 households, such as clinic=30. 每百户面积", show_default=False),
    ] = None,
    time_limit: Annotated[
        float, typer.Option(min=0.1, help="Seconds for each search for a plan; then the best one so far is taken, with its bound. 求解时限")
    ] = 300.0,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder to write. Default: plan/ in the folder of the run. 输出", show_default=False)
    ] = None,
    no_map: Annotated[bool, typer.Option("--no-map", help="No page. 不绘制地图")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print only warnings and errors. 静默")] = False,
) -> None:
    """Find where stations, or opened passages, mend most, with proof. 选址：在哪里建站或开门最有效，并给出证明。"""
    if model not in MODEL_NAMES:
        raise typer.BadParameter(f"there is no model '{model}'; choose one of {', '.join(MODEL_NAMES)}", param_hint="--model")
    if k is None and budget is None and model != "lscp":
        raise typer.BadParameter("say how much may be built: -k or --budget", param_hint="-k")
    with progress(quiet=quiet) as say:
        say("reading the run 读取结果", None)
        from circle import districts, siting

        ground = siting.Ground.open(folder)
        who = siting.Who(tuple(dict.fromkeys(service)), weight, elderly, worst_zone, _needs(need or []))
        say("finding candidates 生成备选点", None)
        odd, sentences = Findings(), list[str]()
        said = (tuple(crs or ()), tuple(column or ()), odd, sentences)
        spots = _candidates(ground, candidates, said, rooms=rooms, along=(spacing, allowed, most))
        joins = siting.no_passages()
        if passages:
            say("looking for passages 查找可打通处", None)
            joins = siting.passages_near(ground, who)
        say("measuring and solving 测算与求解", None)
        means = siting.Means(k, budget)
        plan = siting.make(ground, who, means, (spots, joins), model=model, together=together, time_limit_s=time_limit)
        target = out or folder / "plan"
        say("tables" if no_map else "page", None)
        plan.save(target, None if no_map else districts.publish)
    if not quiet:
        for sentence in sentences:
            tell(f"read 读取: {sentence}", Console(file=sys.stderr))
    for one in odd.items:
        tell(f"circle: {one.id}: {one.detail or one.code}. {findings()[one.code].label.zh}。", Console(file=sys.stderr))
    if not quiet:
        _report(plan, target, drawn=not no_map)
    if lacking := plan.proof["weight_missing"]:
        what = f"“{weight}”" if elderly == 1.0 else f"“{weight}” or “elderly”"
        tell(f"circle: {lacking:,} homes have no number in {what}; it counts as 0. 无此数的住宅按 0 计。", Console(file=sys.stderr))
    if not plan.solution.proven:
        better = f"another plan may be better by {plan.solution.gap:.2%} at most"
        tell(f"circle: not proven: {better}. Allow more with --time-limit.", Console(file=sys.stderr))


def _needs(said: list[str]) -> dict[str, float]:
    out = {}
    for each in said:
        name, _, amount = each.partition("=")
        try:
            out[name.strip()] = float(amount)
        except ValueError:
            raise typer.BadParameter(f"'{each}' is no service=square metres, such as clinic=30", param_hint="--need") from None
    return out


def _candidates(
    ground: Ground,
    file: Path | None,
    said: tuple[tuple[str, ...], tuple[str, ...], Findings, list[str]],
    *,
    rooms: bool,
    along: tuple[float | None, Path | None, int],
) -> Candidates:
    from circle import siting

    if file is not None:
        table = siting.read(file, ground, crs=said[0], column=said[1], findings=said[2], sentences=said[3])
    elif rooms:
        table = siting.in_buildings(ground)
    else:
        spacing, areas, most = along
        table = siting.along(ground, spacing, _areas(areas), most)
    if not len(table):
        raise RuleError("There is no candidate. Give a table with --candidates, or widen --allowed.")
    return siting.tied(ground, table)


def _areas(path: Path | None) -> object:
    if path is None:
        return None
    import geopandas

    from circle.errors import SourceError

    try:
        return geopandas.read_file(path).to_crs("EPSG:4326").union_all()
    except Exception as trouble:
        raise SourceError(f"{path}: cannot be read as areas ({str(trouble).splitlines()[0]}). Give GeoJSON or GeoPackage.") from trouble


def _report(plan: Plan, target: Path, *, drawn: bool) -> None:
    """The plan in a few lines."""
    console, proof = Console(), plan.proof
    found = proof["verified"]
    heads = ("measure 措施", "name 名称", "cost 造价", "serves 服务", "gain 新增", "next best 次优", "loses 少")
    table = Table(*heads, box=None, pad_edge=False)
    for frame, key in ((plan.stations, "candidate"), (plan.passages, "passage")):
        for _, row in frame.iterrows():
            cost, served, gain = (f"{row[name]:,.0f}" for name in ("cost", "served", "gain"))
            loss = "—" if row["loss"] != row["loss"] else f"{row['loss']:,.1f}" if proof["worst_zone_first"] else f"{row['loss']:,.0f}"
            words = (escape(str(row[name])) for name in (key, "name"))
            table.add_row(*words, cost, served, gain, escape(str(row["next_best"])) or "—", loss)
    console.print(table)
    if proof["loss_unit"] != WEIGHT:
        tell(f"loses 少 is counted in 单位: {proof['loss_unit']}", console)
    share = percent(found["reached"] / found["of"] if found["of"] else None)
    before, now, of = (f"{found[name]:,.0f}" for name in ("reached_before", "reached", "of"))
    tell(f"within the limit 达标: {before} → {now} of {of} {proof['weight']} × services ({share})", console)
    fragile, differs = f"{found['gain_fragile']:,.0f} of {found['gain']:,.0f}", f"{found['referee']['worst_difference_s']:.1e} s"
    tell(f"fragile 临界: {fragile} gained; measured again on the whole network 全网复核, networkx differs by {differs}", console)
    if found["gain_assumed"]:
        tell(
            f"assumed 假定: {found['gain_assumed']:,.0f} of {found['gain']:,.0f} gained stand where neither use nor land says that anybody "
            "lives; they are counted as homes 其中这些建筑用途不明，按住宅计",
            console,
        )
    if "instead" in proof:
        said = ", ".join(f"{name.replace('_', ' ')} {value:,.0f}" for name, value in proof["instead"].items())
        tell(f"with the same means 同等投入: {said}, both 合计 {found['reached_by_model']:,.0f}", console)
    if "says" in proof:
        tell(f"{proof['says']['zh']} {proof['says']['en']}", console)
    curve = "  ".join(f"{row.k}: {row.reached:,.0f}" for row in plan.curve.itertuples())
    tell(f"curve 曲线 (k: reached): {curve}", console)
    state = "proven optimum 已证明最优" if plan.solution.proven else f"gap 差距 {plan.solution.gap:.2%}"
    tell(f"{proof['model']}: {state}; objective {proof['objective']:,.6g}, bound {proof['bound']:,.6g} ({proof['unit']})", console)
    if plan.asked.stations.unlinked:
        tell(f"not tied to any path 无法连接: {', '.join(plan.asked.stations.unlinked[:5])} ({len(plan.asked.stations.unlinked)})", console)
    if drawn:
        tell(f"map 地图: {target / 'map.html'}", console)
    tell(f"plan 方案: {target}   scenario 情景: {target / 'scenario.toml'}", console)
