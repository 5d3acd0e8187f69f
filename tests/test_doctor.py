"""The doctor: each kind of trouble in a drawn town, and quiet where all is well."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import geopandas as gpd
import openpyxl
import pytest
from commands import one, refused
from town import Town

from circle import doctor, rules
from circle.options import Options
from circle.rules.checks import doctor as rule_of
from circle.study import Study

TODAY = datetime(2026, 11, 24, tzinfo=UTC)


@dataclass
class Said:
    """What the doctor said: lines by code."""

    report: doctor.Report

    def __getitem__(self, code: str) -> doctor.Trouble:
        (line,) = [t for t in self.report.troubles if t.code == code]
        return line

    def __contains__(self, code: str) -> bool:
        return any(t.code == code for t in self.report.troubles)


def sketch() -> Town:
    town = Town()
    town.street((0, 0), (400, 0))
    for number, service in enumerate(("shop", "market", "bus_stop", "service_centre", "clinic")):
        town.offer(service, 20 * number, -6)
    for x in (150, 200, 250):
        town.house(x, 6)
    return town


def asked(path, **options) -> Said:
    return Said(doctor.examine(Study.of(path, options=Options(**options)), today=TODAY))


def dated(path, stamp: str):
    """The same file, every object edited at that time, drawn by people."""
    text = (
        path.read_text(encoding="utf-8").replace('version="1"', f'version="1" timestamp="{stamp}"').replace("sketch (synthetic)", "people")
    )
    path.write_text(text.replace('version="0.6" timestamp', 'version="0.6" x'), encoding="utf-8")
    return path


def test_a_sound_town_is_fine(tmp_path):
    said = asked(dated(sketch().write(tmp_path / "a.osm"), "2026-11-01T00:00:00Z"))
    assert said.report.made
    assert [t.code for t in said.report.troubles if t.severity != "info"] == ["sources.no_relations"]  # a sketch holds none


@pytest.mark.parametrize(("date", "severity"), [("2026-08-01", None), ("2026-01-01", "info"), ("2020-01-01", "warning")])
def test_the_age_of_the_data(tmp_path, date, severity):
    said = asked(dated(sketch().write(tmp_path / "a.osm"), f"{date}T00:00:00Z"))
    assert ("check.stale" in said) == (severity is not None)
    if severity:
        assert said["check.stale"].severity == severity
        assert date in said["check.stale"].detail


def test_data_without_a_date_say_so(tmp_path):
    path = sketch().write(tmp_path / "a.osm")
    path.write_text(path.read_text(encoding="utf-8").replace("sketch (synthetic)", "people"), encoding="utf-8")
    said = asked(path)
    assert said["check.undated"].severity == "info"
    assert "check.stale" not in said


def test_homes_too_near_the_end_of_the_data(tmp_path):
    """The limit reaches 5 × 72 = 360 m; the data end 300 m east of the last house."""
    town = sketch()
    town.box = (-3000.0, -3000.0, 550.0, 3000.0)
    said = asked(town.write(tmp_path / "a.osm"))
    line = said["check.near_edge"]
    assert (line.count, line.total, line.severity) == (2, 3, "warning")  # those at 200 and 250; their east corners at 205 and 255
    assert "360 m" in line.detail
    assert set(line.ids) == set(said.report.places.loc[said.report.places["code"] == "check.near_edge", "id"])
    town.box = (-3000.0, -3000.0, 3000.0, 3000.0)
    assert "check.near_edge" not in asked(town.write(tmp_path / "b.osm"))


def test_services_that_are_missing_or_implausibly_few(tmp_path):
    town = sketch()
    town.offers = [offer for offer in town.offers if offer[1] != "clinic"]
    town.tags_of_node = {number: tags for number, tags in town.tags_of_node.items() if tags.get("amenity") != "clinic"}
    town.plot([(150, 20), (350, 20), (350, 120), (150, 120)], **{"building:levels": "30", "building": "apartments"})
    said = asked(town.write(tmp_path / "a.osm"))
    assert "Clinic" in said["check.no_service"].detail or "卫生" in said["check.no_service"].detail
    # 200 m × 100 m × 30 storeys × 0.85 / 100 m² are 5,100 dwellings, 13,362 people; the three small houses are a dwelling each: 13,370
    few = {t.detail.split()[0]: t for t in said.report.troubles if t.code == "check.few_service"}
    assert set(few) == {"便利店", "公交车站", "社区服务中心"}  # one serves 3,000, 5,000, 12,000 at most; a market 25,000
    (shop,) = [t for name, t in few.items() if name == "便利店"]
    assert shop.count == 1
    assert "0.07 per 1,000 people (13,370)" in shop.detail
    assert "at least 0.33 expected: GB 50180" in shop.detail


def test_islands_and_far_buildings_and_doubles_are_told(tmp_path):
    town = sketch()
    town.street((1000, 500), (1100, 500))
    town.house(1050, 506)
    town.house(300, 300)
    town.offer("shop", 0, -6)
    said = asked(town.write(tmp_path / "a.osm"))
    assert "network.island" in said
    assert said["linkage.far"].total == 5
    assert said["linkage.far"].severity == "warning"
    assert said["sources.merged_facility"].severity == "info"
    assert said["linkage.far"].ids[0] in set(said.report.places["id"])


def test_paths_that_nearly_meet_are_told(tmp_path):
    """A street ends three metres short of another one."""
    town = sketch()
    town.street((100, 60), (100, 3), highway="footway")
    town.street((100, 60), (0, 60), (0, 0), highway="footway")
    said = asked(town.write(tmp_path / "a.osm"))
    assert said["network.near_miss"].count == 1
    assert said["network.near_miss"].ids[0] in set(said.report.places["id"])


def test_every_line_says_what_to_do_in_both_languages():
    for code, text in rule_of().checks.items():
        assert code.startswith("check.")
        for label in (text.label, text.remedy):
            assert label.zh
            assert label.en
    assert set(rule_of().people) <= set(rules.services())
    assert all(people.source for people in rule_of().people.values())


def test_the_command_and_its_files(tmp_path):
    town = sketch()
    town.box = (-3000.0, -3000.0, 550.0, 3000.0)
    path = dated(town.write(tmp_path / "a.osm"), "2019-01-01T00:00:00Z")
    book, layer = tmp_path / "check.xlsx", tmp_path / "check.gpkg"
    ended = one("check", path, "--report", book, "--report", layer)
    assert ended.status == 0, ended
    assert "数据陈旧" in ended.out
    assert "The data are old" in ended.out
    assert one("check", path, "--strict", "-q").status == 1
    rows = list(openpyxl.load_workbook(book).active.iter_rows(values_only=True))
    assert any("警告 / warning" in str(row[0]) and "check.stale" in str(row[7]) for row in rows)
    places = gpd.read_file(layer, layer="check")
    assert "check.near_edge" in set(places["code"])
    assert (tmp_path / "study.toml").write_text('source = "a.osm"\nstandard = "gb50180-5"\n', encoding="utf-8")
    assert one("check", tmp_path / "study.toml", "-q").status == 0
    refused(one("check", tmp_path / "none.osm"), tmp_path / "none.osm")
    refused(one("check", tmp_path), "is a folder")
    refused(one("check", path, "--report", tmp_path / "x.pdf"), "x.pdf")


@pytest.mark.parametrize("spelled", ["ledger.xlsx", "./ledger.xlsx"])
def test_a_report_is_never_written_over_what_is_read(tmp_path, spelled):
    """The study names its list of facilities; a report of that name would be the end of it. A former report is written anew."""
    sketch().write(tmp_path / "a.osm")
    book = openpyxl.Workbook()
    book.active.append(["名称", "类型", "经度", "纬度"])
    book.save(tmp_path / "ledger.xlsx")
    before = (tmp_path / "ledger.xlsx").read_bytes()
    study = tmp_path / "study.toml"
    study.write_text('source = "a.osm"\nfacilities = ["ledger.xlsx"]\n', encoding="utf-8")
    refused(one("check", study, "-r", f"{tmp_path}/{spelled}"), "is a file that is read, and would be lost")
    refused(one("check", tmp_path / "a.osm", "--facilities", tmp_path / "ledger.xlsx", "-r", f"{tmp_path}/{spelled}"), "ledger.xlsx")
    assert (tmp_path / "ledger.xlsx").read_bytes() == before
    for _ in range(2):
        assert one("check", tmp_path / "a.osm", "-q", "-r", tmp_path / "report.xlsx").status == 0


def test_names_from_the_map_are_text(tmp_path):
    """A formula stays a text in the workbook, markup stays a text on the terminal."""
    town = sketch()
    town.offer("shop", 0, -6)
    path = town.write(tmp_path / "a.osm")
    said = asked(path)
    hostile = doctor.Trouble("check.stale", "warning", rules.Label("[red]x", "=1+1"), rules.Label("@a", "<b>"), 1, detail='=HYPERLINK("x")')
    report = doctor.Report("=1+1.osm", (hostile,), said.report.places, None, made=True)
    from circle.publish import checkup

    book = checkup.workbook(tmp_path / "check.xlsx", report.place, report.table(), "x")
    cells = [cell for row in openpyxl.load_workbook(book).active.iter_rows() for cell in row if cell.value is not None]
    assert all(cell.data_type != "f" for cell in cells)
    assert '=HYPERLINK("x")' in {cell.value for cell in cells}
