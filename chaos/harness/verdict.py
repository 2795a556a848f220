"""Whether a run was good, and the table that says so; and the sum of several."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from checks import Judgement
from figures import Figures, quantile
from plan import LONG_TTL_MS
from world import World

MOVES_PRIMARY = {"primary-kill", "stepdown", "all-killed", "primary-frozen", "no-majority", "minority-primary", "server-clock"}
LEAVES_HOLDERS = {"holder-killed", "holder-frozen"}
LEAVES_DOUBT = {"holder-killed", "waiter-killed", "kill-at"}


@dataclass
class Verdict:
    folder: str
    plan: dict[str, Any]
    injected: dict[str, int]
    scheduled: dict[str, int]
    figures: Figures
    judgements: list[Judgement] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)  # the run did not do what it should
    vacuous: list[str] = field(default_factory=list)  # it proves little

    @property
    def broken(self) -> list[str]:
        """The rules that a checker found broken."""
        return [f"{judgement.name}: {check['name']}" for judgement in self.judgements for check in judgement.failed]

    @property
    def ok(self) -> bool:
        return not (self.problems or self.vacuous or any(judgement.status != 0 for judgement in self.judgements))

    @property
    def wrong(self) -> list[str]:
        """Lines: which rule was broken on what, and what else was wrong with the run, but not that it proves little."""
        return [line for judgement in self.judgements for line in judgement.explain()] + \
            [f"PROBLEM: {problem}" for problem in self.problems]

    def explain(self) -> str:
        """For people who ask why the run was not good."""
        lines = [*self.wrong, *(f"VACUOUS: {reason}" for reason in self.vacuous)]
        where = ["(FILE:LINE is of history/FILE, or of oplog.jsonl)"] if self.broken else []
        return "\n".join(lines + where)

    def write(self, folder: Path) -> None:
        (folder / "verdict.json").write_text(json.dumps({
            "ok": self.ok, "seed": self.plan["seed"], "seconds": self.plan["seconds"], "expiry": self.plan["expiry"],
            "planted": self.plan["planted"], "control": self.plan["unfenced"], "injected": self.injected, "scheduled": self.scheduled,
            "figures": self.figures.as_json(), "broken": self.broken, "problems": self.problems, "vacuous": self.vacuous,
            "missed": self.missed,
            "checks": {each.name: {"status": each.status, "passed": each.passed, "failed": each.failed, "counts": each.counts}
                       for each in self.judgements},
        }, indent=1) + "\n")


def of(world: World, figures: Figures, judgements: Sequence[Judgement]) -> Verdict:
    plan = world.plan
    scheduled = Counter(step.fault for step in world.steps)
    verdict = Verdict(str(world.folder), plan.as_json(), dict(sorted(world.injected.items())), dict(scheduled), figures,
                      list(judgements), world.missed, world.problems)
    # Thresholds are far below what an idle machine does: they find runs that test nothing, not slow machines.
    if figures.acquisitions < 2 * plan.seconds:
        verdict.vacuous.append(f"only {figures.acquisitions} acquisitions in {plan.seconds:g} s")
    for name in plan.faults:
        least = max(1, scheduled[name] // 3)
        if scheduled[name] == 0:
            verdict.vacuous.append(f"{name} did not fit into {plan.seconds:g} s")
        elif world.injected[name] < least:
            verdict.vacuous.append(f"{name}: injected {world.injected[name]} times, not {least}")
    asked = set(plan.faults)
    if asked & MOVES_PRIMARY and figures.elections == 0:
        verdict.vacuous.append("no election")
    if asked & LEAVES_HOLDERS and figures.take_overs == 0:
        verdict.vacuous.append("nobody took over from a holder that was gone")
    if asked & LEAVES_DOUBT and figures.unknowns == 0:
        verdict.vacuous.append("no call whose end is unknown")
    return verdict


def table(verdict: Verdict) -> str:
    figures = verdict.figures
    lines = ["", "  injected"]
    names = sorted(set(verdict.injected) | set(verdict.scheduled))
    lines += [f"    {name:22} {verdict.injected.get(name, 0):4}" for name in names]
    lines += [
        f"  acquisitions {figures.acquisitions}, elections {figures.elections}, take-overs {figures.take_overs}, "
        f"unknown {figures.unknowns}, leases lost {figures.lost}, forks {figures.forks}",
        f"  longest time without a grant {figures.longest_gap:.1f} s",
        f"  stepdown to next grant    {_times(figures.stepdown_to_grant)}",
        f"  kill -9 of the primary to next grant {_times(figures.kill_to_grant)}",
        f"    (left out, because another fault was in the way: {figures.spoilt})",
        f"  leases of {LONG_TTL_MS // 1000} s lost by either: {figures.long_lost}, of {figures.long_leases} acquired",
    ]
    lines += [f"  {each.name:15} {each.verdict()}" for each in verdict.judgements]
    lines += [f"  not injected: {name} ({times} times)" for name, times in Counter(verdict.missed).most_common(12)]
    lines += [f"  {line}" for line in verdict.explain().splitlines()]
    return "\n".join(lines)


def _times(seconds: Sequence[float]) -> str:
    if not seconds:
        return "not measured"
    return f"p50 {quantile(seconds, 0.5):.2f} s, p99 {quantile(seconds, 0.99):.2f} s ({len(seconds)} times)"


def add_up(folders: Iterable[Path]) -> tuple[str, bool]:
    """The table for all verdict.json in or below `folders`, and whether all of them were good."""
    files = sorted({file for folder in folders for file in ([folder] if folder.is_file() else folder.rglob("verdict.json"))})
    totals: Counter[str] = Counter()
    injected: Counter[str] = Counter()
    counts: Counter[str] = Counter()
    stepdowns: list[float] = []
    kills: list[float] = []
    broken: Counter[str] = Counter()
    longest, bad = 0.0, []
    for file in files:
        one = json.loads(file.read_text())
        if one["planted"] or one["control"]:
            continue  # meant to be bad
        if not one["ok"]:
            bad.append(f"{file.parent}: " + ", ".join(one["broken"] + one["problems"] + one["vacuous"]))
        totals["runs"] += 1
        broken.update(one["broken"])
        totals["seconds"] += int(one["seconds"])
        injected.update(one["injected"])
        for name, value in one["figures"].items():
            if isinstance(value, int):
                totals[name] += value
        stepdowns += one["figures"]["stepdown_to_grant"]
        kills += one["figures"]["kill_to_grant"]
        longest = max(longest, one["figures"]["longest_gap"])
        for checker, said in one["checks"].items():
            for name, value in said["counts"].items():
                for part, n in value.items() if isinstance(value, dict) else [("", value)]:
                    if isinstance(n, int) and not isinstance(n, bool) and name != "injections":
                        counts[f"{checker} {name} {part}".rstrip()] += n
    lines = [f"{totals['runs']} runs, {totals['seconds'] / 3600:.2f} h, {totals['acquisitions']} acquisitions, "
             f"{totals['elections']} elections, {totals['take_overs']} take-overs, {totals['unknowns']} unknown, "
             f"{totals['lost']} leases lost", f"{sum(injected.values())} faults of {len(injected)} classes"]
    lines += [f"  {name:22} {times:6}" for name, times in sorted(injected.items())]
    lines += [f"longest time without a grant {longest:.1f} s", f"stepdown to next grant {_times(stepdowns)}",
              f"kill -9 of the primary to next grant {_times(kills)}",
              f"leases of {LONG_TTL_MS // 1000} s lost by either: {totals['long_lost']} of {totals['long_leases']} acquired"]
    lines += [f"  {name:48} {value}" for name, value in sorted(counts.items())]
    lines += [f"broken in {times} runs: {rule}" for rule, times in sorted(broken.items())] or [
        "no rule was found broken: no stale write accepted, nobody passed in a queue, no overlap but those counted by class"]
    lines += [f"BAD {each}" for each in bad] or [f"all {totals['runs']} runs were good"]
    return "\n".join(lines), not bad and bool(files)
