#!/usr/bin/python3
"""dlock run when the lock is lost: the command and all its descendants end before the next one gets in, also when
dlock itself is killed or frozen."""

import os
import re
import shutil
import signal
import subprocess
import time
import unittest
import uuid
from collections.abc import Callable

from harness import PATIENCE, Case, children_of, is_alive, main, parent_of, wait_for

TTL = 4.0

# A family that does not want to go. Writes the ids of its members to the file "family".
FAMILY = """#!/bin/bash
trap '' TERM INT HUP
: >family  # before anybody looks for it
endless() { trap '' TERM INT HUP; echo $BASHPID >>family; while :; do sleep 0.1; done; }
export -f endless
setsid bash -c endless &             # left session and group
(setsid bash -c 'endless &' &)       # a daemon
(echo $BASHPID >>family; kill -STOP $BASHPID) &   # is stopped
(endless & endless & wait) &
until [ "$(wc -l <family)" = 5 ]; do sleep 0.01; done
echo $$ >>family
echo yes >ready
while :; do sleep 0.1; done
"""

# One process all the time, but never the same: each forks the next one and ends. (Not for ever, if the test fails.)
CHAIN = """#!/usr/bin/python3
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
end = time.time() + 20
if os.fork() == 0:
    open("ready", "w").write("yes\\n")
    while time.time() < end:
        if os.fork():
            os._exit(0)
time.sleep(600)
"""


class Loss(Case):
    def setUp(self) -> None:
        super().setUp()
        self.mark = uuid.uuid4().hex
        self.addCleanup(self.end_family)

    def end_family(self) -> None:
        """If a test failed."""
        for _ in range(50):
            found = self.marked()
            for pid in found:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            if not found:
                return

    def marked(self) -> list[int]:
        """Whoever descends from the command."""
        found = subprocess.run(f"grep -slaF FAMILY={self.mark} /proc/[0-9]*/environ", shell=True, capture_output=True,
                               text=True).stdout
        return [int(pid) for pid in re.findall(r"\d+", found)]

    def hold(self, script: str = FAMILY, ttl: float = TTL, extra: tuple[str, ...] = (), **options: object) -> subprocess.Popen:
        """A dlock whose command carries a mark in its environment, and so do all its descendants."""
        process = self.start("--ttl", f"{ttl}s", "--clock_skew", "0s", *extra, self.lock, "env", f"FAMILY={self.mark}",
                             self.script(script, "family.sh"), **options)
        self.wait_for_file("ready")
        return process

    def rival(self) -> subprocess.Popen:
        """Waits for the lock; then looks at once who carries the mark."""
        look = self.script(f"grep -slaF FAMILY={self.mark} /proc/[0-9]*/environ >survivors\necho yes >rival\n", "look")
        rival = self.start("--ttl", f"{TTL}s", "--clock_skew", "0s", self.lock, look)
        wait_for(lambda: self.look(self.lock)["waiters"], "it to wait")
        return rival

    def family(self) -> list[int]:
        return [pid for pid in self.pids_in("family") if is_alive(pid)]

    def check_all_gone_before(self, rival: subprocess.Popen) -> None:
        self.assertEqual(self.ended(rival, 0), "")
        survivors = [int(pid) for pid in re.findall(r"\d+", self.file("survivors").read_text())]
        self.assertEqual([pid for pid in survivors if is_alive(pid)], [])
        self.assertEqual(self.file("survivors").read_text(), "")

    def check_lost(self, process: subprocess.Popen, why: str) -> None:
        err = self.ended(process, 123)
        self.assertRegex(err, rf"(?m)^dlock: lost the lock 'job' while the command ran: .*{why}")
        self.assertEqual(err.count("dlock: "), 1, err)
        self.assertNotIn("Sanitizer", err)

    def test_the_server_is_out_of_reach(self) -> None:
        process = self.hold()
        self.assertEqual(len(self.family()), 6)
        self.environment["DLOCK_URL"] = self.server.way_round  # of the rival
        rival = self.rival()
        self.server.break_off()
        self.check_all_gone_before(rival)
        self.check_lost(process, "not renewed in time")

    def test_the_server_no_longer_has_it(self) -> None:
        process = self.hold()
        self.server.evict(self.lock)
        self.check_lost(process, "the server no longer has it")
        self.assertEqual(self.family(), [])

    def test_a_time_limit(self) -> None:
        """--at-most ends it and all its descendants like a loss, and the lock is released."""
        process = self.hold(extra=("--at-most", "5s"))
        rival = self.rival()
        self.check_all_gone_before(rival)
        _, err = process.communicate(timeout=PATIENCE)
        self.assertEqual((process.returncode, err),
                         (122, "dlock: the time of the command is over (--at-most 5 s); the command and all it started were ended\n"))
        self.assertEqual(self.look(self.lock)["history"][1]["end"], "too_long")

    def test_a_time_limit_while_dlock_is_frozen(self) -> None:
        process = self.hold(ttl=60, extra=("--at-most", "4s", "--kill-after", "500ms"))
        process.send_signal(signal.SIGSTOP)
        wait_for(lambda: not self.family(), "all to be gone", 20)
        process.send_signal(signal.SIGCONT)
        self.ended(process, 122)
        self.assertEqual(self.run_to_end("-n", self.lock, "true").returncode, 0)

    def test_a_time_limit_that_is_not_reached(self) -> None:
        result = self.run_to_end("--at-most", "60s", self.lock, "sh", "-c", "exit 3")
        self.assertEqual((result.returncode, result.stderr), (3, ""))

    def test_without_autorefresh(self) -> None:
        process = self.start("--autorefresh=false", "--ttl", "3s", self.lock, "sleep", "600")
        self.check_lost(process, "autorefresh is off")

    def check_gone_in_time(self, what: Callable[[subprocess.Popen], None], script: str = FAMILY) -> subprocess.Popen:
        """`what` is done to dlock. All that its command has started is gone before the next one gets in."""
        process = self.hold(script)
        rival = self.rival()
        what(process)
        self.check_all_gone_before(rival)
        return process

    def test_dlock_is_killed(self) -> None:
        self.check_gone_in_time(lambda process: process.kill())

    def test_dlocks_group_is_killed(self) -> None:
        self.check_gone_in_time(lambda process: os.killpg(process.pid, signal.SIGKILL))

    def test_dlock_is_frozen(self) -> None:
        process = self.check_gone_in_time(lambda process: process.send_signal(signal.SIGSTOP))
        process.send_signal(signal.SIGCONT)
        self.check_lost(process, "not renewed in time")

    def test_dlocks_group_is_frozen(self) -> None:
        process = self.check_gone_in_time(lambda process: os.killpg(process.pid, signal.SIGSTOP))
        os.killpg(process.pid, signal.SIGCONT)
        self.check_lost(process, "not renewed in time")

    def test_a_chain_of_forks(self) -> None:
        self.check_gone_in_time(lambda process: process.kill(), CHAIN)

    def test_a_chain_of_forks_in_a_session_of_its_own(self) -> None:
        chain = CHAIN.replace("signal.signal", "if os.fork() == 0: os.setsid()\nelse: time.sleep(600)\nsignal.signal", 1)
        self.check_gone_in_time(lambda process: process.send_signal(signal.SIGSTOP), chain)

    def test_the_guard_is_killed(self) -> None:
        process = self.check_gone_in_time(lambda process: os.kill(self.guard_of(process.pid), signal.SIGKILL))
        self.assertRegex(self.ended(process, 125), r"\Adlock: the guard process of this dlock was killed.*\n\Z")

    def test_the_guard_is_frozen_and_then_the_lock_lost(self) -> None:
        process = self.hold()
        self.freeze_the_guard_and_lose(process)
        self.check_lost(process, "the server no longer has it")
        self.assertEqual(self.family(), [])

    def test_a_stopped_guard_is_continued(self) -> None:
        """It would see neither a signal for the command nor the command's end."""
        process = self.start("--ttl", "30s", self.lock, "sh", "-c", "echo $$ >ready; exec sleep 600")
        self.wait_for_file("ready")
        os.kill(self.guard_of(process.pid), signal.SIGSTOP)
        process.terminate()
        self.assertEqual(self.ended(process, 128 + signal.SIGTERM), "")

    def check_inherited_ones_are_spared(self, lose: Callable[[subprocess.Popen], None], status: int,
                                        script: str = FAMILY) -> None:
        """A shell that has background jobs and executes dlock leaves them to it as children."""
        shell = ("exec 3>&2 2>/dev/null; (sleep 100 >&- 3>&- & echo $! >orphan; exec sleep 100 >&- 3>&-) & "
                 "sleep 100 >&- 3>&- & echo $! >child; until [ -s orphan ]; do sleep 0.01; done; exec \"$@\" 2>&3 3>&-")
        process = self.hold(script, through=("sh", "-c", shell, "sh"))
        strangers = self.pids_in("orphan") + self.pids_in("child")
        try:
            parent = parent_of(strangers[0])
            os.kill(parent, signal.SIGKILL)
            wait_for(lambda: strangers[0] in children_of(process.pid), "the orphan")
            lose(process)
            _, err = process.communicate(timeout=PATIENCE)
            self.assertEqual((process.returncode, err.count("dlock: ")), (status, 1), err)
            self.assertNotIn("could not be killed", err)
            self.assertEqual(self.marked(), [])
            self.assertEqual([is_alive(pid) for pid in strangers], [True, True])
        finally:
            for pid in strangers:
                if is_alive(pid):
                    os.kill(pid, signal.SIGKILL)

    def test_inherited_children_and_a_loss(self) -> None:
        self.check_inherited_ones_are_spared(lambda process: self.server.evict(self.lock), 123)

    def test_inherited_children_and_a_killed_guard(self) -> None:
        self.check_inherited_ones_are_spared(lambda process: os.kill(self.guard_of(process.pid), signal.SIGKILL), 125)

    def freeze_the_guard_and_lose(self, process: subprocess.Popen) -> None:
        os.kill(self.guard_of(process.pid), signal.SIGSTOP)
        self.server.evict(self.lock)

    def test_inherited_children_and_a_frozen_guard(self) -> None:
        self.check_inherited_ones_are_spared(self.freeze_the_guard_and_lose, 123)

    def test_inherited_children_a_frozen_guard_and_a_chain_of_forks(self) -> None:
        self.check_inherited_ones_are_spared(self.freeze_the_guard_and_lose, 123, CHAIN)

    def test_a_command_that_ends_well_when_told_to(self) -> None:
        process = self.hold("#!/bin/bash\ntrap 'echo tidy >tidied; exit 0' TERM\necho yes >ready\n"
                            "while :; do sleep 0.05; done\n", ttl=30.0)
        began = time.monotonic()
        self.server.evict(self.lock)
        self.check_lost(process, "the server no longer has it")
        self.assertEqual(self.wait_for_file("tidied"), "tidy\n")
        # The next renewal comes within 10 s and tells; the lease ends 17 s from now at the soonest.
        self.assertLess(time.monotonic() - began, 16)

    def test_kill_after(self) -> None:
        """TERM comes that long before KILL, and both inside the lease."""
        script = self.script("#!/bin/bash\ntrap 'date +%s.%N >told' TERM\necho $$ >ready\n"
                             "while :; do date +%s.%N >>alive; sleep 0.02; done\n")
        process = self.start("--ttl", "30s", "--kill-after", "4s", self.lock, script)
        [command] = self.pids_in("ready")
        killed = time.time()
        process.kill()
        told = float(self.wait_for_file("told"))
        self.assertLess(told - killed, 10)  # at once, not 4 s before the lease's end
        wait_for(lambda: not is_alive(command), "its end")
        alive = float(self.file("alive").read_text().rsplit("\n", 2)[-2])  # KILL may cut the last line short
        self.assertTrue(2 <= alive - told <= 10, f"KILL came {alive - told:.3f} s after TERM")

    def test_processes_that_outlive_the_command_are_left_alone(self) -> None:
        process = self.start("--ttl", "2s", self.lock, "sh", "-c",
                             "sleep 600 >&- 2>&- & echo $! >left; setsid sleep 600 >&- 2>&- & echo $! >>left")
        self.ended(process, 0)
        time.sleep(2.5)  # past its lease
        left = self.pids_in("left")
        try:
            self.assertEqual([is_alive(pid) for pid in left], [True, True])
        finally:
            for pid in left:
                os.kill(pid, signal.SIGKILL)

    @unittest.skipUnless(os.geteuid() == 0 and shutil.which("setpriv"), "needs root, to become somebody else")
    def test_a_descendant_of_another_user(self) -> None:
        """It cannot be killed: dlock says so and does not wait for it."""
        self.folder.chmod(0o777)
        become_root = self.folder / "become-root"
        shutil.copy(shutil.which("setpriv"), become_root)
        become_root.chmod(0o4755)
        script = self.script(f"{become_root} --reuid 0 sleep 600 2>/dev/null &\necho $! >>other\necho yes >>ready\nwait\n", "other.sh")
        process = self.start("--ttl", "5s", "--autorefresh", "no", self.lock, script,
                             through=("setpriv", "--reuid", "65534", "--clear-groups"), stdout=subprocess.DEVNULL)
        self.wait_for_file("ready")
        other = self.pids_in("other")[0]
        wait_for(lambda: os.stat(f"/proc/{other}").st_uid == 0, "somebody else")
        self.assertIn("except 1 that could not be killed (run dlock as the user they run as)", self.ended(process, 123))
        self.assertTrue(is_alive(other))
        os.kill(other, signal.SIGKILL)

    def test_a_guard_without_work_ends_with_dlock(self) -> None:
        with self.holder():
            waiter = self.start(self.lock, "true")
            guard = self.guard_of(waiter.pid)
            waiter.kill()
            wait_for(lambda: not is_alive(guard), "the guard to end")

    def test_the_guard_dies_while_waiting(self) -> None:
        with self.holder():
            waiter = self.start(self.lock, "true")
            wait_for(lambda: self.look(self.lock)["waiters"], "it to wait")
            os.kill(self.guard_of(waiter.pid), signal.SIGKILL)
            self.assertEqual(self.ended(waiter, 125), "dlock: gave up waiting for the lock 'job': the guard process of this dlock was killed; start dlock again\n")


if __name__ == "__main__":
    main()
