"""maps/: the stored pages are what `make maps` would write today, say what they were made from, and list themselves safely."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
import shutil
import struct
import sys
from pathlib import Path

import pytest

import circle
from circle.errors import RuleError, SourceError
from circle.publish import index, made, page

ROOT = Path(__file__).resolve().parent.parent
MAPS, KUANGSHAN = ROOT / "maps", ROOT / "data" / "kuangshan" / "kuangshan.osm.pbf"
HOSTILE = "<img src=x onerror=window.__hit=1>{{ 7*7 }}</script><script>window.__hit=1</script>"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    place = tmp_path_factory.mktemp("maps") / "run"
    circle.run(KUANGSHAN).save(place, published=False)
    return place


@pytest.fixture(scope="module")
def fresh(run):
    return page.html(run)


def stored(name):
    return (MAPS / name).read_text(encoding="utf-8")


def test_the_stored_page_is_what_would_be_published_today(fresh):
    differ = made.differences(stored("kuangshan.html"), fresh)
    assert not differ, f"maps/kuangshan.html is stale ({', '.join(differ)} differ): run `make maps` and commit what it writes"


def test_the_stored_list_is_what_would_be_written_today():
    assert stored("index.html") == index.html(MAPS), "maps/index.html is stale: run `make maps` and commit what it writes"


def test_a_page_says_in_its_head_what_it_was_made_from(fresh):
    digest = hashlib.sha256(KUANGSHAN.read_bytes()).hexdigest()
    assert made.read(fresh) == made.Made("0.1.0", (digest,))
    head = fresh.partition("</head>")[0]
    assert f'<meta name="circle:input" content="sha256:{digest}">' in head
    assert head.index("Content-Security-Policy") < head.index("circle:input")


def test_only_a_version_and_digests_get_into_the_head():
    record = {"circle": '0.1"><script>', "inputs": [{"sha256": '"><script>'}, {"sha256": "ab" * 32}, {"sha256": None}]}
    assert made.Made.of(record) == made.Made("", ("ab" * 32,))
    with pytest.raises(ValueError, match="version and digests"):
        made.Made('0.1"><script>').head()
    with pytest.raises(ValueError, match="version and digests"):
        made.Made("0.1.0", ("zz",)).head()


def packed(text):
    return base64.b64encode(text).decode()


def changed(text, name, change):
    """The page with one block unpacked, changed and packed again, less tightly."""
    begin = f'id="block-{name}">'
    before, _, rest = text.partition(begin)
    block, _, after = rest.partition("<")
    return f"{before}{begin}{packed(gzip.compress(change(gzip.decompress(base64.b64decode(block))), 1))}<{after}"


def test_differences_are_named_and_squeezing_is_none(fresh):
    assert made.differences(fresh, fresh) == []
    assert made.differences(fresh, changed(fresh, "graph", lambda raw: raw)) == []
    assert made.differences(fresh, changed(fresh, "graph", lambda raw: raw[:-1] + bytes([raw[-1] ^ 1]))) == ["graph"]
    assert made.differences(fresh, fresh.replace("circle 0.1.0", "circle 0.2.0", 1)) == ["head"]
    assert made.differences(fresh, fresh.replace('"use strict"', '"use  strict"', 1)) == ["script and style"]

    def said(key, value):
        def change(raw):
            (length,) = struct.unpack("<I", raw[:4])
            head = json.loads(raw[4 : 4 + length])
            head["check"][key] = value
            text = json.dumps(head).encode()
            return struct.pack("<I", len(text)) + text + raw[4 + length :]

        return change

    assert made.differences(fresh, changed(fresh, "meta", said("worst_difference_s", 1e-13))) == []
    assert made.differences(fresh, changed(fresh, "meta", said("sample", 3))) == ["meta"]


def test_what_is_no_page_is_told_apart():
    assert not made.published("<html></html>")
    assert not made.published('<script type="text/plain" id="block-meta">AAAA</script>')
    with pytest.raises(SourceError, match=r"strange\.html is no page"):
        made.facts("<html></html>", "strange.html")


def told(text):
    block = re.search(r'id="told">([A-Za-z0-9+/=]*)<', text).group(1)
    return json.loads(base64.b64decode(block))


def test_the_list_says_what_the_page_says(run, fresh, tmp_path):
    (tmp_path / "tieshan.html").write_text(fresh, encoding="utf-8")
    (tmp_path / "other.html").write_text("<p>not ours</p>", encoding="utf-8")
    (tmp_path / "away.jpg").write_bytes(b"")
    assert index.build(tmp_path) == tmp_path / "index.html"
    first = (tmp_path / "index.html").read_bytes()
    index.build(tmp_path)
    assert (tmp_path / "index.html").read_bytes() == first
    found, summary = told(first.decode()), circle.open(run).summary
    (one,) = found["pages"]
    assert (one["page"], one["picture"], one["date"], one["version"], one["synthetic"]) == ("tieshan.html", "", "2025-06-17", "0.1.0", True)
    assert one["standard"]["zh"] == "“三圈一线”五分钟便民服务圈"
    assert one["homes"] == summary["counts"]["residential"]
    assert [row["limit"] for row in one["shares"]] == [1, 2, 3, 4, 5, None]
    assert one["shares"][-1]["buildings"] == summary["shares"]["all"]["buildings"]["share_met"]
    assert one["shares"][-1]["households"] == summary["shares"]["all"]["households"]["share_met"]
    assert [each["picture"] for each in found["pictures"]] == ["away.jpg"]


def test_words_of_places_toml_are_checked(tmp_path):
    (tmp_path / "places.toml").write_text('[here]\ntitle = "one language"\n', encoding="utf-8")
    with pytest.raises(RuleError, match=r"places.toml: here: title = .*give both languages"):
        index.build(tmp_path)
    (tmp_path / "places.toml").write_text('[here]\ncolour = "red"\n', encoding="utf-8")
    with pytest.raises(RuleError, match="here: colour is not known"):
        index.build(tmp_path)
    (tmp_path / "places.toml").write_text("[here", encoding="utf-8")
    with pytest.raises(RuleError, match="cannot be read as TOML"):
        index.build(tmp_path)
    with pytest.raises(SourceError, match="no such folder"):
        index.build(tmp_path / "nowhere")


def test_make_maps_writes_into_the_folder(tmp_path, capsys, monkeypatch):
    monkeypatch.syspath_prepend(str(MAPS))
    sys.modules.pop("make", None)
    import make

    (tmp_path / "kuangshan.jpg").write_bytes(b"")
    drawn = make.main(tmp_path)
    sys.modules.pop("make", None)
    assert [path.name for path in drawn] == ["kuangshan.html", "index.html"]
    assert told(drawn[1].read_text(encoding="utf-8"))["pages"][0]["picture"] == "kuangshan.jpg"


def test_the_list_in_a_browser(run, tmp_path):
    import browser

    if browser.CHROMIUM is None:
        pytest.skip("no Chromium here: set CIRCLE_CHROMIUM to try the page in a browser")
    from axe_playwright_python.sync_playwright import Axe

    maps, odd = tmp_path / "maps", tmp_path / "odd"
    maps.mkdir()
    odd.mkdir()
    for path in [*MAPS.glob("*.html"), *MAPS.glob("*.jpg")]:
        shutil.copy(path, maps / path.name)
    shutil.copytree(run, tmp_path / "run")
    record = json.loads((run / "run.json").read_text(encoding="utf-8"))
    record |= {"place": HOSTILE, "attribution": HOSTILE}
    record["standard"]["title"] = {"zh": HOSTILE, "en": HOSTILE}
    record["inputs"][0]["file"] = HOSTILE
    (tmp_path / "run" / "run.json").write_text(json.dumps(record), encoding="utf-8")
    page.build(tmp_path / "run", odd / "javascript:alert(1)#?.html")
    index.build(odd)
    with browser.chromium() as chromium:
        visits = browser.Visits(chromium)
        tab = visits.open(maps / "index.html")
        assert tab.locator("main h2").first.inner_text().startswith("矿山（虚构）")
        assert "42.4 %" in tab.locator("tbody tr").last.inner_text()
        tab.wait_for_function("[...document.images].every((one) => { one.loading = 'eager'; return one.complete && one.naturalWidth > 0 })")
        assert tab.locator("img").count() == 3
        for width in (1100, 380):
            tab.set_viewport_size({"width": width, "height": 800})
            assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert Axe().run(tab).response["violations"] == []
        tab.locator("a.open").click()
        tab.wait_for_selector("html[data-ready] #stage", state="attached")
        bad = visits.open(odd / "index.html")
        assert HOSTILE in bad.locator("main").inner_text()
        assert bad.locator("main img, main script").count() == 0
        bad.locator("a.open").click()
        bad.wait_for_selector("html[data-ready] #stage", state="attached")
        visits.close()


def test_in_a_notebook_the_map_shows_the_town_even_where_its_frame_gets_its_size_late(run, tmp_path):
    import browser

    if browser.CHROMIUM is None:
        pytest.skip("no Chromium here: set CIRCLE_CHROMIUM to try the page in a browser")
    shown = circle.open(run).map()._repr_html_()
    late = f'<div id="cell" style="width:860px;display:none">{shown}</div>'
    scales = []
    for name, body in {"at_once": late.replace("display:none", ""), "late": late}.items():
        (tmp_path / f"{name}.html").write_text(
            f"<!DOCTYPE html><meta charset='utf-8'><html data-ready='yes'><body>{body}", encoding="utf-8"
        )
    with browser.chromium() as chromium:
        visits = browser.Visits(chromium)
        for name in ("at_once", "late"):
            tab = visits.open(tmp_path / f"{name}.html")
            frame = tab.frames[1]
            frame.wait_for_function("window.circle !== undefined", polling=100)  # a frame that is not shown draws nothing, and never ends
            tab.evaluate("document.getElementById('cell').style.display = 'block'")
            frame.wait_for_selector("html[data-ready]", state="attached", timeout=30_000)
            frame.wait_for_function("document.querySelector('#stage').clientHeight > 300")
            frame.wait_for_timeout(300)
            scales.append(frame.locator(".leaflet-control-scale-line").inner_text())
        visits.close()
    assert scales[0] == scales[1]
    assert scales[0].endswith("00 m")
