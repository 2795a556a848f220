#!/usr/bin/python3
"""dlock run without a terminal: signals reach the command once, and end a wait."""

import os
import signal
import subprocess
import time
import unittest

from harness import PATIENCE, Case, children_of, main, wait_for

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)

# Writes the names of the signals it gets, a line each; ends with status 5 when the file "end" appears.
LISTENER = """#!/usr/bin/python3
import os, signal, sys, time
log = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
for number in (1, 2, 3, 10, 12, 15, *map(int, sys.argv[2:])):
    signal.signal(number, lambda n, _: os.write(log, f"{signal.Signals(n).name}\\n".encode()))
os.write(log, b"ready\\n")
while not os.path.exists("end"):
    time.sleep(0.01)
sys.exit(5)
"""


class Signals(Case):
    def listener(self) -> str:
        return self.script(LISTENER, "listener")

    def test_each_reaches_the_command_once(self) -> None:
        process = self.start(self.lock, self.listener(), "log")
        self.assertEqual(self.wait_for_file("log"), "ready\n")
        for count, number in enumerate(SIGNALS, start=2):
            process.send_signal(number)
            wait_for(lambda: self.file("log").read_text().count("\n") >= count, number.name)
        time.sleep(0.2)
        self.file("end").touch()
        self.ended(process, 5)
        self.assertEqual(self.file("log").read_text().split(), ["ready", *(number.name for number in SIGNALS)])

    def test_a_signal_to_dlocks_group_too(self) -> None:
        process = self.start(self.lock, self.listener(), "log")
        self.wait_for_file("log")
        os.killpg(process.pid, signal.SIGTERM)
        wait_for(lambda: "TERM" in self.file("log").read_text(), "TERM")
        time.sleep(0.2)
        self.file("end").touch()
        process.communicate(timeout=PATIENCE)
        self.assertEqual(self.file("log").read_text().split(), ["ready", "SIGTERM"])

    def test_the_commands_children_get_them_too(self) -> None:
        """It has a process group of its own, without a terminal."""
        listener = self.listener()
        process = self.start(self.lock, "sh", "-c", f"trap : TERM; {listener} log & wait; wait; exit 9")
        self.wait_for_file("log")
        process.terminate()
        wait_for(lambda: "TERM" in self.file("log").read_text(), "TERM")
        self.file("end").touch()
        self.ended(process, 9)

    def test_a_command_that_dies_of_a_signal(self) -> None:
        for number in SIGNALS:
            process = self.start(self.lock, "sh", "-c", f"echo yes >r{number.value}; exec sleep 600")
            self.wait_for_file(f"r{number.value}")
            process.send_signal(number)
            self.ended(process, 128 + number)

    def test_what_was_ignored_stays_ignored(self) -> None:
        script = self.script("echo yes >running; until [ -e end ]; do sleep 0.05; done; exit 4\n")
        process = self.start(self.lock, script, through=("env", "--ignore-signal=HUP,INT"))
        self.wait_for_file("running")
        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGINT)
        os.killpg(process.pid, signal.SIGHUP)
        time.sleep(0.3)
        self.assertIsNone(process.poll())
        self.file("end").touch()
        self.assertEqual(process.wait(PATIENCE), 4)

    def test_with_streams_that_are_closed(self) -> None:
        """dlock's own descriptors must not be in their place."""
        process = self.start(self.lock, self.listener(), "log", through=("sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh"))
        self.wait_for_file("log")
        process.terminate()
        wait_for(lambda: "TERM" in self.file("log").read_text(), "TERM")
        self.file("end").touch()
        self.assertEqual(process.wait(PATIENCE), 5)


class WhileWaiting(Case):
    def test_a_waiter_dies_of_a_signal_and_leaves_the_queue(self) -> None:
        """It has 0.4 s to leave, not always enough on a busy machine."""
        def leaves(number: int) -> bool:
            waiter = self.start(self.lock, "touch", "got-in")
            self.wait_until_queued(waiter)
            waiter.send_signal(number)
            self.assertEqual(self.ended(waiter, -number), "")
            return not self.is_queued(waiter)

        with self.holder():
            for number in SIGNALS:
                wait_for(lambda: leaves(number), f"one to leave the queue by {number.name}")
        self.assertFalse(self.file("got-in").exists())

    def test_an_ignored_signal_ends_no_wait(self) -> None:
        with self.holder():
            waiter = self.start(self.lock, "touch", "got-in", through=("env", "--ignore-signal=HUP"))
            self.wait_until_queued()
            waiter.send_signal(signal.SIGHUP)
            time.sleep(0.5)
            self.assertIsNone(waiter.poll())
        self.assertEqual(waiter.wait(PATIENCE), 0)
        self.assertTrue(self.file("got-in").exists())

    def test_dlock_dies_of_a_signal_while_it_reads_the_url_from_a_pipe(self) -> None:
        os.mkfifo(self.file("url"))
        for verb in ("run", "elect"):
            process = self.start("--url-file", "url", self.lock, "true", verb=verb)
            time.sleep(0.5)
            process.terminate()
            process.communicate(timeout=PATIENCE)
            self.assertEqual(process.returncode, -signal.SIGTERM, verb)
        self.assertEqual(self.run_to_end("--url-file", "url", "-w", "1", self.lock, "true").returncode, 125)

    def test_a_signal_ends_a_wait_while_the_server_is_away(self) -> None:
        with self.holder("--ttl", "60s"):
            waiter = self.start(self.lock, "true")
            self.wait_until_queued()
            self.server.break_off()
            time.sleep(0.3)
            began = time.monotonic()
            waiter.terminate()
            self.ended(waiter, -signal.SIGTERM)
            self.assertLess(time.monotonic() - began, 8)  # by itself it gives up after 30
            self.server.mend()

    @unittest.skipUnless(os.geteuid() == 0, "needs root, to make a PID namespace")
    def test_as_process_1_of_a_container(self) -> None:
        """It does not die of signals, so it exits with the status that a shell would report."""
        inside = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]
        result = subprocess.run([*inside, *self.command(self.lock, "sh", "-c", "exit 7")], env=self.environment,
                                timeout=PATIENCE)
        self.assertEqual(result.returncode, 7)
        with self.holder():
            waiter = self.start(self.lock, "true", through=tuple(inside))
            self.wait_until_queued()
            [dlock] = children_of(waiter.pid)
            os.kill(dlock, signal.SIGTERM)
            self.assertEqual(waiter.wait(PATIENCE), 128 + signal.SIGTERM)

    def is_queued(self, *waiters: subprocess.Popen[str]) -> bool:
        """Those, or anybody."""
        queue = [each["who"] for each in self.look(self.lock)["waiters"]]
        return all(any(f":{waiter.pid} " in who for who in queue) for waiter in waiters) and queue != []

    def wait_until_queued(self, *waiters: subprocess.Popen[str]) -> None:
        wait_for(lambda: self.is_queued(*waiters), "a waiter")


if __name__ == "__main__":
    main()
