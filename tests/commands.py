"""Many runs of the real command, each in a process of its own, without importing the geo stack anew for each.

`commands([Command(...), ...])` starts one Python that imports `circle`, and forks it for every command: arguments, exit status, output and
resource limits are those of `circle` itself.
"""

from __future__ import annotations

import hashlib
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import traceback
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LONGEST_S = 60


@dataclass(frozen=True)
class Command:
    """Arguments after `circle`; `largest_file` in bytes bounds what it may write, as a full disk does."""

    arguments: tuple[str, ...]
    largest_file: int | None = None


@dataclass(frozen=True)
class Outcome:
    """Exit status (negative: killed by that signal), what was printed, what was complained about."""

    status: int
    out: str
    err: str

    @property
    def complaint(self) -> str:
        """The last line of the error output: the one sentence."""
        return next((line for line in reversed(self.err.splitlines()) if line.startswith("circle: ")), "")


def commands(*wanted: Command) -> list[Outcome]:
    """Run commands one after the other, each in a fresh process."""
    with tempfile.TemporaryDirectory() as place:
        jobs, results = Path(place) / "jobs.json", Path(place) / "results.json"
        jobs.write_text(json.dumps([asdict(one) for one in wanted]))
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200"}
        python = [sys.executable, "-W", "error", str(Path(__file__)), str(jobs), str(results)]
        subprocess.run(python, check=True, env=environment, cwd=place)
        return [Outcome(**each) for each in json.loads(results.read_text())]


def one(*arguments: str | Path, largest_file: int | None = None) -> Outcome:
    """One command."""
    return commands(Command(tuple(map(str, arguments)), largest_file))[0]


def tree(folder: Path) -> dict[str, str]:
    """Every file below a folder, with a digest; hidden ones too."""
    return {str(path.relative_to(folder)): hashlib.md5(path.read_bytes()).hexdigest() for path in folder.rglob("*") if path.is_file()}


def refused(outcome: Outcome, source: Path | str, status: int = 2) -> None:
    """One sentence that names the file; no traceback."""
    assert outcome.status == status, outcome
    assert outcome.out == ""
    assert "Traceback" not in outcome.err
    assert str(source) in outcome.complaint, outcome
    assert outcome.complaint.rstrip().endswith((".", "`")), outcome
    assert outcome.err.strip().count("circle: ") == 1


def _child(job: dict, out: str, err: str) -> None:
    from circle.cli import main

    for stream, name in ((1, out), (2, err)):
        os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT), stream)
    sys.argv = ["circle", *job["arguments"]]
    signal.alarm(LONGEST_S)
    if job["largest_file"] is not None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (job["largest_file"], job["largest_file"]))
    status = 0
    try:
        main()
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # what Python itself would print
        traceback.print_exc()
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def _serve(jobs: Path, results: Path) -> None:
    for module in ("circle.cli", "circle.folder", "circle.study"):
        import_module(module)  # once, here
    from circle import rules, standards

    for read in (rules.walk_keys, rules.service_keys, rules.walkers, rules.findings, standards.names):
        read()  # data that never changes
    outcomes = []
    with tempfile.TemporaryDirectory() as place:
        for number, job in enumerate(json.loads(jobs.read_text())):
            out, err = f"{place}/{number}.out", f"{place}/{number}.err"
            child = os.fork()
            if not child:
                _child(job, out, err)
            _, status = os.waitpid(child, 0)
            texts = [Path(name).read_text(encoding="utf-8") for name in (out, err)]
            outcomes.append({"status": os.waitstatus_to_exitcode(status), "out": texts[0], "err": texts[1]})
    results.write_text(json.dumps(outcomes))


if __name__ == "__main__":
    _serve(Path(sys.argv[1]), Path(sys.argv[2]))
