"""What a one-station scenario costs beside a full run, in one go.

Takes: an extract.   Gives: seconds of a run in memory, of the same run changed by one station, and their ratio (the bar: at most a tenth).
Never: writes anything.

    python benchmarks/scenario.py las_palmas_2023.osm.pbf
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import circle
from circle.scenario import Scenario, Station

BAR = 0.1


def main(source: Path) -> None:
    """Run, change, tell."""
    start = time.perf_counter()
    run = circle.run(source)
    full = time.perf_counter() - start
    middle = run.buildings.geometry.iloc[len(run.buildings) // 2].representative_point()
    plan = Scenario("one station", stations=(Station("s", "", middle.x, middle.y, ("clinic",)),))
    start = time.perf_counter()
    after = run.with_scenario(plan)
    again = time.perf_counter() - start
    told = "holds" if again / full <= BAR else "does not hold"
    print(
        f"{len(run.buildings):,} buildings: full run {full:.1f} s, one station {again:.2f} s, ratio {again / full:.3f} (bar {BAR}: {told})"
    )
    print({stage: seconds for stage, seconds in after.record["seconds"].items() if seconds > 0.01})


if __name__ == "__main__":
    main(Path(sys.argv[1]))
