"""What the page says of a station is what the program says of it: every building, every service, in a real browser."""

from __future__ import annotations

import dataclasses
import re
import tomllib
from pathlib import Path
from typing import Any

import browser
import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from town import Town

import circle
from circle import scenario, sources
from circle.projection import Plane
from circle.publish import page as circle_page
from circle.standards import DEFAULT, load

pytestmark = browser.needed
KUANGSHAN = Path(__file__).resolve().parent.parent / "data" / "kuangshan" / "kuangshan.osm.pbf"
SERVICES = [limit.service for limit in load(DEFAULT).services]
LIMITS = {limit.service: limit.limit_min for limit in load(DEFAULT).services}
FRAME = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"


@pytest.fixture(scope="module")
def kuangshan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return published(KUANGSHAN, tmp_path_factory.mktemp("kuangshan"))


def published(source: Path, folder: Path) -> Path:
    circle.run(source).save(folder / "run")
    circle_page.build(folder / "run")
    return folder / "run"


def with_station(source: Path, lon: float, lat: float, services: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> pd.DataFrame:
    """Buildings of a whole run of the program on the same data with one more facility."""
    read = sources.read

    def more(*args: Any, **kwargs: Any) -> Any:
        place = read(*args, **kwargs)
        row = {name: place.facilities[name].iloc[0] for name in place.facilities.columns if name != "geometry"}
        row |= {"facility": "station/1", "name": "", "merged": ""} | ({"visitors": True} if "visitors" in row else {})
        rows = gpd.GeoDataFrame([row | {"service": s, "geometry": shapely.Point(lon, lat)} for s in services], crs=place.facilities.crs)
        return dataclasses.replace(place, facilities=pd.concat([place.facilities, rows.astype(place.facilities.dtypes)], ignore_index=True))

    with monkeypatch.context() as patch:
        patch.setattr(sources, "read", more)
        return circle.run(source).buildings.set_index("building")


def shown(tab: Any, service: str) -> pd.DataFrame:
    """Minutes and verdicts as the page has them, by building."""
    got = tab.evaluate(
        "key => ({ id: circle.ids(), minutes: circle.minutes(key), verdict: circle.verdicts(key), fragile: circle.fragile(key) })", service
    )
    table = pd.DataFrame(got).set_index("id")
    table["minutes"] = table["minutes"].where(table["minutes"] != 65535, np.inf) / 100
    return table


def agree(seen: pd.DataFrame, true: pd.DataFrame, service: str) -> None:
    """To a hundredth of a minute, and in the verdict unless the walk itself is within that of the limit."""
    true = true.loc[seen.index]
    minutes = true[f"minutes_{service}"].to_numpy()
    assert (np.isinf(minutes) == np.isinf(seen["minutes"])).all()
    path = np.isfinite(minutes)
    assert np.abs(seen["minutes"].to_numpy()[path] - minutes[path]).max() <= 0.0151
    clear = np.abs(minutes - LIMITS[service]) > 0.01
    assert (seen["verdict"][clear] == true[f"verdict_{service}"][clear].astype(str)).all()
    flips = clear & np.all([np.abs(minutes * factor - LIMITS[service]) > 0.015 for factor in (1 / 1.1, 1 / 0.9)], axis=0)
    assert (seen["fragile"][flips] == true[f"fragile_{service}"][flips]).mean() > 0.999


def station(buildings: pd.DataFrame, service: str) -> tuple[float, float]:
    """Where a gap is: the middle of the building that is median among those with one."""
    gaps = buildings[buildings[f"verdict_{service}"] == "gap"].sort_values(f"minutes_{service}")
    at = gaps.geometry.iloc[len(gaps) // 2].centroid
    return round(at.x, 6), round(at.y, 6)


def test_the_network_in_the_page_says_the_runs_own_minutes(visits: browser.Visits, kuangshan: Path) -> None:
    tab = visits.open(kuangshan / "map.html")
    for service in SERVICES:
        run = np.array(tab.evaluate("key => circle.minutes(key)", service))
        ground = np.array(tab.evaluate("key => circle.ground(key)", service))
        assert np.abs(run - ground).max() <= 1


def test_a_station_in_the_page_is_a_facility_of_the_program(
    visits: browser.Visits, kuangshan: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lon, lat = station(gpd.read_parquet(kuangshan / "buildings.parquet"), "clinic")
    offered = ("market", "clinic")
    true = with_station(KUANGSHAN, lon, lat, offered, monkeypatch)
    tab = visits.open(kuangshan / "map.html")
    before = {service: shown(tab, service) for service in SERVICES}
    tab.evaluate("([lat, lon, keys]) => circle.addStation(lat, lon, keys)", [lat, lon, list(offered)])
    for service in SERVICES:
        agree(shown(tab, service), true, service)
        assert (service in offered) == (not shown(tab, service).equals(before[service]))
    tab.evaluate("() => circle.undo()")
    assert all(shown(tab, service).equals(before[service]) for service in SERVICES)


PICTURE = """async () => {
  await new Promise(done => setTimeout(done, 120));
  return [...document.querySelectorAll('.sheet-buildings canvas')].map(canvas => canvas.toDataURL()).sort();
}"""


@pytest.mark.parametrize("close", [False, True])
def test_what_is_painted_again_after_a_station_is_all_that_looks_otherwise(visits: browser.Visits, kuangshan: Path, close: bool) -> None:
    buildings = gpd.read_parquet(kuangshan / "buildings.parquet")
    lon, lat = station(buildings, "clinic")
    tab = visits.open(kuangshan / "map.html", f"#17/{lat}/{lon}" if close else "")
    tab.check("#theme-clinic", force=True)
    before = tab.evaluate(PICTURE)
    tab.evaluate("([lat, lon, keys]) => circle.addStation(lat, lon, keys)", [lat, lon, ["clinic"]])
    after = tab.evaluate(PICTURE)
    for theme in ("furthest", "clinic"):  # another theme paints everything anew
        tab.check(f"#theme-{theme}", force=True)
    assert tab.evaluate(PICTURE) == after
    assert after != before
    tab.evaluate("() => circle.undo()")
    assert tab.evaluate(PICTURE) == before


def test_nobody_comes_to_a_station_through_the_yard_of_others(
    visits: browser.Visits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The station stands where a private lane meets its street; who lives on the other street walks round, 6 + 140 + 40 + 180 + 6 m."""
    town = Town()
    town.street((-200, 0), (20, 0), (200, 0), (200, 40))
    town.street((200, 40), (20, 40), (-200, 40))
    town.street((20, 0), (20, 40), access="private")
    town.offer("clinic", -190, 46)
    home = town.house(60, -6)
    source = town.write(tmp_path / "lane.osm")
    (lon,), (lat,) = (np.round(each, 6) for each in town.degrees(np.asarray([20.0]), np.asarray([46.0])))
    true = with_station(source, lon, lat, ("clinic",), monkeypatch)
    assert true["minutes_clinic"][home] == pytest.approx((6 + 140 + 40 + 180 + 6) / 1.2 / 60, abs=0.01)
    tab = visits.open(published(source, tmp_path) / "map.html")
    tab.evaluate("([lat, lon, keys]) => circle.addStation(lat, lon, keys)", [lat, lon, ["clinic"]])
    agree(shown(tab, "clinic"), true, "clinic")


def test_a_station_in_a_city(visits: browser.Visits, test_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = test_data / "osm" / "las_palmas_2023.osm.pbf"
    run = published(source, tmp_path)
    assert (run / "map.html").stat().st_size < 2_600_000
    lon, lat = station(gpd.read_parquet(run / "buildings.parquet"), "service_centre")
    true = with_station(source, lon, lat, ("service_centre",), monkeypatch)
    tab = visits.open(run / "map.html")
    before = shown(tab, "service_centre")
    tab.evaluate("([lat, lon]) => circle.addStation(lat, lon, ['service_centre'])", [lat, lon])
    after = shown(tab, "service_centre")
    agree(after, true, "service_centre")
    assert (after["minutes"] < before["minutes"]).sum() > 50
    tab.evaluate("() => circle.clear()")
    assert shown(tab, "service_centre").equals(before)


def test_a_passage_of_the_page_is_a_passage_of_the_program(visits: browser.Visits, kuangshan: Path, tmp_path: Path) -> None:
    tab = visits.open(kuangshan / "map.html")
    before = {service: shown(tab, service) for service in SERVICES}
    tab.evaluate("() => circle.edit('p30.2092,114.9009,30.2092,114.9024;s30.2098,114.8995,16,')")
    (tmp_path / "plan.toml").write_text(tab.evaluate("circle.scenario()"), encoding="utf-8")
    true = circle.run(KUANGSHAN, scenario=tmp_path / "plan.toml").buildings.set_index("building")
    for service in SERVICES:
        agree(shown(tab, service), true, service)
    assert any((shown(tab, service)["minutes"] < before[service]["minutes"] - 0.5).any() for service in ("market", "clinic"))
    tab.evaluate("() => circle.clear()")
    assert all(shown(tab, service).equals(before[service]) for service in SERVICES)


def test_a_gate_closed_in_the_page_is_closed_in_the_program(visits: browser.Visits, kuangshan: Path, tmp_path: Path) -> None:
    passage = gpd.read_parquet(kuangshan / "gates.parquet").set_index("gate")["passage"]
    tab = visits.open(kuangshan / "map.html")
    before = {service: shown(tab, service) for service in SERVICES}
    listed = tab.evaluate("() => circle.gates()")
    assert set(passage[[f"node/{gate}" for gate in listed]]) == {"all", "residents"}
    felt = set()
    for gate in listed:
        tab.evaluate("text => circle.edit(text)", f"g{gate}")
        changed = any(not shown(tab, service).equals(before[service]) for service in SERVICES)
        kind = passage[f"node/{gate}"]
        if changed and kind not in felt:
            felt.add(kind)
            (tmp_path / "plan.toml").write_text(tab.evaluate("circle.scenario()"), encoding="utf-8")
            run = circle.open(kuangshan)
            after = run.with_scenario(tmp_path / "plan.toml")
            true = after.buildings.set_index("building")
            # the program ties anew who stands beside the gate, the page does not
            ties = [set(zip(each.links["id"].astype(str), each.links["leg_m"].round(6), strict=True)) for each in (run, after)]
            anew = {one for one, _ in ties[0] ^ ties[1]}
            assert len(anew) < 10
            for service in SERVICES:
                seen = shown(tab, service)
                agree(seen[~seen.index.isin(anew)], true, service)
    assert felt == {"all", "residents"}
    tab.evaluate("() => circle.clear()")
    assert all(shown(tab, service).equals(before[service]) for service in SERVICES)


def test_the_page_ties_a_station_to_what_the_program_ties_it_to(visits: browser.Visits, kuangshan: Path) -> None:
    run = circle.open(kuangshan)
    rng = np.random.default_rng(7)
    middle = shapely.get_coordinates(shapely.centroid(run.buildings.geometry.to_numpy()))
    spots = np.round(middle[rng.integers(0, len(middle), 60)] + rng.normal(0, 0.0002, (60, 2)), 6)
    stations = tuple(scenario.Station(f"station/{k}", "", x, y, ("shop",)) for k, (x, y) in enumerate(spots.tolist()))
    links = run.with_scenario(scenario.Scenario(stations=stations)).links
    links = links[links["id"].astype(str).str.startswith("station/")]
    seen = visits.open(kuangshan / "map.html").evaluate("spots => spots.map(([x, y]) => circle.ties(y, x))", spots.tolist())
    same = 0
    for k, ties in enumerate(seen):
        true = links[links["id"] == f"station/{k}"]
        a, b = np.sort(true["leg_m"].to_numpy()), np.sort([metres for metres, _ in ties])
        a, b = (x[np.r_[True, np.diff(x) > 1e-3]] if len(x) else x for x in (a, b))  # edges that meet in one nearest node are one link
        doubt = {bool(said) for _, said in ties} == {bool((true["flag"] == "crossing").any())}
        same += len(a) == len(b) and bool((np.abs(a - b) < 0.25).all()) and (doubt or not ties)
    # an outline within a hand's breadth of the spot, or a path at the very rim of the circle, may be told apart otherwise
    assert same >= 58


def test_the_address_and_the_file_bring_a_plan_back(visits: browser.Visits, kuangshan: Path, tmp_path: Path) -> None:
    tab = visits.open(kuangshan / "map.html")
    tab.evaluate("() => circle.edit('s30.2098,114.8995,9,A%22%5D%0A%5B%5Bx;p30.2093,114.9016,30.2094,114.9031;garbage;s91,0,1,')")
    tab.evaluate(FRAME)
    minutes = {service: shown(tab, service) for service in SERVICES}
    other = visits.open(kuangshan / "map.html", tab.evaluate("location.hash"))
    assert all(shown(other, service).equals(minutes[service]) for service in SERVICES)
    assert other.locator("#plan .edit").count() == 2
    file = tmp_path / "plan.toml"
    file.write_text(other.evaluate("circle.scenario()"), encoding="utf-8")
    assert tomllib.loads(file.read_text(encoding="utf-8"))["station"][0]["name"] == 'A"]\n[[x'
    read = scenario.load(file)
    assert [(s.lon, s.lat, s.services) for s in read.stations] == [(114.8995, 30.2098, ("shop", "service_centre"))]
    assert [(p.begin, p.end) for p in read.passages] == [((114.9016, 30.2093), (114.9031, 30.2094))]


def test_stations_by_keyboard_alone(visits: browser.Visits, kuangshan: Path) -> None:
    tab = visits.open(kuangshan / "map.html")
    start = tab.evaluate("circle.minutes('service_centre').concat(circle.minutes('shop'))")
    tab.locator(".folium-map").focus()
    tab.keyboard.press("s")
    placed = tab.evaluate("circle.scenario()")
    assert placed.count("[[station]]") == 1
    tab.locator(".station").focus()
    tab.keyboard.press("ArrowRight")
    moved = tomllib.loads(tab.evaluate("circle.scenario()"))["station"][0]
    was = tomllib.loads(placed)["station"][0]
    # five metres of a degree of longitude at 30.2°
    assert moved["lon"] - was["lon"] == pytest.approx(5 / 96_290, abs=2e-6)
    assert moved["lat"] == pytest.approx(was["lat"], abs=1e-6)
    tab.keyboard.press("Delete")
    assert tab.evaluate("circle.scenario()") == ""
    assert tab.evaluate("circle.minutes('service_centre').concat(circle.minutes('shop'))") == start
    tab.keyboard.press("Control+z")
    assert tab.evaluate("circle.scenario()").count("[[station]]") == 1


def test_a_station_is_dragged_and_taken_back(visits: browser.Visits, kuangshan: Path) -> None:
    tab = visits.open(kuangshan / "map.html")
    tab.locator("#plan summary").click()
    tab.locator("#plan").get_by_text("点地图放驿站").click()
    tab.mouse.click(800, 400)
    placed = tab.evaluate("circle.scenario()")
    box = tab.locator(".station").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    assert (x, y) == (pytest.approx(800, abs=2), pytest.approx(400, abs=2))
    tab.mouse.move(x, y)
    tab.mouse.down()
    tab.mouse.move(x + 60, y + 30, steps=6)
    tab.mouse.up()
    moved = tab.evaluate("circle.scenario()")
    assert moved != placed
    tab.locator("#plan").get_by_text("撤销").click()
    assert tab.evaluate("circle.scenario()") == placed


def test_a_station_keeps_its_last_service_and_says_so(visits: browser.Visits, kuangshan: Path) -> None:
    tab = visits.open(kuangshan / "map.html")
    tab.evaluate("() => circle.edit('s30.2098,114.8995,3,')")
    ticks = tab.locator("#plan .edit input[type=checkbox]")
    checked = "() => [...document.querySelectorAll('#plan .edit input')].map(tick => tick.checked)"
    tab.wait_for_function(f"({checked})().filter(Boolean).length === 2")
    ticks.nth(1).click()
    tab.evaluate(FRAME)
    assert tab.evaluate(checked) == [True, False, False, False, False]
    ticks.nth(0).click()
    tab.evaluate(FRAME)
    assert tab.evaluate(checked) == [True, False, False, False, False]
    assert "至少提供一项服务" in tab.locator(".toast").last.inner_text()
    assert "至少提供一项服务" in tab.locator("#status").inner_text()
    assert tab.evaluate("document.activeElement.name") == "station-0"
    assert tomllib.loads(tab.evaluate("circle.scenario()"))["station"][0]["services"] == SERVICES[:1]


def test_a_scenario_is_offered_where_there_is_one(visits: browser.Visits, kuangshan: Path) -> None:
    tab = visits.open(kuangshan / "map.html")
    gate = tab.evaluate("() => circle.gates()[0]")
    offered = {"v60": 0, "l4,8": 0, "v60;s30.2098,114.8995,3,": 1, f"g{gate}": 1, "p30.2092,114.9009,30.2092,114.9024": 1, "v60;l1,3": 0}
    for text, buttons in offered.items():
        tab.evaluate("text => circle.edit(text)", text)
        tab.evaluate(FRAME)
        assert tab.locator("#plan [data-key=clear]").count() == 1
        assert tab.locator("#plan [data-key=export]").count() == buttons == bool(tab.evaluate("circle.scenario()"))


def test_the_edit_that_no_link_keeps_is_told_once(visits: browser.Visits, kuangshan: Path) -> None:
    tab = visits.open(kuangshan / "map.html")
    warned = "() => [...document.querySelectorAll('.toast')].filter(toast => toast.textContent.includes('60 项')).length"
    stations = ";".join(f"s30.{2090 + k},114.8995,1," for k in range(59))
    tab.evaluate("text => circle.edit(text)", f"{stations};v60")
    tab.evaluate(FRAME)
    assert tab.evaluate(warned) == 0
    tab.evaluate("() => circle.addStation(30.2099, 114.8999, ['shop'])")
    tab.evaluate(FRAME)
    assert tab.evaluate(warned) == 1
    assert "60 项" in tab.locator("#status").inner_text()
    tab.evaluate("() => circle.addStation(30.2097, 114.8999, ['shop'])")
    tab.evaluate(FRAME)
    assert tab.evaluate(warned) == 1
    # what is said is so: 61 stations and a pace, of which 60 come back
    again = visits.open(kuangshan / "map.html", tab.evaluate("location.hash"))
    assert again.locator("#plan .edit").count() == 60


def test_a_street_finds_the_buildings_along_it(visits: browser.Visits, kuangshan: Path) -> None:
    tab = visits.open(kuangshan / "map.html")
    links = pd.read_parquet(kuangshan / "links.parquet").query("kind == 'building'")
    street = pd.read_parquet(kuangshan / "edges.parquet", columns=["edge", "name"]).set_index("edge")["name"]
    nearest = links.sort_values(["leg_m", "edge"], kind="stable").drop_duplicates("id")
    named = street.reindex(nearest["edge"]).astype(str).to_numpy()
    along = set(nearest["id"].astype(str)[named == "矿一路"])
    assert len(along) > 3
    tab.locator("#search-words").fill("矿一路")
    tab.wait_for_timeout(300)
    assert tab.locator("#search-results li").count() >= min(len(along), 20)


def test_on_paper_what_is_beyond_the_limit_is_lined(visits: browser.Visits, kuangshan: Path) -> None:
    """In grey, blue and red come out alike: white lines over the red tell them apart. The screen has none."""
    tab = visits.open(kuangshan / "map.html", "#17/30.2093/114.9011/gaps/-/zh")
    tab.evaluate("() => window.dispatchEvent(new Event('beforeprint'))")
    pixels = """(query) => [...document.querySelectorAll(query)].reduce(([red, line], canvas) => {
        const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
        const near = (k, ...rgb) => rgb.every((value, n) => Math.abs(data[k + n] - value) < 14);
        for (let k = 0; k < data.length; k += 4) { red += near(k, 138, 44, 13); line += near(k, 226, 202, 194); }
        return [red, line]; }, [0, 0])"""
    red, line = tab.evaluate(pixels, "#print-map")
    assert red > 200
    assert line > red / 20
    red, line = tab.evaluate(pixels, ".sheet-buildings canvas")
    assert red > 200
    assert line < red / 20


def test_the_straight_line_is_the_programs_and_no_walk_is_shorter(visits: browser.Visits, kuangshan: Path) -> None:
    """Outline to outline, as `circle explain` measures: many facilities of Kuangshan are areas, some as large as a market hall."""
    run = circle.open(kuangshan)
    tab = visits.open(kuangshan / "map.html")
    ids = tab.evaluate("() => circle.ids()")
    areas = set(run.facilities["facility"][run.facilities.geometry.geom_type != "Point"].astype(str))
    # corners are whole units of 40,075 km · cos 30.2° / 2**28 = 0.13 m; each of the two ends may be rounded by half of that both ways
    unit = 40_075_017 * np.cos(np.radians(30.2)) / 2**28
    told = {"point": 0, "area": 0, "doors": 0}
    for service in SERVICES:
        for building, walk in list(zip(ids, tab.evaluate("key => circle.walks(key)", service), strict=True))[::3]:
            true = run.explain(building, service)
            if walk is None:
                assert true.route is None
                continue
            metres, line = walk
            assert line <= metres + unit, (building, service)
            home, goal = true.shapes
            plane = Plane(home.centroid.x, home.centroid.y)
            apart = float(shapely.distance(*plane.project(np.asarray([home, goal], dtype=object))))
            assert line == pytest.approx(apart, abs=unit * np.sqrt(2)), (building, service)
            assert (line < unit) == (apart == 0)
            # of one that is far by its doors though its outline is near the program tells the line from its doors, which the page has not
            if true.reason == "far" and true.beside_m > apart + unit:
                told["doors"] += 1
                continue
            assert line == pytest.approx(true.beside_m, abs=unit * np.sqrt(2)), (building, service)
            told["area" if true.facility in areas else "point"] += 1
    assert min(told["point"], told["area"]) > 20
    assert told["doors"] < 10


@pytest.mark.parametrize("header", [True, False])
def test_the_first_station_of_a_service_is_judged_as_the_program_does(visits: browser.Visits, tmp_path: Path, header: bool) -> None:
    """The data hold no clinic. 360 m are five minutes; the data end at x = ±1000, y = ±900, or where streets and houses do.

    Of the houses along the street the one at 300 is served, 500 walks 200 m too far, 900 is nearer than 360 m to the edge; 350 behind the
    other street is near, but walks round; one stands on an island, one has no path at all.
    """
    town = Town(box=(-1000, -900, 1000, 900))
    town.street((-900, 0), (0, 0), (900, 0))
    town.street((-900, 0), (-900, 120), (350, 120))
    town.street((-100, -120), (-60, -120))
    if not header:  # a triangle: between its long side and the house at −400 lie 500 m, between its corner and the one at 900 none
        town.street((0, 0), (0, 900), access="private")
    homes = {x: town.house(x, 6) for x in (-880, -500, -400, 0, 300, 500, 620, 900)}
    homes |= {"behind": town.house(350, 126), "island": town.house(-80, -126), "nowhere": town.house(-500, -520)}
    town.offer("shop", 10, -6)
    source = town.write(tmp_path / "town.osm")
    if not header:
        source.write_text(re.sub("<bounds[^>]*>", "", source.read_text(encoding="utf-8")), encoding="utf-8")
    run = published(source, tmp_path)
    opened = circle.open(run)
    assert set(opened.buildings["reason_clinic"]) == {"no_facility"}
    tab = visits.open(run / "map.html")
    start = shown(tab, "clinic")
    assert set(start["verdict"]) == {"unmapped"}
    (lon,), (lat,) = (np.round(each, 6) for each in town.degrees(np.asarray([100.0]), np.asarray([-5.0])))
    tab.evaluate("([lat, lon]) => circle.addStation(lat, lon, ['clinic'])", [lat, lon])
    (tmp_path / "plan.toml").write_text(tab.evaluate("circle.scenario()"), encoding="utf-8")
    true = opened.with_scenario(tmp_path / "plan.toml").buildings.set_index("building")
    seen = shown(tab, "clinic")
    agree(seen, true, "clinic")
    said = pd.Series(tab.evaluate("key => circle.reasons(key)", "clinic"), index=seen.index)
    assert said.to_dict() == true["reason_clinic"].astype(str).loc[seen.index].to_dict()
    wanted: dict[Any, str] = {300: "", 900: "data_edge"}
    if header:
        wanted |= {500: "far", -500: "far", "behind": "detour", "nowhere": "unlinked"}
    assert {home: said[homes[home]] for home in wanted} == wanted
    tab.evaluate("() => circle.undo()")
    assert shown(tab, "clinic").equals(start)


RED = """() => [...document.querySelectorAll('.sheet-buildings canvas')].reduce((count, canvas) => {
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    for (let k = 0; k < data.length; k += 4) count += data[k] === 176 && data[k + 1] === 0 && data[k + 2] === 32;
    return count; }, 0)"""


def test_gates_are_marked_while_one_is_chosen_and_only_then(visits: browser.Visits, kuangshan: Path) -> None:
    places = gpd.read_parquet(kuangshan / "gates.parquet").set_index("gate").geometry
    tab = visits.open(kuangshan / "map.html")
    gate = f"node/{tab.evaluate('() => circle.gates()')[0]}"
    at = places[gate]
    tab = visits.open(kuangshan / "map.html", f"#18/{at.y:.6f}/{at.x:.6f}/gaps/-/zh")
    box = tab.locator(".folium-map").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    assert tab.evaluate(RED) == 0
    tab.locator("#plan summary").click()
    button = tab.locator("#plan").get_by_role("button", name="关一道门")
    button.click()
    tab.wait_for_timeout(100)
    assert tab.evaluate(RED) > 20
    tab.mouse.click(x, y + 60)  # 60 pixels are 31 m here
    assert "这里没有门" in tab.locator(".toast").last.inner_text()
    assert tab.evaluate("circle.scenario()") == ""
    assert tab.evaluate(RED) > 20
    tab.mouse.click(x + 5, y + 5)
    assert gate in tab.locator(".toast").last.inner_text()
    assert f'gate = "{gate}"' in tab.evaluate("circle.scenario()")
    tab.wait_for_timeout(100)
    assert tab.evaluate(RED) == 0
    button.click()
    tab.mouse.click(x, y)
    assert "又开了" in tab.locator(".toast").last.inner_text()
    assert tab.evaluate("circle.scenario()") == ""
    button.click()
    tab.keyboard.press("Escape")
    tab.wait_for_timeout(100)
    assert tab.evaluate(RED) == 0
