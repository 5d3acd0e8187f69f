"""Notebooks, executed by a kernel of their own in a folder of their own, for the tests that read what they say."""

from __future__ import annotations

import html
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat

FOLDER = Path(__file__).resolve().parent.parent / "notebooks"
PATHS = sorted(FOLDER.glob("*.ipynb"))
NUMBER = re.compile(r"(?<![A-Za-z_\d.,])\d[\d,]*(?:\.\d+)?(?![A-Za-z_\d]|\.\d)")


def read(path: Path) -> Any:
    """A notebook as it is stored."""
    return nbformat.read(path, as_version=4)


def execute(name: str, place: Path) -> Any:
    """The notebook with its outputs. Raises where a cell raises, with what it said; no cell may write to stderr."""
    (path,) = [each for each in PATHS if each.name.startswith(f"{name}_")]
    done = subprocess.run([sys.executable, __file__, str(path), str(place)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    book = read(place / path.name)
    said = [out["text"] for cell in code(book) for out in cell["outputs"] if out.get("name") == "stderr"]
    assert said == []
    return book


def _run(path: Path, place: Path) -> None:
    """In a process of its own, for a client of kernels leaves sockets open: execute in the folder `place`, and write the result there."""
    from jupyter_client.manager import AsyncKernelManager
    from nbclient import NotebookClient

    book = read(path)
    # a kernel of this Python, spoken to through files in `place`; a busy machine may be slow
    manager = AsyncKernelManager(kernel_name="python3", transport="ipc", ip=str(place / "kernel"))
    NotebookClient(book, km=manager, timeout=300, startup_timeout=120, resources={"metadata": {"path": str(place)}}).execute()
    nbformat.write(book, place / path.name)


def code(book: Any) -> list[Any]:
    """Its code cells."""
    return [cell for cell in book["cells"] if cell["cell_type"] == "code"]


def prose(book: Any) -> str:
    """What its text cells say, without the numbers of headings and without code."""
    told = "\n".join(cell["source"] for cell in book["cells"] if cell["cell_type"] == "markdown")
    return re.sub(r"`[^`]*`", " ", re.sub(r"^#+ .*$", " ", told, flags=re.MULTILINE))


def shown(book: Any) -> str:
    """What its outputs print, as plain text: no maps, no pictures."""
    parts = []
    for cell in code(book):
        for out in cell["outputs"]:
            data = out.get("data", {})
            table = data.get("text/html", "")
            parts += [out.get("text", ""), data.get("text/plain", "")]
            parts += [html.unescape(re.sub(r"<[^>]+>", " ", table))] if "<table" in table else []
    return "\n".join(parts)


def numbers(text: str) -> set[float]:
    """The numbers in a text, percentages and thousands too."""
    return {float(each.replace(",", "")) for each in NUMBER.findall(text)}


def frames(book: Any) -> list[str]:
    """The published pages that it shows."""
    found = [out["data"]["text/html"] for cell in code(book) for out in cell["outputs"] if "text/html" in out.get("data", {})]
    return [each for each in found if "<iframe" in each]


def pictures(book: Any) -> int:
    """How many charts it shows."""
    return sum("image/png" in out.get("data", {}) for cell in code(book) for out in cell["outputs"])


def unsaid(book: Any) -> list[float]:
    """Numbers that its prose names and no output prints."""
    return sorted(numbers(prose(book)) - numbers(shown(book)))


if __name__ == "__main__":
    _run(Path(sys.argv[1]), Path(sys.argv[2]))
