"""Charts: what they draw is what the tables say; they speak without a Chinese font, and read no name as a formula."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import shapely

import circle
from circle import examples, siting
from circle.errors import OutputError, RuleError
from circle.publish import charts, sketch


@pytest.fixture(scope="module")
def run():
    return circle.run(examples.kuangshan())


@pytest.fixture(scope="module")
def plan(run):
    return siting.propose(siting.on(run), ["service_centre", "clinic"], k=2)


def words(chart):
    from matplotlib.text import Text

    return " | ".join(text.get_text() for text in chart.figure.findobj(Text))


@pytest.fixture(params=["chinese", "none"])
def font(request, monkeypatch):
    charts._font.cache_clear()
    if request.param == "none":
        monkeypatch.setattr(sketch, "chinese_font", lambda: None)
    elif sketch.chinese_font() is None:
        pytest.skip("no font with Chinese characters here")
    yield request.param
    charts._font.cache_clear()


def test_every_chart_draws_with_and_without_a_chinese_font(run, plan, font):
    """A missing glyph is a warning, and warnings are errors."""
    after = run.with_scenario(plan.scenario())
    budgets = pd.DataFrame([{"budget": b, "means": m, "gain": b / 1000.0} for b in (0.0, 1e5) for m in ("both", "stations", "passages")])
    drawn = {
        "shares": charts.shares(run.shares()),
        "zones": charts.zones(run.zone_shares()),
        "minutes": charts.minutes(run),
        "place": charts.place(run, "clinic"),
        "before_after": charts.before_after(run, after, plan),
        "curve": charts.curve(plan),
        "frontier": charts.frontier(budgets),
    }
    for name, chart in drawn.items():
        png, size = chart._repr_png_()
        assert png.startswith(b"\x89PNG"), name
        assert 300 < size["width"] < 1400, name
        assert ("中" in words(chart) or any("一" <= letter <= "鿿" for letter in words(chart))) == (font == "chinese"), name
    unknown = run.zone_shares().assign(share_households_met=np.nan)
    assert "nan" not in words(charts.zones(unknown))
    assert "42.4 %" in words(drawn["shares"])
    assert "0 %  (844)" in words(drawn["zones"])


def test_bars_are_the_households(run):
    chart = charts.minutes(run)
    homes = run.buildings[run.buildings["residential"]]
    for axes, limit in zip(chart.figure.axes, run.standard.services, strict=True):
        late = [bar for bar in axes.patches if bar.get_x() >= limit.limit_min - 1e-6]
        gap = homes.loc[homes[f"minutes_{limit.service}"] > limit.limit_min, "households"].sum()
        assert sum(bar.get_height() for bar in axes.patches) == pytest.approx(homes["households"].sum())
        assert sum(bar.get_height() for bar in late) == pytest.approx(gap)


def test_the_map_shows_one_service_or_all(run):
    assert "1 missed" in words(charts.place(run))
    assert "not in time" in words(charts.place(run, "shop"))
    with pytest.raises(RuleError, match="no service “spa”"):
        charts.place(run, "spa")


def test_names_are_no_formulas_and_charts_are_reproducible(run, tmp_path):
    table = run.zone_shares()
    table["name"] = r"$\frac{1}{0}$ <b>"
    chart = charts.zones(table)
    assert r"$\frac{1}{0}$ <b>" in words(chart)
    assert chart._repr_png_()[0] == charts.zones(table)._repr_png_()[0]
    assert charts.zones(table).save(tmp_path / "zones.svg").read_text(encoding="utf-8").count("<svg") == 1
    with pytest.raises(OutputError, match=r"cannot be drawn .*\.png, \.pdf or \.svg"):
        chart.save(tmp_path / "zones.xyz")
    with pytest.raises(OutputError, match="cannot be written"):
        chart.save(tmp_path / "nowhere" / "zones.png")


def test_what_is_not_proven_is_drawn_hollow(plan):
    from dataclasses import replace

    open_ = replace(plan, curve=plan.curve.assign(proven=False))
    assert "not proven" in words(charts.curve(open_))
    assert "not proven" not in words(charts.curve(plan))


def test_one_farm_far_out_does_not_shrink_a_town(run, monkeypatch):
    from dataclasses import replace

    whole = run.buildings.total_bounds
    west, east = charts.place(run).figure.axes[0].get_xlim()
    assert west < whole[0] < whole[2] < east
    monkeypatch.setattr(charts, "SMALL", 100)
    far = run.buildings.copy()
    far.loc[0, "geometry"] = shapely.Polygon([(120, 30.2), (120.001, 30.2), (120.001, 30.201)])
    assert charts.place(replace(run, buildings=far)).figure.axes[0].get_xlim()[1] < whole[2] + 0.01
    assert charts.before_after(run, run, siting.propose(siting.on(run), ["clinic"], k=0)).figure.axes[0].get_xlim()[0] > whole[0] - 0.01
