"""Rules as data: every case beside the rules holds, and a wrong rules file is refused in one clear sentence."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from circle import rules
from circle.errors import RuleError
from circle.rules import loading, matching, places, walking

FOLDER = Path(rules.__file__).parent
PACKAGE = FOLDER.parent


def cases(file: str, kind: str = "case") -> list[Any]:
    table = tomllib.loads((FOLDER / file).read_text(encoding="utf-8"))
    return [pytest.param(case, id=f"{case['name']}") for case in table[kind]]


# --- services


@pytest.mark.parametrize("case", cases("services.cases.toml"))
def test_service_case(case):
    assert list(rules.match_services(case["tags"], case.get("geometry", "point"))) == case["offers"]


def test_every_service_has_a_case_that_offers_it():
    offered = {service for param in cases("services.cases.toml") for service in param.values[0]["offers"]}
    assert offered == set(rules.services())


def test_services_say_what_they_are():
    for key, service in rules.services().items():
        assert service.key == key
        assert service.label.zh
        assert service.label.en
        assert service.meaning.endswith(".")
        assert not re.search(r"[\u4e00-\u9fff]", service.label.en)


def test_service_keys_hold_all_that_decides():
    base, every = rules.service_base_keys(), rules.service_keys()
    assert {"shop", "amenity", "highway", "building"} <= base
    assert {"name", "access", "social_facility", "community_centre:for"} <= every - base
    # no case changes when all other keys are taken away, and none is offered without a base key
    for param in cases("services.cases.toml"):
        case = param.values[0]
        kept = {k: v for k, v in case["tags"].items() if k in every}
        geometry = case.get("geometry", "point")
        assert list(rules.match_services(kept, geometry)) == case["offers"], case["name"]
        assert not case["offers"] or kept.keys() & base, case["name"]


def test_matching_leaves_tags_alone_and_is_the_same_each_time():
    tags = {"shop": "convenience;bakery", "name": "全家"}
    before = dict(tags)
    assert rules.match_services(tags, "point") == rules.match_services(tags, "point") == ("shop",)
    assert tags == before


@pytest.mark.parametrize(
    "tags",
    [
        {"shop": "convenience", "name": "x" * 255},
        {"shop": ";;;", "name": "便利店"},
        {"amenity": "", "name": "\x00\u202e"},
        {"name": "社区服务中心"},
        {"building": "yes", "name": "=HYPERLINK(1)<script>"},
    ],
)
def test_odd_tags_do_no_harm(tags):
    assert set(rules.match_services(tags, "area")) <= {"shop"}


def test_stop_position():
    assert rules.stop_position({"public_transport": "stop_position", "bus": "yes"})
    assert rules.stop_position({"public_transport": "stop_position", "highway": "bus_stop"})
    assert not rules.stop_position({"public_transport": "platform", "highway": "bus_stop"})
    assert not rules.stop_position({"highway": "bus_stop"})


def services_file(tmp_path: Path, text: str) -> Any:
    path = tmp_path / "services.toml"
    path.write_text(f'name_keys = ["name"]\nclosed_to = []\n[pattern]\nsmall = ["便利"]\n[never]\n{text}', encoding="utf-8")
    return matching._build(loading.read_toml(path))


GOOD = """
[[stop_position]]
tags = { public_transport = "stop_position" }
[service.shop]
label = { zh = "店", en = "Shop" }
meaning = "A shop."
any = [{ tags = { shop = "convenience" }, name = "@small" }]
"""


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("@small", "@smal", "did you mean 'small'"),
        ('name = "@small"', 'nmae = "@small"', "service.shop.any[1].nmae = '@small': unknown key; did you mean 'name'"),
        ('name = "@small"', 'name = "(便利"', "not a regular expression"),
        ("tags = { shop", "geometry = { shop", "service.shop.any[1].geometry"),
        ('meaning = "A shop."', "", "service.shop.meaning: missing"),
        ('meaning = "A shop."', 'meaning = "A shop."\ngeometry = ["polygon"]', "service.shop.geometry"),
        ('meaning = "A shop."', 'meaning = "A shop."\nincludes = ["shp"]', "did you mean 'shop'"),
        ('en = "Shop"', 'de = "Laden"', "service.shop.label.en: missing"),
        ('shop = "convenience" }, name = "@small"', 'shop = "*" }', "too wide without a name"),
        ('shop = "convenience"', "shop = 1", "must be a text or a list of texts"),
        ('any = [{ tags = { shop = "convenience" }, name = "@small" }]', "", "neither `any` nor `includes`"),
        ('any = [{ tags = { shop = "convenience" }, name = "@small" }]', "any = []", "must be a list of tables"),
        ('any = [{ tags = { shop = "convenience" }, name = "@small" }]', 'any = [{ name = "@small" }]', "at least one tag"),
    ],
)
def test_a_wrong_services_file_is_refused(tmp_path, old, new, says):
    services_file(tmp_path, GOOD)
    assert old in GOOD
    with pytest.raises(RuleError, match=re.escape(says)) as caught:
        services_file(tmp_path, GOOD.replace(old, new))
    assert "services.toml" in str(caught.value)
    assert "\n" not in str(caught.value)


# --- walking


WAYS = {"both": (True, True), "forward": (True, False), "backward": (False, True)}


@pytest.mark.parametrize("case", cases("walking.cases.toml"))
def test_walking_case(case):
    walkable = case.get("walkable", True)
    forward, backward = WAYS[case.get("way", "both")] if walkable else (False, False)
    more = (case.get("raised", False), case.get("road", ""), case.get("stop", ""), case["tags"].get("level", "") if walkable else "")
    wanted = rules.Passage(walkable, case["class"], case.get("access", "public"), forward, backward, case.get("area", False), *more)
    assert rules.walkability(case["tags"]) == wanted


def test_walk_keys_hold_all_that_decides():
    every, base = set(rules.walk_keys()), set(rules.walk_base_keys())
    assert {"highway", "foot", "access"} <= every
    assert base <= every
    assert list(rules.walk_keys()) == sorted(every)
    for param in cases("walking.cases.toml"):
        case = param.values[0]
        kept = {k: v for k, v in case["tags"].items() if k in every}
        assert rules.walkability(kept) == rules.walkability(case["tags"]), case["name"]
        assert not rules.walkability(kept).walkable or kept.keys() & base, case["name"]


def test_every_class_has_a_case():
    seen = {param.values[0]["class"] for param in cases("walking.cases.toml")}
    assert rules.way_classes() <= seen


def test_walkers():
    found = rules.walkers()
    assert {name: walker.speed_m_per_s for name, walker in found.items()} == {
        "adult": 1.2,
        "adult_waiting": 1.2,
        "planning": 1.0,
        "elderly": 0.8,
        "stroller": 0.8,
        "wheelchair": 0.8,
    }
    for walker in found.values():
        assert walker.source
        assert all(0 <= factor <= 1 for factor in walker.factors.values())
        assert set(walker.factors) <= rules.way_classes()
    assert found["adult"].speed("steps") == pytest.approx(0.5)
    assert found["adult"].speed("footway") == 1.2
    assert found["wheelchair"].speed("steps") == found["stroller"].speed("steps") == 0
    assert found["elderly"].speed("steps") < found["adult"].speed("steps")
    assert found["adult"].as_dict()["label"] == {"zh": "成年人", "en": "Adult"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("speed_m_per_s = 0", "above 0"),
        ("speed_m_per_s = 30", "at most 3"),
        ("speed_m_per_s = nan", "finite"),
        ("speed_m_per_s = 1.0\nspeeds_m_per_s = { stepps = 0.5 }", "speeds_m_per_s.stepps = 0.5: no class of way; did you mean 'steps'"),
        ("speed_m_per_s = 1.0\nspeeds_m_per_s = { steps = 2.0 }", "at most 1"),
        ("speed_m_per_s = 1.0\nspeeds_m_per_s = { steps = -1.0 }", "at least 0"),
        ("speed_m_per_s = 1.0\nwaiting_s = { signal = 20 }", "waiting_s.signal = 20: nothing that one waits for; did you mean 'signals'"),
        ("speed_m_per_s = 1.0\nwaiting_s = { signals = 6000 }", "at most 600"),
        ('speed_m_per_s = 1.0\nslope = "steep"', "slope = "),
    ],
)
def test_a_wrong_walker_is_refused(text, says):
    table = tomllib.loads(f'label = {{ zh = "人", en = "Man" }}\nsource = "x"\nconfidence = "verified"\n{text}')
    with pytest.raises(RuleError, match=re.escape(says)):
        walking._walker("man", loading.Reader(table, "walkers.toml"))


# --- places


USES = {"nobody": (False, False), "home": (True, True), "other": (True, False), "unsaid": (True, None)}


@pytest.mark.parametrize("case", cases("places.cases.toml", "building"))
def test_building_case(case):
    assert rules.building_use(case["tags"]) == rules.BuildingUse(*USES[case["says"]])


@pytest.mark.parametrize("case", cases("places.cases.toml", "area"))
def test_area_case(case):
    assert rules.area_use(case["tags"]) is USES[case["says"]][1]


@pytest.mark.parametrize("case", cases("places.cases.toml", "zone"))
def test_zone_case(case):
    assert rules.zone_layer(case["tags"]) == (case["says"] or None)


@pytest.mark.parametrize("case", cases("places.cases.toml", "background"))
def test_background_case(case):
    assert rules.background_kind(case["tags"]) == (case["says"] or None)


@pytest.mark.parametrize("case", cases("places.cases.toml", "door"))
def test_door_case(case):
    assert rules.door(case["tags"]) is (case["says"] == "door")
    assert rules.door(case["tags"], facility=True) is (case["says"] in ("door", "visitors"))


def test_building_keys_hold_all_that_decides():
    every = rules.building_use_keys()
    for param in cases("places.cases.toml", "building"):
        tags = param.values[0]["tags"]
        assert rules.building_use({k: v for k, v in tags.items() if k in every}) == rules.building_use(tags)
    for param in cases("places.cases.toml", "area"):
        tags = param.values[0]["tags"]
        assert rules.area_use({k: v for k, v in tags.items() if k in rules.area_use_keys()}) is rules.area_use(tags)


def test_zone_layers_are_named_smallest_first():
    assert list(rules.zone_layers()) == ["compound", "grid", "community", "subdistrict"]
    assert rules.zone_layers()["compound"] == rules.Label("小区", "Compound")


# --- no rule without a case


def first(rules_in_order: Any, tags: dict[str, str]) -> Any:
    """The rule that decides, where the first that fits does."""
    return next(
        (r for r in rules_in_order if r.when.holds(tags) and (getattr(r, "name", None) is None or r.name.search(tags.get("name", "")))),
        None,
    )


def test_every_service_rule_has_a_case():
    """A rule that decides no case could be broken tomorrow and nobody would see."""
    matcher = matching._matcher()
    unproven = {id(rule): rule for bucket in matcher.anchors.values() for found in bucket.values() for rule in found}
    assert len(unproven) > 100
    for param in cases("services.cases.toml"):
        tags = param.values[0]["tags"]
        names = matching._names(matcher, tags)
        geometry = param.values[0].get("geometry", "point")
        seen = matching._Seen(tags, names, matching.chinese(tags.get("name", "") or names))
        for key, rule in list(unproven.items()):
            fits = geometry in matcher.services[matcher.order[rule.service]].geometry and rule.when.holds(tags)
            if fits and (names or rule.name is None) and matching._offers(matcher, rule, seen):
                del unproven[key]
    assert [(matcher.order[rule.service], rule.when.tags) for rule in unproven.values()] == []


@pytest.mark.parametrize(
    ("file", "kind", "in_order"),
    [
        ("walking.cases.toml", "case", lambda: walking._walking().ways),
        ("walking.cases.toml", "case", lambda: walking._walking().courses),
        ("places.cases.toml", "building", lambda: places._places().buildings),
        ("places.cases.toml", "area", lambda: places._places().areas),
        ("places.cases.toml", "zone", lambda: places._places().zones),
        ("places.cases.toml", "background", lambda: places._places().background),
    ],
)
def test_every_other_rule_has_a_case(file, kind, in_order):
    proven = {id(first(in_order(), param.values[0]["tags"])) for param in cases(file, kind)}
    assert [rule.when for rule in in_order() if id(rule) not in proven] == []


def test_every_word_of_permission_has_a_case():
    """One case for each meaning of `foot` and `access`, and for each way of saying where the sidewalk is."""
    said = [param.values[0]["tags"] for param in cases("walking.cases.toml")]
    walk = walking._walking()
    assert {walk.foot[t["foot"]] for t in said if t.get("foot") in walk.foot} == set(walk.foot.values())
    assert {walk.access[t["access"]] for t in said if t.get("access") in walk.access} == set(walk.access.values())
    for condition in (*walk.beside, *walk.aside, *walk.squares, *walk.raised, *(when for _, when in walk.stops)):
        assert any(condition.holds(tags) for tags in said), condition


# --- settings and findings


def test_settings():
    linkage = rules.settings("linkage")
    assert linkage["reach_m"] > 0
    with pytest.raises(TypeError):
        linkage["reach_m"] = 1.0  # type: ignore[index]
    with pytest.raises(RuleError, match="did you mean 'linkage'"):
        rules.settings("linkages")
    assert rules.settings("no_such_section", optional=True) == {}


def test_every_number_is_used():
    """A number that no stage reads would be changed in vain."""
    code = "".join(path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py"))
    table = tomllib.loads((FOLDER / "settings.toml").read_text(encoding="utf-8"))
    widths = table.pop("passage_width_m")  # read as a whole, by kind of barrier
    barriers = tomllib.loads((FOLDER / "barriers.toml").read_text(encoding="utf-8"))["barrier"]
    assert set(widths) <= {each["kind"] for each in barriers} | {"building", "other"}
    assert [f"{section}.{key}" for section, numbers in table.items() for key in numbers if f'"{key}"' not in code] == []


def test_every_sentence_of_a_walk_is_said():
    code = "".join(path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py"))
    assert [key for key in rules.sentences() if key.startswith(("leg.", "note.")) and f'"{key}"' not in code] == []


def test_every_finding_in_the_code_is_explained():
    """A finding without words would be a number that nobody understands."""
    known = rules.findings()
    stages = "|".join({code.split(".")[0] for code in known})
    used = {}
    for path in PACKAGE.rglob("*.py"):
        for call in re.findall(r"findings\.(?:add|extend)\(\s*[^,]*?,|code = [^\n]*", path.read_text(encoding="utf-8")):
            used.update(dict.fromkeys(re.findall(rf'"((?:{stages})\.[a-z_]+)"', call), path.name))
    assert {code: file for code, file in used.items() if code not in known} == {}
    for code, text in known.items():
        assert text.severity in ("info", "warning"), code
        assert text.label.zh
        assert text.label.en
        assert text.remedy.zh
        assert text.remedy.en


# --- real extracts


def offered_in(file: Path) -> dict[str, list[tuple[str, dict[str, str]]]]:
    import osmium

    base = rules.service_base_keys()
    found: dict[str, list[tuple[str, dict[str, str]]]] = {}
    for thing in osmium.FileProcessor(str(file)).with_filter(osmium.filter.KeyFilter(*sorted(base))):
        tags = dict(thing.tags)
        shape = "point" if thing.is_node() else "area" if thing.is_relation() or thing.is_closed() else "line"
        for service in rules.match_services(tags, shape):
            found.setdefault(service, []).append((f"{type(thing).__name__.lower()}/{thing.id}", tags))
    return found


def test_a_chinese_town(test_data):
    found = offered_in(test_data / "osm" / "beijing_yizhuang_2021.osm.pbf")
    assert [tags["name"] for _, tags in found["market"]] == ["宏德利远市场", "鹿海园早市"]
    assert [tags.get("name", "") for _, tags in found["service_centre"]] == ["党群活动中心", ""]
    assert [tags["name"] for _, tags in found["shop"]] == ["快客"]
    assert len(found["supermarket"]) == 11
    assert "clinic" not in found  # none is mapped, and planned ones do not count
    assert "elder_care" not in found
    assert 150 < len(found["bus_stop"]) < 250
    assert not any(tags.get("tram") == "yes" or tags.get("railway") for _, tags in found["bus_stop"])


def test_a_chinese_campus(test_data):
    found = offered_in(test_data / "osm" / "beijing_bupt_campus_2025.osm")
    assert [tags["name"] for _, tags in found["clinic"]] == ["校医院（北京邮电大学社区卫生服务中心）"]
    assert "market" not in found  # the one that is tagged so sells telephones
    assert "canteen" not in found  # students' canteens
    assert "station" not in found  # 北邮邮驿站 is a parcel shop
    assert "北邮邮驿站" in [tags["name"] for _, tags in found["parcel"]]


def test_a_neighbourhood_elsewhere(test_data):
    found = offered_in(test_data / "osm" / "berlin_borsigwalde_2026.osm.pbf")
    assert {tags["name"] for _, tags in found["service_centre"]} == {"Bürgeramt Reinickendorf", "Rathaus Reinickendorf"}
    assert [tags["name"] for _, tags in found["clinic"]] == ["Dr. Lindemann"]  # of family medicine, mapped as office=physician
    assert len(found["supermarket"]) == 5
    assert all(tags.get("access") not in ("private", "no", "customers") for _, tags in found["parking"])


# --- the house


def test_rules_answer_without_the_geo_stack():
    heavy = ("numpy", "pandas", "geopandas", "pandera", "shapely", "osmium")
    code = (
        "import sys; from circle import rules, standards; rules.services(); rules.walkers(); standards.load('five-minute');"
        f"from circle import schema; schema.expand('buildings', ['shop']); print([m for m in {heavy} if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=PACKAGE.parent)
    assert run.stdout.strip() == "[]"


def test_every_rules_file_is_read():
    """A TOML file that no loader reads is a rule that does not rule."""
    text = "".join(module.read_text(encoding="utf-8") for module in PACKAGE.rglob("*.py"))
    for path in FOLDER.glob("*.toml"):
        assert path.name.endswith(".cases.toml") or re.search(rf"\b{re.escape(path.name)}\"", text), path


def test_caches_hold_one_answer():
    assert matching._matcher() is matching._matcher()
    assert places._places() is places._places()
    changed = rules.services()
    changed.clear()
    assert rules.services()
