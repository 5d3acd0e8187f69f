"""The gap list (短板清单): which building misses which service, by how much and why, worst first.

Takes: a saved run.   Gives: one sheet of the workbook, one row for each residential building and service that it misses.
Never: lists what the data cannot answer as a gap, and never leaves out a row without saying how many.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from circle.publish import reading
from circle.publish.saved import Saved, texts
from circle.publish.sheets import MAX_ROWS, Book, Column, NumberColumn, Sheet, TextColumn
from circle.publish.wording import both, clean, head, note, word, words

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


def write_gaps(book: Book, run: Saved) -> None:
    """Write the sheet of the gap list."""
    layers = run.zone_layers()
    per_service = [f"{kind}_{s}" for s in run.services for kind in ("minutes", "facility", "verdict", "reason", "fragile", "barrier")]
    zones = [("compound", "compound"), *((layer, f"zone_{layer}") for layer in layers)]
    fixed = ["building", "name", "residential", "households"]
    buildings = run.arrow("buildings", [*fixed, *(column for _, column in zones), *per_service])
    where, service, over, unmapped = _worst_first(run, buildings)
    top = 3  # title, note, heads
    rows = min(len(where), MAX_ROWS - top)
    left = len(where) - rows
    where, service, over = where[:rows], service[:rows], over[:rows]

    names = _zone_names(run)
    heads = [head("building"), head("name"), *(word("layer", layer) for layer, _ in zones)]
    columns: list[Column] = [_text(buildings["building"], where), _text(buildings["name"], where)]
    columns += [_text(buildings[column], where, names.get(layer, {})) for layer, column in zones]
    heads += [head(k) for k in ("service", "minutes", "limit", "over", "reason", "fragile", "households", "nearest", "barrier")]
    limits = np.array([limit.limit_min for limit in run.standard.services], dtype=np.float64)
    no_path = head("no_path")
    columns += [
        TextColumn(service, list(run.labels.values())),
        NumberColumn(_minutes(run, buildings, where, service), "minutes", no_path),
        NumberColumn(limits[service], "minutes"),
        NumberColumn(over, "over", no_path),
        _picked(run, buildings, "reason", where, service, {key: word("reason", key) for key in words()["reason"]}),
        TextColumn(_fragile(run, buildings, where, service), ["", head("yes")]),
        NumberColumn(_floats(buildings["households"])[where], "households"),
        _picked(run, buildings, "facility", where, service, _facility_names(run)),
        _picked(run, buildings, "barrier", where, service, _barrier_names(run)),
    ]

    sheet = Sheet(book, "gaps", [17, 22, *[16] * len(zones), 30, 17, 13, 17, 46, 12, 13, 36, 30])
    sheet.text(0, 0, f"{head('title')} · {word('sheet', 'gaps')} · {both(run.standard.title)}", "title")
    said = [note("gaps", rows=f"{rows:,}")]
    if left:
        said.append(note("gaps_left", left=f"{left:,}"))
    if unmapped:
        said.append(note("gaps_unmapped", unmapped=f"{unmapped:,}"))
    sheet.text(1, 0, "  ".join(said), "note")
    sheet.head(top - 1, heads)
    sheet.long_table(top, columns, rows)
    sheet.frame(top - 1, rows, len(columns), keep_columns=2)
    limit_at = len(zones) + 4
    sheet.shade_excess(top, rows, limit_at + 1, limit_at)


def _worst_first(run: Saved, buildings: pa.Table) -> tuple[Ints, Ints, Floats, int]:
    """Row of the building, number of the service and excess minutes of each gap, worst first; and how often the data cannot answer.

    No path at all is worst; among equals the building with more households comes first, then the order of the tables.
    """
    residential = reading.flags(buildings["residential"]) == 1
    rows, services, excess, unmapped = [], [], [], 0
    for number, limit in enumerate(run.standard.services):
        code, verdicts = reading.codes(buildings[f"verdict_{limit.service}"])
        said = np.array([*verdicts, ""], dtype=object)
        missed = np.flatnonzero(residential & np.isin(said, ["gap", "unreachable"])[code])
        unmapped += int((residential & (said == "unmapped")[code]).sum())
        rows.append(missed)
        services.append(np.full(len(missed), number))
        excess.append(_floats(buildings[f"minutes_{limit.service}"])[missed] - limit.limit_min)
    row, service, over = np.concatenate(rows), np.concatenate(services), np.concatenate(excess)
    order = np.lexsort((service, row, -_floats(buildings["households"])[row], -over))
    return row[order], service[order], over[order], unmapped


def _floats(column: pa.ChunkedArray) -> Floats:
    return np.asarray(column.to_numpy(), dtype=np.float64)


def _minutes(run: Saved, buildings: pa.Table, where: Ints, service: Ints) -> Floats:
    return np.stack([_floats(buildings[f"minutes_{s}"]) for s in run.services])[service, where]


def _fragile(run: Saved, buildings: pa.Table, where: Ints, service: Ints) -> Ints:
    return np.stack([reading.flags(buildings[f"fragile_{s}"]) for s in run.services])[service, where]


def _picked(run: Saved, buildings: pa.Table, kind: str, where: Ints, service: Ints, spoken: Mapping[str, str]) -> TextColumn:
    """Make a column of texts of the columns `kind_S`, each from the row and the service that it is asked for."""
    codes = np.full((len(run.services), len(buildings)), -1, dtype=np.int64)
    every: list[str] = []
    for number, name in enumerate(f"{kind}_{s}" for s in run.services):
        if name in buildings.column_names:  # runs of older versions have fewer columns
            code, values = reading.codes(buildings[name])
            codes[number] = np.where(code < 0, -1, code + len(every))
            every += values
    return _said(codes[service, where], every, spoken)


def _text(column: pa.ChunkedArray, where: Ints, spoken: Mapping[str, str] | None = None) -> TextColumn:
    """Make a column of texts, taken at `where`."""
    codes, values = reading.codes(column)
    return _said(codes[where], values, spoken or {})


def _said(codes: Ints, values: list[str], spoken: Mapping[str, str]) -> TextColumn:
    """Say each value as it is `spoken` of, or else as it is; nothing where the code is below 0."""
    cleaned = map(clean, values)
    return TextColumn(np.where(codes < 0, len(values), codes), [*(spoken.get(value) or value for value in cleaned), ""])


def _zone_names(run: Saved) -> dict[str, dict[str, str]]:
    """Name of each zone by layer and id."""
    if not run.has("zones"):
        return {}
    zones = run.table("zones", ["layer", "zone", "name"]).drop_duplicates(["layer", "zone"])
    names: dict[str, dict[str, str]] = {}
    for layer, zone, name in zip(texts(zones["layer"]), texts(zones["zone"]), texts(zones["name"]), strict=True):
        names.setdefault(layer, {})[zone] = name
    return names


def _barrier_names(run: Saved) -> dict[str, str]:
    if not run.has("barriers"):
        return {}
    table = run.table("barriers", ["barrier", "name"])
    return {one: f"{name} ({one})" for one, name in zip(texts(table["barrier"]), texts(table["name"]), strict=True) if name}


def _facility_names(run: Saved) -> dict[str, str]:
    facilities = run.table("facilities", ["facility", "name"])
    return {
        facility: f"{name} ({facility})" if name else facility
        for facility, name in zip(texts(facilities["facility"]), texts(facilities["name"]), strict=True)
    }
