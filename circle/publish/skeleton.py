"""The page's skeleton, made by Folium: head, map, slots for scripts, styles and packed blocks.

Takes: constants of this package, numbers and base64.   Gives: the HTML of one file.
Never: takes a text that comes from data. Folium and branca compile what they emit a second time as a Jinja template, so a name such as
`{{ … }}` would run as a program on the builder's machine; nothing here is compiled but the templates below.

The page forbids itself everything (`default-src 'none'`) but its own scripts and styles, named by their SHA-256. Whoever serves the file
must not rewrite it.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import branca.element
import folium
from folium.template import Template

from circle.publish.made import Made

MAP_ID = "main"
HOST = re.compile(r"https://[a-z0-9.-]+")
BASE64 = re.compile(r"[A-Za-z0-9+/]*={0,2}")


@dataclass(frozen=True)
class Parts:
    """What the page is put together from: all of it our own, but for `blocks` (base64), `made` (a version and digests) and `hosts`.

    `hosts`: where pictures may come from besides the page itself.
    """

    scripts: tuple[str, ...]
    styles: tuple[str, ...]
    body: str
    blocks: Mapping[str, str]
    made: Made = field(default_factory=Made)
    hosts: tuple[str, ...] = ()


class Raw(branca.element.Element):
    """Text that is emitted as it is: never compiled as a template."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self._name = "Raw"
        self.text = text

    def render(self, **_: Any) -> str:
        """Give the text."""
        return self.text


class CircleMap(folium.Map):
    """Folium's map without its links to the network, its ban on zooming by pinch, and its style of its own."""

    default_js: list[tuple[str, str]] = []  # noqa: RUF012 - Folium declares it so
    default_css: list[tuple[str, str]] = []  # noqa: RUF012

    _template = Template(
        """
        {% macro html(this, kwargs) %}<div class="folium-map" id={{ this.get_name()|tojson }}></div>{% endmacro %}
        {% macro script(this, kwargs) %}
        const {{ this.get_name() }} = L.map({{ this.get_name()|tojson }}, {
            center: {{ this.location|tojson }}, crs: L.CRS.{{ this.crs }}, ...{{ this.options|tojavascript }}
        });
        {% endmacro %}
        """
    )


class CircleFigure(branca.element.Figure):
    """Folium's figure with a language, a policy before any script, landmarks, and scripts inside the body."""

    _template = Template(
        "<!DOCTYPE html>\n"
        '<html lang="zh-CN">\n<head>\n<meta charset="utf-8">\n'
        '<meta http-equiv="Content-Security-Policy" content="{{ this.policy }}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="strict-origin-when-cross-origin">\n'
        "{{ this.parts.made.head() }}"
        "<title>circle · 服务圈</title>\n"
        "{% for style in this.parts.styles %}<style>{{ style }}</style>\n{% endfor %}"
        "</head>\n<body>\n{{ this.parts.body }}\n"
        '<section id="stage" data-label="map">\n{{ this.html.render(**kwargs) }}\n</section>\n'
        "{% for script in this.all_scripts() %}<script>{{ script }}</script>\n{% endfor %}"
        "</body>\n</html>\n"
    )

    def __init__(self, parts: Parts) -> None:
        super().__init__(title=None)
        self.parts = parts

    def all_scripts(self) -> tuple[str, ...]:
        """Leaflet, then Folium's own few lines, then ours."""
        first, *rest = self.parts.scripts
        return (first, self.script.render(), *rest)

    @property
    def policy(self) -> str:
        """What the browser lets this page do."""
        scripts = " ".join(_hash(script) for script in self.all_scripts())
        styles = " ".join(_hash(style) for style in self.parts.styles)
        pictures = " ".join(["data: blob:", *self.parts.hosts])
        return f"default-src 'none'; script-src {scripts}; style-src {styles}; img-src {pictures}; base-uri 'none'; form-action 'none'"


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def inline_script(text: str) -> str:
    """Make a script as it can stand between `<script>` tags: no source map, no closing tag inside, line ends of one kind."""
    text = re.sub(r"^//[#@] sourceMappingURL=.*$", "", text.replace("\r\n", "\n"), flags=re.MULTILINE)
    return re.sub(r"<(/script|!--)", r"<\\\1", text, flags=re.IGNORECASE)


def inline_style(text: str) -> str:
    """Make a style sheet as it can stand between `<style>` tags, without the pictures that would have to be fetched."""
    text = re.sub(r"url\((?!['\"]?data:)[^)]*\)", "none", text.replace("\r\n", "\n"))
    if "</style" in text.lower():
        raise ValueError("a style sheet holds a closing style tag")
    return text


def render(parts: Parts, centre: tuple[float, float]) -> str:
    """Put the whole page together.

    Parameters
    ----------
    parts
        Scripts (Leaflet first), styles, the body's markup, and base64 blocks by id.
    centre
        Latitude and longitude of the middle: numbers.

    Raises
    ------
    ValueError   a block is not base64, or a host is more than a name: what could end the script that it stands in
    """
    for name, block in parts.blocks.items():
        if not (name.isidentifier() and BASE64.fullmatch(block)):
            raise ValueError(f"block {name!r} is not base64")
    if not all(HOST.fullmatch(host) for host in parts.hosts):
        raise ValueError("a host is more than https and a name")
    figure = CircleFigure(parts)
    map_ = CircleMap(
        location=[float(c) for c in centre],
        zoom_start=13,
        tiles=None,
        zoom_control=False,
        fade_animation=False,
        attribution_control=False,
        zoom_snap=1,
        max_zoom=21,
        min_zoom=5,
    )
    map_._id = MAP_ID
    # a map makes a figure of its own as it is born; ours takes it over
    map_._parent = figure
    figure.add_child(map_)
    for name, block in parts.blocks.items():
        slot = Raw(f'<script type="text/plain" id="block-{name}">{block}</script>')
        slot._id = name
        figure.html.add_child(slot)
    return str(figure.render())
