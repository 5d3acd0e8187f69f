"""Bus stops on both kerbs, each a platform and a stop position on the carriageway, and the two lines that call there."""

from __future__ import annotations

from sheet import Sheet

STOPS: tuple[tuple[str, str, str, float, float, float, float], ...] = (
    # line, name, direction, stop position x and y, platform off it by x and y
    ("6路", "工人街口", "东", -116, -168, 3, -7), ("6路", "工人街口", "西", -92, -168, -3, 7),
    ("6路", "矿山路口", "东", 74, -168, 3, -7), ("6路", "矿山路口", "西", 96, -168, -3, 7),
    ("6路", "紫薇路口", "东", 318, -168, 3, -7), ("6路", "紫薇路口", "西", 342, -168, -3, 7),
    ("23路", "冶炼小区", "东", -132, 80, 4.5, -5), ("23路", "冶炼小区", "西", -104, 80, -4.5, 5),
    ("23路", "矿山路社区", "南", 52, 30, -5, -4.5), ("23路", "矿山路社区", "北", 52, 54, 5, 4.5),
    ("23路", "九龙洞公园", "东", 70, 158, 4.5, -5), ("23路", "九龙洞公园", "西", 92, 158, -4.5, 5),
    ("23路", "紫薇花园", "北", 365, 74, 5, 4.5), ("23路", "紫薇花园", "南", 365, 46, -5, -4.5),
)  # fmt: skip


def draw(sheet: Sheet) -> list[tuple[str, float, float, int]]:
    """Draw the stops; returns (line, x, y of the stop position, platform node) so that `lines` can join them up."""
    drawn = []
    for line, name, direction, x, y, right, up in STOPS:
        sheet.mark(x, y, {"public_transport": "stop_position", "bus": "yes", "name": name})
        tags = {
            "highway": "bus_stop",
            "public_transport": "platform",
            "bus": "yes",
            "name": name,
            "route_ref": line,
            "direction": direction,
        }
        drawn.append((line, x, y, sheet.poi(x + right, y + up, tags)))
    return drawn


def lines(sheet: Sheet, drawn: list[tuple[str, float, float, int]]) -> None:
    """Add the route relations; call after the ground was joined."""
    for ref in ("6路", "23路"):
        members = []
        for line, x, y, platform in drawn:
            if line == ref:
                members += [("n", sheet.ground_node(x, y), "stop"), ("n", platform, "platform")]
        sheet.relation(members, {"type": "route", "route": "bus", "ref": ref, "name": f"公交{ref}（示例）"})
