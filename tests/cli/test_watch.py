#!/usr/bin/python3
"""dlock watch: what it prints, for people and for programs, and how it ends."""

import json
import re
import signal
import subprocess
import time
from collections.abc import Callable
from typing import Any

from bson import ObjectId
from harness import ADMIN_URL, PATIENCE, OnOwnChannel, has_output, main, read_line, read_rest, wait_for

LINE = r"\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z  (locked  |unlocked)  (.*)  token (\d+)  (.+)\n\Z"
ODD_IDS = ["gr\u00fcn \u9501 \U0001d11e", "it's \"quoted\"", "-n", "\x1b[31mred", "\u202egnp", "\x9b31m", "a:b@c", "a\nb", "a\tb", "a/b",
           "x" * 1000]


class Watch(OnOwnChannel):
    def watch(self, *words: str, **options: Any) -> subprocess.Popen[str]:
        """A dlock watch that hears events."""
        process = self.start("-v", *words, verb="watch", **options)
        while line := read_line(process.stderr):
            if line == "dlock: watching\n":
                return process
        raise AssertionError("it ended before it watched")

    def run_job(self, *locks: str) -> None:
        for lock in locks:
            self.assertEqual(self.run_to_end("--", lock, "true").returncode, 0, lock)

    def events(self, watch: subprocess.Popen[str], lock: str, job: Callable[[], None] | None = None) -> list[str]:
        """The lines on a job with `lock`, one when it is locked and one when it is unlocked. An event is a hint: a process that
        ends tries for a moment to hand over its last ones, on a busy machine in vain; then there is another job. Nobody else
        has jobs."""
        of_jobs: dict[str, list[str]] = {}
        for _ in range(5):
            job() if job else self.run_job(lock)
            while has_output(watch.stdout, 5):
                line = read_line(watch.stdout)
                of_one = of_jobs.setdefault(self.token(line), [])
                of_one.append(line)
                self.assertEqual([*of_jobs], sorted(of_jobs, key=int), "jobs in another order")
                if len(of_one) == 2:
                    return of_one
        raise AssertionError(f"no job was told of in full; what came is {of_jobs}")

    @staticmethod
    def token(line: str) -> str:
        found = re.search(r'token"?:? *(\d+)', line)
        assert found, f"no event: {line!r}"
        return found[1]

    def check_events(self, watch: subprocess.Popen[str], lock: str, job: Callable[[], None] | None = None) -> None:
        lines = self.events(watch, lock, job)
        for line in lines:
            self.assertRegex(line, LINE)
        self.assertEqual([line.split()[1:3] for line in lines], [["locked", lock], ["unlocked", lock]])
        self.assertRegex(lines[0], r"  \S+:\d+ \w+  waited [0-9.]+ s\n\Z")
        self.assertRegex(lines[1], r"  \S+:\d+ \w+  held [0-9.]+ s\n\Z")
        self.assertEqual(lines[0].split()[3:-3], lines[1].split()[3:-3])

    def hears_of(self, watch: subprocess.Popen[str], lock: str) -> bool:
        while has_output(watch.stdout, 1):
            line = read_line(watch.stdout)
            self.assertRegex(line, LINE)
            if f"  {lock}  " in line:
                return True
        return False

    def announce_gap(self) -> None:
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
        for lock in ("job", "other"):
            self.check_events(watch, lock)
        self.end(watch)

    def test_one(self) -> None:
        watch = self.watch("job")
        self.run_job("other")
        self.check_events(watch, "job")
        self.end(watch)

    def test_several(self) -> None:
        watch = self.watch("b", "a", "b")
        self.check_events(watch, "a")
        self.run_job("other")
        self.check_events(watch, "b")
        self.end(watch)

    def test_an_event_comes_at_once(self) -> None:
        watch = self.watch(self.lock)

        def job() -> None:
            with self.holder():
                self.assertTrue(has_output(watch.stdout, PATIENCE), "nothing while it is held")

        self.check_events(watch, self.lock, job)
        self.end(watch)

    def test_json(self) -> None:
        watch = self.watch("job", "--json")
        events = [json.loads(line) for line in self.events(watch, "job")]
        self.assertEqual([list(event) for event in events],
                         [["at", "event", "id", "token", "who", "waited_ms", "held_ms", "lost"]] * 2)
        self.assertEqual([event["event"] for event in events], ["locked", "unlocked"])
        self.assertEqual([event["id"] for event in events], ["job", "job"])
        self.assertRegex(events[0]["who"], r".+:\d+ true")
        self.assertEqual([event["lost"] for event in events], [None, False])
        self.assertGreaterEqual(events[0]["waited_ms"], 0)
        self.assertGreaterEqual(events[1]["held_ms"], 0)
        self.end(watch)

    def test_odd_ids(self) -> None:
        plain, parsed = self.watch(), self.watch("--json")
        for lock in ODD_IDS:
            lines = self.events(plain, lock)
            for line in lines:
                self.assertRegex(line, LINE)
                self.assertNotRegex(line[:-1], "[\x00-\x1f\x7f-\x9f\u202e]")
            wanted = self.token(lines[0])
            while self.token(line := read_line(parsed.stdout)) != wanted:
                pass
            for line in (line, read_line(parsed.stdout)):
                self.assertEqual((json.loads(line)["id"], self.token(line)), (lock, wanted))
        self.end(plain)
        self.end(parsed)

    def test_a_gap(self) -> None:
        plain, parsed = self.watch("a", "b"), self.watch("--json", "a")
        self.announce_gap()
        self.assertRegex(read_line(plain.stdout), r"\A[-0-9T:.]+Z  gap       events may have been missed\n\Z")
        event = json.loads(read_line(parsed.stdout))
        self.assertEqual((event["event"], event["id"], event["token"], event["who"]), ("gap", None, None, None))
        self.check_events(plain, "a")
        self.end(plain)

    def test_events_of_mongo_dlock(self) -> None:
        plain, parsed = self.watch(), self.watch("--json")
        self.channel().insert_one({"event": "job", "message": {"id": "job", "locked": True}})
        self.assertRegex(read_line(plain.stdout), r"Z  locked    job  a mongo-dlock \(node\) client\n\Z")
        event = json.loads(read_line(parsed.stdout))
        self.assertEqual((event["event"], event["id"], event["token"], event["who"]), ("locked", "job", None, None))

    def test_an_event_from_the_future_hides_no_later_ones(self) -> None:
        def insert(number: int) -> None:
            self.channel().insert_one({"_id": ObjectId(f"ffffffff{number:016x}"), "event": "odd",
                                       "message": {"id": "odd", "locked": True, "token": 7, "who": "somebody"}})
            for each in watches:
                wait_for(lambda each=each: self.hears_of(each, "odd"), "the event from the future")

        watches = [self.watch()]
        insert(1)
        self.check_events(watches[0], "a")
        insert(2)
        watches.append(self.watch())  # begins behind it
        wait_for(lambda: self.run_job("b") or self.hears_of(watches[1], "b"), "an event")
        insert(3)
        self.server.break_off()
        for each in watches:
            wait_for(lambda each=each: "events do not come at the moment" in read_line(each.stderr), "an outage")
        self.server.mend()
        for each in watches:
            wait_for(lambda each=each: "events come again" in read_line(each.stderr), "its end")
            wait_for(lambda each=each: self.run_job("c") or self.hears_of(each, "c"), "an event")

    def test_silent_without_verbose(self) -> None:
        watch = self.start(verb="watch")
        wait_for(lambda: self.run_job("job") or has_output(watch.stdout, 0.1), "an event")
        watch.send_signal(signal.SIGINT)
        self.assertEqual(watch.communicate(timeout=PATIENCE)[1], "")

    # --- its end ----------------------------------------------------------------------------------------------------

    def test_signals(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
            watch = self.watch()
            began = time.monotonic()
            watch.send_signal(number)
            self.assertEqual(watch.communicate(timeout=PATIENCE), ("", ""))
            self.assertEqual(watch.returncode, -number)
            self.assertLess(time.monotonic() - began, 10)

    def test_a_signal_while_it_connects(self) -> None:
        self.server.break_off()
        for number in (signal.SIGINT, signal.SIGTERM):
            watch = self.start(verb="watch")
            time.sleep(0.5)
            began = time.monotonic()
            watch.send_signal(number)
            self.assertEqual(watch.communicate(timeout=PATIENCE), ("", ""))
            self.assertEqual(watch.returncode, -number)
            self.assertLess(time.monotonic() - began, 8)  # by itself it gives up after 10

    def check_unread(self, watch: subprocess.Popen[str]) -> None:
        began = time.monotonic()
        watch.stdout.close()
        self.assertEqual(watch.wait(PATIENCE), 0)
        self.assertLess(time.monotonic() - began, 8)  # while it connects, it gives up after 10
        self.assertEqual(read_rest(watch.stderr), [])

    def test_its_reader_goes_away_while_nothing_happens(self) -> None:
        self.check_unread(self.watch())

    def test_its_reader_goes_away_while_it_connects(self) -> None:
        self.server.break_off()
        watch = self.start(verb="watch")
        time.sleep(0.5)
        self.check_unread(watch)

    def test_its_reader_goes_away_after_one_line(self) -> None:
        head = self.mortal("head", "-n", "1", stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        watch = self.watch(stdout=head.stdin)
        head.stdin.close()
        head.stdin = None
        wait_for(lambda: self.run_job("job") or has_output(head.stdout, 1), "a line")
        self.assertRegex(head.communicate(timeout=PATIENCE)[0], LINE)
        self.assertEqual(watch.wait(PATIENCE), 0)
        self.assertEqual(read_rest(watch.stderr), [])

    def test_a_closed_stdout(self) -> None:
        result = self.run_to_end(verb="watch", through=("sh", "-c", 'exec "$@" >&-', "sh"))
        self.assertEqual((result.returncode, result.stderr), (0, ""))

    def test_a_full_disk(self) -> None:
        with open("/dev/full", "w") as full:
            watch = self.watch(stdout=full)
        wait_for(lambda: self.run_job("job") or watch.poll() is not None, "it to end")
        self.assertEqual(watch.returncode, 125)
        self.assertEqual(read_rest(watch.stderr), ["dlock: cannot write to standard output: No space left on device\n"])

    # --- trouble ----------------------------------------------------------------------------------------------------

    def test_an_outage_is_said_and_survived(self) -> None:
        watch = self.start(verb="watch")
        wait_for(lambda: self.run_job("job") or has_output(watch.stdout, 0.1), "an event")
        self.server.break_off()
        self.assertRegex(read_line(watch.stderr), r"\Adlock: events do not come at the moment: .+; trying again\n\Z")
        self.server.mend()
        self.assertEqual(read_line(watch.stderr), "dlock: events come again\n")
        wait_for(lambda: self.run_job("after") or self.hears_of(watch, "after"), "an event")
        watch.terminate()
        self.assertEqual(watch.communicate(timeout=PATIENCE)[1], "")

    def test_no_channel(self) -> None:
        result = self.run_to_end("--connect-timeout", "3", "--notif_url", "mongodb://127.0.0.1:1/x", verb="watch")
        self.assertEqual((result.returncode, result.stdout), (125, ""))
        self.assertRegex(result.stderr, r"\Adlock: [^\n]*notification channel within 3 s: [^\n]*127.0.0.1:1[^\n]*\n\Z")


if __name__ == "__main__":
    main()
