"""Slopes: Tobler's function on rasters whose heights are known, in both directions; what cannot be read is said in one sentence."""

from __future__ import annotations

import builtins
from pathlib import Path

import numpy as np
import pytest
from town import Town

import circle
from circle import network, rules, slopes
from circle.errors import Findings, NetworkError, SourceError
from circle.sources import elevation

UP = np.exp(-3.5 * 0.10)  # 10 % up: exp(−3.5 · 0.15) over exp(−3.5 · 0.05)
DOWN = np.exp(-3.5 * (0.05 - 0.05))  # 10 % down: as far from 5 % down as the flat is


def hill(lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
    """Rises 10 % to the east of 0°."""
    return np.asarray(lon) * 111_319.49079 * 0.10


def built(town: Town, heights=hill, walker: str = "adult") -> tuple[network.Network, Findings]:
    place = town.place()
    who = rules.walker(walker)
    return network.build(place.ways, place.vertices, place.plane, who, place.findings, stops=place.stops, heights=heights), place.findings


def seconds(net: network.Network, way: int) -> tuple[float, float]:
    row = net.edges[net.edges["way"] == way].iloc[0]
    return row["seconds_forward"], row["seconds_backward"]


def test_tobler_is_one_on_the_flat_and_quickest_at_five_percent_down():
    assert slopes.tobler(np.array([0.0, -0.10])).tolist() == pytest.approx([1.0, 1.0])
    every = np.linspace(-1, 1, 2001)
    assert every[np.argmax(slopes.tobler(every))] == pytest.approx(-0.05)
    assert 6 * np.exp(-3.5 * 0.05) * slopes.tobler(np.array([-0.05]))[0] == pytest.approx(6.0)  # his 6 km/h
    assert np.all(np.diff(slopes.tobler(every[every >= -0.05])) < 0)


def test_up_and_down_a_slope_of_ten_percent():
    town = Town()
    up, level, steps = town.street((0, 0), (72, 0)), town.street((0, 0), (0, 72)), town.street((72, 0), (84, 0), highway="steps")
    net, findings = built(town)
    assert seconds(net, up) == pytest.approx((60 / UP, 60 / DOWN), rel=1e-6)
    assert seconds(net, level) == pytest.approx((60, 60), rel=1e-6)
    assert seconds(net, steps) == pytest.approx((24, 24), rel=1e-6)  # their speed says it all
    assert net.edges["length_m"].tolist() == pytest.approx([72, 72, 12], rel=1e-6)
    assert findings.counts().get("network.no_height") is None


def test_over_the_hill_and_down_is_the_mean_of_its_pieces():
    """Up 5 % for 50 m and down again: ten pieces of 10 m, half of them at 5 % up, half at the quickest."""
    town = Town()
    over = town.street((-50, 0), (50, 0))
    net, _ = built(town, lambda lon, lat: 2.5 - np.abs(lon) * 111_319.49079 * 0.05)
    up, down = np.exp(-3.5 * 0.05), np.exp(3.5 * 0.05)
    assert seconds(net, over) == pytest.approx((100 / 1.2 * (1 / up + 1 / down) / 2,) * 2, rel=1e-6)


def test_a_bridge_rises_evenly_between_its_ends():
    """A valley 40 m deep under a bridge whose ends are level; the street beside it goes down and up."""
    town = Town()
    bridge = town.street((-50, 0), (0, 0), (50, 0), bridge="yes")
    street = town.street((-50, 0), (-50, 5), (50, 5), (50, 0))
    net, _ = built(town, lambda lon, lat: np.abs(lon) * 111_319.49079 * 0.8)
    assert seconds(net, bridge) == pytest.approx((100 / 1.2,) * 2, rel=1e-6)
    steepest = 0.4  # restated: what is steeper is not believed
    slow = (1 / np.exp(-3.5 * steepest) + 1 / np.exp(-3.5 * (steepest - 0.1))) / 2
    assert seconds(net, street)[0] == pytest.approx((100 * slow + 10) / 1.2, rel=0.02)


def test_what_the_raster_does_not_know_is_flat_and_a_finding():
    town = Town()
    known, unknown = town.street((0, 0), (80, 0)), town.street((0, 100), (80, 100))
    net, findings = built(town, lambda lon, lat: np.where(np.asarray(lat) > 0.0005, np.nan, hill(lon, lat)))
    assert seconds(net, unknown) == pytest.approx((80 / 1.2,) * 2)
    assert seconds(net, known)[0] > 80 / 1.2
    (told,) = [one.detail for one in findings.items if one.code == "network.no_height"]
    assert told.startswith("50.0%")


def test_a_walker_who_says_nothing_of_slopes_is_asked():
    from dataclasses import replace

    town = Town()
    town.street((0, 0), (72, 0))
    place = town.place()
    with pytest.raises(NetworkError, match='slope = "tobler"'):
        network.build(place.ways, place.vertices, place.plane, replace(rules.walker("adult"), slope=""), Findings(), heights=hill)


# --- rasters


def raster(path: Path, heights: np.ndarray, west: float, north: float, cell: float, **more) -> Path:
    import rasterio
    from rasterio.transform import from_origin

    settings = {"crs": "EPSG:4326", "transform": from_origin(west, north, cell, cell), **more}
    with rasterio.open(
        path, "w", driver="GTiff", height=heights.shape[0], width=heights.shape[1], count=1, dtype="float32", **settings
    ) as made:
        made.write(heights.astype("float32"), 1)
    return path


def test_heights_between_the_centres_of_cells(tmp_path):
    pytest.importorskip("rasterio")
    grid = np.add.outer(np.arange(20)[::-1] * 2.0, np.arange(30) * 3.0)  # 3 m a cell to the east, 2 m a cell to the north
    path = raster(tmp_path / "dem.tif", grid, west=10.0, north=50.02, cell=0.001)
    land = elevation.read(path, (10.002, 50.004, 10.028, 50.016))
    lon, lat = np.array([10.0105, 10.011, 10.02]), np.array([50.0105, 50.0105, 50.012])
    assert land.heights(lon, lat).tolist() == pytest.approx([30 + 20, 31.5 + 20, (20 - 0.5) * 3 + (12 - 0.5) * 2], abs=1e-3)
    assert np.isnan(land.heights(np.array([11.0]), np.array([50.01]))).all()


def test_a_raster_in_another_reference_system_and_with_holes(tmp_path):
    pytest.importorskip("rasterio")
    from pyproj import Transformer

    x, y = Transformer.from_crs(4326, 32632, always_xy=True).transform(9.0, 48.0)
    grid = np.add.outer(np.zeros(40), np.arange(40) * 1.0)
    grid[:, 30:] = -9999
    path = raster(tmp_path / "utm.tif", grid, west=x - 200, north=y + 200, cell=10.0, crs="EPSG:32632", nodata=-9999)
    land = elevation.read(path, (8.999, 47.999, 9.001, 48.001))
    assert land.heights(np.array([9.0]), np.array([48.0]))[0] == pytest.approx(19.5, abs=1e-3)
    assert np.isnan(land.heights(np.array([9.0018]), np.array([48.0])))[0]


@pytest.mark.parametrize("what", ["missing", "no raster", "elsewhere", "no reference"])
def test_what_cannot_be_read_is_said(tmp_path, what):
    pytest.importorskip("rasterio")
    path = tmp_path / "dem.tif"
    says = {
        "missing": "no such file",
        "no raster": "cannot be read as a raster",
        "elsewhere": "does not cover",
        "no reference": "reference system",
    }
    if what == "no raster":
        path.write_text("not a raster", encoding="utf-8")
    elif what == "elsewhere":
        raster(path, np.zeros((5, 5)), west=100.0, north=10.0, cell=0.01)
    elif what == "no reference":
        raster(path, np.zeros((50, 50)), west=-0.1, north=0.1, cell=0.01, crs=None)
    with pytest.raises(SourceError, match=says[what]):
        elevation.read(path, (-0.01, -0.01, 0.01, 0.01))


def test_without_rasterio_one_sentence_says_what_to_install(tmp_path, monkeypatch):
    path = tmp_path / "dem.tif"
    path.write_bytes(b"")
    real = builtins.__import__

    def without(name, *rest):
        if name.partition(".")[0] == "rasterio":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(SourceError, match="pip install rasterio"):
        elevation.read(path, (0, 0, 1, 1))


def test_a_run_with_heights(tmp_path):
    """Two houses 72 m from a shop on a slope of 10 %: from above it is downhill, which costs as much as the flat; from below up."""
    pytest.importorskip("rasterio")
    town = Town()
    town.street((-300, 0), (300, 0))
    low, high, _ = town.house(-72, 6), town.house(72, 6), town.offer("shop", 0, -6)
    source = town.write(tmp_path / "hill.osm")
    grid = np.broadcast_to((np.arange(700) - 350) * 10 * 0.10, (700, 700))
    cell = 10 / 111_319.49079
    dem = raster(tmp_path / "dem.tif", grid, west=-350 * cell, north=350 * cell, cell=cell)
    run = circle.run(source, elevation=dem)
    found = (run.buildings.set_index("building")["minutes_shop"] * 60).to_dict()
    assert found[high] == pytest.approx(84 / 1.2, abs=0.05)
    assert found[low] == pytest.approx(12 / 1.2 + 60 / UP, abs=0.05)
    assert [row["file"] for row in run.record["inputs"]] == ["hill.osm", "dem.tif"]
    assert len(run.record["inputs"][1]["sha256"]) == 64
    assert run.record["settings"]["slopes"]["spacing_m"] == 10
    assert run.record["check"]["worst_difference_s"] < 1e-6
