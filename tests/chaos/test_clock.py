#!/usr/bin/python3
"""The preloaded clock bites: on mongod and on clients, in the midst of their lives, and on no other clock than the wall's."""

import datetime
import json
import os
import select
import subprocess
import sys
import time
import unittest
from pathlib import Path

import pymongo

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "chaos" / "harness")]

import mongod  # noqa: E402
from evidence import scratch_folder  # noqa: E402
from proxied_set import ProxiedSet, clock_environment, write_clock  # noqa: E402

BIN = Path(os.environ.get("DLOCK_CHAOS_BIN", ROOT / "build" / "bin")).absolute()
DAY = 86_400
NS = 1_000_000_000

# prints its clocks for each line that it reads; waits of the wall clock's kind are C's, so that one goes through ctypes
CLIENT = """import ctypes, json, sys, time
libc = ctypes.CDLL(None)
class timespec(ctypes.Structure):
    _fields_ = [("s", ctypes.c_long), ("ns", ctypes.c_long)]
for line in sys.stdin:
    timeval = timespec()
    libc.gettimeofday(ctypes.byref(timeval), None)
    clocks = {"time": libc.time(None), "gettimeofday": timeval.s, "microseconds": timeval.ns, "realtime": time.clock_gettime(time.CLOCK_REALTIME),
              "coarse": time.clock_gettime(5), "monotonic": time.clock_gettime(time.CLOCK_MONOTONIC),
              "boottime": time.clock_gettime(time.CLOCK_BOOTTIME)}
    mutex, condition = ctypes.create_string_buffer(64), ctypes.create_string_buffer(64)
    libc.pthread_mutex_lock(mutex)
    until = timespec(int(clocks["realtime"]) + 1, 0)
    began = time.monotonic()
    libc.pthread_cond_timedwait(condition, mutex, ctypes.byref(until))
    clocks["waited"] = time.monotonic() - began
    print(json.dumps(clocks), flush=True)
"""
WALL = ("time", "gettimeofday", "realtime", "coarse")


class Clock(unittest.TestCase):
    def setUp(self) -> None:
        self.file = self.enterContext(scratch_folder()) / "clock"

    def client(self) -> subprocess.Popen:
        process = subprocess.Popen([sys.executable, "-c", CLIENT], env=os.environ | clock_environment(BIN, self.file),
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.addCleanup(process.communicate)
        return process

    def ask(self, process: subprocess.Popen) -> dict:
        process.stdin.write("\n")
        process.stdin.flush()
        return json.loads(process.stdout.readline())

    def test_it_shifts_the_clock_of_a_client(self) -> None:
        write_clock(self.file, 0)
        client = self.client()
        for shift in (0, DAY, -DAY, 5, 0):
            with self.subTest(shift):
                write_clock(self.file, shift * NS)
                clocks = self.ask(client)
                for name in WALL:
                    self.assertAlmostEqual(time.time() + shift, clocks[name], delta=4.5, msg=name)
                self.assertAlmostEqual(time.clock_gettime(time.CLOCK_MONOTONIC), clocks["monotonic"], delta=4.5)
                self.assertAlmostEqual(time.clock_gettime(time.CLOCK_BOOTTIME), clocks["boottime"], delta=4.5)
                self.assertLess(clocks["waited"], 4.5)

    def test_parts_of_a_second(self) -> None:
        write_clock(self.file, -NS // 2)
        client = self.client()

        def error() -> float:
            clocks = self.ask(client)
            return clocks["realtime"] - clocks["monotonic"] - (time.time() - time.monotonic() - 0.5)

        # Clocks are read one after the other, on a busy machine with pauses between.
        errors = [error()]
        while min(map(abs, errors)) >= 0.05 and len(errors) < 20:
            errors.append(error())
        self.assertLess(min(map(abs, errors)), 0.05, errors)
        for shift in (1 - NS, NS - 1):  # whatever the time is, a second is borrowed or carried
            write_clock(self.file, shift)
            microseconds = self.ask(client)["microseconds"]
            self.assertTrue(0 <= microseconds < 1_000_000, microseconds)

    def test_without_a_file_nothing_is_shifted(self) -> None:
        self.file.unlink(missing_ok=True)
        self.assertAlmostEqual(time.time(), self.ask(self.client())["realtime"], delta=30)

    def test_it_shifts_the_clock_of_a_mongod(self) -> None:
        if mongod.find() is None:
            sys.exit(77)
        with ProxiedSet(nodes=1, bin=BIN) as rs, rs.connect(0) as client:
            def local_time() -> datetime.datetime:
                return client.admin.command("hello")["localTime"]

            for shift in (DAY, -DAY, 0):
                with self.subTest(shift):
                    rs.set_clock(0, shift * NS)
                    ahead = (local_time() - datetime.datetime.utcnow()).total_seconds()
                    self.assertAlmostEqual(shift, ahead, delta=30)
                    began = time.monotonic()
                    # It goes on working; but not the thread that writes the journal, if it sleeps by the clock that jumped.
                    client.test.get_collection("things", write_concern=pymongo.WriteConcern(w=1, j=False)).insert_one({})
                    client.admin.command("ping")
                    self.assertLess(time.monotonic() - began, 60)

    def test_a_listener_goes_on_when_the_servers_clock_is_set_back(self) -> None:
        """The server makes the ids of events by its clock; who listens has asked for what is not too old by an earlier one."""
        if mongod.find() is None:
            sys.exit(77)
        with ProxiedSet(nodes=1, bin=BIN) as rs, rs.connect(0) as client:
            url = f"mongodb://127.0.0.1:{rs.members[0].listens_on}/?directConnection=true"
            watch = subprocess.Popen([BIN / "dlock", "watch", "-v", "--json", "--url", url], stdout=subprocess.PIPE,
                                     stderr=subprocess.PIPE, text=True)
            self.addCleanup(watch.communicate)
            self.addCleanup(watch.terminate)
            while watch.stderr.readline() != "dlock: watching\n":
                self.assertIsNone(watch.poll())
            for number, shift in enumerate((0, -3600, -DAY, 0)):
                rs.set_clock(0, shift * NS)
                name = f"e{number}"
                message = {"id": name, "locked": True, "token": 7, "who": "x"}
                # Without an _id, which the driver would make.
                client.mongo_dlock_notif.command("insert", "mongo_dlock_notif", documents=[{"event": name, "message": message}])
                ready, _, _ = select.select([watch.stdout], [], [], 60)
                self.assertTrue(ready, f"deaf at {shift} s")
                self.assertEqual(json.loads(watch.stdout.readline())["id"], name)


if __name__ == "__main__":
    unittest.main()
