"""What a fault is, and the table of all of them. They are in faults_members.py, faults_workers.py and faults_wire.py."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from world import World


class Missed(Exception):
    """The fault could not be injected this time; the text says why."""


@dataclass
class Injection:
    """One fault being injected."""

    world: World
    n: int
    name: str
    span: float
    rng: random.Random

    @contextmanager
    def on(self, target: str, **fields: Any) -> Iterator[None]:
        """What happens inside is the fault. `target`: member1, a worker, a lock or nothing; fields go into the history."""
        about = {"class": self.name, "n": self.n, "target": target, **fields}
        self.world.history.write("fault", phase="begin", **about)
        try:
            yield
        finally:
            self.world.history.write("fault", phase="end", **about)

    def pause(self, seconds: float | None = None) -> None:
        """For the fault's span, or until the run is over."""
        self.world.over.wait(self.span if seconds is None else seconds)

    def struck(self, began: int) -> None:
        """From now on the members are without a primary, or have another: how long until somebody acquires again?"""
        self.world.history.write("struck", **{"class": self.name}, n=self.n, began=began)

    def until(self, condition: Callable[[], bool], seconds: float, what: str) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline or self.world.over.is_set():
                raise Missed(f"no {what}")
            time.sleep(0.01)


@dataclass(frozen=True)
class Fault:
    name: str
    lane: str  # members, workers or wire: see schedule.py
    span: tuple[float, float]
    recovery: float  # what it takes beyond its span, about
    inject: Callable[[Injection], None]
    about: str


FAULTS: dict[str, Fault] = {}


def fault(name: str, lane: str, span: tuple[float, float], recovery: float = 0.3) -> Callable[[Callable[[Injection], None]], None]:
    """Puts a function into the table. Its first line of documentation is what --help says."""

    def enter(inject: Callable[[Injection], None]) -> None:
        FAULTS[name] = Fault(name, lane, span, recovery, inject, (inject.__doc__ or "").strip().splitlines()[0])

    return enter
