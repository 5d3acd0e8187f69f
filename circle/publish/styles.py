"""How each layer of `circle.gpkg` is drawn, as rules over its columns.

Takes: the standard of a run and its columns.   Gives: the styles of a layer, the first of which is the one that it opens with.
Never: reads the rows; a rule stands for every word that a column may hold, whether it occurs or not.
"""

from __future__ import annotations

from collections.abc import Sequence

from circle import schema
from circle.publish.qml import ELSE, Geometry, Rule, Style, any_of, area, column, equals, hatch, line, marker, outline
from circle.publish.saved import Saved
from circle.publish.sheets import PALETTE
from circle.publish.wording import both, word, words
from circle.standards import Limit

_UNMAPPED = (area("#ffffff", "#8a8a8a"), hatch("#8a8a8a", 45))
_UNREACHABLE = (area("#ffffff", "#3a3a3a"), hatch("#3a3a3a", 45), hatch("#3a3a3a", 135))
_OTHER = (outline("#c000c0", 0.4),)
_FRAGILE = (outline("#1a1a1a", 0.45, "dot"),)
_SIGNS = ("circle", "square", "triangle", "diamond", "star", "pentagon", "hexagon", "equilateral_triangle", "octagon", "cross_fill")
# dark enough to stand on any class of the buildings, told apart by shape first
_SIGN_COLOURS = ("#1b1b1b", "#5b2a86", "#00594f", "#7a0f3a", "#3b3b8f")
_BACKGROUND = {"water": "#c4dcea", "green": "#d9e6cf", "railway": "#6e6e6e", "road": "#c9c2b8", "barrier": "#5c4a3a"}
_SHARE_STEPS = (0.8, 0.6, 0.4, 0.2)

_REST = Rule(words()["style"]["other"]["zh"] + " / " + words()["style"]["other"]["en"], ELSE)


def buildings(run: Saved, geometry: Geometry = "fill") -> list[Style]:
    """Give the styles of the buildings: by number of gaps, then one for each service by its minutes against the limit."""
    aliases = _building_aliases(run)
    every = [_gap_style(run, geometry), *(_minutes_style(limit, geometry) for limit in run.standard.services)]
    return [Style(name, geometry, rules, aliases=aliases) for name, rules in every]


def _gap_style(run: Saved, geometry: Geometry) -> tuple[str, tuple[Rule, ...]]:
    gap, gaps, met, count = equals("verdict", "gap"), column("gaps"), word("verdict", "met"), word("style", "gap_count")
    classes = [
        _class(met, equals("verdict", "met"), PALETTE[0], geometry),
        _class(f"{count}: 1", f"{gap} AND {gaps} <= 1", PALETTE[2], geometry),
        _class(f"{count}: 2", f"{gap} AND {gaps} = 2", PALETTE[3], geometry),
        _class(f"{count}: 3+", f"{gap} AND {gaps} >= 3", PALETTE[4], geometry),
    ]
    title = word("style", "gaps")
    fragile = any_of([f"fragile_{service}" for service in run.services])
    return title, _with_doubt(title, classes, "verdict", fragile, geometry)


def _minutes_style(limit: Limit, geometry: Geometry) -> tuple[str, tuple[Rule, ...]]:
    minutes, verdict = column(f"minutes_{limit.service}"), f"verdict_{limit.service}"
    met, gap, promised = equals(verdict, "met"), equals(verdict, "gap"), limit.limit_min
    half, more, twice = promised / 2, promised * 1.5, promised * 2
    classes = [
        _class(f"≤ {half:g} min", f"{met} AND {minutes} <= {half!r}", PALETTE[0], geometry),
        _class(f"{half:g} – {promised:g} min", f"{met} AND {minutes} > {half!r}", PALETTE[1], geometry),
        _class(f"{promised:g} – {more:g} min", f"{gap} AND {minutes} <= {more!r}", PALETTE[2], geometry),
        _class(f"{more:g} – {twice:g} min", f"{gap} AND {minutes} > {more!r} AND {minutes} <= {twice!r}", PALETTE[3], geometry),
        _class(f"> {twice:g} min", f"{gap} AND {minutes} > {twice!r}", PALETTE[4], geometry),
    ]
    title = both(limit.label)
    return title, _with_doubt(title, classes, verdict, column(f"fragile_{limit.service}"), geometry)


def _class(label: str, test: str, colour: str, geometry: Geometry) -> Rule:
    return Rule(label, test, (area(colour),) if geometry == "fill" else (marker("circle", colour, 1.6),))


def _with_doubt(title: str, classes: Sequence[Rule], verdict: str, fragile: str, geometry: Geometry) -> tuple[Rule, ...]:
    """Add what has no minutes, hatched and never in a colour of the scale, and the outline of what may flip."""
    filled = geometry == "fill"
    unreachable = Rule(
        word("verdict", "unreachable"), equals(verdict, "unreachable"), _UNREACHABLE if filled else (marker("cross2", "#3a3a3a", 2),)
    )
    unmapped = Rule(word("verdict", "unmapped"), equals(verdict, "unmapped"), _UNMAPPED if filled else (marker("circle", "#b5b5b5", 1.6),))
    other = Rule(_REST.label, ELSE, _OTHER if filled else (marker("square", "#c000c0", 2),))
    doubt = Rule(word("head", "fragile"), fragile, _FRAGILE if filled else (marker("circle", "#1a1a1a", 0.6),))
    return Rule(title, inner=(*classes, unreachable, unmapped, other)), doubt


def _building_aliases(run: Saved) -> dict[str, str]:
    aliases = {"building": word("head", "building"), "name": word("head", "name"), "households": word("head", "households")}
    aliases |= {"compound": word("layer", "compound"), "gaps": word("head", "gaps_count"), "verdict": word("style", "verdict")}
    aliases |= {f"zone_{layer}": word("layer", layer) for layer in run.zone_layers()}
    for limit in run.standard.services:
        for kind, group in (
            ("minutes", "head"),
            ("facility", "style"),
            ("verdict", "style"),
            ("reason", "head"),
            ("barrier", "head"),
            ("fragile", "head"),
            ("leg_m", "style"),
        ):
            aliases[f"{kind}_{limit.service}"] = f"{both(limit.label)}: {word(group, kind)}"
    return aliases


def facilities(run: Saved, geometry: Geometry) -> list[Style]:
    """Give the style of facilities: one sign for each service, with the name from 1:5,000."""
    rules = []
    for number, (service, label) in enumerate(run.labels.items()):
        shape, colour = _SIGNS[number % len(_SIGNS)], _SIGN_COLOURS[number % len(_SIGN_COLOURS)]
        paint = marker(shape, colour, 3.2) if geometry == "marker" else outline(colour, 0.5)
        rules.append(Rule(label, equals("service", service), (paint,)))
    rest = marker("circle", "#8a8a8a", 2.4) if geometry == "marker" else outline("#8a8a8a", 0.5)
    aliases = {key: word("head", key) for key in ("facility", "service", "name", "source", "tags", "merged")}
    label, scale = (column("name"), 5000) if geometry == "marker" else ("", 0)
    return [Style(word("sheet", "facilities"), geometry, (*rules, Rule(_REST.label, ELSE, (rest,))), label, scale, aliases)]


def network() -> list[Style]:
    """Give the style of the walking network: public ways, and inner ones that only residents walk."""
    drawn = {"public": line("#9a9a9a", 0.25), "compound": line("#9a9a9a", 0.25)}
    drawn |= {key: line("#b07aa1", 0.3, "dash") for key in ("destination", "private")}
    rules = [
        Rule(word("access", key), equals("access", key), (drawn.get(key, line("#c000c0", 0.3)),)) for key in _allowed("edges", "access")
    ]
    return [Style(word("style", "network"), "line", (*rules, Rule(_REST.label, ELSE, (line("#c000c0", 0.3),))))]


def zones(run: Saved, layers: Sequence[str]) -> list[Style]:
    """Give the styles of zones: all as outlines by the share that is met, then one for each kind of zone, filled."""
    label = f"concat({column('name')}, ' ', round({column('share_buildings_met_all')} * 100), '%')"
    aliases = {"layer": word("head", "layer"), "zone": word("head", "zone"), "name": word("head", "name")}
    for service, name in {"all": word("head", "all"), **run.labels}.items():
        aliases |= {f"{kind}_{service}": f"{name}: {word('style', kind)}" for kind in ("met", "gap", "unmapped")}
        aliases |= {f"share_{unit}_met_{service}": f"{name}: {word('head', f'{unit}_share')}" for unit in ("buildings", "households")}
    styles = [Style(word("style", "all_zones"), "fill", tuple(_share_rules("", filled=False)), label, 25000, aliases)]
    for layer in layers:
        rules = _share_rules(f"{equals('layer', layer)} AND ", filled=True)[:-1]
        styles.append(Style(word("layer", layer), "fill", tuple(rules), label, 50000, aliases))
    return styles


def _share_rules(only: str, *, filled: bool) -> list[Rule]:
    share, above, rules = column("share_buildings_met_all"), "", []
    words_of = word("head", "buildings_share")
    for step, (low, colour) in enumerate(zip((*_SHARE_STEPS, 0.0), PALETTE, strict=True)):
        paint = area(colour, "#ffffff", 0.3, opacity=0.75) if filled else outline(colour, 0.7)
        high = f"{_SHARE_STEPS[step - 1]:.0%}" if step else "100%"
        rules.append(Rule(f"{words_of} {low:.0%} – {high}", f"{only}{share} >= {low}{above}", (paint,)))
        above = f" AND {share} < {low}"
    nobody = (area("#ffffff", "#8a8a8a", 0.3, opacity=0.5), hatch("#b5b5b5", 45, 2.0)) if filled else (outline("#8a8a8a", 0.4, "dash"),)
    rules.append(Rule(word("style", "nobody"), f"{only}{share} IS NULL", nobody))
    return [*rules, Rule(_REST.label, ELSE, _OTHER)]


def background(geometry: Geometry) -> list[Style]:
    """Give the style of the background: water, green, railways, roads that are not walked, barriers."""
    rules = []
    for kind in _allowed("background", "kind"):
        colour = _BACKGROUND.get(kind, "#c000c0")
        if geometry == "fill":
            rules.append(Rule(word("background", kind), equals("kind", kind), (area(colour, colour, 0.1),)))
        elif geometry == "line":
            dash, width = ("dash", 0.5) if kind == "railway" else ("solid", 0.8 if kind == "road" else 0.35)
            rules.append(Rule(word("background", kind), equals("kind", kind), (line(colour, width, dash),)))
        else:
            rules.append(Rule(word("background", kind), equals("kind", kind), (marker("circle", colour, 1.0),)))
    other = {"fill": area("#eeeeee"), "line": line("#c000c0", 0.3), "marker": marker("circle", "#c000c0", 1.0)}[geometry]
    return [Style(word("style", "background"), geometry, (*rules, Rule(_REST.label, ELSE, (other,))))]


def _allowed(table: str, name: str) -> tuple[str, ...]:
    """Words that a column may hold, as declared."""
    return next(found.words for found in schema.columns(table) if found.name == name)
