"""The route that is drawn takes the seconds that are shown: for every building of the embedded place."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import circle
from circle.errors import PlaceError, RuleError

KUANGSHAN = Path(__file__).parent.parent / "data" / "kuangshan" / "kuangshan.osm.pbf"
SERVICES = ("shop", "market", "bus_stop", "service_centre", "clinic")


@pytest.fixture(scope="module")
def run():
    return circle.run(KUANGSHAN)


@pytest.mark.parametrize("service", SERVICES)
def test_the_legs_sum_to_the_minutes_of_every_building(run, service):
    for building, told, facility in run.buildings[["building", f"minutes_{service}", f"facility_{service}"]].itertuples(index=False):
        route = run.route(building, service)
        assert route.minutes == pytest.approx(told, abs=1e-9), building
        assert route.facility == facility


def test_legs_hang_together_and_are_as_long_as_they_are_drawn(run):
    route = run.route(run.buildings.loc[run.buildings["minutes_clinic"].idxmax(), "building"], "clinic")
    assert [route.legs[0].kind, route.legs[-1].kind] == ["door", "goal"]
    for before, after in zip(route.legs[:-1], route.legs[1:], strict=True):
        assert np.allclose(before.line.coords[-1], after.line.coords[0], atol=2e-7)  # two centimetres: OSM's own rounding
    assert repr(route).endswith(f"to {route.facility}: {route.minutes:.2f} min, {route.length_m:.0f} m, {len(route.legs)} legs>")
    table = route.table()
    drawn = table.to_crs(table.estimate_utm_crs()).length
    assert drawn.sum() == pytest.approx(route.length_m, rel=2e-3)


def test_a_saved_run_gives_the_same_route(run, tmp_path):
    run.save(tmp_path / "out", published=False)
    again = circle.open(tmp_path / "out")
    building = run.buildings["building"].iloc[5]
    assert again.route(building, "shop").seconds == pytest.approx(run.route(building, "shop").seconds, abs=1e-9)


def test_what_is_not_there_is_told_in_a_sentence(run):
    with pytest.raises(RuleError, match="no service “barber”"):
        run.route(run.buildings["building"].iloc[0], "barber")
    with pytest.raises(PlaceError, match="way/1 is not in this run"):
        run.route("way/1", "shop")
