"""Take outputs, counts and traces of one machine out of the notebooks, as they are stored.

    python notebooks/strip.py

Takes: the notebooks beside it.   Gives: the same, stripped.   Never: touches a word or a line of code.
"""

from __future__ import annotations

import json
from pathlib import Path

HERE = Path(__file__).resolve().parent
METADATA = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}, "language_info": {"name": "python"}}


def stripped(text: str) -> str:
    """The text of a notebook without what running it leaves behind."""
    book = json.loads(text)
    for number, cell in enumerate(book["cells"], 1):
        cell |= {"id": f"cell-{number:02d}", "metadata": {}}
        if cell["cell_type"] == "code":
            cell |= {"execution_count": None, "outputs": []}
    book["metadata"] = METADATA
    return json.dumps(book, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


if __name__ == "__main__":
    for path in sorted(HERE.glob("*.ipynb")):
        path.write_text(stripped(path.read_text(encoding="utf-8")), encoding="utf-8")
        print(path.name)
