"""PMTiles: every building and facility is in them, with its minutes; hostile text stays text; the same run gives the same bytes."""

from __future__ import annotations

from unittest.mock import patch

import pyogrio
import pytest
from typer.testing import CliRunner

import circle
from circle import examples
from circle.cli import app
from circle.errors import OutputError, SourceError
from circle.publish import tiles

HOSTILE = "<script>alert(1)</script>{{ 7*7 }}\x00"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    made = circle.run(examples.kuangshan())
    made.facilities.loc[0, "name"] = HOSTILE
    return made.save(tmp_path_factory.mktemp("tiles") / "run", published=False)


def test_all_is_in_the_deepest_tiles(run, tmp_path):
    drawn = tiles.write(run.folder, tmp_path / "a" / "b")
    assert [path.name for path in drawn] == ["buildings.pmtiles", "facilities.pmtiles", "zones.pmtiles"]
    assert {path.name for path in (tmp_path / "a" / "b").iterdir()} == {path.name for path in drawn}
    read = pyogrio.read_dataframe(drawn[0], layer="buildings")
    assert set(read["building"]) == set(run.buildings["building"])
    first = read.drop_duplicates("building").set_index("building")  # one that crosses tiles is in each of them
    mine = run.buildings.set_index("building").loc[first.index]
    assert (first["minutes_clinic"] - mine["minutes_clinic"]).abs().max() < 1e-4
    assert (first["verdict_clinic"] == mine["verdict_clinic"].astype(str)).all()
    assert first.crs.to_epsg() == 3857
    assert read.total_bounds == pytest.approx(run.buildings.to_crs(3857).total_bounds, abs=2)
    facilities = pyogrio.read_dataframe(drawn[1], layer="facilities")
    assert set(facilities["facility"]) == set(run.facilities["facility"])
    assert HOSTILE.replace("\x00", "") in set(facilities["name"])
    assert set(pyogrio.read_dataframe(drawn[2], layer="zones")["zone"]) == set(run.zones["zone"])


def test_no_path_is_no_number(run, tmp_path):
    from dataclasses import replace

    buildings = run.buildings.copy()
    buildings.loc[3, "minutes_shop"] = float("inf")
    other = replace(run, buildings=buildings).save(tmp_path / "run", published=False)
    read = pyogrio.read_dataframe(tiles.write(other.folder, tmp_path)[0])
    rows = read[read["building"] == buildings.loc[3, "building"]]
    assert len(rows)
    assert rows["minutes_shop"].isna().all()


def test_the_same_run_gives_the_same_bytes(run, tmp_path):
    one, two = (tiles.write(run.folder, tmp_path / name) for name in ("one", "two"))
    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in two]


def test_the_command_and_what_it_refuses(run, tmp_path):
    done = CliRunner().invoke(app, ["tiles", str(run.folder), "-o", str(tmp_path / "tiles")])
    assert done.exit_code == 0, done.output
    assert "buildings.pmtiles" in done.output.replace("\n", "")
    with pytest.raises(SourceError, match="no such folder"):
        tiles.write(tmp_path / "nowhere", tmp_path / "x")
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot be written"):
        tiles.write(run.folder, tmp_path / "file")
    with patch.object(pyogrio, "list_drivers", lambda: {"GPKG": "rw"}), pytest.raises(OutputError, match="cannot write PMTiles here"):
        tiles.write(run.folder, tmp_path / "x")
