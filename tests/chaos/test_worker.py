#!/usr/bin/python3
"""chaos-worker and chaos-resource: their histories say all that happened, and nothing else."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import unittest
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))

from evidence import named, scratch_folder  # noqa: E402

WORKER = os.environ["DLOCK_WORKER"]
RESOURCE = os.environ["DLOCK_RESOURCE"]
CHECK = Path(WORKER).with_name("chaos-check")
LOCKS = "m0,m1,r0,s0:3,e0"

Event = dict[str, Any]


def environment(**more: str) -> dict[str, str]:
    without = {k: v for k, v in os.environ.items() if k != "DLOCK_KILL_AT"}
    return without | more


class Run(unittest.TestCase):
    """Processes with a folder for their histories, and for what they say on stderr."""

    def setUp(self) -> None:
        self.folder = self.enterContext(scratch_folder("dlock-worker-"))
        self.started = 0
        self.logs: dict[int, Path] = {}  # by process

    def start(self, *command: str, **more: str) -> subprocess.Popen[str]:
        self.started += 1
        with (self.folder / f"{self.started}.log").open("w") as log:
            log.write(f"{' '.join(command)}\n")
            log.flush()
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
                                       env=environment(**more))
        self.logs[process.pid] = Path(log.name)
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        return process

    def start_resource(self, *options: str) -> subprocess.Popen[str]:
        process = self.start(RESOURCE, "--socket", str(self.folder / "socket"), "--history",
                             str(self.folder / "resource.jsonl"), *options)
        assert process.stdout is not None
        self.assertEqual("ready\n", process.stdout.readline(), self.logs[process.pid].read_text())
        return process

    def start_worker(self, name: str, *options: str, locks: str = LOCKS, ttl: int = 2000, **more: str) -> subprocess.Popen[str]:
        return self.start(WORKER, "--url", os.environ["DLOCK_TEST_URL"], "--name", name, "--resource",
                          str(self.folder / "socket"), "--history", str(self.folder / f"{name}.jsonl"), "--locks", locks,
                          "--ttl", str(ttl), "--wait-period", "500", *options, **more)

    def end(self, process: subprocess.Popen[str], seconds: float = 30) -> None:
        """By closing its stdin; it must end well."""
        process.communicate(timeout=seconds)
        self.assert_ended(process)

    def assert_ended(self, process: subprocess.Popen[str], status: int = 0, seconds: float = 60) -> None:
        """With this status, within that time."""
        log = self.logs[process.pid]
        self.assertEqual(status, process.wait(seconds), f"{named(log)}:\n{log.read_text()}")

    def text_of(self, name: str) -> str:
        path = self.folder / f"{name}.jsonl"
        return path.read_text() if path.exists() else ""

    def events_of(self, name: str) -> list[Event]:
        text = self.text_of(name)
        self.assertTrue(text.endswith("\n"), f"{name}: the last line is torn")
        return [json.loads(line) for line in text.splitlines()]

    def eventually(self, condition, what: str, seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            self.assertLess(time.monotonic(), deadline, f"waited {seconds:g} s for {what}")
            time.sleep(0.02)


class History(Run):
    def test_a_run_is_well_formed_and_complete(self) -> None:
        """chaos-check finds nothing wrong with it, and it has everything that a worker can do."""
        resource = self.start_resource()
        workers = {name: self.start_worker(name, "--seed", str(seed), "--hold-ms", "1,30", "--threads", "6", "--try-percent", "20",
                                           "--all-percent", "20", ttl=5000) for seed, name in enumerate(["w1.1", "w2.1", "w3.1"])}
        for name in workers:
            self.eventually(lambda name=name: self.text_of(name).count("\n") > 300, f"events of {name}")
        workers["w1.1"].send_signal(signal.SIGUSR1)
        self.eventually(lambda: '"e":"child"' in self.text_of("w1.1"), "the child")
        killed = time.monotonic_ns()
        workers["w3.1"].kill()
        workers["w2.1"].send_signal(signal.SIGTERM)
        self.assert_ended(workers["w2.1"])
        self.end(workers["w1.1"])
        healed = time.monotonic_ns()
        final = self.start_worker("f.1", "--final")
        said, _ = final.communicate(timeout=60)
        self.assert_ended(final)
        resource.terminate()
        self.assert_ended(resource, seconds=10)

        histories = {name: self.events_of(name) for name in [*workers, "f.1", "resource"]}
        for name, events in histories.items():
            self.assertEqual({name}, {event["p"] for event in events})
        lines = [json.loads(line) for line in said.splitlines()]
        self.assertEqual([lock.partition(":")[0] for lock in LOCKS.split(",")], [line["lock"] for line in lines])
        harness = [{"t": killed, "e": "killed", "who": "w3.1"}, {"t": healed, "e": "healed"},
                   *({"t": time.monotonic_ns(), "e": "final", **line} for line in lines)]
        self.assert_well_formed([*harness, {"t": healed, "e": "start", "config": {"wait_period_ms": 500}}])
        for name in ["w1.1", "w2.1", "f.1"]:
            self.assert_released(histories[name])
        self.assert_variety([event for events in histories.values() for event in events])

    def assert_well_formed(self, harness: list[Event]) -> None:
        folder = self.folder / "run" / "history"
        folder.mkdir(parents=True)
        for file in self.folder.glob("*.jsonl"):
            shutil.copy(file, folder)
        (folder / "harness.jsonl").write_text("".join(json.dumps({"p": "harness"} | event) + "\n" for event in harness))
        done = subprocess.run([CHECK, folder.parent], capture_output=True, text=True)
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)

    def assert_released(self, events: list[Event]) -> None:
        """What was acquired was released, and `held` says only what has changed."""
        grants = {one["id"]: one["until"] for event in events if event.get("what") == "acquired" for one in event.get("got", [event])}
        released = [one for event in events if event.get("op") == "release" for one in event.get("ids", [event.get("id")])]
        self.assertEqual(sorted(grants), sorted(released))
        for event in sorted((event for event in events if event["e"] == "held"), key=lambda event: event["t"]):
            self.assertGreater(event["until"], grants[event["id"]])
            grants[event["id"]] = event["until"]

    def assert_variety(self, events: list[Event]) -> None:
        calls = [event for event in events if event["e"] == "call"]
        self.assertEqual({"acquire", "try", "acquire_all", "release", "downgrade", "proclaim"}, {event["op"] for event in calls})
        self.assertEqual({"mutex", "shared", "semaphore", "election"}, {event["kind"] for event in calls if "kind" in event})
        self.assertEqual({"x", "s"}, {event["mode"] for event in calls if event.get("kind") == "shared" and event["op"] == "acquire"})
        self.assertLessEqual({"acquired", "busy", "timed_out", "released", "downgraded"},
                             {event["what"] for event in events if event["e"] == "return"})
        self.assertLessEqual({"queued", "held", "get", "put", "see", "enter", "leave", "forked", "child"}, {event["e"] for event in events})

    def test_what_is_lost_is_said_and_not_written(self) -> None:
        """A worker that sleeps through its lease neither writes nor is silent about it; with --stale it writes."""
        for stale in (False, True):
            with self.subTest(stale=stale):
                name = "stale.1" if stale else "w.1"
                resource = self.start_resource("--unfenced")
                options = ["--stale"] if stale else []
                worker = self.start_worker(name, "--threads", "4", "--all-percent", "0", "--hold-ms", "1000,1000", *options, locks="m7")
                grants = 0
                for _ in range(2):  # the second one by one that waited; from then on it is held for a second
                    self.eventually(lambda name=name, n=grants: self.text_of(name).count('"acquired"') > n, "a lock")
                    grants = self.text_of(name).count('"acquired"')
                worker.send_signal(signal.SIGSTOP)
                time.sleep(3)
                worker.send_signal(signal.SIGCONT)
                self.eventually(lambda name=name: '"e":"lost"' in self.text_of(name), "the loss")
                self.end(worker)
                resource.terminate()
                resource.wait(10)
                lost = {e["id"] for e in self.events_of(name) if e["e"] == "lost"}
                put = {e["id"] for e in self.events_of("resource") if e["e"] == "put"}
                self.assertEqual(1, len(lost))
                self.assertEqual(stale, lost <= put)


class TestPoints(Run):
    def test_each_test_point_kills_the_worker_there(self) -> None:
        self.start_resource()
        for point in ("before-send", "after-send", "committed", "heir", "acquired", "releasing"):
            with self.subTest(point):
                worker = self.start_worker(f"{point}.1", "--threads", "4", "--hold-ms", "1,30", DLOCK_KILL_AT=f"{point}:3")
                self.assert_ended(worker, -signal.SIGKILL)
                events = self.events_of(f"{point}.1")
                releases = [e for e in events if e["e"] == "call" and e["op"] == "release"]
                if point == "releasing":
                    self.assertGreaterEqual(len(releases), 3)


class Environment(unittest.TestCase):
    def ask(self, **more: str) -> subprocess.CompletedProcess[str]:
        """With a lock that makes no sense, so that it says so at the latest."""
        return subprocess.run([WORKER, "--url", "mongodb://localhost", "--name", "w1.1", "--resource", "/", "--history",
                               "/dev/null", "--locks", "?"], env=environment(**more), capture_output=True, text=True)

    def test_test_points(self) -> None:
        for text in ("heir", "heir:1", "before-send:1000"):
            self.assertIn("--locks", self.ask(DLOCK_KILL_AT=text).stderr)
        for text in ("nowhere", "heir:", "heir:0", "heir:x", "heir:1x", "heir:-1"):
            self.assertIn(f"DLOCK_KILL_AT: '{text}'", self.ask(DLOCK_KILL_AT=text).stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
