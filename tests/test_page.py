"""The page holds what the tables hold, nothing from data outside its packed blocks, and the same bytes every time."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
from pathlib import Path
from typing import Any

import fake_run
import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from test_pack import open_block, unfold, unplanes, unvarints

from circle.errors import OutputError, SchemaError, SourceError
from circle.publish import background, blocks, page, skeleton

N = 300
SERVICES = ("shop", "market", "bus_stop", "service_centre", "clinic")
LIMITS = {"shop": 1, "market": 2, "bus_stop": 3, "service_centre": 4, "clinic": 5}
PUBLISH = Path(page.__file__).parent


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fake_run.write(tmp_path_factory.mktemp("page") / "run", N)


@pytest.fixture(scope="module")
def html(run: Path) -> str:
    return page.html(run)


@pytest.fixture
def copy(run: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(run, tmp_path / "copy"))


def block(html: str, name: str) -> tuple[dict[str, Any], dict[str, bytes]]:
    found = re.search(rf'<script type="text/plain" id="block-{name}">([^<]*)</script>', html)
    assert found
    return open_block(found[1])


def outside(html: str) -> str:
    """The page without its packed blocks."""
    return re.sub(r'(<script type="text/plain"[^>]*>)[^<]*', r"\1", html)


def rewrite(folder: Path, name: str, change: Any) -> None:
    record = json.loads((folder / name).read_text(encoding="utf-8"))
    change(record)
    (folder / name).write_text(json.dumps(record), encoding="utf-8")


def change_table(folder: Path, change: Any, name: str = "buildings.parquet") -> None:
    table = gpd.read_parquet(folder / name)
    change(table).to_parquet(folder / name)


# --- the same bytes


def test_the_same_run_gives_the_same_bytes(run: Path, html: str) -> None:
    assert page.html(run) == html


def test_timings_and_machine_leave_no_trace(copy: Path, html: str) -> None:
    rewrite(copy, "run.json", lambda record: record.update(seconds={"sources": 99.0}, versions={"python": "9"}))
    assert page.html(copy) == html


def test_build_writes_whole_or_not_at_all(run: Path, html: str, tmp_path: Path) -> None:
    target = page.build(run, tmp_path / "one.html")
    assert target.read_text(encoding="utf-8") == html
    assert list(tmp_path.iterdir()) == [target]
    (tmp_path / "taken.html").mkdir()
    with pytest.raises(OutputError, match=r"taken\.html: the map cannot be written"):
        page.build(run, tmp_path / "taken.html")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.html", "taken.html"]


# --- the file's words are the page's words


def in_order(run: Path) -> pd.DataFrame:
    table = gpd.read_parquet(run / "buildings.parquet")
    return table.iloc[blocks.load(run).order].reset_index(drop=True)


@pytest.mark.parametrize("service", SERVICES)
def test_minutes_verdict_reason_and_fragility_are_those_of_the_file(run: Path, html: str, service: str) -> None:
    table = in_order(run)
    header, sections = block(html, "buildings")
    state = np.frombuffer(sections[f"state_{service}"], dtype=np.uint8)
    verdicts = [header["verdicts"][k & 3] for k in state]
    assert verdicts == table[f"verdict_{service}"].tolist()
    assert [bool(k & 4) for k in state] == table[f"fragile_{service}"].tolist()
    assert [["", *header["reasons"][service]][k >> 3] for k in state] == table[f"reason_{service}"].tolist()
    packed = np.array(unplanes(sections[f"minutes_{service}"]))
    true = table[f"minutes_{service}"].to_numpy()
    assert ((packed == 65535) == np.isinf(true)).all()
    path = np.isfinite(true)
    assert np.abs(packed[path] / 100 - true[path]).max() <= 0.0101
    judged = np.isin(verdicts, ["met", "gap"])
    assert ((packed[judged] / 100 <= LIMITS[service]) == (np.array(verdicts)[judged] == "met")).all()


def test_every_building_is_there_with_its_id_name_and_households(run: Path, html: str) -> None:
    table = in_order(run)
    header, sections = block(html, "details")
    assert header["n"] == N
    kinds = np.frombuffer(sections["id_kind"], dtype=np.uint8)
    numbers, own = np.cumsum(unfold(unvarints(sections["id_number"]))).tolist(), sections["id_own"].decode().split("\n")
    ids = [own.pop(0) if kind == 3 else f"{blocks.KINDS[kind]}/{numbers.pop(0)}" for kind in kinds]
    assert ids == table["building"].tolist()
    at = np.cumsum(unfold(unvarints(sections["name_at"])))
    names = dict(zip(at.tolist(), sections["name"].decode().split("\n"), strict=True))
    assert [names.get(k, "") for k in range(N)] == table["name"].str.replace("\n", " ").tolist()
    _, drawn = block(html, "buildings")
    assert (np.array(unvarints(drawn["households"])) / 10).tolist() == pytest.approx(table["households"].tolist(), abs=0.051)
    assert [bool(k & 1) for k in drawn["flags"]] == table["residential"].tolist()


@pytest.mark.parametrize("service", SERVICES)
def test_the_nearest_facility_is_that_of_the_file(run: Path, html: str, service: str) -> None:
    table = in_order(run)
    _, sections = block(html, "facilities")
    numbers = np.cumsum(unfold(unvarints(sections["id_number"])))
    ids = [f"{blocks.KINDS[kind]}/{number}" for kind, number in zip(sections["id_kind"], numbers, strict=True)]
    assert sorted(ids) == sorted(gpd.read_parquet(run / "facilities.parquet")["facility"])
    _, sections = block(html, "details")
    row = np.cumsum(unfold(unvarints(sections[f"facility_{service}"])))
    assert [ids[k] if k >= 0 else "" for k in row] == table[f"facility_{service}"].tolist()


def test_shares_are_those_of_the_summary(run: Path, html: str) -> None:
    summary = json.loads((run / "summary.json").read_text(encoding="utf-8"))
    header, _ = block(html, "meta")
    assert header["summary"]["shares"] == summary["shares"]
    assert header["synthetic"] is True
    assert sum(header["counted_by"].values()) == summary["counts"]["residential"]


def test_ways_are_left_out_by_name_when_there_are_too_many(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    saved = blocks.load(run)
    header, _ = open_block(background.background(saved, ("footway",)))
    assert header["left_out"] == []
    assert "way:footway" in {layer["kind"] for layer in header["layers"]}
    monkeypatch.setattr(background, "MOST_EDGES", 20)
    header, _ = open_block(background.background(saved, ("footway",)))
    assert header["left_out"] == ["footway"]
    assert {"way:residential", "water", "green", "railway", "barrier", "road"} <= {layer["kind"] for layer in header["layers"]}


def test_lines_across_squares_go_first(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "MOST_EDGES", 0)
    monkeypatch.setattr(background, "SQUARE_EDGES", 4)

    def with_square(table: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
        # the first five edges are one square, the next four a street of the same class
        first = np.arange(len(table)) < 9
        way = np.where(np.arange(len(table)) < 5, 1, np.where(first, 2, table["way"] + 10))
        return table.assign(**{"class": np.where(first, "pedestrian", "residential"), "way": way})

    change_table(copy, with_square, "edges.parquet")
    header, _ = open_block(background.background(blocks.load(copy), ()))
    assert header["left_out"] == ["square"]
    assert {layer["kind"]: layer["n"] for layer in header["layers"]}["way:pedestrian"] == 4


def test_every_way_that_may_be_left_out_has_a_word() -> None:
    assert {*page.LESSER_WAYS, "square", "street"} == set(page.texts()["way"])


def test_size_stays_small(html: str, tmp_path: Path) -> None:
    assert len(html) < 400_000
    assert len(page.html(fake_run.write(tmp_path / "more", 3000))) - len(html) < 60 * 2700


def test_a_run_without_zones_or_facilities_has_a_page(copy: Path) -> None:
    (copy / "zones.parquet").unlink()
    change_table(copy, lambda table: table.iloc[:0], "facilities.parquet")
    change_table(copy, lambda table: table.assign(**{f"facility_{s}": "" for s in SERVICES}))
    assert block(page.html(copy), "facilities")[0]["n"] == 0


def test_outlines_of_facilities_go_along_to_measure_to_and_points_have_none(copy: Path) -> None:
    def reshaped(table: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
        points = shapely.get_coordinates(table.geometry.to_numpy())
        shapes = table.geometry.to_numpy().copy()
        shapes[0] = shapely.box(*points[0], *(points[0] + 0.0001))
        shapes[1] = shapely.LineString([points[1], points[1] + 0.0001, points[1] + 0.0002])
        return table.set_geometry(shapes)

    saved = gpd.read_parquet(copy / "facilities.parquet")
    change_table(copy, reshaped, "facilities.parquet")
    rows = blocks.load(copy).facilities.column("facility").to_pylist()
    _, sections = block(page.html(copy), "facilities")
    rings = unvarints(sections["area_rings"])
    named = [name for name, ring in zip(rows, rings, strict=True) if ring]
    assert set(named) == {*saved["facility"].iloc[:2], *saved["facility"][saved.geometry.geom_type != "Point"]}
    # a box has four corners; a line of three points goes there and back, its far end twice
    corners = dict(zip(named, unvarints(sections["area_points"]), strict=True))
    assert [corners[name] for name in saved["facility"].iloc[:2]] == [4, 5]


# --- nothing from data outside the blocks


def test_no_word_of_the_data_stands_outside_the_blocks(html: str) -> None:
    rest = outside(html)
    for word in ("__hit", "HYPERLINK", "7*7", "矿一路", "紫薇花园", "drawn <", "五分钟便民服务圈", "SUM(1+1)"):
        assert word not in rest


def test_a_program_in_a_name_does_not_run_on_the_builder(copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hit = tmp_path / "hit"
    monkeypatch.setenv("CIRCLE_HIT", f"touch {hit}")
    payload = "{{ cycler.__init__.__globals__.os.system(cycler.__init__.__globals__.os.environ.CIRCLE_HIT) }}{#"
    change_table(copy, lambda table: table.assign(name=payload, compound=payload, use=payload))
    change_table(copy, lambda table: table.assign(name=payload), "facilities.parquet")
    change_table(copy, lambda table: table.assign(name=payload), "edges.parquet")
    rewrite(copy, "run.json", lambda record: record["standard"].update(title={"zh": payload, "en": payload}, source=payload))
    written = page.html(copy)
    assert not hit.exists()
    assert "cycler" not in outside(written)


def test_the_policy_names_every_script_and_style_and_nothing_else(html: str) -> None:
    policy = re.search(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)">', html)
    assert policy
    assert html.index(policy[0]) < html.index("<script")
    assert policy[1].startswith("default-src 'none'; ")
    assert "unsafe" not in policy[1]
    assert "http" not in policy[1]
    for tag in ("script", "style"):
        texts = re.findall(rf"<{tag}>(.*?)</{tag}>", html, flags=re.DOTALL)
        hashes = {f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" for text in texts}
        named = re.search(rf"{tag}-src ([^;]*);", policy[1])
        assert named
        assert hashes == set(named[1].split())
    assert not re.search(r"<[^>]+\s(on\w+|style|src)=", re.sub(r"<(script|style)>.*?</\1>", "", outside(html), flags=re.DOTALL))


def test_publishing_code_never_makes_markup_from_text() -> None:
    banned = ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "bindPopup", "bindTooltip", "eval(", "new Function")
    for file in PUBLISH.glob("assets/*.js"):
        text = file.read_text(encoding="utf-8")
        assert not [word for word in banned if word in text], file.name
    for file in PUBLISH.glob("*.py"):
        text = file.read_text(encoding="utf-8")
        assert not re.search(r"\b(Popup|Tooltip|GeoJson|Marker|DivIcon)\(|branca\.element\.Element\(", text), file.name


def test_a_block_that_is_no_base64_is_refused() -> None:
    with pytest.raises(ValueError, match="not base64"):
        skeleton.render(skeleton.Parts(("",), (), "", {"meta": "</script>"}), (0.0, 0.0))


def test_scripts_cannot_close_their_own_tag() -> None:
    assert skeleton.inline_script('a = "</SCRIPT>";\n//# sourceMappingURL=x.map') == 'a = "<\\/SCRIPT>";\n'
    assert skeleton.inline_style("a { background: url(images/layers.png) }") == "a { background: none }"
    with pytest.raises(ValueError, match="closing style tag"):
        skeleton.inline_style("</style>")


# --- words


def test_every_word_of_the_page_is_there_in_both_languages_and_used() -> None:
    texts = page.texts()
    keys = {f"{section}.{key}" for section, entries in texts.items() for key in entries}
    assert all(set(entry) == {"zh", "en"} and all(entry.values()) for entries in texts.values() for entry in entries.values())
    source = "\n".join(file.read_text(encoding="utf-8") for file in sorted(PUBLISH.glob("assets/*")))
    named = set(re.findall(r'(?:\bt\(|parts\(|data-t=)"(\w+\.\w+)"', source)) | {
        f"page.{key}" for key in re.findall(r'data-label="(\w+)"', source)
    }
    assert named <= keys
    built = set(re.findall(r"`(\w+\.\w*)\$\{", source)) - {"page."}  # `page.${…}` is data-label, counted above
    unused = {key for key in keys - named if not any(key.startswith(start) for start in built) and f'"{key}"' not in source}
    assert not unused
    for entries in texts.values():
        for key, entry in entries.items():
            slots = [set(re.findall(r"\{(\w+)\}", text)) for text in entry.values()]
            assert slots[0] == slots[1], key


# --- what is wrong is said


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="no such folder"):
        page.html(tmp_path / "nowhere")
    with pytest.raises(SourceError, match=r"holds no run\.json"):
        page.html(tmp_path)


@pytest.mark.parametrize("name", ["buildings.parquet", "facilities.parquet", "edges.parquet", "background.parquet", "summary.json"])
def test_a_missing_or_broken_file_is_named(copy: Path, name: str) -> None:
    (copy / name).write_bytes(b"PAR1 no")
    with pytest.raises(SourceError, match=name):
        page.html(copy)
    (copy / name).unlink()
    with pytest.raises(SourceError, match=f"holds no {name}"):
        page.html(copy)


def test_a_missing_column_a_strange_verdict_and_a_lost_facility_are_named(copy: Path) -> None:
    whole = gpd.read_parquet(copy / "buildings.parquet")
    whole.drop(columns="reason_shop").to_parquet(copy / "buildings.parquet")
    with pytest.raises(SchemaError, match="'reason_shop' is missing"):
        page.html(copy)
    whole.assign(verdict_shop="fine").to_parquet(copy / "buildings.parquet")
    with pytest.raises(SchemaError, match="'verdict_shop' holds 'fine'"):
        page.html(copy)
    whole.assign(facility_shop="node/1").to_parquet(copy / "buildings.parquet")
    with pytest.raises(SchemaError, match="'facility_shop' names 'node/1'"):
        page.html(copy)
