#!/usr/bin/python3
"""dlock and servers that cannot be used yet: what is waited out, for how long, and what is not."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import time
from typing import Any

from harness import PATIENCE, Case, main, read_line, wait_for


class NetworkDown(Case):
    def ends(self, *words: str, within: tuple[float, float], verb: str = "run", err: str = "contact|no answer|no primary|No suitable servers") -> None:
        began = time.monotonic()
        result = self.run_to_end(*words, verb=verb, seconds=90)
        took = time.monotonic() - began
        self.assertEqual((result.returncode, result.stdout), (125, ""), words)
        self.assertRegex(result.stderr, rf"\Adlock: [^\n]*({err})[^\n]*\n\Z")
        self.assertTrue(within[0] <= took < within[1], f"{words} took {took:.3f} s")

    def test_by_default_the_contact_may_take_longer_than_an_election(self) -> None:
        self.server.break_off()
        self.ends(self.lock, "true", within=(29.5, 45))

    def test_connect_timeout_limits_the_contact(self) -> None:
        self.server.break_off()
        for verb, words in (("run", ("--connect-timeout", "2", self.lock, "true")), ("ls", ("--connect-timeout=2s",)),
                            ("run", ("-w", "40", "--connect-timeout", "2", self.lock, "true")),
                            ("elect", ("--connect_timeout", "2s", self.lock, "true")), ("watch", ("--connect-timeout", "2",)),
                            ("show", ("--connect-timeout", "2000ms", self.lock)),
                            ("release", ("--force", "--connect-timeout", "2", self.lock))):
            self.ends(*words, within=(1.9, 9), verb=verb)

    def test_wait_limits_the_time_for_the_contact(self) -> None:
        self.server.break_off()
        self.ends("-w", "1", self.lock, "true", within=(1, 8))
        self.ends("-w", "1", "--connect-timeout", "40", self.lock, "true", within=(1, 8))

    def test_a_long_wait_includes_the_contact(self) -> None:
        self.server.break_off()
        process = self.start("-w", "80", self.lock, "echo", "mine")
        time.sleep(32)  # longer than any default
        self.assertIsNone(process.poll())
        self.server.mend()
        self.assertEqual((process.communicate(timeout=PATIENCE), process.returncode), (("mine\n", ""), 0))

    def test_nonblock_gives_the_contact_five_seconds(self) -> None:
        self.server.break_off()
        self.ends("-n", self.lock, "true", within=(4.9, 11))
        self.ends("-n", "--connect-timeout", "1", self.lock, "true", within=(1, 8))

    def test_a_contact_that_took_too_long_starts_no_command(self) -> None:
        """dlock is stopped while it connects, and goes on when the server is there."""
        self.server.break_off()
        for words in (("-n",), ("-w", "3")):
            process = self.start(*words, "--at-least", "10m", self.lock, "sh", "-c", "echo ran >>ran")
            self.guard_of(process.pid)  # it has begun: its time counts from then on
            time.sleep(1)
            self.stop_and_continue(process, 8)
            self.assertEqual(process.wait(PATIENCE), 125)
            self.assertFalse(self.file("ran").exists())
            self.assertEqual(self.run_to_end("-w", "20", self.lock, "true").returncode, 0, "it was given back")
            self.server.break_off()

    def test_a_wait_that_took_too_long_starts_no_command(self) -> None:
        with self.holder() as holder:
            process = self.wait_in_queue("-w", "3", "--at-least", "10m", self.lock, "sh", "-c", "echo ran >>ran")
            process.send_signal(signal.SIGSTOP)
            holder.terminate()
            time.sleep(6)
            process.send_signal(signal.SIGCONT)
            _, err = process.communicate(timeout=PATIENCE)
            self.assertIn(process.returncode, (124, 125), err)
            self.assertFalse(self.file("ran").exists())
        self.assertEqual(self.run_to_end("-w", "20", self.lock, "true").returncode, 0, "it was given back")

    def test_a_late_answer_from_the_queue_still_counts(self) -> None:
        with self.holder("--ttl", "60s"):
            process = self.wait_in_queue("-w", "3", self.lock, "true")
            process.send_signal(signal.SIGSTOP)
            time.sleep(6)
            process.send_signal(signal.SIGCONT)
            _, err = process.communicate(timeout=PATIENCE)
            self.assertIn(process.returncode, (124, 125), err)

    def test_nonblock_gives_the_lock_five_seconds_too(self) -> None:
        """The server says nothing any more once it was contacted."""
        self.environment["DLOCK_URL"] = self.server.url_without_locks()
        self.ends("-n", self.lock, "true", within=(4.9, 10), err="no answer from the server within 5 s")

    def stop_and_continue(self, process: subprocess.Popen[str], seconds: float) -> None:
        process.send_signal(signal.SIGSTOP)
        time.sleep(seconds)
        self.server.mend()
        process.send_signal(signal.SIGCONT)

    def test_a_signal_ends_the_wait_for_the_contact(self) -> None:
        self.server.break_off()
        for words in (("-n",), ("-w", "60"), ()):
            process = self.start(*words, self.lock, "true")
            time.sleep(0.7)
            process.terminate()
            self.assertEqual(process.wait(PATIENCE), -signal.SIGTERM)


class Sets(Case):
    """Of its own."""

    def start_on(self, url: str, *words: str, **options: Any) -> subprocess.Popen[str]:
        return self.start(*words, env={**self.environment, "DLOCK_URL": url}, **options)

    def test_right_after_the_primary_died(self) -> None:
        with self.own_set(nodes=3) as rs:
            rs.wait_until_healthy()
            rs.kill(rs.primary())
            began = time.monotonic()
            waits = self.start_on(rs.url, "-v", "-w", "60", "a", "true")
            default = self.start_on(rs.url, "b", "true")
            leads = self.start_on(rs.url, "c", "true", verb="elect")
            now = self.start_on(rs.url, "-n", "d", "true")
            short = self.start_on(rs.url, "-w", "4", "e", "true")
            for process, status in ((short, 125), (now, 125), (waits, 0), (default, 0), (leads, 0)):
                _, err = process.communicate(timeout=60)
                took = time.monotonic() - began
                self.assertEqual(process.returncode, status, err)
                if process is now:
                    self.assertLess(took, 9)
                if status:
                    self.assertRegex(err, r"\Adlock: [^\n]*no primary: [^\n]*\n\Z")
                    self.assertRegex(err, r"Failed to connect to target host")
                    self.assertEqual(err.count("(a secondary)"), 2, err)
                elif process is waits:
                    self.assertRegex(err, r"(?s)\Adlock: no contact with [^\n]* yet, trying again: no primary: .*got 'a' after")
                    self.assertGreater(took, 5, "it was no election, and proved nothing")
                else:
                    self.assertEqual(err, "")

    def test_a_primary_that_dies_after_the_contact(self) -> None:
        """A deadline, or the time for the first contact, counts for the first request, too."""
        with self.own_set(nodes=3) as rs:
            rs.wait_until_healthy()
            holder = self.start_on(rs.url, "--ttl", "12s", "a", "sh", "-c", "echo yes >held; exec sleep 600")
            self.wait_for_file("held")
            waiter = self.start_on(rs.url, "-v", "-w", "60", "--ttl", "12s", "a", "true")
            assert waiter.stderr
            while "waiting for" not in (line := read_line(waiter.stderr)):
                self.assertTrue(line)
            rs.kill(rs.primary())
            while "gets no answer, trying again" not in (line := read_line(waiter.stderr)):
                self.assertTrue(line)
            holder.terminate()
            self.assertEqual(waiter.wait(60), 0)

    def test_a_full_server(self) -> None:
        with self.own_set(nodes=1, options=["--maxConns", "30"]) as rs:
            taken = self.take_all(rs.members[0].port)
            process = self.start_on(rs.url, "-v", "-w", "60", "a", "true")
            assert process.stderr
            while "no contact with" not in (line := read_line(process.stderr)):
                self.assertTrue(line)
            one = self.start_on(re.sub(r"\?.*", "", rs.url), "-w", "60", "b", "true")
            time.sleep(2)
            self.assertEqual((process.poll(), one.poll()), (None, None))
            for each in taken:
                each.close()
            self.assertEqual((process.wait(PATIENCE), one.wait(PATIENCE)), (0, 0))

    @staticmethod
    def take_all(port: int) -> list[socket.socket]:
        """Connections, until the server hangs up at once."""
        taken: list[socket.socket] = []

        def full() -> bool:
            one = socket.create_connection(("127.0.0.1", port))
            one.settimeout(0.3)
            try:
                one.recv(1)  # it says nothing by itself
                return True
            except ConnectionError:
                return True
            except TimeoutError:
                taken.append(one)
                return False

        wait_for(full, "a full server")
        return taken

    def test_a_name_that_does_not_resolve(self) -> None:
        for url in ("mongodb://no-such-host.invalid", "mongodb://a.invalid,b.invalid/?replicaSet=x", "mongodb+srv://a.b.invalid"):
            began = time.monotonic()
            process = self.start_on(url, "-w", "3", "a", "true")
            self.assertRegex(self.ended(process, 125), r"\Adlock: [^\n]*(resolve|look up SRV)[^\n]*\n\Z")
            self.assertGreater(time.monotonic() - began, 2.9, url)

    def test_errors_that_waiting_cannot_fix(self) -> None:
        file = self.file("url")
        with self.own_set(nodes=1, auth=True) as rs:
            for url, err in ((rs.url.replace("root-password", "wrong"), "check user, password and authSource"),
                             (rs.url.replace("root:root-password@", ""), "requires authentication"),
                             (rs.url.replace("replicaSet=dlock", "replicaSet=other"), "in the replica set 'dlock', not 'other'); write"),
                             ("mongodb://a:b:c@d", "write it as mongodb://"), ("mongodb://a:99999999", "write it as mongodb://")):
                file.write_text(url)
                for words in (("-w", "60"), ("-n",), ()):
                    began = time.monotonic()
                    result = self.run_to_end(*words, "--url-file", str(file), "a", "true")
                    self.assertEqual(result.returncode, 125)
                    self.assertIn(err, result.stderr)
                    # With -n it would wait for 5 s, else for 30 at least.
                    self.assertLess(time.monotonic() - began, 4.9 if words == ("-n",) else 20, (words, err))


if __name__ == "__main__":
    main()
