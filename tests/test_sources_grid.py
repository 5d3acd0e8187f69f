"""The public multipolygon test cases of osm-testdata: valid areas come out as expected, invalid ones are findings."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import shapely

from circle import rules
from circle.errors import Findings
from circle.sources import buildings, integrity, osm, surroundings

AREAL = ("area", "landuse", "natural", "building", "boundary")
VARIANTS = {
    # Invalid by the strict reading, and libosmium puts them together all the same, as the test data's own variants `fix` and `location`
    # expect. Nothing is lost and nobody could draw them another way, so they are no findings.
    742: "a spike that goes out and back encloses nothing: left out",
    747: "two nodes at one spot, one after the other: the outline is the same",
    748: "the same, in a closed way",
    757: "an inner ring that shares a line with the outer one is a bay",
    780: "the ring closes by its place, not by its node",
    781: "the same, in a relation",
    782: "the same, in an inner ring",
    794: "of three equal ways two cancel each other",
}
TWICE = {790, 795}  # the same way is a member twice: taken once, and a finding of its own
MENDED = {  # what is drawn for a building when the rings cannot be put together: nobody who lives there is dropped
    711: "fix", 714: "fixed", 715: "fixed", 754: "fix", 791: "location", 792: "location", 793: "location",
}  # fmt: skip
LINE_ONLY = {741}  # a line to and fro: no area can be made of it
ALSO_VALID = {
    749: "listed as invalid, with the area that is expected: two triangles that meet in a point. We give that area, and a finding",
    **dict.fromkeys((900, 901, 902, 903, 904, 905), "roles are wrong or missing, the rings are good: libosmium does not need the roles"),
}
NUMBERS = [*range(100, 103), *range(110, 117), *range(120, 125), *range(130, 135), *range(300, 308)]


@pytest.fixture(scope="session")
def grid(test_data) -> Path:
    return test_data / "malformed" / "osm-testdata" / "grid" / "data"


@pytest.fixture(scope="session")
def cases(grid) -> dict[int, dict]:
    return {case["test_id"]: case for case in json.loads((grid / "tests.json").read_text())}


def folder(grid: Path, number: int) -> Path:
    return grid / str(number)[0] / str(number)


def area(shape: shapely.Geometry) -> shapely.Geometry:
    return shapely.MultiPolygon(list(shapely.get_parts(shape))).normalize()


def expected(case: dict) -> dict[str, dict[str, shapely.Geometry | None]]:
    """Object → variant → area, None where the variant says that it is invalid."""
    found: dict[str, dict[str, shapely.Geometry | None]] = {}
    for variant, areas in case.get("areas", {}).items():
        for each in areas:
            shape = None if each["wkt"] == "INVALID" else area(shapely.from_wkt(each["wkt"]))
            found.setdefault(f"{each['from_type']}/{each['from_id']}", {})[variant] = shape
    return found


def retagged(source: Path, target: Path, owners: set[str], tag: tuple[str, str]) -> Path:
    """The case with one areal tag, on the objects that are expected to be areas, and nowhere else."""
    tree = ET.parse(source)
    for element in tree.getroot():
        for old in [child for child in element if child.tag == "tag" and child.get("k") in AREAL]:
            element.remove(old)
        if f"{element.tag}/{element.get('id')}" in owners:
            ET.SubElement(element, "tag", k=tag[0], v=tag[1])
    tree.write(target, encoding="utf-8", xml_declaration=True)
    return target


def as_landuse(path: Path) -> tuple[dict[str, shapely.Geometry], Findings]:
    integrity.inspect(path)
    extract = osm.read(path, {"shop"})
    table = surroundings.shapes(extract, extract.findings)
    table = table[table["kind"] == "area"]
    return {key: area(shape) for key, shape in zip(table["id"], table.geometry, strict=True)}, extract.findings


def as_buildings(path: Path) -> tuple[dict[str, shapely.Geometry], Findings]:
    integrity.inspect(path)
    extract = osm.read(path, {"shop"})
    ids, shapes, _ = buildings.outlines(extract, extract.findings)
    return {key: area(shape) for key, shape in zip(ids, shapes, strict=True)}, extract.findings


def told(findings: Findings) -> set[tuple[str, str]]:
    assert {finding.code for finding in findings} <= set(rules.findings())
    return {(finding.code, finding.id) for finding in findings if finding.id}


READERS = {("landuse", "forest"): as_landuse, ("building", "yes"): as_buildings}


def areal_cases(grid: Path, cases: dict[int, dict], *, valid: bool) -> list[int]:
    judged = {n: (folder(grid, n) / "result").read_text().strip() == "valid" for n, case in cases.items() if expected(case)}
    return [number for number, verdict in judged.items() if (verdict or number in ALSO_VALID) == valid]


@pytest.mark.parametrize("tag", READERS, ids=lambda tag: tag[0])
def test_valid_areas_come_out_as_expected(grid, cases, tmp_path, tag):
    wrong = {}
    numbers = areal_cases(grid, cases, valid=True)
    assert len(numbers) > 70
    for number in numbers:
        wanted = {owner: variants["default"] for owner, variants in expected(cases[number]).items()}
        path = retagged(folder(grid, number) / "data.osm", tmp_path / f"{number}.osm", set(wanted), tag)
        found, _ = READERS[tag](path)
        if found.keys() != wanted.keys() or not all(found[owner].equals(wanted[owner]) for owner in wanted):
            wrong[number] = (sorted(found), sorted(wanted))
    assert wrong == {}


@pytest.mark.parametrize("tag", READERS, ids=lambda tag: tag[0])
def test_invalid_areas_are_findings_or_a_declared_variant(grid, cases, tmp_path, tag):
    numbers = areal_cases(grid, cases, valid=False)
    assert len(numbers) > 25
    for number in numbers:
        ((owner, variants),) = expected(cases[number]).items()
        path = retagged(folder(grid, number) / "data.osm", tmp_path / f"{number}.osm", {owner}, tag)
        found, findings = READERS[tag](path)
        if number in VARIANTS or number in TWICE:
            (variant,) = [shape for shape in variants.values() if shape is not None]
            assert found[owner].equals(variant), number
            assert told(findings) == ({("sources.duplicate_member", owner)} if number in TWICE else set()), number
            continue
        assert told(findings) == {("sources.broken_ring", owner)}, number
        if tag[0] == "landuse":
            assert found == {}, number
        else:
            assert found.keys() == ({owner} if number not in LINE_ONLY else set()), number
            if number in MENDED:
                assert found[owner].equals(variants[MENDED[number]]), number


def test_the_tables_above_name_cases_that_exist(grid, cases):
    assert len(cases) == 130
    invalid = set(areal_cases(grid, cases, valid=False))
    assert set(VARIANTS) | TWICE | set(MENDED) | LINE_ONLY <= invalid
    assert set(ALSO_VALID) <= set(cases)
    assert sorted(set(cases) - set(areal_cases(grid, cases, valid=True)) - invalid) == NUMBERS


def test_tags_on_the_outer_way_only_are_the_ways_own(grid):
    """Tags of a multipolygon on its outer way, as before 2017: today they are the way's, which has no hole (osm2pgsql reads it so too)."""
    found, findings = as_buildings(folder(grid, 921) / "data.osm")
    outer = shapely.box(9.11, 1.21, 9.19, 1.29)
    assert list(found) == ["way/921800"]
    assert found["way/921800"].equals(area(outer))
    assert told(findings) == set()


def test_outlines_in_two_open_ways_are_findings(grid):
    _, findings = as_buildings(folder(grid, 912) / "data.osm")
    assert told(findings) == {("sources.broken_ring", "way/912800"), ("sources.broken_ring", "way/912801")}


@pytest.mark.parametrize("tag", READERS, ids=lambda tag: tag[0])
def test_every_way_of_the_other_cases_is_an_area_or_a_finding(grid, tmp_path, tag):
    """Sections 1 and 3: geometries that are no areas; user names and ids that we never look at."""
    for number in NUMBERS:
        source = folder(grid, number) / "data.osm"
        owners = {f"way/{each.get('id')}" for each in ET.parse(source).getroot() if each.tag == "way"}
        path = retagged(source, tmp_path / f"{number}.osm", owners, tag)
        found, findings = READERS[tag](path)
        named = {finding_id for code, finding_id in told(findings) if code == "sources.broken_ring"}
        assert owners <= set(found) | named, number
        assert set(found) <= owners, number


def test_all_cases_in_one_file(grid):
    found, findings = as_landuse(grid / "all.osm")
    assert len(found) > 60
    assert {"sources.broken_ring", "sources.duplicate_member"} <= set(findings.counts())
