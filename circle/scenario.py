"""Scenarios: what a planner would change, written down in a small file.

Takes: a TOML file, or GeoJSON drawn in any GIS, alone or named by the TOML file.   Gives: a `Scenario`, checked value by value.
Never: looks at a map or knows whether a facility or gate exists; that is found out where the scenario is applied (`rerun`).

A scenario file::

    name = "紫薇花园驿站"

    [[station]]                      # a new facility that offers one service or several
    name = "驿站"
    lon = 114.9012
    lat = 30.2051
    services = ["service_centre", "clinic"]
    building = "way/88"              # may be left out: a building of the run that it is a room of

    [[move]]                         # an existing facility, somewhere else
    facility = "node/1203"
    lon = 114.9021
    lat = 30.2060

    [[close]]                        # all that a facility offers, or only some of it; or a gate
    facility = "way/88"
    services = ["shop"]

    [[close]]
    gate = "node/77"

    [[open]]                         # a gate that is shut in the data
    gate = "node/78"

    [[passage]]                      # a path that is missing: a gap in a wall, a crossing, a short link
    name = "东门"
    from = [114.9001, 30.2044]
    to = [114.9003, 30.2044]

    geojson = "sites.geojson"        # more of the same, drawn: lies beside this file

In GeoJSON each feature says with its property `kind` what it is (station, move, close, open, passage) and carries the same keys; a point
stands for `lon` and `lat`, a line from its first to its last point for `from` and `to`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from circle import rules
from circle.errors import RuleError
from circle.rules.loading import Reader, read_toml

KINDS = ("station", "move", "close", "open", "passage")
POINTS = ("station", "move")
GEOJSON = (".geojson", ".json")
IGNORED = ("fid", "OGC_FID")  # what GIS programs add of themselves
_GATE = re.compile(r"^(node|way)/\d+$")
_SEPARATOR = re.compile(r"[\s,;，、；]+")
_WGS84 = ("CRS84", "EPSG::4326", "EPSG:4326")

Spot = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Station:
    """A new facility: `id`, `name`, longitude and latitude in WGS 84, the `services` that it offers.

    `building`: id of a building of the run that it is a room of; one then comes to it by that building's doors or outline.
    """

    id: str
    name: str
    lon: float
    lat: float
    services: tuple[str, ...]
    building: str = ""


@dataclass(frozen=True, slots=True)
class Move:
    """An existing facility, in another place; it goes on offering what it offers."""

    facility: str
    lon: float
    lat: float


@dataclass(frozen=True, slots=True)
class Closing:
    """A facility that closes: for some `services`, or for all where none is named."""

    facility: str
    services: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Passage:
    """A new stretch of path from one spot to another (longitude and latitude), in both directions."""

    id: str
    name: str
    begin: Spot
    end: Spot


@dataclass(frozen=True, slots=True)
class Scenario:
    """A study changed by edits. An empty one changes nothing.

    >>> Scenario("a station", stations=(Station("s1", "", 114.9, 30.2, ("clinic",)),)).only_adds
    True
    """

    name: str = ""
    stations: tuple[Station, ...] = ()
    moves: tuple[Move, ...] = ()
    closings: tuple[Closing, ...] = ()
    opened: tuple[str, ...] = ()
    closed: tuple[str, ...] = ()
    passages: tuple[Passage, ...] = ()

    @property
    def only_adds(self) -> bool:
        """Whether nothing is taken away: then nobody may be worse off afterwards."""
        return not (self.moves or self.closings or self.closed)

    @property
    def changes_network(self) -> bool:
        """Whether the walk itself changes, and so every service."""
        return bool(self.opened or self.closed or self.passages)

    @property
    def empty(self) -> bool:
        """Whether nothing changes at all."""
        return not (self.stations or self.moves or self.closings or self.changes_network)

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON, as in `run.json`."""
        return asdict(self)

    def to_toml(self) -> str:
        """The scenario as a file that `load` reads back.

        >>> print(Scenario("gate", opened=("node/7",)).to_toml(), end="")
        name = "gate"
        <BLANKLINE>
        [[open]]
        gate = "node/7"
        """
        parts: list[tuple[str, dict[str, Any]]] = [
            *(("station", asdict(each)) for each in self.stations),
            *(("move", asdict(each)) for each in self.moves),
            *(("close", asdict(each)) for each in self.closings),
            *(("close", {"gate": gate}) for gate in self.closed),
            *(("open", {"gate": gate}) for gate in self.opened),
            *(("passage", {"id": p.id, "name": p.name, "from": p.begin, "to": p.end}) for p in self.passages),
        ]
        lines = [f"name = {_quoted(self.name)}"] if self.name else []
        for kind, keys in parts:
            lines += [*([""] if lines else []), f"[[{kind}]]"]
            lines += [f"{key} = {_toml(value)}" for key, value in keys.items() if value not in ("", ())]
        return "".join(f"{line}\n" for line in lines)

    def save(self, path: str | Path) -> Path:
        """Write `to_toml` to a file and say where."""
        target = Path(path)
        target.write_text(self.to_toml(), encoding="utf-8", newline="\n")
        return target


def _toml(value: Any) -> str:
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, tuple | list):
        return f"[{', '.join(_toml(each) for each in value)}]"
    return repr(float(value))


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def load(path: str | Path) -> Scenario:
    """Read a scenario file: TOML, or GeoJSON.

    Raises
    ------
    RuleError
        The file is missing, is neither, or says something impossible; the message names file, key, value, and what to do.
    """
    file = Path(path)
    if file.suffix.lower() in GEOJSON:
        return _gather(file.stem, _features(file))
    reader = read_toml(file)
    name = reader.text("name", file.stem)
    parts = [
        (kind, each) for kind in KINDS for each in (reader.tables(kind, f"tables, each opened with [[{kind}]]") if kind in reader else [])
    ]
    for drawn in reader.words("geojson", ()):
        parts += _features(file.parent / drawn)
    reader.done()
    return _gather(name, parts)


def _features(file: Path) -> list[tuple[str, Reader]]:
    """The features of a GeoJSON file, each as the table that TOML would have."""
    try:
        whole = json.loads(file.read_bytes().decode("utf-8-sig"))
    except FileNotFoundError as error:
        raise RuleError(f"{file}: no such file; check the path") from error
    except (OSError, ValueError, RecursionError) as error:
        raise RuleError(f"{file}: not GeoJSON in UTF-8 ({str(error).splitlines()[0]}); export it again from your GIS") from error
    features = whole.get("features") if isinstance(whole, dict) else None
    if not isinstance(features, list):
        raise RuleError(f"{file}: holds no list of features; a scenario is a GeoJSON FeatureCollection")
    system = str(whole.get("crs") or _WGS84[0])
    if not any(name in system for name in _WGS84):
        raise RuleError(f"{file}: crs = {system}: GeoJSON is in degrees of WGS 84; export it again as EPSG:4326")
    return [_feature(each, file, number) for number, each in enumerate(features, 1)]


def _feature(feature: Any, file: Path, number: int) -> tuple[str, Reader]:
    where = f"features[{number}]"
    if not isinstance(feature, dict) or not isinstance(feature.get("properties") or {}, dict):
        raise RuleError(f"{file}: {where}: is not a GeoJSON feature; export the file again from your GIS")
    keys = {key: value for key, value in (feature.get("properties") or {}).items() if value is not None and key not in IGNORED}
    kind = Reader(keys, str(file), where).choice("kind", KINDS)
    del keys["kind"]
    shape = feature.get("geometry") or {}
    form, spots = (shape.get("type"), shape.get("coordinates")) if isinstance(shape, dict) else (None, None)
    if kind in POINTS:
        if form != "Point" or not isinstance(spots, list) or len(spots) < 2:
            raise RuleError(f"{file}: {where}: a {kind} is a point, and this is {form or 'nothing'}; draw a point")
        keys |= {"lon": spots[0], "lat": spots[1]}
    elif kind == "passage":
        if form != "LineString" or not isinstance(spots, list) or len(spots) < 2:
            raise RuleError(
                f"{file}: {where}: a passage is a line, and this is {form or 'nothing'}; draw a line from one side to the other"
            )
        keys |= {
            "from": spots[0][:2] if isinstance(spots[0], list) else spots[0],
            "to": spots[-1][:2] if isinstance(spots[-1], list) else None,
        }
    return kind, Reader(keys, str(file), where)


def _gather(name: str, parts: list[tuple[str, Reader]]) -> Scenario:
    """One scenario out of all edits; what contradicts itself is refused."""
    stations: list[Station] = []
    moves: list[Move] = []
    closings: list[Closing] = []
    gates: dict[str, list[str]] = {"open": [], "close": []}
    passages: list[Passage] = []
    ids: set[str] = set()

    def named(reader: Reader, kind: str, number: int) -> str:
        return _once(reader, "id", reader.text("id", f"{kind}/{number}") or f"{kind}/{number}", ids)

    touched: set[str] = set()
    for kind, reader in parts:
        if kind == "station":
            identity = named(reader, kind, len(stations) + 1)
            offered = _services(reader, needed=True)
            stations.append(Station(identity, reader.text("name", ""), *_spot(reader), offered, reader.text("building", "")))
        elif kind == "passage":
            identity = named(reader, kind, len(passages) + 1)
            begin, end = _end(reader, "from"), _end(reader, "to")
            if begin == end:
                reader.refuse("to", "is where it begins; give the other side")
            passages.append(Passage(identity, reader.text("name", ""), begin, end))
        elif kind == "move":
            moves.append(Move(_once(reader, "facility", reader.text("facility"), touched), *_spot(reader)))
        elif "gate" in reader:
            if "facility" in reader:
                reader.refuse("gate", "facility is there too; write one table for each")
            both = {*gates["open"], *gates["close"]}
            gates[kind].append(_once(reader, "gate", _gate(reader), both))
        elif kind == "open":
            reader.need("gate", 'the gate that opens, as "node/123"')
        else:
            reader.need("facility", 'what closes: a facility as "node/123", or gate = "node/123"')
            closings.append(Closing(_once(reader, "facility", reader.text("facility"), touched), _services(reader, needed=False)))
        reader.done()
    return Scenario(name, tuple(stations), tuple(moves), tuple(closings), tuple(gates["open"]), tuple(gates["close"]), tuple(passages))


def _once(reader: Reader, key: str, value: str, seen: set[str]) -> str:
    if value in seen:
        reader.refuse(key, "is named twice in this scenario; keep one of the two")
    seen.add(value)
    return value


def _gate(reader: Reader) -> str:
    gate = reader.text("gate")
    if not _GATE.match(gate):
        reader.refuse("gate", 'must be an OSM object, as "node/123"')
    return gate


def _services(reader: Reader, *, needed: bool) -> tuple[str, ...]:
    """Known services; several in one text may be separated by commas, as a GIS column holds them."""
    if not needed and "services" not in reader:
        return ()
    words = [word for text in reader.words("services") for word in _SEPARATOR.split(text) if word]
    if not words:
        reader.refuse("services", "must name at least one service")
    known = rules.services()
    for word in words:
        if word not in known:
            reader.refuse("services", f"'{word}' is not known; {rules.loading.suggest(word, known)}")
    return tuple(dict.fromkeys(words))


def _spot(reader: Reader) -> Spot:
    return reader.number("lon", least=-180, most=180), reader.number("lat", least=-85, most=85)


def _end(reader: Reader, key: str) -> Spot:
    value = reader.need(key, "[longitude, latitude]")
    if not isinstance(value, list | tuple) or len(value) != 2:
        reader.refuse(key, "must be [longitude, latitude]")
    part = Reader({"lon": value[0], "lat": value[1]}, reader.file, f"{reader.where}.{key}")
    return _spot(part)


def from_dict(saved: Mapping[str, Any]) -> Scenario:
    """Read back what `as_dict` gave, from a run's record."""

    def each(key: str, make: Any) -> tuple[Any, ...]:
        return tuple(make(**{k: tuple(v) if isinstance(v, list) else v for k, v in one.items()}) for one in saved.get(key, ()))

    return Scenario(
        str(saved.get("name", "")),
        each("stations", Station),
        each("moves", Move),
        each("closings", Closing),
        tuple(saved.get("opened", ())),
        tuple(saved.get("closed", ())),
        each("passages", Passage),
    )


def without_services(scenario: Scenario, known: Collection[str]) -> tuple[Scenario, tuple[str, ...]]:
    """The scenario with only the services that a standard asks for, and the ids of the stations that then offer nothing it asks for."""
    stations = [replace(each, services=tuple(s for s in each.services if s in known)) for each in scenario.stations]
    idle = tuple(each.id for each in stations if not each.services)
    return replace(scenario, stations=tuple(each for each in stations if each.services)), idle
