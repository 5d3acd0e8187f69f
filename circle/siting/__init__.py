"""Siting: where a station, or an opened gate, mends most, with proof.

Takes: a saved run; candidates and passages.   Gives: plans.
Never: measures another walk than `access` does.

    ground = siting.Ground.open("out/kuangshan")
    spots = siting.tied(ground, siting.along(ground))
    plan = siting.make(ground, siting.Who(("service_centre", "clinic")), siting.Means(k=1), (spots, siting.no_passages()))
    plan.stations, plan.proof["proven"], plan.save("out/kuangshan/plan")
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
