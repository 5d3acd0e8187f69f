"""The study file: every option has its place there, relative paths are its own, and what is wrong is said with file, key and value."""

from __future__ import annotations

import os
import re
import string
from contextlib import suppress
from dataclasses import fields, replace
from pathlib import Path
from typing import get_args

import pytest
from commands import one
from hypothesis import given, settings
from hypothesis import strategies as st
from town import two_homes

from circle import study_file
from circle.errors import RuleError
from circle.options import Options, told

WORD = st.text(string.ascii_letters + "0123456789 -_铁山区楼栋=（），", min_size=1, max_size=12).map(str.strip).filter(bool)
STEM = st.text(string.ascii_letters + "铁山区楼栋-_", min_size=1, max_size=8)
FILE = st.builds(lambda folder, stem, suffix, layer: f"{folder}{stem}.{suffix}{layer}", st.sampled_from(["", "a/", "数据/b/"]), STEM,
                 st.sampled_from(["xlsx", "csv", "gpkg", "toml"]), st.sampled_from(["", ":楼栋", ":layer 2"]))  # fmt: skip


def values(name: str, kind: object, *, file: bool) -> st.SearchStrategy:
    text = FILE if file else WORD
    kinds = get_args(kind) if type(None) in get_args(kind) else (kind,)
    one_of = {
        bool: st.booleans(),
        str: text,
        Path: FILE.filter(lambda path: ":" not in path).map(Path),
        int: st.integers(-(10**6), 10**6),
        float: st.floats(-1e6, 1e6),
        type(None): st.none(),
    }
    return st.one_of([st.lists(text, max_size=3).map(tuple) if each == tuple[str, ...] else one_of[each] for each in kinds])


@st.composite
def options(draw) -> Options:
    """Any options that a file may hold."""
    made = {name: draw(values(name, kind, file=how.file)) for name, kind, how in told() if how.in_file}
    return Options(**made)


def placed(said: Options, folder: Path) -> Options:
    """The same options with every file in a folder."""
    moved = {}
    for name, _, how in told():
        value = getattr(said, name)
        if isinstance(value, Path):
            moved[name] = folder / value
        elif how.file and isinstance(value, str):
            moved[name] = str(folder / value)
        elif how.file and isinstance(value, tuple):
            moved[name] = tuple(str(folder / each) for each in value)
    return replace(said, **moved)


@settings(deadline=None, max_examples=60)
@given(options())
def test_options_to_a_file_and_back(tmp_path_factory, said):
    folder = tmp_path_factory.mktemp("study")
    meant = placed(said, folder)
    (folder / "study.toml").write_text(study_file.text(folder / "place.osm.pbf", meant, folder), encoding="utf-8")
    back = study_file.read(folder / "study.toml")
    assert back.source == folder / "place.osm.pbf"
    for field in fields(Options):
        wanted, found = getattr(meant, field.name), getattr(back.options, field.name)
        assert found == wanted, field.name


def test_a_folder_can_be_moved_as_a_whole(tmp_path):
    old = tmp_path / "old"
    old.mkdir()
    (old / "study.toml").write_text(study_file.text(old / "data" / "a.osm", Options(out=old / "out", standard=str(old / "own.toml")), old))
    assert str(tmp_path) not in (old / "study.toml").read_text()
    old.rename(tmp_path / "new")
    back = study_file.read(tmp_path / "new" / "study.toml")
    assert back.source == tmp_path / "new" / "data" / "a.osm"
    assert back.options.out == tmp_path / "new" / "out"
    assert back.options.standard == str(tmp_path / "new" / "own.toml")


def test_every_option_has_its_place_and_is_explained_in_both_languages(tmp_path):
    text = study_file.text(tmp_path / "a.osm", Options(), tmp_path)
    for name, _, how in told():
        assert (f"# {name} = " in text) == how.in_file, name
        assert (how.help in text) == how.in_file, name


def test_every_option_that_names_a_file_is_relative_to_the_study():
    """An option whose help speaks of a file is marked as one, unless it only names a file in passing (`FILE=SYSTEM`)."""
    named = {name for name, kind, how in told() if re.search(r"\bfile\b|FILE", how.help) and Path not in get_args(kind)}
    assert named - {name for name, _, how in told() if how.file} == {"crs", "column"}


WRONG = [
    ("", "source: missing"),
    ("source = 3", "source = 3"),
    ('source = ""', "source"),
    ('source = "a.osm"\nstandrad = "x"', "did you mean 'standard'"),
    ('source = "a.osm"\nno_map = "yes"', "no_map = 'yes': must be true or false"),
    ('source = "a.osm"\nwalker = ["a"]', "walker"),
    ('source = "a.osm"\nwalker = "a\\nb"', "on one line"),
    ('source = "a.osm"\nout = 5', "out = 5"),
    ('source = "a.osm"\nquiet = true', "--quiet on the command line"),
    ('source = "a.osm"\n[walker]\nspeed = 1', "walker"),
    ("source = ", "not valid TOML"),
]


@pytest.mark.parametrize(("text", "words"), WRONG)
def test_what_is_wrong_is_said_with_file_key_and_value(tmp_path, text, words):
    file = tmp_path / "study.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(RuleError) as trouble:
        study_file.read(file)
    assert words in str(trouble.value)
    assert str(file) in str(trouble.value)
    assert str(trouble.value).isprintable()


@settings(deadline=None, max_examples=80)
@given(st.dictionaries(st.sampled_from([name for name, _, _ in told()] + ["source", "x"]), st.one_of(
    st.integers(), st.floats(), st.booleans(), st.text(max_size=5), st.lists(st.text(max_size=3), max_size=2))))  # fmt: skip
def test_any_value_is_taken_or_refused_never_a_fault(tmp_path_factory, table):
    def toml(value):
        return "[" + ",".join(map(toml, value)) + "]" if isinstance(value, list) else study_file._toml(value).replace("Infinity", "inf")

    file = tmp_path_factory.mktemp("study") / "study.toml"
    file.write_text("\n".join(f"{key} = {toml(value)}" for key, value in table.items()), encoding="utf-8", errors="replace")
    with suppress(RuleError):
        assert isinstance(study_file.read(file).options, Options)


def test_what_is_said_goes_before_the_file(tmp_path):
    file, spoken = Options(walker="elderly", no_map=True), Options(standard="five-minute", walker="adult")
    assert study_file.over(file, spoken, {"walker"}) == Options(walker="adult", no_map=True)
    assert study_file.over(file, spoken, set()) == file


def test_a_study_is_run_and_the_command_line_goes_before_it(tmp_path):
    (tmp_path / "data").mkdir()
    two_homes(tmp_path / "data" / "town.osm")
    (tmp_path / "study.toml").write_text('source = "data/town.osm"\nstandard = "gb50180-5"\nout = "out"\nno_map = true\n', encoding="utf-8")
    ran = one("run", tmp_path / "study.toml", "-q")
    assert (ran.status, ran.out, ran.err) == (0, "", "")
    record = (tmp_path / "out" / "run.json").read_text(encoding="utf-8")
    assert '"gb50180-5"' in record
    assert not (tmp_path / "out" / "map.html").exists()
    again = one("run", tmp_path / "study.toml", "-q", "-s", "five-minute", "-o", tmp_path / "other")  # the default, said aloud
    assert (again.status, again.err) == (0, "")
    assert '"gb50180-5"' not in (tmp_path / "other" / "run.json").read_text(encoding="utf-8")
    (tmp_path / "study.toml").write_text('source = "data/town.osm"\nwolker = "adult"\n', encoding="utf-8")
    wrong = one("run", tmp_path / "study.toml")
    assert wrong.status == 2
    assert "did you mean 'walker'" in wrong.complaint
    assert os.listdir(tmp_path / "data") == ["town.osm"]  # noqa: PTH208
