"""Wrong and broken input through the real command: one sentence, the right status, nothing touched, nothing answered from half a file."""

from __future__ import annotations

import gzip
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from commands import ROOT, Command, commands, one, refused
from osm_files import blocks, village

import circle
from circle import sources
from circle.errors import CircleError
from circle.standards import DEFAULT, load

SERVICES = tuple(limit.service for limit in load(DEFAULT).services)
OVERPASS = """<?xml version="1.0" encoding="UTF-8"?>
<osm version="0.6" generator="Overpass API">
<note>The data included in this document is from www.openstreetmap.org.</note>
{}<remark> runtime error: Query timed out in "query" at line 3 after 26 seconds. </remark>

</osm>
"""


def attempt(path: Path) -> sources.Place | CircleError:
    """What reading gives: a place, or the refusal."""
    try:
        return sources.read(path, SERVICES)
    except CircleError as trouble:
        return trouble


@pytest.fixture(scope="module")
def town(tmp_path_factory) -> Path:
    return village().write(tmp_path_factory.mktemp("town") / "town.osm.pbf")


def bad_files(folder: Path, town: Path) -> dict[str, tuple[Path, str]]:
    """Name → file, and words that the sentence must hold."""
    whole = town.read_bytes()
    xml = village().text().encode()
    made: dict[str, tuple[Path, str]] = {}

    def put(name: str, content: bytes, words: str) -> None:
        path = folder / name
        path.write_bytes(content)
        made[name] = (path, words)

    put("empty.osm.pbf", b"", "is empty")
    put("empty.osm", b"", "is empty")
    put("pbf.osm", whole, "is a PBF file, not XML as its name says. Rename it to end in .osm.pbf")
    put("xml.osm.pbf", xml, "is OSM XML, not PBF as its name says. Rename it to end in .osm")
    put("xml.osm.gz", xml, "Rename it to end in .osm")
    put("gzip.osm", gzip.compress(xml), "Rename it to end in .osm.gz")
    put("packed-pbf.osm.gz", gzip.compress(whole), "not OSM XML")
    put("page.osm.pbf", b"<!DOCTYPE html>\n<html><head><title>429 Too Many Requests</title></head></html>", "is a web page")
    put("page.osm", b'<?xml version="1.0"?><html><body>Sign in</body></html>', "is a web page")
    put("pointer.osm.pbf", b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n", "git lfs pull")
    put("answer.osm", b'{"version": 0.6, "elements": []}', "JSON")
    put("zip.osm.pbf", b"PK\x03\x04" + bytes(60), "Unpack it first")
    put("noise.osm.pbf", random.Random(1).randbytes(5_000), "something else")
    put("text.osm", b"hello, I am a map\n", "something else")
    put("change.osm", b'<osmChange version="0.6"></osmChange>', "change file")
    put("header.osm.pbf", whole[: next(blocks(town))[2]], "a header and no data")
    put("bare.osm", b'<osm version="0.6" generator="x"></osm>', "holds no object")
    put("overpass.osm", OVERPASS.format("").encode(), "error answer of Overpass")
    partly = xml.decode().split("<osm ")[1].split(">", 1)[1].removesuffix("</osm>")
    put("overpass-half.osm", OVERPASS.format(partly).encode(), "error answer of Overpass")
    put("overpass-half.osm.gz", gzip.compress(OVERPASS.format(partly).encode()), "error answer of Overpass")
    put("cut.osm", xml[: len(xml) * 2 // 3], "cut short")
    put("cut.osm.gz", gzip.compress(xml)[:-200], "cut short or damaged")
    put("wrong.osm", xml.replace(b"<way ", b"<wey ", 1), "damaged")
    put("place.shp", xml, "suffix that circle does not read")
    for name, left_out, words in (
        ("roads-only", {"buildings", "services", "relations"}, "holds no building"),
        ("buildings-only", {"roads", "services", "relations"}, "nothing to walk on"),
        ("services-only", {"roads", "buildings", "relations"}, "nothing to walk on"),
    ):
        made[name] = (village(leave_out=frozenset(left_out)).write(folder / f"{name}.osm.pbf"), words)
    made["missing"] = (folder / "missing.osm.pbf", "does not exist")
    made["folder"] = (folder, "is a folder")
    return made


def test_bad_files_are_refused_in_one_sentence_and_nothing_is_written(tmp_path, town):
    (tmp_path / "in").mkdir()
    cases = bad_files(tmp_path / "in", town)
    wanted = [Command(("run", str(path), "-o", str(tmp_path / "out" / "deep"))) for path, _ in cases.values()]
    for (name, (path, words)), outcome in zip(cases.items(), commands(*wanted), strict=True):
        refused(outcome, path)
        assert words in outcome.complaint, (name, outcome.complaint)
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_a_file_that_may_not_be_read_is_told(tmp_path, town):
    path = tmp_path / "closed.osm.pbf"
    path.write_bytes(town.read_bytes())
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("this user may read everything")
    refused(one("run", path, "-o", tmp_path / "out"), path)


def test_a_cut_inside_a_block_is_noticed_wherever_it_falls(tmp_path, test_data):
    source = test_data / "osm" / "beijing_yizhuang_2021.osm.pbf"
    data, ends = source.read_bytes(), {end for _, _, end in blocks(source)}
    draw = random.Random(7)
    near = {end + step for end in ends for step in (-1, 1, 4, 12)}
    cuts = sorted(at for at in {*near, *(draw.randrange(1, len(data)) for _ in range(12))} if 0 < at < len(data) and at not in ends)
    assert len(cuts) > 30
    wanted = []
    for at in cuts:
        path = tmp_path / f"cut{at}.osm.pbf"
        path.write_bytes(data[:at])
        wanted.append(Command(("run", str(path), "-o", str(tmp_path / "out"), "-q")))
    for command, outcome in zip(wanted, commands(*wanted), strict=True):
        refused(outcome, command.arguments[1])
        assert "cut short" in outcome.complaint or "damaged" in outcome.complaint, outcome
    assert not (tmp_path / "out").exists()


def test_a_cut_between_two_blocks_is_refused_or_a_finding(tmp_path, test_data):
    """Nodes come first, then ways, then relations: without ways there is nothing to walk on; without relations that is a finding."""
    source = test_data / "osm" / "berlin_borsigwalde_2026.osm.pbf"
    data, told = source.read_bytes(), []
    ends = [end for _, _, end in blocks(source)]
    assert ends[-1] == len(data)
    for end in ends:
        path = tmp_path / "cut.osm.pbf"
        path.write_bytes(data[:end])
        found = attempt(path)
        told.append(str(found) if isinstance(found, CircleError) else found.findings.counts().get("sources.no_relations", 0))
    assert "a header and no data" in told[0]
    assert all("nothing to walk on" in each and "cut short" in each for each in told[1:-3])
    assert told[-3:] == [1, 1, 0]


def test_a_bit_that_flips_anywhere_gives_the_whole_place_or_a_refusal(tmp_path, town):
    data, draw = town.read_bytes(), random.Random(11)
    whole = sources.read(town, SERVICES)
    path, harmless = tmp_path / "flipped.osm.pbf", 0
    for at in range(len(data)):
        flipped = bytearray(data)
        flipped[at] ^= 1 << draw.randrange(8)
        path.write_bytes(flipped)
        found = attempt(path)
        if isinstance(found, CircleError):
            assert found.exit_status == 2
            assert str(found).startswith(str(path))
        else:
            harmless += 1
            assert (len(found.ways), len(found.buildings), len(found.facilities)) == (len(whole.ways), 8, 5), at
    assert harmless < len(data) / 20


def test_flipped_bits_of_a_real_place_through_the_command(tmp_path, test_data):
    source = test_data / "osm" / "beijing_yizhuang_2021.osm.pbf"
    data, draw = source.read_bytes(), random.Random(13)
    heads = [at for begin, start, _ in list(blocks(source))[:4] for at in range(begin, start)]
    wanted = []
    for at in [*draw.sample(heads, 16), *(draw.randrange(len(data)) for _ in range(16))]:
        flipped = bytearray(data)
        flipped[at] ^= 1 << draw.randrange(8)
        path = tmp_path / f"flip{at}.osm.pbf"
        path.write_bytes(flipped)
        wanted.append(Command(("run", str(path), "-o", str(tmp_path / f"out{at}"), "-q", "--no-map")))
    outcomes = commands(*wanted)
    for command, outcome in zip(wanted, outcomes, strict=True):
        if outcome.status:
            refused(outcome, command.arguments[1])
        assert Path(command.arguments[3]).exists() == (outcome.status == 0)
    assert sum(outcome.status == 2 for outcome in outcomes) > 20


def test_a_file_without_one_of_the_services_says_unmapped(tmp_path):
    wanted = []
    for service in SERVICES:
        source = village(leave_out=frozenset({service})).write(tmp_path / f"{service}.osm.pbf")
        wanted.append(Command(("run", str(source), "-o", str(tmp_path / service), "--no-map")))
    for service, outcome in zip(SERVICES, commands(*wanted), strict=True):
        label = load(DEFAULT).limit(service).label
        assert outcome.status == 0, outcome
        assert f"No {label.en} ({label.zh}) is mapped" in outcome.out
        found = circle.open(tmp_path / service)
        assert set(found.buildings[f"verdict_{service}"]) == {"unmapped"}
        assert set(found.buildings[f"reason_{service}"]) == {"no_facility"}
        others = [f"verdict_{other}" for other in SERVICES if other != service]
        assert not (found.buildings[others] == "unmapped").any(axis=None)


def test_a_file_without_any_service_is_a_place(tmp_path):
    source = village(leave_out=frozenset({"services"})).write(tmp_path / "town.osm")
    outcome = one("run", source, "-o", tmp_path / "out")
    assert outcome.status == 0, outcome
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "town.osm"]
    assert (tmp_path / "out" / "map.html").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("run",), "Missing argument"),
        (("run", "{town}", "--walker", "bird"), "there is no walker 'bird'"),
        (("run", "{town}", "--standard", "six-minute"), "six-minute"),
        (("run", "{town}", "--standard", "{here}/missing.toml"), "missing.toml"),
        (("map", "{here}"), "is not a run"),
        (("standards", "nowhere"), "nowhere"),
        (("dance",), "No such command"),
    ],
)
def test_wrong_usage_ends_with_2(tmp_path, town, arguments, words):
    outcome = one(*(each.format(town=town, here=tmp_path) for each in arguments))
    assert outcome.status == 2, outcome
    assert words in " ".join(outcome.err.split()), outcome
    assert "Traceback" not in outcome.err
    assert list(tmp_path.iterdir()) == []


def stopped(source: Path, out: Path, when: str) -> tuple[int, str]:
    """Start the real command, interrupt it as soon as it says `when`, and wait for its end."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "circle", "run", str(source), "-o", str(out)]
    signal.signal(signal.SIGINT, signal.default_int_handler)  # tests that run in the background ignore it, and so would their children
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as process:
        said = ""
        for line in process.stderr:
            said += line
            if when in line:
                time.sleep(0.02)
                process.send_signal(signal.SIGINT)
                break
        said += process.stderr.read()
        return process.wait(60), said


@pytest.mark.parametrize("when", ["walking network", "writing the workbook"])
def test_an_interrupted_run_leaves_nothing(tmp_path, test_data, when):
    status, said = stopped(test_data / "osm" / "beijing_bupt_campus_2025.osm", tmp_path / "new" / "out", when)
    assert status == 130, said
    assert "Traceback" not in said
    assert "nothing was changed" in said
    assert list(tmp_path.iterdir()) == []
