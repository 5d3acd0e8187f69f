"""`circle map`: a saved run, drawn again.

Takes: a run's folder.   Gives: its page, workbook and layers anew, a poster, tiles.
Never: computes a minute.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from circle.cli.talk import progress, tell
from circle.cli.targets import refuse_ending, refuse_inputs


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("map", epilog="Examples:  circle map out/place   ·   circle map out/place --basemap tianditu --basemap-key KEY")(draw_map)
    app.command("tiles", epilog="Example:  circle tiles out/place -o tiles")(draw_tiles)
    app.command(
        "poster", epilog="Examples:  circle poster out/place -o plan.pdf   ·   circle poster out/place -o plan.pdf --paper A4 --portrait"
    )(draw_poster)


def draw_map(
    folder: Annotated[Path, typer.Argument(help="Folder of a run. 运行结果文件夹", show_default=False)],
    basemap: Annotated[
        str, typer.Option(help="An online map that readers may turn on: osm, tianditu, amap. Default: none. 在线底图", show_default=False)
    ] = "",
    basemap_key: Annotated[str, typer.Option(help="Your own key for it, where it needs one. 底图密钥", show_default=False)] = "",
) -> None:
    """Draw map, workbook and layers of a saved run again. 重新绘制已保存的结果。"""
    from circle import backdrop, districts
    from circle.folder import read_record
    from circle.publish import layers, workbook
    from circle.publish.basemap import basemap as named

    under = named(basemap, basemap_key) if basemap or basemap_key else None
    read_record(folder, "run")
    with progress() as say:
        say("page", None)
        drawn = districts.publish(folder) if under is None else backdrop.draw(folder, under)
        say("workbook", None)
        workbook.write(folder)
        say("layers", None)
        layers.write(folder)
    tell(f"map 地图: {drawn}")


def draw_poster(
    folder: Annotated[Path, typer.Argument(help="Folder of a run. 运行结果文件夹", show_default=False)],
    out: Annotated[Path, typer.Option("--out", "-o", help="PDF file to write. 输出文件")] = Path("plan.pdf"),
    paper: Annotated[str, typer.Option(help="Size of the sheet: A3 or A4. 纸张")] = "A3",
    portrait: Annotated[bool, typer.Option("--portrait", help="Upright instead of landscape. 纵向")] = False,
    font: Annotated[Path | None, typer.Option(help="A font file with Chinese characters. 中文字体文件", show_default=False)] = None,
) -> None:
    """Draw a sheet to hang up: map, legend, shares, the worst gaps, as a PDF. 绘制挂图（PDF）。"""
    refuse_ending(out, "--out", {".pdf": "sheet"})
    refuse_inputs(out, "--out", folder)
    from circle.publish import poster

    with progress() as say:
        say("page", None)
        drawn = poster.build(folder, out, paper=paper, portrait=portrait, font=font)
    tell(f"poster 挂图: {drawn}")


def draw_tiles(
    folder: Annotated[Path, typer.Argument(help="Folder of a run. 运行结果文件夹", show_default=False)],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder to write the .pmtiles files into. 输出文件夹")] = Path("tiles"),
) -> None:
    """Write buildings, facilities and zones as PMTiles, for a web map of your own. 导出 PMTiles 矢量瓦片。"""
    from circle.publish import tiles

    with progress() as say:
        say("layers", None)
        drawn = tiles.write(folder, out)
    for path in drawn:
        tell(f"tiles 瓦片: {path}")
