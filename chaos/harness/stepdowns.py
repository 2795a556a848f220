"""Many `dlock run` raise one unprotected counter while the primary is stepped down again and again.

Every run must exit 0, and no update may be lost. Needs a private replica set of its own: it starts one.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from evidence import scratch_folder
from private_set import ReplicaSet

# read, think, write: loses updates as soon as two do it at once
INCREMENT = 'n=$(cat "$1"); sleep 0.01; echo $((n + 1)) >"$1"'


class Workers:
    """`processes` threads that each run `dlock run` `rounds` times."""

    def __init__(self, dlock: Path, url: str, counter: Path, rounds: int, ttl: str) -> None:
        self.command = [str(dlock), "run", "--ttl", ttl, "chaos", "--", "sh", "-c", INCREMENT, "sh", str(counter)]
        self.environment = os.environ | {"DLOCK_URL": url}
        self.rounds = rounds
        self.failures: list[str] = []
        self.slowest = 0.0

    def work(self) -> None:
        for _ in range(self.rounds):
            began = time.monotonic()
            done = subprocess.run(self.command, env=self.environment, capture_output=True, text=True)
            self.slowest = max(self.slowest, time.monotonic() - began)
            if done.returncode != 0:
                self.failures.append(f"{time.strftime('%H:%M:%S')} status {done.returncode}: {done.stderr.strip()}")


def step_down_until(over: threading.Event, rs: ReplicaSet, every: float) -> int:
    steps = 0
    while not over.wait(every):
        try:
            rs.stepdown(1)
            steps += 1
        except Exception as problem:  # an election is on: the next one will do
            print(f"  no stepdown this time: {problem}", file=sys.stderr)
    return steps


def main(dlock: Path, arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="./run chaos --cli", description=__doc__)
    parser.add_argument("--processes", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--every", type=float, default=5, help="seconds between two stepdowns (default 5)")
    parser.add_argument("--ttl", default="20s")
    given = parser.parse_args(arguments)
    with scratch_folder("dlock-stepdowns-") as folder:
        if not all_count(dlock, given, folder):
            raise SystemExit(1)  # by way of the folder, which stays then
    return 0


def all_count(dlock: Path, given: argparse.Namespace, folder: Path) -> bool:
    """Whether no update was lost and no run failed. `folder` has the counter, and what the runs that failed said."""
    expected = given.processes * given.rounds
    counter = folder / "counter"
    counter.write_text("0\n")
    with ReplicaSet(nodes=3) as rs:
        workers = Workers(dlock, rs.url, counter, given.rounds, given.ttl)
        print(f"{given.processes} processes x {given.rounds} dlock run --ttl {given.ttl} on 3 nodes, a stepdown every {given.every:g} s")
        over = threading.Event()
        steps: list[int] = []
        chaos = threading.Thread(target=lambda: steps.append(step_down_until(over, rs, given.every)))
        threads = [threading.Thread(target=workers.work) for _ in range(given.processes)]
        began = time.monotonic()
        for thread in [chaos, *threads]:
            thread.start()
        for thread in threads:
            thread.join()
        over.set()
        chaos.join()
        count = int(counter.read_text())

    print(f"  {time.monotonic() - began:.0f} s, {steps[0]} stepdowns, slowest run {workers.slowest:.1f} s")
    print(f"  counter {count} of {expected}, {len(workers.failures)} runs failed")
    for failure in workers.failures[:10]:
        print(f"  {failure}")
    (folder / "failures.txt").write_text("".join(f"{failure}\n" for failure in workers.failures))
    if steps[0] == 0:
        print("  no stepdown happened: this proves nothing")
    return count == expected and not workers.failures and steps[0] > 0
