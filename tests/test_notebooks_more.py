"""The third and the fourth notebook run, and print every number they name."""

from __future__ import annotations

import pytest

pytest.importorskip("nbclient", reason="no nbclient here: pip install 'circle[notebooks]'")

import notebooks


def test_gate_or_station(tmp_path):
    book = notebooks.execute("3", tmp_path)
    assert notebooks.unsaid(book) == []
    assert notebooks.pictures(book) == 2


def test_your_own_data(tmp_path):
    book = notebooks.execute("4", tmp_path)
    assert notebooks.unsaid(book) == []
    assert notebooks.pictures(book) == 1
    assert len(notebooks.frames(book)) == 1
    assert "GCJ-02" in notebooks.shown(book)
