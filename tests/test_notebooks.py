"""The notebooks: stored without outputs, bilingual, without functions of their own; the first two run, and print every number they name."""

from __future__ import annotations

import ast
import json
import re
import runpy

import pytest

pytest.importorskip("nbclient", reason="no nbclient here: pip install 'circle[notebooks]'")

import notebooks

stripped = runpy.run_path(str(notebooks.FOLDER / "strip.py"))["stripped"]
CHINESE, LATIN = re.compile("[一-鿿]"), re.compile("[A-Za-z]{2}")


def test_there_are_five_in_order():
    assert [path.name[0] for path in notebooks.PATHS] == list("12345")


@pytest.mark.parametrize("path", notebooks.PATHS, ids=lambda path: path.stem)
class TestStored:
    def test_no_output_is_stored(self, path):
        text = path.read_text(encoding="utf-8")
        assert text == stripped(text), f"{path.name} is not stored as it should be: run `make notebooks`"

    def test_no_function_is_defined(self, path):
        """What a notebook needs is part of circle."""
        for cell in notebooks.code(notebooks.read(path)):
            nodes = list(ast.walk(ast.parse(cell["source"])))
            assert not [node for node in nodes if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda))]

    def test_headings_speak_two_languages(self, path):
        cells = [cell["source"] for cell in notebooks.read(path)["cells"] if cell["cell_type"] == "markdown"]
        headings = re.findall(r"^#+ (.*)$", "\n".join(cells), flags=re.MULTILINE)
        assert len(headings) > 4
        for heading in headings:
            zh, slash, en = heading.partition(" / ")
            assert (bool(CHINESE.search(zh)), slash, bool(LATIN.search(en))) == (True, " / ", True), heading

    def test_nothing_of_one_machine(self, path):
        assert not re.search(r"/(home|root|work|tmp|Users)/", path.read_text(encoding="utf-8"))


def test_stripping_takes_away_what_a_run_leaves():
    text = notebooks.PATHS[0].read_text(encoding="utf-8")
    book = json.loads(text)
    cell = next(cell for cell in book["cells"] if cell["cell_type"] == "code")
    cell |= {"execution_count": 3, "outputs": [{"output_type": "stream", "name": "stdout", "text": ["x"]}], "metadata": {"trusted": True}}
    book["metadata"]["language_info"]["version"] = "3.12.1"
    assert stripped(json.dumps(book)) == text


def test_numbers_in_prose_are_found_where_they_stand():
    assert notebooks.numbers("58.2 % of 1,688, 844户 and 4 分钟，从0%到100%.") == {58.2, 1688, 844, 4, 0, 100}
    assert notebooks.numbers("GB50180, v2, 16a, WGS-84x") == set()


def test_a_first_circle(tmp_path):
    book = notebooks.execute("1", tmp_path)
    assert notebooks.unsaid(book) == []
    assert notebooks.pictures(book) == 4
    (frame,) = notebooks.frames(book)
    assert "sandbox=" in frame
    assert (tmp_path / "out" / "kuangshan" / "map.html").is_file()


def test_a_station(tmp_path):
    book = notebooks.execute("2", tmp_path)
    assert notebooks.unsaid(book) == []
    assert notebooks.pictures(book) == 2
    assert len(notebooks.frames(book)) == 1
