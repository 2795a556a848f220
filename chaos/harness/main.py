#!/usr/bin/python3
"""What ./run chaos does: clients of the real library on a real replica set, with faults, and checkers over what they did.

The same seed and options give the same schedule of faults. The last lines say what was injected and what each checker
found; a run that is not good leaves everything in one folder and names it. chaos/README.md says more.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

import evidence  # noqa: E402
import private_set  # noqa: E402
from processes import ENDING, die_with, end_on_signal  # noqa: E402

import checks  # noqa: E402
import figures  # noqa: E402
import planted  # noqa: E402
import stepdowns  # noqa: E402
import verdict as verdicts  # noqa: E402
from faults import FAULTS  # noqa: E402
from plan import KINDS, Plan  # noqa: E402
from progress import say  # noqa: E402
from proxied_set import ProxiedSet  # noqa: E402
from verdict import Verdict  # noqa: E402
from world import World  # noqa: E402

OPLOG_MB = 900  # the whole run stays in it


def parse_faults(text: str) -> list[str]:
    if text in ("all", "none"):
        return sorted(FAULTS) if text == "all" else []
    names = text.split(",")
    for name in names:
        if name not in FAULTS:
            raise argparse.ArgumentTypeError(f"there is no fault '{name}'; there are: {', '.join(sorted(FAULTS))}")
    return names


def parse_kinds(text: str) -> list[str]:
    names = text.split(",")
    for name in names:
        if name not in KINDS:
            raise argparse.ArgumentTypeError(f"'{name}' is none of {', '.join(KINDS)}")
    return list(KINDS) if names == ["all"] else names


def parse_range(text: str) -> tuple[int, int]:
    least, comma, most = text.partition(",")
    if not (comma and least.isdigit() and most.isdigit() and int(least) <= int(most)):
        raise argparse.ArgumentTypeError(f"'{text}' is not MIN,MAX")
    return int(least), int(most)


def parser() -> argparse.ArgumentParser:
    what = argparse.ArgumentParser(
        prog="./run chaos", description=__doc__.splitlines()[0], formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="faults:\n" + "\n".join(f"  {one.name:22} {one.about}" for one in sorted(FAULTS.values(), key=lambda f: (f.lane, f.name))))
    what.add_argument("--seconds", type=float, default=60, help="how long (default 60)")
    what.add_argument("--seed", type=int, help="of the schedule and of what the clients do (default: another each time)")
    what.add_argument("--faults", type=parse_faults, default=sorted(FAULTS), help="a,b,..., all (default) or none")
    what.add_argument("--kinds", type=parse_kinds, default=list(KINDS), help="mutex,shared,semaphore,election; all (default): "
                      "these, and several at once")
    what.add_argument("--workers", type=int, default=4, help="client processes (default 4)")
    what.add_argument("--threads", type=int, default=4, help="threads of each (default 4)")
    what.add_argument("--locks", type=int, default=1, metavar="N", help="so many times the five locks there are (default 1): "
                      "the more, the less waits for one")
    what.add_argument("--hold", type=parse_range, default=Plan.hold_ms, metavar="MIN,MAX", help="how long they are held, in ms "
                      f"(default {Plan.hold_ms[0]},{Plan.hold_ms[1]})")
    what.add_argument("--calm", type=float, default=1, help="how much longer than usual it is between faults of clients and of the "
                      "wire (default 1)")
    what.add_argument("--runs", type=int, default=1, metavar="N", help="so many runs, each with the next seed, and their sum")
    what.add_argument("--ttl", type=int, default=2000, help="of their leases, in ms (default 2000)")
    what.add_argument("--election-timeout", type=int, default=2000, help="of the replica set, in ms (default 2000; MongoDB's own is 10000)")
    what.add_argument("--expiry", choices=["server_clock", "observed"], default="server_clock", help="how leases end")
    what.add_argument("--local-turns", type=int, default=1, metavar="N", help="so many threads may use one grant (default 1)")
    what.add_argument("--linger", type=int, default=0, metavar="MS", help="leases are kept for so long that nobody uses (default 0)")
    what.add_argument("--keep", type=Path, metavar="DIR", help="keep everything in DIR, if all is well, too")
    what.add_argument("--beside", metavar="COMMIT", help="every second process is of that version of dlock, which is built for it")
    what.add_argument("--bin", type=Path, default=ROOT / "build" / "bin", help=argparse.SUPPRESS)
    other = what.add_mutually_exclusive_group()
    other.add_argument("--positive-control", action="store_true", help="clients that go on after a loss, a resource that lets "
                       "them: updates must be lost, or the faults do not bite")
    other.add_argument("--planted", nargs="?", const="all", metavar="NAMES", help="libraries with bugs: a checker must find each. "
                       "Names, 'quick' or (default) 'all'")
    other.add_argument("--cli", nargs=argparse.REMAINDER, help="many `dlock run` and one counter, under stepdowns; --cli --help")
    other.add_argument("--sum", nargs="+", type=Path, metavar="DIR", help="add up the verdicts of earlier runs")
    return what


def run_one(plan: Plan, rs: ProxiedSet, folder: Path) -> Verdict:
    """A run and its verdict, which is in `folder`, too."""
    world = World(plan, rs, folder)
    world.run()
    verdict = verdicts.of(world, figures.of(folder), checks.judge(folder, rs.bin))
    verdict.write(folder)
    return verdict


def new_set(binaries: Path, election_timeout_ms: int) -> ProxiedSet:
    # So long after its own time-out, a secondary that follows a member which is cut off chooses another one.
    buffer = 5 if election_timeout_ms >= 10_000 else 1
    # Heartbeats must not be too slow to notice an end within the time-out.
    return ProxiedSet(bin=binaries, election_timeout_ms=election_timeout_ms, oplog_mb=OPLOG_MB,
                      heartbeat_ms=min(2000, election_timeout_ms // 5),
                      parameters={"oplogNetworkTimeoutBufferSeconds": str(buffer)})


def chaos(plan: Plan, given: argparse.Namespace, folder: Path) -> bool:
    say(f"==> {plan.seconds:g} s of chaos, --seed {plan.seed}: {plan.workers} processes with {plan.threads} threads each, "
        f"{len(plan.faults)} classes of faults")
    with new_set(given.bin, plan.election_timeout_ms) as rs:
        verdict = run_one(plan, rs, folder)
    print(verdicts.table(verdict))
    if not given.positive_control:
        return verdict.ok
    bites = verdict.figures.lost_updates > 0
    print(f"  positive control: {verdict.figures.lost_updates} updates lost without fencing: "
          + ("the faults bite" if bites else "THE FAULTS DO NOT BITE"))
    return bites


def several(plan: Plan, given: argparse.Namespace, folder: Path) -> bool:
    """Goes on after a bad run: a long series is to say how often. Of good ones only the verdict is left, unless all is kept."""
    bad = 0
    for n in range(given.runs):
        one = folder / f"seed-{plan.seed + n}"
        try:
            good = chaos(replace(plan, seed=plan.seed + n), given, one)
        except private_set.SetError as error:
            print(f"chaos: {error}", file=sys.stderr)
            good = False
        bad += not good
        if good and given.keep is None:
            for each in one.iterdir():
                if each.is_dir():
                    shutil.rmtree(each)
                elif each.name != "verdict.json":
                    each.unlink()
    print(f"\n{verdicts.add_up([folder])[0]}")
    return bad == 0


def main() -> int:
    given = parser().parse_args()
    if given.sum:
        text, good = verdicts.add_up(given.sum)
        print(text)
        return 0 if good else 1
    if given.cli is not None:
        return stepdowns.main(given.bin / "dlock", given.cli)
    for signum in ENDING:
        signal.signal(signum, end_on_signal)
    die_with(os.getppid(), signal.SIGTERM)
    seed = given.seed if given.seed is not None else int(time.time()) % 1_000_000
    plan = Plan(seconds=given.seconds, seed=seed, faults=given.faults, kinds=given.kinds, workers=given.workers,
                threads=given.threads, locks_each=given.locks, hold_ms=given.hold, calm=given.calm, ttl_ms=given.ttl,
                election_timeout_ms=given.election_timeout, observed=given.expiry == "observed",
                local_turns=given.local_turns, linger_ms=given.linger, beside=given.beside or "")
    if given.positive_control:
        plan = replace(plan, faults=["holder-frozen"], kinds=["mutex"], stale=True, unfenced=True, ttl_ms=2000)
    if given.keep is not None:
        given.keep.mkdir(parents=True, exist_ok=True)  # for any number of runs
        folder = given.keep.absolute() / time.strftime(f"%m%d-%H%M%S-seed-{seed}")
        folder.mkdir()
    else:
        folder = Path(tempfile.mkdtemp(prefix="dlock-chaos-"))
    good = False
    try:
        if given.planted:
            good = planted.run(given.planted, given.bin, folder, seed, run_one, new_set)
        elif given.runs == 1:
            good = chaos(plan, given, folder)
        else:
            good = several(plan, given, folder)
    except private_set.SetError as error:
        print(f"chaos: {error}", file=sys.stderr)
    finally:
        if good and given.keep is None:
            shutil.rmtree(folder, ignore_errors=True)
        else:
            print(f"  everything is in {evidence.named(folder)}")
    print("good" if good else "NOT GOOD")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
