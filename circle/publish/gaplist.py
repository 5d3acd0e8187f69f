"""The gap list (短板清单): which building misses which service, by how much and why, worst first.

Takes: a saved run.   Gives: one sheet of the workbook, one row for each residential building and service that it misses.
Never: lists what the data cannot answer as a gap, and never leaves out a row without saying how many.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from circle.publish.saved import Saved, texts
from circle.publish.sheets import MAX_ROWS, Book, Column, NumberColumn, Sheet, TextColumn
from circle.publish.wording import both, clean, head, note, word, words


def write_gaps(book: Book, run: Saved) -> None:
    """Write the sheet of the gap list."""
    layers = run.zone_layers()
    per_service = [f"{kind}_{s}" for s in run.services for kind in ("minutes", "facility", "verdict", "reason", "fragile", "barrier")]
    zones = [("compound", "compound"), *((layer, f"zone_{layer}") for layer in layers)]
    fixed = ["building", "name", "residential", "households"]
    buildings = run.table("buildings", [*fixed, *(column for _, column in zones), *per_service])
    where, service, over, unmapped = _worst_first(run, buildings)
    top = 3  # title, note, heads
    rows = min(len(where), MAX_ROWS - top)
    left = len(where) - rows
    where, service, over = where[:rows], service[:rows], over[:rows]

    names = _zone_names(run)
    heads = [head("building"), head("name"), *(word("layer", layer) for layer, _ in zones)]
    columns: list[Column] = [_text(buildings["building"], where), _text(buildings["name"], where)]
    columns += [_text(buildings[column], where, names.get(layer)) for layer, column in zones]
    heads += [head(k) for k in ("service", "minutes", "limit", "over", "reason", "fragile", "households", "nearest", "barrier")]
    limits = np.array([limit.limit_min for limit in run.standard.services], dtype=np.float64)
    no_path = head("no_path")
    columns += [
        TextColumn(service, list(run.labels.values())),
        NumberColumn(_picked(run, buildings, "minutes", where, service), "minutes", no_path),
        NumberColumn(limits[service], "minutes"),
        NumberColumn(over, "over", no_path),
        _text(_picked(run, buildings, "reason", where, service), None, {key: word("reason", key) for key in words()["reason"]}),
        TextColumn(_picked(run, buildings, "fragile", where, service).astype(np.int64), ["", head("yes")]),
        NumberColumn(buildings["households"].to_numpy(np.float64)[where], "households"),
        _text(_picked(run, buildings, "facility", where, service), None, _facility_names(run)),
        _text(_picked(run, buildings, "barrier", where, service), None, _barrier_names(run)),
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


def _worst_first(run: Saved, buildings: pd.DataFrame) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64], int]:
    """Row of the building, number of the service and excess minutes of each gap, worst first; and how often the data cannot answer.

    No path at all is worst; among equals the building with more households comes first, then the order of the tables.
    """
    residential = buildings["residential"].to_numpy(bool)
    rows, services, excess, unmapped = [], [], [], 0
    for number, limit in enumerate(run.standard.services):
        verdict = buildings[f"verdict_{limit.service}"]
        missed = np.flatnonzero(residential & verdict.isin(["gap", "unreachable"]).to_numpy())
        unmapped += int((residential & (verdict == "unmapped").to_numpy()).sum())
        rows.append(missed)
        services.append(np.full(len(missed), number))
        excess.append(buildings[f"minutes_{limit.service}"].to_numpy(np.float64)[missed] - limit.limit_min)
    row, service, over = np.concatenate(rows), np.concatenate(services), np.concatenate(excess)
    households = buildings["households"].to_numpy(np.float64)[row]
    order = np.lexsort((service, row, -households, -over))
    return row[order], service[order], over[order], unmapped


def _picked(run: Saved, buildings: pd.DataFrame, kind: str, where: NDArray[np.int64], service: NDArray[np.int64]) -> Any:
    """Values of one of the columns `kind_S`, each from the row and the service that it is asked for."""
    names = [f"{kind}_{s}" for s in run.services]
    none = np.full(len(buildings), "", dtype=object)  # runs of older versions have fewer columns
    values = [buildings[name].to_numpy(np.float64 if kind == "minutes" else object) if name in buildings else none for name in names]
    picked = np.empty(len(where), dtype=values[0].dtype)
    for number, column in enumerate(values):
        mine = service == number
        picked[mine] = column[where[mine]]
    return picked


def _text(values: Any, where: NDArray[np.int64] | None, spoken: dict[str, str] | None = None) -> TextColumn:
    """Make a column of texts, taken at `where`, each value replaced by how it is `spoken` of."""
    codes, distinct = pd.factorize(pd.Series(values).astype(object))
    cleaned = [clean(str(value)) for value in distinct]
    if spoken:
        cleaned = [spoken.get(value) or value for value in cleaned]
    codes = np.where(codes < 0, len(cleaned), codes).astype(np.int64)
    return TextColumn(codes if where is None else codes[where], [*cleaned, ""])


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
