"""The command line as a doorman: help with examples in both languages, and quick answers that load no geography."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from town import Town
from typer.testing import CliRunner

from circle.cli import STAGES, app, main

ROOT = Path(__file__).resolve().parent.parent
COMMANDS = sorted(typer.main.get_command(app).commands)
HEAVY = ("geopandas", "shapely", "osmium", "pandas", "numpy", "scipy", "networkx", "folium", "pyarrow", "osmnx", "pandera")
ASK = """
import json, sys
sys.argv = ["circle", *json.loads(sys.argv[1])]
status = 0
try:
    from circle.cli import main
    main()
except SystemExit as end:
    status = end.code
print(json.dumps({"status": status, "loaded": [name for name in %r if name in sys.modules]}))
"""


def asked(*arguments: str) -> tuple[dict[str, object], str]:
    """Exit status and heavy modules loaded, in a process of its own; and all that was printed."""
    told = subprocess.run(
        [sys.executable, "-W", "error", "-c", ASK % (HEAVY,), json.dumps(arguments)],
        capture_output=True, text=True, cwd=ROOT, check=True, timeout=60,
    )  # fmt: skip
    *lines, last = told.stdout.splitlines()
    return json.loads(last), "\n".join(lines) + told.stderr


def helped(*arguments: str) -> str:
    result = CliRunner().invoke(app, [*arguments, "--help"], env={"COLUMNS": "200", "TERM": "dumb"})
    assert result.exit_code == 0
    return result.output


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_every_command_has_an_example_and_both_languages(command):
    text = helped(command)
    assert re.search(rf"Examples?:\s+circle {command}\b", text)
    assert re.search(r"[\u4e00-\u9fff]{4}", text.partition("Options")[0])  # what it does, in Chinese
    assert re.search(r"[A-Za-z]{3,} [a-z]+ [a-z]+", text.partition("Options")[0])  # and in English


def test_help_of_the_whole_names_every_command_and_shows_how_to_begin():
    text = helped()
    for command in COMMANDS:
        assert re.search(rf"^\W*{command}\s", text, re.MULTILINE), command
    assert "circle demo" in text
    assert "真实步行时间" in text


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_says_what_it_does_in_both_languages(command):
    for parameter in typer.main.get_command(app).commands[command].params:
        if parameter.name != "help":
            assert re.search(r"[\u4e00-\u9fff]", parameter.help or ""), parameter.name
            assert re.search(r"[A-Za-z]{3}", parameter.help or ""), parameter.name


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_in_the_readme(command):
    assert f"circle {command}" in (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["--help"], 0),
        (["run", "--help"], 0),
        (["standards"], 0),
        ([], 2),
        (["dance"], 2),
        (["run"], 2),
        (["run", "town.osm", "--no-such-option"], 2),
        (["run", "town.osm", "--standard", "six-minute"], 2),
        (["run", "town.osm", "--walker", "bird"], 2),
        (["standards", "nowhere"], 2),
    ],
)
def test_help_and_wrong_usage_answer_without_the_geo_stack(arguments, status):
    told, said = asked(*arguments)
    assert told == {"status": status, "loaded": []}, said
    assert "Traceback" not in said
    if status:
        assert said.strip()


def test_stages_are_told_in_both_languages():
    for text in STAGES.values():
        assert re.search(r"[a-z]{3}.*[\u4e00-\u9fff]", text)


def test_a_run_from_the_command_line_says_what_was_found(tmp_path):
    """A street, a shop, one house in time and one too late, in numbers that one can check by eye."""
    town = Town()
    town.street((0, 0), (500, 0))
    town.offer("shop", 0, -6)
    town.house(40, 6), town.house(400, 6)
    source = town.write(tmp_path / "town.osm")
    told, said = asked("run", str(source), "-o", str(tmp_path / "out"), "--no-map")
    assert told["status"] == 0
    line = next(line for line in said.splitlines() if "便利店" in line)
    assert line.count("50.0%") == 2  # of buildings, of households
    assert "worst difference" in said
    assert str(tmp_path / "out") in said
    summary = json.loads((tmp_path / "out" / "summary.json").read_text(encoding="utf-8"))
    assert summary["shares"]["shop"]["buildings"]["share_met"] == 0.5
    assert not (tmp_path / "out" / "map.html").exists()
    told, said = asked("run", str(source), "-o", str(tmp_path / "quiet"), "--no-map", "--quiet")
    assert (told["status"], said.strip()) == (0, "")


def test_every_stage_has_words():
    """What a run is doing is said in both languages, never as the name of a stage."""
    package = Path(__file__).resolve().parent.parent / "circle"
    named = {name for path in package.rglob("*.py") for name in re.findall(r'\.stage\("(\w+)"\)', path.read_text(encoding="utf-8"))}
    assert named - set(STAGES) == set()


def test_a_terminal_without_chinese_ends_no_command(tmp_path):
    """What cannot be shown becomes `?`; English and numbers stay, and the answer is written in full."""
    house = Town()
    house.street((0, 0), (500, 0)), house.offer("shop", 0, -6), house.house(40, 6)
    out = tmp_path / "结果"
    poor = {**os.environ, "PYTHONIOENCODING": "ascii", "LANG": "C"}
    for arguments in (
        ("run", str(house.write(tmp_path / "town.osm")), "-o", str(out)),
        ("explain", str(out), "way/1", "-l", "zh"),
        ("standards", "five-minute"),
        ("run", "--help"),
        ("check", str(tmp_path / "town.osm")),
        ("verify", str(out)),
    ):
        done = subprocess.run([sys.executable, "-m", "circle", *arguments], cwd=ROOT, env=poor, capture_output=True, check=False)
        said = (done.stdout + done.stderr).decode("ascii")
        assert "fault in circle" not in said, said
        assert done.returncode == (2 if arguments[0] == "explain" and "no building" in said else 0), said
    assert (out / "map.html").is_file()


def test_whoever_stops_a_command_is_told_so_in_one_line(monkeypatch, capsys):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("circle.cli.standard.standards.names", stop)
    monkeypatch.setattr(sys, "argv", ["circle", "standards"])
    with pytest.raises(SystemExit) as told:
        main()
    assert told.value.code == 130
    assert capsys.readouterr().err.startswith("circle: stopped")


def test_no_help_loses_words_in_brackets():
    """Square brackets are markup to the terminal and would vanish."""
    for name, command in typer.main.get_command(app).commands.items():
        for text in (command.help, command.epilog, *(getattr(each, "help", None) for each in command.params)):
            assert "[" not in (text or ""), name


def test_findings_and_the_end_of_the_data_are_told_in_words(tmp_path):
    """The second house stands farther from the shop than the data reach beyond it; the third has no street."""
    town = Town()
    town.street((0, 0), (300, 0))
    town.offer("shop", 0, -6)
    town.house(40, 6), town.house(295, 6), town.house(40, 250)
    town.box = (-100, -100, 310, 400)
    told, said = asked("run", str(town.write(tmp_path / "town.osm")), "-o", str(tmp_path / "out"), "--no-map")
    assert told["status"] == 0
    assert "离最近的步行道路很远  Far from the nearest way on foot  (linkage.far)" in said
    assert re.search(r"shop 便利店: unmapped 数据缺失 for \d+ buildings, because the data end", said)


def test_a_raster_that_is_not_there_is_refused_before_the_map_is_read(tmp_path):
    told, said = asked("run", str(tmp_path / "no.osm"), "--elevation", str(tmp_path / "no.tif"), "-o", str(tmp_path / "out"))
    assert told["status"] == 2
    assert "no.tif: no such file" in said
