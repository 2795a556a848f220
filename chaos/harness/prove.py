#!/usr/bin/python3
"""What ./run planted does: each planted bug is found by whom its patch names, and nothing is found without it.

Runs of chaos are another matter: ./run chaos --planted.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

from processes import ENDING, die_with, end_on_signal  # noqa: E402
from private_set import SetError  # noqa: E402

from patches import Finder, Patch, PatchedTree, finder, named  # noqa: E402
from progress import say  # noqa: E402

ATTEMPTS = 3  # on a busy machine a test may not come to what it looks for
LIMIT = 300  # seconds


class Programs:
    """The finders' programs, as they are in a folder now."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def _run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        try:
            return subprocess.run([self.folder / program, *arguments], capture_output=True, text=True, timeout=LIMIT)
        except subprocess.TimeoutExpired as late:
            raise SetError(f"{program} {' '.join(arguments)} did not end within {LIMIT} s") from late

    def failing(self, program: str, tests: Iterable[str]) -> str:
        """What a suite says of those of its tests that fail."""
        done = self._run(program, f"--gtest_filter={':'.join(tests)}", "--gtest_brief=1")
        if done.returncode == 0:
            return ""
        if "[  FAILED  ]" not in done.stdout:
            raise SetError(f"{program} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done.stdout

    def broken(self, *options: str) -> str:
        """The rule that the simulator sees broken, and by whom; '' if none is."""
        done = self._run("dlock-simulate", *options)
        found = re.search(r"^seed \d+: BROKEN .*$", done.stdout, re.MULTILINE)
        if not found and done.returncode:
            raise SetError(f"dlock-simulate ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return found.group() if found else ""

    def find(self, patch: Patch, finder: Finder) -> bool:
        if finder.kind == "simulator":
            return bool(self.broken("--seeds", "1..1000000", "--minutes", "1"))
        for _ in range(ATTEMPTS):
            if self.failing(finder.program, [finder.tests]):
                return True
        return False


def expect_nothing(programs: Programs, patches: Sequence[Patch]) -> None:
    """Without a bug no finder finds any."""
    suites = defaultdict(set)
    simulated = False
    for patch in patches:
        for each in patch.cheap:
            if each.kind == "simulator":
                simulated = True
            else:
                suites[each.program].add(each.tests)
    for program, tests in suites.items():
        if said := programs.failing(program, sorted(tests)):
            raise SetError(f"{program} fails although no bug is planted:\n{said}")
    if simulated and (said := programs.broken("--seeds", "1..100")):
        raise SetError(f"the simulator finds something although no bug is planted: {said}")


def prove(tree: PatchedTree, patches: Sequence[Patch]) -> int:
    """How many were not found."""
    programs = Programs(tree.bin)
    tree.build(finder.program for patch in patches for finder in patch.cheap)
    expect_nothing(programs, patches)
    say(f"==> planting {len(patches)}, one after the other")
    missed = 0
    for patch in patches:
        with tree.with_bug(patch):
            tree.build(finder.program for finder in patch.cheap)
            blind = [str(finder) for finder in patch.cheap if not programs.find(patch, finder)]
        missed += bool(blind)
        print(f"  {patch.name:30} {'NOT FOUND by ' + '; '.join(blind) if blind else '; '.join(map(str, patch.cheap))}", flush=True)
    return missed


def main() -> int:
    what = argparse.ArgumentParser(prog="./run planted", description=__doc__.splitlines()[0])
    what.add_argument("names", nargs="*", metavar="NAME", help="of patches in chaos/planted (default: all)")
    what.add_argument("--build", type=Path, default=ROOT / "build" / "planted", help=argparse.SUPPRESS)
    what.add_argument("--only", metavar="KIND", help="finders of this kind, whoever the patches name")
    given = what.parse_args()
    for signum in ENDING:
        signal.signal(signum, end_on_signal)
    die_with(os.getppid(), signal.SIGTERM)
    try:
        patches = [patch for patch in named(given.names) if patch.cheap]
        if given.only:
            patches = [replace(patch, finders=[finder(given.only)]) for patch in patches]
        say("==> building a copy of the tree")
        with PatchedTree(given.build).in_use() as tree:
            missed = prove(tree, patches)
    except SetError as error:
        print(f"planted: {error}", file=sys.stderr)
        return 1
    print(f"{len(patches) - missed} passed, {missed} failed")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
