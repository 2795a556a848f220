#!/usr/bin/python3
"""The schedule of faults is a pure function of the seed and the options."""

import os
import subprocess
import sys
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "chaos" / "harness")]

import schedule  # noqa: E402
from faults import FAULTS  # noqa: E402
from plan import LONG_LOCK, Plan  # noqa: E402

ALL = sorted(FAULTS)


class Schedule(unittest.TestCase):
    def test_it_follows_from_the_seed(self) -> None:
        """Not from the order of names, another seed of the process, or how Python orders sets."""
        self.assertEqual([], schedule.build(1, 60, []))
        first, other = schedule.build(5, 300, ALL), schedule.build(1, 300, ALL)
        self.assertNotEqual([step.fault for step in first], [step.fault for step in other])
        self.assertEqual(first, schedule.build(5, 300, list(reversed(ALL))))
        program = (f"import sys; sys.path[:0] = {sys.path[:2]!r}; import schedule; from faults import FAULTS; "
                   "print(schedule.build(5, 300, list(FAULTS)))")
        printed = {subprocess.run([sys.executable, "-c", program], env=os.environ | {"PYTHONHASHSEED": seed}, text=True,
                                  capture_output=True, check=True).stdout for seed in ("1", "2", "3")}
        self.assertEqual({f"{first}\n"}, printed)

    def test_calm_is_for_clients_and_the_wire(self) -> None:
        usual, calm = (schedule.build(5, 600, ALL, calm) for calm in (1, 4))

        def of(steps: list[schedule.Step], lane: str) -> list[tuple[float, str]]:
            return [(step.at, step.fault) for step in steps if step.lane == lane]
        self.assertEqual(of(usual, "members"), of(calm, "members"))
        for lane in ("workers", "wire"):
            self.assertLess(len(of(calm, lane)), 0.8 * len(of(usual, lane)))

    def test_further_locks_have_names_of_their_own(self) -> None:
        self.assertEqual(["m0", "m1", "m2", "m3", "s0:3", "s1:3"], Plan(locks_each=2, kinds=["mutex", "semaphore"]).locks)
        everything = Plan(locks_each=4).locks
        self.assertEqual(20, len(set(everything)))
        self.assertNotIn(LONG_LOCK, everything)

    def test_a_minute_has_room_for_every_class(self) -> None:
        for seed in range(50):
            self.assertEqual(set(ALL), {step.fault for step in schedule.build(seed, 60, ALL)}, f"seed {seed}")

    def test_a_lane_has_one_fault_at_a_time_and_ends_in_time(self) -> None:
        for seconds in (10, 60, 600):
            steps = schedule.build(3, seconds, ALL)
            self.assertEqual([step.n for step in steps], list(range(1, len(steps) + 1)))
            for lane in {step.lane for step in steps}:
                free = 0.0
                for step in steps:
                    if step.lane == lane:
                        self.assertGreaterEqual(step.at, free)
                        free = step.at + step.span
                self.assertLess(free, seconds)

    def test_a_long_run_has_as_many_of_each_class_of_a_lane(self) -> None:
        steps = schedule.build(6, 3600, ALL)
        for lane in ("members", "workers", "wire"):
            counts = [sum(step.fault == name for step in steps) for name in ALL if FAULTS[name].lane == lane]
            self.assertLessEqual(max(counts) - min(counts), 1)
        for step in steps:
            low, high = FAULTS[step.fault].span
            self.assertTrue(low <= step.span <= high, step)


if __name__ == "__main__":
    unittest.main()
