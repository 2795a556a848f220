#!/usr/bin/python3
"""scripts/stress.py says which tests failed in which rounds, and leaves nothing running."""

import signal
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
sys.path.insert(0, str(SCRIPTS))

from private_set import wait_for  # noqa: E402
from processes import is_running  # noqa: E402

STRESS = str(SCRIPTS / "stress.py")


def children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


class Stress(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.build = Path(folder.name)
        # What fails in its second round, and in no other.
        second = f'n=$(cat {self.build}/n); echo $((n + 1)) > {self.build}/n; test $n != 2'
        (self.build / "n").write_text("1\n")
        (self.build / "CTestTestfile.cmake").write_text(
            f'add_test(good true)\nadd_test(second sh -c [[{second}]])\nadd_test(long sleep 30)\n')

    def stress(self, *words: str) -> subprocess.CompletedProcess:
        return subprocess.run([STRESS, "--burn", "1", *words], capture_output=True, text=True, check=False)

    def test_a_failure_in_one_round_is_a_failure(self) -> None:
        done = self.stress("--times", "3", str(self.build), "-E", "long")
        self.assertEqual(1, done.returncode, done)
        self.assertRegex(done.stdout, r"(?s)==> round 1 of 3.*\n100% tests passed, 0 tests failed out of 2\n.*==> round 3 of 3")
        self.assertTrue(done.stdout.endswith("\n    second: failed in 1 of 3 rounds: 2\n1 passed, 1 failed\n"), done.stdout)

    def test_the_time_is_bounded(self) -> None:
        done = self.stress("--times", "9999", "--minutes", "0.02", str(self.build), "-R", "good")
        self.assertEqual(0, done.returncode, done)
        self.assertRegex(done.stdout, r"\n==> \d+ of 9999 rounds in 0\.\d min: no more time\n1 passed, 0 failed\n\Z")

    def test_nothing_chosen_is_an_error(self) -> None:
        done = self.stress(str(self.build), "-R", "nothing")
        self.assertEqual(1, done.returncode, done)
        self.assertIn("no test was chosen", done.stderr)

    def test_nothing_is_left_running(self) -> None:
        for signum in (signal.SIGTERM, signal.SIGKILL):
            with self.subTest(signum):
                stress = subprocess.Popen([STRESS, "--burn", "2", str(self.build), "-R", "long"], stdout=subprocess.DEVNULL)
                wait_for(lambda: len(children(stress.pid)) == 3, "two that burn, and ctest")
                started = children(stress.pid)
                stress.send_signal(signum)
                stress.wait()
                wait_for(lambda: not any(map(is_running, started)), "the end of all")


if __name__ == "__main__":
    unittest.main()
