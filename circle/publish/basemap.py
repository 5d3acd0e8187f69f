"""An online map under the page: which there are, and what a page may then ask for.

Takes: a name of `basemaps.toml`, the user's key.   Gives: `Basemap`.
Never: is on by itself. A page is made without one unless it is asked for, and even then asks for nothing until its reader turns it on.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import asdict, dataclass
from functools import cache
from importlib import resources
from typing import Any

from circle.errors import RuleError

_KEY = re.compile(r"[0-9A-Za-z]{1,64}")


@dataclass(frozen=True, slots=True)
class Basemap:
    """An online map: `name`, the only `host` that a page asks, `layers` (addresses of pictures), `credit`, `system`, `max_zoom`."""

    name: str
    host: str
    layers: tuple[str, ...]
    credit: str
    system: str
    max_zoom: int

    @property
    def shifted(self) -> bool:
        """Whether its pictures are drawn in GCJ-02."""
        return self.system == "GCJ-02"

    def as_dict(self) -> dict[str, Any]:
        """What a page says of it."""
        return asdict(self)


@cache
def known() -> dict[str, dict[str, Any]]:
    """All online maps by name, as `basemaps.toml` has them."""
    return tomllib.loads((resources.files("circle.publish") / "basemaps.toml").read_text(encoding="utf-8"))


def basemap(name: str, key: str = "") -> Basemap:
    """One of the online maps, with the user's key where it needs one.

    Raises
    ------
    RuleError
        There is no such map, it lacks its key, or the key holds something else than letters and digits.

    >>> basemap("osm").host
    'https://tile.openstreetmap.org'
    """
    if name not in known():
        raise RuleError(f"--basemap {name}: there is no such online map. Choose one of: {', '.join(known())}.")
    one = known()[name]
    if one["key"] and not key:
        raise RuleError(f"--basemap {name} needs a key of your own. Get one from its provider and give it with --basemap-key.")
    if key and not one["key"]:
        raise RuleError(f"--basemap {name} takes no key. Leave --basemap-key out.")
    if key and not _KEY.fullmatch(key):
        raise RuleError("--basemap-key: a key holds letters and digits only. Copy it again.")
    layers = tuple(str(layer).replace("{key}", key) for layer in one["layers"])
    return Basemap(name, one["host"], layers, one["credit"], one["system"], int(one["max_zoom"]))
