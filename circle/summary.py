"""What a run says about itself: the summary, the record, the findings, and the order of columns.

Takes: the tables of a run and what they were made from.   Gives: `summary.json` and `run.json` as dictionaries; the table of findings.
Never: changes a table, or writes a file.
"""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pandas as pd

from circle import gaps, network, referee, rules, schema, sources
from circle.errors import Findings
from circle.standards import Standard

ATTRIBUTION = "© OpenStreetMap contributors, ODbL 1.0"
VERSIONS = ("circle", "geopandas", "shapely", "numpy", "pandas", "scipy", "osmium", "pyarrow", "networkx")


SETTINGS = ("linkage", "households", "dedupe", "gaps", "sidewalks", "near_misses", "slopes")


def file_row(path: Path) -> dict[str, Any]:
    """A file that a run was made from, as its record names it."""
    return {"file": path.name, "bytes": path.stat().st_size, "sha256": sources.digest(path)}


def finding_table(findings: Findings) -> pd.DataFrame:
    """Findings as a run saves them (rules/tables/findings.csv)."""
    ordered = sorted(findings, key=lambda f: (f.code, f.id, f.detail))  # the same, however many processes read the file
    return pd.DataFrame(
        {
            "code": pd.Categorical([f.code for f in ordered]),
            "stage": pd.Categorical([f.stage for f in ordered]),
            "id": pd.Series([f.id for f in ordered], dtype="str"),
            "detail": pd.Series([f.detail for f in ordered], dtype="str"),
        }
    )


def column_order(buildings: pd.DataFrame, standard: Standard) -> list[str]:
    """Columns of `buildings` in the order of the declaration, those of one service together."""
    layers = schema.zone_layers(buildings.columns)
    declared = schema.expand("buildings", [limit.service for limit in standard.services], layers)
    return [*(column.name for column in declared if column.name != "geometry"), "geometry"]


def summary(buildings: pd.DataFrame, place: sources.Place, net: network.Network, standard: Standard) -> dict[str, Any]:
    """The whole place in numbers: `summary.json`."""
    offered = place.facilities["service"].value_counts()
    return {
        "counts": {
            "buildings": len(buildings),
            "residential": int(buildings["residential"].sum()),
            "residential_by": {str(k): int(v) for k, v in buildings["residential_by"].value_counts(sort=False).items()},
            "households": float(buildings["households"].sum()),
            "facilities": {limit.service: int(offered.get(limit.service, 0)) for limit in standard.services},
            "nodes": len(net.nodes),
            "edges": len(net.edges),
        },
        "extent": list(place.extent),
        "extent_from": place.extent_from,
        "synthetic": place.synthetic,
        "shares": gaps.shares(buildings, standard),
        **gaps.counts(buildings, standard),
        "findings": place.findings.counts(),
    }


def record(
    source: Path, standard: Standard, walker: rules.Walker, place: sources.Place, counts: dict[str, int], checked: referee.Check
) -> dict[str, Any]:
    """Everything needed to repeat the run: `run.json`, but for its seconds and options. The only file with times and machine facts."""
    return {
        "circle": _version("circle"),
        "standard": standard.as_dict(),
        "walker": walker.as_dict(),
        "inputs": [
            {**file_row(source), "data_date": place.data_date, "synthetic": place.synthetic},
        ],
        "settings": {section: dict(rules.settings(section)) for section in SETTINGS},
        "versions": {"python": platform.python_version(), **{name: _version(name) for name in VERSIONS}},
        "counts": counts,
        "check": {"sample": checked.sample, "worst_difference_s": checked.worst_difference_s},
        "attribution": ATTRIBUTION,
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"
