"""Draw up the tables that a planner might have of the embedded place: takes the place, gives three files, the same bytes every time.

    python data/kuangshan/tables/make.py [FOLDER]

Nothing in them is real, and nothing in them is about a person. The ledger is as offices keep it: GBK, a sum below, one building that
nobody has built yet. The list of facilities is as a map service exports it, in GCJ-02. Numbers come from the buildings' own order.
"""

from __future__ import annotations

import csv
import io
import sys
from pathlib import Path

import circle
from circle.sources.coordinates import wgs_to_gcj

HERE = Path(__file__).resolve().parent
NEW = "紫薇花园"  # where many flats stand empty, and few old people live
TYPES = {"shop": "便利店", "market": "菜市场", "clinic": "社区卫生服务站", "service_centre": "党群服务中心"}
QUARTERS = {"矿一小区": "西片区", "矿工新村": "西片区", "冶炼小区": "西片区", "矿三小区": "西片区", "单身宿舍": "西片区", NEW: "河东片区"}


def main(folder: Path = HERE) -> list[Path]:
    """Write the files."""
    run = circle.run(HERE.parent / "kuangshan.osm.pbf")
    names = run.zones[run.zones["layer"] == "compound"].drop_duplicates("zone").set_index("zone")["name"]
    homes = run.buildings[run.buildings["residential"] & (run.buildings["compound"].astype(str) != "")]
    ledger: list[list[object]] = [["小区", "楼号", "户数", "60岁以上人数"]]
    for number, home in enumerate(homes.itertuples()):
        compound = str(names[home.compound])
        block = str(home.name).removeprefix(compound)
        if not block.rstrip("栋").isdigit():
            continue
        new = compound == NEW
        households = round(home.households * (0.62 if new else 0.96 + 0.02 * (number % 5)))
        ledger.append([compound, block, households, round(households * (0.18 if new else 0.75 + 0.05 * (number % 4)))])
    ledger.append([NEW, "16栋", 0, 0])
    ledger.append(["合计", "", *(sum(int(str(row[column])) for row in ledger[1:]) for column in (2, 3))])

    listed: list[list[object]] = [["名称", "类别", "经度", "纬度"]]
    named = run.facilities[run.facilities["name"].astype(str).ne("") & run.facilities["service"].isin(TYPES)]
    spots = named.geometry.representative_point()
    for name, service, x, y in zip(named["name"], named["service"], spots.x, spots.y, strict=True):
        listed.append([name, TYPES[str(service)], *_gcj(x, y)])
    tower = homes[homes["name"] == f"{NEW}9栋"].geometry.representative_point().iloc[0]
    listed.append([f"{NEW}卫生服务站", TYPES["clinic"], *_gcj(tower.x, tower.y)])

    grids: list[list[object]] = [["小区", "网格"], *([name, QUARTERS.get(name, "中片区")] for name in dict.fromkeys(names.astype(str)))]
    return [
        _write(folder / "ledger.csv", ledger, "gb18030"),
        _write(folder / "facilities_gcj02.csv", listed, "utf-8"),
        _write(folder / "grids.csv", grids, "utf-8"),
    ]


def _gcj(x: float, y: float) -> tuple[str, str]:
    lon, lat = wgs_to_gcj(x, y)
    return f"{float(lon):.6f}", f"{float(lat):.6f}"


def _write(path: Path, rows: list[list[object]], encoding: str) -> Path:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    path.write_bytes(text.getvalue().encode(encoding))
    return path


if __name__ == "__main__":
    for file in main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE):
        print(f"{file.name}: {file.stat().st_size} bytes")
