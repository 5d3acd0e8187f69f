"""Streets, railway, stream and green of the town: tables in metres on the straight drawing, and the pens that draw them.

The community is a grid of twelve blocks, between COLUMNS (streets that run north) and ROWS (streets that run east).
"""

from __future__ import annotations

from sheet import Point, Sheet, Tags

COLUMNS = (-180.0, -60.0, 52.0, 172.0)
"""冶矿街, 工人街, 矿山路, 东风街."""

ROWS = (-168.0, -82.0, 0.0, 80.0, 158.0)
"""铁山大道, 矿一路, 矿二路, 矿三路, 九龙洞路."""

SECONDARY = {"highway": "secondary", "name": "铁山大道", "sidewalk": "both", "lanes": "4", "maxspeed": "50", "surface": "asphalt"}
FIRST = {"highway": "residential", "name": "矿一路", "surface": "asphalt"}
RAIL = {"railway": "rail", "gauge": "1435", "name": "矿山铁路专用线"}
RIVERSIDE = {"highway": "footway", "name": "河滨步道", "surface": "paving_stones"}

STREETS: tuple[tuple[str, Tags, tuple[Point, ...]], ...] = (
    ("walk", SECONDARY, ((-640, -122), (-400, -158), (-180, -168), (172, -168), (187, -168))),
    ("walk", {**SECONDARY, "bridge": "yes", "layer": "1"}, ((187, -168), (203, -168))),
    ("walk", SECONDARY, ((203, -168), (365, -168), (560, -152), (780, -110))),
    ("walk", FIRST, ((-180, -82), (187, -82))),
    ("walk", {**FIRST, "bridge": "yes", "layer": "1"}, ((187, -82), (203, -82))),
    ("walk", FIRST, ((203, -82), (365, -82))),
    ("walk", {"highway": "residential", "name": "矿二路"}, ((-180, 0), (172, 0))),
    ("walk", {"highway": "residential", "name": "矿三路"}, ((-180, 80), (172, 80))),
    ("walk", {"highway": "residential", "name": "九龙洞路"}, ((-180, 158), (172, 158))),
    ("walk", {"highway": "residential", "name": "冶矿街"}, ((-180, -168), (-180, 158))),
    ("walk", {"highway": "residential", "name": "工人街"}, ((-60, -168), (-60, 80))),
    ("walk", {"highway": "footway", "name": "工人巷", "surface": "concrete"}, ((-60, 80), (-60, 158))),
    ("walk", {"highway": "tertiary", "name": "矿山路", "sidewalk": "both"}, ((52, -168), (52, 158))),
    ("walk", {"highway": "residential", "name": "东风街"}, ((172, -168), (172, 158))),
    ("walk", {"highway": "residential", "name": "紫薇路", "sidewalk": "both"}, ((365, -168), (365, 170), (358, 300), (320, 640))),
    ("walk", {"highway": "unclassified", "name": "道口街"}, ((-180, -168), (-180, -282), (-196, -420), (-170, -680))),
    ("walk", {"highway": "unclassified", "name": "矿区公路", "surface": "concrete"}, ((-180, 0), (-260, 6), (-420, 60), (-640, 90))),
    ("walk", {"highway": "service", "access": "private"}, ((-260, 6), (-264, -69), (-337, -69), (-337, -24), (-422, -24), (-422, -104))),
    # the riverside walk
    ("walk", RIVERSIDE, ((181, -168), (181, -82), (181, 60), (181, 158), (172, 158))),
    # crossings of the wide street
    ("walk", {"highway": "footway", "footway": "crossing"}, ((-52, -176), (-52, -168), (-52, -159))),
    ("walk", {"highway": "footway"}, ((-52, -159), (-60, -156))),
    ("walk", {"highway": "footway", "footway": "crossing"}, ((150, -176), (150, -168), (150, -159))),
    # south of the railway
    ("walk", {"highway": "service", "name": "铁南巷"}, ((-180, -282), (112, -282))),
    ("walk", {"highway": "footway"}, ((-16, -282), (-16, -302), (70, -302), (70, -282))),
    # the footbridge: over the wide street, the sidings and the railway, touching none of them
    ("walk", {"highway": "footway"}, ((14, -168), (14, -161))),
    ("walk", {"highway": "steps", "incline": "up", "step_count": "36", "handrail": "yes"}, ((14, -161), (24, -161))),
    ("over", {"highway": "footway", "bridge": "yes", "layer": "2", "name": "铁南天桥"}, ((24, -161), (24, -258))),
    ("walk", {"highway": "steps", "incline": "down", "step_count": "36", "handrail": "yes"}, ((24, -258), (24, -272))),
    ("walk", {"highway": "footway"}, ((24, -272), (24, -282))),
    ("rail", RAIL, ((-640, -268), (-180, -247), (183, -240))),
    ("rail", {**RAIL, "bridge": "yes", "layer": "1"}, ((183, -240), (203, -240))),
    ("rail", RAIL, ((203, -240), (500, -226), (780, -190))),
    ("rail", {"railway": "rail", "service": "siding", "gauge": "1435"}, ((-140, -246.23), (-110, -239), (120, -234), (150, -240.64))),
    # the hill: a winding lane for wheels, steps for those in a hurry
    ("walk", {"highway": "service", "name": "上山路", "incline": "up"}, ((-180, 158), (-186, 196), (-176, 226), (-20, 226))),
    ("walk", {"highway": "footway", "name": "半山一巷"}, ((-186, 196), (-14, 196))),
    ("walk", {"highway": "footway"}, ((-110, 158), (-110, 172))),
    ("walk", {"highway": "steps", "incline": "up", "step_count": "58", "name": "百步梯"}, ((-110, 172), (-110, 196))),
    ("walk", {"highway": "steps", "incline": "up", "step_count": "64"}, ((-110, 196), (-110, 226))),
    ("walk", {"highway": "footway"}, ((-30, 158), (-30, 170))),
    ("walk", {"highway": "steps", "incline": "up", "step_count": "62"}, ((-30, 170), (-30, 196))),
    ("walk", {"highway": "steps", "incline": "up", "step_count": "60"}, ((-30, 196), (-30, 226))),
    # the park
    ("walk", {"highway": "footway", "name": "九龙洞登山道"}, ((110, 158), (110, 186), (92, 206))),
    ("walk", {"highway": "steps", "incline": "up", "step_count": "120"}, ((92, 206), (118, 244))),
    ("walk", {"highway": "path"}, ((92, 206), (66, 232), (74, 268), (118, 286), (150, 262), (118, 244))),
    ("walk", {"highway": "footway"}, ((110, 186), (140, 192), (166, 214), (150, 262))),
)

WALLS: tuple[tuple[Tags, tuple[Point, ...]], ...] = (
    ({"barrier": "retaining_wall", "height": "3"}, ((-172, 184), (-12, 184))),
    ({"barrier": "fence", "fence_type": "railing"}, ((-160, -229), (8, -226), (19, -226))),
    ({"barrier": "fence", "fence_type": "railing"}, ((29, -226), (120, -223))),
)

MARKS: tuple[tuple[float, float, Tags], ...] = (
    (-180, -247, {"railway": "level_crossing", "crossing:barrier": "full"}),
    (-110, 184, {"barrier": "entrance"}),
    (-30, 184, {"barrier": "entrance"}),
    (-52, -168, {"highway": "crossing", "crossing": "traffic_signals"}),
    (150, -168, {"highway": "crossing", "crossing": "uncontrolled", "crossing:markings": "zebra"}),
    (52, -168, {"highway": "traffic_signals"}),
    (52, 0, {"highway": "crossing", "crossing": "uncontrolled"}),
)

STREAM: tuple[Point, ...] = ((236, 640), (214, 470), (203, 320), (196, 180), (195, 60), (195, -90), (194, -240), (182, -400), (160, -680))

AREAS: tuple[tuple[Tags, tuple[Point, ...]], ...] = (
    ({"leisure": "park", "name": "九龙洞公园"},
     ((44, 174), (168, 174), (186, 200), (184, 300), (120, 330), (60, 306), (40, 240))),
    ({"natural": "water", "water": "pond", "name": "九龙潭"}, ((128, 212), (142, 208), (152, 220), (146, 236), (130, 232))),
    ({"leisure": "playground", "name": "公园儿童乐园"}, ((118, 178), (136, 178), (136, 187), (122, 184))),
    ({"landuse": "grass"}, ((173.5, -160), (179, -160), (179, -90), (173.5, -90))),
    ({"landuse": "grass"}, ((183, -74), (188, -74), (188, 150), (183, 150))),
    ({"landuse": "grass", "name": "河滨绿带"}, ((204, -74), (352, -74), (352, -36), (208, -36))),
    ({"landuse": "forest", "leaf_type": "mixed"}, ((-640, 140), (-430, 110), (-260, 190), (-176, 262),
      (30, 268), (40, 330), (120, 345), (190, 310), (190, 620), (-640, 620))),
    ({"landuse": "quarry", "name": "老采坑", "resource": "iron_ore"},
     ((-600, 180), (-470, 160), (-350, 240), (-330, 390), (-440, 500), (-590, 430))),
    ({"landuse": "industrial", "name": "选矿厂旧址"}, ((-620, -110), (-420, -140), (-250, -154), (-250, -20), (-420, 30), (-620, 60))),
    ({"landuse": "farmland"}, ((215, -660), (760, -660), (760, -230), (500, -246), (220, -262))),
    ({"landuse": "forest"}, ((400, 40), (520, 0), (760, 60), (760, 620), (380, 620), (378, 300))),
    ({"landuse": "meadow"}, ((-620, -660), (-220, -660), (-210, -420), (-200, -270), (-620, -290))),
    ({"landuse": "railway"}, ((-240, -262), (180, -254), (180, -228), (-240, -236))),
)  # fmt: skip


def draw(sheet: Sheet) -> None:
    """Draw everything of this page."""
    for kind, tags, points in STREETS:
        sheet.line(kind, points, tags)
    for tags, points in WALLS:
        sheet.line("wall", points, tags)
    for x, y, tags in MARKS:
        sheet.mark(x, y, tags)
    sheet.free(STREAM, {"waterway": "river", "name": "铁花河"})
    banks = [(x - 6, y) for x, y in STREAM] + [(x + 6, y) for x, y in reversed(STREAM)]
    sheet.area(banks, {"natural": "water", "water": "river", "name": "铁花河"})
    for tags, points in AREAS:
        sheet.area(points, tags)
