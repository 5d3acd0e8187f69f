"""`circle init`: a folder as a planner keeps it becomes a study file that runs; what is unclear is said, and nothing is written over."""

from __future__ import annotations

import geopandas as gpd
import openpyxl
import pytest
import shapely
from commands import one, refused
from town import two_homes

from circle import study_file, survey
from circle.errors import OutputError, SourceError
from circle.options import told

KNOWN = {name for name, _, how in told() if how.in_file}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "data").mkdir()
    two_homes(tmp_path / "data" / "town.osm")
    (tmp_path / ".hidden.csv").write_text("a\n")
    return tmp_path


def test_a_folder_with_a_map_becomes_a_study_that_runs(folder):
    made = one("init", folder)
    assert made.status == 0, made
    assert "data/town.osm" in made.out
    ran = one("run", folder / "study.toml", "-o", folder / "out", "--no-map", "-q")
    assert (ran.status, ran.out, ran.err) == (0, "", "")
    again = one("init", folder)
    refused(again, folder / "study.toml")
    assert "--force" in again.complaint
    assert one("init", folder, "--force").status == 0
    assert study_file.read(folder / "study.toml").source.name == "town.osm"  # the run's own files are no data


def test_the_text_is_commented_in_both_languages(folder):
    path, _ = survey.write(folder)
    text = path.read_text(encoding="utf-8")
    assert text.count("\n#") > 4
    assert 'source = "data/town.osm"' in text
    assert "研究文件" in text
    assert str(folder) not in text


FILES = {
    "楼栋台账.csv": ("楼号,户数,人口\n1,20,50\n", "buildings"),
    "设施台账.csv": ("设施名称,设施类别,经度,纬度\n甲,便利店,1,2\n", "facilities"),
    "台账.csv": ("设施名称,楼号,户数\n甲,3,1\n", "facilities"),
    "2023台账.csv": ("小区,楼号,户数\n甲,3,1\n", "buildings"),
    "某某台账.csv": ("甲,乙\n1,2\n", "buildings"),
    "高德便利店.csv": ("名称,经度,纬度\na,1,2\n", "facilities"),
    "list.csv": ("设施名称,类别\na,b\n", "facilities"),
    "表1.csv": ("楼栋号,户数\n1,2\n", "buildings"),
    "notes.csv": ("a,b\n1,2\n", None),
    "gates.csv": ("id,who\nnode/1,open\n", "gates"),
}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("encoding", ["utf-8-sig", "gb18030"])
def test_tables_are_known_by_name_or_headers(folder, name, encoding):
    text, option = FILES[name]
    (folder / name).write_text(text, encoding=encoding)
    found = survey.look(folder)
    if option in KNOWN:
        assert found.found == {option: [name]}
        assert found.unclear == []
    else:
        assert found.found == {}
        assert found.unclear == [name]
    if "高德" in name and "crs" in KNOWN:
        assert "GCJ-02" in found.notes["crs"][0]
        assert "# crs" in survey.text_of(found)  # a hint, not a decision


def test_layers_workbooks_and_rasters(folder):
    areas = gpd.GeoDataFrame({"名称": ["a"]}, geometry=[shapely.box(0, 0, 1, 1)], crs=4326)
    areas.to_file(folder / "data.gpkg", layer="网格")
    areas.to_file(folder / "data.gpkg", layer="misc")
    areas.to_file(folder / "研究范围.geojson")
    book = openpyxl.Workbook()
    book.active.append(["某社区一览表"])
    book.active.append(["楼号", "户数"])
    book.save(folder / "x.xlsx")
    (folder / "worldpop_2020.tif").write_bytes(b"II*\0")
    (folder / "dem.tif").write_bytes(b"II*\0")
    found = survey.look(folder)
    wanted = {"zones": ["data.gpkg:网格"], "boundary": ["研究范围.geojson"], "buildings": ["x.xlsx"], "population": ["worldpop_2020.tif"],
              "elevation": ["dem.tif"]}  # fmt: skip
    assert found.found == {option: files for option, files in wanted.items() if option in KNOWN}
    assert "data.gpkg:misc" in found.unclear
    text = survey.text_of(found)
    assert "data.gpkg:misc" in text
    (folder / "study.toml").write_text(text, encoding="utf-8")
    back = study_file.read(folder / "study.toml").options
    for option in found.found:
        value = getattr(back, option)
        files = value if isinstance(value, tuple) else (value,)
        assert [str(file) for file in files] == [str(folder / each) for each in found.found[option]], option


def test_a_snapshot_goes_before_a_file_and_a_folder_without_a_map_says_how_to_get_one(folder, tmp_path):
    from wire import Wire

    from circle import fetch
    from circle.sources import areas

    with Wire(folder / "data" / "town.osm") as wire:
        fetch.fetch(areas.around("0,0,900"), folder / "place.gpkg", wire.client(None), buffer_m=0)
    found = survey.look(folder)
    assert found.source == folder / "place.gpkg"
    assert "town.osm" in found.notes["source"][0]
    empty = tmp_path / "empty"
    empty.mkdir()
    made = one("init", empty)
    assert made.status == 0
    assert "circle fetch" in (empty / "study.toml").read_text(encoding="utf-8")
    wrong = one("run", empty / "study.toml", "-q")
    assert wrong.status == 2
    assert "place.gpkg" in wrong.complaint


def test_a_standard_of_ones_own_is_taken(folder):
    from circle import standards

    source = next(path for path in (survey.RULES.parent / "standards").glob("*.toml"))
    (folder / "own.toml").write_text(source.read_text(encoding="utf-8"), encoding="utf-8")
    (folder / "other.toml").write_text("a = 1\n", encoding="utf-8")
    path, found = survey.write(folder)
    assert found.standard == folder / "own.toml"
    assert standards.load(study_file.read(path).options.standard).services


def test_odd_folders_and_odd_files(folder):
    for name in ("broken.gpkg", "broken.shp", "broken.xlsx", "broken.parquet", "broken.geojson", "empty.csv", "new\nline.csv"):
        (folder / name).write_bytes(b"\x00\xff\xfe" if "empty" not in name else b"")
    found = survey.look(folder)
    assert len(found.unclear) == 7
    (folder / "study.toml").write_text(survey.text_of(found), encoding="utf-8")
    assert study_file.read(folder / "study.toml").source.name == "town.osm"
    with pytest.raises(SourceError):
        survey.look(folder / "no")
    (folder / "many").mkdir()
    for number in range(501):
        (folder / "many" / f"{number}.txt").touch()
    with pytest.raises(SourceError, match="500"):
        survey.look(folder)


def test_a_folder_that_may_not_be_written(folder, monkeypatch):
    from pathlib import Path

    def full(self, *_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OutputError, match="disk is full"):
        survey.write(folder)
    assert not (folder / "study.toml").exists()
