"""Run a command and say how long it took and how much memory it, with all its children, held at most.

Takes: a command.   Gives: wall seconds, processor seconds, peak MiB, and the last line that it printed.   Never: hides a failure.
"""

from __future__ import annotations

import os
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path

PAGE_MIB = os.sysconf("SC_PAGE_SIZE") / 2**20


@dataclass(frozen=True, slots=True)
class Measured:
    """What one command cost."""

    seconds: float
    cpu_s: float
    peak_mib: float
    last_line: str


def measure(command: list[str]) -> Measured:
    """Run `command` to its end; wall seconds count from before it starts, so interpreter and imports are in.

    The peak is the larger of what the kernel kept for the largest single process, and of the sum over the process and its children, seen
    20 times a second (where `/proc` is there; shared pages count twice, so it errs to our disadvantage).
    """
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    texts: dict[str, str] = {}
    readers = [threading.Thread(target=_read, args=(process, name, texts)) for name in ("stdout", "stderr")]
    done = threading.Event()
    seen: list[float] = [0.0]
    watcher = threading.Thread(target=_watch, args=(process.pid, done, seen))
    for thread in (*readers, watcher):
        thread.start()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    done.set()
    for thread in (*readers, watcher):
        thread.join()
    if process.returncode:
        raise SystemExit(
            f"{' '.join(command)}\nended with status {process.returncode}:\n{texts['stderr'][-2000:]}{texts['stdout'][-2000:]}"
        )
    lines = texts["stdout"].strip().splitlines()
    return Measured(seconds, usage.ru_utime + usage.ru_stime, max(usage.ru_maxrss / 1024, seen[0]), lines[-1] if lines else "")


def _read(process: subprocess.Popen[str], name: str, texts: dict[str, str]) -> None:
    texts[name] = getattr(process, name).read()


def _watch(pid: int, done: threading.Event, seen: list[float]) -> None:
    while not done.wait(0.05):
        seen[0] = max(seen[0], sum(_resident_mib(one) for one in _family(pid)))


def _family(pid: int) -> list[int]:
    family = [pid]
    for one in family:
        try:
            for task in Path(f"/proc/{one}/task").iterdir():
                family.extend(int(child) for child in (task / "children").read_text().split())
        except OSError:
            continue
    return family


def _resident_mib(pid: int) -> float:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE_MIB
    except (OSError, IndexError):
        return 0.0
