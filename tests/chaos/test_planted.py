#!/usr/bin/python3
"""The table of planted bugs names those that there are, each with a run that can be made."""

import os
import subprocess
import sys
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "chaos" / "harness")]

import planted  # noqa: E402
import schedule  # noqa: E402
from plan import KINDS  # noqa: E402
from replica_set import SetError  # noqa: E402

BIN = Path(os.environ.get("DLOCK_CHAOS_BIN", ROOT / "build" / "bin"))


class Table(unittest.TestCase):
    def test_has_each_bug_of_the_worker_once(self) -> None:
        listed = subprocess.run([BIN / "chaos-worker", "--list-bugs"], capture_output=True, text=True, check=True).stdout
        self.assertEqual(sorted(line.split("\t")[0] for line in listed.splitlines()), sorted([*planted.NOT_HERE, *(bug.name for bug in planted.BUGS)]))

    def test_each_run_has_its_faults_more_than_once(self) -> None:
        for bug in planted.BUGS:
            with self.subTest(bug.name):
                plan = planted.plan_for(bug, seed=1)
                self.assertEqual({"DLOCK_PLANTED": bug.name}, plan.environment)
                self.assertLessEqual(set(bug.kinds), set(KINDS))
                steps = [step.fault for step in schedule.build(1, plan.seconds, plan.faults, plan.calm)] if plan.faults else []
                for name in bug.faults:
                    self.assertGreaterEqual(steps.count(name), 2, name)

    def test_names(self) -> None:
        self.assertEqual(["lifo", "w1"], [bug.name for bug in planted.chosen("lifo,w1")])
        self.assertEqual(len(planted.BUGS), len(planted.chosen("all")))
        self.assertGreaterEqual(len(planted.chosen("quick")), 5)
        with self.assertRaises(SetError):
            planted.chosen("lifo,nonsense")


if __name__ == "__main__":
    unittest.main()
