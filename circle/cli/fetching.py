"""`circle fetch`: live OpenStreetMap into a snapshot.

Takes: a place and whom to ask.   Gives: one file, and what is in it.
Never: computes.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.status import Status

from circle import standards
from circle.cli.talk import fail, tell

WORDS = {
    "geocode": "looking up the place 查找地点",
    "ask": "asking for the map 请求地图数据",
    "wait": "waiting 等待",
    "receive": "receiving 接收数据",
    "retry": "trying again 重试",
    "store": "writing the snapshot 写入快照",
}
OFTEN = frozenset(["wait", "receive"])  # told on a terminal as they come, on a pipe once


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog="Examples:  circle fetch '铁山区, 黄石市' -o tieshan.gpkg   ·   circle fetch --around 30.205,114.90,1500 -o home.gpkg"
        "   ·   circle fetch --bbox 114.85,30.18,114.95,30.24   ·   circle run tieshan.gpkg"
    )(fetch)


def fetch(  # noqa: PLR0913, PLR0917 - one parameter for each option
    place: Annotated[
        str | None, typer.Argument(help="Name of a place, with its city or province. 地名，请带上城市或省份", show_default=False)
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="The snapshot to write, .gpkg. 快照文件")] = Path("place.gpkg"),
    bbox: Annotated[str | None, typer.Option(help="west,south,east,north in degrees, instead of a name. 经纬度范围：西,南,东,北")] = None,
    polygon: Annotated[str | None, typer.Option(help="A file with the outline (GeoJSON, GeoPackage, Shapefile). 边界文件")] = None,
    around: Annotated[str | None, typer.Option(help="lat,lon,metres: a circle around a point. 纬度,经度,半径（米）")] = None,
    which: Annotated[int | None, typer.Option(help="Number of the place to take, where several have the name. 同名地点中的第几个")] = None,
    standard: Annotated[
        str,
        typer.Option(
            "--standard", "-s", help="The map is fetched as far around as the longest limit of this standard needs. 决定外扩距离的标准"
        ),
    ] = standards.DEFAULT,
    buffer: Annotated[float | None, typer.Option(help="Metres around the area, instead of what the standard needs. 外扩距离（米）")] = None,
    endpoint: Annotated[str | None, typer.Option(help="Address of an Overpass server. Overpass 服务器地址")] = None,
    geocoder: Annotated[str | None, typer.Option(help="Address of a Nominatim server. Nominatim 服务器地址")] = None,
    user_agent: Annotated[str | None, typer.Option(help="User agent to send to the servers. 向服务器表明身份")] = None,
    timeout: Annotated[int, typer.Option(help="Seconds to wait for one answer. 单次请求的等待秒数")] = 180,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Ask the server again, and do not use answers kept from the last seven days. 不使用缓存")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print only warnings and errors. 静默")] = False,
) -> None:
    """Fetch a place from live OpenStreetMap into a snapshot that `circle run` reads. 从在线 OpenStreetMap 获取一个地方的数据。"""
    chosen = standards.load(standard)
    with _saying(quiet=quiet) as say:
        from circle import fetch as fetching
        from circle.sources import overpass

        try:
            fetching.prepare(out)
            wire = overpass.Wire(
                endpoint or overpass.ENDPOINT, geocoder or overpass.GEOCODER, user_agent or overpass.USER_AGENT, timeout, _cache(), fresh
            )
            client = overpass.Client(wire, say, time.sleep)
            area = fetching.area_of(client, place, bbox, polygon, around, which)
            made = fetching.fetch(area, out, client, standard=chosen, buffer_m=buffer)
        except KeyboardInterrupt:
            fail("stopped; nothing was written", 130)
    if quiet:
        return
    tell(f"place 地点: {made.name}, and {made.buffer_m:.0f} m around it 外扩")
    tell(f"objects 对象: {made.nodes:,} nodes, {made.ways:,} ways, {made.relations:,} relations; data of 数据日期 {made.date or '?'}")
    tell(f"snapshot 快照: {made.path}   →   circle run {made.path}")


def _cache() -> Path:
    """Where answers are kept for some days: the user's cache folder."""
    home = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    return (Path(home) if home else Path.home() / ".cache") / "circle" / "wire"


@contextmanager
def _saying(*, quiet: bool) -> Iterator[Callable[[str, str], None]]:
    console = Console(stderr=True)
    if quiet:
        yield lambda stage, detail: None  # noqa: ARG005
    elif console.is_terminal:
        with Status("", console=console) as status:
            asked = [""]

            def live(stage: str, detail: str) -> None:
                asked[0] = f" ({detail})" if stage == "ask" else asked[0]
                line = f"{WORDS[stage]} · {detail}" + (asked[0] if stage in OFTEN else "")
                if stage == "retry":
                    tell(f"· {line}", console)
                else:
                    status.update(line.replace("[", "("))

            yield live
    else:
        known: set[str] = set()

        def plain(stage: str, detail: str) -> None:
            if stage not in OFTEN or stage not in known:
                known.add(stage)
                tell(f"· {WORDS[stage]} · {detail}", console)

        yield plain
