"""The community and its six grids (网格): boundaries that share their edges, along the middle of streets, stream and railway."""

from __future__ import annotations

from itertools import pairwise

from sheet import Point, Sheet

NOTE = "synthetic community for tests and demonstration: not a real place, not a real boundary"

# the posts that edges run between
POSTS: dict[str, Point] = {
    "sw": (-240, -312), "s": (195, -312), "west": (-240, -168), "road": (-60, -168), "bridge": (195, -168), "east": (395, -168),
    "far": (395, 160), "brook": (195, 160), "north": (195, 255), "peak": (-60, 255), "nw": (-240, 255),
    "mine": (-240, 0), "heart": (-60, 0), "ford": (195, 0),
}  # fmt: skip

GRIDS: tuple[tuple[str, str], ...] = (
    ("第一网格", "west road heart mine west"),
    ("第二网格", "mine heart peak nw mine"),
    ("第三网格", "road bridge ford heart road"),
    ("第四网格", "heart ford brook north peak heart"),
    ("第五网格", "bridge east far brook ford bridge"),
    ("第六网格", "sw s bridge road west sw"),
)


def draw(sheet: Sheet) -> None:
    """Draw each edge once, then the relations over them."""
    edges: dict[frozenset[str], list[str]] = {}
    for name, ring in GRIDS:
        for a, b in pairwise(ring.split()):
            edges.setdefault(frozenset((a, b)), []).append(name)
    ways = {}
    for edge, users in edges.items():
        a, b = sorted(edge)
        tags = {"boundary": "administrative", "admin_level": "11" if len(users) == 2 else "10"}
        ways[edge] = sheet.free([POSTS[a], POSTS[b]], tags, shared="boundary")
    for name, ring in GRIDS:
        members = [("w", ways[frozenset(edge)], "outer") for edge in pairwise(ring.split())]
        sheet.relation(members, {"type": "boundary", "boundary": "administrative", "admin_level": "11", "name": name, "note": NOTE})
    outline = [("w", ways[edge], "outer") for edge, users in edges.items() if len(users) == 1]
    sheet.relation(outline, {"type": "boundary", "boundary": "administrative", "admin_level": "10", "name": "矿山路社区", "note": NOTE})
