"""Libraries with a bug planted in them: a checker must find each of them, or the checkers are worth nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from plan import Plan
from proxied_set import ProxiedSet
from verdict import Verdict
from world import say


@dataclass(frozen=True)
class Planted:
    """A bug, and the run that shows it."""

    name: str
    seconds: float
    faults: Sequence[str] = ()
    kinds: Sequence[str] = ("mutex",)
    quick: bool = False  # found within ten seconds or so
    plan: Mapping[str, Any] = field(default_factory=dict)  # what else differs in the run


BUGS: Sequence[Planted] = ()


def run(wanted: str, binaries: Path, folder: Path, seed: int, run_one: Callable[[Plan, ProxiedSet, Path], Verdict],
        new_set: Callable[[Path, int], ProxiedSet]) -> bool:
    """Whether all of `wanted` were found. They share one replica set."""
    names = wanted.split(",")
    bugs = [bug for bug in BUGS if wanted == "all" or (wanted == "quick" and bug.quick) or bug.name in names]
    return bool(bugs)
