#!/usr/bin/python3
"""Repeats tests while other processes keep all processors busy.

  stress.py [--times N] [--burn N] [--minutes M] BUILD-DIR [CTEST-OPTION...]

A round runs all chosen tests once. A test that fails in any round counts as failed. The last line is: N passed, N failed.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from processes import die_with

# Lines of ctest that say nothing new in a second round.
ROUTINE = re.compile(r"\s*(Start\s+\d+:|\d+/\d+ Test\s+#\d+: .*\s+Passed\s+[\d.]+ sec$|Internal ctest|Test project|$)")


def end_on_signal(signum: int, _: object) -> NoReturn:
    sys.exit(128 + signum)


def start(command: Sequence[str], **options: object) -> subprocess.Popen[str]:
    """A process that does not outlive this one, whatever ends this one."""
    parent = os.getpid()
    return subprocess.Popen(command, text=True, stdin=subprocess.DEVNULL,  # type: ignore[call-overload,no-any-return]
                            preexec_fn=lambda: die_with(parent, signal.SIGKILL), **options)


@contextmanager
def burning(number: int) -> Iterator[None]:
    """So many processes compute all the time, at normal priority."""
    burners = [start([sys.executable, "-c", "while True: pass"]) for _ in range(number)]
    try:
        yield
    finally:
        for burner in burners:
            burner.kill()
            burner.wait()


def one_round(command: Sequence[str], results: Path) -> dict[str, bool]:
    """Whether each test passed. Prints what is not routine."""
    results.unlink(missing_ok=True)
    ctest = start([*command, "--output-junit", str(results)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                  errors="replace")
    try:
        assert ctest.stdout
        for line in ctest.stdout:
            if not ROUTINE.match(line):
                print(line, end="", flush=True)
        status = ctest.wait()
    finally:
        ctest.terminate()
    if not results.exists():
        sys.exit(f"stress: ctest ended with status {status} and ran nothing")
    cases = ElementTree.parse(results).iter("testcase")
    passed = {case.attrib["name"]: case.attrib["status"] != "fail" for case in cases if case.find("skipped") is None}
    if not passed:
        sys.exit("stress: no test was chosen, or all were skipped")
    if (status == 0) != all(passed.values()):
        sys.exit(f"stress: ctest ended with status {status}, which is not what its results say")
    return passed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=Path)
    parser.add_argument("--times", type=int, default=30, help="rounds (default 30)")
    parser.add_argument("--burn", type=int, default=os.cpu_count(),
                        help="processes that compute all the time (default: one for each processor)")
    parser.add_argument("--minutes", type=float, default=float("inf"),
                        help="begin no round that would end later, by the time of the last one")
    parser.add_argument("ctest", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, end_on_signal)

    began = time.monotonic()
    rounds = 0
    failures: dict[str, list[int]] = {}  # of each test, the rounds
    took = 0.0
    with tempfile.TemporaryDirectory(prefix="dlock-stress-") as folder, burning(options.burn):
        while rounds < options.times and time.monotonic() - began + took <= options.minutes * 60:
            rounds += 1
            print(f"==> round {rounds} of {options.times}, while processes burn: {options.burn}", flush=True)
            round_began = time.monotonic()
            passed = one_round(["ctest", "--test-dir", str(options.build), "--output-on-failure", "--no-label-summary",
                                "--timeout", "300", *options.ctest], Path(folder) / "results.xml")
            took = time.monotonic() - round_began
            for name, well in passed.items():
                failures.setdefault(name, [])
                if not well:
                    failures[name].append(rounds)

    print(f"==> {rounds} of {options.times} rounds in {(time.monotonic() - began) / 60:.1f} min"
          + ("" if rounds == options.times else ": no more time"))
    failed = {name: where for name, where in failures.items() if where}
    for name, where in sorted(failed.items()):
        print(f"    {name}: failed in {len(where)} of {rounds} rounds: {', '.join(map(str, where))}")
    print(f"{len(failures) - len(failed)} passed, {len(failed)} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
