"""A page that lists the published maps in a folder: which place, how old, by which standard, how good.

Takes: a folder of published pages (`*.html`), pictures (`*.jpg`), and `places.toml`, which names them.   Gives: `index.html` there.
Never: puts a text from a page or a table into the markup: all travels as base64 and becomes text in the browser. The same folder gives
the same bytes.

`places.toml` is optional; for `tieshan.html` or `tieshan.jpg`::

    [tieshan]
    title = { zh = "铁山区", en = "Tieshan" }
    note = { zh = "…", en = "…" }
    attribution = "© OpenStreetMap contributors, ODbL 1.0"      # of a picture; a page says so itself
"""

from __future__ import annotations

import base64
import hashlib
import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from circle.errors import RuleError, SourceError
from circle.publish import made
from circle.publish.saved import whole_or_not_at_all

ASSETS = Path(__file__).parent / "assets"
NAME, NAMES = "index.html", "places.toml"
_KEYS = ("title", "note", "attribution")


def build(folder: str | Path) -> Path:
    """Write `index.html` into a folder of published maps and say where it lies.

    Raises
    ------
    SourceError
        There is no such folder.
    RuleError
        `places.toml` says something impossible.
    OutputError
        The file cannot be written.
    """
    place = Path(folder)
    if not place.is_dir():
        raise SourceError(f"{place}: no such folder. Name the folder that holds the published maps.")
    target = place / NAME
    page = html(place)
    with whole_or_not_at_all(target) as part:
        part.write_text(page, encoding="utf-8", newline="\n")
    return target


def html(folder: Path) -> str:
    """Give the list of the maps in a folder as one page."""
    names = _names(folder / NAMES)
    pages, seen = [], set()
    for path in sorted(folder.glob("*.html")):
        text = path.read_text(encoding="utf-8", errors="replace")
        if path.name != NAME and made.published(text):
            pages.append(_page(path, text, names.get(path.stem, {})))
            seen.add(path.stem)
    pictures = [_named(path, names.get(path.stem, {})) for path in sorted(folder.glob("*.jpg")) if path.stem not in seen]
    told = {"words": _toml(ASSETS / "index.toml"), "pages": pages, "pictures": pictures}
    return _whole(told)


def _page(path: Path, text: str, named: Mapping[str, Any]) -> dict[str, Any]:
    """What the list says of one page, all of it read from the page."""
    facts = made.facts(text, path.name)
    inputs, standard = facts.get("inputs", []), facts["standard"]
    summary = facts["summary"]
    dates = [str(given["data_date"])[:10] for given in inputs if given.get("data_date")]
    labels = {each["service"]: {"label": each["label"], "limit": each["limit_min"]} for each in standard["services"]}
    shares = []
    for key, said in {**labels, "all": {"label": {}, "limit": None}}.items():
        block = summary["shares"].get(key, {})
        shares.append({**said, **{unit: block.get(unit, {}).get("share_met") for unit in ("buildings", "households")}})
    title = str(facts.get("place") or path.stem)
    out = {
        "title": {"zh": title, "en": ""},
        "page": path.name,
        "date": min(dates, default=""),
        "version": str(facts.get("circle", "")),
        "standard": standard["title"],
        "walker": facts.get("walker", {}).get("label", {}),
        "inputs": [{"file": str(given.get("file", "")), "sha256": str(given.get("sha256", ""))} for given in inputs],
        "homes": int(summary["counts"].get("residential", 0)),
        "shares": shares,
        "synthetic": bool(facts.get("synthetic")),
        "attribution": str(facts.get("attribution", "")),
    }
    return {**_named(path.with_suffix(".jpg"), named), **out, **({"title": named["title"]} if "title" in named else {})}


def _named(picture: Path, named: Mapping[str, Any]) -> dict[str, Any]:
    """A picture, if it is there, with its title and what is to be known of it."""
    out = {"title": {"zh": picture.stem, "en": ""}, "note": {"zh": "", "en": ""}, "attribution": ""}
    return {**out, **named, "picture": picture.name if picture.is_file() else ""}


def _names(path: Path) -> dict[str, dict[str, Any]]:
    """Titles and notes by the name of the file that they belong to."""
    if not path.is_file():
        return {}
    said = _toml(path)
    for name, row in said.items():
        odd = [key for key in row if key not in _KEYS] if isinstance(row, dict) else [name]
        if odd:
            raise RuleError(f"{path}: {name}: {odd[0]} is not known; a place has {', '.join(_KEYS)}.")
        for key in ("title", "note"):
            if key in row and not (isinstance(row[key], dict) and set(row[key]) == {"zh", "en"}):
                raise RuleError(f'{path}: {name}: {key} = {row[key]!r}: give both languages, {key} = {{ zh = "…", en = "…" }}.')
    return said


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RuleError(f"{path}: cannot be read as TOML ({error})") from error


def _whole(told: Mapping[str, Any]) -> str:
    script = f'(() => {{\n"use strict";\n{(ASSETS / "index.js").read_text(encoding="utf-8")}}})();\n'
    style = (ASSETS / "index.css").read_text(encoding="utf-8")
    words = told["words"]
    block = base64.b64encode(json.dumps(told, ensure_ascii=True, allow_nan=False, sort_keys=True).encode()).decode()
    policy = (
        f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)}; img-src 'self'; base-uri 'none'; form-action 'none'"
    )
    return (
        '<!DOCTYPE html>\n<html lang="zh-CN">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{words['title']['zh']} · {words['title']['en']}</title>\n<style>{style}</style>\n</head>\n<body>\n"
        f'<header><h1>{words["title"]["zh"]}<span lang="en">{words["title"]["en"]}</span></h1>\n'
        f'<p>{words["intro"]["zh"]}</p>\n<p class="soft" lang="en">{words["intro"]["en"]}</p></header>\n'
        f'<main id="list"></main>\n<noscript><p>{words["script"]["zh"]} {words["script"]["en"]}</p></noscript>\n'
        f'<script type="text/plain" id="told">{block}</script>\n<script>{script}</script>\n</body>\n</html>\n'
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
