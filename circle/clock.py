"""Seconds of each stage, and a word to whoever watches.

Takes: stages as they begin.   Gives: how long each took.
Never: decides what a stage is, or prints.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Say = Callable[[str, int | None], None]


class Clock:
    """`seconds` per stage, filled in as stages end; `say` is called with a stage's name when it begins."""

    def __init__(self, seconds: dict[str, float], say: Say | None) -> None:
        self.seconds = seconds
        self.say = say

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time what is done inside; a stage that is entered again goes on counting."""
        if self.say is not None:
            self.say(name, None)
        start = time.perf_counter()
        yield
        self.seconds[name] = round(self.seconds.get(name, 0.0) + time.perf_counter() - start, 4)
