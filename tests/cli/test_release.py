#!/usr/bin/python3
"""dlock release --force: who loses the lock, who gets it and when, and what the person on call is told."""

import time
from typing import Any

from harness import PATIENCE, Case, Terminal, main, wait_for

TTL = 60.0  # of a holder; whoever gets the lock sooner did not wait for its end


class Release(Case):
    def release(self, *words: str, status: int = 0, err: str = "", **options: Any) -> str:
        result = self.run_to_end("--force", *words, verb="release", **options)
        self.assertEqual((result.returncode, result.stderr), (status, err), words)
        return result.stdout

    def tokens(self) -> list[int]:
        return [holder["token"] for holder in self.look(self.lock)["holders"]]

    def check_revoked(self, process: Any) -> None:
        err = self.ended(process, 123)
        self.assertRegex(err, r"\Adlock: lost the lock 'job' while the command ran: .*revoked.*; the command and all it started were "
                              r"ended\n\Z")

    def test_the_holder_is_told_and_the_lock_passes_on(self) -> None:
        holder = self.hold_lock("--ttl", f"{TTL}s", self.lock)
        [token] = self.tokens()
        waiter = self.wait_in_queue(self.lock, "echo", "mine")
        began = time.monotonic()
        out = self.release(self.lock)
        self.assertRegex(out, rf"\Atook 'job' off \S+:{holder.pid} sh \(token {token}\); the holder is told, and the lock passes on when "
                              r"it lets go, at the latest at [-0-9T:.]+Z\n\Z")
        self.check_revoked(holder)
        self.assertEqual(waiter.communicate(timeout=PATIENCE)[0], "mine\n")
        self.assertLess(time.monotonic() - began, TTL / 2)

    def test_nobody_gets_it_before_the_command_is_gone(self) -> None:
        script = self.script("trap 'sleep 1; date +%s.%N >gone; exit' TERM\necho yes >ready\nwhile :; do sleep 0.05; done\n")
        holder = self.start(self.lock, script)
        self.wait_for_file("ready")
        waiter = self.wait_in_queue(self.lock, "sh", "-c", "date +%s.%N >began")
        self.release(self.lock)
        self.assertEqual((holder.wait(PATIENCE), waiter.wait(PATIENCE)), (123, 0))
        self.assertLess(float(self.wait_for_file("gone")), float(self.wait_for_file("began")))

    def test_show_marks_a_revoked_holder(self) -> None:
        script = self.script("trap '' TERM\necho yes >ready\nwhile :; do sleep 0.05; done\n")
        self.start("--ttl", "60s", "--kill-after", "20s", self.lock, script)
        self.wait_for_file("ready")
        self.release(self.lock)
        self.assertEqual([holder["revoked"] for holder in self.look(self.lock)["holders"]], [True])
        self.assertIn(", revoked)", self.run_to_end(self.lock, verb="show").stdout)

    def test_one_of_several(self) -> None:
        first, second = self.hold_lock("-s", self.lock), self.hold_lock("-s", self.lock)
        tokens = self.tokens()
        self.assertEqual(self.release("--token", "1", self.lock, status=1,
                                      err="dlock: no holder of 'job' has the token 1\n"), "")
        self.assertIn(f"(token {tokens[1]})", self.release("--token", str(tokens[1]), self.lock))
        self.check_revoked(second)
        self.assertIsNone(first.poll())
        wait_for(lambda: self.tokens() == tokens[:1], "the other one to let go")
        self.end_job(first)

    def test_all_of_several(self) -> None:
        holders = [self.hold_lock("--permits", "3", self.lock) for _ in range(3)]
        self.assertEqual(self.release(self.lock).count("took 'job' off "), 3)
        for holder in holders:
            self.check_revoked(holder)

    def test_one_lock_of_a_set(self) -> None:
        holder = self.hold_lock("--id", "a", "--id", self.lock)
        self.release(self.lock)
        self.assertEqual(holder.wait(PATIENCE), 123)
        for lock in ("a", self.lock):
            self.assertEqual(self.run_to_end("-w", "20", lock, "true").returncode, 0)

    def test_now(self) -> None:
        """The next one is in while the holder has not ended yet."""
        script = self.script("trap '' TERM\necho yes >ready\nwhile :; do sleep 0.05; done\n")
        holder = self.start("--ttl", "60s", "--kill-after", "15s", self.lock, script)
        self.wait_for_file("ready")
        waiter = self.wait_in_queue("--wait_lock_period", "500ms", self.lock, "echo", "mine")
        result = self.run_to_end("--force", "--now", self.lock, verb="release")
        self.assertEqual(result.returncode, 0)
        self.assertRegex(result.stderr, r"\Adlock: --now is unsafe: [^\n]+\n\Z")
        self.assertRegex(result.stdout, r"\Atook 'job' off .*; the lock has passed on, and the holder is told\n\Z")
        self.assertEqual(waiter.communicate(timeout=PATIENCE)[0], "mine\n")
        self.assertIsNone(holder.poll())
        self.assertEqual(holder.wait(PATIENCE), 123)

    def test_a_kept_lock(self) -> None:
        """Nobody is to be waited for: the next one is in at once."""
        self.assertEqual(self.run_to_end("--at-least", "1m", self.lock, "true").returncode, 0)
        [token] = self.tokens()
        self.assertRegex(self.release(self.lock), rf"\Atook 'job' off \S+ true \(token {token}\); it was kept taken "
                                                  r"after its release \(--at-least\); the lock has passed on\n\Z")
        self.assertEqual(self.run_to_end("-n", self.lock, "true").returncode, 0)

    def test_nobody_holds_it(self) -> None:
        self.release(self.lock, status=1, err="dlock: nobody holds 'job'\n")
        self.assertEqual(self.run_to_end(self.lock, "true").returncode, 0)
        self.release(self.lock, status=1, err="dlock: nobody holds 'job'\n")
        self.release("--token", "5", self.lock, status=1, err="dlock: nobody holds 'job'\n")

    def test_mongo_dlock_cannot_be_told(self) -> None:
        self.server.hold_as_mongo_dlock(self.lock)
        for words in ([], ["-y"]):
            result = self.run_to_end("--force", *words, self.lock, verb="release")
            self.assertEqual((result.returncode, result.stdout), (1, ""))
            self.assertRegex(result.stderr, r"\Adlock: 'job' is held by a mongo-dlock \(node\) client, which cannot be told; end that "
                                            r"process, and its lease runs out in \d+s\n\Z")
        self.assertEqual(len(self.look(self.lock)["holders"]), 1)

    # --- on a terminal ----------------------------------------------------------------------------------------------

    def ask(self, *words: str) -> Terminal:
        terminal = Terminal(self)
        terminal.type(self.shell_command(" ".join(("--force", *words, self.lock)) + "\n", verb="release"))
        return terminal

    def test_it_asks(self) -> None:
        holder = self.hold_lock(self.lock)
        for answer in ("n\n", "\n", "no\n", "yy\n", "\x04"):
            terminal = self.ask()
            terminal.expect(r"HOLDER +MODE +TOKEN +SINCE +UNTIL\r\n\S+:%d sh +exclusive" % holder.pid)
            terminal.expect(r"Take the lock 'job' off this holder\? \[y/N\] ")
            terminal.type(answer, "dlock: nothing was changed")
            self.assertEqual(terminal.status(), 1)
        terminal = self.ask()
        terminal.expect(r"\[y/N\] ")
        terminal.type("\x03")
        self.assertEqual(terminal.status(), 130)
        self.assertIsNone(holder.poll())
        self.assertEqual(self.look(self.lock)["holders"][0]["revoked"], False)

    def test_yes(self) -> None:
        holders = [self.hold_lock("-s", self.lock) for _ in range(2)]
        terminal = self.ask()
        terminal.expect(r"off these holders\? \[y/N\] ")
        terminal.type("y\n", "took 'job' off ")
        terminal.expect("took 'job' off ")
        self.assertEqual(terminal.status(), 0)
        for holder in holders:
            self.check_revoked(holder)

    def test_only_those_that_were_shown(self) -> None:
        first = self.hold_lock(self.lock)
        terminal = self.ask()
        terminal.expect(r"\[y/N\] ")
        self.end_job(first)
        with self.holder() as second:
            terminal.type("y\n", "dlock: the holder of 'job' has released it meanwhile; nothing was changed")
            self.assertEqual(terminal.status(), 1)
            self.assertIsNone(second.poll())
            self.assertEqual(self.look(self.lock)["holders"][0]["revoked"], False)

    def test_with_yes_it_does_not_ask(self) -> None:
        holder = self.hold_lock(self.lock)
        terminal = self.ask("--yes")
        terminal.expect("took 'job' off ")
        self.assertEqual(terminal.status(), 0)
        self.assertNotIn("[y/N]", terminal.output)
        self.check_revoked(holder)

    def test_it_does_not_ask_if_nobody_holds_it(self) -> None:
        terminal = self.ask()
        terminal.expect("dlock: nobody holds 'job'\r\n")
        self.assertEqual(terminal.status(), 1)
        self.assertNotIn("[y/N]", terminal.output)


if __name__ == "__main__":
    main()
