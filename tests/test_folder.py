"""A run's folder: whole or not at all, whatever is in the way."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pytest
import shapely
from commands import Command, commands, one, refused, tree
from osm_files import village

import circle
from circle import folder
from circle.errors import OutputError, SourceError


@pytest.fixture(scope="module")
def town(tmp_path_factory) -> Path:
    return village().write(tmp_path_factory.mktemp("town") / "town.osm.pbf")


@pytest.fixture(scope="module")
def found(town):
    return circle.run(town)


def test_what_is_saved_is_read_back(found, tmp_path):
    found.save(tmp_path / "out", published=False)
    again = circle.open(tmp_path / "out")
    for name, table in found.tables().items():
        both = [pd.DataFrame(each).drop(columns="geometry", errors="ignore") for each in (table, again.tables()[name])]
        pd.testing.assert_frame_equal(*(each.astype(object).fillna("") for each in both), check_dtype=False)
    assert again.summary == found.summary
    assert again.record["inputs"] == found.record["inputs"]


def test_the_same_input_gives_the_same_bytes(found, town, tmp_path):
    found.save(tmp_path / "one", published=False)
    circle.run(town).save(tmp_path / "two", published=False)
    one_, two = tree(tmp_path / "one"), tree(tmp_path / "two")
    assert one_.pop("run.json") != two.pop("run.json")  # the only file with timings
    assert one_ == two


def test_a_newer_run_takes_the_place_of_an_older_one_and_keeps_what_others_put_there(found, tmp_path):
    out = tmp_path / "out"
    found.save(out, published=False)
    (out / "map.html").write_text("of the older run")
    (out / "notes of the planner.txt").write_text("keep me")
    (out / "photos").mkdir()
    (out / "photos" / "gate.jpg").write_bytes(b"x")
    found.save(out, published=False)
    assert not (out / "map.html").exists()
    assert (out / "notes of the planner.txt").read_text() == "keep me"
    assert (out / "photos" / "gate.jpg").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_folders_above_are_made_and_modes_are_usual(found, tmp_path):
    found.save(tmp_path / "a" / "b" / "out", published=False)
    assert (tmp_path / "a" / "b" / "out").stat().st_mode & 0o777 == 0o755


def test_a_link_to_a_folder_is_followed(found, tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "out").symlink_to("real")
    found.save(tmp_path / "out", published=False)
    found.save(tmp_path / "out", published=False)
    assert (tmp_path / "out").is_symlink()
    assert (tmp_path / "real" / "run.json").is_file()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "real"]


@pytest.mark.parametrize("trouble", [OSError(28, "No space left on device"), ValueError("a fault"), KeyboardInterrupt()])
def test_trouble_in_the_middle_leaves_the_older_run_and_nothing_else(found, tmp_path, trouble):
    out = tmp_path / "out"
    found.save(out, published=False)
    before = tree(tmp_path)

    def write() -> None:
        with folder.whole(out) as partial:
            (partial / "run.json").write_text("half")
            raise trouble

    with pytest.raises((OutputError, ValueError, KeyboardInterrupt)) as told:
        write()
    assert tree(tmp_path) == before
    if isinstance(trouble, OSError):
        assert told.value.exit_status == 1
        assert "the disk is full" in str(told.value)
        assert str(out) in str(told.value)


def test_trouble_in_a_new_place_takes_its_folders_back(tmp_path):
    def write() -> None:
        with folder.whole(tmp_path / "a" / "b" / "out"):
            raise ValueError("a fault")

    with pytest.raises(ValueError, match="a fault"):
        write()
    assert list(tmp_path.iterdir()) == []


def test_when_the_swap_fails_the_older_run_comes_back(found, tmp_path, monkeypatch):
    out = tmp_path / "out"
    found.save(out, published=False)
    before, rename = tree(tmp_path), Path.rename

    def fails(self: Path, target: Path) -> Path:
        if ".partial-" in self.name:
            raise PermissionError(13, "Permission denied")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fails)
    with pytest.raises(OutputError, match="Permission denied"):
        found.save(out, published=False)
    assert tree(tmp_path) == before


def in_the_way(place: Path) -> dict[str, tuple[Path, str]]:
    (place / "file").write_text("mine")
    (place / "full").mkdir()
    (place / "full" / "thesis.docx").write_text("mine")
    (place / "hidden").mkdir()
    (place / "hidden" / ".git").write_text("mine")
    (place / "link").symlink_to("nowhere")
    return {
        "a file": (place / "file", "is a file, and a run needs a folder"),
        "a folder with other files": (place / "full", "holds other files and no run of circle"),
        "a folder with a hidden file": (place / "hidden", "holds other files and no run of circle"),
        "a link to nothing": (place / "link", "a link that leads nowhere"),
        "a place under a file": (place / "file" / "out", "cannot be written"),
        "a place that takes no folders": (Path("/proc/circle/out"), "cannot be written"),
    }


def test_a_wrong_output_folder_is_refused_before_the_work_and_nothing_is_touched(tmp_path, town):
    (tmp_path / "place").mkdir()
    cases = in_the_way(tmp_path / "place")
    before = tree(tmp_path)
    outcomes = commands(*(Command(("run", str(town), "-o", str(out))) for out, _ in cases.values()))
    for (name, (out, words)), outcome in zip(cases.items(), outcomes, strict=True):
        refused(outcome, out)
        assert words in outcome.complaint, name
        assert "-o" in outcome.complaint, name
        assert "walking network" not in outcome.err, name
    assert tree(tmp_path) == before


def test_a_write_that_fails_ends_with_1_and_leaves_the_older_run(tmp_path, town, found):
    """A limit on the size of files stands for a full disk: at the first table, a later one, or the page."""
    out = tmp_path / "out"
    found.save(out, published=False)
    before = tree(tmp_path)
    for outcome in commands(*(Command(("run", str(town), "-o", str(out)), largest_file) for largest_file in (1_500, 20_000, 40_000))):
        refused(outcome, out, status=1)
        assert "the disk is full" in outcome.complaint
    assert tree(tmp_path) == before


def test_a_full_disk_ends_with_1_and_leaves_the_older_run(tmp_path, town, found):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(disk)]
    if os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small disk cannot be mounted here")
    try:
        found.save(disk / "out", published=False)
        before = tree(disk)
        outcome = one("run", town, "-o", disk / "out")
        refused(outcome, disk / "out", status=1)
        assert "the disk is full" in outcome.complaint
        assert tree(disk) == before
    finally:
        subprocess.run(["umount", disk], check=True)


def test_a_record_holds_no_number_that_json_has_not(tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        folder.write_record(tmp_path, "summary", {"share": float("nan")})


def test_empty_tables_are_read_back_as_text(tmp_path):
    folder.write_tables(tmp_path, {"findings": pd.DataFrame({"code": pd.Categorical([]), "id": pd.Series([], dtype="str")})})
    (tmp_path / "run.json").write_text("{}")
    again = folder.read_table(tmp_path, "findings")
    assert list(again.columns) == ["code", "id"]
    assert not len(again)


def test_places_and_shapes_survive(tmp_path):
    table = gpd.GeoDataFrame({"node": [1, 2], "component": [0, 0]}, geometry=shapely.points([[114.9, 30.2], [-0.1, 51.5]]), crs="EPSG:4326")
    folder.write_tables(tmp_path, {"nodes": table})
    (tmp_path / "run.json").write_text("{}")
    again = folder.read_table(tmp_path, "nodes")
    assert again.geometry.geom_equals(table.geometry).all()
    assert again.crs.to_epsg() == 4326


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda out: (out / "run.json").unlink(), "is not a run"),
        (lambda out: (out / "run.json").write_text("{half"), "cannot be read"),
        (lambda out: (out / "run.json").write_text("[]"), "is not a record"),
        (lambda out: (out / "summary.json").unlink(), "cannot be read"),
        (lambda out: (out / "edges.parquet").unlink(), "cannot be read"),
        (lambda out: (out / "buildings.parquet").write_bytes(b"PAR1 no more"), "cannot be read"),
        (lambda out: (out / "links.parquet").write_bytes(b""), "cannot be read"),
    ],
)
def test_a_damaged_run_is_told_in_one_sentence(found, tmp_path, spoil, words):
    out = tmp_path / "out"
    found.save(out, published=False)
    spoil(out)
    with pytest.raises(SourceError, match=words) as trouble:
        circle.open(out)
    assert str(out) in str(trouble.value)
    assert "\n" not in str(trouble.value)


def test_the_record_says_what_went_in(found, town, tmp_path):
    found.save(tmp_path / "out", published=False)
    record = json.loads((tmp_path / "out" / "run.json").read_text())
    (source,) = record["inputs"]
    assert source["file"] == town.name
    assert source["bytes"] == town.stat().st_size
    assert len(source["sha256"]) == 64
    assert {"sources", "network", "linkage", "access", "gaps", "tables"} <= set(record["seconds"])
