"""The benchmark's clones are a true extract, many times over: nothing lost, nothing shared, sorted, each reference where it was."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import osmium
import pytest

SOURCE = """<osm version="0.6">
 <node id="1" lon="10.0" lat="50.0" version="1"><tag k="shop" v="convenience"/></node>
 <node id="2" lon="10.1" lat="50.0" version="1"/>
 <node id="7" lon="10.1" lat="50.2" version="1"/>
 <way id="3" version="1"><nd ref="1"/><nd ref="2"/><nd ref="999"/><nd ref="7"/><tag k="building" v="yes"/></way>
 <relation id="4" version="1"><member type="way" ref="3" role="outer"/><member type="node" ref="7" role=""/>
  <member type="relation" ref="5" role="sub"/>
  <tag k="type" v="multipolygon"/></relation>
</osm>
"""


@pytest.fixture(scope="module")
def cloning(tmp_path_factory: pytest.TempPathFactory):
    """The module under test, and its four clones of a drawn file, read back."""
    where = Path(__file__).resolve().parent.parent / "benchmarks" / "clone.py"
    spec = importlib.util.spec_from_file_location("benchmarks_clone", where)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    folder = tmp_path_factory.mktemp("clones")
    (folder / "one.osm").write_text(SOURCE, encoding="utf-8")
    survey = module.clone(folder / "one.osm", 4, folder / "four.osm.pbf")
    return module, survey, folder / "four.osm.pbf"


def read(file: Path) -> tuple[dict, dict, dict]:
    nodes, ways, relations = {}, {}, {}
    for thing in osmium.FileProcessor(file):
        if thing.is_node():
            nodes[thing.id] = (round(thing.lon, 6), round(thing.lat, 6), dict(thing.tags))
        elif thing.is_way():
            ways[thing.id] = ([node.ref for node in thing.nodes], dict(thing.tags))
        else:
            relations[thing.id] = ([(member.type, member.ref, member.role) for member in thing.members], dict(thing.tags))
    return nodes, ways, relations


def test_survey_sees_the_largest_id_even_where_it_is_only_referred_to(cloning):
    _, survey, _ = cloning
    assert (survey.node, survey.way, survey.relation) == (999, 3, 5)
    assert (survey.west, survey.south, survey.east, survey.north) == (10.0, 50.0, 10.1, 50.2)


def test_nothing_is_lost_and_every_reference_keeps_its_meaning(cloning):
    _, survey, file = cloning
    nodes, ways, relations = read(file)
    assert (len(nodes), len(ways), len(relations)) == (12, 4, 4)
    by_node, by_way, by_relation = (survey.stride(kind) for kind in "nwr")
    for k in range(4):
        assert ways[3 + k * by_way] == ([ref + k * by_node for ref in (1, 2, 999, 7)], {"building": "yes"})
        members, tags = relations[4 + k * by_relation]
        assert members == [("w", 3 + k * by_way, "outer"), ("n", 7 + k * by_node, ""), ("r", 5 + k * by_relation, "sub")]
        assert tags == {"type": "multipolygon"}
        assert 999 + k * by_node not in nodes


def test_clones_lie_on_a_grid_and_do_not_touch(cloning):
    # extent 0.1 by 0.2 degrees and a margin of 0.01: steps of 0.11 and 0.21
    _, survey, file = cloning
    nodes, _, _ = read(file)
    corners = sorted(nodes[1 + k * survey.stride("n")][:2] for k in range(4))
    assert corners == [(10.0, 50.0), (10.0, 50.21), (10.11, 50.0), (10.11, 50.21)]


def test_file_says_that_it_is_sorted_and_is(cloning):
    _, _, file = cloning
    with osmium.io.Reader(file) as reader:
        assert reader.header().get("sorting") == "Type_then_ID"
        box = reader.header().box()
        assert (round(box.bottom_left.lon, 6), round(box.top_right.lat, 6)) == (10.0, 50.41)
    order = [("nwr".index(thing.type_str()), thing.id) for thing in osmium.FileProcessor(file)]
    assert order == sorted(set(order))


def test_nothing_to_clone_is_said(cloning, tmp_path):
    module, _, _ = cloning
    (tmp_path / "empty.osm").write_text('<osm version="0.6"/>', encoding="utf-8")
    with pytest.raises(SystemExit, match="nothing to clone"):
        module.clone(tmp_path / "empty.osm", 2, tmp_path / "out.osm.pbf")
    with pytest.raises(SystemExit, match="give 1 or more"):
        module.clone(tmp_path / "empty.osm", 0, tmp_path / "out.osm.pbf")
