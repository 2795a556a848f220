"""Figures of a run, from its history: what the checkers do not count."""

from __future__ import annotations

import bisect
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import history
from plan import LONG_TTL_MS

NS = 1_000_000_000
IN_FLIGHT = NS // 50  # an answer of before the fault may arrive so much later


@dataclass
class Figures:
    acquisitions: int = 0
    elections: int = 0
    take_overs: int = 0  # exclusive grants after a holder that never released
    unknowns: int = 0  # calls in doubt, or without an answer
    lost: int = 0  # leases that ended early
    forks: int = 0
    lost_updates: int = 0  # acknowledged writes that are not in the final counters
    longest_gap: float = 0.0  # seconds without a grant
    stepdown_to_grant: list[float] = field(default_factory=list)
    kill_to_grant: list[float] = field(default_factory=list)
    spoilt: int = 0  # of these two, left out because another fault was in the way
    long_leases: int = 0  # acquired, with LONG_TTL_MS
    long_lost: int = 0  # of them, during a stepdown or after a kill

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def quantile(values: Sequence[float], part: float) -> float:
    """0 of none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))] if ordered else 0.0


def of(folder: Path) -> Figures:
    figures = Figures()
    events = sorted(history.read(folder / "history"), key=lambda event: event["t"])
    calls: dict[tuple[str, int], history.Event] = {}
    granted: dict[str, list[tuple[int, str]]] = defaultdict(list)  # exclusive: lock -> token, id
    released: set[str] = set()
    grants: list[int] = []
    faults: dict[int, list[Any]] = {}  # n -> begin, end, class
    struck: list[history.Event] = []
    long_ids: set[str] = set()
    long_losses: list[int] = []
    puts: Counter[str] = Counter()
    final: dict[str, int] = {}
    began = events[0]["t"] if events else 0
    for event in events:
        kind = event["e"]
        if kind == "call":
            calls[event["p"], event["c"]] = event
        elif kind == "return":
            call = calls.pop((event["p"], event["c"]), None)
            figures.unknowns += bool(event.get("in_doubt"))
            if event["what"] == "acquired" and call is not None:
                figures.acquisitions += 1
                if event["p"] != "wfinal.1":
                    grants.append(event["t"])
                claims = {claim["lock"]: claim for claim in call.get("locks", [call])}
                for got in event.get("got", [{**event, "lock": call.get("lock")}]):
                    if claims[got["lock"]]["mode"] == "x":
                        granted[got["lock"]].append((got["token"], got["id"]))
                    if call["ttl"] == LONG_TTL_MS:
                        long_ids.add(got["id"])
            elif event["what"] == "released" and call is not None:
                released.update(call.get("ids", [call.get("id")]))
        elif kind == "lost":
            figures.lost += 1
            if event["id"] in long_ids:
                long_losses.append(event["t"])
        elif kind == "forked":
            figures.forks += 1
        elif kind == "put" and event["ok"]:
            puts[event["lock"]] += 1
            final[event["lock"]] = event["n"]
        elif kind == "fault":
            if event["phase"] == "begin":
                faults[event["n"]] = [event["t"], None, event["class"]]
            else:
                faults[event["n"]][1] = event["t"]
        elif kind == "struck":
            struck.append(event)
        elif kind == "primary":
            figures.elections += 1
    figures.elections = max(0, figures.elections - 1)  # the first was there before us
    figures.unknowns += len(calls)
    figures.lost_updates = sum(puts[lock] - final[lock] for lock in puts)
    figures.long_leases = len(long_ids)
    for lock in granted.values():
        lock.sort()
        figures.take_overs += sum(before[1] not in released for before in lock[:-1])
    grants = [began, *grants]
    figures.longest_gap = max((b - a for a, b in zip(grants, grants[1:])), default=0) / NS
    for event in struck:
        _interruption(figures, event, grants, faults, long_losses)
    return figures


def _interruption(figures: Figures, struck: history.Event, grants: list[int], faults: dict[int, list[Any]],
                  long_losses: list[int]) -> None:
    after = bisect.bisect_left(grants, struck["t"] + IN_FLIGHT)
    if after == len(grants):
        return
    granted = grants[after]
    figures.long_lost += any(struck["began"] <= lost <= max(granted, faults[struck["n"]][1] or granted) for lost in long_losses)
    if any(n != struck["n"] and begin < granted and (end is None or end > struck["began"])
           for n, (begin, end, _) in faults.items()):
        figures.spoilt += 1
        return
    took = (granted - struck["began"]) / NS
    (figures.stepdown_to_grant if struck["class"] == "stepdown" else figures.kill_to_grant).append(took)
