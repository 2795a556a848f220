#!/usr/bin/python3
"""scripts/replica_set.py leaves nothing behind, whatever happens to the process that runs it."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
sys.path.insert(0, str(SCRIPTS))

import mongod  # noqa: E402
from evidence import scratch_folder  # noqa: E402
from processes import is_running, kill_and_wait  # noqa: E402
import private_set  # noqa: E402
from private_set import ReplicaSet, processes_in, wait_for  # noqa: E402

SCRIPT = str(SCRIPTS / "replica_set.py")


class Run(unittest.TestCase):
    """replica_set.py run"""

    def setUp(self) -> None:
        self.scratch = self.enterContext(scratch_folder())
        self.folder = self.scratch / "set"

    def supervise(self, command: str, *through: str) -> subprocess.Popen:
        """Starts a supervisor; when this returns, its COMMAND runs."""
        ready = self.scratch / "ready"
        ready.unlink(missing_ok=True)
        shutil.rmtree(self.folder, ignore_errors=True)  # which kill -9 has left
        supervisor = subprocess.Popen([*through, SCRIPT, "run", "--dir", str(self.folder), "--", "sh", "-c",
                                       f"echo $$ > {ready}.new; mv {ready}.new {ready}; {command}"])
        self.addCleanup(supervisor.wait)
        self.addCleanup(supervisor.kill)
        wait_for(ready.exists, "the command")
        self.assertEqual(1, len(processes_in(self.folder)))
        self.command = int(ready.read_text())
        return supervisor

    def assert_nothing_is_left(self) -> None:
        wait_for(lambda: not processes_in(self.folder), "the end of mongod")
        wait_for(lambda: not is_running(self.command), "the end of the command")

    def test_its_end(self) -> None:
        """That of the command, by a signal, and by kill -9: also of its parent, as when somebody kills the shell that runs ./run."""
        self.assertEqual(7, self.supervise("sleep 5; exit 7").wait(30))
        self.assert_nothing_is_left()
        self.assertFalse(self.folder.exists())
        for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            with self.subTest(signum.name):
                supervisor = self.supervise("exec sleep 1000")
                supervisor.send_signal(signum)
                self.assertEqual(128 + signum, supervisor.wait(30))
                self.assert_nothing_is_left()
                self.assertFalse(self.folder.exists())
        for through in ((), ("sh", "-c", '"$@"; true', "sh")):
            with self.subTest(through):
                supervisor = self.supervise("exec sleep 1000", *through)
                supervisor.kill()
                supervisor.wait()
                self.assert_nothing_is_left()

    def test_killed_while_starting(self) -> None:
        for signum in (signal.SIGTERM, signal.SIGKILL):
            with self.subTest(signum.name):
                supervisor = subprocess.Popen([SCRIPT, "run", "--dir", str(self.folder), "--", "true"])
                self.addCleanup(supervisor.wait)
                wait_for(lambda: bool(processes_in(self.folder)), "mongod")
                supervisor.send_signal(signum)
                supervisor.wait(30)
                wait_for(lambda: not processes_in(self.folder), "the end of mongod")

    def test_several_sets(self) -> None:
        shared = SCRIPTS.parent / "tests" / "shared_set.sh"
        tell = 'echo "$DLOCK_TEST_URL" "$DLOCK_TEST_DIR" "$DLOCK_TEST_SET"'
        script = "; ".join([tell, f"export CTEST_RESOURCE_GROUP_0_SETS=id:1,slots:6; {shared} sh -c '{tell}'",
                            f"export CTEST_RESOURCE_GROUP_0_SETS=id:2,slots:1; {shared} sh -c '{tell}; ls -d $DLOCK_TEST_DIR/0'",
                            "echo $DLOCK_TEST_URL_2 $DLOCK_TEST_DIR_2 $DLOCK_TEST_SET_2"])
        done = subprocess.run([SCRIPT, "run", "--sets", "2", "--", "sh", "-c", script], capture_output=True, text=True, check=True)
        first, also_first, second, listed, also_second = done.stdout.splitlines()
        self.assertEqual([first, second], [also_first, also_second])
        for one, other in zip(first.split(), second.split()):
            self.assertNotEqual(one, other)
        self.assertEqual(second.split()[1] + "/0", listed)
        for folder in (first.split()[1], second.split()[1]):
            self.assertFalse(Path(folder).exists())

    def test_unknown_command(self) -> None:
        done = subprocess.run([SCRIPT, "run", "--dir", str(self.folder), "--", "/no/such/program"],
                              capture_output=True, text=True, check=False)
        self.assertEqual(1, done.returncode)
        self.assertEqual("replica set: /no/such/program: not found\n", done.stderr)
        self.assertEqual([], processes_in(self.folder))

    def test_bad_input(self) -> None:
        for words in (["--nodes", "0"], ["--nodes", "x"], ["--nodes", "8"], ["--bad"]):
            with self.subTest(words):
                done = subprocess.run([SCRIPT, "run", *words, "--", "true"], capture_output=True, check=False)
                self.assertEqual(2, done.returncode)


class Start(unittest.TestCase):
    """replica_set.py start, stop and url"""

    def setUp(self) -> None:
        self.folder = self.enterContext(scratch_folder()) / "set"
        # These sets outlive who starts them. This one stops them when we end, or are killed: its input ends then.
        janitor = subprocess.Popen(["sh", "-c", f"read line; exec {SCRIPT} stop --dir {self.folder} >/dev/null"],
                                   stdin=subprocess.PIPE, start_new_session=True)
        self.addCleanup(janitor.communicate)

    def call(self, verb: str, *words: str) -> subprocess.CompletedProcess:
        return subprocess.run([SCRIPT, verb, "--dir", str(self.folder), *words],
                              capture_output=True, text=True, check=False)

    def assert_status(self, status: int, verb: str, *words: str) -> None:
        done = self.call(verb, *words)
        self.assertEqual(status, done.returncode, done.stdout + done.stderr)

    def test_start_twice_and_stop_twice(self) -> None:
        self.assert_status(1, "url")
        first, again, url = self.call("start"), self.call("start"), self.call("url")
        self.assertEqual((0, 0, 0), (first.returncode, again.returncode, url.returncode),
                         first.stderr + again.stderr + url.stderr)
        self.assertTrue(first.stdout.startswith("mongodb://127.0.0.1:"))
        self.assertEqual((first.stdout, first.stdout), (again.stdout, url.stdout))
        self.assert_status(1, "start", "--nodes", "3")
        self.assertEqual("stopped\n", self.call("stop").stdout)
        self.assertEqual([], processes_in(self.folder))
        self.assertFalse(self.folder.exists())
        self.assertEqual("no server was running\n", self.call("stop").stdout)
        self.assert_status(1, "url")

    def test_start_after_a_crash(self) -> None:
        self.assert_status(0, "start")
        kill_and_wait(processes_in(self.folder))
        self.assert_status(1, "url")
        self.assert_status(0, "start")
        self.assert_status(0, "url")

    def test_two_starts_at_once(self) -> None:
        calls = [subprocess.Popen([SCRIPT, "start", "--dir", str(self.folder)], stdout=subprocess.PIPE, text=True)
                 for _ in range(2)]
        urls = {call.communicate()[0] for call in calls}
        self.assertEqual([0, 0], [call.returncode for call in calls])
        self.assertEqual(1, len(urls))
        self.assertEqual(1, len(processes_in(self.folder)))


class Api(unittest.TestCase):
    """class ReplicaSet"""

    def test_a_port_that_is_taken_is_given_up(self) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            ports = [taken.getsockname()[1]]
            original = private_set.free_port
            private_set.free_port = lambda: ports.pop() if ports else original()
            self.addCleanup(setattr, private_set, "free_port", original)
            with ReplicaSet() as rs:
                self.assertNotEqual(taken.getsockname()[1], rs.members[0].port)
                with rs.connect() as client:
                    client.test.c.insert_one({})

    def test_failures(self) -> None:
        with ReplicaSet(nodes=3, election_timeout_ms=1000) as rs:
            for cause, cure in ((lambda _: rs.stepdown(), lambda _: None), (rs.freeze, rs.thaw), (rs.kill, rs.restart)):
                primary = rs.primary()
                cause(primary)
                wait_for(lambda: rs.primary() != primary, "another primary")
                cure(primary)
                rs.wait_until_healthy()
            self.assertEqual({f"{primary}/mongod.log", f"{primary}/mongod.log.0"},
                             {f"{log.parent.name}/{log.name}" for log in rs.folder.glob(f"{primary}/mongod.log*")}, "a restart keeps the log")

    def test_auth(self) -> None:
        reader = {"user": "reader", "pwd": "secret", "roles": [{"role": "read", "db": "test"}]}
        with ReplicaSet(auth=True, users=[reader]) as rs:
            for url, allowed in ((rs.url, True), (rs.url_for("reader", "secret"), False),
                                 (rs.url_for("reader", "wrong"), False)):
                with private_set.pymongo.MongoClient(url) as client:
                    try:
                        client.test.c.insert_one({})
                        self.assertTrue(allowed, url)
                    except private_set.OperationFailure:
                        self.assertFalse(allowed, url)

    def test_leftovers_of_the_killed_are_removed_and_those_in_use_are_not(self) -> None:
        old = Path(tempfile.mkdtemp(prefix=private_set.PREFIX))
        (old / "lock").touch()
        an_hour_ago = time.time() - 3600
        os.utime(old, (an_hour_ago, an_hour_ago))
        with ReplicaSet() as rs:
            self.assertFalse(old.exists())
            os.utime(rs.folder, (an_hour_ago, an_hour_ago))
            private_set.remove_leftovers()
            self.assertTrue(rs.folder.exists())


if __name__ == "__main__":
    if mongod.find() is None:
        print("skipped: there is no mongod (the tests were given a server by DLOCK_TEST_URL)")
        sys.exit(77)
    unittest.main()
