"""The compounds (小区): blocks of slabs with walls, gates, lanes, doors and sheds, and the new towers of 紫薇花园.

A compound fills one block of the street grid. Three rows of slabs stand along two lanes; a spine through a gap between slabs leads to a
gate. COMPOUNDS says what is where; the pens below it draw.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from sheet import Sheet, Tags
from streets import COLUMNS, ROWS

VERGE, WIDE_VERGE = 8.0, 12.0
"""Metres from the middle of a street to the wall; more along 铁山大道."""
DEPTH, GAP, MARGIN = 10.0, 5.0, 4.0
"""Metres: depth of a slab, gap between slabs of a row, slab to side wall."""

OPEN: Tags = {"barrier": "gate"}
LOCKED: Tags = {"barrier": "gate", "locked": "yes", "access": "no"}
RESIDENTS: Tags = {"barrier": "lift_gate", "access": "private"}
LANE: Tags = {"highway": "service"}
PRIVATE_LANE: Tags = {"highway": "service", "access": "private"}
PATH: Tags = {"highway": "footway"}


@dataclass(frozen=True)
class Compound:
    """One block. `gates`: (side, place, tags): N and S gates stand at gap `place` of the slabs, E and W gates at lane 0 (south) or 1."""

    name: str
    block: tuple[int, int]
    street: str
    numbers: int
    slabs: int = 3
    walled: bool = True
    gates: tuple[tuple[str, int, Tags], ...] = ()
    lane: Tags = field(default_factory=lambda: LANE)
    use: str = "apartments"
    levels: tuple[int, ...] = (5, 6, 6, 7)
    left_out: tuple[tuple[int, int, str], ...] = ()
    shops: tuple[tuple[int, int, Tags], ...] = ()
    doorsteps: bool = False
    """Whether paths run from the lanes to each door."""


def shop(name: str, kind: str = "convenience", **more: str) -> Tags:
    """Give the tags of a shop; an empty name stays unmapped, as so often."""
    return {"shop": kind, **({"name": name} if name else {}), **more}


COMPOUNDS = (
    Compound("矿一小区", (0, 0), "矿一路", 1, slabs=4, gates=(("N", 0, OPEN), ("S", 2, LOCKED)), shops=((1, 1, shop("矿一小卖部")),)),
    Compound("矿工新村", (0, 1), "矿二路", 1, slabs=4, gates=(("N", 0, OPEN), ("E", 0, OPEN)), levels=(4, 5, 5), use="residential",
             shops=((1, 0, shop("阿芳小卖部", "supermarket")),), doorsteps=True),
    Compound("冶炼小区", (0, 2), "矿三路", 1, slabs=4, gates=(("S", 1, OPEN), ("N", 0, OPEN)),
             left_out=((0, 0, "garages"), (1, 3, "parking")),
             shops=((1, 1, shop("")), (0, 2, shop("冶炼果蔬", "greengrocer")))),
    Compound("矿三小区", (0, 3), "矿三路", 2, slabs=4, gates=(("S", 1, RESIDENTS), ("S", 2, RESIDENTS)), lane=PRIVATE_LANE,
             left_out=((2, 0, "garden"),),
             shops=((1, 1, shop("矿三小卖部")),)),
    Compound("", (1, 0), "铁山大道", 36, slabs=4, walled=False, gates=(("N", 1, {}), ("S", 0, {}), ("S", 2, {})),
             left_out=((1, 2, "garages"), (1, 0, "parking")), levels=(5, 7, 7),
             shops=((0, 0, shop("老矿便利店")), (2, 1, shop("好邻居便利店")))),
    Compound("", (1, 2), "矿二路", 15, walled=False, gates=(("S", 0, {}), ("N", 1, {}), ("E", 1, {})),
             left_out=((2, 1, "empty"), (1, 0, "empty"), (0, 2, "garages")),
             use="yes", shops=((1, 1, shop("百家烟酒便利")),)),
    Compound("东风小区", (2, 0), "东风街", 1, slabs=4, gates=(("W", 1, OPEN), ("E", 0, RESIDENTS), ("N", 1, OPEN)), levels=(6, 7, 7),
             shops=((1, 1, shop("东风小卖部")),),
             doorsteps=True),
    Compound("矿二小区", (2, 1), "矿二路", 1, slabs=4, gates=(("W", 0, OPEN), ("W", 1, OPEN), ("N", 1, OPEN)),
             left_out=((0, 3, "garages"),),
             shops=((1, 1, shop("邻家便利店")),)),
    Compound("建设小区", (2, 3), "矿三路", 1, slabs=4, gates=(("S", 1, OPEN),), lane=PRIVATE_LANE,
             left_out=((2, 3, "garden"), (0, 3, "parking")), levels=(4, 5, 6),
             shops=((1, 0, shop("建设小卖部", "kiosk")),)),
)  # fmt: skip


def inside(block: tuple[int, int]) -> tuple[float, float, float, float]:
    """Give the west, south, east and north wall of a block."""
    column, row = block
    return COLUMNS[column] + VERGE, ROWS[row] + (VERGE if row else WIDE_VERGE), COLUMNS[column + 1] - VERGE, ROWS[row + 1] - VERGE


def wall(sheet: Sheet, block: tuple[float, float, float, float], tags: Tags) -> None:
    """Draw a wall right round, and the residential area that it holds."""
    west, south, east, north = block
    corners = [(west, south), (east, south), (east, north), (west, north)]
    sheet.line("wall", [*corners, corners[0]], {"barrier": "wall"})
    sheet.area(corners, tags)


def draw(sheet: Sheet) -> None:
    """Draw the old compounds and the new one."""
    for compound in COMPOUNDS:
        Pen(sheet, compound).draw()
    ziwei(sheet)


class Pen:
    """Draws one compound."""

    def __init__(self, sheet: Sheet, compound: Compound) -> None:
        self.sheet, self.it = sheet, compound
        self.west, self.south, self.east, self.north = inside(compound.block)
        self.length = (self.east - self.west - 2 * MARGIN - (compound.slabs - 1) * GAP) / compound.slabs
        middle, offset = (self.south + self.north) / 2, (self.north - self.south) / 2 - DEPTH
        self.rows = (middle - offset, middle, middle + offset)
        self.lanes = (middle - offset / 2, middle + offset / 2)
        self.random = random.Random(f"{compound.block} {compound.street}")
        self.number = compound.numbers

    def slab_x(self, place: int) -> float:
        """Give the middle of a slab."""
        return self.west + MARGIN + self.length / 2 + place * (self.length + GAP)

    def gap_x(self, place: int) -> float:
        """Give the middle of the gap right of a slab."""
        return self.slab_x(place) + (self.length + GAP) / 2

    def draw(self) -> None:
        """Draw walls, lanes and gates, then what stands between them."""
        it = self.it
        box = (self.west, self.south, self.east, self.north)
        if it.walled:
            wall(self.sheet, box, {"landuse": "residential", "name": it.name, "residential": "apartments"})
        else:
            self.sheet.area([box[:2], (self.east, self.south), box[2:], (self.west, self.north)], {"landuse": "residential"})
        self.draw_lanes()
        gone = {(row, place): what for row, place, what in it.left_out}
        for row in range(3):
            for place in range(it.slabs):
                if (row, place) in gone:
                    self.fill(row, place, gone[row, place])
                else:
                    self.slab(row, place)
        self.sheds()

    def draw_lanes(self) -> None:
        """Draw two lanes, the spines with their gates, and the side gates."""
        it = self.it
        column, row = it.block
        ends = {0: [self.west + 6, self.east - 6], 1: [self.west + 6, self.east - 6]}
        spines: dict[int, list[float]] = {}
        for side, place, tags in it.gates:
            if side in "NS":
                spine = spines.setdefault(place, list(self.lanes))
                spine[side == "N"] = ROWS[row + 1] if side == "N" else ROWS[row]
                spot = (self.gap_x(place), self.north if side == "N" else self.south)
            else:
                ends[place][side == "E"] = COLUMNS[column + 1] if side == "E" else COLUMNS[column]
                spot = (self.east if side == "E" else self.west, self.lanes[place])
            if it.walled:
                self.sheet.mark(*spot, tags)
        for place, (south, north) in spines.items():
            self.sheet.line("walk", [(self.gap_x(place), south), (self.gap_x(place), north)], it.lane)
        for place, (west, east) in ends.items():
            self.sheet.line("walk", [(west, self.lanes[place]), (east, self.lanes[place])], it.lane)
        self.ends = ends

    def slab(self, row: int, place: int) -> None:
        """Draw one slab with its staircase doors towards the lane, and the shop in its ground floor if it has one."""
        it, rng = self.it, self.random
        x, y = self.slab_x(place), self.rows[row]
        side, lane = ("S", self.lanes[1]) if row == 2 else ("N", self.lanes[row])
        length = self.length - rng.choice((0.0, 0.0, 1.5, 3.0))
        quarter = round(length / 4, 1)
        doors = [] if rng.random() < 0.12 else [(side, -quarter, "staircase"), (side, quarter, "staircase")]
        tags = {"building": it.use}
        if it.use != "yes":
            tags["building:levels"] = str(rng.choice(it.levels))
        if it.walled:
            tags |= {"name": f"{it.name}{self.number}栋", "addr:housenumber": f"{self.number}栋"}
            self.number += 1
        else:
            tags |= {"addr:street": it.street, "addr:housenumber": f"{self.number}号"}
            tags |= {"name": f"{it.street}{self.number}号"} if rng.random() < 0.7 else {}
            self.number += 2
        for at in self.sheet.building(x, y, (length, DEPTH), tags, doors):
            if it.doorsteps:
                self.sheet.line("walk", [at, (at[0], lane)], PATH)
        for shop_row, shop_place, shop_tags in it.shops:
            if (shop_row, shop_place) == (row, place):
                self.sheet.poi(x, y + (DEPTH / 2 - 1.2) * (1 if side == "N" else -1), shop_tags)

    def fill(self, row: int, place: int, what: str) -> None:
        """Draw what stands where a slab was left out."""
        x, y, half = self.slab_x(place), self.rows[row], self.length / 2
        corners = [(x - half, y - 5), (x + half, y - 5), (x + half, y + 5), (x - half, y + 5)]
        if what == "parking":
            self.sheet.area(
                corners, {"amenity": "parking", "parking": "surface", "access": "private" if self.it.lane is PRIVATE_LANE else "yes"}
            )
        elif what == "garden":
            self.sheet.area(corners, {"landuse": "grass"})
        elif what == "garages":
            for side in (-1, 1):
                self.sheet.building(x, y + side * 2.9, (2 * half - 4, 3.4), {"building": "garages" if side > 0 else "garage"})

    def sheds(self) -> None:
        """Draw bicycle sheds and boxes at the blind ends of the lanes."""
        for place, lane in enumerate(self.lanes):
            for end, x, edge in ((0, self.west + 3, self.west + 6), (1, self.east - 3, self.east - 6)):
                if self.ends[place][end] == edge and self.random.random() < 0.9:
                    self.sheet.building(x, lane, (2.4, 7.5), {"building": self.random.choice(("shed", "garage", "roof", "shed"))})


ZIWEI = (212.0, -30.0, 354.0, 140.0)
ZIWEI_LANES = (9.0, 51.0, 93.0)
ZIWEI_ROWS = ((-12.0, "N", 9.0), (30.0, "N", 51.0), (72.0, "N", 93.0), (114.0, "S", 93.0))
ZIWEI_COLUMNS = (230.0, 265.0, 300.0, 335.0)
ZIWEI_CLUB = (1, 2)
ZIWEI_SHOPS = {
    (3, 0): shop("全家", "supermarket", brand="全家"),
    (0, 0): shop(""),
    (2, 1): shop("紫薇便利店"),
    (0, 2): shop("业主小卖部"),
    (2, 3): shop("紫薇北便利店"),
}


def ziwei(sheet: Sheet) -> None:
    """Draw 紫薇花园: towers behind a wall whose gates look away from the community."""
    wall(sheet, ZIWEI, {"landuse": "residential", "name": "紫薇花园", "residential": "apartments", "start_date": "2021"})
    west, _south, east, _north = ZIWEI
    road, street = {"highway": "service", "access": "private"}, COLUMNS[3] + 193
    for lane in ZIWEI_LANES:
        gated = lane != ZIWEI_LANES[1]
        sheet.line("walk", [(west + 4.5, lane), (street if gated else east - 8, lane)], road)
    sheet.line("walk", [(282.5, ZIWEI_LANES[0]), (282.5, ZIWEI_LANES[2])], road)
    sheet.line("walk", [(west + 4.5, ZIWEI_LANES[0]), (west + 4.5, ZIWEI_LANES[2])], PATH)
    sheet.mark(east, ZIWEI_LANES[0], {**RESIDENTS, "name": "紫薇花园东门"})
    sheet.mark(east, ZIWEI_LANES[2], {**RESIDENTS, "name": "紫薇花园东北门"})
    rng, number = random.Random("紫薇花园"), 0
    for row, (y, side, lane) in enumerate(ZIWEI_ROWS):
        for column, x in enumerate(ZIWEI_COLUMNS):
            if (column, row) == ZIWEI_CLUB:
                sheet.building(x, y + 3, (18, 12), {"building": "retail", "name": "紫薇会所"})
                sheet.poi(x + 4, y + 7.5, shop("紫薇生鲜超市", "supermarket"))
                sheet.area(
                    [(x - 12, y - 14), (x + 12, y - 14), (x + 12, y - 5), (x - 12, y - 5)], {"leisure": "garden", "access": "private"}
                )
                continue
            number += 1
            tags = {"building": "apartments", "building:levels": str(rng.choice((18, 20, 22, 24, 26))), "name": f"紫薇花园{number}栋",
                    "addr:housenumber": f"{number}栋"}  # fmt: skip
            for at in sheet.building(x, y, (rng.choice((20.0, 21.0, 22.0)), 15.0), tags, [(side, 0.0, "main")]):
                sheet.line("walk", [at, (at[0], lane)], PATH)
            if (column, row) in ZIWEI_SHOPS:
                sheet.poi(x - 7, y + 6 * (1 if side == "N" else -1), ZIWEI_SHOPS[column, row])
    sheet.building(350, 14.5, (4, 4), {"building": "service", "name": "紫薇花园门卫室"})
    sheet.building(350, 87.5, (4, 4), {"building": "service"})
