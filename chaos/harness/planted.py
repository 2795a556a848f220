"""Workers with a bug planted in them (chaos/planted): a checker must find each of them, or the checkers are worth nothing."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import private_set

from patches import PatchedTree, named
from plan import Plan
from progress import say
from proxied_set import ProxiedSet
from verdict import Verdict

ATTEMPTS = 3  # with other seeds, before a bug counts as not found


@dataclass(frozen=True)
class Planted:
    """A bug, and the run that shows it."""

    name: str
    seconds: float
    faults: Sequence[str] = ()
    kinds: Sequence[str] = ("mutex",)
    quick: bool = False  # found within ten seconds or so
    plan: Mapping[str, Any] = field(default_factory=dict)  # what else differs in the run


LONG_HOLDS = {"hold_ms": (500, 3500), "threads": 2}  # leases are renewed, and lost while they are used
LONGER_HOLDS = {"hold_ms": (6000, 12000), "threads": 2, "calm": 4}  # much longer than one is told of a loss
APART = {"hold_ms": (9000, 12000), "workers": 6, "threads": 1}  # who is next in the queue is not cut off, too,
SLOW_CUTS = {**APART, "cut": "slow", "clock_skew_ms": 50}  # and gets in as soon as the lease is over
PATIENT = {"max_timeout_ms": 0, "try_percent": 0}  # after a call that gave up, no gap is judged for a while

BUGS: Sequence[Planted] = (
    # what an answer means
    Planted("w1", 40, ["minority-primary"]),
    Planted("ignore-write-concern-error", 40, ["minority-primary"]),
    Planted("lost-reply-is-held", 20, ["swallow-reply", "reset-mid-reply"]),
    Planted("fresh-id-on-retry", 30, ["swallow-reply", "reset-mid-reply"]),
    # leases
    Planted("renew-no-owner", 60, ["operator-edit"], plan=LONGER_HOLDS),
    Planted("renew-revives", 60, ["operator-edit"], plan=LONGER_HOLDS),
    Planted("release-no-owner", 30, ["client-cut"]),
    Planted("client-clock-expiry", 30, ["client-clock"]),
    Planted("off-by-one-takeover", 30, ["client-cut"], plan=LONG_HOLDS),
    Planted("until-backwards", 20, plan=LONG_HOLDS),
    Planted("late-lost", 40, ["client-cut"], plan=APART),
    Planted("lease-from-answer", 60, ["client-cut"], plan=SLOW_CUTS),
    Planted("child-releases", 20, ["fork"]),
    # the queue and the hand-off
    Planted("release-forgets-heirs", 15, plan={**PATIENT, "workers": 8, "threads": 1}),  # with more threads, they pass their turns
    Planted("release-drops-heirs", 15),
    Planted("no-confirm-after-stale-wait", 30, ["holder-frozen"]),
    # A write concern gives up before its primary steps down: there is time to announce what will be rolled back.
    Planted("announce-before-commit", 40, ["minority-primary"], plan={"operation_timeout_ms": 1000}),
    Planted("no-poll-fallback", 30, ["swallow-reply", "reset-mid-reply", "kill-at"], plan=PATIENT),
    Planted("heir-for-ever", 30, ["waiter-killed", "kill-at"]),
    Planted("lifo", 8, quick=True),
    Planted("try-barges", 8, kinds=["shared"], quick=True, plan={"try_percent": 40}),
    Planted("readers-pass-writers", 8, kinds=["shared"]),
    # tokens, and what may be held beside what
    Planted("token-reset", 8, quick=True),
    Planted("writer-beside-readers", 8, kinds=["shared"], quick=True),
    Planted("one-permit-more", 8, kinds=["semaphore"], quick=True),
    Planted("semaphore-release-leaks", 8, kinds=["semaphore"]),
    Planted("short-form-blind", 8, quick=True),
    Planted("acquire-all-unordered", 15, kinds=["mutex", "shared", "all"], plan={"all_percent": 60, "max_timeout_ms": 0}),
    Planted("missing-literal", 8, quick=True),
)

# Not here, because chaos does not find them: what no-tombstone leaves behind, an answer that was lost leaves, too, and nobody can
# tell them apart from outside. For amend-unnumbered a copy has to come late while the same leader leads still, and then it
# publishes something else: not seen in runs of a minute. ./run planted finds both, and tests/chaos/check shows that the audit
# finds a value that comes back.


def chosen(wanted: str) -> list[Planted]:
    """Those that are named, or quick, or all."""
    if wanted == "all":
        return list(BUGS)
    if wanted == "quick":
        return [bug for bug in BUGS if bug.quick]
    known = {bug.name: bug for bug in BUGS}
    unknown = [name for name in wanted.split(",") if name not in known]
    if unknown:
        raise private_set.SetError(f"no such planted bugs: {', '.join(unknown)}; there are: {', '.join(known)}")
    return [known[name] for name in wanted.split(",")]


def plan_for(bug: Planted, seed: int, worker: Path) -> Plan:
    plan = Plan(seconds=bug.seconds, seed=seed, faults=bug.faults, kinds=bug.kinds, long_lease=False, planted=bug.name,
                worker=str(worker))
    return replace(plan, **bug.plan)


def build(bugs: Sequence[Planted], tree_folder: Path, workers: Path) -> None:
    """A worker of its name for each, with the bug in it."""
    workers.mkdir(parents=True)
    with PatchedTree(tree_folder).in_use() as tree:
        for bug in bugs:
            (patch,) = named([bug.name])
            with tree.with_bug(patch):
                tree.build(["chaos-worker"])
                shutil.copy(tree.bin / "chaos-worker", workers / bug.name)


def run(wanted: str, binaries: Path, folder: Path, seed: int, run_one: Callable[[Plan, ProxiedSet, Path], Verdict],
        new_set: Callable[[Path, int], ProxiedSet]) -> bool:
    """Whether all of `wanted` were found. They share one replica set."""
    bugs = chosen(wanted)
    missed = []
    workers = folder / "workers"
    say(f"==> building {len(bugs)} workers, each with a bug")
    build(bugs, binaries.parent / "planted", workers)
    say(f"==> {len(bugs)} planted bugs, --seed {seed}")
    with new_set(binaries, Plan.election_timeout_ms) as rs:
        for bug in bugs:
            verdicts = []
            for attempt in range(ATTEMPTS):
                verdicts.append(run_one(plan_for(bug, seed + attempt, workers / bug.name), rs, folder / f"{bug.name}.{attempt + 1}"))
                if verdicts[-1].broken:
                    break
            found = verdicts[-1].broken
            if not found:
                missed.append(bug.name)
            print(f"  {bug.name:28} {', '.join(found) if found else 'NOT FOUND'}"
                  + (f" (in run {len(verdicts)})" if found and len(verdicts) > 1 else ""), flush=True)
    print(f"  {len(bugs) - len(missed)} of {len(bugs)} found" + (f"; not: {', '.join(missed)}" if missed else ""))
    return not missed
