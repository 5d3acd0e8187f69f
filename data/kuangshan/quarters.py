"""What is not a compound: the public block, school, courtyard house, hill, shop rows, dormitories, and the houses behind the railway."""

from __future__ import annotations

import random

from compounds import LANE, OPEN, PATH, RESIDENTS, inside, shop, wall
from sheet import Sheet, Tags

CLINIC = "矿山路社区卫生服务站"
NUMBERS = random.Random("quarters")


def draw(sheet: Sheet) -> None:
    """Draw all quarters."""
    public_block(sheet)
    clinic_and_children(sheet)
    school(sheet)
    courtyard(sheet)
    hill(sheet)
    shop_rows(sheet)
    works(sheet)
    behind_the_railway(sheet)


def public_block(sheet: Sheet) -> None:
    """Draw market, service centre, canteen, day care and the square: the block between 矿一路 and 矿二路."""
    sheet.line("walk", [(-2, -82), (-2, 0)], PATH)
    sheet.line("walk", [(-60, -38), (52, -38)], PATH)
    sheet.area(
        [(-50, -72), (-8, -72), (-8, -42), (-50, -42)], {"amenity": "marketplace", "name": "矿山路菜市场", "opening_hours": "05:30-19:00"}
    )
    sheet.building(-29, -57, (38, 22), {"building": "roof", "layer": "1"})
    centre = {"building": "civic", "amenity": "community_centre", "name": "矿山路社区党群服务中心", "building:levels": "3"}
    north, south = sheet.building(14, -20, (28, 15), centre, [("N", 0.0, "main"), ("S", 0.0, "yes")])[::-1]
    sheet.line("walk", [north, (north[0], 0)], PATH)
    sheet.line("walk", [south, (south[0], -38)], PATH)
    care = {"building": "public", "amenity": "social_facility", "social_facility": "day_care", "social_facility:for": "senior",
            "name": "居家养老服务中心", "building:levels": "2"}  # fmt: skip
    (door,) = sheet.building(32, -51, (20, 12), care, [("N", 0.0, "main")])
    sheet.line("walk", [door, (door[0], -38)], PATH)
    sheet.building(9, -51, (15, 12), {"building": "retail", "building:levels": "1"}, [("N", 0.0, "yes")])
    sheet.poi(9, -46.5, {"amenity": "restaurant", "name": "爱心食堂", "cuisine": "chinese", "opening_hours": "06:30-18:30"})
    sheet.area([(-54, -78), (46, -78), (46, -4), (-54, -4)], {"landuse": "commercial", "note": "drawn for tests: not a real place"})
    for x, y, length, number in ((22, -67, 40.0, 6), (-30, -14, 42.0, 8)):
        tags = {
            "building": "apartments",
            "building:levels": "5",
            "addr:street": "矿二路",
            "addr:housenumber": f"{number}号",
            "name": f"矿二路{number}号",
        }
        sheet.building(x, y, (length, 9.0), tags, [("N", -10.0, "staircase"), ("N", 10.0, "staircase")])
    sheet.poi(-22, -10.6, shop("矿山路便利店"))
    sheet.line(
        "walk", [(-26, -38), (-2, -38), (-2, -23), (-26, -23), (-26, -38)], {"highway": "pedestrian", "area": "yes", "name": "矿山广场"}
    )
    sheet.poi(-14, -30, {"amenity": "shelter", "shelter_type": "gazebo", "name": "红色议事亭"})
    sheet.building(-44, -28, (6, 5), {"building": "toilets", "amenity": "toilets"})


def clinic_and_children(sheet: Sheet) -> None:
    """Draw the clinic, mapped twice as happens (area and point), and the children's space, in the open block north of 矿二路."""
    clinic = {"building": "yes", "amenity": "hospital", "name": CLINIC, "building:levels": "2"}
    (door,) = sheet.building(-4, 62, (24, 13), clinic, [("N", 0.0, "main")])
    sheet.line("walk", [door, (door[0], 80)], PATH)
    sheet.poi(-2, 64, {"amenity": "clinic", "healthcare": "clinic", "name": CLINIC})
    child = {"building": "public", "amenity": "childcare", "name": "儿童智趣空间站"}
    sheet.building(-37, 40, (20, 10), child, [("N", 0.0, "main")])


def school(sheet: Sheet) -> None:
    """Draw 矿山路小学, walled, one gate."""
    west, south, east, north = inside((2, 2))
    corners = [(west, south), (east, south), (east, north), (west, north)]
    sheet.line("wall", [*corners, corners[0]], {"barrier": "wall"})
    sheet.area(corners, {"amenity": "school", "name": "矿山路小学"})
    sheet.line("walk", [(52, 44), (130, 44)], {"highway": "service", "access": "private"})
    sheet.mark(west, 44, {"barrier": "gate", "access": "private"})
    sheet.building(112, 60, (72, 13), {"building": "school", "building:levels": "5", "name": "教学楼"}, [("S", 0.0, "main")])
    sheet.building(78, 24, (24, 16), {"building": "school", "building:levels": "2", "name": "学生食堂"}, [("N", 0.0, "yes")])
    sheet.building(152, 44, (14, 16), {"building": "school", "name": "风雨操场"})
    sheet.building(64, 51, (4, 4), {"building": "service"})
    sheet.area([(100, 14), (158, 14), (158, 34), (100, 34)], {"leisure": "pitch", "sport": "athletics"})


def courtyard(sheet: Sheet) -> None:
    """Draw 幸福里: a house round a courtyard and three slabs, with a gate south and a residents' gate north."""
    box = inside((1, 3))
    wall(sheet, box, {"landuse": "residential", "name": "幸福里"})
    sheet.line("walk", [(-4, 80), (-4, 158)], LANE)
    sheet.mark(-4, box[1], OPEN)
    sheet.mark(-4, box[3], RESIDENTS)
    sheet.line("walk", [(-4, 94), (-46, 94)], PATH)
    tags = {"building": "residential", "building:levels": "4", "name": "幸福里回字楼", "addr:housenumber": "1栋"}
    sheet.ring_building(-29, 119, (38, 40), (20, 22), tags)
    for number, (y, side, lane) in enumerate(((98.0, "N", 108.5), (119.0, "N", 129.5), (140.0, "S", 129.5)), start=2):
        tags = {"building": "apartments", "building:levels": "6", "name": f"幸福里{number}栋", "addr:housenumber": f"{number}栋"}
        sheet.building(21, y, (38, 10), tags, [(side, -10.0, "staircase"), (side, 10.0, "staircase")])
        if number < 4:
            sheet.line("walk", [(-4, lane), (40, lane)], PATH)
    sheet.poi(6, 101.8, shop("幸福小卖部"))


def hill(sheet: Sheet) -> None:
    """Draw 半山新村: small houses on two terraces, and the park above."""
    sheet.area([(-174, 188), (-2, 188), (-2, 246), (-174, 246)], {"landuse": "residential", "name": "半山新村"})
    number = 1
    for y, xs in ((204.5, (-162, -145, -128, -93, -76, -44, -14)), (235.5, (-162, -128, -93, -76, -44))):
        for x in xs:
            tags = {
                "building": NUMBERS.choice(("yes", "house", "residential")),
                "addr:street": "半山新村",
                "addr:housenumber": f"{number}号",
            }
            sheet.building(x + NUMBERS.uniform(-1.5, 1.5), y, (10 + NUMBERS.uniform(0, 2), 8), tags)
            number += 1
    sheet.poi(-128, 201.8, shop("半山小卖部"))
    for x in (-44, -150):
        sheet.building(x, 216, (5, 4), {"building": "shed"})
    parking = {
        "building": "parking",
        "amenity": "parking",
        "parking": "multi-storey",
        "fee": "no",
        "capacity": "180",
        "name": "九龙洞立体免费停车场",
    }
    sheet.building(14, 178, (34, 18), parking, [("S", 0.0, "yes")])
    sheet.building(118, 252, (6, 6), {"building": "roof", "amenity": "shelter", "shelter_type": "gazebo", "name": "望矿亭"})
    sheet.poi(84, 286, {"natural": "cave_entrance", "name": "九龙洞"})
    sheet.building(98, 178, (7, 5), {"building": "toilets", "amenity": "toilets"})
    sheet.poi(116, 166, shop("", "kiosk"))


ROW_SHOPS: dict[tuple[str, int], Tags] = {
    ("铁山大道", 2): shop("大道便利店"),
    ("铁山大道", 5): shop("老王五金", "hardware"),
    ("铁山大道", 9): shop("铁花烟酒便利"),
    ("铁山大道", 12): {"amenity": "restaurant", "name": "矿工饭店"},
    ("铁山大道", 15): {"amenity": "bank", "name": "矿山储蓄所"},
    ("冶矿街", 1): shop("冶矿便利店"),
    ("冶矿街", 4): shop("西街果蔬", "greengrocer"),
    ("九龙洞路", 1): shop("九龙便利店"),
    ("九龙洞路", 4): shop("山脚果蔬", "greengrocer"),
    ("九龙洞路", 3): {"amenity": "fast_food", "name": "山脚早点"},
    ("紫薇路", 1): {"amenity": "pharmacy", "name": "紫薇药房"},
    ("紫薇路", 3): {"shop": "estate_agent", "name": "紫薇置业"},
    ("矿一路东", 1): shop("桥头便利店"),
    ("矿一路东", 3): {"amenity": "fast_food", "name": "桥头热干面"},
}


KIOSKS: tuple[tuple[float, float, Tags], ...] = (
    (166.4, -140, {}),
    (166.4, -20, shop("街角小卖部", "kiosk")),
    (-66.2, -64, {}),
    (58.2, -132, shop("", "kiosk", kiosk="newspaper")),
    (58.2, -104, shop("东风菜店", "greengrocer")),
    (-174.2, 52, shop("冶矿街小卖部", "kiosk")),
    (58.2, 104, shop("鲜果角", "greengrocer")),
    (-66.2, 60, shop("工人街报刊亭", "newsagent")),
    (166.4, 112, {}),
    (-84, 86.2, shop("矿三菜店", "greengrocer")),
    (-126, -76.2, shop("矿一菜店", "greengrocer")),
)


def shop_rows(sheet: Sheet) -> None:
    """Draw small shop houses along the streets; most sell what no standard asks for."""

    def row(name: str, spots: list[tuple[float, float]], size: tuple[float, float]) -> None:
        for number, (x, y) in enumerate(spots):
            sheet.building(x, y, size, {"building": "retail", **({"building:levels": "2"} if NUMBERS.random() < 0.5 else {})})
            if (name, number) in ROW_SHOPS:
                sheet.poi(x, y, ROW_SHOPS[name, number])

    row("铁山大道", [(x, -187.0) for x in range(-160, 170, 15) if abs(x - 24) > 10], (11.5, 9))
    row("冶矿街", [(-192.5, y) for y in range(-152, -84, 12)], (8, 10))
    row("九龙洞路", [(x, 168.5) for x in (-96, -83, -70, -57, -44)], (11, 8))
    row("矿一路东", [(x, -69.0) for x in range(216, 340, 22)], (18, 9))
    row("紫薇路", [(379.0, y) for y in (-64, -48, -32, -16)], (10, 13))
    for x, y, goods in KIOSKS:
        along = abs(y - 80) > 8 and abs(y + 82) > 8
        sheet.building(x, y, (2.4, 5) if along else (5, 2.4), {"building": "kiosk"})
        if goods:
            sheet.poi(x, y, goods)
    sheet.poi(-129, 88.6, {"amenity": "post_office", "name": "菜鸟驿站"})


def works(sheet: Sheet) -> None:
    """Draw, west of 冶矿街, dormitories and the old mine office; along the railway: sheds of the works."""
    sheet.area([(-218, -76), (-186, -76), (-186, -8), (-218, -8)], {"landuse": "residential", "name": "单身宿舍"})
    for number, y in enumerate((-58, -24), start=1):
        tags = {"building": "dormitory", "building:levels": "4", "name": f"单身宿舍{number}号楼"}
        sheet.building(-202, y, (12, 27), tags, [("E", 0.0, "main")])
    sheet.area([(-224, 18), (-186, 18), (-186, 150), (-224, 150)], {"landuse": "residential", "name": "矿务局家属院"})
    for number, y in enumerate((36, 72, 108), start=1):
        tags = {"building": "apartments", "building:levels": "5", "name": f"家属院{number}栋", "addr:street": "冶矿街"}
        sheet.building(-203, y, (11, 29), tags, [("E", -7.0, "staircase"), ("E", 7.0, "staircase")])
    sheet.building(-204, 138, (16, 18), {"building": "office", "building:levels": "4", "name": "矿务局旧办公楼"})
    for x, y, w, d in ((-120, -210, 44, 16), (-66, -209, 40, 16), (-18, -209, 36, 14), (66, -208, 40, 15), (118, -207, 38, 14)):
        sheet.building(x, y, (w, d), {"building": "warehouse"})
    for x, y, w, d in ((-300, -90, 60, 30), (-300, -50, 56, 24), (-380, -60, 70, 40), (-380, -112, 40, 20), (-460, -60, 60, 60)):
        sheet.building(x, y, (w, d), {"building": "industrial"})
    for x in range(-146, -30, 7):
        sheet.building(x, -221.5, (6, 3.6), {"building": "garage"})
    sheet.building(248, -190, (26, 14), {"building": "roof", "amenity": "fuel", "name": "铁山大道加油站"})
    sheet.building(270, -190, (10, 8), {"building": "retail"})
    sheet.area([(120, -200), (164, -200), (164, -194), (120, -194)], {"amenity": "parking", "parking": "surface"})


def behind_the_railway(sheet: Sheet) -> None:
    """Draw 铁南村: a lane of houses that the railway cuts off from everything but its own shop."""
    sheet.area([(-60, -310), (108, -310), (108, -264), (-60, -264)], {"landuse": "residential", "name": "铁南村"})
    number = 1
    for y, xs in ((-273.0, (-30, -12, 6, 44, 62, 80)), (-291.5, (6, 24, 42))):
        for x in xs:
            tags = {"building": NUMBERS.choice(("yes", "yes", "house")), "addr:street": "铁南巷", "addr:housenumber": f"{number}号"}
            sheet.building(x, y, (10 + NUMBERS.uniform(0, 3), 8), tags)
            number += 1
    sheet.poi(6, -276, shop("铁南小卖部"))
    for x in (-52, -36, 90):
        sheet.building(x, -303, (5, 4), {"building": NUMBERS.choice(("shed", "hut"))})
