"""A planner's folder as it is found: a GBK ledger, a BD-09 clinic list, a GCJ-02 shop list, a shapefile without .cpg, zones in Excel.

Takes: a place that was read from a map, a folder.   Gives: the files, made up from the buildings of the map; and what is true of them.
Never: holds anybody's data: names and numbers are drawn by chance from a fixed seed.
"""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass, field
from pathlib import Path

import geopandas as gpd
import numpy as np
import openpyxl
import shapely

from circle import sources
from circle.sources import coordinates

SECRETS = ("13812345678", "王小明", "0714-5412345", "高血压")


@dataclass
class Messy:
    """The folder, and what a run must find in it."""

    folder: Path
    households: dict[str, float] = field(default_factory=dict)
    clinics: list[tuple[float, float]] = field(default_factory=list)
    shops: list[tuple[float, float]] = field(default_factory=list)
    grids: dict[str, list[str]] = field(default_factory=dict)
    drawn: int = 0

    def path(self, name: str) -> str:
        return str(self.folder / name)


def make(place: sources.Place, folder: Path) -> Messy:  # noqa: PLR0915 - one file after the other
    """Write the folder."""
    rng = np.random.default_rng(20220617)
    folder.mkdir(parents=True, exist_ok=True)
    made = Messy(folder)
    homes = place.buildings[place.buildings["residential"]]
    middles = shapely.get_coordinates(shapely.centroid(homes.geometry.to_numpy()))
    ids = homes["building"].to_numpy()
    picked = rng.choice(len(homes), 260, replace=False)

    with (folder / "楼栋台账.csv").open("w", encoding="gbk", newline="") as file:
        sheet = csv.writer(file)
        sheet.writerow(["楼栋编号", "层数", "户 数（户）", "60岁以上", "户主姓名", "联系电话", "慢性病"])
        for number, row in enumerate(picked[:120]):
            said = int(rng.integers(2, 90))
            made.households[ids[row]] = said
            sheet.writerow([ids[row], "６层", f"{said}", said // 3, "王小明", "13812345678", "高血压" if number % 3 else ""])
        sheet.writerow(["合计", "", sum(made.households.values()), "", "", "", ""])
        sheet.writerow(["way/999999999", 6, 48, 9, "王小明", "13812345678", ""])

    spots = middles[picked[120:150]]
    x, y = coordinates.wgs_to_bd(*spots.T)
    made.clinics = [tuple(one) for one in spots]
    with (folder / "诊所.csv").open("w", encoding="utf-8-sig", newline="") as file:
        sheet = csv.writer(file)
        sheet.writerow(["名称", "类别", "经度", "纬度", "电话"])
        for number, (lon, lat) in enumerate(zip(x, y, strict=True)):
            sheet.writerow([f"亦庄第{number}社区卫生服务站 13812345678", "社区卫生服务站", f"{lon:.7f}", f"{lat:.7f}", "0714-5412345"])
        sheet.writerow(["规划中的服务站", "社区卫生服务站（规划）", "", "", ""])

    spots = middles[picked[150:230]]
    x, y = coordinates.wgs_to_gcj(*spots.T)
    made.shops = [tuple(one) for one in spots]
    with (folder / "商店.csv").open("w", encoding="gb18030", newline="") as file:
        sheet = csv.writer(file, delimiter="\t")
        sheet.writerow(["id", "name", "typecode", "location", "tel"])
        for number, (lon, lat) in enumerate(zip(x, y, strict=True)):
            sheet.writerow([f"B0{number:04d}", f"便民超市第{number}店", "060200", f"{lon:.6f},{lat:.6f}", "13812345678"])

    drawn = homes.iloc[picked[230:260]]
    extra = [shapely.box(116.5301 + 0.0004 * n, 39.7061, 116.5303 + 0.0004 * n, 39.7062) for n in range(8)]
    made.drawn = len(extra)
    frame = gpd.GeoDataFrame(
        {"小区名称": "测绘小区", "户数": 12, "地上层数": 6, "用途": "住宅"},
        geometry=[*drawn.geometry, *extra],
        index=range(len(drawn) + len(extra)),
        crs=4326,
    )
    frame.to_crs(4548).to_file(folder / "楼栋轮廓.shp", encoding="gbk")
    (folder / "楼栋轮廓.cpg").unlink()
    for building in drawn["building"]:
        made.households[building] = 12.0

    names = {zone: name for zone, name in zip(place.zones["zone"], place.zones["name"], strict=True) if name}
    compounds = sorted({str(name) for name in names.values()})[:12]
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "网格"
    for row in (["网格划分表"], ["网格", "小区", "负责人", None], [None, None, "姓名", "电话"]):
        sheet.append(row)
    for block in ("A1:D1", "A2:A3", "B2:B3", "C2:D2"):
        sheet.merge_cells(block)
    for number, compound in enumerate(compounds):
        grid = f"第{number // 3 + 1}网格"
        made.grids.setdefault(grid, []).append(compound)
        sheet.append([grid if number % 3 == 0 else None, compound, "王小明", "13812345678"])
    for start in range(4, 4 + len(compounds), 3):
        sheet.merge_cells(f"A{start}:A{min(start + 2, 3 + len(compounds))}")
    sheet.append(["合计", len(compounds), None, None])
    book.create_sheet("说明").append(["本表由社区填写"])
    book.save(folder / "网格.xlsx")

    (folder / "研究范围.geojson").write_text(
        json.dumps(shapely.geometry.mapping(shapely.box(116.47, 39.71, 116.58, 39.82))), encoding="utf-8"
    )
    return made
