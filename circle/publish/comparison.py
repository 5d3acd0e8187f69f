"""A comparison of two runs, as people read it: a page and a workbook.

Takes: the folders of two runs, and what `compare` found between them.   Gives: `compare.html` and `compare.xlsx` in a folder.
Never: decides who wins; writes text from data as a formula.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from circle.publish import page
from circle.publish.saved import whole_or_not_at_all
from circle.publish.sheets import Book, Sheet
from circle.publish.wording import clean, head, word

COUNTS = ("met_before", "met_after", "gained", "lost")
HOUSEHOLDS = ("households_gained", "households_lost")
MOST = 100_000


def write(out: Path, before: Path, after: Path, summary: Mapping[str, Any], tables: Mapping[str, pd.DataFrame]) -> None:
    """Write page and workbook into `out`; `tables` are `compare` (the buildings that changed) and `compare_zones`."""
    page.build(after, out / "compare.html", before=before)
    told = clean(str(summary["after"]["attribution"]))
    book = Book(f"{clean(summary['before']['name'])} → {clean(summary['after']['name'])}", told, dt.datetime(2000, 1, 1))
    _summary(book, summary)
    _zones(book, summary, tables["compare_zones"])
    _buildings(book, summary, tables["compare"])
    with whole_or_not_at_all(out / "compare.xlsx") as part:
        book.save(part)


def _label(summary: Mapping[str, Any], service: str) -> str:
    for each in summary["services"]:
        if each["service"] == service:
            return clean(f"{each['label']['zh']} / {each['label']['en']}")
    return head("all")


def _summary(book: Book, summary: Mapping[str, Any]) -> None:
    sheet = Sheet(book, "summary", [34, *[16] * 9])
    sheet.text(0, 0, f"{clean(summary['before']['name'])} → {clean(summary['after']['name'])}", "title")
    titles = [*COUNTS, *HOUSEHOLDS, "quicker", "slower", "household_minutes"]
    sheet.head(2, [head("service"), *(word("compare", title) for title in titles)])
    formats = ["text", *["count"] * 4, "households", "households", "count", "count", "households"]
    for row, each in enumerate([{"service": "all", **summary["all"]}, *summary["services"]], 3):
        sheet.row(row, [_label(summary, each["service"]), *(each.get(title) for title in titles)], formats)
    row = 5 + len(summary["services"])
    for note in summary["notes"]:
        sheet.text(row, 0, word("compare", f"note_{note['code']}"), "note")
        row += 1
    sheet.text(row + 1, 0, clean(str(summary["after"]["attribution"])), "note")


def _zones(book: Book, summary: Mapping[str, Any], zones: pd.DataFrame) -> None:
    sheet = Sheet(book, "zones", [16, 20, 26, 30, 12, 14, *[14] * 6])
    titles = [*COUNTS, *HOUSEHOLDS]
    heads = [head(key) for key in ("layer", "zone", "name", "service", "buildings_counted", "households_counted")]
    sheet.head(0, [*heads, *(word("compare", title) for title in titles)])
    shown = zones[(zones["gained"] > 0) | (zones["lost"] > 0)].head(MOST)
    formats = ["text"] * 4 + ["count", "households"] + ["count"] * 4 + ["households"] * 2
    for row, zone in enumerate(shown.to_dict("records"), 1):
        names = [word("layer", clean(zone["layer"])), clean(zone["zone"]), clean(str(zone["name"])), _label(summary, zone["service"])]
        sheet.row(row, [*names, zone["buildings"], zone["households"], *(zone[title] for title in titles)], formats)
    sheet.frame(0, len(shown), 12, keep_columns=3)


def _buildings(book: Book, summary: Mapping[str, Any], changed: pd.DataFrame) -> None:
    services = [each["service"] for each in summary["services"]]
    sheet = Sheet(book, "changed", [18, 26, 12, 14, *[16] * (3 * len(services))], title=word("compare", "changed").replace(" / ", " "))
    heads = [head("building"), head("name"), head("households_counted"), word("compare", "change")]
    for service in services:
        label = _label(summary, service)
        heads += [f"{label}: {word('compare', key)}" for key in ("minutes_before", "minutes_after", "change")]
    sheet.head(0, heads)
    shown = changed.head(MOST)
    for row, one in enumerate(shown.to_dict("records"), 1):
        values: list[str | float | None] = [clean(one["building"]), clean(str(one["name"] or "")), one["households"]]
        values.append(word("compare", str(one["change"])))
        for service in services:
            minutes = [one[f"minutes_{side}_{service}"] for side in ("before", "after")]
            values += [None if value == float("inf") else value for value in minutes]
            values.append(word("compare", str(one[f"change_{service}"])))
        sheet.row(row, values, ["text", "text", "households", "text", *["minutes", "minutes", "text"] * len(services)])
    sheet.frame(0, len(shown), len(heads), keep_columns=2)
