"""Tags of an OSM object, asked for as sparingly as may be.

Takes: the tags of an object that libosmium has just read.   Gives: those that are wanted, as plain text.
Never: decides what a tag means.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

BuildingTags = tuple[str, str | None, str | None, str | None, dict[str, str] | None]

# Keys are asked for in this order until all tags of an object are accounted for; the commonest first, also those that mean nothing here.
BUILDING_KEYS = (
    *("building", "addr:housenumber", "addr:street", "building:levels", "addr:city", "addr:postcode", "addr:country"),
    *("name", "source", "type", "roof:shape", "roof:levels", "height"),
)
STREET_KEYS = (
    *("highway", "name", "surface", "oneway", "lanes", "maxspeed", "footway", "lit", "foot", "access", "service", "bicycle", "sidewalk"),
    *("width", "crossing", "ref", "source"),
)


def getter(tags: Any) -> Callable[[str, None], str | None]:
    """Libosmium's own look-up of a tag where this release of pyosmium shows it, without the wrapper that costs more than the look-up."""
    raw = getattr(tags, "_pyosmium_data", None)
    found: Callable[[str, None], str | None] = getattr(raw, "tags_get_value_by_key", tags.get)
    return found


def asked(tags: Any, keys: tuple[str, ...]) -> tuple[dict[str, str], bool]:
    """Tags among `keys`, and whether these are all: asking stops as soon as every tag is accounted for."""
    get = getter(tags)
    left = len(tags)
    found = {}
    for key in keys:
        value = get(key, None)
        if value is not None:
            found[key] = value
            left -= 1
            if not left:
                return found, True
    return found, False


def building_tags(tags: Any) -> BuildingTags:
    """What a building says: the four that nearly all rows need, and everything only where there is more than an address."""
    found, complete = asked(tags, BUILDING_KEYS)
    plain = complete and "name" not in found
    return found["building"], found.get("name"), found.get("addr:housenumber"), found.get("building:levels"), None if plain else dict(tags)
