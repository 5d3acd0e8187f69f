"""The published page inside a notebook.

Takes: the text of a page.   Gives: an object that shows itself, and can be saved.
Never: lets the page reach the notebook around it: it is shown in a frame of its own.
"""

from __future__ import annotations

import html
from pathlib import Path


class Page:
    """A published page, `text`, that shows itself as the last line of a notebook's cell."""

    def __init__(self, text: str) -> None:
        self.text = text

    def _repr_html_(self) -> str:
        frame = 'sandbox="allow-scripts allow-popups allow-downloads" style="width:100%;height:640px;border:0" title="circle"'
        return f'<iframe {frame} srcdoc="{html.escape(self.text, quote=True)}"></iframe>'

    def save(self, path: str | Path) -> Path:
        """Write the page to a file and say where."""
        target = Path(path)
        target.write_text(self.text, encoding="utf-8")
        return target
