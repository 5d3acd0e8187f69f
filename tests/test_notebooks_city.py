"""The fifth notebook runs on a real city where one is at hand, and says so plainly where none is."""

from __future__ import annotations

import pytest

pytest.importorskip("nbclient", reason="no nbclient here: pip install 'circle[notebooks]'")

import notebooks
from circle import examples


def test_a_real_city(tmp_path, monkeypatch):
    folder = examples.city().path.parent.parent if examples.city().real else tmp_path
    monkeypatch.setenv("CIRCLE_TEST_DATA", str(folder))
    book = notebooks.execute("5", tmp_path)
    assert notebooks.unsaid(book) == []
    assert notebooks.pictures(book) == 4
    assert len(notebooks.frames(book)) == 1
    assert ("No real data are at hand" in notebooks.shown(book)) == (not examples.city().real)
    assert examples.city().path.name in notebooks.shown(book)
