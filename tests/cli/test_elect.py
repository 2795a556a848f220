#!/usr/bin/python3
"""dlock elect: terms, losses, signals, values."""

import os
import signal
import socket
import subprocess
import time

from harness import PATIENCE, Case, Terminal, children_of, is_alive, main, name_of, read_line, read_rest, state_of, wait_for

# Writes a line each term, to standard output as well, and goes on until it is told to end.
DAEMON = """#!/bin/sh
trap 'exit 7' USR1
echo "$$ $DLOCK_TOKEN" >>terms
echo "leading $DLOCK_ID $DLOCK_VALUE"
while :; do sleep 0.05; done
"""


class Elect(Case):
    def campaign(self, *words: str, script: str = DAEMON, **options: object) -> subprocess.Popen[str]:
        return self.start(*words, self.lock, "--", self.script(script, "daemon"), verb="elect", **options)

    def term(self, number: int) -> tuple[int, int]:
        """Process and token of the n-th term."""
        wait_for(lambda: self.file("terms").exists() and self.file("terms").read_text().count("\n") >= number, f"term {number}")
        pid, token = self.file("terms").read_text().splitlines()[number - 1].split()
        return int(pid), int(token)

    def revoke(self) -> None:
        result = self.run_to_end("--force", self.lock, verb="release")
        self.assertEqual((result.returncode, result.stderr), (0, ""))

    def is_queued(self, process: subprocess.Popen[str]) -> bool:
        return any(f":{process.pid} " in each["who"] for each in self.look(self.lock)["waiters"])

    def check_lost(self, line: str) -> None:
        self.assertRegex(line, r"\Adlock: lost the lead of 'job' while the command ran: .+; the command and all it started were ended\n\Z")

    def test_the_commands_status(self) -> None:
        for words, status in ((["true"], 0), (["sh", "-c", "exit 9"], 9), (["sh", "-c", "kill -TERM $$"], 143)):
            result = self.run_to_end(self.lock, *words, verb="elect")
            self.assertEqual((result.returncode, result.stderr), (status, ""))
            self.assertEqual(self.run_to_end("-n", self.lock, "true").returncode, 0)  # it has resigned
        result = self.run_to_end(self.lock, "no-such-command", verb="elect")
        self.assertEqual((result.returncode, result.stderr), (127, "dlock: cannot execute 'no-such-command': No such file or directory\n"))
        self.assertEqual(self.run_to_end(self.lock, "-c", "exit 3", verb="elect").returncode, 3)

    def test_the_commands_environment(self) -> None:
        show = 'echo "$DLOCK_ID|$DLOCK_TOKEN|$DLOCK_OWNER|$DLOCK_VALUE|$DLOCK_TOKENS"'
        result = self.run_to_end("--value", "10.0.0.7:8080", self.lock, "-c", show, verb="elect")
        lock, token, owner, value, tokens = result.stdout.rstrip("\n").split("|")
        self.assertEqual((lock, value, tokens), (self.lock, "10.0.0.7:8080", token))
        self.assertTrue(int(token) > 0 and owner)
        process = self.start(self.lock, "-c", "echo $DLOCK_VALUE", verb="elect")
        self.assertEqual(process.communicate(timeout=PATIENCE)[0], f"{socket.gethostname()}:{process.pid}\n")

    def test_others_see_the_value(self) -> None:
        process = self.campaign("--value", "here\u00e4")
        self.term(1)
        self.assertEqual(self.look(self.lock)["holders"][0]["value"], "here\u00e4")
        self.end_job(process)

    def test_one_leads_and_the_next_one_follows(self) -> None:
        first = self.campaign()
        pid, token = self.term(1)
        second = self.campaign("-v")
        self.wait_until_said(second, "waiting for 'job'")
        os.kill(pid, signal.SIGUSR1)
        self.assertEqual((first.wait(PATIENCE), self.term(2)[1] > token), (7, True))
        self.assertIsNone(second.poll())
        self.end_job(second)

    def test_the_next_one_runs_in_time_after_a_kill(self) -> None:
        process = self.campaign("--ttl", "2s")
        self.term(1)
        # By itself it would poll after half a minute, at the soonest.
        rival = self.wait_in_queue("--ttl", "60s", "--wait_lock_period", "60s", self.lock, "--", self.script(DAEMON, "daemon"),
                                   verb="elect")
        time.sleep(2)
        killed = time.monotonic()
        process.kill()
        self.term(2)
        self.assertLess(time.monotonic() - killed, 2 + 10, "TTL and what a busy machine takes")
        self.end_job(rival)

    def test_again_after_a_loss(self) -> None:
        process = self.campaign()
        tokens = []
        for number in (1, 2, 3):
            pid, token = self.term(number)
            self.assertEqual(read_line(process.stdout), f"leading job {socket.gethostname()}:{process.pid}\n")
            tokens.append(token)
            if number < 3:
                self.revoke()
                self.check_lost(read_line(process.stderr))
                self.assertFalse(is_alive(pid))
        self.assertEqual(tokens, sorted(set(tokens)))
        os.kill(pid, signal.SIGUSR1)
        self.assertEqual(process.communicate(timeout=PATIENCE), ("", ""))
        self.assertEqual(process.returncode, 7)

    def test_once(self) -> None:
        process = self.campaign("--once")
        self.term(1)
        self.revoke()
        err = self.ended(process, 123)
        self.check_lost(err)

    def test_a_rival_leads_meanwhile(self) -> None:
        process = self.campaign()
        self.term(1)
        rival = self.wait_in_queue(self.lock, "sh", "-c", "echo yes >rival; exec sleep 600", verb="elect")
        self.revoke()
        self.wait_for_file("rival")
        time.sleep(0.5)
        self.assertEqual(self.file("terms").read_text().count("\n"), 1)
        self.end_job(rival)
        self.term(2)
        self.end_job(process)

    def test_an_outage(self) -> None:
        """Also one that lasts longer than the library tries."""
        process = self.campaign("--ttl", "5s")
        pid, token = self.term(1)
        self.server.break_off()
        self.check_lost(read_line(process.stderr))
        self.assertFalse(is_alive(pid))
        self.assertRegex(read_line(process.stderr), r"\Adlock: .+; trying again\n\Z")
        self.assertIsNone(process.poll())
        self.server.mend()
        self.assertGreater(self.term(2)[1], token)
        self.end_job(process)

    def test_no_server_at_the_start(self) -> None:
        self.server.break_off()
        result = self.run_to_end("--connect-timeout", "3", self.lock, "true", verb="elect")
        self.assertEqual(result.returncode, 125)
        self.assertRegex(result.stderr, r"\Adlock: [^\n]*\n\Z")

    # --- signals ----------------------------------------------------------------------------------------------------

    def test_a_signal_while_it_leads(self) -> None:
        process = self.campaign()
        self.term(1)
        process.terminate()
        self.assertEqual(process.wait(PATIENCE), 143)
        self.assertEqual(self.run_to_end("-n", self.lock, "true").returncode, 0)

    def test_signals_of_a_later_term(self) -> None:
        process = self.campaign()
        self.term(1)
        self.revoke()
        self.term(2)
        process.send_signal(signal.SIGUSR1)
        self.assertEqual(process.wait(PATIENCE), 7)

    def test_a_signal_while_it_campaigns(self) -> None:
        """It has 0.4 s to leave the queue, not always enough on a busy machine; so it is in the next test."""
        def leaves() -> bool:
            process = self.wait_in_queue(self.lock, "true", verb="elect")
            process.terminate()
            self.assertEqual(process.wait(PATIENCE), -signal.SIGTERM)
            return not self.is_queued(process)

        with self.holder() as holder:
            self.assertTrue(any(leaves() for _ in range(3)), "none has left the queue")
            self.assertIsNone(holder.poll())

    def test_a_signal_while_it_campaigns_again(self) -> None:
        terms = 0

        def leaves() -> bool:
            nonlocal terms
            process = self.campaign()
            self.term(terms := terms + 1)
            rival = self.wait_in_queue(self.lock, "sleep", "600", verb="elect")
            self.revoke()
            self.check_lost(read_line(process.stderr))
            wait_for(lambda: self.is_queued(process), "it to campaign again")
            process.terminate()
            self.assertEqual(process.wait(PATIENCE), -signal.SIGTERM)
            left = not self.is_queued(process)
            self.end_job(rival)
            return left

        self.assertTrue(any(leaves() for _ in range(3)), "none has left the queue")

    def test_a_loss_after_a_signal(self) -> None:
        """Who was told to end does not campaign again."""
        process = self.campaign(script=DAEMON.replace("trap", "trap 'echo yes >told' TERM; trap"))
        pid, _ = self.term(1)
        process.terminate()
        self.wait_for_file("told")
        self.assertTrue(is_alive(pid))
        self.revoke()
        self.assertEqual(process.wait(PATIENCE), -signal.SIGTERM)
        self.check_lost(read_rest(process.stderr)[-1])  # the shell, too, has something to say
        self.assertFalse(is_alive(pid))

    # --- the guard --------------------------------------------------------------------------------------------------

    def second_term(self) -> tuple[subprocess.Popen[str], int]:
        process = self.campaign("--ttl", "5s")
        self.term(1)
        self.revoke()
        self.check_lost(read_line(process.stderr))
        return process, self.term(2)[0]

    def test_dlock_is_killed_in_a_later_term(self) -> None:
        process, pid = self.second_term()
        process.kill()
        wait_for(lambda: not is_alive(pid), "the command to end")

    def test_dlock_is_frozen_in_a_later_term(self) -> None:
        process, pid = self.second_term()
        process.send_signal(signal.SIGSTOP)
        wait_for(lambda: not is_alive(pid), "the command to end")
        process.send_signal(signal.SIGCONT)
        self.check_lost(read_line(process.stderr))
        self.term(3)
        self.end_job(process)

    def test_the_guard_is_killed_in_a_later_term(self) -> None:
        process, pid = self.second_term()
        os.kill(self.guard_of(process.pid), signal.SIGKILL)
        self.assertEqual(process.wait(PATIENCE), 125)
        self.assertFalse(is_alive(pid))
        self.assertRegex("".join(read_rest(process.stderr)), r"\Adlock: the guard process of this dlock was killed[^\n]*\n\Z")

    def test_the_guard_is_killed_between_two_terms(self) -> None:
        process = self.campaign()
        self.term(1)
        rival = self.wait_in_queue(self.lock, "sleep", "600", verb="elect")
        self.revoke()
        self.check_lost(read_line(process.stderr))
        wait_for(lambda: len(self.look(self.lock)["waiters"]) == 1, "it to campaign again")
        os.kill(self.guard_of(process.pid), signal.SIGKILL)
        self.assertEqual(process.wait(PATIENCE), 125)
        self.assertEqual(read_rest(process.stderr), [f"dlock: gave up waiting for the lead of '{self.lock}': the guard process of this dlock was killed; start dlock again\n"])
        self.end_job(rival)

    # --- on a terminal ----------------------------------------------------------------------------------------------

    def test_on_a_terminal(self) -> None:
        """A later term has the terminal, too: its input, Ctrl-Z, Ctrl-C."""
        script = self.script("echo term $DLOCK_TOKEN $$; read line; echo got $line; sleep 600\n")
        terminal = Terminal(self)
        terminal.type(self.shell_command(f"{self.lock} {script}\n", verb="elect"), r"term \d+ \d+\r\n")
        self.revoke()
        terminal.expect("lost the lead")
        command = int(terminal.expect(r"term \d+ (\d+)\r\n")[1])
        terminal.type("hello\n", "got hello")
        # Ctrl-Z in the midst of a vfork stops nobody
        wait_for(lambda: [name_of(pid) for pid in children_of(command)] == ["sleep"], "sleep to run")
        terminal.type("\x1a", "Stopped")
        terminal.type("fg\n", "elect")
        everybody = (*children_of(terminal.process.pid), command, *children_of(command))
        wait_for(lambda: all(state_of(pid) == "S" for pid in everybody), "all to go on")
        terminal.type("\x03")
        self.assertEqual(terminal.status(), 130)
        self.assertEqual(wait_for(lambda: children_of(terminal.process.pid) == [] or None, "dlock to end"), True)


if __name__ == "__main__":
    main()
