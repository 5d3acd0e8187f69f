"""The page in its states: sorted, zoned, paced, compared, tried out; each without a finding of axe, in a real browser."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import browser
import fake_run
import geopandas as gpd
import numpy as np
import pandas as pd
import pytest

import circle
from circle.publish import page as circle_page
from circle.scenario import Closing, Passage, Scenario, Station

axe_api = pytest.importorskip("axe_playwright_python.sync_playwright", reason="no axe here: the page is not tried in a browser")
pytestmark = browser.needed
KUANGSHAN = Path(__file__).resolve().parent.parent / "data" / "kuangshan" / "kuangshan.osm.pbf"
FRAME = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 50))))"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("states") / "run"
    circle.run(KUANGSHAN).save(folder)
    circle_page.build(folder)
    return folder


@pytest.fixture(scope="module")
def table(run: Path) -> gpd.GeoDataFrame:
    return gpd.read_parquet(run / "buildings.parquet").set_index("building")


def edit(tab: Any, text: str) -> None:
    tab.evaluate("text => circle.edit(text)", text)
    tab.evaluate(FRAME)


STATION = "s30.2098,114.8995,31,"
STATES = {
    "start": ("", None),
    "card": ("#17/30.2093/114.9/gaps/way%2F900100000323/zh", ".way summary"),
    "plan": (f"#17/30.2093/114.9/clinic/-/en/{STATION};p30.2093,114.9016,30.2094,114.9031", "#sliders summary"),
    "change": (f"#17/30.2093/114.9/change/-/zh/{STATION};v60", None),
}


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("kind", ["desktop", "phone", "dark"])
def test_axe_finds_nothing(visits: browser.Visits, run: Path, state: str, kind: str) -> None:
    options: dict[str, dict[str, Any]] = {
        "desktop": {},
        "phone": {"viewport": {"width": 390, "height": 800}, "is_mobile": True, "has_touch": True},
        "dark": {"color_scheme": "dark"},
    }
    address, opened = STATES[state]
    tab = visits.open(run / "map.html", address, **options[kind])
    if opened:
        tab.locator(opened).first.click()
    found = axe_api.Axe().run(tab).response["violations"]
    assert [(f["id"], f["nodes"][0]["html"][:120]) for f in found] == []
    assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_walk_adds_up_to_the_minutes(visits: browser.Visits, run: Path, table: gpd.GeoDataFrame) -> None:
    rows = table[(table["verdict_clinic"] == "gap") & (table["minutes_clinic"] > 6)].head(3)
    for name, row in rows.iterrows():
        tab = visits.open(run / "map.html", f"#17/30.21/114.9/clinic/{str(name).replace('/', '%2F')}/zh")
        last = tab.locator(".way summary").last
        last.click()
        tab.locator(".leg-note").first.wait_for()
        notes = tab.locator(".way").last.locator(".leg-note").all_inner_texts()
        seconds = sum(int(note.rsplit("·", 1)[1].split()[0].replace(",", "")) for note in notes)
        assert seconds == pytest.approx(row["minutes_clinic"] * 60, abs=len(notes))
        drawn = tab.evaluate("document.querySelectorAll('.leaflet-overlay-pane path.line-gap').length")
        assert drawn == 1
        assert tab.locator("path.line-straight").count() == 1


def test_the_list_sorts(visits: browser.Visits, run: Path, table: gpd.GeoDataFrame) -> None:
    tab = visits.open(run / "map.html")
    gaps = table[table["residential"] & (table["gaps"] > 0)]

    def named() -> list[str]:
        return tab.locator("#list .item-name bdi:first-child").all_inner_texts()

    tab.select_option("#list-order", "households")
    most = gaps.sort_values("households", ascending=False)
    seen = [gaps[(gaps["name"] == name) | (gaps.index == name)]["households"].max() for name in named()[:10]]
    assert seen == sorted(seen, reverse=True)
    assert seen[0] == most["households"].iloc[0]
    assert tab.evaluate("document.activeElement.id") == "list-order"
    tab.select_option("#list-order", "zone")
    tab.wait_for_timeout(120)
    compounds = tab.locator("#list .item .item-name").all_inner_texts()
    order = [text.split("\n")[1] for text in compounds if "\n" in text]
    assert len(list(dict.fromkeys(order))) == sum(a != b for a, b in zip(["", *order], order, strict=False))


def test_zones_say_what_the_table_says_by_both_counts(visits: browser.Visits, run: Path) -> None:
    zones = gpd.read_parquet(run / "zones.parquet")
    zones = zones[(zones["layer"] == "compound") & (zones["service"] == "all") & (zones["buildings"] > 0)].set_index("name")
    tab = visits.open(run / "map.html", "#17/30.21/114.9/gaps/-/en")
    rows = tab.eval_on_selector_all("#zones tbody tr", "rows => rows.map(row => [...row.cells].map(cell => cell.textContent))")
    assert len(rows) == len(zones)
    for name, met, households, gap, counted in rows:
        zone = zones.loc[name]
        assert (int(gap), int(counted)) == (zone["gap"], zone["buildings"])
        for said, share in ((met, zone["share_buildings_met"]), (households, zone["share_households_met"])):
            assert (said == "–") == pd.isna(share)
            assert said == "–" or float(said.split()[0]) == pytest.approx(100 * share, abs=0.51)
    edit(tab, STATION)
    after = tab.eval_on_selector_all("#zones tbody tr", "rows => rows.map(row => row.cells[3].textContent)")
    assert sum(map(int, after)) < zones["gap"].sum()


def test_pace_and_limits_judge_anew_and_come_back(visits: browser.Visits, run: Path, table: gpd.GeoDataFrame) -> None:
    tab = visits.open(run / "map.html")
    start = tab.evaluate("circle.verdicts('clinic')")
    ids = tab.evaluate("circle.ids()")
    minutes = table.loc[ids, "minutes_clinic"].to_numpy()
    edit(tab, "v60")  # 72 m/min are the adult's
    slower = np.array(tab.evaluate("circle.verdicts('clinic')"))
    clear = (np.abs(minutes * 1.2 - 5) > 0.02) & np.isfinite(minutes)
    assert ((slower == "met") == (minutes * 1.2 <= 5))[clear].all()
    edit(tab, "l4,8")
    wider = np.array(tab.evaluate("circle.verdicts('clinic')"))
    assert ((wider == "met") == (minutes <= 8))[np.isfinite(minutes)].all()
    assert tab.locator("label[for=theme-clinic] .theme-note").inner_text() == "8 分钟"
    edit(tab, "")
    assert tab.evaluate("circle.verdicts('clinic')") == start


def test_the_strip_follows_the_service_and_the_radio_keeps_the_focus(visits: browser.Visits, run: Path, table: gpd.GeoDataFrame) -> None:
    tab = visits.open(run / "map.html")
    lived = table[table["residential"]]

    def said(service: str) -> int:
        """What the strip counts: all who live here, in the bands of minutes of the service that was chosen last."""
        tab.check(f"#theme-{service}", force=True)
        assert tab.evaluate("document.activeElement.id") == f"theme-{service}"
        first, *_ = tab.locator("#strip .unseen").inner_text().split("、")
        assert re.fullmatch(r"0–[\d.]+: \d+", first)
        upto = float(first.split(":")[0].split("–")[1])
        assert int(first.split(": ")[1]) == (lived[f"minutes_{service}"].round(2) <= upto).sum()  # as the page keeps them
        return int(first.split(": ")[1])

    assert tab.locator("#strip .strip").count() == 0
    assert said("clinic") != said("shop")
    tab.get_by_role("button", name="户", exact=True).click()
    assert "按户" in tab.locator("#strip").inner_text()
    tab.check("#theme-clinic", force=True)
    assert "社区卫生服务站" in tab.locator("#strip").inner_text()
    tab.check("#theme-gaps", force=True)
    assert tab.locator("#strip .strip").count() == 0


def test_close_calls_are_the_summarys_and_counted_anew(visits: browser.Visits, run: Path, table: gpd.GeoDataFrame) -> None:
    tab = visits.open(run / "map.html")
    counted = table.loc[tab.evaluate("circle.ids()"), "residential"].to_numpy()

    def said() -> int:
        found = re.search(r"(\d+) 栋（[^）]*）有临界的结论", tab.locator("#headline").inner_text())
        return int(found[1]) if found else 0

    def close() -> int:
        services = [name.removeprefix("fragile_") for name in table if name.startswith("fragile_")]
        each = [tab.evaluate("key => circle.fragile(key)", service) for service in services]
        return int((np.any(each, axis=0) & counted).sum())

    block = json.loads((run / "summary.json").read_text(encoding="utf-8"))["shares"]["all"]["buildings"]
    assert said() == block["fragile"] > 0
    for text in ("v60", STATION):
        edit(tab, text)
        assert said() == close() != block["fragile"]
    edit(tab, "")
    assert said() == block["fragile"]


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("width", [390, 1440])
def test_a_gain_of_three_digits_fits(visits: browser.Visits, run: Path, lang: str, width: int) -> None:
    tab = visits.open(run / "map.html", f"#16/30.2093/114.9/gaps/-/{lang}/v110", viewport={"width": width, "height": 800})
    gains = tab.locator(".theme-share .gain")
    assert gains.count() > 2
    # the town has too few homes for three digits: it says what Yizhuang says
    gains.evaluate_all("all => all.forEach(each => (each.textContent = ' +1,339'))")
    assert tab.evaluate("document.documentElement.scrollWidth") == width
    assert tab.evaluate("document.getElementById('panel').scrollWidth - document.getElementById('panel').clientWidth") == 0
    assert set(tab.eval_on_selector_all(".theme-share", "all => all.map(each => each.scrollWidth - each.clientWidth)")) == {0}


def test_what_is_mapped_is_said_in_words(visits: browser.Visits, run: Path, tmp_path: Path) -> None:
    """Usual uses in the page's language, others as mapped; a compound without a name by that, with its id where two could be meant."""
    folder = Path(shutil.copytree(run, tmp_path / "run"))
    table = gpd.read_parquet(folder / "buildings.parquet")
    worst = table[table["residential"] & (table["gaps"] > 1)].index[:4]
    ids = table.loc[worst, "building"].tolist()
    mapped = ["apartments", "silo", "constructor", "semidetached_house"]
    compounds = ["way/76275131", "enclosed/way/8", "way/76275131", "阳光里"]
    for column, values in (("use", mapped), ("compound", compounds)):
        texts = table[column].astype(object)
        texts.loc[worst] = values
        table[column] = pd.Categorical(texts)
    table.to_parquet(folder / "buildings.parquet")
    page = circle_page.build(folder)
    said = {"zh": ["住宅楼", "silo", "constructor", "双拼住宅"], "en": ["apartments", "silo", "constructor", "semi-detached house"]}
    for lang, unnamed in (("zh", "未命名小区"), ("en", "unnamed compound")):
        for name, use, compound in zip(ids, said[lang], compounds, strict=True):
            tab = visits.open(page, f"#17/30.2093/114.9/gaps/{name.replace('/', '%2F')}/{lang}")
            facts = tab.locator("#card .facts dd").all_inner_texts()
            assert use in facts
            assert (compound if compound == "阳光里" else f"{unnamed} ({compound})") in facts
        tab.evaluate("window.dispatchEvent(new Event('beforeprint'))")
        for where in ("#list", "#print"):
            text = tab.locator(where).evaluate("node => node.textContent")
            assert unnamed in text
            assert "76275131" not in text
            assert "enclosed/" not in text
        tab.locator("#search-words").fill("way/76275131")
        tab.locator("#search-results .item-note").first.wait_for()
        assert set(tab.locator("#search-results .item-note").all_inner_texts()) == {unnamed}
        tab.select_option("#list-order", "zone")
        assert f"{unnamed} (way/76275131)" in tab.locator("#list").inner_text()


@pytest.mark.parametrize(("lang", "words"), [("zh", "台阶、电梯和等候"), ("en", "Stairs, lifts and waits")])
def test_the_pace_says_what_it_stretches(visits: browser.Visits, run: Path, lang: str, words: str) -> None:
    tab = visits.open(run / "map.html", f"#17/30.2093/114.9/gaps/-/{lang}")
    tab.locator("#sliders summary").click()
    note = tab.locator(f"#{tab.locator('#slide-speed').get_attribute('aria-describedby')}")
    assert note.is_visible()
    assert words in note.inner_text()
    slider, said = tab.locator("#slide-speed").bounding_box(), note.bounding_box()
    assert 0 <= said["y"] - slider["y"] - slider["height"] < 20


def test_two_runs_are_compared(visits: browser.Visits, run: Path, table: gpd.GeoDataFrame, tmp_path: Path) -> None:
    before = Path(shutil.copytree(run, tmp_path / "before"))
    other = gpd.read_parquet(before / "buildings.parquet")
    counted = np.flatnonzero(other["residential"] & (other["verdict"] == "met"))[:5]
    verdicts = other["verdict_clinic"].astype(object).to_numpy().copy()
    verdicts[counted] = "gap"
    other["verdict_clinic"] = pd.Categorical(verdicts, categories=["met", "gap", "unreachable", "unmapped"])
    other["minutes_clinic"] = np.where(verdicts == "met", other["minutes_clinic"], other["minutes_clinic"] + 9)
    other.iloc[:-1].to_parquet(before / "buildings.parquet")
    page = circle_page.build(run, tmp_path / "compared.html", before=before)
    tab = visits.open(page)
    assert tab.locator("#theme-change").is_checked()
    legend = dict(
        tab.eval_on_selector_all("#legend li", "rows => rows.map(row => [row.children[1].textContent, row.children[2]?.textContent])")
    )
    assert legend["变为全部达标"] == "5"
    assert legend["不再达标"] == "0"


def test_the_view_is_saved_as_a_picture(visits: browser.Visits, run: Path, tmp_path: Path) -> None:
    tab = visits.open(run / "map.html", f"#17/30.2093/114.9/gaps/-/zh/{STATION}")
    with tab.expect_download() as waited:
        tab.click("#picture")
    waited.value.save_as(tmp_path / "picture.png")
    data = (tmp_path / "picture.png").read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = (int.from_bytes(data[at : at + 4], "big") for at in (16, 20))
    box = tab.locator(".folium-map").bounding_box()
    # title and data below it, 62 px, and a line for what is tried
    assert (width, height) == (round(2 * box["width"]), round(2 * (box["height"] + 62 + 18)))
    assert len(data) > 50_000


def test_paper_says_what_a_plan_on_a_wall_must(visits: browser.Visits, run: Path, tmp_path: Path) -> None:
    tab = visits.open(run / "map.html", f"#16/30.2093/114.9/gaps/-/zh/{STATION}")
    tab.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    said = tab.evaluate("document.getElementById('print').textContent")
    for words in ("矿山路社区", "2025-06-17", "出处", "每分钟 72 米", "审图号", "OpenStreetMap", "与现状相比", "无法判断"):
        assert words in said
    tab.pdf(path=tmp_path / "plan.pdf", prefer_css_page_size=True)
    # two pages at least, A4 landscape
    pdf = (tmp_path / "plan.pdf").read_bytes()
    assert len(pdf) > 100_000


# how many pixels have the red of a closed gate
RED = """canvas => {
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  let red = 0;
  for (let k = 0; k < data.length; k += 4) red += data[k] === 176 && data[k + 1] === 0 && data[k + 2] === 32;
  return red;
}"""
# what is written on the next canvas that is saved as a picture, and how much of it is red
WATCHED = f"""() => {{
  const write = CanvasRenderingContext2D.prototype.fillText, save = HTMLCanvasElement.prototype.toBlob;
  window.written = [];
  CanvasRenderingContext2D.prototype.fillText = function (...said) {{ window.written.push(said[0]); return write.apply(this, said); }};
  HTMLCanvasElement.prototype.toBlob = function (...more) {{ window.red = ({RED})(this); return save.call(this, ...more); }};
}}"""
TRIED = {
    "zh": ("试算，不是现状", "步速每分钟 60 米（试用；标准 72 米）", "社区卫生服务站 8 分钟（试用；标准 5 分钟）", "关门 2 道"),
    "en": ("Tried out", "pace 60 m per minute (tried; standard: 72 m)", "8 min (tried; standard: 5 min)", "gates closed: 2"),
}


@pytest.mark.parametrize("lang", TRIED)
def test_paper_and_picture_say_and_show_what_is_tried(visits: browser.Visits, run: Path, lang: str) -> None:
    tab = visits.open(run / "map.html", f"#16/30.2093/114.9/gaps/-/{lang}")

    def printed() -> tuple[str, str, int]:
        tab.evaluate("window.dispatchEvent(new Event('beforeprint'))")
        head, all_of_it = (tab.evaluate(f"document.querySelector('{where}').textContent") for where in ("#print .print-head", "#print"))
        return head, all_of_it, tab.evaluate(f"({RED})(document.getElementById('print-map'))")

    def pictured() -> tuple[str, int]:
        tab.evaluate("window.written = []")
        with tab.expect_download():
            tab.click("#picture")
        return "\n".join(tab.evaluate("window.written")), tab.evaluate("window.red")

    tab.evaluate(WATCHED)
    before, plain = printed(), pictured()
    assert before[2] == plain[1] == 0
    assert not any(words in text for words in TRIED[lang] for text in (before[1], plain[0]))
    gates = tab.evaluate("circle.gates()")[:2]
    edit(tab, ";".join([*(f"g{gate}" for gate in gates), "v60", "l4,8"]))
    head, text, red = printed()
    written, painted = pictured()
    assert red > 100
    assert painted > 100
    assert all(words in head and words in written for words in TRIED[lang])
    # and nowhere the walker or the limit of the standard as if they held
    method = text[text.index(head) + len(head) :]
    assert all(words in method for words in TRIED[lang][1:3])
    assert "每分钟 72 米" not in method
    assert "(72 m per minute)" not in method
    edit(tab, "")
    assert printed() == before
    again = pictured()
    assert again[1] == 0
    assert not any(words in again[0] for words in TRIED[lang])


def test_a_run_without_a_network_has_no_plan(visits: browser.Visits, tmp_path: Path) -> None:
    folder = fake_run.write(tmp_path / "run", 60)
    tab = visits.open(circle_page.build(folder))
    assert tab.locator("#plan").is_hidden()


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory, run: Path) -> Path:
    """The run after a scenario of every kind, with a name that is long and a station whose name would be markup."""
    folder = tmp_path_factory.mktemp("planned")
    gates = pd.read_parquet(run / "gates.parquet").set_index("gate")["passage"]
    shop = pd.read_parquet(run / "facilities.parquet", columns=["facility", "service"]).query("service == 'shop'")["facility"].iloc[0]
    plan = Scenario(
        "紫薇花园驿站与东门方案（第二稿，待讨论）",
        stations=(Station("station/1", "驿站<b>东</b>", 114.8995, 30.2098, ("shop", "clinic")),),
        closings=(Closing(str(shop)),),
        closed=(str(gates.index[gates == "residents"][0]),),
        passages=(Passage("passage/1", "东门", (114.9009, 30.2092), (114.9024, 30.2092)),),
    )
    circle.open(run).with_scenario(plan).save(folder / "run")
    return folder / "run"


MEASURES = "#method-details dd:nth-of-type(1) li"


def test_the_map_of_a_scenario_says_so(visits: browser.Visits, run: Path, planned: Path, tmp_path: Path) -> None:
    tab = visits.open(planned / "map.html")
    assert tab.locator("#scenario").inner_text() == "情景：紫薇花园驿站与东门方案（第二稿…"
    tab.locator("#method summary").first.click()
    measures = tab.locator(MEASURES).all_inner_texts()
    assert [text.split(" ")[0] for text in measures] == ["新设驿站", "设施停办", "关门", "新开通道"]
    assert measures[0] == "新设驿站 驿站<b>东</b>：便利店、社区卫生服务站"
    assert "紫薇花园驿站与东门方案（第二稿，待讨论）" in tab.locator("#method").inner_text()
    tab.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    paper = tab.evaluate("document.querySelector('.print-head').textContent")
    assert all(words in paper for words in ("情景：紫薇花园", "不是现状", "驿站<b>东</b>", "东门"))
    with tab.expect_download() as waited:  # the picture is painted: what is written into it is caught on its way
        tab.evaluate("""() => {
            const write = CanvasRenderingContext2D.prototype.fillText;
            window.written = [];
            CanvasRenderingContext2D.prototype.fillText = function (text, ...more) { written.push(text); write.call(this, text, ...more); };
            document.getElementById("picture").click();
        }""")
    waited.value.save_as(tmp_path / "picture.png")
    assert all(words in "".join(tab.evaluate("written")) for words in ("情景：紫薇花园", "不是现状"))
    assert axe_api.Axe().run(tab).response["violations"] == []
    tab.click("#language")
    assert tab.locator("#scenario").inner_text().startswith("scenario: 紫薇花园")
    plain = visits.open(run / "map.html")
    assert plain.locator("#scenario").is_hidden()
    assert "情景" not in plain.title()
    assert "情景" not in plain.locator("#method").text_content()


PURPLE = """() => [...document.querySelectorAll('.sheet-buildings canvas')].reduce((count, canvas) => {
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    for (let k = 0; k < data.length; k += 4) count += data[k] === 122 && data[k + 1] === 42 && data[k + 2] === 138;
    return count; }, 0)"""


def test_a_station_of_a_scenario_does_not_look_like_what_stands(visits: browser.Visits, run: Path, planned: Path) -> None:
    address = "#18/30.2098/114.8995/clinic/-/zh"
    assert visits.open(run / "map.html", address).evaluate(PURPLE) == 0
    tab = visits.open(planned / "map.html", address)
    assert tab.evaluate(PURPLE) > 100
    box = tab.locator(".folium-map").bounding_box()
    tab.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    assert "情景中新设" in tab.locator("#card").inner_text()
    after = gpd.read_parquet(planned / "buildings.parquet").set_index("building")
    served = after.index[after["facility_clinic"] == "station/1"][0]
    near = visits.open(planned / "map.html", f"#18/30.2098/114.8995/clinic/{served.replace('/', '%2F')}/zh")
    notes = near.locator("#card .services tr.notes").all_inner_texts()
    assert "最近：驿站<b>东</b>（情景中新设）" in notes[-1]
    assert "情景中新设" not in notes[1]  # the market stands
