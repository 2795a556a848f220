#!/usr/bin/python3
"""The preloaded clock bites: on mongod and on clients, in the midst of their lives, and on no other clock than the wall's."""

import datetime
import json
import os
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

import pymongo

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "chaos" / "harness")]

import mongod  # noqa: E402
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
        scratch = tempfile.TemporaryDirectory(prefix="dlock-test-")
        self.addCleanup(scratch.cleanup)
        self.file = Path(scratch.name) / "clock"

    def client(self) -> subprocess.Popen:
        process = subprocess.Popen([sys.executable, "-c", CLIENT], env=os.environ | clock_environment(BIN, self.file),
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.addCleanup(process.communicate)
        return process

    def ask(self, process: subprocess.Popen) -> dict:
        process.stdin.write("\n")
        process.stdin.flush()
        return json.loads(process.stdout.readline())

    def test_bites_on_a_client(self) -> None:
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
        self.assertTrue(any(abs(error()) < 0.05 for _ in range(20)))
        for shift in (1 - NS, NS - 1):  # whatever the time is, a second is borrowed or carried
            write_clock(self.file, shift)
            self.assertTrue(0 <= self.ask(client)["microseconds"] < 1_000_000)

    def test_without_a_file_nothing_is_shifted(self) -> None:
        self.file.unlink(missing_ok=True)
        self.assertAlmostEqual(time.time(), self.ask(self.client())["realtime"], delta=30)

    def test_bites_on_mongod(self) -> None:
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


if __name__ == "__main__":
    unittest.main()
