"""When which fault is injected: a pure function of the seed and the options.

Faults that get in each other's way share a lane and follow one another: those of the members, of the workers, and of the
wire between them. The lanes run at the same time.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

import faults_members  # noqa: F401  # these three enter their faults into the table by being imported
import faults_wire  # noqa: F401
import faults_workers  # noqa: F401
from faults import FAULTS, Fault

BEGIN = 3.0  # nothing happens before: everybody has connected by then
CALM = {"members": 8.0, "workers": 3.0, "wire": 3.0}  # seconds, at most, between two faults of a lane
GAP = 0.2  # at least
QUIET_END = 0.08  # of the run: enough to see that all is well again


@dataclass(frozen=True)
class Step:
    n: int
    at: float  # seconds after the start; a step whose predecessor is late is late, too
    lane: str
    fault: str
    span: float  # how long it lasts
    seed: int  # of what else is random about it


def build(seed: int, seconds: float, names: Sequence[str], calm: float = 1) -> list[Step]:
    """Rounds of all the faults, each round in an order of its own, so that even a short run has each of them once, if
    that is possible at all: spans are squeezed for it. `calm`: how much longer than usual the pauses are."""
    steps: list[Step] = []
    for lane in sorted({FAULTS[name].lane for name in names}):
        faults = [FAULTS[name] for name in sorted(set(names)) if FAULTS[name].lane == lane]
        steps += _lane(random.Random(f"{seed} {lane}"), seconds, lane, faults,
                       CALM[lane] * (1 if lane == "members" else calm))
    steps.sort(key=lambda step: (step.at, step.lane))
    return [Step(n, *list(vars(step).values())[1:]) for n, step in enumerate(steps, start=1)]


def _lane(rng: random.Random, seconds: float, lane: str, faults: Sequence[Fault], calm: float) -> list[Step]:
    last = seconds * (1 - QUIET_END)
    squeeze = _squeeze(last - min(BEGIN, seconds / 10), calm, faults)
    steps, at = [], min(BEGIN, seconds / 10)
    while True:
        for fault in rng.sample(faults, len(faults)):
            low, high = fault.span
            span = rng.uniform(low, low + (high - low) * squeeze)
            gap = rng.uniform(GAP, GAP + calm * squeeze)
            if at + span + fault.recovery > last:
                return steps
            steps.append(Step(0, round(at, 3), lane, fault.name, round(span, 3), rng.getrandbits(32)))
            at += span + fault.recovery + gap


def _squeeze(time: float, calm: float, faults: Sequence[Fault]) -> float:
    """By what to multiply all that may be shorter so that a round fits."""
    fixed = sum(fault.recovery + fault.span[0] + GAP for fault in faults)
    loose = sum(fault.span[1] - fault.span[0] + calm for fault in faults)
    return min(1.0, max(0.0, (time - fixed) / loose))
