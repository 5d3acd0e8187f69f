"""What the pages at the top say is so: commands, files, pins, and the table of ARCHITECTURE.md."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
KUANGSHAN = ROOT / "data" / "kuangshan" / "kuangshan.osm.pbf"
PAGES = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "benchmarks/README.md"]


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_pins_are_names_and_versions_only():
    lines = [line for line in text("constraints.txt").splitlines() if line and not line.startswith("#")]
    odd = [line for line in lines if not re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.]+", line)]
    assert lines
    assert odd == []


def test_everything_that_is_asked_for_is_pinned_and_the_pin_is_allowed():
    from packaging.requirements import Requirement

    pins = dict(line.split("==") for line in text("constraints.txt").splitlines() if "==" in line)
    pins = {normal(name): version for name, version in pins.items()}
    project = tomllib.loads(text("pyproject.toml"))["project"]
    asked = [Requirement(line) for line in [*project["dependencies"], *project["optional-dependencies"]["dev"]]]
    assert len(asked) > 20
    wrong = [str(one) for one in asked if not one.specifier.contains(pins.get(normal(one.name), "0"))]
    assert wrong == []


def test_the_first_two_commands_of_the_readme_are_targets():
    first = re.search(r"```sh\n(.*?)```", text("README.md"), re.DOTALL)
    commands = [line.split("#")[0].strip() for line in first.group(1).strip().splitlines()]
    assert commands == ["make demo", "make test"]
    for command in commands:
        assert re.search(rf"^{command.removeprefix('make ')}:", text("Makefile"), re.MULTILINE)


def test_readme_lists_every_command_and_no_other():
    from circle.cli import app

    listed = set(re.findall(r"^\| `circle (\w+)", text("README.md"), re.MULTILINE))
    known = {command.name or command.callback.__name__ for command in app.registered_commands if not command.hidden}
    assert listed == known


@pytest.fixture(scope="module")
def found():
    import circle

    return circle.run(KUANGSHAN)


def test_the_python_of_the_readme_runs(found, tmp_path):
    found.save(tmp_path / "run", published=False)
    snippet = re.search(r"```python\n(.*?)```", text("README.md"), re.DOTALL).group(1)
    scope: dict[str, object] = {}
    exec(snippet.replace("tieshan.osm.pbf", str(KUANGSHAN)).replace("out/tieshan", str(tmp_path / "run")), scope)
    assert len(scope["saved"].buildings) == len(scope["run"].buildings) == len(found.buildings)


def test_readme_says_what_the_demo_finds(found):
    shares, page = found.summary["shares"], text("README.md")
    rows = re.findall(r"^\| (?:\*\*)?([a-z ]+?)(?:, \d min|\*\*) \| \**([\d.]+) %\** \| \**([\d.]+) %\** \|$", page, re.MULTILINE)
    said = {name: (float(buildings), float(households)) for name, buildings, households in rows}
    names = {
        "a shop": "shop",
        "the market": "market",
        "a bus stop": "bus_stop",
        "the service centre": "service_centre",
        "the clinic": "clinic",
    }
    expected = {
        name: tuple(round(100 * shares[key][unit]["share_met"], 1) for unit in ("buildings", "households"))
        for name, key in {**names, "all five": "all"}.items()
    }
    assert said == expected

    homes = found.buildings[found.buildings["residential"]]
    ziwei = homes[homes["compound"].isin(found.zones.loc[found.zones["name"] == "紫薇花园", "zone"])]
    numbers = (len(ziwei), len(homes), ziwei["households"].sum(), homes["households"].sum())
    assert "{} of the {} homes, and {:.0f} of the {:,.0f} households".format(*numbers) in page.replace("\n", " ")
    assert (ziwei[["verdict_shop", "verdict_bus_stop"]] == "met").all(axis=None)
    assert (ziwei[["verdict_service_centre", "verdict_clinic"]] == "gap").all(axis=None)


def test_the_scenario_of_the_readme_helps_kuangshan(found, tmp_path):
    (tmp_path / "what_if.toml").write_text(re.search(r"```toml\n(.*?)```", text("README.md"), re.DOTALL).group(1), encoding="utf-8")
    gained = found.compare(found.with_scenario(tmp_path / "what_if.toml")).summary
    assert gained["all"]["households_gained"] > 500
    assert gained["all"]["lost"] == 0
    assert {each["service"] for each in gained["services"] if each["gained"]} == {"bus_stop", "service_centre", "clinic"}


def test_readme_names_only_columns_that_are_written():
    from circle import schema

    columns = {column.name for column in schema.expand("buildings", services=["shop"])}
    named = set(re.findall(r"`?((?:minutes|verdict|facility|reason|fragile)_shop|households_by|residential_by)`?", text("README.md")))
    assert len(named) >= 4
    assert named <= columns


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    folder = (ROOT / page).parent
    broken = [link for link in re.findall(r"\]\(([^)#]+)\)", text(page)) if "://" not in link and not (folder / link).exists()]
    assert broken == []


def test_architecture_is_one_page():
    assert len(text("ARCHITECTURE.md").splitlines()) < 120


def test_architecture_table_names_files_that_exist():
    rows = [line.strip("|").split("|") for line in text("ARCHITECTURE.md").splitlines() if line.startswith("|")][2:]
    assert len(rows) > 10
    cells = [(folder, cell) for _, rule, module, test in rows for folder, cell in (("circle", rule + module), ("tests", test))]
    named = [f"{folder}/{word}" for folder, cell in cells for word in re.findall(r"`([^`<>]+)`", cell)]
    assert [name for name in named if not (ROOT / name).exists() and not (ROOT / name.removeprefix("circle/")).exists()] == []


def test_every_module_is_named_in_architecture():
    page = text("ARCHITECTURE.md")
    tops = {path.name for path in (ROOT / "circle").iterdir() if path.suffix == ".py" and not path.name.startswith("__")}
    tops |= {f"{path.name}/" for path in (ROOT / "circle").iterdir() if (path / "__init__.py").is_file()}
    assert [name for name in sorted(tops) if name not in page and name.removesuffix(".py") not in page] == []


def test_nothing_of_this_machine_or_of_a_registry_is_written_down():
    patterns = ("*.toml", "*.txt", "*.md", "Makefile", ".ci/*", "circle/**/*.py", "benchmarks/*")
    files = [path for pattern in patterns for path in ROOT.glob(pattern) if path.is_file()]
    assert len(files) > 20
    own = re.compile(r"(^|[^\w.])/(root|home)/|index-url|extra-index", re.IGNORECASE)
    assert [path.name for path in files if own.search(path.read_text(encoding="utf-8", errors="replace"))] == []
