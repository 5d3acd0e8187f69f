"""A realistic folder over a real town, from tables to run; and each trap in it, when its option is withheld, stops with a word of help."""

from __future__ import annotations

import zipfile

import numpy as np
import openpyxl
import pandas as pd
import pytest
from commands import one
from messy import SECRETS, make

import circle
from circle import doctor, siting, sources, verify
from circle.errors import CircleError
from circle.options import Options
from circle.sources import layers
from circle.study import Study

SERVICES = ["shop", "market", "bus_stop", "service_centre", "clinic"]


@pytest.fixture(scope="module")
def extract(test_data):
    return test_data / "osm" / "beijing_yizhuang_2021.osm.pbf"


@pytest.fixture(scope="module")
def place(extract):
    return sources.read(extract, SERVICES)


@pytest.fixture(scope="module")
def folder(place, tmp_path_factory):
    return make(place, tmp_path_factory.mktemp("资料"))


def words(folder):
    return {
        "buildings": (folder.path("楼栋台账.csv"), folder.path("楼栋轮廓.shp")),
        "facilities": (folder.path("诊所.csv"), folder.path("商店.csv")),
        "zones": (folder.path("网格.xlsx"),),
        "boundary": folder.path("研究范围.geojson"),
        "crs": ("诊所.csv=BD-09", "商店.csv=GCJ-02", "研究范围.geojson=WGS-84"),
        "facilities_mode": ("shop=replace",),
    }


@pytest.fixture(scope="module")
def run(extract, folder):
    return circle.run(extract, **words(folder))


def test_the_ledger_and_the_outlines_are_in_the_buildings(run, folder, place):
    table = run.buildings.set_index("building")
    said = pd.Series({one: n for one, n in folder.households.items() if one in table.index})
    assert len(said) > 120
    assert (table.loc[said.index, "households_by"] == "ledger").all()
    assert table.loc[said.index, "households"].tolist() == said.tolist()
    own = table[table.index.str.startswith("楼栋轮廓/")]
    assert len(own) <= folder.drawn
    assert (run.buildings["building"].nunique()) == len(run.buildings)


def test_the_clinics_stand_where_they_are(run, folder):
    mine = run.facilities[run.facilities["source"].str.contains("诊所.csv")]
    assert len(mine) == len(folder.clinics)
    near = [
        min(np.hypot((x - lon) * 85_400, (y - lat) * 111_000) for lon, lat in folder.clinics)
        for x, y in zip(mine.geometry.x, mine.geometry.y, strict=True)
    ]
    assert max(near) < 0.1
    assert run.summary["counts"]["facilities"]["clinic"] >= len(folder.clinics)


def test_the_list_of_shops_replaces_the_maps(run, folder, place):
    shops = run.facilities[run.facilities["service"] == "shop"]
    assert len(shops) == len(folder.shops)
    mapped = (place.facilities["service"] == "shop").sum()
    assert run.summary["findings"]["tables.replaced_facility"] == mapped > 0


def test_grids_come_from_a_table_of_compounds(run, folder, place):
    zones = run.zones[(run.zones["layer"] == "grid") & (run.zones["service"] == "all")]
    assert set(zones["zone"]) <= set(folder.grids)
    assert len(zones) >= 2
    assert (run.buildings["zone_grid"].astype(str) != "").sum() == len(run.buildings[run.buildings["zone_grid"].isin(folder.grids)])


def test_what_was_not_used_is_said(run):
    found = run.summary["findings"]
    assert found["tables.not_a_record"] == 2
    assert found["tables.unknown_building"] >= 1
    assert found["tables.outside_boundary"] == 1
    assert found["tables.no_location"] == 1
    assert [one["file"] for one in run.record["layers"]] == [
        "网格.xlsx:网格",
        "楼栋台账.csv",
        "楼栋轮廓.shp",
        "诊所.csv",
        "商店.csv",
        "研究范围.geojson",
    ]
    assert "户 数（户）=households" in " ".join(run.record["understood"]).replace("=households", "=households")
    assert len(run.record["inputs"]) == 7


def test_nothing_private_is_in_any_file(run, tmp_path):
    out = tmp_path / "out"
    run.save(out)
    book = openpyxl.load_workbook(out / "report.xlsx", read_only=True)
    assert {"分区 网格 grid", "分区 小区 compound"} <= set(book.sheetnames)
    worst = [row[6] for row in book["分区 网格 grid"].iter_rows(min_row=4, values_only=True) if isinstance(row[6], float | int)]
    assert worst == sorted(worst)
    book.close()
    for path in sorted(out.iterdir()):
        raw = path.read_bytes()
        if path.suffix == ".xlsx":
            with zipfile.ZipFile(path) as archive:
                raw = b"".join(archive.read(name) for name in archive.namelist())
        if path.suffix == ".parquet":
            raw = pd.read_parquet(path).drop(columns="geometry", errors="ignore").to_csv().encode()
        assert [secret for secret in SECRETS if secret.encode() in raw] == [], path.name


@pytest.mark.parametrize(
    ("withheld", "file", "option"),
    [
        ("诊所.csv=BD-09", "诊所.csv", "--crs 诊所.csv=BD-09"),
        ("商店.csv=GCJ-02", "商店.csv", "--crs 商店.csv=GCJ-02"),
    ],
)
def test_a_shift_that_nobody_spoke_of_stops_the_run(place, folder, withheld, file, option):
    said = words(folder)
    said["crs"] = tuple(one for one in said["crs"] if one != withheld)
    with pytest.raises(CircleError) as caught:
        layers.enrich(place, layers.Layers(**said), SERVICES)
    told = str(caught.value)
    assert told.startswith(f"{file}: its coordinates fit the map as {withheld.split('=')[1]}, and not as WGS-84 (")
    assert option in told
    assert f"--crs {file}=WGS-84" in told
    assert "%" in told
    assert "\n" not in told
    assert not any(secret in told for secret in SECRETS)


def test_the_same_on_the_command_line(extract, folder, tmp_path):
    done = one("run", extract, "--facilities", folder.path("诊所.csv"), "-o", tmp_path / "out", "--no-map")
    assert done.status == 2
    assert "Traceback" not in done.err
    assert "--crs 诊所.csv=BD-09" in done.err
    assert not (tmp_path / "out").exists()


def test_from_init_to_the_map(extract, place, tmp_path):
    made = make(place, tmp_path / "资料")
    (made.folder / "yizhuang.osm.pbf").symlink_to(extract)

    def command(*told):
        return one(*told, folder=made.folder)

    assert command("init").status == 0
    study = made.folder / "study.toml"
    assert {"商店.csv", "诊所.csv", "楼栋台账.csv", "楼栋轮廓.shp", "网格.xlsx", "研究范围.geojson"} <= {
        name for line in study.read_text(encoding="utf-8").splitlines() if not line.startswith("#") for name in line.split('"')
    }
    stopped = command("run", "study.toml", "-o", "out")
    assert stopped.status == 2
    assert "--crs" in stopped.err
    with study.open("a", encoding="utf-8") as file:
        file.write('\ncrs = ["商店.csv=GCJ-02", "诊所.csv=BD-09"]\n')
    done = command("run", "study.toml", "-o", "out")
    assert done.status == 0, done.err
    assert (made.folder / "out" / "map.html").stat().st_size > 100_000
    assert "read 读取: 楼栋台账.csv: 121 rows; id=" not in done.out  # headers come first, as in the file
    assert "楼栋编号=id" in done.out
    assert "private, not read: 户主姓名, 联系电话, 慢性病" in done.out


def test_a_misspelt_file_in_an_option_is_refused(place, folder):
    with pytest.raises(CircleError, match=r"no option names a file 诊断\.csv"):
        layers.enrich(place, layers.Layers(facilities=(folder.path("诊所.csv"),), crs=("诊断.csv=BD-09",)), SERVICES)


def test_public_files_hold_nothing_below_five(extract, folder, tmp_path):
    run = circle.run(extract, public=True, **words(folder))
    run.save(tmp_path / "out")
    table = pd.read_parquet(tmp_path / "out" / "buildings.parquet", columns=["households", "population", "elderly", "households_by"])
    for column in ("households", "population", "elderly"):
        assert not ((table[column] > 0) & (table[column] < 5)).any(), column
    assert (table["households_by"] == "withheld").sum() == table["households"].isna().sum() > 50
    assert "withheld" in (tmp_path / "out" / "map.html").read_text(encoding="utf-8")
    with pytest.raises(CircleError, match="--public withholds"):
        siting.Ground.open(tmp_path / "out")
    report = verify.verify(tmp_path / "out")
    assert [check for check in report.checks if check.ok is False] == []
    assert run.record["public"] == {"least": 5, "counted_as": 2.5}


def test_the_doctor_tells_every_layer_that_would_stop_a_run(extract, folder):
    """Both lists at once, not one after the other; and with their systems said, a run goes through."""
    said = words(folder)
    blind = doctor.examine(Study.of(extract, options=Options(**{**said, "crs": ("研究范围.geojson=WGS-84",)})))
    stops = [trouble.detail for trouble in blind.troubles if trouble.code == "check.blocked"]
    assert not blind.made
    assert blind.worst == "error"
    assert len(stops) == 2
    assert "--crs 诊所.csv=BD-09" in stops[1]
    assert "--crs 商店.csv=GCJ-02" in stops[0]
    seen = doctor.examine(Study.of(extract, options=Options(**said)))
    assert seen.made
    assert "check.blocked" not in {trouble.code for trouble in seen.troubles}
