"""Styles for QGIS, as QML: rules, symbols and labels that make a layer readable the moment it is opened.

Takes: rules (words, an expression, a symbol).   Gives: the XML of a style.
Never: pastes text into XML, or puts a value from the map data into an expression.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal
from xml.etree import ElementTree as ET

Geometry = Literal["fill", "line", "marker"]
Properties = Mapping[str, str]

ELSE: Final = "ELSE"
"""Expression of the rule that takes what no rule beside it has taken."""

_GEOMETRY_TYPE: Final = {"marker": "0", "line": "1", "fill": "2"}


@dataclass(frozen=True, slots=True)
class Paint:
    """One layer of a symbol: QGIS's class of it, its properties, and the line that a hatch is drawn with."""

    kind: str
    properties: Properties
    hatch: Paint | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """What is drawn how: `label` for the legend, `test` as a QGIS expression (empty: everything), and the paint from bottom to top.

    A rule with `inner` rules and no paint is a heading of the legend.
    """

    label: str
    test: str = ""
    paint: tuple[Paint, ...] = ()
    inner: tuple[Rule, ...] = ()


@dataclass(frozen=True, slots=True)
class Style:
    """A named style of a layer: rules, labels (an expression and the smallest scale at which they show), names of columns for people."""

    name: str
    geometry: Geometry
    rules: tuple[Rule, ...]
    label: str = ""
    label_scale: int = 0
    aliases: Mapping[str, str] = field(default_factory=dict)

    def xml(self) -> str:
        """Give the QML. The same style gives the same text."""
        root = ET.Element("qgis", version="3.16.0", styleCategories="AllStyleCategories", labelsEnabled=str(int(bool(self.label))))
        renderer = ET.SubElement(root, "renderer-v2", type="RuleRenderer", symbollevels="0", enableorderby="0", forceraster="0")
        tree = ET.SubElement(renderer, "rules", key="rules")
        symbols = ET.SubElement(renderer, "symbols")
        for rule in self.rules:
            self._add(rule, tree, symbols)
        if self.label:
            _labels(root, self.label, self.label_scale, self.geometry)
        aliases = ET.SubElement(root, "aliases")
        for index, (column, name) in enumerate(self.aliases.items()):
            ET.SubElement(aliases, "alias", field=column, name=name, index=str(index))
        ET.SubElement(root, "layerGeometryType").text = _GEOMETRY_TYPE[self.geometry]
        ET.indent(root, " ")
        return ET.tostring(root, encoding="unicode")

    def _add(self, rule: Rule, parent: ET.Element, symbols: ET.Element) -> None:
        number = str(len(symbols))
        element = ET.SubElement(parent, "rule", key=f"{parent.get('key')}-{len(parent)}", label=rule.label)
        if rule.test:
            element.set("filter", rule.test)
        if rule.paint:
            element.set("symbol", number)
            _symbol(symbols, number, self.geometry, rule.paint)
        for inner in rule.inner:
            self._add(inner, element, symbols)


def _symbol(parent: ET.Element, name: str, kind: Geometry, paints: Iterable[Paint]) -> None:
    symbol = ET.SubElement(parent, "symbol", type=kind, name=name, alpha="1", clip_to_extent="1", force_rhr="0")
    for number, paint in enumerate(paints):
        layer = ET.SubElement(symbol, "layer", {"class": paint.kind, "enabled": "1", "locked": "0", "pass": "0"})
        options = ET.SubElement(layer, "Option", type="Map")
        for key, value in paint.properties.items():
            ET.SubElement(options, "Option", type="QString", name=key, value=value)
        for key, value in paint.properties.items():  # QGIS before 3.20 reads these
            ET.SubElement(layer, "prop", k=key, v=value)
        if paint.hatch:
            _symbol(layer, f"@{name}@{number}", "line", [paint.hatch])


def _labels(root: ET.Element, expression: str, scale: int, geometry: Geometry) -> None:
    labeling = ET.SubElement(root, "labeling", type="simple")
    settings = ET.SubElement(labeling, "settings")
    style = ET.SubElement(
        settings,
        "text-style",
        fieldName=expression,
        isExpression="1",
        fontSize="8",
        fontSizeUnit="Point",
        textColor="30,30,30,255",
        textOpacity="1",
        namedStyle="Regular",
    )
    ET.SubElement(
        style,
        "text-buffer",
        bufferDraw="1",
        bufferSize="0.8",
        bufferSizeUnits="MM",
        bufferColor="255,255,255,255",
        bufferOpacity="1",
        bufferJoinStyle="128",
    )
    # 1 is "over the point" for areas, 6 the best free place around a point
    ET.SubElement(settings, "placement", placement="1" if geometry == "fill" else "6", dist="1", distUnits="MM", priority="5")
    rendering = ET.SubElement(settings, "rendering", drawLabels="1", obstacle="1", scaleVisibility=str(int(bool(scale))))
    if scale:
        # QGIS means the least and the greatest number below the line: from 1:1 to 1:scale
        rendering.attrib.update({"scaleMin": "1", "scaleMax": str(scale)})


def column(name: str) -> str:
    """Quote a column for an expression.

    >>> column('verdict_a"b')
    '"verdict_a""b"'
    """
    return '"' + name.replace('"', '""') + '"'


def value(text: str) -> str:
    r"""Quote a text for an expression.

    >>> value("it's")
    "'it''s'"
    """
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


def equals(name: str, text: str) -> str:
    """Test a column for one text."""
    return f"{column(name)} = {value(text)}"


def any_of(names: Sequence[str]) -> str:
    """Test whether one of several true-or-false columns is true."""
    return " OR ".join(column(name) for name in names)


def area(colour: str, edge: str = "#5a5a5a", width: float = 0.1, opacity: float = 1.0) -> Paint:
    """Paint a filled area with a thin edge; `opacity` 0..1 is that of the filling."""
    properties = {"color": _rgba(colour, opacity), "style": "solid", "outline_color": _rgba(edge), "outline_style": "solid"}
    return Paint("SimpleFill", {**properties, "outline_width": f"{width:g}", "outline_width_unit": "MM", "joinstyle": "miter"})


def outline(colour: str, width: float, dash: str = "solid") -> Paint:
    """Paint the edge of an area without a filling. `dash`: solid, dash, dot."""
    properties = {"color": "255,255,255,0", "style": "no", "outline_color": _rgba(colour), "outline_style": dash}
    return Paint("SimpleFill", {**properties, "outline_width": f"{width:g}", "outline_width_unit": "MM", "joinstyle": "miter"})


def hatch(colour: str, angle: int, distance: float = 1.2, width: float = 0.25) -> Paint:
    """Paint parallel lines over an area, `distance` mm apart: they stay apart in grey print."""
    properties = {
        "angle": str(angle),
        "distance": f"{distance:g}",
        "distance_unit": "MM",
        "color": _rgba(colour),
        "line_width": f"{width:g}",
    }
    return Paint("LinePatternFill", properties, hatch=line(colour, width))


def line(colour: str, width: float, dash: str = "solid") -> Paint:
    """Paint a line. `dash`: solid, dash, dot."""
    properties = {"line_color": _rgba(colour), "line_style": dash, "line_width": f"{width:g}", "line_width_unit": "MM"}
    return Paint("SimpleLine", {**properties, "capstyle": "round", "joinstyle": "round"})


def marker(shape: str, colour: str, size: float) -> Paint:
    """Paint a sign at a point, `size` in mm. `shape` is one of QGIS's: circle, square, triangle, diamond, star, pentagon …."""
    properties = {
        "name": shape,
        "color": _rgba(colour),
        "outline_color": "255,255,255,255",
        "outline_style": "solid",
        "outline_width": "0.3",
    }
    return Paint("SimpleMarker", {**properties, "size": f"{size:g}", "size_unit": "MM", "angle": "0"})


def _rgba(colour: str, opacity: float = 1.0) -> str:
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return f"{red},{green},{blue},{round(opacity * 255)}"
