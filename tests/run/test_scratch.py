#!/usr/bin/python3
"""A test that fails leaves its evidence, and names it; one that passes leaves nothing (tests/support/scratch.py)."""

import os
import shlex
import signal
import subprocess
import sys
import time
import unittest
from pathlib import Path
from unittest import mock

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

import evidence  # noqa: E402
import mongod  # noqa: E402
from processes import is_running  # noqa: E402
from private_set import wait_for  # noqa: E402

SCRATCH = str(ROOT / "tests" / "support" / "scratch.py")
SET = str(ROOT / "scripts" / "replica_set.py")
# A member's folder, and what a test of the harness may have besides.
LEAVE = """mkdir -p "$TMPDIR/set/0/journal" "$TMPDIR/run/history"
echo data | tee "$TMPDIR/set/0/WiredTiger" "$TMPDIR/set/0/index.wt" >"$TMPDIR/set/0/journal/log"
echo log | tee "$TMPDIR/set/0/mongod.log.0" >"$TMPDIR/set/0/mongod.log"
echo event >"$TMPDIR/run/history/w0.1.jsonl"
mkfifo "$TMPDIR/run/fifo"
truncate -s 300M "$TMPDIR/run/core"
"""
KEPT = ["output.txt", "run/history/w0.1.jsonl", "set/0/mongod.log", "set/0/mongod.log.0"]


def files_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


class Case(unittest.TestCase):
    def setUp(self) -> None:
        folder = self.enterContext(evidence.scratch_folder())
        self.temporary, self.evidence = folder / "tmp", folder / "evidence"
        self.temporary.mkdir()
        without = {name: value for name, value in os.environ.items() if name not in (evidence.SCRATCH, evidence.EVIDENCE)}
        self.environment = without | {"TMPDIR": str(self.temporary)}

    def wrapped(self, *command: str, name: str = "t.one") -> list[str]:
        return [SCRATCH, "--evidence", str(self.evidence), name, "--", *command]

    def call(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              timeout=120, check=False)

    def run_wrapped(self, script: str, status: int) -> list[str]:
        """The lines that it printed."""
        done = self.call(*self.wrapped("sh", "-c", script))
        self.assertEqual(done.returncode, status, done.stdout)
        return done.stdout.splitlines()

    def left(self) -> list[str]:
        """In the folder for temporary files."""
        return [path.name for path in self.temporary.iterdir()]

    def kept(self) -> list[str]:
        return sorted(path.name for path in self.evidence.iterdir()) if self.evidence.exists() else []


class Scratch(Case):
    def test_what_passes_leaves_nothing(self) -> None:
        for status in (0, 77):
            with self.subTest(status):
                lines = self.run_wrapped(f"{LEAVE}\necho hello; echo $TMPDIR; echo $DLOCK_SCRATCH >&2; exit {status}", status)
                folder = lines[0].removeprefix("scratch folder: ")
                self.assertEqual(lines[1:], ["hello", folder, folder])
                self.assertEqual(Path(folder).parent, self.temporary)
                self.assertEqual((self.left(), self.kept()), ([], []))
        self.assertEqual(self.call(SCRATCH, "--evidence", str(self.evidence), "--report").stdout, "")

    def test_what_fails_leaves_its_evidence(self) -> None:
        lines = self.run_wrapped(f"{LEAVE}\necho out; echo err >&2; exit 3", 3)
        kept = self.evidence / "t.one"
        self.assertEqual(lines[1:], ["out", "err", "scratch: run/core is left out: it is too large", f"evidence: {kept}"])
        self.assertEqual(files_in(kept), KEPT)
        self.assertEqual((kept / "output.txt").read_text(), "out\nerr\n")
        self.assertEqual(self.left(), [])
        again = self.run_wrapped("exit 1", 1)  # as ctest --repeat does
        self.assertEqual(again[-1], f"evidence: {kept}.2")
        self.assertEqual(self.kept(), ["t.one", "t.one.2"])

    def test_a_crash_and_a_command_that_is_not_there(self) -> None:
        lines = self.run_wrapped("kill -SEGV $$", 128 + signal.SIGSEGV)
        self.assertEqual(lines[1:], ["scratch: sh was ended by SIGSEGV", f"evidence: {self.evidence}/t.one"])
        self.environment["DLOCK_EVIDENCE"] = str(self.evidence / "other")
        done = self.call(*self.wrapped("/no/such/command"))
        self.assertEqual((done.returncode, done.stdout.splitlines()[1]), (127, "scratch: /no/such/command: No such file or directory"))
        self.assertEqual(self.kept(), ["other", "t.one"])

    def test_processes_that_are_left_do_not_delay_the_end(self) -> None:
        """One has the output open, the other is a mongod, by its name."""
        server = f"{sys.executable} -c 'import time; time.sleep(600)' --dbpath $TMPDIR/set/0"
        began = time.monotonic()
        lines = self.run_wrapped(f"sleep 20 & setsid {server} >/dev/null 2>&1 & echo $! >$TMPDIR/pid; "
                                 "until grep -qs python /proc/$!/comm; do sleep 0.05; done; exit 1", 1)
        self.assertLess(time.monotonic() - began, 15)
        self.assertIn("scratch: 1 mongod still ran in", lines[1])
        self.assertFalse(is_running(int((self.evidence / "t.one" / "pid").read_text())))

    # Signals and ends

    def begin(self, script: str) -> tuple[subprocess.Popen[str], Path, int]:
        """Starts it. Its process, its scratch folder, and the command's process."""
        process = subprocess.Popen(self.wrapped("sh", "-c", f"echo $$; {script}"), env=self.environment, stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT, text=True)
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        assert process.stdout
        folder = Path(process.stdout.readline().strip().removeprefix("scratch folder: "))
        return process, folder, int(process.stdout.readline())

    def test_signals_are_passed_on(self) -> None:
        for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            with self.subTest(signum.name):
                process, _, _ = self.begin("trap 'echo got it; exit 5' TERM INT HUP; echo ready; while :; do sleep 0.1; done")
                assert process.stdout
                self.assertEqual(process.stdout.readline(), "ready\n")
                process.send_signal(signum)
                said, _ = process.communicate(timeout=30)
                self.assertEqual((process.returncode, said.splitlines()[0]), (5, "got it"), said)

    def test_a_test_that_is_killed_leaves_its_folder_for_the_report(self) -> None:
        process, folder, command = self.begin(f"{LEAVE}\necho left; exec sleep 600")
        assert process.stdout
        self.assertEqual(process.stdout.readline(), "left\n")
        another, in_use, _ = self.begin("exec sleep 600")
        process.kill()
        process.wait()
        wait_for(lambda: not is_running(command), "the end of the command")
        self.assertTrue(folder.exists())
        said = self.call(SCRATCH, "--evidence", str(self.evidence), "--report").stdout.splitlines()
        self.assertEqual(said[-2:], ["evidence of what failed:", f"  {self.evidence}/t.one"])
        self.assertEqual(files_in(self.evidence / "t.one"), KEPT)
        self.assertEqual(self.left(), [in_use.name])
        self.assertIsNone(another.poll())

    def test_the_next_run_of_the_tests_removes_what_is_left(self) -> None:
        self.run_wrapped("exit 1", 1)
        process, folder, _ = self.begin("exec sleep 600")
        _, in_use, _ = self.begin("exec sleep 600")
        process.kill()
        process.wait()
        self.call(SCRATCH, "--evidence", str(self.evidence / "of-other-tests"), "--clean")
        self.assertTrue(folder.exists())
        done = self.call(SCRATCH, "--evidence", str(self.evidence), "--clean")
        self.assertEqual((done.returncode, done.stdout, self.kept()), (0, "", []))
        self.assertEqual(self.left(), [in_use.name])

    def test_it_dies_with_its_parent(self) -> None:
        pids = self.temporary / "pids"
        command = shlex.join(self.wrapped("sh", "-c", f"echo $PPID $$ >{pids}.new; mv {pids}.new {pids}; exec sleep 600"))
        parent = subprocess.Popen(["sh", "-c", f"{command}; true"], env=self.environment, stdout=subprocess.DEVNULL)
        self.addCleanup(parent.wait)
        self.addCleanup(parent.kill)
        wait_for(pids.exists, "the command")
        parent.kill()
        wait_for(lambda: not any(is_running(int(pid)) for pid in pids.read_text().split()), "the end of all")


class Folders(Case):
    """evidence.scratch_folder"""

    def one(self, fails: bool, **environment: str) -> Path:
        with mock.patch.dict(os.environ, environment), mock.patch("sys.stderr"):
            if not environment:
                os.environ.pop(evidence.SCRATCH, None)
            with mock.patch("tempfile.tempdir", str(self.temporary)):
                try:
                    with evidence.scratch_folder() as folder:
                        if fails:
                            raise KeyError
                except KeyError:
                    pass
        return folder

    def test_it_stays_if_somebody_else_decides_or_it_was_left_by_an_exception(self) -> None:
        self.assertFalse(self.one(fails=False).exists())
        self.assertTrue(self.one(fails=True).exists())
        self.assertTrue(self.one(fails=False, DLOCK_SCRATCH=str(self.temporary)).exists())


CASES = f"""import sys
sys.path.insert(0, {str(ROOT / "tests" / "cli")!r})
from harness import Case, main

class Some(Case):
    def test_good(self):
        self.file("good").write_text("good")
        self.assertEqual(self.run_to_end("fine").returncode, 0)

    def test_bad(self):
        self.run_to_end("fine")
        self.assertEqual(self.run_to_end("wrong").returncode, 0)

main()
"""
DLOCK = """#!/bin/sh
shift 3  # run --db NAME
echo "it said $1" >&2
[ "$1" = fine ] || exit 3
"""
PROXY = """#!/bin/sh
echo ports 1 2 3
while read command; do echo ok; done
"""


needs_mongod = unittest.skipIf(mongod.find() is None, "there is no mongod (the tests were given a server by DLOCK_TEST_URL)")


@needs_mongod
class CasesOfTheCommand(Case):
    """tests/cli/harness.py"""

    def test_one_that_fails_tells_what_its_processes_said(self) -> None:
        cases, dlock = self.temporary / "cases.py", self.temporary / "dlock"
        cases.write_text(CASES)
        for name, script in (("dlock", DLOCK), ("chaos-proxy", PROXY)):
            (self.temporary / name).write_text(script)
            (self.temporary / name).chmod(0o755)
        self.environment = {name: value for name, value in self.environment.items() if not name.startswith("DLOCK_TEST")}
        self.environment["DLOCK_BIN"] = str(dlock)
        done = self.call(*self.wrapped(SET, "run", "--", sys.executable, "-B", str(cases)))
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertRegex(done.stdout, rf"\$ {dlock} run --db \w+ wrong\n  status 3\n  stdout: \(nothing\)\n  stderr: it said wrong\n")
        names = files_in(self.evidence)
        self.assertEqual([name for name in names if name.endswith("/good")], [])
        (account,) = [name for name in names if name.endswith("/account.txt")]
        self.assertIn(f"its folder: {Path(account).parent.name}, in the evidence of this test", done.stdout)
        self.assertIn("it said wrong", (self.evidence / account).read_text())


@needs_mongod
class Servers(Case):
    """A replica set's logs are kept, its data is not."""

    def test_in_the_evidence_of_a_test(self) -> None:
        self.call(*self.wrapped(SET, "run", "--", "sh", "-c", "exit 3"))
        names = files_in(self.evidence / "t.one")
        self.assertTrue([name for name in names if name.endswith("/0/mongod.log")], names)
        self.assertEqual([name for name in names if "WiredTiger" in name or name.endswith(".wt")], [])
        self.assertEqual(self.left(), [])

    def test_of_the_set_that_tests_share(self) -> None:
        self.call(SET, "run", "--", "sh", "-c", "exit 3")  # nobody asked
        self.environment["DLOCK_EVIDENCE"] = str(self.evidence)
        self.call(SET, "run", "--", "true")
        self.assertEqual(self.kept(), [])
        done = self.call(SET, "run", "--", "sh", "-c", "exit 3")
        self.assertEqual((done.returncode, done.stdout), (3, f"evidence: {self.evidence}/replica-set: the logs of the replica set\n"))
        names = files_in(self.evidence / "replica-set")
        self.assertTrue({"0/mongod.log", "set.json"} <= set(names) and "0/WiredTiger" not in names, names)
        self.assertEqual(self.left(), [])


if __name__ == "__main__":
    unittest.main()
