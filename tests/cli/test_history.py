#!/usr/bin/python3
"""What ran last under a lock: dlock run records it, dlock show tells it, and --unless-done-within looks at it."""

import signal
from typing import Any

from harness import PATIENCE, Case, main, wait_for


class History(Case):
    def history(self, lock: str = "") -> list[dict[str, Any]]:
        return self.look(lock or self.lock)["history"]

    def forget_the_lock(self) -> None:
        """As when its document is swept."""
        self.server.evict(self.lock)

    def forbid(self) -> None:
        """Nothing can be recorded: the history is a view."""
        self.server.client[self.server.db].create_collection("dlocks.history", viewOn="other", pipeline=[])

    def check(self, status: int, err: str, *words: str) -> None:
        result = self.run_to_end(*words)
        self.assertEqual(result.returncode, status, (words, result.stderr))
        self.assertRegex(result.stderr, err)

    # --- what is recorded -------------------------------------------------------------------------------------------

    def test_every_end_is_recorded(self) -> None:
        for words, status in ((["sleep", "0.3"], 0), (["sh", "-c", "exit 7"], 7), (["sh", "-c", "kill -9 $$"], 137),
                              (["no-such-command"], 127)):
            self.assertEqual(self.run_to_end(self.lock, *words).returncode, status)
        runs = self.history()
        self.assertEqual([(run["status"], run["end"]) for run in runs],
                         [(127, "ended"), (137, "ended"), (7, "ended"), (0, "ended")])
        self.assertTrue(0.3 <= runs[3]["took"] < 20, runs)
        self.assertRegex(runs[3]["who"], r":\d+ sleep\Z")
        self.assertEqual([run["token"] for run in runs], sorted((run["token"] for run in runs), reverse=True))
        self.assertTrue(runs[3]["began"] < runs[3]["ended"] <= runs[2]["ended"])

    def test_for_people_also_when_the_lock_was_swept(self) -> None:
        self.assertEqual(self.run_to_end(self.lock, "sh", "-c", "exit 7").returncode, 7)
        line = r"(?m)^\d{4}-[-0-9T:.]+Z \(\d+s ago\)  \ds    7       \d+  \S+:\d+ sh$"
        result = self.run_to_end(self.lock, verb="show")
        self.assertRegex(result.stdout, r"(?s)Nobody waits for it\.\n\nLast runs:\nENDED +TOOK  STATUS  TOKEN +WHO\n")
        self.assertRegex(result.stdout, line)
        self.forget_the_lock()
        result = self.run_to_end(self.lock, verb="show")
        self.assertEqual(result.returncode, 1)
        self.assertRegex(result.stdout, r"\ALast runs:\n")
        self.assertRegex(result.stdout, line)
        self.assertIn("there is no lock 'job'", result.stderr)
        result = self.run_to_end("--json", self.lock, verb="show")
        self.assertEqual((result.returncode, result.stderr), (1, ""))
        lock = self.look(self.lock)
        self.assertEqual((lock["id"], lock["holders"], lock["token"], len(lock["history"])), (self.lock, [], None, 1))

    def test_the_next_holder_sees_it(self) -> None:
        """It is recorded before the lock is released."""
        holder = self.start(self.lock, "sh", "-c", "echo yes >held; sleep 1; exit 5")
        self.wait_for_file("held")
        waiter = self.wait_in_queue(self.lock, "sh", "-c", f"exec {self.shell_command(f'--json {self.lock}', verb='show')}")
        out, _ = waiter.communicate(timeout=PATIENCE)
        self.assertEqual(holder.wait(PATIENCE), 5)
        self.assertRegex(out, r'"status": 5\n')

    def test_a_loss(self) -> None:
        process = self.hold_lock("--ttl", "2s", self.lock)
        self.server.evict(self.lock)
        self.assertEqual(process.wait(PATIENCE), 123)
        self.assertEqual([(run["end"], run["status"]) for run in self.history()], [("lost", 123)])

    def test_several_locks(self) -> None:
        self.assertEqual(self.run_to_end("--id", "a", "--id", "b", "true").returncode, 0)
        self.assertEqual([len(self.history(lock)) for lock in ("a", "b")], [1, 1])

    def test_it_can_be_left_out(self) -> None:
        self.check(0, r"\A\Z", "--history=false", self.lock, "true")
        self.assertEqual(self.history(), [])

    def test_what_cannot_be_recorded_does_no_harm(self) -> None:
        self.forbid()
        self.check(7, r"\A\Z", self.lock, "sh", "-c", "exit 7")
        self.check(7, r'(?m)^dlock: cannot record a run of lock "job": ', "-v", self.lock, "sh", "-c", "exit 7")
        self.check(0, r"\A\Z", "-n", self.lock, "true")
        self.assertEqual(self.run_to_end(self.lock, verb="show").stderr, "")

    # --- --unless-done-within ---------------------------------------------------------------------------------------

    def once(self, *words: str, within: str = "1h") -> tuple[str, ...]:
        return ("--unless-done-within", within, *words)

    def test_it_runs_once(self) -> None:
        job = self.script("echo ran >>ran\n", "job")
        for _ in range(2):
            self.check(0, r"\A\Z", *self.once(self.lock, job))
            self.forget_the_lock()
        self.assertEqual(self.file("ran").read_text(), "ran\n")
        self.check(0, r"(?m)^dlock: 'job' was done \d+s ago by \S+:\d+ job; the command is not run$", *self.once("-v", self.lock, job))
        self.check(9, r"\A\Z", *self.once("--done-exit-code", "9", "--at-least", "1h", self.lock, job))
        self.check(0, r"\A\Z", "-n", *self.once(self.lock, job))  # each time it was released, also with --at-least
        self.assertEqual(self.file("ran").read_text(), "ran\n")
        self.check(0, r"\A\Z", self.lock, job)
        self.check(0, r"\A\Z", *self.once(self.lock, job, within="1ms"))
        self.assertEqual(self.file("ran").read_text(), "ran\n" * 3)

    def test_only_a_success_counts(self) -> None:
        self.check(7, r"\A\Z", *self.once(self.lock, "sh", "-c", "exit 7"))
        self.check(122, "its time|time of the command", *self.once("--at-most", "200ms", self.lock, "sleep", "60"))
        self.check(143, r"\A\Z", *self.once(self.lock, "sh", "-c", "kill $$"))
        self.check(0, r"\A\Z", *self.once(self.lock, "sh", "-c", "echo yes >done"))
        self.assertTrue(self.file("done").exists())

    def test_a_run_whose_host_died_does_not_count(self) -> None:
        process = self.hold_lock(*self.once("--ttl", "2s", self.lock))
        [run] = self.history()
        self.assertEqual((run["end"], run["ended"], run["status"]), ("unknown", None, None))
        process.kill()
        self.check(0, r"\A\Z", *self.once("-w", "30", self.lock, "true"))
        self.assertEqual([run["end"] for run in self.history()], ["ended", "unknown"])
        self.assertRegex(self.run_to_end(self.lock, verb="show").stdout, r"(?m)^begun .* no end ")

    def test_of_several_locks_all_have_to_say_so(self) -> None:
        self.check(0, r"\A\Z", "a", "true")
        both = ("--id", "a", "--id", "b", "sh", "-c", "echo yes >>ran")
        self.check(0, r"\A\Z", *self.once(*both))
        self.check(0, r"\A\Z", *self.once(*both))
        self.assertEqual(self.file("ran").read_text(), "yes\n")

    def test_without_a_history_nothing_runs(self) -> None:
        self.forbid()
        self.check(125, r'\Adlock: cannot record a run of lock "job": [^\n]*\n\Z', *self.once(self.lock, "touch", "ran"))
        self.assertFalse(self.file("ran").exists())
        self.check(0, r"\A\Z", "-n", self.lock, "true")  # and it was released

    def test_what_cannot_be_recorded_in_the_end_is_told(self) -> None:
        process = self.hold_lock(*self.once(self.lock))
        self.server.client[self.server.db].drop_collection("dlocks.history")
        self.forbid()
        process.send_signal(signal.SIGTERM)
        self.assertRegex(self.ended(process, 143), r'\Adlock: cannot record a run of lock "job": .*; so others will not see that it was done\n\Z')


class Note(Case):
    def notes(self, lock: str = "") -> list[str]:
        return [each["value"] for each in self.look(lock or self.lock)["holders"]]

    def nested(self, words: str) -> str:
        """A dlock note without any option, for a shell."""
        return f"{self.command()[0]} note {words}"

    def test_run_gives_it_and_ls_and_show_tell_it(self) -> None:
        self.hold_lock("--note", "for the board", self.lock)
        self.wait_in_queue("--note", "second", self.lock, "true")
        lock = self.look(self.lock)
        self.assertEqual([each["value"] for each in lock["holders"] + lock["waiters"]], ["for the board", "second"])
        self.assertRegex(self.run_to_end(verb="ls").stdout, r"(?m)  WAITERS  NOTE\n.*  1        for the board$")
        text = self.run_to_end(self.lock, verb="show").stdout
        self.assertRegex(text, r"(?m)^HOLDER .*  NOTE$")
        self.assertRegex(text, r"(?m)\(in \d+s\)  for the board$")
        self.assertRegex(text, r"(?m)^1  .*  second$")

    def test_the_command_changes_it(self) -> None:
        """Whatever named the server and the locks; and a later renewal leaves it."""
        url = self.file("url")
        url.write_text(self.server.url)
        general = self.environment.pop("DLOCK_URL")
        change = f"cd / && {self.nested(chr(39) + 'page 3' + chr(39))} && echo yes >{self.folder}/ready && sleep 600"
        for number, words in enumerate((["--url-file", "url"], ["--url-file", str(url), "--coll", "others"], [])):
            if not words:
                self.environment["DLOCK_URL"] = general
            process = self.start("--ttl", "2s", "--note", "before", *words, self.lock + str(number), "-c", change)
            self.wait_for_file("ready")
            self.file("ready").unlink()
            where = ["--coll", "others"] if "others" in words else []
            shown = self.run_to_end("--json", *where, *words[:2], self.lock + str(number), verb="show").stdout
            self.assertIn('"value": "page 3"', shown)
            self.end_job(process)

    def test_of_several_locks_and_of_an_election(self) -> None:
        process = self.start("--id", "a", "--id", "b", "-c", f"{self.nested('x')} && echo yes >ready && sleep 600")
        self.wait_for_file("ready")
        self.assertEqual(self.notes("a") + self.notes("b"), ["x", "x"])
        self.end_job(process)
        process = self.start("--value", "v", self.lock, "-c", f"{self.nested('led')} && echo yes >led && sleep 600", verb="elect")
        self.wait_for_file("led")
        self.assertEqual(self.notes(), ["led"])
        self.end_job(process)

    def test_after_a_loss(self) -> None:
        out = self.start("--ttl", "60s", self.lock, "-c", f"echo yes >ready; until test -e gone; do sleep 0.05; done; {self.nested('x')}; echo $?")
        self.wait_for_file("ready")
        self.server.evict(self.lock)
        self.file("gone").touch()
        said, err = out.communicate(timeout=PATIENCE)
        self.assertEqual(said, "123\n")
        self.assertIn("dlock: the note was not set on 'job', because the dlock that runs this command does not hold it any more\n", err)

    def test_outside_of_a_command(self) -> None:
        result = self.run_to_end("text", verb="note")
        self.assertEqual(result.returncode, 125)
        self.assertRegex(result.stderr, r"\Adlock: this process does not run under 'dlock run' [^\n]*\n\Z")


class Resize(Case):
    def check(self, status: int, out: str, err: str, *words: str) -> None:
        result = self.run_to_end(*words, verb="resize")
        self.assertEqual((result.returncode, result.stdout), (status, out), result.stderr)
        self.assertEqual(result.stderr, err)

    def test_more_permits_admit_a_waiter(self) -> None:
        self.hold_lock("--permits", "1", self.lock)
        waiter = self.wait_in_queue("--permits", "1", self.lock, "true")
        self.check(0, "'job' has 2 permits now; before it had 1. It has 2 holders and 0 waiters\n", "", self.lock, "2")
        self.assertEqual(waiter.wait(PATIENCE), 0)

    def test_fewer_take_none_away(self) -> None:
        first = self.hold_lock("--permits", "4", "--take", "2", self.lock)
        self.hold_lock("--permits", "4", self.lock)
        self.check(0, "'job' has 2 permits now; before it had 4. It has 2 holders and 0 waiters\n"
                      "3 are taken: nobody gets one until fewer than 2 are\n", "", self.lock, "2")
        self.assertEqual(self.run_to_end("-n", "--permits", "2", self.lock, "true").returncode, 124)
        self.assertEqual(self.run_to_end("-n", "--permits", "4", self.lock, "true").returncode, 125)
        self.end_job(first)
        wait_for(lambda: self.run_to_end("-n", "--permits", "2", self.lock, "true").returncode == 0, "a permit")

    def test_observed_expiry(self) -> None:
        self.hold_lock("--expiry", "observed", "--permits", "1", self.lock)
        self.check(0, "'job' has 3 permits now; before it had 1. It has 1 holder and 0 waiters\n", "", self.lock, "3")
        self.assertEqual(self.run_to_end("-n", "--expiry", "observed", "--permits", "3", self.lock, "true").returncode, 0)

    def test_what_is_no_semaphore_in_use(self) -> None:
        unused = "dlock: nobody uses 'job', so its next user sets how many permits it has; nothing was changed\n"
        self.check(1, "", unused, self.lock, "3")
        self.assertEqual(self.run_to_end("--permits", "2", self.lock, "true").returncode, 0)
        self.check(1, "", unused, self.lock, "3")
        with self.holder():
            self.check(1, "", "dlock: 'job' is in use as a mutex or a shared lock, not as a semaphore; nothing was changed\n", self.lock, "3")


if __name__ == "__main__":
    main()
