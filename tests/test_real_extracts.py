"""The main job on real places: no building lost, tables as declared, the referee content, the same bytes twice."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import osmium
import pytest
from commands import Command, commands, tree

import circle
from circle import rules, schema
from circle.result import Run
from circle.standards import DEFAULT, load

SMALL = ("beijing_bupt_campus_2025.osm", "monaco_2012.osm.gz", "beijing_yizhuang_2021.osm.pbf", "helsinki_centre_2019.osm.pbf")
LARGE = ("berlin_borsigwalde_2026.osm.pbf", "las_palmas_2023.osm.pbf", "surprise_az_2021.osm.pbf", "liechtenstein_2022.osm.pbf")
SERVICES = [limit.service for limit in load(DEFAULT).services]


@dataclass(frozen=True)
class Counted:
    """Buildings of a file, counted without the reader under test."""

    start: set[str]
    outer: set[str]


def count_buildings(path: Path) -> Counted:
    """Every way and area relation that carries a building tag and where somebody starts a walk, and ways that are outer rings of one."""
    start, outer = set(), set()
    for thing in osmium.FileProcessor(str(path), osmium.osm.WAY | osmium.osm.RELATION).with_filter(osmium.filter.KeyFilter("building")):
        tags = dict(thing.tags)
        if thing.is_relation():
            if tags.get("type") not in {"multipolygon", "boundary"}:
                continue
            outer |= {f"way/{m.ref}" for m in thing.members if m.type == "w" and m.role == "outer"}
        if rules.building_use(tags).starts_walk:
            start.add(f"{'way' if thing.is_way() else 'relation'}/{thing.id}")
    return Counted(start, outer)


@pytest.fixture(scope="session")
def runs(test_data) -> dict[str, Run]:
    """Runs made so far, by file name; each is made once."""
    return {}


@pytest.fixture(params=[*SMALL, *LARGE])
def run(request, runs, test_data) -> tuple[Path, Run]:
    path = test_data / "osm" / request.param
    if request.param not in runs:
        runs[request.param] = circle.run(path)
    return path, runs[request.param]


def test_the_list_of_places_is_complete(test_data):
    assert {path.name for path in (test_data / "osm").iterdir()} == {*SMALL, *LARGE}


def test_a_real_place(run):
    """All that must hold of every run, in one test: a run of a large place is made once."""
    path, found = run
    no_building_is_lost(path, found)
    the_tables_are_as_declared(found)
    the_minutes_are_minutes(found)
    the_findings_are_declared(found)
    the_summary_agrees_with_the_tables(found)
    assert found.record["check"]["sample"] > 0
    assert found.record["check"]["worst_difference_s"] < 1e-6


def no_building_is_lost(path: Path, found: Run) -> None:
    counted = count_buildings(path)
    there = set(found.buildings["building"])
    told: dict[str, set[str]] = {}
    for code, identity in zip(found.findings["code"], found.findings["id"], strict=True):
        told.setdefault(identity, set()).add(code)
    lost = counted.start - there
    reasons = {"sources.broken_ring", "sources.same_building", "sources.incomplete_relation"}
    assert {one for one in lost if not told.get(one, set()) & reasons} == set()
    assert there <= counted.start
    same = {one for one in lost if "sources.same_building" in told[one]}
    assert same <= counted.outer
    assert len(there) == len(counted.start) - len(lost)


def the_tables_are_as_declared(found: Run) -> None:
    layers = tuple(column.removeprefix("zone_") for column in found.buildings if column.startswith("zone_"))
    for name, table in found.tables().items():
        schema.check(table, name, SERVICES, layers)
    ids = found.buildings["building"]
    assert ids.is_unique
    assert ids.is_monotonic_increasing
    assert found.buildings.geometry.is_valid.all()
    assert set(found.buildings.geometry.geom_type) <= {"Polygon", "MultiPolygon"}
    keys = found.facilities[["service", "facility"]].apply(tuple, axis=1)
    assert keys.is_unique
    assert keys.is_monotonic_increasing
    nodes = set(found.nodes["node"])
    assert set(found.edges["u"]) | set(found.edges["v"]) == nodes
    assert found.links["edge"].isin(found.edges["edge"]).all()


def the_minutes_are_minutes(found: Run) -> None:
    for service in SERVICES:
        minutes, leg = found.buildings[f"minutes_{service}"].to_numpy(), found.buildings[f"leg_m_{service}"].to_numpy()
        assert not np.isnan(minutes).any()
        assert not np.isnan(leg).any()
        assert (minutes >= 0).all()
        walked = np.isfinite(minutes)
        facility = found.buildings[f"facility_{service}"].astype(str).to_numpy()
        assert ((facility != "") == walked).all()
        offered = set(found.facilities.loc[found.facilities["service"] == service, "facility"])
        assert set(facility[walked]) <= offered
        assert (leg[walked] / 1.2 <= minutes[walked] * 60 + 1e-6).all()


def the_findings_are_declared(found: Run) -> None:
    declared = rules.findings()
    assert set(found.findings["code"]) <= set(declared)
    assert dict(Counter(found.findings["code"])) == found.summary["findings"]
    assert not found.findings.duplicated().any()


def the_summary_agrees_with_the_tables(found: Run) -> None:
    counts = found.summary["counts"]
    assert counts["buildings"] == len(found.buildings)
    assert counts["residential"] == int(found.buildings["residential"].sum())
    assert counts["facilities"] == {service: int((found.facilities["service"] == service).sum()) for service in SERVICES}
    west, south, east, north = found.summary["extent"]
    assert west < east
    assert south < north


@pytest.mark.parametrize("name", SMALL[:2])
def test_the_same_input_gives_the_same_bytes_in_another_process(test_data, tmp_path, name):
    """Two interpreters, whose sets and hashes run in another order."""
    for copy in ("one", "two"):
        (outcome,) = commands(Command(("run", str(test_data / "osm" / name), "-o", str(tmp_path / copy), "--no-map", "-q")))
        assert outcome.status == 0, outcome
    one, two = tree(tmp_path / "one"), tree(tmp_path / "two")
    assert len(one) == 14
    assert {file: digest for file, digest in one.items() if file != "run.json"} == {f: d for f, d in two.items() if f != "run.json"}
