"""The wire, over loopback: whole answers, bad answers, busy servers; and nothing that a planner could not act on."""

from __future__ import annotations

import json
import re
import socket

import pytest
from town import two_homes
from wire import Wire

from circle.errors import FetchError, PlaceError, SourceError
from circle.sources.overpass import Wire as Address
from circle.sources.overpass import _osmnx

BOX = (-0.03, -0.03, 0.03, 0.03)


@pytest.fixture
def town(tmp_path):
    return two_homes(tmp_path / "town.osm")


@pytest.fixture
def hurried(monkeypatch):
    """Without the second that Nominatim's rules ask for between two questions."""
    from types import SimpleNamespace

    import osmnx._nominatim

    monkeypatch.setattr(osmnx._nominatim, "time", SimpleNamespace(sleep=lambda seconds: None))


def sane(text: str) -> None:
    """One line that a terminal may show, and that says what to do."""
    assert text.isprintable()
    assert len(text) < 600
    assert re.search(r"[.。]$", text)
    assert not re.search(r"Traceback|<|\bNone\b", text)


def test_everything_that_osmnx_is_used_for_is_there():
    """OSMnx gives raw answers only through inner functions: this fails when a new version has moved them."""
    from importlib.metadata import version

    assert version("osmnx").startswith("2.1.")
    ox = _osmnx()
    for name in ("cached", "geocode", "pause", "ask", "resolver"):
        assert callable(getattr(ox, name)), name


def test_objects_come_with_tags_and_references_and_without_their_mappers(town, tmp_path):
    with Wire(town) as wire:
        found = wire.client(tmp_path).elements(BOX)
    assert len(found) == len(wire.all)
    assert found.date == wire.date
    for one in wire.all:
        table = {"node": found.nodes, "way": found.ways}[one["type"]]
        assert json.loads(table[one["id"]][-1]) == one.get("tags", {})
        if one["type"] == "way":
            assert json.loads(table[one["id"]][2]) == one["nodes"]
    assert "a mapper" not in repr(found)


def test_the_question_names_us_and_is_asked_once(town, tmp_path):
    with Wire(town) as wire:
        client = wire.client(tmp_path, user_agent="planning office, mail@example.org")
        client.elements(BOX)
        client.elements(BOX)
        assert [one["path"] for one in wire.asked] == ["/api/status", "/api/interpreter"]  # the second time from the cache
        assert {one["User-Agent"] for one in wire.asked} == {"planning office, mail@example.org"}
        wire.client(tmp_path, user_agent="x", fresh=True).elements(BOX)
        assert len(wire.queries) == 2
    (query,) = set(wire.queries)
    assert query.startswith("[out:json][timeout:2];(node(-0.0300000,-0.0300000,0.0300000,0.0300000);way(")
    assert query.count("(") == query.count(")")
    assert query.count('"') % 2 == 0
    assert query.endswith(";out meta;")


def test_osmnx_is_left_as_it_was(town, tmp_path):
    from osmnx import settings

    before, resolver = dict(vars(settings)), socket.getaddrinfo
    with Wire(town, moods=["login"]) as wire:
        with pytest.raises(FetchError):
            wire.client(tmp_path).elements(BOX)
        wire.client(tmp_path).elements(BOX)
    assert dict(vars(settings)) == before
    assert socket.getaddrinfo is resolver


@pytest.mark.parametrize("mood", [429, 500, 502, 503, 504, "half", "cut", "busy page", "dispatcher", "hang up"])
def test_a_busy_server_or_a_cut_answer_is_asked_again_with_a_word(town, tmp_path, mood):
    with Wire(town, moods=[mood, mood]) as wire:
        found = wire.client(tmp_path).elements(BOX)
        assert len(found) == len(wire.all)
        assert len(wire.queries) == 3
    told = [detail for stage, detail in wire.said if stage == "retry"]
    assert [re.search(r"try \d of \d", each)[0] for each in told] == ["try 2 of 4", "try 3 of 4"]
    assert sum(wire.slept) == (14 if mood == 429 else 30)  # what Retry-After says, or 10 and then 20 seconds


@pytest.mark.parametrize("mood", [429, 504, "half", "cut", "busy page", "dispatcher"])
def test_nobody_asks_without_end(town, tmp_path, mood):
    with Wire(town, moods=[mood] * 50) as wire:
        with pytest.raises(FetchError) as trouble:
            wire.client(tmp_path).elements(BOX)
        assert len(wire.queries) == 4
    sane(str(trouble.value))
    assert "4 tries" in str(trouble.value)
    assert "extract" in str(trouble.value)
    assert list(tmp_path.glob("*.json")) == []


@pytest.mark.parametrize("mood", ["timeout", "memory"])
def test_what_is_too_much_is_asked_in_quarters(town, tmp_path, mood):
    with Wire(town, moods=[mood]) as wire:
        found = wire.client(tmp_path).elements(BOX)
        assert len(wire.queries) == 5
        assert len(found) == len(wire.all)
    assert any("four smaller parts" in detail for _, detail in wire.said)
    with Wire(town, moods=[mood] * 50) as wire:
        with pytest.raises(FetchError) as trouble:
            wire.client(tmp_path, fresh=True).elements(BOX)
        assert len(wire.queries) == 3
    sane(str(trouble.value))


def test_silence_is_not_waited_for_without_end(town, tmp_path):
    with Wire(town, moods=["silence"] * 9) as wire:
        client = wire.client(tmp_path, timeout_s=1)
        client.rule = {**client.rule, "connect_s": 0.1, "halvings": 0}
        with pytest.raises(FetchError, match="no answer within 1 s") as trouble:
            client.elements(BOX)
    sane(str(trouble.value))


REFUSED = [
    (400, SourceError, "server says no"),
    (403, SourceError, "403"),
    (404, SourceError, "--endpoint"),
    ("login", FetchError, "Log in, please"),
    ("broken", FetchError, "disk I/O"),
    ("huge", FetchError, "xxxxx"),
    ("round", FetchError, "without end"),
    ([], FetchError, "not what such a server gives"),
    ({}, FetchError, "something else"),
    ({"elements": 3, "osm3s": {}}, FetchError, "something else"),
    ({"elements": [[]], "osm3s": {}}, FetchError, "object 1"),
    ({"elements": [{"type": "node", "id": 1}], "osm3s": {}}, FetchError, "object 1"),
    ({"elements": [{"type": "node", "id": 1, "lat": 95, "lon": 0}], "osm3s": {}}, FetchError, "not on Earth"),
    ({"elements": [{"type": "node", "id": 1, "lat": "NaN", "lon": 0}], "osm3s": {}}, FetchError, "not on Earth"),
    ({"elements": [{"type": "node", "id": True, "lat": 0, "lon": 0}], "osm3s": {}}, FetchError, "object 1"),
    ({"elements": [{"type": "node", "id": 10**30, "lat": 0, "lon": 0}], "osm3s": {}}, FetchError, "object 1"),
    ({"elements": [{"type": "way", "id": 1, "nodes": ["a"]}], "osm3s": {}}, FetchError, "no numbers"),
    ({"elements": [{"type": "way", "id": 1, "nodes": [], "tags": {"a": {}}}], "osm3s": {}}, FetchError, "no texts"),
    ({"elements": [{"type": "relation", "id": 1, "members": [{"type": "moon", "ref": 1}]}], "osm3s": {}}, FetchError, "object 1"),
    ({"elements": [{"type": "\x1b[31m", "id": 1}], "osm3s": {}}, FetchError, "object 1"),
    ({"elements": [{"type": "way", "id": 1, "nodes": [1, 2]}], "osm3s": {}}, FetchError, "half an answer"),
]


@pytest.mark.parametrize(("mood", "kind", "words"), REFUSED)
def test_bad_answers_are_refused_in_a_sentence_and_never_kept(town, tmp_path, mood, kind, words):
    if mood == []:
        mood = b"[]"
    with Wire(town, moods=[mood] * 4) as wire:
        with pytest.raises(kind) as trouble:
            wire.client(tmp_path).elements(BOX)
        assert type(trouble.value) is kind
        sane(str(trouble.value))
        assert words in str(trouble.value)
        assert len(wire.queries) <= (4 if mood == b"[]" else 1)
        wire.moods.clear()
        assert len(wire.client(tmp_path).elements(BOX)) == len(wire.all)  # the bad answer is not in the cache


def test_an_answer_that_never_ends_is_stopped(town, tmp_path):
    with Wire(town) as wire:
        client = wire.client(tmp_path)
        client.rule = {**client.rule, "most_bytes": 1_000}
        with pytest.raises(FetchError, match="does not stop"):
            client.elements(BOX)


def test_a_broken_cache_is_asked_around(town, tmp_path):
    with Wire(town) as wire:
        wire.client(tmp_path).elements(BOX)
        (kept,) = tmp_path.glob("*.json")
        kept.write_text('{"elements": [', encoding="utf-8")
        assert len(wire.client(tmp_path).elements(BOX)) == len(wire.all)
        assert len(wire.queries) == 2


def test_old_answers_are_asked_for_again(town, tmp_path):
    import os

    with Wire(town) as wire:
        wire.client(tmp_path).elements(BOX)
        (kept,) = tmp_path.glob("*.json")
        other = tmp_path / "mine.json"
        other.write_text("{}")
        for file in (kept, other):
            os.utime(file, (1e9, 1e9))
        wire.client(tmp_path).elements(BOX)
        assert len(wire.queries) == 2
        assert other.is_file()


def test_a_machine_without_network_is_told_of_files(tmp_path, hurried):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    slept = []
    from circle.sources.overpass import Client

    client = Client(Address(f"http://127.0.0.1:{port}/api", f"http://127.0.0.1:{port}", cache=tmp_path), None, slept.append)
    for ask in (lambda: client.elements(BOX), lambda: client.places("铁山区")):
        with pytest.raises(FetchError, match="offline") as trouble:
            ask()
        sane(str(trouble.value))
        assert ".osm.pbf" in str(trouble.value)
    assert slept == []


def test_a_server_without_a_free_slot_is_waited_for(town, tmp_path):
    from datetime import UTC, datetime, timedelta

    at = (datetime.now(UTC) + timedelta(seconds=20)).strftime("%Y-%m-%dT%H:%M:%SZ")
    with Wire(town, status=f"Slot available after: {at}, in 20 seconds.") as wire:
        wire.client(tmp_path).elements(BOX)
    assert 18 <= sum(wire.slept) <= 20
    assert any("free slot" in detail for stage, detail in wire.said if stage == "wait")
    late = (datetime.now(UTC) + timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M:%SZ")
    with Wire(town, status=f"Slot available after: {late}, in 7200 seconds.") as wire, pytest.raises(FetchError, match="120 minutes"):
        wire.client(tmp_path, fresh=True).elements(BOX)


@pytest.mark.parametrize("status", ["Slot available after: soon", "<html>", "", "\x00\x01"])
def test_a_status_that_cannot_be_read_holds_nobody_up(town, tmp_path, status):
    with Wire(town, status=status) as wire:
        assert len(wire.client(tmp_path).elements(BOX)) == len(wire.all)
    assert wire.slept == []


@pytest.mark.parametrize(
    "more",
    [
        {"endpoint": "overpass-api.de"},
        {"endpoint": "ftp://example.org/api"},
        {"endpoint": "http://"},
        {"endpoint": "http://a b/api"},
        {"geocoder": "http://[::1"},
        {"user_agent": ""},
        {"user_agent": "规划局"},
        {"user_agent": "x\r\nCookie: y"},
        {"timeout_s": 0},
        {"timeout_s": 10**9},
    ],
)
def test_addresses_and_names_that_cannot_be_used_are_refused(more):
    with pytest.raises(SourceError) as trouble:
        Address(**more).checked()
    sane(str(trouble.value))


@pytest.mark.parametrize("written", ["http://x/api", "http://x/api/", "http://x/api/interpreter", "http://x/api/interpreter/"])
def test_an_endpoint_may_be_written_in_full(written):
    assert Address(written).checked().endpoint == "http://x/api"


def test_an_unknown_place_is_said_to_be_unknown(tmp_path, hurried):
    with Wire(places={}) as wire, pytest.raises(PlaceError, match=r"knows no place called “\S+”") as trouble:
        wire.client(tmp_path).places("阿特兰蒂斯")
    sane(str(trouble.value))


@pytest.mark.parametrize("mood", [b'{"error": 1}', b"[1, 2", b'"text"', "login", 403])
def test_a_geocoder_that_answers_nonsense(tmp_path, hurried, mood):
    with Wire(place_moods=[mood] * 4) as wire, pytest.raises(SourceError) as trouble:
        wire.client(tmp_path).places("铁山区")
    sane(str(trouble.value))


@pytest.mark.parametrize("rows", [[1, 2], [{"osm_type": "node"}], [{"geojson": []}]])
def test_rows_of_a_geocoder_that_are_no_places_are_none(tmp_path, hurried, rows):
    with Wire(places={"x": rows}) as wire, pytest.raises(PlaceError, match="knows no place"):
        wire.client(tmp_path).places("x")
