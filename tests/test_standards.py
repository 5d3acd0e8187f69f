"""Standards as data: the shipped ones say what their sources say, and a planner's own is read or refused in one clear sentence."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from circle import rules, standards
from circle.errors import RuleError

MINE = """
title = { zh = "我们的圈", en = "Ours" }
source = "Resolution of 12 May"
walker = "planning"

[[service]]
service = "shop"
limit_min = 3
source = "Resolution"
confidence = "verified"

[[service]]
service = "park"
radius_m = 500
source = "Resolution"
confidence = "unverified"
note = "to be checked"
label = { zh = "口袋公园", en = "Pocket park" }
circle = { zh = "生活圈", en = "Life circle" }
"""


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    path = tmp_path / "mine.toml"
    path.write_text(MINE, encoding="utf-8")
    return path


def refusal(path: Path, text: str) -> str:
    path.write_text(text, encoding="utf-8")
    with pytest.raises(RuleError) as caught:
        standards.load(path)
    message = str(caught.value)
    assert "\n" not in message
    assert str(path) in message
    return message


# --- what is shipped


def test_five_minute_is_the_first_and_the_default():
    assert standards.names()[0] == standards.DEFAULT == "five-minute"
    assert set(standards.names()) == {
        "five-minute",
        "kuangshan",
        "gb50180-5",
        "gb50180-10",
        "gb50180-15",
        "yikezhong",
        "complete-community",
        "fifteen-minute-city",
        "melbourne-20",
    }
    assert standards.names().index("gb50180-5") < standards.names().index("gb50180-10") < standards.names().index("gb50180-15")


def test_five_minute_is_the_promise_of_the_report():
    found = standards.load("five-minute")
    assert {limit.service: limit.limit_min for limit in found.services} == {
        "shop": 1.0,
        "market": 2.0,
        "bus_stop": 3.0,
        "service_centre": 4.0,
        "clinic": 5.0,
    }
    assert found.walker == "adult"
    assert {limit.circle.zh for limit in found.services if limit.circle} == {"大众饮食圈", "大众生活圈", "大众服务圈", "公交线"}
    assert all(limit.confidence == "verified" for limit in found.services)


def test_kuangshan_is_the_promise_and_more():
    five, found = standards.load("five-minute"), standards.load("kuangshan")
    assert found.services[:5] == five.services
    assert [limit.service for limit in found.services[5:]] == ["canteen", "elder_care", "children", "deliberation", "park", "parking"]
    assert all(limit.confidence == "unverified" and limit.note for limit in found.services[5:])


# metres of the standard at 1.0 m/s: 300 m are 5 minutes, 500 m are 8 1/3, 800 m are 13 1/3, 1000 m are 16 2/3
@pytest.mark.parametrize(
    ("name", "service", "minutes"),
    [
        ("gb50180-5", "service_centre", 5.0),
        ("gb50180-5", "culture", 25 / 3),
        ("gb50180-10", "school_primary", 25 / 3),
        ("gb50180-15", "metro", 40 / 3),
        ("gb50180-15", "school_junior", 50 / 3),
        ("yikezhong", "shop", 5.0),
        ("yikezhong", "market", 8.0),
        ("yikezhong", "supermarket", 15.0),
        ("melbourne-20", "library", 10.0),
        ("fifteen-minute-city", "park", 15.0),
        ("complete-community", "kindergarten", 5.0),
    ],
)
def test_limits_that_the_sources_name(name, service, minutes):
    assert standards.load(name).limit(service).limit_min == pytest.approx(minutes)


@pytest.mark.parametrize("name", standards.names())
def test_shipped_standard_is_whole(name):
    found = standards.load(name)
    assert found.name == name
    assert found.walker == ("planning" if name.startswith("gb") or name in ("yikezhong", "complete-community") else "adult")
    assert found.source
    assert found.title.zh
    assert found.description.en.endswith(".")
    keys = [limit.service for limit in found.services]
    assert len(keys) == len(set(keys))
    assert set(keys) <= set(rules.services())
    for limit in found.services:
        assert 0 < limit.limit_min <= 20
        assert limit.source
        assert limit.confidence in standards.CONFIDENCE
        # what nobody has checked says why it stands here all the same
        assert limit.confidence == "verified" or limit.note, limit.service
        assert limit.label.zh
        assert limit.label.en
    assert standards.Standard.from_dict(json.loads(json.dumps(found.as_dict()))) == found


# --- a planner's own


def test_a_planners_own(mine):
    found = standards.load(mine)
    assert found == standards.load(str(mine))
    assert found.name == "mine"
    assert found.limit("shop").label == rules.services()["shop"].label
    # 500 m at 1.0 m/s
    assert found.limit("park").limit_min == pytest.approx(500 / 60)
    assert found.limit("park").label.zh == "口袋公园"
    assert found.limit("park").circle == standards.Label("生活圈", "Life circle")
    assert found.limit("park").note == "to be checked"
    assert standards.Standard.from_dict(found.as_dict()) == found


def test_a_mark_in_front_of_the_file_does_not_matter(tmp_path):
    path = tmp_path / "bom.toml"
    path.write_bytes(b"\xef\xbb\xbf" + MINE.encode())
    assert standards.load(path).limit("shop").limit_min == 3


def test_a_saved_standard_is_read_even_when_a_service_is_no_longer_known():
    saved = standards.load("five-minute").as_dict()
    saved["services"][0]["service"] = "teahouse"
    saved["walker"] = "runner"
    assert standards.Standard.from_dict(saved).limit("teahouse").limit_min == 1


def test_a_saved_standard_that_is_damaged_is_refused():
    saved = standards.load("five-minute").as_dict()
    del saved["title"]
    with pytest.raises(RuleError, match="saved standard: title: missing"):
        standards.Standard.from_dict(saved)


def test_limit_of_an_unknown_service_is_refused():
    with pytest.raises(RuleError, match="standard 'five-minute' has no service 'clnic'; did you mean 'clinic'"):
        standards.load("five-minute").limit("clnic")


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('service = "shop"', 'service = "shpo"', "service[1].service = 'shpo': not known; did you mean 'shop'? Allowed: bank, bus_stop"),
        ('service = "shop"', 'service = "park"', "service[2].service = 'park': named twice"),
        ('service = "shop"', "", "service[1].service: missing"),
        ('service = "shop"', "service = 7", "service[1].service = 7: must be a text"),
        ("limit_min = 3", "limit_min = 0", "service[1].limit_min = 0: must be a finite number, above 0"),
        ("limit_min = 3", "limit_min = -2", "limit_min = -2: must be a finite number, above 0"),
        ("limit_min = 3", "limit_min = nan", "limit_min = nan: must be a finite number"),
        ("limit_min = 3", "limit_min = inf", "limit_min = inf: must be a finite number"),
        ("limit_min = 3", "limit_min = true", "limit_min = true: must be a number, without quotes"),
        ("limit_min = 3", 'limit_min = "3"', "limit_min = '3': must be a number, without quotes"),
        ("limit_min = 3", "limit_min = [3]", "limit_min = [3]: must be a number"),
        ("limit_min = 3", "limit_min = 3000", "limit_min = 3000: must be at most 240"),
        ("limit_min = 3", "", "service[1].limit_min: missing; add it"),
        ("limit_min = 3", "limit_minutes = 3", "service[1].limit_min: missing (it has 'limit_minutes')"),
        ("limit_min = 3", "limit_min = 3\nlimt = 1", "service[1].limt = 1: unknown key; did you mean 'limit_min'"),
        ("limit_min = 3", "limit_min = 3\nradius_m = 300", "radius_m = 300: limit_min is there too"),
        ("radius_m = 500", "radius_m = -500", "service[2].radius_m = -500: must be a finite number, above 0"),
        ("radius_m = 500", "radius_m = 19000", "is more than 240 minutes at 1 m/s"),
        (
            'walker = "planning"',
            'walker = "planing"',
            "walker = 'planing': not known; did you mean 'planning'? Allowed: adult, adult_wait",
        ),
        ('walker = "planning"', "", "walker: missing"),
        ('confidence = "verified"', 'confidence = "sure"', "confidence = 'sure': not known; Allowed: computed, unverified, verified"),
        ('source = "Resolution of 12 May"', 'source = "  "', "source = '  ': must not be empty"),
        ('title = { zh = "我们的圈", en = "Ours" }', 'title = "Ours"', "title = 'Ours': must be a table"),
        ('title = { zh = "我们的圈", en = "Ours" }', 'title = { en = "Ours" }', "title.zh: missing"),
        ('title = { zh = "我们的圈", en = "Ours" }', 'title = { zh = "圈", en = "Ours", fr = "Le" }', "title.fr = 'Le': unknown key"),
        ('title = { zh = "我们的圈", en = "Ours" }', 'titel = "x"', "title: missing (it has 'titel')"),
        ("[[service]]", "[service]", "not valid TOML"),
        ('note = "to be checked"', "note = 5", "note = 5: must be a text"),
    ],
)
def test_a_wrong_key_or_value_is_refused(mine, old, new, says):
    assert old in MINE
    assert says in refusal(mine, MINE.replace(old, new, 1))


def test_a_standard_without_services_is_refused(mine):
    head = MINE[: MINE.index("[[service]]")]
    assert "service: missing" in refusal(mine, head)
    assert "service = []: must be a list of tables" in refusal(mine, head + "service = []\n")


def test_broken_toml_names_the_line(mine):
    assert re.search(r"not valid TOML: .*line 3", refusal(mine, 'title = { zh = "圈", en = "C" }\nwalker = "adult"\nsource = \n'))


def test_a_file_in_another_encoding_is_refused(mine):
    mine.write_bytes(MINE.encode("gb18030"))
    with pytest.raises(RuleError, match=r"line 2 is not UTF-8 .*save as UTF-8"):
        standards.load(mine)
    mine.write_bytes(MINE.encode("utf-16"))
    with pytest.raises(RuleError, match="not UTF-8"):
        standards.load(mine)


def test_hostile_files_do_no_harm(mine, tmp_path):
    # control characters are quoted as a mark: a terminal must not obey them
    assert "\x1b" not in refusal(mine, MINE.replace('service = "shop"', 'service = "a\\u001b[2J\\nb"'))
    assert "lists inside lists" in refusal(mine, "a = " + "[" * 100_000)
    for name in ("x" * 5000, "a\0b", "a\0b.toml", "x" * 5000 + ".toml"):
        with pytest.raises(RuleError):
            standards.load(name)
    mine.write_bytes(bytes(range(256)) * 10)
    with pytest.raises(RuleError, match="not UTF-8"):
        standards.load(mine)


def test_missing_files_and_names(tmp_path):
    with pytest.raises(RuleError, match=r"no standard 'five-minut'; did you mean 'five-minute'. Shipped: five-minute, "):
        standards.load("five-minut")
    with pytest.raises(RuleError, match="no standard ''; Shipped: "):
        standards.load("")
    with pytest.raises(RuleError, match=r"absent.toml: no such file"):
        standards.load(tmp_path / "absent.toml")
    with pytest.raises(RuleError, match="this is a folder"):
        standards.load(tmp_path)
    (tmp_path / "empty.toml").touch()
    with pytest.raises(RuleError, match=r"empty.toml: walker: missing"):
        standards.load(tmp_path / "empty.toml")
