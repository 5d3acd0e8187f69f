"""The workbook of a run: what a planner prints, sorts and takes to a meeting.

Takes: the folder of a run.   Gives: `report.xlsx`: summary, gap list (短板清单), zones, facilities, findings, meaning of columns.
Never: computes a verdict, and never writes text from data as a formula or a link.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import pandas as pd
from xlsxwriter.exceptions import XlsxWriterException

from circle import schema
from circle.publish.gaplist import write_gaps
from circle.publish.saved import Saved, open_run, output_error, texts, whole_or_not_at_all
from circle.publish.sheets import MAX_ROWS, Book, NumberColumn, Sheet, TextColumn
from circle.publish.wording import both, clean, finding, head, note, word, words

_TABLES = ("buildings", "facilities", "zones", "nodes", "edges", "links", "background", "findings")
_SHOWN_IDS = 20
_VERDICTS = ("met", "gap", "unreachable", "unmapped")
_SHARE_KEYS = ("counted", "met", "gap", "unmapped", "share_met")


def write(run_folder: Path, out: Path | None = None) -> Path:
    """Write the workbook of a saved run and return its path, `report.xlsx` in the run folder unless `out` names another.

    The file appears whole or not at all; the same run gives the same bytes.

    Raises
    ------
    SourceError   `run_folder` holds no finished run, or one of its files cannot be read
    OutputError   the file cannot be written
    """
    run_folder = Path(run_folder)
    run = open_run(run_folder)
    target = Path(out) if out is not None else run_folder / "report.xlsx"
    with whole_or_not_at_all(target) as part:
        book = Book(f"{run.place} {run.standard.title.zh} {run.standard.title.en}", run.attribution, _created(run))
        _summary(book, run)
        write_gaps(book, run)
        _zones(book, run)
        _facilities(book, run)
        _findings(book, run)
        _columns(book, run)
        try:
            book.save(part)
        except XlsxWriterException as error:
            raise output_error(target, error) from error
    return target


def _created(run: Saved) -> dt.datetime:
    """Let the date of the data stand for the date of making, so that the same run gives the same bytes."""
    try:
        return dt.datetime.fromisoformat((run.data_date or "")[:10])
    except ValueError:
        return dt.datetime(2000, 1, 1)


# ---------------------------------------------------------------- summary


def _summary(book: Book, run: Saved) -> None:
    sheet = Sheet(book, "summary", [30, 16, 16, *[16] * 10, 36, 14])
    invented = f" · {head('synthetic')}" if run.synthetic else ""
    sheet.text(0, 0, f"{head('title')} · {run.place}{invented}", "title")
    row = 2
    for key, value in _about(run):
        sheet.text(row, 0, head(key), "key")
        sheet.text(row, 1, value)
        row += 1
    row = _share_table(sheet, run, row + 1)
    labels = run.labels
    reasons = sorted({reason for counts in run.summary["reasons"].values() for reason in counts if reason}, key=_reason_rank)
    for part, keys, group in (("verdicts", _VERDICTS, "verdict"), ("reasons", reasons, "reason")):
        sheet.text(row, 0, head(part), "part")
        extra = [head("fragile")] if part == "verdicts" else []
        sheet.head(row + 1, [head("service"), *(word(group, key) for key in keys), *extra])
        row += 2
        for service, label in labels.items():
            counts: dict[str, int] = run.summary[part].get(service, {})
            numbers = [counts.get(key, 0) for key in keys]
            if extra:
                numbers.append(run.summary["fragile"].get(service, 0))
            sheet.row(row, [label, *numbers], ["text", *["count"] * len(numbers)])
            row += 1
        row += 1
    sheet.text(row, 0, head("reading"), "part")
    for offset, key in enumerate(("share", "unmapped", "fragile", "minutes"), 1):
        sheet.text(row + offset, 0, note(key), "note")
    sheet.text(row + 6, 0, run.attribution, "note")


def _about(run: Saved) -> list[tuple[str, str]]:
    record, counts = run.record, run.summary["counts"]
    walker = record["walker"]
    spoken = {"zh": clean(walker["label"]["zh"]), "en": clean(walker["label"]["en"]), "speed": walker["speed_m_per_s"]}
    how = {key: n for key, n in counts["residential_by"].items() if n}
    ways = {language: ", ".join(f"{words()['residential_by'][key][language]} {n:,}" for key, n in how.items()) for language in ("zh", "en")}
    counted = words()["note"]["counted"]
    check = record.get("check")
    said = {"residential": f"{counts['residential']:,}", "buildings": f"{counts['buildings']:,}"}
    lines = [
        ("place", run.place),
        ("data", clean(", ".join(str(item["file"]) for item in record.get("inputs", [])))),
        ("data_date", clean(run.data_date or "") or head("unknown")),
        ("standard", f"{both(run.standard.title)} ({clean(run.standard.name)})"),
        ("standard_source", clean(run.standard.source)),
        ("walker", note("walker", **spoken)),
        ("counted", "  ".join(counted[language].format(**said, how=ways[language]) for language in ("zh", "en"))),
        ("made_by", f"circle {clean(str(record['circle']))}"),
    ]
    if check:
        lines.append(("check", note("check", sample=check["sample"], worst=f"{check['worst_difference_s']:.2g}")))
    return [*lines, ("attribution", run.attribution)]


def _share_table(sheet: Sheet, run: Saved, row: int) -> int:
    """Shares for all services together and each of them, by buildings and by households; gives the row after it."""
    sheet.text(row, 0, head("shares"), "part")
    measures = [head(f"{unit}_{key}") for unit in ("buildings", "households") for key in ("counted", "met", "gap", "unmapped", "share")]
    sheet.head(row + 1, [head("service"), head("circle"), head("limit"), *measures, head("limit_source"), head("confidence")])
    formats = ["text", "text", "minutes", *["count"] * 4, "share", *["households"] * 4, "share", "wrap", "text"]
    first = row = row + 2

    def shares(key: str) -> list[float | None]:
        block = run.summary["shares"][key]
        return [block[unit][measure] for unit in ("buildings", "households") for measure in _SHARE_KEYS]

    sheet.row(row, [head("all"), "", None, *shares("all"), "", ""], ["key", *formats[1:]])
    for row, limit in enumerate(run.standard.services, first + 1):
        circle = both(limit.circle) if limit.circle else ""
        values = [both(limit.label), circle, limit.limit_min, *shares(limit.service), clean(limit.source), clean(limit.confidence)]
        sheet.row(row, values, formats)
    for column in (7, 12):
        sheet.shade_shares(first, row - first + 1, column)
    return row + 2


def _reason_rank(reason: str) -> tuple[int, str]:
    known = list(words()["reason"])
    return (known.index(reason) if reason in known else len(known), reason)


# ---------------------------------------------------------------- zones, facilities, findings, columns


def _zones(book: Book, run: Saved) -> None:
    """All zones on one sheet; where there are zones of several kinds, also each kind on its own."""
    zones = _lowest_first(run) if run.has("zones") else pd.DataFrame({"layer": []})
    _zone_sheet(book, run, zones, word("sheet", "zones"))
    kinds = [kind for kind in dict.fromkeys(zones["layer"]) if kind != "place"]
    for kind in kinds if len(kinds) > 1 else []:
        _zone_sheet(
            book, run, zones[zones["layer"] == kind], f"{word('sheet', 'zones').partition(' / ')[0]} {word('layer', clean(kind))}"[:31]
        )


def _zone_sheet(book: Book, run: Saved, zones: pd.DataFrame, title: str) -> None:
    labels = {"all": head("all"), **run.labels}
    sheet = Sheet(book, "zones", [18, 20, 26, 13, 15, *[17] * (3 * len(labels))], title)
    sheet.text(0, 0, f"{head('title')} · {title} · {both(run.standard.title)}", "title")
    sheet.text(1, 0, note("zones"), "note")
    share, by, gaps = (words()["head"][k] for k in ("share", "by_households", "gap_count"))
    heads = [head("layer"), head("zone"), head("name"), head("buildings_counted"), head("households_counted")]
    for label in labels.values():
        zh, _, en = label.partition(" / ")
        en = en or zh
        heads += [f"{zh}{gaps['zh']} / {en}: {gaps['en']}", f"{zh}{share['zh']} / {en}: {share['en']}"]
        heads.append(f"{zh}{share['zh']}（{by['zh']}） / {en}: {share['en']} {by['en']}")
    sheet.head(2, heads)
    for row, zone in enumerate(zones.to_dict("records"), 3):
        names = [word("layer", clean(zone["layer"])), clean(zone["zone"]), clean(str(zone["name"] or ""))]
        values = [zone[f"{kind}_{s}"] for s in labels for kind in ("gap", "share_buildings_met", "share_households_met")]
        sheet.row(
            row,
            [*names, zone["buildings"], zone["households"], *values],
            ["text", "text", "text", "count", "households", *["count", "share", "share"] * len(labels)],
        )
    sheet.frame(2, len(zones), len(heads), keep_columns=3)
    for number in range(len(labels)):
        sheet.shade_shares(3, len(zones), 6 + 3 * number)
        sheet.shade_shares(3, len(zones), 7 + 3 * number)


def _lowest_first(run: Saved) -> pd.DataFrame:
    """Zones, layer by layer from large to small, the lowest share first; zones in which no building counts last."""
    zones = pd.DataFrame(run.zones().drop(columns="geometry"))
    known = list(words()["layer"])
    rank = {layer: known.index(layer) if layer in known else len(known) for layer in zones["layer"].unique()}
    zones["rank"] = zones["layer"].map(rank)
    by, rising = ["rank", "layer", "share_buildings_met_all", "gap_all", "zone"], [True, True, True, False, True]
    return zones.sort_values(by, ascending=rising, na_position="last").head(MAX_ROWS - 3)


def _facilities(book: Book, run: Saved) -> None:
    facilities = run.map("facilities")
    middle = facilities.geometry.representative_point()
    labels = run.labels
    nearest = _nearest_counts(run)
    sheet = Sheet(book, "facilities", [18, 26, 32, 14, 36, 28, 12, 12, 14])
    sheet.text(0, 0, f"{head('title')} · {word('sheet', 'facilities')}", "title")
    heads = ["facility", "service", "name", "source", "tags", "merged", "longitude", "latitude", "nearest_for"]
    sheet.head(2, [head(key) for key in heads])
    columns = [[str(value) for value in texts(facilities[key])] for key in ("facility", "service", "name", "source", "tags", "merged")]
    shown = min(len(facilities), MAX_ROWS - 3)
    left = len(facilities) - shown
    sheet.text(1, 0, note("facilities", rows=f"{shown:,}") + (f"  {note('left', left=f'{left:,}')}" if left else ""), "note")
    rank = {service: number for number, service in enumerate(labels)}
    order = sorted(range(len(facilities)), key=lambda i: (rank.get(columns[1][i], len(rank)), columns[0][i]))[:shown]
    lon, lat = middle.x.to_numpy(), middle.y.to_numpy()
    counts = [nearest.get((columns[1][i], columns[0][i]), 0) for i in order]
    columns[1] = [labels.get(service, service) for service in columns[1]]
    texts_of = [_distinct([column[i] for i in order]) for column in columns]
    numbers = [NumberColumn(lon[order], "degrees"), NumberColumn(lat[order], "degrees"), NumberColumn(np.array(counts, float), "count")]
    sheet.long_table(3, [*texts_of, *numbers], shown)
    sheet.frame(2, shown, len(heads), keep_columns=1)


def _distinct(values: list[str]) -> TextColumn:
    codes, distinct = pd.factorize(np.array(values, dtype=object))
    return TextColumn(codes.astype(np.int64), [str(value) for value in distinct])


def _nearest_counts(run: Saved) -> dict[tuple[str, str], int]:
    """How many residential buildings have a facility as their nearest for a service."""
    buildings = run.table("buildings", ["residential", *(f"facility_{s}" for s in run.services)])
    lived = buildings[buildings["residential"].to_numpy(bool)]
    counts: dict[tuple[str, str], int] = {}
    for service in run.services:
        for facility, n in lived[f"facility_{service}"].astype(object).value_counts().items():
            counts[service, clean(str(facility))] = int(n)
    return counts


def _findings(book: Book, run: Saved) -> None:
    sheet = Sheet(book, "findings", [26, 14, 44, 50, 10, 60])
    sheet.text(0, 0, f"{head('title')} · {word('sheet', 'findings')}", "title")
    counts: dict[str, int] = run.summary["findings"]
    sheet.text(1, 0, note("findings", rows=f"{sum(counts.values()):,}"), "note")
    keys = ["code", "severity", "meaning", "what_to_do", "count", "ids"]
    sheet.head(2, [head(key) for key in keys])
    ids: dict[str, list[str]] = {}
    if run.has("findings"):
        table = run.table("findings", ["code", "id"])
        for code, found in zip(texts(table["code"]), texts(table["id"]), strict=True):
            known = ids.setdefault(code, [])
            if found and len(known) < _SHOWN_IDS:
                known.append(found)
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    for row, (code, n) in enumerate(ordered, 3):
        severity, meaning, remedy = finding(code)
        shown = ids.get(code, [])
        more = f" … (+{n - len(shown):,})" if shown and n > len(shown) else ""
        values: list[str | float | None] = [clean(code), severity, meaning, remedy, n, " ".join(shown) + more]
        sheet.row(row, values, ["text", "text", "wrap", "wrap", "count", "wrap"])
    sheet.frame(2, len(ordered), len(keys), keep_columns=1)


def _columns(book: Book, run: Saved) -> None:
    sheet = Sheet(book, "columns", [18, 26, 12, 14, 34, 80, 12])
    sheet.text(0, 0, f"{head('title')} · {word('sheet', 'columns')}", "title")
    sheet.text(1, 0, note("columns"), "note")
    keys = ["table", "column", "type", "unit", "range", "meaning", "stage"]
    sheet.head(2, [head(key) for key in keys])
    row = 3
    for table in _TABLES:
        for column in schema.expand(table, run.services, run.zone_layers()):
            values = [f"{table}.parquet", column.name, column.type, column.unit, column.range, column.meaning, column.stage]
            sheet.row(row, [clean(str(value or "")) for value in values], [*["text"] * 4, "wrap", "wrap", "text"])
            row += 1
    sheet.frame(2, row - 3, len(keys), keep_columns=2)
