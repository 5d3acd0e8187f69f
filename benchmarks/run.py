"""How fast, how large: circle beside libosmium alone and beside pyrosm with pandana, in one go.

Takes: a real extract, a working folder, and (for the comparison) a Python with pyrosm and pandana.
Gives: a table of seconds, ratios and peak memory as Markdown, and all figures as JSON in the working folder.
Never: runs two things at once. Contenders take turns, round after round, so that a slow minute of the machine hits all of them.

    python benchmarks/run.py --source las_palmas_2023.osm.pbf --work /tmp/bench --peers .venv-bench/bin/python
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import statistics
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from clone import clone
from measure import Measured, measure

HERE = Path(__file__).resolve().parent
CIRCLE = [str(Path(sys.executable).with_name("circle"))]
PUBLISHED = {
    "page": "from circle.publish import page; page.build",
    "workbook": "from circle.publish import workbook; workbook.write",
    "layers": "from circle.publish import layers; layers.write",
}
BARS = {"tables": 15.0, "page": 4.0, "peers": 8.0, "peak_mib": 3072.0, "exponent": 1.1}
"""What must hold: circle's tables at most 15 floors, its page at most 4 more, 8 times faster than the peers, 3 GiB, n^1.1."""


def main() -> None:
    """Read the command line, measure, print."""
    given = _arguments()
    given.work.mkdir(parents=True, exist_ok=True)
    report: dict[str, Any] = {"machine": _machine(), "date": datetime.now(UTC).date().isoformat(), "source": given.source.name}
    sizes = sorted({*given.scaling, given.clones})
    files = {n: _cloned(given.source, n, given.work) for n in sizes}
    report["versus"] = versus(files[given.clones], given.work, given.rounds, given.peers)
    report["versus"]["clones"] = given.clones
    if given.scaling:
        report["scaling"] = scaling({n: files[n] for n in sorted(given.scaling)}, given.work, given.rounds)
    (given.work / "results.json").write_text(json.dumps(report, indent=1), encoding="utf-8")
    print("\n" + as_markdown(report))


def _arguments() -> argparse.Namespace:
    data = os.environ.get("CIRCLE_TEST_DATA")
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--source", type=Path, default=Path(data) / "osm/las_palmas_2023.osm.pbf" if data else None)
    parser.add_argument("--work", type=Path, required=True, help="folder for clones and run folders; needs about 2 GB")
    parser.add_argument("--clones", type=int, default=16, help="size of the comparison (16: about 360,000 buildings)")
    parser.add_argument("--scaling", type=int, nargs="*", default=[1, 2, 4, 8, 16], help="sizes of the growth curve; none leaves it out")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peers", help="Python of the environment that has pyrosm and pandana; without it they are left out")
    given = parser.parse_args()
    if given.source is None or not given.source.is_file():
        parser.error("say with --source (or CIRCLE_TEST_DATA) which extract to clone")
    return given


def versus(file: Path, work: Path, rounds: int, peers: str | None) -> dict[str, Any]:
    """Floor, tables, page and (in the first half of the rounds: they are slow) the peers, taking turns."""
    out = work / "run"
    taken: dict[str, list[Measured]] = {}
    stages: list[dict[str, float]] = []
    peer_record: dict[str, Any] = {}
    file.read_bytes()  # into the page cache, for everyone
    for turn in range(rounds):
        _take(taken, "floor", [sys.executable, str(HERE / "floor.py"), str(file)], inner=True)
        _take(taken, "tables", [*CIRCLE, "run", str(file), "-o", str(out), "--no-map", "--quiet"])
        stages.append(json.loads((out / "run.json").read_text(encoding="utf-8"))["seconds"])
        for name, module in PUBLISHED.items():
            _take(taken, name, [sys.executable, "-c", f"import pathlib, sys; {module}(pathlib.Path(sys.argv[1]))", str(out)])
        if peers and turn < max(1, rounds // 2):
            for name, more in (("peers", []), ("peers, every node", ["--every-node"])):
                line = _take(taken, name, [peers, str(HERE / "peers.py"), str(file), *more]).last_line
                peer_record[name] = json.loads(line)
    summary = json.loads((out / "run.json").read_text(encoding="utf-8"))
    return {
        "file_mb": file.stat().st_size / 1e6,
        "counts": summary["counts"],
        "check": summary.get("check"),
        "taken": {name: _digest(each) for name, each in taken.items()},
        "stages": {stage: statistics.median(each.get(stage, 0.0) for each in stages) for stage in stages[-1]},
        "peers": peer_record,
        "page_mb": (out / "map.html").stat().st_size / 1e6,
    }


def scaling(files: dict[int, Path], work: Path, rounds: int) -> dict[str, Any]:
    """Seconds of the tables for each number of clones, sizes taking turns, and the exponent of growth."""
    taken: dict[str, list[Measured]] = {}
    for _ in range(rounds):
        for n, file in files.items():
            _take(taken, str(n), [*CIRCLE, "run", str(file), "-o", str(work / f"run_{n}"), "--no-map", "--quiet"])
    seconds = {n: statistics.median(each.seconds for each in taken[str(n)]) for n in files}
    peaks = {n: max(each.peak_mib for each in taken[str(n)]) for n in files}
    sizes = sorted(files)
    return {
        "seconds": seconds,
        "peak_mib": peaks,
        "exponent": exponent(list(seconds), list(seconds.values())) if len(sizes) > 1 else None,
        "last_doubling": math.log(seconds[sizes[-1]] / seconds[sizes[-2]]) / math.log(sizes[-1] / sizes[-2]) if len(sizes) > 1 else None,
    }


def exponent(sizes: list[int], seconds: list[float]) -> float:
    """Slope of the least-squares line through the logarithms: 1 is proportional, 2 is square."""
    return statistics.linear_regression([math.log(n) for n in sizes], [math.log(s) for s in seconds]).slope


def as_markdown(report: dict[str, Any]) -> str:
    """Everything measured as the tables of benchmarks/README.md."""
    versus_ = report["versus"]
    taken, counts = versus_["taken"], versus_["counts"]
    floor = taken["floor"]["seconds"]
    lines = [
        f"{report['date']}, {report['machine']}; {versus_['clones']} clones of `{report['source']}`: {versus_['file_mb']:.0f} MB, "
        + f"{counts['buildings']:,} buildings, {counts['edges']:,} edges. Medians of {taken['tables']['rounds']} rounds.",
        "",
        "| | seconds | × floor | processor s | peak MiB |",
        "|---|---:|---:|---:|---:|",
    ]
    for name, one in taken.items():
        lines.append(f"| {name} | {one['seconds']:.2f} | {one['seconds'] / floor:.1f} | {one['cpu_s']:.1f} | {one['peak_mib']:.0f} |")
    lines += ["", "| stage of the tables | seconds | × floor |", "|---|---:|---:|"]
    lines += [f"| {stage} | {s:.2f} | {s / floor:.2f} |" for stage, s in versus_["stages"].items()]
    lines += ["", *_bars(report)]
    return "\n".join(lines)


def _bars(report: dict[str, Any]) -> list[str]:
    taken = report["versus"]["taken"]
    floor, tables = taken["floor"]["seconds"], taken["tables"]["seconds"]
    rows = [
        ("tables, × floor", tables / floor, "at most", BARS["tables"]),
        ("page, × floor", taken["page"]["seconds"] / floor, "at most", BARS["page"]),
    ]
    rows += [
        (f"{name} / tables", one["seconds"] / tables, "at least", BARS["peers"]) for name, one in taken.items() if name.startswith("peers")
    ]
    rows.append(("peak MiB", max(taken[name]["peak_mib"] for name in ("tables", *PUBLISHED)), "at most", BARS["peak_mib"]))
    if "scaling" in report and report["scaling"]["exponent"] is not None:
        rows.append(("growth exponent", report["scaling"]["exponent"], "at most", BARS["exponent"]))
        rows.append(("growth exponent of the last doubling", report["scaling"]["last_doubling"], "at most", BARS["exponent"]))
    lines = ["| bar | measured | asked | holds |", "|---|---:|---:|---|"]
    for name, value, sense, asked in rows:
        holds = value <= asked if sense == "at most" else value >= asked
        lines.append(f"| {name} | {value:.2f} | {sense} {asked:g} | {'yes' if holds else 'NO'} |")
    if "scaling" in report:
        lines += ["", "| clones | seconds | peak MiB |", "|---:|---:|---:|"]
        lines += [f"| {n} | {s:.2f} | {report['scaling']['peak_mib'][n]:.0f} |" for n, s in report["scaling"]["seconds"].items()]
    return lines


def _take(taken: dict[str, list[Measured]], name: str, command: list[str], *, inner: bool = False) -> Measured:
    one = measure(command)
    if inner:  # the floor counts libosmium's seconds, not those of the interpreter around it
        one = Measured(json.loads(one.last_line)["seconds"], one.cpu_s, one.peak_mib, one.last_line)
    taken.setdefault(name, []).append(one)
    print(f"{name}: {one.seconds:.2f} s, {one.peak_mib:.0f} MiB", flush=True)
    return one


def _digest(each: list[Measured]) -> dict[str, float]:
    return {
        "seconds": statistics.median(one.seconds for one in each),
        "best_s": min(one.seconds for one in each),
        "worst_s": max(one.seconds for one in each),
        "cpu_s": statistics.median(one.cpu_s for one in each),
        "peak_mib": max(one.peak_mib for one in each),
        "rounds": len(each),
    }


def _cloned(source: Path, copies: int, work: Path) -> Path:
    out = work / f"{source.name.partition('.')[0]}_x{copies}.osm.pbf"
    if not out.is_file():
        print(f"cloning {source.name} {copies} times", flush=True)
        half = out.with_suffix(".half.osm.pbf")
        clone(source, copies, half)
        half.rename(out)
    return out


def _machine() -> str:
    return f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}"


if __name__ == "__main__":
    main()
