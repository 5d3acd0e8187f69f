"""`circle explain`: one building of a saved run, in full.

Takes: a run's folder, a building, perhaps a service.   Gives: the walk leg by leg, what stands beside it, and the reason; GeoJSON.
Never: computes a minute.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from circle.cli.talk import tell
from circle.cli.targets import refuse_ending, refuse_inputs, refuse_other_walks
from circle.errors import OutputError
from circle.rules import LANGUAGES


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "explain",
        epilog="Examples:  circle explain out/place way/123 -s shop   ·   circle explain out/place 紫薇花园14栋 -l en --geojson w.geojson",
    )(explain)


def explain(
    folder: Annotated[Path, typer.Argument(help="Folder of a run. 运行结果文件夹", show_default=False)],
    building: Annotated[
        str,
        typer.Argument(
            help="Its id (way/123), or a name or house number that only one building has. 建筑编号、名称或门牌", show_default=False
        ),
    ],
    service: Annotated[str | None, typer.Option("--service", "-s", help="One service. Default: all of them. 服务")] = None,
    lang: Annotated[str, typer.Option("--lang", "-l", help="Language: zh or en. 语言")] = "zh",
    geojson: Annotated[Path | None, typer.Option("--geojson", help="Write the walks to this file, for QGIS or any map. 写出路线")] = None,
) -> None:
    """Say why a building has its verdict: the walk leg by leg, the straight line beside it, the reason. 逐段解释一栋楼的步行时间与结论。"""
    if lang not in LANGUAGES:
        raise typer.BadParameter(f"there is no language '{lang}'; choose one of {', '.join(LANGUAGES)}", param_hint="--lang")
    if geojson is not None:
        refuse_ending(geojson, "--geojson", {".geojson": "walks", ".json": "walks"})
        refuse_inputs(geojson, "--geojson", folder)
        refuse_other_walks(geojson, "--geojson")
    from circle.result import open_run

    run = open_run(folder)
    services = [service] if service else [limit.service for limit in run.standard.services]
    told = [run.explain(building, each) for each in services]
    for number, one in enumerate(told):
        if number:
            tell("")
        for line in one.lines(lang):
            tell(line)
    if geojson is not None:
        features = []
        for one in told:
            for feature in one.geojson()["features"]:
                feature["properties"]["service"] = one.limit.service
                features.append(feature)
        try:
            text = json.dumps({"type": "FeatureCollection", "features": features}, ensure_ascii=False, allow_nan=False)
            geojson.write_text(text + "\n", encoding="utf-8")
        except OSError as trouble:
            raise OutputError(f"{geojson} cannot be written: {trouble.strerror or trouble}. Name another file with --geojson.") from trouble
