"""Many runs of the real command, each in a process of its own, without importing the geo stack anew for each.

The first of `commands(Command(...), ...)` starts a Python that imports `circle` and stays; it is forked for every command. Arguments, exit
status, output, environment and resource limits are those of `circle` itself.
"""

from __future__ import annotations

import atexit
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
from functools import cache
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LONGEST_S = 60


@dataclass(frozen=True)
class Command:
    """Arguments after `circle`; `largest_file` in bytes bounds what it may write, as a full disk does; `folder`: where it is called."""

    arguments: tuple[str, ...]
    largest_file: int | None = None
    folder: str | None = None


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


@cache
def _server() -> subprocess.Popen[str]:
    """The Python that is forked, one for all tests of a process; it ends with its standard input."""
    python = [sys.executable, "-W", "error", str(Path(__file__))]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    started = subprocess.Popen(python, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment, cwd=tempfile.gettempdir())
    atexit.register(started.stdin.close)
    return started


def commands(*wanted: Command) -> list[Outcome]:
    """Run commands one after the other, each in a fresh process."""
    server = _server()
    outcomes = []
    for command in wanted:
        with tempfile.TemporaryDirectory() as place:
            job = {**asdict(command), "place": place, "environment": {**os.environ, "COLUMNS": "200"}}
            server.stdin.write(json.dumps(job) + "\n")
            server.stdin.flush()
            answer = server.stdout.readline()
            assert answer, "the Python that runs the commands has ended"
            out, err = ((Path(place) / name).read_text(encoding="utf-8") for name in (".out", ".err"))
            outcomes.append(Outcome(json.loads(answer), out, err))
    return outcomes


def one(*arguments: str | Path, largest_file: int | None = None, folder: Path | None = None) -> Outcome:
    """One command."""
    return commands(Command(tuple(map(str, arguments)), largest_file, None if folder is None else str(folder)))[0]


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


def _child(job: dict) -> None:
    from circle.cli import main

    os.environ.clear()
    os.environ.update(job["environment"])
    os.chdir(job["place"])
    for stream, name, how in ((0, os.devnull, os.O_RDONLY), (1, ".out", os.O_WRONLY | os.O_CREAT), (2, ".err", os.O_WRONLY | os.O_CREAT)):
        os.dup2(os.open(name, how), stream)
    os.chdir(job["folder"] or job["place"])
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


def _serve() -> None:
    """Fork for each line of standard input, and answer with the exit status."""
    for module in ("circle.cli", "circle.folder", "circle.study", "circle.districts", "circle.publish.page", "networkx"):
        import_module(module)  # once, here
    from circle import rules, standards

    for read in (rules.walk_keys, rules.service_keys, rules.walkers, rules.findings, standards.names):
        read()  # data that never changes
    for line in sys.stdin:
        child = os.fork()
        if not child:
            _child(json.loads(line))
        sys.stdout.write(f"{os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _serve()
