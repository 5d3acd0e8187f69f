"""Barriers, gates and visitors: every rule has a case, and every case holds."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from circle import rules
from circle.rules import barriers

CASES = tomllib.loads((Path(rules.__file__).parent / "barriers.cases.toml").read_text(encoding="utf-8"))


def told(case: dict) -> str:
    return case.get("name") or " ".join(f"{key}={value}" for key, value in case["tags"].items())


@pytest.mark.parametrize("case", CASES["barrier"], ids=told)
def test_barriers(case):
    assert (rules.barrier_kind(case["tags"]) or "") == case["kind"]


@pytest.mark.parametrize("case", CASES["open_building"], ids=told)
def test_open_buildings(case):
    assert rules.open_building(case["tags"]) is case["open"]


@pytest.mark.parametrize("case", CASES["gate"], ids=told)
def test_gates(case):
    assert rules.gate(case["tags"]) == rules.Gate(case["kind"], case["passage"], case["decided_by"])


@pytest.mark.parametrize("case", CASES["visitors"], ids=told)
def test_visitors(case):
    assert rules.lets_visitors_in(case["service"], case["tags"]) is case["let_in"]


def test_every_rule_has_a_case():
    known = barriers._barriers()
    for found, cases in ((known.barriers, CASES["barrier"]), (known.gates, CASES["gate"])):
        proven = {id(next((rule for rule in found if rule.when.holds(case["tags"])), None)) for case in cases}
        assert [rule.when for rule in found if id(rule) not in proven] == []
    for condition in known.open_buildings:
        assert any(condition.holds(case["tags"]) for case in CASES["open_building"]), condition


def test_what_is_no_gate_and_no_barrier():
    assert rules.gate({"barrier": "wall"}) is None
    assert rules.gate({"entrance": "main"}) is None
    assert rules.barrier_kind({"barrier": "gate"}) is None
    assert rules.enclosing_kinds() < set(rules.barrier_kinds())
