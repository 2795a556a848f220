#!/usr/bin/python3
"""dlock watch: what it prints, for people and for programs, and how it ends."""

import json
import signal
import subprocess
import time
from typing import Any

from harness import ADMIN_URL, DLOCK, FAKE, PATIENCE, Case, main, wait_for

LINE = r"\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z  (locked  |unlocked)  (.*)  token (\d+)  (.+)\n\Z"
ODD_IDS = ["gr\u00fcn \u9501 \U0001d11e", "it's \"quoted\"", "-n", "\x1b[31mred", "\u202egnp", "\x9b31m", "a:b@c"]
if not FAKE:  # whose locks are files
    ODD_IDS += ["a\nb", "a\tb", "a/b", "x" * 1000]


class Watch(Case):
    def command(self, *words: str, verb: str = "run") -> list[str]:
        return super().command(*self.own_channel(), *words, verb=verb)

    def own_channel(self) -> list[str]:
        """Other cases run at the same time."""
        if FAKE:
            return []
        if ADMIN_URL:  # no password on the command line, and no right to another database
            return ["--notif_channel", self.server.db]
        return ["--notif_url", self.server.url.replace("/?", f"/{self.server.db}?")]

    def watch(self, *words: str, **options: Any) -> subprocess.Popen[str]:
        """A dlock watch that hears events."""
        process = self.start("-v", *words, verb="watch", **options)
        while line := process.stderr.readline():
            if line == "dlock: watching\n":
                return process
        raise AssertionError("it ended before it watched")

    def run_job(self, *locks: str) -> None:
        for lock in locks:
            self.assertEqual(self.run_to_end("--", lock, "true").returncode, 0, lock)

    def events(self, watch: subprocess.Popen[str], count: int) -> list[tuple[str, str]]:
        """What the next `count` lines say, in short."""
        out = []
        for _ in range(count):
            line = watch.stdout.readline()
            self.assertRegex(line, LINE)
            words = line.split("  ")
            out.append((words[1].strip(), words[2] if words[1] == "unlocked" else words[3]))
        return out

    def announce_gap(self) -> None:
        if FAKE:
            with open(self.server.folder / "events", "a") as events:
                events.write("gap\n")
        else:
            self.channel().insert_one({"dummy": True, "gap": True})

    def channel(self) -> Any:
        if ADMIN_URL:
            return self.server.client.mongo_dlock_notif[self.server.db]
        return self.server.client[self.server.db].mongo_dlock_notif

    def end(self, watch: subprocess.Popen[str]) -> None:
        watch.terminate()
        self.assertEqual(watch.communicate(timeout=PATIENCE), ("", ""))
        self.assertEqual(watch.returncode, -signal.SIGTERM)

    def test_all(self) -> None:
        watch = self.watch()
        self.run_job("job", "other")
        lines = [watch.stdout.readline() for _ in range(4)]
        for line in lines:
            self.assertRegex(line, LINE)
        parts = [line.split() for line in lines]
        self.assertEqual([part[1:3] for part in parts],
                         [["locked", "job"], ["unlocked", "job"], ["locked", "other"], ["unlocked", "other"]])
        self.assertEqual([part[4] for part in parts[0::2]], [part[4] for part in parts[1::2]])
        self.assertEqual({part[-1] for part in parts}, {"true"})
        self.end(watch)

    def test_one(self) -> None:
        watch = self.watch("job")
        self.run_job("other", "job")
        self.assertEqual(self.events(watch, 2), [("locked", "job"), ("unlocked", "job")])
        self.end(watch)

    def test_several(self) -> None:
        watch = self.watch("b", "a", "b")
        self.run_job("a", "other", "b")
        self.assertEqual(self.events(watch, 4), [("locked", "a"), ("unlocked", "a"), ("locked", "b"), ("unlocked", "b")])
        self.end(watch)

    def test_as_it_happens(self) -> None:
        watch = self.watch(self.lock)
        with self.holder():
            self.assertEqual(self.events(watch, 1), [("locked", self.lock)])
        self.assertEqual(self.events(watch, 1), [("unlocked", self.lock)])
        self.end(watch)

    def test_json(self) -> None:
        watch = self.watch("job", "--json")
        self.run_job("job")
        events = [json.loads(watch.stdout.readline()) for _ in range(2)]
        self.assertEqual([list(event) for event in events], [["at", "event", "id", "token", "who"]] * 2)
        self.assertEqual([event["event"] for event in events], ["locked", "unlocked"])
        self.assertEqual(events[0]["token"], events[1]["token"])
        self.assertRegex(events[0]["who"], r".+:\d+ true")
        self.end(watch)

    def test_odd_ids(self) -> None:
        plain, parsed = self.watch(), self.watch("--json")
        for lock in ODD_IDS:
            self.run_job(lock)
            for _ in range(2):
                self.assertEqual(json.loads(parsed.stdout.readline())["id"], lock)
                line = plain.stdout.readline()
                self.assertRegex(line, LINE)
                self.assertNotRegex(line[:-1], "[\x00-\x1f\x7f-\x9f\u202e]")
        self.end(plain)
        self.end(parsed)

    def test_a_gap(self) -> None:
        plain, parsed = self.watch("a", "b"), self.watch("--json", "a")
        self.announce_gap()
        self.assertRegex(plain.stdout.readline(), r"\A[-0-9T:.]+Z  gap       events may have been missed\n\Z")
        event = json.loads(parsed.stdout.readline())
        self.assertEqual((event["event"], event["id"], event["token"], event["who"]), ("gap", None, None, None))
        self.run_job("a")
        self.assertEqual(self.events(plain, 2), [("locked", "a"), ("unlocked", "a")])
        self.end(plain)

    def test_events_of_mongo_dlock(self) -> None:
        if FAKE:
            self.skipTest("needs a channel")
        plain, parsed = self.watch(), self.watch("--json")
        self.channel().insert_one({"event": "job", "message": {"id": "job", "locked": True}})
        self.assertRegex(plain.stdout.readline(), r"Z  locked    job  a mongo-dlock \(node\) client\n\Z")
        event = json.loads(parsed.stdout.readline())
        self.assertEqual((event["event"], event["id"], event["token"], event["who"]), ("locked", "job", None, None))

    def test_silent_without_verbose(self) -> None:
        watch = self.start(verb="watch")
        wait_for(lambda: self.run_job("job") or self.has_output(watch), "an event")
        watch.send_signal(signal.SIGINT)
        self.assertEqual(watch.communicate(timeout=PATIENCE)[1], "")

    @staticmethod
    def has_output(process: subprocess.Popen[str]) -> bool:
        import select
        return bool(select.select([process.stdout], [], [], 0.1)[0])

    # --- its end ----------------------------------------------------------------------------------------------------

    def test_signals(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
            watch = self.watch()
            began = time.monotonic()
            watch.send_signal(number)
            self.assertEqual(watch.communicate(timeout=PATIENCE), ("", ""))
            self.assertEqual(watch.returncode, -number)
            self.assertLess(time.monotonic() - began, 1)

    def test_a_signal_while_it_connects(self) -> None:
        self.server.break_off()
        for number in (signal.SIGINT, signal.SIGTERM):
            watch = self.start(verb="watch")
            time.sleep(0.5)
            began = time.monotonic()
            watch.send_signal(number)
            self.assertEqual(watch.communicate(timeout=PATIENCE), ("", ""))
            self.assertEqual(watch.returncode, -number)
            self.assertLess(time.monotonic() - began, 1)

    def check_unread(self, watch: subprocess.Popen[str]) -> None:
        began = time.monotonic()
        watch.stdout.close()
        self.assertEqual(watch.wait(PATIENCE), 0)
        self.assertLess(time.monotonic() - began, 1)
        self.assertEqual(watch.stderr.read(), "")

    def test_nobody_reads_it_and_nothing_happens(self) -> None:
        self.check_unread(self.watch())

    def test_nobody_reads_it_while_it_connects(self) -> None:
        self.server.break_off()
        watch = self.start(verb="watch")
        time.sleep(0.5)
        self.check_unread(watch)

    def test_a_reader_that_has_had_enough(self) -> None:
        head = subprocess.Popen(["head", "-n", "1"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.addCleanup(self._end, head)
        watch = self.watch(stdout=head.stdin)
        head.stdin.close()
        head.stdin = None
        self.run_job("job")
        self.assertRegex(head.communicate(timeout=PATIENCE)[0], LINE)
        self.assertEqual(watch.wait(PATIENCE), 0)
        self.assertEqual(watch.stderr.read(), "")

    def test_a_closed_stdout(self) -> None:
        result = self.run_to_end(verb="watch", through=("sh", "-c", 'exec "$@" >&-', "sh"))
        self.assertEqual((result.returncode, result.stderr), (0, ""))

    def test_a_full_disk(self) -> None:
        with open("/dev/full", "w") as full:
            watch = self.watch(stdout=full)
        self.run_job("job")
        self.assertEqual(watch.wait(PATIENCE), 125)
        self.assertEqual(watch.stderr.read(), "dlock: cannot write to standard output: No space left on device\n")

    # --- trouble ----------------------------------------------------------------------------------------------------

    def test_an_outage_is_said_and_survived(self) -> None:
        watch = self.start(verb="watch")
        wait_for(lambda: self.run_job("job") or self.has_output(watch), "an event")
        self.server.break_off()
        self.assertRegex(watch.stderr.readline(), r"\Adlock: events do not come at the moment: .+; trying again\n\Z")
        self.server.mend()
        self.assertEqual(watch.stderr.readline(), "dlock: events come again\n")
        self.run_job("after")
        while "  after  " not in (line := watch.stdout.readline()):
            self.assertRegex(line, LINE)
        watch.terminate()
        self.assertEqual(watch.communicate(timeout=PATIENCE)[1], "")

    def check_refused(self, *words: str, err: str) -> None:
        result = self.run_to_end(*words, verb="watch", errors="replace")
        self.assertEqual((result.returncode, result.stdout), (125, ""), words)
        self.assertRegex(result.stderr, r"\Adlock: [^\n]*\n\Z", words)
        self.assertRegex(result.stderr, err, words)
        self.assertNotIn("PaSSw0rd", result.stderr)

    def test_no_server(self) -> None:
        self.server.break_off()
        self.check_refused(err="server|contact")

    def test_no_channel(self) -> None:
        if FAKE:
            (self.server.folder / "deaf").touch()
            self.check_refused(err="notification channel within 10 s: .")
        else:
            self.check_refused("--notif_url", "mongodb://127.0.0.1:1/x", err="notification channel within 10 s: .*127.0.0.1:1")

    def test_bad_input(self) -> None:
        for words, expected in ((["--bogus"], "unknown option '--bogus'; see 'dlock watch --help'"), (["job", "-x"], "'-x'"),
                                (["--ttl", "5s"], "'--ttl'"), (["--json=1"], "takes no value"), (["--db"], "needs a value"),
                                ([""], "is empty"), (["a", ""], "is empty"), (["x" * 1001], "1001 bytes"),
                                (["\udcff"], "not valid UTF-8"), (["--url-file", "/no/such/file"], "No such file"),
                                (["--url", "mongodb://me:PaSSw0rd@host"], "--url-file FILE"),
                                (["--url-file", "mongodb://me:PaSSw0rd@host"], "No such file")):
            self.check_refused(*words, err=expected)

    def test_help(self) -> None:
        for words in (["--help"], ["watch", "--help"]):
            result = subprocess.run([DLOCK, *words], capture_output=True, text=True, timeout=PATIENCE, check=True)
            self.assertIn("watch [OPTIONS] [ID...]", result.stdout)


if __name__ == "__main__":
    main()
