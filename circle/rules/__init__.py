"""Rules as data, and the one place that reads them: services, walkability, walkers, uses, zones, numbers, findings.

Takes: OSM tags (untrusted text).   Gives: what they mean, by the TOML files beside this module.
Never: reads map files, measures distances, or imports the geo stack: `circle --help` answers at once.
"""

from __future__ import annotations

from circle.rules.barriers import (
    Gate,
    barrier_keys,
    barrier_kind,
    barrier_kinds,
    enclosing_kinds,
    gate,
    lets_visitors_in,
    open_building,
    open_building_keys,
)
from circle.rules.loading import Label
from circle.rules.matching import Service, match_services, service_anchors, service_base_keys, service_keys, services, stop_position
from circle.rules.places import (
    BuildingUse,
    FindingText,
    area_use,
    area_use_keys,
    background_keys,
    background_kind,
    building_use,
    building_use_keys,
    door,
    findings,
    settings,
    zone_layer,
    zone_layer_keys,
    zone_layers,
)
from circle.rules.sentences import LANGUAGES, sentence, sentences, word
from circle.rules.walking import ACCESS, Passage, Walker, walk_base_keys, walk_keys, walkability, walkers, way_classes

__all__ = [
    "ACCESS",
    "LANGUAGES",
    "BuildingUse",
    "FindingText",
    "Gate",
    "Label",
    "Passage",
    "Service",
    "Walker",
    "area_use",
    "area_use_keys",
    "background_keys",
    "background_kind",
    "barrier_keys",
    "barrier_kind",
    "barrier_kinds",
    "building_use",
    "building_use_keys",
    "door",
    "enclosing_kinds",
    "findings",
    "gate",
    "lets_visitors_in",
    "match_services",
    "open_building",
    "open_building_keys",
    "sentence",
    "sentences",
    "service_anchors",
    "service_base_keys",
    "service_keys",
    "services",
    "settings",
    "stop_position",
    "walk_base_keys",
    "walk_keys",
    "walkability",
    "walkers",
    "way_classes",
    "word",
    "zone_layer",
    "zone_layer_keys",
    "zone_layers",
]
