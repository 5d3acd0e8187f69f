"""Siting: where a station, or an opened gate, mends most, with proof.

Takes: a saved run; candidates and passages.   Gives: plans.
Never: measures another walk than `access` does.

    run = circle.open("out/kuangshan")
    plan = siting.propose(run, ["service_centre", "clinic"], k=1)
    plan.stations, plan.proof["proven"], plan.save("out/kuangshan/plan")

and part by part, with candidates and weights of one's own:

    ground = siting.on(run)
    spots = siting.tied(ground, siting.read("rooms.xlsx", ground, crs="GCJ-02"))
    who = siting.Who(("clinic",), weight="population")
    plan = siting.make(ground, who, siting.Means(budget=500_000), (spots, siting.no_passages()))
"""

from circle.siting.candidates import Candidates, along, in_buildings, rule, tied
from circle.siting.demand import Who
from circle.siting.ground import Ground
from circle.siting.models import MODELS, Means, solve
from circle.siting.passages import find as find_passages
from circle.siting.passages import none as no_passages
from circle.siting.plan import Plan, make
from circle.siting.propose import frontier, offer, on, passages_near, propose
from circle.siting.rooms import read

__all__ = [
    "MODELS",
    "Candidates",
    "Ground",
    "Means",
    "Plan",
    "Who",
    "along",
    "find_passages",
    "frontier",
    "in_buildings",
    "make",
    "no_passages",
    "offer",
    "on",
    "passages_near",
    "propose",
    "read",
    "rule",
    "solve",
    "tied",
]
