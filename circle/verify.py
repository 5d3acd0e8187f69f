"""Verify: a saved run, worked out again by someone who does not trust it.

Takes: the folder of a run, and its source where that is at hand.   Gives: a `Report` of named checks, with the worst difference in seconds.
Never: uses the engine's arrays or its search; it reads the saved files and nothing else, and walks with plain networkx.

What is checked: that the inputs and the tables are the files that the run was made from and made; that every column holds what it is
declared to hold; that lengths and legs are the metres that their coordinates give; that a random sample of walks takes the seconds that the
run says; that every verdict follows from minutes and limit; that the summary says what the tables say.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import networkx as nx
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from circle import examples, folder, gaps, schema, sources
from circle.errors import CircleError, SourceError
from circle.standards import Standard

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

MOST_S = 1e-3  # a walk that differs by more is wrong
SAMPLE = 200
WHOLE_EDGES = 150_000  # a larger network is cut out around each walk
MARGIN_M = 300.0
LENGTH_SHARE = 1e-3  # plane and ellipsoid differ by less over one edge
LENGTH_M = 0.05  # saved coordinates are rounded to 1e-7°, a centimetre an end
SAME_SPOT_M = 1e-6
ROUNDING_S = 2e-6
SEMI_MAJOR_M, FLATTENING = 6_378_137.0, 1 / 298.257223563
# a walk: private ways around its origin, then public ones, then private ones around its destination. Where each kind of edge lies:
LAYERS = {
    "public": ("public",),
    "private": ("origin", "destination"),
    "destination": ("origin", "destination"),
    "compound": ("origin", "public", "destination"),
}
REASONS_OF = {
    "met": {""},
    "gap": {"far", "detour", "barrier"},
    "unreachable": {"island", "unlinked", "barrier", "no_facility"},  # the last where a scenario closed all there were
    "unmapped": {"no_facility", "data_edge"},
}


@dataclass(frozen=True, slots=True)
class Check:
    """One question: `name` (a key of the sentences), `ok` (None: could not be asked), `told` to fill in."""

    name: str
    ok: bool | None
    told: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Report:
    """All checks of a run; `worst_s`: the worst difference of a walk; `walks`: how many were walked again."""

    checks: tuple[Check, ...]
    walks: int
    worst_s: float

    @property
    def ok(self) -> bool:
        """Whether nothing failed."""
        return all(check.ok is not False for check in self.checks)


@dataclass(frozen=True, slots=True)
class Saved:
    """The saved files that a check reads."""

    place: Path
    record: dict[str, Any]
    summary: dict[str, Any]
    buildings: gpd.GeoDataFrame
    facilities: gpd.GeoDataFrame
    edges: gpd.GeoDataFrame
    links: pd.DataFrame

    @property
    def standard(self) -> Standard:
        """The standard of the run."""
        return Standard.from_dict(self.record["standard"])

    @property
    def services(self) -> list[str]:
        """Services of the standard, in its order."""
        return [limit.service for limit in self.standard.services]

    @property
    def speed_m_per_s(self) -> float:
        """Speed of the walker off the network."""
        return float(self.record["walker"]["speed_m_per_s"])


def verify(out: Path, source: Path | None = None, *, sample: int = SAMPLE, seed: int = 1) -> Report:
    """Check a saved run.

    Parameters
    ----------
    out
        Folder of the run.
    source
        The file that it was made from, or a folder that holds it. Without it, files of the right name in the run's folder, beside it and in
        the working directory are looked at.
    sample, seed
        How many buildings are walked from again, to every service, and which draw.

    Raises
    ------
    SourceError
        The folder is not a run's, a table of it cannot be read, or `source` does not exist.
    """
    if source is not None and not source.exists():
        raise SourceError(f"{source}: no such file. Name the file that the run was made from with --source, or leave it out.")
    tables = {name: folder.read_table(out, name) for name in (*folder.GEO_TABLES, *folder.PLAIN_TABLES)}
    buildings, facilities, edges = (gpd.GeoDataFrame(tables[name]) for name in ("buildings", "facilities", "edges"))
    records = folder.read_record(out, "run"), folder.read_record(out, "summary")
    saved = Saved(out, *records, buildings, facilities, edges, tables["links"])
    checks = [*_inputs(saved, source), _digests(saved), _declared(saved, tables)]
    if checks[-1].ok is False:  # what is not there cannot be walked
        return Report(tuple(checks), 0, 0.0)
    checks += [_lengths(saved), _legs(saved, sample, seed)]
    walks, worst, who = _walks(saved, sample, seed)
    checks.append(Check("walks", worst <= MOST_S, {"n": walks, "worst": worst, "who": who}))
    checks += [_verdicts(saved), _summary(saved)]
    return Report(tuple(checks), walks, worst)


def _inputs(saved: Saved, source: Path | None) -> Iterator[Check]:
    for told in saved.record.get("inputs", []):
        name = str(told.get("file", ""))
        around = [saved.place, saved.place.absolute().parent, Path.cwd()]
        given = source is not None and (source.name == name or source.is_dir() or len(saved.record["inputs"]) == 1)
        if given and source is not None:
            around = [source if source.is_dir() else source.parent]
            name = name if source.is_dir() else source.name
        found = next((place / name for place in around if name and (place / name).is_file()), None)
        if found is None and not given and name == examples.kuangshan().name:  # what `circle demo` runs on comes along
            found = examples.kuangshan()
        if found is None:
            yield Check("input_absent", None, {"file": name})
        elif sources.digest(found) == told.get("sha256"):
            yield Check("input", ok=True, told={"file": str(found)})
        else:  # a file of that name that merely lies around may well be another
            yield Check("input_other", False if given else None, {"file": str(found)})


def _digests(saved: Saved) -> Check:
    told = saved.record.get("tables", {})
    if not told:
        return Check("tables_untold", None, {})
    changed = [name for name, digest in told.items() if sources.digest(saved.place / f"{name}.parquet") != digest]
    return Check("tables", not changed, {"n": len(told), "names": ", ".join(changed)})


def _declared(saved: Saved, tables: dict[str, pd.DataFrame]) -> Check:
    layers = schema.zone_layers(saved.buildings.columns)
    try:
        for name, table in tables.items():
            schema.check(table, name, saved.services, layers)
    except CircleError as trouble:
        return Check("schema", ok=False, told={"why": str(trouble)})
    lost = int((~saved.links["edge"].isin(saved.edges["edge"])).sum()) + len(set(saved.links["id"]) - _known(saved))
    return Check("schema", lost == 0, {"why": f"{lost} links lead to an edge or from a place that the run does not hold" if lost else ""})


def _known(saved: Saved) -> set[str]:
    return {*saved.buildings["building"], *saved.facilities["facility"]}


def _metres(lon: Floats, lat: Floats, lon2: Floats, lat2: Floats) -> Floats:
    """Metres between near points on the ellipsoid, by the radii of curvature at the middle (exact to a millionth over a kilometre)."""
    e2 = FLATTENING * (2 - FLATTENING)
    middle = np.radians((lat + lat2) / 2)
    root = 1 - e2 * np.sin(middle) ** 2
    north = np.radians(lat2 - lat) * SEMI_MAJOR_M * (1 - e2) / root**1.5
    east = np.radians(lon2 - lon) * SEMI_MAJOR_M / np.sqrt(root) * np.cos(middle)
    return np.asarray(np.hypot(north, east))


def _lengths(saved: Saved) -> Check:
    """Metres of every edge again, from its line. Edges beyond the ground (a lift) may be longer than they are drawn, none is shorter."""
    lines = saved.edges.geometry.to_numpy()
    points, edge = shapely.get_coordinates(lines, return_index=True)
    step = np.flatnonzero(edge[1:] == edge[:-1])
    parts = _metres(*points[step].T, *points[step + 1].T)
    drawn = np.bincount(edge[step], weights=parts, minlength=len(lines))
    told = saved.edges["length_m"].to_numpy()
    short = drawn - told - LENGTH_SHARE * told - LENGTH_M
    row = int(np.argmax(short)) if len(short) else 0
    ok = not len(short) or bool(short[row] <= 0)
    return Check("lengths", ok, {"n": len(lines), "who": "" if ok else f"edge {saved.edges['edge'].iloc[row]}"})


def _legs(saved: Saved, sample: int, seed: int) -> Check:
    """Metres of some legs again: from where a leg starts to where it meets its edge."""
    rows = np.random.default_rng(seed).permutation(len(saved.links))[: sample * 5]
    links = saved.links.iloc[rows]
    edges = saved.edges.set_index("edge").loc[links["edge"]]
    share = np.divide(links["offset_m"].to_numpy(), edges["length_m"].to_numpy(), out=np.zeros(len(rows)), where=edges["length_m"] > 0)
    lines = edges.geometry.to_numpy()
    flat = np.cos(np.radians(shapely.get_coordinates(shapely.get_point(lines, 0))[:, 1]))  # squeezed so that a share of the line is true
    coordinates, of = shapely.get_coordinates(lines, return_index=True)
    squeezed = shapely.set_coordinates(lines.copy(), np.column_stack([coordinates[:, 0] * flat[of], coordinates[:, 1]]))
    end = shapely.get_coordinates(shapely.line_interpolate_point(squeezed, share, normalized=True))
    again = _metres(links["start_lon"].to_numpy(), links["start_lat"].to_numpy(), end[:, 0] / flat, end[:, 1])
    told = links["leg_m"].to_numpy()
    # where on a long edge with bends a share lies is known to a thousandth of the edge
    off = np.abs(again - told) - LENGTH_M - LENGTH_SHARE * (told + edges["length_m"].to_numpy())
    ok = not len(off) or bool(off.max() <= 0)
    return Check("legs", ok, {"n": len(rows), "who": "" if ok else str(links["id"].iloc[int(np.argmax(off))])})


# --- walks ------------------------------------------------------------------------------------------------------------------------


def _walks(saved: Saved, sample: int, seed: int) -> tuple[int, float, str]:
    """Walk again from a random sample of buildings to every service: how many walks, the worst difference in seconds, and whose."""
    rows = np.sort(np.random.default_rng(seed).permutation(len(saved.buildings))[:sample])
    picked = saved.buildings.iloc[rows]
    mine = saved.links[(saved.links["kind"] == "building") & saved.links["id"].isin(picked["building"])]
    theirs = saved.links[saved.links["kind"] == "facility"].merge(
        pd.DataFrame(saved.facilities[["facility", "service", "visitors"]].rename(columns={"facility": "id"}).astype({"service": str})),
        on="id",
    )
    edges = pd.DataFrame(saved.edges.drop(columns="geometry"))
    again = _seconds(edges, mine, theirs, saved) if len(edges) <= WHOLE_EDGES else _cuts(saved, edges, picked, mine, theirs)
    worst, who = 0.0, ""
    for service in saved.services:
        for building, minutes in zip(picked["building"], picked[f"minutes_{service}"].tolist(), strict=True):
            told, other = minutes * 60.0, again.get((building, service), np.inf)
            difference = 0.0 if other == told else abs(other - told)
            if not difference <= worst:  # so that not a number counts as the worst
                worst, who = difference, f"{building} → {service}"
    return len(picked) * len(saved.services), float(worst), who


def _cuts(
    saved: Saved, edges: pd.DataFrame, picked: gpd.GeoDataFrame, mine: pd.DataFrame, theirs: pd.DataFrame
) -> dict[tuple[str, str], float]:
    """One piece of a large network for each walk: a walk of t seconds stays within t × the fastest speed; one without end, on its piece."""
    bounds = saved.edges.geometry.bounds.to_numpy()
    fastest = _fastest(edges, saved.speed_m_per_s)
    by_building = dict(iter(mine.groupby("id", observed=True)))
    by_service = dict(iter(theirs.groupby("service")))
    centre = shapely.get_coordinates(shapely.centroid(picked.geometry.to_numpy()))
    found: dict[tuple[str, str], float] = {}
    for service in saved.services:
        for building, minutes, (lon, lat) in zip(picked["building"], picked[f"minutes_{service}"].tolist(), centre, strict=True):
            links, goals = by_building.get(building), by_service.get(service)
            if links is None or goals is None:
                continue
            if np.isfinite(minutes):
                reach = minutes * 60.0 * fastest + MARGIN_M
                dx, dy = reach / (111_320 * max(np.cos(np.radians(lat)), 0.01)), reach / 110_540
                inside = (bounds[:, 0] <= lon + dx) & (bounds[:, 2] >= lon - dx) & (bounds[:, 1] <= lat + dy) & (bounds[:, 3] >= lat - dy)
            else:
                inside = _onward(edges, links)
            piece = edges[inside]
            links, goals = (part[part["edge"].isin(piece["edge"])] for part in (links, goals))
            found |= _seconds(piece, links, goals, saved)
    return found


def _fastest(edges: pd.DataFrame, speed_m_per_s: float) -> float:
    """The greatest speed on any edge, and off the network."""
    taken = np.minimum(edges["seconds_forward"].to_numpy(), edges["seconds_backward"].to_numpy())
    length = edges["length_m"].to_numpy()
    paces = np.divide(length, taken, out=np.zeros(len(length)), where=(taken > 0) & np.isfinite(taken))
    return max(speed_m_per_s, float(paces.max(initial=0.0)))


def _onward(edges: pd.DataFrame, links: pd.DataFrame) -> Bools:
    """Edges that can be walked to from some links, and those that touch them."""
    u, v = edges["u"].to_numpy(), edges["v"].to_numpy()
    out = np.r_[u[np.isfinite(edges["seconds_forward"])], v[np.isfinite(edges["seconds_backward"])]]
    to = np.r_[v[np.isfinite(edges["seconds_forward"])], u[np.isfinite(edges["seconds_backward"])]]
    order = np.argsort(out, kind="stable")
    out, to = out[order], to[order]
    own = edges["edge"].isin(links["edge"]).to_numpy()
    seen = set(u[own].tolist()) | set(v[own].tolist())
    frontier = list(seen)
    while frontier:
        node = frontier.pop()
        low, high = np.searchsorted(out, [node, node + 1])
        fresh = set(to[low:high].tolist()) - seen
        seen |= fresh
        frontier += fresh
    known = np.fromiter(seen, dtype=u.dtype, count=len(seen))
    return np.asarray(own | np.isin(u, known) | np.isin(v, known))


def _seconds(edges: pd.DataFrame, buildings: pd.DataFrame, facilities: pd.DataFrame, saved: Saved) -> dict[tuple[str, str], float]:
    """Seconds by building and service to the nearest facility, by plain networkx: Dijkstra over the streets and the ties to them.

    Every tie becomes a node of its own on its edge, so that those on one edge meet there without going to its ends.
    """
    graph = nx.DiGraph()
    names = ["u", "v", "seconds_forward", "seconds_backward", "access"]
    for u, v, forward, backward, access in zip(*(edges[name].tolist() for name in names), strict=True):
        for layer in LAYERS[access]:
            _arc(graph, (layer, u), (layer, v), forward)
            _arc(graph, (layer, v), (layer, u), backward)
        if access != "public":
            for node in (u, v):  # one leaves private ways, and enters them, wherever they meet others
                _arc(graph, ("origin", node), ("public", node), 0.0)
                _arc(graph, ("public", node), ("destination", node), 0.0)
    tied = pd.concat([facilities, buildings.assign(service="", visitors=True)])
    columns = ["edge", "u", "v", "length_m", "seconds_forward", "seconds_backward", "access"]
    tied = tied.merge(edges[columns], on="edge").sort_values(["edge", "offset_m"], kind="stable")
    for _, group in tied.groupby("edge", sort=False):
        ties = group.to_dict("records")
        for layer in LAYERS[ties[0]["access"]]:
            _tie(graph, ties, layer, saved.speed_m_per_s)
    against = graph.reverse(copy=False)
    found: dict[tuple[str, str], float] = {}
    for service in saved.services:
        if ("goal", service) in against:
            reached = nx.single_source_dijkstra_path_length(against, ("goal", service), weight="seconds")
            found |= {(node[1], service): float(taken) for node, taken in reached.items() if node[0] == "building"}
    return found


def _tie(graph: nx.DiGraph, ties: list[dict[Any, Any]], layer: str, speed_m_per_s: float) -> None:
    """Put the ties of one edge, in the order of their offsets, on a string between its ends, in one of its layers.

    A walk begins in the layer of the origin, where the edge lies in it. It may end there too: one who lives around the facility; or in the
    layer of the destination, where the facility lets in who does not, or lies on a way that is open to all.
    """
    first = ties[0]
    access = first["access"]
    length, forward, backward = first["length_m"], first["seconds_forward"], first["seconds_backward"]
    before: tuple[Any, ...] = (layer, first["u"])
    offset = 0.0
    for number, tie in enumerate(ties):
        spot = ("spot", first["edge"], number, layer)
        apart = tie["offset_m"] - offset
        _string(graph, before, spot, apart if apart > SAME_SPOT_M else 0.0, (length, forward, backward))
        leg = tie["leg_m"] / speed_m_per_s
        if not tie["service"]:
            if layer == LAYERS[access][0]:
                _arc(graph, ("building", tie["id"]), spot, leg)
        elif layer != "destination" or tie["visitors"] or "public" in LAYERS[access]:
            _arc(graph, spot, ("goal", tie["service"]), leg)
        before, offset = spot, tie["offset_m"]
    _string(graph, before, (layer, first["v"]), max(length - offset, 0.0), (length, forward, backward))


def _string(graph: nx.DiGraph, one: Any, other: Any, metres: float, edge: tuple[float, float, float]) -> None:
    """Both directions of a stretch of an edge (its length, its seconds each way); a stretch of nothing is walked both ways, at once."""
    length, forward, backward = edge
    share = metres / length if length else 0.0
    _arc(graph, one, other, share * forward if share else 0.0)
    _arc(graph, other, one, share * backward if share else 0.0)


def _arc(graph: nx.DiGraph, start: Any, end: Any, taken: float) -> None:
    """One direction; of two edges between the same nodes the quicker counts."""
    if np.isfinite(taken) and not (graph.has_edge(start, end) and graph[start][end]["seconds"] <= taken):
        graph.add_edge(start, end, seconds=taken)


# --- verdicts and shares ----------------------------------------------------------------------------------------------------------


def _verdicts(saved: Saved) -> Check:
    """Every verdict and reason of every building, from its minutes and the limit alone."""
    buildings = saved.buildings
    wrong = np.zeros(len(buildings), dtype=bool)
    missed = np.zeros(len(buildings), dtype=np.int64)
    worst = np.full(len(buildings), len(gaps.WORST_FIRST) - 1)
    for limit in saved.standard.services:
        seconds = buildings[f"minutes_{limit.service}"].to_numpy() * 60.0
        verdict = buildings[f"verdict_{limit.service}"].astype(str).to_numpy()
        reason = buildings[f"reason_{limit.service}"].astype(str).to_numpy()
        limit_s = limit.limit_min * 60.0
        wrong |= np.where(verdict == "met", seconds > limit_s + ROUNDING_S, seconds <= limit_s)
        wrong |= (verdict == "gap") & ~np.isfinite(seconds)
        wrong |= (verdict == "unreachable") & np.isfinite(seconds)
        wrong |= (buildings[f"facility_{limit.service}"].astype(str).to_numpy() == "") != np.isinf(seconds)
        for word, allowed in REASONS_OF.items():
            wrong |= (verdict == word) & ~np.isin(reason, list(allowed))
        wrong |= (reason == "barrier") != (buildings[f"barrier_{limit.service}"].astype(str).to_numpy() != "")
        missed += np.isin(verdict, ["gap", "unreachable"])
        worst = np.minimum(worst, [gaps.WORST_FIRST.index(word) for word in verdict])
    wrong |= np.asarray(gaps.WORST_FIRST, dtype=object)[worst] != buildings["verdict"].astype(str).to_numpy()
    wrong |= missed != buildings["gaps"].to_numpy()
    first = str(buildings["building"].to_numpy()[wrong][0]) if wrong.any() else ""
    return Check("verdicts", not wrong.any(), {"n": len(buildings) * len(saved.services), "wrong": int(wrong.sum()), "who": first})


def _summary(saved: Saved) -> Check:
    verdicts = {name: pd.CategoricalDtype(list(gaps.VERDICTS)) for name in ("verdict", *(f"verdict_{one}" for one in saved.services))}
    reasons = {f"reason_{one}": pd.CategoricalDtype(list(gaps.REASONS)) for one in saved.services}
    public = saved.record.get("public", {})  # what is withheld was counted as so many
    buildings = saved.buildings.astype(verdicts | reasons)
    buildings = buildings.assign(households=buildings["households"].fillna(public.get("counted_as", np.nan)))
    again = {"shares": gaps.shares(buildings, saved.standard), **gaps.counts(buildings, saved.standard)}
    again["counts"] = {
        "buildings": len(saved.buildings),
        "edges": len(saved.edges),
        "households": float(buildings["households"].sum()),
    }
    differ = sorted(_differ(again, saved.summary, ""))
    return Check("summary", not differ, {"who": ", ".join(differ[:5])})


def _differ(again: Any, told: Any, where: str) -> Iterator[str]:
    """Paths of the values that are not what they should be; what is told beyond is not looked at."""
    if isinstance(again, dict):
        for key, value in again.items():
            path = f"{where}.{key}" if where else str(key)
            if not isinstance(told, dict) or key not in told:
                yield path
            else:
                yield from _differ(value, told[key], path)
    elif isinstance(again, float) and isinstance(told, int | float):
        if not np.isclose(again, told, rtol=1e-9, atol=1e-9):
            yield where
    elif again != told:
        yield where
